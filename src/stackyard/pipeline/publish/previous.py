"""The release before this one: what the Hub has now, as inputs of the stage release.

Out, under `work/previous/`: `bump.json`; and unless there is no release yet `manifest.json`, `files/`
(its documents, under their paths), `rows.parquet` (ROW_COLUMNS and `shard` of every row) and
`known.parquet` (FILE_KEY of every file it had a word about). And `work/released/rows.parquet`: RELEASED.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.client.opened import Opened, open_version
from stackyard.hub import EmbeddedHub
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.keys import PUBLIC
from stackyard.pipeline.publish.growth import require_growth
from stackyard.record import BLOB_ID, FILE_KEY, FILES
from stackyard.release.diff import ROW_COLUMNS, empty_rows
from stackyard.release.manifest import File, Manifest, Previous, identity
from stackyard.release.semver import version_key
from stackyard.store import files
from stackyard.store.hub import HubDataset, untagged_at

RELEASED = pa.schema([FILES.field(name) for name in ("repo_name", "path", "blob_id")])
"""Rows of the last release, for the policy `released_wins`."""

LOCAL_HUB = "hub"
"""Folder of the embedded Hub, in `.stackyard/`."""


@contextmanager
def hub_endpoint(project: Project) -> Iterator[str | None]:
    """The endpoint to publish to: the embedded Hub, served for the time of the call, or HF_ENDPOINT's."""
    if project.params.publish.hub == "hf":
        yield None
        return
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    with EmbeddedHub(project.private / LOCAL_HUB) as hub:
        yield hub.endpoint


def latest(dataset: HubDataset) -> tuple[str, str] | None:
    """Version and commit of the newest release, or None."""
    dataset.ensure()
    versions = dataset.versions()
    if not versions:
        return None
    version = max(versions, key=version_key)
    return version, versions[version]


def newest_release(project: Project, dataset: HubDataset) -> Opened | None:
    """The Hub's newest release, signed by this project's key; None before the first.

    Raises:
        VerificationError: it is not what its tag says, or main is beyond it: a tag is hidden or gone.
    """
    newest = latest(dataset)
    opened, known = None, None
    if newest is not None:
        key = (project.root / PUBLIC).read_text(encoding="ascii").strip()
        opened = open_version(dataset, newest[0], key)
        known = Previous(newest[0], opened.release.sha256)
    untagged_at(dataset, dataset.head(), known)
    return opened


def newest_is_here(project: Project) -> bool:
    """Whether the tree in `release/` is the Hub's newest version."""
    here = released_here(project)
    with hub_endpoint(project) as endpoint:
        newest = newest_release(project, HubDataset(project.params.publish.repo, endpoint))
        return here is not None and newest is not None and newest.release.sha256 == identity(here)


def fetch_previous(project: Project, bump: str) -> None:
    """Gets the last release's words, as inputs of stages dedup and release.

    Raises:
        VerificationError: the Hub's newest version is not what its tag says, or is beyond what this
            project knows of opt-outs.
        EnvironmentFault: the Hub cannot be reached.
    """
    shutil.rmtree(project.dry_folder, ignore_errors=True)  # what it speaks of is over
    with hub_endpoint(project) as endpoint:
        dataset = HubDataset(project.params.publish.repo, endpoint)
        newest = newest_release(project, dataset)
        if newest is not None:
            require_growth(project, newest)
        here = released_here(project)
        same = newest is not None and here is not None and newest.release.sha256 == identity(here)
        with files.replacing_folder(project.workspace.root / "previous") as folder:
            files.write_bytes(folder / "bump.json", json.dumps({"bump": bump}).encode())
            if newest is not None:
                _write(project, dataset, newest.commit, newest.manifest, folder, from_here=same)
    with files.replacing_folder(project.workspace.root / "released") as folder:
        files.write_table(folder / "rows.parquet", _released_rows(project))


