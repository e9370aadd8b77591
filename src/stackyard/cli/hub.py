"""`stackyard hub`: keep the embedded Hub up, for any Hugging Face client on this machine."""

from __future__ import annotations

import json
import signal
from contextlib import suppress
from pathlib import Path

import click

DIRECTORY = Path(".stackyard") / "hub"
"""Where the local Hub of a project lies, in the project."""


@click.group()
def hub() -> None:
    """The embedded Hub: a Hub server over a directory."""


@hub.command()
@click.option(
    "--project",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Serve the local Hub of this dataset project. [default: the current directory]",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Serve this directory instead.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8888, show_default=True, help="0: a free one."
)
@click.option("--json", "as_json", is_flag=True, help="Say where it is as one line of JSON.")
def serve(project: Path | None, directory: Path | None, port: int, as_json: bool) -> None:
    r"""Serve a Hub on 127.0.0.1 until it is interrupted.

    Other programs find it by HF_ENDPOINT:

    \b
      stackyard hub serve --port 8888 &
      export HF_ENDPOINT=http://127.0.0.1:8888 HF_HUB_DISABLE_XET=1
      python -c "import datasets; print(datasets.load_dataset('octo-org/yard', 'Python'))"
    """
    if project is not None and directory is not None:
        raise click.UsageError("--project and --dir exclude each other")
    from stackyard.hub.server import EmbeddedHub

    root = directory or (project or Path()) / DIRECTORY
    # A shell starts what it puts in the background with Ctrl-C ignored, and ends it by TERM.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with EmbeddedHub(root, port) as server, suppress(KeyboardInterrupt):
        if as_json:
            click.echo(json.dumps({"endpoint": server.endpoint, "directory": str(root)}))
        else:
            click.echo(f"Serving {root} at {server.endpoint} (Ctrl-C ends it). For other programs:")
            click.echo(f"  export HF_ENDPOINT={server.endpoint} HF_HUB_DISABLE_XET=1")
        server.wait()
    click.echo("Stopped.", err=True)


COMMANDS = [hub]
