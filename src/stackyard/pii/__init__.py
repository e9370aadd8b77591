"""Personal data and secrets: found once a blob, redacted when a shard is written.

`detectors` -> facts; `decide` -> spans and decisions; `settle` -> spans after which nothing is found;
`redact` -> released texts; `scan` and `second_scan` -> what the release gate asks.

Names are imported when they are asked for: the base install has `Params` without the detectors.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stackyard.pii.params import Params

if TYPE_CHECKING:
    from stackyard.pii.allow_list import AllowEntry, answers, load_allow, with_entry
    from stackyard.pii.decisions import Redacted, decide, decisions_table, past_settling, see
    from stackyard.pii.detect import detectors
    from stackyard.pii.findings import PERSONAL
    from stackyard.pii.gate import scan, second_scan
    from stackyard.pii.known import PLACES, SOUGHT, Known, sought, spans_of_known, tokens_in_spans
    from stackyard.pii.model import ModelDetector, ModelSpan, PiiModel
    from stackyard.pii.redaction import REDACTIONS, redact
    from stackyard.pii.second import second_scanner
    from stackyard.pii.settling import Look, settle, without_secrets

__all__ = [
    "PERSONAL",
    "PLACES",
    "REDACTIONS",
    "SOUGHT",
    "AllowEntry",
    "Known",
    "Look",
    "ModelDetector",
    "ModelSpan",
    "Params",
    "PiiModel",
    "Redacted",
    "answers",
    "decide",
    "decisions_table",
    "detectors",
    "load_allow",
    "past_settling",
    "redact",
    "scan",
    "second_scan",
    "second_scanner",
    "see",
    "settle",
    "sought",
    "spans_of_known",
    "tokens_in_spans",
    "with_entry",
    "without_secrets",
]

_PLACES = {
    "PERSONAL": "findings",
    "PLACES": "known",
    "REDACTIONS": "redaction",
    "SOUGHT": "known",
    "AllowEntry": "allow_list",
    "Known": "known",
    "Look": "settling",
    "ModelDetector": "model",
    "ModelSpan": "model",
    "PiiModel": "model",
    "Redacted": "decisions",
    "answers": "allow_list",
    "decide": "decisions",
    "decisions_table": "decisions",
    "detectors": "detect",
    "load_allow": "allow_list",
    "past_settling": "decisions",
    "redact": "redaction",
    "scan": "gate",
    "second_scan": "gate",
    "second_scanner": "second",
    "see": "decisions",
    "settle": "settling",
    "sought": "known",
    "spans_of_known": "known",
    "tokens_in_spans": "known",
    "with_entry": "allow_list",
    "without_secrets": "settling",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
