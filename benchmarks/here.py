"""The steps of flows release and takedown in this process, without Prefect; and a small project.

For tests and `make soak`, where a run a second is wanted and Prefect's own time is not. The steps are
those of flows/release.py and flows/takedown.py, in their order; a test holds the two together.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from stackyard.pipeline.execute import bring_up_to_date, run_units_here
from stackyard.pipeline.optouts.takedown import (
    apply_pending,
    pending_ids,
    require_last_sources,
    require_removal_only,
    settle_old_versions,
)
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.making import init_project, ready_project
from stackyard.pipeline.publish.preflight import preflight
from stackyard.pipeline.publish.previous import fetch_previous
from stackyard.pipeline.publish.publishing import Outcome, check, outcome_of, publish
from stackyard.stages import STAGES, Stage
from stackyard.store.files import exclusive

REPO = "octo-org/corpus"
DECIDING = tuple(stage for stage in STAGES if stage.name not in {"fetch", "ingest"})


def run_stages(project: Project, stages: Sequence[Stage]) -> None:
    for stage in stages:
        bring_up_to_date(project, stage, run_units_here)


def release(root: Path) -> Outcome:
    """What flow release does."""
    project = ready_project(root)
    with exclusive(project.private / "run.lock"):
        preflight(project)
        pending = pending_ids(project)
        fetch_previous(project, "auto")
        run_stages(project, STAGES)
        outcome = outcome_of(project, dry_run=False)
        if outcome.is_new:
            outcome = check(project, outcome)
        outcome = publish(project, outcome)
        outcome = apply_pending(project, pending, outcome)
        return settle_old_versions(project, outcome, run_stages, purge=False)


def takedown(root: Path, *, purge: bool = False) -> Outcome:
    """What flow takedown does."""
    project = ready_project(root)
    with exclusive(project.private / "run.lock"):
        preflight(project)
        pending = pending_ids(project)
        fetch_previous(project, "auto")
        require_last_sources(project)
        run_stages(project, DECIDING)
        outcome = outcome_of(project, dry_run=False)
        require_removal_only(outcome)
        if outcome.is_new:
            outcome = check(project, outcome)
        outcome = publish(project, outcome)
        outcome = apply_pending(project, pending, outcome)
        return settle_old_versions(project, outcome, run_stages, purge=purge)


def small_project(root: Path, origins: Mapping[str, Mapping[str, bytes]]) -> Path:
    """A project with keys whose sources are folders of its own; made, never run."""
    init_project(root, REPO, "opt-out@example.org")
    write_sources(root, origins)
    return root


def write_sources(root: Path, origins: Mapping[str, Mapping[str, bytes]]) -> None:
    """Lays origins out below `sources/`, and names them in sources.yaml."""
    entries = []
    for name, files in origins.items():
        for path, content in files.items():
            target = root / "sources" / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        entries.append({"kind": "directory", "name": name, "path": f"sources/{name}"})
    (root / "sources.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")


if __name__ == "__main__":
    done = {"release": release, "takedown": takedown}[sys.argv[1]](Path(sys.argv[2]))
    print(done.run.version)
