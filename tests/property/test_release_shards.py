"""Laws of shards: their bytes are a function of their rows."""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.errors import UsageError
from stackyard.record import bucket_of
from stackyard.release import names, shards
from stackyard.release.params import Params
from stackyard.release.shards import SHARD
from stackyard.release.tables import row_bytes, sha256_column

TEXTS = st.text(max_size=60) | st.integers(0, 400).map(lambda n: "x = 1\n" * n)
STRUCTS = {
    "license_evidence": st.lists(
        st.fixed_dictionaries(
            {
                "path": st.none() | st.text(max_size=5),
                "kind": st.just("header"),
                "detector": st.none(),
                "expression": st.just("MIT"),
                "score": st.none() | st.floats(0, 1),
                "start_byte": st.integers(0, 9),
                "end_byte": st.none(),
            }
        ),
        max_size=3,
    ),
    "origins": st.lists(
        st.fixed_dictionaries(
            {"repo_name": st.just("a/b"), "revision_id": st.just("r"), "path": st.text(max_size=9)}
        ),
        max_size=3,
    ),
    "redactions": st.lists(
        st.fixed_dictionaries({"entity": st.just("email"), "count": st.integers(1, 9)}), max_size=2
    ),
    "detected_licenses": st.lists(st.none() | st.sampled_from(["MIT", "ISC"]), max_size=2),
}


def _values(field: pa.Field) -> st.SearchStrategy[object]:
    if field.name in STRUCTS:
        return STRUCTS[field.name]
    by_type: dict[pa.DataType, st.SearchStrategy[object]] = {
        pa.string(): TEXTS if field.name == "content" else st.text(max_size=8),
        pa.int64(): st.integers(0, 2**40),
        pa.bool_(): st.booleans(),
    }
    values = by_type.get(field.type, st.integers(0, 2**40))
    return st.none() | values if field.nullable else values


ROW = st.fixed_dictionaries({field.name: _values(field) for field in SHARD})
TABLES = st.lists(ROW, max_size=12).map(lambda rows: pa.Table.from_pylist(rows, SHARD))
PARAMS = st.builds(
    Params,
    row_group_bytes_max=st.integers(1, 5_000),
    row_group_rows_max=st.integers(1, 6),
    bloom_filters=st.booleans(),
)


def written(tables: Sequence[pa.Table], params: Params) -> bytes:
    sink = io.BytesIO()
    shards.write(tables, sink, "permissive", params)
    return sink.getvalue()


def chunks(table: pa.Table, cuts: Sequence[int]) -> list[pa.Table]:
    ends = [0, *sorted(cut % (len(table) + 1) for cut in cuts), len(table)]
    return [table.slice(start, stop - start) for start, stop in itertools.pairwise(ends)]


@settings(deadline=None, max_examples=40)
@given(TABLES, st.lists(st.integers(0, 12), max_size=6), PARAMS)
def test_shard_bytes_do_not_depend_on_how_rows_are_chunked(
    table: pa.Table, cuts: list[int], params: Params
) -> None:
    parts = chunks(table, cuts)
    merged = [pa.concat_tables(parts)]  # one table of many chunks
    content = written([table], params)
    assert written(parts, params) == content
    assert written(merged, params) == content
    assert written([table.take(pa.array(np.arange(len(table))))], params) == content
    assert pq.read_table(io.BytesIO(content)).cast(SHARD).equals(table)


@settings(deadline=None, max_examples=40)
@given(TABLES, PARAMS)
def test_row_groups_are_bounded_and_as_large_as_they_may_be(
    table: pa.Table, params: Params
) -> None:
    groups = list(shards.row_groups([table], params))
    sizes = [row_bytes(group) for group in groups]
    assert sum(len(group) for group in groups) == len(table)
    for at, size in enumerate(sizes):
        assert 0 < len(size) <= params.row_group_rows_max
        assert size.sum() <= params.row_group_bytes_max or len(size) == 1
        if at + 1 < len(sizes):
            full = size.sum() + sizes[at + 1][0] > params.row_group_bytes_max
            assert full or len(size) == params.row_group_rows_max


@settings(deadline=None, max_examples=40)
@given(TABLES, st.lists(st.integers(0, 12), max_size=6))
def test_row_bytes_are_of_the_row_alone(table: pa.Table, cuts: list[int]) -> None:
    parts = [row_bytes(part) for part in chunks(table, cuts)]
    assert np.concatenate(parts).tolist() == row_bytes(table).tolist()


