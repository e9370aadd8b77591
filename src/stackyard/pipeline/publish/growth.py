"""What may only grow, and is read from a local disk: held against the last release on the Hub.

An older clone of a project, or one that was restored from a backup, has an older log of opt-outs, and
would release again what was taken out. So before any work (`require_growth`) and once more by the gate
(`checks`), over what would be published:

    (1) the log of opt-outs extends the checkpoint that the last release holds
    (2) every name that a request in force reached by `optout.aliases` is reached still
    (3) removals.jsonl begins with the lines of the last release
    (4) nothing that a receipt calls absent is back while its request is in force, so a content that is
        `restored` after an opt-out had its withdrawal in the log
    (5) the release follows the newest on the Hub

Tags, yanks and tombstones lie on the Hub itself, and change there by a commit on the state that was
read (`store.hub`); a purge that is under way here names versions that are gone once it is done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackyard import optout
from stackyard.client.opened import Opened
from stackyard.client.trust import checked, open_registry
from stackyard.errors import VerificationError
from stackyard.optout import receipts
from stackyard.optout.absence import Presence
from stackyard.optout.registry import Registry
from stackyard.params import build
from stackyard.pipeline.project import Project
from stackyard.release.checks import Check
from stackyard.release.manifest import Manifest, Previous
from stackyard.store.registry import open_registry as registry_here
from stackyard.store.registry import receipts_in_force

REMOVALS = "removals.jsonl"
_SHOWN = 5


def require_growth(project: Project, last: Opened) -> None:
    """Passes if this project's registry is not behind that of a release.

    Raises:
        VerificationError: it is, or was forked; or an alias was taken back.
    """
    here = registry_here(project.root)
    _require_log(here, last)
    lost = _lost_names(project, here, last.manifest.params)
    if lost:
        raise VerificationError(
            f"optout.aliases in params.yaml lacks names that {last.release.name} was built with, and "
            "requests in force reach files by them",
            found="; ".join(lost[:_SHOWN]),
            next_step="put the aliases back, or have the requests withdrawn first",
        )


def _require_log(here: Registry, last: Opened) -> None:
    """(1)"""
    told = open_registry(last.tree, last.manifest)
    try:
        optout.extends(here, told.note)
    except VerificationError as error:
        raise VerificationError(
            f"registry/ does not extend the log of {last.release.name} on the Hub: it is older, or it "
            "was forked; what was taken out would come back",
            expected=f"{len(told.events)} events, root {told.tree.root().hex()}, and those after",
            found=f"{len(here.events)} events here",
            next_step="bring registry/ up to date from where the project is kept (git pull), and with "
            "it .stackyard/private",
        ) from error


def _lost_names(project: Project, here: Registry, params: Mapping[str, Any]) -> list[str]:
    """(2) as lines; ids of requests, as their names are private."""
    before = build(optout.Params, params.get("optout", {}), "optout")
    now = project.params.optout
    if dict(before.aliases) == dict(now.aliases):
        return []
    return [
        f"request {request.request}: {len(names)} names"
        for request in here.effective()
        if (names := optout.reached(request, before) - optout.reached(request, now))
    ]


def checks(
    project: Project, release: Manifest, presence: Presence, last: Opened | None
) -> Iterator[Check]:
    """(1) to (5) over the tree in `release/`.

    Args:
        project: whose tree it is.
        release: its manifest.
        presence: what its rows hold.
        last: the newest release on the Hub, if there is one.
    """
    yield _receipts(project, presence)
    newest = None if last is None else Previous(last.manifest.version, last.release.sha256)
    told = "none" if newest is None else newest.version
    yield Check(8, "follows the newest release", release.previous == newest, f"newest: {told}")
    if last is not None:
        yield _log(project, release, last)
        lost = _lost_names(project, registry_here(project.root), last.manifest.params)
        yield Check(
            3, "aliases", not lost, f"{len(lost)} requests reach fewer names {lost[:_SHOWN]}"
        )
        yield _removals(project, last)


def _log(project: Project, release: Manifest, last: Opened) -> Check:
    """(1) in the tree: what would be published, not what lies in `registry/` by now."""
    here = registry_here(project.root)
    told, mine = last.manifest.registry, release.registry
    name = "the log extends the last release's"
    try:
        _require_log(here, last)
        optout.extends(here, mine.note or here.note)
    except VerificationError as error:
        return Check(3, name, holds=False, evidence=error.what)
    holds = mine.size >= told.size and here.tree.root(mine.size).hex() == mine.root
    return Check(3, name, holds, f"{told.size} events then, {mine.size} now")


def _removals(project: Project, last: Opened) -> Check:
    """(3)"""
    listed = last.manifest.file(REMOVALS)
    before = b"" if listed is None else checked(last.tree, listed)
    now = (project.release_folder / REMOVALS).read_bytes()
    counts = f"{len(before.splitlines())} lines then, {len(now.splitlines())} now"
    return Check(3, "removals only grow", now.startswith(before), counts)


def _receipts(project: Project, presence: Presence) -> Check:
    """(4)"""
    back, looked = [], 0
    for request, receipt in receipts_in_force(project.root).items():
        looked += 1
        keys = receipts.absent_in(receipt["statement"])
        count = sum(key in presence for key in keys)
        if count:
            back.append(f"{count} of {len(keys)} of request {request}")
    return Check(
        3,
        "what receipts call absent stays away",
        not back,
        f"{looked} receipts in force; {len(back)} are broken"
        + "".join(f"; {each}" for each in back[:_SHOWN]),
    )
