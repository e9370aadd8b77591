"""The project's own git: a release commits dvc.lock and tags `data-v<version>`."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from stackyard.errors import EnvironmentFault, VerificationError

FALLBACK_IDENTITY = ("-c", "user.name=Stackyard", "-c", "user.email=stackyard@localhost")
"""Who commits where git has no identity configured, as on a build machine."""


def init_git(root: Path) -> None:
    """Makes the project a git repository unless it lies in one."""
    if _git(root, "rev-parse", "--is-inside-work-tree", check=False).returncode:
        _git(root, "init", "-q", "-b", "main")


def commit(root: Path, paths: Sequence[str], message: str) -> bool:
    """Commits these paths and nothing else; returns whether there was anything to commit."""
    there = [path for path in paths if (root / path).exists()]
    _git(root, "add", "--", *there)
    if not _git(root, "diff", "--cached", "--quiet", "--", *there, check=False).returncode:
        return False
    _git(root, *_identity(root), "commit", "-q", "-m", message, "--only", "--", *there)
    return True


def tag(root: Path, name: str, message: str) -> None:
    """Tags the present commit; a tag that is there stays as it is."""
    if not has_tag(root, name):
        _git(root, *_identity(root), "tag", "-a", name, "-m", message)


def has_tag(root: Path, name: str) -> bool:
    """Whether the tag is there."""
    ref = f"refs/tags/{name}"
    return _git(root, "rev-parse", "-q", "--verify", ref, check=False).returncode == 0


def file_at(root: Path, revision: str, path: str) -> bytes:
    """A file as it was at a tag or commit.

    Raises:
        VerificationError: the revision has no such file.
    """
    done = subprocess.run(
        ["git", "-C", str(root), "show", f"{revision}:./{path}"], capture_output=True, check=False
    )
    if done.returncode:
        raise VerificationError(f"git has no {path} at {revision}")
    return done.stdout


def _identity(root: Path) -> tuple[str, ...]:
    known = _git(root, "config", "user.email", check=False).returncode == 0
    return () if known else FALLBACK_IDENTITY


def _git(root: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise EnvironmentFault("git is not installed", next_step="install git") from error
    if check and done.returncode:
        raise EnvironmentFault(
            f"git {arguments[0]} failed in {root}: {done.stderr.strip()}",
            next_step="see `git status` there",
        )
    return done
