"""Shards: the columns that are released, which row goes to which file, and the file's bytes.

In: tables of rows and their texts. Out: a plan, and Parquet files through a sink.
Always holds: a shard's bytes depend on its rows, its schema, the layout parameters and the Parquet
writer's version alone: not on how the rows came, in which chunks, or from which segments (law 2).
A shard's rows have one edition, one language and owners of one range of buckets, sorted by
(repo_name, path) in byte order. docs/naming.md has every column, docs/release-format.md the layout.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.errors import CorruptWorkspace, UsageError
from stackyard.params import canonical_json, digest
from stackyard.record import (
    ATTRIBUTES,
    BLOB_ID,
    CLUSTERS,
    DECISIONS,
    FILE_KEY,
    LICENSE_EVIDENCE,
    ORIGINS,
    bucket_of,
    hex_column,
)
from stackyard.release.names import bucket_range, shard_path
from stackyard.release.params import Params
from stackyard.release.tables import Int64s, one_chunk, row_bytes, row_of, sha256_column

FILE_ORIGINS = pa.list_(
    pa.struct(
        [
            pa.field("repo_name", pa.string()),
            pa.field("revision_id", pa.string()),
            pa.field("path", pa.string()),
        ]
    )
)
"""Every file that offers the same blob and that the filter kept, sorted by (repo_name, revision_id,
path); the row's own file is one of them."""

REDACTIONS = pa.list_(
    pa.struct([pa.field("entity", pa.string()), pa.field("count", pa.int64())]),
)
"""How many spans of each entity were redacted in `content`, sorted by entity."""

