"""Evidence of authority, against real git repositories and servers on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import dns.message
import dns.rrset
import pytest

from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.optout.registry import Request
from stackyard.optout.selector import parse
from stackyard.store import authority
from stackyard.store.private import Private
from stackyard.store.reach import Reach, is_public

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HERE = Reach(("127.0.0.0/8",))
CHALLENGE = authority.Challenge("req-0123456789abcdef", "ab" * 16, "2026-01-09T00:00:00Z")


def asked(kind: str, text: str) -> Request:
    return Request(CHALLENGE.request, parse(kind, text), "none", False, bytes(32))


def repository(folder: Path, content: str | None) -> str:
    folder.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=folder, check=True)
    (folder / "README").write_text("hello")
    if content is not None:
        (folder / authority.CHALLENGE_PATH).write_text(content)
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", *identity, "commit", "-q", "-m", "x"], cwd=folder, check=True)
    return f"file://{folder}"


def test_check_file_line_in_the_repository_is_found(tmp_path: Path) -> None:
    url = repository(tmp_path / "r", f"for stackyard\n{CHALLENGE.text}\n")
    assert CHALLENGE.text in authority.check_file(url, CHALLENGE, protocols=("file",))


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "stackyard-optout req-0123456789abcdef " + "cd" * 16,
        "stackyard-optout req-ffffffffffffffff " + "ab" * 16,
        f"x{CHALLENGE.text}",
        f"{CHALLENGE.text}\n" + "x" * 5_000,
    ],
)
def test_check_file_anything_else_is_refused(tmp_path: Path, content: str | None) -> None:
    url = repository(tmp_path / "r", content)
    with pytest.raises(VerificationError, match="challenge is not in"):
        authority.check_file(url, CHALLENGE, protocols=("file",))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc",
        "http://github.com/octo/p",
        "git://github.com/octo/p",
        "ssh://git@github.com/octo/p",
        "ext::sh -c touch% /tmp/owned",
        "--upload-pack=touch /tmp/owned",
    ],
)
def test_check_file_other_protocols_than_https_are_refused(url: str) -> None:
    with pytest.raises(EnvironmentFault, match="git cannot read"):
        authority.check_file(url, CHALLENGE)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "0.0.0.0"]
)
def test_check_file_private_address_is_refused_before_anything_is_sent(host: str) -> None:
    with pytest.raises((VerificationError, EnvironmentFault), match=r"public|resolved"):
        authority.check_file(f"https://{host}/octo/p", CHALLENGE)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("::ffff:127.0.0.1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("224.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("0.0.0.0", False),
        ("::", False),
    ],
)
def test_is_public_of_address_ranges(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_challenge_is_of_one_request_expires_and_is_good_once(tmp_path: Path) -> None:
    with Private(tmp_path) as private:
        first = authority.set_challenge(private, "req-1", 168, NOW)
        assert authority.open_challenge(private, "req-1", NOW) == first
        assert authority.open_challenge(private, "req-2", NOW) is None
        assert authority.open_challenge(private, "req-1", NOW + timedelta(days=8)) is None
        second = authority.set_challenge(private, "req-1", 168, NOW)
        assert second.nonce != first.nonce
        assert authority.open_challenge(private, "req-1", NOW) == second
        private.end_challenge("req-1")
        assert authority.open_challenge(private, "req-1", NOW) is None


def test_repository_url_needs_a_forge() -> None:
    url = authority.repository_url(asked("repo", "https://git.sr.ht/~octo/p"))
    assert url == "https://git.sr.ht/~octo/p"
    with pytest.raises(UsageError, match=r"https://github\.com/octo/p"):
        authority.repository_url(asked("repo", "octo/p"))


@pytest.fixture
def nameserver() -> Iterator[tuple[tuple[str, int], list[str]]]:
    """A DNS server on this machine that answers every TXT query with the listed texts."""
    import socket

    texts: list[str] = []
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            packet, peer = server.recvfrom(4096)
            if packet == b"stop":
                return
            query = dns.message.from_wire(packet)
            answer = dns.message.make_response(query)
            if texts:
                name = query.question[0].name
                answer.answer.append(dns.rrset.from_text_list(name, 60, "IN", "TXT", texts))
            server.sendto(answer.to_wire(), peer)

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname(), texts
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"stop", server.getsockname())
    thread.join()
    server.close()


def test_check_dns_record_is_found(nameserver: tuple[tuple[str, int], list[str]]) -> None:
    address, texts = nameserver
    texts.extend(['"v=spf1 -all"', f'"{CHALLENGE.text}"'])
    assert "example.org" in authority.check_dns("example.org", CHALLENGE, [address])


def test_check_dns_other_or_no_record_is_refused(
    nameserver: tuple[tuple[str, int], list[str]],
) -> None:
    address, texts = nameserver
    with pytest.raises(VerificationError, match=r"_stackyard-optout\.example\.org"):
        authority.check_dns("example.org", CHALLENGE, [address])
    texts.append('"stackyard-optout req-0123456789abcdef other"')
    with pytest.raises(VerificationError):
        authority.check_dns("example.org", CHALLENGE, [address])


class Forge(BaseHTTPRequestHandler):
    """Answers as GitHub's REST interface does, for the account of the token `good`."""

    answers: ClassVar[dict[str, object]] = {
        "/user": {"login": "Octo-Admin"},
        "/user/memberships/orgs/octo-org": {"state": "active", "role": "admin"},
        "/user/memberships/orgs/parent": {"state": "active", "role": "member"},
        "/user/memberships/orgs/invited": {"state": "pending", "role": "admin"},
        "/repos/octo-org/p": {"full_name": "Octo-Org/p", "permissions": {"admin": True}},
        "/repos/octo-org/read": {"full_name": "Octo-Org/read", "permissions": {"admin": False}},
        "/repos/octo-org/swap": {"full_name": "other/swap", "permissions": {"admin": True}},
        "/orgs/octo-org": {"is_verified": True, "blog": "https://www.Example.org/about"},
        "/orgs/parent": {"is_verified": False, "blog": "https://example.org"},
        "/orgs/odd": {"is_verified": True, "blog": "http://127.0.0.1:8080/"},
    }

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") in {"Bearer good", None}
        answer = self.answers.get(self.path) if known else None
        if self.path == "/repos/octo-org/moved":
            self.send_response(301)
            self.send_header("Location", "/repos/octo-org/p")
            self.end_headers()
            return
        body = b"x" * 2_000_000 if self.path == "/orgs/huge" else json.dumps(answer or {}).encode()
        self.send_response(404 if answer is None and self.path != "/orgs/huge" else 200)
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture(scope="module")
def forge() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forge)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("repo", "octo-org/p"),
        ("path", "https://github.com/octo-org/p:docs/**"),
        ("owner", "octo-org"),
        ("owner", "octo-admin"),
    ],
)
def test_check_forge_administrator_may_ask(forge: str, kind: str, text: str) -> None:
    assert "Octo-Admin" in authority.check_forge(asked(kind, text), "good", forge, reach=HERE)


