"""Measure dedup on real source code (see dedup_corpus.py): speed, memory, truth.

    python -m benchmarks.dedup speed         segments to decisions; the copy floor beside it
    python -m benchmarks.dedup truth         against all pairs, by brute force
    python -m benchmarks.dedup increment     1 % of files changed
    python -m benchmarks.dedup same          by other workers, cuts and orders
    python -m benchmarks.dedup cold          what compiling costs, once
    python -m benchmarks.dedup loads         a million equal, a million tiny, a chain
    python -m benchmarks.dedup memory        peak memory, one size a process
    python -m benchmarks.dedup --limit-gb 0.1 datatrove   the same files through datatrove (dedup_datatrove.sh)

Each prints one JSON object a line. CPU seconds are of the whole process; Arrow has one thread.
What is measured is the stage itself, over a workspace as ingest leaves it: contents are read from segments
and decoded, signatures written as facts and read again, the index kept, decisions written.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard import filter as filter_room
from stackyard.dedup import (
    Deduped,
    Index,
    Params,
    bands,
    build_on,
    clusters,
    decide,
    detectors,
    kernel,
    signature,
)
from stackyard.pipeline.project import Project, ProjectParams, params_yaml
from stackyard.pipeline.publish.previous import RELEASED
from stackyard.pipeline.stages import dedup as stage
from stackyard.record import ATTRIBUTES, FILE_KEY, FILES, LISTING, ORIGINS, SEGMENT, blob_digest
from stackyard.store import files as store_files
from stackyard.store.workspace import ORIGIN_ROWS, SOURCE_KEY, Workspace

DATATROVE = Path("work/benchmarks/datatrove-env/bin/python")
CORPUS = Path("work/benchmarks/dedup-corpus")
SEGMENT_BYTES = 128 << 20  # as ingest cuts them
READ = [*FILES.names, "license_type"]

Late = Callable[[int], np.ndarray]
"""From a number of files to which of them are new in the second build, bool."""


@dataclass
class Corpus:
    """A project with segments of real files, and what the filter would say of these."""

    project: Project
    files: pa.Table
    late: np.ndarray
    text_bytes: int

    @property
    def workspace(self) -> Workspace:
        return self.project.workspace

    def segments(self, *, late: bool = False) -> list[str]:
        """What is new later lies in buckets of its own."""
        return [name for name in self.workspace.segments() if (name > "80") == late]

    def filtered(self, files: pa.Table) -> None:
        """What the filter kept."""
        store_files.write_table(self.workspace.root / "filter" / "files.parquet", files)

    def dedup(self) -> float:
        """Runs the stage; CPU seconds."""
        started = time.process_time()
        stage.run(self.project, "whole")
        stage.finish(self.project)
        return time.process_time() - started

    def result(self) -> list[bytes]:
        folder = self.workspace.root / "dedup"
        return [(folder / f"{name}.parquet").read_bytes() for name in ("files", "decisions")]

    def forget(self) -> None:
        """Without what earlier builds found out."""
        shutil.rmtree(self.workspace.root / "dedup-index", ignore_errors=True)


def attributes(blobs: pa.Table) -> pa.Table:
    """FILES with what dedup reads of ATTRIBUTES."""
    count = blobs.num_rows
    table = blobs.append_column("revision_id", pa.array(["r"] * count))
    table = table.append_column("license_type", pa.array(["permissive"] * count))
    return table.select(READ).cast(pa.schema([ATTRIBUTES.field(name) for name in READ]))


def origins_of(files: pa.Table) -> pa.Table:
    rows = [
        {
            "repo_name": name,
            "revision_id": "r",
            "origin": name,
            "directory_id": "",
            "star_events_count": 0,
            "fork_events_count": 0,
        }
        for name in sorted(set(files["repo_name"].unique().to_pylist()))
    ]
    return pa.Table.from_pylist(rows, ORIGINS)


def packages(source: Path, limit_bytes: float) -> Iterator[pa.Table]:
    """Files with their texts, 64 MB or so at once: of each package the same share of bytes, or all
    of it where that is less, so that all kinds are in each size.
    """
    sizes = {}
    for path in sorted(source.glob("*.parquet")):
        meta = pq.read_metadata(path)
        columns = [meta.row_group(i).column(3) for i in range(meta.num_row_groups)]
        sizes[path] = sum(column.total_uncompressed_size for column in columns)
    left, share = limit_bytes, 0.0
    for number, size in enumerate(sorted(sizes.values())):
        share = left / (len(sizes) - number)
        left -= min(size, share)
    for path in sizes:
        taken = 0.0
        with pq.ParquetFile(path) as handle:
            for group in range(handle.num_row_groups):
                table = handle.read_row_group(group)
                lengths = pc.binary_length(table["text"]).cast(pa.int64())
                ends = np.cumsum(lengths.to_numpy())
                count = int(np.searchsorted(ends, share - taken, side="right"))
                if count == 0:
                    break
                taken += ends[count - 1]
                yield table.append_column("length_bytes", lengths).slice(0, count)


def load(
    source: Path,
    into: Path,
    limit_bytes: float,
    late: Late | None = None,
    segment_bytes: int = SEGMENT_BYTES,
) -> Corpus:
    """A project of about so many bytes of text, as ingest and the filter leave it."""
    project = Project(into)
    (into / "params.yaml").write_text(params_yaml(ProjectParams()), encoding="utf-8")
    listed = pa.concat_tables(t.drop_columns(["text"]) for t in packages(source, limit_bytes))
    is_late = np.zeros(listed.num_rows, dtype=np.bool_) if late is None else late(listed.num_rows)
    early = pc.unique(listed["blob_id"].filter(pa.array(~is_late)))
    seen: set[bytes] = set()
    held: dict[bool, list[pa.Table]] = {False: [], True: []}
    total = number = 0
    for table in packages(source, limit_bytes):
        fresh = [blob not in seen for blob in table["blob_id"].to_pylist()]
        seen.update(table["blob_id"].to_pylist())
        total += int(pc.sum(table["length_bytes"]).as_py())
        new = table.filter(pa.array(fresh, pa.bool_()))
        is_early = pc.is_in(new["blob_id"], value_set=early)
        held[False].append(new.filter(is_early))
        held[True].append(new.filter(pc.invert(is_early)))
        if sum(pc.sum(t["length_bytes"]).as_py() or 0 for t in held[False]) > segment_bytes // 2:
            number += 1
            _segment(project.workspace, number, held[False])
    _segment(project.workspace, number + 1, held[False])
    _segment(project.workspace, 255, held[True])
    project.workspace.write_index()
    files = attributes(listed)
    order = pc.sort_indices(files, [(name, "ascending") for name in FILE_KEY])
    _ingested(project.workspace, files)
    return Corpus(project, files.take(order), is_late[order.to_numpy()], total)


def _ingested(workspace: Workspace, files: pa.Table) -> None:
    """What stages before dedup leave beside segments and files."""
    store_files.write_bytes(workspace.root / "fetch" / "sources.json", b'[{"source_key": "k"}]')
    schema = pa.schema([SOURCE_KEY, *ORIGIN_ROWS])
    keyed = pa.Table.from_pylist(
        [{"source_key": "k", **row} for row in origins_of(files).to_pylist()], schema
    )
    nothing = pa.schema([SOURCE_KEY, *LISTING]).empty_table()
    workspace.write_listing(0, nothing, keyed)
    store_files.write_table(workspace.root / "released" / "rows.parquet", RELEASED.empty_table())


def _segment(workspace: Workspace, bucket: int, tables: list[pa.Table]) -> None:
    """A segment of these files' blobs, if there are any; empties the list."""
    blobs = pa.concat_tables(tables)
    tables.clear()
    if blobs.num_rows:
        names = [path.rpartition("/")[2] for path in blobs["path"].to_pylist()]
        held = pa.table([blobs["blob_id"], blobs["text"]], schema=SEGMENT)
        workspace.write_segment(bucket, names, held)


