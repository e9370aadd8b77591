"""A challenge in a commit that an SSH key signed: what `git commit -S` makes with gpg.format=ssh.

In: the bytes of a commit object, the line to find, the keys that may have signed. Out: the fingerprint of
the key, or a refusal. The signature is over the object less its `gpgsig` header, in namespace `git`;
OpenSSH's own `ssh-keygen -Y verify` checks it. OpenPGP and X.509 signatures are refused.
Source: gitformat-signature(5), ssh-keygen(1) "ALLOWED SIGNERS", PROTOCOL.sshsig.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stackyard.errors import EnvironmentFault, UsageError, VerificationError

COMMIT_MAX_BYTES = 65_536
KEYS_MAX = 200
_SECONDS_MAX = 20
_KEY = re.compile(
    r"((?:sk-)?ssh-ed25519(?:@openssh\.com)?|(?:sk-)?ecdsa-sha2-nistp(?:256|384|521)(?:@openssh\.com)?"
    r"|ssh-rsa) ([A-Za-z0-9+/]{40,8000}={0,2})(?: .*)?"
)
_WHO = "requester"


def public_keys(text: str) -> list[str]:
    """Public keys in the lines of a forge's or an operator's list: type and key, without comments.

    Raises:
        UsageError: a line is no public key, or there are too many.
    """
    lines = [line.strip() for line in text.splitlines()]
    found = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        match = _KEY.fullmatch(line)
        if match is None:
            raise UsageError(
                "a list of public keys has a line that is none",
                expected="lines such as ssh-ed25519 AAAA..., as in a file ending in .pub",
            )
        found.append(f"{match[1]} {match[2]}")
    if len(found) > KEYS_MAX:
        raise UsageError(f"a list of more than {KEYS_MAX} public keys")
    return sorted(set(found))


def check_commit(raw: bytes, line: str, keys: Sequence[str]) -> str:
    """The fingerprint of the key that signed a commit whose message has a line of exactly this text.

    1. The object is small, and has one signature, by SSH.
    2. Its message has the line.
    3. One of the keys made the signature, over all of the object but the signature.

    Raises:
        VerificationError: one of these does not hold.
    """
    payload, signature = _split(raw)  # (1)
    message = payload.partition(b"\n\n")[2].decode("utf-8", "replace")
    if line not in message.splitlines():  # (2)
        raise VerificationError(
            "the challenge is not in the message of the commit", expected=f"the line: {line}"
        )
    if not keys:
        raise VerificationError(
            "there are no public keys that the commit may be signed with",
            next_step="add one to the account on its forge, or let the operator give it with --keys",
        )
    return _verified(payload, signature, keys)  # (3)


def _split(raw: bytes) -> tuple[bytes, bytes]:
    """The signed bytes of a commit, and the signature."""
    if len(raw) > COMMIT_MAX_BYTES:
        raise VerificationError(
            "the commit is too long for a challenge", found=f"{len(raw):,} bytes"
        )
    head, separator, message = raw.partition(b"\n\n")
    kept: list[bytes] = []
    signature: list[bytes] = []
    inside = False
    for line in head.split(b"\n"):
        if line.startswith(b" "):
            (signature if inside else kept).append(line[1:] if inside else line)
            continue
        inside = line.startswith(b"gpgsig")
        if inside and (signature or not line.startswith(b"gpgsig ")):
            raise VerificationError(
                "the commit has more than one signature, or one of another kind"
            )
        (signature if inside else kept).append(line.removeprefix(b"gpgsig ") if inside else line)
    armour = b"\n".join(signature)
    if not armour.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise VerificationError(
            "the commit is not signed by an SSH key",
            next_step="sign it with: git -c gpg.format=ssh -c user.signingKey=KEY.pub commit -S ...",
        )
    return b"\n".join(kept) + separator + message, armour + b"\n"


def _verified(payload: bytes, signature: bytes, keys: Sequence[str]) -> str:
    with tempfile.TemporaryDirectory(prefix="stackyard-signed-") as name:
        folder = Path(name)
        allowed, armour = folder / "allowed", folder / "signature"
        allowed.write_text("".join(f'{_WHO} namespaces="git" {key}\n' for key in keys))
        armour.write_bytes(signature)
        command = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", _WHO, "-n", "git",
                   "-s", str(armour)]  # fmt: skip
        try:
            done = subprocess.run(
                command, input=payload, capture_output=True, timeout=_SECONDS_MAX, check=False
            )
        except FileNotFoundError as error:
            raise EnvironmentFault(
                "signatures of commits need the program ssh-keygen",
                next_step="install OpenSSH's client",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise EnvironmentFault("ssh-keygen did not end") from error
    said = done.stdout.decode("utf-8", "replace")
    match = re.match(rf'Good "git" signature for {_WHO} with (\S+) key (SHA256:\S+)', said)
    if done.returncode != 0 or match is None:
        raise VerificationError(
            "the commit is not signed by a key of who may ask",
            expected=f"one of {len(keys)} public keys",
            next_step="sign it with a key that the forge lists for the account",
        )
    return f"{match[1]} {match[2]}"
