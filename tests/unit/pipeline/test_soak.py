"""A few faults of `make soak` in each run of the tests: submissions, killed and on a full disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.soak import FULL, KILL, Soak

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="faults are compiled by cc")


def test_submission_killed_or_on_a_full_disk_ends_as_if_undisturbed(tmp_path: Path) -> None:
    soak = Soak(tmp_path, seed=2, only=["submit"])
    try:
        for mode in (KILL, FULL):
            tally = soak.faults(mode, 6)
            assert tally.wrong == []
            assert tally.same["submit"] == 6
    finally:
        soak.zygote.close()
