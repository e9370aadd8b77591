from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from stackyard.errors import PinMismatch
from stackyard.ingest.pin import _name_of
from stackyard.ingest.sources import load_sources
from stackyard.ingest.written import with_entry
from stackyard.pipeline.execute import run_stage, run_units_here
from stackyard.pipeline.project import Project
from stackyard.stages import stage_named
from tests.unit.ingest.archives import tarball

Typed = Callable[..., Result]
Served = tuple[Path, str]


PKG_INFO = b"""Metadata-Version: 2.1
Name: tool
Version: 1.0
Project-URL: Funding, https://github.com/sponsors/somebody
Project-URL: Source, https://github.com/octo-org/tool
"""
SDIST = tarball({"tool-1.0/PKG-INFO": PKG_INFO, "tool-1.0/a.py": b"a\n"})
PIN = hashlib.sha256(SDIST).hexdigest()


def put(served: Served, body: bytes = SDIST) -> None:
    folder, url = served
    (folder / "simple" / "tool").mkdir(parents=True)
    page = f'<a href="{url}/tool-1.0.tar.gz">tool-1.0.tar.gz</a>'
    (folder / "simple" / "tool" / "index.html").write_text(page)
    (folder / "tool-1.0.tar.gz").write_bytes(body)


def entries(project: Path) -> list[dict[str, str]]:
    return list(yaml.safe_load((project / "sources.yaml").read_text()) or [])


def test_source_add_of_a_package_writes_its_hash_and_the_name_that_it_says(
    typed: Typed, project: Path, served: Served
) -> None:
    put(served)
    before = (project / "sources.yaml").read_text()
    done = typed("source", "add", "pkg:pypi/tool@1.0", "--project", project)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "its name was not given" in done.stdout
    assert entries(project) == [
        {"kind": "package", "name": "octo-org/tool", "purl": "pkg:pypi/tool@1.0", "sha256": PIN}
    ]
    assert (project / "sources.yaml").read_text().startswith(before)
    (served[0] / "tool-1.0.tar.gz").unlink()  # a build needs the network no more
    opened = Project.at(project)
    run_stage(opened, stage_named("fetch"), run_units_here)
    assert [each.sha256 for each in opened.sources] == [PIN]


def test_source_add_of_a_url_that_names_nobody_asks_for_a_name(
    typed: Typed, project: Path, served: Served
) -> None:
    put(served, tarball({"tool-1.0/a.py": b"a\n"}))
    url = f"{served[1]}/tool-1.0.tar.gz"
    refused = typed("source", "add", url, "--project", project)
    assert refused.exit_code == 2
    assert "--name owner/repo" in refused.stderr
    assert entries(project) == []
    done = typed("source", "add", url, "--name", "octo-org/tool", "--project", project, "--json")
    added = json.loads(done.stdout)
    assert added["name_was_guessed"] is False
    assert entries(project) == [added["added"]]
    assert added["added"]["kind"] == "archive"


def test_source_add_of_a_git_repository_writes_its_commit(
    typed: Typed, project: Path, tmp_path: Path
) -> None:
    repo = tmp_path / "octo-org" / "tool"
    repo.mkdir(parents=True)
    (repo / "a.py").write_text("a = 1\n")
    git = ["git", "-C", str(repo), "-c", "user.name=octo", "-c", "user.email=octo@example.org"]
    for command in (["init", "-qb", "main"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    by_url = typed("source", "add", repo.as_uri(), "--ref", "main", "--project", project)
    assert by_url.exit_code == 0, by_url.stderr
    by_path = typed("source", "add", repo, "--name", "octo-org/copy", "--project", project)
    assert by_path.exit_code == 0, by_path.stderr
    assert [each["name"] for each in entries(project)] == ["octo-org/tool", "octo-org/copy"]
    assert {each["ref"] for each in entries(project)} == {head.stdout.strip()}
    assert entries(project)[1]["path"] == "../octo-org/tool"


def test_source_add_of_what_is_there_already_changes_nothing(
    typed: Typed, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "app").mkdir()
    words = ("source", "add", tmp_path / "app", "--name", "octo-org/app", "--project", project)
    assert typed(*words).exit_code == 0
    before = (project / "sources.yaml").read_bytes()
    again = typed(*words)
    assert again.exit_code == 2
    assert "is there already" in again.stderr
    assert (project / "sources.yaml").read_bytes() == before


def test_name_of_a_url_with_subgroups_is_not_guessed() -> None:
    assert _name_of({"url": "https://git.example.org/octo-org/tool.git"}) == "octo-org/tool"
    assert _name_of({"url": "git@git.example.org:octo-org/tool.git"}) == "octo-org/tool"
    assert _name_of({"url": "https://git.example.org/group/sub/tool.git"}) is None


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nowhere", "no file or folder nowhere"),
        ("pkg:pypi/tool", "with an exact version"),
        ("pkg:cargo/tool@1.0", "names no package that can be got"),
    ],
)
def test_source_add_of_what_cannot_be_got_says_what_could(
    typed: Typed, project: Path, what: str, said: str
) -> None:
    done = typed("source", "add", what, "--project", project)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "# nothing yet\n[]\n",
        "- {kind: directory, path: x, name: a/b}",
        "  - kind: directory\n    path: x\n    name: a/b\n# an end\n",
    ],
)
def test_with_entry_adds_one_source_and_keeps_the_text(text: str) -> None:
    entry = {"kind": "package", "name": "1e3/on", "purl": "pkg:pypi/x@1", "sha256": "1" * 64}
    new = with_entry(text, entry, "sources.yaml")
    kept = text.replace("[]\n", "").rstrip("\n")
    assert new.startswith(kept)
    added = {each.name.text: each for each in load_sources(new, "sources.yaml")}["1e3/on"]
    assert added.sha256 == "1" * 64


def test_template_of_sources_can_be_added_to_by_hand(project: Path) -> None:
    text = (project / "sources.yaml").read_text()
    assert load_sources(text, "sources.yaml") == ()
    added = f"{text}- {{kind: directory, path: x, name: a/b}}\n"
    assert len(load_sources(added, "sources.yaml")) == 1


def test_all_wrong_pins_of_a_run_are_in_one_error(project: Path, tmp_path: Path) -> None:
    names = [f"tool-{number}" for number in range(70)]  # more than there are batches
    for name in names:
        (tmp_path / f"{name}.tar.gz").write_bytes(tarball({f"{name}/a.py": name.encode()}))
    text = "".join(
        f"- {{kind: archive, path: ../{name}.tar.gz, name: octo-org/{name}, sha256: {'1' * 64}}}\n"
        for name in names
    )
    (project / "sources.yaml").write_text(text)
    with pytest.raises(PinMismatch) as caught:
        run_stage(Project.at(project), stage_named("fetch"), run_units_here)
    said = str(caught.value)
    assert said.startswith("70 of the sources are not what sources.yaml pins:")
    for name in names:
        assert hashlib.sha256((tmp_path / f"{name}.tar.gz").read_bytes()).hexdigest() in said
