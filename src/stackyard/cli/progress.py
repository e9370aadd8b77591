"""How far a stage is: a bar on a terminal, a plain line now and then elsewhere.

Both fit 80 columns and go to standard error, so that what a command prints stays what it is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PLAIN_SECONDS = 10.0
"""Between two plain lines: a log of an hour has some 360 of them, and a short stage has none."""

BAR_COLUMNS = 24
"""What the other columns leave of 80, with a count of seven digits."""


@contextmanager
def progress(
    label: str,
    total: int,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[], None]]:
    """Gives a function that is to be called once a unit.

    Args:
        label: of the stage.
        total: units of work.
        stream: where it is shown; standard error unless told.
        clock: seconds, from any start.
    """
    out = sys.stderr if stream is None else stream
    if not out.isatty():
        yield _plain(label, total, out, clock)
        return
    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(BAR_COLUMNS),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=out), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)


def _plain(label: str, total: int, out: TextIO, clock: Callable[[], float]) -> Callable[[], None]:
    start = told = clock()
    done = 0

    def advance() -> None:
        nonlocal done, told
        done += 1
        now = clock()
        if now - told >= PLAIN_SECONDS:
            told = now
            left = (now - start) / done * (total - done)
            said = f"{label}: {done:,} of {total:,}, {now - start:.0f} s, about {left:.0f} s left"
            print(said, file=out, flush=True)

    return advance
