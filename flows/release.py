"""Flow release: build, make the tree, check it, version it, publish it."""

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
from stackyard.stages import stage_named
from stackyard.store.files import exclusive


@flow(name="release", validate_parameters=False)
def release(root: Path, bump: str = "auto", dry_run: bool = False) -> Outcome:
    """From sources to a tag on the Hub; nothing happens twice, and a killed run goes on."""
    project = Project.at(root)
    with exclusive(project.private / "run.lock"):
        run_stages(project, BUILD_STAGES)
        fetch_previous(project)
        write_plan(project, bump)
        run_stages(project, (stage_named("release"),))
        outcome = outcome_of(project, dry_run=dry_run)
        if outcome.is_new:
            check(project)
        if not dry_run:
            outcome = publish(project, outcome)
            record(project, outcome)
    create_markdown_artifact(outcome.markdown(), key="release-report")
    return outcome
