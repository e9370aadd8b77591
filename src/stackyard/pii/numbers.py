"""Numbers that name a person or an account: cards, IBAN, MAC addresses, national ids.

In: a text and where a candidate ends. Out: findings, by checksum and by the words around. Always
holds: digits of code (in the middle of a longer number, a name or a decimal) are never a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from stackyard.pii.checks import iban as iban_holds
from stackyard.pii.checks import luhn
from stackyard.pii.findings import ALLOWED_SCORE, Finding

CARD_ANCHORS = (
    rb"[2-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}",
    rb"3[0-9]{3}[ -][0-9]{6}[ -][0-9]{2}",
    rb"(?:1800|0604)[ -]?[0-9]{4}[ -]?[0-9]{4}",
    rb"(?:1800|2131)[ -][0-9]{6}[ -][0-9]{2}",
)
"""The first twelve digits of a card, in groups of four or (American Express, Diners, JCB) of four and six."""

_CARD = re.compile(
    rb"(?<![0-9A-Za-z_.+/=-])(?<![0-9] )(?:[0-6][0-9]{3}([ "
    rb"-]?)[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,4}(?:\1?[0-9]{1,3})?)?|"
    rb"(?:3[0-9]{3}|1800|2131)([ -])[0-9]{6}\2[0-9]{4,5})(?![0-9A-Za-z_+/=]|\.[0-9]|-[0-9A-Za-z]| [0-9])"
)
_ISSUERS: tuple[tuple[re.Pattern[bytes], frozenset[int]], ...] = tuple(
    (re.compile(prefix), frozenset(lengths))
    for prefix, lengths in (
        (rb"4", (13, 16, 19)),
        (rb"5[1-5]|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)|220[0-4]", (16,)),
        (rb"3[47]|2131|1800", (15,)),
        (rb"30[0-5]|309|3[689]", (14,)),
        (rb"35(?:2[89]|[3-8][0-9])|62", (16, 17, 18, 19)),
        (rb"6011|64[4-9]|65|60[38]", (16, 17, 18, 19)),
        (rb"50|5[6-8]|6304|6390|67|0604", tuple(range(12, 20))),
    )
)
"""Prefixes and lengths: Visa; Mastercard and Mir; American Express and JCB's old ranges; Diners; JCB and
UnionPay; Discover and RuPay; Maestro. From the issuers' public ranges, as ISO/IEC 7812 assigns them."""

_CARD_WORD = re.compile(
    rb"(?i)card|visa|amex|american.?express|discover|maestro|\bcc\b|cc_?num|credit|debit|\bpan\b|"
    rb"payment|jcb|diners|"
    rb"carte|tarjeta|karte|carta\b|cart[\xc3\xa3a]o|cvv|expir|billing|charge|\bpay\b|\bpaid\b|"
    rb"purchas|checkout|refund|stolen|\batm\b|withdraw|declined"
)
_SAID_ISSUER = re.compile(rb"35[0-9]{14}$")
"""JCB begins with 3528 to 3589; where a word says that it is a card, the rest of 35 is taken for one."""
_ID_WORD = re.compile(
    rb"(?i)\b(?:ids?|no|nr|ref(?:erence)?|order|serial|tracking|ticket|invoice|timestamp|time|hash|"
    rb"version|size|offset)\b\W{0,4}$"
)
"""A number after a word for an id is one, whatever its checksum says: one in ten has it by chance."""
_PROSE_AFTER = re.compile(rb"[,.]? (?:[A-Za-z',]{1,20} ){2}")
_PROSE = re.compile(rb"(?:^|[\s\"'>])(?:[A-Za-z',]{1,20} ){2}(?:[A-Za-z]{1,12}[:#]? ?)?[\"'(]?$")
"""Two words and perhaps a third: a number in a sentence is not one of code."""

LONG_CARD = 15
"""Digits from which a number needs no word beside it: shorter ones are ids and telephone numbers too often."""

