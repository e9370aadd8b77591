"""Files with the licence that Debian's own review gives them: what licence verdicts are held against.

In: Debian source packages with a machine-readable debian/copyright (DEP-5), whose stanzas were written
by people who read the files. Two sets, neither of them in git: the development set, on which rules
were made, and a set drawn by the hash of the packages' names, on which none was.
Out: what the filter says of each file, beside what Debian says.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from benchmarks import filter_corpus as corpus
from benchmarks.claim import Claim
from benchmarks.filter_stage import batch_of
from stackyard import filter as room
from stackyard.filter import evidence, headers, manifests
from stackyard.filter.expression import canonical, license_ids
from stackyard.filter.names import is_license_name
from stackyard.filter.params import LicenseTextParams, SyntaxParams
from stackyard.filter.statements import FileStatementDetector, TextStatementDetector
from stackyard.filter.syntax import SyntaxDetector
from stackyard.record import FILE_KEY, FILES

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
    known = RESERVED.union(corpus.PACKAGES)
    fit = [n for n, size in _sizes("*-security_*").items() if size <= DRAWN_BYTES_MAX]
    fit = [n for n in fit if n not in known]
    fit.sort(key=lambda name: hashlib.sha256(name.encode()).digest())
    return tuple(fit[batch * DRAWN_PACKAGES : (batch + 1) * DRAWN_PACKAGES])


FRESH_PACKAGES = 30
_FRESH_AT_ONCE = 20


def fresh(seed: str) -> tuple[str, ...]:
    """The first 30 packages with DEP-5 of all of this Debian, by SHA-256 of `seed:name`.

    Left out: larger ones, those of the other sets, and the reserved ones.
    """
    known = RESERVED.union(corpus.PACKAGES, drawn(0), drawn(1))
    fit = [n for n, size in _sizes("*").items() if size <= DRAWN_BYTES_MAX and n not in known]
    fit.sort(key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    found: list[str] = []
    while len(found) < FRESH_PACKAGES and fit:
        some, fit = tuple(fit[:_FRESH_AT_ONCE]), fit[_FRESH_AT_ONCE:]
        having = {package.name for package in packages(some)}
        found += [name for name in some if name in having]
    return tuple(found[:FRESH_PACKAGES])


def _sizes(lists: str) -> dict[str, int]:
    """Bytes of each source package of the archive's lists that match a pattern."""
    sizes: dict[str, int] = {}
    corpus.apt_options()
    for path in sorted((corpus.FOLDER / "apt" / "lists").glob(f"{lists}_Sources*")):
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
    return sizes


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


@functools.cache
def judged(names: tuple[str, ...]) -> tuple[tuple[Judged, ...], float]:
    """All files of packages, and the CPU seconds that it took to say what they are."""
    found = packages(names)
    start = time.process_time()
    rows = tuple(row for package in found for row in judge(package))
    return rows, time.process_time() - start


def verdicts() -> Iterator[Claim]:
    """Permissive or not, by file, on the development set and on the two sets that were drawn."""
    policy = room.default_policy()

    def is_permissive(expression: str | None) -> bool:
        return expression is not None and policy.classify(expression) == "permissive"

    wrong: list[Judged] = []
    for name, names in sets().items():
        rows, _ = judged(names)
        counts = Counter((is_permissive(row.truth), is_permissive(row.said)) for row in rows)
        wrong += [row for row in rows if is_permissive(row.said) and not is_permissive(row.truth)]
        precision = counts[True, True] / (counts[True, True] + counts[False, True])
        recall = counts[True, True] / (counts[True, True] + counts[True, False])
        where = f"{len(rows):,} files of {len(packages(names))} packages"
        enough = len(packages(names)) >= 30
        yield Claim(
            f"verdict permissive against DEP-5, {name}: precision",
            ">= 0.98, >= 30 packages",
            f"{precision:.4f} over {where}",
            precision >= 0.98 and enough,
        )
        yield Claim(
            f"verdict permissive against DEP-5, {name}: recall",
            ">= 0.90",
            f"{recall:.4f} over {where}",
            recall >= 0.90 and enough,
        )
    unread = write_false_permissive(wrong)
    for row in unread:
        print(f"    not looked at: {row.package} {row.path}: {row.said}", file=sys.stderr)
    yield Claim(
        "every false permissive is looked at and listed",
        "a reason for each",
        f"{len(wrong) - len(unread)} of {len(wrong)} in {FALSE_PERMISSIVE.name}",
        not unread,
    )


