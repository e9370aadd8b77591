"""The numbers of a release: counted from its tables, and nowhere else.

Always holds: a tally of a table is the sum of the tallies of its parts, so shards can be counted one
by one, in any order, also those that were not written anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.release.manifest import Dropped, Redacted, Share, Totals
from stackyard.release.tables import one_chunk

NO_LICENSE = "NONE"
"""Name of the rows without a licence expression (SPDX 2.3 calls it NONE)."""

TALLY_COLUMNS = ("content", "language", "license_expression", "redactions", "revision_date")
"""What `tally` reads of a shard."""

_DATES = (
    pa.scalar(datetime(1970, 1, 1, tzinfo=UTC), pa.timestamp("us", tz="UTC")),
    pa.scalar(datetime(9999, 12, 31, tzinfo=UTC), pa.timestamp("us", tz="UTC")),
)
"""Dates of revisions that count: a commit may claim any, and RFC 3339 ends with the year 9999."""


@dataclass(frozen=True)
class Tally:
    """Rows by language and licence with their content bytes, and redactions by entity; sorted; and the
    date (UTC, YYYY-MM-DD) of the newest revision, empty if none is known.
    """

    languages: tuple[Share, ...] = ()
    licenses: tuple[Share, ...] = ()
    redactions: tuple[Redacted, ...] = ()
    revision_date_max: str = ""

    def __add__(self, other: Tally) -> Tally:
        redactions: Counter[str] = Counter()
        for entry in (*self.redactions, *other.redactions):
            redactions[entry.entity] += entry.count
        return Tally(
            _sum_shares((*self.languages, *other.languages)),
            _sum_shares((*self.licenses, *other.licenses)),
            _redacted(redactions),
            max(self.revision_date_max, other.revision_date_max),
        )


def tally(rows: pa.Table) -> Tally:
    """What a table with TALLY_COLUMNS of SHARD adds to the totals."""
    content = pc.binary_length(rows["content"]).cast(pa.int64())
    flat = rows["redactions"].combine_chunks().flatten() if len(rows) else None
    redactions: Counter[str] = Counter()
    if flat is not None and len(flat):
        entities = pa.table({"entity": flat.field("entity"), "count": flat.field("count")})
        sums = entities.group_by("entity", use_threads=False).aggregate([("count", "sum")])
        redactions.update(
            dict(zip(sums["entity"].to_pylist(), sums["count_sum"].to_pylist(), strict=True))
        )
    return Tally(
        _shares(rows["language"], content),
        _shares(pc.fill_null(rows["license_expression"], NO_LICENSE), content),
        _redacted(redactions),
        _newest(rows["revision_date"]),
    )


def _redacted(counts: Mapping[str, int]) -> tuple[Redacted, ...]:
    """Counts in the order of their names; by `str`, as a hostile release may have a null among them."""
    return tuple(Redacted(entity, counts[entity]) for entity in sorted(counts, key=str))


def _newest(dates: pa.ChunkedArray) -> str:
    first, last = _DATES
    known = pc.and_(pc.greater_equal(dates, first), pc.less_equal(dates, last))
    newest = pc.max(dates.filter(known)).as_py()
    return "" if newest is None else str(newest.date().isoformat())


def totals(
    listing: pa.Table, rows: pa.Table, decisions: Iterable[pa.Table], counted: Tally, optouts: int
) -> Totals:
    """The totals of a release.

    Args:
        listing: LISTING of every file that ingest saw.
        rows: the rows to release, once each (`shards.published`); has `length_bytes`.
        decisions: DECISIONS of every stage, ingest and release too.
        counted: the sum of the tallies of all shards with contents.
        optouts: opt-out requests in force.
    """
    dropped: Counter[tuple[str, str]] = Counter()
    for table in decisions:
        groups = table.group_by(["stage", "rule"], use_threads=False).aggregate([([], "count_all")])
        for group in groups.to_pylist():
            dropped[group["stage"], group["rule"]] += group["count_all"]
    return Totals(
        files_seen=len(listing),
        files_kept=len(rows),
        dropped=tuple(Dropped(*key, dropped[key]) for key in sorted(dropped)),
        bytes_seen=pc.sum(listing["length_bytes"]).as_py() or 0,
        bytes_kept=pc.sum(rows["length_bytes"]).as_py() or 0,
        content_bytes=sum(share.content_bytes for share in counted.languages),
        languages=counted.languages,
        licenses=counted.licenses,
        redactions=counted.redactions,
        optouts=optouts,
        revision_date_max=counted.revision_date_max,
    )


def _shares(names: pa.ChunkedArray, content: pa.ChunkedArray) -> tuple[Share, ...]:
    table = pa.table({"name": one_chunk(names), "bytes": one_chunk(content)})
    sums = table.group_by("name", use_threads=False).aggregate(
        [("bytes", "sum"), ([], "count_all")]
    )
    return _sum_shares(
        Share(row["name"], row["count_all"], row["bytes_sum"]) for row in sums.to_pylist()
    )


def _sum_shares(shares: Iterable[Share]) -> tuple[Share, ...]:
    rows: Counter[str] = Counter()
    content: Counter[str] = Counter()
    for share in shares:
        rows[share.name] += share.rows
        content[share.name] += share.content_bytes
    return tuple(Share(name, rows[name], content[name]) for name in sorted(rows, key=str))
