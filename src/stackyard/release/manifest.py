"""The manifest: the one document that lists every byte of a release.

In: what a release is made of, as values. Out: one canonical text; its SHA-256 is the release's
identity. Always holds: `parse` and `serialise` are exact inverses; no other text of the same value
is accepted; the manifest holds no clock, machine, user, segment name or order of arrival, so equal
inputs give equal bytes (law 2).

The text is RFC 8785 JSON (UTF-8, sorted keys, no white space, no final newline) of the fields of
`Manifest`, by these names; manifest.schema.json beside this module is its JSON Schema, and
docs/release-format.md specifies it to the byte. Counts are below 2^53, as RFC 8785 demands.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

from stackyard.errors import StackyardError, UsageError, VerificationError
from stackyard.params import build, canonical_json, digest, plain
from stackyard.release.names import check_path, is_bucket_range, parse_shard_path, shard_path

P = TypeVar("P")

FORMAT = "stackyard-manifest/1"
"""Changes when a reader of the old format would misread the new one."""

Kind = Literal[
    "shard", "decisions", "card", "changelog", "citation", "croissant",
    "attribution", "removals", "registry",
]  # fmt: skip
"""What a file of a release is for."""

_FIXED: dict[str, Kind] = {
    "README.md": "card",
    "CHANGELOG.md": "changelog",
    "CITATION.cff": "citation",
    "croissant.json": "croissant",
    "removals.jsonl": "removals",
}
_FOLDERS: dict[str, Kind] = {
    "data": "shard",
    "decisions": "decisions",
    "ATTRIBUTION": "attribution",
    "registry": "registry",
}
_INTEGER_MAX = 2**53 - 1
_DATE = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


@dataclass(frozen=True)
class Previous:
    """The release before this one: its version, and the hex SHA-256 of its manifest."""

    version: str
    manifest_sha256: str

    def __post_init__(self) -> None:
        _expect(_VERSION.fullmatch(self.version), "previous.version", "MAJOR.MINOR.PATCH")
        _expect_sha256(self.manifest_sha256, "previous.manifest_sha256")


@dataclass(frozen=True)
class Checkpoint:
    """The registry that was applied: number of events, hex Merkle root, its signed note if any."""

    size: int
    root: str
    note: str | None = None

    def __post_init__(self) -> None:
        _expect_count(self.size, "registry.size")
        _expect_sha256(self.root, "registry.root")


@dataclass(frozen=True)
class Code:
    """What made the release: version of Stackyard, and name and version of the Parquet writer."""

    version: str
    writer: str


@dataclass(frozen=True, order=True)
class Dropped:
    """Files that a rule of a stage dropped."""

    stage: str
    rule: str
    files: int

    def __post_init__(self) -> None:
        _expect_count(self.files, "totals.dropped.files")


@dataclass(frozen=True, order=True)
class Share:
    """Rows of one name (a language, a licence expression) and the bytes of their contents."""

    name: str
    rows: int
    content_bytes: int

    def __post_init__(self) -> None:
        _expect_count(self.rows, "totals rows")
        _expect_count(self.content_bytes, "totals content_bytes")


@dataclass(frozen=True, order=True)
class Redacted:
    """Redacted spans of one entity, over all rows with contents."""

    entity: str
    count: int

    def __post_init__(self) -> None:
        _expect_count(self.count, "totals.redactions.count")


@dataclass(frozen=True)
class Totals:
    """The numbers of a release; card, report and changelog show these and no others.

    Attributes:
        files_seen: files that ingest saw, in all origins.
        files_kept: files whose decision is `kept`: the rows of the editions with contents.
        dropped: the others, by stage and rule, sorted; with `files_kept` they make `files_seen`.
        bytes_seen: bytes of the files seen, copies counted again.
        bytes_kept: bytes of the files kept, as their origins have them.
        content_bytes: bytes of the released contents, in UTF-8 and after redaction.
        languages, licenses: rows by language and by licence expression (`NONE` if there is none).
        redactions: spans redacted, by entity.
        optouts: opt-out requests in force.
        revision_date_max: date of the newest revision of a row with contents, UTC, YYYY-MM-DD; empty,
            and not a member, where none is known, as in manifests of before it was counted.
    """

    files_seen: int
    files_kept: int
    dropped: tuple[Dropped, ...]
    bytes_seen: int
    bytes_kept: int
    content_bytes: int
    languages: tuple[Share, ...]
    licenses: tuple[Share, ...]
    redactions: tuple[Redacted, ...]
    optouts: int
    revision_date_max: str = ""

    def __post_init__(self) -> None:
        _expect(
            not self.revision_date_max or _DATE.fullmatch(self.revision_date_max),
            "totals.revision_date_max",
            "YYYY-MM-DD",
        )
        for field in dataclasses.fields(self):
            if field.type == "int":
                _expect_count(getattr(self, field.name), f"totals.{field.name}")
        for name, entries in (
            ("dropped", [(entry.stage, entry.rule) for entry in self.dropped]),
            ("languages", [entry.name for entry in self.languages]),
            ("licenses", [entry.name for entry in self.licenses]),
            ("redactions", [entry.entity for entry in self.redactions]),
        ):
            _expect(_ascending(entries), f"totals.{name}", "sorted, each name once")


@dataclass(frozen=True)
class Shard:
    """What a shard holds: rows of one edition, language and range of buckets."""

    edition: str
    language: str
    bucket_range: str
    rows: int
    content_bytes: int

    def __post_init__(self) -> None:
        _expect(is_bucket_range(self.bucket_range), "bucket_range", "a range such as 00-3f")
        _expect_count(self.rows, "rows")
        _expect_count(self.content_bytes, "content_bytes")

    @property
    def path(self) -> str:
        return shard_path(self.edition, self.language, self.bucket_range)


@dataclass(frozen=True)
class File:
    """A file of a release; `shard` is there for the kind `shard` and for no other."""

    path: str
    sha256: str
    size_bytes: int
    kind: Kind
    shard: Shard | None = None

    def __post_init__(self) -> None:
        check_path(self.path)
        _expect_sha256(self.sha256, f"sha256 of {self.path}")
        _expect_count(self.size_bytes, f"size_bytes of {self.path}")
        _expect(self.kind == kind_of(self.path), f"kind of {self.path}", kind_of(self.path))
        if self.kind == "shard":
            _expect(
                self.shard is not None
                and (self.shard.edition, self.shard.language, self.shard.bucket_range)
                == parse_shard_path(self.path),
                f"description of shard {self.path}",
                "edition, language and bucket_range of its path",
            )
        else:
            _expect(self.shard is None, f"description of {self.path}", "only shards have one")


@dataclass(frozen=True)
class Manifest:
    """A release. Attributes are the document's members; see docs/release-format.md.

    Attributes:
        name: dataset id, `namespace/name`.
        version: semantic version, MAJOR.MINOR.PATCH.
        previous: the release it follows, None for the first.
        registry: which opt-outs it honours.
        params: params.yaml, whole, with defaults; JSON values.
        code: what wrote it.
        detectors: name -> fingerprint of every detector whose facts decided.
        schema_sha256: digest of the columns (`shards.schema_digest`).
        totals: the numbers.
        files: every file but the manifest and its envelope, sorted by path.
    """

    name: str
    version: str
    previous: Previous | None
    registry: Checkpoint
    params: Mapping[str, Any]
    code: Code
    detectors: Mapping[str, str]
    schema_sha256: str
    totals: Totals
    files: tuple[File, ...]

    def __post_init__(self) -> None:
        _expect(_NAME.fullmatch(self.name), "name", "namespace/name")
        _expect(_VERSION.fullmatch(self.version), "version", "MAJOR.MINOR.PATCH")
        _expect_sha256(self.schema_sha256, "schema_sha256")
        for name, fingerprint in self.detectors.items():
            _expect_sha256(fingerprint, f"fingerprint of {name}")
        paths = [file.path for file in self.files]
        _expect(_ascending(paths), "files", "sorted by path, each path once")
        folded = {path.lower() for path in paths}
        _expect(len(folded) == len(paths), "files", "paths that differ in more than letter case")
        folders = {path.rpartition("/")[0] for path in folded}
        parents = {name for folder in folders for name in _upwards(folder)}
        _expect(not parents & folded, "files", "no file that is also a folder")

    @property
    def params_sha256(self) -> str:
        return digest(self.params)

    @property
    def shards(self) -> tuple[File, ...]:
        return tuple(file for file in self.files if file.kind == "shard")

    def file(self, path: str) -> File | None:
        return next((file for file in self.files if file.path == path), None)

    def with_files(self, files: Iterable[File]) -> Manifest:
        """The same release with these files added, in their places."""
        every = sorted((*self.files, *files), key=lambda file: file.path)
        return dataclasses.replace(self, files=tuple(every))

    def serialise(self) -> bytes:
        """The canonical text.

        Raises:
            UsageError: a parameter has no canonical JSON (an integer beyond 2^53, a NaN).
        """
        try:
            return canonical_json(self._document())
        except (ValueError, RecursionError) as error:
            raise UsageError(
                "the manifest has no canonical JSON",
                expected="numbers that a double holds exactly, and Unicode text",
                found=str(error)[:120],
                next_step="mend the parameter in params.yaml",
            ) from None

    @classmethod
    def parse(cls, text: bytes) -> Self:
        """The manifest of a text.

        Raises:
            VerificationError: it is not a manifest, of another format, or not the canonical text.
        """
        try:
            document = json.loads(text, parse_constant=_no_constant, parse_int=_number)
        except (ValueError, RecursionError):
            raise _refused("not JSON") from None
        found = document.get("format") if isinstance(document, dict) else None
        if found != FORMAT:
            raise VerificationError(
                "manifest.json is of a format that this version of Stackyard does not read",
                expected=FORMAT,
                found=str(found)[:80],
                next_step="use the version of Stackyard that made it, or a newer one",
            )
        try:
            manifest = cls._build(document)
            canonical = manifest.serialise()
        except StackyardError as error:
            raise _refused(str(error.what)[:200]) from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise _refused(f"a member is missing or of another kind: {error}"[:200]) from None
        if canonical != text:
            raise _refused("unknown members, a wrong params_sha256, or not the canonical text")
        return manifest

    @classmethod
    def _build(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            name=_text(value["name"]),
            version=_text(value["version"]),
            previous=None if value["previous"] is None else _part(Previous, value, "previous"),
            registry=_part(Checkpoint, value, "registry"),
            params=_mapping(value["params"]),
            code=_part(Code, value, "code"),
            detectors={key: _text(entry) for key, entry in value["detectors"].items()},
            schema_sha256=_text(value["schema_sha256"]),
            totals=_part(Totals, value, "totals"),
            files=tuple(_file(entry) for entry in value["files"]),
        )

    def _document(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "name": self.name,
            "version": self.version,
            "previous": plain(self.previous),
            "registry": plain(self.registry),
            "params": plain(self.params),
            "params_sha256": self.params_sha256,
            "code": plain(self.code),
            "detectors": dict(self.detectors),
            "schema_sha256": self.schema_sha256,
            "totals": _without_empty(plain(self.totals), "revision_date_max"),
            "files": [_file_document(file) for file in self.files],
        }


def _without_empty(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name or value}


def identity(manifest: Manifest) -> str:
    """The identity of a release: hex SHA-256 of its manifest's canonical text."""
    return hashlib.sha256(manifest.serialise()).hexdigest()


