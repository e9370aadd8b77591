"""The wheel, installed as strangers install it: the base alone, and what it says of the rest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from stackyard.cli import _COMMANDS
from stackyard.extras import _MODULES, not_installed
from stackyard.pipeline.project.making import init_project

ROOT = Path(__file__).parents[3]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

CALLS = {
    "init": ["init", "new"],
    "source": ["source", "add", "pkg:pypi/six@1.17.0", "--project", "yard"],
    "project": ["project", "remote", "s3://nowhere/yard", "--project", "yard"],
    "build": ["build", "--project", "yard"],
    "release": ["release", "--project", "yard", "--dry-run"],
    "takedown": ["takedown", "--project", "yard"],
    "service-levels": ["service-levels", "--project", "yard"],
    "stage": ["stage", "run", "filter", "--project", "yard"],
    "report": ["report", "--project", "yard"],
    "pull": ["pull", "octo-org/yard@0.1.0", "--project", "yard"],
    "verify": ["verify", "octo-org/yard@0.1.0", "--project", "yard"],
    "sync": ["sync", "yard", "--project", "yard"],
    "query": ["query", "octo-org/yard@0.1.0", "--project", "yard"],
    "diff": ["diff", "octo-org/yard@0.1.0", "octo-org/yard@0.2.0", "--project", "yard"],
    "explain": ["explain", "octo-org/app", "--project", "yard"],
    "yank": ["yank", "octo-org/yard@0.1.0", "--reason", "none", "--project", "yard"],
    "optout": ["optout", "log", "--project", "yard"],
    "pii": ["pii", "review", "--project", "yard"],
    "hub": ["hub", "serve", "--dir", "yard"],
    "bench": ["bench", "dedup", "--pairs", "1"],
}
"""A call of every command, as somebody would make it who does not know what an extra is."""

NEEDS_BUILD = {"init", "source", "project", "build", "release", "takedown", "service-levels", "stage", "report", "pii"}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "build", "--wheel", "--quiet", "--out-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def base(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin/` of an environment with the wheel and what it requires without an extra."""
    place = tmp_path_factory.mktemp("base") / "venv"
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(place)], check=True)
    pins = [f"{each.name}=={each.version}" for each in metadata.distributions()]
    constraints = place / "constraints.txt"
    constraints.write_text("".join(f"{pin}\n" for pin in pins if not pin.startswith("stackyard")))
    command = [uv, "pip", "install", "--quiet", "--python", str(place), "-c", str(constraints)]
    subprocess.run([*command, str(wheel)], check=True)
    return place / "bin"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    init_project(folder / "yard", "octo-org/yard", "opt-out@example.org")
    (folder / "yard" / ".stackyard" / "hub").mkdir()
    return folder


def called(program: Path, words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [str(program), *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip


def test_every_command_has_a_call() -> None:
    assert set(_COMMANDS) == set(CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_base_install_answers_every_command_in_sentences(base: Path, yard: Path, name: str) -> None:
    done = called(base / "stackyard", CALLS[name], yard)
    assert "Traceback" not in done.stderr
    assert "ModuleNotFoundError" not in done.stderr
    assert done.stderr.startswith("error: ") or done.returncode == 0, done.stderr
    if name in NEEDS_BUILD:
        assert done.returncode == 3
        assert "pip install 'stackyard[build]'" in done.stderr


def test_wheel_has_the_flows_and_no_top_package_but_its_own(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
    assert {name.split("/")[0].removesuffix(".dist-info") for name in names} == {
        "stackyard",
        f"stackyard-{metadata.version('stackyard')}",
    }
    inside = "stackyard/orchestration"
    for path in ("flows/__main__.py", "flows/release.py", "tasks/units.py"):
        assert f"{inside}/{path}" in names


def test_wheel_releases_without_a_checkout(wheel: Path, tmp_path: Path) -> None:
    """All libraries of this environment, and the wheel's own code in front of the checkout's."""
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path / "site")
    project = tmp_path / "yard"
    init_project(project, "octo-org/yard", "opt-out@example.org")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "a.py").write_text("# SPDX-License-Identifier: MIT\nprint('a')\n")
    source = {"kind": "directory", "name": "octo-org/app", "path": "../app"}
    (project / "sources.yaml").write_text(yaml.safe_dump([source]))
    program = "import sys; from stackyard.cli import main; main()"
    words = ["release", "--project", str(project), "--workers", "1", "--json"]
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_API_URL")}
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=tmp_path,
        env={**keep, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (project / "release" / "manifest.json").exists()


def test_no_hint_names_an_extra_that_does_not_exist() -> None:
    folders = ("src", "flows", "tasks", "docs")
    pages = [ROOT / "README.md", *(p for f in folders for p in sorted((ROOT / f).rglob("*.*")))]
    asked = {
        extra
        for page in pages
        if page.suffix in {".md", ".py", ".yaml"}
        for found in re.findall(r"stackyard\[([a-z, ]+)\]", page.read_text(encoding="utf-8"))
        for extra in found.replace(" ", "").split(",")
    }
    assert asked
    assert asked <= set(EXTRAS)
    assert set(_MODULES) == set(EXTRAS)


def test_every_library_of_an_extra_is_known_to_come_with_it() -> None:
    modules: dict[str, set[str]] = {}
    for module, distributions in metadata.packages_distributions().items():
        for each in distributions:
            modules.setdefault(each.lower().replace("_", "-"), set()).add(module)
    for extra, requirements in EXTRAS.items():
        for requirement in requirements:
            name = re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower()
            there = {each for each in modules.get(name, set()) if each.isidentifier()}
            named = {each for each in there if not each.startswith("_")} & set(_MODULES[extra])
            assert named or not there, (name, there)
            for module in named:
                error = not_installed(ModuleNotFoundError(name=f"{module}.inner"))
                assert error is not None
                assert f"stackyard[{extra}]" in str(error)


def test_missing_module_of_no_extra_is_an_error_of_the_program() -> None:
    assert not_installed(ModuleNotFoundError(name="stackyard.nowhere")) is None


def test_only_the_launcher_names_the_flows() -> None:
    named = [
        path.relative_to(ROOT / "src").as_posix()
        for path in sorted((ROOT / "src").rglob("*.py"))
        if re.search(r"[\"'](flows|tasks)[.\"']", path.read_text(encoding="utf-8"))
    ]
    assert named == ["stackyard/cli/flow.py"]


def test_yaml_that_is_wrong_is_said_before_anything_heavy_is_imported(tmp_path: Path) -> None:
    project = tmp_path / "yard"
    init_project(project, "octo-org/yard", "opt-out@example.org")
    (project / "sources.yaml").write_text("- {kind: directory,\n  path: a: b}\n")
    program = (
        "import sys\nfrom stackyard.cli import cli, exit_code_of\n"
        f"try: cli.main(['release', '--project', {str(project)!r}], standalone_mode=False)\n"
        "except Exception as error: print(exit_code_of(error))\n"
        "print(sorted({'prefect', 'numba', 'dvc', 'hyperscan'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n") == ["2", "[]", ""]
    assert done.stderr.startswith("error: sources.yaml, line 2, column 10: this is no YAML")
