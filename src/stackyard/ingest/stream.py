"""Compressed files as streams of pieces, in bounded memory and within bounds of size.

In: a file, told by its first bytes and not by its name. Out: pieces of what it unpacks to, of
bounded length. Always holds: a file that is cut short, damaged or unpacks to more than
the bounds allow raises before the bytes beyond the bound are handed on.
Sources: RFC 1952 (gzip), the .xz file format 1.2, RFC 8878 (zstd).
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Protocol, Self

import zstandard

from stackyard.errors import UsageError
from stackyard.ingest.params import Params
from stackyard.ingest.paths import escape

PIECE_BYTES: Final = 1024**2
"""Large enough that Python's work per piece vanishes, small enough to stay in a cache."""
_PACKED_BYTES: Final = 256 * 1024
_ZSTD_BYTES: Final = 1024
"""A zstd block takes 4 bytes at least and gives 128 KiB at most, so this gives 32 MiB at most."""

_MAGIC: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)


def compression_of(path: Path) -> str:
    """`gzip`, `xz`, `bzip2`, `zstd`, `zip`, or `none` for all else, by the first bytes."""
    with path.open("rb") as file:
        head = file.read(8)
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "none")


class Budget:
    """How much one source may still unpack to.

    Args:
        params: the bounds.
        packed_bytes: the size of what is unpacked.
        where: the source and the archive, for errors.
    """

    def __init__(self, params: Params, packed_bytes: int, where: str) -> None:
        ratio = max(packed_bytes * params.unpacked_ratio_max, params.unpacked_ratio_floor_bytes)
        self._where = where
        self._bytes_max = min(ratio, params.unpacked_bytes_max)
        self._bound = (
            f"unpacked_bytes_max = {params.unpacked_bytes_max}"
            if self._bytes_max == params.unpacked_bytes_max
            else f"unpacked_ratio_max = {params.unpacked_ratio_max} x {packed_bytes} packed bytes"
        )
        self._entries_max = params.entries_max
        self._bytes = 0
        self._entries = 0

    @classmethod
    def of_plain(cls, params: Params, where: str) -> Self:
        """For what is not packed: no ratio counts."""
        return cls(params, params.unpacked_bytes_max, where)

    def spend_bytes(self, count: int) -> None:
        self._bytes += count
        if self._bytes > self._bytes_max:
            raise UsageError(
                f"{self._where} unpacks to more than {self._bytes_max} bytes",
                expected=f"at most ingest.{self._bound}",
                next_step=_RAISE,
            )

    def spend_entry(self, name: bytes) -> None:
        self._entries += 1
        if self._entries > self._entries_max:
            raise UsageError(
                f"{self._where} has more than {self._entries_max} members: {escape(name[:200])} is the next",
                expected="at most ingest.entries_max",
                next_step=_RAISE,
            )


_RAISE: Final = "leave the source out, or raise the bound in params.yaml if you trust it"


def damaged(where: str, why: str) -> UsageError:
    """The error for a file that cannot be read to its end."""
    return UsageError(
        f"{where} is damaged or is no archive: {why}",
        expected="tar (plain, gzip, xz, bzip2, zstd), zip or a Debian .dsc, whole",
        next_step="get it again and mend its sha256, or leave the source out",
    )


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the manners of bz2's and lzma's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._full and not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        self._full = len(piece) == max_length
        return piece


def pieces(path: Path, params: Params, budget: Budget, where: str) -> Iterator[bytes]:
    """What a file unpacks to; several compressed streams in a row count as one.

    Raises:
        UsageError: damaged, cut short, or beyond the bounds; it names `where`.
    """
    compression = compression_of(path)
    with path.open("rb") as file:
        if compression == "none":
            source = iter(lambda: file.read(PIECE_BYTES), b"")
        elif compression == "zstd":
            source = _zstd(file, params)
        else:
            source = _streams(file, compression, params)
        try:
            for piece in source:
                budget.spend_bytes(len(piece))
                yield piece
        except (zlib.error, lzma.LZMAError, EOFError, zstandard.ZstdError) as error:
            raise damaged(where, str(error)) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise damaged(where, str(error)) from error


def _start(compression: str, params: Params) -> _Decompressor:
    if compression == "gzip":
        return _Gzip()
    if compression == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=params.decoder_bytes_max)


def _streams(file: IO[bytes], compression: str, params: Params) -> Iterator[bytes]:
    data = file.read(_PACKED_BYTES)
    while data:
        decompressor = _start(compression, params)
        while not decompressor.eof:
            if decompressor.needs_input and not data:
                data = file.read(_PACKED_BYTES)
                if not data:
                    raise EOFError("it ends in the middle of its compressed stream")
            piece = decompressor.decompress(data, PIECE_BYTES)
            data = b""
            if piece:
                yield piece
        data = _after_padding(decompressor.unused_data, file, _PACKED_BYTES)


def _after_padding(data: bytes, file: IO[bytes], count: int) -> bytes:
    """The start of the next stream: zero bytes between and after streams are padding of tapes."""
    data = data.lstrip(b"\0")
    while not data:
        data = file.read(count)
        if not data:
            return b""
        data = data.lstrip(b"\0")
    return data


def _zstd(file: IO[bytes], params: Params) -> Iterator[bytes]:
    window = 1 << (params.decoder_bytes_max.bit_length() - 1)
    data = file.read(_ZSTD_BYTES)
    while data:
        reader = zstandard.ZstdDecompressor(max_window_size=window).decompressobj()
        is_open = True
        while is_open:
            if not data:
                data = file.read(_ZSTD_BYTES)
                if not data:
                    raise EOFError("it ends in the middle of its compressed stream")
            piece = reader.decompress(data)
            data = b""
            if piece:
                yield piece
            is_open = not reader.eof
        data = _after_padding(reader.unused_data, file, _ZSTD_BYTES)


class Stream:
    """Pieces read as a run of bytes of known lengths.

    Raises:
        UsageError: the pieces end before the bytes that are asked for.
    """

    def __init__(self, source: Iterator[bytes], where: str) -> None:
        self._source = source
        self._where = where
        self._piece = b""
        self._at = 0

    def at_end(self) -> bool:
        return self._at == len(self._piece) and not self._next()

    def parts(self, count: int, name: bytes) -> Iterator[bytes]:
        """Exactly `count` bytes, piece by piece."""
        while count:
            if self._at == len(self._piece) and not self._next():
                raise damaged(
                    self._where, f"it ends {count} bytes before the end of {escape(name[:200])}"
                )
            part = self._piece[self._at : self._at + count]
            self._at += len(part)
            count -= len(part)
            yield part

    def take(self, count: int, name: bytes) -> bytes:
        end = self._at + count
        if end <= len(self._piece):
            part = self._piece[self._at : end]
            self._at = end
            return part
        return b"".join(self.parts(count, name))

    def skip(self, count: int, name: bytes) -> None:
        end = self._at + count
        if end <= len(self._piece):
            self._at = end
            return
        for _ in self.parts(count, name):
            pass

    def _next(self) -> bool:
        self._piece = next(self._source, b"")
        self._at = 0
        return bool(self._piece)
