"""Flow takedown: verified opt-outs -> affected shards only -> patch release -> receipts."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.build import BUILD_STAGES, run_stages
from stackyard.pipeline.project import Project
from stackyard.pipeline.publish import (
    Outcome,
    check,
    fetch_previous,
    outcome_of,
    publish,
    record,
    write_plan,
)
from stackyard.pipeline.takedown import apply_pending, pending_ids, require_same_sources
from stackyard.stages import stage_named
from stackyard.store.files import exclusive

DECIDING_STAGES = tuple(stage for stage in BUILD_STAGES if stage.name not in {"fetch", "ingest"})


@flow(name="takedown", validate_parameters=False)
def takedown(root: Path) -> Outcome:
    """The last release without what must go; sources are not looked at."""
    project = Project.at(root)
    with exclusive(project.private / "run.lock"):
        fetch_previous(project)
        require_same_sources(project)
        pending = pending_ids(project)
        run_stages(project, DECIDING_STAGES)
        write_plan(project, "auto")
        run_stages(project, (stage_named("release"),))
        outcome = outcome_of(project, dry_run=False)
        if outcome.is_new:
            check(project)
        outcome = publish(project, outcome)
        record(project, outcome)
        apply_pending(project, pending, outcome)
    create_markdown_artifact(outcome.markdown(), key="takedown-report")
    return outcome
