from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stackyard.cli.optout import optout
from stackyard.errors import StackyardError, UsageError, VerificationError
from stackyard.pipeline.project.making import ensure_machinery, init_project
from stackyard.store.registry import init_registry, open_registry


@pytest.fixture
def project(tmp_path: Path) -> Path:
    init_registry(tmp_path)
    return tmp_path


def run(project: Path, *arguments: str) -> Result:
    command = [arguments[0], "--project", str(project), *arguments[1:]]
    done = CliRunner().invoke(optout, command, catch_exceptions=True)
    if isinstance(done.exception, StackyardError):
        raise done.exception
    assert done.exception is None, done.output
    return done


def answer(project: Path, *arguments: str) -> Any:
    return json.loads(run(project, *arguments, "--json").output)


def submitted(project: Path, *scope: str) -> str:
    name: str = answer(project, "submit", *scope, "--contact", "me@example.org")["request"]
    return name


def test_submit_verify_status_withdraw_tell_where_the_request_stands(project: Path) -> None:
    name = submitted(project, "--repo", "octo/p")
    assert answer(project, "status", name)[0]["state"] == "submitted"
    answer(project, "verify", name, "--method", "manual", "--reason", "asked by mail")
    row = answer(project, "status")[0]
    assert (row["state"], row["scope"], row["late"]) == ("accepted", "repo", False)
    answer(project, "withdraw", name)
    assert answer(project, "status", name)[0]["state"] == "withdrawn"
    kinds = [event["event"] for event in answer(project, "log")]
    assert kinds == ["submitted", "verified", "accepted", "withdrawn"]
    assert answer(project, "log", "--check")["size"] == 4


def test_submit_receipt_is_private_and_holds(project: Path) -> None:
    from stackyard.optout import receipts

    name = submitted(project, "--owner", "octo", "--copies", "exact", "--past")
    path = project / ".stackyard" / "receipts" / f"{name}.json"
    assert path.parent.stat().st_mode & 0o077 == 0
    body = receipts.check(receipts.from_bytes(path.read_bytes()), open_registry(project).key)
    assert (body["selector"]["name"], body["copies"], body["past"]) == ("octo", "exact", True)


@pytest.mark.parametrize(
    "scope", [[], ["--repo", "octo/p", "--owner", "octo"], ["--repo", "."], ["--owner", "a/b"]]
)
def test_submit_nothing_two_things_or_no_thing_is_refused_and_leaves_no_trace(
    project: Path, scope: list[str]
) -> None:
    with pytest.raises(UsageError):
        submitted(project, *scope)
    assert open_registry(project).events == ()


def test_submit_listed_selector_is_in_the_log_by_wish(project: Path) -> None:
    from stackyard.optout.registry import listed_requests

    name = submitted(project, "--repo", "octo/p", "--listed")
    events = open_registry(project).events
    assert str(listed_requests(events)[name].selector) == "octo/p"


@pytest.mark.parametrize(
    "options",
    [
        ["--method", "manual"],
        ["--method", "manual", "--reason", " "],
        ["--method", "challenge", "--reason", "x"],
        ["--method", "dns"],
    ],
)
def test_verify_without_what_the_method_needs_is_refused(project: Path, options: list[str]) -> None:
    name = submitted(project, "--repo", "https://github.com/octo/p")
    with pytest.raises(UsageError):
        run(project, "verify", name, *options)
    assert open_registry(project).effective() == ()


def test_verify_challenge_first_says_what_to_put_where(project: Path) -> None:
    name = submitted(project, "--repo", "https://github.com/octo/p")
    said = answer(project, "verify", name)
    assert name in said["challenge"]
    assert "https://github.com/octo/p" in said["do"]
    assert open_registry(project).effective() == ()


def test_verify_twice_is_refused(project: Path) -> None:
    name = submitted(project, "--repo", "octo/p")
    run(project, "verify", name, "--method", "manual", "--reason", "x")
    with pytest.raises(VerificationError, match="cannot be verified"):
        run(project, "verify", name, "--method", "manual", "--reason", "x")


def test_commands_about_an_unknown_request_say_so(project: Path) -> None:
    for command in (["status", "req-0"], ["withdraw", "req-0"], ["erase", "req-0"]):
        with pytest.raises(VerificationError, match="no request"):
            run(project, *command)


def test_reject_and_expire_end_requests(project: Path) -> None:
    name = submitted(project, "--repo", "octo/p")
    answer(project, "reject", name, "--reason", "not the owner")
    assert answer(project, "status", name)[0]["state"] == "rejected"
    assert answer(project, "expire")["expired"] == []


def test_erase_of_a_request_in_force_keeps_it_in_force(project: Path) -> None:
    name = submitted(project, "--repo", "octo/p")
    run(project, "verify", name, "--method", "manual", "--reason", "x")
    answer(project, "erase", name)
    (request,) = open_registry(project).effective()
    assert request.contact == ""
    answer(project, "withdraw", name)
    answer(project, "erase", name)
    log = open_registry(project)
    assert log.requests is not None
    assert name not in log.requests


def test_log_since_an_older_checkpoint_holds_and_since_a_fork_fails(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    older = tmp_path_factory.mktemp("older") / "checkpoint"
    older.write_bytes((project / "registry" / "checkpoint").read_bytes())
    submitted(project, "--repo", "octo/p")
    run(project, "log", "--check", "--since", str(older))
    other = tmp_path_factory.mktemp("other")
    init_registry(other)
    with pytest.raises(VerificationError):
        run(project, "log", "--check", "--since", str(other / "registry" / "checkpoint"))


def test_preview_before_anything_was_built_says_what_to_do(project: Path) -> None:
    (project / "params.yaml").write_text("{}")
    (project / "sources.yaml").write_text("[]")
    name = submitted(project, "--repo", "octo/p")
    with pytest.raises(UsageError, match="stackyard build"):
        run(project, "preview", name)


def test_text_output_names_the_next_step(project: Path) -> None:
    said = run(project, "submit", "--repo", "octo/p", "--contact", "me@example.org").output
    assert "nothing is removed yet" in said
    assert "stackyard optout preview --project " in said
    assert "no requests" not in run(project, "status").output


def test_log_of_a_new_project_is_named_after_its_dataset(tmp_path: Path) -> None:
    for repo in ("octo-org/one", "mono-inc/two"):
        root = tmp_path / repo.replace("/", "-")
        init_project(root, repo, "opt-out@example.org")
        log = open_registry(root)
        assert log.key.name == repo
        assert log.note.startswith(f"{repo}\n0\n")
    params = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(params.replace("mono-inc/two", "mono-inc/renamed"))
    ensure_machinery(root)
    assert open_registry(root).key.name == "mono-inc/two"


def test_next_steps_can_be_typed_as_they_are_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "my project"
    init_registry(project)
    said = run(project, "submit", "--repo", "octo/p", "--contact", "me@example.org").output
    (line,) = [line for line in said.splitlines() if line.startswith("next: ")]
    words = shlex.split(line.removeprefix("next: "))
    assert words[:3] == ["stackyard", "optout", "preview"]
    assert words[3:5] == ["--project", str(project)]
    monkeypatch.chdir(project)
    done = CliRunner().invoke(optout, ["submit", "--repo", "octo/q", "--contact", "me@example.org"])
    assert "--project" not in done.output
