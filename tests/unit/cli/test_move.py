"""A project on another machine, with the commands of docs/move.md; and DVC's own commands over it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from stackyard.errors import EnvironmentFault
from stackyard.pipeline.execute import bring_up_to_date, is_up_to_date, run_units_here
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.making import init_project, ready_project
from stackyard.pipeline.publish import publishing as publish
from stackyard.pipeline.publish.previous import fetch_previous
from stackyard.stages import STAGES
from stackyard.store.dvc import find_remote

Typed = Callable[..., Result]


def released(root: Path) -> publish.Outcome:
    """A release as the flow makes it, in this process."""
    project = ready_project(root)
    fetch_previous(project, "auto")
    for stage in STAGES:
        bring_up_to_date(project, stage, run_units_here)
    outcome = publish.outcome_of(project, dry_run=False)
    if outcome.is_new:
        outcome = publish.check(project, outcome)
    return publish.publish(project, outcome)


def dvc(root: Path, *words: str) -> str:
    command = [sys.executable, "-m", "dvc", *words]
    quiet = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=root, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one release."""
    folder = tmp_path_factory.mktemp("origin")
    (folder / "app").mkdir()
    for name in ("a", "b"):
        text = f"# SPDX-License-Identifier: MIT\nprint({name!r})\n"
        (folder / "app" / f"{name}.py").write_text(text)
    root = folder / "yard"
    init_project(root, "octo-org/yard", "data@example.org")
    source = {"kind": "directory", "name": "octo-org/app", "path": str(folder / "app")}
    (root / "sources.yaml").write_text(yaml.safe_dump([source]))
    assert released(root).run.version == "0.1.0"
    return root


@pytest.fixture
def clone(origin: Path, tmp_path: Path) -> Path:
    subprocess.run(["git", "clone", "-q", str(origin), str(tmp_path / "clone")], check=True)
    return tmp_path / "clone"


def test_clone_pulls_imports_and_releases(
    origin: Path, clone: Path, tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EnvironmentFault, match="not the private key") as refused:
        ready_project(clone)
    assert "stackyard project import" in str(refused.value)

    monkeypatch.setenv("STACKYARD_PASSPHRASE", "a made-up passphrase")
    done = typed("project", "export", tmp_path / "yard.age", "--project", origin)
    assert done.exit_code == 0, done.stderr
    key = (origin / ".stackyard" / "keys" / "release.key").read_bytes()
    assert key.strip() not in (tmp_path / "yard.age").read_bytes()
    done = typed("project", "import", tmp_path / "yard.age", "--project", clone)
    assert done.exit_code == 0, done.stderr
    assert (clone / ".stackyard" / "keys" / "release.key").read_bytes() == key
    assert (clone / ".stackyard" / "keys" / "release.key").stat().st_mode & 0o777 == 0o600

    dvc(clone, "pull")
    shutil.copytree(origin / ".stackyard" / "hub", clone / ".stackyard" / "hub")
    project = ready_project(clone)
    fetch_previous(project, "auto")
    stale = [stage.name for stage in STAGES if not is_up_to_date(project, stage)]
    assert stale == ["release"]  # it follows 0.1.0 now; what all others made came with the pull
    outcome = released(clone)
    assert not outcome.is_new
    assert outcome.run.version == "0.1.0"


def test_export_to_a_key_is_opened_by_that_key_alone(
    origin: Path, clone: Path, tmp_path: Path, typed: Typed
) -> None:
    import pyrage

    mine, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    target = tmp_path / "yard.age"
    export = ("project", "export", target, "--to", str(mine.to_public()), "--project", origin)
    assert typed(*export).exit_code == 0
    (tmp_path / "other.txt").write_text(f"{other}\n")
    (tmp_path / "mine.txt").write_text(f"# a comment\n{mine}\n")
    refused = typed(
        "project", "import", target, "--identity", tmp_path / "other.txt", "--project", clone
    )
    assert refused.exit_code == 1
    assert "cannot be decrypted" in refused.stderr
    assert not (clone / ".stackyard").exists() or not (clone / ".stackyard" / "keys").exists()
    words = ("project", "import", target, "--identity", tmp_path / "mine.txt", "--project", clone)
    assert typed(*words).exit_code == 0
    assert "nothing is new" in typed(*words).stdout
    (clone / ".stackyard" / "keys" / "release.key").write_text("0" * 64)
    differs = typed(*words)
    assert differs.exit_code == 1
    assert "are there already and differ: keys/release.key" in differs.stderr


