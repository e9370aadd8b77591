from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackyard.errors import UsageError
from stackyard.optout import importing, issues
from stackyard.optout.importing import Entry, comment, entries
from stackyard.optout.selector import Selector
from stackyard.store.registry import init_registry, open_registry

from .conftest import Book
from .test_cli import answer, run

ROOT = Path(__file__).parents[3]


def form_issue(number: int, scope: str, name: str, login: str = "octo") -> dict[str, Any]:
    body = (
        f"### What do you want removed?\r\n\r\n{scope}\r\n\r\n### Its name\r\n\r\n{name}\r\n\r\n"
        "### Copies in other repositories\r\n\r\nRemove exact copies\r\n\r\n"
        "### Releases already made\r\n\r\nAsk for them too"
    )
    return {"number": number, "title": "Opt-out request", "body": body, "user": {"login": login}}


def test_entries_csv_lines_are_understood_or_refused() -> None:
    text = (
        "scope,selector,contact,copies,past\n"
        "repo,octo/p,me@example.org,exact,true\n"
        'path,"octo/p:docs/a,b.md",,,\n'
        "repo,.,,,\n"
        "repo,octo/q,,maybe,\n"
        "repo,octo/q,,,perhaps\n"
    )
    first, second, *bad = entries(text, "csv")
    assert first.selector == Selector("repo", "octo/p")
    assert (first.copies, first.past, first.contact) == ("exact", True, "me@example.org")
    assert second.selector == Selector("path", "octo/p", "", "docs/a,b.md")
    assert [entry.selector for entry in bad] == [None, None, None]
    assert "it names nothing" in bad[0].refusal


@pytest.mark.parametrize(
    "text", ["", "repo,octo/p\n", "scope,selector,more\n", '"scope,selector\n']
)  # fmt: skip
def test_entries_csv_file_of_another_shape_is_refused_whole(text: str) -> None:
    with pytest.raises(UsageError):
        entries(text, "csv")


def test_entries_jsonl_lines_are_understood_or_refused() -> None:
    text = '{"scope":"owner","selector":"octo"}\n\n{"scope":"owner","selector":"octo/p"}\n'
    first, second = entries(text, "jsonl")
    assert first.selector == Selector("owner", "octo")
    assert "--repo" in second.refusal
    (bad,) = entries('{"scope":"owner","selector":["octo"]}', "jsonl")
    assert bad.selector is None


@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_entries_jsonl_file_of_another_shape_is_refused_whole(text: str) -> None:
    with pytest.raises(UsageError):
        entries(text, "jsonl")


def test_entries_bigcode_records_give_a_request_for_each_name() -> None:
    record = {
        "issue": 7,
        "author": "Octo",
        "optout_repos": ["octo/p", "https://github.com/octo/q", "owner/repo"],
        "optout_owners": ["octo", "octo/*"],
    }
    for text in (json.dumps([record]), json.dumps(record)):
        found = entries(text, "bigcode")
        assert [str(e.selector) if e.selector else "" for e in found] == [
            "octo/p",
            "https://github.com/octo/q",
            "",
            "octo",
            "",
        ]
        assert found[0].author_is_owner
    assert not entries('{"author":"x","optout_owners":["octo"]}', "bigcode")[0].author_is_owner


@pytest.mark.parametrize("text", ["[7]", '{"optout_repos":"octo/p"}', "x"])
def test_entries_bigcode_file_of_another_shape_is_refused_whole(text: str) -> None:
    with pytest.raises(UsageError):
        entries(text, "bigcode")


