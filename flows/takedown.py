"""Flow takedown: verified opt-outs -> affected shards only -> patch release -> receipts."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.build import BUILD_STAGES, run_stages
from flows.release import RELEASE
from flows.result import keep
from flows.runner import on_processes
from stackyard.pipeline.optouts.takedown import (
    apply_pending,
    pending_ids,
    require_last_sources,
    require_removal_only,
    settle_old_versions,
)
from stackyard.pipeline.project.making import ready_project
from stackyard.pipeline.publish.preflight import preflight
from stackyard.pipeline.publish.previous import fetch_previous
from stackyard.pipeline.publish.publishing import Outcome, check, outcome_of, publish
from stackyard.store.files import exclusive

DECIDING_STAGES = tuple(stage for stage in BUILD_STAGES if stage.name not in {"fetch", "ingest"})


@flow(name="takedown", validate_parameters=False, task_runner=on_processes())
def takedown(root: Path | str, purge: bool = False) -> Outcome:
    """The last release without what must go; sources are not looked at.

    With `purge`, older versions are purged where the registry's policy says so; else that waits for
    somebody to confirm it.
    """
    project = ready_project(root)
    with exclusive(project.private / "run.lock"):
        preflight(project)
        pending = pending_ids(project)
        fetch_previous(project, "auto")
        require_last_sources(project)
        run_stages(project, DECIDING_STAGES)
        run_stages(project, RELEASE)
        outcome = outcome_of(project, dry_run=False)
        require_removal_only(outcome)
        if outcome.is_new:
            outcome = check(project, outcome)
        outcome = publish(project, outcome)
        outcome = apply_pending(project, pending, outcome)
        outcome = settle_old_versions(project, outcome, run_stages, purge=purge)
    keep(outcome)
    create_markdown_artifact(outcome.markdown(), key="takedown-report")
    return outcome
