"""Stage pii: what to redact in each file that is left, and which files are past redaction."""

from __future__ import annotations

from stackyard import pii as room
from stackyard.pipeline.project import Project
from stackyard.pipeline.tables import by_file, facts_of, without, write_stage


def units(project: Project) -> list[str]:
    """One unit: spans are small."""
    del project
    return ["whole"]


def run(project: Project, unit: str) -> None:
    """Decides over all representatives."""
    del unit
    params = project.params.pii
    files = project.workspace.table("dedup", "files")
    done = room.decide(files, facts_of(project, room.detectors(params), files), params)
    tables = {
        "files": without(files, done.decisions),
        "spans": done.spans,
        "decisions": by_file(done.decisions),
    }
    write_stage(project, "pii", tables)


def finish(project: Project) -> None:
    """Nothing is left to do."""
    del project
