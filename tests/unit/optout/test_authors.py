"""Requests that name a commit author: what goes, what is shown, and that no address gets anywhere."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.errors import EnvironmentFault, UsageError
from stackyard.optout import match, match_requests, requests, tombstones, violations
from stackyard.optout.absence import Presence, absent_keys, key_of
from stackyard.optout.authors import AUTHORS, Authors, key_id, namer, normalised
from stackyard.optout.params import Params
from stackyard.optout.preview import preview
from stackyard.optout.registry import Registry, Request
from stackyard.optout.selector import Selector, parse
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.making import init_project
from stackyard.pipeline.stages import fetch, ingest, optout

from .conftest import NOW, Book, salt
from .test_cli import answer, run
from .test_matching import REV, A, B, C, files, gone, origins

KEY = b"k" * 32
FILES = files(("octo/p", "a", A), ("octo/p", "b", B), ("octo/q", "a", A), ("else/p", "c", C))


def authors(*rows: tuple[str, str, str]) -> Authors:
    """(repository, path, address)."""
    facts = [
        {"repo_name": r, "revision_id": REV, "path": p, "author": namer(KEY)(who)}
        for r, p, who in sorted(rows)
    ]
    return Authors(pa.Table.from_pylist(facts, schema=AUTHORS), KEY, len({r for r, _, _ in rows}))


KNOWN = authors(
    ("octo/p", "a", "x@example.org"),
    ("octo/p", "a", "y@example.org"),
    ("octo/p", "b", "y@example.org"),
    ("octo/q", "a", "y@example.org"),
)


def asked(address: str = "x@example.org", **options: Any) -> Registry:
    book = Book()
    book.accept(book.submit("author", address, **options))
    return book.registry()


@pytest.mark.parametrize(
    "text", ["me@example.org", "  Me@Example.ORG\n", "12+octo@users.noreply.github.com"]
)
def test_parse_author_is_one_address_in_lower_case(text: str) -> None:
    assert parse("author", text) == Selector("author", text.strip().lower())
    assert parse("author", str(parse("author", text))) == parse("author", text)


@pytest.mark.parametrize(
    "text",
    ["", "me", "@example.org", "me@", "me@localhost", "*@example.org", "me@*", "%@example.org",
     "me@example.org you@example.org", "me@example.org,x@example.org", "Me <me@example.org>",
     "mailto:me@example.org", "me@example.org\nx", "m\u0435@example.org", "me@ex\u0430mple.org",
     "me@example.org?x", "a@b@example.org", "user@example.org", "noreply@example.org",
     "your-email@example.org", "a..b@example.org", ".a@example.org", "me@-x.org", "me@x..org",
     "x" * 65 + "@example.org", "me@" + "x" * 300 + ".org", "a@" * 5_000_000],
)  # fmt: skip
def test_parse_author_what_is_not_one_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(UsageError, match="--author NAME@DOMAIN") as caught:
        parse("author", text)
    assert "example.org" not in str(caught.value)


def test_namer_folds_what_git_and_people_write_alike_and_needs_the_key() -> None:
    one = namer(KEY)
    assert one(" Me@Example.org ") == one("me@example.org")
    assert one("me@example.org") != one("me2@example.org")
    assert one("me@example.org") != namer(b"l" * 32)("me@example.org")
    assert normalised("\u212aE@x.org") == "\u212ae@x.org"
    assert len(one("\udcff@x")) == 32
    assert KEY.hex() not in repr(KNOWN)
    assert repr(KEY) not in repr(KNOWN)
    assert key_id(KEY) != key_id(b"l" * 32)


def test_match_author_drops_what_they_touched_and_nothing_else() -> None:
    found = match(FILES, origins(FILES), asked(), Params(), authors=KNOWN)
    assert gone(found) == [("octo/p", "a", "author")]
    found = match(FILES, origins(FILES), asked("Y@example.org"), Params(), authors=KNOWN)
    assert gone(found) == [
        ("octo/p", "a", "author"),
        ("octo/p", "b", "author"),
        ("octo/q", "a", "author"),
    ]


def test_match_author_with_exact_copies_takes_them() -> None:
    found = match(FILES, origins(FILES), asked(copies="exact"), Params(), authors=KNOWN)
    assert gone(found) == [("octo/p", "a", "author"), ("octo/q", "a", "copy")]


def test_match_author_of_another_revision_alone_drops_nothing() -> None:
    other = files(("octo/p", "a", A), revision="swh:1:dir:" + "9" * 40)
    assert match(other, origins(other), asked(), Params(), authors=KNOWN).num_rows == 0


def test_match_author_without_facts_stops() -> None:
    with pytest.raises(EnvironmentFault, match="commit author"):
        match(FILES, origins(FILES), asked(), Params())
    none = Authors(AUTHORS.empty_table(), KEY)
    assert match(FILES, origins(FILES), asked(), Params(), authors=none).num_rows == 0


def test_tombstones_of_an_author_are_none() -> None:
    assert tombstones(origins(FILES), asked("y@example.org"), Params()).num_rows == 0


def test_violations_file_of_an_author_is_found_by_its_contents() -> None:
    log = asked()
    dropped = match(FILES, origins(FILES), log, Params(), authors=KNOWN)
    rows = pa.table(
        {"repo_name": ["octo/p", "octo/p"], "path": ["a", "b"], "blob_id": [A.hex(), B.hex()]}
    )
    found = violations(rows, log, Params(), dropped)
    assert [(r["path"], r["rule"]) for r in found.to_pylist()] == [("a", "author")]
    other = pa.table({"repo_name": ["octo/p"], "path": ["a"], "blob_id": [B.hex()]})
    assert violations(other, log, Params(), dropped).num_rows == 0


def test_preview_of_an_author_says_of_how_many_sources_authors_are_known() -> None:
    (request,) = asked().effective()
    shown = preview(request, FILES, origins(FILES), Params(), releases={}, authors=KNOWN)
    assert shown.authors_known_of == 2
    assert shown.plain()["authors_known_of"] == 2
    assert gone(shown.files) == [("octo/p", "a", "author")]
    assert [r["repo_name"] for r in shown.stays.to_pylist()] == ["octo/q"]


def test_absent_keys_of_an_author_are_the_files() -> None:
    log = asked()
    (request,) = log.effective()
    keys = absent_keys(request, match(FILES, origins(FILES), log, Params(), authors=KNOWN))
    assert keys == [key_of("path", "octo/p", "a")]
    left = files(("octo/p", "b", B), ("octo/q", "a", A)).select(["repo_name", "path", "blob_id"])
    assert keys[0] not in Presence.of(left)


def test_submit_author_to_be_listed_is_refused() -> None:
    with pytest.raises(UsageError, match="never published"):
        requests.submit(
            parse("author", "me@example.org"),
            sequence=0,
            time=NOW,
            salt=salt("x"),
            contact="me@example.org",
            listed=True,
        )


people = st.sampled_from(("x@example.org", "y@example.org", "z@example.org"))
places = st.tuples(st.sampled_from(("o/p", "o/q", "e/p")), st.sampled_from("abc"))


@settings(deadline=None)
@given(
    st.dictionaries(places, st.integers(0, 2), max_size=9),
    st.dictionaries(places, st.sets(people), max_size=9),
    st.lists(people, max_size=2),
)
def test_match_authors_equals_paths_of_the_files_that_they_touched(
    held: dict[tuple[str, str], int],
    touched: dict[tuple[str, str], set[str]],
    named: list[str],
) -> None:
    """Laws 3 and 10: exactly those files go, as if somebody had named them one by one."""
    table = files(*((repo, path, (A, B, C)[blob]) for (repo, path), blob in held.items()))
    facts = authors(*((r, p, who) for (r, p), them in touched.items() for who in them))
    by_author = [
        Request(f"req-{n:016x}", parse("author", who), "none", False, bytes(32))
        for n, who in enumerate(named)
    ]
    by_path = [
        Request(f"req-{n:016x}", parse("path", f"{r}:{p}"), "none", False, bytes(32))
        for n, (r, p) in enumerate(sorted(touched))
        if touched[r, p] & set(named)
    ]
    found = match_requests(table, origins(table), by_author, Params(), authors=facts)
    other = match_requests(table, origins(table), by_path, Params())
    keys = ["repo_name", "revision_id", "path", "blob_id"]
    assert found.select(keys) == other.select(keys)


def by(repository: Path, who: str, name: str, content: str) -> None:
    (repository / name).write_text(content)
    everybody = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_AUTHOR_NAME": "X",
        "GIT_AUTHOR_EMAIL": who,
        "GIT_COMMITTER_NAME": "X",
        "GIT_COMMITTER_EMAIL": "c@example.org",
    }
    for command in (["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *command], cwd=repository, env=everybody, check=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one repository of two authors, as far as stage ingest."""
    repository = tmp_path / "origin"
    repository.mkdir()
    subprocess.run(["git", "init", "-q", "-b", "main", "."], cwd=repository, check=True)
    by(repository, "Very.Private@Example.org", "mine.py", "print('mine')\n")
    by(repository, "other@example.org", "theirs.py", "print('theirs')\n")
    by(repository, "very.private@example.org", "both.py", "print('both')\n")
    by(repository, "other@example.org", "both.py", "print('now theirs')\n")
    root = tmp_path / "project"
    init_project(root, "octo-org/small", "opt-out@example.org")
    (root / "sources.yaml").write_text(
        "- {kind: git, path: ../origin, name: octo-org/tool, authors: true}\n"
    )
    stages(root, fetch, ingest)
    return root


