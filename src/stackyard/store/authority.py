"""Who may ask: evidence of authority over a repository or an account, looked for on the network.

`challenge` a file in the repository that holds a nonce, read by git at its public address
`commit`    a commit whose message holds it, signed by an SSH key that the forge lists for the owner
`dns`       a TXT record of the domain that the forge has verified for an organisation
`forge`     the forge's own word on the account whose token is in STACKYARD_FORGE_TOKEN

Always holds: only https to addresses that are public or that policy allows (each is resolved,
checked, and the connection pinned to it), no redirects, no credentials of this machine, no code of the
repository is run or checked out, at most `SIZE_MAX_BYTES` and `TIMEOUT_SECONDS`. A nonce is of one request, expires, and
is good once.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.optout.events import parse_timestamp, timestamp
from stackyard.optout.registry import Request
from stackyard.store.private import Private
from stackyard.store.reach import Reach
from stackyard.store.signed_commit import COMMIT_MAX_BYTES, check_commit, public_keys

PUBLIC = Reach()
CHALLENGE_PATH = ".stackyard-optout"
"""File at the root of the repository's default branch."""

SIZE_MAX_BYTES = 200_000_000
"""Of one file that git writes while it fetches one commit without contents of files."""

TIMEOUT_SECONDS = 60
TOKEN_VARIABLE = "STACKYARD_FORGE_TOKEN"  # noqa: S105 - the name of a variable
GITHUB_API = "https://api.github.com"
BRANCH = "stackyard-optout"
"""Where a signed commit is looked for; for an account, in its repository of this name."""

KEY_FORGES = frozenset(
    {"codeberg.org", "gitea.com", "github.com", "gitlab.com", "salsa.debian.org"}
)
"""Forges that list the public keys of an account at `https://<forge>/<account>.keys`."""

_HTTP_OK = 200
_FILE_MAX_BYTES = 4_096


@dataclass(frozen=True)
class Challenge:
    """What has to be found, and until when."""

    request: str
    nonce: str
    expires: str

    @property
    def text(self) -> str:
        return f"stackyard-optout {self.request} {self.nonce}"


def set_challenge(private: Private, request: str, hours: int, now: datetime) -> Challenge:
    """A new challenge for a request; an older one of it is void."""
    challenge = Challenge(request, secrets.token_hex(16), timestamp(now + timedelta(hours=hours)))
    private.set_challenge(request, challenge.nonce, challenge.expires)
    return challenge


def open_challenge(private: Private, request: str, now: datetime) -> Challenge | None:
    """The challenge of a request, unless there is none or it has expired."""
    found = private.challenge(request)
    if found is None or parse_timestamp(found[1]) < now:
        return None
    return Challenge(request, *found)


def instructions(request: Request, method: str, challenge: Challenge) -> str:
    """What the requester has to do, for the methods that have a challenge."""
    if method == "challenge":
        return (
            f"put this line into the file {CHALLENGE_PATH} on the default branch of "
            f"{repository_url(request)}:\n  {challenge.text}"
        )
    if method == "commit":
        return (
            f"push a commit with this line in its message, signed by an SSH key, to the branch {BRANCH} "
            f"of {signing_url(request)}:\n  {challenge.text}\n"
            "as by: git -c gpg.format=ssh -c user.signingKey=KEY.pub commit --allow-empty -S "
            f"-m '{challenge.text}' && git push origin HEAD:refs/heads/{BRANCH}"
        )
    if method == "dns":
        return (
            f"set a TXT record _stackyard-optout.DOMAIN, where DOMAIN is the one that GitHub shows as "
            f"verified for {request.selector.name}, to:\n  {challenge.text}"
        )
    raise UsageError(f"there is no challenge for the method {method}")


def check(
    request: Request,
    method: str,
    challenge: Challenge,
    reach: Reach = PUBLIC,
    keys: str | None = None,
) -> str:
    """What was seen that answers a challenge.

    Args:
        request: who asks for what.
        method: challenge, commit or dns.
        challenge: what to look for.
        reach: addresses that may be asked.
        keys: of the method commit: public keys that the operator vouches for, a line each; else those
            that the forge lists for the owner count.

    Raises:
        VerificationError: it is not there, or shows something else.
        EnvironmentFault: the forge or the domain cannot be reached.
    """
    if method == "challenge":
        return check_file(repository_url(request), challenge, reach=reach)
    if method == "commit":
        known = public_keys(keys) if keys is not None else forge_keys(request, reach)
        return check_signed(signing_url(request), challenge, known, reach=reach)
    return check_dns(verified_domain(request.selector.name, reach=reach), challenge)


def forge_token() -> str:
    """The requester's token, which is used once and kept nowhere.

    Raises:
        UsageError: there is none.
    """
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise UsageError(
            "the method forge needs a token of the account that asks",
            next_step=f"put one that can read repositories into {TOKEN_VARIABLE}; it is not kept",
        )
    return token


