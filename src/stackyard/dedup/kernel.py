"""The compiled loops of near-deduplication: tokens, shingles, signatures, exact Jaccard.

In: the buffers of an Arrow `large_binary` column (bytes and offsets). Out: NumPy arrays.
Always holds: what is computed of a text depends on its bytes alone. `shingle.py` specifies the
same functions to the byte in plain Python; tests hold the two together.

Nothing here needs a compiler on the user's machine, OpenMP or TBB: LLVM comes with numba, the
loops are sequential, and they release the GIL. Compiled code is kept beside the module, or in the
user's cache directory where that is read-only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

SHINGLE_TOKENS = 5
"""Tokens of a shingle: the 5-grams of The Stack v2 and v3."""

PERMUTATIONS = 256
"""Hash functions of a signature: those of The Stack v2 and v3; the standard error of an estimate
of similarity s is sqrt(s (1 - s) / 256), 0.029 at 0.7."""

TOKEN_BASIS = 0xCBF29CE484222325
TOKEN_PRIME = 0x100000001B3
"""FNV-1a, 64 bits (RFC 9923): basis and prime."""

SHINGLE_FACTOR = 0x9E3779B97F4A7C15
"""Odd multiplier of the polynomial over token hashes: 2^64 divided by the golden ratio."""

MIX_1 = 0xFF51AFD7ED558CCD
MIX_2 = 0xC4CEB9FE1A85EC53
"""Multipliers of the 64-bit finaliser of MurmurHash3."""


def compiled(function: Callable[..., Any]) -> Any:
    """`numba.njit` with a persistent cache, or without where no directory can be written at all."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba: "no locator available": neither the tree nor a home is writable
        return numba.njit(nogil=True)(function)


def fixed(values: np.ndarray) -> np.ndarray:
    """A view that cannot be written to: what loops are compiled for once, mapped files included."""
    view = values.view()
    view.flags.writeable = False
    return view


def byte_classes() -> np.ndarray:
    """uint8[256]: 0 separates tokens, 1 is of a token, 2 is of a token and begins a new one."""
    classes = np.zeros(256, dtype=np.uint8)
    for low, high in ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A), (0x80, 0xDF)):
        classes[low : high + 1] = 1
    classes[0xE0:] = 2
    return classes


CLASSES = byte_classes()

_BLOCK = 2048
"""Hashes that wait for the permutations: 8 KiB, a part of any first-level cache."""

_SEEN = 2048
"""Slots of the filter that drops repeated shingles; a power of two. A miss only costs time."""

_FACTOR = np.uint64(SHINGLE_FACTOR)
_FACTOR_OUT = np.uint64(pow(SHINGLE_FACTOR, SHINGLE_TOKENS - 1, 1 << 64))
_BASIS = np.uint64(TOKEN_BASIS)
_PRIME = np.uint64(TOKEN_PRIME)
_MIX_1 = np.uint64(MIX_1)
_MIX_2 = np.uint64(MIX_2)
_S33 = np.uint64(33)
_S32 = np.uint64(32)


@compiled
def _mix(value: Any) -> Any:
    value ^= value >> _S33
    value *= _MIX_1
    value ^= value >> _S33
    value *= _MIX_2
    return value ^ (value >> _S33)


@compiled
def shingle_hashes(data: Any, start: int, stop: int, classes: Any, out: Any) -> int:
    """Write the 64-bit hash of each shingle of data[start:stop] to out, in order; return how many.

    `out` has at least stop - start slots (nothing checks bounds here, and bytes that are no UTF-8
    can be a token each). The cost is one step a byte.
    """
    ring = np.zeros(SHINGLE_TOKENS, dtype=np.uint64)
    slot = 0
    tokens = 0
    count = 0
    window = np.uint64(0)
    token = _BASIS
    inside = False
    for position in range(start, stop + 1):
        kind = classes[data[position]] if position < stop else np.uint8(0)
        if inside and kind != 1:
            window = (window - ring[slot] * _FACTOR_OUT) * _FACTOR + token
            ring[slot] = token
            slot = slot + 1 if slot + 1 < SHINGLE_TOKENS else 0
            tokens += 1
            if tokens >= SHINGLE_TOKENS:
                out[count] = _mix(window)
                count += 1
            token = _BASIS
            inside = False
        if kind != 0:
            token = (token ^ np.uint64(data[position])) * _PRIME
            inside = True
    return count


@compiled
def _permute(hashes: Any, count: int, factors: Any, terms: Any, least: Any) -> None:
    for k in range(PERMUTATIONS):
        factor = factors[k]
        term = terms[k]
        low = least[k]
        for j in range(count):
            value = np.uint32(np.uint32(factor * hashes[j]) + term)
            low = min(low, value)
        least[k] = low


