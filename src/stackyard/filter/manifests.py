"""Licence statements of package metadata: what a manifest, a Debian copyright or a REUSE file says.

In: a path and the text of the file there. Out: claims, each with an expression and where it applies.
Always holds: nothing is executed or imported; a manifest that cannot be read states nothing.
Sources: PEP 639 and core metadata 2.4; package.json (npm docs); Cargo manifest; DEP-5 (Debian
copyright format 1.0); REUSE 3.3.
"""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from stackyard.filter import prose
from stackyard.filter.expression import UNRECOGNIZED, canonical, conjunction, simplify

METADATA: Final = "metadata"
PART: Final = "part"
"""Kind of what a file says of a part of itself: it holds beside what its directory says."""

LISTED: Final = "listed"
"""Kind of licence texts in a folder for them: they count for what is above it where nothing else does."""

TERMS: Final = "terms"
"""Kind of words that say that there are terms, and not which: they count where nothing else does."""


class Claim(NamedTuple):
    """An expression and its scope: files below `scope` (a directory, "" the root) whose path from
    there matches `glob` (null: all of them). In a glob `*` stops at `/`, `**` does not, `?` is any
    one character, and a backslash takes the next character for what it is.
    """

    detector: str
    expression: str
    scope: str
    glob: str | None
    start_byte: int
    end_byte: int
    kind: str = METADATA


BINDING: Final = "REUSE.toml precedence"
"""Detector of claims that hold beside what a file says itself."""

_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "LicenseRef-scancode-bsd-unchanged",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License (GPL)": "GPL-1.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 (LGPLv2)": "LGPL-2.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-2.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 1.1 (MPL 1.1)": "MPL-1.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
    "Zope Public License": "ZPL-2.1",
}
_NAME_CHARS_MAX = 200  # longer values are texts of licences, which have a detector of their own
_STATED_BYTES_MAX = 2_000  # longer ones are prose
_CLAIMS_MAX = (
    5_000  # globs of one file: each is asked of every path; Debian's longest have some 3,000
)
_GLOB_CHARS_MAX = 1_000
_OSI = "License :: OSI Approved :: "
_LICENSE_WORD = re.compile(rb"(?i)licen[cs]e")


