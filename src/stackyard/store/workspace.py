"""The workspace: segments of blobs, listings of files, facts and decisions, all as Parquet.

Layout under `work/`:

- `ingest/segments/<bucket>-<digest>.parquet`: SEGMENT; digest is over its blob ids in row order.
- `ingest/listings/<bucket>-<digest>.parquet`: LISTING with `source_key`; digest over its source keys.
- `ingest/origins/<same name>.parquet`: ORIGIN_ROWS with `source_key`.
- `ingest/authors/<same name>.parquet`: AUTHORS with `source_key`, of sources whose authors are wanted.
- `ingest/index.parquet`: blob_id, segment, row; sorted by blob_id. Derived from the segments.
- `facts/<detector>/<fingerprint>/<segment>[-<digest of the pairs asked>].parquet`.
- `<stage>/*.parquet`: what a stage decided.

Always holds: a file that has its final name is whole; a listing that is there, with all its blobs
in segments, is done; nothing else needs to be remembered for a crash to be survived.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.detector import Detector, fingerprint
from stackyard.errors import CorruptWorkspace
from stackyard.optout.authors import AUTHORS
from stackyard.record import BLOB_ID, FILES, LISTING, ORIGINS, SEGMENT
from stackyard.store import files

SOURCE_KEY = pa.field("source_key", pa.string(), nullable=False)
SEGMENT_GROUP_BYTES = 4 << 20
"""Contents of one row group: small, so that a shard of one language reads little else; below it
the overhead of a Parquet row group (about 1 kB) would show."""
CACHE_BYTES = 256 << 20
"""Decoded row groups that a reader keeps: several segments' worth of one language."""
ORIGIN_ROWS = pa.schema([*ORIGINS, pa.field("fork_of", pa.string())])
"""ORIGINS, and what is known of an origin but never released: the repository it was forked from."""

