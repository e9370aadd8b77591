"""Claims of the release: made, pulled, tampered with, repeated, grown and taken down, over real sources.

Everything runs through the commands that the README names, in projects of its own under a temporary
folder, over the sources of the project in this folder (their archives come from its cache).
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from benchmarks import optout_suites
from benchmarks.claim import Claim
from benchmarks.lies import LIES
from stackyard.client.verify import verify
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.keys import release_key
from stackyard.pipeline.project.making import ensure_machinery
from stackyard.store.hub import HubDataset

ROOT = Path(__file__).parents[1]
TAKEN = "lodash/lodash"
ADDED = "isaacs/inherits"
_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("deb", "debian", "org"),
    )
]  # fmt: skip
"""In parts, so that this file does not hold what it looks for."""


def run() -> Iterator[Claim]:
    """The claims, in the order of the issue."""
    with tempfile.TemporaryDirectory() as scratch:
        bench = _Bench(Path(scratch))
        yield from bench.sources()
        first = bench.project("first")
        yield from bench.first_release(first)
        yield from bench.same_bytes(first)
        yield from bench.verification(first)
        yield bench.lies(first)
        yield from bench.nothing_changed(first)
        yield from bench.takedown(first)
        yield from bench.growth()
        yield from bench.own_sources()
    yield from optout_suites.counted("races and surroundings", optout_suites.RELEASE_SUITES)
    yield _laws()
    yield from _hostile()


_HOSTILE = {
    "hostile Hubs: endless, packed, dripping, deep, leading in circles": "tests/unit/store/test_hub_bounds.py",
    "Hubs that hide, empty or forge; links in a target folder": "tests/unit/client/test_seen.py",
    "requests that no honest client sends to the embedded Hub": "tests/unit/hub/test_hub_hostile.py",
    "addresses of special purpose, in each spelling": "tests/unit/store/test_reach.py",
    "source URLs that may hold a token, among all wrong ones": "tests/unit/ingest/test_sources.py",
    "properties of documents and terminals under hostile names": "tests/property/test_hostile_names.py",
}


def _hostile() -> Iterator[Claim]:
    """How many attacks were tried, and how many of them were refused."""
    for what, path in _HOSTILE.items():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        passed = re.search(r"(\d+) passed", done.stdout)
        failed = re.search(r"(\d+) failed", done.stdout)
        count, bad = (int(found[1]) if found else 0 for found in (passed, failed))
        yield Claim(what, "all refused", f"{count} of {count + bad} refused", not done.returncode)


class _Bench:
    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.template = scratch / "template"
        self.template.mkdir()
        for name in ("params.yaml", "sources.yaml", "dvc.yaml", ".gitignore"):
            shutil.copy(ROOT / name, self.template / name)
        own = shutil.ignore_patterns("log", "keys", "checkpoint", "schema")
        shutil.copytree(ROOT / "registry", self.template / "registry", ignore=own)
        (self.template / "registry" / "log").mkdir()
        (self.template / "registry" / "log" / ".gitkeep").touch()
        (ROOT / ".stackyard" / "cache").mkdir(parents=True, exist_ok=True)
        (self.template / ".stackyard").mkdir()
        (self.template / ".stackyard" / "cache").symlink_to(ROOT / ".stackyard" / "cache")
        ensure_machinery(self.template)

    def project(self, name: str, without: tuple[str, ...] = (), *, shuffle: bool = False) -> Path:
        """A project with the same keys and sources, less some, in another order if asked."""
        root = self.scratch / name
        shutil.copytree(self.template, root, symlinks=True)
        entries = yaml.safe_load((root / "sources.yaml").read_text(encoding="utf-8"))
        entries = [entry for entry in entries if entry["name"] not in without]
        if shuffle:
            random.Random(1).shuffle(entries)
        (root / "sources.yaml").write_text(yaml.safe_dump(entries), encoding="utf-8")
        return root

    def sources(self) -> Iterator[Claim]:
        entries = yaml.safe_load((ROOT / "sources.yaml").read_text(encoding="utf-8"))
        packages = [each for each in entries if each["kind"] == "package" and each["sha256"]]
        names = [each["name"] for each in packages]
        kinds = {each["purl"].partition("/")[0] for each in packages}
        yield _at_least("source archives by purl and sha256", 12, len(packages))
        yield _at_least("ecosystems among them", 3, len(kinds))
        yield _at_least("packages with two releases", 1, len(names) - len(set(names)))
        text = "".join(
            path.read_text(encoding="utf-8", errors="replace")
            for path in (ROOT / line for line in _git_files())
            if path.is_file()
        )
        hosts = re.findall("|".join(map(re.escape, _HOSTS)), text)
        yield Claim("no registry's host in the repository", "0", f"{len(hosts)}", not hosts)

    def first_release(self, root: Path) -> Iterator[Claim]:
        start = time.monotonic()
        outcome = _flow("release", root)
        seconds = time.monotonic() - start
        totals = outcome["run"]["totals"]
        yield Claim(
            "release v0.1.0 of the committed sources, 2 workers, warm cache",
            "published",
            f"{totals['files_seen']:,} files seen, {totals['files_kept']:,} kept, {seconds:.0f} s",
            outcome["is_new"] and outcome["run"]["version"] == "0.1.0",
        )
        yield _at_least("programming languages released", 8, len(totals["languages"]))
        yield _at_least("licence expressions released", 4, len(totals["licenses"]))
        dropped = {f"{d['stage']}/{d['rule']}": d["files"] for d in totals["dropped"]}
        for rule in ("filter/license-not-allowed", "filter/no-license", "dedup/near-duplicate"):
            yield _at_least(f"files dropped by {rule}", 1, dropped.get(rule, 0))
        balance = totals["files_kept"] + sum(dropped.values())
        yield Claim(
            "law 1: every file seen has one decision",
            "seen = kept + dropped",
            f"{totals['files_seen']} = {balance}",
            totals["files_seen"] == balance,
        )

    def same_bytes(self, first: Path) -> Iterator[Claim]:
        other = self.project("shuffled", shuffle=True)
        _flow("release", other, "--workers", "1")
        same = _tree(first) == _tree(other)
        yield Claim(
            "law 2: 1 worker and shuffled sources give the same bytes as 2 workers",
            "all files equal",
            f"{len(_tree(first))} files, {'equal' if same else 'different'}",
            same,
        )

    def verification(self, first: Path) -> Iterator[Claim]:
        name = _name(first)
        copy = self.scratch / "copy"
        pulled = _stackyard("pull", name, "--to", copy, "--project", first)
        verified = _stackyard("verify", copy, "--project", first)
        yield Claim(
            "a pulled release verifies",
            "exit 0",
            f"pull {pulled.returncode}, verify {verified.returncode}",
            pulled.returncode == verified.returncode == 0,
        )
        for what, tamper in _TAMPERS.items():
            broken = self.scratch / "broken"
            shutil.rmtree(broken, ignore_errors=True)
            shutil.copytree(copy, broken)
            place = tamper(broken)
            done = _stackyard("verify", broken, "--project", first)
            told = place in done.stdout + done.stderr
            yield Claim(
                f"verify finds {what}",
                "exit 1, says where",
                f"exit {done.returncode}, {'named' if told else 'not named'}",
                done.returncode == 1 and told,
            )
        missed = 0
        listed = sorted(path for path in copy.rglob("*") if path.is_file())
        for path in listed:
            content = path.read_bytes()
            if not content:
                continue
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            missed += _stackyard("verify", copy, "--project", first).returncode != 1
            path.write_bytes(content)
        yield Claim(
            "verify finds one changed byte in each file of the copy",
            "0 missed",
            f"{missed} missed of {len(listed)}",
            missed == 0,
        )
        yield self._moved_tag(first, copy)

    def lies(self, first: Path) -> Claim:
        """Every lie of `lies.LIES`, told of a release of real sources and signed by its own key."""
        key, missed = release_key(first), []
        public = key.public_key().public_bytes_raw().hex()
        for lie in LIES:
            folder = self.scratch / "lie"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(first / "release", folder)
            lie.told(folder, key)
            found = verify(folder, key=public).findings
            if not any(lie.check in str(finding) for finding in found):
                missed.append(lie.name)
        return Claim(
            "lies signed by the right key, told by the check that each is about",
            "0 missed",
            f"{len(missed)} missed of {len(LIES)}" + "".join(f"; {name}" for name in missed),
            not missed,
        )

    def _moved_tag(self, first: Path, copy: Path) -> Claim:
        from huggingface_hub import HfApi

        from stackyard.pipeline.publish.previous import hub_endpoint

        repo, _, version = _name(first).partition("@")
        with hub_endpoint(Project.at(first)) as endpoint:
            api = HfApi(endpoint=endpoint)
            tagged = HubDataset(repo, endpoint).resolve(version)
            other = api.create_commit(
                repo, [], commit_message="other", repo_type="dataset", create_pr=False
            ).oid
            if other == tagged:
                api.upload_file(
                    path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=repo, repo_type="dataset"
                )
                other = HubDataset(repo, endpoint).head()
            api.delete_tag(repo, tag=f"v{version}", repo_type="dataset")
            api.create_tag(repo, tag=f"v{version}", revision=other, repo_type="dataset")
            moved = _stackyard("verify", copy, "--project", first).returncode
            api.delete_tag(repo, tag=f"v{version}", repo_type="dataset")
            api.create_tag(repo, tag=f"v{version}", revision=tagged, repo_type="dataset")
            back = _stackyard("verify", copy, "--project", first).returncode
        return Claim(
            "verify finds a moved tag, and is content when it is moved back",
            "exit 1, then 0",
            f"exit {moved}, then {back}",
            (moved, back) == (1, 0),
        )

    def nothing_changed(self, first: Path) -> Iterator[Claim]:
        before = _tree(first)
        outcome = _flow("release", first)
        yield Claim(
            "a second release with nothing changed makes nothing",
            "no version, 0 files sent",
            f"new: {outcome['is_new']}, {len(outcome['uploaded'])} sent",
            not outcome["is_new"] and not outcome["uploaded"] and _tree(first) == before,
        )

    def takedown(self, first: Path) -> Iterator[Claim]:
        submit = ("optout", "submit", "--repo", TAKEN, "--contact", "ada@example.org", "--json")
        request = json.loads(_stackyard(*submit, "--project", first).stdout)["request"]
        manual = ("--method", "manual", "--reason", "asked by the owner")
        _stackyard("optout", "verify", request, *manual, "--project", first)
        outcome = _flow("takedown", first)
        never = self.project("never", (TAKEN,))
        _flow("release", never)
        same = _data(first) == _data(never)
        named = [
            p
            for p, _ in _tree(first).items()
            if TAKEN.encode() in (first / "release" / p).read_bytes()
        ]
        yield Claim(
            f"takedown of {TAKEN} is v0.1.1, equal to a release that never had it (law 3)",
            "0.1.1, shards equal, named nowhere",
            f"{outcome['run']['version']}, {'equal' if same else 'different'}, named in {len(named)}",
            outcome["run"]["version"] == "0.1.1" and same and not named,
        )

    def growth(self) -> Iterator[Claim]:
        grown = self.project("grown", (ADDED, "fmtlib/fmt"))
        _flow("release", grown)
        before = _data(grown)
        shutil.copy(self.template / "sources.yaml", grown / "sources.yaml")
        outcome = _flow("release", grown)
        after = _data(grown)
        kept = {path for path, sha in after.items() if before.get(path) == sha}
        again = kept & set(outcome["uploaded"])
        yield Claim(
            "adding a source is a minor version; unchanged shards are not sent again",
            "0.2.0, 0 sent again",
            f"{outcome['run']['version']}, {len(kept)} of {len(after)} unchanged, {len(again)} sent",
            outcome["run"]["version"] == "0.2.0" and bool(kept) and not again,
        )

    def own_sources(self) -> Iterator[Claim]:
        root = self.scratch / "own"
        folder = self.scratch / "mine"
        shutil.copytree(ROOT / "src" / "stackyard", folder / "dir" / "src")
        shutil.copy(ROOT / "LICENSE", folder / "dir" / "LICENSE")
        shutil.make_archive(str(folder / "pack"), "gztar", ROOT, "flows")
        repo = folder / "repo"
        shutil.copytree(ROOT / "tasks", repo / "tasks")
        shutil.copy(ROOT / "LICENSE", repo / "LICENSE")
        who = ("-c", "user.name=octo", "-c", "user.email=octo@example.org")
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "first")):
            subprocess.run(["git", "-C", str(repo), *who, *command], check=True)
        _stackyard("init", root, "--repo", "octo-org/own", "--contact", "opt-out@example.org")
        sources = [
            {"kind": "directory", "path": "../mine/dir", "name": "octo-org/dir"},
            {"kind": "archive", "path": "../mine/pack.tar.gz", "name": "octo-org/pack"},
            {"kind": "git", "url": repo.as_uri(), "ref": "HEAD", "name": "hubot/repo"},
        ]
        (root / "sources.yaml").write_text(yaml.safe_dump(sources), encoding="utf-8")
        released = _flow("release", root)
        copy = self.scratch / "owncopy"
        pulled = _stackyard(
            "pull", "octo-org/own@0.1.0", "--to", copy, "--project", root
        ).returncode
        verified = _stackyard("verify", copy, "--project", root).returncode
        submit = ("optout", "submit", "--owner", "hubot", "--contact", "ada@example.org", "--json")
        request = json.loads(_stackyard(*submit, "--project", root).stdout)["request"]
        manual = ("--method", "manual", "--reason", "asked by the owner")
        _stackyard("optout", "verify", request, *manual, "--project", root)
        taken = _flow("takedown", root)
        yield Claim(
            "a directory, an archive and a git repository of one's own, in a project elsewhere",
            "0.1.0, pull 0, verify 0, 0.1.1",
            f"{released['run']['version']}, pull {pulled}, verify {verified}, {taken['run']['version']}",
            (released["run"]["version"], pulled, verified, taken["run"]["version"])
            == ("0.1.0", 0, 0, "0.1.1"),
        )


def _flip(folder: Path) -> str:
    path = min(folder.glob("data/*/*/*.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    return path.name


def _edit_row(folder: Path) -> str:
    path = min(folder.glob("data/*/Python/*.parquet"))
    table = pq.read_table(path, partitioning=None)
    contents = table["content"].to_pylist()
    contents[0] += "\n# edited\n"
    at = table.schema.get_field_index("content")
    pq.write_table(table.set_column(at, table.schema.field(at), [contents]), path)
    return path.name


def _remove(folder: Path) -> str:
    path = max(folder.glob("data/*/*/*.parquet"))
    path.unlink()
    return str(path.relative_to(folder))


def _add(folder: Path) -> str:
    (folder / "data" / "permissive" / "Python" / "extra.parquet").write_bytes(b"PAR1")
    return "extra.parquet"


_TAMPERS: dict[str, Callable[[Path], str]] = {
    "one changed byte": _flip,
    "an edited row in a rewritten Parquet file": _edit_row,
    "a removed file": _remove,
    "an added file": _add,
}


def _laws() -> Claim:
    """The tests of laws over the flow: kills at every boundary and inside, and the rest."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/flows"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "no output"
    return Claim("laws 1, 2, 3, 5, 8, 9 over the flow", "all pass", last, done.returncode == 0)


def _flow(name: str, root: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "flows", name, "--project", str(root), "--json", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout))


def _stackyard(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stackyard.cli", *(str(each) for each in arguments)]
    environment = {**os.environ, "HF_HUB_DISABLE_XET": "1"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def _name(root: Path) -> str:
    manifest = json.loads((root / "release" / "manifest.json").read_bytes())
    return f"{manifest['name']}@{manifest['version']}"


def _tree(root: Path) -> dict[str, str]:
    manifest = json.loads((root / "release" / "manifest.json").read_bytes())
    own = {"manifest.json": (root / "release" / "manifest.dsse.json").read_bytes().hex()}
    return {**own, **{file["path"]: file["sha256"] for file in manifest["files"]}}


def _data(root: Path) -> dict[str, str]:
    return {path: sha for path, sha in _tree(root).items() if path.startswith("data/")}


def _git_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return listed.stdout.splitlines()


def _at_least(claim: str, bar: int, measured: int) -> Claim:
    return Claim(claim, f">= {bar}", str(measured), measured >= bar)
