"""Laws of the embedded Hub's trees and of what the client reads."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from stackyard.client import yanks
from stackyard.client.licenses import admits, fold
from stackyard.client.lock import Lock, LockedFile
from stackyard.errors import StackyardError
from stackyard.hub.repository import Change, Entry, HubError, apply, check_path, check_ref
from stackyard.store.hub import _without_first

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw().hex()
SHA256 = st.binary(min_size=32, max_size=32).map(bytes.hex)
PATHS = st.lists(st.sampled_from(["a", "b", "c.txt", "ü"]), min_size=1, max_size=3).map("/".join)
ENTRIES = st.builds(Entry, SHA256, st.integers(0, 9), st.just("0" * 40), st.booleans())
TREES = st.dictionaries(PATHS, ENTRIES, max_size=6)


def is_tree(files: Mapping[str, Entry]) -> bool:
    return not any(other.startswith(f"{path}/") for path in files for other in files)


@given(TREES.filter(is_tree), st.lists(st.tuples(PATHS, st.none() | ENTRIES), max_size=6))
def test_apply_is_deletions_then_additions_and_gives_a_tree_or_refuses(
    files: dict[str, Entry], steps: list[tuple[str, Entry | None]]
) -> None:
    changes = [Change(path, entry) for path, entry in steps]
    deleted = [path for path, entry in steps if entry is None]
    wanted = {path: entry for path, entry in files.items() if path not in deleted}
    wanted |= {path: entry for path, entry in steps if entry is not None}
    possible = len(set(deleted)) == len(deleted) and set(deleted) <= files.keys()
    if not possible or not is_tree(wanted):
        with pytest.raises(HubError):
            apply(files, changes)
        return
    result = apply(files, changes)
    assert result == wanted
    assert list(result) == sorted(result)


@given(TREES.filter(is_tree), PATHS)
def test_deleting_a_folder_takes_all_below_it_and_nothing_else(
    files: dict[str, Entry], folder: str
) -> None:
    below = {path for path in files if path.startswith(f"{folder}/")}
    change = [Change(folder, None, folder=True)]
    if not below:
        with pytest.raises(HubError):
            apply(files, change)
    else:
        assert apply(files, change).keys() == files.keys() - below


@given(st.text(st.sampled_from("a./\\~ \0\n"), max_size=8) | st.text(max_size=12))
def test_a_path_that_is_taken_stays_in_its_folder(path: str) -> None:
    try:
        check_path(path)
    except (HubError, UnicodeError):
        return
    assert posixpath.normpath(posixpath.join("/root", path)) == f"/root/{path}"
    assert "\0" not in path


@given(st.text(st.sampled_from("av1./-_ "), max_size=8))
def test_a_ref_that_is_taken_is_one_plain_file_name_when_quoted(name: str) -> None:
    try:
        check_ref(name)
    except HubError:
        return
    assert name.replace("/", "%2F") not in {"", ".", ".."}
    assert not name.startswith((".", "-", "/"))


@given(st.lists(st.binary(max_size=5), max_size=8), st.integers(0, 30))
def test_without_first_drops_exactly_that_many_bytes(chunks: list[bytes], count: int) -> None:
    assert b"".join(_without_first(iter(chunks), count)) == b"".join(chunks)[count:]


IDS = st.sampled_from(["MIT", "ISC", "Apache-2.0", "GPL-2.0-only", "BSD-3-Clause"])
EXPRESSIONS = st.recursive(
    IDS,
    lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), inner, inner),
    max_leaves=8,
)


def text_of(tree: object) -> str:
    if isinstance(tree, str):
        return tree
    assert isinstance(tree, tuple)
    return f"({text_of(tree[1])} {tree[0]} {text_of(tree[2])})"


def holds(tree: object, allowed: frozenset[str]) -> bool:
    if isinstance(tree, str):
        return tree.lower() in allowed
    assert isinstance(tree, tuple)
    left, right = holds(tree[1], allowed), holds(tree[2], allowed)
    return left and right if tree[0] == "AND" else left or right


@given(EXPRESSIONS, st.frozensets(IDS))
def test_admits_is_the_boolean_value_of_the_expression(tree: object, ids: frozenset[str]) -> None:
    allowed = fold(tuple(ids))
    assert admits(text_of(tree), allowed) is holds(tree, allowed)


@given(st.text(max_size=30), st.frozensets(IDS))
def test_admits_never_fails_and_admits_nothing_without_a_licence(
    text: str, ids: frozenset[str]
) -> None:
    if admits(text, fold(tuple(ids))):
        assert any(name.lower() in text.lower() for name in ids)


LOCKS = st.builds(
    Lock,
    dataset=st.just("octo-org/yard"),
    version=st.just("0.1.0"),
    commit=st.just("0" * 40),
    manifest_sha256=SHA256,
    key=SHA256,
    languages=st.lists(st.text(max_size=5)).map(tuple),
    licenses=st.lists(IDS).map(tuple),
    removed=st.lists(SHA256).map(tuple),
    files=st.lists(
        st.builds(LockedFile, PATHS, SHA256, st.integers(0, 2**53 - 1), st.none() | SHA256),
        unique_by=lambda file: file.path,
    ).map(lambda files: tuple(sorted(files, key=lambda file: file.path))),
)


@given(LOCKS)
def test_lock_round_trip_is_exact(lock: Lock) -> None:
    assert Lock.parse(lock.serialise()) == lock


@given(st.binary(max_size=60))
def test_bytes_that_are_no_lock_are_refused(text: bytes) -> None:
    with pytest.raises(StackyardError):
        Lock.parse(text)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_yank_list_round_trip_is_exact(yanked: dict[str, str]) -> None:
    text = yanks.serialise(yanked, "octo-org/yard", KEY)
    assert yanks.parse(text, "octo-org/yard", PUBLIC) == yanked


@given(st.binary(max_size=60))
def test_bytes_that_are_no_yank_list_are_refused(text: bytes) -> None:
    with pytest.raises(StackyardError):
        yanks.parse(text, "octo-org/yard", PUBLIC)
