"""Licence statements inside a text: SPDX tags and the licence headers of source files.

In: texts. Out: statements with canonical expression, detector, score and byte range.
Always holds: a header is named by its words, never by resemblance; what the words leave open (which
GPL version) is read as they say it; words that point to a licence file instead ("a BSD-style licence
that can be found in LICENSE") say that there are terms, and that file speaks through its directory;
words that limit or deny use hold beside whatever is granted (RESTRICTED).

Each step on less text than the one before: words that every licence uses, in the head of the file,
and words of notices in the rest of it; the window around them, as plain lower-case words; all rules
at once over that window; where one of them says that there is more to it (limits, parts, licences of
others), its sentences (`prose`).
Source: SPDX 3.0.1, annex D (tags); the notices that the licences themselves ask authors to use.
"""

# ruff: noqa: PLR2004 - the bytes are those of ASCII

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import hyperscan
import license_expression
import numba
import numpy as np

from stackyard.filter import prose
from stackyard.filter.expression import (
    PUBLIC_DOMAIN,
    RESTRICTED,
    UNRECOGNIZED,
    canonical,
    conjunction,
    families,
    simplify,
)
from stackyard.filter.manifests import PART, TERMS
from stackyard.filter.texts import append

HEAD_BYTES: Final = 8_192
"""How far into a file a header may begin: 120 lines of code are hardly longer."""

_BEFORE_BYTES = 600  # of text before the first clue: where the sentence that it ends may begin
_AFTER_BYTES = 1_200  # of text after the last clue: the longest notice without another one
HEADER_SCORE: Final = 0.95
"""Share of header statements that agree with Debian's copyright files (docs/quality-filter.md)."""


class Statement(NamedTuple):
    """What a text says of its licence: `start_byte` and `end_byte` are in its UTF-8 text."""

    kind: str
    detector: str
    expression: str
    score: float
    start_byte: int
    end_byte: int


_TAG_WORD = rb"SPDX-License-Identifier:"
_TAG = re.compile(_TAG_WORD + rb"[ \t]*([^\r\n]{0,300})")
_TAG_END = re.compile(
    rb"\s*(?:\*/|-->|\*\)|-\}|%>|\?>|#\}|\"\"\"|'''|\]\]|@end|\\n).*$|[\s\"'`;,*#]+$", re.DOTALL
)
_CLUES: Final = (
    rb"licen[sc]",
    rb"permission (?:is|to)",
    rb"redistribut",
    rb"public.domain",
    rb"[la]?gpl",
    rb"unlimited permission",
    rb"copying and distribution",
    rb"warranty",
    # what limits or denies
    rb"confidential",
    rb"proprietary",
    rb"internal[^\n]{0,60}use|use[^\n]{0,40}internal",
    rb"prohibited|forbidden|unauthori[sz]ed|trade secret",
    rb"commercial",
    rb"rights[^\n]{0,20}reserved",
    rb"not be (?:copied|reproduced|distributed|redistributed|disclosed|sold|resold|shared)",
    rb"not (?:copy|distribute|redistribute|share|disclose)",
    rb"no part of|not for (?:distribution|release|public|resale|redistribution)",
    rb"(?:research|academic|educational|personal|evaluation)[^\n]{0,30}(?:use|purpose)",
    rb"(?:not|never|no)[^\n]{0,60}\btrain",
    # a name alone: nothing else in the line need sound like a licence
    rb"under[^\n]{0,12}\b(?:mit|bsd|apache|isc|expat|zlib|mpl)\b",
    rb"\b(?:mit|bsd|apache|isc|expat|zlib|mpl)\b[^\n]{0,60}\b(?:but|only|except|unless)\b",
)
_NOTICES: Final = (
    rb"licen[sc]ed (?:under|to|for|only)",
    rb"(?:released|distributed|available|redistributed|published|provided) under",
    rb"under (?:the )?(?:same )?terms",
    rb"same terms",
    rb"public licen[sc]e|\bgpl",
    rb"(?:mit|bsd|apache|isc|mozilla)[^\n]{0,30}licen[sc]e",
    rb"free software",
    rb"permission is hereby",
    rb"redistribution and use",
    rb"public.domain",
    rb"confidential|proprietary",
    rb"prohibited|forbidden",
    rb"commercial use",
    rb"rights[^\n]{0,20}reserved",
)
_NOTICES_MAX: Final = 64
"""Words of notices that are looked at beyond the head of a file, and as many in its last
HEAD_BYTES: more are a table of licences, not notices."""


def statements(text: bytes) -> list[Statement]:
    """Statements of a text in UTF-8 in order of their place; empty if it makes none."""
    return [statement for _, statement in column_statements(*_alone(text))]


def window(text: bytes) -> tuple[int, int]:
    """The range of lines around what sounds like a licence, (0, 0) if nothing does."""
    return next(((start, stop) for _, start, stop, _ in _windows(*_alone(text))), (0, 0))


def _alone(text: bytes) -> tuple[np.ndarray, np.ndarray]:
    """A column of one text."""
    return np.frombuffer(text, np.uint8), np.array([0, len(text)])


def column_statements(data: np.ndarray, offsets: np.ndarray) -> Iterator[tuple[int, Statement]]:
    """(row, statement) of the texts of a column, in the order of rows and of places in them.

    Args:
        data: bytes of texts in UTF-8, one behind the other.
        offsets: where each begins, and where the last ends.
    """
    found: dict[int, list[Statement]] = {}
    for row, at in _tag_places(data, offsets):
        tag = _tag(data[offsets[row] : offsets[row + 1]].data, at)
        if tag is not None:
            found.setdefault(row, []).append(tag)
    for row, start, stop, words in _windows(data, offsets):
        base = offsets[row]
        for kind, expression in _head_says(words, data[base : base + stop], start):
            header = Statement(kind, "header-rules", expression, HEADER_SCORE, start, stop)
            found.setdefault(row, []).append(header)
    for row, start, stop, kind, expression in _notices(data, offsets):
        notice = Statement(kind, "header-rules", expression, HEADER_SCORE, start, stop)
        found.setdefault(row, []).append(notice)
    for row in sorted(found):
        for statement in sorted(found[row], key=lambda each: (each.start_byte, each.kind)):
            yield row, statement


