"""Sentences beside a licence text: each reviewed rule, what is left over, and the language of rules."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.filter import residue
from stackyard.filter.account import units
from stackyard.filter.residue import HARMLESS, grammar, kind
from stackyard.filter.tiles import Grammar, Rule, Token


def kinds(text: str) -> list[str]:
    return [kind(unit, True) for unit in units(text.encode())]


@pytest.mark.parametrize("rule", residue.rules(), ids=lambda rule: rule.example)
def test_example_of_a_rule_is_matched_by_it_and_is_harmless(rule: Rule) -> None:
    (unit,) = units(rule.example.encode())
    assert rule in grammar().alone(unit.tokens)
    assert kind(unit, True) in HARMLESS


MORE = ("unless you sell it", "for students", "within Canada", "and nobody else", "per seat")


@pytest.mark.parametrize(("number", "rule"), list(enumerate(residue.rules())))
def test_words_behind_a_harmless_sentence_make_it_none(number: int, rule: Rule) -> None:
    text = rule.example.rstrip(".!")
    assert any(each not in HARMLESS for each in kinds(f"{text} {MORE[number % len(MORE)]}."))


@pytest.mark.parametrize(
    "text",
    [
        "MIT License (Octo Edition)",
        "MIT License v2",
        "The Responsible MIT License",
        "BSD-like",
        "Almost ISC",
        "HOME USE",
        "FREE TIER",
        "Evaluation Copy",
        "noai, noimageai",
        "TDM-Reservation: 1",
        "Licensee: Bo Sample",
        "Available in Europe.",
        "This source was written by people for people.",
        "This version is released for the Linux kernel.",
        "Companies: see Enterprise.",
        "Over 10 developers: Pro.",
        "Contributors and users share the Octo Principles.",
        "Valid: January to June 2024",
        "Please note that the logo stays.",
        "After version 2.0 the licence is another.",
        "Use at work costs 5 €",
        "Pour la Suisse.",
    ],
)
def test_sentence_of_harmless_words_that_says_more_is_unexplained(text: str) -> None:
    assert all(each not in HARMLESS for each in kinds(text))


def test_copyleft_that_is_named_for_the_work_is_harmless_only_if_it_is_known() -> None:
    (unit,) = units(b"Tiny Sampler is licensed under the GNU General Public License.")
    assert kind(unit, True) in HARMLESS
    assert kind(unit, False) not in HARMLESS


def test_reviewed_sentence_is_known_by_its_digest() -> None:
    assert residue.digest("psf yes") != residue.digest("psf no")
    assert len(residue.digest("")) == 16


SMALL = Grammar(
    {"thing": "code | files?", "work": "[the] {thing} [and {thing}]*"},
    [
        Rule("part", "{work} (is | are) old", "", ""),
        Rule("names", "by {name}+", "", ""),
        Rule("title", "{thing}", "", "", joins=False),
    ],
    {"name": lambda tokens, at: [at + 1] if tokens[at].is_upper else []},
)


def tokens(text: str) -> list[Token]:
    return [Token(word.lower(), word[0].isupper()) for word in text.split()]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the code is old", ["part"]),
        ("files are old", ["part"]),
        ("the code and the files are old", []),
        ("the code and file are old", ["part"]),
        ("file is old by Ada Example", ["part", "names"]),
        ("file is old and by Ada", ["part", "names"]),
        ("file is old by ada", []),
        ("code", ["title"]),
        ("code by Ada", []),
        ("the code is", []),
    ],
)
def test_sentence_is_made_of_rules_end_to_end(text: str, found: list[str]) -> None:
    assert [rule.kind for rule in SMALL.made_of(tokens(text))] == found


@pytest.mark.parametrize("says", ["(a", "a)", "[a", "[a]+", "{nothing}", "[a]", "a } b"])
def test_pattern_that_is_none_is_refused(says: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any of the four messages
        Grammar({}, [Rule("title", says, "", "")], {})


words = st.sampled_from(["the", "code", "file", "is", "are", "old", "and", "by", "Ada", "not"])


@given(st.lists(words, min_size=1, max_size=12))
def test_one_word_that_no_rule_has_makes_a_sentence_unmade(said: list[str]) -> None:
    said[len(said) // 2] = "never"
    assert SMALL.made_of(tokens(" ".join(said))) == ()


@pytest.mark.parametrize(
    "text",
    [
        "this software " * 140,
        "Ada Bo " * 140,
        "copyright Ada and the code is " * 45,
        "see the file " * 95,
    ],
)
def test_long_sentence_takes_bounded_time(text: str) -> None:
    kinds("warm")
    start = time.process_time()
    kinds(text)
    assert time.process_time() - start < 2.0


def test_reviewed_sentences_are_digests_without_repeats_each_with_a_reason() -> None:
    rows = residue._document("digests.yaml")
    assert all(re.fullmatch(r"[0-9a-f]{16}", row["digest"]) and row["because"] for row in rows)
    assert len({row["digest"] for row in rows}) == len(rows) > 0


@pytest.mark.parametrize(
    "words",
    [
        "The BSD 5-Clause License",
        "BSD 4.5-clause",
        "This is not free software.",
        "This project is not licensed under the MIT License.",
        "Credit cards accepted at https://example.org/pay",
    ],
)
def test_denials_and_titles_that_no_list_has_are_not_harmless(words: str) -> None:
    assert not set(kinds(words)) <= HARMLESS


@pytest.mark.parametrize("words", ["For pupils.", "For adults", "for members"])
def test_a_word_behind_for_is_no_title(words: str) -> None:
    assert not set(kinds(words)) <= HARMLESS
