"""`make strangers`: a whole release of packages that nobody chose, and what it did to them.

Packages are drawn by hash from apt's source index (`strangers_draw`), fetched through their own clients,
pinned by SHA-256 in the sources.yaml of a fresh project, released to its embedded Hub, pulled and
verified. A package that cannot be fetched is reported and replaced by the next of its kind. Apt runs with
lists and configuration of its own in the cache: the machine's are only read.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import click
import pyarrow.compute as pc
import yaml

from benchmarks.stages import copy_floor_seconds
from benchmarks.strangers_draw import Draw, Package, packages
from benchmarks.strangers_slowest import Slow, slowest
from stackyard.cli import echo_json, run
from stackyard.errors import EnvironmentFault, StackyardError
from stackyard.ingest import cache as caches
from stackyard.ingest.fetch import fetch
from stackyard.ingest.packages import MACHINE, Apt, check_dsc, npm, pypi
from stackyard.ingest.params import Params
from stackyard.ingest.sources import Source, load_sources
from stackyard.params import digest
from stackyard.pipeline.project import Project
from stackyard.pipeline.stages.detect import detectors
from stackyard.store import files

ROOT = Path(__file__).parents[1]
CAT_FILE = "/usr/lib/apt/apt-helper"
"""Prints a list of apt whatever it is compressed with."""

SIZE_MIB_MAX = 32
"""Packed; 482 of bookworm's 35,044 sources are above it, and hold 68 % of all bytes: one such
package would be most of a draw."""

TEN = (
    "golang-1.19", "python-django", "rails", "guava-libraries", "llvm-toolchain-14", "mono",
    "kubernetes", "rustc", "nodejs", "symfony",
)  # fmt: skip
"""The set `ten`: well-known and large, for speed; Debian bookworm has Go 1.19 to Symfony 5.4."""


@dataclass
class Drawn:
    """What was taken and what was not.

    Attributes:
        entries: of sources.yaml.
        index_packages: how many packages the draw was from.
        index_sha256: over their purls, so that two draws can be told to be of one index.
        upstream_only: of Debian packages, those of which upstream's archive was got alone.
        not_fetched: purl and reason of those that were replaced.
        too_large: purls that the bound on size passed over.
    """

    entries: list[dict[str, str]] = field(default_factory=list)
    index_packages: int = 0
    index_sha256: str = ""
    upstream_only: int = 0
    not_fetched: list[tuple[str, str]] = field(default_factory=list)
    too_large: list[str] = field(default_factory=list)


class Ran(NamedTuple):
    """A command that ended: CPU of it and all its processes, and the largest of them."""

    exit_code: int
    stdout: str
    stderr: str
    cpu_seconds: float
    peak_mib: int


@dataclass
class Result:
    """What a release of the draw came to; all but the first four are empty where it failed."""

    seed: str
    drawn: Drawn
    published: bool = False
    why_not: str = ""
    pull_exit_code: int | None = None
    verify_exit_code: int | None = None
    files_seen: int = 0
    bytes_seen: int = 0
    files_kept: int = 0
    decisions: dict[str, int] = field(default_factory=dict)
    redactions: dict[str, int] = field(default_factory=dict)
    second_scanner: dict[str, int] = field(default_factory=dict)
    copy_floor_seconds: float = 0.0
    copy_floors: float = 0.0
    peak_mib: int = 0
    detectors_copy_floors: dict[str, float] = field(default_factory=dict)
    slowest: list[Slow] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return self.published and self.pull_exit_code == 0 and self.verify_exit_code == 0

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "slowest": [each._asdict() for each in self.slowest]}

    def lines(self) -> Iterator[str]:
        drawn = self.drawn
        yield (
            f"seed {self.seed}: {len(drawn.entries)} packages of {drawn.index_packages:,}"
            f" (index {drawn.index_sha256[:16]})"
        )
        yield f"  passed over, above the bound on size: {len(drawn.too_large)}"
        yield f"  upstream's archive alone, as Debian's part is not to be had: {drawn.upstream_only}"
        yield f"  replaced, could not be fetched: {len(drawn.not_fetched)}"
        yield from (f"    {purl}: {why}" for purl, why in drawn.not_fetched)
        if not self.published:
            yield "  NOT published: " + self.why_not.replace("\n", "\n    ")
            return
        yield f"  published; pull {self.pull_exit_code}, verify {self.verify_exit_code}"
        yield f"  {self.files_seen:,} files seen ({self.bytes_seen:,} bytes), {self.files_kept:,} kept"
        yield from _counted("decisions", self.decisions)
        yield from _counted("redactions", self.redactions)
        yield from _counted("the second scanner alone found", self.second_scanner)
        yield (
            f"  {self.copy_floors:.1f} copy floors of {self.copy_floor_seconds:.2f} s CPU;"
            f" largest process {self.peak_mib:,} MiB"
        )
        if self.detectors_copy_floors:
            floors = sorted(self.detectors_copy_floors.items(), key=lambda each: -each[1])
            yield "  detectors, in copy floors: " + ", ".join(f"{n} {f:.1f}" for n, f in floors)
        for slow in self.slowest:
            yield (
                f"  slow: {slow.name} ({slow.length_bytes:,} bytes): {slow.detector}"
                f" {slow.seconds:.2f} s, {slow.shares:.0f} times its share, {slow.function}"
            )


def _counted(what: str, counts: dict[str, int]) -> Iterator[str]:
    if counts:
        ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
        yield f"  {what}: " + ", ".join(f"{name} {count:,}" for name, count in ranked)


def default_cache() -> Path:
    """The folder that STRANGERS_CACHE names, or one among the caches of whoever runs it."""
    given = os.environ.get("STRANGERS_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "stackyard" / "strangers"


class Store:
    """Downloads of strangers, kept by hash, and what they hashed to.

    Args:
        folder: made if it is not there; also holds apt's private lists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._pins = self.folder / "pins.json"

    def index(self) -> list[Package]:
        """The packages that apt's source index names; it is asked for once in a cache's life.

        Raises:
            EnvironmentFault: this is no Debian machine, or the archive cannot be reached.
        """
        with caches.locked(self.folder, "apt"):
            apt = Apt(self.folder / "apt", MACHINE)
            apt.configure()
            if not apt.has_lists():
                apt.update(_source({"name": "debian/index", "sha256": "0" * 64, **_ANY}))
            texts = []
            for path in sorted((self.folder / "apt" / "lists").glob("*_Sources*")):
                done = subprocess.run(
                    [CAT_FILE, "cat-file", str(path)], capture_output=True, check=False, text=True
                )
                if done.returncode:
                    raise EnvironmentFault(f"{path} cannot be read", found=done.stderr[:200])
                texts.append(done.stdout)
        return packages("\n\n".join(texts))

    def entry(self, package: Package, params: Params) -> dict[str, str]:
        """The package's entry of sources.yaml; its archive is in the cache afterwards.

        Of a Debian package whose own part the server has no more, upstream's archive is taken alone.

        Raises:
            StackyardError: it cannot be got.
        """
        entry = {"kind": "package", "name": package.repo_name, "purl": package.purl}
        if package.kind == "deb":
            return self._debian(package, entry, params)
        entry["sha256"] = self._pin(package, entry, params)
        fetch(_source(entry), self.folder, self.folder, params)
        return entry

    def _debian(self, package: Package, entry: dict[str, str], params: Params) -> dict[str, str]:
        where, name = package.purl, f"{package.name}={package.version}"
        entry["sha256"] = package.sha256 or "0" * 64
        if package.sha256 and (self.folder / package.sha256).exists():
            return entry
        orig = self.folder / package.orig_sha256 / package.orig
        alone = {"kind": "archive", "name": package.repo_name, "path": str(orig)}
        alone["sha256"] = package.orig_sha256
        if package.orig and orig.exists():
            return alone
        get = ["apt-get", "source", "--download-only", "--only-source", "-qq", name]
        apt = Apt(self.folder / "apt", MACHINE)
        with (
            caches.locked(self.folder, "apt"),
            tempfile.TemporaryDirectory(dir=self.folder) as made,
        ):
            folder = Path(made)
            done = apt.run(get, _source(entry), folder)
            dscs = sorted(folder.glob("*.dsc"))
            if done.returncode == 0 and dscs and package.sha256:
                check_dsc(dscs[0], params.archive_bytes_max, where)
                caches.keep(self.folder, package.sha256, where, _moves(dscs[0]), others=True)
                return entry
            if not (folder / package.orig).is_file():
                done = apt.run([*get[:2], "--tar-only", *get[2:]], _source(entry), folder)
            if not package.orig or not (folder / package.orig).is_file():
                raise EnvironmentFault(_apt_error(done.stderr))
            caches.keep(self.folder, package.orig_sha256, where, _moves(folder / package.orig))
        return alone

    def _pin(self, package: Package, entry: dict[str, str], params: Params) -> str:
        """SHA-256 of an archive that no index of ours states: it is got, and its hash remembered."""
        pins = json.loads(self._pins.read_text("utf-8")) if self._pins.exists() else {}
        if package.purl not in pins:
            source = _source({**entry, "sha256": "0" * 64})
            get = pypi if package.kind == "pypi" else npm
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                path = get(source, Path(folder), params.archive_bytes_max)
                found = caches.sha256_of(path)
                caches.keep(self.folder, found, package.purl, _moves(path))
            pins[package.purl] = found
            files.write_bytes(self._pins, json.dumps(pins, indent=1, sort_keys=True).encode())
        return str(pins[package.purl])