TEST_CARDS = frozenset(
    number.encode()
    for number in (
        "4111111111111111", "4242424242424242", "4012888888881881", "4000056655665556",
        "5555555555554444", "5105105105105100", "5200828282828210", "2223003122003222",
        "378282246310005", "371449635398431", "378734493671000", "6011111111111117",
        "6011000990139424", "3530111333300000", "3566002020360505", "4222222222222222",
        "4000000000000002", "4000000000000077", "4917610000000000", "5424000000000015",
        "4007000000027", "4012000033330026", "5454545454545454", "6200000000000005",
        "4444333322221111", "5431111111111111", "4988438843884305", "4166676667666746",
    )
)  # fmt: skip
"""Numbers that payment providers document for tests; nobody holds them."""

CONTEXT_BYTES = 80


def card(text: bytes, end: int) -> Iterator[Finding]:
    """A payment card number (ISO/IEC 7812): issuer range, length and checksum."""
    for match in _CARD.finditer(text, max(0, end - 24), min(len(text), end + 24)):
        if match.start() >= end:
            return
        digits = match[0].replace(b" ", b"").replace(b"-", b"")
        is_issued = _is_issued(digits)
        if match.end() < end or not (is_issued or _SAID_ISSUER.match(digits)) or not luhn(digits):
            continue
        if len(set(digits)) <= DISTINCT_MIN:
            continue
        before = text[max(0, match.start() - CONTEXT_BYTES) : match.start()]
        after = text[match.end() : match.end() + CONTEXT_BYTES // 2].split(b"\n", 1)[0]
        near = before.rsplit(b"\n", 2)[-1] if b"\n" in before else before
        is_long = len(digits) >= LONG_CARD
        score = 0.4 if is_long else 0.2
        if _CARD_WORD.search(near) or _CARD_WORD.search(after):
            score = 0.9
        elif not is_issued:
            continue
        elif is_long and not _ID_WORD.search(near):
            is_prose = _PROSE.search(near) or _PROSE_AFTER.match(after)
            score = 0.75 if is_prose or len(digits) != len(match[0]) else score
        if digits in TEST_CARDS:
            score = ALLOWED_SCORE
        yield Finding(*match.span(), "card", "card", score, "valid")


def _is_issued(digits: bytes) -> bool:
    return any(len(digits) in lengths for prefix, lengths in _ISSUERS if prefix.match(digits))


DISTINCT_MIN = 2
"""A number of this many digits or fewer was typed."""

IBAN_LENGTHS: Mapping[bytes, int] = {
    code.encode(): length
    for length, codes in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL", 19: "MK SI", 20: "AT BA EE KZ LT LU XK",
        21: "CH CR HR LI LV", 22: "BG BH DE GB GE IE ME RS", 23: "AE GI IL IQ OM TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR",
        27: "FR GR IT MC MR SM", 28: "AL AZ CY DO GT HU LB PL SV BY", 29: "BR EG PS QA UA",
        30: "JO KW MU", 31: "MT SC", 32: "LC",
    }.items()
    for code in codes.split()
}  # fmt: skip
"""Length of an IBAN by country (SWIFT IBAN registry, release 99)."""

_COUNTRIES = b"|".join(sorted(IBAN_LENGTHS))
IBAN_ANCHOR = (
    rb"(?:(?:" + _COUNTRIES + rb")[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2}[ -]?[A-Z0-9]{3}|"
    rb"(?:" + _COUNTRIES.lower() + rb")[0-9]{2}(?:[ -]?[a-z0-9]{4}){2}[ -]?[a-z0-9]{3})"
)
_IBAN = re.compile(
    rb"(?<![A-Za-z0-9_+/])(?:[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?|"
    rb"[a-z]{2}[0-9]{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,4})?)"
)


_GUID = re.compile(rb"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")
"""Groups of hex digits as RFC 9562 writes a UUID: one in 97 of those with a country in it has its checksum."""


def _is_in_guid(text: bytes, start: int, stop: int) -> bool:
    near = _GUID.finditer(text, max(0, start - 36), stop + 36)
    return any(guid.start() < start and stop <= guid.end() for guid in near)


