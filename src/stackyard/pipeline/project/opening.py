"""A dataset project: its folder, parameters, sources and workspace.

Layout: `params.yaml sources.yaml dvc.yaml registry/` are its own; `work/` and `release/` are made;
`.stackyard/` holds what never leaves the machine: keys, private data, caches, the local Hub.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

from stackyard.dedup.params import Params as DedupParams
from stackyard.errors import UsageError
from stackyard.filter.params import Params as FilterParams
from stackyard.ingest.params import Params as IngestParams
from stackyard.ingest.sources import Source, load_sources
from stackyard.optout.params import Params as OptoutParams
from stackyard.params import build, load_yaml, plain
from stackyard.pii.params import Params as PiiParams
from stackyard.release.params import Params as ReleaseParams
from stackyard.release.params import PublishParams
from stackyard.stages import REPORT
from stackyard.store.workspace import Workspace


@dataclass(frozen=True)
class ProjectParams:
    """All sections of params.yaml; each room's Params say what they mean."""

    ingest: IngestParams = field(default_factory=IngestParams)
    optout: OptoutParams = field(default_factory=OptoutParams)
    filter: FilterParams = field(default_factory=FilterParams)
    dedup: DedupParams = field(default_factory=DedupParams)
    pii: PiiParams = field(default_factory=PiiParams)
    release: ReleaseParams = field(default_factory=ReleaseParams)
    publish: PublishParams = field(default_factory=PublishParams)


def load_params(text: str) -> ProjectParams:
    """The parameters of a params.yaml.

    Raises:
        UsageError: it is not YAML, or has an unknown key or a value of the wrong kind.
    """
    document = load_yaml(text, "params.yaml")
    if not isinstance(document, Mapping):
        raise UsageError("params.yaml is no mapping", expected="one section a stage")
    return build(ProjectParams, document, "params")


def params_yaml(params: ProjectParams) -> str:
    """The text of params.yaml for given parameters, every one written out."""
    header = "# Every parameter, with its default. docs/parameters.md says what each one means.\n"
    return header + yaml.safe_dump(plain(params), sort_keys=False, allow_unicode=True, width=100)


@dataclass(frozen=True)
class Project:
    """A dataset project at `root`.

    With `dry` what a release makes goes to a folder of its own, `work/dry-run`: the tree of the last
    release and its report stay as they are.
    """

    root: Path
    dry: bool = False

    @classmethod
    def at(cls, folder: Path) -> Project:
        """The project in a folder.

        Raises:
            UsageError: there is no project.
        """
        root = folder.resolve()
        for name in ("params.yaml", "sources.yaml"):
            if not (root / name).is_file():
                raise UsageError(
                    f"{folder} is no dataset project: it has no {name}",
                    next_step="make one with `stackyard init DIR`, or name another with --project",
                )
        return cls(root)

    @cached_property
    def params(self) -> ProjectParams:
        return load_params((self.root / "params.yaml").read_text(encoding="utf-8"))

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        path = self.root / "sources.yaml"
        return load_sources(path.read_text(encoding="utf-8"), str(path.name))

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root / "work")

    @property
    def private(self) -> Path:
        """What never leaves the machine."""
        return self.root / ".stackyard"

    @property
    def cache(self) -> Path:
        """Downloaded archives, by hash."""
        return self.private / "cache"

    @property
    def release_folder(self) -> Path:
        return self.dry_folder / "release" if self.dry else self.root / "release"

    @property
    def report_folder(self) -> Path:
        """What the last run of the stage release says of itself, in small files under git."""
        return (self.dry_folder if self.dry else self.root) / REPORT

    @property
    def dry_folder(self) -> Path:
        """What the last dry run made; the next run of any kind removes it."""
        return self.workspace.root / "dry-run"
