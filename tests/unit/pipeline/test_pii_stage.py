"""Stage pii and the gate over projects that hold what people write: stages run in this process."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from benchmarks.drawing import draw
from stackyard.cli import cli
from stackyard.errors import UsageError, VerificationError
from stackyard.pipeline.execute import run_stage, run_units_here
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.making import init_project
from stackyard.pipeline.publish import gate
from stackyard.pipeline.publish.tree import last_report
from stackyard.stages import STAGES

HEX = draw("<hex 32>", 3)
COMMON = draw("<alnum 24>", 5)
LICENSE = "# SPDX-License-Identifier: MIT\n"
MIT = (Path(__file__).parents[3] / "tests/flows/conftest.py").read_text().split('"""')[3]
Repos = Mapping[str, Mapping[str, str]]


def code(seed: int, *lines: str) -> str:
    body = "".join(
        f"def step_{seed}_{i}(count, scale={i + seed}):\n"
        f"    total = count * scale + {seed * 31 + i}\n    return total - {i * seed}\n\n\n"
        for i in range(12)
    )
    return LICENSE + body + "\n".join(lines) + "\n"


CASES: Repos = {
    "octo-org/alpha": {
        "README.md": "# Alpha\n\nWhat it is and how it is used, in a few words of its own.\n\n"
        f"MAILER_DSN=smtp://{draw('<alnum 8>', 1)}:{draw('<alnum 12>', 2)}@default\n",
        "ci.yml": LICENSE
        + f"run: curl -u app:{draw('<alnum 12>', 8)} http://127.0.0.1:9200/_license\n" * 1
        + "steps: [one, two, three]\n" * 4,
        "store_test.py": code(1, f"uri = 'mongodb://app:{draw('<alnum 12>', 9)}@127.0.0.1/db'"),
        "conf.py": code(2, f'API_KEY = "{HEX}"', f"f('{HEX}')", f"U = 'https://h/?t={HEX}'"),
        "lib/other.py": code(3, f"# see {HEX}"),
        "lib/common.py": code(4, f'API_SECRET = "{COMMON}"'),
        "lib/uses.py": code(5, f"f('{COMMON}')"),
    },
    "hubot/beta": {"b.py": code(6, f"print('{HEX}')"), "c.py": code(7, f"print('{COMMON}')")},
    "monalisa/gamma": {"c.py": code(8, f"print('{COMMON}')")},
    "example/delta": {"c.py": code(9, f"print('{COMMON}')")},
}


def project_of(root: Path, repos: Repos) -> Project:
    init_project(root, "octo-org/corpus", "opt-out@example.org")
    for name, files in repos.items():
        for path, text in {**files, "LICENSE": MIT}.items():
            target = root / "sources" / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    return with_sources(root, repos)


def with_sources(root: Path, names: Iterable[str]) -> Project:
    entries = [{"name": n, "kind": "directory", "path": f"sources/{n}"} for n in names]
    (root / "sources.yaml").write_text(yaml.safe_dump(entries))
    return Project.at(root)


def with_params(root: Path, **pii: Any) -> Project:
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["pii"].update(pii)
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    return Project.at(root)


def run(project: Project) -> Project:
    for stage in STAGES:
        run_stage(project, stage, run_units_here)
    return project


def texts(project: Project) -> dict[tuple[str, str], str]:
    tables = [pq.read_table(path) for path in (project.release_folder / "data").rglob("*.parquet")]
    names = ["repo_name", "path", "content"]
    return {
        (row["repo_name"], row["path"]): row["content"]
        for table in tables
        for row in table.select(names).to_pylist()
    }


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return run(project_of(tmp_path_factory.mktemp("pii") / "project", CASES))


def test_release_of_what_people_write_passes_the_gate(released: Project) -> None:
    assert [str(check) for check in gate.check(released) if not check.holds] == []
    kept = texts(released)
    assert {path for name, path in kept if name == "octo-org/alpha"} == set(CASES["octo-org/alpha"])
    for seed in (2, 8, 9):
        value = draw("<alnum 12>", seed)
        assert [place for place, text in kept.items() if value in text] == []


def test_a_value_found_once_is_gone_from_its_file_its_repository_and_others(
    released: Project,
) -> None:
    kept = texts(released)
    assert [place for place, text in kept.items() if HEX in text] == []
    assert kept["octo-org/alpha", "conf.py"].count("<SECRET_") == 3
    assert "print('<SECRET_" in kept["hubot/beta", "b.py"]


def test_a_value_of_many_owners_goes_where_it_was_found_alone(released: Project) -> None:
    kept = texts(released)
    assert {name for (name, _), text in kept.items() if COMMON in text} == {
        "hubot/beta", "monalisa/gamma", "example/delta",
    }  # fmt: skip
    assert "f('<SECRET_" in kept["octo-org/alpha", "lib/uses.py"]