def _tag_places(data: np.ndarray, offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    """(row, place in its text) of what tags begin with, looked for in all texts at once."""
    ends: list[int] = []
    view = data[offsets[0] : offsets[-1]].data
    _tag_database().scan(view, match_event_handler=_collect_end, context=ends)
    for end in ends:
        place = offsets[0] + end - len(_TAG_WORD)
        row = int(np.searchsorted(offsets, place, "right")) - 1
        yield row, int(place - offsets[row])


def _tag(text: Any, at: int) -> Statement | None:
    """The tag at a place; None if it names nothing, or only the next text completes it."""
    match = _TAG.match(text, at)
    value = b"" if match is None else _TAG_END.sub(b"", match[1])
    if match is None or not value or value[:1] in b"{<$%[":  # a placeholder or a format string
        return None
    expression = canonical(value.decode(errors="replace"))
    if expression is None:
        return None
    return Statement("spdx-tag", "spdx", expression, 1.0, match.start(), match.end(1))


def _windows(data: np.ndarray, offsets: np.ndarray) -> Iterator[tuple[int, int, int, bytes]]:
    """(row, start, stop, words) of the range around what sounds like a licence, where something does.

    The heads of all texts are searched at once, a line end between them: no clue spans one.
    """
    lengths = np.minimum(np.diff(offsets), HEAD_BYTES)
    starts = np.concatenate([[0], np.cumsum(lengths + 1)])
    heads = np.empty(starts[-1], np.uint8)
    _fill(data, offsets, starts, heads)
    heads.setflags(write=False)
    ends: list[int] = []
    _clue_database().scan(heads.data, match_event_handler=_collect_end, context=ends)
    if not ends:
        return
    places = np.array(ends)
    rows = np.searchsorted(starts, places - 1, "right") - 1
    hit, number = np.unique(rows, return_inverse=True)
    clues = np.array([np.full(len(hit), len(heads)), np.zeros(len(hit))], np.int64)
    np.minimum.at(clues[0], number, places)
    np.maximum.at(clues[1], number, places)
    words = np.empty(int(lengths[hit].sum()) + len(hit), np.uint8)
    ranges = _normalise_all(heads, starts, hit, clues, words)
    text = words.tobytes()
    for row, (start, stop, begin, end) in zip(hit.tolist(), ranges.tolist(), strict=True):
        yield row, start, stop, text[begin:end]


@numba.njit(cache=True, nogil=True)
def _fill(data: Any, offsets: Any, starts: Any, heads: Any) -> None:
    """Heads of texts, each followed by a line end."""
    for row in range(len(starts) - 1):
        length = starts[row + 1] - starts[row] - 1
        begin, stop = starts[row], starts[row] + length
        heads[begin:stop] = data[offsets[row] : offsets[row] + length]
        heads[stop] = 10


@numba.njit(cache=True, nogil=True)
def _normalise_all(heads: Any, starts: Any, rows: Any, clues: Any, words: Any) -> Any:
    """Range of each window in its text, and range of its words in `words`, a row each.

    `clues` has the first and the last end of a clue in each of the rows.
    """
    out = np.empty((len(rows), 4), np.int64)
    count = 0
    for number, row in enumerate(rows):
        begin, end = starts[row], starts[row + 1] - 1
        start = max(begin, clues[0, number] - _BEFORE_BYTES)
        while start > begin and heads[start - 1] != 10:
            start -= 1
        stop = min(end, clues[1, number] + _AFTER_BYTES)
        size = _normalise(heads[start:stop], words[count:])
        out[number] = (start - begin, stop - begin, count, count + size)
        count += size
    return out


def _collect_end(_number: int, _start: int, end: int, _flags: int, ends: list[int]) -> None:
    ends.append(end)


def _collect_number(number: int, _start: int, _end: int, _flags: int, hits: set[int]) -> None:
    hits.add(number)


def _database(patterns: tuple[bytes, ...], flags: int) -> Any:
    database = hyperscan.Database()
    database.compile(
        expressions=list(patterns),
        ids=list(range(len(patterns))),
        elements=len(patterns),
        flags=[flags] * len(patterns),
    )
    return database


@functools.cache
def _tag_database() -> Any:
    return _database((_TAG_WORD,), 0)


@functools.cache
def _clue_database() -> Any:
    return _database(_CLUES, hyperscan.HS_FLAG_CASELESS)


def normal(raw: Any) -> bytes:
    """Words of a window: no comment marks, no line ends, one space between words, lower case.

    Args:
        raw: its bytes as uint8. Lines with an SPDX tag are left out: they have been read already.
    """
    out = np.empty(len(raw) + 1, np.uint8)
    return out[: _normalise(raw, out)].tobytes()


_KEPT = np.zeros(256, np.uint8)
for _byte in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+<>@/:()-":
    _KEPT[_byte] = _byte | 0x20 if 65 <= _byte <= 90 else _byte
_MARK = np.zeros(256, np.uint8)  # what comment leaders are made of
for _byte in b"/*#;%!-\"'|<>{}():=.\\ \t":
    _MARK[_byte] = 1
_SPDX = np.frombuffer(b"SPDX-License-Identifier", np.uint8)


@numba.njit(cache=True, nogil=True)
def _normalise(raw: Any, out: Any) -> int:
    count, at, end = 0, 0, len(raw)
    line_start = True
    while at < end:
        byte = raw[at]
        if line_start:
            if _MARK[byte]:
                at += 1
                continue
            line_start = False
            # `dnl` and `rem` lead comments too
            if at + 3 < end and raw[at + 3] == 32:
                low = (raw[at] | 32, raw[at + 1] | 32, raw[at + 2] | 32)
                if low in ((100, 110, 108), (114, 101, 109)):
                    at += 3
                    continue
        if byte == 83 and at + len(_SPDX) <= end:  # S
            k = 1
            while k < len(_SPDX) and raw[at + k] == _SPDX[k]:
                k += 1
            if k == len(_SPDX):
                while at < end and raw[at] != 10:
                    at += 1
                continue
        if byte == 10:
            line_start = True
        count = append(out, count, _KEPT[byte])
        at += 1
    return count


_RULES: Final[tuple[tuple[bytes, str], ...]] = (
    (rb"apache licen[sc]e,? ?\(?v?(?:ersion|\.)? ?2", "Apache-2.0"),
    (rb"apache\.org/licenses/license-2|apache-2\.0|apache 2\.0 licen[sc]e|apache2 licen[sc]e", "Apache-2.0"),
    (rb"apache software licen[sc]e,? (?:version )?2", "Apache-2.0"),
    (rb"apache software licen[sc]e,? (?:version )?1\.1", "Apache-1.1"),
    (rb"mozilla public licen[sc]e,? ?\(?v?(?:ersion|\.)? ?2|mozilla\.org/mpl/2|\bmpl[ -]?v?2\.0", "MPL-2.0"),
    (rb"mozilla public licen[sc]e,? ?(?:version )?1\.1|mpl 1\.1/gpl 2\.0/lgpl 2\.1", "MPL-1.1"),
    (rb"common development and distribution licen[sc]e|\bcddl\b", "CDDL-1.0"),
    (rb"eclipse public licen[sc]e,? ?-?v?(?:ersion)?\.? ?2|epl-2\.0|epl-v20", "EPL-2.0"),
    (rb"eclipse public licen[sc]e|epl-1\.0|epl-v10", "EPL-1.0"),
    (rb"boost software licen[sc]e|boost\.org/license_1_0", "BSL-1.0"),
    ((rb"permission to use copy modify (?:and/or|and|or) distribute this software for any purpose "
     rb"with or without fee is hereby granted"), "ISC"),
    (rb"isc licen[sc]e", "ISC"),
    ((rb"permission to use copy modify (?:and )?distribute (?:and sell )?this software and its "
     rb"documentation for any purpose (?:is hereby granted without fee|and without fee is hereby "
     rb"granted|without fee and without)"), "HPND"),
    ((rb"permission to use copy modify (?:and )?distribute this software for any purpose (?:and "
     rb")?without fee is hereby granted"), "HPND"),
    (rb"origin of this software must not be misrepresented|zlib/libpng licen[sc]e|\bzlib licen[sc]e", "Zlib"),
    (rb"this is free and unencumbered software released into the public domain|unlicense\.org", "Unlicense"),
    (rb"creativecommons\.org/publicdomain/zero|\bcc0[ -]1\.0|cc0 public domain|cc0 1\.0", "CC0-1.0"),
    (rb"do what the fuck you want to", "WTFPL"),
    (rb"artistic licen[sc]e,? ?(?:version )?2\.0|artistic[ -]2\.0", "Artistic-2.0"),
    ((rb"same terms as (?:the )?perl(?: 5)?(?: programming language system)?(?: "
     rb"itself)?"), "Artistic-1.0-Perl OR GPL-1.0-or-later"),
    (rb"python software foundation licen[sc]e|psf licen[sc]e agreement|licensed to psf under", "PSF-2.0"),
    (rb"php licen[sc]e,? version 3\.01|version 3\.01 of the php licen[sc]e", "PHP-3.01"),
    (rb"academic free licen[sc]e,? ?(?:version )?v?\.? ?2\.1", "AFL-2.1"),
    (rb"academic free licen[sc]e,? ?(?:version )?v?\.? ?3\.0", "AFL-3.0"),
    (rb"european union public licen[sc]e.{0,40}1\.2|eupl.{0,12}1\.2", "EUPL-1.2"),
    (rb"european union public licen[sc]e.{0,40}1\.1|eupl.{0,12}1\.1", "EUPL-1.1"),
    (rb"sil open font licen[sc]e", "OFL-1.1"),
    (rb"microsoft public licen[sc]e|\bms-pl\b", "MS-PL"),
    (rb"microsoft reciprocal licen[sc]e|\bms-rl\b", "MS-RL"),
    (rb"university of illinois/?[ -]?ncsa|illinois open source licen[sc]e", "NCSA"),
    (rb"blue oak model licen[sc]e", "BlueOak-1.0.0"),
    (rb"business source licen[sc]e|\bbusl-1\.1|\bbsl 1\.1", "BUSL-1.1"),
    (rb"server side public licen[sc]e|\bsspl\b", "SSPL-1.0"),
    (rb"elastic licen[sc]e,? 2\.0|elastic-2\.0", "Elastic-2.0"),
    (rb"q public licen[sc]e", "QPL-1.0"),
    (rb"creativecommons\.org/licenses/by-sa/4\.0|cc[ -]by[ -]sa[ -]4\.0", "CC-BY-SA-4.0"),
    (rb"creativecommons\.org/licenses/by-sa/3\.0|cc[ -]by[ -]sa[ -]3\.0", "CC-BY-SA-3.0"),
    (rb"creativecommons\.org/licenses/by/4\.0|cc[ -]by[ -]4\.0", "CC-BY-4.0"),
    (rb"creativecommons\.org/licenses/by/3\.0|cc[ -]by[ -]3\.0", "CC-BY-3.0"),
    (rb"creativecommons\.org/licenses/by-nc", "CC-BY-NC-4.0"),
    (rb"free software foundation gives unlimited permission to copy distribute and modify it", "FSFUL"),
    (rb"free software foundation gives unlimited permission to copy and/or distribute it", "FSFULLR"),
    ((rb"copying and distribution of this file with or without modification are permitted in any "
     rb"medium without royalty"), "FSFAP"),
    (rb"software is licensed as described in the file copying|curl\.(?:se|haxx\.se)/docs/copyright", "curl"),
    (rb"see the file \(?license\.terms\)? for information on usage and redistribution", "TCL"),
    (rb"openssl licen[sc]e \(the|under the openssl licen[sc]e", "OpenSSL"),
    (rb"postgresql licen[sc]e|under the postgresql", "PostgreSQL"),
    (rb"unlicensed material|beer-?ware licen[sc]e", "Beerware"),
    (rb"universal permissive licen[sc]e", "UPL-1.0"),
    (rb"\bcecill-b\b", "CECILL-B"),
    (rb"\bcecill-c\b", "CECILL-C"),
    (rb"\bcecill[ -](?:version )?2\.1", "CECILL-2.1"),
    (rb"latex project public licen[sc]e", "LPPL-1.3c"),
    (rb"open software licen[sc]e,? ?(?:version )?v?\.? ?3\.0", "OSL-3.0"),
    (rb"w3c software (?:notice|and document)", "W3C"),
    (rb"common public licen[sc]e", "CPL-1.0"),
    (rb"apple public source licen[sc]e", "APSL-2.0"),
    (rb"mulan psl v2|mulanpsl", "MulanPSL-2.0"),
    ((rb"the author disclaims copyright to this source code\. in place of a legal notice here is a "
     rb"blessing"), "blessing"),
    (rb"shall be used for good not evil", "JSON"),
    (rb"permission to use copy modify and distribute this software is freely granted", "SunPro"),
    (rb"imagemagick\.org/(?:script|www)/license", "ImageMagick"),
    (rb"released under the libpng licen[sc]e", "Libpng"),
    (rb"developers\.google\.com/open-source/licenses/bsd", "BSD-3-Clause"),
    (rb"\bvim licen[sc]e|licen[sc]e:? vim\b", "Vim"),
)  # fmt: skip
_TEXT: Final = "text:"
_IS_TEXT = re.compile(
    rb"permission to use|origin of this|this is free and|do what the|free software foundation "
    rb"gives|copying and distribution|shall be used for good|the author disclaims"
)
"""Rules that match words of a licence itself, not its name: who gives these words gives the licence."""
_MIT_TEXT = re.compile(
    rb"permission is hereby granted free of charge to any person obtaining a copy"
)
_MIT = (
    rb"permission is hereby granted free of charge to any person obtaining a copy of this",
    (
        rb"(?:under|terms of|by|use) (?:the |a |an )?(?:terms (?:and conditions )?of (?:the "
        rb")?)?\(?(?:mit|expat|mit/x11|x11/mit)[ -](?:style |open source )?licen[sc]e"
    ),
    rb"\bmit licensed\b",
    rb"licen[sc]ed?:? ?(?:under )?(?:the )?mit\b",
    rb"opensource\.org/licenses/mit",
    rb"released under (?:the )?mit\b",
    rb"\bmit licen[sc]e\b",
)
_BSD = (
    rb"redistribution and use (?:of this software )?in source and binary forms",
    rb"redistribution and use with or without modification",
    rb"redistribution and use in source form",
)
_BSD_NAMES = (
    rb"neither the (?:name|author)",
    rb"names? of .{0,120} (?:may not|must not) be used",
    rb"may not be used to endorse",
    rb"nor the names? of",
)
_BSD_CALLED = {
    "BSD-2-Clause": (rb"(?:2|two|simplified)[ -](?:clause )?bsd", rb"bsd[ -]2[ -]?clause"),
    "BSD-3-Clause": (
        rb"(?:3|three|new|modified|revised)[ -](?:clause )?bsd",
        rb"bsd[ -]3[ -]?clause",
    ),
    "BSD-4-Clause": (rb"(?:4|four)[ -](?:clause )?bsd", rb"bsd[ -]4[ -]?clause"),
}
_PUBLIC = (
    rb"(?:placed|released|dedicated|put|is|are|donated)(?: hereby)? (?:in|into|to) the public[ -]domain",
    (
        rb"this (?:file|code|software|program|work|module|source)(?: file| code)? (?:is )?(?:hereby "
        rb")?(?:in the )?public[ -]domain"
    ),
    rb"author disclaims copyright",
    rb"^public[ -]domain\b",
    rb"in the public[ -]domain\. no",
)
_GNU = (
    rb"general public licen[sc]e",
    rb"(?:lesser|library) public licen[sc]e",
    rb"lesser gpl",
    rb"\b[la]?gpl",
)
_ADVERT = (rb"all advertising materials mentioning features",)
_NO_CONDITION = (rb"subject to the following conditions",)

_SECRECY = (
    rb"confidential|proprietary|trade secret|internal [^.]{0,40}use|use [^.]{0,60}internal|only for internal",
    rb"unlicensed|source[- ]available|closed[- ]source",
)
"""Words so rare that the sentences around them are read wherever they stand."""
_LIMITS = (
    rb"prohibited|forbidden|unauthori[sz]ed|unlawful|illegal",
    rb"commercial",
    (rb"not (?:to )?(?:be )?(?:[a-z]+ ){0,3}(?:copied|reproduced|distributed|redistributed|"
    rb"disclosed|sold|resold|sublicensed|shared|published|transmitted)"),
    rb"not (?:re)?(?:copy|distribute|share|disclose|reproduce|sell|resell|sublicense|host|offer) ",
    (rb"not (?:for|to be) (?:public |general |external |further )?(?:release|distribution|"
    rb"redistribution|disclosure|resale|publication)"),
    rb"(?:nobody|no one|no person|no company|no part|no portion|no piece)",
    (rb"(?:without|with|by) (?:the )?(?:prior |express |expressed |explicit |written "
    rb"){0,3}(?:consent|authori[sz]ation|permission|approval)"),
    (rb"(?:research|academic|educational|personal|evaluation|private|non-?profit|study|trial|hobby|"
    rb"internal)[^.]{0,60} only"),
    (rb"(?:only|solely|exclusively|restricted|limited) [^.]{0,30}(?:research|academic|educational|"
    rb"personal|evaluation|private|non-?profit|study|trial)"),
    (rb"licen[cs]ed? for [^.]{0,40}(?: only|students?|pupils?|schools?|classrooms?|teachers?|hobbyists?|"
    rb"charities|academics|universities|members|employees|customers)"),
    rb"for use (?:in|by|within|at|with|on) [^.]{0,40} only",
    rb"(?:needs?|requires?|have|get|obtain|ask for) (?:our|my|his|her|their|the author) ",
    (rb"(?:separate|written|commercial|end[- ]user|non-?disclosure|enterprise|paid|signed|valid) "
    rb"(?:[a-z]+ )?(?:[a-z]+ )?(?:agreement|contract|licen[cs]e)|licen[cs]ed only"),
    rb"no (?:[a-z]+ )?(?:licen[cs]es?|rights?|permissions?) [^.]{0,60}(?:granted|given|conveyed)",
    rb"not (?:open[- ]source|free software|licen[cs]ed)",
    (rb"(?:not|never|no|without|forbid|exclud)[^.]{0,80}(?:\btrain|machine learning|artificial "
    rb"intelligence|\bllm|\bai\b|language model|data ?mining)"),
)  # fmt: skip
_NAMED_SOON = rb"[^.]{0,100}(?:licen[cs]e|gpl|\bmit\b|\bbsd\b|apache|public domain)"
_PARTS = (
    rb"\b(?:portions?|parts|pieces|icons?|fonts?|documentation|css|artwork|borrowed|taken|adapted|"
    rb"derived|ported|based on)\b" + _NAMED_SOON,
    rb"\b(?:includes?|contains?|uses|whose|which is|compatible|unlike|similar|while|whereas|"
    rb"talks to)\b" + _NAMED_SOON,
    rb"\b(?:no longer|formerly|previously|originally|except (?:for|that|where)|exception of)\b" + _NAMED_SOON,
)  # fmt: skip
_TERMS = (
    (rb"governed by|licen[cs]ed under|under the terms|licen[cs]e agreement|rights "
    rb"[^.]{0,20}reserved|subject to (?:the )?(?:terms|licen)"),
    (rb"see (?:the )?(?:accompanying |included |top-level )?(?:file )?(?:licen[cs]e|copying)|"
    rb"licen[cs]e (?:that can be )?found|for licen[cs]|licen[cs]e (?:terms|information|file)"),
)  # fmt: skip

_GROUPS: Final[dict[str, tuple[bytes, ...]]] = {
    "mit": _MIT,
    "bsd": _BSD,
    "bsd-names": _BSD_NAMES,
    "bsd-advert": _ADVERT,
    "public": _PUBLIC,
    "gnu": _GNU,
    "conditions": _NO_CONDITION,
    "secrecy": _SECRECY,
    "limits": _LIMITS,
    "parts": _PARTS,
    "terms": _TERMS,
    **_BSD_CALLED,
}


@functools.cache
def _rules() -> tuple[Any, list[str]]:
    """All patterns as one database, and the group or expression that each stands for."""
    patterns = [pattern for pattern, _ in _RULES]
    names = [expression for _, expression in _RULES]
    for pattern, expression in _RULES:
        if _IS_TEXT.match(pattern):
            patterns.append(pattern)
            names.append(_TEXT + expression)
    for group, members in _GROUPS.items():
        patterns.extend(members)
        names.extend([group] * len(members))
    return _database(tuple(patterns), hyperscan.HS_FLAG_SINGLEMATCH), names


@functools.lru_cache(maxsize=1 << 14)
def _hits(words: bytes) -> frozenset[str]:
    """Groups and expressions whose words stand in a normalised window."""
    database, names = _rules()
    hits: set[int] = set()
    database.scan(words, match_event_handler=_collect_number, context=hits)
    return frozenset(names[hit] for hit in hits)


@functools.lru_cache(maxsize=1 << 14)
def header_expression(words: bytes) -> str | None:
    """Expression of a normalised window, None if its words name no licence."""
    groups = _hits(words)
    found = _found(words, groups)
    if not found:
        return PUBLIC_DOMAIN if "public" in groups else None
    return _combined(found, len(found) > 1 and _CHOICE.search(words) is not None)


def _found(words: bytes, groups: frozenset[str]) -> frozenset[str]:
    """The licences that a window names, each as an expression."""
    found = {name for name in groups - _GROUPS.keys() if not name.startswith(_TEXT)}
    if "EPL-2.0" in found:
        found.discard("EPL-1.0")
    if "gnu" in groups:
        found.update(_gnu(words))
    if "mit" in groups:
        found.add(_mit(words, groups))
    found.update(_bsd(groups))
    return frozenset(found)


def _head_says(words: bytes, head: Any, start: int) -> list[tuple[str, str]]:
    """Kind and expression of what a window in the head of a file says.

    Args:
        words: the window, normalised.
        head: bytes of the file up to the end of the window, looked at where words alone do not tell.
        start: where the window begins in it.
    """
    groups = _hits(words)
    if not groups:
        return []
    if groups & {"secrecy", "parts"} or ("limits" in groups and _may_limit(words)):
        return list(_read(bytes(head.data), start))
    expression = header_expression(words)
    if expression is not None:
        return [("header", expression)]
    return [(TERMS, UNRECOGNIZED)] if "terms" in groups else []


@functools.lru_cache(maxsize=1 << 14)
def _may_limit(words: bytes) -> bool:
    """Whether any rule on limits matches a window, sentence by sentence as far as full stops tell."""
    return prose.may_limit(words.replace(b". ", b".\n"))


@functools.lru_cache(maxsize=1 << 12)
def _read(head: bytes, start: int) -> tuple[tuple[str, str], ...]:
    """The same, sentence by sentence."""
    raw = head[start:]
    words = normal(np.frombuffer(raw, np.uint8))
    groups = _hits(words)
    text = _prose_lines(head, start, len(head)).decode("latin-1")
    stated: list[tuple[str, str]] = []
    is_limited = bool(groups & {"secrecy", "limits"}) and _is_limited(text, words, head, start)
    expression, parts = header_expression(words), _NO_PARTS
    if "parts" in groups:
        expression, parts = _by_subject(words, groups, text)
    if is_limited:
        known = (RESTRICTED,) if expression is None else (RESTRICTED, expression)
        stated.append(("header", conjunction(tuple(sorted(known)))))
    elif expression is not None:
        stated.append(("header", expression))
    stated += [(PART, part) for part in parts]
    if not stated and "terms" in groups:
        stated.append((TERMS, UNRECOGNIZED))
    return tuple(stated)


_NO_PARTS: Final[tuple[str, ...]] = ()


def _by_subject(
    words: bytes, groups: frozenset[str], text: str
) -> tuple[str | None, tuple[str, ...]]:
    """Expression of the whole, and those of parts, of a window that names licences of parts or others."""
    said = prose.read(text)
    named: frozenset[str] = frozenset()
    for sentence in prose.sentences(text):
        for mention in prose.mentions(sentence.words):
            named |= families(mention.expression)
    # What no sentence names stands there as a text of its own, or in words that only the rules know.
    texts = [name for name in _found(words, groups) if not families(name) <= named]
    texts += [group.removeprefix(_TEXT) for group in groups if group.startswith(_TEXT)]
    texts += _bsd(groups) if "bsd" in groups else ()
    texts += ["MIT"] if _MIT_TEXT.search(words) else []
    whole = tuple(sorted({*texts, *([said.whole] if said.whole else [])}))
    expression = None if not whole else _combined(frozenset(whole), is_choice=False)
    return expression, said.parts


_CODE_LINE = re.compile(
    rb"(?m)^[ \t]*(?:#\s*(?:include|define|if|ifdef|ifndef|pragma|import)\b|[A-Za-z_$@&(\[{].*)$"
)
_OPENERS = (
    (b"/*", b"*/"),
    (b"<!--", b"-->"),
    (b'"""', b'"""'),
    (b"'''", b"'''"),
    (b"(*", b"*)"),
    (b"{-", b"-}"),
    (b"=begin", b"=end"),
)
_LEGAL_CONTEXT = re.compile(rb"copyright|\(c\)|licen[cs]|rights reserved|property of|proprietary")
_API = re.compile(
    r"\b(?:api|backwards?|compatib\w*|stab\w*|imports?|calls?|functions?|methods?|class(?:es)?|"
    r"module|helpers?|deprecated|guarantees?|change|consumers?|package)\b"
)
_INTERNAL = re.compile(r"\binternal\b")


def _is_limited(text: str, words: bytes, head: bytes, start: int) -> bool:
    """Whether a sentence of a window limits or denies the use of the file.

    It does where law is spoken of, or in the comment that the file begins with: elsewhere the same
    words speak of calls, copies in memory, and answers of servers.
    """
    legal = _LEGAL_CONTEXT.search(words) is not None
    spoken = prose.sentences(text)
    for number in prose.limiting([sentence.words for sentence in spoken]):
        sentence = spoken[number]
        if prose.is_of_part(sentence.words):
            continue
        near = text[sentence.start : sentence.end + 160].lower()
        if _INTERNAL.search(sentence.words) and _API.search(near):
            continue
        if (legal and prose.speaks_of_terms(sentence.words)) or _leads(
            head, start + sentence.start
        ):
            return True
    return False


def _leads(head: bytes, at: int) -> bool:
    """Whether only comments stand before a place."""
    before = head[:at]
    for opener, closer in _OPENERS:
        opened = before.find(opener)
        if (
            opened >= 0
            and not _CODE_LINE.search(before[:opened])
            and (before.find(closer, opened + len(opener)) < 0)
        ):
            return True
    return not any(_CODE_LINE.match(line) for line in before.split(b"\n")[:-1])


def _notices(data: np.ndarray, offsets: np.ndarray) -> Iterator[tuple[int, int, int, str, str]]:
    """(row, start, stop, kind, expression) of notices beyond the heads of texts."""
    database = _notice_database()
    for row in np.flatnonzero(np.diff(offsets) > HEAD_BYTES).tolist():
        begin, end = int(offsets[row]), int(offsets[row + 1])
        places: list[int] = []
        last = max(begin + HEAD_BYTES, end - HEAD_BYTES)
        for first, stop in ((begin + HEAD_BYTES, last), (last, end)):
            ends: list[int] = []
            with contextlib.suppress(hyperscan.ScanTerminated):  # enough found
                if first < stop:
                    view = data[first:stop].data
                    database.scan(view, match_event_handler=_collect_some, context=ends)
            places += [first - begin + at for at in ends]
        if places:
            yield from _row_notices(row, bytes(data[begin:end].data), sorted(set(places)))


_WINDOW_BYTES_MAX = 1 << 14  # of words of notices that are near each other: longer ones are cut


def _row_notices(
    row: int, text: bytes, places: list[int]
) -> Iterator[tuple[int, int, int, str, str]]:
    first = 0
    for number, place in enumerate(places):
        following = places[number + 1] if number + 1 < len(places) else None
        is_near = following is not None and following - place <= _BEFORE_BYTES + _AFTER_BYTES
        if is_near and place - places[first] < _WINDOW_BYTES_MAX:
            continue
        start = (
            text.rfind(b"\n", HEAD_BYTES // 2, max(HEAD_BYTES // 2, places[first] - _BEFORE_BYTES))
            + 1
        )
        start = start or HEAD_BYTES // 2
        stop = min(len(text), place + _AFTER_BYTES)
        for kind, expression in _notice_says(
            _prose_lines(text, start, stop), is_last=stop == len(text)
        ):
            yield row, start, stop, kind, expression
        first = number + 1


_COMMENT = re.compile(
    rb"[ \t]*(?:/\*|//|\*(?!\w)|#(?![ \t]*(?:include|define|if|endif|pragma|import)\b)|--|;|%|!|"
    rb"<!--|\(\*|\{-|[rub]{0,2}(?:\"\"\"|''')|\.\.|dnl\b|rem\b|\.\\\"|@c(?:omment)?\b)",
    re.IGNORECASE,
)
_CODE = re.compile(
    rb"[;{}\\]\s*$|^[ \t]*(?:[\"']|import |from \S+ import|package |using |def |class |public |"
    rb"private |static |const |let |var |function |return |if |for |while |print|echo|puts|#[ "
    rb"\t]*(?:include|define|if|endif|pragma|import))"
    rb"|\w[ \t]{0,20}=[ \t]{0,20}\S|\w\([^()]{0,200}\)[ \t]{0,20}[;{:]?[ \t\r]*$"
)
_POD = re.compile(rb"(?m)^=([a-z]\w*)")


_BLOCK_BYTES_MAX = 1 << 16  # before a notice: how far back the comment that it is in may begin
_LINE_BYTES_MAX = 2_000  # of a line of words


def _is_code(line: bytes) -> bool:
    return len(line) > _LINE_BYTES_MAX or _CODE.search(line) is not None


def _prose_lines(text: bytes, start: int, stop: int) -> bytes:
    """A range of a text with blanks for the lines that are code: not in a comment, and no plain words."""
    back = max(0, start - _BLOCK_BYTES_MAX)
    pods = list(_POD.finditer(text, back, start))
    in_pod = bool(pods) and pods[-1][1] != b"cut"
    in_block = text.rfind(b"/*", back, start) > text.rfind(b"*/", back, start)
    lines: list[bytes] = []
    for line in text[start:stop].split(b"\n"):
        pod = _POD.match(line)
        if pod is not None:
            in_pod = pod[1] != b"cut"
            lines.append(b" " * pod.end() + line[pod.end() :])
            continue
        in_block = in_block or b"/*" in line
        keep = in_pod or in_block or _COMMENT.match(line) or not _is_code(line)
        lines.append(line if keep else b" " * len(line))
        if b"*/" in line:
            in_block = line.rfind(b"/*") > line.rfind(b"*/")
    return b"\n".join(lines)


_EXPLICIT = re.compile(
    r"^(?:copyright.{0,200}?)?\b(?:this|these|the) (?:[a-z-]+ ){0,3}(?:files?|programs?|software|"
    r"librar(?:y|ies)|code|modules?|packages?|scripts?|works?|documents?|distribution|source|is "
    r"free software)\b|^(?:it|you may|you can|licen[cs]e|released|licen[cs]ed|distributed|same terms)\b"
)


_FREE_OF = re.compile(
    rb"configuration script generated by autoconf|bison parser skeleton|built using gnu libtool|"
    rb"unlimited permission"
)


_NAMED_SELF = re.compile(
    r"\bthis (?:[a-z-]+ ){0,2}(?:files?|programs?|software|librar(?:y|ies)|code|modules?|"
    r"packages?|scripts?|works?|documents?|source)\b"
)


@functools.lru_cache(maxsize=1 << 12)
def _notice_says(lines: bytes, *, is_last: bool) -> tuple[tuple[str, str], ...]:
    """Kind and expression of what a notice beyond the head says.

    It is of the whole file if it says so, or ends it; else of the part that it stands in.
    """
    words = normal(np.frombuffer(lines, np.uint8))
    groups = _hits(words)
    if not groups:
        return ()
    text = lines.decode("latin-1")
    is_whole = is_last
    granted = False
    spoken = prose.sentences(text)
    limiting = set(prose.limiting([sentence.words for sentence in spoken]))
    for number, sentence in enumerate(spoken):
        found = prose.groups(sentence.words)
        if any(group.role == prose.WHOLE and prose.grants(group.lead) for group in found):
            granted = True
            is_whole = is_whole or _EXPLICIT.search(sentence.words) is not None
        if number in limiting and not prose.is_of_part(sentence.words):
            explicit = prose.speaks_of_terms(sentence.words) and _NAMED_SELF.search(sentence.words)
            if explicit or (is_last and _LEGAL_CONTEXT.search(words)):
                return (("header", RESTRICTED),)
    expression, parts = _by_subject(words, groups, text)
    if _FREE_OF.search(words):  # such an exception lets the part be under the terms of the rest
        expression = None
    has_text = "bsd" in groups or "gnu" in groups or _MIT_TEXT.search(words) is not None
    has_text = has_text or any(group.startswith(_TEXT) for group in groups)
    if expression is None or not (granted or has_text or "public" in groups):
        return tuple((PART, part) for part in parts)
    return (("header" if is_whole else PART, expression), *((PART, part) for part in parts))


def _collect_some(_number: int, _start: int, end: int, _flags: int, ends: list[int]) -> bool:
    ends.append(end)
    return len(ends) >= _NOTICES_MAX


@functools.cache
def _notice_database() -> Any:
    return _database(_NOTICES, hyperscan.HS_FLAG_CASELESS)


@functools.lru_cache(maxsize=1 << 16)
def _combined(found: frozenset[str], is_choice: bool) -> str:
    distinct = tuple(sorted(found))
    try:
        if is_choice:
            return simplify(" OR ".join(f"({part})" for part in distinct))
        return simplify(distinct[0]) if len(distinct) == 1 else conjunction(distinct)
    except license_expression.ExpressionError as error:  # pragma: no cover - a rule is misspelt
        raise AssertionError(distinct) from error


def _mit(words: bytes, groups: frozenset[str]) -> str:
    granted = _MIT_TEXT.search(words) is not None
    return (
        "MIT-0"
        if granted and "conditions" not in groups and b"above copyright notice" not in words
        else "MIT"
    )


def _bsd(groups: frozenset[str]) -> frozenset[str]:
    if "bsd" in groups:
        if "bsd-advert" in groups:
            return frozenset({"BSD-4-Clause"})
        return frozenset({"BSD-3-Clause" if "bsd-names" in groups else "BSD-2-Clause"})
    return groups & _BSD_CALLED.keys()


_CHOICE = re.compile(
    rb"dual[ -]?licen[sc]|alternatively |at the option of the licensee under |under either of|"
    rb"(?:mit|apache|bsd) at your option"
    rb"|either the (?:apache|mit|bsd|gpl|gnu)|mit[ -]licen[sc]e(?: <?\S+>?)? or (?:the )?apache"
    rb"|(?:mit|apache|bsd|gpl|mpl|artistic)\S*(?: licen[sc]e)?(?: version)?(?: v?[0-9.]+)? or "
    rb"(?:(?:under )?the )?(?:terms of the )?(?:mit|apache|bsd|gpl|lgpl|gnu|artistic)"
    rb"|mpl 1\.1/gpl 2\.0"
)
_GNU_NAME = re.compile(
    rb"(?P<affero>affero general public licen[sc]e|\bagpl)"
    rb"|(?P<lesser>(?:lesser|library)(?: general)? public licen[sc]e|lesser gpl|\blgpl)"
    rb"|(?P<general>general public licen[sc]e|\bgpl)"
)
_DIRECT = re.compile(
    rb"[ ,(-]*v?(?:er(?:sion|\.)?)? ?(?P<version>[123](?:\.[01])?)(?P<later>\+)?(?![0-9])"
)
_NEAR = re.compile(rb"(?:version|v|licen[sc]e) ?(?P<version>[123](?:\.[01])?)(?![0-9])")
_BEFORE = re.compile(rb"(?:version|v) ?(?P<version>[123](?:\.[01])?) of the (?:gnu )?$")
_COMPARED = re.compile(rb"compatible with (?:both )?(?:the )?(?:gnu )?$")  # not a grant
_LATER = re.compile(rb"any later|or later|or newer|-or-later|or \(at your option\)")
_GNU_IDS = frozenset(
    ["AGPL-1.0", "AGPL-3.0", "GPL-1.0", "GPL-2.0", "GPL-3.0", "LGPL-2.0", "LGPL-2.1", "LGPL-3.0"]
)
_GNU_OPEN: Final = {
    "GPL": "GPL-1.0-or-later",  # without a version: any (GPL-2.0, section 9)
    "LGPL": "LGPL-2.0-or-later",
    "AGPL": "AGPL-3.0-or-later",
}


def _gnu(words: bytes) -> set[str]:
    """GNU licences of a window: each family with the versions that its mentions name."""
    if b"mpl 1.1/gpl 2.0/lgpl 2.1" in words:
        return {"GPL-2.0-or-later", "LGPL-2.1-or-later"}
    families: dict[str, dict[str, bool]] = {}
    for match in _gnu_names(words):
        if _COMPARED.search(words[max(0, match.start() - 60) : match.start()]):
            continue
        family = {"affero": "AGPL", "lesser": "LGPL"}.get(match.lastgroup or "", "GPL")
        versions = families.setdefault(family, {})
        near = words[match.end() : match.end() + 110]
        stated = (
            _DIRECT.match(near)
            or _BEFORE.search(words[max(0, match.start() - 40) : match.start()])
            or _NEAR.search(near)
        )
        if stated is None:
            continue
        number = stated["version"].decode()
        name = f"{family}-{number if '.' in number else number + '.0'}"
        if name in _GNU_IDS:
            later = (
                b"+" in stated[0]
                or _LATER.search(near + words[match.end() + 110 : match.end() + 170]) is not None
            )
            versions[name] = versions.get(name, False) or later
    found: set[str] = set()
    for family, versions in families.items():
        for name, later in versions.items():
            found.add(f"{name}-{'or-later' if later else 'only'}")
        if not versions and not (family == "GPL" and len(families) > 1):
            found.add(_GNU_OPEN[family])
    return {_with_exception(name, words) for name in found}


_GNU_LITERALS: Final = (b"public licen", b"gpl")  # one is in every name
_GNU_PREFIX_BYTES: Final = 24  # that stand before it at most
_GNU_SUFFIX_BYTES: Final = 14  # from its begin to the end of the name at most


def _gnu_names(words: bytes) -> Iterator[re.Match[bytes]]:
    """Matches of _GNU_NAME: looked for only around what each of them holds."""
    end = 0
    for place in sorted(at for literal in _GNU_LITERALS for at in _places(words, literal)):
        begin, stop = max(end, place - _GNU_PREFIX_BYTES), place + _GNU_SUFFIX_BYTES
        match = _GNU_NAME.search(words, begin, stop)
        if match is not None:
            end = match.end()
            yield match


def _places(words: bytes, literal: bytes) -> Iterator[int]:
    at = words.find(literal)
    while at >= 0:
        yield at
        at = words.find(literal, at + 1)


_EXCEPTIONS: Final = (
    (b"configuration script generated by autoconf", "Autoconf-exception-generic"),
    (b"bison parser skeleton", "Bison-exception-2.2"),
    (b"built using gnu libtool", "Libtool-exception"),
    (b"gcc runtime library exception", "GCC-exception-3.1"),
    (b"classpath exception", "Classpath-exception-2.0"),
    (
        b"linking this library statically or dynamically with other modules",
        "Classpath-exception-2.0",
    ),
)


def _with_exception(name: str, words: bytes) -> str:
    for phrase, exception in _EXCEPTIONS:
        if phrase in words:
            return f"{name} WITH {exception}"
    return name
