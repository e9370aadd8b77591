"""Whether the licences in a release go with the licence of the collection itself.

In: expressions with the number of files under each, and the policy. Out: the expressions that do
not go with it, and why. Always holds: a choice (OR) is fine if one branch is; a duty (AND) needs all.

The collection is an aggregate: its own licence covers the selection and the columns that Stackyard
adds, and a file keeps its licence. So what conflicts is a licence that reaches beyond its file: any
class but `permissive`, unless the collection is offered under that very licence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stackyard.filter.expression import license_ids
from stackyard.filter.policy import CLASSES, Policy


class Conflict(NamedTuple):
    """An expression that does not go with the collection's licence."""

    license_expression: str
    files: int
    reason: str


def conflicts(files_by_expression: Mapping[str, int], policy: Policy) -> list[Conflict]:
    """Conflicts, sorted by expression; empty for a release of permissive files alone."""
    collection = set(license_ids(policy.collection_license))
    found: list[Conflict] = []
    for expression, count in sorted(files_by_expression.items()):
        license_class = policy.classify(expression)
        if license_class == CLASSES[0] or set(license_ids(expression)) <= collection:
            continue
        reason = f"{license_class} beside a collection under {policy.collection_license}"
        found.append(Conflict(expression, count, reason))
    return found