def repository_url(request: Request) -> str:
    """Public address of the repository that a request is about.

    Raises:
        UsageError: it names no forge, so there is no address.
    """
    selector = request.selector
    if not selector.host or "/" not in selector.name:
        raise UsageError(
            f"request {request.request} does not say where the repository is",
            next_step=f"submit it by address, as in --repo https://github.com/{selector.name}",
        )
    owner = "~" if selector.host == "git.sr.ht" else ""
    return f"https://{selector.host}/{owner}{selector.name}"


def signing_url(request: Request) -> str:
    """Where a signed commit for a request is looked for.

    Raises:
        UsageError: it names no forge, so there is no address.
    """
    selector = request.selector
    if selector.kind != "owner":
        return repository_url(request)
    if not selector.host:
        raise UsageError(
            f"request {request.request} does not say on which forge the account is",
            next_step=f"submit it by address, as in --owner https://github.com/{selector.name}",
        )
    owner = "~" if selector.host == "git.sr.ht" else ""
    return f"https://{selector.host}/{owner}{selector.name}/{BRANCH}"


def forge_keys(request: Request, reach: Reach = PUBLIC, base: str = "") -> list[str]:
    """Public SSH keys that a forge lists for the owner of what a request names.

    Raises:
        UsageError: the forge lists none that we can read.
        EnvironmentFault: it cannot be reached, or gives no answer.
    """
    host, owner = request.selector.host, request.selector.name.split("/", 1)[0]
    if host not in KEY_FORGES and not base:
        raise UsageError(
            f"{host or 'a request without a forge'} has no list of public keys that we can read",
            expected=", ".join(sorted(KEY_FORGES)),
            next_step="let the operator give the keys with --keys, after making sure whose they are",
        )
    answer = reach.get(f"{base or f'https://{host}'}/{owner}.keys", {"User-Agent": "stackyard"})
    if answer.status == 404 or answer.is_redirect:  # noqa: PLR2004 - HTTP
        return []  # an organisation has no keys
    if answer.status != _HTTP_OK:
        raise EnvironmentFault("the forge gave no answer", found=f"HTTP {answer.status}")
    return public_keys(answer.body.decode("utf-8", "replace"))


def check_signed(
    url: str,
    challenge: Challenge,
    keys: Sequence[str],
    protocols: Sequence[str] = ("https",),
    *,
    reach: Reach = PUBLIC,
) -> str:
    """Looks for the challenge in a signed commit at the tip of a repository's branch BRANCH.

    Args:
        url: of the repository.
        challenge: what to look for.
        keys: that may have signed it.
        protocols: as for `check_file`.
        reach: addresses that may be asked.
    """
    with _fetched(url, f"refs/heads/{BRANCH}", protocols, reach) as folder:
        size = int(_git(folder, "cat-file", "-s", "FETCH_HEAD"))
        if size > COMMIT_MAX_BYTES:
            raise VerificationError(
                "the commit is too long for a challenge", found=f"{size:,} bytes"
            )
        raw = _git(folder, "cat-file", "commit", "FETCH_HEAD")
        commit = _git(folder, "rev-parse", "FETCH_HEAD").decode().strip()
    key = check_commit(raw, challenge.text, keys)
    return f"commit {commit} of {url} with {challenge.text}, signed by {key}"


def check_file(
    url: str,
    challenge: Challenge,
    protocols: Sequence[str] = ("https",),
    *,
    reach: Reach = PUBLIC,
) -> str:
    """Looks for the challenge in a repository.

    Args:
        url: of the repository.
        challenge: what to look for.
        protocols: that git may use; only https unless an operator's code says otherwise.
        reach: addresses that may be asked.
    """
    with _fetched(url, "HEAD", protocols, reach) as folder:
        size = _git(folder, "cat-file", "-s", f"FETCH_HEAD:{CHALLENGE_PATH}", missing_ok=True)
        if not size or int(size) > _FILE_MAX_BYTES:
            raise _not_found(CHALLENGE_PATH, url, challenge)
        text = _git(folder, "cat-file", "blob", f"FETCH_HEAD:{CHALLENGE_PATH}")
        commit = _git(folder, "rev-parse", "FETCH_HEAD").decode().strip()
    if challenge.text not in text.decode("utf-8", "replace").splitlines():
        raise _not_found(CHALLENGE_PATH, url, challenge)
    return f"{CHALLENGE_PATH} with {challenge.text} in {url} at {commit}"


@contextlib.contextmanager
def _fetched(url: str, ref: str, protocols: Sequence[str], reach: Reach) -> Iterator[str]:
    """A bare repository that holds one commit of a ref, and goes away afterwards."""
    pins: list[str] = []
    if "https" in protocols and url.startswith("https://"):
        host = re.split(r"[/:]", url.removeprefix("https://"), maxsplit=1)[0]
        pins = ["-c", f"http.curloptResolve={host}:443:{reach.addresses(host)[0]}"]
    allowed = [item for name in protocols for item in ("-c", f"protocol.{name}.allow=always")]
    safe = [
        *("-c", "protocol.allow=never"), *allowed,
        *("-c", "http.followRedirects=false"), *("-c", "credential.helper="),
        *("-c", "core.hooksPath=/dev/null"), *("-c", "core.fsmonitor=false"),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="stackyard-challenge-") as folder:
        _git(folder, "init", "--quiet", "--bare", ".")
        _git(folder, *safe, *pins, "fetch", "--quiet", "--depth=1", "--no-tags", "--", url, ref)
        yield folder


