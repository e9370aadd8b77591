"""Yanked versions: listed on the Hub, and not pulled unasked.

`yanked.json` on the branch main is a DSSE envelope of type YANKED_TYPE, as canonical JSON (RFC 8785), by
the key that signs the releases. Its payload is canonical JSON of `dataset`, `format`
(`stackyard-yanked/2`) and `versions`: {<version>: {"reason": <text>}}.

A Hub cannot add to it or take from it, but can show an older one or none: a copy's lock remembers what
was seen (`lock.Seen`). Format 1 was not signed, and is believed by nobody; `yank` takes it over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackyard.client.trust import parse_key
from stackyard.errors import StackyardError, UsageError, VerificationError
from stackyard.params import canonical_json
from stackyard.release import dsse
from stackyard.store.hub import YANKED_PATH, HubDataset

FORMAT = "stackyard-yanked/2"
UNSIGNED = "stackyard-yanked/1"
YANKED_TYPE = "application/vnd.stackyard.yanked.v1+json"
REASON_MAX = 1000
SIZE_MAX_BYTES = 16 << 20
"""Ten thousand versions, each with the longest reason."""


def parse(text: bytes | None, dataset: str, key: str) -> dict[str, str]:
    """Version -> reason, signed by a key (hex); nothing is yanked where there is no file.

    Raises:
        VerificationError: it cannot be read or believed, so what is yanked is not known.
    """
    if text is None:
        return {}
    try:
        envelope = dsse.Envelope.parse(text)
        dsse.verify(envelope, [parse_key(key)], payload_type=YANKED_TYPE)
        document = json.loads(envelope.payload)
        versions = _versions(document)
        if envelope.payload != _payload(dataset, versions):
            raise ValueError("another payload")  # noqa: TRY301 - of another dataset, or not canonical
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        StackyardError,
    ) as error:
        raise VerificationError(
            f"{YANKED_PATH} on the Hub cannot be believed, so it is not known what is yanked",
            expected=f"{FORMAT} of {dataset}, signed by the key of its releases",
            found=str(getattr(error, "found", "")) or type(error).__name__,
            next_step="tell the release manager: `stackyard yank` signs the list anew",
        ) from error
    return versions


def _versions(document: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, str]:
    return {str(name): str(entry["reason"]) for name, entry in document["versions"].items()}


def _payload(dataset: str, yanked: Mapping[str, str]) -> bytes:
    versions = {name: {"reason": reason} for name, reason in yanked.items()}
    return canonical_json({"dataset": dataset, "format": FORMAT, "versions": versions})


def serialise(yanked: Mapping[str, str], dataset: str, key: Ed25519PrivateKey) -> bytes:
    """The file."""
    return dsse.sign(_payload(dataset, yanked), key, payload_type=YANKED_TYPE).serialise()


def read(dataset: HubDataset, key: str) -> dict[str, str]:
    """What is yanked, as the Hub says now, signed by a key (hex)."""
    text = dataset.read_if_there(dataset.head(), YANKED_PATH, SIZE_MAX_BYTES)
    return parse(text, dataset.repo, key)


def yank(dataset: HubDataset, version: str, reason: str, key: Ed25519PrivateKey) -> bool:
    """Marks a version; whether it was not marked so before.

    Raises:
        UsageError: there is no such version, or the reason is empty or too long.
    """
    if not reason.strip() or len(reason) > REASON_MAX:
        raise UsageError("a yank needs a reason", expected=f"1 to {REASON_MAX} characters")
    dataset.resolve(version)
    public = key.public_key().public_bytes_raw().hex()
    new = False

    def change(before: bytes | None) -> bytes:
        nonlocal new
        unsigned = _unsigned(before)
        yanked = parse(before, dataset.repo, public) if unsigned is None else unsigned
        new = yanked.get(version) != reason
        if not new and unsigned is None:
            return before or b""
        return serialise({**yanked, version: reason}, dataset.repo, key)

    dataset.edit(YANKED_PATH, change, f"Yank {version}")
    return new


def _unsigned(text: bytes | None) -> dict[str, str] | None:
    """What a list of format 1 says, for who signs it now; None if it is none."""
    try:
        document = json.loads(text or b"")
        return _versions(document) if document["format"] == UNSIGNED else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def refuse(dataset: HubDataset, version: str, key: str) -> None:
    """Raises: VerificationError: the version is yanked."""
    reason = read(dataset, key).get(version)
    if reason is not None:
        raise VerificationError(
            f"{dataset.repo}@{version} is yanked: {reason}",
            next_step="take another version, or pass --yanked if you need this one",
        )
