"""Our tree against pymerkle's, which other people wrote: GPL, so it is here and nowhere else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

from stackyard.optout.merkle import Tree, check_consistency, check_inclusion, leaf_hash


def theirs(entries: list[bytes]) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    return tree


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=70), st.data())
def test_roots_and_proofs_of_both_implementations_hold_in_each_other(
    entries: list[bytes], data: st.DataObject
) -> None:
    ours, other = Tree(entries), theirs(entries)
    size = data.draw(st.integers(1, len(entries)))
    older = data.draw(st.integers(1, size))
    index = data.draw(st.integers(0, size - 1))
    leaf, root = leaf_hash(entries[index]), other.get_root(size)
    assert ours.root(size) == root
    assert ours.root(older) == other.get_root(older)

    inclusion = other.prove_inclusion(index + 1, size)
    verify_inclusion(leaf, ours.root(size), inclusion)
    assert check_inclusion(leaf, index, size, ours.inclusion(index, size), root)
    said = [bytes.fromhex(digest) for digest in inclusion.serialize()["path"]]
    assert sorted([leaf, *ours.inclusion(index, size)]) == sorted(said)

    verify_consistency(ours.root(older), ours.root(size), other.prove_consistency(older, size))
    proof = ours.consistency(older, size)
    assert check_consistency(older, other.get_root(older), size, root, proof)
