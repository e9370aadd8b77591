"""registry/pii-allow.yaml: findings of the second scanner that a person looked at and let stand.

In: its text. Out: entries, or the text with one entry more. Always holds: entries are checked by
pii-allow.schema.json; what was written by hand, comments too, stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet
from importlib import resources
from typing import NamedTuple

import jsonschema
import yaml

from stackyard.errors import UsageError

_NONE_YET = "allow: []\n"


class AllowEntry(NamedTuple):
    """A reviewed finding of the second scanner: its rule, the SHA-256 of the value, and why."""

    rule: str
    value_sha256: str
    reason: str


Answers = AbstractSet[tuple[str, str]]
"""Rule and SHA-256 of the values that entries let stand."""


def load_allow(text: str, where: str) -> frozenset[AllowEntry]:
    """The entries of registry/pii-allow.yaml.

    Raises:
        UsageError: the text is not what its schema asks for.
    """
    values = yaml.safe_load(text)
    schema = json.loads(
        resources.files("stackyard.pii").joinpath("pii-allow.schema.json").read_text("utf-8")
    )
    for problem in jsonschema.Draft202012Validator(schema).iter_errors(values):
        raise UsageError(
            f"{where} does not hold at {problem.json_path}",
            expected="what pii-allow.schema.json asks for",
            found=problem.message[:200],
            next_step="mend the entry",
        )
    return frozenset(AllowEntry(**entry) for entry in values["allow"])


def answers(entries: AbstractSet[AllowEntry]) -> frozenset[tuple[str, str]]:
    """What the entries let stand."""
    return frozenset((entry.rule, entry.value_sha256) for entry in entries)


def with_entry(text: str, entry: AllowEntry, where: str) -> str:
    """The text with one entry more at its end; unchanged if it has the value under that rule already.

    Raises:
        UsageError: the text or the entry is not what the schema asks for.
    """
    if (entry.rule, entry.value_sha256) in answers(load_allow(text, where)):
        return text
    line = json.dumps(entry._asdict(), ensure_ascii=False)
    base = text if text.endswith("\n") else f"{text}\n"
    base = base.removesuffix(_NONE_YET) + "allow:\n" if base.endswith(_NONE_YET) else base
    out = f"{base}- {line}\n"
    load_allow(out, where)
    return out
