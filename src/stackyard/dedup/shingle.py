"""Tokens, shingles and signatures of a text, specified to the byte.

1. **Tokens.** A text is bytes. The bytes `0-9 A-Z a-z _` and 0x80..0xFF belong to tokens, all
   others separate them. A token is a longest run of such bytes, cut before every byte from 0xE0
   on: so words of two-byte scripts (Latin, Greek, Cyrillic) stay whole, and each character of the
   scripts without spaces (three and four bytes in UTF-8) begins a token. Letter case counts.
2. **Token hash.** FNV-1a of 64 bits over the bytes of the token.
3. **Shingles.** Each 5 tokens in a row; a text of fewer than 5 tokens has none. As bytes (what
   `MinHash.update` is given) a shingle is its tokens joined by one space.
4. **Shingle hash.** With token hashes t0..t4 and P = 0x9E3779B97F4A7C15:
   `mix(((((t0 P + t1) P + t2) P + t3) P + t4) mod 2^64)`, where `mix` is the 64-bit finaliser of
   MurmurHash3. Exact similarity uses all 64 bits; `shingle_hash` is the lower 32.
5. **Signature.** `datasketch.MinHash(num_perm=256, seed=1, scheme="affine32",
   hashfunc=shingle_hash)` over the shingles: for k = 0..255 the least of
   `(a[k] fmix32(h) + b[k]) mod 2^32`, stored as 256 little-endian uint32, 1,024 bytes.

This module is the readable one; `kernel.py` is the fast one.
"""

from __future__ import annotations

import re

import numpy as np

from stackyard.dedup import kernel

_TOKEN = re.compile(rb"[\xe0-\xff]?[0-9A-Z_a-z\x80-\xdf]+|[\xe0-\xff]")
_MASK = (1 << 64) - 1


def tokens(text: bytes) -> list[bytes]:
    """The tokens of a text, in order (1)."""
    return _TOKEN.findall(text)


def shingles(text: bytes) -> list[bytes]:
    """The shingles of a text, in order, repeats included (3)."""
    words = tokens(text)
    width = kernel.SHINGLE_TOKENS
    return [b" ".join(words[i : i + width]) for i in range(len(words) - width + 1)]


def token_hash(token: bytes) -> int:
    """FNV-1a of 64 bits (2)."""
    value = kernel.TOKEN_BASIS
    for byte in token:
        value = (value ^ byte) * kernel.TOKEN_PRIME & _MASK
    return value


def shingle_hash64(shingle: bytes) -> int:
    """The 64-bit hash of a shingle (4)."""
    value = 0
    for token in shingle.split(b" "):
        value = (value * kernel.SHINGLE_FACTOR + token_hash(token)) & _MASK
    value ^= value >> 33
    value = value * kernel.MIX_1 & _MASK
    value ^= value >> 33
    value = value * kernel.MIX_2 & _MASK
    return value ^ (value >> 33)


def shingle_hash(shingle: bytes) -> int:
    """The 32-bit hash of a shingle: the `hashfunc` of the datasketch MinHash (4)."""
    return shingle_hash64(shingle) & 0xFFFFFFFF


def similarity(left: bytes, right: bytes) -> float:
    """Jaccard similarity of the sets of shingles of two texts; 0 if neither has any."""
    a, b = set(shingles(left)), set(shingles(right))
    return len(a & b) / len(a | b) if a or b else 0.0


def permutations(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Factors a (odd) and terms b of the permutations, uint32[256] each, as datasketch draws them.

    NumPy keeps the stream of `RandomState` frozen (NEP 19).
    """
    generator = np.random.RandomState(seed)
    count = kernel.PERMUTATIONS
    half = generator.randint(0, 1 << 31, count, dtype=np.uint32)
    terms = generator.randint(0, 1 << 32, count, dtype=np.uint32)
    return half * np.uint32(2) + np.uint32(1), terms
