"""`stackyard` as it is called, in this process."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from stackyard.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


class Shell:
    """Calls `stackyard` in this process, as its entry point is called."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capfd = monkeypatch, capfd

    def __call__(self, *args: object) -> Outcome:
        self.monkeypatch.setattr(sys, "argv", ["stackyard", *map(str, args)])
        self.capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        got = self.capfd.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Outcome(code, got.out, got.err)