def test_entries_github_form_is_read_and_prose_is_refused() -> None:
    issues = [
        form_issue(1, "One repository", "https://github.com/Octo/P"),
        form_issue(2, "All repositories of an account", "someone-else"),
        {"number": 3, "body": ".", "user": {"login": "x"}},
        {"number": 4, "body": None, "user": None},
        {"number": 5, "body": "please remove all my stuff", "user": {"login": "x"}},
        {"number": 6, "pull_request": {}, "body": ""},
        form_issue(7, "One repository", "_No response_"),
        form_issue(8, "Everything", "octo/p"),
    ]
    one, two, *bad = entries(json.dumps(issues), "github")
    assert one.selector == Selector("repo", "octo/p", "github.com")
    assert (one.copies, one.past, one.author_is_owner) == ("exact", True, True)
    assert two.selector == Selector("owner", "someone-else")
    assert not two.author_is_owner
    assert [e.where for e in bad] == ["issue 3", "issue 4", "issue 5", "issue 7", "issue 8"]
    assert all(e.selector is None and e.refusal for e in bad)


@pytest.mark.parametrize("text", ["{}", "[{}]", '[{"number":"1"}]', "x"])
def test_entries_github_file_of_another_shape_is_refused_whole(text: str) -> None:
    with pytest.raises(UsageError):
        entries(text, "github")


def test_issue_form_has_the_labels_and_answers_that_the_import_knows() -> None:
    form = yaml.safe_load((ROOT / "registry" / "opt-out-issue-form.yml").read_text())
    fields = {
        item["attributes"]["label"]: item["attributes"].get("options")
        for item in form["body"]
        if "label" in item["attributes"]
    }
    assert list(fields) == list(issues.FORM_FIELDS)
    assert {o.lower() for o in fields["What do you want removed?"]} == set(issues.SCOPES)
    assert {o.lower() for o in fields["Copies in other repositories"]} == set(issues.COPIES)
    assert {o.lower() for o in fields["Forks of an account's repositories"]} == set(issues.FORKS)
    assert {o.lower() for o in fields["Releases already made"]} == set(issues.PAST)


def test_comment_of_states_says_what_was_done_and_quotes_nothing(book: Book) -> None:
    refused = Entry("github:1", "issue 1", refusal="it names nothing\n  next: write x")
    assert comment(refused, None, None).startswith("Nothing was removed")
    name = book.submit("repo", "octo/secret-name")
    entry = Entry("github:2", "issue 2", "octo", book.requests[name].selector)
    assert "Nothing is removed yet" in comment(entry, book.registry().statuses[name], None)
    book.accept(name)
    book.apply({name: "ab" * 32}, "0.1.1")
    removed = {"version": "0.1.1", "files": 3, "blobs": 2}
    said = comment(entry, book.registry().statuses[name], removed)
    for part in ("release 0.1.1", "3 files", "2 contents", "ab" * 32, name):
        assert part in said
    assert "secret-name" not in said


def test_import_twice_submits_nothing_twice(tmp_path: Path) -> None:
    init_registry(tmp_path)
    export = tmp_path / "issues.json"
    export.write_text(
        json.dumps([form_issue(1, "One repository", "octo/p"), {"number": 2, "body": "."}])
    )
    first = answer(tmp_path, "import", str(export), "--format", "github")
    assert first["submitted"] == 1
    assert [row["state"] for row in first["requests"]] == ["submitted", "refused"]
    second = answer(tmp_path, "import", str(export), "--format", "github")
    assert second["submitted"] == 0
    assert len(open_registry(tmp_path).events) == 1
    run(tmp_path, "import", str(export), "--format", "github")


def test_import_file_of_unknown_ending_is_refused(tmp_path: Path) -> None:
    init_registry(tmp_path)
    (tmp_path / "x.txt").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="--format"):
        run(tmp_path, "import", str(tmp_path / "x.txt"))
    with pytest.raises(UsageError, match="UTF-8"):
        run(tmp_path, "import", str(tmp_path / "x.txt"), "--format", "csv")


