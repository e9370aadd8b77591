"""Every word of a licence file is accounted for: a listed text, harmless words, or words that count.

In: the bytes of a licence file. Out: pieces with their ranges: texts of the SPDX list, licences that
its sentences name, riders, and what nothing explains.
Always holds: a word of the file is in a listed text, in an edit that changes no word that gives, takes
or limits, in a sentence of a harmless kind, or in a piece. A file with a rider or an unexplained piece is no
plain licence, whatever else is in it.
Source: SPDX 3.0.1, annex C (matching guidelines); the kinds of sentences are `residue`'s.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np

from stackyard.filter import headers, residue, texts
from stackyard.filter.expression import UNRECOGNIZED, canonical, conjunction, families, license_ids
from stackyard.filter.residue import Unit


class Piece(NamedTuple):
    """A stretch of a file that counts: `kind` is `text`, `named`, `rider` or `unexplained`."""

    kind: str
    detector: str
    expression: str
    score: float
    start_byte: int
    end_byte: int


class Account(NamedTuple):
    """What a file says: its pieces, and whether it points to another file for its terms."""

    pieces: tuple[Piece, ...]
    points: bool

    @property
    def is_plain(self) -> bool:
        """Whether listed texts, named licences and harmless words are all there is."""
        return bool(self.pieces) and all(p.kind in {"text", "named"} for p in self.pieces)


@functools.lru_cache(
    maxsize=128
)  # a blob is asked for under each of its names, one after the other
def account(raw: bytes, score_min: float) -> Account:
    """Account for the words of a licence file."""
    same = texts.exact(raw)
    file = _File(without_markup(raw), score_min)
    if same is not None and file.notices_are_harmless():
        return Account((Piece("text", "spdx-texts", _expression(same), 1.0, 0, len(raw)),), False)
    return file.account()


def units(raw: bytes) -> list[Unit]:
    """Sentences, titles and items of a text, none of which is a listed one."""
    file = _File(without_markup(raw), 1.0)
    return [file._unit(first, last) for first, last in file._units()]  # noqa: SLF001 - our own


_BLOCKS: Final = (
    rb"(?:p|br|div|h[1-6]|ul|ol|li|pre|table|tr|td|th|hr|blockquote|section|article|"
    rb"dl|dt|dd|body|html|head|title|center|main|header|footer|nav|tbody|thead)"
)
_INLINE: Final = (
    rb"(?:a|b|i|em|strong|span|code|tt|font|small|big|sup|sub|u|s|kbd|abbr|img|meta|"
    rb"link|address|cite|details|summary|var|samp|nobr|wbr|!doctype|\?xml|base|col|"
    rb"colgroup|caption|picture|svg|path)"
)
_MARKUP: Final = re.compile(
    rb"(?is)(?P<hidden><(?P<name>style|script)\b[^<>]{0,1000}>.{0,100000}?</(?P=name)\s*>)"
    rb"|(?P<block></?" + _BLOCKS + rb"(?:\s[^<>]{0,1000})?/?>)"
    rb"|(?P<inline></?" + _INLINE + rb"(?:\s[^<>]{0,1000})?/?>)"
    rb"|(?P<entity>&(?:#\d{1,6}|#x[0-9a-f]{1,6}|[a-z]{2,8});)"
    rb"|(?P<link>\]\([^()\s]{1,500}\))"
    rb"|(?P<badge>!\[[^\]\n]{0,200}\])"
    rb"|(?P<directive>(?m:^[ \t]*\.\.[ \t]+(?:code|code-block|literalinclude|highlight|"
    rb"_[^\n:]{1,80})::?[^\n]{0,80}$))"
    rb"|(?P<dnl>(?m:^[ \t]*(?:dnl|rem)[ \t]))"
)  # fmt: skip


def without_markup(raw: bytes) -> bytes:
    """The text with blanks for what HTML, Markdown and RST add to words: places stay what they are."""
    plain = _MARKUP.sub(_blank, raw)
    leaders = Counter(match[1] for match in _LEADER.finditer(plain))
    lines = len(_FILLED_LINE.findall(plain))
    for leader, count in leaders.items():
        if lines > 1 and count > _LEADER_SHARE * lines:
            mark = re.compile(rb"(?m)^[ \t]*" + re.escape(leader))
            return mark.sub(lambda match: b" " * len(match[0]), plain)
    return plain


_LEADER: Final = re.compile(rb"(?m)^[ \t]*([*#;%>|!\"]|//|--)")
_FILLED_LINE: Final = re.compile(rb"(?m)^[ \t]*\S")
_LEADER_SHARE: Final = 0.6
"""Share of lines that begin with one mark from which it leads comments: else it is that of items."""


def _blank(match: re.Match[bytes]) -> bytes:
    size = len(match[0])
    return b"\n\n" + b" " * (size - 2) if match.lastgroup == "block" and size > 1 else b" " * size


def _expression(license_id: str) -> str:
    return canonical(license_id) or UNRECOGNIZED


_CANDIDATES: Final = 12
"""Licences that are aligned at a time: BSD and MIT have some sixty near relatives each, of which
the run counts put the right one among the first four on all listed texts."""
_SHARE_MIN: Final = 0.4
"""Share of runs from which a licence is aligned: each changed word breaks five, so a text at the least
score of 0.9 of its words may have half of its runs."""
_TEXTS_MAX: Final = 48
"""Texts in one file; a collection of more is no licence of one work."""


class _File:
    """A licence file while it is read."""

    def __init__(self, plain: bytes, score_min: float) -> None:
        self.plain = plain
        self.score_min = score_min
        self.words = texts.read(plain)
        self.taken = np.zeros(len(self.words), bool)
        for match in _PATH.finditer(plain):  # words of a path say nothing
            low, high = np.searchsorted(self.words.starts, [match.start(), match.end()])
            self.words.flags[low:high] |= texts.ADDRESS
        self.begins = (self.words.flags & (texts.SENTENCE | texts.BLOCK)) != 0
        bounds = self.begins.copy()
        bounds[:1] = True
        self.stops = [*np.flatnonzero(bounds).tolist(), len(self.words)]
        self.negations = _negations(self.words.keys)
        self.pieces: list[Piece] = []

    def account(self) -> Account:
        for alignment in self._texts():
            self._take(alignment)
        self._whole_name()
        points = self._residue()
        return Account(tuple(_combined(self.pieces)), points)

    def notices_are_harmless(self) -> bool:
        """Whether copyright notices say no more than who holds the rights: the key of a text leaves
        them out.
        """
        at = np.flatnonzero((self.words.flags & texts.NOTICE) != 0)
        if len(at) == 0:
            return True
        breaks = np.flatnonzero((np.diff(at) > 1) | self.begins[at[1:]]) + 1
        return all(
            residue.kind(self._unit(int(run[0]), int(run[-1]) + 1), True) in residue.HARMLESS
            for run in np.split(at, breaks)
        )

    def _texts(self) -> Iterator[texts.Alignment]:
        """Listed texts that stand in the file, the best fit of what is left each time."""
        index = texts.spdx_index()
        for _ in range(_TEXTS_MAX):
            keys = np.where(self.taken, 0, self.words.keys).astype(np.uint32)
            found = [
                alignment
                for number in index.candidates(keys, _CANDIDATES, _SHARE_MIN)
                if (alignment := index.align(number, keys, self.begins)) is not None
                and alignment.score >= self.score_min
            ]
            if not found:
                return
            yield min(found, key=self._unfitness)

    def _unfitness(self, alignment: texts.Alignment) -> tuple[bool, int]:
        """Texts without a doubtful edit go first; then those that explain most and lack least."""
        size = len(texts.spdx_index().text(alignment.number)[0])
        bad = any(True for _ in self._bad_edits(alignment))
        return bad, size - 2 * len(alignment.own)

    def _take(self, alignment: texts.Alignment) -> None:
        words = self.words
        self.taken[alignment.own] = True
        bad = list(self._bad_edits(alignment))
        for gap in alignment.gaps:
            for first, last in self._inner(gap):
                self.taken[first:last] = True
        expression = _expression(texts.spdx_index().ids[alignment.number])
        start, end = int(words.starts[alignment.own[0]]), int(words.ends[alignment.own[-1]])
        self.pieces.append(
            Piece("text", "spdx-texts", expression, round(alignment.score, 4), start, end)
        )
        for first, last in bad:
            self._doubt("unexplained", first, max(last, first + 1))

    def _doubt(self, kind: str, first: int, last: int) -> None:
        first = min(first, len(self.words) - 1)
        start, end = (
            int(self.words.starts[first]),
            int(self.words.ends[last - 1 if last <= len(self.words) else -1]),
        )
        if kind in residue.RIDERS:
            expression = residue.RIDERS[kind] or UNRECOGNIZED
            self.pieces.append(Piece("rider", f"rider-{kind}", expression, 0.0, start, end))
        else:
            self.pieces.append(Piece("unexplained", "none", UNRECOGNIZED, 0.0, start, end))

    def _boundary(self, at: int) -> bool:
        """Whether a sentence, a paragraph or an item begins with a word (or the file ends there)."""
        if at <= 0 or at >= len(self.words):
            return True
        return bool(self.begins[at])

    def _inner(self, gap: texts.Gap) -> list[tuple[int, int]]:
        """The parts of a gap that stand inside sentences of the text: whole sentences are not."""
        first, last = gap.first, gap.last
        following = self.stops[bisect.bisect_left(self.stops, first)]
        if following > last:
            return [(first, last)] if first < last else []
        preceding = self.stops[bisect.bisect_right(self.stops, last) - 1]
        parts = [(first, following), (preceding, last)]
        return [(begin, end) for begin, end in parts if begin < end]

    def _bad_edits(self, alignment: texts.Alignment) -> Iterator[tuple[int, int]]:
        """Gaps in which a word is changed that gives, takes or limits."""
        text, free = texts.spdx_index().text(alignment.number)
        turned = self._turned_negations(alignment)
        for gap in alignment.gaps:
            inner = [at for part in self._inner(gap) for at in range(*part)]
            keys = self.words.keys[inner]
            lacking = text[gap.begin : gap.end]
            need = lacking[~free[gap.begin : gap.end]]
            before = int(text[gap.begin - 1]) if gap.begin else 0
            flags = self.words.flags[inner]
            told = (flags & texts.ADDRESS) == 0  # other years and links change nothing
            if gap in turned:
                told &= ~np.isin(keys, _NEGATIONS)
                need = need[~np.isin(need, _NEGATIONS)]
            if not len(need) and _stands_in(keys, text[:_TITLE_WORDS]):
                continue  # its title once more, as FSF's files have it above the terms
            keys, upper = keys[told], (flags[told] & texts.UPPER) != 0
            replaceable = len(lacking) > len(need) or self._in_notice(gap.first)
            edit = _Edit(keys, upper, lacking, need, before, replaceable)
            if not edit.is_harmless():
                yield gap.first, gap.last

    def _turned_negations(self, alignment: texts.Alignment) -> frozenset[texts.Gap]:
        """Gaps that together turn `neither A nor B may` into `A and B may not`, or back."""
        found: set[texts.Gap] = set()
        changed = []
        of_text = _listed_negations(alignment.number)
        for gap in alignment.gaps:
            mine = _has_any(self.negations, gap.first, gap.last)
            theirs = _has_any(of_text, gap.begin, gap.end)
            if mine or theirs:
                changed.append((gap, mine, theirs))
        for (one, mine, theirs), (other, mine_too, theirs_too) in itertools.pairwise(changed):
            if other.begin - one.end <= _NEAR_WORDS and (
                (mine and theirs_too) or (theirs and mine_too)
            ):
                found.update((one, other))
        return frozenset(found)

    def _in_notice(self, at: int) -> bool:
        """Whether the sentence of a word began as a copyright notice."""
        begin = min(at, len(self.words) - 1)
        while begin > 0 and at - begin < _NOTICE_WORDS and not self._boundary(begin):
            begin -= 1
        return bool((self.words.flags[begin : at + 1] & texts.NOTICE).any())

    def _whole_name(self) -> None:
        """A file that is just the name of a licence, or tags."""
        for match in _TAG.finditer(self.plain):
            expression = canonical(match[1].decode(errors="replace"))
            if expression is not None:
                self.pieces.append(
                    Piece("named", "spdx", expression, 1.0, match.start(), match.end())
                )
        text = self.plain.strip()
        name = text.decode(errors="replace")
        if len(text) <= _NAME_BYTES_MAX and b"\n" not in text and not residue.tells_by_sign(name):
            expression = canonical(name)
            if expression is not None and UNRECOGNIZED not in expression:
                self.taken[:] = True
                self.pieces.append(Piece("named", "name", expression, 1.0, 0, len(self.plain)))

    def _residue(self) -> bool:
        """Pieces of the words that no text has; whether one of them points elsewhere."""
        known = frozenset().union(
            *(families(p.expression) for p in self.pieces if p.kind != "rider")
        )
        points, listing, below_names = False, False, False
        doubts: list[tuple[str, int, int, str | None]] = []
        for first, last in self._units():
            unit = self._unit(first, last)
            if unit.words.startswith("spdx license identifier"):
                continue
            expression = self._named(first, last)
            named = expression is None or families(expression) <= known
            kind = residue.kind(unit, expression is not None)
            if listing and residue.is_part_in_list(unit):
                continue
            if below_names and kind not in residue.HARMLESS and residue.continues_names(unit):
                kind = "names"
            below_names = kind in {"copyright", "names"}
            listing = kind == "part" and residue.lists_parts(unit)
            points = (
                points
                or kind in {"pointer", "introduction"}
                or _POINTS.match(unit.words) is not None
            )
            speaks = kind in {"introduction", "title"}
            if speaks or (kind == "part" and _speaks_of_itself(unit)):
                if expression is not None and (not named or " OR " in expression):
                    self._name(expression, first, last)
            elif kind not in residue.HARMLESS:
                doubts.append((kind, first, last, expression))
        held = [p.expression for p in self.pieces if p.kind in {"text", "named"}]
        ids = frozenset[str]().union(*map(license_ids, held))
        doubts.sort(key=lambda doubt: doubt[3] is None)  # what names a licence makes it known
        for kind, first, last, expression in doubts[:_QUOTES_MAX]:
            known = ids | frozenset(license_ids(expression) if expression is not None else ())
            source = self._source(first, last, known)
            if source is None:
                self._doubt(kind, first, last)
            elif residue.only_repeats(self._unit(first, last).words):
                continue
            elif expression is not None and families(expression) & families(source):
                self._name(expression, first, last)
                ids = known
            elif source not in known and not _versions(source) & _versions(*held):
                start, end = int(self.words.starts[first]), int(self.words.ends[last - 1])
                self.pieces.append(Piece("text", "spdx-texts", source, 0.0, start, end))
        for kind, first, last, _ in doubts[_QUOTES_MAX:]:
            self._doubt(kind, first, last)
        return points

    def _source(self, first: int, last: int, known: frozenset[str]) -> str | None:
        """The listed licence that has this sentence, those that the file is under first."""
        if last - first < _QUOTE_WORDS:
            return None
        index, keys = texts.spdx_index(), self.words.keys[first:last]
        begins = np.zeros(len(keys), bool)
        found: list[str] = []
        for number in index.quoting(keys, _CANDIDATES, _QUOTE_SHARE):
            alignment = index.align(number, keys, begins)
            if alignment is not None and self._is_quote(alignment, first, last):
                found.append(_expression(index.ids[number]))
        names = frozenset().union(*map(families, known))
        held = [each for each in found if families(each) <= names]
        return next(iter([*held, *found]), None)

    def _is_quote(self, alignment: texts.Alignment, first: int, last: int) -> bool:
        """Whether all words of a sentence are those of an alignment, but for edits that change nothing."""
        left = np.ones(last - first, bool)
        left[alignment.own] = False
        rest = self.words.keys[first:last][left].tolist()
        if any(key in _GIVES or key in _LIMITS for key in rest):
            return False
        text, free = texts.spdx_index().text(alignment.number)
        for gap in alignment.gaps:
            if gap.begin > 0 and gap.end < len(text):
                need = text[gap.begin : gap.end][~free[gap.begin : gap.end]].tolist()
                if len(need) > _LONG_GAP or any(key in _GIVES or key in _LIMITS for key in need):
                    return False
        return len(rest) <= _QUOTE_LEFT * (last - first)

    def _name(self, expression: str, first: int, last: int) -> None:
        start, end = int(self.words.starts[first]), int(self.words.ends[last - 1])
        self.pieces.append(
            Piece("named", "header-rules", expression, headers.HEADER_SCORE, start, end)
        )

    def _named(self, first: int, last: int) -> str | None:
        raw = self.plain[self.words.starts[first] : self.words.ends[last - 1]]
        return headers.header_expression(headers.normal(np.frombuffer(raw, np.uint8)))

    def _units(self) -> Iterator[tuple[int, int]]:
        """Ranges of words: sentences, titles and items, cut where a text begins or ends."""
        left = np.flatnonzero(~self.taken)
        if len(left) == 0:
            return
        begins = (np.diff(left, prepend=-2) > 1) | self.begins[left]
        starts = np.flatnonzero(begins)
        for start, stop in zip(starts, [*starts[1:], len(left)], strict=True):
            yield int(left[start]), int(left[stop - 1]) + 1

    def _unit(self, first: int, last: int) -> Unit:
        words, flags = self.words, self.words.flags[first:last]
        starts, ends = words.starts[first:last], words.ends[first:last]
        address = (flags & texts.ADDRESS) != 0
        upper = ((flags & texts.UPPER) != 0) & ~address
        foreign = (flags & texts.FOREIGN) != 0
        spelt = [
            _spelt(self.plain[start:end], bool(is_address))
            for start, end, is_address in zip(starts, ends, address, strict=True)
        ]
        marks = zip(spelt, upper.tolist(), foreign.tolist(), address.tolist(), strict=True)
        end = int(ends[-1])
        end += len(_SIGNS.match(self.plain, end)[0])  # type: ignore[index]  # it may be empty
        raw = self.plain[max(int(starts[0]) - 4, 0) : end].decode(errors="replace")
        return Unit(
            re.sub(r"\bpath(?: path)+\b", "path", " ".join(filter(None, spelt))),
            raw,
            last - first,
            tuple(residue.tokens_of(list(marks), raw)),
            self._edge(first) and self._edge(last),
        )

    def _edge(self, at: int) -> bool:
        """Whether a unit may begin or end here: a sentence does, or a text at the begin of a line."""
        return self._boundary(at) or bool(self.words.flags[at] & texts.LINE)


_QUOTES_MAX: Final = 200
"""Sentences of a file that are looked for in the listed texts: what has more is no plain licence."""
_QUOTE_WORDS: Final = 6
"""Words from which a sentence can be told to be a listed text's."""
_QUOTE_SHARE: Final = 0.4
"""Share of a sentence's runs of words that a text must have to be asked: one changed word breaks five."""
_QUOTE_LEFT: Final = 0.2
"""Share of its words that may be names and other words that change nothing."""
_NOTICE_WORDS: Final = 24
"""Words from the sign of a notice up to which its list of holders is followed."""
_NAME_BYTES_MAX: Final = 100
_TAG: Final = re.compile(rb"SPDX-License-Identifier:[ \t]*([^\r\n*<>]{1,200})")
_SIGNS: Final = re.compile(rb"[^\w\s]{0,12}(?:[ \t]{1,3}[\x80-\xff$]{1,12})?")
"""Signs behind the last word of a sentence."""
_POINTS: Final = re.compile(r"(?:please )?(?:see|refer|read|consult)\b")
_ITSELF: Final = re.compile(
    r"^(?:some |other |certain |all |the |most )*(?:portions|parts|files|code|source|this|it|"
    r"software|library|project|package)\b"
)
_ELSEWHERE: Final = re.compile(
    r"third part|3rd part|bundl|vendor|embed|includ|contain|depend|\buses\b|font|icon|image|logo|"
    r"documentation|docs\b|asset|example|test"
)
_PATH: Final = re.compile(
    rb"(?<![\w.+~*/@-])(?:(?:[\w.+~*-]{1,80}/){1,20}[\w+~*-]{1,80}\.\w{1,10}\b"
    rb"|(?:[\w.+~*-]{1,80}/){2,20}[\w.+~*-]{0,80}|[\w-]{1,80}(?:\.[\w-]{1,80}){2,20}(?:/[\w.-]{1,80}){0,20}"
    rb"|[a-z][\w.-]{0,80}/(?!\.?[\w-])|(?:lib|libs|src|docs?|tests?|examples?|vendor|contrib|tools|"
    rb"third_party|external|include|assets|deps)/[\w.-]{1,80}|"
    rb"[\w-]{1,80}\.[a-z][a-z0-9]{0,4}(?=[\s,;:)'\"`*]|$)"
    rb"|[\w-]{1,80}\.(?:com|org|net|io)/[\w./-]{1,200})"
)
"""File names, paths and dotted names."""


