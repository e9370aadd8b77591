"""The tie-breaker against Linguist's two classifiers and enry, on Linguist's samples and on real ties.

In: `samples` of a checkout of Linguist (`filter_corpus.samples`), Debian's sources. Out: claims. Each
sample is told by what nine tenths of the others teach, in the same folds for all; enry alone has been
taught with the samples that it is asked. Linguist's tokens are those of Debian's Linguist 7.22.
"""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import enry
import numpy as np
import pyarrow as pa

from benchmarks import filter_corpus as corpus
from benchmarks import filter_train
from benchmarks.claim import Claim
from benchmarks.filter_train import Sample
from stackyard.errors import EnvironmentFault
from stackyard.filter import language, ties
from stackyard.filter.language import LanguageDetector
from stackyard.filter.text import decode
from stackyard.record import BATCH, BLOB_ID, blob_digest

Counts = Mapping[str, int]
Choices = dict[str, tuple[str, ...]]
_ROUNDS: Final = 3  # of a time: the best counts


class Known(NamedTuple):
    """What the names of samples and the heuristics say: see `known`."""

    left: Choices
    ambiguous: Choices
    right: int
    decided: int
    content: list[str]


def claims() -> Iterator[Claim]:
    try:
        found = filter_train.samples(corpus.samples())
        tokens = tokens_of(found)
    except EnvironmentFault as fault:
        yield Claim(
            "Linguist's samples, cross-validated", "ties: >= Linguist's", str(fault), ok=False
        )
        return
    names = known(found)
    share = names.right / names.decided
    yield Claim(
        "Linguist's samples that no classifier is asked of are named as there",
        ">= 99.5 %",
        f"{names.right:,} of {names.decided:,}; by their content against their names: {names.content}",
        share >= 0.995,
    )
    for what, choices in (("ties", names.left), ("all ambiguous names", names.ambiguous)):
        rows = [sample for sample in found if sample.path in choices]
        own = share_of(filter_train.cross_validated(found, choices))
        bayes = share_of(beside(rows, found, choices, tokens, Bayes))
        nearest = share_of(beside(rows, found, choices, tokens, Nearest))
        taught = share_of((s, enry.get_language(s.name, s.content)) for s in rows)
        yield Claim(
            f"{what} among Linguist's samples, ten-fold: ours against Linguist's two methods",
            ">= the better of the two",
            f"{own:.4f} of {len(rows):,}; Linguist 9's {nearest:.4f}, Linguist 7's and enry's {bayes:.4f}; "
            f"enry taught with these very files {taught:.4f}",
            own >= max(bayes, nearest),
        )


def share_of(told: Iterator[tuple[Sample, str | None]]) -> float:
    right = [sample.language == said for sample, said in told]
    return sum(right) / len(right)


def known(found: Sequence[Sample]) -> Known:
    """Each sample's languages that are left before the classifier, and those of its name alone."""
    rules = language.linguist()
    left: Choices = {}
    ambiguous: Choices = {}
    right, decided, content = 0, 0, []
    facts = LanguageDetector().detect(batch_of(found)).to_pylist()
    for sample, fact in zip(found, facts, strict=True):
        choice = rules.languages_of(sample.name)
        if len(choice) > 1 and sample.language in choice:
            ambiguous[sample.path] = choice
        if fact["strategy"] != "classifier":
            decided += 1
            right += fact["language"] == sample.language
            if fact["strategy"] == "content" and fact["language"] != sample.language:
                content.append(sample.path)
            continue
        rest = left_of(sample.name, sample.content)
        if sample.language in rest:
            left[sample.path] = rest
    return Known(left, ambiguous, right, decided, content)


def left_of(name: str, content: bytes) -> tuple[str, ...]:
    """The languages between which a file is a tie."""
    text = np.frombuffer(content, np.uint8)
    signs = language.signs(text, np.array([0, len(text)], np.int64))
    return language.linguist().left(name, text, int(signs[0]))


def batch_of(found: Sequence[Sample]) -> pa.Table:
    content = pa.array([sample.content for sample in found], pa.large_binary())
    text, encoding = decode(content)
    ids = pa.array([blob_digest(sample.content) for sample in found], BLOB_ID)
    paths = pa.array([sample.name for sample in found], pa.string())
    return pa.table([ids, paths, content, text, encoding], schema=BATCH)


