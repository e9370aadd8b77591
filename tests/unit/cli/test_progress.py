from __future__ import annotations

import io
import re

import pytest

from stackyard.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_without_a_terminal_is_plain_lines_now_and_then() -> None:
    stream, now = io.StringIO(), [0.0]
    with progress("ingest", 1000, stream, lambda: now[0]) as advance:
        for _ in range(200):
            now[0] += 0.125
            advance()
    lines = stream.getvalue().splitlines()
    assert lines == [
        "ingest: 80 of 1,000, 10 s, about 115 s left",
        "ingest: 160 of 1,000, 20 s, about 105 s left",
    ]


def test_progress_of_a_short_stage_says_nothing_without_a_terminal() -> None:
    stream = io.StringIO()
    with progress("fetch", 3, stream) as advance:
        for _ in range(3):
            advance()
    assert stream.getvalue() == ""


def test_progress_on_a_terminal_of_80_columns_does_not_wrap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with progress("release", 1_000_000, stream) as advance:
        for _ in range(10):
            advance()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "1000000" in shown
    assert all(len(line) <= 80 for part in shown.split("\n") for line in part.split("\r"))
