"""What a takedown adds to a release: it may only remove, and it tells who asked that it happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stackyard import optout
from stackyard.errors import VerificationError
from stackyard.optout.absence import Presence
from stackyard.pipeline.project import Project
from stackyard.pipeline.publish.publishing import Outcome
from stackyard.pipeline.purge.old_versions import (
    OldPlan,
    RunStages,
    document,
    old_versions,
    yank_old,
)
from stackyard.pipeline.purge.old_versions import purge as purge_old
from stackyard.pipeline.stages.release import plan
from stackyard.record import FILE_KEY
from stackyard.release.tables import row_of
from stackyard.store import files, git, receipts
from stackyard.store.registry import open_registry, record_applied


def pending_ids(project: Project) -> list[str]:
    """Requests that are accepted and in no release yet, sorted."""
    return [request.request for request in optout.pending(open_registry(project.root))]


@dataclass(frozen=True)
class Intended:
    """What a takedown would do: requests to apply, and older versions to yank or purge."""

    pending: tuple[str, ...]
    old: OldPlan

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {"old_versions": document(self.old), "pending": list(self.pending)}

    def text(self) -> str:
        """For a terminal."""
        lines = [f"{len(self.pending)} requests to apply"]
        lines += [f"  {name}  (stackyard optout preview {name})" for name in self.pending]
        return "\n".join([*lines, self.old.text()])


def intended(project: Project) -> Intended:
    """What a takedown would do now; of requests not yet applied, older versions are known afterwards."""
    return Intended(tuple(pending_ids(project)), old_versions(project))


def require_last_sources(project: Project) -> None:
    """Refuses a takedown in a workspace that is not of the last release's sources: it does not look at
    sources, so what they brought since would go without anybody having asked for it.

    Raises:
        VerificationError: files of the last release were never ingested here.
    """
    path = project.workspace.root / "previous" / "rows.parquet"
    if not path.exists():
        return
    rows = files.read_table(path, list(FILE_KEY))
    listed = project.workspace.listings().select(list(FILE_KEY))
    schema = pa.schema([(name, pa.string()) for name in FILE_KEY])
    missing = pc.is_null(row_of(rows.cast(schema), listed.cast(schema), FILE_KEY))
    count = pc.sum(missing).as_py() or 0
    if count:
        origins = sorted(pc.unique(rows["repo_name"].filter(missing)).to_pylist())
        raise VerificationError(
            f"{count} files of the last release were never ingested here, and would be lost",
            found=f"none of them in this workspace: {', '.join(origins[:_SHOWN])}",
            next_step="bring sources.yaml up to date from where the project is kept, and make a full "
            "release (it applies opt-outs too): `stackyard release`",
        )


_SHOWN = 5
"""Origins that a message names."""


def require_removal_only(outcome: Outcome) -> None:
    """Refuses a takedown that would do more than take down.

    Raises:
        VerificationError: sources, parameters or code changed since the last release.
    """
    if outcome.is_new and outcome.run.bump != "patch":
        raise VerificationError(
            "more than opt-outs changed since the last release",
            expected="rows that leave, or that take the place of those",
            found="; ".join(outcome.run.reasons),
            next_step="make a full release (it applies opt-outs too): `stackyard release`",
        )


def apply_pending(project: Project, pending: Sequence[str], outcome: Outcome) -> Outcome:
    """Says in the log that requests were applied, and writes their receipts, with proofs of absence.

    A run that was killed before this is made good by the next one: what is accepted and in no
    release yet is still pending then.

    Raises:
        VerificationError: something that a request names is in the release.
    """
    if not pending:
        return outcome
    version = outcome.run.version
    done = record_applied(
        project.root,
        pending,
        version,
        decisions=project.workspace.table("optout", "decisions"),
        presence=Presence.of(plan(project).rows),
        time=datetime.now(UTC),
    )
    paths = receipts.keep(project.root, done)
    git.commit(project.root, ("registry",), f"Note opt-outs as applied in {version}")
    return replace(outcome, receipts=tuple(paths))


def settle_old_versions(
    project: Project, outcome: Outcome, run_stages: RunStages, *, purge: bool
) -> Outcome:
    """Does with releases already made what the policy says; purges only if told to."""
    plan = old_versions(project)
    outcome = replace(outcome, yanked=yank_old(project, plan))
    if plan.policy != "purge" or plan.is_done:
        return outcome
    if not purge:
        return replace(outcome, to_purge=tuple(each.version for each in plan.versions))
    done = purge_old(project, plan, run_stages)
    return replace(outcome, purged=done.versions, beyond_reach=tuple(done.beyond_reach()))
