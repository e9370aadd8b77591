"""A whole release, built in memory from a few files as the pipeline does it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stackyard.optout.absence import Gathered
from stackyard.params import canonical_json, plain
from stackyard.record import (
    ATTRIBUTES,
    CLUSTERS,
    DECISIONS,
    FILE_KEY,
    LISTING,
    ORIGINS,
    blob_digest,
    hex_column,
)
from stackyard.release import (
    attribution,
    card,
    changelog,
    checks,
    citation,
    croissant,
    diff,
    gate,
    removals,
    semver,
    shards,
)
from stackyard.release.checks import Check
from stackyard.release.manifest import (
    Checkpoint,
    Code,
    File,
    Manifest,
    Previous,
    Shard,
    describe,
    identity,
)
from stackyard.release.names import bucket_range_of
from stackyard.release.params import Params
from stackyard.release.totals import Tally, tally, totals

REVISION = f"swh:1:rev:{1:040x}"


class Looked:
    """The room of opt-outs, where the log is nobody's and no request is listed."""

    def __init__(self) -> None:
        self._gathered = Gathered()

    def open(self, manifest: Manifest, open_file: checks.Open) -> list[str]:
        with open_file("registry/log.jsonl") as source:
            count = source.read().count(b"\n")
        return [] if count == manifest.registry.size else [f"{count} events"]

    def add(self, rows: pa.Table) -> list[str]:
        self._gathered.add(rows)
        return []

    def document(self) -> bytes:
        return self._gathered.document()


@dataclass(frozen=True)
class Source:
    """A file of an origin; `text` is what is released of it."""

    repo_name: str
    path: str
    text: str
    language: str = "Python"
    license_expression: str | None = "MIT"
    edition: str = "permissive"
    redactions: tuple[tuple[str, int], ...] = ()
    revision_id: str = REVISION


@dataclass(eq=False)
class Release:
    """The tree with what was handed to the gate."""

    manifest: Manifest
    tree: dict[str, bytes]
    step: semver.Step
    evidence: gate.Evidence
    params: Params
    rows: pa.Table
    files: Sequence[Source] = field(default_factory=list)

    def open(self, path: str) -> IO[bytes]:
        if path not in self.tree:
            raise FileNotFoundError(path)
        return io.BytesIO(self.tree[path])

    def checks(self) -> tuple[Check, ...]:
        evidence = dataclasses.replace(self.evidence, registry=Looked())
        return gate.check(self.tree["manifest.json"], self.tree, self.open, evidence, self.params)

    def broken(self) -> list[tuple[int, str]]:
        return [(one.law, one.name) for one in self.checks() if not one.holds]


Build = Callable[..., Release]


@pytest.fixture
def build() -> Build:
    return build_release


