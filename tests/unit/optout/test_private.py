"""The private part in each of its three places, by the same tests: SQLite, an age file, Postgres."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from stackyard.errors import EnvironmentFault, StackyardError, UsageError, VerificationError
from stackyard.optout import requests
from stackyard.optout.registry import pending
from stackyard.optout.selector import parse
from stackyard.store.private import IDENTITY, URL_VARIABLE, Private
from stackyard.store.registry import author_key, init_registry, open_registry, open_writer

from .test_registry_store import NOW, accept, appender, submit

BACKENDS = ("sqlite", "age", "postgres")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A Postgres server of this test's own, on a port of its own; the URL of its administrator."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = shutil.which("initdb", path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    assert found is not None, "these tests start a Postgres server: apt-get install postgresql"
    programs = Path(found).parent
    folder = Path(tempfile.mkdtemp(prefix="stackyard-postgres-"))
    who = "postgres" if os.getuid() == 0 else None  # Postgres does not run as root
    if who:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    made = [str(programs / "initdb"), "-N", "-A", "trust", "-U", "admin", "-D", str(data)]
    subprocess.run(made, check=True, capture_output=True, cwd=folder, user=who)
    served = [str(programs / "postgres"), "-F", "-D", str(data), "-h", "127.0.0.1", "-p", str(port),
              "-k", str(folder)]  # fmt: skip
    with subprocess.Popen(
        served, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=who
    ) as server:
        url = f"postgresql+pg8000://admin@127.0.0.1:{port}/"
        while True:
            try:
                ask(f"{url}postgres", "select 1")
                break
            except Exception:  # noqa: BLE001 - the server is not up yet
                assert server.poll() is None
                time.sleep(0.05)
        yield url
        server.send_signal(signal.SIGINT)
    shutil.rmtree(folder)


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            found = connection.execute(sa.text(sql))
            return [tuple(row) for row in found] if found.returns_rows else []
    finally:
        engine.dispose()


@pytest.fixture(params=BACKENDS)
def project(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A project whose private part lies in one of the places."""
    if request.param == "age":
        monkeypatch.setenv(URL_VARIABLE, "age:")
    elif request.param == "postgres":
        base = f"t{os.getpid()}_{time.monotonic_ns()}"
        server = request.getfixturevalue("postgres")
        ask(f"{server}postgres", f"create database {base}")
        monkeypatch.setenv(URL_VARIABLE, f"{server}{base}")
    else:
        monkeypatch.delenv(URL_VARIABLE, raising=False)
    init_registry(tmp_path)
    return tmp_path


def opened(project: Path) -> Private:
    return Private(project / ".stackyard" / "private")


def held_by(project: Path) -> bytes:
    """All bytes that the private part has anywhere, decrypted where they are not plain."""
    rows = []
    with opened(project) as private, private._engine.connect() as connection:
        for table in ("requests", "reasons", "challenges", "receipts", "sources"):
            for row in connection.exec_driver_sql(f"select * from {table}"):
                values = [bytes(v) if isinstance(v, memoryview) else v for v in row]
                rows.append(str(values).encode())
        if private._sealed is not None:
            rows.append(private._sealed.read() or b"")
    files = [p.read_bytes() for p in (project / ".stackyard").rglob("*") if p.is_file()]
    return b"\n".join(rows + files)


def test_request_that_was_appended_comes_back_whole(project: Path) -> None:
    with open_writer(project) as log:
        event, request = requests.submit(
            parse("owner", "https://github.com/Octo"),
            sequence=0,
            time=NOW,
            salt=os.urandom(32),
            contact="me@example.org",
            copies="near",
            past=True,
            forks=True,
        )
        log.append([event], [request], sources={"github:1": request.request})
        assert log.private.request(request.request) == request
        assert log.private.sources() == {"github:1": request.request}
        assert log.private.request("req-none") is None
    accept(project, request.request)
    assert pending(open_registry(project)) == (request,)
    with opened(project) as private:
        assert private.reasons(request.request) == ["asked by mail"]


