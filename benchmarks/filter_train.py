"""Train the tie-breaker of `stackyard.filter.ties`: `python benchmarks/filter_train.py SAMPLES`.

In: the directory `samples` of a checkout of github-linguist/linguist at v9.6.0 (MIT; no package of apt,
PyPI or npm has it). Out: ties.json and ties.bin of the filter's data: numbers, none of the samples' text.
Always holds: the same samples give the same bytes. `measure` cross-validates it, beside Linguist's own
method and enry on the same files.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np

from stackyard.filter import ties
from stackyard.filter.ties import BITS, Weights

SOURCE: Final = "github-linguist/linguist v9.6.0, samples"
DATA: Final = Path(ties.__file__).parent / "data" / "linguist"
RARITY_POWER: Final = 2.0
"""Of a token's rarity among languages, log(languages / those that have it) + 1: 1 as Linguist has it gives
0.940 and 0.927 by cross-validation (of ties, of all ambiguous names), 1.5 0.955 and 0.940, 2 0.960 and 0.939."""

EVEN_SHARE: Final = 0.2
"""How far a language's vector is left shorter for samples that differ among themselves: 0 (unit length)
is half a point worse, 0.5 too."""

LEVELS: Final = 255  # of a weight, on a logarithmic scale: steps of some 4 %
RANGE: Final = 20_000  # largest weight to smallest that is kept
UNIT: Final = 1 << 20  # of the largest weight
FOLDS: Final = 10
_DIRECTORIES: Final = {"Fstar": "F*", "ProC": "Pro*C", "Vim Script": "Vim script"}
"""Names that a directory cannot have, and one that the data has in its newer form."""


@dataclass(frozen=True)
class Sample:
    """A file of the samples: its language, its name, its content, and its fold of FOLDS."""

    path: str
    language: str
    content: bytes
    fold: int

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def samples(folder: Path) -> list[Sample]:
    """All samples, sorted by path; folds by a hash of the path, evenly over each language."""
    paths = sorted(
        str(Path(at, name).relative_to(folder))
        for at, _, names in os.walk(folder)
        for name in names
    )
    numbers: Counter[str] = Counter()
    found = []
    for path in sorted(paths, key=_hash):
        directory = path.partition("/")[0]
        fold = (_hash(directory) + numbers[directory]) % FOLDS
        numbers[directory] += 1
        language = _DIRECTORIES.get(directory, directory)
        found.append(Sample(path, language, (folder / path).read_bytes(), fold))
    return sorted(found, key=lambda sample: sample.path)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest())


@functools.cache
def kin() -> set[str]:
    """Languages that a tie can have: those that share an extension, a name, an interpreter."""
    text = (resources.files("stackyard.filter.data.linguist") / "linguist.json").read_text("utf-8")
    data = json.loads(text)
    named: dict[tuple[str, str], set[str]] = {}
    for name, entry in data["languages"].items():
        for key in ("extensions", "filenames", "interpreters"):
            for value in entry.get(key, ()):
                named.setdefault((key, value.lower()), set()).add(name)
    for entry in data["heuristics"]:
        for rule in entry["rules"]:
            for extension in entry["extensions"]:
                named.setdefault(("extensions", extension.lower()), set()).update(rule["languages"])
    return {name for names in named.values() if len(names) > 1 for name in names}


@functools.cache
def _features(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    places, counts = ties.features(content)
    return places, 1 + np.log(counts)


def train(found: Iterable[Sample]) -> tuple[list[str], np.ndarray]:
    """Languages that a tie can have, those with most samples first, and a row of weights for each."""
    rows = list(found)
    count = Counter(sample.language for sample in rows)
    every = sorted(count, key=lambda name: (-count[name], name))
    place = {name: i for i, name in enumerate(every)}
    has = np.zeros((len(every), 1 << BITS), np.bool_)
    files = np.zeros(1 << BITS, np.int64)
    for sample in rows:
        places, _ = _features(sample.content)
        has[place[sample.language], places] = True
        files[places] += 1
    rarity = (np.log(len(every) / np.maximum(has.sum(0), 1)) + 1) ** RARITY_POWER
    rarity[files < 2] = 0
    order = [name for name in every if name in kin()]
    number = {name: i for i, name in enumerate(order)}
    means = np.zeros((len(order), 1 << BITS))
    for sample in rows:
        if sample.language not in number:
            continue
        places, frequencies = _features(sample.content)
        vector = frequencies * rarity[places]
        length = np.sqrt(vector @ vector)
        if length:
            means[number[sample.language], places] += vector / length / count[sample.language]
    lengths = np.sqrt((means * means).sum(1, keepdims=True))
    means /= np.maximum(lengths, 1e-9) ** (1 - EVEN_SHARE)
    return order, means * rarity


def packed(order: Sequence[str], means: np.ndarray) -> tuple[dict[str, Any], bytes]:
    """What is stored: see `ties.unpack`."""
    smallest = means.max() / RANGE
    step = np.log(RANGE) / (LEVELS - 1)
    marks = np.zeros(means.shape, np.uint8)
    large = means >= smallest
    marks[large] = np.round(np.log(means[large] / smallest) / step).astype(np.uint8) + 1
    levels = [0, *np.round(UNIT / RANGE * np.exp(step * np.arange(LEVELS))).astype(int).tolist()]
    where = np.nonzero(marks)
    stated = {
        "source": SOURCE,
        "languages": list(order),
        "counts": np.count_nonzero(marks, axis=1).tolist(),
        "levels": levels,
    }
    return stated, where[1].astype("<u2").tobytes() + marks[where].tobytes()


def weights_of(found: Iterable[Sample]) -> Weights:
    stated, data = packed(*train(found))
    return ties.unpack(
        stated["languages"], stated["counts"], stated["levels"], np.frombuffer(data, np.uint8)
    )


def chosen(rows: Sequence[Sample], choices: Sequence[Sequence[str]], known: Weights) -> list[str]:
    """What the tie-breaker says of some samples, each with its own choice."""
    data = np.frombuffer(b"".join(sample.content for sample in rows), np.uint8)
    ends = np.cumsum([len(sample.content) for sample in rows])
    starts = ends - [len(sample.content) for sample in rows]
    return ties.choose(data, starts, ends, choices, np.arange(len(rows)), known=known)


def cross_validated(
    found: Sequence[Sample], choices: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Sample, str]]:
    """(sample, language) of those with a choice, each told by what the other folds taught."""
    for fold in range(FOLDS):
        rows = [s for s in found if s.fold == fold and s.path in choices]
        known = weights_of(s for s in found if s.fold != fold)
        yield from zip(rows, chosen(rows, [choices[s.path] for s in rows], known), strict=True)


def main(folder: str) -> None:
    stated, data = packed(*train(samples(Path(folder))))
    text = json.dumps(stated, ensure_ascii=False, indent=None)
    (DATA / "ties.json").write_text(text + "\n", "utf-8")
    (DATA / "ties.bin").write_bytes(data)


if __name__ == "__main__":
    main(*sys.argv[1:])