INDEX = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("segment", pa.string(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Workspace:
    """The tables of one project, under `<project>/work`."""

    root: Path

    @property
    def segments_folder(self) -> Path:
        return self.root / "ingest" / "segments"

    @property
    def listings_folder(self) -> Path:
        return self.root / "ingest" / "listings"

    @property
    def origins_folder(self) -> Path:
        return self.root / "ingest" / "origins"

    @property
    def authors_folder(self) -> Path:
        return self.root / "ingest" / "authors"

    def segments(self) -> list[str]:
        """Names of all segments, sorted."""
        return sorted(path.stem for path in self.segments_folder.glob("[!.]*.parquet"))

    def write_segment(self, bucket: int, names: Sequence[str], blobs: pa.Table) -> str:
        """Stores blobs (SEGMENT) that came under `names`; returns the segment's name.

        Rows are laid by extension, then name: files of one language lie together, and a shard
        reads few row groups. The order shows nowhere else.
        """
        keys = pa.table(
            {
                "extension": [name.rpartition(".")[2] if "." in name else "" for name in names],
                "name": names,
                "blob_id": blobs["blob_id"],
            }
        )
        order = pc.sort_indices(keys, [(k, "ascending") for k in ("extension", "name", "blob_id")])
        blobs = blobs.take(order)
        digest = hashlib.sha256()
        for chunk in blobs["blob_id"].chunks:
            digest.update(_raw_ids(chunk).tobytes())
        segment = f"{bucket:02x}-{digest.hexdigest()[:32]}"
        with files.replacing(self.segments_folder / f"{segment}.parquet") as temporary:
            _write_groups(blobs, temporary)
        return segment

    def write_listing(
        self,
        bucket: int,
        listing: pa.Table,
        origins: pa.Table,
        authors: pa.Table | None = None,
    ) -> None:
        """Stores what is known of finished sources; the listing is the commit mark."""
        listing = listing.sort_by([(k, "ascending") for k in ("source_key", *FILES.names[:3])])
        origins = origins.sort_by("source_key")
        digest = hashlib.sha256()
        for key in origins["source_key"].to_pylist():
            digest.update(key.encode() + b"\n")
        name = f"{bucket:02x}-{digest.hexdigest()[:32]}.parquet"
        if authors is not None:
            files.write_table(self.authors_folder / name, authors)
        files.write_table(self.origins_folder / name, origins)
        files.write_table(self.listings_folder / name, listing)

    def listing_files(self, bucket: int | None = None) -> list[Path]:
        """The files of listings, of one bucket or all, sorted; origins have files of the same names."""
        pattern = "[!.]*.parquet" if bucket is None else f"{bucket:02x}-*.parquet"
        return sorted(self.listings_folder.glob(pattern))

    def listings(
        self, source_keys: Sequence[str] | None = None, bucket: int | None = None
    ) -> pa.Table:
        """All listings with their `source_key`, or those of the given sources or of one bucket."""
        schema = pa.schema([SOURCE_KEY, *LISTING])
        return _keyed(self.listing_files(bucket), schema, source_keys)

    def origins(self, source_keys: Sequence[str]) -> pa.Table:
        """ORIGIN_ROWS of the given sources, sorted, one row a revision."""
        schema = pa.schema([SOURCE_KEY, *ORIGIN_ROWS])
        paths = sorted(self.origins_folder.glob("[!.]*.parquet"))
        table = _keyed(paths, schema, source_keys)
        table = table.drop_columns(["source_key"])
        return table.sort_by([("repo_name", "ascending"), ("revision_id", "ascending")])

    def authors(self, source_keys: Sequence[str]) -> pa.Table:
        """AUTHORS of the given sources; what a source read twice has said is there twice."""
        schema = pa.schema([SOURCE_KEY, *AUTHORS])
        paths = sorted(self.authors_folder.glob("[!.]*.parquet"))
        return _keyed(paths, schema, source_keys).drop_columns(["source_key"])

    def segment_ids(self, segment: str) -> pa.Table:
        """`blob_id` of one segment, in row order."""
        return files.read_table(self.segments_folder / f"{segment}.parquet", ["blob_id"])

    def read_segment(self, segment: str) -> Iterator[pa.Table]:
        """The row groups of one segment, in order."""
        path = self.segments_folder / f"{segment}.parquet"
        try:
            with pq.ParquetFile(path, memory_map=True) as handle:
                for group in range(handle.num_row_groups):
                    yield handle.read_row_group(group)
        except (OSError, pa.ArrowInvalid) as error:
            raise _unreadable(path, error) from error

    def write_index(self) -> None:
        """Derives the index of blobs from the segments; the least segment name is a blob's home."""
        parts = [INDEX.empty_table()]
        for segment in self.segments():
            ids = self.segment_ids(segment)["blob_id"]
            parts.append(
                pa.table(
                    [
                        ids,
                        pa.repeat(pa.scalar(segment), len(ids)),
                        np.arange(len(ids), dtype=np.int32),
                    ],
                    schema=INDEX,
                )
            )
        table = pa.concat_tables(parts).sort_by(
            [("blob_id", "ascending"), ("segment", "ascending")]
        )
        ids = _raw_ids(table["blob_id"].combine_chunks())
        first = np.ones(len(ids), bool)
        first[1:] = ids[1:] != ids[:-1]
        files.write_table(self.root / "ingest" / "index.parquet", table.filter(pa.array(first)))

    def index(self) -> BlobIndex:
        """Where each blob is."""
        return BlobIndex(files.read_table(self.root / "ingest" / "index.parquet"))

    def facts_folder(self, detector: Detector) -> Path:
        return self.root / "facts" / detector.name / fingerprint(detector)[:32]

    def facts(self, detector: Detector) -> pa.Table:
        """All facts of a detector with its present code and parameters."""
        return pa.concat_tables([detector.schema.empty_table(), *self.facts_by_segment(detector)])

    def facts_by_segment(self, detector: Detector) -> Iterator[pa.Table]:
        """The same, one file after the other: for facts that need not all be held."""
        for path in sorted(self.facts_folder(detector).glob("[!.]*.parquet")):
            yield files.read_table(path)

    def contents(self, cache_bytes: int = CACHE_BYTES) -> ContentReader:
        """A reader of blobs by id."""
        return ContentReader(self, self.index(), cache_bytes)

    def table(self, stage: str, name: str) -> pa.Table:
        """A table that a stage wrote, for example `table("filter", "files")`."""
        return files.read_table(self.root / stage / f"{name}.parquet")


class BlobIndex:
    """Sorted blob ids with the segment and row where each lies."""

    def __init__(self, table: pa.Table) -> None:
        self._ids = _raw_ids(table["blob_id"].combine_chunks())
        self._segments = table["segment"].combine_chunks().dictionary_encode()
        self._rows = table["row"].to_numpy()

    def holds(self, blob_ids: pa.Array) -> np.ndarray:
        """Whether each blob is stored, as booleans."""
        asked = _raw_ids(blob_ids)
        place = np.searchsorted(self._ids, asked)
        place[place == len(self._ids)] = 0
        return self._ids[place] == asked if len(self._ids) else np.zeros(len(asked), bool)

    def locate(self, blob_ids: pa.Array) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Segment names, and for each blob the number of its segment and its row in it.

        Raises:
            CorruptWorkspace: a blob is in no segment.
        """
        held = self.holds(blob_ids)
        if not held.all():
            lost = blob_ids[int(np.argmin(held))].as_py().hex()
            raise CorruptWorkspace(
                f"blob {lost} is in no segment",
                next_step="run `stackyard build` again: ingest repairs it",
            )
        place = np.searchsorted(self._ids, _raw_ids(blob_ids))
        names = self._segments.dictionary.to_pylist()
        return names, self._segments.indices.to_numpy()[place], self._rows[place]


@dataclass
class ContentReader:
    """Reads blobs by id, each row group once as long as requests stay near each other."""

    workspace: Workspace
    index: BlobIndex
    cache_bytes: int = CACHE_BYTES
    _starts: dict[str, np.ndarray] = field(default_factory=dict)
    _cache: OrderedDict[tuple[str, int], pa.Table] = field(default_factory=OrderedDict)
    _cached_bytes: int = 0

    def __call__(self, blob_ids: pa.Array) -> pa.Table:
        """SEGMENT rows for the ids asked, in the order asked.

        Raises:
            CorruptWorkspace: a blob is missing or its segment cannot be read.
        """
        if len(blob_ids) == 0:
            return SEGMENT.empty_table()
        names, segments, rows = self.index.locate(blob_ids)
        order = np.lexsort((rows, segments))
        parts: list[pa.Table] = []
        for number in np.unique(segments):
            wanted = rows[order][segments[order] == number]
            parts.extend(self._read(names[number], wanted))
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return pa.concat_tables(parts).combine_chunks().take(pa.array(back))

    def _read(self, segment: str, rows: np.ndarray) -> Iterator[pa.Table]:
        starts = self._group_starts(segment)
        groups = np.searchsorted(starts, rows, side="right") - 1
        for group in np.unique(groups):
            inside = rows[groups == group] - starts[group]
            yield self._group(segment, int(group)).take(pa.array(inside))

    def _group_starts(self, segment: str) -> np.ndarray:
        if segment not in self._starts:
            path = self.workspace.segments_folder / f"{segment}.parquet"
            try:
                meta = pq.read_metadata(path)
            except (OSError, pa.ArrowInvalid) as error:
                raise _unreadable(path, error) from error
            counts = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
            self._starts[segment] = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        return self._starts[segment]

    def _group(self, segment: str, group: int) -> pa.Table:
        key = (segment, group)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        path = self.workspace.segments_folder / f"{segment}.parquet"
        try:
            with pq.ParquetFile(path, memory_map=True) as handle:
                table = handle.read_row_group(group).combine_chunks()
        except (OSError, pa.ArrowInvalid) as error:
            raise _unreadable(path, error) from error
        self._cache[key] = table
        self._cached_bytes += table.nbytes
        while self._cached_bytes > self.cache_bytes and len(self._cache) > 1:
            _, gone = self._cache.popitem(last=False)
            self._cached_bytes -= gone.nbytes
        return table


def _write_groups(blobs: pa.Table, path: Path) -> None:
    lengths = pc.binary_length(blobs["content"]).to_numpy()
    groups = np.concatenate([[0], np.cumsum(lengths)[:-1]]) // SEGMENT_GROUP_BYTES
    cuts = np.concatenate([np.flatnonzero(np.diff(groups, prepend=-1)), [len(lengths)]])
    with pq.ParquetWriter(
        path, SEGMENT, compression="zstd", compression_level=1, use_dictionary=False, version="2.6"
    ) as writer:
        for start, end in itertools.pairwise(cuts):
            writer.write_table(blobs.slice(start, end - start))


def _raw_ids(ids: pa.Array) -> np.ndarray:
    """Ids as fixed-width bytes (dtype S20), which numpy compares as sort order of bytes."""
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    if len(ids) == 0:
        return np.empty(0, "S20")
    return np.frombuffer(ids.buffers()[1], "S20")[ids.offset : ids.offset + len(ids)]


def _unreadable(path: Path, error: Exception) -> CorruptWorkspace:
    return CorruptWorkspace(
        f"segment {path} cannot be read: {error}",
        next_step="restore it with `dvc checkout`, or remove it and build again",
    )


def _keyed(paths: Sequence[Path], schema: pa.Schema, source_keys: Sequence[str] | None) -> pa.Table:
    parts = [schema.empty_table()]
    wanted = None if source_keys is None else pa.array(source_keys, pa.string())
    for path in paths:
        part = files.read_table(path)
        if wanted is not None:  # before the cast: files of sources that are gone may be older
            part = part.filter(pc.is_in(part["source_key"], value_set=wanted))
        if part.num_rows or wanted is None:
            parts.append(part.cast(schema))
    return pa.concat_tables(parts)
