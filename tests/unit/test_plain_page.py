"""The page for code owners: short, in plain words, and true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.test_docs import commands

PAGE = (Path(__file__).parents[2] / "docs" / "your-code.md").read_text(encoding="utf-8")
WORDS_MAX = 600
READING_EASE_MIN = 70
"""Flesch reading ease of "fairly easy to read", what pupils of 13 read (Flesch, 1948)."""

GRADE_MAX = 7
"""Flesch-Kincaid grade (Kincaid et al., 1975): years of school."""

JARGON = ("merkle", "nonce", "digest", "commitment", "checkpoint", "salt", "hash", "sha", "registry", "selector", "manifest", "cryptograph", "ed25519")  # fmt: skip


def prose() -> str:
    """The sentences of the page, without headings, commands, code and marks of Markdown."""
    lines = [line for line in PAGE.splitlines() if not line.startswith(("    ", "#"))]
    text = re.sub(r"`[^`]*`", "it", "\n".join(lines))
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)


def syllables(word: str) -> int:
    """Groups of vowels, less a silent e: the count that Flesch's formula is used with by machines."""
    word = word.lower()
    count = len(re.findall(r"[aeiouy]+", word))
    if word.endswith("e") and not word.endswith("le") and count > 1:
        count -= 1
    return max(1, count)


def scores(text: str) -> tuple[float, float]:
    """Flesch reading ease and Flesch-Kincaid grade."""
    words = re.findall(r"[A-Za-z']+", text)
    sentences = len(re.findall(r"[.?!](?:\s|$)", text))
    per_sentence = len(words) / sentences
    per_word = sum(map(syllables, words)) / len(words)
    ease = 206.835 - 1.015 * per_sentence - 84.6 * per_word
    return ease, 0.39 * per_sentence + 11.8 * per_word - 15.59


def test_scores_of_known_sentences_are_those_of_the_formula() -> None:
    assert scores("The cat sat on the mat.") == pytest.approx((116.145, -1.45))
    assert scores("Cryptographic commitments necessitate sophisticated verification.")[0] < 0


def test_page_is_short_and_in_plain_words() -> None:
    assert len(PAGE.split()) <= WORDS_MAX
    ease, grade = scores(prose())
    assert ease >= READING_EASE_MIN
    assert grade <= GRADE_MAX


def test_page_has_no_word_of_the_trade() -> None:
    words = set(re.findall(r"[a-z0-9]+", prose().lower()))
    assert not {word for word in words if word.startswith(JARGON)}


def test_commands_of_the_page_exist_and_need_no_project() -> None:
    known = commands()
    called = re.findall(r"^    (stackyard .+)$", PAGE, re.MULTILINE)
    assert len(called) == 4
    for call in called:
        name = " ".join(call.split()[:3]) if " optout " in call else " ".join(call.split()[:2])
        options = {opt for option in known[name].params for opt in option.opts}
        assert set(re.findall(r"--[a-z]+", call)) <= options
        assert "--dataset" in call or "--release octo-org" in call
