from __future__ import annotations

import dataclasses
import io
import json
import re
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard

from stackyard.errors import CorruptWorkspace, UsageError
from stackyard.params import plain
from stackyard.release import (
    attribution,
    card,
    changelog,
    citation,
    croissant,
    diff,
    removals,
    report,
    semver,
    shards,
    wording,
)
from stackyard.release.manifest import Manifest
from stackyard.release.params import Params
from stackyard.release.totals import Tally, tally

from .conftest import Build, Release, Source

A = Source("octo-org/a", "a.py", "print(1)\n", redactions=(("email", 2),))
B = Source("octo-org/b", "b.py", "print(2)\n")
C = Source("a-org/c", "c.cc", "int x;\n", "C++", "Apache-2.0")
N = Source("a-org/n", "n.cs", "class N;\n", "C#", None, "no_license")
EVERY = Params(editions=("permissive", "no_license", "ids"), config_rows_min=1)


def test_card_is_one_that_the_hub_reads(build: Build) -> None:
    text = card.render(build([A, B, C]).manifest)
    data = DatasetCard(text).data
    assert data["license"] == "other"
    assert data["size_categories"] == ["n<1K"]
    assert [(c["config_name"], c.get("default", False)) for c in data["configs"]] == [
        ("permissive", True),
        ("C++", False),
        ("Python", False),
    ]


def test_card_has_a_config_for_each_edition_and_language(build: Build) -> None:
    front = card.front_matter(build([A, C, N], params=EVERY).manifest)
    assert [config["config_name"] for config in front["configs"]] == [
        "permissive",
        "ids",
        "no_license",
        "C++",
        "Python",
        "ids.C~sharp",
        "ids.C++",
        "ids.Python",
        "no_license.C~sharp",
    ]
    sizes = {
        info["config_name"]: info["splits"][0]["num_examples"] for info in front["dataset_info"]
    }
    assert (sizes["permissive"], sizes["ids"], sizes["no_license"]) == (2, 3, 1)


def test_card_puts_languages_of_few_rows_into_one_config(build: Build) -> None:
    more = [dataclasses.replace(A, path=f"{n}.py", text=f"print({n})\n") for n in range(2, 4)]
    params = Params(editions=("permissive", "ids"), bucket_ranges=4, config_rows_min=3)
    vim = Source("a-org/v", "v.vim", "set x\n", "Vim Script")
    manifest = build([A, *more, C, vim], params=params).manifest
    front = card.front_matter(manifest)
    assert [config["config_name"] for config in front["configs"]] == [
        "permissive", "ids", "Python", "other", "ids.Python", "ids.other",
    ]  # fmt: skip
    assert front["configs"][3]["data_files"][0]["path"] == [
        "data/permissive/C++/*.parquet",
        "data/permissive/Vim_Script/*.parquet",
    ]
    rows = {
        each["config_name"]: each["splits"][0]["num_examples"] for each in front["dataset_info"]
    }
    assert (rows["other"], rows["Python"], rows["permissive"]) == (2, 3, 5)


@pytest.mark.parametrize(
    ("dates", "newest"),
    [
        (["2024-05-01T23:59:59+00:00", None, "2023-01-01T00:00:00+00:00"], "2024-05-01"),
        ([None], ""),
        (["1969-12-31T00:00:00+00:00"], ""),
        ([], ""),
    ],
)
def test_newest_revision_is_the_date_of_publication(dates: list[str | None], newest: str) -> None:
    values = [None if each is None else datetime.fromisoformat(each) for each in dates]
    rows = pa.table(
        {
            "content": pa.array(["x"] * len(values), pa.string()),
            "language": pa.array(["C"] * len(values), pa.string()),
            "license_expression": pa.array(["MIT"] * len(values), pa.string()),
            "redactions": pa.array([[]] * len(values), shards.REDACTIONS),
            "revision_date": pa.array(values, pa.timestamp("us", tz="UTC")),
        }
    )
    counted = tally(rows)
    assert counted.revision_date_max == newest
    assert (counted + Tally()).revision_date_max == newest


def test_croissant_has_a_date_of_publication_if_a_revision_has_one(build: Build) -> None:
    manifest = build([A]).manifest
    assert "datePublished" not in json.loads(croissant.render(manifest))
    assert "revision_date_max" not in json.loads(manifest.serialise())["totals"]
    totals = dataclasses.replace(manifest.totals, revision_date_max="2024-05-01")
    dated = dataclasses.replace(manifest, totals=totals)
    assert json.loads(croissant.render(dated))["datePublished"] == "2024-05-01"
    assert Manifest.parse(dated.serialise()) == dated


