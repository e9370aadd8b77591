"""The code of each stage as one of its inputs: a stage is stale when what would run now is other code.

Out: `code.yaml`, a digest a stage, over the sources of its room, of what all stages share, and
the versions of the libraries whose output it stores. DVC compares a stage's own entry alone.
"""

from __future__ import annotations

from importlib import metadata

import yaml

from stackyard.detector import code_digest, fingerprint
from stackyard.params import digest
from stackyard.pipeline.project import Project
from stackyard.pipeline.stages import detect
from stackyard.stages import CODE, STAGES
from stackyard.store import files

_SHARED = (
    "stackyard.record",
    "stackyard.params",
    "stackyard.pipeline",
    "stackyard.store.workspace",
)
_ROOMS = {
    "detect": ("filter", "dedup", "pii"),
    "release": ("release", "pii", "filter"),
    "fetch": ("ingest",),
    "optout": ("optout", "dedup"),
}


def write_code(project: Project) -> None:
    """Brings `code.yaml` up to date; an unchanged file is not touched."""
    text = yaml.safe_dump(code_digests(project), sort_keys=True).encode()
    path = project.root / CODE
    if not path.exists() or path.read_bytes() != text:
        files.write_bytes(path, text)


def code_digests(project: Project) -> dict[str, str]:
    """Hex digest of the code of each stage, by its name."""
    shared = [code_digest(name) for name in _SHARED]
    detectors = {each.name: fingerprint(each) for each in detect.detectors(project)}
    out = {}
    for stage in STAGES:
        rooms = _ROOMS.get(stage.name, (stage.name,))
        out[stage.name] = digest(
            {
                "detectors": detectors if stage.name in {"detect", "release"} else {},
                "pyarrow": metadata.version("pyarrow"),
                "rooms": [code_digest(f"stackyard.{room}") for room in rooms],
                "shared": shared,
            }
        )
    return out
