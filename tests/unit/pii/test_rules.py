from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.drawing import draw
from stackyard.pii.automaton import Automaton
from stackyard.pii.findings import Finding
from stackyard.pii.rules import Rule, first_part, rules, shortest

RULES = rules()
AUTOMATON = Automaton([(rule.anchor, rule.is_caseless) for rule in RULES])
MEDIUM = 0.7


def candidates(text: bytes) -> dict[int, list[int]]:
    """Ends of candidates by the number of their rule."""
    numbers, ends = AUTOMATON.scan(b"\n" + text)
    return {int(n): (ends[numbers == n] - 1).tolist() for n in set(numbers.tolist())}


def run(text: bytes) -> set[Finding]:
    return {f for number, ends in candidates(text).items() for f in RULES[number].find(text, ends)}


def without_automaton(text: bytes) -> set[Finding]:
    """Every rule over every byte: what the automaton may never change."""
    everywhere = range(1, len(text) + 1)
    return {finding for rule in RULES for finding in rule.find(text, everywhere)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_positive_example_is_redacted_at_medium(rule: Rule) -> None:
    frames = ["{}"] if rule.is_near else ['key = "{}"\n', "{}", '{{"a": "{}"}}', "x={};", '"\\n{}"']
    for template in rule.positive:
        for seed in range(10):
            text = frames[seed % len(frames)].format(draw(template, seed)).encode()
            assert any(f.rule == rule.name and f.score >= MEDIUM for f in run(text)), template


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_negative_example_is_left_alone_at_medium(rule: Rule) -> None:
    for template in rule.negative:
        for seed in range(5):
            text = draw(template, seed).encode()
            assert not any(f.rule == rule.name and f.score >= MEDIUM for f in run(text)), template


@pytest.mark.parametrize(
    "rule",
    [r for r in RULES if not r.is_near and r.pattern.pattern.startswith(b"(?:(?<!")],
    ids=lambda rule: rule.name,
)
def test_rule_credential_glued_to_a_word_is_left_alone(rule: Rule) -> None:
    text = ("zz" + draw(rule.positive[0], 1)).encode()
    assert not any(f.rule == rule.name and f.start == 2 for f in run(text))


@pytest.mark.parametrize(
    ("template", "validator"), [("ghp_<crc62>", "valid"), ("ghp_<alnum 36>", "invalid")]
)
def test_rule_with_checksum_says_whether_it_held(template: str, validator: str) -> None:
    (found,) = [f for f in run(draw(template, 3).encode()) if f.rule == "github-token"]
    assert found.validator == validator


@pytest.mark.parametrize(
    "text",
    [
        b"AKIAIOSFODNN7" + b"EXAMPLE", b"ghp_" + b"x" * 36, b"sk_live_" + b"x" * 24,
        b"AWS_SECRET_ACCESS_KEY=" + b"wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + b"EXAMPLEKEY",
        b"DD_API_KEY=" + b"0" * 32, b"HEROKU_API_KEY=${HEROKU_API_KEY}", b"xoxb-your-token-goes-here-please",
    ],
)  # fmt: skip
def test_rule_documentation_credential_is_left_alone(text: bytes) -> None:
    assert [f for f in run(text) if f.score >= MEDIUM] == []


_PARTS = st.sampled_from(
    [draw(t, 1) for rule in RULES[::7] for t in rule.positive + rule.negative]
    + ["=", '"', "'", " ", "\n", "-", "_", ".", "a", "0", "/", ":", "@", "AKIA", "token", "\u00e9"]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_PARTS, max_size=5).map("".join))
def test_rules_on_any_text_find_the_same_without_the_automaton(text: str) -> None:
    data = text.encode()[:240]
    assert run(data) == without_automaton(data)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (b"a[0-9]{2,5}", b"a[0-9]{2}"), (b"a{3}", b"a{3}"), (b"(?:ab){1,2}={0,2}", b"(?:ab){1}"),
        (b"(?:a|b{2,3})", b"(?:a|b{2})"), (b"a{2,9}(?:\\.b)?", b"a{2}"), (b"(?:a{2,3}|(?:b|c)d?)", b"(?:a{2}|(?:b|c))"), (b"x{2,3}y", b"x{2,3}y"),
    ],
)  # fmt: skip
def test_shortest_cuts_the_last_repeat_alone(pattern: bytes, expected: bytes) -> None:
    assert shortest(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (b"ab[0-9]{2,5}c", b"ab[0-9]{2}"), (b"abc?d", b"ab"), (b"(?:a[bc]|d{0,2}e)f", b"(?:a[bc]|)"),
        (b"x(?:-y)?z", b"x"), (b"ab|c{2,3}", b"(?:ab|c{2})"), (b"[a|(]\\.(?:b|(?:c|d))", b"[a|(]\\.(?:b|(?:c|d))"),
    ],
)  # fmt: skip
def test_first_part_ends_before_what_may_be_left_out(pattern: bytes, expected: bytes) -> None:
    assert first_part(pattern) == expected


def test_rules_run_in_linear_time_on_hostile_text() -> None:
    texts: list[Any] = [
        b"a" * 200_000,
        b" " * 200_000,
        b"token=" * 30_000,
        b"sk-" * 60_000,
        b"=\"'" * 60_000,
    ]
    for text in texts:
        run(text)
