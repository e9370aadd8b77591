"""Our driver against detect-secrets itself: the same findings, and how much sooner.

    python -m benchmarks.pii_reference [--anew MB] [--record FILE] [DIR | FILE.parquet]...

What detect-secrets says of a file is `scan_file` under its own suffix, all plugins, the same filters
(see pii_oracle.py, which keeps it). Ours reads the same lines: file types choose the patterns of the
keyword plugin; where detect-secrets would read the values that its parsers of INI and YAML files give,
those parsers themselves are asked, but only where they can succeed. `--anew` asks detect-secrets again for a
part that hashes choose. Files with a line longer than `lines.LINE_MAX` are left out: there ours reads tiles
on purpose. The dense set is lines that hold a credential each, from the examples of rules.yaml and of
the labelled set.
"""

from __future__ import annotations

import argparse
import io
import random
import re
import site
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import pyarrow as pa
from detect_secrets.transformers import get_transformed_file
from detect_secrets.types import NamedIO
from detect_secrets.util.filetype import FileType, determine_file_type

from benchmarks.pii_labelled import positives
from benchmarks.pii_oracle import (
    RECORD,
    Key,
    Pair,
    Record,
    Text,
    ask,
    digest,
    distinct,
    load,
    texts_of,
)
from stackyard.pii.automaton import Automaton
from stackyard.pii.detect import find_in_column
from stackyard.pii.findings import Finding
from stackyard.pii.lines import Lines
from stackyard.pii.params import Detection
from stackyard.pii.reference import PLUGINS, Mode, analyze

OWNERS = [plugin for plugin in PLUGINS for _ in plugin.anchors]
AUTOMATON = Automaton([anchor for plugin in PLUGINS for anchor in plugin.anchors])

MODES: Mapping[FileType, Mode] = {
    FileType.GO: "go",
    FileType.OBJECTIVE_C: "c",
    FileType.C_SHARP: "c",
    FileType.C: "c",
    FileType.C_PLUS_PLUS: "c++",
    FileType.YAML: "config",
    FileType.CONFIG: "config",
    FileType.INI: "config",
    FileType.PROPERTIES: "config",
    FileType.TOML: "config",
}
"""Patterns of the keyword plugin by file type; `quoted` for all others."""


def ours(texts: Sequence[Text]) -> list[set[Pair]]:
    """(type, secret) of all findings of each text."""
    return [_read(text) for text in texts]


def _read(text: Text) -> set[Pair]:
    kind = determine_file_type(f"x{text.suffix}")
    mode = MODES.get(kind, "quoted")
    lines = _parsed(text, kind, eager=False)
    found = _of_lines(lines, mode) if lines else _of_text(text.content, mode)
    if not found and kind is FileType.OTHER and (lines := _parsed(text, kind, eager=True)):
        found = _of_lines(lines, mode)
    return found


_HEADED = re.compile(rb"(?:[^\S\n]*(?:[#;][^\n]*)?\n)*[^\S\n]*\[")
"""What a text that configparser takes begins with: comments, then the header of a section."""

_NO_OPTION = re.compile(rb"(?m)^[^\s#;\[=:\x80-\xff][^=:\n\r]*$")
"""A line that is no option, no header, no comment and, as it is not indented, no continuation."""


def _parsed(text: Text, kind: FileType, *, eager: bool) -> list[str] | None:
    """What the parsers of detect-secrets make of a text; None without asking where none can take it."""
    if eager:
        if _NO_OPTION.search(text.content):
            return None
    elif kind is not FileType.YAML and not _HEADED.match(text.content):
        return None
    file = _Named(text.content.decode().replace("\r\n", "\n").replace("\r", "\n"))
    file.name = f"x{text.suffix}"
    return get_transformed_file(cast("NamedIO", file), use_eager_transformers=eager)


class _Named(io.StringIO):
    """A text with a file name, as parsers ask for."""

    name: str


def _of_lines(lines: Sequence[str], mode: Mode) -> set[Pair]:
    """Findings in values that a parser gave, each read as a line though it may hold line ends."""
    plain = "\n".join(line for line in lines if "\n" not in line and "\r" not in line)
    found = _of_text(plain.encode(), mode)
    for line in lines:
        if "\n" in line or "\r" in line:
            for plugin in PLUGINS:
                found |= {
                    (plugin.plugin.secret_type, s.secret) for s in analyze(plugin, line, mode)
                }
    return found


