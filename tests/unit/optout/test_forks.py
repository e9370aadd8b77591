"""Requests of an account with forks: whose forks go, whose stay, and how it is proved."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from stackyard.errors import UsageError, VerificationError
from stackyard.optout import match, receipts, requests, tombstones, violations
from stackyard.optout.absence import Presence, absent_keys, key_of
from stackyard.optout.importing import entries
from stackyard.optout.params import Params
from stackyard.optout.preview import preview
from stackyard.optout.registry import Registry, Request, listed_requests, read
from stackyard.optout.selector import parse

from .conftest import KEY, NOW, Book, salt
from .test_matching import A, B, files, gone, origins

FILES = files(
    ("octo/p", "a", A),
    ("fan/p", "a", A),
    ("fan/p", "own", B),
    ("far/p", "a", A),
    ("else/p", "a", A),
    ("up/stream", "a", A),
    ("octo/stream", "a", A),
)
FORKS = {"fan/p": "Octo/P", "far/p": "fan/p", "octo/stream": "up/stream"}


def table(forks: dict[str, str] = FORKS, **urls: str) -> pa.Table:
    found = origins(FILES, **urls)
    said = [forks.get(name) for name in found["repo_name"].to_pylist()]
    return found.append_column("fork_of", pa.array(said, pa.string()))


def with_forks(text: str = "octo", **options: object) -> Registry:
    book = Book()
    book.accept(book.submit("owner", text, forks=True, **options))
    return book.registry()


def repos(found: pa.Table) -> dict[str, str]:
    return {name: rule for name, _, rule in gone(found)}


def test_match_owner_without_forks_leaves_them(book: Book) -> None:
    book.accept(book.submit("owner", "octo"))
    found = match(FILES, table(), book.registry(), Params())
    assert repos(found) == {"octo/p": "owner", "octo/stream": "owner"}


def test_match_owner_with_forks_takes_forks_and_forks_of_those(book: Book) -> None:
    del book
    found = match(FILES, table(), with_forks(), Params())
    assert repos(found) == {
        "octo/p": "owner",
        "octo/stream": "owner",
        "fan/p": "fork",
        "far/p": "fork",
    }
    assert ("fan/p", "own", "fork") in gone(found)


def test_match_forker_never_reaches_what_it_forked() -> None:
    found = match(FILES, table(), with_forks("fan"), Params())
    assert repos(found) == {"fan/p": "owner", "far/p": "fork"}


def test_match_forks_that_go_round_in_a_circle_end() -> None:
    circle = {"octo/p": "fan/p", "fan/p": "far/p", "far/p": "octo/p"}
    found = match(FILES, table(circle), with_forks(), Params())
    assert set(repos(found)) == {"octo/p", "octo/stream", "fan/p", "far/p"}


def test_match_forks_of_another_forge_stay() -> None:
    urls = {"fan_p": "https://gitlab.com/fan/p", "octo_p": "https://github.com/octo/p"}
    found = match(FILES, table(FORKS, **urls), with_forks("https://github.com/octo"), Params())
    assert "fan/p" not in repos(found)


def test_match_fork_of_a_former_name_goes() -> None:
    params = Params(aliases={"old/name": "octo/p"})
    found = match(FILES, table({"fan/p": "old/name"}), with_forks(), params)
    assert repos(found)["fan/p"] == "fork"


def test_match_origins_without_the_column_have_no_forks() -> None:
    found = match(FILES, origins(FILES), with_forks(), Params())
    assert set(repos(found)) == {"octo/p", "octo/stream"}


def test_match_exact_copies_of_forks_go_too() -> None:
    found = match(FILES, table(), with_forks(copies="exact"), Params())
    assert repos(found)["else/p"] == "copy"


def test_tombstones_name_forks() -> None:
    found = {
        r["repo_name"]: r["rule"] for r in tombstones(table(), with_forks(), Params()).to_pylist()
    }
    assert found == {"octo/p": "owner", "octo/stream": "owner", "fan/p": "fork", "far/p": "fork"}


def test_violations_fork_that_is_still_released_is_found() -> None:
    log = with_forks()
    dropped = match(FILES, table(), log, Params())
    rows = pa.table(
        {"repo_name": ["far/p", "else/p"], "path": ["a", "a"], "blob_id": [A.hex()] * 2}
    )
    found = violations(rows, log, Params(), dropped)
    assert [(r["repo_name"], r["rule"]) for r in found.to_pylist()] == [("far/p", "fork")]


def test_preview_lists_forks_and_says_so() -> None:
    log = with_forks()
    (request,) = log.effective()
    shown = preview(request, FILES, table(), Params(), releases={})
    assert "forks" in shown.scope
    assert {name for name, _, rule in gone(shown.files) if rule == "fork"} == {"fan/p", "far/p"}


def test_absent_keys_name_every_fork() -> None:
    log = with_forks()
    (request,) = log.effective()
    keys = absent_keys(request, match(FILES, table(), log, Params()))
    assert set(keys) == {
        key_of("owner", "octo"),
        key_of("repo", "fan/p"),
        key_of("repo", "far/p"),
    }
    left = files(("else/p", "a", A), ("up/stream", "a", A)).select(["repo_name", "path", "blob_id"])
    assert not [key for key in keys if key in Presence.of(left)]


@pytest.mark.parametrize("kind", ["repo", "path", "blob"])
def test_submit_forks_of_what_is_no_account_is_refused(kind: str) -> None:
    text = {"repo": "octo/p", "path": "octo/p:a", "blob": f"swh:1:cnt:{A.hex()}"}[kind]
    with pytest.raises(UsageError, match="together with an account"):
        requests.submit(
            parse(kind, text),
            sequence=0,
            time=NOW,
            salt=salt("x"),
            contact="me@example.org",
            forks=True,
        )


def test_request_widened_to_forks_after_submission_is_refused(book: Book) -> None:
    name = book.submit("owner", "octo")
    book.accept(name)
    own = book.requests[name]
    wide = Request(name, own.selector, own.copies, own.past, own.salt, forks=True)
    with pytest.raises(VerificationError, match="not what was committed to"):
        read(book.entries(), book.note(), KEY.verifier, {name: wide})


def test_receipt_and_listing_say_forks(book: Book) -> None:
    name = book.submit("owner", "octo", forks=True, listed=True)
    body = receipts.statement(book.requests[name], state="submitted", log_name=KEY.name)
    assert body["forks"] is True
    assert listed_requests(book.registry().events)[name].forks is True


def test_entries_say_forks_of_an_account_alone() -> None:
    text = (
        "scope,selector,forks\nowner,octo,true\nowner,octo,\nrepo,octo/p,true\nowner,octo,maybe\n"
    )
    first, second, *bad = entries(text, "csv")
    assert (first.forks, second.forks) == (True, False)
    assert all(entry.selector is None for entry in bad)
    (line,) = entries(json.dumps({"scope": "owner", "selector": "o", "forks": 1}), "jsonl")
    assert line.selector is None
