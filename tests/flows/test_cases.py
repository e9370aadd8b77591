"""Input of kinds that people report, each a repository of its own, all through one release.

The cases are data: tests/cases/*.yaml. What they may say of a path in `expect`:

    kept [as LICENCE] [in LANGUAGE]   released in the edition permissive
    kept in no_license                released in that edition
    not released                      dropped, by whatever rule
    STAGE/RULE                        dropped by this rule
    redacted [or STAGE/RULE]          released without what <...> drew, and with all that is around it
    unchanged                         released as it was

In their texts {MIT} and the like are licences, {code py} is some 12 KB of code, and <alnum 16> so many
drawn letters (benchmarks/drawing.py). [alnum 16] is drawn too, and may stay.
"""

from __future__ import annotations

import json
import random
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest
import yaml

from benchmarks.drawing import draw
from stackyard.pipeline.project.making import init_project
from tests.flows.conftest import MIT, WORDS, python_text

pytestmark = pytest.mark.xdist_group("more-flows")
REPO = Path(__file__).parents[2]

ISC = """ISC License

Copyright (c) 2020 The example.org authors

Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted, provided that the above
copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH
REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY
AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM
LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR
OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR
PERFORMANCE OF THIS SOFTWARE.
"""


def _bsd() -> str:
    """The licence of a distribution that every checkout has."""
    (path,) = [p for p in metadata.files("click") or [] if p.name == "LICENSE.txt"]
    return path.read_text()


LICENCES: Mapping[str, Callable[[], str]] = {
    "MIT": lambda: MIT,
    "ISC": lambda: ISC,
    "BSD-3-Clause": _bsd,
    "Apache-2.0": (REPO / "LICENSE").read_text,
    "GPL-2.0-only": Path("/usr/share/common-licenses/GPL-2").read_text,
}


class Case(NamedTuple):
    """One repository: its files as they are drawn, and what of them must be gone."""

    name: str
    files: Mapping[str, str]
    expect: Mapping[str, str]
    gone: Mapping[str, tuple[str, ...]]

    @property
    def repo_name(self) -> str:
        return f"case-{self.name}/{self.name}"


def load_cases() -> Iterator[Case]:
    for path in sorted((REPO / "tests" / "cases").glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text()):
            yield _drawn(entry, license_too=path.stem != "licenses")


def _drawn(entry: Mapping[str, Any], *, license_too: bool) -> Case:
    files: dict[str, str] = {"LICENSE": MIT} if license_too else {}
    gone: dict[str, tuple[str, ...]] = {}
    for path, template in entry["files"].items():
        drawing = _Drawing(f"{entry['case']} {path}")
        text = _COPYABLE.sub(lambda match: draw(f"<{match[1]}>", match.start()), template)
        text = _unique(entry["case"], path, _SECRET.sub(drawing, text))
        files[path] = re.sub(r"\{([A-Za-z][^{}\n]*)\}", _text, text)
        gone[path] = tuple(drawing.drawn)
    return Case(entry["case"], files, entry["expect"], gone)


class _Drawing:
    """Draws what is to go from one file, and remembers it."""

    def __init__(self, place: str) -> None:
        self._place = place
        self.drawn: list[str] = []

    def __call__(self, match: re.Match[str]) -> str:
        seed = zlib.crc32(f"{self._place} {len(self.drawn)}".encode())
        self.drawn.append(draw(match[0], seed))
        return self.drawn[-1]


_SECRET = re.compile(r"<(?:alnum|b64url|b64) \d+>=*")
_COPYABLE = re.compile(r"\[((?:alnum|b64url|b64) \d+)\]")
_COMMENTS = {"py": "# ", "c": "// ", "js": "// ", "go": "// ", "cs": "// ", "java": "// "}


def _unique(case: str, path: str, text: str) -> str:
    """Code that many cases have gets words of its own: contents are released once, and near ones too."""
    comment = _COMMENTS.get(path.rpartition(".")[2])
    own = random.Random(f"{case} {path}")
    return text if comment is None else f"{text}{comment}{' '.join(own.sample(WORDS, 8))}\n"


def _text(match: re.Match[str]) -> str:
    """What a template stands for; braces around anything else stay."""
    name, _, how = match[1].partition(", ")
    if name in LICENCES:
        text = LICENCES[name]()
        if how == "quoted":
            return text.replace("\n", "\n> ")
        place, _, sentence = how.removeprefix("after ").partition(": ")
        if sentence:
            parts = text.split("\n\n")
            return "\n\n".join([*parts[: int(place) + 1], sentence, *parts[int(place) + 1 :]])
        return text
    return _CODE[name]() if name in _CODE else match[0]


