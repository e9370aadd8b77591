"""What the filter's stage claims as a whole: languages against their references, speed, bad input.

In: Debian source packages (`filter_corpus`). Out: claims. Times are CPU time of one process
(`time.process_time`): wall time says more of the neighbours.
"""

from __future__ import annotations

import functools
import io
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import enry
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import filter_corpus as corpus
from benchmarks import filter_ties
from benchmarks.claim import Claim
from stackyard import filter as room
from stackyard.errors import EnvironmentFault
from stackyard.filter import (
    Params,
    account,
    evidence,
    expression,
    headers,
    language,
    prose,
    residue,
)
from stackyard.filter.language import LanguageDetector
from stackyard.record import BATCH, BLOB_ID, FILES, ORIGINS, blob_digest

# What newer data calls by another name, or reads otherwise, than the data in the reference has it.
# (label here, label there): None is no language.
RENAMED = {
    "Vim Script": "Vim script",
    "robots.txt": "Robots Exclusion Rules",
    "Coq": "Rocq Prover",
    "Go Template": "Smarty",
    "desktop": "INI",
    "systemd": "INI",
}
_GENERIC = re.compile(
    r"(?i)\.(?:msg|app|action|alg|cmp|network|pkg|resource|sol|srv|stl|tag|target|url)$"
)
_FILES_EACH = 700  # of a package: 57 packages give 30,000 files
_SEGMENT_FILES = 2_000
_MASS_BYTES = 1_050_000_000
_ROUNDS = 5  # of a time: the best counts


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def batch_of(paths: list[str], contents: list[bytes]) -> pa.Table:
    content = pa.array(contents, pa.large_binary())
    text, encoding = room.decode(content)
    ids = pa.array([blob_digest(one) for one in contents], BLOB_ID)
    return pa.table([ids, pa.array(paths, pa.string()), content, text, encoding], schema=BATCH)


def forget() -> None:
    """What is kept from file to file: no round profits from the last one. Databases stay compiled."""
    for module in (account, evidence, expression, headers, prose, residue):
        for member in vars(module).values():
            parameters = getattr(member, "cache_parameters", None)
            if parameters is not None and parameters()["maxsize"] is not None:
                member.cache_clear()
    language.linguist()._names.clear()  # noqa: SLF001 - likewise


Row = tuple[str, str]
Labels = list[str | None]
Told = list[tuple[str, bytes | None, str | None, str | None]]
"""(path, text, language here, language there) of each file."""


def unless(
    tie: list[bool], rows: list[Row], texts: list[bytes | None], ours: Labels, theirs: Labels
) -> Told:
    """All files but ties."""
    told = zip(rows, texts, ours, theirs, tie, strict=True)
    return [(path, text, a, b) for (_, path), text, a, b, is_tie in told if not is_tie]


def languages() -> Iterator[Claim]:
    """Agreement with enry and with Linguist itself, of all files and of ties, and speed."""
    rows = corpus.spread(_FILES_EACH, seed=1)
    batch = batch_of([path for _, path in rows], list(corpus.read(rows)))
    facts = LanguageDetector().detect(batch)
    ours = facts["language"].to_pylist()
    texts = batch["text"].to_pylist()
    theirs = [
        None if text is None else enry.get_language(path, text) or None
        for (_, path), text in zip(rows, texts, strict=True)
    ]
    tie = ties(facts)
    yield agreement(
        "languages agree with enry-python, ties apart",
        unless(tie, rows, texts, ours, theirs),
        is_data=by_enry_data,
    )
    yield tied(facts, theirs)
    paths = [path for (_, path), is_tie in zip(rows, tie, strict=True) if is_tie]
    contents = [text or b"" for text, is_tie in zip(texts, tie, strict=True) if is_tie]
    yield filter_ties.speed(paths, contents)
    yield by_content(facts)
    yield from beside_linguist(rows, texts, facts)
    by_path = language.linguist().paths.masks(pa.array([path for _, path in rows]))
    inside = by_path["dependencies"].tolist()  # vendored here, generated there
    for name, other in (
        (
            "is_vendor",
            [enry.is_vendor(path) or kept for (_, path), kept in zip(rows, inside, strict=True)],
        ),
        ("is_documentation", [enry.is_documentation(path) for _, path in rows]),
        (
            "is_generated",
            [
                text is not None
                and enry.is_generated(path.rpartition("/")[2] if kept else path, text)
                for (_, path), text, kept in zip(rows, texts, inside, strict=True)
            ],
        ),
    ):
        differing = sum(a != b for a, b in zip(facts[name].to_pylist(), other, strict=True))
        yield Claim(
            f"{name} equals enry's, directories of dependencies being vendored",
            "0 differ",
            f"{differing} of {len(rows):,}",
            differing == 0,
        )
    yield language_speed(batch)


