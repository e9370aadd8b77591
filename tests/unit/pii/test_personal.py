from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Find = Callable[[bytes], list[dict[str, Any]]]


def named(find: Find, text: bytes, entity: str) -> list[bytes]:
    return [text[r["start_byte"] : r["end_byte"]] for r in find(text) if r["entity"] == entity]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (b"Author: Jo <jo.do+x@uni-ulm.de>", b"jo.do+x@uni-ulm.de"),
        (b"mailto:a@b-c.museum.", b"a@b-c.museum"),
        (b"x\na_b@mail.initech.co.uk\n", b"a_b@mail.initech.co.uk"),
        (b'"text\\nwho@initech.org"', b"who@initech.org"),
        ("j\u00fcrgen@m\u00fcller.de".encode(), "j\u00fcrgen@m\u00fcller.de".encode()),
        (b"...ends.here@initech.com...", b"ends.here@initech.com"),
    ],
)
def test_email_real_address_is_found_whole(find: Find, text: bytes, address: bytes) -> None:
    assert named(find, text, "email") == [address]


@pytest.mark.parametrize(
    "text",
    [
        b"git@github.com:octo-org/yard.git",
        b"deploy@build.initech.org:/srv/www/x",
        b"ssh://me@build.initech.org/x",
        b"user@example.com",
        b"a@sub.example.org",
        b"icon@2x.png",
        b"getty@tty1.service",
        b"left-pad@1.3.0",
        b"@decorator.name",
        b"x = a@b",
        b"https://svc:pw@initech.org/",
        b"Message-ID: <20200101.aa@initech.org>",
        b"no-reply@initech.org",
        b"keepalive@openssh.com",
        b"foo@bar",
        b"<EMAIL>@x",
    ],
)
def test_email_lookalike_is_left_alone(find: Find, text: bytes) -> None:
    assert named(find, text, "email") == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (b"connect 93.184.215.14:443", b"93.184.215.14"),
        (b'"151.101.65.69"', b"151.101.65.69"),
        (b"ssh root@45.33.32.156", b"45.33.32.156"),
        (b"http://185.199.108.153/a", b"185.199.108.153"),
        (b"up 93.184.215.14. Then", b"93.184.215.14"),
    ],
)
def test_ipv4_public_address_is_found(find: Find, text: bytes, address: bytes) -> None:
    assert [text[r["start_byte"] : r["end_byte"]] for r in find(text) if r["rule"] == "ipv4"] == [
        address
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"127.0.0.1", b"10.1.2.3", b"192.168.1.77", b"172.20.3.4", b"192.0.2.7", b"198.51.100.9",
        b"203.0.113.200", b"8.8.8.8", b"1.1.1.1", b"255.255.255.0", b"0.0.0.0", b"1.2.3.4",
        b"v45.33.32.156", b'version = "93.184.215.14"', b"1.3.6.1.4.1.311", b"2.5.4.3.1",
        b">=93.184.215.14", b"93.184.215.256", b"93.184.215", b"a93.184.215.14", b"93.184.215.14.5",
        b"52.94.76.0/22", b"1.3.101.112", b"192.0.0.9", b"Upgrade to 4.4.63.30", b"// 12.2.5.23 Script data",
        b"45.0.0.0", b"4.0.1.2", b"224.0.0.251",
    ],
)  # fmt: skip
def test_ipv4_lookalike_is_left_alone(find: Find, text: bytes) -> None:
    assert [r for r in find(text) if r["rule"] == "ipv4"] == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (b"AAAA 2a00:1450:4001:81b::200e", b"2a00:1450:4001:81b::200e"),
        (b"[2607:f8b0:4005:805::200e]:443", b"2607:f8b0:4005:805::200e"),
    ],
)
def test_ipv6_public_address_is_found(find: Find, text: bytes, address: bytes) -> None:
    assert named(find, text, "ipv6") == [address]


@pytest.mark.parametrize(
    "text",
    [
        b"2001:db8::1",
        b"::1",
        b"fe80::1",
        b"2015:10:21",
        b"std::abc",
        b"a2001:470::1",
        b"2606:4700:4700::1111",
    ],
)
def test_ipv6_lookalike_is_left_alone(find: Find, text: bytes) -> None:
    assert named(find, text, "ipv6") == []


def test_findings_after_characters_of_many_bytes_count_both_ways(find: Find) -> None:
    text = "\u00e9\u20ac\U0001f600 jo@initech.org".encode()
    (row,) = find(text)
    assert (row["start_byte"], row["start_char"]) == (10, 4)
    assert row["end_byte"] - row["start_byte"] == row["end_char"] - row["start_char"] == 14
