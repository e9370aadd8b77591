"""Lies that a publisher can tell: a release is changed, all that follows from it is made to fit, and it is
signed again with the right key. Each names the check that must find it.

Nothing else gives a lie away: hashes, totals, documents and the presence tree are made anew, less the
one that the lie is about. tests/unit/client/test_lies.py tells them to gate and client, and
`make claims ROOM=release` counts them over a release of real sources.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackyard.optout.absence import PRESENCE_PATH, Presence
from stackyard.params import canonical_json
from stackyard.record import bucket_of
from stackyard.release import card, citation, croissant, dsse
from stackyard.release.manifest import (
    Dropped,
    File,
    Manifest,
    Previous,
    Redacted,
    Shard,
    kind_of,
)
from stackyard.release.names import ENVELOPE, MANIFEST, UNLISTED
from stackyard.release.totals import TALLY_COLUMNS, Tally, tally

Row = dict[str, Any]
ESC = "\x1b[2J"
OTHER = hashlib.sha256(b"other").hexdigest()
ID = hashlib.sha256(b"other").hexdigest()[:40]


class Liar:
    """A release in a folder, to be changed and signed again.

    `hidden`: files that lie there and are not listed; `added`: shards that it did not have.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = Manifest.parse((folder / MANIFEST).read_bytes())
        self.hidden: frozenset[str] = frozenset()
        self.added: dict[str, Shard] = {}

    @property
    def shards(self) -> list[str]:
        return [file.path for file in self.manifest.shards]

    def rows(self, change: Callable[[list[Row]], object], *, shard: int = -1) -> None:
        """Changes the rows of a shard; of the one that has most, if none is named."""
        path = self.shards[shard] if shard >= 0 else self._largest()
        schema = pq.read_schema(self.folder / path).remove_metadata()
        rows = pq.read_table(self.folder / path, partitioning=None).to_pylist()
        change(rows)
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, self.folder / path, compression="zstd", write_page_checksum=True)

    def _largest(self) -> str:
        counts = {file.path: file.shard.rows for file in self.manifest.shards if file.shard}
        return max(sorted(counts), key=lambda path: counts[path])

    def decisions(self, change: Callable[[list[Row]], object]) -> None:
        """Changes the rows of the first file of decisions."""
        path = next(file.path for file in self.manifest.files if file.kind == "decisions")
        table = pq.read_table(self.folder / path, partitioning=None)
        rows = table.to_pylist()
        change(rows)
        rows.sort(key=lambda row: (row["repo_name"], row["revision_id"], row["path"]))
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), self.folder / path)

    def totals(self, **changes: Any) -> None:
        totals = dataclasses.replace(self.manifest.totals, **changes)
        self.manifest = dataclasses.replace(self.manifest, totals=totals)

    def write(self, path: str, content: bytes) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)

    def settle(self, keep: frozenset[str]) -> None:
        """Makes all that follows from the rows and files anew, less what the lie is about."""
        tables = {
            path: pq.read_table(self.folder / path, partitioning=None) for path in self.shards
        }
        if "presence" not in keep and (self.folder / PRESENCE_PATH).exists():
            rows = pa.concat_tables(
                [
                    table.select(["repo_name", "path", "blob_id", "origins"])
                    for table in tables.values()
                ]
            )
            self._try(lambda: self.write(PRESENCE_PATH, Presence.of(rows).document()))
        if "totals" not in keep:
            self._count(tables)
        if "dropped" not in keep:
            self._count_dropped()
        for path in ("README.md", "CITATION.cff", "croissant.json"):
            if path in keep:
                continue
            self.manifest = dataclasses.replace(self.manifest, files=tuple(self._files(tables)))
            self.write(path, _GENERATED[path](self.manifest))
        self.manifest = dataclasses.replace(self.manifest, files=tuple(self._files(tables)))
        # The card says nothing of its own entry, but of sizes of shards, which are known by now.
        for path in {"README.md", "croissant.json"} - keep:
            self.write(path, _GENERATED[path](self.manifest))
        self.manifest = dataclasses.replace(self.manifest, files=tuple(self._files(tables)))

    @staticmethod
    def _try(function: Callable[[], None]) -> None:
        try:
            function()
        except (ValueError, AttributeError):
            return  # No tree can be made of names that are none: the old one stays.

    def _files(self, tables: dict[str, pa.Table]) -> Iterator[File]:
        places = (p for p in self.folder.rglob("*") if p.is_file())
        # by their texts, as a manifest has them: paths as such go by their parts
        for path in sorted(place.relative_to(self.folder).as_posix() for place in places):
            place = self.folder / path
            if path in UNLISTED or path in self.hidden:
                continue
            content = place.read_bytes()
            old = self.manifest.file(path)
            shard = old.shard if old else self.added.get(path)
            if shard is not None:
                table = tables[path] if path in tables else pq.read_table(place, partitioning=None)
                size = _text_bytes(table)
                shard = dataclasses.replace(shard, rows=len(table), content_bytes=size)
            sha256 = hashlib.sha256(content).hexdigest()
            yield File(path, sha256, len(content), kind_of(path), shard)

    def _count(self, tables: dict[str, pa.Table]) -> None:
        counted = Tally()
        for table in tables.values():
            if "content" in table.column_names:
                self_tally = tally(table.select(TALLY_COLUMNS))
                counted += self_tally
        kept = sum(len(table) for table in tables.values())
        dropped = sum(part.files for part in self.manifest.totals.dropped)
        lengths = [sum(table["length_bytes"].to_pylist()) for table in tables.values()]
        self.totals(
            files_kept=kept,
            files_seen=kept + dropped,
            bytes_kept=max(0, sum(lengths)),
            bytes_seen=max(self.manifest.totals.bytes_seen, sum(lengths)),
            content_bytes=sum(share.content_bytes for share in counted.languages),
            languages=counted.languages,
            licenses=counted.licenses,
            redactions=tuple(each for each in counted.redactions if each.count > 0),
        )

    def _count_dropped(self) -> None:
        counts: Counter[tuple[str, str]] = Counter()
        for file in self.manifest.files:
            if file.kind == "decisions":
                table = pq.read_table(self.folder / file.path, partitioning=None)
                counts.update(
                    zip(table["stage"].to_pylist(), table["rule"].to_pylist(), strict=True)
                )
        old = {
            (p.stage, p.rule): p.files for p in self.manifest.totals.dropped if p.stage == "optout"
        }
        every = {**counts, **old} if old else dict(counts)
        dropped = tuple(Dropped(*key, every[key]) for key in sorted(every))
        seen = self.manifest.totals.files_kept + sum(part.files for part in dropped)
        self.totals(dropped=dropped, files_seen=seen)

    def sign(self, key: Ed25519PrivateKey) -> None:
        text = self.manifest.serialise()
        self.write(MANIFEST, text)
        self.write(ENVELOPE, dsse.sign(text, key).serialise())