def language_speed(batch: pa.Table) -> Claim:
    seconds = []
    for _ in range(_ROUNDS):
        forget()
        seconds.append(timed(lambda: LanguageDetector().detect(batch))[1])
    rate = batch.num_rows / min(seconds)
    return Claim(
        "languages on one core, ties included",
        ">= 20,000 files/s",
        f"{rate:,.0f} files/s over {batch.num_rows:,} files, best of {_ROUNDS}",
        rate >= 20_000,
    )


def beside_linguist(rows: list[Row], texts: list[bytes | None], facts: pa.Table) -> Iterator[Claim]:
    """Agreement with Debian's Linguist, and of its classifier with ours; both short without it."""
    names = (
        "languages agree with Linguist 7.22 (Debian), ties apart",
        "its classifier agrees with ours",
    )
    bars = (
        ">= 99.5 % of >= 20,000 files, data versions apart",
        ">= 70 %: other samples, other method",
    )
    try:
        found, there = corpus.linguist(
            [corpus.sources() / package / path for package, path in rows]
        )
    except EnvironmentFault as fault:
        for name, bar in zip(names, bars, strict=True):
            yield Claim(name, bar, str(fault), ok=False)
        return
    here = listed_here()

    def is_data(path: str, _mine: str | None, _other: str | None) -> bool:
        return any(here.get(e, set()) != set(there.get(e, ())) for e in endings(path))

    ours = facts["language"].to_pylist()
    told = unless(ties(facts), rows, texts, ours, found)
    yield agreement(names[0], told, is_data=is_data)
    same = [
        RENAMED.get(other or "", other) == mine
        for (_, path), mine, other, tie in zip(rows, ours, found, ties(facts), strict=True)
        if tie and not is_data(path, mine, other)
    ]
    share = sum(same) / max(len(same), 1)
    yield Claim(names[1], bars[1], f"{share:.1%} of {len(same):,} ties", share >= 0.7)


def ties(facts: pa.Table) -> list[bool]:
    """Whether the classifier decided each file."""
    return pc.fill_null(pc.equal(facts["strategy"], "classifier"), False).to_pylist()


def tied(facts: pa.Table, theirs: Labels) -> Claim:
    """Whether our tie-breaker says what enry says; where not, which is right was looked at once."""
    same = [
        mine == other
        for mine, other, tie in zip(facts["language"].to_pylist(), theirs, ties(facts), strict=True)
        if tie
    ]
    share = sum(same) / max(len(same), 1)
    files = pc.sum(pc.is_valid(facts["language"])).as_py()
    return Claim(
        "ties are decided as enry does",
        ">= 75 %: another method",
        f"{share:.1%} of {len(same):,} ties among {files:,} files with a language",
        share >= 0.75,
    )


def by_content(facts: pa.Table) -> Claim:
    """Files that are called after their content, against their names."""
    hits = facts.filter(pc.equal(facts["strategy"], "content"))
    for path, name in zip(hits["path"].to_pylist(), hits["language"].to_pylist(), strict=True):
        print(f"    {path} is {name} by its content", file=sys.stderr)
    share = hits.num_rows / facts.num_rows
    return Claim(
        "called after their content, against a rare extension",
        "<= 0.02 % of real files",
        f"{hits.num_rows} of {facts.num_rows:,}",
        share <= 0.0002,
    )


def agreement(
    name: str,
    told: Told,
    *,
    is_data: Callable[[str, str | None, str | None], bool],
) -> Claim:
    """Share of text files with the same language; what the version of the data explains is apart."""
    differing: Counter[tuple[str | None, str | None]] = Counter()
    explained = 0
    total = 0
    for path, text, mine, other in told:
        if not text:
            continue
        total += 1
        if mine == other:
            continue
        if RENAMED.get(other or "", other) == mine or is_data(path, mine, other):
            explained += 1
        else:
            differing[mine, other] += 1
    for (mine, other), count in sorted(differing.items(), key=lambda item: (-item[1], str(item))):
        print(f"    {name}: {count} files are {mine} here, {other} there", file=sys.stderr)
    share = 1 - sum(differing.values()) / total
    return Claim(
        name,
        ">= 99.5 % of >= 20,000 files, data versions apart",
        f"{share:.2%} of {total:,}; {explained} differ by version of the data",
        share >= 0.995 and total >= 20_000,
    )


def endings(path: str) -> list[str]:
    """The name of a file, and its extensions in lower case, the longest first."""
    name = path.rpartition("/")[2]
    parts = name.lower().split(".")
    return [name, *("." + ".".join(parts[i:]) for i in range(1, len(parts)))]


