"""A claim of the docs, and what was measured."""

from __future__ import annotations

from typing import NamedTuple


class Claim(NamedTuple):
    """One line of `make claims`.

    Attributes:
        claim: what the docs say.
        bar: what must be reached.
        measured: what was found, with its unit.
        ok: whether it reaches the bar.
    """

    claim: str
    bar: str
    measured: str
    ok: bool