_GENERATED: dict[str, Callable[[Manifest], bytes]] = {
    "README.md": lambda manifest: card.render(manifest).encode(),
    "CITATION.cff": lambda manifest: citation.render(manifest).encode(),
    "croissant.json": croissant.render,
}


def _text_bytes(table: pa.Table) -> int:
    if "content" not in table.column_names:
        return 0
    return sum(len(text.encode()) for text in table["content"].to_pylist())


@dataclass(frozen=True)
class Lie:
    """A lie, the check that must find it, what is changed, and what is not made to fit."""

    name: str
    check: str
    tell: Callable[[Liar], object]
    keep: frozenset[str] = frozenset()
    after: Callable[[Liar], object] | None = None

    def told(self, folder: Path, key: Ed25519PrivateKey) -> None:
        """Tells it of the release in a folder."""
        liar = Liar(folder)
        self.tell(liar)
        liar.settle(self.keep)
        if self.after is not None:
            self.after(liar)
            for path in {"README.md", "CITATION.cff", "croissant.json"} - self.keep:
                liar.write(path, _GENERATED[path](liar.manifest))
            files = tuple(
                dataclasses.replace(
                    file,
                    sha256=hashlib.sha256((folder / file.path).read_bytes()).hexdigest(),
                    size_bytes=(folder / file.path).stat().st_size,
                )
                for file in liar.manifest.files
            )
            liar.manifest = dataclasses.replace(liar.manifest, files=files)
        liar.sign(key)


def _nothing(_liar: Liar) -> None:
    pass


def _totals(name: str, check: str, change: Callable[[Liar], dict[str, Any]]) -> Lie:
    return Lie(name, check, _nothing, after=lambda liar: liar.totals(**change(liar)))


def _manifest(name: str, check: str, **changes: Any) -> Lie:
    def change(liar: Liar) -> None:
        liar.manifest = dataclasses.replace(liar.manifest, **changes)

    return Lie(name, check, _nothing, after=change)


def _row(name: str, check: str, **values: Any) -> Lie:
    return Lie(name, check, lambda liar: liar.rows(lambda rows: rows[0].update(values)))


def _rows(name: str, check: str, change: Callable[[list[Row]], object]) -> Lie:
    return Lie(name, check, lambda liar: liar.rows(change))


def _decision(name: str, check: str, **values: Any) -> Lie:
    return Lie(name, check, lambda liar: liar.decisions(lambda rows: rows[0].update(values)))


