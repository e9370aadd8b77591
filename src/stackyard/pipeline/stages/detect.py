"""Stage detect: facts of every blob and name, one file a segment and detector.

Unit: a segment. Work is done if and only if a file of facts is missing, so resume, increments and
caching need nothing else. A detector of files is asked once for each (blob, path); when a stored
blob turns up under a new path, only that pair is asked.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard import dedup, filter, pii  # noqa: A004 - a room's name
from stackyard.detector import Detector
from stackyard.pipeline.project import Project
from stackyard.pipeline.stages import fetch
from stackyard.record import BATCH
from stackyard.store import files
from stackyard.store.workspace import Workspace

PAIRS = pa.schema([BATCH.field("blob_id"), BATCH.field("path")])


def detectors(project: Project) -> tuple[Detector, ...]:
    """All detectors of all rooms, with the project's parameters."""
    params = project.params
    return (
        *filter.detectors(params.filter),
        *dedup.detectors(params.dedup),
        *pii.detectors(params.pii),
    )


def units(project: Project) -> list[str]:
    """Segments for which some detector has not yet said something."""
    workspace = project.workspace
    (workspace.root / "facts").mkdir(parents=True, exist_ok=True)
    files.sweep(workspace.root / "facts")
    pairs = _pairs_by_segment(project)
    todo = []
    for segment in workspace.segments():
        asked = pairs.get(segment, PAIRS.empty_table())
        if any(True for d in detectors(project) for _ in _missing(workspace, d, segment, asked)):
            files.write_table(_pairs_path(project, segment), asked)
            todo.append(segment)
    return todo


def run(project: Project, unit: str) -> None:
    """Makes the facts that one segment lacks, reading its contents once."""
    workspace = project.workspace
    pairs = files.read_table(_pairs_path(project, unit))
    work = [
        (detector, path, asked)
        for detector in detectors(project)
        for path, asked in _missing(workspace, detector, unit, pairs)
    ]
    facts: list[list[pa.Table]] = [[] for _ in work]
    for group in workspace.read_segment(unit):
        text, encoding = filter.decode(group["content"])
        batch = pa.table(
            [group["blob_id"], pa.repeat("", len(group)), group["content"], text, encoding],
            schema=BATCH,
        )
        for place, (detector, _, asked) in enumerate(work):
            tables = [batch] if detector.scope == "blob" else named(batch, asked)
            facts[place].extend(detector.detect(rows) for rows in tables)
    for parts, (detector, path, asked) in zip(facts, work, strict=True):
        key = ["blob_id"] if detector.scope == "blob" else PAIRS.names
        table = pa.concat_tables([detector.schema.empty_table(), *parts])
        if detector.scope == "file":
            files.write_table(path.parent / "asked" / path.name, asked)
        order = [(name, "ascending") for name in key]
        files.write_table(path, table.take(pc.sort_indices(table.select(key), order)))


def finish(project: Project) -> None:
    """Removes facts that no present detector or segment has: they can be made again."""
    workspace = project.workspace
    wanted = {workspace.facts_folder(detector) for detector in detectors(project)}
    segments = set(workspace.segments())
    for path in sorted((workspace.root / "facts").glob("*/*/*.parquet")):
        segment = "-".join(path.stem.split("-")[:2])
        if path.parent not in wanted or segment not in segments:
            path.unlink()
            (path.parent / "asked" / path.name).unlink(missing_ok=True)
    shutil.rmtree(project.private / "scratch" / "pairs", ignore_errors=True)


def _missing(
    workspace: Workspace, detector: Detector, segment: str, pairs: pa.Table
) -> Iterator[tuple[Path, pa.Table]]:
    """The file of facts that a detector lacks for a segment, with the pairs to ask, if any."""
    folder = workspace.facts_folder(detector)
    if detector.scope == "blob":
        path = folder / f"{segment}.parquet"
        if not path.exists():
            yield path, PAIRS.empty_table()
        return
    for path in sorted(folder.glob(f"{segment}-*.parquet")):
        asked = files.read_table(folder / "asked" / path.name)
        pairs = pairs.join(asked, PAIRS.names, join_type="left anti")
    if len(pairs):
        pairs = pairs.sort_by([(name, "ascending") for name in PAIRS.names])
        yield folder / f"{segment}-{_digest(pairs)}.parquet", pairs


def _digest(pairs: pa.Table) -> str:
    """Hex digest over the pairs in their order, each as raw id, path and a NUL."""
    state = hashlib.sha256()
    for blob_id, path in zip(*(pairs[name].to_pylist() for name in PAIRS.names), strict=True):
        state.update(blob_id + path.encode() + b"\0")
    return state.hexdigest()[:32]


def named(batch: pa.Table, asked: pa.Table) -> Iterator[pa.Table]:
    """BATCH rows for those pairs whose blob is in the batch.

    The first names of blobs come as one table, further names of the same blobs as another; a table
    that has every blob once is the batch itself, whose contents are not copied.
    """
    place = pc.index_in(asked["blob_id"], value_set=batch["blob_id"].combine_chunks())
    here = pc.is_valid(place)
    paths = asked["path"].filter(here).combine_chunks()
    rows = place.filter(here).to_numpy()
    order = np.argsort(rows, kind="stable")
    is_first = np.diff(rows[order], prepend=-1) > 0
    for some in (order[is_first], order[~is_first]):
        if len(some):
            all_once = np.array_equal(rows[some], np.arange(len(batch)))
            blobs = batch if all_once else batch.take(pa.array(rows[some]))
            yield blobs.set_column(1, BATCH.field("path"), paths.take(pa.array(some)))


def _pairs_path(project: Project, segment: str) -> Path:
    return project.private / "scratch" / "pairs" / f"{segment}.parquet"


def _pairs_by_segment(project: Project) -> dict[str, pa.Table]:
    """Distinct (blob_id, path) of the live listings, by the segment where the blob lies."""
    workspace = project.workspace
    listings = workspace.listings(fetch.live_keys(project))
    kept = listings.filter(pc.is_null(listings["rule"])).select(PAIRS.names)
    pairs = kept.group_by(PAIRS.names, use_threads=False).aggregate([]).select(PAIRS.names)
    names, segments, _ = workspace.index().locate(pairs["blob_id"].combine_chunks())
    order = np.argsort(segments, kind="stable")
    pairs = pairs.take(pa.array(order))
    cuts = np.searchsorted(segments[order], np.arange(len(names) + 1))
    return {
        name: pairs.slice(cuts[i], cuts[i + 1] - cuts[i]).cast(PAIRS)
        for i, name in enumerate(names)
        if cuts[i + 1] > cuts[i]
    }
