"""The checks that whoever has a release can make: one list, for the gate and for `stackyard verify`.

In: a manifest, and the files that are there of its release. Out: a verdict a check, and what does not
hold, with its place. Always holds: every check of RULES is made or has failed; what a hostile file
makes a reader raise is a finding; memory is bounded by a row group and by 100 bytes a row, and where
the presence tree is asked for by its keys, some 300 bytes a row more.

A release that was signed by the right key can still lie: by mistake, by a stolen key, by a publisher who
wants to. So nothing here is believed because it is listed. What only the builder can know (what ingest
saw, near-duplicates, secrets, the private part of opt-outs) is left to `gate`.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import IO, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard import __version__
from stackyard.errors import StackyardError, shown
from stackyard.params import build
from stackyard.record import DECISIONS, FILE_KEY, bucket_of
from stackyard.release import card, citation, croissant, owed, removals, row_rules, stored
from stackyard.release.across import Across
from stackyard.release.manifest import File, Manifest, Shard
from stackyard.release.names import UNLISTED, bucket_range, bucket_range_of, is_bucket_range
from stackyard.release.params import Params
from stackyard.release.semver import FIRST, Bump, next_version, version_key
from stackyard.release.shards import schema_digest, schema_of
from stackyard.release.tables import one_chunk, row_bytes, sha256_bytes
from stackyard.release.totals import TALLY_COLUMNS, Tally, tally

Open = Callable[[str], IO[bytes]]
"""Opens a file of the tree for reading, by its path."""

_BLOCK_BYTES = 1 << 20
SHOWN_MAX = 5
"""Examples of a failure; the count says how many there are."""


@dataclass(frozen=True)
class Rule:
    """A check: its law, its name, and what holds when it does (a row of docs/release-format.md)."""

    law: int
    name: str
    holds_if: str


RULES = (
    Rule(1, "totals add up", "`files_seen` = `files_kept` + dropped, `bytes_kept` is no more "
                             "than `bytes_seen`, and nothing is dropped for opt-outs where none "
                             "is in force, or by a rule that these have not"),
    Rule(1, "totals match the shards", "files, bytes, languages, licences and redactions are "
                                       "those that the shards have; no file is in two editions, "
                                       "and `ids` says what the others say"),
    Rule(1, "decisions", "decisions/ can be read, is sorted, has a file once, in its range, with "
                         "well-formed names and evidence, none of stage `optout`; their numbers "
                         "are the manifest's; what stands for a duplicate is there, or was "
                         "dropped by a later stage"),
    Rule(1, "no released file is dropped", "no released row has a decision"),
    Rule(2, "files are those listed", "the tree has the listed files and the two that cannot be "
                                      "listed; names at its top that start with a dot are no part of it"),
    Rule(2, "hashes match", "size and SHA-256 of every file are the listed ones"),
    Rule(2, "documents are generated", "card, citation and Croissant are what the manifest "
                                       "generates, and the changelog begins with this version; "
                                       "the changelog is text and can do no more than be read"),
    Rule(2, "layout", "the manifest names the section `release` that says how rows are laid out, "
                      "and has the editions, the dataset and the ranges that it says; every file "
                      "has a name that a release gives"),
    Rule(3, "removals", "removals.jsonl is there, well-formed and in order, and no released "
                        "content is one that it says is gone; where the changelog has removed "
                        "rows it has lines of this version, and what these call moved or restored is there"),
    Rule(3, "registry", "the log is what its checkpoint was signed for and what the manifest "
                        "names; `optouts` is how many requests are in force; nothing that a "
                        "listed request names is released"),
    Rule(3, "presence", "the root in registry/presence.json is that of the rows"),
    Rule(5, "repo_name and path unique in an edition", "over all its shards"),
    Rule(5, "content unique in an edition", "over all its shards, by the hash of the text read"),
    Rule(6, "redactions", "what a row counts is of named entities, each once, in order, at least "
                          "1; the text has as many stand-ins"),
    Rule(7, "licence evidence", "each row's `license_type` is one that its edition allows; a "
                                "permissive one has an expression and evidence; no evidence "
                                "lacks a part or is out of range; `detected_licenses` are those "
                                "of the expression, each in the evidence; no licence stands in "
                                "the edition `no_license`"),
    Rule(7, "attribution", "ATTRIBUTION/ has the repositories of its rows and no other, a text "
                           "for each that evidence names, and conflicts.json counts licences of the rows"),
    Rule(7, "origins", "the row's own file is among its `origins`, which are sorted, each once, "
                       "with well-formed names, and are of no other row; each of the others was "
                       "dropped as a copy of it"),
    Rule(8, "version order", "the version is a step above the one of `previous`; the first is 0.1.0"),
    Rule(9, "read-back", "Arrow reads every shard: columns, counts, order, places, row groups, "
                         "statistics and `content_sha256` are right, and nothing else steers who reads it"),
    Rule(9, "identifiers", "ids are SWHIDs or hex of their length, and a row stands for its own "
                           "cluster; rows of a revision say the same of it; a text that was not "
                           "redacted is the blob that it is said to be, in its encoding"),
    Rule(9, "sizes", "lengths and counts are not negative; a row stands for one file and those "
                     "that were dropped for it"),
    Rule(9, "names", "repositories are `owner/repo`; paths stay in their folder and hold no "
                     "control character; `filename` and `extension` are the path's; "
                     "`src_encoding` is one that we read"),
    Rule(9, "columns", "`schema_sha256` is that of the columns that were written"),
)  # fmt: skip
"""In the order of the laws; names are unique."""

_RULES = {rule.name: rule for rule in RULES}


@dataclass(frozen=True)
class Check:
    """A verdict: the law, what was checked, whether it holds, and what was found."""

    law: int
    name: str
    holds: bool
    evidence: str

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "BROKEN"
        return shown(f"({self.law}) {self.name}: {verdict}: {self.evidence}")


@dataclass(frozen=True, order=True)
class Finding:
    """Something that does not hold: where (a path, or what the copy is of), and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return shown(f"{self.where}: {self.what}")


