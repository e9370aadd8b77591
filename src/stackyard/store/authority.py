"""Who may ask: evidence of authority over a repository or an account, looked for on the network.

`challenge` a file in the repository that holds a nonce, read by git at its public address
`dns`       a TXT record of the domain that the forge has verified for an organisation
`forge`     the forge's own word on the account whose token is in STACKYARD_FORGE_TOKEN

Always holds: only https to addresses that are public (each is resolved, checked, and the connection
pinned to it), no redirects, no credentials of this machine, no code of the repository is run or
checked out, at most `SIZE_MAX_BYTES` and `TIMEOUT_SECONDS`. A nonce is of one request, expires, and
is good once.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import resource
import secrets
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.optout.events import parse_timestamp, timestamp
from stackyard.optout.registry import Request
from stackyard.store.private import Private

CHALLENGE_PATH = ".stackyard-optout"
"""File at the root of the repository's default branch."""

SIZE_MAX_BYTES = 200_000_000
"""Of one file that git writes while it fetches one commit without contents of files."""

TIMEOUT_SECONDS = 60
TOKEN_VARIABLE = "STACKYARD_FORGE_TOKEN"  # noqa: S105 - the name of a variable
GITHUB_API = "https://api.github.com"
_ANSWER_MAX_BYTES = 1_000_000
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
    if method == "dns":
        return (
            f"set a TXT record _stackyard-optout.DOMAIN, where DOMAIN is the one that GitHub shows as "
            f"verified for {request.selector.name}, to:\n  {challenge.text}"
        )
    raise UsageError(f"there is no challenge for the method {method}")


def check(request: Request, method: str, challenge: Challenge) -> str:
    """What was seen that answers a challenge.

    Raises:
        VerificationError: it is not there, or shows something else.
        EnvironmentFault: the forge or the domain cannot be reached.
    """
    if method == "challenge":
        return check_file(repository_url(request), challenge)
    return check_dns(verified_domain(request.selector.name), challenge)


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


def public_addresses(host: str) -> list[str]:
    """Addresses of a host, all of them public.

    Raises:
        VerificationError: one of them is private, local, reserved, or not an address at all.
        EnvironmentFault: the name cannot be resolved.
    """
    try:
        found = sorted({str(info[4][0]) for info in socket.getaddrinfo(host, 443)})
    except OSError as error:
        raise EnvironmentFault(f"{host} cannot be resolved", next_step="try again later") from error
    for address in found:
        if not _is_public(address):
            raise VerificationError(
                f"{host} is not a public address, so nothing is fetched from it", found=address
            )
    return found


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_global and not address.is_multicast)


def check_file(url: str, challenge: Challenge, protocols: Sequence[str] = ("https",)) -> str:
    """Looks for the challenge in a repository.

    Args:
        url: of the repository.
        challenge: what to look for.
        protocols: that git may use; only https unless an operator's code says otherwise.
    """
    pins: list[str] = []
    if "https" in protocols and url.startswith("https://"):
        host = re.split(r"[/:]", url.removeprefix("https://"), maxsplit=1)[0]
        pins = ["-c", f"http.curloptResolve={host}:443:{public_addresses(host)[0]}"]
    allowed = [item for name in protocols for item in ("-c", f"protocol.{name}.allow=always")]
    safe = [
        *("-c", "protocol.allow=never"), *allowed,
        *("-c", "http.followRedirects=false"), *("-c", "credential.helper="),
        *("-c", "core.hooksPath=/dev/null"), *("-c", "core.fsmonitor=false"),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="stackyard-challenge-") as folder:
        _git(folder, "init", "--quiet", "--bare", ".")
        _git(folder, *safe, *pins, "fetch", "--quiet", "--depth=1", "--no-tags", "--", url, "HEAD")
        size = _git(folder, "cat-file", "-s", f"FETCH_HEAD:{CHALLENGE_PATH}", missing_ok=True)
        if not size or int(size) > _FILE_MAX_BYTES:
            raise _not_found(CHALLENGE_PATH, url, challenge)
        text = _git(folder, "cat-file", "blob", f"FETCH_HEAD:{CHALLENGE_PATH}")
        commit = _git(folder, "rev-parse", "FETCH_HEAD").decode().strip()
    if challenge.text not in text.decode("utf-8", "replace").splitlines():
        raise _not_found(CHALLENGE_PATH, url, challenge)
    return f"{CHALLENGE_PATH} with {challenge.text} in {url} at {commit}"


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


def verified_domain(organisation: str, api: str = GITHUB_API) -> str:
    """The domain that GitHub has verified for an organisation.

    Raises:
        VerificationError: there is none.
    """
    values = _ask(f"{api}/orgs/{organisation}", "")
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


def check_forge(request: Request, token: str, api: str = GITHUB_API) -> str:
    """Asks GitHub whether the token's account administers what a request names."""
    selector = request.selector
    if selector.host not in {"", "github.com"}:
        raise UsageError(f"the method forge asks GitHub, and cannot speak for {selector.host}")
    login = str(_ask(f"{api}/user", token).get("login", ""))
    if selector.kind == "owner":
        if login.lower() == selector.name:
            return f"GitHub: the token is of {login}"
        membership = _ask(f"{api}/user/memberships/orgs/{selector.name}", token)
        if membership.get("state") == "active" and membership.get("role") == "admin":
            return f"GitHub: {login} administers {selector.name}"
    else:
        found = _ask(f"{api}/repos/{selector.name}", token)
        same = str(found.get("full_name", "")).lower() == selector.name
        if same and (found.get("permissions") or {}).get("admin") is True:
            return f"GitHub: {login} administers {selector.name}"
    raise VerificationError(
        f"GitHub does not say that {login or 'this account'} administers {selector.name}",
        next_step="use a token of an administrator, or show authority in another way",
    )


def _ask(url: str, token: str) -> dict[str, Any]:
    import httpx

    headers = {"Accept": "application/vnd.github+json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with httpx.stream(
            "GET", url, headers=headers, follow_redirects=False, timeout=TIMEOUT_SECONDS / 6
        ) as response:
            body = b""
            for part in response.iter_bytes():
                body += part
                if len(body) > _ANSWER_MAX_BYTES:
                    raise EnvironmentFault("the forge's answer is too long")
    except httpx.HTTPError as error:
        raise EnvironmentFault(
            "the forge cannot be reached", found=type(error).__name__, next_step="try again later"
        ) from error
    if response.is_redirect:
        raise VerificationError(
            "what the request names has moved",
            next_step="submit a request under its present name",
        )
    if response.status_code in {401, 403, 404}:
        return {}
    if response.status_code != 200:  # noqa: PLR2004 - HTTP
        raise EnvironmentFault("the forge gave no answer", found=f"HTTP {response.status_code}")
    try:
        values = json.loads(body)
    except ValueError as error:
        raise EnvironmentFault("the forge's answer is not JSON") from error
    return values if isinstance(values, dict) else {}


__all__ = [
    "CHALLENGE_PATH",
    "Challenge",
    "check",
    "check_dns",
    "check_file",
    "check_forge",
    "forge_token",
    "instructions",
    "open_challenge",
    "public_addresses",
    "repository_url",
    "set_challenge",
    "verified_domain",
]
