r"""Unified diffs of Debian source packages of format 1.0, applied in memory.

In: the bytes of a diff and the contents that it changes. Out: the files that it makes, changes or
deletes. Always holds: nothing is guessed. A hunk applies at its own line and to exactly its own words,
or the diff is refused; names are judged where all names of members are, links are never followed, and
time and memory are linear in the diff and in what it changes.
Sources: POSIX.1-2017 `diff`, "Diff -u Output Format" (`\ No newline` as GNU diff has it);
Dpkg::Source::Patch, which takes no fuzz, no file twice, and the first part off each name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from stackyard.errors import UsageError
from stackyard.ingest import paths
from stackyard.ingest.member import Member
from stackyard.ingest.stream import Budget

HELD_BYTES_MAX: Final = 128 * 1024**2
"""Longest diff, and most bytes of files that it changes, and of what it makes of them: all are held.
The longest of the 415 diffs among bookworm's sources has 3.7 MB, packed."""
_HUNK: Final = re.compile(
    rb"@@ -([0-9]{1,10})(?:,([0-9]{1,10}))? \+[0-9]{1,10}(?:,([0-9]{1,10}))? @@"
)
_DATE: Final = re.compile(
    rb"\t(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d{1,9})? ([+-](?:0\d|1[0-4])[0-5]\d)\s*"
)
_NONE: Final = b"/dev/null"
_RUN: Final = (b"debian", b"rules")
"""What dpkg-source makes executable, as a diff cannot say it."""


@dataclass(frozen=True)
class Change:
    """What a diff does to one file.

    Attributes:
        name: raw, without its first part.
        deletes: whether the file is gone afterwards.
        modified: seconds since 1970 that its header states, or 0.
        start, end: where its hunks lie in the diff.
    """

    name: bytes
    deletes: bool
    modified: int
    start: int
    end: int


@dataclass(frozen=True)
class Patched:
    """A diff that was applied.

    Attributes:
        places: the parts of each path that it changes, makes or deletes.
        members: the files that it makes or changes, in its order.
    """

    places: frozenset[tuple[bytes, ...]]
    members: tuple[Member, ...]


def patch(
    pieces: Iterable[bytes],
    below: Iterable[tuple[tuple[bytes, ...], Member]],
    budget: Budget,
    where: str,
) -> Patched:
    """Applies a diff to an archive, whole or not at all.

    Args:
        pieces: of the diff, unpacked.
        below: the parts of each path of the archive, and what lies there; read once.
        budget: of the source; a file of the diff is an entry.
        where: the diff and its source, for errors.

    Raises:
        UsageError: the diff is damaged, changes a file twice, changes what is no file, or was made of
            other files.
    """
    diff = b"".join(_bounded(pieces, where))
    by_place: dict[tuple[bytes, ...], Change] = {}
    for change in changes(diff, where):
        budget.spend_entry(change.name)
        if by_place.setdefault(_place(change.name), change) is not change:
            raise _broken(where, f"it changes {_told(change.name)} twice")
    olds = _olds(below, by_place, where)
    members: list[Member] = []
    made_bytes = 0
    for place, change in by_place.items():
        executable, content = olds.pop(place, (place == _RUN, None))
        if change.deletes and content is None:
            raise _unfit(where, change, 1)
        made = apply(diff, change, content or b"", where)
        made_bytes += len(made)
        _bound(made_bytes, where)
        if not change.deletes:
            members.append(_member(change, made, executable=executable))
    return Patched(frozenset(by_place), tuple(members))


def _olds(
    below: Iterable[tuple[tuple[bytes, ...], Member]],
    wanted: dict[tuple[bytes, ...], Change],
    where: str,
) -> dict[tuple[bytes, ...], tuple[bool, bytes | None]]:
    """Of files that are changed, whether they are executable and what they hold; the first counts."""
    olds: dict[tuple[bytes, ...], tuple[bool, bytes | None]] = {}
    held_bytes = 0
    for place, member in below:
        if place in wanted and place not in olds:
            if member.kind != "file":
                raise _broken(where, f"it changes {_told(member.name)}, a {member.kind}")
            held_bytes += member.length_bytes
            _bound(held_bytes, where)
            olds[place] = member.executable or place == _RUN, b"".join(member.parts())
    return olds


def _place(name: bytes) -> tuple[bytes, ...]:
    """The parts of a path; of one that is none, what no path has."""
    return paths.split(name) if paths.has_place(name) else (b"", name)


def _member(change: Change, content: bytes, *, executable: bool) -> Member:
    return Member(
        name=change.name,
        kind="file",
        length_bytes=len(content),
        executable=executable,
        modified=change.modified,
        parts=lambda: iter((content,)),
    )


def _bounded(pieces: Iterable[bytes], where: str) -> Iterator[bytes]:
    held_bytes = 0
    for piece in pieces:
        held_bytes += len(piece)
        _bound(held_bytes, where)
        yield piece


def _bound(held_bytes: int, where: str) -> None:
    if held_bytes > HELD_BYTES_MAX:
        raise UsageError(
            f"{where} is too long, or changes or makes files that are",
            expected=f"at most {HELD_BYTES_MAX} bytes together",
            next_step=_NEXT,
        )


