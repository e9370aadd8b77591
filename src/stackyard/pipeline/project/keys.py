"""Keys of a project: what signs releases (its public half is in `registry/keys`), and what makes
placeholders consistent. Private ones are in `.stackyard/keys`, 0600, never in git.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackyard.errors import EnvironmentFault
from stackyard.store import files

PUBLIC = Path("registry/keys/release.pub")
PRIVATE = Path(".stackyard/keys/release.key")
REDACTION = Path(".stackyard/keys/redaction.key")


def ensure_release_key(root: Path) -> bool:
    """Makes the key pair of a project that has none; returns whether it was made.

    Raises:
        EnvironmentFault: the public key is there and the private one is not: releases of this
            project are signed elsewhere.
    """
    if (root / PRIVATE).exists():
        return False
    if (root / PUBLIC).exists():
        raise EnvironmentFault(
            f"{PUBLIC} is there, but not the private key that belongs to it",
            expected=str(root / PRIVATE),
            next_step="bring it from where the project was: `stackyard project export` there, "
            "`stackyard project import` here; or remove the public key to become a new signer",
        )
    key = Ed25519PrivateKey.generate()
    _write_private(root / PRIVATE, key.private_bytes_raw().hex())
    files.write_bytes(root / PUBLIC, key.public_key().public_bytes_raw().hex().encode() + b"\n")
    return True


def ensure_redaction_key(root: Path) -> None:
    """Makes the secret of consistent placeholders (`pii.placeholder`), if there is none."""
    if not (root / REDACTION).exists():
        _write_private(root / REDACTION, secrets.token_hex(32))


def redaction_key(root: Path) -> bytes:
    """The secret of consistent placeholders.

    Raises:
        EnvironmentFault: it is not there, or is not hex.
    """
    try:
        return bytes.fromhex((root / REDACTION).read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise EnvironmentFault(
            f"the key of consistent placeholders cannot be read from {REDACTION}",
            next_step="restore it from its backup: another key gives other placeholders",
        ) from error


def release_key(root: Path) -> Ed25519PrivateKey:
    """The private key.

    Raises:
        EnvironmentFault: it is not there, or is not the hex of 32 bytes.
    """
    try:
        text = (root / PRIVATE).read_text(encoding="ascii")
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text.strip()))
    except (OSError, ValueError) as error:
        raise EnvironmentFault(
            f"the key that signs releases cannot be read from {PRIVATE}",
            next_step="restore it from its backup",
        ) from error


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(text + "\n")
        stream.flush()
        os.fsync(stream.fileno())
