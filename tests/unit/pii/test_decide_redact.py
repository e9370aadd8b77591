from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pytest
import yaml

from stackyard.errors import UsageError
from stackyard.pii import Look, Params, decide, redact, scan, see, settle
from stackyard.pii.decisions import Span, merge
from stackyard.pii.detect import PiiDetector, entities
from stackyard.pii.params import Detection
from stackyard.pii.redaction import placeholder

KEY = b"k" * 16


def release(
    columns: Any, texts: list[bytes | None], params: Params | None = None, key: bytes | None = None
) -> tuple[list[bytes | None], list[Any], list[Any]]:
    params = params or Params()
    batch = columns.batch(texts)
    out = decide(columns.files(len(texts)), see(columns.facts(batch, params), params), params)
    spans = settle(batch["text"], batch["blob_id"], out.spans, Look(params), key).spans
    text, counts = redact(batch["text"], batch["blob_id"], spans, params, key)
    return text.to_pylist(), counts.to_pylist(), out.decisions.to_pylist()


def test_merge_overlapping_spans_covers_both_and_outermost_names_them() -> None:
    out = merge(
        [
            Span(5, 9, "email", "a", 0.9),
            Span(0, 6, "basic_auth", "b", 0.8),
            Span(9, 12, "ipv4", "c", 0.8),
            Span(20, 30, "jwt", "d", 0.7),
            Span(20, 30, "token_x", "e", 0.9),
        ]
    )
    assert [(s.start, s.end, s.entity) for s in out] == [
        (0, 9, "basic_auth"), (9, 12, "ipv4"), (20, 30, "token_x"),
    ]  # fmt: skip


def test_redact_rows_of_all_sorts_keeps_what_is_not_secret(columns: Any) -> None:
    pad = b" some ordinary words to keep the share small" * 3
    text, counts, decisions = release(
        columns,
        [
            b"by jo@initech.org," + pad,
            None,
            b"",
            b"plain" + pad,
            "\u00e9 185.26.56.26".encode() + pad,
        ],
    )
    assert text == [b"by <EMAIL>," + pad, None, b"", b"plain" + pad, "\u00e9 <IPV4>".encode() + pad]
    assert counts == [
        [{"entity": "email", "count": 1}],
        [],
        [],
        [],
        [{"entity": "ipv4", "count": 1}],
    ]
    assert decisions == []


def test_redact_slice_of_a_column_and_repeated_blobs_uses_the_right_bytes(columns: Any) -> None:
    pad = b" ordinary words" * 5
    batch = columns.batch([b"skip me" + pad, b"a jo@initech.org" + pad, b"b al@initech.org" + pad])
    spans = decide(columns.files(3), see(columns.facts(batch, Params()), Params()), Params()).spans
    rows = pa.concat_tables([batch.slice(1), batch.slice(1, 1)]).combine_chunks()
    text, _ = redact(rows["text"].chunk(0).slice(0), rows["blob_id"], spans, Params())
    assert text.to_pylist() == [b"a <EMAIL>" + pad, b"b <EMAIL>" + pad, b"a <EMAIL>" + pad]
    text, _ = redact(batch["text"].slice(1), batch["blob_id"].slice(1), spans, Params())
    assert text.to_pylist() == [b"a <EMAIL>" + pad, b"b <EMAIL>" + pad]


def test_decide_mostly_redacted_file_is_dropped_with_evidence(columns: Any) -> None:
    _, _, decisions = release(columns, [b"jo@initech.org\n", b"jo@initech.org" + b" word" * 9])
    (row,) = decisions
    assert (row["path"], row["stage"], row["rule"]) == ("0.txt", "pii", "mostly-redacted")
    assert json.loads(row["evidence"]) == {"redacted_bytes": 14, "text_bytes": 15}


def test_decide_limit_met_drops_the_file(columns: Any) -> None:
    params = Params(detection=Detection(findings_max=3))
    _, _, decisions = release(
        columns, [b"\n".join(b"u%d@initech.org" % i for i in range(9))], params
    )
    assert [row["rule"] for row in decisions] == ["findings-limit"]
    params = Params(detection=Detection(work_max=1000))
    _, _, decisions = release(
        columns, [b"\n".join(b"u%d@initech.org" % i for i in range(9))], params
    )
    assert [row["rule"] for row in decisions] == ["work-limit"]


