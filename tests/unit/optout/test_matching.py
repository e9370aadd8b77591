from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.optout import match, tombstones, violations
from stackyard.optout.matching import NEAR, VIOLATIONS
from stackyard.optout.params import Params
from stackyard.optout.registry import Registry, read
from stackyard.record import DECISIONS, FILES, ORIGINS, blob_digest

from .conftest import KEY, Book

Accepted = Callable[..., Registry]
NO_PARAMS = Params()
A, B, C, EMPTY = (blob_digest(text) for text in (b"a", b"b", b"c", b""))
REV = "swh:1:dir:" + "0" * 40
REV2 = "swh:1:dir:" + "1" * 40


def files(*rows: tuple[str, str, bytes | None], revision: str = REV) -> pa.Table:
    ordered = sorted(rows, key=lambda row: row[:2])
    return pa.Table.from_pylist(
        [
            {"repo_name": r, "revision_id": revision, "path": p, "blob_id": b, "length_bytes": 1}
            for r, p, b in ordered
        ],
        schema=FILES,
    )


def origins(table: pa.Table, **urls: str) -> pa.Table:
    keys = sorted(
        set(zip(table["repo_name"].to_pylist(), table["revision_id"].to_pylist(), strict=True))
    )
    return pa.Table.from_pylist(
        [
            {
                "repo_name": name,
                "revision_id": revision,
                "origin": urls.get(name.replace("/", "_"), "pkg:pypi/x@1"),
                "directory_id": "",
                "star_events_count": 0,
                "fork_events_count": 0,
            }
            for name, revision in keys
        ],
        schema=ORIGINS,
    )


def gone(decisions: pa.Table) -> list[tuple[str, str, str]]:
    return [(row["repo_name"], row["path"], row["rule"]) for row in decisions.to_pylist()]


FOUR = files(("Octo/P", "a", A), ("Octo/P", "docs/b", B), ("Octo/Q", "a", A), ("else/P", "a", A))


def test_match_without_requests_drops_nothing(book: Book) -> None:
    found = match(FOUR, origins(FOUR), book.registry(), NO_PARAMS)
    assert found.num_rows == 0
    assert found.schema == DECISIONS


def test_match_submitted_only_drops_nothing(book: Book) -> None:
    book.submit("repo", "octo/p")
    assert match(FOUR, origins(FOUR), book.registry(), NO_PARAMS).num_rows == 0


def test_match_repo_folds_case_and_drops_it_alone(accepted: Accepted) -> None:
    log = accepted(("repo", "oCTO/p"))
    found = match(FOUR, origins(FOUR), log, NO_PARAMS)
    assert gone(found) == [("Octo/P", "a", "repo"), ("Octo/P", "docs/b", "repo")]
    (name,) = log.statuses
    assert set(found["evidence"].to_pylist()) == {f'{{"request":"{name}"}}'}
    assert set(found["stage"].to_pylist()) == {"optout"}
    assert found.schema == DECISIONS


def test_match_owner_drops_all_of_theirs_alone(accepted: Accepted) -> None:
    found = match(FOUR, origins(FOUR), accepted(("owner", "octo")), NO_PARAMS)
    assert gone(found) == [
        ("Octo/P", "a", "owner"),
        ("Octo/P", "docs/b", "owner"),
        ("Octo/Q", "a", "owner"),
    ]


def test_match_owner_of_part_of_a_name_drops_nothing(accepted: Accepted) -> None:
    found = match(FOUR, origins(FOUR), accepted(("owner", "oct"), ("repo", "octo/pp")), NO_PARAMS)
    assert found.num_rows == 0


def test_match_path_drops_what_the_glob_says(accepted: Accepted) -> None:
    found = match(FOUR, origins(FOUR), accepted(("path", "octo/p:docs/**")), NO_PARAMS)
    assert gone(found) == [("Octo/P", "docs/b", "path")]


def test_match_several_globs_of_several_repositories(accepted: Accepted) -> None:
    log = accepted(("path", "octo/p:a"), ("path", "octo/p:docs/*"), ("path", "octo/q:?"))
    found = match(FOUR, origins(FOUR), log, NO_PARAMS)
    assert gone(found) == [
        ("Octo/P", "a", "path"),
        ("Octo/P", "docs/b", "path"),
        ("Octo/Q", "a", "path"),
    ]


def test_match_blob_drops_it_everywhere(accepted: Accepted) -> None:
    found = match(FOUR, origins(FOUR), accepted(("blob", f"swh:1:cnt:{A.hex()}")), NO_PARAMS)
    assert [row[0] for row in gone(found)] == ["Octo/P", "Octo/Q", "else/P"]


