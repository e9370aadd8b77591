from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa
import pytest

from stackyard.errors import VerificationError
from stackyard.optout.absence import Presence, check_absent, key_of, parse_document


def rows(*found: tuple[str, str, str]) -> pa.Table:
    return pa.table(
        {
            "repo_name": [f[0] for f in found],
            "path": [f[1] for f in found],
            "blob_id": [f[2] for f in found],
            "origins": [[{"repo_name": f[0], "path": f[1]}] for f in found],
        }
    )


PRESENCE = Presence.of(rows(("Octo/P", "a", "11" * 20), ("else/q", "b/c", "22" * 20)))


def test_key_of_kinds_is_specified_to_the_byte() -> None:
    assert (
        key_of("repo", "Octo/P") == hashlib.sha256(b"stackyard-presence/1\nrepo\nocto/p").digest()
    )
    assert (
        key_of("path", "Octo/P", "A\u00e9")
        == hashlib.sha256(b"stackyard-presence/1\npath\nocto/p\nA\xc3\xa9").digest()
    )


def test_presence_of_rows_has_owners_repositories_paths_and_blobs() -> None:
    for key in (
        key_of("owner", "octo"),
        key_of("repo", "octo/p"),
        key_of("path", "octo/p", "a"),
        key_of("blob", "11" * 20),
        key_of("owner", "else"),
        key_of("path", "else/q", "b/c"),
    ):
        assert key in PRESENCE
    assert len(PRESENCE.keys) == 8
    assert key_of("repo", "octo/q") not in PRESENCE
    assert key_of("path", "octo/p", "A") not in PRESENCE


def test_presence_of_rows_counts_every_origin_of_a_row() -> None:
    table = pa.table(
        {
            "repo_name": ["a/a"],
            "path": ["x"],
            "blob_id": ["11" * 20],
            "origins": [[{"repo_name": "a/a", "path": "x"}, {"repo_name": "b/b", "path": "y"}]],
        }
    )
    presence = Presence.of(table)
    assert key_of("repo", "b/b") in presence
    assert key_of("path", "b/b", "y") in presence


def test_prove_absent_any_absent_key_holds_and_no_present_one_does() -> None:
    for number in range(200):
        key = hashlib.sha256(str(number).encode()).digest()
        proof = PRESENCE.prove_absent(key)
        assert check_absent(proof, key, len(PRESENCE.keys), PRESENCE.tree.root())
    for key in PRESENCE.keys:
        with pytest.raises(VerificationError):
            PRESENCE.prove_absent(key)


@pytest.mark.parametrize("size", range(5))
def test_prove_absent_in_small_trees_holds(size: int) -> None:
    presence = Presence.of_keys(bytes([n * 16]) * 32 for n in range(1, size + 1))
    for first in (0, 0x18, 0x28, 0x48, 0xFF):
        key = bytes([first]) * 32
        assert check_absent(presence.prove_absent(key), key, size, presence.tree.root())


def _forgeries() -> list[Any]:
    key = PRESENCE.keys[3]
    place = PRESENCE._place
    return [
        {"key": key.hex(), "neighbours": [place(2), place(4)]},  # a gap
        {"key": key.hex(), "neighbours": [place(4), place(5)]},  # beside it
        {"key": key.hex(), "neighbours": [place(4), place(2)]},
        {"key": key.hex(), "neighbours": [place(2)]},  # not an end
        {"key": key.hex(), "neighbours": [place(7)]},
        {"key": key.hex(), "neighbours": [place(0)]},
        {"key": key.hex(), "neighbours": []},
        {"key": key.hex(), "neighbours": [place(2), {**place(4), "index": 3}]},
        {"key": key.hex(), "neighbours": [{**place(2), "key": "00" * 32}, place(3)]},
        {"key": key.hex(), "neighbours": [place(2), place(3), place(4)]},
        {"key": "zz", "neighbours": []},
        {"neighbours": 7},
        {},
    ]


@pytest.mark.parametrize("number", range(13))
def test_check_absent_forged_proof_of_a_present_key_is_refused(number: int) -> None:
    proof = _forgeries()[number]
    assert not check_absent(proof, PRESENCE.keys[3], len(PRESENCE.keys), PRESENCE.tree.root())


def test_check_absent_against_another_release_is_refused() -> None:
    key = b"\x00" * 32
    other = Presence.of(rows(("else/q", "b", "22" * 20)))
    proof = PRESENCE.prove_absent(key)
    assert not check_absent(proof, key, len(other.keys), other.tree.root())
    assert not check_absent(proof, key, len(PRESENCE.keys) + 1, PRESENCE.tree.root())


def test_document_reads_back() -> None:
    assert parse_document(PRESENCE.document()) == (len(PRESENCE.keys), PRESENCE.tree.root())
    for bad in (b"", b"{}", b"[]", b'{"format":"stackyard-presence/1","root":"00","size":1}'):
        with pytest.raises(VerificationError):
            parse_document(bad)
