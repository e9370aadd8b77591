"""Listings of what was purged, and how a source is read anew when the request for it has ended."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.optout.registry import Registry
from stackyard.store import files
from stackyard.store.workspace import Workspace

PURGED = "purged"
"""Rule of stage ingest: the file was seen, and its bytes are gone for good."""


def evidence_of(request: str) -> str:
    """The evidence of a decision that a request made: canonical JSON."""
    return f'{{"request":"{request}"}}'


def listing_paths(workspace: Workspace) -> list[Path]:
    """Files of listings, sorted."""
    return sorted(workspace.listings_folder.glob("[!.]*.parquet"))


def revive(workspace: Workspace, log: Registry) -> None:
    """Drops the listings of sources whose bytes were purged for a request that is no longer in force.

    Stage ingest then reads such a source again, if it is still to be had.
    """
    in_force = sorted(evidence_of(name) for name, each in log.statuses.items() if each.effective)
    for path in listing_paths(workspace):
        listing = files.read_table(path)
        purged = listing.filter(pc.equal(listing["rule"], PURGED))
        ended = pc.invert(pc.is_in(purged["evidence"], value_set=pa.array(in_force, pa.string())))
        keys = purged["source_key"].filter(ended).unique()
        if not len(keys):
            continue
        origins = files.read_table(workspace.origins_folder / path.name)
        rest = origins.filter(pc.invert(pc.is_in(origins["source_key"], value_set=keys)))
        if len(rest):
            kept = listing.filter(pc.invert(pc.is_in(listing["source_key"], value_set=keys)))
            workspace.write_listing(int(path.name[:2], 16), kept, rest)
        path.unlink()
        (workspace.origins_folder / path.name).unlink()
