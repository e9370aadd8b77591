"""What can go wrong, by who can mend it; the command line turns each into its exit code.

An error says what happened and where, what was expected and found, and what to do next. It never
holds file contents: an ingested file may hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar

_MOVES = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]"
)
"""Characters that move a terminal's cursor, end its lines, hide, or turn the order of what is read around:
controls (ECMA-48, C0 and C1), separators of lines, marks of direction (Unicode TR 36, 3.1), and the
halves of pairs. Line feed and tab stay."""


def shown(text: str) -> str:
    """A text as a terminal, or a document, may show it: names in datasets and answers of servers are
    anybody's, so what could do more than be read is escaped.
    """
    return _MOVES.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def shown_json(text: str) -> str:
    """The same of a JSON text, which stays one of the same value."""
    return _MOVES.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


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


class PinMismatch(UsageError):
    """Sources are not the files that sources.yaml pins; one error names all of a run (exit 2).

    Args:
        wrong: of each source: how errors name it, the pinned SHA-256, and the one that was found.
    """

    def __init__(self, wrong: Iterable[tuple[str, str, str]]) -> None:
        self.wrong = tuple(sorted(set(wrong)))
        super().__init__(
            "\n  ".join(
                [
                    f"{len(self.wrong)} of the sources are not what sources.yaml pins:"
                    if len(self.wrong) > 1
                    else "a source is not what sources.yaml pins:",
                    *(
                        f"{where}\n    pinned: sha256 {pinned}\n    found:  sha256 {found}"
                        for where, pinned, found in self.wrong
                    ),
                ]
            ),
            next_step="find out who changed them; where what was found is right, write it down",
        )

    def __reduce__(self) -> tuple[type[PinMismatch], tuple[tuple[tuple[str, str, str], ...]]]:
        return type(self), (self.wrong,)


def joined(failed: Sequence[BaseException]) -> BaseException:
    """What to raise after several units of a stage failed: all wrong pins at once, else the first."""
    pins = [each for each in failed if isinstance(each, PinMismatch)]
    return PinMismatch(one for each in pins for one in each.wrong) if pins else failed[0]


class EnvironmentFault(StackyardError):
    """Network, disk, Hub or a missing program or input: the operator can mend it (exit 3)."""

    exit_code = 3


class Superseded(EnvironmentFault):
    """Another release came meanwhile; nothing was published, and a new run goes on from it (exit 3)."""


class CorruptWorkspace(EnvironmentFault):
    """A stored file does not hold what its name says; the workspace must be repaired (exit 3)."""
