from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stackyard.errors import UsageError
from stackyard.ingest import rules
from stackyard.ingest.fetch import fetch
from stackyard.ingest.params import Params
from stackyard.ingest.read import Reader
from stackyard.ingest.sources import load_sources

ReadSource = Callable[..., Any]


class Repository:
    """A real repository, whose clock is set by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, day: int = 1) -> str:
        moment = f"2024-01-{day:02}T12:00:00Z"
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_AUTHOR_NAME": "Octo",
            "GIT_AUTHOR_EMAIL": "octo@example.org",
            "GIT_COMMITTER_NAME": "Octo",
            "GIT_COMMITTER_EMAIL": "octo@example.org",
            "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_DATE": moment,
        }
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=self.path,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, files: dict[str, bytes], day: int = 1) -> str:
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"day {day}", day=day)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "origin")


def entry(**keys: str) -> str:
    said = "".join(f", {key}: '{value}'" for key, value in keys.items())
    return f"{{kind: git, path: origin, name: octo-org/tool{said}}}"


def test_read_git_gives_the_files_of_the_default_branch(
    read: ReadSource, repository: Repository
) -> None:
    commit = repository.commit({"a.py": b"a\n", "src/b.py": b"b\n"}, day=3)
    found = read(entry())
    assert found.kept == {"a.py": b"a\n", "src/b.py": b"b\n"}
    assert found.revision.revision_id == f"swh:1:rev:{commit}"
    assert found.revision.directory_id == f"swh:1:dir:{repository.git('rev-parse', 'HEAD^{tree}')}"
    assert found.revision.branch_name == "main"
    assert found.revision.revision_date == datetime(2024, 1, 3, 12, tzinfo=UTC)


def test_read_git_by_any_ref_gives_that_commit(read: ReadSource, repository: Repository) -> None:
    first = repository.commit({"a": b"1"}, day=1)
    repository.git("tag", "-a", "v1.0", "-m", "annotated")
    repository.git("tag", "light")
    repository.git("branch", "old")
    repository.commit({"a": b"2"}, day=2)
    for ref in ("v1.0", "light", "old", first, "refs/tags/v1.0", "2024-01-01"):
        found = read(entry(ref=ref))
        assert found.kept == {"a": b"1"}, ref
        assert found.revision.revision_id == f"swh:1:rev:{first}"
    assert read(entry(branch="old")).revision.branch_name == "old"
    assert read(entry(ref="v1.0")).revision.branch_name is None


@pytest.mark.parametrize(
    ("ref", "content"),
    [
        ("2024-01-02", b"2"),
        ("2024-01-03", b"2"),
        ("2024-01-04T11:59:59Z", b"2"),
        ("2024-01-04T12:00:00Z", b"4"),
        ("2030-01-01", b"6"),
    ],
)
def test_read_git_at_a_date_gives_the_last_commit_until_its_end(
    ref: str, content: bytes, read: ReadSource, repository: Repository
) -> None:
    for day in (2, 4, 6):
        repository.commit({"a": b"%d" % day}, day=day)
    found = read(entry(ref=ref))
    assert found.kept == {"a": content}
    assert found.revision.branch_name == "main"


def test_read_git_at_a_date_of_a_shallow_clone_finds_what_is_there(
    read: ReadSource, repository: Repository, tmp_path: Path
) -> None:
    for day in (2, 4):
        repository.commit({"a": b"%d" % day}, day=day)
    repository.path.rename(tmp_path / "whole")
    url = f"file://{tmp_path / 'whole'}"
    subprocess.run(["git", "clone", "-q", "--depth=1", url, str(tmp_path / "origin")], check=True)
    assert read(entry(ref="2024-01-05")).kept == {"a": b"4"}
    with pytest.raises(UsageError, match="no commit"):
        read(entry(ref="2024-01-03"))


def test_read_git_at_a_date_follows_the_first_parent(
    read: ReadSource, repository: Repository
) -> None:
    repository.commit({"a": b"main"}, day=1)
    repository.git("switch", "-q", "-c", "topic")
    repository.commit({"b": b"topic"}, day=3)
    repository.git("switch", "-q", "main")
    repository.commit({"c": b"main"}, day=2)
    repository.git("merge", "-q", "--no-ff", "topic", "-m", "merge", day=5)
    assert sorted(read(entry(ref="2024-01-04")).kept) == ["a", "c"]
    assert sorted(read(entry(ref="2024-01-05")).kept) == ["a", "b", "c"]
    assert sorted(read(entry(ref="2024-01-03", branch="topic")).kept) == ["a", "b"]


def test_read_git_before_its_first_commit_is_refused(
    read: ReadSource, repository: Repository
) -> None:
    repository.commit({"a": b"1"}, day=5)
    with pytest.raises(UsageError, match="no commit on HEAD until"):
        read(entry(ref="2024-01-04"))


def test_read_git_with_links_submodules_and_large_files_gives_each_one_row(
    read: ReadSource, repository: Repository, tmp_path: Path
) -> None:
    inner = Repository(tmp_path / "inner")
    pinned = inner.commit({"x": b"x"})
    repository.git("submodule", "--quiet", "add", str(inner.path), "sub")
    (repository.path / "link").symlink_to("/etc/passwd")
    (repository.path / "run").write_bytes(b"#!/bin/sh\n")
    (repository.path / "run").chmod(0o755)
    with (repository.path / "caf\udce9").open("wb") as file:
        file.write(b"latin")
    repository.commit({"large": b"x" * 2000, "ok": b"fine"})
    found = read(entry(), Params(file_bytes_max=1000))
    assert found.kept.keys() == {".gitmodules", "ok", "run"}
    assert found.dropped == {
        "sub": rules.SUBMODULE,
        "link": rules.SYMBOLIC_LINK,
        "large": rules.TOO_LARGE,
        "caf\\xe9": rules.PATH_NOT_UTF8,
    }
    (row,) = (e for e in found.entries if e.path == "sub")
    assert row.evidence == {"kind": "submodule", "note": f"commit {pinned}"}


def test_read_git_of_many_files_reads_each_whole(read: ReadSource, repository: Repository) -> None:
    files = {f"d{i % 7}/f{i}": (b"%d\n" % i) * i for i in range(3000)}
    repository.commit(files)
    assert read(entry()).kept == files


def test_read_git_pinned_by_commit_needs_its_origin_once(
    read: ReadSource, repository: Repository
) -> None:
    commit = repository.commit({"a": b"1"})
    before = read(entry(ref=commit))
    (repository.path / ".git" / "HEAD").unlink()
    assert read(entry(ref=commit)) == before


def test_read_git_after_a_fetch_that_was_killed_starts_anew(
    read: ReadSource, repository: Repository, tmp_path: Path
) -> None:
    commit = repository.commit({"a": b"1"})
    before = read(entry())
    (bare,) = tmp_path.glob("cache/git-*/*.git")
    left = bare.rename(bare.parent / "partial-0")
    for lock in ("shallow.lock", "HEAD.lock", "config.lock"):
        (left / lock).touch()
    assert read(entry()) == before
    assert [path.name for path in bare.parent.iterdir()] == [f"{commit}.git"]


def test_read_git_of_a_branch_that_moved_gives_its_new_tip(
    read: ReadSource, repository: Repository
) -> None:
    repository.commit({"a": b"1"}, day=1)
    assert read(entry(ref="main")).kept == {"a": b"1"}
    repository.commit({"a": b"2"}, day=2)
    assert read(entry(ref="main")).kept == {"a": b"2"}
    repository.git("reset", "-q", "--hard", "HEAD~1")
    assert read(entry(ref="main")).kept == {"a": b"1"}


def test_read_git_with_too_many_files_is_refused_before_its_first_entry(
    read: ReadSource, repository: Repository
) -> None:
    repository.commit({f"f{i}": b"x" * 1000 for i in range(20)})
    for bounds in (Params(entries_max=19), Params(unpacked_bytes_max=19_999)):
        with pytest.raises(UsageError, match=r"entries_max|unpacked_bytes_max"):
            read(entry(), bounds)


def test_read_git_at_a_date_again_needs_no_history(
    read: ReadSource, repository: Repository, tmp_path: Path
) -> None:
    repository.commit({"a": b"1"}, day=1)
    repository.commit({"a": b"2"}, day=3)
    before = read(entry(ref="2024-01-02"))
    (known,) = tmp_path.glob("cache/git-*/*Z")
    assert known.read_text() in before.revision.revision_id
    assert read(entry(ref="2024-01-02")) == before
    assert not list(tmp_path.glob("cache/git-*/partial*"))
    repository.git("commit", "-q", "--amend", "-m", "later", day=4)
    assert read(entry(ref="2024-01-02")) == before
    assert len(list(tmp_path.glob("cache/git-*/*Z"))) == 2


def test_read_git_stopped_early_ends_its_processes(repository: Repository, tmp_path: Path) -> None:
    repository.commit({f"f{i}": b"x" * 100_000 for i in range(50)})
    (source,) = load_sources(f"- {entry()}", "sources.yaml")
    fetched = fetch(source, tmp_path / "cache", tmp_path, Params())
    entries = iter(Reader(source, fetched, Params()))
    assert next(entries).path == "f0"
    entries.close()  # type: ignore[attr-defined]


def test_read_git_runs_nothing_of_the_repository(
    read: ReadSource, repository: Repository, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    for hook in ("post-checkout", "reference-transaction", "pre-auto-gc"):
        path = repository.path / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\ntouch {trap}\n")
        path.chmod(0o755)
    repository.commit({".gitattributes": b"* filter=evil\n", "a": b"1"})
    trap.unlink(missing_ok=True)
    for key in ("filter.evil.smudge", "core.fsmonitor", "uploadpack.packObjectsHook"):
        repository.git("config", key, f"touch {trap}; cat")
    assert read(entry()).kept == {".gitattributes": b"* filter=evil\n", "a": b"1"}
    assert not trap.exists()


def test_read_git_ignores_replaced_objects(read: ReadSource, repository: Repository) -> None:
    first = repository.commit({"a": b"1"}, day=1)
    second = repository.commit({"a": b"2"}, day=2)
    repository.git("replace", second, first)
    assert read(entry(ref=second)).kept == {"a": b"2"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (entry(ref="v9"), "no tag or branch 'v9'"),
        (entry(ref="f" * 40), "not our ref"),
        (entry().replace("origin", "nowhere"), "no such repository"),
        (entry().replace("path: origin", "path: ."), "does not appear to be a git repository"),
        (entry().replace("path: origin", "url: 'file:///nowhere/x'"), "does not exist|not appear"),
    ],
)
def test_read_git_that_is_not_there_names_the_source(
    said: str, message: str, read: ReadSource, repository: Repository
) -> None:
    repository.commit({"a": b"1"})
    with pytest.raises(UsageError, match=message) as caught:
        read(said)
    assert "octo-org/tool" in str(caught.value)


def test_read_git_without_a_commit_is_refused(read: ReadSource, repository: Repository) -> None:
    assert repository.path.exists()
    with pytest.raises(UsageError, match="no default branch"):
        read(entry())


def test_read_git_of_sha256_objects_is_refused(read: ReadSource, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "other")
    repository.git("init", "-q", "--object-format=sha256", "-b", "main", str(tmp_path / "origin"))
    inside = Repository.__new__(Repository)
    inside.path = tmp_path / "origin"
    inside.commit({"a": b"1"})
    with pytest.raises(UsageError, match="SHA-256 objects"):
        read(entry())
