"""Law 6 for the release gate: what two scanners say of released texts.

The first is this room's own detectors, the second that of `second`. What either of them finds was
redacted, dropped or let stand before (`decisions`, `settle`), so a finding here is a bug of ours.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from stackyard.pii.allow_list import Answers
from stackyard.pii.params import Params
from stackyard.pii.second import second_findings
from stackyard.pii.settling import spans_in_column

LEFT = pa.schema(
    [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("start_byte", pa.int64(), nullable=False),
        pa.field("end_byte", pa.int64(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
    ]
)
"""What a scan still finds; sorted by (row, start_byte)."""


def scan(
    texts: pa.Array | pa.ChunkedArray, params: Params, leave: Collection[str] = frozenset()
) -> pa.Table:
    """Findings at or above their thresholds in a column of texts, by this room's detectors.

    Args:
        texts: UTF-8 text, binary or string, may hold nulls.
        params: those of the release.
        leave: entities that do not count.

    Returns:
        `LEFT`; empty for every text that `redact` wrote with the same params.
    """
    rows = [(row, *span) for row, span in spans_in_column(texts, params, leave)]
    columns = zip(*rows, strict=True) if rows else ([] for _ in LEFT)
    return pa.table(
        {field.name: list(values) for field, values in zip(LEFT, columns, strict=True)},
        schema=LEFT,
    )


class Leak(NamedTuple):
    """What the second scanner still finds; the value itself is nowhere but in the text."""

    name: str
    line: int
    rule: str
    value_sha256: str


def second_scan(
    items: Iterable[tuple[str, bytes]], allowed: Answers = frozenset()
) -> Iterator[Leak]:
    """What the second scanner finds in released texts and nothing answers, in order of the items.

    Args:
        items: a name for each text, and its bytes.
        allowed: what reviewed entries let stand; see `allow_list.answers`.
    """
    for name, text in items:
        for finding in second_findings(text):
            if (finding.rule, finding.value_sha256) not in allowed:
                line = text.count(b"\n", 0, finding.start_byte) + 1
                yield Leak(name, line, finding.rule, finding.value_sha256)
