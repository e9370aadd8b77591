"""Telephone numbers, where something says that they are: a word before them, `tel:`, or a country code.

In: a text and where a candidate ends. Out: findings, proven by the numbering plans that libphonenumber
carries (the distribution phonenumberslite: the same package `phonenumbers` without maps and carriers).
Always holds: digits of code are never a finding, and none is worth more than `high` asks for, as every hit
that was looked at in real code was false before a plan had to confirm it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers

from stackyard.pii.findings import Finding

_WORDS = (
    rb"phone|mobile?|m[o\xc3\xb3]{1,2}vil|tel|fax|whatsapp|handy|cel[lu]|call|contact|sms|text me|reach|ring|dial|hotline|"
    rb"rufnummer|n[u\xc3\xba]{1,2}mero|numero|portable|\xe7\x94\xb5\xe8\xaf\x9d|\xe9\x9b\xbb\xe8\xa9\xb1|\xe6\x89\x8b\xe6\x9c\xba|"
    rb"\xd1\x82\xd0\xb5\xd0\xbb|\xec\xa0\x84\xed\x99\x94"
)
PHONE_ANCHOR = rb"(?:" + _WORDS + rb")[^\n]{0,32}[+(0-9][0-9 ()./-]{6,16}[0-9]"
PLUS_ANCHOR = rb"\+[1-9][0-9 ()./-]{6,8}[0-9]"

_STRONG = (
    rb"(?:phone|mobile|whatsapp|hotline|rufnummer|(?<![a-z])(?:t[e\xc3\xa9]{1,2}l(?:[e\xc3\xa9]{1,2}fono?|efone?|efoon|[e\xc3\xa9]{1,2}phone)?|handy|"
    rb"m[o\xc3\xb3]{1,2}vil|mobil|celular|cellulare|cell|portable|puhelin|telefonnummer|mobilnummer|phone_?n(?:o|umber))(?![a-z])|"
    rb"\xe7\x94\xb5\xe8\xaf\x9d|\xe9\x9b\xbb\xe8\xa9\xb1|\xe6\x89\x8b\xe6\x9c\xba|\xd1\x82\xd0\xb5\xd0\xbb|\xec\xa0\x84\xed\x99\x94|"
    rb"(?<![a-z])fax)"
)
"""Words for a telephone: English, German, Romance and Nordic languages, Chinese, Japanese, Russian, Korean."""
_WEAK = rb"(?<![a-z])(?:call|contact|sms|text me|reach|ring|dial|n[u\xc3\xba]{1,2}mero)"
_AFTER_WORD = re.compile(
    rb"(?i)(?:(?P<strong>" + _STRONG + rb")|" + _WEAK + rb")[^\n0-9+(]{0,32}"
    rb"(?P<number>[+(0-9][0-9 ()./-]{6,22}[0-9])(?![0-9A-Za-z_])"
)
_PLUS = re.compile(
    rb"(?<![0-9A-Za-z_.+)\]-])(?P<number>\+[1-9][0-9 ()./-]{6,22}[0-9])(?![0-9A-Za-z_])"
)
_WORD_BEFORE = re.compile(rb"(?i)(?:" + _STRONG + rb")[^\n0-9+(]{0,32}$")
_EDGE = rb"[^0-9A-Za-z_.+/=-]"
LAYOUT_ANCHORS = (
    _EDGE + rb"\([2-9][0-9]{2}\)[ -]?[0-9]{3}[-. ][0-9]{4}",
    _EDGE + rb"(?:(?:\+?1|001)[-. ])?[2-9][0-9]{2}[-.][0-9]{3}[-.][0-9]{4}",
    _EDGE + rb"00[ -]?[1-9][0-9]{0,2}[ -][0-9(][0-9 ()-]{5,14}[0-9]",
)
_LAYOUT = re.compile(
    rb"(?<![0-9A-Za-z_.+/=-])(?<![0-9] )(?P<number>(?:(?:\+?1|001)[-. ])?(?:\([2-9][0-9]{2}\)[ -]?|[2-9][0-9]{2}([-.]))"
    rb"[0-9]{3}(?(2)\2|[-. ])[0-9]{4})(?P<extension>[ ]?(?:x|ext\.?)[ ]?[0-9]{1,5})?(?![0-9A-Za-z_+/=]|[-.][0-9])"
)
"""How North America writes a number: nothing else is written so."""
_ABROAD = re.compile(
    rb"(?<![0-9A-Za-z_.+/=-])(?P<number>00[ -]?[1-9][0-9]{0,2}[ -][0-9(][0-9 ()-]{5,14}[0-9])(?![0-9A-Za-z_+/=.-])"
)

_FRAME = re.compile(rb"['\"`>(]$|(?:#|//|\*|--|;|%)[^\n]*$")
"""What stands before a number in a string, a comment or a text element."""

_SENTENCE = re.compile(rb"(?:^|\s)[A-Za-z',]{2,20} [A-Za-z]{1,12}[:,?.!]? ?[\"'(]?$")
"""Two words before a number: prose, where code has signs."""

_SENTENCE_AFTER = re.compile(
    rb"(?: x[0-9]{1,5})? (?:is|was|are|and|or|between|instead|any|for|if|when|to)\b"
)
_CELL = re.compile(rb"[,;|\t][ ]?['\"]?$")
"""What follows a number in a sentence; what stands before one in a row of a table."""

PHONE_DIGITS_MIN, PHONE_DIGITS_MAX = 8, 15
"""ITU-T E.164 allows 15; shorter ones than 8 are extensions, codes and ports."""

REGIONS = ("US", "GB", "DE", "FR", "IN", "BR", "CN", "ES")
"""Plans that a number without country code is held against, in this order."""

_FICTION = re.compile(
    r"\+1\d{3}55501\d\d|\+44(?:1632960|7700900|2079460|1314960|1414960|1514960|1174960|1134960|1154960|1164960"
    r"|1184960|1214960|1614960|2890180|2920180|3069990|8081570|9098790)\d*|\+6149157\d{4}|\+12345678\d*"
)
"""Numbers set aside for fiction and documents: NANP 555-0100 to 0199, Ofcom's, ACMA's; and who counts up."""

ANNOUNCED_SCORE, WRITTEN_SCORE, PLAIN_SCORE, DOUBTFUL_SCORE = 0.65, 0.5, 0.45, 0.3
"""After a word, or in a string or a comment, and valid; digits alone after a strong word; what no plan
confirms, or nothing announces."""

PHONE_WORK = 32_768
"""Units of work of a check: a plan takes 75 microseconds, as long as 4,000 bytes of the other checks."""

CONTEXT_BYTES = 80
GROUPS_CUT_MAX = 2
"""Groups of digits that may follow a number and belong to something else."""


def phone(text: bytes, end: int) -> Iterator[Finding]:
    """The number after a word that announces one; below `high` none goes."""
    for match in _AFTER_WORD.finditer(text, max(0, end - 80), min(len(text), end + 40)):
        if match.start() >= end:
            return
        if match.end() >= end:
            start, number = match.start("number"), match["number"].decode("ascii")
            if number[0] == "+":
                yield from _international(start, number, ANNOUNCED_SCORE)
            else:
                yield from _national(start, number, is_strong=match["strong"] is not None)


def plus(text: bytes, end: int) -> Iterator[Finding]:
    """A number with its country code, in a string or a comment, or after `tel:` and the like."""
    for match in _PLUS.finditer(text, max(0, end - 12), min(len(text), end + 24)):
        if match.start() < end:
            number = match["number"].decode("ascii")
            before = text[max(0, match.start() - CONTEXT_BYTES) : match.start()]
            score = WRITTEN_SCORE if _FRAME.search(before) else DOUBTFUL_SCORE
            after = text[match.end() : match.end() + CONTEXT_BYTES]
            if _SENTENCE.search(before) or _SENTENCE_AFTER.match(after) or _CELL.search(before):
                score = PLAIN_SCORE
            if _WORD_BEFORE.search(before):
                score = ANNOUNCED_SCORE
            yield from _international(match.start(), number, score)
        return


def layout(text: bytes, end: int) -> Iterator[Finding]:
    """A number in the layout of North America, or with `00` and a country code, where a plan has it or a word says it."""
    low, high = max(0, end - 40), min(len(text), end + 16)
    for match in (*_LAYOUT.finditer(text, low, high), *_ABROAD.finditer(text, low, high)):
        if not match.start() < end <= match.end():
            continue
        number = match["number"].decode("ascii")
        is_abroad = match.re is _ABROAD
        plain, is_valid = planned("+" + number[2:].lstrip(" -") if is_abroad else number, "US")
        before = text[max(0, match.start() - CONTEXT_BYTES) : match.start()]
        is_said = bool(_WORD_BEFORE.search(before))
        if _FICTION.match(plain) or (is_abroad and not is_valid):
            continue
        if not (is_valid or is_said) and not is_abroad:
            after = text[match.end() : match.end() + CONTEXT_BYTES]
            is_prose = _SENTENCE.search(before) or _SENTENCE_AFTER.match(after)
            if match["extension"] or "(" in number or is_prose:
                yield Finding(*match.span(), "phone", "phone", PLAIN_SCORE, "invalid")
        elif is_valid or is_said:
            score = ANNOUNCED_SCORE if is_said else PLAIN_SCORE
            yield Finding(
                *match.span(), "phone", "phone", score, "valid" if is_valid else "invalid"
            )


def _international(start: int, number: str, score: float) -> Iterator[Finding]:
    for _ in range(GROUPS_CUT_MAX + 1):
        plain, is_valid = planned(number, None)
        if is_valid and not _FICTION.match(plain):
            yield Finding(start, start + len(number), "phone", "phone", score, "valid")
        if is_valid:
            return
        number = number.rpartition(" ")[0].rstrip(" ()./-")


def _national(start: int, number: str, *, is_strong: bool) -> Iterator[Finding]:
    digits = sum(map(str.isdigit, number))
    if not PHONE_DIGITS_MIN <= digits <= PHONE_DIGITS_MAX or is_date(number):
        return
    plans = [planned(number, region) for region in REGIONS]
    if any(_FICTION.match(plain) for plain, _ in plans):
        return
    is_valid, is_plain = any(valid for _, valid in plans), number.isdigit()
    score = PLAIN_SCORE if is_plain else ANNOUNCED_SCORE
    if not is_valid or (is_plain and not is_strong):
        score = DOUBTFUL_SCORE
    validator = "valid" if is_valid else "invalid"
    yield Finding(start, start + len(number), "phone", "phone", score, validator)


_DATE = re.compile(
    r"(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])(?!\d)|\d{1,2}[./-]\d{1,2}[./-](?:19|20)\d\d"
    r"|(?:\d{1,3}\.){3}\d{1,3}$|97[89][- ]"
)


LAST_GROUP_MIN = 4
"""Digits that end a number written with dots, where its groups are not alike, as those of versions are not."""


def is_date(number: str) -> bool:
    """Whether digits with signs between them read as a date, a version or an ISBN."""
    groups = number.split(".")
    is_version = (
        number.replace(".", "").isdigit()
        and len(groups) > 1
        and len(groups[-1]) < LAST_GROUP_MIN
        and len(set(map(len, groups))) > 1
    )
    return is_version or bool(_DATE.match(number))


@lru_cache(maxsize=4096)
def planned(number: str, region: str | None) -> tuple[str, bool]:
    """E.164 of a number in a region, or by its country code, and whether the plan there has it."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return "", False
    plain = f"+{parsed.country_code}{parsed.national_number}"
    return plain, phonenumbers.is_valid_number(parsed)
