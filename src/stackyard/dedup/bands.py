"""LSH bands: which blobs could be near-duplicates, as sorted tables partitioned by hash prefix.

In: SIGNATURES. Out: BANDS of one partition, or the BUCKETS of it: the bands that two blobs or more
share. A unit of distribution is (some signatures, a partition) for `bands`, then a partition for
`buckets`; memory is bounded by the number of partitions.
Always holds: the buckets of all partitions together are the same set at any number of partitions,
in any split of the signatures.

A band of a signature is `band_rows` of its values. Its hash, 64 bits: with band number i and
values v1..vr, `h = i + 1`, then `h = h P + v + 1` for each value, mod 2^64, then `mix`; P and mix
as in `shingle.py`. Its partition, of n, is `floor(floor(h / 2^32) n / 2^32)`: a range of prefixes.
Two bands of equal hash that are not equal only make a candidate, which verification refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.dedup import kernel
from stackyard.dedup.params import Params
from stackyard.dedup.signature import matrix
from stackyard.record import BLOB_ID

BANDS = pa.schema(
    [
        pa.field("band", pa.uint64(), nullable=False),
        pa.field("blob_id", BLOB_ID, nullable=False),
    ]
)
"""Bands of blobs, sorted by (band, blob_id)."""

_ONE = np.uint64(1)
_FACTOR = np.uint64(kernel.SHINGLE_FACTOR)
_32 = np.uint64(32)


PARTITION_BANDS = 1 << 20
"""Bands that are sorted at once: 1 Mi of 12 bytes, and the sort's 8, are some 20 MB."""

PARTITIONS_MAX = 64
"""More would cost more passes over all bands than they save: a pass is 1 ns a band."""


@kernel.compiled
def _hashes(signatures: Any, rows: Any, width: int, out: Any) -> None:
    for at in range(rows.size):
        row = rows[at]
        for band in range(out.shape[1]):
            value = np.uint64(band) + _ONE
            for i in range(width):
                value = value * _FACTOR + np.uint64(signatures[row, band * width + i]) + _ONE
            out[at, band] = kernel._mix(value)  # noqa: SLF001


@kernel.compiled
def _count(held: Any, picked: Any, part: Any, parts: Any) -> int:
    found = 0
    for at in range(picked.size):
        for band in range(held.shape[1]):
            found += ((held[picked[at], band] >> _32) * parts) >> _32 == part
    return found


@kernel.compiled
def _pick(  # noqa: PLR0917 - compiled functions take positions
    held: Any, picked: Any, part: Any, parts: Any, out: Any, places: Any
) -> None:
    found = 0
    for at in range(picked.size):
        for band in range(held.shape[1]):
            value = held[picked[at], band]
            if ((value >> _32) * parts) >> _32 == part:
                out[found] = value
                places[found] = at
                found += 1


@kernel.compiled
def _without_single(values: Any, places: Any) -> int:
    """Keep runs of two or more equal bands, at the front; returns how many rows those are."""
    count = 0
    start = 0
    while start < values.size:
        stop = start + 1
        while stop < values.size and values[stop] == values[start]:
            stop += 1
        if stop - start > 1:
            for i in range(start, stop):
                values[count] = values[i]
                places[count] = places[i]
                count += 1
        start = stop
    return count


@kernel.compiled
def _repeated(bands: Any, shift: Any, once: Any, twice: Any) -> None:
    """Mark slots of a table of bits that are hit once, and twice or more, by hash suffix."""
    for i in range(bands.size):
        slot = (bands[i] << shift) >> shift
        word = slot >> np.uint64(6)
        bit = _ONE << (slot & np.uint64(63))
        twice[word] |= once[word] & bit
        once[word] |= bit


@kernel.compiled
def _keep(bands: Any, rows: Any, shift: Any, twice: Any) -> int:
    kept = 0
    for i in range(bands.size):
        slot = (bands[i] << shift) >> shift
        if twice[slot >> np.uint64(6)] & (_ONE << (slot & np.uint64(63))):
            bands[kept] = bands[i]
            rows[kept] = rows[i]
            kept += 1
    return kept


def hashes(signatures: np.ndarray, rows: np.ndarray, params: Params) -> np.ndarray:
    """uint64[rows, band_count]: the bands of the signatures in `rows`."""
    out = np.empty((rows.size, params.band_count), dtype=np.uint64)
    _hashes(signatures, rows, params.band_rows, out)
    return kernel.fixed(out)


def part_of(
    held: np.ndarray, picked: np.ndarray, part: int, parts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Bands of a partition, uint64, and the place in `picked` of the blob of each, uint32, by place.

    Args:
        held: uint64[any, band_count].
        picked: int64[blobs], rows of it.
        part: the partition.
        parts: how many there are.
    """
    here = (np.uint64(part), np.uint64(parts))
    room = _count(held, picked, *here)
    values, places = np.empty(room, np.uint64), np.empty(room, np.uint32)
    _pick(held, picked, *here, values, places)
    return values, places


def shared(held: np.ndarray, picked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bands that two blobs or more have, sorted, and the places of those, in any order for one band;
    arguments as above.
    """
    parts = min(PARTITIONS_MAX, max(1, -(-picked.size * held.shape[1] // PARTITION_BANDS)))
    found = [repeated(*part_of(held, picked, part, parts)) for part in range(parts)]
    values, places = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return values, places


def repeated(values: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bands that more than one row has, sorted, and their rows, in any order for one band. Uses up
    its arguments.

    Most bands are of one blob alone: two tables of bits drop nearly all of those before the sort.
    """
    bits = max(10, int(values.size * 8).bit_length())
    shift = np.uint64(64 - bits)
    once = np.zeros(1 << (bits - 6), dtype=np.uint64)
    twice = np.zeros(1 << (bits - 6), dtype=np.uint64)
    _repeated(values, shift, once, twice)
    kept = _keep(values, places, shift, twice)
    order = np.argsort(values[:kept])
    values, places = values[:kept][order], places[:kept][order]
    kept = _without_single(values, places)
    return values[:kept].copy(), places[:kept].copy()


def bands(facts: pa.Table, params: Params, part: int = 0, parts: int = 1) -> pa.Table:
    """BANDS of one partition of some SIGNATURES."""
    rows = np.arange(facts.num_rows)
    held = hashes(matrix(facts["signature"]), rows, params)
    values, places = part_of(held, rows, part, parts)
    blob_ids = facts["blob_id"].take(pa.array(places))
    return _sorted(pa.Table.from_arrays([pa.array(values), blob_ids], schema=BANDS))


def buckets(tables: Iterable[pa.Table]) -> pa.Table:
    """BANDS that two blobs or more share, of the BANDS of one partition."""
    merged = _sorted(pa.concat_tables([BANDS.empty_table(), *tables]).combine_chunks())
    values = merged["band"].to_numpy()
    same = values[1:] == values[:-1]
    keep = np.zeros(values.size, dtype=np.bool_)
    keep[1:] |= same
    keep[:-1] |= same
    return merged.filter(pa.array(keep))


def _sorted(table: pa.Table) -> pa.Table:
    return table.take(pc.sort_indices(table, [("band", "ascending"), ("blob_id", "ascending")]))
