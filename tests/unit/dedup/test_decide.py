"""Who stays, who goes, and what the decision says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stackyard.dedup import Deduped, Params, bands, clusters, decide, shingle, signature
from stackyard.dedup.shingle import similarity
from stackyard.errors import CorruptWorkspace, EnvironmentFault
from stackyard.params import canonical_json
from stackyard.record import CLUSTERS, DECISIONS


def kept(done: Deduped) -> list[tuple[str, str]]:
    return list(zip(*(done.files[name].to_pylist() for name in ("repo_name", "path")), strict=True))


def gone(done: Deduped) -> dict[tuple[str, str, str], tuple[str, dict[str, Any]]]:
    return {
        (row["repo_name"], row["revision_id"], row["path"]): (
            row["rule"],
            json.loads(row["evidence"]),
        )
        for row in done.decisions.to_pylist()
    }


def test_decide_of_no_files_gives_empty_tables(world: Any) -> None:
    done = world([]).decide()
    assert done.files.equals(CLUSTERS.empty_table())
    assert done.decisions.equals(DECISIONS.empty_table())


def test_decide_of_equal_bytes_keeps_one_and_names_it(world: Any, file: Any, words: Any) -> None:
    text = words(0, 50)
    done = world([file("octo-org/b", "x.py", text), file("octo-org/a", "y.py", text)]).decide()
    assert kept(done) == [("octo-org/a", "y.py")]
    assert done.files["cluster_size"].to_pylist() == [2]
    rule, evidence = gone(done)["octo-org/b", "r1", "x.py"]
    assert rule == "exact-duplicate"
    assert evidence["representative"] == {
        "repo_name": "octo-org/a",
        "path": "y.py",
        "blob_id": done.files["dedup_cluster"][0].as_py(),
    }
    assert evidence["similarity"] == 1
    assert done.decisions["stage"].to_pylist() == ["dedup"]


def test_decide_of_one_changed_word_in_a_hundred_is_a_near_duplicate(
    world: Any, file: Any, words: Any
) -> None:
    done = world(
        [
            file("octo-org/a", "a.py", words(0, 100)),
            file("octo-org/b", "b.py", words(0, 50, 900, 901, 51, 100)),
        ]
    ).decide()
    assert kept(done) == [("octo-org/a", "a.py")]
    rule, evidence = gone(done)["octo-org/b", "r1", "b.py"]
    assert rule == "near-duplicate"
    assert evidence["method"] in {"exact", "estimate"}
    assert 0.85 < evidence["similarity"] < 0.95  # 91 shingles of 101 are common: 0.901


def test_decide_near_the_threshold_compares_texts_exactly(
    world: Any, file: Any, words: Any
) -> None:
    done = world(
        [
            file("octo-org/a", "a.py", words(0, 104)),  # 100 shingles
            file("octo-org/b", "b.py", words(0, 88, 500, 516)),  # 84 of them, and 16 others
        ]
    ).decide()
    rule, evidence = gone(done)["octo-org/b", "r1", "b.py"]
    assert (rule, evidence["method"]) == ("near-duplicate", "exact")
    assert evidence["similarity"] == 0.7241  # 84 / 116


def test_decide_just_below_the_threshold_keeps_both(world: Any, file: Any, words: Any) -> None:
    done = world(
        [
            file("octo-org/a", "a.py", words(0, 104)),
            file("octo-org/b", "b.py", words(0, 86, 500, 518)),  # 82 of 118: 0.695
        ]
    ).decide()
    assert len(kept(done)) == 2


def test_decide_of_different_short_files_keeps_all(world: Any, file: Any) -> None:
    texts = [b"", b"a", b"b", b"a b c d", b"a b c e", b"()", b"[]"]
    done = world([file("octo-org/a", f"{i}.txt", text) for i, text in enumerate(texts)]).decide()
    assert len(kept(done)) == len(texts)


def test_decide_of_a_chain_drops_nobody_for_a_stranger(world: Any, file: Any, words: Any) -> None:
    files = [file("octo-org/a", f"{i:02}.txt", words(8 * i, 8 * i + 104)) for i in range(12)]
    done = world(files).decide()
    texts = {f.path: f.text for f in files}
    names = [path for _, path in kept(done)]
    assert 1 < len(names) < 12
    for i, one in enumerate(names):
        assert all(similarity(texts[one], texts[other]) < 0.7 for other in names[i + 1 :])
    for (_, _, path), (_, evidence) in gone(done).items():
        assert similarity(texts[path], texts[evidence["representative"]["path"]]) >= 0.7


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"stars": 3}, {"stars": 2, "forks": 9, "date": 9}),
        ({"forks": 3}, {"forks": 2, "date": 9}),
        ({"date": 3}, {"date": 2}),
        ({"date": -5}, {"date": None}),
    ],
)
def test_decide_prefers_stars_then_forks_then_date(
    world: Any, file: Any, origin: Any, better: dict[str, int], worse: dict[str, int]
) -> None:
    text = b"one text for both"
    done = world(
        [file("octo-org/a", "x", text), file("octo-org/z", "x", text)],
        [origin("octo-org/a", **worse), origin("octo-org/z", **better)],
    ).decide()
    assert kept(done) == [("octo-org/z", "x")]


def test_decide_prefers_permissive_to_stars(world: Any, file: Any, origin: Any, words: Any) -> None:
    text = words(0, 30)
    done = world(
        [file("octo-org/a", "x", text, permissive=False), file("octo-org/z", "x", text)],
        [origin("octo-org/a", stars=100)],
    ).decide()
    assert kept(done) == [("octo-org/z", "x")]


def test_decide_of_two_revisions_keeps_the_newest_of_a_path(
    world: Any, file: Any, origin: Any, words: Any
) -> None:
    done = world(
        [
            file("octo-org/a", "x", words(0, 50), revision="old"),
            file("octo-org/a", "x", words(100, 150), revision="new"),
        ],
        [origin("octo-org/a", "old", date=1, stars=50), origin("octo-org/a", "new", date=2)],
    ).decide()
    assert done.files["revision_id"].to_pylist() == ["new"]
    rule, evidence = gone(done)["octo-org/a", "old", "x"]
    assert rule == "older-revision"
    assert evidence["representative"]["path"] == "x"
    assert evidence["similarity"] == 0


def test_decide_of_an_older_revision_that_nobody_resembles_is_no_representative(
    world: Any, file: Any, origin: Any, words: Any
) -> None:
    old, text = words(0, 100), words(0, 50, 900, 901, 51, 100)
    done = world(
        [
            file("octo-org/a", "x", old, revision="1"),
            file("octo-org/a", "x", words(200, 300), revision="2"),
            file("octo-org/b", "y", text),
        ],
        [origin("octo-org/a", "1", date=1, stars=9), origin("octo-org/a", "2", date=2, stars=9)],
    ).decide()
    assert kept(done) == [("octo-org/a", "x"), ("octo-org/b", "y")]
    assert done.files["revision_id"].to_pylist() == ["2", "r1"]
    rule, evidence = gone(done)["octo-org/a", "1", "x"]
    assert rule == "near-duplicate"
    assert evidence["representative"]["repo_name"] == "octo-org/b"


def test_decide_of_equal_dates_takes_the_greater_revision_as_current(
    world: Any, file: Any, words: Any
) -> None:
    files = [
        file("octo-org/a", "x", words(100 * i, 100 * i + 50), revision=f"r{i}") for i in (1, 2)
    ]
    assert world(files).decide().files["revision_id"].to_pylist() == ["r2"]


def test_decide_of_a_text_at_two_paths_of_one_revision_counts_both(
    world: Any, file: Any, words: Any
) -> None:
    done = world([file("octo-org/a", name, words(0, 40)) for name in ("a", "b", "c")]).decide()
    assert kept(done) == [("octo-org/a", "a")]
    assert done.files["cluster_size"].to_pylist() == [3]


def test_decide_of_names_with_quotes_and_controls_writes_valid_json(
    world: Any, file: Any, words: Any
) -> None:
    path = 'a"\\b\n\x01é\u2028'
    files = [file("octo-org/a", path, words(0, 40)), file("octo-org/b", "z", words(0, 40))]
    _, evidence = gone(world(files).decide())["octo-org/b", "r1", "z"]
    assert evidence["representative"]["path"] == path


def test_decide_evidence_is_canonical_json(world: Any, file: Any, words: Any) -> None:
    files = [
        file("octo-org/a", 'a"\t\x1f\x7f', words(0, 104)),
        file("octo-org/b", "b", words(0, 104)),
        file("octo-org/c", "c", words(0, 88, 500, 516)),
    ]
    for text in world(files).decide().decisions["evidence"].to_pylist():
        assert canonical_json(json.loads(text)) == text.encode()


def test_decide_of_rows_in_any_order_gives_the_same_tables(
    world: Any, file: Any, words: Any
) -> None:
    files = [
        file(f"octo-org/{i % 5}", f"{i}.txt", words(7 * i, 7 * i + 90 + i % 3)) for i in range(40)
    ]
    one, other = world(files).decide(), world(files[::-1]).decide()
    assert one.files.equals(other.files)
    assert one.decisions.equals(other.decisions)


def test_decide_with_facts_in_many_chunks_gives_the_same_tables(
    world: Any, file: Any, words: Any
) -> None:
    here = world([file("octo-org/a", f"{i}", words(6 * i, 6 * i + 90)) for i in range(20)])
    facts = {
        name: pa.concat_tables([table.slice(7), table.slice(0, 3), table.slice(3, 4)])
        for name, table in here.facts().items()
    }
    done = decide(here.attributes(), here.origin_table(), facts, here.contents, here.params)
    assert done.decisions.equals(here.decide().decisions)


def test_decide_without_facts_stops(world: Any, file: Any) -> None:
    here = world([file("octo-org/a", "x", b"x")])
    with pytest.raises(EnvironmentFault, match="dedup-signature"):
        decide(here.attributes(), here.origin_table(), {}, here.contents, Params())


def test_decide_with_a_missing_origin_stops(world: Any, file: Any) -> None:
    here = world([file("octo-org/a", "x", b"x")])
    with pytest.raises(CorruptWorkspace, match="origin"):
        decide(
            here.attributes(),
            here.origin_table().slice(1),
            here.facts(),
            here.contents,
            Params(),
        )


def test_decide_of_a_file_listed_twice_stops(world: Any, file: Any) -> None:
    with pytest.raises(CorruptWorkspace, match="twice"):
        world([file("octo-org/a", "x", b"x"), file("octo-org/a", "x", b"y")]).decide()


def test_decide_with_a_missing_text_stops_and_shows_none(world: Any, file: Any, words: Any) -> None:
    here = world(
        [
            file("octo-org/a", "a.py", words(0, 104)),
            file("octo-org/b", "b.py", words(0, 88, 500, 516)),
        ]
    )
    with pytest.raises(CorruptWorkspace, match="cannot be read"):
        decide(
            here.attributes(),
            here.origin_table(),
            here.facts(),
            lambda ids: here.contents(ids).slice(1),
            Params(),
        )


def test_decide_in_many_partitions_and_small_batches_gives_the_same_tables(
    world: Any, file: Any, words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        file(f"octo-org/{i % 4}", f"{i}.txt", words(9 * i, 9 * i + 90 + i % 5)) for i in range(60)
    ]
    whole = world(files)
    one = whole.decide()
    monkeypatch.setattr(bands, "PARTITION_BANDS", 100)
    monkeypatch.setattr(clusters, "BATCH_BYTES", 1000)
    parted = world(files)
    many = parted.decide()
    assert len(parted.asked) > len(whole.asked)
    assert many.files.equals(one.files)
    assert many.decisions.equals(one.decisions)


def test_decide_of_a_bucket_fuller_than_its_bound_still_drops_nobody_for_a_stranger(
    world: Any, file: Any, words: Any
) -> None:
    files = [
        file("octo-org/a", f"{i:03}", words(0, 60, 1000 + 40 * i, 1040 + 40 * i)) for i in range(40)
    ]
    params = replace(Params(), representatives_max=1, band_rows=2)
    done = world(files, params=params).decide()
    assert done.files.num_rows + done.decisions.num_rows == 40
    texts = {each.path: each.text for each in files}
    for (_, _, path), (_, evidence) in gone(done).items():
        assert similarity(texts[path], texts[evidence["representative"]["path"]]) >= 0.7


def mimic(victim: bytes) -> bytes:
    """A text of nothing but those shingles of the victim that make its signature."""
    factors, terms = shingle.permutations(1)
    made = sorted(set(shingle.shingles(victim)))
    hashes = np.array([shingle.shingle_hash(each) for each in made], dtype=np.uint32)
    mixed = hashes ^ (hashes >> np.uint32(16))
    for factor, shift in ((0x85EBCA6B, 13), (0xC2B2AE35, 16)):
        mixed = mixed * np.uint32(factor)
        mixed ^= mixed >> np.uint32(shift)
    least = np.argmin(mixed[:, None] * factors + terms, axis=0)
    return b" \n".join(made[i] for i in np.unique(least))


def test_decide_of_a_file_made_to_have_the_signature_of_another_keeps_both(
    world: Any, file: Any, origin: Any, words: Any
) -> None:
    """Who forges a signature and has the better rank must not push another's file out."""
    victim = words(0, 20_000)
    forged = mimic(victim)
    here = world(
        [file("octo-org/victim", "a", victim), file("octo-org/mallory", "b", forged)],
        [origin("octo-org/mallory", stars=1000)],
    )
    signatures = signature.matrix(here.facts()["dedup-signature"]["signature"])
    assert (signatures[0] == signatures[1]).mean() > 0.9
    assert similarity(victim, forged) < 0.2
    assert here.decide().files.num_rows == 2
