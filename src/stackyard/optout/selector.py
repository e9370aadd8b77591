"""What an opt-out names: the one parser of all ways to ask, and its canonical form.

In: a scope kind and the text that somebody wrote. Out: a `Selector`, or a refusal that says what to
write instead. Always holds: a text is either understood as exactly one selector or refused; no text
is ever understood as something wider than it says, so there is no prefix, substring or similarity
matching, and only ASCII names a repository (look-alikes are refused, not folded).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from stackyard.errors import UsageError
from stackyard.record import RepoName, Swhid, blob_digest

Kind = Literal["repo", "owner", "path", "blob", "author"]
KINDS: tuple[Kind, ...] = get_args(Kind)

FORGES = frozenset(
    {
        "bitbucket.org",
        "codeberg.org",
        "git.sr.ht",
        "gitea.com",
        "gitee.com",
        "github.com",
        "gitlab.com",
        "notabug.org",
        "salsa.debian.org",
    }
)
"""Forges whose URLs are `https://host/owner/repo`; other hosts' paths mean we do not know what."""

TEXT_MAX = 2_000
"""Characters of one selector: the longest path of Linux is 4,096 bytes, names end far below."""

NAME_MAX = 100
"""Characters of an owner or a repository: GitHub allows 39 and 100, GitLab 255 but uses fewer."""

