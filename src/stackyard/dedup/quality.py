"""How well near-duplicates are found: planted pairs of known similarity, beside the theory.

In: how many pairs, a seed. Out: BY_SIMILARITY and BY_EDIT, from the same detector and the same
`decide` as a build. Always holds: the same seed gives the same pairs and the same report.

A pair is a made-up program and an edited copy of it; edits are as strong as it takes for
similarities spread evenly over 0.5..1. What a pair's similarity came out as is measured exactly,
and is what rows go by. Theory: the chance that b bands of r rows make a candidate of a pair of
similarity s, 1 - (1 - s^r)^b, averaged over the pairs of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stackyard.dedup import bands, kernel
from stackyard.dedup.decide import decide, detectors
from stackyard.dedup.params import Params
from stackyard.dedup.signature import NAME, matrix
from stackyard.record import ATTRIBUTES, BLOB_ID, ORIGINS, blob_digest

_COUNTS = [
    pa.field("pairs", pa.int64()),
    pa.field("candidate_theory", pa.float64()),
    pa.field("candidate_found", pa.float64()),
    pa.field("dropped", pa.int64()),
    pa.field("recall", pa.float64()),
    pa.field("precision", pa.float64()),
]

BY_SIMILARITY = pa.schema(
    [
        pa.field("similarity_from", pa.float64()),
        pa.field("similarity_below", pa.float64()),
        *_COUNTS,
    ]
)
"""One row a band of 0.05 of exact similarity. `candidate_theory`, `candidate_found`: share of pairs
that share a band. `dropped`: pairs of which one is dropped for the other. `recall`: dropped share of
the pairs at or above the threshold, null if there is none. `precision`: share of the dropped that
are at or above it, null if none was dropped."""

BY_EDIT = pa.schema([pa.field("edit", pa.string()), *_COUNTS])
"""The same, one row a kind of edit."""

STEP = 0.05
"""Width of a band of similarity."""

_COMMON = """
    get set read write node list item user name size file path line count index value state buffer
    stream table field query result error event token block frame cache graph edge key map
"""
_GRANT = """
    permission is hereby granted free of charge to any person obtaining a copy of this software
    and associated documentation files to deal in it without restriction subject to conditions
