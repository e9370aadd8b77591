"""detect-secrets as a detector: its own plugins and filters, run on candidate lines alone.

In: a line that holds a candidate for a plugin. Out: the spans of what the plugin reports there.
Always holds: for a line of at most `lines.LINE_MAX` bytes the findings are those of
detect-secrets 1.5 with every plugin, without verification over the network, and with all its
filters of secrets and lines but one: a pragma in ingested code never switches redaction off.
Source: the installed distribution detect-secrets (Apache-2.0); no code of it is repeated here but
where a comment says what was replaced and why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, Literal, NamedTuple

from detect_secrets.filters import heuristic
from detect_secrets.plugins import high_entropy_strings, keyword
from detect_secrets.plugins.artifactory import ArtifactoryDetector
from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.cloudant import CloudantDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.ibm_cloud_iam import IbmCloudIamDetector
from detect_secrets.plugins.ibm_cos_hmac import IbmCosHmacDetector
from detect_secrets.plugins.ip_public import IPPublicDetector
from detect_secrets.plugins.jwt import JwtTokenDetector
from detect_secrets.plugins.mailchimp import MailchimpDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.softlayer import SoftlayerDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from detect_secrets.plugins.twilio import TwilioKeyDetector

Mode = Literal["quoted", "config", "go", "c", "c++"]
"""Which assignments the keyword plugin reads; detect-secrets takes it from the file's extension."""

KEYWORD_SETS: Mapping[Mode, Mapping[re.Pattern[str], int]] = {
    "quoted": keyword.QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP,
    "config": keyword.CONFIG_DENYLIST_REGEX_TO_GROUP,
    "go": keyword.GOLANG_DENYLIST_REGEX_TO_GROUP,
    "c": keyword.COMMON_C_DENYLIST_REGEX_TO_GROUP,
    "c++": keyword.C_PLUS_PLUS_REGEX_TO_GROUP,
}

_FOLDS = {"i": "\u0131\u0130", "k": "\u212a", "s": "\u017f"}
"""Characters outside ASCII that Python's case-folding regular expressions take for a letter."""

_ASSIGN = rb"[\"']?\]? *(?:=|:|:=|=>| +|::) *[\"']?"


def _fold(words: str) -> bytes:
    """A caseless pattern of bytes that matches what the words match in Python, folds included."""
    out = b""
    for letter in words:
        others = "|".join(_FOLDS.get(letter, ""))
        out += f"(?:{letter}|{others})".encode() if others else letter.encode()
    return out


_KEY_OR_PASS = (
    b"(?:" + b"|".join(map(_fold, ("key", "pwd", "pw", "password", "pass", "token"))) + b")"
)


class Plugin(NamedTuple):
    """A plugin, what its findings are called here, and the anchors (supersets) that wake it.

    `anchors`: assertion-free patterns of bytes, each with whether case is folded; any finding of
    the plugin holds a match of one of them. `is_whole`: the plugin's group is a part of the token
    (its prefix, say), so the whole match is what goes.
    """

    slug: str
    plugin: Any
    entity: str
    score: float
    anchors: tuple[tuple[bytes, bool], ...]
    is_whole: bool = False


