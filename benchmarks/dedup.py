"""Measure dedup on real source code (see dedup_corpus.py): speed, memory, truth.

    python benchmarks/dedup.py --limit-gb X speed        read, signatures, decisions; the copy floor beside it
    python benchmarks/dedup.py truth    [--files N]       against all pairs, by brute force
    python benchmarks/dedup.py increment                  1 % of files changed
    python benchmarks/dedup.py loads                      a million equal, a million tiny, a chain
    python benchmarks/dedup.py --limit-gb X memory        peak memory, one size a process
    python benchmarks/dedup.py --limit-gb 0.1 datatrove   the same files through datatrove (see dedup_datatrove.sh)

Each prints one JSON object a line. CPU seconds are of the whole process; Arrow has one thread.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.dedup import (
    Deduped,
    Index,
    Params,
    bands,
    build_on,
    decide,
    detectors,
    kernel,
    signature,
)
from stackyard.record import ATTRIBUTES, ORIGINS, blob_digest

DATATROVE = Path("work/benchmarks/datatrove-env/bin/python")
CORPUS = Path("work/benchmarks/dedup-corpus")
GROUP_BYTES = 4 << 20  # as the store writes segments
CACHE_BYTES = 256 << 20  # as the store's reader of contents


@dataclass
class Corpus:
    """Segments with small row groups, the files in them, and a reader of their texts."""

    folder: Path
    files: pa.Table
    text_bytes: int
    _cache: OrderedDict[tuple[int, int], pa.Table] = field(default_factory=OrderedDict)
    _held: int = 0
    cache_bytes: int = CACHE_BYTES
    read_cpu_s: float = 0.0

    @property
    def segments(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet"))

    def origins(self) -> pa.Table:
        names = sorted(set(self.files["repo_name"].unique().to_pylist()))
        rows = [
            {
                "repo_name": name,
                "revision_id": "r",
                "origin": name,
                "directory_id": "",
                "star_events_count": 0,
                "fork_events_count": 0,
            }
            for name in names
        ]
        return pa.Table.from_pylist(rows, ORIGINS)

    def batches(self) -> Iterator[pa.Table]:
        for path in self.segments:
            with pq.ParquetFile(path) as handle:
                for group in range(handle.num_row_groups):
                    yield handle.read_row_group(group)

    def reader(self) -> Callable[[pa.Array], pa.Table]:
        """Reads single row groups and keeps the last 256 MB of them, as the store does."""
        handles = [pq.ParquetFile(path) for path in self.segments]
        places = []
        for number, handle in enumerate(handles):
            for group in range(handle.num_row_groups):
                rows = handle.metadata.row_group(group).num_rows
                places.append(
                    np.stack([np.full(rows, number), np.full(rows, group), np.arange(rows)])
                )
        where = np.concatenate(places, axis=1)
        ids = pa.concat_arrays(
            [
                chunk
                for handle in handles
                for chunk in handle.read(columns=["blob_id"])["blob_id"].chunks
            ]
        )

        def group_of(number: int, group: int) -> pa.Table:
            key = (number, group)
            if key not in self._cache:
                table = handles[number].read_row_group(group).combine_chunks()
                self._cache[key] = table
                self._held += table.nbytes
                while self._held > self.cache_bytes and len(self._cache) > 1:
                    self._held -= self._cache.popitem(last=False)[1].nbytes
            self._cache.move_to_end(key)
            return self._cache[key]

        def contents(wanted: pa.Array) -> pa.Table:
            started = time.process_time()
            rows = where[:, pc.index_in(wanted, value_set=ids).to_numpy()]
            parts = []
            for number, group in sorted(set(zip(rows[0].tolist(), rows[1].tolist(), strict=True))):
                inside = rows[2][(rows[0] == number) & (rows[1] == group)]
                parts.append(group_of(number, group).take(pa.array(np.unique(inside))))
            self.read_cpu_s += time.process_time() - started
            return pa.concat_tables(parts)

        return contents


def attributes(blobs: pa.Table) -> pa.Table:
    """FILES of the corpus with what dedup reads of ATTRIBUTES; other columns are not read."""
    count = blobs.num_rows
    table = blobs.append_column("revision_id", pa.array(["r"] * count))
    table = table.append_column("license_type", pa.array(["permissive"] * count))
    wanted = ("repo_name", "revision_id", "path", "blob_id", "length_bytes", "license_type")
    return table.select(wanted).cast(pa.schema([ATTRIBUTES.field(name) for name in wanted]))


def load(source: Path, into: Path, limit_bytes: float) -> Corpus:
    """Segments of at most so many bytes of text: packages in turn, so all kinds are in each size."""
    listed, total = [], 0
    for number, path in enumerate(sorted(source.glob("*.parquet"))):
        share = limit_bytes / max(1, len(list(source.glob("*.parquet"))))
        with (
            pq.ParquetFile(path) as handle,
            pq.ParquetWriter(
                into / f"{number:03}.parquet",
                pa.schema([("blob_id", pa.binary(20)), ("text", pa.large_binary())]),
                compression="zstd",
                compression_level=1,
                use_dictionary=False,
            ) as writer,
        ):
            taken = 0.0
            for group in range(handle.num_row_groups):
                table = handle.read_row_group(group)
                lengths = pc.binary_length(table["text"]).cast(pa.int64())
                ends = np.cumsum(lengths.to_numpy())
                table = table.slice(0, int(np.searchsorted(ends, share - taken, side="right")))
                if table.num_rows == 0:
                    break
                taken += ends[table.num_rows - 1]
                cuts = [0, *np.flatnonzero(np.diff(ends[: table.num_rows] // GROUP_BYTES)) + 1]
                for start, stop in zip(cuts, [*cuts[1:], table.num_rows], strict=True):
                    writer.write_table(table.slice(start, stop - start).select(["blob_id", "text"]))
                listed.append(
                    table.select(["repo_name", "path", "blob_id"]).append_column(
                        "length_bytes", lengths.slice(0, table.num_rows)
                    )
                )
            total += int(taken)
    return Corpus(into, attributes(pa.concat_tables(listed)), total)


def detect(corpus: Corpus, params: Params) -> tuple[pa.Table, float, float]:
    """Signatures of all segments; CPU seconds of reading, and of the detector."""
    (detector,) = detectors(params)
    facts, read_s, detect_s = [], 0.0, 0.0
    started = time.process_time()
    for table in corpus.batches():
        read_s += time.process_time() - started
        started = time.process_time()
        facts.append(detector.detect(table))
        detect_s += time.process_time() - started
        started = time.process_time()
    return pa.concat_tables(facts).combine_chunks(), read_s, detect_s


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
    corpus = Corpus(Path(), attributes(listed), 0)
    given = (attributes(listed), corpus.origins(), facts, lambda _: batch, Params())
    decide(*given)
    _, index = build_on(Index.empty(Params()), *given)
    build_on(index, *given)


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
    schema = pa.schema([("blob_id", pa.binary(20)), ("text", pa.large_binary())])
    with pq.ParquetWriter(into, schema, compression="zstd", compression_level=1) as writer:
        for table in corpus.batches():
            writer.write_table(table)
    return time.process_time() - started


def speed(source: Path, limit_bytes: float) -> dict[str, Any]:
    params = Params()
    with tempfile.TemporaryDirectory(dir=source) as scratch:
        corpus = load(source, Path(scratch), limit_bytes)
        warm()
        floor_s = copy_floor(corpus, Path(scratch) / "copy")
        facts, read_s, detect_s = detect(corpus, params)
        started = time.process_time()
        done = decide(
            corpus.files, corpus.origins(), {"dedup-signature": facts}, corpus.reader(), params
        )
        decide_s = time.process_time() - started
        rules = done.decisions["rule"].value_counts().to_pylist()
        whole_s = read_s + detect_s + decide_s
        return {
            "text_mb": corpus.text_bytes / 1e6,
            "files": corpus.files.num_rows,
            "kept": done.files.num_rows,
            **{row["values"]: row["counts"] for row in rules},
            "signature_mb_s": corpus.text_bytes / 1e6 / detect_s,
            "copy_floor_mb_s": corpus.text_bytes / 1e6 / floor_s,
            "signature_to_copy_floor": floor_s / detect_s,
            "read_cpu_s": read_s,
            "detect_cpu_s": detect_s,
            "decide_cpu_s": decide_s,
            "of_which_texts_cpu_s": corpus.read_cpu_s,
            "whole_gb_per_core_hour": corpus.text_bytes / 1e9 / (whole_s / 3600),
            "peak_mb": peak_mb(),
        }


def increment(source: Path, limit_bytes: float, *, scattered: bool) -> dict[str, Any]:
    """A full build, then one where a hundredth of the files has left and another has come: in a run
    of files of one package, as origins come and go, or scattered over all of them."""
    params = Params()
    with tempfile.TemporaryDirectory(dir=source) as scratch:
        corpus = load(source, Path(scratch), limit_bytes)
        warm()
        facts, read_s, detect_s = detect(corpus, params)
        given = (corpus.origins(), {"dedup-signature": facts}, corpus.reader(), params)
        count = corpus.files.num_rows
        rows = np.arange(count)
        block = rows % 200 if scattered else (rows - count // 3) // (count // 200)
        before = corpus.files.filter(pa.array(block != 0))
        after = corpus.files.filter(pa.array(block != 1))
        started = time.process_time()
        _, index = build_on(Index.empty(params), before, *given)
        first_s = time.process_time() - started
        texts_s = corpus.read_cpu_s
        started = time.process_time()
        done, index = build_on(index, after, *given)
        second_s = time.process_time() - started
        texts_s = corpus.read_cpu_s - texts_s
        started = time.process_time()
        full = decide(after, *given)
        full_s = time.process_time() - started
        detect_again_s = (read_s + detect_s) / 200  # of the half per cent that is new
        assert done.files.equals(full.files)
        assert done.decisions.equals(full.decisions)
        return {
            "files": corpus.files.num_rows,
            "changed": "0.5 % removed, 0.5 % added"
            + (", scattered" if scattered else ", in a run"),
            "full_cpu_s": read_s + detect_s + full_s,
            "first_decide_cpu_s": first_s,
            "of_which_texts_cpu_s": texts_s,
            "increment_cpu_s": detect_again_s + second_s,
            "increment_to_full": (detect_again_s + second_s) / (read_s + detect_s + full_s),
            "index_bytes_per_file": sum(t.nbytes for t in index.tables(params).values())
            / corpus.files.num_rows,
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
    corpus = Corpus(source, files, 0)
    reading = sample.select(["blob_id", "text"])
    done = decide(files, corpus.origins(), {"dedup-signature": facts}, lambda _: reading, params)

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
    held, _ = bands.hashes(values, np.arange(len(values)), params)
    held = held.reshape(-1, params.band_count)
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
    corpus = Corpus(Path(), files, 0)
    done = decide(files, corpus.origins(), {"dedup-signature": facts}, lambda _: held, params)
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
        texts = pa.concat_tables(list(corpus.batches()))["text"].cast(pa.large_string())
        pq.write_table(pa.table({"id": ids, "text": texts}), given / "files.parquet")
        program = Path(__file__).with_name("dedup_datatrove.py")
        command = [str(python), str(program), str(given), scratch]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    theirs_s = sum(value for name, value in theirs.items() if name.endswith("_cpu_s"))
    ours_s = ours["read_cpu_s"] + ours["detect_cpu_s"] + ours["decide_cpu_s"]
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
@click.option("--limit-gb", type=float, default=4.0)
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


@main.command("datatrove")
@click.option("--python", default=DATATROVE, type=click.Path(path_type=Path))
@click.pass_obj
def datatrove_command(given: tuple[Path, float], python: Path) -> None:
    show(**datatrove(*given, python))


@main.command("memory")
@click.pass_obj
def memory_command(given: tuple[Path, float]) -> None:
    for limit_gb in (0.2, 0.5, 1.0, 2.0, 4.0):
        if limit_gb * 1e9 <= given[1]:
            show(**memory(given[0], limit_gb * 1e9))


def memory(source: Path, limit_bytes: float) -> dict[str, Any]:
    """Peak memory of a process that only detects and decides."""
    with tempfile.TemporaryDirectory(dir=source) as scratch:
        corpus = load(source, Path(scratch), limit_bytes)
        (Path(scratch) / "files").mkdir()
        pq.write_table(corpus.files, Path(scratch) / "files" / "files.parquet")
        command = [sys.executable, __file__, "--corpus", scratch, "only"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return {"text_mb": corpus.text_bytes / 1e6, **json.loads(done.stdout)}


@main.command("only")
@click.pass_obj
def only_command(given: tuple[Path, float]) -> None:
    files = pq.read_table(given[0] / "files" / "files.parquet")
    # A small cache, full at the smallest size: it is the store's, and no part of what is asked.
    corpus = Corpus(given[0], files, 0, cache_bytes=CACHE_BYTES >> 2)
    warm()
    before = peak_mb()
    (detector,) = detectors(Params())
    count = files["blob_id"].combine_chunks().dictionary_encode().indices.to_numpy().max() + 1
    held: list[pa.Table] = [detector.detect(table) for table in corpus.batches()]
    facts = {"dedup-signature": pa.concat_tables(held)}
    done = decide(files, corpus.origins(), facts, corpus.reader(), Params())
    show(
        files=files.num_rows,
        blobs=int(count),
        kept=done.files.num_rows,
        start_mb=before,
        peak_mb=peak_mb(),
    )


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
