"""How much a value looks drawn at random rather than written by a person.

Always holds: a function of the value alone, in time linear in its length.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise

from stackyard.pii.letters import surprise

VALUE_CHARS_MIN = 8
VALUE_CHARS_READ = 256
"""Characters of a value that are looked at; longer ones are data rather than keys."""

_PROSE = re.compile(
    r"\s|\\[xuU]|^(?:\.{1,2}/|/[a-z][a-z0-9_.-]*/|[A-Za-z]:\\|~/|//)|^[a-z][a-z0-9+._-]{1,16}:|"
    r"://|::|->|^[\w.:>$-]*\(|\(\)|"
    r"^\d{4}-\d\d-\d\d|^[\d.:-]+$|^(?:[A-Za-z]+[._/-])+[A-Za-z]*$|^[#.][a-z][\w-]*$|"
    r"^[A-Za-z_]\w*(?:\.\w+)+:[A-Za-z_]\w*$|^[A-Za-z]+[:.!?*]+$|^[A-Za-z]+\d:$|^[\w.-]+\.(?:pem|"
    r"key|crt|cer|der|p12|pfx|jks|csr|pub|gpg|json|ya?ml|txt|xml|html?|php|py|rb|js|"
    r"ts|java|kt|go|c|h|cpp|cs|sh|conf|cfg|ini|env|log|md|png|svg|jpe?g|css|sql|db|properties|tpl|"
    r"erb|jsp|aspx?)$|^[\w.-]+(?:/[\w.-]+)+\.[a-z]{1,5}\d?$|^/?\$[A-Za-z_]|^[a-z_]+(?:[|,][a-z0-9_:]+)+$|"
    r"^[-+]?(?:0[xX][0-9a-fA-F]{1,16}|(?:0[xX])?[\d_.]*(?:[eEpP][-+]?\d+)?i?)$|"
    r"^(?:[a-z_]{2,24}\.){2,8}[A-Za-z]\w*$|^[a-z_]{3,24}\.[A-Z][A-Za-z]{2,}\d{0,3}[A-Za-z]{3,}$|"
    r"\[[aA0]-[zZ9]|^[a-z]+%3[aA]%2[fF]|"
    r"^[A-Z]{2,}(?:_[A-Z0-9]+)+$|^\\{0,2}[A-Z]\w*(?:\\{1,2}[A-Z]\w*)+$|^\w+(?:\[\w*\])+$|^(?i:sha|"
    r"md|aes|rsa|utf|oauth|base|ed|hs|rs|es|ps|bcrypt|argon|pbkdf|ripemd|x|des)[-_]?\d+[a-z]*$"
)
"""Prose, paths, URLs, calls, dates, numbers, selectors, labels, entry points (`package.module:name`), and
words joined by one sign."""

_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")

_WORD = re.compile(
    r"(?<![A-Za-z0-9])(?i:sha|utf|base|md|rsa|aes|dsa|secp|ed|http|ipv?|win|u?int|float|x|i|v|es|hs|rs|"
    r"oauth)[-_]?\d+[a-z]?|[A-Z]?[a-z]{3,}|[A-Z]{4,}(?![a-z])"
)
"""Stretches that may be words of a name, and the usual technical terms with a number."""

WORD_SURPRISE_MAX = 5.0
SHORT_WORD_SURPRISE_MAX = 4.4
SHORT_WORD_CHARS = 5
"""Bits a pair of letters up to which a stretch reads as a word; see `letters`. Short ones need more."""

WRITTEN_SHARE_MAX = 0.4
UNWRITTEN_CHARS_MIN = 6
"""A value is written, not drawn, where words make up more than this share of it, or less than this
many characters are left beside them."""

SURPRISE_MIN = 5.6
PAIRS_MIN = 12
"""Letters alone are drawn if so many pairs are so surprising: nearer to draws (6.4) than to names."""

ALNUM_SHARE_MIN = 0.75
LONG_CHARS_MIN, LONG_ALNUM_SHARE_MIN = 40, 0.6
"""Frameworks draw keys of 50 characters of which 14 in 50 are signs; what is that long and no word is a draw."""


def entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    total = len(value)
    return -sum(n / total * math.log2(n / total) for n in Counter(value).values()) if total else 0.0


def is_hex(value: str) -> bool:
    """Whether a value is hexadecimal digits of one case."""
    return bool(_HEX.fullmatch(value))


def is_random(value: str) -> bool:
    """Whether a value is one that a generator makes: mixed, uneven, and no path, name or prose."""
    value = value[:VALUE_CHARS_READ]
    if len(value) < VALUE_CHARS_MIN or _PROSE.search(value):
        return False
    bits = entropy(value)
    if is_hex(value):
        return any(map(str.isalpha, value)) and bits >= min(2.8, 0.75 * math.log2(len(value)))
    share_min = ALNUM_SHARE_MIN if len(value) < LONG_CHARS_MIN else LONG_ALNUM_SHARE_MIN
    if sum(map(str.isalnum, value)) < share_min * len(value):
        return False
    if bits < min(3.3, 0.8 * math.log2(len(value))):
        return False
    if value.isalnum() and _turns(value) >= max(TURNS_MIN, len(value) // TURN_CHARS):
        return True
    written = sum(len(word) for word in _WORD.findall(value) if _is_word(word))
    unwritten = len(value) - written
    if written > WRITTEN_SHARE_MAX * len(value) or unwritten < UNWRITTEN_CHARS_MIN:
        return False
    if any(map(str.isdigit, value)):
        return True
    surprised, pairs = surprise(value)
    return pairs >= PAIRS_MIN and surprised >= SURPRISE_MIN


TURNS_MIN, TURN_CHARS = 4, 6
"""Turns between letters and digits, at least one in so many characters: base 36 has one in three, names
with a number or two have fewer."""


def _turns(value: str) -> int:
    return sum(a.isdigit() != b.isdigit() for a, b in pairwise(value))


PLAUSIBLE_WRITTEN_SHARE_MAX = 0.6
PLAUSIBLE_SHARE_MIN = 0.6
PLAUSIBLE_BITS_MIN = 2.8
"""Bits a character: of the most that a value's length allows, or of what hexadecimal digits reach."""


