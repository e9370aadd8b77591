"""Merkle tree of an append-only log: RFC 9162, sections 2.1.1 to 2.1.4, with SHA-256.

In: leaf entries as bytes, in order. Out: roots, inclusion and consistency proofs, their checks.
Always holds: the hash of no entries is SHA-256 of nothing; a leaf is `SHA-256(0x00 || entry)`, an
inner node `SHA-256(0x01 || left || right)`; a tree of n > 1 leaves splits at the largest power of
two below n. Checks never raise on garbage: a proof that is not one is not accepted.

Source: https://www.rfc-editor.org/rfc/rfc9162.html#section-2.1
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

DIGEST_BYTES = 32
_PAIR_BYTES = 2 * DIGEST_BYTES
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of a tree without leaves (RFC 9162, section 2.1.1)."""


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """All perfect subtrees of a growing list of leaves, so that a proof is a handful of look-ups.

    `_levels[h]` holds, one after another, the hashes of the complete subtrees of height h.
    """

    def __init__(self, entries: Iterable[bytes] = ()) -> None:
        sha256 = hashlib.sha256
        level = b"".join([sha256(b"\x00" + entry).digest() for entry in entries])
        self._levels = [bytearray(level)]
        while len(level) >= _PAIR_BYTES:
            whole = len(level) // _PAIR_BYTES * _PAIR_BYTES
            nodes = [
                sha256(b"\x01" + level[at : at + _PAIR_BYTES]).digest()
                for at in range(0, whole, _PAIR_BYTES)
            ]
            level = b"".join(nodes)
            self._levels.append(bytearray(level))

    def __len__(self) -> int:
        return len(self._levels[0]) // DIGEST_BYTES

    def append(self, entry: bytes) -> None:
        self.append_hash(leaf_hash(entry))

    def append_hash(self, digest: bytes) -> None:
        """Adds a leaf and every perfect subtree that it completes."""
        height = 0
        while True:
            level = self._levels[height]
            level += digest
            if (len(level) // DIGEST_BYTES) % 2:
                return
            pair = bytes(level[-2 * DIGEST_BYTES :])
            digest = node_hash(pair[:DIGEST_BYTES], pair[DIGEST_BYTES:])
            height += 1
            if height == len(self._levels):
                self._levels.append(bytearray())

    def leaf(self, index: int) -> bytes:
        return self._perfect(0, index)

    def root(self, size: int | None = None) -> bytes:
        """Root over the first `size` leaves (all of them unless told)."""
        size = self._checked(len(self) if size is None else size)
        return EMPTY_ROOT if size == 0 else self._hash(0, size)

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """PATH(index, D[size]) of RFC 9162, section 2.1.3.1."""
        size = self._checked(len(self) if size is None else size)
        if not 0 <= index < size:
            raise IndexError(f"no leaf {index} in a tree of {size}")
        proof: list[bytes] = []
        start, stop = 0, size
        while stop - start > 1:
            middle = start + _split(stop - start)
            if index < middle:
                proof.append(self._hash(middle, stop))
                stop = middle
            else:
                proof.append(self._hash(start, middle))
                start = middle
        return proof[::-1]

    def consistency(self, older: int, newer: int | None = None) -> list[bytes]:
        """PROOF(older, D[newer]) of RFC 9162, section 2.1.4.1; empty for 0 or equal sizes."""
        newer = self._checked(len(self) if newer is None else newer)
        if not 0 <= older <= newer:
            raise IndexError(f"a tree of {newer} leaves does not extend one of {older}")
        if older in {0, newer}:
            return []
        proof: list[bytes] = []
        start, stop, whole = 0, newer, True
        while older != stop:
            middle = start + _split(stop - start)
            if older <= middle:
                proof.append(self._hash(middle, stop))
                stop = middle
            else:
                proof.append(self._hash(start, middle))
                start, whole = middle, False
        if not whole:
            proof.append(self._hash(start, stop))
        return proof[::-1]

    def _checked(self, size: int) -> int:
        if not 0 <= size <= len(self):
            raise IndexError(f"a tree of {len(self)} leaves has no prefix of {size}")
        return size

    def _perfect(self, height: int, index: int) -> bytes:
        at = index * DIGEST_BYTES
        return bytes(self._levels[height][at : at + DIGEST_BYTES])

    def _hash(self, start: int, stop: int) -> bytes:
        """MTH(D[start:stop]) where start is a multiple of the power of two at or above the width."""
        width = stop - start
        height = width.bit_length() - 1
        if width == 1 << height:
            return self._perfect(height, start >> height)
        middle = start + _split(width)
        return node_hash(self._hash(start, middle), self._hash(middle, stop))


def _split(width: int) -> int:
    """The largest power of two below `width`, which is at least 2."""
    return 1 << ((width - 1).bit_length() - 1)


def root_of(entries: Iterable[bytes]) -> bytes:
    return Tree(entries).root()


def frontier(tree: Tree) -> list[bytes]:
    """Roots of the perfect subtrees that make up the tree, largest first: enough to append to it."""
    nodes: list[bytes] = []
    start = 0
    for height in reversed(range(len(tree).bit_length())):
        if len(tree) >> height & 1:
            nodes.append(tree._hash(start, start + (1 << height)))  # noqa: SLF001 - same module
            start += 1 << height
    return nodes


def frontier_root(nodes: Sequence[bytes]) -> bytes:
    """Root of the tree that a frontier stands for."""
    if not nodes:
        return EMPTY_ROOT
    digest = nodes[-1]
    for left in reversed(nodes[:-1]):
        digest = node_hash(left, digest)
    return digest


def frontier_append(nodes: Sequence[bytes], size: int, digest: bytes) -> list[bytes]:
    """The frontier of `size` leaves after one more leaf hash."""
    grown = list(nodes)
    while size & 1:
        digest = node_hash(grown.pop(), digest)
        size >>= 1
    return [*grown, digest]


def check_inclusion(
    digest: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Whether the leaf hash is leaf `index` of the tree with this size and root.

    The steps of RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size or not _all_digests([digest, root, *proof]):
        return False
    node, last = index, size - 1
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            digest = node_hash(sibling, digest)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and digest == root


def check_consistency(
    older: int, older_root: bytes, newer: int, newer_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether the tree of `newer` leaves extends the one of `older` leaves.

    The steps of RFC 9162, section 2.1.4.2; an empty older tree is extended by every tree.
    """
    if not 0 <= older <= newer or not _all_digests([older_root, newer_root, *proof]):
        return False
    if older in {0, newer}:
        expected = EMPTY_ROOT if older == 0 else newer_root
        return not proof and older_root == expected
    if not proof:
        return False
    path = list(proof)
    if older & (older - 1) == 0:
        path.insert(0, older_root)
    node, last = older - 1, newer - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == older_root and new == newer_root


def _all_digests(values: Sequence[bytes]) -> bool:
    return all(isinstance(value, bytes) and len(value) == DIGEST_BYTES for value in values)
