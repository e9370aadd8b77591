"""Known values: tokens by hash, what makes them known, and where they go."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.pii import Known, sought, spans_of_known, tokens_in_spans
from stackyard.pii.known import PLACES
from stackyard.pii.letters import surprise
from stackyard.pii.tokens import TokenDetector, find_tokens, token_of
from stackyard.record import SPANS

HEX = "3f9a1c7e5b2d8046af13579bce02468d"
OTHER = "Kq93vXw2Tz8pLm5R"


def found(text: bytes) -> list[tuple[bytes, int]]:
    """What stands at each token of a text, and its hash."""
    tokens = find_tokens(pa.array([text], pa.large_binary()))
    return [
        (text[start:end], token)
        for start, end, token in zip(tokens.start, tokens.end, tokens.token, strict=True)
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"API_KEY = '{HEX}'",
        f"f('{HEX}')",
        f"https://api.example.org/v1?limit=20&token={HEX}#x",
        f"a_{HEX}_b",
        f"x%3D{HEX}",
        f'"a\\n{HEX}\\n"',
        f'"\\u0022{HEX}"',
        f"'\\x22{HEX}'",
        f"0x{HEX}",
        f"\u00e9{HEX}\U0001f600",
        HEX,
    ],
)
def test_tokens_of_a_value_are_the_same_wherever_it_stands(text: str) -> None:
    assert (HEX.encode(), token_of(HEX.encode())) in found(text.encode())


@pytest.mark.parametrize(
    "text",
    ["Winter2024", "admin123456", "getElementById", "sha256sum127", "aaaa1111bbbb2222", "1234567890",
     "password12345678", "Kq93vX", "x" * 300, HEX * 9, "internationalization"],
)  # fmt: skip
def test_tokens_are_no_words_numbers_repeats_or_data(text: str) -> None:
    assert found(text.encode()) == []


def is_drawn(run: str) -> bool:
    """The rule in plain Python."""
    if not 8 <= len(run) <= 256 or len(set(run)) < 5:
        return False
    if run.isalpha():
        return len(run) >= 12 and surprise(run)[0] >= 5.6
    words = re.findall(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}(?![a-z])", run)
    written = sum(len(w) for w in words if surprise(w)[0] <= (4.4 if len(w) <= 5 else 5.0))
    letters = sum(map(str.isalpha, run))
    return len(run) - written >= 5 and letters - written >= 2


@given(st.lists(st.text("aeKtXZ0159bcdfQ", max_size=40), max_size=5))
def test_tokens_are_the_drawn_runs_of_a_text(runs: list[str]) -> None:
    text = "-".join(runs).encode()
    expected = [
        (
            run.encode(),
            int.from_bytes(hashlib.sha256(run.encode()).digest()[:8], "big", signed=True),
        )
        for run in runs
        if is_drawn(run)
    ]
    whole = [each for each in found(text) if each[0] in {run.encode() for run in runs}]
    assert [each for each in whole if each in expected] == expected


def test_token_facts_of_any_split_are_the_same_and_hold_no_value(columns: Any) -> None:
    texts = [f"k = '{HEX}'".encode(), None, b"", OTHER.encode()]
    batch = columns.batch(texts)
    together = TokenDetector().detect(batch)
    parts = [TokenDetector().detect(batch.slice(i, 1)) for i in range(len(texts))]
    order = [(name, "ascending") for name in together.schema.names]
    assert together.equals(pa.concat_tables(parts).sort_by(order).combine_chunks())
    assert together["token"].to_pylist().count(token_of(HEX.encode())) == 1
    assert HEX not in repr(together.to_pylist())


def spans(rows: list[tuple[bytes, int, int, str]]) -> pa.Table:
    names = ("blob_id", "start_byte", "end_byte", "entity")
    return pa.Table.from_pylist(
        [{**dict(zip(names, row, strict=True)), "rule": "r"} for row in rows], schema=SPANS
    )


def places(rows: list[tuple[bytes, str]]) -> pa.Table:
    return pa.Table.from_pylist(
        [dict(zip(PLACES.names, row, strict=True)) for row in rows], schema=PLACES
    )


def test_tokens_in_spans_are_those_that_lie_whole_in_a_credential(columns: Any) -> None:
    texts = [f"k = '{HEX}' {OTHER}".encode(), f"{OTHER} {HEX}".encode(), f"{HEX}".encode()]
    tokens = TokenDetector().detect(columns.batch(texts))
    first, second, third = (columns.blob_id(i) for i in range(3))
    proofs = tokens_in_spans(
        tokens,
        spans([(first, 5, 37, "jwt"), (second, 0, 15, "jwt"), (third, 0, 32, "email")]),
    )
    assert proofs.to_pylist() == [
        {"blob_id": first, "token": token_of(HEX.encode()), "entity": "jwt"}
    ]
    assert tokens_in_spans(tokens, SPANS.empty_table()).num_rows == 0


def test_sought_is_everywhere_for_few_owners_and_bound_for_many(columns: Any) -> None:
    texts = [f"k = '{HEX}'".encode(), f"f('{HEX}')".encode()]
    tokens = TokenDetector().detect(columns.batch(texts))
    one, two = (columns.blob_id(i) for i in range(2))
    proofs = tokens_in_spans(tokens, spans([(one, 5, 37, "jwt")]))
    few = places([(one, "a/x"), (two, "b/x"), (two, "B/y")])
    (row,) = sought(proofs, tokens, few, 2).to_pylist()
    assert (row["repo_name"], row["entity"]) == ("", "jwt")
    many = places([(one, "a/x"), (two, "a/y"), (two, "b/x"), (two, "c/x")])
    (row,) = sought(proofs, tokens, many, 2).to_pylist()
    assert row["repo_name"] == "a/x"


def test_spans_of_known_follow_copies_into_every_repository_that_has_them(columns: Any) -> None:
    """A blob in two repositories, each with another value known, loses both."""
    texts = [f"{HEX} {OTHER}".encode(), HEX.encode(), OTHER.encode()]
    tokens = TokenDetector().detect(columns.batch(texts))
    shared, one, two = (columns.blob_id(i) for i in range(3))
    where = places([(shared, "a/x"), (shared, "b/x"), (one, "a/x"), (two, "b/x"), (shared, "c/x")])
    proofs = tokens_in_spans(tokens, spans([(one, 0, 32, "jwt"), (two, 0, 16, "token_x")]))
    wanted = sought(proofs, tokens, where, 0)
    got = spans_of_known(tokens, wanted, where)
    assert [
        (r["blob_id"], r["start_byte"], r["end_byte"], r["entity"]) for r in got.to_pylist()
    ] == sorted(
        [
            (shared, 0, 32, "jwt"),
            (shared, 33, 49, "token_x"),
            (one, 0, 32, "jwt"),
            (two, 0, 16, "token_x"),
        ]
    )
    elsewhere = spans_of_known(tokens, wanted, places([(shared, "c/x")]))
    assert elsewhere.num_rows == 0


def test_known_finds_its_values_in_a_text_and_bound_ones_in_their_repository_alone(
    columns: Any,
) -> None:
    texts = [f"f('{HEX}')".encode(), f"f('{OTHER}')".encode(), b"nothing"]
    tokens = TokenDetector().detect(columns.batch(texts))
    proofs = tokens_in_spans(
        tokens, spans([(columns.blob_id(0), 3, 35, "jwt"), (columns.blob_id(1), 3, 19, "token_x")])
    )
    where = places([(columns.blob_id(0), "a/x")] + [(columns.blob_id(1), f"{o}/x") for o in "abc"])
    wanted = sought(proofs, tokens, where, 2)
    known = Known.of(wanted)
    column = pa.array(texts, pa.large_binary())
    rows = [(row, span.entity) for row, span in known.spans(column, [("z/z",)] * 3)]
    assert rows == [(0, "jwt")]
    rows = [(row, span.entity) for row, span in known.spans(column, [(), ("b/x", "z/z"), ()])]
    assert rows == [(0, "jwt"), (1, "token_x")]
    assert Known().spans(column, [()] * 3) == []
