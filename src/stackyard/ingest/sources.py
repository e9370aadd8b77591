"""`sources.yaml`: which repositories a dataset is made of, and where each is got.

In: the text of the file. Out: its sources, sorted. Always holds: an unknown key, a missing name, a
value of another kind or an entry given twice stops the run, with its line and what to write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import yaml
from packageurl import PackageURL

from stackyard.errors import UsageError
from stackyard.params import digest, not_yaml
from stackyard.record import RepoName

Kind = Literal["git", "archive", "directory", "package"]

_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "git": ("url", "path"),
    "archive": ("url", "path"),
    "directory": ("path",),
    "package": ("purl",),
}
_KEYS: Final = (
    "kind",
    "name",
    "url",
    "path",
    "purl",
    "ref",
    "branch",
    "sha256",
    "stars",
    "forks",
    "fork_of",
    "authors",
    "date",
)
_TRUTH: Final = re.compile(r"true|false")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?", re.ASCII)
_REF: Final = re.compile(rf"{_DATE.pattern}|(?!-)(?!.*\.\.)[^\x00-\x20\x7f~^:?*\[\\]+")
_SCP: Final = re.compile(r"(\w[\w.-]*@)?(\w[\w.-]*):(?!//|:)[^\s]+", re.ASCII)
_SSH_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
"""What useradd(8) takes for a name. No token of a forge is one: these are longer, or of both cases."""
_SCHEMED: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]")
_SCHEMES: Final[Mapping[str, frozenset[str]]] = {
    "git": frozenset({"file", "git", "http", "https", "ssh"}),
    "archive": frozenset({"file", "http", "https"}),
}
_HIDES: Final = re.compile(r"[@?#]|://|(?![0-9a-f]{40}$)[A-Za-z0-9_-]{20,}")
_TOKEN: Final = re.compile(
    r"(?:gh[pousr]_|github_pat_|glpat-|hf_|npm_|pypi-|xox[abps]-|ATATT|ATBB|dop_v1_)[A-Za-z0-9_-]{16,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
)
"""How forges and registries begin their tokens, so that whoever sees one knows it; and a JWT."""
_ENCODED: Final = re.compile(r"%(?:0[0-9a-f]|1[0-9a-f]|7f|3f|23)|;", re.IGNORECASE)
"""Delimiters of a query or a fragment, encoded; parameters of a path (RFC 3986, 3.3); controls."""
_HOST: Final = re.compile(r"[\w.-]+|[0-9A-Fa-f:.]+")
"""Of a URL, as urlsplit gives it: a name, or an address of IPv6 without its brackets."""
_NPM_NAME: Final = re.compile(r"[a-z0-9~_-][a-z0-9._~-]*")
_NPM_VERSION: Final = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_PYPI_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_PYPI_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_DEB_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_DEB_VERSION: Final = re.compile(r"[0-9][A-Za-z0-9.+~:-]*")


@dataclass(frozen=True, order=True)
class Source:
    """One revision of one repository, and where it is got.

    Attributes:
        name: `owner/repo`, what opt-outs and the dataset call it.
        kind: how it is got.
        location: its URL, path or purl, as sources.yaml has it.
        ref: of git: a full commit id, a tag, a branch or a date.
        branch: of git: the branch that a date is looked for on, or that is taken without a ref.
        sha256: of the archive; of Debian source packages: of their .dsc.
        date: when the revision was made, UTC, if sources.yaml says so.
        stars: GitHub-like star events, 0 if unknown.
        forks: the same of forks.
        fork_of: `owner/repo` that it was forked from, if sources.yaml says so.
        authors: of git: whether it is learnt who ever touched each file (`ingest.authors`).
        line: of sources.yaml, for errors; no part of what the source is.
    """

    name: RepoName
    kind: Kind
    location: str
    ref: str = ""
    branch: str = ""
    sha256: str = ""
    date: str = ""
    stars: int = 0
    forks: int = 0
    fork_of: str = ""
    authors: bool = False
    line: int = 0

    @property
    def origin(self) -> str:
        """What the ORIGINS table shows: never an absolute path of this machine."""
        if self.kind in {"git", "archive"} and _is_url(self.location):
            parts = urlsplit(self.location)
            if parts.scheme != "file":
                return self.location
            return f"file:{PurePosixPath(parts.path).name}"
        if self.kind == "package" or (self.kind == "git" and _SCP.fullmatch(self.location)):
            return self.location
        path = PurePosixPath(self.location)
        return f"file:{path.name}" if path.is_absolute() else str(path)

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the canonical JSON of all that the entry says, less its line."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        del said["line"]
        return digest(said | {"name": self.name.text})

    @property
    def where(self) -> str:
        """How errors name it."""
        return f"{self.name} ({self.origin}, line {self.line} of sources.yaml)"

    @property
    def place(self) -> str:
        """Its location, spelled one way."""
        if self.kind == "package":
            return str(self.purl.to_string())
        return self.location if _is_url(self.location) else str(PurePosixPath(self.location))

    @property
    def purl(self) -> PackageURL:
        return PackageURL.from_string(self.location)


def load_sources(text: str, where: str) -> tuple[Source, ...]:
    """The sources that the text of a sources.yaml names, sorted by (name, kind, location, ref).

    Args:
        text: the file.
        where: what errors call it.

    Raises:
        UsageError: the first entry that is wrong, its line, and what to write instead.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise not_yaml(where, error) from error
    if root is None:  # nothing but comments
        return ()
    if not isinstance(root, yaml.SequenceNode):
        raise UsageError(f"{where} is no list of sources", next_step=_EXAMPLE)
    sources = [_source(node, f"{where}, entry {i}") for i, node in enumerate(root.value, 1)]
    seen: dict[tuple[str, str, str], Source] = {}
    for source in sources:
        key = (source.kind, source.place, source.ref)
        if key in seen:
            raise UsageError(
                f"{where}, line {source.line}: {source.origin!r} is there already",
                found=f"line {seen[key].line}, {seen[key].name}",
                next_step="remove one of the two",
            )
        seen[key] = source
    return tuple(sorted(sources))


