"""Datasets on a Hub: publishing a release so that it converges, and reading without a cache.

In: a finished release tree, or a dataset's name. Out: one commit and one tag, or bytes whose hash
is checked. The only module that imports huggingface_hub; the endpoint is always passed, as the
client reads HF_ENDPOINT once, at import.

Always holds: a version's tag is made after the one commit that holds all of the version, so a
reader sees the last release or this one (law 8), and a publish that was killed anywhere is ended by
running it again. A release goes on top of the one that its manifest names as `previous`, and of no other:
the commit's parent is a head of main that was seen to be at that one, so of two releases that were
computed from one, the Hub takes one. Reading never goes through the client's cache: with a dead server, a deleted
repository or a bad token that cache hands out withdrawn data.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    constants,
    get_session,
    hf_hub_url,
    set_client_factory,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

# The package re-exports these without saying so to type checkers.
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    are_progress_bars_disabled,
    build_hf_headers,
    disable_progress_bars,
    enable_progress_bars,
    hf_raise_for_status,
)
from huggingface_hub.utils._http import hf_request_event_hook

from stackyard.errors import (
    EnvironmentFault,
    StackyardError,
    Superseded,
    UsageError,
    VerificationError,
)
from stackyard.release.manifest import Manifest, Previous
from stackyard.release.names import MANIFEST
from stackyard.store import bounds

MAIN = "main"

YANKED_PATH = "yanked.json"
"""On the branch main: the versions that stay listed and are not pulled unasked."""

PURGED_PATH = "purged.json"
"""On the branch main: the tombstones of versions that were purged (client/tombstones.py)."""

HUB_FILES = frozenset({".gitattributes", PURGED_PATH, YANKED_PATH})
"""Files of a repository that belong to the Hub, not to a release: kept when a release is published."""

ATTEMPTS = 5
"""Tries of one call when the Hub is busy (429, 5xx) or cuts the line, and of one publish when
others move the branch meanwhile."""

BACKOFF_SECONDS = 0.5
"""Wait before the second try; doubled before each next one, unless the Hub says Retry-After."""

RETRY_AFTER_MAX_SECONDS = 60.0
"""What the Hub asks for beyond this is not waited for: the operator runs the command again."""

TIMEOUT = httpx2.Timeout(60.0, connect=15.0)
"""Seconds without any progress; huggingface_hub has none, and would wait for ever."""

CHUNK_BYTES = 1 << 20

REGULAR_MAX_BYTES = 32 << 20
"""No Hub keeps a larger file outside of LFS: huggingface.co takes 10 MB there."""

BUSY = frozenset({429, 500, 502, 503, 504})
CONFLICT, PRECONDITION_FAILED = 409, 412
UNAUTHORIZED, FORBIDDEN = 401, 403

_BARE = "purge-"
"""Prefix of the branch that holds a version while its tag moves to a commit without history."""

_VERSION_TAG = re.compile(r"v(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
_COMMIT = re.compile(r"[0-9a-f]{40}")

FILES_MAX = 200_000
"""Files of a commit that are listed: twice as many as huggingface.co takes."""

_NO_ANSWER = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
"""What huggingface_hub raises on an answer that is no JSON, too deep, or of another shape."""

T = TypeVar("T")

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def _before_request(request: httpx2.Request) -> None:
    """What the client does before a request; HF_HUB_OFFLINE is about networks, so not about loopback."""
    if request.url.host not in _LOOPBACK:
        hf_request_event_hook(request)


def _client() -> httpx2.Client:
    hooks = {"request": [_before_request]}
    return bounds.bound(httpx2.Client(event_hooks=hooks, follow_redirects=True, timeout=TIMEOUT))


set_client_factory(_client)


@dataclass(frozen=True)
class Published:
    """What a publish did: the version's commit, the paths that were sent, and whether it was there."""

    commit: str
    uploaded: tuple[str, ...]
    already: bool


@dataclass(frozen=True)
class Purged:
    """What a purge did: tags deleted, the new head of main, LFS objects deleted, and their bytes."""

    tags: tuple[str, ...]
    commit: str
    objects: int
    size_bytes: int


