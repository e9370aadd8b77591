"""Which Prefect task runner carries the units of a flow."""

from __future__ import annotations

import os
from typing import Any, TypeVar, cast

from prefect import Flow
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

F = TypeVar("F", bound=Flow[Any, Any])


def on_engine(flow: F, engine: str, workers: int | None) -> F:
    """The flow on its engine: processes here, or Dask; one worker needs neither."""
    return flow.with_options(task_runner=_runner(engine, workers or os.cpu_count() or 1))  # type: ignore[return-value]


def on_processes(workers: int | None = None) -> TaskRunner[Any]:
    """Processes of this machine, one a core unless told: what a deployed flow runs on."""
    return cast("TaskRunner[Any]", ProcessPoolTaskRunner(max_workers=workers or os.cpu_count()))


def _runner(engine: str, workers: int) -> TaskRunner[Any]:
    if engine == "dask":
        from prefect_dask.task_runners import DaskTaskRunner

        address = os.environ.get("DASK_SCHEDULER_ADDRESS")
        if address:
            return DaskTaskRunner(address=address)
        here = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
        return DaskTaskRunner(cluster_kwargs=here)
    if workers == 1:
        return ThreadPoolTaskRunner(max_workers=1)
    return on_processes(workers)
