"""Commands for who uses a dataset: pull, verify, sync, query, diff, explain, yank."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from stackyard.client.laws import Finding
    from stackyard.client.trees import Target
    from stackyard.store.hub import HubDataset

C = TypeVar("C", bound=Callable[..., Any])

_PROJECT = click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    show_default="this folder, if it is one; else HF_ENDPOINT's Hub",
    help="The dataset project whose Hub to ask.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
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
def _hub(project: Path | None) -> Iterator[_Hub]:
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
            next_step="run `python -m flows release`, or leave the project to use HF_ENDPOINT",
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
    from stackyard.errors import EnvironmentFault

    try:
        from stackyard.hub.server import EmbeddedHub
    except ImportError as error:
        raise EnvironmentFault(
            f"the local Hub needs {error.name}, which is not installed",
            next_step="pip install 'stackyard[web]'",
        ) from error
    with EmbeddedHub(folder) as hub:
        yield hub.endpoint


def _target(text: str) -> Target:
    from stackyard.client.trees import Target

    return Target.parse(text)


def _named(text: str) -> Target:
    """A NAME@VERSION, where a folder does not do."""
    from stackyard.errors import UsageError

    target = _target(text)
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
    click.echo(text, err=True)


@click.command()
@click.argument("target", metavar="NAME@VERSION")
@click.option("--language", "languages", multiple=True, metavar="L", help="Only this language; again for more.")  # fmt: skip
@click.option("--license", "licenses", multiple=True, metavar="SPDX", help="Only rows that these licences admit.")  # fmt: skip
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), default=None,
              show_default="NAME-VERSION here", help="Folder for the copy.")  # fmt: skip
@click.option("--yanked", is_flag=True, help="Take a yanked version too.")
@_KEY
@_PROJECT
@_JSON
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
    """Get a version, verified, and pin it in stackyard.lock.

    Run again, it brings back what is missing or damaged; it refuses a tag, a manifest or a key that
    is not the pinned one.

    Example: stackyard pull octo-org/yard@0.1.0 --language Python --to yard
    """
    from stackyard.cli import echo_json
    from stackyard.client import pull as room

    named = _named(target)
    folder = folder or Path(f"{named.repo.split('/')[1]}-{named.version}")
    with _hub(project) as hub, _progress("pull") as progress:
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
    click.echo(
        f"{lock.dataset}@{lock.version} is in {folder}: {len(lock.files)} files verified,"
        f" {done.fetched_files} fetched ({done.fetched_bytes} bytes); pinned in {folder}/stackyard.lock"
    )


@click.command()
@click.argument("target", metavar="DIR|NAME@VERSION")
@click.option("--offline", is_flag=True, help="Do not ask the Hub whether the tag was moved.")
@_KEY
@_PROJECT
@_JSON
def verify(target: str, offline: bool, key: str | None, project: Path | None, as_json: bool) -> int:
    """Check every byte and every law that a reader can check; exit 1 if one does not hold.

    A copy with a lock is also held against its tag on the Hub; a version on the Hub is pulled into
    a temporary folder for it.

    Example: stackyard verify yard
    """
    import tempfile

    from stackyard.cli import echo_json
    from stackyard.client import pull as pulling
    from stackyard.client import verify as room
    from stackyard.client.lock import read_lock
    from stackyard.errors import UsageError

    about = _target(target)
    if about.folder is not None and (offline or read_lock(about.folder) is None):
        done = room.verify(about.folder, key=key)
    else:
        if offline:
            raise UsageError("--offline is for a copy in a folder")
        with _hub(project) as hub, tempfile.TemporaryDirectory() as name:
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
            done = room.verify(
                folder, key=key, resolve=lambda repo, version: hub.dataset(repo).resolve(version)
            )
    if as_json:
        from stackyard.params import plain

        echo_json({**plain(done), "holds": done.holds})
    else:
        _show_verified(done.name, done.findings, done.key)
        if done.holds:
            click.echo(f"ok: {done.files} files, {done.size_bytes} bytes, {done.rows} rows")
    return 0 if done.holds else 1


def _show_verified(name: str, findings: tuple[Finding, ...], key: str) -> None:
    for finding in findings:
        click.echo(str(finding))
    if findings:
        _warn(f"{name} does not hold: {len(findings)} findings")
    else:
        click.echo(f"{name}, signed by {key}")


@click.command()
@click.argument("target", metavar="NAME@VERSION")
@click.option("--reason", required=True, metavar="TEXT", help="Shown to whoever asks for it.")
@_PROJECT
@_JSON
def yank(target: str, reason: str, project: Path | None, as_json: bool) -> None:
    """Mark a version as not to be pulled unasked; it stays listed, and its files stay.

    Example: stackyard yank octo-org/yard@0.1.0 --reason "wrong licences, see 0.1.1"
    """
    from stackyard.cli import echo_json
    from stackyard.client import yanks

    named = _named(target)
    with _hub(project) as hub:
        new = yanks.yank(hub.dataset(named.repo), named.version, reason)
    if as_json:
        echo_json({"dataset": named.repo, "version": named.version, "reason": reason, "new": new})
    else:
        click.echo(f"{named.repo}@{named.version} is yanked" + ("" if new else " already"))


COMMANDS = [pull, verify, yank]
