"""CHANGELOG.md: what each release changed, newest first, generated and cumulative.

In: the changelog of the last release and what changed since. Out: that of this one. No dates: when a
release was published is the Hub's to say, and a rebuilt one must have the same bytes (law 2).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from stackyard.errors import CorruptWorkspace, UsageError, shown
from stackyard.release.diff import RowDiff
from stackyard.release.manifest import Manifest
from stackyard.release.semver import Step
from stackyard.release.wording import code, counted, size

HEADER = """# Changelog

What each version of this dataset changed, newest first, counted from its manifest. Versions follow
semantic versioning: a patch only removes rows, a minor version has new or other rows, a major version
asks readers to look again at columns, layout or policy.
"""

_NAMES_MAX = 10


def render(
    previous: str | None, manifest: Manifest, step: Step, rows: RowDiff, notes: str = ""
) -> str:
    """The changelog with an entry for this release on top.

    Args:
        previous: CHANGELOG.md of the last release, None for the first.
        manifest: this release, with its version.
        step: the step and its reasons.
        rows: what changed in the rows.
        notes: what the release manager has to say of this version, Markdown.

    Raises:
        UsageError: the notes have a heading that only versions have.
        CorruptWorkspace: the previous changelog has no entry, or one of this version already.
    """
    entries = _entries(previous, manifest.version)
    return f"{HEADER}\n{entry(manifest, step, rows, notes)}{entries}"


def entry(manifest: Manifest, step: Step, rows: RowDiff, notes: str = "") -> str:
    """The part of one version."""
    totals = manifest.totals
    after = f" after {manifest.previous.version}" if manifest.previous else ""
    holds = (
        f"It holds {counted(totals.files_kept, 'file')} with {size(totals.content_bytes)} of text in"
        f" {counted(len(totals.languages), 'language')};"
        f" {counted(totals.optouts, 'opt-out request')} in force."
    )
    blocks = [
        f"## {manifest.version}\n",
        f"A {step.bump} version{after}: {'; '.join(step.reasons)}.\n",
        f"{holds}\n",
        *([f"{_checked(notes, manifest.version)}\n"] if notes.strip() else []),
    ]
    for title, lines in (
        ("Added", list(_lines(rows.added, "of new files"))),
        (
            "Changed",
            [
                *_lines(rows.changed, "with another revision or content"),
                *_lines(rows.rewritten, "in which more or less is redacted"),
                *_lines(rows.readmitted, "of files that were dropped before"),
                *_lines(rows.relabelled, "of which something else is said"),
            ],
        ),
        ("Removed", list(_removed(rows))),
    ):
        if lines:
            blocks.append("\n".join([f"### {title}\n", *lines]) + "\n")
    return "\n".join(blocks)


def _checked(notes: str, version: str) -> str:
    """Notes as they stand in an entry, if they leave the headings of versions alone."""
    for line in notes.splitlines():
        if re.match(r"#{1,2}(\s|$)", line) or re.fullmatch(r"(=+|-+)\s*", line):
            raise UsageError(
                f"notes/{version}.md has a heading of the first or second level: {line[:60]!r}",
                expected="### and below: `## VERSION` begins the entry of a version",
            )
    return shown(notes.strip())


def _entries(previous: str | None, version: str) -> str:
    if previous is None:
        return ""
    at = previous.find("\n## ")
    if at < 0 or f"\n## {version}\n" in previous:
        raise CorruptWorkspace(
            "the last release's CHANGELOG.md is damaged",
            expected=f"entries of earlier versions than {version}",
            next_step="get the release again, and verify it",
        )
    return previous[at:]


def _lines(rows: pa.Table, what: str) -> Iterator[str]:
    """One line: how many rows, in which languages (most rows first)."""
    if len(rows):
        counts = Counter(rows["language"].to_pylist())
        names = sorted(counts, key=lambda name: (-counts[name], name))
        shown = ", ".join(f"{counts[name]:,} {_plain(name)}" for name in names[:_NAMES_MAX])
        more = f" and {len(names) - _NAMES_MAX} more languages" if len(names) > _NAMES_MAX else ""
        yield f"- {counted(len(rows), 'row')} {what}: {shown}{more}."


def _removed(rows: RowDiff) -> Iterator[str]:
    """Removed rows, by whether their content stays; no names, as a removal may be an opt-out."""
    moved = Counter(rows.moved.to_pylist())
    if moved[False]:
        yield f"- {counted(moved[False], 'row')}: their contents are no longer in the dataset."
    if moved[True]:
        yield f"- {counted(moved[True], 'row')}: their contents stay, from another origin."
    if len(rows.removed):
        yield "- removals.jsonl lists them by hash."


def _plain(name: str) -> str:
    """A language's name that is no Markdown."""
    return name if name.replace(" ", "").isalnum() else code(name)
