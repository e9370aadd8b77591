"""ATTRIBUTION/ held against the rows: what their licences ask to be passed on is there.

In: rows, and the bytes of ATTRIBUTION/. Out: what does not fit. The texts are hostile, and what is secret in
them was redacted, names and paths too, over lines if need be: where a file has a stand-in of anything but an
address, its lines are not counted.

    (1) a file names each repository once, and none without rows of its range
    (2) it names as many repositories, and as many texts, as rows of its range have evidence from files
    (3) every text that is named stands there, and no other; it can do no more than be read
    (4) conflicts.json names expressions of the rows, with as many files as there are
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import shown
from stackyard.params import canonical_json
from stackyard.record import bucket_of
from stackyard.release.attribution import RULE
from stackyard.release.manifest import Manifest
from stackyard.release.tables import one_chunk

CONFLICTS = "ATTRIBUTION/conflicts.json"

_KIND = "license-file"
"""Evidence that is a text of its own, which a licence wants passed on."""

_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*/[A-Za-z0-9._+-]+")
_TEXT = re.compile(rf"^{RULE}\n\[([1-9][0-9]*)\]\n{RULE}\n", re.MULTILINE)
_USE = re.compile(r"^  \[([1-9][0-9]*)\] ", re.MULTILINE)
_STAND_IN = re.compile(r"(?:<|&lt;)(?!EMAIL\b)[A-Z][A-Z0-9_]*(?:-[0-9a-f]{8})?(?:>|&gt;)")
_VERDICTS = {"conflict", "unclear"}

Told = tuple[str, str]


class Owed:
    """Takes rows part by part: which repositories there are, and which texts their evidence names."""

    def __init__(self) -> None:
        self._repos: set[str] = set()
        self._texts: defaultdict[str, set[str]] = defaultdict(set)

    def rows(self, group: pa.Table) -> None:
        """Takes a row group with well-formed names and evidence."""
        self._repos.update(pc.unique(group["repo_name"]).to_pylist())
        lists = one_chunk(group["license_evidence"])
        parents, flat = pc.list_parent_indices(lists), pc.list_flatten(lists)
        pairs = pa.table(
            {
                "repo": one_chunk(group["repo_name"]).take(parents),
                "path": pc.struct_field(flat, "path"),
                "kind": pc.struct_field(flat, "kind"),
            }
        )
        mine = pairs.filter(pc.equal(pairs["kind"], _KIND)).group_by(["repo", "path"]).aggregate([])
        for repo, path in zip(mine["repo"].to_pylist(), mine["path"].to_pylist(), strict=True):
            self._texts[repo].add(path)

    def faults(self, files: Mapping[str, bytes], manifest: Manifest) -> Iterator[Told]:
        """(1) to (4) over the files of ATTRIBUTION/ by path; all rows were taken."""
        section = manifest.params.get("release")
        ranges = section.get("bucket_ranges") if isinstance(section, dict) else None
        if not isinstance(ranges, int):
            return  # told of the layout
        width = 256 // ranges
        texts = {path: text for path, text in files.items() if path != CONFLICTS}
        here: defaultdict[str, set[str]] = defaultdict(set)
        for repo in self._repos:
            first = bucket_of(repo) // width * width
            here[f"ATTRIBUTION/{first:02x}-{first + width - 1:02x}.txt"].add(repo)
        for path in sorted(here.keys() | texts.keys()):
            for what in self._wrong(texts.get(path, b""), here.get(path, set())):
                yield path, what
        if CONFLICTS not in files:
            yield CONFLICTS, "is not listed"
        elif not _are_conflicts(files[CONFLICTS], manifest):
            yield CONFLICTS, "does not count licences of the rows"

    def _wrong(self, raw: bytes, repos: set[str]) -> Iterator[str]:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            yield "is no text"
            return
        if shown(text) != text:
            yield "steers a terminal"
        head, bodies = _parted(text)
        blocks = head.split("\n\n")[1:]
        names = [block.partition("\n")[0] for block in blocks if block.strip()]
        sound = [name for name in names if _REPO.fullmatch(name)]
        if len(set(sound)) != len(sound):
            yield "names a repository twice"  # (1)
        strange = sorted(set(sound) - repos)
        if strange:
            yield f"names {strange[0]}, of which there are no rows"
        if _STAND_IN.search(text):
            return
        owing = [repo for repo in repos if self._texts.get(repo)]
        if len(names) < len(owing):
            yield f"names {len(names)} repositories, {len(owing)} have texts to pass on"  # (2)
        uses = _USE.findall(head)
        asked = sum(len(self._texts[repo]) for repo in owing)
        if len(uses) < asked:
            yield f"names {len(uses)} texts, evidence names {asked}"
        empty = sum(not each.strip() for each in bodies.values())
        if set(uses) != set(bodies) or empty > 1:  # equal texts are one
            yield "lacks a text that it names, or has one that nobody names"  # (3)


def _parted(text: str) -> tuple[str, dict[str, str]]:
    """The part that names repositories, and the texts by their numbers."""
    head, *rest = _TEXT.split(text)
    return head, dict(zip(rest[::2], rest[1::2], strict=True))


def _are_conflicts(raw: bytes, manifest: Manifest) -> bool:
    """(4)"""
    counts = {share.name: share.rows for share in manifest.totals.licenses}
    # Rows that `ids` alone has are in no total by licence.
    alone = any(file.shard and file.shard.edition == "ids" for file in manifest.shards)
    try:
        document = json.loads(raw)
        named = [each["license_expression"] for each in document["conflicts"]]
        sound = canonical_json(document) == raw and named == sorted(set(named))
        members = {"collection_license", "conflicts", "policy_sha256", "policy_version"}
        return bool(
            sound
            and document.keys() == members
            and all(isinstance(document[name], str) for name in members - {"conflicts"})
            and all(
                each["verdict"] in _VERDICTS
                and each.keys() == {"files", "license_expression", "reason", "verdict"}
                and (alone or counts.get(each["license_expression"]) == each["files"])
                for each in document["conflicts"]
            )
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return False
