"""A small language for phrases, and whether a sentence is made of nothing else.

In: patterns (text), and sentences as lists of tokens. Out: the rules of which a sentence is made,
end to end. Always holds: every token is matched by a pattern that was written down; what is left over
makes the sentence unmade. The time is bounded by the tokens of the sentence times the size of the
grammar: each part of a pattern is asked once for each token, so no text makes it slow.

The language:

    word            the word itself, in lower case and in American spelling
    words?          the word with or without its last letter (`files?` is `file` or `files`)
    {phrase}        a named phrase, or a slot that the caller supplies
    [ ... ]         may be left out
    ( a | b )       one of them
    x+, x*          once or more often, any number of times
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple


class Token(NamedTuple):
    """A word as patterns see it: in lower case, `#` for a number, `@` for a path or an address; whether
    it begins with a capital, has letters beyond ASCII, and is part of an identifier.
    """

    word: str
    is_upper: bool
    is_foreign: bool = False
    is_joined: bool = False


Slot = Callable[[Sequence[Token], int], Sequence[int]]
"""Where a slot that begins at a token may end; empty if it does not match there."""


class _Sentence:
    """Tokens, and what was found out of them."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.ends: dict[tuple[int, int], frozenset[int]] = {}
        self.rests: dict[tuple[int, int], tuple[Rule, ...] | None] = {}


class _Node:
    """A part of a pattern."""

    __slots__ = ("number",)
    _count = 0

    def __init__(self) -> None:
        _Node._count += 1
        self.number = _Node._count

    def ends(self, sentence: _Sentence, at: int) -> frozenset[int]:
        """Where the part may end that begins at a token."""
        key = (self.number, at)
        known = sentence.ends.get(key)
        if known is None:
            sentence.ends[key] = known = self._find(sentence, at)
        return known

    def _find(self, sentence: _Sentence, at: int) -> frozenset[int]:
        raise NotImplementedError

    def first(self) -> frozenset[str] | None:
        """Words with which it may begin, `""` among them if it may be empty; None: any."""
        raise NotImplementedError


_NONE: Final[frozenset[int]] = frozenset()


class _Words(_Node):
    __slots__ = ("words",)

    def __init__(self, words: frozenset[str]) -> None:
        super().__init__()
        self.words = words

    def ends(self, sentence: _Sentence, at: int) -> frozenset[int]:
        if at < len(sentence.tokens) and sentence.tokens[at].word in self.words:
            return frozenset([at + 1])
        return _NONE

    def first(self) -> frozenset[str] | None:
        return self.words


class _Slot(_Node):
    __slots__ = ("slot",)

    def __init__(self, slot: Slot) -> None:
        super().__init__()
        self.slot = slot

    def _find(self, sentence: _Sentence, at: int) -> frozenset[int]:
        return frozenset(self.slot(sentence.tokens, at)) if at < len(sentence.tokens) else _NONE

    def first(self) -> frozenset[str] | None:
        return None


class _Named(_Node):
    """A phrase by its name: looked up when it is asked, as phrases may be written in any order."""

    __slots__ = ("name", "phrases")

    def __init__(self, name: str, phrases: Mapping[str, _Node]) -> None:
        super().__init__()
        self.name, self.phrases = name, phrases

    def ends(self, sentence: _Sentence, at: int) -> frozenset[int]:
        return self.phrases[self.name].ends(sentence, at)

    def first(self) -> frozenset[str] | None:
        return self.phrases[self.name].first()


