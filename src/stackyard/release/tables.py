"""Small table work that several modules of the room share."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Int64s = npt.NDArray[np.int64]

_HEX_SHA256 = 64


def row_of(keys: pa.Table, table: pa.Table, names: Sequence[str]) -> pa.Array:
    """For each row of `keys`, the row (int64) of `table` with the same values in `names`, or null.

    `names` must be a key of `table`; it may stand beside list columns, which Arrow cannot join.
    """
    left = keys.select(names).append_column("left", pa.array(np.arange(len(keys))))
    right = table.select(names).append_column("right", pa.array(np.arange(len(table))))
    joined = left.join(right, list(names), join_type="left outer").sort_by("left")
    return one_chunk(joined["right"])


def one_chunk(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one array."""
    if isinstance(column, pa.Array):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def row_bytes(table: pa.Table) -> Int64s:
    """Decoded bytes of each row: values of all columns, lists and structs with what is in them.

    It depends on the row's values alone, not on how the table is chunked or sliced.
    """
    total = np.zeros(len(table), np.int64)
    for column in table.columns:
        total += _value_bytes(one_chunk(column))
    return total


def _value_bytes(array: pa.Array) -> Int64s:
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _list_bytes(array)
    if pa.types.is_struct(kind):
        total = np.zeros(len(array), np.int64)
        for field in array.flatten():
            total += _value_bytes(field)
        return total
    if kind in {pa.string(), pa.large_string(), pa.binary(), pa.large_binary()}:
        return _numbers(pc.fill_null(pc.binary_length(array), 0))
    return np.full(len(array), max(1, kind.bit_width // 8), np.int64)


def _list_bytes(array: pa.Array) -> Int64s:
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(_value_bytes(array.flatten()))])
    lengths = _numbers(pc.fill_null(pc.list_value_length(array), 0))
    ends = np.cumsum(lengths)
    return sums[ends] - sums[ends - lengths]


def _numbers(array: pa.Array) -> Int64s:
    return np.asarray(array.to_numpy(zero_copy_only=False)).astype(np.int64)


def sha256_bytes(texts: pa.Array | pa.ChunkedArray) -> bytes:
    """SHA-256 of each value's bytes (a string or binary column), 32 bytes each, joined.

    Raises:
        ValueError: a value is null.
    """
    array = one_chunk(texts)
    if array.null_count:
        raise ValueError("a null has no SHA-256")
    if len(array) == 0:
        return b""
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offsets_buffer, data = array.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64 if wide else np.int32)
    bounds = offsets[array.offset : array.offset + len(array) + 1].tolist()
    view = memoryview(data if data is not None else b"")
    sha256 = hashlib.sha256
    return b"".join(
        [sha256(view[start:stop]).digest() for start, stop in itertools.pairwise(bounds)]
    )


def sha256_column(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Hex SHA-256 of each value's bytes, as strings.

    Raises:
        ValueError: a value is null.
    """
    digests = sha256_bytes(texts)
    ends = np.arange(0, 2 * len(digests) + 1, _HEX_SHA256, dtype=np.int64)
    text = pa.py_buffer(digests.hex().encode())
    wide = pa.LargeStringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), text)
    return wide.cast(pa.string())
