"""DVC records what each stage read and made, and says whether a stage is stale. Nothing else may.

Source of the behaviour relied on: DVC 3.67. `commit(force=True)` records whatever lies in the
workspace, so callers write outputs whole first, and check that inputs did not change meanwhile.
"""

from __future__ import annotations

import configparser
import contextlib
import io
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stackyard.errors import EnvironmentFault, UsageError
from stackyard.stages import Stage
from stackyard.store.git import without_git_variables

os.environ.setdefault("DVC_NO_ANALYTICS", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

from dvc.exceptions import DvcException
from dvc.repo import Repo

logging.getLogger("dvc").setLevel(logging.ERROR)

REMOTE = "yard"
"""Name of the remote that a new project gets: a folder, so that no account is needed."""


CONFIG = f"""[core]
    remote = {REMOTE}
    analytics = false
    autostage = false
['remote "{REMOTE}"']
    url = %s
"""
"""The configuration of a new project."""

HERE = Path(".stackyard") / "remote"
"""The remote of a project that nobody gave another: a folder in it. The configuration names it in full, so
that a clone on this machine finds it, and `find_remote` follows it when the project is moved."""


class DvcProject:
    """DVC in one project.

    Raises:
        EnvironmentFault: the folder has no DVC, or DVC cannot do what was asked.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def is_fresh(self, stage: Stage) -> bool:
        """Whether outputs are there and made from what inputs and parameters are now."""
        with self._repo(f"say whether stage {stage.name} is stale") as repo:
            return not repo.status(targets=[stage.name])

    def commit(self, stage: Stage) -> None:
        """Records inputs, parameters and outputs of a stage in dvc.lock and the cache."""
        with self._repo(f"record stage {stage.name}") as repo:
            repo.commit(stage.name, force=True)

    def push(self) -> int:
        """Sends what the remote lacks; returns the number of files sent."""
        with self._repo("push") as repo:
            return int(repo.push(remote=REMOTE))

    def forget_unneeded(self) -> None:
        """Deletes from the cache and the remote all that the workspace's dvc.lock does not name."""
        with self._repo("delete what is not needed") as repo:
            repo.gc(workspace=True, cloud=True, remote=REMOTE, force=True)

    def stored(self) -> Iterator[tuple[str, BinaryIO]]:
        """Every object of the cache and of the remote, open for reading, by where it lies."""
        with self._repo("list what it stores") as repo:
            for odb in (repo.cache.local, repo.cloud.get_remote_odb(REMOTE)):
                if odb.fs.exists(odb.path):
                    for path in sorted(odb.fs.find(odb.path)):
                        with odb.fs.open(path, "rb") as stream:
                            yield str(path), stream

    @contextmanager
    def _repo(self, what: str) -> Iterator[Repo]:
        """A fresh view of the project: DVC remembers what it read, and we change files.

        DVC looks up stages in the process's working folder, so that is where it runs.
        """
        find_remote(self._root)
        with contextlib.chdir(self._root), without_git_variables():
            yield from self._opened(what)

    def _opened(self, what: str) -> Iterator[Repo]:
        try:
            repo = Repo(str(self._root))
        except sqlite3.Error as error:
            raise EnvironmentFault(
                f"DVC's databases cannot be used: {error}",
                next_step="look whether a disk is full: DVC keeps some in the project and some in /var",
            ) from error
        except DvcException as error:
            raise EnvironmentFault(
                f"{self._root} is not under DVC: {error}", next_step="run `stackyard init` in it"
            ) from error
        try:
            yield repo
        except (DvcException, sqlite3.Error) as error:
            raise EnvironmentFault(
                f"DVC could not {what}: {error}",
                next_step="see `dvc doctor` and `dvc status` in the project",
            ) from error
        finally:
            repo.close()


def init_dvc(root: Path) -> None:
    """Puts a project under DVC with a folder as remote; does nothing if it is already."""
    config = root / ".dvc" / "config"
    if config.exists():
        return
    with contextlib.redirect_stdout(io.StringIO()), without_git_variables():  # it greets
        Repo.init(str(root), subdir=not (root / ".git").exists()).close()
    here = root.resolve() / HERE
    here.mkdir(parents=True, exist_ok=True)  # a copy of the project brings it, a clone does not
    config.write_text(CONFIG % here, encoding="utf-8")


def set_remote(root: Path, url: str) -> None:
    """Names another remote.

    Raises:
        UsageError: it is empty, or goes over lines.
        EnvironmentFault: the project is not under DVC.
    """
    if not url.strip() or not url.isprintable():
        raise UsageError("a remote is named by a URL or a folder", expected="s3://, ssh://, ...")
    path = root / ".dvc" / "config"
    if not path.is_file():
        raise EnvironmentFault(f"{root} is not under DVC", next_step="run `stackyard init` in it")
    config = configparser.RawConfigParser()
    config.read_string(path.read_text(encoding="utf-8"))
    section = f"'remote \"{REMOTE}\"'"
    if not config.has_section(section):
        config.add_section(section)
    config.set(section, "url", url if "://" in url else str(Path(url).expanduser().resolve()))
    text = io.StringIO()
    config.write(text)
    path.write_text(text.getvalue().rstrip("\n") + "\n", encoding="utf-8")


def find_remote(root: Path) -> None:
    """Follows a project that was moved or copied: its own remote is where the project is now.

    A purge deletes from the remote what the project does not need, so a copy must not share it. A
    clone has no folder of its own for it, and is left alone: it shares that of the project cloned.
    """
    told = _remote_path(root / ".dvc" / "config")
    here = root.resolve() / HERE
    if told is not None and told.parts[-2:] == HERE.parts and here.exists() and here != told:
        set_remote(root, str(here))


def _remote_path(config: Path) -> Path | None:
    """The folder that the configuration names in full; None for a URL, or one relative to the project."""
    found = re.search(r"(?m)^\s*url = (/.+)$", config.read_text(encoding="utf-8"))
    return Path(found[1]) if found else None
