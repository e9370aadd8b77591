"""One commit of a git repository: fetched into a bare cache, then listed and read; its history by wish.

In: a URL and a ref. Out: the commit, and its files in the order of git's own listing. Always
holds: no hook, filter, submodule or external transport runs, and no configuration of the fetched
repository counts; credentials never pass through here (git asks its own helpers).
Source: git(1), gitprotocol-v2(5), git-cat-file(1).
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

from stackyard.errors import EnvironmentFault, StackyardError, UsageError
from stackyard.ingest import cache as caches
from stackyard.ingest import swhid
from stackyard.ingest.member import Member
from stackyard.ingest.paths import escape
from stackyard.ingest.stream import PIECE_BYTES, Budget

COMMIT: Final = re.compile(r"[0-9a-f]{40}")
DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?")
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 2
_SECONDS_MAX: Final = 3600
"""A clone of the largest repositories takes minutes; what takes longer hangs."""
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "fetch.recurseSubmodules=false",
    "fetch.unpackLimit=1",  # one pack, however few the objects are
    "gc.auto=0",
    "maintenance.auto=false",
)
_KEPT: Final = re.compile(r"GIT_(SSL_.*|SSH.*|ASKPASS|PROXY_.*|CONFIG_GLOBAL)|(?!GIT_).*")
_WRONG_SOURCE: Final = re.compile(
    r"not found|does not appear to be a git|does not exist|remote ref|not our ref|unadvertised"
    r"|not supported|not allowed|Needed a single revision|Not a valid|expected commit"
)


@dataclass(frozen=True)
class Commit:
    """A commit that lies in the cache.

    Attributes:
        bare: the repository that holds it.
        commit: 40 hex digits.
        branch: the branch that it was looked for on, if any.
        history: the repository that holds its whole history, if that was asked for.
    """

    bare: Path
    commit: str
    branch: str | None
    history: Path | None = None


@dataclass(frozen=True)
class CommitFacts:
    """What a commit object says.

    Attributes:
        tree: 40 hex digits.
        committed: seconds since 1970, by its committer's clock.
    """

    tree: str
    committed: int


def fetch(
    url: str, ref: str, branch: str, folder: Path, where: str, *, with_history: bool = False
) -> Commit:
    """Brings the commit that a ref names, without its history, into a bare repository of its own.

    A full commit id that is there already is not asked for again; a tag, a branch or a date is
    resolved at the origin each time, as it may have moved. Only one process at a time may call.

    Args:
        url: any URL or path that git reads.
        ref: a full commit id, a date (the last commit of the branch until its end, in UTC, by
            committer), a tag or a branch; empty for the tip of the branch.
        branch: empty for the default branch.
        folder: of all repositories of this URL; made if it is not there.
        where: the source, for errors.
        with_history: whether its whole history is wanted too, in another repository.

    Raises:
        UsageError: there is no such repository, ref or commit, or its history is cut short there.
        EnvironmentFault: git is missing, or the network failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = branch or None
    if COMMIT.fullmatch(ref):
        wanted = name = ref
    elif DATE.fullmatch(ref):
        wanted, found = _at_date(url, ref, branch, folder, where)
        name = wanted
    else:
        name, wanted, tip = _resolve(url, ref or branch, where)
        found = tip or found
    bare = folder / f"{wanted}.git"
    if not bare.is_dir():
        _bring(url, name, wanted, bare, where)
    history = folder / f"{wanted}.history.git" if with_history else None
    if history is not None and not history.is_dir():
        _bring_history(url, name, wanted, history, where)
    commit = _run(["rev-parse", "--verify", "-q", f"{wanted}^{{commit}}"], where, bare)
    return Commit(bare, commit.decode().strip(), found, history)


def _bring(url: str, name: str, wanted: str, bare: Path, where: str) -> None:
    """Fetches into a new repository and names it last: one that was killed leaves locks and parts."""
    partial = _new(bare.parent, where)
    _run(["fetch", "-q", "--no-tags", "--depth=1", "--", url, name], where, partial, tries=_TRIES)
    if _start(["cat-file", "-e", f"{wanted}^{{tree}}"], where, partial).returncode != 0:
        raise EnvironmentFault(
            f"{where} moved while it was fetched", next_step="run the same command again"
        )
    partial.rename(bare)


def _bring_history(url: str, name: str, wanted: str, bare: Path, where: str) -> None:
    """The whole history, contents too. Git can leave those out, but then asks the server for each
    object that it misses: one that never has them, or a shallow one, keeps git 2.39 starting fetches
    within fetches for ever.
    """
    partial = _new(bare.parent, where)
    options = ["-q", "--no-tags", "--update-shallow", "--"]
    _run(["fetch", *options, url, name], where, partial, tries=_TRIES)
    if _run(["rev-parse", "--is-shallow-repository"], where, partial).strip() != b"false":
        raise UsageError(
            f"{where} is a shallow clone: who touched its files before is not known there",
            next_step="take a whole repository, or leave out `authors` in sources.yaml",
        )
    if _start(["cat-file", "-e", f"{wanted}^{{tree}}"], where, partial).returncode != 0:
        raise EnvironmentFault(
            f"{where} moved while it was fetched", next_step="run the same command again"
        )
    partial.rename(bare)


