"""Redaction keeps valid syntax valid: JSON, YAML and quoted strings, however secrets stand in them."""

from __future__ import annotations

import ast
import hashlib
import json
from typing import Any

import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.drawing import draw
from stackyard.pii import Look, Params, decide, detectors, redact, see, settle
from stackyard.pii.params import Level
from stackyard.pii.rules import rules
from stackyard.record import BATCH, FILES

KEY = (
    "-----BEGIN " + "RSA PRIVATE KEY-----\n" + draw("<b64 64>\n<b64 64>\n<b64 20>", 1)
    + "\n-----END " + "RSA PRIVATE KEY-----"
)  # fmt: skip
SECRETS = st.sampled_from(
    [draw(template, 2) for rule in rules()[::4] for template in rule.positive]
    + [
        KEY, "jo@initech.org", "8.26.56.26", "2a00:1450:4001:81b::200e", "4539 1488 0343 6467", "DE75512108001245126199",
        "https://u:Kq93vXw2@h.initech.org/", "mongodb://root:pa%24s\\word9@h.initech.org", draw("<alnum 40>", 3),
        draw("<b64 60>==", 4), draw("<hex 40>", 5), "Summer2024!", 'Sum"mer2024!x', "Sum'mer\\2024!x", "tel: +49 30 901820",
        "a\\nb jo@initech.org", "\tAKIA" + "Q7ZR3LMK2VBN5TYA", "\u00e9jo@initech.org",
    ]
)  # fmt: skip
NAMES = st.sampled_from(
    [
        "password",
        "api_key",
        "secret",
        "token",
        "name",
        "x",
        "client-secret",
        "aws_key",
        "card",
        "auth",
    ]
)
AROUND = st.sampled_from(
    ["", "", "", " ", "\n", '"', "'", "\\", "x ", ": ", "=", "<", "\u20ac", "see "]
)
VALUES = st.builds(lambda a, b, c: a + b + c, AROUND, SECRETS, AROUND)
DOCUMENTS = st.recursive(
    VALUES | st.integers() | st.just(4556737586899855) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
LEVELS = st.sampled_from(("low", "medium", "high", "paranoid"))


def released(text: str, level: Level, consistent: bool) -> str:
    content = text.encode()
    blob_id = hashlib.sha1(content).digest()
    params = Params(
        level=level, redacted_share_max=1.0, placeholder="consistent" if consistent else "entity"
    )
    batch = pa.table(
        {"blob_id": [blob_id], "path": [""], "content": [content], "text": [content], "encoding": ["utf-8"]},
        schema=BATCH,
    )  # fmt: skip
    files = pa.table(
        {"repo_name": ["octo-org/yard"], "revision_id": ["r"], "path": ["a"], "blob_id": [blob_id],
         "length_bytes": [len(content)]},
        schema=FILES,
    )  # fmt: skip
    facts = {each.name: each.detect(batch) for each in detectors(params)}
    first = decide(files, see(facts, params), params).spans
    spans = settle(batch["text"], batch["blob_id"], first, Look(params), b"k" * 16).spans
    out, _ = redact(batch["text"], batch["blob_id"], spans, params, b"k" * 16)
    return str(out[0].as_py().decode())


@settings(max_examples=150)
@given(DOCUMENTS, LEVELS, st.booleans(), st.sampled_from([None, 2]))
def test_json_stays_valid(
    document: Any, level: Level, consistent: bool, indent: int | None
) -> None:
    json.loads(released(json.dumps(document, indent=indent), level, consistent))
    json.loads(released(json.dumps(document, ensure_ascii=False), level, consistent))


@settings(max_examples=100)
@given(DOCUMENTS, LEVELS)
def test_json_within_json_stays_valid_on_both_floors(document: Any, level: Level) -> None:
    outer = json.loads(released(json.dumps({"body": json.dumps(document)}), level, False))
    if isinstance(outer["body"], str) and not outer["body"].startswith("<"):
        json.loads(outer["body"])


@settings(max_examples=150)
@given(DOCUMENTS, LEVELS, st.sampled_from([None, '"', "'", "|"]), st.booleans())
def test_yaml_stays_valid(document: Any, level: Level, style: str | None, consistent: bool) -> None:
    text = yaml.safe_dump(document, default_style=style, allow_unicode=True)
    yaml.safe_load(released(text, level, consistent))


@settings(max_examples=150)
@given(st.lists(VALUES, min_size=1, max_size=3), NAMES, LEVELS, st.booleans())
def test_quoted_strings_of_code_stay_closed(
    values: list[str], name: str, level: Level, consistent: bool
) -> None:
    name = name.replace("-", "_")
    lines = [f"{name} = {value!r}  # {number}" for number, value in enumerate(values)]
    lines += [f"f({value!r}, {name}={json.dumps(value)})" for value in values]
    lines += [f"{name} = {value.encode()!r}" for value in values]
    ast.parse(released("\n".join(lines), level, consistent))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"s": "{\\"token\\": \\"%s\\"}"}', '{"s": "{\\"token\\": \\"<SECRET_KEYWORD>\\"}"}'),
        ('"\\njo@initech.org" padded by words', '"\\n<EMAIL>" padded by words'),
    ],
)
def test_escapes_beside_a_secret_stay_whole(text: str, expected: str) -> None:
    text = text.replace("%s", draw("<alnum 40>", 9))
    assert released(text, "medium", False) == expected
