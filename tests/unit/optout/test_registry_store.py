from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from stackyard.errors import EnvironmentFault, StackyardError, VerificationError
from stackyard.optout import note, pending, receipts, requests
from stackyard.optout.absence import Presence, key_of
from stackyard.optout.selector import parse
from stackyard.record import DECISIONS
from stackyard.store.private import Private
from stackyard.store.registry import (
    init_registry,
    open_registry,
    open_writer,
    published,
    record_applied,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    init_registry(tmp_path, "example.org/log")
    return tmp_path


def submit(project: Path, text: str, contact: str = "me@example.org") -> str:
    with open_writer(project) as log:
        event, request = requests.submit(
            parse("repo", text), sequence=log.size, time=NOW, salt=os.urandom(32), contact=contact
        )
        log.append([event], [request])
    return request.request


def accept(project: Path, name: str) -> None:
    reason = requests.Reason("asked by mail", os.urandom(32))
    with open_writer(project) as log:
        events = requests.verified(
            log.status(name), "manual", reason, None, sequence=log.size, time=NOW
        )
        log.append(events, reasons=[(name, reason)])


def test_init_new_project_has_an_empty_signed_log_and_a_key_of_its_own(tmp_path: Path) -> None:
    assert init_registry(tmp_path) is True
    log = open_registry(tmp_path)
    assert log.events == ()
    key = tmp_path / ".stackyard" / "keys" / "registry.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".stackyard" / ".gitignore").read_text() == "*\n"
    assert (tmp_path / "registry" / "schema" / "event.schema.json").is_file()


def test_init_again_changes_nothing(project: Path) -> None:
    submit(project, "octo/p")
    before = (project / "registry" / "checkpoint").read_bytes()
    assert init_registry(project) is False
    assert (project / "registry" / "checkpoint").read_bytes() == before


def test_init_over_events_without_checkpoint_stops(project: Path) -> None:
    submit(project, "octo/p")
    (project / "registry" / "checkpoint").unlink()
    shutil.rmtree(project / ".stackyard")
    with pytest.raises(EnvironmentFault, match="checkpoint"):
        init_registry(project)


def test_open_what_was_appended_comes_back_verified(project: Path) -> None:
    name = submit(project, "octo/p")
    accept(project, name)
    log = open_registry(project)
    assert [e.event for e in log.events] == ["submitted", "verified", "accepted"]
    assert [str(r.selector) for r in pending(log)] == ["octo/p"]


def test_log_published_holds_no_contact_and_no_selector(project: Path) -> None:
    name = submit(project, "octo/parser-of-mine", "angry@example.org")
    accept(project, name)
    everything = b"".join(
        path.read_bytes() for path in (project / "registry").rglob("*") if path.is_file()
    ) + b"".join(published(open_registry(project)).values())
    for secret in (b"angry", b"octo", b"parser-of-mine", b"asked by mail"):
        assert secret not in everything


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda r: (r / "checkpoint").unlink(), "missing"),
        (lambda r: (r / "keys" / "log.vkey").unlink(), "missing"),
        (lambda r: (r / "log" / "00000001.json").unlink(), "missing"),
        (lambda r: shutil.rmtree(r / "log"), "missing"),
        (lambda r: (r / "log" / "00000003.json").write_bytes(b"{}"), "length"),
        (lambda r: (r / "log" / "notes.txt").write_bytes(b""), "no event"),
        (lambda r: (r / "log" / "00000000.json").write_bytes(b"\xff"), "not JSON"),
        (lambda r: (r / "log" / "00000000.json").write_bytes(b"[]"), "not a JSON object"),
        (lambda r: (r / "log" / "00000000.json").write_bytes(b"[" * 9_999), "not JSON"),
        (lambda r: (r / "log" / "00000000.json").write_bytes(b" " * 99_999), "longer"),
        (lambda r: (r / "checkpoint").write_bytes(b"\xff\xfe"), "not text"),
        (lambda r: (r / "checkpoint").write_bytes(b"x\n0\n"), "signed note"),
        (lambda r: (r / "keys" / "log.vkey").write_bytes(b"x"), "public key"),
    ],
)
def test_open_damaged_registry_stops_and_says_where(
    project: Path, damage: object, said: str
) -> None:
    accept(project, submit(project, "octo/p"))
    damage(project / "registry")  # type: ignore[operator]
    with pytest.raises(StackyardError, match=said):
        open_registry(project)


def test_open_event_edited_in_place_stops(project: Path) -> None:
    submit(project, "octo/p")
    path = project / "registry" / "log" / "00000000.json"
    values = json.loads(path.read_bytes())
    values["details"]["past"] = True
    import rfc8785

    path.write_bytes(rfc8785.dumps(values))
    with pytest.raises(VerificationError, match="rewritten"):
        open_registry(project)


