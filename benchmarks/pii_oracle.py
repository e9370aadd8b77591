"""What detect-secrets itself reports on many megabytes of real code, kept by the digest of each file.

    python -m benchmarks.pii_oracle [--jobs N] [--record FILE] [DIR | FILE.parquet]...

`scan_file` of the installed detect-secrets runs for real, with all plugins, on every file under its
own suffix: its parsers of INI and YAML files and its file types take part. Switched off, in its
settings: the pragma, the rules about file names (lock files, Swagger, what is no text, baselines), and
verification over the network. It needs a second for four megabytes in twenty files, a quarter of an
hour and more for 200 MB, so what it said is kept: a row a file, by SHA-256 of its type and text, with the
number of findings and a digest of each (type, secret), never the secret. A file that changed has
no row and is read anew; another version of detect-secrets makes another record.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import site
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from stackyard.pii.lines import LINE_MAX

RECORD = Path(__file__).with_name("pii_oracle.parquet")
FILE_BYTES_MAX = 1 << 20
PATH_FILTERS = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.common.is_baseline_file",
    "detect_secrets.filters.common.is_ignored_due_to_verification_policies",
    "detect_secrets.filters.common.is_invalid_file",
    "detect_secrets.filters.heuristic.is_lock_file",
    "detect_secrets.filters.heuristic.is_non_text_file",
    "detect_secrets.filters.heuristic.is_swagger_file",
)

SCHEMA = pa.schema(
    [
        pa.field("key", pa.binary(16), nullable=False),
        pa.field("findings", pa.list_(pa.binary(8)), nullable=False),
    ]
)
"""Sorted by key; metadata: `version` of detect-secrets, `bytes` and CPU `seconds` of the run."""

Key = bytes
Pair = tuple[str, str]


class Text(NamedTuple):
    """A file: its suffix, which detect-secrets takes its type from, and its text."""

    suffix: str
    content: bytes

    @property
    def key(self) -> Key:
        return hashlib.sha256(self.suffix.encode() + b"\0" + self.content).digest()[:16]


def digest(pair: Pair) -> bytes:
    """Eight bytes for a (type, secret)."""
    return hashlib.sha256("\0".join(pair).encode("utf-8", "surrogatepass")).digest()[:8]


def texts_of(places: Sequence[Path]) -> Iterator[Text]:
    """Files, and the `content` or `text` of Parquet files: UTF-8, under 1 MiB, no line over `LINE_MAX`."""
    for place in places:
        if place.suffix == ".parquet":
            names = pq.read_schema(place).names
            column = "content" if "content" in names else "text"
            table = pq.read_table(place, columns=["path", column])
            for row in table.to_pylist():
                value = row[column] or b""
                content = value.encode() if isinstance(value, str) else value
                if len(content) < FILE_BYTES_MAX and _is_usable(content):
                    yield Text(Path(row["path"]).suffix, content)
        else:
            for path in sorted(place.rglob("*")):
                if path.is_file() and path.suffix != ".pyc":
                    if path.stat().st_size >= FILE_BYTES_MAX:
                        continue
                    content = path.read_bytes()
                    if content and _is_usable(content):
                        yield Text(path.suffix, content)


def _is_usable(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content and max(map(len, content.splitlines()), default=0) <= LINE_MAX


def distinct(texts: Iterable[Text]) -> list[Text]:
    """Each once, in order of their keys: any first part of them is a sample."""
    return [text for _, text in sorted({text.key: text for text in texts}.items())]


def ask(texts: Sequence[Text]) -> tuple[list[set[Pair]], float]:
    """(type, secret) of all that detect-secrets reports on each, and CPU seconds that it took."""
    from detect_secrets.core.scan import scan_file
    from detect_secrets.settings import default_settings, get_settings

    out = []
    spent = 0.0
    with tempfile.TemporaryDirectory() as folder, default_settings():
        get_settings().disable_filters(*PATH_FILTERS)
        for text in texts:
            path = Path(folder) / f"text{text.suffix}"
            path.write_bytes(text.content)
            start = time.process_time()
            found = {(each.type, str(each.secret_value)) for each in scan_file(str(path))}
            spent += time.process_time() - start
            out.append(found)
            path.unlink()
    return out, spent


class Record(NamedTuple):
    """What was asked before: digests of findings by key, and what the asking took."""

    findings: dict[Key, frozenset[bytes]]
    size_bytes: int
    seconds: float


def load(path: Path = RECORD) -> Record:
    """The record of the installed version of detect-secrets; empty if there is none."""
    if not path.exists():
        return Record({}, 0, 0.0)
    table = pq.read_table(path)
    about = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
    if about.get("version") != metadata.version("detect-secrets"):
        return Record({}, 0, 0.0)
    keys, found = table["key"].to_pylist(), table["findings"].to_pylist()
    by_key = {key: frozenset(each) for key, each in zip(keys, found, strict=True)}
    return Record(by_key, int(about["bytes"]), float(about["seconds"]))


def save(record: Record, path: Path) -> None:
    """Writes a record; the same one always gives the same bytes."""
    about = {
        "version": metadata.version("detect-secrets"),
        "bytes": str(record.size_bytes),
        "seconds": f"{record.seconds:.0f}",
    }
    keys = sorted(record.findings)
    table = pa.table(
        {"key": keys, "findings": [sorted(record.findings[key]) for key in keys]}, schema=SCHEMA
    ).replace_schema_metadata(about)
    pq.write_table(table, path, compression="zstd", compression_level=19)


def _ask_part(part: Path) -> None:
    done = part.with_suffix(".json")
    if done.exists():
        return
    texts = [Text(row["suffix"], row["content"]) for row in pq.read_table(part).to_pylist()]
    found, spent = ask(texts)
    rows = [
        [text.key.hex(), len(text.content), sorted(digest(p).hex() for p in pairs)]
        for text, pairs in zip(texts, found, strict=True)
    ]
    half = done.with_suffix(".half")
    half.write_text(json.dumps({"seconds": spent, "rows": rows}))
    half.rename(done)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--work", type=Path, default=Path("work/benchmarks/pii-oracle"))
    parser.add_argument("places", nargs="*", type=Path, default=[Path(site.getsitepackages()[0])])
    options = parser.parse_args()
    before = load(options.record)
    texts = [t for t in distinct(texts_of(options.places)) if t.key not in before.findings]
    options.work.mkdir(parents=True, exist_ok=True)
    parts: list[Path] = []
    batch: list[Text] = []
    for text in [*texts, None]:
        if batch and (text is None or sum(len(t.content) for t in batch) > 2_000_000):
            name = hashlib.sha256(b"".join(t.key for t in batch)).hexdigest()[:16]
            parts.append(options.work / f"{name}.parquet")
            columns = {"suffix": [t.suffix for t in batch], "content": [t.content for t in batch]}
            pq.write_table(pa.table(columns), parts[-1])
            batch = []
        if text is not None:
            batch.append(text)
    with ProcessPoolExecutor(options.jobs) as pool:
        for number, _ in enumerate(pool.map(_ask_part, parts), start=1):
            print(f"{number} of {len(parts)}", flush=True)
    save(merged(before, parts), options.record)


def merged(before: Record, parts: Sequence[Path]) -> Record:
    """A record with what the parts that were asked say."""
    findings, size, seconds = dict(before.findings), before.size_bytes, before.seconds
    for part in parts:
        answer = json.loads(part.with_suffix(".json").read_text())
        seconds += answer["seconds"]
        for key, length, found in answer["rows"]:
            findings[bytes.fromhex(key)] = frozenset(map(bytes.fromhex, found))
            size += length
    return Record(findings, size, seconds)


if __name__ == "__main__":
    main()
