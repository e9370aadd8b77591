"""Personal data and secrets: found once a blob, redacted when a shard is written.

`detectors` -> facts; `decide` -> spans and decisions; `redact` -> released texts; `scan` and
`second_scan` -> what the release gate asks.

Names are imported when they are asked for: the base install has `Params` without the detectors.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stackyard.pii.params import Params

if TYPE_CHECKING:
    from stackyard.pii.decisions import Redacted, decide
    from stackyard.pii.detect import detectors
    from stackyard.pii.gate import load_allow, scan, second_scan, second_scanner
    from stackyard.pii.model import ModelDetector, ModelSpan, PiiModel
    from stackyard.pii.redaction import PERSONAL, REDACTIONS, redact, without_secrets

__all__ = [
    "PERSONAL",
    "REDACTIONS",
    "ModelDetector",
    "ModelSpan",
    "Params",
    "PiiModel",
    "Redacted",
    "decide",
    "detectors",
    "load_allow",
    "redact",
    "scan",
    "second_scan",
    "second_scanner",
    "without_secrets",
]

_PLACES = {
    "PERSONAL": "redaction",
    "REDACTIONS": "redaction",
    "ModelDetector": "model",
    "ModelSpan": "model",
    "PiiModel": "model",
    "Redacted": "decisions",
    "decide": "decisions",
    "detectors": "detect",
    "load_allow": "gate",
    "redact": "redaction",
    "scan": "gate",
    "second_scan": "gate",
    "second_scanner": "gate",
    "without_secrets": "redaction",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
