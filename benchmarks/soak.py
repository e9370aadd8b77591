"""`make soak`: runs that are killed, disks that are full, two runs at once; each ends as if undisturbed.

A scenario is a state that lies ready, an operation on it, and what the operator does after a failure:
the same again. `soak_fault.c` is preloaded and counts the calls that change files, of the run and of all
programs that it starts; at the n-th it kills them all, or the disk is full from there on. n is drawn,
by the seed, from as many as an undisturbed run makes. Afterwards all that is kept must be, byte for byte,
what the undisturbed run left: the release, the registry, receipts, every file that a tag or a branch of
the Hub leads to, what git's tags record, copies. Clock and random numbers are fixed for that.

    python -m benchmarks.soak [--seed 1] [--kills 100] [--disks 20] [--races 10] [--flows 0] [--only NAME...]
                              [--minutes 600]

`--races` are of the steps of a flow, `--flows` of whole ones: `python -m flows release` on two machines.
After `--minutes` no fault begins: what was reached by then is told.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import math
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from stackyard.cli import exit_code_of

if TYPE_CHECKING:
    from stackyard.store.hub import HubDataset

ROOT = Path(__file__).parents[1]
KILL, FULL = 1, 2
CONTROL = struct.Struct("=5q")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONTACT = "ada@example.org"
WORDS = [
    "account",
    "buffer",
    "cursor",
    "document",
    "element",
    "gather",
    "handle",
    "journal",
    "kernel",
]
MIT = (ROOT / "tests" / "flows" / "conftest.py").read_text(encoding="utf-8").split('"""')[3]
TIMEOUT_SECONDS = 600
"""For one run of a small project: 3 s of processor time, on a machine with any load."""


def text(seed: int) -> bytes:
    words = random.Random(seed)
    lines = [f"def {words.choice(WORDS)}_{n}({words.choice(WORDS)}):\n    return {words.randrange(9999)} * {words.randrange(9999)}\n" for n in range(12)]  # fmt: skip
    return "\n".join(lines).encode()


ORIGINS = {
    name: {"LICENSE": MIT.encode(), "src/own.py": text(seed)}
    for seed, name in enumerate(("octo-org/alpha", "octo-org/beta", "hubot/gamma"), 1)
}
LATER = {"monalisa/zeta": {"LICENSE": MIT.encode(), "src/own.py": text(9)}}


class _Clock(datetime):
    """A clock that stands still."""

    shift = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        del tz
        return NOW + cls.shift


def freeze(shift: timedelta = timedelta()) -> None:
    """Fixes the clock and the salts of this process."""
    import secrets

    from stackyard.cli import optout
    from stackyard.pipeline.optouts import takedown

    _Clock.shift = shift
    for module in (optout, takedown):
        module.datetime = _Clock  # type: ignore[attr-defined]
    salts = random.Random(7)
    secrets.token_bytes = lambda nbytes=None: salts.randbytes(nbytes or 32)
    # Names of temporary files stay unique: a killed run's lie there still.
    secrets.token_hex = lambda nbytes=None: os.urandom(nbytes or 32).hex()


def command(*arguments: str) -> None:
    """A command of `stackyard optout` in this process."""
    from stackyard.cli.optout import optout

    optout.main(list(arguments), standalone_mode=False)


def opt_out(root: Path, *selector: str) -> str:
    command("submit", "--project", str(root), "--contact", CONTACT, *selector)
    from stackyard.store.registry import open_registry

    request = open_registry(root).events[-1].request
    reason = ["--method", "manual", "--reason", "asked by the owner"]
    command("verify", request, "--project", str(root), *reason)
    return request


def do_release(root: Path) -> None:
    from benchmarks import here

    here.release(root)


def do_takedown(root: Path) -> None:
    from benchmarks import here

    here.takedown(root)


def do_purge(root: Path) -> None:
    from benchmarks import here

    here.takedown(root, purge=True)


