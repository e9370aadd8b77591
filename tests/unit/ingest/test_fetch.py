from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stackyard.errors import EnvironmentFault, PinMismatch, UsageError
from stackyard.ingest import cache as caches
from stackyard.ingest import download
from stackyard.ingest.fetch import Fetched, fetch
from stackyard.ingest.params import Params
from stackyard.ingest.sources import Source, load_sources
from tests.unit.ingest.archives import tarball


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        path = self.path.split("?", 1)[0]
        server.asked.append(path)
        if server.failures:
            server.failures -= 1
            self.send_error(503)
            return
        page = server.pages.get(path)
        if page is None:
            self.send_error(404)
            return
        kind, body = page
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cut:
            server.cut -= 1
            body = body[: len(body) // 2]
            self.close_connection = True
        if server.pause_seconds:
            self.wfile.write(body[:10])
            self.wfile.flush()
            time.sleep(server.pause_seconds)
            body = body[10:]
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


class Server(http.server.ThreadingHTTPServer):
    """A package index, a registry and a file server on this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []
        self.failures = 0
        self.cut = 0
        self.pause_seconds = 0.0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, path: str, body: bytes, kind: str = "application/octet-stream") -> None:
        self.pages[path] = (kind, body)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=functools.partial(made.serve_forever, 0.02))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, server: Server) -> Iterator[None]:
    for name in tuple(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple/")
    monkeypatch.setenv("npm_config_registry", f"{server.url}/npm/")
    monkeypatch.setattr(download, "_PAUSE_FACTOR", 0.01)
    download.pip_settings.cache_clear()
    yield
    download.pip_settings.cache_clear()


Get = Callable[..., Fetched]
ARCHIVE = tarball({"tool-1.0/a.py": b"a\n"})
PIN = hashlib.sha256(ARCHIVE).hexdigest()


def source_of(text: str) -> Source:
    return load_sources(f"- {{{text}, name: octo-org/tool}}", "sources.yaml")[0]


@pytest.fixture
def get(tmp_path: Path) -> Get:
    def run(text: str, params: Params = Params()) -> Fetched:  # noqa: B008  # frozen
        return fetch(source_of(text), tmp_path / "cache", tmp_path, params)

    return run


def test_fetch_url_with_a_warm_cache_asks_no_one(get: Get, server: Server) -> None:
    server.put("/tool-1.0.tar.gz", ARCHIVE)
    text = f"kind: archive, url: '{server.url}/tool-1.0.tar.gz', sha256: {PIN}"
    first = get(text)
    assert first.path.read_bytes() == ARCHIVE
    assert first.path.parts[-2:] == (PIN, "tool-1.0.tar.gz")
    asked = len(server.asked)
    assert get(text) == first
    assert len(server.asked) == asked == 1


def test_fetch_with_a_wrong_pin_names_both_hashes_and_keeps_nothing(
    get: Get, server: Server, tmp_path: Path
) -> None:
    server.put("/tool-1.0.tar.gz", ARCHIVE)
    wrong = "0" * 64
    with pytest.raises(UsageError) as caught:
        get(f"kind: archive, url: '{server.url}/tool-1.0.tar.gz', sha256: '{wrong}'")
    assert wrong in str(caught.value)
    assert PIN in str(caught.value)
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {".locks"}


def test_fetch_of_a_cache_entry_that_rotted_gets_it_again(get: Get, server: Server) -> None:
    server.put("/tool-1.0.tar.gz", ARCHIVE)
    text = f"kind: archive, url: '{server.url}/tool-1.0.tar.gz', sha256: {PIN}"
    path = get(text).path
    path.write_bytes(ARCHIVE[:-1] + b"?")
    assert get(text).path.read_bytes() == ARCHIVE


def test_fetch_through_passing_faults_of_the_server_succeeds(get: Get, server: Server) -> None:
    server.put("/tool-1.0.tar.gz", ARCHIVE)
    server.failures, server.cut = 2, 1
    text = f"kind: archive, url: '{server.url}/tool-1.0.tar.gz', sha256: {PIN}"
    assert get(text).path.read_bytes() == ARCHIVE


def test_fetch_from_a_server_that_keeps_failing_is_a_fault_without_its_url(
    get: Get, server: Server
) -> None:
    server.failures = 1000
    url = f"{server.url}/tool-1.0.tar.gz"
    with pytest.raises(EnvironmentFault, match="the network failed") as caught:
        get(f"kind: package, purl: 'pkg:pypi/tool@1.0', sha256: {PIN}")
    assert server.url not in str(caught.value)
    asked = len(server.asked)
    assert asked <= 8
    with pytest.raises(EnvironmentFault, match="the network failed"):
        get(f"kind: archive, url: '{url}', sha256: {PIN}")


def test_fetch_of_what_is_not_there_is_wrong_use(get: Get, server: Server) -> None:
    for text in (
        f"kind: archive, url: '{server.url}/none.tar.gz', sha256: {PIN}",
        f"kind: archive, url: '{server.url}/', sha256: {PIN}",
        f"kind: package, purl: 'pkg:pypi/none@1.0', sha256: {PIN}",
        f"kind: package, purl: 'pkg:npm/none@1.0.0', sha256: {PIN}",
        "kind: archive, path: none.tar.gz",
    ):
        with pytest.raises(UsageError, match="octo-org/tool"):
            get(text)


def test_fetch_of_more_than_the_bound_stops(get: Get, server: Server) -> None:
    server.put("/tool-1.0.tar.gz", ARCHIVE)
    text = f"kind: archive, url: '{server.url}/tool-1.0.tar.gz', sha256: {PIN}"
    with pytest.raises(UsageError, match="archive_bytes_max"):
        get(text, Params(archive_bytes_max=len(ARCHIVE) - 1))
    assert get(text, Params(archive_bytes_max=len(ARCHIVE))).identity == PIN


def test_fetch_killed_in_a_download_leaves_nothing_that_harms(
    get: Get, server: Server, tmp_path: Path
) -> None:
    server.put("/tool-1.0.tar.gz", ARCHIVE)
    server.pause_seconds = 30
    text = f"kind: archive, url: '{server.url}/tool-1.0.tar.gz', sha256: {PIN}"
    program = (
        "from pathlib import Path; from stackyard.ingest.fetch import fetch;"
        "from stackyard.ingest.params import Params;"
        "from stackyard.ingest.sources import load_sources;"
        f"(s,) = load_sources({f'- {{{text}, name: a/b}}'!r}, 'x');"
        f"fetch(s, Path({str(tmp_path / 'cache')!r}), Path('.'), Params())"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        while not server.asked:
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
    server.pause_seconds = 0
    assert get(text).path.read_bytes() == ARCHIVE
    left = {path.name for path in (tmp_path / "cache").iterdir()}
    assert left == {".locks", PIN}


def test_fetch_local_archive_is_kept_by_its_hash(get: Get, tmp_path: Path) -> None:
    (tmp_path / "tool.tar.gz").write_bytes(ARCHIVE)
    by_path = get("kind: archive, path: tool.tar.gz")
    assert by_path.identity == PIN
    assert by_path == get(f"kind: archive, url: 'file://{tmp_path}/tool.tar.gz', sha256: {PIN}")
    (tmp_path / "tool.tar.gz").write_bytes(tarball({"b": b"b"}))
    assert get("kind: archive, path: tool.tar.gz").identity != PIN
    with pytest.raises(PinMismatch, match="is not what sources"):
        get(f"kind: archive, path: tool.tar.gz, sha256: {'1' * 64}")


def simple_page(server: Server, files: dict[str, bytes]) -> None:
    listed = [
        {
            "filename": name,
            "url": f"{server.url}/files/{name}",
            "hashes": {"sha256": hashlib.sha256(body).hexdigest()},
        }
        for name, body in files.items()
    ]
    page = {"meta": {"api-version": "1.0"}, "name": "tool", "files": listed}
    kind = "application/vnd.pypi.simple.v1+json"
    server.put("/simple/tool/", json.dumps(page).encode(), kind)
    for name, body in files.items():
        server.put(f"/files/{name}", body)


def test_fetch_pypi_takes_the_sdist_that_is_pinned_and_builds_nothing(
    get: Get, server: Server
) -> None:
    other = tarball({"tool-1.0/setup.py": b"raise SystemExit('executed')\n"})
    simple_page(
        server,
        {
            "tool-1.0-py3-none-any.whl": b"wheel",
            "tool-1.0.tar.gz": other,
            "tool-1.0.zip": ARCHIVE,
            "tool-1.1.tar.gz": b"newer",
        },
    )
    text = f"kind: package, purl: 'pkg:pypi/tool@1.0', sha256: {PIN}"
    assert get(text).path.name == "tool-1.0.zip"
    pin = hashlib.sha256(other).hexdigest()
    assert get(text.replace(PIN, pin)).path.name == "tool-1.0.tar.gz"
    asked = len(server.asked)
    get(text)
    assert len(server.asked) == asked


def test_fetch_pypi_release_without_an_sdist_names_those_that_have_one(
    get: Get, server: Server
) -> None:
    simple_page(server, {"tool-1.0-py3-none-any.whl": b"", "tool-0.9.tar.gz": b""})
    with pytest.raises(UsageError, match=r"no sdist of 1\.0; sdists there: 0\.9"):
        get(f"kind: package, purl: 'pkg:pypi/tool@1.0', sha256: {PIN}")


def npm_page(server: Server, name: str, integrity: str) -> None:
    dist = {"tarball": f"{server.url}/npm/files/{name}.tgz", "integrity": integrity}
    version = {
        "name": name,
        "version": "1.0.0",
        "dist": dist,
        "scripts": {"prepare": "touch executed", "preinstall": "touch executed"},
    }
    page = {"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    body = json.dumps(page).encode()
    server.put(f"/npm/{name.replace('/', '%2f')}", body, "application/json")
    server.put(f"/npm/files/{name}.tgz", NPM)


NPM = tarball({"package/package.json": b'{"name": "tool", "version": "1.0.0"}'})
NPM_PIN = hashlib.sha256(NPM).hexdigest()
NPM_INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(NPM).digest()).decode()


def test_fetch_npm_takes_the_tarball_of_the_registry(
    get: Get, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    npm_page(server, "tool", NPM_INTEGRITY)
    npm_page(server, "@octo/tool", NPM_INTEGRITY)
    for name in ("tool", "%40octo/tool"):
        found = get(f"kind: package, purl: 'pkg:npm/{name}@1.0.0', sha256: {NPM_PIN}")
        assert found.path.read_bytes() == NPM
    assert not list(tmp_path.rglob("executed"))


def test_fetch_without_the_program_it_needs_says_what_to_install(
    get: Get, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "repository").mkdir()
    for text, program in (
        (f"kind: package, purl: 'pkg:npm/tool@1.0.0', sha256: {PIN}", "npm"),
        (f"kind: package, purl: 'pkg:deb/debian/tool@1-1?arch=source', sha256: {PIN}", "apt-get"),
        ("kind: git, path: repository", "git"),
    ):
        with pytest.raises(EnvironmentFault, match=f"needs the program {program}") as caught:
            get(text)
        assert "install" in caught.value.next_step


def test_keep_by_two_processes_at_once_gets_a_file_once(tmp_path: Path) -> None:
    counter = tmp_path / "asked"
    program = (
        "import sys, time; from pathlib import Path; from stackyard.ingest import cache\n"
        "def get(folder):\n"
        f"    open({str(counter)!r}, 'a').write('x'); time.sleep(0.3)\n"
        "    path = folder / 'f'; path.write_bytes(b'f'); return path\n"
        f"cache.keep(Path({str(tmp_path / 'c')!r}), {hashlib.sha256(b'f').hexdigest()!r}, 'x', get)"
    )
    both = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert counter.read_text() == "x"


def test_locked_entry_is_free_again_when_its_process_is_killed(tmp_path: Path) -> None:
    program = (
        "import time; from pathlib import Path; from stackyard.ingest import cache\n"
        f"with cache.locked(Path({str(tmp_path)!r}), 'x'):\n    print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    with caches.locked(tmp_path, "x"):
        pass


def test_pip_settings_come_from_its_files_and_then_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://global.example.org\nproxy = proxy.example.org:1\n"
        "[install]\nindex-url = https://install.example.org\n"
        "[download]\nindex-url = https://download.example.org\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_INDEX_URL")
    assert download.pip_settings()["index-url"] == "https://download.example.org"
    assert download.pip_settings()["proxy"] == "proxy.example.org:1"
    download.pip_settings.cache_clear()
    monkeypatch.setenv("PIP_INDEX_URL", "https://environment.example.org")
    assert download.pip_settings()["index-url"] == "https://environment.example.org"


def test_session_has_the_proxy_and_the_certificates_of_pip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "own.pem"))
    monkeypatch.setenv("PIP_PROXY", "http://proxy.example.org:1")
    made = download.session()
    assert made.verify == str(tmp_path / "own.pem")
    assert made.proxies["https"] == "http://proxy.example.org:1"