def kind_of(path: str) -> Kind:
    """What a file of a release is for, by where it lies.

    Raises:
        UsageError: a release has no such place.
    """
    top, slash, _ = path.partition("/")
    kind = _FOLDERS.get(top) if slash else _FIXED.get(path)
    if kind is None:
        raise UsageError(
            f"{path[:120]!r} has no place in a release",
            expected=f"one of {', '.join((*_FIXED, *(f'{folder}/' for folder in _FOLDERS)))}",
        )
    return kind


def describe(path: str, content: bytes) -> File:
    """The entry of a file that is not a shard, from its bytes."""
    return File(path, hashlib.sha256(content).hexdigest(), len(content), kind_of(path))


def _file_document(file: File) -> dict[str, Any]:
    document: dict[str, Any] = {
        "path": file.path,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
        "kind": file.kind,
    }
    return document | (plain(file.shard) if file.shard else {})


def _part(cls: type[P], value: Mapping[str, Any], name: str) -> P:
    return build(cls, _mapping(value[name]), f"manifest.{name}")


def _file(value: Mapping[str, Any]) -> File:
    rest = dict(value)
    base = {name: rest.pop(name) for name in ("path", "sha256", "size_bytes", "kind")}
    return File(**base, shard=Shard(**rest) if rest else None)


