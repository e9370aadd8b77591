"""What a detector says of one text: spans, never the text itself."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from stackyard.record import BLOB_ID

FACTS = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("start_byte", pa.int64(), nullable=False),
        pa.field("end_byte", pa.int64(), nullable=False),
        pa.field("start_char", pa.int64(), nullable=False),
        pa.field("end_char", pa.int64(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("score", pa.float64(), nullable=False),
        pa.field("validator", pa.string(), nullable=False),
        pa.field("text_bytes", pa.int64(), nullable=False),
    ]
)
"""Sorted by (blob_id, start_byte, end_byte, entity, rule). Offsets are into the UTF-8 text, in
bytes and in code points. `score` is 0..1. `validator`: `valid`, `invalid` (a checksum was looked
at) or `none`. `text_bytes` is the length of the text. A blob that met a limit has one row more, of
entity `limit`, whose rule names the limit and whose span is empty."""

FACTS_KEY = ("blob_id", "start_byte", "end_byte", "entity", "rule", "score")

LIMIT = "limit"
"""Entity of the row that says a blob met a limit."""

PERSONAL = frozenset({"author_name", "email", "ipv4", "ipv6", "phone", "username"})
"""Entities that say who somebody is, and give access to nothing."""

Validity = str


class Finding(NamedTuple):
    """A span of one text, in bytes."""

    start: int
    end: int
    entity: str
    rule: str
    score: float
    validator: Validity = "none"


ALLOWED_SCORE = 0.05
"""What is left of a score where an allow rule holds: the fact stays, `paranoid` alone redacts it."""
