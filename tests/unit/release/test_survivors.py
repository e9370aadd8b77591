"""A release without a row: when it may go out, and what is said when it may not."""

from __future__ import annotations

import pytest

from stackyard.release.manifest import Dropped, Totals
from stackyard.release.survivors import NothingSurvived, require_rows


def totals(kept: int, **dropped: int) -> Totals:
    """Totals of a build; `filter__no_license=2` drops two files by filter/no-license."""
    rules = [(*name.replace("_", "-").partition("--"), count) for name, count in dropped.items()]
    return Totals(
        files_seen=kept + sum(dropped.values()),
        files_kept=kept,
        dropped=tuple(Dropped(stage, rule, count) for stage, _, rule, count in sorted(rules)),
        bytes_seen=0,
        bytes_kept=0,
        content_bytes=0,
        languages=(),
        licenses=(),
        redactions=(),
        optouts=0,
    )


@pytest.mark.parametrize(
    ("now", "previous", "pending"),
    [
        (totals(1), None, 0),
        (totals(1, filter__binary=9), totals(5), 0),
        (totals(0, optout__repo=5), totals(5), 1),
        (totals(0, optout__repo=5), totals(0), 0),
        (totals(0), totals(0), 0),
    ],
)
def test_rows_optouts_or_an_empty_release_before_let_it_pass(
    now: Totals, previous: Totals | None, pending: int
) -> None:
    require_rows(now, previous, pending)


@pytest.mark.parametrize(
    ("now", "previous", "pending"),
    [
        (totals(0, optout__repo=5), None, 1),
        (totals(0, filter__no_license=5), totals(5), 0),
        (totals(0), totals(5), 0),
    ],
)
def test_nothing_left_for_any_other_reason_is_refused(
    now: Totals, previous: Totals | None, pending: int
) -> None:
    with pytest.raises(NothingSurvived) as refused:
        require_rows(now, previous, pending)
    assert refused.value.exit_code == 1


def test_refusal_ranks_the_rules_and_advises_on_the_commonest() -> None:
    now = totals(0, filter__binary=3, filter__license_not_allowed=1200, ingest__symbolic_link=3)
    with pytest.raises(NothingSurvived) as refused:
        require_rows(now, None, 0)
    assert refused.value.what == "of 1,206 files none survived; nothing was published"
    assert refused.value.found == (
        "1,200 files: filter/license-not-allowed; 3 files: filter/binary; 3 files: ingest/symbolic-link"
    )
    assert "registry/licenses.yaml" in refused.value.next_step


def test_refusal_lists_eight_rules_at_most() -> None:
    now = totals(0, **{f"filter__rule_{letter}": 1 for letter in "abcdefghij"})
    with pytest.raises(NothingSurvived) as refused:
        require_rows(now, None, 0)
    assert refused.value.found.count(";") == 8
    assert refused.value.found.endswith("and 2 more rules")
