"""Our driver against detect-secrets itself: the same findings, and how much sooner.

    python -m benchmarks.pii_reference [--mb 4] [--all] [DIR | FILE.parquet]...

Both read the same lines with all plugins and the same filters, without the pragma, the lock-file
rule and verification over the network, one core each. Files with a line longer than
`lines.LINE_MAX` are left out: there ours reads tiles on purpose. `--all` compares everything that
is given, instead of a sample of `--mb` megabytes. The dense set is lines that hold a credential
each, from the examples of rules.yaml and of the labelled set.
"""

from __future__ import annotations

import argparse
import random
import site
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from benchmarks.pii_labelled import positives
from stackyard.pii.automaton import Automaton
from stackyard.pii.lines import LINE_MAX, line_around
from stackyard.pii.reference import PLUGINS, analyze

Found = set[tuple[int, str, str]]

OWNERS = [plugin for plugin in PLUGINS for _ in plugin.anchors]
AUTOMATON = Automaton([anchor for plugin in PLUGINS for anchor in plugin.anchors])


def ours(texts: Sequence[bytes]) -> Found:
    """(text, type, secret) of all findings."""
    out: Found = set()
    for number, text in enumerate(texts):
        seen: set[tuple[str, int]] = set()
        for pattern, end in zip(*(column.tolist() for column in AUTOMATON.scan(text)), strict=True):
            plugin = OWNERS[pattern]
            start, stop = line_around(text, end - 1)
            if (plugin.slug, start) in seen:
                continue
            seen.add((plugin.slug, start))
            for span in analyze(plugin, text[start:stop].decode()):
                out.add((number, plugin.plugin.secret_type, span.secret))
    return out


def theirs(texts: Sequence[bytes]) -> Found:
    from detect_secrets.core.scan import _process_line_based_plugins
    from detect_secrets.settings import default_settings, get_settings

    out: Found = set()
    with default_settings():
        get_settings().disable_filters(
            "detect_secrets.filters.common.is_ignored_due_to_verification_policies",
            "detect_secrets.filters.common.is_invalid_file",
            "detect_secrets.filters.allowlist.is_line_allowlisted",
            "detect_secrets.filters.heuristic.is_lock_file",
        )
        for number, text in enumerate(texts):
            lines = text.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
            for secret in _process_line_based_plugins(list(enumerate(lines, start=1)), "text"):
                out.add((number, secret.type, str(secret.secret_value)))
    return out


class Comparison(NamedTuple):
    """What one set showed."""

    size_mb: float
    findings: int
    only_ours: int
    only_theirs: int
    ratio: float
    ours_mb_s: float


def compare(texts: Sequence[bytes]) -> Comparison:
    size = sum(map(len, texts)) / 1e6
    ours(texts[:1])
    start = time.process_time()
    mine = ours(texts)
    middle = time.process_time()
    other = theirs(texts)
    end = time.process_time()
    spent = max(middle - start, 1e-9)
    return Comparison(
        size, len(other), len(mine - other), len(other - mine), (end - middle) / spent, size / spent
    )


def texts_of(places: Sequence[Path]) -> Iterator[bytes]:
    """Texts of files and of the `content` or `text` column of Parquet files."""
    for place in places:
        if place.suffix == ".parquet":
            names = pq.read_schema(place).names
            column = "content" if "content" in names else "text"
            for value in pq.read_table(place, columns=[column])[column].to_pylist():
                yield from _usable(value.encode() if isinstance(value, str) else value or b"")
        else:
            for path in sorted(place.rglob("*")):
                if path.is_file() and path.stat().st_size < 1 << 20:
                    yield from _usable(path.read_bytes())


def _usable(content: bytes) -> Iterator[bytes]:
    try:
        content.decode()
    except UnicodeDecodeError:
        return
    if b"\0" not in content and max(map(len, content.splitlines()), default=0) <= LINE_MAX:
        yield content


def dense(lines: int = 3000) -> list[bytes]:
    """Texts of credentials alone, a hundred lines each."""
    plants = [p.line for seed in range(1, 5) for p in positives(seed) if "\n" not in p.line]
    random.Random(1).shuffle(plants)
    plants = plants[:lines]
    return ["\n".join(plants[i : i + 100]).encode() for i in range(0, len(plants), 100)]


def sample(texts: Sequence[bytes], size_mb: float) -> list[bytes]:
    """Texts drawn in a fixed order, up to a size."""
    order = list(range(len(texts)))
    random.Random(1).shuffle(order)
    out: list[bytes] = []
    total = 0.0
    for i in order:
        if total >= size_mb * 1e6:
            break
        out.append(texts[i])
        total += len(texts[i])
    return out


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mb", type=float, default=4)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("places", nargs="*", type=Path, default=[Path(site.getsitepackages()[0])])
    options = parser.parse_args()
    texts = list(texts_of(options.places))
    print("ordinary", compare(texts if options.all else sample(texts, options.mb)))
    print("dense   ", compare(dense()))


if __name__ == "__main__":
    main()
