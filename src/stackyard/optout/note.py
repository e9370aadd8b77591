"""Signed checkpoints of the log: C2SP tlog-checkpoint in a C2SP signed-note, Ed25519.

A checkpoint's text is three lines, each ended by a newline: the log's origin (its name), its size
in decimal without leading zeros, and its root in base64. The note is that text, an empty line, and
one signature line a key: `U+2014 SPACE name SPACE base64(key id || signature)`, where the key id is
the first 4 bytes of `SHA-256(name || 0x0A || 0x01 || public key)` and the signature is over the text.
A verifier key is written `name+<key id in hex>+base64(0x01 || public key)`.

Source: https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stackyard.errors import UsageError, VerificationError
from stackyard.optout.merkle import DIGEST_BYTES

_ED25519 = b"\x01"
_NAME = re.compile(r"[^\s+]{1,200}")
_DASH = "\u2014"
_NOTE_BYTES_MAX = 1_000_000
"""A note is a few hundred bytes; the format asks readers to bound it."""


@dataclass(frozen=True)
class VerifierKey:
    """Public half of a log's key, and the name that its notes are signed under."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.public) != 32:  # noqa: PLR2004 - RFC 8032
            raise UsageError(
                f"{self.name[:80]!r} does not name a log",
                expected="a name without spaces and +, and an Ed25519 key of 32 bytes",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `name+id+base64`.

        Raises:
            VerificationError: it is no Ed25519 verifier key, or its key id is another key's.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        raw = _unbase64(encoded)
        if raw is None or len(raw) != 33 or raw[:1] != _ED25519 or not _NAME.fullmatch(name):  # noqa: PLR2004
            raise VerificationError(
                "the registry's public key cannot be read",
                expected="name+<8 hex digits>+base64, as in registry/keys/log.vkey",
                found=repr(text[:80]),
            )
        key = cls(name, raw[1:])
        if key.key_id.hex() != key_id:
            raise VerificationError(
                "the registry's public key does not carry its own key id",
                expected=key.key_id.hex(),
                found=key_id[:80],
            )
        return key

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def holds(self, signature: bytes, message: bytes) -> bool:
        """Whether the key made this signature over this message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True)
class SignerKey:
    """Private half: the 32-byte seed of RFC 8032. Its repr holds no key material."""

    name: str
    seed: bytes

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, self._key().public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        return self._key().sign(message)

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    def __repr__(self) -> str:
        return f"SignerKey({self.name!r})"


@dataclass(frozen=True, order=True)
class Checkpoint:
    """Size and root of a log at one moment; `text` and `parse` are exact inverses."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        lines = text.split("\n")
        root = _unbase64(lines[2]) if len(lines) >= 4 else None  # noqa: PLR2004
        if (
            root is None
            or len(root) != DIGEST_BYTES
            or not lines[0]
            or not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1])
        ):
            raise VerificationError(
                "the registry's checkpoint cannot be read",
                expected="three lines: origin, size, base64 of the root",
                found=repr(text[:120]),
            )
        return cls(lines[0], int(lines[1]), root)


def sign(checkpoint: Checkpoint, key: SignerKey) -> str:
    """The signed note of a checkpoint (UTF-8 when stored)."""
    signature = base64.b64encode(key.verifier.key_id + key.sign(checkpoint.text.encode()))
    return f"{checkpoint.text}\n{_DASH} {key.name} {signature.decode()}\n"


def open_note(note: str, key: VerifierKey) -> Checkpoint:
    """The checkpoint of a note, after checking that `key` signed it and that it is of that log.

    Raises:
        VerificationError: the note is malformed, or not signed by this key, or of another log.
    """
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n") or len(note) > _NOTE_BYTES_MAX:
        raise VerificationError(
            "the registry's checkpoint is not a signed note",
            expected="a text, an empty line, and signature lines",
            found=repr(note[:120]),
        )
    body = text + "\n"
    if not any(key.holds(signature, body.encode()) for signature in _signatures(signatures, key)):
        raise VerificationError(
            "the registry's checkpoint is not signed by the registry's key",
            expected=f"a signature by {key.name}+{key.key_id.hex()}",
            next_step="get registry/ from where it is published; do not sign what you did not write",
        )
    checkpoint = Checkpoint.parse(body)
    if checkpoint.origin != key.name:
        raise VerificationError(
            "the registry's checkpoint is of another log",
            expected=key.name,
            found=checkpoint.origin[:80],
        )
    return checkpoint


def _signatures(block: str, key: VerifierKey) -> list[bytes]:
    """Signatures in a note's block that claim to be by this key; other keys' are passed over."""
    found = []
    for line in block[:-1].split("\n"):
        parts = line.split(" ")
        raw = _unbase64(parts[2]) if len(parts) == 3 and parts[0] == _DASH else None  # noqa: PLR2004
        if raw is None:
            raise VerificationError(
                "a signature line of the registry's checkpoint is malformed",
                found=repr(line[:120]),
            )
        if parts[1] == key.name and raw[:4] == key.key_id:
            found.append(raw[4:])
    return found


def _unbase64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
