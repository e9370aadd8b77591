"""Hubs that cost whoever asks them: endless, packed, dripping, deep, leading in circles."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from huggingface_hub import close_session

from stackyard.client.pull import pull
from stackyard.errors import EnvironmentFault, StackyardError, UsageError, VerificationError
from stackyard.store import bounds, hub
from stackyard.store.hub import HubDataset

REPO = "octo-org/yard"
COMMIT = "a" * 40
Answer = Callable[[socket.socket, str], None]
MIB = 1 << 20


class Hostile:
    """Answers every request as it is told to, byte for byte; `sent` counts."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.sent = 0
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._is_open = True
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        while self._is_open:
            with suppress(OSError):
                line, _ = self._listener.accept()
                threading.Thread(target=self._one, args=(line,), daemon=True).start()

    def _one(self, line: socket.socket) -> None:
        with suppress(OSError), line:
            request = b""
            while b"\r\n\r\n" not in request:
                part = line.recv(65536)
                if not part:
                    return
                request += part
            target = request.split(b" ", 2)[1].decode()
            self.asked.append(target)
            self.answer(line, target)

    def send(self, line: socket.socket, data: bytes) -> None:
        line.sendall(data)
        self.sent += len(data)

    def close(self) -> None:
        self._is_open = False
        self._listener.close()


