"""What an issue asks for: our form, BigCode's form, and the list in BigCode's older issues.

In: the body of an issue and who wrote it. Out: the members of each request in it (`scope`,
`selector` and options), or none, where it is prose. Always holds: a box or a list is read line by
line, each line is one request, and a line is never taken for more than it names; `all` is a whole
account only where it stands alone in the older list, which says so itself, and then it is the
account that wrote the issue.

Source of the two other shapes: .github/ISSUE_TEMPLATE/opt-out-request.yml and the issues of 2024 of
https://github.com/bigcode-project/opt-out-v2 (their headings only; no text of theirs is here)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stackyard.errors import UsageError
from stackyard.optout.selector import parse

FORM_FIELDS = {
    "What do you want removed?": "scope",
    "Its name": "selector",
    "Forks of an account's repositories": "forks",
    "Copies in other repositories": "copies",
    "Releases already made": "past",
}
"""Headings of the issue form -> members."""

BOXES = {
    "accounts and organizations to remove entirely": "owner",
    "specific repositories to remove": "repo",
}
"""Headings of BigCode's form, in lower case -> scope of each line below them."""

SCOPES = {
    "one repository": "repo",
    "all repositories of an account": "owner",
    "files of one repository": "path",
    "one file's contents": "blob",
}
COPIES = {"leave them": "none", "remove exact copies": "exact", "remove near copies": "near"}
FORKS = {"leave them": False, "remove them too": True}
PAST = {"leave them": False, "ask for them too": True}

BODY_MAX = 65_536
"""Characters of an issue on GitHub."""

_HEADING = re.compile(r"#{1,6} (.+)")
_BULLET = re.compile(r"[-*+] +(\S.*)")
_NO_ANSWER = frozenset({"", "_no response_", "no response", "none", "n/a", "-"})
_EVERYTHING = frozenset({"all", "all of them", "everything"})
_NOT_FILES = frozenset({"commits", "commit", "github issue", "github issues", "issues"})
"""Entries of the older list for data that this dataset does not have."""


def asks(body: str, login: str) -> list[dict[str, Any]]:
    """Members of each request of an issue; none where it is no form and no list.

    A body with two answers to one question, or longer than any issue, has none either.
    """
    if len(body) > BODY_MAX:
        return []
    lines = [line.rstrip() for line in body.replace("\r\n", "\n").split("\n")]
    sections = _sections(lines)
    if any(heading == "What do you want removed?" for heading, _ in sections):
        return _own_form(lines)
    if any(heading.lower() in BOXES for heading, _ in sections):
        return _boxes(sections, login)
    return list(_older_list(lines, login))


def to_paste(login: str) -> str:
    """A filled-in form that the import reads, for the account that wrote an issue."""
    try:
        name = f"https://github.com/{parse('owner', login).name}"
    except UsageError:
        name = "https://github.com/NAME-OF-YOUR-ACCOUNT"
    answers = ("All repositories of an account", name, *("Leave them",) * 3)
    parts = zip(FORM_FIELDS, answers, strict=True)
    return "\n\n".join(f"### {heading}\n\n{answer}" for heading, answer in parts)


def _sections(lines: list[str]) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        match = _HEADING.fullmatch(line.strip())
        if match:
            found.append((match[1].strip(), []))
        elif found:
            found[-1][1].append(line)
    return found


def _own_form(lines: list[str]) -> list[dict[str, Any]]:
    found: list[tuple[str, list[str]]] = []
    for line in lines:
        heading = line[4:].strip() if line.startswith("### ") else ""
        if heading in FORM_FIELDS:
            found.append((FORM_FIELDS[heading], []))
        elif found:
            found[-1][1].append(line)
    answers = {member: "\n".join(lines).strip() for member, lines in found}
    if "scope" not in answers or "selector" not in answers or len(answers) != len(found):
        return []
    return [
        {
            "scope": SCOPES.get(answers["scope"].lower(), answers["scope"]),
            "selector": answers["selector"],
            "copies": COPIES.get(answers.get("copies", "leave them").lower(), "?"),
            "forks": FORKS.get(answers.get("forks", "leave them").lower()),
            "past": PAST.get(answers.get("past", "leave them").lower()),
        }
    ]


def _boxes(sections: list[tuple[str, list[str]]], login: str) -> list[dict[str, Any]]:
    """One request a line of the two boxes.

    `all` under repositories adds nothing where the account that wrote the issue stands in the box
    above; elsewhere nobody can say of whom, and it is refused like any other text that is no name.
    """
    known = [(heading.lower(), lines) for heading, lines in sections if heading.lower() in BOXES]
    boxes = {BOXES[heading]: list(_answers(lines)) for heading, lines in known}
    if len(boxes) != len(known):
        return []
    owners = boxes.get("owner", [])
    whole = login.lower() in {name.removeprefix("@").lower() for name in owners}
    repos = [name for name in boxes.get("repo", []) if not (whole and name.lower() in _EVERYTHING)]
    return [
        *({"scope": "owner", "selector": name} for name in owners),
        *({"scope": "repo", "selector": name} for name in repos),
    ]


def _answers(lines: list[str]) -> Iterator[str]:
    for line in lines:
        bullet = _BULLET.fullmatch(line.strip())
        text = bullet[1] if bullet else line.strip()
        if text.lower() not in _NO_ANSWER:
            yield text


def _older_list(lines: list[str], login: str) -> Iterator[dict[str, Any]]:
    """Requests of the first list that a line asking for removal, ended by a colon, stands above."""
    at = next(
        (i for i, line in enumerate(lines) if line.endswith(":") and "remove" in line.lower()), None
    )
    if at is None:
        return
    items = []
    for line in lines[at + 1 :]:
        bullet = _BULLET.fullmatch(line.strip())
        if bullet:
            items.append(bullet[1])
        elif line.strip():
            break
    if [item.lower() for item in items] in ([name] for name in ("all", "everything")):
        yield {"scope": "owner", "selector": login}
        return
    for item in items:
        if item.lower() not in _NOT_FILES:
            yield {"scope": "repo", "selector": item}
