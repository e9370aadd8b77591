"""Laws 3 and 10 over random corpora: what requests name goes, nothing else does, and back again."""

from __future__ import annotations

import re

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.errors import UsageError
from stackyard.optout.absence import Presence, check_absent, key_of
from stackyard.optout.matching import claims_of, match_requests, violations
from stackyard.optout.merkle import Tree, check_consistency, check_inclusion
from stackyard.optout.params import Params
from stackyard.optout.preview import preview
from stackyard.optout.registry import Registry, Request
from stackyard.optout.selector import Selector, from_plain, glob_regex, parse
from stackyard.record import FILES, ORIGINS, blob_digest

OWNERS = ("Octo", "octo-org", "OCTO", "o")
REPOS = ("p", "P2", "p.git2")
PATHS = ("a", "b/a", "b/c/a", "a.c", "docs/x.md", "docs/x/y.md")
BLOBS = (*(blob_digest(bytes([n])) for n in range(4)), blob_digest(b""))
GLOBS = ("a", "a/b", "**/a", "docs/**", "b/*", "docs/*.md", "*", "b/**/a", "?.c")

rows = st.lists(
    st.tuples(
        st.sampled_from(OWNERS), st.sampled_from(REPOS), st.sampled_from(PATHS), st.integers(0, 4)
    ),
    max_size=25,
    unique_by=lambda row: row[:3],
)
selectors = st.one_of(
    st.builds(
        lambda o, r: parse("repo", f"{o}/{r}"), st.sampled_from(OWNERS), st.sampled_from(REPOS)
    ),
    st.builds(lambda o: parse("owner", o), st.sampled_from(("octo-org", "octo", "o", "oct"))),
    st.builds(
        lambda o, r, g: parse("path", f"{o}/{r}:{g}"),
        st.sampled_from(OWNERS),
        st.sampled_from(REPOS),
        st.sampled_from(GLOBS),
    ),
    st.builds(lambda n: parse("blob", f"swh:1:cnt:{BLOBS[n].hex()}"), st.integers(0, 3)),
)
asks = st.lists(st.tuples(selectors, st.sampled_from(("none", "exact"))), max_size=4)


def corpus(found: list[tuple[str, str, str, int]]) -> tuple[pa.Table, pa.Table]:
    files = pa.Table.from_pylist(
        [
            {
                "repo_name": f"{owner}/{repo}",
                "revision_id": "r",
                "path": path,
                "blob_id": BLOBS[blob],
                "length_bytes": 1,
            }
            for owner, repo, path, blob in sorted(found)
        ],
        schema=FILES,
    )
    origins = pa.Table.from_pylist(
        [
            {
                "repo_name": name,
                "revision_id": "r",
                "origin": "x",
                "directory_id": "",
                "star_events_count": 0,
                "fork_events_count": 0,
            }
            for name in sorted({f"{o}/{r}" for o, r, _, _ in found})
        ],
        schema=ORIGINS,
    )
    return files, origins


def requests_of(found: list[tuple[Selector, str]]) -> list[Request]:
    return [
        Request(f"req-{n:016x}", selector, copies, False, bytes(32))  # type: ignore[arg-type]
        for n, (selector, copies) in enumerate(found)
    ]


def glob_says(glob: str, path: str) -> bool:
    """Another way to say what a glob means, part by part."""

    def says(parts: list[str], names: list[str]) -> bool:
        if not parts:
            return not names or not {"*", "?"} & set(last)
        if not names:
            return False
        if parts[0] == "**":
            if len(parts) == 1:
                return True
            return says(parts[1:], names) or says(parts, names[1:])
        one = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in parts[0])
        return re.fullmatch(one, names[0], re.DOTALL) is not None and says(parts[1:], names[1:])

    last = glob.rsplit("/", maxsplit=1)[-1]
    return says(glob.split("/"), path.split("/"))


def names_it(selector: Selector, row: tuple[str, str, str, int]) -> bool:
    owner, repo, path, blob = row
    if selector.kind == "blob":
        return selector.name.endswith(BLOBS[blob].hex())
    if selector.kind == "owner":
        return owner.lower() == selector.name
    same = f"{owner}/{repo}".lower() == selector.name
    return same and (selector.kind == "repo" or glob_says(selector.glob, path))


