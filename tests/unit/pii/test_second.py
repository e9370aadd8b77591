"""What the second scanner alone finds: as facts, and what becomes of it."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from benchmarks.drawing import draw
from stackyard.errors import UsageError
from stackyard.pii import (
    AllowEntry,
    Look,
    Params,
    answers,
    decide,
    load_allow,
    redact,
    scan,
    second_scan,
    see,
    settle,
    with_entry,
)
from stackyard.pii.decisions import Span, alone, past_redaction
from stackyard.pii.second import SecondDetector, SecondFinding, _scanner, entity_of, second_findings

PASSWORD = draw("<alnum 12>", 4)
URI = f"$uri = 'mongodb://app:{PASSWORD}@127.0.0.1/db';\n".encode()
PAD = b"# ordinary words, more of them than of anything else in this text\n" * 3
UNSEEN = {"basic_auth": 1.0, "secret_keyword": 1.0, "secret_high_entropy": 1.0}
"""Thresholds that leave the URI to the second scanner."""
EMPTY = "# nothing yet\nallow: []\n"


def found(start: int, end: int, rule: str = "a.b") -> SecondFinding:
    return SecondFinding(start, end, rule, "0" * 64)


def test_second_findings_have_spans_of_the_text_and_hashes_of_the_value() -> None:
    (password, whole) = sorted(second_findings(PAD + URI), key=lambda f: f.end_byte - f.start_byte)
    assert (PAD + URI)[password.start_byte : password.end_byte] == PASSWORD.encode()
    assert password.value_sha256 == hashlib.sha256(PASSWORD.encode()).hexdigest()
    assert (PAD + URI)[whole.start_byte : whole.end_byte].startswith(b"mongodb://")


@pytest.mark.parametrize(
    "text",
    [
        "\u00e9\U0001f600 ".encode() + URI,
        b"\xef\xbb\xbf" + URI,
        b"a\0b\0c\0d\0" * 40 + URI,
        URI.replace(b"\n", b" // gitleaks:allow kingfisher:ignore\n"),
        b"x" * 100_000 + b" " + URI,
    ],
)
def test_second_findings_are_placed_whatever_stands_before(text: bytes) -> None:
    values = [text[f.start_byte : f.end_byte] for f in second_findings(text)]
    assert PASSWORD.encode() in values


def test_second_findings_in_base64_are_the_whole_run() -> None:
    run = base64.b64encode(b"uri = mongodb://app:" + PASSWORD.encode() + b"@127.0.0.1/db")
    (finding, *_) = second_findings(b"data: " + run + b"\n")
    assert (finding.start_byte, finding.end_byte) == (6, 6 + len(run))


def test_second_findings_are_the_same_with_rules_compiled_kept_and_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KF_RULE_CACHE_DIR", str(tmp_path / "rules"))
    said = []
    for state in ("compiled", "kept", "damaged", "forged"):
        _scanner.cache_clear()
        for path in (tmp_path / "rules").glob("*"):
            if state == "damaged":
                path.write_bytes(path.read_bytes()[:1000])
            if state == "forged":
                path.write_bytes(bytes(path.stat().st_size))
        said.append(second_findings(PAD + URI))
        assert list((tmp_path / "rules").iterdir())
    _scanner.cache_clear()
    assert said[0]
    assert said.count(said[0]) == len(said)


def test_second_detector_says_the_same_of_any_split(columns: Any) -> None:
    texts = [URI, None, b"", PAD, PAD + URI]
    detector = SecondDetector()
    together = detector.detect(columns.batch(texts))
    batch = columns.batch(texts)
    parts = [detector.detect(batch.slice(i, 1)) for i in range(len(texts))]
    order = [(name, "ascending") for name in together.schema.names[:4]]
    assert together.equals(pa.concat_tables(parts).sort_by(order).combine_chunks())
    assert set(together["blob_id"].to_pylist()) == {columns.blob_id(0), columns.blob_id(4)}
    assert PASSWORD not in repr(together.to_pylist())


def test_second_finding_that_lost_its_secret_to_a_placeholder_is_none() -> None:
    for gone in (b"<BASIC_AUTH>", b"&lt;BASIC_AUTH&gt;", b"<JWT-0a1b2c3d>"):
        assert second_findings(PAD + URI.replace(PASSWORD.encode(), gone)) == []
    for other in (b"<EMAIL>", b"<USER>"):
        named = PAD + URI.replace(b"app", other)
        found = {named[f.start_byte : f.end_byte] for f in second_findings(named)}
        assert PASSWORD.encode() in found


def test_entity_is_named_by_the_rule() -> None:
    assert entity_of("betterleaks.curl-auth-user") == "second_curl_auth_user"
    assert entity_of("veles.secrets/sendgrid") == "second_secrets_sendgrid"


def test_alone_prefers_the_first_scanner_and_then_the_shorter_finding() -> None:
    spans = [Span(0, 5, "email", "r", 1.0), Span(20, 25, "jwt", "r", 1.0)]
    second = [found(3, 6), found(5, 20), found(8, 10), found(10, 12), found(24, 30), found(25, 26)]
    assert alone(second, spans) == [found(8, 10), found(10, 12), found(25, 26)]


def decided(columns: Any, text: bytes, params: Params, allowed: Any = frozenset()) -> Any:
    batch = columns.batch([text])
    out = decide(columns.files(1), see(columns.facts(batch, params), params, allowed), params)
    done = settle(batch["text"], batch["blob_id"], out.spans, Look(params, allowed))
    return out, redact(batch["text"], batch["blob_id"], done.spans, params)


def test_decide_second_scanner_redact_names_the_rule_and_leaves_the_rest(columns: Any) -> None:
    out, (text, counts) = decided(columns, PAD + URI, Params(score_min=UNSEEN))
    assert text[0].as_py() == PAD + URI.replace(
        PASSWORD.encode(), b"<SECOND_GENERIC_CREDENTIAL_URI>"
    )
    assert counts[0].as_py() == [{"entity": "second_generic_credential_uri", "count": 1}]
    assert out.decisions.num_rows == 0
    assert out.second["rule"].to_pylist() == ["betterleaks.generic-credential-uri"]


def test_decide_second_scanner_drop_drops_the_file_with_its_rules(columns: Any) -> None:
    out, _ = decided(columns, PAD + URI, Params(score_min=UNSEEN, second_scanner="drop"))
    (row,) = out.decisions.to_pylist()
    assert (row["stage"], row["rule"]) == ("pii", "second-scanner")
    assert json.loads(row["evidence"]) == {"rules": {"betterleaks.generic-credential-uri": 1}}
    assert out.spans.num_rows == 0


def test_decide_allowed_findings_stand_and_others_go(columns: Any) -> None:
    text = PAD + URI
    every = frozenset((f.rule, f.value_sha256) for f in second_findings(text))
    out, (released, _) = decided(columns, text, Params(score_min=UNSEEN), every)
    assert released[0].as_py() == text
    assert out.second.num_rows == out.spans.num_rows == 0
    one = frozenset(each for each in every if each[0].endswith("credential-uri"))
    _, (released, counts) = decided(columns, text, Params(score_min=UNSEEN), one)
    assert PASSWORD.encode() not in released[0].as_py()
    assert counts[0].as_py() == [{"entity": "second_mongodb_connection_string", "count": 1}]


def test_past_redaction_counts_what_goes_in_all() -> None:
    spans = [Span(0, 3, "email", "r", 1.0), Span(5, 8, "second_a", "a", 1.0)]
    assert past_redaction(spans, 12, [], Params()) is None
    assert past_redaction(spans, 11, [], Params()) == (
        "mostly-redacted",
        {"redacted_bytes": 6, "text_bytes": 11},
    )


def test_settle_widens_what_a_placeholder_brings_into_reach(columns: Any) -> None:
    """`curl -u` twice on a line is one finding of the second scanner, so a round is not enough."""
    text = PAD + f"curl -u app:{PASSWORD} h ; curl -u bot:{PASSWORD[::-1]} h\n".encode()
    params = Params(score_min=UNSEEN)
    _, (released, _) = decided(columns, text, params)
    assert scan(released, params).num_rows == 0
    assert list(second_scan([("a", released[0].as_py())])) == []
    assert PASSWORD.encode() not in released[0].as_py()
    assert PASSWORD[::-1].encode() not in released[0].as_py()


def test_allow_list_gains_an_entry_and_keeps_what_a_person_wrote() -> None:
    entry = AllowEntry("veles.secrets/sendgrid", "ab" * 32, "a documented example: no key")
    once = with_entry(EMPTY, entry, "x")
    assert once.startswith("# nothing yet\nallow:\n")
    assert load_allow(once, "x") == {entry}
    assert with_entry(once, entry._replace(reason="said again by another"), "x") == once
    other = entry._replace(rule="betterleaks.aws-x")
    twice = with_entry(once, other, "x")
    assert twice.startswith(once)
    assert answers(load_allow(twice, "x")) == {entry[:2], other[:2]}
    with pytest.raises(UsageError, match="does not hold"):
        with_entry(EMPTY, entry._replace(value_sha256="ab"), "x")
