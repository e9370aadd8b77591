"""Dedup on top of what the last build found out: work for what is new, the result of a full build.

In: as of `decide`, and the Index of any earlier build. Out: as of `decide`, and the next Index.
Always holds (law 4): the result is that of `decide` on the same input, whatever the index holds, as
the index remembers only facts of blobs and of pairs of blobs: bands, which of them are shared, and
exact similarities. Ranks, policies and thresholds are decided anew. An index made with other
signatures or bands is refused.

What is new is joined to what is there by a table of bits over the bands of new blobs, small enough
for the cache, that all old bands are probed against in one pass: nothing is sorted again but what
is new or shares a band with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.dedup import bands, clusters, kernel
from stackyard.dedup.clusters import Contents
from stackyard.dedup.decide import Deduped, Problem, conclude, prepare, solve
from stackyard.dedup.params import Params
from stackyard.dedup.signature import SignatureDetector
from stackyard.detector import code_digest, fingerprint
from stackyard.errors import CorruptWorkspace
from stackyard.params import digest
from stackyard.record import BLOB_ID

SHARED = pa.schema(
    [pa.field("band", pa.uint64(), nullable=False), pa.field("blob", pa.uint32(), nullable=False)]
)
"""Bands that two blobs or more share, sorted by band; `blob` is a row of the blobs table."""

EDGES = pa.schema(
    [
        pa.field("left_id", BLOB_ID, nullable=False),
        pa.field("right_id", BLOB_ID, nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),
    ]
)
"""Pairs of blobs whose similarity was measured on their texts."""

KEY = b"stackyard.dedup.index"
"""Key of the schema metadata that holds the digest of what an index depends on."""


@dataclass(frozen=True)
class Index:
    """What a build remembers for the next one.

    Attributes:
        blobs: table (blob_id, bands, present): the hashes of all bands of a blob, little-endian
            uint64 each, and whether the last build had it.
        shared: SHARED.
        edges: EDGES.
    """

    blobs: pa.Table
    shared: pa.Table
    edges: pa.Table

    @classmethod
    def empty(cls, params: Params) -> Self:
        """The index of a first build."""
        return cls(_blobs_schema(params).empty_table(), SHARED.empty_table(), EDGES.empty_table())

    def tables(self, params: Params) -> dict[str, pa.Table]:
        """Tables to store, by name, that say which parameters they were made with."""
        marked = {KEY: index_key(params).encode()}
        held = {"blobs": self.blobs, "shared": self.shared, "edges": self.edges}
        return {name: table.replace_schema_metadata(marked) for name, table in held.items()}

    @classmethod
    def load(cls, tables: Mapping[str, pa.Table], params: Params) -> Self:
        """The index that `tables` stored.

        Raises:
            CorruptWorkspace: it was made with other parameters or another version, or a table of
                it is missing.
        """
        expected = index_key(params)
        for name in ("blobs", "shared", "edges"):
            metadata = tables[name].schema.metadata if name in tables else None
            found = (metadata or {}).get(KEY, b"nothing").decode("ascii", "replace")
            if found != expected:
                raise CorruptWorkspace(
                    f"the dedup index ({name}) does not fit the parameters of this build",
                    expected=expected,
                    found=found,
                    next_step="remove the index: the build makes it anew, at full cost",
                )
        held = [tables[name].replace_schema_metadata(None) for name in ("blobs", "shared", "edges")]
        return cls(*held)


def index_key(params: Params) -> str:
    """Digest of all that an index depends on: signatures, bands, and the code of both."""
    return digest(
        {
            "signature": fingerprint(SignatureDetector(params.signature)),
            "bands": [params.band_count, params.band_rows, code_digest(bands.__name__)],
        }
    )


def build_on(  # noqa: PLR0917 - the arguments of `decide`, after the index
    index: Index,
    files: pa.Table,
    origins: pa.Table,
    facts: Mapping[str, pa.Table],
    contents: Contents,
    params: Params,
    *,
    released: pa.Table | None = None,
) -> tuple[Deduped, Index]:
    """`decide`, with an index; arguments and errors as there."""
    problem = prepare(files, origins, facts, params, released)
    ids = problem.blobs.ids.take(pa.array(problem.signed))
    held, links = _link(index, problem, ids, params)
    found = solve(problem, links, contents, params, known=_known(index.edges, ids))
    edges = pa.Table.from_arrays(
        [
            ids.take(pa.array(found.lefts)),
            ids.take(pa.array(found.rights)),
            pa.array(found.measured),
        ],
        schema=EDGES,
    )
    return conclude(problem, found), Index(*held, edges)


def _blobs_schema(params: Params) -> pa.Schema:
    width = pa.binary(8 * params.band_count)
    return pa.schema(
        [
            pa.field("blob_id", BLOB_ID, nullable=False),
            pa.field("bands", width, nullable=False),
            pa.field("present", pa.bool_(), nullable=False),
        ]
    )


def _known(edges: pa.Table, ids: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Measured pairs among these blobs: (rank << 32 | rank, better first) sorted, similarities."""
    both = pa.chunked_array(edges["left_id"].chunks + edges["right_id"].chunks, BLOB_ID)
    ends = pc.index_in(both, value_set=ids).fill_null(-1).to_numpy().astype(np.int64)
    lefts, rights = ends[: edges.num_rows], ends[edges.num_rows :]
    low, high = np.minimum(lefts, rights), np.maximum(lefts, rights)
    here = low >= 0
    keys = low[here].astype(np.uint64) << np.uint64(32) | high[here].astype(np.uint64)
    order = np.argsort(keys, kind="stable")
    return keys[order], edges["similarity"].to_numpy()[here][order]


