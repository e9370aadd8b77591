"""Content that is plainly in another language than its name says: markup, JSON, C, a template.

In: a text, and clues to what it may be. Out: the language of its form, or None where that is not plain.
Always holds: the answer depends on the text alone; a form is read from what a whole text must have
(a root element that is closed, JSON that parses), not from a word in it.

This is an extension of Linguist's rules, which believe a rare extension whatever is in the file. Which
languages may look like a form is in the data (`forms`); only those that never do are doubted.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import numba
import numpy as np

MARKUP, JSON, INCLUDE, TEMPLATE = 4, 8, 16, 32
"""Clues, as bits: the text begins with `<`, with a bracket; has a line `#include`, or `{{#`."""

EVERY: Final = MARKUP | JSON | INCLUDE | TEMPLATE
SHAPES: Final = MARKUP | JSON | TEMPLATE
"""Those that also tell candidates apart: what includes headers may be any of the kin of C."""

FORMS: Final = {"markup": MARKUP, "json": JSON, "include": INCLUDE, "template": TEMPLATE}
"""The names that the data gives them."""

_CLUE_BYTES: Final = 4096  # that are searched for `#include` and `{{#`
_JSON_BYTES_MAX: Final = 1 << 20  # that are parsed: beyond it, nothing is plain
_LINES: Final = 200  # that are looked at for C
_STATEMENT_SHARE_MIN: Final = (
    0.3  # of C's lines end a statement or block; own sources have 0.5 to 0.8
)
_HTML_ROOTS: Final = frozenset(
    b"html head body div span p a ul ol table form section main nav script style h1 h2 h3".split()
)

_SKIPPED = re.compile(rb"(?:\s+|<\?xml[^>]{0,200}\?>|<!--(?:(?!-->)[\s\S]){0,4000}-->)*")
_DOCTYPE = re.compile(rb"<!doctype\s+([\w:.-]+)[^<>\[]{0,300}>", re.IGNORECASE)
_ROOT = re.compile(rb"<([A-Za-z_][\w:.-]{0,100})(?:\s[^<>]{0,4000})?(/?)>")
_EMBEDDED = re.compile(rb"<%|<\?(?!xml)|\{[{%]")
_HEADER = re.compile(
    rb"^#[ \t]*include[ \t]*(?:<[\w./+-]+>|\"[\w./+-]+\.h(?:h|pp|xx)?\")", re.MULTILINE
)
_DIRECTIVE = re.compile(
    rb"^#[ \t]*(?:include|define|if|ifdef|ifndef|endif|undef|pragma)\b", re.MULTILINE
)
_WORD = re.compile(
    rb"^[ \t]*(?:int|char|void|struct|static|typedef|extern|unsigned|return|const)\b[^\n]*[;{(,]",
    re.MULTILINE,
)
_COMMENTS = re.compile(rb"(?:\s+|//[^\n]*|/\*[\s\S]*?\*/)*+")
_CPP = re.compile(
    rb"^[ \t]*(?:template[ \t]*<|class[ \t]+\w+[^;]*$|namespace\b|using[ \t]+\w|(?:public|private|protected):)"
    rb"|\bstd::|^#[ \t]*include[ \t]*<[a-z_]+>",
    re.MULTILINE,
)
_BLOCK = re.compile(rb"\{\{#(if|each|unless|with)\s[^{}]{1,200}\}\}")


def language(text: bytes, clues: int) -> str | None:
    """The language that a text is plainly in, of those that its clues allow.

    >>> language(b'{"a": [1, 2]}', JSON)
    'JSON'
    """
    if clues & TEMPLATE and (block := _BLOCK.search(text)) and b"{{/" + block[1] + b"}}" in text:
        return "Handlebars"
    if clues & MARKUP:
        return _markup(text)
    if clues & JSON and _is_json(text):
        return "JSON"
    return _c(text) if clues & INCLUDE else None


def _markup(text: bytes) -> str | None:
    """XML, SVG, HTML, PHP by what stands first, where the root that is opened is closed at the end."""
    if text.lstrip().startswith(b"<?php"):
        return "PHP"
    skipped = _SKIPPED.match(text)
    at = 0 if skipped is None else skipped.end()
    doctype = _DOCTYPE.match(text, at)
    if doctype is not None:
        if doctype[1].lower() == b"html" and not _EMBEDDED.search(text):
            return "HTML"
        skipped = _SKIPPED.match(text, doctype.end())
        at = doctype.end() if skipped is None else skipped.end()
    root = _ROOT.match(text, at)
    if root is None or _EMBEDDED.search(text, at):
        return None
    rest = text[root.end() :].rstrip()
    while rest.endswith(b"-->") and b"<!--" in rest:
        rest = rest[: rest.rindex(b"<!--")].rstrip()
    if rest if root[2] else not rest.endswith(b"</" + root[1] + b">"):
        return None
    name = root[1].lower()
    if name == b"svg":
        return "SVG"
    is_html = name == b"html" or (name in _HTML_ROOTS and not text.lstrip().startswith(b"<?xml"))
    return "HTML" if is_html else "XML"


def _is_json(text: bytes) -> bool:
    """Whether it is JSON with a member in it: a list of numbers may be anything."""
    if len(text) > _JSON_BYTES_MAX:
        return False
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and len(first) > 0


def _c(text: bytes) -> str | None:
    """C or C++: it begins with a directive, headers are included by their names, and lines end as
    statements and blocks do.
    """
    lines = [line.strip() for line in text.split(b"\n", _LINES)[:_LINES]]
    code = [line for line in lines if line and not line.startswith((b"#", b"//", b"*", b"/*"))]
    ends = sum(line.endswith((b";", b"{", b"}", b"*/")) for line in code)
    begin = _COMMENTS.match(text)
    if _DIRECTIVE.match(text, 0 if begin is None else begin.end()) is None:
        return None
    if not code or ends < _STATEMENT_SHARE_MIN * len(code):
        return None
    if _HEADER.search(text) is None or _WORD.search(text) is None:
        return None
    if len(_DIRECTIVE.findall(text)) < 2:  # noqa: PLR2004 - one may be quoted
        return None
    return "C++" if _CPP.search(text) else "C"


@numba.njit(cache=True, nogil=True)
def clues(data: Any, start: int, end: int) -> Any:
    """Bits of what a text may be, from its first bytes."""
    at = start
    while at < end and data[at] <= 32:  # noqa: PLR2004 - white space
        at += 1
    found = 0
    if at < end and data[at] == 60:  # noqa: PLR2004 - `<`
        found |= MARKUP
    if at < end and (data[at] == 123 or data[at] == 91):  # noqa: PLR2004 - `{` and `[`
        found |= JSON
    stop = min(end, start + _CLUE_BYTES) - 3
    for i in range(at, stop):
        byte = data[i]
        if byte == 35:  # noqa: PLR2004 - `#`
            if i > start + 1 and data[i - 1] == 123 and data[i - 2] == 123:  # noqa: PLR2004 - `{{`
                found |= TEMPLATE
            elif i == start or data[i - 1] == 10:  # noqa: PLR2004 - begin of a line
                k = i + 1
                while k < stop and (data[k] == 32 or data[k] == 9):  # noqa: PLR2004 - blanks
                    k += 1
                if data[k] == 105 and data[k + 1] == 110 and data[k + 2] == 99:  # noqa: PLR2004 - `inc`
                    found |= INCLUDE
    return np.uint8(found)
