"""Small corpora for the filter's tests: files as literals, through the real detectors."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from stackyard import filter as room
from stackyard.filter import Filtered, Params
from stackyard.record import BATCH, BLOB_ID, FILES, ORIGINS, blob_digest

REVISION = "swh:1:dir:" + "0" * 40
Repos = Mapping[str, Mapping[str, bytes]]


def batch(rows: list[tuple[str, bytes]]) -> pa.Table:
    """A table of schema BATCH."""
    content = pa.array([content for _, content in rows], pa.large_binary())
    text, encoding = room.decode(content)
    return pa.table(
        [
            pa.array([blob_digest(content) for _, content in rows], BLOB_ID),
            pa.array([path for path, _ in rows], pa.string()),
            content,
            text,
            encoding,
        ],
        schema=BATCH,
    )


def facts(repos: Repos, params: Params) -> dict[str, pa.Table]:
    """Facts of all files, as the detect stage stores them: once a blob, or once a blob and path."""
    distinct = sorted(
        {(path, content) for files in repos.values() for path, content in files.items()}
    )
    blobs = [("", content) for content in sorted({content for _, content in distinct})]
    return {
        detector.name: detector.detect(batch(blobs if detector.scope == "blob" else distinct))
        for detector in room.detectors(params)
    }


def files(repos: Repos) -> pa.Table:
    """A table of schema FILES."""
    rows = [
        (repo, REVISION, path, blob_digest(content), len(content))
        for repo, tree in sorted(repos.items())
        for path, content in sorted(tree.items())
    ]
    columns = list(zip(*rows, strict=True)) or [()] * 5
    return pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, FILES, strict=True)], schema=FILES
    )


def origins(repos: Repos) -> pa.Table:
    """A table of schema ORIGINS."""
    rows = [
        {
            "repo_name": repo,
            "revision_id": REVISION,
            "origin": f"https://example.org/{repo}",
            "directory_id": REVISION,
            "star_events_count": 0,
            "fork_events_count": 0,
        }
        for repo in sorted(repos)
    ]
    return pa.Table.from_pylist(rows, schema=ORIGINS)


def run(repos: Repos, params: Params | None = None) -> Filtered:
    """The whole filter over a corpus."""
    params = params or Params()
    return room.decide(
        files(repos), origins(repos), facts(repos, params), params, room.default_policy()
    )


def rules(filtered: Filtered) -> dict[tuple[str, str], str]:
    """Rule by (repo_name, path); `kept` for what goes on."""
    dropped = {(d["repo_name"], d["path"]): d["rule"] for d in filtered.decisions.to_pylist()}
    kept = {(f["repo_name"], f["path"]): "kept" for f in filtered.files.to_pylist()}
    assert not dropped.keys() & kept.keys()
    return dropped | kept
