from __future__ import annotations

import pytest

from stackyard.errors import UsageError
from stackyard.ingest.sources import load_sources

PIN = "a" * 64
GIT = "{kind: git, url: 'https://git.example.org/octo-org/tool.git', name: octo-org/tool}"


def test_load_sources_of_every_kind_are_sorted_by_name() -> None:
    text = f"""
- kind: package
  purl: pkg:npm/%40octo/tool@1.0.0
  name: octo-org/web
  sha256: {PIN}
- {{kind: directory, path: src/tool, name: octo-org/local, stars: 7, forks: 2}}
- {{kind: archive, path: tool.tar.gz, name: octo-org/archive, date: 2024-01-31}}
- {{kind: git, path: ../tool, name: octo-org/clone, ref: v1.0}}
"""
    sources = load_sources(text, "sources.yaml")
    assert [s.name.text for s in sources] == [
        "octo-org/archive",
        "octo-org/clone",
        "octo-org/local",
        "octo-org/web",
    ]
    assert [s.kind for s in sources] == ["archive", "git", "directory", "package"]
    assert (sources[2].stars, sources[2].forks) == (7, 2)
    assert (sources[0].date, sources[1].ref) == ("2024-01-31", "v1.0")


def test_load_sources_of_an_empty_list_are_none() -> None:
    assert load_sources("[]", "sources.yaml") == ()


def test_load_sources_of_comments_alone_are_none() -> None:
    assert load_sources("# nothing yet\n", "sources.yaml") == ()


def test_load_sources_fork_says_of_what() -> None:
    text = "[{kind: git, path: x, name: fan/tool, fork_of: Octo-Org/tool}]"
    (source,) = load_sources(text, "sources.yaml")
    assert source.fork_of == "Octo-Org/tool"
    assert source.digest != load_sources(text.replace("Octo", "Other"), "sources.yaml")[0].digest


def test_load_sources_two_releases_of_one_name_are_both_there() -> None:
    text = "".join(
        f"- {{kind: package, purl: 'pkg:pypi/rich@{v}', name: octo-org/rich, sha256: {PIN}}}\n"
        for v in ("13.7.1", "13.7.0")
    )
    locations = [s.location for s in load_sources(text, "sources.yaml")]
    assert locations == ["pkg:pypi/rich@13.7.0", "pkg:pypi/rich@13.7.1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources: []", "no list of sources"),
        ("sources", "no list of sources"),
        ("- [", "line 1, column 4: this is no YAML"),
        ("- tool", "no mapping"),
        ("- {kind: git, name: octo-org/tool, uri: x}", "unknown key 'uri'"),
        ("- {kind: git, kind: git, name: a/b, url: x}", "kind is given twice"),
        ("- {kind: git, name: [a/b], url: x}", "a list or a mapping"),
        ("- {name: octo-org/tool, path: x}", "kind is missing"),
        ("- {kind: git, name: a/b, path: x, fork_of: b}", "fork_of"),
        ("- {kind: git, name: a/b, path: x, fork_of: A/B}", "a fork of itself"),
        ("- {kind: svn, name: octo-org/tool, path: x}", "no kind 'svn'"),
        ("- {kind: swh, name: octo-org/tool, path: x}", "swh is not there yet"),
        ("- {kind: git, path: x}", "name is missing"),
        ("- {kind: git, path: x, name: tool}", "does not name a repository"),
        ("- {kind: git, name: octo-org/tool}", "in one place"),
        ("- {kind: git, path: x, url: 'https://a.example.org', name: a/b}", "in one place"),
        ("- {kind: directory, url: 'https://a.example.org', name: a/b}", "in one place"),
        ("- {kind: directory, path: x, name: a/b, ref: v1}", "ref means nothing"),
        (f"- {{kind: git, path: x, name: a/b, sha256: {PIN}}}", "sha256 means nothing"),
        ("- {kind: archive, url: 'https://a.example.org/b.zip', name: a/b}", "sha256 is missing"),
        ("- {kind: package, purl: 'pkg:pypi/a@1', name: a/b}", "sha256 is missing"),
        ("- {kind: archive, path: b.zip, name: a/b, sha256: ABC}", "sha256 is 'ABC'"),
        ("- {kind: git, path: x, name: a/b, ref: --upload-pack=x}", "ref is '--upload-pack=x'"),
        ("- {kind: git, path: x, name: a/b, ref: a..b}", "ref is"),
        ("- {kind: git, path: x, name: a/b, stars: many}", "is no count"),
        ("- {kind: git, path: x, name: a/b, stars: -1}", "is no count"),
        ("- {kind: git, path: x, name: a/b, date: 2024-02-31}", "no date of the calendar"),
        ("- {kind: git, path: x, name: a/b, date: yesterday}", "date is 'yesterday'"),
        ("- {kind: git, url: 'ext::sh -c x', name: a/b}", "is not read"),
        ("- {kind: git, url: 'ext::sh', name: a/b}", "is not read"),
        ("- {kind: git, url: '-x@a:b', name: a/b}", "is not read"),
        ("- {kind: git, url: 'ftp://a.example.org/x', name: a/b}", "is not read"),
        ("- {kind: git, path: 'ext::x', name: a/b}", "no path of this machine"),
        ("- {kind: git, url: '--upload-pack=x', name: a/b}", "is not read"),
        ("- {kind: git, url: 'https://[a.example.org/x', name: a/b}", "the URL is none"),
        ('- {kind: git, path: "a\\ud800b", name: a/b}', "cannot be seen"),
        ('- {kind: git, path: "a\\nb", name: a/b}', "cannot be seen"),
        ("[" * 2000, "no YAML"),
        ("- {kind: git, url: 'https://me:pw@a.example.org/x', name: a/b}", "a credential"),
        ("- {kind: git, url: 'https://token@a.example.org/x', name: a/b}", "a credential"),
    ],
)
def test_load_sources_with_a_wrong_entry_names_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_sources(text, "sources.yaml")


