"""Numbers and tables for people: the wording that reports, cards and changelogs share."""

from __future__ import annotations

import re
from collections.abc import Sequence

from stackyard.errors import shown

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = True) -> str:
    """A Markdown table; the first column to the left, others to the right if they are numbers.

    Nothing where there are no rows.
    """
    if not rows:
        return ""
    rule = ["---"] + ["---:" if numbers else "---"] * (len(head) - 1)
    cells = [[_escaped(cell) for cell in row] for row in (head, rule, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def code(text: str) -> str:
    """A code span that shows any text: it ends where it should, and nothing in it is Markdown or HTML.

    Source: CommonMark 0.31, "Code spans": a span ends at as many backticks as it began with.
    """
    plain = " ".join(shown(text).split()) or " "
    runs = [len(run) for run in re.findall("`+", plain)]
    fence = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    pad = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{pad}{plain}{pad}{fence}"


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 row`, `1,200 rows`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def size(count: int) -> str:
    """Bytes for people: `512 B`, `1.5 MiB`."""
    power = max(0, count.bit_length() - 1) // 10
    return f"{count} B" if power == 0 else f"{count / 1024**power:.1f} {_UNITS[power]}"


def _escaped(cell: str) -> str:
    """A cell that ends no cell; `<` starts no tag, in a code span it is none."""
    cell = " ".join(shown(cell).split()).replace("\\|", "|").replace("|", "\\|")
    return cell if cell.startswith("`") else cell.replace("<", "&lt;")
