"""Stage pii: what to redact in each file that is left, and which files are past redaction.

Two files that differed only in what is redacted are one file after it: their released bytes are
compared here, and all but the first leave by `pii/same-after-redaction` (law 5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard import filter as filter_room
from stackyard import pii as room
from stackyard.params import canonical_json
from stackyard.pii import report
from stackyard.pipeline.keys import ensure_redaction_key, redaction_key
from stackyard.pipeline.project import Project
from stackyard.pipeline.tables import by_file, facts_of, write_stage
from stackyard.pipeline.tables import without as files_without
from stackyard.record import BLOB_ID, DECISIONS, FILE_KEY, blob_digest
from stackyard.release.tables import row_of
from stackyard.store import files as store_files
from stackyard.store.workspace import ContentReader

SLICE_BYTES = 64 << 20
"""Contents held at a time while texts are released: a worker's memory beside the reader's cache."""


def units(project: Project) -> list[str]:
    """One unit: spans are small."""
    del project
    return ["whole"]


def run(project: Project, unit: str) -> None:
    """Decides over all representatives."""
    del unit
    params = project.params.pii
    files = project.workspace.table("dedup", "files")
    done = room.decide(files, facts_of(project, room.detectors(params), files), params)
    left = files_without(files, done.decisions)
    twins = _same_after_redaction(project, left, done.spans)
    tables = {
        "files": files_without(left, twins),
        "spans": done.spans,
        "decisions": by_file(pa.concat_tables([done.decisions.cast(DECISIONS), twins])),
    }
    write_stage(project, "pii", tables)
    counts = report.counts(with_languages(project, tables["files"]), tables["spans"])
    folder = project.workspace.root / "pii"
    store_files.write_bytes(folder / "redactions.md", report.markdown(counts).encode())
    store_files.write_bytes(folder / "redactions.svg", report.svg(counts).encode())


def with_languages(project: Project, files: pa.Table) -> pa.Table:
    """`blob_id` and `language` of files that the filter kept."""
    attributes = project.workspace.table("filter", "files")
    rows = attributes.take(row_of(files, attributes, FILE_KEY))
    return rows.select(["blob_id", "language"])


def finish(project: Project) -> None:
    """Nothing is left to do."""
    del project


def secret_of(project: Project) -> bytes | None:
    """The operator's secret, where placeholders are to be consistent."""
    if project.params.pii.placeholder != "consistent":
        return None
    ensure_redaction_key(project.root)
    return redaction_key(project.root)


def released_texts(
    project: Project, read: ContentReader, blob_ids: pa.Array, lengths: pa.Array, spans: pa.Table
) -> Iterator[tuple[int, pa.Array, pa.Array]]:
    """Released texts of blobs in the order asked, in slices of bounded bytes.

    Yields:
        Row of the first blob of the slice, its texts (large_binary, UTF-8), their redactions.
    """
    ends = np.cumsum(np.asarray(lengths, np.int64))
    key = secret_of(project)
    start = 0
    while start < len(blob_ids):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + SLICE_BYTES, side="right")))
        asked = blob_ids.slice(start, stop - start)
        text, _ = filter_room.decode(read(asked)["content"])
        wanted = spans.filter(pc.is_in(spans["blob_id"], value_set=asked))
        yield start, *room.redact(text, asked, wanted, project.params.pii, key)
        start = stop


def without_secrets(project: Project, texts: Sequence[str]) -> list[str]:
    """Licence texts and copyright lines for the attribution, without credentials."""
    column = pa.array([text.encode() for text in texts], pa.large_binary())
    kept = room.without_secrets(column, project.params.pii, secret_of(project))
    return [text.decode() for text in kept.to_pylist()]


def _same_after_redaction(project: Project, files: pa.Table, spans: pa.Table) -> pa.Table:
    """Decisions for files whose released bytes are those of a file before them.

    Only files that redaction or decoding changes need to be read: all others are named by their
    blob id, which is the hash of their released bytes already.
    """
    attributes = project.workspace.table("filter", "files")
    recoded = attributes.filter(pc.not_equal(attributes["src_encoding"], "utf-8"))["blob_id"]
    changed = pa.concat_arrays(
        [spans["blob_id"].combine_chunks(), recoded.combine_chunks()]
    ).unique()
    touched = pc.is_in(files["blob_id"], value_set=changed)
    released = files["blob_id"].to_numpy(zero_copy_only=False).copy()
    rows = np.flatnonzero(touched)
    asked = files.take(pa.array(rows))
    read = project.workspace.contents()
    ids, lengths = asked["blob_id"].combine_chunks(), asked["length_bytes"]
    for start, texts, _ in released_texts(project, read, ids, lengths, spans):
        for offset, text in enumerate(texts):
            released[rows[start + offset]] = blob_digest(text.as_py())
    table = files.select([*FILE_KEY, "blob_id"]).append_column(
        "released", pa.array(released, BLOB_ID)
    )
    return _twins(table)


def _twins(table: pa.Table) -> pa.Table:
    """DECISIONS for all but the first file, in canonical order, of each released content."""
    order = ["released", *FILE_KEY]
    table = table.take(pc.sort_indices(table, [(name, "ascending") for name in order]))
    rows = []
    first: dict[str, object] = {}
    counts = table["released"].value_counts()
    shared = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    for row in table.filter(pc.is_in(table["released"], value_set=shared)).to_pylist():
        if first.get("released") != row["released"]:
            first = row
            continue
        evidence = {"repo_name": first["repo_name"], "path": first["path"]}
        rows.append(
            {
                **{name: row[name] for name in (*FILE_KEY, "blob_id")},
                "stage": "pii",
                "rule": "same-after-redaction",
                "evidence": canonical_json({"same_as": evidence}).decode(),
            }
        )
    return by_file(pa.Table.from_pylist(rows, schema=DECISIONS))
