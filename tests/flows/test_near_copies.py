"""Near copies are near by their texts: a signature proposes, and cannot take anything away."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stackyard import dedup
from stackyard.optout import requests
from stackyard.optout.registry import Request
from stackyard.optout.selector import parse
from stackyard.pipeline.execute import run_stage, run_units_here
from stackyard.pipeline.optouts.near import near_copies
from stackyard.pipeline.project import Project
from stackyard.pipeline.stages import fetch
from stackyard.pipeline.tables import live_listing
from stackyard.record import FILES, blob_digest
from stackyard.stages import stage_named
from tests.flows.conftest import CLOSE, CLOSER, ORIGINS, MakeProject

pytestmark = pytest.mark.xdist_group("more-flows")
VICTIM = ORIGINS["octo-org/alpha"]["alpha/own.py"]


def asked(text: str) -> Request:
    _, request = requests.submit(
        parse("path", text),
        sequence=0,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        salt=os.urandom(32),
        contact=None,
        copies="near",
    )
    return request


def forge(project: Project, of: bytes, onto: bytes) -> None:
    """Gives one blob the signature of another, as a file could be made to have."""
    (detector,) = dedup.detectors(project.params.dedup)
    facts = project.workspace.facts(detector).to_pylist()
    (signature,) = [row["signature"] for row in facts if row["blob_id"] == blob_digest(of)]
    for path in sorted(project.workspace.facts_folder(detector).glob("*.parquet")):
        table = pq.read_table(path)
        rows = [
            {**row, "signature": signature} if row["blob_id"] == blob_digest(onto) else row
            for row in table.to_pylist()
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def near_to(root: Path, text: str) -> set[bytes]:
    project = Project.at(root)
    files = live_listing(project).select(FILES.names)
    origins = project.workspace.origins(fetch.live_keys(project))
    return set(
        near_copies(project, files, origins, [asked(text)], None)["near_blob_id"].to_pylist()
    )


def test_near_copies_are_compared_on_their_texts_whatever_signatures_say(
    make_project: MakeProject,
) -> None:
    root = make_project("near")
    for name in ("fetch", "ingest", "detect"):
        run_stage(Project.at(root), stage_named(name), run_units_here)
    where = next(
        f"{repo}:{path}"
        for repo, files in ORIGINS.items()
        for path, content in files.items()
        if content == CLOSE
    )
    assert near_to(root, where) == {blob_digest(CLOSER)}
    forge(Project.at(root), of=CLOSE, onto=VICTIM)
    assert near_to(root, where) == {blob_digest(CLOSER)}
