r"""The tokens of a text that may be a drawn value or a part of one, each by its hash.

In: a column of texts. Out: facts (`TOKENS`): where each such token stands, and 64 bits of SHA-256 of
it, never its bytes. A value that a scanner found in one place is found everywhere by the tokens in it
(`known`).

A token is a maximal run of ASCII letters and digits that is not written but drawn: of bounded length,
with five different bytes or more, and with enough left of it beside words (`_is_drawn`). A run may
begin with what belongs to an escape or a prefix, so it counts again without that: `\n`, `\x41`,
`\u00e9`, `%2B`, `0x`.

Always holds: what is said of a text depends on its bytes alone; the work is bounded by its bytes.
"""

# ruff: noqa: PLR2004 - the bytes are those of ASCII, the bits those of FIPS 180-4

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stackyard.detector import Scope
from stackyard.pii.letters import ROWS
from stackyard.record import BLOB_ID

Int64s = npt.NDArray[np.int64]

TOKENS = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("start_byte", pa.int64(), nullable=False),
        pa.field("end_byte", pa.int64(), nullable=False),
        pa.field("token", pa.int64(), nullable=False),
    ]
)
"""Sorted by (blob_id, start_byte, end_byte, token). `token`: the first 8 bytes of SHA-256 of the bytes, as
a signed big-endian integer: of 10^11 tokens and 10^7 sought ones, 0.05 would be met by chance."""

CHARS_MIN, CHARS_MAX = 8, 256
"""Shorter ones are words, or are met by chance; longer ones are data rather than keys."""

DISTINCT_MIN = 5
"""Different bytes: a value with fewer was typed, as the allow rule `repeated` says."""

UNWRITTEN_MIN, UNWRITTEN_LETTERS_MIN = 5, 2
"""Characters beside words, and letters among them: `Winter2024`, `admin123456`, `utf8mb4Encoder` are
written. Of 2,000 drawn strings of 12, 16 and 32 letters and digits .94, .98 and 1.0 count."""

WORD_BITS_MAX, SHORT_WORD_BITS_MAX, SHORT_WORD_CHARS = 5.0, 4.4, 5
LOWER_MIN, UPPER_MIN = 3, 4
"""A stretch of so many lower-case letters after at most one capital, or of so many capitals, is a word
if its pairs of letters are no more surprising on average; the bounds are those of `strength`."""

LETTERS_CHARS_MIN, LETTERS_BITS_MIN = 12, 5.6
"""Letters without a digit are drawn if so many are so surprising on average; as in `strength`."""

_DIGIT, _LOWER, _UPPER = 1, 2, 3


def _classes() -> npt.NDArray[np.uint8]:
    out = np.zeros(256, np.uint8)
    out[0x30:0x3A], out[0x61:0x7B], out[0x41:0x5B] = _DIGIT, _LOWER, _UPPER
    return out


_CLASSES = _classes()
_BITS = np.array([[int(digit) for digit in row] for row in ROWS], np.int64)
_ROUND_CONSTANTS = np.array(
    [
        0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
        0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
        0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
        0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
        0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
        0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
        0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
        0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
    ],
    np.uint32,
)  # fmt: skip
_FIRST_STATE = np.array(
    [
        0x6A09E667,
        0xBB67AE85,
        0x3C6EF372,
        0xA54FF53A,
        0x510E527F,
        0x9B05688C,
        0x1F83D9AB,
        0x5BE0CD19,
    ],
    np.uint32,
)
"""SHA-256 as of FIPS 180-4, compiled: a call of hashlib a token would be a loop of Python."""


class Found(NamedTuple):
    """Tokens of a column, in order of rows and then of places."""

    row: Int64s
    start: Int64s
    end: Int64s
    token: Int64s


class TokenDetector:
    """Tokens that may be drawn values, as facts of their blob."""

    name = "values"
    scope: Scope = "blob"
    modules: Sequence[str] = ("stackyard.pii.tokens", "stackyard.pii.letters")
    distributions: Sequence[str] = ()
    params: Any = None
    schema = TOKENS

    def detect(self, batch: pa.Table) -> pa.Table:
        found = find_tokens(batch["text"])
        ids = batch["blob_id"].combine_chunks().take(pa.array(found.row))
        table = pa.table([ids, found.start, found.end, found.token], schema=TOKENS)
        return table.sort_by([(name, "ascending") for name in TOKENS.names])


