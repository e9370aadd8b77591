"""The order of representatives, and which files are current (docs/architecture.md).

In: files (ATTRIBUTES) and origins (ORIGINS), in any order of rows. Out: a permutation and flags.
Always holds: the order is total, and nothing but the named columns decides it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import CorruptWorkspace


@dataclass(frozen=True)
class Ranked:
    """Files by rank.

    Attributes:
        order: int64[files], row of the file of each rank, best first.
        current: bool[files], by row: of the newest revision of its (repo_name, path).
        newest: int64[files], by row: the row of the current file of its (repo_name, path).
        repository: int64[files], by row: the rank of its repo_name among all.
    """

    order: np.ndarray
    current: np.ndarray
    newest: np.ndarray
    repository: np.ndarray


def rank(files: pa.Table, origins: pa.Table, released: np.ndarray | None = None) -> Ranked:
    """Best first: current, released (if asked for), permissive, stars, forks, date, names.

    Args:
        files: ATTRIBUTES.
        origins: ORIGINS; holds every (repo_name, revision_id) of files.
        released: bool[files], which files the last release released, where that decides.

    Raises:
        CorruptWorkspace: an origin is missing, or a file is there twice.
    """
    origin = _origin_rows(files, origins)
    repo = _codes(files["repo_name"])
    path = _codes(files["path"])
    place = (repo.astype(np.uint64) << np.uint64(32)) | path.astype(np.uint64)
    age, merit = _origin_orders(origins)
    newest = _newest(place, age[origin])
    current = newest == np.arange(files.num_rows)
    permissive = pc.equal(files["license_type"], "permissive").to_numpy()
    first = np.zeros(files.num_rows, dtype=np.bool_) if released is None else released
    flags = (~current).astype(np.uint64) << np.uint64(2)
    flags |= (~first).astype(np.uint64) << np.uint64(1)
    flags |= (~permissive).astype(np.uint64)
    major = (flags << np.uint64(60)) | merit[origin].astype(np.uint64)
    minor = path.astype(np.uint64)
    keys = [minor, major]
    if not current.all():  # two revisions may share all that is above
        keys = [age[origin], _codes(files["blob_id"]), *keys]
    return Ranked(np.lexsort(keys), current, newest, repo)


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """Dense ranks of values by their bytes, int64."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    ranks = np.empty(len(encoded.dictionary), dtype=np.int64)
    ranks[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(ranks))
    return ranks[encoded.indices.to_numpy()]


def _origin_rows(files: pa.Table, origins: pa.Table) -> np.ndarray:
    keys = [_key(table) for table in (files, origins)]
    rows = pc.index_in(keys[0], value_set=keys[1].combine_chunks())
    if rows.null_count:
        place = rows.is_null().index(True).as_py()
        raise CorruptWorkspace(
            "files of an origin that ingest does not list",
            found=f"{files['repo_name'][place]} at {files['revision_id'][place]}",
            next_step="run ingest again",
        )
    return rows.to_numpy().astype(np.int64)


def _key(table: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(
        table["repo_name"].cast(pa.large_string()),
        table["revision_id"].cast(pa.large_string()),
        pa.scalar("\0", pa.large_string()),
    )


def _origin_orders(origins: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """By row of origins: age (older is less) and merit (better is less, equal if all is)."""
    count = origins.num_rows
    date = origins["revision_date"].cast(pa.int64()).fill_null(np.iinfo(np.int64).min).to_numpy()
    revision = _codes(origins["revision_id"])
    repo = _codes(origins["repo_name"])
    age = np.empty(count, dtype=np.int64)
    age[np.lexsort([revision, date])] = np.arange(count)
    stars = origins["star_events_count"].to_numpy()
    forks = origins["fork_events_count"].to_numpy()
    by_merit = np.lexsort([repo, _descending(date), _descending(forks), _descending(stars)])
    columns = np.stack([stars, forks, date, repo])[:, by_merit]
    steps = np.any(columns[:, 1:] != columns[:, :-1], axis=0)
    merit = np.empty(count, dtype=np.int64)
    merit[by_merit] = np.concatenate([[0], np.cumsum(steps)]) if count else []
    return age, merit


def _descending(values: np.ndarray) -> np.ndarray:
    return ~values  # order-reversing on all of int64, unlike negation


def _newest(place: np.ndarray, age: np.ndarray) -> np.ndarray:
    """For each row the row of greatest age in its place."""
    by_place = np.lexsort([age, place])
    sorted_place = place[by_place]
    same = sorted_place[1:] == sorted_place[:-1]
    if np.any(same & (age[by_place][1:] == age[by_place][:-1])):
        raise CorruptWorkspace(
            "a file is listed twice: (repo_name, revision_id, path) is not unique",
            next_step="run ingest again",
        )
    last = np.flatnonzero(np.concatenate([~same, [True]])) if place.size else np.empty(0, np.int64)
    newest = np.empty(place.size, dtype=np.int64)
    sizes = np.diff(np.concatenate([[-1], last]))
    newest[by_place] = np.repeat(by_place[last], sizes)
    return newest
