"""`stackyard bench`: the quality of a stage, on planted data."""

from __future__ import annotations

import json

import click
import pyarrow as pa


@click.group()
def bench() -> None:
    """Measure quality on planted data."""


@bench.command("dedup")
@click.option("--pairs", default=5000, show_default=True, help="Planted pairs of similar files.")
@click.option("--seed", default=1, show_default=True, help="Other pairs for another number.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def bench_dedup(pairs: int, seed: int, as_json: bool) -> None:
    """Recall and precision of near-deduplication by similarity, beside the theoretical curve."""
    from stackyard.dedup import Params
    from stackyard.dedup.quality import measure, plant

    found = measure(plant(pairs, seed), Params())
    if as_json:
        report = {
            "by_similarity": found.by_similarity.to_pylist(),
            "by_edit": found.by_edit.to_pylist(),
        }
        click.echo(json.dumps(report, indent=2))
        return
    click.echo(_shown(found.by_similarity))
    click.echo()
    click.echo(_shown(found.by_edit))


def _shown(table: pa.Table) -> str:
    """A table as aligned text."""
    rows = [table.column_names, *([_cell(v) for v in row.values()] for row in table.to_pylist())]
    widths = [max(len(row[i]) for row in rows) for i in range(table.num_columns)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


COMMANDS = [bench]
