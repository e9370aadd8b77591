"""Numbers and samples of what the filter dropped, so that a person can judge a rule.

In: decisions, and the facts of languages. Out: counts by rule and language; a few files of each
rule. Always holds: the samples are the same however often and in whatever order they are drawn: the
files whose key has the smallest hash.
"""

from __future__ import annotations

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.record import FILE_KEY

COUNTS = pa.schema(
    [
        pa.field("rule", pa.string()),
        pa.field("language", pa.string()),
        pa.field("files", pa.int64()),
    ]
)
"""Dropped files by rule and language (null: unknown), sorted by both."""


def counts(decisions: pa.Table, languages: pa.Table) -> pa.Table:
    """Dropped files by rule and language.

    Args:
        decisions: schema DECISIONS.
        languages: facts `language` of these files.
    """
    named = languages.select(["blob_id", "path", "language"])
    joined = decisions.select(["rule", "blob_id", "path"]).join(
        named, keys=["blob_id", "path"], join_type="left outer"
    )
    keys = ["rule", "language"]
    grouped = joined.group_by(keys, use_threads=False).aggregate([("path", "count")])
    renamed = grouped.rename_columns({"path_count": "files"}).select(COUNTS.names)
    return renamed.sort_by([(name, "ascending") for name in keys]).cast(COUNTS)


def samples(decisions: pa.Table, each: int) -> pa.Table:
    """`each` decisions of every rule (all, if there are fewer), sorted by rule, then FILE_KEY."""
    parts = [decisions.slice(0, 0)]
    for rule in sorted(pc.unique(decisions["rule"]).to_pylist()):
        rows = decisions.filter(pc.equal(decisions["rule"], rule))
        keys = zip(*(rows[name].to_pylist() for name in FILE_KEY), strict=True)
        order = sorted(
            range(rows.num_rows),
            key=[hashlib.sha256("\0".join(key).encode()).digest() for key in keys].__getitem__,
        )
        picked = rows.take(pa.array(order[:each], pa.int64()))
        parts.append(picked.sort_by([(name, "ascending") for name in FILE_KEY]))
    return pa.concat_tables(parts)