def _perl() -> str:
    return "package A;\n\n" + "\n".join(
        f"# Gathers the {one} of a {other}.\nsub {one}_{other} {{\n    my ($self, ${other}) = @_;\n"
        f"    return $self->{{{one}}} . ${other};\n}}\n"
        for one in WORDS
        for other in WORDS[:6]
    )


_CODE: Mapping[str, Callable[[], str]] = {
    "code py": lambda: python_text(41, functions=40).decode(),
    "code py 2": lambda: python_text(42, functions=40).decode(),
    "code pl": _perl,
}

CASES = list(load_cases())


class Released(NamedTuple):
    """Rows and decisions of the release, by repository and path."""

    rows: Mapping[tuple[str, str], Mapping[str, Any]]
    rules: Mapping[tuple[str, str], str]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    """All cases in one release, of the editions permissive and no_license."""
    # Prefect reads its settings when it is imported: after the fixture has set them.
    from flows.release import release
    from flows.runner import on_engine

    root = tmp_path_factory.mktemp("cases") / "project"
    init_project(root, "octo-org/cases", "opt-out@example.org")
    params = yaml.safe_load((root / "params.yaml").read_text())
    for section in ("filter", "release"):
        params[section]["editions"] = ["permissive", "no_license"]
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    for case in CASES:
        for path, text in case.files.items():
            target = root / "repositories" / case.name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    sources = [
        {"kind": "directory", "path": f"repositories/{case.name}", "name": case.repo_name}
        for case in CASES
    ]
    (root / "sources.yaml").write_text(yaml.safe_dump(sources))
    on_engine(release, "local", 1)(str(root))
    return read(root / "release")


def read(folder: Path) -> Released:
    rows = {}
    for path in sorted(folder.glob("data/*/*/*.parquet")):
        for row in pq.read_table(path, partitioning=None).to_pylist():
            edition = path.parts[-3]
            for origin in row["origins"]:
                rows[origin["repo_name"], origin["path"]] = {**row, "edition": edition}
    rules = {}
    for path in sorted(folder.glob("decisions/*.parquet")):
        for row in pq.read_table(path, partitioning=None).to_pylist():
            rules[row["repo_name"], row["path"]] = f"{row['stage']}/{row['rule']}"
    return Released(rows, rules)


def expectations() -> Iterator[Any]:
    for case in CASES:
        for path, expected in case.expect.items():
            yield pytest.param(case, path, expected, id=f"{case.name}:{path}")


@pytest.mark.parametrize(("case", "path", "expected"), list(expectations()))
def test_case_ends_as_expected(released: Released, case: Case, path: str, expected: str) -> None:
    key = case.repo_name, path
    row, rule = released.rows.get(key), released.rules.get(key)
    either, _, other = expected.partition(" or ")
    if other and rule == other:
        return
    if expected == "not released":
        assert rule is not None, f"released as {row and row['license_expression']}"
    elif re.fullmatch(r"[a-z]+/[a-z-]+", expected):
        assert rule == expected, row and row["license_expression"]
    elif either == "redacted":
        assert row is not None, rule
        assert_redacted(case, path, row["content"])
    elif expected == "unchanged":
        assert row is not None, rule
        assert row["content"] == case.files[path]
    else:
        assert_kept(expected, row, rule)


def assert_kept(expected: str, row: Mapping[str, Any] | None, rule: str | None) -> None:
    assert row is not None, rule
    said = re.fullmatch(r"kept(?: as (?P<license>.*?))?(?: in (?P<language>.*))?", expected)
    assert said is not None, expected
    if said["language"] == "no_license":
        assert row["edition"] == "no_license"
        return
    assert row["edition"] == "permissive"
    assert row["license_expression"] == said["license"] or said["license"] is None
    assert row["language"] == said["language"] or said["language"] is None


def assert_redacted(case: Case, path: str, content: str) -> None:
    assert case.gone[path]
    assert not [value for value in case.gone[path] if value in content]
    around = re.split("|".join(map(re.escape, case.gone[path])), case.files[path])
    kept = "(?s:.{0,60})".join(map(re.escape, around))
    assert re.fullmatch(kept, content), content


def test_cases_have_names_of_their_own_and_say_what_to_expect() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    for case in CASES:
        assert case.expect
        assert set(case.expect) <= set(case.files)
        assert json.dumps(dict(case.files)).count("{MIT}") == 0
