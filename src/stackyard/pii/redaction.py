"""The released text: spans out, placeholders in.

Always holds: a placeholder depends on what was there (its entity) and on the syntax it stands in,
never on neighbours, order or other files, so anybody can make the release again; a scan of the
result by the same detectors at the same level finds nothing (law 6).
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import UsageError
from stackyard.pii.decisions import Span, merge
from stackyard.pii.detect import find_in_column
from stackyard.pii.findings import LIMIT, Finding
from stackyard.pii.params import SCORE_MIN, Params

REDACTIONS = pa.list_(pa.struct([pa.field("entity", pa.string()), pa.field("count", pa.int64())]))
"""Counts by entity, sorted by entity; empty where nothing was redacted."""

ROUNDS_MAX = 16
"""Redaction may bring a line into the reach of a detector that skipped it; rarely more than once."""

_Row = tuple[int, Span]


class _Texts(NamedTuple):
    """A binary column without nulls inside its spans: bytes end to end, and where each row begins."""

    data: memoryview
    offsets: npt.NDArray[np.int64]


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
        spans: `record.SPANS`, sorted, as `decide` gives them; those of other blobs are ignored.
        params: the same that `decide` had.
        key: secret of the operator; needed for `placeholder: consistent` alone.

    Returns:
        The texts as `large_binary`, and lists of `REDACTIONS`.

    Raises:
        UsageError: `consistent` without a key.
    """
    return _until_clean(_as_array(texts), _rows_of(_as_array(blob_ids), spans), params, key)


PERSONAL = frozenset({"author_name", "email", "ipv4", "ipv6", "phone", "username"})
"""Entities that say who somebody is, and give access to nothing."""


def without_secrets(texts: pa.Array, params: Params, key: bytes | None = None) -> pa.Array:
    """Texts that licences ask to be passed on as they are: credentials go, names and addresses stay."""
    column = _as_array(texts).cast(pa.large_binary())
    rows = spans_in_column(column, params, PERSONAL)
    return _until_clean(column, rows, params, key, PERSONAL)[0]


def _until_clean(
    texts: pa.Array,
    rows: list[_Row],
    params: Params,
    key: bytes | None,
    leave: Collection[str] = frozenset(),
) -> tuple[pa.Array, pa.Array]:
    if params.placeholder == "consistent" and not key:
        raise UsageError(
            "pii.placeholder is `consistent`, which needs a key",
            expected="a key of the operator's, at least 16 random bytes",
            next_step="give the key, or set pii.placeholder to `entity`",
        )
    counts: dict[int, Counter[str]] = {}
    for _ in range(ROUNDS_MAX):
        for row, span in rows:
            counts.setdefault(row, Counter())[span.entity] += 1
        texts = _replace(texts, rows, key if params.placeholder == "consistent" else None)
        changed = sorted({row for row, _ in rows})
        if not changed:
            break
        again = texts.take(pa.array(changed, pa.int64()))
        rows = [(changed[i], span) for i, span in spans_in_column(again, params, leave)]
    return texts, _redactions(counts, len(texts))


def spans_in_column(
    texts: pa.Array | pa.ChunkedArray, params: Params, leave: Collection[str] = frozenset()
) -> list[_Row]:
    """Row numbers and merged spans of all findings at or above their thresholds, in order.

    `leave` names entities that do not count.
    """
    out: list[_Row] = []
    for row, _, findings in find_in_column(texts, params.detection):
        kept = [
            Span(*f[:5]) for f in findings if reaches_threshold(f, params) and f.entity not in leave
        ]
        out.extend((row, span) for span in merge(kept))
    return out


def reaches_threshold(finding: Finding, params: Params) -> bool:
    """Whether a finding is redacted; the same rule as `decide.above_threshold`, for one."""
    least = params.score_min.get(finding.entity, SCORE_MIN[params.level])
    return finding.entity != LIMIT and finding.score >= least


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


def _as_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column


def _rows_of(blob_ids: pa.Array, spans: pa.Table) -> list[_Row]:
    """The spans of every row, in order of rows, for sorted spans; vectorised binary search."""
    if not len(spans) or not len(blob_ids):
        return []
    keys = _fixed(_as_array(spans["blob_id"]))
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


def _replace(texts: pa.Array, rows: Sequence[_Row], key: bytes | None) -> pa.Array:
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


def _redactions(counts: dict[int, Counter[str]], length: int) -> pa.Array:
    rows: list[list[dict[str, str | int]]] = [[] for _ in range(length)]
    for row, counter in counts.items():
        rows[row] = [{"entity": entity, "count": n} for entity, n in sorted(counter.items())]
    return pa.array(rows, REDACTIONS)
