from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from stackyard.errors import EnvironmentFault
from stackyard.optout import match, near_pairs
from stackyard.optout.near import pairs
from stackyard.optout.params import Params
from stackyard.record import BLOB_ID, blob_digest

from .test_matching import FOUR, A, Accepted, B, C, gone, origins

RANDOM = np.random.default_rng(3)
BASE = RANDOM.integers(0, 2**32, 256, dtype=np.uint32)


def like(base: np.ndarray, similarity: float) -> np.ndarray:
    """A signature whose estimate against `base` is this similarity, at random places."""
    other = RANDOM.integers(0, 2**32, 256, dtype=np.uint32)
    same = RANDOM.permutation(256)[: round(similarity * 256)]
    other[same] = base[same]
    return other


def signatures(*rows: tuple[bytes, np.ndarray]) -> pa.Table:
    return pa.table(
        {
            "blob_id": pa.array([blob for blob, _ in rows], BLOB_ID),
            "signature": pa.array([v.astype("<u4").tobytes() for _, v in rows], pa.binary(1024)),
        }
    )


def test_pairs_at_and_above_the_threshold_are_found_and_no_others() -> None:
    blobs = [blob_digest(bytes([n])) for n in range(100)]
    similarities = [0.70 + 0.003 * n for n in range(50)] + [0.013 * n for n in range(49)]
    rows = [(A, BASE)] + [
        (blob, like(BASE, s)) for blob, s in zip(blobs, similarities, strict=False)
    ]
    table = signatures(*rows)
    found = pairs(pa.array([A], BLOB_ID), table, 0.7)
    expected = {
        blob
        for blob, values in rows[1:]
        if np.mean(values == BASE) >= 0.7  # what the signature says, not what was asked for
    }
    assert set(found["near_blob_id"].to_pylist()) == expected
    assert set(found["blob_id"].to_pylist()) == {A}


def test_pairs_of_a_sliced_and_chunked_table_are_the_same() -> None:
    table = signatures((C, like(BASE, 0.1)), (A, BASE), (B, like(BASE, 0.9)))
    whole = pairs(pa.array([A], BLOB_ID), table, 0.7)
    assert whole.to_pylist() == [{"blob_id": A, "near_blob_id": B}]
    chunked = pa.concat_tables([table.slice(1, 1), table.slice(2, 1)])
    assert pairs(pa.array([A], BLOB_ID), chunked, 0.7) == whole


def test_pairs_without_signature_of_what_is_named_are_none() -> None:
    assert pairs(pa.array([C], BLOB_ID), signatures((A, BASE)), 0.7).num_rows == 0
    assert pairs(pa.array([A], BLOB_ID), signatures((A, BASE)), 0.7).num_rows == 0


def test_pairs_of_other_signatures_stop() -> None:
    table = pa.table({"blob_id": pa.array([A], BLOB_ID), "signature": pa.array([b"x"])})
    with pytest.raises(EnvironmentFault, match="another kind"):
        pairs(pa.array([A], BLOB_ID), table, 0.7)


def test_near_pairs_let_match_find_near_copies(accepted: Accepted) -> None:
    log = accepted(("path", "octo/p:docs/b", "near"))
    table = signatures((A, like(BASE, 0.8)), (B, BASE))
    near = near_pairs(FOUR, origins(FOUR), log, Params(), signatures=table, similarity_min=0.7)
    rules = {row[:2]: row[2] for row in gone(match(FOUR, origins(FOUR), log, Params(), near))}
    assert rules == {
        ("Octo/P", "a"): "near-copy",
        ("Octo/P", "docs/b"): "path",
        ("Octo/Q", "a"): "near-copy",
        ("else/P", "a"): "near-copy",
    }


def test_near_pairs_without_such_requests_read_nothing(accepted: Accepted) -> None:
    log = accepted(("repo", "octo/p"))
    near = near_pairs(
        FOUR, origins(FOUR), log, Params(), signatures=pa.table({}), similarity_min=0.7
    )
    assert near.num_rows == 0
