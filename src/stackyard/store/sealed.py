"""A file that is encrypted by age, read and written whole, by one process at a time.

Always holds: no plain byte of it is on disk; a write that was killed leaves the file as it was; without
its identity nothing is made anew over it.
Source: https://age-encryption.org/v1; pyrage is its implementation in Rust.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Any

from stackyard.errors import EnvironmentFault

LOCK_SECONDS_MAX = 60


class Sealed:
    """One encrypted file, locked until it is closed.

    Args:
        path: the file; it is made with the first write.
        identity: file of the age identity that reads it; made if neither is there.

    Raises:
        EnvironmentFault: the identity is missing, or another process holds the file too long.
        ImportError: pyrage is not installed.
    """

    def __init__(self, path: Path, identity: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _locked(path.with_name(f".{path.name}.lock"))
        try:
            self._identity = _identity(identity, is_needed=path.exists())
        except BaseException:
            self.close()
            raise

    def read(self) -> bytes | None:
        """The content; None if there is none yet.

        Raises:
            EnvironmentFault: it is damaged, or of another identity.
        """
        import pyrage

        try:
            sealed = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return bytes(pyrage.decrypt(sealed, [self._identity]))
        except pyrage.DecryptError as error:
            raise EnvironmentFault(
                f"{self._path.name} cannot be decrypted: it is damaged, or of another identity",
                next_step="restore it together with .stackyard/keys from one backup",
            ) from error

    def write(self, content: bytes) -> None:
        """Replaces the content, durably."""
        import pyrage

        sealed = pyrage.encrypt(content, [self._identity.to_public()])
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        _write(temporary, sealed)
        temporary.rename(self._path)
        _sync(self._path.parent)

    def close(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _identity(path: Path, *, is_needed: bool) -> Any:
    import pyrage

    if not path.exists():
        if is_needed:
            raise EnvironmentFault(
                f"the identity that reads the registry's private part is missing: {path.name}",
                next_step="restore .stackyard/keys from its backup; nothing else can read it",
            )
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, f"{pyrage.x25519.Identity.generate()}\n".encode())
        _sync(path.parent)
    try:
        return pyrage.x25519.Identity.from_str(path.read_text(encoding="ascii").strip())
    except (pyrage.IdentityError, UnicodeDecodeError):
        raise EnvironmentFault(
            f"{path.name} is no age identity", next_step="restore .stackyard/keys from its backup"
        ) from None  # a message must not quote it


def _locked(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    ends = time.monotonic() + LOCK_SECONDS_MAX
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                os.close(handle)
                raise EnvironmentFault(
                    "another process holds the registry's private part", next_step="run this again"
                ) from None
            time.sleep(0.01)
        else:
            return handle


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
