"""Opt-outs: what was asked, by whom it was shown, what goes, and the proof that it went.

The room is pure: values in, values out. `store.registry` keeps the log and its private part on
disk; `cli.optout` is what people type.
"""

from stackyard.optout.matching import match, match_requests, reached, tombstones, violations
from stackyard.optout.near import near_pairs
from stackyard.optout.params import Params
from stackyard.optout.registry import Checkpoint, Registry, checkpoint, extends, pending
from stackyard.optout.selector import Selector, parse

__all__ = [
    "Checkpoint",
    "Params",
    "Registry",
    "Selector",
    "checkpoint",
    "extends",
    "match",
    "match_requests",
    "near_pairs",
    "parse",
    "pending",
    "reached",
    "tombstones",
    "violations",
]
