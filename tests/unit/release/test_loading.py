"""The tree, as other people's readers see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackyard.release.params import Params

from .conftest import Build, Release, Source

FILES = (
    Source("octo-org/a", "a.py", "print(1)\n"),
    Source("octo-org/b", "b.py", "print(2)\n"),
    Source("a-org/c", "c.cc", "int x;\n", "C++", "Apache-2.0"),
    Source("a-org/v", "v.vim", "set x\n", "Vim Script"),
    Source("a-org/v", "v.fst", "set y\n", "F*"),
    Source("a-org/n", "n.cs", "class N;\n", "C#", None, "no_license"),
)


@pytest.fixture
def rows_min() -> int:
    return 1


@pytest.fixture
def tree(build: Build, tmp_path: Path, rows_min: int) -> Release:
    release = build(
        FILES, params=Params(editions=("permissive", "no_license", "ids"), config_rows_min=rows_min)
    )
    for path, content in release.tree.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    return release


def test_datasets_loads_every_config_of_the_card(
    tree: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    def rows(config: str, *, streaming: bool = False) -> list[dict[str, object]]:
        return list(
            datasets.load_dataset(
                str(tmp_path),
                config,
                split="train",
                streaming=streaming,
                cache_dir=str(tmp_path / ".cache"),
            )
        )

    names = datasets.get_dataset_config_names(str(tmp_path))
    assert names[0] == "permissive"
    assert {"C++", "F~star", "Python", "Vim_Script", "ids.C~sharp", "no_license.C~sharp"} < {*names}
    assert [row["content"] for row in rows("C++")] == ["int x;\n"]
    assert [row["path"] for row in rows("F~star", streaming=True)] == ["v.fst"]
    assert [row["content"] for row in rows("Vim_Script")] == ["set x\n"]
    assert len(rows("permissive", streaming=True)) == 5
    assert all("content" not in row for row in rows("ids"))
    assert len(rows("no_license")) == tree.manifest.totals.languages[0].rows


@pytest.mark.parametrize("rows_min", [2])
def test_datasets_loads_the_config_of_languages_with_few_rows(
    tree: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    rows = datasets.load_dataset(
        str(tmp_path), "other", split="train", cache_dir=str(tmp_path / ".cache")
    )
    assert sorted(rows["language"]) == ["C++", "F*", "Vim Script"]
    assert tree.manifest.totals.files_kept == 6


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # rdflib within, not ours
def test_mlcroissant_accepts_the_metadata_and_reads_the_shards(
    tree: Release, tmp_path: Path
) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="not in the lock yet")
    dataset = mlcroissant.Dataset(str(tmp_path / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert [text.split('"')[1] for text in issues.warnings] == ["https://schema.org/datePublished"]
    assert {file["permissive/content"] for file in dataset.records("permissive")} == {
        file.text.encode() for file in FILES if file.edition == "permissive"
    }
    assert len(list(dataset.records("ids"))) == len(FILES)
    assert {one.name for one in dataset.metadata.distribution} >= {
        file.path for file in tree.manifest.shards
    }
