"""A challenge in a signed commit, with real keys, real git, and a server on this machine."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.optout import policy as policies
from stackyard.optout.registry import Request
from stackyard.optout.selector import parse
from stackyard.store import authority
from stackyard.store.private import Private
from stackyard.store.reach import Reach
from stackyard.store.registry import init_registry, open_registry
from stackyard.store.signed_commit import check_commit, public_keys

from .conftest import NOW
from .test_cli import answer, run

CHALLENGE = authority.Challenge("req-0123456789abcdef", "ab" * 16, "2026-01-09T00:00:00Z")
HERE = Reach(("127.0.0.0/8",))


def asked(kind: str, text: str) -> Request:
    return Request(CHALLENGE.request, parse(kind, text), "none", False, bytes(32))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Private keys by name; each has its public half beside it."""
    folder = tmp_path_factory.mktemp("keys")
    made = {}
    for name, kind in (("owner", "ed25519"), ("other", "ed25519"), ("ecdsa", "ecdsa")):
        made[name] = folder / name
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "me@host", "-f", str(made[name])]
        subprocess.run(command, check=True)
    return made


def public(key: Path) -> str:
    return key.with_suffix(".pub").read_text()


def git(folder: Path, *arguments: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "x",
        "GIT_AUTHOR_EMAIL": "x@example.org",
        "GIT_COMMITTER_NAME": "x",
        "GIT_COMMITTER_EMAIL": "x@example.org",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def repository(folder: Path, message: str, key: Path | None, branch: str = authority.BRANCH) -> str:
    folder.mkdir()
    git(folder, "init", "-q", "-b", branch)
    signing = [] if key is None else ["-c", "gpg.format=ssh", "-c", f"user.signingKey={key}"]
    sign = [] if key is None else ["-S"]
    git(folder, *signing, "commit", "-q", "--allow-empty", *sign, "-m", message)
    return f"file://{folder}"


def checked(url: str, *allowed: Path) -> str:
    listed = public_keys("".join(public(key) for key in allowed))
    return authority.check_signed(url, CHALLENGE, listed, protocols=("file",))


@pytest.mark.parametrize("kind", ["owner", "ecdsa"])
def test_check_signed_commit_by_a_listed_key_is_found(
    tmp_path: Path, keys: dict[str, Path], kind: str
) -> None:
    url = repository(tmp_path / "r", f"opt out\n\n{CHALLENGE.text}", keys[kind])
    seen = checked(url, keys["other"], keys[kind])
    assert CHALLENGE.text in seen
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(keys[kind])], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert fingerprint in seen


def test_check_signed_commit_by_another_key_is_refused(
    tmp_path: Path, keys: dict[str, Path]
) -> None:
    url = repository(tmp_path / "r", CHALLENGE.text, keys["other"])
    with pytest.raises(VerificationError, match="not signed by a key of who may ask"):
        checked(url, keys["owner"])
    with pytest.raises(VerificationError, match="no public keys"):
        checked(url)


def test_check_signed_commit_without_signature_is_refused(
    tmp_path: Path, keys: dict[str, Path]
) -> None:
    url = repository(tmp_path / "r", CHALLENGE.text, None)
    with pytest.raises(VerificationError, match="not signed by an SSH key"):
        checked(url, keys["owner"])


@pytest.mark.parametrize(
    "message",
    [
        "stackyard-optout req-0123456789abcdef " + "cd" * 16,
        "stackyard-optout req-ffffffffffffffff " + "ab" * 16,
        f"x{CHALLENGE.text}",
        "no challenge",
    ],
)
def test_check_signed_commit_with_another_nonce_is_refused(
    tmp_path: Path, keys: dict[str, Path], message: str
) -> None:
    url = repository(tmp_path / "r", message, keys["owner"])
    with pytest.raises(VerificationError, match="not in the message"):
        checked(url, keys["owner"])


def test_check_signed_commit_on_another_branch_is_refused(
    tmp_path: Path, keys: dict[str, Path]
) -> None:
    url = repository(tmp_path / "r", CHALLENGE.text, keys["owner"], branch="main")
    with pytest.raises(EnvironmentFault, match="git cannot read"):
        checked(url, keys["owner"])


