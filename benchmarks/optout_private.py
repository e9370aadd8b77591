"""What an append costs where the private part is one age file: `python -m benchmarks.optout_private`."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.optout_corpus import NOW, fill_log, salt_of
from stackyard.optout import requests
from stackyard.optout.selector import Selector
from stackyard.store.private import URL_VARIABLE
from stackyard.store.registry import init_registry, open_writer

SIZES = (1_000, 10_000)
APPENDS = 5


def append_seconds(project: Path, number: int) -> float:
    """Processor time of one append, with lock, open and fsync."""
    start = time.process_time()
    with open_writer(project) as log:
        event, request = requests.submit(
            Selector("repo", f"late{number}/repo"),
            sequence=log.size,
            time=NOW,
            salt=salt_of(10_000_000 + number),
            contact="me@example.org",
        )
        log.append([event], [request])
    return time.process_time() - start


def main() -> None:
    for size in SIZES:
        for url in ("", "age:"):
            os.environ[URL_VARIABLE] = url
            with tempfile.TemporaryDirectory() as folder:
                project = Path(folder)
                init_registry(project)
                fill_log(project, size)
                took = statistics.median(append_seconds(project, n) for n in range(APPENDS))
            print(f"{size:,} requests, {url or 'SQLite'}: {took * 1e3:.0f} ms an append")


if __name__ == "__main__":
    main()
