"""How a flow maps the units of a stage over its workers, with a progress line a stage."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from prefect.futures import as_completed

from stackyard.cli.progress import progress
from stackyard.errors import joined
from stackyard.stages import Stage
from tasks.units import unit_task


def map_units(stage: Stage, root: Path, units: Sequence[str]) -> None:
    """Runs all units of a stage on the flow's task runner; what failed is raised at the end."""
    if not units:
        return
    futures = [unit_task.submit(stage.name, str(root), unit, os.getpid()) for unit in units]
    failed: list[BaseException] = []
    with progress(stage.name, len(units)) as advance:
        for future in as_completed(futures):
            result: object = future.result(raise_on_failure=False)
            if isinstance(result, BaseException):
                failed.append(result)
            advance()
    if failed:
        raise joined(failed)
