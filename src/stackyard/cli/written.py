"""What a person wrote by hand in a project, checked before anything is imported that takes seconds."""

from __future__ import annotations

from pathlib import Path


def check_written(root: Path) -> None:
    """Passes if params.yaml is YAML, and sources.yaml a list of sources.

    What the parameters mean is checked where they are used. A folder without the two files passes: that
    it is no project is for `Project.at` to say.

    Raises:
        UsageError: one of them is not; with its line.
    """
    from stackyard.ingest.sources import load_sources
    from stackyard.params import load_yaml

    if (params := root / "params.yaml").is_file():
        load_yaml(params.read_text(encoding="utf-8"), params.name)
    if (sources := root / "sources.yaml").is_file():
        load_sources(sources.read_text(encoding="utf-8"), sources.name)
