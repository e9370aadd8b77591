"""Which files the requests in force name: the decisions of stage `optout`, and the gate's check.

In: files and origins as Arrow tables, the verified registry. Out: one decision a file that goes.
Always holds: letter case of owners and repositories is folded (ASCII only, so that no look-alike is
folded into a name); paths are matched as written; what a request does not name stays. Work is by
column over Arrow buffers: Python loops run over requests and distinct origins, never over files.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import EnvironmentFault, UsageError
from stackyard.optout.authors import AUTHOR, Authors
from stackyard.optout.params import Params
from stackyard.optout.registry import Registry, Request
from stackyard.optout.selector import fold_name, forge_identity, glob_regex, host_of
from stackyard.record import BLOB_ID, DECISIONS, FILE_KEY, Swhid, blob_digest

RULES = ("owner", "repo", "fork", "path", "author", "blob", "copy", "near-copy")
"""Rules of the stage, and their order: a file that several requests name gets the first one."""

NEAR = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("near_blob_id", BLOB_ID, nullable=False),
    ]
)
"""Verified near-duplicate pairs of blobs, both ways round."""

VIOLATIONS = pa.schema(
    [
        pa.field("repo_name", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("request", pa.string(), nullable=False),
    ]
)
"""Released rows that a request in force names, sorted by (repo_name, path)."""

TOMBSTONES = pa.schema(
    [
        pa.field("repo_name", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("request", pa.string(), nullable=False),
    ]
)
"""Origins that a request by `owner` or `repo` names, or that are forks which one asks for, sorted by
(repo_name, origin)."""

_EMPTY_BLOB = blob_digest(b"")
_NONE = np.iinfo(np.int32).max
_Ranks = npt.NDArray[np.int32]


def match(
    files: pa.Table,
    origins: pa.Table,
    log: Registry,
    params: Params,
    near: pa.Table | None = None,
    *,
    authors: Authors | None = None,
) -> pa.Table:
    """The files that go, of schema DECISIONS, stage `optout`, sorted by FILE_KEY.

    Evidence is `{"request":"req-..."}`. If several requests name a file, the rule that comes first
    in RULES decides, then the smallest request id.

    Args:
        files: schema FILES.
        origins: schema ORIGINS; every (repo_name, revision_id) of `files` is in it. A column `fork_of`
            (`owner/repo` that an origin was forked from, or null) is needed to find forks.
        log: the registry; the requests in force count.
        params: aliases of renamed origins.
        near: schema NEAR; needed as soon as a request in force asks for near copies.
        authors: needed as soon as a request in force names a commit author.

    Raises:
        EnvironmentFault: an origin is missing, near copies are asked for without `near`, or an author
            is named without `authors`.
    """
    return match_requests(files, origins, log.effective(), params, near, authors=authors)


def match_requests(
    files: pa.Table,
    origins: pa.Table,
    requests: Sequence[Request],
    params: Params,
    near: pa.Table | None = None,
    *,
    authors: Authors | None = None,
) -> pa.Table:
    """As `match`, for given requests, sorted by id: what they would remove if they were in force."""
    if not requests or files.num_rows == 0:
        return DECISIONS.empty_table()
    ranks = Ranking(requests, authors)
    found = _by_name(files, origins, ranks, params)
    _by_author(files, ranks, found)
    _by_blob(files.column("blob_id"), ranks, found)
    _copies(files, origins, ranks, params, near=near, found=found)
    return _decisions(files, found, ranks)


def tombstones(origins: pa.Table, log: Registry, params: Params) -> pa.Table:
    """Origins that are opted out whole, of schema TOMBSTONES: what need not be fetched again.

    Where a request asks for copies too, its origins are read on: copies are found by what they hold.

    Args:
        origins: with repo_name, origin (URL or purl) and, to find forks, fork_of; one row a source.
        log: as for `match`.
        params: as for `match`.
    """
    requests = log.effective()
    if not requests:
        return TOMBSTONES.empty_table()
    ranks = Ranking(requests)
    of_origin, _ = _origin_ranks(origins, ranks, params)
    copied = [request for request in requests if request.copies != "none"]
    needed, globs = _origin_ranks(origins, Ranking(copied), params)
    needed[list(globs)] = 0
    rows = np.flatnonzero((of_origin != _NONE) & (needed == _NONE))
    ids = pa.array([r.request for r in requests], pa.string())
    table = pa.table(
        [
            origins["repo_name"].take(pa.array(rows)),
            origins["origin"].take(pa.array(rows)),
            ranks.rule(of_origin[rows]),
            ids.take(pa.array(ranks.places(of_origin[rows]))),
        ],
        schema=TOMBSTONES,
    )
    return table.sort_by([("repo_name", "ascending"), ("origin", "ascending")]).combine_chunks()


def violations(
    rows: pa.Table, log: Registry, params: Params, dropped: pa.Table | None = None
) -> pa.Table:
    """Law 3 at the gate: rows of a release that a request in force names; empty if all is well.

    Args:
        rows: released rows with repo_name, path (the row's own) and blob_id (raw or hex); if there
            is a column `origins` (a list of names, or of structs with repo_name and path), every
            origin that it names is checked too, and reported by its own name.
        log: the registry.
        params: as for `match`.
        dropped: the decisions of `match` for this release; with them, forks, files of authors and
            exact copies of what requests for such removed are violations too.
    """
    return named_by(rows, log.effective(), params, dropped)


def named_by(
    rows: pa.Table, requests: Sequence[Request], params: Params, dropped: pa.Table | None = None
) -> pa.Table:
    """VIOLATIONS of these requests; see `violations`."""
    if not requests or rows.num_rows == 0:
        return VIOLATIONS.empty_table()
    ranks = Ranking(requests)
    files = claims_of(rows)
    origins = _bare_origins(files)
    found = _by_name(files, origins, ranks, params)
    _by_blob(files.column("blob_id"), ranks, found)
    if dropped is not None:
        _known_forks(files, dropped, ranks, found)
        _known_authored(files, dropped, ranks, found)
        _known_copies(files.column("blob_id"), dropped, ranks, found)
    hits = _decisions(files, found, ranks)
    request = pc.replace_substring_regex(hits["evidence"], r'.*"request":"([^"]*)".*', r"\1")
    table = pa.table([hits["repo_name"], hits["path"], hits["rule"], request], schema=VIOLATIONS)
    return table.sort_by([("repo_name", "ascending"), ("path", "ascending")]).combine_chunks()


@dataclass(frozen=True)
class Ranking:
    """Requests in the order in which they claim a file: rank = rule * count + place."""

    requests: Sequence[Request]
    authors: Authors | None = None

    def rank(self, rule: str, place: int) -> int:
        return RULES.index(rule) * len(self.requests) + place

    def of_kind(self, kind: str) -> Iterable[tuple[int, Request]]:
        return ((i, r) for i, r in enumerate(self.requests) if r.selector.kind == kind)

    def rule(self, ranks: _Ranks) -> pa.Array:
        return pa.array(RULES).take(pa.array(ranks // len(self.requests)))

    def places(self, ranks: _Ranks) -> _Ranks:
        return (ranks % len(self.requests)).astype(np.int32)


def _by_name(files: pa.Table, origins: pa.Table, ranks: Ranking, params: Params) -> _Ranks:
    """Smallest rank for each file among requests by owner, repository and path."""
    of_origin, with_globs = _origin_ranks(origins, ranks, params)
    place = _origin_of_file(files, origins)
    found = of_origin[place]
    if with_globs:
        _by_path(files.column("path"), place, with_globs, ranks, found)
    return found


def _origin_ranks(
    origins: pa.Table, ranks: Ranking, params: Params
) -> tuple[_Ranks, dict[int, list[int]]]:
    """For each origin the smallest rank by owner or repository, and the places of path requests."""
    by_name: dict[str, dict[str, list[int]]] = {
        kind: defaultdict(list) for kind in ("owner", "repo", "path")
    }
    aliases = _alias_classes(params.aliases)
    for place, request in enumerate(ranks.requests):
        selector = request.selector
        if selector.kind in by_name:
            for name in _names(selector.name, aliases):
                by_name[selector.kind][name].append(place)
    with_forks = {place for place, request in enumerate(ranks.requests) if request.forks}
    named = _names_of_origins(origins)
    upstreams = _upstreams(origins, named, aliases) if with_forks else {}
    of_origin = np.full(origins.num_rows, _NONE, dtype=np.int32)
    with_globs: dict[int, list[int]] = {}
    for index, (host, names) in enumerate(named):
        claims = [
            (rule, place)
            for rule in ("owner", "repo", "path")
            for name in names
            for place in by_name[rule].get(name.split("/", 1)[0] if rule == "owner" else name, ())
            if _same_host(ranks.requests[place].selector.host, host)
        ]
        claims += [
            ("fork", place)
            for name in upstreams.get(index, ())
            for place in by_name["owner"].get(name.split("/", 1)[0], ())
            if place in with_forks and _same_host(ranks.requests[place].selector.host, host)
        ]
        whole = [ranks.rank(rule, place) for rule, place in claims if rule != "path"]
        globs = sorted({place for rule, place in claims if rule == "path"})
        of_origin[index] = min(whole, default=_NONE)
        if globs:
            with_globs[index] = globs
    return of_origin, with_globs


def reached(request: Request, params: Params) -> frozenset[str]:
    """Names of repositories and accounts that a request is for, by its own name and by aliases."""
    if request.selector.kind not in {"owner", "repo", "path"}:
        return frozenset()
    return frozenset(_names(request.selector.name, _alias_classes(params.aliases)))


def _names_of_origins(origins: pa.Table) -> list[tuple[str, set[str]]]:
    """Host of each origin, and the folded names that it goes by: its own, and that of its address."""
    named = []
    for repo_name, origin in zip(
        origins.column("repo_name").to_pylist(), origins.column("origin").to_pylist(), strict=True
    ):
        identity = forge_identity(origin)
        names = {fold_name(repo_name)} | ({identity[1]} if identity else set())
        named.append((host_of(origin), names))
    return named


def _upstreams(
    origins: pa.Table,
    named: Sequence[tuple[str, set[str]]],
    aliases: Mapping[str, set[str]],
) -> dict[int, set[str]]:
    """For each origin that is a fork, the names of what it was forked from, of that in turn, and so on.

    A fork is on the forge of its upstream, so names meet on one host or where a host is not known.
    """
    if "fork_of" not in origins.column_names:
        return {}
    said = origins.column("fork_of").to_pylist()
    forked: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for (host, names), upstream in zip(named, said, strict=True):
        if upstream is not None:
            for name in names:
                forked[name].append((host, fold_name(upstream)))
    found = {}
    for index, upstream in enumerate(said):
        if upstream is None:
            continue
        host, reached = named[index][0], set[str]()
        todo = _names(fold_name(upstream), aliases)
        while todo:
            name = todo.pop()
            reached.add(name)
            for other_host, further in forked.get(name, ()):
                if _same_host(other_host, host):
                    todo |= _names(further, aliases) - reached
        found[index] = reached
    return found


def _same_host(asked: str, host: str) -> bool:
    """Unless the request and the origin both say a forge, the name alone decides."""
    return not asked or not host or asked == host


def _alias_classes(aliases: Mapping[str, str]) -> dict[str, set[str]]:
    """All names that mean the same repository or account, for each name."""
    classes: dict[str, set[str]] = {}
    for old, new in aliases.items():
        if old.count("/") != new.count("/") or old.count("/") > 1:
            raise UsageError(
                f"optout.aliases: {old!r} and {new!r} are not of one kind",
                expected="owner/name: owner/name, or owner: owner",
            )
        one, two = fold_name(old), fold_name(new)
        merged = classes.get(one, {one}) | classes.get(two, {two})
        classes.update(dict.fromkeys(merged, merged))
    return classes


def _names(name: str, aliases: Mapping[str, set[str]]) -> set[str]:
    """A name and what it is also called; a renamed account carries its repositories along."""
    names = set(aliases.get(name, {name}))
    if "/" in name:
        for known in tuple(names):
            owner, repo = known.split("/", 1)
            names |= {f"{other}/{repo}" for other in aliases.get(owner, ())}
    return names


def _origin_of_file(files: pa.Table, origins: pa.Table) -> npt.NDArray[np.int64]:
    """Row of `origins` for each file, by (repo_name, revision_id)."""
    names, name_codes = _codes(files.column("repo_name"))
    revisions, revision_codes = _codes(files.column("revision_id"))
    key = name_codes * max(len(revisions), 1) + revision_codes
    origin_names = pc.index_in(origins.column("repo_name"), value_set=names)
    origin_revisions = pc.index_in(origins.column("revision_id"), value_set=revisions)
    used = pc.and_(origin_names.is_valid(), origin_revisions.is_valid())
    rows = np.flatnonzero(_numpy(used))
    origin_key = (
        _numpy(pc.fill_null(origin_names, 0)).astype(np.int64) * max(len(revisions), 1)
        + _numpy(pc.fill_null(origin_revisions, 0)).astype(np.int64)
    )[rows]
    order = np.argsort(origin_key, kind="stable")
    keys, rows = origin_key[order], rows[order]
    at = np.minimum(np.searchsorted(keys, key), max(len(keys) - 1, 0))
    if len(keys) == 0 or not np.array_equal(keys[at], key):
        missing = 0 if len(keys) == 0 else int(np.flatnonzero(keys[at] != key)[0])
        raise EnvironmentFault(
            f"the origin of {files.column('repo_name')[missing].as_py()} is not in the table of "
            "origins, so it cannot be known whether its owner opted out",
            next_step="run ingest again",
        )
    return rows[at]


def _codes(column: pa.ChunkedArray) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    encoded = column.combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pa.concat_arrays(encoded.chunks)
    encoded = encoded.dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _numpy(column: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int64]:
    if isinstance(column, pa.ChunkedArray):
        return column.to_numpy()
    return column.to_numpy(zero_copy_only=False)


def _by_path(
    paths: pa.ChunkedArray,
    place: npt.NDArray[np.int64],
    with_globs: Mapping[int, list[int]],
    ranks: Ranking,
    found: _Ranks,
) -> None:
    """Lowers the rank of files whose path a glob of their origin matches."""
    wanted = np.zeros(int(place.max()) + 1, dtype=bool)
    wanted[[index for index in with_globs if index < len(wanted)]] = True
    rows = np.flatnonzero(wanted[place])
    rows = rows[np.argsort(place[rows], kind="stable")]
    texts = paths.take(pa.array(rows)).combine_chunks()
    starts = np.flatnonzero(np.diff(place[rows], prepend=-1))
    for start, stop in itertools.pairwise([*starts.tolist(), len(rows)]):
        part = texts.slice(start, stop - start)
        for request_place in with_globs[int(place[rows[start]])]:
            regex = glob_regex(ranks.requests[request_place].selector.glob)
            hit = rows[start:stop][_numpy(pc.match_substring_regex(part, regex)).astype(bool)]
            found[hit] = np.minimum(found[hit], ranks.rank("path", request_place))


def _by_author(files: pa.Table, ranks: Ranking, found: _Ranks) -> None:
    """Lowers the rank of files that an author who is named ever touched."""
    asked = list(ranks.of_kind("author"))
    if not asked:
        return
    if ranks.authors is None:
        raise EnvironmentFault(
            "a request in force names a commit author, but nobody said who touched what",
            next_step="build where the registry's private part is",
        )
    wanted: dict[bytes, int] = {}
    for place, request in asked:
        rank = ranks.rank("author", place)
        wanted.setdefault(ranks.authors.of(request.selector.name), rank)
    facts = ranks.authors.facts
    index = pc.index_in(facts["author"], value_set=pa.array(list(wanted), AUTHOR))
    values = pa.array(list(wanted.values()), pa.int32())
    hits = facts.select(FILE_KEY).append_column("rank", values.take(index.combine_chunks()))
    smallest = hits.filter(index.is_valid()).group_by(list(FILE_KEY), use_threads=False)
    named = smallest.aggregate([("rank", "min")])
    few = pc.is_in(files["repo_name"], value_set=pc.unique(named["repo_name"]))
    rows = np.flatnonzero(_numpy(few))
    some = files.select(FILE_KEY).take(pa.array(rows)).append_column("row", pa.array(rows))
    both = some.join(named, keys=list(FILE_KEY), join_type="inner")
    at = _numpy(both["row"])
    found[at] = np.minimum(found[at], _numpy(both["rank_min"]))


def _by_blob(blobs: pa.ChunkedArray, ranks: Ranking, found: _Ranks) -> None:
    wanted: dict[bytes, int] = {}
    for place, request in ranks.of_kind("blob"):
        wanted.setdefault(Swhid.parse(request.selector.name).digest, ranks.rank("blob", place))
    _lower_by_blob(blobs, wanted, found)


def _lower_by_blob(blobs: pa.ChunkedArray, wanted: Mapping[bytes, int], found: _Ranks) -> None:
    """Lowers the rank of files whose blob is wanted."""
    if not wanted:
        return
    index = pc.index_in(blobs, value_set=pa.array(list(wanted), BLOB_ID))
    values = np.fromiter(wanted.values(), dtype=np.int32, count=len(wanted))
    rows = np.flatnonzero(_numpy(index.is_valid()))
    hits = _numpy(index.take(pa.array(rows))).astype(np.int64)
    found[rows] = np.minimum(found[rows], values[hits])


def _copies(
    files: pa.Table,
    origins: pa.Table,
    ranks: Ranking,
    params: Params,
    *,
    near: pa.Table | None,
    found: _Ranks,
) -> None:
    """Lowers the rank of files with the blobs, or near ones, of what requests with copies name."""
    blobs = files.column("blob_id")
    named = seeds(files, origins, ranks, params, {"exact", "near"})
    _lower_by_blob(blobs, {b: ranks.rank("copy", place) for b, place in named.items()}, found)
    if not any(r.copies == "near" for r in ranks.requests):
        return
    if near is None:
        raise EnvironmentFault(
            "a request in force asks for near copies, but nobody said which blobs are near",
            next_step="run the near-duplicate search before opt-outs are matched",
        )
    named = seeds(files, origins, ranks, params, {"near"})
    pairs = near.filter(pc.is_in(near["blob_id"], value_set=pa.array(list(named), BLOB_ID)))
    wanted: dict[bytes, int] = {}
    for blob, other in zip(
        pairs["blob_id"].to_pylist(), pairs["near_blob_id"].to_pylist(), strict=True
    ):
        rank = ranks.rank("near-copy", named[blob])
        wanted[other] = min(rank, wanted.get(other, _NONE))
    _lower_by_blob(blobs, wanted, found)


def seeds(
    files: pa.Table, origins: pa.Table, ranks: Ranking, params: Params, copies: set[str]
) -> dict[bytes, int]:
    """Blobs that requests with such copies name -> place of the smallest such request.

    Matched apart from other requests, as those may claim the same files first. The empty file is
    no copy of anybody's.
    """
    chosen = [(place, r) for place, r in enumerate(ranks.requests) if r.copies in copies]
    if not chosen:
        return {}
    some = Ranking([request for _, request in chosen], ranks.authors)
    found = _by_name(files, origins, some, params)
    _by_author(files, some, found)
    _by_blob(files.column("blob_id"), some, found)
    hit = np.flatnonzero(found != _NONE)
    table = pa.table(
        {
            "blob_id": files.column("blob_id").take(pa.array(hit)),
            "place": pa.array(some.places(found[hit])),
        }
    )
    smallest = table.group_by("blob_id").aggregate([("place", "min")])
    found_seeds = dict(
        zip(smallest["blob_id"].to_pylist(), smallest["place_min"].to_pylist(), strict=True)
    )
    for place, request in some.of_kind("blob"):
        found_seeds.setdefault(Swhid.parse(request.selector.name).digest, place)
    return {
        blob: chosen[place][0]
        for blob, place in found_seeds.items()
        if blob not in {None, _EMPTY_BLOB}
    }


def _known_copies(blobs: pa.ChunkedArray, dropped: pa.Table, ranks: Ranking, found: _Ranks) -> None:
    place_of = {
        _evidence(request.request): place
        for place, request in enumerate(ranks.requests)
        if request.copies != "none"
    }
    relevant = dropped.filter(
        pc.is_in(dropped["evidence"], value_set=pa.array(list(place_of), pa.string()))
    )
    wanted: dict[bytes, int] = {}
    for blob, evidence in zip(
        relevant["blob_id"].to_pylist(), relevant["evidence"].to_pylist(), strict=True
    ):
        rank = ranks.rank("copy", place_of[evidence])
        if blob not in {None, _EMPTY_BLOB}:
            wanted[blob] = min(rank, wanted.get(blob, _NONE))
    _lower_by_blob(blobs, wanted, found)


def _known_forks(files: pa.Table, dropped: pa.Table, ranks: Ranking, found: _Ranks) -> None:
    """Lowers the rank of files of the repositories that went as forks."""
    forks = dropped.filter(pc.equal(dropped["rule"], "fork"))
    place_of = {_evidence(request.request): place for place, request in enumerate(ranks.requests)}
    repos = forks.group_by(["repo_name", "evidence"], use_threads=False).aggregate([])
    for name, evidence in zip(
        repos["repo_name"].to_pylist(), repos["evidence"].to_pylist(), strict=True
    ):
        if evidence in place_of:
            rows = np.flatnonzero(_numpy(pc.equal(files.column("repo_name"), name)))
            found[rows] = np.minimum(found[rows], ranks.rank("fork", place_of[evidence]))


def _known_authored(files: pa.Table, dropped: pa.Table, ranks: Ranking, found: _Ranks) -> None:
    """Lowers the rank of files that went for their authors: same repository, path and contents.

    A row names no revision, and an author may have touched a path in another revision alone.
    """
    gone = dropped.filter(pc.equal(dropped["rule"], "author"))
    keys = ["repo_name", "path", "blob_id"]
    place_of = {_evidence(request.request): place for place, request in enumerate(ranks.requests)}
    gone = gone.filter(pc.is_in(gone["evidence"], value_set=pa.array(list(place_of), pa.string())))
    if gone.num_rows == 0:
        return
    once = gone.group_by(keys, use_threads=False).aggregate([("evidence", "min")])
    rows = files.select(keys).append_column("row", pa.array(np.arange(files.num_rows)))
    both = rows.join(once, keys=keys, join_type="inner")
    ranked = [ranks.rank("author", place_of[said]) for said in both["evidence_min"].to_pylist()]
    at = _numpy(both["row"])
    found[at] = np.minimum(found[at], np.array(ranked, np.int32))


def _evidence(request: str) -> str:
    return f'{{"request":"{request}"}}'


def _decisions(files: pa.Table, found: _Ranks, ranks: Ranking) -> pa.Table:
    rows = np.flatnonzero(found != _NONE)
    hit = files.select([*FILE_KEY, "blob_id"]).take(pa.array(rows))
    evidence = pa.array([_evidence(r.request) for r in ranks.requests], pa.string())
    table = pa.table(
        [
            *(hit[name] for name in FILE_KEY),
            hit["blob_id"],
            pa.repeat("optout", len(rows)),
            ranks.rule(found[rows]),
            evidence.take(pa.array(ranks.places(found[rows]))),
        ],
        schema=DECISIONS,
    )
    return table.sort_by([(name, "ascending") for name in FILE_KEY]).combine_chunks()


def claims_of(rows: pa.Table) -> pa.Table:
    """What released rows name: repo_name, path and raw blob_id of each row and of its `origins`.

    `revision_id` is empty: a request is of all revisions.
    """
    blob = rows["blob_id"]
    if pa.types.is_string(blob.type) or pa.types.is_large_string(blob.type):
        blob = pa.chunked_array([_unhex(blob)], BLOB_ID)
    own = pa.table({"repo_name": rows["repo_name"], "path": rows["path"], "blob_id": blob})
    parts = [own]
    if "origins" in rows.column_names:
        origins = rows["origins"].combine_chunks()
        if isinstance(origins, pa.ChunkedArray):
            origins = pa.concat_arrays(origins.chunks)
        parent = pc.list_parent_indices(origins)
        inner = pc.list_flatten(origins)
        is_struct = pa.types.is_struct(inner.type)
        names = pc.struct_field(inner, "repo_name") if is_struct else inner
        has_path = is_struct and inner.type.get_field_index("path") >= 0
        paths = pc.struct_field(inner, "path") if has_path else pc.take(rows["path"], parent)
        parts.append(
            pa.table(
                {
                    "repo_name": names.cast(pa.string()),
                    "path": paths,
                    "blob_id": pc.take(blob, parent),
                }
            )
        )
    table = pa.concat_tables(parts)
    return table.append_column("revision_id", pa.repeat("", table.num_rows))


def _unhex(column: pa.ChunkedArray) -> pa.Array:
    """Hex blob ids as raw ones.

    Raises:
        ValueError: they are none: Arrow would read beyond them.
    """
    text = pa.concat_arrays(column.cast(pa.string()).chunks or [pa.array([], pa.string())])
    if text.null_count or not pc.all(pc.match_substring_regex(text, "^[0-9a-f]{40}$")).as_py():
        raise ValueError("a blob_id is not 40 hex digits")
    raw = bytes.fromhex("".join(text.to_pylist()))
    return pa.FixedSizeBinaryArray.from_buffers(BLOB_ID, len(text), [None, pa.py_buffer(raw)])


def _bare_origins(files: pa.Table) -> pa.Table:
    """Origins known by name alone: what a reader of a release has."""
    names = pc.unique(files["repo_name"])
    empty = pa.repeat("", len(names))
    return pa.table({"repo_name": names, "revision_id": empty, "origin": empty})
