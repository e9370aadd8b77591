"""Files that are either whole or not there: temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stackyard.errors import CorruptWorkspace, EnvironmentFault

TEMPORARY = ".tmp-"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; on success it becomes `path`, on failure it goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{path.name}")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a small file whole."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_table(path: Path, table: pa.Table) -> None:
    """Writes a table as Parquet (zstd); equal tables give equal bytes."""
    with replacing(path) as temporary:
        pq.write_table(table.combine_chunks(), temporary, compression="zstd", version="2.6")


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Reads a table that a stage wrote.

    Raises:
        CorruptWorkspace: it is missing or cannot be read.
    """
    try:
        return pq.read_table(path, columns=columns, memory_map=True, partitioning=None)
    except (OSError, pa.ArrowInvalid) as error:
        raise CorruptWorkspace(
            f"{path} cannot be read: {error}",
            next_step="remove it and run `stackyard build` again: it will be made anew",
        ) from error


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """The same for a folder: the old one goes only when the new one is whole."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}")
    if temporary.exists():
        shutil.rmtree(temporary)
    temporary.mkdir(parents=True)
    yield temporary
    old = path.with_name(f"{TEMPORARY}old-{path.name}")
    if old.exists():
        shutil.rmtree(old)
    if path.exists():
        path.rename(old)
    temporary.rename(path)
    _sync(path.parent)
    if old.exists():
        shutil.rmtree(old)


def sweep(folder: Path) -> None:
    """Removes what a killed run left under a temporary name."""
    for leftover in sorted(folder.rglob(f"{TEMPORARY}*")):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink(missing_ok=True)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Holds a lock file; a second holder is refused, and a killed one lets go.

    Raises:
        EnvironmentFault: another run holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise EnvironmentFault(
                "another run is at work in this project",
                found=str(path),
                next_step="wait until it ends, or end it",
            ) from error
        yield


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
