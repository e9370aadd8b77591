"""A receipt against a version on a Hub, from its small public files alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

from stackyard.cli.optout import optout
from stackyard.client.opened import open_version
from stackyard.client.prove import prove
from stackyard.errors import EnvironmentFault, VerificationError
from stackyard.hub import EmbeddedHub
from stackyard.optout import requests
from stackyard.optout.absence import Presence
from stackyard.optout.selector import parse
from stackyard.record import DECISIONS
from stackyard.store.hub import HubDataset
from stackyard.store.registry import init_registry, open_registry, open_writer, record_applied
from tests.unit.client.publisher import REPO, ROWS, Publisher

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ALPHA = tuple(row for row in ROWS if row.repo == "octo-org/alpha")
OTHERS = tuple(row for row in ROWS if row.repo != "octo-org/alpha")


@dataclass
class TakenDown:
    """0.1.0 with alpha, 0.1.1 without, 0.1.2 with one row less; the receipt is for 0.1.1."""

    receipt: bytes
    dataset: HubDataset
    publisher: Publisher
    hub: EmbeddedHub


@pytest.fixture
def taken(publisher: Publisher, hub: EmbeddedHub) -> TakenDown:
    publisher.publish(hub)
    with open_writer(publisher.root) as log:
        event, request = requests.submit(
            parse("repo", "octo-org/alpha"),
            sequence=log.size,
            time=NOW,
            salt=os.urandom(32),
            contact="me@example.org",
        )
        log.append([event], [request])
        reason = requests.Reason("asked", os.urandom(32))
        status = log.status(request.request)
        events = requests.verified(status, "manual", reason, None, sequence=log.size, time=NOW)
        log.append(events, reasons=[(request.request, reason)])
    publisher.publish(hub, OTHERS)
    rows = publisher.rows
    assert rows is not None
    decisions = [
        {
            "repo_name": row.repo, "revision_id": "r", "path": row.path, "stage": "optout",
            "rule": "repo", "evidence": f'{{"request":"{request.request}"}}',
        }
        for row in ALPHA
    ]  # fmt: skip
    receipts = record_applied(
        publisher.root,
        [request.request],
        "0.1.1",
        decisions=pa.Table.from_pylist(decisions, schema=DECISIONS),
        presence=Presence.of(rows),
        time=NOW,
    )
    publisher.publish(hub, OTHERS[1:])
    dataset = HubDataset(REPO, hub.endpoint)
    return TakenDown(receipts[request.request], dataset, publisher, hub)


def test_prove_of_its_own_version_reads_no_shard(
    taken: TakenDown, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_version(taken.dataset, "0.1.1")
    rows = opened.table_of(opened.shards()).to_table()
    monkeypatch.delattr(HubDataset, "filesystem")
    done = prove(taken.receipt, opened, None)
    assert (done.version, done.scope, done.absent, done.shards) == ("0.1.1", "repo", 1, 0)
    assert done.present == len(Presence.of(rows).keys)


def test_prove_of_a_later_version_checks_the_names_of_its_rows(taken: TakenDown) -> None:
    done = prove(taken.receipt, open_version(taken.dataset, "0.1.2"), None)
    assert (done.version, done.absent) == ("0.1.2", 1)
    assert done.shards == 2


def test_prove_of_the_version_before_is_refused(taken: TakenDown) -> None:
    with pytest.raises(VerificationError, match=r"not in force in release 0\.1\.0"):
        prove(taken.receipt, open_version(taken.dataset, "0.1.0"), None)


def test_prove_of_a_version_that_has_it_again_is_refused(taken: TakenDown) -> None:
    taken.publisher.publish(taken.hub, ROWS)
    with pytest.raises(VerificationError, match="holds 1 of the 1 things"):
        prove(taken.receipt, open_version(taken.dataset, "0.2.0"), None)


def test_prove_with_another_presence_tree_is_refused(
    taken: TakenDown, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up = Presence.of_keys([b"x" * 32]).document()
    monkeypatch.setattr(Presence, "document", lambda _: made_up)
    taken.publisher.publish(taken.hub, OTHERS)
    with pytest.raises(VerificationError, match="is not of its rows"):
        prove(taken.receipt, open_version(taken.dataset, "0.2.0"), None)


Change = Callable[[dict[str, object]], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda receipt: receipt.pop("absence"),
        lambda receipt: receipt.update(absence=[]),
        lambda receipt: receipt.update(signature="00" * 64),
        lambda receipt: receipt["statement"]["removed"].update(version="0.1.2"),
    ],
)
def test_prove_of_a_changed_receipt_is_refused(taken: TakenDown, change: Change) -> None:
    receipt = json.loads(taken.receipt)
    change(receipt)
    with pytest.raises(VerificationError):
        prove(json.dumps(receipt).encode(), open_version(taken.dataset, "0.1.1"), None)


def test_prove_with_the_key_of_another_registry_is_refused(
    taken: TakenDown, tmp_path: Path
) -> None:
    init_registry(tmp_path / "other", REPO)
    other = str(open_registry(tmp_path / "other").key)
    own = str(open_registry(taken.publisher.root).key)
    opened = open_version(taken.dataset, "0.1.1")
    assert prove(taken.receipt, opened, own).absent == 1
    with pytest.raises(VerificationError, match="another key"):
        prove(taken.receipt, opened, other)


def test_prove_command_takes_a_version_and_fails_when_the_hub_is_gone(
    taken: TakenDown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "receipt.json"
    path.write_bytes(taken.receipt)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", str(taken.hub.endpoint))
    command = ["prove", str(path), "--release", f"{REPO}@0.1.1"]
    done = CliRunner().invoke(optout, command, standalone_mode=False)
    assert done.exception is None, done.exception
    assert "is not in release 0.1.1" in done.output
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    gone = CliRunner().invoke(optout, command, standalone_mode=False)
    assert isinstance(gone.exception, EnvironmentFault)