def test_card_has_only_numbers_of_the_manifest(build: Build) -> None:
    release = build([A, B, C], dropped=[dataclasses.replace(A, path="x.py")])
    text = release.tree["README.md"].decode()
    assert "3 source files with 25 B of text in 2 languages, of 4 files seen (34 B)." in text
    assert "| `filter/license` | 1 |" in text
    assert "| `email` | 2 |" in text
    assert release.manifest.registry.root in text


def test_card_of_the_final_manifest_is_the_same(build: Build) -> None:
    release = build([A, B, C])
    assert card.render(release.manifest).encode() == release.tree["README.md"]


def test_card_of_hostile_names_stays_a_table(build: Build) -> None:
    release = build([dataclasses.replace(A, license_expression="MIT | <script>\n# x")])
    body = card.render(release.manifest)
    assert "\n# x" not in body
    assert "MIT \\| <script>" in body
    yaml.safe_load(body.split("---\n")[1])


def test_card_of_an_empty_release_is_readable(build: Build) -> None:
    assert DatasetCard(card.render(build([]).manifest)).data["configs"] == []


def test_changelog_grows_on_top_and_keeps_what_it_said(build: Build) -> None:
    first = build([A, B])
    second = build([A, B, C], last=first)
    third = build([A, C], last=second, registry_size=1)
    text = third.tree["CHANGELOG.md"].decode()
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["0.2.1", "0.2.0", "0.1.0"]
    assert text.endswith(first.tree["CHANGELOG.md"].decode().split("\n## ", 1)[1])
    assert "- 1 row of new files: 1 `C++`." in text
    assert "- 1 row: their contents are no longer in the dataset." in text
    assert "A patch version after 0.2.0: 1 row removed." in text


def test_changelog_of_a_removal_names_nobody(build: Build) -> None:
    release = build([A], last=build([A, B]), registry_size=1)
    assert "octo-org/b" not in release.tree["CHANGELOG.md"].decode()
    assert b"octo-org/b" not in release.tree["removals.jsonl"]


@pytest.mark.parametrize("previous", ["", "no entry", "\n## 0.1.0\n"])
def test_changelog_on_a_damaged_one_is_refused(build: Build, previous: str) -> None:
    release = build([A])
    rows = diff.rows(diff.empty_rows(), diff.empty_rows())
    with pytest.raises(CorruptWorkspace):
        changelog.render(previous, release.manifest, release.step, rows)


def test_changelog_has_notes_by_hand_in_the_entry_of_their_version(build: Build) -> None:
    first = build([A])
    second = build([A, B], last=first)
    before = first.tree["CHANGELOG.md"].decode()
    rows = diff.rows(diff.empty_rows(), diff.empty_rows())
    notes = "### Why\n\nThe maintainers of b asked for it.\n"
    text = changelog.render(before, second.manifest, second.step, rows, notes)
    entry = text.partition("## 0.2.0\n")[2].partition("## 0.1.0\n")[0]
    assert "### Why\n\nThe maintainers of b asked for it.\n" in entry
    assert "The maintainers" not in text.partition("## 0.1.0\n")[2]
    for heading in ("## 0.3.0", "# Notes", "Notes\n====="):
        with pytest.raises(UsageError, match="heading"):
            changelog.render(before, second.manifest, second.step, rows, heading)


def test_removals_list_what_left_moved_and_came_back(build: Build) -> None:
    copy = dataclasses.replace(A, repo_name="z-org/copy")
    first = build([A, B])
    second = build([copy], last=first, registry_size=2)
    third = build([copy, B], last=second, registry_size=3)
    fourth = build([copy, B, C], last=third, registry_size=3)
    text = fourth.tree["removals.jsonl"]
    assert [(line.version, line.change) for line in removals.parse(text)] == [
        (second.manifest.version, "removed" if b_first(text) else "moved"),
        (second.manifest.version, "moved" if b_first(text) else "removed"),
        (third.manifest.version, "restored"),
    ]
    assert len(removals.gone(second.tree["removals.jsonl"])) == 1
    assert removals.gone(text) == frozenset()
    assert text == third.tree["removals.jsonl"]


def b_first(text: bytes) -> bool:
    return next(removals.parse(text)).change == "removed"


@pytest.mark.parametrize(
    "text",
    [b"x", b"{}\n", b"[]\n", b'{"change":"removed"}\n', b"\xff\n", b'{"change": "removed"}\n'],
)
def test_removals_of_a_damaged_file_are_refused(text: bytes) -> None:
    with pytest.raises(CorruptWorkspace):
        list(removals.parse(text))