@kernel.compiled
def _marks(values: Any, shift: Any, table: Any) -> None:
    for i in range(values.size):
        slot = (values[i] << shift) >> shift
        table[slot >> np.uint64(6)] |= np.uint64(1) << (slot & np.uint64(63))


@kernel.compiled
def _probe(  # noqa: PLR0917 - compiled functions take positions
    values: Any, width: int, ranks: Any, shift: Any, table: Any, out: Any, who: Any
) -> int:
    """Old bands that hit the table, of blobs still here; returns how many (they may not all fit)."""
    found = 0
    for blob in range(ranks.size):
        if ranks[blob] < 0:
            continue
        for i in range(blob * width, (blob + 1) * width):
            slot = (values[i] << shift) >> shift
            if (table[slot >> np.uint64(6)] >> (slot & np.uint64(63))) & np.uint64(1):
                if found < out.size:
                    out[found] = values[i]
                    who[found] = ranks[blob]
                found += 1
    return found


@kernel.compiled
def _untouched(  # noqa: PLR0917 - compiled functions take positions
    values: Any, blobs: Any, ranks: Any, shift: Any, table: Any, keep: Any
) -> None:
    for i in range(values.size):
        slot = (values[i] << shift) >> shift
        hit = (table[slot >> np.uint64(6)] >> (slot & np.uint64(63))) & np.uint64(1)
        keep[i] = ranks[blobs[i]] >= 0 and not hit


def _link(
    index: Index, problem: Problem, ids: pa.Array, params: Params
) -> tuple[tuple[pa.Table, pa.Table], clusters.Graph]:
    """The next blobs and shared tables, and the graph of these blobs."""
    width = params.band_count
    place = pc.index_in(ids, value_set=index.blobs["blob_id"]).fill_null(-1)
    place = place.to_numpy().astype(np.int64)
    if 2 * np.count_nonzero(place >= 0) < index.blobs.num_rows:
        index, place = _compacted(index, place)
    ranks = np.full(index.blobs.num_rows, -1, dtype=np.int64)
    ranks[place[place >= 0]] = np.flatnonzero(place >= 0)
    added = np.flatnonzero(place < 0)
    present = index.blobs["present"].to_numpy()
    back = ranks[np.flatnonzero((ranks >= 0) & ~present)]
    ordinals = place.copy()
    ordinals[added] = ranks.size + np.arange(added.size)

    new, who = bands.hashes(problem.values, problem.rows[problem.signed[added]], params)
    returned, _ = bands.hashes(problem.values, problem.rows[problem.signed[back]], params)
    values, members = _touched(
        index, ranks, (new, added[who].astype(np.uint32)), returned, params.band_count
    )
    numbers, total = _runs(values)
    shared = np.flatnonzero(numbers >= 0)
    numbers, members, values = numbers[shared].astype(np.uint32), members[shared], values[shared]

    hashes = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(8 * width), added.size, [None, pa.py_buffer(new.astype("<u8", copy=False))]
    )
    both = pa.concat_tables(
        [
            index.blobs.select(["blob_id", "bands"]),
            pa.Table.from_arrays(
                [ids.take(pa.array(added)), hashes], schema=index.blobs.schema.remove(2)
            ),
        ]
    )
    here = np.concatenate([ranks >= 0, np.ones(added.size, dtype=np.bool_)])
    blobs = both.append_column("present", pa.array(here)).cast(_blobs_schema(params))
    holders = pa.array(ordinals[members].astype(np.uint32))
    table = pa.Table.from_arrays([pa.array(values), holders], schema=SHARED)
    graph = clusters.linked(numbers, members, total, len(ids), params)
    return (blobs, table), graph


