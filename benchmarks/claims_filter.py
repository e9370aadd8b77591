"""What docs/quality-filter.md claims of the filter: `make claims ROOM=filter`.

Times are CPU time of one process (`time.process_time`): wall time says more of the neighbours.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from benchmarks import filter_corpus as corpus
from benchmarks import filter_stage
from benchmarks.claim import Claim
from benchmarks.filter_stage import batch_of, timed
from stackyard import filter as room
from stackyard.filter import evidence, manifests
from stackyard.filter.expression import canonical, license_ids
from stackyard.filter.headers import statements, window
from stackyard.filter.params import LicenseTextParams
from stackyard.filter.statements import (
    FileStatementDetector,
    TextStatementDetector,
    is_license_name,
)
from stackyard.filter.texts import exact, exact_key
from stackyard.record import FILE_KEY, FILES


def run() -> Iterator[Claim]:
    yield from filter_stage.languages()
    yield from spdx_texts()
    yield from debian_licenses()
    yield from beside_scancode()
    yield from filter_stage.throughput()
    yield from filter_stage.decisions()
    yield from filter_stage.bad_input()


def spdx_texts() -> Iterator[Claim]:
    """The list's own texts; several ids may have one text, and any of them is right."""
    listed = json.loads(corpus.npm("spdx-license-list@6.12.0", "spdx-full.json"))
    key_of = {key: exact_key(entry["licenseText"].encode()) for key, entry in listed.items()}
    right = sum(
        key_of.get(exact(entry["licenseText"].encode()) or "") == key_of[key]
        for key, entry in listed.items()
    )
    share = right / len(listed)
    yield Claim(
        "SPDX list's own texts are named", ">= 99 %", f"{share:.2%} of {len(listed)}", share >= 0.99
    )


def dep5_packages() -> Iterator[tuple[str, list[manifests.Claim], list[tuple[str, bytes]]]]:
    """Packages with a machine-readable debian/copyright: claims, and 400 files and all that speak."""
    chooser = random.Random(7)
    root = corpus.sources()
    for package, rows in corpus.listing().items():
        path = root / package / "debian" / "copyright"
        if not path.exists():
            continue
        claims = manifests.claims("debian/copyright", path.read_bytes())
        names = [name for name, _ in rows if not name.startswith("debian/")]
        speaking = [n for n in names if manifests.is_manifest(n) or is_license_name(n)]
        rest = sorted(set(names) - set(speaking))
        if len(claims) > 1 and len(names) > 2:
            names = sorted([*speaking, *chooser.sample(rest, min(len(rest), 400))])
            contents = corpus.read([(package, name) for name in names])
            yield package, claims, list(zip(names, contents, strict=True))


def labels(claims: list[manifests.Claim], paths: list[str]) -> dict[str, str]:
    """Expression of each path by the last stanza that matches it, where it names known licences."""
    found: dict[str, str] = {}
    for claim in claims:
        pattern = re.compile(evidence.glob_pattern(claim.scope, claim.glob or "**")[0])
        found.update({path: claim.expression for path in paths if pattern.search(path)})
    return {path: text for path, text in found.items() if "unrecognized" not in text}


