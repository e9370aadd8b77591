"""A new dataset project: what `stackyard init` makes, and what a flow makes sure is there."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from stackyard.errors import UsageError
from stackyard.filter.policy import default_policy_text
from stackyard.pipeline.project import Project, ProjectParams, params_yaml
from stackyard.pipeline.project.code import write_code
from stackyard.pipeline.project.keys import ensure_release_key
from stackyard.pipeline.publish.previous import ensure_previous
from stackyard.pipeline.stages.filter import POLICY
from stackyard.pipeline.stages.pii import ALLOWED
from stackyard.release.params import PublishParams
from stackyard.stages import NOTES, dvc_yaml, is_outdated
from stackyard.store import files, git
from stackyard.store.dvc import find_remote, init_dvc, set_remote
from stackyard.store.receipts import write_receipts
from stackyard.store.registry import init_registry

SOURCES = """\
# What the dataset is made of; docs/sources.md says what an entry may hold. `stackyard source add`
# gets a purl, a URL or a path, pins it, and writes its entry below. By hand, for example:
# - {kind: git, url: "https://git.example.org/octo-org/tool.git", ref: main, name: octo-org/tool}
# - {kind: directory, path: ../app, name: octo-org/app}
"""

NO_ENTRIES = """\
# Findings of the second scanner that a person looked at and that may be released; see
# docs/quality-pii.md. An entry: {rule: ID, value_sha256: HEX, reason: TEXT}
allow: []
"""

NOTES_README = """\
# Notes on versions

`0.2.0.md` in this folder comes first in the entry of version 0.2.0 in the dataset's CHANGELOG.md.
`stackyard release --dry-run` says which version is next. Headings begin at `###`.
"""

GITIGNORE = """\
/work/
/release/
/.stackyard/
"""


def init_project(
    root: Path, repo: str | None, contact: str | None = None, remote: str | None = None
) -> list[str]:
    """Makes what is missing of a project; returns the paths made, relative to it.

    Args:
        root: its folder.
        repo: dataset id, None for the default.
        contact: whom code owners write to.
        remote: where DVC keeps what stages made; None for a folder in the project.

    Raises:
        UsageError: `repo` is no dataset id, or nobody can be written to at `contact`.
    """
    given = {"repo": repo, "contact": contact}
    publish = PublishParams(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type] # both are text
    params = dataclasses.replace(ProjectParams(), publish=publish)
    texts = {
        "params.yaml": params_yaml(params),
        "sources.yaml": SOURCES,
        "dvc.yaml": dvc_yaml(),
        ".gitignore": GITIGNORE,
        POLICY: default_policy_text(),
        ALLOWED: NO_ENTRIES,
        "registry/log/.gitkeep": "",
    }
    made = []
    for name, text in texts.items():
        if not (root / name).exists():
            files.write_bytes(root / name, text.encode())
            made.append(name)
    made += ensure_machinery(root)
    if remote is not None:
        set_remote(root, remote)
    return made


def usual_contact(root: Path) -> str | None:
    """Whom code owners write to unless somebody is named: the address that git has for a new project.

    None where params.yaml is there already, or git has no address to which a mail could go.
    """
    address = None if (root / "params.yaml").exists() else git.own_address(root)
    try:
        PublishParams(contact=address or "")
    except UsageError:
        return None
    return address


def ready_project(root: Path | str) -> Project:
    """The project at a folder, with all that a clone of it, or a run that was killed, lacks."""
    project = Project.at(Path(root))
    ensure_machinery(project.root)
    write_receipts(project.root)
    return project


def ensure_machinery(root: Path) -> list[str]:
    """Git, DVC, inputs of stages and keys: what a clone of a project lacks; safe to repeat.

    Raises:
        EnvironmentFault: the project is signed elsewhere, so that it can be built but not released.
    """
    root.mkdir(parents=True, exist_ok=True)
    made = []
    if not (root / ".dvc" / "config").exists():
        git.init_git(root)
        init_dvc(root)
        made.append(".dvc")
    find_remote(root)
    if is_outdated((root / "dvc.yaml").read_text(encoding="utf-8")):
        files.write_bytes(root / "dvc.yaml", dvc_yaml().encode())
        made.append("dvc.yaml")
    if not (root / NOTES).is_dir():
        files.write_bytes(root / NOTES / "README.md", NOTES_README.encode())
        made.append(NOTES)
    project = Project.at(root)
    write_code(project)
    ensure_previous(project)
    if init_registry(root, project.params.publish.repo):
        made.append("registry")
    if ensure_release_key(root):
        made.append("keys")
    return made