def texts_of(workspace: Workspace, segment: str) -> Iterator[pa.Table]:
    """Row groups of a segment, decoded: blob_id, text."""
    for group in workspace.read_segment(segment):
        text, _ = filter_room.decode(group["content"])
        yield pa.table({"blob_id": group["blob_id"], "text": text})


def detect(corpus: Corpus, segments: Sequence[str]) -> tuple[float, float]:
    """Signatures of segments, as facts; CPU seconds of the detector, and of all that it takes."""
    (detector,) = detectors(Params())
    folder = corpus.workspace.facts_folder(detector)
    detect_s, began = 0.0, time.process_time()
    for segment in segments:
        facts = []
        for table in texts_of(corpus.workspace, segment):
            started = time.process_time()
            facts.append(detector.detect(table))
            detect_s += time.process_time() - started
        whole = pa.concat_tables(facts)
        order = pc.sort_indices(whole["blob_id"])
        store_files.write_table(folder / f"{segment}.parquet", whole.take(order))
    return detect_s, time.process_time() - began


def warm() -> None:
    """Compile all loops, as no user compiles twice."""
    texts = [b" ".join(b"w%d" % (i + j) for j in range(60)) for i in range(0, 40, 4)]
    ids = pa.array([blob_digest(text) for text in texts], pa.binary(20))
    batch = pa.table({"blob_id": ids, "text": pa.array(texts, pa.large_binary())})
    (detector,) = detectors(Params())
    facts = {"dedup-signature": detector.detect(batch)}
    listed = pa.table(
        {
            "repo_name": ["octo-org/a"] * len(texts),
            "path": [str(i) for i in range(len(texts))],
            "blob_id": ids,
            "length_bytes": [len(text) for text in texts],
        }
    )
    files = attributes(listed)
    given = (origins_of(files), facts, lambda _: batch, Params())
    decide(files, *given)
    _, index = build_on(Index.empty(Params()), files.slice(1), *given)
    build_on(index, files, *given)


