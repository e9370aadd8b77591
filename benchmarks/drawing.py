"""Draws examples from templates, so that no credential is ever written down.

`<alnum 36>` stands for 36 drawn letters and digits; see `ALPHABETS`. `<crc62>` is a GitHub or npm
body with its checksum, `<crc62 p_>` the same after `p_`; `<uuid>`, `<discord>`, `<pair64>` and
`<crchex 32>` are what they say.
"""

from __future__ import annotations

import base64
import random
import re
import string
import uuid
import zlib

from stackyard.pii.checks import base62

UPPER, LOWER, DIGIT = string.ascii_uppercase, string.ascii_lowercase, string.digits
ALPHABETS = {
    "alnum": UPPER + LOWER + DIGIT,
    "letter": UPPER + LOWER,
    "lower": LOWER,
    "upper": UPPER,
    "digit": DIGIT,
    "upperdigit": UPPER + DIGIT,
    "base36": LOWER + DIGIT,
    "base32": UPPER + "234567",
    "base32l": LOWER + "234567",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "hex": DIGIT + "abcdef",
    "hexu": DIGIT + "ABCDEF",
    "b64": UPPER + LOWER + DIGIT + "+/",
    "b64url": UPPER + LOWER + DIGIT + "-_",
    "aws": UPPER + LOWER + DIGIT + "+/",
}
TEMPLATE = re.compile(r"<([a-z0-9]+)(?: ([^>]+))?>")


def draw(template: str, seed: int) -> str:
    source = random.Random(f"{template} {seed}")

    def one(match: re.Match[str]) -> str:
        kind, argument = match[1], match[2] or ""
        if kind == "crc62":
            body = letters(source, ALPHABETS["alnum"], 30)
            return argument + body + base62(zlib.crc32(body.encode()), 6).decode()
        if kind == "crchex":
            body = letters(source, ALPHABETS["alnum"], int(argument))
            return f"{body}_{zlib.crc32(body.encode()):08x}"
        if kind == "uuid":
            return str(uuid.UUID(int=source.getrandbits(128), version=4))
        if kind == "discord":
            return base64.b64encode(letters(source, DIGIT[1:], 18).encode()).decode()
        if kind == "pair64":
            return base64.b64encode(
                f"robot:{letters(source, ALPHABETS['alnum'], 14)}".encode()
            ).decode()
        return letters(source, ALPHABETS[kind], int(argument))

    return TEMPLATE.sub(one, template)


def letters(source: random.Random, alphabet: str, count: int) -> str:
    """Drawn letters that begin and end with no `-`, `_` or `/`, as generators of tokens do."""
    ends = [c for c in alphabet if c.isalnum()]
    middle = source.choices(alphabet, k=max(0, count - 2))
    return "".join([source.choice(ends), *middle, source.choice(ends)])[:count]
