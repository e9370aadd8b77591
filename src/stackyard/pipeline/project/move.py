"""A project on another machine: what git and DVC do not carry, and where DVC's remote is.

A clone has all that is public. What it lacks is keys, the private registry and receipts (`export`,
`bring`), what stages made (`dvc pull`, from a remote that both machines reach: `set_remote`), and, with
`publish.hub: local`, the folder of the Hub. docs/move.md is the way in order.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackyard.errors import UsageError, VerificationError
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.keys import PRIVATE, PUBLIC
from stackyard.store import bundle, dvc, git
from stackyard.store.files import exclusive

RELEASE_KEY = f"keys/{PRIVATE.name}"


def export(
    project: Project, target: Path, passphrase: str | None, recipients: Sequence[str]
) -> list[str]:
    """Writes the encrypted file; returns the names of what is in it.

    Raises:
        UsageError: the file is there already, or there is nothing to export.
    """
    if target.exists():
        raise UsageError(f"{target} is there already", next_step="name another file, or remove it")
    with exclusive(project.private / "run.lock"):
        found = bundle.gathered(project.private)
    if RELEASE_KEY not in found:
        raise UsageError(f"{project.root} has no keys to export", next_step="stackyard init there")
    content = bundle.sealed(found, passphrase, recipients)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return sorted(found)


def bring(
    project: Project, source: Path, passphrase: str | None, identity: str | None
) -> list[str]:
    """Puts what an exported file holds in its places; returns what is new.

    Raises:
        VerificationError: it is of another project, cannot be decrypted, or differs from what is there.
    """
    files = bundle.opened(source.read_bytes(), passphrase, identity)
    public = project.root / PUBLIC
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(files[RELEASE_KEY].decode().strip()))
    told = key.public_key().public_bytes_raw().hex()
    if not public.is_file() or public.read_text(encoding="ascii").strip() != told:
        raise VerificationError(
            "the keys in the file are not those of this project",
            expected=f"the private half of {PUBLIC}",
            found=f"that of {told}",
            next_step="import into a clone of the project that it was exported from",
        )
    with exclusive(project.private / "run.lock"):
        return bundle.placed(project.private, files)


def set_remote(project: Project, url: str) -> int:
    """Sets where DVC keeps what stages made, sends all of it there, and commits the setting.

    Returns:
        The number of files sent.
    """
    dvc.set_remote(project.root, url)
    sent = dvc.DvcProject(project.root).push() if (project.root / "dvc.lock").exists() else 0
    git.commit(project.root, (".dvc",), "Keep what stages made where other machines reach it")
    return sent
