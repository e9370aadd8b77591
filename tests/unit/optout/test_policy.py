from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stackyard.errors import UsageError
from stackyard.optout import policy as policies
from stackyard.optout.events import schema

from .conftest import NOW, Book

ROOT = Path(__file__).parents[3]
DEFAULT = policies.load(policies.default_text())


def test_registry_folder_has_the_schemas_and_policy_that_projects_get() -> None:
    assert (ROOT / "registry" / "policy.json").read_text() == policies.default_text()
    stored = json.loads((ROOT / "registry" / "schema" / "event.schema.json").read_text())
    assert stored == schema()
    ours = ROOT / "src" / "stackyard" / "optout" / "schemas" / "checkpoint.schema.json"
    theirs = ROOT / "registry" / "schema" / "checkpoint.schema.json"
    assert theirs.read_bytes() == ours.read_bytes()


def test_schema_describes_itself_validly_and_refuses_unknown_members() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"old_versions": "burn"},
        {"challenge_hours": 0},
        {"challenge_hours": "7"},
        {"methods": {"repo": ["telepathy"], "owner": [], "path": [], "blob": []}},
        {"methods": {"repo": []}},
    ],
)
def test_load_policy_with_anything_unknown_is_refused(change: dict[str, Any]) -> None:
    values = {**json.loads(policies.default_text()), **change}
    with pytest.raises(UsageError):
        policies.load(json.dumps(values))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_load_policy_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        policies.load(text)


def test_require_method_of_scope_follows_the_policy() -> None:
    policies.require_method(DEFAULT, "repo", "challenge")
    for scope, method in (("owner", "challenge"), ("blob", "forge"), ("repo", "dns")):
        with pytest.raises(UsageError, match=r"policy\.json"):
            policies.require_method(DEFAULT, scope, method)


def test_clock_of_states_says_age_and_lateness(book: Book) -> None:
    name = book.submit("repo", "octo/p")
    status = book.registry().statuses[name]
    early = policies.clock(status, DEFAULT, NOW + timedelta(hours=71))
    assert (early.age_hours, early.late) == (71, False)
    assert early.due == "2026-01-05T03:04:05Z"
    assert policies.clock(status, DEFAULT, NOW + timedelta(hours=73)).late
    book.accept(name)
    status = book.registry().statuses[name]
    assert not policies.clock(status, DEFAULT, NOW + timedelta(hours=73)).late
    assert policies.clock(status, DEFAULT, NOW + timedelta(hours=169)).late
    book.end(name)
    status = book.registry().statuses[name]
    assert policies.clock(status, DEFAULT, NOW + timedelta(days=900)).due == ""


def test_expired_names_only_what_nobody_verified_in_time(book: Book) -> None:
    waiting = book.submit("repo", "octo/p")
    book.accept(book.submit("repo", "octo/q"))
    statuses = book.registry().statuses
    assert policies.expired(statuses, DEFAULT, NOW + timedelta(days=29)) == []
    assert policies.expired(statuses, DEFAULT, NOW + timedelta(days=31)) == [waiting]
