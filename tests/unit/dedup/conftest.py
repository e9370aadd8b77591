"""A small world to deduplicate: files as literals, with their facts from the real detector."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest

from stackyard.dedup import Deduped, Params, decide, detectors
from stackyard.record import ATTRIBUTES, BATCH, ORIGINS, blob_digest


@dataclass(frozen=True)
class File:
    repo: str
    path: str
    text: bytes
    revision: str = "r1"
    permissive: bool = True

    @property
    def blob_id(self) -> bytes:
        return blob_digest(self.text)


@dataclass(frozen=True)
class Origin:
    repo: str
    revision: str = "r1"
    date: int | None = 0
    stars: int = 0
    forks: int = 0


@dataclass
class World:
    files: Sequence[File]
    origins: Sequence[Origin] = ()
    params: Params = field(default_factory=Params)
    asked: list[int] = field(default_factory=list)

    def texts(self) -> dict[bytes, bytes]:
        return {file.blob_id: file.text for file in self.files}

    def attributes(self) -> pa.Table:
        return pa.Table.from_pylist([_attributes(file) for file in self.files], ATTRIBUTES)

    def origin_table(self) -> pa.Table:
        named = {(origin.repo, origin.revision): origin for origin in self.origins}
        for file in self.files:
            named.setdefault((file.repo, file.revision), Origin(file.repo, file.revision))
        return pa.Table.from_pylist([_origin(origin) for origin in named.values()], ORIGINS)

    def facts(self) -> dict[str, pa.Table]:
        batch = pa.Table.from_pylist(
            [
                {"blob_id": blob, "path": "", "content": text, "text": text, "encoding": "UTF-8"}
                for blob, text in sorted(self.texts().items())
            ],
            BATCH,
        )
        return {each.name: each.detect(batch) for each in detectors(self.params)}

    def contents(self, blob_ids: pa.Array) -> pa.Table:
        texts = self.texts()
        self.asked.append(len(blob_ids))
        wanted = sorted(blob_ids.to_pylist())
        return pa.table(
            {
                "blob_id": pa.array(wanted, pa.binary(20)),
                "text": pa.array([texts[blob] for blob in wanted], pa.large_binary()),
            }
        )

    def decide(self, **more: Any) -> Deduped:
        return decide(
            self.attributes(),
            self.origin_table(),
            self.facts(),
            self.contents,
            self.params,
            **more,
        )


def _attributes(file: File) -> dict[str, Any]:
    return {
        "repo_name": file.repo,
        "revision_id": file.revision,
        "path": file.path,
        "blob_id": file.blob_id,
        "length_bytes": len(file.text),
        "edition": "permissive" if file.permissive else "no_license",
        "src_encoding": "UTF-8",
        "language": "Text",
        "extension": "txt",
        "is_vendor": False,
        "is_generated": False,
        "license_type": "permissive" if file.permissive else "no_license",
        "license_expression": None,
        "detected_licenses": [],
        "license_evidence": [],
    }


def _origin(origin: Origin) -> dict[str, Any]:
    date = origin.date
    return {
        "repo_name": origin.repo,
        "revision_id": origin.revision,
        "origin": f"https://git.example.org/{origin.repo}",
        "directory_id": "swh:1:dir:" + "0" * 40,
        "branch_name": None,
        "revision_date": None if date is None else dt.datetime.fromtimestamp(date, dt.UTC),
        "star_events_count": origin.stars,
        "fork_events_count": origin.forks,
    }


@pytest.fixture
def file() -> type[File]:
    return File


@pytest.fixture
def origin() -> type[Origin]:
    return Origin


@pytest.fixture
def world() -> type[World]:
    return World


@pytest.fixture
def words() -> Callable[..., bytes]:
    """`words(0, 100)`: a text of the words w0..w99; ranges add up."""

    def of(*bounds: int) -> bytes:
        pairs = zip(bounds[::2], bounds[1::2], strict=True)
        return b" ".join(b"w%d" % i for low, high in pairs for i in range(low, high))

    return of
