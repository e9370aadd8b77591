"""The embedded Hub killed -9 while a release is published: nothing torn, and the rerun converges."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from huggingface_hub import close_session

from stackyard.errors import EnvironmentFault
from stackyard.hub import EmbeddedHub
from stackyard.hub.repository import Repository
from stackyard.store.hub import HubDataset, publish

REPO = "octo-org/toy"

SERVER = """
import sys
from pathlib import Path
from stackyard.hub import EmbeddedHub
hub = EmbeddedHub(Path(sys.argv[1])).start()
print(hub.endpoint, flush=True)
sys.stdin.read()
"""


@contextmanager
def server_process(root: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()
        close_session()


def release(folder: Path, seed: int, previous: dict[str, str] | None = None) -> Path:
    files = {
        f"data/{n}.parquet": b"PAR1\0" + hashlib.shake_128(b"%d %d" % (n, seed)).digest(100_000)
        for n in range(8)
    }
    files |= {f"docs/{n}.md": b"# %d %d\n" % (n, seed) for n in range(8)}
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    (folder / "manifest.json").write_text(json.dumps({"previous": previous, "seed": seed}))
    return folder


def check_whole(root: Path) -> None:
    """Every ref leads to whole commits, and every file of them is an object with the right bytes."""
    folder = root / "datasets" / REPO
    if not (folder / "repository.json").exists():
        return
    repository = Repository(folder, REPO)
    refs = repository.refs("branches") | repository.refs("tags")
    assert "main" in refs
    for commit_id in refs.values():
        for commit in repository.history(commit_id):
            for path, entry in commit.files.items():
                stored = root / "objects" / entry.sha256[:2] / entry.sha256
                content = stored.read_bytes()
                assert hashlib.sha256(content).hexdigest() == entry.sha256, path
                assert len(content) == entry.size_bytes


@pytest.mark.parametrize("delay_seconds", [0.02, 0.05, 0.08, 0.11, 0.15, 0.2, 0.3])
def test_a_hub_killed_while_it_writes_holds_nothing_torn_and_the_rerun_converges(
    tmp_path: Path, delay_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)  # The client waits for a dead Hub.
    one = release(tmp_path / "one", 1)
    digest = hashlib.sha256((one / "manifest.json").read_bytes()).hexdigest()
    two = release(tmp_path / "two", 2, {"version": "0.1.0", "manifest_sha256": digest})
    root = tmp_path / "hub"
    with EmbeddedHub(root) as hub:
        first = publish(one, REPO, "0.1.0", endpoint=hub.endpoint).commit
    with server_process(root) as (endpoint, process):
        killer = threading.Timer(delay_seconds, process.kill)
        killer.start()
        with suppress(EnvironmentFault):
            publish(two, REPO, "0.2.0", endpoint=endpoint)
        killer.join()
    check_whole(root)
    with EmbeddedHub(root) as hub:
        done = publish(two, REPO, "0.2.0", endpoint=hub.endpoint)
        versions = HubDataset(REPO, hub.endpoint).versions()
        assert versions == {"0.1.0": first, "0.2.0": done.commit}
    check_whole(root)