def peak_mb() -> float:
    # Not getrusage: its maximum begins with that of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def show(**values: Any) -> None:
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}))
    sys.stdout.flush()


def shown(text: str) -> list[dict[str, Any]]:
    """What `show` printed."""
    return [json.loads(line) for line in text.splitlines()]


def copy_floor(corpus: Corpus, into: Path) -> float:
    """CPU seconds to read all segments and write them again with zstd: nothing can be cheaper."""
    started = time.process_time()
    with pq.ParquetWriter(into, SEGMENT, compression="zstd", compression_level=1) as writer:
        for segment in corpus.segments():
            for group in corpus.workspace.read_segment(segment):
                writer.write_table(group)
    return time.process_time() - started


def speed(source: Path, limit_bytes: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=source) as scratch:
        corpus = load(source, Path(scratch), limit_bytes)
        warm()
        floor_s = copy_floor(corpus, Path(scratch) / "copy")
        signature_s, facts_s = detect(corpus, corpus.segments())
        corpus.filtered(corpus.files)
        decide_s = corpus.dedup()
        decisions = corpus.workspace.table("dedup", "decisions")
        rules = decisions["rule"].value_counts().to_pylist()
        return {
            "text_mb": corpus.text_bytes / 1e6,
            "files": corpus.files.num_rows,
            "kept": corpus.files.num_rows - decisions.num_rows,
            **{row["values"]: row["counts"] for row in rules},
            "signature_mb_s": corpus.text_bytes / 1e6 / signature_s,
            "copy_floor_mb_s": corpus.text_bytes / 1e6 / floor_s,
            "signature_to_copy_floor": floor_s / signature_s,
            "signature_cpu_s": signature_s,
            "facts_cpu_s": facts_s,
            "decide_cpu_s": decide_s,
            "whole_gb_per_core_hour": corpus.text_bytes / 1e9 / ((facts_s + decide_s) / 3600),
            "peak_mb": peak_mb(),
        }


