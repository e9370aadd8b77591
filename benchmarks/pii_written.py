"""Credentials and their look-alikes as people write them, by hand, in many languages, formats and frameworks.

    python -m benchmarks.pii_written [--set N]... [--seed N] [--show LEVEL]

`pii_written_<set>.txt` says how it is written. Each set was written whole before any rule of its round was
changed, and measured at first sight; docs/quality-pii.md has these figures beside those of now. A credential
counts as found if all of it is covered, a look-alike as touched if any byte of it is.
"""

from __future__ import annotations

import argparse
import base64
import random
import re
import string
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.pii_counts import Counts, count, is_covered, spans_at
from stackyard.pii.params import SCORE_MIN, Level

SETS = (1, 2)
SEEDS = (401, 402, 403)
WORDS = ("falcon", "Marble", "ocean", "Tulip", "rocket", "Viking", "copper", "Jasmin", "lemon", "Granite", "otter", "Saturn")  # fmt: skip
ALPHABETS = {
    "alnum": string.ascii_letters + string.digits,
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digit": string.digits,
    "base36": string.ascii_lowercase + string.digits,
    "base32": string.ascii_uppercase + "234567",
    "base32l": string.ascii_lowercase + "234567",
    "hex": string.digits + "abcdef",
    "hexu": string.digits + "ABCDEF",
    "b64": string.ascii_letters + string.digits + "+/",
    "b64url": string.ascii_letters + string.digits + "-_",
    "aws": string.ascii_letters + string.digits + "+/",
    "strong": string.ascii_letters + string.digits + "!#%&*-_=+?",
    "django": string.ascii_lowercase + string.digits + "!@#%^&*(-_=+)",
    "salt": string.ascii_letters + string.digits + "!@#%^&*()-_ []{}<>~+=,.;:/?|",
}
_DRAWN = re.compile("\u2039([a-z0-9]+)(?: ([^\u203a]+))?\u203a")


class Snippet(NamedTuple):
    """A snippet: its set and kind, its text, and the spans of its credentials in bytes."""

    kind: str
    text: bytes
    secrets: tuple[tuple[int, int], ...]


def _letters(source: random.Random, kind: str, length: int) -> str:
    out = "".join(source.choices(ALPHABETS[kind], k=length))
    # A value that is cut at its first or last sign would be counted as missed for a `-`.
    edges = [c for c in ALPHABETS[kind] if c.isalnum()]
    return source.choice(edges) + out[1:-1] + source.choice(edges) if length > 1 else out


def _chosen(source: random.Random) -> str:
    """A password as people choose them where more than a word is asked for."""
    word, other = source.sample(WORDS, 2)
    return source.choice(
        [f"{word}{source.randint(1, 2099)}", f"{word}{source.randint(1, 99)}!", f"{word}_{other}{source.randint(1, 9)}",
         f"{word.title()}#{source.randint(10, 999)}", _letters(source, "alnum", 10) + "7k", f"{word[0]}{source.randint(10, 99)}{other}",
         f"{word}-{other}-{source.randint(10, 99)}", _letters(source, "base36", 8) + "4"]
    )  # fmt: skip


def _draw(match: re.Match[str], source: random.Random) -> str:
    kind, argument = match[1], match[2] or ""
    if kind == "chosen":
        return _chosen(source)
    if kind == "word":
        return source.choice(WORDS).lower()
    if kind == "uuid":
        return str(uuid.UUID(int=source.getrandbits(128), version=4))
    if kind == "discord":
        return base64.b64encode(_letters(source, "digit", 18).encode()).decode()
    if kind == "pair64":
        return base64.b64encode(f"svc:{_letters(source, 'alnum', 15)}".encode()).decode()
    return _letters(source, kind, int(argument))


def snippets(number: int, seed: int) -> Iterator[Snippet]:
    source = random.Random(seed)
    written = (Path(__file__).parent / f"pii_written_{number}.txt").read_text("utf-8")
    for part in re.split(r"(?m)^%% ", written)[1:]:
        head, _, body = part.partition("\n")
        drawn = _DRAWN.sub(lambda match: _draw(match, source), body.rstrip("\n"))
        pieces = re.split("([\u00ab\u00bb])", drawn)
        text, secrets, start = b"\n", [], 0
        for piece in pieces:
            if piece == "«":
                start = len(text)
            elif piece == "»":
                secrets.append((start, len(text)))
            else:
                text += piece.encode()
        if head.startswith("+") != bool(secrets):
            raise ValueError(f"set {number}: {head!r} is not marked as it says")
        yield Snippet(f"{number} {head}", text + b"\n", tuple(secrets))


def hits(all_of: Sequence[Snippet], level: Level) -> list[bool]:
    """Of each: whether all of its credentials are covered, or, where it has none, whether anything is."""
    found = spans_at([each.text for each in all_of], level)
    return [
        all(is_covered(spans, *secret) for secret in each.secrets) if each.secrets else bool(spans)
        for each, spans in zip(all_of, found, strict=True)
    ]


def drawn(sets: Sequence[int], seeds: Sequence[int]) -> list[Snippet]:
    return [each for number in sets for seed in seeds for each in snippets(number, seed)]


def figures(sets: Sequence[int], seeds: Sequence[int], level: Level) -> Counts:
    all_of = drawn(sets, seeds)
    told = hits(all_of, level)
    return count((bool(each.secrets), hit) for each, hit in zip(all_of, told, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--set", type=int, action="append")
    parser.add_argument("--seed", type=int, action="append")
    parser.add_argument("--show", default="")
    options = parser.parse_args()
    sets, seeds = options.set or SETS, options.seed or SEEDS
    for level in SCORE_MIN:
        told = figures(sets, seeds, level)
        print(f"{level}: P {told.precision:.3f} R {told.recall:.3f} F1 {told.f1:.3f}, touched {told.false_share:.3f} of "
              f"{told.clean}")  # fmt: skip
    if options.show:
        all_of = drawn(sets, seeds)
        for each, hit in zip(all_of, hits(all_of, options.show), strict=True):
            if hit != bool(each.secrets):
                print("missed" if each.secrets else "touched", each.kind, each.text[1:181])


if __name__ == "__main__":
    main()
