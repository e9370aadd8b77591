"""Releases already made, for requests with --past: real stages, DVC, git and the embedded Hub."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from stackyard.cli.optout import optout
from stackyard.client import tombstones, yanks
from stackyard.client.opened import open_version
from stackyard.client.tombstones import check_chain
from stackyard.errors import UsageError, VerificationError
from stackyard.pipeline.execute import bring_up_to_date, run_units_here
from stackyard.pipeline.optouts.takedown import (
    apply_pending,
    intended,
    pending_ids,
    settle_old_versions,
)
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.keys import PUBLIC
from stackyard.pipeline.project.making import ready_project
from stackyard.pipeline.publish.previous import fetch_previous, hub_endpoint
from stackyard.pipeline.publish.publishing import Outcome, check, outcome_of, publish
from stackyard.pipeline.purge import deletion, old_versions, scan
from stackyard.pipeline.purge.old_versions import NOTE, PurgeReport, purge
from stackyard.pipeline.purge.scan import Wanted
from stackyard.record import blob_digest
from stackyard.release.manifest import Previous, identity
from stackyard.stages import STAGES, Stage
from stackyard.store.dvc import DvcProject
from stackyard.store.hub import HubDataset
from tests.flows.conftest import ORIGINS, SHARED, MakeProject
from tests.flows.test_laws import manifest, rows, tree

pytestmark = pytest.mark.xdist_group("more-flows")
REPO = "octo-org/corpus"
OWN = ORIGINS["octo-org/alpha"]
KEPT_BY_OTHERS = {content for name, files in ORIGINS.items() if name != "octo-org/alpha" for content in files.values()}  # fmt: skip
GONE = sorted({content for content in OWN.values() if content} - KEPT_BY_OTHERS)
"""What alpha alone has."""


def here(project: Project, stages: Sequence[Stage]) -> None:
    for stage in stages:
        bring_up_to_date(project, stage, run_units_here)


def released(root: Path) -> Outcome:
    """What the flow release does, without Prefect."""
    project = ready_project(root)
    pending = pending_ids(project)
    fetch_previous(project, "auto")
    here(project, STAGES)
    outcome = outcome_of(project, dry_run=False)
    if outcome.is_new:
        outcome = check(project, outcome)
    outcome = apply_pending(project, pending, publish(project, outcome))
    return settle_old_versions(project, outcome, here, purge=False)


def asked(root: Path, *selector: str, past: bool = True) -> str:
    submit = ["submit", "--project", str(root), "--json", "--contact", "ada@example.org", *selector]
    done = told(submit + (["--past"] if past else []))
    request = str(json.loads(done.output)["request"])
    reason = ["--method", "manual", "--reason", "asked by the owner"]
    assert told(["verify", request, "--project", str(root), *reason]).exit_code == 0
    return request


def told(arguments: Sequence[str]) -> Any:
    return CliRunner().invoke(optout, list(arguments), standalone_mode=False)


def policy(root: Path, what: str) -> None:
    path = root / "registry" / "policy.json"
    path.write_text(path.read_text().replace('"yank"', f'"{what}"'))


def stored(root: Path, content: bytes) -> list[str]:
    """Files below a project that hold a content, whole or in a Parquet column; own sources apart."""
    found = []
    for path in sorted(root.rglob("*")):
        place = path.relative_to(root).as_posix()
        if not path.is_file() or place.startswith("sources/"):
            continue
        raw = path.read_bytes()
        if content in raw:
            found.append(place)
        elif raw[:4] == b"PAR1":
            table = pq.read_table(path, partitioning=None)
            for name in {"content", "text"} & set(table.column_names):
                values = [v.encode() if isinstance(v, str) else v for v in table[name].to_pylist()]
                if content in values:
                    found.append(place)
    return found


def dataset_at(endpoint: str | None) -> HubDataset:
    return HubDataset(REPO, endpoint)


@pytest.fixture(scope="module")
def twice(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.1.0 with alpha, 0.1.1 without, by a request with --past; the policy for old versions is purge."""
    root = tmp_path_factory.mktemp("twice") / "project"
    shutil.copytree(template, root)
    policy(root, "purge")
    assert released(root).run.version == "0.1.0"
    asked(root, "--repo", "octo-org/alpha")
    outcome = released(root)
    assert (outcome.run.version, outcome.yanked, outcome.to_purge) == (
        "0.1.1", ("0.1.0",), ("0.1.0",)
    )  # fmt: skip
    assert "stackyard optout past" in outcome.text()
    return root


