"""Licence statements inside a text: SPDX tags and the licence headers of source files.

In: the text of one file. Out: statements with canonical expression, detector, score and byte range.
Always holds: a header is named by its words, never by resemblance; what the words leave open (which
BSD, which GPL version) is read as the strictest thing that they can mean.
Source: SPDX 3.0.1, annex D (tags); the notices that the licences themselves ask authors to use.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from stackyard.filter.expression import PUBLIC_DOMAIN, canonical, conjunction, simplify

HEAD_BYTES = 16_384
"""How far into a file a header may begin: 120 lines of code are hardly longer."""


class Statement(NamedTuple):
    """What a text says of its licence: `start_byte` and `end_byte` are in its UTF-8 text."""

    kind: str
    detector: str
    expression: str
    score: float
    start_byte: int
    end_byte: int


_TAG = re.compile(rb"SPDX-License-Identifier:[ \t]*([^\r\n]+)")
_TAG_END = re.compile(
    rb"\s*(?:\*/|-->|\*\)|-\}|%>|\?>|#\}|\"\"\"|'''|\]\]|@end|\\n).*$|[\s\"'`;,*#]+$", re.DOTALL
)
_CLUE = re.compile(
    rb"(?i)licen[sc]e|copyright|permission is hereby|redistribution and use|public domain"
    rb"|permission to use|all rights reserved|without warranty|as-is|warrant"
)
_EDGE = re.compile(
    rb"(?m)^[ \t]*(?://+!?|/?\*+/?|#+!?|;+|--+|%+|\(\*|\"+|'+|!+|dnl\b|rem\b|@?c\b|\.\\\"|<!--|\{-)[ \t]*"
)
_NOISE = re.compile(r"[^a-z0-9.+<>@/:()-]+")


def statements(text: bytes) -> list[Statement]:
    """Statements of a text in order of their place; empty if it makes none."""
    found = _tags(text)
    found.extend(_headers(text[:HEAD_BYTES]))
    return sorted(found, key=lambda statement: (statement.start_byte, statement.kind))


def _tags(text: bytes) -> list[Statement]:
    found = []
    for match in _TAG.finditer(text):
        value = _TAG_END.sub(b"", match[1]).decode(errors="replace")
        if not value or value[0] in "{<$%[":  # a template's placeholder or a format string
            continue
        expression = canonical(value)
        if expression is not None:
            found.append(
                Statement("spdx-tag", "spdx", expression, 1.0, match.start(), match.end(1))
            )
    return found


def window(head: bytes) -> tuple[int, int]:
    """The range of lines around what sounds like a licence, (0, 0) if nothing does."""
    clues = list(_CLUE.finditer(head))
    if not clues:
        return 0, 0
    start = head.rfind(b"\n", 0, clues[0].start()) + 1
    end = head.find(b"\n\n", clues[-1].end())
    stop = min(len(head) if end < 0 else end, clues[-1].end() + 1200)
    return start, stop


def normal(raw: bytes) -> str:
    """Words of a window: no comment marks, no line ends, lower case."""
    text = _EDGE.sub(b" ", raw).decode(errors="replace").lower()
    return " ".join(_NOISE.sub(" ", text).split())


def _headers(head: bytes) -> list[Statement]:
    head = _TAG.sub(lambda match: b" " * len(match[0]), head)  # tags have been read already
    start, stop = window(head)
    if stop == 0:
        return []
    expression = header_expression(normal(head[start:stop]))
    if expression is None:
        return []
    return [Statement("header", "header-rules", expression, 0.95, start, stop)]


_ANY_LATER = r"(?:or[ ,(]+(?:at your option[ ,)]*)?any later|or later|or newer|or \(at your option\) any later)"
_GNU_HEADER = re.compile(
    r"(?P<family>affero general public licen[sc]e|(?:lesser|library)(?: general)? public licen[sc]e"
    r"|lesser gpl|general public licen[sc]e|\bagpl|\blgpl|\bgpl)"
)
_VERSION = re.compile(
    r"(?:version|versions|v|ver\.?|licen[sc]e,?|gpl-?)\s*(?P<version>[123](?:\.[01])?)(?![0-9])"
)

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), expression)
    for pattern, expression in (
        (
            (
                r"licensed under the apache licen[sc]e,? ?\(?version 2|apache licen[sc]e,? ?\(?v(?:ersion|\.)? ?2|"
                r"www.apache.org/licenses/license-2|apache-2\.0|apache 2\.0 licen[sc]e"
            ),
            "Apache-2.0",
        ),
        (r"apache software licen[sc]e,? version 1\.1", "Apache-1.1"),
        (
            r"mozilla public licen[sc]e,? ?\(?v(?:ersion|\.)? ?2|mozilla\.org/mpl/2|\bmpl[ -]2\.0",
            "MPL-2.0",
        ),
        (r"mozilla public licen[sc]e,? ?(?:version )?1\.1|mpl 1\.1/gpl 2\.0/lgpl 2\.1", "MPL-1.1"),
        (r"common development and distribution licen[sc]e|\bcddl\b", "CDDL-1.0"),
        (r"eclipse public licen[sc]e,? ?(?:-|v|version)? ?v?2|epl-2\.0|epl-v20", "EPL-2.0"),
        (r"eclipse public licen[sc]e(?!,? ?(?:-|v|version)? ?v?2)|epl-1\.0|epl-v10", "EPL-1.0"),
        (r"boost software licen[sc]e|boost\.org/license_1_0", "BSL-1.0"),
        (
            (
                r"permission to use,? copy,? modify,? and/or distribute this software for any|"
                r"permission to use copy modify and(?:/or)? distribute this software for any purpose with or without fee is hereby granted provided that the above"
            ),
            "ISC",
        ),
        (
            (
                r"this software is provided as-is without any express or implied warranty.{0,300}origin of this software must not be misrepresented|"
                r"zlib/libpng licen[sc]e|\bzlib licen[sc]e"
            ),
            "Zlib",
        ),
        (
            r"this is free and unencumbered software released into the public domain|unlicense\.org",
            "Unlicense",
        ),
        (r"creativecommons\.org/publicdomain/zero|\bcc0[ -]1\.0|cc0 public domain", "CC0-1.0"),
        (r"do what the fuck you want to public", "WTFPL"),
        (r"artistic licen[sc]e 2\.0|artistic-2\.0", "Artistic-2.0"),
        (
            (
                r"same terms as (?:the )?perl(?: 5)?(?: programming language system)? itself|"
                r"same terms as the perl 5 programming language"
            ),
            "Artistic-1.0-Perl OR GPL-1.0-or-later",
        ),
        (r"python software foundation licen[sc]e|psf licen[sc]e agreement", "PSF-2.0"),
        (r"php licen[sc]e,? version 3\.01|version 3\.01 of the php license", "PHP-3.01"),
        (r"academic free licen[sc]e,? ?(?:version )?v?\.? ?2\.1", "AFL-2.1"),
        (r"academic free licen[sc]e,? ?(?:version )?v?\.? ?3\.0", "AFL-3.0"),
        (r"european union public licen[sc]e.{0,40}1\.2|eupl.{0,12}1\.2", "EUPL-1.2"),
        (r"sil open font licen[sc]e", "OFL-1.1"),
        (r"microsoft public licen[sc]e|\bms-pl\b", "MS-PL"),
        (r"microsoft reciprocal licen[sc]e|\bms-rl\b", "MS-RL"),
        (r"university of illinois/?(?: ?|-)ncsa|illinois open source licen[sc]e", "NCSA"),
        (r"blue oak model licen[sc]e", "BlueOak-1.0.0"),
        (r"business source licen[sc]e|\bbusl-1\.1|\bbsl 1\.1", "BUSL-1.1"),
        (r"server side public licen[sc]e|\bsspl\b", "SSPL-1.0"),
        (r"elastic licen[sc]e,? 2\.0|elastic-2\.0", "Elastic-2.0"),
        (r"q public licen[sc]e", "QPL-1.0"),
        (r"creativecommons\.org/licenses/by-sa/4\.0|cc[ -]by-sa[ -]4\.0", "CC-BY-SA-4.0"),
        (r"creativecommons\.org/licenses/by-sa/3\.0|cc[ -]by-sa[ -]3\.0", "CC-BY-SA-3.0"),
        (r"creativecommons\.org/licenses/by/4\.0|cc[ -]by[ -]4\.0", "CC-BY-4.0"),
        (r"creativecommons\.org/licenses/by/3\.0|cc[ -]by[ -]3\.0", "CC-BY-3.0"),
        (r"creativecommons\.org/licenses/by-nc", "CC-BY-NC-4.0"),
    )
)
_PUBLIC_DOMAIN = re.compile(
    r"(?:placed|released|dedicated|put|is|are|donated)(?: hereby)? (?:in|into|to) the public[ -]domain|"
    r"this (?:file|code|software|program|work|module|source)(?: file| code)?(?: is|'s)? (?:hereby )?(?:in the )?public[ -]domain|"
    r"author disclaims copyright|^public[ -]domain\b"
)
_MIT = re.compile(
    r"permission is hereby granted,? free of charge,? to any person obtaining a copy of this (?:software|font software|work)|"
    r"(?:under|terms of|by|use) (?:the |a |an )?(?:terms (?:and conditions )?of (?:the )?)?\(?(?:mit|expat|mit/x11|x11/mit)(?: |-)?(?:style |open source )?licen[sc]e|"
    r"\bmit licensed\b|licen[sc]e(?:d)?:? ?(?:under )?(?:the )?mit\b|"
    r"opensource\.org/licenses/mit|released under mit\b|\bmit licen[sc]e\b"
)
_BSD = re.compile(
    r"redistribution and use (?:of this software )?in source and binary forms|redistribution and use with or without modification"
)
_BSD_NAMES = re.compile(
    r"(?:neither the name|the names? of .{0,120}? (?:may not|must not) be used|may not be used to endorse)"
)
_BSD_ADVERT = re.compile(r"all advertising materials mentioning features")
_BSD_CALLED = re.compile(
    r"(?P<clauses>[234]|two|three|four|new|modified|simplified|revised)[ -](?:clause[ -])?bsd|bsd[ -](?P<after>[234])[ -]?clause"
)
_BSD_STYLE = re.compile(r"\bbsd(?:-style)? ?(?:style )?licen[sc]e|\bbsd licensed|licen[sc]e: ?bsd")


def header_expression(words: str) -> str | None:
    """Expression of a normalised window, None if its words name no licence."""
    found: list[str] = []
    for pattern, expression in _RULES:
        if pattern.search(words):
            found.append(expression)
    found.extend(_gnu_all(words))
    if _MIT.search(words):
        found.append("MIT")
    bsd = _bsd(words)
    if bsd is not None:
        found.append(bsd)
    if not found and _PUBLIC_DOMAIN.search(words):
        found.append(PUBLIC_DOMAIN)
    if not found:
        return None
    distinct = tuple(sorted(set(found)))
    if len(distinct) == 1:
        return simplify(distinct[0])
    if _CHOICE.search(words):
        return simplify(" OR ".join(f"({part})" for part in distinct))
    return conjunction(distinct)


_CHOICE = re.compile(
    r"dual[ -]?licen[sc]|alternatively,? (?:this|the contents|you may|, )|under either of|at your option(?! any| \)? ?any)[^.]{0,40}(?:mit|apache|bsd|gpl)|"
    r"either the (?:apache|mit|bsd|gpl|gnu)|licenses?/mit>? or |mit[ -]licen[sc]e(?: <?\S+>?)? or (?:the )?apache|(?:mit|apache|bsd|gpl)\S* or (?:the )?(?:mit|apache|bsd|gpl|lgpl)|mpl 1\.1/gpl 2\.0"
)


def _gnu_all(words: str) -> list[str]:
    if "mpl 1.1/gpl 2.0/lgpl 2.1" in words:
        return ["GPL-2.0-or-later", "LGPL-2.1-or-later"]
    families: dict[str, set[str]] = {}
    for match in _GNU_HEADER.finditer(words):
        name = match["family"]
        if "affero" in name or "agpl" in name:
            family = "AGPL"
        elif "lesser" in name or "library" in name or "lgpl" in name:
            family = "LGPL"
        else:
            family = "GPL"
        near = words[match.end() : match.end() + 110]
        before = words[max(0, match.start() - 60) : match.start()]
        version = (
            _VERSION.search(before[-45:])
            if _VERSION.search(near) is None
            else _VERSION.search(near)
        )
        direct = re.match(r"[ ,-]*v?(?P<version>[123](?:\.[01])?)(?P<plus>\+)?(?![0-9])", near)
        number = direct["version"] if direct else (version["version"] if version else None)
        if number is None:
            families.setdefault(family, set())
            continue
        later = (
            bool(direct and direct["plus"])
            or re.search(_ANY_LATER, words[match.start() : match.end() + 170]) is not None
        )
        full = number if "." in number else f"{number}.0"
        families.setdefault(family, set()).add(f"{family}-{full}-{'or-later' if later else 'only'}")
    found: list[str] = []
    for family, versions in families.items():
        known = [v for v in versions if v in _GNU_IDS]
        if known:
            laters = [v for v in known if v.endswith("-or-later")]
            found.extend((laters[:1] and sorted(laters)[:1]) or sorted(known)[:1])
        elif not versions and not (family == "GPL" and ({"LGPL", "AGPL"} & families.keys())):
            found.append(_GNU_OPEN[family])
    if "GPL" in families and ({"LGPL", "AGPL"} & families.keys()) and not families["GPL"]:
        found = [expression for expression in found if not expression.startswith("GPL")]
    return found


_GNU_IDS = frozenset(
    f"{name}-{mode}"
    for name in (
        "GPL-1.0",
        "GPL-2.0",
        "GPL-3.0",
        "LGPL-2.0",
        "LGPL-2.1",
        "LGPL-3.0",
        "AGPL-1.0",
        "AGPL-3.0",
    )
    for mode in ("only", "or-later")
)
_GNU_OPEN = {"GPL": "GPL-1.0-or-later", "LGPL": "LGPL-2.0-or-later", "AGPL": "AGPL-3.0-or-later"}


def _bsd(words: str) -> str | None:
    if _BSD.search(words):
        if _BSD_ADVERT.search(words):
            return "BSD-4-Clause"
        return "BSD-3-Clause" if _BSD_NAMES.search(words) else "BSD-2-Clause"
    called = _BSD_CALLED.search(words)
    if called is not None:
        clauses = called["clauses"] or called["after"]
        return {
            "2": "BSD-2-Clause",
            "two": "BSD-2-Clause",
            "simplified": "BSD-2-Clause",
            "4": "BSD-4-Clause",
            "four": "BSD-4-Clause",
        }.get(clauses, "BSD-3-Clause")
    if _BSD_STYLE.search(words):
        return "LicenseRef-scancode-bsd-unchanged"
    return None
