"""The nouns: identifiers, and the Arrow schemas of the tables that stages hand to each other.

Always holds: tables are sorted by the key that their schema names, so equal inputs give equal
bytes. Identifiers are those of Software Heritage (SWHID 1.2, ISO/IEC 18670).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import UsageError

BLOB_ID = pa.binary(20)
"""sha1_git of a blob, raw: half the size of hex, and what every join is made on."""

FILE_KEY = ("repo_name", "revision_id", "path")
"""The key of a file, and the canonical order of every table of files."""

LISTING = pa.schema(
    [
        pa.field("repo_name", pa.string(), nullable=False),
        pa.field("revision_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("blob_id", BLOB_ID),
        pa.field("length_bytes", pa.int64()),
        pa.field("rule", pa.string()),
        pa.field("evidence", pa.string()),
    ]
)
"""Everything ingest saw in one revision of one origin. `rule` is null for what goes on; else it
names the ingest rule that dropped the entry, `evidence` (JSON) says why, and `blob_id` may be null."""

FILES = pa.schema(
    [
        LISTING.field(name)
        for name in ("repo_name", "revision_id", "path", "blob_id", "length_bytes")
    ]
)
"""Files that are still in: those of all listings that ingest kept, less what earlier stages dropped."""

LICENSE_EVIDENCE = pa.list_(
    pa.struct(
        [
            pa.field("path", pa.string()),
            pa.field("kind", pa.string()),
            pa.field("detector", pa.string()),
            pa.field("expression", pa.string()),
            pa.field("score", pa.float64()),
            pa.field("start_byte", pa.int64()),
            pa.field("end_byte", pa.int64()),
        ]
    )
)
"""What let a file in: the path (in the same revision) that said so, as what kind of evidence
(`license-file`, `spdx-tag`, `header`, `part` of a file, `metadata`, `readme`, `listed` text of a folder for
licences), by which detector, with which SPDX
expression, score 0..1 and matched range."""

ATTRIBUTES = pa.schema(
    [
        *FILES,
        pa.field("edition", pa.string(), nullable=False),
        pa.field("src_encoding", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("extension", pa.string(), nullable=False),
        pa.field("is_vendor", pa.bool_(), nullable=False),
        pa.field("is_generated", pa.bool_(), nullable=False),
        pa.field("license_type", pa.string(), nullable=False),
        pa.field("license_expression", pa.string()),
        pa.field("detected_licenses", pa.list_(pa.string()), nullable=False),
        pa.field("license_evidence", LICENSE_EVIDENCE, nullable=False),
    ]
)
"""Files that the filter kept, with what it knows of them. `edition`: `permissive` or `no_license`;
`license_type`: `permissive` or `no_license`; `extension` without its dot, lower case, may be empty."""

CLUSTERS = pa.schema(
    [
        *FILES,
        pa.field("dedup_cluster", pa.string(), nullable=False),
        pa.field("cluster_size", pa.int64(), nullable=False),
    ]
)
"""Representatives: `dedup_cluster` is the hex blob_id of the representative, `cluster_size` the
number of files (exact copies included) that it stands for, itself included."""

SPANS = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("start_byte", pa.int64(), nullable=False),
        pa.field("end_byte", pa.int64(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
    ]
)
"""What to redact, in bytes of the UTF-8 text; disjoint, sorted by (blob_id, start_byte)."""

SEGMENT = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("content", pa.large_binary(), nullable=False),
    ]
)
"""The bytes of blobs, as the origin has them."""

ORIGINS = pa.schema(
    [
        pa.field("repo_name", pa.string(), nullable=False),
        pa.field("revision_id", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("directory_id", pa.string(), nullable=False),
        pa.field("branch_name", pa.string()),
        pa.field("revision_date", pa.timestamp("s", tz="UTC")),
        pa.field("star_events_count", pa.int64(), nullable=False),
        pa.field("fork_events_count", pa.int64(), nullable=False),
    ]
)
"""One row a revision of an origin; key (repo_name, revision_id). `origin` is the URL or purl as
its source names it. Counts are what sources.yaml says, else 0."""

DECISIONS = pa.schema(
    [
        pa.field("repo_name", pa.string(), nullable=False),
        pa.field("revision_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("blob_id", BLOB_ID),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("evidence", pa.string(), nullable=False),
    ]
)
"""Files that a stage dropped, sorted by FILE_KEY. `evidence` is canonical JSON (an object)."""

BATCH = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("content", pa.large_binary(), nullable=False),
        pa.field("text", pa.large_binary()),
        pa.field("encoding", pa.string()),
    ]
)
"""What a detector reads. `text` is the content decoded to UTF-8 (the same bytes for most files),
null for what is not text. Detectors of blobs get one row a blob and `path` is empty for them."""

_REPO_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*/[A-Za-z0-9._][A-Za-z0-9._+-]*")
_SWHID = re.compile(r"swh:1:(cnt|dir|rev|rel|snp):([0-9a-f]{40})")


@dataclass(frozen=True, order=True)
class RepoName:
    """`owner/repo` as a forge writes it; letter case is kept, comparisons fold it.

    Raises:
        UsageError: the text is not `owner/repo`.
    """

    text: str

    def __post_init__(self) -> None:
        if not _REPO_NAME.fullmatch(self.text) or self.repo in {".", ".."}:
            raise UsageError(
                f"{self.text!r} does not name a repository",
                expected="owner/repo, of letters, digits and . _ + -",
            )

    @property
    def owner(self) -> str:
        return self.text.split("/", 1)[0]

    @property
    def repo(self) -> str:
        return self.text.split("/", 1)[1]

    @property
    def folded(self) -> str:
        return self.text.lower()

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, order=True)
class Swhid:
    """A core SWHID: `swh:1:<kind>:<40 hex>`; `parse` and `str` are exact inverses.

    Raises:
        UsageError: the text is not a core SWHID.
    """

    kind: str
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        match = _SWHID.fullmatch(text)
        if match is None:
            raise UsageError(f"{text!r} is not a SWHID", expected="swh:1:cnt:<40 hex digits>")
        return cls(match[1], bytes.fromhex(match[2]))

    def __str__(self) -> str:
        return f"swh:1:{self.kind}:{self.digest.hex()}"


def blob_digest(content: bytes) -> bytes:
    r"""sha1_git of a blob: SHA-1 over `blob <length>\0` and the bytes (SWHID 1.2, clause 5.2)."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).digest()


def bucket_of(repo_name: str) -> int:
    """Bucket of an owner: the first byte of SHA-256 over its folded name in UTF-8, 0..255."""
    owner = repo_name.split("/", 1)[0].lower()
    return hashlib.sha256(owner.encode()).digest()[0]


def hex_column(blob_ids: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Raw 20-byte ids as lower-case hex strings; null stays null."""
    column = blob_ids.combine_chunks() if isinstance(blob_ids, pa.ChunkedArray) else blob_ids
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], BLOB_ID)
    count = len(column)
    raw = np.frombuffer(column.buffers()[1], dtype=np.uint8) if count else np.empty(0, np.uint8)
    raw = raw[column.offset * 20 : (column.offset + count) * 20]
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    text = np.empty(count * 40, dtype=np.uint8)
    text[0::2] = digits[raw >> 4]
    text[1::2] = digits[raw & 15]
    offsets = np.arange(0, 40 * count + 1, 40, dtype=np.int32)
    plain = pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(text))
    if column.null_count == 0:
        return plain
    return pc.if_else(column.is_valid(), plain, pa.scalar(None, pa.string()))
