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


@kernel.compiled
def _hashes(  # noqa: PLR0917 - compiled functions take positions
    signatures: Any,
    picked: Any,
    count: int,
    width: int,
    part: Any,
    parts: Any,
    bands: Any,
    rows: Any,
) -> int:
    """Hashes of the bands that fall into the partition, and their places; returns how many."""
    found = 0
    for row in range(picked.size):
        for band in range(count):
            value = np.uint64(band) + _ONE
            for i in range(width):
                value = (
                    value * _FACTOR + np.uint64(signatures[picked[row], band * width + i]) + _ONE
                )
            value = kernel._mix(value)  # noqa: SLF001
            if ((value >> _32) * parts) >> _32 == part:
                bands[found] = value
                rows[found] = row
                found += 1
    return found


@kernel.compiled
def _shared(bands: Any, rows: Any, out_bucket: Any, out_row: Any) -> Any:
    """Number the runs of two or more equal bands; returns how many rows are in how many runs."""
    count = 0
    runs = 0
    start = 0
    while start < bands.size:
        stop = start + 1
        while stop < bands.size and bands[stop] == bands[start]:
            stop += 1
        if stop - start > 1:
            for i in range(start, stop):
                out_bucket[count] = runs
                out_row[count] = rows[i]
                count += 1
            runs += 1
        start = stop
    return count, runs


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


def hashes(
    signatures: np.ndarray, picked: np.ndarray, params: Params, part: int = 0, parts: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Bands of a partition, uint64, and the place in `picked` of the signature of each, uint32, by
    (place, band number).
    """
    room = picked.size * params.band_count
    bands, rows = np.empty(room, np.uint64), np.empty(room, np.uint32)
    found = _hashes(
        signatures,
        picked,
        params.band_count,
        params.band_rows,
        np.uint64(part),
        np.uint64(parts),
        bands,
        rows,
    )
    return bands[:found], rows[:found]


def shared(
    signatures: np.ndarray, picked: np.ndarray, params: Params, part: int = 0, parts: int = 1
) -> tuple[np.ndarray, np.ndarray, int]:
    """Buckets of a partition: their numbers (in order of bands), members, and how many they are."""
    bands, rows = hashes(signatures, picked, params, part, parts)
    bands, rows = repeated(bands, rows)
    numbers, members = np.empty(rows.size, np.uint32), np.empty(rows.size, np.uint32)
    count, runs = _shared(bands, rows, numbers, members)
    return numbers[:count].copy(), members[:count].copy(), runs


def repeated(bands: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bands that more than one row has, and few others, sorted; their rows. Uses up its arguments.

    Most bands are of one blob alone: two tables of bits drop nearly all of those before the sort.
    """
    bits = max(10, int(bands.size * 8).bit_length())
    shift = np.uint64(64 - bits)
    once = np.zeros(1 << (bits - 6), dtype=np.uint64)
    twice = np.zeros(1 << (bits - 6), dtype=np.uint64)
    _repeated(bands, shift, once, twice)
    kept = _keep(bands, rows, shift, twice)
    bands, rows = bands[:kept], rows[:kept]
    order = np.argsort(bands, kind="stable")
    return bands[order], rows[order]


def bands(facts: pa.Table, params: Params, part: int = 0, parts: int = 1) -> pa.Table:
    """BANDS of one partition of some SIGNATURES."""
    picked = np.arange(facts.num_rows)
    values, rows = hashes(matrix(facts["signature"]), picked, params, part, parts)
    blob_ids = facts["blob_id"].take(pa.array(rows))
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
