"""What is given to which name: a lexer over bytes, for many syntaxes at once, in compiled code.

In: the bytes of a text, and where words such as `password` or `key` end in it. Out: columns of (name,
sign, value): spans, the kind of the sign between them, how the value is written. Always holds: what is
read around a word is bounded (`NAME_MAX`, `GAP_MAX`, `VALUE_MAX`), each name is read once, and what
comes out of a text depends on that text alone.

One grammar stands for the languages; a name is followed by

    closers   quotes, brackets, array sizes, escaped quotes       password"]  secret[]  key[32]
    type      of a constant or a column                           : &str   As String   VARCHAR(40)
    sign      = := == != => :  ( , > or a blank                   see `SIGNS`
    openers   brackets, string prefixes, a call, escaped quotes   ("  b'  @"  String::from("
    list      the first of one, on a line of its own              - value   [ value
    scheme    of a header of HTTP                                 token   Basic
    value     up to the same quote, or a bare word
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

NAME_MAX = 64
"""Bytes of a name on either side of its word; longer ones are data."""

GAP_MAX = 96
"""Bytes from a name to its value: alignment in configuration reaches tens of blanks."""

TYPE_MAX = 40
"""Bytes of a type between a name and its sign."""

VALUE_MIN = 4
"""Bytes of the shortest value that is worth a look: a PIN."""

VALUE_MAX = 512
"""Bytes of a value: longer ones are data, or keys in blocks, which `blocks` finds."""

ARGUMENTS_MAX = 3
"""Strings after the first: of host, realm, user and password the last is looked for."""

EQUALS, COLON, ARROW, COMPARE, CALL, COMMA, TAG, BLANK, TYPED = range(1, 10)
SIGNS = {
    EQUALS: "= := += ?=",
    COLON: ": ::",
    ARROW: "=>",
    COMPARE: "== === != !==",
    CALL: "(",
    COMMA: ",",
    TAG: "> and value=",
    BLANK: "blanks before a quoted value",
    TYPED: "= after a type",
}

BARE, QUOTED, ESCAPED, CONTENT, BLOCK = range(5)
"""How a value is written: a word, in quotes, in escaped quotes (a string in a string), between tags,
on the line after its name (a block of YAML)."""

WRAPPED, PAIRED, LISTED = 1, 2, 3
"""Marks: the value is an argument of a call that stands where a value should; it follows another one; it
is the first of a list, one a line."""


_NAME, _QUOTE, _SPACE, _STOP, _TYPE, _ALNUM = 1, 2, 4, 8, 16, 32


def _classes() -> npt.NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for letter in range(256):
        byte = bytes([letter])
        table[letter] |= _ALNUM * (byte.isalnum())
        table[letter] |= _NAME * (byte.isalnum() or byte in b"_.-$" or letter >= 0x80)
        table[letter] |= _QUOTE * (byte in b"\"'`")
        table[letter] |= _SPACE * (byte in b" \t")
        table[letter] |= _STOP * (byte in b" \t\r\n\v\f\"'`,;<>(){}[]\\" or letter < 0x20)
        table[letter] |= _TYPE * (byte.isalnum() or byte in b"_&<>[]?*:., |'")
    return table


CLASSES = _classes()


@numba.njit(cache=True)
def _is_at(text: npt.NDArray[np.uint8], at: int, stop: int, word: bytes) -> bool:
    if at + len(word) > stop:
        return False
    for i in range(len(word)):
        letter = text[at + i]
        if 0x41 <= letter <= 0x5A:
            letter += 0x20
        if letter != word[i]:
            return False
    return True


@numba.njit(cache=True)
def _quote_at(text: npt.NDArray[np.uint8], at: int, stop: int) -> int:
    r"""Length of an opening or closing quote, however escaped: " \" \\\" &quot; \u0022 %22; or 0."""
    i = at
    while i < stop and text[i] == 0x5C and i - at < 8:
        i += 1
    if i < stop and CLASSES[text[i]] & _QUOTE:
        return i - at + 1
    if i > at and (_is_at(text, i, stop, b"u0022") or _is_at(text, i, stop, b"u0027")):
        return i - at + 5
    if i > at and (_is_at(text, i, stop, b"x22") or _is_at(text, i, stop, b"x27")):
        return i - at + 3
    if i == at and text[i] == 0x26:
        if _is_at(text, i, stop, b"&quot;") or _is_at(text, i, stop, b"&apos;"):
            return 6
        if _is_at(text, i, stop, b"&#34;") or _is_at(text, i, stop, b"&#39;"):
            return 5
    if i == at and (_is_at(text, i, stop, b"%22") or _is_at(text, i, stop, b"%27")):
        return 3
    return 0