def test_challenge_receipt_and_key_come_back(project: Path) -> None:
    name = submit(project, "octo/p")
    with opened(project) as private:
        private.set_challenge(name, "one", "2026-01-01T00:00:00Z")
        private.set_challenge(name, "two", "2026-01-01T00:00:00Z")
        private.set_receipts({name: b"\x00\xff{}"})
        key = private.author_key()
    with opened(project) as private:
        assert private.challenge(name) == ("two", "2026-01-01T00:00:00Z")
        assert private.receipt(name) == b"\x00\xff{}"
        assert private.author_key() == key
        private.end_challenge(name)
        assert private.challenge(name) is None
    assert author_key(project) == key
    assert len(key) == 32


def test_contact_that_was_erased_is_nowhere_and_the_log_holds(project: Path) -> None:
    gone = submit(project, "octo/p", "very-private-1@example.org")
    submit(project, "octo/q", "very-private-2@example.org")
    accept(project, gone)
    assert b"very-private-1" in held_by(project)
    with open_writer(project) as log:
        log.private.erase_contact(gone)
    held = held_by(project)
    assert b"very-private-1" not in held
    assert b"very-private-2" in held
    assert [r.request for r in pending(open_registry(project))] == [gone]
    accept(project, submit(project, "octo/r"))


def test_request_that_ended_can_be_forgotten_and_the_log_holds(project: Path) -> None:
    name = submit(project, "unique-name/p", "very-private@example.org")
    with open_writer(project) as log:
        log.private.set_receipts({name: b"unique-name"})
        ended = requests.ended(
            log.status(name), "withdrawn", "requester", None, sequence=log.size, time=NOW
        )
        log.append([ended])
        log.private.erase_request(name)
    held = held_by(project)
    assert b"unique-name" not in held
    assert b"very-private" not in held
    assert open_registry(project).statuses[name].state == "withdrawn"


def test_append_on_an_index_that_moved_on_is_refused_and_changes_nothing(project: Path) -> None:
    """Two machines with one private part: the later of two appends at once finds out."""
    submit(project, "octo/p")
    with open_writer(project) as log:
        stale = log.private.index()
        event, request = requests.submit(
            parse("repo", "octo/q"), sequence=1, time=NOW, salt=os.urandom(32), contact="a@b.org"
        )
        log.append([event], [request])
        assert stale is not None
        stale.previous_nodes[:] = stale.nodes
        late = type(stale)(2, stale.nodes, 1, stale.nodes, b"[]")
        with pytest.raises(VerificationError, match="same moment"):
            log.private.append([], [], [("req-late", bytes(32))], late, {"late": "req-late"})
        assert log.private.sources() == {}
        assert len(log.private.leaves_of("req-late")) == 0
    assert len(open_registry(project).events) == 2


def test_append_two_writers_at_once_lose_nothing_anywhere(project: Path) -> None:
    with appender(project, "a", 3) as one, appender(project, "b", 3) as two:
        said = one.communicate()[0].split() + two.communicate()[0].split()
    assert len(said) == 6
    assert set(said) == set(open_registry(project).statuses)


def test_append_killed_at_any_moment_leaves_a_whole_log_anywhere(project: Path) -> None:
    with appender(project, "killed", 1_000) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().strip()]
        time.sleep(0.021)
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().split()
    log = open_registry(project)
    assert set(said) <= set(log.statuses)
    assert len(log.events) - len(said) in {0, 1}
    submit(project, "octo/after")


def test_private_part_of_before_forks_is_brought_up_to_date(project: Path) -> None:
    name = submit(project, "octo/p")
    with opened(project) as private, private._writing() as connection:
        connection.exec_driver_sql("drop table keys")
        connection.exec_driver_sql("alter table requests drop column forks")
    accept(project, name)
    assert [r.forks for r in pending(open_registry(project))] == [False]