PLUGINS: tuple[Plugin, ...] = (
    Plugin(
        "artifactory", ArtifactoryDetector(), "token_artifactory", 0.3,
        ((rb"AKC[a-zA-Z0-9]{10}", False), (rb"AP[0-9\x80-\xffA-F]{1,4}[a-zA-Z0-9]{8}", False)),
    ),
    Plugin(
        "aws", AWSKeyDetector(), "token_aws", 0.85,
        (
            (rb"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}", False),
            (
                rb"aw" + _fold("s") + rb"[^\n]{0,80}" + _KEY_OR_PASS
                + rb"[^\n]{0,80}['\"][0-9a-z/+\x80-\xff]{40,160}['\"]",
                True,
            ),
        ),
    ),
    Plugin("azure-storage", AzureStorageKeyDetector(), "token_azure", 0.95,
           ((rb"AccountKey=[a-zA-Z0-9+/=]{88}", False),)),
    Plugin("basic-auth", BasicAuthDetector(), "basic_auth", 0.3,
           ((rb"://[^\s:/?#\[\]@!$&'()*+,;=]+:[^\s:/?#\[\]@!$&'()*+,;=]+@", False),)),
    Plugin(
        "cloudant", CloudantDetector(), "token_cloudant", 0.75,
        (
            (rb"cl(?:oudant|ou)?[_-]?(?:ap" + _fold("i") + rb")?" + _KEY_OR_PASS + _ASSIGN
             + rb"[0-9a-z\x80-\xff]{24}", True),
            (rb"cloudant\.com", True),
        ),
    ),
    Plugin("discord", DiscordBotTokenDetector(), "token_discord", 0.75,
           ((rb"[MNO][a-zA-Z0-9_\x80-\xff-]{23,100}(?:\.[a-zA-Z0-9_\x80-\xff-]{6,27}){2}", False),)),
    Plugin("github", GitHubTokenDetector(), "token_github", 0.75,
           ((rb"gh[pousr]_[A-Za-z0-9_]{36}", False),), is_whole=True),
    Plugin(
        "gitlab", GitLabTokenDetector(), "token_gitlab", 0.75,
        ((rb"(?:gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent|oas)-|GR1348941)[A-Za-z0-9_-]{20}", False),),
        is_whole=True,
    ),
    Plugin("ibm-cloud-iam", IbmCloudIamDetector(), "token_ibm", 0.3,
           ((_KEY_OR_PASS + _ASSIGN + rb"[a-z0-9_\x80-\xff-]{44}", True),)),
    Plugin("ibm-cos-hmac", IbmCosHmacDetector(), "token_ibm", 0.75,
           ((_fold("secret") + rb"[-_]?(?:acce" + _fold("ss") + rb")?[-_]?" + _fold("key") + _ASSIGN
             + rb"[a-f0-9]{48}", True),)),
    Plugin("ip-public", IPPublicDetector(), "ipv4", 0.3,
           ((rb"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]", False),)),
    Plugin("jwt", JwtTokenDetector(), "jwt", 0.8,
           ((rb"eyJ[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]", False),)),
    Plugin("mailchimp", MailchimpDetector(), "token_mailchimp", 0.8,
           ((rb"[0-9a-z]{32}-us[0-9]", False),)),
    Plugin("npm", NpmDetector(), "token_npm", 0.75, ((rb":_authToken=", False),)),
    Plugin("openai", OpenAIDetector(), "token_openai", 0.9,
           ((rb"[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}", False),)),
    Plugin("private-key", PrivateKeyDetector(), "private_key", 0.2,
           ((rb"BEGIN (?:DSA |EC |OPENSSH |RSA )?PRIVATE KEY", False),
            (rb"BEGIN PGP PRIVATE KEY BLOCK", False),
            (rb"BEGIN SSH2 ENCRYPTED PRIVATE KEY", False),
            (rb"PuTTY-User-Key-File-2", False))),
    Plugin("pypi", PypiTokenDetector(), "token_pypi", 0.9,
           ((rb"pypi-Ag(?:EIcHlwaS5vcmc|ENdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{70}", False),)),
    Plugin("sendgrid", SendGridDetector(), "token_sendgrid", 0.9,
           ((rb"SG\.[a-zA-Z0-9_-]{22}\.[a-zA-Z0-9_-]{43}", False),)),
    Plugin(
        "slack", SlackDetector(), "token_slack", 0.75,
        (
            (rb"xox(?:[abopr]|" + _fold("s") + rb")-[0-9\x80-\xff]", True),
            (rb"hoo" + _fold("ks") + rb"\." + _fold("slack") + rb"\.com/" + _fold("services") + rb"/t",
             True),
        ),
    ),
    Plugin(
        "softlayer", SoftlayerDetector(), "token_softlayer", 0.75,
        (
            (_fold("sl") + rb"[_-]?(?:ap" + _fold("i") + rb")?[_-]?" + _KEY_OR_PASS + _ASSIGN
             + rb"[a-z0-9\x80-\xff]{64}", True),
            (_fold("softlayer") + rb"[_-]?(?:ap" + _fold("i") + rb")?[_-]?" + _KEY_OR_PASS + _ASSIGN
             + rb"[a-z0-9\x80-\xff]{64}", True),
            (rb"/" + _fold("soap") + rb"/v3", True),
        ),
    ),
    Plugin("square", SquareOAuthDetector(), "token_square", 0.8,
           ((rb"sq0csp-[0-9A-Za-z\\_-]{43}", False),)),
    Plugin("stripe", StripeDetector(), "token_stripe", 0.8,
           ((rb"[rs]k_live_[0-9a-zA-Z]{24}", False),)),
    Plugin("telegram", TelegramBotTokenDetector(), "token_telegram", 0.75,
           ((rb"[0-9\x80-\xff]:[0-9A-Za-z_-]{35}", False),)),
    Plugin("twilio", TwilioKeyDetector(), "token_twilio", 0.7,
           ((rb"(?:AC|SK)[a-z0-9]{32}", False),)),
    Plugin("entropy-base64", high_entropy_strings.Base64HighEntropyString(), "secret_high_entropy",
           0.3, ((rb"['\"][A-Za-z0-9+/\\_=-]{23,}['\"]", False),)),
    Plugin("entropy-hex", high_entropy_strings.HexHighEntropyString(), "secret_high_entropy",
           0.2, ((rb"['\"][0-9a-fA-F]{9,}['\"]", False),)),
    Plugin(
        "keyword", keyword.KeywordDetector(), "secret_keyword", 0.3,
        (
            (
                b"(?:" + b"|".join(
                    _fold(word.rstrip("?")) if "?" not in word
                    else _fold(word.split("_?")[0]) + b"_?" + _fold(word.split("_?")[1])
                    for word in keyword.DENYLIST if word.isascii()
                ) + b"|contra" + _fold("s") + b"e(?:\xc3\xb1|\xc3\x91)a)",
                True,
            ),
        ),
    ),
)  # fmt: skip
"""Every plugin of detect-secrets 1.5. Scores: what the pattern alone is worth; `strength` and the
rules of this room raise them where the value or its checksum says more."""