def test_open_event_in_other_spelling_stops(project: Path) -> None:
    submit(project, "octo/p")
    path = project / "registry" / "log" / "00000000.json"
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(VerificationError, match="canonical"):
        open_registry(project)


def test_open_log_rolled_back_to_an_older_signed_state_stops(project: Path) -> None:
    submit(project, "octo/p")
    older = (project / "registry" / "checkpoint").read_bytes()
    submit(project, "octo/q")
    submit(project, "octo/s")
    (project / "registry" / "checkpoint").write_bytes(older)
    (project / "registry" / "log" / "00000001.json").unlink()
    (project / "registry" / "log" / "00000002.json").unlink()
    with pytest.raises(VerificationError, match="rolled back"):
        open_registry(project)
    with pytest.raises(VerificationError, match="rolled back"):
        submit(project, "octo/r")


def test_open_log_that_lost_its_last_append_gets_it_back(project: Path) -> None:
    submit(project, "octo/p")
    older = (project / "registry" / "checkpoint").read_bytes()
    name = submit(project, "octo/q")
    (project / "registry" / "checkpoint").write_bytes(older)
    (project / "registry" / "log" / "00000001.json").unlink()
    assert name in open_registry(project).statuses


def test_init_where_the_log_was_removed_stops(project: Path) -> None:
    submit(project, "octo/p")
    shutil.rmtree(project / "registry")
    with pytest.raises(EnvironmentFault, match="had 1 events"):
        init_registry(project)


def test_open_private_part_missing_stops(project: Path) -> None:
    accept(project, submit(project, "octo/p"))
    (project / ".stackyard" / "private" / "registry.sqlite").unlink()
    with pytest.raises(VerificationError, match="private part"):
        open_registry(project)


def test_open_private_part_of_another_selector_stops(project: Path) -> None:
    import sqlite3

    name = submit(project, "octo/p")
    database = project / ".stackyard" / "private" / "registry.sqlite"
    connection = sqlite3.connect(database)
    connection.execute("update requests set selector = replace(selector, 'octo/p', 'octo/q')")
    connection.commit()
    connection.close()
    with pytest.raises(VerificationError, match=name):
        open_registry(project)


