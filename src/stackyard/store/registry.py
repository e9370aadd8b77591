"""The registry of a dataset project on disk: an append-only log that survives crashes and two writers.

    registry/log/00000000.json     one event each, canonical JSON, never changed
    registry/checkpoint            signed note (C2SP): size and Merkle root of the log
    registry/keys/log.vkey         the public key
    registry/policy.json           what people decide: evidence, clocks, old releases
    registry/schema/               JSON Schema of what is published
    .stackyard/keys/registry.key   the signing key, 0600, never under git
    .stackyard/private/            the private part, with an index of the log

An append is one transaction of the private part, which holds all of it (the events and the signed
checkpoint as well), then the event files (fsync, exclusive link), then the checkpoint (fsync, rename).
Whoever opens the registry next finishes what was left, so that an append has happened whole or not at
all, and signs nothing for it. The index also tells how far the log went when it was last opened here:
an older log with its older signature is found out.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.optout import merkle, note, receipts, requests
from stackyard.optout import policy as policies
from stackyard.optout import registry as room
from stackyard.optout.absence import PRESENCE_PATH, Presence, parse_document
from stackyard.optout.events import Event
from stackyard.optout.policy import Policy
from stackyard.optout.registry import Registry, Request, Status
from stackyard.optout.requests import Reason
from stackyard.store.private import URL_VARIABLE, Index, Private

DEFAULT_NAME = "stackyard-optout-log"
_ENTRY = re.compile(r"[0-9]{8}\.json")
_MANY = 64
"""From this many files on, one sync of the whole file system is cheaper than one fsync each."""


class _Paths:
    def __init__(self, project: Path) -> None:
        self.log = project / "registry" / "log"
        self.checkpoint = project / "registry" / "checkpoint"
        self.public_key = project / "registry" / "keys" / "log.vkey"
        self.policy = project / "registry" / "policy.json"
        self.schema = project / "registry" / "schema"
        self.home = project / ".stackyard"
        self.signing_key = self.home / "keys" / "registry.key"
        self.private = self.home / "private"
        self.lock = self.home / "registry.lock"

    def entry(self, sequence: int) -> Path:
        return self.log / f"{sequence:08d}.json"


def init_registry(project: Path, name: str = DEFAULT_NAME) -> bool:
    """Makes a new, empty, signed log; one that is there already is checked and stays as it is.

    Args:
        project: the dataset project.
        name: name of the log and its key, without spaces and `+`; best the dataset's id.

    Returns:
        Whether a log was made.

    Raises:
        EnvironmentFault: half a registry is there: a log without its key, or the reverse.
    """
    paths = _Paths(project)
    if paths.checkpoint.exists():
        open_registry(project)
        return False
    if any(_entries(paths)):
        raise EnvironmentFault(
            "registry/log has events, but there is no checkpoint",
            next_step="restore registry/ from where it is published",
        )
    with _locked(paths):
        if not paths.signing_key.exists():
            _write(paths.signing_key, f"{name}\n{secrets.token_hex(32)}\n".encode(), secret=True)
        key = _signing_key(paths)
        _write(paths.home / ".gitignore", b"*\n")
        _write(paths.public_key, f"{key.verifier}\n".encode())
        for schema, text in _schemas().items():
            _write(paths.schema / schema, text)
        if not paths.policy.exists():
            _write(paths.policy, policies.default_text().encode())
        with Private(paths.private) as private:
            known = private.index()
            if known is not None and known.size:
                raise EnvironmentFault(
                    f"registry/ is missing, and it had {known.size} events",
                    next_step="restore it from where it is published",
                )
            private.reset_index([], [])
        empty = note.sign(note.Checkpoint(key.name, 0, merkle.EMPTY_ROOT), key)
        _write(paths.checkpoint, empty.encode())
    return True


def open_registry(project: Path) -> Registry:
    """The registry of a project, verified whole (see `optout.registry.read`).

    A clone without the signing key reads the log and appends nothing; it reads the private part if
    STACKYARD_REGISTRY_URL says where that is, else matching refuses as soon as an opt-out is in force.

    Raises:
        EnvironmentFault: there is no registry, or a file of it cannot be read.
        VerificationError: it is not what its checkpoint was signed for, or was rolled back.
    """
    paths = _Paths(project)
    if not _is_operator(paths):
        if not os.environ.get(URL_VARIABLE):
            return _read(paths, None)
        with Private(paths.private) as private:
            return _read(paths, private.requests())
    with _locked(paths), Private(paths.private) as private:
        _finish_append(paths, private)
        return _read_known(paths, private)


@contextlib.contextmanager
def open_writer(project: Path) -> Iterator[Writer]:
    """The registry for appending, under its lock: what is read of it is verified, the rest is not.

    Raises:
        EnvironmentFault: this is not the operator's project, or files are missing.
        VerificationError: checkpoint or index do not fit, and nor does the log as a whole.
    """
    paths = _Paths(project)
    if not _is_operator(paths):
        raise EnvironmentFault(
            "the registry cannot be written here: its signing key is not in .stackyard/keys",
            next_step="run this where the registry's operator keeps it; from elsewhere ask with "
            "`stackyard optout submit --dataset NAME`",
        )
    with _locked(paths), Private(paths.private) as private:
        _finish_append(paths, private)
        yield Writer(paths, private)


class Writer:
    """Appends to the log while the lock is held.

    Attributes:
        private: the private part.
        size: events in the log.
    """

    def __init__(self, paths: _Paths, private: Private) -> None:
        self._paths = paths
        self.private = private
        self._key = _signing_key(paths)
        checkpoint = note.open_note(_text(paths.checkpoint), self._key.verifier)
        known = private.index()
        if known is None or not _is_at(checkpoint, known.size, known.nodes):
            _read_known(paths, private)
            known = private.index()
        assert known is not None
        self.size, self._nodes = known.size, known.nodes

    @property
    def key(self) -> note.SignerKey:
        return self._key

    def status(self, name: str) -> Status:
        """Where a request stands, from its own events, each checked against the index.

        Raises:
            VerificationError: there is no such request, or an event of it was changed.
        """
        status: Status | None = None
        for sequence, leaf in self.private.leaves_of(name):
            path = self._paths.entry(sequence)
            raw = _bytes(path)
            if merkle.leaf_hash(raw) != leaf:
                raise VerificationError(
                    f"registry/log/{path.name} is not what was appended",
                    next_step="restore registry/ from where it is published",
                )
            status = room.follow(status, Event.from_bytes(raw, f"registry/log/{path.name}"))
        if status is None:
            raise VerificationError(
                f"the registry has no request {name[:40]!r}",
                expected="an id as `stackyard optout status` prints them",
            )
        return status

    def append(
        self,
        events: Sequence[Event],
        private_parts: Iterable[Request] = (),
        reasons: Iterable[tuple[str, Reason]] = (),
        sources: Mapping[str, str] | None = None,
        receipts: Mapping[str, bytes] | None = None,
    ) -> None:
        """Appends events, all or none; afterwards they are on disk and signed for.

        Args:
            events: numbered from `size` on.
            private_parts: of those that are `submitted` among them.
            reasons: (request id, reason) of those that commit to one.
            sources: source -> request id, of those that were imported.
            receipts: request id -> the receipt that goes with its events.

        Raises:
            UsageError: the numbers do not go on from where the log ends.
            VerificationError: an event breaks the schema, or another writer took its number.
        """
        if [event.sequence for event in events] != list(range(self.size, self.size + len(events))):
            raise UsageError(f"events must be numbered from {self.size} on")
        if not events:
            return
        entries = [event.to_bytes() for event in events]
        for event, raw in zip(events, entries, strict=True):
            path = self._paths.entry(event.sequence)
            Event.from_bytes(raw, f"registry/log/{path.name}")  # what is signed stays for ever
            if path.exists():
                raise _taken(path)
        leaves = [
            (event.request, merkle.leaf_hash(raw))
            for event, raw in zip(events, entries, strict=True)
        ]
        nodes, size = self._nodes, self.size
        for _, leaf in leaves:
            nodes = merkle.frontier_append(nodes, size, leaf)
            size += 1
        root = merkle.frontier_root(nodes)
        signed = note.sign(note.Checkpoint(self._key.name, size, root), self._key)
        journal = json.dumps([signed, *(base64.b64encode(raw).decode() for raw in entries)])
        index = Index(size, nodes, self.size, self._nodes, journal.encode())
        self.private.append(private_parts, reasons, leaves, index, sources or {}, receipts=receipts)
        _write_append(self._paths, index)
        self.size, self._nodes = size, nodes


def record_applied(
    project: Path,
    names: Iterable[str],
    version: str,
    *,
    decisions: pa.Table,
    presence: Presence,
    time: datetime,
) -> dict[str, bytes]:
    """Notes in the log that requests are applied in a release, and makes their receipts.

    Safe to repeat after a crash at any moment: a request that the log already has as applied in this
    version keeps its event and gets its receipt again.

    Args:
        project: the dataset project.
        names: ids of the requests.
        version: the release without what they name, without `v`.
        decisions: of stage `optout` for that release.
        presence: the presence tree of that release.
        time: now.

    Returns:
        Request id -> signed receipt with its proofs; the private part keeps it too.

    Raises:
        VerificationError: something that a request names is in the release.
    """
    wanted = sorted(names)
    with open_writer(project) as writer:
        statuses = {name: writer.status(name) for name in wanted}
        fresh = [name for name in wanted if version not in statuses[name].versions]
        bodies = {name: _statement(writer, name, version, decisions, presence) for name in fresh}
        signed = {
            name: receipts.with_absence(receipts.sign(body, writer.key), presence)
            for name, body in bodies.items()
        }
        writer.append(
            requests.applied(
                {name: statuses[name] for name in fresh},
                {name: receipts.statement_digest(body) for name, body in bodies.items()},
                version,
                sequence=writer.size,
                time=time,
            ),
            receipts={name: receipts.to_bytes(receipt) for name, receipt in signed.items()},
        )
    return _complete_receipts(project, wanted)


def _statement(
    writer: Writer, name: str, version: str, decisions: pa.Table, presence: Presence
) -> dict[str, Any]:
    request = writer.private.request(name)
    if request is None:
        raise EnvironmentFault(f"the private part of request {name} is missing")
    removed = {
        **receipts.removed_by(name, decisions),
        **receipts.absence_of(request, decisions, presence),
        "version": version,
    }
    return receipts.statement(request, state="applied", log_name=writer.key.name, removed=removed)


def _complete_receipts(project: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Receipts of requests, with their inclusion in the log as it is now."""
    log = open_registry(project)
    with Private(_Paths(project).private) as private:
        complete = {}
        for name in names:
            stored = private.receipt(name)
            if stored is None:
                raise EnvironmentFault(f"the receipt of request {name} is missing")
            receipt = receipts.with_inclusion(receipts.from_bytes(stored), log)
            complete[name] = receipts.to_bytes(receipt)
        private.set_receipts(complete)
    return complete


