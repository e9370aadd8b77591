"""A new entry of sources.yaml, pinned: what it names is got once, and what was got is written down.

In: a purl, a URL or a path. Out: the entry, with the commit or the SHA-256 of what lies in the cache
now. Always holds: the entry is one that `load_sources` takes; what is in the cache is under its hash,
so that the next build needs no network for it.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from stackyard.errors import UsageError
from stackyard.ingest import fetch as fetching
from stackyard.ingest.params import Params
from stackyard.ingest.sources import Source, load_sources
from stackyard.record import RepoName

_UNKNOWN: Final = "0" * 64
"""Stands for a hash that is not known yet, where an entry must have one."""

_UNNAMED: Final = "unnamed/unnamed"
"""Stands for a name that is not known yet; it is never written down."""

_ARCHIVE: Final = re.compile(
    r"\.(zip|whl|crate|gem|dsc|tar|tgz|tbz2?|txz|tar\.[a-z0-9]+)$", re.IGNORECASE
)
_KNOWN_FORGES: Final = re.compile(
    r"(?:https?|git|ssh)(?:\+https?|\+ssh)?://(?:[a-z0-9_-]+@)?"
    r"(?:github\.com|gitlab\.com|codeberg\.org|bitbucket\.org)[/:]"
    r"([A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._][A-Za-z0-9._-]*?)(?:\.git)?(?=[/?#\s\"']|$)",
    re.IGNORECASE,
)
"""A repository's address in the metadata of a package; other hosts do not tell owners from folders."""
_METADATA: Final = ("PKG-INFO", "package.json")
_METADATA_BYTES_MAX: Final = 1 << 20
_NO_OWNERS: Final = frozenset({"sponsors", "orgs", "users", "apps", "marketplace", "topics"})
"""First parts of pages on forges that are of no account."""


@dataclass(frozen=True)
class Pinned:
    """An entry that can be written down.

    Attributes:
        entry: its keys and values, in the order that they are written in.
        source: the same as a source.
        guessed: whether its name was not given, but read from the place or the package's metadata.
    """

    entry: Mapping[str, str]
    source: Source
    guessed: bool


def pin(
    what: str, name: str | None, ref: str, *, cache: Path, project: Path, params: Params
) -> Pinned:
    """Gets what is named, and says what to write into sources.yaml.

    Args:
        what: a purl, a URL of git or of an archive, or a path from the current folder.
        name: `owner/repo`; None to take it from the URL, or from the package's own metadata.
        ref: of git: a branch, a tag, a commit or a date; empty for the default branch.
        cache: a folder for what is fetched.
        project: the folder that paths of sources.yaml are relative to.
        params: the bounds.

    Raises:
        UsageError: it names nothing that can be got, or no name was given and none can be told.
        EnvironmentFault: the network failed, or a program is missing.
    """
    place = _place(what, project)
    entry = {"kind": place.pop("kind"), "name": name or _name_of(place) or _UNNAMED}
    entry |= place
    if ref:
        if entry["kind"] != "git":
            raise UsageError(f"--ref means nothing for {what}", next_step="leave it away")
        entry["ref"] = ref
    is_guessed = name is None
    if entry["kind"] == "git":
        entry["ref"] = fetching.fetch(_source(entry), cache, project, params).commit
    elif entry["kind"] != "directory":
        fetched = fetching.fetch(_source(entry), cache, project, params, pinned=False)
        entry["sha256"] = fetched.identity
        if entry["name"] == _UNNAMED:
            entry["name"] = _name_in(fetched.path) or _UNNAMED
    if entry["name"] == _UNNAMED:
        raise UsageError(
            f"{what} does not say whose repository it is",
            expected="--name owner/repo: opt-outs and the dataset call it by that",
            next_step="run it again with --name; what was got is kept in the cache",
        )
    return Pinned(entry, _source(entry), is_guessed)


