"""A code owner on a machine without a project, a publisher with one, and what goes between them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stackyard.errors import UsageError
from stackyard.hub import EmbeddedHub
from stackyard.optout import letters
from stackyard.optout.absence import Presence
from stackyard.optout.importing import entries
from stackyard.optout.page import html
from stackyard.optout.receipts import from_bytes
from stackyard.optout.selector import parse
from stackyard.record import DECISIONS, blob_digest
from stackyard.store.registry import open_registry, record_applied
from tests.unit.client.publisher import REPO, ROWS, Publisher, table_of
from tests.unit.client.shell import Shell

ALPHA = "octo-org/alpha"
REST = tuple(row for row in ROWS if row.repo != ALPHA)
ASK = ("optout", "submit", "--repo", ALPHA, "--contact", "me@example.org", "--dataset", REPO)


@pytest.fixture
def elsewhere(
    copy: Path, hub: EmbeddedHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder that is no project, on a machine whose Hub has the first release."""
    del copy
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    return folder


@pytest.fixture
def operate(shell: Shell, publisher: Publisher) -> Callable[..., Any]:
    """Runs a command of the operator, in the publisher's project."""

    def run(*arguments: object) -> Any:
        done = shell("optout", arguments[0], "--project", publisher.root, *arguments[1:], "--json")
        return done.code, json.loads(done.out) if done.out else done.err

    return run


def written(shell: Shell, *more: str) -> dict[str, Any]:
    done = shell(*ASK, *more, "--json")
    assert done.code == 0, done.err
    answer: dict[str, Any] = json.loads(done.out)
    return answer


def apply(publisher: Publisher, hub: EmbeddedHub, request: str) -> Path:
    """The next release without alpha, and the receipt."""
    gone = [row for row in ROWS if row.repo == ALPHA]
    evidence = json.dumps({"request": request}, separators=(",", ":"))
    decisions = [
        {
            "repo_name": row.repo, "revision_id": "swh:1:rev:" + "1" * 40, "path": row.path,
            "blob_id": blob_digest(row.text.encode()), "stage": "optout", "rule": "repo",
            "evidence": evidence,
        }
        for row in gone
    ]  # fmt: skip
    version = publisher.publish(hub, REST)
    receipts = record_applied(
        publisher.root,
        [request],
        version,
        decisions=pa.Table.from_pylist(decisions, schema=DECISIONS),
        presence=Presence.of(table_of(REST)),
        time=datetime.now(UTC),
    )
    place = publisher.root / "receipt.json"
    place.write_bytes(receipts[request])
    return place


def test_stranger_is_told_what_works_for_a_stranger(shell: Shell, elsewhere: Path) -> None:
    del elsewhere
    for words in (
        ASK[:6], ("optout", "status"), ("optout", "preview", "req-0"), ("optout", "withdraw", "req-0"),
    ):  # fmt: skip
        done = shell(*words)
        assert done.code == 2
        assert "optout submit --dataset NAME" in " ".join(done.err.split())
        assert "init" not in done.err
    done = shell("explain", ALPHA)
    assert (done.code, "--dataset NAME" in done.err, "init" in done.err) == (2, True, False)


def test_request_goes_from_a_stranger_to_the_registry_and_back(
    shell: Shell,
    elsewhere: Path,
    operate: Callable[..., Any],
    publisher: Publisher,
    hub: EmbeddedHub,
) -> None:
    assert shell("explain", ALPHA, "--dataset", REPO).code == 0
    answer = written(shell)
    file, request = Path(answer["file"]), answer["request"]
    assert answer["contact"] == "opt-out@example.org"
    assert [path.name for path in elsewhere.iterdir()] == [file.name]
    early = shell("optout", "status", file, "--dataset", REPO)
    assert (early.code, "is not in the log" in early.out) == (1, True)

    assert operate("import", file)[1]["submitted"] == 1
    assert operate("import", file)[1]["submitted"] == 0
    assert set(open_registry(publisher.root).statuses) == {request}
    assert operate("verify", request, "--method", "manual", "--reason", "it is theirs")[0] == 0
    receipt = apply(publisher, hub, request)

    for proof in (file, receipt, request):
        told = shell("optout", "status", proof, "--dataset", REPO)
        assert (told.code, f"removed in 0.1.1 on request {request}" in told.out) == (0, True)
    for proof in (file, receipt):
        told = shell("explain", ALPHA, "--dataset", REPO, "--receipt", proof)
        assert (told.code, f"removed in 0.1.1 on request {request}" in told.out) == (0, True)
    without = shell("explain", ALPHA, "--dataset", REPO)
    assert without.code == 1
    assert "0.1.0 is the last version that had one, about 3 files" in without.out
    assert "--receipt FILE" in without.out
    never = shell("explain", "octo-org/never", "--dataset", REPO)
    assert (never.code, "never seen" in never.out) == (1, True)
    wrong = shell("explain", "mono-inc/gamma", "--dataset", REPO, "--receipt", receipt)
    assert wrong.code == 0  # it is in the release: the receipt is not needed
    assert shell("explain", "octo-org/x", "--dataset", REPO, "--receipt", receipt).code == 2


def test_listed_request_is_told_to_anybody(
    shell: Shell,
    elsewhere: Path,
    operate: Callable[..., Any],
    publisher: Publisher,
    hub: EmbeddedHub,
) -> None:
    del elsewhere
    answer = written(shell, "--listed")
    operate("import", answer["file"])
    operate("verify", answer["request"], "--method", "manual", "--reason", "it is theirs")
    apply(publisher, hub, answer["request"])
    told = shell("explain", ALPHA, "--dataset", REPO)
    assert (told.code, "removed in 0.1.1 on request" in told.out) == (0, True)