_EXAMPLE: Final = (
    "write a list of entries such as "
    "`- {kind: git, url: 'https://git.example.org/octo-org/tool.git', name: octo-org/tool}`"
)


def _source(node: yaml.Node, where: str) -> Source:
    line = node.start_mark.line + 1
    where = f"{where}, line {line}"
    values = _mapping(node, where)
    kind = _choose_kind(values.get("kind"), where)
    key = _location_key(kind, values, where)
    source = Source(
        name=_name(values, where),
        kind=kind,
        location=values[key],
        ref=_text(values, "ref", _REF, where, "a tag, a branch, a full commit id or a date"),
        branch=_text(values, "branch", _REF, where, "the name of a branch"),
        sha256=_text(values, "sha256", _SHA256, where, "64 lower-case hex digits, in quotes"),
        date=_date(values, where),
        stars=_count(values, "stars", where),
        forks=_count(values, "forks", where),
        fork_of=_fork_of(values, where),
        authors=_text(values, "authors", _TRUTH, where, "true or false") == "true",
        line=line,
    )
    _check_location(source, key, where)
    _check_kind(source, key, where)
    return source


def _mapping(node: yaml.Node, where: str) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(f"{where} is no mapping of keys to values", next_step=_EXAMPLE)
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, at = key_node.value, f"{where}: line {key_node.start_mark.line + 1}"
        if key not in _KEYS:
            raise UsageError(
                f"{at}: unknown key {key!r}",
                expected=f"one of {', '.join(_KEYS)}",
                next_step="remove it, or mend its spelling",
            )
        if key in values:
            raise UsageError(f"{at}: {key} is given twice", next_step="remove one of the two")
        if not isinstance(value_node, yaml.ScalarNode):
            raise UsageError(f"{at}: {key} must be one value", found="a list or a mapping")
        if not value_node.value.isprintable():
            raise UsageError(
                f"{at}: {key} holds a character that cannot be seen",
                found=ascii(_odd(value_node.value)),
                next_step="remove it",
            )
        # Plain text as written: YAML would make a number of the commit id 1234e567.
        is_number = key in {"stars", "forks"}
        values[key] = _number(value_node, at) if is_number else value_node.value
    return values