def _new(folder: Path, where: str) -> Path:
    bare = caches.fresh(folder, "partial-")
    _run(["init", "-q", "--bare", str(bare)], where)
    return bare


def facts(bare: Path, commit: str, where: str) -> CommitFacts:
    """Tree and date of a commit, once its bytes are checked against its id."""
    raw = _run(["cat-file", "commit", commit], where, bare)
    if swhid.revision(raw).digest.hex() != commit:
        raise EnvironmentFault(
            f"commit {commit} of {where} does not hash to its id",
            next_step=f"remove {bare} and run again",
        )
    header = raw.split(b"\n\n", 1)[0]
    tree = re.match(rb"tree ([0-9a-f]{40})\n", header)
    seconds = re.search(rb"\ncommitter [^\n]*> (-?\d{1,18}) [+-]\d+(?:\n|$)", header)
    assert tree is not None, "git would not have found the commit's tree"
    return CommitFacts(tree[1].decode(), int(seconds[1]) if seconds else 0)


def members(
    bare: Path, commit: str, file_bytes_max: int, budget: Budget, where: str
) -> Iterator[Member]:
    """Files, links and submodules of a commit; contents longer than the bound are not read.

    The budget is spent on all of them before the first.
    """
    listed = []
    for row in rows(bare, commit, where):
        budget.spend_entry(row.name)
        budget.spend_bytes(row.length_bytes)
        listed.append(row)
    read = [row.object for row in listed if row.is_read(file_bytes_max)]
    with _Contents(bare, read, where) as contents:
        for row in listed:
            yield row.member(contents, file_bytes_max)


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a commit's tree that is no folder."""

    mode: bytes
    object: bytes
    length_bytes: int
    name: bytes

    def is_read(self, file_bytes_max: int) -> bool:
        return self.mode != b"160000" and self.length_bytes <= file_bytes_max

    def member(self, contents: _Contents, file_bytes_max: int) -> Member:
        if self.mode == b"160000":
            return Member(self.name, "submodule", note=f"commit {self.object.decode()}")
        is_read = self.is_read(file_bytes_max)
        parts = functools.partial(contents.parts, self) if is_read else _unread
        if self.mode == b"120000":
            return Member(self.name, "symbolic-link", target=b"".join(parts()))
        return Member(
            self.name,
            "file",
            length_bytes=self.length_bytes,
            executable=self.mode == b"100755",
            blob_id=bytes.fromhex(self.object.decode()),
            parts=parts,
        )


def _unread() -> Iterator[bytes]:
    return iter(())


def _row(line: bytes) -> Row:
    about, _, name = line.partition(b"\t")
    mode, _, object_, size = about.split()
    return Row(mode, object_, 0 if size == b"-" else int(size), name)


def rows(bare: Path, commit: str, where: str, paths: Sequence[str] = ()) -> Iterator[Row]:
    """Entries of a commit's tree, or those at the given paths, in git's order."""
    return (_row(line) for line in _listed(bare, commit, where, paths))


def blob(bare: Path, name: str, where: str) -> bytes:
    """The bytes of one object."""
    return _run(["cat-file", "blob", name], where, bare)


def _listed(bare: Path, commit: str, where: str, paths: Sequence[str]) -> Iterator[bytes]:
    """Lines of `git ls-tree`; the last one too ends with a zero byte."""
    arguments = ["ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", *paths]
    failure = f"git does not list commit {commit} of {where}"
    if (yield from printed(bare, arguments, failure)):
        raise _lost(bare, failure)


