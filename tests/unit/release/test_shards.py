from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stackyard.errors import CorruptWorkspace, UsageError
from stackyard.record import ATTRIBUTES, CLUSTERS, ORIGINS, blob_digest
from stackyard.release import shards
from stackyard.release.params import Params
from stackyard.release.shards import ROWS, SHARD


def attributes(*files: tuple[str, str, str, bytes], edition: str = "permissive") -> pa.Table:
    """One row a file: (repo_name, path, language, content)."""
    rows = [
        {
            "repo_name": repo,
            "revision_id": f"swh:1:rev:{1:040x}",
            "path": path,
            "blob_id": blob_digest(content),
            "length_bytes": len(content),
            "edition": edition,
            "src_encoding": "utf-8",
            "language": language,
            "extension": path.rsplit(".", 1)[-1],
            "is_vendor": False,
            "is_generated": False,
            "license_type": "permissive",
            "license_expression": "MIT",
            "detected_licenses": ["MIT"],
            "license_evidence": [
                {
                    "path": "LICENSE",
                    "kind": "license-file",
                    "detector": "license",
                    "expression": "MIT",
                    "score": 0.99,
                    "start_byte": 0,
                    "end_byte": 1000,
                }
            ],
        }
        for repo, path, language, content in files
    ]
    return pa.Table.from_pylist(rows, ATTRIBUTES)


def clusters(files: pa.Table) -> pa.Table:
    return pa.table(
        {
            **{name: files[name] for name in CLUSTERS.names[:5]},
            "dedup_cluster": [blob.hex() for blob in files["blob_id"].to_pylist()],
            "cluster_size": [1] * len(files),
        }
    ).cast(CLUSTERS)


def origins(*repos: str) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "repo_name": repo,
                "revision_id": f"swh:1:rev:{1:040x}",
                "origin": f"https://example.org/{repo}",
                "directory_id": f"swh:1:dir:{2:040x}",
                "star_events_count": 0,
                "fork_events_count": 0,
            }
            for repo in repos
        ],
        ORIGINS,
    )


def rows(*files: tuple[str, str, str, bytes], edition: str = "permissive") -> pa.Table:
    table = attributes(*files, edition=edition)
    repos = sorted({repo for repo, *_ in files})
    return shards.assemble(clusters(table), table, origins(*repos))


def finished(table: pa.Table, texts: list[str]) -> pa.Table:
    none: list[list[Any]] = [[] for _ in texts]
    return shards.finish(table, pa.array(texts), pa.array(none, shards.REDACTIONS))


def written(tables: list[pa.Table], params: Params, edition: str = "permissive") -> bytes:
    sink = io.BytesIO()
    done = shards.write(tables, sink, edition, params)
    assert done.sha256 == hashlib.sha256(sink.getvalue()).hexdigest()
    assert done.size_bytes == len(sink.getvalue())
    return sink.getvalue()


def test_assemble_lists_all_files_of_a_blob_sorted() -> None:
    every = attributes(
        ("octo-org/b", "y.c", "C", b"same"),
        ("octo-org/a", "src/x.c", "C", b"same"),
        ("octo-org/a", "other.c", "C", b"other"),
    )
    table = shards.assemble(clusters(every.slice(1, 2)), every, origins("octo-org/a", "octo-org/b"))
    assert table.schema == ROWS
    assert table["filename"].to_pylist() == ["x.c", "other.c"]
    assert [
        [(entry["repo_name"], entry["path"]) for entry in entries]
        for entries in table["origins"].to_pylist()
    ] == [
        [("octo-org/a", "src/x.c"), ("octo-org/b", "y.c")],
        [("octo-org/a", "other.c")],
    ]


def test_assemble_of_nothing_gives_no_rows() -> None:
    assert shards.assemble(
        CLUSTERS.empty_table(), ATTRIBUTES.empty_table(), ORIGINS.empty_table()
    ) == (ROWS.empty_table())


def test_assemble_without_an_origin_is_refused() -> None:
    table = attributes(("octo-org/a", "x.c", "C", b"x"))
    with pytest.raises(CorruptWorkspace, match="octo-org/a"):
        shards.assemble(clusters(table), table, origins("octo-org/b"))


def test_plan_puts_each_row_into_one_shard_in_canonical_order() -> None:
    table = rows(
        ("octo-org/b", "b.py", "Python", b"1"),
        ("octo-org/b", "a.py", "Python", b"2"),
        ("octo-org/a", "z.py", "Python", b"3"),
        ("octo-org/b", "x.cc", "C++", b"4"),
    )
    plans = shards.plan(table, Params(bucket_ranges=4))
    assert [(p.path, p.rows.tolist()) for p in plans] == [
        ("data/permissive/C++/00-3f.parquet", [3]),
        ("data/permissive/Python/00-3f.parquet", [2, 1, 0]),
    ]


def test_plan_keeps_an_owner_in_one_range_at_any_number_of_ranges() -> None:
    table = rows(*((f"owner{n}/r", "f.c", "C", str(n).encode()) for n in range(40)))
    for ranges in (1, 2, 16, 256):
        plans = shards.plan(table, Params(bucket_ranges=ranges))
        assert len(plans) <= ranges
        assert sorted(row for p in plans for row in p.rows.tolist()) == list(range(40))


