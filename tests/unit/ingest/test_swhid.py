from __future__ import annotations

from pathlib import Path

import pytest
from swh.model.from_disk import Directory

from stackyard.ingest import swhid

EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def test_blob_of_nothing_is_gits_empty_blob() -> None:
    assert str(swhid.blob(b"")) == f"swh:1:cnt:{EMPTY_BLOB}"


def test_tree_without_leaves_is_gits_empty_tree() -> None:
    assert str(swhid.Tree().swhid()) == f"swh:1:dir:{EMPTY_TREE}"


def test_revision_of_a_commit_is_its_git_id() -> None:
    commit = (
        b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
        b"author A <a@example.org> 0 +0000\ncommitter A <a@example.org> 0 +0000\n\nfirst\n"
    )
    # From `git hash-object -t commit --stdin`.
    assert str(swhid.revision(commit)) == "swh:1:rev:bc67ebe9c496fa33f3f1b2aa621f1937c9629ba1"


def test_tree_equals_the_reference_implementation(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"in a folder")
    (tmp_path / "a-b").write_bytes(b"sorts before the folder a/")
    (tmp_path / "a.b").write_bytes(b"so does this")
    (tmp_path / "a0").write_bytes(b"and this after it")
    (tmp_path / "run").write_bytes(b"#!/bin/sh\n")
    (tmp_path / "run").chmod(0o755)
    (tmp_path / "link").symlink_to("a/b")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "too").mkdir()
    tree = swhid.Tree()
    for path in sorted(tmp_path.rglob("*")):
        parts = path.relative_to(tmp_path).as_posix().encode().split(b"/")
        if path.is_symlink():
            tree.add(parts, swhid.MODE_SYMLINK, swhid.blob(b"a/b").digest)
        elif path.is_dir():
            tree.add_folder(parts)
        else:
            mode = swhid.MODE_EXECUTABLE if path.name == "run" else swhid.MODE_FILE
            tree.add(parts, mode, swhid.blob(path.read_bytes()).digest)
    assert str(tree.swhid()) == str(
        Directory.from_disk(path=bytes(tmp_path), max_content_length=None).swhid()
    )


def test_tree_of_a_thousand_folders_in_each_other_has_an_id() -> None:
    tree = swhid.Tree()
    tree.add([b"d"] * 3000 + [b"f"], swhid.MODE_FILE, bytes(20))
    assert tree.swhid().kind == "dir"


@pytest.mark.parametrize(
    ("path", "is_added"),
    [
        ([b"a", b"f"], False),
        ([b"a"], False),
        ([b"a", b"f", b"x"], False),
        ([b"a", b"g"], True),
    ],
)
def test_tree_add_tells_if_something_is_in_the_way(path: list[bytes], is_added: bool) -> None:
    tree = swhid.Tree()
    assert tree.add([b"a", b"f"], swhid.MODE_FILE, bytes(20))
    assert tree.add(path, swhid.MODE_FILE, bytes(20)) == is_added


def test_tree_add_of_a_refused_leaf_changes_nothing() -> None:
    tree = swhid.Tree()
    tree.add([b"a", b"f"], swhid.MODE_FILE, bytes(20))
    before = tree.swhid()
    tree.add([b"a", b"f", b"x", b"y"], swhid.MODE_FILE, bytes(20))
    tree.add([b"a"], swhid.MODE_SYMLINK, bytes(20))
    assert not tree.add_folder([b"a", b"f"])
    assert tree.swhid() == before
