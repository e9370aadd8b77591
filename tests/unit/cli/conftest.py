"""A project, and the commands over it as a person types them."""

from __future__ import annotations

import functools
import http.server
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from stackyard.cli import cli, exit_code_of
from stackyard.errors import StackyardError
from stackyard.ingest import download
from stackyard.pipeline.project.making import init_project

Typed = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "yard"
    init_project(root, "octo-org/yard", "opt-out@example.org")
    return root


@pytest.fixture
def typed() -> Typed:
    """Runs `stackyard ARGUMENTS...`; errors become exit codes and messages, as at the command line."""

    def run(*arguments: str) -> int:
        try:
            result = cli.main(list(arguments), prog_name="stackyard", standalone_mode=False)
        except (StackyardError, click.ClickException, OSError) as error:
            return exit_code_of(error)
        return result if isinstance(result, int) else 0

    def invoke(*arguments: str | Path) -> Result:
        def callback() -> None:
            sys.exit(run(*map(str, arguments)))

        return CliRunner().invoke(click.Command("typed", callback=callback), [])

    return invoke


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder and the URL that it is served at; its `simple/` is the package index."""
    for name in tuple(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=functools.partial(server.serve_forever, 0.02))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("PIP_INDEX_URL", f"{url}/simple/")
        download.pip_settings.cache_clear()
        yield folder, url
        download.pip_settings.cache_clear()
        server.shutdown()
        thread.join()
