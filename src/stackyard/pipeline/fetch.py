"""Stage fetch: get every source, checked; write down what each one is now.

Out: `work/fetch/sources.json`, one entry a source: name, origin, its `source_key` (what listings are
found by: a digest of the source as written, what was got, and the code and limits that read it).
"""

from __future__ import annotations

import json
from typing import Any

from stackyard.detector import code_digest
from stackyard.ingest.fetch import Fetched, fetch
from stackyard.ingest.sources import Source
from stackyard.params import canonical_json, digest, plain
from stackyard.pipeline.project import Project
from stackyard.store import files


def units(project: Project) -> list[str]:
    """One unit a source, by its digest."""
    return [source.digest for source in project.sources]


def run(project: Project, unit: str) -> None:
    """Gets one source into the cache; a warm cache is only checked."""
    _fetched(project, _source(project, unit))


def finish(project: Project) -> None:
    """Writes the list of sources as they are now."""
    entries = [_entry(project, source) for source in project.sources]
    with files.replacing_folder(project.workspace.root / "fetch") as folder:
        files.write_bytes(folder / "sources.json", canonical_json(entries) + b"\n")


def is_current(project: Project) -> bool:
    """Whether the sources are now what `finish` wrote down."""
    path = project.workspace.root / "fetch" / "sources.json"
    if not path.exists():
        return False
    return source_entries(project) == [_entry(project, source) for source in project.sources]


def source_entries(project: Project) -> list[dict[str, Any]]:
    """What `finish` wrote."""
    text = (project.workspace.root / "fetch" / "sources.json").read_text(encoding="utf-8")
    return list(json.loads(text))


def live_keys(project: Project) -> list[str]:
    """Keys of the sources that the present build is made of, sorted."""
    return sorted(entry["source_key"] for entry in source_entries(project))


def source_with_digest(project: Project, unit: str) -> tuple[Source, Fetched]:
    """A source and where it lies in the cache."""
    source = _source(project, unit)
    return source, _fetched(project, source)


def _source(project: Project, unit: str) -> Source:
    return next(source for source in project.sources if source.digest == unit)


def _fetched(project: Project, source: Source) -> Fetched:
    return fetch(source, project.cache, project.root, project.params.ingest)


def _entry(project: Project, source: Source) -> dict[str, Any]:
    identity = _fetched(project, source).identity
    key = digest(
        {
            "source": source.digest,
            "identity": identity,
            "params": plain(project.params.ingest),
            "code": code_digest("stackyard.ingest"),
        }
    )
    return {
        "digest": source.digest,
        "identity": identity,
        "name": str(source.name),
        "origin": source.origin,
        "source_key": key,
    }