@pytest.fixture
def hostile() -> Iterator[Callable[[Answer], Hostile]]:
    made: list[Hostile] = []

    def make(answer: Answer) -> Hostile:
        made.append(Hostile(answer))
        return made[-1]

    yield make
    for each in made:
        each.close()
    close_session()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in life, sooner: two seconds of a call for five minutes, no waiting between tries."""
    monkeypatch.setattr(bounds, "CALL_SECONDS", 2.0)
    monkeypatch.setattr(hub, "BACKOFF_SECONDS", 0.0)


def head(status: int, *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *headers, "Connection: close"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def plainly(made: Hostile, body: bytes, status: int = 200, *headers: str) -> Answer:
    return lambda line, _target: made.send(line, head(status, *headers, length=len(body)) + body)


@pytest.mark.parametrize("status", [200, 302, 400, 404, 500, 503])
def test_an_endless_answer_is_cut_before_any_signature(
    hostile: Callable[[Answer], Hostile], status: int
) -> None:
    counted = Hostile.send
    made = hostile(lambda _line, _target: None)

    def answer(line: socket.socket, _target: str) -> None:
        counted(made, line, head(status, "Location: /elsewhere"))
        while True:
            counted(made, line, b"[" * 65536)

    made.answer = answer
    with pytest.raises(StackyardError) as refused:
        HubDataset(REPO, made.endpoint).versions()
    assert refused.value.exit_code in {1, 3}
    # What is on its way in the buffers of sockets comes on top, at each try.
    assert made.sent < (bounds.ANSWER_MAX_BYTES + 16 * MIB if status == 200 else 48 * MIB)


@pytest.mark.parametrize("status", [200, 404, 503])
@pytest.mark.parametrize("packing", ["gzip", "br", "zstd", "deflate, gzip"])
def test_a_packed_answer_is_refused_unread(
    hostile: Callable[[Answer], Hostile], status: int, packing: str
) -> None:
    made = hostile(lambda _line, _target: None)
    made.answer = plainly(
        made, gzip.compress(bytes(64 * MIB)), status, f"Content-Encoding: {packing}"
    )
    with pytest.raises(VerificationError, match="packs its answer"):
        HubDataset(REPO, made.endpoint).versions()
    with pytest.raises(VerificationError, match="packs its answer"):
        HubDataset(REPO, made.endpoint).read(COMMIT, "manifest.json")


def test_a_body_that_drips_ends_by_the_deadline(hostile: Callable[[Answer], Hostile]) -> None:
    def answer(line: socket.socket, _target: str) -> None:
        line.sendall(head(200))
        while True:
            line.sendall(b" ")
            time.sleep(0.1)

    _ends_soon(hostile(answer))


def test_headers_that_drip_end_by_the_deadline(hostile: Callable[[Answer], Hostile]) -> None:
    def answer(line: socket.socket, _target: str) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            line.sendall(b"x")
            time.sleep(0.1)

    _ends_soon(hostile(answer))


def test_a_hub_that_says_nothing_ends_by_the_deadline(hostile: Callable[[Answer], Hostile]) -> None:
    _ends_soon(hostile(lambda _line, _target: time.sleep(30)))


def _ends_soon(made: Hostile) -> None:
    began = time.monotonic()
    with pytest.raises(EnvironmentFault):
        HubDataset(REPO, made.endpoint).versions()
    assert time.monotonic() - began < 20  # two seconds, on a busy machine


@pytest.mark.parametrize("seconds", ["1", "59", "3600", "9" * 400])
def test_retry_after_is_waited_for_within_the_deadline_alone(
    hostile: Callable[[Answer], Hostile], seconds: str
) -> None:
    made = hostile(lambda _line, _target: None)
    made.answer = plainly(made, b"{}", 503, f"Retry-After: {seconds}")
    _ends_soon(made)


def test_a_download_that_drips_ends_by_its_deadline(
    hostile: Callable[[Answer], Hostile], tmp_path: Path
) -> None:
    def answer(line: socket.socket, _target: str) -> None:
        line.sendall(head(200))
        while True:
            line.sendall(b"x")
            time.sleep(0.05)

    dataset = HubDataset(REPO, hostile(answer).endpoint)
    began = time.monotonic()
    with pytest.raises(StackyardError):
        dataset.download(COMMIT, "x", tmp_path / "x", sha256="0" * 64, size_bytes=1000)
    assert time.monotonic() - began < 20
    assert list(tmp_path.iterdir()) == []


GARBAGE = {
    "no JSON": b"<html>",
    "nothing": b"",
    "deep": b"[" * 1_000_000,
    "deep refs": b'{"tags": ' + b"[" * 1_000_000,
    "a list": b"[]",
    "a number": b"1" * 5000,
    "no branches": b"{}",
    "null for branches": b'{"branches": null, "tags": null, "converts": null}',
    "text for branches": b'{"branches": "main", "tags": [], "converts": []}',
    "a branch that is none": b'{"branches": [{"name": "main"}], "tags": [], "converts": []}',
    "not UTF-8": b'{"branches": "\xff"}',
    "a commit that is a path": b'{"branches": [{"name": "main", "ref": "x", "targetCommit": "../../x"}], "tags": [], "converts": []}',
    "a commit that is a number": b'{"branches": [{"name": "main", "ref": "x", "targetCommit": 7}], "tags": [], "converts": []}',
    "a commit that is long": b'{"branches": [{"name": "main", "ref": "x", "targetCommit": "' + b"a" * 10**6 + b'"}], "tags": [], "converts": []}',
}  # fmt: skip


@pytest.mark.parametrize("name", GARBAGE)
def test_refs_that_are_none_are_an_error_and_no_traceback(
    hostile: Callable[[Answer], Hostile], tmp_path: Path, name: str
) -> None:
    made = hostile(lambda _line, _target: None)
    made.answer = plainly(made, GARBAGE[name])
    with pytest.raises(EnvironmentFault):
        pull(HubDataset(REPO, made.endpoint), "0.1.0", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_tags_of_versions_without_end_are_no_versions(hostile: Callable[[Answer], Hostile]) -> None:
    made = hostile(lambda _line, _target: None)
    tags = ",".join(
        f'{{"name": "{name}", "ref": "x", "targetCommit": "{COMMIT}"}}'
        for name in (
            "v" + "9" * 5000 + ".0.0",
            "v\u0661.0.0",
            "v01.0.0",
            "v1.0.0\\u001b[2J",
            "v1.0.0",
        )
    )
    refs = f'{{"branches": [{{"name": "main", "ref": "x", "targetCommit": "{COMMIT}"}}], "tags": [{tags}], "converts": []}}'
    made.answer = plainly(made, refs.encode())
    assert HubDataset(REPO, made.endpoint).versions() == {"1.0.0": COMMIT}


def test_a_circle_of_redirects_is_an_error(hostile: Callable[[Answer], Hostile]) -> None:
    made = hostile(lambda _line, _target: None)
    made.answer = plainly(made, b"", 302, "Location: /again")
    with pytest.raises(EnvironmentFault, match="leads nowhere"):
        HubDataset(REPO, made.endpoint).versions()
    with pytest.raises(EnvironmentFault, match="leads nowhere"):
        HubDataset(REPO, made.endpoint).read(COMMIT, "x")


@pytest.mark.parametrize(
    "location", ["http://[", "ftp://example.org/x", "http:///x", "file:///etc/passwd"]
)
def test_a_redirect_to_no_place_is_an_error(
    hostile: Callable[[Answer], Hostile], location: str
) -> None:
    made = hostile(lambda _line, _target: None)
    made.answer = plainly(made, b"", 302, f"Location: {location}")
    with pytest.raises(EnvironmentFault):
        HubDataset(REPO, made.endpoint).versions()


@pytest.mark.parametrize("code", ["RepoNotFound", "RevisionNotFound", "EntryNotFound", "X"])
def test_what_a_redirect_does_not_find_is_not_missing_from_the_hub(
    hostile: Callable[[Answer], Hostile], code: str
) -> None:
    """Else a Hub could hide a dataset, or that a version was yanked, by a redirect."""
    made = hostile(lambda _line, _target: None)

    def answer(line: socket.socket, target: str) -> None:
        there = target == "/elsewhere"
        about = f"X-Error-Code: {code}" if there else "Location: /elsewhere"
        made.send(line, head(404 if there else 302, about, length=0))

    made.answer = answer
    dataset = HubDataset(REPO, made.endpoint)
    for ask in (dataset.versions, lambda: dataset.read_if_there(COMMIT, "yanked.json")):
        with pytest.raises(EnvironmentFault, match="another place"):
            ask()


def test_what_the_hub_itself_does_not_have_is_missing(hostile: Callable[[Answer], Hostile]) -> None:
    made = hostile(lambda _line, _target: None)
    made.answer = plainly(made, b"", 404, "X-Error-Code: EntryNotFound")
    assert HubDataset(REPO, made.endpoint).read_if_there(COMMIT, "yanked.json") is None
    made.answer = plainly(made, b"", 404, "X-Error-Code: RepoNotFound")
    with pytest.raises(UsageError, match="no dataset"):
        HubDataset(REPO, made.endpoint).versions()


def test_pages_of_a_tree_that_never_end_are_an_error(
    hostile: Callable[[Answer], Hostile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "FILES_MAX", 10)
    made = hostile(lambda _line, _target: None)
    page = b'[{"type": "file", "path": "x", "size": 1, "oid": "' + COMMIT.encode() + b'"}]'
    made.answer = plainly(made, page, 200, f'Link: <{made.endpoint}/more>; rel="next"')
    with pytest.raises(EnvironmentFault, match="more than 10 files"):
        HubDataset(REPO, made.endpoint).files(COMMIT)


def test_what_a_hub_says_cannot_move_the_cursor(hostile: Callable[[Answer], Hostile]) -> None:
    made = hostile(lambda _line, _target: None)
    body = b'{"error": "\\u001b[2J\\u202egnorw"}'
    made.answer = plainly(made, body, 400, "Content-Type: application/json")
    with pytest.raises(StackyardError) as refused:
        HubDataset(REPO, made.endpoint).versions()
    assert "\x1b" not in str(refused.value)
    assert "\u202e" not in str(refused.value)
