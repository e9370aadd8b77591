"""Whatever is done to a tree after it was made, the gate or the signature tells (LESSONS 18)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackyard.errors import VerificationError
from stackyard.release import dsse
from stackyard.release.manifest import Manifest
from stackyard.release.names import UNLISTED

from .conftest import Build, Release, Source

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
FILES = (
    Source("octo-org/a", "a.py", "print(1)\n", redactions=(("email", 1),)),
    Source("octo-org/b", "b.py", "print(2)\n"),
    Source("a-org/c", "c.cc", "int x;\n", "C++", "Apache-2.0"),
)

Tree = dict[str, bytes]


def tampered(tree: Mapping[str, bytes]) -> Iterator[tuple[str, Tree]]:
    """Trees that differ from this one, each with what was done; manifest and envelope apart."""
    listed = sorted(set(tree) - set(UNLISTED))
    for path in listed:
        content = tree[path]
        for at in sorted({0, len(content) // 2, len(content) - 1} & set(range(len(content)))):
            flipped = content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1 :]
            yield f"flip byte {at} of {path}", {**tree, path: flipped}
        yield f"cut {path}", {**tree, path: content[: len(content) // 2]}
        yield f"grow {path}", {**tree, path: content + b"\n"}
        yield f"remove {path}", {name: tree[name] for name in tree if name != path}
        upper = {name.upper() if name == path else name: tree[name] for name in tree}
        yield f"rename {path}", upper
        for other in listed:
            if other > path and tree[other] != content:
                yield f"swap {path} and {other}", {**tree, path: tree[other], other: content}
    for path in ("data/permissive/Python/c0-ff.parquet", "extra", "registry/extra"):
        yield f"add {path}", {**tree, path: b""}


@pytest.fixture
def release(build: Build) -> Release:
    return build(FILES, registry_size=2, last=build(FILES[:2]))


def test_every_tampering_of_the_tree_is_told(release: Release) -> None:
    count = 0
    for what, tree in tampered(release.tree):
        if {path: tree.get(path) for path in release.tree} | tree == release.tree:
            continue
        told = dataclasses.replace(release, tree=tree).broken()
        assert told, what
        count += 1
    assert count > 60


def test_every_tampering_of_the_manifest_is_told_by_the_signature(release: Release) -> None:
    text = release.tree["manifest.json"]
    envelope = dsse.sign(text, KEY).serialise()
    public = KEY.public_key().public_bytes_raw()
    assert dsse.verify(dsse.Envelope.parse(envelope), [public])
    for at in range(0, len(envelope), 7):
        damaged = envelope[:at] + bytes([envelope[at] ^ 0x01]) + envelope[at + 1 :]
        try:
            parsed = dsse.Envelope.parse(damaged)
            dsse.verify(parsed, [public])
        except VerificationError:
            continue
        assert parsed.payload == text  # a key id is a hint: what was signed is what is read


def test_an_old_manifest_with_its_good_signature_does_not_fit_the_tree(
    build: Build, release: Release
) -> None:
    old = build(FILES[:2]).tree["manifest.json"]
    assert Manifest.parse(old).version == "0.1.0"
    swapped = dataclasses.replace(release, tree={**release.tree, "manifest.json": old})
    assert (2, "files are those listed") in swapped.broken()
