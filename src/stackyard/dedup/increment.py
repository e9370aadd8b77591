"""Dedup on top of what the last build found out: work for what is new, the result of a full build.

In: as of `decide`, and the Index of any earlier build. Out: as of `decide`, and the next Index.
Always holds (law 4): the result is that of `decide` on the same input, whatever the index holds, as
the index remembers only facts of blobs and of pairs of blobs: signatures, bands, which of those are
shared, and exact similarities. Ranks, policies and thresholds are decided anew. An index made with
other signatures or bands is refused.

Rows of blobs are of fixed width and only ever added, so they can lie in files that are mapped: a
build touches the signatures that it compares, and no others. What is new is joined to what is there
by a table of bits over the bands of new blobs, small enough for the cache, that all old bands are
probed against in one pass: nothing is sorted again but what is new or shares a band with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa

from stackyard.dedup import bands, clusters, ids, kernel
from stackyard.dedup.clusters import Contents, Near
from stackyard.dedup.decide import Deduped, conclude, prepare, signatures, solve
from stackyard.dedup.params import Params
from stackyard.dedup.signature import SIGNATURES, SignatureDetector, matrix
from stackyard.detector import code_digest, fingerprint
from stackyard.errors import CorruptWorkspace
from stackyard.params import digest

LAST = pa.schema(
    [
        pa.field("rank", pa.int64(), nullable=False),
        pa.field("eligible", pa.bool_(), nullable=False),
        pa.field("representative", pa.int64(), nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),
        pa.field("exact", pa.bool_(), nullable=False),
    ]
)
"""What the last build made of each row: its place in the order of representatives (-1: it was not
there), whether it might represent, and the row that represents it (-1: none), how similar, and
whether that is exact. Rows that were added since are not in it."""

SHARED = pa.schema(
    [pa.field("band", pa.uint64(), nullable=False), pa.field("blob", pa.uint32(), nullable=False)]
)
"""Bands that two present blobs or more share, sorted by band; `blob` is a row."""

EDGES = pa.schema(
    [
        pa.field("left", pa.uint32(), nullable=False),
        pa.field("right", pa.uint32(), nullable=False),
        pa.field("similarity", pa.float64(), nullable=False),
    ]
)
"""Pairs of present blobs, by row, whose similarity was measured on their texts."""

SCHEMAS = {"last": LAST, "shared": SHARED, "edges": EDGES}

KEY = b"stackyard.dedup.index"
"""Key of the schema metadata that holds the digest of what an index depends on."""

SOLVED = b"stackyard.dedup.solved"
"""Key of the digest of what its outcomes depend on besides."""


@dataclass(frozen=True)
class Rows:
    """Facts of blobs, a row each; where a blob has two, the first counts.

    Attributes:
        ids: uint8[rows, 20].
        signatures: uint32[rows, 256].
        bands: uint64[rows, band_count].
    """

    ids: np.ndarray
    signatures: np.ndarray
    bands: np.ndarray

    @classmethod
    def of(cls, facts: pa.Table, params: Params) -> Self:
        """Rows of SIGNATURES, in their order."""
        values = matrix(facts["signature"])
        every = np.arange(facts.num_rows)
        return cls(ids.raw(facts["blob_id"]), values, bands.hashes(values, every, params))

    def missing(self, facts: pa.Table) -> pa.Table:
        """SIGNATURES of blobs that have no row."""
        return facts.filter(pa.array(ids.places(self.ids, ids.raw(facts["blob_id"])) < 0))

    def then(self, more: Self) -> Self:
        """These rows and more."""
        names = [each.name for each in fields(self)]
        pairs = ((getattr(self, name), getattr(more, name)) for name in names)
        return type(self)(*(kernel.fixed(np.concatenate(pair)) for pair in pairs))


@dataclass(frozen=True)
class Index:
    """What a build remembers for the next one.

    Attributes:
        rows: facts of blobs.
        last: LAST.
        shared: SHARED.
        edges: EDGES.
        solved: digest of the parameters that outcomes in `last` hang on.
    """

    rows: Rows
    last: pa.Table
    shared: pa.Table
    edges: pa.Table
    solved: str

    @classmethod
    def empty(cls, params: Params) -> Self:
        """The index of a first build."""
        none = Rows.of(SIGNATURES.empty_table(), params)
        tables = {name: schema.empty_table() for name, schema in SCHEMAS.items()}
        return cls(none, **tables, solved=_solved(params))

    def tables(self, params: Params) -> dict[str, pa.Table]:
        """Tables to store, by name, that say which parameters they were made with."""
        marked = {KEY: index_key(params).encode(), SOLVED: self.solved.encode()}
        return {name: getattr(self, name).replace_schema_metadata(marked) for name in SCHEMAS}

    @classmethod
    def load(cls, tables: Mapping[str, pa.Table], rows: Rows, params: Params) -> Self:
        """The index that `tables` stored, over its rows, which may be more by now.

        Raises:
            CorruptWorkspace: it was made with other parameters or another version, a table of it
                is missing, or it speaks of rows that are not there.
        """
        expected = index_key(params)
        held = {}
        for name, schema in SCHEMAS.items():
            metadata = tables[name].schema.metadata if name in tables else None
            found = (metadata or {}).get(KEY, b"nothing").decode("ascii", "replace")
            if found != expected:
                raise _unfit(name, expected, found)
            held[name] = tables[name].replace_schema_metadata(None).cast(schema)
        count = held["last"].num_rows
        named = [held["shared"]["blob"], held["edges"]["left"], held["edges"]["right"]]
        last = max([-1, *(int(column.to_numpy().max()) for column in named if len(column))])
        if last >= count or count > len(rows.ids):
            raise _unfit("rows", f"more than {max(last, count - 1)} rows", f"{len(rows.ids)} rows")
        solved = (tables["last"].schema.metadata or {}).get(SOLVED, b"").decode("ascii", "replace")
        return cls(rows, **held, solved=solved)

    def grown(self, facts: pa.Table, params: Params) -> Self:
        """With rows for the SIGNATURES that have none yet."""
        if len(self.rows.ids) == 0:
            return replace(self, rows=Rows.of(facts, params))
        new = self.rows.missing(facts)
        return replace(self, rows=self.rows.then(Rows.of(new, params))) if new.num_rows else self


def _unfit(name: str, expected: str, found: str) -> CorruptWorkspace:
    return CorruptWorkspace(
        f"the dedup index ({name}) does not fit the parameters of this build",
        expected=expected,
        found=found,
        next_step="remove the index: the build makes it anew, at full cost",
    )


def index_key(params: Params) -> str:
    """Digest of all that an index depends on: signatures, bands, and the code of both."""
    return digest(
        {
            "signature": fingerprint(SignatureDetector(params.signature)),
            "bands": [params.band_count, params.band_rows, code_digest(bands.__name__)],
            "layout": code_digest(__name__),
        }
    )


def _solved(params: Params) -> str:
    """Digest of the thresholds of clusters, and of their code."""
    names = ("similarity_min", "estimate_min", "estimate_sure", "representatives_max")
    values = [getattr(params, name) for name in names]
    return digest([*values, code_digest(clusters.__name__)])


def build_on(  # noqa: PLR0917 - the arguments of `decide`, after the index
    index: Index,
    files: pa.Table,
    origins: pa.Table,
    facts: Mapping[str, pa.Table],
    contents: Contents,
    params: Params,
    *,
    released: pa.Table | None = None,
    near: Near | None = None,
) -> tuple[Deduped, Index]:
    """`decide`, with an index; arguments and errors as there, but `facts` may lack what has a row."""
    index = index.grown(signatures(facts), params)
    held = index.rows
    problem = prepare(files, origins, (held.ids, held.signatures), params, released)
    rows = problem.rows[problem.signed]
    ranks = np.full(len(held.ids), -1, dtype=np.int64)
    ranks[rows] = np.arange(rows.size)
    eligible = problem.blobs.eligible[problem.signed]
    values, members = _shared(index, rows, ranks)
    links = clusters.linked(values, members, rows.size, params)
    known = _known(index.edges, ranks)
    settled = _settled(index, rows, ranks, eligible, params)
    found = solve(problem, links, contents, params, near=near, known=known, settled=settled)
    after = Index(
        held,
        _last(rows, ranks, eligible, found),
        _table(SHARED, values, rows[members]),
        _table(EDGES, rows[found.lefts], rows[found.rights], found.measured),
        _solved(params),
    )
    return conclude(problem, found), after


def _last(
    rows: np.ndarray, ranks: np.ndarray, eligible: np.ndarray, found: clusters.Clusters
) -> pa.Table:
    represented = np.full(ranks.size, -1, dtype=np.int64)
    represented[rows] = np.where(found.representative < 0, -1, rows[found.representative])
    columns = [ranks, np.zeros(ranks.size, np.bool_), represented, np.zeros(ranks.size)]
    columns.append(np.zeros(ranks.size, np.bool_))
    columns[1][rows], columns[3][rows], columns[4][rows] = eligible, found.similarity, found.exact
    return _table(LAST, *columns)


def _settled(
    index: Index, rows: np.ndarray, ranks: np.ndarray, eligible: np.ndarray, params: Params
) -> clusters.Settled | None:
    """Outcomes of the last build, by present rank, and which blobs those may not hold for."""
    if index.solved != _solved(params) or rows.size == 0:
        return None
    last = {name: _padded(index.last[name].to_numpy(), ranks.size)[rows] for name in LAST.names}
    before = last["rank"]
    changed = (before < 0) | (last["eligible"] != eligible)
    # Who shared a band with what left, and whoever two of which come in another order now.
    lost = np.zeros(ranks.size, dtype=np.bool_)
    bands_held, blobs = (kernel.fixed(index.shared[name].to_numpy()) for name in SHARED.names)
    _bereft(bands_held, blobs, ranks, lost)
    changed |= lost[rows]
    high = np.maximum.accumulate(before)
    low = np.minimum.accumulate(np.where(before < 0, before.max(), before)[::-1])[::-1]
    changed |= (before < high) | (before > low)
    named = last["representative"]
    return clusters.Settled(
        changed,
        np.where(named < 0, -1, ranks[named]),
        last["similarity"],
        last["exact"],
    )


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    """With -1 for rows that were added since."""
    out = np.full(size, -1).astype(values.dtype)
    out[: values.size] = values
    return out


@kernel.compiled
def _bereft(values: Any, blobs: Any, ranks: Any, lost: Any) -> None:
    """Mark rows that shared a band with one that is not there any more."""
    start = 0
    while start < values.size:
        stop = start
        left = False
        while stop < values.size and values[stop] == values[start]:
            left = left or ranks[blobs[stop]] < 0
            stop += 1
        if left:
            for i in range(start, stop):
                lost[blobs[i]] = True
        start = stop


def _table(schema: pa.Schema, *columns: np.ndarray) -> pa.Table:
    arrays = [pa.array(each, field.type) for each, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


def _known(edges: pa.Table, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measured pairs among these blobs: (rank << 32 | rank, better first) sorted, similarities."""
    lefts, rights = (ranks[edges[name].to_numpy()] for name in ("left", "right"))
    low, high = np.minimum(lefts, rights), np.maximum(lefts, rights)
    here = low >= 0
    keys = low[here].astype(np.uint64) << np.uint64(32) | high[here].astype(np.uint64)
    order = np.argsort(keys)
    return keys[order], edges["similarity"].to_numpy()[here][order]