def _spelt(word: bytes, is_address: bool) -> str:
    """A word in lower case; `path` for what is none, nothing for a number."""
    if is_address:
        return "" if word.isdigit() else "path"
    return word.decode(errors="replace").lower().replace("'", "")


def _speaks_of_itself(unit: Unit) -> bool:
    """Whether a sentence on a part names none by path or kind: then it is on the work as a whole."""
    return (
        _ITSELF.search(unit.words) is not None
        and _ELSEWHERE.search(unit.words) is None
        and _PATH.search(unit.raw.strip().encode()) is None
    )


def _keys(words: str) -> frozenset[int]:
    return frozenset(texts.key_of(word) for word in words.split())


_GLUE: Final = _keys(
    "the an of to in on by with from for and or as at this that these those such its their his "
    "her them they it is are be been was were has"
    " have had any all each every above below following foregoing herein hereby hereunder "
    "thereof which both either said same other part parts"
    " also then than into upon within there here so be being including include includes included "
    "next well many see thanks"
)
_THINGS: Final = _keys(
    "software program programs library libraries code source sources file files package packages "
    "documentation document documents product products"
    " work works material materials module modules project font fonts data tool tools "
    "application applications script scripts toolkit system"
    " associated accompanying binary object form forms text texts copy copies portion portions "
    "notice notices statement list disclaimer license paragraph"
    " copyright header version versions distribution"
)
_PARTIES: Final = _keys(
    "author authors holder holders contributor contributors licensor licensors developer "
    "developers company corporation university project organization"
    " foundation team group individuals name names copyright regents institute institution "
    "maintainer maintainers creator creators party parties"
    " members community inc llc ltd gmbh"
)
_BEFORE_PARTIES: Final = _keys(
    "by of shall event name names neither nor copyright the and or above"
)
_GIVES: Final = _keys(
    "use copy modify merge publish distribute sublicense sell deal redistribution redistribute "
    "perform display permitted permit"
    " granted grant grants person anyone everyone purpose purposes free charge fee royalty "
    "rights right persons worldwide perpetual irrevocable"
)
_LIMITS: Final = _keys(
    "not no never nor neither none nobody nothing without only except unless exclude excluded "
    "excluding must shall should cannot can may need"
    " required require requires subject if provided condition conditions restriction "
    "restrictions limitation limited solely exclusively commercial"
    " noncommercial academic educational research personal private internal evaluation military "
    "government students student until but however"
    " prohibited forbidden allowed deny denied terminate terminated revoked pay paid fees "
    "royalties written prior consent agreement agree"
)
_SAY_LITTLE: Final = _GLUE | _THINGS | _PARTIES | _GIVES | _LIMITS
"""Words that an edit may add or drop, and those that are asked for apart."""
_NEGATIONS: Final = np.array(sorted(_keys("not neither nor")), np.uint32)


