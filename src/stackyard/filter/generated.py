"""Generated files: what Linguist calls generated, by path or by content.

In: paths and texts. Out: a mask. Always holds: equal to enry's `is_generated` on the same (path,
text), which is equal to Linguist's; most files are settled without asking it, by a condition that
each of its rules needs.
Source: GitHub Linguist, lib/linguist/generated.rb; its path patterns are data (data/linguist).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any, Final

import enry
import hyperscan
import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.filter.buffers import bytes_of

_ALWAYS: Final = frozenset(
    [
        "map",
        "ps",
        "eps",
        "pfa",
        "mod",
        "meta",
        "yy",
        "yyp",
        "dsp",
        "g",
        "gox",
        "rbi",
        "xib",
        "nib",
        "storyboard",
        "xcworkspacedata",
        "xcuserstate",
    ]
)
"""Extensions so rare that enry may as well read every one of them."""

_READ: Final = frozenset(
    [
        "c",
        "cc",
        "cpp",
        "cs",
        "css",
        "cjs",
        "dart",
        "go",
        "h",
        "hpp",
        "htm",
        "html",
        "hx",
        "java",
        "js",
        "lua",
        "m",
        "mjs",
        "pas",
        "php",
        "proto",
        "py",
        "rb",
        "rd",
        "svelte",
        "sum",
        "ts",
        "tsx",
        "xhtml",
        "xml",
        "yml",
        "yaml",
    ]
)
"""Extensions that some rule by content looks at."""

_HEAD_BYTES = 8192  # rules look at lines 1 to 40 at most
_TAIL_BYTES = 2048  # or at the last two
_CLUES: Final = (
    rb"generated (?:by|code|from|file)",
    rb"code generated",
    rb"(?:auto|machine|automatically) ?-?(?:generated|created)",
    rb"<meta\s[^>]{0,300}generator",
    rb"do not (?:edit|modify)",
    rb"image dump",
    rb"header image",
    rb"<assembly>",
    rb"recorded_with",
    rb"source(?:mapping)?url=",
    rb"\}\)\.call\(this\);",
    rb"typed:",
    rb"racc",
)
"""What every rule by content but that of minified scripts needs near the begin or the end."""

_SCRIPTS: Final = frozenset({"js", "css", "mjs", "cjs"})
_MEAN_MINIFIED: Final = 100  # characters a line; Linguist calls scripts beyond 110 minified


class GeneratedRules:
    """Rules by path, and a filter in front of those by content."""

    def __init__(self, patterns: Sequence[str]) -> None:
        around = re.compile(r"\(\?<?[!=]")
        self._fast = "|".join(f"(?:{p})" for p in patterns if not around.search(p))
        self._slow = [re.compile(p) for p in patterns if around.search(p)]

    def mask(self, paths: pa.Array, text: pa.Array) -> np.ndarray:
        """Whether each file is generated; false where the text is null."""
        data, offsets = bytes_of(text)
        asked = pc.match_substring_regex(paths, self._fast).to_numpy(zero_copy_only=False).copy()
        names = paths.to_pylist()
        vendor = pc.match_substring(paths, "vendor/").to_numpy(zero_copy_only=False)
        for row in map(int, np.flatnonzero(vendor & ~asked)):
            asked[row] = any(pattern.search(names[row]) for pattern in self._slow)
        found = asked.copy()
        for row, name in enumerate(names):
            if found[row] or offsets[row] == offsets[row + 1]:
                continue
            content = data[offsets[row] : offsets[row + 1]]
            if _may_be_generated(name, content):
                found[row] = enry.is_generated(name, content.tobytes())
        return found


def _may_be_generated(name: str, content: Any) -> bool:
    extension = name.rpartition(".")[2].lower()
    if extension in _ALWAYS:
        return True
    if extension in _SCRIPTS and _mean_line(content) > _MEAN_MINIFIED:
        return True
    if extension not in _READ:
        return False
    view = memoryview(content)
    seen: list[int] = []
    _clues().scan(view[:_HEAD_BYTES], match_event_handler=_collect, context=seen)
    if not seen and len(view) > _HEAD_BYTES:
        _clues().scan(view[-_TAIL_BYTES:], match_event_handler=_collect, context=seen)
    return bool(seen)


def _collect(number: int, _start: int, _end: int, _flags: int, seen: list[int]) -> None:
    seen.append(number)


@functools.cache
def _clues() -> Any:
    database = hyperscan.Database()
    flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH
    database.compile(
        expressions=list(_CLUES),
        ids=list(range(len(_CLUES))),
        elements=len(_CLUES),
        flags=[flags] * len(_CLUES),
    )
    return database


@numba.njit(cache=True, nogil=True)
def _mean_line(content: Any) -> int:
    """Bytes a line of a text."""
    lines = 1
    for byte in content:
        if byte == 10:  # noqa: PLR2004 - the line feed
            lines += 1
    return len(content) // lines
