"""`make bench`: time of each stage as a ratio to the copy floor on the same data, and peak memory.

The copy floor is what any pipeline must do: read the contents once from Parquet and write them once
with zstd, on one core, by the same library. Stages run in this process, one unit at a time, in a
fresh project over the cached sources of the given one; fetch is from a warm cache.
"""

from __future__ import annotations

import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq

from stackyard.cli import run
from stackyard.pipeline.execute import run_stage, run_units_here
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.making import ensure_machinery
from stackyard.pipeline.publish.previous import ensure_previous
from stackyard.stages import STAGES
from stackyard.store.workspace import Workspace


def copy_floor_seconds(workspace: Workspace, target: Path) -> tuple[float, int]:
    """CPU seconds to read all segments and write their contents again, and the bytes of content."""
    pa.set_cpu_count(1)
    start, content_bytes = time.process_time(), 0
    writer: pq.ParquetWriter | None = None
    for segment in workspace.segments():
        for group in workspace.read_segment(segment):
            writer = writer or pq.ParquetWriter(target, group.schema, compression="zstd")
            writer.write_table(group)
            content_bytes += group["content"].nbytes
    if writer is not None:
        writer.close()
    return time.process_time() - start, content_bytes


def measure(project: Path) -> list[dict[str, object]]:
    """One row a stage: CPU seconds, ratio to the floor, and peak memory so far."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "project"
        root.mkdir()
        for name in ("params.yaml", "sources.yaml", "dvc.yaml"):
            shutil.copy(project / name, root / name)
        shutil.copytree(project / "registry", root / "registry", ignore=_own_log)
        (root / ".stackyard").mkdir()
        (root / ".stackyard" / "cache").symlink_to((project / ".stackyard" / "cache").resolve())
        ensure_machinery(root)
        seconds: dict[str, float] = {}
        peaks: dict[str, int] = {}
        for stage in STAGES:
            opened = Project.at(root)
            ensure_previous(opened)
            start = time.process_time()
            run_stage(opened, stage, run_units_here)
            seconds[stage.name] = time.process_time() - start
            peaks[stage.name] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        floor, content_bytes = copy_floor_seconds(Workspace(root / "work"), Path(scratch) / "copy")
    rows: list[dict[str, object]] = [
        {
            "stage": name,
            "cpu_seconds": round(used, 2),
            "ratio_to_copy_floor": round(used / floor, 2),
            "peak_memory_mib": peaks[name] >> 20,
        }
        for name, used in [*seconds.items(), ("whole", sum(seconds.values()))]
        for _ in [peaks.setdefault("whole", max(peaks.values()))]
    ]
    rows.append(
        {"stage": "copy floor", "cpu_seconds": round(floor, 2), "content_mib": content_bytes >> 20}
    )
    return rows


def _own_log(folder: str, names: list[str]) -> list[str]:
    """A bench project has a registry of its own: the log and keys of the real one stay out."""
    del folder
    return [name for name in names if name in {"log", "keys", "checkpoint"}]


@click.command()
@click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="this folder",
    help="A project whose sources are in the cache (after a build or release).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(project: Path, as_json: bool) -> None:
    """Time every stage against the copy floor."""
    rows = measure(project.resolve())
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo(f"{'stage':12}{'CPU s':>8}{'x floor':>9}{'peak MiB':>10}")
    for row in rows:
        ratio, peak = row.get("ratio_to_copy_floor", ""), row.get("peak_memory_mib", "")
        click.echo(f"{row['stage']!s:12}{row['cpu_seconds']!s:>8}{ratio!s:>9}{peak!s:>10}")


if __name__ == "__main__":
    run(main, "python -m benchmarks.stages")