_ANY = {"kind": "package", "purl": "pkg:deb/debian/hello@1?arch=source"}


def _source(entry: dict[str, str]) -> Source:
    return load_sources(yaml.safe_dump([entry]), "the draw")[0]


def _apt_error(said: str) -> str:
    """apt's first error, less hosts and addresses."""
    first = next((line for line in said.splitlines() if line.startswith("E: ")), "no archive came")
    return re.sub(r"\S+://\S+/| \[IP: .*\]", "", first.removeprefix("E: "))


def _moves(path: Path) -> Callable[[Path], Path]:
    """What puts a file, with all that lies beside it, into a folder."""

    def move(folder: Path) -> Path:
        for each in sorted(path.parent.iterdir()):
            shutil.move(each, folder / each.name)
        return folder / path.name

    return move


def draw(store: Store, seed: str, count: int, size_bytes_max: int) -> Drawn:
    """So many packages of a seed, fetched."""
    known = store.index()
    drawn = _started(known)
    params = Params(archive_bytes_max=size_bytes_max)
    taking = Draw(seed, known, size_bytes_max)
    for place in range(count):
        while (package := taking.next_for(place)) is not None:
            if _took(store, package, params, drawn):
                break
    drawn.too_large = [package.purl for package in taking.too_large]
    return drawn


