r"""Identical directories: vendored copies, forks and mirrors, recognised by directory identifier.

In: FILES and origins. Out: DIRECTORIES, COPIES. Nothing is dropped here; `decide` drops whole
repositories whose tree another one has if `trees: drop` says so.

A directory's id is the SHA-1 that git and SWHID 1.2 (clause 5.3) give a tree: over
`tree <length>\0` and its entries `<mode> <name>\0<id>`, sorted by name, a directory's name as if it
ended in `/`; mode `40000` for a directory, `100644` for a file. The table of files knows neither
modes nor what earlier stages dropped, so it is the SWHID of the directory *as it is in the table*:
that of the origin's own directory where all its entries are plain files that are in. Whole
repositories are compared by the id that ingest took from the origin itself (ORIGINS.directory_id).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.dedup.order import Ranked
from stackyard.record import BLOB_ID

DIRECTORIES = pa.schema(
    [
        pa.field("repo_name", pa.string(), nullable=False),
        pa.field("revision_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("directory_id", BLOB_ID, nullable=False),
        pa.field("file_count", pa.int64(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
    ]
)
"""Every directory that holds a file, sorted by (repo_name, revision_id, path); the root's path is
empty. Counts and sizes are of all files below."""

COPIES = pa.schema(
    [
        *DIRECTORIES,
        pa.field("copy_of_repo_name", pa.string(), nullable=False),
        pa.field("copy_of_path", pa.string(), nullable=False),
    ]
)
"""Directories that equal another one, and which: the first of its id by (repo_name, revision_id,
path). A directory inside one that is listed is not listed again. Sorted as DIRECTORIES."""


@dataclass(frozen=True)
class _Level:
    """Entries of directories of one depth: files and directories that are done."""

    table: pa.Table

    @staticmethod
    def of(entries: list[pa.Table]) -> _Level:
        table = pa.concat_tables(entries)
        by = [("origin", "ascending"), ("parent", "ascending"), ("key", "ascending")]
        return _Level(table.take(pc.sort_indices(table, by)).combine_chunks())

    def closed(self) -> pa.Table:
        """The directories: origin, path, directory_id, file_count, size_bytes."""
        table = self.table
        parents = table["parent"].combine_chunks()
        origins = table["origin"].to_numpy()
        moved = pc.not_equal(parents.slice(1), parents.slice(0, len(parents) - 1)).to_numpy(False)
        starts = np.flatnonzero(np.concatenate([[True], moved | (origins[1:] != origins[:-1])]))
        lines = pc.binary_join_element_wise(
            table["mode"].cast(pa.large_binary()),
            table["name"].cast(pa.large_binary()),
            pa.array([b" "] * table.num_rows, pa.large_binary()),
        )
        bodies = pc.binary_join_element_wise(
            lines,
            table["id"].cast(pa.large_binary()),
            pa.array([b"\0"] * table.num_rows, pa.large_binary()),
        ).combine_chunks()
        ids = _hashed(bodies, np.append(starts, table.num_rows))
        sums = {
            name: np.add.reduceat(table[name].to_numpy(), starts)
            for name in ("file_count", "size_bytes")
        }
        return pa.table(
            {
                "origin": origins[starts],
                "path": parents.take(pa.array(starts)),
                "directory_id": pa.array(ids, BLOB_ID),
                **sums,
            }
        )


def _hashed(bodies: pa.LargeBinaryArray, cuts: np.ndarray) -> list[bytes]:
    """SHA-1 of trees: entries cuts[i]..cuts[i + 1] of `bodies`, which lie side by side."""
    _, offsets, data = bodies.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[bodies.offset :][cuts].tolist()
    view = memoryview(data)
    result = []
    for start, stop in pairwise(ends):
        state = hashlib.sha1(b"tree %d\0" % (stop - start), usedforsecurity=False)
        state.update(view[start:stop])
        result.append(state.digest())
    return result


def directories(files: pa.Table) -> pa.Table:
    """DIRECTORIES of FILES, from the deepest up."""
    if files.num_rows == 0:
        return DIRECTORIES.empty_table()
    names = files.select(["repo_name", "revision_id"]).combine_chunks()
    keys = pc.binary_join_element_wise(names["repo_name"], names["revision_id"], "\0")
    encoded = keys.combine_chunks().dictionary_encode()
    first = np.unique(encoded.indices.to_numpy(), return_index=True)[1]
    origins = names.take(pa.array(first))
    entries = _entries(
        pa.array(encoded.indices.to_numpy().astype(np.int64)),
        files["path"],
        files["blob_id"],
        {
            "file_count": pa.array(np.ones(files.num_rows, dtype=np.int64)),
            "size_bytes": files["length_bytes"],
        },
        "100644",
    )
    done: list[pa.Table] = []
    pending = pa.schema(entries.schema).empty_table()
    for depth in range(int(pc.max(entries["depth"]).as_py()), -1, -1):
        here = pc.equal(entries["depth"], depth)
        level = _Level.of([entries.filter(here), pending.filter(pc.equal(pending["depth"], depth))])
        closed = level.closed()
        done.append(closed)
        if depth > 0:
            sums = {name: closed[name] for name in ("file_count", "size_bytes")}
            pending = _entries(
                closed["origin"], closed["path"], closed["directory_id"], sums, "40000"
            )
    table = pa.concat_tables(done).combine_chunks()
    named = origins.take(table["origin"])
    columns = [*named.columns, *(table[name] for name in DIRECTORIES.names[2:])]
    whole = pa.Table.from_arrays(columns, schema=DIRECTORIES)
    by = [(name, "ascending") for name in DIRECTORIES.names[:3]]
    return whole.take(pc.sort_indices(whole, by)).combine_chunks()


def _entries(
    origin: pa.Array, path: pa.ChunkedArray, ids: pa.Array, sums: dict[str, pa.Array], mode: str
) -> pa.Table:
    """Entries of their parent directories. `depth` is that of the parent, 0 for the root."""
    parts = pc.extract_regex(path, r"(?s)^(?:(?P<parent>.*)/)?(?P<name>[^/]*)$")
    parent, name = (pc.struct_field(parts, [field]) for field in ("parent", "name"))
    depth = pc.count_substring(path, "/")
    end = "/" if mode == "40000" else ""
    return pa.table(
        {
            "origin": origin,
            "parent": parent,
            "key": pc.binary_join_element_wise(name, end, ""),
            "name": name,
            "mode": pa.array([mode] * len(path)),
            "id": ids,
            "depth": pc.cast(depth, pa.int64()),
            **sums,
        }
    )


def copies(held: pa.Table) -> pa.Table:
    """COPIES among DIRECTORIES: the outermost ones."""
    codes = held["directory_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    original = first[inverse]
    is_copy = original != np.arange(held.num_rows)
    parents = _parents(held)
    outer = is_copy & ~(is_copy[parents] & (parents != np.arange(held.num_rows)))
    rows = np.flatnonzero(outer)
    of = held.select(["repo_name", "path"]).take(pa.array(original[rows]))
    columns = [*held.take(pa.array(rows)).columns, *of.columns]
    return pa.Table.from_arrays(columns, schema=COPIES).combine_chunks()


def _parents(held: pa.Table) -> np.ndarray:
    """The row of the parent of each directory; of itself for a root."""
    table = held.select(["repo_name", "revision_id", "path"]).combine_chunks()
    above = pc.replace_substring_regex(table["path"], r"(?s)(^|/)[^/]*$", "")
    keys = [
        pc.binary_join_element_wise(table["repo_name"], table["revision_id"], path, "\0")
        for path in (table["path"], above)
    ]
    parents = pc.index_in(keys[1], value_set=keys[0].combine_chunks()).to_numpy().astype(np.int64)
    roots = pc.equal(table["path"], "").to_numpy()
    return np.where(roots, np.arange(held.num_rows), parents)


def copied_files(files: pa.Table, origins: pa.Table, ranked: Ranked) -> np.ndarray:
    """bool[files]: of a repository whose whole tree is that of another one, which stays.

    The one that stays has the best file of all that are equal. Only trees of which every file is
    current count, and only files whose bytes the one that stays still has (an opt-out may have
    taken one of them out there alone): so whatever is dropped has a representative.
    """
    count = origins.num_rows
    order = pc.sort_indices(origins, [("repo_name", "ascending"), ("revision_id", "ascending")])
    ids = origins["directory_id"].take(order).combine_chunks()
    tree = ids.dictionary_encode().indices.to_numpy().astype(np.int64)
    whole = pc.not_equal(ids, "").to_numpy(zero_copy_only=False).copy()
    whole[ranked.place[~ranked.current]] = False
    best = np.full(count, files.num_rows, dtype=np.int64)
    np.minimum.at(best, ranked.place[ranked.order], np.arange(files.num_rows))
    whole &= best < files.num_rows
    by_best = np.argsort(best, kind="stable")
    by_best = by_best[whole[by_best]]
    stays = np.full(count, -1, dtype=np.int64)
    _, first, inverse = np.unique(tree[by_best], return_index=True, return_inverse=True)
    stays[by_best] = by_best[first[inverse]]
    copied = whole & (stays != np.arange(count))
    blob = files["blob_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    holders = (ranked.place << 32) | blob
    wanted = (stays[ranked.place] << 32) | blob
    return copied[ranked.place] & np.isin(wanted, holders)
