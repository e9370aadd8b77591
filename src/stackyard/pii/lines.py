"""The line around a candidate, in bounded time."""

from __future__ import annotations

from typing import NamedTuple

LINE_MAX = 4096
"""Bytes of the longest line that a line-based check reads whole. Longer ones (minified bundles,
data) are read in tiles around candidates, so that cost stays linear in hostile input."""

TILE, MARGIN = 1024, 512
"""A longer line is read in tiles, each with a margin on either side."""

CONTINUATION, CONTINUATION_MASK = 0x80, 0xC0
"""Bytes 10xxxxxx lie inside a character of UTF-8 (RFC 3629, 3)."""


class Line(NamedTuple):
    """A line, or a tile of a long one: its bytes, and its text with what is no UTF-8 replaced."""

    start: int
    stop: int
    text: str


class Lines:
    """The lines of candidates in order of their end: that of neighbours is looked up once."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._last = Line(0, 0, "")
        self._is_whole = False

    def around(self, position: int) -> Line:
        """The line that holds a byte; see `line_around`."""
        if self._is_whole and self._last.start <= position < self._last.stop:
            return self._last
        start, stop = line_around(self._text, position)
        if (start, stop) != self._last[:2]:
            self._last = Line(start, stop, self._text[start:stop].decode("utf-8", "replace"))
            self._is_whole = self._ends(start - 1) and self._ends(stop)
        return self._last

    def _ends(self, place: int) -> bool:
        return not 0 <= place < len(self._text) or self._text[place] in b"\r\n"


def line_around(text: bytes, position: int) -> tuple[int, int]:
    """Start and end (exclusive, before the line end) of the line that holds a byte.

    Lines end at LF, CR or both, as in Python's universal newlines. In a line longer than
    `LINE_MAX` it is the tile that holds the byte, with its margins, cut between characters: the same
    for all bytes of a tile, so each is read once.
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
    return _tile(text, position, max(start, low), end)


def _tile(text: bytes, position: int, low: int, high: int) -> tuple[int, int]:
    first = position // TILE * TILE
    start, end = max(low, first - MARGIN), min(high, first + TILE + MARGIN)
    while start < position and _is_inside(text[start]):
        start += 1
    while end < high and _is_inside(text[end]):
        end += 1
    return start, end


def _is_inside(byte: int) -> bool:
    return byte & CONTINUATION_MASK == CONTINUATION
