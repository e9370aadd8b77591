"""What an attacker would try, each refused: one test an attempt."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import rfc8785

from stackyard.errors import StackyardError, UsageError, VerificationError
from stackyard.optout import merkle, note, receipts, requests
from stackyard.optout.events import Event
from stackyard.optout.params import Params
from stackyard.optout.preview import preview
from stackyard.optout.registry import Request, extends, read
from stackyard.optout.selector import parse
from stackyard.record import FILES, ORIGINS
from stackyard.store import authority
from stackyard.store.private import Private
from stackyard.store.registry import init_registry, open_registry, open_writer, published

from .conftest import KEY, NOW, Book, salt

EVIL = note.SignerKey(KEY.name, b"\x66" * 32)


def signed(entries: list[bytes], key: note.SignerKey = KEY) -> str:
    return note.sign(note.Checkpoint(key.name, len(entries), merkle.root_of(entries)), key)


def test_forged_receipt_by_another_key_is_refused(book: Book) -> None:
    request = book.requests[book.submit("repo", "octo/p")]
    body = receipts.statement(request, state="applied", log_name=KEY.name)
    with pytest.raises(VerificationError, match="forged"):
        receipts.check(receipts.sign(body, EVIL), KEY.verifier)


def test_forged_receipt_that_borrows_another_requests_event_is_refused(book: Book) -> None:
    mine, theirs = book.submit("repo", "octo/p"), book.submit("repo", "octo/q")
    bodies = {
        name: receipts.statement(book.requests[name], state="applied", log_name=KEY.name)
        for name in (mine, theirs)
    }
    book.accept(theirs)
    book.apply({theirs: receipts.statement_digest(bodies[theirs])}, "0.1.1")
    good = receipts.with_inclusion(receipts.sign(bodies[theirs], KEY), book.registry())
    receipts.check(good, KEY.verifier)
    borrowed = {**receipts.sign(bodies[mine], KEY), "inclusion": good["inclusion"]}
    with pytest.raises(VerificationError, match="not about this receipt"):
        receipts.check(borrowed, KEY.verifier)


def test_forged_receipt_whose_salt_opens_another_selector_is_refused(book: Book) -> None:
    request = book.requests[book.submit("repo", "octo/p")]
    body = receipts.statement(request, state="applied", log_name=KEY.name)
    body["selector"] = parse("owner", "octo").plain()
    with pytest.raises(VerificationError, match="another request"):
        receipts.check(receipts.sign(body, KEY), KEY.verifier)


def test_replayed_nonce_of_another_request_is_refused(tmp_path: Path) -> None:
    with Private(tmp_path) as private:
        old = authority.set_challenge(private, "req-old", 1, NOW)
        private.end_challenge("req-old")
        new = authority.set_challenge(private, "req-new", 1, NOW)
    assert old.text != new.text
    assert old.nonce != new.nonce


def test_replayed_nonce_after_its_time_is_refused(tmp_path: Path) -> None:
    with Private(tmp_path) as private:
        authority.set_challenge(private, "req-1", 1, NOW)
        assert authority.open_challenge(private, "req-1", NOW + timedelta(hours=2)) is None


def test_rewritten_log_under_the_old_signature_is_refused(book: Book) -> None:
    book.submit("repo", "octo/p")
    checkpoint = book.note()
    other = Book()
    other.submit("repo", "octo/q")
    with pytest.raises(VerificationError, match="rewritten"):
        read(other.entries(), checkpoint, KEY.verifier, other.requests)


def test_rewritten_log_signed_by_the_attacker_is_refused(book: Book) -> None:
    book.submit("repo", "octo/p")
    with pytest.raises(VerificationError, match="not signed by the registry's key"):
        read(book.entries(), signed(book.entries(), EVIL), KEY.verifier, book.requests)


def test_rewritten_log_with_events_swapped_is_refused(book: Book) -> None:
    book.submit("repo", "octo/p")
    book.submit("repo", "octo/q")
    swapped = book.entries()[::-1]
    with pytest.raises(VerificationError, match="not the event of its name"):
        read(swapped, signed(swapped), KEY.verifier, book.requests)


def test_checkpoint_of_another_log_signed_by_the_same_key_is_refused(book: Book) -> None:
    text = note.Checkpoint("example.org/other", 0, merkle.EMPTY_ROOT).text
    signature = base64.b64encode(KEY.verifier.key_id + KEY.sign(text.encode())).decode()
    with pytest.raises(VerificationError, match="another log"):
        read([], f"{text}\n\u2014 {KEY.name} {signature}\n", KEY.verifier, {})
    assert book.events == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("\n0\n", "\n00\n"),
        lambda text: text.replace("\n0\n", "\n-1\n"),
        lambda text: text.replace("\u2014", "-"),
        lambda text: text + "x",
        lambda text: text[:-1],
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text.replace("=\n", "\n"),
        lambda text: "\n" + text,
        lambda _: "",
        lambda text: text * 10_000,
    ],
)
def test_checkpoint_note_malformed_in_any_way_is_refused(damage: object) -> None:
    good = signed([])
    bad = damage(good)  # type: ignore[operator]
    assert bad != good
    with pytest.raises(VerificationError):
        note.open_note(bad, KEY.verifier)


def test_withdrawn_then_replayed_verification_is_refused(book: Book) -> None:
    name = book.submit("repo", "octo/p")
    book.accept(name)
    book.end(name)
    replay = [book.events[1], book.events[2]]
    for old in replay:
        again = Event(len(book.events), old.time, old.request, old.event, old.details)
        entries = [*book.entries(), again.to_bytes()]
        with pytest.raises(VerificationError, match="cannot be"):
            read(entries, signed(entries), KEY.verifier, book.requests)


def test_withdrawn_then_replayed_submission_is_refused(book: Book) -> None:
    name = book.submit("repo", "octo/p")
    book.end(name)
    first = book.events[0]
    again = Event(len(book.events), first.time, first.request, "submitted", first.details)
    entries = [*book.entries(), again.to_bytes()]
    with pytest.raises(VerificationError, match="cannot be submitted"):
        read(entries, signed(entries), KEY.verifier, book.requests)


def test_request_that_skips_verification_is_refused(book: Book) -> None:
    name = book.submit("repo", "octo/p")
    for kind, details in (
        ("accepted", {"preview": None}),
        ("applied", {"version": "0.1.0", "statement": "00" * 32}),
    ):
        skip = Event(1, "2026-01-01T00:00:00Z", name, kind, details)  # type: ignore[arg-type]
        entries = [*book.entries(), skip.to_bytes()]
        with pytest.raises(VerificationError, match="cannot be"):
            read(entries, signed(entries), KEY.verifier, book.requests)


def test_request_id_chosen_by_the_requester_is_refused(book: Book) -> None:
    book.submit("repo", "octo/p")
    values = json.loads(book.entries()[0])
    values["request"] = "req-0000000000000000"
    entries = [rfc8785.dumps(values)]
    with pytest.raises(VerificationError, match="its commitment does not give"):
        read(entries, signed(entries), KEY.verifier, {})


def test_request_for_a_parent_organisation_without_its_authority_removes_nothing(
    tmp_path: Path,
) -> None:
    init_registry(tmp_path)
    with open_writer(tmp_path) as log:
        event, request = requests.submit(
            parse("owner", "parent-org"),
            sequence=0,
            time=NOW,
            salt=salt("x"),
            contact="member@example.org",
        )
        log.append([event], [request])
    assert open_registry(tmp_path).effective() == ()


def test_request_verified_for_one_repository_does_not_reach_its_owner(book: Book) -> None:
    name = book.submit("repo", "octo/p")
    book.accept(name)
    wide = Request(name, parse("owner", "octo"), "none", False, salt("repoocto/p0"))
    with pytest.raises(VerificationError, match="not what was committed to"):
        read(book.entries(), book.note(), KEY.verifier, {name: wide})


def test_request_whose_copies_were_widened_after_submission_is_refused(book: Book) -> None:
    name = book.submit("repo", "octo/p")
    book.accept(name)
    own = book.requests[name]
    wide = Request(name, own.selector, "exact", own.past, own.salt)
    with pytest.raises(VerificationError, match="not what was committed to"):
        read(book.entries(), book.note(), KEY.verifier, {name: wide})


@pytest.mark.parametrize(
    "text",
    ["octo/p\u0430rser", "oct\u043e/parser", "\u212a/parser", "octo/par\u00adser", "\u043ecto/p"],
)
def test_unicode_look_alike_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="U\\+"):
        parse("repo", text)


@pytest.mark.parametrize("glob", ["../q/**", "/etc/**", "a/../../q/x", "..", "./a", "a//b", "**"])
def test_path_glob_that_escapes_is_refused(glob: str) -> None:
    with pytest.raises(UsageError):
        parse("path", f"octo/p:{glob}")


@pytest.mark.parametrize("kind", ["repo", "owner", "path", "blob"])
def test_request_of_ten_megabytes_is_refused_at_once(kind: str) -> None:
    with pytest.raises(UsageError, match="10,000,000 characters"):
        parse(kind, "a" * 10_000_000)


def test_event_of_ten_megabytes_is_refused(book: Book) -> None:
    book.submit("repo", "octo/p")
    entries = [book.entries()[0] + b" " * 10_000_000]
    with pytest.raises(VerificationError, match="longer than any event"):
        read(entries, signed(entries), KEY.verifier, {})


def test_reason_of_ten_megabytes_is_refused() -> None:
    with pytest.raises(UsageError):
        requests.Reason("x" * 10_000_000, salt("x"))


@pytest.mark.parametrize(
    "contact",
    ["", "me", "@example.org", "me@", "me@example", "a b@example.org", "me@example.org\nBcc: x@y.z",
     "x" * 400 + "@example.org"],
)  # fmt: skip
def test_contact_that_is_no_address_is_refused(contact: str) -> None:
    with pytest.raises(UsageError, match="e-mail"):
        requests.submit(
            parse("repo", "octo/p"), sequence=0, time=NOW, salt=salt("x"), contact=contact
        )


def test_log_fork_shown_to_two_clients_is_found_when_they_compare(book: Book) -> None:
    book.submit("repo", "octo/p")
    common = book.entries()
    one, two = Book(), Book()
    for fork, text in ((one, "octo/q"), (two, "octo/r")):
        fork.events = list(book.events)
        fork.requests = dict(book.requests)
        fork.submit("repo", text)
    extends(one.registry(), signed(common))
    extends(two.registry(), signed(common))
    with pytest.raises(VerificationError, match="forked"):
        extends(one.registry(), two.note())
    with pytest.raises(VerificationError, match="forked"):
        extends(two.registry(), one.note())


def test_log_rolled_back_after_a_client_saw_more_is_found(book: Book) -> None:
    book.submit("repo", "octo/p")
    older = book.registry()
    book.submit("repo", "octo/q")
    with pytest.raises(VerificationError, match="rolled back"):
        extends(older, book.note())


def test_log_swapped_together_with_its_public_key_is_found_by_the_operator(
    tmp_path: Path,
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for project in (ours, theirs):
        init_registry(project)
    shutil.rmtree(ours / "registry")
    shutil.copytree(theirs / "registry", ours / "registry")
    with pytest.raises(VerificationError, match="not the key"):
        open_registry(ours)


def test_schema_smuggling_of_contact_data_into_the_log_is_refused(book: Book) -> None:
    book.submit("repo", "octo/p")
    for place in ("details", None):
        values = json.loads(book.entries()[0])
        (values[place] if place else values)["contact"] = "me@example.org"
        entries = [rfc8785.dumps(values)]
        with pytest.raises(VerificationError, match="schema"):
            read(entries, signed(entries), KEY.verifier, {})


@pytest.mark.parametrize(
    "change",
    [
        {"time": "2026-01-02T03:04:05Z\n"},
        {"time": "2026-13-02T03:04:05Z"},
        {"sequence": -1},
        {"sequence": 0.5},
        {"sequence": True},
        {"format": "stackyard-optout-event/2"},
        {"event": "erased"},
        {"request": "req-0123456789ABCDEF"},
        {"details": {}},
        {"details": None},
    ],
)
def test_event_outside_the_schema_is_refused(book: Book, change: dict[str, object]) -> None:
    book.submit("repo", "octo/p")
    values = {**json.loads(book.entries()[0]), **change}
    entries = [rfc8785.dumps(values)]
    with pytest.raises(VerificationError):
        read(entries, signed(entries), KEY.verifier, {})


def test_secrets_do_not_show_in_reprs_or_errors(tmp_path: Path) -> None:
    init_registry(tmp_path)
    seed = (tmp_path / ".stackyard" / "keys" / "registry.key").read_text().split("\n")[1]
    with open_writer(tmp_path) as log:
        event, request = requests.submit(
            parse("repo", "octo/p"),
            sequence=0,
            time=datetime(2026, 1, 1, tzinfo=UTC),
            salt=os.urandom(32),
            contact="me@example.org",
        )
        log.append([event], [request])
        assert seed not in repr(log.key)
        assert repr(bytes.fromhex(seed)) not in repr(log.key)
    assert "me@example.org" not in repr(request)
    assert request.salt.hex() not in repr(request)
    assert "example.org" not in repr(open_registry(tmp_path))


def test_database_password_does_not_show_in_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init_registry(tmp_path)
    monkeypatch.setenv("STACKYARD_REGISTRY_URL", "sqlite:////nowhere/hunter2/registry.sqlite")
    with pytest.raises(StackyardError) as caught:
        open_registry(tmp_path)
    assert "hunter2" not in str(caught.value)


def test_erased_contact_is_gone_from_the_disk(tmp_path: Path) -> None:
    init_registry(tmp_path)
    with open_writer(tmp_path) as log:
        pairs = [
            requests.submit(
                parse("repo", f"octo/p{n}"),
                sequence=n,
                time=NOW,
                salt=os.urandom(32),
                contact=f"very-private-{n}@example.org",
            )
            for n in range(3)
        ]
        log.append([event for event, _ in pairs], [request for _, request in pairs])
        log.private.erase_contact(pairs[1][1].request)
    held = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"very-private-0" in held
    assert b"very-private-1" not in held
    assert len(open_registry(tmp_path).statuses) == 3
    assert b"very-private" not in b"".join(published(open_registry(tmp_path)).values())


def test_erased_request_that_ended_is_gone_and_the_log_still_holds(tmp_path: Path) -> None:
    init_registry(tmp_path)
    with open_writer(tmp_path) as log:
        event, request = requests.submit(
            parse("repo", "octo-unique-name/p"),
            sequence=0,
            time=NOW,
            salt=os.urandom(32),
            contact="me@example.org",
        )
        log.append([event], [request])
        log.append(
            [
                requests.ended(
                    log.status(request.request),
                    "withdrawn",
                    "requester",
                    None,
                    sequence=1,
                    time=NOW,
                )
            ]
        )
        log.private.erase_request(request.request)
    held = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"octo-unique-name" not in held
    assert len(open_registry(tmp_path).events) == 2


def test_guess_of_a_name_cannot_be_tried_against_the_published_preview(book: Book) -> None:
    """All but the salt of a preview can be made from public files, so the salt must count."""
    files = FILES.empty_table()
    origins = ORIGINS.empty_table()
    own = book.requests[book.submit("repo", "octo/p")]
    guessed = dataclasses.replace(own, salt=salt("a guess"))
    shown = [preview(each, files, origins, Params(), releases={}) for each in (own, guessed)]
    assert shown[0].plain() == shown[1].plain()
    assert shown[0].digest != shown[1].digest
    assert own.salt.hex() not in repr(shown[0])
    assert own.salt.hex() not in json.dumps(shown[0].plain())
