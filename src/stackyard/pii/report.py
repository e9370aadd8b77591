"""What was redacted, for the release manager: counts by entity and language, as a table and as a plot.

In: files with their languages, and spans. Out: a table; Markdown; an SVG. Always holds: equal counts give
equal bytes; there is no clock, no file name and no value in any of it.
"""

from __future__ import annotations

from collections import Counter
from xml.sax.saxutils import escape

import pyarrow as pa

from stackyard.record import SPANS

COUNTS = pa.schema(
    [
        pa.field("entity", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("files", pa.int64(), nullable=False),
        pa.field("spans", pa.int64(), nullable=False),
    ]
)
"""Released files with a redaction of an entity, and redactions in them; sorted by entity, language."""


def counts(files: pa.Table, spans: pa.Table) -> pa.Table:
    """`COUNTS` of what goes from these files.

    Args:
        files: has `blob_id` and `language`, a row a file.
        spans: `record.SPANS`.
    """
    by_blob = spans.select([SPANS.field("blob_id").name, "entity"]).group_by(
        ["blob_id", "entity"], use_threads=False
    )
    sums = by_blob.aggregate([([], "count_all")])
    joined = sums.join(files.select(["blob_id", "language"]), keys="blob_id", join_type="inner")
    out = joined.group_by(["entity", "language"], use_threads=False).aggregate(
        [("count_all", "sum"), ([], "count_all")]
    )
    table = out.rename_columns({"count_all_sum": "spans", "count_all": "files"}).select(
        COUNTS.names
    )
    return table.sort_by([("entity", "ascending"), ("language", "ascending")]).cast(COUNTS)


def markdown(table: pa.Table) -> str:
    """The table of counts for a report; says so where nothing was redacted."""
    if not len(table):
        return "Nothing was redacted.\n"
    rows = [
        f"| `{row['entity']}` | {row['language']} | {row['files']:,} | {row['spans']:,} |"
        for row in table.to_pylist()
    ]
    head = ["| entity | language | files | redactions |", "|---|---|---:|---:|"]
    return "\n".join([*head, *rows]) + "\n"


BAR_PX, LABEL_PX, LINE_PX = 420, 200, 20
"""Width of the longest bar, width of labels, and height of a line, in pixels of the SVG."""

COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#9d755d", "#bab0ac")
LANGUAGES_SHOWN = len(COLOURS) - 1
"""Languages with a colour of their own, most redactions first; the last colour is all others."""


def svg(table: pa.Table) -> str:
    """Bars of redactions by entity, each divided by language, most first; a legend below."""
    entities: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    cells: Counter[tuple[str, str]] = Counter()
    for row in table.to_pylist():
        entities[row["entity"]] += row["spans"]
        languages[row["language"]] += row["spans"]
    shown = [name for name, _ in _ranked(languages)[:LANGUAGES_SHOWN]]
    for row in table.to_pylist():
        name = row["language"] if row["language"] in shown else "other"
        cells[row["entity"], name] += row["spans"]
    legend = shown + ["other"] * (len(languages) > len(shown))
    longest = max(entities.values(), default=1)
    parts = []
    for line, (entity, total) in enumerate(_ranked(entities)):
        y = line * LINE_PX
        parts.append(_text(LABEL_PX - 8, y, entity, "end"))
        x = LABEL_PX
        for place, language in enumerate(legend):
            width = cells[entity, language] * BAR_PX // longest
            colour = COLOURS[-1] if language == "other" else COLOURS[place]
            parts.append(_bar(x, y, width, colour))
            x += width
        parts.append(_text(x + 6, y, f"{total:,}"))
    for place, language in enumerate(legend):
        y = (len(entities) + 1 + place) * LINE_PX
        parts.append(
            _bar(LABEL_PX, y, LINE_PX, COLOURS[-1] if language == "other" else COLOURS[place])
        )
        parts.append(_text(LABEL_PX + LINE_PX + 6, y, language))
    width, height = LABEL_PX + BAR_PX + 120, (len(entities) + len(legend) + 2) * LINE_PX
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">\n'
        "<title>Redactions by entity and language</title>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _ranked(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def _text(x: int, y: int, text: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y + 14}" text-anchor="{anchor}">{escape(text)}</text>'


def _bar(x: int, y: int, width: int, colour: str) -> str:
    return f'<rect x="{x}" y="{y + 3}" width="{width}" height="{LINE_PX - 6}" fill="{colour}"/>'
