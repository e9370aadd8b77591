"""Claims of the PII stage; docs/quality-pii.md says how each is measured."""

from __future__ import annotations

import io
import json
import site
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.claim import Claim
from benchmarks.pii_clean import PACKAGES, measured
from benchmarks.pii_counts import Counts
from benchmarks.pii_known import measure, seconds_of
from benchmarks.pii_labelled import (
    betterleaks,
    build,
    detect_secrets,
    kingfisher,
    ours,
    real_files,
    score,
)
from benchmarks.pii_oracle import Text, distinct, load, texts_of
from benchmarks.pii_reference import (
    Comparison,
    chosen,
    covered_by_facts,
    dense,
    side_by_side,
    with_record,
)
from benchmarks.pii_syntaxes import HELD_OUT_SEEDS, LINES, figures
from benchmarks.pii_written import SEEDS, SETS
from benchmarks.pii_written import figures as written
from stackyard.pii import Look, Params, decide, detectors, redact, scan, second_scan, see, settle
from stackyard.pii.detect import find_in_column
from stackyard.pii.params import SCORE_MIN, Detection, Level
from stackyard.record import BATCH, FILES, blob_digest

WHOLE_MB_MIN = 200.0
ANEW_MB = 6.0
UNRECORDED_MB_MAX = 24.0
"""Megabytes that hashes choose to be asked about again, and of files that the record does not know."""

COVERED_MIN = 0.995
PHONE_MIN = 0.95
GOALS = (
    ("provider token", None, 0.98),
    ("private key", None, 0.98),
    ("email", 0.97, 0.98),
    ("ipv4", 0.95, 0.95),
    ("card", 0.95, None),
    ("entropy key", 0.80, 0.80),
)
OTHERS = ("provider token", "private key", "entropy key", "password", "jwt", "url password")
"""Groups of credentials, which other scanners look for too."""

EXTRA_MAX = 2.0
"""Copy floors that the second scanner (about 0.9) and the tokens (about 0.4) may cost once a blob."""

STAGE_MAX = 5.0
"""Copy floors of the whole stage: 4 as before the second scanner and the tokens were facts of it, and 1 for
these two (1.1 measured; their own bar is `EXTRA_MAX`)."""

GIGABYTE_SECONDS_MAX = 120.0
GIGABYTE_BESIDE_MAX = 1.5
"""Memory beside a text, as a multiple of it: one copy, and its candidates."""

HOSTILE = {
    "spaces": b" " * 1_000_000,
    "one letter": b"a" * 1_000_000,
    "nested quotes": b"'\"" * 500_000,
    "password again and again": b"secret='" * 125_000,
    "one line of strings": b'"0123456789abcdef",' * 50_000,
    "key markers": b"-----BEGIN RSA PRIVATE KEY-----" * 32_000,
    "dotted numbers": b"1.1.1.1." * 125_000,
    "signs": b"@a.b" * 250_000,
    "invalid UTF-8": b"\xff\xfe password='\xc3\x28' \x80" * 40_000,
    "telephone numbers": b"tel 030 1234567 " * 62_500,
    "backslashes": b"\\" * 1_000_000,
}
SECONDS_PER_MB_MAX = 12.0


SYNTAX_RECALL_MIN, SYNTAX_FALSE_MAX, SYNTAX_PRECISION_MIN = 0.80, 0.10, 0.96
"""The goals of detectors' own test cases, and the precision of labelled lines of repositories."""


def run() -> Iterator[Claim]:
    yield from _written()
    yield from _syntaxes()
    yield from _labelled()
    texts = distinct(texts_of([Path(site.getsitepackages()[0])]))
    yield from _reference(texts)
    yield from _clean()
    yield from _known()
    yield from _stage(list(dict.fromkeys(text.content for text in texts)))
    yield from _hostile()


CLEAN_MAX = 0.5
"""Findings a megabyte of clean code, less addresses in headers: 0.2 when each was looked at."""