def test_report_counts_redactions_by_entity(released: Project) -> None:
    counts = {part.entity: part.count for part in last_report(released).totals.redactions}
    assert sum(counts.values()) >= 9


UNSEEN = {"basic_auth": 1.0, "secret_keyword": 1.0, "secret_high_entropy": 1.0}
"""Thresholds that leave the URI to the second scanner."""


@pytest.fixture
def copy(released: Project, tmp_path: Path) -> Path:
    """The project, with all facts: what is decided anew reads no contents twice."""
    shutil.copytree(released.root, tmp_path / "copy")
    return tmp_path / "copy"


def test_second_scanner_drop_leaves_the_file_out_and_counts_it(copy: Path) -> None:
    project = run(with_params(copy, score_min=UNSEEN, second_scanner="drop"))
    dropped = {(part.stage, part.rule): part.files for part in last_report(project).totals.dropped}
    assert dropped["pii", "second-scanner"] >= 1
    assert ("octo-org/alpha", "store_test.py") not in texts(project)
    assert [str(check) for check in gate.check(project) if not check.holds] == []


def test_second_scanner_redact_counts_it_by_rule_in_the_report(copy: Path) -> None:
    project = run(with_params(copy, score_min=UNSEEN))
    counts = {part.entity: part.count for part in last_report(project).totals.redactions}
    assert counts["second_generic_credential_uri"] == 2
    assert counts["second_curl_auth_user"] == 1
    assert "`second_curl_auth_user`" in (project.workspace.root / "pii/redactions.md").read_text()
    assert [str(check) for check in gate.check(project) if not check.holds] == []


def test_review_shows_what_was_found_without_it_and_answers_let_it_stand(copy: Path) -> None:
    project = run(with_params(copy, score_min=UNSEEN))
    command = ["pii", "review", "--project", str(copy)]
    shown = CliRunner().invoke(cli, [*command, "--json"], catch_exceptions=False)
    found = {each["rule"]: each for each in json.loads(shown.output)}
    uri = found["betterleaks.curl-auth-user"]
    assert (uri["repo_name"], uri["path"], uri["line"]) == ("octo-org/alpha", "ci.yml", 2)
    assert uri["context"] == "run: curl -u ************ http://127.0.0.1:9200/_license"
    assert draw("<alnum 12>", 8) not in shown.output
    text = CliRunner().invoke(cli, [*command, "--rule", uri["rule"]], catch_exceptions=False).output
    assert uri["answer"] in text
    assert "generic-credential-uri" not in text
    allow = [*command, "--allow", uri["answer"], "--reason", "a made-up name in a test"]
    assert CliRunner().invoke(cli, allow, catch_exceptions=False).exit_code == 0
    with pytest.raises(UsageError):
        CliRunner().invoke(
            cli, [*command, "--allow", "a.b:" + "0" * 64, "--reason", "none at all, really"],
            catch_exceptions=False, standalone_mode=False,
        )  # fmt: skip
    kept = texts(run(project))
    assert draw("<alnum 12>", 8) in kept["octo-org/alpha", "ci.yml"]
    assert [str(check) for check in gate.check(project) if not check.holds] == []
    rest = CliRunner().invoke(cli, [*command, "--json"], catch_exceptions=False).output
    assert uri["answer"] not in rest


def test_second_scanner_block_stops_before_a_release_with_whole_hashes(copy: Path) -> None:
    shutil.rmtree(copy / "release")
    project = with_params(copy, score_min=UNSEEN, second_scanner="block")
    with pytest.raises(VerificationError, match=r"credential-uri:[0-9a-f]{64} in blob") as caught:
        run(project)
    assert draw("<alnum 12>", 9) not in str(caught.value)
    assert not project.release_folder.exists()


def test_what_is_known_does_not_depend_on_an_origin_that_left(copy: Path) -> None:
    """Law 3, for values: the other repository's text is what it was without the one that showed it."""
    kept = texts(run(with_sources(copy, [name for name in CASES if name != "octo-org/alpha"])))
    assert HEX in kept["hubot/beta", "b.py"]


def test_gate_finds_a_known_value_that_a_row_kept(copy: Path) -> None:
    """A survivor that is planted in a shard, as a fault of redaction would leave it."""
    project = Project.at(copy)
    path = next(
        path
        for path in (project.release_folder / "data").rglob("*.parquet")
        if "hubot/beta" in pq.read_table(path, columns=["repo_name"])["repo_name"].to_pylist()
    )
    table = pq.read_table(path)
    rows = [text + f"# {HEX}\n" for text in table["content"].to_pylist()]
    at = table.schema.get_field_index("content")
    path.unlink()
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(rows)), path)
    broken = {check.name for check in gate.check(project) if not check.holds}
    assert "known values" in broken
    assert not any(name.startswith("scan by") for name in broken)
