"""Scanning for bytes that must be gone: everything that is stored is read, and nothing is believed by name.

In: git hashes of contents and SHA-256 of released texts. Out: the places that still hold one. A Parquet
file holds one if a row with contents has it, by its `blob_id` or by the hash of what is read, or if
it says something of it beyond its names (facts); any other file if its bytes are one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from stackyard.pipeline.project import Project
from stackyard.pipeline.publish.previous import LOCAL_HUB
from stackyard.record import DECISIONS, LISTING, blob_digest
from stackyard.release.diff import ROW_COLUMNS
from stackyard.store.dvc import DvcProject

CONTENTS = ("content", "text")
"""Columns that hold texts or bytes of files."""

NAMING = frozenset(
    {*LISTING.names, *DECISIONS.names, *ROW_COLUMNS, "source_key", "shard", "segment", "row", "asked",
     "near_blob_id", "bands", "present", "signature", "left_id", "right_id", "similarity"}
)  # fmt: skip
"""Columns that name a file or a blob, or hash it one way: lists of what is not there need them."""

WHOLE_BYTES_MAX = 1 << 30
"""Longest file that is not Parquet and may be a whole content: beyond what ingest ever takes."""


@dataclass(frozen=True)
class Wanted:
    """What must be gone: raw sha1_git of original contents, and hex SHA-256 of released texts."""

    blobs: frozenset[bytes]
    texts: frozenset[str]

    def has(self, content: bytes) -> bool:
        return (
            blob_digest(content) in self.blobs or hashlib.sha256(content).hexdigest() in self.texts
        )


def scan(project: Project, wanted: Wanted) -> tuple[list[str], int]:
    """Places that still hold something, sorted, and how many files were read.

    What is read: the workspace, the release, what Prefect and our own stages keep in `.stackyard`, the
    embedded Hub's objects, DVC's cache and remote. The cache of downloaded sources is not: it holds
    archives as their origins have them.
    """
    found, count = set(), 0
    for place, stream in _everything(project):
        count += 1
        if holds(stream, wanted):
            found.add(place)
    return sorted(found), count


def _everything(project: Project) -> Iterator[tuple[str, BinaryIO]]:
    folders = [project.workspace.root, project.release_folder]
    folders += [project.private / name for name in (LOCAL_HUB, "scratch", "prefect")]
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as stream:
                    yield path.relative_to(project.root).as_posix(), stream
    for place, stored in DvcProject(project.root).stored():
        yield _shown(place, project.root), stored


def _shown(place: str, root: Path) -> str:
    return place.removeprefix(f"{root}/")


def holds(stream: BinaryIO, wanted: Wanted) -> bool:
    """Whether an open file holds something of what is wanted."""
    magic = stream.read(4)
    stream.seek(0)
    if magic == b"PAR1":
        try:
            return _parquet_holds(pq.ParquetFile(stream), wanted)
        except pa.ArrowException:
            stream.seek(0)
    content = stream.read(WHOLE_BYTES_MAX + 1)
    return len(content) <= WHOLE_BYTES_MAX and wanted.has(content)


def _parquet_holds(parquet: pq.ParquetFile, wanted: Wanted) -> bool:
    names = parquet.schema_arrow.names
    texts = [name for name in CONTENTS if name in names and _is_text(parquet, name)]
    if not texts and set(names) <= NAMING:
        return False
    columns = [name for name in ("blob_id", *texts) if name in names]
    if not columns:
        return False
    return any(
        _batch_holds(batch, texts, wanted)
        for batch in parquet.iter_batches(batch_size=1024, columns=columns)
    )


def _is_text(parquet: pq.ParquetFile, name: str) -> bool:
    kind = parquet.schema_arrow.field(name).type
    return any(
        check(kind)
        for check in (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_binary,
            pa.types.is_large_binary,
        )
    )


def _batch_holds(batch: pa.RecordBatch, texts: list[str], wanted: Wanted) -> bool:
    ids = batch["blob_id"].to_pylist() if "blob_id" in batch.schema.names else []
    if wanted.blobs & {_raw(value) for value in ids}:
        return True
    values = (value for name in texts for value in batch[name].to_pylist() if value is not None)
    return any(wanted.has(value.encode() if isinstance(value, str) else value) for value in values)


def _raw(value: Any) -> bytes:
    """A blob id as released (hex) or as stored."""
    if isinstance(value, str):
        return bytes.fromhex(value)
    return value if isinstance(value, bytes) else b""
