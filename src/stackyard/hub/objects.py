"""Content-addressed objects on disk, and the atomic file operations of the embedded Hub.

Always holds: a file under `objects/` holds the bytes that its name is the SHA-256 of; it appears
whole or not at all (temporary name, fsync, rename, fsync of the folder); nothing here is ever named
by a path or a name that a client sent, other than by 64 hex digits.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 1 << 20
"""Bytes a read: large enough that hashing, not calls, is the cost."""

LEFTOVER_SECONDS = 86_400.0
"""Age of what came in and was never finished, after which it goes: no upload of one file takes a day."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_sha256(text: str) -> bool:
    return _SHA256.fullmatch(text) is not None


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, content: bytes) -> None:
    """Writes a file so that readers see the old bytes or the new ones, also after a crash."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as sink:
            sink.write(content)
            sink.flush()
            os.fsync(sink.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


@dataclass(frozen=True)
class Incoming:
    """Bytes on their way in: written to a temporary file and hashed as they come."""

    path: Path
    sink: BinaryIO
    state: hashlib._Hash

    def write(self, chunk: bytes) -> None:
        self.sink.write(chunk)
        self.state.update(chunk)

    @property
    def sha256(self) -> str:
        return self.state.hexdigest()

    @property
    def size_bytes(self) -> int:
        return self.sink.tell()


class Objects:
    """The objects of a Hub directory: `objects/<first 2 hex>/<64 hex>`, and `incoming/` beside it."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "objects"
        self._incoming = root / "incoming"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(parents=True, exist_ok=True)
        self._sweep()

    def path(self, sha256: str) -> Path:
        if not is_sha256(sha256):
            raise ValueError("an object is named by 64 lower-case hex digits")
        return self._folder / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def size_bytes(self, sha256: str) -> int:
        return self.path(sha256).stat().st_size

    def put(self, content: bytes) -> str:
        with self.incoming() as incoming:
            incoming.write(content)
            return self.keep(incoming)

    @contextmanager
    def incoming(self) -> Iterator[Incoming]:
        """A temporary file to fill; it is gone afterwards unless `keep` took it."""
        path = self._incoming / secrets.token_hex(16)
        try:
            with path.open("xb") as sink:
                yield Incoming(path, sink, hashlib.sha256())
        finally:
            path.unlink(missing_ok=True)

    def keep(self, incoming: Incoming) -> str:
        """Makes what came in an object; its name is the answer. A known object stays as it is."""
        incoming.sink.flush()
        os.fsync(incoming.sink.fileno())
        target = self.path(incoming.sha256)
        if not target.is_file():
            target.parent.mkdir(exist_ok=True)
            incoming.path.replace(target)
            sync_folder(target.parent)
        return target.name

    def remove(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in self._folder.glob("??/*")))

    def _parts(self, sha256: str) -> Path:
        return self._incoming / f"parts-{self.path(sha256).name}"

    def keep_part(self, sha256: str, number: int, incoming: Incoming) -> None:
        """Keeps what came in as a part of an object to come."""
        incoming.sink.flush()
        folder = self._parts(sha256)
        folder.mkdir(exist_ok=True)
        incoming.path.replace(folder / f"{number:08d}")

    def join(self, sha256: str, numbers: Iterable[int]) -> str:
        """Joins the parts of an upload into an object, and removes them; its name is the answer.

        Raises:
            FileNotFoundError: a part did not arrive.
        """
        folder = self._parts(sha256)
        with self.incoming() as incoming:
            for number in numbers:
                with (folder / f"{number:08d}").open("rb") as source:
                    while chunk := source.read(CHUNK_BYTES):
                        incoming.write(chunk)
            if incoming.sha256 == sha256:
                self.keep(incoming)
            found = incoming.sha256
        shutil.rmtree(folder, ignore_errors=True)
        return found

    def _sweep(self) -> None:
        """Removes what uploads that ended long ago left; those of other servers may be under way."""
        oldest = time.time() - LEFTOVER_SECONDS
        for path in self._incoming.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < oldest:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