def stages(root: Path, *modules: Any) -> None:
    at = Project.at(root)
    for module in modules:
        for unit in module.units(at):
            module.run(at, unit)
        module.finish(at)


def decided(root: Path) -> list[tuple[str, str]]:
    found = Project.at(root).workspace.table("optout", "decisions")
    return list(zip(found["path"].to_pylist(), found["rule"].to_pylist(), strict=True))


def test_author_from_submission_to_decisions_and_back(project: Path) -> None:
    made = answer(project, "submit", "--author", "Very.Private@example.org", "--contact", "c@d.org")
    name = made["request"]
    said = answer(project, "preview", name)
    assert [row[2] for row in said["files"]] == ["both.py", "mine.py"]
    assert said["authors_known_of"] == 1
    run(project, "preview", name)
    stages(project, optout)
    assert decided(project) == []
    run(project, "verify", name, "--method", "manual", "--reason", "wrote from that address")
    stages(project, optout)
    assert decided(project) == [("both.py", "author"), ("mine.py", "author")]
    run(project, "withdraw", name)
    stages(project, optout)
    assert decided(project) == []


def test_address_of_an_author_is_in_no_fact_log_or_source_list(project: Path) -> None:
    made = answer(project, "submit", "--author", "very.private@example.org", "--contact", "c@d.org")
    run(project, "verify", made["request"], "--method", "manual", "--reason", "wrote to us")
    stages(project, optout)
    kept = {".stackyard/cache", ".stackyard/private", ".stackyard/receipts"}
    for path in sorted(project.rglob("*")):
        place = path.relative_to(project).as_posix()
        if path.is_file() and not any(place.startswith(folder) for folder in kept):
            held = path.read_bytes().lower()
            if path.suffix == ".parquet":
                held = json.dumps(pq.read_table(path).to_pylist(), default=repr).encode()
            assert b"very.private" not in held.lower(), place


def test_facts_of_another_key_are_stale(project: Path) -> None:
    (before,) = fetch.live_keys(Project.at(project))
    assert fetch.is_current(Project.at(project))
    import sqlite3

    with sqlite3.connect(project / ".stackyard" / "private" / "registry.sqlite") as base:
        base.execute("update keys set key = zeroblob(32)")
    base.close()
    assert not fetch.is_current(Project.at(project))
    stages(project, fetch, ingest)
    assert fetch.live_keys(Project.at(project)) != [before]


def test_build_without_the_private_part_stops_before_authors(project: Path) -> None:
    (project / ".stackyard" / "keys" / "registry.key").unlink()
    with pytest.raises(EnvironmentFault, match="authors"):
        fetch.finish(Project.at(project))
