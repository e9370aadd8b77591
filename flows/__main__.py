"""`python -m flows build | release | takedown | service-levels`: starts a flow, and a Prefect server if none is set.

`stackyard build | release | takedown | service-levels` are the same commands.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackyard.cli import JSON, PROJECT, echo_json, run
from stackyard.cli.written import check_written
from stackyard.errors import UsageError

if TYPE_CHECKING:
    from stackyard.pipeline.publish.publishing import Outcome


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        PROJECT,
        click.option(
            "--engine",
            type=click.Choice(["local", "dask"]),
            default="local",
            show_default=True,
            help="Where units of work run: processes of this machine, or a Dask cluster "
            "(DASK_SCHEDULER_ADDRESS, else one on this machine).",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1, 1024),
            default=None,
            show_default="number of cores",
            help="Units at work at a time.",
        ),
        JSON,
    ]
    for option in reversed(options):
        command = option(command)
    return command


class _Flows(click.Group):
    """A group in which `service_levels`, as it was called before, is `service-levels`."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name.replace("_", "-"))


@click.group(cls=_Flows, context_settings={"help_option_names": ["-h", "--help"]})
def flows() -> None:
    """Build and release a dataset. A killed flow goes on where it was when started again."""


@flows.command()
@_common
def build(project: Path, engine: str, workers: int | None, as_json: bool) -> None:
    """Make facts and decisions from sources.yaml; publish nothing.

    Example: stackyard build --project my-dataset --workers 2
    """
    root = _ready(project)
    from flows.server import prefect_api

    with prefect_api(root / ".stackyard" / "prefect"):
        from flows.build import build as flow
        from flows.result import ran
        from flows.runner import on_engine

        stages = ran(on_engine(flow, engine, workers), root)
        if as_json:
            echo_json({"ran": stages})
        else:
            nothing = "everything is up to date; nothing to do"
            click.echo(f"ran: {', '.join(stages)}" if stages else nothing)


@flows.command()
@_common
@click.option(
    "--bump",
    type=click.Choice(["auto", "major", "minor", "patch"]),
    default="auto",
    show_default=True,
    help="The version step; `auto` computes it, a larger one may be asked for.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Build, check, and show what would change against the published release; release/ stays.",
)
def release(  # noqa: PLR0917 - click hands its options over by name
    project: Path, engine: str, workers: int | None, as_json: bool, bump: str, dry_run: bool
) -> None:
    """Build, check, version and publish.

    Example: stackyard release --project my-dataset --dry-run
    """
    root = _ready(project)
    if bump == "auto" and not dry_run and (outcome := _unchanged(root)) is not None:
        _show(outcome, as_json)
        return
    from flows.server import prefect_api

    with prefect_api(root / ".stackyard" / "prefect"):
        from flows.release import release as flow
        from flows.result import ran
        from flows.runner import on_engine

        _show(ran(on_engine(flow, engine, workers), root, bump, dry_run), as_json)


@flows.command()
@_common
@click.option("--dry-run", is_flag=True, help="Say what would be applied; change nothing.")
@click.option(
    "--purge",
    is_flag=True,
    help="Purge older versions too where registry/policy.json says so, without asking again.",
)
def takedown(  # noqa: PLR0917 - click hands its options over by name
    project: Path, engine: str, workers: int | None, as_json: bool, dry_run: bool, purge: bool
) -> None:
    """Apply verified opt-outs to the last release: a patch release, and receipts.

    Example: stackyard takedown --project my-dataset
    """
    root = _ready(project)
    if dry_run:
        from stackyard.pipeline.optouts.takedown import intended
        from stackyard.pipeline.project import Project

        _show(intended(Project.at(root)), as_json)
        return
    from flows.server import prefect_api

    with prefect_api(root / ".stackyard" / "prefect"):
        from flows.result import ran
        from flows.runner import on_engine
        from flows.takedown import takedown as flow

        _show(ran(on_engine(flow, engine, workers), root, purge), as_json)


@flows.command("service-levels")
@PROJECT
@JSON
def service_levels(project: Path, as_json: bool) -> int:
    """Say how old each open opt-out is, what is late, and what is next; exit code 1 if one is late.

    It also tells Prefect, by one event for each state in which something is late.

    Example: stackyard service-levels --project my-dataset
    """
    root = _ready(project)
    from flows.server import prefect_api

    with prefect_api(root / ".stackyard" / "prefect"):
        from flows.result import ran
        from flows.service_levels import service_levels as flow

        levels = ran(flow, root)
        _show(levels, as_json)
    return 1 if levels.late else 0


@flows.command()
@JSON
def automations(as_json: bool) -> None:
    """Create the automations of automations.yaml on the Prefect server of PREFECT_API_URL.

    Those that are there by the same names are brought up to date.

    Example: python -m flows automations
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise UsageError(
            "PREFECT_API_URL is not set, and automations live on a server that stays",
            next_step="start one (docs/deploy.md), and set PREFECT_API_URL",
        )
    from flows.server import check_answers

    check_answers(os.environ["PREFECT_API_URL"])
    from flows.automations import apply_automations

    names = apply_automations()
    if as_json:
        echo_json({"automations": names})
    else:
        click.echo("\n".join(names))


def _unchanged(root: Path) -> Outcome | None:
    from stackyard.pipeline.optouts.takedown import pending_ids
    from stackyard.pipeline.project import Project
    from stackyard.pipeline.publish.publishing import unchanged
    from stackyard.store.files import exclusive

    project = Project.at(root)
    with exclusive(project.private / "run.lock"):
        return None if pending_ids(project) else unchanged(project)


def _ready(project: Path) -> Path:
    """The project's folder, with all that a run needs; what was written wrong is said at once."""
    check_written(project)
    from stackyard.pipeline.project.making import ready_project

    return ready_project(project).root


def _show(outcome: Any, as_json: bool) -> None:
    if as_json:
        echo_json(outcome.document())
    else:
        click.echo(outcome.text())


if __name__ == "__main__":
    run(flows, "python -m flows")
