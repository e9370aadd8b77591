"""Copies in other formats: which removed contents a file still holds, and the file without their rows.

In: a file of a user's own, of which rows kept the column `content_sha256`, as the loaders of
`datasets`, pandas and pyarrow write them: Parquet, Arrow (file or stream), JSON (lines, or one list of
objects), CSV and TSV; text formats also with `.gz`. Rows are read one after the other or batch by batch.
Always holds: what is written has the rows that stay as they were, in their order.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.errors import VerificationError

COLUMN, CONTENT = "content_sha256", "content"
BATCH_ROWS = 1024
CELL_CHARS_MAX = 1 << 30
"""Longest cell of a CSV file that is read: no released text is longer."""

_KINDS = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".tsv": "csv",
}


def kind_of(name: str) -> str | None:
    """Format of a file by its name; None if it is none that is looked into."""
    path = Path(name.removesuffix(".gz"))
    kind = _KINDS.get(path.suffix.lower())
    return None if name.endswith(".gz") and kind in {"parquet", "arrow"} else kind


def held(path: Path, gone: frozenset[str]) -> frozenset[str]:
    """Removed contents that rows say they hold, by the column.

    Raises:
        VerificationError: the file cannot be read.
    """
    found: set[str] = set()
    for digests, _ in _columns(path, contents=False):
        found |= gone.intersection(digests)
    return frozenset(found)


def hashed(path: Path, gone: frozenset[str]) -> frozenset[str]:
    """Removed contents that rows do hold, by the hash of their texts.

    Raises:
        VerificationError: the file cannot be read.
    """
    found: set[str] = set()
    for _, texts in _columns(path, contents=True):
        found |= gone.intersection(hashlib.sha256(text.encode()).hexdigest() for text in texts)
    return frozenset(found)


def rewrite(path: Path, target: Path, gone: frozenset[str]) -> int:
    """Writes a file to `target` without the rows of removed contents; how many those were."""
    kind = kind_of(path.name)
    if kind == "parquet":
        return _parquet_without(path, target, gone)
    if kind == "arrow":
        return _arrow_without(path, target, gone)
    return _csv_without(path, target, gone) if kind == "csv" else _json_without(path, target, gone)


def _columns(path: Path, *, contents: bool) -> Iterator[tuple[list[str], list[str]]]:
    """Hashes and texts of a file, in parts; a missing column and null give none."""
    try:
        if kind_of(path.name) in {"parquet", "arrow"}:
            for batch in _batches(path, (COLUMN, CONTENT) if contents else (COLUMN,)):
                yield _texts(batch, COLUMN), _texts(batch, CONTENT) if contents else []
            return
        if not _mentions(path, CONTENT):
            return
        for record in _records(path):
            yield _said(record, COLUMN), _said(record, CONTENT) if contents else []
    except (OSError, ValueError, EOFError, csv.Error, pa.ArrowException) as error:
        raise VerificationError(
            f"{path.name} cannot be read, so it is not known whether it holds what was removed",
            next_step="remove it, or mend it",
        ) from error


def _mentions(path: Path, word: str) -> bool:
    """Whether a text file has a word at all: without it there is no column of that name."""
    end = ""
    with _opened(path, "r") as text:
        while part := text.read(1 << 20):
            if word in end + part:
                return True
            end = part[-len(word) :]
    return False


def _texts(batch: pa.RecordBatch, name: str) -> list[str]:
    if name not in batch.schema.names:
        return []
    column = batch[name]
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return []
    return [value for value in column.to_pylist() if value is not None]


def _said(record: Any, name: str) -> list[str]:
    value = record.get(name) if isinstance(record, dict) else None
    return [value] if isinstance(value, str) else []


def _batches(path: Path, names: Iterable[str]) -> Iterator[pa.RecordBatch]:
    if kind_of(path.name) == "parquet":
        with pq.ParquetFile(path) as parquet:
            there = [name for name in names if name in parquet.schema_arrow.names]
            if there:
                yield from parquet.iter_batches(columns=there, batch_size=BATCH_ROWS)
        return
    with _arrow(path) as (_, batches):
        yield from batches


@contextmanager
def _arrow(path: Path) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """Schema and batches of an Arrow file, or of a stream, which is what `datasets` caches are."""
    with pa.OSFile(str(path)) as source:
        if _is_file(path):
            reader = pa.ipc.open_file(source)
            yield reader.schema, map(reader.get_batch, range(reader.num_record_batches))
        else:
            stream = pa.ipc.open_stream(source)
            yield stream.schema, iter(stream)


def _stays(batch: pa.RecordBatch | pa.Table, gone: frozenset[str]) -> pa.Array:
    column = batch[COLUMN].cast(pa.string())
    return pc.invert(pc.is_in(column, value_set=pa.array(sorted(gone), pa.string())))


def _parquet_without(path: Path, target: Path, gone: frozenset[str]) -> int:
    removed = 0
    with (
        pq.ParquetFile(path) as parquet,
        pq.ParquetWriter(target, parquet.schema_arrow, compression="zstd") as writer,
    ):
        for number in range(parquet.metadata.num_row_groups):
            group = parquet.read_row_group(number)
            rows = group.filter(_stays(group, gone))
            removed += len(group) - len(rows)
            writer.write_table(rows)
    return removed


def _arrow_without(path: Path, target: Path, gone: frozenset[str]) -> int:
    new: Callable[..., Any] = pa.ipc.new_file if _is_file(path) else pa.ipc.new_stream
    removed = 0
    with _arrow(path) as (schema, batches), new(str(target), schema) as writer:
        for batch in batches:
            rows = batch.filter(_stays(batch, gone))
            removed += len(batch) - len(rows)
            writer.write_batch(rows)
    return removed


def _is_file(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(6) == b"ARROW1"


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[TextIO]:
    """A text file, packed or not, newlines as they are."""
    if not path.name.endswith(".gz"):
        with path.open(mode, encoding="utf-8", newline="") as plain:
            yield cast("TextIO", plain)
        return
    packed = gzip.GzipFile(path, "wb", mtime=0) if mode == "w" else gzip.GzipFile(path)
    with packed, io.TextIOWrapper(packed, "utf-8", newline="") as text:
        yield text


def _is_list(path: Path) -> bool:
    with _opened(path, "r") as text:
        return text.read(64).lstrip()[:1] == "["


def _dialect(path: Path) -> str:
    return "excel-tab" if ".tsv" in path.suffixes else "excel"


def _records(path: Path) -> Iterator[Any]:
    if kind_of(path.name) == "csv":
        csv.field_size_limit(CELL_CHARS_MAX)
        with _opened(path, "r") as text:
            yield from csv.DictReader(text, dialect=_dialect(path), strict=True)
    elif _is_list(path):
        with _opened(path, "r") as text:
            yield from json.load(text)
    else:
        with _opened(path, "r") as text:
            yield from (json.loads(line) for line in text if line.strip())


def _json_without(path: Path, target: Path, gone: frozenset[str]) -> int:
    removed = 0
    with _opened(path, "r") as source, _opened(target, "w") as sink:
        if _is_list(path):
            every = json.load(source)
            kept = [record for record in every if not gone.intersection(_said(record, COLUMN))]
            json.dump(kept, sink, ensure_ascii=False)
            return len(every) - len(kept)
        for line in source:
            if line.strip() and gone.intersection(_said(json.loads(line), COLUMN)):
                removed += 1
            else:
                sink.write(line)
    return removed


def _csv_without(path: Path, target: Path, gone: frozenset[str]) -> int:
    removed = 0
    csv.field_size_limit(CELL_CHARS_MAX)
    with _opened(path, "r") as source, _opened(target, "w") as sink:
        reader = csv.reader(source, dialect=_dialect(path), strict=True)
        writer = csv.writer(sink, dialect=_dialect(path))
        header = next(reader)
        place = header.index(COLUMN)
        writer.writerow(header)
        for row in reader:
            if len(row) > place and row[place] in gone:
                removed += 1
            else:
                writer.writerow(row)
    return removed
