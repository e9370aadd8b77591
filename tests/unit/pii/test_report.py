from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pyarrow as pa
import pytest

from stackyard.pii.report import LANGUAGES_SHOWN, counts, markdown, svg
from stackyard.record import BLOB_ID, SPANS


@pytest.fixture
def table(columns: Any) -> pa.Table:
    spans = [(0, "email"), (0, "email"), (0, "ipv4"), (1, "email"), (9, "jwt")]
    rows = [
        {
            "blob_id": columns.blob_id(n),
            "start_byte": i,
            "end_byte": i + 1,
            "entity": e,
            "rule": "r",
        }
        for i, (n, e) in enumerate(spans)
    ]
    files = pa.table(
        {
            "blob_id": pa.array([columns.blob_id(n) for n in (0, 1, 1)], BLOB_ID),
            "language": ["C", "Go", "C"],
        }
    )
    return counts(files, pa.Table.from_pylist(rows, schema=SPANS))


def test_counts_are_of_files_and_spans_by_entity_and_language(table: pa.Table) -> None:
    assert table.to_pylist() == [
        {"entity": "email", "language": "C", "files": 2, "spans": 3},
        {"entity": "email", "language": "Go", "files": 1, "spans": 1},
        {"entity": "ipv4", "language": "C", "files": 1, "spans": 1},
    ]


def test_markdown_has_a_row_for_each_count_and_says_where_there_is_none(table: pa.Table) -> None:
    assert "| `email` | C | 2 | 3 |" in markdown(table)
    assert markdown(table.slice(0, 0)) == "Nothing was redacted.\n"


def test_svg_is_well_formed_and_the_same_for_the_same_counts(table: pa.Table) -> None:
    picture = svg(table)
    root = ET.fromstring(picture)
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["email", "4", "ipv4", "1", "C", "Go"]
    assert svg(table) == picture
    ET.fromstring(svg(table.slice(0, 0)))


def test_svg_puts_languages_beyond_its_colours_together() -> None:
    rows = [
        {"entity": "email", "language": f"L{n}", "files": 1, "spans": 20 - n} for n in range(12)
    ]
    picture = svg(pa.Table.from_pylist(rows))
    assert ">other<" in picture
    assert f">L{LANGUAGES_SHOWN}<" not in picture
