"""What changed between two versions, and the version step that it asks for."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.client.opened import Opened
from stackyard.client.trust import open_registry
from stackyard.errors import UsageError
from stackyard.optout.registry import extends
from stackyard.record import FILE_KEY
from stackyard.release import diff, semver
from stackyard.release.diff import RowDiff
from stackyard.release.semver import Step


@dataclass(frozen=True)
class Compared:
    """A diff of two releases of one dataset: files, rows, and the step from the old to the new."""

    old: str
    new: str
    files: diff.FileDiff
    rows: RowDiff
    step: Step


def compare(old: Opened, new: Opened) -> Compared:
    """The diff from one release to another.

    Raises:
        UsageError: they are of two datasets, or one is a copy without all of its rows.
        VerificationError: the registry of the newer does not extend that of the older: one of them
            was made with a log that was rolled back or forked.
    """
    if old.manifest.name != new.manifest.name:
        raise UsageError(f"{old.release.name} and {new.release.name} are two datasets")
    _check_registries(old, new)
    touched = diff.shards_to_compare(old.manifest, new.manifest)
    rows = diff.rows(_rows(old, touched), _rows(new, touched), _known(old))
    return Compared(
        old.release.name,
        new.release.name,
        diff.files(old.manifest, new.manifest),
        rows,
        semver.step(old.manifest, new.manifest, rows),
    )


def _check_registries(old: Opened, new: Opened) -> None:
    logs = [open_registry(each.tree, each.manifest) for each in (old, new)]
    older, newer = sorted(logs, key=lambda log: len(log.events))
    extends(newer, older.note)


def _rows(opened: Opened, paths: tuple[str, ...]) -> pa.Table:
    tables = [diff.empty_rows()]
    for path in paths:
        file = opened.manifest.file(path)
        if file is None or file.shard is None:
            continue
        if opened.root is not None and not (opened.root / path).is_file():
            raise UsageError(
                f"{opened.root} does not hold {path}: it is a copy of a part",
                next_step="name the version on the Hub instead of the folder",
            )
        with opened.reading():
            table = opened.table_of([file]).to_table(columns=list(diff.ROW_COLUMNS[1:]))
        edition = pa.array([file.shard.edition] * len(table), pa.string())
        tables.append(table.add_column(0, "edition", edition).cast(tables[0].schema))
    return pa.concat_tables(tables)


def _known(opened: Opened) -> pa.Table:
    """FILE_KEY of all files that a release has a word about, once each."""
    schema = pa.schema([(name, pa.string()) for name in FILE_KEY])
    parts = [schema.empty_table()]
    with opened.reading():
        if opened.decisions():
            table = opened.table_of(opened.decisions()).to_table(columns=list(FILE_KEY))
            parts.append(table.cast(schema))
        if opened.shards():
            column = opened.table_of(opened.shards()).to_table(columns=["origins"])["origins"]
            for chunk in column.chunks:
                flat = pc.list_flatten(chunk)
                parts.append(pa.table({name: pc.struct_field(flat, name) for name in FILE_KEY}))
    every = pa.concat_tables(parts).group_by(list(FILE_KEY), use_threads=False).aggregate([])
    return every.select(FILE_KEY)