LONG_LINE = 256
_KEYWORD_WORD = re.compile(rb"(?i)key|pass|pwd|secret|contra" + rb"|[\xe2\xc4\xc5]")


def plugin_work(entry: Plugin, line: bytes) -> int:
    """Units of work that a plugin may spend on a line.

    The patterns of the keyword plugin begin at every word they know and may run to the end of the
    line from there; those of the others pass over it once.
    """
    if entry.slug != "keyword" or len(line) <= LONG_LINE:
        return len(line)
    return len(line) * (1 + len(_KEYWORD_WORD.findall(line)))


class Span(NamedTuple):
    """What a plugin found in a line, in characters of the line."""

    start: int
    end: int
    secret: str


def analyze(entry: Plugin, line: str, mode: Mode = "quoted") -> Iterator[Span]:
    """What a plugin reports on a line (without its line end), after the filters."""
    line = line.rstrip()
    if is_indirect_reference(line):
        return
    for span in sorted(set(_raw(entry, line, mode))):
        if not _is_filtered(entry.plugin, line, span.secret):
            yield span


def _raw(entry: Plugin, line: str, mode: Mode) -> Iterator[Span]:
    plugin = entry.plugin
    if entry.slug == "keyword":
        if mode == "quoted" and not _QUOTE.search(line):
            return  # each of its patterns asks for a quote
        for pattern, group, signs in _KEYWORD_STEPS[mode]:
            for sign in signs:
                if sign in line:
                    if match := pattern.search(line):
                        yield Span(*match.span(group), match[group])
                    break
    elif entry.slug.startswith("entropy-"):
        for match in plugin.regex.finditer(line):
            if _is_over_limit(plugin, match[2]):
                yield Span(match.start(2), match.end(2), match[2])
    else:
        for span in _regex_spans(entry, line):
            if entry.slug != "jwt" or plugin.is_formally_valid(span.secret):
                yield span


