"""The laws of rows that a reader can check, over the shards of one copy, row group by row group.

    (a) a shard has the columns of its edition, and as many rows and bytes of text as its manifest says
    (b) content_sha256 is the SHA-256 of content
    (c) rows are sorted by (repo_name, path), in byte order
    (d) every row has the shard's language, and an owner of the shard's buckets
    (e) every row has the licence type of its edition, and evidence if it is permissive (law 7)
    (f) (repo_name, path) and content_sha256 are unique in an edition (law 5)
    (g) no row holds a content that removals.jsonl says is gone (law 3)
    (h) decisions are sorted, no file has two, none is of a released row, and their numbers are the
        manifest's (law 1)

Memory is bounded by a row group and by 64 bytes a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.record import DECISIONS, FILE_KEY, bucket_of
from stackyard.release.manifest import File, Manifest, Shard
from stackyard.release.shards import schema_of
from stackyard.release.tables import one_chunk, sha256_column

SHOWN_MAX = 5
"""Examples of one kind of failure in one file; the count says how many there are."""


@dataclass(frozen=True, order=True)
class Finding:
    """Something that does not hold: where (a path, or what the copy is of), and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class Rows:
    """Reads shards one after the other; what they say together is asked at the end.

    Args:
        gone: content_sha256 of what must not be there.
        admits: which licence expressions a copy filtered by licence may hold; None for all.
    """

    def __init__(
        self,
        gone: AbstractSet[str] = frozenset(),
        admits: Callable[[str | None], bool] | None = None,
    ) -> None:
        self.gone = pa.array(sorted(gone), pa.string())
        self.admits = admits
        self.rows = 0
        self.keys: dict[str, list[bytes]] = {}
        self.contents: dict[str, list[bytes]] = {}

    def shard(self, path: Path, name: str, shard: Shard, *, filtered: bool) -> Iterator[Finding]:
        """What does not hold in one shard: (a) to (e) and (g). A filtered one may have fewer rows."""
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
                for what in self._read(parquet, shard, filtered=filtered):
                    yield Finding(name, what)
        except (OSError, pa.ArrowException) as error:
            yield Finding(name, f"cannot be read as Parquet: {_short(error)}")

    def _read(self, parquet: pq.ParquetFile, shard: Shard, *, filtered: bool) -> Iterator[str]:
        if not parquet.schema_arrow.remove_metadata().equals(schema_of(shard.edition)):
            yield "(a) has other columns than its edition"
            return
        rows = content_bytes = 0
        last: tuple[str, str] = ("", "")
        for number in range(parquet.metadata.num_row_groups):
            group = parquet.read_row_group(number)
            if not len(group):
                continue
            rows += len(group)
            content_bytes += self._bytes(group)
            yield from self._contents(group, shard)
            ordered, last = _order(group, last)
            if not ordered:
                yield f"(c) row group {number} is not in the order of (repo_name, path)"
            yield from self._places(group, shard)
            yield from _licenses(group, shard)
            yield from self._filtered(group)
            self._remember(group, shard.edition)
        self.rows += rows
        if not filtered and (rows, content_bytes) != (shard.rows, shard.content_bytes):
            yield (
                f"(a) has {rows} rows and {content_bytes} bytes of text, the manifest says"
                f" {shard.rows} and {shard.content_bytes}"
            )
        elif rows > shard.rows:
            yield f"(a) has {rows} rows, the release has {shard.rows}"

    @staticmethod
    def _bytes(group: pa.Table) -> int:
        if "content" not in group.column_names:
            return 0
        return int(pc.sum(pc.binary_length(group["content"])).as_py() or 0)

    def _contents(self, group: pa.Table, shard: Shard) -> Iterator[str]:
        told = one_chunk(group["content_sha256"])
        if "content" in group.column_names:
            wrong = pc.not_equal(sha256_column(group["content"]), told)
            yield from _rows("(b) content_sha256 is not that of the content", group.filter(wrong))
        if len(self.gone):
            there = pc.is_in(told, value_set=self.gone)
            yield from _rows("(g) holds a content that was removed", group.filter(there))
        try:
            raw = bytes.fromhex("".join(told.to_pylist()))
        except ValueError:
            raw = b""
        if len(raw) == 32 * len(told):
            self.contents.setdefault(shard.edition, []).append(raw)
        else:
            yield "(b) content_sha256 is not hex of 32 bytes"

    @staticmethod
    def _places(group: pa.Table, shard: Shard) -> Iterator[str]:
        first, last = (int(part, 16) for part in shard.bucket_range.split("-"))
        owners = pc.unique(group["repo_name"]).to_pylist()
        astray = [name for name in owners if not first <= bucket_of(name) <= last]
        if astray:
            yield f"(d) has rows of {astray[0]}, whose owner is of another bucket"
        for language in pc.unique(group["language"]).to_pylist():
            if language != shard.language:
                yield f"(d) has rows of the language {language!r}, not {shard.language!r}"

    def _filtered(self, group: pa.Table) -> Iterator[str]:
        if self.admits is not None:
            for expression in pc.unique(group["license_expression"]).to_pylist():
                if not self.admits(expression):
                    yield f"has rows of the licence {expression}, which was not asked for"

    def _remember(self, group: pa.Table, edition: str) -> None:
        self.keys.setdefault(edition, []).append(_key_digests(group, ("repo_name", "path")))

    def together(self, decisions: pa.Table | None = None) -> Iterator[Finding]:
        """What does not hold over all shards: (f); and against the decisions (h)."""
        for what, parts in (("(repo_name, path)", self.keys), ("content_sha256", self.contents)):
            for edition, digests in sorted(parts.items()):
                values = _voids(b"".join(digests))
                twice = len(values) - len(np.unique(values))
                if twice:
                    yield Finding(f"data/{edition}", f"(f) {twice} rows repeat a {what}")
        if decisions is not None:
            yield from _decided(decisions)


