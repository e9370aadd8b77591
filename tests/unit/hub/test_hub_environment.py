"""Our own servers on loopback are reached whatever the environment says of proxies and networks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stackyard.hub.server import reach_loopback_directly

SCRIPT = """
import sys
from pathlib import Path
from stackyard.hub import EmbeddedHub
from stackyard.store.hub import HubDataset
with EmbeddedHub(Path(sys.argv[1])) as hub:
    dataset = HubDataset("octo-org/toy", hub.endpoint)
    dataset.ensure()
    dataset.edit("a.txt", lambda _: b"a", "A")
    assert dataset.read(dataset.head(), "a.txt") == b"a"
    with dataset.filesystem().open(dataset.location(dataset.head(), "a.txt")) as file:
        assert file.read() == b"a"
"""

DEAD = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    "variables",
    [
        {"HTTP_PROXY": DEAD, "http_proxy": DEAD, "HTTPS_PROXY": DEAD},
        {"ALL_PROXY": DEAD, "NO_PROXY": "example.org"},
        {"all_proxy": DEAD, "no_proxy": "example.org"},
        {"HF_HUB_OFFLINE": "1"},
        {"TRANSFORMERS_OFFLINE": "1", "HTTP_PROXY": DEAD},
    ],
    ids="-".join,
)
def test_embedded_hub_is_reached_directly(tmp_path: Path, variables: dict[str, str]) -> None:
    plain = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=plain | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_no_proxy_names_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "example.org, 127.0.0.1")
    reach_loopback_directly()
    reach_loopback_directly()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "example.org,127.0.0.1,localhost"
