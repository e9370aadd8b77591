"""Publishing and reading through store.hub against a real server over a directory."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from huggingface_hub import HfApi, close_session
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.hub import EmbeddedHub, create_app
from stackyard.store.hub import HubDataset, Published, local_files, publish

REPO = "octo-org/toy"


@pytest.fixture(autouse=True)
def _closed_session() -> Iterator[None]:
    yield
    close_session()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[EmbeddedHub]:
    with EmbeddedHub(tmp_path / "hub") as running:
        yield running


def release(folder: Path, files: dict[str, bytes], follows: tuple[str, Path] | None = None) -> Path:
    """A tree, computed from a version that lies in another folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    listing = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    (folder / "manifest.json").write_text(
        json.dumps({"files": listing, "previous": previous(follows)}, sort_keys=True)
    )
    return folder


def previous(follows: tuple[str, Path] | None) -> dict[str, str] | None:
    if follows is None:
        return None
    text = (follows[1] / "manifest.json").read_bytes()
    return {"version": follows[0], "manifest_sha256": hashlib.sha256(text).hexdigest()}


def shard(seed: int, size_bytes: int = 200_000) -> bytes:
    return b"PAR1\0" + hashlib.shake_128(b"%d" % seed).digest(size_bytes)


FILES = {
    "README.md": b"# Toy\n",
    "data/permissive/Python/00-7f.parquet": shard(1),
    "data/permissive/Python/80-ff.parquet": shard(2),
    "removals.jsonl": b"",
}


def content_at(hub: EmbeddedHub, version: str) -> dict[str, bytes]:
    dataset = HubDataset(REPO, hub.endpoint)
    commit = dataset.resolve(version)
    return {path: dataset.read(commit, path) for path in dataset.files(commit)}


def test_publish_makes_one_commit_that_holds_all_and_tags_it(
    hub: EmbeddedHub, tmp_path: Path
) -> None:
    folder = release(tmp_path / "r", FILES)
    done = publish(folder, REPO, "0.1.0", endpoint=hub.endpoint)
    assert done == Published(done.commit, (*sorted([*FILES, "manifest.json"]),), already=False)
    found = content_at(hub, "0.1.0")
    del found[".gitattributes"]
    assert found == FILES | {"manifest.json": (folder / "manifest.json").read_bytes()}
    commits = HfApi(endpoint=hub.endpoint).list_repo_commits(REPO, repo_type="dataset")
    assert [commit.title for commit in commits] == ["Release 0.1.0", "initial commit"]


def test_publish_again_does_nothing_and_says_so(hub: EmbeddedHub, tmp_path: Path) -> None:
    folder = release(tmp_path / "r", FILES)
    first = publish(folder, REPO, "0.1.0", endpoint=hub.endpoint)
    assert publish(folder, REPO, "0.1.0", endpoint=hub.endpoint) == Published(
        first.commit, (), already=True
    )


def test_publish_of_another_manifest_under_a_published_version_is_refused(
    hub: EmbeddedHub, tmp_path: Path
) -> None:
    publish(release(tmp_path / "r", FILES), REPO, "0.1.0", endpoint=hub.endpoint)
    other = release(tmp_path / "other", FILES | {"README.md": b"# Other\n"})
    with pytest.raises(VerificationError, match=r"0\.1\.0"):
        publish(other, REPO, "0.1.0", endpoint=hub.endpoint)
    assert content_at(hub, "0.1.0")["README.md"] == b"# Toy\n"


def test_next_version_sends_what_changed_and_deletes_what_is_gone(
    hub: EmbeddedHub, tmp_path: Path
) -> None:
    one = release(tmp_path / "one", FILES)
    publish(one, REPO, "0.1.0", endpoint=hub.endpoint)
    files = FILES | {"data/permissive/C/00-ff.parquet": shard(3)}
    del files["data/permissive/Python/80-ff.parquet"]
    two = release(tmp_path / "two", files, ("0.1.0", one))
    done = publish(two, REPO, "0.2.0", endpoint=hub.endpoint)
    assert done.uploaded == ("data/permissive/C/00-ff.parquet", "manifest.json")
    assert content_at(hub, "0.2.0").keys() == {*files, "manifest.json", ".gitattributes"}
    assert content_at(hub, "0.1.0").keys() == {*FILES, "manifest.json", ".gitattributes"}


