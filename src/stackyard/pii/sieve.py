"""What a candidate must have so that its check may find anything, seen over columns in compiled code.

In: the bytes of a chunk of texts, candidates, and the bounds of their texts. Out: which of them a check
has to look at. Always holds: a superset of what checks find; the work on a candidate is bounded by
`WINDOW` bytes. So Python sees what survives, not what ordinary code is full of.
"""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

WINDOW = 4096
"""Bytes read on either side of a candidate: `lines.LINE_MAX`."""

ANY, BASE64, HEX, CARD, QUOTED_LINE = range(5)
"""Nothing more is asked; a quoted run whose entropy is over detect-secrets' limit for base64, for
hexadecimal digits; a number with the length and the checksum of a card; a quote on the line."""

BITS_MIN_BASE64, BITS_MIN_HEX = 4.5, 3.0
"""detect-secrets' limits, in bits a character."""
CLOSE_BITS = 1e-6
"""Bits within which the plugin's own sum decides, as floating point depends on the order."""

CARD_DIGITS_MIN, CARD_DIGITS_MAX = 12, 19
"""ISO/IEC 7812-1."""


@numba.njit(cache=True)
def _is_run_over(text: npt.NDArray[np.uint8], end: int, low: int, least: float) -> bool:
    """Whether the run between quotes that ends before `end` has more entropy than `least`."""
    counts = np.zeros(256, np.int64)
    at, total = end - 2, 0
    while at >= low and text[at] != 0x22 and text[at] != 0x27 and total < WINDOW:
        counts[text[at]] += 1
        total += 1
        at -= 1
    if total >= WINDOW:
        return True
    bits = 0.0
    for count in counts:
        if count > 0:
            bits -= count / total * math.log2(count / total)
    return bits > least - CLOSE_BITS


@numba.njit(cache=True)
def _has_quote(text: npt.NDArray[np.uint8], end: int, low: int, high: int) -> bool:
    """Whether the line around a candidate has a quote in it, as far as a line-based check reads it."""
    at = end - 1
    while at >= low and end - at <= WINDOW and text[at] != 0x0A and text[at] != 0x0D:
        if text[at] == 0x22 or text[at] == 0x27 or text[at] == 0x60:
            return True
        at -= 1
    at = end
    while at < high and at - end <= WINDOW and text[at] != 0x0A and text[at] != 0x0D:
        if text[at] == 0x22 or text[at] == 0x27 or text[at] == 0x60:
            return True
        at += 1
    return False


@numba.njit(cache=True)
def _is_digit(letter: int) -> bool:
    return 0x30 <= letter <= 0x39


@numba.njit(cache=True)
def _is_card(text: npt.NDArray[np.uint8], end: int, low: int, high: int) -> bool:
    """Whether a number of a card's length and checksum begins twelve digits before a candidate's end."""
    at, digits = end - 1, 0
    while at >= low:
        if _is_digit(text[at]):
            digits += 1
            if digits == CARD_DIGITS_MIN:
                break
        elif text[at] != 0x20 and text[at] != 0x2D:
            return False
        at -= 1
    if digits < CARD_DIGITS_MIN:
        return False
    if at > low:
        before = text[at - 1]
        if _is_digit(before) or 0x41 <= before <= 0x5A or 0x61 <= before <= 0x7A or before == 0x5F:
            return False
    sum_even = sum_odd = digits = 0
    while at < high and digits < CARD_DIGITS_MAX:
        letter = text[at]
        if _is_digit(letter):
            digit = letter - 0x30
            double = 2 * digit - 9 if digit > 4 else 2 * digit
            if digits % 2:
                sum_odd += digit
                sum_even += double
            else:
                sum_even += digit
                sum_odd += double
            digits += 1
            # the digit before the last is doubled, so the sums change places with the length
            if digits >= CARD_DIGITS_MIN and (sum_odd if digits % 2 == 0 else sum_even) % 10 == 0:
                return True
        elif letter not in (0x20, 0x2D):
            break
        at += 1
    return False


@numba.njit(cache=True)
def passes(
    text: npt.NDArray[np.uint8],
    sieves: npt.NDArray[np.int8],
    ends: npt.NDArray[np.int64],
    bounds: npt.NDArray[np.int64],
) -> npt.NDArray[np.bool_]:
    """Which candidates pass their sieve; `bounds` are the start and end of each one's text."""
    out = np.ones(len(ends), np.bool_)
    for i in range(len(ends)):
        low, high = bounds[i, 0], bounds[i, 1]
        if sieves[i] == BASE64:
            out[i] = _is_run_over(text, ends[i], low, BITS_MIN_BASE64)
        elif sieves[i] == HEX:
            out[i] = _is_run_over(text, ends[i], low, BITS_MIN_HEX)
        elif sieves[i] == CARD:
            out[i] = _is_card(text, ends[i], low, high)
        elif sieves[i] == QUOTED_LINE:
            out[i] = _has_quote(text, ends[i], low, high)
    return out
