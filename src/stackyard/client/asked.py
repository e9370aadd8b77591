"""What a dataset says of a request, or of code that is not there, to who holds a receipt and who does not.

In: a version that was opened, and perhaps a receipt or a request file. Out: where it stands. Always
holds: all of it comes from public files and from what the owner holds; the log of a release is that
of the moment it was built from, so a request that was made later is in a later version's log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stackyard.client.explain import explain, folded_name
from stackyard.client.opened import Opened
from stackyard.client.trust import open_registry
from stackyard.errors import UsageError, VerificationError
from stackyard.optout import events as ev
from stackyard.optout import receipts
from stackyard.optout.letters import Letter, is_letter
from stackyard.optout.registry import Registry, listed_requests
from stackyard.optout.selector import Selector, from_plain, glob_regex

Standing = Literal["removed", "waiting", "ended", "unknown"]

VERSIONS_MAX = 50
"""Older versions that are looked into; each costs its manifest and its log."""

Older = Callable[[], Iterator[Opened]]
"""Versions before the one that was asked about, newest first."""


@dataclass(frozen=True)
class Held:
    """What an owner holds of a request: its id, what it names, and the release of an applied receipt."""

    request: str
    selector: Selector
    commitment: str
    applied: str = ""
    receipt: bool = False


@dataclass(frozen=True)
class Asked:
    """Where a request stands in a release.

    Attributes:
        request, state: its id, and its last event in the release's log; empty if the log has none.
        standing: in one word.
        version: the first version without what it names, if it is out.
        since: date of that last event.
    """

    request: str
    state: str
    standing: Standing
    version: str
    since: str

    @property
    def sentence(self) -> str:
        if self.standing == "removed":
            return f"removed in {self.version} on request {self.request}"
        if self.standing == "waiting":
            return (
                f"request {self.request} is in the log since {self.since}, and is {self.state}: "
                "nothing is removed for it until it is shown that you may ask"
            )
        if self.standing == "ended":
            return f"request {self.request} was {self.state} on {self.since}: nothing is removed for it"
        return (
            f"request {self.request} is not in the log of this version: it was not imported yet, or "
            "after this version was made"
        )


def read_held(path: Path) -> Held:
    """A receipt or a request file; `standing` says whether it is of the dataset.

    Raises:
        UsageError: it is neither.
    """
    raw = path.read_bytes()
    if is_letter(raw[:4096].decode("utf-8", "replace")):
        letter = Letter.parse(raw)
        return Held(letter.request, letter.selector, ev.commitment(letter.selector, letter.salt))
    try:
        body = receipts.from_bytes(raw)["statement"]
        selector = from_plain(body["selector"])
        removed = body.get("removed") or {}
        commitment = ev.commitment(selector, bytes.fromhex(body["salt"]))
        return Held(
            str(body["request"]), selector, commitment, str(removed.get("version", "")), True
        )
    except (KeyError, TypeError, ValueError, AttributeError, VerificationError) as error:
        raise UsageError(f"{path.name} is no receipt and no request file") from error


def standing(opened: Opened, path: Path, older: Older) -> Asked:
    """Where the request of a receipt or request file stands in a version.

    Raises:
        UsageError: the file is neither.
        VerificationError: the receipt is not signed by the registry's key, or of another registry.
    """
    log = open_registry(opened.tree, opened.manifest)
    held = read_held(path)
    if held.receipt:
        receipts.check(receipts.from_bytes(path.read_bytes()), log.key)
    status = log.statuses.get(held.request)
    if status is not None and status.submitted.details["commitment"] != held.commitment:
        raise VerificationError(
            f"the log's request {held.request} is not that of {path.name}",
            next_step="report it to the publisher, with this file",
        )
    return of_request(opened, log, held.request, older, applied=held.applied)


def of_request(
    opened: Opened, log: Registry, request: str, older: Older, *, applied: str = ""
) -> Asked:
    """Where a request stands in a version, by its id.

    Args:
        opened: the version.
        log: its log.
        request: its id.
        older: the versions before.
        applied: the release that a checked receipt is of, if it is one of an applied request.
    """
    status = log.statuses.get(request)
    if status is None:
        return Asked(request, "", "unknown", "", "")
    since = status.last.time[:10]
    if not status.effective:
        waits = status.state in {"submitted", "verified"}
        return Asked(request, status.state, "waiting" if waits else "ended", "", since)
    version = applied or (status.versions[0] if status.versions else "")
    if not version:
        version = opened.manifest.version
        for each in older():
            known = open_registry(each.tree, each.manifest).statuses.get(request)
            if known is None or not known.effective:
                break
            version = each.manifest.version
    return Asked(request, status.state, "removed", version, since)


def names(selector: Selector, origin: str, path: str | None) -> bool:
    """Whether a request's selector names an origin, or its file."""
    import re

    folded = folded_name(origin)
    if selector.kind == "owner":
        return folded.split("/", 1)[0] == selector.name
    if selector.kind == "repo":
        return folded == selector.name
    if selector.kind == "path":
        regex = glob_regex(selector.glob).replace(r"\z", r"\Z")
        return folded == selector.name and (path is None or bool(re.match(regex, path)))
    return False


@dataclass(frozen=True)
class Gone:
    """What can be said without a receipt of code that a version has no word about.

    Attributes:
        listed: where a request stands that its owner wanted listed by name.
        last_version, files: the newest older version with a word about it, and how many files.
        looked: how many older versions were looked into.
    """

    listed: Asked | None
    last_version: str
    files: int
    looked: int


def without_receipt(opened: Opened, origin: str, path: str | None, older: Older) -> Gone:
    """Looks for a listed request, and for the last version that had a word about an origin."""
    log = open_registry(opened.tree, opened.manifest)
    for request, said in listed_requests(log.events).items():
        if names(said.selector, origin, path):
            return Gone(of_request(opened, log, request, older), "", 0, 0)
    looked = 0
    for each in older():
        looked += 1
        found: list[Any] = explain(each, origin, path)
        if found:
            return Gone(None, each.manifest.version, len(found), looked)
    return Gone(None, "", 0, looked)