def do_submit(root: Path) -> None:
    from stackyard.store.registry import open_registry

    if not open_registry(root).events:
        command("submit", "--project", str(root), "--contact", CONTACT, "--owner", "hubot")
    command("status", "--project", str(root))


def do_verify(root: Path) -> None:
    from stackyard.store.registry import open_registry

    log = open_registry(root)
    (name,) = log.statuses
    if not log.statuses[name].effective:
        reason = ["--method", "manual", "--reason", "asked by the owner"]
        command("verify", name, "--project", str(root), *reason)


def on_hub(root: Path, do: Callable[[HubDataset], object]) -> None:
    from benchmarks import here
    from stackyard.pipeline.project import Project
    from stackyard.pipeline.publish.previous import hub_endpoint
    from stackyard.store.hub import HubDataset

    with hub_endpoint(Project.at(root)) as endpoint:
        do(HubDataset(here.REPO, endpoint))


def do_pull(root: Path) -> None:
    from stackyard.client.pull import pull

    on_hub(root, lambda hub: pull(hub, "0.1.0", root / "copy"))


def do_sync(root: Path) -> None:
    from stackyard.client.sync import sync

    on_hub(root, lambda hub: sync(hub, root / "copy"))


def do_yank(root: Path) -> None:
    from stackyard.client.yanks import yank
    from stackyard.pipeline.project.keys import release_key

    on_hub(root, lambda hub: yank(hub, "0.1.0", "broken", release_key(root)))


def start_new(root: Path) -> None:
    """A project that was never run."""
    from benchmarks import here

    here.small_project(root, ORIGINS)


def start_first(root: Path) -> None:
    """The project of `start_new` with 0.1.0 released; all states below begin with it."""
    do_release(root)


def start_more(root: Path) -> None:
    """A source more than what is released."""
    from benchmarks import here

    here.write_sources(root, ORIGINS | LATER)


def start_asked(root: Path) -> None:
    opt_out(root, "--owner", "hubot")


def start_past(root: Path) -> None:
    """An opt-out of the past too, under a policy that purges."""
    policy = root / "registry" / "policy.json"
    policy.write_text(policy.read_text().replace('"yank"', '"purge"'))
    opt_out(root, "--owner", "hubot", "--past")


def start_behind(root: Path) -> None:
    """A copy of 0.1.0, where 0.1.1 took something out."""
    do_pull(root)
    opt_out(root, "--owner", "hubot")
    do_takedown(root)


@dataclass(frozen=True)
class Scenario:
    """An operation on a state that lies ready; `weight` is its share of the faults.

    `start` makes the state of one that `start_first` left, or of nothing if it is `start_new`.
    """

    start: Callable[[Path], None]
    run: Callable[[Path], None]
    weight: int


SCENARIOS: Mapping[str, Scenario] = {
    "release": Scenario(start_new, do_release, 2),
    "increment": Scenario(start_more, do_release, 2),
    "takedown": Scenario(start_asked, do_takedown, 3),
    "purge": Scenario(start_past, do_purge, 2),
    "submit": Scenario(start_first, do_submit, 3),
    "verify": Scenario(do_submit, do_verify, 2),
    "pull": Scenario(start_first, do_pull, 3),
    "sync": Scenario(start_behind, do_sync, 3),
    "yank": Scenario(start_first, do_yank, 1),
}


def starts(names: Iterable[str]) -> dict[str, Callable[[Path], None]]:
    """What makes the states that scenarios begin with, by name, in the order in which to make them."""
    own = (SCENARIOS[name].start for name in names)
    return {start.__name__: start for start in (start_new, start_first, *own)}


