"""The release gate: the laws that a release can break, checked over what would be published.

In: the tables and bytes of a finished release tree. Out: a verdict a check, each with its evidence.
Always holds: a check that was not made is a failed one; every check is made before the gate refuses,
so that one run shows all there is to mend; memory is bounded by a row group and by 64 bytes a row.

    (1) conservation   every file seen has exactly one decision, and totals and decisions/ say so
    (2) determinism    the manifest is canonical, generated documents are what it generates, and the
                       bytes of every file have the listed hash; nothing else is in the tree
    (3) absence        nothing that an opt-out names is released or has a decision in the tree, and no
                       content that is listed as removed
    (5) uniqueness     (repo_name, path) and content_sha256 are unique in an edition; no near-duplicates
    (6) no leak        neither scanner finds anything in the released texts
    (7) evidence       each row has a licence type that its edition allows, and evidence for it
    (8) atomicity      the release names the one it follows, and a version above it
    (9) fail closed    Arrow reads every shard back: columns, rows, order, places, hashes, row groups

Law 4 (increment) and law 10 (least removal) are of builds and requests: tests hold them. Who hands in
tables of violations answers for having looked for them over this very tree.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.errors import GateRefused, StackyardError
from stackyard.params import plain
from stackyard.record import DECISIONS, FILE_KEY
from stackyard.release import card, citation, croissant, removals
from stackyard.release.manifest import File, Manifest
from stackyard.release.names import UNLISTED, bucket_range_of
from stackyard.release.params import Params
from stackyard.release.semver import version_key
from stackyard.release.shards import schema_digest, schema_of
from stackyard.release.tables import one_chunk, row_bytes, sha256_bytes, sha256_column
from stackyard.release.totals import TALLY_COLUMNS, Tally, tally

_BLOCK_BYTES = 1 << 20
_SHOWN_MAX = 5
"""Examples of a failure; the count says how many there are."""
_SHOWN_CHARS_MAX = 400
"""Of an example: a rule, a whole SHA-256 and most paths; what must be copied stands before them."""

_LICENSE_TYPES = {
    "permissive": ("permissive",),
    "no_license": ("no_license",),
    "ids": ("permissive", "no_license"),
}
"""What each edition may hold (law 7)."""


@dataclass(frozen=True)
class Check:
    """A verdict: the law, what was checked, whether it holds, and what was found."""

    law: int
    name: str
    holds: bool
    evidence: str

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "BROKEN"
        return f"({self.law}) {self.name}: {verdict}: {self.evidence}"


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the pipeline hands in beside the tree; None means that nobody looked, and fails.

    Attributes:
        listing: LISTING of every file that ingest saw.
        decisions: DECISIONS of every stage.
        rows: the rows to release (`shards.published`); FILE_KEY is read.
        optouts: released rows that an opt-out names; any columns.
        near_duplicates: pairs of released files above the similarity threshold; any columns.
        leaks: by scanner, its findings in the released texts; any columns, no values of secrets.
    """

    listing: pa.Table | None = None
    decisions: tuple[pa.Table, ...] = ()
    rows: pa.Table | None = None
    optouts: pa.Table | None = None
    near_duplicates: pa.Table | None = None
    leaks: Mapping[str, pa.Table] = field(default_factory=dict)


_OPTED_OUT = "optout"
"""The stage whose decisions are never published."""

_REMOVALS = "removals.jsonl"

SCANNERS_MIN = 2
"""The scanner that redacted, and a second one that shares no rule with it (law 6)."""

Open = Callable[[str], IO[bytes]]
"""Opens a file of the tree for reading, by its path."""


