"""Diffs of Debian's source packages of format 1.0, beside `difflib` and by hand."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.errors import UsageError
from stackyard.ingest import diff
from stackyard.ingest.member import Member
from stackyard.ingest.params import Params
from stackyard.ingest.stream import Budget

CONTENTS = st.lists(
    st.sampled_from(["a", "b", "--- a", "+++ b", "@@ -1 +1 @@", "", "\\ x", "é"])
).map(lambda lines: "".join(f"{line}\n" for line in lines).encode()) | st.text(
    alphabet="ab\n", max_size=40
).map(str.encode)


def unified(old: bytes, new: bytes, name: str = "tool-1.0/a.c") -> bytes:
    """The diff as GNU diff writes it: difflib has no mark for a last line without a line feed."""
    lines = difflib.unified_diff(
        old.decode().splitlines(keepends=True), new.decode().splitlines(keepends=True),
        name.replace("/", ".orig/", 1), name,
    )  # fmt: skip
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    ).encode()


def patch(text: bytes, files: dict[str, bytes], kind: str = "file") -> dict[bytes, bytes]:
    members = [
        ((*name.encode().split(b"/"),), _member(name.encode(), content, kind))
        for name, content in files.items()
    ]
    params = Params()
    made = diff.patch([text], members, Budget.of_plain(params, "x"), "x.diff.gz")
    return {member.name: b"".join(member.parts()) for member in made.members}


def _member(name: bytes, content: bytes, kind: str) -> Member:
    return Member(name, kind, len(content), parts=lambda: iter((content,)))  # type: ignore[arg-type]


@given(CONTENTS, CONTENTS, CONTENTS, CONTENTS)
def test_patch_of_two_files_makes_what_the_diff_was_made_of(
    old: bytes, new: bytes, other_old: bytes, other_new: bytes
) -> None:
    text = unified(old, new) + unified(other_old, other_new, "tool-1.0/deep/b")
    found = patch(text, {"a.c": old, "deep/b": other_old})
    assert {"a.c": old, "deep/b": other_old} | {k.decode(): v for k, v in found.items()} == {
        "a.c": new,
        "deep/b": other_new,
    }


@given(CONTENTS, CONTENTS, CONTENTS)
def test_patch_of_another_content_is_refused_or_keeps_all_lines_outside_its_hunks(
    old: bytes, new: bytes, other: bytes
) -> None:
    text = unified(old, new)
    try:
        found = patch(text, {"a.c": other})
    except UsageError:
        return
    removed = sum(line.startswith(b"-") for line in text.split(b"\n")[2:])
    added = sum(line.startswith(b"+") for line in text.split(b"\n")[2:])
    for made in found.values():
        assert made.count(b"\n") - other.count(b"\n") in range(
            added - removed - 1, added - removed + 2
        )


def test_patch_makes_new_files_and_passes_over_lines_of_no_file() -> None:
    text = b"only in a: b\nIndex: x\n--- t.orig/debian/rules\n+++ t/debian/rules\n@@ -0,0 +1,2 @@\n+a\n+b\n"
    assert patch(text, {}) == {b"debian/rules": b"a\nb\n"}


def test_patch_deletes_what_becomes_dev_null() -> None:
    text = b"--- t.orig/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
    made = diff.patch(
        [text], [((b"a",), _member(b"a", b"a\n", "file"))], Budget.of_plain(Params(), "x"), "x"
    )
    assert made == diff.Patched(frozenset({(b"a",)}), ())


def test_patch_reads_a_date_of_its_headers_and_makes_rules_executable() -> None:
    text = (
        b"--- t.orig/debian/rules\t1970-01-01 00:00:00.000000000 +0000\n"
        b"+++ t/debian/rules\t2001-02-03 06:05:06.000000000 +0200\n@@ -0,0 +1 @@\n+a\n"
    )
    made = diff.patch([text], [], Budget.of_plain(Params(), "x"), "x").members
    assert [(each.modified, each.executable) for each in made] == [(981173106, True)]


CHANGED = b"--- t.orig/a\n+++ t/a\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
MADE = b"--- t.orig/a\n+++ t/a\n@@ -0,0 +1 @@\n+x\n"


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (CHANGED, b"one\nthree\n"),  # other words
        (CHANGED, b"zero\none\ntwo\n"),  # the words, elsewhere
        (CHANGED, b"one\n"),  # its end is missing
        (CHANGED, b"one\ntwo"),  # no line feed
        (MADE, b"there\n"),  # made anew, but there
        (CHANGED.replace(b"@@ -1,2 +1,2", b"@@ -9999999999,2 +1,2"), b"one\ntwo\n"),
        (CHANGED + b"@@ -1 +1 @@\n-one\n+1\n", b"one\ntwo\n"),  # backwards
        (CHANGED.replace(b"+++ t/a", b"+++ /dev/null"), b"one\ntwo\n"),  # deleted, with a rest
        (CHANGED.replace(b"-two\n", b"-tw\n\\ No newline at end of file\n"), b"one\ntwo\n"),
    ],
)
def test_patch_that_was_made_of_something_else_is_refused(text: bytes, content: bytes) -> None:
    with pytest.raises(UsageError, match="does not apply to a at line"):
        patch(text, {"a": content})


@pytest.mark.parametrize(
    "text",
    [
        b"--- t.orig/a\n",
        b"--- t.orig/a\n+++ t/a\n",
        b"--- t.orig/a\n+++ t/a\nfoo\n",
        b"--- t.orig/a\n+++ t/a\n@@ -1 +1\n-a\n+b\n",
        b"--- t.orig/a\n+++ t/a\n@@ -0,0 +0,0 @@\n",
        b"--- t.orig/a\n+++ t/a\n@@ -1,2 +1 @@\n-a\n",
        b"--- t.orig/a\n+++ t/a\n@@ -1 +1 @@\n-a\n*b\n",
        b"--- t.orig/a\n+++ t/a\n@@ -1,2 +1 @@\n-a\n+b\n+c\n",
        b"--- a\n+++ b\n@@ -1 +1 @@\n-a\n+b\n",
        b'--- "t/\\303"\n+++ "t/\\303"\n@@ -1 +1 @@\n-a\n+b\n',
        MADE + MADE,
    ],
)
def test_patch_that_is_no_unified_diff_is_refused(text: bytes) -> None:
    with pytest.raises(UsageError, match="no unified diff"):
        patch(text, {})


@pytest.mark.parametrize("kind", ["symbolic-link", "hard-link", "folder", "special-file"])
def test_patch_of_what_is_no_file_is_refused(kind: str) -> None:
    with pytest.raises(UsageError, match=f"changes a, a {kind}"):
        patch(MADE, {"a": b""}, kind)


def test_patch_of_more_than_is_held_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff, "HELD_BYTES_MAX", len(MADE) - 1)
    with pytest.raises(UsageError, match="too long"):
        patch(MADE, {})
    monkeypatch.setattr(diff, "HELD_BYTES_MAX", 100)
    with pytest.raises(UsageError, match="too long"):
        patch(CHANGED, {"a": b"one\ntwo\n" * 20})
