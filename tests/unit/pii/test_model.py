from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from stackyard.detector import fingerprint
from stackyard.pii import ModelDetector, ModelSpan, Params, decide, redact, see
from stackyard.pii.model import window_starts


class Grete:
    """A model that knows one name; it sees windows of twelve characters."""

    name = "grete"
    window_chars = 12
    overlap_chars = 6

    def __init__(self, revision: str = "1") -> None:
        self.revision = revision

    def spans(self, windows: Sequence[str]) -> Sequence[Sequence[ModelSpan]]:
        return [
            [ModelSpan(w.index("Grete"), w.index("Grete") + 5, "name", 0.9)] if "Grete" in w else []
            for w in windows
        ]


def test_model_span_across_windows_is_redacted_like_any_other(columns: Any) -> None:
    text = "\u00e9\u20ac 12345678 by Grete, mail jo@initech.org and more words to stay".encode()
    batch = columns.batch([text, None, b""])
    model = ModelDetector(Grete())
    facts = {**columns.facts(batch, Params()), model.name: model.detect(batch)}
    assert facts["pii-grete"].schema == facts["pii"].schema
    spans = decide(columns.files(3), see(facts, Params()), Params()).spans
    released, counts = redact(batch["text"], batch["blob_id"], spans, Params())
    assert released[0].as_py() == text.replace(b"Grete", b"<NAME>").replace(
        b"jo@initech.org", b"<EMAIL>"
    )
    assert counts[0].as_py() == [{"entity": "email", "count": 1}, {"entity": "name", "count": 1}]


def test_model_facts_have_a_fingerprint_of_its_weights() -> None:
    assert fingerprint(ModelDetector(Grete("1"))) != fingerprint(ModelDetector(Grete("2")))


@pytest.mark.parametrize(
    ("length", "starts"), [(0, [0]), (12, [0]), (13, [0, 6]), (30, [0, 6, 12, 18])]
)
def test_window_starts_reach_the_end_and_no_further(length: int, starts: list[int]) -> None:
    assert list(window_starts(length, 12, 6)) == starts
