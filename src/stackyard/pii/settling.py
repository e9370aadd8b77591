"""Spans until nothing is found: what redaction brings into a scanner's reach is redacted too.

In: texts, and the spans of their facts. Out: more spans, of the same texts. Always holds: a scan of
the redacted text by either scanner finds nothing, or the row is named as unsettled; what is said of a
text depends on its bytes, its spans and the parameters alone. Every round widens the spans of a row or
ends it, so rounds are bounded by the text; they are bounded by a small number besides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

from stackyard.pii.allow_list import Answers
from stackyard.pii.decisions import Span, alone, merge, second_span, spans_table
from stackyard.pii.detect import find_in_column
from stackyard.pii.findings import LIMIT, Finding
from stackyard.pii.known import Known
from stackyard.pii.params import SCORE_MIN, Params
from stackyard.pii.redaction import Row, as_array, is_markup, key_of, placeholder, replaced, rows_of
from stackyard.pii.second import SecondFinding, second_findings

ROUNDS_MAX = 16
"""In 80 MB of site-packages and of eleven packages' sources, all 337 files with spans were clean at the
first look; a rewritten text may need more, and a file that needs more than these is dropped."""


@dataclass(frozen=True)
class Look:
    """What may not be found in a released text.

    Attributes:
        params: thresholds.
        allowed: what reviewed entries let stand; see `allow_list.answers`.
        leave: entities that may stay.
        known: values that were found somewhere.
    """

    params: Params
    allowed: Answers = frozenset()
    leave: Collection[str] = frozenset()
    known: Known = field(default_factory=Known)

    def find(
        self, texts: pa.Array, repos: Sequence[Collection[str]]
    ) -> Iterator[tuple[int, list[Span], list[SecondFinding]]]:
        """Row, merged spans and second findings apart from those, of every row that has any.

        `repos` names the repositories that have the text of each row.
        """
        first: dict[int, list[Span]] = {}
        known = self.known.spans(texts, repos)
        for row, span in (*spans_in_column(texts, self.params, self.leave), *known):
            first.setdefault(row, []).append(span)
        for row, text in enumerate(texts):
            spans = merge(first.get(row, ()))
            second = [
                each
                for each in (second_findings(text.as_py()) if text.is_valid else ())
                if (each.rule, each.value_sha256) not in self.allowed
            ]
            second = alone(second, spans)
            if spans or second:
                yield row, spans, second


class Settled(NamedTuple):
    """Attributes:
    spans: `record.SPANS`, sorted: those that came in, widened and added to.
    texts: the released texts, large_binary.
    unsettled: rows in which something is found still.
    second: row and finding of what the second scanner alone found on the way; spans are of the
        text as its origin has it, hashes of what it saw.
    """

    spans: pa.Table
    texts: pa.Array
    unsettled: list[int]
    second: list[tuple[int, SecondFinding]]


def settle(
    texts: pa.Array | pa.ChunkedArray,
    blob_ids: pa.Array | pa.ChunkedArray,
    spans: pa.Table,
    look: Look,
    key: bytes | None = None,
    *,
    repos: Sequence[Collection[str]] | None = None,
) -> Settled:
    """Spans of texts that have some already, until both scanners find nothing.

    Args:
        texts: UTF-8 text, binary, may be null; row i is the text of blob i.
        blob_ids: binary(20), as long as `texts`, each once.
        spans: `record.SPANS`, sorted, as `decide` gives them. Texts without one are not looked at:
            their facts say that nothing is found in them.
        look: what may not be found.
        key: secret of the operator; needed for `placeholder: consistent` alone.
        repos: the repositories that have the text of each row; for values that are bound to some.
    """
    column, ids = as_array(texts).cast(pa.large_binary()), as_array(blob_ids)
    held: dict[int, list[Span]] = {}
    for row, span in rows_of(ids, spans):
        held.setdefault(row, []).append(span)
    task = _Task(column, repos or [()] * len(column), look, key_of(look.params, key))
    unsettled, second = _until_clean(task, held, sorted(held))
    rows = _flat(held, sorted(held))
    return Settled(
        spans_table([(ids[row].as_py(), span) for row, span in rows]),
        replaced(column, rows, key_of(look.params, key)),
        unsettled,
        second,
    )


def without_secrets(
    texts: pa.Array, look: Look, key: bytes | None = None
) -> tuple[pa.Array, list[int]]:
    """Texts that were not scanned before, redacted, and the rows in which something is found still.

    Licence texts and notices, for one, with `look.leave`: credentials go, names and addresses stay.
    """
    column = as_array(texts).cast(pa.large_binary())
    held: dict[int, list[Span]] = {}
    key = key_of(look.params, key)
    task = _Task(column, [()] * len(column), look, key)
    unsettled, _ = _until_clean(task, held, range(len(column)))
    return replaced(column, _flat(held, sorted(held)), key), unsettled


class _Task(NamedTuple):
    """Texts, the repositories of each, what may not be found in them, and the key of placeholders."""

    texts: pa.Array
    repos: Sequence[Collection[str]]
    look: Look
    key: bytes | None


def _until_clean(
    task: _Task, held: dict[int, list[Span]], waiting: Sequence[int]
) -> tuple[list[int], list[tuple[int, SecondFinding]]]:
    """Widens `held`; returns the rows that are not clean after all rounds, and second findings."""
    second: list[tuple[int, SecondFinding]] = []
    for _ in range(ROUNDS_MAX):
        if not waiting:
            break
        part = task.texts.take(pa.array(waiting, pa.int64()))
        repos = [task.repos[row] for row in waiting]
        rows = [(i, span) for i, row in enumerate(waiting) for span in held.get(row, ())]
        dirty = []
        for i, spans, found in task.look.find(replaced(part, rows, task.key), repos):
            row = waiting[i]
            cut = _Cut.of(part[i].as_py(), held.get(row, []), task.key)
            placed = [cut.placed_finding(each) for each in found]
            second.extend((row, each) for each in placed)
            held[row] = merge(
                [
                    *held.get(row, ()),
                    *(cut.placed(span) for span in spans),
                    *(second_span(each) for each in placed),
                ]
            )
            dirty.append(row)
        waiting = dirty
    return list(waiting), second


class _Cut(NamedTuple):
    """Where the spans of one text lie in it, and where their stand-ins lie in the redacted one."""

    starts: list[int]
    ends: list[int]
    new_starts: list[int]
    new_ends: list[int]

    @classmethod
    def of(cls, text: bytes, spans: Sequence[Span], key: bytes | None) -> _Cut:
        markup = is_markup(text)
        new_starts, new_ends = [], []
        moved = 0
        for span in spans:
            stand_in = placeholder(span.entity, text[span.start : span.end], markup, key)
            new_starts.append(span.start + moved)
            new_ends.append(new_starts[-1] + len(stand_in))
            moved = new_ends[-1] - span.end
        return cls([s.start for s in spans], [s.end for s in spans], new_starts, new_ends)

    def placed(self, span: Span) -> Span:
        """A span of the redacted text in the text that it was made of."""
        start, end = self._origin(span.start, span.end)
        return span._replace(start=start, end=end)

    def placed_finding(self, finding: SecondFinding) -> SecondFinding:
        """The same for a finding of the second scanner."""
        start, end = self._origin(finding.start_byte, finding.end_byte)
        return finding._replace(start_byte=start, end_byte=end)

    def _origin(self, start: int, end: int) -> tuple[int, int]:
        """The least stretch of the text that gave this one of the redacted text: stand-ins are whole."""
        first, last = self._span_at(start), self._span_at(end - 1)
        return (
            self._plain(start) if first is None else self.starts[first],
            self._plain(end - 1) + 1 if last is None else self.ends[last],
        )

    def _span_at(self, place: int) -> int | None:
        number = bisect_right(self.new_starts, place) - 1
        return number if number >= 0 and place < self.new_ends[number] else None

    def _plain(self, place: int) -> int:
        number = bisect_right(self.new_starts, place) - 1
        return place if number < 0 else place - self.new_ends[number] + self.ends[number]


def _flat(held: dict[int, list[Span]], rows: Sequence[int]) -> list[Row]:
    return [(row, span) for row in rows for span in held[row]]


def spans_in_column(
    texts: pa.Array | pa.ChunkedArray, params: Params, leave: Collection[str] = frozenset()
) -> list[Row]:
    """Row numbers and merged spans of all findings at or above their thresholds, in order.

    `leave` names entities that do not count.
    """
    out: list[Row] = []
    for row, _, findings in find_in_column(texts, params.detection):
        kept = [
            Span(*f[:5]) for f in findings if reaches_threshold(f, params) and f.entity not in leave
        ]
        out.extend((row, span) for span in merge(kept))
    return out


def reaches_threshold(finding: Finding, params: Params) -> bool:
    """Whether a finding is redacted; the same rule as `decide.above_threshold`, for one."""
    least = params.score_min.get(finding.entity, SCORE_MIN[params.level])
    return finding.entity != LIMIT and finding.score >= least
