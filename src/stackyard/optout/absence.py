"""Proof that something is not in a release: a sorted Merkle tree with neighbour proofs.

In: the rows of a release. Out: its presence tree, and for what is not in it a proof that a stranger
checks against the tree's root alone. A key is SHA-256 over `stackyard-presence/1`, a newline, a kind,
a newline and a name in UTF-8:

    owner   the owner of a repository, in lower case (ASCII)
    repo    `owner/repo`, in lower case (ASCII)
    path    the same, a newline, and the path as released
    blob    the hex sha1_git of the original content

The tree is that of RFC 9162 over the distinct keys of all rows and all their origins, in ascending
order of bytes. A proof has the keys before and after the absent one and their inclusion proofs; the
places of the two must be neighbours, so nothing lies between. That the tree is sorted and complete is
checked by whoever holds the shards: `Presence.of` makes it anew, and the roots must be equal.
"""

from __future__ import annotations

import bisect
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import rfc8785

from stackyard.errors import VerificationError
from stackyard.optout.matching import claims_of
from stackyard.optout.merkle import DIGEST_BYTES, EMPTY_ROOT, Tree, check_inclusion, leaf_hash
from stackyard.optout.registry import Request
from stackyard.optout.selector import Selector, fold_name
from stackyard.record import hex_column

KeyKind = Literal["owner", "repo", "path", "blob"]
PRESENCE_PATH = "registry/presence.json"
"""Where a release keeps size and root of its presence tree; the manifest lists the file."""

FORMAT = "stackyard-presence/1"


def key_of(kind: KeyKind, *names: str) -> bytes:
    """The key of one thing that a release may hold; `path` takes the repository and the path."""
    first, *rest = names
    folded = first if kind == "blob" else fold_name(first)
    return hashlib.sha256("\n".join([FORMAT, kind, folded, *rest]).encode()).digest()


def keys_of(rows: pa.Table) -> set[bytes]:
    """Keys of all that rows hold: they have repo_name, path, blob_id and, if there is one, origins."""
    claims = claims_of(rows)
    names = pc.unique(claims["repo_name"]).to_pylist()
    files = claims.group_by(["repo_name", "path"], use_threads=False).aggregate([])
    blobs = hex_column(pc.unique(claims["blob_id"]).drop_null()).to_pylist()
    keys = {key_of("repo", name) for name in names}
    keys |= {key_of("owner", name.split("/", 1)[0]) for name in names}
    keys |= {key_of("blob", blob) for blob in blobs}
    keys |= {
        key_of("path", name, path)
        for name, path in zip(
            files["repo_name"].to_pylist(), files["path"].to_pylist(), strict=True
        )
    }
    return keys


class Gathered:
    """The keys of rows that come part by part."""

    def __init__(self) -> None:
        self._keys: set[bytes] = set()

    def add(self, rows: pa.Table) -> None:
        """Takes rows as `keys_of` does."""
        self._keys |= keys_of(rows)

    def document(self) -> bytes:
        """`Presence.document` of all of them."""
        return Presence.of_keys(self._keys).document()


@dataclass(frozen=True)
class Presence:
    """The presence tree of a release: its sorted keys."""

    keys: tuple[bytes, ...]
    tree: Tree

    @classmethod
    def of(cls, rows: pa.Table) -> Presence:
        """From released rows with repo_name, path, blob_id and, if there is one, origins."""
        return cls.of_keys(keys_of(rows))

    @classmethod
    def of_keys(cls, keys: Iterable[bytes]) -> Presence:
        ordered = tuple(sorted(set(keys)))
        return cls(ordered, Tree(ordered))

    @property
    def root(self) -> str:
        return self.tree.root().hex()

    def document(self) -> bytes:
        """What a release publishes at PRESENCE_PATH: canonical JSON of format, root and size."""
        return rfc8785.dumps({"format": FORMAT, "root": self.root, "size": len(self.keys)}) + b"\n"

    def __contains__(self, key: bytes) -> bool:
        at = bisect.bisect_left(self.keys, key)
        return at < len(self.keys) and self.keys[at] == key

    def prove_absent(self, key: bytes) -> dict[str, Any]:
        """The proof that a key is not in the tree, as JSON.

        Raises:
            VerificationError: it is in the tree.
        """
        if key in self:
            raise VerificationError("this is in the release, so its absence cannot be proved")
        at = bisect.bisect_left(self.keys, key)
        neighbours = [self._place(i) for i in (at - 1, at) if 0 <= i < len(self.keys)]
        return {"key": key.hex(), "neighbours": neighbours}

    def _place(self, index: int) -> dict[str, Any]:
        proof = [digest.hex() for digest in self.tree.inclusion(index)]
        return {"index": index, "key": self.keys[index].hex(), "proof": proof}


