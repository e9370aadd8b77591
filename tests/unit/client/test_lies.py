"""Releases that lie, signed by the right key: each lie is told by its check, to readers and in the gate."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.lies import LIES, Liar, Lie
from stackyard.client.lock import LOCK
from stackyard.client.optouts import PublicOptOuts
from stackyard.client.verify import verify
from stackyard.release import checks
from stackyard.release.manifest import Manifest
from tests.unit.client.conftest import Template


@pytest.fixture
def lying(template: Template, tmp_path: Path) -> Path:
    """A copy without a lock, to tell lies in."""
    folder = Path(shutil.copytree(template.root / "copy", tmp_path / "lying"))
    (folder / LOCK).unlink()
    return folder


def broken_in_gate(folder: Path) -> set[str]:
    """Names of the checks that the gate says are broken, of those that it shares with readers."""
    paths = frozenset(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    held = checks.Held(paths, lambda path: (folder / path).open("rb"))
    manifest = Manifest.parse((folder / "manifest.json").read_bytes())
    found, _ = checks.check(manifest, held, PublicOptOuts())
    return {one.name for one in found.checks() if not one.holds}


def test_a_release_that_was_signed_again_and_tells_no_lie_holds(
    lying: Path, template: Template
) -> None:
    liar = Liar(lying)
    liar.settle(frozenset())
    liar.sign(template.publisher.key)
    assert verify(lying, key=template.publisher.public).findings == ()
    assert broken_in_gate(lying) == set()


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_a_lie_is_told_by_the_check_that_it_is_about(
    lying: Path, template: Template, lie: Lie
) -> None:
    lie.told(lying, template.publisher.key)
    done = verify(lying, key=template.publisher.public)
    assert any(lie.check in str(finding) for finding in done.findings), done.findings
    assert all("\x1b" not in str(finding) for finding in done.findings)
    if "/" not in lie.check:
        assert lie.check in broken_in_gate(lying)


def test_lies_have_names_of_their_own_and_checks_that_are_made() -> None:
    assert len({lie.name for lie in LIES}) == len(LIES)
    made = {rule.name for rule in checks.RULES}
    assert {lie.check for lie in LIES} - made == {"registry/release.pub"}
