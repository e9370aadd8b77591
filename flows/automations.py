"""Automations of automations.yaml on a Prefect server: created, or brought up to date by their names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound

from stackyard.errors import EnvironmentFault, UsageError

FILE = Path(__file__).parents[1] / "automations.yaml"


def apply_automations(path: Path = FILE) -> list[str]:
    """Makes the server's automations those of the file; their names.

    Raises:
        UsageError: the file is not one of automations, or names a deployment that is not there.
        EnvironmentFault: the server is not what it should be.
    """
    wanted = yaml.safe_load(path.read_text(encoding="utf-8"))["automations"]
    names = []
    with get_client(sync_client=True) as client:
        for each in wanted:
            actions = [_resolved(client, action) for action in each["actions"]]
            automation = AutomationCore(**{**each, "actions": actions})
            known = client.read_automations_by_name(automation.name)
            if len(known) > 1:
                raise EnvironmentFault(
                    f"the Prefect server has {len(known)} automations named {automation.name}",
                    next_step="delete all but one of them",
                )
            if known:
                client.update_automation(known[0].id, automation)
            else:
                client.create_automation(automation)
            names.append(automation.name)
    return names


def _resolved(client: Any, action: dict[str, Any]) -> dict[str, Any]:
    """An action with the id of its deployment in place of the name."""
    name = action.get("deployment")
    if name is None:
        return action
    try:
        found = client.read_deployment_by_name(name)
    except ObjectNotFound as error:
        raise UsageError(
            f"the Prefect server has no deployment {name}",
            next_step="prefect --no-prompt deploy --all",
        ) from error
    rest = {key: value for key, value in action.items() if key != "deployment"}
    return {**rest, "source": "selected", "deployment_id": str(found.id)}
