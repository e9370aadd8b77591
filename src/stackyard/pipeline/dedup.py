"""Stage dedup: which file stands for its copies and near-copies."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from stackyard import dedup as room
from stackyard.dedup.increment import index_key
from stackyard.pipeline.project import Project
from stackyard.pipeline.tables import by_file, facts_of, origins_of, text_reader, write_stage
from stackyard.store import files as store_files


def units(project: Project) -> list[str]:
    """One unit: signatures are small, texts are read only near the threshold."""
    del project
    return ["whole"]


def run(project: Project, unit: str) -> None:
    """Decides over all files that the filter kept."""
    del unit
    files = project.workspace.table("filter", "files")
    done = deduplicated(project, files, _load_index(project), save=True)
    tables = {"files": by_file(done.files), "decisions": by_file(done.decisions)}
    write_stage(project, "dedup", tables)


def deduplicated(
    project: Project, files: pa.Table, index: room.Index, *, save: bool = False
) -> room.Deduped:
    """What the room decides of files with ATTRIBUTES, on top of an index (see `dedup.increment`);
    texts are read near the threshold only, and not for pairs that the index has measured.
    """
    params = project.params.dedup
    facts = facts_of(project, room.detectors(params), files)
    released = project.workspace.table("released", "rows")
    origins = origins_of(project, files)
    done, after = room.build_on(
        index, files, origins, facts, text_reader(project), params, released=released
    )
    if save:
        with store_files.replacing_folder(_index_folder(project)) as folder:
            for name, table in after.tables(params).items():
                store_files.write_table(folder / f"{name}.parquet", table)
    return done


def _load_index(project: Project) -> room.Index:
    """What the last build with the same parameters remembers; empty if none was whole."""
    params, folder = project.params.dedup, _index_folder(project)
    paths = {name: folder / f"{name}.parquet" for name in room.Index.empty(params).tables(params)}
    if not all(path.exists() for path in paths.values()):
        return room.Index.empty(params)
    tables = {name: store_files.read_table(path) for name, path in paths.items()}
    return room.Index.load(tables, params)


def _index_folder(project: Project) -> Path:
    return project.workspace.root / "dedup-index" / index_key(project.params.dedup)[:32]


def finish(project: Project) -> None:
    """Nothing is left to do."""
    del project
