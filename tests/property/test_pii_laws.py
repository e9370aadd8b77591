"""Laws of the PII stage that hold for any input."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.drawing import draw
from stackyard.pii import (
    PLACES,
    Known,
    Look,
    Params,
    assignments,
    decide,
    detect,
    detectors,
    lexer,
    redact,
    scan,
    second_scan,
    see,
    settle,
    sought,
    spans_of_known,
    tokens_in_spans,
)
from stackyard.pii.decisions import Span, merge
from stackyard.pii.detect import find_in_column, inspect
from stackyard.pii.params import Detection, Level
from stackyard.pii.rules import rules
from stackyard.record import BATCH, FILES

LEVELS: tuple[Level, ...] = ("low", "medium", "high", "paranoid")

PARTS = st.sampled_from(
    [draw(template, 1) for rule in rules()[::5] for template in rule.positive]
    + [
        "password", "secret", "token", "key", " = ", "=", ": ", ":", '"', "'", "`", "(", ")", "[", "]", "{", "}",
        "<", ">", " ", "\n", "\r\n", ";", ",", "\\", "\\n", "/", "//", "://", "@", "#", ".", "-", "_", "a", "Zq9",
        "jo@initech.org", "8.26.56.26", "2a00:1450:4001:81b::200e", "https://u:Kq93vXw2@h.initech.org/",
        "-----BEGIN " + "RSA PRIVATE KEY-----", "-----END " + "RSA PRIVATE KEY-----", "MIIEpAIBAAKCAQEA7bq3xTz9",
        "<EMAIL>", "&lt;IPV4&gt;", "<?xml", "\u00e9", "\u20ac", "\U0001f600", "4539 1488 0343 6467", "Zx81kQ0vBn5",
        "tel +49 30 901820", "+14258829090", "DE75512108001245126199", " --token ", "curl -u a:", "eyJhbGciOiJIUzI1NiJ9.eyJ",
        "@author Ada Low", "/home/ada/", "00:1b:44:11:3a:b7", "111.444.777-35", "curl -u ", "mongodb://", "smtp://u", "@default",
        "Authorization: Basic ", "://u:Kq93vXw2Tz8p@", "c210cDovL3U6S3E5M3ZYdzJUejhwQGgvZGI=", "aws_secret_access_key",
    ]
)  # fmt: skip
TEXTS = st.lists(PARTS, max_size=14).map(lambda parts: "".join(parts).encode())


def _blob_id(number: int) -> bytes:
    return hashlib.sha1(b"%d" % number).digest()


def _batch(texts: Sequence[bytes], ids: Sequence[int]) -> pa.Table:
    return pa.table(
        {
            "blob_id": [_blob_id(i) for i in ids],
            "path": [""] * len(texts),
            "content": texts,
            "text": texts,
            "encoding": ["utf-8"] * len(texts),
        },
        schema=BATCH,
    )


def _release(
    texts: Sequence[bytes], ids: Sequence[int], params: Params, key: bytes | None = None
) -> pa.Array:
    batch = _batch(texts, ids)
    files = pa.table(
        {
            "repo_name": ["octo-org/yard"] * len(texts),
            "revision_id": ["r"] * len(texts),
            "path": [f"{i:04}" for i in ids],
            "blob_id": batch["blob_id"],
            "length_bytes": [len(text) for text in texts],
        },
        schema=FILES,
    )
    facts = {each.name: each.detect(batch) for each in detectors(params)}
    first = decide(files, see(facts, params), params).spans
    settled = settle(batch["text"], batch["blob_id"], first, Look(params), key)
    assert settled.unsettled == []
    spans = settled.spans
    released, _ = redact(batch["text"], batch["blob_id"], spans, params, key)
    return released


@settings(max_examples=150, deadline=None)
@given(st.lists(TEXTS, max_size=4), st.sampled_from(LEVELS), st.booleans())
def test_scan_of_a_redacted_text_finds_nothing(
    texts: list[bytes], level: Level, consistent: bool
) -> None:
    params = Params(
        level=level, redacted_share_max=1.0, placeholder="consistent" if consistent else "entity"
    )
    released = _release(texts, range(len(texts)), params, b"k" * 16)
    assert scan(released, params).num_rows == 0
    assert list(second_scan((str(i), text) for i, text in enumerate(released.to_pylist()))) == []
    assert all(text.decode() is not None for text in released.to_pylist())


@settings(max_examples=80, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_released_text_depends_on_no_other_text_and_no_order(
    texts: list[bytes], source: random.Random
) -> None:
    params = Params(redacted_share_max=1.0)
    together = _release(texts, range(len(texts)), params).to_pylist()
    order = list(range(len(texts)))
    source.shuffle(order)
    shuffled = _release([texts[i] for i in order], order, params).to_pylist()
    alone = [_release([text], [i], params).to_pylist()[0] for i, text in enumerate(texts)]
    assert together == alone
    assert [shuffled[order.index(i)] for i in range(len(texts))] == together


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=4))
def test_no_known_value_stands_in_what_is_settled_and_both_scans_are_empty(
    texts: list[bytes], places: list[int]
) -> None:
    value = b"3f9a1c7e5b2d8046af13579bce02468d"
    texts = [*texts, b"api_key = '" + value + b"'\n"]
    for place in places:
        texts[place % len(texts)] += b" f(" + value + b")\n"
    params = Params(redacted_share_max=1.0)
    ids = list(dict.fromkeys(texts))
    batch = _batch(ids, range(len(ids)))
    facts = {each.name: each.detect(batch) for each in detectors(params)}
    seen = see(facts, params)
    where = pa.table(
        {"blob_id": batch["blob_id"], "repo_name": ["octo-org/yard"] * len(ids)}, schema=PLACES
    )
    wanted = sought(tokens_in_spans(facts["values"], seen.spans), facts["values"], where, 3)
    files = pa.table(
        {"repo_name": where["repo_name"], "revision_id": ["r"] * len(ids),
         "path": [f"{i}" for i in range(len(ids))], "blob_id": batch["blob_id"],
         "length_bytes": [len(text) for text in ids]},
        schema=FILES,
    )  # fmt: skip
    first = decide(files, seen, params, spans_of_known(facts["values"], wanted, where)).spans
    known = Known.of(wanted)
    done = settle(batch["text"], batch["blob_id"], first, Look(params, known=known))
    assert done.unsettled == []
    assert known.spans(done.texts, [("octo-org/yard",)] * len(ids)) == []
    assert value not in b"".join(done.texts.to_pylist())
    assert scan(done.texts, params).num_rows == 0
    assert list(second_scan((str(i), text) for i, text in enumerate(done.texts.to_pylist()))) == []


WHOLE = ("author_name", "mac_address", "national_id", "username")


def candidates_without_the_automaton(text: bytes) -> Iterator[tuple[int, int]]:
    """Every end of every match of an anchor, by Python's `re`; all ends for rules and plugins.

    Anchors may read the line end that stands before each text in a chunk.
    """
    padded = b"\n" + text
    engine = detect._engine(WHOLE)
    checks = (*detect._CHECKS, *(c for name in WHOLE for c in detect._OPT_IN_CHECKS[name]),
              (assignments.WORD_ANCHOR, True, "words"))  # fmt: skip
    anchors = [(re.compile(a, re.DOTALL | (re.IGNORECASE if c else 0)), f) for a, c, f in checks]
    for number, target in enumerate(engine.targets):
        own = [pattern for pattern, check in anchors if check == target]
        for end in range(1, len(text) + 1):
            if not own or any(
                pattern.fullmatch(padded, start, end + 1)
                for pattern in own
                for start in range(end + 1)
            ):
                yield number, end


@settings(max_examples=40, deadline=None)
@given(st.lists(PARTS, max_size=5).map(lambda parts: "".join(parts).encode()[:120]))
def test_findings_are_those_of_all_detectors_without_the_automaton(text: bytes) -> None:
    detection = Detection(opt_in=WHOLE)
    column = pa.array([text], pa.large_binary())
    found = [findings for _, _, findings in find_in_column(column, detection)]
    everywhere = sorted(candidates_without_the_automaton(text), key=lambda each: each[::-1])
    engine = detect._engine(WHOLE)
    words = np.array([end for number, end in everywhere if number == engine.words], np.int64)
    bounds = np.full((len(words), 2), (0, len(text)), np.int64)
    read = lexer.assignments(np.frombuffer(text, np.uint8), words, bounds)
    assigned = [assignments.Assigned(*row) for row in read.tolist()]
    assert (found or [[]])[0] == inspect(text, everywhere, assigned, engine.targets, detection)


SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 20), st.sampled_from(["email", "ipv4", "jwt"])),
    max_size=12,
).map(lambda rows: [Span(start, start + size, entity, "r", 0.9) for start, size, entity in rows])


@given(SPANS)
def test_merged_spans_are_disjoint_and_cover_just_what_was_found(spans: list[Span]) -> None:
    merged = merge(spans)
    assert all(a.end <= b.start for a, b in pairwise(merged))
    covered = {i for span in merged for i in range(span.start, span.end)}
    assert covered == {i for span in spans for i in range(span.start, span.end)}
    assert merge(reversed(spans)) == merged
