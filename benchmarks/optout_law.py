"""Law 3 and law 10 on real code, for each scope: a release with an opt-out, and one without what it names.

The corpus is what is installed here, split by directory, two repositories an owner; every tenth has files
of its neighbour as well, some of them changed a little, and one in eight is a git repository whose
commits have several authors. What a request names is said here by other means than matching: by names, by
`fnmatch`, by the hash of the bytes, by who made the commit, by comparing sets of words.
"""

from __future__ import annotations

import fnmatch
import functools
import hashlib
import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from benchmarks.claim import Claim
from benchmarks.optout_corpus import NOW, salt_of
from benchmarks.optout_takedown import build, directories, mit_text, packages, shards
from stackyard.optout import requests
from stackyard.optout.registry import Copies
from stackyard.optout.selector import parse
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.making import init_project
from stackyard.store import files as stored
from stackyard.store.registry import open_writer

ORIGINS = 96
TOKEN = re.compile(rb"[\xe0-\xff]?[0-9A-Za-z_\x80-\xdf]+|[\xe0-\xff]")
File = tuple[str, str]
"""(repository, path)"""


@dataclass
class Corpus:
    """What was laid out, as it is known before anything of Stackyard read it."""

    files: dict[File, bytes] = field(default_factory=dict)
    authors: dict[File, set[str]] = field(default_factory=dict)


def make(root: Path, origins: int = ORIGINS) -> Corpus:
    """A project of real files, and what is in it."""
    init_project(root, "octo-org/law", "opt-out@example.org")
    corpus, sources = Corpus(), []
    text = mit_text(packages()).encode()
    groups = itertools.islice(directories(packages()), origins)
    last: list[Path] = []
    for number, files in enumerate(groups):
        name = f"owner{number // 2}/code{number}"
        mine = {f"src/{file.name}": file.read_bytes() for file in files}
        mine["LICENSE"] = text
        if number % 10 == 3:
            mine |= {f"vendor/{file.name}": file.read_bytes() for file in last[:4]}
            mine |= {f"near/{file.name}": _changed(file.read_bytes()) for file in last[4:8]}
        folder = root / "origins" / f"{number:04d}"
        corpus.files |= {(name, path): content for path, content in mine.items()}
        where = folder.relative_to(root).as_posix()
        if number % 8 == 5:
            corpus.authors |= {(name, p): who for p, who in _commit(folder, mine).items()}
            sources.append({"kind": "git", "url": folder.as_uri(), "ref": "main", "name": name,
                            "authors": True})  # fmt: skip
        else:
            _write(folder, mine)
            sources.append({"kind": "directory", "path": where, "name": name})
        last = files
    (root / "sources.yaml").write_text(yaml.safe_dump(sources))
    return corpus


def _changed(content: bytes) -> bytes:
    return b"# taken over, with thanks\n" + content


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _commit(folder: Path, files: dict[str, bytes]) -> dict[str, set[str]]:
    """Every third file is of one author each; the first file is touched by all."""
    folder.mkdir(parents=True)
    _git(folder, "ada", "init", "-q", "-b", "main")
    touched: dict[str, set[str]] = {}
    first = min(files)
    for place, who in enumerate(("ada", "bob", "cyd")):
        part = {path: files[path] for path in sorted(files)[place::3]}
        part[first] = files[first] if who == "cyd" else b"# by %s\n" % who.encode()
        _write(folder, part)
        _git(folder, who, "add", "-A")
        _git(folder, who, "commit", "-q", "-m", "more")
        for path in part:
            touched.setdefault(path, set()).add(f"{who}@work.example.org")
    return touched


def _git(folder: Path, who: str, *command: str) -> None:
    address = f"{who}@work.example.org"
    names = {"NAME": who, "EMAIL": address, "DATE": "2020-01-02T03:04:05Z"}
    env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in names.items()}  # fmt: skip
    subprocess.run(["git", "-C", str(folder), *command], check=True, env={**os.environ, **env})


def _unsee(project: Project, gone: frozenset[File]) -> None:
    """Listings without some files, as if the origins had never had them."""
    for path in sorted(project.workspace.listings_folder.glob("[!.]*.parquet")):
        table = stored.read_table(path)
        keys = zip(table["repo_name"].to_pylist(), table["path"].to_pylist(), strict=True)
        stored.write_table(path, table.filter(pa.array([key not in gone for key in keys])))


