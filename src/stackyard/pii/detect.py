"""The detector of this room: candidates by the automaton, findings by exact checks.

In: a batch (`record.BATCH`). Out: facts (`findings.FACTS`), never a secret. Always holds: findings
are those that the exact checks give without the automaton; work on one blob is bounded by a count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stackyard.detector import Detector, Scope
from stackyard.pii import (
    allow,
    assignments,
    blocks,
    calls,
    lexer,
    names,
    numbers,
    personal,
    phones,
    siblings,
    sieve,
    strength,
)
from stackyard.pii.assignments import Assigned
from stackyard.pii.automaton import CHUNK_BYTES, Automaton, TooMany
from stackyard.pii.escapes import between_escapes
from stackyard.pii.findings import ALLOWED_SCORE, FACTS, FACTS_KEY, LIMIT, Finding
from stackyard.pii.lines import CONTINUATION, CONTINUATION_MASK, Line, Lines
from stackyard.pii.params import OPT_IN, Detection, Params
from stackyard.pii.reference import PLUGINS, Plugin, analyze, plugin_work
from stackyard.pii.rules import Rule, rules
from stackyard.pii.second import SecondDetector
from stackyard.pii.tokens import TokenDetector

Check = Callable[[bytes, int], Iterator[Finding]]

CHECK_WORK = 512
"""Units of work of a check that reads a window around its candidate."""

_CHECKS: tuple[tuple[bytes, bool, Check], ...] = (
    (personal.EMAIL_ANCHOR, False, personal.email),
    (personal.AT_ANCHOR, True, personal.email_in_other_clothes),
    (personal.IPV4_ANCHOR, False, personal.ipv4),
    (personal.IPV6_ANCHOR, False, personal.ipv6),
    *((anchor, False, blocks.private_key) for anchor in blocks.ANCHORS),
    (assignments.URL_ANCHOR, False, assignments.url_password),
    (assignments.OPTION_ANCHOR, True, assignments.option),
    (assignments.USER_ANCHOR, False, assignments.user_option),
    (assignments.JWT_ANCHOR, False, assignments.jwt),
    *((anchor, True, siblings.pair) for anchor in siblings.PAIR_ANCHORS),
    (siblings.JWK_ANCHOR, False, siblings.jwk),
    (siblings.XML_KEY_ANCHOR, False, siblings.xml_key),
    (siblings.COMMAND_ANCHOR, False, siblings.command),
    (siblings.COOKIE_ANCHOR, True, siblings.cookies),
    (siblings.COOKIE_OPTION_ANCHOR, False, siblings.cookies),
    (siblings.JAR_ANCHOR, False, siblings.jar),
    (siblings.PIPED_ANCHOR, False, siblings.piped),
    *calls.CHECKS,
    *((anchor, False, numbers.card) for anchor in numbers.CARD_ANCHORS),
    (numbers.IBAN_ANCHOR, False, numbers.iban),
    (phones.PHONE_ANCHOR, True, phones.phone),
    (phones.PLUS_ANCHOR, False, phones.plus),
    *((anchor, False, phones.layout) for anchor in phones.LAYOUT_ANCHORS),
)

_OPT_IN_CHECKS: Mapping[str, tuple[tuple[bytes, bool, Check], ...]] = {
    "author_name": tuple((anchor, True, names.author) for anchor in names.AUTHOR_ANCHORS),
    "mac_address": ((numbers.MAC_ANCHOR, False, numbers.mac_address),),
    "national_id": tuple((a, False, numbers.national_id) for a in numbers.NATIONAL_ID_ANCHORS),
    "username": tuple((anchor, False, names.username) for anchor in names.USERNAME_ANCHORS),
}


WORDS = "words"
"""The target of words that `lexer` reads on from."""

Target = Plugin | Rule | Check | Literal["words"]

_SIEVES: Mapping[object, int] = {
    "entropy-base64": sieve.BASE64,
    "entropy-hex": sieve.HEX,
    "keyword": sieve.QUOTED_LINE,
    numbers.card: sieve.CARD,
}
"""What is asked of candidates before Python sees them, by check or by name of a plugin."""


class _Engine(NamedTuple):
    automaton: Automaton
    targets: tuple[Target, ...]
    sieves: npt.NDArray[np.int8]
    words: int


@cache
def _engine(opt_in: tuple[str, ...]) -> _Engine:
    patterns: list[tuple[bytes, bool]] = []
    targets: list[Target] = []
    for plugin in PLUGINS:
        patterns.extend(plugin.anchors)
        targets.extend([plugin] * len(plugin.anchors))
    for anchor, caseless, check in (
        *_CHECKS,
        *(c for name in opt_in for c in _OPT_IN_CHECKS[name]),
    ):
        patterns.append((anchor, caseless))
        targets.append(check)
    for rule in rules():
        patterns.append((rule.anchor, rule.is_caseless))
        targets.append(rule)
    patterns.append((assignments.WORD_ANCHOR, True))
    targets.append("words")
    sieves = [
        _SIEVES.get(getattr(target, "slug", target), sieve.ANY)
        if isinstance(target, Plugin) or callable(target)
        else sieve.ANY
        for target in targets
    ]
    return _Engine(Automaton(patterns), tuple(targets), np.array(sieves, np.int8), len(targets) - 1)


ENTITIES = frozenset(
    {
        "basic_auth", "card", "email", "iban", "ipv4", "ipv6", "jwt", "phone", "private_key",
        "secret_high_entropy", "secret_keyword", *OPT_IN,
    }
)  # fmt: skip
"""What findings of this room are called, beside the tokens of the provider rules and plugins."""


def entities() -> frozenset[str]:
    """Every entity that a detector of this room may name."""
    return ENTITIES | {rule.entity for rule in rules()} | {plugin.entity for plugin in PLUGINS}


class PiiDetector:
    """Personal data and secrets in a text, as span facts of its blob."""

    name = "pii"
    scope: Scope = "blob"
    modules: Sequence[str] = ("stackyard.pii",)
    distributions: Sequence[str] = ("detect-secrets", "hyperscan", "phonenumberslite")
    schema = FACTS

    def __init__(self, detection: Detection) -> None:
        self.params = detection

    def detect(self, batch: pa.Table) -> pa.Table:
        blob_ids = batch["blob_id"]
        return facts_table(
            (blob_ids[row].as_py(), text, findings)
            for row, text, findings in find_in_column(batch["text"], self.params)
        )


def facts_table(rows: Iterable[tuple[bytes, bytes, Sequence[Finding]]]) -> pa.Table:
    """Facts of (blob id, text, findings)."""
    columns: dict[str, list[Any]] = {field.name: [] for field in FACTS}
    for blob_id, text, findings in rows:
        for finding, (start_char, end_char) in zip(
            findings, _char_offsets(text, findings), strict=True
        ):
            values = (
                blob_id, finding.start, finding.end, start_char, end_char, finding.entity,
                finding.rule, finding.score, finding.validator, len(text),
            )  # fmt: skip
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
    return pa.table(columns, schema=FACTS).sort_by([(name, "ascending") for name in FACTS_KEY])


def detectors(params: Params) -> tuple[Detector, ...]:
    """The detectors whose facts `decide` reads."""
    return (PiiDetector(params.detection), SecondDetector(), TokenDetector())


def _char_offsets(text: bytes, findings: Sequence[Finding]) -> list[tuple[int, int]]:
    if text.isascii():
        return [(f.start, f.end) for f in findings]
    is_start = (np.frombuffer(text, np.uint8) & CONTINUATION_MASK) != CONTINUATION
    chars = np.concatenate(([0], np.cumsum(is_start)))
    return [(int(chars[f.start]), int(chars[f.end])) for f in findings]


def find_in_column(
    texts: pa.ChunkedArray | pa.Array, detection: Detection
) -> Iterator[tuple[int, bytes, list[Finding]]]:
    """Row number, text and findings of every row of a binary column that has any, in order."""
    column = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
    first = 0
    for chunk in column.cast(pa.large_binary()).chunks:
        for row, text, findings in _find_in_array(chunk, detection):
            yield first + row, text, findings
        first += len(chunk)


def _find_in_array(
    texts: pa.Array, detection: Detection
) -> Iterator[tuple[int, bytes, list[Finding]]]:
    if not len(texts):
        return
    _, offset_buffer, data = texts.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    valid = texts.is_valid().to_numpy(zero_copy_only=False)
    view = memoryview(data) if data is not None else memoryview(b"")
    row = 0
    while row < len(texts):
        last = int(np.searchsorted(offsets, offsets[row] + CHUNK_BYTES, side="right")) - 1
        last = min(max(last, row + 1), len(texts))
        yield from _find_in_rows(view, offsets, valid, (row, last), detection)
        row = last


def _find_in_rows(
    view: memoryview,
    offsets: npt.NDArray[np.int64],
    valid: npt.NDArray[np.bool_],
    cut: tuple[int, int],
    detection: Detection,
) -> Iterator[tuple[int, bytes, list[Finding]]]:
    first, last = cut
    engine = _engine(detection.opt_in)
    base, shifts = int(offsets[first]), np.arange(1, last - first + 2)
    starts = offsets[first : last + 1] - base + shifts
    chunk = _apart(view[base : int(offsets[last])], starts)
    try:
        patterns, ends = engine.automaton.scan(chunk)
    except TooMany:
        if last - first == 1:
            text = bytes(view[base : int(offsets[last])])
            yield first, text, [Finding(0, 0, LIMIT, "candidates", 1.0)]
            return
        middle = (first + last) // 2
        yield from _find_in_rows(view, offsets, valid, (first, middle), detection)
        yield from _find_in_rows(view, offsets, valid, (middle, last), detection)
        return
    survivors = _narrow(chunk, starts, patterns, ends, engine)
    del chunk  # a text may be as large
    for row, candidates, assigned in survivors.by_row():
        if valid[first + row]:
            text = bytes(view[int(offsets[first + row]) : int(offsets[first + row + 1])])
            findings = inspect(text, candidates, assigned, engine.targets, detection)
            if findings:
                yield first + row, text, findings


class Survivors(NamedTuple):
    """What Python has to look at in a chunk, sorted by row: offsets are into the row's text."""

    rows: npt.NDArray[np.int64]
    patterns: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    assigned_rows: npt.NDArray[np.int64]
    assigned: npt.NDArray[np.int64]

    def by_row(self) -> Iterator[tuple[int, list[tuple[int, int]], list[Assigned]]]:
        """Candidates (pattern, end) and assignments of each row that has any."""
        for row in np.union1d(self.rows, self.assigned_rows):
            a, b = np.searchsorted(self.rows, [row, row + 1])
            c, d = np.searchsorted(self.assigned_rows, [row, row + 1])
            candidates = zip(self.patterns[a:b].tolist(), self.ends[a:b].tolist(), strict=True)
            yield (
                int(row),
                list(candidates),
                [Assigned(*each) for each in self.assigned[c:d].tolist()],
            )


