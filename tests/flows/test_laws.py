"""The laws of docs/architecture.md over the real flow: Prefect, DVC, git and the embedded Hub."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stackyard.errors import CorruptWorkspace, EnvironmentFault, StackyardError, UsageError
from stackyard.pipeline.project import Project
from stackyard.pipeline.publish.previous import hub_endpoint, latest
from stackyard.stages import STAGES
from stackyard.store.hub import HubDataset

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.xdist_group("flows")
STACKYARD = (sys.executable, "-m", "stackyard.cli")
KILLER = Path(__file__).with_name("killed_run.py")


def run_release(root: Path, workers: int = 1) -> Any:
    # Prefect reads its settings when it is imported: after the fixture has set them.
    from flows.release import release
    from flows.runner import on_engine

    return on_engine(release, "local", workers)(str(root))  # as text: so a server hands it over


def run_takedown(root: Path) -> Any:
    from flows.runner import on_engine
    from flows.takedown import takedown

    return on_engine(takedown, "local", 1)(root)


def tree(root: Path) -> dict[str, str]:
    """Hash of every file of the released tree, by path."""
    folder = root / "release"
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows(root: Path) -> pa.Table:
    return pa.concat_tables(
        pq.read_table(path, partitioning=None) for path in sorted(root.glob("release/data/*/*/*"))
    )


def manifest(root: Path) -> dict[str, Any]:
    return dict(json.loads((root / "release" / "manifest.json").read_bytes()))


def opt_out(root: Path, *selector: str) -> str:
    """Submits and verifies a request through the command line; returns its id."""
    base = [*STACKYARD, "optout"]
    submit = [*base, "submit", "--project", str(root), "--json", "--contact", "ada@example.org"]
    done = subprocess.run([*submit, *selector], capture_output=True, text=True, check=True)
    request = str(json.loads(done.stdout)["request"])
    verify = [*base, "verify", request, "--project", str(root), "--method", "manual"]
    subprocess.run([*verify, "--reason", "asked by the owner"], check=True, capture_output=True)
    return request


def killed(root: Path, *where: str) -> None:
    """A release that kills itself with SIGKILL at the place named."""
    command = [sys.executable, str(KILLER), str(root), *where]
    repo = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": f"{repo}{os.pathsep}{repo}/src"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stdout + done.stderr


@pytest.fixture(scope="module")
def released(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus, released once with one worker."""
    import shutil

    root = tmp_path_factory.mktemp("released") / "project"
    shutil.copytree(template, root)
    run_release(root)
    return root


def test_conservation_every_file_has_one_decision(released: Path) -> None:
    totals = manifest(released)["totals"]
    dropped = {f"{each['stage']}/{each['rule']}": each["files"] for each in totals["dropped"]}
    assert totals["files_seen"] == 17
    assert totals["files_kept"] == rows(released).num_rows == 17 - sum(dropped.values())
    assert dropped["dedup/exact-duplicate"] >= 1
    assert dropped["dedup/near-duplicate"] == 1
    assert dropped["filter/license-not-allowed"] >= 1
    assert dropped["filter/no-license"] == 1
    decided = pq.read_table(next(iter(released.glob("release/decisions/*"))).parent)
    assert len(decided) == sum(dropped.values())


def test_uniqueness_no_path_and_no_content_twice(released: Path) -> None:
    table = rows(released)
    keys = list(zip(table["repo_name"].to_pylist(), table["path"].to_pylist(), strict=True))
    assert len(set(keys)) == len(keys)
    contents = table["content_sha256"].to_pylist()
    assert len(set(contents)) == len(contents)
    for row in table.select(["content", "content_sha256"]).to_pylist():
        assert hashlib.sha256(row["content"].encode()).hexdigest() == row["content_sha256"]


def test_no_leak_the_planted_address_is_nowhere_in_the_release(released: Path) -> None:
    own = next(r for r in rows(released).to_pylist() if r["path"] == "alpha/own.py")
    assert "ada@" not in own["content"]
    assert own["redactions"] == [{"entity": "email", "count": 1}]
    for path in (released / "release").rglob("*"):
        if path.is_file():
            assert b"ada@mail" not in path.read_bytes()


def test_origins_a_shared_file_names_all_who_offer_it(released: Path) -> None:
    shared = [row for row in rows(released).to_pylist() if len(row["origins"]) > 1]
    named = {origin["repo_name"] for row in shared for origin in row["origins"]}
    assert {"octo-org/alpha", "hubot/gamma"} <= named


