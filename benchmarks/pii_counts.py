"""What a set of labelled texts counts: covered, missed and falsely touched, and the spans of a level."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pyarrow as pa

from stackyard.pii.decisions import Span, merge
from stackyard.pii.detect import find_in_column
from stackyard.pii.params import Detection, Level, Params
from stackyard.pii.settling import reaches_threshold

Spans = list[tuple[int, int]]


class Counts(NamedTuple):
    """Counts of one group: secrets found and missed, and of `clean` places without one those touched."""

    true: int = 0
    missed: int = 0
    false: int = 0
    clean: int = 0

    @property
    def recall(self) -> float:
        return self.true / max(1, self.true + self.missed)

    @property
    def precision(self) -> float:
        return self.true / max(1, self.true + self.false)

    @property
    def f1(self) -> float:
        return 2 * self.true / max(1, 2 * self.true + self.missed + self.false)

    @property
    def false_share(self) -> float:
        return self.false / max(1, self.clean)

    def with_one(self, *, is_secret: bool, is_hit: bool) -> Counts:
        """These and one more place."""
        return Counts(
            self.true + (is_secret and is_hit),
            self.missed + (is_secret and not is_hit),
            self.false + (not is_secret and is_hit),
            self.clean + (not is_secret),
        )


def count(places: Iterable[tuple[bool, bool]]) -> Counts:
    """Counts of places, each (holds a secret, was found or touched)."""
    out = Counts()
    for is_secret, is_hit in places:
        out = out.with_one(is_secret=is_secret, is_hit=is_hit)
    return out


def is_covered(spans: Spans, start: int, end: int) -> bool:
    """Whether spans cover every byte from start to end."""
    at = start
    for low, high in sorted(spans):
        if low <= at < high:
            at = high
    return at >= end


def spans_at(texts: Sequence[bytes], level: Level) -> list[Spans]:
    """What is redacted of each text at a level, by our own detector alone."""
    params = Params(level=level)
    out: list[Spans] = [[] for _ in texts]
    for row, _, findings in find_in_column(pa.array(texts, pa.large_binary()), Detection()):
        kept = [Span(*f[:5]) for f in findings if reaches_threshold(f, params)]
        out[row] = [(span.start, span.end) for span in merge(kept)]
    return out
