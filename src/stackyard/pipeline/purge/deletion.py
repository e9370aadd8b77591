"""Forgetting: the bytes of what is opted out leave the workspace, for requests that ask for the past too.

A blob goes if a request names a file that has it and no other file that ingest kept needs it. Its rows
stay in the listings, with the rule PURGED and the request as evidence, so that each file keeps its one
decision (law 1) and names and ids are matched as before; segments and facts are left without it.
Signatures that a request with near copies is matched by are kept: 256 hashes that no text comes back from.

Safe to repeat after a kill at any moment: what goes is computed from the listings, which come first.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.optout import match_requests
from stackyard.optout.registry import Request
from stackyard.pipeline.optouts.authors import authors_for
from stackyard.pipeline.optouts.near import near_copies
from stackyard.pipeline.optouts.signatures import keep_signatures
from stackyard.pipeline.project import Project
from stackyard.pipeline.purge.restoring import PURGED, evidence_of
from stackyard.pipeline.stages import fetch
from stackyard.pipeline.tables import without
from stackyard.record import BLOB_ID, DECISIONS, FILES, SEGMENT, blob_digest
from stackyard.store import files
from stackyard.store.workspace import Workspace

_EMPTY_BLOB = blob_digest(b"")


@dataclass(frozen=True)
class Forgotten:
    """What left the workspace, and what could not.

    Attributes:
        segments: that were rewritten.
        caches: downloaded sources that were deleted, by name of their origin.
        left: origins whose downloaded source stays, as other files of it are in the dataset.
    """

    segments: int
    caches: tuple[str, ...]
    left: tuple[str, ...]


def named_files(project: Project, requests: Sequence[Request]) -> pa.Table:
    """DECISIONS of all files ever listed, of live sources or not, that the requests name."""
    workspace = project.workspace
    listings = workspace.listings()
    if not len(listings) or not requests:
        return DECISIONS.empty_table()
    listed = listings.select(FILES.names)
    origins = workspace.origins(listings["source_key"].unique().to_pylist())
    authors = authors_for(project, requests)
    near = near_copies(project, listed, origins, requests, authors)
    return match_requests(listed, origins, requests, project.params.optout, near, authors=authors)


def doomed(project: Project, named: pa.Table) -> dict[bytes, str]:
    """Blob -> evidence, of those that named files have and nobody else needs."""
    listings = project.workspace.listings()
    others = without(listings.filter(pc.is_null(listings["rule"])), named)
    needed = others["blob_id"].combine_chunks()
    mine = named.filter(
        pc.and_(named["blob_id"].is_valid(), pc.invert(pc.is_in(named["blob_id"], needed)))
    )
    ids, evidence = mine["blob_id"].to_pylist(), mine["evidence"].to_pylist()
    found = dict(zip(reversed(ids), reversed(evidence), strict=True))
    found.pop(_EMPTY_BLOB, None)
    return found


def forget(project: Project, requests: Sequence[Request]) -> Forgotten:
    """Takes the bytes of what requests name out of `work/ingest`, `work/facts` and the cache of sources."""
    workspace = project.workspace
    named = named_files(project, requests)
    gone = doomed(project, named)
    near = {evidence_of(request.request) for request in requests if request.copies == "near"}
    keep_signatures(project, [blob for blob, why in gone.items() if why in near])
    _mark_listings(workspace, gone)
    rewritten = _drop_from_segments(workspace, gone)
    workspace.write_index()
    caches, left = _drop_sources(project, named)
    return Forgotten(rewritten, caches, left)


def _mark_listings(workspace: Workspace, gone: dict[bytes, str]) -> None:
    ids = pa.array(list(gone), BLOB_ID)
    evidence = pa.array(list(gone.values()), pa.string())
    for path in workspace.listing_files():
        listing = files.read_table(path)
        place = pc.index_in(listing["blob_id"], value_set=ids)
        here = pc.and_(place.is_valid(), pc.is_null(listing["rule"]))
        if not pc.any(here).as_py():
            continue
        why = {"rule": pa.scalar(PURGED), "evidence": pc.take(evidence, place)}
        for name, value in why.items():
            at = listing.schema.get_field_index(name)
            column = pc.if_else(here, value, listing[name])
            listing = listing.set_column(at, listing.schema.field(at), column)
        origins = files.read_table(workspace.origins_folder / path.name)
        workspace.write_listing(int(path.name[:2], 16), listing, origins)


def _drop_from_segments(workspace: Workspace, gone: dict[bytes, str]) -> int:
    """Writes segments anew without blobs, and deletes the old ones with all facts of theirs."""
    ids = pa.array(list(gone), BLOB_ID)
    names: dict[bytes, str] = {}
    rewritten = 0
    for segment in workspace.segments():
        doomed_here = pc.is_in(workspace.segment_ids(segment)["blob_id"], value_set=ids)
        if not pc.any(doomed_here).as_py():
            continue
        names = names or _names_of(workspace)
        whole = pa.concat_tables([SEGMENT.empty_table(), *workspace.read_segment(segment)])
        rest = whole.filter(pc.invert(pc.is_in(whole["blob_id"], value_set=ids)))
        if len(rest):
            called = [names.get(blob, "") for blob in rest["blob_id"].to_pylist()]
            workspace.write_segment(int(segment[:2], 16), called, rest)
        for path in (workspace.root / "facts").glob(f"*/*/**/{segment}*.parquet"):
            path.unlink()
        (workspace.segments_folder / f"{segment}.parquet").unlink()
        rewritten += 1
    return rewritten


def _names_of(workspace: Workspace) -> dict[bytes, str]:
    """Blob -> the least name that it goes by; it says where in a segment the blob lies, nothing else."""
    listing = workspace.listings().select(["blob_id", "path"])
    least = listing.group_by("blob_id", use_threads=False).aggregate([("path", "min")])
    return {
        blob: path.rpartition("/")[2]
        for blob, path in zip(
            least["blob_id"].to_pylist(), least["path_min"].to_pylist(), strict=True
        )
    }


def _drop_sources(project: Project, named: pa.Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Deletes downloaded sources of which every file is named; what has others in it stays."""
    listings = project.workspace.listings()
    rest = _count(without(listings, named))
    others = set(rest)
    partly = {key for key, count in _count(listings).items() if 0 < rest.get(key, 0) < count}
    entries = fetch.source_entries(project)
    needed = {place for e in entries if e["source_key"] in others for place in _places(project, e)}
    removed, left = set(), set()
    for entry in entries:
        for place in _places(project, entry):
            if not place.exists():
                continue
            if entry["source_key"] not in others and place not in needed:
                shutil.rmtree(place)
                removed.add(entry["name"])
            elif entry["source_key"] in partly:
                left.add(entry["name"])
    return tuple(sorted(removed)), tuple(sorted(left))


def _count(listings: pa.Table) -> dict[str, int]:
    """Rows of each source_key."""
    counts = pc.value_counts(listings["source_key"])
    return {each["values"]: each["counts"] for each in counts.to_pylist()}


def _places(project: Project, entry: dict[str, str]) -> list[Path]:
    """Where the cache may hold what was downloaded of a source (see `ingest.fetch`)."""
    url = entry["origin"]
    source = fetch.sources_by_digest(project).get(entry["digest"])
    urls = {url} if source is None else {url, source.location}
    if source is not None and source.kind == "git":
        urls.add(str((project.root / source.location).resolve()))
    git = [f"git-{hashlib.sha256(each.encode()).hexdigest()}" for each in sorted(urls)]
    return [project.cache / name for name in (entry["identity"], *git)]
