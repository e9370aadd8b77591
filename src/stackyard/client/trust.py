"""What a reader checks of a release before believing a byte of it. Bytes in, values out, no I/O.

A release is opened in this order:

    (1) manifest.dsse.json is a canonical envelope, and its payload is manifest.json
    (2) a trusted key signed it
    (3) manifest.json is a canonical manifest: nothing that nobody signed is parsed before
    (4) it is of the dataset and version that were asked for
    (5) every file has the size and SHA-256 that the manifest lists
    (6) the registry's log is what its checkpoint was signed for, and what the manifest names

What a trusted key is, is left to the caller: the pinned one of a lock, one that the user names, or,
the first time, the one that the release itself brings (trust on first use).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from stackyard.client.trees import SMALL_MAX_BYTES
from stackyard.errors import UsageError, VerificationError
from stackyard.optout import registry as optout_registry
from stackyard.optout.note import VerifierKey
from stackyard.optout.registry import Registry
from stackyard.release import dsse
from stackyard.release.manifest import File, Manifest
from stackyard.release.names import ENVELOPE, MANIFEST

PUBLIC_KEY = "registry/release.pub"
"""Where a release brings its signer's public key: 64 hex digits and a newline."""

CHECKPOINT = "registry/checkpoint"
LOG = "registry/log.jsonl"
LOG_KEY = "registry/log.vkey"

_KEY_HEX = 64
_KEY_FILE_MAX_BYTES = 1024

MANIFEST_MAX_BYTES = 64 << 20
"""A Hub takes 100,000 files, and a file takes some 250 bytes of a manifest: 25 MB."""


class Tree(Protocol):
    """Where the files of a release are read: a folder, or a commit on a Hub."""

    def read(self, path: str, size_max_bytes: int = ...) -> bytes:
        """The bytes of a small file.

        Raises:
            VerificationError: it is not there, or is larger.
        """
        ...


@dataclass(frozen=True)
class Release:
    """A release whose manifest is believed."""

    manifest: Manifest
    sha256: str
    key: str

    @property
    def name(self) -> str:
        return f"{self.manifest.name}@{self.manifest.version}"


def parse_key(text: str) -> bytes:
    """A raw Ed25519 public key from hex.

    Raises:
        UsageError: it is not one.
    """
    stripped = text.strip()
    try:
        raw = bytes.fromhex(stripped)
    except ValueError:
        raw = b""
    if len(stripped) != _KEY_HEX or len(raw) * 2 != _KEY_HEX:
        raise UsageError("not a public key", expected="64 hex digits, as in registry/release.pub")
    return raw


def open_release(tree: Tree, key: str | None, asked: tuple[str, str] | None = None) -> Release:
    """The release in a tree, its manifest believed: checks (1) to (4).

    Args:
        tree: where it lies.
        key: hex of the public key to trust; None is the one that the release brings.
        asked: dataset and version that it must be of.

    Raises:
        VerificationError: one of the checks fails.
    """
    text = tree.read(MANIFEST, MANIFEST_MAX_BYTES)
    signed = tree.read(ENVELOPE, 2 * MANIFEST_MAX_BYTES)
    try:
        envelope = dsse.Envelope.over(text, signed)  # (1)
    except VerificationError as error:
        raise VerificationError(
            f"{ENVELOPE} signs another manifest than {MANIFEST}",
            expected=f"the canonical envelope of sha256 {hashlib.sha256(text).hexdigest()}",
            found=error.found,
            next_step="do not use this release",
        ) from error
    trusted = key if key is not None else _brought(tree)
    dsse.verify(envelope, [parse_key(trusted)])  # (2)
    manifest = Manifest.parse(text)  # (3)
    if key is None:
        own_key(tree, manifest)
    if asked is not None and (manifest.name, manifest.version) != asked:  # (4)
        raise VerificationError(
            "the release is not the one that was asked for",
            expected="@".join(asked),
            found=f"{manifest.name}@{manifest.version}",
            next_step="somebody moved the tag or swapped the manifest: do not use this release",
        )
    return Release(manifest, hashlib.sha256(text).hexdigest(), trusted)


def _brought(tree: Tree) -> str:
    """The key that lies beside a release, not yet listed by anybody."""
    try:
        return tree.read(PUBLIC_KEY, _KEY_FILE_MAX_BYTES).decode("ascii", errors="replace").strip()
    except VerificationError as error:
        raise _no_key() from error


def _no_key() -> VerificationError:
    return VerificationError(
        f"the release does not bring its signer's key ({PUBLIC_KEY})",
        next_step="get the key from the publisher and pass it with --key",
    )


def own_key(tree: Tree, manifest: Manifest) -> str:
    """The key that a release brings, as it is listed.

    Raises:
        VerificationError: it brings none.
    """
    listed = manifest.file(PUBLIC_KEY)
    if listed is None:
        raise _no_key()
    return checked(tree, listed).decode("ascii", errors="replace").strip()


def checked(tree: Tree, file: File) -> bytes:
    """The bytes of a small listed file: check (5).

    Raises:
        VerificationError: its size or hash is another.
    """
    content = tree.read(file.path, min(file.size_bytes, SMALL_MAX_BYTES))
    found = hashlib.sha256(content).hexdigest()
    if (len(content), found) != (file.size_bytes, file.sha256):
        raise mismatch(file, len(content), found)
    return content


def mismatch(file: File, size_bytes: int, sha256: str) -> VerificationError:
    return VerificationError(
        f"{file.path} is not what the manifest lists",
        expected=f"sha256 {file.sha256}, {file.size_bytes} bytes",
        found=f"sha256 {sha256}, {size_bytes} bytes",
        next_step="get the file again; if it stays so, do not use this copy",
    )


def open_registry(tree: Tree, manifest: Manifest) -> Registry:
    """The public log of opt-outs that a release was made with: check (6).

    Raises:
        VerificationError: a file of it is missing, or one does not fit another or the manifest.
    """
    files = {}
    for path in (CHECKPOINT, LOG, LOG_KEY):
        listed = manifest.file(path)
        if listed is None:
            raise VerificationError(f"the release does not hold {path}")
        files[path] = checked(tree, listed)
    try:
        note, key = files[CHECKPOINT].decode(), VerifierKey.parse(files[LOG_KEY].decode())
    except UnicodeDecodeError as error:
        raise VerificationError("the registry's checkpoint or key is not text") from error
    entries = files[LOG].split(b"\n")
    if entries.pop() != b"":
        raise VerificationError(f"the last line of {LOG} has no end")
    log = optout_registry.read(entries, note, key, None)
    mine = optout_registry.checkpoint(log)
    told = manifest.registry
    if (mine.size, mine.root) != (told.size, told.root) or told.note not in {None, mine.note}:
        raise VerificationError(
            "the registry in the release is not the one that its manifest names",
            expected=f"{told.size} events, root {told.root}",
            found=f"{mine.size} events, root {mine.root}",
        )
    return log
