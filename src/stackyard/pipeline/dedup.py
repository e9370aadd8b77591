"""Stage dedup: which file stands for its copies and near-copies."""

from __future__ import annotations

import pyarrow as pa

from stackyard import dedup as room
from stackyard import filter as filter_room
from stackyard.pipeline.project import Project
from stackyard.pipeline.tables import by_file, facts_of, origins_of, write_stage


def units(project: Project) -> list[str]:
    """One unit: signatures are small, texts are read only near the threshold."""
    del project
    return ["whole"]


def run(project: Project, unit: str) -> None:
    """Decides over all files that the filter kept."""
    del unit
    files = project.workspace.table("filter", "files")
    done = deduplicated(project, files)
    tables = {"files": by_file(done.files), "decisions": by_file(done.decisions)}
    write_stage(project, "dedup", tables)


def deduplicated(project: Project, files: pa.Table) -> room.Deduped:
    """What the room decides of files with ATTRIBUTES; texts are read near the threshold only."""
    params = project.params.dedup
    facts = facts_of(project, room.detectors(params), files)
    read = project.workspace.contents()

    def texts(blob_ids: pa.Array) -> pa.Table:
        blobs = read(blob_ids)
        text, _ = filter_room.decode(blobs["content"])
        return pa.table({"blob_id": blobs["blob_id"], "text": text})

    return room.decide(files, origins_of(project, files), facts, texts, params)


def finish(project: Project) -> None:
    """Nothing is left to do."""
    del project