def _negations(keys: np.ndarray) -> list[int]:
    """Places of the words that negate."""
    return np.flatnonzero(np.isin(keys, _NEGATIONS)).tolist()


@functools.lru_cache(maxsize=1024)  # as many as there are listed texts
def _listed_negations(number: int) -> list[int]:
    return _negations(texts.spdx_index().text(number)[0])


def _has_any(places: list[int], first: int, last: int) -> bool:
    """Whether one of the places, which are sorted, is in `[first, last)`."""
    at = bisect.bisect_left(places, first)
    return at < len(places) and places[at] < last


_NEAR_WORDS: Final = 30
"""Words of one sentence that may stand between the two parts of a negation."""
_LONG_GAP: Final = 12
"""Words of a listed text from which a gap is a sentence left out, not a changed one."""
_GRANTS: Final = _keys("permitted granted grant grants hereby")


def _versions(*expressions: str) -> frozenset[str]:
    """Names of licences less their versions: versions of one licence share many sentences."""
    every = frozenset[str]().union(*map(families, expressions))
    return frozenset(re.sub(r"-\d.*$", "", name) for name in every)


_TITLE_WORDS: Final = 12
"""Words with which a listed text begins that may be its title: the longest, CC's, have eleven."""


def _stands_in(keys: np.ndarray, text: np.ndarray) -> bool:
    """Whether some words stand in a text as they are, in one piece."""
    size = len(keys)
    return 0 < size <= len(text) and any(
        np.array_equal(keys, text[at : at + size]) for at in range(len(text) - size + 1)
    )


