"""stackyard.lock: which release a copy is of, and which files of it are there.

One JSON document, indented, keys sorted, newline at the end: it is meant to be committed by those
who use the copy. A lock pins: the commit, the manifest and the signer's key that it names are the
only ones that `pull` and `sync` take.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stackyard.errors import StackyardError, UsageError, VerificationError
from stackyard.params import build, plain
from stackyard.release.names import parse_shard_path

LOCK = "stackyard.lock"
_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
FORMAT = "stackyard-lock/1"


@dataclass(frozen=True, order=True)
class LockedFile:
    """A file of the copy. `source_sha256` is the release's own hash of a file that was filtered."""

    path: str
    sha256: str
    size_bytes: int
    source_sha256: str | None = None


@dataclass(frozen=True)
class Seen:
    """The most that was seen of a dataset, signed by the key of its releases: what a Hub shows later may
    be more, and never less.

    Attributes:
        version: the highest version.
        log_size, log_root: of the longest log of opt-outs.
        yanked: versions that were yanked, sorted.
    """

    version: str
    log_size: int
    log_root: str
    yanked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lock:
    """A copy of a release.

    Attributes:
        dataset, version, commit: what was pulled, and which commit its tag was at.
        manifest_sha256: identity of the release.
        key: hex of the Ed25519 public key that signed it.
        languages: languages that were asked for; all if empty.
        licenses: SPDX ids and expressions that were asked for; all if empty.
        removed: contents (content_sha256) that `sync` took out of this copy beyond its version.
        files: what is there, sorted by path.
        seen: the most that was seen of the dataset; None in a lock of before.
    """

    dataset: str
    version: str
    commit: str
    manifest_sha256: str
    key: str
    languages: tuple[str, ...]
    licenses: tuple[str, ...]
    removed: tuple[str, ...]
    files: tuple[LockedFile, ...]
    seen: Seen | None = None

    def file(self, path: str) -> LockedFile | None:
        return next((file for file in self.files if file.path == path), None)

    @property
    def is_derived(self) -> bool:
        """Whether some rows of the release are not in the copy's files."""
        return any(file.source_sha256 is not None for file in self.files)

    def serialise(self) -> bytes:
        document = {"format": FORMAT, **plain(self)}
        return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """The lock of a text.

        Raises:
            VerificationError: it is none.
        """
        try:
            document = json.loads(text)
            if document.pop("format") != FORMAT:
                raise UsageError(f"{LOCK} is of another format", expected=FORMAT)
            lock = build(cls, document, LOCK)
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise _damaged("not a lock") from error
        except StackyardError as error:
            raise _damaged(error.what) from error
        paths = [file.path for file in lock.files]
        if paths != sorted(set(paths)) or not all(_inside(path) for path in paths):
            raise _damaged("files out of order, or outside of the copy")
        if lock.seen is not None and not _is_sound(lock.seen):
            raise _damaged("what was seen of the dataset is no version, size or root")
        return lock

    def write(self, folder: Path) -> None:
        """Writes it whole: temporary name, fsync, rename."""
        write_whole(folder / LOCK, self.serialise())


def read_lock(folder: Path) -> Lock | None:
    """The lock of a copy, None if it has none.

    Raises:
        VerificationError: it is damaged.
    """
    try:
        return Lock.parse((folder / LOCK).read_bytes())
    except FileNotFoundError:
        return None


def write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as sink:
            sink.write(content)
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_links(folder: Path) -> None:
    """Refuses a folder with links in it, before anything is written there.

    Raises:
        VerificationError: there is one: what is written to it would go somewhere else.
    """
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise VerificationError(
                f"{path.relative_to(folder).as_posix()} in {folder} is a link: what is written there "
                "would go somewhere else",
                next_step="move it away, or pull into another folder",
            )


def files_in(folder: Path) -> Iterator[Path]:
    """All that is no folder in a copy, sorted; links too, which no release holds."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path


def language_of_shard(path: str) -> str:
    return parse_shard_path(path)[1]


def _is_sound(seen: Seen) -> bool:
    return (
        _VERSION.fullmatch(seen.version) is not None
        and seen.log_size >= 0
        and _SHA256.fullmatch(seen.log_root) is not None
    )


def _inside(path: str) -> bool:
    return not path.startswith("/") and not {"", ".", ".."} & set(path.split("/"))


def _damaged(found: str) -> VerificationError:
    return VerificationError(
        f"{LOCK} cannot be read",
        found=found,
        next_step="restore it from where you keep it, or pull into another folder",
    )
