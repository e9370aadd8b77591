"""Stage pii: what to redact in each file that is left, and which files are past redaction.

Unit: a segment of which redaction or decoding changes a blob. Its texts are redacted and scanned
again, until neither scanner finds anything: what is released is known to be clean before it is written.

Two files that differed only in what is redacted are one file after it: their released bytes are
compared here, and all but the first leave by `pii/same-after-redaction` (law 5).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard import filter as filter_room
from stackyard import pii as room
from stackyard.detector import Detector
from stackyard.errors import VerificationError
from stackyard.params import canonical_json
from stackyard.pii import report
from stackyard.pii.second import SECOND
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.keys import ensure_redaction_key, redaction_key
from stackyard.pipeline.tables import by_file, facts_of, files_after_optout, write_stage
from stackyard.pipeline.tables import without as files_without
from stackyard.record import BLOB_ID, DECISIONS, FILE_KEY, SPANS, blob_digest
from stackyard.release.tables import row_of
from stackyard.store import files as store_files
from stackyard.store.workspace import ContentReader

SLICE_BYTES = 64 << 20
"""Contents held at a time while texts are released: a worker's memory beside the reader's cache."""

ALLOWED = "registry/pii-allow.yaml"
"""Reviewed findings of the second scanner."""

SHOWN_MAX = 20
"""Findings that a message lists; `stackyard pii review` has all."""

TOUCHED = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("length_bytes", pa.int64()),
        pa.field("repo_names", pa.list_(pa.string())),
    ]
)
"""Blobs of a segment whose released bytes are not those of the origin, and who has them."""

SETTLED = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("text_bytes", pa.int64(), nullable=False),
        pa.field("released", BLOB_ID, nullable=False),
        pa.field("is_settled", pa.bool_(), nullable=False),
    ]
)
"""What became of a blob: its text's length, sha1_git of the released text, whether that is clean."""


def units(project: Project) -> list[str]:
    """Segments with blobs that change; what is to be done with each lies in scratch."""
    params = project.params.pii
    shutil.rmtree(_scratch(project), ignore_errors=True)
    files = project.workspace.table("dedup", "files")
    every = files_after_optout(project)
    places = every.select(room.PLACES.names).group_by(room.PLACES.names, use_threads=False)
    places = places.aggregate([]).cast(room.PLACES)
    detectors = {each.name: each for each in room.detectors(params)}
    tokens = detectors.pop("values")
    facts = facts_of(project, list(detectors.values()), every)
    seen = room.see(facts, params, allowed(project))
    sought, known = _known(project, tokens, seen.spans, places)
    done = room.decide(files, seen, params, known)
    tables = {"spans": done.spans, "decisions": done.decisions, "second": done.second}
    for name, table in {**tables, "sought": sought}.items():
        store_files.write_table(_scratch(project) / f"{name}.parquet", table)
    touched = _touched(project, files_without(files, done.decisions), done.spans, places)
    names, segments, _ = project.workspace.index().locate(touched["blob_id"].combine_chunks())
    todo = [names[number] for number in np.unique(segments)]
    for number, name in zip(np.unique(segments), todo, strict=True):
        rows = touched.take(pa.array(np.flatnonzero(segments == number)))
        store_files.write_table(_scratch(project) / "touched" / f"{name}.parquet", rows)
    return todo


def run(project: Project, unit: str) -> None:
    """Settles the texts of one segment; see `pii.settle`."""
    touched = store_files.read_table(_scratch(project) / "touched" / f"{unit}.parquet")
    spans = store_files.read_table(_scratch(project) / "spans.parquet")
    spans = _of_blobs(spans, touched["blob_id"])
    sought = store_files.read_table(_scratch(project) / "sought.parquet")
    look = room.Look(project.params.pii, allowed(project), known=room.Known.of(sought))
    read, key = project.workspace.contents(), secret_of(project)
    out: dict[str, list[pa.Table]] = {
        "spans": [SPANS.empty_table()],
        "settled": [SETTLED.empty_table()],
        "second": [SECOND.empty_table()],
    }
    for start, stop in _slices(touched["length_bytes"]):
        ids = touched["blob_id"].slice(start, stop - start).combine_chunks()
        texts, _ = filter_room.decode(read(ids)["content"])
        repos = touched["repo_names"].slice(start, stop - start).to_pylist()
        done = room.settle(texts, ids, _of_blobs(spans, ids), look, key, repos=repos)
        lengths = pc.binary_length(texts).to_pylist()
        clean = np.ones(len(ids), bool)
        clean[done.unsettled] = False
        released = [blob_digest(text.as_py()) for text in done.texts]
        out["spans"].append(done.spans)
        out["settled"].append(pa.table([ids, lengths, released, clean], schema=SETTLED))
        late = [(ids[row].as_py(), *each, lengths[row]) for row, each in done.second]
        out["second"].append(
            pa.Table.from_pylist(
                [dict(zip(SECOND.names, each, strict=True)) for each in late], schema=SECOND
            )
        )
    for name, parts in out.items():
        store_files.write_table(
            _scratch(project) / name / f"{unit}.parquet", pa.concat_tables(parts)
        )


