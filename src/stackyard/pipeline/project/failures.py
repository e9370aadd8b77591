"""Errors that nobody foresaw, less what they hold.

An exception of a library may carry the text it was raised over (`UnicodeDecodeError.object`, a
`KeyError`'s key, the message of a parser), and whoever keeps exceptions keeps it too: Prefect writes them to
its storage and their `repr` to its logs. What leaves a stage is therefore where it happened and what it
was called, never what it said. Errors of ours and of the system hold no contents, and fly as they are.
Nor may a process that dies leave its memory in a core dump.
"""

from __future__ import annotations

import resource
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from stackyard.errors import StackyardError
from stackyard.extras import not_installed

T = TypeVar("T")

FRAMES_SHOWN = 6
"""Innermost calls that are named: enough to find the line, short enough for a terminal."""


class UnforeseenError(StackyardError):
    """The program met an error of its own; its author can mend it (exit 3)."""


def without_contents(where: str, act: Callable[[], T]) -> T:
    """What `act` returns; what nobody foresaw becomes an error that holds places and names alone.

    Raises:
        UnforeseenError: instead of any exception but a StackyardError, an OSError or a MemoryError.
        EnvironmentFault: a library is missing that an extra brings.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        return act()
    except (StackyardError, OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, what it says stays here
        fault = _fault(where, error)
    raise fault  # here, where no exception is at hand that would become its context


def _fault(where: str, error: Exception) -> StackyardError:
    missing = not_installed(error) if isinstance(error, ModuleNotFoundError) else None
    if missing is not None:
        return missing
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_SHOWN:]
    return UnforeseenError(
        f"{where} stopped at an error of the program: {type(error).__name__}",
        found=" < ".join(map(_place, reversed(frames))),
        next_step="report these lines; what the error said is left out, as it may hold contents",
    )


def _place(frame: traceback.FrameSummary) -> str:
    return f"{'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno} in {frame.name}"
