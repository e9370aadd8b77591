r"""Escapes of quoted strings beside a span: `\"`, `\n`, `\u00e9`.

Always holds: a span neither begins inside an escape nor ends with the backslashes of one, so that what stands
in for it leaves JSON and quoted strings whole, strings within strings included (there, runs of backslashes
double: whichever floor one belongs to, it stays).
"""

from __future__ import annotations

import re

_BACKSLASH = 0x5C
_ESCAPE = re.compile(rb"u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[nrtbfv0\"'`/]")


def between_escapes(text: bytes, start: int, end: int) -> tuple[int, int]:
    """A span less the escape that it begins in and the backslashes that it ends in; may be empty."""
    if start > 0 and text[start - 1] == _BACKSLASH and (escape := _ESCAPE.match(text, start, end)):
        start = escape.end()
    while end > start and text[end - 1] == _BACKSLASH:
        end -= 1
    return start, end
