"""The embedded Hub against requests that no honest client sends."""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, close_session

from stackyard.hub import EmbeddedHub
from stackyard.hub.repository import HubError, Repository, check_path, check_ref

REPO = "octo-org/toy"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedHub]:
    root = tmp_path_factory.mktemp("outer")
    (root / "secret.txt").write_text("secret")
    with EmbeddedHub(root / "hub") as running:
        api = HfApi(endpoint=running.endpoint, token="hf_nobody")
        api.create_repo(REPO, repo_type="dataset")
        api.upload_file(
            path_or_fileobj=b"text", path_in_repo="a b/ü.txt", repo_id=REPO, repo_type="dataset"
        )
        close_session()
        yield running


@pytest.fixture(autouse=True)
def _nothing_left_the_folder(hub: EmbeddedHub) -> Iterator[None]:
    yield
    outer = hub.root.parent
    assert sorted(path.name for path in outer.iterdir()) == ["hub", "secret.txt"]
    assert (outer / "secret.txt").read_text() == "secret"
    names = {path.name for path in hub.root.iterdir()}
    assert names == {"objects", "incoming", "datasets"}
    assert [path.name for path in (hub.root / "datasets").iterdir()] == ["octo-org"]
    assert not list((hub.root / "incoming").iterdir())


def ask(
    hub: EmbeddedHub,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """One request whose path nobody normalises."""
    connection = http.client.HTTPConnection(hub.endpoint.removeprefix("http://"), timeout=30)
    try:
        connection.putrequest(method, path, skip_host="Host" in (headers or {}))
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def commit(hub: EmbeddedHub, *lines: dict[str, Any], repo: str = REPO) -> tuple[int, bytes]:
    header = {"key": "header", "value": {"summary": "x"}}
    body = b"\n".join(json.dumps(line).encode() for line in (header, *lines))
    status, _, answer = ask(hub, "POST", f"/api/datasets/{repo}/commit/main", body)
    return status, answer


def file_line(path: object, content: bytes = b"x") -> dict[str, Any]:
    text = base64.b64encode(content).decode()
    return {"key": "file", "value": {"path": path, "content": text, "encoding": "base64"}}


PATHS = [
    "../x", "a/../../x", "/etc/x", "a//b", "./a", "a/.", "", "a/", "..", "a\\..\\b",
    "a\0b", "a\nb", ".git/config", "a/.git/hooks/x", "x" * 5000, "\x7f", "\x85",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_commit_with_a_path_that_could_leave_a_folder_is_refused(
    hub: EmbeddedHub, path: str
) -> None:
    assert commit(hub, file_line(path))[0] == 400
    deletion = {"key": "deletedFile", "value": {"path": path}}
    assert commit(hub, deletion)[0] == 400


@pytest.mark.parametrize(
    "line",
    [
        file_line(None),
        file_line(7),
        file_line("\ud800"),
        {"key": "file", "value": {"path": "a", "content": "no base64!"}},
        {"key": "file", "value": {"path": "a", "content": "eA==", "encoding": "utf-8"}},
        {"key": "lfsFile", "value": {"path": "a", "oid": "../../secret.txt", "size": 6}},
        {"key": "lfsFile", "value": {"path": "a", "oid": "0" * 64, "size": 6}},
        {"key": "lfsFile", "value": {"path": "a", "oid": "0" * 63 + "\n", "size": 6}},
        {"key": "link", "value": {"path": "a", "target": "/etc"}},
        {"key": "file", "value": []},
        {"key": "file"},
        {"value": {}},
        {"key": "header", "value": {"parentCommit": 7}},
    ],
)
def test_a_commit_line_that_makes_no_sense_is_refused(
    hub: EmbeddedHub, line: dict[str, Any]
) -> None:
    status, answer = commit(hub, line)
    assert status == 400
    assert b"Traceback" not in answer


@pytest.mark.parametrize("body", [b"", b"x", b"[]", b"{}", b"\n\n", b"\xff", b"[" * 100_000])
def test_a_commit_that_is_no_ndjson_is_refused(hub: EmbeddedHub, body: bytes) -> None:
    assert ask(hub, "POST", f"/api/datasets/{REPO}/commit/main", body)[0] == 400


def test_a_file_that_is_also_a_folder_is_refused(hub: EmbeddedHub) -> None:
    assert commit(hub, file_line("d"), file_line("d/e"))[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/datasets/octo-org/toy/resolve/main/../../../../secret.txt",
        "/datasets/octo-org/toy/resolve/main/..%2f..%2f..%2fsecret.txt",
        "/datasets/octo-org/toy/resolve/main/%2e%2e/%2e%2e/secret.txt",
        "/datasets/octo-org/toy/resolve/..%2f..%2fmain/a",
        "/datasets/octo-org/toy/resolve/main/%00",
        "/datasets/octo-org/toy/resolve/main//etc/passwd",
        "/datasets/../../resolve/main/secret.txt",
        "/datasets/%2e%2e/%2e%2e/resolve/main/secret.txt",
        "/datasets/..%2f..%2fx/y/resolve/main/a",
        "/api/datasets/octo-org/..%2ftoy",
        "/api/datasets/octo-org/toy/tree/main/..%2f..",
        "/api/datasets/octo-org/toy/revision/..%2f..%2fcommits",
        "/api/datasets/octo-org/toy/revision/" + "0" * 40,
        "/api/datasets/octo-org/TOY",
        "/secret.txt", "/../secret.txt", "//", "/objects",
    ],
)  # fmt: skip
def test_a_read_outside_of_a_commit_finds_nothing(hub: EmbeddedHub, path: str) -> None:
    status, _, answer = ask(hub, "GET", path)
    assert status == 404
    assert b"secret\n" not in answer
    assert answer != b"secret"


@pytest.mark.parametrize(
    "path", ["/api/datasets/octo-org/toy/revision/%ff", "/datasets/%ff/x/resolve/a/b"]
)
def test_a_name_that_is_not_utf8_is_refused(hub: EmbeddedHub, path: str) -> None:
    assert ask(hub, "GET", path)[0] == 400


def test_names_that_need_quoting_are_read_by_their_quoted_path(hub: EmbeddedHub) -> None:
    path = f"/datasets/{REPO}/resolve/refs%2Fheads%2Fmain/a%20b/%C3%BC.txt"
    status, headers, content = ask(hub, "GET", path)
    assert (status, content) == (200, b"text")
    assert headers["accept-ranges"] == "bytes"
    assert len(headers["x-repo-commit"]) == 40


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("bytes=0-1", 206, b"te"),
        ("bytes=2-", 206, b"xt"),
        ("bytes=-1", 206, b"t"),
        ("bytes=0-99", 206, b"text"),
        ("bytes=9-", 416, None),
        ("bytes=3-1", 400, None),
        ("lines=1-2", 400, None),
    ],
)
def test_ranges_are_answered_as_asked(
    hub: EmbeddedHub, wanted: str, status: int, content: bytes | None
) -> None:
    path = f"/datasets/{REPO}/resolve/main/a%20b/%C3%BC.txt"
    found, headers, got = ask(hub, "GET", path, headers={"Range": wanted})
    assert found == status
    if content is not None:
        assert got == content
        assert headers["content-range"].endswith("/4")


