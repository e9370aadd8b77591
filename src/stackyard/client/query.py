"""Query: rows of a release by language, licence, repository, path and content.

Shards are left out by their names (language, bucket of the owner), row groups by their statistics,
columns by not being asked for; so a question about one repository reads little, also over a network.
Rows come in the release's own order, so equal questions have equal answers.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.client.licenses import admits, fold
from stackyard.client.opened import Opened
from stackyard.errors import EnvironmentFault, UsageError, shown, shown_json
from stackyard.optout.selector import glob_regex, no_shell_glob
from stackyard.record import bucket_of
from stackyard.release.manifest import File
from stackyard.release.shards import schema_of

Format = Literal["table", "jsonl", "json", "csv", "parquet"]
"""`jsonl` and `json` are the same: one object a line."""

SHOWN = ("repo_name", "path", "language", "license_expression", "length_bytes")
"""Columns of the format `table`."""

BATCH_ROWS = 4096
"""Rows in memory at a time, with their contents."""

CELL_MAX = 60


@dataclass(frozen=True)
class Question:
    """What rows to give: all conditions hold; None or empty asks nothing."""

    languages: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    repo: str | None = None
    path: str | None = None
    pattern: str | None = None


def answer(opened: Opened, question: Question, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Rows that the question asks for, in order, with the columns that are named.

    Raises:
        UsageError: a language is unknown, or the pattern is no regular expression (RE2).
    """
    with opened.reading():
        dataset, condition = _conditions(opened, question)
        scanner = dataset.scanner(columns=columns, filter=condition, batch_size=BATCH_ROWS)
        for batch in scanner.to_batches():
            if len(batch):
                yield batch


def run_sql(opened: Opened, question: Question, sql: str) -> pa.Table:
    """The answer of a SQL query over the rows that the question asks for, as the table `files`.

    Raises:
        EnvironmentFault: DuckDB is not installed.
        UsageError: the query is wrong.
    """
    try:
        duckdb: Any = importlib.import_module("duckdb")
    except ModuleNotFoundError as error:
        raise EnvironmentFault(
            "--sql needs DuckDB, which is not installed", next_step="pip install 'duckdb>=1.2'"
        ) from error
    with opened.reading():
        dataset, condition = _conditions(opened, question)
        connection = duckdb.connect(config={"enable_external_access": "false"})
        connection.register("files", dataset if condition is None else dataset.filter(condition))
        try:
            result = connection.sql(sql)
            # A statement that gives no rows (SET, say) gives no relation either.
            return pa.table({}) if result is None else result.to_arrow_table()
        except duckdb.Error as error:
            raise UsageError(
                f"the query fails: {' '.join(str(error).split())[:300]}",
                expected=f"one table, `files`, with the columns {', '.join(schema_of(opened.edition).names)}",
                next_step="for example: SELECT language, count(*) FROM files GROUP BY language",
            ) from error


def columns_for(form: Format, edition: str) -> list[str]:
    """Columns of a format: `table` a few, `csv` all that are plain but the content, others all."""
    schema = schema_of(edition)
    if form == "table":
        return list(SHOWN)
    if form == "csv":
        return [f.name for f in schema if f.name != "content" and not pa.types.is_list(f.type)]
    return list(schema.names)


def chosen_columns(names: str, edition: str) -> list[str]:
    """Columns by their names, with commas between them.

    Raises:
        UsageError: there is no such column.
    """
    known = schema_of(edition).names
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise UsageError(
            f"there is no column {unknown[0]!r}" if unknown else "--columns names no column",
            expected=f"some of {', '.join(known)}, with commas between them",
        )
    return list(dict.fromkeys(wanted))


