"""`stackyard project`: take a project to another machine."""

from __future__ import annotations

import os
from pathlib import Path

import click

from stackyard.cli import JSON, PROJECT

PASSPHRASE = "STACKYARD_PASSPHRASE"  # noqa: S105 - the name of a variable
"""Variable with the passphrase, for scripts; else it is asked for."""

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def project() -> None:
    """Take a project to another machine (docs/move.md)."""


@project.command("export")
@click.argument("file", type=_FILE)
@click.option("--to", "recipients", metavar="AGE_KEY", multiple=True, show_default="a passphrase",
              help="Encrypt to this public key of age; again for more.")  # fmt: skip
@PROJECT
@JSON
def project_export(file: Path, recipients: tuple[str, ...], project: Path, as_json: bool) -> None:
    """Write keys, private registry and receipts to FILE, encrypted by age.

    Git has none of them, and without them a clone can verify and not release. The passphrase is asked
    for, or taken from STACKYARD_PASSPHRASE.

    Example: stackyard project export yard.age --project my-dataset
    """
    from stackyard.cli import echo_json
    from stackyard.pipeline.project import Project
    from stackyard.pipeline.project.move import export

    passphrase = None if recipients else _passphrase(confirm=True)
    names = export(Project.at(project), file, passphrase, recipients)
    if as_json:
        echo_json({"file": str(file), "holds": names})
        return
    click.echo(f"{file} holds {len(names)} files, encrypted: {', '.join(names)}")
    click.echo(f"next, in the clone on the other machine: stackyard project import {file.name}")


@project.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--identity", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              show_default="a passphrase", help="File with the secret key of age.")  # fmt: skip
@PROJECT
@JSON
def project_import(file: Path, identity: Path | None, project: Path, as_json: bool) -> None:
    """Put what `project export` wrote into its places in this clone.

    A file that is there and differs is not replaced.

    Example: stackyard project import yard.age --project my-dataset
    """
    from stackyard.cli import echo_json
    from stackyard.pipeline.project import Project
    from stackyard.pipeline.project.move import bring

    key = None if identity is None else _secret(identity)
    passphrase = None if identity is not None else _passphrase(confirm=False)
    names = bring(Project.at(project), file, passphrase, key)
    if as_json:
        echo_json({"new": names})
        return
    click.echo(f"{len(names)} files are new: {', '.join(names)}" if names else "nothing is new")
    click.echo("next: dvc pull, then stackyard release --dry-run")


@project.command("remote")
@click.argument("url", metavar="URL")
@PROJECT
@JSON
def project_remote(url: str, project: Path, as_json: bool) -> None:
    """Keep what stages made at URL, which other machines reach too, and send it there.

    Any URL that DVC knows: s3://, ssh://, https://, or a folder that all machines mount.

    Example: stackyard project remote s3://my-bucket/yard --project my-dataset
    """
    from stackyard.cli import echo_json
    from stackyard.pipeline.project import Project
    from stackyard.pipeline.project.move import set_remote

    sent = set_remote(Project.at(project), url)
    if as_json:
        echo_json({"remote": url, "sent": sent})
    else:
        click.echo(f"the remote is {url}; {sent} files sent; .dvc/config is committed, push it")


def _passphrase(*, confirm: bool) -> str:
    given = os.environ.get(PASSPHRASE)
    if given:
        return given
    answer: str = click.prompt("passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return answer


def _secret(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in lines if line.startswith("AGE-SECRET-KEY-")), "")


COMMANDS = [project]
