"""What changed between two versions, in their order, and the version step that it asks for."""

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
from stackyard.release.semver import Step, version_key


@dataclass(frozen=True)
class Compared:
    """A diff of two releases of one dataset: files, rows, and the step from the older to the newer.

    `turned` says that they were named the other way round.
    """

    old: str
    new: str
    files: diff.FileDiff
    rows: RowDiff
    step: Step
    turned: bool = False


def compare(first: Opened, second: Opened) -> Compared:
    """The diff of two releases, from the one of the lower version to the other.

    Raises:
        UsageError: they are of two datasets, or one is a copy without all of its rows.
        VerificationError: the registry of the newer does not extend that of the older: one of them
            was made with a log that was rolled back or forked.
    """
    if first.manifest.name != second.manifest.name:
        raise UsageError(f"{first.release.name} and {second.release.name} are two datasets")
    turned = version_key(second.manifest.version) < version_key(first.manifest.version)
    old, new = (second, first) if turned else (first, second)
    extends(open_registry(new.tree, new.manifest), open_registry(old.tree, old.manifest).note)
    touched = diff.shards_to_compare(old.manifest, new.manifest)
    rows = diff.rows(_rows(old, touched), _rows(new, touched), _known(old))
    return Compared(
        old.release.name,
        new.release.name,
        diff.files(old.manifest, new.manifest),
        rows,
        semver.step(old.manifest, new.manifest, rows),
        turned,
    )


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
