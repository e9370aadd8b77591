"""The signature detector: the MinHash signature of a text, as a fact of its blob.

In: `record.BATCH`. Out: SIGNATURES: one row a text of at least 5 tokens; a text of fewer, or none
at all, gives no fact and is compared exactly only. Specified to the byte in `shingle.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

from stackyard.dedup import ids, kernel, shingle
from stackyard.dedup.params import SignatureParams
from stackyard.record import BLOB_ID

NAME = "dedup-signature"

SIGNATURE_BYTES = 4 * kernel.PERMUTATIONS

SIGNATURES = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("signature", pa.binary(SIGNATURE_BYTES), nullable=False),
    ]
)
"""`signature`: 256 little-endian uint32, the hash values of the MinHash."""


@dataclass(frozen=True)
class SignatureDetector:
    """Detector `dedup-signature`, scope blob."""

    params: SignatureParams = field(default_factory=SignatureParams)
    name: str = NAME
    scope: Literal["blob"] = "blob"
    modules: tuple[str, ...] = (
        "stackyard.dedup.ids",
        "stackyard.dedup.kernel",
        "stackyard.dedup.shingle",
        "stackyard.dedup.signature",
    )
    distributions: tuple[str, ...] = ()
    schema: pa.Schema = field(default=SIGNATURES)

    def detect(self, batch: pa.Table) -> pa.Table:
        """Facts SIGNATURES of a BATCH, in its order of rows."""
        columns = batch.select(["blob_id", "text"]).combine_chunks()
        facts = [self._of(part) for part in columns.to_batches()]
        return pa.Table.from_batches(facts, schema=self.schema)

    def _of(self, part: pa.RecordBatch) -> pa.RecordBatch:
        data, offsets, valid = buffers(part.column("text"))
        values = np.empty((part.num_rows, kernel.PERMUTATIONS), dtype=np.uint32)
        factors, terms = shingle.permutations(self.params.seed)
        counts = kernel.signatures(data, offsets, valid, kernel.CLASSES, factors, terms, values)
        rows = np.flatnonzero(counts)
        named = part.column("blob_id").take(pa.array(rows))
        return pa.RecordBatch.from_arrays([named, _column(values[rows])], schema=self.schema)


def table(blob_ids: np.ndarray, signatures: np.ndarray) -> pa.Table:
    """SIGNATURES of uint8[rows, 20] and uint32[rows, 256], which it does not copy."""
    return pa.Table.from_arrays([ids.column(blob_ids), _column(signatures)], schema=SIGNATURES)


def _column(signatures: np.ndarray) -> pa.Array:
    held = pa.py_buffer(np.ascontiguousarray(signatures, dtype="<u4"))
    kind = pa.binary(SIGNATURE_BYTES)
    return pa.FixedSizeBinaryArray.from_buffers(kind, len(signatures), [None, held])


def buffers(texts: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bytes (uint8), offsets (int64, rows + 1) and validity (bool) of a `large_binary` array."""
    count = len(texts)
    _, offsets, data = texts.buffers()
    starts = (
        np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + count + 1]
        if offsets is not None and count
        else np.zeros(count + 1, dtype=np.int64)
    )
    held = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, np.uint8)
    return held, starts, texts.is_valid().to_numpy(zero_copy_only=False)


def matrix(signatures: pa.ChunkedArray) -> np.ndarray:
    """A column of signatures as uint32[rows, 256]; no copy if it is one chunk."""
    chunks = [_view(chunk) for chunk in signatures.chunks if len(chunk)]
    if len(chunks) == 1:
        return chunks[0]
    empty = np.empty((0, kernel.PERMUTATIONS), dtype=np.uint32)
    return kernel.fixed(np.concatenate([empty, *chunks]))


def _view(chunk: pa.Array) -> np.ndarray:
    values = np.frombuffer(chunk.buffers()[1], dtype="<u4").reshape(-1, kernel.PERMUTATIONS)
    return kernel.fixed(
        values[chunk.offset : chunk.offset + len(chunk)].astype(np.uint32, copy=False)
    )
