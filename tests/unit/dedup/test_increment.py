"""The index of a build: what it is for, and when it is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from stackyard.dedup import Index, Params, build_on, decide
from stackyard.dedup.increment import Rows
from stackyard.dedup.params import SignatureParams
from stackyard.errors import CorruptWorkspace

ROWS = Index.empty(Params()).rows


def test_build_on_names_the_old_file_that_a_new_one_matches(
    world: Any, file: Any, words: Any
) -> None:
    old = [file("octo-org/a", "a.py", words(0, 100)), file("octo-org/a", "b.py", words(200, 300))]
    new = [*old, file("octo-org/b", "c.py", words(0, 50, 900, 901, 51, 100))]
    before, after = world(old), world(new)
    tables = (before.attributes(), before.origin_table(), before.facts())
    _, index = build_on(Index.empty(Params()), *tables, before.contents, Params())
    tables = (after.attributes(), after.origin_table(), after.facts())
    done, _ = build_on(index, *tables, after.contents, Params())
    assert done.decisions.num_rows == 1
    assert '"path":"a.py"' in done.decisions["evidence"][0].as_py()


@pytest.mark.parametrize(
    "other",
    [
        replace(Params(), band_rows=5),
        replace(Params(), band_count=41),
        replace(Params(), signature=SignatureParams(seed=2)),
    ],
)
def test_load_of_an_index_of_other_parameters_is_refused(other: Params) -> None:
    with pytest.raises(CorruptWorkspace, match="does not fit"):
        Index.load(Index.empty(Params()).tables(Params()), ROWS, other)


def test_load_of_an_index_of_other_thresholds_is_not_refused() -> None:
    """Bands and measured pairs are facts; what counts as similar is decided anew."""
    other = replace(Params(), similarity_min=0.8, prefer="released_wins")
    Index.load(Index.empty(Params()).tables(Params()), ROWS, other)


@pytest.mark.parametrize("lost", ["last", "shared", "edges"])
def test_load_of_an_index_that_lacks_a_table_is_refused(lost: str) -> None:
    tables = Index.empty(Params()).tables(Params())
    del tables[lost]
    with pytest.raises(CorruptWorkspace, match=lost):
        Index.load(tables, ROWS, Params())


def test_load_of_tables_that_say_nothing_is_refused() -> None:
    bare = {
        name: table.replace_schema_metadata(None)
        for name, table in Index.empty(Params()).tables(Params()).items()
    }
    with pytest.raises(CorruptWorkspace, match="does not fit"):
        Index.load(bare, ROWS, Params())


def test_decide_with_released_wins_keeps_what_was_released(
    world: Any, file: Any, origin: Any, words: Any
) -> None:
    files = [file("octo-org/a", "x", words(0, 100)), file("octo-org/z", "x", words(1, 100))]
    params = replace(Params(), prefer="released_wins")
    here = world(files, [origin("octo-org/a", stars=9)], params)
    released = pa.table(
        {
            "repo_name": ["octo-org/z"],
            "path": ["x"],
            "blob_id": pa.array([files[1].blob_id], pa.binary(20)),
        }
    )
    assert here.decide().files["repo_name"].to_pylist() == ["octo-org/a"]
    assert here.decide(released=released).files["repo_name"].to_pylist() == ["octo-org/z"]
    best = decide(
        here.attributes(),
        here.origin_table(),
        here.facts(),
        here.contents,
        Params(),
        released=released,
    )
    assert best.files["repo_name"].to_pylist() == ["octo-org/a"]


def test_build_on_of_a_file_that_left_and_came_back_finds_its_likes_again(
    world: Any, file: Any, words: Any
) -> None:
    files = [file("octo-org/a", f"{i}", words(200 * i, 200 * i + 100)) for i in range(6)]
    files.append(file("octo-org/b", "copy", words(0, 50, 9000, 9001, 51, 100)))
    index = Index.empty(Params())
    for here in (files, files[:-1], files, files[1:], files):
        now = world(here)
        done, index = build_on(
            index, now.attributes(), now.origin_table(), now.facts(), now.contents, Params()
        )
        assert done.decisions.equals(now.decide().decisions)


def test_load_of_an_index_that_speaks_of_rows_that_are_lost_is_refused(
    world: Any, file: Any, words: Any
) -> None:
    here = world([file("octo-org/a", f"{i}", words(i, i + 100)) for i in range(3)])
    given = (here.attributes(), here.origin_table(), here.facts(), here.contents, Params())
    _, index = build_on(Index.empty(Params()), *given)
    with pytest.raises(CorruptWorkspace, match="rows"):
        Index.load(index.tables(Params()), ROWS, Params())


def test_build_on_with_two_rows_of_one_blob_gives_the_same_tables(
    world: Any, file: Any, words: Any
) -> None:
    """Two segments may hold one blob: the second row of it counts for nothing."""
    here = world([file("octo-org/a", f"{i}", words(6 * i, 6 * i + 90)) for i in range(9)])
    facts = here.facts()["dedup-signature"]
    rows = Rows.of(facts, Params()).then(Rows.of(facts.slice(2, 4), Params()))
    index = replace(Index.empty(Params()), rows=rows)
    given = (here.attributes(), here.origin_table(), {"dedup-signature": facts.slice(0, 0)})
    for _ in range(2):
        done, index = build_on(index, *given, here.contents, Params())
        assert done.decisions.equals(here.decide().decisions)