def test_croissant_lists_every_shard_with_its_hash(build: Build) -> None:
    release = build([A, B, C, N], params=EVERY)
    document = json.loads(release.tree["croissant.json"])
    assert document["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    objects = {o["@id"]: o["sha256"] for o in document["distribution"] if "sha256" in o}
    assert objects == {file.path: file.sha256 for file in release.manifest.shards}
    fields = {r["@id"]: [f["name"] for f in r["field"]] for r in document["recordSet"]}
    assert sorted(fields) == ["ids", "no_license", "permissive"]
    for edition, names in fields.items():
        path = next(f.path for f in release.manifest.shards if f.path.startswith(f"data/{edition}"))
        assert names == pq.read_schema(io.BytesIO(release.tree[path])).names
    assert croissant.render(release.manifest) == release.tree["croissant.json"]


def test_citation_names_the_version_and_no_date(build: Build) -> None:
    document = yaml.safe_load(citation.render(build([A]).manifest))
    assert document["cff-version"] == "1.2.0"
    assert document["version"] == "0.1.0"
    assert document["authors"] == [{"name": "octo-org"}]
    assert not any("date" in key for key in document)


def notices(*rows: tuple[str, str, str | None, list[str]]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "repo_name": repo,
                "origin": f"https://example.org/{repo}",
                "path": path,
                "text": text,
                "copyrights": lines,
            }
            for repo, path, text, lines in rows
        ],
        attribution.NOTICES,
    )


def test_attribution_gives_a_text_once_and_names_only_released_origins() -> None:
    table = notices(
        ("octo-org/b", "LICENSE", "MIT text\r\nline\r\n", []),
        ("octo-org/a", "LICENSE", "MIT text\nline", ["Copyright  2020 Octo\n"]),
        ("octo-org/a", "src/a.c", None, ["Copyright 2019 Octo"]),
        ("octo-org/gone", "LICENSE", "other", []),
    )
    released = pa.table({"repo_name": ["octo-org/a", "octo-org/b", "octo-org/a"]})
    files = attribution.render(table, released, Params(bucket_ranges=4))
    assert list(files) == ["ATTRIBUTION/00-3f.txt"]
    text = files["ATTRIBUTION/00-3f.txt"].decode()
    assert text.count("MIT text") == 1
    assert text.index("octo-org/a") < text.index("octo-org/b")
    assert "gone" not in text
    assert "other" not in text
    assert "  Copyright 2019 Octo\n  Copyright 2020 Octo\n  [1] LICENSE" in text
    shuffled = attribution.render(table.take([3, 2, 1, 0]), released, Params(bucket_ranges=4))
    assert shuffled == files


def test_attribution_keeps_each_owner_in_the_file_of_its_shards() -> None:
    names = [f"owner{n}/r" for n in range(20)]
    table = notices(*((name, "LICENSE", name, []) for name in names))
    released = pa.table({"repo_name": names})
    before = attribution.render(table, released, Params(bucket_ranges=16))
    after = attribution.render(table, released.slice(1), Params(bucket_ranges=16))
    changed = {path for path in before if before[path] != after.get(path)}
    assert len(changed) == 1


def test_report_shows_every_total(build: Build) -> None:
    first = build([A, B, C], dropped=[dataclasses.replace(A, path="x.py")])
    run = report.report(first.manifest, None, first.step)
    text = report.text(run)
    for part in (
        "octo-org/sample 0.1.0 (minor: it is the first release)",
        "- filter/license",
        "Apache-2.0",
        "shards written",
        "email",
    ):
        assert part in text
    assert json.loads(json.dumps(plain(run)))["totals"]["files_seen"] == 4
    assert report.markdown(run).startswith("# octo-org/sample 0.1.0\n")


def test_report_counts_shards_that_did_not_change(build: Build) -> None:
    first = build([A, B, C])
    second = build([A, B, C, dataclasses.replace(C, path="d.cc", text="int y;\n")], last=first)
    run = report.report(second.manifest, first.manifest, second.step)
    assert (run.shards_written, run.shards_unchanged) == (1, 1)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (2**53 - 1, "8.0 PiB")],
)
def test_size_reads_as_people_write_it(count: int, text: str) -> None:
    assert wording.size(count) == text


def test_report_of_many_languages_is_cut_with_a_count(build: Build) -> None:
    many = [Source("octo-org/a", f"{n}.x", f"text {n}\n", f"L{n:02}") for n in range(20)]
    release = build(many)
    text = report.text(report.report(release.manifest, None, semver.Step("minor", ("x",))))
    assert "and 8 more" in text
    assert text.count("\n  L") == 12


def test_totals_of_one_edition_do_not_count_ids_twice(build: Build) -> None:
    release = build([A, C, N], params=EVERY)
    totals = release.manifest.totals
    assert totals.files_kept == 3
    assert sum(share.rows for share in totals.languages) == 3
    assert [share.name for share in totals.licenses] == ["Apache-2.0", "MIT", "NONE"]
    assert totals.content_bytes == len(A.text + C.text + N.text)


def test_rows_that_others_offer_too_are_no_change(build: Build) -> None:
    release: Release = build([A, B])
    table = release.rows
    again = diff.rows(table, table.take(pa.array([1, 0])))
    assert again.is_empty
