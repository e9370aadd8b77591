"""Law 6 for the release gate: what two scanners say of released texts.

The first is this room's own detectors; the second is kingfisher-secret-scanner, which shares no
rule, code or author with them. What the second alone finds blocks a release until a rule here or an
entry of registry/pii-allow.yaml answers it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from importlib import metadata, resources
from typing import Any, NamedTuple

import jsonschema
import pyarrow as pa
import yaml
from kingfisher_sdk import Rules, Scanner

from stackyard.errors import UsageError
from stackyard.pii import allow
from stackyard.pii.params import Params
from stackyard.pii.redaction import spans_in_column

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


class AllowEntry(NamedTuple):
    """A reviewed finding of the second scanner: its rule, the SHA-256 of the value, and why."""

    rule: str
    value_sha256: str
    reason: str


class SecondFinding(NamedTuple):
    """What the second scanner found; the value itself is nowhere but in the text."""

    name: str
    rule: str
    line: int
    start_byte: int
    end_byte: int
    value_sha256: str
    confidence: str


def load_allow(text: str, where: str) -> frozenset[AllowEntry]:
    """The entries of registry/pii-allow.yaml.

    Raises:
        UsageError: the text is not what its schema asks for.
    """
    values = yaml.safe_load(text)
    schema = json.loads(
        resources.files("stackyard.pii").joinpath("pii-allow.schema.json").read_text("utf-8")
    )
    for problem in jsonschema.Draft202012Validator(schema).iter_errors(values):
        raise UsageError(
            f"{where} does not hold at {problem.json_path}",
            expected="what pii-allow.schema.json asks for",
            found=problem.message[:200],
            next_step="mend the entry",
        )
    return frozenset(AllowEntry(**entry) for entry in values["allow"])


def second_scanner() -> str:
    """Name and version of the second scanner, for the report."""
    return f"kingfisher-secret-scanner {metadata.version('kingfisher-secret-scanner')}"


@cache
def _scanner() -> Scanner:
    # No cache on disk: a cache of compiled rules is state that a build does not declare.
    return Scanner(Rules(cache=False), redact=False)


def second_scan(
    items: Iterable[tuple[str, bytes]], allowed: Iterable[AllowEntry] = ()
) -> Iterator[SecondFinding]:
    """What the second scanner finds in released texts and nothing answers, in order of the items.

    Args:
        items: a name for each text, and its bytes.
        allowed: reviewed entries; matched by rule and SHA-256 of the value.

    Findings whose value is a placeholder, a template or a dummy by this room's allow rules are
    answered by those.
    """
    answers = {(entry.rule, entry.value_sha256) for entry in allowed}
    for name, text in items:
        found = [_finding(name, text, each) for each in _scanner().scan(text) if each.visible]
        for finding in sorted(found):
            span = (finding.start_byte, finding.end_byte)
            if (finding.rule, finding.value_sha256) in answers:
                continue
            if allow.is_in_placeholder(text, *span):
                continue
            if allow.first_that_holds(allow.SECRET, text, *span) is None:
                yield finding


def _finding(name: str, text: bytes, finding: Any) -> SecondFinding:
    place = finding.location
    start, end = place["start_offset"], place["end_offset"]
    return SecondFinding(
        name, finding.rule_id, place["line"], start, end,
        hashlib.sha256(text[start:end]).hexdigest(), finding.confidence,
    )  # fmt: skip