def test_head_gives_size_and_hash_without_content(hub: EmbeddedHub) -> None:
    path = f"/datasets/{REPO}/resolve/main/a%20b/%C3%BC.txt"
    status, headers, content = ask(hub, "HEAD", path)
    assert (status, content, headers["content-length"]) == (200, b"", "4")
    assert headers["etag"] == '"f3a34851d44d6b97c90fbb99dd3d18c261b9a237"'  # git hash-object


@pytest.mark.parametrize("name", ["", ".", "..", "a..b", "/a", "a/", "a//b", "a.lock", "-a", "a b",
                                  "a\0", "0" * 40, "x" * 300, "ä"])  # fmt: skip
def test_a_ref_that_git_would_not_take_is_refused(hub: EmbeddedHub, name: str) -> None:
    with pytest.raises(HubError):
        check_ref(name)
    body = json.dumps({"tag": name}).encode()
    assert ask(hub, "POST", f"/api/datasets/{REPO}/tag/main", body)[0] == 400


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", ".hidden", "x.git", "a\0", "x" * 200])
def test_a_repository_whose_name_could_leave_the_folder_is_not_made(
    hub: EmbeddedHub, name: str
) -> None:
    for body in (
        {"type": "dataset", "organization": "evil", "name": name},
        {"type": "dataset", "organization": name.removesuffix(".git") + "/", "name": "evil"},
    ):
        assert ask(hub, "POST", "/api/repos/create", json.dumps(body).encode())[0] == 404
        assert ask(hub, "DELETE", "/api/repos/delete", json.dumps(body).encode())[0] == 404


