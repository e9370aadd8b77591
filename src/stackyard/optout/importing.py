"""Requests in batches: CSV, JSONL, BigCode's opt-out records, exports of GitHub issues.

In: the text of a file. Out: one `Entry` for each request that somebody made, understood or refused,
in the file's order. Always holds: selectors go through the one parser; an entry that cannot be
understood, or a record of another shape, is refused alone with what to write instead, and never
guessed at; a file in which nothing is of its format is refused whole.

    csv      header `scope,selector` and, if wanted, `contact,copies,forks,past`
    jsonl    one object a line with these members
    bigcode  objects with `issue, author, optout_repos, optout_owners` (a JSON list, or one a line)
    github   a JSON list of issues as GitHub's REST interface gives them, made with the issue form
             (registry/opt-out-issue-form.yml), BigCode's form, or the list of its older issues
    request  what `stackyard optout submit --dataset` wrote (see `letters`), one a line
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args

from stackyard.errors import UsageError
from stackyard.optout.issues import asks, to_paste
from stackyard.optout.letters import Letter, is_letter
from stackyard.optout.registry import Copies, Status
from stackyard.optout.selector import Selector, fold_name, parse

Format = Literal["csv", "jsonl", "bigcode", "github", "request"]
FORMATS: tuple[Format, ...] = get_args(Format)

_MEMBERS = frozenset({"scope", "selector", "contact", "copies", "forks", "past"})


SOURCE_MAX = 200
"""Characters of a source in the private part."""

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
        salt: of its commitment, if the requester chose it.
        dataset: that it is for, if the format says so.
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
    listed: bool = False
    salt: bytes | None = field(default=None, repr=False)
    dataset: str = ""
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
    readers = {
        "csv": _csv,
        "jsonl": _jsonl,
        "bigcode": _bigcode,
        "github": _github,
        "request": _request,
    }
    return list(readers[form](text))


def _csv(text: str) -> Iterator[Entry]:
    """A record is a line: so one that cannot be read takes no other with it.

    Spreadsheets write a mark of byte order, `;` or a tab between fields, and `sep=;` as a first line;
    empty columns and empty lines are theirs too.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = 0
    if lines[0].lower().startswith("sep=") and len(lines) > 1:
        first = 1
    mark = next((mark for mark in (",", ";", "\t") if mark in lines[first]), ",")
    header = [name.strip().lower() for name in _fields(lines[first], mark) or ()]
    while header and not header[-1]:
        header.pop()
    names = set(header)
    if not {"scope", "selector"} <= names <= _MEMBERS or len(names) != len(header):
        raise UsageError(
            "this is no CSV file of requests",
            expected="a first line with scope,selector and, if wanted, contact,copies,forks,past",
            found=", ".join(str(name) for name in header)[:200],
        )
    for number, line in enumerate(lines[first + 1 :], start=first + 2):
        where = f"line {number}"
        fields = _fields(line, mark)
        if fields is None:
            yield _bad(line, where, "its quotation marks are open")
            continue
        values, more = fields[: len(header)], fields[len(header) :]
        if not any(field.strip() for field in fields):
            continue
        if len(values) < len(header) or any(more):
            yield _bad(line, where, f"it has {len(fields)} fields, the first line {len(header)}")
            continue
        row = dict(zip(header, values, strict=True))
        said = {name: _TRUTH.get(row.get(name, "").strip().lower()) for name in ("forks", "past")}
        yield _entry({**row, **said}, where)


def _fields(line: str, mark: str) -> list[str] | None:
    """The fields of a line of CSV; None if it is none."""
    try:
        return next(csv.reader([line], delimiter=mark, strict=True), [])
    except csv.Error:
        return None


def _bad(record: str, where: str, why: str) -> Entry:
    """A record that is of another shape than its file's, refused alone."""
    known = hashlib.sha256(record.encode("utf-8", "surrogatepass")).hexdigest()
    return Entry(known, where, refusal=f"{where} cannot be read: {why}")


_TRUTH = {"": False, "false": False, "true": True}


def _jsonl(text: str) -> Iterator[Entry]:
    for number, line, values in _lines(text):
        where = f"line {number}"
        if values is None:
            yield _bad(line, where, "it is no JSON object whose members are said once")
        elif unknown := sorted(set(values) - _MEMBERS):
            yield _bad(line, where, f"it has the unknown member {unknown[0][:40]!r}")
        else:
            yield _entry(values, where)


def _lines(text: str) -> list[tuple[int, str, dict[str, Any] | None]]:
    """Number, text and object of each line that is not empty.

    Raises:
        UsageError: no line is an object, so the file is of another format.
    """
    found: list[tuple[int, str, dict[str, Any] | None]] = []
    # No other character ends a line.
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if line.strip():
            try:
                values = _json(line, f"line {number}")
            except UsageError:
                values = None
            found.append((number, line, values if isinstance(values, dict) else None))
    if not any(values is not None for _, _, values in found):
        raise UsageError("this is no file of JSON objects, one a line")
    return found


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
    stripped = text.removeprefix("\ufeff").lstrip()
    if stripped.startswith("["):
        records = list(enumerate(_json(stripped, "the file"), start=1))
    else:
        records = [(number, values) for number, _, values in _lines(text)]
    if not any(_is_record(record) for _, record in records):
        raise UsageError(
            "this is no file of opt-out records",
            expected="issue, author, and lists optout_repos and optout_owners",
        )
    for number, record in records:
        where = f"record {number}"
        if not _is_record(record):
            yield _bad(f"{number}", where, "expected are lists optout_repos and optout_owners")
            continue
        author, issue = str(record.get("author", "")), str(record.get("issue", number))
        named = [(scope, name) for scope, member in _LISTS for name in record.get(member) or ()]
        if not named:
            yield _bad(f"bigcode:{issue}", where, "it names no repository and no owner")
        for scope, name in named:
            blank = Entry(_source(f"bigcode:{issue}:{scope}:{name}"), where, author)
            yield _understood(blank, {"scope": scope, "selector": name})


