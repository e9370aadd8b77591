"""Which spans go, and which files go with them.

In: files (`record.FILES`) and the facts of their blobs. Out: spans (`record.SPANS`) and decisions
(`record.DECISIONS`). Always holds: spans of a blob are disjoint and cover every finding at or above
its threshold; each depends on the findings of its own blob alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import UsageError
from stackyard.params import canonical_json
from stackyard.pii.detect import entities
from stackyard.pii.findings import LIMIT
from stackyard.pii.params import SCORE_MIN, Params
from stackyard.record import DECISIONS, FILE_KEY, SPANS

STAGE = "pii"


class Redacted(NamedTuple):
    """Spans to redact by blob, and the files that are dropped."""

    spans: pa.Table
    decisions: pa.Table


class Span(NamedTuple):
    """A stretch of a text that goes, by the finding that names it."""

    start: int
    end: int
    entity: str
    rule: str
    score: float


def decide(files: pa.Table, facts: Mapping[str, pa.Table], params: Params) -> Redacted:
    """Spans to redact, sorted by (blob_id, start_byte), and decisions, sorted by file.

    Args:
        files: columns of `record.FILES`, at least.
        facts: has `pii`, and `pii-<name>` for every model: all facts of the blobs of `files`.
        params: thresholds.

    Decisions: `pii/work-limit`, `pii/findings-limit`, `pii/candidates-limit` (one was met, so the
    file was not read to its end), `pii/mostly-redacted` (more than `redacted_share_max` would go).
    """
    tables = [facts[name] for name in sorted(facts) if name == "pii" or name.startswith("pii-")]
    table = pa.concat_tables(tables)
    _require_known(params, table)
    table = table.filter(pc.is_in(table["blob_id"], value_set=files["blob_id"].combine_chunks()))
    limits = table.filter(pc.equal(table["entity"], LIMIT))
    dropped: dict[bytes, tuple[str, dict[str, float | str]]] = {
        row["blob_id"]: (f"{row['rule']}-limit", {"text_bytes": row["text_bytes"]})
        for row in limits.to_pylist()
    }
    kept = table.filter(above_threshold(table, params))
    rows: list[tuple[bytes, Span]] = []
    for blob_id, text_bytes, findings in _by_blob(kept):
        if blob_id in dropped:
            continue
        spans = merge(findings)
        redacted = sum(span.end - span.start for span in spans)
        if redacted > params.redacted_share_max * text_bytes:
            dropped[blob_id] = (
                "mostly-redacted",
                {"redacted_bytes": redacted, "text_bytes": text_bytes},
            )
        else:
            rows.extend((blob_id, span) for span in spans)
    return Redacted(_spans_table(rows), _decisions_table(files, dropped))


def _require_known(params: Params, facts: pa.Table) -> None:
    known = entities() | set(facts["entity"].unique().to_pylist())
    for entity in sorted(params.score_min):
        if entity not in known:
            raise UsageError(
                f"pii.score_min names {entity!r}, which no detector finds",
                expected=f"one of {', '.join(sorted(entities()))}",
                next_step="mend params.yaml",
            )


def above_threshold(facts: pa.Table, params: Params) -> pa.Array:
    """Mask of facts whose score reaches the threshold of their entity; limits never do."""
    least = SCORE_MIN[params.level]
    mask = pc.greater_equal(facts["score"], least)
    for entity, score_min in sorted(params.score_min.items()):
        is_entity = pc.equal(facts["entity"], entity)
        mask = pc.if_else(is_entity, pc.greater_equal(facts["score"], score_min), mask)
    return pc.and_(mask, pc.not_equal(facts["entity"], LIMIT))


def merge(findings: Iterable[Span]) -> list[Span]:
    """Disjoint spans that cover all findings; overlapping ones take the name of the outermost.

    The outermost is the longest; of equally long ones the surest, then the first by start, entity,
    rule. Spans that only touch stay apart.
    """
    merged: list[Span] = []
    best: Span | None = None
    for span in sorted(set(findings)):
        if span.start >= span.end:
            continue
        if merged and best is not None and span.start < merged[-1].end:
            best = min(best, span, key=_rank)
            end = max(merged[-1].end, span.end)
            merged[-1] = Span(merged[-1].start, end, best.entity, best.rule, best.score)
        else:
            best = span
            merged.append(span)
    return merged


def _rank(span: Span) -> tuple[int, float, int, str, str]:
    return (span.start - span.end, -span.score, span.start, span.entity, span.rule)


def _by_blob(facts: pa.Table) -> Iterator[tuple[bytes, int, list[Span]]]:
    columns = ("blob_id", "text_bytes", "start_byte", "end_byte", "entity", "rule", "score")
    current: bytes | None = None
    length = 0
    findings: list[Span] = []
    ordered = facts.select(columns).sort_by([(name, "ascending") for name in columns])
    for batch in ordered.to_batches():
        for blob_id, text_bytes, *span in zip(*(c.to_pylist() for c in batch), strict=True):
            if blob_id != current:
                if current is not None:
                    yield current, length, findings
                current, length, findings = blob_id, text_bytes, []
            findings.append(Span(*span))
    if current is not None:
        yield current, length, findings


def _spans_table(rows: list[tuple[bytes, Span]]) -> pa.Table:
    rows = sorted(rows)
    return pa.table(
        {
            "blob_id": [blob_id for blob_id, _ in rows],
            "start_byte": [span.start for _, span in rows],
            "end_byte": [span.end for _, span in rows],
            "entity": [span.entity for _, span in rows],
            "rule": [span.rule for _, span in rows],
        },
        schema=SPANS,
    )


def _decisions_table(
    files: pa.Table, dropped: Mapping[bytes, tuple[str, Mapping[str, float | str]]]
) -> pa.Table:
    wanted = pa.array(sorted(dropped), type=SPANS.field("blob_id").type)
    gone = files.filter(pc.is_in(files["blob_id"], value_set=wanted)).select([*FILE_KEY, "blob_id"])
    gone = gone.sort_by([(name, "ascending") for name in FILE_KEY])
    verdicts = [dropped[blob_id] for blob_id in gone["blob_id"].to_pylist()]
    columns = {
        **{name: gone[name] for name in gone.column_names},
        "stage": [STAGE] * len(verdicts),
        "rule": [rule for rule, _ in verdicts],
        "evidence": [canonical_json(evidence).decode() for _, evidence in verdicts],
    }
    return pa.table(columns, schema=DECISIONS)
