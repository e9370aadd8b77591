"""Findings at `medium` on clean code: by package, rule and megabyte.

python -m benchmarks.pii_clean [--show N] [PACKAGE]...
"""

from __future__ import annotations

import argparse
import random
import site
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa

from benchmarks.pii_oracle import texts_of
from stackyard.pii.detect import find_in_column
from stackyard.pii.params import Detection, Params
from stackyard.pii.settling import reaches_threshold

PACKAGES = ("numpy", "pyarrow", "sqlalchemy", "pydantic", "fastapi", "prefect", "dvc", "cryptography",
            "rich", "hypothesis")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--show", type=int, default=0)
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    options = parser.parse_args()
    params = Params()
    total: Counter[str] = Counter()
    shown: dict[str, list[bytes]] = defaultdict(list)
    size = 0.0
    for name in options.packages:
        texts = [t.content for t in texts_of([Path(site.getsitepackages()[0]) / name])]
        counts: Counter[str] = Counter()
        for _, text, findings in find_in_column(pa.array(texts, pa.large_binary()), Detection()):
            for finding in findings:
                if reaches_threshold(finding, params):
                    counts[f"{finding.entity} ({finding.rule})"] += 1
                    shown[finding.rule].append(text[max(0, finding.start - 50) : finding.end + 10])
        size_mb = sum(map(len, texts)) / 1e6
        size += size_mb
        total += counts
        print(f"{name}: {size_mb:.1f} MB, {dict(counts.most_common())}")
    for rule, count in total.most_common():
        print(f"| {rule} | {count} | {count / size:.2f} |")
    for rule, places in sorted(shown.items()):
        random.Random(1).shuffle(places)
        for place in places[: options.show]:
            print(rule, place)


if __name__ == "__main__":
    main()
