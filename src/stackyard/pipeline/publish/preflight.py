"""Preflight: what would stop a release after hours of work, or after the Hub has it, tried before.

    (0) code owners are told whom to write to
    (1) git can commit and tag, with its signing
    (2) no tag of git is in the way: none of a version that the Hub does not have yet
    (3) the Hub lets us write
    (4) there is room on the disk for what a release writes at most

That the registry is not behind is for `previous.fetch_previous`, which comes next.
"""

from __future__ import annotations

import shutil

from stackyard.errors import EnvironmentFault, VerificationError
from stackyard.pipeline.project import Project
from stackyard.pipeline.publish import previous
from stackyard.pipeline.publish.publishing import COMMITTED
from stackyard.release.manifest import Manifest
from stackyard.release.semver import version_key
from stackyard.store import git
from stackyard.store.hub import HubDataset

COPIES = 4
"""Of a release that differs in every shard: cache of shards, DVC's cache, its remote, the local Hub."""

ROOM_BYTES_MIN = 64 << 20
"""What a run of an empty project writes beside: Prefect's database and DVC's take 4 MiB, tables of
decisions and a release of a few files some more; and a Hub and git should not be left with nothing."""


def preflight(project: Project) -> None:
    """Passes if a release could be made and published now.

    Raises:
        EnvironmentFault: git, the Hub or the disk would refuse.
        UsageError: publish.contact is not set.
        VerificationError: git has the tag of a release that the Hub does not have.
    """
    git.check_usable(
        project.root, COMMITTED
    )  # (1) a merge under way may leave params.yaml unreadable
    project.params.publish.require_contact()  # (0)
    with previous.hub_endpoint(project) as endpoint:
        dataset = HubDataset(project.params.publish.repo, endpoint)
        newest = previous.latest(dataset)
        dataset.check_writable()  # (3)
    _check_tags(project, newest[0] if newest else None)  # (2)
    _check_room(project, previous.released_here(project))  # (4)


def _check_tags(project: Project, newest: str | None) -> None:
    for version, name in sorted(git.release_tags(project.root).items()):
        try:
            is_later = newest is None or version_key(version) > version_key(newest)
        except ValueError:
            continue  # not of a version: a tag of somebody's own
        if is_later:
            raise VerificationError(
                f"git has the tag {name}, and the Hub has no release {version}",
                expected=f"{newest or 'no release'} as the newest, as on the Hub",
                found=f"the tag in {project.root}",
                next_step="if the Hub lost a release, find out why; if the tag is of something else, "
                f"delete it: git tag -d {name}",
            )


def _check_room(project: Project, last: Manifest | None) -> None:
    size_bytes = sum(file.size_bytes for file in last.files) if last else 0
    needed = max(ROOM_BYTES_MIN, COPIES * size_bytes)
    free = shutil.disk_usage(project.root).free
    if free < needed:
        raise EnvironmentFault(
            f"the disk of {project.root} has too little room for a release",
            expected=f"{needed:,} bytes: {COPIES} copies of the last one, or {ROOM_BYTES_MIN:,}",
            found=f"{free:,} bytes",
            next_step="make room, then run it again",
        )
