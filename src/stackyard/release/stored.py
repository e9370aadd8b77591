"""What a Parquet file of a release says beside its rows: statistics, and notes to whoever reads it.

In: an open file, and a row group that was read. Out: what does not hold. A reader leaves row groups out by
their statistics, and loaders follow notes in a footer (names of features, types of columns), so
wrong ones hide rows, or change them. Page indexes and Bloom filters are not held against the rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_OURS = {b"ARROW:schema"}
_OF_FIELDS = {b"PARQUET:field_id"}


def steering(parquet: pq.ParquetFile) -> Iterator[str]:
    """Notes that we do not write."""
    notes = set(parquet.metadata.metadata or {}) - _OURS | set(parquet.schema_arrow.metadata or {})
    for field in parquet.schema_arrow:
        notes |= set(field.metadata or {}) - _OF_FIELDS
    if notes:
        names = b", ".join(sorted(notes)).decode(errors="replace")
        yield f"its footer has notes that no release has: {names[:120]}"


def wrong_statistics(about: pq.RowGroupMetaData, group: pa.Table) -> Iterator[str]:
    """Columns of a row group whose statistics are not those of the values."""
    if about.num_rows != len(group):
        yield f"a row group of {len(group)} rows says {about.num_rows}"
    for number in range(about.num_columns):
        column = about.column(number)
        name, told = column.path_in_schema, column.statistics
        if name not in group.column_names or told is None:
            continue  # parts of lists, which no reader leaves out rows by
        if told.has_null_count and told.null_count != group[name].null_count:
            yield f"statistics of {name} say {told.null_count} nulls"
        if not told.has_min_max:
            continue
        ends = pc.min_max(group[name]).as_py()
        if (ends["min"], ends["max"]) != (told.min, told.max):
            yield f"statistics of {name} are not those of its values"