@given(st.text(max_size=30))
def test_language_slug_is_a_safe_component_with_an_exact_inverse(language: str) -> None:
    try:
        slug = names.language_slug(language)
    except UsageError:
        return
    assert names.language_of(slug) == language
    path = names.shard_path("permissive", language, "00-ff")
    assert names.check_path(path) == path
    assert names.parse_shard_path(path) == ("permissive", language, "00-ff")
    assert slug.isascii()
    assert not set(slug) & set('<>:/\\|?*" [](){}$&;\n')


@given(st.text(alphabet="~_abcdef0123456789sharpt.+-", max_size=20))
def test_language_of_accepts_only_slugs(slug: str) -> None:
    try:
        language = names.language_of(slug)
    except UsageError:
        return
    assert names.language_slug(language) == slug


@given(st.integers(0, 255), st.sampled_from([2**n for n in range(9)]))
def test_bucket_ranges_partition_the_buckets(bucket: int, ranges: int) -> None:
    text = names.bucket_range(bucket, ranges)
    assert names.is_bucket_range(text)
    first, last = (int(part, 16) for part in text.split("-"))
    assert first <= bucket <= last
    assert len({names.bucket_range(each, ranges) for each in range(256)}) == ranges


@given(st.lists(st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")), max_size=8))
def test_sha256_column_hashes_each_value_of_a_slice(texts: list[str]) -> None:
    array = pa.array(["before", *texts, "after"]).slice(1, len(texts))
    expected = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    for kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
        assert sha256_column(array.cast(kind)).to_pylist() == expected


KEYS = st.lists(
    st.tuples(
        st.sampled_from(["a-org/x", "b-org/y", "b-org/x", "c-org/z"]),
        st.sampled_from(["1.py", "2.py", "d/1.c", "\u00e9.c"]),
        st.sampled_from(["C", "C++", "Python"]),
        st.sampled_from(["permissive", "no_license"]),
    ),
    unique_by=lambda key: key[:2],
    max_size=16,
)


def _files_of(
    keys: Sequence[tuple[str, str, str, str]], params: Params
) -> dict[str, list[tuple[str, str]]]:
    """The files of each shard that is planned, in its order."""
    columns = list(zip(*keys, strict=True)) if keys else [(), (), (), ()]
    heads = ("repo_name", "path", "language", "edition")
    table = pa.table(
        {name: pa.array(column, pa.string()) for name, column in zip(heads, columns, strict=True)}
    ).append_column("revision_id", pa.array(["r"] * len(keys), pa.string()))
    plans = shards.plan(table, params)
    return {plan.path: [keys[row][:2] for row in plan.rows.tolist()] for plan in plans}


@settings(deadline=None)
@given(KEYS, st.sampled_from([1, 4, 256]), st.randoms(use_true_random=False))
def test_plan_is_of_the_set_of_rows(
    keys: list[tuple[str, str, str, str]], ranges: int, random: object
) -> None:
    params = Params(editions=("permissive", "no_license", "ids"), bucket_ranges=ranges)
    shuffled = sorted(keys, key=lambda _: random.random())  # type: ignore[attr-defined]

    plan = _files_of(keys, params)
    assert _files_of(shuffled, params) == plan
    for path, files in plan.items():
        edition, _, buckets = names.parse_shard_path(path)
        assert edition in params.editions
        assert files == sorted(files, key=lambda key: (key[0].encode(), key[1].encode()))
        first, last = (int(part, 16) for part in buckets.split("-"))
        assert all(first <= bucket_of(repo) <= last for repo, _ in files)
    assert sorted(file for path in plan for file in plan[path]) == sorted(
        [key[:2] for key in keys] * 2
    )


@settings(deadline=None)
@given(KEYS, st.sampled_from([1, 4, 256]))
def test_plan_without_an_owner_differs_only_in_the_shards_of_the_owners_range(
    keys: list[tuple[str, str, str, str]], ranges: int
) -> None:
    params = Params(editions=("permissive", "no_license"), bucket_ranges=ranges)
    before = _files_of(keys, params)
    after = _files_of([key for key in keys if not key[0].startswith("b-org/")], params)
    mine = names.bucket_range_of("b-org/x", ranges)
    for path in before.keys() | after.keys():
        if before.get(path) != after.get(path):
            assert names.parse_shard_path(path)[2] == mine
    assert all(
        [file for file in files if not file[0].startswith("b-org/")] == after.get(path, [])
        for path, files in before.items()
    )
