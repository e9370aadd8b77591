"""`prove_receipt`: a receipt against a release in a folder, with public files alone."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stackyard.errors import StackyardError, VerificationError
from stackyard.optout import checkpoint, match, receipts, requests
from stackyard.optout.absence import PRESENCE_PATH, Presence
from stackyard.optout.params import Params
from stackyard.optout.registry import Copies
from stackyard.optout.selector import parse
from stackyard.record import FILES, ORIGINS
from stackyard.store.registry import (
    init_registry,
    open_registry,
    open_writer,
    prove_receipt,
    published,
    record_applied,
    released_rows,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CORPUS = [
    ("Octo/P", "a", "11" * 20),
    ("Octo/P", "docs/b", "22" * 20),
    ("Octo/Q", "a", "33" * 20),
    ("else/P", "copy-of-a", "11" * 20),
]
FILES_TABLE = pa.Table.from_pylist(
    [
        {
            "repo_name": name,
            "revision_id": "r",
            "path": path,
            "blob_id": bytes.fromhex(blob),
            "length_bytes": 1,
        }
        for name, path, blob in CORPUS
    ],
    schema=FILES,
)
ORIGINS_TABLE = pa.Table.from_pylist(
    [
        {
            "repo_name": name,
            "revision_id": "r",
            "origin": "x",
            "directory_id": "",
            "star_events_count": 0,
            "fork_events_count": 0,
        }
        for name in sorted({row[0] for row in CORPUS})
    ],
    schema=ORIGINS,
)


def publish(project: Path, version: str, folder: Path) -> Presence:
    """A release of what nobody opted out, as a release lays its public files out."""
    log = open_registry(project)
    gone = match(FILES_TABLE, ORIGINS_TABLE, log, Params())
    left = [
        row
        for row in CORPUS
        if row[:2]
        not in set(zip(gone["repo_name"].to_pylist(), gone["path"].to_pylist(), strict=True))
    ]
    rows = pa.table(
        {
            "repo_name": [r[0] for r in left],
            "path": [r[1] for r in left],
            "blob_id": [r[2] for r in left],
            "origins": [
                [{"repo_name": o[0], "path": o[1]} for o in left if o[2] == r[2]] for r in left
            ],
        }
    )
    presence = Presence.of(rows)
    files = {**published(log), PRESENCE_PATH: presence.document()}
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink)
    files["data/permissive/C/00-ff.parquet"] = sink.getvalue().to_pybytes()
    point = checkpoint(log)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    manifest = {
        "version": version,
        "registry": {"size": point.size, "root": point.root},
        "files": [
            {
                "path": path,
                "sha256": hashlib.sha256(content).hexdigest(),
                "kind": "shard" if path.startswith("data/") else "registry",
            }
            for path, content in files.items()
        ],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return presence


def opt_out(project: Path, kind: str, text: str, copies: Copies = "none") -> str:
    with open_writer(project) as log:
        event, request = requests.submit(
            parse(kind, text),
            sequence=log.size,
            time=NOW,
            salt=os.urandom(32),
            contact="me@example.org",
            copies=copies,
        )
        log.append([event], [request])
        reason = requests.Reason("asked", os.urandom(32))
        log.append(
            requests.verified(
                log.status(request.request), "manual", reason, None, sequence=log.size, time=NOW
            ),
            reasons=[(request.request, reason)],
        )
    return request.request


def taken_down(project: Path, kind: str, text: str, copies: Copies = "none") -> bytes:
    """The receipt after release 0.1.1, which lies in `r1`; 0.1.0 lies in `r0`."""
    init_registry(project)
    publish(project, "0.1.0", project / "r0")
    name = opt_out(project, kind, text, copies)
    presence = publish(project, "0.1.1", project / "r1")
    gone = match(FILES_TABLE, ORIGINS_TABLE, open_registry(project), Params())
    made = record_applied(project, [name], "0.1.1", decisions=gone, presence=presence, time=NOW)
    return made[name]


@pytest.mark.parametrize(
    ("kind", "text", "copies"),
    [
        ("repo", "octo/p", "none"),
        ("repo", "octo/p", "exact"),
        ("repo", "https://github.com/octo/p", "none"),
        ("owner", "octo", "none"),
        ("path", "octo/p:docs/**", "none"),
        ("blob", "swh:1:cnt:" + "33" * 20, "none"),
    ],
)
def test_prove_each_scope_holds_for_its_release_and_not_for_the_one_before(
    tmp_path: Path, kind: str, text: str, copies: Copies
) -> None:
    receipt = taken_down(tmp_path, kind, text, copies)
    found = prove_receipt(receipt, tmp_path / "r1", None)
    assert found["version"] == "0.1.1"
    assert found["absent"] >= 1
    with pytest.raises(VerificationError, match=r"not in force in release 0\.1\.0"):
        prove_receipt(receipt, tmp_path / "r0", None)


def test_prove_holds_for_a_later_release_too(tmp_path: Path) -> None:
    receipt = taken_down(tmp_path, "repo", "octo/p")
    opt_out(tmp_path, "owner", "else")
    publish(tmp_path, "0.1.2", tmp_path / "r2")
    assert prove_receipt(receipt, tmp_path / "r2", None)["version"] == "0.1.2"


def test_prove_release_that_has_it_again_fails(tmp_path: Path) -> None:
    receipt = taken_down(tmp_path, "repo", "octo/p")
    shard = "data/permissive/C/00-ff.parquet"
    (tmp_path / "r1" / shard).write_bytes((tmp_path / "r0" / shard).read_bytes())
    with pytest.raises(VerificationError, match="manifest lists"):
        prove_receipt(receipt, tmp_path / "r1", None)
    manifest = json.loads((tmp_path / "r1" / "manifest.json").read_text())
    for file in manifest["files"]:
        content = (tmp_path / "r1" / file["path"]).read_bytes()
        file["sha256"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "r1" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(VerificationError, match="holds 1 of the 1 things"):
        prove_receipt(receipt, tmp_path / "r1", None)


def test_prove_submission_receipt_proves_nothing(tmp_path: Path) -> None:
    taken_down(tmp_path, "repo", "octo/p")
    log = open_registry(tmp_path)
    assert log.requests is not None
    (request,) = log.requests.values()
    from stackyard.store.registry import signing_key

    body = receipts.statement(request, state="submitted", log_name=log.key.name)
    raw = receipts.to_bytes(receipts.sign(body, signing_key(tmp_path)))
    with pytest.raises(VerificationError, match="does not say what is absent"):
        prove_receipt(raw, tmp_path / "r1", None)


def test_prove_against_another_registry_fails(tmp_path: Path) -> None:
    receipt = taken_down(tmp_path / "one", "repo", "octo/p")
    taken_down(tmp_path / "two", "repo", "octo/p")
    with pytest.raises(VerificationError, match="not signed by the registry's key"):
        prove_receipt(receipt, tmp_path / "two" / "r1", None)
    theirs = (tmp_path / "two" / "r1" / "registry" / "log.vkey").read_text()
    with pytest.raises(StackyardError):
        prove_receipt(receipt, tmp_path / "one" / "r1", theirs)


def test_receipt_statement_changed_anywhere_is_refused(tmp_path: Path) -> None:
    raw = taken_down(tmp_path, "repo", "octo/p")
    key = open_registry(tmp_path).key
    good = receipts.from_bytes(raw)
    receipts.check(good, key)
    other = receipts.from_bytes(raw)
    other["statement"]["removed"]["absent"] = []
    with pytest.raises(VerificationError, match="signed"):
        receipts.check(other, key)
    changes: list[dict[str, Any]] = [
        {"inclusion": {**good["inclusion"], "proof": []}},
        {"inclusion": {**good["inclusion"], "event": "e30="}},
        {"inclusion": {**good["inclusion"], "checkpoint": "x"}},
        {"inclusion": 7},
        {"absence": []},
        {"absence": [{}]},
        {"absence": None},
        {"signature": "00"},
        {"signature": "zz"},
        {"statement": {}},
        {"statement": None},
    ]
    for change in changes:
        with pytest.raises(VerificationError):
            receipts.check({**good, **change}, key)


@pytest.mark.parametrize("raw", [b"", b"[]", b"nul", b"[" * 10_000, b"\xff"])
def test_receipt_that_is_no_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(VerificationError):
        receipts.from_bytes(raw)


def test_released_rows_of_a_folder_without_release_are_none(tmp_path: Path) -> None:
    assert released_rows(tmp_path) == {}
