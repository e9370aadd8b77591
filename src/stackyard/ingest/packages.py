"""Source archives of packages, by purl, through the clients of their ecosystems.

In: a source of kind package. Out: its archive in a folder. Always holds: nothing of a package is
executed (`pip download` would run the build backend of an sdist to learn its name, so the index is
read and the file taken as it is); no host is named here: each client's configured index counts.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import requests

from stackyard.errors import EnvironmentFault, UsageError
from stackyard.ingest import cache as caches
from stackyard.ingest import debian
from stackyard.ingest.download import download, pip_settings, session, too_large, unreachable
from stackyard.ingest.paths import escape
from stackyard.ingest.sources import Source

_SECONDS_MAX: Final = 1800
_TRIES: Final = 3
MACHINE: Final = Path("/etc/apt")
"""Where Debian keeps apt's configuration and sources."""


def pypi(source: Source, folder: Path, bytes_max: int) -> Path:
    """The sdist of a release, from the index that pip is configured for.

    Raises:
        UsageError: there is no such release, or it has no sdist.
        EnvironmentFault: the index cannot be reached.
    """
    # Here, as it takes most of a second, and only a build with a cold cache needs it.
    from pypi_simple import (
        PYPI_SIMPLE_ENDPOINT,
        NoSuchProjectError,
        PyPISimple,
        UnsupportedContentTypeError,
        UnsupportedRepoVersionError,
    )

    purl = source.purl
    version = purl.version or ""
    connection = session()
    with PyPISimple(
        pip_settings().get("index-url", PYPI_SIMPLE_ENDPOINT), session=connection
    ) as index:
        try:
            page = index.get_project_page(purl.name, timeout=60)
        except NoSuchProjectError:
            raise _no_package(source, "the index has no such project") from None
        except requests.RequestException as error:
            raise unreachable(source.where, error) from None  # the cause would show the URL
        except (UnsupportedContentTypeError, UnsupportedRepoVersionError, ValueError) as error:
            raise EnvironmentFault(
                f"the package index does not speak its protocol ({type(error).__name__})",
                next_step="check pip's index-url, then run again",
            ) from None
        sdists = [
            package
            for package in page.packages
            if package.package_type == "sdist" and package.version == version
        ]
        if not sdists:
            found = sorted({p.version or "" for p in page.packages if p.package_type == "sdist"})
            near = ", ".join(found[-8:])
            raise _no_package(source, f"no sdist of {version}; sdists there: {near or 'none'}")
        # Old releases have the same tree as .zip and as .tar.gz: the pin says which one is meant.
        sdists.sort(
            key=lambda package: (
                package.digests.get("sha256") != source.sha256,
                not package.filename.endswith(".tar.gz"),
                package.filename,
            )
        )
        path = folder / Path(sdists[0].filename).name
        download(connection, sdists[0].url, path, bytes_max, source.where)
    return path


def npm(source: Source, folder: Path, bytes_max: int) -> Path:
    """The tarball of a release, from the registry that npm is configured for.

    Raises:
        UsageError: there is no such release.
        EnvironmentFault: npm is missing, or the registry cannot be reached.
    """
    purl = source.purl
    name = f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name
    work = folder / "npm"
    work.mkdir()
    # Only name@version: npm then takes the registry's file and builds nothing.
    command = [
        "npm",
        "pack",
        f"{name}@{purl.version}",
        "--ignore-scripts",
        "--json",
        f"--pack-destination={work}",
    ]
    done = _program(command, source, "npm (Debian: apt-get install npm)", cwd=work)
    if done.returncode != 0:
        if re.search(r"E404|ETARGET|EINVALIDTAGNAME", done.stdout + done.stderr):
            raise _no_package(source, "the registry has no such release")
        raise EnvironmentFault(
            f"npm failed for {source.where}: {_npm_code(done.stdout + done.stderr)}",
            next_step="check the connection and the registry, then run again",
        )
    made = sorted(work.glob("*.tgz"))
    if len(made) != 1:
        raise EnvironmentFault(f"npm made {len(made)} files for {source.where}")
    if made[0].stat().st_size > bytes_max:
        raise too_large(source.where, bytes_max)
    _check_integrity(made[0], done.stdout, source)
    path = folder / made[0].name
    made[0].rename(path)
    shutil.rmtree(work)
    return path


