"""Names of people in headers and of accounts in paths; looked for only where they are opted in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackyard.pii.findings import Finding

AUTHOR_ANCHORS = (rb"@author[ \t:]", rb"author[s]?[ \t]?:", rb"copyright[^\n]{0,24}[0-9]{4}[ ,]")
_AUTHOR = re.compile(
    r"(?i:@author[ \t:]+|authors?[ \t]?:[ \t]*|copyright[^\n]{0,12}?[0-9]{4}(?:[-, ]+[0-9]{4})*,?[ \t]+(?:by[ \t]+)?)"
    r"(?P<name>[A-Z][\w'\u2019.-]{0,30}(?:[ \t]+[A-Z][\w'\u2019.-]{0,30}){1,3})"
)
_ORGANISATION = re.compile(
    r"(?i)\b(?:inc|llc|ltd|gmbh|corp|corporation|foundation|project|team|authors|contributors|company|"
    r"software|technologies|university|institute|group|labs|b\.v|s\.a|ag|community|all rights)\b"
)

USERNAME_ANCHORS = (rb"/(?:home|Users)/[A-Za-z0-9]", rb"[\\/]Users[\\/]{1,2}[A-Za-z0-9]")
_HOME = re.compile(
    rb"(?:/home/|[\\/]Users[\\/]{1,2})(?P<name>[A-Za-z0-9][A-Za-z0-9._-]{1,31})(?=[\\/\s'\":])"
)
_SHARED = frozenset(
    b"user username runner ubuntu vagrant root admin public shared default circleci travis docker node app "
    b"me you git jenkins build vsts pi deploy test www foo bar name".split()
)
LINE_BYTES = 200


def author(text: bytes, end: int) -> Iterator[Finding]:
    """The name after `@author`, `Author:` or a copyright year, but of organisations."""
    start = max(0, end - 64)
    line = text[start : end + LINE_BYTES].decode("utf-8", "replace")
    if "\ufffd" in line:
        line = text[start : end + LINE_BYTES].decode("latin-1")
    shift = len(line) == len(text[start : end + LINE_BYTES])
    for match in _AUTHOR.finditer(line):
        low, high = match.span("name")
        if not shift:
            low, high = len(line[:low].encode()), len(line[:high].encode())
        if not _ORGANISATION.search(match["name"]):
            yield Finding(start + low, start + high, "author_name", "author", 0.75)


def username(text: bytes, end: int) -> Iterator[Finding]:
    """The account in a home directory's path, but those that machines share."""
    for match in _HOME.finditer(text, max(0, end - 12), min(len(text), end + 64)):
        if match["name"].lower() not in _SHARED:
            yield Finding(*match.span("name"), "username", "home-directory", 0.75)
