"""The Hub's HTTP surface over a directory, as huggingface_hub 2.4 and datasets 5 ask for it.

Endpoints, payloads and headers follow what those clients send with HF_HUB_DISABLE_XET=1, and the
Git LFS batch API (https://github.com/git-lfs/git-lfs, docs/api). Requests are routed on the raw
path, as revisions and paths come percent-encoded. There is no authentication, so only loopback
hosts are answered, and no page of a browser may write.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode

import anyio.to_thread
import yaml
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from stackyard.hub import tree
from stackyard.hub.objects import CHUNK_BYTES, Objects, is_sha256
from stackyard.hub.repository import (
    Change,
    Entry,
    HubError,
    Repositories,
    Repository,
    check_path,
    git_sha1,
    lfs_entry,
)

REGULAR_MAX_BYTES = 10_000_000
"""Larger files go through LFS, as on huggingface.co."""

PART_BYTES = 512 << 20
"""LFS objects beyond this size come in parts of it: a broken transfer repeats one part, not all."""

LINE_MAX_BYTES = 64 << 20
"""A line of a commit: a regular file in base64, with room."""

PAGE_ENTRIES = 1000
"""Entries of a tree or of a history in one answer."""

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Names that the server answers to: a name that an attacker's DNS points here is none of them."""

Handler = Callable[..., Awaitable[Response]]


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def create_app(
    root: Path, *, part_bytes: int = PART_BYTES, clock: Callable[[], str] = utc_now
) -> Starlette:
    """The Hub over a directory, which is made if it is not there."""
    root.mkdir(parents=True, exist_ok=True)
    objects = Objects(root)
    service = Service(objects, Repositories(root, objects, clock), part_bytes, clock)
    return Starlette(
        routes=[
            Route("/{path:path}", service.dispatch, methods=["GET", "POST", "PUT", "DELETE"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK_HOSTS))],
    )


def _refusal(error: HubError) -> Response:
    headers = {"X-Error-Message": quote(error.message, safe=" :/,.()'-=")}
    if error.code:
        headers["X-Error-Code"] = error.code
    return JSONResponse({"error": error.message}, status_code=error.status, headers=headers)


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise HubError(400, f"{where} is not a JSON object")
    return value