def check(
    manifest: bytes, paths: Iterable[str], open_file: Open, evidence: Evidence, params: Params
) -> tuple[Check, ...]:
    """All checks, in the order of the laws.

    Args:
        manifest: the bytes of manifest.json.
        paths: every path in the tree, manifest.json and manifest.dsse.json too.
        open_file: reads the tree.
        evidence: tables of the build.
        params: of the release.
    """
    try:
        release = Manifest.parse(manifest)
    except StackyardError as error:
        return (Check(2, "manifest", holds=False, evidence=str(error.found or error.what)),)
    scan = Scan(params)
    for file in release.shards:
        scan.shard(file, open_file)
    return (
        *_conservation(release, evidence),
        *_totals(release, scan),
        *([] if evidence.rows is None else [scan.kept(evidence.rows)]),
        _published(release, open_file, evidence),
        *_bytes(release, paths, open_file),
        *_generated(release),
        _parameters(release, params),
        _none("opt-outs", 3, evidence.optouts, "released rows that an opt-out names"),
        scan.removed(release, open_file),
        *scan.uniqueness(),
        _none("near-duplicates", 5, evidence.near_duplicates, "pairs above the threshold"),
        *_leaks(evidence.leaks),
        scan.verdict(7, "licence evidence"),
        _follows(release),
        scan.verdict(9, "read-back"),
        _columns(release),
    )


def require(checks: Iterable[Check]) -> None:
    """Passes if every check holds.

    Raises:
        GateRefused: one does not; it lists all of them.
    """
    broken = [one for one in checks if not one.holds]
    if broken:
        raise GateRefused(
            f"the release gate refused: {len(broken)} checks do not hold; nothing was published",
            found="\n    ".join(str(one) for one in broken),
            next_step="the gate guards against faults of Stackyard's own: nothing that an origin holds"
            " can break it (docs/release-format.md). Remove work/ and release again; if the"
            " same check fails, report it",
        )


def _conservation(release: Manifest, evidence: Evidence) -> Iterator[Check]:
    """(1) listings == kept + decisions, file by file and in the totals."""
    if evidence.listing is None or evidence.rows is None:
        yield Check(1, "conservation", holds=False, evidence="no listing or no rows were handed in")
        return
    keys = list(FILE_KEY)
    schema = pa.schema([(name, pa.string()) for name in keys])
    decided = [evidence.rows, *evidence.decisions]
    every = pa.concat_tables([part.select(keys).cast(schema) for part in decided])
    seen = evidence.listing.select(keys).cast(schema)
    groups = every.group_by(keys, use_threads=False).aggregate([([], "count_all")])
    twice = groups.filter(pc.greater(groups["count_all"], 1))
    yield _verdict(1, "one decision a file", [*_names(twice)], len(twice), len(groups))
    undecided = seen.join(groups, keys, join_type="left anti")
    unseen = groups.join(seen, keys, join_type="left anti")
    apart = len(undecided) + len(unseen)
    yield _verdict(
        1, "decisions match the listing", [*_names(undecided), *_names(unseen)], apart, len(seen)
    )
    totals = release.totals
    dropped: Counter[tuple[str, str]] = Counter()
    for part in evidence.decisions:
        for group in part.group_by(["stage", "rule"]).aggregate([([], "count_all")]).to_pylist():
            dropped[group["stage"], group["rule"]] += group["count_all"]
    told = {(part.stage, part.rule): part.files for part in totals.dropped}
    balance = totals.files_kept + sum(told.values())
    holds = (
        totals.files_seen == len(seen) == balance
        and totals.files_kept == len(evidence.rows)
        and told == dict(dropped)
    )
    yield Check(
        1,
        "totals balance",
        holds,
        f"{totals.files_seen} seen = {totals.files_kept} kept + {sum(told.values())} dropped;"
        f" the tables have {len(seen)}, {len(evidence.rows)}, {sum(dropped.values())}",
    )


def _totals(release: Manifest, scan: Scan) -> Iterator[Check]:
    """(1) the numbers of the manifest are those of its shards."""
    totals, counted = release.totals, scan.counted
    told = Tally(totals.languages, totals.licenses, totals.redactions)
    content = sum(share.content_bytes for share in counted.languages)
    holds = told == counted and totals.content_bytes == content
    yield Check(
        1,
        "totals match the shards",
        holds,
        f"{content} bytes of text in the shards, {totals.content_bytes} in the totals"
        + ("" if told == counted else "; languages, licences or redactions differ"),
    )


