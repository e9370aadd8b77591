"""Commands for who uses a dataset: pull, verify, sync, query, diff, explain, yank."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackyard.cli import JSON, say

if TYPE_CHECKING:
    from stackyard.client.explain import Explained
    from stackyard.client.opened import Opened
    from stackyard.client.query import Format
    from stackyard.client.trees import Target
    from stackyard.release.checks import Finding
    from stackyard.store.hub import HubDataset

_PROJECT = click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    show_default="this folder, if it is one; else HF_ENDPOINT's Hub",
    help="The dataset project whose Hub to ask.",
)
_KEY = click.option(
    "--key",
    metavar="HEX",
    default=None,
    help="Public key that must have signed; else the lock's, the project's, or the release's own.",
)
_FOLDER = click.Path(file_okay=False, exists=True, path_type=Path)


@dataclass(frozen=True)
class _Hub:
    """The Hub of a command: its endpoint (None: HF_ENDPOINT's), and the project's dataset and key."""

    endpoint: str | None
    repo: str | None = None
    key: str | None = None

    def dataset(self, repo: str) -> HubDataset:
        from stackyard.store.hub import HubDataset

        return HubDataset(repo, self.endpoint)

    def key_for(self, repo: str, asked: str | None) -> str | None:
        return asked or (self.key if repo == self.repo else None)


@contextmanager
def hub_of(project: Path | None) -> Iterator[_Hub]:
    """The Hub to ask: that of the project here or named, else HF_ENDPOINT's."""
    from stackyard.errors import UsageError

    root = project if project is not None else Path()
    params = root / "params.yaml"
    if not params.is_file():
        if project is not None:
            raise UsageError(f"{project} is no dataset project: it has no params.yaml")
        yield _Hub(None)
        return
    publish = _publish_params(params)
    public = root / "registry" / "keys" / "release.pub"
    key = public.read_text(encoding="ascii").strip() if public.is_file() else None
    if publish.hub == "hf":
        yield _Hub(None, publish.repo, key)
        return
    from stackyard.cli.hub import DIRECTORY

    if not (root / DIRECTORY).is_dir():
        raise UsageError(
            f"nothing is published from {root.resolve()} yet",
            next_step="run `stackyard release`, or leave the project to use HF_ENDPOINT",
        )
    with _embedded(root / DIRECTORY) as endpoint:
        yield _Hub(endpoint, publish.repo, key)


def _publish_params(path: Path) -> Any:
    import yaml

    from stackyard.errors import UsageError
    from stackyard.params import build
    from stackyard.release.params import PublishParams

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UsageError(f"{path} is not YAML") from error
    section = (document or {}).get("publish") if isinstance(document or {}, dict) else None
    return build(PublishParams, section or {}, "params.publish")


@contextmanager
def _embedded(folder: Path) -> Iterator[str]:
    from stackyard.hub.server import EmbeddedHub

    with EmbeddedHub(folder) as hub:
        yield hub.endpoint


def _target(text: str, *, newest: bool = False) -> Target:
    from stackyard.client.trees import Target

    return Target.parse(text, newest=newest)


def _with_version(target: Target, hub: _Hub, key: str | None) -> Target:
    """The target with a version: where none was named the newest that is not yanked, which is said."""
    from stackyard.client.opened import newest_unyanked

    if target.version or target.folder is not None:
        return target
    version = newest_unyanked(hub.dataset(target.repo), hub.key_for(target.repo, key))
    _warn(f"note: no version was named; {target.repo}@{version} is the newest")
    return dataclasses.replace(target, version=version)


def _named(text: str, *, newest: bool = False) -> Target:
    """A NAME@VERSION, where a folder does not do."""
    from stackyard.errors import UsageError

    target = _target(text, newest=newest)
    if target.folder is not None:
        raise UsageError(f"{text} is a folder", expected="NAME@VERSION on a Hub")
    return target


@contextmanager
def _progress(label: str) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(label, total=None)
        yield lambda size_bytes: bar.advance(task, size_bytes)


def _warn(text: str) -> None:
    say(text, err=True)


@click.command()
@click.argument("target", metavar="NAME[@VERSION]")
@click.option("--language", "languages", multiple=True, metavar="L", help="Only this language; again for more.")  # fmt: skip
@click.option("--license", "licenses", multiple=True, metavar="SPDX", help="Only rows that these licences admit.")  # fmt: skip
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), default=None,
              show_default="NAME-VERSION here", help="Folder for the copy.")  # fmt: skip
