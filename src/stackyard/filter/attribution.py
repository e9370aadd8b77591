"""The attribution bundle: what a release owes to the authors of what it holds.

In: the released files, all files of their revisions, facts, and the texts of licence files. Out:
tables of texts (each once), of who uses which, and of copyright lines. Always holds: every licence
and notice file of a revision with a released file is there, with its path; rows are sorted, equal
ones are one. MIT, BSD and Apache-2.0 ask for just this: licence text, copyright lines, NOTICE.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import hyperscan
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.detector import Scope
from stackyard.filter.buffers import bytes_of, one_array
from stackyard.filter.names import is_license_name
from stackyard.record import BLOB_ID

COPYRIGHTS = pa.schema(
    [pa.field("blob_id", BLOB_ID, nullable=False), pa.field("line", pa.string(), nullable=False)]
)
"""Copyright lines at the head of a blob, in their order, each once."""

TEXTS = pa.schema([pa.field("sha256", pa.string()), pa.field("text", pa.string())])
"""Licence and notice texts, each once; key and order: hex SHA-256 of the UTF-8 text."""

USES = pa.schema(
    [pa.field(name, pa.string()) for name in ("repo_name", "revision_id", "path", "kind", "sha256")]
)
"""Which text a revision holds at which path; `kind` is `license` or `notice`. Sorted by all columns."""

HOLDERS = pa.schema([pa.field(name, pa.string()) for name in ("repo_name", "revision_id", "line")])
"""Copyright lines of the released files of a revision, sorted, each once."""

_HEAD_BYTES = 8192  # notices stand at the head
_LINE_CHARS_MAX = 300
_LINES_MAX = 50  # of one file: a list of contributors is an AUTHORS file, not a notice
_NOTICE_NAME = re.compile(r"(?i)(?:^|/)(?:third[-_ ]?party[-_ ]?)?notices?(?:[-_.][^/]*)?$")
_TEXT_FOLDER = re.compile(r"(?:^|/)LICENSES/[^/]+\.txt$")  # REUSE 3.3: texts of what is in use
_NOTICE = (
    rb"copyright[ \t]*(?:\(c\)|\xc2\xa9|&copy;|by\b|[12][0-9]{3})",
    rb"\xc2\xa9[ \t]*[12][0-9]{3}",
)
_WORD = re.compile(rb"(?i)copyright|\xc2\xa9")
_ADDRESS = re.compile(r"\s*[<(\[]?[\w.+-]+\\?(?:@|\s+at\s+)[\w-]+(?:\.[\w-]+)+[>)\]]?")
_AT = re.compile(r"@|\sat\s")  # in every address, and in few lines
_EDGES: Final = " \t\r*/#;%-!|\"'\\<>"


class Attribution(NamedTuple):
    """The bundle: tables of schema TEXTS, USES and HOLDERS."""

    texts: pa.Table
    uses: pa.Table
    holders: pa.Table


class CopyrightDetector:
    """Facts `copyright`: schema COPYRIGHTS. Mail addresses are left out of the lines."""

    name = "copyright"
    scope: Scope = "blob"
    modules: Sequence[str] = (
        "stackyard.filter.attribution",
        "stackyard.filter.names",
        "stackyard.filter.text",
        "stackyard.filter.charset",
        "stackyard.filter.buffers",
    )
    distributions: Sequence[str] = ("hyperscan",)
    params: Any = None
    schema = COPYRIGHTS

    def detect(self, batch: pa.Table) -> pa.Table:
        text = one_array(batch["text"], pa.large_binary())
        data, offsets = bytes_of(text)
        rows: list[int] = []
        lines: list[str] = []
        for row in map(int, np.flatnonzero(pc.is_valid(text).to_numpy(zero_copy_only=False))):
            head = data[offsets[row] : min(offsets[row + 1], offsets[row] + _HEAD_BYTES)]
            found = copyright_lines(head.data)
            rows.extend([row] * len(found))
            lines.extend(found)
        blobs = one_array(batch["blob_id"], BLOB_ID).take(pa.array(rows, pa.int64()))
        return pa.table([blobs, pa.array(lines, pa.string())], schema=COPYRIGHTS)


def copyright_lines(head: Any) -> list[str]:
    """Copyright lines of a head (a buffer of UTF-8), without comment marks and addresses."""
    ends: list[int] = []
    _database().scan(head, match_event_handler=_collect, context=ends)
    if not ends:
        return []
    content = bytes(head)
    lines: dict[str, None] = {}
    at = 0
    for end in sorted(ends):
        if end <= at or len(lines) == _LINES_MAX:
            continue
        start = max(content.rfind(b"\n", 0, end) + 1, end - _LINE_CHARS_MAX)
        at = content.find(b"\n", end)
        at = len(content) if at < 0 else at
        word = _WORD.search(content, start, end)
        if word is not None:
            stop = min(at, word.start() + 2 * _LINE_CHARS_MAX)
            text = content[word.start() : stop].decode(errors="ignore")
            text = _ADDRESS.sub("", text) if _AT.search(text) else text
            line = " ".join(text.split())[:_LINE_CHARS_MAX].strip(_EDGES)
            lines[line] = None
    return list(lines)


def _collect(_number: int, _start: int, end: int, _flags: int, ends: list[int]) -> None:
    ends.append(end)


@functools.cache
def _database() -> Any:
    database = hyperscan.Database()
    database.compile(
        expressions=list(_NOTICE),
        ids=list(range(len(_NOTICE))),
        elements=len(_NOTICE),
        flags=[hyperscan.HS_FLAG_CASELESS] * len(_NOTICE),
    )
    return database


def attribution(
    released: pa.Table,
    files: pa.Table,
    facts: Mapping[str, pa.Table],
    texts: Callable[[pa.Array], pa.Table],
) -> Attribution:
    """The bundle of a release.

    Args:
        released: rows of the release; columns repo_name, revision_id and blob_id are read.
        files: schema FILES, as the filter was given it: licence files are seldom rows themselves.
        facts: `copyright` of the released blobs.
        texts: from blob ids to a table (blob_id, text), text large_binary in UTF-8 or null.
    """
    revisions = _pairs(released)
    spoken = [
        (*key, path, "notice" if _NOTICE_NAME.search(path) else "license", blob)
        for *key, path, blob in _rows(files, ("repo_name", "revision_id", "path", "blob_id"))
        if tuple(key) in revisions and _is_owed(path)
    ]
    wanted = pa.array(sorted({row[-1] for row in spoken}), BLOB_ID)
    known = {
        blob: text.decode()
        for blob, text in _rows(texts(wanted), ("blob_id", "text"))
        if text is not None
    }
    digests = {blob: hashlib.sha256(text.encode()).hexdigest() for blob, text in known.items()}
    uses = sorted({(*row[:-1], digests[row[-1]]) for row in spoken if row[-1] in digests})
    return Attribution(
        _table(sorted({(digests[blob], text) for blob, text in known.items()}), TEXTS),
        _table(uses, USES),
        _holders(released, facts["copyright"]),
    )


def _is_owed(path: str) -> bool:
    return bool(is_license_name(path) or _NOTICE_NAME.search(path) or _TEXT_FOLDER.search(path))


def _holders(released: pa.Table, lines: pa.Table) -> pa.Table:
    joined = (
        released.select(["repo_name", "revision_id", "blob_id"])
        .join(lines, keys="blob_id", join_type="inner")
        .select(HOLDERS.names)
    )
    distinct = joined.group_by(HOLDERS.names, use_threads=False).aggregate([])
    return distinct.sort_by([(name, "ascending") for name in HOLDERS.names]).cast(HOLDERS)


def _pairs(table: pa.Table) -> set[tuple[str, str]]:
    distinct = table.group_by(["repo_name", "revision_id"], use_threads=False).aggregate([])
    return set(_rows(distinct, ("repo_name", "revision_id")))


def _rows(table: pa.Table, names: Iterable[str]) -> Iterable[tuple[Any, ...]]:
    return zip(*(table[name].to_pylist() for name in names), strict=True)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema
    )