def increment(source: Path, limit_bytes: float, *, scattered: bool) -> dict[str, Any]:
    """A full build, then one where a two-hundredth of the files has left and another has come: in a
    run of files of few packages, as origins come and go, or scattered over all of them. What is new
    lies in a segment of its own, as ingest does it.
    """

    def block(count: int) -> np.ndarray:
        rows = np.arange(count)
        return rows % 200 if scattered else (rows - count // 3) // (count // 200)

    with tempfile.TemporaryDirectory(dir=source) as scratch:
        corpus = load(source, Path(scratch), limit_bytes, lambda count: block(count) == 1)
        warm()
        count = corpus.files.num_rows
        gone = np.zeros(count, dtype=np.bool_)
        gone[np.flatnonzero(~corpus.late)[block(int((~corpus.late).sum())) == 0]] = True
        _, early_s = detect(corpus, corpus.segments())
        corpus.filtered(corpus.files.filter(pa.array(~corpus.late)))
        first_s = corpus.dedup()
        _, late_s = detect(corpus, corpus.segments(late=True))
        corpus.filtered(corpus.files.filter(pa.array(~gone)))
        index, kept = corpus.workspace.root / "dedup-index", Path(scratch) / "kept"
        index.rename(kept)
        seconds, fulls = [], []
        for turn in range(3):  # in turns, the best of each: others work on the same cores
            corpus.forget()
            shutil.copytree(kept, index)
            seconds.append(corpus.dedup())
            found = corpus.result()
            if turn < 2:
                corpus.forget()
                fulls.append(corpus.dedup())
                assert corpus.result() == found
        second_s, full_s = min(seconds), min(fulls)
        whole_s = early_s + late_s + full_s
        size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
        return {
            "text_mb": corpus.text_bytes / 1e6,
            "files": count,
            "changed": f"{int(gone.sum())} removed, {int(corpus.late.sum())} added, "
            + ("scattered" if scattered else "in a run"),
            "full_cpu_s": whole_s,
            "first_stage_cpu_s": first_s,
            "increment_cpu_s": late_s + second_s,
            "of_which_signatures_cpu_s": late_s,
            "increment_to_full": (late_s + second_s) / whole_s,
            "index_bytes_per_file": size / count,
        }


def same(source: Path, limit_bytes: float) -> dict[str, Any]:
    """The stage twice: once as it comes; then from smaller segments, their signatures made by two
    processes in turn, over files in another order, with other partitions and batches.
    """
    with (
        tempfile.TemporaryDirectory(dir=source) as one,
        tempfile.TemporaryDirectory(dir=source) as other,
    ):
        corpus = load(source, Path(one), limit_bytes)
        detect(corpus, corpus.segments())
        corpus.filtered(corpus.files)
        corpus.dedup()
        again = load(source, Path(other), limit_bytes, segment_bytes=SEGMENT_BYTES // 16)
        with ProcessPoolExecutor(2, get_context("spawn")) as workers:
            list(workers.map(detect, repeat(again), [[name] for name in again.segments()]))
        order = np.random.default_rng(5).permutation(again.files.num_rows)
        again.filtered(again.files.take(pa.array(order)))
        sizes = bands.PARTITION_BANDS, clusters.BATCH_BYTES
        bands.PARTITION_BANDS, clusters.BATCH_BYTES = 1 << 15, 1 << 20
        again.dedup()
        bands.PARTITION_BANDS, clusters.BATCH_BYTES = sizes
        return {
            "text_mb": corpus.text_bytes / 1e6,
            "files": corpus.files.num_rows,
            "dropped": corpus.workspace.table("dedup", "decisions").num_rows,
            "segments": [len(corpus.segments()), len(again.segments())],
            "same": corpus.result() == again.result(),
        }


@numba.njit  # no cache: this module has two names, by how it is run
def _all_pairs(  # noqa: PLR0917 - compiled functions take positions
    hashes: Any, starts: Any, order: Any, threshold: float, out: Any, sims: Any
) -> int:
    """Pairs of blobs of Jaccard >= threshold by an inverted index over every shingle: exact."""
    blobs = starts.size - 1
    common = np.zeros(blobs, dtype=np.int32)
    touched = np.empty(blobs, dtype=np.int64)
    found = 0
    for blob in range(blobs):
        count = 0
        size = starts[blob + 1] - starts[blob]
        for at in range(starts[blob], starts[blob + 1]):
            slot = hashes[at]
            for k in range(order[slot], order[slot + 1]):
                other = sims[k]
                if other >= blob:
                    break
                if common[other] == 0:
                    touched[count] = other
                    count += 1
                common[other] += 1
        for i in range(count):
            other = touched[i]
            both = common[other]
            common[other] = 0
            union = size + starts[other + 1] - starts[other] - both
            if both >= threshold * union:
                if found < out.shape[0]:
                    out[found, 0] = other
                    out[found, 1] = blob
                found += 1
    return found


def all_pairs(texts: list[bytes], threshold: float) -> np.ndarray:
    """Every pair (i < j) of texts whose exact Jaccard similarity is at least the threshold."""
    sets = []
    for text in texts:
        data = np.frombuffer(text, dtype=np.uint8)
        out = np.empty(len(text) + 1, dtype=np.uint64)
        count = kernel.shingle_hashes(data, 0, len(text), kernel.CLASSES, out)
        sets.append(np.unique(out[:count]))
    starts = np.concatenate([[0], np.cumsum([len(each) for each in sets])]).astype(np.int64)
    distinct, numbers = np.unique(np.concatenate(sets), return_inverse=True)
    owners = np.repeat(np.arange(len(sets)), np.diff(starts))
    by_shingle = np.argsort(numbers, kind="stable")
    posting = owners[by_shingle].astype(np.int64)
    order = np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=distinct.size))])
    room = 1 << 20
    while True:
        pairs = np.empty((room, 2), dtype=np.int64)
        found = _all_pairs(numbers.astype(np.int64), starts, order, threshold, pairs, posting)
        if found <= room:
            return pairs[:found]
        room = found


