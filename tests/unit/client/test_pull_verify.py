"""Pull and verify over a real Hub: what holds passes, and every way to tamper is told with its place."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from huggingface_hub import CommitOperationAdd, HfApi

from stackyard.client import yanks
from stackyard.client.lock import LOCK, Lock, read_lock
from stackyard.client.pull import pull
from stackyard.client.verify import Verified, verify
from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.hub import EmbeddedHub
from stackyard.release.manifest import Manifest, describe
from stackyard.store.hub import HubDataset
from tests.unit.client.publisher import REPO, ROWS, Publisher

KIND_PATHS = [
    "README.md", "CHANGELOG.md", "removals.jsonl", "manifest.json", "manifest.dsse.json",
    "ATTRIBUTION/00-7f.txt", "decisions/00-7f.parquet", "registry/checkpoint",
    "registry/log.vkey", "registry/release.pub",
]  # fmt: skip
"""One file of each kind, beside the shards."""


def check(copy: Path, dataset: HubDataset) -> Verified:
    return verify(copy, resolve=lambda _repo, version: dataset.resolve(version))


def shards(copy: Path) -> list[Path]:
    return sorted((copy / "data").rglob("*.parquet"))


def where(done: Verified) -> set[str]:
    return {finding.where for finding in done.findings}


def test_pulled_copy_verifies(copy: Path, dataset: HubDataset) -> None:
    done = check(copy, dataset)
    assert done.findings == ()
    assert done.rows == len(ROWS)
    assert done.pinned
    assert done.name == f"{REPO}@0.1.0"


def test_release_tree_of_a_project_verifies_without_a_lock(publisher: Publisher) -> None:
    done = verify(publisher.release(), key=publisher.public)
    assert done.findings == ()


@pytest.mark.parametrize("path", [path for path in KIND_PATHS if path != "removals.jsonl"])
@pytest.mark.parametrize("position", ["first", "middle", "last"])
def test_one_changed_byte_in_any_kind_of_file_is_told(
    copy: Path, dataset: HubDataset, path: str, position: str
) -> None:
    content = bytearray((copy / path).read_bytes())
    at = {"first": 0, "middle": len(content) // 2, "last": -1}[position]
    content[at] ^= 1
    (copy / path).write_bytes(content)
    assert path.partition(".dsse")[0] in {
        place.removesuffix(".json") if path == "manifest.dsse.json" else place
        for place in where(check(copy, dataset))
    }


def test_one_changed_byte_in_any_shard_is_told(copy: Path, dataset: HubDataset) -> None:
    for path in shards(copy):
        content = path.read_bytes()
        for at in (0, len(content) // 3, len(content) // 2, len(content) - 1):
            changed = bytearray(content)
            changed[at] ^= 0x40
            path.write_bytes(changed)
            assert path.relative_to(copy).as_posix() in where(check(copy, dataset)), at
        path.write_bytes(content)
    assert check(copy, dataset).holds


def test_a_file_that_grew_or_was_cut_is_told(copy: Path, dataset: HubDataset) -> None:
    path = copy / "README.md"
    content = path.read_bytes()
    for changed in (content + b"\n", content[:-1], b""):
        path.write_bytes(changed)
        assert where(check(copy, dataset)) == {"README.md"}


def edited(path: Path, change: Callable[[list[dict[str, object]]], object]) -> None:
    table = pq.read_table(path, partitioning=None)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path, compression="zstd")


def test_an_edited_row_in_a_rewritten_parquet_is_told(copy: Path, dataset: HubDataset) -> None:
    path = shards(copy)[0]
    edited(path, lambda rows: rows[0].update(content="evil()\n"))
    assert where(check(copy, dataset)) == {path.relative_to(copy).as_posix()}


@pytest.mark.parametrize("path", [*KIND_PATHS, "stackyard.lock", "shard"])
def test_a_removed_file_of_any_kind_is_told(copy: Path, dataset: HubDataset, path: str) -> None:
    gone = shards(copy)[0] if path == "shard" else copy / path
    gone.unlink()
    if path == "stackyard.lock":
        # Without a lock there is no pin; what the manifest says still holds.
        assert not check(copy, dataset).pinned
        return
    assert not check(copy, dataset).holds
    assert any("missing" in finding.what for finding in check(copy, dataset).findings)


@pytest.mark.parametrize(
    "path",
    [
        "evil.py",
        "data/permissive/Python/evil.parquet",
        "registry/x",
        "data/x/y/z",
        "data/.hidden",
        "data/permissive/Python/.evil.parquet",
    ],
)
def test_an_added_file_is_told(copy: Path, dataset: HubDataset, path: str) -> None:
    (copy / path).parent.mkdir(parents=True, exist_ok=True)
    (copy / path).write_bytes(b"x")
    assert where(check(copy, dataset)) == {path}


def test_what_hf_download_leaves_beside_a_release_is_no_part_of_it(
    copy: Path, publisher: Publisher
) -> None:
    (copy / LOCK).unlink()
    (copy / ".gitattributes").write_bytes(b"*.parquet filter=lfs\n")
    metadata = copy / ".cache/huggingface/download/data/permissive/Python/00-7f.parquet.metadata"
    metadata.parent.mkdir(parents=True)
    metadata.write_bytes(b"commit\netag\n1\n")
    assert verify(copy, key=publisher.public).findings == ()


def test_a_link_in_the_place_of_a_file_is_told(copy: Path, dataset: HubDataset) -> None:
    path = shards(copy)[0]
    away = copy.parent / "away.parquet"
    shutil.move(path, away)
    path.symlink_to(away)
    (finding,) = check(copy, dataset).findings
    assert "link" in finding.what


def test_a_link_in_the_place_of_a_folder_is_told(copy: Path, dataset: HubDataset) -> None:
    away = copy.parent / "away"
    shutil.move(copy / "data", away)
    (copy / "data").symlink_to(away)
    assert "data" in where(check(copy, dataset))


def test_a_pipe_in_the_place_of_a_file_is_told_and_not_waited_for(
    copy: Path, dataset: HubDataset
) -> None:
    (copy / "README.md").unlink()
    os.mkfifo(copy / "README.md")
    (finding,) = check(copy, dataset).findings
    assert "no plain file" in finding.what


def test_a_moved_tag_is_told_by_verify_and_refused_by_pull(
    copy: Path, hub: EmbeddedHub, dataset: HubDataset
) -> None:
    api = HfApi(endpoint=hub.endpoint)
    api.create_commit(
        REPO, [CommitOperationAdd("note.txt", b"x")], commit_message="x", repo_type="dataset"
    )
    api.delete_tag(REPO, tag="v0.1.0", repo_type="dataset")
    (finding,) = check(copy, dataset).findings
    assert finding.where == "tag v0.1.0"
    api.create_tag(REPO, tag="v0.1.0", repo_type="dataset")
    (finding,) = check(copy, dataset).findings
    assert "moved" in finding.what
    with pytest.raises(VerificationError, match="moved"):
        pull(dataset, "0.1.0", copy)


def forge(copy: Path, publisher: Publisher, change: Callable[[Path], object]) -> Manifest:
    """A copy that was changed and then listed and signed again, by the publisher's own key."""
    change(copy)
    manifest = Manifest.parse((copy / "manifest.json").read_bytes())
    files = []
    for file in manifest.files:
        content = (copy / file.path).read_bytes()
        shard = file.shard
        if shard is not None:
            table = pq.read_table(copy / file.path, partitioning=None)
            size = pc.sum(pc.binary_length(table["content"])).as_py() or 0
            shard = dataclasses.replace(shard, rows=len(table), content_bytes=size)
        sha256 = hashlib.sha256(content).hexdigest()
        files.append(dataclasses.replace(file, sha256=sha256, size_bytes=len(content), shard=shard))
    manifest = dataclasses.replace(manifest, files=tuple(files))
    publisher.sign(copy, manifest)
    (copy / LOCK).unlink(missing_ok=True)
    return manifest