def _not_found(where: str, url: str, challenge: Challenge) -> VerificationError:
    return VerificationError(
        f"the challenge is not in {where} of {url}",
        expected=f"the line: {challenge.text}",
        next_step=f"put it there, before {challenge.expires}, and run this again",
    )


def _git(folder: str, *arguments: str, missing_ok: bool = False) -> bytes:
    """Runs git with nothing of this machine's or user's configuration, bounded in time and size."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": folder,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "LC_ALL": "C",
    }
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
            preexec_fn=_limited,
        )
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(f"git took longer than {TIMEOUT_SECONDS} s") from error
    if done.returncode != 0:
        if missing_ok:
            return b""
        raise EnvironmentFault(
            "git cannot read the repository",
            found=done.stderr.decode("utf-8", "replace").strip()[-200:],
            next_step="check that it is public, and that its address is right",
        )
    return done.stdout


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE_MAX_BYTES, SIZE_MAX_BYTES))


def check_dns(
    domain: str, challenge: Challenge, nameservers: Sequence[tuple[str, int]] = ()
) -> str:
    """Looks for the challenge in the TXT records of `_stackyard-optout.<domain>`.

    Args:
        domain: the organisation's.
        challenge: what to look for.
        nameservers: (address, port) to ask; the system's unless told.
    """
    import dns.exception
    import dns.nameserver
    import dns.resolver

    name = f"_stackyard-optout.{domain}"
    resolver = dns.resolver.Resolver(configure=not nameservers)
    if nameservers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(*each) for each in nameservers]
    try:
        answer = resolver.resolve(name, "TXT", lifetime=TIMEOUT_SECONDS / 6, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        raise _not_found("the TXT records", name, challenge) from None
    except dns.exception.DNSException as error:
        raise EnvironmentFault(f"{name} cannot be looked up", found=type(error).__name__) from error
    texts = [b"".join(record.strings).decode("ascii", "replace") for record in answer]
    if challenge.text not in texts:
        raise _not_found("the TXT records", name, challenge)
    return f"TXT of {name}: {challenge.text}"


def verified_domain(organisation: str, api: str = GITHUB_API, *, reach: Reach = PUBLIC) -> str:
    """The domain that GitHub has verified for an organisation.

    Raises:
        VerificationError: there is none.
    """
    values = _ask(f"{api}/orgs/{organisation}", "", reach)
    site = str(values.get("blog") or "").removeprefix("https://").removeprefix("http://")
    domain = site.split("/", 1)[0].removeprefix("www.").lower()
    if values.get("is_verified") is not True or not re.fullmatch(
        r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", domain
    ):
        raise VerificationError(
            f"GitHub shows no verified domain for {organisation}",
            next_step="verify one there, or show authority in another way",
        )
    return domain


def check_forge(
    request: Request, token: str, api: str = GITHUB_API, *, reach: Reach = PUBLIC
) -> str:
    """Asks GitHub whether the token's account administers what a request names."""
    selector = request.selector
    if selector.host not in {"", "github.com"}:
        raise UsageError(f"the method forge asks GitHub, and cannot speak for {selector.host}")
    login = str(_ask(f"{api}/user", token, reach).get("login", ""))
    if selector.kind == "owner":
        if login.lower() == selector.name:
            return f"GitHub: the token is of {login}"
        membership = _ask(f"{api}/user/memberships/orgs/{selector.name}", token, reach)
        if membership.get("state") == "active" and membership.get("role") == "admin":
            return f"GitHub: {login} administers {selector.name}"
    else:
        found = _ask(f"{api}/repos/{selector.name}", token, reach)
        same = str(found.get("full_name", "")).lower() == selector.name
        if same and (found.get("permissions") or {}).get("admin") is True:
            return f"GitHub: {login} administers {selector.name}"
    raise VerificationError(
        f"GitHub does not say that {login or 'this account'} administers {selector.name}",
        next_step="use a token of an administrator, or show authority in another way",
    )


def _ask(url: str, token: str, reach: Reach) -> dict[str, Any]:
    headers = {"Accept": "application/vnd.github+json", "User-Agent": "stackyard"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = reach.get(url, headers)
    if answer.is_redirect:
        raise VerificationError(
            "what the request names has moved",
            next_step="submit a request under its present name",
        )
    if answer.status in {401, 403, 404}:
        return {}
    if answer.status != _HTTP_OK:
        raise EnvironmentFault("the forge gave no answer", found=f"HTTP {answer.status}")
    try:
        values = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise EnvironmentFault("the forge's answer is not JSON") from error
    return values if isinstance(values, dict) else {}


__all__ = [
    "BRANCH",
    "CHALLENGE_PATH",
    "KEY_FORGES",
    "PUBLIC",
    "Challenge",
    "check",
    "check_dns",
    "check_file",
    "check_forge",
    "check_signed",
    "forge_keys",
    "forge_token",
    "instructions",
    "open_challenge",
    "repository_url",
    "set_challenge",
    "signing_url",
    "verified_domain",
]
