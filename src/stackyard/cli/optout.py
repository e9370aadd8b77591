"""`stackyard optout`: ask for removal, see what it would do, show authority, and prove that it happened."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackyard.cli import JSON, PROJECT, say
from stackyard.cli import owner as owner_of
from stackyard.cli.old_versions import past
from stackyard.cli.owner import DATASET

if TYPE_CHECKING:
    from stackyard.optout.importing import Entry, Format
    from stackyard.optout.letters import Channel
    from stackyard.optout.policy import Policy
    from stackyard.optout.preview import Preview
    from stackyard.optout.registry import Copies, Status
    from stackyard.optout.requests import Method
    from stackyard.optout.selector import Selector
    from stackyard.store.registry import Writer


@click.group()
def optout() -> None:
    """Ask for removal, and see that it happened."""


@optout.command()
@PROJECT
@click.option("--repo", metavar="OWNER/NAME", help="One repository.")
@click.option("--owner", metavar="NAME", help="All repositories of an account or organisation.")
@click.option("--path", metavar="OWNER/NAME:GLOB", help="Files of one repository.")
@click.option("--blob", metavar="SWHID", help="One file's contents, wherever they are.")
@click.option("--author", metavar="MAIL", help="Files that commits with this address touched.")
@click.option(
    "--copies",
    type=click.Choice(["none", "exact", "near"]),
    default="none",
    show_default=True,
    help="Copies in other repositories too.",
)
@click.option("--forks", is_flag=True, help="With --owner: forks of its repositories too.")
@click.option("--past", is_flag=True, help="Releases already made too (docs/governance.md).")
@click.option("--listed", is_flag=True, help="Publish what is named, instead of a commitment.")
@click.option("--contact", metavar="MAIL", required=True, help="Kept private; can be erased.")
@DATASET
@click.option("--as", "channel", type=click.Choice(["mail", "issue", "file"]),
              help="With --dataset: what to send it as.  [default: as its publisher takes it]")  # fmt: skip
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path(),
              show_default="this folder", help="With --dataset: where the request file goes.")  # fmt: skip
@JSON
def submit(  # noqa: PLR0917 - click passes by name
    project: Path,
    repo: str | None,
    owner: str | None,
    path: str | None,
    blob: str | None,
    author: str | None,
    copies: Copies,
    forks: bool,
    past: bool,
    listed: bool,
    contact: str,
    dataset: str | None,
    channel: Channel | None,
    folder: Path,
    as_json: bool,
) -> None:
    """Ask for removal of what you name, and nothing else. It removes nothing until it is verified.

    With --dataset it works on any machine: it writes a signed request, and what to send to the
    dataset's publisher. Without, it submits to the registry of the project here.

    Example: stackyard optout submit --repo octo-org/parser --contact me@example.org --dataset octo-org/yard
    """
    from stackyard.cli import echo_json
    from stackyard.optout import receipts
    from stackyard.optout import requests as room
    from stackyard.store.receipts import keep
    from stackyard.store.registry import open_writer

    selector = _selector(
        {"repo": repo, "owner": owner, "path": path, "blob": blob, "author": author}
    )
    options = {
        "contact": contact,
        "copies": copies,
        "forks": forks,
        "past": past,
        "listed": listed,
    }
    if dataset is not None:
        owner_of.write_request(
            dataset, selector, options, channel=channel, folder=folder, as_json=as_json
        )
        return
    _require_registry(project)
    with open_writer(project) as log:
        event, request = room.submit(
            selector,
            sequence=log.size,
            time=_now(),
            salt=secrets.token_bytes(32),
            contact=contact,
            copies=copies,
            forks=forks,
            past=past,
            listed=listed,
        )
        body = receipts.statement(request, state="submitted", log_name=log.key.name)
        receipt = {request.request: receipts.to_bytes(receipts.sign(body, log.key))}
        log.append([event], [request], receipts=receipt)
    (file,) = keep(project, receipt)
    if as_json:
        echo_json(
            {
                "receipt": file,
                "request": request.request,
                "scope": str(selector),
                "state": "submitted",
            }
        )
        return
    click.echo(f"{request.request}: {selector.kind} {selector}: submitted; nothing is removed yet")
    click.echo(f"receipt: {file} (keep it: it opens your entry in the public log)")
    click.echo(f"next: {_command(project, 'preview', request.request)}")


@optout.command()
@PROJECT
@click.argument("request")
@JSON
def preview(project: Path, request: str, as_json: bool) -> None:
    """Show exactly which files REQUEST would remove, and what stays because others offer it.

    Example: stackyard optout preview req-0123456789abcdef
    """
    from stackyard.cli import echo_json

    found = _previewed(project, request)
    if as_json:
        echo_json({**found.plain(), "digest": found.digest})
        return
    click.echo(f"{found.request}: {found.scope}")
    click.echo(f"goes: {found.files.num_rows} files of the last build")
    if not found.files.num_rows:
        click.echo("  nothing of that name is in it: check the name, or it is out already")
    if found.authors_known_of is not None:
        click.echo(f"  authors are known of {found.authors_known_of} sources (docs/sources.md)")
    for row in found.files.slice(0, _SHOWN).to_pylist():
        click.echo(f"  {row['repo_name']}  {row['path']}  ({row['rule']})")
    _more(found.files.num_rows)
    for version, rows in found.released.items():
        again = found.representatives[version]
        click.echo(
            f"release {version}: {rows.num_rows} files named; {again} rows get another source"
        )
    click.echo(f"stays: {found.stays.num_rows} contents, because others offer them too")
    for row in found.stays.slice(0, _SHOWN).to_pylist():
        click.echo(f"  {row['blob_id'][:12]}  {row['repo_name']}  {row['path']}")
    _more(found.stays.num_rows)
    click.echo(f"digest: {found.digest}")
    click.echo(f"next: {_command(project, 'verify', found.request, '--confirm', found.digest)}")


_SHOWN = 20
"""Files that a preview prints; --json has all of them."""


def _more(count: int) -> None:
    if count > _SHOWN:
        click.echo(f"  and {count - _SHOWN} more (--json shows all)")


@optout.command()
@PROJECT
@click.argument("request")
@click.option(
    "--method",
    type=click.Choice(["challenge", "commit", "dns", "forge", "manual"]),
    default="challenge",
    show_default=True,
    help="How authority is shown.",
)
@click.option("--reason", metavar="TEXT", help="Why, where an operator decides by hand.")
@click.option("--confirm", metavar="DIGEST", help="The digest that `preview` printed.")
@click.option(
    "--keys",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --method commit: public keys that the operator vouches for, instead of the forge's.",
)
@JSON
def verify(  # noqa: PLR0917 - click passes by name
    project: Path,
    request: str,
    method: Method,
    reason: str | None,
    confirm: str | None,
    keys: Path | None,
    as_json: bool,
) -> None:
    """Show that REQUEST comes from who may ask; the next release leaves out what it names.

    With --method challenge, commit or dns the first call says what to put where, the second one looks
    for it.
    An operator decides by hand with --method manual and a reason.

    Example: stackyard optout verify req-0123456789abcdef --method manual --reason "owner wrote"
    """
    from stackyard.errors import UsageError
    from stackyard.optout import policy as policies
    from stackyard.optout import requests as room
    from stackyard.store.registry import open_policy, open_writer

    if (reason is None) == (method == "manual"):
        raise UsageError("--reason is for --method manual, and needed there")
    if keys is not None and method != "commit":
        raise UsageError("--keys is for --method commit")
    policy = open_policy(project)
    if confirm is not None and _previewed(project, request).digest != confirm:
        raise UsageError(
            "this is not the digest of what the request would remove now",
            next_step=f"look again: {_command(project, 'preview', request)}",
        )
    vouched = None if keys is None else keys.read_text(encoding="utf-8", errors="replace")
    seen = reason
    if method != "manual":
        seen = _shown(project, request, method, policy, keys=vouched, as_json=as_json)
    if seen is None:
        return
    evidence = room.Reason(seen, secrets.token_bytes(32))
    with open_writer(project) as log:
        status = log.status(request)
        policies.require_method(policy, status.submitted.details["scope"], method)
        events = room.verified(status, method, evidence, confirm, sequence=log.size, time=_now())
        log.append(events, reasons=[(request, evidence)])
        log.private.end_challenge(request)
    _say(request, "accepted", "the next release leaves out what it names", as_json)


def _shown(
    project: Path,
    request: str,
    method: Method,
    policy: Policy,
    *,
    keys: str | None,
    as_json: bool,
) -> str | None:
    """What was seen that shows authority; None if a challenge was only just set.

    The registry's lock is not held while the network is asked.
    """
    from stackyard.cli import echo_json
    from stackyard.errors import EnvironmentFault
    from stackyard.optout import policy as policies
    from stackyard.store import authority
    from stackyard.store.reach import Reach
    from stackyard.store.registry import open_writer

    with open_writer(project) as log:
        scope = log.status(request).submitted.details["scope"]
        policies.require_method(policy, scope, method)
        private = log.private.request(request)
        if private is None:
            raise EnvironmentFault(f"the private part of request {request} is missing")
        known = authority.open_challenge(log.private, request, _now())
        if method != "forge" and known is None:
            hours = policy.challenge_hours
            fresh = authority.set_challenge(log.private, request, hours, _now())
    reach = Reach(policy.evidence_networks)
    if method == "forge":
        return authority.check_forge(private, authority.forge_token(), reach=reach)
    if known is not None:
        return authority.check(private, method, known, reach, keys)
    todo = authority.instructions(private, method, fresh)
    if as_json:
        echo_json({"challenge": fresh.text, "do": todo, "expires": fresh.expires})
    else:
        click.echo(f"{todo}\nthen run this command again, before {fresh.expires}")
    return None


def _previewed(project: Path, request: str) -> Preview:
    """The preview of a request against the last build and the release that lies in the project."""
    from stackyard import optout as room
    from stackyard.errors import UsageError, VerificationError
    from stackyard.optout.preview import preview as previewed
    from stackyard.optout.requests import find
    from stackyard.pipeline.optouts.authors import authors_for
    from stackyard.pipeline.optouts.near import near_copies
    from stackyard.pipeline.project import Project
    from stackyard.pipeline.stages import fetch
    from stackyard.pipeline.tables import live_listing, without
    from stackyard.record import FILES
    from stackyard.store.registry import open_registry, released_rows

    _require_registry(project)
    at = Project.at(project)
    log = open_registry(project)
    find(log.statuses, request)
    private = None if log.requests is None else log.requests.get(request)
    if private is None:
        raise VerificationError(f"the private part of request {request} is not here")
    if not (at.workspace.root / "fetch" / "sources.json").exists():
        raise UsageError(
            "nothing was built here, so there is nothing to preview",
            next_step=f"stackyard build --project {project}",
        )
    files = live_listing(at).select(FILES.names)
    origins = at.workspace.origins(fetch.live_keys(at))
    others = [each for each in log.effective() if each.request != request]
    authors = authors_for(at, [*others, private])
    near = near_copies(at, files, origins, [*others, private], authors)
    gone = room.match_requests(files, origins, others, at.params.optout, near, authors=authors)
    return previewed(
        private,
        without(files, gone),
        origins,
        at.params.optout,
        releases=released_rows(at.release_folder),
        near=near,
        authors=authors,
    )


@optout.command()
@PROJECT
@click.argument("request")
@click.option("--reason", metavar="TEXT", help="Why; kept private.")
@JSON
def withdraw(project: Path, request: str, reason: str | None, as_json: bool) -> None:
    """Take REQUEST back: what it removed returns with the next release, if it is still to be had.

    Example: stackyard optout withdraw req-0123456789abcdef
    """
    _require_registry(project)
    _end(project, request, "withdrawn", "requester", reason)
    _say(
        request,
        "withdrawn",
        "the next release has what it removed, if it is still to be had",
        as_json,
    )


@optout.command()
@PROJECT
@click.argument("request")
@click.option("--reason", metavar="TEXT", required=True, help="Why; the requester may ask for it.")
@JSON
def reject(project: Path, request: str, reason: str, as_json: bool) -> None:
    """Refuse REQUEST as an operator, with a reason.

    Example: stackyard optout reject req-0123456789abcdef --reason "not the owner's account"
    """
    _end(project, request, "rejected", "operator", reason)
    _say(request, "rejected", "nothing is removed for it", as_json)


@optout.command()
@PROJECT
@JSON
def expire(project: Path, as_json: bool) -> None:
    """End requests that nobody showed authority for in time (registry/policy.json).

    Example: stackyard optout expire
    """
    from stackyard.cli import echo_json
    from stackyard.optout import policy as policies
    from stackyard.optout import requests as room
    from stackyard.store.registry import open_policy, open_registry, open_writer

    late = policies.expired(open_registry(project).statuses, open_policy(project), _now())
    with open_writer(project) as log:
        log.append(
            [
                room.ended(
                    log.status(name), "expired", "policy", None, sequence=log.size + i, time=_now()
                )
                for i, name in enumerate(late)
            ]
        )
    if as_json:
        echo_json({"expired": late})
    else:
        click.echo(f"{len(late)} requests expired" + "".join(f"\n  {name}" for name in late))


@optout.command()
@PROJECT
@click.argument("request")
@JSON
def erase(project: Path, request: str, as_json: bool) -> None:
    """Forget who asked: the contact of REQUEST, and once it has ended all that is private of it.

    The log stays as it is: it never held either.

    Example: stackyard optout erase req-0123456789abcdef
    """
    from stackyard.optout.events import NEEDS_SELECTOR
    from stackyard.store.receipts import forget
    from stackyard.store.registry import open_writer

    with open_writer(project) as log:
        ended = log.status(request).state not in NEEDS_SELECTOR
        if ended:
            log.private.erase_request(request)
            forget(project, request)
        else:
            log.private.erase_contact(request)
    what = (
        "all that was private of it is gone" if ended else "its contact is gone; it stays in force"
    )
    _say(request, "erased", what, as_json)


@optout.command()
@PROJECT
@click.argument("request", metavar="[REQUEST|FILE]", required=False)
@DATASET
@JSON
def status(project: Path, request: str | None, dataset: str | None, as_json: bool) -> int:
    """Show where requests stand, how old they are, and what is to be done next.

    With --dataset it works on any machine, for who holds a receipt, a request file or an id: it reads
    the log of the newest version; exit code 1 while nothing is removed for the request.

    Receipts whose files are missing in .stackyard/receipts are written again.

    Example: stackyard optout status --json
    """
    from stackyard.cli import echo_json
    from stackyard.optout.requests import find
    from stackyard.store.receipts import write_receipts
    from stackyard.store.registry import open_policy, open_registry

    if dataset is not None:
        return owner_of.show_status(dataset, request, as_json=as_json)
    _require_registry(project)
    log, policy, now = open_registry(project), open_policy(project), _now()
    write_receipts(project)
    statuses = {request: find(log.statuses, request)} if request else dict(log.statuses)
    rows = [_row(name, found, policy, now) for name, found in statuses.items()]
    if as_json:
        echo_json(rows)
        return 0
    for row in rows:
        versions = f" in {', '.join(row['versions'])}" if row["versions"] else ""
        late = "  LATE" if row["late"] else ""
        click.echo(
            f"{row['request']}  {row['scope']:5}  {row['state']}{versions}  {row['age_hours']} h{late}"
            f"  next: {row['next']}"
        )
    if not rows:
        click.echo("no requests")
    return 0


def _require_registry(project: Path) -> None:
    """Tells who is not an operator what works for them."""
    from stackyard.errors import UsageError

    if not (project / "registry" / "checkpoint").is_file():
        raise UsageError(
            f"{project.resolve()} is no dataset project, so it has no opt-out registry",
            next_step="to ask a dataset's publisher from any machine: stackyard optout submit --dataset "
            "NAME; to see where it stands: stackyard optout status FILE --dataset NAME",
        )


@optout.command("import")
@PROJECT
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl", "bigcode", "github", "request"]),
    help="Format of FILE.  [default: by its ending, .csv or .jsonl; request files by what they hold]",
)
@JSON
def import_requests(project: Path, file: Path, form: Format | None, as_json: bool) -> int:
    """Submit the requests in FILE; what cannot be understood is listed and refused, never guessed.

    Exit code 1 if some were refused. Importing a file again submits nothing twice, and says where its requests stand now.

    Example: stackyard optout import issues.json --format github
    """
    from stackyard.cli import echo_json
    from stackyard.errors import UsageError
    from stackyard.optout import importing
    from stackyard.store.registry import open_writer

    if file.stat().st_size > importing.FILE_MAX_BYTES:
        raise UsageError(
            f"{file.name} is too long for a batch",
            expected=f"at most {importing.FILE_MAX_BYTES:,} bytes",
            next_step="split it",
        )
    raw = file.read_bytes()
    chosen = form or importing.guess(file.name, raw.decode("utf-8", "replace"))
    if chosen is None:
        raise UsageError(
            f"the ending of {file.name} does not say its format", next_step="add --format"
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file.name} is not UTF-8",
            next_step="save it again: in a spreadsheet as `CSV UTF-8`",
        ) from error
    found = importing.entries(text, chosen)
    if (dataset := _dataset_of(project)) is not None:
        found = importing.for_dataset(found, dataset)
    with open_writer(project) as log:
        known = log.private.sources()
        standing = {
            source: entry for source, entry in importing.once(found).items() if source not in known
        }
        fresh = {entry.source: entry for entry in standing.values() if entry.source not in known}
        made = _submit_all(log, list(fresh.values()), standing, known)
        known |= made
        rows = [_imported(log, entry, known.get(entry.source)) for entry in found]
    refused = [row for row in rows if row["refusal"]]
    if as_json:
        echo_json({"requests": rows, "submitted": len(fresh)})
        return 1 if refused else 0
    say(
        f"{len(rows)} requests read, {len(fresh)} submitted, {len(refused)} refused,"
        f" {len(rows) - len(fresh) - len(refused)} known already"
    )
    for row in refused:
        say(f"  {row['where']}: {row['refusal']}")
    say(f"next: {_command(project, 'status')} (answers for issues are in --json)")
    return 1 if refused else 0


def _dataset_of(project: Path) -> str | None:
    """The dataset that a project publishes; None where a registry stands alone."""
    from stackyard.cli.dataset import _publish_params

    params = project / "params.yaml"
    return str(_publish_params(params).repo) if params.is_file() else None


def _submit_all(
    log: Writer, fresh: list[Entry], chosen: Mapping[str, Entry], known: Mapping[str, str]
) -> dict[str, str]:
    """Submits entries in one append; request id of each source that one of them stands for."""
    from stackyard.optout import requests as room

    pairs = [
        room.submit(
            entry.selector,
            sequence=log.size + number,
            time=_now(),
            salt=entry.salt or secrets.token_bytes(32),
            listed=entry.listed,
            contact=entry.contact or None,
            copies=entry.copies,
            forks=entry.forks,
            past=entry.past,
        )
        for number, entry in enumerate(fresh)
        if entry.selector is not None
    ]
    ids = {e.source: request.request for e, (_, request) in zip(fresh, pairs, strict=True)}
    made = {source: {**known, **ids}[e.source] for source, e in chosen.items()}
    log.append([event for event, _ in pairs], [request for _, request in pairs], sources=made)
    return made


def _imported(log: Writer, entry: Entry, request: str | None) -> dict[str, Any]:
    from stackyard.optout import importing, receipts

    status = log.status(request) if request else None
    stored = log.private.receipt(request) if request else None
    body = receipts.from_bytes(stored)["statement"] if stored else {}
    return {
        "author_is_owner": entry.author_is_owner,
        "comment": importing.comment(entry, status, body.get("removed")),
        "refusal": entry.refusal,
        "request": request,
        "state": status.state if status else "refused",
        "where": entry.where,
    }


@optout.command("log")
@PROJECT
@click.option("--check", is_flag=True, help="Check every event, the tree, and the signature.")
@click.option(
    "--since",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An older checkpoint that the log must extend (registry/checkpoint of a release).",
)
@JSON
def show_log(project: Path, check: bool, since: Path | None, as_json: bool) -> None:
    """Show the public log; it is always checked whole before a line of it is shown.

    Example: stackyard optout log --check --since older-release/registry/checkpoint
    """
    from stackyard.cli import echo_json
    from stackyard.optout.registry import checkpoint, extends
    from stackyard.store.registry import open_registry

    log = open_registry(project)
    if since is not None:
        extends(log, since.read_text(encoding="utf-8"))
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


@optout.command()
@click.argument("receipt", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--release",
    metavar="NAME@VERSION|DIR",
    required=True,
    help="A version on its Hub, of which a few small files are read, or a pulled release: then all of "
    "it is checked, without any network.",
)
@click.option(
    "--key", metavar="VKEY", help="The registry's public key, if you have it from elsewhere."
)
@click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    show_default="this folder, if it is one; else HF_ENDPOINT's Hub",
    help="The dataset project whose Hub to ask.",
)
@JSON
def prove(
    receipt: Path, release: str, key: str | None, project: Path | None, as_json: bool
) -> None:
    """Check from public files alone that what RECEIPT names is not in a release.

    Example: stackyard optout prove receipt.json --release octo-org/yard@0.1.1
    """
    from stackyard.cli import echo_json
    from stackyard.cli.dataset import opening
    from stackyard.client import prove as room
    from stackyard.params import plain
    from stackyard.store.registry import prove_receipt

    if Path(release).is_dir():
        found = prove_receipt(receipt.read_bytes(), Path(release), key)
    else:
        with opening([release], project, None) as (version,):
            found = plain(room.prove(receipt.read_bytes(), version, key))
    if as_json:
        echo_json(found)
        return
    click.echo(
        f"proved: {found['request']} ({found['scope']}) is not in release {found['version']}"
    )
    where = f"in {found['shards']} shards" if found["shards"] else "by the receipt's own proofs"
    click.echo(f"  {found['absent']} names checked against {found['present']} {where}")


def _command(project: Path, *words: str) -> str:
    """A command as it can be typed here: with its project, if that is not this folder."""
    at = [] if project.resolve() == Path.cwd() else ["--project", str(project)]
    return shlex.join(["stackyard", "optout", words[0], *at, *words[1:]])


def _selector(scopes: Mapping[str, str | None]) -> Selector:
    from stackyard.errors import UsageError
    from stackyard.optout.selector import parse

    given = {kind: text for kind, text in scopes.items() if text is not None}
    if len(given) != 1:
        raise UsageError(
            "a request names one thing",
            expected="one of --repo, --owner, --path, --blob, --author",
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


def _row(name: str, found: Status, policy: Policy, now: datetime) -> dict[str, Any]:
    from stackyard.optout.policy import clock

    at = clock(found, policy, now)
    return {
        "age_hours": at.age_hours,
        "due": at.due,
        "late": at.late,
        "next": at.next_step,
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


optout.add_command(past)
optout.add_command(owner_of.page)

COMMANDS = [optout]
