"""Arrow columns as numpy views, without a copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa


def one_array(column: pa.Array | pa.ChunkedArray, kind: Any) -> pa.Array:
    """One array of the type `kind`; not copied if it is one already."""
    if isinstance(column, pa.ChunkedArray):
        if column.num_chunks == 1:
            column = column.chunk(0)
        elif column.num_chunks == 0:
            column = pa.array([], kind)
        else:
            column = pa.concat_arrays(column.chunks)
    return column if column.type == kind else column.cast(kind)


def bytes_of(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The data (uint8) and offsets (int64, one more than rows) of a large_binary or large_string array.

    A null row has equal offsets where Arrow wrote it; callers look at validity where it matters.
    """
    count = len(column)
    _, offsets, data = column.buffers()
    if count == 0 or offsets is None:
        return _frozen(np.empty(0, np.uint8)), _frozen(np.zeros(count + 1, np.int64))
    view = np.frombuffer(offsets, np.int64)[column.offset : column.offset + count + 1]
    has_data = data is not None and data.size > 0
    content = np.frombuffer(data, np.uint8) if has_data else _frozen(np.empty(0, np.uint8))
    return content, view


def pieces(offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges (first, last, not included) of rows that are few and small enough to be searched at once."""
    first, count = 0, len(offsets) - 1
    while first < count:
        last = int(np.searchsorted(offsets, offsets[first] + _PIECE_BYTES, "right")) - 1
        last = min(max(first + 1, last), first + _PIECE_ROWS, count)
        yield first, last
        first = last


_PIECE_BYTES: Final = 1 << 30  # a search counts bytes in 32 bits
_PIECE_ROWS: Final = 4096  # rows whose heads are copied together


def _frozen(array: np.ndarray) -> np.ndarray:
    """Read-only like a view of a buffer: one type, so compiled code has one version."""
    array.setflags(write=False)
    return array
