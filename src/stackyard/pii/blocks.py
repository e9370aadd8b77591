"""Private keys as whole blocks: PEM, OpenSSH, PGP, SSH2 and PuTTY.

Out: one finding from the first marker to the last, across lines, string literals and comment
signs. A header without key material (code that looks for keys names it) is worth little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackyard.pii.findings import Finding

ANCHORS = (rb"PRIVATE KEY(?: BLOCK)?-----", rb"PRIVATE KEY ----", rb"PuTTY-User-Key-File-[0-9]")

BLOCK_BYTES_MAX = 64 << 10
"""Longest block looked at: PGP keys with photographs reach tens of kilobytes."""

_BEGIN = re.compile(rb"-{4,5} ?BEGIN ((?:[A-Z0-9][A-Z0-9 ]{0,40} )?PRIVATE KEY(?: BLOCK)?) ?-{4,5}")
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/=]{16,}")
_BODY = re.compile(rb"(?:[A-Za-z0-9+/=]|[\s\"'\\,;+#*>|`.:-])*")
_MATERIAL = re.compile(
    rb"(?:\\[nrt]|[\s\"'\\,;+#*>|`.:()\[\]-]|[A-Z][A-Za-z-]{2,20}: ?[^\n\\]{0,120})*[A-Za-z0-9+/=]{16}"
)
"""What a key begins with: quotes, comment signs and headers (RFC 1421, RFC 4880), then base64."""

HEADERS_BYTES_MAX = 1024
_PUTTY_MAC = re.compile(rb"Private-(?:MAC|Hash): [0-9a-fA-F]{16,128}")
_PUTTY_LINES = re.compile(rb"Private-Lines: [0-9]{1,4}")
MATERIAL_BYTES_MIN = 40
"""Base64 letters in the shortest real key body (Ed25519 in PKCS#8 has 64)."""


def private_key(text: bytes, end: int) -> Iterator[Finding]:
    """The block whose first marker a candidate ends in."""
    low = max(0, end - 96)
    if text.startswith(b"PuTTY-User-Key-File-", max(0, end - 21)):
        yield from _putty(text, end - 21)
        return
    begins = _BEGIN.finditer(text, low, min(len(text), end + 96))
    begin = next((match for match in begins if match.start() < end <= match.end()), None)
    if begin is None:
        return
    limit = min(len(text), begin.end() + BLOCK_BYTES_MAX)
    dashes = begin[0][: begin[0].index(b"B")].rstrip()
    if not _MATERIAL.match(text, begin.end(), min(limit, begin.end() + HEADERS_BYTES_MAX)):
        yield Finding(begin.start(), begin.end(), "private_key", "private-key-marker", 0.2)
        return
    closing = text.find(b"END " + begin[1], begin.end(), limit)
    again = text.find(b"BEGIN " + begin[1], begin.end(), limit)
    if closing >= 0 and not 0 <= again < closing:
        stop = text.find(dashes, closing, min(len(text), closing + 96))
        stop = stop + len(dashes) if stop >= 0 else closing + 4 + len(begin[1])
    else:
        body = _BODY.match(text, begin.end(), limit)
        runs = list(_BASE64_RUN.finditer(text, begin.end(), body.end() if body else begin.end()))
        stop = runs[-1].end() if runs else begin.end()
    letters = sum(len(run[0]) for run in _BASE64_RUN.finditer(text, begin.end(), stop))
    score = 0.95 if letters >= MATERIAL_BYTES_MIN else 0.2
    yield Finding(begin.start(), stop, "private_key", "private-key-block", score)


def _putty(text: bytes, start: int) -> Iterator[Finding]:
    limit = min(len(text), start + BLOCK_BYTES_MAX)
    mac = _PUTTY_MAC.search(text, start, limit)
    if mac and _PUTTY_LINES.search(text, start, mac.start()):
        yield Finding(start, mac.end(), "private_key", "putty-key-block", 0.95)
