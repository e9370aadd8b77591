"""What the second scanner alone found in the last build, for a person to look at, and the answers.

In: table `pii/second` and the contents of its blobs. Out: findings with masked context; entries of
registry/pii-allow.yaml. Always holds: no value is shown; what stands around it passed both scanners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stackyard import filter as filter_room
from stackyard import pii as room
from stackyard.errors import UsageError
from stackyard.pipeline.project import Project
from stackyard.pipeline.stages.pii import ALLOWED, allowed, secret_of
from stackyard.record import BLOB_ID
from stackyard.store import files

CONTEXT_BYTES = 60
"""Bytes of a line that are shown on either side of a value."""


@dataclass(frozen=True)
class ToReview:
    """A value that the second scanner alone found.

    Attributes:
        rule, value_sha256: what an entry of registry/pii-allow.yaml names.
        count: findings of it.
        repo_name, path, line: where the first of them stands, in canonical order.
        context: what stands on its line, the value as asterisks.
    """

    rule: str
    value_sha256: str
    count: int
    repo_name: str
    path: str
    line: int
    context: str

    @property
    def answer(self) -> str:
        """What `stackyard pii review --allow` takes."""
        return f"{self.rule}:{self.value_sha256}"


def to_review(project: Project, rule: str | None = None) -> list[ToReview]:
    """Findings of the last build that no entry answers yet, sorted by rule and hash.

    Raises:
        CorruptWorkspace: there was no build.
    """
    found = project.workspace.table("pii", "second")
    if rule is not None:
        found = found.filter(pc.equal(found["rule"], rule))
    answered = allowed(project)
    groups: dict[tuple[str, str], list[dict[str, object]]] = {}
    for row in found.to_pylist():
        key = row["rule"], row["value_sha256"]
        if key not in answered:
            groups.setdefault(key, []).append(row)
    if not groups:
        return []
    places = _places(project, found["blob_id"])
    firsts = {key: min(rows, key=lambda row: (places[row["blob_id"]], row["start_byte"]))
              for key, rows in groups.items()}  # fmt: skip
    shown = _contexts(project, list(firsts.values()))
    out = []
    for (key, row), (line, context) in zip(firsts.items(), shown, strict=True):
        repo_name, path = places[row["blob_id"]]
        out.append(ToReview(*key, len(groups[key]), repo_name, path, line, context))
    return sorted(out, key=lambda each: (each.rule, each.value_sha256))


def _places(project: Project, blob_ids: pa.ChunkedArray) -> dict[object, tuple[str, str]]:
    """The first file, in canonical order, of each blob."""
    table = project.workspace.table("dedup", "files")
    table = table.filter(pc.is_in(table["blob_id"], value_set=blob_ids.combine_chunks()))
    out: dict[object, tuple[str, str]] = {}
    for row in table.select(["blob_id", "repo_name", "path"]).to_pylist():
        place = (row["repo_name"], row["path"])
        out[row["blob_id"]] = min(out.get(row["blob_id"], place), place)
    return out


def _contexts(project: Project, rows: Sequence[dict[str, object]]) -> list[tuple[int, str]]:
    """Line and masked context of each finding; a context is scanned and redacted like a text."""
    read = project.workspace.contents()
    lines: list[int] = []
    contexts: list[bytes] = []
    for row in rows:
        blob_id, start, end = row["blob_id"], row["start_byte"], row["end_byte"]
        assert isinstance(start, int)
        assert isinstance(end, int)
        content = read(pa.array([blob_id], BLOB_ID))["content"]
        text = filter_room.decode(content)[0][0].as_py()
        lines.append(text.count(b"\n", 0, start) + 1)
        low = max(text.rfind(b"\n", 0, start) + 1, start - CONTEXT_BYTES)
        stop = text.find(b"\n", end)
        high = min(len(text) if stop < 0 else stop, end + CONTEXT_BYTES)
        contexts.append(text[low:start] + b"*" * min(end - start, 12) + text[end:high])
    look = room.Look(project.params.pii)
    clean, _ = room.without_secrets(pa.array(contexts, pa.large_binary()), look, secret_of(project))
    shown = (text.as_py().decode("utf-8", "replace").strip() for text in clean)
    return list(zip(lines, shown, strict=True))


def allow(project: Project, answers: Sequence[str], reason: str) -> int:
    """Adds an entry for each `RULE:SHA256` to registry/pii-allow.yaml; returns how many are new.

    Raises:
        UsageError: an answer is not of that form, or the last build has no such finding.
    """
    known = {each.answer for each in to_review(project)}
    text = before = (project.root / ALLOWED).read_text(encoding="utf-8")
    for answer in answers:
        rule, _, value = answer.rpartition(":")
        if answer not in known and (rule, value) not in allowed(project):
            raise UsageError(
                f"the last build found nothing that is {answer}",
                expected="RULE:SHA256, whole, as `stackyard pii review` shows it",
                next_step="copy it from there",
            )
        text = room.with_entry(text, room.AllowEntry(rule, value, reason), ALLOWED)
    if text != before:
        files.write_bytes(project.root / ALLOWED, text.encode())
    return len(room.load_allow(text, ALLOWED)) - len(room.load_allow(before, ALLOWED))