def _place(what: str, project: Path) -> dict[str, str]:
    """Kind and location of what a person typed."""
    if what.startswith("pkg:"):
        return {"kind": "package", "purl": what}
    if "://" in what or re.match(r"[\w.-]+@[\w.-]+:", what):
        is_archive = "://" in what and _ARCHIVE.search(unquote(urlsplit(what).path))
        return {"kind": "archive" if is_archive else "git", "url": what}
    path = Path(what)
    if not path.exists():
        raise UsageError(
            f"there is no file or folder {what}",
            expected="a purl (pkg:pypi/six@1.17.0), a URL, or a path from this folder",
        )
    text = _relative(path, project)
    if path.is_file():
        return {"kind": "archive", "path": text}
    is_git = (path / ".git").exists() or ((path / "objects").is_dir() and (path / "HEAD").exists())
    return {"kind": "git" if is_git else "directory", "path": text}


def _relative(path: Path, project: Path) -> str:
    """A path as sources.yaml has it: from the project, which may move together with it."""
    return str(PurePosixPath(os.path.relpath(path.resolve(), project.resolve())))


def _name_of(place: Mapping[str, str]) -> str | None:
    """The two parts of a git URL's path; a folder or an archive says nothing of owners.

    Of a longer path nobody knows whether it begins with a group of groups or with a server's own folder,
    so it names none; of `file:` URLs the last two folders count.
    """
    url = place.get("url", "")
    if not url or _ARCHIVE.search(url):
        return None
    path = urlsplit(url).path if "://" in url else url.partition(":")[2]
    parts = path.strip("/").removesuffix(".git").split("/")
    if url.startswith("file:"):
        parts = parts[-2:]
    return _as_name("/".join(parts))


def _name_in(archive: Path) -> str | None:
    """The one repository on a well-known forge that a package's metadata names; None if not one."""
    found = {
        name.lower(): name
        for text in _metadata(archive)
        for each in _KNOWN_FORGES.finditer(text)
        if (name := _as_name(each[1])) and name.split("/")[0].lower() not in _NO_OWNERS
    }
    return next(iter(found.values())) if len(found) == 1 else None


def _metadata(archive: Path) -> list[str]:
    """The texts of metadata that lie at the top of an archive; of package.json what says where it is."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                infos = [each for each in opened.infolist() if _is_metadata(each.filename)]
                texts = [
                    (each.filename, opened.open(each).read(_METADATA_BYTES_MAX)) for each in infos
                ]
        else:
            texts = []
            with tarfile.open(archive) as opened_tar:
                for member in opened_tar:
                    if member.isfile() and _is_metadata(member.name):
                        stream = opened_tar.extractfile(member)
                        texts.append((member.name, stream.read(_METADATA_BYTES_MAX)))  # type: ignore[union-attr]
    except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError, RuntimeError):
        return []  # what it is, `read` will say; here it only names nobody
    return [_about(name, content.decode(errors="replace")) for name, content in texts]


def _is_metadata(path: str) -> bool:
    folder, _, name = path.removeprefix("./").rpartition("/")
    return name in _METADATA and "/" not in folder


def _about(name: str, text: str) -> str:
    """What of a document says where its repository is: headers of PKG-INFO, `repository` of npm."""
    if name.endswith("PKG-INFO"):
        head = text.partition("\n\n")[0]
        pages = re.findall(r"(?mi)^(?:Home-page|Project-URL):.*$", head)
        sources = [each for each in pages if re.search(r"(?i)source|repo|code|github", each)]
        return "\n".join(sources or pages)
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    repository = document.get("repository", "") if isinstance(document, dict) else ""
    url = repository.get("url", "") if isinstance(repository, dict) else repository
    if re.fullmatch(r"(github:)?[\w.-]+/[\w.-]+", str(url)):  # npm's short form
        return f"https://github.com/{str(url).removeprefix('github:')}"
    return str(url)


def _as_name(text: str) -> str | None:
    try:
        return RepoName(text).text
    except UsageError:
        return None


def _source(entry: Mapping[str, str]) -> Source:
    """The entry as a source; JSON is YAML."""
    unpinned = {"sha256": _UNKNOWN} if _is_download(entry) and "sha256" not in entry else {}
    (source,) = load_sources(json.dumps([{**entry, **unpinned}]), "the new entry")
    return source


def _is_download(entry: Mapping[str, str]) -> bool:
    return entry["kind"] == "package" or (entry["kind"] == "archive" and "url" in entry)
