"""Hostile names in documents and on terminals: Markdown, HTML, YAML, escape codes, marks of direction, rules."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pyarrow as pa
import yaml
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from stackyard.errors import StackyardError, UsageError, shown, shown_json
from stackyard.release import attribution, card, citation, croissant, report, semver
from stackyard.release.checks import Check, Finding
from stackyard.release.manifest import (
    Checkpoint,
    Code,
    Dropped,
    Manifest,
    Redacted,
    Share,
    Totals,
)
from stackyard.release.params import Params
from stackyard.release.wording import code, table

PIECES = st.sampled_from([
    "`", "``", "```\n", "|", "\\|", "\\", "<script>alert(1)</script>", "<!--", "-->", "&lt;", "[x](javascript:1)", "![x](y)",
    "\n", "\r\n", "\n\n# Heading\n\n", "\n---\n", "---\nlicense: mit\n---", "- {a: b}", "!!python/object:os.system x", "*&a", ": ",
    "\x1b[2J", "\x9b31m", "\x07", "\x00", "\u202e", "\u2066", "\u200f", "\u2028", "\u0085", "\ufeff", "\t", " ", "=" * 78,
    "\n" + "=" * 78 + "\n[1]\n" + "=" * 78 + "\n", "MIT", "\u05e9\u05dc\u05d5\u05dd", "\u65e5\u672c", "'; DROP TABLE files; --", "$(id)", "%s", "{0}",
])  # fmt: skip
HOSTILE = st.lists(PIECES, min_size=1, max_size=6).map("".join)
MOVES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")


def manifest_of(name: str) -> Manifest:
    """A release in which a licence, a rule, an entity and the writer have this name."""
    totals = Totals(
        files_seen=2, files_kept=1, dropped=(Dropped(name, name, 1),), bytes_seen=2, bytes_kept=1,
        content_bytes=1, languages=(Share(name, 1, 1),), licenses=(Share(name, 1, 1),),
        redactions=(Redacted(name, 1),), optouts=0,
    )  # fmt: skip
    return Manifest(
        "octo-org/yard", "0.1.0", None, Checkpoint(0, "0" * 64), {"release": {"bucket_ranges": 4}},
        Code(name, name), {}, "0" * 64, totals, (),
    )  # fmt: skip


def shape(text: str) -> list[str]:
    """What a Markdown text is made of, less its words."""
    out = []
    for token in MARKDOWN.parse(text):
        out.append(f"{token.type} {token.tag}")
        out += [f"{each.type} {each.tag}" for each in token.children or () if each.type != "text"]
    return [each for each in out if not each.startswith(("softbreak", "text_special"))]


@given(HOSTILE)
def test_card_with_hostile_names_has_the_shape_of_any_card(name: str) -> None:
    text = card.render(manifest_of(name))
    benign = card.render(manifest_of("benign"))
    front, _, body = text.removeprefix("---\n").partition("\n---\n")
    benign_front, _, benign_body = benign.removeprefix("---\n").partition("\n---\n")
    assert yaml.safe_load(front) == yaml.safe_load(benign_front)
    assert shape(body) == shape(benign_body)
    assert not MOVES.search(text)


@given(HOSTILE)
def test_report_with_hostile_names_has_the_shape_of_any_report(name: str) -> None:
    step = semver.Step("minor", ("new rows",))

    def run_of(what: str) -> report.RunReport:
        return report.report(manifest_of(what), None, step)

    assert shape(report.markdown(run_of(name))) == shape(report.markdown(run_of("benign")))
    assert not MOVES.search(report.text(run_of(name)))


@given(HOSTILE)
def test_a_code_span_shows_a_text_and_is_nothing_else(text: str) -> None:
    (paragraph,) = [token for token in MARKDOWN.parse(code(text)) if token.type == "inline"]
    assert [child.type for child in paragraph.children or ()] == ["code_inline"]


@given(st.lists(st.lists(HOSTILE, min_size=2, max_size=2), min_size=1, max_size=3))
def test_a_table_of_code_spans_has_its_rows_and_columns(rows: list[list[str]]) -> None:
    text = table(("one", "two"), [tuple(map(code, row)) for row in rows])
    assert len(text.split("\n")) == len(rows) + 2
    kinds = [token.type for token in MARKDOWN.parse(text)]
    assert kinds.count("td_open") == 2 * len(rows)
    assert not {"html_block", "heading_open", "hr"} & set(kinds)


@given(HOSTILE)
def test_citation_and_croissant_with_hostile_names_are_of_the_same_members(name: str) -> None:
    one, other = manifest_of(name), manifest_of("benign")
    assert yaml.safe_load(citation.render(one)) == yaml.safe_load(citation.render(other))
    assert json.loads(croissant.render(one)) == json.loads(croissant.render(other))


def notice(**values: Any) -> dict[str, Any]:
    base = {"repo_name": "octo-org/a", "origin": "https://example.org/a", "path": "LICENSE"}
    return {**base, "text": "Permission is hereby granted.", "copyrights": ["(c) Octo"], **values}


def attributed(*notices: dict[str, Any]) -> str:
    rows = pa.table({"repo_name": ["octo-org/a"]})
    made = attribution.render(
        pa.Table.from_pylist(list(notices), attribution.NOTICES), rows, Params(bucket_ranges=1)
    )
    return made["ATTRIBUTION/00-ff.txt"].decode()


@given(HOSTILE, HOSTILE, HOSTILE)
def test_attribution_with_hostile_texts_has_one_entry_and_one_text(
    line: str, path: str, text: str
) -> None:
    made = attributed(notice(path=path, text=f"a {text} z", copyrights=[line]))
    rules = [at for at, each in enumerate(made.split("\n")) if each.rstrip() == "=" * 78]
    assert len(rules) == 2
    assert not MOVES.search(made)
    before = made.split("\n")[: rules[0]]
    assert [each for each in before[3:] if each and not each.startswith("  ")] == ["octo-org/a"]


@given(HOSTILE)
def test_what_is_shown_on_a_terminal_can_do_no_more_than_be_read(text: str) -> None:
    error = UsageError(text, expected=text, found=text, next_step=text)
    check = Check(1, text, holds=False, evidence=text)
    for each in (shown(text), str(error), str(check), str(Finding(text, text))):
        assert not MOVES.search(each)
    assert isinstance(error, StackyardError)
    assert shown(shown(text)) == shown(text)


@given(
    st.recursive(
        HOSTILE,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(HOSTILE, inner, max_size=2),
    )
)
def test_json_for_machines_is_of_the_same_value_and_moves_nothing(value: object) -> None:
    text = shown_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(text) == value
    assert not MOVES.search(text)


def test_texts_of_other_scripts_are_shown_as_they_are() -> None:
    for text in ("\u05e9\u05dc\u05d5\u05dd", "\u65e5\u672c", "caf\u00e9", "a\u00a0b", "\U0001f600"):
        assert shown(text) == text


def test_a_manifest_keeps_hostile_names_exactly() -> None:
    manifest = manifest_of("\x1b[2J`|")
    assert Manifest.parse(manifest.serialise()) == manifest
    assert dataclasses.replace(manifest) == manifest
