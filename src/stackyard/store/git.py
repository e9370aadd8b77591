"""The project's own git: a release commits dvc.lock and tags `data-v<version>`.

Git is always asked by `_git`: with the settings of STRICT, without the variables by which a hook or a
shell points git at another repository (`clean_environment`), and never at a prompt.

Source: git(1) "ENVIRONMENT VARIABLES", githooks(5): a hook runs with GIT_DIR and GIT_INDEX_FILE set.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from stackyard.errors import EnvironmentFault, VerificationError

FALLBACK_IDENTITY = ("-c", "user.name=Stackyard", "-c", "user.email=stackyard@localhost")
"""Who commits where git has no identity configured, as on a build machine."""

STRICT = (
    "core.fsmonitor=false",  # no daemon that outlives a run
    "core.editor=false",  # nobody is there to edit
    "gc.auto=0",
    "maintenance.auto=false",
)
"""Settings of every call. Signing and hooks stay as the project has them: `check_usable` tries both."""

_KEPT = re.compile(r"GIT_(AUTHOR|COMMITTER)_(NAME|EMAIL|DATE)|GIT_CONFIG_GLOBAL|(?!GIT_).*")
"""Who commits and which configuration is the user's may be told to git; which repository may not."""

SECONDS_MAX = 300
"""A commit takes well below a second; a program that signs and waits for a person never ends."""

UNDER_WAY = Path(".stackyard") / "git-at-work"
"""There while a git that changes something runs for us."""

LOCK_SECONDS = 5
"""A git that commits a project's few files holds its locks for some milliseconds."""

_PROBE = "stackyard-probe-"
"""Prefix of the tag that `check_usable` makes and deletes."""


def clean_environment() -> dict[str, str]:
    """The environment for children: without GIT_* that would lead git elsewhere."""
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1", "LC_ALL": "C"}


@contextmanager
def without_git_variables() -> Iterator[None]:
    """Takes these variables out of this process's environment for a while: for libraries that read it."""
    taken = {name: value for name, value in os.environ.items() if not _KEPT.fullmatch(name)}
    for name in taken:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(taken)


def init_git(root: Path) -> None:
    """Makes the project a git repository unless it lies in one."""
    if _git(root, "rev-parse", "--is-inside-work-tree", check=False).returncode:
        _git(root, "init", "-q", "-b", "main")


def own_address(root: Path) -> str | None:
    """The e-mail address under which git commits at a folder, which need not exist yet; None: none."""
    there = next(
        folder for folder in (root.absolute(), *root.absolute().parents) if folder.is_dir()
    )
    done = _git(there, "config", "user.email", check=False)
    return None if done.returncode else done.stdout.strip() or None


def commit(root: Path, paths: Sequence[str], message: str) -> str | None:
    """Commits these paths and nothing else; the commit, or None if there was nothing to commit."""
    there = _existing(root, paths)
    with _changing(root):
        _git(root, "add", "--", *there)
        if not _git(root, "diff", "--cached", "--quiet", "--", *there, check=False).returncode:
            return None
        _git(root, *_identity(root), "commit", "-q", "-m", message, "--only", "--", *there)
    return _git(root, "rev-parse", "HEAD").stdout.strip()


@contextmanager
def _changing(root: Path) -> Iterator[None]:
    """Notes that a git of ours is at work, so that the locks of one that was killed are known as ours."""
    note = root / UNDER_WAY
    note.parent.mkdir(parents=True, exist_ok=True)
    note.touch()
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def _clear_locks(root: Path) -> None:
    """Removes the locks that a git of ours left when it was killed together with its run.

    One that outlived its run alone is given the time to end.
    """
    note = root / UNDER_WAY
    if not note.exists():
        return
    end = time.monotonic() + LOCK_SECONDS
    while (locks := _locks(root)) and time.monotonic() < end:
        time.sleep(0.1)
    for lock in locks:
        lock.unlink(missing_ok=True)
    note.unlink()


def _locks(root: Path) -> list[Path]:
    said = _git(root, "rev-parse", "--git-dir", "--git-common-dir").stdout.splitlines()
    folders = {(root / each).resolve() for each in said}
    return [
        lock
        for folder in sorted(folders)
        for lock in (*folder.glob("*.lock"), *(folder / "refs").rglob("*.lock"))
    ]


def take_back(root: Path, made: str) -> None:
    """Moves the branch back from a commit that was just made; files and index stay as they are."""
    parent = _git(root, "rev-parse", "-q", "--verify", f"{made}^", check=False)
    if parent.returncode:  # the first commit of all has none
        _git(root, "update-ref", "-d", "HEAD", made)
    else:
        _git(root, "update-ref", "HEAD", parent.stdout.strip(), made)


def tag_name(root: Path, version: str) -> str:
    """The tag of a release: with the project's folder, where that is not the top of its repository."""
    prefix = _git(root, "rev-parse", "--show-prefix").stdout.rstrip("\n")
    parts = [_ref_part(part) for part in prefix.split("/") if part]
    return "/".join([*parts, f"data-v{version}"])