def build_release(
    files: Sequence[Source],
    *,
    params: Params | None = None,
    last: Release | None = None,
    registry_size: int = 0,
    dropped: Sequence[Source] = (),
    known: pa.Table | None = None,
    detector: str = "c",
    name: str = "octo-org/sample",
    settings: Mapping[str, Any] | None = None,
) -> Release:
    """A release of files; `dropped` ones get a decision of the filter."""
    params = params or Params(bucket_ranges=4, config_rows_min=1)
    attributes = _attributes(files)
    repos = sorted({(file.repo_name, file.revision_id) for file in files})
    rows = shards.assemble(_clusters(attributes), attributes, _origins(repos))
    rows, unpublished = shards.published(rows, params)
    texts = {file.text.encode(): file for file in files}
    tree: dict[str, bytes] = {}
    listed: list[File] = []
    counted = Tally()
    tables = []
    names = Gathered()
    for plan in shards.plan(rows, params):
        part = rows.take(pa.array(plan.rows))
        of = [_text(blob, texts) for blob in part["blob_id"].to_pylist()]
        redactions = [[{"entity": e, "count": n} for e, n in f.redactions] for f in of]
        table = shards.finish(
            part, pa.array([f.text for f in of]), pa.array(redactions, shards.REDACTIONS)
        )
        sink = io.BytesIO()
        done = shards.write([table], sink, plan.edition, params)
        tree[plan.path] = sink.getvalue()
        if plan.edition == "ids" or "ids" not in params.editions:
            names.add(table)
        shard = Shard(plan.edition, plan.language, plan.bucket_range, done.rows, done.content_bytes)
        listed.append(File(plan.path, done.sha256, done.size_bytes, "shard", shard))
        if plan.edition != "ids":
            counted += tally(table)
        edition = pa.array([plan.edition] * len(table), pa.string())
        tables.append(table.select(diff.ROW_COLUMNS[1:]).add_column(0, "edition", edition))
    listing = _listing([*files, *dropped])
    decisions = (_decisions(dropped), unpublished)
    tree |= _published(pa.concat_tables(decisions), params)
    tree["registry/log.jsonl"] = b"{}\n" * registry_size
    tree["registry/presence.json"] = names.document()
    tree |= _attribution(rows, params)
    new_rows = pa.concat_tables(tables) if tables else diff.empty_rows()
    draft = Manifest(
        name=name,
        version="0.0.0",
        previous=None,
        registry=Checkpoint(registry_size, f"{registry_size:064x}"),
        params={"release": plain(params), **(settings or {})},
        code=Code("0.1.0", "pyarrow 26.0.1"),
        detectors={"language": detector * 64},
        schema_sha256=shards.schema_digest(),
        totals=totals(listing, rows, decisions, counted, registry_size),
        files=tuple(
            sorted(
                [
                    *listed,
                    *(describe(path, tree[path]) for path in tree if not path.startswith("data/")),
                ],
                key=lambda file: file.path,
            )
        ),
    )
    old_rows = last.rows if last else diff.empty_rows()
    changed = diff.rows(old_rows, new_rows, known)
    old = last.manifest if last else None
    step = semver.step(old, draft, changed)
    if last is not None and step.bump == "none":
        manifest, tree = last.manifest, dict(last.tree)
    else:
        manifest = _documented(draft, last, step, changed, tree)
    tree["manifest.json"] = manifest.serialise()
    tree["manifest.dsse.json"] = b"{}"
    evidence = gate.Evidence(
        listing=listing,
        decisions=decisions,
        rows=rows,
        optouts=pa.table({"repo_name": pa.array([], pa.string())}),
        near_duplicates=pa.table({"left": pa.array([], pa.string())}),
        leaks={
            "own": pa.table({"path": pa.array([], pa.string())}),
            "second": pa.table({"path": pa.array([], pa.string())}),
        },
        known=pa.table({"path": pa.array([], pa.string())}),
    )
    return Release(manifest, tree, step, evidence, params, new_rows, files)


def _documented(
    draft: Manifest,
    last: Release | None,
    step: semver.Step,
    changed: diff.RowDiff,
    tree: dict[str, bytes],
) -> Manifest:
    """The manifest with its version, whose documents are put into the tree."""
    old = last.manifest if last else None
    manifest = dataclasses.replace(
        draft,
        version=semver.next_version(old.version if old else None, step.bump),
        previous=Previous(old.version, identity(old)) if old else None,
    )
    log = last.tree["CHANGELOG.md"].decode() if last else None
    removed = last.tree["removals.jsonl"] if last else b""
    documents = {
        "CHANGELOG.md": changelog.render(log, manifest, step, changed).encode(),
        "CITATION.cff": citation.render(manifest).encode(),
        "README.md": card.render(manifest).encode(),
        "croissant.json": croissant.render(manifest),
        "removals.jsonl": removals.render(removed, manifest.version, changed),
    }
    tree |= documents
    return manifest.with_files(describe(path, content) for path, content in documents.items())


def _published(decisions: pa.Table, params: Params) -> dict[str, bytes]:
    """decisions/, a file a range."""
    every = decisions.sort_by([(key, "ascending") for key in FILE_KEY])
    every = every.set_column(3, "blob_id", hex_column(every["blob_id"]))
    ranges = pa.array(
        [bucket_range_of(name, params.bucket_ranges) for name in every["repo_name"].to_pylist()],
        pa.string(),
    )
    found = {}
    for name in sorted(set(ranges.to_pylist())):
        sink = io.BytesIO()
        pq.write_table(every.filter(pc.equal(ranges, name)), sink)
        found[f"decisions/{name}.parquet"] = sink.getvalue()
    return found


