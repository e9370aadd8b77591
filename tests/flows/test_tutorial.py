"""docs/tutorial.md, run as it stands over three repositories."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.conftest import MIT

pytestmark = pytest.mark.xdist_group("more-flows")
PAGE = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text(encoding="utf-8")


def repository(folder: Path, name: str) -> Path:
    """A small git repository under MIT, unlike the others."""
    place = folder / name
    place.mkdir()
    (place / "LICENSE").write_text(MIT)
    words = [f"{name}_{n}" for n in range(40)]
    lines = [f"def {word}(value):\n    return value + {n}\n" for n, word in enumerate(words)]
    (place / f"{name}.py").write_text("\n".join(lines))
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        identity = ["-c", "user.name=Octo", "-c", "user.email=octo@example.org"]
        subprocess.run(["git", *identity, *command], cwd=place, check=True)
    return place


def test_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 6
    names = ("ONE", "TWO", "THREE")
    work = tmp_path / "work"
    work.mkdir()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PREFECT")},
        **{name: str(repository(tmp_path, name.lower())) for name in names},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HF_HUB_DISABLE_XET": "1",
    }
    script = "set -eu\n" + "echo '== block'\n".join(blocks)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=work, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    _, release, used, asked, taken, checked = done.stdout.split("== block\n")
    assert "published as v0.1.0" in release
    assert "two.py" in used
    assert "To: data@example.org" in asked
    assert "published as v0.1.1" in taken
    assert "removed in 0.1.1 on request" in checked
    assert "moved from 0.1.0 to 0.1.1" in checked
    assert "ok: " in checked
