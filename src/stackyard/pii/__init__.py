"""Personal data and secrets: found once a blob, redacted when a shard is written.

`detectors` -> facts; `decide` -> spans and decisions; `redact` -> released texts; `scan` and
`second_scan` -> what the release gate asks.
"""

from stackyard.pii.decide import Redacted, decide
from stackyard.pii.detect import detectors
from stackyard.pii.gate import load_allow, scan, second_scan, second_scanner
from stackyard.pii.model import ModelDetector, ModelSpan, PiiModel
from stackyard.pii.params import Params
from stackyard.pii.redact import REDACTIONS, redact

__all__ = [
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
]
