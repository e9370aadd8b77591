"""Events of the opt-out log: values, their bytes, and which may follow which.

An event is one JSON object in RFC 8785 form with the members `details`, `event`, `format`,
`request`, `sequence` and `time`; `registry/schema/event.schema.json` has every field. The bytes of
that form are the leaf of the log's Merkle tree. Always holds: an event has no contact data and,
unless the requester asked to be listed, no selector: a commitment stands in its place.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Literal, Self

import rfc8785

from stackyard.errors import UsageError, VerificationError
from stackyard.optout.selector import Selector

EventKind = Literal[
    "submitted", "verified", "accepted", "rejected", "applied", "withdrawn", "expired"
]
State = EventKind

FORMAT = "stackyard-optout-event/1"
EVENT_BYTES_MAX = 16_384
"""Longest event that is read: a listed selector has at most 2,000 characters of up to 6 bytes."""

FOLLOWS: Mapping[str, frozenset[str]] = {
    "": frozenset({"submitted"}),
    "submitted": frozenset({"verified", "rejected", "withdrawn", "expired"}),
    "verified": frozenset({"accepted", "rejected", "withdrawn", "expired"}),
    "accepted": frozenset({"applied", "rejected", "withdrawn"}),
    "applied": frozenset({"applied", "rejected", "withdrawn"}),
    "rejected": frozenset(),
    "withdrawn": frozenset(),
    "expired": frozenset(),
}
"""What may come after a request's last event. What ended stays ended: whoever wants out again
submits anew, so an old proof of authority cannot be played again."""

EFFECTIVE = frozenset({"accepted", "applied"})
"""States in which a request removes files."""

NEEDS_SELECTOR = frozenset({"submitted", "verified", "accepted", "applied"})
"""States in which the private part must be there."""


@dataclass(frozen=True)
class Event:
    """One entry of the log."""

    sequence: int
    time: str
    request: str
    event: EventKind
    details: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        return rfc8785.dumps(
            {
                "details": dict(self.details),
                "event": self.event,
                "format": FORMAT,
                "request": self.request,
                "sequence": self.sequence,
                "time": self.time,
            }
        )

    @classmethod
    def from_bytes(cls, raw: bytes, where: str) -> Self:
        """Reads and checks one event.

        Raises:
            VerificationError: it is not in canonical form, or breaks the schema.
        """
        if len(raw) > EVENT_BYTES_MAX:
            raise VerificationError(
                f"{where} is longer than any event",
                expected=f"at most {EVENT_BYTES_MAX:,} bytes",
                found=f"{len(raw):,}",
            )
        try:
            values = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise VerificationError(f"{where} is not JSON") from error
        if not isinstance(values, dict):
            raise VerificationError(f"{where} is not a JSON object")
        check_schema(values, where)
        event = cls(
            values["sequence"],
            values["time"],
            values["request"],
            values["event"],
            values["details"],
        )
        if event.to_bytes() != raw:
            raise VerificationError(
                f"{where} is not in canonical form (RFC 8785)",
                next_step="restore registry/log from where it is published; events are never edited",
            )
        return event


def schema() -> dict[str, Any]:
    """JSON Schema of an event, as in registry/schema/event.schema.json."""
    text = (resources.files("stackyard.optout") / "schemas" / "event.schema.json").read_text(
        "utf-8"
    )
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@functools.cache
def _validators() -> dict[str, Any]:
    """A validator for each kind of event: the schema's branches, so that errors name the field.

    References are put in place beforehand: looking them up takes most of the time otherwise.
    """
    from jsonschema import Draft202012Validator

    parts = schema()["$defs"]
    return {name: Draft202012Validator(_resolved(parts[name], parts)) for name in FOLLOWS if name}


def _resolved(part: Any, parts: Mapping[str, Any]) -> Any:
    """A part of the schema without references; what stands beside one is a description."""
    if isinstance(part, dict):
        if "$ref" in part:
            return _resolved(parts[part["$ref"].rpartition("/")[2]], parts)
        return {key: _resolved(value, parts) for key, value in part.items()}
    return [_resolved(value, parts) for value in part] if isinstance(part, list) else part


def check_schema(values: Mapping[str, Any], where: str) -> None:
    """Checks an event's JSON against the schema of its kind.

    Raises:
        VerificationError: it breaks the schema; says which member, and never quotes its value.
    """
    kind = values.get("event")
    validator = _validators().get(kind) if isinstance(kind, str) else None
    if validator is None:
        raise VerificationError(f"{where} is no kind of event", expected=", ".join(_validators()))
    error = next(iter(validator.iter_errors(values)), None)
    if error is not None:
        member = "/".join(str(part) for part in error.absolute_path) or "the event"
        raise VerificationError(
            f"{where} breaks the schema of {kind} events at {member} ({error.validator})",
            next_step="restore registry/log from where it is published; events are never edited",
        )


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds: `2026-11-22T21:55:00Z`."""
    if moment.tzinfo is None:
        raise UsageError("an event's time needs a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def commitment(selector: Selector, salt: bytes) -> str:
    """Hex SHA-256 over `stackyard-optout-selector/1`, a newline, the 32-byte salt, and the JSON.

    The salt is random and the requester's receipt holds it, so the published log does not tell
    what was asked for, and whoever has the receipt can show it.
    """
    return _committed(b"stackyard-optout-selector/1\n", salt, selector.plain())


def reason_commitment(reason: str, salt: bytes) -> str:
    """As `commitment`, for a reason: `stackyard-optout-reason/1`, a newline, salt, JSON string."""
    return _committed(b"stackyard-optout-reason/1\n", salt, reason)


def _committed(label: bytes, salt: bytes, value: Any) -> str:
    if len(salt) != 32:  # noqa: PLR2004 - as long as the hash
        raise UsageError("a salt is 32 random bytes")
    return hashlib.sha256(label + salt + rfc8785.dumps(value)).hexdigest()


def request_id(committed: str) -> str:
    """`req-` and the first 16 hex digits of the commitment: the id binds what was asked."""
    return f"req-{committed[:16]}"
