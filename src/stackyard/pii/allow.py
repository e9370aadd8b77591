"""Allow rules: what looks like a secret or personal data and is neither.

Each has an id, by which tests and documents name it, and a reason. They hold for every detector
of this room, the scan of a release included.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import NamedTuple


class Allow(NamedTuple):
    """One allow rule: whether the bytes before, of and after a match say that it is none."""

    name: str
    reason: str
    holds: Callable[[bytes, bytes, bytes], bool]


def first_that_holds(
    rules: Iterable[Allow], text: bytes, start: int, end: int, context: int = 64
) -> str | None:
    """Name of the first rule that holds for a span, or None; reads `context` bytes either side."""
    before, value = text[max(0, start - context) : start], text[start:end]
    after = text[end : end + context]
    return next((rule.name for rule in rules if rule.holds(before, value, after)), None)


PLACEHOLDER = re.compile(rb"(?:<|&lt;)([A-Z0-9_]{2,60})(?:-[0-9a-f]{8})?(?:>|&gt;)")
"""What redaction writes."""

PLACEHOLDER_BYTES_MAX = 80
"""60 of a name (the longest of an entity, of the second scanner, has 50), 9 of a hash, 8 of markup."""


def is_in_placeholder(text: bytes, start: int, end: int) -> bool:
    """Whether a span lies inside a placeholder: nothing there is ever a finding (law 6)."""
    low, high = start - PLACEHOLDER_BYTES_MAX, end + PLACEHOLDER_BYTES_MAX
    return end - start <= PLACEHOLDER_BYTES_MAX and any(
        match.start() <= start and end <= match.end()
        for match in PLACEHOLDER.finditer(text, max(0, low), min(len(text), high))
    )


_DUMMY = re.compile(
    rb"(?i)x{4,}|\*{3,}|(?<![a-z])(?:your|my|insert|replace|change|enter|put)[-_ ]?[a-z]*[-_ ]|example|"
    rb"changeme|change_me|placeholder|redacted|dummy|sample|fixme|todo|foobar|fake|not[-_ ]?(?:a[-_ ]?)?real|"
    rb"(?<![a-z])(?:re)?(?:moved|masked|hidden|saniti[sz]ed|scrubbed|omitted|filtered|censored|obfuscated|"
    rb"anonymi[sz]ed|stripped|withheld|elided|deleted|obscured|blanked|suppressed)(?![a-z])|\.\.\.|"
    rb"\xe2\x80\xa6|"
    rb"0{8,}|1{8,}|(?:0123456789|1234567890|abcdefghij|a1b2c3d4|deadbeef){1}"
)

_REFERENCE = re.compile(
    rb"\$\{|\$\(|\{\{|%(?:[sdrif]|[-+#]?[0-9]?\.[0-9]f|0[0-9]d)(?![0-9A-Za-z])|^\[|%\(|\{[a-z_]*\}|"
    rb"<[a-z][^<>]*>|^\$[A-Za-z_]|^env\.|^process\.|^os\.|^\[%|"
    rb"^@[A-Za-z]|^#\{|<%|^\*[A-Za-z_][\w-]*$|^%[A-Za-z_]\w*%$",
    re.IGNORECASE,
)


def is_dummy(value: bytes) -> bool:
    """Whether a value says of itself that it stands for another."""
    return bool(_DUMMY.search(value))


_WORD = re.compile(
    rb"(?i)(?:my|your|user|db|the|some|new|old|test|admin|root|super|a|top|v\d)?[-_.]?(?:password|"
    rb"passwd|pass|pwd|"
    rb"pw|secret|token|user(?:name)?|login|credentials?|key|auth|name)[-_.]?\d{0,3}|x-oauth-basic|"
    rb"x-access-token|guest|"
    rb"hidden|something|none|null|nil|true|false|undefined|empty|default|[a-z]"
)
_BADGE = re.compile(rb"/[\w./-]{0,60}\.svg\?(?:[\w=-]{1,20}&)?token=$")
_PUBLIC = re.compile(rb"AAAA(?:B3NzaC1|E2VjZHNh|C3NzaC1lZDI1NTE5)|SHA256:|MD5:")

TYPED_DISTINCT_MAX = 4
"""Distinct bytes up to which a value counts as typed: `aaaaaaaa`, `abababab`, `1212-1212`."""

_HEADING = re.compile(rb"(?:^|\n)[ \t]*(?://+|#+|\*+|--|;+|/\*+)?[ \t]*$")
SECTION_NUMBER_MAX = 99
_UPGRADE = re.compile(rb"(?i)(?:upgrad|updat|bump|backport|import)[a-z]*[^\n]{0,30}$")

_HOST_BEFORE = re.compile(
    rb"(?i)(?:ip|ipv4|addr(?:ess(?:es)?)?|hosts?|server|peer|remote|client|gateway|gw|dns|"
    rb"nameserver|proxy|node|"
    rb"master|slave|ping|ssh|telnet|curl|wget|connect|listen|bind|route|via|allow|deny|from|to|at|"
    rb"on|origin|inet|"
    rb"traceroute|whois|forwarded-for|subnet|network|domain|machine)[A-Za-z_]{0,8}[\"')\]]{0,2}[ "
    rb"\t]*(?:[=:(,>]|=>|is|was)?[ \t]*[\"'(\[]{0,2}$|"
    rb"(?:://|@|\\\\)$"
)
_HOST_AFTER = re.compile(rb":[0-9]{2,5}(?![0-9.-])|/[a-z]|[ \t]+(?:[a-z0-9-]+\.)+[a-z]{2,}")

_QUAD = re.compile(rb"(?<![\d.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\d.])")


def _is_among_hosts(around: bytes) -> bool:
    """Whether an address with a part that versions do not reach stands near: a list of hosts."""
    return any(
        SECTION_NUMBER_MAX < max(map(int, quad.groups())) <= OCTET_MAX
        for quad in _QUAD.finditer(around)
    )


OCTET_MAX = 255
VERSION_NUMBER_MAX = 15
"""Versions count from zero; the numbers of hosts are spread over 0..255."""

SECRET = (
    Allow(
        "template",
        "a reference to a variable is filled in elsewhere",
        lambda _b, value, _a: bool(_REFERENCE.search(value)),
    ),
    Allow(
        "dummy",
        "documentation keys say EXAMPLE, xxxx, your-key or count up",
        lambda _b, value, _a: is_dummy(value),
    ),
    Allow(
        "word",
        "a word for a password stands for one, in documentation and in tests",
        lambda _b, value, _a: bool(_WORD.fullmatch(value)),
    ),
    Allow(
        "public-key",
        "SSH public keys and fingerprints are meant to be seen",
        lambda _b, value, _a: bool(_PUBLIC.match(value)),
    ),
    Allow(
        "sample-account",
        "scott with the password tiger is the account of Oracle's samples",
        lambda before, value, _a: value.lower() == b"tiger" and b"scott" in before.lower(),
    ),
    Allow(
        "badge",
        "the token in a badge's address lets anybody see the badge, and nothing else",
        lambda before, _v, _a: bool(_BADGE.search(before)),
    ),
    Allow(
        "repeated",
        "a value of four distinct characters or fewer was typed, not drawn",
        lambda _b, value, _a: len(set(value)) <= TYPED_DISTINCT_MAX,
    ),
)
"""For every secret. Provider rules with a checksum need none but the first."""

_SPECIMEN = re.compile(
    rb"(?i)EXAMPLE|x{6,}|\*{3,}|\.\.\.|\xe2\x80\xa6|your[-_]|redacted|placeholder|(.)\1{9,}"
)

TOKEN = (
    SECRET[0],
    Allow(
        "specimen",
        "documentation credentials say EXAMPLE, your- or xxxxxx, or repeat one character ten times",
        lambda _b, value, _a: bool(_SPECIMEN.search(value)),
    ),
    SECRET[-1],
)
"""For credentials in a documented format: a prefix says more than digits that happen to count up."""

EXAMPLE_DOMAIN = re.compile(
    rb"(?i)(?:^|[@.])example\.|(?:^|[@.])(?:example|test|invalid|localhost|local|localdomain|internal|lan)$|"
    rb"(?:^|[@.])(?:example|domain|mydomain|yourdomain|company|email|foo|bar|foobar|acme|host|test|server|"
    rb"site|mysite|yoursite)\."
    rb"(?:com|net|org|edu|co\.uk|tld|de|fr|io|dev)$"
)
"""RFC 2606 and RFC 6761 names, and the few others that people make up addresses under."""

_FILE_TAIL = re.compile(
    rb"(?i)\.(?:png|jpe?g|gif|svg|webp|ico|css|s[ac]ss|less|js|mjs|cjs|jsx|ts|tsx|json|html?|xml|ya?ml|"
    rb"py|pyc|rb|php|java|class|jar|c|h|cc|cpp|hpp|rs|go|md|rst|txt|map|lock|toml|so|dll|exe|zip|gz|"
    rb"tgz|whl|service|socket|target|timer|mount|swift|kt|cs|vue|woff2?|ttf|example)$"
)

_REMOTE_USER = frozenset({b"git", b"hg", b"svn", b"gitlab", b"gitea", b"forgejo", b"anonymous"})

_ROLE = re.compile(rb"(?i)(?:no-?reply|do-?not-?reply|mailer-daemon)@")

_SSH_NAME = re.compile(rb"@(?:openssh\.com|ssh\.com|libssh\.org|lysator\.liu\.se|lag\.net)$")

_DEPENDENCY = re.compile(rb"[\d.]+(?:-[A-Za-z0-9.]+)?")

EMAIL = (
    Allow(
        "remote",
        "user@host:path names a repository, as in git@github.com:owner/repo",
        lambda before, value, after: (
            value.split(b"@")[0].lower() in _REMOTE_USER
            or before.endswith((b"ssh://", b"git+ssh://", b"sftp://", b"rsync://", b"svn+ssh://"))
            or (after[:1] == b":" and bool(re.match(rb":[~/A-Za-z][\w.-]*/", after)))
        ),
    ),
    Allow(
        "example-domain",
        "nobody can have an address there (RFC 2606, RFC 6761) or nobody does",
        lambda _b, value, _a: bool(EXAMPLE_DOMAIN.search(value)),
    ),
    Allow(
        "url-user",
        "user:password@host in a URL is a credential, not an address",
        lambda before, _v, _a: bool(re.search(rb"://[^\s/@'\"<>]*$", before)),
    ),
    Allow(
        "file-name",
        "image@2x.png, unit@host.service and the like name files",
        lambda _b, value, _a: bool(_FILE_TAIL.search(value)),
    ),
    Allow(
        "no-reply",
        "nobody reads what is sent there",
        lambda _b, value, _a: bool(_ROLE.match(value)),
    ),
    Allow(
        "protocol-name",
        "SSH names its extensions name@domain (RFC 4251, 6), as in keepalive@openssh.com",
        lambda _b, value, _a: bool(_SSH_NAME.search(value)),
    ),
    Allow(
        "package-version",
        "name@1.2.3 pins a package",
        lambda _b, value, _a: (
            value.split(b"@")[1][:1].isdigit() and bool(_DEPENDENCY.fullmatch(value.split(b"@")[1]))
        ),
    ),
    Allow(
        "message-id",
        "a Message-Id or a cid: names a message",
        lambda before, _v, _a: bool(re.search(rb"(?i)(?:message-id: *<?|cid:|mid:)$", before)),
    ),
)

VERSION_BEFORE = re.compile(
    rb"(?i)(?:version|(?<![a-z])(?:ver|v|rev|release|build|assembly|product|section|sec\.?|chapter|"
    rb"oid|rfc)|\xc2\xa7)[\"'()]*[ \t]*[=:(,\"'>]*[ \t]*[\"'(vV]*$"
)
_OID = re.compile(rb"(?:2\.5\.(?:4|8|29)|1\.3\.(?:6|14|36|101|132)|1\.2\.840|2\.16\.840|0\.9)\.")


def _is_public_resolver(value: bytes) -> bool:
    return value in PUBLIC_RESOLVERS


PUBLIC_RESOLVERS = frozenset(
    address.encode()
    for address in (
        "1.1.1.1", "1.0.0.1", "1.1.1.2", "1.0.0.2", "1.1.1.3", "1.0.0.3", "8.8.8.8", "8.8.4.4",
        "9.9.9.9", "9.9.9.10", "9.9.9.11", "149.112.112.112", "208.67.222.222", "208.67.220.220",
        "4.2.2.1", "4.2.2.2", "4.2.2.3", "4.2.2.4", "4.2.2.5", "4.2.2.6", "64.6.64.6", "64.6.65.6",
        "77.88.8.8", "77.88.8.1", "94.140.14.14", "94.140.15.15", "185.228.168.9", "185.228.169.9",
        "76.76.2.0", "76.76.10.0", "114.114.114.114", "223.5.5.5", "223.6.6.6", "119.29.29.29",
    )
)  # fmt: skip
"""DNS resolvers that anybody may use; their addresses name a service, not a person."""


def _is_not_global(value: bytes) -> bool:
    address = ipaddress.ip_address(value.decode("ascii"))
    return not address.is_global or address.is_multicast or value.startswith(b"192.0.0.")


COUNTED_DIGITS_MIN = 7
_COUNTED = b"0123456789" * 2


def _counts(digits: bytes) -> bool:
    """Whether digits count up or down from the first to the last, as in 12.34.56.78."""
    return len(digits) >= COUNTED_DIGITS_MIN and (digits in _COUNTED or digits in _COUNTED[::-1])


def _is_round(value: bytes) -> bool:
    """Whether it is a net mask, a prefix (a.b.0.0) or a made-up quad such as 1.2.3.4."""
    quad = [int(part) for part in value.split(b".")]
    return (
        quad[0] in {0, 255}
        or quad[2:] == [0, 0]
        or len(set(quad)) == 1
        or all(b - a == 1 for a, b in pairwise(quad))
        or all(a - b == 1 for a, b in pairwise(quad))
        or _counts(value.replace(b".", b""))
        or max(quad) <= VERSION_NUMBER_MAX
    )


_PRODUCT = re.compile(rb"(?:^|[\s\"'(;])[A-Za-z][A-Za-z0-9_-]{1,30}/$")
_PRODUCTS = re.compile(rb"[A-Za-z]{2}/[0-9]{1,4}\.[0-9]")

IPV4 = (
    Allow(
        "not-global",
        "private, loopback, link-local, documentation (RFC 5737), multicast and reserved ranges",
        lambda _b, value, _a: _is_not_global(value),
    ),
    Allow("public-resolver", "names a public DNS service", lambda _b, v, _a: _is_public_resolver(v)),
    Allow(
        "oid",
        "object identifiers of X.500, PKIX, ANSI and others begin 2.5, 1.3.6, 1.2.840, 2.16.840, ...",
        lambda _b, value, _a: bool(_OID.match(value)),
    ),
    Allow(
        "version",
        "four numbers after a word such as version are a version or a section",
        lambda before, _v, _a: bool(VERSION_BEFORE.search(before)),
    ),
    Allow(
        "section",
        "a comment or a line that begins with four small numbers and a word numbers a section",
        lambda before, value, after: bool(_HEADING.search(before))
        and bool(re.match(rb"[ \t]+[A-Za-z]", after))
        and max(map(int, value.split(b"."))) <= SECTION_NUMBER_MAX,
    ),
    Allow("round", "net masks, prefixes and quads of small numbers name no host",
          lambda _b, value, _a: _is_round(value)),
    Allow(
        "network",
        "a prefix length below 32 makes it a network, not a host",
        lambda _b, _v, after: bool(re.match(rb"/(?:[0-9]|[12][0-9]|3[01])(?![0-9.])", after)),
    ),
    Allow(
        "upgrade",
        "upgrade to 4.4.63.30, bump to, update from: small numbers there are a version",
        lambda before, value, _a: bool(_UPGRADE.search(before))
        and max(map(int, value.split(b"."))) <= SECTION_NUMBER_MAX,
    ),
    Allow(
        "release",
        "four small numbers that nothing calls an address are a version: one host in forty has such",
        lambda before, value, after: max(map(int, value.split(b"."))) <= SECTION_NUMBER_MAX
        and not _HOST_BEFORE.search(before)
        and not _HOST_AFTER.match(after)
        and not _is_among_hosts(before + b" " + after),
    ),
    Allow(
        "product",
        "after a product's name and a slash, with other products beside it: a version (RFC 9110, 10.1.5)",
        lambda before, _v, after: bool(_PRODUCT.search(before))
        and bool(_PRODUCTS.search(before[:-1] + b" " + after)),
    ),
    Allow(
        "constraint",
        "after a comparison of versions: >=1.2.3.4, ~>1.2.3.4, ==1.2.3.4, ^1.2.3.4",
        lambda before, _v, _a: bool(re.search(rb"(?:[<>!~^=]=|~>|[\^~])\s*$", before)),
    ),
)  # fmt: skip


ALLOCATED = tuple(
    ipaddress.IPv6Network(prefix)
    for prefix in (
        "2001:200::/23", "2001:400::/22", "2001:800::/21", "2001:1000::/20", "2001:2000::/19", "2001:4000::/18", "2001:8000::/17",
        "2003::/18", "2400::/12", "2410::/12", "2600::/12", "2610::/23", "2620::/23", "2630::/12", "2800::/12", "2a00::/11", "2c00::/12",
    )
)  # fmt: skip
"""Unicast space that IANA has given to the regional registries (IPv6 Global Unicast Address Assignments)."""

GROUPS_MAX, WRITTEN_GROUP_CHARS = 8, 4
_SPELLED = re.compile(
    rb"(?i)(?:^|:)(?:dead|beef|cafe|face|babe|feed|f00d|b00c|c0de|1234|abcd|9abc)(?=:|$)"
)


def _is_unallocated(value: bytes) -> bool:
    address = ipaddress.IPv6Address(value.decode("ascii"))
    return not any(address in network for network in ALLOCATED)


def _is_full(value: bytes) -> bool:
    """Whether all eight groups are written, most of them with four digits: nobody types that."""
    groups = value.split(b":")
    is_long = sum(len(group) == WRITTEN_GROUP_CHARS for group in groups) > GROUPS_MAX // 2
    return len(groups) == GROUPS_MAX and is_long


IPV6 = (
    Allow(
        "unallocated",
        "a short address in a block that no registry has is made up; one written in full may be changed",
        lambda _b, value, _a: _is_unallocated(value) and not _is_full(value),
    ),
    Allow(
        "spelled",
        "people spell words and count where they make an address up: dead:beef, face:b00c, 1234:5678",
        lambda _b, value, _a: bool(_SPELLED.search(value)),
    ),
    Allow(
        "not-global",
        "loopback, link-local, unique local, documentation (RFC 3849) and reserved ranges",
        lambda _b, value, _a: _is_not_global(value),
    ),
    Allow(
        "public-resolver",
        "names a public DNS service",
        lambda _b, value, _a: value.lower().startswith(
            (b"2606:4700:4700:", b"2001:4860:4860:", b"2620:fe:", b"2620:119:", b"2a10:50c0:")
        ),
    ),
)
