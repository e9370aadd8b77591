"""The released text: spans out, placeholders in.

Always holds: a placeholder depends on what was there (its entity) and on the syntax it stands in,
never on neighbours, order or other files, so anybody can make the release again. That a scan of the
result finds nothing (law 6) is the work of `settle`, which makes the spans.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import UsageError
from stackyard.pii.decisions import Span
from stackyard.pii.params import Params

REDACTIONS = pa.list_(pa.struct([pa.field("entity", pa.string()), pa.field("count", pa.int64())]))
"""Counts by entity, sorted by entity; empty where nothing was redacted."""

Row = tuple[int, Span]
"""A span and the row of the text that it is of."""


def redact(
    texts: pa.Array | pa.ChunkedArray,
    blob_ids: pa.Array | pa.ChunkedArray,
    spans: pa.Table,
    params: Params,
    key: bytes | None = None,
) -> tuple[pa.Array, pa.Array]:
    """Released texts and their redactions, row by row.

    Args:
        texts: UTF-8 text, binary, may be null; row i is the text of blob i.
        blob_ids: binary(20), as long as `texts`; a blob may come twice.
        spans: `record.SPANS`, sorted, as `settle` gives them; those of other blobs are ignored.
        params: the same that `decide` had.
        key: secret of the operator; needed for `placeholder: consistent` alone.

    Returns:
        The texts as `large_binary`, and lists of `REDACTIONS`.

    Raises:
        UsageError: `consistent` without a key.
    """
    rows = rows_of(as_array(blob_ids), spans)
    return replaced(as_array(texts), rows, key_of(params, key)), _redactions(rows, len(blob_ids))


def key_of(params: Params, key: bytes | None) -> bytes | None:
    """The key that placeholders are made with, None where they are not keyed.

    Raises:
        UsageError: `consistent` without a key.
    """
    if params.placeholder != "consistent":
        return None
    if not key:
        raise UsageError(
            "pii.placeholder is `consistent`, which needs a key",
            expected="a key of the operator's, at least 16 random bytes",
            next_step="give the key, or set pii.placeholder to `entity`",
        )
    return key


def placeholder(entity: str, value: bytes, is_markup: bool, key: bytes | None = None) -> bytes:
    """What stands in for a value.

    `<ENTITY>` in upper case; `<ENTITY-8 hex>` with a key, of HMAC-SHA-256 over entity, NUL, value;
    in markup (XML, HTML) with `&lt;` and `&gt;`. A value of digits alone becomes `0`, so that a
    bare number in JSON stays a number.
    """
    if value.isdigit():
        return b"0"
    label = entity.upper().encode()
    if key is not None:
        digest = hmac.new(key, entity.encode() + b"\0" + value, hashlib.sha256).hexdigest()
        label += b"-" + digest[:8].encode()
    return b"&lt;" + label + b"&gt;" if is_markup else b"<" + label + b">"


def is_markup(text: bytes | memoryview) -> bool:
    """Whether a text is XML or HTML: its first visible byte opens a tag."""
    head = bytes(text[:1024]).removeprefix(b"\xef\xbb\xbf").lstrip()
    return head[:1] == b"<" and (head[1:2].isalpha() or head[1:2] in {b"?", b"!"})


def as_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column


def rows_of(blob_ids: pa.Array, spans: pa.Table) -> list[Row]:
    """The spans of every row, in order of rows, for sorted spans; vectorised binary search."""
    if not len(spans) or not len(blob_ids):
        return []
    keys = _fixed(as_array(spans["blob_id"]))
    wanted = _fixed(blob_ids)
    low = np.searchsorted(keys, wanted, side="left")
    high = np.searchsorted(keys, wanted, side="right")
    hits = np.flatnonzero(high > low)
    starts, ends = spans["start_byte"].to_pylist(), spans["end_byte"].to_pylist()
    entities, rules = spans["entity"].to_pylist(), spans["rule"].to_pylist()
    return [
        (int(row), Span(starts[i], ends[i], entities[i], rules[i], 1.0))
        for row in hits
        for i in range(int(low[row]), int(high[row]))
    ]


def _fixed(ids: pa.Array) -> npt.NDArray[np.bytes_]:
    """20-byte ids as a numpy array that sorts as bytes; padding with NUL does not change order."""
    raw = np.frombuffer(ids.buffers()[1], np.uint8)[ids.offset * 20 : (ids.offset + len(ids)) * 20]
    return np.ascontiguousarray(raw).view("S20")


def replaced(texts: pa.Array, rows: Sequence[Row], key: bytes | None) -> pa.Array:
    column = texts.cast(pa.large_binary())
    if not rows:
        return column
    _, offset_buffer, data = column.buffers()
    offsets = np.frombuffer(offset_buffer, np.int64)
    offsets = offsets[column.offset : column.offset + len(column) + 1]
    view = memoryview(data)
    pieces: list[memoryview | bytes] = []
    growth = np.zeros(len(column) + 1, np.int64)
    markup: dict[int, bool] = {}
    done = int(offsets[0])
    for row, span in rows:
        base = int(offsets[row])
        if row not in markup:
            markup[row] = is_markup(view[base : int(offsets[row + 1])])
        value = bytes(view[base + span.start : base + span.end])
        stand_in = placeholder(span.entity, value, markup[row], key)
        pieces += (view[done : base + span.start], stand_in)
        done = base + span.end
        growth[row + 1] += len(stand_in) - len(value)
    pieces.append(view[done : int(offsets[-1])])
    moved = (offsets - offsets[0]) + np.cumsum(growth)
    buffers = [None, pa.py_buffer(moved), pa.py_buffer(b"".join(pieces))]
    released = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(column), buffers)
    if not column.null_count:
        return released
    return pc.if_else(column.is_valid(), released, pa.scalar(None, pa.large_binary()))


def _redactions(rows: Sequence[Row], length: int) -> pa.Array:
    counts: dict[int, Counter[str]] = {}
    for row, span in rows:
        counts.setdefault(row, Counter())[span.entity] += 1
    out: list[list[dict[str, str | int]]] = [[] for _ in range(length)]
    for row, counter in counts.items():
        out[row] = [{"entity": entity, "count": n} for entity, n in sorted(counter.items())]
    return pa.array(out, REDACTIONS)
