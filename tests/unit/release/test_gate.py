from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stackyard.errors import GateRefused
from stackyard.params import plain
from stackyard.release import diff, gate
from stackyard.release.params import Params

from .conftest import Build, Release, Source, rewrite

FILES = (
    Source("octo-org/a", "a.py", "print(1)\n"),
    Source("octo-org/a", "b.py", "print('<EMAIL> <EMAIL>')\n", redactions=(("email", 2),)),
    Source("octo-org/a", "c.cc", "int x;\n", "C++", "Apache-2.0"),
)
DROPPED = (Source("octo-org/a", "gpl.py", "print(3)\n"),)
PYTHON = "data/permissive/Python/00-3f.parquet"


def test_gate_of_a_sound_release_holds(build: Build) -> None:
    release = build(FILES, dropped=DROPPED)
    checks = release.checks()
    assert [str(one) for one in checks if not one.holds] == []
    assert sorted({one.law for one in checks}) == [1, 2, 3, 5, 6, 7, 8, 9]
    gate.require(checks)


def test_gate_of_all_editions_holds(build: Build) -> None:
    release = build(
        [*FILES, Source("octo-org/b", "n.py", "pass\n", "Python", None, "no_license")],
        params=Params(editions=("permissive", "no_license", "ids"), bucket_ranges=16),
    )
    assert release.broken() == []
    assert {file.shard.edition for file in release.manifest.shards if file.shard} == {
        "ids",
        "no_license",
        "permissive",
    }


def test_gate_of_an_empty_release_holds(build: Build) -> None:
    assert build([], dropped=DROPPED).broken() == []


def test_gate_refuses_with_all_that_is_broken(build: Build) -> None:
    release = build(FILES)
    release.tree["README.md"] += b" "
    release.tree[PYTHON] = release.tree[PYTHON][:-1] + b"\0"
    with pytest.raises(GateRefused) as refused:
        gate.require(release.checks())
    assert refused.value.exit_code == 1
    for part in (PYTHON, "README.md", "hashes match", "read-back"):
        assert part in str(refused.value)


@pytest.mark.parametrize("path", ["README.md", PYTHON, "registry/log.jsonl", "CHANGELOG.md"])
def test_gate_after_any_file_is_changed_added_or_lost_refuses(build: Build, path: str) -> None:
    release = build(FILES, registry_size=2)
    content = release.tree[path]
    release.tree[path] = bytes([content[0] ^ 1]) + content[1:]
    assert (2, "hashes match") in release.broken()
    release.tree[path] = content
    release.tree["registry/extra"] = b""
    assert release.broken() == [(2, "files are those listed")]
    del release.tree["registry/extra"]
    del release.tree[path]
    assert (2, "files are those listed") in release.broken()


def test_gate_of_a_manifest_that_is_not_canonical_refuses(build: Build) -> None:
    release = build(FILES)
    release.tree["manifest.json"] += b"\n"
    assert release.broken() == [(2, "manifest")]


def test_gate_of_a_card_that_its_manifest_does_not_make_refuses(build: Build) -> None:
    release = build(FILES)
    card = release.tree["README.md"].replace(b"3 source files", b"4 source files")
    assert card != release.tree["README.md"]
    release = _replaced(release, "README.md", card)
    assert release.broken() == [(2, "documents are generated")]


@pytest.mark.parametrize(
    ("evidence", "broken"),
    [
        ({"listing": None}, (1, "conservation")),
        ({"rows": None}, (1, "conservation")),
        ({"optouts": None}, (3, "opt-outs")),
        ({"optouts": pa.table({"repo_name": ["octo-org/a"]})}, (3, "opt-outs")),
        ({"near_duplicates": None}, (5, "near-duplicates")),
        ({"near_duplicates": pa.table({"one": ["a"], "two": ["b"]})}, (5, "near-duplicates")),
        ({"leaks": {}}, (6, "two scanners")),
        ({"known": None}, (6, "known values")),
        ({"known": pa.table({"entity": ["jwt"], "name": ["a.py"]})}, (6, "known values")),
        ({"leaks": {"own": pa.table({"path": pa.array([], pa.string())})}}, (6, "two scanners")),
    ],
)
def test_gate_with_missing_or_bad_evidence_refuses(
    build: Build, evidence: dict[str, object], broken: tuple[int, str]
) -> None:
    release = build(FILES)
    release.evidence = dataclasses.replace(release.evidence, **evidence)  # type: ignore[arg-type]
    assert release.broken() == [broken]