def fresh_draw(seed: str) -> Iterator[Claim]:
    """Verdicts on a fresh draw of 30 packages, and every file on which we are more lenient than Debian.

    Labels are of stanzas, often of a whole package: where a file holds words of its own that grant,
    the label is counted as wrong, apart, and the file is listed to be read.
    """
    policy = room.default_policy()

    def is_permissive(expression: str | None) -> bool:
        return expression is not None and policy.classify(expression) == "permissive"

    names = fresh(seed)
    rows, _ = judged(names)
    counts = Counter((is_permissive(row.truth), is_permissive(row.said)) for row in rows)
    lenient = [row for row in rows if is_permissive(row.said) and not is_permissive(row.truth)]
    own = [row for row in lenient if row.evidence[0]["path"] is None]
    for row in lenient:
        by = row.evidence[0]["path"] or "itself"
        print(f"    {row.package} {row.path}: {row.truth}, we {row.said} by {by}", file=sys.stderr)
    right = counts[True, True]
    raw = right / (right + len(lenient))
    precision = (right + len(own)) / (right + len(lenient))
    recall = right / (right + counts[True, False])
    where = f"{len(rows):,} files of {len(names)} packages, seed {seed}"
    yield Claim(
        "verdict permissive against DEP-5, a fresh draw: precision",
        ">= 0.99, >= 30 packages",
        f"{precision:.4f} over {where}; {raw:.4f} by labels as they are: {len(own)} of "
        f"{len(lenient)} files grant in words of their own",
        precision >= 0.99 and len(names) >= FRESH_PACKAGES,
    )
    yield Claim(
        "verdict permissive against DEP-5, a fresh draw: recall",
        ">= 0.90",
        f"{recall:.4f} over {where}",
        recall >= 0.90 and len(names) >= FRESH_PACKAGES,
    )


def sets() -> dict[str, tuple[str, ...]]:
    """Names of the packages of both sets."""
    return {
        "the development set": tuple(corpus.PACKAGES),
        "packages drawn by hash": (*drawn(0), *drawn(1)),
    }


FALSE_PERMISSIVE = Path(__file__).parents[1] / "docs" / "false-permissive.md"
REVIEWED = Path(__file__).with_name("filter_reviewed.csv")
"""Rows (package, path, said, reason): what was found on reading the notice it was taken by; path may be `*`."""


