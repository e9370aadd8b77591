from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackyard.errors import EnvironmentFault, UsageError
from stackyard.ingest import debian, packages, rules
from stackyard.ingest.params import Params
from stackyard.ingest.sources import load_sources

ReadSource = Callable[..., Any]


def tarball(files: dict[str, bytes], *links: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for link in links:
            archive.addfile(link)
    return buffer.getvalue()


ORIG = tarball(
    {
        "tool-1.0/main.c": b"int main;\n",
        "tool-1.0/debian/rules": b"upstream's own\n",
        "tool-1.0/data/old": b"replaced\n",
    }
)
FILES = {
    "tool_1.0.orig.tar.xz": ORIG,
    "tool_1.0.orig-data.tar.xz": tarball({"data-2/new": b"new\n"}),
    "tool_1.0-1.debian.tar.xz": tarball({"debian/rules": b"#!/usr/bin/make -f\n"}),
    "tool_1.0.orig.tar.xz.asc": b"signature",
}


def dsc_of(files: dict[str, bytes], form: str = "3.0 (quilt)") -> bytes:
    lines = "".join(
        f" {hashlib.sha256(body).hexdigest()} {len(body)} {name}\n" for name, body in files.items()
    )
    return (
        f"Format: {form}\nSource: tool\nBinary: tool\nVersion: 1.0-1\nArchitecture: any\n"
        f"Maintainer: Octo <octo@example.org>\nChecksums-Sha256:\n{lines}Files:\n"
        + "".join(
            f" {hashlib.md5(body).hexdigest()} {len(body)} {name}\n" for name, body in files.items()
        )
    ).encode()


def write(folder: Path, files: dict[str, bytes], form: str = "3.0 (quilt)") -> Path:
    for name, body in files.items():
        (folder / name).write_bytes(body)
    path = folder / "tool_1.0-1.dsc"
    path.write_bytes(dsc_of(files, form))
    return path


ENTRY = "{kind: archive, path: tool_1.0-1.dsc, name: octo-org/tool}"


def test_read_dsc_lays_its_archives_over_each_other(read: ReadSource, tmp_path: Path) -> None:
    write(tmp_path, FILES)
    found = read(ENTRY)
    assert found.kept == {
        "main.c": b"int main;\n",
        "data/new": b"new\n",
        "debian/rules": b"#!/usr/bin/make -f\n",
    }
    assert sorted((e.path, e.rule) for e in found.entries if e.rule) == [
        ("data/old//tool_1.0.orig.tar.xz", rules.OVERLAID),
        ("debian/rules//tool_1.0.orig.tar.xz", rules.OVERLAID),
    ]


def test_read_dsc_of_a_native_package_is_its_one_archive(read: ReadSource, tmp_path: Path) -> None:
    native = {"tool_1.0-1.tar.xz": tarball({"tool/a": b"a", "tool/debian/rules": b"r"})}
    write(tmp_path, native, "3.0 (native)")
    assert read(ENTRY).kept == {"a": b"a", "debian/rules": b"r"}


def test_read_dsc_that_is_signed_reads_what_is_signed(read: ReadSource, tmp_path: Path) -> None:
    path = write(tmp_path, FILES)
    before = read(ENTRY)
    path.write_bytes(
        b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
        + path.read_bytes()
        + b"\n-----BEGIN PGP SIGNATURE-----\n\nabc: def\n-----END PGP SIGNATURE-----\n"
    )
    assert read(ENTRY) == before


DIFF = b"""\
--- tool-1.0.orig/main.c
+++ tool-1.0/main.c
@@ -1 +1,2 @@
 int main;
+int more;
--- tool-1.0.orig/debian/control
+++ tool-1.0/debian/control
@@ -0,0 +1 @@
+Source: tool
"""


def write_1_0(folder: Path, diff: bytes, orig: bytes = ORIG) -> None:
    packed = {"tool_1.0.orig.tar.gz": orig, "tool_1.0-1.diff.gz": gzip.compress(diff)}
    write(folder, packed, "1.0")


def test_read_dsc_with_a_diff_gives_the_files_that_it_makes(
    read: ReadSource, tmp_path: Path
) -> None:
    write_1_0(tmp_path, DIFF)
    found = read(ENTRY)
    assert found.kept == {
        "data/old": b"replaced\n",
        "debian/control": b"Source: tool\n",
        "debian/rules": b"upstream's own\n",
        "main.c": b"int main;\nint more;\n",
    }
    assert found.dropped == {"main.c//tool_1.0.orig.tar.gz": rules.OVERLAID}


@pytest.mark.parametrize(
    ("name", "path", "rule"),
    [
        (b"../../trap", "../../trap", rules.PATH_UNSAFE),
        (b"/etc/trap", "/etc/trap", rules.PATH_UNSAFE),
        (b"link/trap", "link/trap", rules.PATH_CONFLICT),
        (b"main.c/trap", "main.c/trap", rules.PATH_CONFLICT),
        (b"a\\..\\..\\trap", "a\\..\\..\\trap", rules.PATH_UNSAFE),
        (b"bell\x07", "bell\\x07", rules.PATH_CONTROL_CHARACTER),
    ],
)
def test_read_dsc_with_a_hostile_diff_writes_nothing_and_gives_it_a_row(
    name: bytes, path: str, rule: str, read: ReadSource, tmp_path: Path
) -> None:
    link = tarfile.TarInfo("tool-1.0/link")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    write_1_0(
        tmp_path,
        DIFF.replace(b"debian/control", name),
        tarball({"tool-1.0/main.c": b"int main;\n"}, link),
    )
    found = read(ENTRY)
    (entry,) = [each for each in found.entries if each.path == path]
    assert entry.rule == rule
    assert not list(tmp_path.rglob("trap"))


def test_read_dsc_with_a_diff_that_does_not_apply_is_refused_before_its_first_entry(
    read: ReadSource, tmp_path: Path
) -> None:
    write_1_0(tmp_path, DIFF.replace(b"int main;", b"int mine;"))
    with pytest.raises(UsageError, match=r"tool_1\.0-1\.diff\.gz of .* does not apply to main\.c"):
        read(ENTRY)


def test_read_dsc_with_a_diff_that_is_a_bomb_is_refused(read: ReadSource, tmp_path: Path) -> None:
    write_1_0(tmp_path, DIFF + b"\n" * 10**6)
    with pytest.raises(UsageError, match="unpacks to more than"):
        read(ENTRY, Params(unpacked_bytes_max=10**5))


def test_read_dsc_whose_file_changed_is_refused(read: ReadSource, tmp_path: Path) -> None:
    write(tmp_path, FILES)
    (tmp_path / "tool_1.0-1.debian.tar.xz").write_bytes(ORIG)
    with pytest.raises(EnvironmentFault, match=r"tool_1\.0-1\.debian\.tar\.xz .* not what"):
        read(ENTRY)


def test_read_dsc_whose_file_is_missing_names_it(read: ReadSource, tmp_path: Path) -> None:
    write(tmp_path, FILES)
    (tmp_path / "tool_1.0.orig.tar.xz").unlink()
    with pytest.raises(UsageError, match=r"tool_1\.0\.orig\.tar\.xz, which it names"):
        read(ENTRY)


@pytest.mark.parametrize(
    "line", ["", " abc 1 x", f" {'0' * 64} 1 ../x", f" {'0' * 64} 1 .x", f" {'0' * 64} -1 x"]
)
def test_dsc_files_with_a_line_that_is_no_file_are_refused(line: str) -> None:
    with pytest.raises(UsageError, match="no Debian source package"):
        debian.files(f"Checksums-Sha256:\n{line}\n".encode(), "x")


@pytest.mark.parametrize(
    ("text", "suffix", "expected"),
    [
        (
            "# main\ndeb http://a.example.org/debian bookworm main\n",
            ".list",
            "deb-src http://a.example.org/debian bookworm main\n",
        ),
        ("deb [trusted=yes] file:/x ./\n", ".list", "deb-src [trusted=yes] file:/x ./\n"),
        (
            "Types: deb\nURIs: http://a.example.org\n\nTypes: deb deb-src\nURIs: x\n",
            ".sources",
            "Types: deb-src\nURIs: http://a.example.org\n\nTypes: deb-src\nURIs: x\n",
        ),
    ],
)
def test_as_sources_asks_for_sources_where_binaries_were(
    text: str, suffix: str, expected: str
) -> None:
    assert packages.as_sources(text, suffix) == expected


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The apt configuration of a machine whose archive is a folder, and whose hooks set traps."""
    etc, archive = tmp_path / "etc", tmp_path / "archive"
    (etc / "sources.list.d").mkdir(parents=True)
    (etc / "apt.conf.d").mkdir()
    archive.mkdir()
    dsc = write(archive, FILES)
    body = dsc.read_bytes()
    stanza = (
        body.decode()
        .replace("Source: tool", "Package: tool")
        .replace(
            "Checksums-Sha256:\n",
            f"Checksums-Sha256:\n {hashlib.sha256(body).hexdigest()} {len(body)} {dsc.name}\n",
        )
        .replace("Files:\n", f"Files:\n {hashlib.md5(body).hexdigest()} {len(body)} {dsc.name}\n")
    )
    (archive / "Sources").write_text(stanza.rstrip() + "\nDirectory: .\n")
    (etc / "sources.list").write_text(f"deb [trusted=yes] file:{archive} ./\n")
    (etc / "apt.conf.d" / "50hook").write_text(
        f'APT::Update::Post-Invoke {{"touch {tmp_path}/trap"; }};\n'
        f'APT::Update::Pre-Invoke {{"touch {tmp_path}/trap"; }};\n'
    )
    return etc


def test_deb_gets_a_source_package_without_touching_the_machine(
    machine: Path, tmp_path: Path
) -> None:
    purl = "pkg:deb/debian/tool@1.0-1?arch=source"
    text = f"- {{kind: package, purl: '{purl}', name: octo-org/tool, sha256: '{'0' * 64}'}}"
    (source,) = load_sources(text, "sources.yaml")
    folder, cache = tmp_path / "got", tmp_path / "cache"
    folder.mkdir()
    lists = sorted(Path("/var/lib/apt/lists").iterdir())
    before = {path: path.read_bytes() for path in machine.rglob("*") if path.is_file()}
    dsc = packages.deb(source, folder, 10**6, cache, machine)
    assert dsc.read_bytes() == (tmp_path / "archive" / dsc.name).read_bytes()
    assert {path.name for path in folder.iterdir()} == {dsc.name, *FILES}
    assert sorted(Path("/var/lib/apt/lists").iterdir()) == lists
    assert {path: path.read_bytes() for path in machine.rglob("*") if path.is_file()} == before
    assert not (tmp_path / "trap").exists()


def test_deb_of_a_version_that_is_not_there_is_wrong_use(machine: Path, tmp_path: Path) -> None:
    purl = "pkg:deb/debian/tool@2.0-1?arch=source"
    text = f"- {{kind: package, purl: '{purl}', name: octo-org/tool, sha256: '{'0' * 64}'}}"
    (source,) = load_sources(text, "sources.yaml")
    (tmp_path / "got").mkdir()
    with pytest.raises(UsageError, match="cannot be got"):
        packages.deb(source, tmp_path / "got", 10**6, tmp_path / "cache", machine)