def test_match_exact_copies_go_elsewhere_too(accepted: Accepted) -> None:
    found = match(FOUR, origins(FOUR), accepted(("path", "octo/q:a", "exact")), NO_PARAMS)
    assert gone(found) == [
        ("Octo/P", "a", "copy"),
        ("Octo/Q", "a", "path"),
        ("else/P", "a", "copy"),
    ]


def test_match_copies_count_even_where_another_request_names_the_file(accepted: Accepted) -> None:
    log = accepted(("owner", "octo"), ("repo", "octo/q", "exact"))
    assert ("else/P", "a", "copy") in gone(match(FOUR, origins(FOUR), log, NO_PARAMS))


def test_match_copies_of_the_empty_file_and_of_no_blob_stay(accepted: Accepted) -> None:
    table = files(("a/a", "x", EMPTY), ("a/a", "y", None), ("b/b", "x", EMPTY), ("b/b", "y", None))
    found = match(table, origins(table), accepted(("repo", "a/a", "exact")), NO_PARAMS)
    assert gone(found) == [("a/a", "x", "repo"), ("a/a", "y", "repo")]


def test_match_near_copies_need_to_be_known(accepted: Accepted) -> None:
    log = accepted(("path", "octo/p:docs/b", "near"))
    with pytest.raises(EnvironmentFault, match="near"):
        match(FOUR, origins(FOUR), log, NO_PARAMS)
    near = pa.Table.from_pylist([{"blob_id": B, "near_blob_id": A}], schema=NEAR)
    found = match(FOUR, origins(FOUR), log, NO_PARAMS, near)
    assert gone(found) == [
        ("Octo/P", "a", "near-copy"),
        ("Octo/P", "docs/b", "path"),
        ("Octo/Q", "a", "near-copy"),
        ("else/P", "a", "near-copy"),
    ]


def test_match_file_of_several_requests_gets_the_first_rule(accepted: Accepted) -> None:
    log = accepted(("blob", f"swh:1:cnt:{A.hex()}"), ("path", "octo/p:a"), ("owner", "octo"))
    rules = dict(row[1:] for row in gone(match(FOUR, origins(FOUR), log, NO_PARAMS)))
    assert gone(match(FOUR, origins(FOUR), log, NO_PARAMS))[0] == ("Octo/P", "a", "owner")
    assert rules["docs/b"] == "owner"


def test_match_origin_of_another_forge_is_left_alone(accepted: Accepted) -> None:
    log = accepted(("repo", "https://gitlab.com/octo/p"))
    urls = {"Octo_P": "https://github.com/Octo/P.git"}
    assert match(FOUR, origins(FOUR, **urls), log, NO_PARAMS).num_rows == 0
    assert match(FOUR, origins(FOUR), log, NO_PARAMS).num_rows == 2


def test_match_origin_listed_under_another_name_is_found_by_its_url(accepted: Accepted) -> None:
    urls = {"else_P": "https://github.com/True-Owner/Code.git"}
    found = match(FOUR, origins(FOUR, **urls), accepted(("repo", "true-owner/code")), NO_PARAMS)
    assert gone(found) == [("else/P", "a", "repo")]


def test_match_renamed_repository_and_account_are_found(accepted: Accepted) -> None:
    params = Params(aliases={"Old/Name": "octo/p", "former": "Else"})
    found = match(FOUR, origins(FOUR), accepted(("repo", "old/name")), params)
    assert {row[0] for row in gone(found)} == {"Octo/P"}
    found = match(FOUR, origins(FOUR), accepted(("owner", "former")), params)
    assert {row[0] for row in gone(found)} == {"else/P"}
    found = match(FOUR, origins(FOUR), accepted(("repo", "former/p")), params)
    assert {row[0] for row in gone(found)} == {"else/P"}


def test_match_alias_of_repository_to_account_is_refused(accepted: Accepted) -> None:
    with pytest.raises(UsageError, match="aliases"):
        match(FOUR, origins(FOUR), accepted(("repo", "a/b")), Params(aliases={"a/b": "c"}))


def test_match_file_without_its_origin_stops(accepted: Accepted) -> None:
    some = origins(FOUR).slice(1)
    with pytest.raises(EnvironmentFault, match="origin"):
        match(FOUR, some, accepted(("repo", "octo/p")), NO_PARAMS)


def test_match_origins_of_other_builds_do_not_disturb(accepted: Accepted) -> None:
    more = origins(files(("zz/zz", "a", A), ("Octo/P", "a", A), revision=REV2))
    both = pa.concat_tables([more, origins(FOUR)])
    assert match(FOUR, both, accepted(("repo", "octo/p")), NO_PARAMS).num_rows == 2