def printed(bare: Path, arguments: Sequence[str], failure: str) -> Generator[bytes, None, bytes]:
    """What git prints, cut at each zero byte, as it comes: what is hostile fits no memory.

    Returns:
        What follows the last zero byte.

    Raises:
        EnvironmentFault: git failed; `failure` says at what.
    """
    with subprocess.Popen(
        command(arguments, bare),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        rest = b""
        try:
            while piece := process.stdout.read(PIECE_BYTES):
                *tokens, rest = (rest + piece).split(b"\0")
                yield from tokens
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise _lost(bare, failure)
    return rest


def _lost(bare: Path, failure: str) -> EnvironmentFault:
    return EnvironmentFault(failure, next_step=f"remove {bare} and run again")


class _Contents:
    """`git cat-file --batch` over a list of objects, read in the same order."""

    def __init__(self, bare: Path, objects: Sequence[bytes], where: str) -> None:
        self._bare = bare
        self._objects = objects
        self._where = where

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            command(["cat-file", "--batch", "--buffer"], self._bare),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        # git stops reading its input while its output is full: the input needs its own thread.
        self._writer = threading.Thread(target=self._write, args=(self._process.stdin,))
        self._writer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._writer.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()

    def _write(self, pipe: IO[bytes]) -> None:
        try:
            with pipe:
                pipe.write(b"".join(name + b"\n" for name in self._objects))
        except BrokenPipeError:
            return  # the reader stopped early and ended git, or git ended and the reader tells

    def parts(self, row: Row) -> Iterator[bytes]:
        pipe = self._process.stdout
        assert pipe is not None
        head = pipe.readline().split()
        left = int(head[2]) if len(head) == 3 and head[0] == row.object else -1  # noqa: PLR2004
        if left != row.length_bytes:
            raise self._lost(row)
        while left:
            part = pipe.read(min(PIECE_BYTES, left))
            if not part:
                raise self._lost(row)
            left -= len(part)
            yield part
        pipe.read(1)

    def _lost(self, row: Row) -> StackyardError:
        return EnvironmentFault(
            f"{self._where}: git does not give the content of {escape(row.name)}",
            next_step=f"remove {self._bare} and run again",
        )


def _at_date(url: str, ref: str, branch: str, folder: Path, where: str) -> tuple[str, str | None]:
    """The last commit until a date, and its branch; below the same tip it is always the same."""
    name, tip, on = _resolve(url, branch, where)
    until = ref if "T" in ref else f"{ref}T23:59:59Z"
    known = folder / f"{tip}-{until}"
    if not known.exists():
        part = folder / "partial"
        part.write_text(_search(url, name, tip, until, folder=folder, where=where), "ascii")
        part.rename(known)
    return known.read_text("ascii"), on


def _search(url: str, name: str, tip: str, until: str, *, folder: Path, where: str) -> str:
    # Commits alone: the history of the branch is needed to find a date, its trees are not.
    history = _new(folder, where)
    _run(["remote", "add", "origin", url], where, history)
    # A repository of this machine costs nothing to read whole; if it is shallow, a filter would keep
    # git 2.39 starting fetches within fetches for ever.
    is_here = url.startswith(("/", "file://"))
    options = ["--update-shallow"] if is_here else ["--filter=tree:0"]
    _run(["fetch", "-q", "--no-tags", *options, "origin", name], where, history, tries=_TRIES)
    search = ["rev-list", "-1", "--first-parent", f"--before={until}", tip]
    commit = _run(search, where, history).decode().strip()
    shutil.rmtree(history)
    if not commit:
        raise UsageError(
            f"{where} has no commit on {name} until {until}",
            next_step="take a later date in sources.yaml",
        )
    return commit


def _resolve(url: str, ref: str, where: str) -> tuple[str, str, str | None]:
    """Full name of a ref, its object, and the branch that it is or, for HEAD, stands for."""
    listed = _run(["ls-remote", "--symref", "--", url], where, tries=_TRIES)
    refs: dict[str, str] = {}
    head = None
    for line in listed.decode("utf-8", "surrogateescape").splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: refs/heads/") and name == "HEAD":
            head = value.removeprefix("ref: refs/heads/")
        else:
            refs[name] = value
    for name, branch in (
        (f"refs/tags/{ref}", None),
        (f"refs/heads/{ref}", ref),
        (ref or "HEAD", None if ref else head),
    ):
        if name in refs and COMMIT.fullmatch(refs[name]):
            return name, refs[name], branch
    if any(len(value) > 40 for value in refs.values()):  # noqa: PLR2004  # hex digits of SHA-1
        raise UsageError(
            f"{where} is a repository of SHA-256 objects, which have no SWHID",
            next_step="leave it out, or take its contents as kind: archive",
        )
    raise UsageError(
        f"{where} has no tag or branch {ref!r}" if ref else f"{where} has no default branch",
        expected="a tag, a branch, a full commit id of 40 digits, or a date as 2024-01-31",
        next_step="mend ref or branch in sources.yaml",
    )


def command(arguments: Sequence[str], bare: Path | None = None) -> list[str]:
    """A git command that runs nothing of a repository's."""
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    folder = [f"--git-dir={bare}"] if bare else []
    return ["git", *settings, *folder, *arguments]


def environment() -> Mapping[str, str]:
    """What git may know of this machine: how to reach others, and nothing else."""
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    return kept | {
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _start(
    arguments: Sequence[str], where: str, bare: Path | None
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command(arguments, bare),
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment(),
            timeout=_SECONDS_MAX,
        )
    except FileNotFoundError as error:
        raise EnvironmentFault(
            f"{where} needs the program git", next_step="install git (Debian: apt-get install git)"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(
            f"git took over {_SECONDS_MAX} seconds for {where}", next_step="run again later"
        ) from error


def _run(
    arguments: Sequence[str], where: str, bare: Path | None = None, *, tries: int = 1
) -> bytes:
    for attempt in range(1, tries + 1):
        done = _start(arguments, where, bare)
        if done.returncode == 0:
            return done.stdout
        lines = done.stderr.strip().splitlines() or [b"it gave no reason"]
        said = next((line for line in lines if line.startswith(b"fatal:")), lines[-1])
        text = escape(said[:300])
        if _WRONG_SOURCE.search(done.stderr.decode("utf-8", "replace")):
            raise UsageError(
                f"git cannot get {where}: {text}", next_step="mend its entry in sources.yaml"
            )
        if attempt < tries:
            time.sleep(_PAUSE_SECONDS * attempt)
    raise EnvironmentFault(
        f"git failed for {where}: {text}",
        next_step="run again; the network or the server may be at fault",
    )