def test_report_shows_samples_of_each_rule_and_copies(released: Path) -> None:
    options = ["--project", str(released), "--samples", "1", "--by-language", "--copies", "--json"]
    done = subprocess.run([*STACKYARD, "report", *options], capture_output=True, check=True)
    told = json.loads(done.stdout)
    rules = [f"{each['stage']}/{each['rule']}" for each in told["samples"]]
    assert len(set(rules)) == len(rules)
    assert {"dedup/near-duplicate", "filter/no-license"} <= set(rules)
    counted = sum(each["files"] for each in told["dropped_by_language"])
    dropped = [each for each in told["totals"]["dropped"] if each["stage"] == "filter"]
    assert counted == sum(each["files"] for each in dropped)
    assert told["licence_conflicts"] == []
    assert told["copies"] == []


def test_explain_shows_all_facts_of_a_file(released: Path) -> None:
    options = ["octo-org/alpha", "alpha/own.py", "--project", str(released)]
    done = subprocess.run(
        [*STACKYARD, "explain", *options, "--json"], capture_output=True, check=True
    )
    facts = json.loads(done.stdout)["facts"]
    assert {"copyright", "language", "license-file", "license-text", "quality"} <= set(facts)
    (language,), (quality,) = facts["language"], facts["quality"]
    assert (language["language"], language["extension"]) == ("Python", "py")
    assert quality["text_id"] == quality["blob_id"] == language["blob_id"]
    shown = subprocess.run([*STACKYARD, "explain", *options], capture_output=True, check=True)
    assert b"language=Python" in shown.stdout


def test_determinism_two_workers_and_shuffled_sources_give_the_same_bytes(
    released: Path, make_project: Callable[..., Path]
) -> None:
    other = make_project("shuffled", shuffle=True)
    run_release(other, workers=2)
    assert tree(other) == tree(released)


def test_release_with_nothing_changed_makes_nothing(released: Path) -> None:
    before = tree(released)
    outcome = run_release(released)
    assert not outcome.is_new
    assert outcome.uploaded == ()
    assert tree(released) == before
    assert "nothing changed" in outcome.text()


def test_determinism_killed_at_every_stage_boundary_ends_in_the_same_bytes(
    released: Path, make_project: Callable[..., Path]
) -> None:
    other = make_project("boundaries")
    for stage in STAGES:
        killed(other, "before-record", stage.name)
    killed(other, "after-record", "release")
    run_release(other)
    assert tree(other) == tree(released)


@pytest.mark.parametrize("nth", [3, 12, 21, 30, 39, 48])
def test_determinism_killed_inside_a_stage_ends_in_the_same_bytes(
    released: Path, make_project: Callable[..., Path], nth: int
) -> None:
    other = make_project("inside")
    killed(other, "at-rename", str(nth))
    run_release(other)
    assert tree(other) == tree(released)


def test_atomicity_killed_while_publishing_shows_the_old_state_or_the_new(
    released: Path, make_project: Callable[..., Path]
) -> None:
    other = make_project("publishing")
    for place in ("before-commit", "before-tag"):
        killed(other, "publish", place)
        with hub_endpoint(Project.at(other)) as endpoint:
            assert latest(HubDataset("octo-org/corpus", endpoint)) is None
    outcome = run_release(other)
    assert outcome.is_new
    assert tree(other) == tree(released)
    with hub_endpoint(Project.at(other)) as endpoint:
        dataset = HubDataset("octo-org/corpus", endpoint)
        newest = latest(dataset)
        assert newest is not None
        there = dataset.read(newest[1], "manifest.json")
    assert there == (other / "release" / "manifest.json").read_bytes()


@pytest.mark.parametrize(
    ("selector", "without"),
    [
        (("--repo", "octo-org/alpha"), ["octo-org/alpha"]),
        (("--owner", "Octo-Org"), ["octo-org/alpha", "octo-org/beta"]),
    ],
)
def test_absence_a_takedown_equals_a_release_without_the_origin(
    make_project: Callable[..., Path], selector: tuple[str, ...], without: list[str]
) -> None:
    taken, never = make_project("taken"), make_project("never", without)
    first = run_release(taken)
    assert first.run.version == "0.1.0"
    request = opt_out(taken, *selector)
    second = run_takedown(taken)
    assert (second.run.version, second.run.bump) == ("0.1.1", "patch")
    assert [Path(path).stem for path in second.receipts] == [request]
    prove = [*STACKYARD, "optout", "prove", second.receipts[0], "--release", taken / "release"]
    proven = subprocess.run(prove, capture_output=True, text=True, check=False)
    assert proven.returncode == 0, proven.stdout + proven.stderr
    run_release(never)
    shards = {path: sha for path, sha in tree(taken).items() if path.startswith("data/")}
    assert shards == {path: sha for path, sha in tree(never).items() if path.startswith("data/")}
    table = rows(taken)
    assert not set(without) & set(table["repo_name"].to_pylist())
    for path in (taken / "release").rglob("*"):
        if path.is_file() and path.name != "manifest.json":
            assert b"octo-org/alpha" not in path.read_bytes(), path


