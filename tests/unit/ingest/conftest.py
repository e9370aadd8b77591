"""The way from an entry of sources.yaml to its files, as the pipeline goes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stackyard.ingest.fetch import fetch
from stackyard.ingest.params import Params
from stackyard.ingest.read import Entry, Reader, Revision
from stackyard.ingest.sources import load_sources


@dataclass(frozen=True)
class Read:
    entries: tuple[Entry, ...]
    revision: Revision

    @property
    def kept(self) -> dict[str, bytes]:
        return {e.path: e.content for e in self.entries if e.content is not None}

    @property
    def dropped(self) -> dict[str, str]:
        return {e.path: e.rule for e in self.entries if e.rule is not None}


ReadSource = Callable[..., Read]


@pytest.fixture
def read(tmp_path: Path) -> ReadSource:
    """Reads the one source of a sources.yaml entry, as the pipeline does."""

    def run(entry: str, params: Params = Params()) -> Read:  # noqa: B008  # frozen
        (source,) = load_sources(f"- {entry}", "sources.yaml")
        fetched = fetch(source, tmp_path / "cache", tmp_path, params)
        reader = Reader(source, fetched, params)
        entries = tuple(reader)
        return Read(entries, reader.revision)

    return run


@pytest.fixture
def read_archive(read: ReadSource) -> ReadSource:
    """Reads an archive by its path alone."""

    def run(path: Path, params: Params = Params()) -> Read:  # noqa: B008  # frozen
        return read(f"{{kind: archive, path: '{path}', name: octo-org/tool}}", params)

    return run
