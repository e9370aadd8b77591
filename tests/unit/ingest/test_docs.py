from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import yaml

from stackyard.ingest import sources
from stackyard.ingest.params import Params
from stackyard.ingest.rules import RULES

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "sources.md").read_text("utf-8")


def table(heading: str) -> dict[str, str]:
    rows = re.search(rf"\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT)
    assert rows is not None
    cells = (re.split(r" ?\| ?", line.strip("|"), maxsplit=1) for line in rows[1].splitlines())
    return {name.strip(" `"): rest.strip() for name, rest in cells}


def test_docs_name_every_rule_with_its_meaning() -> None:
    assert table("rule") == dict(RULES)


def test_docs_name_every_bound_with_its_default() -> None:
    found = {name: rest.split(" ")[0] for name, rest in table("parameter").items()}
    assert found == {field.name: f"{field.default:,}" for field in dataclasses.fields(Params)}


def test_docs_name_every_key_of_a_source() -> None:
    named = {key for row in table("key") for key in re.findall(r"\w+", row)}
    assert named == set(sources._KEYS)


def test_docs_example_of_sources_yaml_is_read() -> None:
    example = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    kinds = {source.kind for source in sources.load_sources(example[1], "docs")}
    assert kinds == {"package", "git", "archive", "directory"}


def test_committed_sources_are_pinned_packages_with_two_releases_of_one() -> None:
    text = (ROOT / "sources.yaml").read_text("utf-8")
    found = sources.load_sources(text, "sources.yaml")
    assert len(found) == len(yaml.safe_load(text)) == 18
    assert {source.kind for source in found} == {"package"}
    assert {source.purl.type for source in found} == {"pypi", "npm", "deb"}
    names = [source.name for source in found]
    assert sum(names.count(name) == 2 for name in set(names)) == 1
