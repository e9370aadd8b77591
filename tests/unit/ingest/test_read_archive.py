from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
import struct
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard
from swh.model.from_disk import Directory

from stackyard.errors import UsageError
from stackyard.ingest import rules
from stackyard.ingest.params import Params
from stackyard.record import blob_digest

ReadSource = Callable[..., Any]
MakeTar = Callable[..., Path]


def member(name: str, content: bytes = b"", **attributes: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


@pytest.fixture
def make_tar(tmp_path: Path) -> MakeTar:
    """Writes members, as `(TarInfo, content)`, to a tar; `mode` picks the compression."""

    def make(
        members: Iterable[tuple[tarfile.TarInfo, bytes]],
        name: str = "tool-1.0.tar.gz",
        mode: str = "w:gz",
        form: int = tarfile.PAX_FORMAT,
    ) -> Path:
        path = tmp_path / name
        with tarfile.open(path, mode, format=form) as archive:  # type: ignore[call-overload]
            for info, content in members:
                archive.addfile(info, io.BytesIO(content))
        return path

    return make


def test_read_tar_gives_its_files_without_the_top_folder(
    read_archive: ReadSource, make_tar: MakeTar
) -> None:
    path = make_tar([member("tool-1.0/a.py", b"a\n"), member("tool-1.0/src/b.py", b"b\n")])
    found = read_archive(path)
    assert found.kept == {"a.py": b"a\n", "src/b.py": b"b\n"}
    assert found.dropped == {}
    assert found.entries[0].blob_id == blob_digest(b"a\n")
    assert found.entries[0].length_bytes == 2


@pytest.mark.parametrize(
    "members",
    [
        [member("a/x", b"1"), member("b/y", b"2")],
        [member("a/x", b"1"), member("y", b"2")],
        [member("a/x", b"1"), member("b", type=tarfile.DIRTYPE)],
    ],
)
def test_read_tar_without_one_top_folder_keeps_paths(
    members: list[tuple[tarfile.TarInfo, bytes]], read_archive: ReadSource, make_tar: MakeTar
) -> None:
    paths = {info.name for info, _ in members if not info.isdir()}
    assert set(read_archive(make_tar(members)).kept) == paths


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_read_tar_of_every_format_has_long_names(
    form: int, read_archive: ReadSource, make_tar: MakeTar
) -> None:
    names = ["top/" + "d" * 90 + "/" + "f" * 90, "top/short"]
    if form != tarfile.USTAR_FORMAT:
        names.append("top/" + "é" * 200)
    path = make_tar([member(name, b"x") for name in names], form=form)
    assert sorted(read_archive(path).kept) == sorted(name[4:] for name in names)


@pytest.mark.parametrize(
    ("mode", "pack"),
    [
        ("w", bytes),
        ("w", gzip.compress),
        ("w", bz2.compress),
        ("w", lzma.compress),
        ("w", lambda raw: zstandard.ZstdCompressor().compress(raw)),
        ("w", lambda raw: gzip.compress(raw[:700]) + gzip.compress(raw[700:]) + bytes(512)),
        ("w", lambda raw: bz2.compress(raw[:700]) + bz2.compress(raw[700:])),
        ("w", lambda raw: lzma.compress(raw[:700]) + bytes(4) + lzma.compress(raw[700:])),
        (
            "w",
            lambda raw: (
                zstandard.ZstdCompressor().compress(raw[:700])
                + zstandard.ZstdCompressor().compress(raw[700:])
            ),
        ),
    ],
)
def test_read_tar_of_every_compression_is_the_same(
    mode: str, pack: object, read_archive: ReadSource, make_tar: MakeTar
) -> None:
    path = make_tar([member("t/a", b"a" * 3_000_000), member("t/b", b"b")], mode=mode)
    path.write_bytes(pack(path.read_bytes()))  # type: ignore[operator]
    assert read_archive(path).kept == {"a": b"a" * 3_000_000, "b": b"b"}


def test_read_zip_gives_its_files_with_their_modes(
    read_archive: ReadSource, tmp_path: Path
) -> None:
    path = tmp_path / "tool.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tool/__init__.py", "import os\n" * 100)
        script = zipfile.ZipInfo("tool/run", (2024, 1, 31, 12, 0, 0))
        script.external_attr, script.create_system = 0o100755 << 16, 3
        archive.writestr(script, "#!/bin/sh\n")
        link = zipfile.ZipInfo("tool/link")
        link.external_attr, link.create_system = 0o120777 << 16, 3
        archive.writestr(link, "run")
        archive.writestr("tool-1.0.dist-info/METADATA", "Name: tool\n")
    found = read_archive(path)
    assert sorted(found.kept) == ["tool-1.0.dist-info/METADATA", "tool/__init__.py", "tool/run"]
    assert found.dropped == {"tool/link": rules.SYMBOLIC_LINK}


