"""A log of many requests and a corpus of many files, made for measuring."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from stackyard.optout import requests
from stackyard.optout.authors import AUTHOR, AUTHORS, Authors, namer
from stackyard.optout.registry import Registry, Request
from stackyard.optout.selector import Selector
from stackyard.record import BLOB_ID, FILE_KEY, FILES, ORIGINS
from stackyard.store.registry import open_writer

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FILES_PER_ORIGIN = 50
FILES_PER_AUTHOR = 20
_BATCH = 20_000


def salt_of(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8)).digest()


def fill_log(project: Path, count: int) -> None:
    """Appends `count` submitted requests."""
    with open_writer(project) as log:
        for start in range(0, count, _BATCH):
            pairs = [
                requests.submit(
                    Selector("repo", f"owner{n}/repo"),
                    sequence=log.size + n - start,
                    time=NOW,
                    salt=salt_of(n),
                    contact="me@example.org",
                )
                for n in range(start, min(start + _BATCH, count))
            ]
            log.append([event for event, _ in pairs], [request for _, request in pairs])


class Forced(Registry):
    """A registry in which given requests are in force, without a log."""

    def __init__(self, found: list[Request]) -> None:
        object.__setattr__(self, "forced", tuple(sorted(found, key=lambda r: r.request)))

    def effective(self) -> tuple[Request, ...]:
        forced: tuple[Request, ...] = self.__dict__["forced"]
        return forced


def mixed_requests(count: int, origins: int) -> Forced:
    """Requests of all scopes in equal parts; of each part half name something of the corpus.

    Accounts are asked for with their forks, and authors touched what `authors_of` says.
    """
    found = []
    for n in range(count):
        origin = n // 5 * 2 % (2 * origins)
        name = f"owner{origin // 2}/repo{origin}"
        selector = [
            Selector("repo", name),
            Selector("owner", f"owner{origin}"),
            Selector("path", name, "", "src/**/file1*.py"),
            Selector("blob", f"swh:1:cnt:{hashlib.sha1(str(n).encode()).hexdigest()}"),
            Selector("author", f"author{n}@example.org"),
        ][n % 5]
        has_forks = selector.kind == "owner"
        found.append(Request(f"req-{n:016x}", selector, "none", False, salt_of(n), forks=has_forks))
    return Forced(found)


def authors_of(log: Forced, files: pa.Table) -> Authors:
    """Authorship in which each second author of the requests touched FILES_PER_AUTHOR files."""
    key = bytes(32)
    asked = [r.selector.name for r in log.effective() if r.selector.kind == "author"]
    names = pa.array([namer(key)(address) for address in asked[::2]], AUTHOR)
    rows = np.random.default_rng(8).integers(0, files.num_rows, len(names) * FILES_PER_AUTHOR)
    touched = files.select(FILE_KEY).take(pa.array(rows))
    author = names.take(pa.array(np.repeat(np.arange(len(names)), FILES_PER_AUTHOR)))
    return Authors(touched.append_column("author", author).cast(AUTHORS), key)


def corpus(origins: int) -> tuple[pa.Table, pa.Table]:
    """FILES and ORIGINS: two repositories an owner, FILES_PER_ORIGIN files each, in canonical form."""
    number = np.arange(origins)
    names = pa.array([f"Owner{n // 2}/Repo{n}" for n in number])
    revisions = pa.array([f"swh:1:rev:{n:040x}" for n in number])
    repeat = pa.array(np.repeat(number, FILES_PER_ORIGIN))
    paths = pa.array([f"src/package/module/file{n}.py" for n in range(FILES_PER_ORIGIN)])
    rows = origins * FILES_PER_ORIGIN
    blobs = np.random.default_rng(7).integers(0, 256, rows * 20, dtype=np.uint8)
    files = pa.table(
        [
            names.take(repeat),
            revisions.take(repeat),
            paths.take(pa.array(np.tile(np.arange(FILES_PER_ORIGIN), origins))),
            pa.FixedSizeBinaryArray.from_buffers(BLOB_ID, rows, [None, pa.py_buffer(blobs)]),
            pa.array(np.full(rows, 1_000)),
        ],
        schema=FILES,
    )
    empty = pa.repeat("", origins)
    zero = pa.array(np.zeros(origins, np.int64))
    table = pa.table(
        {
            "repo_name": names,
            "revision_id": revisions,
            "origin": pa.array([f"https://github.com/Owner{n // 2}/Repo{n}" for n in number]),
            "directory_id": empty,
            "branch_name": empty,
            "revision_date": pa.nulls(origins, ORIGINS.field("revision_date").type),
            "star_events_count": zero,
            "fork_events_count": zero,
        }
    ).cast(ORIGINS)
    # Each tenth repository is a fork of the one before it.
    forked = pa.array([f"Owner{(n - 1) // 2}/Repo{n - 1}" if n % 10 == 9 else None for n in number])
    return files, table.append_column("fork_of", forked.cast(pa.string()))
