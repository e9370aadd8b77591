"""Commands over a dataset project: make one, run a stage of it, show its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from stackyard.cli import JSON, PROJECT


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--repo", default=None, help="Dataset id on the Hub, namespace/name.")
@click.option("--contact", default=None, metavar="MAIL|URL", show_default="git's user.email", help="Whom code owners write to; it "
                                                                                                   "is public, and needed before a release.")  # fmt: skip
@click.option("--remote", metavar="URL", default=None, show_default="a folder in the project",
              help="Where DVC keeps what stages made: s3://, ssh://, https://, or a folder.")  # fmt: skip
@JSON
def init(
    folder: Path, repo: str | None, contact: str | None, remote: str | None, as_json: bool
) -> None:
    """Make FOLDER a dataset project: params.yaml, sources.yaml, dvc.yaml, registry/, keys.

    What is there already stays as it is, so it is safe to run it again.

    Example: stackyard init my-dataset --repo octo-org/my-dataset --contact data@example.org
    """
    from stackyard.cli import echo_json
    from stackyard.pipeline.project.making import init_project, usual_contact

    usual = usual_contact(folder) if contact is None else None
    made = init_project(folder, repo, contact or usual, remote)
    if as_json:
        echo_json({"project": str(folder), "made": made})
    elif made:
        click.echo(f"made in {folder}: {', '.join(made)}")
        if usual is not None:
            click.echo(f"code owners write to {usual}, as git has it. The card will show it;")
            click.echo("change publish.contact in params.yaml if it should be another.")
        click.echo(f"next: stackyard source add PURL|URL|PATH --project {folder}")
        click.echo(f"then: stackyard release --project {folder}")
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
@JSON
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
@click.option(
    "--samples", type=click.IntRange(1, 1000), help="Show N files that each rule dropped."
)
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write it as one page with plots, to send to somebody.")  # fmt: skip
@click.option("--all", "whole", is_flag=True, help="Show every line of every table.")
@click.option("--by-language", is_flag=True, help="Count what the filter dropped by language.")
@click.option("--copies", is_flag=True, help="List directories that stand elsewhere too.")
@JSON
def report(  # noqa: PLR0917 - click passes by name
    project: Path,
    samples: int | None,
    html: Path | None,
    whole: bool,
    by_language: bool,
    copies: bool,
    as_json: bool,
) -> None:
    """Show the report of the last release of the project; a clone has it too.

    Licences that do not go with the collection's own are listed if there are any.

    Example: stackyard report --project my-dataset --samples 3
    """
    from stackyard.cli import echo_json
    from stackyard.params import plain
    from stackyard.pipeline import insight
    from stackyard.pipeline.execute import durations
    from stackyard.pipeline.project import Project
    from stackyard.pipeline.publish.tree import last_report
    from stackyard.release.report import text

    opened = Project.at(project)
    last = last_report(opened)
    if html is not None:
        from stackyard.pipeline.insight import page

        html.write_text(page(opened), encoding="utf-8")
        click.echo(f"{html} has the report of {last.name} {last.version}, in one file")
        return
    parts: dict[str, list[dict[str, Any]]] = {
        "licence_conflicts": [each._asdict() for each in insight.licence_conflicts(opened)]
    }
    if by_language:
        parts["dropped_by_language"] = insight.dropped_by_language(opened).to_pylist()
        parts["redacted_by_language"] = insight.redacted_by_language(opened).to_pylist()
    if samples:
        rows = insight.samples(opened, samples)
        names = ["stage", "rule", "repo_name", "path", "evidence"]
        parts["samples"] = rows.select(names).to_pylist()
    if copies:
        table = insight.copied_directories(opened)
        ids = [each.hex() for each in table["directory_id"].to_pylist()]
        at = table.schema.get_field_index("directory_id")
        parts["copies"] = table.set_column(at, "directory_id", [ids]).to_pylist()
    spent = durations(opened)
    if as_json:
        echo_json({**plain(last), **parts, "seconds": spent})
        return
    click.echo(text(last, whole=whole))
    if spent:
        click.echo("Seconds that each stage took when it last ran here")
        for name, seconds in spent.items():
            click.echo(f"  {name:<8} {seconds:>9,.1f}")
    for title, entries in parts.items():
        if entries:
            click.echo(f"\n{title.replace('_', ' ').capitalize()}")
        for entry in entries:
            click.echo("  " + "  ".join(str(value) for value in entry.values()))


COMMANDS = [init, stage, report]
