"""Receipts: signed JSON that a requester keeps, and anybody can check without asking anybody.

A receipt has `statement` (what was asked and done, with the salt that opens the commitment, no
contact), `signature` (Ed25519 by the registry's key over `stackyard-optout-receipt/1` and a newline and the
statement's RFC 8785 form, hex), and once it is applied `inclusion` (the `applied` event, its proof
and the checkpoint). The `applied` event holds the statement's SHA-256, so the log vouches for it.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import rfc8785

from stackyard.errors import UsageError, VerificationError
from stackyard.optout import events as ev
from stackyard.optout import merkle, note
from stackyard.optout.absence import Presence, absent_keys, check_absent, own_key
from stackyard.optout.registry import Registry, Request
from stackyard.optout.selector import Selector, from_plain

FORMAT = "stackyard-optout-receipt/1"
_LABEL = b"stackyard-optout-receipt/1\n"
RECEIPT_BYTES_MAX = 64_000_000
"""A receipt lists 64 hex digits for each file that went: room for a million files."""


def statement(
    request: Request, *, state: str, log_name: str, removed: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What a receipt states: the request, and once applied what went (`removed`).

    Args:
        request: the private part; its contact does not get in.
        state: where the request stands, or what this receipt is for.
        log_name: name of the log, as its checkpoint has it.
        removed: `version`, `files`, `blobs` and what absence is proved of.
    """
    body: dict[str, Any] = {
        "copies": request.copies,
        "format": FORMAT,
        "log": log_name,
        "past": request.past,
        "request": request.request,
        "salt": request.salt.hex(),
        "selector": request.selector.plain(),
        "state": state,
    }
    if request.forks:
        body["forks"] = True
    if removed is not None:
        body["removed"] = dict(removed)
    return body


def removed_by(request: str, decisions: pa.Table) -> dict[str, Any]:
    """What went for one request: `files` and `blobs`, as counts.

    Args:
        request: its id.
        decisions: of stage `optout` for the release (schema DECISIONS).
    """
    mine = decisions.filter(pc.equal(decisions["evidence"], f'{{"request":"{request}"}}'))
    return {"blobs": pc.count_distinct(mine["blob_id"]).as_py(), "files": mine.num_rows}


def absence_of(request: Request, decisions: pa.Table, presence: Presence) -> dict[str, Any]:
    """What a statement says of absence: the absent keys, and the presence tree they are absent from.

    A request that names a forge says nothing of an origin of the same name on another one: what that
    one keeps in the release is not called absent.

    Raises:
        VerificationError: something that the request names is in the release.
    """
    keys = absent_keys(request, decisions)
    if request.selector.host:
        keys = [key for key in keys if key not in presence]
    if any(key in presence for key in keys):
        raise VerificationError(
            f"the release holds something that request {request.request} names",
            next_step="do not publish it: run the takedown again and report this",
        )
    return {
        "absent": [key.hex() for key in keys],
        "presence": {"root": presence.root, "size": len(presence.keys)},
    }


def statement_digest(body: Mapping[str, Any]) -> str:
    """Hex SHA-256 of the statement's RFC 8785 form: what the `applied` event holds."""
    return hashlib.sha256(rfc8785.dumps(dict(body))).hexdigest()


def sign(body: Mapping[str, Any], key: note.SignerKey) -> dict[str, Any]:
    """A receipt without proofs."""
    signature = key.sign(_LABEL + rfc8785.dumps(dict(body)))
    return {"signature": signature.hex(), "statement": dict(body)}


def with_inclusion(receipt: Mapping[str, Any], log: Registry) -> dict[str, Any]:
    """The receipt with the newest event that vouches for its statement, and that event's proof.

    Raises:
        VerificationError: no `applied` event of the log holds this statement.
    """
    digest = statement_digest(receipt["statement"])
    status = log.statuses.get(receipt["statement"]["request"])
    newest = () if status is None else (status.last,)  # the usual case, without a search
    event = next(
        (
            e
            for e in itertools.chain(newest, reversed(log.events))
            if e.event == "applied" and e.details["statement"] == digest
        ),
        None,
    )
    if event is None:
        raise VerificationError("the log has no event for this receipt")
    proof = log.tree.inclusion(event.sequence)
    inclusion = {
        "checkpoint": log.note,
        "event": base64.b64encode(event.to_bytes()).decode(),
        "proof": [digest.hex() for digest in proof],
    }
    return {**receipt, "inclusion": inclusion}


def with_absence(receipt: Mapping[str, Any], presence: Presence) -> dict[str, Any]:
    """The receipt with a proof, for each key that its statement calls absent, that it is.

    Raises:
        VerificationError: one of them is in the release.
    """
    keys = receipt["statement"]["removed"]["absent"]
    return {**receipt, "absence": [presence.prove_absent(bytes.fromhex(key)) for key in keys]}


