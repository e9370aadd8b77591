"""The numbers of a release for `dvc metrics`, `dvc plots` and the page of `stackyard report --html`.

In: the report of a run. Out: `metrics.json` (numbers alone, by name) and a CSV a plot. Always holds: the
same release gives the same bytes; nothing in them is a name that a source made up.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from stackyard.params import canonical_json
from stackyard.release.report import RunReport

STAGES = ("ingest", "optout", "filter", "dedup", "pii", "release")
"""Stages that drop files, in the order in which a file meets them."""

Series = tuple[tuple[str, str], list[tuple[str, int]]]
"""Heads of the two columns, and the rows."""


def series(run: RunReport) -> dict[str, Series]:
    """Each plot's numbers, by its name in dvc.yaml."""
    totals = run.totals
    by_stage = dict.fromkeys(STAGES, 0)
    for part in totals.dropped:
        by_stage[part.stage] += part.files
    left, at = [("seen", totals.files_seen)], totals.files_seen
    for stage in STAGES:
        at -= by_stage[stage]
        left.append((stage, at))
    dropped = [(f"{part.stage}/{part.rule}", part.files) for part in totals.dropped]
    return {
        "left": (("stage", "files"), left),
        "dropped": (("rule", "files"), _most_first(dropped)),
        "languages": (
            ("language", "bytes"),
            _most_first([(each.name, each.content_bytes) for each in totals.languages]),
        ),
        "licences": (
            ("licence", "rows"),
            _most_first([(each.name, each.rows) for each in totals.licenses]),
        ),
        "redactions": (
            ("entity", "spans"),
            _most_first([(each.entity, each.count) for each in totals.redactions]),
        ),
    }


def documents(run: RunReport) -> dict[str, bytes]:
    """The files of `report/`, by name."""
    made = {f"{name}.csv": _csv(*each) for name, each in series(run).items()}
    return {"metrics.json": _metrics(run), **made}


def _metrics(run: RunReport) -> bytes:
    totals = run.totals
    return (
        canonical_json(
            {
                "bytes": {"kept": totals.bytes_kept, "released": totals.content_bytes,
                          "seen": totals.bytes_seen, "written": run.bytes_written},
                "dropped": {f"{part.stage}/{part.rule}": part.files for part in totals.dropped},
                "files": {"kept": totals.files_kept, "seen": totals.files_seen},
                "languages": len(totals.languages),
                "licences": len(totals.licenses),
                "optouts": totals.optouts,
                "redactions": {part.entity: part.count for part in totals.redactions},
                "shards": {"unchanged": run.shards_unchanged, "written": run.shards_written},
            }
        )
        + b"\n"
    )  # fmt: skip


def _csv(heads: tuple[str, str], rows: Sequence[tuple[str, int]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return text.getvalue().encode()


def _most_first(rows: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(rows, key=lambda row: (-row[1], row[0]))
