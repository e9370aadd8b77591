"""The gate is against faults of ours: what ingest lets on, no check of a row may refuse."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from stackyard.filter import decode
from stackyard.filter.language import _extension
from stackyard.ingest import paths
from stackyard.record import blob_digest
from stackyard.release.manifest import Shard
from stackyard.release.row_rules import ENCODINGS, ROW_RULES, is_path
from stackyard.release.shards import REDACTIONS


def _extension_rule(row: pa.Table) -> list[bool]:
    rule = next(each for each in ROW_RULES if each.what == "extension is not that of the name")
    return rule.breaks(row, SHARD).tolist()


SHARD = Shard("permissive", "Python", "00-ff", 1, 1)
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
        row = pa.table({"filename": [last], "extension": [told]})
        assert not any(_extension_rule(row))


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
@example("\ufeffint x;\n")
@example("Ελληνικά = 'ΟΔΟΣ'\n")
def test_texts_in_any_encoding_that_the_filter_reads_pass_the_gate(text: str) -> None:
    rule = next(each for each in ROW_RULES if each.what.startswith("the content is not that"))
    for codec in ENCODINGS:
        try:
            content = text.encode(codec)
        except UnicodeEncodeError:
            continue
        texts, encodings = decode(pa.array([content], pa.large_binary()))
        if texts[0].as_py() is None:
            continue
        row = pa.table(
            {
                "content": texts.cast(pa.string()),
                "src_encoding": encodings,
                "blob_id": [blob_digest(content).hex()],
                "length_bytes": [len(content)],
                "redactions": pa.array([[]], REDACTIONS),
            }
        )
        assert not rule.breaks(row, SHARD).any()
        assert encodings[0].as_py() in ENCODINGS
