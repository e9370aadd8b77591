"""Commands over what scanners found: look at it, and say what is no secret."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import click

from stackyard.cli import JSON, PROJECT


@click.group()
def pii() -> None:
    """What the scanners of secrets found."""


@pii.command("review")
@PROJECT
@click.option("--rule", default=None, help="Show what one rule of the scanner found.")
@click.option("--allow", "answers", multiple=True, metavar="RULE:SHA256",
              help="Let this value stand from now on; may be given again.")  # fmt: skip
@click.option("--reason", default=None, help="Why it is no secret, in ten characters or more.")
@JSON
def review(
    project: Path,
    rule: str | None,
    answers: tuple[str, ...],
    reason: str | None,
    as_json: bool,
) -> None:
    """Show what the second scanner alone found in the last build, by rule; no value is shown.

    What is allowed is written to registry/pii-allow.yaml, and counts from the next build on.

    Example: stackyard pii review --project my-dataset --rule betterleaks.curl-auth-user
    """
    from stackyard.cli import echo_json
    from stackyard.errors import UsageError
    from stackyard.params import plain
    from stackyard.pipeline.project import Project
    from stackyard.pipeline.review import allow, to_review

    opened = Project.at(project)
    if answers:
        if reason is None:
            raise UsageError("--allow needs a --reason", next_step="say why it is no secret")
        added = allow(opened, answers, reason)
        click.echo(f"{added} entries added to registry/pii-allow.yaml; release again")
        return
    found = to_review(opened, rule)
    if as_json:
        echo_json([{**plain(each), "answer": each.answer} for each in found])
        return
    if not found:
        click.echo("nothing to review: every finding of the second scanner is answered")
    for name, group in groupby(found, key=lambda each: each.rule):
        values = list(group)
        click.echo(f"{name}: {sum(each.count for each in values)} findings of {len(values)} values")
        for each in values:
            click.echo(f"  {each.repo_name}/{each.path}:{each.line}: {each.context}")
            click.echo(f"    --allow {each.answer}")


COMMANDS = [pii]
