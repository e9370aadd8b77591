"""Counts letter pairs of names in source code and prints the table of `stackyard/pii/letters.py`.

    python benchmarks/pii_letters.py DIR [SUFFIX]...

Each distinct word of an identifier or a comment counts once, so that no project outweighs others.
"""

from __future__ import annotations

import math
import re
import sys
from itertools import pairwise
from pathlib import Path

WORD = re.compile(rb"[A-Z]?[a-z]{3,15}")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def words(root: Path, suffixes: tuple[str, ...]) -> set[str]:
    found: dict[str, int] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix in suffixes and path.is_file():
            for word in set(WORD.findall(path.read_bytes())):
                name = word.decode().lower()
                found[name] = found.get(name, 0) + 1
    return {word for word, files in found.items() if files >= 3}


def main() -> None:
    root, suffixes = Path(sys.argv[1]), tuple(sys.argv[2:]) or (".py",)
    counts = {a: dict.fromkeys(LETTERS, 0.5) for a in LETTERS}
    vocabulary = words(root, suffixes)
    for word in vocabulary:
        for a, b in pairwise(word):
            counts[a][b] += 1
    print(f"# {len(vocabulary)} words")
    for a in LETTERS:
        total = sum(counts[a].values())
        row = "".join(chr(48 + min(9, round(-math.log2(counts[a][b] / total)))) for b in LETTERS)
        print(f'    "{row}"')


if __name__ == "__main__":
    main()
