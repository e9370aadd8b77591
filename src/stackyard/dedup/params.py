"""Parameters of deduplication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stackyard.dedup import kernel
from stackyard.errors import UsageError


@dataclass(frozen=True)
class SignatureParams:
    """What a signature depends on besides the text; facts of other values are other facts.

    Attributes:
        seed: of the permutations, as in `datasketch.MinHash`.
    """

    seed: int = 1


@dataclass(frozen=True)
class Params:
    """What decides which files are near-duplicates, and which of them stays.

    The S-curve of b bands of r rows is P(s) = 1 - (1 - s^r)^b. Chosen for recall, as candidates
    are verified and a false one costs some 50 ns: 42 bands of 6 find 0.995 of the pairs of
    similarity 0.7 and 0.9997 at 0.75. datasketch's optimiser with weights 0.05/0.95 gives 36 of 7
    (0.955), with 0.5/0.5 it gives 25 of 10, as The Stack had (0.51).

    Attributes:
        similarity_min: files at least this similar (Jaccard, of shingle sets) are near-duplicates.
        band_count: LSH bands.
        band_rows: signature values in a band; band_count * band_rows is at most 256.
        estimate_min: a pair whose estimate is below is no near-duplicate. 0.1 below the threshold
            is 3.5 standard errors: it loses 0.0003 of the pairs at the threshold.
        estimate_sure: a pair whose estimate reaches this is one without reading the texts; what is
            between the two is compared exactly. An estimate is at most 1, so above 1, as by default,
            all are. By chance 0.9 is estimated for a pair below 0.7 with a probability under 2e-13
            (Chernoff), but a text can be made to have the signature of another one, and would push
            it out: lower this for trusted input only.
        representatives_max: representatives that one file is compared to in one bucket, best
            first: bounds the work of a bucket of n files at n times this, never n^2.
        prefer: `best_wins`: the order of representatives alone decides; `released_wins`: what the
            last release released comes before what it did not.
        trees: what to do with a repository whose whole tree equals another's: `report` it, or
            `drop` all its files as duplicates of the one that stays named.
        signature: see SignatureParams.
    """

    similarity_min: float = 0.7
    band_count: int = 42
    band_rows: int = 6
    estimate_min: float = 0.6
    estimate_sure: float = 1.01
    representatives_max: int = 64
    prefer: Literal["best_wins", "released_wins"] = "best_wins"
    trees: Literal["report", "drop"] = "report"
    signature: SignatureParams = SignatureParams()

    def __post_init__(self) -> None:
        _demand(0.0 < self.similarity_min <= 1.0, "similarity_min", "in (0, 1]")
        _demand(
            0.0 <= self.estimate_min <= self.similarity_min, "estimate_min", "in 0..similarity_min"
        )
        _demand(self.estimate_sure >= self.similarity_min, "estimate_sure", ">= similarity_min")
        _demand(self.band_count >= 1, "band_count", ">= 1")
        _demand(self.band_rows >= 1, "band_rows", ">= 1")
        _demand(
            self.band_count * self.band_rows <= kernel.PERMUTATIONS,
            "band_count",
            f"band_count * band_rows <= {kernel.PERMUTATIONS}",
        )
        _demand(self.representatives_max >= 1, "representatives_max", ">= 1")
        _demand(0 <= self.signature.seed < 1 << 32, "signature.seed", "in 0..2^32-1")


def _demand(holds: bool, name: str, expected: str) -> None:
    if not holds:
        raise UsageError(
            f"parameter dedup.{name} is out of range",
            expected=expected,
            next_step="mend params.yaml",
        )
