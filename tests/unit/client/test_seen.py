"""What a copy saw of its dataset may only grow: Hubs that hide, empty or forge are refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from stackyard.client import yanks
from stackyard.client.lock import LOCK, Lock, Seen, read_lock
from stackyard.client.pull import pull
from stackyard.client.sync import sync
from stackyard.errors import VerificationError
from stackyard.hub import EmbeddedHub
from stackyard.params import canonical_json
from stackyard.store.hub import YANKED_PATH, HubDataset
from tests.unit.client.publisher import REPO, ROWS, Publisher, Row

MORE = (*ROWS, Row("octo-org/alpha", "new.py", "print('new')\n"))


def locked(copy: Path) -> Lock:
    lock = read_lock(copy)
    assert lock is not None
    return lock


def hide(hub: EmbeddedHub, version: str) -> None:
    HfApi(endpoint=hub.endpoint).delete_tag(REPO, tag=f"v{version}", repo_type="dataset")


def put(hub: EmbeddedHub, path: str, content: bytes | None) -> None:
    """Writes a file on main as whoever runs the Hub can."""
    change = CommitOperationDelete(path) if content is None else CommitOperationAdd(path, content)
    HfApi(endpoint=hub.endpoint).create_commit(
        REPO, [change], commit_message="x", repo_type="dataset"
    )


def test_pull_and_sync_remember_the_highest_version_and_log(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    seen = locked(copy).seen
    assert seen is not None
    assert (seen.version, seen.log_size, seen.yanked) == ("0.1.0", 0, ())
    assert publisher.publish(hub, MORE) == "0.2.0"
    assert sync(dataset, copy).after == "0.1.0"
    seen = locked(copy).seen
    assert seen is not None
    assert seen.version == "0.2.0"
    pull(dataset, "0.1.0", copy)
    assert locked(copy).seen == seen


def test_a_hub_that_hides_a_version_that_was_seen_is_refused_with_a_way_out(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    publisher.publish(hub, MORE)
    sync(dataset, copy)
    hide(hub, "0.2.0")
    before = (copy / LOCK).read_bytes()
    for ask in (lambda: sync(dataset, copy), lambda: pull(dataset, "0.1.0", copy)):
        with pytest.raises(VerificationError, match="rolled back") as refused:
            ask()
        assert "removes `seen`" in refused.value.next_step
    assert (copy / LOCK).read_bytes() == before
    dataclasses.replace(locked(copy), seen=None).write(copy)
    assert sync(dataset, copy).newest == "0.1.0"


@pytest.mark.parametrize("size", [1, 10**6])
def test_a_log_that_does_not_extend_the_one_that_was_seen_is_refused(
    copy: Path, dataset: HubDataset, size: int
) -> None:
    lock = locked(copy)
    dataclasses.replace(lock, seen=Seen("0.1.0", size, "0" * 64)).write(copy)
    with pytest.raises(VerificationError, match="rolled back or forked"):
        sync(dataset, copy)
    with pytest.raises(VerificationError, match="rolled back or forked"):
        pull(dataset, "0.1.0", copy)


def test_a_version_that_nobody_signed_is_not_remembered(
    copy: Path, hub: EmbeddedHub, dataset: HubDataset
) -> None:
    HfApi(endpoint=hub.endpoint).create_tag(REPO, tag="v99.0.0", repo_type="dataset")
    before = (copy / LOCK).read_bytes()
    with pytest.raises(VerificationError):
        sync(dataset, copy)
    assert (copy / LOCK).read_bytes() == before
    hide(hub, "99.0.0")
    assert sync(dataset, copy).newest == "0.1.0"


def test_a_lock_of_before_is_read_and_remembers_from_then_on(
    copy: Path, dataset: HubDataset
) -> None:
    document = json.loads((copy / LOCK).read_bytes())
    del document["seen"]
    (copy / LOCK).write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    assert locked(copy).seen is None
    sync(dataset, copy)
    assert locked(copy).seen is not None


@pytest.mark.parametrize(
    "seen", [Seen("x", 0, "0" * 64), Seen("0.1.0", -1, "0" * 64), Seen("0.1.0", 0, "")]
)
def test_a_lock_with_a_memory_of_nothing_is_damaged(copy: Path, seen: Seen) -> None:
    dataclasses.replace(locked(copy), seen=seen).write(copy)
    with pytest.raises(VerificationError, match="cannot be read"):
        read_lock(copy)


KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"e" * 32)

FORGED: dict[str, Callable[[bytes], bytes]] = {
    "a member twice": lambda good: good.replace(b'{"payload"', b'{"payload":"","payload"', 1),
    "not canonical": lambda good: good + b"\n",
    "not signed": lambda _good: canonical_json({"format": "stackyard-yanked/1", "versions": {}}),
    "empty": lambda _good: b"",
    "no JSON": lambda _good: b"[" * 100_000,
    "of another dataset": lambda _good: yanks.serialise({}, "octo-org/other", KEY),
    "by another key": lambda _good: yanks.serialise({}, REPO, OTHER),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_list_of_yanked_versions_that_a_hub_changed_is_refused(
    copy: Path, hub: EmbeddedHub, dataset: HubDataset, tmp_path: Path, name: str
) -> None:
    del copy
    yanks.yank(dataset, "0.1.0", "wrong licences", KEY)
    good = dataset.read(dataset.head(), YANKED_PATH)
    put(hub, YANKED_PATH, FORGED[name](good))
    with pytest.raises(VerificationError, match="not known what is yanked"):
        pull(dataset, "0.1.0", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_yank_that_was_seen_cannot_be_hidden(
    copy: Path, hub: EmbeddedHub, dataset: HubDataset
) -> None:
    yanks.yank(dataset, "0.1.0", "wrong licences", KEY)
    assert sync(dataset, copy).yanked == "wrong licences"
    put(hub, YANKED_PATH, None)
    with pytest.raises(VerificationError, match="a yank that was seen"):
        sync(dataset, copy)


def test_a_list_of_before_is_signed_by_the_next_yank(
    copy: Path, hub: EmbeddedHub, dataset: HubDataset
) -> None:
    del copy
    unsigned = {"format": "stackyard-yanked/1", "versions": {"0.0.9": {"reason": "old"}}}
    put(hub, YANKED_PATH, canonical_json(unsigned))
    yanks.yank(dataset, "0.1.0", "wrong licences", KEY)
    public = KEY.public_key().public_bytes_raw().hex()
    assert yanks.read(dataset, public) == {"0.0.9": "old", "0.1.0": "wrong licences"}


@pytest.mark.parametrize("path", ["data", "data/permissive", "README.md", "registry/log.jsonl"])
def test_a_link_in_a_target_folder_is_refused_before_the_first_byte(
    copy: Path, dataset: HubDataset, tmp_path: Path, path: str
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    lock = locked(copy)
    target = tmp_path / "target"
    target.mkdir()
    dataclasses.replace(lock, files=()).write(target)
    (target / path).parent.mkdir(parents=True, exist_ok=True)
    (target / path).symlink_to(away)
    before = sorted(place.name for place in target.rglob("*"))
    for ask in (
        lambda: pull(dataset, "0.1.0", target),
        lambda: sync(dataset, _whole(target, lock)),
    ):
        with pytest.raises(VerificationError, match="is a link"):
            ask()
    assert list(away.iterdir()) == []
    assert sorted(place.name for place in target.rglob("*")) == before


def _whole(target: Path, lock: Lock) -> Path:
    lock.write(target)
    return target


def test_a_manifest_that_nobody_signed_is_not_parsed(
    copy: Path, hub: EmbeddedHub, dataset: HubDataset, tmp_path: Path
) -> None:
    """What is deep, or long, or no JSON at all, is refused by its signature alone."""
    del copy
    for at, text in enumerate((b"[" * 1_000_000, b"no JSON", b"{" * 10), 2):
        put(hub, "manifest.json", text)
        HfApi(endpoint=hub.endpoint).create_tag(REPO, tag=f"v0.{at}.0", repo_type="dataset")
        with pytest.raises(VerificationError, match="signs another manifest"):
            pull(dataset, f"0.{at}.0", tmp_path / f"x{at}")