def _published(release: Manifest, open_file: Open, evidence: Evidence) -> Check:
    """(1) decisions/ has every decision; (3) but none of what was opted out."""
    told = [part.filter(pc.not_equal(part["stage"], _OPTED_OUT)) for part in evidence.decisions]
    expected = _decided(told)
    found = []
    try:
        for file in release.files:
            if file.kind == "decisions":
                with open_file(file.path) as source:
                    found.append(pq.read_table(source, columns=list(DECISIONS.names)))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        return Check(1, "decisions are published", holds=False, evidence=str(error)[:120])
    published = _decided(found)
    return Check(
        1,
        "decisions are published",
        published == expected,
        f"{sum(len(part) for part in found)} in the tree, {sum(len(part) for part in told)} made"
        " that are of no opt-out",
    )


def _decided(parts: Iterable[pa.Table]) -> pa.Table:
    """Files with the stage and rule that dropped them, sorted."""
    names = [*FILE_KEY, "stage", "rule"]
    schema = pa.schema([(name, pa.string()) for name in names])
    every = pa.concat_tables([schema.empty_table(), *(p.select(names).cast(schema) for p in parts)])
    order = pc.sort_indices(every, [(name, "ascending") for name in names])
    return every.take(order).combine_chunks()


def _bytes(release: Manifest, paths: Iterable[str], open_file: Open) -> Iterator[Check]:
    """(2) the tree is the listed files, with the listed bytes."""
    present, listed = set(paths) - set(UNLISTED), {file.path for file in release.files}
    apart = sorted(present ^ listed)
    yield _verdict(2, "files are those listed", apart, len(apart), len(listed))
    wrong = [
        file.path
        for file in release.files
        if file.path in present and _sum(open_file, file.path) != (file.sha256, file.size_bytes)
    ]
    yield _verdict(2, "hashes match", wrong, len(wrong), len(release.files))


def _generated(release: Manifest) -> Iterator[Check]:
    """(2) documents say what the manifest says."""
    made = {
        "README.md": card.render(release).encode(),
        "CITATION.cff": citation.render(release).encode(),
        "croissant.json": croissant.render(release),
    }
    wrong = []
    for path, content in made.items():
        file = release.file(path)
        if file is None:
            wrong.append(f"{path} is missing")
        elif file.sha256 != hashlib.sha256(content).hexdigest():
            wrong.append(path)
    yield _verdict(2, "documents are generated", wrong, len(wrong), len(made))


def _parameters(release: Manifest, params: Params) -> Check:
    """(2) the layout is that of the parameters that the manifest names."""
    named = release.params.get("release")
    return Check(
        2, "parameters", named == plain(params), "section release of the manifest's parameters"
    )


def _leaks(leaks: Mapping[str, pa.Table]) -> Iterator[Check]:
    """(6) two scanners, no finding."""
    yield Check(
        6,
        "two scanners",
        len(leaks) >= SCANNERS_MIN,
        f"scanned by {', '.join(sorted(leaks)) or 'none'}",
    )
    for name in sorted(leaks):
        yield _none(f"scan by {name}", 6, leaks[name], "findings in the released texts")


def _follows(release: Manifest) -> Check:
    """(8) the chain of releases goes up."""
    before = release.previous
    holds = before is None or version_key(before.version) < version_key(release.version)
    after = f"after {before.version}" if before else "the first"
    return Check(8, "version order", holds, f"{release.version} is {after}")


def _columns(release: Manifest) -> Check:
    """(9) the manifest's columns are this version's."""
    return Check(
        9, "columns", release.schema_sha256 == schema_digest(), f"schema {release.schema_sha256}"
    )


