from __future__ import annotations

from typing import Any

import pyarrow as pa

from stackyard.filter import decode
from stackyard.filter.attribution import (
    Attribution,
    CopyrightDetector,
    attribution,
    copyright_lines,
)
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


def bundle_of(repos: corpus.Repos) -> tuple[list[dict[str, Any]], Attribution]:
    """Released rows of a corpus, and the bundle that goes with them."""
    released = corpus.run(repos).files
    contents = {blob_digest(c): c for tree in repos.values() for c in tree.values()}

    def texts(blobs: pa.Array) -> pa.Table:
        text, _ = decode(pa.array([contents[b] for b in blobs.to_pylist()], pa.large_binary()))
        return pa.table([blobs, text], names=["blob_id", "text"])

    lines = CopyrightDetector().detect(
        corpus.batch([("", contents[b]) for b in sorted(set(released["blob_id"].to_pylist()))])
    )
    bundle = attribution(released, corpus.files(repos), {"copyright": lines}, texts)
    return released.to_pylist(), bundle


def test_bundle_has_what_mit_bsd_and_apache_ask_to_be_passed_on() -> None:
    apache = b"Licensed under the Apache License, Version 2.0 (the License);\n"
    bsd = b"Copyright (c) 2019, B. Holder\n\nRedistribution and use in source and binary forms\n"
    repos = {
        "octo-org/mit": {"LICENSE": MIT, "src/a.py": b"# (c) nobody\nx = 1\n"},
        "octo-org/bsd": {"lib/COPYING.txt": bsd, "lib/a.c": b"/* Copyright 2018 C. Holder */\nint x;\n"},
        "octo-org/apache": {
            "LICENSE": apache, "NOTICE": b"Octo Tools\n", "THIRD-PARTY-NOTICES.txt": b"Parts by D.\n", "b.go": b"package b\n",
        },
        "octo-org/reuse": {
            "LICENSES/ISC.txt": b"Permission to use is granted.\n", "c.py": b"# SPDX-License-Identifier: ISC\ny = 2\n",
        },
    }  # fmt: skip
    rows, bundle = bundle_of(repos)
    assert {row["repo_name"] for row in rows} == set(repos)
    owed = {(u["repo_name"], u["path"]): u["sha256"] for u in bundle.uses.to_pylist()}
    texts = {t["sha256"]: t["text"].encode() for t in bundle.texts.to_pylist()}
    for repo, path in [
        ("mit", "LICENSE"),
        ("bsd", "lib/COPYING.txt"),
        ("apache", "LICENSE"),
        ("apache", "NOTICE"),
        ("apache", "THIRD-PARTY-NOTICES.txt"),
        ("reuse", "LICENSES/ISC.txt"),
    ]:
        assert texts[owed[f"octo-org/{repo}", path]] == repos[f"octo-org/{repo}"][path]
    assert "Copyright 2018 C. Holder" in bundle.holders["line"].to_pylist()


def test_bundle_has_every_licence_file_that_let_a_row_in() -> None:
    repos = {
        "octo-org/a": {"LICENSE": MIT, "x/MIT-LICENSE.md": MIT + b"\n", "x/a.py": CODE, "b.py": b"total = 1\n"},
        "octo-org/b": {"License.html": b"<p>" + MIT + b"</p>", "c.py": b"other = 1\n"},
    }  # fmt: skip
    rows, bundle = bundle_of(repos)
    owed = {(use["repo_name"], use["path"]) for use in bundle.uses.to_pylist()}
    spoke = {
        (row["repo_name"], statement["path"])
        for row in rows
        for statement in row["license_evidence"]
        if statement["kind"] == "license-file"
    }
    assert len(spoke) == 3
    assert spoke <= owed