def _number(node: yaml.ScalarNode, where: str) -> int:
    if not re.fullmatch(r"\d{1,15}", node.value) or node.style is not None:
        raise UsageError(
            f"{where}: {node.value!r} is no count", expected="a whole number from 0 on"
        )
    return int(node.value)


def _choose_kind(kind: Any, where: str) -> Kind:
    if kind == "swh":
        raise UsageError(
            f"{where}: kind swh is not there yet",
            expected=f"one of {', '.join(_KINDS)}",
            next_step="take the repository as kind: git until then",
        )
    if kind not in _KINDS:
        raise UsageError(
            f"{where}: there is no kind {_said(kind)}" if kind else f"{where}: kind is missing",
            expected=f"one of {', '.join(_KINDS)}",
            next_step=_EXAMPLE,
        )
    return kind


def _location_key(kind: Kind, values: Mapping[str, Any], where: str) -> str:
    given = [key for key in ("url", "path", "purl") if values.get(key)]
    if len(given) != 1 or given[0] not in _KINDS[kind]:
        raise UsageError(
            f"{where}: an entry of kind {kind} says in one place where it is",
            expected=" or ".join(f"{key}: ..." for key in _KINDS[kind]),
            found=", ".join(given) or "none",
        )
    return given[0]


def _name(values: Mapping[str, Any], where: str) -> RepoName:
    if not values.get("name"):
        raise UsageError(
            f"{where}: name is missing",
            expected="name: owner/repo, which opt-outs and the dataset will call it by",
        )
    try:
        return RepoName(values["name"])
    except UsageError as error:
        raise UsageError(f"{where}: {error.what}", expected=error.expected) from error


def _fork_of(values: Mapping[str, Any], where: str) -> str:
    if "fork_of" not in values:
        return ""
    try:
        upstream, name = RepoName(values["fork_of"]), RepoName(values["name"])
    except UsageError as error:
        raise UsageError(f"{where}: fork_of: {error.what}", expected=error.expected) from error
    if upstream.folded == name.folded:
        raise UsageError(
            f"{where}: {name} cannot be a fork of itself",
            expected="fork_of: owner/repo of what it was forked from",
        )
    return upstream.text


def _text(
    values: Mapping[str, Any], key: str, pattern: re.Pattern[str], where: str, expected: str
) -> str:
    value = values.get(key, "")
    if key in values and not pattern.fullmatch(value):
        raise UsageError(f"{where}: {key} is {_said(value)}", expected=expected)
    return str(value)


def _date(values: Mapping[str, Any], where: str) -> str:
    text = _text(values, "date", _DATE, where, "2024-01-31 or 2024-01-31T12:00:00Z")
    if text:
        try:
            datetime.fromisoformat(text).astimezone(UTC)
        except ValueError as error:
            raise UsageError(f"{where}: {text!r} is no date of the calendar") from error
    return text


def _count(values: Mapping[str, Any], key: str, where: str) -> int:
    count = values.get(key, 0)
    assert isinstance(count, int), where
    return count


def _odd(text: str) -> str:
    """The first character that cannot be seen; the rest may be a secret."""
    return next(each for each in text if not each.isprintable())


def _said(text: str) -> str:
    """A value for an error, unless it may hold a credential: then only that."""
    return "not shown" if _HIDES.search(text) else repr(text[:80])


def _is_url(location: str) -> bool:
    return "://" in location


