"""Prefect in a run's way: a run marked as crashed while it lives, a server that fails to record a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from stackyard.errors import EnvironmentFault

pytestmark = pytest.mark.xdist_group("more-flows")


def test_run_marked_as_crashed_while_it_lives_goes_on_to_its_end() -> None:
    from prefect import flow, task
    from prefect.client.orchestration import get_client
    from prefect.context import get_run_context
    from prefect.states import Crashed

    seen = []

    @task
    def step(number: int) -> int:
        return number

    @flow(name="marked", validate_parameters=False)
    def marked() -> int:
        run = get_run_context().flow_run  # type: ignore[union-attr]
        assert run is not None
        seen.append(run.id)
        assert step(1) == 1
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(run.id, Crashed(message="no heartbeat"), force=True)
        return step(1) + step.submit(2).result()

    assert marked() == 3
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(seen[0]).state
    assert state is not None
    assert state.is_completed()


def after(result: str | None, error: Exception) -> Callable[[], Any]:
    from flows.result import keep

    def flow() -> Any:
        if result is not None:
            keep(result)
        raise error

    return flow


def test_result_is_there_though_prefect_fails_to_record_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from flows.result import ran

    assert ran(after("published", httpx.ReadTimeout("slow"))) == "published"
    assert "Prefect did not record it: ReadTimeout" in capsys.readouterr().err
    with pytest.raises(EnvironmentFault, match="failed while the run was at work"):
        ran(after(None, httpx.ConnectError("gone")))
    with pytest.raises(ZeroDivisionError):
        ran(after("published", ZeroDivisionError()))
