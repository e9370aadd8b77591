"""How surprising a letter is after another, in names that people write in source code.

Made by benchmarks/pii_letters.py from the 31,461 words that occur in at least three files of a
Python environment (its Python, JavaScript, C and Markdown files). Row: the first letter, column:
the second; digit: bits of surprise, rounded, at most 9. Words average 4.3 bits, uniformly drawn
letters 6.4.
"""

from __future__ import annotations

from itertools import pairwise

ROWS = (
    "74448758596343959343667668",
    "35563688358267469446489959",
    "38563783494478279553589979",
    "36652668289566479545578879",
    "46435568698453757334867569",
    "47663379299466369454498969",
    "47672754499464469346489979",
    "27862788398666379554588959",
    "56455559997452459544859795",
    "38762979486766369947278999",
    "46762766397475568635586969",
    "37752789397378369855579949",
    "25772889398657339757479969",
    "47433537486676469743568979",
    "65447658696442549344455789",
    "38773785497377359354598959",
    "78777697799466757446177977",
    "37552759396656369544578969",
    "48473774396567447742477969",
    "37672784299677469345587948",
    "54564669598342749333889899",
    "28661878399777479667889889",
    "27653774397574379446988899",
    "56453576399556638652777468",
    "46554668498444529534666877",
    "38871766398767479656698965",
)

BITS = {
    chr(97 + i) + chr(97 + j): int(digit)
    for i, row in enumerate(ROWS)
    for j, digit in enumerate(row)
}


def surprise(value: str) -> tuple[float, int]:
    """Mean surprise in bits over the adjacent letter pairs of a value, and how many there are."""
    folded = value.lower()
    bits = [BITS[pair] for pair in map("".join, pairwise(folded)) if pair in BITS]
    return (sum(bits) / len(bits) if bits else 0.0), len(bits)
