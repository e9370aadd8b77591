"""What may only grow, against an older clone, a restored backup, an edited file and a lying Hub."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from benchmarks import here
from stackyard.cli.dataset import diff
from stackyard.client.compare import compare
from stackyard.client.opened import open_version
from stackyard.errors import GateRefused, UsageError, VerificationError
from stackyard.optout.absence import Presence
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.keys import PUBLIC
from stackyard.pipeline.project.making import ready_project
from stackyard.pipeline.publish import gate, growth, previous
from stackyard.pipeline.publish.previous import hub_endpoint
from stackyard.stages import STAGES
from stackyard.store.hub import HubDataset
from tests.unit.pipeline.conftest import Machine, add_source, opt_out, withdraw

REMOVALS = "removals.jsonl"


def taken_out(machine: Machine, *selector: str) -> tuple[Path, Path, str]:
    """Machine `a`, which took hubot/gamma out in 0.1.1, and `b`, which knows nothing of it."""
    a, b = machine("a"), machine("b")
    request = opt_out(a, *(selector or ("--owner", "hubot")))
    assert here.takedown(a).run.version == "0.1.1"
    return a, b, request


def released_names(root: Path) -> set[str]:
    shards = sorted((root / "release" / "data").rglob("*.parquet"))
    return {
        name
        for path in shards
        for name in pq.read_table(path, columns=["repo_name"], partitioning=None)[
            "repo_name"
        ].to_pylist()
    }


def versions(root: Path) -> list[str]:
    with hub_endpoint(Project.at(root)) as endpoint:
        return list(HubDataset(here.REPO, endpoint).versions())


def test_release_with_an_older_log_is_refused_before_any_work(machine: Machine) -> None:
    a, b, _ = taken_out(machine)
    add_source(b)
    before = {path: path.stat().st_mtime_ns for path in (b / "work").rglob("*")}
    with pytest.raises(VerificationError, match="does not extend the log"):
        here.release(b)
    assert {path: path.stat().st_mtime_ns for path in (b / "work").rglob("*")} == before
    assert versions(a) == ["0.1.0", "0.1.1"]


def test_gate_refuses_a_tree_made_with_an_older_log(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, b, _ = taken_out(machine)
    add_source(b)
    project = ready_project(b)
    monkeypatch.setattr(previous, "require_growth", lambda *_: None)
    previous.fetch_previous(project, "auto")
    here.run_stages(project, STAGES)
    assert "hubot/gamma" in released_names(b)
    with pytest.raises(GateRefused, match=r"the log extends the last release's: BROKEN"):
        gate.require(project)


def test_gate_refuses_a_tree_when_another_release_came_while_it_was_made(machine: Machine) -> None:
    a, b = machine("a"), machine("b")
    add_source(b)
    project = ready_project(b)
    previous.fetch_previous(project, "auto")
    here.run_stages(project, STAGES)
    opt_out(a, "--owner", "hubot")
    here.takedown(a)
    with pytest.raises(GateRefused) as refused:
        gate.require(project)
    assert "follows the newest release: BROKEN" in str(refused.value)
    assert "the log extends the last release's: BROKEN" in str(refused.value)


def test_log_of_another_registry_is_refused(machine: Machine) -> None:
    b = machine("b")
    shutil.rmtree(b / "registry" / "log")
    (b / "registry" / "checkpoint").unlink()
    shutil.rmtree(b / ".stackyard" / "private")
    (b / ".stackyard" / "keys" / "registry.key").unlink()
    with pytest.raises(VerificationError, match="does not extend the log"):
        here.release(b)


def test_brought_up_to_date_the_second_machine_releases_without_what_was_taken_out(
    machine: Machine,
) -> None:
    a, _, _ = taken_out(machine)
    b = machine("c", of=a)
    add_source(b)
    assert here.release(b).run.version == "0.2.0"
    assert "hubot/gamma" not in released_names(b)


def test_alias_that_a_request_in_force_needs_cannot_be_dropped(machine: Machine) -> None:
    a = machine("a")
    path = a / "params.yaml"
    bare = path.read_text()
    path.write_text(bare.replace("aliases: {}", "aliases: {hubot-old: hubot}"))
    request = opt_out(a, "--owner", "hubot-old")
    here.release(a)
    assert "hubot/gamma" not in released_names(a)
    path.write_text(bare)
    with pytest.raises(VerificationError, match="aliases") as refused:
        here.release(a)
    assert request in str(refused.value)
    assert "hubot" not in str(refused.value)
    withdraw(a, request)
    here.release(a)
    assert "hubot/gamma" in released_names(a)


def test_alias_that_no_request_needs_may_be_dropped(machine: Machine) -> None:
    a = machine("a")
    path = a / "params.yaml"
    bare = path.read_text()
    path.write_text(bare.replace("aliases: {}", "aliases: {nobody-old: nobody}"))
    opt_out(a, "--owner", "hubot")
    here.release(a)
    path.write_text(bare)
    here.release(a)


def test_removals_cut_on_this_disk_are_whole_in_the_next_release(machine: Machine) -> None:
    a, _, _ = taken_out(machine)
    listed = (a / "release" / REMOVALS).read_bytes()
    assert listed
    (a / "release" / REMOVALS).write_bytes(b"")
    add_source(a)
    assert here.release(a).run.version == "0.2.0"
    assert (a / "release" / REMOVALS).read_bytes() == listed


def edit_previous(project: Project) -> None:
    path = project.workspace.root / "previous" / "files" / REMOVALS
    path.write_bytes(b"")


def test_gate_refuses_removals_that_lost_lines(machine: Machine) -> None:
    a, _, _ = taken_out(machine)
    add_source(a)
    project = ready_project(a)
    previous.fetch_previous(project, "auto")
    edit_previous(project)
    here.run_stages(project, STAGES)
    with pytest.raises(GateRefused, match="removals only grow: BROKEN"):
        gate.require(project)


def test_gate_refuses_what_a_receipt_calls_absent_until_its_withdrawal(machine: Machine) -> None:
    a = machine("a")
    rows = pq.read_table(
        sorted((a / "release" / "data").rglob("*.parquet")),
        columns=["repo_name", "path", "blob_id", "origins"],
        partitioning=None,
    )
    request = opt_out(a, "--owner", "hubot")
    here.takedown(a)
    project = Project.at(a)
    made = previous.released_here(project)
    assert made is not None

    def away() -> bool:
        every = growth.checks(project, made, Presence.of(rows), None)
        return next(each.holds for each in every if "receipts" in each.name)

    assert not away()
    withdraw(a, request)
    assert away()


def test_withdrawn_request_brings_rows_back_as_restored(machine: Machine) -> None:
    a, _, request = taken_out(machine)
    withdraw(a, request)
    here.release(a)
    assert "hubot/gamma" in released_names(a)
    assert b'"restored"' in (a / "release" / REMOVALS).read_bytes()


def test_last_release_by_another_key_is_not_built_upon(machine: Machine) -> None:
    b = machine("b")
    (b / PUBLIC).unlink()
    (b / ".stackyard" / "keys" / "release.key").unlink()
    with pytest.raises(VerificationError, match="key"):
        here.release(b)


def test_hub_that_hides_its_newest_tag_is_found_out(machine: Machine) -> None:
    a, b, _ = taken_out(machine)
    with hub_endpoint(Project.at(b)) as endpoint:
        HfApi(endpoint=endpoint).delete_tag(here.REPO, tag="v0.1.1", repo_type="dataset")
        HfApi(endpoint=endpoint).delete_tag(here.REPO, tag="v0.1.0", repo_type="dataset")
    subprocess.run(["git", "-C", str(b), "tag", "-d", "data-v0.1.0"], check=True)
    with pytest.raises(VerificationError, match="no tag leads there"):
        here.release(b)
    with pytest.raises(VerificationError, match=r"git has the tag data-v0\.1\.[01]"):
        here.release(a)


def test_takedown_in_a_workspace_of_older_sources_is_refused(machine: Machine) -> None:
    a, b = machine("a"), machine("b")
    add_source(a)
    assert here.release(a).run.version == "0.2.0"
    opt_out(b, "--owner", "hubot")
    with pytest.raises(VerificationError, match="never ingested here") as refused:
        here.takedown(b)
    assert "monalisa/zeta" in str(refused.value)
    assert versions(a) == ["0.1.0", "0.2.0"]


def test_diff_goes_by_the_order_of_versions_and_says_it(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    a, _, _ = taken_out(machine)
    names = [f"{here.REPO}@{version}" for version in ("0.1.1", "0.1.0")]
    diff.main([*names, "--project", str(a)], standalone_mode=False)
    shown = capsys.readouterr()
    assert f"{names[1]} -> {names[0]}: patch" in shown.out
    assert "comes before" in shown.err


def test_diff_of_a_version_whose_log_lost_events_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, b, _ = taken_out(machine)
    add_source(b)
    project = ready_project(b)
    monkeypatch.setattr(previous, "require_growth", lambda *_: None)
    monkeypatch.setattr(growth, "checks", lambda *_: iter(()))
    here.release(b)
    with hub_endpoint(project) as endpoint:
        dataset = HubDataset(here.REPO, endpoint)
        key = (b / PUBLIC).read_text().strip()
        one, two = (open_version(dataset, version, key) for version in ("0.1.1", "0.2.0"))
        for pair in ((one, two), (two, one)):
            with pytest.raises(VerificationError, match="rolled back or forked"):
                compare(*pair)


def test_unknown_alias_kind_is_still_refused(machine: Machine) -> None:
    a = machine("a")
    opt_out(a, "--owner", "hubot")
    path = a / "params.yaml"
    path.write_text(path.read_text().replace("aliases: {}", "aliases: {a: b/c}"))
    with pytest.raises(UsageError, match="not of one kind"):
        here.release(a)


@pytest.mark.parametrize("name", ["release", "takedown"])
def test_steps_without_prefect_are_those_of_the_flow(name: str) -> None:
    """The flow's text is read, not imported: Prefect reads its settings when it is."""
    text = (Path(here.__file__).parents[1] / "flows" / f"{name}.py").read_text()
    body = text[text.index(f"def {name}(") :]
    prefects = {"create_markdown_artifact", "keep", "markdown", "run_stages", name}
    of_a_dry_run = {"replace", "run_stage"}

    def calls(source: str) -> list[str]:
        return [
            each
            for each in re.findall(r"\b([a-z_]+)\(", source)
            if each not in prefects | of_a_dry_run
        ]

    assert calls(inspect.getsource(getattr(here, name))) == calls(body)
