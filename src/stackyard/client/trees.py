"""Where a release's files are read: a folder, or a commit on a Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stackyard.errors import UsageError, VerificationError
from stackyard.store.hub import HubDataset

SMALL_MAX_BYTES = 256 << 20
"""What is read whole: a log of opt-outs, or removals.jsonl, of a million lines."""


def _too_large(path: str, size_max_bytes: int) -> VerificationError:
    return VerificationError(
        f"{path} is larger than it can be", expected=f"at most {size_max_bytes} bytes"
    )


@dataclass(frozen=True)
class Folder:
    """A copy of a release on disk."""

    root: Path

    def read(self, path: str, size_max_bytes: int = SMALL_MAX_BYTES) -> bytes:
        with self.open(path) as source:
            content = source.read(size_max_bytes + 1)
        if len(content) > size_max_bytes:
            raise _too_large(path, size_max_bytes)
        return content

    def open(self, path: str) -> IO[bytes]:
        """A file for reading.

        Raises:
            VerificationError: there is none, or something else than a plain file.
        """
        place = self.path(path)
        if not place.exists():
            raise VerificationError(f"{path} is missing", found=f"no such file in {self.root}")
        if not place.is_file():  # a device or a pipe would be waited for
            raise VerificationError(f"{path} is no plain file")
        return place.open("rb")

    def path(self, path: str) -> Path:
        """Where a file lies.

        Raises:
            VerificationError: there is a link in its way: it could show one thing and then another.
        """
        place = self.root
        for part in path.split("/"):
            place /= part
            if place.is_symlink():
                here = place.relative_to(self.root).as_posix()
                raise VerificationError(f"{here} is a link, not a file or folder of the copy")
        return place


@dataclass(frozen=True)
class Commit:
    """A commit of a dataset on a Hub."""

    dataset: HubDataset
    commit: str

    def read(self, path: str, size_max_bytes: int = SMALL_MAX_BYTES) -> bytes:
        content = self.dataset.read_if_there(self.commit, path, size_max_bytes)
        if content is None:
            raise VerificationError(
                f"{path} is missing", found=f"no such file in {self.dataset.repo} at {self.commit}"
            )
        return content


@dataclass(frozen=True)
class Target:
    """What a command is asked about: NAME@VERSION on a Hub, NAME alone (its newest), or a folder."""

    text: str
    folder: Path | None = None
    repo: str = ""
    version: str = ""

    @classmethod
    def parse(cls, text: str, *, newest: bool = False) -> Target:
        """`owner/name@1.2.3` (or `@v1.2.3`), or a folder that is there.

        Args:
            text: what was typed.
            newest: `owner/name` will do too; its version is then empty.

        Raises:
            UsageError: it is neither.
        """
        if Path(text).is_dir():
            return cls(text, folder=Path(text))
        repo, at, version = text.partition("@")
        if newest and not at and repo.count("/") == 1 and all(repo.split("/")):
            return cls(text, repo=repo)
        if not at or not version or repo.count("/") != 1:
            raise UsageError(
                f"{text!r} names no release",
                expected="NAME@VERSION such as octo-org/yard@0.1.0, or a folder with a copy of one",
            )
        return cls(text, repo=repo, version=version.removeprefix("v"))
