"""Tombstones: what stands in the place of versions that were purged, so that no link of the chain breaks.

`purged.json` on the branch main is canonical JSON (RFC 8785):
`{"format": "stackyard-purged/1", "versions": {<version>: {"release": <envelope>, "tombstone": <envelope>}}}`.
`release` is the purged version's own manifest.dsse.json: its manifest names languages, sizes and hashes,
and nothing of any origin. `tombstone` is a DSSE envelope of type TOMBSTONE_TYPE by the same key, over
canonical JSON of

    dataset, version, manifest_sha256   which release it was
    requests                            the opt-outs that asked for it, by id, sorted
    kept                                the versions that stayed, with the hash of each one's manifest

A purge moves the tags of the versions that stay to commits without history. A reader whose lock pins
the old commit believes that from a tombstone alone: one by the pinned key that lists the version among
the kept ones, with the manifest that the lock pins.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackyard.client.lock import Lock
from stackyard.client.trees import Commit
from stackyard.client.trust import open_release, parse_key
from stackyard.errors import VerificationError
from stackyard.params import canonical_json
from stackyard.release import dsse
from stackyard.release.manifest import Manifest, Previous, identity
from stackyard.release.semver import version_key
from stackyard.store.hub import PURGED_PATH, HubDataset

FORMAT = "stackyard-purged/1"
TOMBSTONE_TYPE = "application/vnd.stackyard.tombstone.v1+json"


@dataclass(frozen=True)
class Tombstone:
    """A purged version; `release` and `statement` are the envelopes, not yet believed."""

    release: dsse.Envelope
    statement: dsse.Envelope
    dataset: str
    version: str
    manifest_sha256: str
    requests: tuple[str, ...]
    kept: Mapping[str, str]

    def manifest(self, key: str) -> Manifest:
        """The purged version's manifest, after checking both signatures and that they are of one release.

        Raises:
            VerificationError: one of them does not hold.
        """
        trusted = [parse_key(key)]
        dsse.verify(self.statement, trusted, payload_type=TOMBSTONE_TYPE)
        dsse.verify(self.release, trusted)
        manifest = Manifest.parse(self.release.payload)
        found = hashlib.sha256(self.release.payload).hexdigest()
        told = (self.dataset, self.version, self.manifest_sha256)
        if (manifest.name, manifest.version, found) != told:
            raise VerificationError(
                f"the tombstone of {self.version} in {PURGED_PATH} is of another release",
                expected="@".join(told[:2]) + f", manifest {told[2]}",
                found=f"{manifest.name}@{manifest.version}, manifest {found}",
            )
        return manifest


def bury(
    envelope: bytes, requests: list[str], kept: Mapping[str, str], key: Ed25519PrivateKey
) -> Tombstone:
    """The tombstone of a release, from its manifest.dsse.json."""
    release = dsse.Envelope.parse(envelope)
    manifest = Manifest.parse(release.payload)
    body = {
        "dataset": manifest.name,
        "kept": dict(kept),
        "manifest_sha256": hashlib.sha256(release.payload).hexdigest(),
        "requests": sorted(requests),
        "version": manifest.version,
    }
    return _tombstone(release, dsse.sign(canonical_json(body), key, payload_type=TOMBSTONE_TYPE))


def _tombstone(release: dsse.Envelope, statement: dsse.Envelope) -> Tombstone:
    body = json.loads(statement.payload)
    return Tombstone(
        release,
        statement,
        str(body["dataset"]),
        str(body["version"]),
        str(body["manifest_sha256"]),
        tuple(str(name) for name in body["requests"]),
        {str(name): str(sha256) for name, sha256 in body["kept"].items()},
    )


def parse(text: bytes | None) -> dict[str, Tombstone]:
    """Version -> tombstone; nothing was purged where there is no file.

    Raises:
        VerificationError: it cannot be read, so what was purged is not known.
    """
    if text is None:
        return {}
    try:
        document = json.loads(text)
        # Of another format, this is None, and has no items.
        versions: Any = document["versions"] if document["format"] == FORMAT else None
        found = {
            str(name): _tombstone(_envelope(entry["release"]), _envelope(entry["tombstone"]))
            for name, entry in versions.items()
        }
        misplaced = [name for name, each in found.items() if each.version != name]
        canonical = serialise(found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable() from error
    if misplaced or canonical != text:  # a member given twice, say
        raise _unreadable()
    return found


def _envelope(value: Any) -> dsse.Envelope:
    return dsse.Envelope.parse(canonical_json(value))


def _unreadable() -> VerificationError:
    return VerificationError(
        f"{PURGED_PATH} on the Hub cannot be read, so it is not known what was purged",
        expected=FORMAT,
        next_step="tell the release manager",
    )


def serialise(tombstones: Mapping[str, Tombstone]) -> bytes:
    versions = {
        name: {
            "release": json.loads(each.release.serialise()),
            "tombstone": json.loads(each.statement.serialise()),
        }
        for name, each in tombstones.items()
    }
    return canonical_json({"format": FORMAT, "versions": versions})


def read(dataset: HubDataset) -> dict[str, Tombstone]:
    """What was purged, as the Hub says now."""
    return parse(dataset.read_if_there(dataset.head(), PURGED_PATH))


def write(dataset: HubDataset, fresh: Mapping[str, Tombstone]) -> None:
    """Adds tombstones; those that are there stay as they are."""

    def change(before: bytes | None) -> bytes:
        known = parse(before)
        if fresh.keys() <= known.keys():
            return before or b""
        return serialise({**fresh, **known})

    dataset.edit(PURGED_PATH, change, f"Purge {', '.join(fresh)}")


def resolve(dataset: HubDataset, version: str) -> str:
    """Commit of a version, as the Hub says now.

    Raises:
        VerificationError: it was purged.
        UsageError: it was never released.
    """
    versions = dataset.versions()
    if version not in versions and version in read(dataset):
        raise VerificationError(
            f"{dataset.repo}@{version} was purged: it held what somebody asked to be removed",
            expected=f"one of {', '.join(versions)}",
            next_step="take another version; bring a copy that you have forward with `stackyard sync`",
        )
    return dataset.resolve(version)


def moved_by_purge(dataset: HubDataset, version: str, manifest_sha256: str, key: str) -> bool:
    """Whether a purge is why the tag of a version is elsewhere: it is said so by the pinned key."""
    for tombstone in read(dataset).values():
        if tombstone.kept.get(version) == manifest_sha256 and tombstone.dataset == dataset.repo:
            tombstone.manifest(key)
            return True
    return False


def pinned_commit(dataset: HubDataset, lock: Lock) -> str:
    """Where the tag of a copy is, for who compares it with the lock: the lock's own commit, if a purge
    moved the tag and the release there is the pinned one.
    """
    commit = resolve(dataset, lock.version)
    if commit != lock.commit and moved_by_purge(
        dataset, lock.version, lock.manifest_sha256, lock.key
    ):
        there = open_release(Commit(dataset, commit), lock.key, (lock.dataset, lock.version))
        if there.sha256 == lock.manifest_sha256:
            return lock.commit
    return commit


def check_chain(dataset: HubDataset, newest: Manifest, key: str, oldest: Previous) -> int:
    """Checks that a release descends from an older one, link by link; returns how many links there are.

    A link is the hash of the manifest before, which is on the Hub under its tag, or in a tombstone.

    Raises:
        VerificationError: a link is missing, is another manifest, or leads past the older release.
    """
    versions, buried = dataset.versions(), read(dataset)

    def manifest_of(link: Previous) -> Manifest:
        if link.version in versions:
            there = Commit(dataset, versions[link.version])
            release = open_release(there, key, (newest.name, link.version))
            manifest, found = release.manifest, release.sha256
        elif link.version in buried:
            manifest = buried[link.version].manifest(key)
            found = buried[link.version].manifest_sha256
        else:
            raise VerificationError(
                f"version {link.version} of {dataset.repo} is gone, and there is no tombstone of it",
                next_step="ask its publisher what became of it",
            )
        if found != link.manifest_sha256:
            raise _not_a_descendant(newest, link, found)
        return manifest

    link, manifest, count = Previous(newest.version, identity(newest)), newest, 0
    while link != oldest:
        before = manifest.previous
        if before is None or version_key(before.version) < version_key(oldest.version):
            raise _not_a_descendant(newest, oldest, str(before and before.version))
        link, count = before, count + 1
        if link != oldest:
            manifest = manifest_of(link)
    return count


def _not_a_descendant(newest: Manifest, link: Previous, found: str) -> VerificationError:
    return VerificationError(
        f"{newest.name}@{newest.version} does not descend from version {link.version} as it was seen",
        expected=f"manifest sha256 {link.manifest_sha256}",
        found=found,
        next_step="do not use it; ask its publisher why the history of versions changed",
    )
