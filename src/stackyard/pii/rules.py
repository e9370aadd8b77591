"""Provider rules: rules.yaml, compiled.

Always holds: a rule's anchor is a superset of its pattern without assertions; its check reads a
window of bounded length, so cost is linear in candidates.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import jsonschema
import yaml

from stackyard.errors import UsageError
from stackyard.pii import allow, strength
from stackyard.pii.checks import PROOFS, SHAPES
from stackyard.pii.findings import ALLOWED_SCORE, Finding

SCORE, SCORE_NEAR = 0.9, 0.75
"""Of a documented format with its prefix, and of a plain format beside the provider's name."""

SCORE_VALID, INVALID_COST = 0.97, 0.15
"""A checksum that holds settles it; one that fails leaves a format that nobody issued: test data,
or a format that changed."""

NAME_REST = rb"[\w.\-]{0,40}[\\'\"\])}]{0,4}[ \t]{0,24}"
ASSIGN = rb"(?:::?=|=>|={1,3}|:|,|\(|>|(?:value|VALUE)=)[ \t]{0,24}"
OPENING = rb"(?:[\\]?['\"`(\[]|[a-zA-Z]['\"]| ){0,4}"
"""What stands between a name and its value: closing quotes and brackets, a sign, opening quotes."""

LEFT_EDGE = rb"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
RIGHT_EDGE = rb"(?![A-Za-z0-9_])"
SHORT_WORD = 4
"""Near words of at most this many letters must begin a word: `lob` is not in `global`."""

WINDOW_BEFORE, WINDOW_AFTER = 640, 8192
"""Bytes read around the end of a candidate: at least a rule's longest minimum and maximum."""


class Rule(NamedTuple):
    """One rule, ready to run."""

    name: str
    entity: str
    anchor: bytes
    is_caseless: bool
    pattern: re.Pattern[bytes]
    value: re.Pattern[bytes] | None
    is_near: bool
    proof: Callable[[bytes], bool] | None
    shape: Callable[[bytes], bool] | None
    score: float
    positive: tuple[str, ...]
    negative: tuple[str, ...]

    def find(self, text: bytes, end: int) -> Iterator[Finding]:
        """Findings whose match a candidate ends in."""
        low = max(0, end - WINDOW_BEFORE)
        high = min(len(text), end + WINDOW_AFTER)
        for match in self.pattern.finditer(text, low, high):
            if match.start() >= end:
                return
            if match.end() >= end:
                yield from self._judge(text, *match.span("value"))

    def _judge(self, text: bytes, start: int, end: int) -> Iterator[Finding]:
        if self.value is not None:
            inner = self.value.search(text, start, end)
            if inner is None:
                return
            start, end = inner.span()
        value = text[start:end]
        if self.is_near and not strength.is_plausible(value.decode("ascii", "replace")):
            return
        name = allow.first_that_holds(allow.TOKEN, text, start, end)
        score, validator = self.score, "none"
        if self.proof is not None:
            is_valid = self.proof(value)
            validator = "valid" if is_valid else "invalid"
            score = max(score, SCORE_VALID) if is_valid else score - INVALID_COST
        if (self.shape and not self.shape(value)) or (name and validator != "valid"):
            score = ALLOWED_SCORE
        yield Finding(start, end, self.entity, self.name, score, validator)


@cache
def rules() -> tuple[Rule, ...]:
    """All provider rules, in the order of their file."""
    folder = resources.files("stackyard.pii")
    schema = json.loads(folder.joinpath("rules.schema.json").read_text("utf-8"))
    values = yaml.load(folder.joinpath("rules.yaml").read_text("utf-8"), _loader())  # noqa: S506
    for problem in jsonschema.Draft202012Validator(schema).iter_errors(values):
        raise UsageError(
            f"rules.yaml does not hold at {problem.json_path}", found=problem.message[:200]
        )
    return tuple(map(_compile, values["rules"]))


def _loader() -> Any:
    """The safe loader in C where PyYAML was built with it: reading takes a tenth of the time."""
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _compile(raw: Mapping[str, Any]) -> Rule:
    body = raw["pattern"].encode()
    edges = raw.get("edge", True)
    left, right = (LEFT_EDGE, RIGHT_EDGE) if edges else (b"", b"")
    near = [word.encode() for word in raw.get("near", ())]
    if near:
        rest = NAME_REST + ASSIGN + OPENING
        anchor = b"(?:" + b"|".join(near) + b")" + rest + shortest(body)
        pattern = _near_names(near) + rest + b"(?P<value>" + body + b")" + right
    else:
        anchor = shortest(body)
        pattern = left + b"(?P<value>" + body + b")" + right
    return Rule(
        name=raw["id"],
        entity=raw["entity"],
        anchor=anchor,
        is_caseless=bool(near),
        pattern=re.compile(pattern),
        value=re.compile(raw["value"].encode()) if "value" in raw else None,
        is_near=bool(near),
        proof=PROOFS.get(raw.get("check", "")),
        shape=SHAPES.get(raw.get("check", "")),
        score=raw.get("score", SCORE_NEAR if near else SCORE),
        positive=tuple(raw["positive"]),
        negative=tuple(raw["negative"]),
    )


def _near_names(near: Sequence[bytes]) -> bytes:
    edged = [(rb"(?<![A-Za-z])" if len(word) <= SHORT_WORD else b"") + word for word in near]
    return b"(?i:" + b"|".join(edged) + b")"


_RANGE = re.compile(rb"\{(\d+),\d*\}")
_OPTIONAL_TAIL = re.compile(rb"(?:=\{0,\d\}|=\?|=\*)$")


def shortest(pattern: bytes) -> bytes:
    """A pattern that matches wherever the given one does, at its shortest: each `{m,n}` is `{m}`.

    Sound because a repeat at its least count is a prefix of what follows only at the end of a
    pattern; inside, `{m,n}` stays. So the automaton reports a long credential once, not n - m times.
    """
    trimmed = _OPTIONAL_TAIL.sub(b"", pattern)
    tail = _RANGE.search(trimmed[trimmed.rfind(b"{") :]) if trimmed.endswith(b"}") else None
    if tail is None or trimmed.endswith(b"\\}"):
        return trimmed
    return trimmed[: trimmed.rfind(b"{")] + b"{" + tail[1] + b"}"
