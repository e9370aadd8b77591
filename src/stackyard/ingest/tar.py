"""Tar archives, member by member, from a stream.

In: a `Stream` of an unpacked tar. Out: its members in order. Always holds: memory is bounded by
the longest extended header that the bounds allow; a damaged header is an error, never an end
(Python's `tarfile` stops in silence there, and reads extended headers of any size into memory).
Sources: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Header Block"; GNU tar manual,
"Basic Tar Format" and "Storing Sparse Files".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from stackyard.ingest.member import Kind, Member
from stackyard.ingest.paths import escape
from stackyard.ingest.stream import Stream, damaged

_BLOCK: Final = 512
_ZERO: Final = bytes(_BLOCK)
_KINDS: Final[dict[bytes, Kind]] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hard-link",
    b"2": "symbolic-link",
    b"3": "special-file",
    b"4": "special-file",
    b"5": "folder",
    b"6": "special-file",
    b"S": "sparse-file",
}
_WITHOUT_CONTENT: Final = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})
_TIME_MAX: Final = 253402300799
"""The last second of the year 9999."""


def members(stream: Stream, header_bytes_max: int, where: str) -> Iterator[Member]:
    """Members in the order of the archive; what a member does not read of its content is skipped.

    Raises:
        UsageError: a header is damaged or too long, or the archive is cut short.
    """
    shared: dict[bytes, bytes] = {}
    own: dict[bytes, bytes] = {}
    number = 0
    while True:
        number += 1
        if stream.at_end():
            raise damaged(where, "it ends without its end mark")
        header = stream.take(_BLOCK, b"a header")
        if header == _ZERO:
            return
        _check_sum(header, number, where)
        kind, size = header[156:157], _number(header[124:136], number, where)
        if kind in {b"x", b"X", b"g", b"L", b"K"}:
            body = _extension(stream, size, number, header_bytes_max, where)
            if kind == b"g":
                shared.update(_records(body, number, where))
            elif kind == b"L":
                own[b"path"] = body.rstrip(b"\0")
            elif kind == b"K":
                own[b"linkpath"] = body.rstrip(b"\0")
            else:
                own.update(_records(body, number, where))
            continue
        said = {key: value for key, value in (shared | own).items() if value}
        own = {}
        if b"size" in said:
            size = _decimal(said[b"size"], number, where)
        if kind in _WITHOUT_CONTENT:
            size = 0
        more = header[482] if kind == b"S" else 0
        while more:  # old GNU sparse maps go on in blocks of their own
            more = stream.take(_BLOCK, b"a sparse map")[504]
        member, body_parts = _member(header, said, size, stream, number=number, where=where)
        yield member
        for _ in body_parts:
            pass
        stream.skip(-size % _BLOCK, b"a padding")


def _member(
    header: bytes, said: dict[bytes, bytes], size: int, stream: Stream, *, number: int, where: str
) -> tuple[Member, Iterator[bytes]]:
    kind = header[156:157]
    name = said.get(b"path", _name(header))
    what = _KINDS.get(kind, "unknown-member")
    if what == "file" and kind != b"7" and name.endswith(b"/"):
        what = "folder"
    if any(key.startswith(b"GNU.sparse.") for key in said):
        what, name = "sparse-file", said.get(b"GNU.sparse.name", name)
    parts = stream.parts(size, name)
    mode = _number(header[100:108], number, where)
    member = Member(
        name=name,
        kind=what,
        length_bytes=size,
        executable=bool(mode & 0o111),
        target=said.get(b"linkpath", header[157:257].split(b"\0", 1)[0]),
        modified=_time(said.get(b"mtime"), header, number, where),
        note=f"type {escape(kind)}" if what in {"special-file", "unknown-member"} else "",
        parts=lambda: parts,
    )
    return member, parts


def _extension(stream: Stream, size: int, number: int, bytes_max: int, where: str) -> bytes:
    if size > bytes_max:
        raise damaged(
            where,
            f"extended header {number} has {size} bytes, "
            f"more than ingest.header_bytes_max = {bytes_max}",
        )
    body = stream.take(size, b"an extended header")
    stream.skip(-size % _BLOCK, b"a padding")
    return body


def _check_sum(header: bytes, number: int, where: str) -> None:
    stored = _number(header[148:156], number, where)
    summed = header[:148] + b" " * 8 + header[156:]
    if stored == sum(summed):
        return
    if stored != sum(summed) - 256 * sum(byte > 127 for byte in summed):  # noqa: PLR2004
        # Not even as old tars do it, which summed signed characters.
        raise damaged(where, f"header {number} is no tar header: its check sum is wrong")


def _number(field: bytes, number: int, where: str) -> int:
    if field[0] & 0x80:  # GNU: big-endian two's complement, bit 7 of the first byte is the mark
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        if field[0] & 0x40:
            raise damaged(where, f"header {number} has a negative number")
        return value
    text = field.split(b"\0", 1)[0].strip()
    if text and (len(text.strip(b"01234567")) > 0):
        raise damaged(where, f"header {number} has a number that is not octal")
    return int(text, 8) if text else 0


def _decimal(text: bytes, number: int, where: str) -> int:
    if not text.isdigit() or len(text) > 19:  # noqa: PLR2004  # digits of 2^63
        raise damaged(where, f"extended header {number} has a size that is no number")
    return int(text)


def _name(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0]
    is_posix = header[257:263] == b"ustar\0"
    return prefix + b"/" + name if is_posix and prefix else name


def _time(said: bytes | None, header: bytes, number: int, where: str) -> int:
    if said is None:
        if header[136] & 0x80 and header[136] & 0x40:
            return 0  # before 1970
        seconds = _number(header[136:148], number, where)
    else:
        digits = said.split(b".", 1)[0]
        seconds = int(digits) if digits.isdigit() and len(digits) < 19 else 0  # noqa: PLR2004
    return seconds if seconds <= _TIME_MAX else 0


def _records(body: bytes, number: int, where: str) -> dict[bytes, bytes]:
    r"""Pax records: `<length> <key>=<value>\n`, the length counting itself."""
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(body) and body[at] != 0:
        digits, _, _ = body[at : at + 20].partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 19 else 0  # noqa: PLR2004
        record = body[at + len(digits) + 1 : at + length]
        key, equals, value = record.partition(b"=")
        if at + length > len(body) or not record.endswith(b"\n") or not equals:
            raise damaged(where, f"extended header {number} has a record that is cut short")
        records[key] = value[:-1]
        at += length
    return records
