from __future__ import annotations

import pytest

from stackyard.ingest import paths, rules


@pytest.mark.parametrize(
    "name",
    [
        b"/etc/passwd",
        b"../x",
        b"a/../../x",
        b"a/..",
        b"..\\x",
        b"a\\..\\x",
        b"\\\\host\\share",
        b"C:\\x",
        b"C:/x",
        b"",
        b".",
        b"./",
        b"a\0b",
    ],
)
def test_is_safe_name_that_leaves_its_folder_is_not(name: bytes) -> None:
    assert not paths.is_safe(name)


@pytest.mark.parametrize("name", [b"a", b"./a", b"a..b", b"a//b", b"...", b"C:x", b"a\\b"])
def test_is_safe_name_that_stays_is(name: bytes) -> None:
    assert paths.is_safe(name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"caf\xe9", "caf\\xe9"),
        ("café".encode(), "café"),
        (b"a\nb", "a\\x0ab"),
        (b"a\\b", "a\\\\b"),
        (b"\\x41", "\\\\x41"),
        ("\u2028".encode(), "\\xe2\\x80\\xa8"),
    ],
)
def test_escape_of_odd_bytes_is_readable_and_reversible(name: bytes, text: str) -> None:
    assert paths.escape(name) == text
    assert paths.unescape(text) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"a/b", ("a/b", None)),
        (b"./a//b", ("a/b", None)),
        (b"caf\xe9", ("caf\\xe9", rules.PATH_NOT_UTF8)),
        (b"a\x1bb", ("a\\x1bb", rules.PATH_CONTROL_CHARACTER)),
        (b"../x", ("../x", rules.PATH_UNSAFE)),
        (b"/x", ("/x", rules.PATH_UNSAFE)),
        (b"a\0b", ("a\\x00b", rules.PATH_CONTROL_CHARACTER)),
    ],
)
def test_shown_path_has_the_rule_that_its_name_breaks(
    name: bytes, expected: tuple[str, str | None]
) -> None:
    assert paths.shown(paths.split(name), name, 4096) == expected


def test_shown_paths_that_are_too_long_stay_apart() -> None:
    first, rule = paths.shown((b"a" * 5000,), b"a" * 5000, 4096)
    second, _ = paths.shown((b"a" * 5001,), b"a" * 5001, 4096)
    assert rule == rules.PATH_TOO_LONG
    assert first != second
    assert len(first) < 300