def decisions(paths: list[tuple[str, Path]]) -> tuple[pa.Table, list[Finding]]:
    """All decisions of a copy, and what does not hold in single files of them."""
    schema = pa.schema([*(DECISIONS.field(name) for name in FILE_KEY),
                        DECISIONS.field("stage"), DECISIONS.field("rule")])  # fmt: skip
    tables = [schema.empty_table()]
    findings = []
    for name, path in paths:
        try:
            table = pq.read_table(path, columns=schema.names, partitioning=None).cast(schema)
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            findings.append(Finding(name, f"(h) cannot be read as decisions: {_short(error)}"))
            continue
        order = pc.sort_indices(table, [(key, "ascending") for key in FILE_KEY])
        if not table.select(FILE_KEY).take(order).equals(table.select(FILE_KEY)):
            findings.append(Finding(name, "(h) is not in the order of its key"))
        tables.append(table)
    return pa.concat_tables(tables), findings


def totals(manifest: Manifest, table: pa.Table) -> Iterator[Finding]:
    """Whether a whole release's decisions and rows are those that its totals count (law 1)."""
    told = manifest.totals
    counted: Counter[tuple[str, str]] = Counter()
    for group in table.group_by(["stage", "rule"]).aggregate([([], "count_all")]).to_pylist():
        counted[group["stage"], group["rule"]] = group["count_all"]
    # Nothing of an opted-out origin is named, so those are in the totals alone.
    listed = {
        (part.stage, part.rule): part.files for part in told.dropped if part.stage != "optout"
    }
    for key in sorted(listed.keys() | counted.keys()):
        if listed.get(key, 0) != counted[key]:
            yield Finding(
                "decisions",
                f"(h) {counted[key]} files dropped by {'/'.join(key)}, the manifest says"
                f" {listed.get(key, 0)}",
            )
    with_text = sum(file.shard.rows for file in _with_text(manifest) if file.shard)
    if with_text != sum(share.rows for share in told.languages):
        yield Finding("manifest.json", "the languages do not add up to the rows of the shards")
    balance = told.files_kept + sum(part.files for part in told.dropped)
    if told.files_seen != balance:
        yield Finding("manifest.json", f"{told.files_seen} files seen are not {balance} decided")


def _with_text(manifest: Manifest) -> list[File]:
    return [file for file in manifest.shards if file.shard and file.shard.edition != "ids"]


def _decided(table: pa.Table) -> Iterator[Finding]:
    twice = len(table) - len(np.unique(_voids(_key_digests(table, FILE_KEY))))
    if twice:
        yield Finding("decisions", f"(h) {twice} files have two decisions")


def _order(group: pa.Table, last: tuple[str, str]) -> tuple[bool, tuple[str, str]]:
    names, paths = (one_chunk(group[name]) for name in ("repo_name", "path"))
    same = pc.equal(names[:-1], names[1:])
    rising = pc.or_(pc.less(names[:-1], names[1:]), pc.and_(same, pc.less(paths[:-1], paths[1:])))
    first = (names[0].as_py(), paths[0].as_py())
    ordered = pc.all(rising).as_py() is not False and _raw(last) < _raw(first)
    return ordered, (names[-1].as_py(), paths[-1].as_py())


def _raw(key: tuple[str, str]) -> tuple[bytes, ...]:
    return tuple(part.encode() for part in key)


def _licenses(group: pa.Table, shard: Shard) -> Iterator[str]:
    kinds = group["license_type"]
    if shard.edition in {"permissive", "no_license"}:
        yield from _rows(
            f"(e) is not {shard.edition}", group.filter(pc.not_equal(kinds, shard.edition))
        )
    bare = pc.and_(
        pc.equal(kinds, "permissive"),
        pc.equal(pc.list_value_length(group["license_evidence"]), 0),
    )
    yield from _rows("(e) has no licence evidence", group.filter(bare))


def _rows(what: str, rows: pa.Table) -> Iterator[str]:
    if len(rows):
        shown = rows.slice(0, SHOWN_MAX).select(["repo_name", "path"]).to_pylist()
        names = ", ".join(f"{row['repo_name']}/{row['path']}" for row in shown)
        yield f"{what}: {names}" + (
            f" and {len(rows) - SHOWN_MAX} more" if len(rows) > SHOWN_MAX else ""
        )


def _key_digests(table: pa.Table, names: tuple[str, ...]) -> bytes:
    keys = pc.binary_join_element_wise(*(one_chunk(table[name]) for name in names), "\0")
    return bytes.fromhex("".join(sha256_column(keys).to_pylist()))


def _voids(raw: bytes) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    return np.frombuffer(raw, dtype=np.dtype((np.void, 32)))


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
