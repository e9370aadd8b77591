"""Secrets that are planted to be looked for: nothing but the input may hold one."""

from __future__ import annotations

import io
import logging
import traceback
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import ipc

from benchmarks.drawing import draw
from stackyard.pii import (
    Params,
    answers,
    decide,
    detectors,
    load_allow,
    redact,
    scan,
    second_scan,
    see,
)
from stackyard.pii import detect as detect_module

CANARIES = [
    draw(template, 77)
    for template in (
        "ghp_<crc62>", "AKIA<base32 16>", "sk_live_<alnum 24>", "xoxb-<digit 12>-<digit 13>-<alnum 24>",
        "glpat-<alnum 20>", "SG.<b64url 22>.<b64url 43>", "npm_<crc62>",
    )
]  # fmt: skip
MAIL = "canary.bird@initech.org"
PAD = "\n".join(f"line {i} of ordinary text" for i in range(40))


@pytest.fixture
def batch(columns: Any) -> pa.Table:
    texts = [f'value = "{canary}"\nby {MAIL}\n{PAD}'.encode() for canary in CANARIES]
    return columns.batch(texts)


def held_by(content: bytes) -> list[str]:
    return [c for c in [*CANARIES, MAIL] if c.encode() in content or c.encode()[4:-4] in content]


def as_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_no_canary_leaves_the_stage_but_in_the_input(
    columns: Any, batch: pa.Table, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    params = Params()
    facts = columns.facts(batch, params)
    out = decide(columns.files(len(CANARIES)), see(facts, params), params)
    released, _ = redact(batch["text"], batch["blob_id"], out.spans, params)
    left = list(second_scan((str(i), text.as_py()) for i, text in enumerate(released)))
    assert left == []
    assert scan(released, params).num_rows == 0
    found = list(second_scan((str(i), text.as_py()) for i, text in enumerate(batch["text"])))
    assert len(found) >= len(CANARIES) - 2
    for content in (
        *map(as_bytes, facts.values()), as_bytes(out.spans), as_bytes(out.decisions), b"".join(released.to_pylist()),
        repr(found).encode(), caplog.text.encode(),
    ):  # fmt: skip
        assert held_by(content) == []
    assert held_by(b"".join(batch["text"].to_pylist())) == [*CANARIES, MAIL]


def test_no_canary_is_in_the_traceback_of_a_crash(
    batch: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("the check failed")

    monkeypatch.setattr(detect_module, "inspect", crash)
    detector = detectors(Params())[0]
    with pytest.raises(RuntimeError) as caught:
        detector.detect(batch)
    assert held_by("".join(traceback.format_exception(caught.value)).encode()) == []


def test_second_scan_finding_is_answered_by_a_reviewed_entry_alone() -> None:
    text = f'k = "{CANARIES[0]}"'.encode()
    (finding,) = second_scan([("a.py", text)])
    entry = (
        f"allow:\n  - rule: {finding.rule}\n    value_sha256: {finding.value_sha256}\n"
        "    reason: drawn by a test\n"
    )
    allowed = answers(load_allow(entry, "x"))
    assert list(second_scan([("a.py", text)], allowed)) == []
    other = text.replace(b"ghp_", b"gho_")
    assert [f.name for f in second_scan([("b.py", other)], allowed)] == ["b.py"]


@pytest.mark.parametrize("text", ["allow: {}", "allow:\n  - rule: a", "other: []", "[]"])
def test_load_allow_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(Exception, match="does not hold"):
        load_allow(text, "registry/pii-allow.yaml")


def test_load_allow_reads_the_registry_file() -> None:
    path = Path(__file__).parents[3] / "registry/pii-allow.yaml"
    assert isinstance(load_allow(path.read_text("utf-8"), str(path)), frozenset)