def listed_here() -> dict[str, set[str]]:
    """Languages of each extension and file name in our data."""
    text = (resources.files("stackyard.filter.data.linguist") / "linguist.json").read_text("utf-8")
    listed: dict[str, set[str]] = {}
    for name, entry in json.loads(text)["languages"].items():
        for ending in (
            *(e.lower() for e in entry.get("extensions", ())),
            *entry.get("filenames", ()),
        ):
            listed.setdefault(ending, set()).add(name)
    return listed


def by_enry_data(path: str, mine: str | None, other: str | None) -> bool:
    """Generic extensions and new names of the newer data: no rule is at fault."""
    listed = set(endings(path))
    if _GENERIC.search(path):
        return True
    known = set(enry.get_language_extensions(mine)) if mine is not None else set()
    return mine is not None and other is None and not known & listed


def throughput() -> Iterator[Claim]:
    """All detectors over 1 GB, against reading and writing the same Parquet once, in turns."""
    rows = corpus.mass(_MASS_BYTES, seed=5)
    contents = list(corpus.read(rows))
    table = pa.table(
        {
            "blob_id": pa.array([blob_digest(one) for one in contents], BLOB_ID),
            "path": pa.array([path for _, path in rows], pa.string()),
            "content": pa.array(contents, pa.large_binary()),
        }
    )
    del contents
    stored = io.BytesIO()
    pq.write_table(
        table.drop_columns("blob_id"), stored, compression="zstd", row_group_size=_SEGMENT_FILES
    )

    def copy() -> None:
        stored.seek(0)
        again = pq.read_table(stored, use_threads=False)
        pq.write_table(again, io.BytesIO(), compression="zstd", row_group_size=_SEGMENT_FILES)

    for start in range(0, len(table), len(table) // 4):
        detect(table.slice(start, _SEGMENT_FILES))  # databases are compiled once a process
    floors, rounds = [], []
    for _ in range(_ROUNDS):
        floors.append(timed(copy)[1])
        forget()
        spent: Counter[str] = Counter()
        for start in range(0, len(table), _SEGMENT_FILES):
            spent.update(detect(table.slice(start, _SEGMENT_FILES)))
        rounds.append(spent)
    floor, best = min(floors), min(rounds, key=Counter.total)
    total = best.total()
    parts = ", ".join(f"{name} {seconds / floor:.2f}" for name, seconds in sorted(best.items()))
    rate = table["content"].nbytes / 1e6 / total
    yield Claim(
        f"the filter's detectors over {len(table):,} files, 1 GB of code, one core",
        "<= 1.5 times the copy floor",
        f"{total / floor:.2f} times ({parts}); {rate:,.0f} MB/s; best of {_ROUNDS} rounds",
        total / floor <= 1.5,
    )


def detect(part: pa.Table) -> dict[str, float]:
    """Seconds of decoding and of each detector over some rows (blob_id, path, content)."""
    content = part["content"].chunk(0)
    (text, encoding), seconds = timed(lambda: room.decode(content))
    spent = {"decode": seconds}
    batch = pa.table([*part.columns, text, encoding], schema=BATCH)
    for detector in room.detectors(Params()):
        spent[detector.name] = timed(functools.partial(detector.detect, batch))[1]
    return spent


def decisions() -> Iterator[Claim]:
    """Decide a million files of 1,000 repositories, a tenth of them copies."""
    count = 1_000_000
    contents = [f"int f{i}(void) {{ return {i}; }}\n".encode() for i in range(2_000)]
    contents.append(b"// SPDX-License-Identifier: GPL-2.0-only\nint gpl;\n")
    license_text = b'{"license": "MIT"}\n'
    paths = [f"src/d{i % 40}/f{i}.c" for i in range(len(contents))]
    batch = batch_of([*paths, "package.json"], [*contents, license_text])
    facts = {detector.name: detector.detect(batch) for detector in room.detectors(Params())}
    ids = batch["blob_id"].to_pylist()
    each = count // 1_000
    rows = [
        (r, f)
        for r in range(1_000)
        for f in [*((r * 7 + k) % len(contents) for k in range(each - 1)), -1]
    ]
    files = pa.table(
        [
            pa.array([f"octo-org/r{r:04d}" for r, _ in rows]),
            pa.array(["swh:1:dir:" + "0" * 40] * len(rows)),
            pa.array(["package.json" if f < 0 else paths[f] for _, f in rows]),
            pa.array([ids[f] for _, f in rows], BLOB_ID),
            pa.array([40] * len(rows), pa.int64()),
        ],
        schema=FILES,
    )
    done, seconds = timed(
        lambda: room.decide(files, ORIGINS.empty_table(), facts, Params(), room.default_policy())
    )
    total = done.files.num_rows + done.decisions.num_rows
    yield Claim(
        "decide a million files",
        "<= 30 s, each file once",
        f"{seconds:.1f} s, {total:,} files",
        seconds <= 30 and total == len(rows),
    )


_LEVELS = 10_000
_LINE_BYTES = 100_000_000
_LICENSE_BYTES = 50_000_000
_GRANT = b"Permission is hereby granted, free of charge, to any person. "


def hostile() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """Kinds of bad input: a name, and files of that kind."""
    noise = np.random.default_rng(1).integers(0, 256, 5_000_000, np.uint8).tobytes()
    names = ["a.py", "a.h", "LICENSE", "README.md", "package.json", "debian/copyright", "x"]
    yield "empty", [(name, b"") for name in names]
    yield "5 MB of noise", [(name, noise) for name in names]
    yield "100 MB in one line of code", [("a.js", b"var a=1;" * (_LINE_BYTES // 8))]
    yield "100 MB of one letter", [("a.txt", b"a" * _LINE_BYTES)]
    yield "100 MB of blanks", [("a.c", b" " * _LINE_BYTES)]
    yield "100 MB of hex bytes in one line", [("a.h", b"0x0f, " * (_LINE_BYTES // 6))]
    yield (
        "100 MB of tags in one line",
        [("a.html", b"</p" * (_LINE_BYTES // 3)), ("a.html", b"</p><script" * (_LINE_BYTES // 11))],
    )
    broken = [
        b"x = '\xc3\x28'\n",
        b"\xed\xa0\x80\n",
        b"\xf4\x90\x80\x80 x\n",
        b"caf\xe9 \xff\xfe\n",
    ]
    yield "broken UTF-8", [(name, each * 100_000) for name in names for each in broken]
    yield (
        "10,000 levels",
        [
            ("package.json", b"[" * _LEVELS + b"]" * _LEVELS),
            ("package.json", b'{"license":' * _LEVELS + b"1" + b"}" * _LEVELS),
            ("pom.xml", b"<project>" * _LEVELS + b"</project>" * _LEVELS),
            ("Cargo.toml", b"[package]\nlicense = " + b"[" * _LEVELS + b"]" * _LEVELS),
            ("REUSE.toml", b"a = " + b"{b=" * _LEVELS + b"1" + b"}" * _LEVELS),
            ("a.c", b"// SPDX-License-Identifier: " + b"(" * _LEVELS + b"MIT" + b")" * _LEVELS),
            ("composer.json", b'{"license":"' + b"(" * _LEVELS + b'MIT"}'),
            ("a.lisp", b"(" * _LEVELS + b")" * _LEVELS),
            ("a.html", b"<div>" * _LEVELS + b"</div>" * _LEVELS),
            ("a.md", b"> " * _LEVELS),
        ],
    )
    yield (
        "a licence of 50 MB",
        [
            ("LICENSE", _GRANT * (_LICENSE_BYTES // len(_GRANT))),
            ("COPYING", b"GPL " * (_LICENSE_BYTES // 4)),
            ("README.md", b"# License\n" + _GRANT * (_LICENSE_BYTES // len(_GRANT))),
            ("debian/copyright", b"Files: *\nLicense: MIT\n\n" * (_LICENSE_BYTES // 23)),
        ],
    )
    yield (
        "clues without end",
        [
            ("a.js", b"/* -*- " + b"-*-:" * 250_000 + b" */"),
            ("a.txt", b" vim: set " * 100_000),
            ("a.c", b"SPDX-License-Identifier: \n" * 40_000),
            ("a.c", b"gpl " * 250_000),
            ("a.html", b"<meta " * 200_000),
            ("run", b"#!/usr/bin/env " + b"-i " * 100_000),
        ],
    )


def bad_input() -> Iterator[Claim]:
    """Facts and one decision, never a crash, in bounded time; the databases are compiled by now."""
    for name, rows in hostile():
        slowest, decided = 0.0, 0
        for path, content in rows:
            (batch, facts), seconds = timed(functools.partial(_facts, path, content))
            slowest = max(slowest, seconds)
            decided += _decided(batch, facts)
        yield Claim(
            f"bad input: {name}",
            "<= 10 s each, one decision each",
            f"{slowest:.2f} s at most of {len(rows)} files, {decided} decided",
            slowest <= 10 and decided == len(rows),
        )


def _facts(path: str, content: bytes) -> tuple[pa.Table, dict[str, pa.Table]]:
    batch = batch_of([path], [content])
    return batch, {detector.name: detector.detect(batch) for detector in room.detectors(Params())}


def _decided(batch: pa.Table, facts: dict[str, pa.Table]) -> int:
    """Files that come out, kept or dropped."""
    files = pa.table(
        [["octo-org/x"], ["swh:1:dir:" + "0" * 40], batch["path"], batch["blob_id"],
         pc.binary_length(batch["content"])],
        schema=FILES,
    )  # fmt: skip
    done = room.decide(files, ORIGINS.empty_table(), facts, Params(), room.default_policy())
    return done.files.num_rows + done.decisions.num_rows
