"""Parameters of the PII stage.

`Detection` steers the detector, so it is part of the fingerprint of its facts; all else steers
decisions alone, and may change without a new scan.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from stackyard.errors import UsageError

Level = Literal["low", "medium", "high", "paranoid"]

SCORE_MIN: Mapping[Level, float] = {"low": 0.9, "medium": 0.7, "high": 0.4, "paranoid": 0.0}
"""Least score that is redacted at a level. `low`: a format with its checksum, a key block.
`medium`: a documented format, or a value that its name and its form both call a secret. `high`: the name
of a password alone, too, where the value is a word that people take for one. `paranoid`: every finding of
every detector, strings of high entropy that nothing names among them."""

OPT_IN = ("author_name", "mac_address", "national_id", "username")
"""Entities that are looked for only when `Detection.opt_in` names them."""


@dataclass(frozen=True)
class Detection:
    """What the detector looks for, and how much work it may spend.

    Attributes:
        opt_in: entities of `OPT_IN` to look for.
        findings_max: findings of one blob; more of them ends in a decision.
        work_max: units of work on one blob, a unit being one byte that an exact check may read. A
            count, not a clock: the same blob meets the same end on every machine.
    """

    opt_in: tuple[str, ...] = ()
    findings_max: int = 20_000
    work_max: int = 200_000_000

    def __post_init__(self) -> None:
        for entity in self.opt_in:
            if entity not in OPT_IN:
                raise UsageError(
                    f"pii.detection.opt_in names {entity!r}",
                    expected=f"one of {', '.join(OPT_IN)}",
                    next_step="mend params.yaml",
                )


@dataclass(frozen=True)
class Params:
    """The section `pii` of params.yaml.

    Attributes:
        level: sensitivity; see `SCORE_MIN`.
        score_min: least score by entity, instead of the level's.
        redacted_share_max: a file of which more than this share of bytes would go is dropped.
        placeholder: `entity` says what was there; `consistent` adds a keyed hash of the value.
        second_scanner: what becomes of what the second scanner alone finds. `redact`: the span gets a
            placeholder; `drop`: the file is dropped; `block`: the build stops and lists it, until each
            is answered in registry/pii-allow.yaml (`stackyard pii review`).
        known_owners_max: a value that a scanner found is redacted in all files of its repository, and
            in all others unless more owners than this have it: what many have is an example.
    """

    level: Level = "medium"
    score_min: Mapping[str, float] = field(default_factory=dict)
    redacted_share_max: float = 0.5
    placeholder: Literal["entity", "consistent"] = "entity"
    second_scanner: Literal["redact", "drop", "block"] = "redact"
    known_owners_max: int = 3
    detection: Detection = field(default_factory=Detection)
