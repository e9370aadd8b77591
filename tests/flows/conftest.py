"""Projects over a small corpus of six origins, and one Prefect server for all tests of flows."""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.server import drain, prefect_api
from stackyard.pipeline.project.making import init_project

MIT = """MIT License

Copyright (c) 2020 The example.org authors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""

WORDS = [
    "account",
    "balance",
    "buffer",
    "cursor",
    "document",
    "element",
    "filter",
    "gather",
    "handle",
    "index",
    "journal",
    "kernel",
    "ledger",
    "matrix",
    "network",
    "offset",
    "packet",
    "query",
    "record",
    "segment",
    "table",
    "update",
    "vector",
    "window",
]

Files = Mapping[str, bytes]


def python_text(seed: int, functions: int = 8) -> bytes:
    """A Python module of made-up functions; another seed gives other words."""
    words = random.Random(seed)
    lines = ['"""A module of the test corpus."""', ""]
    for number in range(functions):
        a, b, c = words.sample(WORDS, 3)
        lines += [
            f"def {a}_{b}_{number}({c}, {a}):",
            f'    """Return the {b} of a {c}, {words.choice(WORDS)} by {words.choice(WORDS)}."""',
            f"    {b} = {c}.{words.choice(WORDS)}({a}, {words.choice(WORDS)}={words.randrange(99)})",
            f"    for {words.choice(WORDS)}_item in {b}:",
            f"        {a}.{words.choice(WORDS)}({b}, {words.choice(WORDS)!r})",
            f"    return {b}",
            "",
        ]
    return "\n".join(lines).encode()


def go_text(seed: int) -> bytes:
    words = random.Random(seed)
    body = "".join(
        f"// {words.choice(WORDS)} makes a {words.choice(WORDS)} of the {words.choice(WORDS)}.\n"
        f"func {words.choice(WORDS)}{n}({words.choice(WORDS)} string) string {{\n"
        f'\treturn strings.Trim("{words.choice(WORDS)} {words.choice(WORDS)}", "{n}")\n}}\n\n'
        for n in range(8)
    )
    return f'package ledger\n\nimport "strings"\n\n{body}'.encode()


SHARED = python_text(1)
CLOSE = python_text(2, functions=40)
CLOSER = CLOSE.replace(b"A module of the test corpus.", b"A module that was changed a little.")

ORIGINS: dict[str, Files] = {
    "octo-org/alpha": {
        "LICENSE": MIT.encode(),
        "alpha/shared.py": SHARED,
        "alpha/close.py": CLOSE,
        "alpha/own.py": python_text(3) + b"\nCONTACT = 'ada@mail.octo-org.net'\n",
    },
    "octo-org/beta": {
        "LICENSE": MIT.encode(),
        "beta/own.py": python_text(4),
        "beta/ledger.go": go_text(5),
        "beta/logo.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(64),
    },
    "hubot/gamma": {"LICENSE": MIT.encode(), "gamma.go": go_text(6), "copy/shared.py": SHARED},
    "example/delta": {
        "COPYING": Path("/usr/share/common-licenses/GPL-3").read_bytes()
        if Path("/usr/share/common-licenses/GPL-3").exists()
        else b"SPDX-License-Identifier: GPL-3.0-only\n",
        "delta.py": b"# SPDX-License-Identifier: GPL-3.0-only\n" + python_text(7),
    },
    "example/epsilon": {"epsilon.py": python_text(8)},
    "monalisa/zeta": {"LICENSE": MIT.encode(), "z/close.py": CLOSER, "z/own.py": python_text(9)},
}
"""By name: alpha and gamma share a file, alpha and zeta have near-duplicates, delta is copyleft,
epsilon has no licence."""


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One server, instead of one a run: Prefect keeps the first address that it reads."""
    os.environ["PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED"] = "true"  # automations are tested too
    with prefect_api(tmp_path_factory.mktemp("prefect")):
        yield


@pytest.fixture(scope="module", autouse=True)
def prefect(prefect_server: None) -> Iterator[None]:  # noqa: ARG001 - it is up before, and down after
    """The server, with no connection to it while the tests of other modules run."""
    yield
    drain()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with sources of every kind but packages, with keys, never run."""
    root = tmp_path_factory.mktemp("template") / "project"
    init_project(root, "octo-org/corpus", "opt-out@example.org")
    entries: list[dict[str, Any]] = []
    for name, files in ORIGINS.items():
        repo = name.partition("/")[2]
        entries.append({"name": name, **_materialise(root / "sources", repo, files)})
    (root / "sources.yaml").write_text(yaml.safe_dump(entries))
    return root


MakeProject = Callable[..., Path]


@pytest.fixture
def make_project(template: Path, tmp_path: Path) -> MakeProject:
    """Copies of the template: `make_project("name", without=[...], shuffle=True)`."""

    def make(name: str, without: Sequence[str] = (), *, shuffle: bool = False) -> Path:
        root = tmp_path / name
        shutil.copytree(template, root)
        path = root / "sources.yaml"
        entries = [each for each in yaml.safe_load(path.read_text()) if each["name"] not in without]
        if shuffle:
            random.Random(7).shuffle(entries)
        path.write_text(yaml.safe_dump(entries))
        return root

    return make


def _materialise(folder: Path, repo: str, files: Files) -> dict[str, str]:
    """Lays an origin out, each in another kind; returns its entry in sources.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    if repo in {"beta", "delta"}:
        with tarfile.open(folder / f"{repo}.tar.gz", "w:gz") as tar:
            for path, content in files.items():
                info = tarfile.TarInfo(f"{repo}-1.0/{path}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return {"kind": "archive", "path": f"sources/{repo}.tar.gz"}
    if repo == "zeta":
        with zipfile.ZipFile(folder / f"{repo}.zip", "w") as packed:
            for path, content in files.items():
                packed.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), content)
        return {"kind": "archive", "path": f"sources/{repo}.zip"}
    for path, content in files.items():
        target = folder / repo / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    if repo == "gamma":
        _commit(folder / repo)
        return {"kind": "git", "url": (folder / repo).as_uri(), "ref": "main"}
    return {"kind": "directory", "path": f"sources/{repo}"}


def _commit(repo: Path) -> None:
    stamp = {
        "GIT_AUTHOR_DATE": "2020-01-02T03:04:05Z",
        "GIT_COMMITTER_DATE": "2020-01-02T03:04:05Z",
    }
    who = ["-c", "user.name=octo", "-c", "user.email=octo@example.org"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run(
            ["git", "-C", str(repo), *who, *command], check=True, env={**os.environ, **stamp}
        )
