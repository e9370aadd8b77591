"""What rows, decisions and documents of one release say of each other.

In: row groups and decisions, as they are read. Out: what does not fit. Always holds: all of it follows
from how a release is made, so no origin can break it; memory is bounded by 64 bytes a row and 100 a
decision of stage dedup.

    (1) rows of one revision say the same of it
    (2) a file that a row names beside its own was dropped for that row, and is named by no other row
    (3) what a file was dropped for as a duplicate is released, or was dropped by a later stage
    (4) `cluster_size` is the row's own file and those that were dropped for it
    (5) no file is a row of two editions with contents; the rows of `ids` are theirs, and say the same
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.record import FILE_KEY
from stackyard.release.tables import one_chunk, sha256_bytes

Digests = npt.NDArray[np.bytes_]

DUPLICATE_RULES = ("duplicate-tree", "exact-duplicate", "near-duplicate")
"""Rules of stage dedup that drop a file for one that stands for it, and counts it in its cluster."""

_SAME_BYTES = ("duplicate-tree", "exact-duplicate")
_BEFORE_DEDUP = ("ingest", "filter", "dedup")
_OF_REVISION = ("directory_id", "branch_name", "revision_date", "star_events_count", "fork_events_count")  # fmt: skip
_SAID_TWICE = (*FILE_KEY, "blob_id", "content_sha256", "language", "license_type", "license_expression", "cluster_size", "length_bytes")  # fmt: skip
"""What the edition `ids` repeats of a row, of columns that are no lists."""

Told = tuple[str, str, str]
"""Name of a check, where, and what does not hold."""


class Across:
    """Takes rows and decisions part by part, and says in the end what does not fit."""

    def __init__(self) -> None:
        self._revisions: list[bytes] = []
        self._facts: list[bytes] = []
        self._others: defaultdict[str, list[bytes]] = defaultdict(list)
        self._places: list[bytes] = []
        self._sizes: list[npt.NDArray[np.int64]] = []
        self._keys: defaultdict[str, list[bytes]] = defaultdict(list)
        self._said: defaultdict[str, list[bytes]] = defaultdict(list)
        self._stood_for: list[bytes] = []
        self._later: list[bytes] = []
        self._copies: list[bytes] = []
        self._contents: list[bytes] = []

    def rows(self, edition: str, group: pa.Table) -> None:
        """Takes a row group whose names and origins are well-formed."""
        facts = _unique([group[name] for name in ("repo_name", "revision_id", *_OF_REVISION)])
        self._facts.append(_digest(facts.columns))
        self._revisions.append(_digest(facts.columns[:2]))
        self._keys[edition].append(_digest([group[name] for name in FILE_KEY]))
        self._said[edition].append(_digest([group[name] for name in _SAID_TWICE]))
        self._places.append(_digest([group[n] for n in ("repo_name", "path", "blob_id")]))
        self._sizes.append(np.asarray(one_chunk(group["cluster_size"])))
        self._contents.append(sha256_bytes(group["content_sha256"]))
        lists = one_chunk(group["origins"])
        parents, flat = pc.list_parent_indices(lists), pc.list_flatten(lists)
        own = np.ones(len(flat), bool)
        names = [pc.struct_field(flat, name) for name in FILE_KEY]
        for name, column in zip(FILE_KEY, names, strict=True):
            own &= np.asarray(pc.equal(column, one_chunk(group[name]).take(parents)))
        blobs = one_chunk(group["blob_id"]).take(parents)
        others = pa.table([*names, blobs], names=[*FILE_KEY, "blob_id"]).filter(pa.array(~own))
        self._others[edition].append(_digest(others.columns))

    def decisions(self, table: pa.Table) -> None:
        """Takes decisions (strings) whose evidence is JSON objects."""
        is_dedup = pc.equal(table["stage"], "dedup")
        stands = pc.and_(is_dedup, pc.is_in(table["rule"], value_set=pa.array(DUPLICATE_RULES)))
        same = pc.and_(is_dedup, pc.is_in(table["rule"], value_set=pa.array(_SAME_BYTES)))
        later = pc.invert(pc.is_in(table["stage"], value_set=pa.array(_BEFORE_DEDUP)))
        named = [_representative(text) for text in table["evidence"].filter(stands).to_pylist()]
        self._stood_for.append(
            _digest([pa.array([each[i] for each in named], pa.string()) for i in range(3)])
        )
        gone = table.filter(later)
        self._later.append(_digest([gone[n] for n in ("repo_name", "path", "blob_id")]))
        copies = table.filter(same)
        self._copies.append(_digest([copies[n] for n in (*FILE_KEY, "blob_id")]))

    def faults(self) -> Iterator[Told]:
        """(1) to (5) over a release of which all is there."""
        revisions, facts = np.unique(_all(self._revisions)), np.unique(_all(self._facts))
        if len(facts) != len(revisions):
            what = f"of {len(revisions)} revisions, {len(facts)} different things are said"
            yield "identifiers", "data", what  # (1)
        yield from self._named()
        yield from self._clusters()
        yield from self._editions()

    def _named(self) -> Iterator[Told]:
        """(2)"""
        copies = _all(self._copies)
        for edition, parts in sorted(self._others.items()):
            others = _all(parts)
            unique = np.unique(others)
            if len(unique) != len(others):
                what = f"{len(others) - len(unique)} files are named twice"
                yield "origins", f"data/{edition}", what
            lost = _missing(unique, copies)
            if lost:
                what = f"{lost} files are named that were not dropped as copies of their rows"
                yield "origins", f"data/{edition}", what

    def _clusters(self) -> Iterator[Told]:
        """(3) and (4); an edition repeats what another says."""
        places, first = np.unique(_all(self._places), return_index=True)
        sizes = np.concatenate([np.zeros(0, np.int64), *self._sizes])[first]
        stood_for, counts = np.unique(_all(self._stood_for), return_counts=True)
        lost = _missing(stood_for, np.concatenate([places, _all(self._later)]))
        if lost:
            yield "decisions", "decisions", f"duplicates of {lost} files that are not there"
        found = np.ones(len(places), np.int64)
        if len(places):
            at = np.searchsorted(places, stood_for).clip(max=len(places) - 1)
            here = places[at] == stood_for
            found[at[here]] += counts[here]
        wrong = int((found != sizes).sum())
        if wrong:
            what = f"cluster_size of {wrong} rows is not that of the files dropped for them"
            yield "sizes", "data", what

    def _editions(self) -> Iterator[Told]:
        """(5)"""
        texts = [name for name in self._keys if name != "ids"]
        every = [part for name in texts for part in self._keys[name]]
        keys = _all(every)
        twice = len(keys) - len(np.unique(keys))
        if twice:
            yield "totals match the shards", "data", f"{twice} files are in two editions"
        if "ids" in self._keys:
            said = _all([part for name in texts for part in self._said[name]])
            lost = _missing(said, _all(self._said["ids"]))
            if lost:
                what = f"{lost} rows of other editions are not there, or something else is said"
                yield "totals match the shards", "data/ids", what

    def __len__(self) -> int:
        """Rows that were taken."""
        return sum(len(each) for each in self._sizes)

    def lacking(self, contents: Iterable[str]) -> int:
        """How many of these content_sha256 no row has."""
        asked = sha256_bytes(pa.array(sorted(set(contents)), pa.string()))
        return _missing(_all([asked]), _all(self._contents))


def _representative(evidence: str) -> tuple[str, str, str]:
    """repo_name, path and blob_id of the file that evidence names; empty if it names none."""
    named = json.loads(evidence).get("representative")
    named = named if isinstance(named, dict) else {}
    values = (named.get(name) for name in ("repo_name", "path", "blob_id"))
    return tuple(each if isinstance(each, str) else "" for each in values)  # type: ignore[return-value]


def _unique(columns: list[pa.ChunkedArray]) -> pa.Table:
    names = [str(number) for number in range(len(columns))]
    table = pa.table([_text(column) for column in columns], names=names)
    return table.group_by(names, use_threads=False).aggregate([])


def _text(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """As strings; a null is what no value is."""
    array = one_chunk(column)
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.int64())
    return pc.fill_null(array.cast(pa.string()), "\1")


def _digest(columns: list[pa.ChunkedArray | pa.Array]) -> bytes:
    """SHA-256 of the values of each row, joined."""
    return sha256_bytes(pc.binary_join_element_wise(*map(_text, columns), "\0"))


def _all(parts: list[bytes]) -> Digests:
    """Joined digests as values that sort. NumPy drops NULs at an end: of equal lengths, none is lost."""
    return np.frombuffer(b"".join(parts), dtype="S32")


def _missing(some: Digests, among: Digests) -> int:
    """How many of these are not among those."""
    return int(np.isin(some, among, invert=True).sum())
