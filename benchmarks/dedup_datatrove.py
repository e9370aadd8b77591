"""datatrove's MinHash deduplication over a folder of Parquet files. Runs in its own environment.

    work/benchmarks/datatrove-env/bin/python benchmarks/dedup_datatrove.py INPUT WORK

256 hashes as 32 buckets of 8 (its band count times rows must be given; ours has 42 of 6, which finds
more), 5-grams of words, one task a stage, as it comes. Prints one JSON object with CPU seconds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers.jsonl import JsonlWriter


def main() -> None:
    given, work = Path(sys.argv[1]), Path(sys.argv[2])
    config = MinhashConfig(n_grams=5, num_buckets=32, hashes_per_bucket=8)
    folders = {name: str(work / name) for name in ("signatures", "buckets", "remove", "kept")}
    read = ParquetReader(str(given), text_key="text", id_key="id")
    stages = {
        "signatures": [read, MinhashDedupSignature(folders["signatures"], config=config)],
        "buckets": [MinhashDedupBuckets(folders["signatures"], folders["buckets"], config=config)],
        "cluster": [MinhashDedupCluster(folders["buckets"], folders["remove"], config=config)],
        "filter": [
            read,
            MinhashDedupFilter(folders["remove"]),
            JsonlWriter(folders["kept"], compression=None),
        ],
    }
    spent = {}
    for name, pipeline in stages.items():
        tasks = config.num_buckets if name == "buckets" else 1
        started = time.process_time()
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=1, logging_dir=str(work / "logs" / name)
        ).run()
        spent[f"{name}_cpu_s"] = time.process_time() - started
    kept = sum(1 for path in (work / "kept").glob("*.jsonl") for _ in path.open(encoding="utf-8"))
    print(json.dumps({**spent, "kept": kept}))


if __name__ == "__main__":
    main()
