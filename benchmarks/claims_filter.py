"""What docs/quality-filter.md claims of the filter: `make claims ROOM=filter`.

Times are CPU time of one process (`time.process_time`): wall time says more of the neighbours.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from benchmarks import filter_corpus as corpus
from benchmarks import filter_licenses, filter_riders, filter_stage, filter_ties
from benchmarks.claim import Claim
from stackyard.filter.language import LanguageDetector
from stackyard.filter.texts import exact, exact_key
from tests.unit.filter import test_heuristics

FRESH_SEED = "last-of-november"
"""Drawn when the rules were done; another one: `make claims ROOM=filter SEED=words`."""


def run() -> Iterator[Claim]:
    yield from filter_stage.languages()
    yield from filter_ties.claims()
    yield heuristics()
    yield from spdx_texts()
    yield from filter_riders.run()
    yield from filter_licenses.verdicts()
    yield from filter_licenses.fresh_draw(os.environ.get("SEED", FRESH_SEED))
    yield from filter_licenses.beside_scancode()
    yield from filter_licenses.syntax()
    yield from filter_stage.throughput()
    yield from filter_stage.decisions()
    yield from filter_stage.bad_input()


def heuristics() -> Claim:
    """Each rule of each extension, with a text made for it."""
    rows = test_heuristics.made()
    paths = ["x" + extension.lower() for extension, *_ in rows]
    batch = filter_stage.batch_of(paths, [text or b"" for _, _, text, _ in rows])
    found = LanguageDetector().detect(batch)["language"].to_pylist()
    alive = sum(name in names for name, (*_, names) in zip(found, rows, strict=True))
    generic = sum(extension in test_heuristics.DATA["generic"] for extension, *_ in rows)
    return Claim(
        "rules of Linguist's heuristics that name their language",
        "all",
        f"{alive} of {len(rows)} by extension; {generic} of generic ones",
        alive == len(rows),
    )


def spdx_texts() -> Iterator[Claim]:
    """The list's own texts; several ids may have one text, and any of them is right."""
    listed = json.loads(corpus.npm("spdx-license-list@6.12.0", "spdx-full.json"))
    key_of = {key: exact_key(entry["licenseText"].encode()) for key, entry in listed.items()}
    right = sum(
        key_of.get(exact(entry["licenseText"].encode()) or "") == key_of[key]
        for key, entry in listed.items()
    )
    share = right / len(listed)
    yield Claim(
        "SPDX list's own texts are named", ">= 99 %", f"{share:.2%} of {len(listed)}", share >= 0.99
    )
