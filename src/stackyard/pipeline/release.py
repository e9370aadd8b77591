"""Stage release: the tree that is published, in `release/`.

Unit: a shard. A shard is kept under the digest of all that its bytes depend on, so what did not
change is neither read nor written again. `finish` lays shards, decisions and documents out under
their released names, with the manifest last.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.detector import code_digest
from stackyard.params import digest, plain
from stackyard.pipeline.pii import released_texts
from stackyard.pipeline.project import Project
from stackyard.pipeline.tables import origins_of
from stackyard.record import SPANS
from stackyard.release import shards
from stackyard.release.shards import ShardPlan, Written
from stackyard.store import files


@dataclass(frozen=True)
class Planned:
    """What the release stage is to write: the rows, the shards, and each shard's cache name."""

    rows: pa.Table
    unpublished: pa.Table
    spans: pa.Table
    shards: tuple[ShardPlan, ...]
    keys: tuple[str, ...]


def plan(project: Project) -> Planned:
    """Rows to release, and which shard each goes to. Cheap: no contents are read."""
    workspace = project.workspace
    survivors = workspace.table("dedup", "files")
    left = workspace.table("pii", "files")
    rows = shards.assemble(left, workspace.table("filter", "files"), origins_of(project, survivors))
    rows, unpublished = shards.published(rows, project.params.release)
    plans = shards.plan(rows, project.params.release)
    spans = workspace.table("pii", "spans")
    return Planned(rows, unpublished, spans, plans, tuple(_keys(project, rows, spans, plans)))


def units(project: Project) -> list[str]:
    """Shards that are not in the cache, by their keys."""
    files.sweep(_cache(project)) if _cache(project).exists() else None
    planned = plan(project)
    return sorted({key for key in planned.keys if not _sidecar(project, key).exists()})


def run(project: Project, unit: str) -> None:
    """Writes one shard: contents are read, redacted and hashed once."""
    planned = plan(project)
    shard = planned.shards[planned.keys.index(unit)]
    rows = planned.rows.take(pa.array(shard.rows))
    path = _cache(project) / f"{unit}.parquet"
    with files.replacing(path) as temporary, temporary.open("wb") as sink:
        written = shards.write(
            _finished(project, rows, planned.spans), sink, shard.edition, project.params.release
        )
    files.write_bytes(_sidecar(project, unit), json.dumps(plain(written)).encode())


def written(project: Project, key: str) -> Written:
    """What a cached shard holds."""
    return Written(**json.loads(_sidecar(project, key).read_text(encoding="ascii")))


def place(project: Project, key: str, target: Path) -> None:
    """Lays a cached shard at its released path: a link where the file system can, else a copy."""
    source = _cache(project) / f"{key}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def forget_all_but(project: Project, keys: set[str]) -> None:
    """Removes cached shards that no present plan has."""
    for path in sorted(_cache(project).iterdir()):
        if path.stem not in keys:
            path.unlink()


def _finished(project: Project, rows: pa.Table, spans: pa.Table) -> Iterator[pa.Table]:
    read = project.workspace.contents()
    blob_ids = rows["blob_id"].combine_chunks()
    for start, texts, redactions in released_texts(
        project, read, blob_ids, rows["length_bytes"], spans
    ):
        yield shards.finish(rows.slice(start, len(texts)), texts, redactions)


def _keys(
    project: Project, rows: pa.Table, spans: pa.Table, plans: tuple[ShardPlan, ...]
) -> Iterator[str]:
    """For each shard, hex digest over its rows, their spans, the parameters and the code that write it."""
    code = {name: code_digest(f"stackyard.{name}") for name in ("pii", "release.shards", "filter.text")}
    steers = digest(
        {
            "code": code,
            "params": {"pii": plain(project.params.pii), "release": plain(project.params.release)},
            "writer": pa.__version__,
        }
    )
    for shard in plans:
        mine = rows.take(pa.array(shard.rows))
        ids = mine["blob_id"].combine_chunks()
        here = spans.filter(pc.is_in(spans["blob_id"], value_set=ids)).cast(SPANS)
        state = hashlib.sha256(f"{steers}{shard.edition}".encode())
        for table in (mine, here):
            state.update(_canonical(table))
        yield state.hexdigest()[:40]


def _canonical(table: pa.Table) -> bytes:
    """The Arrow stream of a table in one fresh chunk, so that equal rows mostly give equal bytes.

    A difference that is none (of padding, say) costs a rewrite of equal bytes, nothing else.
    """
    fresh = table.combine_chunks().take(pa.array(np.arange(len(table))))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, fresh.schema) as writer:
        writer.write_table(fresh)
    return bytes(sink.getvalue())


def _cache(project: Project) -> Path:
    return project.workspace.root / "shards"


def _sidecar(project: Project, key: str) -> Path:
    return _cache(project) / f"{key}.json"