def write_false_permissive(wrong: list[Judged]) -> list[Judged]:
    """Lists them in docs/, with the reason for each; returns those that nobody has read."""
    with REVIEWED.open(encoding="utf-8", newline="") as handle:
        reasons = {
            (r["package"], r["path"], r["said"]): r["reason"] for r in csv.DictReader(handle)
        }
    unread: list[Judged] = []
    lines: list[str] = []
    for row in sorted(wrong, key=lambda row: row[:2]):
        reason = reasons.get((row.package, row.path, row.said or ""))
        if reason is None:
            unread.append(row)
        first = row.evidence[0]
        place = "itself" if first["path"] in {None, row.path} else f"`{first['path']}`"
        lines.append(
            f"| {row.package} | `{row.path}` | {row.truth} | {row.said} | {place}, {first['kind']} "
            f"| {reason or 'not looked at'} |"
        )
    FALSE_PERMISSIVE.write_text(_FALSE_PERMISSIVE_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return unread


_FALSE_PERMISSIVE_HEAD = """# Files taken as permissive that Debian labels otherwise

Written by `make claims ROOM=filter` (`benchmarks/filter_licenses.py`) from Debian's sources; the reasons are what was
found on reading the notice it was taken by, kept in `benchmarks/filter_reviewed.csv`. What they say together: [quality-filter.md](quality-filter.md).

| package | file | Debian says | we say | by | on reading it |
|---|---|---|---|---|---|
"""


SCANCODE_FILES = 150
_SCANCODE_EACH = 6
_SCANCODE_HOME = Path(__file__).parents[1] / "work" / "benchmarks" / "scancode-env"


class Headed(NamedTuple):
    """A file that sounds like a licence: Debian's expression, ours, and that of its own words alone."""

    name: str
    truth: str
    said: str | None
    own: str | None
    content: bytes


def headed() -> list[Headed]:
    """150 files with a header, by the hash of package and path; at most six of a package."""
    found: list[Headed] = []
    for names in sets().values():
        said = {(row.package, row.path): row.said for row in judged(names)[0]}
        for package in packages(names):
            truth = labels(package)
            fit = [
                (hashlib.sha256(f"{package.name}/{path}".encode()).hexdigest(), path, content)
                for path, content in package.files
                if path in truth
                and (package.name, path) in said
                and not manifests.is_manifest(path)
                and not is_license_name(path)
                and b"\0" not in content
                and len(content) < 200_000
                and headers.window(content)[1]
            ]
            for key, path, content in sorted(fit)[:_SCANCODE_EACH]:
                name = f"{key[:16]}_{path.rpartition('/')[2]}"
                stated = tuple((s.kind, s.expression) for s in headers.statements(content))
                own = evidence.own_expression(stated) if stated else None
                whole = said[package.name, path]
                found.append(Headed(name, truth[path], whole, own, content))
    return sorted(found)[:SCANCODE_FILES]


def beside_scancode() -> Iterator[Claim]:
    """Exact SPDX set of files, on the same files, in one run.

    ScanCode reads each file by itself, as it always does; we say of a file what the filter decides
    by: its own words, or where it only points to a licence file, that file.
    """
    rows = headed()
    theirs, seconds = scancode({row.name: row.content for row in rows})
    right = sum(_ids(row.said) == _ids(row.truth) for row in rows)
    alone = sum(_ids(row.own) == _ids(row.truth) for row in rows)
    other = sum(_ids(canonical(theirs[row.name] or "")) == _ids(row.truth) for row in rows)
    yield Claim(
        "exact SPDX set per file, DEP-5 files with a header",
        ">= ScanCode's on the same files",
        f"{right / len(rows):.3f}, ScanCode {other / len(rows):.3f}, {len(rows)} files "
        f"(from a file's own words alone {alone / len(rows):.3f})",
        right >= other,
    )
    judgements = [judged(names) for names in sets().values()]
    rate = sum(len(found) for found, _ in judgements) / sum(spent for _, spent in judgements)
    theirs_rate = len(rows) / seconds
    yield Claim(
        "speed of that, CPU time of one process",
        ">= 100 times ScanCode's, its start-up apart",
        f"{rate / theirs_rate:,.0f} times: {rate:,.0f} files/s over whole packages, "
        f"ScanCode {theirs_rate:.2f}",
        rate >= 100 * theirs_rate,
    )


def _ids(expression: str | None) -> frozenset[str]:
    return frozenset(license_ids(expression)) if expression else frozenset()


def scancode(files: dict[str, bytes]) -> tuple[dict[str, str | None], float]:
    """SPDX expression that ScanCode 32.5 finds in each file, and its CPU seconds less its start-up.

    A run is kept under the digest of its files, and of nothing else: the version is pinned.
    """
    state = hashlib.sha256()
    for name, content in sorted(files.items()):
        state.update(f"{name}\0{len(content)}\0".encode() + content)
    kept = _SCANCODE_HOME.parent / f"scancode-{state.hexdigest()[:16]}.json"
    if not kept.exists():
        script = Path(__file__).with_name("filter_scancode.sh")
        subprocess.run(["sh", script, _SCANCODE_HOME], check=True)
        start_up, _ = _scan({"nothing.c": b"int x;\n"})
        seconds, found = _scan(files)
        kept.write_text(json.dumps({"seconds": seconds - start_up, "found": found}), "utf-8")
    else:
        print(f"    ScanCode's run over these very files is kept: {kept.name}", file=sys.stderr)
    run = json.loads(kept.read_text("utf-8"))
    return run["found"], run["seconds"]


def _scan(files: dict[str, bytes]) -> tuple[float, dict[str, str | None]]:
    with tempfile.TemporaryDirectory() as home:
        folder, out = Path(home, "files"), Path(home, "out.json")
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        command = [str(_SCANCODE_HOME / "bin" / "scancode"), "-q", "--license", "-n", "1"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, "--json", str(out), str(folder)], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        data = json.loads(out.read_text("utf-8"))
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, {
        Path(entry["path"]).name: entry.get("detected_license_expression_spdx")
        for entry in data["files"]
        if entry["type"] == "file"
    }


def syntax() -> Iterator[Claim]:
    """Syntax facts of real code, and of texts made to break parsers; twice the same."""
    rows = corpus.spread(20, seed=11)
    hostile = {
        "deep.py": b"(" * 500_000,
        "deep.c": b"{" * 500_000,
        "deep.json": b"[" * 1_000_000,
        "deep.html": b"<a>" * 20_000,
        "deep.hs": b"(" * 200_000,
        "one-line.js": b"a<b>(" * 200_000,
    }
    params = SyntaxParams(enabled=True)
    real = batch_of([path for _, path in rows], list(corpus.read(rows)))
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    facts = SyntaxDetector(params).detect(real)
    done = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = done.ru_utime + done.ru_stime - start.ru_utime - start.ru_stime
    outcomes = Counter(facts["outcome"].to_pylist())
    parses = sum(filter(None, facts["parses"].to_pylist()))
    again = SyntaxDetector(params).detect(real)
    yield Claim(
        "syntax facts: real files with a grammar are parsed within their budget",
        ">= 99 %, twice the same",
        f"{outcomes['parsed']:,} of {facts.num_rows:,} ({parses:,} without an error), "
        f"{seconds / facts.num_rows * 1e3:.0f} ms a file; {dict(sorted(outcomes.items()))}",
        outcomes["parsed"] >= 0.99 * facts.num_rows and facts.equals(again),
    )
    worst = batch_of(list(hostile), list(hostile.values()))
    found = SyntaxDetector(params).detect(worst)
    ends = dict(zip(found["path"].to_pylist(), found["outcome"].to_pylist(), strict=True))
    yield Claim(
        "syntax facts: nesting of 20,000 to 1,000,000 levels",
        "a fact each, never a crash",
        ", ".join(f"{path} {outcome}" for path, outcome in ends.items()),
        set(ends) == set(hostile) and "crashed" not in ends.values(),
    )


if __name__ == "__main__":
    for claim in fresh_draw(sys.argv[1]):
        print("ok" if claim.ok else "short", *claim[:3], sep=" | ")
