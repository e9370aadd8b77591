"""Releases with nothing in them, or next to nothing: what is refused, what goes out, what is said."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackyard.errors import UsageError
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.making import init_project
from stackyard.pipeline.publish.previous import hub_endpoint, latest
from stackyard.release.survivors import NothingSurvived
from stackyard.store.hub import HubDataset

pytestmark = pytest.mark.xdist_group("more-flows")
STACKYARD = (sys.executable, "-m", "stackyard.cli")
MIT_HEADER = "# SPDX-License-Identifier: MIT\n"


def project(root: Path, files: Mapping[str, str]) -> Path:
    """A project over one folder, of octo-org/app."""
    init_project(root, "octo-org/small", "opt-out@example.org")
    (root / "src").mkdir()
    for path, text in files.items():
        (root / "src" / path).write_text(text)
    name_source(root, {"kind": "directory", "path": "src"})
    return root


def name_source(root: Path, *entries: Mapping[str, str]) -> None:
    named = [{"name": "octo-org/app", **entry} for entry in entries]
    (root / "sources.yaml").write_text(yaml.safe_dump(named))


def publish_editions(root: Path, *editions: str) -> None:
    params = yaml.safe_load((root / "params.yaml").read_text())
    for section in ("filter", "release"):
        params[section]["editions"] = list(editions)
    (root / "params.yaml").write_text(yaml.safe_dump(params))


def run_release(root: Path) -> Any:
    # Prefect reads its settings when it is imported: after the fixture has set them.
    from flows.release import release
    from flows.runner import on_engine

    return on_engine(release, "local", 1)(str(root))


def run_takedown(root: Path) -> Any:
    from flows.runner import on_engine
    from flows.takedown import takedown

    return on_engine(takedown, "local", 1)(root)


def published(root: Path) -> str | None:
    """The newest version on the project's Hub."""
    opened = Project.at(root)
    with hub_endpoint(opened) as endpoint:
        newest = latest(HubDataset(opened.params.publish.repo, endpoint))
    return None if newest is None else newest[0]


def stackyard(root: Path, *arguments: str) -> str:
    command = [*STACKYARD, *arguments, "--project", str(root), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def opt_out(root: Path, *selector: str) -> None:
    submitted = stackyard(root, "optout", "submit", "--contact", "ada@example.org", *selector)
    request = json.loads(submitted)["request"]
    reason = ("--method", "manual", "--reason", "asked by the owner")
    stackyard(root, "optout", "verify", request, *reason)


def test_release_of_a_repository_without_a_licence_says_which_rules_left_nothing(
    tmp_path: Path,
) -> None:
    root = project(tmp_path / "p", {"a.py": "x = 1\n", "b.py": "y = 2\n", "c.bin": "\0\1\2"})
    with pytest.raises(NothingSurvived) as refused:
        run_release(root)
    assert refused.value.exit_code == 1
    assert refused.value.what == "of 3 files none survived; nothing was published"
    assert refused.value.found == "2 files: filter/no-license; 1 file: filter/binary"
    assert "most fell to filter/no-license" in refused.value.next_step
    assert published(root) is None


def test_release_of_an_empty_archive_is_refused_as_one_without_files(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {})
    with tarfile.open(root / "empty.tar.gz", "w:gz"):
        pass
    name_source(root, {"kind": "archive", "path": "empty.tar.gz"})
    with pytest.raises(NothingSurvived, match="not one file"):
        run_release(root)
    assert published(root) is None


def test_release_without_sources_is_wrong_use(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {})
    name_source(root)
    with pytest.raises(UsageError, match="names no source"):
        run_release(root)
    assert published(root) is None


def test_first_release_of_what_is_opted_out_is_refused(tmp_path: Path) -> None:
    root = project(tmp_path / "p", {"a.py": MIT_HEADER + "x = 1\n"})
    opt_out(root, "--path", "octo-org/app:*.py")
    with pytest.raises(NothingSurvived, match="1 file none survived") as refused:
        run_release(root)
    assert refused.value.found == "1 file: optout/path"
    assert published(root) is None


@pytest.fixture(scope="module")
def one_row(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of one row, with an edition beside it that has none."""
    root = project(tmp_path_factory.mktemp("small") / "p", {"a.py": MIT_HEADER + "x = 1\n"})
    publish_editions(root, "permissive", "no_license")
    run_release(root)
    return root


def test_release_of_one_row_is_published_and_holds(one_row: Path, tmp_path: Path) -> None:
    assert published(one_row) == "0.1.0"
    stackyard(one_row, "pull", "octo-org/small@0.1.0", "--to", str(tmp_path / "copy"))
    stackyard(one_row, "verify", str(tmp_path / "copy"))
    rows = stackyard(one_row, "query", "octo-org/small@0.1.0").splitlines()
    assert [json.loads(row)["path"] for row in rows] == ["a.py"]


def test_release_that_lost_all_without_an_optout_leaves_the_last_one(one_row: Path) -> None:
    (one_row / "src" / "a.py").write_text("x = 1  # no licence any more\n")
    publish_editions(one_row, "permissive")
    with pytest.raises(NothingSurvived, match="of 1 file none survived"):
        run_release(one_row)
    assert published(one_row) == "0.1.0"
    publish_editions(one_row, "permissive", "no_license")
    (one_row / "src" / "a.py").write_text(MIT_HEADER + "x = 1\n")


def test_takedown_of_the_last_row_is_published_empty_and_the_next_release_has_rows(
    one_row: Path, tmp_path: Path
) -> None:
    """Else what was opted out would stay the newest release."""
    copy = str(tmp_path / "copy")
    stackyard(one_row, "pull", "octo-org/small@0.1.0", "--to", copy)
    opt_out(one_row, "--repo", "octo-org/app")
    outcome = run_takedown(one_row)
    assert outcome.run.version == published(one_row) == "0.1.1"
    assert outcome.run.totals.files_kept == 0
    assert len(outcome.receipts) == 1
    stackyard(one_row, "verify", "octo-org/small@0.1.1")
    synced = stackyard(one_row, "sync", copy)
    assert "0.1.1" in synced
    stackyard(one_row, "verify", copy)
    assert not list(Path(copy).glob("data/*/*/*.parquet"))
    assert not stackyard(one_row, "query", "octo-org/small@0.1.1").strip()

    (one_row / "more").mkdir()
    (one_row / "more" / "b.py").write_text(MIT_HEADER + "y = 2\n")
    name_source(
        one_row,
        {"kind": "directory", "path": "src"},
        {"kind": "directory", "path": "more", "name": "hubot/more"},
    )
    outcome = run_release(one_row)
    assert outcome.run.version == published(one_row) == "0.2.0"
    assert outcome.run.totals.files_kept == 1