@numba.njit(cache=True)
def _blanks(text: npt.NDArray[np.uint8], at: int, stop: int) -> int:
    while at < stop and CLASSES[text[at]] & _SPACE:
        at += 1
    return at


@numba.njit(cache=True)
def _line_end(text: npt.NDArray[np.uint8], at: int, stop: int) -> int:
    """Past blanks, a line end (written out, too) and the blanks after it; `at` where there is none."""
    i = _blanks(text, at, stop)
    if i < stop and text[i] == 0x5C and i + 1 < stop and text[i + 1] in (0x0D, 0x0A):
        i += 1
    start = i
    while i < stop and text[i] in (0x0D, 0x0A) and i - start < 2:
        i += 1
    return _blanks(text, i, stop) if i > start else at


@numba.njit(cache=True)
def _closers(text: npt.NDArray[np.uint8], at: int, stop: int) -> tuple[int, bool, bool]:
    """Past what may close a name; whether there was a quote, and whether an array's size."""
    is_quoted = is_array = False
    for _ in range(6):
        length = _quote_at(text, at, stop)
        if length:
            if length == 1 and is_quoted:
                break
            is_quoted, at = True, at + length
        elif at < stop and text[at] in (0x5D, 0x29, 0x7D):  # ] ) }
            at += 1
        elif at < stop and text[at] == 0x5B:  # [] or [32] or, after another one, ['name']
            i = at + 1
            if text[at - 1] == 0x5D and _quote_at(text, i, stop) == 1:
                i += 1
                while i < stop and CLASSES[text[i]] & _NAME:
                    i += 1
                if i + 1 >= stop or text[i] != text[at + 1] or text[i + 1] != 0x5D:
                    break
                at = i + 2
                continue
            while i < stop and i - at < 12 and CLASSES[text[i]] & _ALNUM:
                i += 1
            if i >= stop or text[i] != 0x5D:
                break
            at, is_array = i + 1, True
        else:
            break
    return at, is_quoted, is_array


@numba.njit(cache=True)
def _after_type(text: npt.NDArray[np.uint8], at: int, stop: int) -> int:
    """Where `=` stands after a type, as in `: &'static str =` or ` string =`; `at` if none does."""
    at = _blanks(text, at, stop)
    i, depth, last = at, 0, 0
    while i < stop and i - at < TYPE_MAX:
        letter = text[i]
        is_second = CLASSES[letter] & _ALNUM and i > at and text[i - 1] == 0x20 and depth == 0
        if is_second and text[at] != 0x26 and last != 0x7C:
            return at  # two words are a type only in `&'static str` and `string | null`
        if letter != 0x20:
            last = letter
        if letter in (0x3C, 0x5B):  # < [
            depth += 1
        elif letter in (0x3E, 0x5D):  # > ]
            depth -= 1
        elif letter == 0x2C and depth <= 0:  # a comma outside of brackets ends what has no value
            return at
        elif letter == 0x3D:
            follows = text[i + 1] if i + 1 < stop else 0
            return i if i > at and depth == 0 and follows not in (0x3D, 0x3E, 0x7E) else at
        if not CLASSES[letter] & _TYPE and not (letter == 0x3B and depth > 0):  # [u8; 32]
            return at
        if letter == 0x27 and i + 1 < stop and not CLASSES[text[i + 1]] & _ALNUM:
            return at
        i += 1
    return at


