"""What evidence may be fetched from, and what a hostile network tries."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.optout import policy as policies
from stackyard.store import reach
from stackyard.store.reach import Reach

HERE = Reach(("127.0.0.0/8",))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "::1", "0.0.0.0", "127.1", "0x7f000001",
     "2130706433", "::ffff:10.0.0.1", "64:ff9b::a00:1"],
)  # fmt: skip
def test_addresses_of_private_hosts_in_any_spelling_are_refused(host: str) -> None:
    with pytest.raises((VerificationError, EnvironmentFault), match=r"public|resolved"):
        Reach().addresses(host)


def test_addresses_of_a_configured_network_are_taken() -> None:
    assert HERE.addresses("127.0.0.1") == ["127.0.0.1"]
    with pytest.raises(VerificationError):
        Reach(("127.1.0.0/16",)).addresses("127.0.0.1")


def test_addresses_with_one_private_among_them_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(VerificationError, match="public"):
        Reach().addresses("rebind.example.org")


def answer(monkeypatch: pytest.MonkeyPatch, *each: list[str]) -> list[str]:
    """A resolver that gives these addresses, one list a question; returns the names it was asked."""
    asked: list[str] = []
    left = list(each)

    def getaddrinfo(host: str, port: int, **_: object) -> list[Any]:
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_get_goes_to_the_address_that_was_checked_and_asks_the_name_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that is public when it is checked and private when it is used gains nothing."""
    asked = answer(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    went: list[object] = []

    def connect(address: object, _: float) -> socket.socket:
        went.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        Reach().get("https://rebind.example.org/x")
    assert asked == ["rebind.example.org"]
    assert went == [("8.8.8.8", 443)]


@pytest.mark.parametrize(
    "url",
    ["http://8.8.8.8/", "file:///etc/passwd", "ftp://8.8.8.8/", "gopher://8.8.8.8/", "//8.8.8.8/",
     "ssh://8.8.8.8/"],
)  # fmt: skip
def test_get_of_anything_but_https_is_refused(url: str) -> None:
    with pytest.raises((VerificationError, EnvironmentFault)):
        Reach().get(url)


@pytest.fixture
def server() -> Iterator[tuple[str, list[bytes]]]:
    """Answers each connection with what is listed, a piece every quarter of a second."""
    pieces: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def serve() -> None:
        while True:
            peer, _ = listening.accept()
            with peer:
                if stop.is_set():
                    return
                peer.recv(4096)
                try:
                    for piece in pieces:
                        peer.sendall(piece)
                        if len(pieces) > 1 and stop.wait(0.25):
                            break
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", pieces
    stop.set()
    socket.create_connection(listening.getsockname()).close()
    thread.join()
    listening.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example.org:99999/",
        "https://a.example.org:x/",
        "https://[::1/",
        "https://a.example.org\r\nHost: b.example.org/",
    ],
)
def test_get_of_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises((VerificationError, EnvironmentFault)):
        Reach().get(url)


def test_get_redirect_is_an_answer_and_is_not_followed(server: tuple[str, list[bytes]]) -> None:
    url, pieces = server
    pieces.append(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    )
    found = HERE.get(f"{url}/x")
    assert found.is_redirect
    assert found.body == b""


def test_get_answer_that_drips_for_ever_ends(
    server: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "SECONDS_MAX", 0.6)
    url, pieces = server
    pieces += [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x"] * 40]
    with pytest.raises(EnvironmentFault, match=r"slow|reached"):
        HERE.get(url)


def test_get_headers_that_drip_for_ever_end(
    server: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "SECONDS_MAX", 0.6)
    url, pieces = server
    pieces += [b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n"] * 40]
    with pytest.raises(EnvironmentFault, match=r"slow|reached"):
        HERE.get(url)


def test_get_answer_too_long_is_refused(server: tuple[str, list[bytes]]) -> None:
    url, pieces = server
    pieces.append(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_100_000)
    with pytest.raises(EnvironmentFault, match="too long"):
        HERE.get(url)


def test_policy_network_that_is_none_is_refused() -> None:
    text = policies.default_text()
    assert policies.load(text).evidence_networks == ()
    one = text.replace('"evidence_networks": []', '"evidence_networks": ["10.0.0.0/8"]')
    assert policies.load(one).evidence_networks == ("10.0.0.0/8",)
    with pytest.raises(UsageError):
        policies.load(one.replace("10.0.0.0/8", "everything"))
