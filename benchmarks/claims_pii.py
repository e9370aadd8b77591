"""Claims of the PII stage; docs/quality-pii.md says how each is measured."""

from __future__ import annotations

import io
import site
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.claim import Claim
from benchmarks.pii_labelled import build, ours, real_files, score
from benchmarks.pii_reference import compare, dense, sample, texts_of
from stackyard.pii import Params, decide, detectors, redact, scan, second_scan
from stackyard.pii.detect import find_in_column
from stackyard.pii.params import Detection
from stackyard.record import BATCH, FILES, blob_digest

SAMPLE_MB = 6.0
GOALS = (
    ("provider token", None, 0.98),
    ("private key", None, 0.98),
    ("email", 0.97, 0.98),
    ("ipv4", 0.95, 0.95),
    ("card", 0.95, None),
    ("entropy key", 0.80, 0.80),
)
HOSTILE = {
    "spaces": b" " * 1_000_000,
    "one letter": b"a" * 1_000_000,
    "nested quotes": b"'\"" * 500_000,
    "password again and again": b"secret='" * 125_000,
    "one line of strings": b'"0123456789abcdef",' * 50_000,
    "key markers": b"-----BEGIN RSA PRIVATE KEY-----" * 32_000,
    "dotted numbers": b"1.1.1.1." * 125_000,
    "signs": b"@a.b" * 250_000,
}
SECONDS_PER_MB_MAX = 12.0


def run() -> Iterator[Claim]:
    yield from _labelled()
    yield from _reference()
    texts = [text for text in texts_of([Path(site.getsitepackages()[0])]) if text]
    yield from _stage(texts)
    yield from _hostile()


def _labelled() -> Iterator[Claim]:
    samples = build(real_files(400), seed=11)
    scores = score(samples, ours(samples, "medium"))
    for group, precision, recall in GOALS:
        found = scores[group]
        bars = [f"P >= {precision}"] * (precision is not None)
        bars += [f"R >= {recall}"] * (recall is not None)
        yield Claim(
            f"{group}: precision and recall at `medium` on the labelled set",
            ", ".join(bars),
            f"P {found.precision:.3f}, R {found.recall:.3f}",
            found.precision >= (precision or 0) and found.recall >= (recall or 0),
        )


def _reference() -> Iterator[Claim]:
    ordinary = compare(sample(list(texts_of([Path(site.getsitepackages()[0])])), SAMPLE_MB))
    crowded = compare(dense())
    for name, result, bar in (
        ("ordinary code", ordinary, 100),
        ("secret-dense files", crowded, 20),
    ):
        differing = result.only_ours + result.only_theirs
        yield Claim(
            f"findings of detect-secrets 1.5 on {name}, all plugins",
            "the same",
            f"{result.findings} findings in {result.size_mb:.1f} MB, {differing} differ",
            differing == 0,
        )
        yield Claim(
            f"speed beside detect-secrets on {name}, one core",
            f">= {bar}x",
            f"{result.ratio:.0f}x",
            result.ratio >= bar,
        )


def _stage(texts: list[bytes]) -> Iterator[Claim]:
    ids = [blob_digest(text) for text in texts]
    batch = pa.table(
        {"blob_id": ids, "path": [""] * len(texts), "content": texts, "text": texts,
         "encoding": ["utf-8"] * len(texts)},
        schema=BATCH,
    )  # fmt: skip
    files = pa.table(
        {"repo_name": ["octo-org/yard"] * len(texts), "revision_id": ["r"] * len(texts),
         "path": [f"{i:08}" for i in range(len(texts))], "blob_id": ids,
         "length_bytes": [len(text) for text in texts]},
        schema=FILES,
    )  # fmt: skip
    params = Params()
    (detector,) = detectors(params)
    detector.detect(batch.slice(0, 10))
    floor = _copy_floor(batch.select(["blob_id", "text"]))
    start = time.process_time()
    facts = detector.detect(batch)
    out = decide(files, {"pii": facts}, params)
    released, _ = redact(batch["text"], batch["blob_id"], out.spans, params)
    spent = time.process_time() - start
    size_mb = sum(map(len, texts)) / 1e6
    yield Claim(
        "the whole stage (detect, decide, redact) beside reading and writing the same texts",
        "<= 4x the copy floor",
        f"{spent / floor:.1f}x, {size_mb / spent:.0f} MB/s over {size_mb:.0f} MB",
        spent <= 4 * floor,
    )
    gone = set(out.decisions["blob_id"].to_pylist())
    kept = pa.array(
        [text for text, id_ in zip(released.to_pylist(), ids, strict=True) if id_ not in gone]
    )
    left = scan(kept, params).num_rows
    yield Claim(
        "a scan of released texts by the same detectors", "0 findings", f"{left} findings", not left
    )
    touched = [
        (str(i), text.as_py()) for i, text in enumerate(released) if text.as_py() != texts[i]
    ]
    second = list(second_scan(touched))
    yield Claim(
        "what the second scanner alone finds in the files that were redacted",
        "0 findings",
        f"{len(second)} findings in {len(touched)} files",
        not second,
    )


def _copy_floor(table: pa.Table) -> float:
    """Seconds of one core to read a Parquet file of the texts and to write it again, with zstd."""
    first = io.BytesIO()
    pq.write_table(table, first, compression="zstd")
    pa.set_cpu_count(1)
    start = time.process_time()
    again = pq.read_table(pa.BufferReader(first.getvalue()), use_threads=False)
    pq.write_table(again, io.BytesIO(), compression="zstd", use_content_defined_chunking=True)
    return time.process_time() - start


def _hostile() -> Iterator[Claim]:
    worst, slowest = 0.0, ""
    for name, text in HOSTILE.items():
        start = time.process_time()
        list(find_in_column(pa.array([text], pa.large_binary()), Detection()))
        spent = (time.process_time() - start) / (len(text) / 1e6)
        if spent > worst:
            worst, slowest = spent, name
    yield Claim(
        "hostile texts end in findings or a decision, in bounded time",
        f"<= {SECONDS_PER_MB_MAX:.0f} s a megabyte",
        f"{worst:.1f} s a megabyte at most ({slowest})",
        worst <= SECONDS_PER_MB_MAX,
    )
