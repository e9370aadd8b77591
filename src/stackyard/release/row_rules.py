"""What holds of every released row by itself: a table of rules, each over the columns of a row group.

In: rows of a shard, as a file of anybody's has them. Out: which rows break a rule; a null breaks it too.
Always holds: a rule is compiled code over Arrow buffers; what it says of a row depends on that row and
its shard alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.record import blob_digest
from stackyard.release.manifest import Shard
from stackyard.release.tables import one_chunk

LICENSE_TYPES = {
    "permissive": ("permissive",),
    "no_license": ("no_license",),
    "ids": ("permissive", "no_license"),
}
"""What each edition may hold (law 7)."""

_CONTROL = r"[\x00-\x1f\x7f-\x{9f}\x{2028}\x{2029}]"
_CLIMBS = r"^$|^[/\\]|(?:^|[/\\])\.\.(?:[/\\]|$)|(?:^|/)\.?/|/\.?$|^\.$|^[A-Za-z]:[/\\]"
_PATH_CHARS_MAX = 4096
"""As many bytes as `ingest.path_bytes_max` lets in by default, which is PATH_MAX of Linux."""

_HEX = "^[0-9a-f]{40}$"
_DIRECTORY = "^swh:1:dir:[0-9a-f]{40}$"
_REVISION = "^swh:1:(?:rev|dir):[0-9a-f]{40}$"
_REPO = r"^[A-Za-z0-9][A-Za-z0-9._+-]*/[A-Za-z0-9._][A-Za-z0-9._+-]*$"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._ +-]{0,63}$"
_EXPRESSION = r"^[A-Za-z0-9.+:() -]+$"
_WORDS = r"^[a-z0-9]+(?:[_-][a-z0-9]+)*$"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RowRule:
    """A rule: the check that it is a part of, what is said of a row that breaks it, and which rows do."""

    check: str
    what: str
    breaks: Callable[[pa.Table, Shard], Mask]

    def rows(self, group: pa.Table, shard: Shard) -> pa.Array:
        return pa.array(self.breaks(group, shard))


def is_sha256(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return pc.fill_null(pc.match_substring_regex(column, "^[0-9a-f]{64}$"), fill_value=False)


def hex_of(digests: bytes) -> pa.Array:
    """Joined 32-byte digests as a column of hex."""
    text = digests.hex()
    return pa.array([text[at : at + 64] for at in range(0, len(text), 64)], pa.string())


def _bad(holds: pa.Array | pa.ChunkedArray) -> Mask:
    """Where a condition does not hold, or is null."""
    array = one_chunk(pc.fill_null(holds, fill_value=False))
    return ~np.asarray(array.to_numpy(zero_copy_only=False), dtype=bool)


def _matches(column: pa.Array | pa.ChunkedArray, regex: str) -> pa.Array:
    return pc.match_substring_regex(one_chunk(column), regex)


def _unlike(name: str, regex: str) -> Callable[[pa.Table, Shard], Mask]:
    return lambda group, _shard: _bad(_matches(group[name], regex))


def _below(name: str, least: int) -> Callable[[pa.Table, Shard], Mask]:
    return lambda group, _shard: _bad(pc.greater_equal(group[name], least))


def is_path(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Whether paths stay in their folder on any system, and hold no control character (ingest.paths)."""
    array = one_chunk(column)
    odd = pc.match_substring_regex(array, f"{_CLIMBS}|{_CONTROL}")
    short = pc.less_equal(pc.utf8_length(array), _PATH_CHARS_MAX)
    return pc.and_(pc.invert(odd), short)


