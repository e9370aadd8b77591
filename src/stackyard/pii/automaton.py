r"""The one pass over all bytes: a hyperscan automaton that picks candidates.

In: the bytes of many texts, laid end to end as Arrow holds them. Out: (pattern, end offset) of
every candidate. Always holds: patterns carry no assertion (`^`, `$`, `\b`, look-around), so a
candidate inside one text is found whatever lies beside it; whatever spans two texts is thrown away
by the exact check, which sees one text alone. Patterns are of bytes, not of characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hyperscan
import numpy as np
import numpy.typing as npt

CHUNK_BYTES = 32 << 20
"""Texts scanned in one call: bounds the list of candidates, and stays under the 2^32 of the engine."""


CANDIDATES_MAX = 4_000_000
"""Candidates held at a time: ordinary code has one in a kilobyte, so this bounds hostile input."""


class TooMany(Exception):
    """There are more candidates than were asked for."""


class Automaton:
    """Patterns compiled together; `scan` gives their candidates in order of their end."""

    def __init__(self, patterns: Sequence[tuple[bytes, bool]]) -> None:
        """Compile patterns, each with whether letter case is folded (ASCII only)."""
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=[pattern for pattern, _ in patterns],
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=[
                hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_CASELESS if caseless else 0)
                for _, caseless in patterns
            ],
        )
        self._scratch = hyperscan.Scratch(self._database)
        self._database.scratch = self._scratch

    def scan(
        self, buffer: Any, most: int = CANDIDATES_MAX
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Pattern numbers and end offsets of all candidates in one buffer, sorted by both.

        Raises:
            TooMany: there are more candidates than `most`.
        """
        patterns: list[int] = []
        ends: list[int] = []

        def take(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
            patterns.append(pattern)
            ends.append(end)
            if len(ends) > most:
                raise TooMany

        self._database.scan(buffer, match_event_handler=take)
        ids = np.array(patterns, dtype=np.int64)
        stops = np.array(ends, dtype=np.int64)
        order = np.lexsort((ids, stops))
        return ids[order], stops[order]
