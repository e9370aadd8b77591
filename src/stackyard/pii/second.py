"""The second scanner: kingfisher-secret-scanner, which shares no rule, code or author with this room.

In: texts. Out: facts (`SECOND`), and findings for those who hold the text; never a value, only its
SHA-256. What it alone finds is decided like all else (`pii.second_scanner`), so that the release
gate, which asks it again, finds nothing.

Always holds: what is said of a text depends on its bytes alone. The scanner is asked a text at a
time, without a file name, a time limit, a memory of earlier findings, comments that switch it off,
or a cache on disk.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from kingfisher_sdk import Rules, Scanner

from stackyard.detector import Scope
from stackyard.pii import allow
from stackyard.pii.escapes import between_escapes
from stackyard.record import BLOB_ID

NAME = "second-scanner"
"""Names its facts, and the rule of files that are dropped for what it found."""

SECOND = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("start_byte", pa.int64(), nullable=False),
        pa.field("end_byte", pa.int64(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("value_sha256", pa.string(), nullable=False),
        pa.field("text_bytes", pa.int64(), nullable=False),
    ]
)
"""Sorted by (blob_id, start_byte, end_byte, rule). Offsets are into the UTF-8 text. `rule` is the
scanner's own name of it; `value_sha256` is over the bytes of the span, in hex, as an entry of
registry/pii-allow.yaml has it. Findings that an allow rule of this room answers are not facts."""

ENTITY_PREFIX = "second_"
"""What entities of the second scanner begin with; the rest is its rule."""

CONFIDENCE: Literal["medium"] = "medium"
"""The scanner's own default: 488 rules. Its further ones are patterns that it calls unsure itself."""


class SecondFinding(NamedTuple):
    """What the second scanner found in a text; the value itself is nowhere but in the text."""

    start_byte: int
    end_byte: int
    rule: str
    value_sha256: str

    @classmethod
    def of(cls, fact: Mapping[str, Any]) -> SecondFinding:
        """The finding that a row of `SECOND` is."""
        return cls(*(fact[name] for name in cls._fields))


def second_scanner() -> str:
    """Name and version of the second scanner, for the report."""
    return f"kingfisher-secret-scanner {metadata.version('kingfisher-secret-scanner')}"


def entity_of(rule: str) -> str:
    """What a span by a rule is called: `second_` and the rule without who wrote it.

    >>> entity_of("betterleaks.curl-auth-user")
    'second_curl_auth_user'
    """
    return ENTITY_PREFIX + re.sub(r"[^a-z0-9]+", "_", re.split("[./]", rule, maxsplit=1)[1])


_SECRET_LABEL = re.compile(rb"BASIC_AUTH|JWT|PRIVATE_KEY|(?:SECRET|TOKEN|SECOND)_[A-Z0-9_]+")
"""Placeholders of credentials: a finding around one has lost what made it a finding."""


def second_findings(text: bytes) -> list[SecondFinding]:
    """What the second scanner finds in a text and no allow rule of this room answers, sorted.

    Those rules know placeholders, templates and dummies. A value in base64 is the whole run that
    holds it; a span ends between escapes, as all spans do.
    """
    # A text with many NULs would be read as UTF-16, and offsets would be into another text.
    found = _scanner().scan(text.replace(b"\0", b" "))
    places = ((each.location, each.rule_id) for each in found if each.visible)
    spans = {
        (*between_escapes(text, place["start_offset"], place["end_offset"]), rule)
        for place, rule in places
    }
    return [
        SecondFinding(start, end, rule, hashlib.sha256(text[start:end]).hexdigest())
        for start, end, rule in sorted(spans)
        if start < end and not _is_answered(text, start, end)
    ]


def _is_answered(text: bytes, start: int, end: int) -> bool:
    """Whether a finding is a placeholder, is a URI or a line that lost its secret to one, or a dummy."""
    if allow.is_in_placeholder(text, start, end):
        return True
    if any(_SECRET_LABEL.fullmatch(m[1]) for m in allow.PLACEHOLDER.finditer(text, start, end)):
        return True
    value = allow.PLACEHOLDER.sub(b"", text[start:end])
    return allow.first_that_holds(allow.SECRET, value, 0, len(value)) is not None


@cache
def _scanner() -> Scanner:
    # Compiling takes 3.6 s of processor time in each process, loading 0.3. The library keeps compiled
    # rules in the user's cache, as numba does beside our modules: by its version and the rules, in a
    # folder that is the user's alone, and compiles again what is damaged or of another version.
    return Scanner(Rules(confidence=CONFIDENCE), redact=False)


class SecondDetector:
    """The second scanner as one more detector."""

    name = NAME
    scope: Scope = "blob"
    modules: Sequence[str] = ("stackyard.pii",)
    distributions: Sequence[str] = ("kingfisher-secret-scanner",)
    params: Any = CONFIDENCE
    schema = SECOND

    def detect(self, batch: pa.Table) -> pa.Table:
        rows = [
            (blob_id, *finding, len(text))
            for blob_id, text in _texts(batch)
            for finding in second_findings(text)
        ]
        columns = zip(*rows, strict=True) if rows else ([] for _ in SECOND)
        table = pa.table(
            {field.name: list(values) for field, values in zip(SECOND, columns, strict=True)},
            schema=SECOND,
        )
        return table.sort_by([(name, "ascending") for name in SECOND.names[:4]])


def _texts(batch: pa.Table) -> Iterator[tuple[bytes, bytes]]:
    for rows in batch.select(["blob_id", "text"]).to_batches():
        for blob_id, text in zip(*rows.columns, strict=True):
            if text.is_valid:
                yield blob_id.as_py(), text.as_py()
