"""Names of members as archives spell them, judged and written down.

In: the raw bytes of a name. Out: its parts, or the rule that drops it, and the text that stands
for it in a listing. Always holds: a path that goes on is relative, has no empty, `.` or `..` part,
is UTF-8 and has no control characters, and no two raw names with different parts share a text.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from stackyard.ingest import rules

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DRIVE: Final = re.compile(rb"[A-Za-z]:[/\\]")
_SHOWN_BYTES: Final = 200
"""So much of a path that is too long is shown; the hash after it keeps it apart from others."""


def split(name: bytes) -> tuple[bytes, ...]:
    """The parts of a name, without empty ones and `.`: `./a//b/` is `a`, `b`."""
    return tuple(part for part in name.split(b"/") if part not in {b"", b"."})


def is_root(name: bytes) -> bool:
    """Whether a name is that of the folder itself that all else lies in: `.` or `./`."""
    return not name.startswith(b"/") and name != b"" and not split(name)


def has_place(name: bytes) -> bool:
    """Whether a name is one of a file below the folder that it is unpacked in, on this system."""
    return not (
        name.startswith(b"/") or b"\0" in name or b".." in name.split(b"/") or not split(name)
    )


def is_safe(name: bytes) -> bool:
    """Whether a name stays in the folder that it is unpacked in, on any system."""
    slashed = name.replace(b"\\", b"/")
    return has_place(name) and has_place(slashed) and _DRIVE.match(name) is None


def escape(name: bytes) -> str:
    r"""A name as text that can be turned back into its bytes.

    A backslash is written `\\`; a control character and a byte that is not part of valid UTF-8 are
    written `\xHH`, byte by byte. `unescape` is the exact inverse.
    """
    text = name.decode("utf-8", "surrogateescape").replace("\\", "\\\\")
    text = _CONTROL.sub(lambda found: _hex(found[0].encode()), text)
    return re.sub(r"[\udc80-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)


def unescape(text: str) -> bytes:
    """The bytes that `escape` wrote as this text."""

    def plain(found: re.Match[bytes]) -> bytes:
        return b"\\" if found[0] == b"\\\\" else bytes([int(found[1], 16)])

    return re.sub(rb"\\(?:\\|x([0-9a-f]{2}))", plain, text.encode())


def _hex(raw: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in raw)


def shown(parts: tuple[bytes, ...], name: bytes, path_bytes_max: int) -> tuple[str, str | None]:
    """The text of a path, and the rule that its name alone breaks, if any.

    Args:
        parts: the parts that are left of a name that has a place; else they are not looked at.
        name: the whole name, as the archive has it.
        path_bytes_max: see `Params`.
    """
    raw = b"/".join(parts) if has_place(name) else name
    if len(raw) > path_bytes_max:
        mark = hashlib.sha256(raw).hexdigest()
        return f"{escape(raw[:_SHOWN_BYTES])}...{mark}", rules.PATH_TOO_LONG
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return escape(raw), rules.PATH_NOT_UTF8
    if _CONTROL.search(text):
        return escape(raw), rules.PATH_CONTROL_CHARACTER
    # The path alone too: what stood before it may have been all that made it a relative one.
    return text, None if is_safe(name) and is_safe(raw) else rules.PATH_UNSAFE