class Scan:
    """What reading every shard once shows, row group by row group."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self.counted = Tally()
        self.rows = 0
        self.wrong: dict[int, list[str]] = {7: [], 9: []}
        self.content: dict[str, list[bytes]] = {}
        self.places: dict[str, list[bytes]] = {}

    def shard(self, file: File, open_file: Open) -> None:
        try:
            with open_file(file.path) as source:
                self._read(file, pq.ParquetFile(source, page_checksum_verification=True))
        except (OSError, ValueError, pa.ArrowException) as error:  # names that are not UTF-8
            self._tell(9, f"{file.path} cannot be read: {str(error)[:120]}")

    def verdict(self, law: int, name: str) -> Check:
        return _verdict(law, name, self.wrong[law], len(self.wrong[law]), self.rows)

    def uniqueness(self) -> Iterator[Check]:
        """(5) over all shards of an edition."""
        for name, digests in (("repo_name and path", self.places), ("content", self.content)):
            twice = {edition: _repeated(parts) for edition, parts in sorted(digests.items())}
            found = [f"{edition}: {count}" for edition, count in twice.items() if count]
            yield _verdict(5, f"{name} unique in an edition", found, sum(twice.values()), self.rows)

    def removed(self, release: Manifest, open_file: Open) -> Check:
        """(3) what removals.jsonl says is gone is gone."""
        if release.file(_REMOVALS) is None:
            return Check(3, "removals", holds=False, evidence=f"{_REMOVALS} is missing")
        try:
            with open_file(_REMOVALS) as source:
                gone = removals.gone(source.read())
        except (OSError, StackyardError) as error:
            return Check(3, "removals", holds=False, evidence=str(error)[:120])
        every = _values([part for parts in self.content.values() for part in parts])
        there = np.intersect1d(every, _values([bytes.fromhex("".join(sorted(gone)))]))
        shown = [value.tobytes().hex() for value in there[:_SHOWN_MAX]]
        return _verdict(3, "removals", shown, len(there), len(gone))

    def kept(self, rows: pa.Table) -> Check:
        """(1) the shards hold the files that are kept, and no other."""
        keys = pc.binary_join_element_wise(rows["repo_name"], rows["path"], "\0")
        told = _values([sha256_bytes(keys)])
        read = np.unique(_values([part for parts in self.places.values() for part in parts]))
        apart = np.setxor1d(told, read)
        return _verdict(1, "kept files are in the shards", [], len(apart), len(told))

    def _tell(self, law: int, found: str) -> None:
        self.wrong[law].append(found)

    def _read(self, file: File, parquet: pq.ParquetFile) -> None:
        shard = file.shard
        assert shard is not None
        if not parquet.schema_arrow.remove_metadata().equals(schema_of(shard.edition)):
            self._tell(9, f"{file.path} has other columns")
            return
        if parquet.metadata.num_rows != shard.rows or not shard.rows:
            self._tell(9, f"{file.path} has {parquet.metadata.num_rows} rows, not {shard.rows}")
        last: tuple[str, str] = ("", "")
        content_bytes = 0
        for number in range(parquet.metadata.num_row_groups):
            group = parquet.read_row_group(number)
            group.validate(full=True)  # Parquet readers take any bytes for a string
            if not len(group):
                self._tell(9, f"{file.path}: row group {number} is empty")
                continue
            self._bounds(file, number, group)
            self._places(file, group)
            last = self._order(file, group, last)
            self._licenses(file, group)
            self._hashes(file, group)
            if "content" in group.column_names:
                content_bytes += pc.sum(pc.binary_length(group["content"])).as_py() or 0
                self.counted += tally(group.select(TALLY_COLUMNS))
            self.rows += len(group)
        if content_bytes != shard.content_bytes:
            self._tell(9, f"{file.path} has {content_bytes} bytes of text")

    def _bounds(self, file: File, number: int, group: pa.Table) -> None:
        """(9) no row group is over the bounds, but for a single row."""
        size = int(row_bytes(group).sum())
        over = size > self.params.row_group_bytes_max and len(group) > 1
        if over or len(group) > self.params.row_group_rows_max:
            self._tell(9, f"{file.path}: row group {number} has {size} bytes, {len(group)} rows")

    def _places(self, file: File, group: pa.Table) -> None:
        """(9) every row lies where its language and owner say."""
        shard = file.shard
        assert shard is not None
        names = pc.unique(group["repo_name"]).to_pylist()
        ranges = {bucket_range_of(name, self.params.bucket_ranges) for name in names}
        if ranges - {shard.bucket_range}:
            self._tell(9, f"{file.path} has owners of other buckets")
        if pc.unique(group["language"]).to_pylist() != [shard.language]:
            self._tell(9, f"{file.path} has rows of another language")

    def _order(self, file: File, group: pa.Table, last: tuple[str, str]) -> tuple[str, str]:
        """(9) rows are in canonical order; (5) their keys are gathered."""
        names, paths = (one_chunk(group[name]) for name in ("repo_name", "path"))
        edition = file.shard.edition if file.shard else ""
        keys = pc.binary_join_element_wise(names, paths, "\0")
        self.places.setdefault(edition, []).append(sha256_bytes(keys))
        ordered = len(keys) < 2 or pc.all(pc.less_equal(keys[:-1], keys[1:])).as_py()  # noqa: PLR2004
        first = (names[0].as_py(), paths[0].as_py())
        if not ordered or first < last:
            self._tell(9, f"{file.path} is not in the order of repo_name and path")
        return names[-1].as_py(), paths[-1].as_py()

    def _licenses(self, file: File, group: pa.Table) -> None:
        """(7) the licence type is the edition's, and what is permissive has evidence."""
        edition = file.shard.edition if file.shard else ""
        allowed = pa.array(_LICENSE_TYPES.get(edition, ()), pa.string())
        kinds = group["license_type"]
        wrong = pc.invert(pc.is_in(kinds, value_set=allowed))
        bare = pc.and_(
            pc.equal(kinds, "permissive"),
            pc.or_(
                pc.equal(pc.list_value_length(group["license_evidence"]), 0),
                pc.is_null(group["license_expression"]),
            ),
        )
        for row in group.filter(pc.or_(wrong, bare)).select(["repo_name", "path"]).to_pylist():
            self._tell(7, f"{edition}: {row['repo_name']}/{row['path']}")

    def _hashes(self, file: File, group: pa.Table) -> None:
        """(9) content_sha256 is that of the content; (5) what was read is gathered."""
        edition = file.shard.edition if file.shard else ""
        told = one_chunk(group["content_sha256"])
        read = sha256_column(group["content"]) if "content" in group.column_names else told
        for row in group.filter(pc.not_equal(read, told)).select(["repo_name", "path"]).to_pylist():
            self._tell(9, f"{file.path}: content_sha256 of {row['repo_name']}/{row['path']}")
        if not pc.all(pc.match_substring_regex(read, "^[0-9a-f]{64}$")).as_py():
            self._tell(9, f"{file.path}: a content_sha256 is no SHA-256")
            return
        self.content.setdefault(edition, []).append(bytes.fromhex("".join(read.to_pylist())))


