"""Stage fetch: get every source, checked; write down what each one is now.

Out: `work/fetch/sources.json`, one entry a source: name, origin, its `source_key` (what listings are
found by: a digest of the source as written, what was got, and the code and limits that read it).
A source whose origin is opted out whole is not asked for again: what an earlier run has of it stays
listed, so that it has its decisions; what none has gets `tombstone`, the request's id, and no key.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from stackyard import optout
from stackyard.detector import code_digest
from stackyard.errors import PinMismatch
from stackyard.ingest.fetch import Fetched, fetch
from stackyard.ingest.sources import Source
from stackyard.optout.authors import key_id
from stackyard.params import canonical_json, digest, plain
from stackyard.pipeline.project import Project
from stackyard.pipeline.purge.restoring import revive
from stackyard.store import files
from stackyard.store.registry import author_key, open_registry

BATCHES_MAX = 64
"""Units of work at most: a unit costs 0.1 s to start, and a source is often less than that."""


def units(project: Project) -> list[str]:
    """Batches of the sources that may be asked for: `<first>/<step>` takes every step-th of them."""
    step = min(BATCHES_MAX, len(_asked(project)))
    return [f"{first}/{step}" for first in range(step)]


def run(project: Project, unit: str) -> None:
    """Gets a batch of sources into the cache; what is there is only checked.

    Raises:
        PinMismatch: after the whole batch, with every source in it that is not what its pin says.
    """
    first, step = map(int, unit.split("/"))
    wrong: list[tuple[str, str, str]] = []
    for source in _asked(project)[first::step]:
        try:
            fetched(project, source)
        except PinMismatch as error:
            wrong += error.wrong
    if wrong:
        raise PinMismatch(wrong)


def finish(project: Project) -> None:
    """Writes the list of sources as they are now; what was purged for ended requests is read anew."""
    entries = _entries(project)
    revive(project.workspace, open_registry(project.root))
    with files.replacing_folder(project.workspace.root / "fetch") as folder:
        files.write_bytes(folder / "sources.json", canonical_json(entries) + b"\n")


def is_current(project: Project) -> bool:
    """Whether the sources are now what `finish` wrote down."""
    path = project.workspace.root / "fetch" / "sources.json"
    if not path.exists():
        return False
    return _all_entries(project) == _entries(project)


def source_entries(project: Project) -> list[dict[str, Any]]:
    """What `finish` wrote of sources that a build is made of."""
    return [entry for entry in _all_entries(project) if entry["source_key"] is not None]


def live_keys(project: Project) -> list[str]:
    """Keys of the sources that the present build is made of, sorted."""
    return sorted(entry["source_key"] for entry in source_entries(project))


def sources_by_digest(project: Project) -> dict[str, Source]:
    """The sources of sources.yaml, by their digests."""
    return {source.digest: source for source in project.sources}


def fetched(project: Project, source: Source) -> Fetched:
    """Where a source lies in the cache; it is got if it is not there."""
    return fetch(source, project.cache, project.root, project.params.ingest)


def _asked(project: Project) -> list[Source]:
    buried = _tombstones(project)
    return [source for source in project.sources if source.digest not in buried]


def _all_entries(project: Project) -> list[dict[str, Any]]:
    text = (project.workspace.root / "fetch" / "sources.json").read_text(encoding="utf-8")
    return list(json.loads(text))


def _entries(project: Project) -> list[dict[str, Any]]:
    buried = _tombstones(project)
    there = (project.workspace.root / "fetch" / "sources.json").exists()
    known = {entry["digest"]: entry for entry in source_entries(project)} if there else {}
    return [
        _entry(project, source)
        if source.digest not in buried
        else known.get(source.digest, _tombstone(source, buried[source.digest]))
        for source in project.sources
    ]


def _tombstone(source: Source, request: str) -> dict[str, Any]:
    return {
        "digest": source.digest,
        "name": str(source.name),
        "origin": source.origin,
        "source_key": None,
        "tombstone": request,
    }


def _tombstones(project: Project) -> dict[str, str]:
    """Digest of each source that is opted out whole -> the request that names it."""
    origins = pa.table(
        {
            "repo_name": [str(source.name) for source in project.sources],
            "origin": [source.origin for source in project.sources],
            "fork_of": [source.fork_of or None for source in project.sources],
        },
        schema=pa.schema([(name, pa.string()) for name in ("repo_name", "origin", "fork_of")]),
    )
    log = open_registry(project.root)
    named = optout.tombstones(origins, log, project.params.optout)
    by_name = {(row["repo_name"], row["origin"]): row["request"] for row in named.to_pylist()}
    keys = [(source.digest, (str(source.name), source.origin)) for source in project.sources]
    return {digest: by_name[key] for digest, key in keys if key in by_name}


def _entry(project: Project, source: Source) -> dict[str, Any]:
    identity = fetched(project, source).identity
    key = digest(
        {
            "source": source.digest,
            "identity": identity,
            "params": plain(project.params.ingest),
            "code": code_digest("stackyard.ingest"),
            **({"authors": key_id(author_key(project.root))} if source.authors else {}),
        }
    )
    return {
        "digest": source.digest,
        "identity": identity,
        "name": str(source.name),
        "origin": source.origin,
        "source_key": key,
    }
