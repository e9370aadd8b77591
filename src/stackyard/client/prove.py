"""Prove: is what a receipt names absent from a version on a Hub? From its few small public files.

    (1) the manifest is believed (see `trust`), and every file that is read is what it lists
    (2) the release's log is whole and the manifest's; it extends the checkpoint of the receipt, where it
        is not the older of the two
    (3) the receipt holds, by the key of that log (see `optout.receipts.check`)
    (4) the request is in force in that log
    (5) the absent keys are not in the presence tree whose root the release publishes

For the version that the receipt was made for, (5) is in the receipt: its root must be the published one.
For another one the tree is made anew from the names of the rows (four columns, read by ranges; no
contents), and its root must be the published one, so the names are all there and none was made up. That
the tree is of the rows is signed by the publisher in the first case; `prove` on a pulled copy checks
that too, and needs every shard.
"""

from __future__ import annotations

from dataclasses import dataclass

from stackyard.client.opened import Opened
from stackyard.client.trust import checked, open_registry
from stackyard.errors import VerificationError
from stackyard.optout import note, receipts
from stackyard.optout.absence import PRESENCE_PATH, Presence, parse_document
from stackyard.optout.note import VerifierKey
from stackyard.optout.registry import Registry, extends_root

NAMES = ["repo_name", "path", "blob_id", "origins"]
"""What presence keys are made from."""


@dataclass(frozen=True)
class Proved:
    """What was proved.

    Attributes:
        request, scope, version: of the receipt, and the release.
        absent: names that are not in the release.
        present: keys of its presence tree.
        shards: whose names were read; none for the version that the receipt was made for.
    """

    request: str
    scope: str
    version: str
    absent: int
    present: int
    shards: int


def prove(raw: bytes, opened: Opened, vkey: str | None) -> Proved:
    """Checks a receipt against a version; see the top of this module.

    Args:
        raw: the receipt's file.
        opened: the version, whose manifest is believed (1).
        vkey: the registry's public key, if it is known from elsewhere.

    Raises:
        VerificationError: something does not hold, or the release publishes no presence tree.
        EnvironmentFault: the Hub cannot be reached.
    """
    manifest = opened.manifest
    log = open_registry(opened.tree, manifest)  # (2)
    if vkey is not None and VerifierKey.parse(vkey) != log.key:
        raise VerificationError(
            "the release's registry has another key than the one that was asked for",
            expected=vkey,
            found=str(log.key),
        )
    receipt = receipts.from_bytes(raw)
    body = receipts.check(receipt, log.key)  # (3)
    absent = receipts.absent_in(body)
    if "inclusion" in receipt:
        _check_extends(log, receipt["inclusion"]["checkpoint"])
    receipts.check_in_force(body, log, manifest.version)  # (4)
    size, root = _published(opened)
    removed = body["removed"]
    shards = 0
    if removed["version"] == manifest.version:  # (5)
        if "absence" not in receipt:
            raise VerificationError("this receipt has no proof of absence")
        if (removed["presence"]["size"], removed["presence"]["root"]) != (size, root.hex()):
            raise VerificationError(
                f"the receipt is for release {manifest.version}, but was made for other rows than these"
            )
    else:
        shards = _check_names(opened, absent, size, root)
    scope = body["selector"]["kind"]
    return Proved(body["request"], scope, manifest.version, len(absent), size, shards)


def _check_extends(log: Registry, signed: str) -> None:
    """(2) The receipt's checkpoint is newer than the log of the release that it is for: as that log was
    read before the takedown was noted in it.
    """
    seen = note.open_note(signed, log.key)
    if seen.size <= len(log.events):
        extends_root(log, seen.size, seen.root)


def _published(opened: Opened) -> tuple[int, bytes]:
    listed = opened.manifest.file(PRESENCE_PATH)
    if listed is None:
        raise VerificationError(
            f"{opened.release.name} publishes no presence tree ({PRESENCE_PATH})",
            next_step="pull it, and give the folder",
        )
    return parse_document(checked(opened.tree, listed))


def _check_names(opened: Opened, absent: list[bytes], size: int, root: bytes) -> int:
    shards = [file for file in opened.manifest.shards if file.shard]
    with opened.reading():
        parts = [
            opened.table_of([file]).to_table(columns=NAMES).combine_chunks() for file in shards
        ]
    keys = {key for part in parts for key in Presence.of(part).keys}
    presence = Presence.of_keys(keys)
    if (len(presence.keys), presence.tree.root()) != (size, root):
        raise VerificationError(f"{PRESENCE_PATH} of {opened.release.name} is not of its rows")
    found = [key for key in absent if key in presence]
    if found:
        raise VerificationError(
            f"release {opened.manifest.version} holds {len(found)} of the {len(absent)} things that "
            "the receipt calls absent",
            next_step="report it to the registry's operator, with this receipt",
        )
    return len(shards)
