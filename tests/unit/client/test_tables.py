"""Query, diff and explain: over a Hub by ranges and over a copy, with equal answers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stackyard.client.compare import compare
from stackyard.client.explain import explain
from stackyard.client.licenses import admits, fold
from stackyard.client.opened import Opened, newest, open_folder, open_version
from stackyard.client.pull import pull
from stackyard.client.query import (
    Format,
    Question,
    Writer,
    answer,
    columns_for,
    run_sql,
    schema_for,
)
from stackyard.client.trees import Target
from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.hub import EmbeddedHub
from stackyard.store.hub import HubDataset
from tests.unit.client.publisher import REPO, ROWS, Publisher, Row


@pytest.fixture(params=["hub", "folder"])
def opened(request: pytest.FixtureRequest, copy: Path, dataset: HubDataset) -> Opened:
    return open_version(dataset, "0.1.0") if request.param == "hub" else open_folder(copy)


def paths(opened: Opened, question: Question) -> list[str]:
    return [
        f"{row['repo_name']}/{row['path']}"
        for batch in answer(opened, question, ["repo_name", "path"])
        for row in batch.to_pylist()
    ]


@pytest.mark.parametrize(
    ("question", "keep"),
    [
        (Question(), lambda _row: True),
        (Question(languages=("c", "Shell")), lambda row: row.language in {"C", "Shell"}),
        (Question(licenses=("MIT",)), lambda row: row.license in {"MIT", "MIT OR GPL-3.0-only"}),
        (Question(repo="Mono-Inc/GAMMA"), lambda row: row.repo == "mono-inc/gamma"),
        (Question(repo="octo-org/none"), lambda _row: False),
        (Question(path="src/*.py"), lambda row: row.path.startswith("src/")),
        (Question(path="*.c"), lambda row: row.path.endswith(".c")),
        (Question(path="**/g.py"), lambda row: row.path == "lib/g.py"),
        (
            Question(pattern=r"needle|int\s+x"),
            lambda row: "needle" in row.text or "int x" in row.text,
        ),
        (
            Question(languages=("Python",), repo="octo-org/alpha", pattern="beta"),
            lambda row: row.path == "src/b.py",
        ),
    ],
)
def test_query_gives_the_rows_that_meet_all_conditions(
    opened: Opened, question: Question, keep: Callable[[Row], bool]
) -> None:
    wanted = {f"{row.repo}/{row.path}" for row in ROWS if keep(row)}
    found = paths(opened, question)
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_query_of_an_unknown_language_or_a_bad_pattern_is_wrong_use(copy: Path) -> None:
    opened = open_folder(copy)
    with pytest.raises(UsageError, match="C, Python, Shell"):
        paths(opened, Question(languages=("Cobol",)))
    with pytest.raises(UsageError, match="regular expression"):
        paths(opened, Question(pattern="("))


def test_query_of_one_repository_reads_the_shards_of_its_owners_bucket_alone(copy: Path) -> None:
    opened = open_folder(copy)
    wanted = {Path(file.path).name for file in opened.shards()}
    assert wanted == {"00-7f.parquet", "80-ff.parquet"}
    far = next(row.repo for row in ROWS if row.repo == "zeta/tool")
    for path in (copy / "data").rglob("*.parquet"):
        names = pq.read_table(path, columns=["repo_name"])["repo_name"].to_pylist()
        if far not in names and path.name != "80-ff.parquet":
            path.write_bytes(b"unreadable")
    if any(path.read_bytes() == b"unreadable" for path in (copy / "data").rglob("*.parquet")):
        assert paths(opened, Question(repo="zeta/tool", languages=("Shell",))) == [
            "zeta/tool/run.sh"
        ]


def written(opened: Opened, form: Format, question: Question) -> bytes:
    sink = io.BytesIO()
    writer = Writer(form, sink)
    columns = columns_for(form, opened.edition)
    for batch in answer(opened, question, columns):
        writer.write(batch)
    writer.close(schema_for(columns, opened.edition))
    return sink.getvalue()


def test_formats_hold_the_same_rows(copy: Path) -> None:
    opened = open_folder(copy)
    lines = written(opened, "json", Question()).splitlines()
    rows = [json.loads(line) for line in lines]
    assert {row["content"] for row in rows} == {row.text for row in ROWS}
    table = pq.read_table(io.BytesIO(written(opened, "parquet", Question())))
    assert table["path"].to_pylist() == [row["path"] for row in rows]
    plain = list(csv.DictReader(io.StringIO(written(opened, "csv", Question()).decode())))
    assert [row["path"] for row in plain] == table["path"].to_pylist()
    shown = written(opened, "table", Question()).decode().splitlines()
    assert shown[0].split() == [
        "repo_name", "path", "language", "license_expression", "length_bytes",
    ]  # fmt: skip
    assert len(shown) == 1 + len(ROWS)


def test_an_empty_answer_is_well_formed_in_every_format(copy: Path) -> None:
    opened = open_folder(copy)
    none = Question(repo="octo-org/none")
    assert written(opened, "json", none) == b""
    assert written(opened, "csv", none).startswith(b"blob_id,")
    assert pq.read_table(io.BytesIO(written(opened, "parquet", none))).num_rows == 0
    assert written(opened, "table", none) == b""


def test_a_hostile_file_name_cannot_steer_a_terminal() -> None:
    sink = io.BytesIO()
    row = {"path": "\x1b]0;owned\x07\nfake.py"}
    Writer("table", sink).write(pa.RecordBatch.from_pylist([row]))
    assert b"\x1b" not in sink.getvalue()
    assert sink.getvalue().count(b"\n") == 2


@pytest.mark.parametrize(("is_terminal", "escaped"), [(True, True), (False, False)])
def test_csv_on_a_terminal_can_do_no_more_than_be_read(*, is_terminal: bool, escaped: bool) -> None:
    sink = io.BytesIO()
    writer = Writer("csv", sink, is_terminal=is_terminal)
    writer.write(pa.RecordBatch.from_pylist([{"path": "\x1b[2J\u202e.py", "language": "C, 1"}]))
    assert (b"\x1b" in sink.getvalue()) is not escaped
    assert (b"\\x1b[2J\\u202e.py" in sink.getvalue()) is escaped
    assert b'"C, 1"' in sink.getvalue()


def test_sql_without_duckdb_says_how_to_get_it(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(EnvironmentFault, match="pip install"):
        run_sql(open_folder(copy), Question(), "select 1")


def test_sql_sees_the_rows_that_the_conditions_leave(opened: Opened) -> None:
    pytest.importorskip("duckdb")
    sql = "select language, count(*) as n from files group by all order by all"
    table = run_sql(opened, Question(languages=("C", "Python")), sql)
    assert table.to_pylist() == [{"language": "C", "n": 2}, {"language": "Python", "n": 3}]
    with pytest.raises(UsageError, match="query"):
        run_sql(opened, Question(), "selec")
    with pytest.raises(UsageError):
        run_sql(opened, Question(), "select * from read_csv('/etc/passwd')")


NEXT = (*ROWS[1:], Row("octo-org/alpha", "src/new.py", "new = 1\n"))


def test_diff_counts_rows_and_asks_for_the_step(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, dataset: HubDataset
) -> None:
    assert publisher.publish(hub, NEXT) == "0.2.0"
    new = open_version(dataset, "0.2.0")
    for old in (open_folder(copy), open_version(dataset, "0.1.0")):
        done = compare(old, new)
        assert done.step.bump == "minor"
        assert done.rows.counts() == {
            "added": 1, "readmitted": 0, "changed": 0, "rewritten": 0, "relabelled": 0, "removed": 1,
        }  # fmt: skip
        assert done.rows.removed["path"].to_pylist() == ["src/a.py"]
    same = compare(new, new)
    assert (same.step.bump, same.rows.is_empty) == ("none", True)


def test_diff_of_a_part_says_so(copy: Path, dataset: HubDataset, tmp_path: Path,
                                hub: EmbeddedHub, publisher: Publisher) -> None:  # fmt: skip
    del copy
    part = pull(dataset, "0.1.0", tmp_path / "part", languages=("C",)).folder
    publisher.publish(hub, NEXT)
    with pytest.raises(UsageError, match="copy of a part"):
        compare(open_folder(part), open_version(dataset, "0.2.0"))


def test_diff_of_releases_with_unrelated_logs_is_refused(
    copy: Path, publisher: Publisher, tmp_path: Path
) -> None:
    other = Publisher(tmp_path / "other", publisher.key)
    with pytest.raises(VerificationError):
        compare(open_folder(copy), open_folder(other.release()))


def test_explain_tells_of_kept_and_dropped_files(opened: Opened) -> None:
    (kept,) = explain(opened, "octo-org/alpha", "main.c")
    assert (kept.decision, kept.rule) == ("kept", "")
    assert json.loads(kept.evidence)["license_expression"] == "MIT"
    dropped = {each.path: each for each in explain(opened, "zeta/tool")}
    assert set(dropped) == {"run.sh", "gpl.c"}
    assert dropped["gpl.c"].rule == "filter/license"
    assert "GPL-3.0" in dropped["gpl.c"].evidence
    everything = explain(opened, "https://github.com/Octo-Org/Alpha.git")
    assert [each.path for each in everything] == ["main.c", "src/a.py", "src/b.py"]


def test_explain_has_no_word_about_what_was_never_seen(opened: Opened) -> None:
    assert explain(opened, "octo-org/none") == []
    assert explain(opened, "octo-org/alpha", "none.py") == []


def test_newest_is_by_version(copy: Path, dataset: HubDataset, hub: EmbeddedHub,
                              publisher: Publisher) -> None:  # fmt: skip
    del copy
    assert newest(dataset) == "0.1.0"
    publisher.publish(hub, NEXT)
    assert newest(dataset) == "0.2.0"


@pytest.mark.parametrize(
    ("expression", "allowed", "holds"),
    [
        ("MIT", ("mit",), True),
        ("MIT", ("Apache-2.0",), False),
        ("MIT OR GPL-3.0-only", ("MIT",), True),
        ("MIT AND GPL-3.0-only", ("MIT",), False),
        ("MIT AND (Apache-2.0 OR GPL-3.0-only)", ("MIT", "Apache-2.0"), True),
        ("(MIT OR ISC) AND BSD-3-Clause", ("ISC", "BSD-3-Clause"), True),
        ("MIT OR ISC AND BSD-3-Clause", ("ISC",), False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ("GPL-2.0-only",), True),
        ("GPL-2.0-only WITH Classpath-exception-2.0",
         ("gpl-2.0-only with classpath-exception-2.0",), True),
        ("GPL-2.0-only", ("GPL-2.0-only WITH Classpath-exception-2.0",), False),
        ("LicenseRef-scancode-unknown", ("MIT",), False),
        ("MIT OR", ("MIT",), False),
        ("(MIT", ("MIT",), False),
        ("MIT MIT", ("MIT",), False),
        ("MIT; rm", ("MIT",), False),
        ("", ("MIT",), False),
        (None, ("MIT",), False),
    ],
)  # fmt: skip
def test_a_licence_expression_is_admitted_by_any_or_and_all_and(
    expression: str | None, allowed: tuple[str, ...], *, holds: bool
) -> None:
    assert admits(expression, fold(allowed)) is holds


@pytest.mark.parametrize("name", ["", "MIT OR ISC", "MIT,ISC", "(MIT)", "AND"])
def test_what_is_no_licence_id_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="SPDX"):
        fold((name,))


@pytest.mark.parametrize(
    "text", ["yard", "yard@0.1.0", "octo-org/yard", "octo-org/yard@", "a/b/c@1"]
)
def test_what_names_no_release_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="NAME@VERSION"):
        Target.parse(text)


def test_a_version_may_be_written_like_its_tag() -> None:
    assert Target.parse(f"{REPO}@v0.1.0") == Target(f"{REPO}@v0.1.0", repo=REPO, version="0.1.0")
