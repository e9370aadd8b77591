"""Joins and small reads that several stages make on their tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from stackyard import filter as filter_room
from stackyard.detector import Detector
from stackyard.pipeline.project import Project
from stackyard.pipeline.stages import fetch
from stackyard.record import DECISIONS, FILE_KEY, FILES, LISTING
from stackyard.release.tables import row_of
from stackyard.store import files as store_files


def without(table: pa.Table, gone: pa.Table) -> pa.Table:
    """The rows of `table` whose file is not in `gone`, in their order."""
    return table.filter(pc.is_null(row_of(table, gone, FILE_KEY)))


def by_file(table: pa.Table) -> pa.Table:
    """The table in canonical order."""
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in FILE_KEY]))


def live_listing(project: Project) -> pa.Table:
    """LISTING of all live sources, in canonical order."""
    return by_file(project.workspace.listings(fetch.live_keys(project)).select(LISTING.names))


def ingest_decisions(listing: pa.Table) -> pa.Table:
    """What ingest dropped, as DECISIONS."""
    dropped = listing.filter(pc.is_valid(listing["rule"]))
    stage = pa.repeat(pa.scalar("ingest"), len(dropped))
    return (
        dropped.select([*DECISIONS.names[:4], "rule", "evidence"])
        .add_column(4, "stage", stage)
        .cast(DECISIONS)
    )


def files_after_optout(project: Project) -> pa.Table:
    """FILES that ingest kept and nobody opted out, in canonical order."""
    listing = live_listing(project)
    kept = listing.filter(pc.is_null(listing["rule"])).select(FILES.names)
    return without(kept, project.workspace.table("optout", "decisions"))


def origins_of(project: Project, files: pa.Table) -> pa.Table:
    """ORIGINS that have one of the files."""
    origins = project.workspace.origins(fetch.live_keys(project))
    names = ["repo_name", "revision_id"]
    present = files.group_by(names, use_threads=False).aggregate([])
    return origins.filter(pc.is_valid(row_of(origins, present, names)))


def facts_of(
    project: Project, detectors: Sequence[Detector], files: pa.Table
) -> dict[str, pa.Table]:
    """Facts of these files, by the detector's name, each sorted as it was stored."""
    out = {}
    for detector in detectors:
        facts = project.workspace.facts(detector)
        names = ["blob_id"] if detector.scope == "blob" else ["blob_id", "path"]
        asked = files.group_by(names, use_threads=False).aggregate([])
        facts = facts.filter(pc.is_valid(row_of(facts, asked, names)))
        out[detector.name] = facts.take(
            pc.sort_indices(facts.select(names), [(name, "ascending") for name in names])
        ).combine_chunks()
    return out


def text_reader(project: Project) -> Callable[[pa.Array], pa.Table]:
    """Reads decoded texts: from blob ids to a table (blob_id, text), in the order asked."""
    read = project.workspace.contents()

    def texts(blob_ids: pa.Array) -> pa.Table:
        blobs = read(blob_ids)
        text, _ = filter_room.decode(blobs["content"])
        return pa.table({"blob_id": blobs["blob_id"], "text": text})

    return texts


def write_stage(project: Project, stage: str, tables: dict[str, pa.Table]) -> None:
    """Replaces a stage's folder by these tables."""
    with store_files.replacing_folder(project.workspace.root / stage) as folder:
        for name, table in tables.items():
            store_files.write_table(folder / f"{name}.parquet", table)
