from __future__ import annotations

from dataclasses import replace

import pytest

from stackyard.filter import default_policy
from stackyard.filter.compatibility import conflicts, matrix


@pytest.mark.parametrize(
    ("collection", "expression", "verdict"),
    [
        ("CC-BY-4.0", "MIT", None),
        ("CC-BY-4.0", "Apache-2.0 AND BSD-3-Clause", None),
        ("CC-BY-4.0", "0BSD OR GPL-3.0-only", None),
        ("CC-BY-4.0", "GPL-3.0-only", "conflict"),
        ("CC-BY-4.0", "MIT AND MPL-2.0", "conflict"),
        ("CC-BY-4.0", "GPL-2.0-only WITH Classpath-exception-2.0", "conflict"),
        ("CC-BY-4.0", "MS-PL", "unclear"),
        ("CC-BY-4.0", "OpenSSL AND GPL-2.0-only", "conflict"),
        ("CC-BY-4.0", "LicenseRef-unrecognized", "unclear"),
        ("CC-BY-4.0", "CC-BY-4.0", None),
        ("CC-BY-4.0", "CC-BY-SA-4.0", "conflict"),
        ("CC-BY-4.0", "BlueOak-1.0.0", None),
        ("GPL-2.0-only", "Apache-2.0", "conflict"),
        ("GPL-3.0-or-later", "Apache-2.0", None),
        ("GPL-2.0-only", "LGPL-2.1-or-later", None),
        ("GPL-2.0-only", "EPL-2.0", "unclear"),
        ("GPL-2.0-only", "EPL-2.0 OR MIT", None),
    ],
)
def test_licence_beside_the_collection_has_its_verdict(
    collection: str, expression: str, verdict: str | None
) -> None:
    policy = replace(default_policy(), collection_license=collection)
    assert [each.verdict for each in conflicts({expression: 1}, policy)] == [verdict] * (
        verdict is not None
    )


def test_conflicts_name_the_licence_at_fault_and_who_says_so() -> None:
    found = conflicts({"MIT": 3, "MIT AND GPL-3.0-only": 2, "MS-PL": 1}, default_policy())
    assert [(each.license_expression, each.files) for each in found] == [
        ("MIT AND GPL-3.0-only", 2),
        ("MS-PL", 1),
    ]
    assert found[0].reason == (
        "GPL-3.0-only: 'No' in OSADL's matrix beside CC-BY-3.0, which stands for CC-BY-4.0"
    )


def test_verdict_of_the_policy_comes_before_the_matrix() -> None:
    policy = replace(default_policy(), verdicts={"MIT": "unclear", "MS-PL": "compatible"})
    assert [(each.license_expression, each.reason) for each in conflicts({"MIT": 1, "MS-PL": 1}, policy)] == [
        ("MIT", "MIT: unclear by the policy")
    ]  # fmt: skip


def test_matrix_has_a_row_for_every_licence_that_stands_for_another() -> None:
    assert len(matrix()) == 110
    assert set(default_policy().matrix_rows.values()) <= set(matrix())
