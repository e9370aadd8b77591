"""`stackyard init`: whom code owners can write to."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackyard.pipeline.project import load_params
from tests.unit.client.shell import Shell


def contact(project: Path) -> str:
    return load_params((project / "params.yaml").read_text()).publish.contact


def test_contact_that_is_not_named_is_the_address_of_git_and_said_to_be_public(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[user]\n  email = data@example.org\n")
    made = Shell(monkeypatch, capfd)("init", tmp_path / "new", "--repo", "octo-org/new")
    assert made.code == 0
    assert contact(tmp_path / "new") == "data@example.org"
    assert "code owners write to data@example.org" in made.out
    assert "publish.contact" in made.out


def test_contact_that_is_named_stands_and_a_second_init_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text("[user]\n  email = data@example.org\n")
    named = ["--contact", "opt-out@example.org"]
    stackyard = Shell(monkeypatch, capfd)
    assert stackyard("init", tmp_path / "new", "--repo", "octo-org/new", *named).code == 0
    assert stackyard("init", tmp_path / "new").code == 0
    assert contact(tmp_path / "new") == "opt-out@example.org"


@pytest.mark.parametrize("text", ["", "[user]\n  email = nobody\n"])
def test_contact_is_left_open_where_git_has_no_address_for_mail(
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text(text)
    made = Shell(monkeypatch, capfd)("init", tmp_path / "new", "--repo", "octo-org/new")
    assert made.code == 0
    assert contact(tmp_path / "new") == ""