def claims(path: str, text: bytes) -> list[Claim]:
    """Claims of the file at a path, in their order; empty if it is no metadata or says nothing."""
    reader = _reader(path)
    if reader is None:
        return []
    try:
        return list(_bounded(reader(posixpath.dirname(path), text)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []


def _bounded(found: Iterator[Claim]) -> Iterator[Claim]:
    """The claims, as long as matching them stays cheap; beyond that the whole place is unrecognized."""
    for number, claim in enumerate(found):
        if number == _CLAIMS_MAX or len(claim.glob or "") > _GLOB_CHARS_MAX:
            yield claim._replace(expression=UNRECOGNIZED, glob=None)
            return
        yield claim


def is_manifest(path: str) -> bool:
    """Whether `claims` would read the file at a path."""
    return _reader(path) is not None


def _reader(path: str) -> Callable[[str, bytes], Iterator[Claim]] | None:
    folder, name = posixpath.split(path)
    if name == "copyright" and posixpath.basename(folder) == "debian":
        return _dep5
    if name == "dep5" and posixpath.basename(folder) == ".reuse":
        return _dep5
    return _READERS.get(name) or _ENDINGS.get(posixpath.splitext(name)[1])


def _one(detector: str, statement: object, scope: str, text: bytes) -> Iterator[Claim]:
    """The claim of one statement; its range is its first place after a word like `license`."""
    if not isinstance(statement, str):
        return
    expression, kind = _understood(statement)
    if expression is not None:
        word = _LICENSE_WORD.search(text)
        at = text.find(statement.encode(errors="replace"), word.end() if word else 0)
        stop = len(text) if at < 0 else at + len(statement.encode(errors="replace"))
        yield Claim(detector, expression, scope, None, max(at, 0), stop, kind)


_ELSEWHERE = re.compile(r"(?i)\s*(?:see|file:|read|in) ?.*(?:licen[cs]e|copying|legal|eula|terms)")


def _understood(statement: str) -> tuple[str | None, str]:
    """Expression and kind of what a field says: a name, a pointer to a text, or words."""
    expression = canonical(statement)
    if expression is None:
        return (UNRECOGNIZED, TERMS) if _ELSEWHERE.match(statement) else (None, METADATA)
    if expression == UNRECOGNIZED and len(statement) < _NAME_CHARS_MAX:
        expression = prose.named_alone(statement) or _by_address(statement) or UNRECOGNIZED
    return expression, METADATA


def named(value: str) -> str | None:
    """The licence of a line that names one, by name or address; UNRECOGNIZED, or None, if it does not."""
    return _understood(value)[0]


_ADDRESS = re.compile(
    r"(?i)\s*https?://(?:www\.)?(?:opensource\.org/licen[cs]es?/|licenses\.nuget\.org/|spdx\.org/licenses/|choosealicense\.com/licenses/)([\w.+-]+?)(?:-license)?(?:\.\w{3,4}|/)?\s*"
)
_APACHE = re.compile(r"(?i)\s*https?://(?:www\.)?apache\.org/licenses/license-2\.0(?:\.\w+)?\s*")


def _by_address(value: str) -> str | None:
    """The licence that an address of a list of licences names."""
    if _APACHE.fullmatch(value):
        return "Apache-2.0"
    match = _ADDRESS.fullmatch(value)
    return None if match is None else canonical(match[1])


def _file_of(detector: str, name: object, scope: str, text: bytes) -> Iterator[Claim]:
    """A field that points to a text: it speaks for itself, where it is there."""
    if isinstance(name, str) and name:
        yield Claim(detector, UNRECOGNIZED, scope, None, 0, len(text), TERMS)


def _any_of(names: Iterable[object]) -> str:
    """Names of which the user may choose one, as an expression."""
    return " OR ".join(f"({name})" for name in names if isinstance(name, str))


def _package_json(scope: str, text: bytes) -> Iterator[Claim]:
    data = json.loads(text)
    stated = data.get("license", data.get("licenses", data.get("licence")))
    if isinstance(stated, dict):
        stated = stated.get("type")
    if isinstance(stated, list):
        names = [item.get("type") if isinstance(item, dict) else item for item in stated]
        stated = _any_of(names)
    yield from _one("package.json", stated, scope, text)


def _composer_json(scope: str, text: bytes) -> Iterator[Claim]:
    stated = json.loads(text).get("license")
    if isinstance(stated, list):
        stated = _any_of(stated)
    yield from _one("composer.json", stated, scope, text)


def _cargo(scope: str, text: bytes) -> Iterator[Claim]:
    data = tomllib.loads(text.decode())
    shared = data.get("workspace", {}).get("package", {}).get("license")
    package = data.get("package", {})
    stated = package.get("license", shared)
    if stated is None:
        yield from _file_of("Cargo.toml", package.get("license-file"), scope, text)
    yield from _one("Cargo.toml", shared if isinstance(stated, dict) else stated, scope, text)


def _pyproject(scope: str, text: bytes) -> Iterator[Claim]:
    data = tomllib.loads(text.decode())
    project = data.get("project", {}) or data.get("tool", {}).get("poetry", {})
    stated = project.get("license")
    if isinstance(stated, dict):
        yield from _file_of("pyproject.toml", stated.get("file"), scope, text)
        stated = stated.get("text")
    if isinstance(stated, str) and len(stated) < _NAME_CHARS_MAX:
        yield from _one("pyproject.toml", stated, scope, text)
        return
    yield from _classified("pyproject.toml", project.get("classifiers", ()), scope, text)


def _pkg_info(scope: str, text: bytes) -> Iterator[Claim]:
    if scope.endswith((".egg-info", ".dist-info")):
        scope = posixpath.dirname(scope)
    head = text.split(b"\n\n", 1)[0].decode(errors="replace")
    fields = re.findall(r"(?m)^(License-Expression|License|Classifier): *(.*?)\r?$", head)
    for wanted in ("License-Expression", "License"):
        stated = [value for name, value in fields if name == wanted]
        if stated and stated[0].strip().upper() != "UNKNOWN" and len(stated[0]) < _NAME_CHARS_MAX:
            expression = canonical(stated[0])
            if expression is not None:
                yield from _one("PKG-INFO", stated[0], scope, text)
                return
    labels = [value for name, value in fields if name == "Classifier"]
    yield from _classified("PKG-INFO", labels, scope, text)


def _classified(detector: str, labels: object, scope: str, text: bytes) -> Iterator[Claim]:
    if not isinstance(labels, (list, tuple)):
        return
    known = [
        _CLASSIFIERS.get(label.removeprefix(_OSI))
        for label in labels
        if isinstance(label, str) and label.startswith("License ::")
    ]
    names = tuple(sorted({name for name in known if name is not None}))
    if names:
        first, last = text.find(b"License ::"), text.rfind(b"License ::")
        stop = re.compile(rb"[\r\n\"']|\Z").search(text, max(last, 0))
        assert stop is not None  # the end of the text, if nothing else
        expression = conjunction(names)
        yield Claim(detector, expression, scope, None, max(first, 0), stop.start())


_QUOTED = re.compile(rb"[\"']([^\"'\r\n]+)[\"']")
_WORDS = re.compile(rb"%[wW][\[({<]([^\])}>\r\n]*)")  # Ruby's list of words
_TYPED = re.compile(rb":?type[\"']?[ \t]*(?:=>|:|=)[ \t]*([\"'][^\"'\r\n]+[\"'])")


def _first(detector: str, pattern: re.Pattern[bytes]) -> Callable[[str, bytes], Iterator[Claim]]:
    """A reader of the first match of a pattern: for formats that are code, which is never run.

    These formats do not say how the entries of a list combine: all of them hold.
    """

    def read(scope: str, text: bytes) -> Iterator[Claim]:
        match = pattern.search(text)
        if match is None:
            return
        if match[1].lstrip().startswith(b"file:"):
            yield from _file_of(detector, "file", scope, text)
            return
        typed, listed = _TYPED.search(match[1]), _WORDS.search(match[1])
        value = match[1] if typed is None else typed[1]
        names = listed[1].split() if listed else _QUOTED.findall(value) or [value.strip()]
        stated = {_understood(name.decode(errors="replace")) for name in names}
        known = tuple(sorted({expression for expression, _ in stated if expression is not None}))
        if known:
            kind = METADATA if any(kind == METADATA for _, kind in stated) else TERMS
            yield Claim(detector, conjunction(known), scope, None, *match.span(1), kind)

    return read


_SETUP = _first(
    "setup.py",
    re.compile(rb"(?m)^[^#\r\n]{0,200}\blicen[cs]e[ \t]*=[ \t]*(?=[urb]?[\"'])([^\r\n]{1,200})"),
)
_LABEL = re.compile(r"[\"'](License :: [^\"'\r\n]{1,200})[\"']")


def _setup(scope: str, text: bytes) -> Iterator[Claim]:
    """The argument `license` of setup(), else its classifiers; it is read, never run."""
    found = [claim for claim in _SETUP(scope, text) if claim.expression != UNRECOGNIZED]
    if found:
        yield from found
        return
    labels = _LABEL.findall(text[:_CODE_BYTES_MAX].decode(errors="replace"))
    stated = list(_classified("setup.py", labels, scope, text))
    yield from stated or _SETUP(scope, text)


_CODE_BYTES_MAX = 200_000  # of a setup.py that are read


def _project_file(scope: str, text: bytes) -> Iterator[Claim]:
    """MSBuild: PackageLicenseExpression, or a file or address in its place."""
    plain = _uncommented(text)
    match = re.search(rb"<PackageLicense(Expression|File|Url)>\s*([^<]{1,300}?)\s*<", plain)
    if match is None:
        return
    value = match[2].decode(errors="replace")
    if match[1] == b"File":
        yield from _file_of("msbuild", value, scope, text)
        return
    expression, kind = _understood(value)
    if expression is not None:
        yield Claim("msbuild", expression, scope, None, *match.span(2), kind)


def _nuspec(scope: str, text: bytes) -> Iterator[Claim]:
    """NuGet: `license` of type expression or file, else `licenseUrl`."""
    plain = _uncommented(text)
    match = re.search(
        rb"<license\s+type=[\"'](expression|file)[\"']\s*>\s*([^<]{1,200}?)\s*<", plain
    )
    address = re.search(rb"<licenseUrl>\s*([^<]{1,300}?)\s*<", plain)
    if match is not None and match[1] == b"expression":
        expression, kind = _understood(match[2].decode(errors="replace"))
        if expression is not None:
            yield Claim("nuspec", expression, scope, None, *match.span(2), kind)
    elif match is not None:
        yield from _file_of("nuspec", "file", scope, text)
    elif address is not None:
        known = _by_address(address[1].decode(errors="replace"))
        kind = TERMS if known is None else METADATA
        yield Claim("nuspec", known or UNRECOGNIZED, scope, None, *address.span(1), kind)


def _pom(scope: str, text: bytes) -> Iterator[Claim]:
    """Licences of a Maven project: of several the user may choose (POM reference, "Licenses")."""
    plain = _uncommented(text)
    start = plain.find(b"<licenses>")
    stop = plain.find(b"</licenses>", max(start, 0))
    if start < 0 or stop < 0:
        return
    names = re.findall(rb"<name>([^<]{1,300})</name>", plain[start:stop])
    stated = [canonical(name.decode(errors="replace")) for name in names]
    known = sorted({expression for expression in stated if expression is not None})
    if known:
        expression = simplify(_any_of(known)) if len(known) > 1 else known[0]
        yield Claim("pom.xml", expression, scope, None, start, stop)


def _uncommented(text: bytes) -> bytes:
    """XML with blanks for its comments, so that places stay what they are."""
    parts: list[bytes] = []
    at = 0
    while (start := text.find(b"<!--", at)) >= 0:
        stop = text.find(b"-->", start)
        stop = len(text) if stop < 0 else stop + 3
        parts += [text[at:start], b" " * (stop - start)]
        at = stop
    return b"".join([*parts, text[at:]])


def _description(scope: str, text: bytes) -> Iterator[Claim]:
    """DESCRIPTION of an R package: `GPL (>= 2) | MIT + file LICENSE` (Writing R Extensions, 1.1.2)."""
    match = re.search(rb"(?m)^License:[ \t]*(.+)$", text)
    if match is None:
        return
    parts = []
    for part in match[1][:_STATED_BYTES_MAX].decode(errors="replace").split("|"):
        plain = re.sub(r"\+? *file +LICEN[CS]E", "", part)
        plain = re.sub(r"\(\s*>=\s*([0-9.]+)\s*\)", r"\1+", plain)
        parts.append(f"({re.sub(r' +(?=[0-9])', '-', plain.strip())})")
    yield from _one(
        "DESCRIPTION", " OR ".join(parts) if len(parts) > 1 else parts[0][1:-1], scope, text
    )


def _reuse(scope: str, text: bytes) -> Iterator[Claim]:
    """REUSE.toml: annotations by path globs (REUSE 3.3): among those that match, the last holds.

    With `precedence` other than `closest` an annotation holds beside a file's own words: for
    `aggregate` that is what it means, and of `override` the stricter reading.
    """
    for entry in tomllib.loads(text.decode()).get("annotations", ()):
        stated = entry.get("SPDX-License-Identifier")
        stated = (
            " AND ".join(f"({part})" for part in stated) if isinstance(stated, list) else stated
        )
        expression = canonical(stated) if isinstance(stated, str) else None
        paths = entry.get("path", ())
        detector = "REUSE.toml" if entry.get("precedence", "closest") == "closest" else BINDING
        if expression is not None:
            for glob in [paths] if isinstance(paths, str) else paths:
                yield Claim(detector, expression, scope, glob.replace("?", "\\?"), 0, len(text))


_FIELD = re.compile(rb"(?m)^([A-Za-z-]+):[ \t]*((?:.*)(?:\n[ \t].*)*)")


def _dep5(folder: str, text: bytes) -> Iterator[Claim]:
    """Stanzas in their order: among those that match a path, the last one holds (DEP-5, 7.2)."""
    scope = posixpath.dirname(folder)
    text = text.replace(b"\r\n", b"\n")
    at = 0
    for paragraph in re.split(rb"(\n[ \t]*\n+)", text):
        fields = {m[1].lower(): m[2] for m in _FIELD.finditer(paragraph)}
        if b"files" in fields and b"license" in fields:
            short = fields[b"license"].split(b"\n", 1)[0].decode(errors="replace")
            expression = canonical(short)
            if expression is not None:
                globs = fields[b"files"].decode(errors="replace").replace(",", " ")
                for glob in re.sub(r"(?<!\\)\*+", "**", globs).split():
                    yield Claim("dep5", expression, scope, glob, at, at + len(paragraph))
        at += len(paragraph)


_READERS: dict[str, Callable[[str, bytes], Iterator[Claim]]] = {
    "package.json": _package_json,
    "composer.json": _composer_json,
    "Cargo.toml": _cargo,
    "pyproject.toml": _pyproject,
    "PKG-INFO": _pkg_info,
    "METADATA": _pkg_info,
    "DESCRIPTION": _description,
    "REUSE.toml": _reuse,
    "META.json": _composer_json,
    "bower.json": _package_json,
    "pom.xml": _pom,
    "setup.py": _setup,
    "vcpkg.json": _package_json,
    "deno.json": _package_json,
    "jsr.json": _package_json,
    "elm.json": _package_json,
    "haxelib.json": _package_json,
    "dub.json": _package_json,
    "CITATION.cff": _first("CITATION.cff", re.compile(rb"(?m)^license:[ \t]*([^\r\n]{1,200})$")),
    "shard.yml": _first("shard.yml", re.compile(rb"(?m)^license:[ \t]*([^\r\n]{1,200})$")),
    "META.yml": _first("META.yml", re.compile(rb"(?m)^license:[ \t]*([^\r\n]{1,200})$")),
    "dune-project": _first("dune-project", re.compile(rb"\(license[ \t]+([^()\r\n]{1,200})\)")),
    "meson.build": _first(
        "meson.build",
        re.compile(
            rb"\bproject[ \t]*\([^()]{0,2000}?\blicense[ \t]*:[ \t]*(\[[^\]]{1,300}\]|'[^'\r\n]{1,200}')"
        ),
    ),
    "setup.cfg": _first("setup.cfg", re.compile(rb"(?m)^licen[cs]e[ \t]*=[ \t]*([^\r\n]{1,200})$")),
    "mix.exs": _first("mix.exs", re.compile(rb"licenses:[ \t]*\[([^\]]{1,200})\]")),
}

_ENDINGS: dict[str, Callable[[str, bytes], Iterator[Claim]]] = {
    ".gemspec": _first(
        "gemspec", re.compile(rb"(?m)^[^#\r\n]{0,200}\.licenses?[ \t]*=[ \t]*([^\r\n]{1,200})")
    ),
    ".cabal": _first("cabal", re.compile(rb"(?mi)^license:[ \t]*([^\r\n]{1,200})$")),
    ".nuspec": _nuspec,
    ".csproj": _project_file,
    ".fsproj": _project_file,
    ".vbproj": _project_file,
    ".props": _project_file,
    ".rockspec": _first(
        "rockspec", re.compile(rb"(?m)^[ \t]*license[ \t]*=[ \t]*([^\r\n]{1,200})")
    ),
    ".nimble": _first("nimble", re.compile(rb"(?m)^license[ \t]*=[ \t]*([^\r\n]{1,200})")),
    ".opam": _first("opam", re.compile(rb"(?m)^license:[ \t]*([^\r\n]{1,200})")),
    ".podspec": _first(
        "podspec", re.compile(rb"(?m)^[^#\r\n]{0,200}\.license[ \t]*=[ \t]*([^\r\n]{1,200})")
    ),
}

LIKELY = "|".join(re.escape(name) for name in [*_READERS, *_ENDINGS])
"""RE2 pattern that the name of every manifest matches (and other names too): a first, cheap sieve."""