@pytest.mark.parametrize(
    ("kind", "text", "token"),
    [
        ("repo", "octo-org/p", "bad"),
        ("repo", "octo-org/read", "good"),
        ("repo", "octo-org/swap", "good"),
        ("repo", "octo-org/moved", "good"),
        ("repo", "octo-org/none", "good"),
        ("owner", "parent", "good"),
        ("owner", "invited", "good"),
        ("owner", "somebody-else", "good"),
    ],
)
def test_check_forge_anybody_else_is_refused(forge: str, kind: str, text: str, token: str) -> None:
    with pytest.raises(VerificationError):
        authority.check_forge(asked(kind, text), token, forge, reach=HERE)


def test_check_forge_of_another_forge_is_refused(forge: str) -> None:
    with pytest.raises(UsageError, match=r"gitlab\.com"):
        authority.check_forge(asked("repo", "https://gitlab.com/octo/p"), "good", forge, reach=HERE)


def test_verified_domain_is_only_what_the_forge_verified(forge: str) -> None:
    assert authority.verified_domain("octo-org", forge, reach=HERE) == "example.org"
    for name in ("parent", "odd", "nobody"):
        with pytest.raises(VerificationError, match="no verified domain"):
            authority.verified_domain(name, forge, reach=HERE)
    with pytest.raises(EnvironmentFault, match="too long"):
        authority.verified_domain("huge", forge, reach=HERE)


def test_forge_unreachable_is_said(unused_port: int) -> None:
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        authority.verified_domain("octo-org", f"http://127.0.0.1:{unused_port}", reach=HERE)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def test_forge_token_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(authority.TOKEN_VARIABLE, raising=False)
    with pytest.raises(UsageError, match=authority.TOKEN_VARIABLE):
        authority.forge_token()
    assert not os.path.exists("/tmp/owned")  # noqa: PTH110 - what the hostile addresses would make
