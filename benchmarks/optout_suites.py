"""Suites of named tests, as claims: what an attacker tries, and what becomes of old versions.

Each claim names the tests that show it; they are run here, and a test that is gone is a claim that
falls short.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.claim import Claim

ROOT = Path(__file__).parents[1]
ATTACKS = "tests/unit/optout/test_attacks.py"
CLIENT = "tests/unit/client"
FLOWS = "tests/flows"
OPTOUT = "tests/unit/optout"

Suites = Mapping[str, tuple[str, tuple[str, ...]]]
"""What is shown -> (file of tests, beginnings of their names)."""

SUITES: Suites = {
    "forged receipt": (ATTACKS, ("test_forged_receipt",)),
    "replayed nonce": (ATTACKS, ("test_replayed_nonce",)),
    "rewritten log": (ATTACKS, ("test_rewritten_log",)),
    "withdrawn-then-replayed request": (ATTACKS, ("test_withdrawn_then_replayed",)),
    "request for a parent organisation": (
        ATTACKS, ("test_request_for_a_parent_organisation", "test_request_verified_for_one_repository"),
    ),
    "unicode look-alikes": (ATTACKS, ("test_unicode_look_alike",)),
    "path globs that escape": (ATTACKS, ("test_path_glob_that_escapes",)),
    "10 MB request": (
        ATTACKS,
        ("test_request_of_ten_megabytes", "test_event_of_ten_megabytes", "test_reason_of_ten_megabytes"),
    ),
    "batch of 10 MB, or that says a thing twice, or hides a question in an answer": (
        f"{OPTOUT}/test_importing.py",
        ("test_entries_of_ten_megabytes", "test_entries_that_say_a_thing_twice", "test_entries_answer_that"),
    ),
    "every way to ask understands a text as the one parser does": (
        "tests/property/test_optout_import.py", ("test_every_way_to_ask", "test_entries_of_any"),
    ),
    "replayed or borrowed signature of a commit, with real git and ssh-keygen": (
        f"{OPTOUT}/test_signed_commit.py", ("test_check_", "test_replayed_signed_commit"),
    ),
    "evidence from private addresses: redirects, rebinding, drips, long answers": (
        f"{OPTOUT}/test_reach.py", ("test_addresses", "test_get"),
    ),
    "guessing a name from the published preview": (ATTACKS, ("test_guess_of_a_name",)),
    "laws 3 and 10 of an author: who touched what, no address in facts, log or sources": (
        f"{OPTOUT}/test_authors.py", ("test_match_author", "test_author_from", "test_address_of_an_author"),
    ),
    "authors of real histories: renames, merges, mailmap, hostile names, shallow clones": (
        "tests/unit/ingest/test_authors.py", ("test_touched", "test_fetch_history"),
    ),
    "laws 3 and 10 of an account with forks": (
        f"{OPTOUT}/test_forks.py", ("test_match", "test_violations", "test_request_widened"),
    ),
    "private part in SQLite, an age file, Postgres: whole when killed, erased when asked": (
        f"{OPTOUT}/test_private.py", ("test_",),
    ),
    "log fork shown to two clients": (
        ATTACKS, ("test_log_fork_shown_to_two_clients", "test_log_rolled_back"),
    ),
    "forged signature of a near copy": (
        f"{FLOWS}/test_near_copies.py", ("test_near_copies_are_compared_on_their_texts",),
    ),
    "purge: no byte left on Hub, DVC's cache and remote, or workspace; the rest as it was": (
        f"{FLOWS}/test_old_versions.py",
        ("test_purge_leaves_no_byte", "test_purge_by_path", "test_scan_finds", "test_old_versions_are_shown"),
    ),
    "purge killed at each step": (
        f"{FLOWS}/test_old_versions.py", ("test_purge_killed_at_each_step",),
    ),
    "takedown, yank and purge in one flow run": (
        f"{FLOWS}/test_old_versions.py", ("test_takedown_flow_told_to_purge",),
    ),
    "named contents are not ingested again": (
        f"{FLOWS}/test_old_versions.py", ("test_contents_that_are_named",),
    ),
    "sync of converted copies, and with a dead Hub": (
        f"{CLIENT}/test_sync.py", ("test_converted_file", "test_sync_filters", "test_sync_with_a_dead_hub"),
    ),
    "policies yank and keep; withdrawing restores": (f"{FLOWS}/test_old_versions.py", ("test_policy_yank",)),
    "withdrawn after a purge": (f"{FLOWS}/test_old_versions.py", ("test_withdrawn_after_a_purge",)),
    "chain and pins across a purge, by signed tombstones": (f"{CLIENT}/test_tombstones.py", ("test_",)),
    "receipt proved against NAME@VERSION": (f"{CLIENT}/test_prove.py", ("test_prove",)),
    "late opt-out: flow, event, automation, run of the takedown": (
        f"{FLOWS}/test_service_levels.py", ("test_",),
    ),
}  # fmt: skip


GROWTH = "tests/unit/pipeline/test_growth.py"
PREFLIGHT = "tests/unit/pipeline/test_preflight.py"
RACES = "tests/unit/store/test_hub_races.py"
SERVER = "tests/unit/flows/test_server.py"

REGISTRY_SUITES: Suites = {
    "older log, log of another registry, forked log: refused before any work and by the gate": (
        GROWTH,
        ("test_release_with_an_older_log", "test_log_of_another", "test_gate_refuses_a_tree_made",
         "test_diff_of_a_version_whose_log"),
    ),
    "aliases dropped while a request needs them": (GROWTH, ("test_alias",)),
    "a takedown in a workspace of older sources": (GROWTH, ("test_takedown_in",)),
    "removals cut, on this disk and before the gate": (GROWTH, ("test_removals", "test_gate_refuses_removals")),
    "what a receipt calls absent comes back after a withdrawal alone": (
        GROWTH, ("test_gate_refuses_what_a_receipt", "test_withdrawn_request"),
    ),
    "a submission killed, or on a full disk, at any change of a file": (
        "tests/unit/pipeline/test_soak.py", ("test_",),
    ),
}  # fmt: skip
RELEASE_SUITES: Suites = {
    "the loser of a race writes nothing: on the Hub, in git": (
        PREFLIGHT, ("test_loser_of_a_race",),
    ),
    "of two releases that were computed from one, one is published": (
        RACES, ("test_publish_of_a_release", "test_publish_over_a_release", "test_two_releases"),
    ),
    "tags hidden or deleted on the Hub": (RACES, ("test_publish_where_tags",)),
    "a Hub that stays busy, or takes no writes, is told as that": (
        RACES, ("test_a_commit_that_stays_busy", "test_a_hub_that_may_not"),
    ),
    "another release while one is made; another key; a hidden tag": (
        GROWTH, ("test_gate_refuses_a_tree_when", "test_last_release_by", "test_hub_that_hides"),
    ),
    "git: signing that fails, tags in the way, variables of a hook, a merge, two projects": (
        PREFLIGHT,
        ("test_signing", "test_a_tag", "test_two_projects", "test_release_in_a_folder",
         "test_variables_of_a_hook", "test_a_merge"),
    ),
    "a disk without room, a Hub that takes no writes, before the work": (
        PREFLIGHT, ("test_a_disk_without_room", "test_a_hub_that_takes_no_writes"),
    ),
    "proxies and offline modes beside the embedded Hub": (
        "tests/unit/hub/test_hub_environment.py", ("test_",),
    ),
    "Prefect's server: dead, hanging, slow, damaged, never ending": (SERVER, ("test_",)),
    "a run marked as crashed while it lives, a result that Prefect fails to record": (
        "tests/flows/test_prefect.py", ("test_",),
    ),
}  # fmt: skip


def counted(what: str, suites: Suites) -> Iterator[Claim]:
    """A claim a suite, and one that counts all attacks and those that were refused."""
    outcomes = _run(sorted({path for path, _ in suites.values()}))
    mine = {
        (path, name): ok
        for path, beginnings in suites.values()
        for name, ok in outcomes.get(path, {}).items()
        if name.startswith(beginnings)
    }
    refused = sum(mine.values())
    yield Claim(
        f"attacks of {what}: tried and held against",
        "all",
        f"{len(mine)} tried, {refused} held against",
        refused == len(mine) > 0,
    )
    yield from _by_suite(suites, outcomes)


def claims() -> Iterator[Claim]:
    """A claim a suite."""
    yield from _by_suite(SUITES, _run(sorted({path for path, _ in SUITES.values()})))


def _by_suite(suites: Suites, outcomes: Mapping[str, Mapping[str, bool]]) -> Iterator[Claim]:
    for what, (path, beginnings) in suites.items():
        mine = {
            name: ok for name, ok in outcomes.get(path, {}).items() if name.startswith(beginnings)
        }
        failed = sorted(name for name, ok in mine.items() if not ok)
        missing = [each for each in beginnings if not any(name.startswith(each) for name in mine)]
        told = f"{len(mine) - len(failed)} of {len(mine)} hold: {', '.join(sorted(_plain(mine)))}"
        if failed or missing:
            told += f"; FAILED: {', '.join(failed + missing)}"
        yield Claim(f"{what} ({path})", "every named test", told, not failed and not missing)


def _plain(names: Mapping[str, bool]) -> set[str]:
    """Names of tests, without their parameters."""
    return {name.partition("[")[0] for name in names}


def _run(paths: list[str]) -> dict[str, dict[str, bool]]:
    """Path -> name of a test -> whether it passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--junitxml={report}",
        ]
        env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"}
        subprocess.run([*command, *paths], cwd=ROOT, env=env, capture_output=True, check=False)
        if not report.exists():
            return {}
        cases = ET.parse(report).getroot().iter("testcase")
        found: dict[str, dict[str, bool]] = {}
        for case in cases:
            path = str(case.get("classname")).replace(".", "/") + ".py"
            ok = not any(child.tag in {"failure", "error", "skipped"} for child in case)
            found.setdefault(path, {})[str(case.get("name"))] = ok
        return found