def truth(source: Path, count: int) -> dict[str, Any]:
    """A sample of real files, drawn by hash in whole directories' company; all pairs of it."""
    params = Params()
    tables: list[pa.Table] = []
    for path in sorted(source.glob("*.parquet")):
        with pq.ParquetFile(path) as handle:
            tables.extend(handle.read_row_group(g) for g in range(handle.num_row_groups))
    whole = pa.concat_tables(tables)
    lengths = pc.binary_length(whole["text"]).cast(pa.int64())
    whole = whole.append_column("length_bytes", lengths).filter(pc.less(lengths, 1 << 16))
    # By file name: releases and copies of one file are in the sample together.
    tails = pc.replace_substring_regex(whole["path"], r"^.*/", "")
    draw = np.array([hash_of(tail) for tail in tails.to_pylist()])
    keep = np.sort(np.argsort(draw, kind="stable")[:count])
    sample = whole.take(pa.array(keep)).combine_chunks()
    first = np.unique(
        sample["blob_id"].combine_chunks().dictionary_encode().indices.to_numpy(), return_index=True
    )[1]
    sample = sample.take(pa.array(np.sort(first)))
    texts = sample["text"].to_pylist()
    (detector,) = detectors(params)
    facts = detector.detect(sample.select(["blob_id", "text"]))
    files = attributes(sample.select(["repo_name", "path", "blob_id", "length_bytes"]))
    reading = sample.select(["blob_id", "text"])
    done = decide(files, origins_of(files), {"dedup-signature": facts}, lambda _: reading, params)

    started = time.process_time()
    pairs = all_pairs(texts, params.similarity_min)
    brute_s = time.process_time() - started
    ids = sample["blob_id"].to_pylist()
    kept = set(done.files["blob_id"].to_pylist())
    left = facts.filter(
        pc.is_in(facts["blob_id"], value_set=done.files["blob_id"].combine_chunks())
    )
    places = {blob: i for i, blob in enumerate(left["blob_id"].to_pylist())}
    is_kept = np.array([blob in kept for blob in ids])
    missed = int(np.count_nonzero(is_kept[pairs[:, 0]] & is_kept[pairs[:, 1]]))
    unseen = pairs[is_kept[pairs[:, 0]] & is_kept[pairs[:, 1]]]
    unseen = np.array([[places[ids[a]], places[ids[b]]] for a, b in unseen]).reshape(-1, 2)
    lowest = lowest_similarity(done, dict(zip(ids, texts, strict=True)))
    return {
        "files": len(texts),
        "pairs_at_threshold": len(pairs),
        "pair_recall": 1 - missed / max(1, len(pairs)),
        "kept_pairs_that_candidates_reach": reachable(left, unseen.astype(np.int64), params),
        "dropped": done.decisions.num_rows,
        "dropped_below_threshold": int(np.count_nonzero(lowest < params.similarity_min)),
        "lowest_similarity_of_a_dropped_file": float(lowest.min()) if lowest.size else None,
        "brute_force_cpu_s": brute_s,
    }


def reachable(facts: pa.Table, pairs: np.ndarray, params: Params) -> int:
    """How many pairs of rows share a band and are estimated high enough to be compared."""
    values = signature.matrix(facts["signature"])
    held = bands.hashes(values, np.arange(len(values)), params)
    shared = (held[pairs[:, 0]] == held[pairs[:, 1]]).any(axis=1)
    estimate = (values[pairs[:, 0]] == values[pairs[:, 1]]).mean(axis=1)
    return int(np.count_nonzero(shared & (estimate >= params.estimate_min)))