"""
_WORDS = tuple(_COMMON.split())
_HEADER = tuple(_GRANT.split())

Lines = list[list[str]]


@dataclass(frozen=True)
class Planted:
    """Pairs of texts, and the kind of edit that led from the first to the second."""

    lefts: tuple[bytes, ...]
    rights: tuple[bytes, ...]
    edits: tuple[str, ...]


@dataclass(frozen=True)
class Quality:
    by_similarity: pa.Table
    by_edit: pa.Table


def plant(pairs: int, seed: int) -> Planted:
    """Pairs, the kinds of edit in turn."""
    chance = np.random.default_rng(seed)
    lefts, rights, edits = [], [], []
    for number in range(pairs):
        kind = list(EDITS)[number % len(EDITS)]
        lines = _program(chance, number)
        lefts.append(_text(lines))
        rights.append(EDITS[kind](chance, lines, 0.5 + 0.5 * chance.random()))
        edits.append(kind)
    return Planted(tuple(lefts), tuple(rights), tuple(edits))


def _program(chance: np.random.Generator, number: int) -> Lines:
    """60 to 240 lines of 3 to 9 tokens, of identifiers of its own and common words."""
    own = [f"{_WORDS[i]}_{number}_{k}" for k, i in enumerate(chance.integers(0, len(_WORDS), 80))]
    names = [*own, *_WORDS]
    sizes = chance.integers(3, 10, chance.integers(60, 240))
    return [[names[i] for i in chance.integers(0, len(names), size)] for size in sizes]


def _text(lines: Lines) -> bytes:
    return "".join(f"    {line[0]}({', '.join(line[1:])});\n" for line in lines if line).encode()


def _tokens(lines: Lines) -> int:
    return sum(map(len, lines))


def _renamed(chance: np.random.Generator, lines: Lines, similarity: float) -> bytes:
    """Identifiers renamed everywhere: each use spoils 5 shingles on both sides."""
    uses = _tokens(lines) * (1 - similarity) / (kernel.SHINGLE_TOKENS * (1 + similarity))
    names = sorted({token for line in lines for token in line})
    new: dict[str, str] = {}
    for at in chance.permutation(len(names)):
        if uses <= 0:
            break
        uses -= sum(line.count(names[at]) for line in lines)
        new[names[at]] = f"renamed_{at}"
    return _text([[new.get(token, token) for token in line] for line in lines])


def _moved(chance: np.random.Generator, lines: Lines, similarity: float) -> bytes:
    """Blocks of lines moved elsewhere: three seams each, of 4 shingles."""
    moved = list(lines)
    seams = 3 * (kernel.SHINGLE_TOKENS - 1)
    for _ in range(round(_tokens(lines) * (1 - similarity) / (seams * (1 + similarity)))):
        start = int(chance.integers(0, len(moved) - 6))
        block = moved[start : start + 6]
        del moved[start : start + 6]
        to = int(chance.integers(0, len(moved)))
        moved[to:to] = block
    return _text(moved)


def _headed(chance: np.random.Generator, lines: Lines, similarity: float) -> bytes:
    """A licence header put before it, as long as it takes."""
    words = round(_tokens(lines) * (1 - similarity) / similarity)
    start = int(chance.integers(0, len(_HEADER)))
    header = [f"{_HEADER[(start + i) % len(_HEADER)]}{i // len(_HEADER)}" for i in range(words)]
    rows = [header[at : at + 12] for at in range(0, words, 12)]
    return "".join(f"// {' '.join(row)}\n" for row in rows).encode() + _text(lines)


def _reformatted(chance: np.random.Generator, lines: Lines, similarity: float) -> bytes:
    """Other white space, line breaks and punctuation: similarity stays 1."""
    del similarity
    gaps = ("  ", "\n\t", " , ", "\r\n        ")
    text = _text(lines).decode().split()
    picks = chance.integers(0, len(gaps), len(text))
    return "".join(f"{word}{gaps[pick]}" for word, pick in zip(text, picks, strict=True)).encode()


def _rewritten(chance: np.random.Generator, lines: Lines, similarity: float) -> bytes:
    """A run of lines replaced by others."""
    wanted = _tokens(lines) * (1 - similarity) / (1 + similarity)
    changed = list(lines)
    at = int(chance.integers(0, len(lines)))
    for step in range(len(lines)):
        if wanted <= 0:
            break
        place = (at + step) % len(lines)
        wanted -= len(changed[place])
        changed[place] = [f"rewritten_{place}_{i}" for i in range(len(changed[place]))]
    return _text(changed)


EDITS: dict[str, Callable[[np.random.Generator, Lines, float], bytes]] = {
    "renamed identifiers": _renamed,
    "moved blocks": _moved,
    "inserted licence header": _headed,
    "reformatted": _reformatted,
    "rewritten lines": _rewritten,
}


def measure(planted: Planted, params: Params) -> Quality:
    """Recall and precision of `decide` on planted pairs."""
    count = len(planted.lefts)
    texts = [*planted.lefts, *planted.rights]
    ids = pa.array([blob_digest(text) for text in texts], BLOB_ID)
    held = pa.table({"blob_id": ids, "text": pa.array(texts, pa.large_binary())})
    (detector,) = detectors(params)
    facts = detector.detect(held)
    done = decide(
        _files(texts, ids),
        _origins(),
        {NAME: facts},
        lambda _: held,
        params,
    )
    kept = set(done.files["path"].to_pylist())
    dropped = np.array(
        [f"{i:08}" not in kept or f"{i + count:08}" not in kept for i in range(count)]
    )
    similar = _similarities(texts, count)
    candidates = _candidates(matrix(facts["signature"]), count, params)
    theory = 1 - (1 - similar**params.band_rows) ** params.band_count
    columns = (similar, theory, candidates, dropped)
    return Quality(_by_similarity(columns, params), _by_edit(planted.edits, columns, params))


def _similarities(texts: Sequence[bytes], count: int) -> np.ndarray:
    data = np.frombuffer(b"".join(texts), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    lefts = np.arange(count)
    return np.asarray(kernel.jaccard(data, offsets, lefts, lefts + count, kernel.CLASSES))


def _candidates(values: np.ndarray, count: int, params: Params) -> np.ndarray:
    held = bands.hashes(values, np.arange(len(values)), params)
    return np.asarray((held[:count] == held[count:]).any(axis=1))


Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _counts(columns: Columns, here: np.ndarray, params: Params) -> list[float | int | None]:
    similar, theory, candidates, dropped = (column[here] for column in columns)
    due = similar >= params.similarity_min
    return [
        int(here.sum()),
        float(theory.mean()),
        float(candidates.mean()),
        int(dropped.sum()),
        float(dropped[due].mean()) if due.any() else None,
        float(due[dropped].mean()) if dropped.any() else None,
    ]


def _by_similarity(columns: Columns, params: Params) -> pa.Table:
    steps = np.floor(columns[0] / STEP + 1e-9).astype(np.int64)
    rows = []
    for step in np.unique(steps):
        bounds = [round(step * STEP, 2), round((step + 1) * STEP, 2)]
        rows.append([*bounds, *_counts(columns, steps == step, params)])
    return _table(rows, BY_SIMILARITY)


def _by_edit(edits: Sequence[str], columns: Columns, params: Params) -> pa.Table:
    kinds = np.array(edits)
    rows = [[kind, *_counts(columns, kinds == kind, params)] for kind in sorted(set(edits))]
    return _table(rows, BY_EDIT)


def _table(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(
        [dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema
    )


def _files(texts: Sequence[bytes], ids: pa.Array) -> pa.Table:
    """ATTRIBUTES of texts, each a file of its own; what dedup does not read is left out."""
    count = len(texts)
    columns = {
        "repo_name": pa.array(["octo-org/planted"] * count),
        "revision_id": pa.array(["r"] * count),
        "path": pa.array([f"{i:08}" for i in range(count)]),
        "blob_id": ids,
        "length_bytes": pa.array([len(text) for text in texts], pa.int64()),
        "license_type": pa.array(["permissive"] * count),
    }
    return pa.table(columns, schema=pa.schema([ATTRIBUTES.field(name) for name in columns]))


def _origins() -> pa.Table:
    row = {
        "repo_name": "octo-org/planted",
        "revision_id": "r",
        "origin": "https://git.example.org/octo-org/planted",
        "directory_id": "",
        "star_events_count": 0,
        "fork_events_count": 0,
    }
    return pa.Table.from_pylist([row], ORIGINS)
