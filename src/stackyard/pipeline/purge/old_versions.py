"""Releases already made, for requests that ask for them too (`--past`): kept, yanked or purged.

`registry/policy.json` says which. A version is concerned if it has a row that such a request names.
What is to be done is a value with a digest; nothing is purged before somebody confirms that digest.

A purge goes in this order, and each step may be repeated, so that a run that was killed is ended by the
next: (1) it is written down what goes, in `.stackyard/purge.json`; (2) the versions are yanked and get
signed tombstones; (3) the bytes leave the workspace, and its stages are brought up to date: the release
must come out as it is on the Hub; (4) DVC and git record that, the Hub loses the versions, DVC's cache
and remote lose what the workspace does not need; (5) everything that is stored is read: nothing of it
is left; (6) the note of (1) goes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.client import tombstones, yanks
from stackyard.client.opened import Opened, open_version
from stackyard.errors import UsageError, VerificationError
from stackyard.optout import match_requests
from stackyard.optout.matching import NEAR, claims_of
from stackyard.optout.policy import OldVersions
from stackyard.optout.registry import Registry, Request
from stackyard.params import build, canonical_json, plain
from stackyard.pipeline.optouts.authors import authors_for
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.keys import PUBLIC, release_key
from stackyard.pipeline.publish import previous
from stackyard.pipeline.publish.growth import require_growth
from stackyard.pipeline.publish.publishing import COMMITTED, outcome_of
from stackyard.pipeline.purge import deletion
from stackyard.pipeline.purge.scan import Wanted, scan
from stackyard.pipeline.tables import without
from stackyard.record import BLOB_ID, hex_column
from stackyard.release.names import ENVELOPE
from stackyard.release.semver import version_key
from stackyard.stages import STAGES, Stage, stage_named
from stackyard.store import files, git
from stackyard.store.dvc import DvcProject
from stackyard.store.hub import HubDataset
from stackyard.store.registry import open_policy, open_registry

RunStages = Callable[[Project, tuple[Stage, ...]], object]
"""Brings stages up to date, in their order."""

NOTE = "purge.json"
"""In `.stackyard/`: the purge that is under way."""

AFTER_INGEST = tuple(stage for stage in STAGES if stage.name not in {"fetch", "ingest"})
_SHOWN = 5
REASON = "it holds files that their owner asked to be removed"


@dataclass(frozen=True)
class Concerned:
    """A released version that has something of what requests with `--past` name.

    Attributes:
        version: which.
        rows: released rows that are named, by themselves or by one of their origins.
        requests: ids of the requests, sorted.
        yanked: whether it is marked already.
    """

    version: str
    rows: int
    requests: tuple[str, ...]
    yanked: bool


@dataclass(frozen=True)
class OldPlan:
    """What is to be done with releases already made; nothing if `versions` is empty.

    Attributes:
        policy: `keep`, `yank` or `purge`.
        versions: that are concerned, in their order; for `yank` those that are not marked yet.
        blobs: hex sha1_git of contents that a purge takes away, sorted.
        texts: content_sha256 of released texts that a purge takes away, sorted.
    """

    policy: OldVersions
    versions: tuple[Concerned, ...]
    blobs: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What whoever confirms the plan confirms."""
        names = [(each.version, each.rows, each.requests) for each in self.versions]
        return hashlib.sha256(
            canonical_json([self.policy, names, self.blobs, self.texts])
        ).hexdigest()

    @property
    def to_yank(self) -> tuple[str, ...]:
        """Versions that are not marked yet and should be."""
        return tuple(each.version for each in self.versions if not each.yanked)

    def text(self) -> str:
        """For a terminal."""
        if not self.versions:
            return f"policy for older versions: {self.policy}; nothing is to be done with them"
        lines = [f"policy for older versions: {self.policy} (registry/policy.json)"]
        lines += [
            f"  {each.version}: {each.rows} rows, for {', '.join(each.requests)}"
            + ("  yanked" if each.yanked else "")
            for each in self.versions
        ]
        if self.policy == "purge":
            lines.append(f"contents that go for good: {len(self.blobs)}")
        return "\n".join(lines)

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to do."""
        return not self.versions


@dataclass(frozen=True)
class PurgeReport:
    """What a purge did, and what it could not do.

    Attributes:
        versions: that are gone.
        objects, size_bytes: LFS objects that the Hub deleted, and their bytes.
        segments: of the workspace, written anew.
        contents: how many contents are gone.
        files_read: files that were read to see that nothing is left.
        caches: origins whose downloaded source was deleted.
        left: origins whose downloaded source stays, as other files of it are in the dataset.
    """

    versions: tuple[str, ...]
    objects: int
    size_bytes: int
    segments: int
    contents: int
    files_read: int
    caches: tuple[str, ...]
    left: tuple[str, ...]

    def beyond_reach(self) -> list[str]:
        """What no purge of ours reaches, said each time."""
        said = [
            "copies that others pulled or cloned: they are told by removals.jsonl and the tombstone",
            "backups of this machine and of the DVC remote, and sources of kind directory",
            "old states of the project in git name no contents, but can no longer be checked out by DVC",
        ]
        if self.left:
            said.append(
                "downloaded sources that have other files of the dataset, as their origins publish "
                f"them: {', '.join(self.left)}"
            )
        return said


def old_versions(project: Project) -> OldPlan:
    """What is to be done now; a purge that is under way is what it was when it was confirmed.

    Raises:
        VerificationError: a release on the Hub is not believed.
        EnvironmentFault: the Hub cannot be reached, or the private part is not here.
    """
    under_way = _note(project)
    if under_way is not None:
        return under_way
    policy = open_policy(project.root).old_versions
    if not previous.released_here(project):
        return OldPlan(policy, ())
    log = open_registry(project.root)
    asked = [request for request in log.effective() if request.past]
    if policy == "keep" or not asked:
        return OldPlan(policy, ())
    with previous.hub_endpoint(project) as endpoint:
        return _plan(project, HubDataset(project.params.publish.repo, endpoint), log, asked, policy)


def yank_old(project: Project, plan: OldPlan) -> tuple[str, ...]:
    """Marks what the plan wants marked; the versions that were not marked before."""
    if not plan.to_yank:
        return ()
    with previous.hub_endpoint(project) as endpoint:
        dataset = HubDataset(project.params.publish.repo, endpoint)
        there = dataset.versions()
        return tuple(
            version
            for version in plan.to_yank
            if version in there and yanks.yank(dataset, version, REASON, release_key(project.root))
        )


def purge(project: Project, plan: OldPlan, run_stages: RunStages) -> PurgeReport:
    """Takes versions away for good; see the top of this module.

    Raises:
        UsageError: the policy is another one.
        VerificationError: the workspace is not that of the newest release, or something is left.
        EnvironmentFault: the Hub, DVC or the disk fails: run it again.
    """
    if plan.policy != "purge":
        raise UsageError(
            f"the policy for old releases is {plan.policy}, not purge",
            next_step="registry/policy.json says it (old_versions); changing it is for people to review",
        )
    asked = _asked(project)
    if not previous.newest_is_here(project):
        raise VerificationError(
            "release/ is not the newest release, so it cannot be checked that it stays as it is",
            next_step="run `stackyard takedown` first",
        )
    with previous.hub_endpoint(project) as endpoint:
        dataset = HubDataset(project.params.publish.repo, endpoint)
        newest = previous.newest_release(project, dataset)
        if newest is not None:
            require_growth(project, newest)
    files.write_bytes(project.private / NOTE, canonical_json(plain(plan)))  # (1)
    yank_old(project, plan)  # (2)
    names = [each.version for each in plan.versions]
    with previous.hub_endpoint(project) as endpoint:
        _bury(project, HubDataset(project.params.publish.repo, endpoint), plan)
    forgotten = deletion.forget(project, asked)  # (3)
    dvc = DvcProject(project.root)
    dvc.commit(stage_named("ingest"))
    previous.fetch_previous(project, "auto")
    run_stages(project, AFTER_INGEST)
    if outcome_of(project, dry_run=False).is_new:
        raise VerificationError(
            "the release would change by what is purged",
            expected="the newest release, byte for byte",
            next_step="run `stackyard release`, then this again",
        )
    dvc.push()  # (4)
    git.commit(project.root, COMMITTED, f"Purge {', '.join(names)}")
    with previous.hub_endpoint(project) as endpoint:
        done = HubDataset(project.params.publish.repo, endpoint).purge(names)
    dvc.forget_unneeded()
    wanted = Wanted(frozenset(map(bytes.fromhex, plan.blobs)), frozenset(plan.texts))
    found, read = scan(project, wanted)  # (5)
    if found:
        raise VerificationError(
            "bytes that were purged are still stored",
            found=f"{len(found)} files: {', '.join(found[:_SHOWN])}",
            next_step="remove these files, then run this again",
        )
    (project.private / NOTE).unlink()  # (6)
    return PurgeReport(
        tuple(names),
        done.objects,
        done.size_bytes,
        forgotten.segments,
        len(plan.blobs),
        read,
        forgotten.caches,
        forgotten.left,
    )


def _note(project: Project) -> OldPlan | None:
    path = project.private / NOTE
    return build(OldPlan, json.loads(path.read_bytes()), NOTE) if path.exists() else None


def _asked(project: Project) -> list[Request]:
    return [request for request in open_registry(project.root).effective() if request.past]


def _plan(
    project: Project,
    dataset: HubDataset,
    log: Registry,
    asked: Sequence[Request],
    policy: OldVersions,
) -> OldPlan:
    newest = previous.latest(dataset)
    if newest is None:
        return OldPlan(policy, ())
    key = (project.root / PUBLIC).read_text(encoding="ascii").strip()
    yanked = yanks.read(dataset, key)
    concerned, held = [], []
    for version in dataset.versions():
        settled = policy == "yank" and version in yanked
        if settled or version_key(version) >= version_key(newest[0]):
            continue
        opened = open_version(dataset, version, key)
        open_to = [r for r in asked if _since(log, r) >= opened.manifest.registry.size]
        rows = _rows(project, opened, open_to) if open_to else None
        if rows is not None and len(rows):
            requests = tuple(sorted(set(rows["request"].to_pylist())))
            count = len(rows["row"].unique())
            concerned.append(Concerned(version, count, requests, version in yanked))
            held.append(rows)
    if policy != "purge" or not concerned:
        return OldPlan(policy, tuple(concerned))
    blobs, texts = _doomed(project, asked, held)
    return OldPlan(policy, tuple(concerned), blobs, texts)


def _since(log: Registry, request: Request) -> int:
    """Sequence of the event that put a request in force: a log that has it made no release with it."""
    verified = log.statuses[request.request].verified
    assert verified is not None
    return verified + 1


def _rows(project: Project, opened: Opened, asked: Sequence[Request]) -> pa.Table:
    """row, request, blob_id and content_sha256 of the rows of a release that requests name."""
    columns = ["repo_name", "path", "blob_id", "content_sha256", "origins"]
    with opened.reading():
        table = opened.table_of(opened.shards()).to_table(columns=columns).combine_chunks()
    number = pa.array(range(len(table)), pa.int64())
    claims = claims_of(table)
    parents = pa.concat_arrays(
        [
            number,
            pc.list_parent_indices(
                pa.concat_arrays(
                    table["origins"].chunks or [pa.array([], table.schema.field("origins").type)]
                )
            ).cast(pa.int64()),
        ]
    )
    claims = claims.append_column("row", parents)
    names = pc.unique(claims["repo_name"])
    empty = pa.repeat("", len(names))
    origins = pa.table({"repo_name": names, "revision_id": empty, "origin": empty})
    bare = claims.drop_columns(["row"])
    parts = []
    for request in asked:
        if request.selector.kind == "author":
            authors = authors_for(project, [request])
            assert authors is not None
            hits = authors.facts
        else:
            near = NEAR.empty_table()
            hits = match_requests(bare, origins, [request], project.params.optout, near)
        mask = pc.or_(_named(claims, hits), _carried(project, claims, request))
        rows = claims["row"].filter(mask).unique()
        part = table.take(rows).select(["blob_id", "content_sha256"])
        parts.append(
            part.append_column("row", rows).append_column(
                "request", pa.repeat(request.request, len(rows))
            )
        )
    return pa.concat_tables(parts)


def _named(claims: pa.Table, hits: pa.Table) -> pa.ChunkedArray:
    """Which claims were matched, by name and path; a release does not say which revision is whose."""

    def keys(table: pa.Table) -> pa.ChunkedArray:
        return pc.binary_join_element_wise(table["repo_name"], table["path"], "\0")

    return pc.is_in(keys(claims), value_set=keys(hits).combine_chunks())


def _carried(project: Project, claims: pa.Table, request: Request) -> pa.ChunkedArray:
    """Which claims went in the last build as forks or copies of what the request names."""
    evidence = f'{{"request":"{request.request}"}}'
    decisions = project.workspace.table("optout", "decisions")
    mine = decisions.filter(pc.equal(decisions["evidence"], evidence))
    copies = mine.filter(pc.is_in(mine["rule"], pa.array(["copy", "near-copy"])))
    forks = mine.filter(pc.equal(mine["rule"], "fork"))
    return pc.or_(
        pc.is_in(claims["blob_id"], value_set=copies["blob_id"].combine_chunks().cast(BLOB_ID)),
        pc.is_in(claims["repo_name"], value_set=forks["repo_name"].combine_chunks()),
    )


def _doomed(
    project: Project, asked: Sequence[Request], held: Sequence[pa.Table]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hex blob ids and released texts that nobody who stays needs."""
    listings = project.workspace.listings()
    named = deletion.named_files(project, asked)
    gone = {blob.hex() for blob in deletion.doomed(project, named)}
    rest = without(listings.filter(pc.is_null(listings["rule"])), named)
    needed = set(hex_column(pc.unique(rest["blob_id"])).to_pylist())
    rows = [row for table in held for row in table.to_pylist() if row["blob_id"] not in needed]
    gone |= {row["blob_id"] for row in rows}
    kept = _kept_texts(project)
    texts = {row["content_sha256"] for row in rows} - kept
    return tuple(sorted(gone)), tuple(sorted(texts))


