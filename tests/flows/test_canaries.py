"""No secret leaves the yard: canaries go through whole runs, with debug logging and crashes.

Afterwards they are where the input is (sources, their cache, segments of contents, and DVC's copies
of these) and nowhere else: not in logs, Prefect's database, facts, decisions, reports, DVC files, git, the
release, the Hub or what a crash left behind.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyarrow import ipc

from benchmarks.drawing import draw

pytestmark = pytest.mark.xdist_group("more-flows")
CRASHER = Path(__file__).with_name("crashed_run.py")
REPO = Path(__file__).parents[2]

KEY_LINES = draw("<b64 64>\n<b64 64>\n<b64 60>", 5).split("\n")
CANARIES = {
    "token": draw("ghp_<crc62>", 1),
    "entropy": draw("<alnum 40>", 2),
    "password": draw("<alnum 14>", 3) + "!7",
    "url": draw("<alnum 16>", 4),
    "key": KEY_LINES[1],
    "email": "canary.bird@initech-canary.org",
    "ipv4": "93.184.77.201",
    "card": "4556 7375 8689 9855",
    "iban": "DE75512108001245126199",
    "header": draw("glpat-<alnum 20>", 6),
    "dropped": draw("xoxb-<digit 12>-<digit 13>-<alnum 24>", 7),
    "notice": draw("sk_live_<alnum 24>", 8),
}
"""By what kind each is; `header` stands beside a copyright line, `dropped` in a file that is mostly secret."""

SETTINGS = {
    "hub token": draw("hf_<alnum 34>", 9),
    "pip password": draw("<alnum 24>", 10),
    "git header": draw("<alnum 28>", 11),
    "registry password": draw("<alnum 26>", 12),
}
"""Credentials in the environment of a run, by what they open."""

ENVIRONMENT = {
    "HF_TOKEN": SETTINGS["hub token"],
    "PIP_INDEX_URL": f"https://svc:{SETTINGS['pip password']}@index.initech-canary.org/simple",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "http.extraHeader",
    "GIT_CONFIG_VALUE_0": f"Authorization: Basic {SETTINGS['git header']}",
}

REGISTRY_URL = f"postgresql://svc:{SETTINGS['registry password']}@127.0.0.1:9/registry"
"""Nobody listens there: what is said of it must not say the password."""

PLANTED = "\n".join(
    [
        f"GITHUB = '{CANARIES['token']}'",
        f"api_secret = '{CANARIES['entropy']}'",
        f"password = '{CANARIES['password']}'",
        f"DSN = 'postgres://svc:{CANARIES['url']}@db.initech-canary.org/x'",
        f"OWNER = '{CANARIES['email']}'",
        f"HOST = '{CANARIES['ipv4']}'",
        f"card_number = '{CANARIES['card']}'",
        f"iban = '{CANARIES['iban']}'",
        "KEY = '''-----BEGIN " + "RSA PRIVATE KEY-----",
        *KEY_LINES,
        "-----END " + "RSA PRIVATE KEY-----'''",
    ]
)
HEADER = f"/* Copyright (c) 2020 Octo */ var t = '{CANARIES['header']}';\n"


INPUT = ("sources", ".stackyard/cache", "work/ingest/segments", "work/facts/copyright")
"""Where contents may be: `work/facts/copyright` quotes copyright lines from the heads of files."""


def forms(canary: str) -> Iterator[bytes]:
    """The canary, and what base64 of any text around it holds of it."""
    value = canary.encode()
    yield value
    for shift in range(3):
        yield base64.b64encode(bytes(shift) + value)[4:-4]


def texts_of(content: bytes) -> Iterator[bytes]:
    """What a file holds: itself, the columns of Parquet, what zlib packed."""
    yield content
    if content[:4] == b"PAR1" == content[-4:]:
        sink = io.BytesIO()
        table = pq.read_table(pa.BufferReader(content))
        with ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        yield sink.getvalue()
    elif content[:1] == b"\x78":
        try:
            yield zlib.decompress(content)
        except zlib.error:
            return


def held_by(content: bytes) -> list[str]:
    texts = list(texts_of(content))
    return [
        name
        for name, canary in (CANARIES | SETTINGS).items()
        if any(form in text for text in texts for form in forms(canary))
    ]


def leaks(root: Path, more: list[Path]) -> dict[str, list[str]]:
    """Canaries by path, in all files that are not the input or a copy of it."""
    inputs = [root / name for name in INPUT]
    files = [path for folder in inputs for path in folder.rglob("*") if path.is_file()]
    copies = {hashlib.sha256(path.read_bytes()).digest() for path in files}
    out = {}
    for path in sorted({path for folder in (root, *more) for path in folder.rglob("*")} - {*files}):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if hashlib.sha256(content).digest() not in copies and (found := held_by(content)):
                out[str(path)] = found
    return out


def run(root: Path, log: Path, *places: str, **more: str) -> Any:
    paths = {"PYTHONPATH": f"{REPO}{os.pathsep}{REPO}/src"}
    env = {**os.environ, **ENVIRONMENT, **paths, **more}
    command = [sys.executable, "-X", "faulthandler", str(CRASHER), str(root), str(log), *places]
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    log.with_suffix(".out").write_bytes(done.stdout + done.stderr)
    return done


def _by_git(folder: Path, template: Path) -> dict[str, str]:
    """A source that git gets, so that its credentials are in use."""
    shutil.copytree(template, folder)
    return {"name": "hubot/gamma", "kind": "git", "url": folder.as_uri(), "ref": "main"}


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    """An origin whose files hold canaries of every kind, and one that git gets."""
    root = tmp_path / "canaries"
    shutil.copytree(template, root, ignore=shutil.ignore_patterns("sources"))
    folder = root / "sources" / "alpha"
    shutil.copytree(template / "sources" / "alpha", folder)
    own = folder / "alpha" / "own.py"
    own.write_text(own.read_text() + PLANTED)
    (folder / "alpha" / "page.js").write_text(HEADER + "function f(a) {\n  return a;\n}\n" * 20)
    (folder / "alpha" / "keys.py").write_text(f"SLACK = '{CANARIES['dropped']}'\n")
    (folder / "NOTICE").write_text(f"Alpha, by Octo. Key for the demo: {CANARIES['notice']}\n")
    entries = [
        {"name": "octo-org/alpha", "kind": "directory", "path": "sources/alpha"},
        _by_git(root / "sources" / "gamma", template / "sources" / "gamma"),
    ]
    (root / "sources.yaml").write_text(yaml.safe_dump(entries))
    return root


def test_canaries_of_every_kind_stay_in_the_input_through_crashes_and_a_release(
    project: Path, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    crashed = run(project, logs / "crashed.log", "detect", "pii", "release", "killed")
    assert crashed.returncode == -9, crashed.stderr[-2000:]
    refused = run(project, logs / "refused.log", STACKYARD_REGISTRY_URL=REGISTRY_URL)
    assert refused.returncode not in {0, -9}, refused.stderr[-2000:]
    through = run(project, logs / "through.log")
    assert through.returncode == 0, through.stderr[-2000:]
    said = b"".join(path.read_bytes() for path in logs.iterdir())
    assert said.count(b"UnforeseenError") >= 3
    assert b"DEBUG" in said
    segments = b"".join(
        text
        for path in (project / "work/ingest/segments").glob("*")
        for text in texts_of(path.read_bytes())
    )
    assert set(held_by(segments)) == set(CANARIES)
    prefect = Path(os.environ["PREFECT_HOME"])
    assert any(prefect.rglob("*.db"))
    assert leaks(project, [logs, prefect]) == {}