def test_read_archive_has_the_directory_id_of_its_unpacked_tree(
    read_archive: ReadSource, tmp_path: Path
) -> None:
    tree = tmp_path / "tool-1.0"
    (tree / "src").mkdir(parents=True)
    (tree / "empty").mkdir()
    (tree / "src" / "a.c").write_bytes(b"int a;\n")
    (tree / "src" / "big").write_bytes(b"x" * 2000)
    (tree / "run").write_bytes(b"#!/bin/sh\n")
    (tree / "run").chmod(0o755)
    (tree / "link").symlink_to("src/a.c")
    (tree / "same").hardlink_to(tree / "run")
    expected = Directory.from_disk(path=bytes(tree), max_content_length=None).swhid()
    for command in (["tar", "-czf", "tool.tar.gz"], ["zip", "-qry", "tool.zip"]):
        if command[0] == "zip":
            _zip(tree, tmp_path / "tool.zip")
        else:
            subprocess.run([*command, "tool-1.0"], cwd=tmp_path, check=True)
        found = read_archive(tmp_path / command[-1], Params(file_bytes_max=1000))
        assert found.revision.directory_id == str(expected)
        assert found.revision.revision_id == str(expected)
        assert found.dropped["src/big"] == rules.TOO_LARGE


def _zip(tree: Path, to: Path) -> None:
    with zipfile.ZipFile(to, "w") as archive:
        for path in sorted(tree.rglob("*")):
            name = path.relative_to(tree.parent).as_posix()
            if path.is_symlink():
                link = zipfile.ZipInfo(name)
                link.external_attr, link.create_system = 0o120777 << 16, 3
                archive.writestr(link, str(path.readlink()))
            else:
                archive.write(path, name)


