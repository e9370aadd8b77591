"""Flow service-levels: age, breach and next step of each open opt-out; an event for what is late."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from flows.result import keep
from stackyard.pipeline.optouts.service_levels import ServiceLevels
from stackyard.pipeline.optouts.service_levels import service_levels as levels_of
from stackyard.pipeline.project import Project

LATE = "stackyard.optout.late"
"""Event: requests of one dataset in one state are late. automations.yaml says what follows."""


@flow(name="service-levels", validate_parameters=False)
def service_levels(root: Path | str) -> ServiceLevels:
    """Looks at the registry of a project, and tells Prefect what is late, one event a state."""
    project = Project.at(Path(root))
    levels = keep(levels_of(project, datetime.now(UTC)))
    for state, late in levels.late_by_state().items():
        emit_event(
            LATE,
            resource={
                "prefect.resource.id": f"stackyard.optouts.{levels.dataset}.{state}",
                "prefect.resource.name": levels.dataset,
                "stackyard.state": state,
            },
            payload={
                "count": len(late),
                "due": late[0].due,
                "next": late[0].next_step,
                "requests": [each.request for each in late],
                "root": str(project.root),
            },
        )
    create_markdown_artifact(levels.markdown(), key="service-levels")
    return levels
