from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from stackyard.errors import CorruptWorkspace, EnvironmentFault
from stackyard.store import files


def test_replacing_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.write_bytes(path, b"old")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_folder_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with files.replacing_folder(folder) as temporary:
        (temporary / "old").write_bytes(b"")
    with pytest.raises(ZeroDivisionError), files.replacing_folder(folder) as temporary:
        (temporary / "new").write_bytes(b"")
        raise ZeroDivisionError
    assert [path.name for path in folder.iterdir()] == ["old"]
    with files.replacing_folder(folder) as temporary:
        (temporary / "newer").write_bytes(b"")
    assert [path.name for path in folder.iterdir()] == ["newer"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_sweep_removes_temporary_names_alone(tmp_path: Path) -> None:
    (tmp_path / ".tmp-1-a").write_bytes(b"")
    (tmp_path / ".tmp-folder").mkdir()
    (tmp_path / "kept").write_bytes(b"")
    files.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_exclusive_a_second_holder_is_refused_and_a_later_one_is_not(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with files.exclusive(lock), pytest.raises(EnvironmentFault, match="another run"):
        with files.exclusive(lock):
            pass
    with files.exclusive(lock):
        pass


def test_write_table_equal_tables_in_other_chunks_give_equal_bytes(tmp_path: Path) -> None:
    whole = pa.table({"a": [1, 2, 3]})
    parts = pa.concat_tables([whole.slice(0, 1), whole.slice(1)])
    files.write_table(tmp_path / "whole", whole)
    files.write_table(tmp_path / "parts", parts)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes()


def test_read_table_garbage_is_refused_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(CorruptWorkspace, match=r"t\.parquet"):
        files.read_table(tmp_path / "t.parquet")