SHARD = pa.schema(
    [
        pa.field("blob_id", pa.string(), nullable=False),
        pa.field("directory_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("repo_name", pa.string(), nullable=False),
        pa.field("revision_id", pa.string(), nullable=False),
        pa.field("branch_name", pa.string()),
        pa.field("revision_date", pa.timestamp("us", tz="UTC")),
        pa.field("star_events_count", pa.int64(), nullable=False),
        pa.field("fork_events_count", pa.int64(), nullable=False),
        pa.field("src_encoding", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("is_vendor", pa.bool_(), nullable=False),
        pa.field("is_generated", pa.bool_(), nullable=False),
        pa.field("length_bytes", pa.int64(), nullable=False),
        pa.field("extension", pa.string(), nullable=False),
        pa.field("filename", pa.string(), nullable=False),
        pa.field("license_type", pa.string(), nullable=False),
        pa.field("detected_licenses", pa.list_(pa.string()), nullable=False),
        pa.field("content", pa.string(), nullable=False),
        pa.field("content_sha256", pa.string(), nullable=False),
        pa.field("license_expression", pa.string()),
        pa.field("license_evidence", LICENSE_EVIDENCE, nullable=False),
        pa.field("dedup_cluster", pa.string(), nullable=False),
        pa.field("cluster_size", pa.int64(), nullable=False),
        pa.field("origins", FILE_ORIGINS, nullable=False),
        pa.field("redactions", REDACTIONS, nullable=False),
    ]
)
"""The columns of an edition with contents; the edition `ids` has all but `content`."""

_OF_THE_TEXT = ("content", "content_sha256", "redactions")

ROWS = pa.schema(
    [
        pa.field("edition", pa.string(), nullable=False),
        *(
            pa.field("blob_id", BLOB_ID, nullable=False) if field.name == "blob_id" else field
            for field in SHARD
            if field.name not in _OF_THE_TEXT
        ),
    ]
)
"""Rows to release before their texts are read: SHARD less what the text decides, and `edition`."""

_DICTIONARY = [
    "directory_id",
    "repo_name",
    "revision_id",
    "branch_name",
    "revision_date",
    "star_events_count",
    "fork_events_count",
    "src_encoding",
    "language",
    "extension",
    "filename",
    "license_type",
    "detected_licenses.list.element",
    "license_expression",
    "license_evidence.list.element.path",
    "license_evidence.list.element.kind",
    "license_evidence.list.element.detector",
    "license_evidence.list.element.expression",
    "cluster_size",
    "origins.list.element.repo_name",
    "origins.list.element.revision_id",
    "redactions.list.element.entity",
]
"""Columns that repeat; the others would only pay for a dictionary and drop it."""

_BLOOM = ("blob_id", "content_sha256")
"""Point queries ("is this blob in it?") on columns that no sort order serves."""

_BLOOM_FPP = 0.01
"""1 % false positives cost 10 bits a row; at 0.1 % a filter would grow by half."""

_CHUNKING = {"min_chunk_size": 256 * 1024, "max_chunk_size": 1024 * 1024, "norm_level": 0}
"""Content-defined chunking, bytes: pyarrow's defaults, pinned, since shards are named by content."""


@dataclass(frozen=True, eq=False)
class ShardPlan:
    """One shard to write; `rows` (int64) are the rows of the table planned, in the shard's order."""

    path: str
    edition: str
    language: str
    bucket_range: str
    rows: Int64s


@dataclass(frozen=True)
class Written:
    """A shard as it was written."""

    rows: int
    content_bytes: int
    row_groups: int
    size_bytes: int
    sha256: str


def schema_of(edition: str) -> pa.Schema:
    """The columns of an edition's shards."""
    return SHARD.remove(SHARD.get_field_index("content")) if edition == "ids" else SHARD


def schema_digest() -> str:
    """Hex SHA-256 of canonical JSON of `[[name, type, nullable], ...]`, in the columns' order."""
    return digest([[field.name, str(field.type), field.nullable] for field in SHARD])


def assemble(survivors: pa.Table, attributes: pa.Table, origins: pa.Table) -> pa.Table:
    """ROWS of the files to release, in the order of `survivors`.

    Args:
        survivors: the files to release; has CLUSTERS.
        attributes: all files that the filter kept, copies too; has ATTRIBUTES.
        origins: has ORIGINS, for all survivors.

    Raises:
        CorruptWorkspace: a survivor has no attributes or no origin.
    """
    known = _taken(survivors, attributes.select(ATTRIBUTES.names), FILE_KEY, "attributes")
    origin = _taken(
        survivors, origins.select(ORIGINS.names), ("repo_name", "revision_id"), "an origin"
    )
    columns = {name: known[name] for name in known.column_names}
    columns |= {name: origin[name] for name in ORIGINS.names[3:]}
    columns |= {name: survivors[name] for name in CLUSTERS.names}
    columns["filename"] = pc.replace_substring_regex(survivors["path"], r"^(?s:.*)/", "")
    columns["origins"] = _origins_of(one_chunk(survivors["blob_id"]), attributes)
    return pa.table({name: columns[name] for name in ROWS.names}).cast(ROWS)


def published(rows: pa.Table, params: Params) -> tuple[pa.Table, pa.Table]:
    """The rows of editions that are published, and DECISIONS for the others.

    The rule is `release/edition-not-published`; where `ids` is published, every row is.
    """
    wanted = pa.array(params.editions, pa.string())
    inside = pc.is_in(rows["edition"], value_set=wanted)
    if "ids" in params.editions:
        inside = pa.array(np.ones(len(rows), bool))
    out = rows.filter(pc.invert(inside))
    out = out.take(pc.sort_indices(out, [(name, "ascending") for name in FILE_KEY]))
    evidence = [
        canonical_json({"edition": edition}).decode() for edition in out["edition"].to_pylist()
    ]
    decisions = pa.table(
        {
            **{name: out[name] for name in (*FILE_KEY, "blob_id")},
            "stage": pa.array(["release"] * len(out), pa.string()),
            "rule": pa.array(["edition-not-published"] * len(out), pa.string()),
            "evidence": pa.array(evidence, pa.string()),
        }
    ).cast(DECISIONS)
    return rows.filter(inside), decisions


def plan(rows: pa.Table, params: Params) -> tuple[ShardPlan, ...]:
    """Which row goes to which shard, sorted by path; each row is once in each of its editions.

    `rows` has ROWS; only edition, language and FILE_KEY are read.

    Raises:
        UsageError: two languages of an edition have names that differ in letter case alone.
    """
    keys = rows.select(["edition", "language", *FILE_KEY]).append_column(
        "row", pa.array(np.arange(len(rows)))
    )
    keys = keys.append_column("range", _ranges(rows, params))
    parts = [keys.filter(pc.is_in(keys["edition"], value_set=pa.array(params.editions)))]
    if "ids" in params.editions:
        ids = pa.array(["ids"] * len(keys), pa.string())
        parts.append(keys.set_column(0, "edition", ids))
    every = pa.concat_tables([part.cast(parts[0].schema) for part in parts])
    order = ["edition", "language", "range", "repo_name", "path", "revision_id"]
    every = every.take(pc.sort_indices(every, [(name, "ascending") for name in order]))
    plans = sorted(_split(every), key=lambda shard: shard.path)
    folded: dict[str, str] = {}
    for shard in plans:
        folder = shard.path.rpartition("/")[0]
        other = folded.setdefault(folder.lower(), folder)
        if other != folder:
            raise UsageError(
                f"two languages share a name but for letter case: {other} and {folder}",
                next_step="make the language detector give one name for both",
            )
    return tuple(plans)


def finish(rows: pa.Table, texts: pa.Array, redactions: pa.Array) -> pa.Table:
    """Rows of SHARD.

    Args:
        rows: has ROWS.
        texts: the released text of each row: UTF-8 as a string or binary column.
        redactions: REDACTIONS of each row.

    Raises:
        CorruptWorkspace: a text is missing or is not UTF-8.
    """
    try:
        content = one_chunk(texts).cast(pa.string())
        sums = sha256_column(content)
    except (pa.ArrowInvalid, ValueError) as error:
        raise CorruptWorkspace(
            "a text to release is missing or is not UTF-8", found=str(error)[:80]
        ) from None
    columns = {name: rows[name] for name in ROWS.names if name != "edition"}
    columns["blob_id"] = hex_column(rows["blob_id"])
    columns |= {"content": content, "content_sha256": sums, "redactions": redactions}
    return pa.table({name: columns[name] for name in SHARD.names}).cast(SHARD)


def write(tables: Iterable[pa.Table], sink: IO[bytes], edition: str, params: Params) -> Written:
    """Writes one shard; equal rows give equal bytes, however they are chunked.

    `tables` have the rows in canonical order, of `schema_of(edition)` or of SHARD; `sink` gets the
    bytes in order and stays open.

    Returns:
        What was written; `content_bytes` is 0 for an edition without contents.
    """
    schema = schema_of(edition)
    tee = _Tee(sink)
    writer: pq.ParquetWriter | None = None
    rows = content_bytes = groups = 0
    for group in row_groups((table.select(schema.names) for table in tables), params):
        writer = writer or _writer(tee, schema, params, len(group))
        writer.write_table(group.cast(schema), row_group_size=len(group))
        rows, groups = rows + len(group), groups + 1
        if "content" in schema.names:
            content_bytes += pc.sum(pc.binary_length(group["content"])).as_py() or 0
    (writer or _writer(tee, schema, params, 1)).close()
    return Written(rows, content_bytes, groups, tee.size_bytes, tee.state.hexdigest())


def row_groups(tables: Iterable[pa.Table], params: Params) -> Iterator[pa.Table]:
    """The canonical row groups of a sequence of rows, each a table of one chunk.

    A group ends before the row that would make it exceed `row_group_bytes_max` (by
    `tables.row_bytes`) or `row_group_rows_max`; a larger row is alone.
    """
    pending: list[pa.Table] = []
    held_bytes = held_rows = 0
    for table in tables:
        sizes = row_bytes(table)
        ends = np.cumsum(sizes)
        start = 0
        while start < len(table):
            before = int(ends[start - 1]) if start else 0
            room = params.row_group_bytes_max - held_bytes
            stop = int(np.searchsorted(ends, before + room, side="right"))
            stop = min(stop, start + params.row_group_rows_max - held_rows, len(table))
            if stop <= start and not held_rows:
                stop = start + 1
            if stop > start:
                pending.append(table.slice(start, stop - start))
                held_bytes += int(ends[stop - 1]) - before
                held_rows += stop - start
            if stop < len(table):
                yield pa.concat_tables(pending).combine_chunks()
                pending, held_bytes, held_rows = [], 0, 0
            start = stop
    if held_rows:
        yield pa.concat_tables(pending).combine_chunks()


def _taken(survivors: pa.Table, table: pa.Table, names: tuple[str, ...], what: str) -> pa.Table:
    found = row_of(survivors, table, names)
    if found.null_count:
        key = survivors.select(names).filter(pc.is_null(found)).slice(0, 1).to_pylist()[0]
        raise CorruptWorkspace(
            f"a file to release has no {what.removeprefix('an ')}: {'/'.join(key.values())}",
            next_step="run `stackyard build` again",
        )
    return table.take(found)


def _origins_of(blob_ids: pa.Array, files: pa.Table) -> pa.Array:
    """FILE_ORIGINS of each blob id."""
    order = [(name, "ascending") for name in ("blob_id", *FILE_KEY)]
    files = files.select(["blob_id", *FILE_KEY])
    files = files.take(pc.sort_indices(files, order))
    runs = pc.run_end_encode(one_chunk(files["blob_id"])) if len(files) else None
    ends = np.asarray(runs.run_ends) if runs else np.zeros(0, np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if len(ends) else ends
    groups = pa.table({"blob_id": runs.values if runs else pa.array([], BLOB_ID)})
    group = np.asarray(row_of(pa.table({"blob_id": blob_ids}), groups, ("blob_id",)))
    first, last = starts[group].astype(np.int64), ends[group].astype(np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(last - first)])
    shift = np.repeat(first - offsets[:-1], last - first)
    members = files.take(pa.array(np.arange(offsets[-1]) + shift))
    fields = [one_chunk(members[name]) for name in ("repo_name", "revision_id", "path")]
    values = pa.StructArray.from_arrays(fields, fields=list(FILE_ORIGINS.value_type))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), values)
    return lists.cast(FILE_ORIGINS)


