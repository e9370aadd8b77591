"""What the tests of this room share: columns from literal texts, and detect-secrets itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest
from detect_secrets.core.scan import _process_line_based_plugins
from detect_secrets.settings import default_settings, get_settings

from stackyard.pii import Params, detectors
from stackyard.pii.detect import PiiDetector
from stackyard.pii.params import Detection
from stackyard.record import BATCH, FILES

Oracle = Callable[[str], set[tuple[str, str]]]


def blob_id(number: int) -> bytes:
    return hashlib.sha1(b"%d" % number).digest()


def batch_of(texts: Sequence[bytes | None]) -> pa.Table:
    return pa.table(
        {
            "blob_id": [blob_id(i) for i in range(len(texts))],
            "path": [""] * len(texts),
            "content": [text or b"" for text in texts],
            "text": texts,
            "encoding": ["utf-8"] * len(texts),
        },
        schema=BATCH,
    )


def files_of(count: int) -> pa.Table:
    return pa.table(
        {
            "repo_name": ["octo-org/yard"] * count,
            "revision_id": ["swh:1:dir:" + "0" * 40] * count,
            "path": [f"{i}.txt" for i in range(count)],
            "blob_id": [blob_id(i) for i in range(count)],
            "length_bytes": [0] * count,
        },
        schema=FILES,
    )


def facts_of(batch: pa.Table, params: Params) -> dict[str, pa.Table]:
    return {each.name: each.detect(batch) for each in detectors(params)}


@pytest.fixture(scope="session")
def columns() -> Any:
    """The builders above, for tests that cannot import a conftest."""
    return type("Columns", (), {"batch": staticmethod(batch_of), "files": staticmethod(files_of),
                                "blob_id": staticmethod(blob_id), "facts": staticmethod(facts_of)})  # fmt: skip


@pytest.fixture
def find() -> Callable[[bytes], list[dict[str, Any]]]:
    def run(text: bytes) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = PiiDetector(Detection()).detect(batch_of([text])).to_pylist()
        return rows

    return run


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    """detect-secrets with all plugins: (type, secret) of every line of a text."""
    with default_settings():
        get_settings().disable_filters(
            "detect_secrets.filters.common.is_ignored_due_to_verification_policies",
            "detect_secrets.filters.common.is_invalid_file",
            "detect_secrets.filters.allowlist.is_line_allowlisted",
            "detect_secrets.filters.heuristic.is_lock_file",
        )

        def run(text: str) -> set[tuple[str, str]]:
            lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
            found = _process_line_based_plugins(list(enumerate(lines, start=1)), "text")
            return {(secret.type, str(secret.secret_value)) for secret in found}

        yield run
