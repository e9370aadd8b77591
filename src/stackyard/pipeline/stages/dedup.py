"""Stage dedup: which file stands for its copies and near-copies.

Beside its tables it keeps `dedup-index/<key>/`, what it found out so far: `rows/` has a file a column
of `dedup.increment.Rows`, values of fixed width, only ever added to, and mapped, so a build reads the
signatures that it compares and no others; `state/` has what the last build made of them, and the
names of the files of facts that are in. `state/` is replaced whole and says how many rows count: what
a killed run added after them is cut off. Always holds: without the folder the result is the same, later.
"""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stackyard import dedup as room
from stackyard import filter as filter_room
from stackyard.dedup import ids, kernel, signature
from stackyard.dedup.increment import SCHEMAS, Rows, index_key
from stackyard.dedup.params import Params
from stackyard.dedup.signature import NAME, SIGNATURES, matrix
from stackyard.errors import CorruptWorkspace
from stackyard.pipeline.project import Project
from stackyard.pipeline.stages import fetch
from stackyard.record import FILES
from stackyard.store import files as store_files

_READ = [*FILES.names, "license_type"]
"""What dedup reads of ATTRIBUTES."""

_REPEATED = ("repo_name", "revision_id", "stage", "rule")
"""Columns of few values."""

_CACHE_BYTES = 16 << 20
"""Decoded row groups that are kept: texts are asked for in the order in which they lie, so a few do. Four
times as much, and as large batches of texts, would save a sixth of the time and cost 100 MB."""

_ABSORBED = pa.schema([("facts", pa.string()), ("size_bytes", pa.int64()), ("rows", pa.int64())])
"""Files of facts whose rows are in, in their order, and how many rows each had."""

Absorbed = dict[tuple[str, int], int]
"""Rows by file of facts: its name and size."""


def units(project: Project) -> list[str]:
    """One unit: signatures are small, texts are read only near the threshold."""
    del project
    return ["whole"]


def run(project: Project, unit: str) -> None:
    """Decides over all files that the filter kept."""
    del unit
    params = project.params.dedup
    (detector,) = room.detectors(params)
    store = IndexFolder(_index_folder(project), params)
    index = store.absorb(project.workspace.facts_folder(detector))
    files = store_files.read_table(project.workspace.root / "filter" / "files.parquet", _READ)
    done, after = _build(project, files, index, SIGNATURES.empty_table())
    store.keep(after)
    with store_files.replacing_folder(project.workspace.root / "dedup") as folder:
        _write_rows(folder / "files.parquet", done.files)
        _write_rows(folder / "decisions.parquet", done.decisions)


def deduplicated(project: Project, files: pa.Table, index: room.Index) -> room.Deduped:
    """What the room decides of files with ATTRIBUTES, on top of an index (see `dedup.increment`);
    texts are read near the threshold only, and not for pairs that the index has measured.
    """
    done, _ = _build(project, files.select(_READ), index, _facts(project, files))
    return done


def finish(project: Project) -> None:
    """Removes indexes that were made with other parameters."""
    kept = _index_folder(project)
    for folder in sorted(kept.parent.glob("*")):
        if folder != kept:
            shutil.rmtree(folder)


def _build(
    project: Project, files: pa.Table, index: room.Index, facts: pa.Table
) -> tuple[room.Deduped, room.Index]:
    read = project.workspace.contents(_CACHE_BYTES)

    def texts(blob_ids: pa.Array) -> pa.Table:
        pa.default_memory_pool().release_unused()  # else it keeps what each of the last ones took
        blobs = read(blob_ids)
        text, _ = filter_room.decode(blobs["content"])
        return pa.table({"blob_id": blobs["blob_id"], "text": text})

    def near(blob_ids: pa.Array) -> np.ndarray:
        _, segments, rows = read.index.locate(blob_ids)
        return segments.astype(np.int64) << 32 | rows

    return room.build_on(
        index,
        files,
        project.workspace.origins(fetch.live_keys(project)),
        {NAME: facts},
        texts,
        project.params.dedup,
        released=project.workspace.table("released", "rows"),
        near=near,
    )


def _facts(project: Project, files: pa.Table) -> pa.Table:
    """SIGNATURES of these files' blobs, each held once."""
    (detector,) = room.detectors(project.params.dedup)
    wanted = ids.raw(files["blob_id"])
    found = np.zeros(len(wanted), dtype=np.bool_)
    values = np.empty((len(wanted), kernel.PERMUTATIONS), dtype=np.uint32)
    rows = np.empty(len(wanted), dtype=np.int64)
    count = 0
    for path in _fact_files(project.workspace.facts_folder(detector)):
        part = store_files.read_table(path)
        places = ids.places(wanted, ids.raw(part["blob_id"]))
        asked = np.flatnonzero(places >= 0)
        new = asked[~found[places[asked]]]
        found[places[new]] = True
        here = slice(count, count + new.size)
        rows[here], values[here] = places[new], matrix(part["signature"])[new]
        count += new.size
    return signature.table(wanted[rows[:count]], values[:count])


def _fact_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.parquet"))