class _Parts(_Node):
    """What is made of several parts."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[_Node]) -> None:
        super().__init__()
        self.parts = tuple(parts)


class _Sequence(_Parts):
    __slots__ = ()

    def _find(self, sentence: _Sentence, at: int) -> frozenset[int]:
        places = frozenset([at])
        for part in self.parts:
            places = frozenset(end for place in places for end in part.ends(sentence, place))
            if not places:
                break
        return places

    def first(self) -> frozenset[str] | None:
        found: frozenset[str] = frozenset()
        for part in self.parts:
            words = part.first()
            if words is None:
                return None
            found |= words - {""}
            if "" not in words:
                return found
        return found | {""}


class _Choice(_Parts):
    __slots__ = ()

    def _find(self, sentence: _Sentence, at: int) -> frozenset[int]:
        return frozenset(end for part in self.parts for end in part.ends(sentence, at))

    def first(self) -> frozenset[str] | None:
        found: frozenset[str] = frozenset()
        for part in self.parts:
            words = part.first()
            if words is None:
                return None
            found |= words
        return found


class _Repeated(_Node):
    __slots__ = ("is_optional", "once", "part")

    def __init__(self, part: _Node, *, is_optional: bool, once: bool) -> None:
        super().__init__()
        self.part, self.is_optional, self.once = part, is_optional, once

    def _find(self, sentence: _Sentence, at: int) -> frozenset[int]:
        found = {at} if self.is_optional else set()
        open_places = [at]
        seen = {at}
        while open_places:
            for end in self.part.ends(sentence, open_places.pop()):
                found.add(end)
                if end not in seen and not self.once:
                    seen.add(end)
                    open_places.append(end)
        return frozenset(found)

    def first(self) -> frozenset[str] | None:
        words = self.part.first()
        return words if words is None or not self.is_optional else words | {""}


_PIECE: Final = re.compile(r"\s*(?:(\{[a-z-]+\})|([\[\](|)+*])|([^\s\[\](|)+*{}]+))")


def _parse(text: str, phrases: Mapping[str, _Node]) -> _Node:
    """The part that a pattern stands for.

    Raises:
        ValueError: it is not a pattern, or names a phrase that there is not.
    """
    pieces = [match[match.lastindex or 0] for match in _PIECE.finditer(text)]
    if "".join(pieces) != "".join(text.split()):
        raise ValueError(f"no pattern: {text!r}")
    node, at = _choice(pieces, 0, phrases)
    if at != len(pieces):
        raise ValueError(f"a bracket is closed that was not opened: {text!r}")
    return node


def _choice(pieces: list[str], at: int, phrases: Mapping[str, _Node]) -> tuple[_Node, int]:
    """A choice from a piece up to the bracket that closes it."""
    parts: list[_Node] = []
    row: list[_Node] = []
    while at < len(pieces) and pieces[at] not in "])":
        piece = pieces[at]
        at += 1
        if piece == "|":
            parts.append(_joined(row))
            row = []
        elif piece in "+*":
            if piece == "+" and pieces[at - 2] == "]":
                raise ValueError(f"[...]+ may be empty: {' '.join(pieces)!r}")
            row.append(_Repeated(row.pop(), is_optional=piece == "*", once=False))
        elif piece in "[(":
            inner, at = _choice(pieces, at, phrases)
            if at >= len(pieces) or pieces[at] != {"[": "]", "(": ")"}[piece]:
                raise ValueError(f"a bracket is not closed: {' '.join(pieces)!r}")
            at += 1
            row.append(_Repeated(inner, is_optional=True, once=True) if piece == "[" else inner)
        elif piece.startswith("{"):
            row.append(_named(piece[1:-1], phrases))
        else:
            row.append(_Words(_spellings(piece)))
    parts.append(_joined(row))
    return (_merged(parts) if len(parts) > 1 else parts[0]), at


def _named(name: str, phrases: Mapping[str, _Node]) -> _Node:
    known = phrases.get(name)
    return known if isinstance(known, _Slot) else _Named(name, phrases)


def _joined(row: list[_Node]) -> _Node:
    return row[0] if len(row) == 1 else _Sequence(row)


def _merged(parts: list[_Node]) -> _Node:
    """A choice; single words of it are one set."""
    words = frozenset(word for part in parts if isinstance(part, _Words) for word in part.words)
    rest = [part for part in parts if not isinstance(part, _Words)]
    if not rest:
        return _Words(words)
    return _Choice([*([_Words(words)] if words else []), *rest])


def _spellings(piece: str) -> frozenset[str]:
    if piece.endswith("?"):
        return frozenset([piece[:-1], piece[:-2]])
    return frozenset([piece])


@dataclass(frozen=True)
class Rule:
    """A sentence, or a part of one, that is of a kind.

    Attributes:
        kind: what it says.
        says: pattern of it.
        because: why it is harmless.
        example: one of our own, which a test holds to it.
        joins: whether others may stand before and behind it in one sentence.
    """

    kind: str
    says: str
    because: str
    example: str
    joins: bool = True


class Grammar:
    """Phrases and rules over them.

    >>> is_capital = lambda tokens, at: [at + 1] if tokens[at].is_upper else []
    >>> rule = Rule("thanks", "thanks to {name}", "it only thanks", "Thanks to Ada")
    >>> grammar = Grammar({}, [rule], {"name": is_capital})
    >>> tokens = [Token("thanks", True), Token("to", False), Token("ada", True)]
    >>> [rule.kind for rule in grammar.made_of(tokens)]
    ['thanks']
    """

    def __init__(
        self, phrases: Mapping[str, str], rules: Sequence[Rule], slots: Mapping[str, Slot]
    ) -> None:
        """Raises: ValueError: a pattern is none, or names a phrase that there is not."""
        nodes: dict[str, _Node] = {name: _Slot(slot) for name, slot in slots.items()}
        for name, text in phrases.items():
            nodes[name] = _parse(text, nodes)
        self.rules = tuple(rules)
        self._nodes = [_parse(rule.says, nodes) for rule in rules]
        for name in _names(phrases.values()) | _names(rule.says for rule in rules):
            if name not in nodes:
                raise ValueError(f"no phrase is called {name!r}")
        self._by_first: dict[str, list[int]] = {}
        self._any_first: list[int] = []
        for number, node in enumerate(self._nodes):
            first = node.first()
            if first is None:
                self._any_first.append(number)
            else:
                if "" in first:
                    raise ValueError(f"a rule may be empty: {self.rules[number].says!r}")
                for word in sorted(first):
                    self._by_first.setdefault(word, []).append(number)

    def made_of(self, tokens: Sequence[Token]) -> tuple[Rule, ...]:
        """The rules of which a sentence is made, end to end; empty if it is not."""
        sentence = _Sentence(tokens)
        return self._from(sentence, 0, _TILES_MAX) or ()

    def alone(self, tokens: Sequence[Token]) -> tuple[Rule, ...]:
        """The rules each of which matches a sentence by itself."""
        ends = self._matches(_Sentence(tokens), 0)
        return tuple(rule for rule, end in ends if end == len(tokens))

    def _from(self, sentence: _Sentence, at: int, left: int) -> tuple[Rule, ...] | None:
        """Rules from a token to the end, so many at most."""
        key = (at, left)
        if key not in sentence.rests:
            sentence.rests[key] = self._look_from(sentence, at, left)
        return sentence.rests[key]

    def _look_from(self, sentence: _Sentence, at: int, left: int) -> tuple[Rule, ...] | None:
        size = len(sentence.tokens)
        reached: dict[int, Rule] = {}
        for rule, end in self._matches(sentence, at):
            if end == size and (rule.joins or at == 0):
                return (rule,)
            if rule.joins and end > at:
                reached.setdefault(end, rule)
        if left <= 1:
            return None
        for end in sorted(reached, reverse=True):
            rest = self._from(sentence, end, left - 1)
            following = sentence.tokens[end].word
            if rest is None and following in _CONNECTIVES and end + 1 < size:
                rest = self._from(sentence, end + 1, left - 1)
            if rest is not None and all(rule.joins for rule in rest):
                return (reached[end], *rest)
        return None

    def _matches(self, sentence: _Sentence, at: int) -> Iterator[tuple[Rule, int]]:
        numbers = self._by_first.get(sentence.tokens[at].word, ())
        for number in sorted([*numbers, *self._any_first]):
            for end in self._nodes[number].ends(sentence, at):
                yield self.rules[number], end


_TILES_MAX: Final = 4
"""Rules of which one sentence may be made: a notice with its holder, its rights and its licence."""
_CONNECTIVES: Final = frozenset(["and", "also", "please", "however", "but", "or", "so"])
"""Words that may stand between two of them."""


@functools.cache
def _names_in(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\{([a-z-]+)\}", text))


def _names(texts: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*map(_names_in, texts))
