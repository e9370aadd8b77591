"""Signatures that near copies are found by: of every blob, and of what was purged for such a request."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stackyard import dedup
from stackyard.pipeline.project import Project
from stackyard.record import BLOB_ID
from stackyard.store import files


def signatures(project: Project) -> pa.Table:
    """blob_id and signature, one row a blob."""
    (detector,) = dedup.detectors(project.params.dedup)
    facts = project.workspace.facts(detector)
    path = _kept(project)
    if not path.exists():
        return facts
    kept = files.read_table(path)
    fresh = pc.invert(pc.is_in(kept["blob_id"], value_set=facts["blob_id"].combine_chunks()))
    return pa.concat_tables([facts, kept.filter(fresh).cast(facts.schema)])


def keep_signatures(project: Project, blobs: list[bytes]) -> None:
    """Keeps the signatures of blobs that are to be purged: 256 hashes, no text comes back from them."""
    every = signatures(project)
    before = files.read_table(_kept(project))["blob_id"] if _kept(project).exists() else []
    wanted = pa.array(sorted({*blobs, *(each.as_py() for each in before)}), BLOB_ID)
    kept = every.filter(pc.is_in(every["blob_id"], value_set=wanted))
    if len(kept):
        files.write_table(_kept(project), kept.sort_by("blob_id"))


def _kept(project: Project) -> Path:
    (detector,) = dedup.detectors(project.params.dedup)
    name = project.workspace.facts_folder(detector).name
    return project.workspace.root / "ingest" / "purged" / f"{name}.parquet"