def test_decide_level_and_score_by_entity_steer_what_goes(columns: Any) -> None:
    line = b'x = "q8Zr2Lw0Tn5Vb7Yc1Md4Kf6Ph3Gj9SaB"' + b" # ordinary" * 9
    assert release(columns, [line], Params(level="low"))[0] == [line]
    assert release(columns, [line], Params(level="paranoid"))[0] != [line]
    mail = b"jo@initech.org" + b" word" * 9
    assert release(columns, [mail], Params(score_min={"email": 0.95}))[0] == [mail]


def test_decide_threshold_of_an_unknown_entity_is_refused(columns: Any) -> None:
    with pytest.raises(UsageError, match="emial"):
        release(columns, [b"x"], Params(score_min={"emial": 0.5}))


def test_entities_are_all_those_that_findings_have(columns: Any) -> None:
    texts = [f"{t}\n".encode() for t in ("a@initech.org", "8.26.56.26", "AKIA" + "Q7" * 8)]
    detector = PiiDetector(Detection())
    assert set(detector.detect(columns.batch(texts))["entity"].to_pylist()) <= entities()


def test_redact_consistent_same_value_same_placeholder_by_key(columns: Any) -> None:
    pad = b" word" * 30
    texts: list[bytes | None] = [
        b"jo@initech.org al@initech.org" + pad,
        b"see jo@initech.org" + pad,
    ]
    params = Params(placeholder="consistent")
    first, _, _ = release(columns, texts, params, KEY)
    other, _, _ = release(columns, texts, params, b"o" * 16)
    assert first[0] is not None
    assert first[1] is not None
    tags = first[0].split()[:2]
    assert tags[0] == first[1].split()[1]
    assert tags[0] != tags[1]
    assert first != other
    with pytest.raises(UsageError):
        release(columns, texts, params)


@pytest.mark.parametrize(
    "entity", ["email", "ipv4", "private_key", "secret_keyword", "token_github"]
)
@pytest.mark.parametrize("markup", [False, True])
@pytest.mark.parametrize("key", [None, KEY])
def test_placeholder_is_never_a_finding(entity: str, markup: bool, key: bytes | None) -> None:
    mark = placeholder(entity, b"value", markup, key).decode()
    text = "\n".join(
        [f'password = "{mark}"', f"https://user:{mark}@host.example.org/", f"api_key: {mark}",
         f"'secret': '{mark}',", f'"{mark}"', mark]
    )  # fmt: skip
    assert scan(pa.array([text.encode()]), Params(level="paranoid")).num_rows == 0


def test_redact_json_and_yaml_stay_valid(columns: Any) -> None:
    secret = "tR7x9Qz2Lm4kW8vB"
    value = {
        "password": secret,
        "mail": "jo@initech.org",
        "n": [1, "8.26.56.26"],
        "pad": "word " * 40,
    }
    texts: list[bytes | None] = [json.dumps(value).encode(), yaml.safe_dump(value).encode()]
    text, _, _ = release(columns, texts)
    assert text[0] is not None
    assert text[1] is not None
    released = json.loads(text[0])
    assert released["password"] == "<SECRET_KEYWORD>"
    assert released["mail"] == yaml.safe_load(text[1])["mail"] == "<EMAIL>"


def test_detect_same_text_alone_and_among_others_gives_the_same_facts(columns: Any) -> None:
    texts = [
        b"@initech.org",
        b"jo",
        b"@initech.org",
        b"x jo@initech.org",
        b"8.26.",
        b"56.26",
        None,
        b"AKIA",
    ]
    detector = PiiDetector(Detection())
    together = detector.detect(columns.batch(texts)).to_pylist()
    assert [(r["blob_id"], r["entity"]) for r in together] == [(columns.blob_id(3), "email")]


def test_params_of_the_room_need_no_detector_to_be_installed() -> None:
    code = (
        "import sys, stackyard.pii.params; from stackyard.pii import Params; "
        "print([m for m in ('hyperscan', 'detect_secrets', 'kingfisher_sdk') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