@pytest.mark.parametrize(
    ("odd", "path", "rule"),
    [
        (member("/etc/passwd", b"x"), "/etc/passwd", rules.PATH_UNSAFE),
        (member("../../x", b"x"), "../../x", rules.PATH_UNSAFE),
        (member("t/../../x", b"x"), "t/../../x", rules.PATH_UNSAFE),
        (member("t/..\\..\\x", b"x"), "..\\..\\x", rules.PATH_UNSAFE),
        (member("../up", type=tarfile.DIRTYPE), "../up/", rules.PATH_UNSAFE),
        (member("t/l", type=tarfile.SYMTYPE, linkname="/etc"), "l", rules.SYMBOLIC_LINK),
        (member("t/h", type=tarfile.LNKTYPE, linkname="t/ok"), "h", rules.HARD_LINK),
        (member("t/h", type=tarfile.LNKTYPE, linkname="/etc/x"), "h", rules.HARD_LINK),
        (member("t/c", type=tarfile.CHRTYPE), "c", rules.SPECIAL_FILE),
        (member("t/b", type=tarfile.BLKTYPE), "b", rules.SPECIAL_FILE),
        (member("t/p", type=tarfile.FIFOTYPE), "p", rules.SPECIAL_FILE),
        (member("t/v", b"?", type=b"V"), "v", rules.UNKNOWN_MEMBER),
        (member("t/ok", b"second"), "ok//2", rules.PATH_DUPLICATE),
        (member("t/./ok", b"second"), "ok//2", rules.PATH_DUPLICATE),
        (member("t/ok/x", b"x"), "ok/x", rules.PATH_CONFLICT),
        (member("t/d", b"x"), "d", rules.PATH_CONFLICT),
        (member("t/ok", type=tarfile.DIRTYPE), "ok//2", rules.PATH_DUPLICATE),
        (member("t/a\nb", b"x"), "a\\x0ab", rules.PATH_CONTROL_CHARACTER),
        (member("t/\x1b[2J", b"x"), "\\x1b[2J", rules.PATH_CONTROL_CHARACTER),
        (member("t/caf\udce9", b"x"), "caf\\xe9", rules.PATH_NOT_UTF8),
        (member("t/" + "d/" * 65 + "f", b"x"), "d/" * 65 + "f", rules.TOO_DEEP),
        (member("t/large", b"x" * 101), "large", rules.TOO_LARGE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_read_tar_with_a_hostile_member_gives_it_one_row_and_keeps_the_rest(
    odd: tuple[tarfile.TarInfo, bytes],
    path: str,
    rule: str,
    read_archive: ReadSource,
    make_tar: MakeTar,
) -> None:
    archive = make_tar(
        [member("t/ok", b"fine"), member("t/d/f", b"too"), odd, member("t/z", b"last")],
        form=tarfile.GNU_FORMAT,
    )
    found = read_archive(archive, Params(file_bytes_max=100))
    assert found.kept == {"ok": b"fine", "d/f": b"too", "z": b"last"}
    assert found.dropped == {path: rule}
    assert len(found.entries) == 4
    (row,) = (entry for entry in found.entries if entry.rule)
    assert row.content is None
    assert json.loads(json.dumps(row.evidence))["kind"]


def test_read_tar_with_64_folders_above_a_file_keeps_it(
    read_archive: ReadSource, make_tar: MakeTar
) -> None:
    deep = "d/" * 64 + "f"
    assert read_archive(make_tar([member("t/" + deep, b"x"), member("t/e", b"")])).kept == {
        deep: b"x",
        "e": b"",
    }


def test_read_tar_with_three_members_at_one_path_keeps_the_first_whatever_it_is(
    read_archive: ReadSource, make_tar: MakeTar
) -> None:
    archive = make_tar(
        [
            member("t/p", type=tarfile.FIFOTYPE),
            member("t/p", b"a file"),
            member("t/p", b"another"),
            member("t/caf\udce9", b"latin"),
            member("t/caf\\xe9", b"its escaped name"),
            member("t/ok", b"fine"),
        ],
        form=tarfile.GNU_FORMAT,
    )
    found = read_archive(archive)
    assert found.kept == {"ok": b"fine"}
    assert [(entry.path, entry.rule) for entry in found.entries[:5]] == [
        ("p", rules.SPECIAL_FILE),
        ("p//2", rules.PATH_DUPLICATE),
        ("p//3", rules.PATH_DUPLICATE),
        ("caf\\xe9", rules.PATH_NOT_UTF8),
        ("caf\\xe9//2", rules.PATH_DUPLICATE),
    ]


def test_read_tar_through_a_link_never_reaches_its_target(
    read_archive: ReadSource, make_tar: MakeTar
) -> None:
    archive = make_tar(
        [
            member("t/l", type=tarfile.SYMTYPE, linkname="/etc"),
            member("t/l/passwd", b"x"),
            member("t/ok", b"fine"),
        ]
    )
    found = read_archive(archive)
    assert found.kept == {"ok": b"fine"}
    assert found.dropped == {"l": rules.SYMBOLIC_LINK, "l/passwd": rules.PATH_CONFLICT}


def test_read_tar_with_a_sparse_member_drops_it(read_archive: ReadSource, tmp_path: Path) -> None:
    for form in ("gnu", "posix"):
        holes = tmp_path / "t" / "holes"
        holes.parent.mkdir(exist_ok=True)
        with holes.open("wb") as file:
            for start in range(0, 100_000_000, 2_000_000):
                file.seek(start)
                file.write(b"x" * 4096)
            file.truncate(100_000_000)
        (tmp_path / "t" / "ok").write_bytes(b"fine")
        command = ["tar", f"--format={form}", "-S", "-czf", "s.tgz", "t/holes", "t/ok"]
        subprocess.run(command, cwd=tmp_path, check=True)
        found = read_archive(tmp_path / "s.tgz")
        assert found.kept == {"ok": b"fine"}
        assert found.dropped == {"holes": rules.SPARSE_FILE}


def test_read_tar_made_in_its_folder_has_no_row_for_that(
    read_archive: ReadSource, tmp_path: Path
) -> None:
    (tmp_path / "t" / "src").mkdir(parents=True)
    (tmp_path / "t" / "src" / "a").write_bytes(b"a")
    (tmp_path / "t" / "b").write_bytes(b"b")
    subprocess.run(["tar", "-C", "t", "-czf", "t.tgz", "."], cwd=tmp_path, check=True)
    found = read_archive(tmp_path / "t.tgz")
    assert found.kept == {"src/a": b"a", "b": b"b"}
    assert found.dropped == {}


@pytest.mark.parametrize("name", ["t/a.zip", "t/a.tar.gz"])
def test_read_tar_with_an_archive_inside_does_not_open_it(
    name: str, read_archive: ReadSource, make_tar: MakeTar
) -> None:
    inner = make_tar([member("x", b"x")]).read_bytes()
    found = read_archive(make_tar([member(name, inner), member("t/b", b"")]))
    assert found.kept == {name[2:]: inner, "b": b""}


def test_read_zip_with_hostile_members_gives_each_one_row(
    read_archive: ReadSource, tmp_path: Path
) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t/ok", "fine")
        archive.writestr("t/../../x", "x")
        archive.writestr("/abs", "x")
        fifo = zipfile.ZipInfo("t/fifo")
        fifo.external_attr, fifo.create_system = 0o010644 << 16, 3
        archive.writestr(fifo, "")
        archive.writestr("t/lzma", "x", compress_type=zipfile.ZIP_LZMA)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("t/ok", "second")
    found = read_archive(path)
    assert found.kept == {"ok": b"fine"}
    assert sorted((e.path, e.rule) for e in found.entries if e.rule) == [
        ("/abs", rules.PATH_UNSAFE),
        ("fifo", rules.SPECIAL_FILE),
        ("lzma", rules.UNSUPPORTED_COMPRESSION),
        ("ok//2", rules.PATH_DUPLICATE),
        ("t/../../x", rules.PATH_UNSAFE),
    ]


def test_read_zip_with_an_encrypted_member_drops_it(
    read_archive: ReadSource, tmp_path: Path
) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("locked", "secret")
        archive.writestr("open", "fine")
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x03\x04") + 6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    found = read_archive(path)
    assert found.kept == {"open": b"fine"}
    assert found.dropped == {"locked": rules.ENCRYPTED}


BOUNDS = Params(
    entries_max=100,
    unpacked_bytes_max=4_000_000,
    unpacked_ratio_max=10,
    unpacked_ratio_floor_bytes=1_000_000,
)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("t/bomb", bytes(3_000_000))], "unpacked_ratio_max = 10"),
        ([member(f"t/{i}") for i in range(101)], "entries_max"),
    ],
)
def test_read_bomb_is_refused_before_its_first_entry(
    members: list[tuple[tarfile.TarInfo, bytes]],
    message: str,
    read_archive: ReadSource,
    make_tar: MakeTar,
    tmp_path: Path,
) -> None:
    as_zip = tmp_path / "t.zip"
    with zipfile.ZipFile(as_zip, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info.name, content)
    packs = [make_tar(members, f"t.{end}", f"w:{end}") for end in ("gz", "xz", "bz2")]
    for path in (as_zip, *packs):
        with pytest.raises(UsageError, match=message) as caught:
            read_archive(path, BOUNDS)
        assert path.name in str(caught.value)
        assert "octo-org/tool" in str(caught.value)


