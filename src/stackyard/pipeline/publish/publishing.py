"""Publishing what the stage release made: Hub first, so that a reader sees all or nothing; then git."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from stackyard import optout
from stackyard.errors import EnvironmentFault, Superseded, UsageError, VerificationError
from stackyard.params import plain
from stackyard.pipeline.execute import is_up_to_date
from stackyard.pipeline.project import Project
from stackyard.pipeline.publish import gate, previous
from stackyard.pipeline.publish.tree import CHANGES, last_report
from stackyard.pipeline.stages import fetch
from stackyard.release import changes, report
from stackyard.release.changes import Changes
from stackyard.release.manifest import Previous, identity
from stackyard.release.report import RunReport
from stackyard.release.survivors import require_rows
from stackyard.stages import CODE, NOTES, REPORT, STAGES
from stackyard.store import files, git
from stackyard.store.dvc import DvcProject
from stackyard.store.hub import HubDataset, require_newest
from stackyard.store.hub import publish as publish_tree
from stackyard.store.registry import open_registry

COMMITTED = (
    ".dvc", ".dvcignore", ".gitignore", CODE, "dvc.lock", "dvc.yaml", NOTES, "params.yaml", "registry",
    REPORT, "sources.yaml",
)  # fmt: skip
"""What of a project a release commits: all that is not made."""

LOCK = "dvc.lock"

DRY_CHANGES = Path("work/dry-run/changes.parquet")
"""Of a dry run: `release.changes.CHANGES` of every file that would change."""


@dataclass(frozen=True)
class Outcome:
    """What a release run came to.

    Attributes:
        run: the report.
        manifest_sha256: identity of the release.
        project: its folder; `hub`: `local` or `hf`.
        is_new: whether the run made a version that was not there.
        checks: how many checks of the gate held.
        uploaded: paths that were sent.
        dry_run: whether publishing was left out, and `release/` left alone.
        changes: of a dry run, what would change against the published release.
        receipts: paths of receipts that were written.
        yanked: older versions that were marked, as opt-outs with `--past` name rows of them.
        purged: older versions that are gone for good.
        to_purge: older versions that the policy wants purged, once somebody confirms it.
        beyond_reach: what no purge reaches.
    """

    run: RunReport
    manifest_sha256: str
    project: Path
    hub: str
    is_new: bool
    checks: int = 0
    uploaded: tuple[str, ...] = ()
    dry_run: bool = False
    changes: Changes | None = None
    receipts: tuple[str, ...] = ()
    yanked: tuple[str, ...] = ()
    purged: tuple[str, ...] = ()
    to_purge: tuple[str, ...] = ()
    beyond_reach: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {**plain(self), "project": str(self.project)}

    def text(self) -> str:
        """For a terminal: what happened, and what to do next."""
        name, version = self.run.name, self.run.version
        if self.dry_run:
            return self._dry_text()
        if not self.is_new:
            nothing = f"nothing changed since {name} {version}; nothing to release"
            return "\n".join([nothing, *self._old_versions(), self._next()])
        lines = [
            report.text(self.run),
            f"gate: {self.checks} checks hold",
            f"manifest sha256: {self.manifest_sha256}",
            f"published as v{version}; {len(self.uploaded)} files sent",
            *(f"receipt: {path}" for path in self.receipts),
            *self._old_versions(),
        ]
        return "\n".join(lines) + "\n" + self._next()

    def _dry_text(self) -> str:
        """What would happen, in words that nobody takes for what happened."""
        head = "dry run: nothing is published, and release/ is as it was"
        if not self.is_new or self.changes is None:
            return f"{head}\nnothing changed since {self.run.name} {self.run.version}; nothing to release"
        listed = files.read_table(self.project / DRY_CHANGES)
        return "\n".join(
            [
                head,
                "what would be released:",
                "",
                report.text(self.run),
                changes.text(self.changes, listed),
                "",
                f"gate: {self.checks} checks would hold",
                "the tree that would be published is in work/dry-run/release; next:",
                f"  stackyard release --project {self.project}",
            ]
        )

    def markdown(self) -> str:
        """For a Prefect artifact."""
        if not self.is_new:
            return f"Nothing changed since {self.run.name} {self.run.version}."
        return report.markdown(self.run)

    def _old_versions(self) -> list[str]:
        """What became of releases already made."""
        lines = [f"yanked: {version}" for version in self.yanked]
        lines += [f"purged: {version}" for version in self.purged]
        lines += [f"not purged: {what}" for what in self.beyond_reach]
        if self.to_purge:
            lines += [
                f"to be purged, as registry/policy.json says: {', '.join(self.to_purge)}; see what goes:",
                f"  stackyard optout past --project {self.project}",
            ]
        return lines

    def _next(self) -> str:
        name = f"{self.run.name}@{self.run.version}"
        place = f" --project {self.project}"
        where = (
            f"on the embedded Hub in {self.project / '.stackyard' / previous.LOCAL_HUB}"
            if self.hub == "local"
            else "on the Hub that HF_ENDPOINT names"
        )
        return "\n".join(
            [
                f"the release is {where}; next:",
                f"  stackyard pull {name}{place}",
                f"  stackyard verify {name}{place}",
                f"  stackyard query {name}{place} --language Python --format json",
            ]
        )


def unchanged(project: Project) -> Outcome | None:
    """The outcome of a run that would make nothing, or None if there is something to do.

    It looks at all that a flow would look at (what sources hold now, what DVC says of each stage,
    what the Hub has), and spares the start of Prefect, which takes longer than that.
    """
    if not fetch.is_current(project):
        return None
    if not all(is_up_to_date(project, stage) for stage in STAGES):
        return None
    if not previous.newest_is_here(project):
        return None
    return publish(project, replace(outcome_of(project, dry_run=False), is_new=False))


def outcome_of(project: Project, *, dry_run: bool) -> Outcome:
    """What the tree in the release folder brings, beside what `fetch_previous` got."""
    run = last_report(project)
    manifest = previous.released_here(project)
    if manifest is None:
        raise EnvironmentFault("the stage release left no tree", next_step="run it again")
    old = previous.previous_manifest(project)
    would = None
    if dry_run:
        listed = files.read_table(project.root / DRY_CHANGES)
        would = changes.summary(listed, old.version if old else None, f"work/dry-run/{CHANGES}")
    return Outcome(
        run=run,
        manifest_sha256=identity(manifest),
        project=project.root,
        hub=project.params.publish.hub,
        is_new=old is None or identity(old) != identity(manifest),
        dry_run=dry_run,
        changes=would,
    )


def check(project: Project, outcome: Outcome) -> Outcome:
    """The outcome, if the release still follows the newest one, and the gate lets it pass.

    Raises:
        Superseded: another release came meanwhile.
        GateRefused: the gate does not let it pass.
        NothingSurvived: there is nothing in it, and no opt-out is why.
        UsageError: there is nothing in it, as sources.yaml names no source.
    """
    pending = len(optout.pending(open_registry(project.root)))
    before = previous.previous_manifest(project)
    if before is None and not project.sources:
        raise UsageError(
            "sources.yaml names no source; nothing was published",
            next_step="name some: docs/sources.md says what an entry may hold",
        )
    require_rows(outcome.run.totals, before.totals if before else None, pending)
    with previous.hub_endpoint(project) as endpoint:
        _require_newest(project, outcome, endpoint)
    return replace(outcome, checks=len(gate.require(project)))


def publish(project: Project, outcome: Outcome) -> Outcome:
    """Records with DVC, publishes on the Hub, tags in git; each step is safe to repeat.

    Raises:
        EnvironmentFault: DVC's remote, the Hub or git cannot be reached.
        Superseded: another release came meanwhile; git is as it was.
        VerificationError: the version is there with another manifest, or git's tag is of another release.
    """
    name, version = outcome.run.name, outcome.run.version
    with previous.hub_endpoint(project) as endpoint:
        _require_newest(project, outcome, endpoint)
        DvcProject(project.root).push()
        made = git.commit(project.root, COMMITTED, f"Release {name} {version}")
        try:
            done = publish_tree(project.release_folder, name, version, endpoint=endpoint)
        except (Superseded, VerificationError):
            if made is not None:
                git.take_back(project.root, made)
            _require_newest(project, outcome, endpoint)  # another took this very version meanwhile
            raise
    _tag(project, name, version)
    return replace(outcome, uploaded=done.uploaded)


def _require_newest(project: Project, outcome: Outcome, endpoint: str | None) -> None:
    made = previous.released_here(project)
    if outcome.is_new and made is not None:
        own = Previous(made.version, identity(made))
        require_newest(HubDataset(outcome.run.name, endpoint), made.previous, own)


def _tag(project: Project, name: str, version: str) -> None:
    """Tags the commit that records the release; a tag that is there must be of one that records it too."""
    tag = git.tag_name(project.root, version)
    if not git.has_tag(project.root, tag):
        git.tag(project.root, tag, f"{name} {version}")
        return
    here = (project.root / LOCK).read_bytes()
    if recorded(git.file_at(project.root, tag, LOCK)) != recorded(here):
        raise VerificationError(
            f"git's tag {tag} is of another release than {name}@{version}, which is published",
            expected="a commit whose dvc.lock records this release",
            next_step=f"see `git show {tag}`; delete or rename it, and run this again",
        )


def recorded(lock: bytes) -> object:
    """What a dvc.lock says of the tree in `release/`."""
    stages = (yaml.safe_load(lock) or {}).get("stages", {})
    outs = stages.get("release", {}).get("outs", [])
    return [out for out in outs if out["path"] != REPORT]