def test_entries_that_say_a_thing_twice_are_refused() -> None:
    with pytest.raises(UsageError):
        entries("scope,selector,selector\nrepo,octo/p,octo/q\n", "csv")
    good = '{"scope":"repo","selector":"octo/p"}\n'
    _, twice = entries(good + '{"scope":"repo","selector":"octo/p","selector":"octo/q"}', "jsonl")
    assert twice.selector is None
    with pytest.raises(UsageError):
        entries('[{"issue":1,"optout_repos":[],"optout_repos":["octo/p"]}]', "bigcode")
    issue = form_issue(1, "One repository", "octo/p")
    issue["body"] += "\r\n\r\n### Its name\r\n\r\nocto/q"
    (entry,) = entries(json.dumps([issue]), "github")
    assert entry.selector is None


def test_entries_answer_that_smuggles_another_question_is_refused() -> None:
    name = "octo/p\n\n### What do you want removed?\n\nAll repositories of an account"
    (entry,) = entries(json.dumps([form_issue(1, "One repository", name)]), "github")
    assert entry.selector is None


def test_entries_long_names_of_equal_beginnings_are_told_apart() -> None:
    names = ["o/" + "x" * 300 + end for end in ("a", "b")]
    found = entries(json.dumps([{"issue": 1, "optout_repos": names}]), "bigcode")
    assert len({entry.source for entry in found}) == 2
    assert all(len(entry.source) <= importing.SOURCE_MAX for entry in found)


def test_entries_jsonl_line_separators_of_unicode_end_no_line() -> None:
    (entry,) = entries('{"scope":"path","selector":"octo/p:a\u2028b"}', "jsonl")
    assert entry.selector is None
    assert "U+2028" in entry.refusal


@pytest.mark.parametrize("user", ["x", 7, [], {"login": None}, None])
def test_entries_github_issue_of_an_odd_user_is_read(user: object) -> None:
    issue = {**form_issue(1, "One repository", "octo/p"), "user": user}
    (entry,) = entries(json.dumps([issue]), "github")
    assert entry.selector == Selector("repo", "octo/p")
    assert not entry.author_is_owner


