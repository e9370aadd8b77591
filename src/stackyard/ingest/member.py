"""One member of an archive, folder or git tree, before it is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "file",
    "folder",
    "symbolic-link",
    "hard-link",
    "special-file",
    "sparse-file",
    "encrypted",
    "unsupported-compression",
    "unknown-member",
    "submodule",
]


def _nothing() -> Iterator[bytes]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Member:
    """What a container says of one member.

    Attributes:
        name: raw bytes of its name, as the container spells it.
        kind: what it is; all but `file` and `folder` are names of rules.
        length_bytes: of the content of a file.
        executable: whether anyone may execute it.
        target: of links, raw.
        modified: seconds since 1970, or 0 if unknown.
        note: one more word of evidence: a type, a method, a commit.
        blob_id: raw sha1_git, where the container knows it beforehand.
        parts: pieces of the content; to be asked once, before the next member is.
    """

    name: bytes
    kind: Kind
    length_bytes: int = 0
    executable: bool = False
    target: bytes = b""
    modified: int = 0
    note: str = ""
    blob_id: bytes | None = None
    parts: Callable[[], Iterator[bytes]] = field(default=_nothing, compare=False)
