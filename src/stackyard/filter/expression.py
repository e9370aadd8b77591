"""SPDX licence expressions: canonical form of what people write, and the class of an expression.

In: text as a tag, a manifest or a Debian stanza has it. Out: an expression over SPDX ids,
`LicenseRef-*`, AND, OR, WITH in one canonical form, or None for what states nothing.
Source: SPDX 3.0.1, annex B; ids and categories: the ScanCode licence index in license-expression.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable
from importlib import resources
from typing import Any, Final

import license_expression

UNRECOGNIZED: Final = "LicenseRef-unrecognized"
"""A licence that is stated but not known: a text that no detector names, an id that is none."""

RESTRICTED: Final = "LicenseRef-scancode-proprietary-license"
"""Words that limit or deny the use of what they speak of, whatever licence is named beside them."""

PUBLIC_DOMAIN: Final = "LicenseRef-scancode-public-domain"

_WORDS = {
    # What manifests and Debian stanzas say, folded: exact statements only, no versions guessed.
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache2": "Apache-2.0",
    "apache-2": "Apache-2.0",
    "apache v2": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache license version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache software license 2.0": "Apache-2.0",
    "artistic": "Artistic-1.0-Perl",
    "artistic-2": "Artistic-2.0",
    "asl 2.0": "Apache-2.0",
    "asl-2.0": "Apache-2.0",
    "boost software license 1.0": "BSL-1.0",
    "bsd": "LicenseRef-scancode-bsd-unchanged",
    "bsd license": "LicenseRef-scancode-bsd-unchanged",
    "bsd2": "BSD-2-Clause",
    "bsd3": "BSD-3-Clause",
    "mit + file license": "MIT",
    "perl-5": "Artistic-1.0-Perl OR GPL-1.0-or-later",
    "apache-2-0": "Apache-2.0",
    "bsd-2": "BSD-2-Clause",
    "bsd-3": "BSD-3-Clause",
    "bsd-4": "BSD-4-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "3-clause bsd": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause",
    "new bsd license": "BSD-3-Clause",
    "modified bsd": "BSD-3-Clause",
    "simplified bsd": "BSD-2-Clause",
    "cc0": "CC0-1.0",
    "expat": "MIT",
    "fsfullr": "FSFULLR",
    "ftl": "FTL",
    "isc license": "ISC",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mit/x11": "MIT",
    "mit/expat": "MIT",
    "the mit license": "MIT",
    "x11": "X11",
    "mozilla public license 2.0": "MPL-2.0",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "mpl 2.0": "MPL-2.0",
    "mpl-2": "MPL-2.0",
    "psf": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "public domain": PUBLIC_DOMAIN,
    "public-domain": PUBLIC_DOMAIN,
    "publicdomain": PUBLIC_DOMAIN,
    "pd": PUBLIC_DOMAIN,
    "the unlicense": "Unlicense",
    "the unlicense (unlicense)": "Unlicense",
    "unlicense": "Unlicense",
    "wtfpl": "WTFPL",
    "zlib/libpng": "Zlib",
    "zlib license": "Zlib",
    "zope public license": "ZPL-2.1",
    "sil-1.1": "OFL-1.1",
    # Ids that the SPDX list has given up for an expression.
    "ecos-2.0": "GPL-2.0-or-later WITH eCos-exception-2.0",
    "gpl-2.0-with-autoconf-exception": "GPL-2.0-only WITH Autoconf-exception-2.0",
    "gpl-2.0-with-bison-exception": "GPL-2.0-only WITH Bison-exception-2.2",
    "gpl-2.0-with-classpath-exception": "GPL-2.0-only WITH Classpath-exception-2.0",
    "gpl-2.0-with-font-exception": "GPL-2.0-only WITH Font-exception-2.0",
    "gpl-2.0-with-gcc-exception": "GPL-2.0-only WITH GCC-exception-2.0",
    "gpl-3.0-with-autoconf-exception": "GPL-3.0-only WITH Autoconf-exception-3.0",
    "gpl-3.0-with-gcc-exception": "GPL-3.0-only WITH GCC-exception-3.1",
    "wxwindows": "LGPL-2.0-or-later WITH WxWindows-exception-3.1",
    # What CPAN's metadata (CPAN::Meta::Spec 2, "license") calls them.
    "agpl-3": "AGPL-3.0-only",
    "apache-1-1": "Apache-1.1",
    "artistic-1": "Artistic-1.0",
    "freebsd": "BSD-2-Clause",
    "gfdl-1-2": "GFDL-1.2-only",
    "gfdl-1-3": "GFDL-1.3-only",
    "gpl-1": "GPL-1.0-only",
    "lgpl-2-1": "LGPL-2.1-only",
    "lgpl-3-0": "LGPL-3.0-only",
    "mozilla-1-0": "MPL-1.0",
    "mozilla-1-1": "MPL-1.1",
    "qpl-1-0": "QPL-1.0",
    "ofl": "OFL-1.1",
}
_PROPRIETARY = frozenset(
    {"unlicensed", "proprietary", "commercial", "all rights reserved", "see license", "none"}
)
_NOTHING = frozenset(
    {"", "otherlicense", "unknown", "noassertion", "none", "n/a", "todo", "other", "tbd"}
)
_GNU = re.compile(
    r"(?:gnu )?(?P<family>agpl|lgpl|gpl|gfdl|fdl|(?:gnu )?(?:affero |lesser |library )?general public licen[sc]e)"
    r"(?:[ -]?(?:v|version ?)?(?P<version>\d(?:\.\d)?))?"
    r"(?:\.0)?(?P<later>\+| or later|-or-later|\+\+)?(?P<only>-only| only)?"
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]*")


@functools.cache
def _licensing() -> Any:
    return license_expression.get_spdx_licensing()


@functools.cache
def _index() -> dict[str, dict[str, Any]]:
    """Entry of the index by each SPDX key it has, current or former, folded."""
    found: dict[str, dict[str, Any]] = {}
    for entry in license_expression.get_license_index():
        keys = [entry.get("spdx_license_key"), *entry.get("other_spdx_license_keys", ())]
        for key in keys:
            if key:
                found.setdefault(key.lower(), entry)
    return found


_FILLERS = frozenset({"the", "license", "licenses", "licence", "software", "version", "v"})
_VERSION = re.compile(r"v?(\d+(?:\.\d+)*?)(?:\.0)?")


def _plain(name: str) -> str:
    """Words of a licence's name that tell it apart: `The Apache Software License, Version 2.0` and
    `Apache License 2` are both `apache 2`.
    """
    words = re.findall(r"[a-z0-9.+]+", name.lower())
    told = [word.strip(".") for word in words if word.strip(".") not in _FILLERS]
    versions = [_VERSION.fullmatch(word) for word in told]
    return " ".join(m[1] if m else word for m, word in zip(versions, told, strict=True))


@functools.cache
def _listed() -> dict[str, str]:
    """Name of each licence of the SPDX list by its id; it has some that the index has not."""
    text = (resources.files("stackyard.filter.data.spdx") / "names.json").read_text("utf-8")
    return dict(json.loads(text)["names"])


@functools.cache
def _names() -> dict[str, str]:
    """Id by folded id, and by the plain form of the name; names that two licences have are left out."""
    ids: dict[str, set[str]] = {}
    for key, name in _listed().items():
        entry = _index().get(key.lower())
        current = str(entry["spdx_license_key"]) if entry is not None else key
        ids.setdefault(_plain(name), set()).add(current)
    named = {plain: found.pop() for plain, found in ids.items() if plain and len(found) == 1}
    return named | {key.lower(): key for key in _listed() if key.lower() not in _index()}


def category(license_id: str) -> str:
    """Category of a licence or exception id in the ScanCode index, "" if it is not there."""
    entry = _index().get(license_id.lower())
    return "" if entry is None else str(entry["category"])


def _single(text: str) -> str | None:
    """Canonical id of a text that names one licence, None if it names none that is known."""
    folded = " ".join(text.lower().replace("_", "-").split()).strip(" .,;'\"()")
    folded = re.sub(r"^the ", "", folded)
    if folded in _WORDS:
        return _WORDS[folded]
    entry = _index().get(folded) or _index().get(folded.replace(" ", "-"))
    if entry is not None and entry["spdx_license_key"]:
        return str(entry["spdx_license_key"])
    if folded.endswith("+"):
        base = _single(folded[:-1])
        if base is not None:
            later = _index().get(base.lower().replace("-only", "") + "-or-later")
            return base if later is None else str(later["spdx_license_key"])
    match = _GNU.fullmatch(folded.replace(",", ""))
    if match is not None:
        return _gnu(match)
    named = _names().get(folded) or _names().get(_plain(folded))
    if named is not None:
        return named
    for suffix in (" licence", " license", "-license", "-licence", " licenses"):
        if folded.endswith(suffix):
            return _single(folded.removesuffix(suffix))
    return None


def _gnu(match: re.Match[str]) -> str | None:
    family = match["family"]
    for word, short in (("affero", "agpl"), ("lesser", "lgpl"), ("library", "lgpl")):
        if word in family:
            family = short
    if family.endswith(("license", "licence")):
        family = "gpl"
    if family in {"fdl", "gfdl"}:
        family = "gfdl"
    version = match["version"]
    if version is None:  # GPL without a version: any version (GPL-2.0, section 9)
        version = {"gpl": "1.0", "lgpl": "2.0", "agpl": "3.0", "gfdl": "1.1"}[family]
        later = True
    else:
        later = match["later"] is not None
        version = version if "." in version else f"{version}.0"
    if family == "gfdl" and version.endswith(".0"):
        version = "1.1"
    key = f"{family}-{version}-{'or-later' if later else 'only'}"
    entry = _index().get(key)
    return None if entry is None else str(entry["spdx_license_key"])


@functools.lru_cache(maxsize=1 << 16)
def canonical(text: str) -> str | None:
    """Canonical expression of a statement.

    Returns:
        The expression; UNRECOGNIZED for a statement that names no known licence; None for a text
        that says nothing (`UNKNOWN`, `NOASSERTION`, empty).
    """
    if len(text) > _LENGTH_MAX:
        return UNRECOGNIZED
    cleaned = " ".join(text.split()).strip(" .,;'\"")
    if cleaned.lower() in _NOTHING:
        return None
    if cleaned.lower() in _PROPRIETARY or cleaned.lower().startswith("see licen"):
        return None if cleaned.lower().startswith("see licen") else UNRECOGNIZED
    whole = _single(cleaned)
    if whole is not None:
        return whole
    try:
        return simplify(_joined(cleaned))
    except (_NotUnderstoodError, license_expression.ExpressionError, RecursionError):
        return UNRECOGNIZED


_LENGTH_MAX = 1000  # characters; longer statements are prose


class _NotUnderstoodError(Exception):
    """A part of a statement names no licence."""


_TOKENS = re.compile(
    r"\s*(\(|\)|,\s*(?:and\b|or\b)?|(?<![\w.+-])(?:and/or|and|or|with)(?![\w.+-])|/|\|\|?|&&?)\s*",
    re.IGNORECASE,
)


def _joined(text: str) -> str:
    """The text with known ids in place of names: what license_expression can parse."""
    text = re.sub(r"(?i)(or) (later|newer|any later version)\b", r"\1-\2", text)
    text = re.sub(r"(?i)[ -]or-(later|newer|any later version)", "-or-later", text)
    parts: list[str] = []
    after_with = False
    for piece in _TOKENS.split(text):
        token = piece.strip()
        if not token:
            continue
        folded = token.lower()
        if folded in {"(", ")"}:
            parts.append(token)
        elif folded in {"or", "/", "|", "||", "and/or"} or re.fullmatch(r",\s*or", folded):
            parts.append("OR")
        elif folded in {"and", "&", "&&", ","} or re.fullmatch(r",\s*and", folded):
            parts.append("AND")
        elif folded == "with":
            parts.append("WITH")
            after_with = True
        else:
            parts.append(_exception(token) if after_with else _known(token))
            after_with = False
    return " ".join(parts)


def _known(token: str) -> str:
    if token.lower().startswith(("licenseref-", "documentref-")) and _ID.fullmatch(token):
        entry = _index().get(token.lower())
        return token if entry is None else str(entry["spdx_license_key"] or token)
    found = _single(token)
    if found is None:
        raise _NotUnderstoodError
    return found


def _exception(token: str) -> str:
    folded = "-".join(token.lower().split())
    name, _, version = folded.removesuffix("-exception").rpartition("-")
    for candidate in (folded, f"{folded}-exception", f"{name}-exception-{version}"):
        entry = _index().get(candidate)
        if entry is not None and entry["is_exception"] and entry["spdx_license_key"]:
            return str(entry["spdx_license_key"])
    raise _NotUnderstoodError


def simplify(expression: str) -> str:
    """Canonical form: parts deduplicated and sorted, nesting flattened.

    Raises:
        license_expression.ExpressionError: it is no expression.
    """
    parsed = _licensing().parse(expression, validate=False, simple=False)
    if parsed is None:
        raise _NotUnderstoodError
    return str(_licensing().dedup(parsed).simplify())


@functools.lru_cache(maxsize=1 << 16)
def conjunction(expressions: tuple[str, ...]) -> str:
    """All of these hold at once."""
    if len(expressions) == 1:
        return expressions[0]
    return simplify(" AND ".join(f"({part})" for part in sorted(set(expressions))))


@functools.lru_cache(maxsize=1 << 16)
def license_ids(expression: str) -> tuple[str, ...]:
    """The licence and exception ids of an expression, sorted."""
    return tuple(sorted(set(_licensing().license_keys(expression))))


@functools.lru_cache(maxsize=1 << 16)
def families(expression: str) -> frozenset[str]:
    """Its ids without `-only` and `-or-later`: a full text does not say which of them is meant."""
    return frozenset(re.sub(r"-(only|or-later)$", "", key) for key in license_ids(expression))


def evaluate(expression: str, rank: Callable[[str, str | None], int]) -> int:
    """Rank of an expression: OR takes the lowest of its parts, AND the highest.

    Args:
        expression: in canonical form.
        rank: of (licence id, exception id or None).
    """
    return _rank(_licensing().parse(expression, validate=False, simple=False), rank)


def _rank(node: Any, rank: Callable[[str, str | None], int]) -> int:
    licensing = _licensing()
    if isinstance(node, license_expression.LicenseWithExceptionSymbol):
        return rank(node.license_symbol.key, node.exception_symbol.key)
    if isinstance(node, licensing.OR):
        return min(_rank(part, rank) for part in node.args)
    if isinstance(node, licensing.AND):
        return max(_rank(part, rank) for part in node.args)
    return rank(node.key, None)


def sorted_ids(expressions: Iterable[str]) -> list[str]:
    """All ids that the expressions name, sorted, once each."""
    return sorted({key for expression in expressions for key in license_ids(expression)})
