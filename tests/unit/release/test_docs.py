"""The documentation, held to the code."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import get_args

import jsonschema
import pyarrow as pa
import pytest

from stackyard.errors import VerificationError
from stackyard.record import DECISIONS, LICENSE_EVIDENCE
from stackyard.release import checks, dsse, names, semver
from stackyard.release.columns import COLUMNS
from stackyard.release.diff import LABELS
from stackyard.release.manifest import FORMAT, Kind, Manifest
from stackyard.release.params import Edition, Params
from stackyard.release.shards import SHARD

from .conftest import Build, Source

DOCS = Path(__file__).parents[3] / "docs"
NAMING = (DOCS / "naming.md").read_text()
FORMAT_PAGE = (DOCS / "release-format.md").read_text()


def table(text: str, head: str) -> list[list[str]]:
    """Cells of the first Markdown table whose heading row starts so."""
    lines = text[text.index(f"\n| {head}") + 1 :].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def _type(kind: pa.DataType) -> str:
    return str(kind).replace("item: ", "").replace("element: ", "")


def test_naming_has_every_column_as_the_schema_has_it() -> None:
    assert list(COLUMNS) == SHARD.names
    assert table(NAMING, "column | type | null | unit") == [
        [
            f"`{field.name}`",
            f"`{_type(field.type)}`",
            "yes" if field.nullable else "no",
            COLUMNS[field.name].unit or "-",
            COLUMNS[field.name].meaning,
            COLUMNS[field.name].source,
        ]
        for field in SHARD
    ]


def test_naming_has_the_parts_of_evidence_the_editions_and_the_decisions() -> None:
    parts = " ".join(row[0] for row in table(NAMING, "part"))
    assert re.findall(r"`(\w+)`", parts) == [field.name for field in LICENSE_EVIDENCE.value_type]
    assert [row[0] for row in table(NAMING, "edition")] == [f"`{e}`" for e in get_args(Edition)]
    assert [
        (name.strip("`"), null) for name, _, null, _ in table(NAMING, "column | type | null | mean")
    ] == [(field.name, "yes" if field.nullable else "no") for field in DECISIONS]


def test_format_page_has_every_member_and_kind(build: Build) -> None:
    document = json.loads(build([Source("octo-org/a", "a.py", "x\n")]).tree["manifest.json"])
    members = [row[0].strip("`") for row in table(FORMAT_PAGE, "member")]
    assert sorted(members) == sorted(document)
    for name in (*document["totals"], *document["files"][0], *document["registry"]):
        assert f"`{name}`" in FORMAT_PAGE
    kinds = re.search(r"^Kinds: (.*)\.$", FORMAT_PAGE, re.MULTILINE)
    assert kinds is not None
    assert re.findall(r"`(\w+)`", kinds[1]) == list(get_args(Kind))
    for constant in (FORMAT, dsse.MANIFEST_TYPE):
        assert f"`{constant}`" in FORMAT_PAGE


def test_format_page_has_the_slugs_that_the_code_makes() -> None:
    for language, part in table(FORMAT_PAGE, "language"):
        assert names.language_slug(language) == part.strip("`")


def test_format_page_has_the_steps_and_parameters_of_the_code() -> None:
    assert [row[0] for row in table(FORMAT_PAGE, "step")] == list(semver.BUMPS)[::-1]
    for section in semver.POLICY_SECTIONS:
        assert f"`{section}`" in FORMAT_PAGE
    for label in LABELS:
        assert f"`{label}`" in FORMAT_PAGE.split("Something else is said")[1]
    for name in re.findall(r"`release\.(\w+)`", FORMAT_PAGE):
        assert hasattr(Params(), name)


def test_format_page_has_every_check_of_the_gate(build: Build) -> None:
    documented = {row[0] for row in table(FORMAT_PAGE, "check") if len(row) > 1}
    made = {
        f"({one.law}) {'scan by ...' if one.name.startswith('scan by') else one.name}"
        for one in build([Source("octo-org/a", "a.py", "x\n")]).checks()
    }
    assert made == documented
    laws = [rule.law for rule in checks.RULES]
    assert laws == sorted(laws)
    assert len({rule.name for rule in checks.RULES}) == len(checks.RULES)


def schema() -> dict[str, object]:
    text = resources.files("stackyard.release").joinpath("manifest.schema.json").read_text()
    return dict(json.loads(text))


def test_schema_accepts_what_the_code_writes(build: Build) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    first = build([Source("octo-org/a", "a.py", "x\n", redactions=(("email", 1),))])
    second = build(
        [Source("octo-org/a", "a.py", "x\n"), Source("octo-org/c", "a.cc", "y\n", "C++")],
        last=first,
        dropped=[Source("octo-org/a", "b.py", "z\n")],
    )
    for release in (first, second):
        jsonschema.validate(json.loads(release.tree["manifest.json"]), schema())


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("version",), "1.0"),
        (("name",), "x"),
        (("format",), "stackyard-manifest/2"),
        (("registry", "size"), -1),
        (("registry", "size"), 2**53),
        (("totals", "files_seen"), 1.5),
        (("totals", "extra"), 1),
        (("files", 0, "path"), "../README.md"),
        (("files", 0, "path"), "registry/.hidden"),
        (("files", 0, "path"), "registry/x."),
        (("files", 0, "path"), "manifest.json"),
        (("files", 0, "sha256"), "x"),
        (("files", 0, "kind"), "other"),
        (("files", 0, "rows"), 1),
        (("detectors", "x"), "y"),
        (("previous",), {}),
        (("params",), None),
    ],
)
def test_schema_and_parser_refuse_the_same(
    build: Build, where: tuple[str | int, ...], value: object
) -> None:
    document = json.loads(build([Source("octo-org/a", "a.py", "x\n")]).tree["manifest.json"])
    part = document
    for step in where[:-1]:
        part = part[step]
    part[where[-1]] = value
    assert list(jsonschema.Draft202012Validator(schema()).iter_errors(document))
    text = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    with pytest.raises(VerificationError, match="manifest"):
        Manifest.parse(text)
