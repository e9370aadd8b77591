"""`stackyard optout past`: what becomes of releases already made, for requests that ask for them too."""

from __future__ import annotations

from pathlib import Path

import click

from stackyard.cli import JSON, PROJECT


@click.command()
@PROJECT
@click.option("--confirm", metavar="DIGEST", help="Do it: the digest that was printed.")
@JSON
def past(project: Path, confirm: str | None, as_json: bool) -> int:
    """Show which older versions have what requests with --past name; with --confirm, yank or purge them.

    registry/policy.json says which of the two. A purge cannot be undone: tags, history and stored bytes
    are deleted on the Hub, in DVC's cache and remote, and in the workspace, and everything is read
    afterwards to see that nothing is left. Exit code 1 while something is to be done.

    Example: stackyard optout past --project my-dataset
    """
    from stackyard.cli import echo_json
    from stackyard.errors import UsageError
    from stackyard.params import plain
    from stackyard.pipeline.execute import bring_up_to_date, run_units_here
    from stackyard.pipeline.project import Project
    from stackyard.pipeline.purge import old_versions as room
    from stackyard.store.files import exclusive

    at = Project.at(project)
    with exclusive(at.private / "run.lock"):
        plan = room.old_versions(at)
        if confirm is None:
            if as_json:
                echo_json(room.document(plan))
            else:
                click.echo(plan.text())
                if not plan.is_done:
                    click.echo(f"digest: {plan.digest}")
                    click.echo(f"next: stackyard optout past --confirm {plan.digest}")
            return 0 if plan.is_done else 1
        if confirm != plan.digest:
            raise UsageError(
                "this is not the digest of what would be done now",
                next_step="look again: stackyard optout past",
            )
        if plan.policy != "purge" or plan.is_done:
            yanked = room.yank_old(at, plan)
            if as_json:
                echo_json({"purged": [], "yanked": list(yanked)})
            else:
                click.echo("\n".join(f"yanked: {each}" for each in yanked) or "nothing to do")
            return 0
        done = room.purge(
            at,
            plan,
            lambda at, stages: [bring_up_to_date(at, each, run_units_here) for each in stages],
        )
    if as_json:
        echo_json({**plain(done), "beyond_reach": done.beyond_reach(), "purged": done.versions})
        return 0
    click.echo(f"purged: {', '.join(done.versions)}: {done.contents} contents are gone")
    click.echo(
        f"  Hub: {done.objects} objects, {done.size_bytes} bytes; workspace: {done.segments} segments"
    )
    click.echo(f"  {done.files_read} stored files were read: nothing of it is left")
    for what in done.beyond_reach():
        click.echo(f"not purged: {what}")
    return 0
