"""Greedy star clusters: who represents whom.

In: signatures of blobs in the order of representatives, buckets, texts. Out: for each blob its
representative and their similarity.

**Why stars.** Connected components of similar pairs chain: of A~B~C, C is dropped for A that it
does not resemble. Here blobs are taken best first; each is compared to the representatives so far
that share a bucket with it, joins the best of those that it is verified similar to, and else
represents itself. So no blob is dropped for one below the threshold; and of two representatives
that share a bucket the later one was compared to the earlier and found below it. This is also what
mends the gap of plain star edges (A~C and B~C, but not A~B, where C never meets B through A):
within a bucket every representative, not its first member alone, is the centre of a star, at most
`representatives_max` of them. It is the greedy maximal independent set in the order of
representatives: a function of the set of similar pairs and that order, so neither partitions nor
workers can show. Union-find would be as fast, and wrong.

**Verification.** The estimate (equal values of 256) decides if it is below `estimate_min`, or from
`estimate_sure` on, if that is set; between, the texts are compared. Texts are read in batches, so the loop runs
again with what was learnt until it asks for nothing new, over the blobs that a chain of shared bands
joins to a pair that was asked for: a few rounds, each cheap. Until a pair is known it goes by its estimate; a blob that would leave on a guess near the threshold is a tentative
representative too, so that what its staying would ask for is asked in the same round. The last
round has no guesses, so they cannot show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.dedup import kernel
from stackyard.dedup.params import Params
from stackyard.dedup.signature import buffers
from stackyard.errors import CorruptWorkspace
from stackyard.record import BLOB_ID

Contents = Callable[[pa.Array], pa.Table]
"""Reads texts: given blob ids (binary(20)), a table (blob_id, text), any order."""

Near = Callable[[pa.Array], np.ndarray]
"""Where texts lie: given blob ids, int64; texts of near numbers are read together."""

BATCH_BYTES = 1 << 22
"""Texts that are held at once to compare exactly: 4 MiB, twice in memory while they are put in order."""

_UNSURE = 0.06
"""Estimates up to two standard errors above the threshold are guesses worth a second question."""


@dataclass(frozen=True)
class Clusters:
    """Representatives of blobs, by rank.

    Attributes:
        representative: int64[blobs], rank of the representative; itself for one; -1 for a blob
            that may not represent and resembles none.
        similarity: float64[blobs], to the representative, 1 for itself, nan where there is none.
        exact: bool[blobs], whether similarity is exact or an estimate of 256 values.
        lefts: int64[pairs], rank of the first of a pair that was compared exactly.
        rights: int64[pairs], the second, sorted by (left, right).
        measured: float64[pairs], their similarities.
    """

    representative: np.ndarray
    similarity: np.ndarray
    exact: np.ndarray
    lefts: np.ndarray
    rights: np.ndarray
    measured: np.ndarray


@dataclass(frozen=True)
class Texts:
    """How to read the texts of blobs, by rank.

    Attributes:
        contents: reads them.
        near: where they lie. Batches are in that order, so that each part of a segment is read once.
        blob_ids: binary(20)[blobs].
        lengths: int64[blobs], bytes of a text, roughly: only the size of a batch hangs on it.
    """

    contents: Contents
    near: Near
    blob_ids: pa.Array
    lengths: np.ndarray


@dataclass(frozen=True)
class Settled:
    """What an earlier build found of the same blobs, by rank.

    Attributes:
        changed: bool[blobs]. Of blobs that no chain of shared bands joins to one of these, all is
            as it was: who shares a band, their order, and which of them may represent.
        representative: int64[blobs], as in Clusters.
        similarity: float64[blobs].
        exact: bool[blobs].
    """

    changed: np.ndarray
    representative: np.ndarray
    similarity: np.ndarray
    exact: np.ndarray

    @classmethod
    def nothing(cls, blobs: int) -> Self:
        """For a first build."""
        return cls(
            np.ones(blobs, np.bool_),
            np.empty(blobs, np.int64),
            np.empty(blobs),
            np.empty(blobs, np.bool_),
        )


@dataclass(frozen=True)
class Graph:
    """Buckets: bands that blobs share, numbered in their order.

    Attributes:
        starts: int64[blobs + 1]; `numbers[starts[i]:starts[i + 1]]` are the buckets of blob i.
        numbers: uint32[any], in order of their bands.
        heads: int64[buckets + 1]; `members[heads[b]:heads[b + 1]]` are the blobs of bucket b.
        members: uint32[any].
        slots: int64[buckets + 1]; `slots[b]:slots[b + 1]` is room for its representatives.
    """

    starts: np.ndarray
    numbers: np.ndarray
    heads: np.ndarray
    members: np.ndarray
    slots: np.ndarray


def linked(values: np.ndarray, members: np.ndarray, blobs: int, params: Params) -> Graph:
    """Graph of the bands that blobs share: uint64 sorted, each at least twice, and their blobs."""
    heads = np.flatnonzero(values[1:] != values[:-1]) + 1
    heads = np.concatenate([[0], heads, [values.size]]) if values.size else np.zeros(1, np.int64)
    sizes = np.diff(heads)
    starts = np.zeros(blobs + 1, dtype=np.int64)
    np.cumsum(np.bincount(members, minlength=blobs), out=starts[1:])
    numbers = np.empty(members.size, dtype=np.uint32)
    _scatter(heads, members, starts[:-1].copy(), numbers)
    slots = np.zeros(heads.size, dtype=np.int64)
    np.cumsum(np.minimum(sizes, params.representatives_max), out=slots[1:])
    return Graph(starts, numbers, heads, members, slots)


@kernel.compiled
def _scatter(heads: Any, members: Any, ends: Any, out: Any) -> None:
    for bucket in range(heads.size - 1):
        for at in range(heads[bucket], heads[bucket + 1]):
            blob = members[at]
            out[ends[blob]] = bucket
            ends[blob] += 1


@kernel.compiled
def _reached(  # noqa: PLR0917 - compiled functions take positions
    roots: Any, starts: Any, numbers: Any, heads: Any, members: Any, seen: Any, out: Any
) -> int:
    """Blobs that a chain of buckets joins to a root; returns how many are in `out`."""
    met = np.zeros(heads.size - 1, dtype=np.bool_)
    seen[:] = False
    count = 0
    for blob in roots:
        if not seen[blob]:
            seen[blob] = True
            out[count] = blob
            count += 1
    at = 0
    while at < count:
        blob = out[at]
        at += 1
        for i in range(starts[blob], starts[blob + 1]):
            bucket = numbers[i]
            if met[bucket]:
                continue
            met[bucket] = True
            for j in range(heads[bucket], heads[bucket + 1]):
                other = np.int64(members[j])
                if not seen[other]:
                    seen[other] = True
                    out[count] = other
                    count += 1
    return count


@kernel.compiled
def _find(keys: Any, key: Any) -> int:
    """Index of a key in sorted keys, or -1."""
    low, high = 0, keys.size
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < keys.size and keys[low] == key else -1


@kernel.compiled
def _equal_values(left: Any, right: Any) -> int:
    equal = 0
    for k in range(kernel.PERMUTATIONS):
        equal += left[k] == right[k]
    return equal


@kernel.compiled
def _greedy(  # noqa: PLR0917 - compiled functions take positions
    signatures: Any,
    rows: Any,
    eligible: Any,
    todo: Any,
    starts: Any,
    numbers: Any,
    slots: Any,
    keys: Any,
    measured: Any,
    limits: Any,
    threshold: float,
    filled: Any,
    held: Any,
    stamp: Any,
    tentative: Any,
    asked: Any,
    representative: Any,
    similarity: Any,
    exact: Any,
) -> int:
    """One pass over the blobs `todo`, by rank, and all that share a band with one of them; returns
    how many pairs are asked for (more than `asked` holds: those are lost).
    """
    least, likely, sure, unsure = limits[0], limits[1], limits[2], limits[3]
    for blob in todo:
        stamp[blob] = -1
        for at in range(starts[blob], starts[blob + 1]):
            filled[numbers[at]] = 0
    asks = 0
    for blob in todo:
        best = np.int64(-1)
        guessed = False
        similarity[blob] = np.nan
        exact[blob] = False
        for at in range(starts[blob], starts[blob + 1]):
            bucket = numbers[at]
            for slot in range(slots[bucket], slots[bucket] + filled[bucket]):
                other = np.int64(held[slot])
                if best >= 0 and other >= best:
                    break  # representatives of a bucket are in rank order
                if stamp[other] == blob:
                    continue
                stamp[other] = blob
                equal = _equal_values(signatures[rows[other]], signatures[rows[blob]])
                if equal < least or (equal >= sure and tentative[other]):
                    continue
                if equal >= sure:
                    guessed = False
                    best = other
                    similarity[blob] = equal / kernel.PERMUTATIONS
                    exact[blob] = False
                    continue
                known = _find(keys, np.uint64(other) << np.uint64(32) | np.uint64(blob))
                if known >= 0:
                    if measured[known] >= threshold and not tentative[other]:
                        guessed = False
                        best = other
                        similarity[blob] = measured[known]
                        exact[blob] = True
                    continue
                if asks < asked.size:
                    asked[asks] = np.uint64(other) << np.uint64(32) | np.uint64(blob)
                asks += 1
                if equal >= likely and not tentative[other]:
                    guessed = equal < unsure
                    best = other
        representative[blob] = best
        tentative[blob] = guessed
        if best < 0 and eligible[blob]:
            representative[blob] = blob
            similarity[blob] = 1.0
            exact[blob] = True
        if eligible[blob] and (best < 0 or guessed):
            for at in range(starts[blob], starts[blob + 1]):
                bucket = numbers[at]
                if filled[bucket] < slots[bucket + 1] - slots[bucket]:
                    held[slots[bucket] + filled[bucket]] = blob
                    filled[bucket] += 1
    return asks


def cluster(
    signatures: np.ndarray,
    rows: np.ndarray,
    links: Graph,
    *,
    eligible: np.ndarray,
    texts: Texts,
    params: Params,
    known: tuple[np.ndarray, np.ndarray] | None = None,
    settled: Settled | None = None,
) -> Clusters:
    """Clusters of blobs in the order of representatives.

    Args:
        signatures: uint32[any, 256].
        rows: int64[blobs], the row of the signature of each blob, best blob first.
        links: the graph of those blobs.
        eligible: bool[blobs], which of them may represent.
        texts: how to read the texts of blobs.
        params: see Params.
        known: pairs measured before: keys uint64 (left << 32 | right, by rank, sorted), float64.
        settled: outcomes of a build with these parameters.
    """
    blobs = eligible.size
    keys, measured = known if known is not None else (np.empty(0, np.uint64), np.empty(0))
    limits = _limits(params)
    before = settled or Settled.nothing(blobs)
    representative, similarity, exact = before.representative, before.similarity, before.exact
    filled = np.empty(links.slots.size - 1, dtype=np.int32)
    held = np.empty(links.slots[-1], dtype=np.uint32)
    stamp, tentative = np.empty(blobs, dtype=np.int64), np.empty(blobs, dtype=np.bool_)
    asked = np.empty(max(1024, 4 * blobs), dtype=np.uint64)
    every = np.arange(blobs)
    todo = every if before.changed.all() else _touched(np.flatnonzero(before.changed), links)
    while True:
        asks = _greedy(
            signatures, rows, eligible, todo, links.starts, links.numbers, links.slots, keys,
            measured, limits, params.similarity_min, filled, held, stamp, tentative, asked,
            representative, similarity, exact,
        )  # fmt: skip
        if asks == 0:
            break
        fresh = np.sort(asked[: min(asks, asked.size)])
        values = _measure(fresh, texts)
        keys = np.concatenate([keys, fresh])
        by_key = np.argsort(keys, kind="stable")
        keys, measured = keys[by_key], np.concatenate([measured, values])[by_key]
        rights = (fresh & np.uint64(0xFFFFFFFF)).astype(np.int64)
        todo = every if asks > asked.size else _touched(rights, links)
    return Clusters(
        representative,
        similarity,
        exact,
        (keys >> np.uint64(32)).astype(np.int64),
        (keys & np.uint64(0xFFFFFFFF)).astype(np.int64),
        measured,
    )


def _limits(params: Params) -> np.ndarray:
    """Equal values from which a pair is compared, is likely, is sure, and is more than a guess."""
    shares = [
        params.estimate_min,
        params.similarity_min,
        params.estimate_sure,
        params.similarity_min + _UNSURE,
    ]
    return np.ceil(np.array(shares) * kernel.PERMUTATIONS - 1e-9).astype(np.int64)


def _touched(changed: np.ndarray, links: Graph) -> np.ndarray:
    """Blobs, by rank, whose outcome may hang on these: those that a chain of buckets joins to one."""
    blobs = links.starts.size - 1
    out, seen = np.empty(blobs, dtype=np.int64), np.empty(blobs, dtype=np.bool_)
    _reached(changed, links.starts, links.numbers, links.heads, links.members, seen, out)
    return np.flatnonzero(seen)


def _measure(pairs: np.ndarray, texts: Texts) -> np.ndarray:
    """Exact similarities of pairs of ranks, in batches whose texts lie near each other."""
    lefts = (pairs >> np.uint64(32)).astype(np.int64)
    rights = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    blobs, numbers = np.unique(np.concatenate([lefts, rights]), return_inverse=True)
    places = texts.near(texts.blob_ids.take(pa.array(blobs)))[numbers]
    order = np.lexsort([rights, lefts, places[pairs.size :], places[: pairs.size]])
    lefts, rights = lefts[order], rights[order]
    result = np.empty(pairs.size, dtype=np.float64)
    for start, stop in _batches(lefts, rights, texts.lengths):
        wanted, numbers = np.unique(
            np.concatenate([lefts[start:stop], rights[start:stop]]), return_inverse=True
        )
        data, offsets = _read(texts, wanted)
        middle = stop - start
        result[order[start:stop]] = kernel.jaccard(
            data, offsets, numbers[:middle], numbers[middle:], kernel.CLASSES
        )
    return result


def _batches(
    lefts: np.ndarray, rights: np.ndarray, lengths: np.ndarray
) -> Iterator[tuple[int, int]]:
    cost = lengths[rights].astype(np.int64)
    cost[1:] += np.where(lefts[1:] != lefts[:-1], lengths[lefts[1:]], 0)
    if cost.size:
        cost[0] += lengths[lefts[0]]
    total = np.cumsum(cost)
    start = 0
    while start < cost.size:
        before = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, before + BATCH_BYTES, side="right")))
        yield start, stop
        start = stop


def _read(texts: Texts, blobs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bytes and offsets of the texts of blobs, in their order.

    Raises:
        CorruptWorkspace: a text is missing.
    """
    wanted = texts.blob_ids.take(pa.array(blobs))
    table = texts.contents(wanted)
    held = table["blob_id"].combine_chunks().cast(BLOB_ID)
    rows = pc.index_in(wanted, value_set=held)
    found = table["text"].cast(pa.large_binary()).take(rows).combine_chunks()
    if found.null_count:
        missing = found.is_null().index(True).as_py()
        raise CorruptWorkspace(
            f"the text of blob {wanted[missing].as_py().hex()} cannot be read",
            expected="a text for every blob that has a signature",
            next_step="run ingest and detect again",
        )
    data, offsets, _ = buffers(found)
    return data, offsets