def _written() -> Iterator[Claim]:
    told = {level: written(SETS, SEEDS, level) for level in SCORE_MIN}
    yield _at_medium(
        "credentials and look-alikes written by hand, two sets, at `medium`; "
        "see the page for figures at first sight",
        told["medium"],
    )
    yield _ordered("the sets written by hand", told)


def _at_medium(name: str, medium: Counts) -> Claim:
    return Claim(
        name,
        f"R >= {SYNTAX_RECALL_MIN}, P >= {SYNTAX_PRECISION_MIN}, false positives <= {SYNTAX_FALSE_MAX}",
        f"R {medium.recall:.3f}, P {medium.precision:.3f}, false positives {medium.false_share:.3f}",
        medium.recall >= SYNTAX_RECALL_MIN
        and medium.precision >= SYNTAX_PRECISION_MIN
        and medium.false_share <= SYNTAX_FALSE_MAX,
    )


def _ordered(name: str, told: dict[Level, Counts]) -> Claim:
    low, medium, high = told["low"], told["medium"], told["high"]
    return Claim(
        f"levels are ordered in use as in recall: F1 and recall of `low`, `medium`, `high` on {name}",
        "each at least that of the level before",
        ", ".join(f"{n} F1 {f.f1:.3f} R {f.recall:.3f}" for n, f in told.items()),
        low.f1 <= medium.f1 <= high.f1 and low.recall <= medium.recall <= high.recall,
    )


def _clean() -> Iterator[Claim]:
    counts, size_bytes = measured(PACKAGES)
    others = {name: n for name, n in counts.items() if not name.startswith("email")}
    share = sum(others.values()) / (size_bytes / 1e6)
    yield Claim(
        f"findings at `medium` in {len(PACKAGES)} packages of clean code, less addresses",
        f"<= {CLEAN_MAX} a megabyte",
        f"{share:.2f} a megabyte: {others}",
        share <= CLEAN_MAX,
    )


def _syntaxes() -> Iterator[Claim]:
    told = {level: figures(HELD_OUT_SEEDS, level) for level in SCORE_MIN}
    size = len(HELD_OUT_SEEDS) * LINES
    yield _at_medium(
        f"credentials in many syntaxes at `medium`, {size:,} drawn lines of seeds that nobody looked at",
        told["medium"],
    )
    yield _ordered("the same lines", told)


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
    high = score(samples, ours(samples, "high"))["phone"]
    yield Claim(
        "phone: precision and recall at `high`; below it none goes",
        "P >= 0.95, R >= 0.95; 0 at `medium`",
        f"P {high.precision:.3f}, R {high.recall:.3f}; {scores['phone'].true} at `medium`",
        min(high.precision, high.recall) >= PHONE_MIN and not scores["phone"].true,
    )
    others = {
        "detect-secrets": score(samples, detect_secrets(samples)),
        "betterleaks": score(samples, betterleaks(samples)),
        "kingfisher": score(samples, kingfisher(samples)),
    }
    for group in OTHERS:
        told = {name: each[group] for name, each in others.items()}
        best = max(each.f1 for each in told.values())
        yield Claim(
            f"{group}: F1 at `medium` beside the scanners of the field on the same set",
            f">= {best:.3f}, the best of them",
            f"{scores[group].f1:.3f}; "
            + ", ".join(f"{n} P {e.precision:.3f} R {e.recall:.3f}" for n, e in told.items()),
            scores[group].f1 >= best,
        )


