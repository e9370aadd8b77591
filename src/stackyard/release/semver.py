"""Which version comes next: computed from what changed, with its reasons.

Always holds: equal releases ask for no step; a step depends on the two releases alone.

    major  a reader of the old release may break or be misled: columns, layout or decision policy
           changed, an edition is gone
    minor  there are rows that were not there, or they are other than they were
    patch  rows only left, or came forward because others left; or only documents changed
    none   nothing changed; an opt-out log that grew without a row going is nothing

The first release is 0.1.0. Before 1.0.0 what asks for a major step gets a minor one, as readers of 0.x
expect change (SemVer 2.0.0, clause 4): a threshold that was raised makes 0.2.0 of 0.1.0. `--bump major`
makes 1.0.0, from which on the promise holds. A takedown is always a patch, since users pin what a patch
may not add. `--bump` may raise the step, never lower it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stackyard.errors import UsageError
from stackyard.release import diff
from stackyard.release.diff import RowDiff
from stackyard.release.manifest import Manifest
from stackyard.release.wording import counted

Bump = Literal["none", "patch", "minor", "major"]

BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")
"""From the smallest step to the largest."""

FIRST = "0.1.0"

POLICY_SECTIONS = ("filter", "dedup", "pii")
"""Sections of params.yaml that decide what a row of this dataset is. A parameter that only one of two
releases has came or went with the code; what it changed in the rows counts."""


_EDITIONS = ("filter.editions", "release.editions")
"""Parameters that name editions: the filter lets rows into them, the release publishes them."""


@dataclass(frozen=True)
class Step:
    """The step that two releases ask for; `reasons` has one sentence a cause, largest step first."""

    bump: Bump
    reasons: tuple[str, ...]

    def raised(self, asked: Literal["auto", "patch", "minor", "major"]) -> Step:
        """The step that `--bump` asks for.

        Raises:
            UsageError: it is a smaller one than the changes ask for.
        """
        if asked in {"auto", self.bump}:
            return self
        if BUMPS.index(asked) < BUMPS.index(self.bump):
            raise UsageError(
                f"--bump {asked} is less than the changes ask for",
                expected=f"{self.bump} or more: {self.reasons[0]}",
                next_step="leave --bump away",
            )
        return Step(asked, (f"{asked} by request of the release manager", *self.reasons))


def step(old: Manifest | None, new: Manifest, rows: RowDiff | None) -> Step:
    """The step from one release to the next.

    Args:
        old: the last release, None before the first.
        new: the one to come; its version and previous are not read. Generated documents count if
            it lists them already.
        rows: what changed in the rows; needed where a shard's hash differs.

    Raises:
        UsageError: shards differ and no rows are given.
    """
    if old is None:
        return Step("minor", ("it is the first release",))
    if rows is None:
        if diff.shards_to_compare(old, new):
            raise UsageError("shards differ: the step needs the rows of both releases")
        rows = diff.rows(diff.empty_rows(), diff.empty_rows())
    reasons: list[tuple[Bump, str]] = [
        *_major(old, new),
        *_minor(old, new, rows),
        *_patch(old, new, rows),
    ]
    if not reasons:
        return Step("none", ("nothing changed",))
    bump = max((bump for bump, _ in reasons), key=BUMPS.index)
    if bump == "major" and old.version.startswith("0."):
        bump = "minor"
    return Step(bump, tuple(reason for _, reason in reasons))


def next_version(old: str | None, bump: Bump) -> str:
    """The version after `old` by a step; the first one if there is no old one."""
    if old is None:
        return FIRST
    major, minor, patch = (int(part) for part in old.split("."))
    return {
        "major": f"{major + 1}.0.0",
        "minor": f"{major}.{minor + 1}.0",
        "patch": f"{major}.{minor}.{patch + 1}",
        "none": old,
    }[bump]


def version_key(version: str) -> tuple[int, ...]:
    """What versions are sorted by."""
    return tuple(int(part) for part in version.split("."))


def _major(old: Manifest, new: Manifest) -> Iterator[tuple[Bump, str]]:
    if old.schema_sha256 != new.schema_sha256:
        yield "major", "the columns changed"
    before, after = _flat(old.params), _flat(new.params)
    gone = sorted(_editions(old) - _editions(new))
    if gone:
        yield "major", f"the edition {', '.join(gone)} is gone"
    for name in sorted(before.keys() & after.keys()):
        section = name.partition(".")[0]
        if before[name] == after[name] or name in _EDITIONS:
            continue
        if section in POLICY_SECTIONS:
            yield "major", f"the parameter {name} changed, which decides what is released"
        elif name == "release.bucket_ranges":
            yield "major", f"the parameter {name} changed, which decides where rows are found"


def _minor(old: Manifest, new: Manifest, rows: RowDiff) -> Iterator[tuple[Bump, str]]:
    count = rows.counts()
    if count["added"]:
        yield "minor", f"{counted(count['added'], 'row')} of new files"
    if count["changed"]:
        yield "minor", f"{counted(count['changed'], 'row')} with another revision or content"
    if count["readmitted"] and not _same_rules(old, new):
        yield "minor", f"{counted(count['readmitted'], 'row')} of files that were dropped before"
    if count["rewritten"] and not _by_optout(old, new):
        yield "minor", f"{counted(count['rewritten'], 'row')} in which more or less is redacted"
    if count["relabelled"] and not _by_optout(old, new):
        yield "minor", f"{counted(count['relabelled'], 'row')} of which something else is said"


def _patch(old: Manifest, new: Manifest, rows: RowDiff) -> Iterator[tuple[Bump, str]]:
    count = rows.counts()
    if count["removed"]:
        yield "patch", f"{counted(count['removed'], 'row')} removed"
    if count["readmitted"] and _same_rules(old, new):
        yield "patch", f"{counted(count['readmitted'], 'row')} in the place of removed ones"
    if count["rewritten"] and _by_optout(old, new):
        # A value is known by the files that are still in (law 3): one that left may have made it known.
        rows_of = counted(count["rewritten"], "row")
        yield "patch", f"{rows_of} in which less is redacted after a removal"
    if count["relabelled"] and _by_optout(old, new):
        yield "patch", f"{counted(count['relabelled'], 'row')} with less to say after a removal"
    if rows.is_empty:
        yield from (("patch", f"{kind} changed") for kind in _kinds_changed(old, new))
    if old.params_sha256 != new.params_sha256:
        yield "patch", "params.yaml changed"
    if old.detectors != new.detectors:
        yield "patch", "a detector changed"


def _kinds_changed(old: Manifest, new: Manifest) -> list[str]:
    """Kinds of files that differ, of those that the new release has listed so far, but the log."""
    kinds = {file.path: file.kind for file in (*old.files, *new.files)}
    present = {file.kind for file in new.files} - {"registry"}
    apart = diff.files(old, new)
    touched = {kinds[path] for path in (*apart.added, *apart.removed, *apart.changed)}
    return sorted(touched & present)


def _same_rules(old: Manifest, new: Manifest) -> bool:
    """Whether a file that was dropped before can only be in because another one left or changed."""
    return (
        old.params_sha256 == new.params_sha256
        and old.detectors == new.detectors
        and old.code == new.code
    )


def _by_optout(old: Manifest, new: Manifest) -> bool:
    """Whether opt-outs can be why rows say something else than before."""
    return new.registry.size > old.registry.size and _same_rules(old, new)


def _editions(manifest: Manifest) -> set[str]:
    """Editions that params publish and let rows into; those with shards, where params do not say."""
    params = _flat(manifest.params)
    published = params.get("release.editions")
    if published is None:
        return {file.shard.edition for file in manifest.shards if file.shard}
    let_in = {*params.get("filter.editions", published), "ids"}
    return set(published) & let_in


def _flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, Mapping):
            out |= _flat(value, f"{prefix}{name}.")
        else:
            out[prefix + name] = value
    return out
