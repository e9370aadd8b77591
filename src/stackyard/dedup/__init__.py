"""Deduplication: exact, near and by tree. See `decide.py`, and docs/dedup.md for the why."""

from stackyard.dedup.decide import Deduped, decide, detectors
from stackyard.dedup.increment import Index, build_on
from stackyard.dedup.params import Params

__all__ = ["Deduped", "Index", "Params", "build_on", "decide", "detectors"]
