"""What a reader can check of the opt-outs of a release: `release.checks.OptOuts` over its public files.

In: registry/ of a release, and the names of its rows. Out: what does not hold. The log is read whole, its
requests are counted; those whose requesters asked to be listed are held against every row; the others
are commitments, which only the operator can open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from stackyard.client.trees import SMALL_MAX_BYTES
from stackyard.client.trust import open_registry
from stackyard.errors import StackyardError, VerificationError
from stackyard.optout.absence import Gathered
from stackyard.optout.matching import named_by
from stackyard.optout.params import Params
from stackyard.optout.registry import Request, listed_requests
from stackyard.params import build
from stackyard.release.checks import Open
from stackyard.release.manifest import Manifest


@dataclass(frozen=True)
class _Files:
    """A tree over a function that opens its files."""

    open_file: Open

    def read(self, path: str, size_max_bytes: int = SMALL_MAX_BYTES) -> bytes:
        try:
            with self.open_file(path) as source:
                return source.read(size_max_bytes + 1)
        except OSError as error:
            raise VerificationError(f"{path} is missing") from error


class PublicOptOuts:
    """See `release.checks.OptOuts`."""

    def __init__(self) -> None:
        self._gathered = Gathered()
        self._listed: tuple[Request, ...] = ()
        self._params = Params()

    def open(self, manifest: Manifest, open_file: Open) -> Iterator[str]:
        """What does not hold of registry/ by itself, and against the manifest."""
        try:
            log = open_registry(_Files(open_file), manifest)
        except StackyardError as error:
            yield " ".join(str(error).split())
            return
        in_force = {name for name, status in log.statuses.items() if status.effective}
        if len(in_force) != manifest.totals.optouts:
            yield f"{len(in_force)} requests are in force, the manifest says {manifest.totals.optouts}"
        listed = listed_requests(log.events)
        self._listed = tuple(listed[name] for name in sorted(listed.keys() & in_force))
        try:
            self._params = build(Params, manifest.params.get("optout") or {}, "params.optout")
        except (TypeError, AttributeError, StackyardError):
            yield "params.optout of the manifest cannot be read"

    def add(self, rows: pa.Table) -> Iterator[str]:
        """What listed requests name of these rows."""
        self._gathered.add(rows)
        found = named_by(rows, self._listed, self._params)
        if len(found):
            names = ", ".join(
                f"{row['repo_name']}/{row['path']}" for row in found.slice(0, 5).to_pylist()
            )
            yield f"{len(found)} files that listed requests name are released: {names}"

    def document(self) -> bytes:
        """registry/presence.json of all rows."""
        return self._gathered.document()
