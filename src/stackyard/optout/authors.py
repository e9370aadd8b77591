"""Commit authors: what facts and requests call them, so that neither holds an address.

An author is HMAC-SHA-256 over `stackyard-author/1`, a newline, and the address in UTF-8, with a key of
the registry's private part: without the key nobody can try addresses against the facts. An address is
its text without spaces around it, ASCII letters in lower case; nothing else is folded.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

AUTHOR = pa.binary(32)
KEY_BYTES = 32
_LABEL = b"stackyard-author/1\n"
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

AUTHORS = pa.schema(
    [
        pa.field("repo_name", pa.string(), nullable=False),
        pa.field("revision_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("author", AUTHOR, nullable=False),
    ]
)
"""Who ever touched a file, one row each, sorted; of sources whose authors were asked for."""


@dataclass(frozen=True)
class Authors:
    """What matching needs of authorship.

    Attributes:
        facts: schema AUTHORS; rows of other authors than those asked about may be left out.
        key: of the registry's private part.
        known_of: revisions of origins whose authors are known.
    """

    facts: pa.Table
    key: bytes = field(repr=False)
    known_of: int = 0

    def of(self, address: str) -> bytes:
        return namer(self.key)(address)


def namer(key: bytes) -> Callable[[str], bytes]:
    """What to call the author with an address, under a key."""

    def name_of(address: str) -> bytes:
        said = normalised(address).encode("utf-8", "surrogateescape")
        return hmac.digest(key, _LABEL + said, hashlib.sha256)

    return name_of


def normalised(address: str) -> str:
    return address.strip().translate(_LOWER)


def key_id(key: bytes) -> str:
    """Which key facts were made with, without telling the key: 16 hex digits."""
    return hashlib.sha256(b"stackyard-author-key/1\n" + key).hexdigest()[:16]
