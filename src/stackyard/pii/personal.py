"""Addresses of people and machines: e-mail, IPv4, IPv6.

In: a text and where a candidate ends. Out: findings, after the allow rules. Always holds: a check
reads a bounded window around its candidate.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from stackyard.pii import allow
from stackyard.pii.findings import Finding

EMAIL_ANCHOR = (
    rb"[A-Za-z0-9_%+\x80-\xff-]@[A-Za-z0-9\x80-\xff][A-Za-z0-9\x80-\xff-]{0,62}\.[A-Za-z\x80-\xff]"
)
IPV4_ANCHOR = rb"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"
IPV6_ANCHOR = rb"[23][0-9a-fA-F]{3}:[0-9a-fA-F:]{2}"

AT_ANCHOR = (
    rb"[A-Za-z0-9_%+-](?:&#0{0,4}64;|&#x0{0,4}40;|&commat;|%40|\\u0040|\\x40| ?[\[({<] ?at ?[\])}>] ?)"
    rb"[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.| ?[\[({<] ?dot ?[\])}>] ?|&#46;|%2e)[A-Za-z]"
)
"""An `@` in other clothes: of HTML, of URLs, of strings, and as people write it for people."""

_CLOTHED = re.compile(
    rb"(?i)(?P<local>[A-Za-z0-9_+-](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9_+-])?)"
    rb"(?P<at>&#0{0,4}64;|&#x0{0,4}40;|&commat;|%40|\\u0040|\\x40| ?[\[({<] ?at ?[\])}>] ?)"
    rb"(?P<domain>(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.| ?[\[({<] ?dot ?[\])}>] ?|&#46;|%2e)){1,5}[A-Za-z]{2,24})"
    rb"(?![A-Za-z0-9_%]|%40|\()"
)
_DOT = re.compile(rb"(?i) ?[\[({<] ?dot ?[\])}>] ?|&#46;|%2e")

ENCODED_SCORE, SPOKEN_SCORE = 0.75, 0.5
"""An address that a machine would read; one that only people do, which `high` redacts."""

_LOCAL = bytes(range(0x80, 0x100)) + (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-"
)
LOCAL_BYTES_MAX = 64
"""RFC 5321, 4.5.3.1.1."""

_DOMAIN = re.compile(
    rb"(?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff-]{0,61}[A-Za-z0-9\x80-\xff])?\.){1,8}"
    rb"(?:xn--[A-Za-z0-9-]{2,59}|[A-Za-z\x80-\xff]{2,24})(?![A-Za-z0-9_\x80-\xff])"
)


def email(text: bytes, end: int) -> Iterator[Finding]:
    """The address whose `@` stands just before a candidate's end."""
    at = text.rfind(b"@", max(0, end - 256), end)
    low = max(0, at - LOCAL_BYTES_MAX)
    local = text[low:at]
    kept = local[len(local.rstrip(_LOCAL)) :].lstrip(b".%+-")
    # Escapes of a quoted string before the address: "\nuser@..." must not give nuser@...
    start = at - len(kept)
    if start > 0 and text[start - 1 : start] == b"\\" and kept[:1] in {b"n", b"r", b"t"}:
        start, kept = start + 1, kept[1:]
    match = _DOMAIN.match(text, at + 1, min(len(text), at + 255))
    if match is None or not kept or b".." in kept or kept.endswith(b"."):
        return
    is_whole = start > low or low == 0
    if is_whole and allow.first_that_holds(allow.EMAIL, text, start, match.end()) is None:
        yield Finding(start, match.end(), "email", "email", 0.9)


def email_in_other_clothes(text: bytes, end: int) -> Iterator[Finding]:
    """The address around an encoded or spoken `@`, by the same allow rules."""
    for match in _CLOTHED.finditer(text, max(0, end - 180), min(len(text), end + 120)):
        if match.start() >= end:
            return
        if match.end() < end:
            continue
        plain = match["local"] + b"@" + _DOT.sub(b".", match["domain"])
        before = text[max(0, match.start() - CONTEXT_BYTES) : match.start()]
        after = text[match.end() : match.end() + CONTEXT_BYTES]
        is_spoken = match["at"].strip()[:1] in {b"[", b"(", b"{", b"<"}
        if not any(rule.holds(before, plain, after) for rule in allow.EMAIL):
            score = SPOKEN_SCORE if is_spoken else ENCODED_SCORE
            yield Finding(*match.span(), "email", "email-in-other-clothes", score)


CONTEXT_BYTES = 64

_IPV4 = re.compile(
    rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}"
    rb"(?![0-9A-Za-z_]|\.[0-9])"
)
_BEFORE_IPV4 = re.compile(rb"(?:[0-9A-Za-z_-]|[0-9]\.|\.)$")


def ipv4(text: bytes, end: int) -> Iterator[Finding]:
    """The address whose last octet begins just before a candidate's end."""
    start = end - 1
    for _ in range(3):
        dot = text.rfind(b".", max(0, start - 4), start)
        start = dot
    first = text[max(0, start - 3) : start]
    start -= len(first) - len(first.rstrip(b"0123456789"))
    match = _IPV4.match(text, start, min(len(text), start + 17))
    if match is None or _BEFORE_IPV4.search(text[max(0, start - 2) : start]):
        return
    if allow.first_that_holds(allow.IPV4, text, start, match.end()) is None:
        yield Finding(start, match.end(), "ipv4", "ipv4", 0.8)


_IPV6_BYTES = b"0123456789abcdefABCDEF:."
IPV6_BYTES_MAX = 45
COLONS_MIN = 2


def ipv6(text: bytes, end: int) -> Iterator[Finding]:
    """The address of which a candidate is the first group."""
    start = end - 7
    before = text[start - 1 : start] if start > 0 else b""
    if before.isalnum() or before in {b":", b"_", b"."}:
        return
    window = text[start : start + IPV6_BYTES_MAX + 1]
    run = window[: len(window) - len(window.lstrip(_IPV6_BYTES))].rstrip(b".:")
    tail = text[start + len(run) : start + len(run) + 1]
    if tail.isalnum() or tail == b"_" or run.count(b":") < COLONS_MIN:
        return
    try:
        ipaddress.IPv6Address(run.decode("ascii"))
    except ValueError:
        return
    if allow.first_that_holds(allow.IPV6, text, start, start + len(run)) is None:
        yield Finding(start, start + len(run), "ipv6", "ipv6", 0.8)
