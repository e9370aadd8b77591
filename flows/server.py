"""A Prefect server for the time of a run, where none is configured.

Workers in processes of their own each start a server unless PREFECT_API_URL names one, so a run
starts one, on loopback, with its database in the project's `.stackyard/prefect`, and ends it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stackyard.errors import EnvironmentFault

START_SECONDS = 120
"""A cold start takes 5-15 s on two cores; more means that it will not come."""

DRAIN_SECONDS = 10
"""Events are for whoever looks on; a run does not wait longer for them."""

QUIET = {
    "DASK_LOGGING__DISTRIBUTED": "critical",
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_XET": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
}


@contextmanager
def prefect_api(state: Path) -> Iterator[None]:
    """Sets up the environment for Prefect; call before anything imports prefect.

    Raises:
        EnvironmentFault: the server did not come up.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if os.environ.get("PREFECT_API_URL"):
        yield
        return
    state.mkdir(parents=True, exist_ok=True)
    os.environ["PREFECT_HOME"] = str(state)
    os.environ["PREFECT_LOCAL_STORAGE_PATH"] = str(state / "storage")
    port = _free_port()
    with (state / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "flows.server", str(os.getpid()), str(port)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        _wait(server, f"http://127.0.0.1:{port}/api/health", state)
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
        yield
        drain()
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        server.terminate()
        server.wait(timeout=30)


def drain() -> None:
    """Sends the events that wait and closes their connection, whose thread would outlive the run.

    That thread draws from the process's `random` at each ping.
    """
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=DRAIN_SECONDS, at_exit=False)


def serve(run_pid: int, port: int) -> None:
    """The server's own process: ends itself when the run that started it is gone."""
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    child = subprocess.Popen(command)
    try:
        while child.poll() is None and os.getppid() == run_pid:
            time.sleep(0.5)
    finally:
        child.terminate()
        child.wait(timeout=20)


def _wait(server: subprocess.Popen[bytes], url: str, state: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback, http by design
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    server.terminate()
    raise EnvironmentFault(
        "the Prefect server of this run did not come up",
        next_step=f"see {state / 'server.log'}, or set PREFECT_API_URL to a server of yours",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(int(sys.argv[1]), int(sys.argv[2]))
