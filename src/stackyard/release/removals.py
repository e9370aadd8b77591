r"""removals.jsonl: which contents left the dataset, for those who hold copies of it.

In: the removals of the last release, and what changed. Out: those of this one.
Always holds: it only grows; it names no origin, owner or requester; for one content the last line is
what holds now.

One line a change, canonical JSON (RFC 8785) and `\n`, in the order of releases and then of
content_sha256. Members: `change`, `content_sha256` (of the released text), `swhid` (of the blob as
its origin had it), `version` (the release that made the change). `change` is

    removed   no row of the release has this content any more
    moved     the row is gone, and another row, of another origin, has the same content
    restored  a row has the content again, after a removal was listed
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

import pyarrow as pa

from stackyard.errors import CorruptWorkspace
from stackyard.params import canonical_json
from stackyard.release.diff import RowDiff
from stackyard.release.semver import version_key

Change = Literal["removed", "moved", "restored"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SWHID = re.compile(r"swh:1:cnt:[0-9a-f]{40}")
_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){2}")


@dataclass(frozen=True, order=True)
class Removal:
    """A line of removals.jsonl."""

    content_sha256: str
    swhid: str
    change: Change
    version: str


def render(previous: bytes, version: str, rows: RowDiff) -> bytes:
    """The lines so far, and those of this release.

    Raises:
        CorruptWorkspace: the previous lines are not those of a release.
    """
    lines = list(parse(previous))
    last = {line.content_sha256: line.change for line in lines}
    every = {*_removed(version, rows), *_restored(version, rows, last)}
    added = b"".join(canonical_json(line) + b"\n" for line in sorted(every))
    return previous + added


def parse(text: bytes) -> Iterator[Removal]:
    """The lines of a removals.jsonl.

    Raises:
        CorruptWorkspace: a line is not one of ours.
    """
    lines = text.split(b"\n")
    for number, line in enumerate(lines[:-1], 1):
        try:
            removal = Removal(**json.loads(line))
            canonical = canonical_json(removal)
        except (ValueError, TypeError, RecursionError):
            raise _corrupt(f"line {number}") from None
        if canonical != line:
            raise _corrupt(f"line {number}")
        yield removal
    if lines[-1]:
        raise _corrupt("the last line has no end")


def gone(text: bytes) -> frozenset[str]:
    """content_sha256 of all that was removed and did not come back: what a copy should not hold."""
    return gone_of(parse(text))


def gone_of(lines: Iterable[Removal]) -> frozenset[str]:
    """The same of lines that were read."""
    last = {line.content_sha256: line.change for line in lines}
    return frozenset(name for name, change in last.items() if change == "removed")


def faults(lines: Sequence[Removal], version: str) -> Iterator[str]:
    """What a reader finds wrong with the lines of a release of this version: form, and order."""
    restorable: set[str] = set()
    before: tuple[tuple[int, ...], str] = ((), "")
    for number, line in enumerate(lines, 1):
        if not _is_sound(line):
            yield f"line {number} has a hash, a SWHID, a change or a version that is none"
            return
        place = (version_key(line.version), line.content_sha256)
        if place < before or place[0] > version_key(version):
            yield f"line {number} is not in the order of releases, or is of a later one"
        before = place
        if line.change == "restored" and line.content_sha256 not in restorable:
            yield f"line {number} restores what was not removed"
        update = restorable.add if line.change == "removed" else restorable.discard
        update(line.content_sha256)


def _is_sound(line: Removal) -> bool:
    return (
        all(isinstance(value, str) for value in (line.content_sha256, line.swhid, line.version))
        and _SHA256.fullmatch(line.content_sha256) is not None
        and _SWHID.fullmatch(line.swhid) is not None
        and _VERSION.fullmatch(line.version) is not None
        and line.change in get_args(Change)
    )


def _removed(version: str, rows: RowDiff) -> Iterator[Removal]:
    moved = rows.moved.to_pylist()
    for (content, swhid), stays in zip(_ids(rows.removed), moved, strict=True):
        yield Removal(content, swhid, "moved" if stays else "removed", version)


def _restored(version: str, rows: RowDiff, last: dict[str, Change]) -> Iterator[Removal]:
    for table in (rows.added, rows.readmitted, rows.changed, rows.rewritten):
        for content, swhid in _ids(table):
            if last.get(content) == "removed":
                yield Removal(content, swhid, "restored", version)


def _ids(table: pa.Table) -> Iterator[tuple[str, str]]:
    columns = (table[name].to_pylist() for name in ("content_sha256", "blob_id"))
    for content, blob_id in zip(*columns, strict=True):
        yield cast("str", content), f"swh:1:cnt:{blob_id}"


def _corrupt(found: str) -> CorruptWorkspace:
    return CorruptWorkspace(
        "the last release's removals.jsonl is damaged",
        expected="lines of canonical JSON with change, content_sha256, swhid and version",
        found=found,
        next_step="get the release again, and verify it",
    )