def _shared(index: Index, rows: np.ndarray, ranks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bands, sorted, that two of the blobs or more share, and those blobs by rank.

    Args:
        index: of the last build.
        rows: int64[blobs], the row of each blob.
        ranks: int64[rows], the reverse; -1 for what is not there.
    """
    fresh = rows[_padded(index.last["rank"].to_numpy(), ranks.size)[rows] < 0]
    if 4 * fresh.size > rows.size:
        return bands.shared(index.rows.bands, rows)

    bits = max(10, int(fresh.size * index.rows.bands.shape[1] * 16).bit_length())
    shift = np.uint64(64 - bits)
    table = np.zeros(1 << (bits - 6), dtype=np.uint64)
    _marks(index.rows.bands, fresh, shift, table)
    room = (1 << 17) + 8 * fresh.size * index.rows.bands.shape[1]
    while True:
        values, members = np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.uint32)
        found = _probe(index.rows.bands, ranks, shift, table, values, members)
        if found <= room:
            break
        room = found
    values, members = bands.repeated(values[:found], members[:found])
    before, blobs = (kernel.fixed(index.shared[name].to_numpy()) for name in SHARED.names)
    out = np.empty(before.size + values.size, dtype=np.uint64)
    who = np.empty(out.size, dtype=np.uint32)
    count = _merge(before, blobs, ranks, shift, table, values, members, out, who)
    return out[:count], who[:count]


@kernel.compiled
def _marks(held: Any, rows: Any, shift: Any, table: Any) -> None:
    for row in rows:
        for band in range(held.shape[1]):
            slot = (held[row, band] << shift) >> shift
            table[slot >> np.uint64(6)] |= np.uint64(1) << (slot & np.uint64(63))


@kernel.compiled
def _marked(value: Any, shift: Any, table: Any) -> Any:
    slot = (value << shift) >> shift
    return (table[slot >> np.uint64(6)] >> (slot & np.uint64(63))) & np.uint64(1)


@kernel.compiled
def _probe(  # noqa: PLR0917 - compiled functions take positions
    held: Any, ranks: Any, shift: Any, table: Any, out: Any, who: Any
) -> int:
    """Bands of blobs that are here that hit the table; returns how many (they may not all fit)."""
    found = 0
    for row in range(ranks.size):
        if ranks[row] < 0:
            continue
        for band in range(held.shape[1]):
            if _marked(held[row, band], shift, table):
                if found < out.size:
                    out[found] = held[row, band]
                    who[found] = ranks[row]
                found += 1
    return found


@kernel.compiled
def _merge(  # noqa: PLR0917 - compiled functions take positions
    before: Any,
    blobs: Any,
    ranks: Any,
    shift: Any,
    table: Any,
    values: Any,
    members: Any,
    out: Any,
    who: Any,
) -> int:
    """Bands that were shared and still are, and no new blob may have, with those found now."""
    count = 0
    at = 0
    start = 0
    while start < before.size:
        value = before[start]
        stop = start + 1
        while stop < before.size and before[stop] == value:
            stop += 1
        if not _marked(value, shift, table):
            while at < values.size and values[at] < value:
                out[count], who[count] = values[at], members[at]
                count += 1
                at += 1
            first = count
            for i in range(start, stop):
                if ranks[blobs[i]] >= 0:
                    out[count], who[count] = value, ranks[blobs[i]]
                    count += 1
            if count == first + 1:
                count = first
        start = stop
    for i in range(at, values.size):
        out[count], who[count] = values[i], members[i]
        count += 1
    return count
