"""A commit's tree as the Hub's API shows it: files and folders, siblings, last commits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from stackyard.hub.repository import Commit, Entry, HubError, Repository, parents, pointer


def _lfs(entry: Entry) -> dict[str, Any]:
    size_bytes = len(pointer(entry.sha256, entry.size_bytes))
    return {"oid": entry.sha256, "size": entry.size_bytes, "pointerSize": size_bytes}


def _file(path: str, entry: Entry) -> dict[str, Any]:
    item: dict[str, Any] = {
        "type": "file",
        "oid": entry.git_sha1,
        "size": entry.size_bytes,
        "path": path,
    }
    if entry.lfs:
        item["lfs"] = _lfs(entry)
    return item


def sibling(path: str, entry: Entry, *, blobs: bool) -> dict[str, Any]:
    """A file in a repository's info; with its blob's names and sizes if `blobs`."""
    item: dict[str, Any] = {"rfilename": path}
    if blobs:
        item |= {"size": entry.size_bytes, "blobId": entry.git_sha1}
        if entry.lfs:
            item["lfs"] = _lfs(entry) | {"sha256": entry.sha256}
    return item


def _folder(path: str, members: Iterable[tuple[str, Entry]]) -> dict[str, Any]:
    """A folder; its `oid` is the SHA-1 over (path, NUL, git_sha1, LF) of all files below it."""
    state = hashlib.sha1(usedforsecurity=False)
    for name, entry in members:
        state.update(f"{name}\0{entry.git_sha1}\n".encode())
    return {"type": "directory", "oid": state.hexdigest(), "size": 0, "path": path}


def _folders(commit: Commit) -> dict[str, list[tuple[str, Entry]]]:
    folders: dict[str, list[tuple[str, Entry]]] = {}
    for path, entry in commit.files.items():
        for parent in parents(path):
            folders.setdefault(parent, []).append((path, entry))
    return folders


def listing(commit: Commit, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
    """Files and folders below a folder (empty: the root), sorted by path.

    Raises:
        HubError: there is no such folder (404, EntryNotFound).
    """
    folders = _folders(commit)
    if folder and folder not in folders:
        raise HubError(404, f"there is no folder {folder[:200]!r}", "EntryNotFound")
    prefix = f"{folder}/" if folder else ""
    items = [
        _file(path, entry)
        for path, entry in commit.files.items()
        if path.startswith(prefix) and (recursive or "/" not in path[len(prefix) :])
    ]
    items += [
        _folder(path, members)
        for path, members in folders.items()
        if path.startswith(prefix) and (recursive or "/" not in path[len(prefix) :])
    ]
    return sorted(items, key=lambda item: str(item["path"]))


def lookup(commit: Commit, paths: Iterable[str]) -> list[dict[str, Any]]:
    """Those of the paths that are there, as files or folders."""
    folders = _folders(commit)
    found = []
    for path in paths:
        name = path.strip("/")
        if name in commit.files:
            found.append(_file(name, commit.files[name]))
        elif name in folders:
            found.append(_folder(name, folders[name]))
    return found


def expand(
    repository: Repository, commit: Commit, items: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The same items with the last commit that changed each."""
    open_items = {str(item["path"]): item for item in items}
    done: dict[str, dict[str, Any]] = {}
    wanted = {path: str(item["oid"]) for path, item in open_items.items()}
    last = commit
    for step in repository.history(commit.id):
        there = {str(item["path"]): str(item["oid"]) for item in lookup(step, wanted)}
        for path in [path for path, oid in wanted.items() if there.get(path) != oid]:
            del wanted[path]
            done[path] = _last_commit(last)
        last = step
        if not wanted:
            break
    return [
        {**item, "lastCommit": done.get(path, _last_commit(last))}
        for path, item in open_items.items()
    ]


def _last_commit(commit: Commit) -> dict[str, str]:
    return {"id": commit.id, "title": commit.title, "date": commit.date}
