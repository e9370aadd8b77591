"""Near copies of what requests name, each compared on its text.

Signatures only propose: `optout.near` finds candidates by them. A file made to have another one's
signature, as the permutations are public, would else take that one away with a request for copies of
itself. So a pair is near if the exact Jaccard similarity of its texts is at least
`dedup.similarity_min`, as in deduplication. A named file whose bytes were purged has no text to
compare any more; of it the estimate decides, by the same bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.dedup import kernel
from stackyard.optout.authors import Authors
from stackyard.optout.matching import NEAR
from stackyard.optout.near import near_of
from stackyard.optout.registry import Request
from stackyard.pipeline.optouts.signatures import signatures
from stackyard.pipeline.project import Project
from stackyard.pipeline.tables import text_reader
from stackyard.record import BLOB_ID

BATCH_PAIRS = 64
"""Pairs whose texts are in memory at a time: files of a few kB, and at most 10 MB each."""


def near_copies(
    project: Project,
    files: pa.Table,
    origins: pa.Table,
    requests: Sequence[Request],
    authors: Authors | None,
) -> pa.Table:
    """Blobs near those that requests with near copies name, of schema NEAR, sorted."""
    if not any(request.copies == "near" for request in requests):
        return NEAR.empty_table()
    known, params = signatures(project), project.params

    def estimated(similarity_min: float) -> pa.Table:
        return near_of(
            files,
            origins,
            requests,
            params.optout,
            signatures=known,
            similarity_min=similarity_min,
            authors=authors,
        )

    found = estimated(params.dedup.estimate_min)
    index = project.workspace.index()
    here = np.logical_and.reduce([index.holds(found[name].combine_chunks()) for name in NEAR.names])
    readable = found.filter(pa.array(here))
    near = np.concatenate([np.zeros(0), *_similarities(project, readable)])
    measured = readable.filter(pa.array(near >= params.dedup.similarity_min))
    if here.all():
        return measured
    sure = estimated(params.dedup.similarity_min)
    there = np.logical_and.reduce([index.holds(sure[name].combine_chunks()) for name in NEAR.names])
    both = pa.concat_tables([measured, sure.filter(pa.array(~there))])
    return both.sort_by([(name, "ascending") for name in NEAR.names])


def _similarities(project: Project, pairs: pa.Table) -> Iterator[np.ndarray]:
    """Exact Jaccard similarity of each pair, in their order."""
    read = text_reader(project)
    for start in range(0, len(pairs), BATCH_PAIRS):
        part = pairs.slice(start, BATCH_PAIRS)
        ids = pa.concat_arrays([part[name].combine_chunks().cast(BLOB_ID) for name in NEAR.names])
        distinct = ids.unique()
        text = pc.fill_null(read(distinct)["text"].cast(pa.large_binary()), b"").combine_chunks()
        if isinstance(text, pa.ChunkedArray):
            text = pa.concat_arrays(text.chunks)
        _, offsets, data = text.buffers()
        places = pc.index_in(ids, value_set=distinct).to_numpy(zero_copy_only=False)
        yield kernel.jaccard(
            np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8),
            np.frombuffer(offsets, np.int64)[text.offset : text.offset + len(text) + 1],
            places[: len(part)].astype(np.int64),
            places[len(part) :].astype(np.int64),
            kernel.CLASSES,
        )