def changes(diff: bytes, where: str) -> Iterator[Change]:
    """The files of a diff, in its order; lines that are of no file are passed over, as by patch.

    Raises:
        UsageError: a header or a hunk is cut short, or no unified diff's.
    """
    lines = _Lines(diff)
    while old := lines.next():
        if not old.startswith(b"--- "):
            continue
        new, start = lines.next(), lines.at
        if not new.startswith(b"+++ "):
            raise _broken(where, f"{_told(old)} is not followed by +++")
        deletes = _name(new, where) == _NONE
        name = _name(old if deletes else new, where)
        _, slash, inner = name.partition(b"/")
        if not slash or not inner:
            raise _broken(where, f"{_told(name)} lies in no folder")
        _hunks(lines, where)
        yield Change(inner, deletes, _modified(new), start, lines.at)


def apply(diff: bytes, change: Change, content: bytes, where: str) -> bytes:
    """What a content becomes.

    Args:
        diff: unpacked.
        change: one of its `changes`.
        content: of the file before; empty of one that is not there.
        where: the diff and its source, for errors.

    Raises:
        UsageError: the content is not the one that the diff was made of.
    """
    made = bytearray()  # a list of lines would take many times their bytes
    done, number = 0, 1  # `done` bytes of the content are lines before `number`
    lines = _Lines(diff, change.start)
    while lines.at < change.end:
        first, old, new = _hunk(lines, where)
        if first == 0 and content:  # line 0 says that there was nothing
            raise _unfit(where, change, 1)
        first += old == 0  # a hunk that takes no line stands after the line that it names
        place = done
        while number < first:
            place = content.find(b"\n", place) + 1
            number += 1
            if place == 0:
                raise _unfit(where, change, number)
        if first < number:
            raise _unfit(where, change, first)
        made += content[done:place]
        done = place
        for mark, line in _body(lines, old, new, where):
            if mark != b"+":
                if not content.startswith(line, done) or _ends_early(content, done, line):
                    raise _unfit(where, change, number)
                done += len(line)
                number += 1
            if mark != b"-":
                made += line
    made += content[done:]
    if change.deletes and made:
        raise _unfit(where, change, number)
    return bytes(made)


class _Lines:
    """A diff read line by line; `at` is the place of the next one."""

    def __init__(self, diff: bytes, at: int = 0) -> None:
        self._diff = diff
        self.at = at

    def next(self) -> bytes:
        """The next line, with its line feed; empty at the end."""
        start, self.at = self.at, self._diff.find(b"\n", self.at) + 1 or len(self._diff)
        return self._diff[start : self.at]

    def begins(self, mark: bytes) -> bool:
        return self._diff.startswith(mark, self.at)


def _ends_early(content: bytes, at: int, line: bytes) -> bool:
    """Whether a line without a line feed stands for one that goes on."""
    return not line.endswith(b"\n") and at + len(line) != len(content)


def _hunks(lines: _Lines, where: str) -> None:
    """Passes over the hunks of one file.

    Raises:
        UsageError: there is none, or one has not the lines that it says.
    """
    if not lines.begins(b"@@ "):
        raise _broken(where, f"{_told(lines.next())} is no hunk")
    while lines.begins(b"@@ "):
        _, old, new = _hunk(lines, where)
        for _ in _body(lines, old, new, where):
            pass


def _hunk(lines: _Lines, where: str) -> tuple[int, int, int]:
    """First old line of the next hunk, and how many old and new ones it has."""
    line = lines.next()
    found = _HUNK.match(line)
    if found is None:
        raise _broken(where, f"{_told(line)} is no hunk")
    old, new = (int(found[n]) if found[n] is not None else 1 for n in (2, 3))
    if old == new == 0:
        raise _broken(where, f"{_told(line)} has no lines")
    return int(found[1]), old, new


def _body(lines: _Lines, old: int, new: int, where: str) -> Iterator[tuple[bytes, bytes]]:
    """Mark and line, for each line of a hunk."""
    while old or new:
        line = lines.next()
        if line in {b"\n", b"\r\n"}:
            line = b" " + line  # editors take blanks away at ends of lines, and patch lets them
        mark = line[:1]
        if mark not in {b" ", b"-", b"+"} or not line.endswith(b"\n"):
            raise _broken(where, f"a hunk is cut short at {_told(line)}")
        old -= mark != b"+"
        new -= mark != b"-"
        if old < 0 or new < 0:
            raise _broken(where, f"a hunk has more lines than it says at {_told(line)}")
        text = line[1:]
        if lines.begins(b"\\"):
            lines.next()
            text = text[:-1]
        yield mark, text


def _name(header: bytes, where: str) -> bytes:
    r"""The name in a header: up to a tab, or to a blank where there is no tab."""
    said = header[4:].rstrip(b"\r\n")
    if said.startswith(b'"'):
        raise _broken(where, f"the name {_told(said)} is quoted, which dpkg does not read either")
    return said.split(b"\t", 1)[0] if b"\t" in said else said.split(b" ", 1)[0]


def _modified(header: bytes) -> int:
    found = _DATE.search(header)
    if found is None:
        return 0
    try:
        moment = datetime.strptime((found[1] + found[2]).decode(), "%Y-%m-%d %H:%M:%S%z")
    except ValueError:
        return 0
    return max(0, int(moment.timestamp()))


def _told(raw: bytes) -> str:
    return paths.escape(raw[:200].rstrip(b"\n")) or "its end"


def _broken(where: str, why: str) -> UsageError:
    return UsageError(
        f"{where} is no unified diff: {why}",
        expected="a diff as dpkg-source makes it",
        next_step=_NEXT,
    )


def _unfit(where: str, change: Change, number: int) -> UsageError:
    return UsageError(
        f"{where} does not apply to {_told(change.name)} at line {number}",
        expected="the file that the diff was made of, word by word",
        next_step=_NEXT,
    )


_NEXT: Final = "take another version, or upstream's own release as kind: archive"
