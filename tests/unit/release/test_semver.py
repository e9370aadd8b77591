from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from stackyard.errors import UsageError
from stackyard.params import plain
from stackyard.release import diff, semver
from stackyard.release.params import Params
from stackyard.release.semver import Step

from .conftest import Build, Release, Source

A = Source("octo-org/a", "a.py", "print(1)\n")
B = Source("octo-org/b", "b.py", "print(2)\n")
C = Source("a-org/c", "c.cc", "int x;\n", "C++")
COPY = dataclasses.replace(A, repo_name="z-org/copy")


def test_step_of_the_first_release_is_0_1_0(build: Build) -> None:
    release = build([A])
    assert release.step == Step("minor", ("it is the first release",))
    assert release.manifest.version == "0.1.0"
    assert release.manifest.previous is None


def test_step_of_an_equal_release_is_none_and_keeps_the_manifest(build: Build) -> None:
    first = build([A, B])
    again = build([B, A], last=first)
    assert again.step.bump == "none"
    assert again.manifest == first.manifest
    assert again.tree == first.tree


@pytest.mark.parametrize(
    ("before", "after", "bump", "version"),
    [
        ([A], [A, B], "minor", "0.2.0"),
        ([A, B], [A], "patch", "0.1.1"),
        ([A, B], [A, C], "minor", "0.2.0"),
        ([A], [dataclasses.replace(A, text="print(9)\n")], "minor", "0.2.0"),
        ([A], [dataclasses.replace(A, revision_id=f"swh:1:rev:{7:040x}")], "minor", "0.2.0"),
        ([A], [dataclasses.replace(A, license_expression="ISC")], "minor", "0.2.0"),
        ([A], [dataclasses.replace(A, language="Starlark")], "minor", "0.2.0"),
    ],
)
def test_step_follows_what_happened_to_rows(
    build: Build, before: list[Source], after: list[Source], bump: str, version: str
) -> None:
    release = build(after, last=build(before))
    assert (release.step.bump, release.manifest.version) == (bump, version)
    assert release.broken() == []


def test_step_of_a_takedown_that_brings_a_copy_forward_is_a_patch(build: Build) -> None:
    first = build([A, B], dropped=[COPY])
    release = build([B, COPY], last=first, registry_size=1, known=first.evidence.listing)
    assert release.step.bump == "patch"
    assert release.step.reasons[:2] == ("1 row removed", "1 row in the place of removed ones")


def test_step_of_a_takedown_that_lets_a_row_say_less_is_a_patch(build: Build) -> None:
    first = build([A, dataclasses.replace(B, license_expression="MIT AND ISC")])
    release = build([B], last=first, registry_size=1)
    assert release.step.bump == "patch"


def test_step_of_a_withdrawn_optout_is_minor(build: Build) -> None:
    first = build([B], registry_size=1)
    release = build([A, B], last=first, registry_size=2, known=first.evidence.listing)
    assert release.step.bump == "minor"


def test_step_of_a_log_that_only_grew_is_none(build: Build) -> None:
    assert build([A], last=build([A]), registry_size=3).step.bump == "none"


def test_step_of_rows_that_another_detector_lets_in_is_minor(build: Build) -> None:
    first = build([A], dropped=[B])
    release = build([A, B], last=first, known=first.evidence.listing, detector="d")
    assert release.step.bump == "minor"
    assert release.step.reasons[0] == "1 row of files that were dropped before"


def test_step_of_a_source_that_left_and_its_copy_is_a_patch(build: Build) -> None:
    first = build([A, B], dropped=[COPY])
    release = build([B, COPY], last=first, known=first.evidence.listing)
    assert release.step.bump == "patch"


def test_step_of_a_changed_policy_or_layout_is_minor_before_1_0_0(build: Build) -> None:
    first = build([A], settings={"dedup": {"similarity_min": 0.7}})
    policy = build([A], last=first, settings={"dedup": {"similarity_min": 0.8}})
    assert policy.manifest.version == "0.2.0"
    assert "dedup.similarity_min" in policy.step.reasons[0]
    layout = build([A], last=build([A]), params=Params(bucket_ranges=8))
    assert layout.step.bump == "minor"
    gone = build([A], last=build([A], params=Params(editions=("permissive", "ids"))))
    assert (gone.step.bump, gone.step.reasons[0]) == ("minor", "the edition ids is gone")


@pytest.mark.parametrize(
    ("before", "after", "bump", "reason"),
    [
        (("permissive",), ("permissive", "no_license"), "minor", "1 row of new files"),
        (("permissive", "no_license"), ("permissive",), "minor", "the edition no_license is gone"),
    ],
)
def test_step_of_an_edition_that_came_or_went(
    build: Build, before: tuple[str, ...], after: tuple[str, ...], bump: str, reason: str
) -> None:
    unlicensed = dataclasses.replace(B, license_expression=None, edition="no_license")

    def release(editions: tuple[str, ...], last: Release | None = None) -> Release:
        files = [A, unlicensed] if "no_license" in editions else [A]
        return build(
            files,
            params=Params(editions=("permissive", "no_license", "ids")),
            settings={"filter": {"editions": list(editions)}},
            last=last,
        )

    step = release(after, release(before)).step
    assert (step.bump, step.reasons[0]) == (bump, reason)


