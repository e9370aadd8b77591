"""Merkle trees against published values: the log of eight entries that Certificate Transparency's
implementations all test with, and RFC 9162's own worked tree of seven leaves."""

from __future__ import annotations

import hashlib

import pytest

from stackyard.optout import merkle

ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]

ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Roots of the first n entries, n = 0..8, as Certificate Transparency's known answers have them."""


def _leaf(number: int) -> bytes:
    return merkle.leaf_hash(bytes([number]))


@pytest.mark.parametrize("size", range(9))
def test_root_of_known_entries_is_the_published_one(size: int) -> None:
    assert merkle.Tree(ENTRIES).root(size).hex() == ROOTS[size]


@pytest.mark.parametrize("size", range(9))
def test_frontier_of_known_entries_gives_the_published_root(size: int) -> None:
    nodes: list[bytes] = []
    for index, entry in enumerate(ENTRIES[:size]):
        nodes = merkle.frontier_append(nodes, index, merkle.leaf_hash(entry))

    assert merkle.frontier_root(nodes).hex() == ROOTS[size]
    assert nodes == merkle.frontier(merkle.Tree(ENTRIES[:size]))


class TestTreeOfSevenLeaves:
    """RFC 9162, section 2.1.5: leaves d0..d6; g, h, i, j, k, l are inner nodes of the figure."""

    a, b, c, d, e, f, j = (_leaf(n) for n in range(7))
    g = merkle.node_hash(a, b)
    h = merkle.node_hash(c, d)
    i = merkle.node_hash(e, f)
    k = merkle.node_hash(g, h)
    left = merkle.node_hash(i, j)
    root = merkle.node_hash(k, left)
    tree = merkle.Tree([bytes([n]) for n in range(7)])

    def test_root_is_that_of_the_figure(self) -> None:
        assert self.tree.root() == self.root

    def test_inclusion_proofs_are_those_of_the_text(self) -> None:
        assert self.tree.inclusion(0) == [self.b, self.h, self.left]
        assert self.tree.inclusion(3) == [self.c, self.g, self.left]
        assert self.tree.inclusion(4) == [self.f, self.j, self.k]
        assert self.tree.inclusion(6) == [self.i, self.k]

    def test_consistency_proofs_are_those_of_the_text(self) -> None:
        assert self.tree.consistency(3) == [self.c, self.d, self.g, self.left]
        assert self.tree.consistency(4) == [self.left]
        assert self.tree.consistency(6) == [self.i, self.j, self.k]


def test_check_inclusion_every_leaf_of_every_size_holds() -> None:
    tree = merkle.Tree(str(n).encode() for n in range(33))
    for size in range(1, 34):
        for index in range(size):
            proof = tree.inclusion(index, size)
            assert merkle.check_inclusion(tree.leaf(index), index, size, proof, tree.root(size))


def test_check_consistency_every_pair_of_sizes_holds() -> None:
    tree = merkle.Tree(str(n).encode() for n in range(33))
    for newer in range(34):
        for older in range(newer + 1):
            proof = tree.consistency(older, newer)
            assert merkle.check_consistency(older, tree.root(older), newer, tree.root(newer), proof)


def test_check_inclusion_wrong_anything_is_refused() -> None:
    tree = merkle.Tree(str(n).encode() for n in range(7))
    leaf, proof, root = tree.leaf(3), tree.inclusion(3), tree.root()
    other = hashlib.sha256(b"other").digest()
    assert merkle.check_inclusion(leaf, 3, 7, proof, root)
    assert not merkle.check_inclusion(other, 3, 7, proof, root)
    assert not merkle.check_inclusion(leaf, 2, 7, proof, root)
    assert not merkle.check_inclusion(leaf, 7, 7, proof, root)
    assert not merkle.check_inclusion(leaf, -1, 7, proof, root)
    assert not merkle.check_inclusion(leaf, 3, 4, proof, root)
    assert not merkle.check_inclusion(leaf, 3, 7, proof[:-1], root)
    assert not merkle.check_inclusion(leaf, 3, 7, [*proof, other], root)
    assert not merkle.check_inclusion(leaf, 3, 7, [other, *proof[1:]], root)
    assert not merkle.check_inclusion(leaf, 3, 7, [proof[0][:31], *proof[1:]], root)
    assert not merkle.check_inclusion(leaf, 3, 7, proof, other)


def test_check_consistency_wrong_anything_is_refused() -> None:
    tree = merkle.Tree(str(n).encode() for n in range(7))
    older, newer, proof = tree.root(3), tree.root(7), tree.consistency(3, 7)
    other = hashlib.sha256(b"other").digest()
    assert merkle.check_consistency(3, older, 7, newer, proof)
    assert not merkle.check_consistency(3, other, 7, newer, proof)
    assert not merkle.check_consistency(3, older, 7, other, proof)
    assert not merkle.check_consistency(3, older, 7, newer, proof[:-1])
    assert not merkle.check_consistency(3, older, 7, newer, [*proof, other])
    assert not merkle.check_consistency(3, older, 7, newer, [])
    assert not merkle.check_consistency(7, older, 3, newer, proof)
    assert not merkle.check_consistency(0, other, 7, newer, [])
    assert not merkle.check_consistency(7, other, 7, newer, [])


def test_tree_beyond_its_leaves_raises() -> None:
    tree = merkle.Tree([b"a"])
    with pytest.raises(IndexError):
        tree.root(2)
    with pytest.raises(IndexError):
        tree.inclusion(1)
    with pytest.raises(IndexError):
        tree.consistency(2, 1)