def _text(name: str, check: str, path: str, change: Callable[[bytes], bytes]) -> Lie:
    def tell(liar: Liar) -> None:
        liar.write(path, change((liar.folder / path).read_bytes()))

    return Lie(name, check, tell, keep=frozenset({path, "presence"}))


def _unlisted(name: str, check: str, path: str) -> Lie:
    def tell(liar: Liar) -> None:
        (liar.folder / path).unlink()
        files = tuple(file for file in liar.manifest.files if file.path != path)
        liar.manifest = dataclasses.replace(liar.manifest, files=files)

    return Lie(name, check, tell, keep=frozenset({path, "presence"}))


def _moved_to(rows: list[Row], path: str) -> None:
    """The first row under another path that sorts before all others of its repository."""
    rows[0].update(path=path, filename=path.rpartition("/")[2], extension="")
    rows[0]["origins"] = [{**own, "path": path} for own in rows[0]["origins"][:1]]
    rows[0]["origins"][0].update(
        {name: rows[0][name] for name in ("repo_name", "revision_id", "path")}
    )
    rows.sort(key=lambda row: (row["repo_name"], row["path"]))


def _evidence(rows: list[Row], **values: Any) -> None:
    rows[0]["license_evidence"] = [{**rows[0]["license_evidence"][0], **values}]


def _origin(rows: list[Row], **values: Any) -> None:
    """One more origin, before or after the others."""
    more = {**rows[0]["origins"][0], **values}
    rows[0]["origins"] = sorted(
        [*rows[0]["origins"], more],
        key=lambda each: (each["repo_name"], each["revision_id"], each["path"]),
    )


def _whole(rows: list[Row]) -> Row:
    """A row whose text is its blob: of one that was redacted, nobody else can tell."""
    return next(row for row in rows if not row["redactions"])


def _other_text(rows: list[Row]) -> None:
    """Another text under the blob of the old one, of the same length."""
    row = _whole(rows)
    text = row["content"][:-2] + "#\n"
    row.update(content=text, content_sha256=hashlib.sha256(text.encode()).hexdigest())


def _other_name(rows: list[Row]) -> None:
    """A repository that is none, of the same owner."""
    owner = rows[0]["repo_name"].split("/")[0]
    rows[0].update(repo_name=f"{owner}/..")
    rows.sort(key=lambda row: (row["repo_name"], row["path"]))


def _dropped_and_released(liar: Liar) -> None:
    """The first released row of a bucket range that has decisions gets one."""
    for path in liar.shards:
        row = pq.read_table(liar.folder / path, partitioning=None).slice(0, 1).to_pylist()[0]
        bucket = bucket_of(row["repo_name"])
        for file in liar.manifest.files:
            if file.kind != "decisions":
                continue
            first, last = (int(end, 16) for end in file.path[10:15].split("-"))
            if first <= bucket <= last:
                table = pq.read_table(liar.folder / file.path, partitioning=None)
                names = ("repo_name", "revision_id", "path", "blob_id")
                rows = [*table.to_pylist(), {**{n: row[n] for n in names}, "stage": "dedup",
                        "rule": "near-duplicate", "evidence": "{}"}]  # fmt: skip
                rows.sort(key=lambda each: (each["repo_name"], each["revision_id"], each["path"]))
                new = pa.Table.from_pylist(rows, schema=table.schema)
                pq.write_table(new, liar.folder / file.path)
                return


def _new_edition(liar: Liar) -> None:
    old = liar.manifest.shards[0]
    assert old.shard is not None
    shard = dataclasses.replace(old.shard, edition="secret")
    liar.write(shard.path, (liar.folder / old.path).read_bytes())
    liar.added = {shard.path: shard}


def _hidden(liar: Liar) -> None:
    liar.hidden = frozenset({"data/permissive/extra.parquet"})
    liar.write("data/permissive/extra.parquet", b"x")


def _swapped(shares: tuple[Any, ...]) -> tuple[Any, ...]:
    """Rows and bytes of the first two names the other way round."""
    first, second = shares[0], shares[1]
    return (
        dataclasses.replace(first, rows=second.rows, content_bytes=second.content_bytes),
        dataclasses.replace(second, rows=first.rows, content_bytes=first.content_bytes),
        *shares[2:],
    )


