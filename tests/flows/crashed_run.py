"""Releases in a process of its own, with debug logging everywhere, that end in crashes at named places.

crashed_run.py PROJECT LOG [detect | pii | release | killed]...

Each place gets a run: `detect`, `pii` and `release` end in an exception that holds the text at hand, `killed`
in SIGKILL while a shard is written. Without a place the run goes through.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

if __name__ == "__main__":
    os.environ.update(
        PREFECT_LOGGING_LEVEL="DEBUG",
        PREFECT_LOGGING_TO_API_ENABLED="true",
        PREFECT_LOGGING_EXTRA_LOGGERS="stackyard,dvc,huggingface_hub,detect_secrets",
        PREFECT_DEBUG_MODE="true",
    )
    logging.basicConfig(filename=sys.argv[2], level=logging.DEBUG)


def crash(text: bytes) -> NoReturn:
    """What a bug would do with a text: the exception keeps all of it."""
    (bytes(text) + b"\xff").decode()
    raise AssertionError


@contextmanager
def armed(where: str) -> Iterator[None]:
    from stackyard.pii import detect, redaction
    from stackyard.pipeline.stages import pii

    def with_text(_text: bytes, *_: Any) -> NoReturn:
        crash(_text)

    def with_column(texts: Any, *_: Any) -> NoReturn:
        crash(b"\n".join(text.as_py() for text in texts))

    def kill(*_: Any) -> NoReturn:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    places: dict[str, tuple[Any, str, Callable[..., Any]]] = {
        "detect": (detect, "inspect", with_text),
        "pii": (pii, "blob_digest", with_text),
        "release": (redaction, "replaced", with_column),
        "killed": (redaction, "_redactions", kill),
    }
    module, name, stand_in = places[where]
    real = getattr(module, name)
    setattr(module, name, stand_in)
    yield
    setattr(module, name, real)


if __name__ == "__main__":
    from flows.release import release
    from flows.runner import on_engine

    for place in sys.argv[3:]:
        with armed(place):
            try:
                on_engine(release, "local", 1)(Path(sys.argv[1]))
            except Exception:  # noqa: BLE001 - the crash that was asked for
                traceback.print_exc()
            else:
                sys.exit(f"{place}: nothing crashed")
    if not sys.argv[3:]:
        on_engine(release, "local", 1)(Path(sys.argv[1]))
