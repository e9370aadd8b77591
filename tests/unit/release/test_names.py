from __future__ import annotations

import pytest

from stackyard.errors import UsageError
from stackyard.release import names


@pytest.mark.parametrize(
    ("language", "slug"),
    [
        ("C", "C"),
        ("C++", "C++"),
        ("C#", "C~sharp"),
        ("F*", "F~star"),
        ("Vim Script", "Vim_Script"),
        ("Objective-C", "Objective-C"),
        ("HTML+ECR", "HTML+ECR"),
        ("a_b", "a~5fb"),
        ("a~b", "a~7eb"),
        ("C/AL", "C~2fAL"),
        ("..", "~2e~2e"),
        (".x.", "~2ex~2e"),
        (".", "~2e"),
        ("\u65e5", "~e6~97~a5"),
        ("~sharp", "~7esharp"),
    ],
)
def test_language_slug_is_stable_and_reversible(language: str, slug: str) -> None:
    assert names.language_slug(language) == slug
    assert names.language_of(slug) == language


@pytest.mark.parametrize("language", ["", "x" * 121, "\ud800", "\u65e5" * 20])
def test_language_slug_of_no_name_is_refused(language: str) -> None:
    with pytest.raises(UsageError):
        names.language_slug(language)


@pytest.mark.parametrize(
    "slug", ["", ".", "..", "a b", "a/b", "~", "~2", "~41", "~23", "~ff", "~E6"]
)
def test_language_of_no_slug_is_refused(slug: str) -> None:
    with pytest.raises(UsageError):
        names.language_of(slug)


def test_bucket_range_covers_all_buckets() -> None:
    assert [names.bucket_range(b, 4) for b in (0, 63, 64, 255)] == [
        "00-3f",
        "00-3f",
        "40-7f",
        "c0-ff",
    ]
    assert names.bucket_range(255, 256) == "ff-ff"
    assert names.bucket_range(7, 1) == "00-ff"


@pytest.mark.parametrize("text", ["00-3e", "01-40", "40-3f", "00-3F", "0-3", "", "00-ff.parquet"])
def test_bucket_range_that_no_partition_has_is_none(text: str) -> None:
    assert not names.is_bucket_range(text)


def test_shard_path_round_trip_is_exact() -> None:
    path = names.shard_path("permissive", "C#", "00-3f")
    assert path == "data/permissive/C~sharp/00-3f.parquet"
    assert names.parse_shard_path(path) == ("permissive", "C#", "00-3f")


@pytest.mark.parametrize(
    "path",
    ["data/permissive/C/00-3e.parquet", "data/a/b.parquet", "data/permissive/../00-3f.parquet"],
)
def test_parse_shard_path_of_another_path_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        names.parse_shard_path(path)


@pytest.mark.parametrize(
    "path", ["registry/con", "data/CON/x", "a/nul.txt", "aux", "x/com1.parquet", "x/LPT9.a.b"]
)
def test_check_path_of_a_name_that_windows_keeps_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="cannot be a file of a release"):
        names.check_path(path)


@pytest.mark.parametrize("language", ["Con", "aux", "NUL", "com1", "nul.x"])
def test_language_slug_of_a_name_that_windows_keeps_is_escaped_and_comes_back(
    language: str,
) -> None:
    slug = names.language_slug(language)
    assert slug.startswith("~")
    assert names.language_of(slug) == language
    assert names.check_path(f"data/permissive/{slug}/00-ff.parquet")


@pytest.mark.parametrize("path", ["registry/console", "a/nulls.txt", "auxiliary", "x/com10.txt"])
def test_check_path_of_a_name_beside_those_is_taken(path: str) -> None:
    assert names.check_path(path) == path
