"""Which licence statements hold for which file: own words first, then the nearest directory.

In: files and the facts of statements. Out: for every file the number of its statement, and what each
numbered statement says. Always holds: what a file says itself beats what a directory says; among
directories the nearest that says anything; what one place says in several ways holds all at once,
unless metadata names a choice between just those licences. Only REUSE annotations that say so hold
beside a file's own words, and these hold beside their directory's where they are of a part alone.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.filter.buffers import one_array
from stackyard.filter.expression import RESTRICTED, UNRECOGNIZED, conjunction, families
from stackyard.filter.manifests import BINDING, LISTED, PART, TERMS
from stackyard.filter.names import README
from stackyard.record import BLOB_ID

_SEPARATOR = pa.scalar("\0", pa.large_string())


@dataclass(frozen=True)
class Rows:
    """Lists of row numbers, one after the other: those of item i are `rows[starts[i]:starts[i+1]]`."""

    starts: np.ndarray
    rows: np.ndarray

    @property
    def count(self) -> int:
        return len(self.starts) - 1

    def with_lists(self, others: Rows, shift: int) -> Rows:
        """These lists, and others behind them with `shift` more in each row number."""
        return Rows(
            np.concatenate([self.starts, others.starts[1:] + len(self.rows)]),
            np.concatenate([self.rows, others.rows + shift]),
        )

    def expand(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows of items in their order, and the offsets of each item's."""
        lengths = self.starts[items + 1] - self.starts[items]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return self.rows[np.repeat(self.starts[items], lengths) + within], offsets


@dataclass(frozen=True)
class Stated:
    """What is stated for files.

    Attributes:
        expressions: the distinct expressions; the last is null: nothing stated.
        expression_of: index into `expressions` for each file.
        evidence: table of statements (path, kind, detector, expression, score, start_byte,
            end_byte); `path` is null where it is that of the file itself.
        offsets, rows: list of evidence rows for each file.
    """

    expressions: list[str | None]
    expression_of: np.ndarray
    evidence: pa.Table
    offsets: np.ndarray
    rows: np.ndarray


_STATED = ("kind", "detector", "expression", "score", "start_byte", "end_byte")


def gather(files: pa.Table, own: pa.Table, spoken: pa.Table) -> Stated:
    """Statements that hold for each file.

    Args:
        files: schema FILES, sorted by FILE_KEY.
        own: facts `license-text`.
        spoken: facts `license-file`.
    """
    spoken = _placed(files, spoken)
    said, of_places = _is_said(own), _is_said(spoken)
    own_lists, own_of = _own(files, own, said)
    place_lists, place_of = _places(files, spoken, of_places)
    weak_own, weak_own_of = _own(files, own, ~said)
    weak_place, weak_place_of = _places(files, spoken, ~of_places)
    own_stated, place_stated = _stated(own, own_lists), _stated(spoken, place_lists)
    # A README speaks for its directory: what it names in passing is not what it is under.
    quiet = np.array([all(kind != "spdx-tag" and text != RESTRICTED for kind, text in stated) for stated in own_stated], bool)  # fmt: skip
    readmes = pc.match_substring_regex(files["path"], README.pattern).to_numpy().astype(bool)
    own_of = np.where(readmes & (own_of >= 0) & quiet[own_of], -1, own_of) if len(quiet) else own_of
    own_texts = [own_expression(stated) for stated in own_stated]
    is_part = np.array([{kind for kind, _ in stated} == {PART} for stated in own_stated], bool)
    place_texts = [_place_expression(stated) for stated in place_stated]
    both, pairs = _bound(own_of, place_of, _binds(spoken, place_lists), is_part)
    texts = [
        *(_whole_of(text, part) for text, part in zip(own_texts, is_part, strict=True)),
        *place_texts,
        *[UNRECOGNIZED] * weak_own.count,
        *(_listed_expression(stated) for stated in _stated(spoken, weak_place)),
        *(conjunction(tuple(sorted({own_texts[o], place_texts[p]}))) for o, p in pairs),
    ]
    names = sorted(set(texts))
    code = {name: i for i, name in enumerate(names)}
    # The last item is that of files that nothing speaks for.
    codes = np.array([*(code[text] for text in texts), len(names)], np.int64)
    item, count = np.full(files.num_rows, len(texts), np.int64), 0
    layers = ((own_lists, own_of), (place_lists, place_of), (weak_own, weak_own_of), (weak_place, weak_place_of))  # fmt: skip
    for lists, of in layers:
        item = np.where((item == len(texts)) & (of >= 0), of + count, item)
        count += lists.count
    item = np.where(both >= 0, both + count, item)
    evidence = pa.concat_tables(
        [
            own.select(list(_STATED)).add_column(
                0, pa.field("path", pa.string()), pa.nulls(own.num_rows, pa.string())
            ),
            spoken.select(["path", *_STATED]),
        ]
    ).combine_chunks()
    shifts = (0, own.num_rows, 0, own.num_rows)
    merged = Rows(np.zeros(1, np.int64), np.empty(0, np.int64))
    for (lists, _), shift in zip(layers, shifts, strict=True):
        merged = merged.with_lists(lists, shift)
    for own_item, place_item in pairs:
        rows, _ = merged.expand(np.array([own_item, place_item + own_lists.count]))
        merged = merged.with_lists(Rows(np.array([0, len(rows)]), rows), 0)
    merged = Rows(np.append(merged.starts, merged.starts[-1]), merged.rows)
    rows, offsets = merged.expand(item)
    return Stated(
        [*names, None],
        codes[item],
        evidence,
        offsets,
        rows,
    )


