"""Notebooks: what people wrote in them, without what running them put in.

In: texts. Out: the same column, with each Jupyter notebook replaced by the sources of its cells, one
behind the other. Always holds: what is no notebook by its content comes back as it is.

Source: nbformat's schema: 4 has `cells` with `source`, 3 has `worksheets` of cells with `source` or
`input`; a source is a string or a list of lines. Outputs and attachments hold images as base64 in one
line, which say nothing of the code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.filter.buffers import bytes_of

_KEY: Final = b'"nbformat"'
_KEY_BYTES: Final = np.frombuffer(_KEY, np.uint8)


def without_outputs(text: pa.Array) -> pa.Array:
    """Texts, of notebooks the sources of their cells.

    Args:
        text: large_binary; null stays null.
    """
    data, offsets = bytes_of(text)
    rows = np.flatnonzero(_candidates(data, offsets, _KEY_BYTES))
    found = [(row, sources(data[offsets[row] : offsets[row + 1]].tobytes())) for row in rows]
    found = [(row, source) for row, source in found if source is not None]
    if not found:
        return text
    mask = np.zeros(len(text), np.bool_)
    mask[[row for row, _ in found]] = True
    return pc.replace_with_mask(text, mask, pa.array([s for _, s in found], pa.large_binary()))


def sources(text: bytes) -> bytes | None:
    """The sources of a notebook's cells, a line end between two; None for what is no notebook.

    >>> sources(b'{"cells": [{"source": ["x = 1", "y = 2"]}], "nbformat": 4}')
    b'x = 1y = 2'
    """
    try:
        book = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(book, dict) or not isinstance(book.get("nbformat"), int):
        return None
    sheets = book.get("worksheets")
    holders = [book, *(sheets if isinstance(sheets, list) else ())]
    lists = [holder.get("cells") for holder in holders if isinstance(holder, dict)]
    if not any(isinstance(cells, list) for cells in lists):
        return None
    cells = [cell for found in lists if isinstance(found, list) for cell in found]
    return "\n".join(filter(None, _written(cells))).encode(errors="replace")


def _written(cells: list[Any]) -> Iterator[str]:
    for cell in cells:
        if isinstance(cell, dict):
            source = cell.get("source", cell.get("input", ""))
            lines = source if isinstance(source, list) else [source]
            yield "".join(line for line in lines if isinstance(line, str))


@numba.njit(cache=True, nogil=True)
def _candidates(data: Any, offsets: Any, key: Any) -> Any:
    """Whether each text begins as a JSON object does and holds the key somewhere."""
    count = len(offsets) - 1
    found = np.zeros(count, np.bool_)
    for row in range(count):
        at, end = offsets[row], offsets[row + 1]
        while at < end and data[at] <= 32:  # noqa: PLR2004 - white space
            at += 1
        if at < end and data[at] == 123:  # noqa: PLR2004 - an opening brace
            found[row] = _holds(data, at, end, key)
    return found


@numba.njit(cache=True, nogil=True)
def _holds(data: Any, start: int, end: int, key: Any) -> bool:
    """Searched from the end, where writers of notebooks put it."""
    for at in range(end - len(key), start, -1):
        k = 0
        while k < len(key) and data[at + k] == key[k]:
            k += 1
        if k == len(key):
            return True
    return False
