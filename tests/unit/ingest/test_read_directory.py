from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from swh.model.from_disk import Directory

from stackyard.errors import EnvironmentFault, UsageError
from stackyard.ingest import rules
from stackyard.ingest.fetch import fetch
from stackyard.ingest.params import Params
from stackyard.ingest.read import Reader
from stackyard.ingest.sources import Source, load_sources

ReadSource = Callable[..., Any]
ENTRY = "{kind: directory, path: tool, name: octo-org/tool}"


@pytest.fixture
def tool(tmp_path: Path) -> Path:
    root = tmp_path / "tool"
    (root / "src").mkdir(parents=True)
    (root / "src" / "a.py").write_bytes(b"a\n")
    (root / "b.py").write_bytes(b"b\n")
    return root


@pytest.fixture
def source() -> Source:
    return load_sources(f"- {ENTRY}", "sources.yaml")[0]


def test_read_directory_gives_its_files_and_the_reference_id(read: ReadSource, tool: Path) -> None:
    (tool / "empty").mkdir()
    found = read(ENTRY)
    assert found.kept == {"src/a.py": b"a\n", "b.py": b"b\n"}
    expected = Directory.from_disk(path=bytes(tool), max_content_length=None).swhid()
    assert found.revision.revision_id == str(expected)
    assert found.revision.revision_date is None


def test_read_directory_with_links_and_pipes_gives_each_one_row(
    read: ReadSource, tool: Path
) -> None:
    (tool / "up").symlink_to("..")
    (tool / "file").symlink_to("/etc/passwd")
    os.mkfifo(tool / "pipe")
    (tool / "caf\udce9").write_bytes(b"latin")
    found = read(ENTRY)
    assert found.kept.keys() == {"src/a.py", "b.py"}
    assert found.dropped == {
        "up": rules.SYMBOLIC_LINK,
        "file": rules.SYMBOLIC_LINK,
        "pipe": rules.SPECIAL_FILE,
        "caf\\xe9": rules.PATH_NOT_UTF8,
    }


def test_read_directory_leaves_out_what_git_keeps_there(read: ReadSource, tool: Path) -> None:
    (tool / ".git").mkdir()
    (tool / ".git" / "config").write_bytes(b"[core]\n")
    (tool / "src" / ".git").write_bytes(b"gitdir: elsewhere\n")
    (tool / ".gitignore").write_bytes(b"*.o\n")
    assert read(ENTRY).kept.keys() == {".gitignore", "b.py", "src/a.py"}


def test_read_directory_that_is_a_link_reads_its_target(
    read: ReadSource, tool: Path, tmp_path: Path
) -> None:
    (tmp_path / "alias").symlink_to(tool)
    assert read(ENTRY.replace("path: tool", "path: alias")).kept.keys() == {"b.py", "src/a.py"}


def test_read_directory_that_holds_the_cache_is_refused(read: ReadSource) -> None:
    with pytest.raises(UsageError, match="holds the cache"):
        read(ENTRY.replace("path: tool", "path: ."))


def test_read_directory_that_is_not_there_is_refused(read: ReadSource) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        read(ENTRY)


@pytest.mark.parametrize(
    "change",
    [
        lambda tool: (tool / "b.py").write_bytes(b"B\n"),
        lambda tool: (tool / "b.py").chmod(0o755),
        lambda tool: (tool / "b.py").rename(tool / "c.py"),
        lambda tool: (tool / "link").symlink_to("b.py"),
        lambda tool: (tool / "empty").mkdir(),
        lambda tool: (tool / "src" / "a.py").unlink(),
    ],
)
def test_fetch_directory_that_changed_has_another_identity(
    change: Callable[[Path], object], tool: Path, source: Source, tmp_path: Path
) -> None:
    before = fetch(source, tmp_path / "cache", tmp_path, Params())
    assert fetch(source, tmp_path / "cache", tmp_path, Params()) == before
    os.utime(tool / "b.py", (0, 0))
    assert fetch(source, tmp_path / "cache", tmp_path, Params()) == before
    change(tool)
    assert fetch(source, tmp_path / "cache", tmp_path, Params()).identity != before.identity


def test_read_directory_that_changed_since_it_was_fetched_stops(
    tool: Path, source: Source, tmp_path: Path
) -> None:
    fetched = fetch(source, tmp_path / "cache", tmp_path, Params())
    (tool / "b.py").write_bytes(b"B\n")
    with pytest.raises(EnvironmentFault, match="changed while it was read"):
        tuple(Reader(source, fetched, Params()))


def test_read_directory_with_too_many_files_is_refused(read: ReadSource, tool: Path) -> None:
    for i in range(10):
        (tool / f"f{i}").touch()
    with pytest.raises(UsageError, match="entries_max"):
        read(ENTRY, Params(entries_max=8))
