"""Files by the SHA-256 of what they hold: `<cache>/<sha256>/<file name>`.

Always holds: a file under its name is whole and hashes to it, whatever was killed when; one
process at a time fills an entry; what does not hash to its name any more is got again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stackyard.errors import PinMismatch

_PIECE_BYTES: Final = 1024**2


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(
    cache: Path, sha256: str, where: str, get: Callable[[Path], Path], *, others: bool = False
) -> Path:
    """The file with a hash, from the cache or else from `get`.

    Args:
        cache: the folder of all entries.
        sha256: what the file must hash to.
        where: the source, for errors.
        get: puts the file (and, with `others`, those it names) into the empty folder it is given,
            and returns its path; it checks the hashes of the others itself.
        others: whether the entry holds more files; their caller checks them on each use.

    Raises:
        PinMismatch: what `get` brought has another hash than sources.yaml says.
    """
    entry = cache / sha256
    with locked(cache, sha256):
        there = _find(entry, sha256)
        if there is not None:
            return there
        partial = fresh(cache, f".partial-{sha256}-")
        try:
            path = get(partial)
            found = sha256_of(path)
            if found != sha256:
                raise PinMismatch([(f"{where}, {path.name}", sha256, found)])
            return _placed(entry, partial, path, others=others)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def keep_whatever(cache: Path, get: Callable[[Path], Path], *, others: bool = False) -> Path:
    """The file that `get` brings, under its own hash: for who is about to pin it. As `keep`, else."""
    with locked(cache, "unpinned"):
        partial = fresh(cache, ".partial-unpinned-")
        try:
            path = get(partial)
            found = sha256_of(path)
            with locked(cache, found):
                there = _find(cache / found, found)
                return there or _placed(cache / found, partial, path, others=others)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _placed(entry: Path, partial: Path, path: Path, *, others: bool) -> Path:
    """Moves what was got to its entry, whole; who calls holds the entry's lock."""
    shutil.rmtree(entry, ignore_errors=True)
    kept = sorted(partial.iterdir()) if others else [path]
    complete = fresh(entry.parent, f".complete-{entry.name}-")
    for file in kept:
        _sync(file)
        file.rename(complete / file.name)
    (complete / _MARK).write_text(path.name + "\n", encoding="utf-8")
    _sync(complete / _MARK)
    _sync(complete)
    complete.rename(entry)
    _sync(entry.parent)
    return entry / path.name


_MARK: Final = ".name"
"""Says which file of an entry its hash is of."""


def _find(entry: Path, sha256: str) -> Path | None:
    mark = entry / _MARK
    if not mark.is_file():
        return None
    path = entry / mark.read_text(encoding="utf-8").strip()
    return path if path.is_file() and sha256_of(path) == sha256 else None


def fresh(folder: Path, prefix: str) -> Path:
    """A new folder of its own name; those that killed runs left are removed.

    Never an old name again: a program that a killed run started may still write there.
    """
    for old in folder.glob(f"{prefix}*"):
        shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=folder))


@contextmanager
def locked(cache: Path, name: str) -> Iterator[None]:
    """Holds the lock of one entry against other processes; it falls with its process."""
    folder = cache / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
