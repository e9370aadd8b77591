from __future__ import annotations

import re

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stackyard.filter.paths import PathRules

SETS = {
    "tests": [r"(^|/)tests?/", r"(?i)_test\.go$"],
    "odd": [r"^x(?!y)", r"a.c$", r"[^/]/b"],
}
RULES = PathRules(SETS)
PATHS = st.lists(
    st.lists(st.sampled_from(["test", "tests/", "x", "y", "/", "b", "a", ".", "c", "\n", "\u00e9", "_TEST.go"]),
             max_size=6).map("".join),
    max_size=8,
)  # fmt: skip


@given(PATHS)
def test_path_masks_say_what_each_pattern_says_of_each_path(paths: list[str]) -> None:
    masks = RULES.masks(pa.array(paths, pa.string()))
    for name, patterns in SETS.items():
        # RE2's `$` is the end of the text, `\Z` to Python.
        expected = [
            any(re.search(p.replace("$", r"\Z"), path) is not None for p in patterns)
            for path in paths
        ]
        assert masks[name].tolist() == expected
