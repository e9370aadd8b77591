"""The commands as people type them: output, --json and exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stackyard.hub import EmbeddedHub
from stackyard.pipeline.project.keys import PRIVATE
from stackyard.store.hub import HubDataset
from tests.unit.client.publisher import REPO, ROWS, Publisher
from tests.unit.client.shell import Shell

NAME = f"{REPO}@0.1.0"


@pytest.fixture
def project(copy: Path, hub: EmbeddedHub, publisher: Publisher, tmp_path: Path,
            monkeypatch: pytest.MonkeyPatch) -> Path:  # fmt: skip
    """A dataset project whose local Hub has the first release; the commands run in it."""
    del copy
    root = tmp_path / "dataset"
    (root / ".stackyard").mkdir(parents=True)
    (root / ".stackyard" / "hub").symlink_to(hub.root)
    (root / PRIVATE).parent.mkdir()
    (root / PRIVATE).write_text((b"k" * 32).hex() + "\n")
    (root / "params.yaml").write_text(f"publish:\n  hub: local\n  repo: {REPO}\n")
    (root / "registry" / "keys").mkdir(parents=True)
    (root / "registry" / "keys" / "release.pub").write_text(f"{publisher.public}\n")
    monkeypatch.chdir(root)
    return root


def test_pull_verify_and_sync_in_a_project(shell: Shell, project: Path) -> None:
    pulled = shell("pull", NAME, "--to", "copy")
    assert (pulled.code, pulled.err) == (0, "")
    assert (project / "copy" / "stackyard.lock").is_file()
    checked = shell("verify", "copy")
    assert checked.code == 0
    assert f"{len(ROWS)} rows" in checked.out
    assert shell("sync", "copy").code == 0
    (project / "copy" / "README.md").write_text("edited")
    broken = shell("verify", "copy")
    assert broken.code == 1
    assert broken.out.startswith("README.md: (2) hashes match: has 6 bytes")


def test_pull_says_the_same_in_json(shell: Shell, project: Path) -> None:
    del project
    document = json.loads(shell("pull", NAME, "--language", "c", "--json").out)
    assert document["folder"] == "yard-0.1.0"
    assert document["key_pinned_before"] is True
    checked = json.loads(shell("verify", "yard-0.1.0", "--json").out)
    assert (checked["holds"], checked["findings"]) == (True, [])


def test_verify_of_a_version_on_the_hub(shell: Shell, project: Path) -> None:
    assert shell("verify", NAME).code == 0
    assert sorted(path.name for path in project.iterdir()) == [
        ".stackyard", "params.yaml", "registry",
    ]  # fmt: skip


def test_outside_of_a_project_the_hub_is_that_of_hf_endpoint(
    shell: Shell, copy: Path, hub: EmbeddedHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    first = shell("pull", NAME, "--to", "mine")
    assert first.code == 0
    assert "first use" in first.err
    assert shell("verify", copy).code == 0
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert shell("verify", copy).code == 3
    assert shell("verify", copy, "--offline").code == 0
    assert shell("pull", NAME, "--to", "mine").code == 3
    assert shell("sync", copy).code == 3


def test_query_formats_and_pipes(shell: Shell, project: Path) -> None:
    del project
    found = shell("query", NAME, "--language", "C")
    assert found.code == 0
    assert "main.c" in found.out
    assert "2 rows" in found.err
    lines = shell("query", NAME, "--pattern", "needle", "--json").out.splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["lib/g.py"]
    shell("pull", NAME, "--to", "copy")
    assert shell("query", "copy", "--format", "csv").out.count("\n") == 1 + len(ROWS)


def test_query_into_a_parquet_file(project: Path) -> None:
    script = "import sys; from stackyard.cli import main; main()"
    with (project / "out.parquet").open("wb") as sink:
        subprocess.run(
            [sys.executable, "-c", script, "query", NAME, "--format", "parquet"],
            stdout=sink,
            check=True,
        )
    assert pq.read_table("out.parquet")["path"].to_pylist() != []


def test_query_into_a_closed_pipe_ends_quietly(project: Path) -> None:
    del project
    script = "import sys; from stackyard.cli import main; main()"
    command = [sys.executable, "-c", script, "query", NAME, "--json"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_explain_in_a_project_and_in_a_copy(
    shell: Shell, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = shell("explain", "octo-org/alpha", "main.c")
    assert (kept.code, kept.out.split()[:3]) == (0, ["kept", "main.c", "released"])
    dropped = shell("explain", "zeta/tool", "gpl.c", "--version", "v0.1.0", "--json")
    assert json.loads(dropped.out)["files"][0]["rule"] == "filter/license"
    nothing = shell("explain", "octo-org/none")
    assert nothing.code == 1
    assert "no word" in nothing.out
    shell("pull", NAME, "--to", "copy")
    monkeypatch.chdir(project / "copy")
    assert shell("explain", "octo-org/alpha").code == 0
    assert shell("explain", "octo-org/alpha", "--version", "0.9.0").code == 2


def test_diff_yank_and_pull_of_what_is_yanked(
    shell: Shell, project: Path, hub: EmbeddedHub, publisher: Publisher
) -> None:
    del project
    version = publisher.publish(hub, ROWS[1:])
    told = shell("diff", NAME, f"{REPO}@{version}")
    assert told.code == 0
    assert "patch: 1 row removed" in told.out
    assert json.loads(shell("diff", NAME, NAME, "--json").out)["bump"] == "none"
    assert shell("yank", NAME, "--reason", "see 0.1.1").out == f"{NAME} is yanked\n"
    assert "already" in shell("yank", NAME, "--reason", "see 0.1.1").out
    refused = shell("pull", NAME, "--to", "x")
    assert refused.code == 1
    assert "see 0.1.1" in refused.err
    assert shell("pull", NAME, "--to", "x", "--yanked").code == 0


@pytest.mark.parametrize(
    "args",
    [
        ("pull", "yard"),
        ("pull", "octo-org/yard@9.9.9"),
        ("pull", "octo-org/none@0.1.0"),
        ("pull", NAME, "--language", "Cobol"),
        ("pull", NAME, "--key", "zz"),
        ("pull", NAME, "--project", "/nowhere"),
        ("verify", "octo-org/yard@0.1.0", "--offline"),
        ("query", NAME, "--pattern", "("),
        ("query", NAME, "--format", "xml"),
        ("yank", NAME),
        ("yank", NAME, "--reason", " "),
        ("sync", "registry"),
        ("explain", "not-a-repository"),
        ("hub", "serve", "--project", ".", "--dir", "."),
    ],
)
def test_wrong_use_is_exit_code_2(shell: Shell, project: Path, args: tuple[str, ...]) -> None:
    before = sorted(path.name for path in project.iterdir())
    done = shell(*args)
    assert (done.code, done.out) == (2, "")
    assert done.err
    assert sorted(path.name for path in project.iterdir()) == before


def test_a_project_that_published_nothing_says_so(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text("publish: {hub: local, repo: octo-org/yard}\n")
    monkeypatch.chdir(tmp_path)
    done = shell("pull", NAME)
    assert done.code == 2
    assert "nothing is published" in done.err
    (tmp_path / "params.yaml").write_text("publish: {hub: moon}\n")
    assert shell("pull", NAME).code == 2
    (tmp_path / "params.yaml").write_text("publish: [\n")
    assert shell("pull", NAME).code == 2


@pytest.mark.parametrize(
    "name", ["pull", "verify", "sync", "query", "diff", "explain", "yank", "hub serve"]
)
def test_every_command_has_help_with_an_example_and_json(shell: Shell, name: str) -> None:
    text = shell(*name.split(), "--help").out
    assert "--json" in text
    assert "Example:" in text or "HF_ENDPOINT" in text


def test_help_starts_without_heavy_imports() -> None:
    script = (
        "import sys; from stackyard.cli import cli\n"
        "for name in ('pull', 'hub'): cli.get_command(None, name)\n"
        "heavy = {'pyarrow', 'numpy', 'huggingface_hub', 'starlette', 'yaml', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_dataset_users_need_the_base_install_alone(copy: Path) -> None:
    script = (
        "import sys\n"
        "for name in ('starlette', 'uvicorn', 'prefect', 'dvc', 'numba', 'hyperscan', 'enry',\n"
        "    'datasketch', 'detect_secrets', 'license_expression', 'licenseclassifier', 'fastapi',\n"
        "    'zstandard', 'packageurl', 'datasets', 'duckdb', 'sqlalchemy'):\n"
        "    sys.modules[name] = None\n"
        "from stackyard.cli import main; main()"
    )
    for args in (
        ["verify", str(copy), "--offline"],
        ["query", str(copy)],
        ["diff", str(copy), str(copy)],
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, *args], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_hub_serve_runs_until_it_is_interrupted(project: Path, number: int) -> None:
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"  # as a shell does for `&`
        "from stackyard.cli import main; main()"
    )
    command = [sys.executable, "-c", script, "hub", "serve", "--port", "0", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        endpoint = json.loads(server.stdout.readline())["endpoint"]
        assert HubDataset(REPO, endpoint).versions().keys() == {"0.1.0"}
    finally:
        before = time.monotonic()
        server.send_signal(number)
        _, errors = server.communicate(timeout=20)
    assert errors == "Stopped.\n"
    assert server.returncode == 0
    assert time.monotonic() - before < 10
    assert (project / "params.yaml").is_file()


def test_pull_and_query_without_a_version_take_the_newest_and_say_which(
    shell: Shell, project: Path, hub: EmbeddedHub, publisher: Publisher
) -> None:
    del project
    assert publisher.publish(hub, ROWS[1:]) == "0.1.1"
    pulled = shell("pull", REPO)
    assert (pulled.code, f"{REPO}@0.1.1 is the newest" in pulled.err) == (0, True)
    assert f"{REPO}@0.1.1 is in yard-0.1.1" in pulled.out
    asked = shell("query", REPO, "--json")
    assert (asked.code, asked.out.count("\n"), "0.1.1" in asked.err) == (0, len(ROWS) - 1, True)
    assert shell("yank", f"{REPO}@0.1.1", "--reason", "wrong").code == 0
    assert f"{REPO}@0.1.0 is the newest" in shell("query", REPO).err
    assert shell("yank", NAME, "--reason", "wrong too").code == 0
    assert shell("query", REPO).code == 1
    assert shell("diff", REPO, NAME).code == 2


def test_query_limit_columns_and_jsonl(shell: Shell, project: Path) -> None:
    del project
    found = shell("query", NAME, "--limit", "2", "--columns", "path, language", "--format", "jsonl")
    rows = [json.loads(line) for line in found.out.splitlines()]
    assert [list(row) for row in rows] == [["path", "language"]] * 2
    csv = shell("query", NAME, "--columns", "repo_name", "--format", "csv", "--limit", "1").out
    assert csv.splitlines()[0] == "repo_name"
    assert len(csv.splitlines()) == 2
    assert shell("query", NAME, "--limit", "0", "--json").out == ""
    wrong = shell("query", NAME, "--columns", "path,size")
    assert (wrong.code, "'size'" in wrong.err, "length_bytes" in wrong.err) == (2, True, True)
    assert shell("query", NAME, "--sql", "SELECT 1", "--columns", "path").code == 2
    counted = shell("query", NAME, "--sql", "SELECT path FROM files", "--limit", "3", "--json")
    assert counted.out.count("\n") == 3


def test_query_sql_names_its_table_in_errors(shell: Shell, project: Path) -> None:
    del project
    wrong = shell("query", NAME, "--sql", "SELECT * FROM rows")
    assert wrong.code == 2
    assert "`files`" in wrong.err
    assert "license_expression" in wrong.err


def test_verify_says_what_it_did_not_check_and_how_to_do_without_a_network(
    shell: Shell, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    online = shell("verify", copy)
    assert (online.code, "--offline" in online.err) == (3, True)
    offline = shell("verify", copy, "--offline")
    assert (offline.code, "not checked: whether its tag" in offline.out) == (0, True)
    (copy / "stackyard.lock").unlink()
    bare = shell("verify", copy)
    assert bare.code == 0
    assert "no stackyard.lock" in bare.out
    assert "pass it with --key" in bare.out
    assert len(json.loads(shell("verify", copy, "--json").out)["unchecked"]) == 2