def test_an_upload_to_no_repository_or_of_another_object_is_refused(hub: EmbeddedHub) -> None:
    oid = "0" * 64
    for repo in ("octo-org/none", "../.."):
        path = f"/datasets/{repo}.git/info/lfs/objects/{oid}"
        assert ask(hub, "PUT", path, b"x")[0] == 404
    path = f"/datasets/{REPO}.git/info/lfs/objects/{oid}"
    assert ask(hub, "PUT", path, b"x")[0] == 400
    body = json.dumps({"parts": [{"partNumber": 1, "etag": "x"}]}).encode()
    assert ask(hub, "POST", f"{path}/complete", body)[0] == 400
    assert ask(hub, "PUT", f"{path[:-1]}..", b"x")[0] == 404


def becomes(hub: EmbeddedHub, *, present: bool) -> bool:
    """Whether, within 30 s, there is (or is no) upload under way."""
    deadline = time.monotonic() + 30
    while bool(list((hub.root / "incoming").iterdir())) != present:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_an_upload_that_breaks_off_leaves_nothing(hub: EmbeddedHub) -> None:
    connection = http.client.HTTPConnection(hub.endpoint.removeprefix("http://"), timeout=30)
    path = f"/datasets/{REPO}.git/info/lfs/objects/{'1' * 64}"
    connection.putrequest("PUT", path)
    connection.putheader("Content-Length", "1000000")
    connection.endheaders(b"half")
    # The server has to have begun before the line breaks, else there is nothing to clean up.
    assert becomes(hub, present=True)
    connection.close()
    assert becomes(hub, present=False)
    assert ask(hub, "GET", "/api/whoami-v2")[0] == 200


@pytest.mark.parametrize("name", ["evil.example.org", "127.0.0.1.evil.example.org", "10.0.0.1"])
def test_a_name_that_was_pointed_here_is_not_served(hub: EmbeddedHub, name: str) -> None:
    assert ask(hub, "GET", "/api/whoami-v2", headers={"Host": name})[0] == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example.org"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_page_of_a_browser_may_not_write(hub: EmbeddedHub, headers: dict[str, str]) -> None:
    body = json.dumps({"type": "dataset", "name": "x"}).encode()
    assert ask(hub, "POST", "/api/repos/create", body, headers)[0] == 403
    assert ask(hub, "DELETE", "/api/repos/delete", body, headers)[0] == 403