def at_most(batches: Iterable[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    """The first rows of batches; no more of them are read than it takes."""
    left = limit
    for batch in batches:
        if left is None:
            yield batch
            continue
        if left:
            yield batch.slice(0, left)
        left -= min(left, len(batch))
        if not left:
            return


def schema_for(columns: list[str], edition: str) -> pa.Schema:
    """The schema of an answer with these columns."""
    return pa.schema([schema_of(edition).field(name) for name in columns])


def _conditions(opened: Opened, question: Question) -> tuple[Any, Any]:
    files = list(_candidates(opened, question))
    dataset = opened.table_of(files, schema_of(opened.edition))
    conditions = []
    if question.repo is not None:
        conditions.append(pc.field("repo_name").isin(_spellings(dataset, question.repo)))
    if question.licenses:
        allowed = fold(question.licenses)
        names = [share.name for share in opened.manifest.totals.licenses]
        good = [name for name in names if admits(name, allowed)]
        conditions.append(pc.field("license_expression").isin(pa.array(good, pa.string())))
    if question.path is not None:
        if (why := no_shell_glob(question.path)) is not None:
            raise UsageError(f"--path {question.path}: {why}")
        regex = glob_regex(question.path.removeprefix("./").rstrip("/"))
        conditions.append(pc.match_substring_regex(pc.field("path"), regex))
    if question.pattern is not None:
        if "content" not in schema_of(opened.edition).names:
            raise UsageError(f"the edition {opened.edition} has no contents to search")
        _check_regex(question.pattern)
        conditions.append(pc.match_substring_regex(pc.field("content"), question.pattern))
    condition = None
    for each in conditions:
        condition = each if condition is None else condition & each
    return dataset, condition


def _candidates(opened: Opened, question: Question) -> Iterator[File]:
    """Shards that can hold an answer."""
    known = {file.shard.language for file in opened.shards() if file.shard}
    folded = {name.lower() for name in question.languages}
    unknown = sorted(folded - {name.lower() for name in known})
    if unknown:
        raise UsageError(
            f"there is no language {unknown[0]!r} in {opened.release.name}",
            expected=f"one of {', '.join(sorted(known))}",
        )
    bucket = None if question.repo is None else bucket_of(question.repo)
    for file in opened.shards():
        assert file.shard is not None
        first, last = (int(part, 16) for part in file.shard.bucket_range.split("-"))
        if bucket is not None and not first <= bucket <= last:
            continue
        if not folded or file.shard.language.lower() in folded:
            yield file


def _spellings(dataset: Any, repo: str) -> pa.Array:
    """The names in the dataset that are this repository's, in whatever letter case."""
    wanted = repo.lower()
    found = set()
    for batch in dataset.scanner(columns=["repo_name"]).to_batches():
        found |= {
            name for name in pc.unique(batch["repo_name"]).to_pylist() if name.lower() == wanted
        }
    return pa.array(sorted(found), pa.string())


def _check_regex(pattern: str) -> None:
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"{pattern!r} is no regular expression",
            expected="the syntax of RE2: https://github.com/google/re2/wiki/Syntax",
            found=" ".join(str(error).split())[:200],
        ) from error


class Writer:
    """Writes batches in a format, as they come; `rows` counts them.

    Args:
        form: the format.
        sink: where to.
        is_terminal: whether somebody reads it there: then CSV, too, can do no more than be read.
    """

    def __init__(self, form: Format, sink: BinaryIO, *, is_terminal: bool = False) -> None:
        self.form = form
        self.sink = sink
        self.is_terminal = is_terminal
        self.rows = 0
        self._parquet: pq.ParquetWriter | None = None
        self._widths: list[int] = []

    def write(self, batch: pa.RecordBatch) -> None:
        if self.form == "parquet":
            if self._parquet is None:
                self._parquet = pq.ParquetWriter(self.sink, batch.schema, compression="zstd")
            self._parquet.write_batch(batch)
        elif self.form in {"json", "jsonl"}:
            for row in batch.to_pylist():
                self._line(shown_json(json.dumps(row, ensure_ascii=False, default=str)))
        elif self.form == "csv":
            self._csv(batch)
        else:
            self._table(batch)
        self.rows += len(batch)

    def close(self, schema: pa.Schema) -> None:
        """Ends the output; an empty answer still has its header or schema."""
        if self.rows == 0:
            empty = pa.RecordBatch.from_pylist([], schema=schema)
            if self.form == "parquet":
                self.write(empty)
            elif self.form == "csv":
                self._csv(empty)
        if self._parquet is not None:
            self._parquet.close()

    def _line(self, text: str) -> None:
        self.sink.write(text.encode("utf-8", "replace") + b"\n")

    def _csv(self, batch: pa.RecordBatch) -> None:
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        if self.rows == 0:
            lines.writerow(batch.schema.names)
        columns = [column.to_pylist() for column in batch.columns]
        lines.writerows(zip(*columns, strict=True))
        out = shown(text.getvalue()) if self.is_terminal else text.getvalue()
        self.sink.write(out.encode("utf-8", "replace"))

    def _table(self, batch: pa.RecordBatch) -> None:
        columns = [[_cell(value) for value in column.to_pylist()] for column in batch.columns]
        if self.rows == 0:
            names = batch.schema.names
            self._widths = [
                max(len(name), *(len(cell) for cell in column))
                for name, column in zip(names, columns, strict=True)
            ]
            self._aligned(names)
        for row in zip(*columns, strict=True):
            self._aligned(list(row))

    def _aligned(self, cells: list[str]) -> None:
        padded = (cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True))
        self._line("  ".join(padded).rstrip())


def _cell(value: object) -> str:
    """A value on one line of a terminal: what a hostile name could do there is escaped."""
    text = "" if value is None else str(value)
    if not text.isprintable():
        text = text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= CELL_MAX else f"{text[: CELL_MAX - 3]}..."
