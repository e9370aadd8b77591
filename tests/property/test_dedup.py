"""Laws of dedup over random worlds, held against an oracle in plain Python and datasketch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from datasketch import MinHash, MinHashLSH
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackyard.dedup import (
    Deduped,
    Index,
    Params,
    bands,
    build_on,
    decide,
    detectors,
    shingle,
    signature,
)
from stackyard.record import ATTRIBUTES, BATCH, FILE_KEY, ORIGINS, blob_digest

SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@dataclass(frozen=True, order=True)
class File:
    repo: str
    revision: str
    path: str
    text: bytes
    permissive: bool


@dataclass(frozen=True)
class Origin:
    stars: int
    forks: int
    date: int | None


def _text(parts: Sequence[tuple[int, int]]) -> bytes:
    return b" ".join(b"w%d" % i for start, size in parts for i in range(start, start + size))


TEXTS = st.one_of(
    st.lists(
        st.tuples(st.integers(0, 12).map(lambda n: 6 * n), st.integers(20, 80)), max_size=2
    ).map(_text),
    st.lists(st.sampled_from(["a", "b", "(", "é", "漢", " "]), max_size=8).map(
        lambda parts: " ".join(parts).encode()
    ),
)

FILE = st.builds(
    File,
    st.sampled_from(["octo-org/a", "octo-org/b", "example/c"]),
    st.sampled_from(["r1", "r2"]),
    st.sampled_from(["a.py", "b.py", 'lib/"c".py']),
    TEXTS,
    st.booleans(),
)

FILES = st.lists(FILE, max_size=16, unique_by=lambda file: (file.repo, file.revision, file.path))

ORIGIN = st.builds(
    Origin, st.integers(0, 2), st.integers(0, 1), st.one_of(st.none(), st.integers(0, 2))
)

WORLD = st.tuples(
    FILES,
    st.fixed_dictionaries(
        {
            (repo, revision): ORIGIN
            for repo in ("octo-org/a", "octo-org/b", "example/c")
            for revision in ("r1", "r2")
        }
    ),
)

Origins = dict[tuple[str, str], Origin]


def attributes(files: Sequence[File]) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {
            "repo_name": file.repo,
            "revision_id": file.revision,
            "path": file.path,
            "blob_id": blob_digest(file.text),
            "length_bytes": len(file.text),
            "edition": "permissive",
            "src_encoding": "UTF-8",
            "language": "Text",
            "extension": "",
            "is_vendor": False,
            "is_generated": False,
            "license_type": "permissive" if file.permissive else "no_license",
            "detected_licenses": [],
            "license_evidence": [],
        }
        for file in files
    ]
    return pa.Table.from_pylist(rows, ATTRIBUTES)


def origin_table(origins: Origins) -> pa.Table:
    rows = [
        {
            "repo_name": repo,
            "revision_id": revision,
            "origin": f"https://git.example.org/{repo}",
            "directory_id": "",
            "revision_date": origin.date,
            "star_events_count": origin.stars,
            "fork_events_count": origin.forks,
        }
        for (repo, revision), origin in origins.items()
    ]
    return pa.Table.from_pylist(rows, ORIGINS)


def facts(files: Sequence[File], params: Params) -> dict[str, pa.Table]:
    texts = sorted({file.text for file in files})
    batch = pa.table(
        {
            "blob_id": pa.array([blob_digest(text) for text in texts], pa.binary(20)),
            "path": pa.array([""] * len(texts), pa.string()),
            "content": pa.array(texts, pa.large_binary()),
            "text": pa.array(texts, pa.large_binary()),
            "encoding": pa.array(["UTF-8"] * len(texts), pa.string()),
        },
        schema=BATCH,
    )
    return {each.name: each.detect(batch) for each in detectors(params)}


def reader(files: Sequence[File]) -> Any:
    texts = {blob_digest(file.text): file.text for file in files}

    def contents(blob_ids: pa.Array) -> pa.Table:
        wanted = blob_ids.to_pylist()[::-1]
        return pa.table(
            {
                "blob_id": pa.array(wanted, pa.binary(20)),
                "text": pa.array([texts[blob] for blob in wanted], pa.large_binary()),
            }
        )

    return contents


def run(files: Sequence[File], origins: Origins, params: Params) -> Deduped:
    return decide(
        attributes(files), origin_table(origins), facts(files, params), reader(files), params
    )


def oracle(
    files: Sequence[File], origins: Origins, params: Params
) -> dict[File, tuple[str, File | None]]:
    """The rules of identity, read aloud: what each file ends as, and who represents it."""

    def age(file: File) -> tuple[Any, ...]:
        date = origins[file.repo, file.revision].date
        return (-1 if date is None else date, file.revision)

    def current(file: File) -> bool:
        same = [other for other in files if (other.repo, other.path) == (file.repo, file.path)]
        return file == max(same, key=age)

    def merit(file: File) -> tuple[Any, ...]:
        origin = origins[file.repo, file.revision]
        date = -1 if origin.date is None else origin.date
        return (
            not current(file), not file.permissive, -origin.stars, -origin.forks, -date,
            file.repo.encode(), file.path.encode(), blob_digest(file.text), age(file),
        )  # fmt: skip

    index = MinHashLSH(num_perm=256, params=(params.band_count, params.band_rows))
    sketches: dict[bytes, MinHash] = {}
    stars: dict[bytes, File] = {}
    joined: dict[bytes, File | None] = {}
    result: dict[File, tuple[str, File | None]] = {}
    for file in sorted(files, key=merit):
        if file.text in joined:
            representative = joined[file.text]
        else:
            sketch = MinHash(num_perm=256, scheme="affine32", hashfunc=shingle.shingle_hash)
            sketch.update_batch(shingle.shingles(file.text))
            similar = [] if sketch.is_empty() else index.query(sketch)
            similar = [
                text
                for text in similar
                if sketch.jaccard(sketches[text]) >= params.estimate_min
                and (
                    sketch.jaccard(sketches[text]) >= params.estimate_sure
                    or shingle.similarity(text, file.text) >= params.similarity_min
                )
            ]
            representative = min((stars[text] for text in similar), key=merit, default=None)
            if representative is None and current(file):
                representative = stars[file.text] = file
                if not sketch.is_empty():
                    sketches[file.text] = sketch
                    index.insert(file.text, sketch)
            joined[file.text] = representative
        if representative == file:
            result[file] = ("kept", file)
        elif representative is None:
            result[file] = ("older-revision", None)
        elif representative.text == file.text:
            result[file] = ("exact-duplicate", representative)
        else:
            result[file] = ("near-duplicate", representative)
    return result


@given(WORLD, st.sampled_from([0.5, 0.7, 0.9]), st.booleans())
@SETTINGS
def test_decide_equals_the_rules_of_identity_read_aloud(
    world: tuple[list[File], Origins], threshold: float, always_exact: bool
) -> None:
    files, origins = world
    params = Params(
        similarity_min=threshold,
        estimate_min=threshold - 0.1,
        estimate_sure=1.01 if always_exact else min(1.0, threshold + 0.2),
    )
    done = run(files, origins, params)
    expected = oracle(files, origins, params)
    kept = {tuple(row[name] for name in FILE_KEY) for row in done.files.to_pylist()}
    assert kept == {
        (file.repo, file.revision, file.path)
        for file, (rule, _) in expected.items()
        if rule == "kept"
    }
    gone = {tuple(row[name] for name in FILE_KEY): row for row in done.decisions.to_pylist()}
    for file, (rule, representative) in expected.items():
        if rule == "kept":
            continue
        row = gone[file.repo, file.revision, file.path]
        assert row["rule"] == rule
        if representative is not None:
            assert json.loads(row["evidence"])["representative"] == {
                "repo_name": representative.repo,
                "path": representative.path,
                "blob_id": blob_digest(representative.text).hex(),
            }


@given(WORLD)
@SETTINGS
def test_decide_conserves_files_and_keeps_survivors_unique(
    world: tuple[list[File], Origins],
) -> None:
    files, origins = world
    done = run(files, origins, Params())
    ends = [
        tuple(row[name] for name in FILE_KEY)
        for table in (done.files, done.decisions)
        for row in table.to_pylist()
    ]
    assert sorted(ends) == sorted((file.repo, file.revision, file.path) for file in files)
    places = [(row["repo_name"], row["path"]) for row in done.files.to_pylist()]
    assert len(set(places)) == len(places)
    assert len(set(done.files["blob_id"].to_pylist())) == done.files.num_rows
    older = sum(row["rule"] == "older-revision" for row in done.decisions.to_pylist())
    assert sum(done.files["cluster_size"].to_pylist()) + older == len(files)


@given(WORLD, st.integers(1, 3))
@SETTINGS
def test_decide_of_its_own_survivors_drops_nothing(
    world: tuple[list[File], Origins], representatives_max: int
) -> None:
    """What the release gate relies on, in crowded bands too."""
    files, origins = world
    params = Params(representatives_max=representatives_max)
    done = run(files, origins, params)
    stay = set(zip(*(done.files[name].to_pylist() for name in FILE_KEY), strict=True))
    left = [file for file in files if (file.repo, file.revision, file.path) in stay]
    assert run(left, origins, params).decisions.num_rows == 0


@given(WORLD, st.randoms(use_true_random=False))
@SETTINGS
def test_decide_of_shuffled_rows_gives_the_same_tables(
    world: tuple[list[File], Origins], chance: Any
) -> None:
    files, origins = world
    done = run(files, origins, Params())
    params = Params()
    mixed = list(files)
    chance.shuffle(mixed)
    signatures = facts(files, params)["dedup-signature"]
    order = list(range(signatures.num_rows))
    chance.shuffle(order)
    again = decide(
        attributes(mixed),
        origin_table(dict(reversed(origins.items()))),
        {"dedup-signature": signatures.take(pa.array(order, pa.int64()))},
        reader(files),
        params,
    )
    assert again.files.equals(done.files)
    assert again.decisions.equals(done.decisions)


@given(WORLD)
@SETTINGS
def test_decide_without_an_origin_equals_a_world_that_never_had_it(
    world: tuple[list[File], Origins],
) -> None:
    """Law 3: nothing of an origin that left is to be seen in what the others end as."""
    files, origins = world
    left = [file for file in files if file.repo != "octo-org/a"]
    fewer = {key: origin for key, origin in origins.items() if key[0] != "octo-org/a"}
    done = run(left, origins, Params())
    never = run(left, fewer, Params())
    assert done.files.equals(never.files)
    assert done.decisions.equals(never.decisions)


@given(st.binary(max_size=3000) | st.text(max_size=800).map(str.encode))
@SETTINGS
def test_signature_of_any_bytes_equals_datasketch(text: bytes) -> None:
    file = File("octo-org/a", "r1", "x", text, permissive=True)
    found = signature.matrix(facts([file], Params())["dedup-signature"]["signature"])
    expected = MinHash(num_perm=256, scheme="affine32", hashfunc=shingle.shingle_hash)
    expected.update_batch(shingle.shingles(text))
    assert found.tolist() == ([] if expected.is_empty() else [expected.hashvalues.tolist()])


@given(st.lists(TEXTS, max_size=14, unique=True), st.integers(1, 5), st.integers(1, 3))
@SETTINGS
def test_buckets_of_all_partitions_are_those_of_one(
    texts: list[bytes], parts: int, splits: int
) -> None:
    params = replace(Params(), band_rows=3)
    files = [
        File("octo-org/a", "r1", str(i), text, permissive=True) for i, text in enumerate(texts)
    ]
    whole = facts(files, params)["dedup-signature"]
    one = bands.buckets([bands.bands(whole, params)])
    pieces = np.array_split(np.arange(whole.num_rows), splits)
    many = [
        bands.buckets(
            [bands.bands(whole.take(pa.array(rows)), params, part, parts) for rows in pieces]
        )
        for part in range(parts)
    ]
    assert pa.concat_tables(many).equals(one)


STEP = st.one_of(
    st.sets(st.integers(0, 15)),
    st.sets(st.integers(0, 15), max_size=3).map(lambda gone: set(range(16)) - gone),
)


@given(WORLD, st.lists(STEP, min_size=1, max_size=5), st.booleans(), st.booleans())
@SETTINGS
def test_build_on_any_history_equals_a_full_build(
    world: tuple[list[File], Origins], steps: list[set[int]], changing: bool, stricter: bool
) -> None:
    """Law 4: files come, go and come back in any order; the result is that of a build from nothing."""
    files, origins = world
    params = Params()
    index = Index.empty(params)
    for number, step in enumerate(steps):
        if stricter:  # thresholds move between builds
            params = replace(params, similarity_min=0.7 + 0.1 * (number % 3))
        here = [file for i, file in enumerate(files) if i in step]
        now = dict(origins)
        if changing:  # popularity moves between builds
            now = {key: replace(each, stars=(each.stars + number) % 3) for key, each in now.items()}
        stored = index.tables(params)
        done, index = build_on(
            Index.load(stored, index.rows, params),
            attributes(here),
            origin_table(now),
            facts(here, params),
            reader(here),
            params,
        )
        full = run(here, now, params)
        assert done.files.equals(full.files)
        assert done.decisions.equals(full.decisions)


@given(WORLD, st.sets(st.integers(0, 15)))
@SETTINGS
def test_build_on_reads_no_text_that_a_full_build_would_not(
    world: tuple[list[File], Origins], fewer: set[int]
) -> None:
    files, origins = world
    params = Params()
    given_to = (attributes(files), origin_table(origins), facts(files, params))
    _, index = build_on(Index.empty(params), *given_to, reader(files), params)

    def refuse(blob_ids: pa.Array) -> pa.Table:
        raise AssertionError(f"{len(blob_ids)} texts are read again")

    again, _ = build_on(index, *given_to, refuse, params)
    assert again.decisions.equals(run(files, origins, params).decisions)
    left = [file for i, file in enumerate(files) if i not in fewer]
    done, _ = build_on(
        index, attributes(left), origin_table(origins), facts(left, params), reader(left), params
    )
    assert done.decisions.equals(run(left, origins, params).decisions)
