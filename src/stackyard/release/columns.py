"""What each released column means: the one text that the card, Croissant and docs/naming.md share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A column's unit (empty if it has none), meaning and where its value comes from."""

    unit: str
    meaning: str
    source: str


COLUMNS: dict[str, Column] = {
    "blob_id": Column("", "sha1_git of the file as its origin has it, hex", "ingest"),
    "directory_id": Column("", "SWHID of the root directory of the revision", "ingest"),
    "path": Column("", "path in the repository, `/` between parts, no leading `/`", "ingest"),
    "repo_name": Column("", "`owner/repo` of the origin that the row is released from", "sources"),
    "revision_id": Column("", "SWHID of the commit, or of the archive's tree", "ingest"),
    "branch_name": Column("", "branch or tag that the revision was read at; may be null", "ingest"),
    "revision_date": Column("UTC, microseconds", "date of the revision; may be null", "ingest"),
    "star_events_count": Column("stars", "stars of the repository; 0 if not known", "sources"),
    "fork_events_count": Column("forks", "forks of the repository; 0 if not known", "sources"),
    "src_encoding": Column("", "character encoding of the file at its origin", "filter"),
    "language": Column("", "language as Linguist names it, by name and content", "filter"),
    "is_vendor": Column("", "whether the path is of vendored code", "filter"),
    "is_generated": Column("", "whether the file was made by a program", "filter"),
    "length_bytes": Column("bytes", "size of the file at its origin, before redaction", "ingest"),
    "extension": Column("", "extension of the name, lower case, without its dot", "filter"),
    "filename": Column("", "last part of the path", "release"),
    "license_type": Column("", "`permissive` or `no_license`", "filter"),
    "detected_licenses": Column("", "SPDX ids in the evidence, sorted", "filter"),
    "content": Column("", "the text in UTF-8, redacted; not in the edition `ids`", "pii"),
    "content_sha256": Column("", "SHA-256 of `content` in UTF-8, hex; unique", "release"),
    "license_expression": Column(
        "", "SPDX expression of the file, the strictest known of it; may be null", "filter"
    ),
    "license_evidence": Column(
        "start_byte, end_byte: bytes; score: 0 to 1",
        "what let the file in: which path said which licence, as what kind of evidence",
        "filter",
    ),
    "dedup_cluster": Column("", "blob_id of the file that stands for its near-copies", "dedup"),
    "cluster_size": Column("files", "files that the row stands for, itself included", "dedup"),
    "origins": Column("", "every file that offers the same bytes, this one included", "ingest"),
    "redactions": Column("spans", "how many spans of each entity were redacted", "pii"),
}
"""By name, in the order of `shards.SHARD`."""