def settled_receipts(project: Path) -> dict[str, bytes]:
    """Request -> its receipt, as it is to be handed out: of what is applied with its inclusion in the log.

    An append that was killed left receipts without; they get it here. Where the private part is not,
    there are none.
    """
    paths = _Paths(project)
    if not _is_operator(paths):
        return {}
    log = open_registry(project)
    with Private(paths.private) as private:
        kept = {name: raw for name, raw in private.receipts().items() if name in log.statuses}
    bare = [
        name
        for name, raw in kept.items()
        if "removed" in (receipt := receipts.from_bytes(raw))["statement"]
        and "inclusion" not in receipt
    ]
    return kept | (_complete_receipts(project, bare) if bare else {})


def receipts_in_force(project: Path) -> dict[str, dict[str, Any]]:
    """Request -> its receipt, of those that are applied and were not withdrawn.

    A receipt of a request that names a forge is left out: an origin of the same name on another forge
    may come later. Where the private part is not, there are none.
    """
    paths = _Paths(project)
    if not _is_operator(paths) and not os.environ.get(URL_VARIABLE):
        return {}
    log = open_registry(project)
    wanted = [r for r in log.effective() if log.statuses[r.request].versions]
    with Private(paths.private) as private:
        stored = {r.request: private.receipt(r.request) for r in wanted if not r.selector.host}
    return {name: receipts.from_bytes(raw) for name, raw in stored.items() if raw is not None}


