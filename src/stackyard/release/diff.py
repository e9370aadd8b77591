"""What changed between two releases: files from their manifests, rows from their tables.

Always holds: a row of either release is in exactly one part of `RowDiff`, or unchanged; a diff of a
release with itself is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.record import FILE_KEY
from stackyard.release.manifest import Manifest
from stackyard.release.tables import row_of

ROW_KEY = ("edition", "repo_name", "path")
"""What names a row in a release (law 5)."""

CONTENT = ("revision_id", "content_sha256")
"""What makes a row another file than before."""

LABELS = (
    "blob_id",
    "src_encoding",
    "language",
    "is_vendor",
    "is_generated",
    "license_type",
    "license_expression",
)
"""What is said of a row; that others offer it too (`origins`, `cluster_size`) is no change of it."""

ROW_COLUMNS = (*ROW_KEY, *CONTENT, *LABELS)
"""What `rows` reads of a shard, with the shard's edition as the first column."""


@dataclass(frozen=True)
class FileDiff:
    """Paths of a release by what happened to them, sorted."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RowDiff:
    """Rows by what happened to them; each a table with ROW_COLUMNS, sorted by ROW_KEY.

    A row that two editions have counts once: not again for `ids`, which repeats the others' rows.

    Attributes:
        added: new ones, of files that the old release did not know.
        readmitted: new ones, of files that the old release knew and had dropped: other origins of
            a removed row, for one (law 3: representatives are re-elected).
        changed: same path, another revision or content; as they are now.
        rewritten: same file of the same revision, released with another text: what is redacted in it
            is more or less than before; as they are now.
        relabelled: same content, and something else said of it; as they are now.
        removed: gone ones, as they were.
        moved: whether the content of each row of `removed` stays, in another row (bool).
    """

    added: pa.Table
    readmitted: pa.Table
    changed: pa.Table
    rewritten: pa.Table
    relabelled: pa.Table
    removed: pa.Table
    moved: pa.Array

    @property
    def is_empty(self) -> bool:
        return not any(
            len(getattr(self, field.name)) for field in fields(self) if field.name != "moved"
        )

    def counts(self) -> dict[str, int]:
        """Rows of each part, by its name."""
        return {
            name: len(getattr(self, name))
            for name in ("added", "readmitted", "changed", "rewritten", "relabelled", "removed")
        }


def files(old: Manifest | None, new: Manifest) -> FileDiff:
    """Files that differ in their hashes; all are added where there is no old release."""
    before = {file.path: file.sha256 for file in old.files} if old else {}
    after = {file.path: file.sha256 for file in new.files}
    both = sorted(before.keys() & after.keys())
    return FileDiff(
        tuple(sorted(after.keys() - before.keys())),
        tuple(sorted(before.keys() - after.keys())),
        tuple(path for path in both if before[path] != after[path]),
        tuple(path for path in both if before[path] == after[path]),
    )


def shards_to_compare(old: Manifest | None, new: Manifest) -> tuple[str, ...]:
    """Paths of the shards, of either release, whose rows decide the diff."""
    apart = files(old, new)
    paths = {*apart.added, *apart.removed, *apart.changed}
    kinds = {file.path: file.kind for file in (*(old.files if old else ()), *new.files)}
    return tuple(sorted(path for path in paths if kinds[path] == "shard"))


def rows(old: pa.Table, new: pa.Table, known: pa.Table | None = None) -> RowDiff:
    """Rows that differ; order and chunks of the tables do not matter.

    Args:
        old: ROW_COLUMNS of the old release's rows, those of `shards_to_compare` suffice.
        new: the same of the new release.
        known: FILE_KEY of files that the old release knew without releasing them (its decisions
            and the `origins` of its rows), for `readmitted`.
    """
    old, new = _sorted(old), _sorted(new)
    before = row_of(new, old, ROW_KEY)
    is_new = pc.is_null(before)
    fresh = new.filter(is_new)
    known_before = old.select(FILE_KEY) if known is None else _both(old, known)
    readmitted = pc.is_valid(row_of(fresh, known_before, FILE_KEY))
    kept = new.filter(pc.invert(is_new))
    was = old.take(before.drop_null())
    changed = _differ(was, kept, CONTENT)
    same_file = pc.invert(_differ(was, kept, ("revision_id", "blob_id")))
    relabelled = pc.and_(pc.invert(changed), _differ(was, kept, LABELS))
    gone = _once(old.filter(pc.is_null(row_of(old, new, ROW_KEY))))
    return RowDiff(
        added=_once(fresh.filter(pc.invert(readmitted))),
        readmitted=_once(fresh.filter(readmitted)),
        changed=_once(kept.filter(pc.and_(changed, pc.invert(same_file)))),
        rewritten=_once(kept.filter(pc.and_(changed, same_file))),
        relabelled=_once(kept.filter(relabelled)),
        removed=gone,
        moved=pc.is_in(gone["content_sha256"], value_set=new["content_sha256"]).combine_chunks(),
    )


def empty_rows() -> pa.Table:
    """No rows, for a release that follows none."""
    flags = {"is_vendor", "is_generated"}
    return pa.schema(
        [(name, pa.bool_() if name in flags else pa.string()) for name in ROW_COLUMNS]
    ).empty_table()


def _sorted(table: pa.Table) -> pa.Table:
    table = table.select(ROW_COLUMNS).cast(empty_rows().schema)
    return table.take(pc.sort_indices(table, [(name, "ascending") for name in ROW_KEY]))


def _once(table: pa.Table) -> pa.Table:
    """Without the rows of `ids` that another edition has too."""
    repeats = pc.equal(table["edition"], "ids")
    others = table.filter(pc.invert(repeats))
    twin = row_of(table, others, ("repo_name", "path"))
    return table.filter(pc.invert(pc.and_(repeats, pc.is_valid(twin))))


def _both(old: pa.Table, known: pa.Table) -> pa.Table:
    schema = pa.schema([(name, pa.string()) for name in FILE_KEY])
    every = [table.select(FILE_KEY).cast(schema) for table in (old, known)]
    return pa.concat_tables(every).group_by(FILE_KEY, use_threads=False).aggregate([])


def _differ(left: pa.Table, right: pa.Table, names: Sequence[str]) -> pa.ChunkedArray:
    """Row by row, whether one of the columns differs (null equals null)."""
    out = pa.chunked_array([pa.array(np.zeros(len(left), bool))])
    for name in names:
        one, two = left[name], right[name]
        apart = pc.fill_null(pc.not_equal(one, two), fill_value=False)
        nulls = pc.not_equal(pc.is_null(one), pc.is_null(two))
        out = pc.or_(out, pc.or_(apart, nulls))
    return out
