"""Verify: does a copy hold, byte for byte and law for law, what its publisher signed?

    (1) the manifest is believed (see `trust`), and is the one that the lock pins
    (2) the lock lists what its release lists, less what was not asked for
    (3) the release brings the key that signed it
    (4) every check of `release.checks` holds: the ones that the publisher's gate makes too
    (5) the tag on the Hub is where the lock pinned it

(5) needs the Hub; it is left out only where there is no lock, or the caller says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stackyard.client.licenses import admits, fold
from stackyard.client.lock import LOCK, Lock, LockedFile, files_in, read_lock
from stackyard.client.optouts import PublicOptOuts
from stackyard.client.pull import wanted
from stackyard.client.trees import Folder
from stackyard.client.trust import PUBLIC_KEY, Release, open_release, own_key
from stackyard.errors import StackyardError, UsageError, VerificationError
from stackyard.release import checks
from stackyard.release.checks import Finding
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
    findings += _own_key(tree, release)  # (3)
    expected = lock.files if lock else tuple(_all_files(release.manifest))
    held = _held(tree, lock, expected)
    found, rows = checks.check(release.manifest, held, PublicOptOuts())  # (4)
    findings += found.all()
    if lock is not None and resolve is not None:  # (5)
        findings += _tag(lock, resolve)
    return Verified(
        name=release.name,
        manifest_sha256=release.sha256,
        key=release.key,
        pinned=trusted is not None,
        files=len(expected),
        size_bytes=sum(file.size_bytes for file in expected),
        rows=rows.count,
        findings=tuple(sorted(set(findings))),
    )


def _held(tree: Folder, lock: Lock | None, expected: tuple[LockedFile, ...]) -> checks.Held:
    paths = {path.relative_to(tree.root).as_posix() for path in files_in(tree.root)} - {LOCK}
    allowed = fold(lock.licenses) if lock and lock.licenses else None
    return checks.Held(
        paths=frozenset(paths),
        open_file=tree.open,
        expected={file.path: (file.sha256, file.size_bytes) for file in expected},
        filtered=frozenset(file.path for file in expected if file.source_sha256 is not None),
        gone=frozenset(lock.removed if lock else ()),
        admits=None if allowed is None else lambda name: admits(name, allowed),
    )


def _own_key(tree: Folder, release: Release) -> Iterator[Finding]:
    """A release may leave its key to its publisher to tell; one that it brings must be its own."""
    if release.manifest.file(PUBLIC_KEY) is None:
        return
    try:
        brought = own_key(tree, release.manifest)
    except VerificationError:
        return  # (4) says what is wrong with the file.
    if brought != release.key:
        yield Finding(PUBLIC_KEY, f"is not the key that signed: {brought[:64]}")


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
