"""The verified log with its private part: what matching, takedown and receipts read.

In: the log's bytes, its signed checkpoint, the public key and the private requests. Out: a
`Registry` that has passed every check of `read`, or an error: there is no half-read registry.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from stackyard.errors import VerificationError
from stackyard.optout import events as ev
from stackyard.optout import note as notes
from stackyard.optout.events import Event, State
from stackyard.optout.merkle import Tree
from stackyard.optout.selector import Selector, from_plain

Copies = Literal["none", "exact", "near"]


@dataclass(frozen=True)
class Request:
    """The private part of a request; its repr shows neither contact nor salt.

    Attributes:
        request: its id.
        selector: what it names.
        copies: whether exact or near copies elsewhere go too.
        past: whether releases already made are asked for too.
        forks: whether forks of what an account has go too, whoever has them.
        salt: the 32 bytes of its commitment; the receipt holds them.
        contact: where to reach the requester; empty once erased.
    """

    request: str
    selector: Selector
    copies: Copies
    past: bool
    salt: bytes = field(repr=False)
    contact: str = field(default="", repr=False)
    forks: bool = False


@dataclass(frozen=True)
class Status:
    """Where a request stands, as the public log says it.

    Attributes:
        state: kind of its last event.
        submitted: its first event.
        last: its last event.
        versions: releases that it was applied in, in the log's order.
        verified: sequence of the event that showed authority, if any.
    """

    state: State
    submitted: Event
    last: Event
    versions: tuple[str, ...] = ()
    verified: int | None = None

    @property
    def effective(self) -> bool:
        return self.state in ev.EFFECTIVE


@dataclass(frozen=True)
class Checkpoint:
    """What a manifest says of the log: size, hex Merkle root (RFC 9162), and the signed note."""

    size: int
    root: str
    note: str


@dataclass(frozen=True)
class Registry:
    """A log that was verified whole.

    `requests` has the private part of every request whose state needs it; it is None where only
    the public part was read, and then nothing can be matched.
    """

    events: tuple[Event, ...]
    tree: Tree = field(repr=False, compare=False)
    key: notes.VerifierKey
    note: str
    requests: Mapping[str, Request] | None = field(repr=False)

    @functools.cached_property
    def statuses(self) -> Mapping[str, Status]:
        """Status of each request, in the order of submission."""
        return fold(self.events)

    def effective(self) -> tuple[Request, ...]:
        """Requests that remove files now, sorted by id.

        Raises:
            VerificationError: only the public part of the registry was read.
        """
        ids = sorted(name for name, status in self.statuses.items() if status.effective)
        if self.requests is None:
            if not ids:
                return ()
            raise VerificationError(
                f"{len(ids)} opt-outs are in force, but their private part is not here",
                next_step="build where the operator's private part is, or restore it from its backup",
            )
        return tuple(self.requests[name] for name in ids)


def fold(log: Iterable[Event]) -> dict[str, Status]:
    """Status of each request after these events.

    Raises:
        VerificationError: an event may not follow the one before it of the same request.
    """
    statuses: dict[str, Status] = {}
    for event in log:
        statuses[event.request] = follow(statuses.get(event.request), event)
    return statuses


def follow(status: Status | None, event: Event) -> Status:
    """Status of a request after one more event.

    Raises:
        VerificationError: the event may not follow.
    """
    state = status.state if status else ""
    if event.event not in ev.FOLLOWS[state]:
        raise VerificationError(
            f"request {event.request} cannot be {event.event} (event {event.sequence})",
            expected=", ".join(sorted(ev.FOLLOWS[state])) or "nothing more: it has ended",
            found=event.event,
            next_step="submit a new request" if status else "check the request's id",
        )
    if status is None:
        if ev.request_id(event.details["commitment"]) != event.request:
            raise VerificationError(
                f"event {event.sequence} has an id that its commitment does not give",
                found=event.request,
            )
        return Status(event.event, event, event)
    versions = status.versions
    if event.event == "applied":
        versions = (*versions, event.details["version"])
    verified = event.sequence if event.event == "verified" else status.verified
    return Status(event.event, status.submitted, event, versions, verified)


def read(
    entries: Sequence[bytes],
    note: str,
    key: notes.VerifierKey,
    requests: Mapping[str, Request] | None,
) -> Registry:
    """A registry from its bytes, verified whole.

    1. The checkpoint is signed by the registry's key and is of this log.
    2. There are as many events as it says.
    3. Each event is canonical, keeps the schema, and stands at its own sequence number.
    4. Each may follow the one before it of its request, and ids come from commitments.
    5. The Merkle root is the checkpoint's.
    6. Every request in force or in hand has its private part, and that opens its commitment.

    It leaves to its caller that this checkpoint extends the one seen before (`extends`).

    Raises:
        VerificationError: one of these does not hold.
    """
    checkpoint = notes.open_note(note, key)  # (1)
    if len(entries) != checkpoint.size:  # (2)
        raise VerificationError(
            "the registry's log does not have the length that its checkpoint says",
            expected=f"{checkpoint.size} events",
            found=f"{len(entries)}",
            next_step="restore registry/ from where it is published",
        )
    log = []
    for index, raw in enumerate(entries):  # (3)
        event = Event.from_bytes(raw, f"registry/log/{index:08d}.json")
        if event.sequence != index:
            raise VerificationError(
                f"registry/log/{index:08d}.json is not the event of its name",
                expected=str(index),
                found=str(event.sequence),
            )
        log.append(event)
    statuses = fold(log)  # (4)
    tree = Tree(entries)
    if tree.root() != checkpoint.root:  # (5)
        raise VerificationError(
            "the registry's log is not what its checkpoint was signed for: it was rewritten",
            expected=checkpoint.root.hex(),
            found=tree.root().hex(),
            next_step="restore registry/ from where it is published",
        )
    if requests is not None:  # (6)
        _check_private(statuses, requests)
    registry = Registry(tuple(log), tree, key, note, requests)
    registry.__dict__["statuses"] = statuses
    return registry


def _check_private(statuses: Mapping[str, Status], requests: Mapping[str, Request]) -> None:
    for name, status in statuses.items():
        if status.state not in ev.NEEDS_SELECTOR:
            continue
        request = requests.get(name)
        if request is None:
            raise VerificationError(
                f"the private part of request {name} ({status.state}) is missing",
                next_step="restore .stackyard/private from its backup; without it the opt-out "
                "cannot be honoured, so nothing is built",
            )
        check_opening(status, request)


def check_opening(status: Status, request: Request) -> None:
    """Checks that a private part is what the log's commitment was made for.

    Raises:
        VerificationError: it is not.
    """
    details = status.submitted.details
    public = {
        "commitment": ev.commitment(request.selector, request.salt),
        "scope": request.selector.kind,
        "copies": request.copies,
        "past": request.past,
        "forks": request.forks,
    }
    if any({"forks": False, **details}[name] != value for name, value in public.items()):
        raise VerificationError(
            f"the private part of request {request.request} is not what was committed to",
            next_step="restore .stackyard/private from its backup",
        )


def listed_requests(log: Iterable[Event]) -> dict[str, Request]:
    """Requests whose requesters asked to be listed: their selectors are in the log itself."""
    found = {}
    for event in log:
        listed = event.details.get("listed") if event.event == "submitted" else None
        if listed:
            found[event.request] = Request(
                event.request,
                from_plain(listed["selector"]),
                event.details["copies"],
                event.details["past"],
                bytes.fromhex(listed["salt"]),
                forks=event.details.get("forks", False),
            )
    return found


def checkpoint(log: Registry) -> Checkpoint:
    """What the manifest of a release says of the log that it was built with."""
    return Checkpoint(len(log.events), log.tree.root().hex(), log.note)


def extends(log: Registry, older_note: str) -> None:
    """Checks that the log still holds everything that an older checkpoint of it held.

    Raises:
        VerificationError: the older checkpoint is no prefix of this log: a fork or a rollback.
    """
    older = notes.open_note(older_note, log.key)
    extends_root(log, older.size, older.root)


def extends_root(log: Registry, size: int, root: bytes) -> None:
    """As `extends`, for a size and root that are known to be of an older state of this log."""
    if size > len(log.events) or log.tree.root(size) != root:
        raise VerificationError(
            "the registry's log does not extend the checkpoint that was seen before: "
            "it was rolled back or forked",
            expected=f"root {root.hex()} over the first {size} events",
            found=(
                f"only {len(log.events)} events"
                if size > len(log.events)
                else f"root {log.tree.root(size).hex()}"
            ),
            next_step="keep both checkpoints: together they prove it; ask the registry's operator",
        )


def pending(log: Registry) -> tuple[Request, ...]:
    """Requests that were accepted and are in no release yet, sorted by id."""
    return tuple(r for r in log.effective() if log.statuses[r.request].state == "accepted")
