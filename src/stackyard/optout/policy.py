"""The registry's policy: which evidence is enough for which scope, and how long things may take.

In: `registry/policy.json`, which people review. Out: a `Policy`; every member must be there, and an
unknown one is refused.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from typing import Any, Literal

from stackyard.errors import UsageError
from stackyard.optout.events import parse_timestamp
from stackyard.optout.registry import Status
from stackyard.params import build

Evidence = Literal["challenge", "commit", "dns", "forge", "manual"]
OldVersions = Literal["keep", "yank", "purge"]


@dataclass(frozen=True)
class Methods:
    """Which methods show authority over which scope; `manual` is an operator's written reason."""

    repo: tuple[Evidence, ...]
    owner: tuple[Evidence, ...]
    path: tuple[Evidence, ...]
    blob: tuple[Evidence, ...]
    author: tuple[Evidence, ...]


@dataclass(frozen=True)
class ServiceLevels:
    """Hours that a request may stay in a state before it is late (and, unanswered, expires)."""

    submitted_hours: int
    accepted_hours: int
    expires_hours: int


@dataclass(frozen=True)
class Policy:
    """All of policy.json.

    Attributes:
        methods: accepted evidence, by scope.
        service_levels: clocks.
        challenge_hours: how long a nonce is good.
        evidence_networks: networks that evidence may be fetched from though they are not public, as
            `10.1.0.0/16`.
        old_versions: what happens to releases already made when a request asks for them (`--past`).
    """

    methods: Methods
    service_levels: ServiceLevels
    challenge_hours: int
    evidence_networks: tuple[str, ...]
    old_versions: OldVersions


def default_text() -> str:
    """The policy that a new project gets."""
    return (resources.files("stackyard.optout") / "policy.json").read_text("utf-8")


def load(text: str) -> Policy:
    """Reads a policy.

    Raises:
        UsageError: it is not JSON, or has an unknown or missing member, or a wrong value.
    """
    try:
        values = json.loads(text)
        policy = build(Policy, values, "policy")
        for network in policy.evidence_networks:
            ipaddress.ip_network(network)
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError("registry/policy.json cannot be read", found=str(error)[:120]) from error
    levels = policy.service_levels
    if (
        min(
            levels.submitted_hours,
            levels.accepted_hours,
            levels.expires_hours,
            policy.challenge_hours,
        )
        < 1
    ):
        raise UsageError("registry/policy.json has a clock of less than an hour")
    return policy


def require_method(policy: Policy, scope: str, method: str) -> None:
    """Refuses evidence that the policy does not take for this scope.

    Raises:
        UsageError: it does not.
    """
    allowed: tuple[str, ...] = getattr(policy.methods, scope)
    if method not in allowed:
        raise UsageError(
            f"{method} does not show authority over a {scope}",
            expected=f"one of {', '.join(allowed)} (registry/policy.json)",
        )


@dataclass(frozen=True)
class Clock:
    """How a request stands against its service level.

    Attributes:
        age_hours: since it was submitted.
        due: when its present state must have ended; empty if nothing is owed.
        late: whether that has passed.
        next_step: what is to be done, and by whom.
    """

    age_hours: int
    due: str
    late: bool
    next_step: str


_STEPS: Mapping[str, str] = {
    "submitted": "requester: preview it and show authority (stackyard optout verify)",
    "verified": "operator: accept or reject it",
    "accepted": "operator: stackyard takedown",
    "applied": "none",
    "rejected": "none; the requester may appeal (docs/governance.md)",
    "withdrawn": "none",
    "expired": "none; the requester may submit again",
}


def clock(status: Status, policy: Policy, now: datetime) -> Clock:
    """The clock of a request, from its events and the time that comes in."""
    hours: dict[str, Any] = {
        "submitted": policy.service_levels.submitted_hours,
        "verified": policy.service_levels.submitted_hours,
        "accepted": policy.service_levels.accepted_hours,
    }
    age = now - parse_timestamp(status.submitted.time)
    due = None
    if status.state in hours:
        due = parse_timestamp(status.last.time) + timedelta(hours=hours[status.state])
    return Clock(
        max(int(age.total_seconds()) // 3600, 0),
        "" if due is None else due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        due is not None and now > due,
        _STEPS[status.state],
    )


def expired(statuses: Mapping[str, Status], policy: Policy, now: datetime) -> list[str]:
    """Ids of requests that nobody showed authority for in time, sorted."""
    limit = timedelta(hours=policy.service_levels.expires_hours)
    return sorted(
        name
        for name, status in statuses.items()
        if status.state == "submitted" and now - parse_timestamp(status.submitted.time) > limit
    )