@pytest.mark.parametrize(
    "purl",
    [
        "pkg:pypi/requests",
        "pkg:pypi/requests@",
        "pkg:cargo/serde@1.0.0",
        "pkg:npm/tool@latest",
        "pkg:npm/tool@git%2Bssh:%2F%2Fa.example.org%2Fx",
        "pkg:npm/tool@file:..%2Fx",
        "pkg:npm/..@1.0.0",
        "pkg:deb/debian/tool@1.0-1",
        "pkg:deb/debian/tool@1.0-1?arch=amd64",
        "pkg:deb/debian/-o@1.0-1?arch=source",
        "pkg:pypi/tool@1.0#sub/path",
        "requests==1.0",
    ],
)
def test_load_sources_with_a_purl_of_no_package_is_refused(purl: str) -> None:
    text = f"- {{kind: package, purl: '{purl}', name: octo-org/tool, sha256: {PIN}}}"
    with pytest.raises(UsageError, match=r"expected: pkg:pypi/NAME@VERSION"):
        load_sources(text, "sources.yaml")


def test_load_sources_error_names_file_entry_and_line() -> None:
    with pytest.raises(UsageError, match=r"mine\.yaml, entry 2, line 3: name is missing"):
        load_sources(f"- {GIT}\n\n- {{kind: git, path: x}}\n", "mine.yaml")


def test_load_sources_error_on_a_credential_does_not_show_it() -> None:
    with pytest.raises(UsageError) as caught:
        load_sources(
            "- {kind: git, url: 'https://me:hunter2@a.example.org/x', name: a/b}", "sources.yaml"
        )
    assert "hunter2" not in str(caught.value)


SECRET = "hunter2"


@pytest.mark.parametrize(
    "location",
    [
        f"url: 'https://a.example.org/x.git?private_token={SECRET}'",
        f"url: 'https://a.example.org/x.git#{SECRET}'",
        f"url: 'https://a.example.org/x.git?#{SECRET}'",
        "url: 'https://a.example.org/x.git?'",
        f"url: 'https:/me:{SECRET}@a.example.org/x'",
        f"url: 'https:/{SECRET}@a.example.org/x'",
        f"url: 'https:me:{SECRET}@a.example.org/x'",
        f"url: 'HTTPS:/me:{SECRET}@a.example.org/x'",
        f"url: 'https:///me:{SECRET}@a.example.org/x'",
        f"url: 'https:\\\\me:{SECRET}@a.example.org/x'",
        f"url: 'https://me%3A{SECRET}@a.example.org/x'",
        f"url: 'https://:{SECRET}@a.example.org/x'",
        f"url: 'https://a.example.org:{SECRET}/x'",
        f"url: 'ssh:/me:{SECRET}@a.example.org/x'",
        f"url: 'ssh://git:{SECRET}@a.example.org/x'",
        f"url: 'ssh://{SECRET.upper()}@a.example.org/x'",
        f"url: 'git:/{SECRET}@a.example.org/x'",
        f"url: 'file:/{SECRET}@a.example.org/x'",
        f"url: 'me:{SECRET}@a.example.org:x'",
        f"url: 'glpat-{SECRET.upper()}@a.example.org:x'",
        f"path: 'https://me:{SECRET}@a.example.org/x'",
        f"path: 'https:/me:{SECRET}@a.example.org/x'",
        f"url: 'https://me%3A{SECRET}%40a.example.org/x'",
        f"url: 'https://a.example.org/x.git%3Ftoken={SECRET}'",
        f"url: 'https://a.example.org/x.git%23{SECRET}'",
        f"url: 'https://a.example.org/x;token={SECRET}'",
        f"url: 'https://a.example.org/x%0A{SECRET}'",
        f"url: 'https://a.example.org/ghp_{SECRET}0123456789abcdef/x'",
        f"url: 'https://a.example.org/p/glpat-{SECRET}0123456789abcdef/x.git'",
        f"url: 'git@a.example.org:hf_{SECRET}0123456789abcdef/x.git'",
        f"path: '/srv/github_pat_{SECRET}0123456789abcdef/x'",
        f'url: "https://a.example.org/x.git\\t{SECRET}"',
        f'url: "https://\\u202E{SECRET}@a.example.org/x"',
        f"url: 'https://a.example.org/x', ref: 'a b@{SECRET}'",
    ],
)
def test_load_sources_with_a_place_that_may_hold_a_token_is_refused_and_not_shown(
    location: str,
) -> None:
    with pytest.raises(UsageError) as caught:
        load_sources(f"- {{kind: git, {location}, name: a/b}}", "sources.yaml")
    assert SECRET not in str(caught.value).lower()


