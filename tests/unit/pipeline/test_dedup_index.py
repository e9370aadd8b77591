"""The folder of the dedup index: what it survives, and when it is begun anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from stackyard.dedup import Index, Params, build_on, decide, detectors
from stackyard.dedup.params import SignatureParams
from stackyard.pipeline.stages.dedup import IndexFolder
from stackyard.record import ATTRIBUTES, ORIGINS, blob_digest
from stackyard.store import files

PARAMS = Params()
TEXTS = [b" ".join(b"w%d" % (7 * i + j) for j in range(80)) for i in range(12)]


def batch(texts: list[bytes]) -> pa.Table:
    ids = pa.array([blob_digest(text) for text in texts], pa.binary(20))
    return pa.table({"blob_id": ids, "text": pa.array(texts, pa.large_binary())})


def store_facts(folder: Path, name: str, texts: list[bytes]) -> None:
    (detector,) = detectors(PARAMS)
    files.write_table(folder / f"{name}.parquet", detector.detect(batch(texts)))


def listed(texts: list[bytes]) -> tuple[pa.Table, pa.Table]:
    rows = [
        {
            "repo_name": "octo-org/a",
            "revision_id": "r",
            "path": f"{i:02}",
            "blob_id": blob_digest(text),
            "length_bytes": len(text),
            "edition": "permissive",
            "src_encoding": "UTF-8",
            "language": "Text",
            "extension": "",
            "is_vendor": False,
            "is_generated": False,
            "license_type": "permissive",
            "detected_licenses": [],
            "license_evidence": [],
        }
        for i, text in enumerate(texts)
    ]
    origin = {
        "repo_name": "octo-org/a",
        "revision_id": "r",
        "origin": "https://git.example.org/octo-org/a",
        "directory_id": "",
        "star_events_count": 0,
        "fork_events_count": 0,
    }
    return pa.Table.from_pylist(rows, ATTRIBUTES), pa.Table.from_pylist([origin], ORIGINS)


def build(store: IndexFolder, facts: Path, texts: list[bytes]) -> None:
    """A build on what the folder has equals one from nothing; keeps what it found."""
    (detector,) = detectors(PARAMS)
    reading = batch(TEXTS)
    found = {detector.name: detector.detect(reading)}
    none = {detector.name: found[detector.name].slice(0, 0)}
    index = store.absorb(facts)
    done, after = build_on(index, *listed(texts), none, lambda _: reading, PARAMS)
    assert done == decide(*listed(texts), found, lambda _: reading, PARAMS)
    store.keep(after)


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    store_facts(tmp_path / "facts", "00-a", TEXTS[:8])
    return tmp_path / "facts"


@pytest.fixture
def store(tmp_path: Path, facts: Path) -> IndexFolder:
    store = IndexFolder(tmp_path / "index", PARAMS)
    build(store, facts, TEXTS[:8])
    return store


def test_absorb_of_a_new_file_of_facts_adds_its_rows_and_reads_no_other(
    store: IndexFolder, facts: Path
) -> None:
    store_facts(facts, "01-b", TEXTS[8:])
    size = (facts / "00-a.parquet").stat().st_size
    (facts / "00-a.parquet").write_bytes(b"\0" * size)  # not read: it is in
    build(store, facts, TEXTS[1:])
    assert len(store.absorb(facts).rows.ids) == len(TEXTS)


def test_absorb_after_a_kill_behind_new_rows_cuts_them_off(store: IndexFolder, facts: Path) -> None:
    with (store.folder / "rows" / "signatures.bin").open("ab") as handle:
        handle.write(b"killed in the middle of a row")
    store_facts(facts, "01-b", TEXTS[8:])
    build(store, facts, TEXTS)


def test_absorb_after_a_kill_before_the_state_was_kept_goes_on(
    store: IndexFolder, facts: Path
) -> None:
    store_facts(facts, "01-b", TEXTS[8:])
    store.absorb(facts)
    build(store, facts, TEXTS)
    build(store, facts, TEXTS[:5])


@pytest.mark.parametrize(
    "broken", ["rows/bands.bin", "absorbed.arrow", "state/last.arrow", "state/edges.arrow"]
)
@pytest.mark.parametrize("content", [None, b"", b"garbage that is no table" * 9])
def test_absorb_of_an_index_that_is_damaged_begins_anew(
    store: IndexFolder, facts: Path, broken: str, content: bytes | None
) -> None:
    path = store.folder / broken
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    build(store, facts, TEXTS[:8])
    build(store, facts, TEXTS[2:8])


def test_absorb_without_a_file_of_facts_that_is_in_begins_anew(
    store: IndexFolder, facts: Path
) -> None:
    """What is forgotten is not remembered here."""
    (facts / "00-a.parquet").unlink()
    store_facts(facts, "00-c", TEXTS[3:8])
    build(store, facts, TEXTS[3:8])
    assert len(store.absorb(facts).rows.ids) == 5


def test_absorb_of_an_index_of_other_parameters_begins_anew(
    store: IndexFolder, facts: Path
) -> None:
    other = replace(PARAMS, signature=SignatureParams(seed=2))
    index = IndexFolder(store.folder, other).absorb(facts)
    assert index.last.num_rows == Index.empty(other).last.num_rows == 0
