"""What evidence is asked of: public addresses over https, and nothing else unless policy says so.

Always holds: a host's addresses are looked up once, each is checked, and the connection goes to the one
that was checked, so a name that answers differently the next time gains nothing; no redirect is
followed; an answer has at most `ANSWER_MAX_BYTES` and `SECONDS_MAX`, headers and slow drips included.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from stackyard.errors import EnvironmentFault, VerificationError

ANSWER_MAX_BYTES = 1_000_000
SECONDS_MAX = 10
_PIECE_BYTES = 16_384
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 names of IPv4 addresses (RFC 6052), private ones included where a gateway lets them."""

_UNICAST = ipaddress.ip_network("2000::/3")
"""All that IANA has given out of IPv6 for the internet: what lies outside of it is some special use."""

SPECIAL_PURPOSE = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local; metadata of clouds"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112: answers for private names"),
    ("192.52.193.0/24", "AMT relays"),
    ("192.88.99.0/24", "6to4 relays"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarks"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved; broadcast"),
    ("::/96", "IPv4-compatible; loopback and the unspecified address"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("64:ff9b:1::/48", "translation of a local network"),
    ("100::/64", "discard"),
    ("100:0:0:1::/64", "dummy prefix"),
    ("2001::/23", "protocol assignments; Teredo, benchmarks, ORCHID"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4: an IPv4 address inside"),
    ("2620:4f:8000::/48", "AS112"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)
"""Networks where no forge is, or that lead into the network that asks. Only names of addresses that
everybody reaches alike are evidence, so what is globally reachable for another purpose is here too.

Source: the special-purpose address registries of IANA (RFC 6890) for IPv4 and IPv6, as of 2025;
::/96, ::ffff:0:0:0/96 and fec0::/10 (RFC 4291, 2765, 3879) are withdrawn, and routers may still know them.
"""

_SPECIAL = tuple(ipaddress.ip_network(network) for network, _ in SPECIAL_PURPOSE)


@dataclass(frozen=True)
class Answer:
    """Status and body of an HTTP answer."""

    status: int
    body: bytes

    @property
    def is_redirect(self) -> bool:
        return 300 <= self.status < 400  # noqa: PLR2004 - HTTP


@dataclass(frozen=True)
class Reach:
    """Where evidence may be looked for.

    Attributes:
        networks: networks that may be asked though they are not public, as `10.1.0.0/16`; plain http is
            spoken there too, and nowhere else.
    """

    networks: tuple[str, ...] = ()

    def is_configured(self, address: str) -> bool:
        return any(_address(address) in ipaddress.ip_network(known) for known in self.networks)

    def addresses(self, host: str, port: int = 443) -> list[str]:
        """Addresses of a host, all of which may be asked.

        Raises:
            VerificationError: one of them is private, local, reserved, or not an address at all.
            EnvironmentFault: the name cannot be resolved.
        """
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise EnvironmentFault(
                f"{host[:200]} cannot be resolved", next_step="try again later"
            ) from error
        found = sorted({str(info[4][0]) for info in infos})
        for address in found:
            if not is_public(address) and not self.is_configured(address):
                raise VerificationError(
                    f"{host} is not a public address, so nothing is fetched from it",
                    found=address,
                    next_step="an operator who means it adds its network to evidence_networks in "
                    "registry/policy.json",
                )
        return found

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """What a URL answers; a redirect is an answer.

        Raises:
            VerificationError: it is no https URL of a public address.
            EnvironmentFault: it cannot be reached, or its answer is too long or too slow.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
        except ValueError:
            raise VerificationError("evidence is not fetched from what is no URL") from None
        address = self.addresses(host, port)[0]
        plain = parts.scheme == "http" and self.is_configured(address)
        if parts.scheme != "https" and not plain:
            raise VerificationError(
                f"evidence is fetched by https alone, not by {parts.scheme[:20]}"
            )
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection = _Pinned(host, port, address, is_tls=not plain)
        clock = threading.Timer(SECONDS_MAX, connection.cut)
        clock.start()
        try:
            connection.request("GET", target or "/", headers=dict(headers or {}))
            answer = _answer(connection)
        except (OSError, http.client.HTTPException) as error:
            raise EnvironmentFault(
                "the forge cannot be reached",
                found=type(error).__name__,
                next_step="try again later",
            ) from error
        finally:
            clock.cancel()
            clock.join()
            connection.close()
        if connection.is_cut:
            raise EnvironmentFault("the forge's answer is too slow", next_step="try again later")
        return answer


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, whatever the name resolves to by now."""

    def __init__(self, host: str, port: int, address: str, *, is_tls: bool) -> None:
        super().__init__(host, port, timeout=SECONDS_MAX)
        self._address = address
        self._is_tls = is_tls
        self.is_cut = False
        self._line: socket.socket | None = None

    def connect(self) -> None:
        plain = self._line = socket.create_connection((self._address, self.port), SECONDS_MAX)
        if self._is_tls:
            context = ssl.create_default_context()
            self.sock = self._line = context.wrap_socket(plain, server_hostname=self.host)
        else:
            self.sock = plain

    def cut(self) -> None:
        """Ends whatever is under way: a timeout of a socket counts from one byte to the next."""
        self.is_cut = True
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)


def _answer(connection: _Pinned) -> Answer:
    response = connection.getresponse()
    body = b""
    while part := response.read1(_PIECE_BYTES):
        body += part
        if len(body) > ANSWER_MAX_BYTES:
            raise EnvironmentFault("the forge's answer is too long")
    return Answer(response.status, body)


def is_public(text: str) -> bool:
    """Whether an address is one of the internet's: in no network of SPECIAL_PURPOSE."""
    address = _address(text)
    if address in _NAT64:
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.version == 6 and address not in _UNICAST:  # noqa: PLR2004 - IPv6
        return False
    return not any(address in network for network in _SPECIAL)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text.partition("%")[0])
