"""The tree in `release/`: shards and decisions under their released names, documents, manifest last.

Always holds: the tree is replaced as a whole; what it says of itself is counted from its tables;
where nothing that matters changed it is the last release again, byte for byte.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stackyard import __version__, optout
from stackyard import filter as filter_room
from stackyard.detector import fingerprint
from stackyard.errors import CorruptWorkspace, UsageError
from stackyard.filter import attribution as bundle
from stackyard.filter import compatibility
from stackyard.optout.absence import PRESENCE_PATH, Presence
from stackyard.params import build, canonical_json, plain
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.keys import PUBLIC, release_key
from stackyard.pipeline.publish.previous import previous_document, previous_manifest, row_columns
from stackyard.pipeline.stages import detect
from stackyard.pipeline.stages.filter import load_policy
from stackyard.pipeline.stages.pii import without_secrets
from stackyard.pipeline.tables import (
    by_file,
    facts_of,
    files_after_optout,
    ingest_decisions,
    live_listing,
    origins_of,
    text_reader,
    without,
)
from stackyard.record import DECISIONS, bucket_of, hex_column
from stackyard.release import (
    attribution,
    card,
    changelog,
    changes,
    citation,
    croissant,
    diff,
    dsse,
    plots,
    removals,
    report,
    semver,
    shards,
)
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
from stackyard.release.names import ENVELOPE, MANIFEST, bucket_range
from stackyard.release.shards import ShardPlan, Written
from stackyard.release.totals import Tally, totals
from stackyard.stages import NOTES
from stackyard.store import files
from stackyard.store.registry import open_registry, published

RUN = "run.json"
"""In `report/`: the whole report, as `stackyard report --json` has it."""

CHANGES = "changes.jsonl"
"""Of a dry run, beside its tree: every file that would change."""

CONFLICTS_PATH = "ATTRIBUTION/conflicts.json"


@dataclass(frozen=True)
class Planned:
    """What the release stage is to write: the rows, the shards, and each shard's cache name."""

    rows: pa.Table
    unpublished: pa.Table
    spans: pa.Table
    shards: tuple[ShardPlan, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class CachedShard:
    """A shard that is written, and what it holds."""

    path: Path
    written: Written
    tally: Tally


def all_decisions(project: Project, unpublished: pa.Table) -> dict[str, pa.Table]:
    """DECISIONS of every stage; together with the released rows they are all files seen (law 1)."""
    opted_out = project.workspace.table("optout", "decisions")
    listing = without(live_listing(project), opted_out)
    return {
        "ingest": ingest_decisions(listing),
        "optout": opted_out,
        **{
            stage: project.workspace.table(stage, "decisions")
            for stage in ("filter", "dedup", "pii")
        },
        "release": unpublished,
    }


def lay_out(project: Project, planned: Planned, cached: Sequence[CachedShard]) -> None:
    """Makes the tree, signed, with the version that its changes ask for."""
    old = previous_manifest(project)
    with files.replacing_folder(project.release_folder) as folder:
        draft = _draft(project, planned, cached, folder)
        rows = _row_diff(project, folder, draft, old)
        step = _step(project, old, draft, rows)
        if old is not None and step.bump == "none":
            manifest = old
            _restore_documents(project, folder, old)
        else:
            manifest = _documented(project, folder, draft, step, rows)
        text = manifest.serialise()
        files.write_bytes(folder / MANIFEST, text)
        files.write_bytes(folder / ENVELOPE, dsse.sign(text, release_key(project.root)).serialise())
    run = report.report(manifest, old, step)
    if step.bump == "none" and not project.dry and _is_of(project, manifest.version):
        return  # what is there says what that release did, and not that nothing followed
    with files.replacing_folder(project.report_folder) as folder:
        files.write_bytes(folder / RUN, canonical_json(run) + b"\n")
        for name, content in plots.documents(run).items():
            files.write_bytes(folder / name, content)
    if project.dry:
        listed = changes.table(rows)
        files.write_table(project.dry_folder / "changes.parquet", listed)
        files.write_bytes(project.dry_folder / CHANGES, b"".join(changes.lines(listed)))


def _is_of(project: Project, version: str) -> bool:
    """Whether the report that is there is of a version."""
    path = project.report_folder / RUN
    return path.exists() and last_report(project).version == version


def _step(
    project: Project, old: Manifest | None, draft: Manifest, rows: diff.RowDiff
) -> semver.Step:
    text = (project.workspace.root / "previous" / "bump.json").read_text(encoding="ascii")
    return semver.step(old, draft, rows).raised(json.loads(text)["bump"])


def _restore_documents(project: Project, folder: Path, old: Manifest) -> None:
    """Puts the last release's documents where the new draft's would be.

    Raises:
        CorruptWorkspace: one is not what its manifest lists.
    """
    shutil.rmtree(folder / "registry", ignore_errors=True)
    shutil.rmtree(folder / "ATTRIBUTION", ignore_errors=True)
    for file in old.files:
        if file.kind not in {"shard", "decisions"}:
            content = previous_document(project, file.path)
            if content is None or describe(file.path, content) != file:
                raise CorruptWorkspace(
                    f"work/previous/files/{file.path} is not what the last release lists",
                    next_step="remove work/previous and release again",
                )
            files.write_bytes(folder / file.path, content)


def _documented(
    project: Project, folder: Path, draft: Manifest, step: semver.Step, rows: diff.RowDiff
) -> Manifest:
    """The manifest with its version, and the documents that it generates."""
    old = previous_manifest(project)
    manifest = dataclasses.replace(
        draft,
        version=semver.next_version(old.version if old else None, step.bump),
        previous=Previous(old.version, identity(old)) if old else None,
    )
    log = previous_document(project, "CHANGELOG.md")
    texts = {
        "CHANGELOG.md": changelog.render(
            log.decode() if log else None, manifest, step, rows, _notes(project, manifest.version)
        ).encode(),
        "removals.jsonl": removals.render(
            previous_document(project, "removals.jsonl") or b"", manifest.version, rows
        ),
        "README.md": card.render(manifest).encode(),
        "CITATION.cff": citation.render(manifest).encode(),
        "croissant.json": croissant.render(manifest),
    }
    for path, content in texts.items():
        files.write_bytes(folder / path, content)
    return manifest.with_files(describe(path, content) for path, content in texts.items())


def _notes(project: Project, version: str) -> str:
    path = project.root / NOTES / f"{version}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def last_report(project: Project) -> report.RunReport:
    """The report of the last tree that was made.

    Raises:
        UsageError: there is none.
    """
    path = project.report_folder / RUN
    if not path.exists():
        raise UsageError(
            "this project has made no release yet",
            next_step=f"run `stackyard release --project {project.root}`",
        )
    return build(report.RunReport, json.loads(path.read_text(encoding="utf-8")), "report")


def _draft(
    project: Project, planned: Planned, cached: Sequence[CachedShard], folder: Path
) -> Manifest:
    """The manifest of all that does not depend on the version; its files lie in the folder."""
    decisions = all_decisions(project, planned.unpublished)
    log = open_registry(project.root)
    documents = {
        **published(log),
        **_attribution(project, planned.rows),
        CONFLICTS_PATH: _conflicts(project, planned.rows),
        f"registry/{PUBLIC.name}": (project.root / PUBLIC).read_bytes(),
        PRESENCE_PATH: Presence.of(planned.rows).document(),
    }
    for path, content in documents.items():
        files.write_bytes(folder / path, content)
    listed = [
        *_place_shards(planned, cached, folder),
        *_write_decisions(project, decisions, folder),
        *(describe(path, content) for path, content in documents.items()),
    ]
    checkpoint = optout.checkpoint(log)
    # The edition `ids` repeats rows of the others, and has no texts to count.
    with_texts = (
        held.tally
        for shard, held in zip(planned.shards, cached, strict=True)
        if shard.edition != "ids"
    )
    counted = sum(with_texts, Tally())
    return Manifest(
        name=project.params.publish.repo,
        version=semver.FIRST,
        previous=None,
        registry=Checkpoint(checkpoint.size, checkpoint.root, checkpoint.note),
        params=plain(project.params),
        code=Code(__version__, f"pyarrow {pa.__version__}"),
        detectors={each.name: fingerprint(each) for each in detect.detectors(project)},
        schema_sha256=shards.schema_digest(),
        totals=totals(
            live_listing(project), planned.rows, decisions.values(), counted, len(log.effective())
        ),
        files=tuple(sorted(listed, key=lambda file: file.path)),
    )


def _place_shards(planned: Planned, cached: Sequence[CachedShard], folder: Path) -> Iterator[File]:
    for shard, held in zip(planned.shards, cached, strict=True):
        target = folder / shard.path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(held.path, target)
        except OSError:  # a file system without links, or another one
            shutil.copyfile(held.path, target)
        done = held.written
        about = Shard(
            shard.edition, shard.language, shard.bucket_range, done.rows, done.content_bytes
        )
        yield File(shard.path, done.sha256, done.size_bytes, "shard", about)


def _write_decisions(
    project: Project, decisions: dict[str, pa.Table], folder: Path
) -> Iterator[File]:
    """What is not there and why, by bucket range; nothing of what was opted out."""
    parts = [table.cast(DECISIONS) for stage, table in decisions.items() if stage != "optout"]
    table = by_file(pa.concat_tables(parts))
    ids = hex_column(table["blob_id"])
    table = table.set_column(table.schema.get_field_index("blob_id"), "blob_id", ids)
    owners = table["repo_name"].combine_chunks().dictionary_encode()
    ranges = project.params.release.bucket_ranges
    names = pa.array(
        [bucket_range(bucket_of(name), ranges) for name in owners.dictionary.to_pylist()],
        pa.string(),
    ).take(owners.indices)
    for name in sorted(names.unique().to_pylist()):
        path = f"decisions/{name}.parquet"
        files.write_table(folder / path, table.filter(pc.equal(names, name)))
        yield describe(path, (folder / path).read_bytes())


def _attribution(project: Project, rows: pa.Table) -> dict[str, bytes]:
    """ATTRIBUTION/ of the origins that have released rows."""
    listed = files_after_optout(project)
    detectors = filter_room.detectors(project.params.filter)
    facts = facts_of(project, [each for each in detectors if each.name == "copyright"], rows)
    owed = bundle.attribution(rows, listed, facts, text_reader(project))
    origin = {
        (each["repo_name"], each["revision_id"]): each["origin"]
        for each in origins_of(project, listed).to_pylist()
    }
    texts = without_secrets(project, owed.texts["text"].to_pylist())
    lines = without_secrets(project, owed.holders["line"].to_pylist())
    text_of = dict(zip(owed.texts["sha256"].to_pylist(), texts, strict=True))
    notices = [
        {**use, "text": text_of[use["sha256"]], "copyrights": []} for use in owed.uses.to_pylist()
    ] + [
        {**holder, "path": "", "text": None, "copyrights": [line]}
        for holder, line in zip(owed.holders.to_pylist(), lines, strict=True)
    ]
    for each in notices:
        each["origin"] = origin[each["repo_name"], each["revision_id"]]
    table = pa.Table.from_pylist(notices, schema=attribution.NOTICES)
    rendered = attribution.render(table, rows, project.params.release)
    # Together they may say more than each alone: a scanner reads a file, not a text of it.
    whole = without_secrets(project, [content.decode() for content in rendered.values()])
    return dict(zip(rendered, (text.encode() for text in whole), strict=True))


def _conflicts(project: Project, rows: pa.Table) -> bytes:
    """Licences of the rows that do not go with the collection's own, or may not, as canonical JSON."""
    policy = load_policy(project)
    counts = pc.value_counts(rows["license_expression"].drop_null())
    by_expression = {each["values"]: each["counts"] for each in counts.to_pylist()}
    found = compatibility.conflicts(by_expression, policy)
    return canonical_json(
        {
            "collection_license": policy.collection_license,
            "policy_version": policy.version,
            "policy_sha256": policy.digest,
            "conflicts": [each._asdict() for each in found],
        }
    )


def _row_diff(
    project: Project, folder: Path, draft: Manifest, old: Manifest | None
) -> diff.RowDiff:
    """Rows of the shards that differ, in both releases."""
    touched = set(diff.shards_to_compare(old, draft))
    known = None
    before = [diff.empty_rows()]
    if old is not None:
        table = project.workspace.table("previous", "rows")
        mask = pc.is_in(table["shard"], value_set=pa.array(sorted(touched), pa.string()))
        before.append(table.filter(mask).select(diff.ROW_COLUMNS))
        known = project.workspace.table("previous", "known")
    after = [diff.empty_rows()]
    for file in draft.shards:
        if file.shard is not None and file.path in touched:
            rows = row_columns(folder / file.path, file.shard.edition, file.path)
            after.append(rows.select(diff.ROW_COLUMNS))
    schema = before[0].schema
    return diff.rows(
        pa.concat_tables([part.cast(schema) for part in before]),
        pa.concat_tables([part.cast(schema) for part in after]),
        known,
    )
