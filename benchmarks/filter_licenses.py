"""Files with the licence that Debian's own review gives them: what licence verdicts are held against.

In: Debian source packages with a machine-readable debian/copyright (DEP-5), whose stanzas were written
by people who read the files. Two sets, neither of them in git: the development set, on which rules
were made, and a set drawn by the hash of the packages' names, on which none was.
Out: what the filter says of each file, beside what Debian says.
"""

from __future__ import annotations

import functools
import hashlib
import random
import re
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from benchmarks import filter_corpus as corpus
from stackyard import filter as room
from stackyard.filter import evidence, manifests
from stackyard.filter.params import LicenseTextParams
from stackyard.filter.statements import (
    FileStatementDetector,
    TextStatementDetector,
    is_license_name,
)
from stackyard.record import BATCH, BLOB_ID, FILE_KEY, FILES, blob_digest

RESERVED = frozenset({"postgresql-15", "kotlin", "fpc", "node-typescript"})
"""Kept for checks by others: never fetched here."""

DRAWN_PACKAGES = 80
DRAWN_BYTES_MAX = 8_000_000
"""Size of a source package that may be drawn: the claims have minutes, not hours."""
_FILES_EACH = 400


class Package(NamedTuple):
    """A package: what its debian/copyright says, and files (path, content)."""

    name: str
    claims: list[manifests.Claim]
    files: list[tuple[str, bytes]]


class Judged(NamedTuple):
    """A file: Debian's expression and ours (None: nothing stated), with the evidence for ours."""

    package: str
    path: str
    truth: str
    said: str | None
    evidence: tuple[dict[str, object], ...]


def drawn(batch: int) -> tuple[str, ...]:
    """Names of packages: those that had a security update in this Debian, as software in use has, by
    SHA-256 of the name; batch 0 are the first 80.

    Left out: larger ones, those of the development set, and the reserved ones.
    """
    sizes: dict[str, int] = {}
    corpus.apt_options()
    for path in sorted((corpus.FOLDER / "apt" / "lists").glob("*-security_*_Sources*")):
        shown = subprocess.run(
            ["/usr/lib/apt/apt-helper", "cat-file", path],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        for paragraph in shown.stdout.split("\n\n"):
            name = re.search(r"(?m)^Package: (\S+)$", paragraph)
            sums = re.search(r"(?m)^Checksums-Sha256:\n((?: .*\n?)+)", paragraph)
            if name is not None and sums is not None:
                size = sum(int(line.split()[1]) for line in sums[1].splitlines())
                sizes[name[1]] = max(size, sizes.get(name[1], 0))
    known = RESERVED.union(corpus.PACKAGES)
    fit = [n for n, size in sizes.items() if size <= DRAWN_BYTES_MAX and n not in known]
    fit.sort(key=lambda name: hashlib.sha256(name.encode()).digest())
    return tuple(fit[batch * DRAWN_PACKAGES : (batch + 1) * DRAWN_PACKAGES])


@functools.cache
def packages(names: tuple[str, ...]) -> tuple[Package, ...]:
    """Those that have DEP-5: 400 files of each, and all that speak for others."""
    chooser = random.Random(7)
    found: list[Package] = []
    root = corpus.sources(names)
    for name, rows in corpus.listing(names).items():
        path = root / name / "debian" / "copyright"
        if not path.exists():
            continue
        claims = manifests.claims("debian/copyright", path.read_bytes())
        paths = [path for path, _ in rows if not path.startswith("debian/")]
        speaking = [path for path in paths if manifests.is_manifest(path) or is_license_name(path)]
        rest = sorted(set(paths) - set(speaking))
        if len(claims) > 1 and len(paths) > 2:
            paths = sorted([*speaking, *chooser.sample(rest, min(len(rest), _FILES_EACH))])
            contents = corpus.read([(name, path) for path in paths])
            found.append(Package(name, claims, list(zip(paths, contents, strict=True))))
    return tuple(found)


def labels(package: Package) -> dict[str, str]:
    """Expression of each path by the last stanza that matches it, where it names known licences."""
    found: dict[str, str] = {}
    for claim in package.claims:
        pattern = re.compile(evidence.glob_pattern(claim.scope, claim.glob or "**")[0])
        found.update({path: claim.expression for path, _ in package.files if pattern.search(path)})
    return {path: text for path, text in found.items() if "unrecognized" not in text}


def batch_of(paths: list[str], contents: list[bytes]) -> pa.Table:
    content = pa.array(contents, pa.large_binary())
    text, encoding = room.decode(content)
    ids = pa.array([blob_digest(one) for one in contents], BLOB_ID)
    return pa.table([ids, pa.array(paths, pa.string()), content, text, encoding], schema=BATCH)


def judge(package: Package) -> Iterator[Judged]:
    """Every text file that has a label, through the filter's own detectors and evidence."""
    truth = labels(package)
    paths = [path for path, _ in package.files]
    batch = batch_of(paths, [content for _, content in package.files])
    ids = batch["blob_id"].to_pylist()
    first = {blob: row for row, blob in reversed(list(enumerate(ids)))}
    files = pa.table(
        [
            pa.array([f"debian/{package.name}"] * len(paths)),
            pa.array(["r"] * len(paths)),
            batch["path"],
            batch["blob_id"],
            pa.array([len(content) for _, content in package.files], pa.int64()),
        ],
        schema=FILES,
    ).sort_by([(name, "ascending") for name in FILE_KEY])
    stated = evidence.gather(
        files,
        TextStatementDetector().detect(batch.take(pa.array(sorted(first.values()), pa.int64()))),
        FileStatementDetector(LicenseTextParams()).detect(batch),
    )
    is_text = dict(zip(paths, batch["text"].is_valid().to_pylist(), strict=True))
    rows = stated.evidence.to_pylist()
    for row, path in enumerate(files["path"].to_pylist()):
        if path in truth and is_text[path]:
            said = stated.expressions[stated.expression_of[row]]
            behind = stated.rows[stated.offsets[row] : stated.offsets[row + 1]]
            yield Judged(package.name, path, truth[path], said, tuple(rows[r] for r in behind))
