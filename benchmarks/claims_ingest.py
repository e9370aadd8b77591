"""What docs/sources.md claims of ingest: bounded memory, speed, identity, and hostile archives.

Real input without a network: the source code of this Python's own library.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from swh.model.from_disk import Directory

from benchmarks.claim import Claim
from stackyard.errors import UsageError
from stackyard.ingest.fetch import Fetched
from stackyard.ingest.params import Params
from stackyard.ingest.read import Entry, Reader, Revision
from stackyard.ingest.sources import load_sources

LIBRARY = Path(os.__file__).parent
STREAM_BYTES = 2 << 30
MEMORY_BYTES = 200 << 20
"""What docs/sources.md states: what is held (128 MiB), one file, one piece, and names."""
MUTANTS = 20_000


def run() -> Iterator[Claim]:
    """The claims of ingest, as they are measured."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        packed = _pack_library(root)
        yield _speed(packed, root)
        yield _identity(packed, root)
        yield _memory(root)
        yield _mutants(root)


def read(path: Path, params: Params = Params()) -> tuple[list[Entry], Revision]:  # noqa: B008
    """All entries of an archive, contents and all, and its revision."""
    (source,) = load_sources("- {kind: archive, path: x, name: octo-org/x}", "benchmark")
    reader = Reader(source, Fetched("archive", path, ""), params)
    entries = list(reader)
    return entries, reader.revision


def _pack_library(root: Path) -> Path:
    names = sorted(path for path in LIBRARY.rglob("*.py") if "site-packages" not in path.parts)
    with tarfile.open(root / "library.tar.gz", "w:gz", compresslevel=6) as archive:
        for path in names:
            archive.add(path, f"library/{path.relative_to(LIBRARY)}")
    return root / "library.tar.gz"


def _cpu_seconds(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def _speed(packed: Path, root: Path) -> Claim:
    (root / "unpacked").mkdir()
    start = _cpu_seconds(resource.RUSAGE_CHILDREN)
    subprocess.run(["tar", "-xzf", packed, "-C", root / "unpacked"], check=True)
    tar_seconds = _cpu_seconds(resource.RUSAGE_CHILDREN) - start
    start = time.process_time()
    entries, _ = read(packed)
    seconds = time.process_time() - start
    size = sum(entry.length_bytes or 0 for entry in entries)
    return Claim(
        "reading a tar.gz, hashes and all, costs at most twice the CPU time of `tar xzf`",
        "ratio <= 2",
        f"{seconds / tar_seconds:.2f}, {size / seconds / 1e6:.0f} MB/s on one core",
        seconds <= 2 * tar_seconds,
    )


def _identity(packed: Path, root: Path) -> Claim:
    _, revision = read(packed)
    folder = bytes(root / "unpacked" / "library")
    expected = str(Directory.from_disk(path=folder, max_content_length=None).swhid())
    return Claim(
        "the SWHID of an archive is that of its unpacked tree, by swh.model",
        expected,
        revision.directory_id,
        expected == revision.directory_id,
    )


_STREAM = """
import resource, sys
from benchmarks.claims_ingest import read
from stackyard.ingest.params import Params
from pathlib import Path
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
entries, _ = read(Path(sys.argv[1]), Params(unpacked_ratio_max=10**6))
assert [entry.rule for entry in entries] == ["too-large"]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def _memory(root: Path) -> Claim:
    path = root / "stream.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        info = tarfile.TarInfo("t/zeros")
        info.size = STREAM_BYTES
        file.write(info.tobuf())
        for _ in range(STREAM_BYTES >> 20):
            file.write(bytes(1 << 20))
        file.write(bytes(1024))
    command = [sys.executable, "-c", _STREAM, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peak_bytes = int(done.stdout)
    return Claim(
        f"a stream of {STREAM_BYTES >> 30} GiB is read in bounded memory",
        f"<= {MEMORY_BYTES >> 20} MiB",
        f"{peak_bytes >> 20} MiB",
        peak_bytes <= MEMORY_BYTES,
    )


def _mutants(root: Path) -> Claim:
    chance, path = random.Random(1), root / "mutant.tar"
    seed, outcomes, bounds = _seed(), {"read": 0, "refused": 0}, Params(unpacked_bytes_max=10**6)
    for _ in range(MUTANTS):
        path.write_bytes(_mutant(seed, chance))
        try:
            entries, _ = read(path, bounds)
        except UsageError:
            outcomes["refused"] += 1
        else:
            outcomes["read"] += len({entry.path for entry in entries}) == len(entries)
    return Claim(
        f"{MUTANTS:,} damaged tars are each read, with one row a path, or refused by name",
        f"{MUTANTS:,}",
        f"{outcomes['read']:,} read + {outcomes['refused']:,} refused",
        sum(outcomes.values()) == MUTANTS,
    )


def _seed() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind in (("a", b"0"), ("d" * 150, b"0"), ("é" * 40, b"0"), ("l", b"2")):
            info = tarfile.TarInfo(f"t/{name}")
            info.type, info.linkname = kind, "t/a" if kind == b"2" else ""
            info.size = 600 if kind == b"0" else 0
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return buffer.getvalue()


def _mutant(seed: bytes, chance: random.Random) -> bytes:
    """The seed with bytes changed, cut or doubled; most headers get a right check sum again."""
    raw = bytearray(seed)
    for _ in range(chance.choice((1, 1, 2, 4, 10))):
        at = chance.randrange(len(raw))
        how = chance.random()
        if how < 0.6:
            raw[at] = chance.randrange(256)
        elif how < 0.8:
            del raw[at : at + chance.randrange(600)]
        else:
            raw[at:at] = raw[chance.randrange(len(raw)) :][:1200]
        raw = raw or bytearray(1)
    for start in range(0, len(raw) - 511, 512):
        if raw[start + 257 : start + 262] == b"ustar" and chance.random() < 0.95:
            raw[start + 148 : start + 156] = b" " * 8
            raw[start + 148 : start + 156] = b"%06o\0 " % sum(raw[start : start + 512])
    return bytes(raw)