def test_error_of_the_database_shows_nothing_private(project: Path) -> None:
    with open_writer(project) as log:
        event, request = requests.submit(
            parse("repo", "octo-secret/p"),
            sequence=0,
            time=NOW,
            salt=os.urandom(32),
            contact="very-private@example.org",
        )
        log.append([event], [request])
        index = log.private.index()
        assert index is not None
        again = type(index)(2, index.nodes, index.size, index.nodes, b"[]")
        with pytest.raises(EnvironmentFault) as caught:
            log.private.append([request], [], [], again, {})
    assert "octo-secret" not in str(caught.value)
    assert "very-private" not in str(caught.value)


@pytest.fixture
def aged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    monkeypatch.setenv(URL_VARIABLE, "age:")
    init_registry(tmp_path)
    accept(tmp_path, submit(tmp_path, "octo-name/p", "very-private@example.org"))
    return lambda: tmp_path


def test_age_file_holds_nothing_plain_and_its_identity_is_secret(aged: Callable[[], Path]) -> None:
    home = aged() / ".stackyard"
    sealed = (home / "private" / "registry.age").read_bytes()
    assert sealed.startswith(b"age-encryption.org/v1\n")
    for plain in (b"octo-name", b"very-private", b"SQLite"):
        assert plain not in b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file())
    assert (home / "keys" / IDENTITY).stat().st_mode & 0o777 == 0o600
    assert (home / "private" / "registry.age").stat().st_mode & 0o777 == 0o600
    assert not (home / "private" / "registry.sqlite").exists()


def test_age_file_without_its_identity_or_of_another_stops(aged: Callable[[], Path]) -> None:
    import pyrage

    identity = aged() / ".stackyard" / "keys" / IDENTITY
    kept = identity.read_text()
    identity.unlink()
    with pytest.raises(EnvironmentFault, match="identity"):
        open_registry(aged())
    assert not identity.exists()
    other = str(pyrage.x25519.Identity.generate())
    identity.write_text(other)
    with pytest.raises(EnvironmentFault, match="another identity") as caught:
        open_registry(aged())
    assert other not in str(caught.value)
    identity.write_text(other[:-3])
    with pytest.raises(EnvironmentFault, match="no age identity") as caught:
        open_registry(aged())
    assert other[:-3] not in str(caught.value)
    identity.write_text(kept)
    assert len(open_registry(aged()).events) == 3


def test_age_file_damaged_in_any_byte_stops(aged: Callable[[], Path]) -> None:
    path = aged() / ".stackyard" / "private" / "registry.age"
    whole = path.read_bytes()
    for at in (0, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(EnvironmentFault, match="decrypted"):
            open_registry(aged())
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EnvironmentFault, match="decrypted"):
        open_registry(aged())
    path.write_bytes(whole)
    open_registry(aged())


def test_age_file_that_was_lost_stops(aged: Callable[[], Path]) -> None:
    (aged() / ".stackyard" / "private" / "registry.age").unlink()
    with pytest.raises(VerificationError, match="private part"):
        open_registry(aged())


def test_age_of_a_place_of_its_own_is_shared_by_a_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL_VARIABLE, f"age://{tmp_path}/elsewhere/r.age")
    init_registry(tmp_path / "one")
    submit(tmp_path / "one", "octo/p")
    assert (tmp_path / "elsewhere" / "r.age").exists()
    monkeypatch.setenv(URL_VARIABLE, "age:r.age")
    with pytest.raises(UsageError, match="age:///absolute/path"):
        open_registry(tmp_path / "one")


@pytest.mark.parametrize(
    "url",
    ["postgresql+pg8000://me:hunter2@127.0.0.1:1/x", "nosuch://me:hunter2@host/x", "hunter2",
     "postgresql+nodriver://me:hunter2@127.0.0.1/x"],
)  # fmt: skip
def test_database_that_is_not_there_is_said_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    init_registry(tmp_path)
    monkeypatch.setenv(URL_VARIABLE, url)
    with pytest.raises(StackyardError, match="cannot be opened") as caught:
        open_registry(tmp_path)
    assert "hunter2" not in str(caught.value)
