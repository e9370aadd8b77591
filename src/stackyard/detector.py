"""What a detector is: a pure function from contents to facts, and the fingerprint of its code.

In: a table of schema `record.BATCH`. Out: a table of facts whose first column is `blob_id` (scope
`blob`), or whose first two are `blob_id, path` (scope `file`), one row or more a row of input, or none.
Always holds: what a detector says of a row depends on that row, its params and its code alone: not
on other rows, their order, the clock, the environment or the machine.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from importlib import metadata, resources, util
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa

from stackyard.errors import EnvironmentFault
from stackyard.params import digest

Scope = Literal["blob", "file"]


class Detector(Protocol):
    """One detector of a room.

    Attributes:
        name: names its facts; lower case, `-` between words.
        scope: `blob` (content alone) or `file` (content and path).
        modules: the modules and packages of ours whose sources are its code version.
        distributions: installed distributions whose versions change its facts.
        params: the frozen parameters that steer it (those only: thresholds belong to decisions).
        schema: schema of its facts.
    """

    @property
    def name(self) -> str: ...
    @property
    def scope(self) -> Scope: ...
    @property
    def modules(self) -> Sequence[str]: ...
    @property
    def distributions(self) -> Sequence[str]: ...
    @property
    def params(self) -> Any: ...
    @property
    def schema(self) -> pa.Schema: ...

    def detect(self, batch: pa.Table) -> pa.Table: ...


def fingerprint(detector: Detector) -> str:
    """Hex SHA-256 over canonical JSON of name, scope, params, source digest and library versions."""
    return digest(
        {
            "name": detector.name,
            "scope": detector.scope,
            "params": detector.params,
            "code": {name: code_digest(name) for name in sorted(detector.modules)},
            "libraries": {name: metadata.version(name) for name in detector.distributions},
        }
    )


@functools.cache
def code_digest(module: str) -> str:
    """Hex SHA-256 over the source of a module; of a package: name and bytes of all its files.

    Raises:
        EnvironmentFault: there is no such module.
    """
    spec = util.find_spec(module)
    if spec is None or spec.origin is None:
        raise EnvironmentFault(f"there is no module {module} to take a fingerprint of")
    state = hashlib.sha256()
    if spec.submodule_search_locations is None:
        state.update(Path(spec.origin).read_bytes())
    else:
        _walk(resources.files(module), "", state)
    return state.hexdigest()


def _walk(folder: Any, prefix: str, state: Any) -> None:
    for item in sorted(folder.iterdir(), key=lambda entry: str(entry.name)):
        if item.is_dir():
            if item.name != "__pycache__":
                _walk(item, f"{prefix}{item.name}/", state)
        elif not item.name.endswith((".pyc", ".nbi", ".nbc")):
            content = item.read_bytes()
            state.update(f"{prefix}{item.name}\0{len(content)}\0".encode() + content)