def published(log: Registry) -> dict[str, bytes]:
    """Files of a release's registry/ folder: the public log on one page, checkpoint and key."""
    return {
        "registry/checkpoint": log.note.encode(),
        "registry/log.jsonl": b"".join(event.to_bytes() + b"\n" for event in log.events),
        "registry/log.vkey": f"{log.key}\n".encode(),
    }


def author_key(project: Path) -> bytes:
    """The key that commit authors are named under, from the private part.

    Raises:
        EnvironmentFault: the private part is not here.
    """
    paths = _Paths(project)
    if not _is_operator(paths) and not os.environ.get(URL_VARIABLE):
        raise EnvironmentFault(
            "commit authors cannot be told apart here: the key for their names is in the registry's "
            "private part",
            next_step=f"build where the registry's operator keeps it, set {URL_VARIABLE}, or leave "
            "out `authors` in sources.yaml",
        )
    with _locked(paths), Private(paths.private) as private:
        return private.author_key()


def open_policy(project: Path) -> Policy:
    """The registry's policy.

    Raises:
        EnvironmentFault: there is none.
        UsageError: it cannot be read.
    """
    return policies.load(_text(_Paths(project).policy))


def released_rows(release: Path) -> dict[str, pa.Table]:
    """Version -> what its rows name, of a release in a folder; empty if there is none.

    Columns: repo_name, path, blob_id, origins. Shards are read as they lie; their hashes are not
    checked here.
    """
    manifest = _manifest(release)
    if manifest is None:
        return {}
    shards = [pq.read_table(path, columns=list(_NAMING)) for path in _shards(release, manifest)]
    empty = pa.table({name: pa.array([], pa.string()) for name in ("repo_name", "path", "blob_id")})
    return {manifest["version"]: pa.concat_tables(shards) if shards else empty}