def named(store: Store, names: Sequence[str]) -> Drawn:
    """The source packages of these names, however large."""
    known = store.index()
    drawn = _started(known)
    by_name = {package.name: package for package in known if package.kind == "deb"}
    for name in names:
        if name not in by_name:
            drawn.not_fetched.append((name, "the index has no such source package"))
        else:
            _took(store, by_name[name], Params(), drawn)
    return drawn


def _started(known: list[Package]) -> Drawn:
    return Drawn(index_packages=len(known), index_sha256=digest([each.purl for each in known]))


def _took(store: Store, package: Package, params: Params, drawn: Drawn) -> bool:
    try:
        entry = store.entry(package, params)
    except StackyardError as error:
        drawn.not_fetched.append((package.purl, error.what.rpartition(" cannot be got: ")[2]))
        return False
    drawn.entries.append(entry)
    drawn.upstream_only += entry["kind"] == "archive"
    return True


def release(
    drawn: Drawn, seed: str, root: Path, store: Store, workers: int, *, time_files: bool
) -> Result:
    """Releases the drawn packages in a fresh project at `root`, pulls and verifies."""
    result = Result(seed, drawn)
    stackyard = (sys.executable, "-m", "stackyard.cli")
    name = "octo-org/strangers"
    made = timed(
        [*stackyard, "init", str(root), "--repo", name, "--contact", "opt-out@example.org"]
    )
    if made.exit_code:
        result.why_not = f"stackyard init: exit {made.exit_code}: {made.stderr}"
        return result
    (root / "sources.yaml").write_text(yaml.safe_dump(drawn.entries), encoding="utf-8")
    if not (root / ".stackyard" / "cache").exists():  # a project that was kept goes on
        (root / ".stackyard" / "cache").symlink_to(store.folder)
    flow = [sys.executable, "-m", "flows", "release", "--project", str(root), "--json"]
    done = timed([*flow, "--workers", str(workers)])
    result.peak_mib = done.peak_mib
    if done.exit_code:
        result.why_not = f"exit {done.exit_code}: {done.stderr.strip()[-4000:]}"
        return result
    result.published = True
    outcome = json.loads(done.stdout)
    _count(result, outcome)
    copy = root / "copy"
    pinned = f"{name}@{outcome['run']['version']}"
    pulled = timed([*stackyard, "pull", pinned, "--to", str(copy), "--project", str(root)])
    verified = timed([*stackyard, "verify", str(copy), "--project", str(root)])
    result.pull_exit_code, result.verify_exit_code = pulled.exit_code, verified.exit_code
    result.why_not = "\n".join(each.stderr for each in (pulled, verified) if each.exit_code)
    _measure(result, done, Project.at(root), time_files=time_files)
    return result


