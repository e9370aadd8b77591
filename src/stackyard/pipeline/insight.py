"""What a person asks of the last build, to judge it: what a rule dropped, what is copied, what conflicts.

Tables in, tables out; nothing here decides anything.
"""

from __future__ import annotations

import pyarrow as pa

from stackyard import filter as filter_room
from stackyard.dedup import trees
from stackyard.filter import compatibility, report
from stackyard.pipeline.filter import POLICY
from stackyard.pipeline.project import Project
from stackyard.pipeline.tables import facts_of, files_after_optout
from stackyard.pipeline.tree import last_report


def dropped_by_language(project: Project) -> pa.Table:
    """Files that the filter dropped, by rule and language; schema `filter.report.COUNTS`."""
    decisions = project.workspace.table("filter", "decisions")
    detectors = filter_room.detectors(project.params.filter)
    languages = [each for each in detectors if each.name == "language"]
    facts = facts_of(project, languages, decisions)["language"]
    return report.counts(decisions, facts)


def samples(project: Project, each: int) -> pa.Table:
    """`each` decisions of every rule of the filter and of dedup; schema DECISIONS."""
    tables = [project.workspace.table(stage, "decisions") for stage in ("filter", "dedup")]
    return pa.concat_tables([report.samples(table, each) for table in tables])


def copied_directories(project: Project) -> pa.Table:
    """Directories whose whole contents stand elsewhere too; schema `dedup.trees.COPIES`."""
    return trees.copies(trees.directories(files_after_optout(project)))


def licence_conflicts(project: Project) -> list[compatibility.Conflict]:
    """Licences of the last release that do not go with the declared licence of the collection."""
    text = (project.root / POLICY).read_text(encoding="utf-8")
    policy = filter_room.load_policy(text, POLICY)
    rows = {share.name: share.rows for share in last_report(project).totals.licenses}
    return compatibility.conflicts({k: v for k, v in rows.items() if k != "NONE"}, policy)
