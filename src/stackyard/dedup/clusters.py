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
again with what was learnt until it asks for nothing new: a few rounds, each cheap. Until a pair is
known it goes by its estimate; a blob that would leave on a guess near the threshold is a tentative
representative too, so that what its staying would ask for is asked in the same round. The last
round has no guesses, so they cannot show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.dedup import bands, kernel
from stackyard.dedup.params import Params
from stackyard.dedup.signature import buffers
from stackyard.errors import CorruptWorkspace
from stackyard.record import BLOB_ID

Contents = Callable[[pa.Array], pa.Table]

BATCH_BYTES = 1 << 24
"""Texts that are held at once to compare exactly: 16 MiB, twice in memory while they are put in order."""

_UNSURE = 0.06
"""Estimates up to two standard errors above the threshold are guesses worth a second question."""

PARTITION_ROWS = 1 << 24
"""Bands that are sorted at once: 16 Mi of 12 bytes and the sort's 8, some 350 MB."""


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
        contents: given blob ids, a table (blob_id, text), any order.
        blob_ids: binary(20)[blobs].
        lengths: int64[blobs], bytes of a text, roughly: only the size of a batch hangs on it.
        places: int64[blobs], a number that blobs stored near each other share: that of the
            repository. Batches are of few places, so a reader reads few segments for each.
    """

    contents: Contents
    blob_ids: pa.Array
    lengths: np.ndarray
    places: np.ndarray


@dataclass(frozen=True)
class Graph:
    """Buckets by blob and their capacity: `numbers[starts[i]:starts[i + 1]]` are those of blob i,
    in order of their bands; `slots[b]:slots[b + 1]` is room for the representatives of bucket b.
    """

    starts: np.ndarray
    numbers: np.ndarray
    slots: np.ndarray


def graph(signatures: np.ndarray, rows: np.ndarray, params: Params) -> Graph:
    """Buckets of the signatures of `rows`, best blob first, partition by partition."""
    blobs = rows.size
    parts = max(1, -(-blobs * params.band_count // PARTITION_ROWS))
    numbers, members, total = [], [], 0
    for part in range(parts):
        number, member, count = bands.shared(signatures, rows, params, part, parts)
        numbers.append(number + np.uint32(total))
        members.append(member)
        total += count
    return linked(np.concatenate(numbers), np.concatenate(members), total, blobs, params)


def linked(
    numbers: np.ndarray, members: np.ndarray, total: int, blobs: int, params: Params
) -> Graph:
    """Graph of the rows (bucket number, member), sorted by number; `total` buckets."""
    sizes = np.minimum(np.bincount(numbers, minlength=total), params.representatives_max)
    starts = np.zeros(blobs + 1, dtype=np.int64)
    np.cumsum(np.bincount(members, minlength=blobs), out=starts[1:])
    by_blob = np.empty(numbers.size, dtype=np.uint32)
    _scatter(numbers, members, starts[:-1].copy(), by_blob)
    slots = np.zeros(total + 1, dtype=np.int64)
    np.cumsum(sizes, out=slots[1:])
    return Graph(starts, by_blob, slots)


@kernel.compiled
def _scatter(numbers: Any, members: Any, heads: Any, out: Any) -> None:
    for i in range(numbers.size):
        out[heads[members[i]]] = numbers[i]
        heads[members[i]] += 1


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
    starts: Any,
    numbers: Any,
    slots: Any,
    keys: Any,
    measured: Any,
    limits: Any,
    threshold: float,
    asked: Any,
    representative: Any,
    similarity: Any,
    exact: Any,
) -> int:
    """One pass; returns how many pairs are asked for (more than `asked` holds: those are lost)."""
    blobs = eligible.size
    least, likely, sure, unsure = limits[0], limits[1], limits[2], limits[3]
    filled = np.zeros(slots.size - 1, dtype=np.int32)
    held = np.empty(slots[-1], dtype=np.uint32)
    stamp = np.full(blobs, -1, dtype=np.int64)
    tentative = np.zeros(blobs, dtype=np.bool_)
    asks = 0
    for blob in range(blobs):
        best = np.int64(-1)
        guessed = False
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
    """
    blobs = eligible.size
    keys, measured = known if known is not None else (np.empty(0, np.uint64), np.empty(0))
    scale = kernel.PERMUTATIONS
    limits = np.ceil(
        np.array(
            [
                params.estimate_min,
                params.similarity_min,
                params.estimate_sure,
                params.similarity_min + _UNSURE,
            ]
        )
        * scale
        - 1e-9
    ).astype(np.int64)
    representative = np.empty(blobs, dtype=np.int64)
    similarity = np.full(blobs, np.nan)
    exact = np.zeros(blobs, dtype=np.bool_)
    asked = np.empty(max(1024, 4 * blobs), dtype=np.uint64)
    while True:
        similarity[:] = np.nan
        exact[:] = False
        asks = _greedy(
            signatures, rows, eligible, links.starts, links.numbers, links.slots, keys, measured,
            limits, params.similarity_min, asked, representative, similarity, exact,
        )  # fmt: skip
        if asks == 0:
            break
        fresh = np.sort(asked[: min(asks, asked.size)])
        values = _measure(fresh, texts)
        keys = np.concatenate([keys, fresh])
        by_key = np.argsort(keys, kind="stable")
        keys, measured = keys[by_key], np.concatenate([measured, values])[by_key]
    return Clusters(
        representative,
        similarity,
        exact,
        (keys >> np.uint64(32)).astype(np.int64),
        (keys & np.uint64(0xFFFFFFFF)).astype(np.int64),
        measured,
    )


def _measure(pairs: np.ndarray, texts: Texts) -> np.ndarray:
    """Exact similarities of pairs of ranks, in batches whose texts lie near each other."""
    lefts = (pairs >> np.uint64(32)).astype(np.int64)
    rights = (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
    order = np.lexsort([rights, lefts, texts.places[rights], texts.places[lefts]])
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
