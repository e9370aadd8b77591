"""The encoding of a text that is no UTF-8 and has no byte order mark.

In: bytes. Out: a Python codec that decodes all of them, or None for what is no text. Always holds:
the answer depends on the bytes alone, and the codec decodes them without an error.

The question is asked of code, where the odd bytes are few and stand in comments: so what decides is
which characters they would become, not how the whole would be distributed. Multi-byte encodings are
strict and come first; of single-byte ones, runs of odd bytes speak for Cyrillic.
"""

from __future__ import annotations

import re
from typing import Final

_SAMPLE_BYTES: Final = 1 << 16  # bytes that are scored; all are decoded in the end
_GLANCE_BYTES: Final = 4096  # that tell text from binary
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROL_SHARE_MAX: Final = 0.002  # of bytes: a text has a stray one at most
_HIGH = re.compile(rb"[\x80-\xff]+")
_MULTIBYTE: Final = (
    # codec, its usual characters, those that no other encoding makes so many of, and their share
    ("euc_jp", re.compile("[\u3040-\u30ff\u3000-\u3002\u4e00-\u9fff]"), re.compile("[\u3040-\u30ff]"), 0.2),
    ("shift_jis", re.compile("[\u3040-\u30ff\u3000-\u3002\u4e00-\u9fff]"), re.compile("[\u3040-\u30ff]"), 0.2),
    ("euc_kr", re.compile("[\uac00-\ud7a3\u3000-\u3002]"), re.compile("[\uac00-\ud7a3]"), 0.8),
    ("gb18030", re.compile("[\u4e00-\u9fff\u3000-\u3011\uff00-\uff5e]"), re.compile("[\u4e00-\u9fff]"), 0.8),
    ("big5", re.compile("[\u4e00-\u9fff\u3000-\u3011\uff00-\uff5e]"), re.compile("[\u4e00-\u9fff]"), 0.8),
)  # fmt: skip
_USUAL_SHARE_MIN: Final = 0.9  # of the characters beyond ASCII
_CYRILLIC_RUN: Final = 3.0  # mean length of runs of odd bytes: words, not accents
_NUL_SHARE_MIN: Final = 0.3  # of one parity: ASCII in UTF-16 has 1.0


def detect(content: bytes) -> str | None:
    """Codec of a text; None if the bytes are no text."""
    if b"\0" in content:
        return _wide(content)
    sample = content[:_GLANCE_BYTES]
    if len(_CONTROL.findall(sample)) > _CONTROL_SHARE_MAX * len(sample):
        return None
    for codec in (*_multibyte(content), *_single(content)):
        try:
            content.decode(codec)
        except UnicodeDecodeError:
            continue
        return codec
    return None


def _wide(content: bytes) -> str | None:
    """UTF-16 without a mark: NUL bytes in one half of the places, next to none in the other."""
    sample = content[:_GLANCE_BYTES]
    half = max(len(sample) // 2, 1)
    even, odd = sample[0::2].count(0) / half, sample[1::2].count(0) / half
    codec = "utf-16-le" if odd > even else "utf-16-be"
    if len(content) % 2 or max(even, odd) < _NUL_SHARE_MIN or min(even, odd) > _CONTROL_SHARE_MAX:
        return None
    try:
        text = content.decode(codec)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text.encode("utf-8", "replace")) else codec


def _multibyte(content: bytes) -> list[str]:
    """Codecs whose characters would be the usual ones, in the order of _MULTIBYTE."""
    runs = _HIGH.findall(content[:_SAMPLE_BYTES])
    if max(map(len, runs), default=0) < _WORD_BYTES:
        return []
    fitting: list[str] = []
    for codec, usual, own, own_share_min in _MULTIBYTE:
        try:
            text = content.decode(codec)
        except UnicodeDecodeError:
            continue
        beyond = re.sub("[\0-\x7f]+", "", text[:_SAMPLE_BYTES])
        count = max(len(beyond), 1)
        if (
            len(usual.findall(beyond)) >= _USUAL_SHARE_MIN * count
            and len(own.findall(beyond)) >= own_share_min * count
        ):
            fitting.append(codec)
    return fitting


_WORD_BYTES: Final = 4  # two characters of two bytes each: an accent alone proves nothing


def _single(content: bytes) -> list[str]:
    runs = _HIGH.findall(content[:_SAMPLE_BYTES])
    mean = sum(map(len, runs)) / max(len(runs), 1)
    if mean >= _CYRILLIC_RUN:
        joined = b"".join(runs)
        # Lower case is commoner: it is 0xE0-0xFF in cp1251, 0xC0-0xDF in KOI8-R.
        upper_half = sum(byte >= 0xE0 for byte in joined)  # noqa: PLR2004 - see the line above
        return ["cp1251" if 2 * upper_half >= len(joined) else "koi8-r", "cp1252", "iso8859-1"]
    return ["cp1252", "iso8859-1"]
