"""Who touched a file, from real histories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackyard.errors import UsageError
from stackyard.ingest import authors
from stackyard.ingest.fetch import Fetched, fetch
from stackyard.ingest.params import Params
from stackyard.ingest.sources import load_sources

from .test_read_git import Repository

ENTRY = "- {kind: git, path: origin, name: octo-org/tool, authors: true%s}"


class Shared(Repository):
    """A repository that several people write to."""

    def by(self, who: str, files: dict[str, bytes], remove: tuple[str, ...] = ()) -> str:
        for name in remove:
            (self.path / name).unlink()
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x", "--author", f"X <{who}>")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Shared:
    return Shared(tmp_path / "origin")


def brought(root: Path, more: str = "") -> Fetched:
    (source,) = load_sources(ENTRY % more, "sources.yaml")
    return fetch(source, root / "cache", root, Params())


def touched(root: Path, more: str = "", params: Params = Params()) -> dict[str, set[str]]:  # noqa: B008
    found = brought(root, more)
    assert found.history is not None
    pairs = authors.touched(
        found.history,
        found.path,
        found.commit,
        params,
        name_of=lambda address: address.encode("utf-8", "surrogateescape"),
        where="octo-org/tool",
    )
    assert pairs == sorted(set(pairs))
    by_path: dict[str, set[str]] = {}
    for path, author in pairs:
        by_path.setdefault(path, set()).add(author.decode("utf-8", "replace"))
    return by_path


def test_touched_names_all_who_ever_changed_a_file(tmp_path: Path, repository: Shared) -> None:
    repository.by("a@example.org", {"x": b"1", "y": b"1"})
    repository.by("b@example.org", {"x": b"2"})
    repository.by("c@example.org", {"x": b"1", "gone": b"1"})
    repository.by("d@example.org", {}, remove=("gone",))
    assert touched(tmp_path) == {
        "x": {"a@example.org", "b@example.org", "c@example.org"},
        "y": {"a@example.org"},
    }


def test_touched_follows_a_file_that_was_renamed_as_it_was(
    tmp_path: Path, repository: Shared
) -> None:
    repository.by("a@example.org", {"old/x": b"same\n"})
    repository.by("b@example.org", {"mid/y": b"same\n"}, remove=("old/x",))
    repository.by("c@example.org", {"new/z": b"same\n"}, remove=("mid/y",))
    assert touched(tmp_path) == {"new/z": {"a@example.org", "b@example.org", "c@example.org"}}


def test_touched_of_a_copy_and_of_a_rename_with_changes_begins_anew(
    tmp_path: Path, repository: Shared
) -> None:
    repository.by("a@example.org", {"x": b"same\n", "y": b"1\n2\n3\n4\n"})
    repository.by("b@example.org", {"copy": b"same\n", "z": b"1\n2\n3\n5\n"}, remove=("y",))
    found = touched(tmp_path)
    assert found["copy"] == {"b@example.org"}
    assert found["z"] == {"b@example.org"}


def test_touched_empty_files_are_nobodys_rename(tmp_path: Path, repository: Shared) -> None:
    repository.by("a@example.org", {"a/__init__.py": b""})
    repository.by("b@example.org", {"b/__init__.py": b""}, remove=("a/__init__.py",))
    assert touched(tmp_path) == {"b/__init__.py": {"b@example.org"}}


def test_touched_of_a_merge_counts_both_sides_and_who_resolved_it(
    tmp_path: Path, repository: Shared
) -> None:
    repository.by("a@example.org", {"x": b"1\n", "only-topic": b"1"})
    repository.git("switch", "-q", "-c", "topic")
    repository.by("t@example.org", {"moved": b"1\n", "only-topic": b"2"}, remove=("x",))
    repository.git("switch", "-q", "main")
    repository.by("m@example.org", {"x": b"2\n"})
    repository.git("merge", "-q", "--no-ff", "--no-commit", "topic")
    repository.by("r@example.org", {})
    found = touched(tmp_path)
    assert found["moved"] == {"a@example.org", "t@example.org", "m@example.org", "r@example.org"}
    assert found["only-topic"] == {"a@example.org", "t@example.org"}


def test_touched_mailmap_adds_an_address_and_hides_none(tmp_path: Path, repository: Shared) -> None:
    repository.by("old@example.org", {"x": b"1"})
    repository.by("z@example.org", {".mailmap": b"Octo <new@example.org> <old@example.org>\n"})
    assert touched(tmp_path)["x"] == {"old@example.org", "new@example.org"}


def test_touched_ignores_the_mailmap_and_settings_of_whoever_runs_it(
    tmp_path: Path, repository: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.by("a@example.org", {"x": b"1"})
    (tmp_path / "map").write_text("<other@example.org> <a@example.org>\n")
    (tmp_path / "config").write_text(
        f"[mailmap]\nfile = {tmp_path}/map\n[log]\nshowSignature = true\nshowRoot = false\n"
        "[diff]\nrenames = copies\nnoprefix = true\n[core]\nquotePath = false\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    assert touched(tmp_path) == {"x": {"a@example.org"}}


def test_touched_odd_names_and_addresses_are_told_apart(tmp_path: Path, repository: Shared) -> None:
    names = [":100644 x", "a\nb", "\n:lead", "\u00fcber", "tab\there", "0" * 40]
    repository.by("a@example.org", dict.fromkeys(names, b"1"))
    (repository.path / os.fsdecode(b"\xff")).write_bytes(b"1")
    repository.by("b@b <@example.org", {names[0]: b"2"})
    tree = repository.git("rev-parse", "HEAD^{tree}")
    raw = (
        f"tree {tree}\nparent {repository.git('rev-parse', 'HEAD')}\n".encode()
        + b"author X\xff <\xffe@x \x01y> 1 +0000\ncommitter X <> 1 +0000\n\nm\0re\n"
    )
    (tmp_path / "raw").write_bytes(raw)
    commit = repository.git(
        "hash-object", "--literally", "-t", "commit", "-w", str(tmp_path / "raw")
    )
    repository.git("update-ref", "refs/heads/main", commit)
    found = touched(tmp_path)
    assert set(found) == set(names)
    assert all("a@example.org" in who for who in found.values())


def test_touched_history_beyond_the_bound_is_refused(tmp_path: Path, repository: Shared) -> None:
    for n in range(5):
        repository.by("a@example.org", {"x": b"%d" % n})
    with pytest.raises(UsageError, match="history_changes_max"):
        touched(tmp_path, params=Params(history_changes_max=7))
    assert touched(tmp_path, params=Params(history_changes_max=12)) == {"x": {"a@example.org"}}


def test_touched_at_a_ref_knows_nothing_of_later_commits(
    tmp_path: Path, repository: Shared
) -> None:
    first = repository.by("a@example.org", {"x": b"1"})
    repository.git("tag", "-a", "v1", "-m", "v1")
    repository.by("b@example.org", {"x": b"2"})
    for ref in (first, "v1"):
        assert touched(tmp_path, f", ref: '{ref}'") == {"x": {"a@example.org"}}


def test_touched_needs_no_remote_later(tmp_path: Path, repository: Shared) -> None:
    repository.by("a@example.org", {"x": b"1"})
    found = brought(tmp_path)
    repository.path.rename(tmp_path / "away")
    assert touched_there(found) == [("x", b"a@example.org")]


def touched_there(found: Fetched) -> list[tuple[str, bytes]]:
    assert found.history is not None
    return authors.touched(
        found.history, found.path, found.commit, Params(), name_of=str.encode, where="x"
    )


def test_fetch_history_of_a_shallow_clone_is_refused(tmp_path: Path, repository: Shared) -> None:
    repository.by("a@example.org", {"x": b"1"})
    repository.by("b@example.org", {"x": b"2"})
    repository.path.rename(tmp_path / "whole")
    url = f"file://{tmp_path / 'whole'}"
    subprocess.run(["git", "clone", "-q", "--depth=1", url, str(tmp_path / "origin")], check=True)
    with pytest.raises(UsageError, match="shallow"):
        brought(tmp_path)


def test_fetch_without_authors_brings_no_history(tmp_path: Path, repository: Shared) -> None:
    repository.by("a@example.org", {"x": b"1"})
    (source,) = load_sources(ENTRY.replace("authors: true", "authors: false") % "", "s")
    assert fetch(source, tmp_path / "cache", tmp_path, Params()).history is None
    assert not list(tmp_path.glob("cache/*/*.history.git"))


people = st.sampled_from(["a@example.org", "b@example.org", "c@example.org"])
steps = st.lists(
    st.tuples(people, st.sampled_from("xyz"), st.sampled_from(["1", "2", "move"])), max_size=6
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_touched_of_any_line_of_changes_is_what_a_ledger_says(
    tmp_path_factory: pytest.TempPathFactory, line: list[tuple[str, str, str]]
) -> None:
    """The ledger: touches by path for ever, and every path that a path ever came from."""
    root = tmp_path_factory.mktemp("line")
    repository = Shared(root / "origin")
    repository.by("a@example.org", {"seed": b"seed"})
    content: dict[str, bytes] = {"seed": b"seed"}
    touches: dict[str, set[str]] = {"seed": {"a@example.org"}}
    came_from: dict[str, set[str]] = {}
    for number, (who, path, what) in enumerate(line):
        to = f"{path}-{number}"
        if what != "move":
            content[path] = what.encode() + path.encode()
            repository.by(who, {path: content[path]})
            if subprocess.run(  # a commit that changes nothing touches nothing
                ["git", "diff", "--quiet", "HEAD~", "HEAD"], cwd=repository.path, check=False
            ).returncode:
                touches.setdefault(path, set()).add(who)
        elif path in content:
            content[to] = content.pop(path)
            repository.by(who, {to: content[to]}, remove=(path,))
            touches.setdefault(to, set()).add(who)
            came_from.setdefault(to, set()).add(path)

    def all_of(path: str) -> set[str]:
        return touches[path].union(*(all_of(p) for p in came_from.get(path, ())))

    assert touched(root) == {path: all_of(path) for path in content}
