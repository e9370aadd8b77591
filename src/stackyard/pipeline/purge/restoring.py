"""Listings of what was purged, and how a source is read anew when the request for it has ended."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.optout.registry import Registry
from stackyard.record import Swhid
from stackyard.store import files
from stackyard.store.workspace import Workspace

PURGED = "purged"
"""Rule of stage ingest: the file was seen, and its bytes are gone for good."""


def evidence_of(request: str) -> str:
    """The evidence of a decision that a request made: canonical JSON."""
    return f'{{"request":"{request}"}}'


def buried_blobs(workspace: Workspace, log: Registry) -> dict[bytes, str]:
    """Blob -> request, of contents that no source may bring in again: those that a request names by
    themselves, and those that were purged for one that asks for copies wherever they are. What a request
    wants near copies of is let in, unless it was purged: its signature finds them.
    """
    found: dict[bytes, str] = {}
    wanting = {evidence_of(r.request): r.request for r in log.effective() if r.copies != "none"}
    if wanting:
        listing = workspace.listings()
        gone = pc.and_(
            pc.equal(listing["rule"], PURGED),
            pc.is_in(listing["evidence"], value_set=pa.array(list(wanting), pa.string())),
        )
        rows = listing.filter(gone).select(["blob_id", "evidence"]).to_pylist()
        found = {row["blob_id"]: wanting[row["evidence"]] for row in rows}
    named = {
        request.selector.name: request.request
        for request in log.effective()
        if request.selector.kind == "blob" and request.copies != "near"
    }
    return found | {Swhid.parse(name).digest: request for name, request in named.items()}


def revive(workspace: Workspace, log: Registry) -> None:
    """Drops the listings of sources whose bytes were purged for a request that is no longer in force.

    Stage ingest then reads such a source again, if it is still to be had.
    """
    in_force = sorted(evidence_of(name) for name, each in log.statuses.items() if each.effective)
    for path in workspace.listing_files():
        listing = files.read_table(path)
        purged = listing.filter(pc.equal(listing["rule"], PURGED))
        ended = pc.invert(pc.is_in(purged["evidence"], value_set=pa.array(in_force, pa.string())))
        keys = purged["source_key"].filter(ended).unique()
        if not len(keys):
            continue
        rest = _without(files.read_table(workspace.origins_folder / path.name), keys)
        known = workspace.authors_folder / path.name
        authors = _without(files.read_table(known), keys) if known.exists() else None
        if len(rest):
            workspace.write_listing(int(path.name[:2], 16), _without(listing, keys), rest, authors)
        path.unlink()
        (workspace.origins_folder / path.name).unlink()
        known.unlink(missing_ok=True)


def _without(table: pa.Table, keys: pa.Array) -> pa.Table:
    return table.filter(pc.invert(pc.is_in(table["source_key"], value_set=keys)))