def _ranges(rows: pa.Table, params: Params) -> pa.Array:
    names = one_chunk(rows["repo_name"]).dictionary_encode()
    ranges = [
        bucket_range(bucket_of(name), params.bucket_ranges) for name in names.dictionary.to_pylist()
    ]
    return pa.array(ranges, pa.string()).take(names.indices)


def _split(keys: pa.Table) -> Iterator[ShardPlan]:
    """One plan a run of equal (edition, language, range) in the sorted keys."""
    order = np.asarray(one_chunk(keys["row"]))
    changes = np.zeros(len(keys), bool)
    changes[:1] = True
    for name in ("edition", "language", "range"):
        column = one_chunk(keys[name]).dictionary_encode()
        codes = np.asarray(column.indices)
        changes[1:] |= codes[1:] != codes[:-1]
    starts = np.flatnonzero(changes).tolist()
    for start, stop in itertools.pairwise([*starts, len(keys)]):
        edition, language, buckets = (
            keys[name][start].as_py() for name in ("edition", "language", "range")
        )
        path = shard_path(edition, language, buckets)
        yield ShardPlan(path, edition, language, buckets, order[start:stop])


def _writer(sink: _Tee, schema: pa.Schema, params: Params, first_rows: int) -> pq.ParquetWriter:
    bloom = {
        name: {"ndv": 1 << max(5, (first_rows - 1).bit_length()), "fpp": _BLOOM_FPP}
        for name in _BLOOM
    }
    return pq.ParquetWriter(
        sink,
        schema,
        version="2.6",
        compression="zstd",
        compression_level=params.compression_level,
        use_dictionary=_DICTIONARY,
        write_page_index=True,
        write_page_checksum=True,
        store_schema=True,
        use_content_defined_chunking=_CHUNKING,
        bloom_filter_options=bloom if params.bloom_filters else None,
        sorting_columns=[
            pq.SortingColumn(schema.get_field_index(name)) for name in ("repo_name", "path")
        ],
    )


class _Tee:
    """A sink that hashes and counts what passes, so that no shard is read again for its name."""

    closed = False

    def __init__(self, sink: IO[bytes]) -> None:
        self.sink = sink
        self.state = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        self.sink.write(data)
        self.state.update(data)
        self.size_bytes += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size_bytes

    def flush(self) -> None:
        self.sink.flush()