@settings(deadline=None)
@given(rows, asks)
def test_match_drops_what_requests_name_and_nothing_else(
    found: list[tuple[str, str, str, int]], asked: list[tuple[Selector, str]]
) -> None:
    files, origins = corpus(found)
    expected = {row for row in found if any(names_it(s, row) for s, _ in asked)}
    copied = {
        row[3]
        for row in found
        for s, copies in asked
        if copies == "exact" and names_it(s, row) and row[3] != 4
    }
    expected |= {row for row in found if row[3] in copied}
    gone = match_requests(files, origins, requests_of(asked), Params())
    keys = list(zip(gone["repo_name"].to_pylist(), gone["path"].to_pylist(), strict=True))
    assert keys == sorted((f"{o}/{r}", p) for o, r, p, _ in expected)


accounts = st.sampled_from(("octo", "fan", "far", "up"))
repositories = st.builds(lambda o, r: f"{o}/{r}", accounts, st.sampled_from(("p", "q")))


@settings(deadline=None)
@given(st.dictionaries(repositories, repositories), accounts, st.booleans())
def test_match_owner_takes_its_own_and_with_forks_what_came_from_it(
    fork_of: dict[str, str], account: str, forks: bool
) -> None:
    """By another way to say it: follow each repository up, and see whether the account is met."""
    fork_of = {name: upstream for name, upstream in fork_of.items() if name != upstream}
    every = sorted(f"{o}/{r}" for o in ("octo", "fan", "far", "up") for r in "pq")
    files, origins = corpus([(*name.split("/"), "a", 0) for name in every])  # type: ignore[misc]
    said = [fork_of.get(name) for name in origins["repo_name"].to_pylist()]
    origins = origins.append_column("fork_of", pa.array(said, pa.string()))
    request = Request("req-0", parse("owner", account), "none", False, bytes(32), forks=forks)

    def comes_from(name: str) -> bool:
        for _ in every:
            if name.startswith(f"{account}/"):
                return True
            if not forks or name not in fork_of:
                return False
            name = fork_of[name]
        return False

    gone = match_requests(files, origins, [request], Params())["repo_name"].to_pylist()
    assert gone == [name for name in every if comes_from(name)]


@settings(deadline=None)
@given(rows, asks)
def test_match_of_two_halves_is_that_of_the_whole_without_copies(
    found: list[tuple[str, str, str, int]], asked: list[tuple[Selector, str]]
) -> None:
    requests = requests_of([(selector, "none") for selector, _ in asked])
    whole = match_requests(*corpus(found), requests, Params())
    halves = [
        match_requests(*corpus(part), requests, Params()) for part in (found[::2], found[1::2])
    ]
    together = pa.concat_tables(halves).sort_by([("repo_name", "ascending"), ("path", "ascending")])
    assert together.to_pylist() == whole.to_pylist()


@settings(deadline=None)
@given(rows, asks)
def test_absence_holds_after_match_and_its_proofs_do(
    found: list[tuple[str, str, str, int]], asked: list[tuple[Selector, str]]
) -> None:
    """What is left names nothing that was asked for, and every key of what went can be proved."""
    files, origins = corpus(found)
    requests = requests_of(asked)
    gone = match_requests(files, origins, requests, Params())
    dropped = set(zip(gone["repo_name"].to_pylist(), gone["path"].to_pylist(), strict=True))
    left = files.filter(
        pa.array(
            [
                (row["repo_name"], row["path"]) not in dropped
                for row in files.select(["repo_name", "path"]).to_pylist()
            ],
            pa.bool_(),
        )
    ).select(["repo_name", "path", "blob_id"])
    log = _Forced(requests)
    assert violations(left, log, Params(), gone).num_rows == 0
    presence = Presence.of(left)
    size, root = len(presence.keys), presence.tree.root()
    for claim in claims_of(gone).to_pylist():
        key = key_of("path", claim["repo_name"], claim["path"])
        if key not in presence:
            assert check_absent(presence.prove_absent(key), key, size, root)
    for key in presence.keys:
        assert key in presence


class _Forced(Registry):
    """A registry in which given requests are in force, without a log."""

    def __init__(self, requests: list[Request]) -> None:
        object.__setattr__(self, "forced", tuple(requests))

    def effective(self) -> tuple[Request, ...]:
        forced: tuple[Request, ...] = self.__dict__["forced"]
        return forced