def test_step_of_a_parameter_that_came_with_the_code_is_what_it_did(build: Build) -> None:
    first = build([A], settings={"dedup": {}})
    release = build([A], last=first, settings={"dedup": {"new": 1}})
    assert release.step == Step("patch", ("params.yaml changed",))


def test_step_of_changed_columns_is_major(build: Build) -> None:
    first = build([A]).manifest
    other = dataclasses.replace(first, schema_sha256="f" * 64, version="1.0.0")
    assert semver.step(other, first, None) == Step("major", ("the columns changed",))
    early = dataclasses.replace(other, version="0.9.3")
    assert semver.step(early, first, None) == Step("minor", ("the columns changed",))


def test_step_of_a_raised_threshold_by_versions(build: Build) -> None:
    first = build([A], settings={"dedup": {"similarity_min": 0.7}}).manifest
    raised = build([A], settings={"dedup": {"similarity_min": 0.8}}).manifest
    for version, bump, after in (("0.1.0", "minor", "0.2.0"), ("1.4.2", "major", "2.0.0")):
        old = dataclasses.replace(first, version=version)
        step = semver.step(old, raised, None)
        assert (step.bump, semver.next_version(version, step.bump)) == (bump, after)
    step = semver.step(dataclasses.replace(first, version="0.1.0"), raised, None)
    assert semver.next_version("0.1.0", step.raised("major").bump) == "1.0.0"


def test_step_counts_a_row_once_that_ids_repeat(build: Build) -> None:
    params = Params(editions=("permissive", "ids"))
    release = build([A, C], params=params, last=build([A, B], params=params))
    assert release.step.reasons == ("1 row of new files", "1 row removed")


def test_step_of_packing_alone_is_a_patch(build: Build) -> None:
    release = build([A], last=build([A]), params=Params(bucket_ranges=4, compression_level=9))
    assert release.step.bump == "patch"


def test_step_without_the_rows_of_changed_shards_is_refused(build: Build) -> None:
    with pytest.raises(UsageError, match="rows"):
        semver.step(build([A]).manifest, build([A, B]).manifest, None)


def test_step_of_a_changed_document_is_a_patch(build: Build) -> None:
    first = build([A]).manifest
    files = tuple(
        dataclasses.replace(file, sha256="1" * 64) if file.kind == "card" else file
        for file in first.files
    )
    changed = dataclasses.replace(first, files=files)
    assert semver.step(first, changed, None) == Step("patch", ("card changed",))


def test_raised_step_is_never_lower() -> None:
    step = Step("minor", ("1 row of new files",))
    assert step.raised("auto") == step
    assert step.raised("minor") == step
    assert step.raised("major").bump == "major"
    with pytest.raises(UsageError, match="less than"):
        step.raised("patch")
    assert Step("none", ("nothing changed",)).raised("patch").bump == "patch"


@pytest.mark.parametrize(
    ("old", "bump", "new"),
    [
        (None, "minor", "0.1.0"),
        ("0.9.9", "minor", "0.10.0"),
        ("0.9.9", "patch", "0.9.10"),
        ("0.9.9", "major", "1.0.0"),
        ("1.2.3", "none", "1.2.3"),
    ],
)
def test_next_version(old: str | None, bump: Any, new: str) -> None:
    assert semver.next_version(old, bump) == new


def test_version_key_sorts_by_number() -> None:
    versions = ["0.10.0", "0.9.0", "1.0.0", "0.9.10"]
    assert sorted(versions, key=semver.version_key) == ["0.9.0", "0.9.10", "0.10.0", "1.0.0"]


def test_policy_sections_are_not_those_of_the_layout() -> None:
    assert "bucket_ranges" in plain(Params())
    assert "release" not in semver.POLICY_SECTIONS


def test_diff_of_manifests_names_files_and_shards(build: Build) -> None:
    first, second = build([A, B]).manifest, build([A, C]).manifest
    apart = diff.files(first, second)
    python, cpp = "data/permissive/Python/00-3f.parquet", second.shards[0].path
    assert python in (*apart.changed, *apart.removed)
    assert cpp in apart.added
    assert set(diff.shards_to_compare(first, second)) == {
        file.path for file in (*first.shards, *second.shards)
    } - set(apart.unchanged)
    assert diff.files(first, first).changed == ()
    assert diff.files(None, first).added == tuple(file.path for file in first.files)
