"""A folder on this machine, member by member.

In: its path. Out: its files in the order of their paths' bytes. Always holds: links are never
followed and special files never opened; what is named `.git` is left out, whatever it is.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from stackyard.errors import EnvironmentFault
from stackyard.ingest import swhid
from stackyard.ingest.member import Member
from stackyard.ingest.paths import escape
from stackyard.ingest.stream import PIECE_BYTES, Budget


def members(root: Path, budget: Budget, where: str) -> Iterator[Member]:
    """Files, links, special files and folders below a folder, depth first, sorted by name.

    The budget is spent on each before it is given.

    Raises:
        EnvironmentFault: something cannot be read, or changes while it is read.
    """
    waiting = [(os.fsencode(root), b"")]
    while waiting:
        path, name = waiting.pop()
        try:
            status = os.lstat(path)
            budget.spend_entry(name)
            if not stat.S_ISDIR(status.st_mode):
                budget.spend_bytes(status.st_size)
                yield _member(path, name, status, where)
                continue
            names = sorted(os.listdir(path), reverse=True)  # noqa: PTH208  # bytes
        except OSError as error:
            raise _unreadable(where, name, error) from error
        if name:
            yield Member(name=name, kind="folder")
        waiting += [
            (path + b"/" + below, name + b"/" + below if name else below)
            for below in names
            if below != b".git"
        ]


def identity(root: Path, budget: Budget, where: str) -> str:
    """Hex SHA-256 that changes when a name, a kind, an executable bit or a byte does."""
    state = Identity()
    for member in members(root, budget, where):
        if member.kind == "file":
            hasher = swhid.blob_hasher(member.length_bytes)
            for part in member.parts():
                hasher.update(part)
            state.add(member, hasher.digest())
        else:
            state.add(member, b"")
    return state.hexdigest()


class Identity:
    r"""Hex SHA-256 over one line a member, sorted by their bytes.

    A line is `<kind> <x or -> <sha1_git in hex> <name>\0<target>\0<note>\0`.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def add(self, member: Member, digest: bytes) -> None:
        about = f"{member.kind} {'x' if member.executable else '-'} {digest.hex()} ".encode()
        note = member.note.encode()
        self._lines.append(about + b"\0".join((member.name, member.target, note, b"")))

    def hexdigest(self) -> str:
        return hashlib.sha256(b"".join(sorted(self._lines))).hexdigest()


def _member(path: bytes, name: bytes, status: os.stat_result, where: str) -> Member:
    if stat.S_ISLNK(status.st_mode):
        return Member(name=name, kind="symbolic-link", target=os.readlink(path))  # noqa: PTH115  # bytes
    if not stat.S_ISREG(status.st_mode):
        return Member(name=name, kind="special-file", note=f"mode {status.st_mode:o}")
    return Member(
        name=name,
        kind="file",
        length_bytes=status.st_size,
        executable=bool(status.st_mode & 0o111),
        parts=lambda: _parts(path, name, status.st_size, where),
    )


def _parts(path: bytes, name: bytes, length_bytes: int, where: str) -> Iterator[bytes]:
    try:
        # O_NONBLOCK: a FIFO that took the file's place since must not hold the run.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            left = length_bytes
            while part := file.read(min(PIECE_BYTES, left + 1)):
                left -= len(part)
                if left < 0:
                    break
                yield part
    except OSError as error:
        raise _unreadable(where, name, error) from error
    if left:
        raise EnvironmentFault(
            f"{escape(name)} of {where} changed while it was read",
            next_step="run again when nothing writes there",
        )


def _unreadable(where: str, name: bytes, error: OSError) -> EnvironmentFault:
    return EnvironmentFault(
        f"{escape(name) or 'the folder'} of {where} cannot be read: {error.strerror}",
        next_step="mend its permissions, or leave it out",
    )
