"""docs/hub.md names every route that the embedded Hub has."""

from __future__ import annotations

import re
from pathlib import Path

from stackyard.hub.app import _ROUTES

DOC = Path(__file__).parents[3] / "docs" / "hub.md"


def test_docs_name_every_route() -> None:
    text = DOC.read_text(encoding="utf-8")
    for methods, pattern, _name in _ROUTES:
        shown = pattern.pattern
        shown = shown.replace("(?P<repo>[^/]+/[^/]+)", "R").replace("(?P<rev>[^/]+)", "{rev}")
        shown = shown.replace("\\.", ".").replace("(?P<oid>[0-9a-f]{64})", "{oid}")
        shown = shown.replace("(?:/(?P<path>.*))?", "/{path}").replace("(?P<path>.+)", "{path}")
        shown = shown.replace("(?:read|write)", "write")
        shown = re.sub(r"/\(\?P<number>.*", "", shown)
        line = next(
            (line for line in text.splitlines() if f"{shown} |" in line or f"{shown}," in line), ""
        )
        assert line, shown
        assert methods & {"GET", "HEAD"} or any(method in line for method in methods), shown