def check_absent(proof: Mapping[str, Any], key: bytes, size: int, root: bytes) -> bool:
    """Whether a proof shows that a key is not among the leaves of the tree of this size and root."""
    try:
        places = [
            (
                int(place["index"]),
                bytes.fromhex(place["key"]),
                [bytes.fromhex(digest) for digest in place["proof"]],
            )
            for place in proof["neighbours"]
        ]
        named = bytes.fromhex(proof["key"])
    except (KeyError, TypeError, ValueError):
        return False
    if named != key or any(len(found) != DIGEST_BYTES for _, found, _ in places):
        return False
    if not all(
        check_inclusion(leaf_hash(found), index, size, path, root) for index, found, path in places
    ):
        return False
    return _encloses([(index, found) for index, found, _ in places], key, size, root)


def _encloses(places: Sequence[tuple[int, bytes]], key: bytes, size: int, root: bytes) -> bool:
    """Whether the places leave no room for the key: two neighbours, or one end of the tree."""
    if size == 0:
        return not places and root == EMPTY_ROOT
    if len(places) == 2:  # noqa: PLR2004 - one on each side
        (before, low), (after, high) = places
        return after == before + 1 and low < key < high
    if len(places) != 1:
        return False
    ((index, found),) = places
    return (index == 0 and key < found) or (index == size - 1 and found < key)


def parse_document(raw: bytes) -> tuple[int, bytes]:
    """Size and root of a release's presence tree, from the file at PRESENCE_PATH.

    Raises:
        VerificationError: it is not such a file.
    """
    try:
        values = json.loads(raw)
        size, root = values["size"], bytes.fromhex(values["root"])
        sound = values["format"] == FORMAT and type(size) is int and len(root) == DIGEST_BYTES
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError(f"{PRESENCE_PATH} cannot be read") from error
    if not sound:
        raise VerificationError(f"{PRESENCE_PATH} is not the size and root of a presence tree")
    return size, root


def own_key(selector: Selector) -> bytes | None:
    """The key of what a selector names by itself; a glob or an author names none, only files."""
    if selector.kind == "path" or selector.kind == "author":  # noqa: PLR1714 - narrows the type
        return None
    return key_of(selector.kind, selector.name.rpartition(":")[2])


def absent_keys(request: Request, decisions: pa.Table) -> list[bytes]:
    """Keys that must not be in a release that honours a request, sorted.

    What it names (for a glob or an author: the files that were matched), under every name that its files went by,
    and where copies go too the contents that went.

    Args:
        request: the request.
        decisions: of stage `optout` for the release.
    """
    evidence = f'{{"request":"{request.request}"}}'
    mine = decisions.filter(pc.equal(decisions["evidence"], evidence))
    selector = request.selector
    direct = mine.filter(pc.equal(mine["rule"], selector.kind))
    names = set(pc.unique(direct["repo_name"]).to_pylist())
    keys: set[bytes] = set()
    if selector.kind == "owner":
        forks = pc.unique(mine["repo_name"].filter(pc.equal(mine["rule"], "fork"))).to_pylist()
        keys = {key_of("owner", name.split("/", 1)[0]) for name in names}
        keys |= {key_of("repo", name) for name in forks}
    elif selector.kind == "repo":
        keys = {key_of("repo", name) for name in names}
    elif selector.kind in {"path", "author"}:
        pairs = zip(direct["repo_name"].to_pylist(), direct["path"].to_pylist(), strict=True)
        keys = {key_of("path", name, path) for name, path in pairs}
    own = own_key(selector)
    if own is not None:
        keys.add(own)
    if request.copies != "none":
        blobs = hex_column(pc.unique(mine["blob_id"]).drop_null()).to_pylist()
        keys |= {key_of("blob", blob) for blob in blobs if blob != _EMPTY_BLOB}
    return sorted(keys)


_EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
"""The empty file is no copy of anybody's."""
