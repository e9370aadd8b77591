"""Which spans go, and which files go with them.

In: files (`record.FILES`) and the facts of their blobs. Out: spans (`record.SPANS`) and decisions
(`record.DECISIONS`). Always holds: spans of a blob are disjoint and cover every finding at or above
its threshold, and what the second scanner alone found; each depends on the findings of its own blob
alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import UsageError
from stackyard.params import canonical_json
from stackyard.pii import second as second_room
from stackyard.pii.allow_list import Answers
from stackyard.pii.detect import entities
from stackyard.pii.findings import LIMIT
from stackyard.pii.params import SCORE_MIN, Params
from stackyard.pii.second import SecondFinding
from stackyard.record import DECISIONS, FILE_KEY, SPANS

STAGE = "pii"

KNOWN_RULE = "known-value"
"""Rule of a span that a known value makes (`known`); its entity is that of the span it is known from."""


class Redacted(NamedTuple):
    """Spans to redact by blob, the files that are dropped, and what the second scanner alone found.

    `second` has the schema `second.SECOND`; what the operator let stand is not in it.
    """

    spans: pa.Table
    decisions: pa.Table
    second: pa.Table


class Span(NamedTuple):
    """A stretch of a text that goes, by the finding that names it."""

    start: int
    end: int
    entity: str
    rule: str
    score: float


class Seen(NamedTuple):
    """What the facts of some blobs ask to be redacted.

    Attributes:
        spans: `record.SPANS`, sorted.
        sizes: bytes of the text by blob, of blobs with spans.
        limits: the limit that was met by blob.
        second: `second.SECOND` of what the second scanner alone found.
    """

    spans: pa.Table
    sizes: Mapping[bytes, int]
    limits: Mapping[bytes, tuple[str, Mapping[str, Any]]]
    second: pa.Table


def see(facts: Mapping[str, pa.Table], params: Params, allowed: Answers = frozenset()) -> Seen:
    """Spans of all blobs that facts speak of.

    Args:
        facts: has `pii`, `second-scanner`, and `pii-<name>` for every model.
        params: thresholds.
        allowed: what reviewed entries let stand; see `allow_list.answers`.
    """
    tables = [facts[name] for name in sorted(facts) if name == "pii" or name.startswith("pii-")]
    table = pa.concat_tables(tables)
    _require_known(params, table)
    limits: Dropped = {
        row["blob_id"]: (f"{row['rule']}-limit", {"text_bytes": row["text_bytes"]})
        for row in table.filter(pc.equal(table["entity"], LIMIT)).to_pylist()
    }
    kept = table.filter(above_threshold(table, params))
    found = {
        blob_id: (text_bytes, merge(findings)) for blob_id, text_bytes, findings in _by_blob(kept)
    }
    sizes = {blob_id: text_bytes for blob_id, (text_bytes, _) in found.items()}
    rows = [(blob_id, span) for blob_id, (_, spans) in found.items() for span in spans]
    second = _second_alone(facts[second_room.NAME], allowed, found)
    for row in second.to_pylist():
        sizes[row["blob_id"]] = row["text_bytes"]
        rows.append((row["blob_id"], second_span(SecondFinding.of(row))))
    return Seen(spans_table(rows), sizes, limits, second)


def decide(files: pa.Table, seen: Seen, params: Params, more: pa.Table | None = None) -> Redacted:
    """Spans to redact, sorted by (blob_id, start_byte), and decisions, sorted by file.

    Args:
        files: columns of `record.FILES`, at least.
        seen: of their facts; what it says of other blobs is ignored.
        params: thresholds.
        more: `record.SPANS` that go as well, those of known values for one; may overlap.

    Decisions: `pii/work-limit`, `pii/findings-limit`, `pii/candidates-limit` (one was met, so the
    file was not read to its end), `pii/second-scanner` (it found something, with
    `second_scanner: drop`), `pii/mostly-redacted` (more than `redacted_share_max` would go).
    """
    wanted = files["blob_id"].combine_chunks()
    mine = [
        table.filter(pc.is_in(table["blob_id"], value_set=wanted))
        for table in (seen.spans, seen.second, SPANS.empty_table() if more is None else more)
    ]
    held = _held(mine[0], mine[2])
    rules: dict[bytes, list[str]] = {}
    for blob_id, rule in zip(
        *(mine[1][name].to_pylist() for name in ("blob_id", "rule")), strict=True
    ):
        rules.setdefault(blob_id, []).append(rule)
    dropped: Dropped = dict(seen.limits)
    for blob_id, spans in held.items():
        size = seen.sizes.get(blob_id)
        verdict = (
            None if size is None else past_redaction(spans, size, rules.get(blob_id, ()), params)
        )
        if blob_id not in dropped and verdict is not None:
            dropped[blob_id] = verdict
    rows = [(blob, span) for blob, spans in held.items() if blob not in dropped for span in spans]
    return Redacted(spans_table(rows), decisions_table(files, dropped), mine[1])


def _held(*tables: pa.Table) -> dict[bytes, list[Span]]:
    """Merged spans by blob."""
    found: dict[bytes, list[Span]] = {}
    for table in tables:
        for blob_id, *span in zip(*(column.to_pylist() for column in table.columns), strict=True):
            start, end, entity, rule = span
            # What a scanner says of a place names it before what is known of a value.
            score = 0.0 if rule == KNOWN_RULE else 1.0
            found.setdefault(blob_id, []).append(Span(start, end, entity, rule, score))
    return {blob_id: merge(spans) for blob_id, spans in found.items()}


Dropped = dict[bytes, tuple[str, Mapping[str, Any]]]
"""Rule and evidence by blob."""


def past_redaction(
    spans: Iterable[Span], text_bytes: int, second_rules: Iterable[str], params: Params
) -> tuple[str, Mapping[str, Any]] | None:
    """Rule and evidence that drop a blob with these spans, or None.

    `second_rules` are those by which the second scanner alone found something, one a finding.
    """
    rules = Counter(second_rules)
    if rules and params.second_scanner == "drop":
        return second_room.NAME, {"rules": dict(sorted(rules.items()))}
    redacted = sum(span.end - span.start for span in spans)
    if redacted > params.redacted_share_max * text_bytes:
        return "mostly-redacted", {"redacted_bytes": redacted, "text_bytes": text_bytes}
    return None


def past_settling(spans: pa.Table, settled: pa.Table, second: pa.Table, params: Params) -> Dropped:
    """Rule and evidence of blobs that are dropped for what only their redacted text could tell.

    Args:
        spans: `record.SPANS` after `settle`.
        settled: `blob_id`, `text_bytes`, `is_settled` of each blob that was settled.
        second: `second.SECOND` of what the second scanner alone found in them.
        params: thresholds.

    Decisions: as of `past_redaction`, and `pii/rounds-limit`: redaction came to no end in it.
    """
    held = _held(spans)
    rules: dict[bytes, list[str]] = {}
    for row in second.select(["blob_id", "rule"]).to_pylist():
        rules.setdefault(row["blob_id"], []).append(row["rule"])
    dropped: Dropped = {}
    for row in settled.to_pylist():
        blob_id, text_bytes = row["blob_id"], row["text_bytes"]
        found = rules.get(blob_id, ())
        verdict = past_redaction(held.get(blob_id, ()), text_bytes, found, params)
        if verdict is None and not row["is_settled"]:
            verdict = "rounds-limit", {"text_bytes": text_bytes}
        if verdict is not None:
            dropped[blob_id] = verdict
    return dropped


def _second_alone(
    facts: pa.Table, allowed: Answers, found: Mapping[bytes, tuple[int, list[Span]]]
) -> pa.Table:
    """Facts of the second scanner that no entry answers, apart from what the first one redacts.

    What overlaps a span of the first scanner waits for `settle`: mostly the rest is no finding.
    """
    by_blob: dict[bytes, list[SecondFinding]] = {}
    rows = facts.to_pylist()
    for row in rows:
        if (row["rule"], row["value_sha256"]) not in allowed:
            by_blob.setdefault(row["blob_id"], []).append(SecondFinding.of(row))
    kept = {
        (blob_id, each)
        for blob_id, each_of in by_blob.items()
        for each in alone(each_of, found.get(blob_id, (0, []))[1])
    }
    mask = [(row["blob_id"], SecondFinding.of(row)) in kept for row in rows]
    return facts.filter(pa.array(mask, pa.bool_()))


def alone(second: Iterable[SecondFinding], spans: Sequence[Span]) -> list[SecondFinding]:
    """Findings that overlap neither a span (sorted, disjoint) nor a shorter finding, sorted.

    The password of a URI goes before the URI: without it the URI is mostly no finding any more.
    """
    starts, ends = [span.start for span in spans], [span.end for span in spans]
    out = []
    for each in sorted(second, key=lambda one: (one.end_byte - one.start_byte, one)):
        at = bisect_right(ends, each.start_byte)
        if at == len(starts) or starts[at] >= each.end_byte:
            starts.insert(at, each.start_byte)
            ends.insert(at, each.end_byte)
            out.append(each)
    return sorted(out)


def second_span(finding: SecondFinding) -> Span:
    """The span that goes for a finding of the second scanner."""
    entity = second_room.entity_of(finding.rule)
    return Span(finding.start_byte, finding.end_byte, entity, finding.rule, 1.0)


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


def spans_table(rows: list[tuple[bytes, Span]]) -> pa.Table:
    """`record.SPANS` of spans by blob."""
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


def decisions_table(files: pa.Table, dropped: Dropped) -> pa.Table:
    """`record.DECISIONS` for all files of the blobs that are dropped, sorted."""
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