@numba.njit(cache=True)
def _sign(  # noqa: PLR0917 - compiled code takes no keywords
    text: npt.NDArray[np.uint8],
    at: int,
    stop: int,
    is_quoted: bool,
    is_array: bool,
    is_in_tuple: bool,
) -> tuple[int, int]:
    """The kind of the sign after a name, and where it ends; kind 0 where there is none."""
    start = at
    at = _blanks(text, at, stop)
    if at >= stop:
        return 0, at
    if text[at] in (0x3F, 0x21) and at + 1 < stop and text[at + 1] == 0x3A:
        at += 1  # TypeScript's `password?: string`
    letter = text[at]
    follows = text[at + 1] if at + 1 < stop else 0
    if letter == 0x3D:  # =
        if follows == 0x3D:
            return 4, at + (3 if at + 2 < stop and text[at + 2] == 0x3D else 2)
        return (3, at + 2) if follows == 0x3E else (1, at + 1)
    if letter == 0x21 and follows == 0x3D:  # !=
        return 4, at + (3 if at + 2 < stop and text[at + 2] == 0x3D else 2)
    if letter in (0x2B, 0x3F, 0x7C) and follows == 0x3D:  # += ?=
        return 1, at + 2
    if letter in (0x3F, 0x7C) and follows == letter and at + 2 < stop and text[at + 2] == 0x3D:
        return 1, at + 3
    if letter == 0x3A:  # :
        if follows == 0x3D:
            return 1, at + 2
        if follows == 0x3A:
            return 2, at + (3 if at + 2 < stop and text[at + 2] == 0x3D else 2)
        begun = _blanks(text, at + 1, stop)
        if _is_at(text, begun, stop, b"constant "):  # Ada
            begun += 9
        typed = 0 if is_quoted else _after_type(text, begun, stop)
        return (9, typed + 1) if typed > _blanks(text, at + 1, stop) else (2, at + 1)
    if letter == 0x28:  # (
        return 5, at + 1
    if letter == 0x7B and at == start and not is_quoted and _quote_at(text, at + 1, stop) == 1:
        return 1, at + 1  # C++'s `key{"..."}`
    if letter == 0x2C and (is_quoted or is_in_tuple):
        return 6, at + 1
    if letter == 0x3C and follows == 0x2D:  # R's <-
        return 1, at + 2
    if letter == 0x3E:  # >
        return 7, at + 1
    if letter == 0x7C and is_quoted is False and is_array is False:
        return 0, at
    if at > start and not is_quoted:
        for word in (b"value=", b"content="):
            if _is_at(text, at, stop, word):
                return 7, at + len(word)
        if _quote_at(text, at, stop) and letter != 0x60:  # prose has words beside `code`
            return 8, at
        if letter == 0x40 and _quote_at(text, at + 1, stop) == 1:  # Objective-C's @"
            return 8, at
        begun = at + 3 if _is_at(text, at, stop, b"as ") else at
        typed = _after_type(text, begun, stop)
        if typed > begun:
            return 9, typed + 1
        begun = _past_options(text, at, stop)
        if begun > at and _quote_at(text, begun, stop):
            return 8, begun
        if _is_at(text, at, stop, b"for "):  # SQL's SET PASSWORD FOR 'user'@'host' =
            while at < stop and text[at] not in (0x3D, 0x0A, 0x3B):
                at += 1
            return (9, at + 1) if at < stop and text[at] == 0x3D else (0, at)
        for word in (b"by ", b"to ", b"is ", b"as ", b"with ", b"password ", b"-string "):
            if _is_at(text, at, stop, word) and _quote_at(
                text, _blanks(text, at + len(word), stop), stop
            ):
                return 8, at + len(word)
    elif at > start and is_quoted:
        for word in (b"value=", b"content="):
            if _is_at(text, at, stop, word):
                return 7, at + len(word)
    return 0, at


@numba.njit(cache=True)
def _past_options(text: npt.NDArray[np.uint8], at: int, stop: int) -> int:
    """Past options of a command that stand before its value: `-AsPlainText -Force "..."`."""
    while at + 1 < stop and text[at] == 0x2D and CLASSES[text[at + 1]] & _ALNUM:
        at += 1
        while at < stop and CLASSES[text[at]] & _ALNUM:
            at += 1
        at = _blanks(text, at, stop)
    return at


@numba.njit(cache=True)
def _item(text: npt.NDArray[np.uint8], at: int, stop: int) -> int:
    """Where the first of a list begins that has a line of its own: after `- ` or `[`; `at` if none does."""
    i = _blanks(text, at, stop)
    is_open = i < stop and text[i] == 0x5B
    if is_open:
        i += 1
    begun = _line_end(text, i, stop)
    if begun == i:
        return at
    if is_open:
        return begun if _quote_at(text, begun, stop) else at
    if begun + 1 < stop and text[begun] == 0x2D and text[begun + 1] == 0x20:
        return _blanks(text, begun + 1, stop)
    return at