class _Edit(NamedTuple):
    """Words of a file in the place of words of a listed text.

    Attributes:
        keys: words of the file.
        upper: which of them are names, by their first letter.
        lacking: words of the listed text there.
        need: those of them that the template does not free.
        before: the word of the text before.
        replaceable: whether the template frees any word here.
    """

    keys: np.ndarray
    upper: np.ndarray
    lacking: np.ndarray
    need: np.ndarray
    before: int
    replaceable: bool

    def is_harmless(self) -> bool:
        """Whether no word is changed that gives, takes or limits, and the others say little."""
        mine, theirs = self._counting(self.keys), self._counting(self.need)
        if mine - set(self.lacking.tolist()):
            return False
        if len(self.need) <= _LONG_GAP and theirs - mine:
            return False
        if len(self.need) > _LONG_GAP and theirs & _GRANTS:
            return False
        told = [
            bool(upper)
            for key, upper in zip(self.keys.tolist(), self.upper, strict=True)
            if key not in _SAY_LITTLE
        ]
        rest = [key for key in self.lacking.tolist() if key not in _SAY_LITTLE]
        if self.replaceable or len(told) <= len(rest):
            return True
        of_party = self.before in _BEFORE_PARTIES or bool(set(self.lacking.tolist()) & _PARTIES)
        return of_party and all(told)

    @staticmethod
    def _counting(keys: np.ndarray) -> set[int]:
        return {key for key in keys.tolist() if key in _GIVES or key in _LIMITS}


def _combined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pieces in the order of their place; a choice between the texts takes their place, and doubts
    of one kind are one piece, the first.
    """
    found = list(pieces)
    choices = [p for p in found if p.kind == "named" and " OR " in p.expression]
    held = frozenset().union(*(families(p.expression) for p in found if p.kind == "text"))
    for choice in choices:
        if held <= families(choice.expression):
            found = [p for p in found if p.kind not in {"text", "named"}] + [choice]
            break
    seen: set[tuple[str, str, str]] = set()
    for piece in sorted(found, key=lambda p: (p.start_byte, p.end_byte, p.expression)):
        mark = (piece.kind, piece.detector, piece.expression)
        if mark not in seen:
            seen.add(mark)
            yield piece


def expression_of(pieces: Iterable[Piece]) -> str | None:
    """All that the pieces say at once, None if there are none."""
    said = tuple(sorted({piece.expression for piece in pieces}))
    return conjunction(said) if said else None
