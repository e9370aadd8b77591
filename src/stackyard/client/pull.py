"""Pull: a verified copy of a version, or of a part of it, with a lock that pins it.

The copy is written file by file, each under its name only when its hash is right; the lock comes
first, without files, and again at the end with them. So a pull that was killed goes on when it is run
again, and a copy whose lock lists its files is whole.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.client import tombstones, yanks
from stackyard.client.licenses import admits, fold
from stackyard.client.lock import LOCK, Lock, LockedFile, files_in, read_lock, refuse_links
from stackyard.client.opened import newest
from stackyard.client.seen import grown, refuse_less
from stackyard.client.trees import Commit, Folder
from stackyard.client.trust import Release, open_registry, open_release
from stackyard.errors import UsageError, VerificationError
from stackyard.release.manifest import File, Manifest
from stackyard.release.names import ENVELOPE, MANIFEST
from stackyard.store.hub import HubDataset

DOWNLOADS = 4
"""Files at a time: enough to fill a line, few enough not to be throttled."""

PARTIAL = re.compile(r"\..+\.[0-9]+\.part")
"""Names under which `HubDataset.download` writes."""

Progress = Callable[[int], None]
"""Told the bytes of each file that is there."""


@dataclass(frozen=True)
class Pulled:
    """What a pull did: the copy, its lock, and how many files and bytes were fetched for it."""

    folder: Path
    lock: Lock
    fetched_files: int
    fetched_bytes: int
    first_use: bool


def pull(
    dataset: HubDataset,
    version: str,
    folder: Path,
    *,
    languages: tuple[str, ...] = (),
    licenses: tuple[str, ...] = (),
    key: str | None = None,
    yanked: bool = False,
    progress: Progress = lambda _size: None,
) -> Pulled:
    """Brings a version into a folder; run again, it fetches what is missing or damaged.

    Args:
        dataset: where it is.
        version: which.
        folder: empty, not there, or a copy of the same.
        languages: names of languages; all if empty.
        licenses: SPDX ids; rows that these do not admit are left out. All if empty.
        key: hex of the public key to trust, if the folder has no lock that pins one.
        yanked: take a yanked version too.
        progress: told of each file.

    Raises:
        VerificationError: it is yanked or was purged, or the tag, the manifest or the key are not the pinned ones,
            or a signature or hash does not hold.
        UsageError: the folder holds something else, or there is no such version, language or licence.
        EnvironmentFault: the Hub cannot be reached: then nothing is taken from anywhere else.
    """
    old = _lock_of(folder)
    commit = tombstones.resolve(dataset, version)
    if old is not None:
        refuse_less(dataset, old.seen, newest(dataset), old.key)
    if old is not None and old.commit != commit and old.version == version:
        moved = tombstones.moved_by_purge(dataset, version, old.manifest_sha256, old.key)
        old = replace(old, commit=commit) if moved else old
    pinned = _pinned(old, dataset.repo, version, commit, key)
    release = open_release(Commit(dataset, commit), pinned, (dataset.repo, version))
    _check_manifest(old, release)
    if not yanked:
        yanks.refuse(dataset, version, release.key)
    names = _languages(release.manifest, languages)
    lock = Lock(
        dataset=dataset.repo,
        version=version,
        commit=commit,
        manifest_sha256=release.sha256,
        key=release.key,
        languages=names,
        licenses=tuple(sorted(set(licenses))),
        removed=old.removed if old else (),
        files=(),
        seen=old.seen if old else None,
    )
    if old is not None and replace(old, files=()) != lock:
        raise UsageError(
            f"{folder} is a copy of other languages or licences of this version",
            next_step="pull into another folder",
        )
    fold(licenses)
    folder.mkdir(parents=True, exist_ok=True)
    if old is None:
        lock.write(folder)
    work = _Work(dataset, folder, release, lock, progress)
    files = work.fetch(old)
    lock = replace(lock, files=files)
    _drop_others(folder, lock)
    log = open_registry(Folder(folder), release.manifest)
    lock = replace(lock, seen=grown(lock.seen, version, log))
    lock.write(folder)
    return Pulled(folder, lock, work.fetched_files, work.fetched_bytes, pinned is None)


def _lock_of(folder: Path) -> Lock | None:
    if not folder.exists():
        return None
    refuse_links(folder)
    lock = read_lock(folder)
    if lock is None and any(folder.iterdir()):
        raise UsageError(
            f"{folder} is not empty, and holds no {LOCK}",
            next_step="pull into a folder of its own: --to DIR",
        )
    return lock


def _pinned(old: Lock | None, repo: str, version: str, commit: str, key: str | None) -> str | None:
    """The key to trust, after checking that the lock is of this version, at this commit."""
    if old is None:
        return key.strip() if key is not None else None
    if (old.dataset, old.version) != (repo, version):
        raise UsageError(
            f"the folder holds {old.dataset}@{old.version}",
            expected=f"{repo}@{version}, or an empty folder",
            next_step="pull into another folder, or bring this one forward with `stackyard sync`",
        )
    if old.commit != commit:
        raise VerificationError(
            f"the tag v{version} of {repo} was moved since it was pinned",
            expected=f"commit {old.commit}",
            found=f"commit {commit}",
            next_step="do not use it; ask its publisher why a released version changed",
        )
    if key is not None and key.strip() != old.key:
        raise VerificationError(
            f"{LOCK} pins another key than --key", expected=old.key, found=key.strip()[:80]
        )
    return old.key


def _check_manifest(old: Lock | None, release: Release) -> None:
    if old is not None and old.manifest_sha256 != release.sha256:
        raise VerificationError(
            f"{release.name} has another manifest than the one that {LOCK} pins",
            expected=f"sha256 {old.manifest_sha256}",
            found=f"sha256 {release.sha256}",
            next_step="do not use it; ask its publisher why a released version changed",
        )


def _languages(manifest: Manifest, asked: tuple[str, ...]) -> tuple[str, ...]:
    """The released names of the languages asked for, in any letter case, sorted."""
    known = {file.shard.language for file in manifest.shards if file.shard}
    folded = {name.lower(): name for name in known}
    for name in asked:
        if name.lower() not in folded:
            raise UsageError(
                f"{manifest.name}@{manifest.version} has no language {name!r}",
                expected=f"one of {', '.join(sorted(known))}",
            )
    return tuple(sorted({folded[name.lower()] for name in asked}))


def wanted(manifest: Manifest, languages: tuple[str, ...]) -> Iterator[File]:
    """The files of a copy: all but the shards of other languages."""
    for file in manifest.files:
        if file.shard is None or not languages or file.shard.language in languages:
            yield file


class _Work:
    def __init__(
        self,
        dataset: HubDataset,
        folder: Path,
        release: Release,
        lock: Lock,
        progress: Progress,
    ) -> None:
        self.dataset, self.folder = dataset, folder
        self.release, self.lock, self.progress = release, lock, progress
        self.allowed = fold(lock.licenses) if lock.licenses else None
        self.fetched_files = self.fetched_bytes = 0

    def fetch(self, old: Lock | None) -> tuple[LockedFile, ...]:
        """Brings all files; their entries for the lock, sorted."""
        todo = list(wanted(self.release.manifest, self.lock.languages))
        with scratch(self.folder) as temporary, ThreadPoolExecutor(DOWNLOADS) as pool:
            entries = list(pool.map(lambda file: self._one(file, old, temporary), todo))
        entries += [self._unlisted(path) for path in (MANIFEST, ENVELOPE)]
        return tuple(sorted(entry for entry in entries if entry is not None))

    def _one(self, file: File, old: Lock | None, temporary: Path) -> LockedFile | None:
        known = old.file(file.path) if old else None
        filtered = file.shard is not None and bool(self.allowed is not None or self.lock.removed)
        target = self.folder / file.path
        if known is not None and holds(target, known.sha256, known.size_bytes):
            self.progress(file.size_bytes)
            return known
        if filtered and known is None and old is not None and old.files:
            return None  # It was read before, and no row of it was left.
        if not filtered:
            if not holds(target, file.sha256, file.size_bytes):
                self._download(file, target)
            self.progress(file.size_bytes)
            return LockedFile(file.path, file.sha256, file.size_bytes)
        source = temporary / file.sha256
        self._download(file, source)
        entry = derive(source, target, file, self._mask)
        source.unlink()
        self.progress(file.size_bytes)
        return entry

    def _mask(self, table: pa.Table) -> pa.ChunkedArray:
        return keep_mask(table, self.allowed, self.lock.removed)

    def _download(self, file: File, target: Path) -> None:
        self.dataset.download(
            self.lock.commit,
            file.path,
            target,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
        )
        self.fetched_files += 1
        self.fetched_bytes += file.size_bytes

    def _unlisted(self, path: str) -> LockedFile:
        content = Commit(self.dataset, self.lock.commit).read(path)
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.folder / path
        if not holds(target, sha256, len(content)):
            target.unlink(missing_ok=True)
            target.write_bytes(content)
        return LockedFile(path, sha256, len(content))


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A folder for files in passing, on the same file system; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix=".stackyard-", dir=folder) as name:
        yield Path(name)


def holds(path: Path, sha256: str, size_bytes: int) -> bool:
    """Whether a plain file with these bytes lies there."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != size_bytes:
        return False
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest() == sha256


