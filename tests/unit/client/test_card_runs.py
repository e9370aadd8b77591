"""Each snippet of the card, run as it stands, against the embedded Hub."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stackyard.hub import EmbeddedHub
from stackyard.release import card
from tests.unit.client.publisher import ROWS, Publisher

COLLATE = '''
"""What torch.utils.data.default_collate documents, where torch is not installed

Texts stay a list, numbers become one column, dicts go member by member, and nothing else is taken.
"""


def collate(rows):
    first = rows[0]
    if isinstance(first, dict):
        return {name: collate([row[name] for row in rows]) for name in first}
    if all(type(row) is str for row in rows) or all(type(row) is int for row in rows):
        return list(rows)
    raise TypeError(f"default_collate: found {type(first)}")


class DataLoader:
    def __init__(self, dataset, batch_size):
        self.dataset, self.batch_size = dataset, batch_size

    def __iter__(self):
        rows = []
        for row in self.dataset:
            rows.append(row)
            if len(rows) == self.batch_size:
                yield collate(rows)
                rows = []
        if rows:
            yield collate(rows)
'''

RUN = """
import json, sys, types
asked = json.load(sys.stdin)
if asked["lent"]:  # the module alone: datasets takes a `torch` that is there for the whole of it
    lent = types.ModuleType("torch.utils.data")
    exec(asked["lent"], lent.__dict__)
    sys.modules["torch.utils.data"] = lent
seen = []
for text in asked["snippets"]:
    space = {}
    exec(text, space)
    seen.append({name: len(space[name]) for name in ("rows", "counts", "batch")
                 if name in space and hasattr(space[name], "__len__")})
print("SEEN", json.dumps(seen))
"""


def snippets(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([^\n]+):\n\n```python\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL))


def test_snippets_of_the_card_run_as_they_stand(
    copy: Path, hub: EmbeddedHub, publisher: Publisher, tmp_path: Path
) -> None:
    found = snippets((copy / "README.md").read_text())
    assert [title.split(",")[0].split(";")[0] for title in found] == [
        "Everything", "Two languages at once", "Without a download", "pandas", "polars", "DuckDB",
        "PyTorch",
    ]  # fmt: skip
    assert publisher.last is not None
    lent = COLLATE if importlib.util.find_spec("torch") is None else ""
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps({"lent": lent, "snippets": list(found.values())}), env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    seen = dict(zip(found, json.loads(done.stdout.partition("SEEN ")[2]), strict=True))
    languages = {row.language for row in ROWS}
    assert seen["Everything"]["rows"] == len(ROWS)
    assert seen["Two languages at once"]["rows"] == 5  # C and Python
    assert seen["pandas, one language, a few columns"]["rows"] == 2  # C
    for title in ("polars", "DuckDB"):
        assert seen[title]["counts"] == len(languages)
    (torch,) = (title for title in found if title.startswith("PyTorch"))
    assert seen[torch]["batch"] == 5


def test_card_names_the_contact_and_commands_for_strangers(copy: Path) -> None:
    section = (copy / "README.md").read_text().partition("## Is your code in it?")[2]
    section = section.partition("\n## ")[0]
    assert "`opt-out@example.org`" in section
    calls = re.findall(r"^stackyard .*$", section, re.MULTILINE)
    assert len(calls) == 2
    assert all("--dataset octo-org/yard" in call for call in calls)


@pytest.mark.parametrize("params", [{}, {"publish": 7}, {"publish": {"contact": None}}])
def test_card_of_a_version_without_a_contact_says_so(publisher: Publisher, params: object) -> None:
    publisher.release()
    assert publisher.last is not None
    old = dataclasses.replace(publisher.last, params=params)  # type: ignore[arg-type]
    assert "named no contact" in card.render(old)