def test_takedown_leaves_what_others_offer_and_elects_anew(
    make_project: Callable[..., Path],
) -> None:
    root = make_project("elect")
    run_release(root)
    before = {(row["repo_name"], row["path"]) for row in rows(root).to_pylist()}
    opt_out(root, "--repo", "octo-org/alpha")
    run_takedown(root)
    after = {(row["repo_name"], row["path"]) for row in rows(root).to_pylist()}
    gone = {key for key in before if key[0] == "octo-org/alpha"}
    assert before - after == gone
    assert ("hubot/gamma", "copy/shared.py") in after
    assert ("monalisa/zeta", "z/close.py") in after


def test_takedown_with_nothing_pending_makes_nothing(released: Path) -> None:
    outcome = run_takedown(released)
    assert not outcome.is_new
    assert outcome.receipts == ()


def test_increment_one_more_source_is_a_minor_version_and_rewrites_only_its_shards(
    make_project: Callable[..., Path], template: Path
) -> None:
    root = make_project("grow", ["monalisa/zeta"])
    run_release(root)
    before = tree(root)
    (root / "sources.yaml").write_text((template / "sources.yaml").read_text())
    outcome = run_release(root)
    assert (outcome.run.version, outcome.run.bump) == ("0.2.0", "minor")
    whole = make_project("whole")
    run_release(whole)
    data = {path: sha for path, sha in tree(root).items() if path.startswith("data/")}
    assert data == {path: sha for path, sha in tree(whole).items() if path.startswith("data/")}
    unchanged = {path for path, sha in data.items() if before.get(path) == sha}
    assert unchanged
    assert not unchanged & set(outcome.uploaded)
    assert {path for path in outcome.uploaded if path.startswith("data/")} == set(data) - unchanged


def test_fail_closed_a_damaged_segment_stops_the_run(
    make_project: Callable[..., Path],
) -> None:
    root = make_project("damaged")
    killed(root, "before-record", "detect")
    segment = min((root / "work/ingest/segments").glob("*.parquet"))
    segment.write_bytes(segment.read_bytes()[:100])
    with pytest.raises((CorruptWorkspace, EnvironmentFault)):
        run_release(root)
    assert not (root / "release").exists()


def test_fail_closed_an_unknown_parameter_stops_the_run(
    make_project: Callable[..., Path],
) -> None:
    root = make_project("unknown")
    path = root / "params.yaml"
    path.write_text(path.read_text().replace("tree_depth_max:", "tree_depht_max:"))
    with pytest.raises(UsageError, match="tree_depht_max"):
        run_release(root)


def test_fail_closed_a_missing_source_stops_the_run(make_project: Callable[..., Path]) -> None:
    root = make_project("missing")
    (root / "sources" / "beta.tar.gz").unlink()
    with pytest.raises(StackyardError, match=r"beta"):
        run_release(root)
    assert not (root / "release").exists()


def test_fail_closed_two_sources_of_one_revision_are_refused_by_name(
    make_project: Callable[..., Path],
) -> None:
    root = make_project("twins")
    copy = root / "sources" / "again.tar.gz"
    copy.write_bytes((root / "sources" / "beta.tar.gz").read_bytes())
    entries = (root / "sources.yaml").read_text()
    twin = "- {kind: archive, path: sources/again.tar.gz, name: octo-org/beta}\n"
    (root / "sources.yaml").write_text(entries + twin)
    with pytest.raises(UsageError, match=r"same revision of octo-org/beta"):
        run_release(root)


def test_fail_closed_a_changed_log_stops_the_run(make_project: Callable[..., Path]) -> None:
    root = make_project("forged")
    opt_out(root, "--repo", "octo-org/alpha")
    event = min((root / "registry/log").glob("*.json"))
    event.write_bytes(event.read_bytes().replace(b"submitted", b"withdrawn"))
    with pytest.raises(StackyardError):
        run_release(root)
