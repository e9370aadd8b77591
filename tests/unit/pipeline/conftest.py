"""One small released project, copied for each test; machines that share its Hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from huggingface_hub import close_session

from benchmarks import here
from stackyard.cli.optout import optout
from tests.flows.conftest import MIT, python_text

ORIGINS = {
    name: {"LICENSE": MIT.encode(), "src/own.py": python_text(seed)}
    for seed, name in enumerate(("octo-org/alpha", "octo-org/beta", "hubot/gamma"), 1)
}
LATER = {"monalisa/zeta": {"LICENSE": MIT.encode(), "src/own.py": python_text(9)}}

Machine = Callable[..., Path]


@pytest.fixture(scope="session")
def first_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has released 0.1.0; copied, never changed."""
    root = here.small_project(tmp_path_factory.mktemp("first") / "project", ORIGINS)
    here.release(root)
    return root


@pytest.fixture
def machine(first_release: Path, tmp_path: Path) -> Iterator[Machine]:
    """`machine("b")`: the project on another machine, with the keys, and the one Hub of all of them."""
    shared = tmp_path / "hub"
    shutil.copytree(first_release / ".stackyard" / "hub", shared)

    def make(name: str, of: Path = first_release) -> Path:
        root = tmp_path / name
        shutil.copytree(of, root, symlinks=True)
        place = root / ".stackyard" / "hub"
        if not place.is_symlink():
            shutil.rmtree(place)
            place.symlink_to(shared)
        return root

    yield make
    close_session()


def opt_out(root: Path, *selector: str) -> str:
    """Submits and verifies a request; returns its id."""
    submit = ["submit", "--project", str(root), "--json", "--contact", "ada@example.org"]
    done = CliRunner().invoke(optout, [*submit, *selector], standalone_mode=False)
    request = str(json.loads(done.output)["request"])
    reason = ["--method", "manual", "--reason", "asked by the owner"]
    verify = ["verify", request, "--project", str(root), *reason]
    assert CliRunner().invoke(optout, verify, standalone_mode=False).exit_code == 0
    return request


def withdraw(root: Path, request: str) -> None:
    command = ["withdraw", request, "--project", str(root), "--reason", "asked by the owner"]
    done = CliRunner().invoke(optout, command, standalone_mode=False)
    assert done.exception is None, done.exception


def add_source(root: Path) -> None:
    here.write_sources(root, ORIGINS | LATER)
