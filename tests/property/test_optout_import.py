"""Whatever a batch file or a stored document holds: it is understood, refused in words, or refused whole."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.errors import StackyardError, UsageError, VerificationError
from stackyard.optout import note, policy, receipts
from stackyard.optout.absence import check_absent, parse_document
from stackyard.optout.events import Event
from stackyard.optout.importing import FORMATS, Format, entries
from stackyard.optout.issues import BOXES, FORM_FIELDS
from stackyard.optout.selector import from_plain, parse

KEY = note.SignerKey("example.org/log", bytes(32))

words = st.sampled_from(
    ["octo/p", ".", "owner/repo", "repo", "owner", "path", "octo/p:**", "issue", "author", "number",
     "body", "user", "login", "scope", "selector", "copies", "past", "contact", "optout_repos",
     "optout_owners", "exact", "pull_request", "statement", "signature", "inclusion", "absence",
     "removed", "absent", "presence", "root", "size", "key", "neighbours", "event", "details"]
)  # fmt: skip
documents: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=6),
    max_leaves=20,
)


@settings(max_examples=200)
@given(st.sampled_from(FORMATS), st.one_of(st.text(max_size=200), documents.map(json.dumps)))
def test_entries_of_anything_are_understood_or_refused(form: Format, text: str) -> None:
    try:
        found = entries(text, form)
    except UsageError:
        return
    for entry in found:
        assert (entry.selector is None) == bool(entry.refusal)
        if entry.selector is not None:
            assert from_plain(entry.selector.plain()) == entry.selector


@given(
    st.lists(
        st.one_of(
            st.sampled_from(sorted({*FORM_FIELDS, *BOXES, "remove:", "- all"})),
            words,
            st.text(max_size=20),
        ),
        max_size=8,
    )
)
def test_entries_of_any_issue_body_are_understood_or_refused(lines: list[str]) -> None:
    headings = {*FORM_FIELDS, *BOXES}
    body = "\n".join(f"### {line}" if line in headings else line for line in lines)
    found = entries(json.dumps([{"number": 1, "body": body}]), "github")
    assert found
    assert all((entry.selector is None) == bool(entry.refusal) for entry in found)


@settings(max_examples=200)
@given(documents)
def test_readers_of_stored_documents_raise_only_errors_of_ours(document: Any) -> None:
    raw = json.dumps(document).encode()
    for reader in (
        lambda: receipts.check(receipts.from_bytes(raw), KEY.verifier),
        lambda: receipts.check({"statement": document, "signature": "00"}, KEY.verifier),
        lambda: Event.from_bytes(raw, "x"),
        lambda: parse_document(raw),
        lambda: policy.load(raw.decode()),
        lambda: from_plain(document),
    ):
        with contextlib.suppress(StackyardError):
            reader()
    if isinstance(document, dict):
        assert not check_absent(document, bytes(32), 1, bytes(32))


def test_receipt_nested_too_deep_or_with_numbers_beyond_json_is_refused() -> None:
    for inner in ("[" * 900 + "]" * 900, "NaN", "1e999", str(2**80)):
        receipt = receipts.from_bytes(f'{{"statement":{{"x":{inner}}},"signature":"00"}}'.encode())
        with pytest.raises(VerificationError):
            receipts.check(receipt, KEY.verifier)


def test_entries_with_numbers_for_text_are_refused() -> None:
    for value in ("NaN", "1e999", str(2**80), "[[]]"):
        (entry,) = entries(f'{{"scope":"repo","selector":{value}}}', "jsonl")
        assert entry.selector is None


@given(st.text(max_size=300))
def test_notes_and_keys_of_any_text_are_refused(text: str) -> None:
    for reader in (
        lambda: note.open_note(text, KEY.verifier),
        lambda: note.VerifierKey.parse(text),
        lambda: note.Checkpoint.parse(text),
    ):
        with contextlib.suppress(VerificationError):
            reader()


pieces = st.sampled_from(
    ["octo", "octo/p", "https://github.com/octo/p", "me@example.org", "docs/**", ":", "/", "*", "@",
     " ", ",", ";", ".git", "owner", "\u0430", "\u200b", "\u202e", "%2f", "..", "?", "#", "~", "\\"]
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.sampled_from(("repo", "owner", "path", "blob", "author")),
    st.lists(pieces, max_size=5).map("".join) | st.text(max_size=30),
)
def test_every_way_to_ask_understands_a_text_as_the_one_parser_does(kind: str, text: str) -> None:
    """Command line, CSV, JSONL, issue form and BigCode's records: none reads more into it."""
    try:
        expected = parse(kind, text)
    except UsageError:
        expected = None
    (line,) = entries(json.dumps({"scope": kind, "selector": text}), "jsonl")
    assert line.selector == expected
    assert (line.copies, line.past, line.forks) == ("none", False, False)
    if kind in {"repo", "owner"}:
        record = {"issue": 1, f"optout_{kind}s": [text]}
        (found,) = entries(json.dumps([record]), "bigcode")
        assert found.selector == expected
    if "\n" not in text and "\r" not in text:
        body = f"### What do you want removed?\n\n{kind}\n\n### Its name\n\n{text}"
        (issue,) = entries(json.dumps([{"number": 1, "body": body}]), "github")
        assert issue.selector in {expected, None}
        assert (issue.copies, issue.past, issue.forks) == ("none", False, False)
        sheet = io.StringIO()
        csv.writer(sheet).writerows([["scope", "selector"], [kind, text]])
        if "\0" not in text:
            (row,) = entries(sheet.getvalue(), "csv")
            assert row.selector == expected
    if expected is not None and expected.kind in {"repo", "owner", "author"}:
        assert expected.name in text.lower().replace("~", "")
