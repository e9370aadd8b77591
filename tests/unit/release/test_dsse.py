from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackyard.errors import UsageError, VerificationError
from stackyard.release.dsse import (
    MANIFEST_TYPE,
    Envelope,
    Signature,
    cosign,
    keyid,
    pae,
    sign,
    verify,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
OTHER_PUBLIC = OTHER.public_key().public_bytes_raw()


def test_pae_counts_bytes_and_separates_by_one_space() -> None:
    assert pae("a/b", b"") == b"DSSEv1 3 a/b 0 "
    assert pae("é", b"x y") == b"DSSEv1 2 \xc3\xa9 3 x y"


def test_envelope_round_trip_is_exact() -> None:
    envelope = sign(b"payload \x00\xff", KEY)
    assert Envelope.parse(envelope.serialise()) == envelope
    assert verify(envelope, [PUBLIC]) == (keyid(PUBLIC),)


def test_sign_again_gives_the_same_bytes() -> None:
    once = sign(b"payload", KEY)
    assert sign(b"payload", KEY) == once
    assert cosign(once, KEY) == once


def test_cosign_by_two_keys_reaches_a_threshold_of_two() -> None:
    envelope = cosign(sign(b"payload", KEY), OTHER)
    assert envelope == cosign(sign(b"payload", OTHER), KEY)
    assert len(verify(envelope, [PUBLIC, OTHER_PUBLIC], threshold=2)) == 2
    assert Envelope.parse(envelope.serialise()) == envelope


def test_verify_one_key_twice_does_not_reach_a_threshold_of_two() -> None:
    envelope = sign(b"payload", KEY)
    twice = Envelope(
        envelope.payload_type,
        envelope.payload,
        (*envelope.signatures, Signature("f" * 64, envelope.signatures[0].sig)),
    )
    with pytest.raises(VerificationError):
        verify(twice, [PUBLIC, PUBLIC], threshold=2)


def test_verify_by_an_untrusted_key_fails_whatever_the_key_id_says() -> None:
    envelope = sign(b"payload", OTHER)
    forged = Envelope(
        envelope.payload_type,
        envelope.payload,
        (Signature(keyid(PUBLIC), envelope.signatures[0].sig),),
    )
    for case in (envelope, forged, Envelope(MANIFEST_TYPE, b"payload", ())):
        with pytest.raises(VerificationError, match="trusted key"):
            verify(case, [PUBLIC])
    with pytest.raises(VerificationError):
        verify(envelope, [])


def test_verify_another_payload_type_fails() -> None:
    envelope = sign(b"payload", KEY, payload_type="text/plain")
    with pytest.raises(VerificationError, match="something else"):
        verify(envelope, [PUBLIC])
    relabelled = Envelope(MANIFEST_TYPE, envelope.payload, envelope.signatures)
    with pytest.raises(VerificationError):
        verify(relabelled, [PUBLIC])


def test_verify_with_a_threshold_of_none_is_refused() -> None:
    with pytest.raises(UsageError):
        verify(sign(b"payload", KEY), [PUBLIC], threshold=0)


def test_verify_after_any_byte_is_flipped_fails() -> None:
    text = sign(b"the payload", KEY).serialise()
    for at in range(len(text)):
        damaged = text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        with pytest.raises(VerificationError):
            _open(damaged)


def _open(text: bytes) -> None:
    envelope = Envelope.parse(text)
    named = verify(envelope, [PUBLIC])
    if [entry.keyid for entry in envelope.signatures] != list(named):
        raise VerificationError("the hint names another key")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"payload":1,"payloadType":"x","signatures":[]}',
        b'{"payload":"*","payloadType":"x","signatures":[]}',
        b'{"payload":"","payloadType":"x","signatures":[{"keyid":"a"}]}',
        b"\xff",
        b"[" * 100000,
    ],
)
def test_envelope_parse_of_garbage_is_refused(text: bytes) -> None:
    with pytest.raises(VerificationError):
        Envelope.parse(text)


def test_envelope_parse_of_another_text_of_the_same_value_is_refused() -> None:
    text = sign(b"payload", KEY).serialise()
    with pytest.raises(VerificationError):
        Envelope.parse(json.dumps(json.loads(text)).encode())
