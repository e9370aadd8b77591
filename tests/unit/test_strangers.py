"""The draw of `make strangers`: which packages a seed takes, of an index that is given."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import yaml

from benchmarks.strangers_draw import KINDS, Draw, Package, order, packages
from benchmarks.strangers_slowest import slowest
from stackyard.detector import Scope
from stackyard.params import canonical_json
from stackyard.pipeline.project import Project
from stackyard.pipeline.project.making import init_project
from stackyard.pipeline.stages import fetch, ingest
from stackyard.record import BLOB_ID

STANZA = """Package: {name}
Binary: {name}
Version: {version}
Checksums-Sha256:
 {dsc} 1500 {name}_1.dsc
 {orig} 70000 {name}_1.orig.tar.gz
 {component} 10 {name}_1.orig-docs.tar.gz
 {debian} 3000 {name}_1-1.debian.tar.xz
Homepage: {homepage}
{more}"""
SUMS = {"dsc": "a" * 64, "orig": "b" * 64, "component": "c" * 64, "debian": "d" * 64}


def stanza(name: str, version: str, homepage: str = "https://example.org/x", more: str = "") -> str:
    return STANZA.format(name=name, version=version, homepage=homepage, more=more, **SUMS)


def test_packages_of_a_stanza_are_the_source_package_with_upstreams_archive() -> None:
    (found,) = packages(stanza("jq", "1:1.6-2"))
    assert found == Package("deb", "jq", "1:1.6-2", "a" * 64, 74510, "jq_1.orig.tar.gz", "b" * 64)
    assert found.purl == "pkg:deb/debian/jq@1:1.6-2?arch=source"


def test_packages_with_a_diff_are_their_dsc_as_others_are() -> None:
    old = stanza("jq", "1.6-2").replace("debian.tar.xz", "diff.gz")
    (found,) = packages(old)
    assert (found.sha256, found.orig_sha256) == ("a" * 64, "b" * 64)


def test_packages_kept_only_for_binaries_that_were_built_from_them_are_no_candidates() -> None:
    assert packages(stanza("jq", "1.6-2", more="Extra-Source-Only: yes")) == []


def test_packages_that_are_kept_for_verification_are_never_drawn() -> None:
    assert packages(stanza("kotlin", "1.3-1")) == []


def test_packages_of_an_upstream_that_names_its_page_are_an_sdist_too() -> None:
    page = "https://pypi.example/project/Automat/"
    assert [each.purl for each in packages(stanza("automat", "22.10.0-1", page))] == [
        "pkg:deb/debian/automat@22.10.0-1?arch=source",
        "pkg:pypi/automat@22.10.0",
    ]


def test_packages_named_by_policy_after_their_upstream_are_npm_tarballs_too() -> None:
    index = "\n\n".join(
        [
            stanza("node-has-value", "2.0.2+dfsg-1", "https://git.example.org/octo/has-value"),
            stanza("node-babel7", "7.20.15-1", "https://babel.example.org/"),
            stanza("node-esutils", "2.0-1", "https://git.example.org/octo/esutils"),
        ]
    )
    npm = [each for each in packages(index) if each.kind == "npm"]
    assert [(each.name, each.version, each.sha256) for each in npm] == [("has-value", "2.0.2", "")]


def test_order_depends_on_seed_kind_and_name_alone() -> None:
    known = [Package("deb", name, "1", "a" * 64, 1) for name in ("a", "b", "c", "d", "e")]
    newer = [each._replace(version="2", size_bytes=9) for each in reversed(known)]
    assert [p.name for p in order("1", known)] == [p.name for p in order("1", newer)]
    assert [p.name for p in order("1", known)] != [p.name for p in order("2", known)]


def test_draw_hands_out_each_package_once_and_counts_what_is_too_large() -> None:
    known = [Package("deb", f"p{size}", "1", "a" * 64, size) for size in range(1, 9)]
    draw = Draw("1", known, size_bytes_max=5)
    places = [place for place in range(20) if KINDS[place % len(KINDS)] == "deb"]
    taken = [package for package in map(draw.next_for, places) if package is not None]
    assert sorted(each.name for each in taken) == ["p1", "p2", "p3", "p4", "p5"]
    assert sorted(each.name for each in draw.too_large) == ["p6", "p7", "p8"]
    assert all(a.name != b.name for a, b in itertools.pairwise(taken))
    assert draw.next_for(KINDS.index("npm")) is None


class Dawdler:
    """A detector that takes a while over texts with the word `slow`."""

    name = "dawdler"
    scope: Scope = "blob"
    modules: Sequence[str] = ()
    distributions: Sequence[str] = ()
    params = canonical_json({})
    schema = pa.schema([("blob_id", BLOB_ID)])

    def detect(self, batch: pa.Table) -> pa.Table:
        for text in batch["text"].to_pylist():
            end = time.process_time() + (0.2 if b"slow" in bytes(text or b"") else 0.0)
            while time.process_time() < end:
                pass
        return batch.select(["blob_id"])


def test_slowest_finds_the_file_the_detector_and_the_function(tmp_path: Path) -> None:
    root = tmp_path / "p"
    init_project(root, None, "opt-out@example.org")
    for number in range(20):
        path = root / "src" / f"f{number:02}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"text {number} {'slow' if number == 13 else 'quick'}\n" * 9)
    entry = {"kind": "directory", "path": "src", "name": "octo-org/app"}
    (root / "sources.yaml").write_text(yaml.safe_dump([entry]))
    project = Project.at(root)
    for stage in (fetch, ingest):
        for unit in stage.units(project):
            stage.run(project, unit)
        stage.finish(project)
    found, spent = slowest(project, [Dawdler()], count=1)
    assert [(each.name, each.detector) for each in found] == [("octo-org/app/f13.txt", "dawdler")]
    assert found[0].seconds > 0.1
    assert found[0].function
    assert spent["dawdler"] > 0.1
