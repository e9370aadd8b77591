"""Directories that equal others, against git itself."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stackyard.dedup import Params, decide, trees
from stackyard.record import FILES, ORIGINS, blob_digest


def table(*rows: tuple[str, str, bytes]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "repo_name": repo,
                "revision_id": "r",
                "path": path,
                "blob_id": blob_digest(text),
                "length_bytes": len(text),
            }
            for repo, path, text in rows
        ],
        FILES,
    )


def named(found: pa.Table) -> list[tuple[str, str, str, str]]:
    return [
        (row["repo_name"], row["path"], row["copy_of_repo_name"], row["copy_of_path"])
        for row in found.to_pylist()
    ]


def test_directories_of_awkward_names_equal_those_of_git(tmp_path: Path) -> None:
    paths = [
        "a", "a-b/x", "a.b", "ab/a", "a b/c", "lib/lib/lib/deep", "lib/z", "lib.c", "lib-",
        "é/漢", "x/new\nline", "x/-", "B", "lib0",
    ]  # fmt: skip
    files = [("octo-org/a", path, path.encode()) for path in paths]
    for _, path, text in files:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(text)

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)
        return done.stdout.decode()

    git("init", "-q")
    git("add", "-A")
    root = git("write-tree").strip()
    expected = {"": root}
    for line in git("ls-tree", "-rtz", root).split("\0")[:-1]:
        described, path = line.split("\t", 1)
        _, kind, digest = described.split(" ")
        if kind == "tree":
            expected[path] = digest
    found = trees.directories(table(*files))
    held = zip(found["path"].to_pylist(), found["directory_id"].to_pylist(), strict=True)
    assert {path: digest.hex() for path, digest in held} == expected


def test_directories_count_files_and_bytes_below() -> None:
    found = trees.directories(
        table(("o/a", "x/y/1", b"12"), ("o/a", "x/2", b"345"), ("o/a", "3", b"6"))
    )
    assert [(row["path"], row["file_count"], row["size_bytes"]) for row in found.to_pylist()] == [
        ("", 3, 6),
        ("x", 2, 5),
        ("x/y", 1, 2),
    ]


def test_directories_of_no_files_are_none() -> None:
    assert trees.directories(FILES.empty_table()).equals(trees.DIRECTORIES.empty_table())


def test_directories_of_shuffled_rows_are_the_same() -> None:
    files = table(*[(f"o/{i % 3}", f"d{i % 4}/{i}", b"%d" % i) for i in range(30)])
    order = pa.array([(7 * i) % 30 for i in range(30)])
    assert trees.directories(files.take(order)).equals(trees.directories(files))


def test_copies_name_the_outermost_vendored_directory_only() -> None:
    library = [("lib/a.c", b"1"), ("lib/sub/b.c", b"2")]
    files = [("o/app", f"vendor/{path}", text) for path, text in library]
    files += [("o/app", "main.c", b"3")]
    files += [("o/zlib", path, text) for path, text in library]
    found = trees.copies(trees.directories(table(*files)))
    assert named(found) == [("o/zlib", "", "o/app", "vendor")]


def test_copies_of_a_directory_beside_itself_name_the_first() -> None:
    files = [("o/a", f"{name}/x", b"1") for name in ("one", "two")] + [("o/a", "y", b"2")]
    found = trees.copies(trees.directories(table(*files)))
    assert named(found) == [("o/a", "two", "o/a", "one")]


def origins_of(world: Any, tree_of: dict[str, str]) -> pa.Table:
    rows = world.origin_table().to_pylist()
    for row in rows:
        row["directory_id"] = tree_of.get(row["repo_name"], "")
    return pa.Table.from_pylist(rows, ORIGINS)


@pytest.fixture
def fork(world: Any, file: Any, origin: Any, words: Any) -> Any:
    """octo-org/z is the popular one; octo-org/a is the same, and says so by the same tree."""
    texts = [words(0, 60), words(100, 160), b"short"]
    files = [
        file(repo, f"{i}.c", text)
        for repo in ("octo-org/a", "octo-org/z")
        for i, text in enumerate(texts)
    ]
    return world(files, [origin("octo-org/z", stars=5)], replace(Params(), trees="drop"))


def run(world: Any, tree_of: dict[str, str], params: Params) -> Any:
    return decide(
        world.attributes(),
        origins_of(world, tree_of),
        world.facts(),
        world.contents,
        params,
    )


SAME = {"octo-org/a": "swh:1:dir:" + "1" * 40, "octo-org/z": "swh:1:dir:" + "1" * 40}


def test_decide_with_trees_drop_says_that_the_whole_repository_is_a_copy(fork: Any) -> None:
    done = run(fork, SAME, fork.params)
    assert set(done.files["repo_name"].to_pylist()) == {"octo-org/z"}
    assert done.decisions["rule"].to_pylist() == ["duplicate-tree"] * 3
    evidence = json.loads(done.decisions["evidence"][0].as_py())
    assert evidence["representative"]["repo_name"] == "octo-org/z"
    assert done.files["cluster_size"].to_pylist() == [2, 2, 2]


def test_decide_with_trees_report_drops_the_same_files_as_exact_duplicates(fork: Any) -> None:
    done = run(fork, SAME, Params())
    assert set(done.files["repo_name"].to_pylist()) == {"octo-org/z"}
    assert done.decisions["rule"].to_pylist() == ["exact-duplicate"] * 3


def test_decide_with_trees_drop_and_other_trees_drops_no_tree(fork: Any) -> None:
    other = SAME | {"octo-org/a": "swh:1:dir:" + "2" * 40}
    rules = run(fork, other, fork.params).decisions["rule"].to_pylist()
    assert rules == ["exact-duplicate"] * 3


def test_decide_with_trees_drop_keeps_what_the_other_lost_to_an_opt_out(fork: Any) -> None:
    fork.files = [each for each in fork.files if (each.repo, each.path) != ("octo-org/z", "1.c")]
    done = run(fork, SAME, fork.params)
    kept = list(
        zip(done.files["repo_name"].to_pylist(), done.files["path"].to_pylist(), strict=True)
    )
    assert kept == [("octo-org/a", "1.c"), ("octo-org/z", "0.c"), ("octo-org/z", "2.c")]
    assert done.decisions["rule"].to_pylist() == ["duplicate-tree"] * 2


def test_decide_with_trees_drop_and_no_tree_known_drops_no_tree(fork: Any) -> None:
    rules = run(fork, {}, fork.params).decisions["rule"].to_pylist()
    assert rules == ["exact-duplicate"] * 3
