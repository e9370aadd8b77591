"""What docs/quality-filter.md claims of the filter: `make claims ROOM=filter`.

Times are CPU time of one process (`time.process_time`): wall time says more of the neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from benchmarks import filter_corpus as corpus
from benchmarks import filter_licenses, filter_stage
from benchmarks.claim import Claim
from stackyard.filter.texts import exact, exact_key


def run() -> Iterator[Claim]:
    yield from filter_stage.languages()
    yield from spdx_texts()
    yield from filter_licenses.verdicts()
    yield from filter_licenses.beside_scancode()
    yield from filter_licenses.syntax()
    yield from filter_stage.throughput()
    yield from filter_stage.decisions()
    yield from filter_stage.bad_input()


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
