"""Who touched what, for requests that name a commit author."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.optout.authors import AUTHOR, Authors, namer
from stackyard.optout.registry import Request
from stackyard.pipeline.project import Project
from stackyard.pipeline.stages import fetch
from stackyard.store.registry import author_key


def authors_for(project: Project, requests: Iterable[Request]) -> Authors | None:
    """The facts about the authors that requests name; None if none does, and nothing is read then."""
    asked = [r.selector.name for r in requests if r.selector.kind == "author"]
    if not asked:
        return None
    key = author_key(project.root)
    facts = project.workspace.authors(fetch.live_keys(project))
    revisions = facts.group_by(["repo_name", "revision_id"], use_threads=False).aggregate([])
    named = pa.array([namer(key)(address) for address in asked], AUTHOR)
    mine = facts.filter(pc.is_in(facts["author"], value_set=named))
    return Authors(mine, key, revisions.num_rows)
