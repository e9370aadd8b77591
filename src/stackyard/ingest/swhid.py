"""Identifiers of contents, folders and revisions (SWHID 1.2, ISO/IEC 18670, clauses 5.2 to 5.4).

In: bytes, or the leaves of a tree. Out: `record.Swhid`, equal to what `git` and Software Heritage
give to the same objects. Always holds: the order in which leaves are added does not matter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from stackyard.record import Swhid, blob_digest

MODE_FILE: Final = 0o100644
MODE_EXECUTABLE: Final = 0o100755
MODE_SYMLINK: Final = 0o120000
MODE_DIRECTORY: Final = 0o40000

_Leaf = tuple[int, bytes]
_Folder = dict[bytes, Any]


def blob(content: bytes) -> Swhid:
    """`swh:1:cnt:` of a content."""
    return Swhid("cnt", blob_digest(content))


def blob_hasher(length_bytes: int) -> Any:
    """A SHA-1 state that has read the header of a blob: for contents that come in pieces."""
    return hashlib.sha1(b"blob %d\0" % length_bytes, usedforsecurity=False)


def revision(commit: bytes) -> Swhid:
    """`swh:1:rev:` of a raw git commit object: the id that git itself gives it."""
    header = b"commit %d\0" % len(commit)
    return Swhid("rev", hashlib.sha1(header + commit, usedforsecurity=False).digest())


def tree_digest(children: Iterable[tuple[bytes, int, bytes]]) -> bytes:
    r"""SHA-1 of a git tree object over `(name, mode, digest)`.

    Children sort by the bytes of their names, those of folders with a `/` appended (clause 5.3);
    each is `<mode in octal> <name>\0<20 bytes>`.
    """
    ordered = sorted(
        children, key=lambda child: child[0] + b"/" if child[1] == MODE_DIRECTORY else child[0]
    )
    body = b"".join(b"%o %s\0%s" % (mode, name, digest) for name, mode, digest in ordered)
    return hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).digest()


class Tree:
    """A growing tree of files whose `swh:1:dir:` can be asked for; empty folders count."""

    def __init__(self) -> None:
        self._root: _Folder = {}

    def add(self, parts: Sequence[bytes], mode: int, digest: bytes) -> bool:
        """Puts a leaf at a path; false, and nothing changes, if it or one above it is taken."""
        folder = self._folder(parts[:-1])
        if folder is None or parts[-1] in folder:
            return False
        folder[parts[-1]] = (mode, digest)
        return True

    def add_folder(self, parts: Sequence[bytes]) -> bool:
        """Makes a folder and those above it; false if a leaf is in the way."""
        return self._folder(parts) is not None

    def find(self, parts: Sequence[bytes]) -> _Leaf | None:
        """Mode and digest of the leaf at a path, if there is one."""
        node: Any = self._root
        for part in parts:
            node = node.get(part) if isinstance(node, dict) else None
        return node if isinstance(node, tuple) else None

    def _folder(self, parts: Sequence[bytes]) -> _Folder | None:
        folder = self._root
        for part in parts:
            below = folder.setdefault(part, {})
            if not isinstance(below, dict):
                return None
            folder = below
        return folder

    def swhid(self) -> Swhid:
        """`swh:1:dir:` of what was added so far.

        Folders are hashed after what they hold, with a list as the stack: a path may have more
        parts than Python has frames.
        """
        order: list[tuple[_Folder, bytes, _Folder]] = []
        waiting = [self._root]
        while waiting:
            folder = waiting.pop()
            below = [(name, node) for name, node in folder.items() if isinstance(node, dict)]
            order += [(folder, name, node) for name, node in below]
            waiting += [node for _, node in below]
        digests: dict[int, bytes] = {}
        for _, _, node in reversed(order):
            digests[id(node)] = _digest(node, digests)
        return Swhid("dir", _digest(self._root, digests))


def _digest(folder: _Folder, digests: dict[int, bytes]) -> bytes:
    return tree_digest(
        (name, MODE_DIRECTORY, digests[id(node)])
        if isinstance(node, dict)
        else (name, node[0], node[1])
        for name, node in folder.items()
    )
