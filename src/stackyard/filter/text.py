"""Bytes to text: which contents are text, in which encoding, and what they say in UTF-8.

In: contents. Out: a column of UTF-8 and a column of encodings. Always holds: where the text is not
null, `content.decode(encoding) == text`; a column of plain UTF-8 comes back as the same buffers.
A byte order mark decides (Unicode 16, section 23.8): UTF-16 is full of NUL bytes and yet no binary.
Without one, what is not UTF-8 is looked at by `charset`.
"""

# ruff: noqa: PLR2004 - the bytes are those of UTF-8 and its byte order mark

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.filter import charset
from stackyard.filter.buffers import bytes_of, one_array

_PLAIN, _OTHER = 0, 1

_MARKS = (  # longest first: the mark of UTF-32-LE begins with that of UTF-16-LE
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def decode(content: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """Decode a column of contents.

    Args:
        content: large_binary, without nulls.

    Returns:
        text: large_binary, UTF-8 without a byte order mark and without NUL; null for what is no text.
        encoding: string, the Python codec that decodes the content to the text; null likewise.
    """
    column = one_array(content, pa.large_binary())
    data, offsets = bytes_of(column)
    kinds = _kinds(data, offsets)
    odd = np.flatnonzero(kinds != _PLAIN)
    if len(odd) == 0:
        return column, pa.repeat(pa.scalar("utf-8"), len(column))
    texts: list[bytes | None] = []
    names: list[str | None] = []
    for row in odd:
        text, name = _decode_one(data[offsets[row] : offsets[row + 1]].tobytes())
        texts.append(text)
        names.append(name)
    mask = pa.array(kinds != _PLAIN)
    encodings = pa.repeat(pa.scalar("utf-8"), len(column))
    return (
        pc.replace_with_mask(column, mask, pa.array(texts, pa.large_binary())),
        pc.replace_with_mask(encodings, mask, pa.array(names, pa.string())),
    )


def _decode_one(content: bytes) -> tuple[bytes | None, str | None]:
    for mark, name in _MARKS:
        if content.startswith(mark):
            try:
                text = content.decode(name).encode()
            except (UnicodeDecodeError, UnicodeEncodeError):
                continue
            return (None, None) if b"\0" in text else (text, name)
    codec = charset.detect(content)
    return (None, None) if codec is None else (content.decode(codec).encode(), codec)


@numba.njit(cache=True, nogil=True)
def _kinds(data: Any, offsets: Any) -> Any:
    """_PLAIN for rows of valid UTF-8 without NUL and mark, _OTHER for the rest."""
    count = len(offsets) - 1
    kinds = np.zeros(count, np.uint8)
    for row in range(count):
        start, end = offsets[row], offsets[row + 1]
        marked = (
            end - start >= 3
            and data[start] == 0xEF
            and data[start + 1] == 0xBB
            and data[start + 2] == 0xBF
        )
        if marked or not (_is_ascii(data[start:end]) or _is_plain(data, start, end)):
            kinds[row] = _OTHER
    return kinds


@numba.njit(cache=True, nogil=True)
def _is_ascii(text: Any) -> Any:
    """Whether bytes are ASCII without NUL; one pass without a branch, compiled to vectors."""
    top = np.uint8(0)
    for byte in text:
        top = max(top, np.uint8(byte - np.uint8(1)))  # NUL becomes the greatest
    return top < 0x7F


@numba.njit(cache=True, nogil=True)
def _is_plain(data: Any, start: int, end: int) -> bool:
    """Whether the bytes are well-formed UTF-8 (Unicode 16, table 3-7) without NUL."""
    at = start
    while at < end:
        byte = data[at]
        if byte < 0x80:
            if byte == 0:
                return False
            at += 1
            continue
        if byte < 0xC2 or byte > 0xF4:
            return False
        length = 1 if byte < 0xE0 else (2 if byte < 0xF0 else 3)
        if at + length >= end:
            return False
        low, high = 0x80, 0xBF
        if byte == 0xE0:
            low = 0xA0
        elif byte == 0xED:
            high = 0x9F
        elif byte == 0xF0:
            low = 0x90
        elif byte == 0xF4:
            high = 0x8F
        second = data[at + 1]
        if second < low or second > high:
            return False
        for k in range(2, length + 1):
            if data[at + k] & 0xC0 != 0x80:
                return False
        at += length + 1
    return True


@numba.njit(cache=True, nogil=True)
def line_ends(text: Any, head: int, tail: int) -> Any:
    """End of the first `head` lines of a text and begin of its last `tail` lines, without overlap."""
    first = 0
    while first < len(text):
        if text[first] == 10:
            head -= 1
            if head == 0:
                break
        first += 1
    last = len(text)
    if last > first and text[last - 1] == 10:
        last -= 1
    while last > first:
        if text[last - 1] == 10:
            tail -= 1
            if tail == 0:
                break
        last -= 1
    return first, last
