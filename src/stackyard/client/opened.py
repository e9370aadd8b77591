"""A release opened for reading its tables: from a folder, or in place on a Hub by ranges.

On a Hub, manifest and signature are checked and the files are those of the commit that the tag is at
now; of a file only the ranges that a question needs are fetched, so its hash is not checked. Who needs
every byte checked pulls first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from stackyard.client import tombstones, yanks
from stackyard.client.lock import read_lock
from stackyard.client.trees import Commit, Folder
from stackyard.client.trust import Release, Tree, open_release
from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.release.manifest import File, Manifest
from stackyard.release.shards import schema_of
from stackyard.store.hub import HubDataset


@dataclass(frozen=True)
class Opened:
    """A release, and how to read its files."""

    release: Release
    tree: Tree
    root: Path | None = None
    dataset: HubDataset | None = None
    commit: str = ""

    @property
    def manifest(self) -> Manifest:
        return self.release.manifest

    @property
    def edition(self) -> str:
        """The edition that one gets without naming any: the first one with contents."""
        section = self.manifest.params.get("release")
        named = list(section.get("editions", ())) if isinstance(section, dict) else []
        there = sorted({file.shard.edition for file in self.manifest.shards if file.shard})
        order = [name for name in named if name in there] or there
        return next((name for name in order if name != "ids"), order[0] if order else "permissive")

    def shards(self) -> list[File]:
        """The shards of `edition` that are there, in the order of their paths."""
        return [
            file
            for file in self.manifest.shards
            if file.shard and file.shard.edition == self.edition and self._has(file)
        ]

    def decisions(self) -> list[File]:
        return [
            file for file in self.manifest.files if file.kind == "decisions" and self._has(file)
        ]

    def _has(self, file: File) -> bool:
        return self.root is None or (self.root / file.path).is_file()

    def table_of(self, files: list[File], schema: pa.Schema | None = None) -> Any:
        """A pyarrow dataset over Parquet files of the release, in their order."""
        if not files:
            empty = (schema or schema_of(self.edition)).empty_table()
            return ds.dataset(empty)
        if self.root is not None:
            places = [str(self.root / file.path) for file in files]
            return ds.dataset(places, schema=schema, format="parquet", partitioning=None)
        assert self.dataset is not None
        places = [self.dataset.location(self.commit, file.path) for file in files]
        return ds.dataset(
            places,
            schema=schema,
            format="parquet",
            partitioning=None,
            filesystem=pafs.PyFileSystem(pafs.FSSpecHandler(self.dataset.filesystem())),
        )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turns what reading tables raises into our errors."""
        try:
            with self.dataset.faults() if self.dataset else nullcontext():
                yield
        except pa.ArrowException as error:
            raise EnvironmentFault(
                f"a table of {self.release.name} cannot be read: {' '.join(str(error).split())[:200]}",
                next_step="run `stackyard verify` on it",
            ) from error


def open_folder(root: Path, key: str | None = None) -> Opened:
    """A copy on disk; its lock's key is trusted if no other is given.

    Raises:
        VerificationError: its manifest is not believed.
    """
    lock = read_lock(root)
    tree = Folder(root)
    return Opened(open_release(tree, key or (lock.key if lock else None)), tree, root=root)


def open_version(dataset: HubDataset, version: str, key: str | None = None) -> Opened:
    """A version on a Hub.

    Raises:
        VerificationError: its manifest is not believed, or it was purged.
    """
    commit = tombstones.resolve(dataset, version)
    tree = Commit(dataset, commit)
    release = open_release(tree, key, (dataset.repo, version))
    return Opened(release, tree, dataset=dataset, commit=commit)


def newest(dataset: HubDataset) -> str:
    """The newest version.

    Raises:
        UsageError: there is none.
    """
    versions = list(dataset.versions())
    if not versions:
        raise UsageError(f"dataset {dataset.repo} has no released version")
    return versions[-1]


def newest_unyanked(dataset: HubDataset, key: str | None) -> str:
    """The newest version that is not yanked.

    Args:
        dataset: on its Hub.
        key: hex of the public key to trust; None is the one that the newest release brings.

    Raises:
        UsageError: there is no version.
        VerificationError: all are yanked, or the list of yanks cannot be believed.
    """
    last = newest(dataset)
    yanked = yanks.read(dataset, open_version(dataset, last, key).release.key)
    left = [version for version in dataset.versions() if version not in yanked]
    if not left:
        raise VerificationError(
            f"every version of {dataset.repo} is yanked",
            found=f"{last}: {yanked[last]}",
            next_step=f"name one, as in {dataset.repo}@{last}, if you need it",
        )
    return left[-1]