def test_gate_with_a_finding_of_the_second_scanner_refuses(build: Build) -> None:
    release = build(FILES)
    leaks = {**release.evidence.leaks, "second": pa.table({"path": ["a.py"], "rule": ["aws"]})}
    release.evidence = dataclasses.replace(release.evidence, leaks=leaks)
    assert release.broken() == [(6, "scan by second")]


def test_gate_with_a_file_decided_twice_or_never_refuses(build: Build) -> None:
    release = build(FILES, dropped=DROPPED)
    twice = (*release.evidence.decisions, release.evidence.decisions[0])
    one = dataclasses.replace(release.evidence, decisions=twice)
    never = dataclasses.replace(release.evidence, decisions=())
    release.evidence = one
    assert release.broken() == [
        (1, "one decision a file"),
        (1, "totals balance"),
        (1, "decisions are published"),
    ]
    release.evidence = never
    assert release.broken() == [
        (1, "decisions match the listing"),
        (1, "totals balance"),
        (1, "decisions are published"),
    ]


def test_gate_with_a_published_decision_on_what_was_opted_out_refuses(build: Build) -> None:
    release = build(FILES, dropped=DROPPED)
    table = release.evidence.decisions[0]
    optout = table.set_column(4, "stage", pa.array(["optout"] * len(table)))
    decisions = (optout.cast(table.schema), release.evidence.decisions[1])
    release.evidence = dataclasses.replace(release.evidence, decisions=decisions)
    assert (1, "decisions are published") in release.broken()


def test_gate_with_a_content_that_is_listed_as_removed_refuses(build: Build) -> None:
    release = build(FILES[1:], last=build(FILES))
    assert release.broken() == []
    line = release.tree["removals.jsonl"].replace(
        hashlib.sha256(FILES[0].text.encode()).hexdigest().encode(),
        hashlib.sha256(FILES[1].text.encode()).hexdigest().encode(),
    )
    assert line != release.tree["removals.jsonl"]
    assert (3, "removals") in _replaced(release, "removals.jsonl", line).broken()
    assert (3, "removals") in _replaced(release, "removals.jsonl", b"x").broken()


def _duplicate(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table, table.slice(len(table) - 1)])


def _set(name: str, value: object) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        field = table.schema.field(name)
        column = pa.array([value] * len(table), field.type)
        return table.set_column(table.schema.get_field_index(name), field, column)

    return change


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (
            _duplicate,
            {(5, "repo_name and path unique in an edition"), (5, "content unique in an edition")},
        ),
        (_set("content", "x"), {(9, "read-back"), (5, "content unique in an edition")}),
        (_set("content_sha256", "0" * 64), {(9, "read-back")}),
        (_set("language", "Ruby"), {(9, "read-back")}),
        (_set("repo_name", "other/x"), {(9, "read-back")}),
        (_set("license_type", "no_license"), {(7, "licence evidence")}),
        (_set("license_evidence", []), {(7, "licence evidence")}),
        (_set("license_expression", None), {(7, "licence evidence")}),
        (lambda table: table.take(list(range(len(table)))[::-1]), {(9, "read-back")}),
    ],
)
def test_gate_of_a_shard_with_wrong_rows_refuses(
    build: Build, change: Callable[[pa.Table], pa.Table], broken: set[tuple[int, str]]
) -> None:
    release = rewrite(build(FILES), PYTHON, change)
    assert broken <= set(release.broken())


@pytest.mark.parametrize("bound", [{"row_group_bytes_max": 100}, {"row_group_rows_max": 1}])
def test_gate_of_row_groups_above_the_bound_refuses(build: Build, bound: dict[str, int]) -> None:
    named = Params(bucket_ranges=4, **bound)  # type: ignore[arg-type]
    release = build(FILES, settings={"release": plain(named)})
    assert release.broken() == [(2, "parameters"), (9, "read-back")]
    release.params = named
    assert release.broken() == [(9, "read-back")]


def test_gate_of_kept_files_that_no_shard_has_refuses(build: Build) -> None:
    release = build(FILES)
    rows = release.evidence.rows
    assert rows is not None
    other = rows.set_column(
        rows.schema.get_field_index("path"), "path", pa.array(["a.py", "b.py", "x.cc"])
    )
    release.evidence = dataclasses.replace(release.evidence, rows=other)
    assert (1, "kept files are in the shards") in release.broken()


def test_gate_of_a_shard_without_rows_refuses(build: Build) -> None:
    release = rewrite(build(FILES), PYTHON, lambda table: table.slice(0, 0))
    assert (9, "read-back") in release.broken()


def test_gate_of_ids_with_a_hash_twice_refuses(build: Build) -> None:
    release = build(FILES, params=Params(editions=("permissive", "ids"), bucket_ranges=4))
    path = "data/ids/Python/00-3f.parquet"
    sha256 = "0" * 64
    twice = rewrite(release, path, _set("content_sha256", sha256))
    assert (5, "content unique in an edition") in twice.broken()
    assert (9, "identifiers") in rewrite(release, path, _set("content_sha256", "x")).broken()


