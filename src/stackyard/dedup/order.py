"""The order of representatives, and which files are current (docs/architecture.md).

In: files (ATTRIBUTES) and origins (ORIGINS), in any order of rows. Out: a permutation and flags.
Always holds: the order is total, and nothing but the named columns decides it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.dedup import kernel
from stackyard.errors import CorruptWorkspace


@dataclass(frozen=True)
class Ranked:
    """Files by rank.

    Attributes:
        order: int64[files], row of the file of each rank, best first.
        current: bool[files], by row: of the newest revision of its (repo_name, path).
        eligible: bool[files], by row: may represent: current, and not barred.
        newest: int64[files], by row: the row of the current file of its (repo_name, path).
        by_key: int64[files], rows in order of FILE_KEY.
        place: int64[files], by row: the rank of (repo_name, revision_id) among all.
    """

    order: np.ndarray
    current: np.ndarray
    eligible: np.ndarray
    newest: np.ndarray
    by_key: np.ndarray
    place: np.ndarray


def rank(
    files: pa.Table,
    origins: pa.Table,
    released: np.ndarray | None = None,
    barred: np.ndarray | None = None,
) -> Ranked:
    """Best first: current, released (if asked for), permissive, stars, forks, date, names.

    Args:
        files: ATTRIBUTES.
        origins: ORIGINS; holds every (repo_name, revision_id) of files.
        released: bool[files], which files the last release released, where that decides.
        barred: bool[files], which files may not represent although they are current.

    Raises:
        CorruptWorkspace: an origin is missing, or a file is there twice.
    """
    origin = _origin_rows(files, origins)
    age, merit, key = _origin_orders(origins)
    place = key[origin]
    by_key = _by_key(place, files["path"])
    newest = _newest(files, origins, origin, age)
    current = newest == np.arange(files.num_rows)
    permissive = pc.equal(files["license_type"], "permissive").to_numpy()
    first = np.zeros(files.num_rows, dtype=np.bool_) if released is None else released
    eligible = current if barred is None else current & ~barred
    flags = (~eligible).astype(np.int64) << 2 | (~first).astype(np.int64) << 1 | ~permissive
    if np.unique(merit).size == merit.size:  # then the order of the key is that of the path
        order = np.empty(files.num_rows, dtype=np.int64)
        ends = np.zeros(8 * merit.size + 1, dtype=np.int64)
        _counted(flags * merit.size + merit[origin], by_key, ends, order)
    else:  # two revisions of a repository share all that is above
        blob = _ranks(files["blob_id"])
        order = np.lexsort([age[origin], blob, _ranks(files["path"]), flags << 60 | merit[origin]])
    return Ranked(order, current, eligible, newest, by_key, place)


@kernel.compiled
def _counted(groups: Any, rows: Any, ends: Any, out: Any) -> None:
    """Rows by group, those of one group in the order given; `ends` has a zero for each, and one."""
    for row in rows:
        ends[groups[row] + 1] += 1
    for group in range(1, ends.size):
        ends[group] += ends[group - 1]
    for row in rows:
        out[ends[groups[row]]] = row
        ends[groups[row]] += 1


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """Equal numbers for equal values, int64."""
    return _encoded(column).indices.to_numpy().astype(np.int64)


def _ranks(column: pa.ChunkedArray) -> np.ndarray:
    """Dense ranks of values by their bytes, int64."""
    encoded = _encoded(column)
    ranks = np.empty(len(encoded.dictionary), dtype=np.int64)
    ranks[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(ranks))
    return ranks[encoded.indices.to_numpy()]


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):  # strings of more than 2 GB in all
        encoded = encoded.unify_dictionaries().combine_chunks()
    return encoded


def _by_key(key: np.ndarray, paths: pa.ChunkedArray) -> np.ndarray:
    """Rows in order of (repo_name, revision_id, path); tables mostly come in it."""
    after = pc.greater(paths.slice(1), paths.slice(0, max(0, len(paths) - 1)))
    steps = np.diff(key)
    if np.all((steps > 0) | ((steps == 0) & after.to_numpy())):
        return np.arange(key.size)
    path = _ranks(paths)
    rows = np.lexsort([path, key])
    if np.any((np.diff(key[rows]) == 0) & (np.diff(path[rows]) == 0)):
        raise CorruptWorkspace(
            "a file is listed twice: (repo_name, revision_id, path) is not unique",
            next_step="run ingest again",
        )
    return rows


def _origin_rows(files: pa.Table, origins: pa.Table) -> np.ndarray:
    """The row of the origin of each file."""
    parts = [_encoded(files[name]) for name in ("repo_name", "revision_id")]
    known = [_encoded(origins[name]) for name in ("repo_name", "revision_id")]
    width = len(known[1].dictionary) + 1
    asked = np.zeros(files.num_rows, dtype=np.int64)
    held = np.zeros(origins.num_rows, dtype=np.int64)
    for part, there, weight in zip(parts, known, (width, 1), strict=True):
        codes = pc.index_in(part.dictionary, value_set=there.dictionary).fill_null(-1)
        codes = codes.to_numpy().astype(np.int64)[part.indices.to_numpy()]
        asked += np.where(codes < 0, -(1 << 62), codes * weight)
        held += there.indices.to_numpy().astype(np.int64) * weight
    order = np.argsort(held, kind="stable")
    places = np.searchsorted(held[order], asked)
    places[places == order.size] = 0
    rows = order[places] if order.size else np.zeros(files.num_rows, dtype=np.int64)
    lost = held[rows] != asked if order.size else np.ones(files.num_rows, dtype=np.bool_)
    if lost.any():
        place = int(np.argmax(lost))
        raise CorruptWorkspace(
            "files of an origin that ingest does not list",
            found=f"{files['repo_name'][place]} at {files['revision_id'][place]}",
            next_step="run ingest again",
        )
    return rows


def _origin_orders(origins: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By row of origins: age (older is less), merit (better is less, equal if all is) and the rank
    of (repo_name, revision_id).
    """
    count = origins.num_rows
    date = origins["revision_date"].cast(pa.int64()).fill_null(np.iinfo(np.int64).min).to_numpy()
    revision, repo = _ranks(origins["revision_id"]), _ranks(origins["repo_name"])
    age = np.empty(count, dtype=np.int64)
    age[np.lexsort([revision, date])] = np.arange(count)
    stars = origins["star_events_count"].to_numpy()
    forks = origins["fork_events_count"].to_numpy()
    by_merit = np.lexsort([repo, _descending(date), _descending(forks), _descending(stars)])
    columns = np.stack([stars, forks, date, repo])[:, by_merit]
    steps = np.any(columns[:, 1:] != columns[:, :-1], axis=0)
    merit = np.empty(count, dtype=np.int64)
    merit[by_merit] = np.concatenate([[0], np.cumsum(steps)]) if count else []
    key = np.empty(count, dtype=np.int64)
    key[np.lexsort([revision, repo])] = np.arange(count)
    return age, merit, key


def _descending(values: np.ndarray) -> np.ndarray:
    return ~values  # order-reversing on all of int64, unlike negation


def _newest(files: pa.Table, origins: pa.Table, origin: np.ndarray, age: np.ndarray) -> np.ndarray:
    """For each row the row of the newest revision of its (repo_name, path)."""
    newest = np.arange(files.num_rows)
    repo = _codes(origins["repo_name"])
    several = np.bincount(repo, minlength=1)[repo] > 1
    rows = np.flatnonzero(several[origin])
    if rows.size == 0:
        return newest
    path = _codes(files["path"].take(pa.array(rows)))
    place = repo[origin[rows]] << 32 | path
    by_place = np.lexsort([age[origin[rows]], place])
    sorted_place = place[by_place]
    last = np.flatnonzero(np.concatenate([sorted_place[1:] != sorted_place[:-1], [True]]))
    sizes = np.diff(np.concatenate([[-1], last]))
    newest[rows[by_place]] = np.repeat(rows[by_place[last]], sizes)
    return newest