def finish(project: Project) -> None:
    """Drops what is past redaction, and twins; writes the tables of the stage.

    Raises:
        VerificationError: `pii.second_scanner` is `block`, and it found something.
    """
    files = project.workspace.table("dedup", "files")
    first = store_files.read_table(_scratch(project) / "decisions.parquet").cast(DECISIONS)
    spans = _joined(project, "spans", SPANS)
    settled = _joined(project, "settled", SETTLED)
    second = pa.concat_tables(
        [
            store_files.read_table(_scratch(project) / "second.parquet"),
            _joined(project, "second", SECOND),
        ]
    ).sort_by([(name, "ascending") for name in SECOND.names[:4]])
    left = files_without(files, first)
    late = _past_redaction(project, left, spans, settled, second)
    left = files_without(left, late)
    twins = _same_after_redaction(left, settled)
    left = files_without(left, twins)
    tables = {
        "files": left,
        "spans": _of_blobs(spans, left["blob_id"]),
        "decisions": by_file(pa.concat_tables([first, late, twins])),
        "second": second,
        "sought": store_files.read_table(_scratch(project) / "sought.parquet"),
    }
    write_stage(project, "pii", tables)
    counts = report.counts(with_languages(project, left), tables["spans"])
    folder = project.workspace.root / "pii"
    store_files.write_bytes(folder / "redactions.md", report.markdown(counts).encode())
    store_files.write_bytes(folder / "redactions.svg", report.svg(counts).encode())
    shutil.rmtree(_scratch(project), ignore_errors=True)
    if project.params.pii.second_scanner == "block" and len(second):
        raise _blocked(second)


def _blocked(second: pa.Table) -> VerificationError:
    rows = second.slice(0, SHOWN_MAX).to_pylist()
    shown = [f"{row['rule']}:{row['value_sha256']} in blob {row['blob_id'].hex()}" for row in rows]
    if len(second) > SHOWN_MAX:
        shown.append(f"and {len(second) - SHOWN_MAX} more")
    return VerificationError(
        f"the second scanner found {len(second)} values, and pii.second_scanner is `block`",
        found="\n    ".join(shown),
        next_step="look at each (`stackyard pii review`) and allow it, or set pii.second_scanner to"
        " `redact` or `drop`; then run the same command again",
    )


def allowed(project: Project) -> frozenset[tuple[str, str]]:
    """What registry/pii-allow.yaml lets stand."""
    text = (project.root / ALLOWED).read_text(encoding="utf-8")
    return room.answers(room.load_allow(text, ALLOWED))


