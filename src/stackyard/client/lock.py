"""stackyard.lock: which release a copy is of, and which files of it are there.

One JSON document, indented, keys sorted, newline at the end: it is meant to be committed by those
who use the copy. A lock pins: the commit, the manifest and the signer's key that it names are the
only ones that `pull` and `sync` take.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stackyard.errors import StackyardError, UsageError, VerificationError
from stackyard.params import build, plain
from stackyard.release.names import parse_shard_path

LOCK = "stackyard.lock"
FORMAT = "stackyard-lock/1"


@dataclass(frozen=True, order=True)
class LockedFile:
    """A file of the copy. `source_sha256` is the release's own hash of a file that was filtered."""

    path: str
    sha256: str
    size_bytes: int
    source_sha256: str | None = None


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


def files_in(folder: Path) -> Iterator[Path]:
    """All that is no folder in a copy, sorted; links too, which no release holds."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            yield path


def language_of_shard(path: str) -> str:
    return parse_shard_path(path)[1]


def _inside(path: str) -> bool:
    return not path.startswith("/") and not {"", ".", ".."} & set(path.split("/"))


def _damaged(found: str) -> VerificationError:
    return VerificationError(
        f"{LOCK} cannot be read",
        found=found,
        next_step="restore it from where you keep it, or pull into another folder",
    )
