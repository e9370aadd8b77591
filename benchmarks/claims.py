"""`make claims ROOM=...`: measures what the docs claim; one line a claim, exit 1 if one falls short.

A room's claims are `run()` of benchmarks/claims_<room>.py: an iterator of Claim.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from benchmarks.claim import Claim
from stackyard.cli import run
from stackyard.errors import UsageError

ROOMS = tuple(
    sorted(path.stem.removeprefix("claims_") for path in Path(__file__).parent.glob("claims_*.py"))
)


def claims_of(room: str) -> Iterator[Claim]:
    """The claims of one room, as they are measured."""
    yield from importlib.import_module(f"benchmarks.claims_{room}").run()


@click.command()
@click.argument("room", default="all")
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line.")
def main(room: str, as_json: bool) -> int:
    """Measure the claims of ROOM, or of all rooms."""
    if room != "all" and room not in ROOMS:
        raise UsageError(f"there is no room {room!r}", expected=f"all, {', '.join(ROOMS)}")
    short = 0
    for name in ROOMS if room == "all" else (room,):
        for claim in claims_of(name):
            short += not claim.ok
            verdict = "ok" if claim.ok else "SHORT"
            if as_json:
                click.echo(json.dumps({"room": name, **claim._asdict()}))
            else:
                click.echo(
                    f"{verdict:5}  {name}: {claim.claim}  [bar: {claim.bar}; {claim.measured}]"
                )
            sys.stdout.flush()
    return 1 if short else 0


if __name__ == "__main__":
    run(main, "python -m benchmarks.claims")
