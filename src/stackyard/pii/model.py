"""Models that find spans, as one more detector.

A model reads windows of characters that overlap, so that what a window's edge cuts is whole in the
next; its facts have the schema of the others, and the same thresholds decide. No model ships here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from stackyard.detector import Scope
from stackyard.pii import allow
from stackyard.pii.detect import facts_table
from stackyard.pii.findings import FACTS, Finding


class ModelSpan(NamedTuple):
    """What a model found in a window, in characters of it."""

    start_char: int
    end_char: int
    entity: str
    score: float


class PiiModel(Protocol):
    """A span model.

    Attributes:
        name: lower case, `-` between words; facts are those of the detector `pii-<name>`.
        revision: digest of its weights: another one makes other facts.
        window_chars, overlap_chars: characters it reads at a time, and how many of them again.
    """

    name: str
    revision: str
    window_chars: int
    overlap_chars: int

    def spans(self, windows: Sequence[str]) -> Sequence[Sequence[ModelSpan]]:
        """Spans of each window, in order; depends on that window alone."""
        ...


@dataclass(frozen=True)
class ModelParams:
    """What of a model its facts depend on."""

    revision: str
    window_chars: int
    overlap_chars: int


class ModelDetector:
    """A model behind the interface of detectors."""

    scope: Scope = "blob"
    modules: Sequence[str] = ("stackyard.pii",)
    schema = FACTS

    def __init__(self, model: PiiModel, distributions: Sequence[str] = ()) -> None:
        if not 0 <= model.overlap_chars < model.window_chars:
            raise ValueError("a window must be longer than its overlap")
        self._model = model
        self.name = f"pii-{model.name}"
        self.distributions = distributions
        self.params: Any = ModelParams(model.revision, model.window_chars, model.overlap_chars)

    def detect(self, batch: pa.Table) -> pa.Table:
        rows = (
            (blob_id, text, sorted(self._findings(text)))
            for blob_id, text in zip(
                batch["blob_id"].to_pylist(), batch["text"].to_pylist(), strict=True
            )
            if text is not None
        )
        return facts_table(rows)

    def _findings(self, content: bytes) -> Iterator[Finding]:
        text = content.decode("utf-8", "replace")
        starts = list(window_starts(len(text), self._model.window_chars, self._model.overlap_chars))
        windows = [text[start : start + self._model.window_chars] for start in starts]
        found = {
            (start + span.start_char, start + span.end_char, span.entity, span.score)
            for start, spans in zip(starts, self._model.spans(windows), strict=True)
            for span in spans
        }
        for low, high, entity, score in found:
            start = len(text[:low].encode())
            end = start + len(text[low:high].encode())
            if not allow.is_in_placeholder(content, start, end):
                yield Finding(start, end, entity, self._model.name, score)


def window_starts(length: int, window: int, overlap: int) -> Iterator[int]:
    """Where windows begin, so that every character is in one and the last ends with the text."""
    start = 0
    while True:
        yield start
        if start + window >= length:
            return
        start += window - overlap