def test_read_zip_of_many_records_is_refused_before_they_are_read(
    read_archive: ReadSource, tmp_path: Path
) -> None:
    record = b"PK\x01\x02" + bytes(42)
    directory = record * 200_000
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 1, 1, len(directory), 0, 0)
    (tmp_path / "t.zip").write_bytes(b"PK\x03\x04" + directory + end)
    with pytest.raises(UsageError, match="has 200000 members"):
        read_archive(tmp_path / "t.zip", Params(entries_max=199_999))


def test_read_tar_beyond_the_bound_of_bytes_is_refused(
    read_archive: ReadSource, make_tar: MakeTar
) -> None:
    path = make_tar([member("t/a", bytes(5_000_000))], "t.tar", "w")
    with pytest.raises(UsageError, match="unpacked_bytes_max = 4000000"):
        read_archive(path, BOUNDS)


def test_read_tar_with_a_gigantic_header_is_refused(
    read_archive: ReadSource, make_tar: MakeTar
) -> None:
    info, _ = member("t/a")
    info.pax_headers = {"comment": "x" * 2_000_000}
    with pytest.raises(UsageError, match="header_bytes_max"):
        read_archive(make_tar([(info, b"")]))


def test_read_xz_that_asks_for_much_memory_is_refused(
    read_archive: ReadSource, tmp_path: Path
) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 64 * 1024**2}]
    (tmp_path / "t.tar.xz").write_bytes(lzma.compress(bytes(10240), filters=filters))
    with pytest.raises(UsageError, match="Memory usage limit"):
        read_archive(tmp_path / "t.tar.xz", Params(decoder_bytes_max=16 * 1024**2))


def test_read_zstd_that_asks_for_much_memory_is_refused(
    read_archive: ReadSource, tmp_path: Path
) -> None:
    settings = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    (tmp_path / "t.tar.zst").write_bytes(packer.compress(bytes(10240)) + packer.flush())
    with pytest.raises(UsageError, match="damaged"):
        read_archive(tmp_path / "t.tar.zst", Params(decoder_bytes_max=16 * 1024**2))


