"""Rules by path: sets of patterns over whole columns of paths.

In: named sets of patterns, and paths. Out: a mask for each set. Always holds: a mask is what its
patterns say of each path alone, as RE2 (or Python's `re`, for those with look-arounds) reads them.

All patterns of all sets are searched at once, over the paths of a column one behind the other; what
that finds is a superset, so only the paths it names are asked again, one set at a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import hyperscan
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.filter.buffers import bytes_of, one_array

_AROUND: Final = re.compile(r"\(\?<?[!=]")
_FLAGS: Final = hyperscan.HS_FLAG_MULTILINE | hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_PREFILTER


class PathRules:
    """Sets of patterns by name; compiled once."""

    def __init__(self, sets: Mapping[str, Sequence[str]]) -> None:
        self._names = list(sets)
        self._fast = {
            name: "|".join(f"(?:{p})" for p in patterns if not _AROUND.search(p))
            for name, patterns in sets.items()
        }
        self._slow = {
            name: [re.compile(p) for p in patterns if _AROUND.search(p)]
            for name, patterns in sets.items()
        }
        self._set_of = [n for n, patterns in enumerate(sets.values()) for _ in patterns]
        expressions = [p.encode() for patterns in sets.values() for p in patterns]
        self._database: Any = hyperscan.Database()
        self._database.compile(
            expressions=expressions,
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=[_FLAGS] * len(expressions),
        )

    def masks(self, paths: pa.Array) -> dict[str, np.ndarray]:
        """For each set, whether each path matches one of its patterns."""
        lines = pc.binary_join_element_wise(paths, "", "\n")
        data, offsets = bytes_of(one_array(lines, pa.large_string()))
        found: list[tuple[int, int]] = []
        text = data[offsets[0] : offsets[-1]]
        self._database.scan(text.data, match_event_handler=_collect, context=found)
        ends = np.array([end for _, end in found], np.int64) + offsets[0]
        rows = np.searchsorted(offsets, ends, "left") - 1
        sets = np.array([self._set_of[number] for number, _ in found], np.int64)
        return {
            name: self._asked(name, paths, np.unique(rows[sets == number]))
            for number, name in enumerate(self._names)
        }

    def _asked(self, name: str, paths: pa.Array, rows: np.ndarray) -> np.ndarray:
        mask = np.zeros(len(paths), np.bool_)
        some = paths.take(pa.array(rows))
        hit = pc.match_substring_regex(some, self._fast[name]).to_numpy(zero_copy_only=False)
        if self._slow[name]:
            hit = hit.copy()
            for place in np.flatnonzero(~hit):
                path = some[int(place)].as_py()
                hit[place] = any(pattern.search(path) for pattern in self._slow[name])
        mask[rows[hit]] = True
        return mask


def _collect(number: int, _start: int, end: int, _flags: int, found: list[tuple[int, int]]) -> None:
    found.append((number, end))
