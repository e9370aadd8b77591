"""A detector's `modules` against the imports of its code."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

from stackyard import dedup, pii
from stackyard import filter as filter_room
from stackyard.dedup.params import Params as DedupParams
from stackyard.detector import Detector
from stackyard.filter.params import Params as FilterParams
from stackyard.pii.params import Params as PiiParams

SHARED = {"stackyard.detector", "stackyard.errors", "stackyard.params", "stackyard.record"}
"""The contract between rooms and pipeline: words and shapes, no verdicts. A change of a shape changes
the schema of the facts. Parameters count by their values, which a fingerprint has."""


FED = {"stackyard.filter.text", "stackyard.filter.charset"}
"""What makes the column `text` that a detector is handed."""


def _file(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def _imports(module: str) -> set[str]:
    """The modules of ours that a module's code imports, at the top or within functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(_file(module).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                named = node.module.startswith("stackyard") and find_spec(node.module) is not None
                is_module = named and _is_package(node.module) and find_spec(inner) is not None
                found.add(inner if is_module else node.module)
    return {name for name in found if name.startswith("stackyard.")}


def _is_package(module: str) -> bool:
    return _file(module).name == "__init__.py"


def _reached(start: str) -> set[str]:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        module = ahead.pop()
        if module not in seen and module not in SHARED and not module.endswith(".params"):
            seen.add(module)
            ahead += _imports(module)
    return seen


def _detectors() -> list[Detector]:
    return [
        *filter_room.detectors(FilterParams()),
        *pii.detectors(PiiParams()),
        *dedup.detectors(DedupParams()),
    ]


@pytest.mark.parametrize("detector", _detectors(), ids=lambda each: each.name)
def test_modules_of_a_detector_cover_all_that_its_code_imports(detector: Detector) -> None:
    stated = tuple(detector.modules)
    left = {
        module
        for module in _reached(type(detector).__module__)
        if not any(module == name or module.startswith(f"{name}.") for name in stated)
    }
    assert left == set()


@pytest.mark.parametrize("detector", _detectors(), ids=lambda each: each.name)
def test_modules_of_a_detector_are_all_used(detector: Detector) -> None:
    reached = _reached(type(detector).__module__)
    idle = {
        name
        for name in detector.modules
        if name not in FED
        and ".data." not in name  # read as files
        and not any(module == name or module.startswith(f"{name}.") for module in reached)
    }
    assert idle == set()
