"""A dry run: the same checks in a folder of its own, and what would change against what is published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.xdist_group("flows")


def released(root: Path, *, dry_run: bool = False) -> Any:
    # Prefect reads its settings when it is imported: after the fixture has set them.
    from flows.release import release
    from flows.runner import on_engine

    return on_engine(release, "local", 1)(str(root), "auto", dry_run)


def tree(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_dry_run_leaves_the_release_alone_and_says_what_would_change(
    make_project: Callable[..., Path],
) -> None:
    root = make_project("yard", without=["octo-org/beta", "monalisa/zeta"])
    first = released(root, dry_run=True)
    assert not (root / "release").exists()
    assert first.changes.since is None
    assert set(first.changes.counts) == {"added"}
    assert "nothing published yet" in first.text()

    released(root)
    before = tree(root / "release")
    entries = yaml.safe_load((root / "sources.yaml").read_text())
    entries = [each for each in entries if each["name"] != "hubot/gamma"]
    entries.append({"name": "octo-org/beta", "kind": "archive", "path": "sources/beta.tar.gz"})
    (root / "sources.yaml").write_text(yaml.safe_dump(entries))

    outcome = released(root, dry_run=True)
    assert tree(root / "release") == before
    assert outcome.changes.since == "0.1.0"
    repositories = {each.name: set(each.counts) for each in outcome.changes.repositories}
    assert repositories["octo-org/beta"] == {"added"}
    assert repositories["hubot/gamma"] == {"removed"}
    assert repositories["octo-org/alpha"] == {"readmitted"}  # gamma's copy of its shared file
    assert "example/delta" not in repositories
    assert {each.name for each in outcome.changes.languages} >= {"Go", "Python"}
    listed = [
        json.loads(line) for line in (root / outcome.changes.listed_in).read_text().splitlines()
    ]
    assert sum(outcome.changes.counts.values()) == len(listed)
    assert {"change": "removed", "edition": "permissive", "language": "Go", "path": "gamma.go",
            "repo_name": "hubot/gamma"} in listed  # fmt: skip
    text = outcome.text()
    assert text.startswith("dry run: nothing is published, and release/ is as it was\n")
    assert "Against the published 0.1.0: " in text
    assert "published as" not in text
    assert "stackyard pull" not in text
    assert max(map(len, text.replace(str(root), "yard").splitlines())) <= 80
    assert outcome.document()["changes"]["since"] == "0.1.0"

    done = released(root)
    assert tree(root / "release") != before
    assert done.run.version == outcome.run.version
    assert done.manifest_sha256 == outcome.manifest_sha256
    assert not (root / "work" / "dry-run").exists()

    nothing = released(root, dry_run=True)
    assert "nothing changed since octo-org/corpus" in nothing.text()
