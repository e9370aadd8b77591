"""Totals of rows, those of a hostile release too."""

from __future__ import annotations

import pyarrow as pa

from stackyard.release.shards import SHARD
from stackyard.release.totals import TALLY_COLUMNS, Tally, tally


def rows(entity: str | None) -> pa.Table:
    schema = pa.schema([SHARD.field(name) for name in TALLY_COLUMNS]).remove_metadata()
    loose = pa.schema([field.with_nullable(True) for field in schema])
    row = {
        "content": "x",
        "language": "C",
        "license_expression": "MIT",
        "redactions": [{"entity": entity, "count": 1}],
    }
    return pa.Table.from_pylist([{name: row.get(name) for name in TALLY_COLUMNS}], schema=loose)


def test_redactions_of_no_entity_beside_others_are_counted_and_stop_nothing() -> None:
    counted = Tally() + tally(rows("email")) + tally(rows(None))
    assert [(each.entity, each.count) for each in counted.redactions] == [(None, 1), ("email", 1)]
