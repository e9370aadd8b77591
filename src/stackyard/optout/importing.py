"""Requests in batches: CSV, JSONL, BigCode's opt-out records, exports of GitHub issues.

In: the text of a file. Out: one `Entry` for each request that somebody made, understood or refused,
in the file's order. Always holds: selectors go through the one parser; an entry that cannot be
understood is refused with what to write instead, and never guessed at; a file that is not of its
format is refused whole.

    csv      header `scope,selector` and, if wanted, `contact,copies,forks,past`
    jsonl    one object a line with these members
    bigcode  objects with `issue, author, optout_repos, optout_owners` (a JSON list, or one a line)
    github   a JSON list of issues as GitHub's REST interface gives them, made with the issue form
             (registry/opt-out-issue-form.yml)
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from stackyard.errors import UsageError
from stackyard.optout.registry import Copies, Status
from stackyard.optout.selector import Selector, fold_name, parse

Format = Literal["csv", "jsonl", "bigcode", "github"]
FORMATS: tuple[Format, ...] = get_args(Format)

FORM_FIELDS = {
    "What do you want removed?": "scope",
    "Its name": "selector",
    "Forks of an account's repositories": "forks",
    "Copies in other repositories": "copies",
    "Releases already made": "past",
}
"""Headings of the issue form -> members."""

_SCOPES = {
    "one repository": "repo",
    "all repositories of an account": "owner",
    "files of one repository": "path",
    "one file's contents": "blob",
}
_COPIES = {"leave them": "none", "remove exact copies": "exact", "remove near copies": "near"}
_FORKS = {"leave them": False, "remove them too": True}
_PAST = {"leave them": False, "ask for them too": True}
_MEMBERS = frozenset({"scope", "selector", "contact", "copies", "forks", "past"})


SOURCE_MAX = 200
"""Characters of a source in the private part."""

BODY_MAX = 65_536
"""Characters of an issue on GitHub."""

FILE_MAX_BYTES = 100_000_000
"""Of a batch: room for 100,000 requests of 1,000 bytes each."""


@dataclass(frozen=True)
class Entry:
    """One request of a file.

    Attributes:
        source: what it is known by, so that importing a file twice submits nothing twice.
        where: line, record or issue, for people.
        author: who wrote it, if the format says so.
        selector: what it names; None if it was refused.
        refusal: why, and what to write instead; empty if it was understood.
    """

    source: str
    where: str
    author: str = ""
    selector: Selector | None = None
    copies: Copies = "none"
    past: bool = False
    forks: bool = False
    contact: str = ""
    refusal: str = ""

    @property
    def author_is_owner(self) -> bool:
        """Whether the author's account is the owner named; it is a hint, and shows no authority."""
        if self.selector is None or self.selector.kind in {"blob", "author"}:
            return False
        return fold_name(self.author) == self.selector.name.split("/", 1)[0]


def entries(text: str, form: Format) -> list[Entry]:
    """The requests of a file.

    Raises:
        UsageError: the file is not of this format.
    """
    readers = {"csv": _csv, "jsonl": _jsonl, "bigcode": _bigcode, "github": _github}
    return list(readers[form](text))


def _csv(text: str) -> Iterator[Entry]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = list(reader.fieldnames or ())
        names = set(header)
        rows = list(enumerate(reader, start=2))
    except csv.Error as error:
        raise UsageError(f"this is no CSV file: {error}") from error
    if not {"scope", "selector"} <= names <= _MEMBERS or len(names) != len(header):
        raise UsageError(
            "this is no CSV file of requests",
            expected="a first line with scope,selector and, if wanted, contact,copies,forks,past",
            found=", ".join(str(name) for name in header)[:200],
        )
    for number, row in rows:
        if None in row or None in row.values():
            raise UsageError(f"line {number} has more or fewer fields than the first one")
        said = {name: _TRUTH.get(row.get(name, "").lower()) for name in ("forks", "past")}
        yield _entry({**row, **said}, f"line {number}")


_TRUTH = {"": False, "false": False, "true": True}


def _jsonl(text: str) -> Iterator[Entry]:
    for number, values in _lines(text):
        unknown = sorted(set(values) - _MEMBERS)
        if unknown:
            raise UsageError(f"line {number} has the unknown member {unknown[0][:40]!r}")
        yield _entry(values, f"line {number}")


def _lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), start=1):  # no other character ends a line
        if line.strip():
            values = _json(line, f"line {number}")
            if not isinstance(values, dict):
                raise UsageError(f"line {number} is not a JSON object")
            yield number, values


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose members are said once: which of two would count is anybody's guess."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a member is given twice")
    return values


def _entry(values: Mapping[str, Any], where: str) -> Entry:
    said = json.dumps({k: v for k, v in values.items() if v}, sort_keys=True)
    source = hashlib.sha256(said.encode()).hexdigest()
    return _understood(Entry(source, where), values)


def _understood(entry: Entry, values: Mapping[str, Any]) -> Entry:
    """The entry with its selector, or refused."""
    try:
        selector = parse(_text(values, "scope"), _text(values, "selector"))
        copies, past, forks = _options(values, selector.kind)
        contact = _text(values, "contact")
    except UsageError as error:
        return replace(entry, refusal=str(error))
    return replace(entry, selector=selector, copies=copies, past=past, forks=forks, contact=contact)


