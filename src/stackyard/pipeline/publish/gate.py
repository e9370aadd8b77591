"""The gate over the tree in `release/`: gathers the evidence, asks `release.gate`, refuses or passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard import optout, pii
from stackyard.client.optouts import PublicOptOuts
from stackyard.dedup import Index
from stackyard.optout.absence import Presence
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.failures import without_contents
from stackyard.pipeline.publish import growth
from stackyard.pipeline.publish.previous import hub_endpoint, newest_release
from stackyard.pipeline.publish.tree import all_decisions
from stackyard.pipeline.stages.dedup import deduplicated
from stackyard.pipeline.stages.pii import allowed, known
from stackyard.pipeline.stages.release import plan
from stackyard.pipeline.tables import by_file, live_listing
from stackyard.record import FILE_KEY
from stackyard.release import gate
from stackyard.release.checks import Check
from stackyard.release.manifest import Manifest
from stackyard.release.tables import row_of
from stackyard.store.hub import HubDataset
from stackyard.store.registry import open_registry


def check(project: Project) -> tuple[Check, ...]:
    """All checks over the tree; nothing is raised for one that does not hold."""
    return without_contents("the release gate", lambda: _check(project))


def _check(project: Project) -> tuple[Check, ...]:
    planned = plan(project)
    folder = project.release_folder
    text = (folder / "manifest.json").read_bytes()
    release = Manifest.parse(text)
    left = _left(project, release)
    evidence = gate.Evidence(
        listing=live_listing(project),
        decisions=tuple(all_decisions(project, planned.unpublished).values()),
        rows=planned.rows,
        optouts=_named_by_optouts(project, release),
        near_duplicates=_near_duplicates(project, planned.rows),
        leaks=left.leaks,
        known=left.known,
        registry=PublicOptOuts(),
    )
    paths = [str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()]
    made = gate.check(
        text,
        sorted(paths),
        lambda path: (folder / path).open("rb"),
        evidence,
        project.params.release,
    )
    with hub_endpoint(project) as endpoint:
        last = newest_release(project, HubDataset(project.params.publish.repo, endpoint))
        grown = growth.checks(project, release, Presence.of(planned.rows), last)
        return (*made, *grown)


def require(project: Project) -> tuple[Check, ...]:
    """The checks, if all hold.

    Raises:
        GateRefused: one does not.
    """
    checks = check(project)
    gate.require(checks)
    return checks


def _named_by_optouts(project: Project, release: Manifest) -> pa.Table:
    """Rows of the tree that an opt-out names, their `origins` included."""
    columns = ["repo_name", "revision_id", "path", "blob_id", "origins"]
    log = open_registry(project.root)
    parts = [
        optout.violations(
            pq.read_table(project.release_folder / file.path, columns=columns, partitioning=None),
            log,
            project.params.optout,
            dropped=project.workspace.table("optout", "decisions"),
        )
        for file in release.shards
    ]
    return pa.concat_tables(parts) if parts else pa.table({})


def _near_duplicates(project: Project, rows: pa.Table) -> pa.Table:
    """Released files that deduplicating the survivors once more would drop.

    All survivors, as a band has room for so many representatives: if stage pii dropped some of them,
    others would be compared that were not before.
    """
    attributes = project.workspace.table("filter", "files")
    survivors = project.workspace.table("dedup", "files")
    files = by_file(attributes.take(row_of(survivors, attributes, FILE_KEY)))
    again = deduplicated(project, files, Index.empty(project.params.dedup)).decisions
    again = again.filter(pc.is_valid(row_of(again, rows, FILE_KEY)))
    return again.select(["repo_name", "path", "rule", "evidence"])


class _Left(NamedTuple):
    """What is still found in the released texts; never a value."""

    leaks: dict[str, pa.Table]
    known: pa.Table


_FIRST = pa.schema([(name, pa.string()) for name in ("rule", "repo_name", "path")])
_SECOND = pa.schema(
    [
        ("rule", pa.string()),
        ("value_sha256", pa.string()),
        ("line", pa.int64()),
        ("name", pa.string()),
    ]
)
_KNOWN = pa.schema([("entity", pa.string()), ("start_byte", pa.int64()), ("name", pa.string())])


def _left(project: Project, release: Manifest) -> _Left:
    """What two scanners find, by scanner, and where known values stand."""
    let_stand, values, params = allowed(project), known(project), project.params.pii
    first = [_FIRST.empty_table()]
    second: list[dict[str, object]] = []
    places: list[dict[str, object]] = []
    for table, leave in _texts(project, release):
        found = pii.scan(table["content"], params, leave)
        place = table.select(["repo_name", "path"]).take(found["row"])
        first.append(place.append_column("rule", found["rule"]).select(_FIRST.names).cast(_FIRST))
        names = pc.binary_join_element_wise(table["repo_name"], table["path"], "/").to_pylist()
        items = zip(names, (text.as_py().encode() for text in table["content"]), strict=True)
        second.extend(leak._asdict() for leak in pii.second_scan(items, let_stand))
        repos = [(name,) for name in table["repo_name"].to_pylist()]
        places.extend(
            {"entity": span.entity, "start_byte": span.start, "name": names[row]}
            for row, span in values.spans(table["content"], repos)
        )
    leaks = {
        "stackyard": pa.concat_tables(first),
        pii.second_scanner(): pa.Table.from_pylist(second, schema=_SECOND),
    }
    return _Left(leaks, pa.Table.from_pylist(places, schema=_KNOWN))


def _texts(project: Project, release: Manifest) -> Iterator[tuple[pa.Table, frozenset[str]]]:
    """Texts of the release with their places, and which entities may stay in them."""
    for file in release.shards:
        with pq.ParquetFile(project.release_folder / file.path) as shard:
            if "content" in shard.schema_arrow.names:
                for number in range(shard.num_row_groups):
                    columns = ["repo_name", "path", "content"]
                    yield shard.read_row_group(number, columns=columns), frozenset()
    notices = [file.path for file in release.files if file.path.startswith("ATTRIBUTION/")]
    texts = [(project.release_folder / path).read_text(encoding="utf-8") for path in notices]
    names = {"repo_name": [release.name] * len(notices), "path": notices, "content": texts}
    yield pa.table(names, pa.schema([(name, pa.string()) for name in names])), pii.PERSONAL