def _ref_part(name: str) -> str:
    """A folder's name as a part of a ref's (git-check-ref-format(1)): what that refuses as %XX."""
    odd = re.compile(rb"[^A-Za-z0-9_.-]|^\.|\.(?=\.)|\.$|\.(?=lock$)")
    return odd.sub(lambda found: b"%%%02X" % found[0][0], os.fsencode(name)).decode("ascii")


def release_tags(root: Path) -> dict[str, str]:
    """Version -> tag, of all tags of releases of this project, in no order."""
    pattern = tag_name(root, "")
    listed = _git(root, "tag", "--list", f"{pattern}*").stdout.split()
    return {name.removeprefix(pattern): name for name in listed}


def tag(root: Path, name: str, message: str) -> None:
    """Tags the present commit; a tag that is there stays as it is."""
    if not has_tag(root, name):
        with _changing(root):
            _git(root, *_identity(root), "tag", "-a", name, "-m", message)


def has_tag(root: Path, name: str) -> bool:
    """Whether the tag is there."""
    ref = f"refs/tags/{name}"
    return _git(root, "rev-parse", "-q", "--verify", ref, check=False).returncode == 0


def check_usable(root: Path, paths: Sequence[str]) -> None:
    """Tries all that a release needs of git, with its signing and its hooks for tags; leaves nothing.

    What a git of ours left locked when it was killed is freed first.

    (1) The index can be written, and is not in the middle of a merge. (2) The paths may be added.
    (3) A commit and (4) a tag can be made, and be signed where git is told to sign.

    Raises:
        EnvironmentFault: git cannot do one of these.
    """
    _clear_locks(root)
    if _git(
        root, "update-index", "-q", "--refresh", check=False
    ).returncode:  # (1) and says nothing
        raise EnvironmentFault(
            f"git cannot write its index in {root}",
            next_step="look for an index.lock in its folder, of a git that runs or was killed",
        )
    for head in ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD"):
        if not _git(root, "rev-parse", "-q", "--verify", head, check=False).returncode:
            raise EnvironmentFault(
                f"git is in the middle of something in {root}: there is a {head}",
                next_step="end it, or give it up (`git merge --abort`), then run this again",
            )
    _git(root, "add", "--dry-run", "--", *_existing(root, paths))  # (2)
    signs = _git(root, "config", "--type=bool", "commit.gpgSign", check=False).stdout.strip()
    sign = ["-S"] if signs == "true" else []
    tree = _git(root, "write-tree").stdout.strip()
    made = _git(
        root, *_identity(root), "commit-tree", *sign, "-m", "A try, before a release", tree
    ).stdout.strip()  # (3)
    for left in _git(root, "tag", "--list", f"{_PROBE}*").stdout.split():
        _git(root, "tag", "-d", left)
    probe = f"{_PROBE}{os.getpid()}"
    with _changing(root):
        _git(
            root, *_identity(root), "tag", "-a", probe, "-m", "A try, before a release", made
        )  # (4)
        _git(root, "tag", "-d", probe)


def file_at(root: Path, revision: str, path: str) -> bytes:
    """A file as it was at a tag or commit.

    Raises:
        VerificationError: the revision has no such file.
    """
    done = _run(root, ["show", f"{revision}:./{path}"])
    if done.returncode:
        raise VerificationError(f"git has no {path} at {revision}")
    return done.stdout


def _existing(root: Path, paths: Sequence[str]) -> list[str]:
    return [path for path in paths if (root / path).exists()]


def _identity(root: Path) -> tuple[str, ...]:
    named = os.environ.get("GIT_COMMITTER_EMAIL") and os.environ.get("GIT_AUTHOR_EMAIL")
    known = named or _git(root, "config", "user.email", check=False).returncode == 0
    return () if known else FALLBACK_IDENTITY


def _git(root: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = _run(root, arguments)
    said = done.stderr.decode(errors="replace").strip()
    if check and done.returncode:
        command = next((each for each in arguments if each in _COMMANDS), arguments[0])
        raise EnvironmentFault(
            f"git {command} failed in {root}: {said}",
            next_step="see `git status` there",
        )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(errors="surrogateescape"), said
    )


_COMMANDS = frozenset({"commit", "commit-tree", "tag"})
"""Commands that come after settings of their own."""


def _run(root: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    settings = [word for setting in STRICT for word in ("-c", setting)]
    environment: Mapping[str, str] = clean_environment()
    try:
        return subprocess.run(
            ["git", "-C", str(root), *settings, *arguments],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=SECONDS_MAX,
        )
    except FileNotFoundError as error:
        raise EnvironmentFault("git is not installed", next_step="install git") from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(
            f"git took over {SECONDS_MAX} seconds in {root}",
            next_step="see whether a hook or a program that signs waits for somebody",
        ) from error
