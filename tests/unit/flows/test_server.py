"""The Prefect server of a run: found past proxies, waited for while it works, ended at nobody's cost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from flows import server
from stackyard.errors import EnvironmentFault
from stackyard.pipeline.project.making import init_project

REPO = Path(__file__).parents[3]
DEAD = "http://127.0.0.1:9"

STARTED = """
import os, signal, subprocess, sys, time, urllib.request
from pathlib import Path
from flows.server import prefect_api
state = Path(sys.argv[1])
with prefect_api(state):
    url = os.environ["PREFECT_API_URL"]
    print(urllib.request.urlopen(url + "/health").read().decode(), flush=True)
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(os.getpid())], capture_output=True)
    servers = [int(pid) for pid in listed.stdout.split()]
    for pid in servers:
        try:
            if b"flows.server" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGSTOP)
                print("stopped", flush=True)
        except FileNotFoundError:
            continue
    print("result", flush=True)
print("left", flush=True)
"""


def environment(**variables: str) -> dict[str, str]:
    plain = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    plain.pop("PREFECT_API_URL", None)
    return plain | {"PYTHONPATH": f"{REPO}{os.pathsep}{REPO}/src"} | variables


def test_server_starts_behind_a_dead_proxy_and_one_that_never_ends_loses_no_result(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTED, str(tmp_path / "state")],
        env=environment(HTTP_PROXY=DEAD, http_proxy=DEAD, ALL_PROXY=DEAD),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["true", "stopped", "result", "left"]
    assert (tmp_path / "state" / "prefect.db").exists()


def test_dead_prefect_api_url_is_said_in_one_line(tmp_path: Path) -> None:
    root = tmp_path / "yard"
    init_project(root, "octo-org/yard", "opt-out@example.org")
    for command in (["build", "--project", str(root)], ["automations"]):
        done = subprocess.run(
            [sys.executable, "-m", "flows", *command],
            env=environment(PREFECT_API_URL=f"{DEAD}/api"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 3
        first = done.stderr.splitlines()[0]
        assert first == f"error: the Prefect server of PREFECT_API_URL does not answer: {DEAD}"
        assert "Traceback" not in done.stderr


def process(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code])


def ended(made: subprocess.Popen[bytes]) -> None:
    made.kill()
    made.wait()


def test_server_that_does_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "STALL_SECONDS", 2)
    made = process("import time; time.sleep(600)")
    try:
        with pytest.raises(EnvironmentFault, match="did not come up") as given_up:
            server._wait(made, f"{DEAD}/api/health", tmp_path)
        assert "it hangs" in str(given_up.value)
    finally:
        ended(made)


def test_server_that_works_is_waited_for_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "STALL_SECONDS", 2)
    monkeypatch.setattr(server, "TELL_SECONDS", 1)
    busy = "import time\nend = time.monotonic() + 6\nwhile time.monotonic() < end: pass"
    made = process(busy)
    try:
        with pytest.raises(EnvironmentFault, match="did not come up") as gone:
            server._wait(made, f"{DEAD}/api/health", tmp_path)
        assert "it ended" in str(gone.value)
    finally:
        ended(made)
    assert "waiting for the Prefect server of this run" in capsys.readouterr().err


def test_new_database_is_a_copy_of_the_one_made_before(tmp_path: Path) -> None:
    made, database = tmp_path / "made.db", tmp_path / "state.db"
    with closing(sqlite3.connect(made)) as connection:
        connection.execute("CREATE TABLE one (a)")
        connection.commit()
    server._lay_database(database, made)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("one",)]


def test_damaged_database_made_before_is_not_used(tmp_path: Path) -> None:
    made, database = tmp_path / "made.db", tmp_path / "state.db"
    made.write_bytes(b"SQLite format 3\0" + bytes(4096))
    server._lay_database(database, made)
    assert not database.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["made.db"]


def test_crashed_runs_leaves_a_busy_machine_its_runs() -> None:
    text = (REPO / "automations.yaml").read_text()
    crashed = yaml.safe_load(text)["automations"][1]
    assert crashed["name"] == "crashed-runs"
    latest_seen_seconds = 125
    assert crashed["trigger"]["within"] >= 7 * latest_seen_seconds


def test_no_deployment_has_a_lease_that_prefect_ends_a_run_over() -> None:
    deployments = yaml.safe_load((REPO / "prefect.yaml").read_text())["deployments"]
    assert [each["name"] for each in deployments if "concurrency_limit" in each] == []
