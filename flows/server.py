"""A Prefect server for the time of a run, where none is configured.

Workers in processes of their own each start a server unless PREFECT_API_URL names one, so a run
starts one, on loopback, with its database in the project's `.stackyard/prefect`, and ends it.

What a start costs (Prefect 3.8.8, two cores, seconds of processor time): importing the server 4.7, a new
database by its 150 migrations 4.3, registering its block types 1.2, the rest 1.3. A new database is therefore
a copy of one that was made before (`template`), block types and schedules are left out, and the server runs
in the process that we start, not in one below `prefect server start`, whose own imports took 1.4.
Until it answers, best of three, before and after in turns: 9.5 and 5.9 in a new project, 6.7 and 5.6 later.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import click

from stackyard.errors import EnvironmentFault
from stackyard.hub.server import reach_loopback_directly

LOOPBACK = "127.0.0.1"

STALL_SECONDS = 60
"""A server that starts uses the processor all the time: 6 s of it, in 6 s or, on a machine with load 19
on two cores, in over 120. One that got none of it for a minute waits for something that will not come."""

END_SECONDS = 1800
"""Where it is not known how much processor time a server used, and for one that runs in circles."""

TELL_SECONDS = 15
"""A start on an idle machine is over by then; from then on it is said what is waited for."""

STOP_SECONDS = 10
"""What a server has not written by then are events for whoever looks on: its database is whole after a
kill. The run's result does not wait for it."""

ANSWER_SECONDS = 15
"""For one answer of a server that PREFECT_API_URL names."""

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

WITHOUT = {
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
}
"""What a server for one run has no use for: schedules, work pools, automations, a page to look at."""


@contextmanager
def prefect_api(state: Path) -> Iterator[None]:
    """Sets up the environment for Prefect; call before anything imports prefect.

    Raises:
        EnvironmentFault: the server did not come up, or that of PREFECT_API_URL does not answer.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    reach_loopback_directly()
    if url := os.environ.get("PREFECT_API_URL"):
        check_answers(url)
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
            env={**WITHOUT, **os.environ},
        )
    try:
        _wait(server, f"http://{LOOPBACK}:{port}/api/health", state)
        os.environ["PREFECT_API_URL"] = f"http://{LOOPBACK}:{port}/api"
        yield
        drain()
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        _end(server)


def drain() -> None:
    """Sends the events that wait and closes their connection, whose thread would outlive the run.

    That thread draws from the process's `random` at each ping.
    """
    from prefect.events.worker import EventsWorker

    EventsWorker.drain_all(timeout=DRAIN_SECONDS, at_exit=False)


def serve(run_pid: int, port: int) -> None:
    """The server's own process: ends itself when the run that started it is gone."""
    threading.Thread(target=_end_with, args=(run_pid,), daemon=True).start()
    import prefect
    import uvicorn
    from prefect.server.api.server import create_app

    _lay_database(Path(os.environ["PREFECT_HOME"]) / "prefect.db", template(prefect.__version__))
    app = create_app(final=True)
    uvicorn.run(app, host=LOOPBACK, port=port, log_level="warning", timeout_keep_alive=5)


def _end_with(run_pid: int) -> None:
    while os.getppid() == run_pid:
        time.sleep(0.5)
    os._exit(0)


def template(version: str) -> Path:
    """A new database as this version of Prefect makes it, kept among the user's caches."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "stackyard" / f"prefect-{version}.db"


def _lay_database(database: Path, made: Path) -> None:
    """A database, if there is none: a copy of the one made before, else a new one, which is kept.

    The server still looks at its version when it starts, and brings an older one up to date.
    """
    if database.exists():
        return
    if not made.exists():
        import asyncio

        from prefect.server.database import provide_database_interface

        asyncio.run(provide_database_interface().create_db())
        with suppress(OSError, sqlite3.Error):  # a cache: without it the next start takes longer
            made.parent.mkdir(parents=True, exist_ok=True)
            _copy(database, made)
        return
    try:
        _copy(made, database)
    except sqlite3.Error:  # damaged: the server makes its own
        database.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    """A whole copy of a SQLite database, also of one that is open."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(partial)) as new:
            old.backup(new)
            if new.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("damaged")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def check_answers(url: str) -> None:
    """Passes if a Prefect server answers, whatever it says: whether we may use it, it tells itself.

    Raises:
        EnvironmentFault: nobody answers.
    """
    parts = urllib.parse.urlsplit(url)
    shown = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=ANSWER_SECONDS):  # noqa: S310 - what the user named
            return
    except urllib.error.HTTPError as answer:
        answer.close()
    except (OSError, ValueError) as error:
        raise EnvironmentFault(
            f"the Prefect server of PREFECT_API_URL does not answer: {shown}",
            found=str(getattr(error, "reason", error)),
            next_step="start it, or unset PREFECT_API_URL: a run then starts one of its own",
        ) from error


def _wait(server: subprocess.Popen[bytes], url: str, state: Path) -> None:
    """Returns when the server answers; waits for as long as it is at work."""
    start = time.monotonic()
    used, moved, told = _ticks(server.pid), start, start + TELL_SECONDS
    while server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - loopback, http by design
                return
        except OSError:
            time.sleep(0.1)
        now, ticks = time.monotonic(), _ticks(server.pid)
        if ticks is None or ticks != used:
            used, moved = ticks, now
        if now - moved > STALL_SECONDS or now - start > END_SECONDS:
            break
        if now > told:
            told = now + TELL_SECONDS
            waits = (
                f"waiting for the Prefect server of this run, {now - start:.0f} s{_so_far(used)}"
            )
            click.echo(waits, err=True)
    raise EnvironmentFault(
        "the Prefect server of this run did not come up",
        found="it ended" if server.poll() is not None else f"it hangs{_so_far(used)}",
        next_step=f"see {state / 'server.log'}, or set PREFECT_API_URL to a server of yours",
    )


def _so_far(ticks: int | None) -> str:
    return (
        ""
        if ticks is None
        else f", {ticks / os.sysconf('SC_CLK_TCK'):.1f} s of processor time used"
    )


def _ticks(pid: int) -> int | None:
    """Processor time that a process has used (proc_pid_stat(5), utime and stime); None if unknown."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    values = fields.rpartition(")")[2].split()
    return int(values[11]) + int(values[12])


def _end(server: subprocess.Popen[bytes]) -> None:
    """Ends the server; that it is slow to end is nobody's loss."""
    server.terminate()
    try:
        server.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
