"""From a draft to a release: the version that the changes ask for, and the generated documents.

In: a manifest that lists the shards and what else was written, and the last release. Out: the final
manifest with the documents that it generates. The order matters: the version comes from what changed,
documents name the version, the manifest lists the documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from stackyard.release import card, changelog, citation, croissant, removals, semver
from stackyard.release.diff import RowDiff
from stackyard.release.manifest import Manifest, Previous, describe, identity
from stackyard.release.semver import Step

Asked = Literal["auto", "patch", "minor", "major"]


@dataclass(frozen=True)
class Last:
    """The release before: its manifest, CHANGELOG.md and removals.jsonl."""

    manifest: Manifest
    changelog: str
    removals: bytes


@dataclass(frozen=True)
class Composed:
    """A release: its manifest, the documents to write beside the other files, and its step."""

    manifest: Manifest
    documents: Mapping[str, bytes]
    step: Step


def compose(draft: Manifest, last: Last | None, rows: RowDiff, asked: Asked = "auto") -> Composed:
    """The release that a draft becomes; a step of `none` gives the last release's manifest again.

    Args:
        draft: lists shards, decisions, attribution and registry; version and previous are not read.
        last: the release before, None for the first.
        rows: what changed in the rows.
        asked: `--bump`.

    Raises:
        UsageError: `asked` is less than the changes ask for.
        CorruptWorkspace: the last release's documents are damaged.
    """
    old = last.manifest if last else None
    step = semver.step(old, draft, rows).raised(asked)
    if old is not None and step.bump == "none":
        return Composed(old, {}, step)
    version = semver.next_version(old.version if old else None, step.bump)
    before = Previous(old.version, identity(old)) if old else None
    release = replace(draft, version=version, previous=before)
    listed = removals.render(last.removals if last else b"", version, rows)
    log = changelog.render(last.changelog if last else None, release, step, rows)
    documents = {
        "CHANGELOG.md": log.encode(),
        "CITATION.cff": citation.render(release).encode(),
        "README.md": card.render(release).encode(),
        "croissant.json": croissant.render(release),
        "removals.jsonl": listed,
    }
    files = [describe(path, content) for path, content in documents.items()]
    return Composed(release.with_files(files), documents, step)
