"""Licence statements as facts: those inside any text, and those of files that speak for others.

In: texts, and paths. Out: two tables of facts: `license-text` (by blob: SPDX tags and headers,
which speak for the file they stand in) and `license-file` (by file: licence texts and metadata,
which speak for a directory).
Always holds: no identifier below the stated score; a licence file that nothing recognises says so,
as UNRECOGNIZED, and never falls silent.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.detector import Scope
from stackyard.filter import headers, manifests, prose, readme
from stackyard.filter.account import account
from stackyard.filter.buffers import bytes_of, one_array, pieces
from stackyard.filter.expression import UNRECOGNIZED, conjunction
from stackyard.filter.names import README, is_license_name
from stackyard.filter.params import LicenseTextParams
from stackyard.record import BLOB_ID

_STATED = [
    pa.field("kind", pa.string(), nullable=False),
    pa.field("detector", pa.string(), nullable=False),
    pa.field("expression", pa.string(), nullable=False),
    pa.field("score", pa.float64(), nullable=False),
    pa.field("start_byte", pa.int64(), nullable=False),
    pa.field("end_byte", pa.int64(), nullable=False),
]
TEXT_STATEMENTS = pa.schema([pa.field("blob_id", BLOB_ID, nullable=False), *_STATED])
"""None or more rows a blob, in the order of their place in it."""

FILE_STATEMENTS = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("path", pa.string(), nullable=False),
        *_STATED,
        pa.field("scope", pa.string(), nullable=False),
        pa.field("glob", pa.string()),
    ]
)
"""None or more rows a file. The statement holds for files below the directory `scope` ("" is the
root) whose path from there matches `glob` (null: all)."""

_MODULES: Sequence[str] = (
    "stackyard.filter.statements",
    "stackyard.filter.headers",
    "stackyard.filter.manifests",
    "stackyard.filter.names",
    "stackyard.filter.prose",
    "stackyard.filter.readme",
    "stackyard.filter.expression",
    "stackyard.filter.account",
    "stackyard.filter.residue",
    "stackyard.filter.tiles",
    "stackyard.filter.data.residue",
    "stackyard.filter.texts",
    "stackyard.filter.data.spdx",
    "stackyard.filter.buffers",
    "stackyard.filter.text",
    "stackyard.filter.charset",
)

_LIKELY = (
    r"(?i)(?:licen[cs]e|copying|copyright|ofl|dep5|readme|clause|eula|addend|rider|restriction|supplement"
    r"|amendment|acceptable[-_ ]use|(?:no|non|anti)[-_ ]?(?:ai|military|training)|ai[-_ ]?(?:policy|terms"
    r"|training)|commercial|ethic|notice|legal|terms|"
    + manifests.LIKELY
    + r")[^/]*$|LICENSES/[^/]+$"
)
_NAMES_A_LICENSE = re.compile(r"(?i)licen[cs]e|copying")


_RIDER_ALONE = re.compile(
    r"(?!bsd)(?:.*[-_. ])?(?:commons[-_ ]?clause|clauses?|eula|addend(?:um|a)|riders?|restrictions?|supplement|amendments?|terms|commercial|acceptable[-_ ]use"
    r"|(?:no|non|anti)[-_ ]?(?:ai|commercial|military|training)|ai[-_ ]?(?:policy|terms|training)|ethic(?:s|al))(?:[-_. ].*)?"
)
_RIDER_NAME = re.compile(_RIDER_ALONE.pattern + r"|(?:.*[-_. ])?(?:notice|legal)(?:[-_. ].*)?")
_OF_A_WORK = re.compile(
    rb"(?i)licen[sc]|software|\bcode\b|project|repositor|library|\bwork\b|program|\buse\b"
)
_PLAIN_SUFFIX = re.compile(r"\.(?:md|markdown|txt|rst|html?|adoc)$")


def _stem(path: str) -> str:
    return _PLAIN_SUFFIX.sub("", posixpath.basename(path).lower())


def is_rider_name(path: str) -> bool:
    """Whether a file of this name may take back, beside a licence, what that gives: COMMONS-CLAUSE.md."""
    stem = _stem(path)
    return "." not in stem and _RIDER_NAME.fullmatch(stem) is not None


class TextStatementDetector:
    """Facts `license-text`: schema TEXT_STATEMENTS."""

    name = "license-text"
    scope: Scope = "blob"
    modules: Sequence[str] = _MODULES
    distributions: Sequence[str] = ("license-expression",)
    params: Any = None
    schema = TEXT_STATEMENTS

    def detect(self, batch: pa.Table) -> pa.Table:
        text = one_array(batch["text"], pa.large_binary())
        data, offsets = bytes_of(text)
        blobs = one_array(batch["blob_id"], BLOB_ID)
        rows: list[int] = []
        stated: list[headers.Statement] = []
        void = pc.is_null(text).to_numpy(zero_copy_only=False)
        for first, last in pieces(offsets):
            for row, statement in headers.column_statements(data, offsets[first : last + 1]):
                if not void[first + row]:
                    rows.append(first + row)
                    stated.append(statement)
        columns = [list(column) for column in zip(*stated, strict=True)] or [[]] * len(_STATED)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, _STATED, strict=True)]
        return pa.table([blobs.take(pa.array(rows, pa.int64())), *arrays], schema=self.schema)


class FileStatementDetector:
    """Facts `license-file`: schema FILE_STATEMENTS."""

    name = "license-file"
    scope: Scope = "file"
    modules: Sequence[str] = _MODULES
    distributions: Sequence[str] = ("license-expression",)
    schema = FILE_STATEMENTS

    def __init__(self, params: LicenseTextParams) -> None:
        self.params: Any = params

    def detect(self, batch: pa.Table) -> pa.Table:
        paths = one_array(batch["path"], pa.string())
        text = one_array(batch["text"], pa.large_binary())
        likely = pc.match_substring_regex(paths, _LIKELY).to_numpy(zero_copy_only=False)
        rows = [row for row in map(int, np.flatnonzero(likely)) if _speaks(paths[row].as_py())]
        found = [
            (row, *statement)
            for row in rows
            if text[row].is_valid
            for statement in self._statements(paths[row].as_py(), text[row].as_py())
        ]
        columns = [list(column) for column in zip(*found, strict=True)]
        if not columns:
            return self.schema.empty_table()
        picked = pa.array(columns[0], pa.int64())
        arrays = [
            one_array(batch["blob_id"], BLOB_ID).take(picked),
            paths.take(picked),
            *(pa.array(c, f.type) for c, f in zip(columns[1:], list(self.schema)[2:], strict=True)),
        ]
        return pa.table(arrays, schema=self.schema)

    def _statements(self, path: str, text: bytes) -> Iterator[tuple[Any, ...]]:
        for claim in manifests.claims(path, text):
            yield (
                claim.kind, claim.detector, claim.expression, 1.0,
                claim.start_byte, claim.end_byte, claim.scope, claim.glob,
            )  # fmt: skip
        if (is_license_name(path) or _is_listed(path)) and not manifests.is_manifest(path):
            yield from self._license_file(path, text[: self.params.size_bytes_max])
        elif is_rider_name(path):
            yield from self._beside(path, text[: self.params.size_bytes_max])
        elif README.search(path):
            yield from _readme(posixpath.dirname(path), text[: self.params.size_bytes_max])

    def _license_file(self, path: str, raw: bytes) -> Iterator[tuple[Any, ...]]:
        """What a licence file says, a row a piece, first of the parts that it excepts by path.

        A name that promises a licence makes a file that states none, and points to none, an unknown
        one.
        """
        folder = posixpath.dirname(path)
        parts, rest = _excepted(raw)
        for part in parts:
            stated: tuple[Any, ...] = (
                "license-file", "prose", part.expression, headers.HEADER_SCORE, part.start, part.end,
            )  # fmt: skip
            yield from _of_part(stated, folder, part.path)
        for stated in self._read(path, raw, rest):
            if not _is_listed(path):
                yield (*stated, folder, None)
            if _is_for_above(path):
                yield (manifests.LISTED, *stated[1:], posixpath.dirname(folder), None)

    def _beside(self, path: str, raw: bytes) -> Iterator[tuple[Any, ...]]:
        """Riders of a file beside a licence. A name that promises nothing else makes all that is not
        harmless one; of others only what limits a work counts.
        """
        certain = _RIDER_ALONE.fullmatch(_stem(path)) is not None
        for piece in account(raw, self.params.score_min).pieces:
            words = raw[piece.start_byte : piece.end_byte]
            limits = piece.kind == "rider" and _OF_A_WORK.search(words) is not None
            if limits or (certain and (piece.kind != "text" or piece.score == 0.0)):
                yield ("license-file", *piece[1:], posixpath.dirname(path), None)

    def _read(self, path: str, raw: bytes, rest: bytes) -> Iterator[tuple[Any, ...]]:
        name = _by_name(raw)
        if name is not None:
            yield ("license-file", "name", name, 1.0, 0, len(raw))
            return
        if len(raw) <= _FILLED_IN_BYTES_MAX and _FILLED_IN.fullmatch(raw):
            yield (manifests.TERMS, "none", UNRECOGNIZED, 0.0, 0, len(raw))
            return
        found = account(rest, self.params.score_min)
        promised = _NAMES_A_LICENSE.search(posixpath.basename(path)) is not None
        if not promised and all(piece.kind in {"rider", "unexplained"} for piece in found.pieces):
            return
        if promised and not found.pieces and not found.points and rest.strip():
            yield ("license-file", "none", UNRECOGNIZED, 0.0, 0, len(raw))
        for piece in found.pieces:
            yield ("license-file", *piece[1:])


_TEXT_FOLDER = re.compile(
    r"(?:^|/)LICENSES/[^/]+\.(?:txt|md)$"
)  # REUSE 3.3: texts of what is in use
_FOLDER_OF_TEXTS = re.compile(
    r"(?i)(?:^|/)(?:docs?|legal|licen[cs]es?|\.github|meta|info)/(?:licen[cs]e|copying|unlicen[cs]e)(?:\.(?:txt|md|rst|html?))?$"
)


def _is_listed(path: str) -> bool:
    """Whether a file is one of the texts that REUSE keeps: which file is under it, others say."""
    return _TEXT_FOLDER.search(path) is not None


def _is_for_above(path: str) -> bool:
    """Whether a licence file in a folder for such stands for the directory above it too."""
    return _is_listed(path) or _FOLDER_OF_TEXTS.search(path) is not None


_FILLED_IN = re.compile(
    rb"(?i)(?:\s*(?:year|copyright holders?|organi[sz]ation)[ \t]*:[^\r\n]*)+\s*"
)
_FILLED_IN_BYTES_MAX = 2_000
"""What CRAN's `MIT + file LICENSE` asks for: who holds what, for a text that DESCRIPTION names."""
_NAME_ALONE_BYTES_MAX = 200  # of a licence file that is a name, a tag or an address, and no text
_OF_HOLDERS = re.compile(r"(?i)^(?:copyright|\(c\)|\u00a9|all rights reserved).*$")


