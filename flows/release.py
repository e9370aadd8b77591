"""Flow release: build, make the tree, check it, version it, publish it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.build import BUILD_STAGES, run_stages
from flows.mapping import map_units
from flows.result import keep
from flows.runner import on_processes
from stackyard.pipeline.execute import run_stage
from stackyard.pipeline.optouts.takedown import apply_pending, pending_ids, settle_old_versions
from stackyard.pipeline.project.making import ready_project
from stackyard.pipeline.publish.preflight import preflight
from stackyard.pipeline.publish.previous import fetch_previous
from stackyard.pipeline.publish.publishing import Outcome, check, outcome_of, publish
from stackyard.stages import stage_named
from stackyard.store.files import exclusive

RELEASE = (stage_named("release"),)


@flow(name="release", validate_parameters=False, task_runner=on_processes())
def release(root: Path | str, bump: str = "auto", dry_run: bool = False) -> Outcome:
    """From sources to a tag on the Hub; nothing happens twice, and a killed run goes on.

    A dry run makes and checks the same tree in a folder of its own, and ends there.
    """
    project = ready_project(root)
    with exclusive(project.private / "run.lock"):
        if not dry_run:
            preflight(project)
        pending = pending_ids(project)
        fetch_previous(project, bump)
        run_stages(project, BUILD_STAGES)
        if dry_run:
            project = replace(project, dry=True)
            run_stage(project, RELEASE[0], map_units)
        else:
            run_stages(project, RELEASE)
        outcome = outcome_of(project, dry_run=dry_run)
        if outcome.is_new:
            outcome = check(project, outcome)
        if not dry_run:
            outcome = publish(project, outcome)
            outcome = apply_pending(project, pending, outcome)
            outcome = settle_old_versions(project, outcome, run_stages, purge=False)
    keep(outcome)
    create_markdown_artifact(outcome.markdown(), key="release-report")
    return outcome
