"""Commands over a dataset project: make one, run a stage of it, show its report."""

from __future__ import annotations

from pathlib import Path

import click

PROJECT = click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    help="The dataset project.",
)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--repo", default=None, help="Dataset id on the Hub, namespace/name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def init(folder: Path, repo: str | None, as_json: bool) -> None:
    """Make FOLDER a dataset project: params.yaml, sources.yaml, dvc.yaml, registry/, keys.

    What is there already stays as it is, so it is safe to run it again.

    Example: stackyard init my-dataset --repo octo-org/my-dataset
    """
    from stackyard.cli import echo_json
    from stackyard.pipeline.init import init_project

    made = init_project(folder, repo)
    if as_json:
        echo_json({"project": str(folder), "made": made})
    elif made:
        click.echo(f"made in {folder}: {', '.join(made)}")
        click.echo("next: name your sources in sources.yaml, then `python -m flows release "
                   f"--project {folder}` from the Stackyard checkout")  # fmt: skip
    else:
        click.echo(f"{folder} is a dataset project already; nothing to do")


@click.group()
def stage() -> None:
    """Run one stage without Prefect (what dvc.yaml calls)."""


@stage.command("run")
@click.argument("name")
@PROJECT
def stage_run(name: str, project: Path) -> None:
    """Run stage NAME in this process, whether it is stale or not.

    Example: stackyard stage run filter --project my-dataset
    """
    from stackyard.errors import UsageError
    from stackyard.pipeline.execute import run_stage, run_units_here
    from stackyard.pipeline.project import Project
    from stackyard.stages import STAGES

    wanted = next((item for item in STAGES if item.name == name), None)
    if wanted is None:
        known = ", ".join(item.name for item in STAGES)
        raise UsageError(f"there is no stage {name!r}", expected=f"one of {known}")
    run_stage(Project.at(project), wanted, run_units_here)


@stage.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def stage_list(as_json: bool) -> None:
    """List the stages in their order, with what each reads and writes."""
    from stackyard.cli import echo_json
    from stackyard.params import plain
    from stackyard.stages import STAGES

    if as_json:
        echo_json([plain(item) for item in STAGES])
        return
    for item in STAGES:
        click.echo(f"{item.name:8} {item.unit:8} {', '.join(item.deps)} -> {', '.join(item.outs)}")


@click.command()
@PROJECT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def report(project: Path, as_json: bool) -> None:
    """Show the report of the last release that was made here.

    Example: stackyard report --project my-dataset --json
    """
    from stackyard.cli import echo_json
    from stackyard.params import plain
    from stackyard.pipeline.project import Project
    from stackyard.pipeline.tree import last_report
    from stackyard.release.report import text

    last = last_report(Project.at(project))
    if as_json:
        echo_json(plain(last))
    else:
        click.echo(text(last))


COMMANDS = [init, stage, report]
