"""Service levels of opt-outs: how old each open request is, what is late, and what is to be done next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from stackyard.optout.policy import clock
from stackyard.params import plain
from stackyard.pipeline.project import Project
from stackyard.store.registry import open_policy, open_registry


@dataclass(frozen=True, order=True)
class Open:
    """A request of which something is owed, by when that is due.

    Attributes:
        due: when its present state must have ended (RFC 3339).
        request: its id.
        state: `submitted`, `verified` or `accepted`.
        scope: what kind of thing it names; what it names is private.
        age_hours: since it was submitted.
        late: whether that has passed.
        next_step: what is to be done, and by whom.
    """

    due: str
    request: str
    state: str
    scope: str
    age_hours: int
    late: bool
    next_step: str


@dataclass(frozen=True)
class ServiceLevels:
    """All open requests of a project, those that are due first at the top."""

    dataset: str
    open: tuple[Open, ...]

    @property
    def late(self) -> tuple[Open, ...]:
        return tuple(each for each in self.open if each.late)

    def late_by_state(self) -> Mapping[str, tuple[Open, ...]]:
        """State -> the late requests in it."""
        found = sorted(self.late, key=lambda each: each.state)
        return {state: tuple(group) for state, group in groupby(found, lambda each: each.state)}

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {**plain(self), "late": len(self.late)}

    def text(self) -> str:
        """For a terminal."""
        lines = [f"{self.dataset}: {len(self.open)} open requests, {len(self.late)} late"]
        lines += [
            f"  {each.request}  {each.scope:5}  {each.state}  {each.age_hours} h old, due {each.due}"
            f"{'  LATE' if each.late else ''}  next: {each.next_step}"
            for each in self.open
        ]
        return "\n".join(lines)

    def markdown(self) -> str:
        """For a Prefect artifact."""
        head = [
            "| request | scope | state | age (h) | due | late | next |",
            "|---|---|---|---|---|---|---|",
        ]
        rows = [
            f"| `{each.request}` | {each.scope} | {each.state} | {each.age_hours} | {each.due} "
            f"| {'**yes**' if each.late else 'no'} | {each.next_step} |"
            for each in self.open
        ]
        return "\n".join([f"# Opt-outs of {self.dataset}", "", *head, *rows])


def service_levels(project: Project, now: datetime) -> ServiceLevels:
    """Where the open requests of a project stand at a moment.

    Raises:
        VerificationError: the registry is not what its checkpoint was signed for.
    """
    log, policy = open_registry(project.root), open_policy(project.root)
    found = []
    for name, status in log.statuses.items():
        at = clock(status, policy, now)
        if at.due:
            scope = status.submitted.details["scope"]
            found.append(
                Open(at.due, name, status.state, scope, at.age_hours, at.late, at.next_step)
            )
    return ServiceLevels(project.params.publish.repo, tuple(sorted(found)))