def debian_licenses() -> Iterator[Claim]:
    policy = room.default_policy()
    own_detector = TextStatementDetector()
    file_detector = FileStatementDetector(LicenseTextParams())
    counts: Counter[tuple[bool, bool]] = Counter()
    wrong: Counter[tuple[str, str, str]] = Counter()
    packages = 0
    for package, claims, found in dep5_packages():
        packages += 1
        batch = batch_of([path for path, _ in found], [content for _, content in found])
        distinct = batch.take(first_rows(batch["blob_id"].to_pylist()))
        files = pa.table(
            [
                pa.array([f"debian/{package}"] * len(found)),
                pa.array(["r"] * len(found)),
                batch["path"],
                batch["blob_id"],
                pa.array([len(content) for _, content in found], pa.int64()),
            ],
            schema=FILES,
        ).sort_by([(name, "ascending") for name in FILE_KEY])
        stated = evidence.gather(files, own_detector.detect(distinct), file_detector.detect(batch))
        truth = labels(claims, [path for path, _ in found])
        is_text = dict(
            zip(batch["path"].to_pylist(), batch["text"].is_valid().to_pylist(), strict=True)
        )
        for path, code in zip(files["path"].to_pylist(), stated.expression_of, strict=True):
            if path not in truth or not is_text[path]:
                continue
            guess = stated.expressions[code]
            is_permissive = policy.classify(truth[path]) == "permissive"
            says = guess is not None and policy.classify(guess) == "permissive"
            counts[is_permissive, says] += 1
            if says and not is_permissive:
                wrong[package, truth[path], guess or ""] += 1
    for (package, expected, said), count in sorted(wrong.items()):
        print(f"    {package}: {count} files of {expected} taken as {said}", file=sys.stderr)
    precision = counts[True, True] / (counts[True, True] + counts[False, True])
    recall = counts[True, True] / (counts[True, True] + counts[True, False])
    total = sum(counts.values())
    where = f"{total:,} files of {packages} packages"
    yield Claim(
        "verdict permissive against DEP-5: precision",
        ">= 0.98, >= 30 packages",
        f"{precision:.4f} over {where}",
        precision >= 0.98 and packages >= 30,
    )
    yield Claim(
        "verdict permissive against DEP-5: recall",
        ">= 0.90",
        f"{recall:.4f} over {where}",
        recall >= 0.90,
    )


def first_rows(values: list[Any]) -> pa.Array:
    first: dict[Any, int] = {}
    for row, value in enumerate(values):
        first.setdefault(value, row)
    return pa.array(sorted(first.values()), pa.int64())


def beside_scancode() -> Iterator[Claim]:
    """Exact SPDX set of a file's own statements, on the same files, in one run."""
    chooser = random.Random(3)
    folder = corpus.FOLDER / "headers"
    rows: list[tuple[str, str, bytes]] = []
    for _package, claims, found in dep5_packages():
        truth = labels(claims, [path for path, _ in found])
        headed = [
            (path, content)
            for path, content in found
            if path in truth
            and not manifests.is_manifest(path)
            and not is_license_name(path)
            and b"\0" not in content
            and len(content) < 200_000
            and window(content)[1]
        ]
        for path, content in chooser.sample(headed, min(12, len(headed))):
            rows.append((f"{len(rows):04d}_{path.rpartition('/')[2]}", truth[path], content))
    folder.mkdir(exist_ok=True)
    for name, _, content in rows:
        (folder / name).write_bytes(content)
    theirs = corpus.scancode(folder)
    for _, _, content in rows[:50]:
        statements(content)
    ours, seconds = timed(lambda: {name: own(content) for name, _, content in rows})
    right = sum(ids_of(ours[name]) == ids_of(truth) for name, truth, _ in rows)
    other = sum(ids_of(canonical(theirs[name] or "")) == ids_of(truth) for name, truth, _ in rows)
    yield Claim(
        "exact SPDX set per file, DEP-5 files with a header",
        ">= ScanCode's on the same files",
        f"{right / len(rows):.3f}, ScanCode {other / len(rows):.3f}, {len(rows)} files",
        right >= other,
    )
    yield Claim(
        "speed of that",
        f">= {100 * SCANCODE_FILES_PER_SECOND:.0f} files/s: 100 times ScanCode's",
        f"{len(rows) / seconds:,.0f} files/s",
        len(rows) / seconds >= 100 * SCANCODE_FILES_PER_SECOND,
    )


SCANCODE_FILES_PER_SECOND = 1.4
"""ScanCode 32.5 on these files, one process, its start-up included (docs/quality-filter.md)."""


def own(content: bytes) -> str | None:
    found = tuple((s.kind, s.expression) for s in statements(content))
    return evidence.own_expression(found) if found else None


def ids_of(expression: str | None) -> frozenset[str]:
    return frozenset(license_ids(expression)) if expression else frozenset()