@numba.njit(cache=True)
def _past_scheme(text: npt.NDArray[np.uint8], at: int, stop: int) -> int:
    """Past the scheme of a header: `Authorization: token ...`."""
    for word in (b"token ", b"basic ", b"apikey "):
        if _is_at(text, at, stop, word):
            return at + len(word)
    return at


@numba.njit(cache=True)
def _is_argument(text: npt.NDArray[np.uint8], start: int, low: int) -> bool:
    """Whether a quoted name is the first of a call, a list or a pair, not one of many lines."""
    at = start - 1
    if at < low or not CLASSES[text[at]] & _QUOTE:
        return False
    while at > low and (CLASSES[text[at]] & (_QUOTE | _SPACE) or text[at] == 0x5C):
        at -= 1
    return text[at] in (0x28, 0x5B, 0x7B)


@numba.njit(cache=True)
def _is_in_tuple(text: npt.NDArray[np.uint8], start: int, end: int, low: int) -> bool:
    """Whether a name is the atom that begins a tuple of Erlang or Elixir: `{password, ` `{:password, `."""
    at = start - 1
    for i in range(start, end):
        if text[i] == 0x2E or 0x41 <= text[i] <= 0x5A:
            return False
    if at > low and text[at] == 0x3A:
        at -= 1
    if at - 4 >= low and text[at + 1] == 0x3A and _is_at(text, at - 3, end, b"set "):
        return True  # Capistrano's `set :password, `
    return at >= low and text[at] == 0x7B


@numba.njit(cache=True)
def _prefixed(text: npt.NDArray[np.uint8], at: int, stop: int) -> int:
    """Where the quote of a string stands, after a prefix of it: " b" rb" u8"; 0 where there is none."""
    i = at
    while i < stop and i - at < 2 and CLASSES[text[i]] & _ALNUM:
        i += 1
    return i if _quote_at(text, i, stop) == 1 else 0


@numba.njit(cache=True)
def _openers(text: npt.NDArray[np.uint8], at: int, stop: int, sign: int) -> tuple[int, int, bool]:
    """Past blanks, brackets, string prefixes and a call; the length of the quote there, if it is a call."""
    is_call = False
    at = _blanks(text, at, stop)
    if sign in (1, 3, 5, 6, 9) and at < stop and text[at] in (0x0A, 0x0D, 0x5C):
        at = _line_end(text, at, stop)
    if sign == 5 and at < stop and text[at] == 0x24:  # a handle before the strings: ftp_login($c, "
        i = at
        while i < stop and CLASSES[text[i]] & _NAME:
            i += 1
        if i < stop and text[i] == 0x2C:
            at = _blanks(text, i + 1, stop)
    for _ in range(4):
        if at >= stop:
            break
        length = _quote_at(text, at, stop)
        if length:
            return at, length, is_call
        letter = text[at]
        if sign == 7 and _is_at(text, at, stop, b"<![cdata["):
            at += 9
            break
        if (
            letter == 0x3C and sign in (1, 2, 6) and at + 1 < stop and text[at + 1] == 0x3C
        ):  # Erlang's <<"
            at += 2
            continue
        if sign == 7 and (
            _is_at(text, at, stop, b"<string>") or _is_at(text, at, stop, b"<value>")
        ):
            at += 8 if text[at + 1] in (0x53, 0x73) else 7
            break
        if letter in (0x28, 0x5B) and sign != 7:  # ( [ []
            is_empty = letter == 0x5B and at + 1 < stop and text[at + 1] == 0x5D
            at = _line_end(text, at + 1 + is_empty, stop)
            at = _blanks(text, at, stop)
            continue
        if letter in (0x40, 0x2A, 0x26) and _prefixed(text, at + 1, stop) > 0:  # @" *b" &"
            at += 1
            continue
        i = _prefixed(text, at, stop)
        if i > at:
            at = i
            continue
        i = at
        while (
            i < stop and i - at < TYPE_MAX and (CLASSES[text[i]] & _NAME or text[i] in (0x3A, 0x20))
        ):
            i += 1
        if i > at + 1 and i < stop and text[i] == 0x28 and sign != 7:  # Name::from(" new Name("
            inner = _blanks(text, i + 1, stop)
            if inner < stop and _quote_at(text, inner, stop):
                is_same = _is_conversion(text, i)
                at, is_call = inner, not is_same
                continue
        break
    return at, 0, is_call


