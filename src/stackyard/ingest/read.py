"""A fetched source as entries: one for each file that it holds, kept or dropped by a rule.

In: what `fetch` brought. Out: entries in the order of the source, then the revision. Always holds:
every member that is no folder gives exactly one entry; no two entries have the same path, and the
first of several members at one path counts, whatever it is; what is beyond the bounds of a whole source raises before the first entry of an archive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stackyard.errors import EnvironmentFault
from stackyard.ingest import debian, diff, directory, git, paths, rules, swhid, tar
from stackyard.ingest import zip as zips
from stackyard.ingest.debian import Layer
from stackyard.ingest.fetch import Fetched
from stackyard.ingest.member import Member
from stackyard.ingest.params import Params
from stackyard.ingest.sources import Source
from stackyard.ingest.stream import Budget, Stream, compression_of, pieces
from stackyard.record import Swhid, blob_digest

_HELD_BYTES: Final = 128 * 1024**2
"""What unpacks to no more is unpacked once and held, as much as a segment; the rest, twice."""
_TARGET_BYTES_MAX: Final = 4096
"""So much of a link's target is evidence: PATH_MAX of Linux, no real one is longer."""
_NO_TIME: Final = 499162500
"""1985-10-26 08:15 UTC, the time that npm gives to every file: as good as none."""
_TIME_MAX: Final = 253402300799


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a source.

    Attributes:
        path: relative, `/` between its parts; of what a rule drops as docs/sources.md says.
        content: its bytes, or None for what a rule drops.
        rule: None, or a key of `rules.RULES`.
        evidence: None, or plain values, ready for JSON, that say why.
        blob_id: raw sha1_git of the content, if that was read or known.
        length_bytes: of the content, if it has one.
    """

    path: str
    content: bytes | None
    rule: str | None = None
    evidence: Mapping[str, Any] | None = None
    blob_id: bytes | None = None
    length_bytes: int | None = None


@dataclass(frozen=True)
class Revision:
    """What was read.

    Attributes:
        revision_id: `swh:1:rev:` of a commit, else `swh:1:dir:` of the tree.
        directory_id: `swh:1:dir:` of the tree, links and executable bits counted.
        branch_name: of git, the branch it was looked for on.
        revision_date: UTC; what sources.yaml says, else the committer's date, else the newest file
            of an archive; None for folders and where an archive has no times.
    """

    revision_id: str
    directory_id: str
    branch_name: str | None
    revision_date: datetime | None


@dataclass(frozen=True)
class _Archive:
    """One archive of a source, and how its tree is laid into the whole.

    Attributes:
        path: where it lies.
        folder: put before each path.
        strip: whether its one top folder goes away.
        replaced: top folders that archives above this one replace.
        changed: paths of the files that a diff above this one changes or deletes.
    """

    path: Path
    folder: tuple[bytes, ...] = ()
    strip: bool = True
    replaced: frozenset[bytes] = frozenset()
    changed: frozenset[tuple[bytes, ...]] = frozenset()

    def is_overlaid(self, parts: tuple[bytes, ...]) -> bool:
        """Whether a part of the source above this one has the place of a path."""
        return bool(parts) and (parts[0] in self.replaced or parts in self.changed)


class Reader:
    """Iterates once over the entries of a source; then `revision` is known.

    Memory holds one file up to `file_bytes_max`, the names of all files, and `_HELD_BYTES`.

    Args:
        source: an entry of sources.yaml.
        fetched: what `fetch` returned for it.
        params: the bounds.

    Raises:
        UsageError: on iteration, if the source is damaged or beyond the bounds.
        EnvironmentFault: on iteration, if the folder or the cache changed since it was fetched.
    """

    def __init__(self, source: Source, fetched: Fetched, params: Params) -> None:
        self._source = source
        self._fetched = fetched
        self._params = params
        self._tree = swhid.Tree()
        self._taken: set[str] = set()
        self._copies: dict[str, int] = {}
        self._newest = 0
        self._revision: Revision | None = None

    @property
    def revision(self) -> Revision:
        assert self._revision is not None, "read all entries first"
        return self._revision

    def __iter__(self) -> Iterator[Entry]:
        read = {
            "archive": self._read_archive,
            "dsc": self._read_dsc,
            "directory": self._read_directory,
            "git": self._read_git,
        }[self._fetched.form]
        return read()

    def _read_archive(self) -> Iterator[Entry]:
        yield from self._read_layers([_Archive(self._fetched.path)])
        self._finish()

    def _read_dsc(self) -> Iterator[Entry]:
        dsc = self._fetched.path
        layers = debian.layers(dsc.read_bytes(), self._source.where)
        yield from self._read_layers(
            [
                _Archive(
                    dsc.parent / layer.file,
                    (layer.folder,) if layer.folder else (),
                    layer.strip,
                    _replaced(layer, layers[number + 1 :]),
                )
                for number, layer in enumerate(layers)
                if not layer.is_diff
            ],
            next((dsc.parent / layer.file for layer in layers if layer.is_diff), None),
        )
        self._finish()

    def _read_layers(self, archives: list[_Archive], above: Path | None = None) -> Iterator[Entry]:
        """The members of archives, lowest first, and of the diff above the only one, if any."""
        # All are surveyed before the first is read: a refusal comes before any entry.
        packed = [archive.path for archive in archives] + ([above] if above else [])
        survey = self._budget(packed)
        where = self._source.where
        opened = [_Opened(archive, self._params, survey, where) for archive in archives]
        made: tuple[Member, ...] = ()
        if above is not None:
            patched = self._patched(above, opened[0], survey, self._budget(packed))
            archives, made = [replace(archives[0], changed=patched.places)], patched.members
        budget = self._budget(packed)
        for archive, layer in zip(archives, opened, strict=True):
            for member in layer.members(budget):
                entry = self._entry(member, layer.top, archive)
                if entry is not None:
                    yield entry
        for member in made:
            entry = self._entry(member, b"", None)
            if entry is not None:
                yield entry

    def _patched(self, above: Path, below: _Opened, survey: Budget, again: Budget) -> diff.Patched:
        where = f"{above.name} of {self._source.where}"
        text = pieces(above, self._params, survey, where)
        return diff.patch(text, below.placed(again), survey, where)

    def _budget(self, packed: list[Path]) -> Budget:
        packed_bytes = sum(path.stat().st_size for path in packed)
        return Budget(self._params, packed_bytes, self._source.where)

    def _read_directory(self) -> Iterator[Entry]:
        identity = directory.Identity()
        where = self._source.where
        budget = Budget.of_plain(self._params, where)
        for member in directory.members(self._fetched.path, budget, where):
            entry = self._entry(member, b"", None)
            digest = entry.blob_id if entry is not None and member.kind == "file" else None
            identity.add(member, digest or b"")
            if entry is not None:
                yield entry
        if identity.hexdigest() != self._fetched.identity:
            raise EnvironmentFault(
                f"the folder of {where} changed while it was read",
                next_step="run again when nothing writes there",
            )
        self._finish()

    def _read_git(self) -> Iterator[Entry]:
        bare, commit, where = self._fetched.path, self._fetched.commit, self._source.where
        said = git.facts(bare, commit, where)
        budget = Budget.of_plain(self._params, where)
        for member in git.members(bare, commit, self._params.file_bytes_max, budget, where):
            entry = self._entry(member, b"", None)
            if entry is not None:
                yield entry
        self._newest = said.committed
        tree = Swhid("dir", bytes.fromhex(said.tree))
        self._finish(Swhid("rev", bytes.fromhex(commit)), tree)

    def _finish(self, revision: Swhid | None = None, tree: Swhid | None = None) -> None:
        folder = tree or self._tree.swhid()
        self._revision = Revision(
            revision_id=str(revision or folder),
            directory_id=str(folder),
            branch_name=self._fetched.branch,
            revision_date=_date(self._source.date, self._newest),
        )

    def _entry(self, member: Member, top: bytes, archive: _Archive | None) -> Entry | None:
        """The entry of one member: None for a folder that is what it seems."""
        parts = paths.split(member.name)
        has_place = paths.has_place(member.name)
        if has_place and top:
            parts = parts[1:]
        over = archive.path.name if archive is not None and archive.is_overlaid(parts) else ""
        if archive is not None:
            parts = archive.folder + parts
        is_folder = member.kind == "folder"
        if is_folder and paths.is_root(member.name):
            return None
        if is_folder and has_place and (over or self._tree.add_folder(parts)):
            return None
        path, rule = paths.shown(parts, member.name, self._params.path_bytes_max)
        content, blob_id = self._content(member)
        evidence = _evidence(member)
        if over and has_place:
            path, rule = f"{path}//{over}", rules.OVERLAID
        if path in self._taken:
            path, rule = self._free(path), rules.PATH_DUPLICATE
        elif is_folder:
            rule = rule or rules.PATH_CONFLICT
        elif not over:
            in_tree = self._place(member, parts, blob_id) if has_place else None
            rule = in_tree or rule or self._rule_of(member, parts, content)
        self._taken.add(path)
        length_bytes = member.length_bytes if member.kind == "file" else None
        if rule is not None:
            if rule == rules.TOO_DEEP:
                evidence["folders"] = len(parts) - 1
            return Entry(path, None, rule, evidence, blob_id, length_bytes)
        self._newest = max(self._newest, member.modified)
        return Entry(path, content, None, None, blob_id, length_bytes)

    def _rule_of(
        self, member: Member, parts: tuple[bytes, ...], content: bytes | None
    ) -> str | None:
        """The rule that a member breaks that has a place of its own."""
        if member.kind != "file":
            return member.kind
        if len(parts) - 1 > self._params.tree_depth_max:
            return rules.TOO_DEEP
        return rules.TOO_LARGE if content is None else None

    def _free(self, path: str) -> str:
        """A text for a path that is taken: no kept path has an empty part, so none is like it."""
        number = self._copies.get(path, 1) + 1
        while f"{path}//{number}" in self._taken:
            number += 1
        self._copies[path] = number
        return f"{path}//{number}"

    def _place(self, member: Member, parts: tuple[bytes, ...], blob_id: bytes | None) -> str | None:
        """Puts a member into the tree that is hashed; the rule that it breaks there, if any."""
        leaf = self._leaf(member, parts, blob_id)
        if leaf is None or self._tree.add(parts, *leaf):
            return None
        return rules.PATH_CONFLICT

    def _leaf(
        self, member: Member, parts: tuple[bytes, ...], blob_id: bytes | None
    ) -> tuple[int, bytes] | None:
        """Mode and digest of what would lie there, had the source been unpacked."""
        if member.kind == "file" and blob_id is not None:
            return swhid.MODE_EXECUTABLE if member.executable else swhid.MODE_FILE, blob_id
        if member.kind == "symbolic-link":
            return swhid.MODE_SYMLINK, blob_digest(member.target)
        return self._find_linked(member, parts) if member.kind == "hard-link" else None

    def _find_linked(self, member: Member, parts: tuple[bytes, ...]) -> tuple[int, bytes] | None:
        """The leaf that a hard link of an archive names: spelled like a name, so stripped alike."""
        stripped = len(paths.split(member.name)) - len(parts)
        target = paths.split(member.target)
        if not paths.has_place(member.target) or stripped < 0:
            return None
        return self._tree.find(target[stripped:])

    def _content(self, member: Member) -> tuple[bytes | None, bytes | None]:
        """Content and sha1_git of a file; of one that is too large the second alone."""
        if member.kind != "file":
            return None, None
        if member.length_bytes > self._params.file_bytes_max:
            return None, member.blob_id or self._hash(member.parts(), member.length_bytes)
        content = b"".join(member.parts())
        digest = self._hash(iter((content,)), len(content))
        if member.blob_id not in {None, digest}:
            raise EnvironmentFault(
                f"{paths.escape(member.name)} of {self._source.where} does not hash to its id",
                next_step=f"remove {self._fetched.path} and run again",
            )
        return content, digest

    @staticmethod
    def _hash(parts: Iterator[bytes], length_bytes: int) -> bytes:
        hasher = swhid.blob_hasher(length_bytes)
        for part in parts:
            hasher.update(part)
        digest: bytes = hasher.digest()
        return digest


class _Opened:
    """An archive that was read through once: within the bounds, whole, its top folder known."""

    def __init__(self, archive: _Archive, params: Params, budget: Budget, source: str) -> None:
        self._path = archive.path
        self._params = params
        self._where = f"{archive.path.name} of {source}"
        self._is_zip = compression_of(archive.path) == "zip"
        self._held: list[bytes] | None = []
        top = self._survey(budget)
        self.top = top if archive.strip else b""

    def members(self, budget: Budget) -> Iterator[Member]:
        """The members again, now to be read."""
        if self._is_zip:
            return zips.members(self._path, self._params.entries_max, self._where)
        if self._held is not None:
            return self._tar_members(iter(self._held))
        return self._tar_members(pieces(self._path, self._params, budget, self._where))

    def placed(self, budget: Budget) -> Iterator[tuple[tuple[bytes, ...], Member]]:
        """The members that have a place, each with the parts of its path."""
        for member in self.members(budget):
            if paths.has_place(member.name):
                yield paths.split(member.name)[1 if self.top else 0 :], member

    def _tar_members(self, source: Iterator[bytes]) -> Iterator[Member]:
        stream = Stream(source, self._where)
        return tar.members(stream, self._params.header_bytes_max, self._where)

    def _survey(self, budget: Budget) -> bytes:
        """The one top folder that holds everything, or nothing."""
        tops: set[bytes] = set()
        is_nested = True
        for member in self._counted(budget):
            if paths.has_place(member.name):
                parts = paths.split(member.name)
                tops.add(parts[0])
                is_nested &= len(parts) > 1 or member.kind == "folder"
        return tops.pop() if is_nested and len(tops) == 1 else b""

    def _counted(self, budget: Budget) -> Iterator[Member]:
        if self._is_zip:
            for member in zips.members(self._path, self._params.entries_max, self._where):
                budget.spend_entry(member.name)
                budget.spend_bytes(member.length_bytes)
                yield member
        else:
            source = pieces(self._path, self._params, budget, self._where)
            for member in self._tar_members(self._hold(source)):
                budget.spend_entry(member.name)
                yield member

    def _hold(self, source: Iterator[bytes]) -> Iterator[bytes]:
        held = 0
        for piece in source:
            held += len(piece)
            if self._held is not None:
                if held > _HELD_BYTES:
                    self._held = None
                else:
                    self._held.append(piece)
            yield piece


def _replaced(layer: Layer, above: tuple[Layer, ...]) -> frozenset[bytes]:
    return frozenset(other.replaces for other in above) if not layer.folder else frozenset()


def _date(said: str, newest: int) -> datetime | None:
    if said:
        moment = datetime.fromisoformat(said)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return datetime.fromtimestamp(newest, UTC) if _NO_TIME < newest <= _TIME_MAX else None


def _evidence(member: Member) -> dict[str, Any]:
    """What a decision row says of a member, ready for JSON."""
    said: dict[str, Any] = {"kind": member.kind}
    if member.note:
        said["note"] = member.note
    if member.target:
        said["target"] = paths.escape(member.target[:_TARGET_BYTES_MAX])
    if member.kind == "file":
        said["length_bytes"] = member.length_bytes
    return said