def test_import_into_another_project_is_refused(
    origin: Path, project: Path, tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STACKYARD_PASSPHRASE", "a made-up passphrase")
    typed("project", "export", tmp_path / "yard.age", "--project", origin)
    done = typed("project", "import", tmp_path / "yard.age", "--project", project)
    assert done.exit_code == 1
    assert "not those of this project" in done.stderr


def test_remote_by_url_is_in_the_clone_and_holds_everything(
    origin: Path, tmp_path: Path, typed: Typed
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(origin, moved)
    done = typed("project", "remote", tmp_path / "shared", "--project", moved)
    assert done.exit_code == 0, done.stderr
    assert any((tmp_path / "shared").rglob("*"))
    said = subprocess.run(
        ["git", "show", "HEAD:.dvc/config"], cwd=moved, capture_output=True, text=True, check=True
    )
    assert f"url = {tmp_path / 'shared'}" in said.stdout
    subprocess.run(["git", "clone", "-q", str(moved), str(tmp_path / "far")], check=True)
    shutil.rmtree(moved)
    dvc(tmp_path / "far", "pull")
    assert (tmp_path / "far" / "release" / "manifest.json").is_file()


def test_moved_folder_keeps_its_own_remote(tmp_path: Path) -> None:
    init_project(tmp_path / "old", "octo-org/yard", "data@example.org")
    (tmp_path / "old").rename(tmp_path / "new")
    ready_project(tmp_path / "new")
    told = (tmp_path / "new" / ".dvc" / "config").read_text()
    assert f"url = {tmp_path / 'new' / '.stackyard' / 'remote'}" in told


def test_copied_folder_has_a_remote_of_its_own_and_a_clone_shares_it(tmp_path: Path) -> None:
    init_project(tmp_path / "old", "octo-org/yard", "data@example.org")
    shutil.copytree(tmp_path / "old", tmp_path / "copy")
    shutil.copytree(tmp_path / "old", tmp_path / "clone", ignore=lambda *_: [".stackyard"])
    for name, its in (("copy", "copy"), ("clone", "old")):
        find_remote(tmp_path / name)
        told = (tmp_path / name / ".dvc" / "config").read_text()
        assert f"url = {tmp_path / its / '.stackyard' / 'remote'}" in told


def test_report_in_a_clone_without_local_work(clone: Path, typed: Typed) -> None:
    done = typed("report", "--project", clone, "--json")
    assert done.exit_code == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["version"] == "0.1.0"
    assert report["seconds"] == {}


def test_report_has_the_durations_of_stages_and_a_release_has_none(
    origin: Path, typed: Typed
) -> None:
    spent = json.loads(typed("report", "--project", origin, "--json").stdout)["seconds"]
    assert set(spent) == {stage.name for stage in STAGES}
    assert "Seconds that each stage took" in typed("report", "--project", origin).stdout
    assert "seconds" not in (origin / "report" / "run.json").read_text()


def test_query_by_path_refuses_what_a_shell_would_expand(origin: Path, typed: Typed) -> None:
    words = ("query", "octo-org/yard@0.1.0", "--project", origin, "--path")
    refused = typed(*words, "[a-z].py")
    assert refused.exit_code == 2
    assert "stands for itself here" in refused.stderr
    assert "{a,b}" in typed(*words, "{a,b}.py").stderr


def test_report_html_is_written_as_one_page(clone: Path, tmp_path: Path, typed: Typed) -> None:
    done = typed("report", "--project", clone, "--html", tmp_path / "report.html")
    assert done.exit_code == 0, done.stderr
    assert "<h1>octo-org/yard 0.1.0</h1>" in (tmp_path / "report.html").read_text()


def test_dvc_shows_metrics_plots_and_params_of_the_project(origin: Path, tmp_path: Path) -> None:
    root = tmp_path / "yard"
    shutil.copytree(origin, root)
    shown = json.loads(dvc(root, "metrics", "show", "--json"))[""]["data"]["report/metrics.json"]
    assert shown["data"]["files"] == {"kept": 2, "seen": 2}
    assert dvc(root, "metrics", "diff") == ""
    assert json.loads(dvc(root, "params", "diff", "--json")) == {}
    params = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(params.replace("lines_max: 100000", "lines_max: 99999"))
    assert json.loads(dvc(root, "params", "diff", "--json")) == {
        "params.yaml": {"filter.quality.lines_max": {"old": 100000, "new": 99999, "diff": -1}}
    }
    dvc(root, "plots", "show", "--out", "plots")
    page = (root / "plots" / "index.html").read_text()
    for title in ("Files left after each stage", "Bytes released, by language"):
        assert title in page
    assert dvc(root, "plots", "diff", "--json")


def test_dvc_yaml_of_an_earlier_stackyard_is_made_again(project: Path) -> None:
    now = (project / "dvc.yaml").read_text()
    old = now.partition("metrics:")[0].replace("code.yaml", "work/code.yaml")
    (project / "dvc.yaml").write_text(old)
    ready_project(project)
    assert (project / "dvc.yaml").read_text() == now
    own = f"{old}  mine:\n    cmd: echo\n"
    (project / "dvc.yaml").write_text(own)
    ready_project(project)
    assert (project / "dvc.yaml").read_text() == own


def test_project_at_has_no_report_before_a_release(project: Path, typed: Typed) -> None:
    assert Project.at(project).report_folder == project / "report"
    done = typed("report", "--project", project)
    assert done.exit_code == 2
    assert "stackyard release" in done.stderr
