"""No rule may flood: text made of pieces of its own pattern costs what other text costs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.drawing import draw
from stackyard.pii.automaton import Automaton
from stackyard.pii.rules import Rule, rules

RULES = rules()
AUTOMATON = Automaton([(rule.anchor, rule.is_caseless) for rule in RULES])
TEXT_BYTES = 20_000

CANDIDATE_COST = 16
"""Bytes of ordinary code that are read in the time of a candidate: 0.15 us beside 9.4 ns a byte."""
ATTEMPT_COST = 25
"""The same of an attempt to match: 0.25 us with the search that led to it."""
COST_MAX = 3.0
"""Cost of a byte at most, where that of a byte of plain text is 1."""


class _Counted:
    """A pattern that counts how often a match was tried."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self.pattern, self.attempts = pattern, 0

    def match(self, text: bytes, start: int) -> re.Match[bytes] | None:
        self.attempts += 1
        return self.pattern.match(text, start)


def _pieces(rule: Rule) -> Iterator[str]:
    """What a rule's pattern begins with, is made of, and nearly is."""
    for template in rule.positive:
        value = draw(template, 1)
        yield template.split("<")[0] or value[:2]
        yield value[:-1]
        yield value[:-4] + "!"
        yield value[:-2] + "\n"
        yield from sorted(set(value))


def _cost(rule: Rule, text: bytes) -> float:
    numbers, ends = AUTOMATON.scan(text)
    own = ends[numbers == RULES.index(rule)].tolist()
    pattern: Any = _Counted(rule.pattern)
    found = len(list(rule._replace(pattern=pattern).find(text, own)))
    candidates = len(ends) - found  # a finding is worth its cost
    attempts = pattern.attempts - found
    return 1 + (candidates * CANDIDATE_COST + attempts * ATTEMPT_COST) / len(text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_over_text_of_its_own_pieces_costs_no_more_than_plain_text(rule: Rule) -> None:
    for piece in _pieces(rule):
        text = (piece * (TEXT_BYTES // len(piece) + 1)).encode()[:TEXT_BYTES]
        assert _cost(rule, text) <= COST_MAX, piece