@settings(deadline=None)
@given(rows, selectors)
def test_preview_lists_exactly_what_goes(
    found: list[tuple[str, str, str, int]], selector: Selector
) -> None:
    files, origins = corpus(found)
    (request,) = requests_of([(selector, "none")])
    shown = preview(request, files, origins, Params(), releases={})
    assert shown.files == match_requests(files, origins, [request], Params())
    gone = set(
        zip(shown.files["repo_name"].to_pylist(), shown.files["path"].to_pylist(), strict=True)
    )
    stays = {
        BLOBS[row[3]].hex()
        for row in found
        if (f"{row[0]}/{row[1]}", row[2]) in gone
        and any(
            other[3] == row[3] and (f"{other[0]}/{other[1]}", other[2]) not in gone
            for other in found
        )
    }
    assert set(shown.stays["blob_id"].to_pylist()) == stays
    assert shown.digest == preview(request, files, origins, Params(), releases={}).digest


@given(st.sampled_from(("repo", "owner", "path", "blob")), st.text(max_size=60))
def test_parse_any_text_is_refused_or_read_back_as_the_same(kind: str, text: str) -> None:
    try:
        selector = parse(kind, text)
    except UsageError:
        return
    assert parse(kind, str(selector)) == selector
    assert from_plain(selector.plain()) == selector


def _mangle(base: str, cuts: list[int], adds: list[tuple[int, str]]) -> str:
    text = base
    for cut in cuts:
        text = text[:cut] + text[cut + 1 :]
    for at, piece in adds:
        text = text[:at] + piece + text[at:]
    return text


mangled = st.builds(
    _mangle,
    st.sampled_from(
        (
            "octo-org/parser",
            "https://github.com/octo-org/parser.git",
            "git@github.com:octo-org/parser",
        )
    ),
    st.lists(st.integers(0, 40), max_size=3),
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.sampled_from(
                [*"/.:*@#?~ -_\\%\u200b\u0430\u212a", "..", "//", ".git", "**", "www."]
            ),
        ),
        max_size=3,
    ),
)


@settings(max_examples=500)
@given(mangled)
def test_parse_mangled_repository_never_widens(text: str) -> None:
    """It is refused, or names one repository whose owner and name stand in the text as they are."""
    try:
        selector = parse("repo", text)
    except UsageError:
        return
    owner, repo = selector.name.split("/")
    assert f"{owner}/{repo}" in text.lower().replace("~", "")
    assert selector.glob == ""
    for wide in ("*", "?", "/"):
        assert wide not in owner
    assert owner not in {".", ".."}
    assert repo not in {".", "..", ".git"}


@settings(max_examples=300)
@given(st.sampled_from(GLOBS), st.text(alphabet="abdocsx/.*?\n[]", max_size=12))
def test_glob_regex_says_what_the_parts_say(glob: str, path: str) -> None:
    import pyarrow.compute as pc

    if not path or any(part == "" for part in path.split("/")):
        return
    says = pc.match_substring_regex(pa.array([path]), glob_regex(glob))[0].as_py()
    assert says is glob_says(glob, path)


@given(st.lists(st.binary(max_size=4), max_size=40), st.data())
def test_tree_proofs_hold_for_what_is_there_and_for_nothing_else(
    entries: list[bytes], data: st.DataObject
) -> None:
    tree = Tree(entries)
    newer = data.draw(st.integers(0, len(entries)))
    older = data.draw(st.integers(0, newer))
    proof = tree.consistency(older, newer)
    assert check_consistency(older, tree.root(older), newer, tree.root(newer), proof)
    if entries:
        index = data.draw(st.integers(0, len(entries) - 1))
        path = tree.inclusion(index)
        assert check_inclusion(tree.leaf(index), index, len(entries), path, tree.root())
        other = Tree([*entries[:index], entries[index] + b"!", *entries[index + 1 :]])
        assert not check_inclusion(tree.leaf(index), index, len(entries), path, other.root())
        assert not check_consistency(
            index + 1, other.root(index + 1), len(entries), tree.root(), tree.consistency(index + 1)
        )
