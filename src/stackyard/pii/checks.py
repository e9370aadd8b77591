"""What proves a credential: the checksums and encodings that providers document.

Always holds: True means that a value cannot have come about by chance (or hardly); False that the
provider would not have made it; nothing is asked over the network.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Mapping

from stackyard.pii import allow, strength
from stackyard.pii.letters import surprise

BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CRC_DIGITS = 6


def crc32_base62(value: bytes) -> bool:
    """GitHub and npm: the last six characters are CRC-32 of those after the prefix, in base 62."""
    body = value[value.index(b"_") + 1 :]
    return body[-CRC_DIGITS:] == base62(zlib.crc32(body[:-CRC_DIGITS]), CRC_DIGITS)


def base62(number: int, digits: int) -> bytes:
    """A number in base 62, digits first, then upper and lower case, padded with zeros."""
    out = bytearray()
    while number:
        number, rest = divmod(number, len(BASE62))
        out.append(BASE62[rest])
    return bytes(reversed(out)).rjust(digits, b"0")


def crc32_hex(value: bytes) -> bool:
    """Grafana: the last part is CRC-32 of the part before it, in hex."""
    _, secret, checksum = value.rsplit(b"_", 2)
    return checksum.lower() == b"%08x" % zlib.crc32(secret)


def discord(value: bytes) -> bool:
    """Discord: the first part is the bot's numeric id in base64."""
    head = _decode(value.split(b".", 1)[0])
    return head is not None and head.isdigit()


def base64_pair(value: bytes) -> bool:
    """HTTP basic and Docker: base64 of printable `user:password`, the password more than a word."""
    text = _decode(value)
    if text is None or not text.isascii() or not text.decode("ascii").isprintable():
        return False
    _, colon, secret = text.partition(b":")
    is_allowed = any(rule.holds(b"", secret, b"") for rule in allow.SECRET)
    plain = secret.decode("ascii")
    is_allowed = is_allowed or (plain.isalpha() and strength.is_named(plain))
    return bool(colon and secret.strip()) and password(secret) and not is_allowed


def jwt_header(value: bytes) -> bool:
    """A JOSE header (RFC 7515, 4): base64url of a JSON object with `alg` or `typ`."""
    text = _decode(value.split(b".", 1)[0])
    if text is None:
        return False
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and bool({"alg", "typ", "enc", "kid"} & set(header))


def random(value: bytes) -> bool:
    """Whether the last word of a value looks drawn."""
    return strength.is_random(value.split()[-1].decode("ascii", "replace"))


def password(value: bytes) -> bool:
    """Whether the last word of a value looks drawn, or chosen where rules ask for more than a word."""
    word = value.split()[-1].rsplit(b":", 1)[-1].decode("ascii", "replace")
    return strength.is_random(word) or strength.is_password(word)


def mixed(value: bytes) -> bool:
    """Whether a value has capitals and small letters, as base64 has and hashes in hex have not."""
    return value.lower() != value and value.upper() != value


SALT_SIGNS_MIN, SALT_BITS_MIN = 6, 4.5
"""Of 64 characters drawn of 92, 20 are signs and their entropy is 5.3 bits; 3 in 10,000 are below the bounds."""


def salt(value: bytes) -> bool:
    """Whether a value is drawn of letters, digits and signs alike, as WordPress draws its keys."""
    signs = sum(not chr(c).isalnum() and c != ord(" ") for c in value)
    return signs >= SALT_SIGNS_MIN and strength.entropy(value.decode("latin-1")) >= SALT_BITS_MIN


def letters(value: bytes) -> bool:
    """Whether letters in groups look drawn: an app password of four by four."""
    return surprise(value.replace(b" ", b"").decode("ascii", "replace"))[0] >= strength.SURPRISE_MIN


MNEMONIC_WORDS = frozenset({12, 15, 18, 21, 24})
MNEMONIC_LETTERS_MIN, MNEMONIC_LETTERS_MAX = 3, 8


def mnemonic(value: bytes) -> bool:
    """BIP 39: 12, 15, 18, 21 or 24 words of three to eight letters, not all of them the same."""
    words = value.split(b" ")
    is_worded = all(MNEMONIC_LETTERS_MIN <= len(w) <= MNEMONIC_LETTERS_MAX for w in words)
    return is_worded and len(words) in MNEMONIC_WORDS and 2 * len(set(words)) > len(words)


def luhn(digits: bytes) -> bool:
    """ISO/IEC 7812-1, annex B: the mod 10 checksum of card numbers and others."""
    total = 0
    for i, digit in enumerate(reversed(digits)):
        number = (digit - 48) * (2 if i % 2 else 1)
        total += number - 9 if number > 9 else number  # noqa: PLR2004
    return total % 10 == 0


IBAN_REMAINDER, IBAN_MODULUS = 1, 97


def iban(value: bytes) -> bool:
    """ISO 13616: letters as 10..35, the first four characters moved behind, modulo 97 is 1."""
    moved = (value[4:] + value[:4]).upper()
    number = int("".join(str(int(chr(c), 36)) for c in moved))
    return number % IBAN_MODULUS == IBAN_REMAINDER


def _decode(value: bytes) -> bytes | None:
    plain = value.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None


PROOFS: Mapping[str, Callable[[bytes], bool]] = {
    "crc32-base62": crc32_base62,
    "crc32-hex": crc32_hex,
    "discord": discord,
    "salt": salt,
}
"""By the name that rules.yaml gives them: what holds is a credential."""

SHAPES: Mapping[str, Callable[[bytes], bool]] = {
    "base64-pair": base64_pair,
    "letters": letters,
    "mixed": mixed,
    "mnemonic": mnemonic,
    "password": password,
    "random": random,
}
"""What does not hold is no credential."""
