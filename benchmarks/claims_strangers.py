"""Claims of whole releases over packages that nobody chose: they go out, and a reader can verify them.

Ten seeds of fifty packages, one after the other, then ten well-known archives. It takes hours; SEEDS,
COUNT and FIRST_SEED in the environment make it shorter, TEN=0 leaves the archives out. What is fetched
stays in STRANGERS_CACHE.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.claim import Claim
from benchmarks.strangers import (
    SIZE_MIB_MAX,
    TEN,
    Drawn,
    Result,
    Store,
    default_cache,
    draw,
    named,
    release,
)

SEEDS, COUNT, FIRST_SEED = 10, 50, 1
"""What the issue asks for; further seeds draw packages that nobody who works on the rules has seen."""


def run() -> Iterator[Claim]:
    """One claim a seed, one for the ten archives."""
    count = int(os.environ.get("COUNT", COUNT))
    first = int(os.environ.get("FIRST_SEED", FIRST_SEED))
    store = Store(default_cache())
    for seed in range(first, first + int(os.environ.get("SEEDS", SEEDS))):
        drawn = draw(store, str(seed), count, SIZE_MIB_MAX << 20)
        result = _released(drawn, str(seed), store)
        yield _claim(f"{count} packages drawn with seed {seed} are released", result, count)
    if os.environ.get("TEN") != "0":
        result = _released(named(store, TEN), "ten", store)
        yield _claim("Go, Django, Rails, Guava, LLVM and five more are released", result, len(TEN))


def _released(drawn: Drawn, seed: str, store: Store) -> Result:
    with tempfile.TemporaryDirectory(prefix="strangers-") as scratch:
        root = Path(scratch) / "project"
        return release(drawn, seed, root, store, workers=2, time_files=False)


def _claim(claim: str, result: Result, count: int) -> Claim:
    taken = len(result.drawn.entries)
    if result.published:
        codes = f"pull {result.pull_exit_code}, verify {result.verify_exit_code}"
        alone = sum(result.second_scanner.values())
        measured = (
            f"{taken} packages, {result.files_seen:,} files of {result.bytes_seen / 1e6:,.0f} MB,"
            f" {result.files_kept:,} kept; {codes};"
            f" {alone} finds of the second scanner alone; {result.copy_floors:.0f} copy floors,"
            f" {result.peak_mib:,} MiB"
        )
    else:
        measured = " ".join(result.why_not.split())[:300]
    return Claim(claim, "published, pull 0, verify 0", measured, result.holds and taken == count)