_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_SCHEME = re.compile(r"(?:git\+)?(?:https?|ssh|git)://(?:[A-Za-z0-9_.-]+@)?(.*)", re.IGNORECASE)
_SCP = re.compile(r"[A-Za-z0-9_.-]+@([A-Za-z0-9.-]+):(?!\d+/)/?(.+)")
_PLACEHOLDER_OWNERS = frozenset(
    # A block of words reads better than a line a word.
    """
    owner user username user-name user_name yourname your-name your_name yourusername your-
    username your_username your-user github-username githubusername github-user my-username
    myusername org organization organisation your-org your_org your-organization org-name orgname
    account your-account name-of-your-account example-user none null nan na n-a no nothing unknown name me my all
    everything everyone any anything tbd todo xxx
    """.split()  # noqa: SIM905
)
_PLACEHOLDER_REPOS = frozenset(
    # A block of words reads better than a line a word.
    """
    repo repository reponame repo-name repo_name repo1 repo2 your-repo your_repo yourrepo your-
    repository my-repo myrepo name project projectname project-name your-project example none null
    all any everything
    """.split()  # noqa: SIM905
)
_EMPTY_BLOB = blob_digest(b"")
ADDRESS_MAX = 254
"""Characters of an e-mail address (RFC 5321, 4.5.3.1.3, less the angle brackets)."""
_ADDRESS = re.compile(
    r"([A-Za-z0-9.!#$&'+/=^_`|~-]{1,64})@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63})"
)
_PLACEHOLDER_LOCALS = frozenset(
    """
    author email e-mail mail name user username you your your-email your_email youremail your-name
    your_name yourname someone nobody noreply no-reply
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, order=True)
class Selector:
    """What is named, folded: `name` is `owner/repo`, `owner`, a SWHID or an address, in lower case.

    `host` is the forge if the request said one, else empty, which matches on any forge. `glob` is
    the path pattern of kind `path`, as written (paths have letter case), else empty.
    """

    kind: Kind
    name: str
    host: str = ""
    glob: str = ""

    def plain(self) -> dict[str, str]:
        """As JSON: the four fields, each a string."""
        return {"glob": self.glob, "host": self.host, "kind": self.kind, "name": self.name}

    def __str__(self) -> str:
        """What `parse` reads back as the same selector."""
        name = f"https://{self.host}/{self.name}" if self.host else self.name
        return f"{name}:{self.glob}" if self.kind == "path" else name


def parse(kind: str, text: str, *, stored: bool = False) -> Selector:
    """The selector that a text names.

    Args:
        kind: one of KINDS.
        text: what somebody wrote.
        stored: it was taken before, and counts even if it would not be taken today.

    Raises:
        UsageError: it names nothing, or not one thing, or not a thing of this kind.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no scope {kind[:40]!r}", expected=f"one of {', '.join(KINDS)}")
    cleaned = _cleaned(kind, text)
    if kind == "blob":
        return Selector("blob", _blob(cleaned))
    if kind == "author":
        return Selector("author", _author(cleaned))
    if kind == "owner":
        host, parts = _located(cleaned, kind)
        return Selector("owner", _owner(parts, host, text), host)
    if kind == "path":
        repo_text, glob = _path_parts(cleaned)
        host, parts = _located(repo_text, kind)
        why = None if stored else no_shell_glob(glob)
        if why is not None:
            raise _refused("path", text, why)
        return Selector("path", _repo(parts, host, repo_text), host, _glob(glob))
    host, parts = _located(cleaned, kind)
    return Selector("repo", _repo(parts, host, text), host)


def fold_name(name: str) -> str:
    """A name with its ASCII letters in lower case; others stay, so no look-alike becomes a name."""
    return name.translate(_LOWER)


_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def from_plain(values: object) -> Selector:
    """A selector from its JSON, which must be exactly what `Selector.plain` writes.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise UsageError("a stored selector is not an object of strings")
    try:
        selector = Selector(**values)
    except TypeError as error:
        raise UsageError(
            "a stored selector has other fields than glob, host, kind, name"
        ) from error
    if parse(selector.kind, str(selector), stored=True) != selector:
        raise UsageError(f"a stored selector is not in canonical form: {selector.kind}")
    return selector


def forge_identity(origin: str) -> tuple[str, str] | None:
    """(host, folded `owner/repo`) of an origin's URL on a known forge; None for other origins."""
    try:
        host, parts = _located(origin.split("#", 1)[0].split("?", 1)[0], "repo")
        return (host, _repo(parts[:2], host, origin)) if host else None
    except UsageError:
        return None


def host_of(origin: str) -> str:
    """Host of an origin that is a URL, lower case, without port and `www.`; empty for others."""
    match = _SCHEME.fullmatch(origin)
    rest = match[1] if match else (scp[1] if (scp := _SCP.fullmatch(origin)) else "")
    return _host(rest.split("/", 1)[0])


def glob_regex(glob: str) -> str:
    """A regular expression (RE2, anchored) for a glob; `?` and `*` stop at `/`, `**` does not.

    `**` stands alone between slashes: at the start and in the middle for any number of directories,
    at the end for everything below. A pattern whose last part has no wildcard names a file, or a folder
    with everything below: `docs` is what `docs/**` is, where it is a folder.
    """
    parts = glob.split("/")
    below = "" if "*" in parts[-1] or "?" in parts[-1] else r"(?:/.+)?"
    pieces: list[str] = []
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            pieces.append(r".+" if last else r"(?:[^/]+/)*")
        else:
            pieces.append("".join(_GLOB.get(c, re.escape(c)) for c in part) + ("" if last else "/"))
    return r"(?s)\A" + "".join(pieces) + below + r"\z"


def no_shell_glob(glob: str) -> str | None:
    """What is wrong with a pattern that other tools would read in another way; None if nothing is.

    `[id].ts` and `{x}` are names of files and stay what they are. Who writes `[a-z]` or `{a,b}` means
    what a shell does with it, which is not done here, and would get nothing.
    """
    if re.search(r"\[[!^]?(\w-\w)+\w*\]", glob):
        return "`[a-z]` stands for itself here; for one character of any kind write ?"
    if re.search(r"\{[^{}/]*,[^{}]*\}", glob):
        return "`{a,b}` stands for itself here; ask for each of them, or write * or ?"
    return None


_GLOB = {"*": r"[^/]*", "?": r"[^/]"}


def _cleaned(kind: str, text: str) -> str:
    if len(text) > TEXT_MAX:
        raise UsageError(
            f"a {kind} request of {len(text):,} characters",
            expected=f"at most {TEXT_MAX:,}",
            next_step=_WRITE[kind],
        )
    cleaned = text.strip()
    if not cleaned or not cleaned.strip("./*-_ "):
        raise _refused(kind, text, "it names nothing")
    strange = next((c for c in cleaned if not c.isprintable()), None)
    if strange is not None:
        raise _refused(kind, text, f"it holds the unprintable character U+{ord(strange):04X}")
    if kind != "path" and any(c in cleaned for c in "<>{}[]"):
        raise _refused(kind, text, "it looks like a template that nobody filled in")
    return cleaned


def _author(text: str) -> str:
    """An address; which one was given is never repeated, as errors end up in logs."""
    match = _ADDRESS.fullmatch(text)
    if match is None or len(text) > ADDRESS_MAX:
        raise _refused("author", "", "it is not one e-mail address, and nothing beside it")
    local, domain = match[1].lower(), match[2].lower()
    if local in _PLACEHOLDER_LOCALS:
        raise _refused("author", "", "it is an example, or an address that many share")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise _refused("author", "", "it is no address: its dots stand wrong")
    return f"{local}@{domain}"


def _located(text: str, kind: str) -> tuple[str, list[str]]:
    """Host (empty if none is given) and the parts of the path after it."""
    strange = next((c for c in text if not c.isascii()), None)
    if strange is not None:
        raise _refused(
            kind, text, f"U+{ord(strange):04X} is not a letter that names on forges are made of"
        )
    if any(c.isspace() for c in text):
        raise _refused(kind, text, "it holds a space; one request names one thing")
    if "?" in text or "#" in text:
        raise _refused(kind, text, "it has more than a name: a query or a fragment")
    match = _SCHEME.fullmatch(text)
    scp = None if match else _SCP.fullmatch(text)
    if match:
        host, _, path = match[1].partition("/")
    elif scp:
        host, path = scp[1], scp[2]
    else:
        first, _, rest = text.partition("/")
        host, path = (first, rest) if _host(first) in FORGES else ("", text)
    if "://" in path or "@" in path.removeprefix("@") or ":" in path:
        raise _refused(kind, text, "it is not a name")
    host = _host(host)
    if host and host not in FORGES:
        raise _refused(
            kind, text, f"{host} is not a forge whose addresses we can read; {_forge_list()}"
        )
    return host, path.removesuffix("/").split("/")


def _forge_list() -> str:
    return "known are " + ", ".join(sorted(FORGES))


def _host(text: str) -> str:
    name = text.rpartition("@")[2].partition(":")[0].lower().rstrip(".")
    return name.removeprefix("www.")


def _repo(parts: list[str], host: str, text: str) -> str:
    if len(parts) == 1:
        raise _refused("repo", text, "a repository needs its owner in front")
    if len(parts) != 2:  # noqa: PLR2004 - owner and name
        raise _refused("repo", text, "it has more parts than owner/name; for a folder use --path")
    owner, repo = _sourcehut(parts[0], host), _without_git(parts[1])
    if owner.lower() in _PLACEHOLDER_OWNERS and repo.lower() in _PLACEHOLDER_REPOS:
        raise _refused("repo", text, "it is the example of the form, not a repository of yours")
    if "*" in repo:
        raise _refused("repo", text, "a repository has no wildcard; for all of them use --owner")
    if len(owner) > NAME_MAX or len(repo) > NAME_MAX:
        raise _refused("repo", text, f"a name is longer than {NAME_MAX} characters")
    try:
        return RepoName(f"{owner}/{repo}").folded
    except UsageError as error:
        raise _refused("repo", text, "it has characters that no forge allows") from error


def _owner(parts: list[str], host: str, text: str) -> str:
    if len(parts) == 2 and parts[0] in {"orgs", "users", "groups"} and host:  # noqa: PLR2004
        parts = parts[1:]
    if len(parts) != 1:
        raise _refused("owner", text, "it names a repository; for one repository use --repo")
    owner = _sourcehut(parts[0].removeprefix("@"), host)
    if not _OWNER.fullmatch(owner) or len(owner) > NAME_MAX:
        raise _refused("owner", text, "it has characters that no forge allows")
    if owner.lower() in _PLACEHOLDER_OWNERS:
        raise _refused("owner", text, "it is the example of the form, not your account")
    if not host and owner.lower().removeprefix("www.") in FORGES:
        raise _refused("owner", text, "it names a forge, not an account on it")
    return owner.lower()


def _sourcehut(owner: str, host: str) -> str:
    return owner.removeprefix("~") if host == "git.sr.ht" else owner


def _without_git(repo: str) -> str:
    return repo[:-4] if repo.lower().endswith(".git") and len(repo) > 4 else repo  # noqa: PLR2004


def _path_parts(text: str) -> tuple[str, str]:
    """Splits `owner/name:GLOB`, also where the repository is a URL with a colon of its own."""
    scheme = _SCHEME.fullmatch(text)
    start = text.index("://") + 3 if scheme else 0
    if not scheme and (head := re.match(r"[A-Za-z0-9_.-]+@[A-Za-z0-9.-]+:", text)):
        start = head.end()
    slash = text.find("/", start)
    colon = text.find(":", slash if slash >= 0 else start)
    if colon < 0:
        raise _refused("path", text, "there is no `:` between the repository and the path")
    return text[:colon], text[colon + 1 :]


def _glob(glob: str) -> str:
    if not glob or glob != glob.strip():
        raise _refused("path", glob, "the path is empty or has spaces around it")
    parts = glob.split("/")
    if "\\" in glob:
        raise _refused("path", glob, "folders are separated by /")
    if parts[0] == "":
        raise _refused("path", glob, "a path starts at the repository, without / in front")
    if parts[-1] == "":
        raise _refused("path", glob, f"for everything in a folder write {glob[:-1]} or {glob}**")
    if any(part in {"", ".", ".."} for part in parts):
        raise _refused("path", glob, "a path has no empty part, . or ..")
    if any("**" in part and part != "**" for part in parts):
        raise _refused("path", glob, "** stands alone between slashes, as in docs/**/*.md")
    if set(parts) <= {"**", "*"} and "**" in parts:
        raise _refused("path", glob, "this is the whole repository; say so with --repo")
    return glob


def _blob(text: str) -> str:
    folded = text.lower()
    if ";" in folded:
        raise _refused("blob", text, "write it without what follows the semicolon")
    try:
        swhid = Swhid.parse(folded)
    except UsageError as error:
        raise _refused("blob", text, "it is not a SWHID") from error
    if swhid.kind != "cnt":
        raise _refused("blob", text, f"it names a {swhid.kind}, not the contents of one file")
    if swhid.digest == _EMPTY_BLOB:
        raise _refused("blob", text, "it is the empty file, which is nobody's")
    return str(swhid)


_WRITE = {
    "repo": "write --repo OWNER/NAME, as in --repo octo-org/parser",
    "owner": "write --owner NAME, as in --owner octo-org",
    "path": "write --path OWNER/NAME:GLOB, as in --path octo-org/parser:docs/**",
    "blob": "write --blob swh:1:cnt:<40 hex digits>",
    "author": "write --author NAME@DOMAIN, the address that `git log` shows; one request for each",
}


def _refused(kind: str, text: str, why: str) -> UsageError:
    return UsageError(
        f"this is not a request for a {kind}: {why}"
        if kind != "author"
        else f"this is not a request for a commit author: {why}",
        found=ascii(text[:80]) if kind != "author" else "",
        next_step=_WRITE[kind],
    )
