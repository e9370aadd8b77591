"""Stage release: the tree that is published, in `release/`.

Unit: a shard. A shard is kept under the digest of all that its bytes depend on, so what did not
change is neither read nor written again. `finish` lays shards, decisions and documents out under
their released names, with the manifest last.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.detector import code_digest
from stackyard.params import build, digest, plain
from stackyard.pipeline.project import Project
from stackyard.pipeline.publish.tree import CachedShard, Planned, lay_out
from stackyard.pipeline.stages.pii import released_texts, secret_of
from stackyard.pipeline.tables import origins_of
from stackyard.record import SPANS
from stackyard.release import shards
from stackyard.release.shards import ShardPlan, Written
from stackyard.release.totals import Tally, tally
from stackyard.store import files


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
    """Shards that are not in the cache, by their keys; what each is made of lies in scratch."""
    _cache(project).mkdir(parents=True, exist_ok=True)
    files.sweep(_cache(project))
    planned = plan(project)
    todo = []
    for key, shard in zip(planned.keys, planned.shards, strict=True):
        if not _sidecar(project, key).exists():
            rows = planned.rows.take(pa.array(shard.rows))
            here = pc.is_in(planned.spans["blob_id"], value_set=rows["blob_id"].combine_chunks())
            files.write_table(_scratch(project, key, "rows"), rows)
            files.write_table(_scratch(project, key, "spans"), planned.spans.filter(here))
            todo.append(f"{shard.edition}:{key}")
    return sorted(todo)


def run(project: Project, unit: str) -> None:
    """Writes one shard: contents are read, redacted and hashed once."""
    edition, _, key = unit.partition(":")
    rows = files.read_table(_scratch(project, key, "rows"))
    spans = files.read_table(_scratch(project, key, "spans"))
    path = _cache(project) / f"{key}.parquet"
    counted = [Tally()]

    def finished() -> Iterator[pa.Table]:
        for table in _finished(project, rows, spans):
            counted[0] += tally(table)
            yield table

    with files.replacing(path) as temporary, temporary.open("wb") as sink:
        done = shards.write(finished(), sink, edition, project.params.release)
    document = {"written": plain(done), "tally": plain(counted[0])}
    files.write_bytes(_sidecar(project, key), json.dumps(document).encode())


def finish(project: Project) -> None:
    """Lays the tree out and signs it; see `tree.lay_out`."""
    planned = plan(project)
    lay_out(project, planned, [cached_shard(project, key) for key in planned.keys])
    if not project.dry:  # the shards of the release that is there are still of use
        forget_all_but(project, set(planned.keys))
    shutil.rmtree(project.private / "scratch" / "release", ignore_errors=True)


def cached_shard(project: Project, key: str) -> CachedShard:
    """A shard in the cache, and what it holds."""
    document = json.loads(_sidecar(project, key).read_text(encoding="ascii"))
    path = _cache(project) / f"{key}.parquet"
    counted = build(Tally, document["tally"], "tally")
    return CachedShard(path, Written(**document["written"]), counted)


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
    code = {
        name: code_digest(f"stackyard.{name}")
        for name in ("pii", "release.shards", "release.totals", "filter.text")
    }
    steers = digest(
        {
            "code": code,
            "params": {"pii": plain(project.params.pii), "release": plain(project.params.release)},
            "secret": hashlib.sha256(secret_of(project) or b"").hexdigest(),
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


def _scratch(project: Project, key: str, name: str) -> Path:
    return project.private / "scratch" / "release" / f"{key}.{name}.parquet"


def _sidecar(project: Project, key: str) -> Path:
    return _cache(project) / f"{key}.json"