def test_gate_of_a_shard_with_other_columns_refuses(build: Build) -> None:
    release = build(FILES)
    table = pq.read_table(io.BytesIO(release.tree[PYTHON])).drop_columns(["redactions"])
    sink = io.BytesIO()
    pq.write_table(table, sink)
    release = _replaced(release, PYTHON, sink.getvalue())
    assert (9, "read-back") in release.broken()


def test_gate_of_totals_that_differ_from_the_shards_refuses(build: Build) -> None:
    release = build(FILES)
    totals = dataclasses.replace(release.manifest.totals, redactions=())
    manifest = dataclasses.replace(release.manifest, totals=totals)
    release.tree["manifest.json"] = manifest.serialise()
    assert (1, "totals match the shards") in release.broken()


def test_gate_of_a_version_that_does_not_go_up_refuses(build: Build) -> None:
    release = build(FILES, last=build(FILES[:1]))
    manifest = dataclasses.replace(release.manifest, version="0.0.9")
    release.tree["manifest.json"] = manifest.serialise()
    assert (8, "version order") in release.broken()


def test_gate_evidence_shows_no_text_of_a_file(build: Build) -> None:
    secret = "password = 'hunter2hunter2'\n"
    release = build([*FILES, Source("octo-org/a", "s.py", secret)])
    release = rewrite(release, PYTHON, _set("content_sha256", "0" * 64))
    assert "hunter2" not in "".join(str(one) for one in release.checks())


def test_gate_finds_repeated_content_across_shards(build: Build) -> None:
    release = build([*FILES, Source("a-org/x", "z.cc", "print(1) \n", "C++")])
    assert release.broken() == []
    moved = rewrite(release, _path(release, "C++", "z.cc"), _same_as(release))
    assert (5, "content unique in an edition") in moved.broken()


def test_gate_passes_a_takedown_whose_shards_are_those_of_a_build_without(build: Build) -> None:
    """Law 3, as far as this room can break it."""
    gone = Source("a-org/z", "z.py", "print(99)\n")
    first = build([*FILES, gone])
    after = build(FILES, last=first, registry_size=1)
    never = build(FILES)
    assert after.broken() == []
    assert {file.path: file.sha256 for file in after.manifest.shards} == {
        file.path: file.sha256 for file in never.manifest.shards
    }
    unchanged = set(diff.files(first.manifest, after.manifest).unchanged)
    assert {file.path for file in never.manifest.shards} <= unchanged


def _path(release: Release, language: str, path: str) -> str:
    return next(
        file.path
        for file in release.manifest.shards
        if file.shard
        and file.shard.language == language
        and path in pq.read_table(io.BytesIO(release.tree[file.path]))["path"].to_pylist()
    )


def _same_as(release: Release) -> Callable[[pa.Table], pa.Table]:
    python = pq.read_table(io.BytesIO(release.tree[PYTHON]))
    row = python.filter(pc.equal(python["path"], "a.py")).to_pylist()[0]

    def change(table: pa.Table) -> pa.Table:
        for name in ("content", "content_sha256"):
            table = _set(name, row[name])(table)
        return table

    return change


def _replaced(release: Release, path: str, content: bytes) -> Release:
    """The release with other bytes of a file, and a manifest that lists them."""
    files = tuple(
        dataclasses.replace(
            file, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content)
        )
        if file.path == path
        else file
        for file in release.manifest.files
    )
    manifest = dataclasses.replace(release.manifest, files=files)
    tree = release.tree | {path: content, "manifest.json": manifest.serialise()}
    return dataclasses.replace(release, manifest=manifest, tree=tree)


def test_gate_of_a_content_that_is_not_utf8_refuses(build: Build) -> None:
    release = build(FILES)
    field = pq.read_schema(io.BytesIO(release.tree[PYTHON])).field("content")

    def change(table: pa.Table) -> pa.Table:
        raw = pa.array([b"\xff" + text.encode() for text in table["content"].to_pylist()])
        text = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
        table = table.set_column(table.schema.get_field_index("content"), field, text)
        sums = [hashlib.sha256(value).hexdigest() for value in raw.to_pylist()]
        at = table.schema.get_field_index("content_sha256")
        return table.set_column(at, table.schema.field(at), pa.array(sums))

    broken = rewrite(release, PYTHON, change)
    assert (9, "read-back") in broken.broken()
    assert "UTF8" in str(next(one for one in broken.checks() if one.name == "read-back"))
