"""Sources brought to this machine: the only network of a build.

In: a source. Out: where it lies, and a digest that changes when its content does. Always holds:
what is pinned is checked on each use; a second call for what is pinned needs no network; nothing
is written outside the cache.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote, urljoin, urlsplit

from stackyard.errors import EnvironmentFault, UsageError
from stackyard.ingest import cache as caches
from stackyard.ingest import debian, directory, git, packages
from stackyard.ingest.download import download, session, too_large
from stackyard.ingest.params import Params
from stackyard.ingest.sources import Source
from stackyard.ingest.stream import Budget

Form = Literal["archive", "dsc", "directory", "git"]


@dataclass(frozen=True)
class Fetched:
    """A source on this machine.

    Attributes:
        form: how it is read.
        path: the archive, the .dsc, the folder, or the bare repository.
        identity: changes when the content does: hex SHA-256 of the archive or .dsc, the commit, or
            hex SHA-256 over the sorted files of a folder.
        commit: of git, 40 hex digits.
        branch: of git, the branch that the commit was looked for on.
        history: of git whose authors are wanted, a bare repository with all commits.
    """

    form: Form
    path: Path
    identity: str
    commit: str = ""
    branch: str | None = None
    history: Path | None = None


def fetch(
    source: Source, cache: Path, project: Path, params: Params, *, pinned: bool = True
) -> Fetched:
    """Brings one source here, or finds it in the cache.

    Args:
        source: an entry of sources.yaml.
        cache: a folder for what is fetched; made if it is not there.
        project: the folder that paths of sources.yaml are relative to.
        params: the bounds.
        pinned: whether what is got must have the source's `sha256`; False for who is about to pin
            it: the hash is then the `identity` of what comes back.

    Raises:
        PinMismatch: it is of another hash than sources.yaml says.
        UsageError: the source is wrong: not there, or too large.
        EnvironmentFault: network, disk or a missing program: another try may do.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if source.kind == "directory":
            return _directory(source, cache, project, params)
        if source.kind == "git":
            return _git(source, cache, project)
        if source.kind == "package":
            return _package(source, cache, params, pinned=pinned)
        return _archive(source, cache, project, params, pinned=pinned)
    except OSError as error:
        raise EnvironmentFault(
            f"{source.where} cannot be brought into the cache: {error.strerror or error}",
            next_step=f"mend the disk or the permissions of {error.filename or cache}",
        ) from error


def _directory(source: Source, cache: Path, project: Path, params: Params) -> Fetched:
    path = (project / source.location).resolve()
    if not path.is_dir():
        raise UsageError(
            f"{source.where}: there is no such folder",
            expected=f"a folder at {source.location}, from where sources.yaml is",
        )
    if cache.resolve().is_relative_to(path):
        raise UsageError(
            f"{source.where}: the folder holds the cache of sources itself, at {cache}",
            next_step="take a folder beside the dataset project, or one in it without the cache",
        )
    return Fetched(
        "directory",
        path,
        directory.identity(path, Budget.of_plain(params, source.where), source.where),
    )


def _git(source: Source, cache: Path, project: Path) -> Fetched:
    url = source.location
    if "://" not in url and ":" not in url:
        path = (project / url).resolve()
        if not path.is_dir():
            raise UsageError(f"{source.where}: there is no such repository")
        url = str(path)
    name = "git-" + hashlib.sha256(url.encode()).hexdigest()
    with caches.locked(cache, name):
        found = git.fetch(
            url,
            source.ref,
            source.branch,
            cache / name,
            source.where,
            with_history=source.authors,
        )
    return Fetched("git", found.bare, found.commit, found.commit, found.branch, found.history)


def _package(source: Source, cache: Path, params: Params, *, pinned: bool) -> Fetched:
    bytes_max, kind = params.archive_bytes_max, source.purl.type
    is_dsc = kind == "deb"

    def get(folder: Path) -> Path:
        if is_dsc:
            return packages.deb(source, folder, bytes_max, cache)
        return (packages.pypi if kind == "pypi" else packages.npm)(source, folder, bytes_max)

    return _kept(source, cache, params, source.sha256 if pinned else None, get, is_dsc=is_dsc)


def _archive(
    source: Source, cache: Path, project: Path, params: Params, *, pinned: bool
) -> Fetched:
    is_url = "://" in source.location
    parts = urlsplit(source.location)
    if is_url and parts.scheme != "file":
        name = Path(unquote(parts.path)).name
        sha256 = source.sha256
        get = _download(source, name, params, pinned=pinned)
    else:
        path = Path(unquote(parts.path)) if is_url else project / source.location
        name = path.name
        if not path.is_file():
            raise UsageError(f"{source.where}: there is no such file")
        if path.stat().st_size > params.archive_bytes_max:
            raise too_large(source.where, params.archive_bytes_max)
        sha256 = source.sha256 or caches.sha256_of(path)
        get = _copy(path, source)
    is_dsc = name.endswith(".dsc")
    return _kept(source, cache, params, sha256 if pinned else None, get, is_dsc=is_dsc)


def _kept(
    source: Source,
    cache: Path,
    params: Params,
    sha256: str | None,
    get: Callable[[Path], Path],
    *,
    is_dsc: bool,
) -> Fetched:
    """An archive, or a .dsc with its files, from the cache or from `get`; None takes what comes."""
    if sha256 is None:
        path = caches.keep_whatever(cache, get, others=is_dsc)
    else:
        path = caches.keep(cache, sha256, source.where, get, others=is_dsc)
    if is_dsc:
        packages.check_dsc(path, params.archive_bytes_max, source.where)
    return Fetched("dsc" if is_dsc else "archive", path, path.parent.name)


def _download(source: Source, name: str, params: Params, *, pinned: bool) -> Callable[[Path], Path]:
    def get(folder: Path) -> Path:
        connection = session()
        path, bytes_max = folder / _file_name(name, source), params.archive_bytes_max
        download(connection, source.location, path, bytes_max, source.where)
        if name.endswith(".dsc") and (not pinned or caches.sha256_of(path) == source.sha256):
            for file in debian.files(path.read_bytes(), source.where):
                url = urljoin(source.location, quote(file.name))
                download(connection, url, folder / file.name, bytes_max, source.where)
        return path

    return get


def _copy(path: Path, source: Source) -> Callable[[Path], Path]:
    def get(folder: Path) -> Path:
        names = [path.name]
        if path.name.endswith(".dsc"):
            names += [file.name for file in debian.files(path.read_bytes(), source.where)]
        for name in names:
            if not (path.parent / name).is_file():
                raise UsageError(f"{source.where}: {name}, which it names, is not beside it")
            shutil.copyfile(path.parent / name, folder / name)
        return folder / path.name

    return get


def _file_name(name: str, source: Source) -> str:
    if not name or name.startswith("."):
        raise UsageError(
            f"{source.where}: its URL does not end in the name of a file",
            next_step="take the URL of the archive itself",
        )
    return name