def _upwards(folder: str) -> list[str]:
    """The folder and all that it lies in: `a/b` gives `a/b` and `a`."""
    return [folder, *_upwards(folder.rpartition("/")[0])] if folder else []


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object is expected")
    return value


def _ascending(entries: list[Any]) -> bool:
    return all(left < right for left, right in itertools.pairwise(entries))


def _expect(holds: object, where: str, expected: str, found: str = "") -> None:
    if not holds:
        raise UsageError(f"manifest: {where} is wrong", expected=expected, found=found)


def _expect_sha256(value: Any, where: str) -> None:
    good = isinstance(value, str) and _SHA256.fullmatch(value)
    _expect(good, where, "64 lower-case hex digits")


def _expect_count(value: Any, where: str) -> None:
    _expect(type(value) is int and 0 <= value <= _INTEGER_MAX, where, "an integer, 0 to 2^53 - 1")


def _number(digits: str) -> int | float:
    """RFC 8785 writes a float of 2^53 to 10^21 as digits; an integer of that size it does not write."""
    value = int(digits)
    return value if abs(value) <= _INTEGER_MAX else float(digits)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _refused(found: str) -> VerificationError:
    return VerificationError(
        "manifest.json is not a manifest of a release",
        expected=f"the canonical JSON (RFC 8785) of a {FORMAT}",
        found=found,
        next_step="get the file again; if it stays so, the release is damaged or tampered with",
    )
