from __future__ import annotations

import pyarrow as pa

from stackyard.filter import decode
from stackyard.filter.attribution import CopyrightDetector, attribution, copyright_lines
from stackyard.record import BLOB_ID, blob_digest
from tests.unit.filter import corpus
from tests.unit.filter.licenses import MIT

CODE = b"# Copyright 2020 Octo <octo@example.org>\nx = 1\n"


def test_copyright_lines_without_marks_and_addresses() -> None:
    head = (
        b"/* Copyright (c) 2001 A. Person <a@example.org>\n * Copyright (c) 2001 A. Person\n */\n"
    )
    assert copyright_lines(head) == ["Copyright (c) 2001 A. Person"]


def test_bundle_holds_each_text_once_and_every_use() -> None:
    repos = {
        "octo-org/a": {"LICENSE": MIT, "NOTICE": b"Made by Octo.\n", "a.py": CODE},
        "octo-org/b": {"sub/LICENSE": MIT, "b.py": CODE},
        "octo-org/c": {"LICENSE": b"not released"},
    }
    files = corpus.files(repos)
    released = files.filter(pa.array([path.endswith(".py") for path in files["path"].to_pylist()]))
    contents = {blob_digest(c): c for tree in repos.values() for c in tree.values()}

    def texts(blobs: pa.Array) -> pa.Table:
        text, _ = decode(pa.array([contents[b] for b in blobs.to_pylist()], pa.large_binary()))
        return pa.table([blobs, text], names=["blob_id", "text"])

    lines = CopyrightDetector().detect(corpus.batch([("", CODE)]))
    bundle = attribution(released, files, {"copyright": lines}, texts)
    assert bundle.texts.num_rows == 2
    assert [(u["repo_name"], u["path"], u["kind"]) for u in bundle.uses.to_pylist()] == [
        ("octo-org/a", "LICENSE", "license"),
        ("octo-org/a", "NOTICE", "notice"),
        ("octo-org/b", "sub/LICENSE", "license"),
    ]
    assert {h["line"] for h in bundle.holders.to_pylist()} == {"Copyright 2020 Octo"}
    assert texts(pa.array([], BLOB_ID)).num_rows == 0