def test_unchanged_shards_are_not_received_again_by_the_server(tmp_path: Path) -> None:
    files = {f"data/permissive/Python/{i:02x}.parquet": shard(i) for i in range(10)}
    with counting_hub(tmp_path / "hub") as (endpoint, received):
        one = release(tmp_path / "one", files)
        publish(one, REPO, "0.1.0", endpoint=endpoint)
        assert received[0] > 10 * 200_000
        received[0] = 0
        files["data/permissive/Python/03.parquet"] = shard(99, 1_000)
        two = release(tmp_path / "two", files, ("0.1.0", one))
        publish(two, REPO, "0.1.1", endpoint=endpoint)
        assert received[0] < 30_000


@contextmanager
def counting_hub(root: Path) -> Iterator[tuple[str, list[int]]]:
    """A Hub that counts the bytes of the bodies that it receives."""
    received = [0]
    app = create_app(root)

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        async def counted() -> Message:
            message = await receive()
            received[0] += len(message.get("body", b""))
            return message

        await app(scope, counted, send)

    with serving(counting) as endpoint:
        yield endpoint, received


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(app, log_config=None, lifespan="off", ws="none", http="h11")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class Faulty:
    """A Hub that answers some requests with an error, before or after it has done what they ask."""

    def __init__(self, app: ASGIApp, needle: str, status: int, times: int, *, after: bool) -> None:
        self.app, self.needle, self.status = app, needle, status
        self.left, self.after = times, after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.needle in scope["path"] and self.left > 0:
            self.left -= 1
            if self.after:

                async def swallow(message: Message) -> None:
                    del message

                await self.app(scope, receive, swallow)
            headers = [(b"retry-after", b"0"), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self.app(scope, receive, send)


@pytest.mark.parametrize(
    ("needle", "status", "after"),
    [
        ("/refs", 429, False),
        ("/refs", 503, False),
        ("/repos/create", 503, True),
        ("/tree/", 503, False),
        ("/commit/", 429, False),
        ("/commit/", 503, True),
        ("/tag/", 503, False),
        ("/tag/", 503, True),
    ],
)
def test_publish_gets_through_a_hub_that_is_busy_for_a_while(
    tmp_path: Path, needle: str, status: int, *, after: bool
) -> None:
    app = Faulty(create_app(tmp_path / "hub"), needle, status, 2, after=after)
    with serving(app) as endpoint:
        folder = release(tmp_path / "r", FILES)
        done = publish(folder, REPO, "0.1.0", endpoint=endpoint)
        assert HubDataset(REPO, endpoint).versions() == {"0.1.0": done.commit}
        assert app.left < 2


def test_publish_to_a_hub_that_stays_busy_ends_with_an_environment_fault(tmp_path: Path) -> None:
    app = Faulty(create_app(tmp_path / "hub"), "/refs", 503, 1000, after=False)
    with serving(app) as endpoint, pytest.raises(EnvironmentFault, match="503"):
        publish(release(tmp_path / "r", FILES), REPO, "0.1.0", endpoint=endpoint)
    assert app.left > 900


def test_publish_keeps_the_files_of_the_hub_itself(hub: EmbeddedHub, tmp_path: Path) -> None:
    one = release(tmp_path / "one", FILES)
    publish(one, REPO, "0.1.0", endpoint=hub.endpoint)
    dataset = HubDataset(REPO, hub.endpoint)
    dataset.edit("yanked.json", lambda _before: b"{}\n", "Yank")
    two = release(tmp_path / "two", {"a": b"a"}, ("0.1.0", one))
    publish(two, REPO, "0.2.0", endpoint=hub.endpoint)
    assert set(dataset.files(dataset.head())) == {
        ".gitattributes",
        "yanked.json",
        "a",
        "manifest.json",
    }


def test_publish_while_somebody_else_commits_converges(hub: EmbeddedHub, tmp_path: Path) -> None:
    one = release(tmp_path / "r", FILES)
    publish(one, REPO, "0.1.0", endpoint=hub.endpoint)
    dataset = HubDataset(REPO, hub.endpoint)
    stop = threading.Event()

    def write() -> None:
        count = 0
        while not stop.wait(0.15):
            count += 1
            text = b"%d" % count
            dataset.edit("yanked.json", lambda _before, text=text: text, "Yank")  # type: ignore[misc]

    thread = threading.Thread(target=write)
    thread.start()
    try:
        folder = release(tmp_path / "two", FILES | {"new": b"new"}, ("0.1.0", one))
        done = publish(folder, REPO, "0.2.0", endpoint=hub.endpoint)
    finally:
        stop.set()
        thread.join()
    assert dataset.resolve("0.2.0") == done.commit
    assert content_at(hub, "0.2.0")["new"] == b"new"


def test_two_publishers_of_one_version_cannot_both_win(hub: EmbeddedHub, tmp_path: Path) -> None:
    folders = [release(tmp_path / f"r{i}", FILES | {"n": b"%d" % i}) for i in range(3)]
    HubDataset(REPO, hub.endpoint).ensure()
    outcomes: list[str] = []

    def go(folder: Path) -> None:
        try:
            publish(folder, REPO, "0.1.0", endpoint=hub.endpoint)
            outcomes.append("published")
        except VerificationError:
            outcomes.append("refused")

    threads = [threading.Thread(target=go, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["published", "refused", "refused"]


ZYGOTE = """
import os, sys
from pathlib import Path
from stackyard.store.hub import publish
for line in sys.stdin:
    folder, repo, endpoint = line.split()
    child = os.fork()
    if child == 0:
        publish(Path(folder), repo, "0.2.0", endpoint=endpoint)
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""
"""Imports once and forks a publisher a line: starting Python 22 times would be most of the test."""


class Zygote:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def publish(self, folder: Path, endpoint: str, trap: Trap) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        trap.armed = True
        self.process.stdin.write(f"{folder} {REPO} {endpoint}\n")
        self.process.stdin.flush()
        trap.victim.put(int(self.process.stdout.readline()))
        assert self.process.stdout.readline() == "ended\n"
        trap.armed = False

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.close()


class Trap:
    """A Hub that, at its n-th request, kills the client -9, before or after doing what it asks."""

    def __init__(self, app: ASGIApp, at: int, *, after: bool) -> None:
        self.app, self.at, self.after = app, at, after
        self.count = 0
        self.armed = self.sprung = False
        self.victim: queue.Queue[int] = queue.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # The client also asks for things that have nothing to do with the dataset, now and then.
        about = self.armed and REPO in scope["path"]
        self.count += about
        mine = about and self.count == self.at
        if mine and not self.after:
            self.kill()
        await self.app(scope, receive, send)
        if mine and self.after:
            self.kill()

    def kill(self) -> None:
        self.sprung = True
        with suppress(ProcessLookupError):  # It may have ended meanwhile, after its last request.
            os.kill(self.victim.get(), signal.SIGKILL)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 13))
def test_publish_killed_at_any_request_and_run_again_converges(
    tmp_path: Path, zygote: Zygote, at: int, *, after: bool
) -> None:
    one = release(tmp_path / "one", FILES)
    changed = {**FILES, "removals.jsonl": b"{}\n", "data/c.parquet": shard(7)}
    two = release(tmp_path / "two", changed, ("0.1.0", one))
    trap = Trap(create_app(tmp_path / "hub"), at, after=after)
    with serving(trap) as endpoint:
        publish(one, REPO, "0.1.0", endpoint=endpoint)
        zygote.publish(two, endpoint, trap)
        assert trap.sprung
        dataset = HubDataset(REPO, endpoint)
        seen = dataset.versions()
        if "0.2.0" in seen:
            assert set(dataset.files(seen["0.2.0"])) >= set(local_files(two))
        done = publish(two, REPO, "0.2.0", endpoint=endpoint)
        assert dataset.versions() == {"0.1.0": seen["0.1.0"], "0.2.0": done.commit}
        files = dataset.files(done.commit)
        assert all(file.equals(files[path]) for path, file in local_files(two).items())
        assert set(files) == {*local_files(two), ".gitattributes"}
        old = dataset.files(seen["0.1.0"])
        assert all(file.equals(old[path]) for path, file in local_files(one).items())


def test_a_release_with_a_link_is_refused(tmp_path: Path) -> None:
    folder = release(tmp_path / "r", FILES)
    (folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(UsageError, match="link"):
        publish(folder, REPO, "0.1.0", endpoint="http://127.0.0.1:9")


def test_a_dead_hub_is_an_environment_fault_at_once(tmp_path: Path) -> None:
    before = time.monotonic()
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        HubDataset(REPO, "http://127.0.0.1:9").resolve("0.1.0")
    assert time.monotonic() - before < 5
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        publish(release(tmp_path / "r", FILES), REPO, "0.1.0", endpoint="http://127.0.0.1:9")


def test_missing_dataset_version_and_file_are_told_apart(hub: EmbeddedHub, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no dataset octo-org/none"):
        HubDataset("octo-org/none", hub.endpoint).versions()
    commit = publish(release(tmp_path / "r", FILES), REPO, "0.1.0", endpoint=hub.endpoint).commit
    dataset = HubDataset(REPO, hub.endpoint)
    with pytest.raises(UsageError, match=r"no version 9\.9\.9"):
        dataset.resolve("9.9.9")
    with pytest.raises(UsageError):
        dataset.read(commit, "none")
    assert dataset.read_if_there(commit, "none") is None
    with pytest.raises(UsageError, match="owner/name"):
        HubDataset("a/b/c", hub.endpoint).versions()


def test_versions_are_in_the_order_of_versions(hub: EmbeddedHub, tmp_path: Path) -> None:
    follows = None
    for version in ("0.2.1", "0.9.0", "0.10.0"):
        folder = release(tmp_path / version, {"v": version.encode()}, follows)
        publish(folder, REPO, version, endpoint=hub.endpoint)
        follows = (version, folder)
    HfApi(endpoint=hub.endpoint).create_tag(REPO, tag="vintage", repo_type="dataset")
    assert list(HubDataset(REPO, hub.endpoint).versions()) == ["0.2.1", "0.9.0", "0.10.0"]


class Cutting:
    """A Hub that cuts the line in the middle of its first answers to downloads."""

    def __init__(self, app: ASGIApp, times: int) -> None:
        self.app, self.left = app, times

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if "/resolve/" not in scope["path"] or self.left == 0:
            return await self.app(scope, receive, send)
        self.left -= 1
        sent = 0

        async def cut(message: Message) -> None:
            nonlocal sent
            sent += len(message.get("body", b""))
            if sent > 100_000:
                raise ConnectionError("cut")
            await send(message)

        return await self.app(scope, receive, cut)


def test_a_download_that_is_cut_is_taken_up_where_it_broke(tmp_path: Path) -> None:
    content = shard(1, 350_000)
    sha256 = hashlib.sha256(content).hexdigest()
    cutting = Cutting(create_app(tmp_path / "hub"), 2)
    with serving(cutting) as endpoint:
        folder = release(tmp_path / "r", {"a.parquet": content})
        commit = publish(folder, REPO, "0.1.0", endpoint=endpoint).commit
        target = tmp_path / "deep" / "a.parquet"
        HubDataset(REPO, endpoint).download(
            commit, "a.parquet", target, sha256=sha256, size_bytes=len(content)
        )
    assert target.read_bytes() == content
    assert cutting.left == 0


@pytest.mark.parametrize("content", [b"other", b"othe", b"others"])
def test_a_download_of_other_bytes_is_refused_and_leaves_nothing(
    hub: EmbeddedHub, tmp_path: Path, content: bytes
) -> None:
    folder = release(tmp_path / "r", {"a.txt": content})
    commit = publish(folder, REPO, "0.1.0", endpoint=hub.endpoint).commit
    target = tmp_path / "out" / "a.txt"
    with pytest.raises(VerificationError, match=r"a\.txt"):
        HubDataset(REPO, hub.endpoint).download(
            commit, "a.txt", target, sha256=hashlib.sha256(b"right").hexdigest(), size_bytes=5
        )
    assert not list((tmp_path / "out").iterdir())


def test_a_token_never_shows_in_an_error(hub: EmbeddedHub) -> None:
    with pytest.raises(UsageError) as missing:
        HubDataset("octo-org/none", hub.endpoint, token="hf_verysecret").versions()
    assert "hf_verysecret" not in str(missing.value)


def test_a_card_that_the_hub_refuses_ends_the_publish_and_tags_nothing(
    hub: EmbeddedHub, tmp_path: Path
) -> None:
    folder = release(tmp_path / "r", FILES | {"README.md": b"---\nconfigs: [\n---\n"})
    with pytest.raises(EnvironmentFault, match="YAML"):
        publish(folder, REPO, "0.1.0", endpoint=hub.endpoint)
    assert HubDataset(REPO, hub.endpoint).versions() == {}
