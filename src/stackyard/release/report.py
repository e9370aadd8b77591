"""The report of a run: what went in, what came out, where the rest stayed.

In: totals and what was written. Out: text for a terminal, Markdown for an artifact, or plain values
for JSON. Every number is the manifest's.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from stackyard import errors
from stackyard.release.manifest import Manifest, Totals
from stackyard.release.semver import Step
from stackyard.release.wording import code, size, table

_ROWS_MAX = 12

_COLUMNS = 80
"""Of a terminal as it opens."""


@dataclass(frozen=True)
class RunReport:
    """What a release did.

    Attributes:
        name, version: the dataset and the version that is released.
        bump, reasons: the semantic-version step and why.
        totals: the numbers of the manifest.
        shards_written, shards_unchanged: shards with new bytes, and those of the last release.
        bytes_written: size of the former.
    """

    name: str
    version: str
    bump: str
    reasons: tuple[str, ...]
    totals: Totals
    shards_written: int
    shards_unchanged: int
    bytes_written: int


def report(manifest: Manifest, old: Manifest | None, step: Step) -> RunReport:
    """The report of a release that follows another, or none."""
    before = {file.path: file.sha256 for file in old.shards} if old else {}
    new = [file for file in manifest.shards if before.get(file.path) != file.sha256]
    return RunReport(
        manifest.name,
        manifest.version,
        step.bump,
        step.reasons,
        manifest.totals,
        len(new),
        len(manifest.shards) - len(new),
        sum(file.size_bytes for file in new),
    )


def text(run: RunReport, *, whole: bool = False) -> str:
    """Lines for a terminal; unless `whole`, the longest lists are cut at a dozen, and say how to see the
    rest.
    """
    head_line = f"{run.name} {run.version} ({run.bump}: {'; '.join(run.reasons)})"
    blocks = ["\n".join(_wrapped(head_line))]
    for title, head, rows in sections(run):
        shown = [head, *(rows if whole else rows[:_ROWS_MAX])]
        widths = [max(len(row[at]) for row in shown) for at in range(len(head))]
        lines = [
            "  "
            + "  ".join(
                cell.ljust(width) if at == 0 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in shown
        ]
        if len(rows) > _ROWS_MAX and not whole:
            lines.append(f"  and {len(rows) - _ROWS_MAX} more: stackyard report --all")
        blocks.append("\n".join([title, *lines]))
    return errors.shown("\n\n".join(blocks) + "\n")


def _wrapped(line: str) -> list[str]:
    """A sentence over lines that a terminal of 80 columns does not cut."""
    return textwrap.wrap(
        line, _COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def markdown(run: RunReport) -> str:
    """The same, whole, as Markdown tables."""
    blocks = [f"# {run.name} {run.version}", f"**{run.bump}**: {'; '.join(run.reasons)}."]
    for title, head, rows in sections(run):
        blocks += [f"## {title}", table(head, [(code(row[0]), *row[1:]) for row in rows])]
    return "\n\n".join(blocks) + "\n"


Section = tuple[str, tuple[str, ...], list[tuple[str, ...]]]


def sections(run: RunReport) -> list[Section]:
    """Title, heads and rows of each table that has rows."""
    totals = run.totals
    files: list[tuple[str, ...]] = [("seen", _n(totals.files_seen), size(totals.bytes_seen))]
    files += [(f"- {part.stage}/{part.rule}", _n(part.files), "") for part in totals.dropped]
    files += [
        ("kept", _n(totals.files_kept), size(totals.bytes_kept)),
        ("released contents", "", size(totals.content_bytes)),
    ]
    by_size = sorted(totals.languages, key=lambda share: (-share.content_bytes, share.name))
    by_rows = sorted(totals.licenses, key=lambda share: (-share.rows, share.name))
    shares = ("rows", "bytes")
    made: list[Section] = [
        ("Files", ("file", "files", "bytes"), files),
        (
            "Languages",
            ("language", *shares),
            [(share.name, _n(share.rows), size(share.content_bytes)) for share in by_size],
        ),
        (
            "Licences",
            ("licence", *shares),
            [(share.name, _n(share.rows), size(share.content_bytes)) for share in by_rows],
        ),
        (
            "Redactions",
            ("entity", "spans"),
            [(part.entity, _n(part.count)) for part in totals.redactions],
        ),
        (
            "Release",
            ("what", "count"),
            [
                ("opt-outs in force", _n(totals.optouts)),
                ("shards written", _n(run.shards_written)),
                ("shards unchanged", _n(run.shards_unchanged)),
                ("bytes written", size(run.bytes_written)),
            ],
        ),
    ]
    return [section for section in made if section[2]]


def _n(count: int) -> str:
    return f"{count:,}"
