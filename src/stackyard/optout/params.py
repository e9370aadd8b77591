"""Parameters of the opt-out stage (section `optout` of params.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Params:
    """What steers matching.

    Attributes:
        aliases: other name -> present name, of renamed repositories (`owner/name`) and accounts
            (`owner`); a request for either name matches both. Letter case does not count.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
