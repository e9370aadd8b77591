"""The filter: what language a file is in, under which licence, and whether its text is worth having.

In: contents (for facts), then files, origins and facts (for decisions). Out: `Filtered`.
Always holds: facts say what a file is and know no threshold; `decide` holds every threshold and
reads no content. Every file that comes in is kept or has exactly one decision.

The functions import their parts when called: the base install has `Params` without the detectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import util
from typing import NamedTuple

import pyarrow as pa

from stackyard.detector import Detector
from stackyard.errors import UsageError
from stackyard.filter.params import Params
from stackyard.filter.policy import Policy, default_policy, load_policy

__all__ = [
    "Filtered",
    "Params",
    "Policy",
    "decide",
    "decode",
    "default_policy",
    "detectors",
    "load_policy",
]


class Filtered(NamedTuple):
    """`files` has schema ATTRIBUTES, `decisions` DECISIONS; both sorted by FILE_KEY."""

    files: pa.Table
    decisions: pa.Table


def detectors(params: Params) -> tuple[Detector, ...]:
    """The detectors whose facts `decide` wants, and `syntax` if asked for, in the order of their names.

    Raises:
        UsageError: syntax facts are asked for, and their libraries are not installed.
    """
    from stackyard.filter.attribution import CopyrightDetector
    from stackyard.filter.language import LanguageDetector
    from stackyard.filter.quality import QualityDetector
    from stackyard.filter.statements import FileStatementDetector, TextStatementDetector

    found: tuple[Detector, ...] = (
        CopyrightDetector(),
        LanguageDetector(),
        FileStatementDetector(params.license_text),
        TextStatementDetector(),
        QualityDetector(),
    )
    if params.syntax.enabled:
        found = (*found, _syntax(params))
    return tuple(sorted(found, key=lambda detector: detector.name))


def _syntax(params: Params) -> Detector:
    from stackyard.filter.syntax import SyntaxDetector

    if util.find_spec("tree_sitter_language_pack") is None:
        raise UsageError(
            "filter.syntax.enabled needs tree-sitter, which is not installed",
            next_step="install stackyard[build,syntax], or switch it off in params.yaml",
        )
    return SyntaxDetector(params.syntax)


def decode(content: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """Texts and encodings of contents: see `text.decode`."""
    from stackyard.filter.text import decode as decode_column

    return decode_column(content)


def decide(
    files: pa.Table,
    origins: pa.Table,
    facts: Mapping[str, pa.Table],
    params: Params,
    policy: Policy,
) -> Filtered:
    """Which files go on, and one decision for each of the others: see `verdict.decide`."""
    from stackyard.filter.verdict import decide as decide_files

    return Filtered(*decide_files(files, origins, facts, params, policy))