@pytest.mark.parametrize(
    "location",
    [
        f"kind: archive, sha256: {PIN}, url: 'https://a.example.org/x.zip?token={SECRET}'",
        f"kind: archive, sha256: {PIN}, url: 'https:/me:{SECRET}@a.example.org/x.zip'",
        f"kind: archive, path: 'https:/me:{SECRET}@a.example.org/x.zip'",
        f"kind: directory, path: 'https:/me:{SECRET}@a.example.org/x'",
        f"kind: package, sha256: {PIN}, purl: 'pkg:pypi/a@1?token={SECRET}'",
        f"kind: package, sha256: {PIN}, purl: 'pkg:pypi/a@1#{SECRET}'",
        f"kind: package, sha256: {PIN}, purl: 'pkg:npm/%40{SECRET}@x/a@1.0.0'",
        f"kind: package, sha256: {PIN}, purl: 'pkg:npm/npm_{SECRET}0123456789abcdef@1.0.0'",
        f"kind: 'https://{SECRET}@a.example.org'",
    ],
)
def test_load_sources_of_other_kinds_with_a_token_are_refused_too(location: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_sources(f"- {{{location}, name: a/b}}", "sources.yaml")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ssh://git@a.example.org/octo-org/tool",
        "ssh://a.example.org:22/octo-org/tool",
        "git@a.example.org:octo-org/tool.git",
        "a.example.org:octo-org/tool.git",
        "https://a.example.org:8443/~octo/tool@2",
        "git://a.example.org/tool",
        "file:///srv/git/tool.git",
    ],
)
def test_load_sources_with_an_ordinary_url_of_git_is_taken(url: str) -> None:
    (source,) = load_sources(f"- {{kind: git, url: '{url}', name: a/b}}", "sources.yaml")
    assert source.location == url


def test_load_sources_same_place_under_two_names_is_refused() -> None:
    other = GIT.replace("name: octo-org/tool", "name: octo-org/other")
    with pytest.raises(UsageError, match="is there already"):
        load_sources(f"- {GIT}\n- {other}\n", "sources.yaml")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            f"kind: package, sha256: {PIN}, purl: 'pkg:pypi/Big_Tool@1'",
            f"kind: package, sha256: {PIN}, purl: 'pkg:pypi/big-tool@1'",
        ),
        ("kind: directory, path: src/tool", "kind: directory, path: ./src//tool/"),
        ("kind: git, path: tool", "kind: git, path: tool, stars: 5"),
    ],
)
def test_load_sources_same_place_spelled_otherwise_is_refused(one: str, other: str) -> None:
    text = f"- {{{one}, name: octo-org/tool}}\n- {{{other}, name: octo-org/tool}}\n"
    with pytest.raises(UsageError, match="is there already"):
        load_sources(text, "sources.yaml")


def test_load_sources_refs_that_look_like_numbers_stay_text() -> None:
    text = "- {kind: git, path: x, name: a/b, ref: 1234567890123456789012345678901234567890}"
    assert load_sources(text, "sources.yaml")[0].ref == "1234567890123456789012345678901234567890"


@pytest.mark.parametrize(
    ("entry", "origin"),
    [
        ("kind: directory, path: ./src/tool/", "src/tool"),
        ("kind: directory, path: /home/user/tool", "file:tool"),
        ("kind: git, url: 'file:///home/user/tool.git'", "file:tool.git"),
        ("kind: git, url: 'git@a.example.org:octo-org/tool'", "git@a.example.org:octo-org/tool"),
        ("kind: git, url: 'https://a.example.org/tool'", "https://a.example.org/tool"),
        (f"kind: package, purl: 'pkg:pypi/a@1', sha256: {PIN}", "pkg:pypi/a@1"),
    ],
)
def test_source_origin_never_shows_where_this_machine_keeps_it(entry: str, origin: str) -> None:
    (source,) = load_sources(f"- {{{entry}, name: octo-org/tool}}", "sources.yaml")
    assert source.origin == origin


def test_source_digest_depends_on_what_it_says_and_not_on_its_line() -> None:
    (first,) = load_sources(f"- {GIT}", "sources.yaml")
    (moved,) = load_sources(f"\n\n- {GIT}", "other.yaml")
    (starred,) = load_sources(f"- {GIT[:-1]}, stars: 1}}", "sources.yaml")
    assert first.digest == moved.digest
    assert first.digest != starred.digest
    assert len(first.digest) == 64
