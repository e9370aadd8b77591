"""What can go wrong, by who can mend it; the command line turns each into its exit code.

An error says what happened and where, what was expected and found, and what to do next. It never
holds file contents: an ingested file may hold a secret.
"""

from __future__ import annotations

from typing import ClassVar


def shown(text: str) -> str:
    """A text as a terminal may show it: line feeds stay, and what could move the cursor, hide or reorder
    is escaped, since names in datasets and answers of servers are anybody's.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character == "\n" or character.isprintable() else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class StackyardError(Exception):
    """Base of all errors that Stackyard raises on purpose.

    Args:
        what: what happened and where, one sentence.
        expected: what should have been there, if that helps.
        found: what was there instead.
        next_step: what the reader can do now.
    """

    exit_code: ClassVar[int] = 3

    def __init__(
        self, what: str, *, expected: str = "", found: str = "", next_step: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.expected = expected
        self.found = found
        self.next_step = next_step

    def __str__(self) -> str:
        parts = [self.what]
        if self.expected:
            parts.append(f"expected: {self.expected}")
        if self.found:
            parts.append(f"found: {self.found}")
        if self.next_step:
            parts.append(f"next: {self.next_step}")
        return shown("\n  ".join(parts))


class VerificationError(StackyardError):
    """The thing asked about does not hold: a hash, a signature, a proof, a law (exit 1)."""

    exit_code = 1


class GateRefused(VerificationError):
    """The release gate found a broken law; nothing was published (exit 1)."""


class UsageError(StackyardError):
    """A command, params.yaml, sources.yaml or a request is wrong: its author can mend it (exit 2)."""

    exit_code = 2


class EnvironmentFault(StackyardError):
    """Network, disk, Hub or a missing program or input: the operator can mend it (exit 3)."""

    exit_code = 3


class Superseded(EnvironmentFault):
    """Another release came meanwhile; nothing was published, and a new run goes on from it (exit 3)."""


class CorruptWorkspace(EnvironmentFault):
    """A stored file does not hold what its name says; the workspace must be repaired (exit 3)."""
