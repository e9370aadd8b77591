"""The slowest file of a project in stage detect, and by which detector and function.

In: a project that was built. Out: the files that cost most. How: each detector is timed over batches
of some 1 MiB; only where a batch took longer than its bytes would, its files are timed one by one.
"""

from __future__ import annotations

import cProfile
import itertools
import pstats
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from stackyard import filter as filter_room
from stackyard.detector import Detector
from stackyard.pipeline.project import Project
from stackyard.pipeline.tables import live_listing
from stackyard.record import BATCH

_BATCH_BYTES = 1 << 20
_SUSPECTS = 2
"""Batches whose files are timed one by one, for each detector: one file makes one batch slow."""
_SHARE_BYTES_MIN = 16 << 10
"""A smaller file counts as so long: what one call costs by itself is no property of the file."""


class Slow(NamedTuple):
    """A file and a detector that took long over it.

    Attributes:
        name: `owner/repo/path`, the first of the blob's names.
        detector: which one took longest.
        seconds: of CPU, the file alone, less what an empty text takes.
        length_bytes: of the file.
        shares: seconds, over what a file of that length takes of this detector on the average.
        function: where most of that time was spent, by a profile.
    """

    name: str
    detector: str
    seconds: float
    length_bytes: int
    shares: float
    function: str = ""


def slowest(
    project: Project, detectors: Sequence[Detector], count: int = 3
) -> tuple[list[Slow], dict[str, float]]:
    """The files that took longest, slowest first, and CPU seconds by detector over all files."""
    batches = list(_batches(project))
    found: list[Slow] = []
    spent: dict[str, float] = {}
    for detector in detectors:
        if not batches:
            break
        _timed(detector, batches[0].slice(0, 4))  # compiles what is compiled at first use
        seconds = np.array([_timed(detector, batch) for batch in batches])
        lengths = np.array([_length(batch) for batch in batches])
        spent[detector.name] = float(seconds.sum())
        rate = seconds.sum() / max(1, lengths.sum())
        suspects = np.argsort(seconds - rate * lengths)[::-1][:_SUSPECTS]
        empty = _timed(detector, _empty(batches[0]))
        for at in suspects:
            found.extend(_singly(detector, batches[at], rate, empty))
    found.sort(key=lambda slow: -slow.seconds)
    by_name = {detector.name: detector for detector in detectors}
    return [_profiled(by_name[each.detector], batches, each) for each in found[:count]], spent


def _batches(project: Project) -> Iterator[pa.Table]:
    """BATCH rows of the whole project, each blob under the first of its names, and `name`."""
    listing = live_listing(project)
    names: dict[bytes, tuple[str, str]] = {}
    columns = (listing[name].to_pylist() for name in ("blob_id", "repo_name", "path"))
    for blob_id, repo_name, path in zip(*columns, strict=True):
        names.setdefault(blob_id, (path, f"{repo_name}/{path}"))
    for segment in project.workspace.segments():
        for group in project.workspace.read_segment(segment):
            text, encoding = filter_room.decode(group["content"])
            named = [names.get(blob_id, ("", "")) for blob_id in group["blob_id"].to_pylist()]
            paths = pa.array([path for path, _ in named], pa.string())
            table = pa.table(
                [group["blob_id"], paths, group["content"], text, encoding], schema=BATCH
            ).append_column("name", pa.array([name for _, name in named], pa.string()))
            ends = np.cumsum([len(each.as_py() or b"") for each in table["content"]])
            cuts = np.searchsorted(ends, np.arange(0, ends[-1] + _BATCH_BYTES, _BATCH_BYTES))
            cuts = np.unique(np.append(cuts, len(table)))
            for start, stop in itertools.pairwise(cuts):
                yield table.slice(start, stop - start)


def _timed(detector: Detector, batch: pa.Table) -> float:
    rows = batch.select(BATCH.names)
    start = time.process_time()
    detector.detect(rows)
    return time.process_time() - start


def _length(batch: pa.Table) -> int:
    return sum(len(each.as_py() or b"") for each in batch["content"])


def _empty(batch: pa.Table) -> pa.Table:
    one = batch.slice(0, 1)
    for name in ("content", "text"):
        field = one.schema.field(name)
        one = one.set_column(one.schema.get_field_index(name), field, pa.array([b""], field.type))
    return one


def _singly(detector: Detector, batch: pa.Table, rate: float, empty: float) -> Iterator[Slow]:
    for at in range(len(batch)):
        row = batch.slice(at, 1)
        seconds = max(0.0, _timed(detector, row) - empty)
        length_bytes = _length(row)
        share = rate * max(_SHARE_BYTES_MIN, length_bytes)
        yield Slow(
            row["name"][0].as_py(), detector.name, seconds, length_bytes, seconds / max(share, 1e-9)
        )


def _profiled(detector: Detector, batches: list[pa.Table], slow: Slow) -> Slow:
    batch = next(batch for batch in batches if slow.name in batch["name"].to_pylist())
    row = batch.slice(batch["name"].to_pylist().index(slow.name), 1).select(BATCH.names)
    profile = cProfile.Profile()
    profile.runcall(detector.detect, row)
    own: dict[tuple[str, int, str], float] = {
        place: figures[2]
        for place, figures in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
    }
    path, line, function = max(own, key=lambda place: own[place])
    where = f"{Path(path).name}:{line} {function}" if line else function
    return slow._replace(function=where)
