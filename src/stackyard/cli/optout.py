"""`stackyard optout`: ask for removal, see what it would do, show authority, and prove that it happened."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from stackyard.optout.registry import Copies, Status
    from stackyard.optout.requests import Method
    from stackyard.optout.selector import Selector

_PROJECT = click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    help="The dataset project.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def optout() -> None:
    """Ask for removal, and see that it happened."""


@optout.command()
@_PROJECT
@click.option("--repo", metavar="OWNER/NAME", help="One repository.")
@click.option("--owner", metavar="NAME", help="All repositories of an account or organisation.")
@click.option("--path", metavar="OWNER/NAME:GLOB", help="Files of one repository.")
@click.option("--blob", metavar="SWHID", help="One file's contents, wherever they are.")
@click.option(
    "--copies",
    type=click.Choice(["none", "exact", "near"]),
    default="none",
    show_default=True,
    help="Copies in other repositories too.",
)
@click.option("--past", is_flag=True, help="Releases already made too (docs/governance.md).")
@click.option("--listed", is_flag=True, help="Publish what is named, instead of a commitment.")
@click.option("--contact", metavar="MAIL", required=True, help="Kept private; can be erased.")
@_JSON
def submit(  # noqa: PLR0917 - click passes by name
    project: Path,
    repo: str | None,
    owner: str | None,
    path: str | None,
    blob: str | None,
    copies: Copies,
    past: bool,
    listed: bool,
    contact: str,
    as_json: bool,
) -> None:
    """Ask for removal of what you name, and nothing else. It removes nothing until it is verified.

    Example: stackyard optout submit --repo octo-org/parser --contact me@example.org
    """
    from stackyard.cli import echo_json
    from stackyard.optout import receipts
    from stackyard.optout import requests as room
    from stackyard.store.registry import open_writer

    selector = _selector({"repo": repo, "owner": owner, "path": path, "blob": blob})
    with open_writer(project) as log:
        event, request = room.submit(
            selector,
            sequence=log.size,
            time=_now(),
            salt=secrets.token_bytes(32),
            contact=contact,
            copies=copies,
            past=past,
            listed=listed,
        )
        log.append([event], [request])
        body = receipts.statement(request, state="submitted", log_name=log.key.name)
        receipt = receipts.to_bytes(receipts.sign(body, log.key))
        log.private.set_receipts({request.request: receipt})
    file = _keep_receipt(project, request.request, receipt)
    if as_json:
        echo_json(
            {
                "receipt": str(file),
                "request": request.request,
                "scope": str(selector),
                "state": "submitted",
            }
        )
        return
    click.echo(f"{request.request}: {selector.kind} {selector}: submitted; nothing is removed yet")
    click.echo(f"receipt: {file} (keep it: it opens your entry in the public log)")
    click.echo(f"next: stackyard optout preview {request.request}")


@optout.command()
@_PROJECT
@click.argument("request")
@click.option(
    "--method",
    type=click.Choice(["manual"]),
    default="manual",
    show_default=True,
    help="How authority was shown.",
)
@click.option("--reason", metavar="TEXT", help="Why, where an operator decides by hand.")
@_JSON
def verify(project: Path, request: str, method: Method, reason: str | None, as_json: bool) -> None:
    """Record that REQUEST comes from who may ask; the next release leaves out what it names.

    Example: stackyard optout verify req-0123456789abcdef --method manual --reason "owner wrote"
    """
    from stackyard.optout import requests as room
    from stackyard.store.registry import open_writer

    evidence = room.Reason(reason or "", secrets.token_bytes(32))
    with open_writer(project) as log:
        events = room.verified(
            log.status(request),
            method,
            evidence,
            None,
            sequence=log.size,
            time=_now(),
        )
        log.append(events, reasons=[(request, evidence)])
    _say(request, "accepted", "the next release leaves out what it names", as_json)


@optout.command()
@_PROJECT
@click.argument("request")
@click.option("--reason", metavar="TEXT", help="Why; kept private.")
@_JSON
def withdraw(project: Path, request: str, reason: str | None, as_json: bool) -> None:
    """Take REQUEST back: what it removed returns with the next release, if it is still to be had.

    Example: stackyard optout withdraw req-0123456789abcdef
    """
    _end(project, request, "withdrawn", "requester", reason)
    _say(
        request,
        "withdrawn",
        "the next release has what it removed, if it is still to be had",
        as_json,
    )


@optout.command()
@_PROJECT
@click.argument("request")
@click.option("--reason", metavar="TEXT", required=True, help="Why; the requester may ask for it.")
@_JSON
def reject(project: Path, request: str, reason: str, as_json: bool) -> None:
    """Refuse REQUEST as an operator, with a reason.

    Example: stackyard optout reject req-0123456789abcdef --reason "not the owner's account"
    """
    _end(project, request, "rejected", "operator", reason)
    _say(request, "rejected", "nothing is removed for it", as_json)


@optout.command()
@_PROJECT
@click.argument("request", required=False)
@_JSON
def status(project: Path, request: str | None, as_json: bool) -> None:
    """Show where requests stand.

    Example: stackyard optout status --json
    """
    from stackyard.cli import echo_json
    from stackyard.optout.requests import find
    from stackyard.store.registry import open_registry

    log = open_registry(project)
    statuses = {request: find(log.statuses, request)} if request else dict(log.statuses)
    rows = [_row(name, found) for name, found in statuses.items()]
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        versions = f" in {', '.join(row['versions'])}" if row["versions"] else ""
        click.echo(
            f"{row['request']}  {row['scope']:5}  {row['state']}{versions}  since {row['since']}"
        )
    if not rows:
        click.echo("no requests")


@optout.command("log")
@_PROJECT
@click.option("--check", is_flag=True, help="Check every event, the tree, and the signature.")
@_JSON
def show_log(project: Path, check: bool, as_json: bool) -> None:
    """Show the public log; it is always checked whole before a line of it is shown.

    Example: stackyard optout log --check
    """
    from stackyard.cli import echo_json
    from stackyard.optout.registry import checkpoint
    from stackyard.store.registry import open_registry

    log = open_registry(project)
    point = checkpoint(log)
    if check:
        if as_json:
            echo_json({"ok": True, "root": point.root, "size": point.size})
        else:
            click.echo(f"ok: {point.size} events, root {point.root}, signed by {log.key.name}")
        return
    if as_json:
        echo_json([_plain(event) for event in log.events])
        return
    for event in log.events:
        click.echo(f"{event.sequence:08d}  {event.time}  {event.request}  {event.event}")


def _selector(scopes: Mapping[str, str | None]) -> Selector:
    from stackyard.errors import UsageError
    from stackyard.optout.selector import parse

    given = {kind: text for kind, text in scopes.items() if text is not None}
    if len(given) != 1:
        raise UsageError(
            "a request names one thing",
            expected="one of --repo, --owner, --path, --blob",
            found=", ".join(f"--{kind}" for kind in given) or "none of them",
            next_step="submit one request for each",
        )
    ((kind, text),) = given.items()
    return parse(kind, text)


def _end(project: Path, request: str, how: Any, by: Any, reason: str | None) -> None:
    from stackyard.optout import requests as room
    from stackyard.store.registry import open_writer

    written = None if reason is None else room.Reason(reason, secrets.token_bytes(32))
    with open_writer(project) as log:
        event = room.ended(log.status(request), how, by, written, sequence=log.size, time=_now())
        log.append([event], reasons=[] if written is None else [(request, written)])


def _keep_receipt(project: Path, request: str, receipt: bytes) -> Path:
    folder = project / ".stackyard" / "receipts"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{request}.json"
    path.write_bytes(receipt)
    return path


def _row(name: str, found: Status) -> dict[str, Any]:
    return {
        "copies": found.submitted.details["copies"],
        "past": found.submitted.details["past"],
        "request": name,
        "scope": found.submitted.details["scope"],
        "since": found.last.time,
        "state": found.state,
        "submitted": found.submitted.time,
        "versions": list(found.versions),
    }


def _plain(event: Any) -> dict[str, Any]:
    import json

    loaded: dict[str, Any] = json.loads(event.to_bytes())
    return loaded


def _say(request: str, state: str, meaning: str, as_json: bool) -> None:
    from stackyard.cli import echo_json

    if as_json:
        echo_json({"request": request, "state": state})
    else:
        click.echo(f"{request}: {state}; {meaning}")


def _now() -> datetime:
    return datetime.now(UTC)


COMMANDS = [optout]
