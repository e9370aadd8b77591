"""What a README says of the licence of its project.

In: the text of a README. Out: what it says of the project as a whole, of parts that it names by
path, and whether it limits or denies use; each with its range.
Always holds: only what is said of this project, affirmatively, names a licence for it; a section on
licences that is not understood says that there are terms, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from stackyard.filter import headers, prose
from stackyard.filter.expression import RESTRICTED, UNRECOGNIZED, canonical, conjunction
from stackyard.filter.manifests import TERMS
from stackyard.filter.prose import PART, WHOLE


class Block(NamedTuple):
    """A heading (level 1 to 7) or a run of other lines (level 0)."""

    level: int
    text: str
    start: int
    end: int


class Stated(NamedTuple):
    """An expression, the path it holds for ("" the whole), and its range."""

    kind: str
    expression: str
    path: str
    start: int
    end: int


README: Final = "readme"

_SECTION_CHARS_MAX = 4_000  # of one section: a page; longer ones are licence texts or prose
_LINE = re.compile(r"[^\n]*\n?")
_ATX = re.compile(r"^[ \t]{0,3}(#{1,6}|={1,6})[ \t]+(\S.*?)[ \t#=]*$")
_BOLD = re.compile(r"^[ \t]{0,3}(?:\*\*|__)([^*_\n]{2,60}?):?(?:\*\*|__):?[ \t]*$")
_HTML = re.compile(r"(?i)^[ \t]*<h([1-6])\b[^>]{0,200}>(.{1,200}?)</h[1-6]>[ \t]*$")
_RULE = re.compile(r"^[ \t]*(?:=+|-+|~+|\^+|\*+|\++|#+|\"+)[ \t]*$")
_LINE_CHARS_MAX = 300  # of a heading in any of the forms
_RULE_CHARS_MIN = 3  # of the line under a title
_TITLE_CHARS_MAX = 100  # a longer line is a paragraph
_PARAGRAPH = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*+]|\d+[.)])[ \t])")


def blocks(text: str) -> Iterator[Block]:
    """Headings (Markdown, reStructuredText, AsciiDoc, HTML, bold lines) and what is between them."""
    lines = [(m[0].rstrip("\r\n"), m.start(), m.end()) for m in _LINE.finditer(text) if m[0]]
    begin, number = 0, 0
    while number < len(lines):
        line, start, _ = lines[number]
        following = lines[number + 1][0] if number + 1 < len(lines) else ""
        level, title, used = _heading(line, following)
        if level:
            if start > begin:
                yield Block(0, text[begin:start], begin, start)
            stop = lines[number + used - 1][2]
            yield Block(level, title, start, stop)
            begin = stop
            number += used
            continue
        number += 1
    if begin < len(text):
        yield Block(0, text[begin:], begin, len(text))


def _heading(line: str, following: str) -> tuple[int, str, int]:
    """Level, title and lines of the heading that begins with a line; level 0: none does."""
    if len(line) > _LINE_CHARS_MAX:
        return 0, "", 0
    atx = _ATX.match(line)
    if atx is not None:
        return len(atx[1]), atx[2], 1
    html = _HTML.match(line)
    if html is not None:
        return int(html[1]), re.sub(r"<[^>]*>", " ", html[2]), 1
    bold = _BOLD.match(line)
    if bold is not None:
        return 7, bold[1], 1
    rule = following.strip()
    is_ruled = _RULE.match(rule) is not None and len(rule) >= _RULE_CHARS_MIN
    if is_ruled and 0 < len(line.strip()) < _TITLE_CHARS_MAX and not _RULE.match(line):
        return {"=": 1, "-": 2}.get(rule[0], 3), line.strip(), 2
    return 0, "", 0


_SPEAKS = re.compile(
    r"(?i)\b(?:licen[cs](?:e|es|ing|ed)|copying|copyrights?|legal(?: stuff| notice| information)?|terms(?: of (?:use|service)| and conditions|)?)\b"
)
_OF_OTHERS = re.compile(
    r"(?i)\b(?:third|3rd|dependenc|other|bundled|vendored|contribut\w* licen|cla\b|choos|which licen|supported|list of|licen[cs]e (?:key|server|check|manag|header|file|plate|report|scan|plugin|activation))"
)
_HEADING_WORDS_MAX = 7


def _is_section(title: str) -> bool:
    """Whether a heading opens what is said of the licence of the project."""
    words = re.findall(r"[\w'.-]+", title)
    return (
        0 < len(words) <= _HEADING_WORDS_MAX
        and _SPEAKS.search(title) is not None
        and _OF_OTHERS.search(title) is None
    )


_BULLET = re.compile(r"(?m)^([ \t]*)\*(?=[ \t])")


def statements(text: bytes) -> list[Stated]:
    """What a README states, sections on licences first, else what it says in passing and by badges."""
    plain = text.decode("latin-1")  # a character a byte: ranges are those of bytes
    plain = _BULLET.sub(r"\1-", plain)
    found = list(blocks(plain))
    title = _title(found, plain)
    stated = list(_sections(found, title))
    if not any(row.kind == README and not row.path for row in stated):
        stated += _in_passing(plain, title)
    return stated


def _title(found: list[Block], plain: str) -> frozenset[str]:
    """Words that name the project: of the first heading, or the first line with letters."""
    for block in found:
        text = prose.unmarked(block.text[:_TITLE_TEXT_CHARS_MAX])
        if block.level and re.search(r"[A-Za-z0-9]{2}", text):
            return prose.title_words(text)
        if not block.level and re.search(r"[A-Za-z]{2}", text):
            break
    first = re.search(r"[A-Za-z]{2}", plain)
    if first is None:
        return frozenset()
    start = plain.rfind("\n", max(0, first.start() - _LINE_CHARS_MAX), first.start()) + 1
    line = plain[start or first.start() :][:_LINE_CHARS_MAX].split("\n", 1)[0]
    return prose.title_words(prose.unmarked(line))


_TITLE_TEXT_CHARS_MAX = 2_000  # before the first heading that are looked at: logos and badges


def _sections(found: list[Block], title: frozenset[str]) -> Iterator[Stated]:
    number = 0
    while number < len(found):
        block = found[number]
        if not block.level or not _is_section(block.text):
            number += 1
            continue
        last = number + 1
        while last < len(found) and not (0 < found[last].level <= block.level):
            last += 1
        yield from _section(found[number:last], title)
        number = last


def _section(section: list[Block], title: frozenset[str]) -> Iterator[Stated]:
    """What a section says: its own text, and below headings of its own what these speak of."""
    whole: list[str] = []
    head = prose.groups(prose.words(section[0].text), title)
    whole += [group.expression for group in head if group.role == WHOLE]
    subject = WHOLE if prose.subject(section[0].text, title) != PART or whole else PART
    limited = terms = False
    start, end = section[0].end, section[-1].end
    for block in section[1:]:
        if block.level:
            subject = prose.subject(block.text, title)
            named = prose.groups(prose.words(block.text), title)
            whole += [group.expression for group in named if group.role == WHOLE == subject]
            continue
        passage = block.text[:_SECTION_CHARS_MAX]
        said = prose.read(passage, title, own=False)
        if subject == WHOLE:
            named_whole = said.whole or _full_text(passage, said)
            whole += [named_whole] if named_whole else []
            limited = limited or said.limited
        terms = terms or re.search(r"[A-Za-z]{2}", passage) is not None
        yield from _parts(passage, block.start)
    if limited:
        yield Stated(README, RESTRICTED, "", start, end)
    elif whole:
        expression = conjunction(tuple(sorted(set(whole))))
        yield Stated(README, expression, "", start, end)
    elif terms:
        yield Stated(TERMS, UNRECOGNIZED, "", start, end)


def _parts(passage: str, base: int) -> Iterator[Stated]:
    for part in prose.placed(passage):
        yield Stated(README, part.expression, part.path, base + part.start, base + part.end)


def _full_text(passage: str, said: prose.Said) -> str | None:
    """The licence whose text a section has, where no sentence names one."""
    if said.parts or any(prose.mentions(s.words) for s in prose.sentences(passage)):
        return None
    raw = np.frombuffer(passage.encode("latin-1"), np.uint8)
    return headers.header_expression(headers.normal(raw))


_BADGE = re.compile(
    r"(?i)shields\.io/badge/[^/\s)\"'-]{0,40}?licen[cs]e[^/\s)\"'-]{0,40}-((?:[^-\s)\"'?/]|--){1,60})-\w"
)
_NAMED_LINK = re.compile(
    r"(?i)\[(?:!\[)?(?:licen[cs]e: ?)?([\w .+/-]{2,60})\](?:\([^()\s]{0,300}\)\])?\((?:[^()\s]{0,200}(?:licen[cs]es?|copying|unlicense)[^()\s]{0,200})\)"
)
_FIELD = re.compile(r"(?im)^[ \t>*:-]{0,6}\*{0,2}licen[cs]e\*{0,2}:\*{0,2}[ \t]*(\S[^\n]{0,120})$")
_EXPLICIT = re.compile(
    r"^(?:(?:this|the|our) (?:[a-z-]+ ){0,3}(?:projects?|software|librar(?:y|ies)|code(?:base)?|source(?: code)?|repositor(?:y|ies)|repo|packages?|programs?|works?|modules?|tools?|crate|gem|plugin|app|application|framework|extension)\b|(?:it|everything|all (?:code|source|files)|released|licen[cs]ed|distributed|available|free for|not for|for (?:[a-z]+ )+only)\b)"
)
_OF_LAW = re.compile(r"\b(?:licen[cs]e|permission|consent|agreement)\b")
_IN_PASSING_CHARS_MAX = 20_000  # of a README that are read for a sentence on its licence


def _in_passing(plain: str, title: frozenset[str]) -> Iterator[Stated]:
    """A badge, a link of a licence's name to its text, a field, or a sentence on the whole project."""
    head = plain[:_IN_PASSING_CHARS_MAX]
    for pattern in (_BADGE, _NAMED_LINK, _FIELD):
        for match in pattern.finditer(head):
            value = match[1].replace("--", "-").replace("_", " ").replace("%20", " ")
            name = re.sub(r"(?i)^licen[cs]e:? ", "", value).replace("%2B", "+")
            expression = canonical(prose.unmarked(name).strip())
            if expression not in {None, UNRECOGNIZED}:
                assert expression is not None
                yield Stated(README, expression, "", match.start(), match.end())
                return
            if pattern is _FIELD:
                said = prose.read(match[1], title, own=False)
                if said.whole is not None or said.limited:
                    both = RESTRICTED if said.limited else said.whole
                    assert both is not None
                    yield Stated(README, both, "", match.start(), match.end())
                    return
    terms: Stated | None = None
    for sentence in prose.sentences(head):
        names_it = bool(title & set(sentence.words.split(" ")[:3]))
        if not names_it and not _EXPLICIT.match(sentence.words):
            # of whom it speaks is not said: it grants and denies nothing, but it is no silence
            if terms is None and prose.limits(sentence.words) and _OF_LAW.search(sentence.words):
                terms = Stated(TERMS, UNRECOGNIZED, "", sentence.start, sentence.end)
            continue
        if prose.limits(sentence.words) and prose.speaks_of_terms(sentence.words):
            yield Stated(README, RESTRICTED, "", sentence.start, sentence.end)
            return
        for group in prose.groups(sentence.words, title):
            if group.role == WHOLE and prose.grants(group.lead):
                yield Stated(README, group.expression, "", sentence.start, sentence.end)
                return
    if terms is not None:
        yield terms
