"""The rules by which ingest drops an entry, each with its meaning; docs/sources.md has the same table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

TOO_LARGE: Final = "too-large"
TOO_DEEP: Final = "too-deep"
PATH_TOO_LONG: Final = "path-too-long"
PATH_NOT_UTF8: Final = "path-not-utf8"
PATH_CONTROL_CHARACTER: Final = "path-control-character"
PATH_UNSAFE: Final = "path-unsafe"
PATH_DUPLICATE: Final = "path-duplicate"
PATH_CONFLICT: Final = "path-conflict"
SYMBOLIC_LINK: Final = "symbolic-link"
HARD_LINK: Final = "hard-link"
SPECIAL_FILE: Final = "special-file"
SPARSE_FILE: Final = "sparse-file"
ENCRYPTED: Final = "encrypted"
UNSUPPORTED_COMPRESSION: Final = "unsupported-compression"
UNKNOWN_MEMBER: Final = "unknown-member"
SUBMODULE: Final = "submodule"
OVERLAID: Final = "overlaid"

RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        TOO_LARGE: "the file is longer than `file_bytes_max`",
        TOO_DEEP: "more than `tree_depth_max` folders lie above the file",
        PATH_TOO_LONG: "the path is longer than `path_bytes_max`; its start and its hash are kept",
        PATH_NOT_UTF8: "the path is not UTF-8; it is kept escaped",
        PATH_CONTROL_CHARACTER: "the path holds a control character; it is kept escaped",
        PATH_UNSAFE: "the path is absolute, empty, or climbs out of its tree with `..`, on any system",
        PATH_DUPLICATE: "an earlier member has this path; the first counts, whatever it is",
        PATH_CONFLICT: "the path needs a folder where there is a file or link, or the reverse",
        SYMBOLIC_LINK: "a symbolic link, never followed",
        HARD_LINK: "another name of an earlier member, which carries the content",
        SPECIAL_FILE: "a device, a FIFO or a socket, never opened",
        SPARSE_FILE: "a sparse member of a tar archive: its holes may be of any size",
        ENCRYPTED: "a member of a zip archive that needs a password",
        UNSUPPORTED_COMPRESSION: "a member of a zip archive, compressed by a method not read here",
        UNKNOWN_MEMBER: "a member of a tar archive of a type that no standard names",
        SUBMODULE: "a commit of another repository, which is not fetched",
        OVERLAID: "replaced, changed or deleted by a later part of the same Debian source package",
    }
)
