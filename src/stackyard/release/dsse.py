"""Signed envelopes: DSSE v1.0 with Ed25519, as in-toto and Sigstore use it.

In: bytes and keys. Out: an envelope, or the bytes that a trusted key signed.
Always holds: what `verify` returns is what was signed, byte for byte; an envelope has one text.

The signature is over the pre-authentication encoding (DSSE protocol, "PAE"), where lengths are
ASCII decimals and one space (0x20) separates the parts:

    "DSSEv1" SP len(payloadType) SP payloadType SP len(payload) SP payload

The envelope is RFC 8785 JSON of `{"payload": <base64>, "payloadType": <text>, "signatures":
[{"keyid": <hex>, "sig": <base64>}, ...]}`; base64 is the standard alphabet with padding, signatures
are sorted by keyid. A keyid is the hex SHA-256 of the 32 raw bytes of the public key: a hint, never
trusted: only keys that the caller hands in can verify.

Source: https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md, v1.0.0.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stackyard.errors import UsageError, VerificationError
from stackyard.params import canonical_json

MANIFEST_TYPE = "application/vnd.stackyard.manifest.v1+json"
"""payloadType of a signed manifest: a signature for anything else does not count for one."""

_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_REST_BYTES_MAX = 65_536
"""An envelope less its payload: some 250 bytes a signature, so there is room for 250 of them."""


@dataclass(frozen=True, order=True)
class Signature:
    """A signature with the id of the key that is said to have made it."""

    keyid: str
    sig: bytes


@dataclass(frozen=True)
class Envelope:
    """A payload with its type and signatures; `parse` and `serialise` are exact inverses."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """The envelope that a text holds.

        Raises:
            VerificationError: the text is not a canonical DSSE envelope.
        """
        try:
            envelope = cls._build(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise _malformed("not the JSON of a DSSE envelope") from None
        if envelope.serialise() != text:
            raise _malformed("another text than the canonical one of the same envelope")
        return envelope

    @classmethod
    def over(cls, payload: bytes, text: bytes) -> Self:
        """The envelope that a text holds, of a payload that is known; only what is left is parsed.

        So who checks a signature pays for no structure that nobody signed.

        Raises:
            VerificationError: the text is not the canonical envelope of this payload.
        """
        head = b'{"payload":"' + base64.b64encode(payload) + b'",'
        rest = b'{"payload":"",' + text[len(head) :]
        if not text.startswith(head):
            raise _malformed("an envelope of another payload, or none")
        if len(rest) > _REST_BYTES_MAX:
            raise _malformed(f"{len(rest)} bytes of signatures")
        envelope = cls.parse(rest)
        return cls(envelope.payload_type, payload, envelope.signatures)

    @classmethod
    def _build(cls, value: Any) -> Self:
        signatures = tuple(
            Signature(str(entry["keyid"]), _unbase64(entry["sig"])) for entry in value["signatures"]
        )
        return cls(str(value["payloadType"]), _unbase64(value["payload"]), signatures)

    def serialise(self) -> bytes:
        return canonical_json(
            {
                "payload": _base64(self.payload),
                "payloadType": self.payload_type,
                "signatures": [
                    {"keyid": entry.keyid, "sig": _base64(entry.sig)}
                    for entry in sorted(self.signatures)
                ],
            }
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed (DSSE v1.0, protocol.md, "Signature Definition")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def keyid(public_key: bytes) -> str:
    """Hex SHA-256 of the raw public key (32 bytes).

    Raises:
        UsageError: these are not the bytes of an Ed25519 public key.
    """
    if len(public_key) != _KEY_BYTES:
        raise UsageError(
            "not a raw Ed25519 public key", expected="32 bytes", found=f"{len(public_key)} bytes"
        )
    return hashlib.sha256(public_key).hexdigest()


def sign(payload: bytes, key: Ed25519PrivateKey, *, payload_type: str = MANIFEST_TYPE) -> Envelope:
    """An envelope of the payload with one signature; Ed25519 signatures are deterministic."""
    return cosign(Envelope(payload_type, payload, ()), key)


def cosign(envelope: Envelope, key: Ed25519PrivateKey) -> Envelope:
    """The same envelope, signed by one more key (again by the same key: no change)."""
    mine = Signature(
        keyid(key.public_key().public_bytes_raw()),
        key.sign(pae(envelope.payload_type, envelope.payload)),
    )
    return Envelope(
        envelope.payload_type,
        envelope.payload,
        tuple(sorted({*envelope.signatures, mine})),
    )


def verify(
    envelope: Envelope,
    trusted: Iterable[bytes],
    *,
    payload_type: str = MANIFEST_TYPE,
    threshold: int = 1,
) -> tuple[str, ...]:
    """Key ids, sorted, of the trusted raw public keys that signed this envelope.

    Raises:
        VerificationError: the type is another one, or fewer than `threshold` distinct trusted keys
            signed it.
        UsageError: the threshold is below 1, or a trusted key is not an Ed25519 public key.
    """
    if threshold < 1:
        raise UsageError("a threshold below 1 would accept unsigned envelopes")
    if envelope.payload_type != payload_type:
        raise VerificationError(
            "the signed envelope holds something else",
            expected=payload_type,
            found=envelope.payload_type[:80],
        )
    keys = {keyid(raw): raw for raw in trusted}
    message = pae(envelope.payload_type, envelope.payload)
    good = sorted(
        name
        for name, raw in keys.items()
        if any(_signed(raw, entry.sig, message) for entry in envelope.signatures)
    )
    if len(good) < threshold:
        named = ", ".join(entry.keyid[:16] for entry in envelope.signatures) or "none"
        raise VerificationError(
            "the envelope is not signed by a trusted key",
            expected=f"{threshold} of {', '.join(name[:16] for name in sorted(keys)) or 'no key'}",
            found=f"signatures that name {named}",
            next_step="do not use this release; ask its publisher which key signs",
        )
    return tuple(good)


def _signed(raw_key: bytes, signature: bytes, message: bytes) -> bool:
    if len(signature) != _SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(raw_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _malformed(found: str) -> VerificationError:
    return VerificationError(
        "manifest.dsse.json is not a signed envelope",
        expected="canonical JSON (RFC 8785) of a DSSE v1.0 envelope",
        found=found,
    )
