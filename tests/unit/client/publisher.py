"""A publisher in miniature: real shards, manifest, signature and registry, on an embedded Hub."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackyard.hub import EmbeddedHub
from stackyard.optout import registry as optout_registry
from stackyard.optout.absence import PRESENCE_PATH, Presence
from stackyard.params import canonical_json, plain
from stackyard.record import DECISIONS, blob_digest, bucket_of
from stackyard.release import (
    attribution,
    card,
    changelog,
    citation,
    croissant,
    diff,
    dsse,
    removals,
    semver,
    shards,
)
from stackyard.release.manifest import (
    Checkpoint,
    Code,
    Dropped,
    File,
    Manifest,
    Previous,
    Shard,
    Totals,
    describe,
    identity,
)
from stackyard.release.names import bucket_range, shard_path
from stackyard.release.params import Params
from stackyard.release.totals import TALLY_COLUMNS, Tally, tally
from stackyard.store.hub import publish
from stackyard.store.registry import init_registry, open_registry, published

REPO = "octo-org/yard"
PARAMS = Params(bucket_ranges=2)


@dataclass(frozen=True)
class Row:
    """A file to release, by what tests care about."""

    repo: str
    path: str
    text: str
    language: str = "Python"
    license: str = "MIT"


ROWS = (
    Row("octo-org/alpha", "src/a.py", "print('alpha')\n"),
    Row("octo-org/alpha", "src/b.py", "print('beta')\n", license="Apache-2.0"),
    Row("octo-org/alpha", "main.c", "int main(void) { return 0; }\n", "C"),
    Row(
        "mono-inc/gamma",
        "lib/g.py",
        "def g():\n    return 'needle'\n",
        license="MIT OR GPL-3.0-only",
    ),
    Row("mono-inc/gamma", "x.c", "int x;\n", "C", license="BSD-3-Clause"),
    Row(
        "zeta/tool",
        "run.sh",
        "echo run\n",
        "Shell",
        license="GPL-2.0-only WITH Classpath-exception-2.0",
    ),
)


def licenses_in(expression: str) -> list[str]:
    """Licences and exceptions of an expression, sorted."""
    return sorted(set(expression.split()) - {"AND", "OR", "WITH"})


def table_of(rows: tuple[Row, ...]) -> pa.Table:
    values = []
    for row in sorted(rows, key=lambda row: (row.repo.encode(), row.path.encode())):
        blob = blob_digest(row.text.encode()).hex()
        evidence = {
            "path": "LICENSE", "kind": "license-file", "detector": "texts",
            "expression": row.license, "score": 1.0, "start_byte": 0, "end_byte": 10,
        }  # fmt: skip
        key = {"repo_name": row.repo, "revision_id": "swh:1:rev:" + "1" * 40, "path": row.path}
        values.append(
            {
                "blob_id": blob, "directory_id": "swh:1:dir:" + "2" * 40, **key,
                "branch_name": "main", "revision_date": None, "star_events_count": 0,
                "fork_events_count": 0, "src_encoding": "utf-8", "language": row.language,
                "is_vendor": False, "is_generated": False, "length_bytes": len(row.text),
                "extension": row.path.rpartition(".")[2], "filename": row.path.rpartition("/")[2],
                "license_type": "permissive", "detected_licenses": licenses_in(row.license),
                "content": row.text,
                "content_sha256": hashlib.sha256(row.text.encode()).hexdigest(),
                "license_expression": row.license, "license_evidence": [evidence],
                "dedup_cluster": blob, "cluster_size": 1, "origins": [key], "redactions": [],
            }
        )  # fmt: skip
    return pa.Table.from_pylist(values, schema=shards.SHARD)


@dataclass
class Publisher:
    """Makes releases of rows, one after the other, and publishes them."""

    root: Path
    key: Ed25519PrivateKey = field(
        default_factory=lambda: Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    )
    last: Manifest | None = None
    tree: Path | None = None
    rows: pa.Table | None = None
    brings_key: bool = True
    contact: str = "opt-out@example.org"

    @property
    def public(self) -> str:
        return self.key.public_key().public_bytes_raw().hex()

    def release(self, rows: tuple[Row, ...] = ROWS) -> Path:
        """The tree of the next release."""
        if not (self.root / "registry").exists():
            self.root.mkdir(parents=True, exist_ok=True)
            init_registry(self.root, REPO)
        folder = self.root / f"tree-{len(list(self.root.glob('tree-*')))}"
        folder.mkdir()
        table = table_of(rows)
        draft = self._draft(folder, table)
        manifest = self._documented(folder, draft, self._row_columns(table))
        self.sign(folder, manifest)
        self.last, self.tree, self.rows = manifest, folder, table
        return folder

    def _documented(self, folder: Path, draft: Manifest, after: pa.Table) -> Manifest:
        rows = diff.rows(self._row_columns(self.rows), after)
        step = semver.step(self.last, draft, rows)
        version = semver.next_version(self.last.version if self.last else None, step.bump)
        before = Previous(self.last.version, identity(self.last)) if self.last else None
        manifest = dataclasses.replace(draft, version=version, previous=before)
        told = (self.tree / "CHANGELOG.md").read_text() if self.tree else None
        gone = (self.tree / "removals.jsonl").read_bytes() if self.tree else b""
        documents = {
            "CHANGELOG.md": changelog.render(told, manifest, step, rows).encode(),
            "CITATION.cff": citation.render(manifest).encode(),
            "README.md": card.render(manifest).encode(),
            "croissant.json": croissant.render(manifest),
            "removals.jsonl": removals.render(gone, version, rows),
        }
        for path, content in documents.items():
            (folder / path).write_bytes(content)
        return manifest.with_files(describe(path, text) for path, text in documents.items())

    def sign(self, folder: Path, manifest: Manifest) -> None:
        text = manifest.serialise()
        (folder / "manifest.json").write_bytes(text)
        (folder / "manifest.dsse.json").write_bytes(dsse.sign(text, self.key).serialise())

    @staticmethod
    def _row_columns(table: pa.Table | None) -> pa.Table:
        if table is None:
            return diff.empty_rows()
        edition = pa.array(["permissive"] * len(table))
        return table.add_column(0, "edition", edition).select(diff.ROW_COLUMNS)

    def _draft(self, folder: Path, table: pa.Table) -> Manifest:
        files, counted = self._shards(folder, table)
        log = open_registry(self.root)
        documents = {**published(log), PRESENCE_PATH: Presence.of(table).document()}
        documents |= self._attribution(table)
        if self.brings_key:
            documents["registry/release.pub"] = f"{self.public}\n".encode()
        for path, content in documents.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)
            files.append(describe(path, content))
        files += self._decisions(folder)
        checkpoint = optout_registry.checkpoint(log)
        return Manifest(
            name=REPO,
            version="0.0.1",
            previous=None,
            registry=Checkpoint(checkpoint.size, checkpoint.root, checkpoint.note),
            params={
                "release": plain(PARAMS),
                "publish": {"hub": "local", "repo": REPO, "contact": self.contact},
            },
            code=Code("0.1.0", f"pyarrow {pa.__version__}"),
            detectors={},
            schema_sha256=shards.schema_digest(),
            totals=Totals(
                files_seen=len(table) + 2,
                files_kept=len(table),
                dropped=(Dropped("filter", "generated", 1), Dropped("filter", "license", 1)),
                bytes_seen=1000,
                bytes_kept=sum(table["length_bytes"].to_pylist()),
                content_bytes=sum(share.content_bytes for share in counted.languages),
                languages=counted.languages,
                licenses=counted.licenses,
                redactions=(),
                optouts=0,
            ),
            files=tuple(sorted(files, key=lambda file: file.path)),
        )

    @staticmethod
    def _attribution(table: pa.Table) -> dict[str, bytes]:
        """ATTRIBUTION/ with the licence text of each repository."""
        notice = {"origin": "https://example.org", "path": "LICENSE", "copyrights": []}
        notices = [
            {**notice, "repo_name": name, "text": f"Licence of {name}"}
            for name in pc.unique(table["repo_name"]).to_pylist()
        ]
        rows = pa.Table.from_pylist(notices, schema=attribution.NOTICES)
        none = {"collection_license": "CC-BY-4.0", "conflicts": [], "policy_version": "1.0.0"}
        conflicts = canonical_json({**none, "policy_sha256": "0" * 64})
        return {
            "ATTRIBUTION/conflicts.json": conflicts,
            **attribution.render(rows, table, PARAMS),
        }

    @staticmethod
    def _shards(folder: Path, table: pa.Table) -> tuple[list[File], Tally]:
        groups: dict[tuple[str, str], list[int]] = {}
        for number, row in enumerate(table.select(["repo_name", "language"]).to_pylist()):
            buckets = bucket_range(bucket_of(row["repo_name"]), PARAMS.bucket_ranges)
            groups.setdefault((row["language"], buckets), []).append(number)
        files = []
        counted = Tally()
        for (language, buckets), numbers in sorted(groups.items()):
            path = shard_path("permissive", language, buckets)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            part = table.take(numbers)
            with (folder / path).open("wb") as sink:
                done = shards.write([part], sink, "permissive", PARAMS)
            shard = Shard("permissive", language, buckets, done.rows, done.content_bytes)
            files.append(File(path, done.sha256, done.size_bytes, "shard", shard))
            counted += tally(part.select(TALLY_COLUMNS))
        return files, counted

    @staticmethod
    def _decisions(folder: Path) -> list[File]:
        revision = "swh:1:rev:" + "1" * 40
        rows = [
            ("mono-inc/gamma", revision, "copy.py", None, "filter", "generated", "{}"),
            ("zeta/tool", revision, "gpl.c", None, "filter", "license", '{"expression":"GPL-3.0"}'),
        ]
        schema = DECISIONS.set(3, pa.field("blob_id", pa.string()))
        table = pa.Table.from_pylist(
            [dict(zip(schema.names, row, strict=True)) for row in rows], schema
        )
        files = []
        for buckets in ("00-7f", "80-ff"):
            mine = [
                bucket_range(bucket_of(row[0]), PARAMS.bucket_ranges) == buckets for row in rows
            ]
            if any(mine):
                path = f"decisions/{buckets}.parquet"
                (folder / path).parent.mkdir(exist_ok=True)
                pq.write_table(table.filter(mine), folder / path)
                files.append(describe(path, (folder / path).read_bytes()))
        return files

    def publish(self, hub: EmbeddedHub, rows: tuple[Row, ...] = ROWS) -> str:
        """Releases and publishes; the version."""
        folder = self.release(rows)
        assert self.last is not None
        version = self.last.version
        publish(folder, REPO, version, endpoint=hub.endpoint)
        return version
