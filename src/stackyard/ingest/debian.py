"""Debian source packages: what a .dsc names, and in which order its archives lie over each other.

In: the bytes of a .dsc. Out: its files with their SHA-256, and the layers they make. Always holds:
a file's name has no folder in it. Source: deb-src-control(5), dsc(5), dpkg-source(1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from stackyard.errors import UsageError

_LINE: Final = re.compile(r"([0-9a-f]{64}) ([0-9]{1,18}) ([A-Za-z0-9][A-Za-z0-9+.~_-]*)")
_PART: Final = re.compile(r".*\.orig-(?P<component>[A-Za-z0-9-]+)\.tar\.[a-z0-9]+")
_ORIG: Final = re.compile(r".*\.orig\.tar\.[a-z0-9]+")
_DEBIAN: Final = re.compile(r".*\.debian\.tar\.[a-z0-9]+")
_DIFF: Final = re.compile(r".*\.diff\.gz")
_NATIVE: Final = re.compile(r".*\.tar\.[a-z0-9]+")


@dataclass(frozen=True)
class DscFile:
    name: str
    sha256: str
    length_bytes: int


@dataclass(frozen=True)
class Layer:
    """One archive of a source package.

    Attributes:
        file: its name.
        folder: where its tree lies in the whole: empty for the top.
        replaces: the folder that it takes the place of, empty for none.
        strip: whether its one top folder goes away.
        is_diff: whether it is no archive but a diff of what lies below it.
    """

    file: str
    folder: bytes
    replaces: bytes
    strip: bool
    is_diff: bool = False


def files(dsc: bytes, where: str) -> tuple[DscFile, ...]:
    """What `Checksums-Sha256` of a .dsc lists, in its order.

    Raises:
        UsageError: the field is missing or a line of it is no `<sha256> <size> <name>`.
    """
    lines = _fields(dsc).get("checksums-sha256", "").splitlines()
    found = [_LINE.fullmatch(line.strip()) for line in lines if line.strip()]
    if not found or None in found:
        raise UsageError(
            f"{where} is no Debian source package",
            expected="a .dsc with a field Checksums-Sha256 of `<sha256> <size> <file>` lines",
            next_step="mend its entry in sources.yaml",
        )
    return tuple(DscFile(line[3], line[1], int(line[2])) for line in found if line)


def layers(dsc: bytes, where: str) -> tuple[Layer, ...]:
    """The parts of a source package, lowest first: upstream's, its components, `debian` or the diff.

    Raises:
        UsageError: its format is neither `3.0 (quilt)`, `3.0 (native)` nor `1.0`.
    """
    names = [file.name for file in files(dsc, where) if not file.name.endswith((".asc", ".sig"))]
    origs = [name for name in names if _ORIG.fullmatch(name)]
    debians = [name for name in names if _DEBIAN.fullmatch(name)]
    parts = sorted((found["component"], name) for name in names if (found := _PART.fullmatch(name)))
    diffs = [name for name in names if _DIFF.fullmatch(name)]
    rest = set(names) - set(origs) - set(debians) - {name for _, name in parts}
    if len(origs) == 1 and len(debians) == 1 and not rest:
        return (
            Layer(origs[0], b"", b"", strip=True),
            *(Layer(name, part.encode(), part.encode(), strip=True) for part, name in parts),
            Layer(debians[0], b"", b"debian", strip=False),
        )
    if len(origs) == len(diffs) == 1 and len(names) == 2:  # noqa: PLR2004
        return (
            Layer(origs[0], b"", b"", strip=True),
            Layer(diffs[0], b"", b"", strip=False, is_diff=True),
        )
    if len(rest) == len(names) == 1 and all(map(_NATIVE.fullmatch, names)):
        return (Layer(names[0], b"", b"", strip=True),)
    raise UsageError(
        f"{where} is a Debian source package of a format that is not read",
        expected="3.0 (quilt), 3.0 (native) or 1.0",
        found=_fields(dsc).get("format", "1.0").strip() + ": " + ", ".join(names),
        next_step="take another version, or upstream's own release as kind: archive",
    )


def _fields(dsc: bytes) -> dict[str, str]:
    text = dsc.decode("utf-8", "replace")
    if text.startswith("-----BEGIN PGP SIGNED MESSAGE-----"):
        text = text.split("\n\n", 1)[-1].split("-----BEGIN PGP SIGNATURE-----", 1)[0]
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1].isspace():
            fields[name] = fields.get(name, "") + "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.lower()
            fields[name] = value
    return fields
