"""One way to run a stage, whoever drives: a flow maps its units over workers, the command line loops.

A stage whose outputs DVC knows to be made from the present inputs and parameters is skipped.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

from stackyard.errors import EnvironmentFault, PinMismatch, joined
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.code import write_code
from stackyard.pipeline.project.failures import without_contents
from stackyard.stages import STAGES, Stage
from stackyard.store import files
from stackyard.store.dvc import DvcProject
from stackyard.store.files import TEMPORARY

DURATIONS = "durations.json"
"""In `work/`."""

MapUnits = Callable[[Stage, Path, Sequence[str]], None]
"""Runs every unit of a stage in a project, in any order; returns when all are done, else raises."""


class StageModule(Protocol):
    """What a module of `stackyard.pipeline` named after a stage offers."""

    def units(self, project: Project) -> list[str]:
        """What is left to do."""

    def run(self, project: Project, unit: str) -> None:
        """Does one unit."""

    def finish(self, project: Project) -> None:
        """Joins what the units made."""


def stage_module(stage: Stage) -> StageModule:
    """The module of a stage."""
    return cast("StageModule", importlib.import_module(f"stackyard.pipeline.stages.{stage.name}"))


def run_unit(stage: Stage, root: Path, unit: str) -> None:
    """Does one unit of a stage; this is what a worker calls."""
    where = f"stage {stage.name}, unit {unit}"
    without_contents(where, lambda: stage_module(stage).run(Project.at(root), unit))


def run_units_here(stage: Stage, root: Path, units: Sequence[str]) -> None:
    """MapUnits in this process, one after the other; of wrong pins it collects all."""
    failed: list[BaseException] = []
    for unit in units:
        try:
            run_unit(stage, root, unit)
        except PinMismatch as error:
            failed.append(error)
    if failed:
        raise joined(failed)


def run_stage(project: Project, stage: Stage, map_units: MapUnits) -> None:
    """Makes the outputs of a stage, without asking whether they are stale.

    Raises:
        EnvironmentFault: an input changed while the stage ran.
    """
    start = time.monotonic()
    before = inputs_digest(project.root, stage)
    module = stage_module(stage)
    where = f"stage {stage.name}"
    units = without_contents(where, lambda: module.units(project))
    map_units(stage, project.root, units)
    without_contents(where, lambda: module.finish(project))
    if inputs_digest(project.root, stage) != before:
        raise EnvironmentFault(
            f"an input of stage {stage.name} changed while it ran",
            next_step="run it again, and leave the project alone meanwhile",
        )
    _keep_duration(project, stage, time.monotonic() - start)


def durations(project: Project) -> dict[str, float]:
    """Seconds that each stage took when it last ran here; in no release, as they differ each time."""
    path = project.workspace.root / DURATIONS
    known: dict[str, float] = json.loads(path.read_bytes()) if path.exists() else {}
    return {stage.name: known[stage.name] for stage in STAGES if stage.name in known}


def _keep_duration(project: Project, stage: Stage, seconds: float) -> None:
    kept = {**durations(project), stage.name: round(seconds, 1)}
    files.write_bytes(project.workspace.root / DURATIONS, json.dumps(kept).encode())


def is_up_to_date(project: Project, stage: Stage) -> bool:
    """Whether a stage's outputs are there, of the inputs, parameters and code of now."""
    write_code(project)
    return DvcProject(project.root).is_fresh(stage)


def bring_up_to_date(project: Project, stage: Stage, map_units: MapUnits) -> bool:
    """Runs a stage if DVC says that it is stale, and records it; returns whether it made anything.

    Stage fetch always looks: what a folder or a branch holds is known only by looking.
    """
    if stage.name != "fetch" and is_up_to_date(project, stage):
        return False
    run_stage(project, stage, map_units)
    if stage.name == "fetch" and is_up_to_date(project, stage):
        return False
    DvcProject(project.root).commit(stage)
    return True


def inputs_digest(root: Path, stage: Stage) -> str:
    """Hex digest over what a stage reads: small files by content, content-named ones by name and size."""
    state = hashlib.sha256()
    for dep in sorted((*stage.deps, "params.yaml")):
        path = root / dep
        inner = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in (item for item in inner if item.is_file() and TEMPORARY not in item.name):
            state.update(f"{file.relative_to(root)}\0{file.stat().st_size}\0".encode())
            if file.suffix != ".parquet":
                state.update(file.read_bytes())
    return state.hexdigest()