def _is_said(table: pa.Table) -> np.ndarray:
    """Rows that name what holds: all but those that count only where nothing else is said."""
    weak = pc.is_in(table["kind"], value_set=pa.array([TERMS, LISTED]))
    return pc.invert(weak).to_numpy(zero_copy_only=False)


def _binds(spoken: pa.Table, places: Rows) -> np.ndarray:
    """Places whose statements hold beside what a file says itself."""
    if places.count == 0:
        return np.zeros(0, bool)
    binding = pc.equal(spoken["detector"], BINDING).to_numpy().astype(bool)
    return np.logical_or.reduceat(binding[places.rows], places.starts[:-1])


def _listed_expression(stated: tuple[tuple[str, str], ...]) -> str:
    """Texts in a folder for licences hold all at once; terms alone are unknown ones."""
    listed = tuple(sorted({text for kind, text in stated if kind == LISTED}))
    return conjunction(listed) if listed else UNRECOGNIZED


def _whole_of(text: str, is_part: bool) -> str:
    """What is said of a part alone leaves the rest open."""
    return conjunction(tuple(sorted({text, UNRECOGNIZED}))) if is_part else text


def _bound(
    own_of: np.ndarray, place_of: np.ndarray, place_binds: np.ndarray, is_part: np.ndarray
) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Files for which a place speaks though they speak themselves: the number of each one's pair
    (-1: none), and the distinct pairs (own item, place item).
    """
    none = np.full(len(own_of), -1, np.int64)
    files = np.flatnonzero((own_of >= 0) & (place_of >= 0))
    files = files[place_binds[place_of[files]] | is_part[own_of[files]]]
    if len(files) == 0:
        return none, []
    pairs, which = np.unique(
        np.stack([own_of[files], place_of[files]], axis=1), axis=0, return_inverse=True
    )
    none[files] = which.reshape(-1)
    return none, [(int(own_item), int(place_item)) for own_item, place_item in pairs]


def _own(files: pa.Table, own: pa.Table, picked: np.ndarray) -> tuple[Rows, np.ndarray]:
    """Picked statement rows by distinct blob, and which of these each file has (-1: none)."""
    at = np.flatnonzero(picked)
    blobs = one_array(own["blob_id"], BLOB_ID).take(pa.array(at))
    encoded = blobs.dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(encoded.dictionary)) if len(codes) else codes
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    found = pc.index_in(one_array(files["blob_id"], BLOB_ID), value_set=encoded.dictionary)
    return Rows(starts, at[order].astype(np.int64)), _filled(found)


def _filled(found: pa.Array) -> np.ndarray:
    return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def _stated(table: pa.Table, lists: Rows) -> list[tuple[tuple[str, str], ...]]:
    """(kind, expression) of the rows of each item."""
    pairs = list(zip(table["kind"].to_pylist(), table["expression"].to_pylist(), strict=True))
    if len(lists.starts) == 1:
        return []
    return [tuple(pairs[row] for row in rows) for rows in np.split(lists.rows, lists.starts[1:-1])]


def _placed(files: pa.Table, spoken: pa.Table) -> pa.Table:
    """Statement rows with the revision that each stands in: once for every file that holds it."""
    keys = ["blob_id", "path"]
    sources = files.select(["repo_name", "revision_id", *keys])
    wanted = pc.is_in(
        one_array(sources["blob_id"], BLOB_ID), value_set=one_array(spoken["blob_id"], BLOB_ID)
    )
    sources = sources.filter(wanted)
    numbered = spoken.select(keys).append_column("row", pa.array(np.arange(spoken.num_rows)))
    joined = sources.join(numbered, keys=keys, join_type="inner")
    joined = joined.sort_by(
        [("repo_name", "ascending"), ("revision_id", "ascending"), ("path", "ascending"),
         ("row", "ascending")]
    )  # fmt: skip
    rest = spoken.drop_columns(keys).take(joined["row"])
    placed = joined.drop_columns(["row", "blob_id"])
    for field in rest.schema:
        placed = placed.append_column(field, rest[field.name])
    return placed.combine_chunks()


def _places(files: pa.Table, spoken: pa.Table, picked: np.ndarray) -> tuple[Rows, np.ndarray]:
    """Picked statement rows by distinct place, and the place that speaks for each file (-1: none)."""
    whole = spoken["glob"].is_null().to_numpy()
    directory, directory_depth, directory_of = _nearest(
        files, spoken, np.flatnonzero(whole & picked)
    )
    glob_row, glob_depth = _matching(files, spoken, np.flatnonzero(~whole & picked))
    use_glob = (glob_row >= 0) & (glob_depth >= directory_depth)
    both = use_glob & (glob_depth == directory_depth) & (directory_of >= 0)
    pair = np.stack(
        [
            np.where(use_glob & ~both, -1, directory_of),
            np.where(use_glob, glob_row, -1),
        ],
        axis=1,
    )
    distinct, place_of = np.unique(pair, axis=0, return_inverse=True)
    place_of = place_of.reshape(-1).astype(np.int64)
    lists: list[np.ndarray] = []
    nothing = -1
    for number, (place, row) in enumerate(distinct):
        rows = directory[place] if place >= 0 else np.empty(0, np.int64)
        if row >= 0:
            rows = np.append(rows, row)
        if len(rows) == 0:
            nothing = number
        lists.append(rows)
    if nothing >= 0:
        place_of = np.where(place_of == nothing, -1, place_of - (place_of > nothing))
        del lists[nothing]
    starts = np.concatenate([[0], np.cumsum([len(rows) for rows in lists])]).astype(np.int64)
    flat = np.concatenate([np.empty(0, np.int64), *lists]).astype(np.int64)
    return Rows(starts, flat), place_of


def _revision_prefix(table: pa.Table) -> Any:
    """Repository and revision as one large_string: tens of millions of keys outgrow 2 GB."""
    repo, revision = (table[name].cast(pa.large_string()) for name in ("repo_name", "revision_id"))
    return pc.binary_join_element_wise(repo, revision, _SEPARATOR)


def _nearest(
    files: pa.Table, spoken: pa.Table, whole: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Statement rows by directory; for each file depth and number of the nearest such directory."""
    if len(whole) == 0:
        none = np.full(files.num_rows, -1, np.int64)
        return [], none, none
    speaking = spoken.take(pa.array(whole))
    places = one_array(
        pc.binary_join_element_wise(
            _revision_prefix(speaking), speaking["scope"].cast(pa.large_string()), _SEPARATOR
        ),
        pa.large_string(),
    ).dictionary_encode()
    codes = places.indices.to_numpy(zero_copy_only=False)
    lists = [whole[codes == code] for code in range(len(places.dictionary))]
    paths = files["path"].cast(pa.large_string())
    folders = pc.replace_substring_regex(paths, pattern="/?[^/]*$", replacement="")
    keys = one_array(
        pc.binary_join_element_wise(_revision_prefix(files), folders, _SEPARATOR),
        pa.large_string(),
    ).dictionary_encode()
    distinct = keys.dictionary
    number = _filled(pc.index_in(distinct, value_set=places.dictionary))
    depth = _depth(pc.replace_substring_regex(distinct, pattern="(?s)^.*\\x00", replacement=""))
    open_rows = np.flatnonzero((number < 0) & (depth > 0))
    while len(open_rows):
        parents = pc.replace_substring_regex(
            distinct.take(pa.array(open_rows)), pattern="/?[^/\\x00]*$", replacement=""
        )
        depth[open_rows] -= 1
        number[open_rows] = _filled(pc.index_in(parents, value_set=places.dictionary))
        distinct = pc.replace_with_mask(
            distinct, pa.array(np.isin(np.arange(len(distinct)), open_rows)), parents
        )
        open_rows = open_rows[(number[open_rows] < 0) & (depth[open_rows] > 0)]
    depth[number < 0] = -1
    of_file = keys.indices.to_numpy(zero_copy_only=False)
    return lists, depth[of_file], number[of_file]