def hash_of(text: str) -> int:
    return int.from_bytes(blob_digest(text.encode())[:7], "big")


def lowest_similarity(done: Deduped, texts: dict[bytes, bytes]) -> np.ndarray:
    """Exact similarity of every dropped near-duplicate to the representative its decision names."""
    pairs = [
        (row["blob_id"], bytes.fromhex(json.loads(row["evidence"])["representative"]["blob_id"]))
        for row in done.decisions.to_pylist()
        if row["rule"] == "near-duplicate"
    ]
    order = list(texts)
    place = {blob: i for i, blob in enumerate(order)}
    data = np.frombuffer(b"".join(texts[blob] for blob in order), dtype=np.uint8)
    offsets = np.cumsum([0, *(len(texts[blob]) for blob in order)]).astype(np.int64)
    rights = np.array([place[right] for _, right in pairs], dtype=np.int64)
    lefts = np.array([place[left] for left, _ in pairs], dtype=np.int64)
    return np.asarray(kernel.jaccard(data, offsets, rights, lefts, kernel.CLASSES))


def loads() -> Iterator[dict[str, Any]]:
    """Loads that break other deduplicators. Blobs are made here: their order is their number."""
    warm()
    million = 1_000_000
    same = b" ".join(b"w%d" % i for i in range(500))
    yield _load("a million equal files", [same], np.zeros(million, dtype=np.int64), 1)
    tiny = [b"x = %d;" % i for i in range(million)]
    yield _load("a million tiny files", tiny, np.arange(million), million)
    words = [b"w%d" % i for i in range(800_000 + 200)]
    chain = [b" ".join(words[8 * i : 8 * i + 100]) for i in range(100_000)]
    yield _load("a chain of 100,000", chain, np.arange(100_000), None)


def _load(name: str, texts: list[bytes], of: np.ndarray, expected: int | None) -> dict[str, Any]:
    params = Params()
    digests = [blob_digest(text) for text in texts]
    ids = pa.array(digests, pa.binary(20))
    (detector,) = detectors(params)
    started = time.process_time()
    held = pa.table({"blob_id": ids, "text": pa.array(texts, pa.large_binary())})
    facts = pa.concat_tables(
        [detector.detect(held.slice(at, 100_000)) for at in range(0, len(texts), 100_000)]
    )
    listed = pa.table(
        {
            "repo_name": pa.array(["octo-org/a"] * of.size),
            "path": pc.binary_join_element_wise(
                "f", pc.utf8_lpad(pa.array(np.arange(of.size)).cast(pa.string()), 7, "0"), ""
            ),
            "blob_id": ids.take(pa.array(of)),
            "length_bytes": pa.array([len(text) for text in texts]).take(pa.array(of)),
        }
    )
    files = attributes(listed)
    done = decide(files, origins_of(files), {"dedup-signature": facts}, lambda _: held, params)
    more: dict[str, int] = {}
    right = done.files.num_rows + done.decisions.num_rows == of.size
    if expected is not None:
        right = right and done.files.num_rows == expected
    else:
        lowest = lowest_similarity(done, dict(zip(digests, texts, strict=True)))
        kept = pc.is_in(facts["blob_id"], value_set=done.files["blob_id"].combine_chunks())
        left = facts.filter(kept)
        texts_of = dict(zip(digests, texts, strict=True))
        near = all_pairs([texts_of[blob] for blob in left["blob_id"].to_pylist()], 0.7)
        found = reachable(left, near, params)
        right = right and bool((lowest >= params.similarity_min).all()) and found == 0
        more = {"near_pairs_kept": len(near), "of_those_reachable": found}
    return {
        "load": name,
        **more,
        "kept": done.files.num_rows,
        "right": right,
        "cpu_s": time.process_time() - started,
        "peak_mb": peak_mb(),
    }


