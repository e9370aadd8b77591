"""Whole licence texts: which of the SPDX list a text is, exactly or nearly.

In: the text of a licence file. Out: matches with SPDX id and score. Always holds: score 1.0 is the
same sequence of words; else the score is the share of the five-word runs of the listed text that
the file has, and none below the asked-for score is named.

Words are runs of letters and digits in lower case; lines that begin with `copyright` or `(c)` name
holders, not terms, and are left out on both sides. The index (data/spdx) holds hashes of the texts
of npm spdx-license-list, made by `benchmarks/filter_refresh.py`.
"""

# ruff: noqa: PLR2004 - the bytes are those of ASCII

from __future__ import annotations

import functools
import hashlib
import json
from importlib import resources
from typing import Any, Final, NamedTuple

import numba
import numpy as np

SHINGLE_WORDS: Final = 5
"""Words of a run: four are shared by unrelated licences, six break on each changed word."""


class Match(NamedTuple):
    """A licence of the list: `score` is 0..1."""

    license_id: str
    score: float


def exact_key(text: bytes) -> str:
    """Hex key of a sequence of words: the first 16 bytes of SHA-256 over them, space between."""
    return hashlib.sha256(words(text)).hexdigest()[:32]


def words(text: bytes) -> bytes:
    """The words of a text that state terms, one space between."""
    raw = np.frombuffer(text, np.uint8)
    out = np.empty(len(raw) + 1, np.uint8)
    return out[: _words(raw, out)].tobytes() if len(raw) else b""


def shingles(normal: bytes) -> np.ndarray:
    """Hashes (uint32) of the five-word runs of words, sorted, once each."""
    if not normal:
        return np.empty(0, np.uint32)
    return np.unique(_shingles(np.frombuffer(normal, np.uint8)))


def exact(text: bytes) -> str | None:
    """Id of the licence whose words these are, None if they are no listed text."""
    return spdx_index().exact.get(exact_key(text))


def near(text: bytes, score_min: float) -> list[Match]:
    """Licences that a text holds, the longest first; empty if none reaches the score."""
    return spdx_index().near(shingles(words(text)), score_min)


class SpdxIndex:
    """Hashes of the listed texts: by whole text, and by five-word run."""

    def __init__(self, exact: dict[str, str], ids: list[str], runs: Any, lengths: Any) -> None:
        self.exact = exact
        self._ids = ids
        self._sizes = np.asarray(lengths, np.int64)
        owners = np.repeat(np.arange(len(ids)), self._sizes)
        order = np.argsort(runs, kind="stable")
        self._runs, self._owners = runs[order], owners[order]

    def near(self, found: np.ndarray, score_min: float) -> list[Match]:
        """Greedy cover: the licence with the most runs left, until none has its share of them."""
        matches: list[Match] = []
        left = found
        while len(left):
            begin = np.searchsorted(self._runs, left, "left")
            end = np.searchsorted(self._runs, left, "right")
            counts = end - begin
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            owners = self._owners[np.repeat(begin, counts) + within]
            hits = np.bincount(owners, minlength=len(self._ids))
            score = hits / np.maximum(self._sizes, 1)
            fit = np.where(score >= score_min, 2 * hits - self._sizes, -1)
            best = int(np.argmax(fit))
            if fit[best] < 0:
                break
            matches.append(Match(self._ids[best], round(float(score[best]), 4)))
            hit = np.repeat(np.arange(len(left)), counts)[owners == best]
            left = np.delete(left, hit)
        return matches


@functools.cache
def spdx_index() -> SpdxIndex:
    """The index of the SPDX list; read once a process."""
    folder = resources.files("stackyard.filter.data.spdx")
    head = json.loads((folder / "index.json").read_text("utf-8"))
    runs = np.frombuffer((folder / "runs.bin").read_bytes(), "<u4")
    return SpdxIndex(head["exact"], head["ids"], runs, head["run_counts"])


@numba.njit(cache=True, nogil=True)
def _words(raw: Any, out: Any) -> int:
    count, at, end = 0, 0, len(raw)
    line_start = True
    while at < end:
        byte = raw[at]
        if byte in {10, 13}:
            line_start = True
        elif line_start and byte not in {32, 9, 42, 35, 47}:
            line_start = False
            if _names_holders(raw, at, end):
                while at < end and raw[at] != 10:
                    at += 1
                continue
        low = byte | 32 if 65 <= byte <= 90 else byte
        is_word = 97 <= low <= 122 or 48 <= low <= 57
        count = append(out, count, low if is_word else 0)
        at += 1
    return count - 1 if count and out[count - 1] == 32 else count


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


@numba.njit(cache=True, nogil=True)
def _names_holders(raw: Any, at: int, end: int) -> bool:
    if at + 3 <= end and raw[at] == 40 and (raw[at + 1] | 32) == 99 and raw[at + 2] == 41:
        return True
    if at + 10 > end:
        return False
    mark = (99, 111, 112, 121, 114, 105, 103, 104, 116)
    for k in range(9):
        if raw[at + k] | 32 != mark[k]:
            return False
    return raw[at + 9] == 32


@numba.njit(cache=True, nogil=True)
def _shingles(normal: Any) -> Any:
    """FNV-1a (32 bits) of each run of five words."""
    starts = np.empty(len(normal), np.int64)
    count = 1
    starts[0] = 0
    for at in range(1, len(normal)):
        if normal[at - 1] == 32:
            starts[count] = at
            count += 1
    runs = max(count - 4, 1)
    out = np.empty(runs, np.uint32)
    for run in range(runs):
        stop = starts[run + 5] - 1 if run + 5 < count else len(normal)
        state = np.uint32(2166136261)
        for at in range(starts[run], stop):
            state = np.uint32((state ^ normal[at]) * np.uint32(16777619))
        out[run] = state
    return out