_ASKS_FOR: Mapping[re.Pattern[str], tuple[str, ...]] = {
    keyword.FOLLOWED_BY_COLON_EQUAL_SIGNS_REGEX: (":=",),
    keyword.FOLLOWED_BY_COLON_REGEX: (":",),
    keyword.FOLLOWED_BY_COLON_QUOTES_REQUIRED_REGEX: (":",),
    keyword.FOLLOWED_BY_EQUAL_SIGNS_OPTIONAL_BRACKETS_OPTIONAL_AT_SIGN_QUOTES_REQUIRED_REGEX: (
        "=",
        "!",
    ),
    keyword.FOLLOWED_BY_OPTIONAL_ASSIGN_QUOTES_REQUIRED_REGEX: ("(",),
    keyword.FOLLOWED_BY_EQUAL_SIGNS_REGEX: ("=",),
    keyword.FOLLOWED_BY_EQUAL_SIGNS_QUOTES_REQUIRED_REGEX: ("=",),
    keyword.PRECEDED_BY_EQUAL_COMPARISON_SIGNS_QUOTES_REQUIRED_REGEX: ("==", "!=", "!!", "=!"),
    keyword.FOLLOWED_BY_QUOTES_AND_SEMICOLON_REGEX: (";",),
    keyword.FOLLOWED_BY_ARROW_FUNCTION_SIGN_QUOTES_REQUIRED_REGEX: ("=",),
}
"""What a line must hold for a pattern of the keyword plugin to match it: one of these."""

_KEYWORD_STEPS = {
    mode: tuple((pattern, group, _ASKS_FOR[pattern]) for pattern, group in patterns.items())
    for mode, patterns in KEYWORD_SETS.items()
}
"""Patterns, their groups and what they ask for: laid out once, as hashing a pattern costs as much as a search."""

_QUOTE = re.compile("[\"'`]")
CLOSE_BITS = 1e-6
"""Bits within which the plugin's own sum decides, as floating point depends on the order."""


def _is_over_limit(plugin: Any, value: str) -> bool:
    """Whether the plugin's entropy of a value is over its limit; its own sum only where it is close."""
    distinct = set(value)
    if math.log2(len(distinct)) <= plugin.entropy_limit - CLOSE_BITS:
        return False  # the hexadecimal plugin only ever takes something away
    total = len(value)
    counts = map(value.count, distinct)
    bits = math.log2(total) - sum(n * math.log2(n) for n in counts if n > 1) / total
    if not value.isdigit() and abs(bits - plugin.entropy_limit) > CLOSE_BITS:
        return bits > plugin.entropy_limit
    return bool(plugin.calculate_shannon_entropy(value) > plugin.entropy_limit)


def _regex_spans(entry: Plugin, line: str) -> Iterator[Span]:
    for pattern in entry.plugin.denylist:
        groups = range(1, pattern.groups + 1) or (0,)
        for match in pattern.finditer(line):
            for group in groups:
                # With one group findall gives it even where it is empty; nothing to redact there.
                if match[group]:
                    start, end = match.span(0 if entry.is_whole else group)
                    yield Span(start, end, match[group])


_LETTER = re.compile("[A-Za-z]")


def _is_filtered(plugin: Any, line: str, secret: str) -> bool:
    return (
        heuristic.is_sequential_string(secret)
        or heuristic.is_potential_uuid(secret)
        or heuristic.is_likely_id_string(secret, line, plugin)
        or heuristic.is_templated_secret(secret)
        or heuristic.is_prefixed_with_dollar_sign(secret)
        or not _LETTER.search(secret)  # is_not_alphanumeric_string
    )


INDIRECT_LINE_MAX = 1000
"""Characters of the longest line that detect-secrets reads as an indirect reference."""


@cache
def _indirect() -> re.Pattern[str]:
    return re.compile(r"(?::=?|[!=]{1,3})\s*[\w.-]+[\[\(][^\v]*[\]\)]")


@lru_cache(maxsize=1)
def is_indirect_reference(line: str) -> bool:
    r"""Whether detect-secrets would read a line as a call or a look-up, and skip it.

    Its own pattern begins with `([^\v=!:]*)\s*`, which may be empty, so a search for the rest
    answers the same; without it, a run of spaces no longer costs the cube of its length.
    """
    return len(line) <= INDIRECT_LINE_MAX and bool(_indirect().search(line))
