"""Every heuristic rule of Linguist's data, alive: a text made for it gets its language.

The texts are made from the rules' own patterns, as Python's `re` reads them; the detector reads them
with hyperscan, so each also holds the two readings together.
"""

from __future__ import annotations

import json
import re
import warnings
from functools import cache
from importlib import resources
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from stackyard.filter.language import LanguageDetector
from tests.unit.filter.corpus import batch

DATA: dict[str, Any] = json.loads(
    (resources.files("stackyard.filter.data.linguist") / "linguist.json").read_text("utf-8")
)
RULES = {
    extension: entry["rules"] for entry in DATA["heuristics"] for extension in entry["extensions"]
}
WRITTEN = {  # by (extension, rule), where hypothesis cannot read the pattern
    (".rno", 0): b".c;Words\n",
}
NOTHING = (b"\n", b"x\n", b"words\n", b"1\n")
"""For rules without a pattern, which hold where no other does."""

QUICK = settings(
    phases=[Phase.generate],
    max_examples=300,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@cache
def compiled(pattern: str) -> re.Pattern[bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of `[[`, which is no set here
        return re.compile(pattern.replace(r"\z", r"\Z").encode(), re.MULTILINE)


def holds(rule: dict[str, Any], text: bytes) -> bool:
    return all(
        condition["negative"] != any(compiled(p).search(text) for p in condition["any"])
        for condition in rule["all"]
    )


def first(rules: list[dict[str, Any]], text: bytes) -> int | None:
    return next((n for n, rule in enumerate(rules) if holds(rule, text)), None)


def text_for(entry: dict[str, Any], number: int) -> bytes | None:
    """A text of which this rule is the first that holds."""
    rules = entry["rules"]
    wanted = [c["any"] for c in rules[number]["all"] if not c["negative"]]
    if not wanted:
        return next((text for text in NOTHING if first(rules, text) == number), None)
    for k in range(max(map(len, wanted))):
        parts = [st.from_regex(compiled(any_of[min(k, len(any_of) - 1)])) for any_of in wanted]
        texts = st.tuples(*parts).map(lambda found: b"\n".join(found).replace(b"\0", b"x") + b"\n")
        try:
            return find(texts, lambda text: first(rules, text) == number, settings=QUICK)
        except NoSuchExample:
            continue
    return None


def named(extension: str) -> tuple[str, ...]:
    return tuple(
        sorted(
            name
            for name, entry in DATA["languages"].items()
            if extension in (e.lower() for e in entry.get("extensions", ()))
        )
    )


@cache
def made() -> list[tuple[str, int, bytes | None, tuple[str, ...]]]:
    """(extension, rule, text, languages of the rule) of each extension and rule that is asked."""
    found = []
    for entry in DATA["heuristics"]:
        for number, rule in enumerate(entry["rules"]):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                text = WRITTEN.get((entry["extensions"][0], number)) or text_for(entry, number)
            languages = tuple(rule["languages"])
            found += [(extension, number, text, languages) for extension in entry["extensions"]]
    return found


BEFORE = {(".txt", 0): "modeline", (".uc", 0): "shebang"}
"""Rules for what an earlier step also reads, with the same answer."""


def test_heuristic_rules_each_have_a_text_and_are_alive() -> None:
    """Where an extension has one language the data asks no rule, unless it is a generic one.

    One test: the texts take seconds to be made.
    """
    rows = made()
    assert [(extension, rule) for extension, rule, text, _ in rows if text is None] == []
    table = batch([("x" + extension.lower(), text or b"") for extension, _, text, _ in rows])
    facts = LanguageDetector().detect(table).to_pylist()
    for (extension, rule, text, languages), fact in zip(rows, facts, strict=True):
        alone = len(named(extension.lower())) == 1 and extension not in DATA["generic"]
        steps = {"extension"} if alone else {BEFORE.get((extension, rule), "heuristics")}
        if len(languages) > 1:
            steps.add("classifier")
        assert fact["language"] in languages, (extension, rule, text, fact)
        assert fact["strategy"] in steps, (extension, rule, text, fact)


@pytest.mark.parametrize("extension", DATA["generic"])
def test_generic_extension_is_told_by_its_heuristic_alone(extension: str) -> None:
    (fact,) = LanguageDetector().detect(batch([("x" + extension, b"?!\n")])).to_pylist()
    is_default = any(not rule["all"] for rule in RULES[extension])
    assert (fact["language"] is not None) == is_default
