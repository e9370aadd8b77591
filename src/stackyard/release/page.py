"""The report of a release as one HTML page that can be sent to somebody who has no Stackyard.

In: the report of a run. Out: HTML that asks nothing of a network and runs no script. Always holds: every
text from outside is escaped; it follows the reader's light or dark setting, and prints black on white.
"""

from __future__ import annotations

from html import escape

from stackyard.errors import shown
from stackyard.release import plots
from stackyard.release.report import RunReport, sections
from stackyard.release.wording import size

_BARS_MAX = 15
"""Bars of a plot; the table below it has every row."""

_WIDTH, _ROW, _LABEL, _VALUE = 760, 22, 230, 90
"""Pixels: of a plot, of a bar with its gap, and of the texts beside it."""

_LABEL_CHARS = 34
"""What fits beside a bar, of 12 px monospace at most 6.8 px a character."""

_TITLES = {
    "left": ("Files", "How many of the files that were seen are left after each step."),
    "dropped": ("Left out, by rule", "Each file that is left out has exactly one reason."),
    "languages": ("Languages", "Bytes of text that are released."),
    "licences": ("Licences", "Files that are released, by the licence that each is under."),
    "redactions": ("Redacted", "Personal data and secrets that were replaced in the texts."),
}

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --rule: #d0d7de; --bar: #2f6f9f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --rule: #30363d; --bar: #58a6ff; }
}
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --rule: #999; --bar: #555; }
  section { break-inside: avoid; } body { margin: 0; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
th, td { text-align: left; padding: 0.2rem 0.5rem; border-bottom: 1px solid var(--rule);
  overflow-wrap: anywhere; }
td:not(:first-child), th:not(:first-child) { text-align: right; white-space: nowrap; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px ui-monospace, monospace; }
svg rect { fill: var(--bar); print-color-adjust: exact; } code { overflow-wrap: anywhere; }
"""


def render(run: RunReport, manifest_sha256: str | None) -> str:
    """The page.

    Args:
        run: the report.
        manifest_sha256: identity of the release, where it is known.
    """
    totals = run.totals
    name = _text(f"{run.name} {run.version}")
    head = [
        f"<h1>{name}</h1>",
        (
            f"<p>Version {_text(run.version)} is a <strong>{_text(run.bump)}</strong> step:"
            f" {_text('; '.join(run.reasons))}.</p>"
        ),
        (
            f"<p>{totals.files_seen:,} files were seen. {totals.files_kept:,} are released, with"
            f" {_text(size(totals.content_bytes))} of text. {totals.optouts:,} requests of code owners to"
            " leave something out are in force.</p>"
        ),
    ]
    if manifest_sha256 is not None:
        head.append(
            f"<p>The release is identified by the SHA-256 of its manifest,"
            f" <code>{_text(manifest_sha256)}</code>. <code>stackyard verify {_text(run.name)}@"
            f"{_text(run.version)}</code> checks every number of this page against it.</p>"
        )
    drawn = [_plot(key, series) for key, series in plots.series(run).items() if series[1]]
    tables = [_table(*section) for section in sections(run)]
    body = "\n".join([*head, *drawn, "<h2>All numbers</h2>", *tables])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{name}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _plot(key: str, series: plots.Series) -> str:
    title, said = _TITLES[key]
    (_, unit), rows = series
    bars = rows if key == "left" else rows[:_BARS_MAX]
    most = max(value for _, value in bars) or 1
    room = _WIDTH - _LABEL - _VALUE
    drawn = []
    for number, (label, value) in enumerate(bars):
        y = number * _ROW
        amount = size(value) if unit == "bytes" else f"{value:,}"
        wide = max(1, round(room * value / most)) if value else 0
        cut = label if len(label) <= _LABEL_CHARS else f"{label[: _LABEL_CHARS - 1]}\u2026"
        drawn.append(
            f'<text x="{_LABEL - 8}" y="{y + 15}" text-anchor="end">{_text(cut)}</text>'
            f'<rect x="{_LABEL}" y="{y + 3}" width="{wide}" height="{_ROW - 6}"/>'
            f'<text x="{_LABEL + wide + 6}" y="{y + 15}">{_text(amount)}</text>'
        )
    rest = len(rows) - len(bars)
    more = f"<p>And {rest:,} more, in the table below.</p>" if rest > 0 else ""
    return (
        f"<section>\n<h2>{title}</h2>\n<p>{said}</p>\n"
        f'<svg viewBox="0 0 {_WIDTH} {len(bars) * _ROW}" role="img" aria-label="{_text(title)}">'
        f"{''.join(drawn)}</svg>\n{more}</section>"
    )


def _table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    heads = "".join(f"<th>{_text(cell)}</th>" for cell in head)
    lines = "\n".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f"<h3>{_text(title)}</h3>\n<table>\n<thead><tr>{heads}</tr></thead>\n"
        f"<tbody>\n{lines}\n</tbody>\n</table>"
    )


def _text(value: str) -> str:
    return escape(shown(value))