def _compacted(index: Index, place: np.ndarray) -> tuple[Index, np.ndarray]:
    """The index without the blobs that left, for when they are more than those that stay.

    What left otherwise stays as a row that nothing looks at: to rewrite all for few costs more, and
    it is there if it comes back.
    """
    stays = np.zeros(index.blobs.num_rows, dtype=np.bool_)
    stays[place[place >= 0]] = True
    ordinals = np.cumsum(stays) - 1
    blobs = index.shared["blob"].to_numpy()
    shared = pa.Table.from_arrays(
        [
            index.shared["band"].filter(pa.array(stays[blobs])),
            pa.array(ordinals[blobs[stays[blobs]]].astype(np.uint32)),
        ],
        schema=SHARED,
    )
    kept = index.blobs.filter(pa.array(stays)).combine_chunks()
    return Index(kept, shared, index.edges), np.where(place >= 0, ordinals[place], -1)


def _matrices(column: pa.ChunkedArray, width: int) -> Iterator[np.ndarray]:
    for chunk in column.chunks:
        if len(chunk):
            values = np.frombuffer(chunk.buffers()[1], dtype="<u8").reshape(-1, width)
            yield values[chunk.offset : chunk.offset + len(chunk)]


def _touched(
    index: Index,
    ranks: np.ndarray,
    new: tuple[np.ndarray, np.ndarray],
    returned: np.ndarray,
    width: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Bands, sorted, and their blobs by rank: all that are shared are among them.

    `returned` are the bands of blobs that the index has but the last build had not: the index
    does not know any more what they share.
    """
    values, members = new
    bits = max(10, int((values.size + returned.size) * 16).bit_length())
    shift = np.uint64(64 - bits)
    table = np.zeros(1 << (bits - 6), dtype=np.uint64)
    _marks(values, shift, table)
    _marks(returned, shift, table)

    hits, who, start = [values], [members], 0
    for matrix in _matrices(index.blobs["bands"], width):
        part = ranks[start : start + len(matrix)]
        start += len(matrix)
        found, room = 0, 1 << 16
        while True:
            hit, of = np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.uint32)
            found = _probe(matrix.ravel(), width, part, shift, table, hit, of)
            if found <= room:
                break
            room = found
        hits.append(hit[:found])
        who.append(of[:found])
    values, members = bands.repeated(np.concatenate(hits), np.concatenate(who))

    before, blobs = (index.shared[name].to_numpy() for name in ("band", "blob"))
    keep = np.empty(before.size, dtype=np.bool_)
    _untouched(before, blobs, ranks, shift, table, keep)
    before, holders = before[keep], ranks[blobs[keep]].astype(np.uint32)
    places = np.searchsorted(before, values)
    return np.insert(before, places, values), np.insert(holders, places, members)


def _runs(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Number of the run of equal values that each is in, -1 for a run of one; how many runs."""
    if values.size == 0:
        return np.empty(0, dtype=np.int64), 0
    steps = np.concatenate([[True], values[1:] != values[:-1]])
    alone = steps & np.concatenate([steps[1:], [True]])
    first = steps & ~alone
    numbers = np.cumsum(first) - 1
    numbers[alone] = -1
    return numbers, int(np.count_nonzero(first))