def _known(
    project: Project, detector: Detector, spans: pa.Table, places: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """Tokens that were found somewhere (`SOUGHT`), and the spans of all places where they stand."""
    workspace = project.workspace
    proofs = (
        pa.concat_tables(
            room.tokens_in_spans(part, spans) for part in workspace.facts_by_segment(detector)
        )
        if len(spans)
        else pa.table({})
    )
    if not len(proofs):
        return room.SOUGHT.empty_table(), SPANS.empty_table()
    wanted = proofs["token"].combine_chunks().unique()
    standing = pa.concat_tables(
        part.filter(pc.is_in(part["token"], value_set=wanted))
        for part in workspace.facts_by_segment(detector)
    )
    sought = room.sought(proofs, standing, places, project.params.pii.known_owners_max)
    return sought, room.spans_of_known(standing, sought, places)


def known(project: Project) -> room.Known:
    """The values that were found somewhere, as the last run of the stage knew them."""
    return room.Known.of(project.workspace.table("pii", "sought"))


def _touched(project: Project, files: pa.Table, spans: pa.Table, places: pa.Table) -> pa.Table:
    """TOUCHED of the files: blobs with spans, and those that are not UTF-8; each once, sorted."""
    attributes = project.workspace.table("filter", "files")
    recoded = attributes.filter(pc.not_equal(attributes["src_encoding"], "utf-8"))["blob_id"]
    changed = pa.concat_arrays([spans["blob_id"].combine_chunks(), recoded.combine_chunks()])
    mine = files.filter(pc.is_in(files["blob_id"], value_set=changed.unique()))
    sizes = mine.group_by("blob_id", use_threads=False).aggregate([("length_bytes", "max")])
    here = _of_blobs(places, sizes["blob_id"])
    repos = here.group_by("blob_id", use_threads=False).aggregate([("repo_name", "list")])
    order = pc.sort_indices(sizes["blob_id"])
    at = pc.index_in(sizes["blob_id"], value_set=repos["blob_id"].combine_chunks())
    columns = [*sizes.columns, repos["repo_name_list"].take(at)]
    return pa.table(columns, schema=TOUCHED).take(order)


def _joined(project: Project, name: str, schema: pa.Schema) -> pa.Table:
    """What the units wrote under a name, in order of blobs."""
    paths = sorted((_scratch(project) / name).glob("*.parquet"))
    parts = [store_files.read_table(path).cast(schema) for path in paths]
    table = pa.concat_tables([schema.empty_table(), *parts])
    order = [key for key in ("blob_id", "start_byte", "end_byte") if key in schema.names]
    return table.sort_by([(key, "ascending") for key in order])


def _scratch(project: Project) -> Path:
    return project.private / "scratch" / "pii"


def _past_redaction(
    project: Project, files: pa.Table, spans: pa.Table, settled: pa.Table, second: pa.Table
) -> pa.Table:
    """DECISIONS for what only the released text could tell."""
    dropped = room.past_settling(spans, settled, second, project.params.pii)
    return room.decisions_table(files, dropped)


def with_languages(project: Project, files: pa.Table) -> pa.Table:
    """`blob_id` and `language` of files that the filter kept."""
    attributes = project.workspace.table("filter", "files")
    rows = attributes.take(row_of(files, attributes, FILE_KEY))
    return rows.select(["blob_id", "language"])


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
    key = secret_of(project)
    for start, stop in _slices(lengths):
        asked = blob_ids.slice(start, stop - start)
        text, _ = filter_room.decode(read(asked)["content"])
        yield (
            start,
            *room.redact(text, asked, _of_blobs(spans, asked), project.params.pii, key),
        )


def _of_blobs(table: pa.Table, blob_ids: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The rows of these blobs, in their order."""
    wanted = blob_ids.combine_chunks() if isinstance(blob_ids, pa.ChunkedArray) else blob_ids
    return table.filter(pc.is_in(table["blob_id"], value_set=wanted))


def _slices(lengths: pa.Array | pa.ChunkedArray) -> Iterator[tuple[int, int]]:
    """Ranges of rows with at most SLICE_BYTES together, or of one row."""
    ends = np.cumsum(np.asarray(lengths, np.int64))
    start = 0
    while start < len(ends):
        before = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + SLICE_BYTES, side="right")))
        yield start, stop
        start = stop


WITHHELD = "[this text is not passed on: a secret in it could not be taken out]"


def without_secrets(project: Project, texts: Sequence[str]) -> list[str]:
    """Licence texts and copyright lines for the attribution, without credentials."""
    column = pa.array([text.encode() for text in texts], pa.large_binary())
    look = room.Look(project.params.pii, allowed(project), room.PERSONAL, known(project))
    kept, unsettled = room.without_secrets(column, look, secret_of(project))
    gone = set(unsettled)
    return [WITHHELD if row in gone else text.decode() for row, text in enumerate(kept.to_pylist())]


def _same_after_redaction(files: pa.Table, settled: pa.Table) -> pa.Table:
    """Decisions for files whose released bytes are those of a file before them.

    What neither redaction nor decoding changes is named by its blob id, which is the hash of its
    released bytes already.
    """
    row = pc.index_in(files["blob_id"], value_set=settled["blob_id"].combine_chunks())
    changed = settled["released"].take(row).combine_chunks()
    released = pc.if_else(pc.is_valid(row), changed, files["blob_id"])
    table = files.select([*FILE_KEY, "blob_id"]).append_column(
        pa.field("released", BLOB_ID), released
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
