"""The quality report: what it plants, and that it would show a bad deduplicator."""

from __future__ import annotations

import json
from dataclasses import replace

from click.testing import CliRunner

from stackyard.cli.bench import bench
from stackyard.dedup import Params
from stackyard.dedup.quality import EDITS, measure, plant
from stackyard.dedup.shingle import similarity


def test_plant_of_one_seed_is_the_same_twice_and_of_another_is_not() -> None:
    assert plant(20, 3) == plant(20, 3)
    assert plant(20, 3) != plant(20, 4)


def test_plant_spreads_similarities_from_a_half_to_one_for_every_kind_of_edit() -> None:
    planted = plant(150, 1)
    for kind in set(EDITS) - {"reformatted"}:
        found = [
            similarity(left, right)
            for left, right, edit in zip(planted.lefts, planted.rights, planted.edits, strict=True)
            if edit == kind
        ]
        assert 0.4 < min(found) < 0.65
        assert 0.85 < max(found) <= 1


def test_plant_reformatted_texts_have_the_same_shingles() -> None:
    planted = plant(20, 1)
    rows = zip(planted.lefts, planted.rights, planted.edits, strict=True)
    pairs = [(left, right) for left, right, edit in rows if edit == "reformatted"]
    assert all(left != right and similarity(left, right) == 1 for left, right in pairs)


def test_measure_finds_all_above_the_threshold_and_none_below() -> None:
    found = measure(plant(400, 1), Params())
    for row in found.by_similarity.to_pylist():
        if row["similarity_below"] <= 0.7:
            assert row["dropped"] == 0
        else:
            assert (row["recall"], row["precision"]) == (1, 1)


def test_measure_with_the_bands_of_the_stack_shows_what_they_miss() -> None:
    params = replace(Params(), band_count=25, band_rows=10)
    found = measure(plant(600, 1), params).by_similarity.to_pylist()
    (row,) = [row for row in found if row["similarity_from"] == 0.7]
    assert row["recall"] < 0.95
    assert abs(row["candidate_found"] - row["candidate_theory"]) < 0.2


def test_bench_dedup_for_machines_is_json() -> None:
    done = CliRunner().invoke(bench, ["dedup", "--pairs", "40", "--json"], catch_exceptions=False)
    report = json.loads(done.output)
    assert sum(row["pairs"] for row in report["by_edit"]) == 40


def test_bench_dedup_for_people_is_two_tables() -> None:
    done = CliRunner().invoke(bench, ["dedup", "--pairs", "40"], catch_exceptions=False)
    assert done.output.split()[:3] == ["similarity_from", "similarity_below", "pairs"]
    assert "moved blocks" in done.output
