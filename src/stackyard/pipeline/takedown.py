"""What a takedown adds to a release: it may only remove, and it tells who asked that it happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from stackyard import optout
from stackyard.errors import VerificationError
from stackyard.optout import receipts
from stackyard.optout.requests import applied
from stackyard.pipeline.project import Project
from stackyard.pipeline.publish import Outcome
from stackyard.store import files
from stackyard.store.registry import open_registry, open_writer, signing_key

RECEIPTS = "receipts"
"""Folder of receipts, in `.stackyard/`: they name the requester's selector, so they stay private."""


def pending_ids(project: Project) -> list[str]:
    """Requests that are accepted and in no release yet, sorted."""
    return [request.request for request in optout.pending(open_registry(project.root))]


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
            next_step="make a full release (it applies opt-outs too): `python -m flows release`",
        )


def apply_pending(project: Project, pending: Sequence[str], outcome: Outcome) -> Outcome:
    """Says in the log that requests were applied, and writes their receipts.

    A run that was killed before this is made good by the next one: what is accepted and in no
    release yet is still pending then.
    """
    if not pending:
        return outcome
    log = open_registry(project.root)
    decisions = project.workspace.table("optout", "decisions")
    requests = {each.request: each for each in log.effective() if each.request in set(pending)}
    statements = {}
    for name, request in requests.items():
        removed = {"version": outcome.run.version, **receipts.removed_by(name, decisions)}
        statements[name] = receipts.statement(
            request, state="applied", log_name=log.key.name, removed=removed
        )
    digests = {name: receipts.statement_digest(body) for name, body in statements.items()}
    with open_writer(project.root) as writer:
        writer.append(
            applied(
                log.statuses,
                digests,
                outcome.run.version,
                sequence=writer.size,
                time=datetime.now(UTC),
            )
        )
    log = open_registry(project.root)
    paths = []
    for name, body in statements.items():
        receipt = receipts.with_inclusion(receipts.sign(body, signing_key(project.root)), log)
        path = project.private / RECEIPTS / f"{name}.json"
        files.write_bytes(path, receipts.to_bytes(receipt))
        paths.append(str(path))
    return replace(outcome, receipts=tuple(paths))
