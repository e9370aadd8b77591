"""The gate is against faults of ours: what ingest lets on, no check of a row may refuse."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import example, given
from hypothesis import strategies as st

from stackyard.filter.language import _extension
from stackyard.ingest import paths
from stackyard.release.row_rules import is_path

PIECES = ["a", "B.py", ".", "..", "", "C:", "c:\\x", "\\", "\\\\s", "a\\..\\b", " ", "é.TİF", "x.ΟΔΟΣ", "…"]  # fmt: skip
NAMES = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), min_size=1, max_size=5)


@given(NAMES, st.integers(0, 1))
@example(["box-1.0", "C:\\temp\\log.txt"], 1)
@example(["box-1.0", "\\start.py"], 1)
def test_paths_that_ingest_lets_on_pass_the_gate(pieces: list[str], stripped: int) -> None:
    name = "/".join(pieces).encode("utf-8", "surrogatepass")
    text, rule = paths.shown(paths.split(name)[stripped:], name, 4096)
    if rule is None and text:
        assert is_path(pa.array([text])).to_pylist() == [True]
        last = text.rpartition("/")[2]
        (told,) = _extension(pa.array([text])).to_pylist()
        lower = pc.utf8_lower(pa.array([last]))[0].as_py()
        assert not told or lower.rpartition(".")[2] == told
