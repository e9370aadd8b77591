"""The embedded Hub under the unmodified clients: huggingface_hub, datasets, HfFileSystem, `hf`."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    close_session,
    constants,
)
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from stackyard.errors import EnvironmentFault
from stackyard.hub import EmbeddedHub

# huggingface_hub passes files to httpx2 in a way that httpx2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

REPO = "octo-org/toy"
CARD = b"---\nconfigs:\n- config_name: python\n  data_files: data/python/*.parquet\n---\n# Toy\n"


@pytest.fixture(autouse=True)
def _plain_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    yield
    close_session()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[EmbeddedHub]:
    with EmbeddedHub(tmp_path / "hub", part_bytes=50_000) as running:
        yield running


@pytest.fixture
def api(hub: EmbeddedHub) -> HfApi:
    api = HfApi(endpoint=hub.endpoint, token="hf_nobody")
    api.create_repo(REPO, repo_type="dataset")
    return api


def add(api: HfApi, files: dict[str, bytes], parent: str | None = None) -> str:
    operations = [CommitOperationAdd(path, content) for path, content in files.items()]
    return api.create_commit(
        REPO, operations, commit_message="Add", repo_type="dataset", parent_commit=parent
    ).oid


def table() -> pa.Table:
    return pa.table({"path": [f"src/{i}.py" for i in range(3000)], "n": list(range(3000))})


def parquet(tmp_path: Path) -> bytes:
    pq.write_table(table(), tmp_path / "t.parquet", compression="none", use_dictionary=False)
    return (tmp_path / "t.parquet").read_bytes()


def test_commit_of_text_and_parquet_reads_back_the_same_bytes(api: HfApi, tmp_path: Path) -> None:
    shard = parquet(tmp_path)
    assert len(shard) > 50_000  # so it goes in parts
    commit = add(api, {"README.md": CARD, "data/python/00-ff.parquet": shard, "empty": b""})
    for path, content in (
        ("README.md", CARD),
        ("data/python/00-ff.parquet", shard),
        ("empty", b""),
    ):
        got = api.hf_hub_download(
            REPO, path, repo_type="dataset", revision=commit, cache_dir=tmp_path / "cache"
        )
        assert Path(got).read_bytes() == content


def test_same_commits_on_two_hubs_have_equal_ids(tmp_path: Path) -> None:
    ids = []
    for name in ("one", "two"):
        with EmbeddedHub(tmp_path / name) as hub:
            api = HfApi(endpoint=hub.endpoint, token="hf_nobody")
            api.create_repo(REPO, repo_type="dataset")
            ids.append(add(api, {"a.txt": b"a"}))
    assert ids[0] == ids[1]


def test_commit_with_a_parent_that_is_not_head_is_refused_with_412(api: HfApi) -> None:
    first = api.repo_info(REPO, repo_type="dataset").sha
    head = add(api, {"a.txt": b"a"})
    with pytest.raises(HfHubHTTPError) as refused:
        add(api, {"b.txt": b"b"}, parent=first)
    assert refused.value.response.status_code == 412
    assert api.repo_info(REPO, repo_type="dataset").sha == head


def test_commit_of_unchanged_files_makes_no_commit(api: HfApi, tmp_path: Path) -> None:
    files = {"README.md": CARD, "data/x.parquet": parquet(tmp_path)}
    assert add(api, files) == add(api, files)


def test_deleting_files_and_folders_leaves_the_rest(api: HfApi) -> None:
    add(api, {"a.txt": b"a", "d/b.txt": b"b", "d/e/c.txt": b"c", "de.txt": b"d"})
    api.create_commit(
        REPO,
        [CommitOperationDelete("d/"), CommitOperationDelete("a.txt")],
        commit_message="Delete",
        repo_type="dataset",
    )
    assert api.list_repo_files(REPO, repo_type="dataset") == [".gitattributes", "de.txt"]


def test_deleting_what_is_not_there_is_refused(api: HfApi) -> None:
    with pytest.raises(EntryNotFoundError):
        api.delete_file("nothing.txt", REPO, repo_type="dataset")


def test_a_tag_stays_where_it_was_made_and_cannot_be_made_twice(api: HfApi) -> None:
    commit = add(api, {"a.txt": b"a"})
    api.create_tag(REPO, tag="v0.1.0", revision=commit, repo_type="dataset")
    add(api, {"a.txt": b"other"})
    with pytest.raises(HfHubHTTPError) as refused:
        api.create_tag(REPO, tag="v0.1.0", repo_type="dataset")
    assert refused.value.response.status_code == 409
    refs = api.list_repo_refs(REPO, repo_type="dataset")
    assert [(tag.name, tag.target_commit) for tag in refs.tags] == [("v0.1.0", commit)]
    api.delete_tag(REPO, tag="v0.1.0", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.repo_info(REPO, repo_type="dataset", revision="v0.1.0")


def test_a_branch_with_a_slash_is_committed_to_and_deleted(api: HfApi) -> None:
    api.create_branch(REPO, branch="try/one", repo_type="dataset")
    api.upload_file(
        path_or_fileobj=b"x",
        path_in_repo="x",
        repo_id=REPO,
        repo_type="dataset",
        revision="try/one",
    )
    assert "x" in api.list_repo_files(REPO, repo_type="dataset", revision="try/one")
    assert "x" not in api.list_repo_files(REPO, repo_type="dataset")
    api.delete_branch(REPO, branch="try/one", repo_type="dataset")
    with pytest.raises(HfHubHTTPError):
        api.delete_branch(REPO, branch="main", repo_type="dataset")
    assert [b.name for b in api.list_repo_refs(REPO, repo_type="dataset").branches] == ["main"]


def test_tree_of_more_than_a_page_lists_every_file_once(api: HfApi) -> None:
    files = {f"d/{i:05d}.txt": b"%d" % i for i in range(1050)}
    add(api, files)
    names = [item.path for item in api.list_repo_tree(REPO, repo_type="dataset", recursive=True)]
    assert sorted(set(names)) == sorted(names)
    assert set(names) == {*files, "d", ".gitattributes"}


def test_expanded_tree_names_the_commit_that_changed_each_file(api: HfApi) -> None:
    first = add(api, {"a.txt": b"a", "d/b.txt": b"b"})
    second = add(api, {"d/b.txt": b"c"})
    items = api.list_repo_tree(REPO, repo_type="dataset", recursive=True, expand=True)
    last = {item.path: item.last_commit.oid for item in items if item.last_commit}
    assert last["a.txt"] == first
    assert last["d"] == last["d/b.txt"] == second


def test_paths_info_gives_files_and_folders_that_are_there(api: HfApi) -> None:
    add(api, {"d/b.txt": b"b"})
    found = api.get_paths_info(REPO, ["d", "d/b.txt", "no"], repo_type="dataset", expand=True)
    assert [item.path for item in found] == ["d", "d/b.txt"]


def test_commits_are_listed_newest_first(api: HfApi) -> None:
    one, two = add(api, {"a": b"1"}), add(api, {"a": b"2"})
    commits = api.list_repo_commits(REPO, repo_type="dataset")
    assert [commit.commit_id for commit in commits][:2] == [two, one]
    assert [commit.title for commit in commits] == ["Add", "Add", "initial commit"]


def test_missing_things_are_told_apart(api: HfApi) -> None:
    with pytest.raises(RepositoryNotFoundError):
        api.repo_info("octo-org/none", repo_type="dataset")
    with pytest.raises(RevisionNotFoundError):
        api.repo_info(REPO, repo_type="dataset", revision="none")
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(REPO, "none", repo_type="dataset"))
    assert not api.file_exists(REPO, "none", repo_type="dataset")


def test_card_whose_metadata_is_no_yaml_is_refused(api: HfApi) -> None:
    with pytest.raises(ValueError, match="YAML"):
        add(api, {"README.md": b"---\na: [\n---\n"})


def test_a_model_repository_is_refused(api: HfApi) -> None:
    with pytest.raises(BadRequestError):
        api.create_repo("octo-org/model")


def test_file_system_reads_ranges_and_globs(hub: EmbeddedHub, api: HfApi, tmp_path: Path) -> None:
    shard = parquet(tmp_path)
    commit = add(api, {"data/python/00-ff.parquet": shard})
    fs = HfFileSystem(endpoint=hub.endpoint, token="hf_nobody", skip_instance_cache=True)
    (path,) = fs.glob(f"datasets/{REPO}@{commit}/data/**/*.parquet")
    with fs.open(path, block_size=1000) as handle:
        handle.seek(-4, os.SEEK_END)
        assert handle.read() == b"PAR1"
    assert pq.read_table(path, filesystem=fs).equals(table())


def test_datasets_library_loads_a_config_whole_and_streaming(
    hub: EmbeddedHub, api: HfApi, tmp_path: Path
) -> None:
    commit = add(api, {"README.md": CARD, "data/python/00-ff.parquet": parquet(tmp_path)})
    api.create_tag(REPO, tag="v0.1.0", revision=commit, repo_type="dataset")
    script = (
        "import sys, datasets\n"
        "for streaming in (False, True):\n"
        "    rows = datasets.load_dataset(sys.argv[1], 'python', revision='v0.1.0',\n"
        "        split='train', streaming=streaming)\n"
        "    rows = list(rows)\n"
        "    print(len(rows), rows[7]['path'], sum(row['n'] for row in rows))\n"
    )
    done = run([sys.executable, "-c", script, REPO], hub, tmp_path)
    assert done.stdout.splitlines() == [f"3000 src/7.py {sum(range(3000))}"] * 2


def test_hf_command_uploads_and_downloads(hub: EmbeddedHub, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.bin").write_bytes(b"\0\1\2")
    (source / "b.txt").write_text("text\n")
    hf = str(Path(sys.executable).with_name("hf"))
    run([hf, "upload", REPO, str(source), ".", "--repo-type", "dataset"], hub, tmp_path)
    target = tmp_path / "target"
    run([hf, "download", REPO, "--repo-type", "dataset", "--local-dir", str(target)], hub, tmp_path)
    assert (target / "a.bin").read_bytes() == b"\0\1\2"
    assert (target / "b.txt").read_text() == "text\n"


def run(command: list[str], hub: EmbeddedHub, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HOME": str(home / "hf"),
        "HOME": str(home),
        "HF_TOKEN": "hf_nobody",
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done


def test_two_hubs_over_one_directory_see_the_same_and_lock_each_other_out(tmp_path: Path) -> None:
    with EmbeddedHub(tmp_path) as one, EmbeddedHub(tmp_path) as two:
        first = HfApi(endpoint=one.endpoint, token="hf_nobody")
        first.create_repo(REPO, repo_type="dataset")
        second = HfApi(endpoint=two.endpoint, token="hf_nobody")
        head = first.repo_info(REPO, repo_type="dataset").sha
        add(second, {"a": b"1"}, parent=head)
        with pytest.raises(HfHubHTTPError, match="412"):
            add(first, {"b": b"1"}, parent=head)


def test_a_stopped_hub_has_its_content_when_it_starts_again(tmp_path: Path) -> None:
    with EmbeddedHub(tmp_path) as hub:
        api = HfApi(endpoint=hub.endpoint, token="hf_nobody")
        api.create_repo(REPO, repo_type="dataset")
        commit = add(api, {"a": b"1"})
    with EmbeddedHub(tmp_path) as hub:
        api = HfApi(endpoint=hub.endpoint, token="hf_nobody")
        assert api.repo_info(REPO, repo_type="dataset").sha == commit


def test_a_port_that_is_taken_is_an_environment_fault(hub: EmbeddedHub, tmp_path: Path) -> None:
    port = int(hub.endpoint.rpartition(":")[2])
    with pytest.raises(EnvironmentFault, match=str(port)):
        EmbeddedHub(tmp_path / "other", port=port).start()


def test_endpoint_of_a_hub_that_is_not_started_is_an_environment_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault):
        _ = EmbeddedHub(tmp_path).endpoint


def test_deleted_dataset_is_gone(api: HfApi) -> None:
    api.delete_repo(REPO, repo_type="dataset")
    with pytest.raises(RepositoryNotFoundError):
        api.repo_info(REPO, repo_type="dataset")


def test_lfs_upload_of_other_bytes_than_named_is_refused(hub: EmbeddedHub, api: HfApi) -> None:
    del api
    oid = hashlib.sha256(b"right").hexdigest()
    answer = httpx2.put(
        f"{hub.endpoint}/datasets/{REPO}.git/info/lfs/objects/{oid}", content=b"wrong"
    )
    assert answer.status_code == 400
    assert not list((hub.root / "objects").rglob(oid))
    assert not list((hub.root / "incoming").iterdir())


def test_a_file_in_parts_leaves_nothing_in_passing(
    hub: EmbeddedHub, api: HfApi, tmp_path: Path
) -> None:
    add(api, {"x.parquet": parquet(tmp_path)})
    assert not list((hub.root / "incoming").iterdir())


def test_leftovers_of_dead_uploads_go_after_a_day_and_not_before(tmp_path: Path) -> None:
    incoming = tmp_path / "incoming"
    (incoming / "parts-old").mkdir(parents=True)
    for name in ("old", "new"):
        (incoming / name).write_bytes(b"x")
    for name in ("old", "parts-old"):
        os.utime(incoming / name, (0, 0))
    with EmbeddedHub(tmp_path):
        assert [path.name for path in incoming.iterdir()] == ["new"]