def _by_name(raw: bytes) -> str | None:
    """The licence of a file that only names it: `MIT`, a tag, an address."""
    if len(raw) > _NAME_ALONE_BYTES_MAX:
        return None
    lines = [line.strip(" #*\t\r") for line in raw.decode(errors="replace").split("\n")]
    told = [line for line in lines if line and not _OF_HOLDERS.match(line)]
    named = {
        manifests.named(re.sub(r"(?i)^(?:spdx-license-identifier|licen[cs]e):\s*", "", t))
        for t in told
    }
    if not named or None in named or UNRECOGNIZED in named:
        return None
    return conjunction(tuple(sorted(name for name in named if name is not None)))


_PREAMBLE_BYTES = 4_000  # before the first text: where a licence file says what is excepted from it


def _excepted(raw: bytes) -> tuple[list[prose.Placed], bytes]:
    """Parts that a licence file excepts by path, and the file with blanks for the sentences on them."""
    parts = list(prose.placed(raw[:_PREAMBLE_BYTES].decode("latin-1")))
    rest = bytearray(raw)
    for part in parts:
        rest[part.start : part.end] = b" " * (part.end - part.start)
    return parts, bytes(rest)


_README_SCORE = 0.9


def _readme(scope: str, text: bytes) -> Iterator[tuple[Any, ...]]:
    """What a README says of the licence of its directory, and of parts of it."""
    for said in readme.statements(text):
        yield from _of_part(
            (said.kind, "readme", said.expression, _README_SCORE, said.start, said.end),
            scope,
            said.path,
        )


def _of_part(stated: tuple[Any, ...], scope: str, path: str) -> Iterator[tuple[Any, ...]]:
    """A statement of what lies at a path below a directory, "" for all of it."""
    literal = re.sub(r"([?\\[])", r"\\\1", path)
    for glob in (literal, f"{literal}/**") if path else (None,):
        yield (*stated, scope, glob)


def _speaks(path: str) -> bool:
    return (
        manifests.is_manifest(path)
        or is_license_name(path)
        or _is_listed(path)
        or is_rider_name(path)
        or README.search(path) is not None
    )