def kept(root: Path) -> dict[str, str]:
    """All that must come out the same: where it is -> a digest."""
    found = {}
    for folder in ("release", "registry", ".stackyard/receipts", "copy"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                found[str(path.relative_to(root))] = digest
    return found | dict(_on_hub(root)) | dict(_in_git(root)) | dict(_private(root))


def _on_hub(root: Path) -> Iterator[tuple[str, str]]:
    from benchmarks import here
    from stackyard.hub.repository import Repository

    folder = root / ".stackyard" / "hub" / "datasets" / here.REPO
    if not (folder / "repository.json").exists():
        return
    repository = Repository(folder, here.REPO)
    for kind in ("branches", "tags"):
        for name, commit in repository.refs(kind).items():
            for path, entry in repository.commit(commit).files.items():
                stored = root / ".stackyard" / "hub" / "objects" / entry.sha256[:2] / entry.sha256
                digest = hashlib.sha256(stored.read_bytes()).hexdigest()
                yield f"hub {name} {path}", digest


def _in_git(root: Path) -> Iterator[tuple[str, str]]:
    from stackyard.pipeline.publish.publishing import LOCK, recorded
    from stackyard.store import git

    for version, name in sorted(git.release_tags(root).items()):
        yield f"git {version}", json.dumps(recorded(git.file_at(root, name, LOCK)), sort_keys=True)


def _private(root: Path) -> Iterator[tuple[str, str]]:
    """Requests and receipts of the private part; no index, which is made anew where it does not fit."""
    import sqlite3

    from stackyard.store.registry import open_registry

    open_registry(root)  # ends what was left of an append
    with closing(sqlite3.connect(root / ".stackyard" / "private" / "registry.sqlite")) as database:
        for table in ("requests", "receipts", "reasons"):
            rows = sorted(map(repr, database.execute(f"SELECT * FROM {table}")))
            yield f"private {table}", hashlib.sha256("\n".join(rows).encode()).hexdigest()


class Zygote:
    """A process that has imported all, and forks one child a run, with the faults preloaded."""

    def __init__(self, scratch: Path, library: Path) -> None:
        self.path = scratch / "control"
        self.path.write_bytes(bytes(4096))
        self._file = self.path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 4096)
        self.log = scratch / "log"
        environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "OPENBLAS_NUM_THREADS": "1",
            "SOAK_CONTROL": str(self.path),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.soak", "--zygote", str(self.log)],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, what: str, root: Path, hours: int = 0) -> None:
        self.start_all([[what, str(root), hours]])

    def start_all(self, jobs: Sequence[Sequence[str | int]]) -> None:
        """Forks a child for each [what, root, hours], all at once."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(jobs) + "\n")
        self._process.stdin.flush()

    def outcome(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def run(self, what: str, root: Path, fault: tuple[int, int] = (0, 0), hours: int = 0) -> int:
        """The exit code, or minus the signal, of a run; `fault` is its mode and the number of the call."""
        self._map[: CONTROL.size] = CONTROL.pack(1, *(fault if fault[0] else (0, 1 << 60)), 0, 0)
        self.start(what, root, hours)
        code = self.outcome()
        self._map[:8] = bytes(8)
        return code

    @property
    def calls(self) -> int:
        return int(CONTROL.unpack(self._map[: CONTROL.size])[3])

    @property
    def came(self) -> bool:
        return bool(CONTROL.unpack(self._map[: CONTROL.size])[4])

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._map.close()
        self._file.close()


def zygote(log: Path) -> None:
    """Reads lists of [what, root, hours] a line; forks; writes how each child ended, in the order of their ends."""
    stages = ("fetch", "ingest", "detect", "optout", "filter", "dedup", "pii", "release")
    commands = ("cli.optout", "client.pull", "client.sync", "client.yanks")
    for module in (*(f"pipeline.stages.{stage}" for stage in stages), *commands):
        importlib.import_module(f"stackyard.{module}")
    importlib.import_module("benchmarks.here")
    with Path(os.environ["SOAK_CONTROL"]).open("r+b") as file:
        control = mmap.mmap(file.fileno(), 4096)
    for line in sys.stdin:
        jobs = json.loads(line)
        children = [_forked(log, control, *job) for job in jobs]
        for child in children:
            status = os.waitpid(child, 0)[1]
            print(os.waitstatus_to_exitcode(status), flush=True)


def _forked(log: Path, control: mmap.mmap, what: str, root: str, hours: int) -> int:
    child = os.fork()
    if child:
        return child
    os.setsid()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    signal.alarm(TIMEOUT_SECONDS)
    freeze(timedelta(hours=hours))
    code = 0
    try:
        SCENARIOS[what].run(Path(root))
    except BaseException as error:  # noqa: BLE001 - how the child ends is what is measured
        control[:8] = bytes(8)  # the disk of the report is not full
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        code = _told(error)
    os._exit(code)


def _told(error: BaseException) -> int:
    """The exit code of an error; 70 (EX_SOFTWARE) for one that a user would see as a traceback."""
    try:
        return exit_code_of(error)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        return 70


@dataclass
class Tally:
    """What came of the faults of one kind."""

    faults: Counter[str]
    same: Counter[str]
    wrong: list[str]


class Soak:
    """All scenarios, their states and what undisturbed runs leave."""

    def __init__(
        self, scratch: Path, seed: int, only: Sequence[str] = (), *, end: float = math.inf
    ) -> None:
        self.scratch = scratch
        self.words = random.Random(seed)
        self.names = [name for name in SCENARIOS if not only or name in only]
        self.end = end
        library = scratch / "fault.so"
        source = Path(__file__).with_name("soak_fault.c")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True
        )
        self.ready: Mapping[str, Path] = {}
        self.told: dict[str, dict[str, str]] = {}
        self.calls: dict[str, int] = {}
        self._prepare()
        self.zygote = Zygote(scratch, library)

    def _prepare(self) -> None:
        """In a child each, as the zygote and we ourselves should have no threads when we fork."""
        made: dict[str, Path] = {}
        for name in starts(self.names):
            made[name] = self.scratch / "ready" / name
            if name != "start_new":
                base = made["start_new" if name == "start_first" else "start_first"]
                shutil.copytree(base, made[name], symlinks=True)
            prepare = ["-m", "benchmarks.soak", "--prepare", name, str(made[name])]
            subprocess.run(
                [sys.executable, *prepare], cwd=ROOT, check=True, stdout=subprocess.DEVNULL
            )
        self.ready = {name: made[SCENARIOS[name].start.__name__] for name in self.names}

    def undisturbed(self, name: str) -> None:
        root = self._copy(name)
        code = self.zygote.run(name, root)
        if code:
            raise RuntimeError(
                f"{name} fails undisturbed: {code}\n{self.zygote.log.read_text()[-3000:]}"
            )
        self.calls[name] = self.zygote.calls
        self.told[name] = kept(root)
        shutil.rmtree(root)

    def _copy(self, name: str) -> Path:
        root = self.scratch / "run"
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.ready[name], root, symlinks=True)
        return root

    def faults(self, mode: int, count: int) -> Tally:
        """Draws scenario and call for each fault; runs, then runs again; compares."""
        tally = Tally(Counter(), Counter(), [])
        weights = [SCENARIOS[name].weight for name in self.names]
        tried = 0
        while sum(tally.faults.values()) < count and time.monotonic() < self.end:
            # Each scenario once, then by weight.
            name = self.names[tried] if tried < len(self.names) else self.words.choices(self.names, weights)[0]  # fmt: skip
            tried += 1
            if name not in self.told:
                self.undisturbed(name)
            at = self.words.randint(1, self.calls[name])
            root = self._copy(name)
            self.zygote.log.write_bytes(b"")
            first = self.zygote.run(name, root, (mode, at))
            if not self.zygote.came:
                continue  # fewer calls than drawn: nothing happened
            tally.faults[name] += 1
            hours = -24 if mode == KILL and tried % 10 == 0 else 0
            again = self.zygote.run(name, root, hours=hours)
            wrong = self._wrong(name, root, first, again, mode, moved_back=bool(hours))
            if wrong:
                tally.wrong.append(f"{name} at call {at} of {self.calls[name]}: {wrong}")
            else:
                tally.same[name] += 1
            print(
                f"  {name} {at}/{self.calls[name]}: {first}, then {again} {wrong}", file=sys.stderr
            )
        return tally

    def _wrong(
        self, name: str, root: Path, first: int, again: int, mode: int, *, moved_back: bool
    ) -> str:
        if mode == FULL and first not in {0, 1, 3}:
            return f"a full disk ended it with {first}: {self._last_words()}"
        if again:
            return f"the second run ended with {again}: {self._last_words()}"
        now = kept(root)
        apart = sorted(k for k in now.keys() | self.told[name].keys() if now.get(k) != self.told[name].get(k))  # fmt: skip
        if moved_back:  # what says a time says another
            apart = [each for each in apart if each.startswith("release/data")]
        return f"differs: {', '.join(apart[:5])}" if apart else ""

    def _last_words(self) -> str:
        """The last lines that the runs wrote."""
        return " | ".join(self.zygote.log.read_text(errors="replace").splitlines()[-4:])


Pair = Callable[[Sequence[Path]], list[int]]
"""Starts a release in each of two projects at once; how each ended."""


def in_children(zygote_: Zygote) -> Pair:
    """The steps of flow release, without Prefect: a second or two each."""

    def run(roots: Sequence[Path]) -> list[int]:
        zygote_.start_all([["increment", str(root), 0] for root in roots])
        return [zygote_.outcome() for _ in roots]

    return run


def in_flows(words: random.Random) -> Pair:
    """`python -m flows release`, each with a Prefect server of its own; one may start a little later."""

    def run(roots: Sequence[Path]) -> list[int]:
        started = []
        for root in words.sample(list(roots), len(roots)):
            command = [sys.executable, "-m", "flows", "release", "--project", str(root)]
            log = (root.parent / f"{root.name}.log").open("wb")
            started.append((root, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log), log))
            time.sleep(words.choice((0, 0, words.random() * LATER_SECONDS_MAX)))
        codes = {}
        for root, process, log in started:
            codes[root] = process.wait(TIMEOUT_SECONDS)
            log.close()
        return [codes[root] for root in roots]

    return run


LATER_SECONDS_MAX = 6.0
"""A flow of these small projects takes some 15 s, so the two still overlap."""


def races(
    scratch: Path, pair: Pair, ready: Path, turns: tuple[int, float], words: random.Random
) -> Tally:
    """Two machines with one Hub release at once, again and again.

    There is one chain; who lost ended with 3, and wrote nothing that anybody reads: no version, branch
    or commit of the Hub, no commit or tag of its git, no receipt. `turns`: how many, and when none begins.
    """
    from benchmarks import here

    tally = Tally(Counter(), Counter(), [])
    scratch.mkdir()
    shared = scratch / "shared"
    shutil.copytree(ready / ".stackyard" / "hub", shared)
    roots = []
    for name in ("a", "b"):
        root = scratch / name
        shutil.copytree(ready, root, symlinks=True)
        shutil.rmtree(root / ".stackyard" / "hub")
        (root / ".stackyard" / "hub").symlink_to(shared)
        roots.append(root)
    before = _chain(shared)
    rounds, end = turns
    for turn in range(rounds):
        if time.monotonic() > end:
            break
        for which, root in enumerate(roots):
            own = {
                f"octo-org/{which}": {
                    "LICENSE": MIT.encode(),
                    "own.py": text(words.randrange(1 << 30)),
                }
            }
            here.write_sources(root, ORIGINS | own)
        written = [_written(root) for root in roots]
        codes = pair(roots)
        chain = _chain(shared)
        tally.faults["race"] += 1
        touched = [
            root.name
            for root, code, was in zip(roots, codes, written, strict=True)
            if code and _written(root) != was
        ]
        new = chain - before
        if chain and new == codes.count(0) and set(codes) <= {0, 3} and not touched:
            tally.same["lost" if 3 in codes else "one after the other"] += 1
        else:
            tally.wrong.append(
                f"turn {turn}: ended with {codes}, {new} new versions, chain {chain}, written by a "
                f"loser: {touched}"
            )
        before = chain
        print(f"  race {turn}: {codes}, {chain} versions", file=sys.stderr)
    return tally


def _written(root: Path) -> list[str]:
    """What a release writes on its own machine: commits and tags of git, and receipts."""
    refs = subprocess.run(
        ["git", "-C", str(root), "for-each-ref"], check=True, capture_output=True, text=True
    )
    receipts = sorted(map(str, (root / ".stackyard" / "receipts").rglob("*")))
    return [*refs.stdout.splitlines(), *receipts]


def _chain(hub: Path) -> int:
    """How many versions there are, if each follows the one before and main has them and no other; else 0."""
    from benchmarks import here
    from stackyard.hub.repository import Repository
    from stackyard.release.manifest import Manifest, Previous, identity
    from stackyard.release.semver import version_key

    repository = Repository(hub / "datasets" / here.REPO, here.REPO)
    before, chain = None, []
    tags = {name.removeprefix("v"): commit for name, commit in repository.refs("tags").items()}
    for version in sorted(tags, key=version_key):
        entry = repository.commit(tags[version]).files["manifest.json"]
        manifest = Manifest.parse((hub / "objects" / entry.sha256[:2] / entry.sha256).read_bytes())
        if manifest.previous != before:
            return 0
        before = Previous(version, identity(manifest))
        chain.append(entry.sha256)
    heads = repository.refs("branches")
    walked: list[str] = []
    commit: str | None = heads["main"]
    while commit is not None:
        about = repository.commit(commit)
        here_ = about.files.get("manifest.json")
        if here_ is not None and walked[-1:] != [here_.sha256]:
            walked.append(here_.sha256)
        commit = about.parent
    return len(tags) if walked[::-1] == chain and set(heads) == {"main"} else 0


def report(what: str, tally: Tally) -> None:
    total, same = sum(tally.faults.values()), sum(tally.same.values())
    by = tally.same if "race" in tally.faults else tally.faults
    parts = ", ".join(f"{name} {count}" for name, count in sorted(by.items()))
    held = "left one chain" if "race" in tally.faults else "ended as if undisturbed"
    print(f"{what}: {total}, of which {same} {held} ({parts})", flush=True)
    for each in tally.wrong:
        print(f"  WRONG {each}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--disks", type=int, default=20)
    parser.add_argument("--races", type=int, default=10)
    parser.add_argument("--flows", type=int, default=0)
    parser.add_argument("--only", choices=list(SCENARIOS), nargs="+", default=[])
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--zygote", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--prepare", nargs=2, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.zygote:
        zygote(told.zygote)
        return 0
    if told.prepare:
        freeze()
        starts(SCENARIOS)[told.prepare[0]](Path(told.prepare[1]))
        return 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        scratch = Path(folder)
        soak = Soak(scratch, told.seed, told.only, end=start + told.minutes * 60)
        print(f"seed {told.seed}", flush=True)
        # The few first, for the case that time runs out.
        tallies = {
            "full disks": soak.faults(FULL, told.disks),
            "kills": soak.faults(KILL, told.kills),
        }
        ready = soak.ready.get("increment") or soak.ready[soak.names[0]]
        if told.races:
            pair = in_children(soak.zygote)
            tallies["races"] = races(
                scratch / "race", pair, ready, (told.races, soak.end), soak.words
            )
        if told.flows:
            pair = in_flows(soak.words)
            tallies["races of flows"] = races(
                scratch / "flows", pair, ready, (told.flows, soak.end), soak.words
            )
        soak.zygote.close()
    for what, tally in tallies.items():
        report(what, tally)
    print(f"{time.monotonic() - start:.0f} s")
    return int(any(tally.wrong for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