_NAMING = ("repo_name", "path", "blob_id", "origins")


def _manifest(release: Path) -> dict[str, Any] | None:
    path = release / "manifest.json"
    if not path.exists():
        return None
    try:
        loaded: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError as error:
        raise VerificationError(f"{path} is not JSON") from error
    return loaded


def _shards(release: Path, manifest: Mapping[str, Any]) -> list[Path]:
    return [release / file["path"] for file in manifest["files"] if file["kind"] == "shard"]


def prove_receipt(raw: bytes, release: Path, vkey: str | None) -> dict[str, Any]:
    """Checks a receipt against a release, from public files alone.

    1. Every file that is read is what the manifest lists, by SHA-256. That the manifest is signed is
       for `stackyard verify`.
    2. The release's log is whole, and its checkpoint is the manifest's.
    3. The receipt holds (see `receipts.check`), by the same key.
    4. The request was in force in the log that this release was built with.
    5. The presence tree of the release's rows, made anew, has none of the receipt's absent keys; where
       the release publishes its root, and where the receipt is of this release, the roots are equal.

    Args:
        raw: the receipt's file.
        release: folder of a pulled release.
        vkey: the registry's public key, if it is known from elsewhere.

    Raises:
        VerificationError: one of these does not hold.
    """
    manifest = _manifest(release)
    if manifest is None:
        raise EnvironmentFault(f"{release} is no release: it has no manifest.json")
    listed = {file["path"]: file["sha256"] for file in manifest["files"]}

    def checked(path: str) -> bytes:
        content = _bytes(release / path)
        if hashlib.sha256(content).hexdigest() != listed.get(path):  # (1)
            raise VerificationError(f"{path} is not what the manifest lists")
        return content

    key = note.VerifierKey.parse(vkey or checked("registry/log.vkey").decode())
    signed = checked("registry/checkpoint").decode()
    log = room.read(checked("registry/log.jsonl").splitlines(), signed, key, None)
    if room.checkpoint(log).root != manifest["registry"]["root"]:  # (2)
        raise VerificationError("the release's manifest and its registry are of different logs")
    receipt = receipts.from_bytes(raw)
    body = receipts.check(receipt, key)  # (3)
    receipts.check_in_force(body, log, manifest["version"])  # (4)
    absent = receipts.absent_in(body)
    shards = [pq.read_table(pa.BufferReader(checked(path)), columns=list(_NAMING))
              for path in listed if path.startswith("data/")]  # fmt: skip
    presence = Presence.of(pa.concat_tables(shards)) if shards else Presence.of_keys([])
    found = [key for key in absent if key in presence]
    if found:  # (5)
        raise VerificationError(
            f"release {manifest['version']} holds {len(found)} of the {len(absent)} things that the "
            "receipt calls absent",
            next_step="report it to the registry's operator, with this receipt",
        )
    _check_root(body, presence, manifest["version"])
    if PRESENCE_PATH in listed:
        size, root = parse_document(checked(PRESENCE_PATH))
        if (size, root.hex()) != (len(presence.keys), presence.root):
            raise VerificationError(f"{PRESENCE_PATH} is not of this release's rows")
    return {
        "absent": len(absent),
        "present": len(presence.keys),
        "request": body["request"],
        "scope": body["selector"]["kind"],
        "shards": len(shards),
        "version": manifest["version"],
    }