def _repeated(parts: list[bytes]) -> int:
    """How many of the 32-byte values repeat another."""
    values = _values(parts)
    return len(values) - len(np.unique(values))


def _values(parts: list[bytes]) -> npt.NDArray[np.void]:
    """The 32-byte values of joined digests."""
    return np.frombuffer(b"".join(parts), dtype=np.dtype((np.void, 32)))


def _sum(open_file: Open, path: str) -> tuple[str, int]:
    state, size = hashlib.sha256(), 0
    with open_file(path) as source:
        while block := source.read(_BLOCK_BYTES):
            state.update(block)
            size += len(block)
    return state.hexdigest(), size


def _none(name: str, law: int, violations: pa.Table | None, what: str) -> Check:
    if violations is None:
        return Check(law, name, holds=False, evidence="nobody looked")
    shown = [
        " ".join(str(value) for value in row.values())[:_SHOWN_CHARS_MAX]
        for row in violations.slice(0, _SHOWN_MAX).to_pylist()
    ]
    return Check(
        law,
        name,
        len(violations) == 0,
        f"{len(violations)} {what}" + "".join(f"; {example}" for example in shown),
    )


def _names(table: pa.Table) -> list[str]:
    rows = table.slice(0, _SHOWN_MAX).select(["repo_name", "path"]).to_pylist()
    return [f"{row['repo_name']}/{row['path']}" for row in rows]


def _verdict(law: int, name: str, wrong: list[str], count: int, of: int) -> Check:
    shown = "".join(f"; {found}" for found in wrong[:_SHOWN_MAX])
    return Check(law, name, count == 0, f"{count} of {of} are wrong{shown}")
