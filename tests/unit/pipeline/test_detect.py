from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stackyard.pipeline.stages.detect import PAIRS, named
from stackyard.record import BATCH, BLOB_ID

BLOBS = st.lists(st.sampled_from([bytes([n]) * 20 for n in range(6)]), unique=True, max_size=5)
PATHS = st.sampled_from(["a.py", "b.py", "c/a.py"])


def batch(blobs: list[bytes]) -> pa.Table:
    content = pa.array([b"text of " + blob for blob in blobs], pa.large_binary())
    columns = [pa.array(blobs, BLOB_ID), pa.repeat("", len(blobs)), content, content]
    return pa.table([*columns, pa.repeat("utf-8", len(blobs))], schema=BATCH)


@given(BLOBS, st.data())
def test_each_pair_whose_blob_is_here_comes_once_with_its_content(
    blobs: list[bytes], data: st.DataObject
) -> None:
    pairs = data.draw(
        st.sets(st.tuples(st.sampled_from([*blobs, b"x" * 20]), PATHS), max_size=8).map(sorted)
    )
    asked = pa.table(
        [pa.array([blob for blob, _ in pairs], BLOB_ID), pa.array([path for _, path in pairs])],
        schema=PAIRS,
    )
    rows = [row for table in named(batch(blobs), asked) for row in table.to_pylist()]
    found = sorted((row["blob_id"], row["path"], row["text"]) for row in rows)
    assert found == [(blob, path, b"text of " + blob) for blob, path in pairs if blob in blobs]


def test_blobs_of_one_name_each_are_not_copied() -> None:
    whole = batch([b"b" * 20, b"a" * 20])
    asked = pa.table([pa.array([b"a" * 20, b"b" * 20], BLOB_ID), ["a.py", "b.py"]], schema=PAIRS)
    (rows,) = named(whole, asked)
    assert rows["path"].to_pylist() == ["b.py", "a.py"]
    here, there = (table["content"].chunk(0).buffers()[2].address for table in (rows, whole))
    assert here == there