def test_mail_has_all_that_the_publisher_needs(shell: Shell, elsewhere: Path) -> None:
    del elsewhere
    mail = written(shell, "--copies", "exact")["mail"]
    head, _, body = mail.partition("\n\n")
    assert head.startswith("To: opt-out@example.org\nSubject: ")
    assert f"repo: {ALPHA}\n    copies elsewhere: exact" in body
    said = shell(*ASK)
    assert said.code == 0
    assert "To: opt-out@example.org" in said.out
    assert "nothing is sent yet" in said.out


def test_issue_is_one_that_the_import_reads(shell: Shell, elsewhere: Path) -> None:
    del elsewhere
    answer = written(shell, "--as", "issue", "--copies", "near", "--past")
    issue = {"number": 1, "body": answer["body"], "user": {"login": "octo-org"}}
    (entry,) = entries(json.dumps([issue]), "github")
    assert entry.selector == parse("repo", ALPHA)
    assert (entry.copies, entry.past, entry.forks) == ("near", True, False)


def test_issue_address_is_filled_in_where_the_contact_is_a_page(
    shell: Shell, elsewhere: Path, publisher: Publisher, hub: EmbeddedHub
) -> None:
    del elsewhere
    publisher.contact = "https://example.org/octo-org/yard/issues"
    publisher.publish(hub, REST)
    answer = written(shell)
    assert answer["url"].startswith("https://example.org/octo-org/yard/issues/new?title=Opt-out")
    assert shell(*ASK, "--as", "mail").code == 2
    author = (*ASK[:2], "--author", "ada@example.org", *ASK[4:])
    assert shell(*author).code == 2
    assert shell(*author, "--as", "file").code == 0


def letter(**changes: Any) -> bytes:
    seed = bytes(range(32))
    made = letters.write(REPO, parse("repo", ALPHA), contact="me@example.org", seed=seed, **changes)
    return made.signed(seed)


def test_request_file_is_what_it_was() -> None:
    """Golden: its id and bytes are specified in the docstring of `letters`."""
    assert letters.Letter.parse(letter()).request == "req-981031ea7721f851"
    digest = "f114dfd2172f1e1cd0e6a7280cd1e699397d6c0147f212a3bd328ffe91d43756"
    assert hashlib.sha256(letter()).hexdigest() == digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"alpha", b"delta"),
        (b'"past":false', b'"past":true'),
        (b"me@example", b"no@example"),
        (b'"forks":false', b'"forks":1'),
        (b'"listed":false', b'"listed":false,"more":1'),
        (b"stackyard-optout-request/1", b"stackyard-optout-request/2"),
        (b"\n", b""),
    ],
)
def test_request_file_that_was_changed_is_refused(old: bytes, new: bytes) -> None:
    raw = letter()
    changed = raw.replace(old, new, 1)
    if old == b"\n":
        assert letters.Letter.parse(changed) == letters.Letter.parse(raw)
        return
    (entry,) = entries(changed.decode(), "request")
    assert (entry.selector, bool(entry.refusal)) == (None, True)


@pytest.mark.parametrize("raw", [b"", b"7", b"[]", b"{}", b"{" * 20_000, b'{"format":1}', b"\xff"])
def test_request_file_of_another_shape_is_refused(raw: bytes) -> None:
    with pytest.raises(UsageError):
        letters.Letter.parse(raw)


def test_request_for_another_dataset_is_refused(
    tmp_path: Path, publisher: Publisher, operate: Callable[..., Any]
) -> None:
    publisher.release()
    (publisher.root / "params.yaml").write_text("publish: {repo: octo-org/other}\n")
    (tmp_path / "a.json").write_bytes(letter())
    code, answer = operate("import", tmp_path / "a.json")
    assert (code, answer["submitted"]) == (1, 0)
    assert "it is for octo-org/yard" in answer["requests"][0]["refusal"]


def test_receipt_has_a_page_that_a_person_can_read(
    shell: Shell,
    elsewhere: Path,
    operate: Callable[..., Any],
    publisher: Publisher,
    hub: EmbeddedHub,
) -> None:
    del elsewhere
    answer = written(shell)
    operate("import", answer["file"])
    operate("verify", answer["request"], "--method", "manual", "--reason", "it is theirs")
    receipt = apply(publisher, hub, answer["request"])
    assert shell("optout", "page", receipt).code == 0
    page = receipt.with_suffix(".html").read_text()
    assert "Removed in version 0.1.1 on your request: 3 files." in page
    assert ALPHA in page
    assert not re.search(r"https?://|<script|<img|salt", page)
    assert shell("optout", "page", publisher.root / "params.yaml").code in {1, 2}


def test_page_of_a_submission_escapes_what_it_quotes(
    operate: Callable[..., Any], publisher: Publisher
) -> None:
    publisher.release()
    _, answer = operate("submit", "--path", f"{ALPHA}:<script>*", "--contact", "me@example.org")
    folder = publisher.root / ".stackyard" / "receipts"
    page = (folder / f"{answer['request']}.html").read_text()
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "Nothing is removed yet" in page
    assert page == html(from_bytes((folder / f"{answer['request']}.json").read_bytes()))
    operate("withdraw", answer["request"])
    operate("erase", answer["request"])
    assert list(folder.iterdir()) == []
