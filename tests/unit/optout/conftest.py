from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest

from stackyard.optout import note, requests
from stackyard.optout.events import Event
from stackyard.optout.merkle import root_of
from stackyard.optout.registry import Registry, Request, fold, read
from stackyard.optout.selector import parse

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = note.SignerKey("example.org/log", bytes(range(32)))

Ask = tuple[str, str] | tuple[str, str, str]


def salt(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


class Book:
    """A log in memory, as its operator would write it."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.requests: dict[str, Request] = {}

    def submit(self, kind: str, text: str, **options: object) -> str:
        event, request = requests.submit(
            parse(kind, text),
            sequence=len(self.events),
            time=NOW,
            salt=salt(f"{kind}{text}{len(self.events)}"),
            contact="me@example.org",
            **options,  # type: ignore[arg-type]
        )
        self.events.append(event)
        self.requests[request.request] = request
        return request.request

    def accept(self, name: str) -> None:
        status = fold(self.events)[name]
        reason = requests.Reason("asked by mail", salt("reason"))
        self.events += requests.verified(
            status, "manual", reason, None, sequence=len(self.events), time=NOW
        )

    def end(self, name: str, how: requests.Ending = "withdrawn") -> None:
        reason = requests.Reason("no longer", salt("end"))
        self.events.append(
            requests.ended(
                fold(self.events)[name],
                how,
                "requester",
                reason,
                sequence=len(self.events),
                time=NOW,
            )
        )

    def apply(self, statements: Mapping[str, str], version: str) -> None:
        self.events += requests.applied(
            fold(self.events), statements, version, sequence=len(self.events), time=NOW
        )

    def entries(self) -> list[bytes]:
        return [event.to_bytes() for event in self.events]

    def note(self) -> str:
        entries = self.entries()
        return note.sign(note.Checkpoint(KEY.name, len(entries), root_of(entries)), KEY)

    def registry(self) -> Registry:
        return read(self.entries(), self.note(), KEY.verifier, self.requests)


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def accepted() -> Callable[..., Registry]:
    """A registry in which each (kind, text[, copies]) is accepted."""

    def make(*asks: Ask) -> Registry:
        book = Book()
        for kind, text, *copies in asks:
            book.accept(book.submit(kind, text, copies=copies[0] if copies else "none"))
        return book.registry()

    return make