def deb(source: Source, folder: Path, bytes_max: int, cache: Path, machine: Path = MACHINE) -> Path:
    """The .dsc of a source package with its files beside it, from the machine's Debian archive.

    The machine's own package lists are not touched: a configuration of its own beside the cache
    asks for sources where the machine's asks for binaries.

    Raises:
        UsageError: the archive has no such version.
        EnvironmentFault: apt is missing, or the archive cannot be reached.
    """
    purl = source.purl
    command = [
        "apt-get",
        "source",
        "--download-only",
        "--only-source",
        "-qq",
        f"{purl.name}={purl.version}",
    ]
    with caches.locked(cache, "apt"):
        apt = Apt(cache / "apt", machine)
        apt.configure()
        # Lists of an earlier run will do if they still name the version.
        done = apt.run(command, source, folder) if apt.has_lists() else None
        if done is None or done.returncode != 0:
            apt.update(source)
            done = apt.run(command, source, folder)
    if done.returncode != 0:
        said = escape(done.stderr.strip().encode()[:300])
        if re.search(r"Unable to find a source|was not found|Can not find version", done.stderr):
            raise _no_package(source, said)
        if "404" in done.stderr:
            raise _no_package(source, "the server lacks a file that its own index names")
        raise EnvironmentFault(
            f"apt-get failed for {source.where}",
            next_step="check the connection and the machine's package sources, then run again",
        )
    dscs = sorted(folder.glob("*.dsc"))
    if len(dscs) != 1:
        raise _no_package(source, f"apt-get brought {len(dscs)} .dsc files")
    check_dsc(dscs[0], bytes_max, source.where)
    return dscs[0]


def check_dsc(dsc: Path, bytes_max: int, where: str) -> None:
    """Compares the files beside a .dsc with what it says of them.

    Raises:
        EnvironmentFault: one is missing or is another one.
        UsageError: together they are longer than the bound.
    """
    listed = debian.files(dsc.read_bytes(), where)
    if sum(file.length_bytes for file in listed) > bytes_max:
        raise too_large(where, bytes_max)
    for file in listed:
        path = dsc.parent / file.name
        found = caches.sha256_of(path) if path.is_file() else "no file"
        if found != file.sha256:
            raise EnvironmentFault(
                f"{file.name} of {where} is not what the .dsc says",
                expected=f"sha256 {file.sha256}",
                found=found,
                next_step="run again; if it stays, the archive's copy is damaged",
            )


class Apt:
    """apt with a configuration, lists and cache of its own.

    Args:
        root: the folder that holds them all.
        machine: the machine's configuration, which is only read.
    """

    def __init__(self, root: Path, machine: Path) -> None:
        self._root = root
        self._machine = machine

    def configure(self) -> None:
        """Copies the machine's configuration and sources, asking for source packages."""
        machine = _machine_config(self._machine)
        for name in ("conf.d", "sources.d", "lists/partial", "cache/archives/partial"):
            (self._root / name).mkdir(parents=True, exist_ok=True)
        for folder in ("conf.d", "sources.d"):
            for old in (self._root / folder).iterdir():
                old.unlink()
        for number, path in enumerate(machine.configs):
            copy = self._root / "conf.d" / f"{number:03}{path.suffix}"
            copy.write_bytes(path.read_bytes())
        for number, path in enumerate(machine.sources):
            copy = self._root / "sources.d" / f"{number:03}{path.suffix}"
            copy.write_text(as_sources(path.read_text("utf-8"), path.suffix), "utf-8")
        root = self._root.resolve()
        # Hooks of the machine would alter it (they empty caches and tell desktops).
        (self._root / "conf.d" / "zzz").write_text(
            "".join(f"#clear {name};\n" for name in _HOOKS)
            + f'Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "{root}/sources.d";\n'
            f'Dir::State::Lists "{root}/lists";\nDir::Cache "{root}/cache";\n'
            'APT::Sandbox::User "root";\nAPT::Get::List-Cleanup "true";\n'
            f'Acquire::Retries "{_TRIES}";\nAcquire::Languages "none";\n',
            "utf-8",
        )
        (self._root / "apt.conf").write_text(
            f'Dir::Etc::Main "/dev/null";\nDir::Etc::Parts "{root}/conf.d";\n', "utf-8"
        )

    def has_lists(self) -> bool:
        return any((self._root / "lists").glob("*_Sources*"))

    def update(self, source: Source) -> None:
        done = self.run(["apt-get", "update", "-qq"], source, self._root)
        if done.returncode != 0 or not self.has_lists():
            raise EnvironmentFault(
                f"apt-get update failed for {source.where}",
                next_step="check the connection and the machine's package sources, then run again",
            )

    def run(
        self, command: Sequence[str], source: Source, cwd: Path
    ) -> subprocess.CompletedProcess[str]:
        settings = {"APT_CONFIG": str((self._root / "apt.conf").resolve())}
        return _program(command, source, "apt-get, on a Debian machine", cwd=cwd, settings=settings)