def check_in_force(body: Mapping[str, Any], log: Registry, version: str) -> None:
    """Checks that a receipt's request was in force in the log that a release was built with.

    Raises:
        VerificationError: it was not.
    """
    status = log.statuses.get(body["request"])
    if status is None or not status.effective:
        raise VerificationError(
            f"request {body['request']} is not in force in release {version}",
            expected="accepted or applied",
            found=status.state if status else "not in its log",
        )


def check(receipt: Mapping[str, Any], key: note.VerifierKey) -> dict[str, Any]:
    """What a receipt states, after checking all that can be checked without a release.

    1. The registry's key signed the statement.
    2. The selector and the salt open the commitment that the request's id comes from.
    3. The event in `inclusion` is of this request and holds this statement's digest.
    4. The event is in the log of a checkpoint that the registry's key signed.
    5. What the statement calls absent covers what the selector names, and `absence` proves it of the
       presence tree whose root the statement holds; that this root is the release's is for whoever
       has the release (`PRESENCE_PATH` of it).

    Raises:
        VerificationError: the receipt is malformed, or one of these does not hold.
    """
    try:
        body = dict(receipt["statement"])
        message = _LABEL + rfc8785.dumps(body)
        signature = bytes.fromhex(receipt["signature"])
        selector = from_plain(body["selector"])
        committed = ev.commitment(selector, bytes.fromhex(body["salt"]))
        request, log_name = body["request"], body["log"]
    except (KeyError, TypeError, ValueError, RecursionError, UsageError) as error:
        raise VerificationError("this is not a receipt of an opt-out") from error
    if not key.holds(signature, message):  # (1)
        raise VerificationError(
            "the receipt is not signed by the registry's key: it was changed or forged",
            expected=f"a signature by {key.name}+{key.key_id.hex()}",
        )
    if log_name != key.name or ev.request_id(committed) != request:  # (2)
        raise VerificationError("the receipt is of another request or another registry")
    if "inclusion" in receipt:
        _check_inclusion(receipt["inclusion"], body, key)
    if "absence" in receipt:
        _check_absence(receipt["absence"], body, selector)
    return body


def absent_in(body: Mapping[str, Any]) -> list[bytes]:
    """Keys that a checked statement calls absent.

    Raises:
        VerificationError: it calls nothing absent: it is no receipt of something applied.
    """
    try:
        return [bytes.fromhex(key) for key in body["removed"]["absent"]]
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(
            "this receipt does not say what is absent",
            next_step="use the receipt of the takedown, not that of the submission",
        ) from error


def _check_absence(proofs: Any, body: Mapping[str, Any], selector: Selector) -> None:
    keys = absent_in(body)
    own = own_key(selector)
    try:
        size, root = body["removed"]["presence"]["size"], body["removed"]["presence"]["root"]
        pairs = list(zip(keys, proofs, strict=True))
        known_root = bytes.fromhex(root)
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError("the receipt's absence proof cannot be read") from error
    covered = own is None or own in keys or bool(selector.host)
    if not covered or not all(check_absent(p, key, size, known_root) for key, p in pairs):  # (5)
        raise VerificationError("the receipt does not prove that what it names is absent")


def _check_inclusion(
    inclusion: Mapping[str, Any], body: Mapping[str, Any], key: note.VerifierKey
) -> None:
    try:
        raw = base64.b64decode(inclusion["event"], validate=True)
        proof = [bytes.fromhex(digest) for digest in inclusion["proof"]]
        signed = inclusion["checkpoint"]
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError("the receipt's proof cannot be read") from error
    event = ev.Event.from_bytes(raw, "the receipt's event")
    if (
        event.event != "applied"
        or event.request != body["request"]
        or event.details["statement"] != statement_digest(body)
    ):  # (3)
        raise VerificationError("the receipt's event is not about this receipt")
    checkpoint = note.open_note(signed, key)
    if not merkle.check_inclusion(
        merkle.leaf_hash(raw), event.sequence, checkpoint.size, proof, checkpoint.root
    ):  # (4)
        raise VerificationError("the receipt's event is not in the log that its checkpoint is of")


def to_bytes(receipt: Mapping[str, Any]) -> bytes:
    """A receipt's file: RFC 8785 form and a newline."""
    return rfc8785.dumps(dict(receipt)) + b"\n"


def from_bytes(raw: bytes) -> dict[str, Any]:
    """Reads a receipt's file; `check` says whether it holds.

    Raises:
        VerificationError: it is not a JSON object, or far too long.
    """
    if len(raw) > RECEIPT_BYTES_MAX:
        raise VerificationError("this file is too long for a receipt", found=f"{len(raw):,} bytes")
    try:
        loaded = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise VerificationError("the receipt is not JSON") from error
    if not isinstance(loaded, dict):
        raise VerificationError("the receipt is not a JSON object")
    return loaded
