"""Verify: does a copy hold, byte for byte and law for law, what its publisher signed?

    (1) the manifest is believed (see `trust`), and is the one that the lock pins
    (2) the lock lists what its release lists, less what was not asked for
    (3) every file is there with its size and hash, and nothing else is
    (4) the registry's log is what its checkpoint was signed for
    (5) the laws of rows hold (see `laws`)
    (6) the tag on the Hub is where the lock pinned it

(6) needs the Hub; it is left out only where there is no lock, or the caller says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stackyard.client import laws
from stackyard.client.laws import Finding
from stackyard.client.licenses import admits, fold
from stackyard.client.lock import LOCK, Lock, LockedFile, files_in, read_lock
from stackyard.client.pull import wanted
from stackyard.client.trees import Folder
from stackyard.client.trust import Release, open_registry, open_release
from stackyard.errors import StackyardError, UsageError, VerificationError
from stackyard.release import removals
from stackyard.release.manifest import Manifest
from stackyard.release.names import UNLISTED

Resolve = Callable[[str, str], str]
"""Commit of (dataset, version) on the Hub, as it says now."""


@dataclass(frozen=True)
class Verified:
    """What was checked of a copy, and what does not hold, sorted by place.

    Attributes:
        name: dataset and version, as its manifest says.
        manifest_sha256, key: of the release; the key is pinned if a lock or the caller named it.
        files, size_bytes, rows: what was read.
        findings: what does not hold; the copy is good if there are none.
    """

    name: str
    manifest_sha256: str
    key: str
    pinned: bool
    files: int
    size_bytes: int
    rows: int
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return not self.findings


def verify(folder: Path, *, key: str | None = None, resolve: Resolve | None = None) -> Verified:
    """Checks a copy of a release: a folder that was pulled, or any other with all its files.

    Args:
        folder: the copy.
        key: hex of the public key to trust; else that of the lock; else that of the release.
        resolve: asks the Hub for a tag; None leaves (6) out.

    Raises:
        UsageError: the folder is no copy of a release.
        EnvironmentFault: the Hub cannot be reached.
    """
    lock = read_lock(folder)
    trusted = key or (lock.key if lock else None)
    tree = Folder(folder)
    try:
        release = open_release(tree, trusted)  # (1)
    except VerificationError as error:
        finding = Finding("manifest.json", _line(error))
        return Verified(str(folder), "", trusted or "", bool(trusted), 0, 0, 0, (finding,))
    findings = list(_against_lock(release, lock)) if lock else []  # (1), (2)
    expected = lock.files if lock else tuple(_all_files(release.manifest))
    good = {}
    for file in expected:  # (3)
        what = _file(tree, file)
        if what is None:
            good[file.path] = file
        else:
            findings.append(Finding(file.path, what))
    findings += _extra(folder, {file.path for file in expected})
    try:  # (4)
        open_registry(tree, release.manifest)
    except VerificationError as error:
        findings.append(Finding("registry", _line(error)))
    try:  # (5)
        rows, found = _rows(folder, release.manifest, lock, good)
    except StackyardError as error:
        rows, found = 0, [Finding("removals.jsonl", _line(error))]
    findings += found
    if lock is not None and resolve is not None:  # (6)
        findings += _tag(lock, resolve)
    return Verified(
        name=release.name,
        manifest_sha256=release.sha256,
        key=release.key,
        pinned=trusted is not None,
        files=len(expected),
        size_bytes=sum(file.size_bytes for file in expected),
        rows=rows,
        findings=tuple(sorted(set(findings))),
    )


def _against_lock(release: Release, lock: Lock) -> Iterator[Finding]:
    manifest = release.manifest
    if lock.manifest_sha256 != release.sha256:
        yield Finding(
            "manifest.json",
            f"has sha256 {release.sha256}, {LOCK} pins {lock.manifest_sha256}",
        )
    if (lock.dataset, lock.version) != (manifest.name, manifest.version):
        yield Finding(
            "manifest.json", f"is of {release.name}, {LOCK} of {lock.dataset}@{lock.version}"
        )
    if not lock.files:
        yield Finding(LOCK, "lists no files: the pull did not end; run it again")
        return
    listed = {file.path: file for file in manifest.files}
    asked = {file.path for file in wanted(manifest, lock.languages)}
    may_lack_rows = bool(lock.licenses or lock.removed)
    for entry in lock.files:
        file = listed.get(entry.path)
        if entry.path in UNLISTED:
            continue
        if file is None or entry.path not in asked:
            yield Finding(entry.path, f"{LOCK} lists it, the release does not")
        elif entry.source_sha256 is None and entry.sha256 != file.sha256:
            yield Finding(entry.path, f"{LOCK} lists another hash than the manifest: {file.sha256}")
        elif entry.source_sha256 not in {None, file.sha256} or (
            entry.source_sha256 and not (may_lack_rows and file.shard)
        ):
            yield Finding(
                entry.path, f"{LOCK} says it is derived from what the release does not hold"
            )
    for path in sorted(asked | set(UNLISTED)):
        file = listed.get(path)
        if lock.file(path) is None and not (may_lack_rows and file is not None and file.shard):
            yield Finding(path, f"the release lists it, {LOCK} does not")


def _all_files(manifest: Manifest) -> Iterator[LockedFile]:
    for file in manifest.files:
        yield LockedFile(file.path, file.sha256, file.size_bytes)


def _file(tree: Folder, file: LockedFile) -> str | None:
    """What is wrong with a file of the copy, or None."""
    try:
        path = tree.path(file.path)
        with path.open("rb") as handle:
            sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
        size_bytes = path.stat().st_size
    except VerificationError as error:
        return error.what
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return "is missing"
    if size_bytes != file.size_bytes:
        return f"has {size_bytes} bytes, not {file.size_bytes}"
    if sha256 != file.sha256:
        return f"has sha256 {sha256}, not {file.sha256}"
    return None


def _extra(folder: Path, expected: set[str]) -> Iterator[Finding]:
    for path in files_in(folder):
        name = path.relative_to(folder).as_posix()
        if name not in expected | {LOCK, *UNLISTED}:
            yield Finding(name, "is no file of the release")


def _rows(
    folder: Path, manifest: Manifest, lock: Lock | None, good: dict[str, LockedFile]
) -> tuple[int, list[Finding]]:
    """(5) over the files whose hashes hold; what is damaged is told already."""
    gone = _gone(folder, good) | set(lock.removed if lock else ())
    allowed = fold(lock.licenses) if lock and lock.licenses else None
    rows = laws.Rows(gone, None if allowed is None else lambda name: admits(name, allowed))
    findings: list[Finding] = []
    for file in manifest.shards:
        entry = good.get(file.path)
        if entry is not None and file.shard is not None:
            filtered = entry.source_sha256 is not None
            place = folder / file.path
            findings += rows.shard(place, file.path, file.shard, filtered=filtered)
    paths = [
        (file.path, folder / file.path)
        for file in manifest.files
        if file.kind == "decisions" and file.path in good
    ]
    table, found = laws.decisions(paths)
    findings += found
    findings += rows.together(table)
    if all(file.path in good for file in manifest.files if file.kind == "decisions"):
        findings += laws.totals(manifest, table)
    return rows.rows, findings


def _gone(folder: Path, good: dict[str, LockedFile]) -> frozenset[str]:
    if "removals.jsonl" not in good:
        return frozenset()
    return removals.gone((folder / "removals.jsonl").read_bytes())


def _tag(lock: Lock, resolve: Resolve) -> Iterator[Finding]:
    try:
        found = resolve(lock.dataset, lock.version)
    except (UsageError, VerificationError) as error:
        yield Finding(f"tag v{lock.version}", f"is gone from the Hub: {_line(error)}")
        return
    if found != lock.commit:
        yield Finding(
            f"tag v{lock.version}", f"was moved: {LOCK} pins commit {lock.commit}, it is at {found}"
        )


def _line(error: StackyardError) -> str:
    return " ".join(str(error).split())