class Findings:
    """What was found, by check; how many things each looked at, and which shards nobody could read."""

    def __init__(self) -> None:
        self.wrong: dict[str, list[Finding]] = {rule.name: [] for rule in RULES}
        self.of: Counter[str] = Counter()
        self.unread: list[str] = []

    def tell(self, name: str, where: str, what: str) -> None:
        self.wrong[name].append(Finding(where, what))

    def tell_all(self, name: str, where: str, whats: Iterable[str]) -> None:
        for what in whats:
            self.tell(name, where, what)

    def all(self) -> Iterator[Finding]:
        """Each with the law and the name of its check."""
        for name, found in self.wrong.items():
            law = _RULES[name].law
            yield from (Finding(each.where, f"({law}) {name}: {each.what}") for each in found)

    def checks(self) -> Iterator[Check]:
        """A verdict a check, in their order; one that was not made is a failed one."""
        unread = [Finding(path, "was not read") for path in self.unread]
        for rule in RULES:
            found = self.wrong[rule.name] + (unread if rule.name == "read-back" else [])
            examples = "".join(f"; {each.where}: {each.what}" for each in found[:SHOWN_MAX])
            told = f"{len(found)} of {self.of[rule.name]} are wrong{examples}"
            yield Check(rule.law, rule.name, not found, told)


class OptOuts(Protocol):
    """What the room of opt-outs knows of a release: its registry, and the presence tree of its rows."""

    def open(self, manifest: Manifest, open_file: Open) -> Iterable[str]:
        """Reads registry/; what does not hold of it."""

    def add(self, rows: pa.Table) -> Iterable[str]:
        """Takes NAMES of some rows; those that a request names which is listed in the open."""

    def document(self) -> bytes:
        """registry/presence.json of all rows that were taken."""


OPTOUT_RULES = ("author", "blob", "copy", "fork", "near-copy", "owner", "path", "repo")
"""Rules of stage `optout`, of which a release has numbers alone."""

PRESENCE = "registry/presence.json"
REMOVALS = "removals.jsonl"
NAMES = ("repo_name", "path", "blob_id", "origins")


@dataclass(frozen=True, eq=False)
class Held:
    """What there is of a release.

    Attributes:
        paths: every path in the tree, the two unlisted files too.
        open_file: opens one of them.
        expected: SHA-256 and size of the files that must be there; None for all that are listed.
        filtered: shards from which the holder left rows out.
        gone: contents that must not be there, beside those of removals.jsonl.
        admits: which licence expressions a filtered copy may hold; None for all.
    """

    paths: frozenset[str]
    open_file: Open
    expected: Mapping[str, tuple[str, int]] | None = None
    filtered: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    admits: Callable[[str | None], bool] | None = None


