"""Yanked versions: listed on the Hub, and not pulled unasked.

`yanked.json` on the branch main is canonical JSON (RFC 8785):
`{"format": "stackyard-yanked/1", "versions": {<version>: {"reason": <text>}}}`.
"""

from __future__ import annotations

import json
from typing import Any

from stackyard.errors import UsageError, VerificationError
from stackyard.params import canonical_json
from stackyard.store.hub import YANKED_PATH, HubDataset

FORMAT = "stackyard-yanked/1"
REASON_MAX = 1000


def parse(text: bytes | None) -> dict[str, str]:
    """Version -> reason; nothing is yanked where there is no file.

    Raises:
        VerificationError: it cannot be read, so what is yanked is not known.
    """
    if text is None:
        return {}
    try:
        document = json.loads(text)
        # Of another format, this is None, and has no items.
        versions: Any = document["versions"] if document["format"] == FORMAT else None
        return {str(name): str(entry["reason"]) for name, entry in versions.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise VerificationError(
            f"{YANKED_PATH} on the Hub cannot be read, so it is not known what is yanked",
            expected=FORMAT,
            next_step="tell the release manager",
        ) from error


def serialise(yanked: dict[str, str]) -> bytes:
    versions = {name: {"reason": reason} for name, reason in yanked.items()}
    return canonical_json({"format": FORMAT, "versions": versions})


def read(dataset: HubDataset) -> dict[str, str]:
    """What is yanked, as the Hub says now."""
    return parse(dataset.read_if_there(dataset.head(), YANKED_PATH))


def yank(dataset: HubDataset, version: str, reason: str) -> bool:
    """Marks a version; whether it was not marked so before.

    Raises:
        UsageError: there is no such version, or the reason is empty or too long.
    """
    if not reason.strip() or len(reason) > REASON_MAX:
        raise UsageError("a yank needs a reason", expected=f"1 to {REASON_MAX} characters")
    dataset.resolve(version)
    new = False

    def change(before: bytes | None) -> bytes:
        nonlocal new
        yanked = parse(before)
        new = yanked.get(version) != reason
        return serialise({**yanked, version: reason}) if new else before or b""

    dataset.edit(YANKED_PATH, change, f"Yank {version}")
    return new


def refuse(dataset: HubDataset, version: str) -> None:
    """Raises: VerificationError: the version is yanked."""
    reason = read(dataset).get(version)
    if reason is not None:
        raise VerificationError(
            f"{dataset.repo}@{version} is yanked: {reason}",
            next_step="take another version, or pass --yanked if you need this one",
        )
