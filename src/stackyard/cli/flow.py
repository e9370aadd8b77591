"""The flows as commands: `stackyard release` is `python -m flows release`, wherever Stackyard lies.

`flows/` and `tasks/` are top folders of the checkout, as Prefect's users expect them. In the wheel they
lie in `stackyard/orchestration/`, since PyPI has other packages of these names; only the process of
such a command, and the workers that it starts, find them under the names that they have in the checkout
(docs/adr/0019-flows-in-the-wheel.md).
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import click

from stackyard.errors import EnvironmentFault

_PACKAGE = Path(__file__).parents[1]
_CHECKOUT = Path(__file__).parents[3]

NAMES = ("build", "release", "takedown", "service-levels")
"""Commands that `stackyard` has of the flows."""


def folder() -> Path:
    """Where `flows/` and `tasks/` lie: in the package of a wheel, else at the top of the checkout.

    Raises:
        EnvironmentFault: in neither.
    """
    for place in (_PACKAGE / "orchestration", _CHECKOUT):
        if (place / "flows" / "__main__.py").is_file():
            return place
    raise EnvironmentFault(
        f"the flows are not where Stackyard is installed ({_PACKAGE})",
        next_step="install its wheel, or work in its checkout",
    )


def _group() -> click.Group:
    place = str(folder())
    if place not in sys.path:
        sys.path.insert(0, place)
        # For children that are no forks: the Prefect server of a run, and workers on Dask.
        known = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
        os.environ["PYTHONPATH"] = os.pathsep.join([place, *known])
    module = importlib.import_module("flows.__main__")
    group: click.Group = module.flows
    return group


COMMANDS = [_group().commands[name] for name in NAMES]