def check(manifest: Manifest, held: Held, optouts: OptOuts | None) -> tuple[Findings, Rows]:
    """All checks of RULES over what there is of a release; None for opt-outs means that nobody looked."""
    found = Findings()
    good = _files(found, manifest, held)
    _registry(found, manifest, held, optouts)
    layout = _layout(found, manifest)
    gone = held.gone | _removals(found, manifest, held, good)
    editions = {file.shard.edition for file in manifest.shards if file.shard}
    rows = Rows(found, held, editions, optouts)
    rows.layout, rows.gone = layout, pa.array(sorted(gone), pa.string())
    for file in manifest.shards:
        if file.path in good:
            rows.shard(file)
        else:
            found.unread.append(file.path)
    rows.unique()
    _decisions(found, manifest, held, good, rows)
    listed = {file.path for file in manifest.files}
    if listed <= good and not held.filtered:
        rows.against(manifest)
        _presence(found, manifest, held, optouts)
        _across(found, manifest, held, rows)
    _totals(found, manifest)
    _documents(found, manifest, held, good)
    _version(found, manifest)
    found.of["columns"] = 1
    if manifest.schema_sha256 != schema_digest():
        found.tell("columns", "manifest.json", f"schema_sha256 is {manifest.schema_sha256}")
    return found, rows


def _files(found: Findings, manifest: Manifest, held: Held) -> set[str]:
    """Paths of the expected files that are there with the right bytes."""
    expected = held.expected
    if expected is None:
        expected = {file.path: (file.sha256, file.size_bytes) for file in manifest.files}
    present = {path for path in held.paths if not path.startswith(".")} - set(UNLISTED)
    for path in sorted(present - expected.keys()):
        found.tell("files are those listed", path, "is no file of the release")
    good = set()
    for path, (sha256, size_bytes) in sorted(expected.items()):
        if path not in held.paths:
            found.tell("files are those listed", path, "is missing")
            continue
        try:
            read = _sum(held.open_file, path)
        except (OSError, StackyardError) as error:
            found.tell("hashes match", path, str(getattr(error, "what", "cannot be read")))
            continue
        if read == (sha256, size_bytes):
            good.add(path)
        elif read[1] != size_bytes:
            found.tell("hashes match", path, f"has {read[1]} bytes, not {size_bytes}")
        else:
            found.tell("hashes match", path, f"has sha256 {read[0]}, not {sha256}")
    found.of["files are those listed"] = found.of["hashes match"] = len(expected)
    return good


def _sum(open_file: Open, path: str) -> tuple[str, int]:
    state, size = hashlib.sha256(), 0
    with open_file(path) as source:
        while block := source.read(_BLOCK_BYTES):
            state.update(block)
            size += len(block)
    return state.hexdigest(), size


def _layout(found: Findings, manifest: Manifest) -> Params | None:
    """How rows are laid out, by the manifest; parameters that this version does not know say nothing of it."""
    found.of["layout"] = 1
    section = manifest.params.get("release")
    named = section if isinstance(section, dict) else {"": None}
    known = {key: value for key, value in named.items() if key in Params.__dataclass_fields__}
    layout = None
    try:
        if "bucket_ranges" in known:
            layout = build(Params, known, "params.release")
    except StackyardError:
        pass
    if layout is None:
        found.tell("layout", "manifest.json", "params.release does not say how rows are laid out")
    found.tell_all("layout", "manifest.json", _misplaced(manifest, layout))
    return layout


_OTHERS = frozenset(
    {
        "ATTRIBUTION/conflicts.json", "CHANGELOG.md", "CITATION.cff", "README.md", "croissant.json",
        "registry/checkpoint", "registry/log.jsonl", "registry/log.vkey", "registry/release.pub",
        PRESENCE, REMOVALS,
    }
)  # fmt: skip
"""Every file of a release that is of no bucket range."""


def _misplaced(manifest: Manifest, layout: Params | None) -> Iterator[str]:
    """Names that no release gives, and what the parameters say otherwise."""
    for file in manifest.files:
        top, _, name = file.path.partition("/")
        stem, _, ending = name.rpartition(".")
        bounds = file.shard.bucket_range if file.shard else stem
        ranged = file.shard is not None or (top, ending) in {
            ("ATTRIBUTION", "txt"),
            ("decisions", "parquet"),
        }
        fits = ranged and is_bucket_range(bounds)
        if fits and layout is not None:
            fits = bucket_range(int(bounds[:2], 16), layout.bucket_ranges) == bounds
        if not fits and file.path not in _OTHERS:
            yield f"{file.path} is no name of a file in a release of this layout"
    if layout is not None:
        editions = {file.shard.edition for file in manifest.shards if file.shard}
        for name in sorted(editions - set(layout.editions)):
            yield f"there are shards of the edition {name}, which the parameters do not have"
    publish = manifest.params.get("publish")
    repo = publish.get("repo", manifest.name) if isinstance(publish, dict) else manifest.name
    if repo != manifest.name:
        yield f"the parameters are of the dataset {repo}"


