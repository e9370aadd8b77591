"""Sync: removals reach a copy, also a filtered or converted one, and it is proved."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from huggingface_hub import HfApi

from stackyard.client import converted, yanks
from stackyard.client.lock import Lock, read_lock
from stackyard.client.pull import pull
from stackyard.client.sync import sync
from stackyard.client.verify import verify
from stackyard.errors import EnvironmentFault, StackyardError, UsageError, VerificationError
from stackyard.hub import EmbeddedHub
from stackyard.store.hub import HubDataset
from tests.unit.client.publisher import REPO, ROWS, Publisher, Row

LEFT = ROWS[1:]
GONE = ROWS[0].text
MORE = (*ROWS, Row("octo-org/alpha", "src/new.py", "new = 1\n"))


@pytest.fixture
def published(copy: Path, hub: EmbeddedHub) -> EmbeddedHub:
    """A Hub with the first release."""
    del copy
    return hub


def contents(folder: Path) -> set[str]:
    return {
        text
        for path in folder.rglob("*.parquet")
        if "content" in pq.read_schema(path).names
        for text in pq.read_table(path, columns=["content"], partitioning=None)[
            "content"
        ].to_pylist()
    }


def test_sync_moves_to_the_patch_that_removes(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    assert publisher.publish(hub, LEFT) == "0.1.1"
    done = sync(dataset, copy)
    assert (done.before, done.after, done.newest, done.gone) == ("0.1.0", "0.1.1", "0.1.1", 1)
    assert contents(copy) == {row.text for row in LEFT}
    checked = verify(copy, resolve=lambda _repo, version: dataset.resolve(version))
    assert checked.findings == ()
    assert sync(dataset, copy).after == "0.1.1"


def test_sync_takes_out_what_a_later_line_removed(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    assert publisher.publish(hub, MORE) == "0.2.0"
    assert publisher.publish(hub, MORE[1:]) == "0.2.1"
    done = sync(dataset, copy)
    assert (done.after, done.newest, done.removed_rows) == ("0.1.0", "0.2.1", 1)
    assert contents(copy) == {row.text for row in LEFT}
    checked = verify(copy, resolve=lambda _repo, version: dataset.resolve(version))
    assert checked.findings == ()
    # A pull mends the copy; it does not bring back what was removed.
    assert pull(dataset, "0.1.0", copy).fetched_files == 0
    (copy / "README.md").unlink()
    next(iter((copy / "data").rglob("*.parquet"))).write_bytes(b"broken")
    pull(dataset, "0.1.0", copy)
    assert contents(copy) == {row.text for row in LEFT}


@pytest.mark.parametrize("part", ["language", "license"])
def test_sync_of_a_partial_copy_keeps_it_partial(
    published: EmbeddedHub, publisher: Publisher, dataset: HubDataset, tmp_path: Path, part: str
) -> None:
    if part == "language":
        folder = pull(dataset, "0.1.0", tmp_path / "part", languages=("Python",)).folder
    else:
        folder = pull(dataset, "0.1.0", tmp_path / "part", licenses=("MIT",)).folder
    before = contents(folder)
    assert GONE in before
    publisher.publish(published, LEFT)
    assert sync(dataset, folder).after == "0.1.1"
    assert contents(folder) == before - {GONE}
    checked = verify(folder, resolve=lambda _repo, version: dataset.resolve(version))
    assert checked.findings == ()


def test_sync_filters_converted_files_that_kept_the_hash(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    shard = next(path for path in copy.rglob("*.parquet") if GONE in contents_of(path))
    names = ["path", "content_sha256"]
    rows = pq.read_table(shard, columns=names, partitioning=None).to_pylist()
    mine = [*rows, {"path": "x", "content_sha256": None}]
    (copy / "mine").mkdir()
    pq.write_table(pa.Table.from_pylist(mine), copy / "mine" / "tokens.parquet")
    (copy / "notes.txt").write_text("mine")
    publisher.publish(hub, LEFT)
    done = sync(dataset, copy)
    assert done.other_files == ("mine/tokens.parquet",)
    left = pq.read_table(copy / "mine" / "tokens.parquet", partitioning=None)
    assert len(left) == len(rows)  # one row less of the dataset's, and the user's own stays
    assert (copy / "notes.txt").read_text() == "mine"


ROW: dict[str, object] = {
    "path": "a",
    "content_sha256": hashlib.sha256(GONE.encode()).hexdigest(),
    "n": 1,
}
STAYS: dict[str, object] = {"path": 'b, "quoted"', "content_sha256": "00" * 32, "n": 2}
MINE: dict[str, object] = {"path": "x", "content_sha256": None, "n": 3}


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def table(rows: list[dict[str, object]], delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(ROW), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_arrow(path: Path, rows: list[dict[str, object]], *, stream: bool) -> None:
    made = pa.Table.from_pylist(rows)
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(str(path), made.schema) as writer:
        writer.write_table(made)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", lambda path, rows: path.write_text(lines(rows))),
        ("a.json", lambda path, rows: path.write_text(json.dumps(rows))),
        ("a.ndjson.gz", lambda path, rows: path.write_bytes(gzip.compress(lines(rows).encode()))),
        ("a.csv", lambda path, rows: path.write_text(table(rows), newline="")),
        ("a.tsv", lambda path, rows: path.write_text(table(rows, "\t"), newline="")),
        ("a.csv.gz", lambda path, rows: path.write_bytes(gzip.compress(table(rows).encode()))),
        ("a.arrow", lambda path, rows: write_arrow(path, rows, stream=True)),
        ("a.feather", lambda path, rows: write_arrow(path, rows, stream=False)),
        ("a.parquet", lambda path, rows: pq.write_table(pa.Table.from_pylist(rows), path)),
    ],
)
def test_converted_file_of_each_format_loses_the_rows_that_are_gone(
    tmp_path: Path, name: str, write: Callable[[Path, list[dict[str, object]]], object]
) -> None:
    gone = frozenset({str(ROW["content_sha256"])})
    path, clean, target = tmp_path / name, tmp_path / "clean" / name, tmp_path / "out" / name
    for folder in (clean.parent, target.parent):
        folder.mkdir()
    write(path, [STAYS, ROW, MINE])
    write(clean, [STAYS, MINE])
    assert converted.held(path, gone) == gone
    assert converted.rewrite(path, target, gone) == 1
    assert converted.held(target, gone) == frozenset()
    if name.endswith(".gz"):
        assert gzip.decompress(target.read_bytes()) == gzip.decompress(clean.read_bytes())
    elif name.endswith((".parquet", ".arrow", ".feather")):
        assert rows_of(target) == rows_of(clean) == [STAYS, MINE]
    elif name == "a.json":
        assert json.loads(target.read_text()) == [STAYS, MINE]
    else:
        assert target.read_bytes() == clean.read_bytes()


def rows_of(path: Path) -> list[dict[str, object]]:
    if path.suffix == ".parquet":
        return list(pq.read_table(path, partitioning=None).to_pylist())
    reader = pa.ipc.open_stream if path.suffix == ".arrow" else pa.ipc.open_file
    return list(reader(path.read_bytes()).read_all().to_pylist())


def test_sync_filters_lines_names_what_it_cannot_read_and_stops_at_damage(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    (copy / "mine.jsonl").write_text(lines([ROW, MINE]))
    (copy / "settings.json").write_text("// not JSON, and no copy of anything")
    (copy / "notes.txt").write_text("mine")
    publisher.publish(hub, LEFT)
    done = sync(dataset, copy)
    assert done.other_files == ("mine.jsonl",)
    assert done.unread == ("notes.txt",)
    assert (copy / "mine.jsonl").read_text() == lines([MINE])
    (copy / "mine.jsonl").write_text('{"content_sha256": "')
    with pytest.raises(VerificationError, match=r"mine\.jsonl cannot be read"):
        sync(dataset, copy)
    (copy / "mine.jsonl").write_text(lines([{"content": GONE}]))
    with pytest.raises(VerificationError, match=r"mine\.jsonl still holds"):
        sync(dataset, copy)


def contents_of(path: Path) -> list[str]:
    if "content" not in pq.read_schema(path).names:
        return []
    return list(pq.read_table(path, columns=["content"], partitioning=None)["content"].to_pylist())


def test_sync_refuses_to_call_a_copy_clean_whose_texts_lost_their_hash(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    pq.write_table(pa.table({"content": [GONE]}), copy / "texts.parquet")
    publisher.publish(hub, LEFT)
    with pytest.raises(VerificationError, match=r"texts\.parquet still holds"):
        sync(dataset, copy)


def test_sync_with_a_dead_hub_is_an_environment_fault(copy: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        sync(HubDataset(REPO, "http://127.0.0.1:9"), copy)


def test_sync_refuses_a_newest_version_of_another_key_or_log(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset, tmp_path: Path
) -> None:
    api = HfApi(endpoint=hub.endpoint)
    api.delete_repo(REPO, repo_type="dataset")
    evil = Publisher(tmp_path / "evil", Ed25519PrivateKey.from_private_bytes(b"e" * 32))
    evil.publish(hub)
    with pytest.raises(VerificationError, match="trusted key"):
        sync(dataset, copy)
    api.delete_repo(REPO, repo_type="dataset")
    Publisher(tmp_path / "fork", publisher.key).publish(hub)
    with pytest.raises(VerificationError, match="registry"):
        sync(dataset, copy)


def test_sync_of_a_rolled_back_dataset_is_refused(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    publisher.publish(hub, LEFT)
    sync(dataset, copy)
    HfApi(endpoint=hub.endpoint).delete_tag(REPO, tag="v0.1.1", repo_type="dataset")
    with pytest.raises(VerificationError, match="rolled back"):
        sync(dataset, copy)


def test_sync_passes_over_a_yanked_patch_and_tells_of_a_yanked_copy(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    publisher.publish(hub, LEFT)
    yanks.yank(dataset, "0.1.1", "broken", publisher.key)
    yanks.yank(dataset, "0.1.0", "old", publisher.key)
    done = sync(dataset, copy)
    assert (done.after, done.yanked, done.removed_rows) == ("0.1.0", "old", 1)
    assert GONE not in contents(copy)


def test_sync_of_what_is_no_finished_copy_is_wrong_use(dataset: HubDataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no copy"):
        sync(dataset, tmp_path)


def test_sync_that_was_killed_while_files_were_aside_brings_them_back(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    aside = copy.with_name(f".{copy.name}.others")
    aside.mkdir()
    (aside / "notes.txt").write_text("mine")
    publisher.publish(hub, LEFT)
    sync(dataset, copy)
    assert (copy / "notes.txt").read_text() == "mine"
    assert not aside.exists()


@pytest.mark.parametrize("downloads", [0, 1, 3])
def test_sync_that_stopped_while_it_fetched_goes_on_and_keeps_the_users_files(
    copy: Path,
    hub: EmbeddedHub,
    publisher: Publisher,
    dataset: HubDataset,
    monkeypatch: pytest.MonkeyPatch,
    *,
    downloads: int,
) -> None:
    publisher.publish(hub, LEFT)
    (copy / "mine.txt").write_text("notes", encoding="utf-8")
    left = iter(range(downloads))
    download = HubDataset.download

    def full(*each: Any, **named: Any) -> None:
        if next(left, None) is None:
            raise EnvironmentFault("no space left on device")
        download(*each, **named)

    monkeypatch.setattr(HubDataset, "download", full)
    with pytest.raises(EnvironmentFault, match="no space"):
        sync(dataset, copy)
    monkeypatch.undo()
    assert sync(dataset, copy).after == "0.1.1"
    assert contents(copy) == {row.text for row in LEFT}
    assert (copy / "mine.txt").read_text(encoding="utf-8") == "notes"
    lock = read_lock(copy)
    assert lock is not None
    assert {"manifest.json", "removals.jsonl"} <= {file.path for file in lock.files}


def test_sync_that_stopped_before_it_noted_the_new_version_goes_on(
    copy: Path,
    hub: EmbeddedHub,
    publisher: Publisher,
    dataset: HubDataset,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publisher.publish(hub, LEFT)
    write = Lock.write

    def full(lock: Lock, folder: Path) -> None:
        if not lock.files:
            raise EnvironmentFault("no space left on device")
        write(lock, folder)

    monkeypatch.setattr(Lock, "write", full)
    with pytest.raises(EnvironmentFault, match="no space"):
        sync(dataset, copy)
    monkeypatch.undo()
    assert sync(dataset, copy).after == "0.1.1"
    assert contents(copy) == {row.text for row in LEFT}


def test_pull_removes_what_a_killed_download_left(copy: Path, dataset: HubDataset) -> None:
    part = copy / "data" / ".24-24.parquet.20827.part"
    part.write_bytes(b"PAR1")
    pull(dataset, "0.1.0", copy)
    assert not part.exists()


def test_sync_of_a_damaged_copy_leaves_no_lie(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    shutil.rmtree(copy / "registry")
    publisher.publish(hub, LEFT)
    with pytest.raises(StackyardError):
        sync(dataset, copy)
    lock = read_lock(copy)
    assert lock is not None
    assert lock.version == "0.1.0"