def test_a_content_that_is_listed_as_removed_is_told(copy: Path, publisher: Publisher) -> None:
    row = pq.read_table(shards(copy)[0], partitioning=None).to_pylist()[0]
    line = {
        "change": "removed", "content_sha256": row["content_sha256"],
        "swhid": f"swh:1:cnt:{row['blob_id']}", "version": "0.1.0",
    }  # fmt: skip
    text = json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"
    forge(copy, publisher, lambda root: (root / "removals.jsonl").write_text(text))
    done = verify(copy, key=publisher.public)
    assert any("holds a content that was removed" in finding.what for finding in done.findings)


def test_a_registry_that_is_not_the_manifests_is_told(copy: Path, publisher: Publisher) -> None:
    forge(copy, publisher, lambda root: (root / "registry/log.jsonl").write_bytes(b"{}\n"))
    done = verify(copy, key=publisher.public)
    assert "registry" in where(done)


def test_a_release_signed_by_another_key_is_refused(copy: Path, publisher: Publisher) -> None:
    other = Publisher(publisher.root, Ed25519PrivateKey.from_private_bytes(b"e" * 32))
    manifest = Manifest.parse((copy / "manifest.json").read_bytes())
    other.sign(copy, manifest)
    done = verify(copy)
    assert where(done) == {"manifest.json"}
    assert "trusted key" in done.findings[0].what


