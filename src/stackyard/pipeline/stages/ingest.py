"""Stage ingest: read what is new, once, in order; store blobs never seen before and who has them.

Unit: a bucket of owners. A source is done when its listing is stored and all its blobs lie in
segments; whatever a killed run left is swept and redone. Two buckets at work at once may meet the
same new blob: a claim (one row of a scratch SQLite database) says who stores it. Contents that an opt-out
names by themselves, or that were purged with their copies, are listed and not stored.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import EnvironmentFault, UsageError
from stackyard.ingest.authors import touched
from stackyard.ingest.fetch import Fetched
from stackyard.ingest.read import Reader
from stackyard.ingest.sources import Source
from stackyard.optout.authors import AUTHORS, namer
from stackyard.params import canonical_json
from stackyard.pipeline.project import Project
from stackyard.pipeline.purge.restoring import PURGED, buried_blobs
from stackyard.pipeline.stages import fetch
from stackyard.record import BLOB_ID, LISTING, SEGMENT, bucket_of
from stackyard.store import files
from stackyard.store.registry import author_key, open_registry
from stackyard.store.workspace import ORIGIN_ROWS, SOURCE_KEY, BlobIndex, Workspace

SEGMENT_BYTES = 128 << 20
"""Content of a segment: what one worker holds in memory at a time, and the grain of all later work.
Seconds of work for every detector, and few enough files at 100 TB (about 800,000)."""


def units(project: Project) -> list[str]:
    """Buckets that have a source not yet done, as two hex digits."""
    workspace = project.workspace
    for name in ("segments", "listings", "origins", "authors"):
        files.sweep(workspace.root / "ingest" / name)
    workspace.write_index()
    _claims_path(project).unlink(missing_ok=True)
    buried = buried_blobs(workspace, open_registry(project.root))
    text = canonical_json({blob.hex(): request for blob, request in buried.items()})
    files.write_bytes(_buried_path(project), text)
    done = _done_keys(workspace)
    todo = [e for e in fetch.source_entries(project) if e["source_key"] not in done]
    return sorted({f"{bucket_of(entry['name']):02x}" for entry in todo})


def run(project: Project, unit: str) -> None:
    """Ingests the sources of one bucket that are not yet done."""
    bucket = int(unit, 16)
    workspace = project.workspace
    done = _done_keys(workspace, bucket)
    sources = fetch.sources_by_digest(project)
    with _Claims(_claims_path(project), bucket, workspace.index()) as claims:
        buried = json.loads(_buried_path(project).read_bytes())
        writer = _Writer(
            workspace, bucket, claims, {bytes.fromhex(b): r for b, r in buried.items()}
        )
        for entry in fetch.source_entries(project):
            if bucket_of(entry["name"]) == bucket and entry["source_key"] not in done:
                source = sources[entry["digest"]]
                fetched = fetch.fetched(project, source)
                if fetched.identity != entry["identity"]:
                    raise EnvironmentFault(
                        f"{source.where} changed since it was fetched", next_step="run it again"
                    )
                writer.add(source, Reader(source, fetched, project.params.ingest), entry)
                if fetched.history is not None:
                    writer.add_authors(source, _touched(project, fetched, source), entry)
        writer.flush()


def _touched(project: Project, fetched: Fetched, source: Source) -> list[tuple[str, bytes]]:
    assert fetched.history is not None
    return touched(
        fetched.history,
        fetched.path,
        fetched.commit,
        project.params.ingest,
        name_of=namer(author_key(project.root)),
        where=source.where,
    )


def finish(project: Project) -> None:
    """Derives the index; every blob of every live listing is now in a segment.

    Raises:
        CorruptWorkspace: one is not.
        UsageError: two sources are the same revision of one origin.
    """
    workspace = project.workspace
    _refuse_twins(workspace.origins(fetch.live_keys(project)))
    _claims_path(project).unlink(missing_ok=True)
    _buried_path(project).unlink(missing_ok=True)
    workspace.write_index()
    listings = workspace.listings(fetch.live_keys(project))
    kept = listings.filter(pc.is_null(listings["rule"]))
    workspace.index().locate(kept["blob_id"].combine_chunks())


def _refuse_twins(origins: pa.Table) -> None:
    names = ["repo_name", "revision_id"]
    groups = origins.group_by(names, use_threads=False).aggregate(
        [("origin", "list"), ([], "count_all")]
    )
    for twin in groups.filter(pc.greater(groups["count_all"], 1)).slice(0, 1).to_pylist():
        raise UsageError(
            f"two sources are the same revision of {twin['repo_name']}",
            found=" and ".join(sorted(twin["origin_list"])),
            next_step="remove one of them from sources.yaml",
        )


def _done_keys(workspace: Workspace, bucket: int | None = None) -> set[str]:
    """Sources, of one bucket or all, with a listing whose every blob is stored."""
    listings = workspace.listings(bucket=bucket)
    kept = listings.filter(pc.is_null(listings["rule"]))
    held = workspace.index().holds(kept["blob_id"].combine_chunks())
    lost = set(kept["source_key"].filter(pc.invert(pa.array(held))).unique().to_pylist())
    listed: set[str] = set()
    for path in workspace.listing_files(bucket):
        origins = files.read_table(workspace.origins_folder / path.name, ["source_key"])
        listed |= set(origins["source_key"].to_pylist())
    return listed - lost


def _buried_path(project: Project) -> Path:
    return project.private / "buried.json"


def _claims_path(project: Project) -> Path:
    return project.private / "claims.sqlite"


class _Claims:
    """Who stores a blob: the segments of earlier runs, or the first worker of this run to ask."""

    def __init__(self, path: Path, bucket: int, index: BlobIndex) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._bucket = bucket
        self._index = index
        self._mine: set[bytes] = set()
        self._base = sqlite3.connect(path, timeout=600, isolation_level=None)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=OFF")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS claims (blob_id BLOB PRIMARY KEY, bucket INT) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def take(self, blob_id: bytes) -> bool:
        """Whether the caller is to store this blob."""
        if blob_id in self._mine or self._index.holds(pa.array([blob_id], BLOB_ID))[0]:
            return False
        self._mine.add(blob_id)
        row = (blob_id, self._bucket)
        if self._base.execute("INSERT OR IGNORE INTO claims VALUES (?, ?)", row).rowcount == 1:
            return True
        # An earlier attempt at this bucket in this run may have claimed it and died.
        found = self._base.execute("SELECT bucket FROM claims WHERE blob_id = ?", (blob_id,))
        return found.fetchone() == (self._bucket,)


@dataclass
class _Writer:
    """Gathers blobs and listings of one bucket; writes both when a segment is full."""

    workspace: Workspace
    bucket: int
    claims: _Claims
    buried: dict[bytes, str]
    names: list[str] = field(default_factory=list)
    blobs: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    blob_bytes: int = 0
    listings: list[pa.Table] = field(default_factory=list)
    origins: list[dict[str, Any]] = field(default_factory=list)
    authors: list[pa.Table] = field(default_factory=list)

    def add(self, source: Source, reader: Reader, entry: dict[str, Any]) -> None:
        rows: dict[str, list[Any]] = {name: [] for name in LISTING.names}
        for item in reader:
            rule, evidence = item.rule, item.evidence
            if item.content is not None and item.blob_id is not None:
                request = self.buried.get(item.blob_id)
                if request is None:
                    self._offer(item.path, item.blob_id, item.content)
                else:
                    rule, evidence = PURGED, {"request": request}
            rows["path"].append(item.path)
            rows["blob_id"].append(item.blob_id)
            rows["length_bytes"].append(item.length_bytes)
            rows["rule"].append(rule)
            rows["evidence"].append(None if rule is None else _evidence(evidence))
        revision = reader.revision
        count = len(rows["path"])
        rows["repo_name"] = [str(source.name)] * count
        rows["revision_id"] = [revision.revision_id] * count
        listing = pa.table(rows, schema=LISTING)
        key = pa.array([entry["source_key"]] * count, pa.string())
        self.listings.append(listing.add_column(0, SOURCE_KEY, key))
        self.origins.append(
            {
                "source_key": entry["source_key"],
                "repo_name": str(source.name),
                "revision_id": revision.revision_id,
                "origin": source.origin,
                "directory_id": revision.directory_id,
                "branch_name": revision.branch_name,
                "revision_date": revision.revision_date,
                "star_events_count": source.stars,
                "fork_events_count": source.forks,
                "fork_of": source.fork_of or None,
            }
        )

    def add_authors(
        self, source: Source, pairs: list[tuple[str, bytes]], entry: dict[str, Any]
    ) -> None:
        """Who touched the files of the source that was added last."""
        count, schema = len(pairs), pa.schema([SOURCE_KEY, *AUTHORS])
        said = {
            "source_key": [entry["source_key"]] * count,
            "repo_name": [str(source.name)] * count,
            "revision_id": [self.origins[-1]["revision_id"]] * count,
            "path": [path for path, _ in pairs],
            "author": [author for _, author in pairs],
        }
        self.authors.append(pa.table(said, schema=schema))

    def _offer(self, path: str, blob_id: bytes, content: bytes) -> None:
        if not self.claims.take(blob_id):
            return
        if self.blob_bytes + len(content) > SEGMENT_BYTES:
            self.flush()
        self.names.append(path.rpartition("/")[2])
        self.blobs["blob_id"].append(blob_id)
        self.blobs["content"].append(content)
        self.blob_bytes += len(content)

    def flush(self) -> None:
        """Writes the segment, then the listings of the sources that ended in it."""
        if self.names:
            table = pa.table(dict(self.blobs), schema=SEGMENT)
            self.workspace.write_segment(self.bucket, self.names, table)
            self.names, self.blobs, self.blob_bytes = [], defaultdict(list), 0
        if self.origins:
            schema = pa.schema([SOURCE_KEY, *ORIGIN_ROWS])
            origins = pa.Table.from_pylist(self.origins, schema=schema)
            authors = pa.concat_tables(self.authors) if self.authors else None
            listing = pa.concat_tables(self.listings)
            self.workspace.write_listing(self.bucket, listing, origins, authors)
            self.listings, self.origins, self.authors = [], [], []


def _evidence(values: Any) -> str:
    return canonical_json(values).decode()
