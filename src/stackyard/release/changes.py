"""What a release would change against the last one: by repository, by language and file by file.

In: the rows that differ. Out: a table with a row a file, and its summary as text. Always holds: a file
that differs stands in it once, with what happened to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from stackyard import errors
from stackyard.params import canonical_json
from stackyard.release.diff import RowDiff
from stackyard.release.wording import counted

WORDS = {
    "added": "new",
    "readmitted": "back in",
    "changed": "changed",
    "rewritten": "redacted otherwise",
    "relabelled": "described otherwise",
    "removed": "removed",
}
"""Part of RowDiff -> what is said of its files, in the order of columns."""

CHANGES = pa.schema(
    [
        pa.field(name, pa.string(), nullable=False)
        for name in ("change", "repo_name", "path", "language", "edition")
    ]
)
"""One row a file, sorted by (repo_name, path, edition); `change` is a part of RowDiff."""

ROWS_MAX = 12
"""Lines of a list on a terminal; the file of changes has them all."""


@dataclass(frozen=True)
class Share:
    """Files of one repository or language, by what happened to them."""

    name: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Changes:
    """What would change.

    Attributes:
        since: the published version that is compared with; None where there is none.
        counts: files by part of RowDiff.
        repositories, languages: the same by name, most files first.
        listed_in: where each file is listed, relative to the project.
    """

    since: str | None
    counts: dict[str, int]
    repositories: tuple[Share, ...]
    languages: tuple[Share, ...]
    listed_in: str


def table(rows: RowDiff) -> pa.Table:
    """CHANGES of all rows that differ."""
    parts = [CHANGES.empty_table()]
    for change in WORDS:
        part = getattr(rows, change).select(CHANGES.names[1:])
        word = pa.array([change] * len(part), pa.string())
        parts.append(part.add_column(0, CHANGES.field(0), word).cast(CHANGES))
    keys = [(name, "ascending") for name in ("repo_name", "path", "edition")]
    return pa.concat_tables(parts).sort_by(keys)


def summary(changes: pa.Table, since: str | None, listed_in: str) -> Changes:
    """Counts of CHANGES."""
    return Changes(
        since,
        dict(sorted(Counter(changes["change"].to_pylist()).items())),
        _shares(changes, "repo_name"),
        _shares(changes, "language"),
        listed_in,
    )


def lines(changes: pa.Table) -> Iterator[bytes]:
    """Each file as a line of canonical JSON."""
    for row in changes.to_pylist():
        yield canonical_json(row) + b"\n"


def text(changes: Changes, listed: pa.Table) -> str:
    """For a terminal of 80 columns: by repository, by language, and the first files."""
    since = f"the published {changes.since}" if changes.since else "nothing published yet"
    if not changes.counts:
        return f"Against {since}: no file changes"
    said = ", ".join(
        f"{count:,} {WORDS[part]}" for part in WORDS if (count := changes.counts.get(part, 0))
    )
    total = sum(changes.counts.values())
    blocks = [f"Against {since}: {counted(total, 'file')}: {said}"]
    for title, shares in (
        ("By repository", changes.repositories),
        ("By language", changes.languages),
    ):
        shown = [f"  {_line(share)}" for share in shares[:ROWS_MAX]]
        blocks.append("\n".join([title, *shown, *_rest(len(shares), changes.listed_in)]))
    files = [
        f"  {WORDS[row['change']]:<8} {row['repo_name']}/{row['path']}"
        for row in listed.slice(0, ROWS_MAX).to_pylist()
    ]
    blocks.append("\n".join(["Files", *files, *_rest(len(listed), changes.listed_in)]))
    return errors.shown("\n\n".join(blocks))


def _line(share: Share) -> str:
    counts = ", ".join(
        f"{count:,} {WORDS[part]}" for part in WORDS if (count := share.counts.get(part, 0))
    )
    return f"{share.name}: {counts}"


def _rest(count: int, listed_in: str) -> list[str]:
    more = count - ROWS_MAX
    return [f"  and {more:,} more: see {listed_in}"] if more > 0 else []


def _shares(changes: pa.Table, column: str) -> tuple[Share, ...]:
    counts: dict[str, Counter[str]] = {}
    for name, change in zip(
        changes[column].to_pylist(), changes["change"].to_pylist(), strict=True
    ):
        counts.setdefault(name, Counter())[change] += 1
    names = sorted(counts, key=lambda name: (-counts[name].total(), name))
    return tuple(Share(name, dict(sorted(counts[name].items()))) for name in names)