def _has_control(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return pc.match_substring_regex(one_chunk(column), _CONTROL)


def _repo(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return pc.and_(_matches(column, _REPO), pc.invert(_matches(column, r"/\.\.?$")))


def _any_of(lists: pa.Array, wrong: Mask) -> Mask:
    """Rows with a wrong element in a list; or with a null for a list."""
    parents = np.asarray(pc.list_parent_indices(lists))
    out = np.zeros(len(lists), bool)
    out[parents[wrong]] = True
    return out | np.asarray(pc.is_null(lists).to_numpy(zero_copy_only=False), dtype=bool)


def _fields(lists: pa.Array) -> tuple[pa.Array, Callable[[str], pa.Array]]:
    flat = pc.list_flatten(lists)
    return flat, lambda name: pc.struct_field(flat, name)


def _license_type(group: pa.Table, shard: Shard) -> Mask:
    allowed = pa.array(LICENSE_TYPES.get(shard.edition, ()), pa.string())
    return _bad(pc.is_in(one_chunk(group["license_type"]), value_set=allowed))


def _bare(group: pa.Table, _shard: Shard) -> Mask:
    """Permissive without an expression or evidence; a null list is no evidence."""
    permissive = ~_bad(pc.equal(group["license_type"], "permissive"))
    stated = pc.greater(pc.list_value_length(one_chunk(group["license_evidence"])), 0)
    has = ~_bad(stated) & ~_bad(_matches(group["license_expression"], _EXPRESSION))
    return permissive & ~has


def _evidence(group: pa.Table, _shard: Shard) -> Mask:
    lists = one_chunk(group["license_evidence"])
    flat, part = _fields(lists)
    wrong = _bad(pc.is_valid(flat))
    wrong |= _bad(_matches(part("kind"), _WORDS))
    wrong |= _bad(_matches(part("detector"), _NAME))  # some are named after a file: pom.xml
    wrong |= _bad(_matches(part("expression"), _EXPRESSION))
    wrong |= _bad(pc.invert(_has_control(part("path")))) | _bad(is_path(part("path")))
    score, start, end = part("score"), part("start_byte"), part("end_byte")
    wrong |= _bad(pc.and_(pc.greater_equal(score, 0.0), pc.less_equal(score, 1.0)))
    wrong |= _bad(pc.and_(pc.greater_equal(start, 0), pc.less_equal(start, end)))
    return _any_of(lists, wrong)


def _detected(group: pa.Table, _shard: Shard) -> Mask:
    lists = one_chunk(group["detected_licenses"])
    flat = pc.list_flatten(lists)
    return _any_of(lists, _bad(_matches(flat, _EXPRESSION)) | _falls(lists, flat))


def _falls(lists: pa.Array, keys: pa.Array) -> Mask:
    """Elements that are not above the one before them in their list, by bytes."""
    parents = np.asarray(pc.list_parent_indices(lists))
    out = np.zeros(len(keys), bool)
    if len(keys) > 1:
        rises = ~_bad(pc.less(keys[:-1], keys[1:]))
        out[1:] = (parents[1:] == parents[:-1]) & ~rises
    return out


def _origins(group: pa.Table, _shard: Shard) -> Mask:
    """Well-formed, sorted, each once, the row's own file among them."""
    lists = one_chunk(group["origins"])
    flat, part = _fields(lists)
    wrong = _bad(pc.is_valid(flat)) | _bad(_repo(part("repo_name")))
    wrong |= _bad(_matches(part("revision_id"), _REVISION)) | _bad(is_path(part("path")))
    names = ("repo_name", "revision_id", "path")
    wrong |= _falls(lists, pc.binary_join_element_wise(*map(part, names), "\0"))
    parents = pc.list_parent_indices(lists)
    own = np.ones(len(flat), bool)
    for name in names:
        own &= ~_bad(pc.equal(part(name), one_chunk(group[name]).take(parents)))
    has_own = np.zeros(len(lists), bool)
    has_own[np.asarray(parents)[own]] = True
    return _any_of(lists, wrong) | ~has_own


def _redactions(group: pa.Table, _shard: Shard) -> Mask:
    lists = one_chunk(group["redactions"])
    _, part = _fields(lists)
    wrong = _bad(_matches(part("entity"), _WORDS)) | _bad(pc.greater_equal(part("count"), 1))
    return _any_of(lists, wrong | _falls(lists, part("entity")))


def _stand_ins(group: pa.Table, _shard: Shard) -> Mask:
    """As many stand-ins as redactions: `<ENTITY>`, `<ENTITY-hash>`, escaped in markup, or a bare 0."""
    out = np.zeros(len(group), bool)
    if "content" not in group.column_names:
        return out
    lengths = pc.fill_null(pc.list_value_length(one_chunk(group["redactions"])), 0)
    at = np.flatnonzero(np.asarray(pc.greater(lengths, 0)))
    part = group.select(["content", "redactions"]).take(pa.array(at))
    pairs = zip(part["content"].to_pylist(), part["redactions"].to_pylist(), strict=True)
    for number, (text, redactions) in zip(at, pairs, strict=True):
        out[number] = any(
            isinstance(each, dict) and _lacks(text or "", each["entity"], each["count"])
            for each in redactions
        )
    return out


def _lacks(text: str, entity: str | None, count: int | None) -> bool:
    label = (entity or "").upper()
    there = text.count(f"<{label}") + text.count(f"&lt;{label}")
    return there < (count or 0) and there + text.count("0") < (count or 0)


_MULTIBYTE = ("big5", "euc_jp", "euc_kr", "gb18030", "shift_jis")
"""Encodings that have two codes for some characters: which one it was, a text does not say."""

ENCODINGS = (
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1251", "cp1252", "iso8859-1",
    "koi8-r", *_MULTIBYTE,
)  # fmt: skip
"""Codecs that the filter reads contents with."""

_MARKED = {
    "utf-16": ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")),
    "utf-32": ((b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be")),
}


def _blob(group: pa.Table, _shard: Shard) -> Mask:
    """An unredacted text is the blob itself, once encoded: same name, same length."""
    if "content" not in group.column_names:
        return np.zeros(len(group), bool)
    bare = pc.equal(pc.list_value_length(one_chunk(group["redactions"])), 0)
    plain = pc.and_(pc.equal(one_chunk(group["src_encoding"]), "utf-8"), bare)
    at = np.flatnonzero(~_bad(plain))
    part = group.select(["content", "blob_id", "length_bytes"]).take(pa.array(at))
    same_length = pc.equal(pc.binary_length(part["content"]), part["length_bytes"])
    texts = one_chunk(part["content"]).cast(pa.large_binary())
    named = pa.array([blob_digest(text.as_buffer()).hex() for text in texts], pa.string())
    out = np.zeros(len(group), bool)
    out[at] = _bad(pc.and_(same_length, pc.equal(named, one_chunk(part["blob_id"]))))
    other = np.flatnonzero(~_bad(bare) & _bad(plain))
    names = ["content", "blob_id", "length_bytes", "src_encoding"]
    for number, row in zip(
        other, group.select(names).take(pa.array(other)).to_pylist(), strict=True
    ):
        out[number] = not _is_encoded(**row)
    return out


def _is_encoded(content: str | None, blob_id: str, length_bytes: int, src_encoding: str) -> bool:
    """Whether a text can be a blob in an encoding; what is ASCII is never taken for a multi-byte one."""
    if content is None or src_encoding not in ENCODINGS:
        return False
    if src_encoding in _MULTIBYTE:
        return not content.isascii()
    try:
        for mark, codec in _MARKED.get(src_encoding, ((b"", src_encoding),)):
            raw = mark + content.encode(codec)
            if len(raw) == length_bytes and blob_digest(raw).hex() == blob_id:
                return True
    except UnicodeEncodeError:
        pass
    return False


def _encodings(group: pa.Table, _shard: Shard) -> Mask:
    return _bad(pc.is_in(one_chunk(group["src_encoding"]), value_set=pa.array(ENCODINGS)))


def _own_cluster(group: pa.Table, _shard: Shard) -> Mask:
    return _bad(pc.equal(group["dedup_cluster"], group["blob_id"]))


def _tree_revision(group: pa.Table, _shard: Shard) -> Mask:
    """The revision of what has no commits is its tree."""
    is_tree = _matches(group["revision_id"], _DIRECTORY)
    other = _bad(pc.equal(group["revision_id"], group["directory_id"]))
    return ~_bad(is_tree) & other


_OPERATORS = frozenset({"AND", "OR", "WITH"})


def _ids(expression: str | None) -> list[str]:
    """Licences and exceptions of an expression, sorted."""
    words = re.sub(r"[()]", " ", expression or "").split()
    return sorted(set(words) - _OPERATORS)


def _families(ids: Iterable[str]) -> set[str]:
    """Without `-only` and `-or-later`: a full text does not say which is meant."""
    return {re.sub(r"-(only|or-later)$", "", each) for each in ids}


def _unexplained(group: pa.Table, _shard: Shard) -> Mask:
    """Detected licences are those of the expression, and evidence names each of them."""
    lists = one_chunk(group["license_evidence"])
    flat = pc.struct_field(pc.list_flatten(lists), "expression")
    flat = pc.fill_null(flat, "")
    evidence = pa.ListArray.from_arrays(lists.offsets, flat) if len(lists) else pa.array([], pa.list_(pa.string()))  # fmt: skip
    told = pa.table(
        {
            "expression": pc.fill_null(one_chunk(group["license_expression"]), ""),
            "detected": pc.binary_join(one_chunk(group["detected_licenses"]), "\0"),
            "evidence": pc.binary_join(evidence, "\0"),
        }
    )
    names = told.column_names
    groups = told.group_by(names, use_threads=False).aggregate([]).to_pylist()
    wrong = {tuple(each[name] for name in names) for each in groups if not _is_explained(**each)}
    if not wrong:
        return np.zeros(len(group), bool)
    rows = zip(*(told[name].to_pylist() for name in names), strict=True)
    return np.array([row in wrong for row in rows], bool)


def _is_explained(expression: str, detected: str | None, evidence: str | None) -> bool:
    ids = _ids(expression)
    # What is said of a part leaves the rest open, which no evidence names.
    open_ids = {each for each in ids if each.startswith("LicenseRef-")}
    named = {each for text in (evidence or "").split("\0") for each in _ids(text)}
    listed = [each for each in (detected or "").split("\0") if each]
    return ids == listed and _families(ids) - open_ids <= _families(named)


def _unlicensed(group: pa.Table, _shard: Shard) -> Mask:
    """A licence in the rows that have none."""
    none = ~_bad(pc.equal(group["license_type"], "no_license"))
    return none & ~_bad(pc.is_valid(group["license_expression"]))


def _range_of_own(group: pa.Table, _shard: Shard) -> Mask:
    """Evidence in the row's own file that lies far beyond its end: in UTF-8, a byte is up to 3."""
    lists = one_chunk(group["license_evidence"])
    _, part = _fields(lists)
    parents = pc.list_parent_indices(lists)
    own = ~_bad(pc.equal(part("path"), one_chunk(group["path"]).take(parents)))
    most = pc.multiply(one_chunk(group["length_bytes"]), 4).take(parents)
    return _any_of(lists, own & _bad(pc.less_equal(part("end_byte"), most)))


def _paths(group: pa.Table, _shard: Shard) -> Mask:
    return _bad(is_path(group["path"]))


def _filename(group: pa.Table, _shard: Shard) -> Mask:
    last = pc.replace_substring_regex(one_chunk(group["path"]), r"^(?s:.*)/", "")
    return _bad(pc.equal(last, group["filename"]))


def _extension(group: pa.Table, _shard: Shard) -> Mask:
    """What stands after the last dot of a name that does not begin with it, in lower case; or nothing."""
    name = one_chunk(group["filename"])
    has = pc.match_substring_regex(name, r"^(?s:.+)\.[^.]+$")
    last = pc.utf8_lower(pc.replace_substring_regex(name, r"^(?s:.*)\.", ""))
    return _bad(pc.equal(one_chunk(group["extension"]), pc.if_else(has, last, "")))


def _branch(group: pa.Table, _shard: Shard) -> Mask:
    return _bad(pc.invert(pc.fill_null(_has_control(group["branch_name"]), fill_value=False)))


def _repo_names(group: pa.Table, _shard: Shard) -> Mask:
    return _bad(_repo(group["repo_name"]))


ROW_RULES = (
    RowRule("redactions", "counts redactions wrongly", _redactions),
    RowRule("redactions", "has fewer stand-ins than redactions", _stand_ins),
    RowRule("licence evidence", "has a licence type that is not its edition's", _license_type),
    RowRule("licence evidence", "is permissive without a licence or evidence", _bare),
    RowRule("licence evidence", "has evidence that lacks a part or is out of range", _evidence),
    RowRule("licence evidence", "has detected licences that are none, or out of order", _detected),
    RowRule("licence evidence", "has licences that its expression or evidence does not name", _unexplained),
    RowRule("licence evidence", "has a licence, and says that it has none", _unlicensed),
    RowRule("licence evidence", "has evidence beyond the end of its file", _range_of_own),
    RowRule("origins", "is not among its origins, or these are malformed or out of order", _origins),
    RowRule("identifiers", "blob_id is not 40 hex digits", _unlike("blob_id", _HEX)),
    RowRule("identifiers", "dedup_cluster is not 40 hex digits", _unlike("dedup_cluster", _HEX)),
    RowRule("identifiers", "dedup_cluster is not its own blob_id", _own_cluster),
    RowRule("identifiers", "the revision is a tree, and not its directory", _tree_revision),
    RowRule("identifiers", "directory_id is no SWHID of a directory", _unlike("directory_id", _DIRECTORY)),
    RowRule("identifiers", "revision_id is no SWHID of a revision", _unlike("revision_id", _REVISION)),
    RowRule("identifiers", "content_sha256 is not 64 hex digits", lambda g, _: _bad(is_sha256(one_chunk(g["content_sha256"])))),
    RowRule("identifiers", "the content is not that of blob_id and length_bytes", _blob),
    RowRule("sizes", "length_bytes is negative", _below("length_bytes", 0)),
    RowRule("sizes", "star_events_count is negative", _below("star_events_count", 0)),
    RowRule("sizes", "fork_events_count is negative", _below("fork_events_count", 0)),
    RowRule("sizes", "cluster_size is below 1", _below("cluster_size", 1)),
    RowRule("names", "repo_name is not owner/repo", _repo_names),
    RowRule("names", "the path leaves its folder or holds a control character", _paths),
    RowRule("names", "filename is not the last part of the path", _filename),
    RowRule("names", "extension is not that of the name", _extension),
    RowRule("names", "branch_name holds a control character", _branch),
    RowRule("names", "src_encoding is none that we read", _encodings),
)  # fmt: skip
"""In the order of the checks; each is asked of every row group."""


def faults_of_decisions(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """What does not hold of a table of decisions (strings), and the rows."""
    ingest = pc.equal(table["stage"], "ingest")
    # What ingest drops for its path keeps it as it was, escaped: it may climb, and may be empty.
    plain = pc.if_else(
        pc.fill_null(ingest, fill_value=False),
        pc.invert(_has_control(table["path"])),
        is_path(table["path"]),
    )
    blob = pc.or_(
        pc.is_null(table["blob_id"]),
        pc.fill_null(_matches(table["blob_id"], _HEX), fill_value=False),
    )
    for what, holds in (
        ("is of stage optout, which is never published", pc.not_equal(table["stage"], "optout")),
        ("has a stage or rule that is no name", pc.and_(_matches(table["stage"], _WORDS), _matches(table["rule"], _WORDS))),
        ("repo_name is not owner/repo", _repo(table["repo_name"])),
        ("revision_id is no SWHID of a revision", _matches(table["revision_id"], _REVISION)),
        ("the path leaves its folder or holds a control character", plain),
        ("blob_id is not 40 hex digits", blob),
        ("evidence holds a control character", pc.invert(_has_control(table["evidence"]))),
    ):  # fmt: skip
        yield what, table.filter(pa.array(_bad(holds)))
