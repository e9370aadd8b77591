"""Requests made away from the project: a signed file that its operator imports, and words to send it with.

A request file is one JSON object (RFC 8785 form and a newline) with `format`, `dataset`, `selector`,
`copies`, `forks`, `past`, `listed`, `contact`, `key` and `signature`: `key` is an Ed25519 public key
made for this one request, hex, whose private half is thrown away; `signature` is by it, over FORMAT and a newline and the RFC 8785 form
of all other members. The request's salt is the SHA-256 of SALT_LABEL and the key's 32 bytes: so its
id is known before it is sent, the public log's commitment is to the key too, and who holds the file
finds the request in any release's log. It shows nothing of who may ask: that is shown afterwards.

Always holds: a file that was changed on its way, or is for another dataset, is refused.
"""

from __future__ import annotations

import hashlib
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, cast, get_args

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from stackyard.errors import UsageError
from stackyard.optout import events as ev
from stackyard.optout import issues
from stackyard.optout.registry import Copies
from stackyard.optout.requests import check_contact, check_options
from stackyard.optout.selector import Selector, from_plain

FORMAT = "stackyard-optout-request/1"
SALT_LABEL = b"stackyard-optout-request/1 salt\n"
LETTER_BYTES_MAX = 16_384
"""A selector has at most 2,000 characters of up to 6 bytes in JSON; the rest is short."""

Channel = Literal["mail", "issue", "file"]

_MEMBERS = {
    "contact", "copies", "dataset", "format", "forks", "key", "listed", "past", "selector",
    "signature",
}  # fmt: skip


@dataclass(frozen=True)
class Letter:
    """A request as its requester wrote it; `key` is the public key, 32 bytes."""

    dataset: str
    selector: Selector
    copies: Copies
    forks: bool
    past: bool
    listed: bool
    contact: str
    key: bytes

    @property
    def salt(self) -> bytes:
        return hashlib.sha256(SALT_LABEL + self.key).digest()

    @property
    def request(self) -> str:
        """The id that the request has as soon as it is imported."""
        return ev.request_id(ev.commitment(self.selector, self.salt))

    def _said(self) -> dict[str, Any]:
        return {
            "contact": self.contact,
            "copies": self.copies,
            "dataset": self.dataset,
            "format": FORMAT,
            "forks": self.forks,
            "key": self.key.hex(),
            "listed": self.listed,
            "past": self.past,
            "selector": self.selector.plain(),
        }

    def signed(self, seed: bytes) -> bytes:
        """The file, by the seed (RFC 8032) of `key`."""
        signature = Ed25519PrivateKey.from_private_bytes(seed).sign(self._message())
        return rfc8785.dumps({**self._said(), "signature": signature.hex()}) + b"\n"

    def _message(self) -> bytes:
        return FORMAT.encode() + b"\n" + rfc8785.dumps(self._said())

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """The request of a file.

        Raises:
            UsageError: it is none, or was changed after it was signed.
        """
        values = _object(raw)
        try:
            letter = cls(
                _of(str, values["dataset"]),
                from_plain(values["selector"]),
                cast("Copies", values["copies"]),
                _of(bool, values["forks"]),
                _of(bool, values["past"]),
                _of(bool, values["listed"]),
                check_contact(_of(str, values["contact"])),
                bytes.fromhex(values["key"]),
            )
            signature = bytes.fromhex(values["signature"])
            public = Ed25519PublicKey.from_public_bytes(letter.key)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                "a member of the request file is missing or of another kind"
            ) from error
        if letter.copies not in get_args(Copies):
            raise UsageError("the request file asks for copies of no known kind")
        check_options(letter.selector, forks=letter.forks, listed=letter.listed)
        try:
            public.verify(signature, letter._message())
        except InvalidSignature as error:
            raise UsageError(
                "the request file was changed after it was signed",
                next_step="ask its sender for the file as `stackyard optout submit` wrote it",
            ) from error
        return letter


def write(
    dataset: str,
    selector: Selector,
    *,
    contact: str,
    seed: bytes,
    copies: Copies = "none",
    forks: bool = False,
    past: bool = False,
    listed: bool = False,
) -> Letter:
    """A request for the publisher of a dataset, with a key of its own.

    Raises:
        UsageError: the contact is no address, or the options do not go with the selector.
    """
    check_options(selector, forks=forks, listed=listed)
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    address = check_contact(contact)
    return Letter(dataset, selector, copies, forks, past, listed, address, key)


def is_letter(text: str) -> bool:
    """Whether a text is meant to be a request file."""
    return text.lstrip().startswith("{") and f'"format":"{FORMAT}"' in text


def channel_of(contact: str) -> Channel:
    """How a publisher is written to: an address of a page is for issues."""
    return "issue" if contact.startswith("https://") else "mail"


def words(letter: Letter, contact: str, file_name: str) -> str:
    """A mail to the publisher, with the file to attach: headers, an empty line, the text."""
    return (
        f"To: {contact}\n"
        f"Subject: Opt-out request {letter.request} for {letter.dataset}\n\n"
        f"Please leave this out of the dataset {letter.dataset}:\n\n"
        f"    {letter.selector.kind}: {letter.selector}\n"
        f"{_options(letter)}\n"
        f"The attached file {file_name} says the same, signed. Its operator imports it with\n\n"
        f"    stackyard optout import {file_name}\n\n"
        "Please tell me how I can show that I may ask for this.\n"
    )


def _options(letter: Letter) -> str:
    said = {
        f"copies elsewhere: {letter.copies}": letter.copies != "none",
        "forks too": letter.forks,
        "releases already made too": letter.past,
    }
    return "".join(f"    {text}\n" for text, wanted in said.items() if wanted)


def issue(letter: Letter) -> tuple[str, str]:
    """Title and body of an issue that the import reads; it names what is asked for, in public.

    Raises:
        UsageError: it asks for what does not belong into public.
    """
    scope = next((k for k, v in issues.SCOPES.items() if v == letter.selector.kind), None)
    if scope is None:
        raise UsageError(
            "an address does not belong into a public issue",
            next_step="write the file with --as file, and ask the publisher for a private way",
        )
    name = str(letter.selector)
    answers = {
        "scope": scope.capitalize(),
        "selector": name,
        "forks": _spelled(issues.FORKS, letter.forks),
        "copies": _spelled(issues.COPIES, letter.copies),
        "past": _spelled(issues.PAST, letter.past),
    }
    parts = (
        f"### {heading}\n\n{answers[member]}" for heading, member in issues.FORM_FIELDS.items()
    )
    return "Opt-out request", "\n\n".join(parts)


def _spelled(known: Mapping[str, object], value: object) -> str:
    return next(text for text, meaning in known.items() if meaning == value).capitalize()


def issue_url(contact: str, title: str, body: str) -> str:
    """The address of a forge's form for a new issue, filled in."""
    page = contact.rstrip("/")
    page = page if page.endswith("/new") else f"{page}/new"
    return f"{page}?{urllib.parse.urlencode({'title': title, 'body': body})}"


def _object(raw: bytes) -> dict[str, Any]:
    if len(raw) > LETTER_BYTES_MAX:
        raise UsageError("this is too long for a request file", found=f"{len(raw):,} bytes")
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UsageError("the request file is not JSON") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT or set(values) != _MEMBERS:
        raise UsageError(
            "this is no request file",
            expected=f"a JSON object of format {FORMAT}, as `stackyard optout submit --dataset` writes it",
        )
    return values


def _of(kind: type[Any], value: object) -> Any:
    if type(value) is not kind:
        raise TypeError(kind.__name__)
    return value
