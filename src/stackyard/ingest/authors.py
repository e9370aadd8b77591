"""Authorship facts of a git revision: who ever touched each of its files.

In: the history of a commit. Out: (path, author) pairs of the commit's tree, sorted, each once; an author
is whatever the caller's `name_of` makes of an e-mail address, so that no address leaves this module.

Who touched a file are the authors of all commits, from the roots on, that added, changed or
resolved a merge of it, under its present path or one that it was renamed from. A rename is a commit
that removes a path and adds another with the same bytes: that depends on no similarity, limit or
version of git, and needs no contents. Both the address of a commit and what the tree's `.mailmap`
makes of it count: the map can add an author to a file and hide none.
Source: git-log(1), git-diff-tree(1) "raw output format", gitmailmap(5).
"""

from __future__ import annotations

import tempfile
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from stackyard.errors import StackyardError, UsageError
from stackyard.ingest import git
from stackyard.ingest.params import Params
from stackyard.record import blob_digest

MAILMAP: Final = ".mailmap"
_LOG: Final = (
    "log", "-z", "--raw", "--no-abbrev", "--no-renames", "-c", "--root", "--no-show-signature",
    "--no-ext-diff", "--no-textconv", "--encoding=none", "--format=%H%n%ae%n%aE",
)  # fmt: skip
_EMPTY_BLOB: Final = blob_digest(b"").hex().encode()
_FOLD_AT: Final = 1 << 20
"""Touches that are held before doubles are dropped: 8 MB."""

NameOf = Callable[[str], bytes]


def touched(
    history: Path, contents: Path, commit: str, params: Params, *, name_of: NameOf, where: str
) -> list[tuple[str, bytes]]:
    """(path, author) of every file of a commit whose path is UTF-8.

    Args:
        history: bare repository with all commits and trees up to the commit; contents are not read.
        contents: bare repository with the commit's own contents.
        commit: 40 hex digits.
        params: the bounds.
        name_of: what to call the author with this address; bytes that are no UTF-8 come as
            surrogates.
        where: the source, for errors.

    Raises:
        UsageError: the history is beyond `history_changes_max`.
        EnvironmentFault: git does not give it.
    """
    book = _Book(params.history_changes_max, name_of, where)
    with tempfile.NamedTemporaryFile(prefix="stackyard-mailmap-") as mailmap:
        mailmap.write(_mailmap(contents, commit, params.file_bytes_max, where))
        mailmap.flush()
        settings = ["-c", f"mailmap.file={mailmap.name}"]
        for entry in _entries(history, [*settings, *_LOG, commit, "--"], where):
            book.add(*entry)
    paths = [row.name for row in git.rows(contents, commit, where)]
    return sorted(book.authors_of(paths))


def _mailmap(contents: Path, commit: str, bytes_max: int, where: str) -> bytes:
    for row in git.rows(contents, commit, where, [MAILMAP]):
        if row.length_bytes <= bytes_max and row.mode != b"160000":
            return git.blob(contents, row.object.decode(), where)
    return b""


def _entries(
    history: Path, arguments: list[str], where: str
) -> Iterator[tuple[list[bytes], list[tuple[bytes, bytes]]]]:
    """Each commit as (its addresses, its changes as (raw line, path)), in git's own order."""
    addresses: list[bytes] = []
    changes: list[tuple[bytes, bytes]] = []
    tokens = _tokens(history, arguments, where)
    for token in tokens:
        text = token.lstrip(b"\n")
        if text.startswith(b":"):
            changes.append((text, next(tokens, b"")))
        elif text:
            if addresses:
                yield addresses, changes
            _, *addresses = text.split(b"\n")
            changes = []
    if addresses:
        yield addresses, changes


def _tokens(history: Path, arguments: list[str], where: str) -> Iterator[bytes]:
    """What git prints of a history; its last token may end without a zero byte."""
    yield (yield from git.printed(history, arguments, f"git does not give the history of {where}"))


