from __future__ import annotations

import json
from importlib import resources

import pyarrow as pa
import pytest

from stackyard import filter as room
from stackyard.filter import Params
from stackyard.filter.params import SyntaxParams
from stackyard.filter.syntax import GRAMMARS, SYNTAX, SyntaxDetector
from tests.unit.filter.corpus import batch


def facts(path: str, content: bytes, params: SyntaxParams | None = None) -> list[dict[str, object]]:
    rows = batch([(path, content)])
    return SyntaxDetector(params or SyntaxParams(enabled=True)).detect(rows).to_pylist()


@pytest.mark.parametrize(
    ("path", "content", "grammar", "parses"),
    [
        ("a.py", b"# one\nx = 1\n", "python", True),
        ("a.py", b"def f(:\n", "python", False),
        ("a.c", b"/* one */ int f(void) { return 1; }\n", "c", True),
        ("a.rs", b'fn main() { println!("{}", 1); }\n', "rust", True),
        ("a.cs", b"class A { int x; }\n", "csharp", True),
        ("Makefile", b"all:\n\techo\n", "make", True),
        ("a.sh", b"for x in 1; do echo; done\n", "bash", True),
        ("a.json", b'{"a": [1, 2}\n', "json", False),
    ],
)  # fmt: skip
def test_file_with_a_grammar_parses_or_not(
    path: str, content: bytes, grammar: str, parses: bool
) -> None:
    (row,) = facts(path, content)
    assert (row["grammar"], row["outcome"], row["parses"]) == (grammar, "parsed", parses)


def test_shares_count_errors_and_comments() -> None:
    (row,) = facts("a.py", b"# four\nx = 1 # six\n")
    assert row["comment_share"] == pytest.approx(11 / 19)
    assert row["error_node_share"] == 0.0
    (broken,) = facts("a.c", b"int f( { ;\n")
    assert 0.0 < float(str(broken["error_node_share"])) < 1.0


@pytest.mark.parametrize(
    ("path", "content"),
    [("a.unheard", b"x"), ("a.py", b"\x00\x01"), ("a.txt", b"only words here\n")],
)
def test_file_without_a_grammar_or_a_text_has_no_row(path: str, content: bytes) -> None:
    assert facts(path, content) == []


def test_file_over_a_budget_says_so() -> None:
    (large,) = facts("a.py", b"x = 1\n" * 10, SyntaxParams(enabled=True, size_bytes_max=50))
    assert (large["outcome"], large["parses"]) == ("too-large", None)
    few = SyntaxParams(enabled=True, operations_per_byte_max=1)
    (costly,) = facts("a.py", b"x=1\n" * 20_000, few)
    assert (costly["outcome"], costly["node_count"]) == ("over-budget", None)


def test_parser_that_is_killed_costs_its_own_file_alone() -> None:
    hostile = [
        ("deep.py", b"(" * 300_000),
        ("deep.c", b"{" * 300_000),
        ("deep.json", b"[" * 300_000),
        ("deep.html", b"<a>" * 150_000),
        ("deep.sh", b"$(" * 50_000),
        ("good.py", b"x = 1\n"),
    ]
    detector = SyntaxDetector(SyntaxParams(enabled=True, seconds_max=1))
    found = {row["path"]: row for row in detector.detect(batch(hostile)).to_pylist()}
    assert set(found) == {path for path, _ in hostile}
    assert found["good.py"]["parses"] is True
    assert found["deep.html"]["outcome"] == "out-of-time"
    assert found["deep.json"]["parses"] is False


def test_facts_do_not_depend_on_other_files_of_the_batch() -> None:
    rows = [("a.py", b"x = 1\n"), ("b.html", b"<a>" * 500), ("c.c", b"int x;\n"), ("d.go", b"x")]
    detector = SyntaxDetector(SyntaxParams(enabled=True))
    whole = detector.detect(batch(rows))
    alone = pa.concat_tables([detector.detect(batch([row])) for row in rows])
    assert whole.equals(alone)
    assert whole.schema == SYNTAX


def test_every_language_of_the_table_has_its_grammar_and_its_name() -> None:
    from tree_sitter_language_pack import get_language

    data = resources.files("stackyard.filter.data.linguist") / "linguist.json"
    assert set(GRAMMARS) <= set(json.loads(data.read_text("utf-8"))["languages"])
    for grammar in GRAMMARS.values():
        get_language(grammar)  # type: ignore[arg-type]


def test_syntax_facts_are_off_unless_asked_for() -> None:
    assert "syntax" not in {detector.name for detector in room.detectors(Params())}
    asked = room.detectors(Params(syntax=SyntaxParams(enabled=True)))
    assert "syntax" in {detector.name for detector in asked}
