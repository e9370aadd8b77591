"""Get real source code to measure dedup on: Debian source packages and npm tarballs.

    python benchmarks/dedup_corpus.py [DIR]       about 0.5 GB of downloads, 3 GB of text; resumable

Goes through apt and npm as they are configured here; nothing is installed and no system file is
changed. DIR (default work/benchmarks/dedup-corpus) gets one Parquet file a package, of the columns
repo_name, path, blob_id, text: its UTF-8 text files of up to 1 MiB, as a segment would hold them.
Several releases of one thing are there on purpose: they are the near-duplicates.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stackyard.record import BLOB_ID, blob_digest

DEFAULT = Path("work/benchmarks/dedup-corpus")

DEBIAN = (
    "python-django", "ruby3.1", "golang-1.19", "boost1.74", "boost1.81", "ocaml", "erlang",
    "python3.11", "rails", "llvm-toolchain-14", "llvm-toolchain-15", "ghc", "php8.2", "nodejs",
)  # fmt: skip

NPM = (
    *(f"three@0.{minor}.0" for minor in (150, 152, 154, 156, 158, 160)),
    *(f"typescript@{version}" for version in ("4.9.5", "5.0.4", "5.1.6")),
    *(f"lodash@{version}" for version in ("4.17.15", "4.17.20", "4.17.21")),
    *(f"ace-builds@1.{minor}.0" for minor in (30, 31, 32)),
)

TEXT_BYTES_MAX = 1 << 20

SCHEMA = pa.schema(
    [
        pa.field("repo_name", pa.string()),
        pa.field("path", pa.string()),
        pa.field("blob_id", BLOB_ID),
        pa.field("text", pa.large_binary()),
    ]
)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    folder.mkdir(parents=True, exist_ok=True)
    apt = _apt(folder)
    for name in DEBIAN:
        _one(folder, f"debian/{name}", lambda into, name=name: _debian(apt, name, into))
    for name in NPM:
        _one(folder, f"npm/{name}", lambda into, name=name: _npm(name, into))


def _one(folder: Path, name: str, get: object) -> None:
    target = folder / f"{name.replace('/', '-').replace('@', '-')}.parquet"
    if target.exists():
        return
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        assert callable(get)
        get(Path(scratch))
        temporary = target.with_suffix(".part")
        with pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
            for table in _tables(Path(scratch), name):
                writer.write_table(table)
        temporary.rename(target)
    print(json.dumps({"package": name, "size_bytes": target.stat().st_size}), flush=True)


def _tables(root: Path, name: str) -> Iterator[pa.Table]:
    seen: set[bytes] = set()
    rows, held = [], 0
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > TEXT_BYTES_MAX:
            continue
        text = path.read_bytes()
        blob_id = blob_digest(text)
        if blob_id in seen or not _is_text(text):
            continue
        seen.add(blob_id)
        shown = path.relative_to(root).as_posix().encode("utf-8", "replace").decode()
        rows.append({"repo_name": name, "path": shown, "blob_id": blob_id, "text": text})
        held += len(text)
        if held > 1 << 26:
            yield pa.Table.from_pylist(rows, SCHEMA)
            rows, held = [], 0
    yield pa.Table.from_pylist(rows, SCHEMA)


def _is_text(text: bytes) -> bool:
    if not text or b"\0" in text:
        return False
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _apt(folder: Path) -> list[str]:
    """An apt-get with lists of its own that knows the source packages of the configured mirror."""
    state = folder.absolute() / ".apt"
    (state / "lists/partial").mkdir(parents=True, exist_ok=True)
    (state / "sources.d").mkdir(exist_ok=True)
    for listed in Path("/etc/apt/sources.list.d").glob("debian*.sources"):
        text = listed.read_text().replace("Types: deb\n", "Types: deb-src\n")
        # What the security suite lists is often replaced before its index is.
        stanzas = [part for part in text.split("Types:") if "-security" not in part]
        (state / "sources.d" / listed.name).write_text("Types:".join(stanzas))
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(state / "sources.d"),
        "Dir::State::lists": str(state / "lists"),
        "Dir::Cache": str(state),
        "APT::Get::List-Cleanup": "0",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q", *(f"-o{key}={value}" for key, value in options.items())]
    subprocess.run([*apt, "update"], check=True, stdout=subprocess.DEVNULL)
    return apt


def _debian(apt: list[str], name: str, into: Path) -> None:
    subprocess.run([*apt, "source", "--download-only", name], cwd=into, check=True)
    (described,) = into.glob("*.dsc")
    command = ["dpkg-source", "--no-check", "--skip-patches", "-x", described.name, "tree"]
    subprocess.run(command, cwd=into, check=True, stdout=subprocess.DEVNULL)
    for item in into.iterdir():
        if item.name != "tree":
            item.unlink()


def _npm(name: str, into: Path) -> None:
    subprocess.run(["npm", "pack", "--silent", name], cwd=into, check=True)
    (archive,) = into.glob("*.tgz")
    shutil.unpack_archive(archive, into / "tree", filter="data")
    archive.unlink()


if __name__ == "__main__":
    main()
