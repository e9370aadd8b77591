"""Claims of the opt-out registry: `make claims ROOM=registry`.

A log of 100,000 requests on disk, 100,000 selectors of all scopes against 10 million file rows on one
core, a takedown of 1 % of 1,000 owners with default parameters, laws 3 and 10 on real code for each scope,
and the suites of an attacker and of old versions, each by its named tests.
`python -m benchmarks.claims_registry` prints the same, with the peak of memory.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import optout_law, optout_suites
from benchmarks.claim import Claim
from benchmarks.optout_corpus import (
    FILES_PER_ORIGIN,
    NOW,
    authors_of,
    corpus,
    fill_log,
    mixed_requests,
    salt_of,
)
from benchmarks.optout_takedown import build, make_project, opt_out_owners, shards
from stackyard.optout import match, merkle, requests, violations
from stackyard.optout.absence import Presence, check_absent, key_of
from stackyard.optout.params import Params
from stackyard.optout.selector import Selector
from stackyard.store.registry import init_registry, open_registry, open_writer

REQUESTS = 100_000
ROWS = 10_000_000
ORIGINS = 1_000
APPENDS = 60


def run() -> Iterator[Claim]:
    """The claims of issue 6 that have a number."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _log(Path(folder))
    yield from _matching()
    yield from _absence()
    with tempfile.TemporaryDirectory() as folder:
        yield from _takedown(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        yield from optout_law.claims(Path(folder))
    yield from optout_suites.claims()
    yield from optout_suites.counted("an older or edited registry", optout_suites.REGISTRY_SUITES)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _log(project: Path) -> Iterator[Claim]:
    init_registry(project)
    fill_log(project, REQUESTS)
    os.sync()  # what filling it left to write is no part of an append

    def append(number: int) -> None:
        with open_writer(project) as log:
            event, request = requests.submit(
                Selector("repo", f"late{number}/repo"),
                sequence=log.size,
                time=NOW,
                salt=salt_of(REQUESTS + number),
                contact="me@example.org",
            )
            log.append([event], [request])

    used = time.process_time()
    times = sorted(_timed(functools.partial(append, n)) for n in range(APPENDS))
    cpu = (time.process_time() - used) / APPENDS * 1e3
    bare = statistics.median(_timed(functools.partial(_write_one, project, n)) for n in range(30))
    middle, worst = statistics.median(times) * 1e3, times[int(APPENDS * 0.95)] * 1e3
    yield Claim(
        f"an append to a log of {REQUESTS:,}, with lock, open and fsync",
        "< 20 ms",
        f"{middle:.1f} ms median, {worst:.1f} ms at the 95th percentile, {cpu:.1f} ms of them processor time; "
        f"writing one file with fsync takes {bare * 1e3:.1f} ms on this disk now",
        middle < 20,
    )
    start = time.perf_counter()
    log = open_registry(project)
    seconds = time.perf_counter() - start
    yield Claim(
        f"the whole check of a log of {len(log.events):,} events",
        "< 60 s",
        f"{seconds:.1f} s",
        seconds < 60 and len(log.events) == REQUESTS + APPENDS,
    )
    size = len(log.events)
    root = log.tree.root()

    def prove(index: int) -> None:
        path = log.tree.inclusion(index)
        assert merkle.check_inclusion(log.tree.leaf(index), index, size, path, root)
        older = log.tree.consistency(index)
        assert merkle.check_consistency(index, log.tree.root(index), size, root, older)

    yield _proof("an inclusion and a consistency proof, made and checked", prove, size)


def _write_one(folder: Path, number: int) -> None:
    with (folder / f"bare{number}").open("wb") as stream:
        stream.write(b"x" * 400)
        stream.flush()
        os.fsync(stream.fileno())


def _matching() -> Iterator[Claim]:
    origins = ROWS // FILES_PER_ORIGIN
    files, table = corpus(origins)
    log = mixed_requests(REQUESTS, origins)
    authors = authors_of(log, files)
    pa.set_cpu_count(1)
    start, used = time.perf_counter(), time.process_time()
    gone = match(files, table, log, Params(), authors=authors)
    seconds, cpu = time.perf_counter() - start, time.process_time() - used
    yield Claim(
        f"{REQUESTS:,} selectors of all scopes against {files.num_rows:,} files, one core",
        "< 60 s",
        f"{cpu:.1f} s of processor time ({seconds:.1f} s of wall clock), {gone.num_rows:,} files go",
        cpu < 60 and gone.num_rows > 0,
    )
    some = files.slice(0, 1_000_000)
    decided = match(some, table, log, Params(), authors=authors)
    expected = decided.num_rows
    start = time.perf_counter()
    released = some.select(["repo_name", "path", "blob_id"])
    found = violations(released, log, Params(), decided).num_rows
    yield Claim(
        "the gate finds in 1,000,000 released rows exactly the files that should have gone",
        f"{expected:,} found",
        f"{found:,} found in {time.perf_counter() - start:.1f} s",
        found == expected,
    )


def _absence() -> Iterator[Claim]:
    files, _ = corpus(20_000)
    rows = files.select(["repo_name", "path", "blob_id"])
    start = time.process_time()
    presence = Presence.of(rows)
    seconds = time.process_time() - start
    size, root = len(presence.keys), presence.tree.root()

    def prove(number: int) -> None:
        key = key_of("repo", f"gone{number}/repo")
        assert check_absent(presence.prove_absent(key), key, size, root)

    yield _proof(
        f"an absence proof from a release of {rows.num_rows:,} rows (whose tree of {size:,} keys "
        f"takes {seconds:.1f} s of processor time), made and checked",
        prove,
        size,
    )


def _proof(claim: str, prove: Callable[[int], None], size: int) -> Claim:
    times = []
    for number in range(1, size, size // 500):
        start = time.process_time()
        prove(number)
        times.append((time.process_time() - start) * 1e3)
    most = sorted(times)[int(len(times) * 0.99)]
    measured = f"{most:.2f} ms of processor time at the 99th percentile of {len(times)}"
    return Claim(claim, "< 10 ms", measured, most < 10)


def _takedown(root: Path) -> Iterator[Claim]:
    make_project(root, ORIGINS)
    build(root)
    before = shards(root)
    (root / "release").rename(root / "before")
    taken = list(range(7, ORIGINS, 100))
    opt_out_owners(root, taken)
    build(root)
    after = shards(root)
    changed = [path for path, (sha, _) in after.items() if before.get(path, ("",))[0] != sha]
    rewritten = sum(after[path][1] for path in changed)
    total = sum(size for _, size in before.values())
    gone = before.keys() - after.keys()
    owners = {f"owner{number}" for number in taken}
    represented = _represented(root / "before" / "decisions", owners)
    without_cause = [
        path
        for path in (*changed, *gone)
        if not owners & _owners(root / "before" / path)
        and not _files(root / "release" / path) - _files(root / "before" / path)
        and not represented & _files(root / "before" / path)
    ]
    yield Claim(
        f"takedown of {len(taken)} of {ORIGINS:,} owners, default parameters: bytes of shards rewritten; "
        "a shard that named none of their files, represented none, and got none in the place of one, "
        "has its hash",
        "< 5 %, no other shard",
        f"{rewritten / total:.2%} of {total:,} bytes; of {len(before)} shards {len(changed)} rewritten, "
        f"{len(gone)} gone, {len(without_cause)} without such a cause",
        rewritten / total < 0.05 and len(taken) == ORIGINS // 100 and not without_cause,
    )


def _owners(shard: Path) -> set[str]:
    """Owners of all origins that a shard's rows name."""
    rows = pq.read_table(shard, columns=["origins"], partitioning=None)["origins"].to_pylist()
    return {each["repo_name"].partition("/")[0] for row in rows for each in row}


def _represented(decisions: Path, owners: set[str]) -> set[tuple[str, str]]:
    """Files that near-duplicates of these owners were dropped for: their clusters shrink."""
    found = set()
    for path in sorted(decisions.rglob("*.parquet")):
        for row in pq.read_table(path, partitioning=None).to_pylist():
            if row["repo_name"].partition("/")[0] in owners and row["rule"] == "near-duplicate":
                of = json.loads(row["evidence"])["representative"]
                found.add((of["repo_name"], of["path"]))
    return found


def _files(shard: Path) -> set[tuple[str, str]]:
    if not shard.exists():
        return set()
    table = pq.read_table(shard, columns=["repo_name", "path"], partitioning=None)
    return set(zip(table["repo_name"].to_pylist(), table["path"].to_pylist(), strict=True))


if __name__ == "__main__":
    for claim in run():
        print(
            f"{'ok   ' if claim.ok else 'SHORT'} {claim.claim}: {claim.measured} (bar {claim.bar})"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")