class _Book:
    """Who touched which path, while a history goes by; numbers stand for both."""

    def __init__(self, changes_max: int, name_of: NameOf, where: str) -> None:
        self._changes_left = self._changes_max = changes_max
        self._name_of = name_of
        self._where = where
        self._paths: dict[bytes, int] = {}
        self._authors: dict[bytes, int] = {}
        self._names: list[bytes] = []
        self._came_from: dict[int, set[int]] = defaultdict(set)
        self._nodes = 0
        self._held = array("Q")
        self._folded: npt.NDArray[np.uint64] = np.empty(0, np.uint64)

    def add(self, addresses: list[bytes], changes: list[tuple[bytes, bytes]]) -> None:
        """Notes one commit."""
        self._spend(1 + len(changes))
        authors = {self._author(address) for address in addresses}
        removed: dict[bytes, list[int]] = defaultdict(list)
        added: dict[bytes, list[int]] = defaultdict(list)
        for raw, path in changes:
            number = self._path(path)
            if raw.startswith(b"::"):  # a merge: only what differs from all its parents is listed
                self._touch(number, authors)
                continue
            _, _, old, new, kind = raw.split(b" ")
            if kind == b"D":
                removed[old].append(number)
            else:
                self._touch(number, authors)
            if kind == b"A":
                added[new].append(number)
        for blob in removed.keys() & added.keys() - {_EMPTY_BLOB}:
            self._link(removed[blob], added[blob])

    def authors_of(self, paths: list[bytes]) -> Iterator[tuple[str, bytes]]:
        """(path, author) of these paths, as far as they are UTF-8."""
        self._fold()
        owners = self._folded >> np.uint64(32)
        for path in paths:
            try:
                text = path.decode()
            except UnicodeDecodeError:
                continue
            for author in self._reached(path, owners):
                yield text, self._names[author]

    def _reached(self, path: bytes, owners: npt.NDArray[np.uint64]) -> set[int]:
        first = self._paths.get(path)
        todo, seen, found = [] if first is None else [first], set[int](), set[int]()
        while todo:
            number = todo.pop()
            if number in seen:
                continue
            seen.add(number)
            self._spend(1)
            todo.extend(self._came_from.get(number, ()))
            start, end = np.searchsorted(owners, [number, number + 1])
            found.update((self._folded[start:end] & np.uint64(0xFFFFFFFF)).tolist())
        return found

    def _spend(self, count: int) -> None:
        self._changes_left -= count
        if self._changes_left < 0:
            raise _too_long(self._changes_max, self._where)

    def _path(self, path: bytes) -> int:
        number = self._paths.get(path)
        if number is None:
            number = self._paths[path] = self._nodes
            self._nodes += 1
        return number

    def _author(self, address: bytes) -> int:
        number = self._authors.get(address)
        if number is None:
            name = self._name_of(address.decode("utf-8", "surrogateescape"))
            number = self._authors[address] = len(self._names)
            self._names.append(name)
        return number

    def _link(self, removed: list[int], added: list[int]) -> None:
        """All of `added` may have come from any of `removed`: one node between them, not all pairs."""
        node, self._nodes = self._nodes, self._nodes + 1
        self._came_from[node].update(removed)
        for number in added:
            self._came_from[number].add(node)

    def _touch(self, path: int, authors: set[int]) -> None:
        self._held.extend(path << 32 | author for author in authors)
        if len(self._held) >= max(_FOLD_AT, len(self._folded)):
            self._fold()

    def _fold(self) -> None:
        held = np.frombuffer(self._held, np.uint64) if self._held else np.empty(0, np.uint64)
        self._folded = np.unique(np.concatenate([self._folded, held]))
        self._held = array("Q")


def _too_long(changes_max: int, where: str) -> StackyardError:
    return UsageError(
        f"the history of {where} has more than {changes_max:,} commits and changes of paths",
        expected="at most ingest.history_changes_max",
        next_step="if it is genuine, raise the bound in params.yaml; or leave out `authors` for it",
    )
