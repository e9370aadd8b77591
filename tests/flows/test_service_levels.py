"""Late opt-outs, on a real Prefect server: flow -> event -> automation -> run of the takedown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackyard.errors import UsageError
from stackyard.optout import requests
from stackyard.optout.selector import parse
from stackyard.store.registry import open_writer
from tests.flows.conftest import MakeProject

pytestmark = pytest.mark.xdist_group("more-flows")
REPO = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


def submitted(root: Path, name: str, age: timedelta, *, accepted: bool) -> str:
    """A request of some age, through the registry's own writer."""
    then = datetime.now(UTC) - age
    with open_writer(root) as log:
        event, request = requests.submit(
            parse("repo", name), sequence=log.size, time=then, salt=os.urandom(32), contact=None
        )
        log.append([event], [request])
        if accepted:
            reason = requests.Reason("asked", os.urandom(32))
            status = log.status(request.request)
            events = requests.verified(status, "manual", reason, None, sequence=log.size, time=then)
            log.append(events, reasons=[(request.request, reason)])
    return request.request


@pytest.fixture
def late(make_project: MakeProject) -> tuple[Path, str]:
    """A project with an accepted request that is late, and a submitted one that is not."""
    root = make_project("late")
    request = submitted(root, "octo-org/alpha", timedelta(days=30), accepted=True)
    submitted(root, "octo-org/beta", timedelta(hours=1), accepted=False)
    return root, request


def test_service_levels_command_reports_age_breach_and_next_step(late: tuple[Path, str]) -> None:
    root, request = late
    command = [sys.executable, "-m", "flows", "service_levels", "--project", str(root), "--json"]
    env = {**os.environ, "PYTHONPATH": f"{REPO}{os.pathsep}{REPO}/src"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    assert told["late"] == 1
    first, second = told["open"]
    assert (first["request"], first["state"], first["late"]) == (request, "accepted", True)
    assert first["age_hours"] == 30 * 24
    assert "takedown" in first["next_step"]
    assert (second["state"], second["late"]) == ("submitted", False)


def test_late_optout_makes_the_automation_run_the_takedown(late: tuple[Path, str]) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
    from prefect.client.schemas.objects import FlowRun

    from flows.automations import apply_automations
    from flows.service_levels import service_levels

    root, request = late
    with get_client(sync_client=True) as client:
        flow = client.create_flow_from_name("takedown")
        deployment = client.create_deployment(flow, "takedown", parameters={"root": "."})
        assert apply_automations() == ["late-optouts-are-applied", "crashed-runs"]
        assert apply_automations() == ["late-optouts-are-applied", "crashed-runs"]
        assert len(client.read_automations_by_name("late-optouts-are-applied")) == 1

        def runs() -> list[FlowRun]:
            return client.read_flow_runs(
                deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
            )

        assert runs() == []
        time.sleep(2)  # the trigger's service reads new automations from the database's messages
        levels = service_levels(root)
        assert [each.request for each in levels.late] == [request]
        end = time.monotonic() + PATIENCE_SECONDS
        while not runs() and time.monotonic() < end:
            time.sleep(0.5)
        (run,) = runs()
        assert run.parameters == {"root": str(root)}


def test_automation_for_a_deployment_that_is_not_there_is_refused(tmp_path: Path) -> None:
    from flows.automations import apply_automations

    text: dict[str, Any] = yaml.safe_load((REPO / "automations.yaml").read_text())
    text["automations"][0]["actions"][0]["deployment"] = "takedown/nowhere"
    path = tmp_path / "automations.yaml"
    path.write_text(yaml.safe_dump(text))
    with pytest.raises(UsageError, match="no deployment takedown/nowhere"):
        apply_automations(path)