def test_plan_of_ids_lists_rows_of_all_editions_again() -> None:
    table = pa.concat_tables(
        [
            rows(("octo-org/a", "a.c", "C", b"1")),
            rows(("octo-org/a", "b.c", "C", b"2"), edition="no_license"),
        ]
    )
    plans = shards.plan(table, Params(editions=("permissive", "ids")))
    assert [(p.edition, p.rows.tolist()) for p in plans] == [("ids", [0, 1]), ("permissive", [0])]
    assert "content" not in shards.schema_of("ids").names


def test_plan_of_languages_that_differ_in_letter_case_is_refused() -> None:
    table = rows(("octo-org/a", "a.c", "C", b"1"), ("a-org/a", "b.c", "c", b"2"))
    with pytest.raises(UsageError, match="letter case"):
        shards.plan(table, Params())


def test_plan_of_nothing_is_empty() -> None:
    assert shards.plan(ROWS.empty_table(), Params()) == ()


def test_published_drops_rows_of_other_editions_with_a_decision() -> None:
    table = pa.concat_tables(
        [
            rows(("octo-org/a", "a.c", "C", b"1")),
            rows(("octo-org/a", "b.c", "C", b"2"), edition="no_license"),
        ]
    )
    inside, decisions = shards.published(table, Params())
    assert inside["path"].to_pylist() == ["a.c"]
    assert decisions.select(["path", "stage", "rule", "evidence"]).to_pylist() == [
        {
            "path": "b.c",
            "stage": "release",
            "rule": "edition-not-published",
            "evidence": '{"edition":"no_license"}',
        }
    ]
    both = shards.published(table, Params(editions=("permissive", "ids")))
    assert (len(both[0]), len(both[1])) == (2, 0)


def test_finish_hashes_the_released_text() -> None:
    table = finished(rows(("octo-org/a", "a.c", "C", b"secret")), ["<KEY> \u00e9"])
    assert table.schema == SHARD
    row = table.to_pylist()[0]
    assert row["blob_id"] == blob_digest(b"secret").hex()
    assert row["content_sha256"] == hashlib.sha256("<KEY> \u00e9".encode()).hexdigest()


@pytest.mark.parametrize("texts", [[b"\xff"], [None]])
def test_finish_of_a_text_that_is_not_utf8_or_missing_is_refused(texts: list[bytes]) -> None:
    with pytest.raises(CorruptWorkspace, match="UTF-8"):
        shards.finish(
            rows(("octo-org/a", "a.c", "C", b"x")),
            pa.array(texts, pa.binary()),
            pa.array([[]], shards.REDACTIONS),
        )


def test_write_reads_back_equal_with_index_and_bloom_filters() -> None:
    files = [("octo-org/a", f"{n:04}.c", "C", b"%d" % n) for n in range(300)]
    table = finished(rows(*files), [f"int x{n};\n" * n for n in range(300)])
    params = Params(row_group_rows_max=100)
    content = written([table], params)
    file = pq.ParquetFile(io.BytesIO(content))
    assert file.metadata.num_row_groups == 3
    assert file.schema_arrow.remove_metadata() == SHARD
    assert file.read().cast(SHARD) == table
    column = file.metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.has_offset_index
    assert column.has_column_index


def test_write_gives_the_same_bytes_for_any_chunking() -> None:
    files = [("octo-org/a", f"{n:04}.c", "C", b"%d" % n) for n in range(200)]
    table = finished(rows(*files), [f"int x{n};\n" * n for n in range(200)])
    params = Params(row_group_bytes_max=40_000, row_group_rows_max=50)
    once = written([table], params)
    assert written([table.slice(n, 1) for n in range(200)], params) == once
    assert written([table.slice(0, 77), table.slice(77, 0), table.slice(77)], params) == once


def test_write_leaves_a_row_above_the_bound_alone() -> None:
    table = finished(
        rows(*(("octo-org/a", f"{n}.c", "C", b"%d" % n) for n in range(5))),
        ["a", "b", "x" * 10_000, "c", "d"],
    )
    content = written([table], Params(row_group_bytes_max=5_000))
    metadata = pq.ParquetFile(io.BytesIO(content)).metadata
    assert [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)] == [2, 1, 2]


def test_write_of_no_rows_is_a_readable_file() -> None:
    content = written([], Params())
    assert pq.read_table(io.BytesIO(content)).num_rows == 0


def test_write_of_ids_has_no_content() -> None:
    table = finished(rows(("octo-org/a", "a.c", "C", b"x")), ["x"])
    content = written([table], Params(), "ids")
    assert "content" not in pq.read_schema(io.BytesIO(content)).names


def test_write_without_one_row_keeps_most_bytes() -> None:
    """What a takedown changes in a shard is small for storage that deduplicates chunks."""
    random = np.random.default_rng(7)
    words = np.array([f"word{n}" for n in range(5000)])
    texts = [" ".join(random.choice(words, 700)) for _ in range(1000)]
    files = [("octo-org/a", f"{n:04}.c", "C", b"%d" % n) for n in range(1000)]
    table = finished(rows(*files), texts)
    params = Params(row_group_bytes_max=2**20)
    before = written([table], params)
    after = written([pa.concat_tables([table.slice(0, 3), table.slice(4)])], params)
    blocks = range(0, len(after) - 1024, 1024)
    found = sum(after[at : at + 1024] in before for at in blocks)
    assert found / len(blocks) > 0.5
