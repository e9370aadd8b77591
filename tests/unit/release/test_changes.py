from __future__ import annotations

import json

import pyarrow as pa

from stackyard.release import changes, diff


def rows(*named: tuple[str, str, str]) -> pa.Table:
    """ROW_COLUMNS of (repo_name, path, content)."""
    schema = diff.empty_rows().schema
    base = {field.name: False if field.type == pa.bool_() else "x" for field in schema}
    made = [
        {**base, "edition": "permissive", "repo_name": repo, "path": path,
         "content_sha256": content, "revision_id": content, "language": path.rpartition(".")[2]}
        for repo, path, content in named
    ]  # fmt: skip
    return pa.Table.from_pylist(made, schema=schema)


OLD = rows(("a/a", "x.py", "1"), ("a/a", "y.py", "1"), ("b/b", "z.go", "1"))
NEW = rows(("a/a", "x.py", "1"), ("a/a", "y.py", "2"), ("c/c", "n\x1b.go", "3"))


def test_changes_name_every_file_that_differs_once() -> None:
    listed = changes.table(diff.rows(OLD, NEW))
    assert [tuple(row.values())[:4] for row in listed.to_pylist()] == [
        ("changed", "a/a", "y.py", "py"),
        ("removed", "b/b", "z.go", "go"),
        ("added", "c/c", "n\x1b.go", "go"),
    ]
    assert [json.loads(line)["path"] for line in changes.lines(listed)] == [
        "y.py",
        "z.go",
        "n\x1b.go",
    ]


def test_changes_text_counts_by_repository_and_language_and_is_safe_for_a_terminal() -> None:
    listed = changes.table(diff.rows(OLD, NEW))
    text = changes.text(changes.summary(listed, "0.1.0", "all.jsonl"), listed)
    assert (
        text.splitlines()[0] == "Against the published 0.1.0: 3 files: 1 new, 1 changed, 1 removed"
    )
    assert "  c/c: 1 new" in text
    assert "  go: 1 new, 1 removed" in text
    assert "  new      c/c/n\\x1b.go" in text


def test_changes_text_of_many_says_where_the_rest_is() -> None:
    many = rows(*((f"a/{number:02}", "x.py", "1") for number in range(30)))
    listed = changes.table(diff.rows(diff.empty_rows(), many))
    text = changes.text(changes.summary(listed, None, "work/all.jsonl"), listed)
    assert text.startswith("Against nothing published yet: 30 files: 30 new")
    assert text.count("and 18 more: see work/all.jsonl") == 2


def test_changes_of_nothing_are_said_to_be_none() -> None:
    listed = changes.table(diff.rows(OLD, OLD))
    assert len(listed) == 0
    said = changes.text(changes.summary(listed, "0.1.0", "all.jsonl"), listed)
    assert said == "Against the published 0.1.0: no file changes"
