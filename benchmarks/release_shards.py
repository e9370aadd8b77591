"""How fast shards are written and read back, as ratios to the copy floor of the same data.

    python -m benchmarks.release_shards [DIR ...]

DIR (default: the site-packages of this environment) gives the texts: its UTF-8 files of up to 1 MiB,
each content once, shared out over 64 owners. The copy floor reads them from one Parquet file and
writes them again with zstd, on one core; so do the steps. The last line is what a takedown of one row
of the largest shard leaves as it was, in blocks of 1 KiB: what storage by chunks need not send again.
"""

from __future__ import annotations

import io
import json
import random
import resource
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.record import ATTRIBUTES, CLUSTERS, FILES, ORIGINS, blob_digest, hex_column
from stackyard.release import checks, shards
from stackyard.release.manifest import File, Shard
from stackyard.release.params import Params

OWNERS = 64
REVISION = f"swh:1:rev:{0:040x}"
SIZE_BYTES_MAX = 1 << 20
BLOCK_BYTES = 1024
SAMPLES = 300


def main() -> None:
    """Prints one JSON document."""
    pa.set_cpu_count(1)
    folders = [Path(name) for name in sys.argv[1:]] or [Path(sysconfig.get_paths()["purelib"])]
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source.parquet"
        pq.write_table(texts_of(folders), source, compression="zstd")
        floor = timed(lambda: copy(source, Path(scratch) / "copy.parquet"))
        texts = pq.read_table(source)
    rows = rows_of(texts)
    planned: list[shards.ShardPlan] = []
    seconds = {"plan": timed(lambda: planned.extend(shards.plan(rows, Params())))}
    tree: dict[str, tuple[shards.ShardPlan, shards.Written, bytes]] = {}
    seconds["write"] = timed(lambda: tree.update(write(planned, rows, texts["content"])))
    found = checks.Findings()
    seconds["read back"] = timed(lambda: read_back(found, tree))
    content_bytes = pc.sum(pc.binary_length(texts["content"])).as_py()
    document = {
        "rows": len(rows),
        "content_bytes": content_bytes,
        "shards": len(tree),
        "size_bytes": sum(written.size_bytes for _, written, _ in tree.values()),
        "copy_floor_seconds": round(floor, 2),
        "ratio_to_copy_floor": {name: round(spent / floor, 2) for name, spent in seconds.items()},
        "broken": sorted({finding.what for finding in found.all()}),
        "shared_without_one_row": shared(tree, rows, texts["content"]),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(document, indent=1))


def texts_of(folders: list[Path]) -> pa.Table:
    """blob_id, name and content of each distinct UTF-8 file."""
    found: dict[bytes, tuple[str, bytes]] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= SIZE_BYTES_MAX:
                content = path.read_bytes()
                if _is_text(content):
                    found.setdefault(blob_digest(content), (path.name, content))
    return pa.table(
        {
            "blob_id": pa.array(list(found), FILES.field("blob_id").type),
            "name": [name for name, _ in found.values()],
            "content": pa.array([content for _, content in found.values()], pa.large_binary()),
        }
    )


def rows_of(texts: pa.Table) -> pa.Table:
    """ROWS of the texts."""
    count = len(texts)
    names = texts["name"].to_pylist()
    repos = [f"owner{n % OWNERS}/repo" for n in range(count)]
    evidence = {"path": "LICENSE", "kind": "license-file", "expression": "MIT", "score": 1.0}
    same = {
        "revision_id": REVISION, "edition": "permissive", "src_encoding": "utf-8",
        "is_vendor": False, "is_generated": False, "license_type": "permissive",
        "license_expression": "MIT", "detected_licenses": ["MIT"], "license_evidence": [evidence],
    }  # fmt: skip
    own = {
        "repo_name": repos,
        "path": [f"{n}/{name}" for n, name in enumerate(names)],
        "blob_id": texts["blob_id"],
        "length_bytes": pc.binary_length(texts["content"]).cast(pa.int64()),
        "language": [Path(name).suffix.strip(".") or "Text" for name in names],
        "extension": [Path(name).suffix.strip(".") for name in names],
    }
    columns = {
        field.name: own.get(field.name, pa.array([same.get(field.name)] * count, field.type))
        for field in ATTRIBUTES
    }
    attributes = pa.table(columns).cast(ATTRIBUTES)
    survivors = attributes.select(FILES.names)
    survivors = survivors.append_column("dedup_cluster", hex_column(survivors["blob_id"]))
    survivors = survivors.append_column("cluster_size", pa.array(np.ones(count, np.int64)))
    origins = [
        {"repo_name": repo, "revision_id": REVISION, "origin": "https://example.org",
         "directory_id": REVISION, "star_events_count": 0, "fork_events_count": 0}
        for repo in sorted(set(repos))
    ]  # fmt: skip
    origin_table = pa.Table.from_pylist(origins, ORIGINS)
    return shards.assemble(survivors.cast(CLUSTERS), attributes, origin_table)


def copy(source: Path, target: Path) -> None:
    """The copy floor."""
    pq.write_table(pq.read_table(source), target, compression="zstd")


def write(
    planned: list[shards.ShardPlan], rows: pa.Table, texts: pa.ChunkedArray
) -> Iterator[tuple[str, tuple[shards.ShardPlan, shards.Written, bytes]]]:
    """Each shard by its path."""
    for plan in planned:
        sink = io.BytesIO()
        table = finished(rows, texts, plan.rows)
        written = shards.write([table], sink, plan.edition, Params())
        yield plan.path, (plan, written, sink.getvalue())


def finished(rows: pa.Table, texts: pa.ChunkedArray, which: object) -> pa.Table:
    """Rows of a shard with their texts."""
    index = pa.array(which)
    none = pa.array([[]] * len(index), shards.REDACTIONS)
    return shards.finish(rows.take(index), texts.take(index), none)


def read_back(
    found: checks.Findings, tree: dict[str, tuple[shards.ShardPlan, shards.Written, bytes]]
) -> None:
    """What gate and `stackyard verify` do with every shard."""
    held = checks.Held(frozenset(tree), lambda path: io.BytesIO(tree[path][2]))
    rows = checks.Rows(found, held, {"permissive"}, None)
    for path, (plan, written, _) in tree.items():
        about = Shard(
            plan.edition, plan.language, plan.bucket_range, written.rows, written.content_bytes
        )
        file = File(path, written.sha256, written.size_bytes, "shard", about)
        rows.shard(file)
    rows.unique()
    assert not found.wrong["content unique in an edition"]


def shared(
    tree: dict[str, tuple[shards.ShardPlan, shards.Written, bytes]],
    rows: pa.Table,
    texts: pa.ChunkedArray,
) -> float:
    """Share of the blocks of the largest shard, less its sixth row, that the whole one has too."""
    plan, _, before = max(tree.values(), key=lambda entry: len(entry[2]))
    sink = io.BytesIO()
    shards.write([finished(rows, texts, np.delete(plan.rows, 5))], sink, plan.edition, Params())
    after = sink.getvalue()
    places = random.Random(1).choices(range(len(after) - BLOCK_BYTES), k=SAMPLES)
    return sum(after[at : at + BLOCK_BYTES] in before for at in places) / SAMPLES


def timed(step: Callable[[], object]) -> float:
    """CPU seconds of a step."""
    start = time.process_time()
    step()
    return time.process_time() - start


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return bool(content)


if __name__ == "__main__":
    main()