def test_open_clone_without_private_part_reads_the_public_log(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    accept(project, submit(project, "octo/p"))
    clone = tmp_path_factory.mktemp("clone")
    shutil.copytree(project / "registry", clone / "registry")
    log = open_registry(clone)
    assert len(log.events) == 3
    with pytest.raises(VerificationError, match="private part"):
        pending(log)
    with pytest.raises(EnvironmentFault, match="signing key"):
        submit(clone, "octo/q")


def test_open_clone_with_the_private_part_by_url_can_match(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(project, submit(project, "octo/p"))
    clone = tmp_path_factory.mktemp("clone")
    shutil.copytree(project / "registry", clone / "registry")
    database = project / ".stackyard" / "private" / "registry.sqlite"
    monkeypatch.setenv("STACKYARD_REGISTRY_URL", f"sqlite:///{database}")
    assert [str(r.selector) for r in pending(open_registry(clone))] == ["octo/p"]
    assert not (clone / ".stackyard").exists()


def test_append_wrong_sequence_is_refused(project: Path) -> None:
    event, request = requests.submit(
        parse("repo", "octo/p"), sequence=7, time=NOW, salt=bytes(32), contact="a@example.org"
    )
    with (
        open_writer(project) as log,
        pytest.raises(StackyardError, match="numbered from 0"),
    ):
        log.append([event], [request])


def test_append_to_another_machines_event_stops_and_keeps_it(project: Path) -> None:
    submit(project, "octo/p")
    theirs = project / "registry" / "log" / "00000001.json"
    theirs.write_bytes(b"{}")
    with pytest.raises(VerificationError, match="another event"):
        submit(project, "octo/q")
    assert theirs.read_bytes() == b"{}"
    theirs.unlink()  # as a restored registry would
    submit(project, "octo/q")
    assert len(open_registry(project).events) == 2


def test_append_event_that_breaks_the_schema_is_never_signed(project: Path) -> None:
    event, request = requests.submit(
        parse("repo", "octo/p"), sequence=0, time=NOW, salt=bytes(32), contact="a@example.org"
    )
    bad = dataclasses.replace(event, details={**event.details, "contact": "a@example.org"})
    with open_writer(project) as log, pytest.raises(VerificationError, match="schema"):
        log.append([bad], [request])
    assert open_registry(project).events == ()


def test_append_of_nothing_changes_nothing(project: Path) -> None:
    before = (project / "registry" / "checkpoint").read_bytes()
    with open_writer(project) as log:
        log.append([])
    assert (project / "registry" / "checkpoint").read_bytes() == before


def test_append_many_at_once_is_whole(project: Path) -> None:
    with open_writer(project) as log:
        pairs = [
            requests.submit(
                parse("repo", f"octo/p{i}"),
                sequence=i,
                time=NOW,
                salt=os.urandom(32),
                contact="a@example.org",
            )
            for i in range(300)
        ]
        log.append([e for e, _ in pairs], [r for _, r in pairs])
    assert len(open_registry(project).statuses) == 300


def test_writer_whose_index_was_lost_makes_it_anew(project: Path) -> None:
    name = submit(project, "octo/p")
    with Private(project / ".stackyard" / "private") as private:
        private.reset_index([], [])
    accept(project, name)
    assert len(open_registry(project).events) == 3


def test_writer_status_of_a_changed_event_stops(project: Path) -> None:
    name = submit(project, "octo/p")
    path = project / "registry" / "log" / "00000000.json"
    path.write_bytes(path.read_bytes().replace(b"false", b"true"))
    with pytest.raises(VerificationError, match="00000000"):
        accept(project, name)


APPENDER = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from stackyard.optout import requests
from stackyard.optout.selector import parse
from stackyard.store.registry import open_writer

project, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for n in range(count):
    with open_writer(project) as log:
        event, request = requests.submit(
            parse("repo", f"octo/{who}{n}"), sequence=log.size,
            time=datetime(2026, 1, 1, tzinfo=UTC), salt=os.urandom(32), contact="a@example.org")
        log.append([event], [request])
    print(request.request, flush=True)
"""


def appender(project: Path, who: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(project), who, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_append_two_writers_at_once_lose_nothing(project: Path) -> None:
    with appender(project, "a", 10) as one, appender(project, "b", 10) as two:
        said = one.communicate()[0].split() + two.communicate()[0].split()
    log = open_registry(project)
    assert len(said) == 20
    assert set(said) == set(log.statuses)


@pytest.mark.parametrize("turn", range(4))
def test_append_killed_at_any_moment_leaves_a_whole_log(project: Path, turn: int) -> None:
    with appender(project, f"t{turn}x", 1_000) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline().strip()]
        time.sleep(0.013 * turn)
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.read().split()
    log = open_registry(project)
    assert set(said) <= set(log.statuses)
    assert len(log.events) - len(said) in {0, 1}
    submit(project, "octo/after")
    assert len(open_registry(project).events) == len(log.events) + 1
    assert not [p for p in (project / "registry" / "log").iterdir() if p.name.startswith(".")]


KEPT = Presence.of(
    pa.table({"repo_name": ["else/q"], "path": ["a"], "blob_id": ["11" * 20], "origins": [[]]})
)


def dropped(name: str) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "repo_name": "Octo/P",
                "revision_id": "swh:1:dir:" + "0" * 40,
                "path": path,
                "blob_id": b"b" * 20,
                "stage": "optout",
                "rule": "repo",
                "evidence": f'{{"request":"{name}"}}',
            }
            for path in ("a", "b")
        ],
        schema=DECISIONS,
    )


def test_record_applied_gives_receipts_that_hold_and_is_safe_to_repeat(project: Path) -> None:
    name = submit(project, "octo/p")
    accept(project, name)
    first, second = (
        record_applied(project, [name], "0.1.1", decisions=dropped(name), presence=KEPT, time=NOW)
        for _ in range(2)
    )
    log = open_registry(project)
    assert [e.event for e in log.events].count("applied") == 1
    assert pending(log) == ()
    assert first == second
    body = receipts.check(receipts.from_bytes(first[name]), log.key)
    assert (body["removed"]["files"], body["removed"]["blobs"]) == (2, 1)
    assert body["removed"]["version"] == "0.1.1"
    assert receipts.absent_in(body) == [key_of("repo", "octo/p")]
    assert b"me@example.org" not in first[name]


def test_record_applied_killed_before_its_event_gets_its_receipt_on_repeat(project: Path) -> None:
    name = submit(project, "octo/p")
    accept(project, name)
    with Private(project / ".stackyard" / "private") as private:
        private.set_receipts({name: b"{}"})  # kept, but the event never came
    made = record_applied(
        project, [name], "0.1.1", decisions=dropped(name), presence=KEPT, time=NOW
    )
    assert receipts.check(receipts.from_bytes(made[name]), open_registry(project).key)


def test_record_applied_of_a_release_that_still_has_it_stops(project: Path) -> None:
    name = submit(project, "else/q")
    accept(project, name)
    with pytest.raises(VerificationError, match="holds something"):
        record_applied(project, [name], "0.1.1", decisions=dropped(name), presence=KEPT, time=NOW)
    assert len(open_registry(project).events) == 3


def test_published_log_reads_back_as_the_same(project: Path) -> None:
    accept(project, submit(project, "octo/p"))
    log = open_registry(project)
    files = published(log)
    from stackyard.optout.registry import read

    again = read(
        files["registry/log.jsonl"].splitlines(),
        files["registry/checkpoint"].decode(),
        note.VerifierKey.parse(files["registry/log.vkey"].decode()),
        None,
    )
    assert again.events == log.events