def ensure_previous(project: Project) -> None:
    """Inputs of a first release, where nobody has yet asked the Hub: so that DVC can run alone."""
    root = project.workspace.root
    if not (root / "previous").exists():
        files.write_bytes(root / "previous" / "bump.json", json.dumps({"bump": "auto"}).encode())
    if not (root / "released").exists():
        files.write_table(root / "released" / "rows.parquet", _released_rows(project))


def _released_rows(project: Project) -> pa.Table:
    """RELEASED of the last release where the policy asks for it; else none, so that dedup does not
    depend on history.
    """
    path = project.workspace.root / "previous" / "rows.parquet"
    if project.params.dedup.prefer != "released_wins" or not path.exists():
        return RELEASED.empty_table()
    rows = files.read_table(path, ["repo_name", "path", "blob_id"])
    ids = [bytes.fromhex(each) for each in rows["blob_id"].to_pylist()]
    return rows.set_column(2, "blob_id", pa.array(ids, BLOB_ID)).cast(RELEASED)


def released_here(project: Project) -> Manifest | None:
    """The manifest of the tree in `release/`, if there is one."""
    path = project.release_folder / "manifest.json"
    return Manifest.parse(path.read_bytes()) if path.exists() else None


def previous_manifest(project: Project) -> Manifest | None:
    """What `fetch_previous` got."""
    path = project.workspace.root / "previous" / "manifest.json"
    return Manifest.parse(path.read_bytes()) if path.exists() else None


def previous_document(project: Project, path: str) -> bytes | None:
    """A document of the last release; None before the first, and where it had none."""
    found = project.workspace.root / "previous" / "files" / path
    return found.read_bytes() if found.exists() else None


def row_columns(path: Path, edition: str, shard: str) -> pa.Table:
    """ROW_COLUMNS and `shard` of one shard."""
    table = pq.read_table(path, columns=list(ROW_COLUMNS[1:]), partitioning=None)
    count = len(table)
    return table.add_column(0, "edition", pa.repeat(edition, count)).append_column(
        "shard", pa.repeat(shard, count)
    )


def _write(
    project: Project,
    dataset: HubDataset,
    commit: str,
    manifest: Manifest,
    folder: Path,
    *,
    from_here: bool,
) -> None:
    scratch = project.private / "scratch" / "previous"
    shutil.rmtree(scratch, ignore_errors=True)

    def got(file: File) -> Path:
        here = project.release_folder / file.path
        if from_here and here.is_file() and files.sha256_of(here) == file.sha256:
            return here
        target = scratch / file.path
        dataset.download(commit, file.path, target, sha256=file.sha256, size_bytes=file.size_bytes)
        return target

    schema = pa.schema([(name, pa.string()) for name in FILE_KEY])
    rows, known = [], [schema.empty_table()]
    for file in manifest.files:
        if file.shard is not None:
            path = got(file)
            rows.append(row_columns(path, file.shard.edition, file.path))
            known.append(_offered(path).cast(schema))
        elif file.kind == "decisions":
            table = pq.read_table(got(file), columns=list(FILE_KEY), partitioning=None)
            known.append(table.cast(schema))
        else:
            files.write_bytes(folder / "files" / file.path, got(file).read_bytes())
    none = empty_rows().append_column("shard", pa.array([], pa.string()))
    files.write_table(folder / "rows.parquet", pa.concat_tables(rows) if rows else none)
    every = pa.concat_tables(known).group_by(list(FILE_KEY), use_threads=False).aggregate([])
    order = pc.sort_indices(every, [(name, "ascending") for name in FILE_KEY])
    files.write_table(folder / "known.parquet", every.take(order).select(FILE_KEY))
    files.write_bytes(folder / "manifest.json", manifest.serialise())
    shutil.rmtree(scratch, ignore_errors=True)


def _offered(path: Path) -> pa.Table:
    """FILE_KEY of every file that offers a row's blob."""
    origins = pq.read_table(path, columns=["origins"], partitioning=None)["origins"]
    flat = pc.list_flatten(origins.combine_chunks())
    return pa.table({name: pc.struct_field(flat, name) for name in FILE_KEY})
