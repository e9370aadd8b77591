"""Purging versions from a Hub: their bytes are gone, everything else stays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, close_session

from stackyard.errors import UsageError
from stackyard.hub import EmbeddedHub
from stackyard.store.hub import HubDataset, publish

REPO = "octo-org/toy"
OTHER = "octo-org/other"


def blob(seed: int) -> bytes:
    return b"PAR1\0" + hashlib.shake_128(b"%d" % seed).digest(5000)


SECRET, KEPT, NEW, TEXT = blob(1), blob(2), blob(3), b"a regular file with the secret\n"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[EmbeddedHub]:
    with EmbeddedHub(tmp_path / "hub") as running:
        yield running
    close_session()


def release(folder: Path, files: dict[str, bytes], follows: tuple[str, Path] | None = None) -> Path:
    manifest = {"files": sorted(files), "previous": previous(follows)}
    for path, content in (files | {"manifest.json": json.dumps(manifest).encode()}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def previous(follows: tuple[str, Path] | None) -> dict[str, str] | None:
    if follows is None:
        return None
    text = (follows[1] / "manifest.json").read_bytes()
    return {"version": follows[0], "manifest_sha256": hashlib.sha256(text).hexdigest()}


def stored(hub: EmbeddedHub, content: bytes) -> bool:
    return any(path.read_bytes() == content for path in (hub.root / "objects").rglob("?" * 64))


def two_versions(hub: EmbeddedHub, tmp_path: Path) -> HubDataset:
    one = release(tmp_path / "1", {"s.parquet": SECRET, "k.parquet": KEPT, "note.md": TEXT})
    two = release(tmp_path / "2", {"k.parquet": KEPT, "n.parquet": NEW}, ("0.1.0", one))
    publish(one, REPO, "0.1.0", endpoint=hub.endpoint)
    publish(two, REPO, "0.1.1", endpoint=hub.endpoint)
    return HubDataset(REPO, hub.endpoint)


def test_purged_version_leaves_no_byte_and_the_others_stay(
    hub: EmbeddedHub, tmp_path: Path
) -> None:
    dataset = two_versions(hub, tmp_path)
    old = dataset.resolve("0.1.0")
    before = dataset.files(dataset.resolve("0.1.1"))
    done = dataset.purge(["0.1.0"])
    assert done.tags == ("v0.1.0",)
    assert list(dataset.versions()) == ["0.1.1"]
    left = dataset.resolve("0.1.1")
    assert dataset.files(left) == before
    assert dataset.read(left, "k.parquet") == KEPT
    assert dataset.read(dataset.head(), "n.parquet") == NEW
    # 0.1.1 had 0.1.0 as its parent: its tag is at a commit without history now.
    assert not stored(hub, SECRET)
    assert not stored(hub, TEXT)
    assert not list((hub.root / "datasets").rglob("*purge-*"))
    with pytest.raises(UsageError):
        dataset.read(old, "s.parquet")


def test_purging_everything_old_removes_regular_files_too(hub: EmbeddedHub, tmp_path: Path) -> None:
    dataset = two_versions(hub, tmp_path)
    old = dataset.resolve("0.1.0")
    dataset.purge(["0.1.0", "0.1.1"])
    assert dataset.versions() == {}
    assert not stored(hub, SECRET)
    assert not stored(hub, TEXT)
    with pytest.raises(UsageError):
        dataset.read(old, "note.md")
    assert dataset.read(dataset.head(), "n.parquet") == NEW
    commits = HfApi(endpoint=hub.endpoint).list_repo_commits(REPO, repo_type="dataset")
    assert len(commits) == 1


def test_what_another_dataset_needs_stays(hub: EmbeddedHub, tmp_path: Path) -> None:
    dataset = two_versions(hub, tmp_path)
    publish(release(tmp_path / "o", {"s.parquet": SECRET}), OTHER, "1.0.0", endpoint=hub.endpoint)
    old = dataset.resolve("0.1.0")
    dataset.purge(["0.1.0"])
    with pytest.raises(UsageError):
        dataset.read(old, "s.parquet")
    other = HubDataset(OTHER, hub.endpoint)
    assert other.read(other.resolve("1.0.0"), "s.parquet") == SECRET


def test_purging_again_changes_nothing(hub: EmbeddedHub, tmp_path: Path) -> None:
    dataset = two_versions(hub, tmp_path)
    dataset.purge(["0.1.0"])
    again = dataset.purge(["0.1.0", "9.9.9"])
    assert (again.tags, again.objects) == ((), 0)


def test_a_release_after_a_purge_is_published_as_ever(hub: EmbeddedHub, tmp_path: Path) -> None:
    dataset = two_versions(hub, tmp_path)
    dataset.purge(["0.1.0"])
    third = release(
        tmp_path / "3", {"k.parquet": KEPT, "z.parquet": blob(9)}, ("0.1.1", tmp_path / "2")
    )
    done = publish(third, REPO, "0.2.0", endpoint=hub.endpoint)
    assert done.uploaded == ("manifest.json", "z.parquet")
    assert list(dataset.versions()) == ["0.1.1", "0.2.0"]


def test_what_was_purged_can_be_released_again(hub: EmbeddedHub, tmp_path: Path) -> None:
    dataset = two_versions(hub, tmp_path)
    dataset.purge(["0.1.0"])
    third = release(
        tmp_path / "3", {"k.parquet": KEPT, "s.parquet": SECRET}, ("0.1.1", tmp_path / "2")
    )
    publish(third, REPO, "0.2.0", endpoint=hub.endpoint)
    assert dataset.read(dataset.resolve("0.2.0"), "s.parquet") == SECRET


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 6, 8, 10])
def test_purge_broken_off_at_any_call_is_ended_by_the_next(
    hub: EmbeddedHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    dataset = two_versions(hub, tmp_path)
    third = release(
        tmp_path / "3", {"k.parquet": KEPT, "z.parquet": blob(9)}, ("0.1.1", tmp_path / "2")
    )
    publish(third, REPO, "0.1.2", endpoint=hub.endpoint)
    trees = {v: dataset.files(dataset.resolve(v)) for v in ("0.1.1", "0.1.2")}
    left = iter(range(nth))
    writes = ("create_branch", "create_tag", "delete_branch", "delete_tag", "super_squash_history",
              "permanently_delete_lfs_files")  # fmt: skip
    for name in writes:

        def cut(
            self: HfApi, *args: object, _real: object = getattr(HfApi, name), **kw: object
        ) -> object:
            if next(left, None) is None:
                raise KeyboardInterrupt
            return _real(self, *args, **kw)  # type: ignore[operator]

        monkeypatch.setattr(HfApi, name, cut)
    with pytest.raises(KeyboardInterrupt):
        dataset.purge(["0.1.0"])
    monkeypatch.undo()
    HubDataset(REPO, hub.endpoint).purge(["0.1.0"])
    assert {v: dataset.files(c) for v, c in dataset.versions().items()} == trees
    assert not stored(hub, SECRET)
    assert not stored(hub, TEXT)
    assert not list((hub.root / "datasets").rglob("*purge-*"))