def _reference(texts: list[Text]) -> Iterator[Claim]:
    record = load()
    whole = with_record(texts, record)
    yield Claim(
        "findings of detect-secrets 1.5 (scan_file with its parsers and file types, all plugins) over the whole "
        "environment; what it says was asked once, and kept by digest of each file",
        f"the same, over >= {WHOLE_MB_MIN:.0f} MB",
        _told(whole),
        not whole.differing and whole.size_bytes >= WHOLE_MB_MIN * 1e6,
    )
    anew = side_by_side(chosen(texts, ANEW_MB, lambda _: True))
    unknown = [text for text in texts if text.key not in record.findings]
    rest = side_by_side(chosen(unknown, UNRECORDED_MB_MAX, lambda _: True))
    size_mb = sum(len(text.content) for text in unknown) / 1e6
    yield Claim(
        "the same, asked now: a part that hashes choose, and files that the record does not know",
        "the same",
        f"{_told(anew)}; unknown: {_told(rest)} of {size_mb:.1f}",
        not anew.differing and not rest.differing and size_mb <= UNRECORDED_MB_MAX,
    )
    crowded = side_by_side(dense())
    yield Claim(
        "the same on lines of credentials alone", "the same", _told(crowded), not crowded.differing
    )
    for name, result, bar in (("ordinary code", anew, 100), ("secret-dense files", crowded, 20)):
        yield Claim(
            f"speed beside detect-secrets on {name}, one core, in one process",
            f">= {bar}x",
            f"{result.ratio:.0f}x",
            result.ratio >= bar,
        )
    covered, asked = covered_by_facts([t for t in texts if record.findings.get(t.key)])
    yield Claim(
        "of what detect-secrets finds by file name, what our facts of a blob cover, which know no name",
        f">= {COVERED_MIN:.1%}",
        f"{covered} of {asked}",
        covered >= COVERED_MIN * asked,
    )


def _known() -> Iterator[Claim]:
    done = measure(seed=9)
    yield Claim(
        "secrets planted in real files, in 1 to 4 places of a file and its repository: survivors of those"
        " that a scanner found once",
        "0",
        f"{done.survivors} of {done.found}; {done.unfound} were found nowhere",
        not done.survivors,
    )
    yield Claim(
        "what the second scanner finds in those files after a release",
        "0 findings",
        f"{done.second} findings",
        not done.second,
    )


def _told(result: Comparison) -> str:
    return (
        f"{result.findings} findings in {result.size_bytes / 1e6:.1f} MB,"
        f" {len(result.differing)} files differ"
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
    for detector in detectors(params):
        detector.detect(batch.slice(0, 10))
    floor = _copy_floor(batch.select(["blob_id", "text"]))
    extra = seconds_of(batch)
    yield Claim(
        "the second scanner and the tokens of known values, as facts, beside reading and writing",
        f"<= {EXTRA_MAX}x the copy floor",
        f"{extra / floor:.1f}x",
        extra <= EXTRA_MAX * floor,
    )
    start = time.process_time()
    facts = {each.name: each.detect(batch) for each in detectors(params)}
    out = decide(files, see(facts, params), params)
    settled = settle(batch["text"], batch["blob_id"], out.spans, Look(params))
    released, _ = redact(batch["text"], batch["blob_id"], settled.spans, params)
    spent = time.process_time() - start
    size_mb = sum(map(len, texts)) / 1e6
    yield Claim(
        "the whole stage (detect, decide, redact) beside reading and writing the same texts",
        f"<= {STAGE_MAX:.0f}x the copy floor",
        f"{spent / floor:.1f}x, {size_mb / spent:.0f} MB/s over {size_mb:.0f} MB",
        spent <= STAGE_MAX * floor,
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
    command = [sys.executable, "-m", "benchmarks.pii_gigabyte"]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    beside = told["beside_bytes"] / told["bytes"]
    yield Claim(
        "one line of 1 GB of minified code ends in findings or a decision",
        f"<= {GIGABYTE_SECONDS_MAX:.0f} s of CPU, <= {GIGABYTE_BESIDE_MAX}x its size beside it",
        f"{told['seconds']:.0f} s, {beside:.2f}x; ends with {told['ends'] or 'no finding'}",
        told["seconds"] <= GIGABYTE_SECONDS_MAX and beside <= GIGABYTE_BESIDE_MAX,
    )