def token_of(value: bytes) -> int:
    """What `TOKENS.token` is for a token."""
    return int.from_bytes(hashlib.sha256(value).digest()[:8], "big", signed=True)


def find_tokens(texts: pa.ChunkedArray | pa.Array) -> Found:
    """The tokens of every row of a binary or string column; a null has none."""
    column = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
    parts = [Found(*(np.zeros(0, np.int64) for _ in Found._fields))]
    first = 0
    for chunk in column.cast(pa.large_binary()).chunks:
        if len(chunk):
            found = _find_in_array(chunk)
            parts.append(found._replace(row=found.row + first))
        first += len(chunk)
    return Found(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _find_in_array(texts: pa.Array) -> Found:
    _, offset_buffer, data = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    content = np.frombuffer(data if data is not None and data.size else b"\0", np.uint8)
    # A run of CHARS_MIN and what ends it gives two tokens at most; pages that are not met cost nothing.
    most = 2 * int((offsets[-1] - offsets[0]) // (CHARS_MIN + 1)) + 2 * len(texts)
    out = np.empty((4, most), np.int64)
    count = _tokens(content, offsets, out)
    return Found(*out[:, :count].copy())


@numba.njit(cache=True, nogil=True)
def _tokens(data: Any, offsets: Any, out: Any) -> int:
    count = 0
    schedule = np.empty(64, np.uint32)
    block = np.empty(64, np.uint8)
    for row in range(len(offsets) - 1):
        low, high = offsets[row], offsets[row + 1]
        at = low  # no run goes on over it
        while at + CHARS_MIN <= high:
            start = at + CHARS_MIN - 1
            if _CLASSES[data[start]] == 0:
                at = start + 1
                continue
            stop = start + 1
            while start > at and _CLASSES[data[start - 1]] != 0:
                start -= 1
            while stop < high and _CLASSES[data[stop]] != 0:
                stop += 1
            at = stop + 1
            before = data[start - 1] if start > low else 0
            inner = start + _prefix(data, before, start)
            shown = inner if before == 0x5C else start
            if _is_drawn(data, start, stop):
                out[0, count], out[1, count], out[2, count] = row, shown - low, stop - low
                out[3, count] = _sha256(data, start, stop, block, schedule)
                count += 1
            if inner > start and _is_drawn(data, inner, stop):
                out[0, count], out[1, count], out[2, count] = row, inner - low, stop - low
                out[3, count] = _sha256(data, inner, stop, block, schedule)
                count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _prefix(data: Any, before: int, start: int) -> int:
    """Bytes of the run that belong to an escape that begins before it, or to the prefix of a number."""
    head = data[start]
    if before == 0x5C:  # a backslash
        if head == 0x75:  # u
            return 5
        if head == 0x78:  # x
            return 3
        return 1 if head in {0x6E, 0x72, 0x74, 0x62, 0x66, 0x76, 0x30} else 0  # n r t b f v 0
    if before == 0x25 or (head == 0x30 and (data[start + 1] | 0x20) == 0x78):  # %, and 0x
        return 2
    return 0


@numba.njit(cache=True, nogil=True)
def _is_drawn(data: Any, start: int, stop: int) -> bool:
    length = stop - start
    if length < CHARS_MIN or length > CHARS_MAX:
        return False
    digits = 0
    for at in range(start, stop):
        digits += _CLASSES[data[at]] == _DIGIT
    if digits == 0:
        if length < LETTERS_CHARS_MIN or _surprise(data, start, stop) < LETTERS_BITS_MIN:
            return False
    else:
        written = _written(data, start, stop)
        if length - written < UNWRITTEN_MIN or length - digits - written < UNWRITTEN_LETTERS_MIN:
            return False
    return _distinct(data, start, stop) >= DISTINCT_MIN


@numba.njit(cache=True, nogil=True)
def _written(data: Any, start: int, stop: int) -> int:
    """Letters that stand in words."""
    written = 0
    at = start
    while at < stop:
        kind = _CLASSES[data[at]]
        end = at + 1
        while end < stop and _CLASSES[data[end]] == kind:
            end += 1
        if kind == _LOWER and end - at >= LOWER_MIN:
            begin = at - 1 if at > start and _CLASSES[data[at - 1]] == _UPPER else at
            written += end - begin if _is_word(data, begin, end) else 0
        elif kind == _UPPER:
            stay = end - 1 if end < stop and _CLASSES[data[end]] == _LOWER else end
            if stay - at >= UPPER_MIN and _is_word(data, at, stay):
                written += stay - at
        at = end
    return written


@numba.njit(cache=True, nogil=True)
def _distinct(data: Any, start: int, stop: int) -> int:
    low, high = np.uint64(0), np.uint64(0)
    for at in range(start, stop):
        bit = np.uint64(1) << np.uint64(data[at] & 63)
        if data[at] < 64:
            low |= bit
        else:
            high |= bit
    return _ones(low) + _ones(high)


@numba.njit(cache=True, nogil=True)
def _ones(value: Any) -> int:
    count = 0
    while value:
        value &= value - np.uint64(1)
        count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _is_word(data: Any, start: int, stop: int) -> bool:
    most = SHORT_WORD_BITS_MAX if stop - start <= SHORT_WORD_CHARS else WORD_BITS_MAX
    return _surprise(data, start, stop) <= most


@numba.njit(cache=True, nogil=True)
def _surprise(data: Any, start: int, stop: int) -> float:
    """Mean surprise of the pairs of letters, whatever their case."""
    total = 0
    for at in range(start + 1, stop):
        total += _BITS[(data[at - 1] | 0x20) - 0x61, (data[at] | 0x20) - 0x61]
    return total / (stop - start - 1)


@numba.njit(cache=True, nogil=True)
def _sha256(data: Any, start: int, stop: int, block: Any, schedule: Any) -> Any:
    """The first 8 bytes of SHA-256 of data[start:stop], as a signed big-endian integer."""
    state = _FIRST_STATE.copy()
    length = stop - start
    blocks = (length + 8) // 64 + 1
    for number in range(blocks):
        for k in range(64):
            at = number * 64 + k
            if at < length:
                block[k] = data[start + at]
            elif at == length:
                block[k] = 0x80
            else:
                block[k] = 0
        if number == blocks - 1:
            size = length * 8
            block[62], block[63] = (size >> 8) & 0xFF, size & 0xFF
        _compress(state, block, schedule)
    return np.int64((np.uint64(state[0]) << np.uint64(32)) | np.uint64(state[1]))


@numba.njit(cache=True, nogil=True)
def _turn(value: Any, count: int) -> Any:
    return np.uint32((value >> np.uint32(count)) | (value << np.uint32(32 - count)))


@numba.njit(cache=True, nogil=True)
def _compress(state: Any, block: Any, w: Any) -> None:
    for k in range(16):
        w[k] = (
            (np.uint32(block[4 * k]) << np.uint32(24))
            | (np.uint32(block[4 * k + 1]) << np.uint32(16))
            | (np.uint32(block[4 * k + 2]) << np.uint32(8))
            | np.uint32(block[4 * k + 3])
        )
    for k in range(16, 64):
        low, high = w[k - 15], w[k - 2]
        s0 = _turn(low, 7) ^ _turn(low, 18) ^ (low >> np.uint32(3))
        s1 = _turn(high, 17) ^ _turn(high, 19) ^ (high >> np.uint32(10))
        w[k] = np.uint32(w[k - 16] + s0 + w[k - 7] + s1)
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    for k in range(64):
        s1 = _turn(e, 6) ^ _turn(e, 11) ^ _turn(e, 25)
        t1 = np.uint32(h + s1 + ((e & f) ^ (~e & g)) + _ROUND_CONSTANTS[k] + w[k])
        s0 = _turn(a, 2) ^ _turn(a, 13) ^ _turn(a, 22)
        t2 = np.uint32(s0 + ((a & b) ^ (a & c) ^ (b & c)))
        h, g, f = g, f, e
        e = np.uint32(d + t1)
        d, c, b = c, b, a
        a = np.uint32(t1 + t2)
    for k, each in enumerate((a, b, c, d, e, f, g, h)):
        state[k] = np.uint32(state[k] + each)