@pytest.fixture
def signed(tmp_path: Path, keys: dict[str, Path]) -> bytes:
    """The bytes of a commit that the owner signed."""
    repository(tmp_path / "r", CHALLENGE.text, keys["owner"])
    return git(tmp_path / "r", "cat-file", "commit", "HEAD").encode()


def test_check_commit_changed_in_any_byte_is_refused(signed: bytes, keys: dict[str, Path]) -> None:
    listed = public_keys(public(keys["owner"]))
    assert "SHA256:" in check_commit(signed, CHALLENGE.text, listed)
    for at in range(0, len(signed), 37):
        changed = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
        with pytest.raises(VerificationError):
            check_commit(changed, CHALLENGE.text, listed)


def test_check_commit_signature_of_another_commit_is_refused(
    tmp_path: Path, signed: bytes, keys: dict[str, Path]
) -> None:
    """The owner signs commits all day: a signature of theirs is not taken over to the challenge."""
    repository(tmp_path / "daily", "daily work", keys["owner"])
    daily = git(tmp_path / "daily", "cat-file", "commit", "HEAD").encode()
    armour = daily.partition(b"gpgsig ")[2].partition(b"\n\n")[0]
    own = signed.partition(b"gpgsig ")[2].partition(b"\n\n")[0]
    listed = public_keys(public(keys["owner"]))
    with pytest.raises(VerificationError, match="not signed by a key"):
        check_commit(signed.replace(own, armour), CHALLENGE.text, listed)
    with pytest.raises(VerificationError, match="more than one signature"):
        check_commit(
            signed.replace(b"gpgsig ", b"gpgsig " + armour + b"\ngpgsig ", 1),
            CHALLENGE.text,
            listed,
        )


def test_check_commit_signed_for_another_purpose_is_refused(
    tmp_path: Path, signed: bytes, keys: dict[str, Path]
) -> None:
    """A file that the owner signed elsewhere (another namespace) does not pass for a commit."""
    head, _, message = signed.partition(b"\n\n")
    own = head.partition(b"\ngpgsig ")
    payload = own[0] + b"\n\n" + message
    file = tmp_path / "payload"
    file.write_bytes(payload)
    subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", str(keys["owner"]), str(file)],
        check=True,
        capture_output=True,
    )
    armour = (tmp_path / "payload.sig").read_bytes().rstrip(b"\n").replace(b"\n", b"\n ")
    forged = own[0] + b"\ngpgsig " + armour + b"\n\n" + message
    with pytest.raises(VerificationError, match="not signed by a key"):
        check_commit(forged, CHALLENGE.text, public_keys(public(keys["owner"])))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n\n",
        b"x" * 70_000,
        b"tree 0\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\n\nm",
        b"tree 0\ngpgsig-sha256 -----BEGIN SSH SIGNATURE-----\n x\n\nm",
        b"tree 0\ngpgsig -----BEGIN SSH SIGNATURE-----\n x\n\n" + CHALLENGE.text.encode(),
    ],
)
def test_check_commit_of_garbage_is_refused(raw: bytes, keys: dict[str, Path]) -> None:
    with pytest.raises(VerificationError):
        check_commit(raw, CHALLENGE.text, public_keys(public(keys["owner"])))


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "cert-authority ssh-ed25519 " + "A" * 68,
        'namespaces="file" ssh-ed25519 ' + "A" * 68,
        "* ssh-ed25519 " + "A" * 68,
        "ssh-dss " + "A" * 68,
        "ssh-ed25519 AAAA",
        "<html>",
        "\n".join(f"ssh-ed25519 {n:068d}" for n in range(300)),
    ],
)
def test_public_keys_of_other_lines_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        public_keys(text)


def test_public_keys_lose_their_comments(keys: dict[str, Path]) -> None:
    text = f"# mine\n\n{public(keys['owner'])}{public(keys['owner'])}"
    (key,) = public_keys(text)
    assert key == " ".join(public(keys["owner"]).split()[:2])


