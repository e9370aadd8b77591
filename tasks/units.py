"""The task that does one unit of a stage (a source, a bucket, a segment, a shard).

Retried only for what may pass (network, disk, Hub); results are not kept by Prefect: what a unit
made lies in the workspace under a name that says what it is.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from stackyard.errors import CorruptWorkspace, EnvironmentFault
from stackyard.pipeline.execute import run_unit
from stackyard.stages import stage_named

WATCH_SECONDS = 1.0
"""How often a worker looks whether its run is still there: a killed run must not leave workers."""


def may_pass(_task: Any, _run: Any, state: Any) -> bool:
    """Whether a failure is of the environment, and so may pass."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, EnvironmentFault) and not isinstance(error, CorruptWorkspace)


@task(
    name="unit",
    task_run_name="{stage}-{unit}",
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=may_pass,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def unit_task(stage: str, root: str, unit: str, run_pid: int) -> None:
    """One unit of a stage."""
    if os.getpid() != run_pid:
        _end_with_run()
    run_unit(stage_named(stage), Path(root), unit)


def _end_with_run() -> None:
    if not any(thread.name == "stackyard-watch" for thread in threading.enumerate()):
        parent = os.getppid()
        watch = threading.Thread(target=_watch, args=(parent,), name="stackyard-watch", daemon=True)
        watch.start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(1)
