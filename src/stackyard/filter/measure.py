"""Numbers about a text, in one compiled pass over its bytes.

In: texts. Out: the counts that `quality` names, to the byte as it defines them. Always holds: each is
a function of the text alone.

The pass reads 64 bytes at a time, as masks: bit i of a mask says whether byte i is of a class. What
is asked of neighbours (a line feed behind a carriage return, the length of a run) is arithmetic on
masks, with a bit or a length carried on. Only texts that the masks make suspicious are read again,
byte by byte: for letters beyond ASCII, runs of hex units or escapes, and markup.
"""

# ruff: noqa: PLR2004, PLR1714 - bytes are those of ASCII and UTF-8; numba compiles comparisons, not sets

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

GENERATED_LINES: Final = 5
_GENERATED_BYTES: Final = 4096  # of those lines: a minified first line must not cost a scan
_NONE: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_LAST: Final = np.uint64(63)


def _mask_of(first: int, last: int, *, fold: bool = False) -> Any:
    """Compiled function (bytes, place) -> mask of the 64 bytes there that are first..last.

    `fold` sets the bit that tells lower case from upper case before comparing.
    """

    @intrinsic
    def mask(_typing: Any, data: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            lanes = ir.VectorType(ir.IntType(8), 64)
            place = builder.gep(array.data, [arguments[1]])
            found = builder.load(builder.bitcast(place, lanes.as_pointer()), align=1)

            def every(value: int) -> Any:
                return ir.Constant(lanes, [value] * 64)

            if fold:
                found = builder.or_(found, every(0x20))
            hit = builder.icmp_unsigned("<=", builder.sub(found, every(first)), every(last - first))
            return builder.bitcast(hit, ir.IntType(64))

        return types.uint64(data, at), generate

    return mask


def _number_of(operation: Callable[[Any, Any], Any]) -> Any:
    """Compiled function mask -> what an operation of LLVM's says of its bits."""

    @intrinsic
    def number(_typing: Any, _mask: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return operation(builder, arguments[0])

        return types.int64(types.uint64), generate

    return number


_SAME: Final = ir.Constant(ir.IntType(1), 0)  # an empty mask is as good as any: 64
_count = _number_of(lambda builder, mask: builder.ctpop(mask))
_lowest = _number_of(lambda builder, mask: builder.cttz(mask, _SAME))  # place of the lowest bit
_above = _number_of(lambda builder, mask: builder.ctlz(mask, _SAME))  # places above the highest
_FEED, _RETURN = _mask_of(10, 10), _mask_of(13, 13)
_BEYOND = _mask_of(0x80, 0xFF)
_LETTER, _DIGIT = _mask_of(97, 122, fold=True), _mask_of(48, 57)
_HEX_LETTER = _mask_of(97, 102, fold=True)
_PLUS, _SLASH, _EQUALS = _mask_of(43, 43), _mask_of(47, 47), _mask_of(61, 61)
_CONTROLS = _mask_of(9, 13)  # tab, the line ends and what is between them
_BLANK, _COMMA, _BACKSLASH = _mask_of(32, 32), _mask_of(44, 44), _mask_of(92, 92)
_X, _U = _mask_of(120, 120), _mask_of(117, 117)
_LESS = _mask_of(60, 60)


@numba.njit(cache=True, nogil=True)
def measure(data: Any, offsets: Any, letters: Any, marks: Any) -> Any:
    """Counts of each text (a row of int64, in the order of `quality`), and whether it is marked.

    Args:
        data: texts in UTF-8, one behind the other.
        offsets: where each begins, and where the last ends.
        letters: class of each code point: 1 alphabetic, 2 decimal digit, 0 else.
        marks: generated marks, a row each, padded with zeros.
    """
    count = len(offsets) - 1
    counts = np.zeros((count, 8), np.int64)
    found = np.zeros(count, np.bool_)
    block = np.empty(64, np.uint8)
    for row in range(count):
        text = data[offsets[row] : offsets[row + 1]]
        out = counts[row]
        is_ascii, has_units, has_tags = _count_masks(text, block, out)
        if not is_ascii:
            _count_points(text, letters, out)
        if has_units:
            _count_encoded(text, out)
        if has_tags:
            out[7] = _count_visible(text, 0, len(text))
        found[row] = _has_mark(text, 0, len(text), marks)
    return counts, found


@numba.njit(cache=True, nogil=True)
def _masks(text: Any, at: Any) -> Any:
    """Masks of the 64 bytes at a place: line feeds, returns, non-ASCII, letters, digits, base64, hex
    digits, x, what runs of units consist of, `<`, `/`.
    """
    feed, back = _FEED(text, at), _RETURN(text, at)
    letter, digit = _LETTER(text, at), _DIGIT(text, at)
    slash = _SLASH(text, at)
    base64 = letter | digit | slash | _PLUS(text, at) | _EQUALS(text, at) | feed | back
    hexes = digit | _HEX_LETTER(text, at)
    x = _X(text, at)
    unit = hexes | x | _U(text, at) | _BACKSLASH(text, at)
    unit |= _CONTROLS(text, at) | _BLANK(text, at) | _COMMA(text, at)
    return (
        feed, back, _BEYOND(text, at), letter, digit, base64, hexes, x, unit, _LESS(text, at), slash
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _count_masks(text: Any, block: Any, out: Any) -> Any:
    """Counts as if the text were ASCII, without runs of units, and without markup.

    `block` is 64 bytes for the end of the text, filled up with NUL, which is of no class.

    Returns: whether it is ASCII, whether it may have runs of units, whether it may have markup.
    """
    size = len(text)
    lines, longest, line_start, alphabetic, digits = 0, 0, 0, 0, 0
    total, longest_run, run, units = 0, 0, 0, 0
    high, tags, has_units = np.uint64(0), np.uint64(0), False
    was_return, was_less, was_hex, was_unit, was_x = _NONE, _NONE, _NONE, _NONE, _NONE
    for base in range(0, size + 1, 64):
        if base + 64 <= size:
            masks = _masks(text, base)
        else:
            block[:] = 0
            block[: size - base] = text[base:]
            masks = _masks(block, 0)
        feed, back, beyond, letter, digit, base64, hexes, x, unit, less, slash = masks
        high |= beyond
        alphabetic += _count(letter)
        digits += _count(digit)
        ends = feed | back
        if ends:
            lines += _count(ends) - _count(feed & (back << _ONE | was_return))
            left = ends
            while left:
                longest = max(longest, base + _lowest(left) - line_start)
                line_start = base + _lowest(left) + 1
                left &= left - _ONE
                if longest >= 62:  # a line within the block is no longer
                    line_start = base + 64 - _above(ends)
                    break
        was_return = back >> _LAST
        tags |= slash & (less << _ONE | was_less)
        was_less = less >> _LAST
        gaps = ~base64
        if gaps:
            run += _lowest(gaps)
            if run >= _BASE64_MIN:
                total += run
                longest_run = max(longest_run, run)
            run = _above(gaps)
        else:
            run += 64
        # A run of units has seven or more that begin, as hex digits, behind another byte of such a
        # run; digits behind an x may be two units (`\\xabcd`), others are one.
        begun = hexes & ~(hexes << _ONE | was_hex) & (unit << _ONE | was_unit)
        begun &= hexes >> _ONE | _ONE << _LAST
        if begun and not has_units:
            has_units, units = _follow(begun, x << _ONE | was_x, ~unit, units)
        elif ~unit:
            units = 0
        was_hex, was_unit, was_x = hexes >> _LAST, unit >> _LAST, x >> _LAST
    if size and text[size - 1] != 10 and text[size - 1] != 13:
        lines += 1
        longest = max(longest, size - line_start)
    out[0], out[1], out[2], out[3], out[4] = lines, size, longest, alphabetic, alphabetic + digits
    out[5], out[6] = total, longest_run
    return high == _NONE, has_units, tags != _NONE


@numba.njit(cache=True, nogil=True)
def _follow(begun: Any, behind_x: Any, breaks: Any, units: int) -> Any:
    """Whether as many units as a run has begin without a break, and how many did since the last.

    Args:
        begun: where units may begin.
        behind_x: what stands behind an x.
        breaks: bytes that end a run.
        units: how many had begun before, without a break.
    """
    while begun:
        first = begun & -begun
        if breaks & (first - _ONE):
            units = 0
            breaks &= -first
        units += 2 if behind_x & first else 1
        if units >= _UNITS_MIN - 1:
            return True, units
        begun ^= first
    return False, 0 if breaks else units


@numba.njit(cache=True, nogil=True)
def _count_points(data: Any, letters: Any, out: Any) -> None:
    """The same for any UTF-8: each code point is decoded."""
    start, end = 0, len(data)
    lines, chars, longest, line_start = 0, 0, 0, 0
    alphabetic, alphanumeric = 0, 0
    previous_cr = False
    pending = False
    at = start
    while at < end:
        byte = data[at]
        if byte < 0x80:
            point = np.int64(byte)
            at += 1
        elif byte < 0xE0:
            point = np.int64(byte & 0x1F) << 6 | np.int64(data[at + 1] & 0x3F)
            at += 2
        elif byte < 0xF0:
            point = (
                np.int64(byte & 0x0F) << 12
                | np.int64(data[at + 1] & 0x3F) << 6
                | np.int64(data[at + 2] & 0x3F)
            )
            at += 3
        else:
            point = (
                np.int64(byte & 0x07) << 18
                | np.int64(data[at + 1] & 0x3F) << 12
                | np.int64(data[at + 2] & 0x3F) << 6
                | np.int64(data[at + 3] & 0x3F)
            )
            at += 4
        if point == 10 or point == 13:
            if point == 13 or not previous_cr:
                longest = max(longest, chars - line_start)
                lines += 1
            chars += 1
            line_start = chars
            previous_cr = point == 13
            pending = False
            continue
        previous_cr = False
        pending = True
        chars += 1
        kind = letters[point]
        if kind:
            alphanumeric += 1
            if kind == 1:
                alphabetic += 1
    if pending:
        longest = max(longest, chars - line_start)
        lines += 1
    out[0], out[1], out[2], out[3], out[4] = lines, chars, longest, alphabetic, alphanumeric


def _table(members: bytes) -> np.ndarray:
    table = np.zeros(256, np.bool_)
    table[np.frombuffer(members, np.uint8)] = True
    return table


_DIGITS = b"0123456789"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_HEX = _table(_DIGITS + b"ABCDEFabcdef")
_WORD = _table(_DIGITS + _LETTERS + b"_")
_BASE64 = _table(_DIGITS + _LETTERS + b"+/=\r\n")
_UNITS = _table(_DIGITS + b"ABCDEFabcdefxu\\, \t\n\v\f\r")
_BASE64_MIN: Final = 64  # bytes of a run of base64
_UNITS_MIN: Final = 8  # units of a run of hex bytes or escapes
_UNITS_MIN_BYTES: Final = 23  # of such a run: eight pairs and what is between them


@numba.njit(cache=True, nogil=True)
def _hex_unit(data: Any, at: int, end: int) -> int:
    """Length of a hex unit at a place, 0 if there is none."""
    prefix = 0
    if at + 1 < end and data[at + 1] == 120 and (data[at] == 48 or data[at] == 92):
        prefix = 2
    stop = at + prefix + 2
    if stop > end or not _HEX[data[stop - 2]] or not _HEX[data[stop - 1]]:
        return 0
    if data[at] != 92 and stop < end and _WORD[data[stop]]:
        return 0
    return prefix + 2


@numba.njit(cache=True, nogil=True)
def _hex_run(data: Any, start: int, end: int) -> Any:
    """Units and end of the run of hex units that begins at a place."""
    units, at, stop = 0, start, start
    while at < end:
        length = _hex_unit(data, at, end)
        if length == 0:
            break
        units += 1
        at += length
        stop = at
        while at < end and (data[at] == 44 or data[at] == 32 or 9 <= data[at] <= 13):
            at += 1
    return units, stop


@numba.njit(cache=True, nogil=True)
def _escape_run(data: Any, start: int, end: int) -> Any:
    units, at = 0, start
    while at + 6 <= end and data[at] == 92 and data[at + 1] == 117:
        good = True
        for k in range(2, 6):
            if not _HEX[data[at + k]]:
                good = False
        if not good:
            break
        units += 1
        at += 6
    return units, at


@numba.njit(cache=True, nogil=True)
def _count_encoded(data: Any, out: Any) -> None:
    """Runs of units, and of base64 in what is between them.

    A run of units is in a stretch of bytes that such runs consist of, as long as the shortest: every
    23rd byte tells whether there may be one.
    """
    end = len(data)
    total, longest, begin, floor = 0, 0, 0, 0
    at = _UNITS_MIN_BYTES - 1
    while at < end:
        first = at
        while first >= floor and _UNITS[data[first]]:
            first -= 1
        if first >= floor:
            floor = first + 1
            at = first + _UNITS_MIN_BYTES
            continue
        first, last = floor, at + 1
        while last < end and _UNITS[data[last]]:
            last += 1
        follows_word = first > 0 and _WORD[data[first - 1]]
        at = first
        while at < last:
            units, stop = _run_at(data, at, end, follows_word)
            if units >= _UNITS_MIN:
                some, most = _base64_between(data, begin, at)
                total += some + stop - at
                longest = max(longest, most, stop - at)
                begin = at = stop
                follows_word = True
            else:
                follows_word = _WORD[data[at]]
                at += 1
        floor = last
        at = last + _UNITS_MIN_BYTES
    some, most = _base64_between(data, begin, end)
    out[5], out[6] = total + some, max(longest, most)


@numba.njit(cache=True, nogil=True)
def _run_at(data: Any, at: int, end: int, follows_word: Any) -> Any:
    """Units and end of the run of units that begins at a place: 0 if none does."""
    byte = data[at]
    if byte == 92 and at + 1 < end:
        if data[at + 1] == 120:
            return _hex_run(data, at, end)
        if data[at + 1] == 117:
            return _escape_run(data, at, end)
    # A bare hex unit can only begin where a word does: 0x.. or a pair of digits.
    if _HEX[byte] and not follows_word and _hex_unit(data, at, end):
        return _hex_run(data, at, end)
    return 0, at


@numba.njit(cache=True, nogil=True)
def _base64_between(data: Any, begin: int, stop: int) -> Any:
    """Bytes of the runs of base64 that begin and end between two places, and of the longest."""
    total, longest, floor = 0, 0, begin
    at = begin + _BASE64_MIN - 1
    while at < stop:
        first = at
        while first >= floor and _BASE64[data[first]]:
            first -= 1
        if first >= floor:
            floor = first + 1
            at = first + _BASE64_MIN
            continue
        last = at + 1
        while last < stop and _BASE64[data[last]]:
            last += 1
        if last == len(data) or not _BASE64[data[last]]:
            total += last - floor
            longest = max(longest, last - floor)
        floor = last
        at = last + _BASE64_MIN
    return total, longest


@numba.njit(cache=True, nogil=True)
def _opens(data: Any, at: int, end: int, name: Any) -> bool:
    """Whether a tag name in lower case stands at a place, letter case ignored."""
    if at + len(name) > end:
        return False
    for k in range(len(name)):
        if data[at + k] | 0x20 != name[k]:
            return False
    return at + len(name) == end or not _WORD[data[at + len(name)]]


_SCRIPT = np.frombuffer(b"script", np.uint8)
_STYLE = np.frombuffer(b"style", np.uint8)


@numba.njit(cache=True, nogil=True)
def _count_visible(data: Any, start: int, end: int) -> int:
    """Characters outside tags, scripts and styles; a run of white space counts as one."""
    visible = 0
    space = True
    at = start
    while at < end:
        byte = data[at]
        if byte == 60:
            skip = 0
            if _opens(data, at + 1, end, _SCRIPT):
                skip = 1
            elif _opens(data, at + 1, end, _STYLE):
                skip = 2
            if skip:
                at += 1
                while at < end:
                    if data[at] == 60 and at + 1 < end and data[at + 1] == 47:
                        if skip == 1 and _opens(data, at + 2, end, _SCRIPT):
                            break
                        if skip == 2 and _opens(data, at + 2, end, _STYLE):
                            break
                    at += 1
            while at < end and data[at] != 62:
                at += 1
            at += 1
            continue
        if byte == 32 or 9 <= byte <= 13:
            if not space:
                visible += 1
            space = True
        elif byte & 0xC0 != 0x80:
            visible += 1
            space = False
        at += 1
    return visible


@numba.njit(cache=True, nogil=True)
def _has_mark(data: Any, start: int, end: int, marks: Any) -> bool:
    lines = 0
    stop = min(end, start + _GENERATED_BYTES)
    for at in range(start, stop):
        byte = data[at]
        if byte == 10:
            lines += 1
            if lines == GENERATED_LINES:
                return False
        low = byte | 0x20 if 65 <= byte <= 90 else byte
        for row in range(len(marks)):
            if low != marks[row, 0]:
                continue
            k = 1
            while marks[row, k] and at + k < end:
                other = data[at + k]
                if 65 <= other <= 90:
                    other |= 0x20
                if other != marks[row, k]:
                    break
                k += 1
            if marks[row, k] == 0:
                return True
    return False