def is_plausible(value: str) -> bool:
    """Whether a value in a documented format, beside its provider's name, may have been issued.

    Weaker than `is_random`: only words, repeats and the like are turned away.
    """
    value = value[:VALUE_CHARS_READ]
    written = sum(len(word) for word in _WORD.findall(value) if _is_word(word))
    return (
        any(map(str.isalnum, value))
        and written <= PLAUSIBLE_WRITTEN_SHARE_MAX * len(value)
        and entropy(value) >= min(PLAUSIBLE_BITS_MIN, PLAUSIBLE_SHARE_MIN * math.log2(len(value)))
    )


def _is_word(stretch: str) -> bool:
    if not stretch.isalpha():
        return True
    is_short = len(stretch) <= SHORT_WORD_CHARS
    return surprise(stretch)[0] <= (SHORT_WORD_SURPRISE_MAX if is_short else WORD_SURPRISE_MAX)


KINDS_MIN = 2
PASSWORD_CHARS_MIN, PASSWORD_CHARS_MAX = 6, 64


def is_password(value: str) -> bool:
    """Whether a value is one that people choose where rules ask for more than a word."""
    if not PASSWORD_CHARS_MIN <= len(value) <= PASSWORD_CHARS_MAX or _PROSE.search(value):
        return False
    kinds = {
        "d" if c.isdigit() else "a" if c.isalpha() else "s" if c not in "._-/" else ""
        for c in value
    }
    if (
        value[1:].lower() != value[1:]
        and value != value.upper()
        and surprise(value)[0] >= WORD_SURPRISE_MAX
    ):
        kinds.add("mixed")
    return len(kinds - {""}) >= KINDS_MIN and "a" in kinds


STRONG_CHARS_MIN, STRONG_SIGNS_MIN = 12, 2


def is_strong(value: str) -> bool:
    """Whether a value is made of letters, digits and several signs, which names, paths and expressions have not."""
    signs = {c for c in value if not c.isalnum()} - set(" ._-/:,;()[]{}<>=\\|")
    return (
        len(value) >= STRONG_CHARS_MIN
        and len(signs) >= STRONG_SIGNS_MIN
        and not _PROSE.search(value)
        and any(map(str.isdigit, value))
        and any(map(str.isalpha, value))
    )


_PLAIN_WORD = re.compile(r"[A-Za-z]{5,20}|[a-z]{3,12}[-_ ]?\d{0,4}")
_NAMELIKE = re.compile(
    r"(?i)pass|pwd|secret|token|key|user|login|admin|auth|cred|name|field|label|value|required|"
    r"invalid|true|false|null|"
    r"none|undefined|string|text|type|default|input|empty|hidden|plain|hash|crypt|kennwort|"
    r"contrase|senha|wachtwoord|"
    r"haslo|heslo|losenord|salasana|parola|function|return|object|number|boolean|config|optional|"
    r"unknown|error|"
    r"basic|bearer|digest|oauth|ldap|kerberos|prompt|enter|confirm|change|reset|forgot|update|"
    r"create|your|example|wrong|match|"
    r"incorrect|ignored|different|bad|^new|^old|another|other|nothing|whatever"
)


def is_named(value: str) -> bool:
    """Whether a value holds a word for a password, a field or a thing of code."""
    return bool(_NAMELIKE.search(value))


def is_plain_word(value: str) -> bool:
    """Whether a value is one word that people take for a password, and not the name of a thing of code."""
    return bool(_PLAIN_WORD.fullmatch(value)) and not _NAMELIKE.search(value)
