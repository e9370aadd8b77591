r"""ATTRIBUTION/: whose code it is, and the texts that their licences ask to be passed on.

In: a table of notices. Out: one text file a range of owner buckets, as shards have them, so that a
removal rewrites the file that named the origin and no other.
Always holds: a text stands once in a file, however many repositories have it; repositories are
sorted by name; an origin without released rows is not named.

Layout of a file, UTF-8 with `\n` ends: a heading; for each repository its name, origin, copyright
lines, and the numbers of its texts with their paths; then the texts by number, each between two rules.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import shown
from stackyard.release.names import bucket_range_of
from stackyard.release.params import Params

NOTICES = pa.schema(
    [
        pa.field("repo_name", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("copyrights", pa.list_(pa.string()), nullable=False),
    ]
)
"""A licence text or notice of a repository at a path, or copyright lines of a file (`text` null)."""

RULE = "=" * 78


def render(notices: pa.Table, rows: pa.Table, params: Params) -> Mapping[str, bytes]:
    """Bytes of each file by its path, sorted; `rows` has `repo_name` of every released row."""
    released = pc.unique(rows["repo_name"])
    kept = notices.select(NOTICES.names).filter(pc.is_in(notices["repo_name"], value_set=released))
    ranges: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for notice in kept.to_pylist():
        ranges[bucket_range_of(notice["repo_name"], params.bucket_ranges)].append(notice)
    return {f"ATTRIBUTION/{name}.txt": _file(ranges[name]) for name in sorted(ranges)}


def _file(notices: Sequence[dict[str, Any]]) -> bytes:
    texts = sorted({_text(notice) for notice in notices if notice["text"]}, key=_digest)
    numbers = {text: number for number, text in enumerate(texts, 1)}
    repos: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for notice in notices:
        repos[notice["repo_name"]].append(notice)
    parts = [
        (
            "Origins of files in this dataset, their copyright lines, and the texts that their\n"
            "licences ask to be passed on.\n"
        ),
        *("\n".join(_repo(name, repos[name], numbers)) + "\n" for name in sorted(repos)),
        *(f"{RULE}\n[{number}]\n{RULE}\n{text}\n" for text, number in numbers.items()),
    ]
    return "\n".join(parts).encode()


def _repo(
    name: str, notices: Sequence[dict[str, Any]], numbers: Mapping[str, int]
) -> Iterator[str]:
    yield _line(name)
    yield from (f"  from {_line(o)}" for o in sorted({notice["origin"] for notice in notices}))
    lines = {_copyright(line) for notice in notices for line in notice["copyrights"]}
    yield from (f"  {line}" for line in sorted(lines))
    places = {(numbers[_text(n)], n["path"]) for n in notices if n["text"]}
    yield from (f"  [{number}] {_line(path)}" for number, path in sorted(places))


def _line(text: str) -> str:
    """A text on one line, which can do no more than be read."""
    return " ".join(shown(text).split())


def _copyright(text: str) -> str:
    """A copyright line that does not look like a line of ours: `[1] path`, `from URL`."""
    line = _line(text)
    return f" {line}" if line.startswith(("[", "from ")) else line


def _text(notice: Mapping[str, Any]) -> str:
    """The text with line feeds for ends and no space at its edges, so that equal texts are one.

    A line of its own that is the rule between texts gets a space before it: else a text could end
    itself and begin another.
    """
    lines = shown("\n".join(str(notice["text"]).splitlines()).strip()).split("\n")
    return "\n".join(f" {line}" if line.rstrip() == RULE else line for line in lines)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
