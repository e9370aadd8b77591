"""Languages: what Linguist says of a file by its name and its content.

In: paths and contents. Out: facts `language`. Always holds: the language is a function of this path
and this content alone. Source: GitHub Linguist's rules, through its port enry.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import enry
import pyarrow as pa

from stackyard.detector import Scope
from stackyard.filter.buffers import one_array
from stackyard.record import BLOB_ID

LANGUAGES = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("is_vendor", pa.bool_(), nullable=False),
        pa.field("is_generated", pa.bool_(), nullable=False),
        pa.field("is_documentation", pa.bool_(), nullable=False),
    ]
)
"""One row a file; `language` is null where no rule names one, or the content is no text."""


class LanguageDetector:
    """Facts `language`: schema LANGUAGES."""

    name = "language"
    scope: Scope = "file"
    modules: Sequence[str] = ("stackyard.filter.language", "stackyard.filter.buffers")
    distributions: Sequence[str] = ("enry-python",)
    params: Any = None
    schema = LANGUAGES

    def detect(self, batch: pa.Table) -> pa.Table:
        paths = one_array(batch["path"], pa.string())
        texts = one_array(batch["text"], pa.large_binary()).to_pylist()
        names = paths.to_pylist()
        pairs = list(zip(names, texts, strict=True))
        return pa.table(
            [
                one_array(batch["blob_id"], BLOB_ID),
                paths,
                pa.array(
                    [None if t is None else enry.get_language(p, t) or None for p, t in pairs],
                    pa.string(),
                ),
                pa.array([enry.is_vendor(p) for p in names], pa.bool_()),
                pa.array([t is not None and enry.is_generated(p, t) for p, t in pairs], pa.bool_()),
                pa.array([enry.is_documentation(p) for p in names], pa.bool_()),
            ],
            schema=LANGUAGES,
        )
