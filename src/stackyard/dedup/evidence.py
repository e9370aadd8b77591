"""Evidence of decisions: canonical JSON, built column by column.

`{"method":m,"representative":{"blob_id":hex,"path":p,"repo_name":r},"similarity":s}`; `method` is
`exact` (measured on the texts, or equal bytes), `estimate` (of 256 values: an older revision that is
no near-duplicate, or a pair from `estimate_sure` on), or `none` where
nothing can be said (similarity null). Similarities are cut to 4 decimals, so that no evidence
claims more than was measured.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.record import hex_column

_STEPS = 10_000


def column(representatives: pa.Table, similarity: np.ndarray, exact: np.ndarray) -> pa.ChunkedArray:
    """Evidence of each row, from its representative (repo_name, path, blob_id), similarity and
    method.
    """
    parts = [
        '{"method":"',
        _methods(similarity, exact),
        '","representative":{"blob_id":"',
        hex_column(representatives["blob_id"]),
        '","path":',
        _quoted(representatives["path"]),
        ',"repo_name":',
        _quoted(representatives["repo_name"]),
        '},"similarity":',
        _numbers(similarity),
        "}",
        "",
    ]
    return pc.binary_join_element_wise(
        *[pa.scalar(part) if isinstance(part, str) else part for part in parts]
    )


def _methods(similarity: np.ndarray, exact: np.ndarray) -> pa.Array:
    kinds = np.where(np.isnan(similarity), 2, np.where(exact, 0, 1)).astype(np.int8)
    names = pa.array(["exact", "estimate", "none"])
    return pa.DictionaryArray.from_arrays(pa.array(kinds), names).cast(pa.string())


def _numbers(similarity: np.ndarray) -> pa.Array:
    steps = np.floor(np.nan_to_num(similarity, nan=-1.0) * _STEPS + 1e-9).astype(np.int64)
    distinct, places = np.unique(steps, return_inverse=True)
    texts = [format(step / _STEPS, "g") if step >= 0 else "null" for step in distinct]
    return pa.array(texts, pa.string()).take(pa.array(places))


def _quoted(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts as JSON strings (RFC 8785): few need escapes, so only those are taken one by one."""
    plain = pc.binary_join_element_wise(pa.scalar('"'), texts, pa.scalar('"'), pa.scalar(""))
    special = pc.match_substring_regex(texts, r'["\\\x00-\x1f]')
    if not pc.any(special).as_py():
        return plain
    escaped = [json.dumps(text, ensure_ascii=False) for text in texts.filter(special).to_pylist()]
    return pc.replace_with_mask(
        plain.combine_chunks(), special.combine_chunks(), pa.array(escaped, pa.string())
    )
