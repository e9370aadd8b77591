"""Which SPDX expressions a set of licences admits: OR is any branch, AND is all of them.

`A WITH e` is admitted by itself and by `A`, since an exception only permits more. What is no
expression, and what has none, is not admitted.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from stackyard.errors import UsageError

_TOKEN = re.compile(r"\s*(\(|\)|[A-Za-z0-9.:+-]+)")
_WORDS = {"AND", "OR", "WITH", "(", ")"}


class _Reader:
    """Recursive descent over the tokens of one expression (SPDX 2.3, annex D)."""

    def __init__(self, tokens: list[str], allowed: AbstractSet[str]) -> None:
        self.tokens = tokens
        self.allowed = allowed
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def any_of(self) -> bool:
        holds = self.all_of()
        while self.peek().upper() == "OR":
            self.take()
            holds = self.all_of() or holds
        return holds

    def all_of(self) -> bool:
        holds = self.one()
        while self.peek().upper() == "AND":
            self.take()
            holds = self.one() and holds
        return holds

    def one(self) -> bool:
        name = self.take()
        if name == "(":
            holds = self.any_of()
            if self.take() != ")":
                raise ValueError("a bracket is open")
            return holds
        if not name or name.upper() in _WORDS:
            raise ValueError("a licence is missing")
        if self.peek().upper() == "WITH":
            self.take()
            whole = f"{name} with {self.take()}".lower()
            return name.lower() in self.allowed or whole in self.allowed
        return name.lower() in self.allowed


def admits(expression: str | None, allowed: AbstractSet[str]) -> bool:
    """Whether the licences in `allowed` (folded SPDX ids, or whole `a with b`) suffice."""
    if expression is None:
        return False
    tokens = _tokens(expression)
    if tokens is None:
        return False
    reader = _Reader(tokens, allowed)
    try:
        holds = reader.any_of()
    except ValueError:
        return False
    return holds and reader.at == len(tokens)


def fold(licenses: tuple[str, ...]) -> frozenset[str]:
    """Licences that a user names, for `admits`.

    Raises:
        UsageError: one is no SPDX id.
    """
    for name in licenses:
        tokens = _tokens(name) or []
        words = [token for token in tokens if token.upper() in _WORDS]
        if not tokens or (words and [word.upper() for word in words] != ["WITH"]):
            raise UsageError(
                f"{name!r} is no SPDX licence id", expected="an id such as MIT, given once for each"
            )
    return frozenset(" ".join(name.split()).lower() for name in licenses)


def _tokens(text: str) -> list[str] | None:
    tokens = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        tokens.append(match[1])
        at = match.end()
    return tokens