_HOOKS: Final = (
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "DPkg::Pre-Invoke",
    "DPkg::Post-Invoke",
    "DPkg::Pre-Install-Pkgs",
)


class _MachineConfig:
    def __init__(self, configs: Sequence[Path], sources: Sequence[Path]) -> None:
        self.configs = configs
        self.sources = sources


def _machine_config(etc: Path) -> _MachineConfig:
    main, sources = etc / "apt.conf", etc / "sources.list"
    parts, lists = etc / "apt.conf.d", etc / "sources.list.d"
    configs = [
        path
        for path in (sorted(parts.iterdir()) if parts.is_dir() else [])
        if path.is_file() and re.fullmatch(r"[A-Za-z0-9_-]+(\.conf)?", path.name)
    ]
    listed = [
        path
        for path in (sorted(lists.iterdir()) if lists.is_dir() else [])
        if path.is_file() and re.fullmatch(r"[A-Za-z0-9_.-]+\.(list|sources)", path.name)
    ]
    return _MachineConfig(
        [*configs, *([main] if main.is_file() else [])],
        [*([sources] if sources.is_file() else []), *listed],
    )


def as_sources(text: str, suffix: str) -> str:
    """A file of apt's package sources with `deb-src` for `deb`; entries of sources stay once.

    Args:
        text: in the format of sources.list(5).
        suffix: `.sources` for the format of many lines, all else is one line an entry.
    """
    if suffix == ".sources":
        return re.sub(r"(?mi)^(Types:).*$", r"\1 deb-src", text)
    lines = dict.fromkeys(
        re.sub(r"^\s*deb(-src)?\s+", "deb-src ", line) for line in text.splitlines()
    )
    return "\n".join(line for line in lines if line.startswith("deb-src ")) + "\n"


def _program(
    command: Sequence[str],
    source: Source,
    package: str,
    *,
    cwd: Path,
    settings: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            check=False,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=_SECONDS_MAX,
            env={**os.environ, "LC_ALL": "C", **(settings or {})},
        )
    except FileNotFoundError as error:
        raise EnvironmentFault(
            f"{source.where} needs the program {command[0]}", next_step=f"install {package}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(
            f"{command[0]} took over {_SECONDS_MAX} seconds for {source.where}",
            next_step="run again later",
        ) from error


def _npm_code(output: str) -> str:
    found = re.search(r'npm (?:ERR!|error) code (\w+)|"code": "(\w+)"', output)
    return next((group for group in found.groups() if group), "") if found else "no reason given"


def _check_integrity(path: Path, output: str, source: Source) -> None:
    """The sha512 that the registry states, where it states one: the pin alone is sha256."""
    about = json.loads(output)
    entry = about[0] if isinstance(about, list) else next(iter(about.values()))
    algorithm, _, stated = str(entry.get("integrity", "")).partition("-")
    if algorithm == "sha512":
        digest = hashlib.sha512(path.read_bytes()).digest()
        if base64.b64encode(digest).decode() != stated:
            raise EnvironmentFault(
                f"{source.where} broke on its way: its sha512 is not the registry's",
                next_step="run again",
            )


def _no_package(source: Source, why: str) -> UsageError:
    return UsageError(
        f"{source.where} cannot be got: {why}",
        next_step="mend the purl in sources.yaml, or take a version that is still there",
    )