def tokens_of(found: Sequence[Sample]) -> dict[str, Counts]:
    """Linguist's tokens of each sample, counted; its first 50 KiB are read."""
    corpus.linguist([])  # installs it
    program = (
        "require 'linguist'; require 'json';"
        "STDIN.each_line(chomp: true) { |path|"
        " counts = Hash.new(0);"
        " Linguist::Tokenizer.tokenize(File.binread(path)[0...51200]).each { |token|"
        "  counts[token.dup.force_encoding('UTF-8').scrub('?')] += 1 };"
        " puts counts.to_json }"
    )
    root = corpus.samples()
    done = subprocess.run(
        ["ruby", "-e", program],
        input="\n".join(str(root / sample.path) for sample in found),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    return {s.path: json.loads(line) for s, line in zip(found, lines, strict=True)}


class Bayes:
    """Linguist's classifier up to 7.22, and enry's."""

    def __init__(self, rows: Sequence[tuple[str, Counts]]) -> None:
        self._tokens: dict[str, Counter[str]] = defaultdict(Counter)
        self._files = Counter(name for name, _ in rows)
        for name, counts in rows:
            self._tokens[name].update(counts)
        self._sizes = {name: counts.total() for name, counts in self._tokens.items()}
        self._all = sum(self._sizes.values())

    def score(self, counts: Counts, name: str) -> float:
        if name not in self._files:
            return -math.inf
        seen, size = self._tokens[name], self._sizes[name]
        return math.log(self._files[name] / self._files.total()) + sum(
            count * math.log(seen[token] / size if token in seen else 1 / self._all)
            for token, count in counts.items()
        )


class Nearest:
    """Linguist's classifier since 7.23: the nearest mean of TF-ICF vectors."""

    def __init__(self, rows: Sequence[tuple[str, Counts]]) -> None:
        files: Counter[str] = Counter()
        having: dict[str, set[str]] = defaultdict(set)
        for name, counts in rows:
            files.update(counts.keys())
            for token in counts:
                having[token].add(name)
        kinds = len({name for name, _ in rows})
        self._rarity = {
            token: math.log(kinds / len(having[token])) + 1
            for token, count in files.items()
            if count >= 2
        }
        self._means: dict[str, dict[str, float]] = {}
        sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for name, counts in rows:
            for token, value in self._vector(counts).items():
                sums[name][token] += value
        for name, vector in sums.items():
            self._means[name] = _unit(vector)

    def _vector(self, counts: Counts) -> dict[str, float]:
        rarity = self._rarity
        return _unit({t: (1 + math.log(n)) * rarity[t] for t, n in counts.items() if t in rarity})

    def score(self, counts: Counts, name: str) -> float:
        mean = self._means.get(name)
        if mean is None:
            return -math.inf
        return sum(value * mean.get(token, 0.0) for token, value in self._vector(counts).items())


def _unit(vector: Mapping[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(value * value for value in vector.values())) or 1.0
    return {token: value / length for token, value in vector.items()}


def beside(
    rows: Sequence[Sample],
    found: Sequence[Sample],
    choices: Choices,
    tokens: Mapping[str, Counts],
    method: Callable[[list[tuple[str, Counts]]], Any],
) -> Iterator[tuple[Sample, str]]:
    for fold in range(filter_train.FOLDS):
        taught = method([(s.language, tokens[s.path]) for s in found if s.fold != fold])
        for sample in rows:
            if sample.fold == fold:
                counts = tokens[sample.path]
                yield sample, max(choices[sample.path], key=lambda n: taught.score(counts, n))


def speed(paths: Sequence[str], texts: Sequence[bytes]) -> Claim:
    """Ties of real files: the tie-breaker against what enry takes for each, over the same first bytes."""
    data = np.frombuffer(b"".join(texts), np.uint8)
    ends = np.cumsum([len(text) for text in texts])
    starts = ends - [len(text) for text in texts]
    named = zip(paths, texts, strict=True)
    choices = [left_of(path.rpartition("/")[2], text) for path, text in named]

    def ours() -> None:
        ties.choose(data, starts, ends, choices, np.arange(len(texts)))

    def theirs() -> None:
        for path, text in zip(paths, texts, strict=True):
            enry.get_language(path, text[: ties.STAGES[0]])

    spent = {work: min(_seconds(work) for _ in range(_ROUNDS)) for work in (ours, theirs)}
    ratio = spent[theirs] / spent[ours]
    return Claim(
        "the tie-breaker against enry, called once a file with 4 KiB",
        ">= 20 times as fast",
        f"{ratio:.0f} times, over {len(texts):,} ties",
        ratio >= 20,
    )


def _seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
