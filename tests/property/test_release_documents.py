"""Laws of manifests, diffs and versions."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.errors import VerificationError
from stackyard.release import card, croissant, diff, dsse, removals, semver
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
from stackyard.release.names import shard_path
from stackyard.release.totals import Tally

COUNTS = st.integers(0, 2**53 - 1)
WORDS = st.text("abcdefgh-", min_size=1, max_size=6)
HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
VERSIONS = st.tuples(*[st.integers(0, 30)] * 3).map(lambda v: ".".join(map(str, v)))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def shares(names: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[Share, ...]]:
    return st.dictionaries(names, st.tuples(COUNTS, COUNTS), max_size=3).map(
        lambda found: tuple(Share(name, *found[name]) for name in sorted(found))
    )


TOTALS = st.builds(
    Totals,
    files_seen=COUNTS,
    files_kept=COUNTS,
    dropped=st.dictionaries(st.tuples(WORDS, WORDS), COUNTS, max_size=3).map(
        lambda found: tuple(Dropped(*key, found[key]) for key in sorted(found))
    ),
    bytes_seen=COUNTS,
    bytes_kept=COUNTS,
    content_bytes=COUNTS,
    languages=shares(st.sampled_from(["C", "C++", "C#", "F*"])),
    licenses=shares(st.sampled_from(["MIT", "ISC", "NONE", "MIT AND ISC"])),
    redactions=st.dictionaries(WORDS, COUNTS, max_size=3).map(
        lambda found: tuple(Redacted(name, found[name]) for name in sorted(found))
    ),
    optouts=COUNTS,
)


def _shard(drawn: tuple[str, str, str, int, int, str]) -> File:
    edition, language, buckets, rows, content, sha256 = drawn
    shard = Shard(edition, language, buckets, rows, content)
    return File(shard_path(edition, language, buckets), sha256, rows, "shard", shard)


SHARDS = st.tuples(
    st.sampled_from(["permissive", "no_license"]),
    st.sampled_from(["C", "C++", "C#", "F*", "Vim Script", "\u65e5\u672c"]),
    st.sampled_from(["00-3f", "40-7f", "00-ff"]),
    COUNTS,
    COUNTS,
    HASHES,
).map(_shard)
FILES = st.sampled_from(
    ["README.md", "registry/log", "decisions/00-ff.parquet", "ATTRIBUTION/00-ff.txt"]
).flatmap(lambda path: st.binary(max_size=4).map(lambda content: describe(path, content)))
MANIFESTS = st.builds(
    Manifest,
    name=st.sampled_from(["octo-org/sample", "a/b.c_d-e"]),
    version=VERSIONS,
    previous=st.none() | st.builds(Previous, VERSIONS, HASHES),
    registry=st.builds(Checkpoint, COUNTS, HASHES, st.none() | st.text("ab\n", max_size=9)),
    params=st.dictionaries(WORDS, JSON, max_size=3),
    code=st.builds(Code, WORDS, WORDS),
    detectors=st.dictionaries(WORDS, HASHES, max_size=3),
    schema_sha256=HASHES,
    totals=TOTALS,
    files=st.lists(SHARDS | FILES, max_size=6, unique_by=lambda file: file.path).map(
        lambda files: tuple(sorted(files, key=lambda file: file.path))
    ),
)


@settings(deadline=None)
@given(MANIFESTS)
def test_manifest_text_has_an_exact_inverse(manifest: Manifest) -> None:
    text = manifest.serialise()
    again = Manifest.parse(text)
    assert again == manifest
    assert again.serialise() == text
    assert identity(again) == identity(manifest)


@settings(deadline=None)
@given(MANIFESTS, st.data())
def test_manifest_after_a_byte_is_changed_is_refused_or_another(
    manifest: Manifest, data: st.DataObject
) -> None:
    text = manifest.serialise()
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + bytes([text[at] ^ data.draw(st.integers(1, 255))]) + text[at + 1 :]
    try:
        other = Manifest.parse(changed)
    except VerificationError:
        return
    assert other != manifest
    assert other.serialise() == changed


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_manifest_and_envelope_of_any_bytes_are_refused_cleanly(text: bytes) -> None:
    for parse in (Manifest.parse, dsse.Envelope.parse):
        try:
            parsed = parse(text)
        except VerificationError:
            continue
        assert parsed.serialise() == text


@settings(deadline=None, max_examples=30)
@given(MANIFESTS)
def test_generated_documents_do_not_read_their_own_entries(manifest: Manifest) -> None:
    bare = dataclasses.replace(manifest, files=manifest.shards)
    assert card.render(manifest) == card.render(bare)
    assert croissant.render(manifest) == croissant.render(bare)


@given(st.binary(max_size=64), st.binary(min_size=32, max_size=32), st.text(max_size=9))
def test_signed_payload_comes_back_and_no_other(payload: bytes, seed: bytes, kind: str) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    envelope = dsse.sign(payload, key, payload_type=kind)
    public = key.public_key().public_bytes_raw()
    again = dsse.Envelope.parse(envelope.serialise())
    assert again.payload == payload
    assert dsse.verify(again, [public], payload_type=kind) == (dsse.keyid(public),)
    other = dataclasses.replace(envelope, payload=payload + b"\0")
    try:
        dsse.verify(other, [public], payload_type=kind)
    except VerificationError:
        return
    raise AssertionError("another payload was accepted")


ROW = st.fixed_dictionaries(
    {
        "edition": st.just("permissive"),
        "repo_name": st.sampled_from(["a/x", "b/y"]),
        "path": st.sampled_from(["1", "2", "3"]),
        "revision_id": st.sampled_from(["r1", "r2"]),
        "content_sha256": st.sampled_from(["0" * 64, "1" * 64, "2" * 64]),
        "blob_id": st.just("b" * 40),
        "src_encoding": st.just("utf-8"),
        "language": st.sampled_from(["C", "C++"]),
        "is_vendor": st.booleans(),
        "is_generated": st.just(False),
        "license_type": st.just("permissive"),
        "license_expression": st.none() | st.just("MIT"),
    }
)
RELEASES = st.lists(ROW, max_size=6, unique_by=lambda row: (row["repo_name"], row["path"])).map(
    lambda rows: pa.Table.from_pylist(rows, diff.empty_rows().schema)
)


@settings(deadline=None)
@given(RELEASES, RELEASES)
def test_diff_accounts_for_every_row_once(old: pa.Table, new: pa.Table) -> None:
    changes = diff.rows(old, new)
    counts = changes.counts()
    before = {(row["repo_name"], row["path"]): row for row in old.to_pylist()}
    after = {(row["repo_name"], row["path"]): row for row in new.to_pylist()}
    assert counts["removed"] == len(before.keys() - after.keys())
    assert counts["added"] + counts["readmitted"] == len(after.keys() - before.keys())
    both = [(before[key], after[key]) for key in before.keys() & after.keys()]
    moved = [
        (one, two)
        for one, two in both
        if (one["revision_id"], one["content_sha256"])
        != (two["revision_id"], two["content_sha256"])
    ]
    assert counts["changed"] + counts["rewritten"] == len(moved)
    assert counts["rewritten"] == sum(
        all(one[name] == two[name] for name in ("revision_id", "blob_id")) for one, two in moved
    )
    assert counts["relabelled"] == sum(one != two for one, two in both) - sum(
        one != two for one, two in moved
    )
    assert diff.rows(old, old).is_empty
    assert changes.is_empty == (before == after)


@settings(deadline=None)
@given(st.lists(RELEASES, min_size=1, max_size=5))
def test_removals_end_with_what_the_release_does_not_hold(releases: list[pa.Table]) -> None:
    text, seen = b"", set()
    last = diff.empty_rows()
    for number, release in enumerate(releases):
        changes = diff.rows(last, release)
        text = removals.render(text, f"0.1.{number}", changes)
        seen |= set(last["content_sha256"].to_pylist())
        last = release
    gone = removals.gone(text)
    assert not gone & set(last["content_sha256"].to_pylist())
    assert gone <= seen


@given(VERSIONS, st.sampled_from(["patch", "minor", "major"]))
def test_next_version_goes_up(version: str, bump: semver.Bump) -> None:
    assert semver.version_key(semver.next_version(version, bump)) > semver.version_key(version)


TALLIES = st.builds(
    Tally,
    shares(st.sampled_from(["C", "C++"])),
    shares(st.sampled_from(["MIT", "ISC"])),
    st.just(()),
).map(
    lambda t: Tally(
        tuple(Share(s.name, s.rows % 1000, s.content_bytes % 1000) for s in t.languages),
        tuple(Share(s.name, s.rows % 1000, s.content_bytes % 1000) for s in t.licenses),
    )
)


@given(TALLIES, TALLIES, TALLIES)
def test_tallies_add_up_in_any_order(one: Tally, two: Tally, three: Tally) -> None:
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + Tally() == one
