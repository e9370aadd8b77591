"""Claims of dedup, on real source code: got by `benchmarks/dedup_corpus.py` at the first run."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks import dedup as bench
from benchmarks.claim import Claim
from stackyard.dedup import Params
from stackyard.dedup.quality import measure, plant

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / bench.CORPUS
DATATROVE = ROOT / bench.DATATROVE

WHOLE_BYTES = 2e9
"""2 GB of the corpus: packages in equal shares, or whole where they are smaller."""

SAME_BYTES = 1e8
"""Enough for some thousand near-duplicates, in two segments or 25."""

SIDE_BY_SIDE_BYTES = 3e7
"""What datatrove does in about a minute."""

BYTES_PER_FILE = 1850
"""Documented in docs/dedup.md: memory that grows with the number of files."""


def run() -> Iterator[Claim]:
    threads = pa.cpu_count()
    pa.set_cpu_count(1)
    try:
        subprocess.run([sys.executable, ROOT / "benchmarks/dedup_corpus.py", CORPUS], check=True)
        yield from _planted()
        yield from _cold(bench.cold())
        yield from _speed(bench.speed(CORPUS, WHOLE_BYTES))
        yield from _truth(bench.truth(CORPUS, 40_000))
        yield from _same(bench.same(CORPUS, SAME_BYTES))
        yield from _increments()
        yield from _memory()
        yield from _loads()
        yield from _side_by_side()
    finally:
        pa.set_cpu_count(threads)


def _planted() -> Iterator[Claim]:
    params = Params()
    rows = measure(plant(4000, 7), params).by_similarity.to_pylist()
    due = [row for row in rows if row["similarity_from"] >= params.similarity_min]
    recall = min(row["recall"] for row in due)
    yield Claim(
        "recall of planted pairs at 0.7 or more", ">= 0.95", f"{recall:.4f}", recall >= 0.95
    )
    below = sum(row["dropped"] for row in rows if row["similarity_below"] <= params.similarity_min)
    yield Claim("planted pairs below 0.7 of which one is dropped", "0", str(below), below == 0)


def _cold(found: dict[str, Any]) -> Iterator[Claim]:
    then = found["then_cpu_s"]
    yield Claim(
        "compiled loops without a toolchain: kept after the first use",
        "< 2 s of CPU",
        f"{then:.2f} s, after {found['first_cpu_s']:.1f} s once",
        then < 2,
    )


def _speed(found: dict[str, Any]) -> Iterator[Claim]:
    size = f"{found['text_mb'] / 1000:.2f} GB, {found['files']} files"
    yield Claim(
        "real source code that speed is measured on",
        ">= 1 GB",
        size,
        found["text_mb"] >= 1000,
    )
    signature = found["signature_mb_s"]
    yield Claim("signatures on one core", ">= 150 MB/s", f"{signature:.0f} MB/s", signature >= 150)
    ratio = found["signature_to_copy_floor"]
    yield Claim(
        "signatures, as a share of the copy floor's speed in the same run",
        ">= 0.6",
        f"{ratio:.2f} (floor {found['copy_floor_mb_s']:.0f} MB/s)",
        ratio >= 0.6,
    )
    whole = found["whole_gb_per_core_hour"]
    yield Claim(
        "whole near-dedup, from segments to decisions and all that is stored between",
        ">= 300 GB per core-hour",
        f"{whole:.0f} GB per core-hour",
        whole >= 300,
    )


def _truth(found: dict[str, Any]) -> Iterator[Claim]:
    of = f"{found['pairs_at_threshold']} pairs of {found['files']} files, all compared"
    yield Claim("real files whose every pair is compared", ">= 20000", of, found["files"] >= 20_000)
    recall = found["pair_recall"]
    yield Claim("recall of real pairs at 0.7 or more", ">= 0.95", f"{recall:.4f}", recall >= 0.95)
    yield Claim(
        "real files dropped for one below 0.7",
        "0",
        f"{found['dropped_below_threshold']} of {found['dropped']}, lowest "
        f"{found['lowest_similarity_of_a_dropped_file']:.4f}",
        found["dropped_below_threshold"] == 0,
    )
    reached = found["kept_pairs_that_candidates_reach"]
    yield Claim(
        "near-duplicates that both stay, as far as candidates reach",
        "0",
        str(reached),
        reached == 0,
    )


def _same(found: dict[str, Any]) -> Iterator[Claim]:
    yield Claim(
        "same bytes of two workers, other segments, partitions, batches and order of files",
        "equal",
        f"{'equal' if found['same'] else 'DIFFERENT'}: {found['files']} files, "
        f"{found['dropped']} dropped, {found['segments'][0]} and {found['segments'][1]} segments",
        bool(found["same"]),
    )


def _increments() -> Iterator[Claim]:
    origins = bench.increment(CORPUS, WHOLE_BYTES, scattered=False)
    scattered = bench.increment(CORPUS, WHOLE_BYTES, scattered=True)
    ratio = origins["increment_to_full"]
    yield Claim(
        "1 % of files changed: CPU, as a share of a full dedup with the same result",
        "<= 0.03",
        f"{ratio:.3f} ({origins['increment_cpu_s']:.2f} s of {origins['full_cpu_s']:.2f} s; "
        f"{scattered['increment_to_full']:.3f} if scattered over all packages)",
        ratio <= 0.03,
    )


def _memory() -> Iterator[Claim]:
    sizes = [bench.memory(CORPUS, size) for size in (2e8, 7e8, 2e9)]
    rest = [found["peak_mb"] - found["files"] * BYTES_PER_FILE / (1 << 20) for found in sizes]
    spread = max(rest) / min(rest) - 1
    yield Claim(
        f"peak memory from {sizes[0]['text_mb']:.0f} MB to {sizes[-1]['text_mb']:.0f} MB of input, "
        f"less {BYTES_PER_FILE} bytes a file",
        "within 10 %",
        f"{', '.join(f'{value:.0f}' for value in rest)} MiB: {spread:.1%}",
        spread <= 0.1,
    )


def _loads() -> Iterator[Claim]:
    # A process of its own, as what was measured before fills this one's memory.
    with tempfile.TemporaryFile("w+") as out:
        command = [sys.executable, "-m", "benchmarks.dedup", "loads"]
        subprocess.run(command, check=True, cwd=ROOT, stdout=out)
        out.seek(0)
        for found in bench.shown(out.read()):
            left = (
                f"; {found['near_pairs_kept']} near pairs stay that no candidate search reaches"
                if "near_pairs_kept" in found
                else ""
            )
            yield Claim(
                f"{found['load']}: right answer as far as candidates reach, under 1 GB, minutes",
                "right, < 1024 MiB, < 300 s",
                f"{'right' if found['right'] else 'WRONG'}, {found['peak_mb']:.0f} MiB, "
                f"{found['cpu_s']:.1f} s{left}",
                found["right"] and found["peak_mb"] < 1024 and found["cpu_s"] < 300,
            )


def _side_by_side() -> Iterator[Claim]:
    subprocess.run(
        ["sh", "benchmarks/dedup_datatrove.sh", DATATROVE.parents[1]], check=True, cwd=ROOT
    )
    found = bench.datatrove(CORPUS, SIDE_BY_SIDE_BYTES, DATATROVE)
    times = found["times_faster"]
    yield Claim(
        "time of datatrove's MinHash pipeline on the same files and one core, divided by ours",
        "> 1",
        f"{times:.0f} ({found['datatrove_cpu_s']:.1f} s and {found['ours_cpu_s']:.2f} s)",
        times > 1,
    )
