"""What one source may hold: bounds of ingest, the section `ingest` of params.yaml."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Params:
    """Bounds of one revision of one source.

    The first three drop single entries by a rule; all others refuse the whole source, since what
    exceeds them is an attack or a mistake, and half of a source is worse than none.

    Attributes:
        file_bytes_max: longest file that goes on; The Stack v2 took files < 10 MiB.
        tree_depth_max: most folders above a file; The Stack v2 took trees of <= 64.
        path_bytes_max: longest path; PATH_MAX of Linux.
        entries_max: most members of one source; a Linux kernel has 80,000.
        history_changes_max: most commits and changed paths in the history of one source whose
            authors are wanted; some 300 bytes of memory for each path that ever was.
        archive_bytes_max: largest download or pinned file.
        unpacked_bytes_max: most bytes that one source may unpack to; a Linux kernel is 1.5 GB.
        unpacked_ratio_max: most bytes unpacked per byte packed; sources reach 4 to 20, gzip 1,030.
        unpacked_ratio_floor_bytes: the ratio counts from this many unpacked bytes on, as small
            files of one repeated character are harmless and compress beyond any ratio.
        header_bytes_max: longest extended header of one tar member.
        decoder_bytes_max: most memory that a decompressor may ask for; `xz -9` asks for 65 MiB.
    """

    file_bytes_max: int = 10 * 1024**2 - 1
    tree_depth_max: int = 64
    path_bytes_max: int = 4096
    entries_max: int = 1_000_000
    history_changes_max: int = 10_000_000
    archive_bytes_max: int = 2 * 1024**3
    unpacked_bytes_max: int = 8 * 1024**3
    unpacked_ratio_max: int = 200
    unpacked_ratio_floor_bytes: int = 64 * 1024**2
    header_bytes_max: int = 1024**2
    decoder_bytes_max: int = 256 * 1024**2
