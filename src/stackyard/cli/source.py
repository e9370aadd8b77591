"""`stackyard source`: what a dataset is made of, as entries of sources.yaml."""

from __future__ import annotations

from pathlib import Path

import click

from stackyard.cli import JSON, PROJECT


@click.group()
def source() -> None:
    """What the dataset is made of: entries of sources.yaml."""


@source.command("add")
@click.argument("what", metavar="PURL|URL|PATH")
@click.option("--name", metavar="OWNER/REPO", default=None,
              show_default="what the URL or the package says",
              help="What opt-outs and the dataset call it.")  # fmt: skip
@click.option("--ref", metavar="REF", default="", show_default="the default branch",
              help="Of git: a branch, a tag, a commit or a date.")  # fmt: skip
@PROJECT
@JSON
def source_add(what: str, name: str | None, ref: str, project: Path, as_json: bool) -> None:
    """Get a source, pin it, and add it to sources.yaml.

    Git is pinned by its commit, an archive or a package by its SHA-256. A folder is taken as it lies
    there at each build; one that is a git repository is pinned like any other.

    Example: stackyard source add pkg:pypi/six@1.17.0 --project my-dataset
    """
    from stackyard.cli import echo_json, say
    from stackyard.pipeline.project.source import add

    done = add(project, what, name, ref)
    if as_json:
        echo_json({"added": dict(done.entry), "name_was_guessed": done.guessed})
        return
    say("added to sources.yaml:\n" + "\n".join(f"  {k}: {v}" for k, v in done.entry.items()))
    if done.guessed:
        say("its name was not given, but read from it; if it is wrong, change it there")
    say(f"next: stackyard release --project {project}")


COMMANDS = [source]
