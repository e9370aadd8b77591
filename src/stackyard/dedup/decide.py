"""Which files stay, and of every other one why not.

In: files that the filter kept (ATTRIBUTES), their origins, the facts of `dedup-signature`, a
reader of texts. Out: survivors (CLUSTERS) and decisions (DECISIONS), sorted by FILE_KEY.
Always holds: (repo_name, path) is unique among survivors, and so is blob_id; every file is a
survivor or has one decision; no file is dropped as a near-duplicate of one that it is verified to
be less similar to than `similarity_min`; no two survivors are verified near-duplicates, as far as
candidates reach; row order, partitions and workers do not show.

Rules: `exact-duplicate` (the bytes of the representative), `near-duplicate` (verified similar to
it), `duplicate-tree` (with `trees: drop`: its whole repository equals another one, which has the
same bytes at that path), `older-revision` (another revision of the same repository has this path, newer, and nothing
that stays resembles this one; its evidence names who represents the newer one).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.dedup import bands, clusters, evidence, ids, kernel
from stackyard.dedup.clusters import Contents, Near
from stackyard.dedup.order import Ranked, rank
from stackyard.dedup.params import Params
from stackyard.dedup.signature import NAME, SIGNATURE_BYTES, SIGNATURES, SignatureDetector, matrix
from stackyard.dedup.trees import copied_files
from stackyard.errors import EnvironmentFault
from stackyard.record import CLUSTERS, DECISIONS, FILE_KEY, hex_column

STAGE = "dedup"

RULES = ("exact-duplicate", "near-duplicate", "older-revision", "duplicate-tree")


@dataclass(frozen=True)
class Deduped:
    """What dedup hands on.

    Attributes:
        files: CLUSTERS, the representatives.
        decisions: DECISIONS, one for every other file.
    """

    files: pa.Table
    decisions: pa.Table


@dataclass(frozen=True)
class Blobs:
    """Distinct blobs in the order of their best files.

    Attributes:
        of: int64[files], by row: the blob of a file.
        best: int64[blobs], the row of the best file of a blob.
        eligible: bool[blobs], whether that file may represent.
        ids: uint8[blobs, 20].
    """

    of: np.ndarray
    best: np.ndarray
    eligible: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True)
class Verdicts:
    """What became of blobs, by rank.

    Attributes:
        representative: int64[blobs], the blob that stands for it; -1 for none.
        similarity: float64[blobs], to that one.
        exact: bool[blobs], whether that is exact.
    """

    representative: np.ndarray
    similarity: np.ndarray
    exact: np.ndarray


@dataclass(frozen=True)
class Problem:
    """Files in their order, with the signatures of their blobs.

    Attributes:
        files: ATTRIBUTES.
        ranked: their order.
        copied: bool[files], by row: to drop as copies of a whole tree.
        blobs: their blobs.
        signed: int64[signed], the blobs that have a signature.
        rows: int64[blobs], the row in `values` of the signature of a blob, or -1.
        values: uint32[any, 256].
    """

    files: pa.Table
    ranked: Ranked
    copied: np.ndarray
    blobs: Blobs
    signed: np.ndarray
    rows: np.ndarray
    values: np.ndarray


def detectors(params: Params) -> tuple[SignatureDetector, ...]:
    """The detectors whose facts `decide` needs."""
    return (SignatureDetector(params.signature),)


def decide(
    files: pa.Table,
    origins: pa.Table,
    facts: Mapping[str, pa.Table],
    contents: Contents,
    params: Params,
    *,
    released: pa.Table | None = None,
    near: Near | None = None,
) -> Deduped:
    """Survivors and decisions of all files.

    Args:
        files: ATTRIBUTES, any order of rows; (repo_name, revision_id, path) is unique.
        origins: ORIGINS of all of them.
        facts: `dedup-signature`: SIGNATURES, of these blobs at least; a blob without one is
            compared exactly only.
        contents: reads texts.
        params: see Params.
        released: what the last release held: table (repo_name, path, blob_id). Only counts with
            `prefer: released_wins`; a first release has none.
        near: where texts lie, if that is known; else texts of one repository count as near.

    Raises:
        EnvironmentFault: the facts of `dedup-signature` are missing.
        CorruptWorkspace: an origin or a text is missing, a file is there twice.
    """
    known = signatures(facts)
    held = (ids.raw(known["blob_id"]), matrix(known["signature"]))
    problem = prepare(files, origins, held, params, released)
    return conclude(problem, solve(problem, _graph(problem, params), contents, params, near=near))


def _graph(problem: Problem, params: Params) -> clusters.Graph:
    """Buckets of the signed blobs."""
    rows = problem.rows[problem.signed]
    held = bands.hashes(problem.values, rows, params)
    values, members = bands.shared(held, np.arange(rows.size))
    return clusters.linked(values, members, rows.size, params)


def prepare(
    files: pa.Table,
    origins: pa.Table,
    held: tuple[np.ndarray, np.ndarray],
    params: Params,
    released: pa.Table | None = None,
) -> Problem:
    """Files in their order, with the signatures of their blobs; arguments as of `decide`, but
    `held`: ids uint8[any, 20] and signatures uint32[any, 256] of those that have one.
    """
    first = None
    if params.prefer == "released_wins" and released is not None:
        first = _among(files, released)
    ranked = rank(files, origins, first)
    copied = np.zeros(files.num_rows, dtype=np.bool_)
    if params.trees == "drop":
        copied = copied_files(files, origins, ranked)
        ranked = rank(files, origins, first, barred=copied)
    blobs = distinct(files, ranked)
    rows = ids.places(held[0], blobs.ids)
    return Problem(files, ranked, copied, blobs, np.flatnonzero(rows >= 0), rows, held[1])


def solve(
    problem: Problem,
    links: clusters.Graph,
    contents: Contents,
    params: Params,
    *,
    near: Near | None = None,
    known: tuple[np.ndarray, np.ndarray] | None = None,
    settled: clusters.Settled | None = None,
) -> clusters.Clusters:
    """Clusters of the blobs that have signatures."""
    signed, blobs = problem.signed, problem.blobs
    best = blobs.best[signed]
    named = ids.column(blobs.ids[signed])

    def by_repository(asked: pa.Array) -> np.ndarray:
        return problem.ranked.place[best[pc.index_in(asked, value_set=named).to_numpy()]]

    return clusters.cluster(
        problem.values,
        problem.rows[signed],
        links,
        eligible=blobs.eligible[signed],
        texts=clusters.Texts(
            contents,
            near or by_repository,
            named,
            problem.files["length_bytes"].to_numpy()[best],
        ),
        params=params,
        known=known,
        settled=settled,
    )


def conclude(problem: Problem, found: clusters.Clusters) -> Deduped:
    """Survivors and decisions of all files, from the clusters of their blobs."""
    return _tables(problem, _verdicts(problem.blobs, problem.signed, found))


def distinct(files: pa.Table, ranked: Ranked) -> Blobs:
    """The blobs of files, best first."""
    named = ids.raw(files["blob_id"])
    of, best = ids.numbered(named, ranked.order)
    return Blobs(of, best, ranked.eligible[best], kernel.fixed(named[best]))


def signatures(facts: Mapping[str, pa.Table]) -> pa.Table:
    """SIGNATURES among the facts, checked."""
    if NAME not in facts:
        raise EnvironmentFault(
            f"the facts of {NAME} are missing", next_step="run the detect stage first"
        )
    table = facts[NAME].select(SIGNATURES.names)
    found = table.schema.field("signature").type
    if found != pa.binary(SIGNATURE_BYTES):
        raise EnvironmentFault(
            f"the facts of {NAME} are of another kind",
            expected=str(pa.binary(SIGNATURE_BYTES)),
            found=str(found),
            next_step="run the detect stage again",
        )
    return table


def _verdicts(blobs: Blobs, signed: np.ndarray, found: clusters.Clusters) -> Verdicts:
    """What clusters say of signed blobs; others stand for themselves if they may."""
    count = blobs.best.size
    representative = np.where(blobs.eligible, np.arange(count), -1)
    similarity = np.where(blobs.eligible, 1.0, np.nan)
    exact = np.ones(count, dtype=np.bool_)
    none = found.representative < 0
    representative[signed] = np.where(none, -1, signed[found.representative])
    similarity[signed] = found.similarity
    exact[signed] = found.exact
    return Verdicts(representative, similarity, exact)


def _among(files: pa.Table, released: pa.Table) -> np.ndarray:
    """bool[files]: the last release held this file, with this content."""
    names = ["repo_name", "path", "blob_id"]
    keys = [
        pc.binary_join_element_wise(
            table["repo_name"].cast(pa.large_binary()),
            table["path"].cast(pa.large_binary()),
            table["blob_id"].cast(pa.large_binary()),
            pa.scalar(b"\0", pa.large_binary()),
        )
        for table in (files.select(names), released.select(names))
    ]
    return pc.is_in(keys[0], value_set=keys[1].combine_chunks()).to_numpy()


def _tables(problem: Problem, verdicts: Verdicts) -> Deduped:
    files, ranked, blobs = problem.files, problem.ranked, problem.blobs
    values, rows = problem.values, problem.rows
    count = files.num_rows
    representative = verdicts.representative[blobs.of]
    survives = np.zeros(count, dtype=np.bool_)
    own = np.arange(blobs.best.size) == verdicts.representative
    survives[blobs.best[own]] = True
    older = representative < 0
    rule = np.where(older, 2, np.where(representative == blobs.of, 0, 1))
    rule[problem.copied] = RULES.index("duplicate-tree")
    named = representative.copy()
    named[older] = representative[ranked.newest[older]]
    similarity = verdicts.similarity[blobs.of]
    exact = verdicts.exact[blobs.of]
    similarity[older] = _estimates(values, rows[blobs.of[older]], rows[named[older]])
    exact[older] = False

    sizes = np.bincount(representative[~older], minlength=blobs.best.size)
    kept = ranked.by_key[survives[ranked.by_key]]
    survivors = files.select((*FILE_KEY, "blob_id", "length_bytes")).take(pa.array(kept))
    survivors = survivors.append_column(
        CLUSTERS.field("dedup_cluster"), hex_column(survivors["blob_id"])
    ).append_column(CLUSTERS.field("cluster_size"), pa.array(sizes[blobs.of[kept]]))

    gone = ranked.by_key[~survives[ranked.by_key]]
    named_rows = blobs.best[named[gone]]
    dropped = files.select((*FILE_KEY, "blob_id")).take(pa.array(gone))
    columns = [
        *dropped.columns,
        pa.repeat(pa.scalar(STAGE), gone.size),
        pa.DictionaryArray.from_arrays(pa.array(rule[gone].astype(np.int8)), pa.array(RULES)).cast(
            pa.string()
        ),
        evidence.column(
            files.select(["repo_name", "path", "blob_id"]).take(pa.array(named_rows)),
            similarity[gone],
            exact[gone],
        ),
    ]
    decisions = pa.Table.from_arrays(columns, schema=DECISIONS)
    return Deduped(survivors.cast(CLUSTERS).combine_chunks(), decisions.combine_chunks())


def _estimates(values: np.ndarray, lefts: np.ndarray, rights: np.ndarray) -> np.ndarray:
    """Estimated similarity of pairs of signature rows; nan where one has none."""
    result = np.full(lefts.size, np.nan)
    both = np.flatnonzero((lefts >= 0) & (rights >= 0))
    for start in range(0, both.size, 1 << 16):
        part = both[start : start + (1 << 16)]
        equal = values[lefts[part]] == values[rights[part]]
        result[part] = np.count_nonzero(equal, axis=1) / kernel.PERMUTATIONS
    return result
