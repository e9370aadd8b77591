"""How a flow maps the units of a stage over its workers, with a progress line a stage."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from prefect.futures import as_completed
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from stackyard.errors import joined
from stackyard.stages import Stage
from tasks.units import unit_task


def map_units(stage: Stage, root: Path, units: Sequence[str]) -> None:
    """Runs all units of a stage on the flow's task runner; what failed is raised at the end."""
    if not units:
        return
    futures = [unit_task.submit(stage.name, str(root), unit, os.getpid()) for unit in units]
    failed: list[BaseException] = []
    with _progress() as progress:
        line = progress.add_task(f"{stage.name:<8}", total=len(units))
        for future in as_completed(futures):
            result: object = future.result(raise_on_failure=False)
            if isinstance(result, BaseException):
                failed.append(result)
            progress.advance(line)
    if failed:
        raise joined(failed)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
