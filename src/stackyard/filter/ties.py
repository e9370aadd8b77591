"""The language of a text among a few that its name leaves: a classifier of our own.

In: texts, and for each the languages to choose from. Out: one of these each. Always holds: the answer
depends on the text and the choice alone; all sums are of integers, so every processor gives the same.

A text is read as a bag of tokens, each hashed to one of 2 ** BITS buckets: words and numbers, up to
three punctuation marks in a row, and once more what begins a line. A language is a vector of weights:
the mean of its samples' vectors (1 + log of counts, times the rarity of a token among languages),
as Linguist's classifier has it since 7.23 (lib/linguist/classifier.rb). The nearest vector wins. The
weights are made by `benchmarks/filter_train.py` from Linguist's samples (MIT).

What a text's first bytes leave open by a margin is asked of more of them: most need few.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from importlib import resources
from typing import Any, Final, NamedTuple

import numba
import numpy as np

BITS: Final = 15
"""Of buckets: 16 are no better by cross-validation, 14 lose half a point."""

STAGES: Final = (4096, 16384, 51200)
"""Bytes that are read before it is asked whether the answer is clear; the last is Linguist's limit."""

MARGIN: Final = 8
"""An answer is clear if the second best is behind by more than a part in so many of the best: with it 4 KiB
answer 3 of 4 ties of Debian's files, and cross-validation loses nothing."""

_COUNT_MAX: Final = 255  # of a token, that count
_FREQUENCY: Final = np.round(64 * (1 + np.log(np.maximum(np.arange(_COUNT_MAX + 1), 1)))).astype(
    np.int64
)  # 1 + log of a count, in 64ths
_FREQUENCY[0] = 0
_STAGES: Final = np.array(STAGES, np.int64)
_BREAK, _BLANK, _WORD, _DIGIT, _MARK = 0, 1, 2, 3, 4
_WORD_BYTES_MAX: Final = 32  # of a word that are hashed
_MARKS_MAX: Final = 3  # punctuation marks that are one token


def _classes() -> np.ndarray:
    table = np.full(256, _MARK, np.uint8)
    table[:33] = _BLANK
    table[[10, 13]] = _BREAK
    for first, last in ((65, 90), (97, 122), (95, 95), (128, 255)):
        table[first : last + 1] = _WORD
    table[48:58] = _DIGIT
    return table


_CLASS: Final = _classes()


class Weights(NamedTuple):
    """The trained classifier: `levels[buckets[language, bucket]]` is a weight.

    Languages that have more samples come first: they win where the text says nothing.
    """

    languages: dict[str, int]
    buckets: np.ndarray
    levels: np.ndarray


@functools.cache
def weights() -> Weights:
    """Those of the package; read once a process."""
    folder = resources.files("stackyard.filter.data.linguist")
    stated = json.loads((folder / "ties.json").read_text("utf-8"))
    packed = np.frombuffer((folder / "ties.bin").read_bytes(), "<u1")
    return unpack(stated["languages"], stated["counts"], stated["levels"], packed)


def unpack(
    languages: Sequence[str], counts: Sequence[int], levels: Sequence[int], packed: np.ndarray
) -> Weights:
    """Weights of their stored form: the buckets of all languages as little-endian uint16, then their levels
    as uint8; `counts` are those of each language.
    """
    total = sum(counts)
    places = packed[: 2 * total].view("<u2")
    dense = np.zeros((len(languages) + 1, 1 << BITS), np.uint8)
    dense[np.repeat(np.arange(len(languages)), counts), places] = packed[2 * total :]
    order = {name: number for number, name in enumerate(languages)}
    return Weights(order, dense, np.array(levels, np.int64))


def choose(
    data: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    choices: Sequence[Sequence[str]],
    choice_of: np.ndarray,
    *,
    known: Weights | None = None,
) -> list[str]:
    """The language of each text.

    Args:
        data: uint8: all texts.
        starts: where each text begins in it.
        ends: where it ends.
        choices: sets of languages; one without samples is taken where no other is left.
        choice_of: the number of the set that each text has.
        known: other weights than those of the package.

    >>> text = np.frombuffer(b"SELECT a FROM b WHERE c;", np.uint8)
    >>> choose(text, np.array([0]), np.array([len(text)]), [("PLSQL", "Pawn")], np.array([0]))
    ['PLSQL']
    """
    known = weights() if known is None else known
    last = len(known.languages)
    sets = [sorted(names, key=lambda n: (known.languages.get(n, last), n)) for names in choices]
    offsets = np.cumsum([0, *map(len, sets)])
    flat = np.array([known.languages.get(n, last) for names in sets for n in names], np.int64)
    best = _choose(data, starts, ends, offsets, flat, choice_of, known.buckets, known.levels)
    return [sets[choice][place] for choice, place in zip(choice_of, best, strict=True)]


