"""Findings at `medium` on clean code: by rule and megabyte.

python -m benchmarks.pii_clean [--show N] [PACKAGE]...
"""

from __future__ import annotations

import argparse
import random
import site
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from benchmarks.pii_oracle import texts_of
from stackyard.pii.detect import find_in_column
from stackyard.pii.params import Detection, Params
from stackyard.pii.settling import reaches_threshold

PACKAGES = ("numpy", "pyarrow", "sqlalchemy", "pydantic", "fastapi", "prefect", "dvc", "cryptography",
            "rich", "hypothesis")  # fmt: skip


def measured(
    packages: Sequence[str], shown: dict[str, list[bytes]] | None = None
) -> tuple[Counter[str], int]:
    """Findings at `medium` by entity and rule, and the bytes that were read; `shown` takes their contexts."""
    params = Params()
    total: Counter[str] = Counter()
    size_bytes = 0
    for name in packages:
        texts = [t.content for t in texts_of([Path(site.getsitepackages()[0]) / name])]
        size_bytes += sum(map(len, texts))
        for _, text, findings in find_in_column(pa.array(texts, pa.large_binary()), Detection()):
            for finding in findings:
                if reaches_threshold(finding, params):
                    total[f"{finding.entity} ({finding.rule})"] += 1
                    if shown is not None:
                        around = text[max(0, finding.start - 50) : finding.end + 10]
                        shown.setdefault(finding.rule, []).append(around)
    return total, size_bytes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    options = parser.parse_args()
    shown: dict[str, list[bytes]] = {}
    total, size_bytes = measured(options.packages, shown)
    size = size_bytes / 1e6
    print(f"{size:.1f} MB")
    for rule, count in total.most_common():
        print(f"| {rule} | {count} | {count / size:.2f} |")
    for rule, places in sorted(shown.items()):
        random.Random(1).shuffle(places)
        for place in places[: options.show]:
            print(rule, place)


if __name__ == "__main__":
    main()