def _depth(folders: Any) -> np.ndarray:
    """Number of parts of a directory: 0 for the root."""
    slashes = pc.count_substring(folders, "/").to_numpy(zero_copy_only=False).astype(np.int64)
    named = pc.greater(pc.binary_length(folders), 0).to_numpy(zero_copy_only=False)
    return slashes + named


def _matching(
    files: pa.Table, spoken: pa.Table, globbed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each file the last statement row whose glob matches it, and the depth that it names."""
    row_of = np.full(files.num_rows, -1, np.int64)
    depth_of = np.full(files.num_rows, -1, np.int64)
    if len(globbed) == 0:
        return row_of, depth_of
    prefixes = one_array(_revision_prefix(files), pa.large_string()).dictionary_encode()
    codes = prefixes.indices.to_numpy(zero_copy_only=False)
    first = np.searchsorted(codes, np.arange(len(prefixes.dictionary) + 1))
    where = _filled(
        pc.index_in(
            one_array(_revision_prefix(spoken.take(pa.array(globbed))), pa.large_string()),
            value_set=prefixes.dictionary,
        )
    )
    scopes, globs = spoken["scope"].to_pylist(), spoken["glob"].to_pylist()
    for row, revision in zip(globbed, where, strict=True):
        begin, end = first[revision], first[revision + 1]
        pattern, depth = glob_pattern(scopes[row], globs[row])
        paths = one_array(files["path"].slice(begin, end - begin), pa.string())
        hit = np.flatnonzero(
            pc.match_substring_regex(paths, pattern).to_numpy(zero_copy_only=False)
        )
        row_of[begin + hit] = row
        depth_of[begin + hit] = depth
    return row_of, depth_of


_GLOB = re.compile(r"\*\*|\*|\?|\\(.)|(.)", re.DOTALL)


def glob_pattern(scope: str, glob: str) -> tuple[str, int]:
    """RE2 pattern of a glob (see `manifests.Claim`), and how many directories it names."""
    glob = glob.removeprefix("./")
    body, literal = "", ""
    exact = True
    for match in _GLOB.finditer(glob):
        char = match[1] or match[2]
        if char is not None:
            body += re.escape(char)
            literal += char if exact else ""
            continue
        exact = False
        body += {"**": ".*", "*": "[^/]*", "?": "."}[match[0]]
    depth = literal.count("/") + (scope.count("/") + 1 if scope else 0)
    prefix = re.escape(scope) + "/" if scope else ""
    return f"(?s)^{prefix}{body}$", 1 << 20 if exact else depth


def own_expression(stated: tuple[tuple[str, str], ...]) -> str:
    """What a file says of itself: its tags, and what its header says beyond them."""
    return _explained_by("spdx-tag", stated)


def _place_expression(stated: tuple[tuple[str, str], ...]) -> str:
    """What one place says: its metadata, and what its licence texts say beyond them.

    A licence text that nothing recognises counts beside whatever else is said. What a README says
    counts where nothing but a README speaks, or where it limits or denies use; a README
    may make a choice of just the texts beside it; and where one GNU licence's text stands without
    metadata, it may say that later versions hold too: the text itself leaves it open.
    """
    firm = tuple(pair for pair in stated if pair[0] != "readme")
    readme = {text for kind, text in stated if kind == "readme"}
    if not firm:
        return _explained_by("readme", stated)
    if RESTRICTED in readme:
        return RESTRICTED
    said = _explained_by("metadata", firm)
    if len(readme) == 1 and all(kind != "metadata" for kind, _ in firm):
        (choice,) = readme
        if " OR " in choice and " AND " in said and families(choice) == families(said):
            return choice
    if said.endswith("-only") and readme == {said.removesuffix("only") + "or-later"}:
        return said if any(kind == "metadata" for kind, _ in firm) else readme.pop()
    return said


@functools.lru_cache(maxsize=1 << 16)
def _explained_by(kind: str, stated: tuple[tuple[str, str], ...]) -> str:
    """Statements of `kind` say how licences combine; the texts of just these licences add nothing,
    others hold as well.
    """
    said = tuple(sorted({text for other, text in stated if other == kind}))
    rest = {text for other, text in stated if other != kind}
    named = frozenset().union(*(families(text) for text in said))
    return conjunction(said + tuple(sorted(text for text in rest if not families(text) <= named)))
