"""A source added to a project: got, pinned, written into sources.yaml."""

from __future__ import annotations

from pathlib import Path

from stackyard.ingest.pin import Pinned, pin
from stackyard.ingest.written import with_entry
from stackyard.pipeline.project import Project
from stackyard.store import files


def add(folder: Path, what: str, name: str | None, ref: str) -> Pinned:
    """Adds what a purl, a URL or a path names.

    Raises:
        UsageError: it cannot be got or named, or is there already; sources.yaml is as it was.
        EnvironmentFault: the network failed, or a program is missing.
    """
    project = Project.at(folder)
    path = project.root / "sources.yaml"
    _ = project.sources  # what is wrong there already is said before anything is got
    params = project.params.ingest
    found = pin(what, name, ref, cache=project.cache, project=project.root, params=params)
    text = path.read_text(encoding="utf-8")
    files.write_bytes(path, with_entry(text, found.entry, path.name).encode())
    return found
