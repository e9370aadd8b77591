"""A project of many origins, made by splitting the packages installed here by directory, and its takedown.

Stages run in this process, one unit after the other: what is measured is bytes, not time.
"""

from __future__ import annotations

import json
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from benchmarks.optout_corpus import NOW, salt_of
from stackyard.optout import requests
from stackyard.optout.selector import parse
from stackyard.pipeline.execute import stage_module
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.code import write_code
from stackyard.pipeline.project.making import init_project
from stackyard.pipeline.publish.previous import fetch_previous
from stackyard.stages import STAGES
from stackyard.store.registry import open_writer

FILES_MAX = 12
_LICENSE_WORDS = "Permission is hereby granted, free of charge"
"""How the text of the MIT licence begins."""


def make_project(root: Path, origins: int) -> None:
    """A project with this many directory sources, one owner each, all under the MIT licence."""
    init_project(root, "octo-org/many", "opt-out@example.org")
    text = mit_text(packages())
    sources = []
    for number, files in zip(range(origins), directories(packages()), strict=False):
        folder = root / "origins" / f"{number:04d}"
        folder.mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, folder / file.name)
        (folder / "LICENSE").write_text(text, encoding="utf-8")
        path = folder.relative_to(root).as_posix()
        sources.append({"kind": "directory", "path": path, "name": f"owner{number}/code"})
    if len(sources) < origins:
        raise SystemExit(f"only {len(sources)} directories of Python files are installed here")
    (root / "sources.yaml").write_text(yaml.safe_dump(sources))


def packages() -> Path:
    """Where the packages lie that are installed here."""
    return Path(sysconfig.get_path("purelib"))


def directories(root: Path) -> Iterator[list[Path]]:
    """Python files of each directory that has two or more, at most FILES_MAX of them, sorted."""
    for folder in sorted(path for path in root.rglob("*") if path.is_dir()):
        files = [f for f in sorted(folder.glob("*.py")) if 200 < f.stat().st_size < 200_000]
        if len(files) > 1:
            yield files[:FILES_MAX]


def mit_text(root: Path) -> str:
    for path in sorted(root.rglob("LICENSE*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            if _LICENSE_WORDS in text and len(text) < 1_500:
                return text
    raise SystemExit("no package installed here has the MIT licence's text")


def build(root: Path, after_ingest: Callable[[Project], None] = lambda _: None) -> None:
    """Makes the release tree, stage after stage, as the flows do, here and without publishing."""
    project = Project.at(root)
    write_code(project)
    fetch_previous(project, "auto")
    for stage in STAGES:
        module = stage_module(stage)
        for unit in module.units(project):
            module.run(project, unit)
        module.finish(project)
        if stage.name == "ingest":
            after_ingest(project)


def opt_out_owners(root: Path, numbers: list[int]) -> None:
    """Submits and accepts a request for each of these owners."""
    with open_writer(root) as log:
        for number in numbers:
            event, request = requests.submit(
                parse("owner", f"owner{number}"),
                sequence=log.size,
                time=NOW,
                salt=salt_of(number),
                contact="me@example.org",
            )
            log.append([event], [request])
            reason = requests.Reason("asked", salt_of(number))
            events = requests.verified(
                log.status(request.request), "manual", reason, None, sequence=log.size, time=NOW
            )
            log.append(events, reasons=[(request.request, reason)])


def shards(root: Path) -> dict[str, tuple[str, int]]:
    """Path -> (hash, bytes) of the shards of the release that lies in the project."""
    manifest: dict[str, Any] = json.loads((root / "release" / "manifest.json").read_bytes())
    return {
        file["path"]: (file["sha256"], file["size_bytes"])
        for file in manifest["files"]
        if file["kind"] == "shard"
    }