def keep_mask(
    table: pa.Table, allowed: frozenset[str] | None, removed: tuple[str, ...]
) -> pa.ChunkedArray:
    """Which rows stay: their licence is admitted, and their content was not removed."""
    mask = pa.chunked_array([pa.array(np.ones(len(table), bool))])
    if allowed is not None:
        names = pc.unique(table["license_expression"]).to_pylist()
        good = pa.array([name for name in names if admits(name, allowed)], pa.string())
        mask = pc.and_(mask, pc.is_in(table["license_expression"], value_set=good))
    if removed:
        contents = table["content_sha256"].cast(pa.string())
        gone = pc.is_in(contents, value_set=pa.array(removed, pa.string()))
        mask = pc.and_(mask, pc.invert(gone))
    return mask


def derive(
    source: Path,
    target: Path,
    file: File,
    mask: Callable[[pa.Table], pa.ChunkedArray],
) -> LockedFile | None:
    """Writes the rows of a shard that a mask keeps, all columns; None if there are none.

    A shard that loses nothing stays as it is, byte for byte.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = source.with_name(f"{source.name}.out")
    kept = 0
    with pq.ParquetFile(source) as parquet:
        total = parquet.metadata.num_rows
        with pq.ParquetWriter(temporary, parquet.schema_arrow, compression="zstd") as writer:
            for number in range(parquet.metadata.num_row_groups):
                group = parquet.read_row_group(number)
                rows = group.filter(mask(group))
                if len(rows):
                    writer.write_table(rows, row_group_size=len(rows))
                kept += len(rows)
    if kept == 0:
        target.unlink(missing_ok=True)
        return None
    if kept == total:
        source.with_name(f"{source.name}.whole").hardlink_to(source)
        source.with_name(f"{source.name}.whole").replace(target)
        return LockedFile(file.path, file.sha256, file.size_bytes)
    with temporary.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    size_bytes = temporary.stat().st_size
    temporary.replace(target)
    return LockedFile(file.path, sha256, size_bytes, source_sha256=file.sha256)


def _drop_others(folder: Path, lock: Lock) -> None:
    """Removes what a killed download left; refuses what else is no file of the copy: it would be read with it."""
    listed = {file.path for file in lock.files} | {LOCK}
    for path in files_in(folder):
        name = path.relative_to(folder).as_posix()
        if name not in listed and PARTIAL.fullmatch(path.name):
            path.unlink()
        elif name not in listed:
            raise VerificationError(
                f"{name} lies in {folder} and is no file of {lock.dataset}@{lock.version}",
                next_step="move it away: it would be read as a part of the dataset",
            )