def _kept_texts(project: Project) -> set[str]:
    """content_sha256 of the newest release: other contents may have the same text once redacted."""
    manifest = previous.released_here(project)
    assert manifest is not None
    found: set[str] = set()
    for file in manifest.shards:
        table = files.read_table(project.release_folder / file.path, ["content_sha256"])
        found.update(table["content_sha256"].to_pylist())
    return found


def _bury(project: Project, dataset: HubDataset, plan: OldPlan) -> None:
    """Signed tombstones of what is still there; they list the versions that stay."""
    key = release_key(project.root)
    public = key.public_key().public_bytes_raw().hex()
    known = tombstones.read(dataset)
    going = {each.version: each for each in plan.versions if each.version not in known}
    if not going:
        return
    there = dataset.versions()
    gone = {each.version for each in plan.versions}
    kept: Mapping[str, str] = {
        version: open_version(dataset, version, public).release.sha256
        for version in there
        if version not in gone
    }
    fresh = {
        version: tombstones.bury(
            dataset.read(there[version], ENVELOPE), list(each.requests), kept, key
        )
        for version, each in going.items()
    }
    tombstones.write(dataset, fresh)


def document(plan: OldPlan) -> dict[str, Any]:
    """For `--json`."""
    return {**plain(plan), "digest": plan.digest, "done": plan.is_done}
