"""removals.jsonl of a release: what was taken out for opt-outs, by content, without any name.

In: rows of the last release and of this one, and the decisions of stage `optout`. Out: removal rows
and their lines. Always holds: a removal names a released content (hash and SWHID) that no row of
the new release has, so that whoever pulled an older version can drop exactly these.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import rfc8785

from stackyard.errors import VerificationError
from stackyard.record import BLOB_ID, hex_column

REMOVALS = pa.schema(
    [
        pa.field("version", pa.string(), nullable=False),
        pa.field("content_sha256", pa.string(), nullable=False),
        pa.field("blob_id", pa.string(), nullable=False),
    ]
)
"""One removed content: the first version without it, hex SHA-256 of the released bytes, hex sha1_git
of the original blob. Sorted by (version as numbers, content_sha256, blob_id), unique."""


def removals(before: pa.Table, after: pa.Table, dropped: pa.Table, version: str) -> pa.Table:
    """Contents that opt-outs took out between two releases, of schema REMOVALS.

    Args:
        before: rows of the last release, with blob_id (hex or raw) and content_sha256 (hex).
        after: the same of this release.
        dropped: decisions of stage `optout` for this release (schema DECISIONS).
        version: of this release, without `v`.
    """
    old = pa.table({"blob_id": _hex(before["blob_id"]), "content_sha256": before["content_sha256"]})
    gone = old.filter(
        pc.and_(
            pc.is_in(old["blob_id"], value_set=pc.unique(_hex(dropped["blob_id"]))),
            pc.and_(
                pc.invert(pc.is_in(old["blob_id"], value_set=pc.unique(_hex(after["blob_id"])))),
                pc.invert(
                    pc.is_in(old["content_sha256"], value_set=pc.unique(after["content_sha256"]))
                ),
            ),
        )
    )
    unique = gone.group_by(["content_sha256", "blob_id"]).aggregate([])
    table = pa.table(
        [pa.repeat(version, unique.num_rows), unique["content_sha256"], unique["blob_id"]],
        schema=REMOVALS,
    )
    return _sorted(table)


def merge(known: pa.Table, fresh: pa.Table, present: pa.Table) -> pa.Table:
    """All removals up to this release: what is released again (withdrawn) is no removal any more.

    Args:
        known: removals of the last release.
        fresh: what this release removes.
        present: rows of this release, with content_sha256.
    """
    table = pa.concat_tables([known, fresh])
    back = pc.is_in(table["content_sha256"], value_set=pc.unique(present["content_sha256"]))
    return _sorted(table.filter(pc.invert(back)))


def to_lines(table: pa.Table) -> bytes:
    """removals.jsonl: one canonical JSON object a line: blob_id, content_sha256, swhid, version."""
    return b"".join(
        rfc8785.dumps({**row, "swhid": f"swh:1:cnt:{row['blob_id']}"}) + b"\n"
        for row in table.to_pylist()
    )


def from_lines(lines: bytes) -> pa.Table:
    """Reads what `to_lines` wrote.

    Raises:
        VerificationError: a line is not what `to_lines` writes.
    """
    import json

    try:
        rows = [json.loads(line) for line in lines.splitlines()]
        table = pa.Table.from_pylist(
            [{name: row[name] for name in REMOVALS.names} for row in rows], schema=REMOVALS
        )
        same = to_lines(table) == lines
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationError("removals.jsonl cannot be read") from error
    if not same:
        raise VerificationError("removals.jsonl is not in canonical form")
    return table


def _sorted(table: pa.Table) -> pa.Table:
    rows = {tuple(row.values()) for row in table.to_pylist()}
    ordered = sorted(rows, key=lambda row: ([int(n) for n in row[0].split(".")], *row[1:]))
    return pa.Table.from_pylist(
        [dict(zip(REMOVALS.names, row, strict=True)) for row in ordered], schema=REMOVALS
    )


def _hex(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if column.type == BLOB_ID:
        return pa.chunked_array([hex_column(column)])
    return column.cast(pa.string())
