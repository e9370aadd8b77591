"""Secrets planted in real files, in one to four places each: what survives a release.

python -m benchmarks.pii_known [--seed N]
"""

from __future__ import annotations

import argparse
import random
import site
import string
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.pii_oracle import texts_of
from stackyard.pii import (
    PLACES,
    Known,
    Look,
    Params,
    decide,
    detectors,
    second_scan,
    see,
    settle,
    sought,
    spans_of_known,
    tokens_in_spans,
)
from stackyard.record import BATCH, FILES, blob_digest

COUNT = 200
REPO_FILES = 5
"""Files of a made-up repository; a value stands in up to three of them."""

_ALNUM = string.ascii_letters + string.digits
KINDS = (
    ("0123456789abcdef", 32),
    (_ALNUM, 20),
    (_ALNUM, 32),
    (_ALNUM, 40),
    ("0123456789abcdef", 64),
)
SHOWN = ('api_key = "{}"', "API_SECRET: '{}'", 'auth_token="{}"', '"client_secret": "{}",')
HIDDEN = ("f('{}')", "# see {}", "https://api.octo-org.net/v1/items?limit=20&t={}", "x = [{}, 1]")


class Planted(NamedTuple):
    """What came of the secrets.

    Attributes:
        found: secrets that a scanner found in one of their places, or more.
        survivors: of those, how many still stand somewhere.
        unfound: secrets that no scanner found anywhere, so that nothing was known of them.
        second: what the second scanner finds in the released texts.
    """

    found: int
    survivors: int
    unfound: int
    second: int


def texts_with_secrets(seed: int) -> tuple[list[bytes], list[str], list[str]]:
    """Texts, the repository of each, and the values."""
    chance = random.Random(seed)
    folder = Path(site.getsitepackages()[0])
    every = [t.content for t in texts_of([folder]) if 2_000 < len(t.content) < 40_000]
    texts = [bytes(t) for t in chance.sample(every, COUNT * REPO_FILES)]
    repos = [f"owner{i // REPO_FILES}/yard" for i in range(len(texts))]
    values = []
    for number in range(COUNT):
        letters, length = KINDS[number % len(KINDS)]
        value = "".join(chance.choice(letters) for _ in range(length))
        first = number * REPO_FILES
        forms = [chance.choice(SHOWN), *chance.choices(HIDDEN, k=chance.randrange(4))]
        for place, form in enumerate(forms):
            at = first + (0 if place < 2 else chance.randrange(REPO_FILES))
            lines = texts[at].split(b"\n")
            lines.insert(chance.randrange(len(lines)), form.format(value).encode())
            texts[at] = b"\n".join(lines)
        values.append(value)
    return texts, repos, values


def measure(seed: int) -> Planted:
    texts, repos, values = texts_with_secrets(seed)
    ids = [blob_digest(text) for text in texts]
    batch = pa.table(
        {"blob_id": ids, "path": [""] * len(texts), "content": texts, "text": texts,
         "encoding": ["utf-8"] * len(texts)},
        schema=BATCH,
    )  # fmt: skip
    files = pa.table(
        {"repo_name": repos, "revision_id": ["r"] * len(texts),
         "path": [f"{i:05}" for i in range(len(texts))], "blob_id": ids,
         "length_bytes": [len(text) for text in texts]},
        schema=FILES,
    )  # fmt: skip
    params = Params()
    facts = {each.name: each.detect(batch) for each in detectors(params)}
    places = files.select(PLACES.names).cast(PLACES)
    seen = see(facts, params)
    proofs = tokens_in_spans(facts["values"], seen.spans)
    standing = facts["values"]
    standing = standing.filter(pc.is_in(standing["token"], proofs["token"].combine_chunks()))
    wanted = sought(proofs, standing, places, params.known_owners_max)
    out = decide(files, seen, params, spans_of_known(standing, wanted, places))
    look = Look(params, known=Known.of(wanted))
    scanned = settle(batch["text"], batch["blob_id"], seen.spans, Look(params)).texts.to_pylist()
    done = settle(batch["text"], batch["blob_id"], out.spans, look, repos=[(r,) for r in repos])
    released = done.texts.to_pylist()
    found = [value for value in values if _count(scanned, value) < _count(texts, value)]
    return Planted(
        len(found),
        sum(_count(released, value) > 0 for value in found),
        len(values) - len(found),
        len(list(second_scan((str(i), text) for i, text in enumerate(released)))),
    )


def _count(texts: Sequence[bytes], value: str) -> int:
    return sum(text.count(value.encode()) for text in texts)


def seconds_of(batch: pa.Table) -> float:
    """CPU of the second scanner and of tokens over a batch."""
    extra = [each for each in detectors(Params()) if each.name in {"second-scanner", "values"}]
    for each in extra:
        each.detect(batch.slice(0, 10))
    start = time.process_time()
    for each in extra:
        each.detect(batch)
    return time.process_time() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=9)
    print(measure(parser.parse_args().seed))
