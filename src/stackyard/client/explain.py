"""Why a file is, or is not, in a release: from the release's own rows and decisions.

Nothing of an opted-out origin is named in a release, so of such a one, as of one that was never seen,
there is no word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from stackyard.client.opened import Opened
from stackyard.errors import UsageError
from stackyard.optout import selector
from stackyard.record import DECISIONS, RepoName, bucket_of
from stackyard.release.shards import schema_of

_ROW = ["repo_name", "revision_id", "path", "language", "license_expression", "dedup_cluster",
        "cluster_size", "license_evidence", "redactions"]  # fmt: skip


@dataclass(frozen=True, order=True)
class Explained:
    """What a release says of one file.

    Attributes:
        path, revision_id: the file.
        decision: `kept`, `dropped`, or `copy`: its bytes are in the release, from another file.
        rule: `<stage>/<rule>` that dropped it; empty if it was kept.
        evidence: JSON of the rule's evidence, or of the licence evidence and redactions of a row.
        instead: `owner/repo/path` of the row that has its bytes, for a copy.
    """

    path: str
    revision_id: str
    decision: str
    rule: str
    evidence: str
    instead: str = ""


def folded_name(origin: str) -> str:
    """`owner/repo` in lower case, from that or from a forge's URL.

    Raises:
        UsageError: it names no repository.
    """
    try:
        return RepoName(origin).folded
    except UsageError:
        return selector.parse("repo", origin).name


def explain(opened: Opened, origin: str, path: str | None = None) -> list[Explained]:
    """What a release says of an origin's files, or of one of them, sorted; empty if nothing.

    Args:
        opened: the release.
        origin: `owner/repo` in any letter case, or its URL.
        path: one file.
    """
    wanted = folded_name(origin)
    with opened.reading():
        rows = list(_rows(opened, wanted))
        dropped = list(_dropped(opened, wanted))
        copies = {(each.path, each.revision_id): each for each in _copies(opened, wanted)}
    kept = {(each.path, each.revision_id) for each in rows}
    decided = [_with_copy(each, copies) for each in dropped]
    known = kept | {(each.path, each.revision_id) for each in decided}
    others = [each for key, each in copies.items() if key not in known]
    return sorted(each for each in (*rows, *decided, *others) if path in {None, each.path})


def _with_copy(each: Explained, copies: dict[tuple[str, str], Explained]) -> Explained:
    copy = copies.get((each.path, each.revision_id))
    if copy is None:
        return each
    return Explained(each.path, each.revision_id, "copy", each.rule, each.evidence, copy.instead)


def _rows(opened: Opened, wanted: str) -> Iterator[Explained]:
    bucket = bucket_of(wanted)
    files = []
    for file in opened.shards():
        assert file.shard is not None
        first, last = (int(part, 16) for part in file.shard.bucket_range.split("-"))
        if first <= bucket <= last:
            files.append(file)
    table = opened.table_of(files, schema_of(opened.edition))
    for row in _of_origin(table, wanted, _ROW):
        evidence = {name: row[name] for name in ("language", "license_expression",
                    "license_evidence", "redactions", "cluster_size")}  # fmt: skip
        text = json.dumps(evidence, sort_keys=True)
        yield Explained(row["path"], row["revision_id"], "kept", "", text)


def _dropped(opened: Opened, wanted: str) -> Iterator[Explained]:
    if not opened.decisions():
        return
    names = ["repo_name", "revision_id", "path", "stage", "rule", "evidence"]
    assert set(names) <= set(DECISIONS.names)
    for row in _of_origin(opened.table_of(opened.decisions()), wanted, names):
        rule = f"{row['stage']}/{row['rule']}"
        yield Explained(row["path"], row["revision_id"], "dropped", rule, row["evidence"])


def _of_origin(table: Any, wanted: str, columns: list[str]) -> Iterator[dict[str, Any]]:
    condition = pc.equal(pc.ascii_lower(pc.field("repo_name")), wanted)
    yield from table.to_table(columns=columns, filter=condition).to_pylist()


def _copies(opened: Opened, wanted: str) -> Iterator[Explained]:
    """Files of the origin whose bytes another file's row has."""
    table = opened.table_of(opened.shards(), schema_of(opened.edition))
    columns = ["repo_name", "path", "origins"]
    for batch in table.scanner(columns=columns).to_batches():
        flat = pc.list_flatten(batch["origins"])
        parents = pc.list_parent_indices(batch["origins"])
        mine = pc.equal(pc.ascii_lower(pc.struct_field(flat, "repo_name")), wanted)
        members = flat.filter(mine).to_pylist()
        for member, row in zip(members, parents.filter(mine).to_pylist(), strict=True):
            name, path = batch["repo_name"][row].as_py(), batch["path"][row].as_py()
            if (name, path) != (member["repo_name"], member["path"]):
                yield Explained(
                    member["path"], member["revision_id"], "copy", "", "{}", f"{name}/{path}"
                )