def _narrow(
    chunk: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    patterns: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    engine: _Engine,
) -> Survivors:
    """What is left of candidates after the sieves, and the assignments that words lead to.

    `starts` are the offsets of the chunk's texts, and one past the line end after the last.
    """
    rows = np.searchsorted(starts, ends, side="left") - 1
    is_inside = (rows >= 0) & (rows < len(starts) - 1)
    rows, patterns, ends = rows[is_inside], patterns[is_inside], ends[is_inside]
    bounds = np.stack([starts[rows], starts[rows + 1] - 1], axis=1)
    is_word = patterns == engine.words
    read = lexer.assignments(chunk, ends[is_word], bounds[is_word])
    own = np.searchsorted(starts, read[:, 0], side="right") - 1
    read[:, :4] -= starts[own, None]
    kept = ~is_word & (ends <= bounds[:, 1])
    kept[kept] = sieve.passes(chunk, engine.sieves[patterns[kept]], ends[kept], bounds[kept])
    return Survivors(rows[kept], patterns[kept], (ends - starts[rows])[kept], own, read)


def _apart(texts: memoryview, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Texts laid end to end, with a line end before each and after the last: each begins at an edge."""
    out = np.full(int(starts[-1]), ord("\n"), np.uint8)
    _lay(np.frombuffer(texts, np.uint8), starts, out)
    return out


@numba.njit(cache=True)
def _lay(
    texts: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], out: npt.NDArray[np.uint8]
) -> None:
    for row in range(len(starts) - 1):
        start, length = starts[row], starts[row + 1] - starts[row] - 1
        out[start : start + length] = texts[start - row - 1 : start - row - 1 + length]


def inspect(
    text: bytes,
    candidates: Iterable[tuple[int, int]],
    assigned: Iterable[Assigned],
    targets: Sequence[Target],
    detection: Detection,
) -> list[Finding]:
    """Findings of one text, sorted, from its candidates; what met a limit ends with its row."""
    found: set[Finding] = set()
    seen: set[tuple[str, int, int]] = set()
    ends_of: dict[Rule, list[int]] = {}
    lines = Lines(text)
    work = 0
    more_work: Mapping[Check, int] = {
        blocks.private_key: min(len(text), blocks.BLOCK_BYTES_MAX),
        siblings.cookies: siblings.COOKIES_BYTES,
        siblings.jwk: 2 * siblings.JWK_BYTES,
        siblings.xml_key: siblings.JWK_BYTES,
        phones.phone: phones.PHONE_WORK,
        phones.plus: phones.PHONE_WORK,
        phones.layout: phones.PHONE_WORK,
    }
    for pattern, end in candidates:
        target = targets[pattern]
        if isinstance(target, str):
            continue
        if isinstance(target, Rule):
            work += CHECK_WORK
            ends_of.setdefault(target, []).append(end)
            findings: Iterable[Finding] = ()
        elif isinstance(target, Plugin):
            line = lines.around(end - 1)
            if (target.slug, line.start, line.stop) in seen:
                continue
            seen.add((target.slug, line.start, line.stop))
            work += plugin_work(target, text[line.start : line.stop])
            findings = _from_plugin(target, text, line)
        else:
            work += more_work.get(target, CHECK_WORK)
            findings = target(text, end)
        found.update(_whole(text, findings))
        if work > detection.work_max or len(found) > detection.findings_max:
            rule = "work" if work > detection.work_max else "findings"
            found.add(Finding(0, 0, LIMIT, rule, 1.0))
            break
    for each in assigned:
        found.update(_whole(text, assignments.assignment(text, each)))
    for provider, ends in ends_of.items():
        found.update(_whole(text, provider.find(text, ends)))
    return sorted(found)


def _whole(text: bytes, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Findings that lie in no placeholder, cut to whole escapes."""
    for finding in findings:
        if not allow.is_in_placeholder(text, finding.start, finding.end):
            start, end = between_escapes(text, finding.start, finding.end)
            if start < end:
                yield finding._replace(start=start, end=end)


def _from_plugin(plugin: Plugin, text: bytes, line: Line) -> Iterator[Finding]:
    for span in analyze(plugin, line.text):
        low, high = _byte_span(line.text, span.start, span.end)
        start, end = line.start + low, line.start + high
        rule = f"detect-secrets/{plugin.slug}"
        name = allow.first_that_holds(allow.SECRET, text, start, end)
        if plugin.slug == "aws" and _is_inside(text, start, end):
            name = "inside"
        score = ALLOWED_SCORE if name else _score(plugin, span.secret)
        yield Finding(start, end, plugin.entity, rule, score)


def _is_inside(text: bytes, start: int, end: int) -> bool:
    """Whether letters or digits go on at either end: a key stands alone."""
    return text[max(0, start - 1) : start].isalnum() or text[end : end + 1].isalnum()


def _byte_span(line: str, start: int, end: int) -> tuple[int, int]:
    if line.isascii():
        return start, end
    low = len(line[:start].encode())
    return low, low + len(line[start:end].encode())


def _score(plugin: Plugin, secret: str) -> float:
    # `assignments` reads the whole name, which the plugins do not: theirs is the second voice.
    if plugin.slug in {"keyword", "basic-auth"}:
        return plugin.score
    if (
        plugin.entity.startswith("token_")
        and not plugin.is_whole
        and not strength.is_plausible(secret)
    ):
        return min(plugin.score, 0.3)
    return plugin.score