def test_match_chunked_and_sliced_tables_give_the_same(accepted: Accepted) -> None:
    log = accepted(("path", "octo/p:**/b"), ("blob", f"swh:1:cnt:{A.hex()}"))
    whole = match(FOUR, origins(FOUR), log, NO_PARAMS)
    chunked = pa.concat_tables([FOUR.slice(0, 1), FOUR.slice(1, 0), FOUR.slice(1)])
    assert match(chunked, origins(FOUR), log, NO_PARAMS) == whole
    assert match(FOUR.slice(1), origins(FOUR), log, NO_PARAMS).num_rows == whole.num_rows - 1


def test_match_without_the_private_part_stops(book: Book) -> None:
    book.accept(book.submit("repo", "octo/p"))
    public = read(book.entries(), book.note(), KEY.verifier, None)
    with pytest.raises(VerificationError, match="private part"):
        match(FOUR, origins(FOUR), public, NO_PARAMS)


def test_match_withdrawn_request_drops_nothing(book: Book) -> None:
    name = book.submit("repo", "octo/p")
    book.accept(name)
    book.end(name)
    assert match(FOUR, origins(FOUR), book.registry(), NO_PARAMS).num_rows == 0


def test_tombstones_name_origins_that_are_out_whole(accepted: Accepted) -> None:
    urls = {"else_P": "https://github.com/True-Owner/Code.git"}
    table = origins(FOUR, **urls)
    log = accepted(("repo", "octo/p"), ("path", "octo/q:a"), ("owner", "true-owner"))
    found = [(r["repo_name"], r["rule"]) for r in tombstones(table, log, NO_PARAMS).to_pylist()]
    assert found == [("Octo/P", "repo"), ("else/P", "owner")]
    assert tombstones(table, Book().registry(), NO_PARAMS).num_rows == 0


def test_tombstones_leave_origins_whose_copies_are_asked_for(accepted: Accepted) -> None:
    for copies in (("repo", "octo/q", "exact"), ("path", "octo/q:a", "near")):
        log = accepted(("owner", "octo"), copies)
        found = tombstones(origins(FOUR), log, NO_PARAMS)["repo_name"].to_pylist()
        assert found == ["Octo/P"]


def released(*rows: tuple[str, str, bytes, list[str]]) -> pa.Table:
    return pa.table(
        {
            "repo_name": [r[0] for r in rows],
            "path": [r[1] for r in rows],
            "blob_id": [r[2].hex() for r in rows],
            "origins": [r[3] for r in rows],
        }
    )


def test_violations_clean_release_has_none(accepted: Accepted) -> None:
    rows = released(("else/P", "a", A, ["else/P"]))
    found = violations(rows, accepted(("owner", "octo"), ("repo", "octo/p")), NO_PARAMS)
    assert found.num_rows == 0
    assert found.schema == VIOLATIONS


def test_violations_row_of_an_opted_out_name_is_found(accepted: Accepted) -> None:
    log = accepted(("repo", "octo/p"))
    found = violations(released(("OCTO/P", "a", A, [])), log, NO_PARAMS)
    (name,) = log.statuses
    assert found.to_pylist() == [
        {"repo_name": "OCTO/P", "path": "a", "rule": "repo", "request": name}
    ]


def test_violations_name_left_in_the_origins_of_a_row_is_found(accepted: Accepted) -> None:
    rows = released(("else/P", "a", A, ["else/P", "octo/P"]))
    found = violations(rows, accepted(("repo", "octo/p")), NO_PARAMS)
    assert found.to_pylist()[0]["repo_name"] == "octo/P"


def test_violations_origins_with_paths_of_their_own_are_checked(accepted: Accepted) -> None:
    rows = pa.table(
        {
            "repo_name": ["else/P"],
            "path": ["a"],
            "blob_id": pa.array([A], pa.binary(20)),
            "origins": [[{"repo_name": "octo/p", "path": "docs/x"}]],
        }
    )
    log = accepted(("path", "octo/p:docs/*"))
    assert violations(rows, log, NO_PARAMS)["path"].to_pylist() == ["docs/x"]
    assert violations(rows, accepted(("path", "octo/p:a")), NO_PARAMS).num_rows == 0


def test_violations_blob_and_known_copies_are_found(accepted: Accepted) -> None:
    rows = released(("else/P", "a", A, []))
    assert violations(rows, accepted(("blob", f"swh:1:cnt:{A.hex()}")), NO_PARAMS).num_rows == 1
    log = accepted(("repo", "octo/q", "exact"))
    dropped = match(FOUR, origins(FOUR), log, NO_PARAMS)
    assert violations(rows, log, NO_PARAMS).num_rows == 0
    assert violations(rows, log, NO_PARAMS, dropped)["rule"].to_pylist() == ["copy"]