def _count(result: Result, outcome: dict[str, Any]) -> None:
    totals = outcome["run"]["totals"]
    result.files_seen, result.files_kept = totals["files_seen"], totals["files_kept"]
    result.bytes_seen = totals["bytes_seen"]
    result.decisions = {f"{d['stage']}/{d['rule']}": d["files"] for d in totals["dropped"]}
    result.redactions = {each["entity"]: each["count"] for each in totals["redactions"]}


def _measure(result: Result, done: Ran, project: Project, *, time_files: bool) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        floor, _ = copy_floor_seconds(project.workspace, Path(scratch) / "copy")
    result.copy_floor_seconds = floor
    result.copy_floors = done.cpu_seconds / floor if floor else 0.0
    rules = project.workspace.table("pii", "second")["rule"].combine_chunks()
    counts = pc.value_counts(rules).to_pylist()
    result.second_scanner = {each["values"]: each["counts"] for each in counts}
    if time_files:
        result.slowest, spent = slowest(project, detectors(project))
        result.detectors_copy_floors = {name: seconds / floor for name, seconds in spent.items()}


def timed(command: Sequence[str]) -> Ran:
    """Runs a command in the checkout; its CPU is that of all processes that it waited for."""
    environment = {**os.environ, "HF_HUB_DISABLE_XET": "1", "PYTHONFAULTHANDLER": "1"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Ran(process.returncode, texts[0], texts[1], cpu_seconds, usage.ru_maxrss >> 10)


@click.command()
@click.option("--seed", default="1", show_default=True, help="Any text; another one draws others.")
@click.option("--count", default=10, show_default=True, type=click.IntRange(1, 5000))
@click.option(
    "--packages", default="", help="Names of source packages instead of a draw, or `ten`."
)
@click.option(
    "--size-mib-max",
    default=SIZE_MIB_MAX,
    show_default=True,
    help="Packages above it, packed, are passed over and counted.",
)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 1024))
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_cache,
    show_default="STRANGERS_CACHE, else ~/.cache/stackyard/strangers",
    help="Downloads, and apt's private lists: remove it to draw from a newer index.",
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder to be made for the project, which then stays; else it goes when all is done.",
)
@click.option("--time-files/--no-time-files", default=True, help="Look for the slowest file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(  # noqa: PLR0917 - click hands its options over by name
    seed: str,
    count: int,
    packages: str,
    size_mib_max: int,
    workers: int,
    cache: Path,
    keep: Path | None,
    time_files: bool,
    as_json: bool,
) -> int:
    """Release packages that nobody chose, and say what came of it; exit 1 if one step fails."""
    store = Store(cache)
    names = TEN if packages == "ten" else [each for each in re.split(r"[\s,]+", packages) if each]
    drawn = named(store, names) if names else draw(store, seed, count, size_mib_max << 20)
    with tempfile.TemporaryDirectory(prefix="strangers-") as scratch:
        root = (keep or Path(scratch)) / "project"
        result = release(drawn, seed, root, store, workers, time_files=time_files)
    if as_json:
        echo_json(result.document())
    else:
        click.echo("\n".join(result.lines()))
    return 0 if result.holds else 1


if __name__ == "__main__":
    run(main, "python -m benchmarks.strangers")