@dataclass(frozen=True)
class RemoteFile:
    """A file of a commit. `sha256` is known for LFS files, `git_sha1` names the content of others."""

    path: str
    size_bytes: int
    sha256: str | None
    git_sha1: str | None


@dataclass(frozen=True)
class LocalFile:
    """A file of a release tree, hashed in the ways that a Hub names contents.

    `git_sha1` is empty for files beyond REGULAR_MAX_BYTES, which a Hub always keeps in LFS.
    """

    path: str
    source: Path
    size_bytes: int
    sha256: str
    git_sha1: str

    def equals(self, remote: RemoteFile | None) -> bool:
        if remote is None or remote.size_bytes != self.size_bytes:
            return False
        if remote.sha256 is not None:
            return remote.sha256 == self.sha256
        return remote.git_sha1 == self.git_sha1


class _Moved(Exception):
    """A try was in vain. Its cause is an error of ours if the Hub was busy, not if main moved."""

    def fault(self, repo: str) -> StackyardError:
        """What to tell when no try is left."""
        return self.__cause__ if isinstance(self.__cause__, StackyardError) else _contested(repo)


@dataclass(frozen=True)
class HubDataset:
    """A dataset on a Hub, by its id.

    Args:
        repo: dataset id, `owner/name`.
        endpoint: URL of the Hub; None is HF_ENDPOINT's, else huggingface.co.
        token: None is HF_TOKEN's, or that of `hf auth login`, if any.

    Raises:
        EnvironmentFault: (all methods) the Hub cannot be reached, is busy for too long, or refuses.
        UsageError: (all methods) it has no such dataset, version or file.
    """

    repo: str
    endpoint: str | None = None
    token: str | None = None

    @property
    def url(self) -> str:
        return self.endpoint or os.environ.get("HF_ENDPOINT") or constants.ENDPOINT

    def _api(self) -> HfApi:
        get_session().timeout = TIMEOUT
        return HfApi(endpoint=self.url, token=self.token)

    def _call(self, function: Callable[[], T], seconds: float | None = None) -> T:
        """What a function answers, tried again while the Hub is busy, in so many seconds in all."""
        with bounds.deadline(seconds or bounds.CALL_SECONDS), self._answers():
            for attempt in range(ATTEMPTS):
                try:
                    return function()
                except (HfHubHTTPError, httpx2.TransportError) as error:
                    wait = _wait_seconds(error, attempt)
                    left = bounds.seconds_left(wait)
                    if wait is None or left != wait or attempt == ATTEMPTS - 1:
                        raise
                    time.sleep(wait)
        raise AssertionError("the loop returns or raises")

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Turns what a Hub can make huggingface_hub raise into errors of ours."""
        try:
            yield
        except StackyardError:
            raise
        except (HfHubHTTPError, httpx2.HTTPError, httpx2.InvalidURL, HFValidationError) as error:
            self._refuse(error)
        except _NO_ANSWER as error:
            raise EnvironmentFault(
                f"the Hub at {self.url} answers what no Hub answers, about {self.repo}",
                found=type(error).__name__,
                next_step="check HF_ENDPOINT; nothing was believed",
            ) from error

    def _refuse(self, error: BaseException) -> NoReturn:
        raise _translated(error, self.repo, self.url) from error

    def _refs(self) -> tuple[str, dict[str, str]]:
        return self._all_refs()[:2]

    def _all_refs(self) -> tuple[str, dict[str, str], dict[str, str]]:
        """Head of main, and the commits of all tags and branches."""
        refs = self._call(
            lambda: self._api().list_repo_refs(repo_id=self.repo, repo_type="dataset")
        )
        heads, tags = (
            {ref.name: ref.target_commit for ref in some} for some in (refs.branches, refs.tags)
        )
        for name, commit in (*heads.items(), *tags.items()):
            if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
                raise EnvironmentFault(
                    f"the Hub at {self.url} says that {str(name)[:80]} of {self.repo} is at no commit",
                    expected="40 hex digits",
                    found=str(commit)[:80],
                )
        if MAIN not in heads:
            raise UsageError(f"dataset {self.repo} has no branch {MAIN}", found=self.url)
        return heads[MAIN], tags, heads

    def ensure(self) -> None:
        """Makes the dataset if it is not there."""
        try:
            self._refs()
        except UsageError as missing:
            if not isinstance(missing.__cause__, RepositoryNotFoundError):
                raise
            self._call(
                lambda: self._api().create_repo(self.repo, repo_type="dataset", exist_ok=True)
            )

    def head(self) -> str:
        """Commit id of the branch main, as the server says now."""
        return self._refs()[0]

    def versions(self) -> dict[str, str]:
        """Version -> commit id of all released versions, in the order of versions."""
        return _versions(self._refs()[1])

    def resolve(self, version: str) -> str:
        """Commit id of a version, as the server says now.

        Raises:
            UsageError: it was never released.
        """
        versions = self.versions()
        if version not in versions:
            raise UsageError(
                f"dataset {self.repo} has no version {version}",
                expected=f"one of {', '.join(versions)}" if versions else "a released version",
                found=self.url,
            )
        return versions[version]

    def files(self, commit: str) -> dict[str, RemoteFile]:
        """All files of a commit by path, sorted."""
        entries = self._call(
            lambda: self._at_most(
                self._api().list_repo_tree(
                    self.repo, recursive=True, revision=commit, repo_type="dataset"
                )
            )
        )
        files = [
            RemoteFile(
                entry.path,
                entry.size,
                entry.lfs.sha256 if entry.lfs else None,
                None if entry.lfs else entry.blob_id,
            )
            for entry in entries
            if isinstance(entry, RepoFile)
        ]
        return {file.path: file for file in sorted(files, key=lambda file: file.path)}

    def _at_most(self, entries: Iterable[T]) -> list[T]:
        """Entries that come page by page: a Hub can lead from page to page for ever."""
        found = list(itertools.islice(entries, FILES_MAX + 1))
        if len(found) > FILES_MAX:
            raise EnvironmentFault(f"{self.repo} has more than {FILES_MAX} files or folders")
        return found

    @contextmanager
    def _stream(self, commit: str, path: str, offset: int) -> Iterator[Iterator[bytes]]:
        url = hf_hub_url(self.repo, path, repo_type="dataset", revision=commit, endpoint=self.url)
        headers = build_hf_headers(token=self.token)
        if offset:
            headers["Range"] = f"bytes={offset}-"
        with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT) as response:
            if response.is_error:
                response.read()
            hf_raise_for_status(response)
            skip = offset if response.status_code == httpx2.codes.OK else 0
            yield _without_first(response.iter_bytes(CHUNK_BYTES), skip)

    def read(self, commit: str, path: str, size_max_bytes: int = 256 << 20) -> bytes:
        """The bytes of a small file at a commit.

        Raises:
            VerificationError: it is larger than `size_max_bytes`.
        """

        def once() -> bytes:
            content = bytearray()
            with self._stream(commit, path, 0) as chunks:
                for chunk in chunks:
                    content.extend(chunk)
                    if len(content) > size_max_bytes:
                        raise VerificationError(
                            f"{path} of {self.repo} is larger than it can be",
                            expected=f"at most {size_max_bytes} bytes",
                        )
            return bytes(content)

        with bounds.body(size_max_bytes + CHUNK_BYTES):
            return self._call(once, bounds.CALL_SECONDS + size_max_bytes / bounds.RATE_BYTES)

    def read_if_there(
        self, commit: str, path: str, size_max_bytes: int = 256 << 20
    ) -> bytes | None:
        try:
            return self.read(commit, path, size_max_bytes)
        except UsageError as missing:
            if isinstance(missing.__cause__, EntryNotFoundError):
                return None
            raise

    def download(
        self, commit: str, path: str, target: Path, *, sha256: str, size_bytes: int
    ) -> None:
        """Writes a file of a commit to `target`, which appears only when its hash is right.

        A line that was cut is taken up where it broke.

        Raises:
            VerificationError: the Hub sends other bytes than the hash promises.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}.part")
        state = hashlib.sha256()
        try:
            with partial.open("wb") as sink:

                def once() -> None:
                    with self._stream(commit, path, sink.tell()) as chunks:
                        for chunk in chunks:
                            sink.write(chunk)
                            state.update(chunk)
                            if sink.tell() > size_bytes:
                                return

                with bounds.body(size_bytes + CHUNK_BYTES):
                    self._call(once, bounds.CALL_SECONDS + size_bytes / bounds.RATE_MIN_BYTES)
                found_bytes = sink.tell()
                sink.flush()
                os.fsync(sink.fileno())
            if found_bytes != size_bytes or state.hexdigest() != sha256:
                raise VerificationError(
                    f"the Hub sent other bytes for {path} of {self.repo} than its manifest lists",
                    expected=f"sha256 {sha256}, {size_bytes} bytes",
                    found=f"sha256 {state.hexdigest()}, {found_bytes} bytes",
                    next_step="do not use this copy; tell the release manager",
                )
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def filesystem(self) -> HfFileSystem:
        """An fsspec file system over the Hub that answers from no earlier session's listings."""
        get_session().timeout = TIMEOUT
        return HfFileSystem(endpoint=self.url, token=self.token, skip_instance_cache=True)

    def location(self, commit: str, path: str) -> str:
        """Where `filesystem` has a file of a commit."""
        return f"datasets/{self.repo}@{commit}/{path}"

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Turns what `filesystem` raises into the errors of this module."""
        with self._answers():
            yield

    def edit(self, path: str, change: Callable[[bytes | None], bytes], title: str) -> str:
        """Commits a change of one small file on main; the new head. No change, no commit."""
        lost = _Moved()
        for _ in range(ATTEMPTS):
            head = self.head()
            before = self.read_if_there(head, path)
            after = change(before)
            if after == before:
                return head
            try:
                return self._commit(head, [CommitOperationAdd(path, after)], title)
            except _Moved as moved:
                lost = moved
        raise lost.fault(self.repo)

    def check_writable(self) -> None:
        """Asks the Hub whether we may write to the dataset; nothing is written.

        Raises:
            EnvironmentFault: we may not, or the Hub has no room.
        """
        self._call(lambda: self._api().auth_check(self.repo, repo_type="dataset", write=True))

    def purge(self, versions: Iterable[str]) -> Purged:
        """Takes versions off the Hub for good, as far as its API allows, and checks that it did.

        (1) Their tags go. (2) The tag of every other version moves to a commit with the same tree
        and no history, as that led to what goes. (3) The history of main becomes one commit.
        (4) Every LFS object that no remaining branch or tag needs is deleted. (5) None of these is
        listed or served any more.

        Run again after any failure, or where nothing is left, it ends in the same state. Copies that
        others made are out of reach.

        Raises:
            EnvironmentFault: the Hub refuses, or still has something of them.
        """
        _, tags, _ = self._all_refs()
        names = sorted(f"v{version}" for version in versions)
        gone = [name for name in names if name in tags]
        for name in gone:  # (1)
            self._untag(name)
        _, tags, branches = self._all_refs()
        bare = {name.removeprefix(_BARE) for name in branches if name.startswith(_BARE)}
        for name in sorted((tags.keys() | bare) - set(names)):  # (2)
            self._without_history(name, tags, branches)
        self._squash(MAIN)  # (3)
        head, tags = self._refs()
        needed = {
            file.sha256 for commit in {head, *tags.values()} for file in self.files(commit).values()
        }
        stored = self._call(
            lambda: list(self._api().list_lfs_files(self.repo, repo_type="dataset"))
        )
        extra = [file for file in stored if file.oid not in needed]
        self._call(  # (4)
            lambda: self._api().permanently_delete_lfs_files(
                self.repo, extra, rewrite_history=True, repo_type="dataset"
            )
        )
        self._check_purged(names, {file.oid for file in extra})  # (5)
        return Purged(tuple(gone), self.head(), len(extra), sum(file.size or 0 for file in extra))

    def _without_history(
        self, name: str, tags: Mapping[str, str], branches: Mapping[str, str]
    ) -> None:
        """Moves a tag to a commit with its tree and no parent; goes on where a killed run stopped.

        The branch is there until the tag is: so a version is never nowhere.
        """
        branch = f"{_BARE}{name}"
        if branch not in branches:
            commits = self._call(
                lambda: self._api().list_repo_commits(self.repo, revision=name, repo_type="dataset")
            )
            if len(commits) == 1:
                return
            self._call(
                lambda: self._api().create_branch(
                    self.repo, branch=branch, revision=tags[name], repo_type="dataset"
                )
            )
        self._squash(branch)
        head = self._all_refs()[2][branch]
        if name in tags and tags[name] != head:
            self._untag(name)
        if tags.get(name) != head:
            self._call(
                lambda: self._api().create_tag(
                    self.repo, tag=name, revision=head, repo_type="dataset"
                )
            )
        self._call(lambda: self._api().delete_branch(self.repo, branch=branch, repo_type="dataset"))

    def _untag(self, name: str) -> None:
        self._call(lambda: self._api().delete_tag(self.repo, tag=name, repo_type="dataset"))

    def _squash(self, branch: str) -> None:
        self._call(
            lambda: self._api().super_squash_history(
                self.repo, branch=branch, commit_message="Squash the history", repo_type="dataset"
            )
        )

    def _check_purged(self, names: list[str], objects: set[str]) -> None:
        left = set(names) & self._refs()[1].keys()
        stored = self._call(
            lambda: list(self._api().list_lfs_files(self.repo, repo_type="dataset"))
        )
        still = objects & {file.oid for file in stored}
        if left or still:
            raise EnvironmentFault(
                f"the Hub at {self.url} still has something of what was purged from {self.repo}",
                found=f"{len(left)} tags and {len(still)} LFS objects",
                next_step="run it again; if it stays so, ask the Hub's support",
            )

    def _commit(
        self, parent: str, operations: list[CommitOperationAdd | CommitOperationDelete], title: str
    ) -> str:
        """One commit on main whose parent is `parent`.

        Raises:
            _Moved: main is elsewhere by now; perhaps as an answer to this very commit got lost.
        """
        try:
            with _plain_uploads(self.url):
                info = self._api().create_commit(
                    self.repo,
                    operations,
                    commit_message=title,
                    repo_type="dataset",
                    revision=MAIN,
                    parent_commit=parent,
                )
        except (HfHubHTTPError, httpx2.TransportError, RuntimeError, ValueError) as error:
            cause = _root(error)
            if _status(cause) == PRECONDITION_FAILED:
                raise _Moved from error
            seconds = _wait_seconds(cause, 0)
            if seconds is None:
                self._refuse(cause)
            time.sleep(seconds)
            raise _Moved from _translated(cause, self.repo, self.url)
        return info.oid

    def _tag(self, name: str, commit: str) -> None:
        """Raises: _Moved: there is such a tag by now."""
        try:
            self._call(
                lambda: self._api().create_tag(
                    self.repo, tag=name, revision=commit, repo_type="dataset"
                )
            )
        except StackyardError as error:
            if _status(error.__cause__) == CONFLICT:
                raise _Moved from None
            raise


def publish(
    release_dir: Path,
    repo: str,
    version: str,
    *,
    endpoint: str | None = None,
    token: str | None = None,
) -> Published:
    """Publishes a release tree as version `version`: one commit, then its tag.

    Run again after any failure, or with nothing to do, it ends in the same state. Files that the
    branch already has, by hash, are not sent again; files that the release lacks are deleted.

    Raises:
        VerificationError: the version is published already, with another manifest, or main is at a
            release whose tag is gone.
        UsageError: the version is no semantic version, or the tree has no manifest.
        Superseded: the Hub's newest release is not the one that this one was computed from.
        EnvironmentFault: the Hub cannot be reached, or stays busy.
    """
    if not _VERSION_TAG.fullmatch(f"v{version}"):
        raise UsageError(f"{version!r} is no version", expected="three numbers, like 0.1.0")
    local = local_files(release_dir)
    if MANIFEST not in local:
        raise UsageError(f"{release_dir} holds no {MANIFEST}: it is not a release")
    dataset = HubDataset(repo, endpoint, token)
    dataset.ensure()
    uploaded: dict[str, None] = {}
    lost = _Moved()
    for _ in range(ATTEMPTS):
        try:
            done = _converge(dataset, local, version, uploaded)
        except _Moved as moved:
            lost = moved
            continue
        return Published(done.commit, tuple(sorted(uploaded)), done.already and not uploaded)
    raise lost.fault(repo)


def require_newest(dataset: HubDataset, previous: Previous | None, own: Previous) -> None:
    """Passes while `own`, a release that was computed from `previous`, may be published, or is.

    Raises:
        Superseded: another release came meanwhile.
    """
    newest = _newest(dataset, dataset.versions())
    if newest not in {previous, own}:
        raise _superseded(dataset.repo, newest, previous)


def _converge(
    dataset: HubDataset,
    local: Mapping[str, LocalFile],
    version: str,
    uploaded: dict[str, None],
) -> Published:
    """(1) If the tag is there: check and stop. (2) The newest release, and main, must be where this one
    goes on from. (3) Plan. (4) Commit. (5) Read back. (6) Tag.
    """
    head, tags = dataset._refs()  # noqa: SLF001 - one module, two views of it
    commit = tags.get(f"v{version}")
    if commit is not None:  # (1)
        _check_same(dataset, commit, local[MANIFEST], version)
        return Published(commit, (), already=True)
    _check_follows(dataset, head, _versions(tags), local[MANIFEST])  # (2)
    remote = dataset.files(head)  # (3)
    adds = [file for path, file in local.items() if not file.equals(remote.get(path))]
    gone = sorted(remote.keys() - local.keys() - HUB_FILES)
    if adds or gone:  # (4)
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationDelete(path, is_folder=False) for path in gone
        ]
        operations += [_addition(file) for file in adds]
        uploaded |= dict.fromkeys(file.path for file in adds)
        head = dataset._commit(head, operations, f"Release {version}")  # noqa: SLF001
        remote = dataset.files(head)
    for path in sorted(local.keys() | (remote.keys() - HUB_FILES)):  # (5)
        if path not in local or not local[path].equals(remote.get(path)):
            raise EnvironmentFault(
                f"the Hub does not hold what was sent: {path} of {dataset.repo} differs at {head}",
                next_step="nothing is tagged yet: run the release again",
            )
    dataset._tag(f"v{version}", head)  # (6) # noqa: SLF001
    return Published(head, (), already=False)


def _check_follows(
    dataset: HubDataset, head: str, versions: Mapping[str, str], manifest: LocalFile
) -> None:
    """Checks that the newest release is the one that the manifest names as `previous`, and that main is
    there too, or is at this very release, which a run that was killed has not tagged.

    Main at a later release without a tag means that another run is between its commit and its tag, or
    was killed there: its tag is made for it, so that the chain has one end again.

    Raises:
        Superseded: another release came meanwhile.
        VerificationError: main is at a release that the tags do not lead to.
    """
    previous = _previous_in(manifest.source.read_bytes())
    newest = _newest(dataset, versions)
    if newest != previous:
        raise _superseded(dataset.repo, newest, previous)
    there = untagged_at(dataset, head, newest)
    if there is not None and there.manifest_sha256 != manifest.sha256:
        dataset._tag(f"v{there.version}", head)  # noqa: SLF001
        raise _superseded(dataset.repo, there, previous)


def untagged_at(dataset: HubDataset, head: str, newest: Previous | None) -> Previous | None:
    """The release that main is at, if that is later than the newest tag.

    Anything else on main is no release of this dataset, or an older one: the next release goes over it.

    Raises:
        VerificationError: it does not follow the newest tag, so tags are hidden or were deleted.
    """
    text = dataset.read_if_there(head, MANIFEST)
    try:
        there = None if text is None else Manifest.parse(text)
    except StackyardError:
        return None
    if text is None or there is None or there.name != dataset.repo:
        return None
    if newest is not None and _numbers(there.version) <= _numbers(newest.version):
        return None
    if there.previous != newest:
        raise VerificationError(
            f"main of {dataset.repo} is at release {there.version}, and no tag leads there",
            expected=f"a tag of {there.previous.version}"
            if there.previous
            else "a tag of it alone",
            found=f"{newest.version} as the newest tag" if newest else "no tag of a version",
            next_step="the Hub hides tags, or somebody deleted them: find out who before you publish",
        )
    return Previous(there.version, hashlib.sha256(text).hexdigest())


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _versions(tags: Mapping[str, str]) -> dict[str, str]:
    """Version -> commit id, in the order of versions."""
    found = {name[1:]: commit for name, commit in tags.items() if _VERSION_TAG.fullmatch(name)}
    return {version: found[version] for version in sorted(found, key=_numbers)}


def _newest(dataset: HubDataset, versions: Mapping[str, str]) -> Previous | None:
    """The newest released version and the hash of its manifest."""
    if not versions:
        return None
    version, commit = list(versions.items())[-1]
    text = dataset.read(commit, MANIFEST)
    return Previous(version, hashlib.sha256(text).hexdigest())


def _previous_in(manifest: bytes) -> Previous | None:
    """What a manifest of ours says that it follows."""
    told = json.loads(manifest).get("previous")
    return None if told is None else Previous(**told)


def _superseded(repo: str, newest: Previous | None, previous: Previous | None) -> Superseded:
    def name(release: Previous | None) -> str:
        if release is None:
            return "no release"
        return f"{release.version}, manifest {release.manifest_sha256[:12]}"

    return Superseded(
        f"another release of {repo} came meanwhile; nothing was published",
        expected=f"{name(previous)}: what this one was computed from",
        found=f"{name(newest)}: the newest on the Hub",
        next_step="run it again: it will be computed from the newest",
    )


def _check_same(dataset: HubDataset, commit: str, manifest: LocalFile, version: str) -> None:
    found = hashlib.sha256(dataset.read(commit, manifest.path)).hexdigest()
    if found != manifest.sha256:
        raise VerificationError(
            f"version {version} of {dataset.repo} is published already, with another manifest",
            expected=f"manifest sha256 {manifest.sha256}",
            found=f"sha256 {found} at {commit}",
            next_step="a published version never changes: release the next one",
        )


def _addition(file: LocalFile) -> CommitOperationAdd:
    addition = CommitOperationAdd(file.path, str(file.source))
    addition.upload_info.sha256 = bytes.fromhex(file.sha256)
    return addition


def local_files(release_dir: Path) -> dict[str, LocalFile]:
    """All files of a release tree by path, sorted and hashed.

    Raises:
        UsageError: it is no folder, or holds something else than files and folders.
    """
    if not release_dir.is_dir():
        raise UsageError(f"there is no release in {release_dir}")
    files = {}
    for source in sorted(release_dir.rglob("*")):
        if source.is_symlink() or not (source.is_dir() or source.is_file()):
            raise UsageError(f"{source} is neither a file nor a folder: it cannot be released")
        if source.is_file():
            path = source.relative_to(release_dir).as_posix()
            if path in HUB_FILES:
                raise UsageError(f"a release cannot hold {path}: that name is the Hub's")
            files[path] = _hashed(path, source)
    return dict(sorted(files.items()))


def _hashed(path: str, source: Path) -> LocalFile:
    size_bytes = source.stat().st_size
    if size_bytes <= REGULAR_MAX_BYTES:
        content = source.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        git_sha1 = hashlib.sha1(b"blob %d\0" % size_bytes + content, usedforsecurity=False)
        return LocalFile(path, source, size_bytes, sha256, git_sha1.hexdigest())
    with source.open("rb") as handle:
        sha256 = hashlib.file_digest(handle, "sha256").hexdigest()
    return LocalFile(path, source, size_bytes, sha256, "")


def _without_first(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """The chunks less their first `count` bytes: for a server that ignores Range."""
    for chunk in chunks:
        yield chunk[count:]
        count = max(0, count - len(chunk))


def _root(error: BaseException) -> BaseException:
    """The HTTP error inside: uploads in threads wrap theirs."""
    step: BaseException | None = error
    while step is not None:
        if isinstance(step, (HfHubHTTPError, httpx2.TransportError)):
            return step
        step = step.__cause__ or step.__context__
    return error


def _status(error: BaseException | None) -> int:
    response = getattr(error, "response", None)
    return int(response.status_code) if response is not None else 0


def _wait_seconds(error: BaseException, attempt: int) -> float | None:
    """Seconds to wait before the next try; None if trying again cannot help."""
    backoff = BACKOFF_SECONDS * 2**attempt
    if isinstance(error, HfHubHTTPError):
        if _status(error) not in BUSY:
            return None
        asked = error.response.headers.get("Retry-After", "")
        if not asked.isdecimal():
            return backoff
        return float(asked) if float(asked) <= RETRY_AFTER_MAX_SECONDS else None
    passing = isinstance(error, httpx2.TransportError) and not isinstance(
        error, (httpx2.ConnectError, httpx2.UnsupportedProtocol)
    )
    return backoff if passing else None


def _translated(error: BaseException, repo: str, url: str) -> StackyardError:
    status = _status(error)
    if status and getattr(getattr(error, "response", None), "history", None):
        # What another place does not have says nothing of what this Hub has.
        return EnvironmentFault(
            f"the Hub at {url} sends who asks for {repo} to another place, which answers HTTP {status}",
            next_step="run the command again later; if it stays so, ask who runs the Hub",
        )
    if isinstance(error, RepositoryNotFoundError):
        return UsageError(
            f"the Hub at {url} has no dataset {repo}, or does not show it to you",
            next_step="check the name; for a private dataset set HF_TOKEN",
        )
    if isinstance(error, HFValidationError):
        return UsageError(f"{repo!r} is no dataset id", expected="owner/name")
    if isinstance(error, (RevisionNotFoundError, EntryNotFoundError)):
        return UsageError(f"the Hub at {url} does not have this of {repo}: {_said(error)}")
    if status in {UNAUTHORIZED, FORBIDDEN}:
        return EnvironmentFault(
            f"the Hub at {url} refuses this with {repo}: HTTP {status}",
            next_step="set HF_TOKEN to a token that may do it",
        )
    if status:
        return EnvironmentFault(
            f"the Hub at {url} answers HTTP {status} for {repo}: {_said(error)}",
            next_step="run the command again later: it takes up where it stopped",
        )
    if isinstance(error, (httpx2.TooManyRedirects, httpx2.DecodingError, httpx2.InvalidURL)):
        return EnvironmentFault(
            f"the Hub at {url} leads nowhere for {repo}: {type(error).__name__}",
            next_step="check HF_ENDPOINT; if it stays so, ask who runs the Hub",
        )
    if not isinstance(error, httpx2.TransportError):
        return EnvironmentFault(f"the Hub at {url} refuses this with {repo}: {_said(error)}")
    return EnvironmentFault(
        f"the Hub at {url} cannot be reached: {type(error).__name__}",
        next_step="check the network and HF_ENDPOINT; nothing was taken from a cache instead",
    )


def _said(error: BaseException) -> str:
    """What the server said, in one line; never the request, which may carry a token."""
    said = getattr(error, "server_message", None) or "no reason given"
    if not isinstance(error, HfHubHTTPError):
        said = str(error)
    return " ".join(str(said).split())[:300]


def _contested(repo: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"main of {repo} moved at each of {ATTEMPTS} tries: somebody else writes to it",
        next_step="wait until they are done, then run the command again",
    )


@contextmanager
def _plain_uploads(url: str) -> Iterator[None]:
    """Uploads through LFS where there is no Xet, and no progress bars where there is no terminal.

    Only huggingface.co has Xet, and the client, which chooses it, does not fall back. It passes
    files to httpx2 in a way that httpx2 warns of; that warning is not our users' to act on.
    """
    before, bars = constants.HF_HUB_DISABLE_XET, not are_progress_bars_disabled()
    has_xet = url.rstrip("/") == "https://huggingface.co"
    constants.HF_HUB_DISABLE_XET = before or not has_xet
    hide = bars and not sys.stderr.isatty()
    if hide:
        disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Use 'content=", DeprecationWarning)
            yield
    finally:
        constants.HF_HUB_DISABLE_XET = before
        if hide:
            enable_progress_bars()