def _check_root(body: Mapping[str, Any], presence: Presence, version: str) -> None:
    removed = body["removed"]
    if removed["version"] == version and removed["presence"]["root"] != presence.root:
        raise VerificationError(
            f"the receipt is for release {version}, but was made for other rows than these",
        )


def signing_key(project: Path) -> note.SignerKey:
    """The registry's signing key, for receipts.

    Raises:
        EnvironmentFault: it is not here.
    """
    return _signing_key(_Paths(project))


def _is_operator(paths: _Paths) -> bool:
    return paths.signing_key.exists()


@contextlib.contextmanager
def _locked(paths: _Paths) -> Iterator[None]:
    """One writer at a time, among processes and threads of this machine."""
    paths.home.mkdir(parents=True, exist_ok=True)
    handle = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read(paths: _Paths, private_parts: Mapping[str, Request] | None) -> Registry:
    key = note.VerifierKey.parse(_text(paths.public_key))
    if _is_operator(paths) and _signing_key(paths).verifier != key:
        raise VerificationError(
            "registry/keys/log.vkey is not the key that this registry signs with",
            next_step="restore registry/keys from where it is published",
        )
    signed = _text(paths.checkpoint)
    size = note.open_note(signed, key).size
    names = sorted(_entries(paths))
    if names[:size] != [paths.entry(i).name for i in range(size)]:
        raise VerificationError(
            "events of registry/log are missing",
            expected=f"{size} files from 00000000.json on",
            found=f"{len(names)} files",
            next_step="restore registry/ from where it is published",
        )
    return room.read([_bytes(paths.log / name) for name in names], signed, key, private_parts)


def _entries(paths: _Paths) -> Iterator[str]:
    """Names of event files; a temporary file of a killed writer begins with a dot."""
    if not paths.log.exists():  # git keeps no empty folder, and an empty log is a valid one
        return
    for name in os.listdir(paths.log):  # noqa: PTH208 - names alone, and no handle left open
        if _ENTRY.fullmatch(name):
            yield name
        elif not name.startswith("."):
            raise VerificationError(
                f"registry/log holds {name[:80]!r}, which is no event",
                next_step="remove it, after finding out how it got there",
            )


def _read_known(paths: _Paths, private: Private) -> Registry:
    """The whole registry; it must extend what the index knows, which afterwards knows all of it."""
    registry = _read(paths, private.requests())
    known = private.index()
    if known is not None:
        room.extends_root(registry, known.size, merkle.frontier_root(known.nodes))
    if known is None or known.size != len(registry.events):
        leaves = [(e.request, registry.tree.leaf(i)) for i, e in enumerate(registry.events)]
        private.reset_index(leaves, merkle.frontier(registry.tree))
    return registry


