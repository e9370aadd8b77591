from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from stackyard.errors import UsageError
from stackyard.pii.checks import base62, iban, luhn
from stackyard.pii.detect import PiiDetector, find_in_column
from stackyard.pii.params import Detection

Find = Callable[[bytes], list[dict[str, Any]]]


def card(prefix: str, length: int, seed: int) -> str:
    source = random.Random(seed)
    body = prefix + "".join(source.choices("0123456789", k=length - 1 - len(prefix)))
    return next(body + d for d in "0123456789" if luhn((body + d).encode()))


def found(find: Find, text: str, entity: str, least: float = 0.7) -> list[str]:
    rows = find(text.encode())
    return [
        text[r["start_char"] : r["end_char"]]
        for r in rows
        if r["entity"] == entity and r["score"] >= least
    ]


@pytest.mark.parametrize(
    ("prefix", "length"), [("4", 16), ("53", 16), ("2221", 16), ("37", 15), ("6011", 16)]
)
def test_card_of_a_known_issuer_beside_its_word_is_found(
    find: Find, prefix: str, length: int
) -> None:
    number = card(prefix, length, 1)
    assert found(find, f'"card_number": "{number}"', "card") == [number]


def test_card_in_groups_is_found_without_a_word(find: Find) -> None:
    number = card("4", 16, 2)
    grouped = " ".join(number[i : i + 4] for i in range(0, 16, 4))
    assert found(find, f"x {grouped} y", "card") == [grouped]
    assert found(find, f"x {grouped.replace(' ', '-')}.", "card") == [grouped.replace(" ", "-")]


@pytest.mark.parametrize(
    "frame",
    ["card = 0.{}", "card = {}7", "card a{}", "card {}e5", "card /{}", "card {}-ab", "n = {}"],
)
def test_card_digits_inside_something_else_are_left_alone(find: Find, frame: str) -> None:
    assert found(find, frame.format(card("4", 16, 3)), "card") == []


def test_card_with_a_wrong_digit_or_known_from_documentation_is_left_alone(find: Find) -> None:
    number = card("4", 16, 4)
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert found(find, f"card {wrong}", "card", 0.0) == []
    assert found(find, "card 4111111111111111", "card") == []


def test_iban_within_a_guid_is_none(find: Find) -> None:
    body = "112233445566"
    check = next(f"BE{c:02d}" for c in range(2, 99) if iban(f"BE{c:02d}{body}".encode()))
    for guid in (f"00000000-1111-2222-{check}-{body}", f"00000000-{check}-1122-3344-5566AABBCCDD"):
        assert found(find, f'Project("{{{guid}}}") = "x"', "iban", 0.0) == []
    assert found(find, f"iban {check}-1122-3344-5566", "iban") == [f"{check}-1122-3344-5566"]


def test_iban_of_right_length_and_checksum_is_found(find: Find) -> None:
    body = "".join(random.Random(1).choices("0123456789", k=18))
    number = next(f"DE{c:02d}{body}" for c in range(2, 99) if iban(f"DE{c:02d}{body}".encode()))
    grouped = " ".join(number[i : i + 4] for i in range(0, 22, 4))
    assert found(find, f"iban = '{number}'", "iban") == [number]
    assert found(find, f"Konto {grouped} bei", "iban") == [grouped]
    wrong = f"{number[:4]}{(int(number[4]) + 1) % 10}{number[5:]}"
    for text in (wrong, number + "0", "X" + number, number[:-1]):
        assert found(find, text, "iban", 0.0) == []


def test_opt_in_entities_are_looked_for_when_named(columns: Any) -> None:
    text = (
        b"# Copyright (c) 2019 Grete Hermann\n# @author Emil Artin <x>\n# Author: The Yard Project\n"
        b"p = '/home/ghermann/x', '/home/runner/x'\nmac = 3c:22:fb:90:1a:7e ff:ff:ff:ff:ff:ff\n"
        b"cpf 529.982.247-25 529.982.247-26\n"
    )
    batch = columns.batch([text])
    quiet = PiiDetector(Detection()).detect(batch)
    assert set(quiet["entity"].to_pylist()) == set()
    names = ("author_name", "mac_address", "national_id", "username")
    rows = PiiDetector(Detection(opt_in=names)).detect(batch).to_pylist()
    assert [(r["entity"], text[r["start_byte"] : r["end_byte"]]) for r in rows] == [
        ("author_name", b"Grete Hermann"), ("author_name", b"Emil Artin"), ("username", b"ghermann"),
        ("mac_address", b"3c:22:fb:90:1a:7e"), ("national_id", b"529.982.247-25"),
    ]  # fmt: skip


def test_opt_in_of_an_unknown_entity_is_refused() -> None:
    with pytest.raises(UsageError, match="opt_in"):
        Detection(opt_in=("email",))


def test_base62_pads_with_zeros_and_uses_upper_case_first() -> None:
    assert base62(61 * 62 + 10, 6) == b"0000zA"


def test_find_in_column_of_hostile_texts_is_fast(columns: Any) -> None:
    texts = [
        b" " * 1_000_000, b"a" * 1_000_000, b"password" * 100_000, b"secret='" * 100_000, b'="' * 400_000,
        b"0123456789" * 100_000, b"@a.b" * 200_000, b"1.1.1.1." * 100_000, b"eyJ" * 300_000,
        b"-----BEGIN RSA PRIVATE KEY-----" * 20_000, b"://a:" * 200_000, b"(((((" * 200_000,
    ]  # fmt: skip
    batch = columns.batch(texts)
    assert len(list(find_in_column(batch["text"], Detection(work_max=5_000_000)))) <= len(texts)
