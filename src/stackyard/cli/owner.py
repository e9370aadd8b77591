"""What a code owner does from any machine: write a request, see where it stands, print a receipt."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackyard.cli import JSON, echo_json, say

if TYPE_CHECKING:
    from stackyard.client.asked import Asked, Gone
    from stackyard.client.opened import Opened
    from stackyard.optout.letters import Channel, Letter
    from stackyard.optout.selector import Selector

DATASET = click.option(
    "--dataset", metavar="NAME", help="From any machine: of this dataset on its Hub."
)


def write_request(
    dataset: str,
    selector: Selector,
    options: Mapping[str, Any],
    *,
    channel: Channel | None,
    folder: Path,
    as_json: bool,
) -> None:
    """Writes a signed request for the publisher of a dataset, and says what to send where."""
    from stackyard.errors import UsageError
    from stackyard.optout import letters
    from stackyard.release import card
    from stackyard.store import files

    with asking(dataset) as (opened, _):
        contact = card.contact_of(opened.manifest)
        name = opened.manifest.name
    seed = secrets.token_bytes(32)
    letter = letters.write(name, selector, seed=seed, **options)
    way: Channel = channel or (letters.channel_of(contact) if contact else "file")
    if way == "mail" and (not contact or letters.channel_of(contact) != "mail"):
        raise UsageError(
            f"the publisher of {name} has no mail address",
            found=contact or "a version that names no contact",
            next_step="leave --as out",
        )
    texts = _texts(letter, contact, way)
    sent = folder / f"optout-{letter.request}.json"
    folder.mkdir(parents=True, exist_ok=True)
    files.write_bytes(sent, letter.signed(seed))
    if as_json:
        echo_json(
            {
                "contact": contact,
                "dataset": name,
                "file": str(sent),
                "request": letter.request,
                "scope": str(selector),
                **texts,
            }
        )
        return
    _show(letter, contact, way, texts, sent)


def _texts(letter: Letter, contact: str, way: Channel) -> dict[str, str]:
    from stackyard.optout import letters

    name = f"optout-{letter.request}.json"
    if way == "mail":
        return {"mail": letters.words(letter, contact, name)}
    if way == "issue":
        title, body = letters.issue(letter)
        page = contact if letters.channel_of(contact) == "issue" else ""
        url = letters.issue_url(page, title, body) if page else ""
        return {"title": title, "body": body, "url": url}
    return {}


def _show(letter: Letter, contact: str, way: Channel, texts: Mapping[str, str], sent: Path) -> None:
    say(f"{letter.request}: {letter.selector.kind} {letter.selector}: written; nothing is sent yet")
    say(f"file: {sent} (send it, and keep it: it finds your request in the public log)")
    to = contact or f"the publisher of {letter.dataset}, whom its card names"
    if way == "mail":
        say(f"next: send this mail, with {sent.name} attached:\n\n{texts['mail']}")
    elif way == "issue":
        say(f"next: open this issue at {to}; it is public, and names what you ask for:\n")
        say(f"{texts['title']}\n\n{texts['body']}\n")
        if texts["url"]:
            say(f"the same, filled in: {texts['url']}\n")
    else:
        say(f"next: give {sent.name} to {to}")
    say(f"then: stackyard optout status {sent} --dataset {letter.dataset}")


@contextmanager
def asking(dataset: str) -> Iterator[tuple[Opened, Callable[[], Iterator[Opened]]]]:
    """The newest version of a dataset, by HF_ENDPOINT or the project here, and those before it."""
    from stackyard.cli.dataset import hub_of
    from stackyard.client.asked import VERSIONS_MAX
    from stackyard.client.opened import open_version

    with hub_of(None) as hub:
        on_hub = hub.dataset(dataset)
        versions = list(on_hub.versions())
        opened = _newest(
            dataset, versions, lambda v: open_version(on_hub, v, hub.key_for(dataset, None))
        )

        def older() -> Iterator[Opened]:
            for version in versions[-2 : -2 - VERSIONS_MAX : -1]:
                yield open_version(on_hub, version, opened.release.key)

        yield opened, older


def _newest(dataset: str, versions: list[str], opening: Callable[[str], Opened]) -> Opened:
    from stackyard.errors import UsageError

    if not versions:
        raise UsageError(f"dataset {dataset} has no released version")
    return opening(versions[-1])


def show_status(dataset: str, request: str | None, *, as_json: bool) -> int:
    """Where a request stands, by its file, receipt or id; exit code 1 while nothing is removed for it."""
    from stackyard.client import asked as room
    from stackyard.client.trust import open_registry
    from stackyard.errors import UsageError
    from stackyard.params import plain

    if request is None:
        raise UsageError(
            "it is not said which request",
            next_step=f"stackyard optout status FILE --dataset {dataset}: your request file, receipt or id",
        )
    with asking(dataset) as (opened, older):
        if Path(request).is_file():
            found = room.standing(opened, Path(request), older)
        else:
            log = open_registry(opened.tree, opened.manifest)
            found = room.of_request(opened, log, request, older)
        name = opened.release.name
    if as_json:
        echo_json({"release": name, **plain(found)})
    else:
        say(f"{name}: {found.sentence}")
    return 0 if found.standing == "removed" else 1


def why_not(
    opened: Opened,
    older: Callable[[], Iterator[Opened]],
    origin: str,
    path: str | None,
    receipt: Path | None,
) -> tuple[Asked | None, Gone | None]:
    """What is known of code that a version has no word about."""
    from stackyard.client import asked as room
    from stackyard.errors import UsageError

    if receipt is None:
        gone = room.without_receipt(opened, origin, path, older)
        return gone.listed, gone
    if not room.names(room.read_held(receipt).selector, origin, path):
        raise UsageError(f"{receipt.name} is not about {origin}")
    return room.standing(opened, receipt, older), None


def say_why_not(name: str, what: str, asked: Asked | None, gone: Gone | None) -> None:
    """The sentences for people."""
    if asked is not None:
        say(f"{name} has nothing of {what}: {asked.sentence}")
    elif gone is not None and gone.last_version:
        say(
            f"{name} has no word about {what}; {gone.last_version} is the last version that had one,"
            f" about {gone.files} files"
        )
        say(
            "why it left, public files do not say: opt-outs are not named. Its owner has a receipt:"
            " --receipt FILE"
        )
    else:
        say(f"{name} has no word about {what}: it was never seen, or it was opted out")
        say("if you asked for that, --receipt FILE says in which version it was done")


@click.command("page")
@click.argument("receipt", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--to", "target", type=click.Path(dir_okay=False, path_type=Path), default=None,
              show_default="RECEIPT with the ending .html", help="Where the page goes.")  # fmt: skip
@JSON
def page(receipt: Path, target: Path | None, as_json: bool) -> None:
    """Make a page of RECEIPT that a person can read in a browser and print.

    Example: stackyard optout page req-0123456789abcdef.json
    """
    from stackyard.optout import receipts
    from stackyard.optout.page import html
    from stackyard.store import files

    place = target or receipt.with_suffix(".html")
    files.write_bytes(place, html(receipts.from_bytes(receipt.read_bytes())).encode())
    if as_json:
        say(json.dumps({"page": str(place)}))
    else:
        say(f"{place}: open it in a browser")
