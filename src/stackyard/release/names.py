"""Names of what a release holds: languages as path components, bucket ranges, paths.

Always holds: `language_slug` and `language_of` are exact inverses, so no two languages share a
name; every path of a release is of plain ASCII components, the same on every file system.
"""

from __future__ import annotations

import functools
import re

from stackyard.errors import UsageError
from stackyard.record import bucket_of

MANIFEST = "manifest.json"
ENVELOPE = "manifest.dsse.json"
UNLISTED = (ENVELOPE, MANIFEST)
"""The two files of a release that its manifest cannot list."""

_BUCKETS = 256
_WORDS = {"#": "~sharp", "*": "~star"}
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-")
_TOKEN = re.compile(r"~sharp|~star|((?:~[0-9a-f]{2})+)|(_)|([A-Za-z0-9.+-])")
_SLUG_LENGTH_MAX = 120
_COMPONENT = re.compile(r"[A-Za-z0-9_+~-][A-Za-z0-9._+~-]*(?<!\.)")
_PATH_LENGTH_MAX = 512
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, in any folder and with any extension: a file of such a name
cannot be written there, and writing goes to the device.
Source: Microsoft, "Naming Files, Paths, and Namespaces"."""
_RANGE = re.compile(r"([0-9a-f]{2})-([0-9a-f]{2})")
_SHARD = re.compile(r"data/([a-z_]+)/([^/]+)/([0-9a-f]{2}-[0-9a-f]{2})\.parquet")


@functools.lru_cache(maxsize=4096)
def language_slug(language: str) -> str:
    """A language's name as a path component and a config name.

    Letters, digits and `+ - .` stay; a space is `_`, `#` is `~sharp`, `*` is `~star`, and every
    other byte of its UTF-8 is `~` and two hex digits; so is a dot at either end, and the first letter
    of a name that Windows keeps for a device (`con`, `aux.x`).

    Raises:
        UsageError: the name is empty, too long or not text.
    """
    try:
        raw = "".join(_escape(character) for character in language)
    except UnicodeEncodeError:
        raw = ""
    if raw.startswith("."):
        raw = "~2e" + raw[1:]
    if raw.endswith("."):
        raw = raw[:-1] + "~2e"
    if _RESERVED.fullmatch(raw):
        raw = f"~{ord(raw[0]):02x}{raw[1:]}"
    if not raw or len(raw) > _SLUG_LENGTH_MAX:
        raise UsageError(
            f"{language[:40]!r} cannot name a language",
            expected=f"text that takes 1 to {_SLUG_LENGTH_MAX} characters as a path component",
        )
    return raw


@functools.lru_cache(maxsize=4096)
def language_of(slug: str) -> str:
    """The language that a slug names.

    Raises:
        UsageError: no language has this slug.
    """
    parts: list[str] = []
    at = 0
    while at < len(slug) and (token := _TOKEN.match(slug, at)):
        parts.append(_unescape(token))
        at = token.end()
    language = "".join(parts)
    if at < len(slug) or not slug or language_slug(language) != slug:
        raise UsageError(f"{slug[:80]!r} is not the slug of a language")
    return language


def bucket_range(bucket: int, ranges: int) -> str:
    """The range of buckets (hex, both ends included) that a bucket is in, of `ranges` equal ones."""
    width = _BUCKETS // ranges
    first = bucket // width * width
    return f"{first:02x}-{first + width - 1:02x}"


def bucket_range_of(repo_name: str, ranges: int) -> str:
    """The range that all files of a repository's owner are in."""
    return bucket_range(bucket_of(repo_name), ranges)


def is_bucket_range(text: str) -> bool:
    """Whether the text is a range of a power-of-two partition of the 256 buckets."""
    match = _RANGE.fullmatch(text)
    if match is None:
        return False
    first, last = int(match[1], 16), int(match[2], 16)
    width = last - first + 1
    return width > 0 and width & (width - 1) == 0 and first % width == 0


def shard_path(edition: str, language: str, buckets: str) -> str:
    """`data/<edition>/<language slug>/<bucket range>.parquet`."""
    return f"data/{edition}/{language_slug(language)}/{buckets}.parquet"


def parse_shard_path(path: str) -> tuple[str, str, str]:
    """Edition, language and bucket range of a shard's path.

    Raises:
        UsageError: it is not the path of a shard.
    """
    match = _SHARD.fullmatch(path)
    if match is None or not is_bucket_range(match[3]):
        raise UsageError(
            f"{path[:120]!r} is not the path of a shard",
            expected="data/<edition>/<language>/<bucket range>.parquet",
        )
    return match[1], language_of(match[2]), match[3]


def check_path(path: str) -> str:
    """The path, if a release may hold it: relative, of plain components, none of them hidden.

    Raises:
        UsageError: it is absolute, climbs, is hidden, too long or has other characters.
    """
    plain = len(path) <= _PATH_LENGTH_MAX and all(
        _COMPONENT.fullmatch(part) and not _RESERVED.fullmatch(part) for part in path.split("/")
    )
    if not plain or path in UNLISTED:
        raise UsageError(
            f"{path[:120]!r} cannot be a file of a release",
            expected="a relative path of letters, digits and . _ + ~ -, of no name that Windows keeps for"
            " a device, not the manifest itself",
        )
    return path


def _escape(character: str) -> str:
    if character in _PLAIN:
        return character
    if character == " ":
        return "_"
    return _WORDS.get(character) or "".join(f"~{byte:02x}" for byte in character.encode())


def _unescape(token: re.Match[str]) -> str:
    if token[1]:
        return bytes.fromhex(token[1].replace("~", "")).decode(errors="replace")
    if token[2]:
        return " "
    return token[3] or {"~sharp": "#", "~star": "*"}[token[0]]
