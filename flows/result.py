"""What a flow came to, beside what Prefect makes of it: a release is published, whoever fails to record it.

A flow hands its result to `keep` when its work is done. What follows is Prefect's: an artifact, events, the
final state. If its server is gone or too busy for one of them, `ran` gives the result all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
import httpx
from prefect.exceptions import PrefectException

from stackyard.errors import EnvironmentFault

T = TypeVar("T")

_KEPT: list[Any] = []


def keep(result: T) -> T:
    """Remembers what the flow that runs came to; gives it back."""
    _KEPT[:] = [result]
    return result


def ran(flow: Callable[..., T], *arguments: Any) -> T:
    """Runs a flow; its result counts once there is one.

    Raises:
        EnvironmentFault: Prefect's server failed before.
    """
    _KEPT.clear()
    try:
        return flow(*arguments)
    except (httpx.HTTPError, PrefectException) as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        if _KEPT:
            click.echo(f"warning: the run is done, but Prefect did not record it: {said}", err=True)
            result: T = _KEPT[0]
            return result
        raise EnvironmentFault(
            "the Prefect server failed while the run was at work",
            found=said,
            next_step="run it again: it goes on where it was; see .stackyard/prefect/server.log",
        ) from error
