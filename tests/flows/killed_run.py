"""A release in a process of its own that ends itself with SIGKILL at a named place.

killed_run.py PROJECT before-record STAGE   outputs are there, DVC does not know
killed_run.py PROJECT after-record STAGE    DVC knows, the flow does not
killed_run.py PROJECT at-rename N           before the Nth file gets its final name
killed_run.py PROJECT publish PLACE         before-commit or before-tag, on the Hub
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.release import release
from flows.runner import on_engine
from stackyard.store import files
from stackyard.store.dvc import DvcProject
from stackyard.store.hub import HubDataset

if TYPE_CHECKING:
    from collections.abc import Iterator


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(kind: str, where: str) -> None:
    if kind in {"before-record", "after-record"}:
        commit = DvcProject.commit

        def dying(self: DvcProject, stage: Any) -> None:
            if stage.name == where and kind == "before-record":
                die()
            commit(self, stage)
            if stage.name == where:
                die()

        DvcProject.commit = dying  # type: ignore[method-assign]
    elif kind == "at-rename":
        left = [int(where)]
        real = files.replacing

        @contextmanager
        def counted(path: Path) -> Iterator[Path]:
            with real(path) as temporary:
                yield temporary
                left[0] -= 1
                if left[0] == 0:
                    die()

        files.replacing = counted
    else:
        name = {"before-commit": "_commit", "before-tag": "_tag"}[where]
        setattr(HubDataset, name, lambda *_: die())


if __name__ == "__main__":
    arm(sys.argv[2], sys.argv[3])
    on_engine(release, "local", 1)(Path(sys.argv[1]))
