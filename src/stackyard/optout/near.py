"""Near copies of what requests name, by the MinHash signatures that deduplication has of every blob.

In: files, origins, the registry, and signatures. Out: pairs (blob that a request names, blob near it),
of schema `matching.NEAR`, whose *estimated* Jaccard similarity is at least `similarity_min`: 256 hash
values give it with a standard error of 0.03 at most. Found by LSH of 64 bands of 4 values, which miss a
pair at 0.7 with probability 2e-8, at 0.6 with 2e-4; every candidate is then measured on all 256.
They are candidates: `pipeline.near` compares texts. Copies are found wherever they are, whether or not
they are ever released.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import EnvironmentFault
from stackyard.optout.authors import Authors
from stackyard.optout.matching import NEAR, Ranking, seeds
from stackyard.optout.params import Params
from stackyard.optout.registry import Registry, Request
from stackyard.record import BLOB_ID

PERMUTATIONS = 256
BANDS = 64
_ROWS = PERMUTATIONS // BANDS
_CHUNK = 50_000
"""Signatures looked at in one go: 50 MB of them, and 26 MB of band keys."""

_MIX = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64
)
"""Odd 64-bit constants (of the golden ratio and of xxHash); a collision costs one comparison."""

_Values = npt.NDArray[np.uint32]


def near_pairs(
    files: pa.Table,
    origins: pa.Table,
    log: Registry,
    params: Params,
    *,
    signatures: pa.Table,
    similarity_min: float,
    authors: Authors | None = None,
) -> pa.Table:
    """Blobs near those that requests with near copies name, of schema NEAR, sorted.

    Args:
        files: as for `matching.match`.
        origins: the same.
        log: the same.
        params: the same.
        signatures: blob_id and signature (256 little-endian uint32), one row a blob.
        similarity_min: what is near, 0..1.
        authors: as for `matching.match`.

    Raises:
        EnvironmentFault: the signatures are of another kind.
    """
    return near_of(
        files,
        origins,
        log.effective(),
        params,
        signatures=signatures,
        similarity_min=similarity_min,
        authors=authors,
    )


def near_of(
    files: pa.Table,
    origins: pa.Table,
    requests: Sequence[Request],
    params: Params,
    *,
    signatures: pa.Table,
    similarity_min: float,
    authors: Authors | None = None,
) -> pa.Table:
    """As `near_pairs`, for given requests."""
    if not any(request.copies == "near" for request in requests):
        return NEAR.empty_table()
    named = seeds(files, origins, Ranking(requests, authors), params, {"near"})
    return pairs(pa.array(sorted(named), BLOB_ID), signatures, similarity_min)


def pairs(named: pa.Array, signatures: pa.Table, similarity_min: float) -> pa.Table:
    """(named blob, near blob) for all blobs with a signature; a blob is not near itself."""
    if signatures.schema.field("signature").type != pa.binary(4 * PERMUTATIONS):
        raise EnvironmentFault(
            "the signatures are of another kind",
            expected=f"{PERMUTATIONS} values of 4 bytes",
            next_step="run the detect stage again",
        )
    mine = signatures.filter(pc.is_in(signatures["blob_id"], value_set=named))
    if mine.num_rows == 0:
        return NEAR.empty_table()
    own = _matrix(mine)
    keys = [np.unique(column) for column in _band_keys(own).T]
    found: list[tuple[bytes, bytes]] = []
    ids = mine["blob_id"].to_pylist()
    for start in range(0, signatures.num_rows, _CHUNK):
        part = signatures.slice(start, _CHUNK)
        values = _matrix(part)
        bands = _band_keys(values)
        hit = np.zeros(len(values), dtype=bool)
        for number, wanted in enumerate(keys):
            hit |= np.isin(bands[:, number], wanted)
        rows = np.flatnonzero(hit)
        others = part["blob_id"].take(pa.array(rows)).to_pylist()
        for row, other in zip(rows, others, strict=True):
            similar = (own == values[row]).mean(axis=1) >= similarity_min
            found += [(ids[i], other) for i in np.flatnonzero(similar) if ids[i] != other]
    ordered = sorted(set(found))
    return pa.Table.from_arrays(
        [
            pa.array([pair[0] for pair in ordered], BLOB_ID),
            pa.array([pair[1] for pair in ordered], BLOB_ID),
        ],
        schema=NEAR,
    )


def _matrix(table: pa.Table) -> _Values:
    column = table["signature"].combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    if len(column) == 0:
        return np.empty((0, PERMUTATIONS), np.uint32)
    values = np.frombuffer(column.buffers()[1], dtype="<u4").reshape(-1, PERMUTATIONS)
    return values[column.offset : column.offset + len(column)]


def _band_keys(values: _Values) -> npt.NDArray[np.uint64]:
    """uint64[rows, BANDS]: a hash of the values of each band."""
    grouped = values.reshape(-1, BANDS, _ROWS).astype(np.uint64)
    return (grouped * _MIX).sum(axis=2, dtype=np.uint64)