def _of_text(content: bytes, mode: Mode) -> set[Pair]:
    out: set[Pair] = set()
    seen: set[tuple[str, int]] = set()
    lines = Lines(content)
    for pattern, end in zip(*(column.tolist() for column in AUTOMATON.scan(content)), strict=True):
        plugin = OWNERS[pattern]
        line = lines.around(end - 1)
        if (plugin.slug, line.start) not in seen:
            seen.add((plugin.slug, line.start))
            for span in analyze(plugin, line.text, mode):
                out.add((plugin.plugin.secret_type, span.secret))
    return out


class Comparison(NamedTuple):
    """What a set of texts showed."""

    size_bytes: int
    files: int
    findings: int
    differing: tuple[Text, ...]
    our_seconds: float
    their_seconds: float

    @property
    def ratio(self) -> float:
        return self.their_seconds / max(self.our_seconds, 1e-9)


TIMES = 3
"""Each speed is the best of so many runs: other work on the machine only ever slows one down."""


def side_by_side(texts: Sequence[Text]) -> Comparison:
    """Both over the same texts, one after the other, in one process."""
    ours(texts[:1])
    mine: list[set[Pair]] = []
    other: list[set[Pair]] = []
    spent: list[float] = []
    their: list[float] = []
    for _ in range(TIMES):
        start = time.process_time()
        mine = ours(texts)
        spent.append(time.process_time() - start)
        if not their or their[0] < TIMES:
            other, seconds = ask(texts)
            their.append(seconds)
    differing = tuple(t for t, a, b in zip(texts, mine, other, strict=True) if a != b)
    size = sum(len(text.content) for text in texts)
    found = sum(map(len, other))
    return Comparison(size, len(texts), found, differing, min(spent), min(their))


def with_record(texts: Sequence[Text], record: Record) -> Comparison:
    """Ours over the texts that the record has, beside what it says; its speed is what the record took."""
    known = [text for text in texts if text.key in record.findings]
    start = time.process_time()
    mine = ours(known)
    spent = time.process_time() - start
    said = [record.findings[text.key] for text in known]
    differing = tuple(
        text
        for text, found, theirs in zip(known, mine, said, strict=True)
        if frozenset(map(digest, found)) != theirs
    )
    size = sum(len(text.content) for text in known)
    theirs_s = record.seconds * size / max(1, record.size_bytes)
    return Comparison(size, len(known), sum(map(len, said)), differing, spent, theirs_s)


def chosen(texts: Sequence[Text], size_mb: float, taken: Callable[[Key], bool]) -> list[Text]:
    """The first of those asked for, in order of their keys, up to a size: a part that hashes choose."""
    out: list[Text] = []
    total = 0.0
    for text in texts:
        if total >= size_mb * 1e6:
            break
        if taken(text.key):
            out.append(text)
            total += len(text.content)
    return out


def covered_by_facts(texts: Sequence[Text]) -> tuple[int, int]:
    """Of all (type, secret) pairs, how many stand somewhere in a span of our facts; and how many there are."""
    column = pa.array([text.content for text in texts], pa.large_binary())
    spans: list[list[Finding]] = [[] for _ in texts]
    for row, _, findings in find_in_column(column, Detection()):
        spans[row] = findings
    pairs = [
        any(
            finding.start <= place.start() and place.end() <= finding.end
            for place in re.finditer(re.escape(secret.encode()), text.content)
            for finding in found
        )
        for text, found, said in zip(texts, spans, ours(texts), strict=True)
        for _, secret in said
    ]
    return sum(pairs), len(pairs)


def dense(lines: int = 3000) -> list[Text]:
    """Texts of credentials alone, a hundred lines each."""
    plants = [p.line for seed in range(1, 5) for p in positives(seed) if "\n" not in p.line]
    random.Random(1).shuffle(plants)
    parts = [plants[:lines][i : i + 100] for i in range(0, min(lines, len(plants)), 100)]
    return [Text(".txt", "\n".join(part).encode()) for part in parts]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--anew", type=float, default=4, metavar="MB")
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("places", nargs="*", type=Path, default=[Path(site.getsitepackages()[0])])
    options = parser.parse_args()
    texts = distinct(texts_of(options.places))
    record = load(options.record)
    sets = {
        "recorded": with_record(texts, record),
        "anew": side_by_side(chosen(texts, options.anew, lambda _: True)),
        "dense": side_by_side(dense()),
    }
    for name, found in sets.items():
        suffixes = sorted({text.suffix for text in found.differing})
        print(f"{name}: {found.size_bytes / 1e6:.1f} MB in {found.files} files, {found.findings} findings, "
              f"{len(found.differing)} files differ {suffixes}, {found.ratio:.0f}x, "
              f"{found.size_bytes / 1e6 / found.our_seconds:.0f} MB/s")  # fmt: skip


if __name__ == "__main__":
    main()
