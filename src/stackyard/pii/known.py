"""Known values: what a scanner found once is redacted everywhere, by the tokens in it.

In: spans of all files that are still in, tokens of their texts, and which repository has which blob.
Out: the tokens to be redacted (`SOUGHT`), where they stand, and what of them is in a released text.

A token that lies whole in the span of a credential is known. In the repositories where it was
found it is redacted wherever it stands. Elsewhere too, unless more owners have it than
`pii.known_owners_max`: then it is a test vector or an example that everybody copies. Personal data
makes no token known: an address is found wherever it stands, by its own form.

Always holds: what is known depends on the files that are still in, on no order, and on nobody who was
opted out (law 3).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.pii.decisions import KNOWN_RULE, Span
from stackyard.pii.findings import PERSONAL
from stackyard.pii.tokens import Int64s, find_tokens
from stackyard.record import BLOB_ID, SPANS

NUMBERS = frozenset({"card", "iban", "mac_address", "national_id"})
"""Entities of numbers, which have a form that is found wherever they stand."""

SOUGHT = pa.schema(
    [
        pa.field("token", pa.int64(), nullable=False),
        pa.field("repo_name", pa.string(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),
    ]
)
"""Sorted. A token that is redacted in the files of one repository, or, where `repo_name` is empty, in all."""

EVERYWHERE = ""

PLACES = pa.schema(
    [pa.field("blob_id", BLOB_ID, nullable=False), pa.field("repo_name", pa.string())]
)
"""Which repository has which blob, once each; of files that are still in."""


def tokens_in_spans(tokens: pa.Table, spans: pa.Table) -> pa.Table:
    """`blob_id`, `token`, `entity` of tokens that lie whole in the span of a credential.

    Args:
        tokens: `TOKENS` of some blobs.
        spans: `record.SPANS`, disjoint; those of other blobs are ignored.
    """
    no_value = pa.array(sorted(PERSONAL | NUMBERS), pa.string())
    spans = spans.filter(pc.invert(pc.is_in(spans["entity"], value_set=no_value)))
    spans = spans.sort_by([("blob_id", "ascending"), ("start_byte", "ascending")])
    blobs = spans["blob_id"].combine_chunks().unique()
    tokens = tokens.filter(pc.is_in(tokens["blob_id"], value_set=blobs))
    number = _number(tokens["blob_id"], blobs)
    starts = _key(_number(spans["blob_id"], blobs), spans["start_byte"])
    ends = _key(_number(spans["blob_id"], blobs), spans["end_byte"])
    at = np.searchsorted(starts, _key(number, tokens["start_byte"]), side="right") - 1
    inside = (at >= 0) & (_key(number, tokens["end_byte"]) <= ends[at]) if len(ends) else at >= 0
    entities = spans["entity"].take(pa.array(np.maximum(at, 0)[inside]))
    proofs = tokens.select(["blob_id", "token"]).filter(pa.array(inside))
    return proofs.append_column("entity", entities)


def sought(proofs: pa.Table, standing: pa.Table, places: pa.Table, owners_max: int) -> pa.Table:
    """`SOUGHT` of the tokens that proofs make known.

    Args:
        proofs: as of `tokens_in_spans`, of all files that are still in.
        standing: `blob_id`, `token` of every place where one of those tokens stands.
        places: `PLACES`.
        owners_max: more owners that have a token make it common.
    """
    if not len(proofs):
        return SOUGHT.empty_table()
    entities = proofs.group_by("token", use_threads=False).aggregate([("entity", "min")])
    stands = standing.select(["blob_id", "token"]).join(places, "blob_id", join_type="inner")
    owner = pc.utf8_lower(pc.list_element(pc.split_pattern(stands["repo_name"], "/"), 0))
    counts = (
        stands.append_column("owner", owner)
        .group_by(["token", "owner"], use_threads=False)
        .aggregate([])
        .group_by("token", use_threads=False)
        .aggregate([([], "count_all")])
    )
    common = counts.filter(pc.greater(counts["count_all"], owners_max))["token"].combine_chunks()
    is_common = pc.is_in(proofs["token"], value_set=common)
    found = proofs.filter(is_common).join(places, "blob_id", join_type="inner")
    parts = [
        _scoped(proofs.filter(pc.invert(is_common)), EVERYWHERE),
        found.select(["token", "repo_name"]),
    ]
    schema = pa.schema([SOUGHT.field("token"), SOUGHT.field("repo_name")])
    every = pa.concat_tables([part.cast(schema) for part in parts])
    rows = every.group_by(["token", "repo_name"], use_threads=False).aggregate([])
    rows = rows.join(entities.rename_columns(["token", "entity"]), "token", join_type="inner")
    return (
        rows.select(SOUGHT.names)
        .cast(SOUGHT)
        .sort_by([(name, "ascending") for name in SOUGHT.names])
    )


def _number(blob_ids: pa.ChunkedArray, blobs: pa.Array) -> Int64s:
    """The place of each blob among `blobs`."""
    return pc.index_in(blob_ids, value_set=blobs).to_numpy().astype(np.int64)


def _key(numbers: Int64s, places: pa.ChunkedArray) -> Int64s:
    """One number for a blob and a place in it, in the order of both."""
    return (numbers << _PLACE_BITS) + places.to_numpy()


_PLACE_BITS = 32
"""Texts end below 4 GiB: ingest takes no file of more than `ingest.file_bytes_max`, 10 MiB."""


def _scoped(proofs: pa.Table, name: str) -> pa.Table:
    repo_name = pa.repeat(pa.scalar(name), len(proofs))
    return proofs.select(["token"]).append_column("repo_name", repo_name)


def spans_of_known(standing: pa.Table, wanted: pa.Table, places: pa.Table) -> pa.Table:
    """`record.SPANS` (they may overlap) of the places where a token is to be redacted.

    Args:
        standing: `TOKENS` of some blobs.
        wanted: `SOUGHT`.
        places: `PLACES` of these blobs.
    """
    everywhere = pc.equal(wanted["repo_name"], EVERYWHERE)
    parts = [
        standing.join(
            wanted.filter(everywhere).drop_columns("repo_name"), "token", join_type="inner"
        ),
        standing.join(places, "blob_id", join_type="inner")
        .join(wanted.filter(pc.invert(everywhere)), ["token", "repo_name"], join_type="inner")
        .drop_columns("repo_name"),
    ]
    names = ["blob_id", "start_byte", "end_byte", "entity"]
    found = pa.concat_tables([part.select(names) for part in parts])
    found = found.group_by(names, use_threads=False).aggregate([])
    rule = pa.repeat(pa.scalar(KNOWN_RULE), len(found))
    return (
        found.append_column("rule", rule)
        .select(SPANS.names)
        .cast(SPANS)
        .sort_by([(name, "ascending") for name in SPANS.names])
    )


@dataclass(frozen=True)
class Known:
    """Known tokens, to be looked for in texts that are held.

    Attributes:
        tokens: those that may stand nowhere, sorted, int64.
        entities: what each is called.
        scoped: by name of a repository, the tokens that may not stand in its files, with their names.
    """

    tokens: Int64s = field(default_factory=lambda: np.zeros(0, np.int64))
    entities: tuple[str, ...] = ()
    scoped: Mapping[str, Mapping[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, wanted: pa.Table) -> Known:
        """The known tokens of a `SOUGHT`."""
        everywhere = pc.equal(wanted["repo_name"], EVERYWHERE)
        free, bound = wanted.filter(everywhere), wanted.filter(pc.invert(everywhere))
        scoped: dict[str, dict[int, str]] = {}
        for row in bound.to_pylist():
            scoped.setdefault(row["repo_name"], {})[row["token"]] = row["entity"]
        return cls(free["token"].to_numpy(), tuple(free["entity"].to_pylist()), scoped)

    def spans(
        self, texts: pa.Array | pa.ChunkedArray, repos: Sequence[Collection[str]]
    ) -> list[tuple[int, Span]]:
        """Row and span of each known token that stands in a text, in order; they may overlap.

        `repos` names the repositories that have the text of each row.
        """
        if not len(self.tokens) and not self.scoped:
            return []
        found = find_tokens(texts)
        out = []
        for at in self._hits(found.token):
            row, token = int(found.row[at]), int(found.token[at])
            entity = self._name(token, repos[row])
            if entity is not None:
                span = Span(int(found.start[at]), int(found.end[at]), entity, KNOWN_RULE, 1.0)
                out.append((row, span))
        return out

    def _hits(self, tokens: Int64s) -> Int64s:
        """Where tokens stand that may not stand everywhere."""
        bound = [np.fromiter(of.keys(), np.int64, len(of)) for of in self.scoped.values()]
        return np.flatnonzero(np.isin(tokens, np.concatenate([self.tokens, *bound])))

    def _name(self, token: int, repos: Collection[str]) -> str | None:
        at = int(np.searchsorted(self.tokens, token))
        if at < len(self.tokens) and self.tokens[at] == token:
            return self.entities[at]
        names = (self.scoped.get(repo, {}).get(token) for repo in repos)
        return min((name for name in names if name is not None), default=None)
