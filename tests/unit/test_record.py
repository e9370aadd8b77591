from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.errors import UsageError
from stackyard.record import BLOB_ID, RepoName, Swhid, blob_digest, bucket_of, hex_column


@given(st.binary(max_size=500))
def test_blob_digest_any_bytes_is_what_git_says(content: bytes) -> None:
    git = subprocess.run(
        ["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True
    )
    assert blob_digest(content).hex() == git.stdout.decode().strip()


@given(st.binary(min_size=20, max_size=20), st.sampled_from(["cnt", "dir", "rev", "rel", "snp"]))
def test_swhid_parse_and_str_are_inverses(digest: bytes, kind: str) -> None:
    swhid = Swhid(kind, digest)
    assert Swhid.parse(str(swhid)) == swhid
    assert str(Swhid.parse(str(swhid))) == str(swhid)


@pytest.mark.parametrize(
    "text", ["", "swh:1:cnt:", "swh:2:cnt:" + "0" * 40, "swh:1:cnt:" + "A" * 40]
)
def test_swhid_parse_garbage_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Swhid.parse(text)


@pytest.mark.parametrize("text", ["", "a", "a/b/c", "../b", "a/..", "a/.", "a b/c", "a/b\n", "/b"])
def test_repo_name_garbage_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        RepoName(text)


def test_bucket_of_folds_the_owner_and_ignores_the_repo() -> None:
    assert bucket_of("Octo-Org/a") == bucket_of("octo-org/B")
    assert bucket_of("octo-org/a") == hashlib.sha256(b"octo-org").digest()[0]


@given(st.lists(st.none() | st.binary(min_size=20, max_size=20), max_size=20), st.integers(0, 5))
def test_hex_column_equals_bytes_hex(ids: list[bytes | None], skip: int) -> None:
    column = pa.array(ids, BLOB_ID).slice(min(skip, len(ids)))
    expected = [None if each is None else each.hex() for each in ids[min(skip, len(ids)) :]]
    assert hex_column(column).to_pylist() == expected
    assert hex_column(pa.chunked_array([column, column])).to_pylist() == expected * 2


def test_hex_column_of_no_chunks_is_empty() -> None:
    assert hex_column(pa.chunked_array([], BLOB_ID)).to_pylist() == []


def test_blob_digest_of_a_file_in_this_repository() -> None:
    content = Path(__file__).read_bytes()
    git = subprocess.run(["git", "hash-object", __file__], capture_output=True, check=True)
    assert blob_digest(content).hex() == git.stdout.decode().strip()
