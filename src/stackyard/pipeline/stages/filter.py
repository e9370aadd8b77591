"""Stage filter: language, licence and quality of each file, and which of them go in."""

from __future__ import annotations

from stackyard import filter as room
from stackyard.pipeline.project import Project
from stackyard.pipeline.tables import (
    by_file,
    facts_of,
    files_after_optout,
    origins_of,
    write_stage,
)

POLICY = "registry/licenses.yaml"


def load_policy(project: Project) -> room.Policy:
    """The project's licence policy."""
    return room.load_policy((project.root / POLICY).read_text(encoding="utf-8"), POLICY)


def units(project: Project) -> list[str]:
    """One unit: the tables are small."""
    del project
    return ["whole"]


def run(project: Project, unit: str) -> None:
    """Decides over all files that nobody opted out."""
    del unit
    params = project.params.filter
    policy = load_policy(project)
    files = files_after_optout(project)
    facts = facts_of(project, room.detectors(params), files)
    done = room.decide(files, origins_of(project, files), facts, params, policy)
    tables = {"files": by_file(done.files), "decisions": by_file(done.decisions)}
    write_stage(project, "filter", tables)


def finish(project: Project) -> None:
    """Nothing is left to do."""
    del project
