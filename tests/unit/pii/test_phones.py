from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Find = Callable[[bytes], list[dict[str, Any]]]


def phones(find: Find, text: str, least: float = 0.4) -> list[str]:
    rows = find(text.encode())
    return sorted(
        {
            text[r["start_char"] : r["end_char"]]
            for r in rows
            if r["entity"] == "phone" and r["score"] >= least
        }
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Phone: +49 731 50 12345", "+49 731 50 12345"),
        ("mobile = '9876543210'", "9876543210"),
        ("fax 020 7183 8750", "020 7183 8750"),
        ("call (415) 882-9090 now", "(415) 882-9090"),
        ('<a href="tel:+14258829090">', "+14258829090"),
        ("faxNumber: '+49 (0)89 636-48018'", "+49 (0)89 636-48018"),
        ('n = "+33 1 42 68 53 00"', "+33 1 42 68 53 00"),
        ("# ring +33142685300", "+33142685300"),
        ("// office +44 20 8366 1177 12 people", "+44 20 8366 1177"),
    ],
)
def test_phone_that_is_announced_and_valid_goes_from_high_on(
    find: Find, text: str, number: str
) -> None:
    assert phones(find, text) == [number]
    assert phones(find, text, 0.7) == []


@pytest.mark.parametrize(
    "text",
    [
        "x = 49731501234", "x = a +49 731 50 12345", "x = 1e+12345678901", "v = 1.0.0+20130313144700",
        "2023-11-14T22:13:20+01:00", "phone_regex = '[0-9]{8,15}'", "tel 2023-11-14 22:13:20",
        "call 0x12345678", "telemetry 8844221100", "fax: 978-3-16-148410-0", "cell 10.20.30.40",
        "sms sent 1700000000", "phone: 12345", "sha +4930901820deadbeef", "a[0] +4930901820",
    ],
)  # fmt: skip
def test_digits_of_code_are_no_phone(find: Find, text: str) -> None:
    assert phones(find, text) == []


@pytest.mark.parametrize(
    "text", ['"phone": "(212) 555-0147"', "tel +44 7700 900123", "phone: 01632 960123"]
)
def test_phone_of_fiction_is_left_alone(find: Find, text: str) -> None:
    assert phones(find, text, 0.0) == []


def test_phone_validator_says_whether_a_plan_has_it(find: Find) -> None:
    rows = find(b"phone: (111) 111-11111 mobile: (415) 882-9090")
    found = {r["validator"] for r in rows if r["entity"] == "phone"}
    assert found == {"valid", "invalid"}
