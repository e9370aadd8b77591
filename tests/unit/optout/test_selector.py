from __future__ import annotations

import pytest

from stackyard.errors import UsageError
from stackyard.optout.selector import Selector, forge_identity, from_plain, glob_regex, parse

BLOB = "swh:1:cnt:94a9ed024d3859793618152ea559a168bbcbb5e2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("octo-org/parser", Selector("repo", "octo-org/parser")),
        ("  Octo-Org/Parser\n", Selector("repo", "octo-org/parser")),
        ("octo-org/parser/", Selector("repo", "octo-org/parser")),
        ("octo-org/parser.git", Selector("repo", "octo-org/parser")),
        ("https://github.com/Octo-Org/Parser", Selector("repo", "octo-org/parser", "github.com")),
        ("http://www.github.com/octo-org/p.git/", Selector("repo", "octo-org/p", "github.com")),
        ("git@github.com:octo-org/parser.git", Selector("repo", "octo-org/parser", "github.com")),
        ("ssh://git@gitlab.com/octo-org/p", Selector("repo", "octo-org/p", "gitlab.com")),
        ("gitlab.com/octo-org/parser", Selector("repo", "octo-org/parser", "gitlab.com")),
        ("https://git.sr.ht/~octo/parser", Selector("repo", "octo/parser", "git.sr.ht")),
    ],
)
def test_parse_repo_every_usual_spelling_is_one_selector(text: str, expected: Selector) -> None:
    assert parse("repo", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "/",
        "./.",
        "*",
        "octo-org",
        "octo-org/*",
        "octo-org/",
        "owner/repo",
        "OWNER/NAME",
        "username/repository",
        "<owner>/<name>",
        "{{owner}}/{{name}}",
        "[owner/name]",
        "https://github.com/owner/repo",
        "https://github.com/octo-org",
        "https://github.com/octo-org/parser/tree/main/docs",
        "https://github.com/octo-org/parser/issues/7",
        "https://github.com/octo-org/parser?tab=readme",
        "https://github.com/octo-org/parser#readme",
        "https://evil.example.org/octo-org/parser",
        "https://github.com@evil.example.org/octo-org/parser",
        "https://github.com.evil.example.org/octo-org/parser",
        "octo-org/parser octo-org/lexer",
        "octo-org/parser, octo-org/lexer",
        "octo-org/parser\nocto-org/lexer",
        "please remove octo-org/parser",
        "octo-org/..",
        "../octo-org",
        "octo-org/parser/docs",
        "octo-org/p\u0430rser",  # Cyrillic a
        "octo-org/par\u200bser",  # zero-width space
        "octo-\uff4frg/parser",  # full-width o
        "\u212a/parser",  # the Kelvin sign, which folds to k
        "octo-org/parser\x00",
        "-octo/parser",
        "o/" + "r" * 101,
        "x" * 3_000,
        "x" * 10_000_000,
    ],
)
def test_parse_repo_what_names_no_one_repository_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--repo OWNER/NAME"):
        parse("repo", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("octo-org", Selector("owner", "octo-org")),
        ("@Octo-Org", Selector("owner", "octo-org")),
        ("https://github.com/Octo-Org/", Selector("owner", "octo-org", "github.com")),
        ("https://github.com/orgs/octo-org", Selector("owner", "octo-org", "github.com")),
    ],
)
def test_parse_owner_every_usual_spelling_is_one_selector(text: str, expected: Selector) -> None:
    assert parse("owner", text) == expected


@pytest.mark.parametrize(
    "text",
    ["", ".", "*", "all", "owner", "none", "octo-org/parser", "octo-org/*", "github.com",
     "https://github.com", "https://github.com/", "octo*", "octo org", "@", "-", "o" * 101],
)  # fmt: skip
def test_parse_owner_what_names_no_one_account_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--owner NAME"):
        parse("owner", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("octo/p:docs/**", Selector("path", "octo/p", "", "docs/**")),
        ("Octo/P:Docs/*.MD", Selector("path", "octo/p", "", "Docs/*.MD")),
        ("octo/p:app/[id]/page.tsx", Selector("path", "octo/p", "", "app/[id]/page.tsx")),
        ("octo/p:a:b.c", Selector("path", "octo/p", "", "a:b.c")),
        ("https://github.com/octo/p:a", Selector("path", "octo/p", "github.com", "a")),
        ("git@github.com:octo/p.git:a/b", Selector("path", "octo/p", "github.com", "a/b")),
    ],
)
def test_parse_path_repository_and_glob_are_told_apart(text: str, expected: Selector) -> None:
    assert parse("path", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "octo/p",
        "octo/p:",
        "octo/p:/etc/passwd",
        "octo/p:../other/**",
        "octo/p:docs/../../x",
        "octo/p:./docs",
        "octo/p:docs/",
        "octo/p:docs//x",
        "octo/p:docs\\x",
        "octo/p:**",
        "octo/p:**/*",
        "octo/p:**/**",
        "octo/p:do**cs",
        "octo/p: docs",
        "octo/*:docs/**",
        "octo:docs/**",
        ":docs",
    ],
)
def test_parse_path_glob_that_escapes_or_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse("path", text)


