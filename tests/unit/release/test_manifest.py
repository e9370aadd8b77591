from __future__ import annotations

import dataclasses
import json

import pytest

from stackyard.errors import UsageError, VerificationError
from stackyard.release.manifest import (
    Checkpoint,
    Code,
    Dropped,
    File,
    Manifest,
    Previous,
    Redacted,
    Shard,
    Share,
    Totals,
    describe,
    identity,
)

SHA = "0" * 64


def sample() -> Manifest:
    return Manifest(
        name="octo-org/sample",
        version="0.2.0",
        previous=Previous("0.1.0", "a" * 64),
        registry=Checkpoint(3, "b" * 64, "octo-org/registry\n3\nroot\n"),
        params={"dedup": {"similarity_min": 0.7, "permutations": 256}, "release": {"editions": []}},
        code=Code("0.1.0", "pyarrow 26.0.1"),
        detectors={"language": "c" * 64, "minhash": "d" * 64},
        schema_sha256="e" * 64,
        totals=Totals(
            files_seen=5,
            files_kept=2,
            dropped=(Dropped("dedup", "exact", 1), Dropped("filter", "license", 2)),
            bytes_seen=500,
            bytes_kept=200,
            content_bytes=190,
            languages=(Share("C", 1, 90), Share("Python", 1, 100)),
            licenses=(Share("MIT", 2, 190),),
            redactions=(Redacted("email", 3),),
            optouts=1,
        ),
        files=(
            describe("README.md", b"card"),
            File(
                "data/permissive/C/00-3f.parquet",
                SHA,
                1000,
                "shard",
                Shard("permissive", "C", "00-3f", 1, 90),
            ),
        ),
    )


def test_manifest_round_trip_is_exact() -> None:
    manifest = sample()
    text = manifest.serialise()
    assert Manifest.parse(text) == manifest
    assert Manifest.parse(text).serialise() == text
    assert identity(manifest) == identity(Manifest.parse(text))


def test_manifest_text_has_sorted_keys_and_no_white_space() -> None:
    text = sample().serialise()
    assert text.startswith(b'{"code":{"version":"0.1.0","writer":"pyarrow 26.0.1"},"detectors":')
    assert not text.endswith(b"\n")


@pytest.mark.parametrize(
    "change",
    [
        {"format": "stackyard-manifest/2"},
        {"format": None},
        {"extra": 1},
        {"params_sha256": SHA},
        {"version": "1.0"},
        {"version": "01.0.0"},
        {"version": 1},
        {"name": "../sample"},
        {"name": 7},
        {"schema_sha256": "E" * 64},
        {"code": {"version": 1, "writer": "x"}},
        {"code": {"version": "1"}},
        {"registry": {"size": -1, "root": SHA, "note": None}},
        {"registry": {"size": 1.5, "root": SHA, "note": None}},
        {"registry": {"size": True, "root": SHA, "note": None}},
        {"detectors": {"language": "x"}},
        {"files": {}},
        {"params": []},
        {"totals": None},
    ],
)
def test_manifest_parse_of_a_changed_member_is_refused(change: dict[str, object]) -> None:
    document = json.loads(sample().serialise()) | change
    with pytest.raises(VerificationError):
        Manifest.parse(_compact(document))


@pytest.mark.parametrize(
    "path",
    [
        "../README.md",
        "/README.md",
        "data/../README.md",
        "registry/./a",
        "registry//a",
        "registry/a/",
        "registry/.hidden",
        "registry/a\\b",
        "registry/a:b",
        "registry/a\n",
        "registry/nul\0",
        "registry/dot.",
        "registry/\u00e9",
        "",
        "manifest.json",
        "manifest.dsse.json",
        "data/permissive/C/00-3f.parquet",
        "data/permissive/C/01-40.parquet",
        "other.txt",
        "registry",
    ],
)
def test_file_with_a_path_no_release_has_is_refused(path: str) -> None:
    document = json.loads(sample().serialise())
    document["files"][0]["path"] = path
    with pytest.raises(VerificationError):
        Manifest.parse(_compact(document))
    with pytest.raises(UsageError):
        File(path, SHA, 1, "card")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b'{"format":NaN}',
        b"[" * 100000,
        b'{"format":"stackyard-manifest/1"}',
        b'{"format":"stackyard-manifest/1","params":' + b"[" * 900 + b"]" * 900 + b"}",
    ],
)
def test_manifest_parse_of_garbage_is_refused(text: bytes) -> None:
    with pytest.raises(VerificationError):
        Manifest.parse(text)


def test_manifest_parse_of_another_text_of_the_same_value_is_refused() -> None:
    text = sample().serialise()
    for other in (
        text + b"\n",
        b" " + text,
        json.dumps(json.loads(text), indent=1).encode(),
        text.replace(b'"code":', b'"code":{"version":"9","writer":"x"},"code":', 1),
        text.replace(b"0.7", b"0.70", 1),
        text.replace(b"octo-org", b"\\u006fcto-org", 1),
    ):
        assert other != text
        with pytest.raises(VerificationError):
            Manifest.parse(other)


def test_manifest_with_files_out_of_order_or_twice_is_refused() -> None:
    manifest = sample()
    for files in (manifest.files[::-1], (manifest.files[0], manifest.files[0])):
        with pytest.raises(UsageError):
            dataclasses.replace(manifest, files=files)
    with pytest.raises(UsageError, match="letter case"):
        manifest.with_files([describe("registry/A", b""), describe("registry/a", b"")])
    with pytest.raises(UsageError, match="folder"):
        manifest.with_files([describe("registry/a", b""), describe("registry/A/b/c", b"")])


def test_manifest_with_an_integer_that_a_double_cannot_hold_is_refused() -> None:
    manifest = dataclasses.replace(sample(), params={"dedup": {"seed": 2**53 + 1}})
    with pytest.raises(UsageError, match="canonical JSON"):
        manifest.serialise()
    with pytest.raises(UsageError, match=r"totals\.bytes_seen"):
        dataclasses.replace(sample().totals, bytes_seen=2**53)


def test_manifest_with_a_float_that_reads_like_a_large_integer_round_trips() -> None:
    params = {"x": [2.0**53, 1e20, 1e21, 1e300, -(2.0**60), 0.1]}
    text = dataclasses.replace(sample(), params=params).serialise()
    assert Manifest.parse(text).serialise() == text
    assert Manifest.parse(text).params == params
    with pytest.raises(VerificationError):
        Manifest.parse(text.replace(b"9007199254740992", b"9007199254740993"))
    with pytest.raises(VerificationError):
        Manifest.parse(text.replace(b"9007199254740992", b"9" * 5000))
    with pytest.raises(VerificationError):
        Manifest.parse(text.replace(b"9007199254740992", b"9" * 400))


def test_manifest_with_files_added_keeps_their_order() -> None:
    manifest = sample().with_files(
        [describe("CHANGELOG.md", b"x"), describe("removals.jsonl", b"")]
    )
    assert [file.path for file in manifest.files] == [
        "CHANGELOG.md",
        "README.md",
        "data/permissive/C/00-3f.parquet",
        "removals.jsonl",
    ]
    assert Manifest.parse(manifest.serialise()) == manifest


def _compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