@click.option("--yanked", is_flag=True, help="Take a yanked version too.")
@_KEY
@_PROJECT
@JSON
def pull(  # noqa: PLR0917 - click passes by name
    target: str,
    languages: tuple[str, ...],
    licenses: tuple[str, ...],
    folder: Path | None,
    yanked: bool,
    key: str | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Get a version, verified, and pin it in stackyard.lock; the newest one if none is named.

    Run again, it brings back what is missing or damaged; it refuses a tag, a manifest or a key that
    is not the pinned one.

    Example: stackyard pull octo-org/yard@0.1.0 --language Python --to yard
    """
    from stackyard.cli import echo_json
    from stackyard.client import pull as room

    named = _named(target, newest=True)
    with hub_of(project) as hub, _progress("pull") as progress:
        named = _with_version(named, hub, key)
        folder = folder or Path(f"{named.repo.split('/')[1]}-{named.version}")
        done = room.pull(
            hub.dataset(named.repo),
            named.version,
            folder,
            languages=languages,
            licenses=licenses,
            key=hub.key_for(named.repo, key),
            yanked=yanked,
            progress=progress,
        )
    lock = done.lock
    if as_json:
        echo_json(
            {
                "dataset": lock.dataset,
                "version": lock.version,
                "commit": lock.commit,
                "folder": str(folder),
                "manifest_sha256": lock.manifest_sha256,
                "key": lock.key,
                "key_pinned_before": not done.first_use,
                "files": len(lock.files),
                "fetched_files": done.fetched_files,
                "fetched_bytes": done.fetched_bytes,
            }
        )
        return
    if done.first_use:
        _warn(f"note: signed by {lock.key}, trusted on first use and pinned from now on")
    say(
        f"{lock.dataset}@{lock.version} is in {folder}: {len(lock.files)} files verified,"
        f" {done.fetched_files} fetched ({done.fetched_bytes} bytes); pinned in {folder}/stackyard.lock"
    )


@click.command()
@click.argument("target", metavar="DIR|NAME@VERSION")
@click.option(
    "--offline",
    is_flag=True,
    help="Check a copy without any network: not whether the tag was moved.",
)
@_KEY
@_PROJECT
@JSON
def verify(target: str, offline: bool, key: str | None, project: Path | None, as_json: bool) -> int:
    """Check every byte and every law that a reader can check; exit 1 if one does not hold.

    A copy with a lock is also held against its tag on the Hub; a version on the Hub is pulled into
    a temporary folder for it.

    Example: stackyard verify yard
    """
    import tempfile

    from stackyard.cli import echo_json
    from stackyard.client import pull as pulling
    from stackyard.client import tombstones
    from stackyard.client import verify as room
    from stackyard.client.lock import read_lock
    from stackyard.errors import UsageError

    about = _target(target)
    unchecked: list[str] = []
    if about.folder is not None and (offline or read_lock(about.folder) is None):
        done = room.verify(about.folder, key=key)
        unchecked = list(_unchecked(offline=offline, pinned=done.pinned))
    else:
        if offline:
            raise UsageError("--offline is for a copy in a folder")
        with (
            _offline_hint(about.folder),
            hub_of(project) as hub,
            tempfile.TemporaryDirectory() as name,
        ):
            folder = about.folder
            if folder is None:
                folder = Path(name) / "copy"
                pulling.pull(
                    hub.dataset(about.repo),
                    about.version,
                    folder,
                    key=hub.key_for(about.repo, key),
                    yanked=True,
                )
            lock = read_lock(folder)
            done = room.verify(
                folder,
                key=key,
                resolve=lambda repo, version: (
                    hub.dataset(repo).resolve(version)
                    if lock is None
                    else tombstones.pinned_commit(hub.dataset(repo), lock)
                ),
            )
    if as_json:
        from stackyard.params import plain

        echo_json({**plain(done), "holds": done.holds, "unchecked": unchecked})
    else:
        _show_verified(done.name, done.findings, done.key)
        for what in unchecked:
            say(f"not checked: {what}")
        if done.holds:
            say(f"ok: {done.files} files, {done.size_bytes} bytes, {done.rows} rows")
    return 0 if done.holds else 1


def _unchecked(*, offline: bool, pinned: bool) -> Iterator[str]:
    """What a look at a folder alone leaves open."""
    yield (
        "whether its tag on the Hub was moved, or the version was yanked or purged since"
        + (" (--offline)" if offline else ": the folder has no stackyard.lock, so no Hub is known")
    )
    if not pinned:
        yield "whether the key that signed is the publisher's: pass it with --key"


@contextmanager
def _offline_hint(folder: Path | None) -> Iterator[None]:
    """Says of a copy whose Hub cannot be asked how it is checked without."""
    from stackyard.errors import EnvironmentFault

    try:
        yield
    except EnvironmentFault as error:
        if folder is None:
            raise
        raise EnvironmentFault(
            error.what,
            expected=error.expected,
            found=error.found,
            next_step=f"`stackyard verify {folder} --offline` checks all that needs no network",
        ) from error


def _show_verified(name: str, findings: tuple[Finding, ...], key: str) -> None:
    for finding in findings:
        say(str(finding))
    if findings:
        _warn(f"{name} does not hold: {len(findings)} findings")
    else:
        say(f"{name}, signed by {key}")


@click.command()
@click.argument("target", metavar="NAME@VERSION")
@click.option("--reason", required=True, metavar="TEXT", help="Shown to whoever asks for it.")
@_PROJECT
@JSON
def yank(target: str, reason: str, project: Path | None, as_json: bool) -> None:
    """Mark a version as not to be pulled unasked; it stays listed, and its files stay.

    The list of yanked versions is signed by the project's release key.

    Example: stackyard yank octo-org/yard@0.1.0 --reason "wrong licences, see 0.1.1"
    """
    from stackyard.cli import echo_json
    from stackyard.client import yanks
    from stackyard.pipeline.project.keys import release_key

    named = _named(target)
    with hub_of(project) as hub:
        key = release_key(project if project is not None else Path())
        new = yanks.yank(hub.dataset(named.repo), named.version, reason, key)
    if as_json:
        echo_json({"dataset": named.repo, "version": named.version, "reason": reason, "new": new})
    else:
        say(f"{named.repo}@{named.version} is yanked" + ("" if new else " already"))


@contextmanager
def opening(
    texts: list[str], project: Path | None, key: str | None, *, newest: bool = False
) -> Iterator[list[Opened]]:
    """The releases that a command is about; a Hub is looked for only if one of them needs it.

    With `newest` a name without a version is that of its newest one.
    """
    from stackyard.client.opened import open_folder, open_version

    targets = [_target(text, newest=newest) for text in texts]
    needs_hub = any(target.folder is None for target in targets)
    with hub_of(project) if needs_hub else nullcontext(_Hub(None)) as hub:
        targets = [_with_version(target, hub, key) for target in targets]
        yield [
            open_folder(target.folder, key)
            if target.folder is not None
            else open_version(
                hub.dataset(target.repo), target.version, hub.key_for(target.repo, key)
            )
            for target in targets
        ]


@click.command()
@click.argument("target", metavar="NAME[@VERSION]|DIR")
@click.option("--language", "languages", multiple=True, metavar="L", help="Only this language; again for more.")  # fmt: skip
@click.option("--license", "licenses", multiple=True, metavar="SPDX", help="Only rows that these licences admit.")  # fmt: skip
@click.option("--repo", metavar="OWNER/NAME", help="Only this repository.")
@click.option("--path", metavar="GLOB", help="Only these paths; `*` stops at `/`, `**` does not.")
@click.option("--pattern", metavar="REGEX", help="Only contents in which this (RE2) is found.")
@click.option("--sql", metavar="SQL", help="Ask this of what is left, the table `files` (needs "
                                           "DuckDB).")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["table", "jsonl", "json", "csv", "parquet"]),
              default="table", show_default=True, help="`jsonl` (or `json`) is one object a line.")  # fmt: skip
@click.option("--columns", metavar="A,B", help="Only these columns, in this order.  [default: of "
                                               "the format]")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=0), default=None, metavar="N", help="At most N rows.")  # fmt: skip
@_KEY
@_PROJECT
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def query(  # noqa: PLR0917 - click passes by name
    target: str,
    languages: tuple[str, ...],
    licenses: tuple[str, ...],
    repo: str | None,
    path: str | None,
    pattern: str | None,
    sql: str | None,
    form: Format,
    columns: str | None,
    limit: int | None,
    key: str | None,
    project: Path | None,
    as_json: bool,
) -> None:
    """Filter and search the files of a version, in place on its Hub or in a pulled copy.

    A name without a version is that of its newest one.

    Example: stackyard query octo-org/yard@0.1.0 --language Python --pattern "import requests"
    """
    from stackyard.client import query as room
    from stackyard.errors import UsageError

    form = "json" if as_json else form
    if form == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is no text for a terminal", next_step="redirect it to a file")
    if sql is not None and columns is not None:
        raise UsageError("--columns is for queries without --sql", next_step="name them in SELECT")
    question = room.Question(languages, licenses, repo, path, pattern)
    writer = room.Writer(form, sys.stdout.buffer, is_terminal=sys.stdout.isatty())
    with opening([target], project, key, newest=True) as (opened,):
        if columns is None:
            names = room.columns_for(form, opened.edition)
        else:
            names = room.chosen_columns(columns, opened.edition)
        try:
            if sql is None:
                for batch in room.at_most(room.answer(opened, question, names), limit):
                    writer.write(batch)
                writer.close(room.schema_for(names, opened.edition))
            else:
                table = room.run_sql(opened, question, sql)
                for batch in room.at_most(table.to_batches(), limit):
                    writer.write(batch)
                writer.close(table.schema)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            # Whoever reads has seen enough (`| head`). Arrow's threads still read ahead through
            # Python, which an ordinary exit would pull from under them.
            os._exit(0)
    if form == "table":
        _warn(f"{writer.rows} rows of {opened.release.name}")


@click.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@_KEY
@_PROJECT
@JSON
def diff(old: str, new: str, key: str | None, project: Path | None, as_json: bool) -> None:
    """What changed from version A to version B, and the version step that it asks for.

    Each is NAME@VERSION or a folder with a whole copy. The lower version always comes first.

    Example: stackyard diff octo-org/yard@0.1.0 octo-org/yard@0.2.0
    """
    from stackyard.cli import echo_json
    from stackyard.client.compare import compare

    with opening([old, new], project, key) as (before, after):
        done = compare(before, after)
    if done.turned:
        _warn(f"note: {done.old} comes before {done.new}, so the diff is from it to that one")
    counts = done.rows.counts()
    files = {name: getattr(done.files, name) for name in ("added", "removed", "changed")}
    if as_json:
        echo_json(
            {
                "old": done.old,
                "new": done.new,
                "bump": done.step.bump,
                "reasons": list(done.step.reasons),
                "rows": counts,
                "files": {name: list(paths) for name, paths in files.items()},
                "unchanged_files": len(done.files.unchanged),
            }
        )
        return
    say(f"{done.old} -> {done.new}: {done.step.bump}: {'; '.join(done.step.reasons)}")
    say("rows: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    for name, paths in files.items():
        for path in paths:
            say(f"{name:<8} {path}")
    say(f"{len(done.files.unchanged)} files unchanged")


@click.command()
@click.argument("origin")
@click.argument("path", required=False)
@click.option(
    "--version", "version", metavar="V", help="Of this version.", show_default="the newest"
)
@click.option("--dataset", "about", metavar="NAME|DIR", help="Of this dataset or copy.",
              show_default="the project's, or the copy in this folder")  # fmt: skip
@click.option("--receipt", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Receipt or request file of an opt-out: says in which version it was done.")  # fmt: skip
@_KEY
@_PROJECT
@JSON
def explain(  # noqa: PLR0917 - click passes by name
    origin: str,
    path: str | None,
    version: str | None,
    about: str | None,
    receipt: Path | None,
    key: str | None,
    project: Path | None,
    as_json: bool,
) -> int:
    """Why each file of ORIGIN (owner/repo or its URL), or its file PATH, is or is not there.

    In a project, PATH also gets all facts that the last build there has of it.

    Exit code 1 if nothing is known of it. What was opted out is not named: its owner's --receipt says
    in which version it was removed.

    Example: stackyard explain octo-org/parser src/main.c --version 0.1.0
    """
    from stackyard.cli import echo_json, owner
    from stackyard.client import explain as room
    from stackyard.params import plain

    with _explained(about, version, project, key) as (opened, older):
        found = room.explain(opened, origin, path)
        name = opened.release.name
        asked, gone = (None, None) if found else owner.why_not(opened, older, origin, path, receipt)
    facts = {} if path is None else _facts_here(project, room.folded_name(origin), path)
    code = 0 if found or (asked is not None and asked.standing == "removed") else 1
    if as_json:
        files = [plain(each) for each in found]
        absent = {} if found else {"asked": plain(asked), "before": plain(gone)}
        echo_json({"release": name, "origin": origin, "files": files, "facts": facts, **absent})
        return code
    for each in found:
        _show_explained(each)
    for detector, rows in facts.items():
        for row in rows:
            values = "  ".join(f"{key}={_short(value)}" for key, value in row.items())
            say(f"  {detector}: {_plain(values)}")
    if not found:
        owner.say_why_not(name, f"{origin} {path}" if path else origin, asked, gone)
    return code


Older = Callable[[], Iterator["Opened"]]
"""Versions before the one that was asked about, newest first."""


@contextmanager
def _explained(
    about: str | None, version: str | None, project: Path | None, key: str | None
) -> Iterator[tuple[Opened, Older]]:
    """The release that `explain` is about, and those before it (of a copy, none are asked for)."""
    from stackyard.client.asked import VERSIONS_MAX
    from stackyard.client.lock import read_lock
    from stackyard.client.opened import newest, open_folder, open_version
    from stackyard.errors import UsageError

    folder = Path(about) if about is not None else Path()
    if project is None and (about is None or folder.is_dir()) and read_lock(folder) is not None:
        opened = open_folder(folder, key)
        if version not in {None, opened.manifest.version}:
            raise UsageError(f"{folder} is a copy of {opened.release.name}, not of {version}")
        yield opened, lambda: iter(())
        return
    with hub_of(project) as hub:
        repo = about or hub.repo
        if repo is None:
            raise UsageError(
                "it is not said of which dataset",
                next_step="pass --dataset NAME, or run it in a pulled copy or in a project",
            )
        dataset = hub.dataset(repo)
        wanted = version.removeprefix("v") if version else newest(dataset)
        pinned = hub.key_for(repo, key)

        def older() -> Iterator[Opened]:
            every = list(dataset.versions())
            before = every[: every.index(wanted)] if wanted in every else []
            for each in before[: -1 - VERSIONS_MAX : -1]:
                yield open_version(dataset, each, pinned)

        yield open_version(dataset, wanted, pinned), older


def _facts_here(project: Path | None, repo_name: str, path: str) -> dict[str, list[dict[str, Any]]]:
    """All facts of a file, if the folder is a project that has been built."""
    root = project if project is not None else Path()
    if not ((root / "params.yaml").is_file() and (root / "work" / "facts").is_dir()):
        return {}
    from stackyard.pipeline.insight import facts_of_file
    from stackyard.pipeline.project import Project

    return facts_of_file(Project.at(root), repo_name, path)


def _short(value: Any) -> str:
    """A value on a terminal: of long ones the begin, which `--json` gives whole."""
    text = "-" if value is None else str(value)
    return text if len(text) <= _SHORT_CHARS else f"{text[:_SHORT_CHARS]}..."


_SHORT_CHARS = 80


def _show_explained(each: Explained) -> None:
    why = each.rule or ("released" if each.decision == "kept" else "")
    if each.instead:
        why = f"{why} {each.instead}".strip()
    say(f"{each.decision:<8} {_plain(each.path)}  {_plain(why)}  {_plain(each.evidence)}")


def _plain(text: str) -> str:
    """A text on one line of a terminal: what a hostile name could do there is escaped."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


@click.command()
@click.argument("folder", metavar="DIR", type=_FOLDER)
@_PROJECT
@JSON
def sync(folder: Path, project: Path | None, as_json: bool) -> None:
    """Take out of a pulled copy all that was removed from the dataset since, and prove it.

    The copy moves to the newest patch of its own version line. Contents that later versions removed
    leave it too, and leave other Parquet files in DIR that kept the column content_sha256.

    Example: stackyard sync yard
    """
    from stackyard.cli import echo_json
    from stackyard.client import sync as room
    from stackyard.client.lock import read_lock
    from stackyard.errors import UsageError
    from stackyard.params import plain

    lock = read_lock(folder)
    if lock is None:
        raise UsageError(f"{folder} is no pulled copy: it has no stackyard.lock")
    with hub_of(project) as hub, _progress("sync") as progress:
        done = room.sync(hub.dataset(lock.dataset), folder, progress)
    if as_json:
        echo_json(plain(done))
        return
    moved = f"moved from {done.before} to" if done.before != done.after else "is at"
    say(f"{folder} {moved} {done.after}; the newest version is {done.newest}")
    others = f", also from {', '.join(done.other_files)}" if done.other_files else ""
    say(f"{done.removed_rows} rows of removed contents were taken out of files{others}")
    say(f"proved: none of {done.gone} removed contents is in {done.checked_files} files")
    if done.unread:
        _warn(
            f"note: nothing is said of {', '.join(done.unread)}: of no format that is looked into"
        )
    if done.yanked:
        _warn(f"note: {lock.dataset}@{done.after} is yanked: {done.yanked}")


COMMANDS = [pull, verify, sync, query, diff, explain, yank]
