"""Bytes that are hashed, signed or published, pinned in tests/golden/release/.

If a change of them is meant, the failing test names the command that takes the new ones over; a new
pyarrow changes the shards, so it changes these too: look at the diff before it is committed.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackyard.release import attribution, dsse, report
from stackyard.release.params import Params

from .conftest import Build, Source

GOLDEN = Path(__file__).parents[2] / "golden" / "release"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FIRST = (
    Source("octo-org/alpha", "src/a.py", "print('<EMAIL>')\n", redactions=(("email", 1),)),
    Source("octo-org/alpha", "src/b.cc", "int x;\n", "C++", "Apache-2.0"),
    Source("hubot-org/beta", "c.cs", "class C;\n", "C#", "MIT OR Apache-2.0"),
)
SECOND = (
    FIRST[0],
    FIRST[2],
    Source("hubot-org/beta", "d.vim", "set nocompatible\n", "Vim Script"),
)
NOTICES = pa.Table.from_pylist(
    [
        {
            "repo_name": "octo-org/alpha",
            "origin": "https://example.org/octo-org/alpha",
            "path": "LICENSE",
            "text": "Permission is hereby granted.\r\n",
            "copyrights": ["Copyright 2020 Octo"],
        }
    ],
    attribution.NOTICES,
)


def test_release_is_what_it_was(build: Build, tmp_path: Path) -> None:
    params = Params(editions=("permissive", "ids"), bucket_ranges=4)
    dropped = (Source("octo-org/alpha", "gpl.py", "print(3)\n"),)
    first = build(FIRST, params=params, dropped=dropped)
    release = build(SECOND, params=params, dropped=dropped, last=first, registry_size=1)
    text = release.tree["manifest.json"]
    made = {
        path: content
        for path, content in release.tree.items()
        if not path.endswith(".parquet") and not path.startswith("registry/")
    }
    made["manifest.dsse.json"] = dsse.sign(text, KEY).serialise()
    made |= attribution.render(NOTICES, release.rows, params)
    run = report.report(release.manifest, first.manifest, release.step)
    made["report.txt"] = report.text(run).encode()
    made["report.md"] = report.markdown(run).encode()
    for path, content in made.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    pinned = {
        str(path.relative_to(GOLDEN)): path.read_bytes()
        for path in GOLDEN.rglob("*")
        if path.is_file()
    }
    apart = sorted(path for path in made | pinned if made.get(path) != pinned.get(path))
    assert not apart, f"{apart} changed; to take them over: cp -rT {tmp_path} {GOLDEN}"


def test_golden_envelope_is_one_that_verifies() -> None:
    envelope = dsse.Envelope.parse((GOLDEN / "manifest.dsse.json").read_bytes())
    assert dsse.verify(envelope, [KEY.public_key().public_bytes_raw()])
    assert envelope.payload == (GOLDEN / "manifest.json").read_bytes()


def test_signature_of_a_known_payload_is_known() -> None:
    """Made outside: Ed25519 over the literal bytes `DSSEv1 10 text/plain 5 hello`."""
    envelope = dsse.sign(b"hello", KEY, payload_type="text/plain")
    assert KEY.public_key().public_bytes_raw().hex() == (
        "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    )
    assert envelope.signatures[0].sig.hex() == (
        "e64a9b301f1ea865ab59fa78d39ac1b90ef555ea87f3cdf03f9f0b3a35f1f610"
        "2c0de4c04041c2f6a011708fc5cc9c31b0a9038259a9f7b039704a00c2af7d06"
    )