def _index_folder(project: Project) -> Path:
    return project.workspace.root / "dedup-index" / index_key(project.params.dedup)[:32]


@dataclass(frozen=True)
class IndexFolder:
    """The index of one set of parameters, in a folder. One run at a time writes to it."""

    folder: Path
    params: Params

    def absorb(self, facts: Path) -> room.Index:
        """The index that is there, with rows for all files of facts that are not in yet.

        It is begun anew if it does not hold together, or files of facts are gone that are in it.
        """
        there = {(path.name, path.stat().st_size): path for path in _fact_files(facts)}
        index, absorbed = self._load()
        if not absorbed.keys() <= there.keys():
            index, absorbed = self._begun()
        new = sorted(there.keys() - absorbed.keys())
        with self._appended(sum(absorbed.values())) as add:
            for key in new:
                part = store_files.read_table(there[key]).select(SIGNATURES.names)
                add(Rows.of(part, self.params))
                absorbed[key] = part.num_rows
        if new:
            rows = [[*key, count] for key, count in absorbed.items()]
            columns = [list(column) for column in zip(*rows, strict=True)]
            _write(self.folder / "absorbed.arrow", pa.table(columns, schema=_ABSORBED))
        return replace(index, rows=self._rows(sum(absorbed.values())))

    def keep(self, index: room.Index) -> None:
        """Stores what a build made of the rows."""
        with store_files.replacing_folder(self.folder / "state") as folder:
            for name, table in index.tables(self.params).items():
                _write(folder / f"{name}.arrow", table)

    def _load(self) -> tuple[room.Index, Absorbed]:
        """The index that is there, and what is in it; empty if it is not whole."""
        paths = {name: self.folder / "state" / f"{name}.arrow" for name in SCHEMAS}
        try:
            table = _read(self.folder / "absorbed.arrow").cast(_ABSORBED)
            columns = (table[name].to_pylist() for name in _ABSORBED.names)
            absorbed = {(name, size): count for name, size, count in zip(*columns, strict=True)}
            rows = self._rows(sum(absorbed.values()))
            tables = {name: _read(path) for name, path in paths.items()}
            return room.Index.load(tables, rows, self.params), absorbed
        except (CorruptWorkspace, FileNotFoundError, pa.ArrowInvalid):
            return self._begun()

    def _begun(self) -> tuple[room.Index, Absorbed]:
        shutil.rmtree(self.folder, ignore_errors=True)
        return room.Index.empty(self.params), {}

    @contextmanager
    def _appended(self, count: int) -> Iterator[Callable[[Rows], None]]:
        """Adds to the files of rows behind the first `count`, and sees them to disk."""
        folder = self.folder / "rows"
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            handles = {
                name: stack.enter_context((folder / f"{name}.bin").open("ab"))
                for name in self._kinds
            }
            for name, handle in handles.items():
                handle.truncate(count * self._kinds[name].itemsize)

            def add(rows: Rows) -> None:
                for name, kind in self._kinds.items():
                    handles[name].write(getattr(rows, name).astype(kind.base, copy=False).data)

            yield add
            for handle in handles.values():
                handle.flush()
                os.fsync(handle.fileno())

    @property
    def _kinds(self) -> dict[str, np.dtype[Any]]:
        """Columns of Rows, and what a row of each is in its file."""
        return {
            "ids": np.dtype((np.uint8, ids.WIDTH)),
            "signatures": np.dtype(("<u4", kernel.PERMUTATIONS)),
            "bands": np.dtype(("<u8", self.params.band_count)),
        }

    def _rows(self, count: int) -> Rows:
        return Rows(*(self._mapped(name, kind, count) for name, kind in self._kinds.items()))

    def _mapped(self, name: str, kind: np.dtype[Any], count: int) -> np.ndarray:
        """The first rows of a file, which is not read before they are looked at.

        Raises:
            CorruptWorkspace: it has fewer.
        """
        path = self.folder / "rows" / f"{name}.bin"
        if path.stat().st_size < count * kind.itemsize:
            raise CorruptWorkspace(f"{path} is cut off", expected=f"{count} rows")
        if count == 0:
            return kernel.fixed(np.empty(0, dtype=kind))
        with path.open("rb") as handle:
            held = mmap.mmap(handle.fileno(), count * kind.itemsize, access=mmap.ACCESS_READ)
        return np.frombuffer(held, dtype=kind)


def _write_rows(path: Path, table: pa.Table) -> None:
    """Parquet as of all stages, but no attempt to compress hashes or to find values that repeat where
    none does: a third of the time, which shows where little else is to do.
    """
    plain = {"blob_id", "dedup_cluster"}
    names = table.column_names
    with store_files.replacing(path) as temporary:
        pq.write_table(
            table.combine_chunks(),
            temporary,
            version="2.6",
            compression={name: "none" if name in plain else "zstd" for name in names},
            use_dictionary=[name for name in _REPEATED if name in names],
        )


def _write(path: Path, table: pa.Table) -> None:
    """An Arrow file: it is read in no time, and would hardly be smaller compressed."""
    with (
        store_files.replacing(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table)


def _read(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        return reader.read_all()
