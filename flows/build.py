"""Flow build: from sources.yaml to decisions."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.mapping import map_units
from flows.result import keep
from flows.runner import on_processes
from stackyard.pipeline.execute import bring_up_to_date
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.making import ready_project
from stackyard.pipeline.publish.previous import fetch_previous
from stackyard.stages import STAGES, Stage
from stackyard.store.files import exclusive

BUILD_STAGES = tuple(stage for stage in STAGES if stage.name != "release")


def run_stages(project: Project, stages: tuple[Stage, ...]) -> list[str]:
    """Brings stages up to date in their order; returns the names of those that ran."""
    return [stage.name for stage in stages if bring_up_to_date(project, stage, map_units)]


@flow(name="build", log_prints=False, validate_parameters=False, task_runner=on_processes())
def build(root: Path | str) -> list[str]:
    """Fetch, ingest, detect, and decide; returns the names of the stages that ran."""
    project = ready_project(root)
    with exclusive(project.private / "run.lock"):
        fetch_previous(project, "auto")
        return keep(run_stages(project, BUILD_STAGES))
