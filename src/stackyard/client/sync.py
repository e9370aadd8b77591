"""Sync: bring a copy to where it holds nothing that was removed, and prove it.

    (1) the newest version on the Hub is believed: signed by the pinned key, its registry extends the
        one that the copy was made with, its version is not below the copy's, and it descends from the
        copy's, manifest by manifest (for a purged version by its tombstone); version, registry and yanks
        are not less than what the lock says was seen, and the lock says so from now on
    (2) if there is a later patch of the copy's own major.minor, the copy becomes that patch: patches
        only remove
    (3) contents that the newest removals.jsonl says are gone leave what is still there: the shards of
        the copy, and any other file in the folder that kept the column content_sha256, in one of the
        formats of `converted`
    (4) every such file in the folder is read again: none of the gone contents is in it; files of other
        formats are named, as nothing is said of them

What a sync or pull began and did not end is ended first. If the Hub cannot be reached, or any of this fails, nothing is called up to date.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from stackyard.client import converted, tombstones, yanks
from stackyard.client.lock import LOCK, Lock, LockedFile, files_in, read_lock, refuse_links
from stackyard.client.opened import Opened, newest, open_version
from stackyard.client.pull import Progress, derive, holds, keep_mask, pull, scratch
from stackyard.client.seen import grown, refuse_less
from stackyard.client.trees import Folder
from stackyard.client.trust import checked, open_registry, open_release
from stackyard.errors import UsageError, VerificationError
from stackyard.optout.registry import extends
from stackyard.release import removals
from stackyard.release.manifest import Manifest, Previous
from stackyard.release.names import ENVELOPE, MANIFEST, UNLISTED
from stackyard.release.semver import version_key
from stackyard.store.hub import HubDataset

COLUMN = "content_sha256"
REMOVALS = "removals.jsonl"


@dataclass(frozen=True)
class Synced:
    """What a sync did.

    Attributes:
        before, after: the copy's version.
        newest: the newest version on the Hub, whose removals were applied.
        removed_rows: rows taken out of files of the folder beside moving to another version.
        other_files: files that are not of the release and lost rows, by path.
        checked_files: files that were read and hold nothing that is gone.
        gone: how many contents the dataset removed so far.
        yanked: why the version that the copy is of now was yanked; empty if it was not.
        unread: files that are not of the release and of no format that is looked into, by path.
    """

    before: str
    after: str
    newest: str
    removed_rows: int
    other_files: tuple[str, ...]
    checked_files: int
    gone: int
    yanked: str
    unread: tuple[str, ...] = ()


def sync(dataset: HubDataset, folder: Path, progress: Progress = lambda _size: None) -> Synced:
    """Applies all removals to a copy.

    Raises:
        UsageError: the folder is no copy.
        VerificationError: the newest release is not believed, or something that is gone is left.
        EnvironmentFault: the Hub cannot be reached.
    """
    lock = read_lock(folder)
    if lock is None:
        raise UsageError(f"{folder} is no copy", next_step="run `stackyard pull` first")
    refuse_links(folder)
    if not lock.files:
        lock = _finished(dataset, folder, lock, progress)
    latest, lock = _believed(dataset, folder, lock)  # (1)
    listed = latest.manifest.file(REMOVALS)
    if listed is None:
        raise VerificationError(f"{latest.release.name} does not hold {REMOVALS}")
    gone = removals.gone(checked(latest.tree, listed))
    before = lock.version
    with _set_aside(folder, {file.path for file in lock.files}) as others:
        lock = _to_patch(dataset, folder, lock, progress)  # (2)
    removed, lock = _from_shards(folder, lock, gone)  # (3)
    changed, rows = _from_others(folder, others, gone)
    return Synced(
        before=before,
        after=lock.version,
        newest=latest.manifest.version,
        removed_rows=removed + rows,
        other_files=changed,
        checked_files=_prove(folder, lock, gone),  # (4)
        gone=len(gone),
        yanked=yanks.read(dataset, lock.key).get(lock.version, ""),
        unread=tuple(name for name in others if converted.kind_of(name) is None),
    )


def _finished(dataset: HubDataset, folder: Path, lock: Lock, progress: Progress) -> Lock:
    """Ends what an earlier sync or pull began, of the version that the lock pins."""
    release = open_version(dataset, lock.version, lock.key).manifest
    own = {file.path for file in release.files} | {MANIFEST, ENVELOPE}
    with _set_aside(folder, own):
        return pull(
            dataset,
            lock.version,
            folder,
            languages=lock.languages,
            licenses=lock.licenses,
            yanked=True,  # the folder holds of it already; what comes now leaves it
            progress=progress,
        ).lock


def _believed(dataset: HubDataset, folder: Path, lock: Lock) -> tuple[Opened, Lock]:
    version = newest(dataset)
    refuse_less(dataset, lock.seen, version, lock.key)
    latest = open_version(dataset, version, lock.key)
    if version_key(latest.manifest.version) < version_key(lock.version):
        raise VerificationError(
            f"the newest version on the Hub is below that of {folder}: it was rolled back",
            expected=f"{lock.version} or later",
            found=latest.manifest.version,
        )
    mine = open_release(Folder(folder), lock.key)
    if mine.sha256 != lock.manifest_sha256:
        raise VerificationError(
            f"{folder} does not hold the manifest that its lock pins",
            next_step="run `stackyard verify` on it",
        )
    log = open_registry(latest.tree, latest.manifest)
    extends(log, open_registry(Folder(folder), mine.manifest).note)
    tombstones.check_chain(
        dataset, latest.manifest, lock.key, Previous(lock.version, lock.manifest_sha256)
    )
    # Of a purged version that was the newest, the log that was seen with it still counts.
    seen = lock.seen and replace(
        lock.seen, version=min(lock.seen.version, version, key=version_key)
    )
    lock = replace(lock, seen=grown(seen, version, log, yanks.read(dataset, lock.key)))
    lock.write(folder)
    return latest, lock


def _to_patch(dataset: HubDataset, folder: Path, lock: Lock, progress: Progress) -> Lock:
    """(2) The newest patch of the same major.minor that is not yanked."""
    yanked = yanks.read(dataset, lock.key)
    line = version_key(lock.version)[:2]
    later = [
        version
        for version in dataset.versions()
        if version_key(version)[:2] == line
        and version_key(version) > version_key(lock.version)
        and version not in yanked
    ]
    if not later:
        return lock
    version = later[-1]
    opened = open_version(dataset, version, lock.key)
    start = replace(
        lock,
        version=version,
        commit=opened.commit,
        manifest_sha256=opened.release.sha256,
        languages=_still_there(opened.manifest, lock.languages),
        files=(),
    )
    _drop_stale(folder, lock, opened.manifest)
    start.write(folder)
    return pull(
        dataset,
        version,
        folder,
        languages=start.languages,
        licenses=start.licenses,
        progress=progress,
    ).lock


def _still_there(manifest: Manifest, languages: tuple[str, ...]) -> tuple[str, ...]:
    known = {file.shard.language for file in manifest.shards if file.shard}
    if languages and not set(languages) & known:
        raise UsageError(
            f"{manifest.name}@{manifest.version} has none of this copy's languages any more",
            next_step="remove the copy: all of it was removed from the dataset",
        )
    return tuple(name for name in languages if name in known)


def _drop_stale(folder: Path, lock: Lock, manifest: Manifest) -> None:
    """Removes files of the old version that the new one lacks, before it is pulled over them.

    Its manifest stays: without it a sync that is stopped here could not be begun again.
    """
    listed = {file.path for file in manifest.files} | set(UNLISTED)
    for file in lock.files:
        if file.path not in listed:
            (folder / file.path).unlink(missing_ok=True)


@contextmanager
def _set_aside(folder: Path, own: Collection[str]) -> Iterator[list[str]]:
    """Moves files that are not the release's `own` out of a pull's way, and back; gives their paths."""
    aside = folder.with_name(f".{folder.name}.others")
    _move_all(aside, folder)  # What a killed sync left.
    known = {*own, LOCK}
    others = [path for path in files_in(folder) if path.relative_to(folder).as_posix() not in known]
    names = [path.relative_to(folder).as_posix() for path in others]
    for path, name in zip(others, names, strict=True):
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        path.rename(aside / name)
    try:
        yield names
    finally:
        _move_all(aside, folder)


def _move_all(source: Path, target: Path) -> None:
    if not source.exists():
        return
    for path in files_in(source):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.rename(place)
    shutil.rmtree(source)


def _from_shards(folder: Path, lock: Lock, gone: frozenset[str]) -> tuple[int, Lock]:
    """(3) over the files of the copy; the lock then says which contents were taken out."""
    manifest = open_release(Folder(folder), lock.key).manifest
    shards = {file.path: file for file in manifest.shards}
    files = {file.path: file for file in lock.files}
    found: set[str] = set()
    removed = 0
    for path in sorted(shards.keys() & files.keys()):
        here = converted.held(folder / path, gone)
        if not here:
            continue
        found |= here
        entry, rows = _without(folder, shards[path].path, files[path], gone, manifest)
        removed += rows
        if entry is None:
            del files[path]
        else:
            files[path] = entry
    if found:
        lock = replace(
            lock,
            removed=tuple(sorted({*lock.removed, *found})),
            files=tuple(sorted(files.values())),
        )
        lock.write(folder)
    return removed, lock


def _without(
    folder: Path, path: str, entry: LockedFile, gone: frozenset[str], manifest: Manifest
) -> tuple[LockedFile | None, int]:
    file = manifest.file(path)
    assert file is not None
    target = folder / path
    if not holds(target, entry.sha256, entry.size_bytes):
        raise VerificationError(
            f"{path} is not what the lock lists", next_step="run `stackyard pull` to mend the copy"
        )
    before = pq.read_metadata(target).num_rows
    with scratch(folder) as temporary:
        source = temporary / "source"
        source.hardlink_to(target)
        derived = derive(source, target, file, lambda table: keep_mask(table, None, tuple(gone)))
    after = pq.read_metadata(target).num_rows if derived is not None else 0
    if derived is not None:
        derived = replace(derived, source_sha256=entry.source_sha256 or file.sha256)
    return derived, before - after


def _from_others(
    folder: Path, names: list[str], gone: frozenset[str]
) -> tuple[tuple[str, ...], int]:
    """(3) over converted and filtered files of the user's own."""
    changed = []
    removed = 0
    for name in names:
        path = folder / name
        if converted.kind_of(name) is None or not converted.held(path, gone):
            continue
        with scratch(folder) as temporary:
            target = temporary / path.name
            removed += converted.rewrite(path, target, gone)
            target.replace(path)
        changed.append(name)
    return tuple(changed), removed


def _prove(folder: Path, lock: Lock, gone: frozenset[str]) -> int:
    """(4) How many files were read; by their contents where they have them, not by a column alone."""
    checked_files = 0
    own = {file.path for file in lock.files if not file.path.endswith(".parquet")}  # removals.jsonl
    for path in files_in(folder):
        name = path.relative_to(folder).as_posix()
        if converted.kind_of(name) is None or name in own:
            continue
        left = converted.held(path, gone) | converted.hashed(path, gone)
        if left:
            raise VerificationError(
                f"{name} still holds {len(left)} contents that were removed",
                found=min(left),
                next_step="remove it: its rows do not say which content they hold",
            )
        checked_files += 1
    return checked_files
