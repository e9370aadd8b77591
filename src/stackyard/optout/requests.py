"""What people do with requests, as values in and events out; storing them is `store.registry`.

Times, salts and sequence numbers come in. Always holds: an event that these functions return may
follow the request's last event, or they raise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from stackyard.errors import UsageError, VerificationError
from stackyard.optout import events as ev
from stackyard.optout.events import Event, EventKind
from stackyard.optout.registry import Copies, Request, Status, follow
from stackyard.optout.selector import Selector

Method = Literal["challenge", "commit", "dns", "forge", "manual"]
Ending = Literal["rejected", "withdrawn", "expired"]
By = Literal["operator", "policy", "requester"]

REASON_MAX = 2_000
"""Characters of an operator's reason: a paragraph."""

CONTACT_MAX = 320
"""Characters of an e-mail address: 64 + 1 + 255 (RFC 3696, erratum 1690, allows fewer)."""


@dataclass(frozen=True)
class Reason:
    """A written reason and the salt of its commitment; both stay private."""

    text: str
    salt: bytes

    def __post_init__(self) -> None:
        if not self.text.strip() or len(self.text) > REASON_MAX:
            raise UsageError(
                "a decision by hand needs its reason",
                expected=f"1 to {REASON_MAX:,} characters",
                next_step="write it with --reason: it is kept, and anybody may ask for it",
            )

    @property
    def commitment(self) -> str:
        return ev.reason_commitment(self.text, self.salt)


def submit(
    selector: Selector,
    *,
    sequence: int,
    time: datetime,
    salt: bytes,
    contact: str | None,
    copies: Copies = "none",
    past: bool = False,
    forks: bool = False,
    listed: bool = False,
) -> tuple[Event, Request]:
    """The `submitted` event of a new request and its private part. It removes nothing yet.

    `contact` is None only where a batch says none: the operator knows whom to ask.

    Raises:
        UsageError: the contact is no address, forks are asked for of what is no account, or an
            author is to be listed.
    """
    check_options(selector, forks=forks, listed=listed)
    committed = ev.commitment(selector, salt)
    details: dict[str, Any] = {
        "commitment": committed,
        "copies": copies,
        "past": past,
        "scope": selector.kind,
    }
    if listed:
        details["listed"] = {"salt": salt.hex(), "selector": selector.plain()}
    if forks:
        details["forks"] = True
    request = Request(
        ev.request_id(committed), selector, copies, past, salt, _contact(contact), forks
    )
    return Event(sequence, ev.timestamp(time), request.request, "submitted", details), request


def check_options(selector: Selector, *, forks: bool, listed: bool) -> None:
    """Checks that options go with what is named.

    Raises:
        UsageError: forks are asked for of what is no account, or an author is to be listed.
    """
    if forks and selector.kind != "owner":
        raise UsageError(
            "forks are asked for together with an account",
            expected="--owner NAME --forks",
            found=f"a request for a {selector.kind}",
            next_step="leave --forks out; for copies of a file, wherever they are, use --copies",
        )
    if listed and selector.kind == "author":
        raise UsageError(
            "an address is never published",
            next_step="leave --listed out: the log then holds a commitment, which only you can open",
        )


def _contact(text: str | None) -> str:
    return "" if text is None else check_contact(text)


def check_contact(text: str) -> str:
    """An address to reach a requester at, without space around it.

    Raises:
        UsageError: it is none.
    """
    contact = text.strip()
    local, at, domain = contact.rpartition("@")
    if (
        not (local and at and "." in domain.strip("."))
        or len(contact) > CONTACT_MAX
        or any(c.isspace() or not c.isprintable() for c in contact)
    ):
        raise UsageError(
            "the contact is no e-mail address",
            expected="NAME@DOMAIN",
            next_step="give one with --contact; it is kept private and can be erased",
        )
    return contact


def verified(
    status: Status,
    method: Method,
    evidence: Reason,
    preview: str | None,
    *,
    sequence: int,
    time: datetime,
) -> list[Event]:
    """The events that authority was shown and the request is in force from now on.

    Args:
        status: where the request stands.
        method: how authority was shown.
        evidence: what was seen, or why an operator decided so.
        preview: hex digest of the preview that the requester confirmed; only a decision by hand
            goes without.
        sequence: of the first of the two events.
        time: now.

    Raises:
        UsageError: the preview was not confirmed.
        VerificationError: the request has gone beyond this, or has ended.
    """
    if preview is None and method != "manual":
        raise UsageError(
            f"request {status.submitted.request} was not confirmed",
            next_step="see what it removes with `stackyard optout preview`, then add --confirm "
            "with the digest that it prints",
        )
    first = _next(
        status, "verified", {"method": method, "evidence": evidence.commitment}, sequence, time
    )
    return [
        first,
        _next(follow(status, first), "accepted", {"preview": preview}, sequence + 1, time),
    ]


def ended(
    status: Status, how: Ending, by: By, reason: Reason | None, *, sequence: int, time: datetime
) -> Event:
    """The event that ends a request: nothing is removed for it from the next release on.

    Raises:
        UsageError: a rejection without a reason.
        VerificationError: the request has ended already.
    """
    if how == "rejected" and reason is None:
        raise UsageError("a rejection needs its reason", next_step="write it with --reason")
    details: dict[str, Any] = {"by": by}
    if reason is not None:
        details["reason"] = reason.commitment
    return _next(status, how, details, sequence, time)


def applied(
    statuses: Mapping[str, Status],
    statements: Mapping[str, str],
    version: str,
    *,
    sequence: int,
    time: datetime,
) -> list[Event]:
    """One `applied` event for each request, sorted by id.

    Args:
        statuses: where all requests stand.
        statements: request id -> hex SHA-256 of its receipt's statement.
        version: the release without what they name.
        sequence: of the first event.
        time: now.
    """
    return [
        _next(
            statuses[name],
            "applied",
            {"statement": statements[name], "version": version},
            sequence + offset,
            time,
        )
        for offset, name in enumerate(sorted(statements))
    ]


def _next(
    status: Status, kind: EventKind, details: Mapping[str, Any], sequence: int, time: datetime
) -> Event:
    event = Event(sequence, ev.timestamp(time), status.submitted.request, kind, details)
    follow(status, event)
    return event


def find(statuses: Mapping[str, Status], name: str) -> Status:
    """Status of a request by its id.

    Raises:
        VerificationError: the log has no such request.
    """
    status = statuses.get(name)
    if status is None:
        raise VerificationError(
            f"the registry has no request {name[:40]!r}",
            expected="an id as `stackyard optout status` prints them",
        )
    return status
