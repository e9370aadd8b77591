"""The table of stages: what each reads and writes, in the order in which flows and DVC run them.

dvc.yaml is generated from this table (`stackyard init`); a test holds dvc.yaml, this table and the
order of the flow together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: also the name of its DVC stage, and of `stackyard stage run <name>`.
        unit: what its work is cut into; `whole` stages are one unit.
        deps: paths it reads, relative to the project.
        params: sections of params.yaml that steer it.
        outs: paths it writes, relative to the project. Content-named directories grow in place.
        grows: whether outs are such directories (DVC must not delete them before a run).
    """

    name: str
    unit: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]
    grows: bool = False


CODE = "code.yaml"
"""Digests of the code of each stage; each stage depends on its own. A release commits it, so that
`dvc params diff` finds it at every commit."""

REPORT = "report"
"""Numbers of the last release, small and committed: what `dvc metrics` and `dvc plots` show."""

NOTES = "notes"
"""What the release manager says of versions, `<version>.md` each."""

STAGES: tuple[Stage, ...] = (
    Stage(
        "fetch",
        "batch of sources",
        ("sources.yaml", "registry/log"),
        ("ingest", "optout"),
        ("work/fetch",),
    ),
    Stage("ingest", "bucket", ("work/fetch",), ("ingest",), ("work/ingest",), grows=True),
    Stage(
        "detect",
        "segment",
        ("work/ingest",),
        ("filter", "dedup", "pii"),
        ("work/facts",),
        grows=True,
    ),
    Stage(
        "optout",
        "whole",
        ("work/ingest", "work/facts", "registry/log"),
        ("optout", "dedup"),
        ("work/optout",),
    ),
    Stage(
        "filter",
        "whole",
        ("work/ingest", "work/facts", "work/optout", "registry/licenses.yaml"),
        ("filter",),
        ("work/filter",),
    ),
    Stage(
        "dedup",
        "whole",
        ("work/ingest", "work/facts", "work/filter", "work/released"),
        ("dedup",),
        ("work/dedup",),
    ),
    Stage(
        "pii",
        "segment",
        (
            "work/ingest",
            "work/facts",
            "work/optout",
            "work/filter",
            "work/dedup",
            "registry/pii-allow.yaml",
        ),
        ("pii",),
        ("work/pii",),
    ),
    Stage(
        "release",
        "shard",
        (
            "work/ingest",
            "work/facts",
            "work/optout",
            "work/filter",
            "work/dedup",
            "work/pii",
            "work/previous",
            "registry/licenses.yaml",
            "registry/log",
            "registry/pii-allow.yaml",
            NOTES,
        ),
        ("release", "publish", "pii"),
        ("release", REPORT),
    ),
)


def stage_named(name: str) -> Stage:
    """The stage of that name.

    Raises:
        KeyError: there is none.
    """
    return {stage.name: stage for stage in STAGES}[name]


_PLOTS = (
    ("left", "files", "stage", "Files left after each stage"),
    ("dropped", "files", "rule", "Files dropped, by rule"),
    ("languages", "bytes", "language", "Bytes released, by language"),
    ("licences", "rows", "licence", "Files released, by licence"),
    ("redactions", "spans", "entity", "Redactions, by entity"),
)
"""Name of the CSV in `report/`, its columns across and down, and the title."""


def dvc_yaml() -> str:
    """The text of dvc.yaml: one DVC stage a stage, each with its Prefect-free command."""
    document: dict[str, Any] = {"stages": {}}
    for stage in STAGES:
        document["stages"][stage.name] = {
            "cmd": f"stackyard stage run {stage.name}",
            "deps": list(stage.deps),
            "params": [*stage.params, {CODE: [stage.name]}],
            "outs": [_out(stage, out) for out in stage.outs],
        }
    document["metrics"] = [f"{REPORT}/metrics.json"]
    document["plots"] = [
        {
            f"{REPORT}/{name}.csv": {
                "template": "bar_horizontal", "x": across, "y": down, "title": title,
            }
        }
        for name, across, down, title in _PLOTS
    ]  # fmt: skip
    header = (
        "# Generated from src/stackyard/stages.py by `stackyard init`; a test keeps them equal.\n"
    )
    return header + yaml.safe_dump(document, sort_keys=False, width=100)


def _out(stage: Stage, out: str) -> Any:
    if out == REPORT:
        return {out: {"cache": False}}
    return {out: {"persist": True}} if stage.grows else out


def is_outdated(dvc_yaml_text: str) -> bool:
    """Whether a dvc.yaml is one that an earlier Stackyard generated, with no stage of somebody's own."""
    if dvc_yaml_text == dvc_yaml() or not dvc_yaml_text.startswith("# Generated from "):
        return False
    try:
        stages = (yaml.safe_load(dvc_yaml_text) or {}).get("stages", {})
    except yaml.YAMLError:
        return False
    return set(stages) <= {stage.name for stage in STAGES}