def datatrove(source: Path, limit_bytes: float, python: Path) -> dict[str, Any]:
    """The same files through both, CPU seconds of each."""
    ours = speed(source, limit_bytes)
    with tempfile.TemporaryDirectory(dir=source) as scratch:
        corpus = load(source, Path(scratch), limit_bytes)
        given = Path(scratch) / "given"
        given.mkdir()
        ids = pa.array([f"{i:08}" for i in range(corpus.files.num_rows)])
        texts = pa.concat_tables(list(packages(source, limit_bytes)))["text"]
        texts = texts.cast(pa.large_string())
        pq.write_table(pa.table({"id": ids, "text": texts}), given / "files.parquet")
        program = Path(__file__).with_name("dedup_datatrove.py")
        command = [str(python), str(program), str(given), scratch]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    theirs_s = sum(value for name, value in theirs.items() if name.endswith("_cpu_s"))
    ours_s = ours["facts_cpu_s"] + ours["decide_cpu_s"]
    return {
        "text_mb": ours["text_mb"],
        "files": ours["files"],
        "datatrove_cpu_s": theirs_s,
        "datatrove_kept": theirs["kept"],
        "ours_cpu_s": ours_s,
        "ours_kept": ours["kept"],
        "datatrove_mb_s": ours["text_mb"] / theirs_s,
        "times_faster": theirs_s / ours_s,
    }


@click.group()
@click.option("--corpus", type=click.Path(path_type=Path), default=CORPUS)
@click.option("--limit-gb", type=float, default=2.0)
@click.pass_context
def main(context: click.Context, corpus: Path, limit_gb: float) -> None:
    pa.set_cpu_count(1)
    context.obj = (corpus, limit_gb * 1e9)


@main.command("speed")
@click.pass_obj
def speed_command(given: tuple[Path, float]) -> None:
    show(**speed(*given))


@main.command("increment")
@click.pass_obj
def increment_command(given: tuple[Path, float]) -> None:
    for scattered in (False, True):
        show(**increment(*given, scattered=scattered))


@main.command("same")
@click.pass_obj
def same_command(given: tuple[Path, float]) -> None:
    show(**same(*given))


@main.command("datatrove")
@click.option("--python", default=DATATROVE, type=click.Path(path_type=Path))
@click.pass_obj
def datatrove_command(given: tuple[Path, float], python: Path) -> None:
    show(**datatrove(*given, python))


@main.command("memory")
@click.pass_obj
def memory_command(given: tuple[Path, float]) -> None:
    for limit_gb in (0.2, 0.5, 1.0, 2.0):
        if limit_gb * 1e9 <= given[1]:
            show(**memory(given[0], limit_gb * 1e9))


def memory(source: Path, limit_bytes: float) -> dict[str, Any]:
    """Peak memory of a process that only makes the facts and runs the stage."""
    with tempfile.TemporaryDirectory(dir=source) as scratch:
        corpus = load(source, Path(scratch), limit_bytes)
        corpus.filtered(corpus.files)
        command = [sys.executable, "-m", "benchmarks.dedup", "--corpus", scratch, "only"]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]
        )
        return {
            "text_mb": corpus.text_bytes / 1e6,
            "files": corpus.files.num_rows,
            "blobs": pc.count_distinct(corpus.files["blob_id"]).as_py(),
            **json.loads(done.stdout),
        }


@main.command("only")
@click.pass_obj
def only_command(given: tuple[Path, float]) -> None:
    corpus = Corpus(Project(given[0]), pa.table({}), np.empty(0, np.bool_), 0)
    warm()
    before = peak_mb()
    detect(corpus, corpus.segments())
    between = peak_mb()
    corpus.dedup()
    show(start_mb=before, facts_mb=between, peak_mb=peak_mb())


def cold() -> dict[str, Any]:
    """CPU seconds of the loops' first use, and of their use after; without any tool on the path."""
    found = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.dedup", "first"],
                check=True,
                capture_output=True,
                text=True,
                cwd=Path(__file__).parents[1],
                env={**os.environ, "PATH": "", "NUMBA_CACHE_DIR": cache},
            )
            found.append(json.loads(done.stdout)["cpu_s"])
    return {"first_cpu_s": found[0], "then_cpu_s": found[1]}


@main.command("cold")
def cold_command() -> None:
    show(**cold())


@main.command("first")
def first_command() -> None:
    started = time.process_time()
    warm()
    show(cpu_s=time.process_time() - started)


@main.command("truth")
@click.option("--files", type=int, default=25_000)
@click.pass_obj
def truth_command(given: tuple[Path, float], files: int) -> None:
    show(**truth(given[0], files))


@main.command("loads")
def loads_command() -> None:
    for result in loads():
        show(**result)


if __name__ == "__main__":
    main()