OID = "1" * 64
POSTS: dict[str, dict[str, Any]] = {
    "/api/validate-yaml": {"content": "x"},
    "/api/repos/create": {"type": "dataset", "name": "n.git", "organization": "octo-org"},
    f"/api/datasets/{REPO}/paths-info/main": {},
    f"/api/datasets/{REPO}/preupload/main": {"files": [{"path": "p", "sample": "eA==", "size": 1}]},
    f"/api/datasets/{REPO}/tag/none": {"tag": "t"},
    f"/api/datasets/{REPO}/branch/b1": {"startingPoint": "none"},
    f"/api/datasets/{REPO}/super-squash/none": {"message": "x"},
    f"/api/datasets/{REPO}/lfs-files/batch": {"deletions": {"sha": []}},
    f"/datasets/{REPO}.git/info/lfs/objects/batch": {
        "operation": "upload", "transfers": ["basic"], "objects": [{"oid": OID, "size": 1}],
    },
    f"/datasets/{REPO}.git/info/lfs/objects/{OID}/complete": {
        "parts": [{"partNumber": 1, "etag": "x"}],
    },
    f"/datasets/{REPO}.git/info/lfs/verify": {"oid": OID, "size": 1},
}  # fmt: skip
"""Requests that send JSON, none of which succeeds in changing anything."""

NO_JSON = [b"{", b"x", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5000]
NO_OBJECT = [b"[]", b"null", b"1", b'"x"', b"NaN", b"-Infinity"]


@pytest.mark.parametrize("path", [path for path in POSTS if "paths-info" not in path])
@pytest.mark.parametrize("body", [*NO_JSON, *NO_OBJECT])
def test_a_request_that_is_no_json_object_is_refused(
    hub: EmbeddedHub, path: str, body: bytes
) -> None:
    assert ask(hub, "POST", path, body)[0] == 400


def mutations(value: Any, new: Any) -> Iterator[Any]:
    """The value with one part of it replaced, for each of its parts."""
    yield new
    if isinstance(value, dict):
        for key, part in value.items():
            yield from ({**value, key: other} for other in mutations(part, new))
    if isinstance(value, list):
        for at, part in enumerate(value):
            yield from ([*value[:at], other, *value[at + 1 :]] for other in mutations(part, new))


@pytest.mark.parametrize(
    "odd",
    [
        None, 1, -1, 10**30, 1e308, True, [], {}, [1], ["x"], [[]], "\ud800", "\0",
        "---\na: 2020-99-99\n---\n", "---\n" + "[" * 3000 + "\n---\n", "---\n? {a: b}\n: c\n---\n",
        "---\n!!python/object:os.system x\n---\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", POSTS)
def test_a_request_with_an_odd_value_anywhere_is_never_a_fault_of_the_server(
    hub: EmbeddedHub, path: str, odd: object
) -> None:
    for body in mutations(POSTS[path], odd):
        status, _, answer = ask(hub, "POST", path, json.dumps(body).encode())
        assert status < 500, (body, answer)


def test_a_client_with_xet_is_told_what_to_set(hub: EmbeddedHub) -> None:
    status, headers, _ = ask(hub, "GET", f"/api/datasets/{REPO}/xet-write-token/main")
    assert status == 404
    assert "HF_HUB_DISABLE_XET=1" in headers["x-error-message"]


def test_a_damaged_commit_on_disk_is_told_and_not_served(tmp_path: Path) -> None:
    with EmbeddedHub(tmp_path) as hub:
        api = HfApi(endpoint=hub.endpoint, token="hf_nobody")
        api.create_repo(REPO, repo_type="dataset")
        close_session()
        (document,) = (tmp_path / "datasets" / REPO / "commits").iterdir()
        document.write_text(document.read_text().replace("initial", "another"))
        assert ask(hub, "GET", f"/api/datasets/{REPO}/tree/main")[0] == 500
        document.write_text("{")
        assert ask(hub, "GET", f"/api/datasets/{REPO}/tree/main")[0] == 500


@pytest.mark.parametrize("path", ["a", "a/b.c", "..a", "a..", "a/..b", "ü/日本", " ", "a b"])
def test_an_ordinary_path_is_taken(path: str) -> None:
    assert check_path(path) == path


def test_a_ref_of_another_repository_is_none_of_this_one(hub: EmbeddedHub) -> None:
    folder = hub.root / "datasets" / REPO
    assert Repository(folder, REPO).ref("tags", "main") is None
