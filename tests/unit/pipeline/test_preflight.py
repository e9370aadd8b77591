"""What would stop a release late is tried before; git is the project's own, whatever surrounds a run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import here
from stackyard.errors import EnvironmentFault, Superseded, VerificationError
from stackyard.pipeline.optouts.takedown import pending_ids
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.making import ready_project
from stackyard.pipeline.publish import preflight as room
from stackyard.pipeline.publish import previous, publishing
from stackyard.pipeline.publish.preflight import preflight
from stackyard.pipeline.publish.previous import hub_endpoint
from stackyard.release.manifest import Previous
from stackyard.stages import STAGES
from stackyard.store import git
from stackyard.store.hub import HubDataset, require_newest
from tests.unit.pipeline.conftest import LATER, ORIGINS, Machine, add_source, opt_out


def run_git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), "-c", "user.name=octo", "-c", "user.email=octo@example.org",
         *arguments], capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def untouched(root: Path) -> None:
    """Neither the Hub nor git has more than the first release."""
    with hub_endpoint(Project.at(root)) as endpoint:
        assert list(HubDataset(here.REPO, endpoint).versions()) == ["0.1.0"]
    assert run_git(root, "tag").split() == ["data-v0.1.0"]


def test_preflight_of_a_sound_project_passes_and_leaves_nothing(machine: Machine) -> None:
    a = machine("a")
    head, status = run_git(a, "rev-parse", "HEAD"), run_git(a, "status", "--porcelain")
    preflight(Project.at(a))
    assert run_git(a, "rev-parse", "HEAD") == head
    assert run_git(a, "status", "--porcelain") == status
    untouched(a)


@pytest.mark.parametrize("setting", ["tag.gpgSign", "commit.gpgSign"])
def test_signing_that_fails_is_found_before_the_work(machine: Machine, setting: str) -> None:
    a = machine("a")
    add_source(a)
    run_git(a, "config", "gpg.program", "false")
    run_git(a, "config", setting, "true")
    with pytest.raises(EnvironmentFault, match=r"git (tag|commit-tree) failed"):
        here.release(a)
    untouched(a)
    run_git(a, "config", setting, "false")
    assert here.release(a).run.version == "0.2.0"


def test_signing_that_works_is_left_on(machine: Machine, tmp_path: Path) -> None:
    a = machine("a")
    add_source(a)
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    for name, value in {
        "gpg.format": "ssh",
        "user.signingKey": str(key),
        "tag.gpgSign": "true",
        "commit.gpgSign": "true",
    }.items():
        run_git(a, "config", name, value)
    here.release(a)
    assert "SSH SIGNATURE" in run_git(a, "cat-file", "tag", "data-v0.2.0")
    assert "SSH SIGNATURE" in run_git(a, "cat-file", "commit", "data-v0.2.0^{commit}")


@pytest.mark.parametrize("version", ["0.1.1", "0.2.0", "1.0.0", "7.0.0"])
def test_a_tag_in_the_way_is_found_before_the_work(machine: Machine, version: str) -> None:
    a = machine("a")
    add_source(a)
    run_git(a, "tag", f"data-v{version}")
    with pytest.raises(VerificationError, match=f"git has the tag data-v{version}"):
        here.release(a)
    run_git(a, "tag", "-d", f"data-v{version}")
    untouched(a)


def test_a_tag_of_this_version_on_another_state_is_not_taken_for_ours(machine: Machine) -> None:
    a = machine("a")
    run_git(a, "tag", "-d", "data-v0.1.0")
    (a / "dvc.lock").write_text("schema: '2.0'\n")
    run_git(a, "commit", "-q", "-am", "another state")
    run_git(a, "tag", "data-v0.1.0")
    run_git(a, "revert", "--no-edit", "HEAD")
    project = ready_project(a)
    outcome = publishing.outcome_of(project, dry_run=False)
    with pytest.raises(VerificationError, match=r"data-v0\.1\.0 is of another release"):
        publishing.publish(project, outcome)


def test_two_projects_in_one_repository_have_tags_of_their_own(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q", "-b", "main")
    names = {}
    for folder in ("yards/one", "yards/an other~1", ".two.lock"):
        root = here.small_project(tmp_path / folder, ORIGINS)
        names[folder] = git.tag_name(root, "0.1.0")
    assert names == {
        "yards/one": "yards/one/data-v0.1.0",
        "yards/an other~1": "yards/an%20other%7E1/data-v0.1.0",
        ".two.lock": "%2Etwo%2Elock/data-v0.1.0",
    }
    run_git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")
    for folder, name in names.items():
        git.tag(tmp_path / folder, name, "a release")
        assert git.release_tags(tmp_path / folder) == {"0.1.0": name}


def test_release_in_a_folder_of_a_repository_beside_a_foreign_tag(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q", "-b", "main")
    run_git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")
    run_git(tmp_path, "tag", "data-v0.1.0")
    root = here.small_project(tmp_path / "yard", LATER)
    here.release(root)
    assert run_git(tmp_path, "tag").split() == ["data-v0.1.0", "yard/data-v0.1.0"]
    assert run_git(tmp_path, "rev-parse", "yard/data-v0.1.0^{commit}") == run_git(
        tmp_path, "rev-parse", "HEAD"
    )


def test_variables_of_a_hook_do_not_lead_git_elsewhere(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = machine("a")
    add_source(a)
    other = tmp_path / "other"
    other.mkdir()
    run_git(other, "init", "-q", "-b", "main")
    run_git(other, "commit", "-q", "--allow-empty", "-m", "one")
    before = run_git(other, "rev-parse", "HEAD")
    for name, value in {
        "GIT_DIR": str(other / ".git"),
        "GIT_WORK_TREE": str(other),
        "GIT_INDEX_FILE": str(other / ".git" / "index"),
        "GIT_OBJECT_DIRECTORY": str(other / ".git" / "objects"),
        "GIT_CEILING_DIRECTORIES": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    here.release(a)
    assert os.environ["GIT_DIR"] == str(other / ".git")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.delenv(name)
    assert run_git(other, "rev-parse", "HEAD") == before
    assert not run_git(other, "tag")
    assert run_git(a, "rev-parse", "data-v0.2.0^{commit}") == run_git(a, "rev-parse", "HEAD")


def test_a_merge_under_way_and_a_locked_index_are_found_before_the_work(machine: Machine) -> None:
    a = machine("a")
    lock = a / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(EnvironmentFault, match=r"index\.lock"):
        preflight(Project.at(a))
    lock.unlink()
    path = a / "params.yaml"
    for branch, text in (("one", "# one\n"), ("two", "# two\n")):
        run_git(a, "checkout", "-q", "-B", branch, "data-v0.1.0")
        path.write_text(path.read_text() + text)
        run_git(a, "commit", "-q", "-am", branch)
    with pytest.raises(subprocess.CalledProcessError):
        run_git(a, "merge", "-q", "one")
    with pytest.raises(EnvironmentFault, match="git"):
        preflight(Project.at(a))


def test_locks_that_a_killed_git_of_ours_left_are_freed(machine: Machine) -> None:
    a = machine("a")
    (a / git.UNDER_WAY).touch()
    locks = [a / ".git" / "index.lock", a / ".git" / "refs" / "tags" / "data-v0.2.0.lock"]
    for lock in locks:
        lock.touch()
    add_source(a)
    assert here.release(a).run.version == "0.2.0"
    assert not any(lock.exists() for lock in (*locks, a / git.UNDER_WAY))


def test_a_disk_without_room_is_found_before_the_work(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = machine("a")
    monkeypatch.setattr(room, "ROOM_BYTES_MIN", shutil.disk_usage(a).total * 2)
    with pytest.raises(EnvironmentFault, match="too little room"):
        here.release(a)


def test_a_hub_that_takes_no_writes_is_found_before_the_work(
    machine: Machine, tmp_path: Path
) -> None:
    a = machine("a")
    add_source(a)
    shutil.rmtree(tmp_path / "hub" / "incoming")
    (tmp_path / "hub" / "incoming").touch()
    with pytest.raises(EnvironmentFault, match="the embedded Hub cannot use its directory"):
        here.release(a)


def win_with_a_patch(root: Path) -> None:
    opt_out(root, "--owner", "hubot")
    here.takedown(root)


def win_with_the_same_version(root: Path) -> None:
    here.write_sources(root, ORIGINS | {"octo-org/another": LATER["monalisa/zeta"]})
    here.release(root)


@pytest.mark.parametrize("win", [win_with_a_patch, win_with_the_same_version])
def test_loser_of_a_race_writes_nothing_anywhere(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, win: Callable[[Path], None]
) -> None:
    a, b = machine("a"), machine("b")
    add_source(b)
    project = ready_project(b)
    previous.fetch_previous(project, "auto")
    here.run_stages(project, STAGES)
    outcome = publishing.outcome_of(project, dry_run=False)
    head = run_git(b, "rev-parse", "HEAD")
    win(a)
    with pytest.raises(Superseded, match="another release"):
        publishing.publish(project, outcome)
    assert run_git(b, "rev-parse", "HEAD") == head
    looks: list[object] = []

    def too_early(dataset: HubDataset, before: Previous | None, own: Previous) -> None:
        """The other comes in between: the first look does not see it yet."""
        if looks:
            require_newest(dataset, before, own)
        looks.append(own)

    monkeypatch.setattr(publishing, "require_newest", too_early)
    with pytest.raises(Superseded, match="another release"):
        publishing.publish(project, outcome)
    assert run_git(b, "rev-parse", "HEAD") == head
    assert run_git(b, "tag").split() == ["data-v0.1.0"]
    assert pending_ids(project) == []