@pytest.mark.parametrize("end", ["gz", "xz", "bz2", "zst", "plain", "zip"])
def test_read_archive_cut_short_anywhere_is_refused(
    end: str, read_archive: ReadSource, make_tar: MakeTar, tmp_path: Path
) -> None:
    content = random.Random(1).randbytes(3000)
    if end == "zip":
        path = tmp_path / "t.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("t/a", content)
    elif end in {"plain", "zst"}:
        path = make_tar([member("t/a", content)], "t.tar", "w")
        raw = path.read_bytes()[:4608]  # without the padding to a whole record
        path.write_bytes(raw if end == "plain" else zstandard.ZstdCompressor().compress(raw))
    else:
        path = make_tar([member("t/a", content)], f"t.tar.{end}", f"w:{end}")
    raw = path.read_bytes()
    for length in {0, 1, 100, 511, 512, 513, 2000, len(raw) - 600, len(raw) - 1 - 512}:
        path.write_bytes(raw[:length])
        with pytest.raises(UsageError, match="damaged"):
            read_archive(path)


def test_read_tar_with_a_damaged_header_in_the_middle_is_refused(
    read_archive: ReadSource, make_tar: MakeTar
) -> None:
    path = make_tar([member("t/a", b"a"), member("t/b", b"b")], "t.tar", "w")
    raw = bytearray(path.read_bytes())
    raw[1024] ^= 1
    path.write_bytes(raw)
    with pytest.raises(UsageError, match="check sum"):
        read_archive(path)


def test_read_zip_with_a_damaged_member_is_refused(
    read_archive: ReadSource, tmp_path: Path
) -> None:
    path = tmp_path / "t.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t/a", "content")
    path.write_bytes(path.read_bytes().replace(b"content", b"contemt"))
    with pytest.raises(UsageError, match="t/a: Bad CRC-32"):
        read_archive(path)


@pytest.mark.parametrize("raw", [b"#!/bin/sh\n" * 100, b"\x7fELF" + bytes(600), b"x"])
def test_read_file_that_is_no_archive_is_refused(
    raw: bytes, read_archive: ReadSource, tmp_path: Path
) -> None:
    (tmp_path / "t.tar.gz").write_bytes(raw)
    with pytest.raises(UsageError, match="no archive"):
        read_archive(tmp_path / "t.tar.gz")


def test_read_archive_without_a_date_has_that_of_its_newest_kept_file(
    read_archive: ReadSource, make_tar: MakeTar
) -> None:
    members = [
        member("t/a", b"", mtime=1_700_000_000),
        member("t/b", b"", mtime=1_600_000_000),
        member("t/l", type=tarfile.SYMTYPE, linkname="a", mtime=1_800_000_000),
    ]
    assert read_archive(make_tar(members)).revision.revision_date == datetime(
        2023, 11, 14, 22, 13, 20, tzinfo=UTC
    )
    npm = [member("package/a", b"", mtime=499162500)]
    assert read_archive(make_tar(npm, "n.tgz")).revision.revision_date is None


def test_read_archive_with_a_date_in_sources_yaml_has_that(
    read: ReadSource, make_tar: MakeTar
) -> None:
    make_tar([member("t/a", b"", mtime=1_700_000_000)])
    entry = "{kind: archive, path: tool-1.0.tar.gz, name: a/b, date: 2024-01-31}"
    assert read(entry).revision.revision_date == datetime(2024, 1, 31, tzinfo=UTC)


def test_read_tar_of_a_git_archive_ignores_its_global_header(
    read_archive: ReadSource, tmp_path: Path
) -> None:
    path = tmp_path / "t.tar"
    with tarfile.open(path, "w", pax_headers={"comment": "a" * 40}) as archive:
        info, content = member("t/a", b"a")
        archive.addfile(info, io.BytesIO(content))
    assert read_archive(path).kept == {"a": b"a"}


def test_read_tar_of_more_than_is_held_unpacks_it_twice(
    read_archive: ReadSource, make_tar: MakeTar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stackyard.ingest.read._HELD_BYTES", 10_000_000)
    content = bytes(range(256)) * 20_000
    path = make_tar([member(f"t/{i}", content + b"%d" % i) for i in range(9)])
    found = read_archive(path)
    assert found.kept == {f"{i}": content + b"%d" % i for i in range(9)}
    assert found.entries[3].blob_id == blob_digest(content + b"3")
