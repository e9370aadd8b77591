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

SUITES: Mapping[str, tuple[str, tuple[str, ...]]] = {
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
"""What is shown -> (file of tests, beginnings of their names)."""


def claims() -> Iterator[Claim]:
    """A claim a suite."""
    outcomes = _run(sorted({path for path, _ in SUITES.values()}))
    for what, (path, beginnings) in SUITES.items():
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
