from __future__ import annotations

import hashlib
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.filter import ties
from stackyard.filter.language import LanguageDetector
from tests.unit.filter.corpus import batch

ASSEMBLY = ("Assembly", "Motorola 68K Assembly", "Unix Assembly")
MATLAB = ("Limbo", "M", "MATLAB", "MUF", "Mercury", "Objective-C")


def told(contents: list[bytes], choices: list[tuple[str, ...]]) -> list[str]:
    data = np.frombuffer(b"".join(contents), np.uint8)
    ends = np.cumsum([len(content) for content in contents])
    starts = ends - [len(content) for content in contents]
    return ties.choose(data, starts, ends, choices, np.arange(len(contents)))


@pytest.mark.parametrize(
    ("path", "content", "language"),
    [
        ("a.m", b"x = zeros(3, 1);\nfor k = 1:3\n  x(k) = k;\nend\ndisp(x)\n", "MATLAB"),
        ("a.v", b"module a(input b, output reg c);\nalways @(posedge b) c <= 1;\nendmodule\n", "Verilog"),
        ("a.ml", b"let rec f = function\n  | [] -> 0\n  | x :: xs -> x + f xs\n", "OCaml"),
        ("a.gs", b'init\n\tprint "words"\n\tvar b = 1\n', "Genie"),
        ("a.cls", b"Public Sub A()\nDim b As Integer\nEnd Sub\n", "VBA"),
        ("a.pp", b"class a {\n  package { 'b':\n    ensure => installed,\n  }\n}\n", "Puppet"),
        ("a.d", b"import std.stdio;\nvoid main()\n{\n  writeln(1);\n}\n", "D"),
    ],
)  # fmt: skip
def test_tie_is_told_by_its_text(path: str, content: bytes, language: str) -> None:
    (fact,) = LanguageDetector().detect(batch([(path, content)])).to_pylist()
    assert fact["language"] == language


def test_choice_without_samples_gives_way_to_any_that_has_some() -> None:
    assert told([b"words\n"], [("No such language", "MATLAB")]) == ["MATLAB"]
    assert told([b"words\n"], [("Not this", "Nor that")]) == ["Nor that"]


def test_text_that_says_nothing_goes_to_the_language_with_most_samples() -> None:
    known = ties.weights()
    assert (
        told([b"", b"\n \t\n"], [MATLAB, MATLAB])
        == [min(MATLAB, key=known.languages.__getitem__)] * 2
    )


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=200).map(lambda b: b * 40), st.sampled_from([ASSEMBLY, MATLAB])
        ),
        min_size=1,
        max_size=6,
    )
)
def test_tie_is_broken_alike_in_any_company(rows: list[tuple[bytes, tuple[str, ...]]]) -> None:
    together = told([content for content, _ in rows], [choice for _, choice in rows])
    assert together == [told([content], [choice])[0] for content, choice in rows]
    assert together == [told([content], [choice[::-1]])[0] for content, choice in rows]


def test_features_of_a_text_are_those_that_the_weights_were_made_of() -> None:
    """The hash of tokens is part of the weights: another one needs another training."""
    places, counts = ties.features(b"int main(void)\n{\n    return 42 + x42;\n}\n// \xc3\xa9\n")
    digest = hashlib.sha256(places.astype("<i8").tobytes() + counts.astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == "15166f97f904328b"


def test_tie_reads_a_bounded_part_of_a_text() -> None:
    told([b"x"], [MATLAB])
    for content in (bytes(range(33, 127)) * 1_000_000, b"x" * 100_000_000):
        data, at = np.frombuffer(content, np.uint8), np.array([0])
        start = time.process_time()
        ties.choose(data, at, at + len(data), [MATLAB], at)
        assert time.process_time() - start < 0.1