def _text(value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise HubError(400, f"{key} is missing or not a string")
    return text


def _list(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = value.get(key)
    if not isinstance(items, list):
        raise HubError(400, f"{key} is missing or not a list")
    return [_object(item, key) for item in items]


def _integer(value: dict[str, Any], key: str) -> int:
    number = value.get(key)
    if type(number) is not int or number < 0:
        raise HubError(400, f"{key} is missing or not a size")
    return number


def _oid(value: dict[str, Any], key: str = "oid") -> str:
    oid = _text(value, key)
    if not is_sha256(oid):
        raise HubError(400, f"{key} is not a SHA-256 in hex")
    return oid


async def _json(request: Request, default: bytes = b"") -> dict[str, Any]:
    """The JSON object that a request sends; `default` stands for no body at all."""
    try:
        return _object(json.loads(await request.body() or default), "the request")
    except (ValueError, RecursionError) as error:
        raise HubError(400, f"the request is not JSON: {error}") from error


def _base64(value: dict[str, Any], key: str, what: str) -> bytes:
    try:
        return base64.b64decode(_text(value, key), validate=True)
    except ValueError as error:
        raise HubError(400, f"{what} is not base64") from error


async def _lines(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    buffer = bytearray()
    async for chunk in stream:
        buffer += chunk
        while (end := buffer.find(b"\n")) >= 0:
            yield bytes(buffer[:end])
            del buffer[: end + 1]
        if len(buffer) > LINE_MAX_BYTES:
            raise HubError(413, "a line of the commit is too long; use LFS for large files")
    if buffer:
        yield bytes(buffer)


async def _blocks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in blocks of CHUNK_BYTES or a little more: a thread hop each, not one a packet."""
    buffer = bytearray()
    async for chunk in stream:
        buffer += chunk
        if len(buffer) >= CHUNK_BYTES:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


class _Stored(FileResponse):
    """An object, read in blocks of CHUNK_BYTES."""

    chunk_size = CHUNK_BYTES


def _refs(folder: str, refs: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"name": name, "ref": f"{folder}/{name}", "targetCommit": commit}
        for name, commit in refs.items()
    ]


def _is_true(values: Iterable[str]) -> bool:
    return any(value.lower() in {"true", "1", "on"} for value in values)


def _looks_binary(sample: bytes) -> bool:
    """Not UTF-8, or with a NUL; a character cut off at the end of the sample counts as text."""
    if b"\0" in sample:
        return True
    try:
        sample.decode()
    except UnicodeDecodeError as error:
        return error.end < len(sample) or error.reason != "unexpected end of data"
    return False


@dataclass(frozen=True)
class Service:
    """The handlers: each takes the request and the decoded groups of its pattern."""

    objects: Objects
    repositories: Repositories
    part_bytes: int
    clock: Callable[[], str]

    async def dispatch(self, request: Request) -> Response:
        try:
            return await self._handle(request)
        except HubError as error:
            return _refusal(error)
        except UnicodeError:
            return _refusal(HubError(400, "a name in the request is not UTF-8"))
        except ClientDisconnect:
            return Response(status_code=400)  # Nobody reads it: the line is cut.
        except OSError as error:  # a disk that is full or not ours: to ask again does not help
            status = HTTPStatus.INSUFFICIENT_STORAGE
            return _refusal(HubError(status, f"the disk of this Hub: {error.strerror}"))

    async def _handle(self, request: Request) -> Response:
        if request.method not in _READ and _BROWSER & set(request.headers):
            raise HubError(403, "a page of a browser may not write to this Hub")
        raw = request.scope["raw_path"].decode("ascii").partition("?")[0]
        for methods, pattern, name in _ROUTES:
            match = pattern.fullmatch(raw)
            if match is not None and request.method in methods:
                handler: Handler = getattr(self, name)
                groups = {key: value for key, value in match.groupdict().items() if value}
                names = {key: unquote(value, errors="strict") for key, value in groups.items()}
                return await handler(request, **names)
        raise HubError(404, f"there is no {request.method} {raw[:200]} here")

    # Account

    async def whoami(self, _request: Request) -> Response:
        token = {"type": "access_token", "accessToken": {"displayName": "local", "role": "write"}}
        return JSONResponse(
            {"type": "user", "id": "local", "name": "local", "orgs": [], "auth": token}
        )

    async def auth_check(self, _request: Request, repo: str) -> Response:
        self.repositories.get(repo)
        with self.objects.incoming() as incoming:  # who may ask may write, if the disk lets us
            incoming.write(repo.encode())
        return JSONResponse({})

    async def validate_yaml(self, request: Request) -> Response:
        content = _text(await _json(request), "content")
        match = re.match(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", content, re.DOTALL)
        errors = []
        if match is not None:
            try:
                yaml.safe_load(match[1])
            except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date of no calendar
                errors.append({"message": f"the metadata in README.md is not YAML: {error}"})
        status = 400 if errors else 200
        return JSONResponse({"errors": errors, "warnings": []}, status_code=status)

    # Repositories

    async def create_repository(self, request: Request) -> Response:
        body = await _json(request)
        if body.get("type") != "dataset":
            raise HubError(400, "this Hub holds datasets: pass repo_type='dataset'")
        repo_id = f"{body.get('organization') or 'local'}/{_text(body, 'name')}"
        answer = {"url": f"{request.base_url}datasets/{repo_id}", "name": repo_id, "id": repo_id}
        try:
            await anyio.to_thread.run_sync(self.repositories.create, repo_id)
        except HubError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            # The client reads `url` from the refusal too, if it was told that this is no error.
            return JSONResponse({"error": error.message, **answer}, status_code=409)
        return JSONResponse(answer)

    async def delete_repository(self, request: Request) -> Response:
        body = await _json(request)
        repo_id = f"{body.get('organization') or 'local'}/{_text(body, 'name')}"
        await anyio.to_thread.run_sync(self.repositories.delete, repo_id)
        return JSONResponse({})

    async def list_repositories(self, request: Request) -> Response:
        author = request.query_params.get("author")
        search = request.query_params.get("search", "")
        infos = [
            self._info(repository, repository.resolve("main"), blobs=False)
            for repository in self.repositories.list()
            if (author is None or repository.repo_id.split("/")[0] == author)
            and search in repository.repo_id
        ]
        return JSONResponse(infos)

    async def info(self, request: Request, repo: str, rev: str = "main") -> Response:
        repository = self.repositories.get(repo)
        blobs = _is_true(request.query_params.getlist("blobs"))
        return JSONResponse(self._info(repository, repository.resolve(rev), blobs=blobs))

    def _info(self, repository: Repository, commit_id: str, *, blobs: bool) -> dict[str, Any]:
        commit = repository.commit(commit_id)
        return {
            "_id": repository.repo_id,
            "id": repository.repo_id,
            "author": repository.repo_id.split("/")[0],
            "sha": commit_id,
            "createdAt": repository.created_at,
            "lastModified": commit.date,
            "private": False,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": [
                tree.sibling(path, entry, blobs=blobs) for path, entry in commit.files.items()
            ],
        }

    # Reading

    async def refs(self, request: Request, repo: str) -> Response:
        repository = self.repositories.get(repo)
        answer: dict[str, Any] = {
            "branches": _refs("refs/heads", repository.refs("branches")),
            "tags": _refs("refs/tags", repository.refs("tags")),
            "converts": [],
        }
        if _is_true(request.query_params.getlist("include_prs")):
            answer["pullRequests"] = []
        return JSONResponse(answer)

    async def tree(self, request: Request, repo: str, rev: str, path: str = "") -> Response:
        repository = self.repositories.get(repo)
        commit = repository.commit(repository.resolve(rev))
        recursive = _is_true(request.query_params.getlist("recursive"))
        entries = tree.listing(commit, path.rstrip("/"), recursive=recursive)
        page, headers = self._page(request, entries)
        if _is_true(request.query_params.getlist("expand")):
            page = tree.expand(repository, commit, page)
        return JSONResponse(page, headers=headers)

    async def paths_info(self, request: Request, repo: str, rev: str) -> Response:
        repository = self.repositories.get(repo)
        commit = repository.commit(repository.resolve(rev))
        form = parse_qs((await request.body()).decode(), keep_blank_values=True)
        found = tree.lookup(commit, form.get("paths", []))
        if _is_true(form.get("expand", [])):
            found = tree.expand(repository, commit, found)
        return JSONResponse(found)

    async def commits(self, request: Request, repo: str, rev: str) -> Response:
        repository = self.repositories.get(repo)
        owner = repo.split("/", maxsplit=1)[0]
        history = [
            {
                "id": commit.id,
                "title": commit.title,
                "message": commit.message,
                "date": commit.date,
                "authors": [{"user": owner}],
                "formatted": {"title": commit.title, "message": commit.message},
            }
            for commit in repository.history(repository.resolve(rev))
        ]
        page, headers = self._page(request, history)
        return JSONResponse(page, headers=headers)

    def _page(self, request: Request, items: list[Any]) -> tuple[list[Any], dict[str, str]]:
        cursor = request.query_params.get("cursor", "0")
        if not cursor.isascii() or not cursor.isdigit():
            raise HubError(400, "the cursor is none of this server's")
        start = int(cursor[:18])
        end = start + PAGE_ENTRIES
        if end >= len(items):
            return items[start:], {}
        query = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
        path = request.scope["raw_path"].decode("ascii").partition("?")[0]
        base = str(request.base_url).rstrip("/")
        link = f"{base}{path}?{urlencode([*query, ('cursor', str(end))])}"
        return items[start:end], {"Link": f'<{link}>; rel="next"'}

    async def resolve(self, _request: Request, repo: str, rev: str, path: str) -> Response:
        repository = self.repositories.get(repo)
        commit = repository.commit(repository.resolve(rev))
        headers = {"X-Repo-Commit": commit.id}
        entry = commit.files.get(path)
        if entry is None:
            missing = _refusal(
                HubError(404, f"{repo} has no {path[:200]!r} at {commit.id}", "EntryNotFound")
            )
            missing.headers.update(headers)
            return missing
        headers["ETag"] = f'"{entry.sha256 if entry.lfs else entry.git_sha1}"'
        stored = self.objects.path(entry.sha256)
        if entry.sha256 in repository.deleted() or not stored.is_file():
            raise HubError(410, f"the bytes of {path[:200]!r} were deleted from this Hub")
        name = path.rpartition("/")[2]
        return _Stored(
            stored, headers=headers, filename=name, media_type="application/octet-stream"
        )

    # Writing

    async def preupload(self, request: Request, repo: str, rev: str) -> Response:
        repository = self.repositories.get(repo)
        commit = repository.commit(repository.resolve(rev))
        files = [
            self._upload_mode(commit.files, item) for item in _list(await _json(request), "files")
        ]
        return JSONResponse({"files": files})

    def _upload_mode(self, files: Any, item: dict[str, Any]) -> dict[str, Any]:
        path = check_path(_text(item, "path"))
        sample = _base64(item, "sample", f"the sample of {path[:200]!r}")
        size_bytes = _integer(item, "size")
        lfs = size_bytes > 0 and (
            size_bytes > REGULAR_MAX_BYTES or path.endswith(".parquet") or _looks_binary(sample)
        )
        entry: Entry | None = files.get(path)
        oid = None
        if entry is not None and entry.lfs == lfs:
            oid = entry.sha256 if lfs else entry.git_sha1
        mode = "lfs" if lfs else "regular"
        return {"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid}

    async def lfs_batch(self, request: Request, repo: str) -> Response:
        self.repositories.get(repo)
        body = await _json(request)
        if body.get("operation") != "upload":
            raise HubError(400, "this Hub's LFS API takes uploads; files are read at /resolve/")
        transfers = body.get("transfers") or ["basic"]
        base = f"{request.base_url}datasets/{repo}.git/info/lfs"
        objects = []
        transfer = "basic"
        for item in _list(body, "objects"):
            oid, size_bytes = _oid(item), _integer(item, "size")
            answer: dict[str, Any] = {"oid": oid, "size": size_bytes}
            if not (self.objects.has(oid) and self.objects.size_bytes(oid) == size_bytes):
                upload: dict[str, Any] = {"href": f"{base}/objects/{oid}"}
                if size_bytes > self.part_bytes and "multipart" in transfers:
                    transfer = "multipart"
                    upload = self._multipart(f"{base}/objects/{oid}", size_bytes)
                answer["actions"] = {"upload": upload, "verify": {"href": f"{base}/verify"}}
            objects.append(answer)
        return JSONResponse({"transfer": transfer, "objects": objects})

    def _multipart(self, href: str, size_bytes: int) -> dict[str, Any]:
        count = -(-size_bytes // self.part_bytes)
        parts = {str(number): f"{href}/{number}" for number in range(1, count + 1)}
        return {
            "href": f"{href}/complete",
            "header": {"chunk_size": str(self.part_bytes), **parts},
        }

    async def lfs_put(self, request: Request, repo: str, oid: str) -> Response:
        self.repositories.get(repo)
        with self.objects.incoming() as incoming:
            async for block in _blocks(request.stream()):
                await anyio.to_thread.run_sync(incoming.write, block)
            if incoming.sha256 != oid:
                raise HubError(400, f"what was sent for {oid} hashes to {incoming.sha256}")
            await anyio.to_thread.run_sync(self.objects.keep, incoming)
        return Response(headers={"ETag": f'"{oid}"'})

    async def lfs_put_part(self, request: Request, repo: str, oid: str, number: str) -> Response:
        self.repositories.get(repo)
        with self.objects.incoming() as incoming:
            async for block in _blocks(request.stream()):
                await anyio.to_thread.run_sync(incoming.write, block)
                if incoming.size_bytes > self.part_bytes:
                    raise HubError(413, f"part {number} of {oid} is larger than a part")
            self.objects.keep_part(oid, int(number), incoming)
            etag = incoming.sha256
        return Response(headers={"ETag": f'"{etag}"'})

    async def lfs_complete(self, request: Request, repo: str, oid: str) -> Response:
        self.repositories.get(repo)
        numbers = [_integer(part, "partNumber") for part in _list(await _json(request), "parts")]
        try:
            found = await anyio.to_thread.run_sync(self.objects.join, oid, sorted(set(numbers)))
        except FileNotFoundError as error:
            raise HubError(400, f"a part of {oid} did not arrive") from error
        if found != oid:
            raise HubError(400, f"the parts of {oid} hash to {found}")
        return JSONResponse({"oid": oid})

    async def lfs_verify(self, request: Request, repo: str) -> Response:
        self.repositories.get(repo)
        body = await _json(request)
        oid, size_bytes = _oid(body), _integer(body, "size")
        if not self.objects.has(oid) or self.objects.size_bytes(oid) != size_bytes:
            raise HubError(404, f"this Hub does not hold object {oid} of {size_bytes} bytes")
        return JSONResponse({})

    async def commit(self, request: Request, repo: str, rev: str) -> Response:
        repository = self.repositories.get(repo)
        if _is_true(request.query_params.getlist("create_pr")):
            raise HubError(400, "this Hub has no pull requests: commit on a branch")
        header: dict[str, Any] = {}
        changes: list[Change] = []
        async for line in _lines(request.stream()):
            if line.strip():
                await anyio.to_thread.run_sync(self._take_line, line, header, changes)
        parent = header.get("parentCommit")
        if parent is not None and not isinstance(parent, str):
            raise HubError(400, "parentCommit is not a string")
        commit = await anyio.to_thread.run_sync(
            lambda: repository.push(
                rev,
                changes,
                title=_text(header, "summary"),
                message=str(header.get("description") or ""),
                parent=parent,
                date=self.clock(),
            )
        )
        url = f"{request.base_url}datasets/{repo}/commit/{commit}"
        return JSONResponse({"success": True, "commitOid": commit, "commitUrl": url})

    def _take_line(self, line: bytes, header: dict[str, Any], changes: list[Change]) -> None:
        try:
            item = _object(json.loads(line), "a line of the commit")
        except (ValueError, RecursionError) as error:
            raise HubError(400, "a line of the commit is not JSON") from error
        key, value = item.get("key"), _object(item.get("value"), "a value in the commit")
        if key == "header":
            header.update(value)
        elif key == "file":
            changes.append(Change(check_path(_text(value, "path")), self._regular(value)))
        elif key == "lfsFile":
            changes.append(Change(check_path(_text(value, "path")), self._lfs(value)))
        elif key == "deletedFile":
            changes.append(Change(check_path(_text(value, "path")), None))
        elif key == "deletedFolder":
            folder = check_path(_text(value, "path").rstrip("/"))
            changes.append(Change(folder, None, folder=True))
        else:
            raise HubError(400, "the commit holds an operation that this Hub does not know")

    def _regular(self, value: dict[str, Any]) -> Entry:
        if value.get("encoding", "base64") != "base64":
            raise HubError(400, "the content of a file is base64 in a commit")
        content = _base64(value, "content", "the content of a file")
        sha256 = self.objects.put(content)
        return Entry(sha256, len(content), git_sha1(content), lfs=False)

    def _lfs(self, value: dict[str, Any]) -> Entry:
        oid = _oid(value)
        if not self.objects.has(oid):
            raise HubError(400, f"LFS object {oid} was not uploaded")
        size_bytes = self.objects.size_bytes(oid)
        if "size" in value and _integer(value, "size") != size_bytes:
            raise HubError(400, f"LFS object {oid} has {size_bytes} bytes")
        return lfs_entry(oid, size_bytes)

    async def create_tag(self, request: Request, repo: str, rev: str) -> Response:
        repository = self.repositories.get(repo)
        name = _text(await _json(request), "tag")
        commit = repository.resolve(rev)
        await anyio.to_thread.run_sync(repository.create_ref, "tags", name, commit)
        return JSONResponse({"name": name, "ref": f"refs/tags/{name}", "targetCommit": commit})

    async def delete_tag(self, _request: Request, repo: str, rev: str) -> Response:
        self.repositories.get(repo).delete_ref("tags", rev)
        return JSONResponse({})

    async def create_branch(self, request: Request, repo: str, rev: str) -> Response:
        repository = self.repositories.get(repo)
        start = await _json(request, default=b"{}")
        commit = repository.resolve(str(start.get("startingPoint") or "main"))
        await anyio.to_thread.run_sync(repository.create_ref, "branches", rev, commit)
        return JSONResponse({"name": rev, "ref": f"refs/heads/{rev}", "targetCommit": commit})

    async def delete_branch(self, _request: Request, repo: str, rev: str) -> Response:
        self.repositories.get(repo).delete_ref("branches", rev)
        return JSONResponse({})

    # Purging

    async def super_squash(self, request: Request, repo: str, rev: str) -> Response:
        repository = self.repositories.get(repo)
        title = str((await _json(request)).get("message") or f"Squash {rev}")
        commit = await anyio.to_thread.run_sync(repository.squash, rev, title, self.clock())
        await anyio.to_thread.run_sync(self.repositories.collect, repository)
        return JSONResponse({"commitOid": commit})

    async def lfs_files(self, request: Request, repo: str) -> Response:
        """LFS objects of every stored commit: also of those that no ref leads to any more."""
        repository = self.repositories.get(repo)
        deleted = repository.deleted()
        found = {
            entry.sha256: (path, entry)
            for commit in sorted(repository.commit_ids())
            for path, entry in repository.commit(commit).files.items()
            if entry.lfs and entry.sha256 not in deleted and self.objects.has(entry.sha256)
        }
        items = [
            {
                "fileOid": sha256,
                "filename": path,
                "oid": sha256,
                "pushedAt": repository.created_at,
                "size": entry.size_bytes,
            }
            for sha256, (path, entry) in sorted(found.items())
        ]
        page, headers = self._page(request, items)
        return JSONResponse(page, headers=headers)

    async def delete_lfs_files(self, request: Request, repo: str) -> Response:
        """Deletes objects for good, unless another repository of this Hub needs them."""
        repository = self.repositories.get(repo)
        asked = _object((await _json(request)).get("deletions"), "deletions").get("sha")
        if not isinstance(asked, list) or not all(is_sha256(str(name)) for name in asked):
            raise HubError(400, "deletions.sha is no list of SHA-256 in hex")
        await anyio.to_thread.run_sync(self._delete_objects, repository, asked)
        return JSONResponse({})

    def _delete_objects(self, repository: Repository, asked: list[str]) -> None:
        gone = repository.delete_objects(asked)
        needed = {
            sha256
            for each in self.repositories.list()
            for sha256 in self.repositories.objects_of(each)
        }
        for sha256 in sorted(gone - needed):
            self.objects.remove(sha256)

    async def no_xet(self, _request: Request, **_names: str) -> Response:
        raise HubError(404, "this Hub has no Xet storage: set HF_HUB_DISABLE_XET=1")


_REPO = r"(?P<repo>[^/]+/[^/]+)"
_REV = r"(?P<rev>[^/]+)"
_API = f"/api/datasets/{_REPO}"
_LFS = f"/datasets/{_REPO}\\.git/info/lfs"
_OID = r"(?P<oid>[0-9a-f]{64})"
_READ = frozenset({"GET", "HEAD"})
_BROWSER = frozenset({"origin", "sec-fetch-site"})
"""What browsers add to requests, and no page can leave out: `Origin` not to all of them, the other (W3C
Fetch Metadata) to all. This Hub has no page of its own that could write."""

_ROUTES: tuple[tuple[frozenset[str], re.Pattern[str], str], ...] = tuple(
    (methods if isinstance(methods, frozenset) else frozenset({methods}), re.compile(raw), name)
    for methods, raw, name in (
        (_READ, "/api/whoami-v2", "whoami"),
        ("POST", "/api/validate-yaml", "validate_yaml"),
        ("POST", "/api/repos/create", "create_repository"),
        ("DELETE", "/api/repos/delete", "delete_repository"),
        (_READ, "/api/datasets", "list_repositories"),
        (_READ, _API, "info"),
        (_READ, f"{_API}/revision/{_REV}", "info"),
        (_READ, f"{_API}/auth-check", "auth_check"),
        (_READ, f"{_API}/auth-check/write", "auth_check"),
        (_READ, f"{_API}/refs", "refs"),
        (_READ, f"{_API}/tree/{_REV}(?:/(?P<path>.*))?", "tree"),
        (_READ, f"{_API}/commits/{_REV}", "commits"),
        (_READ, f"{_API}/xet-(?:read|write)-token/{_REV}", "no_xet"),
        ("POST", f"{_API}/paths-info/{_REV}", "paths_info"),
        ("POST", f"{_API}/preupload/{_REV}", "preupload"),
        ("POST", f"{_API}/commit/{_REV}", "commit"),
        ("POST", f"{_API}/tag/{_REV}", "create_tag"),
        ("DELETE", f"{_API}/tag/{_REV}", "delete_tag"),
        ("POST", f"{_API}/branch/{_REV}", "create_branch"),
        ("DELETE", f"{_API}/branch/{_REV}", "delete_branch"),
        ("POST", f"{_API}/super-squash/{_REV}", "super_squash"),
        (_READ, f"{_API}/lfs-files", "lfs_files"),
        ("POST", f"{_API}/lfs-files/batch", "delete_lfs_files"),
        (_READ, f"/datasets/{_REPO}/resolve/{_REV}/(?P<path>.+)", "resolve"),
        ("POST", f"{_LFS}/objects/batch", "lfs_batch"),
        ("PUT", f"{_LFS}/objects/{_OID}", "lfs_put"),
        ("PUT", f"{_LFS}/objects/{_OID}/(?P<number>[1-9][0-9]{{0,5}})", "lfs_put_part"),
        ("POST", f"{_LFS}/objects/{_OID}/complete", "lfs_complete"),
        ("POST", f"{_LFS}/verify", "lfs_verify"),
    )
)