_LISTS = (("repo", "optout_repos"), ("owner", "optout_owners"))


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and any(member in record for _, member in _LISTS)
        and all(isinstance(record.get(member) or [], list) for _, member in _LISTS)
    )


def _source(said: str) -> str:
    """What an entry is known by; what is too long for the private part goes by its hash, whole."""
    if len(said) <= SOURCE_MAX:
        return said
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()


def _github(text: str) -> Iterator[Entry]:
    issues = _json(text.removeprefix("\ufeff"), "the export")
    if not isinstance(issues, list) or (issues and not any(_is_issue(each) for each in issues)):
        raise UsageError("this is no export of issues", expected="a JSON list of numbered issues")
    for number, issue in enumerate(issues, start=1):
        if not _is_issue(issue):
            yield _bad(f"{number}", f"record {number}", "it is no issue with a number")
            continue
        if "pull_request" in issue:
            continue
        user = issue.get("user")
        author = str(user.get("login", "")) if isinstance(user, dict) else ""
        yield from _asked(issue, author)


def _asked(issue: Mapping[str, Any], author: str) -> Iterator[Entry]:
    """The requests of an issue; prose is refused, with a form to paste."""
    known, where = f"github:{issue['number']}", f"issue {issue['number']}"
    found = asks(str(issue.get("body") or ""), author)
    if not found:
        yield Entry(
            known,
            where,
            author,
            refusal="it is no form that is filled in, and no list of repositories"
            "\n  next: put the text below in its place",
        )
    for values in found:
        source = known
        if len(found) > 1 or len(values) == _SCOPE_AND_NAME:
            source = _source(f"{known}:{values['scope']}:{values['selector']}")
        yield _understood(Entry(source, where, author), values)


_SCOPE_AND_NAME = 2
"""Members of a request from a list, of which an issue can have several."""


def _is_issue(issue: Any) -> bool:
    return isinstance(issue, dict) and type(issue.get("number")) is int


def _request(text: str) -> Iterator[Entry]:
    lines = [line for line in text.removeprefix("\ufeff").split("\n") if line.strip()]
    for number, line in enumerate(lines, start=1):
        where = f"request {number}"
        known = hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()
        try:
            letter = Letter.parse(line.encode("utf-8", "surrogatepass"))
        except UsageError as error:
            yield Entry(known, where, refusal=str(error))
            continue
        yield Entry(
            _source(f"request:{letter.request}"),
            where,
            selector=letter.selector,
            copies=letter.copies,
            past=letter.past,
            forks=letter.forks,
            contact=letter.contact,
            listed=letter.listed,
            salt=letter.salt,
            dataset=letter.dataset,
        )


def for_dataset(found: Sequence[Entry], dataset: str) -> list[Entry]:
    """The entries; what is for another dataset is refused."""
    return [
        replace(entry, selector=None, refusal=f"it is for {entry.dataset}, and this is {dataset}")
        if entry.selector is not None and entry.dataset not in {"", dataset}
        else entry
        for entry in found
    ]


def guess(name: str, text: str) -> Format | None:
    """The format of a file, by its ending or, for request files, by what it holds."""
    if is_letter(text):
        return "request"
    return {".csv": "csv", ".jsonl": "jsonl"}.get(name[name.rfind(".") :])  # type: ignore[return-value] # two of the five


def once(found: Sequence[Entry]) -> dict[str, Entry]:
    """Source of each understood entry -> the entry that is submitted for it.

    Who asks for one thing twice, in other letters or with and without the forge's address, makes one
    request: the wider of the two, which both asked for. What different people ask for stays apart,
    as one of them may withdraw.
    """
    first: dict[tuple[Any, ...], Entry] = {}
    for entry in found:
        if entry.selector is not None:
            first.setdefault((*_asked_for(entry), entry.selector.host), entry)
    return {
        entry.source: first.get((*_asked_for(entry), ""))
        or first[(*_asked_for(entry), entry.selector.host)]
        for entry in found
        if entry.selector is not None
    }


def _asked_for(entry: Entry) -> tuple[Any, ...]:
    """Who asks for what, but on which forge."""
    at = entry.selector
    assert at is not None
    asker = fold_name(entry.author or entry.contact)
    return asker, at.kind, at.name, at.glob, entry.copies, entry.past, entry.forks, entry.salt


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
            "To have all of your account left out, edit the issue, put this in the place of its text,"
            " and nothing else is needed. For one repository, write `One repository` and its address"
            f" instead.\n\n```text\n{to_paste(entry.author)}\n```"
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