def test_a_lock_that_was_edited_to_fit_is_told(copy: Path, dataset: HubDataset) -> None:
    path = shards(copy)[0]
    edited(path, lambda rows: rows[0].update(content="evil()"))
    lock = read_lock(copy)
    assert lock is not None
    name = path.relative_to(copy).as_posix()
    about = describe(name.replace("data/", "registry/"), path.read_bytes())
    files = tuple(
        dataclasses.replace(file, sha256=about.sha256, size_bytes=about.size_bytes)
        if file.path == name
        else file
        for file in lock.files
    )
    dataclasses.replace(lock, files=files).write(copy)
    assert name in where(check(copy, dataset))


def test_a_second_pull_fetches_nothing_and_mends_what_is_damaged(
    copy: Path, dataset: HubDataset
) -> None:
    again = pull(dataset, "0.1.0", copy)
    assert (again.fetched_files, again.first_use) == (0, False)
    path = shards(copy)[0]
    content = path.read_bytes()
    path.write_bytes(b"broken")
    assert pull(dataset, "0.1.0", copy).fetched_files == 1
    assert path.read_bytes() == content
    assert check(copy, dataset).holds


def test_a_pull_that_was_cut_short_goes_on(copy: Path, dataset: HubDataset) -> None:
    lock = read_lock(copy)
    assert lock is not None
    dataclasses.replace(lock, files=()).write(copy)
    shards(copy)[0].unlink()
    assert not check(copy, dataset).holds
    assert pull(dataset, "0.1.0", copy).fetched_files == 1
    assert check(copy, dataset).holds


def test_another_manifest_under_the_pinned_tag_is_refused(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset, tmp_path: Path
) -> None:
    lock = read_lock(copy)
    assert lock is not None
    HfApi(endpoint=hub.endpoint).delete_repo(REPO, repo_type="dataset")
    fresh = Publisher(tmp_path / "fresh", publisher.key)
    fresh.publish(hub, ROWS[:3])
    dataclasses.replace(lock, commit=dataset.resolve("0.1.0")).write(copy)
    with pytest.raises(VerificationError, match="another manifest"):
        pull(dataset, "0.1.0", copy)


def test_another_key_than_the_pinned_one_is_refused(
    copy: Path, hub: EmbeddedHub, dataset: HubDataset, tmp_path: Path
) -> None:
    lock = read_lock(copy)
    assert lock is not None
    HfApi(endpoint=hub.endpoint).delete_repo(REPO, repo_type="dataset")
    evil = Publisher(tmp_path / "evil", Ed25519PrivateKey.from_private_bytes(b"e" * 32))
    evil.publish(hub)
    dataclasses.replace(lock, commit=dataset.resolve("0.1.0")).write(copy)
    with pytest.raises(VerificationError, match="trusted key"):
        pull(dataset, "0.1.0", copy)
    with pytest.raises(VerificationError, match="trusted key"):
        pull(dataset, "0.1.0", tmp_path / "other", key=lock.key)


def test_a_tag_that_holds_another_version_is_refused(
    hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset, tmp_path: Path
) -> None:
    publisher.publish(hub)
    api = HfApi(endpoint=hub.endpoint)
    api.create_tag(REPO, tag="v0.3.0", revision="v0.1.0", repo_type="dataset")
    with pytest.raises(VerificationError, match="asked for"):
        pull(dataset, "0.3.0", tmp_path / "copy")


def test_a_release_without_its_key_needs_one_from_the_user(
    hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset, tmp_path: Path
) -> None:
    publisher.brings_key = False
    version = publisher.publish(hub)
    with pytest.raises(VerificationError, match="--key"):
        pull(dataset, version, tmp_path / "copy")
    assert not pull(dataset, version, tmp_path / "copy", key=publisher.public).first_use