class Forge(BaseHTTPRequestHandler):
    """Lists keys as forges do, and tries what a hostile one would."""

    body: ClassVar[bytes] = b""

    def do_GET(self) -> None:
        answers = {
            "/octo.keys": (200, self.body),
            "/empty.keys": (200, b""),
            "/odd.keys": (200, b"x"),
        }
        status, body = answers.get(self.path, (404, b""))
        if self.path == "/moved.keys":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/meta-data")
            self.end_headers()
            return
        if self.path == "/busy.keys":
            status = 503
        if self.path == "/long.keys":
            status, body = 200, b"x" * 2_000_000
        self.send_response(status)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture
def forge(keys: dict[str, Path]) -> Iterator[str]:
    Forge.body = public(keys["owner"]).encode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Forge)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_forge_keys_are_those_of_the_owner_named(forge: str, keys: dict[str, Path]) -> None:
    for kind, text in (("repo", "octo/p"), ("path", "octo/p:a"), ("owner", "octo")):
        assert authority.forge_keys(asked(kind, text), HERE, forge) == public_keys(
            public(keys["owner"])
        )
    for owner in ("empty", "nobody", "moved"):
        assert authority.forge_keys(asked("owner", owner), HERE, forge) == []
    with pytest.raises(UsageError, match="public key"):
        authority.forge_keys(asked("owner", "odd"), HERE, forge)
    with pytest.raises(EnvironmentFault, match="503"):
        authority.forge_keys(asked("owner", "busy"), HERE, forge)
    with pytest.raises(EnvironmentFault, match="too long"):
        authority.forge_keys(asked("owner", "long"), HERE, forge)


def test_forge_keys_of_a_forge_without_a_list_need_the_operators() -> None:
    with pytest.raises(UsageError, match="--keys"):
        authority.forge_keys(asked("repo", "https://git.sr.ht/~octo/p"))
    with pytest.raises(UsageError, match="--keys"):
        authority.forge_keys(asked("repo", "octo/p"))


def test_signing_url_of_an_account_is_a_repository_of_its_own() -> None:
    url = authority.signing_url(asked("owner", "https://github.com/octo"))
    assert url == f"https://github.com/octo/{authority.BRANCH}"
    with pytest.raises(UsageError, match=r"https://github\.com/octo"):
        authority.signing_url(asked("owner", "octo"))


def test_policy_takes_signed_commits_for_what_an_account_has() -> None:
    methods = policies.load(policies.default_text()).methods
    assert all("commit" in each for each in (methods.repo, methods.path, methods.owner))
    assert "commit" not in methods.blob + methods.author


def test_verify_commit_without_the_network_sets_a_challenge_first(tmp_path: Path) -> None:
    init_registry(tmp_path)
    name = answer(
        tmp_path, "submit", "--repo", "https://github.com/octo/p", "--contact", "a@example.org"
    )["request"]
    said = answer(tmp_path, "verify", name, "--method", "commit")
    assert said["challenge"] in said["do"]
    assert authority.BRANCH in said["do"]
    with pytest.raises(UsageError, match="--method commit"):
        run(tmp_path, "verify", name, "--method", "dns", "--keys", __file__)
    assert not open_registry(tmp_path).effective()


def test_replayed_signed_commit_of_an_earlier_request_is_refused(
    tmp_path: Path, keys: dict[str, Path]
) -> None:
    """The nonce of a request that ended, or that ran out, is worth nothing to the next one."""
    with Private(tmp_path / "private") as private:
        old = authority.set_challenge(private, "req-0123456789abcdef", 1, NOW)
        url = repository(tmp_path / "r", old.text, keys["owner"])
        listed = public_keys(public(keys["owner"]))
        assert authority.check_signed(url, old, listed, protocols=("file",))
        later = NOW + timedelta(hours=2)
        assert authority.open_challenge(private, old.request, later) is None
        fresh = authority.set_challenge(private, old.request, 1, later)
    with pytest.raises(VerificationError, match="not in the message"):
        authority.check_signed(url, fresh, listed, protocols=("file",))
