"""Repositories of the embedded Hub: commits as immutable documents, refs as files.

A repository is a folder `datasets/<owner>/<name>/` with `repository.json`, `commits/<id>.json`,
`refs/branches/<ref>`, `refs/tags/<ref>` (names percent-encoded) and `lock`.

A commit's id is the hex SHA-1 of its canonical JSON (sorted keys, no spaces, UTF-8):

    {"files": {path: {"git_sha1", "lfs", "sha256", "size_bytes"}}, "message", "parent", "title"}

so equal trees, messages and parents give the same commit at any time on any machine. When it came
(`date`) stands in its file beside `commit`, and is not hashed.

Always holds: a ref moves only under the repository's lock and only from the commit that its writer
saw; a commit's document never changes; names and paths that could leave a folder are refused.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

from stackyard.hub.objects import Objects, sync_folder, write_atomic

MAIN = "main"
ATTRIBUTES_PATH = ".gitattributes"
ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
"""What a new repository holds, as on huggingface.co: so that clients meet it here too."""

PATH_MAX_BYTES = 4096
"""Linux's PATH_MAX: what is longer could not be downloaded."""

RefKind = Literal["branches", "tags"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubError(Exception):
    """A request that the Hub refuses: HTTP status, X-Error-Code and X-Error-Message."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


@dataclass(frozen=True)
class Entry:
    """A file of a commit. `git_sha1` names the blob that git would hold: of an LFS file its pointer."""

    sha256: str
    size_bytes: int
    git_sha1: str
    lfs: bool


@dataclass(frozen=True)
class Commit:
    """A commit: the whole tree as path -> entry, in the order of paths."""

    id: str
    parent: str | None
    title: str
    message: str
    date: str
    files: Mapping[str, Entry] = field(repr=False)


@dataclass(frozen=True)
class Change:
    """One operation of a commit: an entry to set, or None to delete (`folder`: all below it)."""

    path: str
    entry: Entry | None
    folder: bool = False


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def pointer(sha256: str, size_bytes: int) -> bytes:
    """The Git LFS pointer file of an object (https://github.com/git-lfs/git-lfs, docs/spec.md)."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size_bytes}\n"
    ).encode()


def lfs_entry(sha256: str, size_bytes: int) -> Entry:
    return Entry(sha256, size_bytes, git_sha1(pointer(sha256, size_bytes)), lfs=True)


def check_path(path: str) -> str:
    """A path as it may stand in a commit.

    Raises:
        HubError: it is absolute, climbs, is empty somewhere, or holds a control character.
    """
    parts = path.split("/")
    if (
        any(part in {"", ".", "..", ".git"} for part in parts)
        or any(unicodedata.category(char) == "Cc" for char in path)
        or "\\" in path
        or len(path.encode()) > PATH_MAX_BYTES
    ):
        raise HubError(400, f"{path[:200]!r} is not a path that a repository can hold")
    return path


def check_ref(name: str) -> str:
    """A branch's or tag's name.

    Raises:
        HubError: git would not take it, or it looks like a commit id.
    """
    parts = name.split("/")
    if (
        not _REF.fullmatch(name)
        or ".." in name
        or any(part in {"", "."} or part.endswith((".", ".lock")) for part in parts)
        or _COMMIT.fullmatch(name)
    ):
        raise HubError(400, f"{name[:200]!r} is not a name for a branch or tag")
    return name


def check_repo_id(repo_id: str) -> tuple[str, str]:
    """Owner and name of a repository id.

    Raises:
        HubError: it is not `owner/name` of letters, digits and . _ -
    """
    owner, _, name = repo_id.partition("/")
    if not _NAME.fullmatch(owner) or not _NAME.fullmatch(name) or name.endswith(".git"):
        raise HubError(404, f"there is no dataset {repo_id[:200]!r}", "RepoNotFound")
    return owner, name


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@lru_cache(maxsize=64)
def _read_commit(path: Path, commit: str) -> Commit:
    document = json.loads(path.read_bytes())
    body = document["commit"]
    if hashlib.sha1(_canonical(body), usedforsecurity=False).hexdigest() != commit:
        raise HubError(500, f"commit {commit} is damaged on disk")
    files = {name: Entry(**entry) for name, entry in sorted(body["files"].items())}
    return Commit(commit, body["parent"], body["title"], body["message"], document["date"], files)


class Repository:
    """One dataset repository in its folder."""

    def __init__(self, folder: Path, repo_id: str) -> None:
        self.folder = folder
        self.repo_id = repo_id

    @property
    def created_at(self) -> str:
        return str(json.loads((self.folder / "repository.json").read_bytes())["created_at"])

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the repository's lock, also against other processes over the same directory."""
        with (self.folder / "lock").open("wb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _ref_path(self, kind: RefKind, name: str) -> Path:
        return self.folder / "refs" / kind / quote(check_ref(name), safe="")

    def ref(self, kind: RefKind, name: str) -> str | None:
        try:
            return self._ref_path(kind, name).read_text().strip()
        except FileNotFoundError:
            return None

    def refs(self, kind: RefKind) -> dict[str, str]:
        """Name -> commit id of all branches or tags, sorted by name."""
        found = {}
        for path in (self.folder / "refs" / kind).iterdir():
            if not path.name.startswith("."):
                found[unquote(path.name)] = path.read_text().strip()
        return dict(sorted(found.items()))

    def resolve(self, revision: str) -> str:
        """Commit id of a branch, a tag or a commit id, in this order.

        Raises:
            HubError: there is none (404, RevisionNotFound).
        """
        if _COMMIT.fullmatch(revision):
            if self._commit_path(revision).is_file():
                return revision
        else:
            for kind, prefix in _REF_PREFIXES:
                name = revision.removeprefix(prefix)
                try:
                    commit = self.ref(kind, name)
                except HubError:
                    break
                if commit is not None:
                    return commit
        raise HubError(
            404, f"{self.repo_id} has no revision {revision[:200]!r}", "RevisionNotFound"
        )

    def _commit_path(self, commit: str) -> Path:
        return self.folder / "commits" / f"{commit}.json"

    def commit(self, commit: str) -> Commit:
        return _read_commit(self._commit_path(commit), commit)

    def history(self, commit: str) -> Iterator[Commit]:
        """A commit and those before it, newest first."""
        step: str | None = commit
        while step is not None:
            found = self.commit(step)
            yield found
            step = found.parent

    def write_commit(
        self,
        parent: str | None,
        files: Mapping[str, Entry],
        title: str,
        message: str,
        date: str,
    ) -> str:
        """Stores a commit's document; no ref moves. The same commit again changes nothing."""
        body = {
            "files": {path: vars(entry) for path, entry in files.items()},
            "message": message,
            "parent": parent,
            "title": title,
        }
        commit = hashlib.sha1(_canonical(body), usedforsecurity=False).hexdigest()
        path = self._commit_path(commit)
        if not path.exists():
            write_atomic(path, _canonical({"commit": body, "date": date}))
        return commit

    def push(
        self,
        branch: str,
        changes: Iterable[Change],
        *,
        title: str,
        message: str,
        parent: str | None,
        date: str,
    ) -> str:
        """Commits changes on a branch; the id of the commit that the branch has then.

        Raises:
            HubError: no such branch (404), `parent` is given and is not its head (412), or a
                change deletes what is not there or makes a path both a file and a folder.
        """
        with self.locked():
            head = self.ref("branches", branch)
            if head is None:
                raise HubError(404, f"{self.repo_id} has no branch {branch!r}", "RevisionNotFound")
            if parent is not None and parent != head:
                raise HubError(412, f"{branch} is at {head}, not at the parent commit {parent}")
            changes = list(changes)
            files = apply(self.commit(head).files, changes)
            commit = self.write_commit(head, files, title, message, date)
            sent = {change.entry.sha256 for change in changes if change.entry is not None}
            if sent & self.deleted():
                self._write_deleted(self.deleted() - sent)
            write_atomic(self._ref_path("branches", branch), f"{commit}\n".encode())
            return commit

    def squash(self, branch: str, title: str, date: str) -> str:
        """One commit without a parent, with the branch's tree, in place of its history.

        Raises:
            HubError: no such branch (404).
        """
        with self.locked():
            head = self.ref("branches", branch)
            if head is None:
                raise HubError(404, f"{self.repo_id} has no branch {branch!r}", "RevisionNotFound")
            commit = self.write_commit(None, self.commit(head).files, title, "", date)
            write_atomic(self._ref_path("branches", branch), f"{commit}\n".encode())
            return commit

    def deleted(self) -> frozenset[str]:
        """Objects that were deleted from this repository for good, and not committed again since."""
        try:
            return frozenset(json.loads((self.folder / "deleted.json").read_bytes()))
        except FileNotFoundError:
            return frozenset()

    def delete_objects(self, names: Iterable[str]) -> frozenset[str]:
        """Deletes objects from this repository; those of `names` that it had."""
        with self.locked():
            own = {
                entry.sha256
                for commit in self.commit_ids()
                for entry in self.commit(commit).files.values()
            }
            gone = own.intersection(names)
            self._write_deleted(self.deleted() | gone)
        return frozenset(gone)

    def _write_deleted(self, names: frozenset[str]) -> None:
        write_atomic(self.folder / "deleted.json", _canonical(sorted(names)))

    def commit_ids(self) -> frozenset[str]:
        """All commits that are stored, whether a ref leads to them or not."""
        return frozenset(path.stem for path in (self.folder / "commits").glob("[0-9a-f]*.json"))

    def reachable(self) -> frozenset[str]:
        """The commits that a branch or a tag leads to."""
        found: set[str] = set()
        for head in {**self.refs("branches"), **self.refs("tags")}.values():
            found |= {commit.id for commit in self.history(head)}
        return frozenset(found)

    def forget(self, commits: Iterable[str]) -> None:
        """Removes commits' documents."""
        for commit in commits:
            self._commit_path(commit).unlink(missing_ok=True)
        sync_folder(self.folder / "commits")
        _read_commit.cache_clear()

    def create_ref(self, kind: RefKind, name: str, commit: str) -> None:
        """A new branch or tag.

        Raises:
            HubError: there is one of that name already (409).
        """
        path = self._ref_path(kind, name)
        with self.locked():
            if path.exists():
                raise HubError(409, f"{self.repo_id} already has {kind[:-1]} {name!r}")
            write_atomic(path, f"{commit}\n".encode())

    def delete_ref(self, kind: RefKind, name: str) -> None:
        if kind == "branches" and name == MAIN:
            raise HubError(403, "the branch main cannot be deleted")
        path = self._ref_path(kind, name)
        with self.locked():
            try:
                path.unlink()
            except FileNotFoundError:
                raise HubError(
                    404, f"{self.repo_id} has no {name!r} in {kind}", "RevisionNotFound"
                ) from None
            sync_folder(path.parent)


_REF_PREFIXES: tuple[tuple[RefKind, str], ...] = (
    ("branches", ""),
    ("tags", ""),
    ("branches", "refs/heads/"),
    ("tags", "refs/tags/"),
)


def apply(files: Mapping[str, Entry], changes: Iterable[Change]) -> dict[str, Entry]:
    """The tree after all deletions and then all additions, as the Hub orders them.

    Raises:
        HubError: a deletion names nothing, or a path would be a file and a folder.
    """
    changes = list(changes)
    result = dict(files)
    for change in changes:
        if change.entry is None:
            gone = _below(result, change.path) if change.folder else [change.path]
            if not gone or any(path not in result for path in gone):
                raise HubError(
                    404, f"A file with this name doesn't exist: {change.path}", "EntryNotFound"
                )
            for path in gone:
                del result[path]
    result |= {change.path: change.entry for change in changes if change.entry is not None}
    folders = {parent for path in result for parent in parents(path)}
    clash = sorted(folders & result.keys())
    if clash:
        raise HubError(400, f"{clash[0]} would be a file and a folder")
    return dict(sorted(result.items()))


def _below(files: Mapping[str, Entry], folder: str) -> list[str]:
    prefix = folder.rstrip("/") + "/"
    return [path for path in files if path.startswith(prefix)]


def parents(path: str) -> Iterator[str]:
    """The folders above a path, nearest first, without the root."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


class Repositories:
    """All repositories of a Hub directory."""

    def __init__(self, root: Path, objects: Objects, clock: Callable[[], str]) -> None:
        self._folder = root / "datasets"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._objects = objects
        self._clock = clock

    def _path(self, repo_id: str) -> Path:
        owner, name = check_repo_id(repo_id)
        return self._folder / owner / name

    def get(self, repo_id: str) -> Repository:
        """Raises: HubError: there is none (404, RepoNotFound)."""
        folder = self._path(repo_id)
        if not (folder / "repository.json").is_file():
            raise HubError(404, f"there is no dataset {repo_id!r}", "RepoNotFound")
        return Repository(folder, repo_id)

    def create(self, repo_id: str) -> Repository:
        """A new repository with a first commit. One that died half made is finished.

        Raises:
            HubError: there is one already (409).
        """
        folder = self._path(repo_id)
        for name in ("commits", "refs/branches", "refs/tags"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        repository = Repository(folder, repo_id)
        with repository.locked():
            if (folder / "repository.json").exists():
                raise HubError(409, f"You already created this dataset repo: {repo_id}")
            sha256 = self._objects.put(ATTRIBUTES)
            first = Entry(sha256, len(ATTRIBUTES), git_sha1(ATTRIBUTES), lfs=False)
            files = {ATTRIBUTES_PATH: first}
            now = self._clock()
            commit = repository.write_commit(None, files, "initial commit", "", now)
            write_atomic(folder / "refs" / "branches" / MAIN, f"{commit}\n".encode())
            write_atomic(folder / "repository.json", _canonical({"created_at": now}))
        return repository

    def delete(self, repo_id: str) -> None:
        folder = self.get(repo_id).folder
        (folder / "repository.json").unlink()
        shutil.rmtree(folder)

    def objects_of(self, repository: Repository) -> dict[str, tuple[str, Entry]]:
        """The objects that a repository's refs need, with a path and the entry of each."""
        deleted = repository.deleted()
        return {
            entry.sha256: (path, entry)
            for commit in sorted(repository.reachable())
            for path, entry in repository.commit(commit).files.items()
            if entry.sha256 not in deleted
        }

    def collect(self, repository: Repository) -> None:
        """Forgets what no ref of a repository leads to, and deletes what nobody needs then.

        Objects of other repositories stay, and so do those that were uploaded and are in no commit
        yet: only what a forgotten commit named can go.
        """
        with repository.locked():
            lost = repository.commit_ids() - repository.reachable()
            named = {
                entry.sha256
                for commit in lost
                for entry in repository.commit(commit).files.values()
            }
            repository.forget(lost)
        needed = {sha256 for each in self.list() for sha256 in self.objects_of(each)}
        for sha256 in sorted(named - needed):
            self._objects.remove(sha256)

    def list(self) -> tuple[Repository, ...]:
        found = sorted(self._folder.glob("*/*/repository.json"))
        return tuple(
            Repository(path.parent, f"{path.parent.parent.name}/{path.parent.name}")
            for path in found
        )
