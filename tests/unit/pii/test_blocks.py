from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Find = Callable[[bytes], list[dict[str, Any]]]

BODY = "MHcCAQEEIBq7rT2xv9LmQ4hJ8sKdP1wZ6yC3nF5gA0eR2uX7oVtW"


def block(kind: str, newline: str = "\n") -> str:
    return newline.join(
        ["-----BEGIN " + kind + "-----", BODY, BODY[::-1], "-----END " + kind + "-----"]
    )


def spans(find: Find, text: str) -> list[str]:
    return [
        text[r["start_char"] : r["end_char"]]
        for r in find(text.encode())
        if r["entity"] == "private_key" and r["score"] >= 0.9
    ]


@pytest.mark.parametrize(
    "kind",
    [
        "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK", "ANY PRIVATE KEY",
    ],
)  # fmt: skip
def test_private_key_of_any_kind_is_one_whole_block(find: Find, kind: str) -> None:
    text = "a = 1\n" + block(kind) + "\nb = 2\n"
    assert spans(find, text) == [block(kind)]


@pytest.mark.parametrize(
    "text",
    [
        '{"k": "' + block("RSA PRIVATE KEY", "\\n") + '\\n"}',
        'k = ("' + block("EC PRIVATE KEY", '\\n"\n     "') + '")',
        "  k: |\n    " + block("PRIVATE KEY", "\n    ") + "\n  z: 1\n",
        "# " + block("OPENSSH PRIVATE KEY", "\n# "),
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n"
        + BODY
        + "\n---- END SSH2 ENCRYPTED PRIVATE KEY ----",
    ],
)
def test_private_key_in_json_yaml_code_and_comments_ends_at_its_last_marker(
    find: Find, text: str
) -> None:
    (found,) = spans(find, text)
    assert found.startswith("----")
    assert found.endswith("----")
    assert "END" in found


def test_private_key_without_end_goes_to_its_last_line(find: Find) -> None:
    text = "-----BEGIN RSA PRIVATE KEY-----\n" + BODY + "\n" + BODY + "\n\nprint(1)"
    assert spans(find, text) == [text.removesuffix("\n\nprint(1)")]


def test_private_key_marker_alone_is_no_key(find: Find) -> None:
    assert spans(find, 'if "-----BEGIN RSA PRIVATE KEY-----" in text:\n    pass') == []


def test_two_private_keys_are_two_blocks(find: Find) -> None:
    one, two = block("RSA PRIVATE KEY"), block("EC PRIVATE KEY")
    assert spans(find, one + "\n" + two) == [one, two]


def test_putty_key_goes_to_its_mac(find: Find) -> None:
    key = (
        "PuTTY-User-Key-File-" + "3: ssh-ed25519\nEncryption: none\nComment: c\nPublic-Lines: 1\n"
        + BODY + "\nPrivate-Lines: 1\n" + BODY + "\nPrivate-MAC: " + "ab12" * 16
    )  # fmt: skip
    assert spans(find, "x\n" + key + "\ny") == [key]
