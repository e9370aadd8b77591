"""Which packages `make strangers` takes: drawn by hash, so that nobody chose them.

In: the text of apt's source index, a seed. Out: packages in the order of the draw. Always holds: the
same index and seed give the same order; no registry is listed or scanned. Names of sdists and npm
tarballs are those of Debian's own index: of `python-NAME` and `node-NAME` whose upstream is called NAME
(Debian's policy for such packages), and of upstreams that are a project's page on the Python index.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from packageurl import PackageURL

Kind = Literal["deb", "pypi", "npm"]

KINDS: tuple[Kind, ...] = ("deb",) * 4 + ("pypi",) + ("deb",) * 4 + ("npm",)
"""Whose turn it is, over and over: of ten packages one is an sdist and one an npm tarball. Most of
what Debian has came to it as such, so two in ten are enough to show that the two kinds are read."""

RESERVED = frozenset(
    {
        "fpc",
        "golang-github-go-enry-go-enry",
        "golang-github-google-licenseclassifier",
        "kotlin",
        "licensee",
        "node-typescript",
        "postgresql-15",
        "ruby-github-linguist",
        "ruby-licensee",
        "scancode-toolkit",
        "secretlint",
        "typescript",
    }
)
"""Sets that are kept for verification: whoever mends what a draw showed must not have seen them."""

_PYTHON_INDEX = re.compile(r"//(?:www\.)?pypi\.[a-z.]+/(?:project|pypi)/([A-Za-z0-9._-]+)")
_UPSTREAM = re.compile(r"(?:\d+:)?(\d+(?:\.\d+)*)(?:\+[^-]*)?-[^-]*")
"""A Debian version of a plain upstream version, perhaps repacked: [epoch:]1.2.3[+dfsg]-revision."""
_ORIG = re.compile(r"(?:\.orig|_[^_-]+)\.tar\.(?:gz|xz|bz2|lzma)$")
"""Upstream's archive, or that of a native package; not the ones of its components or of Debian."""
_NPM_VERSION = re.compile(r"\d+\.\d+\.\d+")


class Package(NamedTuple):
    """A package that may be drawn.

    Attributes:
        kind: of which ecosystem.
        name, version: there.
        sha256: of the .dsc, which the index states; "" where only a download tells.
        size_bytes: of all files of Debian's source package, packed.
        orig, orig_sha256: upstream's archive among them; "" where there is none.
    """

    kind: Kind
    name: str
    version: str
    sha256: str
    size_bytes: int
    orig: str = ""
    orig_sha256: str = ""

    @property
    def purl(self) -> str:
        if self.kind == "deb":
            qualifiers = {"arch": "source"}
            return PackageURL("deb", "debian", self.name, self.version, qualifiers).to_string()
        return PackageURL(self.kind, None, self.name, self.version).to_string()

    @property
    def repo_name(self) -> str:
        """Each has an owner of its own, as strangers have."""
        return f"{self.kind}-{self.name}/{self.name}"


def packages(index: str) -> list[Package]:
    """The packages of a source index, in the order of kind and name; those of RESERVED are left out.

    Args:
        index: stanzas of Debian's Sources files, with blank lines between them. Of several versions
            of a package the greatest text counts: which one does not matter, that it is one does.
    """
    newest: dict[tuple[Kind, str], Package] = {}
    for stanza in index.split("\n\n"):
        for package in _of_stanza(stanza):
            key = package.kind, package.name
            if key not in newest or newest[key].version < package.version:
                newest[key] = package
    return [newest[key] for key in sorted(newest) if key[1] not in RESERVED]


def order(seed: str, known: Iterable[Package]) -> list[Package]:
    """By the SHA-256 of the seed, kind and name, with a line feed between them."""

    def place(package: Package) -> bytes:
        return hashlib.sha256(f"{seed}\n{package.kind}\n{package.name}".encode()).digest()

    return sorted(known, key=place)


class Draw:
    """Hands out the packages of a seed, kind by kind in turn; who fails is replaced by the next.

    Args:
        seed: any text.
        known: what may be drawn.
        size_bytes_max: packages whose packed size is above it are passed over, and counted.
    """

    def __init__(self, seed: str, known: Iterable[Package], size_bytes_max: int) -> None:
        self.too_large: list[Package] = []
        self._size_bytes_max = size_bytes_max
        ordered = order(seed, known)
        self._left: dict[Kind, Iterator[Package]] = {
            kind: iter([each for each in ordered if each.kind == kind]) for kind in set(KINDS)
        }

    def next_for(self, place: int) -> Package | None:
        """The next package for a place of the draw, counted from 0; None when there is no other."""
        for package in self._left[KINDS[place % len(KINDS)]]:
            if package.size_bytes <= self._size_bytes_max:
                return package
            self.too_large.append(package)
        return None


def _of_stanza(stanza: str) -> Iterator[Package]:
    fields = dict(re.findall(r"(?m)^([A-Za-z0-9-]+): *(.*)$", stanza))
    sums = re.search(r"(?m)^Checksums-Sha256:\n((?: .*\n?)+)", stanza)
    if sums is None or fields.get("Extra-Source-Only") == "yes":
        return  # older sources that the archive keeps because a binary was built with them
    rows = [line.split() for line in sums[1].splitlines()]
    size_bytes = sum(int(size) for _, size, _ in rows)
    dsc = next((sha256 for sha256, _, name in rows if name.endswith(".dsc")), "")
    name, version = fields["Package"], fields["Version"]
    if dsc:
        orig = next(((file, sha256) for sha256, _, file in rows if _ORIG.search(file)), ("", ""))
        yield Package("deb", name, version, dsc, size_bytes, *orig)
    upstream = _UPSTREAM.fullmatch(version)
    if upstream is not None:
        yield from _upstreams(name, upstream[1], fields.get("Homepage", ""), size_bytes)


def _upstreams(source: str, version: str, homepage: str, size_bytes: int) -> Iterator[Package]:
    """What the stanza says its upstream is called in the registry of its language."""
    page = _PYTHON_INDEX.search(homepage)
    prefix, _, name = source.partition("-")
    last = re.sub(r"\.git$", "", homepage.rstrip("/")).rpartition("/")[2].lower()
    if page is not None:
        yield Package("pypi", page[1], version, "", size_bytes)
    elif prefix == "python" and last in {name, source}:
        yield Package("pypi", name, version, "", size_bytes)
    elif prefix == "node" and last in {name, source} and _NPM_VERSION.fullmatch(version):
        yield Package("npm", name, version, "", size_bytes)