def _removals(
    found: Findings, manifest: Manifest, held: Held, good: AbstractSet[str]
) -> frozenset[str]:
    """Contents that removals.jsonl says are gone, after checking what it is."""
    if manifest.file(REMOVALS) is None:
        found.tell("removals", REMOVALS, "is not listed")
        return frozenset()
    if REMOVALS not in good:
        return frozenset()
    try:
        with held.open_file(REMOVALS) as source:
            text = source.read()
        lines = list(removals.parse(text))
    except (OSError, RecursionError, StackyardError) as error:
        found.tell("removals", REMOVALS, f"cannot be read: {_said(error)}")
        return frozenset()
    found.of["removals"] = len(lines)
    found.tell_all("removals", REMOVALS, removals.faults(lines, manifest.version))
    return removals.gone_of(lines)


class Rows:
    """Reads shards one after the other, row group by row group; then what they say together."""

    layout: Params | None = None
    gone: pa.Array = pa.array([], pa.string())

    def __init__(
        self, found: Findings, held: Held, editions: AbstractSet[str], optouts: OptOuts | None
    ) -> None:
        self.found, self.held, self.editions, self.optouts = found, held, editions, optouts
        self.count = 0
        self.counted = Tally()
        self.files_by_edition: Counter[str] = Counter()
        self.bytes_by_edition: Counter[str] = Counter()
        self.places: dict[str, list[bytes]] = {}
        self.contents: dict[str, list[bytes]] = {}
        self.keys: list[bytes] = []
        self.across = Across()
        self.owed = owed.Owed()

    def shard(self, file: File) -> None:
        """(6), (7) and (9) of one shard, and what is gone."""
        assert file.shard is not None
        try:
            with self.held.open_file(file.path) as source:
                self._read(
                    file, file.shard, pq.ParquetFile(source, page_checksum_verification=True)
                )
        except (OSError, ValueError, KeyError, OverflowError, pa.ArrowException) as error:
            # ValueError: names that are not UTF-8.
            self.found.tell("read-back", file.path, f"cannot be read as Parquet: {_said(error)}")

    def _read(self, file: File, shard: Shard, parquet: pq.ParquetFile) -> None:
        if shard.edition not in row_rules.LICENSE_TYPES:
            self.found.tell("read-back", file.path, f"is of no edition: {shard.edition}")
        if not parquet.schema_arrow.remove_metadata().equals(schema_of(shard.edition)):
            self.found.tell("read-back", file.path, "has other columns than its edition")
            return
        self.found.tell_all("read-back", file.path, stored.steering(parquet))
        rows = content_bytes = 0
        last: tuple[bytes, bytes] = (b"", b"")
        before: tuple[int, int] | None = None
        for number in range(parquet.metadata.num_row_groups):
            group = parquet.read_row_group(number)
            group.validate(full=True)  # Parquet readers take any bytes for a string
            if not len(group):
                self.found.tell("read-back", file.path, f"row group {number} is empty")
                continue
            before = self._bounds(file, number, group, before)
            wrong_of = stored.wrong_statistics(parquet.metadata.row_group(number), group)
            self.found.tell_all("read-back", file.path, wrong_of)
            self._places(file, shard, group)
            last = self._order(file, group, last)
            for rule in row_rules.ROW_RULES:
                wrong = rule.rows(group, shard)
                self._told(rule.check, file, rule.what, group.filter(wrong))
            self._contents(file, shard, group)
            content_bytes += self._count(shard, group)
            rows += len(group)
        self.count += rows
        self._counts(file, shard, rows, content_bytes)

    def _told(self, check_name: str, file: File, what: str, wrong: pa.Table) -> None:
        self.found.of[check_name] += 1
        if len(wrong):
            self.found.tell(check_name, file.path, f"{what}: {named(wrong)}")

    def _counts(self, file: File, shard: Shard, rows: int, content_bytes: int) -> None:
        filtered = file.path in self.held.filtered
        if filtered and rows <= shard.rows and content_bytes <= shard.content_bytes:
            return
        if (rows, content_bytes) != (shard.rows, shard.content_bytes) or not rows:
            self.found.tell(
                "read-back",
                file.path,
                f"has {rows} rows and {content_bytes} bytes of text, the manifest says"
                f" {shard.rows} and {shard.content_bytes}",
            )

    def _bounds(
        self, file: File, number: int, group: pa.Table, before: tuple[int, int] | None
    ) -> tuple[int, int] | None:
        """Row groups are cut where they must be, and nowhere else; rows and bytes of this one."""
        if self.layout is None or file.path in self.held.filtered:
            return None
        sizes = row_bytes(group)
        size, rows = int(sizes.sum()), len(group)
        bytes_max, rows_max = self.layout.row_group_bytes_max, self.layout.row_group_rows_max
        if (size > bytes_max and rows > 1) or rows > rows_max:
            what = f"row group {number} has {size} bytes, {rows} rows"
            self.found.tell("read-back", file.path, what)
        if before is not None and before[0] < rows_max and before[1] + int(sizes[0]) <= bytes_max:
            self.found.tell("read-back", file.path, f"row group {number} begins too early")
        return rows, size

    def _places(self, file: File, shard: Shard, group: pa.Table) -> None:
        """Every row lies where its language and owner say."""
        first, last = (int(part, 16) for part in shard.bucket_range.split("-"))
        owners = pc.unique(group["repo_name"]).to_pylist()
        astray = [name for name in owners if not first <= bucket_of(name) <= last]
        if self.layout is not None:
            ranges = self.layout.bucket_ranges
            astray += [n for n in owners if bucket_range_of(n, ranges) != shard.bucket_range]
        if astray:
            what = f"has rows of {astray[0]}, whose owner is of another bucket"
            self.found.tell("read-back", file.path, what)
        for language in pc.unique(group["language"]).to_pylist():
            if language != shard.language:
                what = f"has rows of the language {language!r}, not {shard.language!r}"
                self.found.tell("read-back", file.path, what)

    def _order(self, file: File, group: pa.Table, last: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        names, paths = (one_chunk(group[name]) for name in ("repo_name", "path"))
        same = pc.equal(names[:-1], names[1:])
        later = pc.and_(same, pc.less_equal(paths[:-1], paths[1:]))
        rising = pc.or_(pc.less(names[:-1], names[1:]), later)
        first = (names[0].as_py().encode(), paths[0].as_py().encode())
        if pc.all(rising).as_py() is False or first < last:
            self.found.tell("read-back", file.path, "is not in the order of repo_name and path")
        return names[-1].as_py().encode(), paths[-1].as_py().encode()

    def _contents(self, file: File, shard: Shard, group: pa.Table) -> None:
        """content_sha256 is that of the content, and is none that is gone."""
        told = one_chunk(group["content_sha256"])
        if "content" in group.column_names:
            raw = sha256_bytes(group["content"])
            read = row_rules.hex_of(raw)
            wrong = pc.fill_null(pc.not_equal(read, told), fill_value=True)
            self._told(
                "read-back", file, "content_sha256 is not that of the content", group.filter(wrong)
            )
        elif pc.all(row_rules.is_sha256(told)).as_py():
            raw = bytes.fromhex("".join(told.to_pylist()))
        else:
            return  # told by a rule of rows
        self.contents.setdefault(shard.edition, []).append(raw)
        if len(self.gone):
            there = group.filter(pc.is_in(told, value_set=self.gone))
            self._told("removals", file, "holds a content that was removed", there)
        if self.held.admits is not None:
            for expression in pc.unique(group["license_expression"]).to_pylist():
                if not self.held.admits(expression):
                    what = f"has rows of the licence {expression}, which was not asked for"
                    self.found.tell("licence evidence", file.path, what)

    def _count(self, shard: Shard, group: pa.Table) -> int:
        """Adds to the totals; bytes of text."""
        keys = pc.binary_join_element_wise(
            one_chunk(group["repo_name"]), one_chunk(group["path"]), "\0"
        )
        self.places.setdefault(shard.edition, []).append(sha256_bytes(keys))
        self.keys.append(_file_keys(group))
        self.files_by_edition[shard.edition] += len(group)
        self.bytes_by_edition[shard.edition] += pc.sum(group["length_bytes"]).as_py() or 0
        self._names(shard.edition, group)
        if "content" not in group.column_names:
            return 0
        self.counted += tally(group.select(TALLY_COLUMNS))
        return int(pc.sum(pc.binary_length(group["content"])).as_py() or 0)

    def _names(self, edition: str, group: pa.Table) -> None:
        """What rows say of others, and what requests name; malformed ones were told already."""
        if any(self.found.wrong[name] for name in ("identifiers", "origins", "names")):
            return
        self.across.rows(edition, group)
        if not self.found.wrong["licence evidence"]:
            self.owed.rows(group)
        if self.optouts is not None:
            told = self.optouts.add(group.select(NAMES))
            self.found.tell_all("registry", "data", told)

    def _is_counted(self, edition: str) -> bool:
        """Whether an edition's rows are files that are kept: those of `ids` are all, where there are any."""
        return edition == "ids" or "ids" not in self.editions

    def unique(self) -> None:
        """(5) over all shards of an edition."""
        for name, editions in (("repo_name and path", self.places), ("content", self.contents)):
            check_name = f"{name} unique in an edition"
            self.found.of[check_name] = self.count
            for edition, parts in sorted(editions.items()):
                twice = _repeated(parts)
                if twice:
                    self.found.tell(check_name, f"data/{edition}", f"{twice} rows repeat another's")

    def against(self, manifest: Manifest) -> None:
        """(1) the numbers of the manifest are those of its shards, which are all there."""
        totals, counted = manifest.totals, self.counted
        editions = [name for name in self.editions if self._is_counted(name)]
        read = {
            "files_kept": sum(self.files_by_edition[name] for name in editions),
            "bytes_kept": sum(self.bytes_by_edition[name] for name in editions),
            "content_bytes": sum(share.content_bytes for share in counted.languages),
            "languages": counted.languages,
            "licenses": counted.licenses,
            "redactions": counted.redactions,
        }
        if totals.revision_date_max:  # manifests of before it was counted have none
            read["revision_date_max"] = counted.revision_date_max
        self.found.of["totals match the shards"] = len(read)
        for name, value in read.items():
            told = getattr(totals, name)
            if told != value:
                numbers = f": {told}, the shards have {value}" if isinstance(value, int) else ""
                self.found.tell(
                    "totals match the shards", "manifest.json", f"{name} differ{numbers}"
                )


def _decisions(
    found: Findings, manifest: Manifest, held: Held, good: AbstractSet[str], rows: Rows
) -> None:
    """(1) over decisions/, and against the rows."""
    counted: Counter[tuple[str, str]] = Counter()
    parts: list[bytes] = []
    listed = [file for file in manifest.files if file.kind == "decisions"]
    for file in listed:
        if file.path not in good:
            continue
        table = _decisions_of(found, file, held)
        if table is None:
            continue
        found.of["decisions"] += len(table)
        faults = list(_faults_of_decisions(file.path, table))
        found.tell_all("decisions", file.path, faults)
        if not faults:
            rows.across.decisions(table)
        for group in table.group_by(["stage", "rule"]).aggregate([([], "count_all")]).to_pylist():
            counted[group["stage"], group["rule"]] += group["count_all"]
        parts.append(_file_keys(table))
    twice = _repeated(parts)
    if twice:
        found.tell("decisions", "decisions", f"{twice} files have two decisions")
    both = np.intersect1d(digests(parts), digests(rows.keys))
    found.of["no released file is dropped"] = rows.count
    if len(both):
        found.tell(
            "no released file is dropped", "decisions", f"{len(both)} released files have one"
        )
    if all(file.path in good for file in listed):
        found.tell_all("decisions", "decisions", _apart(manifest, counted))


def _decisions_of(found: Findings, file: File, held: Held) -> pa.Table | None:
    columns = pa.schema([(name, pa.string()) for name in DECISIONS.names])
    try:
        with held.open_file(file.path) as source:
            parquet = pq.ParquetFile(source)
            table = parquet.read()
        table.validate(full=True)
        found.tell_all("decisions", file.path, stored.steering(parquet))
        if sorted(table.column_names) != sorted(columns.names):
            raise KeyError("other columns")  # noqa: TRY301 - told as what it is: not decisions
        return table.select(columns.names).cast(columns)
    except (
        OSError,
        ValueError,
        KeyError,
        OverflowError,
        pa.ArrowException,
        StackyardError,
    ) as error:
        found.tell("decisions", file.path, f"cannot be read as decisions: {_said(error)}")
        return None


def _faults_of_decisions(path: str, table: pa.Table) -> Iterator[str]:
    order = pc.sort_indices(table, [(key, "ascending") for key in FILE_KEY])
    if not table.select(FILE_KEY).take(order).equals(table.select(FILE_KEY)):
        yield "is not in the order of its key"
    bounds = path.removeprefix("decisions/").removesuffix(".parquet")
    if not is_bucket_range(bounds):
        return  # told of the layout
    owners = [name for name in pc.unique(table["repo_name"]).to_pylist() if name is not None]
    first, last = (int(part, 16) for part in bounds.split("-"))
    if any(not first <= bucket_of(name) <= last for name in owners):
        yield "has files of owners of other buckets"
    for what, wrong in row_rules.faults_of_decisions(table):
        if len(wrong):
            yield f"{what}: {named(wrong)}"
    for text in pc.unique(table["evidence"]).to_pylist():
        if not _is_object(text):
            yield "has evidence that is no JSON object"
            break


def _is_object(text: str | None) -> bool:
    try:
        return isinstance(json.loads(text or ""), dict)
    except (ValueError, RecursionError):
        return False


def _apart(manifest: Manifest, counted: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """Nothing of an opted-out origin is named, so those are in the totals alone."""
    told = {
        (part.stage, part.rule): part.files
        for part in manifest.totals.dropped
        if part.stage != "optout"
    }
    for key in sorted(told.keys() | counted.keys()):
        if told.get(key, 0) != counted.get(key, 0):
            rule = "/".join(key)
            yield f"{counted.get(key, 0)} files dropped by {rule}, the manifest says {told.get(key, 0)}"


def _totals(found: Findings, manifest: Manifest) -> None:
    """(1) the numbers of the manifest among themselves."""
    totals, tell = manifest.totals, found.tell
    name, where = "totals add up", "manifest.json"
    found.of[name] = 1
    balance = totals.files_kept + sum(part.files for part in totals.dropped)
    if totals.files_seen != balance:
        tell(name, where, f"{totals.files_seen} files seen are not {balance} decided")
    if totals.bytes_kept > totals.bytes_seen:
        tell(name, where, f"{totals.bytes_kept} bytes kept are more than {totals.bytes_seen} seen")
    if any(not part.files for part in totals.dropped):
        tell(name, where, "a rule that dropped nothing is listed")
    if any(not part.count for part in totals.redactions):
        tell(name, where, "an entity that was never redacted is listed")
    if any(part.stage == "optout" for part in totals.dropped) and not totals.optouts:
        tell(name, where, "files are dropped for opt-outs, of which none is in force")
    for each in totals.dropped:
        if each.stage == "optout" and each.rule not in OPTOUT_RULES:
            tell(name, where, f"{each.rule[:80]} is no rule of opt-outs")
    texts = [file.shard for file in manifest.shards if file.shard and file.shard.edition != "ids"]
    for part, shares in (("languages", totals.languages), ("licenses", totals.licenses)):
        sums = (sum(share.rows for share in shares), sum(share.content_bytes for share in shares))
        if sums != (sum(s.rows for s in texts), sum(s.content_bytes for s in texts)):
            tell(name, where, f"{part} do not add up to the rows and bytes of the shards")


def _across(found: Findings, manifest: Manifest, held: Held, rows: Rows) -> None:
    """What rows, decisions and documents say of each other, where each by itself is sound."""
    if rows.count == len(rows.across):
        for name, where, what in rows.across.faults():
            found.tell(name, where, what)
        with held.open_file(REMOVALS) if manifest.file(REMOVALS) else io.BytesIO() as source:
            here = _said_to_be_here(source.read(), manifest.version)
        lost = 0 if found.wrong["removals"] else rows.across.lacking(here)
        if lost:
            found.tell(
                "removals", REMOVALS, f"{lost} contents moved or came back, and are not there"
            )
        texts = {}
        for file in manifest.files:
            if file.kind == "attribution":
                with held.open_file(file.path) as source:
                    texts[file.path] = source.read()
        found.of["attribution"] = len(texts)
        if found.wrong["licence evidence"]:
            return
        for where, what in rows.owed.faults(texts, manifest):
            found.tell("attribution", where, what)


def _said_to_be_here(text: bytes, version: str) -> set[str]:
    """Contents that lines of a version say are in it; none where they cannot be read."""
    try:
        lines = list(removals.parse(text))
    except (RecursionError, StackyardError):
        return set()
    return {
        line.content_sha256
        for line in lines
        if line.version == version and line.change != "removed"
    }


def _presence(found: Findings, manifest: Manifest, held: Held, optouts: OptOuts | None) -> None:
    """(3) the names of all rows have the published root."""
    found.of["presence"] = 1
    if manifest.file(PRESENCE) is None:
        found.tell("presence", PRESENCE, "is not listed")
    elif optouts is None:
        found.tell("presence", PRESENCE, "nobody looked")
    else:
        made = optouts.document()
        with held.open_file(PRESENCE) as source:
            if source.read(len(made) + 1) != made:
                found.tell("presence", PRESENCE, "is not of the rows that are released")


def _registry(found: Findings, manifest: Manifest, held: Held, optouts: OptOuts | None) -> None:
    """(3) the log of opt-outs."""
    found.of["registry"] = manifest.registry.size
    try:
        told = (
            ["nobody looked"] if optouts is None else list(optouts.open(manifest, held.open_file))
        )
    except OSError:
        told = ["cannot be read"]
    found.tell_all("registry", "registry", told)


def _documents(found: Findings, manifest: Manifest, held: Held, good: AbstractSet[str]) -> None:
    """(2) documents say what the manifest says."""
    name = "documents are generated"
    made = {
        "README.md": lambda: card.render(manifest).encode(),
        "CITATION.cff": lambda: citation.render(manifest).encode(),
        "croissant.json": lambda: croissant.render(manifest),
    }
    found.of[name] = len(made) + 1
    for path, make in made.items():
        file = manifest.file(path)
        if file is None:
            found.tell(name, path, "is not listed")
        elif file.sha256 != hashlib.sha256(_made(make)).hexdigest():
            by = manifest.code.version
            other = "" if by == __version__ else f" by Stackyard {__version__}; {by} made it"
            found.tell(name, path, f"is not what the manifest generates{other}")
    if manifest.file("CHANGELOG.md") is None:
        found.tell(name, "CHANGELOG.md", "is not listed")
    elif "CHANGELOG.md" in good:
        with held.open_file("CHANGELOG.md") as source:
            raw = source.read()
        text = raw.decode(errors="replace")
        if text.encode() != raw or shown(text) != text:
            found.tell(name, "CHANGELOG.md", "holds what is no text, or steers a terminal")
        _changelog(found, manifest, held, good, text)


def _made(make: Callable[[], bytes]) -> bytes:
    """A document, or nothing where the manifest has what none can be made of."""
    try:
        return make()
    except (ValueError, StackyardError):
        return b""


def _changelog(
    found: Findings, manifest: Manifest, held: Held, good: AbstractSet[str], text: str
) -> None:
    """It begins with this version, after the one before; removed rows are in removals.jsonl."""
    _, _, entries = text.partition("\n## ")
    entry = entries.partition("\n## ")[0]
    version, _, rest = entry.partition("\n")
    after = f" after {manifest.previous.version}:" if manifest.previous else ":"
    if version != manifest.version or f" version{after}" not in rest.split("\n\n")[0]:
        what = f"does not begin with {manifest.version}{after.rstrip(':')}"
        found.tell("documents are generated", "CHANGELOG.md", what)
    if REMOVALS not in good:
        return
    with held.open_file(REMOVALS) as source:
        lines = source.read().split(b"\n")
    end = f'"version":"{manifest.version}"}}'.encode()
    # Canonical JSON begins with `change`; a content that came back was removed before.
    mine = any(
        line.endswith(end) and not line.startswith(b'{"change":"restored"') for line in lines
    )
    if ("\n### Removed\n" in rest) != mine:
        found.tell(
            "removals",
            REMOVALS,
            f"has {'lines' if mine else 'no line'} of {manifest.version}, the changelog says otherwise",
        )


def _version(found: Findings, manifest: Manifest) -> None:
    """(8) the chain of releases goes up, by a step."""
    found.of["version order"] = 1
    before, version = manifest.previous, manifest.version
    steps: tuple[Bump, ...] = ("patch", "minor", "major")
    if before is None:
        if version != FIRST:
            found.tell(
                "version order", "manifest.json", f"{version} follows none; the first is {FIRST}"
            )
    elif version not in {next_version(before.version, bump) for bump in steps}:
        is_above = version_key(before.version) < version_key(version)
        what = "no step above" if is_above else "not above"
        found.tell("version order", "manifest.json", f"{version} is {what} {before.version}")


def named(rows: pa.Table) -> str:
    """Some of the rows by name, and how many more there are."""
    examples = rows.slice(0, SHOWN_MAX).select(["repo_name", "path"]).to_pylist()
    names = ", ".join(f"{row['repo_name']}/{row['path']}"[:120] for row in examples)
    return names + (f" and {len(rows) - SHOWN_MAX} more" if len(rows) > SHOWN_MAX else "")


def _file_keys(table: pa.Table) -> bytes:
    """SHA-256 of FILE_KEY of each row, joined."""
    keys = pc.binary_join_element_wise(
        *(pc.fill_null(one_chunk(table[name]), "") for name in FILE_KEY), "\0"
    )
    return sha256_bytes(keys)


def _repeated(parts: list[bytes]) -> int:
    """How many of the 32-byte values repeat another."""
    values = digests(parts)
    return len(values) - len(np.unique(values))


def digests(parts: list[bytes]) -> npt.NDArray[np.void]:
    """The 32-byte values of joined digests."""
    return np.frombuffer(b"".join(parts), dtype=np.dtype((np.void, 32)))


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "found", "") or error).split())[:160]