def _attribution(rows: pa.Table, params: Params) -> dict[str, bytes]:
    """ATTRIBUTION/ with the licence text of each repository."""
    notice = {"origin": "https://example.org", "path": "LICENSE", "copyrights": []}
    notices = [
        {**notice, "repo_name": name, "text": f"Licence of {name}"}
        for name in pc.unique(rows["repo_name"]).to_pylist()
    ]
    table = pa.Table.from_pylist(notices, schema=attribution.NOTICES)
    none = {"collection_license": "CC-BY-4.0", "conflicts": [], "policy_version": "1.0.0"}
    conflicts = canonical_json({**none, "policy_sha256": "0" * 64})
    rendered = attribution.render(table, rows, params)
    return {"ATTRIBUTION/conflicts.json": conflicts, **rendered}


def rewrite(release: Release, path: str, change: Callable[[pa.Table], pa.Table]) -> Release:
    """The release with a shard changed, and a manifest that lists the new bytes."""
    table = change(pq.read_table(io.BytesIO(release.tree[path])))
    sink = io.BytesIO()
    file = release.manifest.file(path)
    assert file is not None
    assert file.shard is not None
    done = shards.write([table], sink, file.shard.edition, Params(row_group_rows_max=10**6))
    content = done.content_bytes
    shard = dataclasses.replace(file.shard, rows=done.rows, content_bytes=content)
    new = dataclasses.replace(file, sha256=done.sha256, size_bytes=done.size_bytes, shard=shard)
    files = tuple(new if one.path == path else one for one in release.manifest.files)
    manifest = dataclasses.replace(release.manifest, files=files)
    tree = release.tree | {path: sink.getvalue(), "manifest.json": manifest.serialise()}
    return dataclasses.replace(release, manifest=manifest, tree=tree)


def _text(blob: bytes, texts: Mapping[bytes, Source]) -> Source:
    return next(file for content, file in texts.items() if blob_digest(content) == blob)


def _attributes(files: Sequence[Source]) -> pa.Table:
    rows = [
        {
            "repo_name": file.repo_name,
            "revision_id": file.revision_id,
            "path": file.path,
            "blob_id": blob_digest(file.text.encode()),
            "length_bytes": len(file.text.encode()),
            "edition": file.edition,
            "src_encoding": "utf-8",
            "language": file.language,
            "extension": file.path.rsplit(".", 1)[-1],
            "is_vendor": False,
            "is_generated": False,
            "license_type": file.edition,
            "license_expression": file.license_expression,
            "detected_licenses": [file.license_expression] if file.license_expression else [],
            "license_evidence": [{**_EVIDENCE, "expression": file.license_expression}]
            if file.license_expression
            else [],
        }
        for file in files
    ]
    return pa.Table.from_pylist(rows, ATTRIBUTES)


_EVIDENCE = {
    "path": "LICENSE",
    "kind": "license-file",
    "detector": "license",
    "expression": "MIT",
    "score": 0.99,
    "start_byte": 0,
    "end_byte": 1000,
}


def _clusters(files: pa.Table) -> pa.Table:
    return pa.table(
        {
            **{name: files[name] for name in CLUSTERS.names[:5]},
            "dedup_cluster": pa.array(
                [blob.hex() for blob in files["blob_id"].to_pylist()], pa.string()
            ),
            "cluster_size": pa.array([1] * len(files), pa.int64()),
        }
    ).cast(CLUSTERS)


def _origins(repos: Sequence[tuple[str, str]]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "repo_name": repo,
                "revision_id": revision,
                "origin": f"https://example.org/{repo}",
                "directory_id": f"swh:1:dir:{2:040x}",
                "star_events_count": 0,
                "fork_events_count": 0,
            }
            for repo, revision in repos
        ],
        ORIGINS,
    )


def _listing(files: Sequence[Source]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "repo_name": file.repo_name,
                "revision_id": file.revision_id,
                "path": file.path,
                "blob_id": blob_digest(file.text.encode()),
                "length_bytes": len(file.text.encode()),
            }
            for file in files
        ],
        LISTING,
    )


def _decisions(files: Sequence[Source]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "repo_name": file.repo_name,
                "revision_id": file.revision_id,
                "path": file.path,
                "blob_id": blob_digest(file.text.encode()),
                "stage": "filter",
                "rule": "license",
                "evidence": "{}",
            }
            for file in files
        ],
        DECISIONS,
    )