LONG = 10_000_000


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", "scope,selector\nrepo," + "a" * LONG + "\n"),
        ("csv", "a" * LONG),
        ("csv", "scope,selector\n" + '"' * LONG),
        ("jsonl", '{"scope":"repo","selector":"' + "a" * LONG + '"}'),
        ("jsonl", '{"scope":"' + "a" * LONG + '","selector":"a/b"}'),
        ("jsonl", "[" * LONG),
        ("jsonl", "7" * LONG),
        ("bigcode", '[{"issue":1,"optout_repos":["' + "a" * LONG + '"]}]'),
        ("bigcode", '{"issue":' + "9" * 4000 + ',"optout_owners":["' + "x y" * 1_000_000 + '"]}'),
        ("github", json.dumps([{"number": 1, "body": "### Its name\n" + "a" * LONG}])),
        ("github", json.dumps([{"number": 1, "body": "### a" + " " * LONG + "b"}])),
        ("github", json.dumps([{"number": 1, "body": "### a" + " " * 60_000 + "b"}])),
        ("github", json.dumps([{"number": 1, "body": "\n### Its name" * (LONG // 13)}])),
    ],
)
def test_entries_of_ten_megabytes_are_refused_at_once(form: importing.Format, text: str) -> None:
    start = time.process_time()
    try:
        found = entries(text, form)
    except UsageError:
        found = []
    assert all(entry.selector is None for entry in found)
    assert all(len(entry.refusal) < 1_000 for entry in found)
    assert time.process_time() - start < 5


def test_import_of_a_file_too_long_is_refused(tmp_path: Path) -> None:
    init_registry(tmp_path)
    with (tmp_path / "x.csv").open("wb") as stream:
        stream.truncate(importing.FILE_MAX_BYTES + 1)
    with pytest.raises(UsageError, match="too long"):
        run(tmp_path, "import", str(tmp_path / "x.csv"))


def invoke(project: Path, *arguments: str) -> tuple[int, Any]:
    """Exit code and JSON of a command, as `main` would give them."""
    from click.testing import CliRunner

    from stackyard.cli.optout import optout

    command = [arguments[0], "--project", str(project), *arguments[1:], "--json"]
    done = CliRunner().invoke(optout, command, standalone_mode=False, catch_exceptions=False)
    return done.return_value or 0, json.loads(done.output)


@pytest.mark.parametrize(
    ("form", "text", "good"),
    [
        ("csv", 'scope,selector\nrepo,octo/p\nrepo\nrepo,a/b,c\nrepo,"x/y\nrepo,octo/q\n', 2),
        ("jsonl", '{"scope":"repo","selector":"octo/p"}\n{\n7\n{"selector":1,"x":2}\n', 1),
        (
            "bigcode",
            '[{"issue":1,"optout_repos":["octo/p"]},7,{"optout_repos":"x"},{"issue":2}]',
            1,
        ),
        ("bigcode", '[{"issue":1,"optout_repos":["octo/p"]},{"optout_repos":[]}]', 1),
    ],
)
def test_import_bad_record_is_refused_alone_and_the_exit_code_says_so(
    tmp_path: Path, form: str, text: str, good: int
) -> None:
    init_registry(tmp_path)
    (tmp_path / "batch").write_text(text)
    code, answer = invoke(tmp_path, "import", str(tmp_path / "batch"), "--format", form)
    assert (code, answer["submitted"]) == (1, good)
    assert all(row["refusal"] for row in answer["requests"] if row["state"] == "refused")
    assert len(answer["requests"]) > good


def test_import_issue_without_a_number_is_refused_alone(tmp_path: Path) -> None:
    init_registry(tmp_path)
    export = tmp_path / "issues.json"
    export.write_text(json.dumps([form_issue(1, "One repository", "octo/p"), {}, 7]))
    code, answer = invoke(tmp_path, "import", str(export), "--format", "github")
    assert (code, answer["submitted"], len(answer["requests"])) == (1, 1, 3)


def test_import_of_what_is_all_understood_exits_with_zero(tmp_path: Path) -> None:
    init_registry(tmp_path)
    (tmp_path / "a.csv").write_text("scope,selector\nowner,octo\n")
    assert invoke(tmp_path, "import", str(tmp_path / "a.csv"))[0] == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbfscope;selector;contact;copies;forks;past\r\nowner;octo;me@example.org;;TRUE;FALSE\r\n",
        b"\xef\xbb\xbfsep=;\r\nScope;Selector;Contact;Forks;;\r\nowner;octo;me@example.org;TRUE;;\r\n;;;;;\r\n",
        b"scope\tselector\tcontact\tforks\r\nowner\tocto\tme@example.org\tTRUE\r\n",
    ],
)
def test_import_csv_of_a_spreadsheet_is_read(tmp_path: Path, raw: bytes) -> None:
    init_registry(tmp_path)
    (tmp_path / "a.csv").write_bytes(raw)
    code, answer = invoke(tmp_path, "import", str(tmp_path / "a.csv"))
    assert (code, answer["submitted"]) == (0, 1)
    (entry,) = entries(raw.decode("utf-8-sig"), "csv")
    assert (entry.forks, entry.contact) == (True, "me@example.org")


def test_import_same_owner_spelled_twice_is_one_request(tmp_path: Path) -> None:
    init_registry(tmp_path)
    record = {
        "issue": 1,
        "author": "Octo",
        "optout_owners": ["https://github.com/octo", "octo", "Octo", "@OCTO"],
    }
    batch = tmp_path / "a.json"
    batch.write_text(json.dumps([record]))
    code, answer = invoke(tmp_path, "import", str(batch), "--format", "bigcode")
    assert (code, answer["submitted"]) == (0, 1)
    assert len({row["request"] for row in answer["requests"]}) == 1
    assert len(open_registry(tmp_path).events) == 1
    again = invoke(tmp_path, "import", str(batch), "--format", "bigcode")[1]
    assert again["submitted"] == 0
    assert again["requests"] == answer["requests"]


def test_import_two_people_who_ask_for_one_owner_make_two_requests(tmp_path: Path) -> None:
    init_registry(tmp_path)
    batch = tmp_path / "a.json"
    batch.write_text(
        json.dumps(
            [{"issue": n, "author": who, "optout_owners": ["octo"]} for n, who in enumerate("ab")]
        )
    )
    assert invoke(tmp_path, "import", str(batch), "--format", "bigcode")[1]["submitted"] == 2


def boxes(accounts: str, repositories: str) -> str:
    """An issue as BigCode's form makes them: headings, answers, a list of ticks."""
    return (
        f"### Accounts and organizations to remove ENTIRELY\n\n{accounts}\n\n"
        f"### Specific repositories to remove\n\n{repositories}\n\n"
        "### Optional - your relationship to what you listed\n\n- [x] Mine.\n- [ ] Not ticked.\n\n"
        "### Anything else? (optional)\n\nThank you:\n- mono-inc/not-this"
    )


def selectors(body: str, login: str = "Octo") -> list[str]:
    issue = {"number": 1, "body": body, "user": {"login": login}}
    found = entries(json.dumps([issue]), "github")
    return [f"{e.selector.kind} {e.selector}" if e.selector else "refused" for e in found]


def test_entries_github_bigcode_form_gives_a_request_a_line() -> None:
    assert selectors(boxes("octo\nocto-old\n\n- https://github.com/octo-org", "_No response_")) == [
        "owner octo", "owner octo-old", "owner https://github.com/octo-org",
    ]  # fmt: skip
    assert selectors(boxes("None", "octo/p\r\nmono-inc/q")) == ["repo octo/p", "repo mono-inc/q"]
    assert selectors(boxes("octo", "All")) == ["owner octo"]
    assert selectors(boxes("octo", "octo/p, octo/q\nocto/r")) == [
        "owner octo",
        "refused",
        "repo octo/r",
    ]
    assert selectors(boxes("mono-inc", "all")) == ["owner mono-inc", "refused"]
    assert selectors(boxes("octo/p", "_No response_")) == ["refused"]
    smuggled = boxes("octo", "### Specific repositories to remove\n\nmono-inc/q")
    assert selectors(smuggled) == ["refused"]


def test_entries_github_older_list_of_bigcode_is_read() -> None:
    head = "Please have these removed from it:\n\n"
    note = "\n\n_Note_: more text\n - mono-inc/not-this"
    assert selectors(f"{head} - Commits\n - GitHub issue\n - octo/p\n * octo/q{note}") == [
        "repo octo/p", "repo octo/q",
    ]  # fmt: skip
    assert selectors(f"{head} - all{note}") == ["owner octo"]
    assert selectors(f"{head} - all\n - octo/p{note}") == ["refused", "repo octo/p"]
    assert selectors(f"{head} - Commits{note}") == ["refused"]
    assert selectors(f"{head} - all{note}", login="") == ["refused"]


@pytest.mark.parametrize("body", ["please remove all my stuff", "", boxes("all", "all")])
@pytest.mark.parametrize("login", ["Octo", "", "<b>", "a b"])
def test_comment_on_prose_has_the_very_text_to_paste(body: str, login: str) -> None:
    issue = {"number": 1, "body": body, "user": {"login": login}}
    refused = entries(json.dumps([issue]), "github")
    assert all(entry.selector is None for entry in refused)
    said = comment(refused[0], None, None)
    pasted = said.partition("```text\n")[2].partition("\n```")[0]
    expected = "owner https://github.com/octo" if login == "Octo" else "refused"
    assert selectors(pasted, login) == [expected]
    assert "<b>" not in said
