"""What of a project is on one machine alone, in one encrypted file: keys, private registry, receipts.

Format: an age file (https://age-encryption.org/v1) under a passphrase, or to recipients, over a tar of
`keys/NAME`, `private/NAME` and `receipts/NAME`. Always holds: no plain byte of it is written anywhere but
to its place; a name that leads elsewhere is refused; what is there and differs is not replaced.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sqlite3
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from stackyard.errors import UsageError, VerificationError

FOLDERS = ("keys", "private", "receipts")
"""Folders of `.stackyard` that nothing else has a copy of."""

SIZE_BYTES_MAX = 1 << 30
"""Of all of it, in memory twice: a registry of a million requests is some 500 MB."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def gathered(private: Path) -> dict[str, bytes]:
    """Contents by name; databases as one consistent state.

    Args:
        private: `.stackyard` of the project.

    Raises:
        UsageError: it is larger than fits.
    """
    found: dict[str, bytes] = {}
    for folder in FOLDERS:
        for path in sorted((private / folder).glob("*")):
            if path.is_file() and not path.is_symlink() and _NAME.fullmatch(path.name):
                if path.suffix == ".sqlite":
                    with contextlib.closing(sqlite3.connect(path)) as database:
                        found[f"{folder}/{path.name}"] = database.serialize()
                elif not path.name.endswith((".sqlite-wal", ".sqlite-shm")):
                    found[f"{folder}/{path.name}"] = path.read_bytes()
    if sum(map(len, found.values())) > SIZE_BYTES_MAX:
        raise UsageError(f"{private} holds more than {SIZE_BYTES_MAX:,} bytes of private data")
    return found


def sealed(files: Mapping[str, bytes], passphrase: str | None, recipients: Sequence[str]) -> bytes:
    """The age file.

    Raises:
        UsageError: a recipient is no public key of age.
    """
    import pyrage

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in sorted(files.items()):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o600
            tar.addfile(info, io.BytesIO(content))
    if passphrase is not None:
        return bytes(pyrage.passphrase.encrypt(buffer.getvalue(), passphrase))
    try:
        keys = [pyrage.x25519.Recipient.from_str(each) for each in recipients]
    except pyrage.RecipientError as error:
        raise UsageError("--to takes a public key of age", expected="age1...") from error
    return bytes(pyrage.encrypt(buffer.getvalue(), keys))


def opened(content: bytes, passphrase: str | None, identity: str | None) -> dict[str, bytes]:
    """The files of an age file that `sealed` made.

    Raises:
        VerificationError: it is damaged, of another passphrase or key, or not of this kind.
        UsageError: the identity is none.
    """
    import pyrage

    try:
        if passphrase is not None:
            plain = bytes(pyrage.passphrase.decrypt(content, passphrase))
        else:
            key = pyrage.x25519.Identity.from_str((identity or "").strip())
            plain = bytes(pyrage.decrypt(content, [key]))
    except pyrage.IdentityError:
        raise UsageError("that is no identity of age", expected="AGE-SECRET-KEY-1...") from None
    except pyrage.DecryptError as error:
        raise VerificationError(
            "the file cannot be decrypted: it is damaged, or of another passphrase or key",
            next_step="look which passphrase or key it was exported with",
        ) from error
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        for member in tar:
            folder, _, name = member.name.partition("/")
            stream = tar.extractfile(member) if member.isfile() else None
            if folder not in FOLDERS or not _NAME.fullmatch(name) or stream is None:
                raise VerificationError(f"the file holds {member.name!r}, which has no place here")
            files[member.name] = stream.read()
    return files


def placed(private: Path, files: Mapping[str, bytes]) -> list[str]:
    """Writes files to their places, for their owner alone; returns the names of new ones.

    Raises:
        VerificationError: one is there already and differs; nothing is written then.
    """
    odd = [
        name for name, content in files.items() if not _is_free(private / name, content, private)
    ]
    if odd:
        raise VerificationError(
            f"{len(odd)} files of .stackyard are there already and differ: {', '.join(odd[:5])}",
            next_step="look which ones are right; move the others away and import again",
        )
    new = [name for name in files if not (private / name).exists()]
    for name in new:
        path = private / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(files[name])
            stream.flush()
            os.fsync(stream.fileno())
        partial.rename(path)
    return new


def _is_free(path: Path, content: bytes, private: Path) -> bool:
    if not path.exists():
        return True
    name = str(path.relative_to(private))
    return gathered(private).get(name) == content
