"""Zip archives (wheels too), member by member.

In: a file. Out: its members in the order in which their contents lie in it. Always holds: no more
of a member is unpacked than the archive's directory says, and its check sum is checked.
Source: APPNOTE.TXT 6.3.10, clauses 4.3 to 4.5 (PKWARE).
"""

from __future__ import annotations

import calendar
import errno
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stackyard.errors import UsageError
from stackyard.ingest.member import Kind, Member
from stackyard.ingest.paths import escape
from stackyard.ingest.stream import PIECE_BYTES, damaged

_UTF8: Final = 0x800
_ENCRYPTED: Final = 0x1
_UNIX: Final = 3
_TARGET_BYTES_MAX: Final = 4096
_DIRECTORY_BYTES_MAX: Final = 256 * 1024**2
"""Longest directory of an archive: it is read as a whole; a million members have about 100 MB."""
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
"""Not LZMA: its members say how much memory they need, and zipfile gives it to them unasked."""
_FAULTS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What zipfile raises on damaged files, whose offsets, sizes and flags it trusts."""


def members(path: Path, entries_max: int, where: str) -> Iterator[Member]:
    """Members by their place in the file.

    Raises:
        UsageError: the archive or a member is damaged or cut short, or has too many members.
    """
    _check_directory(path, entries_max, where)
    try:
        archive = zipfile.ZipFile(path)
    except _FAULTS as error:
        raise _told(error, where) from error
    with archive:
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            yield _member(archive, info, where)


def _check_directory(path: Path, entries_max: int, where: str) -> None:
    """Bounds the archive's directory before zipfile makes an object of each of its records."""
    with path.open("rb") as file:
        try:
            end = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # noqa: SLF001
        except OSError as error:
            raise _told(error, where) from error
        if not end:
            raise damaged(where, "it has no end record")
        size, location = end[5], end[9]
        if size > _DIRECTORY_BYTES_MAX:
            raise damaged(where, f"its directory has {size} bytes, over {_DIRECTORY_BYTES_MAX}")
        # Before the end record, and before the two records of ZIP64 if there are such.
        file.seek(max(0, location - size - 76))
        records = file.read(size + 76).count(b"PK\x01\x02")
    if records > entries_max:
        raise UsageError(
            f"{where} has {records} members",
            expected=f"at most ingest.entries_max = {entries_max}",
            next_step="leave the source out, or raise the bound in params.yaml if you trust it",
        )


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> Member:
    mode = info.external_attr >> 16 if info.create_system == _UNIX else 0
    kind = _kind(info, mode)
    is_read = kind in {"file", "symbolic-link"}
    target = b""
    if kind == "symbolic-link":
        target = b"".join(_parts(archive, info, where, _TARGET_BYTES_MAX))
    return Member(
        name=_name(info),
        kind=kind,
        length_bytes=info.file_size if is_read else 0,
        executable=bool(mode & 0o111) and kind == "file",
        target=target,
        modified=_time(info),
        note=f"method {info.compress_type}" if kind == "unsupported-compression" else "",
        parts=lambda: _parts(archive, info, where, info.file_size),
    )


def _kind(info: zipfile.ZipInfo, mode: int) -> Kind:
    if info.orig_filename.endswith("/"):
        return "folder"
    if info.flag_bits & _ENCRYPTED:
        return "encrypted"
    if info.compress_type not in _METHODS:
        return "unsupported-compression"
    if stat.S_ISLNK(mode):
        return "symbolic-link"
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG}:
        return "special-file"
    return "file"


def _name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def _time(info: zipfile.ZipInfo) -> int:
    try:
        return max(0, calendar.timegm((*info.date_time, 0, 0, 0)))
    except ValueError:
        return 0


def _parts(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str, bytes_max: int
) -> Iterator[bytes]:
    left = min(info.file_size, bytes_max)
    try:
        with archive.open(info) as file:
            while part := file.read(PIECE_BYTES):
                yield part[:left]
                left -= min(left, len(part))
    except _FAULTS as error:
        raise _told(error, where, f"{escape(_name(info)[:200])}: ") from error
    if left:
        raise damaged(where, f"{escape(_name(info)[:200])} ends {left} bytes early")


def _told(error: Exception, where: str, member: str = "") -> Exception:
    """What a fault means: an offset that no file has is the archive's, a failed read the disk's."""
    if isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}:
        return error
    return damaged(where, f"{member}{error}")