def test_a_folder_with_other_things_in_it_is_left_alone(
    hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset, tmp_path: Path
) -> None:
    version = publisher.publish(hub)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        pull(dataset, version, tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_pull_by_language_has_that_language_alone_and_verifies(
    copy: Path, dataset: HubDataset, tmp_path: Path
) -> None:
    done = pull(dataset, "0.1.0", tmp_path / "c", languages=("c",))
    assert done.lock.languages == ("C",)
    assert {path.parent.name for path in shards(done.folder)} == {"C"}
    checked = check(done.folder, dataset)
    assert checked.findings == ()
    assert checked.rows == sum(row.language == "C" for row in ROWS)
    shutil.copytree(copy / "data/permissive/Shell", done.folder / "data/permissive/Shell")
    assert not check(done.folder, dataset).holds


def test_pull_of_an_unknown_language_names_the_known_ones(
    copy: Path, dataset: HubDataset, tmp_path: Path
) -> None:
    del copy
    with pytest.raises(UsageError, match="C, Python, Shell"):
        pull(dataset, "0.1.0", tmp_path / "x", languages=("Klingon",))
    assert not (tmp_path / "x").exists()


def test_pull_by_licence_filters_rows_keeps_hashes_and_verifies(
    copy: Path, dataset: HubDataset, tmp_path: Path
) -> None:
    del copy
    done = pull(dataset, "0.1.0", tmp_path / "mit", licenses=("MIT", "GPL-2.0-only"))
    rows = [row for path in shards(done.folder) for row in pq.read_table(path).to_pylist()]
    wanted = {row.text for row in ROWS if row.license.startswith(("MIT", "GPL-2.0"))}
    assert {row["content"] for row in rows} == wanted
    assert done.lock.is_derived
    checked = check(done.folder, dataset)
    assert checked.findings == ()
    again = pull(dataset, "0.1.0", tmp_path / "mit", licenses=("GPL-2.0-only", "MIT"))
    assert again.fetched_files == 0


def test_a_derived_copy_is_the_same_every_time_and_told_when_edited(
    copy: Path, dataset: HubDataset, tmp_path: Path
) -> None:
    del copy
    one = pull(dataset, "0.1.0", tmp_path / "one", licenses=("MIT",))
    two = pull(dataset, "0.1.0", tmp_path / "two", licenses=("MIT",))
    assert one.lock == two.lock
    path = next(one.folder / file.path for file in one.lock.files if file.source_sha256 is not None)
    edited(path, lambda rows: rows[0].update(license_expression="GPL-3.0-only"))
    name = path.relative_to(one.folder).as_posix()
    assert where(check(one.folder, dataset)) == {name}
    lock = read_lock(one.folder)
    assert lock is not None
    about = describe("registry/x", path.read_bytes())
    files = tuple(
        dataclasses.replace(file, sha256=about.sha256, size_bytes=about.size_bytes)
        if file.path == name
        else file
        for file in lock.files
    )
    dataclasses.replace(lock, files=files).write(one.folder)
    told = check(one.folder, dataset).findings
    assert {finding.where for finding in told} == {name}
    assert any("the licence GPL-3.0-only, which was not asked for" in each.what for each in told)


def test_a_yanked_version_is_pulled_only_when_asked_so(
    copy: Path, dataset: HubDataset, publisher: Publisher, tmp_path: Path
) -> None:
    assert yanks.yank(dataset, "0.1.0", "wrong licences", publisher.key)
    assert not yanks.yank(dataset, "0.1.0", "wrong licences", publisher.key)
    with pytest.raises(VerificationError, match="wrong licences"):
        pull(dataset, "0.1.0", tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert pull(dataset, "0.1.0", tmp_path / "x", yanked=True).lock.version == "0.1.0"
    assert check(copy, dataset).holds
    with pytest.raises(UsageError):
        yanks.yank(dataset, "9.9.9", "never was", publisher.key)


def test_a_damaged_yank_list_stops_a_pull(copy: Path, dataset: HubDataset, tmp_path: Path) -> None:
    del copy
    dataset.edit("yanked.json", lambda _before: b'{"format":"other"}', "x")
    with pytest.raises(VerificationError, match="yanked"):
        pull(dataset, "0.1.0", tmp_path / "x")


def test_a_dead_hub_stops_pull_and_verify_of_a_copy(copy: Path, tmp_path: Path) -> None:
    dead = HubDataset(REPO, "http://127.0.0.1:9")
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        pull(dead, "0.1.0", copy)
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        check(copy, dead)
    assert verify(copy).holds
    assert not (tmp_path / "x").exists()


def test_lock_round_trip_is_exact_and_damage_is_refused(copy: Path) -> None:
    lock = read_lock(copy)
    assert lock is not None
    text = (copy / LOCK).read_bytes()
    assert Lock.parse(text) == lock
    assert lock.serialise() == text
    readme = b'"path": "README.md"'
    for damaged in (
        b"",
        b"{}",
        b"[]",
        b"\xff",
        text.replace(readme, b'"path": "../x"'),
        text.replace(readme, b'"path": "/x"'),
        text.replace(readme, b'"path": "CHANGELOG.md"'),
        text.replace(readme, b'"extra": 1, "path": "README.md"'),
    ):
        (copy / LOCK).write_bytes(damaged)
        with pytest.raises(VerificationError, match=r"stackyard\.lock"):
            verify(copy)
