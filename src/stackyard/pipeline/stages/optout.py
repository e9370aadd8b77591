"""Stage optout: which files leave because somebody asked, before anything is decided of the rest."""

from __future__ import annotations

from stackyard import optout
from stackyard.pipeline.optouts.authors import authors_for
from stackyard.pipeline.optouts.near import near_copies
from stackyard.pipeline.project import Project
from stackyard.pipeline.stages import fetch
from stackyard.pipeline.tables import by_file, live_listing, write_stage
from stackyard.record import FILES
from stackyard.store.registry import open_registry


def units(project: Project) -> list[str]:
    """One unit: the tables are small."""
    del project
    return ["whole"]


def run(project: Project, unit: str) -> None:
    """Matches all files, those that ingest dropped too, against the verified registry."""
    del unit
    files = live_listing(project).select(FILES.names)
    origins = project.workspace.origins(fetch.live_keys(project))
    log = open_registry(project.root)
    requests = log.effective()
    authors = authors_for(project, requests)
    near = near_copies(project, files, origins, requests, authors)
    decisions = optout.match(files, origins, log, project.params.optout, near, authors=authors)
    write_stage(project, "optout", {"decisions": by_file(decisions)})


def finish(project: Project) -> None:
    """Nothing is left to do."""
    del project
