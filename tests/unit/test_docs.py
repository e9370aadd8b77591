from __future__ import annotations

import dataclasses
import importlib
import importlib.machinery
import importlib.util
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import yaml

from stackyard import errors
from stackyard.dedup.decide import RULES as DEDUP_RULES
from stackyard.filter.verdict import RULES as FILTER_RULES
from stackyard.ingest.rules import RULES as INGEST_RULES
from stackyard.optout.matching import RULES as OPTOUT_RULES
from stackyard.pipeline.project import ProjectParams
from stackyard.record import DECISIONS
from stackyard.release.shards import SHARD
from stackyard.stages import STAGES

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
README_LINES_MAX = 250


@cache
def generator() -> ModuleType:
    """tools/docs, which has no suffix, as a module."""
    loader = importlib.machinery.SourceFileLoader("tools_docs", str(ROOT / "tools" / "docs"))
    spec = importlib.util.spec_from_loader("tools_docs", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@cache
def everything() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def commands() -> dict[str, click.Command]:
    from flows.__main__ import flows
    from stackyard.cli import cli

    trees = ((cli, "stackyard"), (flows, "python -m flows"))
    contexts = [each for tree in trees for each in generator()._tree(*tree, None)]
    return {each.command_path: each.command for each in contexts}


def parameter_names(params: Any, prefix: str) -> Iterator[str]:
    for field in dataclasses.fields(params):
        kind = typing.get_type_hints(params)[field.name]
        if dataclasses.is_dataclass(kind):
            yield from parameter_names(kind, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


def rules() -> dict[str, set[str]]:
    """Rules by stage: of the rooms' tables, and where there is none, of `stage/rule` in docstrings."""
    found = {
        "ingest": set(INGEST_RULES),
        "optout": set(OPTOUT_RULES),
        "filter": set(FILTER_RULES),
        "dedup": set(DEDUP_RULES),
        "pii": set(),
        "release": set(),
    }
    for path in sorted((ROOT / "src").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for stage, rule in re.findall(r"`(pii|release|dedup)/([a-z]+(?:-[a-z]+)+)`", text):
            found[stage].add(rule)
    return found


def section(page: str, title: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_generated_blocks_are_what_the_code_says_now() -> None:
    # In a process of its own: click remembers the help option of a command that another test ran.
    command = [sys.executable, str(ROOT / "tools" / "docs"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_generated_block_stands_on_a_page() -> None:
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    seen = {name for text in texts for _, name, _ in generator().BLOCK.findall(text)}
    assert seen == set(generator().generated())


def test_every_command_and_option_is_documented() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, command in commands().items():
        text = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert text, name
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.opts[-1] in text, (name, option.opts)


def test_every_command_that_is_listed_is_there() -> None:
    from stackyard.cli import _COMMANDS

    assert {f"stackyard {name}" for name in _COMMANDS} <= set(commands())


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/deploy.md"])
def test_commands_of_a_page_exist_with_the_options_that_it_shows(page: str) -> None:
    known = commands()
    text = (ROOT / page).read_text(encoding="utf-8")
    called = re.findall(r"(?:stackyard|python -m flows)(?: [^\s`;|()]+| '[^']*')+", text)
    assert called
    for call in called:
        words = call.removeprefix("python -m flows").removeprefix("stackyard").split()
        name = "python -m flows" if call.startswith("python") else "stackyard"
        while words and f"{name} {words[0]}" in known:
            name = f"{name} {words.pop(0)}"
        if name == "stackyard":
            assert not re.fullmatch(r"[a-z]+", words[0]) or is_prose(call, text), call
            continue
        opts = {opt for option in known[name].params for opt in option.opts}
        asked = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
        assert asked <= opts, call


def is_prose(call: str, text: str) -> bool:
    """Whether a call is a name in a sentence, or is said not to be there."""
    return f"    {call}" not in text and f"$ {call}" not in text


def test_make_targets_of_the_pages_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        asked = set(re.findall(r"(?:`|^    )make ([a-z]+)", text, re.MULTILINE))
        assert asked
        assert asked <= targets


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert {"make release", "make test"} <= set(ci)


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES_MAX


def test_every_stage_is_documented() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [stage.name for stage in STAGES if f"| {stage.name} | {stage.unit} |" not in page] == []


def test_every_parameter_is_documented_with_its_meaning() -> None:
    page = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \|.*\| ([^|]+) \|$", page, re.MULTILINE))
    assert list(rows) == list(parameter_names(ProjectParams, ""))
    assert all(rows.values())


def test_every_column_of_a_release_is_documented() -> None:
    page = (ROOT / "docs" / "naming.md").read_text(encoding="utf-8")
    for name in {*SHARD.names, *DECISIONS.names}:
        assert f"| `{name}` |" in page, name


@pytest.mark.parametrize("stage", ["ingest", "optout", "filter", "dedup", "pii", "release"])
def test_rules_of_a_stage_are_those_that_are_documented(stage: str) -> None:
    text = section("docs/rules.md", stage)
    named = set(re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE))
    if stage == "ingest":
        named = set(re.findall(r"`([a-z0-9]+-[a-z0-9-]+|encrypted|submodule|overlaid)`", text))
    assert named == rules()[stage]


def test_every_public_error_is_documented() -> None:
    public = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.StackyardError)
    ]
    assert public
    assert [name for name in public if f"`{name}`" not in everything()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_of_a_page_resolve(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), target


def test_decision_records_are_numbered_without_gaps() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        title = page.read_text(encoding="utf-8").splitlines()[0]
        assert title.startswith(f"# {int(page.name[:4])}. "), page.name


def test_no_file_names_the_host_of_a_package_registry() -> None:
    hosts = (
        ("", "pypi", "org"),
        ("test", "pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("registry", "npmjs", "org"),
        ("", "npmjs", "com"),
        ("registry", "yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("snapshot", "debian", "org"),
        ("static", "crates", "io"),
        ("proxy", "golang", "org"),
        ("", "rubygems", "org"),
    )
    names = "|".join(re.escape(".".join(filter(None, host))) for host in hosts)
    pattern = re.compile(rf"(?<![\w.-])(?:www\.)?(?:{names})(?![\w-])", re.IGNORECASE)
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    found = [
        str(path.relative_to(ROOT))
        for path in paths
        if path.is_file() and pattern.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert paths
    assert found == []


def test_pages_name_no_path_of_a_machine() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w.])/(?:home|root|tmp|work|Users)/", text), page.name


def test_prefect_deployments_name_flows_with_their_parameters() -> None:
    document = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    listed = {each["name"]: each for each in document["deployments"]}
    assert {name: each["entrypoint"] for name, each in listed.items()} == {
        "release": "flows/release.py:release",
        "service-levels": "flows/service_levels.py:service_levels",
        "takedown": "flows/takedown.py:takedown",
    }
    for name, each in listed.items():
        path, _, attribute = each["entrypoint"].partition(":")
        module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
        flow = getattr(module, attribute)
        assert flow.name == name
        assert set(each["parameters"]) == set(flow.parameters.properties)
        assert "concurrency_limit" not in each  # a lease: see docs/deploy.md


def test_errors_page_has_every_class_and_exit_code() -> None:
    from stackyard.pipeline.project import failures
    from stackyard.release import survivors

    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    table = page.partition("## The usual ones")[0]
    seen = 0
    for module in (errors, failures, survivors):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, errors.StackyardError):
                seen += 1
                row = next(
                    (line for line in table.splitlines() if f"`{kind.__name__}`" in line), ""
                )
                base = kind is errors.StackyardError
                assert base or row.startswith(f"| {kind.exit_code} |"), kind
    assert seen > 8


def test_errors_page_has_messages_of_every_exit_code() -> None:
    made = generator().errors()
    for code in (1, 2, 3):
        assert f"### Exit code {code}" in made
    assert "publish.contact is not set in params.yaml" in made
    assert len(made.splitlines()) > 300


@pytest.mark.parametrize("page", ["docs/recipes.md", "docs/tutorial.md", "docs/your-code.md"])
def test_commands_of_a_page_for_users_exist(page: str) -> None:
    known = commands()
    calls = re.findall(r"(?:^    |^|`)(stackyard [^`\n]+)", (ROOT / page).read_text(), re.MULTILINE)
    assert len(calls) > 3
    for call in calls:
        words = call.split()
        name = words.pop(0)
        while words and f"{name} {words[0]}" in known:
            name = f"{name} {words.pop(0)}"
        assert name != "stackyard", call
        opts = {opt for option in known[name].params for opt in option.opts}
        assert {word for word in words if word.startswith("--")} <= opts, call
