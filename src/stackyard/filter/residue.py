"""What a sentence of a licence file is that no listed text has: harmless, or a word that takes back.

In: one sentence (or title, or item of a list). Out: its kind, one of HARMLESS, RIDERS, `foreign` or
`unexplained`.
Always holds: a sentence is harmless only if it is made, end to end, of phrases that were reviewed
(data/residue: rules.yaml, phrases.yaml), with names in the slots for names alone, or if it is, word for
word, a reviewed sentence (digests.yaml). What is left over makes it unexplained, whatever it says. The
words of riders.yaml only give a name to what is not harmless: they make nothing harmless.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any, Final, NamedTuple

import yaml

from stackyard.filter import texts
from stackyard.filter.tiles import Grammar, Rule, Token


class Unit(NamedTuple):
    """A sentence: its words (lower case, one space between), its bytes as they stand, how many words
    it has, its tokens, and whether it is a sentence of its own.
    """

    words: str
    raw: str
    size: int
    tokens: tuple[Token, ...]
    whole: bool


HARMLESS: Final = frozenset(
    ["copyright", "names", "title", "frame", "introduction", "pointer", "part", "history",
     "thanks", "contribution", "funding", "warranty", "endorsement", "notice", "export", "request", "contact", "grant",
     "output", "translation", "description", "known"]
)  # fmt: skip
_STRONGEST: Final = ("introduction", "part", "pointer", "title")
"""Of a sentence that is made of several kinds: the one that its caller has most to do with."""


def _document(name: str) -> Any:
    """A file of reviewed data.

    The parser in C where there is one: the one in Python takes a second for these files.
    """
    text = (resources.files("stackyard.filter.data.residue") / name).read_text("utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, loader)  # noqa: S506 - both loaders are safe ones


def rules() -> tuple[Rule, ...]:
    """The reviewed sentences, in the order of their file."""
    return grammar().rules


@functools.cache
def grammar() -> Grammar:
    """The reviewed phrases and sentences; read once a process."""
    slots = {
        "name": _one_name,
        "names": _names,
        "subject": _subject,
        "holders": _holders,
        "title": _title,
        "path": lambda tokens, at: _one(tokens, at, "@"),
        "number": lambda tokens, at: _one(tokens, at, "#"),
    }
    found = [Rule(**row) for row in _document("rules.yaml")]
    return Grammar(_document("phrases.yaml"), found, slots)


@functools.cache
def _known_sentences() -> frozenset[str]:
    return frozenset(str(row["digest"]) for row in _document("digests.yaml"))


def digest(words: str) -> str:
    """Hex digest by which a reviewed sentence is known: 8 bytes of SHA-256 of its words."""
    return hashlib.sha256(words.encode()).hexdigest()[:16]


# --- names ---------------------------------------------------------------------------------------


class _Lexicon(NamedTuple):
    """Patterns of words that are no names, anywhere or alone on a line, and that link names."""

    never: re.Pattern[str]
    never_titles: re.Pattern[str]
    links: frozenset[str]


@functools.cache
def _lexicon() -> _Lexicon:
    document = _document("words.yaml")

    def pattern(*keys: str) -> re.Pattern[str]:
        words = " ".join(document[key] for key in keys).split()
        return re.compile("|".join(word.replace("*", r"\w*") for word in words))

    return _Lexicon(
        pattern("never", "never-with-suffix"),
        pattern("never", "never-with-suffix", "never-alone"),
        frozenset(document["links"].split()),
    )


@functools.lru_cache(maxsize=1 << 14)
def _is_listed(word: str) -> bool:
    """Whether a word stands in a listed text: then it is a common word, or one of law."""
    return texts.key_of(word) in texts.spdx_index().vocabulary


@functools.lru_cache(maxsize=1 << 14)
def _may_name(word: str) -> bool:
    return _lexicon().never.fullmatch(word) is None


@functools.lru_cache(maxsize=1 << 14)
def _may_stand_alone(word: str) -> bool:
    return _lexicon().never_titles.fullmatch(word) is None


def _is_name(tokens: Sequence[Token], at: int) -> bool:
    """Whether a word is a name: by its capital, or as one that no listed text has. The capital of a
    first word says nothing if a listed text has it, unless another name follows.
    """
    token = tokens[at]
    if token.word in {"@", "#"} or not _may_name(token.word):
        return False
    if any(map(str.isdigit, token.word)):
        return True
    if not token.is_upper:
        return False
    if at > 0 or not _is_listed(token.word):
        return True
    return at + 1 < len(tokens) and tokens[at + 1].is_upper and _may_name(tokens[at + 1].word)


def _one(tokens: Sequence[Token], at: int, mark: str) -> list[int]:
    return [at + 1] if tokens[at].word == mark else []


def _one_name(tokens: Sequence[Token], at: int) -> list[int]:
    return [at + 1] if _is_name(tokens, at) else []


_NAMES_MAX: Final = 24
"""Words of a row of names within a sentence; lists of holders have no such end."""


def _names(tokens: Sequence[Token], at: int) -> list[int]:
    """Names with small words between them, the first of which could be no term; a row ends with a name,
    a number or an address.
    """
    ends: list[int] = []
    for end in range(at, min(len(tokens), at + _NAMES_MAX)):
        word = tokens[end].word
        if _is_name(tokens, end) and (end > at or _may_stand_alone(word)):
            ends.append(end + 1)
        elif end == at:
            break
        elif word in {"@", "#"}:
            ends.append(end + 1)
        elif word not in _lexicon().links or not _links(tokens, end):
            break
    return ends


_OF_PURPOSE: Final = frozenset(["for", "to", "with", "in", "on", "from", "or"])


def _links(tokens: Sequence[Token], at: int) -> bool:
    """Whether a small word links names: one that may say what for does so between capitals alone."""
    return tokens[at].word not in _OF_PURPOSE or (at + 1 < len(tokens) and tokens[at + 1].is_upper)


_SUBJECT_WORDS_MAX: Final = 4


def _subject(tokens: Sequence[Token], at: int) -> list[int]:
    """The name of a program in small letters: a word that no listed text has, or an identifier."""
    ends: list[int] = []
    if at == 0 and tokens[0].is_upper and _may_stand_alone(tokens[0].word):
        ends.append(1)  # the first word of a sentence, whose verb says that it is a name
    for end in range(at, min(len(tokens), at + _SUBJECT_WORDS_MAX)):
        token = tokens[end]
        if not token.word.isascii() or token.word in {"@", "#"} or not _may_stand_alone(token.word):
            break
        if (end > at and not token.is_joined) or (
            token.is_upper and at > 0 and not token.is_joined
        ):
            break
        has_digit = any(map(str.isdigit, token.word))
        if _is_listed(token.word) and not has_digit and not token.is_joined:
            break
        ends.append(end + 1)
    return ends


_HOLDER_WORDS: Final = frozenset(
    ["authors", "author", "contributors", "contributor", "developers", "developer", "others", "team",
     "project", "group", "foundation", "maintainers", "members", "affiliates", "individual", "other",
     "its", "their", "his", "her", "community", "company", "university", "various", "respective",
     "each", "many", "as", "well", "all", "subsidiaries", "listed", "named", "present", "now",
     "individuals", "inc", "owners", "holders", "holder", "committers",
     "authors", "owner", "sons", "institute", "department", "division", "office", "lab", "labs",
     "laboratory", "school", "college", "society", "network", "consortium", "association", "trust",
     "corporation", "limited", "council", "bureau", "board", "organization", "c", "aka", "email",
     "e", "mail", "reserved", "rights", "year", "name", "fullname", "yyyy", "portions", "copyright",
     "copr", "parts", "research", "systems", "technologies", "software", "solutions", "studio",
     "studios", "media", "original", "programmers", "programmer", "development", "core", "file", "dot",
     "com", "net", "org", "press", "center", "international", "industries", "regents", "trustees"]
)  # fmt: skip
"""Small words of what holders are called."""
_PLAIN_HOLDER_WORDS_MAX: Final = 3
"""Words in small letters, which no listed text has, that a holder may be called by."""
_CJK_NAME_CHARS_MAX: Final = 4


def _holders(tokens: Sequence[Token], at: int) -> list[int]:
    """Names, addresses, years and the small words between them, as notices of copyright have them."""
    ends: list[int] = []
    plain, is_told = 0, False
    for end in range(at, len(tokens)):
        token = tokens[end]
        word = token.word
        is_plain = word not in {"@", "#"} and not _is_name(tokens, end)
        if plain and not is_told and (not is_plain or word in _HOLDER_WORDS):
            break
        if not is_plain or word in _HOLDER_WORDS:
            plain = 0
            ends.append(end + 1)
        elif word == "reserved" and end > at and tokens[end - 1].word in {"rights", "right"}:
            ends.append(end + 1)
        elif word in _lexicon().links or word == "rights":
            if (plain and not is_told) or not _links(tokens, end):
                break
        elif _is_plain_holder(token) and plain < _PLAIN_HOLDER_WORDS_MAX:
            # a nickname: words in small letters, one of which no listed text has
            is_told = (plain > 0 and is_told) or not _is_listed(word) or token.is_joined
            plain += 1
            if is_told:
                ends.append(end + 1)
        else:
            break
    return ends


def _is_plain_holder(token: Token) -> bool:
    if not _may_stand_alone(token.word):
        return False
    wide = any(ord(char) > _LATIN_END for char in token.word)
    return not wide or len(token.word) <= _CJK_NAME_CHARS_MAX


_LATIN_END: Final = 0x24F
_TITLE_WORDS_MAX: Final = 6


def _title(tokens: Sequence[Token], at: int) -> list[int]:
    """The name of a project, alone: words with capitals, one of which no listed text has; a word that
    could be a term is none.
    """
    ends: list[int] = []
    is_known, small = False, True
    for end in range(at, min(len(tokens), at + _TITLE_WORDS_MAX)):
        word = tokens[end].word
        if word in {"@", "#"}:
            if end == at:
                break
            continue
        if word in _TITLE_LINKS and end > at:
            continue
        if not _may_stand_alone(word) or (word == "apache" and end > at):
            break
        listed = _is_listed(word)
        if listed and not tokens[end].is_upper and not tokens[end].is_joined:
            break
        marked = tokens[end].is_upper or tokens[end].is_joined
        if not marked and (end > at or not word.isascii()):
            break
        alone = end == at and tokens[end].is_upper
        is_known = is_known or not listed or tokens[end].is_joined
        small = small and not tokens[end].is_upper
        # in small letters: one word, or one identifier
        is_whole = is_known and (not small or end == at or tokens[end].is_joined)
        if is_whole or (alone and len(tokens) == 1):  # of one word it is the same if it is listed
            ends.append(end + 1)
    return ends


_TITLE_LINKS: Final = frozenset(["and", "the", "of", "inc", "llc", "ltd", "gmbh", "js", "org"])


# --- kinds ---------------------------------------------------------------------------------------

_OF_THE_WORK: Final = frozenset(["introduction", "title"])
_COPYLEFT: Final = re.compile(
    r"gpl|\bgnu\b|gfdl|mozilla|\bmpl|eclipse|\bepl\b|\bcddl\b|common development|open font|\bofl\b|sharealike"
    r"|share alike|by sa\b|common public|public license|\beupl\b|\bqpl\b|\blppl\b|latex|academic|"
    r"open software"
    r"|\bperl\b|artistic|creative commons"
)
"""Names of licences, not all of them permissive, that phrases have: the caller must know them."""
_SENTENCE_WORDS_MAX: Final = 300
"""Words of a sentence that is read; the longest of the listed texts has 270."""
_TELLING: Final = re.compile(
    r"[$€£¥₹¬≠✗✘❌🚫⛔☠]|(?i:\b(?:mit|bsd|isc|apache|zlib)[+*~])"
    r"|(?i:(?<![.\d])(?:[5-9]|\d\d+|\d+\.\d+)[- ]clause)"  # listed are BSD's with up to four
)
"""Signs that say what no word says; `$Id$` and its like are cut out before."""
_KEYWORD: Final = re.compile(
    r"\$(?:Id|Date|Revision|Author|Header|Source|Name|Log|Rev|URL)\b[^$\n]{0,200}\$"
)
_FRAGMENT: Final = re.compile(
    "the|and|of|or|to|in|on|at|by|for|with|as|is|are|this|that|its?|all|above|below|following|including"
    "|software|program|library|files?|code|source|package|work|documentation|notice|license|path"
    "|copyright|text|version|@|#"
)
_FRAGMENT_WORDS_MAX: Final = 6
"""Words of a stretch between two pieces of a listed text: an edit of it."""


def kind(unit: Unit, named: bool) -> str:
    """Kind of a sentence; `named`: whether the licences that it names are known."""
    return _kind(unit, named)


@functools.lru_cache(maxsize=1 << 14)
def _kind(unit: Unit, named: bool) -> str:
    if not unit.tokens or all(token.word in {"@", "#"} for token in unit.tokens):
        return "names"
    if _is_fragment(unit):
        return "names"
    if digest(unit.words) in _known_sentences():
        return "known"
    if _is_read(unit):
        found = grammar().made_of(unit.tokens)
        kinds = {rule.kind for rule in found}
        if found and (named or not (kinds & _OF_THE_WORK and _COPYLEFT.search(unit.words))):
            return next((each for each in _STRONGEST if each in kinds), found[0].kind)
    if unit.size > _SENTENCE_WORDS_MAX:
        ends = _holders(unit.tokens, 0)
        return "names" if ends and ends[-1] == len(unit.tokens) else "unexplained"
    return rider_kind(unit.words) or "unexplained"


def _is_read(unit: Unit) -> bool:
    """Whether a stretch is one that the grammar is asked for: no part of a sentence, no sign and no
    words that say that there is more to it.
    """
    return (
        unit.whole
        and unit.size <= _SENTENCE_WORDS_MAX
        and not tells_by_sign(unit.raw)
        and rider_kind(unit.words) not in _NEVER_HARMLESS
        and _FILE_OF_TERMS.search(unit.raw) is None
    )


_NEVER_HARMLESS: Final = frozenset(["commons-clause", "modified", "additional-terms"])
"""Kinds of riders that are told by so few words that no sentence with them is harmless."""
_FILE_OF_TERMS: Final = re.compile(
    r"(?i)\b(?:\w+[-_])*(?:eula|addendum|restrictions?|terms|rider)\.\w{2,4}\b"
)
"""Files that by their names say what else holds."""


def _is_fragment(unit: Unit) -> bool:
    """Whether a stretch inside a sentence of a text is of neutral words, or one that is misspelt."""
    if unit.whole or unit.size > _FRAGMENT_WORDS_MAX:
        return False
    if unit.size == 1:
        word = unit.tokens[0].word
        return word.isascii() and not _is_listed(word) and _may_stand_alone(word)
    return all(_FRAGMENT.fullmatch(token.word) for token in unit.tokens)


def tells_by_sign(raw: str) -> bool:
    """Whether a sign says what no word says, as in `MIT++`."""
    return _TELLING.search(_KEYWORD.sub("", raw)) is not None


def continues_names(unit: Unit) -> bool:
    """Whether a line below a notice or a list of names has more of them: an address, or a name that no
    listed text has.
    """
    ends = _holders(unit.tokens, 0) if unit.tokens else []
    return (
        bool(ends)
        and ends[-1] == len(unit.tokens)
        and any(
            token.word == "@" or (token.is_upper and not _is_listed(token.word))
            for token in unit.tokens
        )
    )


def tokens_of(words: Sequence[tuple[str, bool, bool, bool]], raw: str) -> Iterator[Token]:
    """Tokens of a sentence.

    Args:
        words: each in lower case (`path` for an address, empty for a number), whether it begins with a
            capital, has letters beyond ASCII, and is an address.
        raw: the bytes that they stand in.
    """
    joined = frozenset(re.findall("[a-z0-9]+", " ".join(_JOINED.findall(raw)).lower()))
    letters = [char for char in raw if char.isalpha()]
    shouted = len(words) > 1 and all(char.isupper() for char in letters)
    last = ""
    if _NOTICE.match(raw):
        yield Token("copyright", False)
    for word, is_upper, is_foreign, is_address in words:
        mark = "#" if is_address and not word else "@" if is_address else ""
        if mark == "@" == last:
            continue
        last = mark
        spelt = mark or "".join(filter(str.isalnum, texts.spelling(word)))
        capital = is_upper and not mark and not (shouted and _is_listed(spelt))
        yield Token(spelt, capital, is_foreign, spelt in joined)


_NOTICE: Final = re.compile(r"[\s*#/>;.-]*(?:\([cC]\)|©)")
_JOINED: Final = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)+|[\"'`][\w./-]{1,40}[\"'`]")
"""Identifiers, and what is quoted."""


# --- lists of parts ------------------------------------------------------------------------------

_LISTS_PARTS: Final = re.compile(
    r"\b(?:librar(?:y|ies)|components?|projects?|packages?|modules?|dependenc(?:y|ies)|files?|fonts?|icons?)$"
    r"|\b(?:following|these|other|third part(?:y|ies)) (?:\w+ ){0,3}(?:librar(?:y|ies)|"
    r"components?|projects?|packages?|modules?|dependenc(?:y|ies))\b"
)
_ITEM: Final = re.compile(r"(?:^|\n)[ \t]*(?:[*+-]|\d{1,3}[.)])[ \t]+\S")
_ITEM_WORDS_MAX: Final = 3
"""Words of the name of a component in a list of them."""


def lists_parts(unit: Unit) -> bool:
    """Whether a sentence on a part of the work is followed by a list of such parts."""
    return _LISTS_PARTS.search(unit.words) is not None


def is_part_in_list(unit: Unit) -> bool:
    """Whether an item is no more than the name of a component: nothing is said of it."""
    return (
        unit.size <= _ITEM_WORDS_MAX
        and _ITEM.search(unit.raw) is not None
        and all(_may_stand_alone(token.word) or not _is_listed(token.word) for token in unit.tokens)
        and rider_kind(unit.words) is None
    )


# --- what is not harmless: its name --------------------------------------------------------------


class _Rider(NamedTuple):
    kind: str
    pattern: re.Pattern[str]


@functools.cache
def _rider_document() -> Any:
    return _document("riders.yaml")


def _rider_references() -> dict[str, str | None]:
    return {row["kind"]: row.get("reference") for row in _rider_document()["kinds"]}


RIDERS: Final = _rider_references()
"""Kinds of words that take back what a text gives, and the LicenseRef that one is known by, if any."""


@functools.cache
def _riders() -> tuple[re.Pattern[str], tuple[_Rider, ...]]:
    document = _rider_document()
    kinds = tuple(
        _Rider(row["kind"], re.compile("|".join(f"(?:{each})" for each in row["words"])))
        for row in document["kinds"]
    )
    return re.compile(
        r"\b(?:" + "|".join(document["norms"].split()).replace("*", r"\w*") + r")\b"
    ), kinds


@functools.lru_cache(maxsize=1 << 14)
def rider_kind(words: str) -> str | None:
    """Kind of rider of a sentence (words in lower case, one space between), None if it is none.

    >>> rider_kind("it may not be used for commercial purposes")
    'non-commercial'
    """
    norms, kinds = _riders()
    if not norms.search(words):
        return None
    return next((each.kind for each in kinds if each.pattern.search(words)), None)


_REPEATS: Final = re.compile(
    r"warrant|liab(?:le|ility)|\bas is\b|damages|merchantability|disclaim|trade ?mark|endors|promot"
    r"|(?:retain|includ|reproduc|appear)\w*\b.*\bnotices?\b|\bnotices?\b.*\b(?:retain|includ|reproduc|appear)"
)


def only_repeats(words: str) -> bool:
    """Whether a sentence of a listed text is on warranty, on names, or on the keeping of notices:
    these take nothing, whichever text they are from.
    """
    return _REPEATS.search(words) is not None