@compiled
def signatures(  # noqa: PLR0917 - compiled functions take positions
    data: Any, offsets: Any, valid: Any, classes: Any, factors: Any, terms: Any, out: Any
) -> Any:
    """MinHash signatures of texts: out uint32[rows, 256]; returns int64[rows], shingles of each.

    A row that is not `valid`, or has fewer tokens than a shingle, has 0 and all bits set.
    """
    rows = offsets.size - 1
    counts = np.zeros(rows, dtype=np.int64)
    longest = 0
    for row in range(rows):
        longest = max(longest, offsets[row + 1] - offsets[row])
    shingles = np.empty(longest + 1, dtype=np.uint64)
    block = np.empty(_BLOCK, dtype=np.uint32)
    seen = np.empty(_SEEN, dtype=np.uint32)
    for row in range(rows):
        out[row, :] = np.uint32(0xFFFFFFFF)
        if not valid[row]:
            continue
        count = shingle_hashes(data, offsets[row], offsets[row + 1], classes, shingles)
        counts[row] = count
        seen[:] = 0
        seen[0] = 1  # so that a hash of 0 is not taken for seen: 1 never belongs in slot 0
        waiting = 0
        for i in range(count):
            value = np.uint32(shingles[i])
            if seen[value & np.uint32(_SEEN - 1)] == value:
                continue
            seen[value & np.uint32(_SEEN - 1)] = value
            value ^= value >> np.uint32(16)
            value = np.uint32(value * np.uint32(0x85EBCA6B))
            value ^= value >> np.uint32(13)
            value = np.uint32(value * np.uint32(0xC2B2AE35))
            value ^= value >> np.uint32(16)
            block[waiting] = value
            waiting += 1
            if waiting == _BLOCK:
                _permute(block, waiting, factors, terms, out[row])
                waiting = 0
        _permute(block, waiting, factors, terms, out[row])
    return counts


@compiled
def _grow(table: Any, stamps: Any, needed: int) -> Any:
    size = table.size
    while size < 2 * needed:
        size *= 2
    if size == table.size:
        return table, stamps
    return np.empty(size, dtype=np.uint64), np.zeros(size, dtype=np.int64)


@compiled
def _insert(table: Any, stamps: Any, stamp: int, value: Any) -> bool:
    """Add a value to the set of this stamp (open addressing); whether it is new."""
    mask = np.uint64(table.size - 1)
    slot = value & mask
    while stamps[slot] == stamp:
        if table[slot] == value:
            return False
        slot = (slot + np.uint64(1)) & mask
    table[slot] = value
    stamps[slot] = stamp
    return True


@compiled
def _holds(table: Any, stamps: Any, stamp: int, value: Any) -> bool:
    mask = np.uint64(table.size - 1)
    slot = value & mask
    while stamps[slot] == stamp:
        if table[slot] == value:
            return True
        slot = (slot + np.uint64(1)) & mask
    return False


@compiled
def jaccard(data: Any, offsets: Any, lefts: Any, rights: Any, classes: Any) -> Any:
    """Jaccard similarity of the shingle sets of pairs of rows: float64[pairs].

    Sets are of 64-bit shingle hashes, so it is exact but for collisions (below 1e-8 for two texts
    of 10 MB). Equal neighbours in `lefts` are tokenised once: sort by it. No shingles at all: 0.
    """
    longest = 0
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    shingles = np.empty(longest + 1, dtype=np.uint64)
    left_table, left_stamps = np.empty(1024, np.uint64), np.zeros(1024, np.int64)
    right_table, right_stamps = np.empty(1024, np.uint64), np.zeros(1024, np.int64)
    result = np.zeros(lefts.size, dtype=np.float64)
    held = np.int64(-1)
    held_size = 0
    held_stamp = 0
    for pair in range(lefts.size):
        if lefts[pair] != held:
            held = lefts[pair]
            held_size = 0
            held_stamp = pair + 1
            count = shingle_hashes(data, offsets[held], offsets[held + 1], classes, shingles)
            left_table, left_stamps = _grow(left_table, left_stamps, count)
            for i in range(count):
                held_size += _insert(left_table, left_stamps, held_stamp, shingles[i])
        other = rights[pair]
        count = shingle_hashes(data, offsets[other], offsets[other + 1], classes, shingles)
        right_table, right_stamps = _grow(right_table, right_stamps, count)
        size = 0
        common = 0
        for i in range(count):
            if _insert(right_table, right_stamps, pair + 1, shingles[i]):
                size += 1
                common += _holds(left_table, left_stamps, held_stamp, shingles[i])
        union = held_size + size - common
        if union > 0:
            result[pair] = common / union
    return result