def _text(values: Mapping[str, Any], name: str) -> str:
    text = values.get(name) or ""
    if not isinstance(text, str):
        raise UsageError(f"{name} is not text")
    return text


def _options(values: Mapping[str, Any], kind: str) -> tuple[Copies, bool, bool]:
    """copies, past and forks."""
    copies = values.get("copies") or "none"
    past, forks = values.get("past", False), values.get("forks", False)
    if copies not in get_args(Copies) or not isinstance(past, bool) or not isinstance(forks, bool):
        raise UsageError(
            "copies, forks or past is not one of its values",
            expected="copies: none, exact or near; forks and past: true or false",
        )
    if forks and kind != "owner":
        raise UsageError(
            "forks are asked for together with an account",
            found=f"a request for a {kind}",
            next_step="leave them; for copies of a file, wherever they are, ask for copies",
        )
    return cast("Copies", copies), past, forks


def _bigcode(text: str) -> Iterator[Entry]:
    stripped = text.lstrip()
    records = _json(text, "the file") if stripped.startswith("[") else [v for _, v in _lines(text)]
    for number, record in enumerate(records, start=1):
        names = {"repo": "optout_repos", "owner": "optout_owners"}
        if not isinstance(record, dict) or not all(
            isinstance(record.get(name) or [], list) for name in names.values()
        ):
            raise UsageError(
                f"record {number} is no opt-out record",
                expected="issue, author, and lists optout_repos and optout_owners",
            )
        author, issue = str(record.get("author", "")), str(record.get("issue", number))
        for scope, member in names.items():
            for name in record.get(member) or []:
                blank = Entry(
                    _source(f"bigcode:{issue}:{scope}:{name}"), f"record {number}", author
                )
                yield _understood(blank, {"scope": scope, "selector": name})


def _source(said: str) -> str:
    """What an entry is known by; what is too long for the private part goes by its hash, whole."""
    if len(said) <= SOURCE_MAX:
        return said
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _github(text: str) -> Iterator[Entry]:
    issues = _json(text, "the export")
    if not isinstance(issues, list):
        raise UsageError("this is no export of issues", expected="a JSON list of issues")
    for issue in issues:
        if not isinstance(issue, dict) or type(issue.get("number")) is not int:
            raise UsageError("this is no export of issues", expected="issues with their numbers")
        if "pull_request" in issue:
            continue
        user = issue.get("user")
        author = str(user.get("login", "")) if isinstance(user, dict) else ""
        blank = Entry(f"github:{issue['number']}", f"issue {issue['number']}", author)
        yield _understood(blank, _form(str(issue.get("body") or "")))


def _form(body: str) -> dict[str, Any]:
    """Members from the body of an issue that was made with the form.

    Free prose has none; nor has a body with two answers to one question, or longer than any issue.
    """
    found: list[tuple[str, list[str]]] = []
    for line in body.split("\n") if len(body) <= BODY_MAX else []:
        heading = line[4:].strip() if line.startswith("### ") else ""
        if heading in FORM_FIELDS:
            found.append((FORM_FIELDS[heading], []))
        elif found:
            found[-1][1].append(line)
    answers = {member: "\n".join(lines).strip() for member, lines in found}
    if "scope" not in answers or "selector" not in answers or len(answers) != len(found):
        return {"scope": "repo", "selector": ""}
    return {
        "scope": _SCOPES.get(answers["scope"].lower(), answers["scope"]),
        "selector": answers["selector"],
        "copies": _COPIES.get(answers.get("copies", "leave them").lower(), "?"),
        "forks": _FORKS.get(answers.get("forks", "leave them").lower()),
        "past": _PAST.get(answers.get("past", "leave them").lower()),
    }


def comment(entry: Entry, status: Status | None, removed: Mapping[str, Any] | None) -> str:
    """What to answer under an issue: the request's id, where it stands, and what was done.

    It quotes nothing of the issue, and says no more than the public log.

    Args:
        entry: the issue.
        status: where its request stands; None if it was refused.
        removed: `removed` of the receipt's statement, once there is one.
    """
    if entry.selector is None or status is None:
        return (
            "Nothing was removed, because we could not read what this asks for.\n\n"
            f"> {entry.refusal.replace(chr(10), chr(10) + '> ')}\n\n"
            "Please edit the form's answers above; nothing else is needed."
        )
    request = status.submitted.request
    head = f"This is request `{request}` ({entry.selector.kind})."
    if status.state == "applied" and removed is not None:
        return (
            f"{head} It was applied in release {removed['version']}: {removed['files']} files and "
            f"{removed['blobs']} contents went. Your receipt proves it offline:\n\n"
            f"    stackyard optout prove {request}.json --release DIR\n\n"
            f"The log entry is number {status.last.sequence}; the receipt's statement has SHA-256 "
            f"`{status.last.details['statement']}`. To take it back: "
            f"`stackyard optout withdraw {request}`."
        )
    steps = {
        "submitted": "Nothing is removed yet. Show that you may ask: docs/governance.md says how.",
        "verified": "You have shown that you may ask; an operator looks at it next.",
        "accepted": "It is accepted: the next release leaves out what it names.",
        "rejected": "It was rejected; you may ask for the reason, and appeal (docs/governance.md).",
        "withdrawn": "It was withdrawn: nothing is removed for it.",
        "expired": "It expired, as nobody showed authority in time. You may submit it again.",
    }
    return f"{head} {steps.get(status.state, 'It was applied.')}"
