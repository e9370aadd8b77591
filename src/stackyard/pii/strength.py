"""How much a value looks drawn at random rather than written by a person.

Always holds: a function of the value alone, in time linear in its length.
"""

from __future__ import annotations

import math
import re
from collections import Counter

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^A-Za-z\d]+")
_PATH = re.compile(
    r"^(?:\.{0,2}/|[A-Za-z]:\\|https?:|ftp:|file:|urn:|data:)|/.*/|\s|::|\(|\)|\.\w+\."
)

VALUE_CHARS_MIN = 8
VALUE_CHARS_READ = 256
"""Characters of a value that are looked at; longer ones are data rather than keys."""


PIECE_CHARS_MAX = 4.0
"""Identifiers are few long pieces; drawn values change class every two or three characters."""


def entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values()) if total else 0.0


def is_strong(value: str) -> bool:
    """Whether a value is one that a generator makes: mixed, uneven, and no path, name or prose."""
    value = value[:VALUE_CHARS_READ]
    if len(value) < VALUE_CHARS_MIN or _PATH.search(value):
        return False
    letters = sum(map(str.isalpha, value))
    digits = sum(map(str.isdigit, value))
    if not letters or not digits or letters + digits < 0.75 * len(value):
        return False
    pieces = _WORDS.findall(value)
    piece_chars = len(value) / len(pieces)
    return piece_chars <= PIECE_CHARS_MAX and entropy(value) >= min(
        3.2, 0.8 * math.log2(len(value))
    )
