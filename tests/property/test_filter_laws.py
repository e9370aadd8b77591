"""Laws of the filter over arbitrary corpora."""

from __future__ import annotations

import re
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2]))

from stackyard import filter as room
from stackyard.filter import Params
from stackyard.filter.quality import QualityDetector
from tests.unit.filter import corpus
from tests.unit.filter.licenses import GPL_HEADER, GPL_TAG, MIT

CONTENTS = st.one_of(
    st.sampled_from([MIT, GPL_HEADER, GPL_TAG + b"int x;\n", b"int y;\n", b"def f(): pass\n", b""]),
    st.binary(max_size=200),
    st.text(max_size=200).map(str.encode),
    st.text(max_size=60).map(lambda text: text.encode("utf-16")),
)
PATHS = st.sampled_from(
    [
        "LICENSE",
        "COPYING",
        "a.c",
        "src/a.c",
        "src/LICENSE",
        "src/x/b.py",
        "debian/copyright",
        "c.txt",
    ]
)
REPOS = st.dictionaries(
    st.sampled_from(["octo-org/a", "octo-org/b", "octo-org/c"]),
    st.dictionaries(PATHS, CONTENTS, max_size=6),
    max_size=3,
)
SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(REPOS)
def test_every_file_kept_or_dropped_once(repos: corpus.Repos) -> None:
    filtered = corpus.run(repos)
    found = corpus.rules(filtered)
    assert found.keys() == {(repo, path) for repo, tree in repos.items() for path in tree}
    assert filtered.files.num_rows + filtered.decisions.num_rows == len(found)


@SETTINGS
@given(REPOS)
def test_kept_files_carry_permissive_evidence_and_share_no_blob_with_copyleft(
    repos: corpus.Repos,
) -> None:
    filtered = corpus.run(repos)
    denied = {
        d["blob_id"] for d in filtered.decisions.to_pylist() if d["rule"] == "license-not-allowed"
    }
    for file in filtered.files.to_pylist():
        assert file["license_evidence"]
        assert room.default_policy().classify(file["license_expression"]) == "permissive"
        assert file["blob_id"] not in denied


@SETTINGS
@given(st.lists(CONTENTS, max_size=8))
def test_decoded_text_is_what_its_codec_says(contents: list[bytes]) -> None:
    column = pa.array(contents, pa.large_binary())
    text, encoding = room.decode(column)
    for raw, plain, codec in zip(contents, text.to_pylist(), encoding.to_pylist(), strict=True):
        assert (plain is None) == (codec is None)
        if plain is not None:
            assert raw.decode(codec).encode() == plain
            assert b"\0" not in plain


@SETTINGS
@given(st.lists(st.tuples(PATHS, CONTENTS), min_size=1, max_size=8))
def test_facts_of_a_row_do_not_depend_on_other_rows(
    rows: list[tuple[str, bytes]],
) -> None:
    whole = corpus.batch(rows)
    for detector in room.detectors(Params()):
        together = detector.detect(whole).to_pylist()
        alone = [
            fact
            for i in range(len(rows))
            for fact in detector.detect(whole.slice(i, 1)).to_pylist()
        ]
        assert together == alone


PIECES = [
    *("0xab", "\\xab", "\\xabcd", "cd", "ab", "0", "x", "\\", "u", "\\u00e4", "\\u12", "g", "z", "_", "="),
    *(" ", ", ", "\n", "\r\n", "\r", "\t", "QUJD", "QUJD" * 15, "a" * 61, "A" * 33 + "\n", " " * 40),
    *("\u00e9", "\u4e16", "\u0663", "0x12,0x34," * 2, "ff," * 3, "de ad be ef ", "1, 2, 30, 41, ", "+", "<", "/"),
]  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=60),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).flatmap(
        lambda few: st.lists(st.sampled_from(few), max_size=80)
    ),
).map("".join)
RUN = re.compile(
    rb"(?:\\x[0-9A-Fa-f]{2}|(?<![0-9A-Za-z_])(?:0x)?[0-9A-Fa-f]{2}(?![0-9A-Za-z_]))"
    rb"(?:[,\s]*(?:\\x[0-9A-Fa-f]{2}|(?:0x)?[0-9A-Fa-f]{2}(?![0-9A-Za-z_]))){7,}"
    rb"|(?:\\u[0-9A-Fa-f]{4}){8,}"
)


BASE64 = re.compile(rb"[A-Za-z0-9+/=\r\n]{64,}")


def encoded(text: bytes) -> list[int]:
    """Lengths of all encoded runs: those of units, and those of base64 between them."""
    runs = [match.span() for match in RUN.finditer(text)]
    lengths = [end - start for start, end in runs]
    for (_, begin), (stop, _) in pairwise([(0, 0), *runs, (len(text), len(text))]):
        found = (match.span() for match in BASE64.finditer(text, begin))
        lengths += [last - first for first, last in found if last <= stop]
    return lengths


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_quality_counts_are_those_of_a_plain_reading(text: str) -> None:
    (row,) = QualityDetector().detect(corpus.batch([("", text.encode())])).to_pylist()
    lines = re.split("\r\n|\r|\n", text)
    lines = lines if lines[-1] else lines[:-1]
    letters = sum(char.isalpha() for char in text)
    digits = sum(unicodedata.category(char) == "Nd" for char in text)
    runs = encoded(text.encode())
    assert row["line_count"] == len(lines)
    assert row["char_count"] == len(text)
    assert row["line_longest_chars"] == max(map(len, lines), default=0)
    assert row["alphabetic_count"] == letters
    assert row["alphanumeric_count"] == letters + digits
    assert row["encoded_chars"] == sum(runs)
    assert row["encoded_longest_chars"] == max(runs, default=0)
