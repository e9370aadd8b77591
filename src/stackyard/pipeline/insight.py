"""What a person asks of the last build, to judge it: what a rule dropped, what is copied, what conflicts.

Tables in, tables out; nothing here decides anything.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stackyard import filter as filter_room
from stackyard.dedup import trees
from stackyard.filter import compatibility, report
from stackyard.pii import report as redactions
from stackyard.pipeline.project import Project
from stackyard.pipeline.publish.previous import released_here
from stackyard.pipeline.publish.tree import last_report
from stackyard.pipeline.stages.detect import detectors
from stackyard.pipeline.stages.filter import load_policy
from stackyard.pipeline.stages.pii import with_languages
from stackyard.pipeline.tables import facts_of, files_after_optout
from stackyard.release.manifest import identity
from stackyard.release.page import render


def dropped_by_language(project: Project) -> pa.Table:
    """Files that the filter dropped, by rule and language; schema `filter.report.COUNTS`."""
    decisions = project.workspace.table("filter", "decisions")
    detectors = filter_room.detectors(project.params.filter)
    languages = [each for each in detectors if each.name == "language"]
    facts = facts_of(project, languages, decisions)["language"]
    return report.counts(decisions, facts)


def redacted_by_language(project: Project) -> pa.Table:
    """What was redacted, by entity and language; schema `pii.report.COUNTS`."""
    files = with_languages(project, project.workspace.table("pii", "files"))
    return redactions.counts(files, project.workspace.table("pii", "spans"))


def samples(project: Project, each: int) -> pa.Table:
    """`each` decisions of every rule of the filter and of dedup; schema DECISIONS."""
    tables = [project.workspace.table(stage, "decisions") for stage in ("filter", "dedup")]
    return pa.concat_tables([report.samples(table, each) for table in tables])


def copied_directories(project: Project) -> pa.Table:
    """Directories whose whole contents stand elsewhere too; schema `dedup.trees.COPIES`."""
    return trees.copies(trees.directories(files_after_optout(project)))


def page(project: Project) -> str:
    """The report of the last release as one HTML page; with its identity, if its tree is here."""
    run, made = last_report(project), released_here(project)
    is_of_it = made is not None and made.version == run.version
    return render(run, identity(made) if made is not None and is_of_it else None)


def licence_conflicts(project: Project) -> list[compatibility.Conflict]:
    """Licences of the last release that do not go with the declared licence of the collection."""
    rows = {share.name: share.rows for share in last_report(project).totals.licenses}
    counts = {name: count for name, count in rows.items() if name != "NONE"}
    return compatibility.conflicts(counts, load_policy(project))


def facts_of_file(project: Project, repo_name: str, path: str) -> dict[str, list[dict[str, Any]]]:
    """All facts of a file, by detector: what each said of its bytes, in every revision that has it.

    Args:
        project: where a build has been; opted-out files have no facts to show.
        repo_name: `owner/repo` in lower case.
        path: the path in it.
    """
    files = files_after_optout(project)
    here = pc.equal(pc.utf8_lower(files["repo_name"]), repo_name)
    files = files.filter(pc.and_(here, pc.equal(files["path"], path)))
    if not len(files):
        return {}
    facts = facts_of(project, detectors(project), files)
    return {name: [_shown(row) for row in facts[name].to_pylist()] for name in sorted(facts)}


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row of facts as JSON has it: bytes in hex."""
    return {name: one.hex() if isinstance(one, bytes) else one for name, one in row.items()}