@pytest.fixture
def project(twice: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(twice, tmp_path / "project", symlinks=True))


def purged(root: Path) -> PurgeReport:
    at = Project.at(root)
    return purge(at, old_versions.old_versions(at), here)


def check_purged(root: Path) -> None:
    for content in GONE:
        assert stored(root, content) == []
    assert stored(root, SHARED)
    with hub_endpoint(Project.at(root)) as endpoint:
        dataset = dataset_at(endpoint)
        assert list(dataset.versions()) == ["0.1.1"]
        stone = tombstones.read(dataset)["0.1.0"]
        newest = open_version(dataset, "0.1.1", (root / PUBLIC).read_text().strip())
        key = newest.release.key
        first = Previous("0.1.0", stone.manifest_sha256)
        assert check_chain(dataset, newest.manifest, key, first) == 1
        assert stone.kept == {"0.1.1": identity(newest.manifest)}


def test_old_versions_are_shown_with_a_digest_and_nothing_changes_before_it_is_confirmed(
    project: Path,
) -> None:
    before = {path: path.stat().st_mtime_ns for path in (project / ".stackyard/hub").rglob("*")}
    shown = told(["past", "--project", str(project), "--json"])
    assert shown.return_value == 1
    plan = json.loads(shown.output)
    assert [each["version"] for each in plan["versions"]] == ["0.1.0"]
    assert {blob_digest(content).hex() for content in GONE} <= set(plan["blobs"])
    assert blob_digest(SHARED).hex() not in plan["blobs"]
    wrong = told(["past", "--project", str(project), "--confirm", "00" * 32])
    assert isinstance(wrong.exception, UsageError)
    assert "0.1.0: " in told(["past", "--project", str(project)]).output
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_purge_leaves_no_byte_on_hub_dvc_or_workspace_and_the_release_as_it_was(
    project: Path,
) -> None:
    assert all(stored(project, content) for content in GONE)
    before = tree(project)
    digest = json.loads(told(["past", "--project", str(project), "--json"]).output)["digest"]
    done = told(["past", "--project", str(project), "--confirm", digest])
    assert done.exception is None, done.exception
    assert done.return_value == 0
    assert "purged: 0.1.0" in done.output
    assert "copies that others pulled" in done.output
    check_purged(project)
    assert tree(project) == before
    outcome = released(project)
    assert not outcome.is_new
    assert tree(project) == before
    assert told(["past", "--project", str(project)]).return_value == 0


