"""The command line: commands are imported when called, and errors become exit codes here.

Exit codes: 0 done, 1 the thing asked about does not hold, 2 wrong use, 3 environment.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import click

from stackyard import __version__
from stackyard.errors import StackyardError, UsageError, shown, shown_json

_COMMANDS = {
    "init": ("project", "Make a new dataset project."),
    "source": ("source", "Add sources to a project, pinned."),
    "build": ("flow", "Make facts and decisions from sources.yaml; publish nothing."),
    "release": ("flow", "Build, check, version and publish."),
    "takedown": ("flow", "Apply verified opt-outs to the last release."),
    "service-levels": ("flow", "Age, breach and next step of each open opt-out."),
    "project": ("move", "Take a project to another machine."),
    "stage": ("project", "Run one stage without Prefect (what dvc.yaml calls)."),
    "report": ("project", "Show the report of the last build or release."),
    "pull": ("dataset", "Get a pinned version, verified."),
    "verify": ("dataset", "Check hashes, signature, registry and the laws a reader can check."),
    "sync": ("dataset", "Bring a pulled copy to the newest version that removes what must go."),
    "query": ("dataset", "Filter and search the files of a version."),
    "diff": ("dataset", "What changed between two versions, and the version step it asks for."),
    "explain": ("dataset", "Why a file is, or is not, in a version."),
    "yank": ("dataset", "Mark a version as not to be pulled unasked."),
    "optout": ("optout", "Ask for removal, and see that it happened."),
    "pii": ("pii", "What the scanners of secrets found, and what is no secret."),
    "hub": ("hub", "The embedded Hub."),
    "bench": ("bench", "Measure quality on planted data."),
}
"""Command -> module of this package, and its line in `stackyard --help` (so that help needs no import)."""


PROJECT = click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    help="The dataset project.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


class _Lazy(click.Group):
    """A group that knows its commands by name and imports one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"stackyard.cli.{_COMMANDS[cmd_name][0]}")
        return {command.name: command for command in module.COMMANDS}[cmd_name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="stackyard")
def cli() -> None:
    """Stackyard: versioned, verifiable source-code datasets, with opt-outs that are honoured."""


_EXPECTED = (
    StackyardError,
    click.ClickException,
    click.Abort,
    KeyboardInterrupt,
    OSError,
    ModuleNotFoundError,
)
"""What a command may end with; anything else is an error of the program, and is shown as one."""


def exit_code_of(error: BaseException) -> int:
    """The exit code of an error, and its message on standard error."""
    if isinstance(error, StackyardError):
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    if isinstance(error, click.ClickException):
        error.show()
        return UsageError.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        click.echo("interrupted: nothing is lost, run the same command again", err=True)
        return 130
    if isinstance(error, ModuleNotFoundError):
        from stackyard.extras import not_installed

        if (fault := not_installed(error)) is not None:
            return exit_code_of(fault)
    if isinstance(error, OSError):
        say(f"error: {error}", err=True)
        return 3
    raise error


def echo_json(value: Any) -> None:
    """One JSON document on standard output, keys sorted, for `--json`."""
    click.echo(shown_json(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)))


def say(text: str, *, err: bool = False) -> None:
    """A line for people; what a hostile name could do to their terminal is escaped."""
    click.echo(shown(text), err=err)


def run(command: click.Command, prog_name: str) -> None:
    """Runs a command line and exits with the code that its outcome has."""
    try:
        result = command.main(prog_name=prog_name, standalone_mode=False)
    except _EXPECTED as error:
        sys.exit(exit_code_of(error))
    sys.exit(result if isinstance(result, int) else 0)


def main() -> None:
    """Entry point of `stackyard`."""
    run(cli, "stackyard")