def _is_at(checkpoint: note.Checkpoint, size: int, nodes: Sequence[bytes]) -> bool:
    return checkpoint.size == size and merkle.frontier_root(nodes) == checkpoint.root


def _finish_append(paths: _Paths, private: Private) -> None:
    """Writes what the last append was to write, if it was killed before the checkpoint."""
    known = private.index()
    if known is None or not known.journal or not paths.checkpoint.exists():
        return
    checkpoint = note.open_note(_text(paths.checkpoint), _signing_key(paths).verifier)
    if known.size != known.previous_size and _is_at(
        checkpoint, known.previous_size, known.previous_nodes
    ):
        _write_append(paths, known)
        for left in paths.log.glob(".*.json.*"):  # of the writer that was killed; we hold the lock
            left.unlink()


def _write_append(paths: _Paths, index: Index) -> None:
    signed, *encoded = json.loads(index.journal)
    _write_entries(paths, index.previous_size, [base64.b64decode(text) for text in encoded])
    _write(paths.checkpoint, signed.encode())


def _write_entries(paths: _Paths, first: int, entries: Sequence[bytes]) -> None:
    paths.log.mkdir(parents=True, exist_ok=True)
    many = len(entries) > _MANY
    for sequence, raw in enumerate(entries, start=first):
        path = paths.entry(sequence)
        temporary = paths.log / f".{path.name}.{os.getpid()}"
        with temporary.open("wb") as stream:
            stream.write(raw)
            stream.flush()
            if not many:
                os.fsync(stream.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            if path.read_bytes() != raw:
                raise _taken(path) from None
        finally:
            temporary.unlink()
    if many:
        os.sync()
    _sync_folder(paths.log)


def _taken(path: Path) -> VerificationError:
    return VerificationError(
        f"registry/log/{path.name} is there already, and is another event",
        next_step="somebody else appended to this log on another machine: restore registry/ from "
        "where it is published, and do this again",
    )


def _write(path: Path, data: bytes, *, secret: bool = False) -> None:
    """Temporary name, fsync, rename, fsync of the folder."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if secret else 0o777)
    temporary = path.parent / f".{path.name}.{os.getpid()}"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if secret else 0o644)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.rename(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _signing_key(paths: _Paths) -> note.SignerKey:
    lines = _text(paths.signing_key).split("\n")
    try:
        return note.SignerKey(lines[0], bytes.fromhex(lines[1]))
    except (IndexError, ValueError):
        raise EnvironmentFault(
            ".stackyard/keys/registry.key cannot be read",
            next_step="restore it from its backup",
        ) from None


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError as error:
        raise VerificationError(f"{_shown(path)} is not text") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise EnvironmentFault(
            f"{_shown(path)} is missing",
            next_step="restore it from where the registry is published; a project that never had "
            "a registry gets one from `stackyard init`",
        ) from error
    except OSError as error:
        raise EnvironmentFault(
            f"{_shown(path)} cannot be read", found=error.strerror or ""
        ) from error


def _shown(path: Path) -> str:
    """The path below its project."""
    parts = path.parts
    start = next((i for i, p in enumerate(parts) if p in {"registry", ".stackyard"}), 0)
    return "/".join(parts[start:])


def _schemas() -> dict[str, bytes]:
    from importlib import resources

    folder = resources.files("stackyard.optout") / "schemas"
    return {
        item.name: item.read_bytes() for item in folder.iterdir() if item.name.endswith(".json")
    }


__all__ = [
    "DEFAULT_NAME",
    "URL_VARIABLE",
    "Writer",
    "author_key",
    "init_registry",
    "open_policy",
    "open_registry",
    "open_writer",
    "prove_receipt",
    "published",
    "receipts_in_force",
    "record_applied",
    "released_rows",
    "settled_receipts",
    "signing_key",
]