@numba.njit(cache=True)
def _is_conversion(text: npt.NDArray[np.uint8], end: int) -> bool:
    """Whether the name that ends here turns a string into bytes or another string: `byte(`, `String(`."""
    for word in (b"byte", b"bytes", b"string", b"char"):
        at = end - len(word)
        if at >= 0 and _is_at(text, at, end, word):
            return True
    return False


@numba.njit(cache=True)
def _quoted_end(text: npt.NDArray[np.uint8], at: int, stop: int, opened: int, length: int) -> int:
    """Where the quote that was opened at `opened` (of `length` bytes) is closed; -1 if not on its line."""
    quote, i = text[opened + length - 1], at
    while i < stop and text[i] not in (0x0A, 0x0D):
        if length == 1:
            if text[i] == quote:
                return i
            i += 2 if text[i] == 0x5C else 1
        else:
            is_same = i + length <= stop
            for k in range(length):
                if is_same and text[i + k] != text[opened + k]:
                    is_same = False
            if is_same:
                return i
            i += 1
    return -1


@numba.njit(cache=True)
def read(
    text: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], bounds: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """Spans (name start and end, value start and end) and (sign, form, mark) of each assignment.

    `ends` are the ends of words, sorted; `bounds` holds, for each, where its text ends, and before it
    where it begins: shape (n, 2).
    """
    spans = np.empty(((1 + ARGUMENTS_MAX) * len(ends), 4), np.int64)
    kinds = np.empty(((1 + ARGUMENTS_MAX) * len(ends), 3), np.int8)
    count, read_to, read_from = 0, -1, -1
    for number in range(len(ends)):
        low, high = bounds[number, 0], bounds[number, 1]
        end = ends[number]
        if end <= read_to and low == read_from:
            continue
        start = end - 1
        while start > low and end - start < NAME_MAX and CLASSES[text[start - 1]] & _NAME:
            start -= 1
        while start < end and text[start] == 0x2E:
            start += 1
        if start > low and text[start - 1] == 0x5C:
            if text[start] in (0x6E, 0x72, 0x74):  # the letter of \n, \r or \t before a name
                start += 1
            else:
                start += (
                    _quote_at(text, start - 1, end) - 1 if _quote_at(text, start - 1, end) else 0
                )
        stop = end
        while stop < high and stop - end < NAME_MAX and CLASSES[text[stop]] & _NAME:
            stop += 1
        read_to, read_from = stop, low
        name_end = stop
        while name_end > end and text[name_end - 1] in (0x2D, 0x2E):
            name_end -= 1
        far = min(high, stop + GAP_MAX)
        at, is_quoted, is_array = _closers(text, name_end, far)
        is_in_tuple = _is_in_tuple(text, start, name_end, low)
        sign, at = _sign(text, at, far, is_quoted, is_array, is_in_tuple)
        is_element = sign == 9 and start > low and text[start - 1] == 0x3C  # <password-field class=
        if sign == 0 or is_element:
            continue
        if sign == 6 and not is_in_tuple and not _is_argument(text, start, low):
            continue
        item = _item(text, at, far) if sign == 2 else at
        is_listed = item > at
        opened, length, is_call = _openers(text, item, far, sign)
        far = min(high, opened + length + VALUE_MAX)
        if sign == 2 and length == 0:
            opened = _past_scheme(text, opened, far)
        value = opened + length
        if length:
            close = _quoted_end(text, value, far, opened, length)
            if close < 0:
                continue
            begun = _past_scheme(text, value, close) if sign == 2 else value
            if close - begun >= VALUE_MIN:
                mark = 3 if is_listed else 1 if is_call else 0
                spans[count] = (start, name_end, begun, close)
                kinds[count] = (sign, 1 if length == 1 else 2, mark)
                count += 1
            # more strings: host, user and password as arguments or as a tuple
            for _ in range(ARGUMENTS_MAX):
                after = _blanks(text, close + length, high)
                if after >= high or text[after] != 0x2C:
                    break
                after = _line_end(text, after + 1, high)
                after = _blanks(text, after, high)
                after = max(after, _prefixed(text, after, high))
                length = _quote_at(text, after, high)
                if not length:
                    break
                value = after + length
                close = _quoted_end(text, value, min(high, value + VALUE_MAX), after, length)
                if close < 0:
                    break
                if close - value >= VALUE_MIN:
                    spans[count] = (start, name_end, value, close)
                    kinds[count] = (sign, 1 if length == 1 else 2, 2)
                    count += 1
            continue
        close = opened
        form = 0
        if sign == 7:
            while close < far and text[close] not in (0x3C, 0x5D, 0x0A, 0x0D):
                close += 1
            if close >= far or text[close] not in (0x3C, 0x5D):
                continue
            form = 3
        else:
            if sign in (4, 5, 6, 8, 9) or text[opened - 1] in (0x28, 0x5B):
                continue  # only a quoted value stands there
            if is_listed:
                form = 4
            if sign == 2 and opened < high and text[opened] in (0x7C, 0x3E):  # a block of YAML
                i = opened + 1
                while i < far and text[i] in (0x2D, 0x2B):
                    i += 1
                opened = _line_end(text, i, far)
                close, form = opened, 4
            while close < far and not CLASSES[text[close]] & _STOP:
                close += 1
            if close < high and text[close] in (0x28, 0x5B):  # a call or a look-up
                continue
        if close - opened >= VALUE_MIN:
            spans[count] = (start, name_end, opened, close)
            kinds[count] = (sign, form, 3 if is_listed else 0)
            count += 1
    return spans[:count], kinds[:count]