@pytest.mark.parametrize("glob", ["src/[a-z].c", "src/[!0-9a-f]*", "src/*.{c,h}", "{a,b/c}"])
def test_parse_path_glob_of_a_shell_is_refused_and_what_to_write_is_said(glob: str) -> None:
    with pytest.raises(UsageError, match="stands for itself here"):
        parse("path", f"octo/p:{glob}")
    stored = {"kind": "path", "name": "octo/p", "host": "", "glob": glob}
    assert from_plain(stored).glob == glob  # one that was taken before still counts


@pytest.mark.parametrize("glob", ["app/[id].ts", "app/[user-id]/x.ts", "{name}.tmpl"])
def test_parse_path_with_brackets_of_a_name_is_taken(glob: str) -> None:
    assert parse("path", f"octo/p:{glob}").glob == glob


def test_parse_blob_letter_case_is_folded() -> None:
    assert parse("blob", BLOB.upper()).name == BLOB


@pytest.mark.parametrize(
    "text",
    [
        BLOB + ";origin=https://example.org",
        BLOB.replace("cnt", "dir"),
        BLOB[:-1],
        "94a9ed024d3859793618152ea559a168bbcbb5e2",
        "swh:1:cnt:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",  # the empty file
    ],
)
def test_parse_blob_what_is_no_content_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="swh:1:cnt"):
        parse("blob", text)


def test_parse_unknown_scope_is_refused() -> None:
    with pytest.raises(UsageError, match="scope"):
        parse("everything", "octo/p")


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("docs/**", "docs/a", True),
        ("docs/**", "docs/a/b.c", True),
        ("docs/**", "docs", False),
        ("docs/**", "old/docs/a", False),
        ("docs/*", "docs/a/b", False),
        ("**/x.py", "x.py", True),
        ("**/x.py", "a/b/x.py", True),
        ("**/x.py", "a/bx.py", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/c/d/b", True),
        ("a/**/b", "ab", False),
        ("?.c", "a.c", True),
        ("?.c", "/.c", False),
        ("a.c", "abc", False),
        ("a+b", "a+b", True),
        ("app/[id].ts", "app/i.ts", False),
        ("app/[id].ts", "app/[id].ts", True),
        ("x", "x\n", False),
        ("docs", "docs", True),
        ("docs", "docs/a/b.c", True),
        ("docs", "docs2/a", False),
        ("**/docs", "a/docs/b", True),
        ("doc?", "docs/a", False),
        ("*", "docs/a", False),
    ],
)
def test_glob_regex_of_patterns_matches_as_written(glob: str, path: str, expected: bool) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    assert pc.match_substring_regex(pa.array([path]), glob_regex(glob))[0].as_py() is expected


def test_forge_identity_of_origins_is_host_and_name() -> None:
    assert forge_identity("https://github.com/Octo/P.git") == ("github.com", "octo/p")
    assert forge_identity("https://example.org/Octo/P.git") is None
    assert forge_identity("pkg:pypi/six@1.17.0") is None
    assert forge_identity("downloads/x.tar.gz") is None


@pytest.mark.parametrize(
    "stored",
    [
        None,
        {"kind": "repo"},
        {"kind": "repo", "name": "Octo/P", "host": "", "glob": ""},
        {"kind": "repo", "name": "octo/p", "host": "", "glob": "x"},
        {"kind": "owner", "name": "octo", "host": "", "glob": "", "more": ""},
    ],
)
def test_from_plain_what_plain_never_wrote_is_refused(stored: object) -> None:
    with pytest.raises(UsageError):
        from_plain(stored)
