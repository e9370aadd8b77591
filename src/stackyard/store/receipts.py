"""Receipts as files of a project, `.stackyard/receipts/<request>.json`: what requesters are given, each
with a page of it for people, `<request>.html`.

The private part has each of them before the log has its event, so that what a kill or a full disk left
out is written later (`write_receipts`): no event of the log is ever without its receipt.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from stackyard.optout.page import html
from stackyard.optout.receipts import from_bytes
from stackyard.store import files
from stackyard.store.registry import settled_receipts

FOLDER = Path(".stackyard") / "receipts"
"""They name the requester's selector, so they stay private."""


def path_of(project: Path, request: str) -> Path:
    """Where the receipt of a request lies."""
    return project / FOLDER / f"{request}.json"


def page_of(project: Path, request: str) -> Path:
    """Where the page of a receipt lies."""
    return path_of(project, request).with_suffix(".html")


def forget(project: Path, request: str) -> None:
    """Deletes a receipt and its page."""
    path_of(project, request).unlink(missing_ok=True)
    page_of(project, request).unlink(missing_ok=True)


def keep(project: Path, receipts: Mapping[str, bytes]) -> list[str]:
    """Writes receipts whole; their paths, in the order of requests."""
    (project / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    for request, receipt in receipts.items():
        files.write_bytes(page_of(project, request), html(from_bytes(receipt)).encode())
        files.write_bytes(path_of(project, request), receipt)
    return [str(path_of(project, request)) for request in sorted(receipts)]


def write_receipts(project: Path) -> list[str]:
    """Writes the receipts whose files are missing or older; where the private part is not, none."""
    late = {
        request: receipt
        for request, receipt in settled_receipts(project).items()
        if not (path := path_of(project, request)).is_file() or path.read_bytes() != receipt
    }
    return keep(project, late) if late else []