def _renamed(shares: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(sorted((dataclasses.replace(shares[0], name="0BSD"), *shares[1:])))


def _shard_says(liar: Liar, **values: Any) -> None:
    file = liar.manifest.shards[0]
    assert file.shard is not None
    other = dataclasses.replace(file, shard=dataclasses.replace(file.shard, **values))
    files = tuple(other if each is file else each for each in liar.manifest.files)
    liar.manifest = dataclasses.replace(liar.manifest, files=files)


def _says(liar: Liar, **sections: Any) -> None:
    params = {**liar.manifest.params, **sections}
    liar.manifest = dataclasses.replace(liar.manifest, params=params)


def _log_says(liar: Liar, **values: Any) -> None:
    registry = dataclasses.replace(liar.manifest.registry, **values)
    liar.manifest = dataclasses.replace(liar.manifest, registry=registry)


def _elsewhere(liar: Liar) -> None:
    """The first file of decisions gets one of an owner of another bucket."""
    path = next(file.path for file in liar.manifest.files if file.kind == "decisions")
    first, last = (int(end, 16) for end in path[10:15].split("-"))
    name = next(n for n in (f"o{i}/x" for i in range(999)) if not first <= bucket_of(n) <= last)
    liar.decisions(lambda rows: rows[0].update(repo_name=name))


def _removal(change: str, version: str, content: str = OTHER) -> bytes:
    line = {
        "change": change,
        "content_sha256": content,
        "swhid": f"swh:1:cnt:{ID}",
        "version": version,
    }
    return canonical_json(line) + b"\n"


def _license(rows: list[Row], expression: str, **more: Any) -> None:
    rows[0].update(license_expression=expression, **more)


def _in_encoding(rows: list[Row], encoding: str) -> None:
    """Another text under the blob of the old one, in an encoding that nobody is said to check."""
    _other_text(rows)
    _whole(rows)["src_encoding"] = encoding


def _of_other_owner(rows: list[Row]) -> None:
    """An origin more, which was never dropped: whose code it is said to be as well."""
    _origin(rows, repo_name="zz-inc/elsewhere")


def _duplicate(liar: Liar, *, rule: str = "near-duplicate", of: Row | None = None) -> None:
    """A file more that was dropped, for the first row or another; nothing else says so."""
    path = next(file.path for file in liar.manifest.files if file.kind == "decisions")
    first = (
        pq.read_table(liar.folder / liar.shards[0], partitioning=None).slice(0, 1).to_pylist()[0]
    )
    named = {name: (of or first)[name] for name in ("blob_id", "path", "repo_name")}
    evidence = canonical_json({"method": "exact", "representative": named, "similarity": 1.0})
    row = {
        "stage": "dedup",
        "rule": rule,
        "evidence": evidence.decode(),
        "path": "zzz",
        "blob_id": ID,
    }
    liar.decisions(lambda rows: rows.append({**rows[0], **row}))
    assert path


NOBODY = {"blob_id": ID, "path": "gone.py", "repo_name": "octo-org/gone"}


def _moved(liar: Liar) -> None:
    """The last version took a content away; it is said to be here, so that copies keep it."""
    version = liar.manifest.version
    old = (liar.folder / "removals.jsonl").read_bytes()
    liar.write("removals.jsonl", old + _removal("moved", version))
    log = (liar.folder / "CHANGELOG.md").read_text()
    if "\n### Removed\n" not in log:
        head, mark, rest = log.partition("in force.\n")
        liar.write("CHANGELOG.md", f"{head}{mark}\n### Removed\n\n- 1 row.\n{rest}".encode())


def _twice_released(liar: Liar) -> None:
    """The first shard again, as an edition of its own."""
    old = liar.manifest.shards[0]
    assert old.shard is not None
    shard = dataclasses.replace(old.shard, edition="no_license")
    rows = pq.read_table(liar.folder / old.path, partitioning=None)
    liar.write(shard.path, b"")
    schema = rows.schema.remove_metadata()
    values = [
        {**row, "license_type": "no_license", "license_expression": None, "detected_licenses": [], "license_evidence": []}
        for row in rows.to_pylist()
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(values, schema=schema), liar.folder / shard.path, write_page_checksum=True)  # fmt: skip
    liar.added = {shard.path: shard}


def _noted(liar: Liar) -> None:
    """A note in a footer that steers how loaders read the columns."""
    path = liar.shards[0]
    table = pq.read_table(liar.folder / path, partitioning=None)
    note = b'{"info": {"features": {"content": {"dtype": "binary", "_type": "Value"}}}}'
    pq.write_table(table.replace_schema_metadata({b"huggingface": note}), liar.folder / path)


def _noted_decisions(liar: Liar) -> None:
    path = next(file.path for file in liar.manifest.files if file.kind == "decisions")
    table = pq.read_table(liar.folder / path, partitioning=None)
    pq.write_table(table.replace_schema_metadata({b"pandas": b"{}"}), liar.folder / path)


def _other_statistics(liar: Liar) -> None:
    """Statistics that hide a row group from who asks for its licence: bytes of the footer alone."""
    path = liar.folder / liar.shards[0]
    about = pq.ParquetFile(path).metadata.row_group(0)
    column = next(
        about.column(n) for n in range(about.num_columns)
        if about.column(n).path_in_schema == "blob_id"
    )  # fmt: skip
    raw = path.read_bytes()
    at = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    footer = raw[at:].replace(column.statistics.min.encode(), b"f" * 40)
    path.write_bytes(raw[:at] + footer)


def _small_groups(liar: Liar) -> None:
    path = liar.folder / liar._largest()  # noqa: SLF001 - of this module
    table = pq.read_table(path, partitioning=None)
    pq.write_table(table, path, row_group_size=1, write_page_checksum=True)


def _smuggled(path: str) -> Callable[[Liar], None]:
    return lambda liar: liar.write(path, b"MZ\n")


def _edited(pattern: str, change: Callable[[bytes], bytes]) -> Callable[[Liar], None]:
    """The first file whose path matches."""

    def tell(liar: Liar) -> None:
        path = min(place for place in liar.folder.glob(pattern))
        path.write_bytes(change(path.read_bytes()))

    return tell


def _without_notices(liar: Liar) -> None:
    for path in liar.folder.glob("ATTRIBUTION/*.txt"):
        path.unlink()


def _dropped_for(rule: str) -> Lie:
    def change(liar: Liar) -> dict[str, Any]:
        totals = liar.manifest.totals
        dropped = tuple(sorted((*totals.dropped, Dropped("optout", rule, 1))))
        return {"dropped": dropped, "files_seen": totals.files_seen + 1, "optouts": 1}

    return _totals(f"a file dropped for opt-outs by rule {rule[:6]!r}", "totals add up", change)


def _renamed_notice(old: bytes) -> bytes:
    """The first repository under the name of somebody else."""
    head, _, rest = old.partition(b"\n\n")
    return head + b"\n\noctocat/hello\n" + rest.partition(b"\n")[2]


_CONFLICT = {"files": 7, "license_expression": "MIT", "reason": "", "verdict": "conflict"}
_CONFLICTS = {"collection_license": "CC0-1.0", "conflicts": [_CONFLICT], "policy_sha256": OTHER, "policy_version": "1"}  # fmt: skip

LIES = (
    _totals("rows of two languages swapped", "totals match the shards", lambda liar: {"languages": _swapped(liar.manifest.totals.languages)}),
    _totals("a licence under another name", "totals match the shards", lambda liar: {"licenses": _renamed(liar.manifest.totals.licenses)}),
    _totals("redactions that were not made", "totals match the shards", lambda liar: {"redactions": (Redacted("aadhaar", 3), *liar.manifest.totals.redactions)}),
    _totals("more files kept", "totals match the shards", lambda liar: {"files_kept": liar.manifest.totals.files_kept + 1, "files_seen": liar.manifest.totals.files_seen + 1}),
    _totals("more files seen than decided", "totals add up", lambda liar: {"files_seen": liar.manifest.totals.files_seen + 1}),
    _totals("more bytes of text", "totals match the shards", lambda liar: {"content_bytes": liar.manifest.totals.content_bytes + 1}),
    _totals("more bytes kept", "totals match the shards", lambda liar: {"bytes_kept": liar.manifest.totals.bytes_kept + 1}),
    _totals("fewer bytes seen than kept", "totals add up", lambda liar: {"bytes_seen": liar.manifest.totals.bytes_kept - 1}),
    _totals("opt-outs that are not in force", "registry", lambda _liar: {"optouts": 7}),
    _totals("files dropped for opt-outs that "
            "nobody made", "totals add up", lambda liar: {"dropped": tuple(sorted((*liar.manifest.totals.dropped, Dropped("optout", "repo", 3)))), "files_seen": liar.manifest.totals.files_seen + 3}),
    _totals("dropped by another rule", "decisions", lambda liar: {"dropped": tuple(sorted((dataclasses.replace(liar.manifest.totals.dropped[0], rule="another"), *liar.manifest.totals.dropped[1:])))}),
    Lie("bytes of a shard's text", "read-back", _nothing, after=lambda liar: _shard_says(liar, content_bytes=5)),
    Lie("rows of a shard", "read-back", _nothing, after=lambda liar: _shard_says(liar, rows=5)),
    _manifest("other columns", "columns", schema_sha256=OTHER),
    _manifest("a version below the one before", "version order", previous=Previous("9.9.9", OTHER)),
    _manifest("a version far above the one before", "version order", previous=Previous("0.0.7", OTHER), version="0.5.0"),
    _manifest("a first version that is none", "version order", previous=None, version="3.0.0"),
    Lie("a log of another size", "registry", _nothing, after=lambda liar: _log_says(liar, size=5)),
    Lie("a log of another root", "registry", _nothing, after=lambda liar: _log_says(liar, root=OTHER)),
    _manifest("a layout that is none", "layout", params={}),
    _manifest("more bucket ranges", "read-back", params={"release": {"bucket_ranges": 128}}),
    _unlisted("no removals", "removals", "removals.jsonl"),
    _unlisted("no presence tree", "presence", PRESENCE_PATH),
    _unlisted("no log", "registry", "registry/log.jsonl"),
    _unlisted("no card", "documents are generated", "README.md"),
    _unlisted("no changelog", "documents are generated", "CHANGELOG.md"),
    _text("a root of other rows", "presence", PRESENCE_PATH, lambda _old: canonical_json({"format": "stackyard-presence/1", "root": OTHER, "size": 3}) + b"\n"),
    _text("a card with other numbers", "documents are generated", "README.md", lambda old: old.replace(b"source file", b"sauce file")),
    _text("a citation of somebody else", "documents are generated", "CITATION.cff", lambda old: old + b"# x\n"),
    _text("Croissant of other shards", "documents are generated", "croissant.json", lambda old: old.replace(b"sha256", b"sha255")),
    _text("a changelog of another version", "documents are generated", "CHANGELOG.md", lambda old: old.replace(b"\n## ", b"\n## 9.", 1)),
    _text("another public key", "registry/release.pub", "registry/release.pub", lambda _old: OTHER.encode() + b"\n"),
    _text("a checkpoint that nobody signed", "registry", "registry/checkpoint", lambda old: old.replace(b"\n0\n", b"\n1\n")),
    _text("a log that was grown", "registry", "registry/log.jsonl", lambda old: old + b"{}\n"),
    _text("removals of a version to come", "removals", "removals.jsonl", lambda old: old + _removal("removed", "99.0.0")),
    _text("removals that the changelog has not", "removals", "removals.jsonl", lambda old: old + _removal("removed", "0.1.0")),
    _text("removals of no hash", "removals", "removals.jsonl", lambda old: old + _removal("removed", "0.1.0", "x")),
    _text("a removal of no kind", "removals", "removals.jsonl", lambda old: old + _removal("hidden", "0.1.0")),
    _text("a return of what was never removed", "removals", "removals.jsonl", lambda old: old + _removal("restored", "0.1.0")),
    _text("removals that are deep", "removals", "removals.jsonl", lambda old: old + b"[" * 100_000 + b"\n"),
    _rows("a permissive row without evidence", "licence evidence", lambda rows: rows[0].update(license_evidence=[])),
    _rows("null for evidence", "licence evidence", lambda rows: rows[0].update(license_evidence=[None])),
    _rows("evidence without a path", "licence evidence", lambda rows: _evidence(rows, path=None)),
    _rows("evidence without an expression", "licence evidence", lambda rows: _evidence(rows, expression=None)),
    _rows("evidence of no score", "licence evidence", lambda rows: _evidence(rows, score=None)),
    _rows("evidence of a score of 7", "licence evidence", lambda rows: _evidence(rows, score=7.0)),
    _rows("evidence of no number for a score", "licence evidence", lambda rows: _evidence(rows, score=float("nan"))),
    _rows("evidence that ends before it begins", "licence evidence", lambda rows: _evidence(rows, start_byte=9, end_byte=1)),
    _rows("evidence in another folder", "licence evidence", lambda rows: _evidence(rows, path="../../LICENSE")),
    _rows("evidence with escape codes", "licence evidence", lambda rows: _evidence(rows, kind=ESC)),
    _row("a permissive row without a licence", "licence evidence", license_expression=None),
    _row("a licence with escape codes", "licence evidence", license_expression=f"MIT{ESC}"),
    _row("another type of licence", "licence evidence", license_type="no_license"),
    _row("null for a detected licence", "licence evidence", detected_licenses=[None]),
    _row("a negative length", "sizes", length_bytes=-1),
    _row("negative stars", "sizes", star_events_count=-1),
    _row("negative forks", "sizes", fork_events_count=-5),
    _row("a cluster of nobody", "sizes", cluster_size=0),
    _row("a blob_id in capitals", "identifiers", blob_id=ID.upper()[:39] + "A"),
    _row("a blob_id that is short", "identifiers", blob_id="abc"),
    _rows("a blob_id of another content", "identifiers", lambda rows: _whole(rows).update(blob_id=ID)),
    _row("a revision that is none", "identifiers", revision_id="HEAD"),
    _row("a directory that is none", "identifiers", directory_id=f"swh:1:cnt:{ID}"),
    _row("a cluster that is none", "identifiers", dedup_cluster=""),
    _rows("another text under the same blob", "identifiers", _other_text),
    _row("no origins", "origins", origins=[]),
    _row("null for an origin", "origins", origins=[None]),
    _rows("origins without the row's own", "origins", lambda rows: rows[0].update(origins=[{**rows[0]["origins"][0], "path": "elsewhere.py"}])),
    _rows("an origin twice", "origins", lambda rows: rows[0].update(origins=rows[0]["origins"][:1] * 2)),
    _rows("an origin in another folder", "origins", lambda rows: _origin(rows, path="../x")),
    _rows("an origin with escape codes", "origins", lambda rows: _origin(rows, repo_name=f"a{ESC}/b")),
    _rows("a path that climbs", "names", lambda rows: _moved_to(rows, "../../.ssh/x")),
    _rows("a path that is absolute", "names", lambda rows: _moved_to(rows, "/etc/x")),
    _rows("a path of a drive", "names", lambda rows: _moved_to(rows, "C:\\x")),
    _rows("a path that climbs elsewhere", "names", lambda rows: _moved_to(rows, "a\\..\\..\\x")),
    _rows("a path with an empty part", "names", lambda rows: _moved_to(rows, "a//x")),
    _rows("no path", "names", lambda rows: _moved_to(rows, "")),
    _rows("a path with escape codes", "names", lambda rows: _moved_to(rows, f"{ESC}x")),
    _rows("a path with a line feed", "names", lambda rows: _moved_to(rows, "a\nb")),
    _rows("a path with a separator of lines", "names", lambda rows: _moved_to(rows, "a\u2028b")),
    _rows("a repository that is none", "names", _other_name),
    _row("another file name", "names", filename="other.py"),
    _row("another extension", "names", extension="exe"),
    _row("a branch with escape codes", "names", branch_name=f"main{ESC}"),
    _row("an encoding with escape codes", "names", src_encoding=f"utf-8{ESC}"),
    _row("no redactions of something", "redactions", redactions=[{"entity": "email", "count": 0}]),
    Lie("redactions of no entity", "redactions", lambda liar: liar.rows(lambda rows: rows[0].update(redactions=[{"entity": None, "count": 1}])), keep=frozenset({"totals"})),
    _row("redactions with escape codes", "redactions", redactions=[{"entity": ESC, "count": 1}]),
    _row("redactions twice", "redactions", redactions=[{"entity": "email", "count": 1}] * 2),
    _row("another language", "read-back", language="Klingon"),
    _row("another hash", "read-back", content_sha256=OTHER),
    _rows("rows in another order", "read-back", lambda rows: rows.reverse()),
    _rows("a row twice", "repo_name and path unique in an edition", lambda rows: rows.insert(0, dict(rows[0]))),
    _rows("a content twice", "content unique in an edition", lambda rows: rows[1].update({name: rows[0][name] for name in ("content", "content_sha256", "blob_id", "length_bytes")})),
    Lie("a released file that is dropped too", "no released file is dropped", _dropped_and_released),
    Lie("a shard of an edition that there is not", "read-back", _new_edition),
    Lie("a file that is not listed", "files are those listed", _hidden),
    _decision("a decision of an opt-out", "decisions", stage="optout", rule="repo"),
    _decision("a decision of no rule", "decisions", rule=ESC),
    _decision("a decision with escape codes", "decisions", path=f"{ESC}x"),
    _decision("a decision that climbs", "decisions", path="../x"),
    _decision("a decision of no revision", "decisions", revision_id="HEAD"),
    _decision("a decision of no blob", "decisions", blob_id="abc"),
    _decision("a decision without evidence", "decisions", evidence=""),
    _decision("a decision with deep evidence", "decisions", evidence="[" * 100_000),
    Lie("a decision of somebody of another bucket", "decisions", _elsewhere),
    Lie("a file decided twice", "decisions", lambda liar: liar.decisions(lambda rows: rows.append(rows[0]))),
    Lie("fewer decisions", "decisions", lambda liar: liar.decisions(lambda rows: rows.pop()), keep=frozenset({"dropped"})),
    _dropped_for("spam"),
    _dropped_for(ESC),
    Lie("parameters of another dataset", "layout", _nothing, after=lambda liar: _says(liar, publish={**liar.manifest.params.get("publish", {}), "repo": "octo-org/other"})),
    Lie("parameters without the edition", "layout", _nothing, after=lambda liar: _says(liar, release={**liar.manifest.params["release"], "editions": ["no_license"]})),
    Lie("a program among the notices", "layout", _smuggled("ATTRIBUTION/setup.exe")),
    Lie("a file more in the registry", "layout", _smuggled("registry/hook.sh")),
    Lie("decisions under no range", "layout", _smuggled("decisions/all.parquet")),
    Lie("decisions of another layout", "layout", _smuggled("decisions/00-0f.parquet")),
    Lie("notices of another layout", "layout", _smuggled("ATTRIBUTION/00-0f.txt")),
    _text("a changelog with escape codes", "documents are generated", "CHANGELOG.md", lambda old: old + ESC.encode()),
    _text("a changelog that is no text", "documents are generated", "CHANGELOG.md", lambda old: old + b"\xff\xfe"),
    Lie("a content that went is said to have moved", "removals", _moved, keep=frozenset({"CHANGELOG.md"})),
    Lie("no notices", "attribution", _without_notices),
    Lie("notices of somebody else", "attribution", _edited("ATTRIBUTION/*.txt", _renamed_notice)),
    Lie("notices without a repository", "attribution", _edited("ATTRIBUTION/*.txt", lambda old: old.partition(b"\n\n")[0] + b"\n")),
    Lie("notices without their texts", "attribution", _edited("ATTRIBUTION/*.txt", lambda old: old.partition(b"=" * 78)[0])),
    Lie("a repository's text is not named", "attribution", _edited("ATTRIBUTION/*.txt", lambda old: old.replace(b"\n  [1] ", b"\n  see "))),
    Lie("a text that nobody names", "attribution", _edited("ATTRIBUTION/*.txt", lambda old: old + b"\n" + b"=" * 78 + b"\n[99]\n" + b"=" * 78 + b"\nx\n")),
    Lie("notices with escape codes", "attribution", _edited("ATTRIBUTION/*.txt", lambda old: old + ESC.encode())),
    Lie("conflicts of licences that are not there", "attribution", _edited("ATTRIBUTION/conflicts.json", lambda _old: canonical_json(_CONFLICTS))),
    Lie("conflicts that are deep", "attribution", _edited("ATTRIBUTION/conflicts.json", lambda _old: b"[" * 100_000)),
    _rows("detected licences that the "
          "expression has not", "licence evidence", lambda rows: rows[0].update(detected_licenses=["Apache-2.0", "CC0-1.0"])),
    _rows("an expression that no evidence names", "licence evidence", lambda rows: _license(rows, "0BSD", detected_licenses=["0BSD"])),
    _rows("fewer licences than its evidence asks for", "licence evidence", lambda rows: _license(rows, f"{rows[0]['license_expression']} AND 0BSD")),
    _rows("evidence of another licence", "licence evidence", lambda rows: _evidence(rows, expression="AGPL-3.0-only")),
    _rows("evidence beyond the end of its file", "licence evidence", lambda rows: _evidence(rows, path=rows[0]["path"], end_byte=1 << 40)),
    _rows("another cluster's name", "identifiers", lambda rows: rows[0].update(dedup_cluster=ID)),
    _rows("rows of one revision in two trees", "identifiers", lambda rows: rows[0].update(directory_id=f"swh:1:dir:{ID}")),
    _rows("rows of one revision with other stars", "identifiers", lambda rows: rows[0].update(star_events_count=rows[0]["star_events_count"] + 9)),
    _rows("a tree for a revision, and another for its "
          "directory", "identifiers", lambda rows: rows[0].update(revision_id=f"swh:1:dir:{ID}", origins=[{**own, "revision_id": f"swh:1:dir:{ID}"} for own in rows[0]["origins"][:1]])),
    _rows("another text in another encoding", "identifiers", lambda rows: _in_encoding(rows, "cp1252")),
    _rows("another text in EUC-JP", "identifiers", lambda rows: _in_encoding(rows, "euc_jp")),
    _rows("another text in UTF-16", "identifiers", lambda rows: _in_encoding(rows, "utf-16")),
    _row("an encoding that is none", "names", src_encoding="rot13"),
    _rows("no extension where there is one", "names", lambda rows: next(row for row in rows if row["extension"]).update(extension="")),
    _rows("a cluster of more files than were dropped", "sizes", lambda rows: rows[0].update(cluster_size=rows[0]["cluster_size"] + 1)),
    Lie("a duplicate that its cluster does not count", "sizes", _duplicate),
    Lie("a duplicate of a file that is not there", "decisions", lambda liar: _duplicate(liar, of=NOBODY)),
    Lie("a duplicate of nobody", "decisions", lambda liar: liar.decisions(lambda rows: rows.append({**rows[-1], "path": "zzz", "stage": "dedup", "rule": "near-duplicate", "evidence": "{}"}))),
    _rows("an origin that was never dropped", "origins", _of_other_owner),
    Lie("a file in two editions", "totals match the shards", _twice_released),
    _rows("redactions that the text does not show", "redactions", lambda rows: rows[0].update(redactions=[{"entity": "email", "count": len(rows[0]["content"]) + 1}])),
    Lie("a note in a footer for loaders", "read-back", _noted),
    Lie("a note in a footer of decisions", "decisions", _noted_decisions),
    Lie("statistics that hide rows", "read-back", _other_statistics),
    Lie("row groups of one row", "read-back", _small_groups),
)  # fmt: skip
