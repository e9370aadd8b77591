"""Purged versions, as a reader meets them: said, chained, and believed from the pinned key alone."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackyard.client import tombstones
from stackyard.client.lock import read_lock
from stackyard.client.opened import open_version
from stackyard.client.pull import pull
from stackyard.client.sync import sync
from stackyard.client.tombstones import check_chain, pinned_commit
from stackyard.client.verify import verify
from stackyard.errors import VerificationError
from stackyard.hub import EmbeddedHub
from stackyard.release.manifest import Previous
from stackyard.store.hub import PURGED_PATH, HubDataset
from tests.unit.client.publisher import REPO, ROWS, Publisher

OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"z" * 32)


def identity_of(dataset: HubDataset, version: str, key: str) -> str:
    return open_version(dataset, version, key).release.sha256


def purged(
    publisher: Publisher, dataset: HubDataset, version: str, key: Ed25519PrivateKey | None = None
) -> None:
    """Purges a version with a tombstone by the publisher's key, or by another one."""
    kept = {
        other: identity_of(dataset, other, publisher.public)
        for other in dataset.versions()
        if other != version
    }
    envelope = dataset.read(dataset.resolve(version), "manifest.dsse.json")
    stone = tombstones.bury(envelope, ["req-0123456789abcdef"], kept, key or publisher.key)
    tombstones.write(dataset, {version: stone})
    dataset.purge([version])


@pytest.fixture
def three(publisher: Publisher, hub: EmbeddedHub) -> HubDataset:
    """0.1.0, which holds src/a.py; 0.1.1 and 0.1.2, which do not."""
    publisher.publish(hub)
    publisher.publish(hub, ROWS[1:])
    publisher.publish(hub, ROWS[2:])
    return HubDataset(REPO, hub.endpoint)


def test_purged_version_is_refused_and_said_to_be_purged(
    publisher: Publisher, three: HubDataset, tmp_path: Path
) -> None:
    purged(publisher, three, "0.1.0")
    with pytest.raises(VerificationError, match="was purged"):
        pull(three, "0.1.0", tmp_path / "copy")
    with pytest.raises(VerificationError, match="was purged"):
        open_version(three, "0.1.0")


def test_copy_of_a_purged_version_is_brought_forward_by_sync(
    publisher: Publisher, three: HubDataset, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    pull(three, "0.1.0", copy)
    purged(publisher, three, "0.1.0")
    done = sync(three, copy)
    assert (done.before, done.after) == ("0.1.0", "0.1.2")
    lock = read_lock(copy)
    assert lock is not None
    assert verify(copy, resolve=lambda *_: pinned_commit(three, lock)).findings == ()


def test_pin_of_a_version_that_stays_holds_across_a_purge(
    publisher: Publisher, three: HubDataset, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    before = pull(three, "0.1.1", copy).lock
    purged(publisher, three, "0.1.0")
    assert three.resolve("0.1.1") != before.commit
    assert verify(copy, resolve=lambda *_: pinned_commit(three, before)).findings == ()
    again = pull(three, "0.1.1", copy)
    assert again.fetched_files == 0
    assert again.lock == dataclasses.replace(before, commit=three.resolve("0.1.1"))


def test_tag_moved_under_a_tombstone_by_another_key_is_refused(
    publisher: Publisher, three: HubDataset, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    pull(three, "0.1.1", copy)
    purged(publisher, three, "0.1.0", OTHER_KEY)
    with pytest.raises(VerificationError, match="not signed by a trusted key"):
        pull(three, "0.1.1", copy)
    newest = open_version(three, "0.1.2", publisher.public).manifest
    never = Previous("0.0.9", "00" * 32)
    with pytest.raises(VerificationError, match="not signed by a trusted key"):
        check_chain(three, newest, publisher.public, never)


def test_chain_holds_across_a_tombstone_and_breaks_without_it(
    publisher: Publisher, three: HubDataset
) -> None:
    first = Previous("0.1.0", identity_of(three, "0.1.0", publisher.public))
    newest = open_version(three, "0.1.2", publisher.public).manifest
    assert check_chain(three, newest, publisher.public, first) == 2
    purged(publisher, three, "0.1.1")
    assert check_chain(three, newest, publisher.public, first) == 2
    three.edit(PURGED_PATH, lambda _: tombstones.serialise({}), "forget")
    with pytest.raises(VerificationError, match="there is no tombstone"):
        check_chain(three, newest, publisher.public, first)


def test_chain_to_another_release_of_the_same_version_is_refused(
    publisher: Publisher, three: HubDataset
) -> None:
    newest = open_version(three, "0.1.2", publisher.public).manifest
    for version in ("0.1.0", "0.1.1", "0.1.2"):
        with pytest.raises(VerificationError, match="does not descend"):
            check_chain(three, newest, publisher.public, Previous(version, "00" * 32))


def test_tombstone_of_another_release_is_refused(publisher: Publisher, three: HubDataset) -> None:
    purged(publisher, three, "0.1.0")
    stone = tombstones.read(three)["0.1.0"]
    assert stone.requests == ("req-0123456789abcdef",)
    stone.manifest(publisher.public)
    with pytest.raises(VerificationError, match="another release"):
        dataclasses.replace(stone, manifest_sha256="00" * 32).manifest(publisher.public)
    with pytest.raises(VerificationError, match="something else"):
        dataclasses.replace(stone, statement=stone.release).manifest(publisher.public)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"format":"other","versions":{}}', b'{"format":"stackyard-purged/1","versions":{"0.1.0":{}}}', b"[" * 10_000]
)  # fmt: skip
def test_tombstones_that_cannot_be_read_are_refused(text: bytes) -> None:
    with pytest.raises(VerificationError, match="not known what was purged"):
        tombstones.parse(text)


def test_tombstones_parse_and_serialise_are_inverses(
    publisher: Publisher, three: HubDataset
) -> None:
    purged(publisher, three, "0.1.0")
    text = three.read(three.head(), PURGED_PATH)
    assert tombstones.serialise(tombstones.parse(text)) == text
    moved = json.loads(text)
    moved["versions"]["0.1.9"] = moved["versions"].pop("0.1.0")
    with pytest.raises(VerificationError, match="not known what was purged"):
        tombstones.parse(json.dumps(moved).encode())


def test_release_after_a_purge_keeps_the_tombstones(
    publisher: Publisher, hub: EmbeddedHub, three: HubDataset
) -> None:
    purged(publisher, three, "0.1.0")
    version = publisher.publish(hub, ROWS[3:])
    assert version == "0.1.3"
    assert tombstones.read(three).keys() == {"0.1.0"}