def test_purge_killed_at_each_step_is_ended_by_the_next(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for owner, name in (
        (old_versions, "_bury"),
        (deletion, "_drop_from_segments"),
        (HubDataset, "_without_history"),
        (DvcProject, "forget_unneeded"),
        (old_versions, "scan"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, cut)
            with pytest.raises(KeyboardInterrupt):
                purged(project)
        assert (project / ".stackyard" / NOTE).exists()
    assert purged(project).versions == ("0.1.0",)
    assert not (project / ".stackyard" / NOTE).exists()
    check_purged(project)
    assert not released(project).is_new


def test_withdrawn_after_a_purge_comes_back_from_its_source(project: Path) -> None:
    first = manifest(project)["totals"]
    purged(project)
    request = next(iter(tombstones_of(project)["0.1.0"].requests))
    assert told(["withdraw", request, "--project", str(project)]).exception is None
    outcome = released(project)
    assert outcome.is_new
    assert "octo-org/alpha" in rows(project)["repo_name"].to_pylist()
    after = manifest(project)["totals"]
    assert after["files_seen"] == first["files_seen"]
    assert after["files_kept"] > first["files_kept"]
    assert len({content for content in GONE if stored(project, content)}) == len(GONE)


def tombstones_of(root: Path) -> dict[str, tombstones.Tombstone]:
    with hub_endpoint(Project.at(root)) as endpoint:
        return tombstones.read(dataset_at(endpoint))


def test_purge_by_path_leaves_the_other_files_of_the_repository(make_project: MakeProject) -> None:
    root = make_project("path")
    policy(root, "purge")
    released(root)
    asked(root, "--path", "octo-org/alpha:alpha/own.py")
    asked(root, "--repo", "octo-org/beta")
    archive = root / "sources" / "beta.tar.gz"
    cached = root / ".stackyard" / "cache" / hashlib.sha256(archive.read_bytes()).hexdigest()
    assert cached.is_dir()
    released(root)
    done = purged(root)
    assert (done.versions, done.caches, done.left) == (("0.1.0",), ("octo-org/beta",), ())
    assert not cached.exists()
    own = OWN["alpha/own.py"]
    assert stored(root, own) == []
    named = {each["path"] for row in rows(root)["origins"].to_pylist() for each in row
             if each["repo_name"] == "octo-org/alpha"}  # fmt: skip
    assert named
    assert "alpha/own.py" not in named
    assert not released(root).is_new


def test_takedown_flow_told_to_purge_does_all_in_one_run(make_project: MakeProject) -> None:
    from flows.runner import on_engine
    from flows.takedown import takedown

    root = make_project("flow")
    policy(root, "purge")
    released(root)
    request = asked(root, "--repo", "octo-org/alpha")
    intention = intended(Project.at(root))
    assert intention.pending == (request,)
    assert request in intention.text()
    outcome = on_engine(takedown, "local", 1)(root, purge=True)
    assert (outcome.run.version, outcome.yanked, outcome.purged) == (
        "0.1.1", ("0.1.0",), ("0.1.0",)
    )  # fmt: skip
    assert "purged: 0.1.0" in outcome.text()
    assert any("others pulled" in what for what in outcome.beyond_reach)
    check_purged(root)
    assert intended(Project.at(root)).pending == ()


def test_policy_yank_marks_policy_keep_leaves_and_withdrawing_restores(
    make_project: MakeProject,
) -> None:
    root = make_project("yank")
    released(root)
    asked(root, "--path", "octo-org/alpha:alpha/own.py", past=False)
    outcome = released(root)
    assert (outcome.run.version, outcome.yanked, outcome.to_purge) == ("0.1.1", (), ())
    request = asked(root, "--repo", "octo-org/alpha")
    assert released(root).yanked == ("0.1.0", "0.1.1")
    with hub_endpoint(Project.at(root)) as endpoint:
        public = (root / PUBLIC).read_text().strip()
        assert yanks.read(dataset_at(endpoint), public).keys() == {"0.1.0", "0.1.1"}
    assert told(["past", "--project", str(root)]).return_value == 0
    policy(root, "keep")
    assert json.loads(told(["past", "--project", str(root), "--json"]).output)["done"]
    assert told(["withdraw", request, "--project", str(root)]).exception is None
    assert "octo-org/alpha" not in str(rows(root)["origins"].to_pylist())
    released(root)
    assert "octo-org/alpha" in str(rows(root)["origins"].to_pylist())
    assert "keep; nothing is to be done" in told(["past", "--project", str(root)]).output
    plan = old_versions.old_versions(Project.at(root))
    with pytest.raises(UsageError, match="policy for old releases"):
        purge(Project.at(root), plan, here)


def test_contents_that_are_named_are_not_ingested_again_until_it_is_withdrawn(
    make_project: MakeProject, template: Path
) -> None:
    root = make_project("again", ["octo-org/alpha"])
    released(root)
    own = OWN["alpha/own.py"]
    swhid = f"swh:1:cnt:{blob_digest(own).hex()}"
    request = asked(root, "--blob", swhid, past=False)
    (root / "sources.yaml").write_text((template / "sources.yaml").read_text())
    assert released(root).is_new
    assert "octo-org/alpha" in str(rows(root)["origins"].to_pylist())
    assert stored(root, own) == []
    told(["withdraw", request, "--project", str(root)])
    released(root)
    assert stored(root, own)


def test_scan_finds_what_a_forgotten_copy_still_holds(project: Path) -> None:
    at = Project.at(project)
    plan = old_versions.old_versions(at)
    purged(project)
    wanted = Wanted(frozenset(map(bytes.fromhex, plan.blobs)), frozenset(plan.texts))
    assert scan.scan(at, wanted)[0] == []
    (project / "work" / "left.bin").write_bytes(GONE[0])
    assert scan.scan(at, wanted)[0] == ["work/left.bin"]
    note = project / ".stackyard" / NOTE
    note.write_text(json.dumps({"policy": "purge", "versions": [], "blobs": list(plan.blobs)}))
    with pytest.raises(VerificationError, match="still stored"):
        purged(project)
