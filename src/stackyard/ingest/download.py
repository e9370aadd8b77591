"""Downloads over HTTP, as the machine's pip is configured to make them.

In: a URL. Out: a file. Always holds: a URL never shows in an error, as a configured index may hold
a credential; tries are bounded; certificates are checked against the operator's bundle.
"""

from __future__ import annotations

import ast
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from stackyard.errors import EnvironmentFault, UsageError

_TRIES: Final = 4
_PAUSE_FACTOR: Final = 0.5
"""Seconds: pauses of 0, 1 and 2 between the tries."""
_TIMEOUT_SECONDS: Final = (20, 120)
"""To connect, and between two pieces."""
_PIECE_BYTES: Final = 256 * 1024
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@functools.cache
def pip_settings() -> Mapping[str, str]:
    """What pip's files and environment say for `pip download`; later ones win, as in pip.

    This Python's pip is asked, or, where it has none, the one of the machine.

    Source: the pip user guide, "Configuration": global, then the command's own, then environment.
    """
    values: dict[str, str] = {}
    pip = [sys.executable, "-m", "pip"] if find_spec("pip") else [shutil.which("pip")]
    if pip[0] is not None:
        done = subprocess.run(
            [*map(str, pip), "config", "list"], capture_output=True, check=False, text=True
        )
        said = [line.partition("=") for line in done.stdout.splitlines()]
        for section in ("global.", "download."):
            values |= {
                key.removeprefix(section): str(ast.literal_eval(value))
                for key, _, value in said
                if key.startswith(section)
            }
    prefix = "PIP_"
    return values | {
        name.removeprefix(prefix).lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith(prefix) and value
    }


def session() -> requests.Session:
    """A session with bounded retries, and pip's proxy and certificates where pip has its own."""
    made = requests.Session()
    retry = Retry(
        total=_TRIES - 1,
        backoff_factor=_PAUSE_FACTOR,
        status_forcelist=_PASSING,
        allowed_methods=("GET", "HEAD"),
        respect_retry_after_header=False,
    )
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(max_retries=retry))
    settings = pip_settings()
    if "cert" in settings:
        made.verify = settings["cert"]
    if "proxy" in settings:
        made.proxies = {"http": settings["proxy"], "https": settings["proxy"]}
    return made


def download(connection: requests.Session, url: str, to: Path, bytes_max: int, where: str) -> None:
    """Writes what a URL answers to a file; a body that breaks off is asked for again.

    Raises:
        EnvironmentFault: the network or the server failed each time.
        UsageError: there is no such file, or it is longer than the bound.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            _download(connection, url, to, bytes_max, where)
        except requests.RequestException as error:
            if attempt == _TRIES:
                raise unreachable(where, error) from None  # the cause would show the URL
        else:
            return


def _download(connection: requests.Session, url: str, to: Path, bytes_max: int, where: str) -> None:
    # As it is: some servers call a .tar.gz a tar in gzip encoding, which would be undone here.
    headers = {"Accept-Encoding": "identity"}
    with connection.get(url, stream=True, headers=headers, timeout=_TIMEOUT_SECONDS) as answer:
        if answer.status_code in {401, 403, 404, 410}:
            raise UsageError(
                f"{where} cannot be got: the server answers {answer.status_code}",
                next_step="mend its entry in sources.yaml",
            )
        answer.raise_for_status()
        length = 0
        with to.open("wb") as file:
            for piece in answer.iter_content(_PIECE_BYTES):
                length += len(piece)
                if length > bytes_max:
                    raise too_large(where, bytes_max)
                file.write(piece)
        announced = answer.headers.get("Content-Length")
        is_plain = "Content-Encoding" not in answer.headers
        if is_plain and announced is not None and int(announced) != length:
            raise requests.ConnectionError("the answer broke off")


def too_large(where: str, bytes_max: int) -> UsageError:
    return UsageError(
        f"{where} is larger than {bytes_max} bytes",
        expected="at most ingest.archive_bytes_max",
        next_step="leave the source out, or raise the bound in params.yaml if you trust it",
    )


def unreachable(where: str, error: Exception) -> EnvironmentFault:
    return EnvironmentFault(
        f"the network failed for {where} ({type(error).__name__})",
        next_step="check the connection, the proxy and the package index, then run again",
    )
