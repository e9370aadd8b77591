from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackyard.errors import CorruptWorkspace
from stackyard.record import BLOB_ID, SEGMENT, blob_digest
from stackyard.store.workspace import SEGMENT_GROUP_BYTES, Workspace


def store(workspace: Workspace, bucket: int, contents: list[bytes]) -> str:
    table = pa.table(
        {"blob_id": [blob_digest(each) for each in contents], "content": contents}, schema=SEGMENT
    )
    return workspace.write_segment(
        bucket, [f"f{n % 3}.e{n % 2}" for n in range(len(contents))], table
    )


def test_write_segment_the_same_blobs_in_another_order_give_the_same_segment(
    tmp_path: Path,
) -> None:
    names, contents = ["a.py", "b.c", "c"], [b"one", b"two", b"three"]
    found = set()
    for order in ([0, 1, 2], [2, 0, 1]):
        workspace = Workspace(tmp_path / str(order[0]))
        table = pa.table(
            {
                "blob_id": [blob_digest(contents[n]) for n in order],
                "content": [contents[n] for n in order],
            },
            schema=SEGMENT,
        )
        segment = workspace.write_segment(7, [names[n] for n in order], table)
        found.add((segment, (workspace.segments_folder / f"{segment}.parquet").read_bytes()))
    assert len(found) == 1
    assert next(iter(found))[0].startswith("07-")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=30, unique=True), st.data())
def test_contents_any_ids_in_any_order_come_back_in_the_order_asked(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes], data: st.DataObject
) -> None:
    workspace = Workspace(tmp_path_factory.mktemp("w"))
    cut = data.draw(st.integers(0, len(contents) - 1))
    if cut:
        store(workspace, 1, contents[:cut])
    store(workspace, 2, contents[cut:])
    workspace.write_index()
    asked = data.draw(st.lists(st.sampled_from(contents), max_size=40))
    got = workspace.contents()(pa.array([blob_digest(each) for each in asked], BLOB_ID))
    assert got["content"].to_pylist() == asked


def test_contents_larger_than_a_row_group_are_read_from_their_groups(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    contents = [bytes([n]) * (SEGMENT_GROUP_BYTES // 3) for n in range(10)]
    segment = store(workspace, 0, contents)
    workspace.write_index()
    assert len(list(workspace.read_segment(segment))) > 2
    asked = pa.array([blob_digest(contents[n]) for n in (9, 0, 5, 9)], BLOB_ID)
    assert workspace.contents()(asked)["content"].to_pylist() == [contents[n] for n in (9, 0, 5, 9)]


def test_index_a_blob_in_two_segments_has_one_home(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    names = sorted([store(workspace, 3, [b"x", b"y"]), store(workspace, 9, [b"y", b"z"])])
    workspace.write_index()
    found, segments, _ = workspace.index().locate(pa.array([blob_digest(b"y")], BLOB_ID))
    assert found[segments[0]] == names[0]


def test_index_a_blob_that_is_nowhere_is_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    store(workspace, 3, [b"x"])
    workspace.write_index()
    with pytest.raises(CorruptWorkspace, match=blob_digest(b"nowhere").hex()):
        workspace.contents()(pa.array([blob_digest(b"nowhere")], BLOB_ID))


def test_read_segment_cut_in_half_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    segment = store(workspace, 3, [b"x" * 1000])
    workspace.write_index()
    path = workspace.segments_folder / f"{segment}.parquet"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CorruptWorkspace, match=segment):
        list(workspace.read_segment(segment))