def features(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The buckets of a text's tokens in ascending order, and how often each is in it."""
    data = np.frombuffer(content, np.uint8)
    counts = np.zeros(1 << BITS, np.int64)
    _read(data, 0, len(data), len(data), True, counts, np.empty(1 << BITS, np.int64), 0)
    places = np.flatnonzero(counts)
    return places, np.minimum(counts[places], _COUNT_MAX)


@numba.njit(cache=True, nogil=True)
def _choose(  # noqa: PLR0917 - compiled functions take positions
    data: Any,
    starts: Any,
    ends: Any,
    offsets: Any,
    flat: Any,
    choice_of: Any,
    buckets: Any,
    levels: Any,
) -> Any:
    """Place of the best of each text's choice."""
    best = np.zeros(len(starts), np.int64)
    counts = np.zeros(1 << BITS, np.int64)
    touched = np.empty(1 << BITS, np.int64)
    for row in range(len(starts)):
        first, last = offsets[choice_of[row]], offsets[choice_of[row] + 1]
        at, begins, seen = starts[row], True, 0
        end = min(ends[row], at + STAGES[-1])
        for stage in _STAGES:
            stop = min(end, starts[row] + stage)
            at, begins, seen = _read(data, at, stop, end, begins, counts, touched, seen)
            top, second = np.int64(-1), np.int64(-1)
            for place in range(first, last):
                weight = buckets[flat[place]]
                score = np.int64(0)
                for k in range(seen):
                    bucket = touched[k]
                    score += _FREQUENCY[min(counts[bucket], _COUNT_MAX)] * levels[weight[bucket]]
                if score > top:
                    top, second = score, top
                    best[row] = place - first
                elif score > second:
                    second = score
            if stop == end or (top - second) * MARGIN > top:
                break
        for k in range(seen):
            counts[touched[k]] = 0
    return best


@numba.njit(cache=True, nogil=True)
def _read(  # noqa: PLR0917 - compiled functions take positions
    data: Any, at: int, stop: int, end: int, begins: Any, counts: Any, touched: Any, seen: int
) -> Any:
    """Count the tokens that begin before a place; `touched` lists the buckets that have any.

    Returns: where the next token begins, whether it begins a line, how many buckets are touched.
    """
    while at < stop:
        kind = _CLASS[data[at]]
        if kind <= _BLANK:
            begins = begins or kind == _BREAK
            at += 1
            continue
        value = np.uint32(2166136261)
        first = at
        if kind == _MARK:
            while at < end and at - first < _MARKS_MAX and _CLASS[data[at]] == _MARK:
                value = np.uint32((value ^ np.uint32(data[at])) * np.uint32(16777619))
                at += 1
        else:
            limit = first + _WORD_BYTES_MAX if kind == _WORD else first  # all numbers are one token
            while at < end and (_CLASS[data[at]] == _WORD or _CLASS[data[at]] == _DIGIT):
                if at < limit:
                    value = np.uint32((value ^ np.uint32(data[at])) * np.uint32(16777619))
                at += 1
        value = np.uint32(value * np.uint32(0x9E3779B1) + np.uint32(kind))
        seen = _count(value, counts, touched, seen)
        if begins:
            line = np.uint32(value * np.uint32(0xC2B2AE35) + np.uint32(99))
            seen = _count(line, counts, touched, seen)
            begins = False
    return at, begins, seen


@numba.njit(cache=True, nogil=True)
def _count(value: Any, counts: Any, touched: Any, seen: int) -> int:
    value = np.uint32((value ^ (value >> np.uint32(15))) * np.uint32(0x2C1B3C6D))
    value = np.uint32(value ^ (value >> np.uint32(12)))
    bucket = np.int64(value >> np.uint32(32 - BITS))
    if counts[bucket] == 0:
        touched[seen] = bucket
        seen += 1
    counts[bucket] += 1
    return seen
