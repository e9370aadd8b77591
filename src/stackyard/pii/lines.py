"""The line around a candidate, in bounded time."""

from __future__ import annotations

LINE_MAX = 4096
"""Bytes of the longest line that a line-based check reads whole. Longer ones (minified bundles,
data) are read through a window around each candidate, so that cost stays linear in hostile input."""

WINDOW = 1024
"""Bytes read on either side of a candidate in a longer line."""


CONTINUATION, CONTINUATION_MASK = 0x80, 0xC0
"""Bytes 10xxxxxx lie inside a character of UTF-8 (RFC 3629, 3)."""


def line_around(text: bytes, position: int) -> tuple[int, int]:
    """Start and end (exclusive, before the line end) of the line that holds a byte.

    Lines end at LF, CR or both, as in Python's universal newlines. In a line longer than
    `LINE_MAX` it is the window around the byte, cut between characters.
    """
    low, high = max(0, position - LINE_MAX), min(len(text), position + LINE_MAX)
    start = max(text.rfind(b"\n", low, position), text.rfind(b"\r", low, position)) + 1
    end = text.find(b"\n", position, high)
    end = high if end < 0 else end
    carriage = text.find(b"\r", position, end)
    end = end if carriage < 0 else carriage
    whole = (start > 0 or low == 0) and (end < high or high == len(text))
    if whole and end - start <= LINE_MAX:
        return start, end
    return window(text, position, max(start, low), end)


def window(text: bytes, position: int, low: int, high: int) -> tuple[int, int]:
    """The bytes within `WINDOW` of a position and within bounds, cut between characters."""
    start, end = max(low, position - WINDOW), min(high, position + WINDOW)
    while start < position and _is_inside(text[start]):
        start += 1
    while end < high and _is_inside(text[end]):
        end += 1
    return start, end


def _is_inside(byte: int) -> bool:
    return byte & CONTINUATION_MASK == CONTINUATION
