"""Blob ids in compiled loops: numbering them, finding them.

In: columns of `record.BLOB_ID`. Out: NumPy arrays of row numbers. Always holds: equal ids, and only
those, are one; where an id stands twice in what is searched, its first row counts.

Open addressing over the first 8 bytes, mixed; an id is compared whole. A third of the time of
Arrow's own dictionaries and joins, which showed in builds where little is new.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from stackyard.dedup import kernel

WIDTH = 20
"""Bytes of a blob id."""

_8 = np.uint64(8)


def raw(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """The ids of a column without nulls as uint8[rows, 20]; no copy if it is one chunk."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    views = [_view(chunk) for chunk in chunks if len(chunk)]
    if len(views) == 1:
        return views[0]
    return kernel.fixed(np.concatenate([np.empty((0, WIDTH), dtype=np.uint8), *views]))


def column(ids: np.ndarray) -> pa.Array:
    """The reverse of `raw`."""
    buffers = [None, pa.py_buffer(np.ascontiguousarray(ids))]
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(WIDTH), len(ids), buffers)


def numbered(ids: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct ids, numbered as they first come in `order` (rows of ids).

    Returns:
        int64[rows], the number of the id of each row; int64[distinct], the row where each came.
    """
    of = np.empty(len(ids), dtype=np.int64)
    first = np.empty(len(ids), dtype=np.int64)
    count = _numbered(ids, order, _slots(len(ids)), of, first)
    return of, first[:count].copy()


def places(held: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """int64[asked]: the first row of `held` with that id, or -1."""
    out = np.empty(len(asked), dtype=np.int64)
    _places(held, asked, _slots(len(held)), out)
    return out


def _view(chunk: pa.Array) -> np.ndarray:
    data = np.frombuffer(chunk.buffers()[1], dtype=np.uint8).reshape(-1, WIDTH)
    return data[chunk.offset : chunk.offset + len(chunk)]


def _slots(rows: int) -> np.ndarray:
    return np.zeros(1 << max(4, (2 * rows).bit_length()), dtype=np.uint32)


@kernel.compiled
def _hash(ids: Any, row: int) -> Any:
    value = np.uint64(0)
    for i in range(8):
        value = value << _8 | np.uint64(ids[row, i])
    return kernel._mix(value)  # noqa: SLF001


@kernel.compiled
def _same(ids: Any, row: int, others: Any, other: int) -> bool:
    for i in range(WIDTH):  # noqa: SIM110 - a generator is no loop for numba
        if ids[row, i] != others[other, i]:
            return False
    return True


@kernel.compiled
def _numbered(ids: Any, order: Any, slots: Any, of: Any, first: Any) -> int:
    mask = np.uint64(slots.size - 1)
    count = 0
    for at in range(order.size):
        row = order[at]
        slot = _hash(ids, row) & mask
        while slots[slot] != 0 and not _same(ids, row, ids, first[slots[slot] - 1]):
            slot = (slot + np.uint64(1)) & mask
        if slots[slot] == 0:
            first[count] = row
            count += 1
            slots[slot] = count
        of[row] = np.int64(slots[slot]) - 1
    return count


@kernel.compiled
def _places(held: Any, asked: Any, slots: Any, out: Any) -> None:
    mask = np.uint64(slots.size - 1)
    for row in range(held.shape[0]):
        slot = _hash(held, row) & mask
        while slots[slot] != 0 and not _same(held, row, held, slots[slot] - 1):
            slot = (slot + np.uint64(1)) & mask
        if slots[slot] == 0:
            slots[slot] = row + 1
    for row in range(asked.shape[0]):
        slot = _hash(asked, row) & mask
        while slots[slot] != 0 and not _same(asked, row, held, slots[slot] - 1):
            slot = (slot + np.uint64(1)) & mask
        out[row] = np.int64(slots[slot]) - 1