def _check_location(source: Source, key: str, where: str) -> None:
    _refuse_credential(where, is_one=_TOKEN.search(source.location) is not None)
    if key == "path":
        is_odd = source.kind == "git" and ":" in source.location
        if "\0" in source.location or is_odd or _SCHEMED.match(source.location):
            raise UsageError(
                f"{where}: this is no path of this machine",
                next_step="a repository of another machine is named by url:",
            )
        return
    if key == "purl":
        _check_purl(source, where)
        return
    scp = _SCP.fullmatch(source.location) if source.kind == "git" else None
    if scp is not None and scp[2].lower() not in _SCHEMES["git"]:
        named = (scp[1] or "").removesuffix("@")
        in_path = "@" in source.location[scp.end(2) :]
        _refuse_credential(where, is_one=in_path or not _is_ssh_user(named))
        return
    try:
        parts = urlsplit(source.location)
        user, password, _ = parts.username, parts.password, parts.port
    except ValueError:
        raise UsageError(
            f"{where}: the URL is none",
            expected="scheme://host/path, and a number for a port",
            next_step="mend it",
        ) from None  # the cause would show it
    if parts.scheme not in _SCHEMES[source.kind] or any(c.isspace() for c in source.location):
        raise UsageError(
            f"{where}: the URL is of a kind that is not read",
            expected=", ".join(f"{name}://" for name in sorted(_SCHEMES[source.kind])),
            found=parts.scheme or "no scheme",
            next_step="a file of this machine is named by path:",
        )
    if not source.location[len(parts.scheme) :].startswith("://") or (
        parts.scheme != "file" and not _HOST.fullmatch(parts.hostname or "")
    ):
        raise UsageError(
            f"{where}: the URL names no host",
            expected=f"{parts.scheme}://host/path",
            next_step="write the two slashes and the host",
        )
    is_ssh = parts.scheme == "ssh" and _is_ssh_user(user or "")
    _refuse_credential(where, is_one=password is not None or (bool(user) and not is_ssh))
    if {"?", "#"} & set(source.location) or _ENCODED.search(source.location):
        raise UsageError(
            f"{where}: the URL has a query or a fragment, which may hold a token, and sources.yaml "
            "and the dataset would publish it",
            next_step="remove it; what only a query gets, download, and name by path:",
        )


def _is_ssh_user(name: str) -> bool:
    return not name or _SSH_USER.fullmatch(name) is not None


def _refuse_credential(where: str, *, is_one: bool) -> None:
    if is_one:
        raise UsageError(
            f"{where}: the place holds a credential, which sources.yaml would publish",
            next_step="remove it there, and let ~/.ssh/config or ~/.netrc know it",
        )


def _check_purl(source: Source, where: str) -> None:
    try:
        purl = source.purl
    except ValueError as error:
        raise UsageError(f"{where}: {error}", expected=_PURLS) from error
    qualifiers = purl.qualifiers if isinstance(purl.qualifiers, Mapping) else {}
    namespace, version = purl.namespace or "", purl.version or ""
    is_good = {
        "pypi": not namespace
        and not qualifiers
        and _PYPI_NAME.fullmatch(purl.name)
        and _PYPI_VERSION.fullmatch(version),
        "npm": re.fullmatch(rf"(@{_NPM_NAME.pattern})?", namespace)
        and not qualifiers
        and _NPM_NAME.fullmatch(purl.name)
        and _NPM_VERSION.fullmatch(version),
        "deb": bool(namespace)
        and qualifiers == {"arch": "source"}
        and _DEB_NAME.fullmatch(purl.name)
        and _DEB_VERSION.fullmatch(version),
    }.get(purl.type)
    if not is_good or purl.subpath:
        raise UsageError(
            f"{where}: the purl names no package that can be got",
            expected=_PURLS,
            found=_said(source.location),
        )


_PURLS: Final = (
    "pkg:pypi/NAME@VERSION, pkg:npm/NAME@VERSION, pkg:npm/%40SCOPE/NAME@VERSION or "
    "pkg:deb/debian/SOURCE@VERSION?arch=source, with an exact version"
)


def _check_kind(source: Source, key: str, where: str) -> None:
    odd: Sequence[str] = [
        name
        for name in ("ref", "branch", "authors")
        if getattr(source, name) and source.kind != "git"
    ]
    if source.sha256 and source.kind in {"git", "directory"}:
        odd = [*odd, "sha256"]
    if odd:
        raise UsageError(
            f"{where}: {odd[0]} means nothing for kind {source.kind}", next_step="remove it"
        )
    if not source.sha256 and (source.kind == "package" or (source.kind, key) == ("archive", "url")):
        raise UsageError(
            f"{where}: sha256 is missing",
            expected="the hash that pins what is downloaded"
            + (" (of the .dsc)" if source.location.startswith("pkg:deb/") else ""),
            next_step="let `stackyard source add` get it and write the entry with its hash",
        )