def opt_out(root: Path, kind: str, text: str, copies: Copies) -> None:
    """Submits and accepts a request."""
    with open_writer(root) as log:
        event, request = requests.submit(
            parse(kind, text), sequence=log.size, time=NOW, salt=salt_of(1), contact=None, copies=copies
        )  # fmt: skip
        log.append([event], [request])
        reason = requests.Reason("asked", salt_of(2))
        status = log.status(request.request)
        events = requests.verified(status, "manual", reason, None, sequence=log.size, time=NOW)
        log.append(events, reasons=[(request.request, reason)])


def decided(root: Path) -> frozenset[File]:
    """Files that the stage optout dropped."""
    table = pq.read_table(root / "work" / "optout" / "decisions.parquet")
    return frozenset(zip(table["repo_name"].to_pylist(), table["path"].to_pylist(), strict=True))


def words(content: bytes) -> frozenset[tuple[bytes, ...]]:
    """5-grams of the words of a text (docs/dedup.md), the slow and plain way."""
    tokens = TOKEN.findall(content)
    return frozenset(zip(*(tokens[i:] for i in range(5)), strict=False))


def near(corpus: Corpus, seeds: set[File], similarity_min: float) -> set[File]:
    """Files of which the words are near those of a seed, by brute force."""
    bags = {key: words(content) for key, content in corpus.files.items()}
    return {
        key
        for key, bag in bags.items()
        for seed in seeds
        if bag and bags[seed] and len(bag & bags[seed]) >= similarity_min * len(bag | bags[seed])
    }


def scopes(corpus: Corpus) -> Iterator[tuple[str, str, str, Copies, set[File]]]:
    """(what, kind, text, copies, files that must go), one of each scope."""
    owner, repo = "owner6", "owner6/code12"
    of_repo = {key for key in corpus.files if key[0] == repo}
    globbed = {key for key in of_repo if fnmatch.fnmatchcase(key[1], "src/*")}
    blob_of = {
        key: hashlib.sha1(b"blob %d\0" % len(c) + c, usedforsecurity=False).hexdigest()
        for key, c in corpus.files.items()
    }
    some = max(globbed, key=lambda key: len(corpus.files[key]))
    ada = "ada@work.example.org"
    yield "repository", "repo", repo, "none", of_repo
    yield "owner", "owner", owner, "none", {k for k in corpus.files if k[0].startswith(f"{owner}/")}
    yield "path glob", "path", f"{repo}:src/**", "none", globbed
    yield (
        "blob", "blob", f"swh:1:cnt:{blob_of[some]}", "none",
        {key for key, blob in blob_of.items() if blob == blob_of[some]},
    )  # fmt: skip
    yield "author", "author", ada, "none", {k for k, who in corpus.authors.items() if ada in who}
    exact = {blob_of[key] for key in globbed if corpus.files[key]}
    copied = {key for key, blob in blob_of.items() if blob in exact}
    yield "exact copies", "path", f"{repo}:src/**", "exact", globbed | copied
    yield (
        "near copies", "path", f"{repo}:src/**", "near",
        globbed | copied | near(corpus, globbed, 0.7),
    )  # fmt: skip


def claims(folder: Path) -> Iterator[Claim]:
    """Law 3 and law 10, a claim a scope."""
    base = folder / "base"
    corpus = make(base)
    fresh = folder / "fresh"
    shutil.copytree(base, fresh, symlinks=True)
    build(base)
    listed = {path: sha for path, (sha, _) in shards(base).items()}
    for number, (what, kind, text, copies, gone) in enumerate(scopes(corpus)):
        taken, never = folder / f"taken{number}", folder / f"never{number}"
        shutil.copytree(base, taken, symlinks=True)
        shutil.copytree(fresh, never, symlinks=True)
        opt_out(taken, kind, text, copies)
        build(taken)
        build(never, functools.partial(_unsee, gone=frozenset(gone)))
        after, other = ({p: sha for p, (sha, _) in shards(root).items()} for root in (taken, never))
        went = decided(taken)
        exact = went == gone
        yield Claim(
            f"law 3 on {len(corpus.files):,} real files of {ORIGINS} origins, scope {what}: the shards of "
            "the takedown are those of a release that never saw what is named, and nothing else goes",
            "equal bytes, equal files",
            f"{'equal' if after == other else 'OTHER'} bytes in {len(after)} shards ({len(listed)} before); "
            f"{len(went)} files go, {len(gone)} are named"
            + ("" if exact else f", {len(went ^ gone)} of them differ"),
            after == other and exact and bool(gone) and after != listed,
        )
        shutil.rmtree(taken)
        shutil.rmtree(never)
