"""Provider rules: rules.yaml, compiled.

Always holds: a rule's anchor is a superset of its pattern without assertions. The findings of a rule
are the matches of its pattern over the whole text, from left to right; candidates only say where to
look, and no byte is tried twice as the start of a match, so cost is linear in the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from re import _parser as parser  # type: ignore[attr-defined]
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
LEFT_EDGE_READ = rb"(?:[^A-Za-z0-9]|\\[nrt]|%[0-9A-Fa-f]{2})"
"""The left edge as bytes that are read: the automaton has no look-behind. So an anchor that goes on
matching inside a run of its own letters is reported once a run, not once a byte."""
OVERLAP_EDGE = rb"(?:(?<![A-Za-z0-9_-])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
OVERLAP_EDGE_READ = rb"(?:[^A-Za-z0-9_-]|\\[nrt]|%[0-9A-Fa-f]{2})"
"""The left edge of a rule whose prefix, repeated, is a value of its own: `xoxb-xoxb-xoxb-`."""

RIGHT_EDGE = rb"(?![A-Za-z0-9_])"
SHORT_WORD = 4
"""Near words of at most this many letters must begin a word: `lob` is not in `global`."""


class Rule(NamedTuple):
    """One rule, ready to run.

    `anchor` is what the automaton looks for; the start of a match lies `width` bytes (at least, at
    most) before a candidate's end, and there `lead` matches: it has no width, and looks at `lead_bytes`.
    """

    name: str
    entity: str
    anchor: bytes
    width: tuple[int, int]
    is_caseless: bool
    lead: re.Pattern[bytes]
    lead_bytes: int
    pattern: re.Pattern[bytes]
    value: re.Pattern[bytes] | None
    is_near: bool
    proof: Callable[[bytes], bool] | None
    shape: Callable[[bytes], bool] | None
    score: float
    positive: tuple[str, ...]
    negative: tuple[str, ...]

    def find(self, text: bytes, ends: Sequence[int]) -> Iterator[Finding]:
        """Findings whose match a candidate ends in; `ends` are sorted."""
        tried = 0
        for end in ends:
            last = end - self.width[0]
            stop = last + self.lead_bytes
            for lead in self.lead.finditer(text, max(tried, end - self.width[1]), max(0, stop)):
                start = lead.start()
                if tried <= start <= last and (match := self.pattern.match(text, start)):
                    yield from self._judge(text, *match.span("value"))
                    tried = match.end()
            tried = max(tried, last + 1)

    def _judge(self, text: bytes, start: int, end: int) -> Iterator[Finding]:
        if self.value is not None:
            inner = self.value.search(text, start, end)
            if inner is None:
                return
            start, end = inner.span()
        value = text[start:end]
        if not self.is_near and is_in_data(text, start):
            return
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
    left, read, right = (LEFT_EDGE, LEFT_EDGE_READ, RIGHT_EDGE) if edges else (b"", b"", b"")
    if edges and _is_overlapping(body, raw["positive"]):
        left, read = OVERLAP_EDGE, OVERLAP_EDGE_READ
    near = [word.encode() for word in raw.get("near", ())]
    if near:
        rest = NAME_REST + ASSIGN + OPENING
        head, read = b"(?:" + b"|".join(near) + b")" + rest, b""
        names = _near_names(near)
        seen = names
        lead = b"(?=" + names + b")"
        pattern = names + rest + b"(?P<value>" + body + b")" + right
    else:
        head = b""
        seen = first_part(body)
        lead = left + b"(?=" + seen + b")"
        pattern = left + b"(?P<value>" + body + b")" + right
    return Rule(
        name=raw["id"],
        entity=raw["entity"],
        anchor=read + head + shortest(body),
        width=_width(head + shortest(body)),
        is_caseless=bool(near),
        lead=re.compile(lead),
        lead_bytes=_width(seen)[1],
        pattern=re.compile(pattern),
        value=re.compile(raw["value"].encode()) if "value" in raw else None,
        is_near=bool(near),
        proof=PROOFS.get(raw.get("check", "")),
        shape=SHAPES.get(raw.get("check", "")),
        score=raw.get("score", SCORE_NEAR if near else SCORE),
        positive=tuple(raw["positive"]),
        negative=tuple(raw["negative"]),
    )


DATA_BYTES = 64
_DATA = re.compile(rb"[A-Za-z0-9+/]{64}")


def is_in_data(text: bytes, start: int) -> bool:
    """Whether a line of base64 goes on here after `+` or `/`: what looks like a prefix there is met by chance."""
    return text[start - 1 : start] in {b"+", b"/"} and bool(
        _DATA.fullmatch(text, start - DATA_BYTES, start)
    )


OVERLAP_BYTES = 400
"""More than the shortest match of any rule that a prefix may fill (base64 of a PEM key needs 84)."""


def _is_overlapping(body: bytes, positive: Sequence[str]) -> bool:
    """Whether what examples begin with is a match of the pattern when it is repeated."""
    prefixes = (template.split("<", 1)[0].encode() for template in positive)
    anchor = re.compile(shortest(body))
    return any(
        prefix and anchor.match(prefix * (OVERLAP_BYTES // len(prefix) + 1)) for prefix in prefixes
    )


def _near_names(near: Sequence[bytes]) -> bytes:
    edged = [(rb"(?<![A-Za-z])" if len(word) <= SHORT_WORD else b"") + word for word in near]
    return b"(?i:" + b"|".join(edged) + b")"


def _width(pattern: bytes) -> tuple[int, int]:
    low, high = parser.parse(pattern.decode()).getwidth()
    return low, high


_PART = re.compile(rb"(\[(?:\\.|[^\]\\])+\]|\\.|[^(\[\\?{|+])(?:\{(\d+)(,\d*)?\}|(\?))?")


def first_part(pattern: bytes) -> bytes:
    """A prefix of a pattern's matches: its first letters and classes, repeats at their least count.

    It ends in a first group, of which it takes as much of each alternative, or before what may be left out.
    """
    if len(whole := _alternatives(pattern)) > 1:
        return b"(?:" + b"|".join(map(first_part, whole)) + b")"
    out, place = b"", 0
    while (part := _PART.match(pattern, place)) and not part[4] and part[2] != b"0":
        out += part[1] + (b"{" + part[2] + b"}" if part[2] else b"")
        place = part.end()
        if part[3]:
            return out
    if pattern.startswith(b"(?:", place):
        stop = next(end for end in _closings(pattern) if _group(pattern[: end + 1]) == place)
        if pattern[stop + 1 : stop + 2] not in {b"?", b"{"}:
            parts = map(first_part, _alternatives(pattern[place + len(b"(?:") : stop]))
            return out + b"(?:" + b"|".join(parts) + b")"
    return out


_OPTIONAL_END = re.compile(rb"=\{0,\d\}$|[^\])}]\?$|=\*$")
_RANGE_END = re.compile(rb"(?<!\\)\{(\d+),\d*\}$")


def shortest(pattern: bytes) -> bytes:
    """A pattern that ends a match wherever the given one does, at its shortest.

    What may be left out at the end goes, and a last `{m,n}` becomes `{m}`, in each alternative of a
    last group. Sound because a match then still begins with one of this: so the automaton reports a long
    credential once, not n - m times. A repeat inside stays as it is.
    """
    if _OPTIONAL_END.search(pattern):
        return shortest(_OPTIONAL_END.sub(b"", pattern))
    if pattern.endswith(b")?"):
        return shortest(pattern[: _group(pattern[:-1])])
    if (repeat := _RANGE_END.search(pattern)) and repeat[1] != b"0":
        return pattern[: repeat.start()] + b"{" + repeat[1] + b"}"
    if pattern.endswith(b")") and not pattern.endswith(b"\\)"):
        start = _group(pattern)
        inner = b"|".join(map(shortest, _alternatives(pattern[start + len(b"(?:") : -1])))
        return pattern[:start] + b"(?:" + inner + b")"
    return pattern


def _group(pattern: bytes) -> int:
    """Where the group begins that a pattern ends with."""
    opened: list[int] = []
    last = 0
    for place, is_open in _brackets(pattern):
        if is_open:
            opened.append(place)
        else:
            last = opened.pop()
    return last


def _closings(pattern: bytes) -> Iterator[int]:
    return (place for place, is_open in _brackets(pattern) if not is_open)


def _alternatives(pattern: bytes) -> list[bytes]:
    parts, depth, start = [], 0, 0
    for token in _TOKEN.finditer(pattern):
        depth += {b"(": 1, b")": -1}.get(token[0], 0)
        if token[0] == b"|" and depth == 0:
            parts.append(pattern[start : token.start()])
            start = token.end()
    return [*parts, pattern[start:]]


def _brackets(pattern: bytes) -> Iterator[tuple[int, bool]]:
    for token in _TOKEN.finditer(pattern):
        if token[0] in {b"(", b")"}:
            yield token.start(), token[0] == b"("


_TOKEN = re.compile(rb"\\.|\[(?:\\.|[^\]\\])+\]|.", re.DOTALL)