PASSWORD_WORDS = (b"pass", b"pwd", b"pswd", b"pw", b"login", b"cred", b"auth", b"identified", b"connect", b"sign", b"basic",
                  b"pdo", b"mysqli", b"securestring", b"contrase", b"senha", b"kennwort", b"clave", b"parol")  # fmt: skip
DRAWN_CHARS_MIN = 8
"""Characters of the shortest drawn value: `strength.VALUE_CHARS_MIN`."""
DRAWN_DISTINCT_MIN = 5
"""Distinct ones of them: 0.75 times the 3 bits of 8 characters takes 4.8."""
LETTERS_MIN = 13
"""Letters alone are drawn from `strength.PAIRS_MIN` pairs on."""


@numba.njit(cache=True)
def _holds(text: npt.NDArray[np.uint8], start: int, stop: int, word: bytes) -> bool:
    for at in range(start, stop - len(word) + 1):  # noqa: SIM110 (there is no `any` in numba)
        if _is_at(text, at, stop, word):
            return True
    return False


@numba.njit(cache=True)
def likely(
    text: npt.NDArray[np.uint8],
    spans: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.int8],
) -> npt.NDArray[np.bool_]:
    """Which assignments may be of a secret, seen from the bytes of the value alone.

    A superset of what `strength` calls drawn, and of passwords under the names that may be of one.
    """
    out = np.zeros(len(spans), np.bool_)
    seen = np.zeros(256, np.int64)
    for i in range(len(spans)):
        name, name_end, start, stop = spans[i]
        letters = digits = distinct = 0
        is_word = True
        for at in range(start, stop):
            letter = text[at]
            if letter <= 0x20:
                is_word = False
            if 0x30 <= letter <= 0x39:
                digits += 1
            elif CLASSES[letter] & _ALNUM or letter >= 0x80:
                letters += 1
            if seen[letter] != i + 1:
                seen[letter] = i + 1
                distinct += 1
        if not is_word or distinct < 3:
            continue
        is_drawn = stop - start >= DRAWN_CHARS_MIN and distinct >= DRAWN_DISTINCT_MIN
        is_drawn = is_drawn and (digits > 0 or letters >= LETTERS_MIN)
        if is_drawn and 2 * (letters + digits) >= stop - start:
            out[i] = True
        elif kinds[i, 2] != 1:
            for word in PASSWORD_WORDS:
                out[i] = out[i] or _holds(text, name, name_end, word)
    return out


def assignments(
    text: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], bounds: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """What is given to the names that words end in, where it may be a secret; see `read` for what comes in.

    Rows of (name start, name end, value start, value end, sign, form, mark), in order of names.
    """
    spans, kinds = read(text, ends, bounds)
    kept = likely(text, spans, kinds)
    return np.concatenate([spans[kept], kinds[kept].astype(np.int64)], axis=1)