def iban(text: bytes, end: int) -> Iterator[Finding]:
    """An IBAN (ISO 13616): length of its country and checksum."""
    for match in _IBAN.finditer(text, max(0, end - 40), min(len(text), end + 40)):
        if match.start() >= end:
            return
        length = IBAN_LENGTHS.get(match[0][:2].upper(), 0)
        stop, seen = match.start(), 0
        while stop < match.end() and seen < length:
            seen += text[stop : stop + 1] not in {b" ", b"-"}
            stop += 1
        follows = text[stop : stop + 1]
        if seen < length or stop < end or follows.isalnum() or follows in {b"_", b"/", b"+"}:
            continue
        if _is_in_guid(text, match.start(), stop):
            continue
        plain = text[match.start() : stop].replace(b" ", b"").replace(b"-", b"")
        if iban_holds(plain) and (
            plain.isupper() or sum(map(bytes.isdigit, _each(plain))) >= IBAN_DIGITS_MIN
        ):
            yield Finding(match.start(), stop, "iban", "iban", 0.95, "valid")


IBAN_DIGITS_MIN = 12
"""Digits of an IBAN in small letters: one hash in 97 has its checksum, so it must look like an account."""


def _each(value: bytes) -> Iterator[bytes]:
    return (value[i : i + 1] for i in range(len(value)))


MAC_ANCHOR = rb"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}"
_MAC = re.compile(
    rb"(?<![0-9A-Za-z:.-])[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}(?![0-9A-Za-z:-])"
)


def mac_address(text: bytes, end: int) -> Iterator[Finding]:
    """A MAC address (IEEE 802), but broadcast, null and the ranges of documentation (RFC 7042)."""
    for match in _MAC.finditer(text, max(0, end - 20), min(len(text), end + 4)):
        octets = match[0].lower().replace(b"-", b":")
        if match.end() < end or len(set(octets)) <= DISTINCT_MIN or octets.startswith(b"00:00:5e"):
            continue
        yield Finding(*match.span(), "mac_address", "mac-address", 0.75)


NATIONAL_ID_ANCHORS = (
    rb"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}",
    rb"[0-9]{17}[0-9X]",
    rb"[0-9XYZ][0-9]{7}[A-Z]",
    rb"[A-Z]{6}[0-9]{2}[A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z]",
)
_CPF = re.compile(rb"(?<![0-9.])[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![0-9])")
_RESIDENT = re.compile(rb"(?<![0-9A-Za-z])[1-9][0-9]{5}(?:19|20)[0-9]{9}[0-9X](?![0-9A-Za-z])")
_DNI = re.compile(rb"(?<![0-9A-Za-z])[0-9XYZ][0-9]{7}[A-Z](?![0-9A-Za-z])")
_FISCAL = re.compile(
    rb"(?<![0-9A-Za-z])[A-Z]{6}[0-9]{2}[ABCDEHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z](?![0-9A-Za-z])"
)


def national_id(text: bytes, end: int) -> Iterator[Finding]:
    """National ids that have a checksum: Brazil CPF, China, Spain DNI and NIE, Italy."""
    low, high = max(0, end - 20), min(len(text), end + 2)
    for rule, pattern, holds in (
        ("cpf", _CPF, _cpf), ("cn-resident-id", _RESIDENT, _resident), ("dni", _DNI, _dni),
        ("codice-fiscale", _FISCAL, _fiscal),
    ):  # fmt: skip
        for match in pattern.finditer(text, low, high):
            if match.end() >= end and holds(match[0].decode("ascii")):
                yield Finding(*match.span(), "national_id", rule, 0.8, "valid")


def _cpf(value: str) -> bool:
    digits = [int(c) for c in value if c.isdigit()]
    for length in (9, 10):
        total = sum(d * (length + 1 - i) for i, d in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != digits[length]:
            return False
    return len(set(digits)) > 1


def _resident(value: str) -> bool:
    total = sum(int(c) * pow(2, 17 - i, 11) for i, c in enumerate(value[:17]))
    return "10X98765432"[total % 11] == value[17]


def _dni(value: str) -> bool:
    number = int(value[:8].translate(str.maketrans("XYZ", "012")))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == value[8]


_FISCAL_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8,
         12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def _fiscal(value: str) -> bool:
    total = sum(
        _FISCAL_ODD[c] if i % 2 == 0 else (int(c) if c.isdigit() else ord(c) - 65)
        for i, c in enumerate(value[:15])
    )
    return chr(65 + total % 26) == value[15]
