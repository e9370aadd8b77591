from __future__ import annotations

import json

import pytest

from stackyard import filter as room
from stackyard.errors import EnvironmentFault, UsageError
from stackyard.filter import Params
from stackyard.filter.params import QualityParams
from stackyard.record import ATTRIBUTES, DECISIONS
from tests.unit.filter.corpus import facts, files, origins, rules, run
from tests.unit.filter.licenses import GPL_2, GPL_HEADER, GPL_TAG, MIT

ADD = b"def add(left, right):\n    return left + right\n"
LENGTH = b'int main(void) { return strlen("abc"); }\n'


def test_file_below_a_license_file_kept_with_its_evidence() -> None:
    kept = run({"octo-org/a": {"LICENSE": MIT, "src/deep/add.py": ADD}}).files.to_pylist()
    (row,) = [file for file in kept if file["path"] == "src/deep/add.py"]
    assert row["license_expression"] == "MIT"
    assert row["detected_licenses"] == ["MIT"]
    assert row["edition"] == "permissive"
    assert [e["path"] for e in row["license_evidence"]] == ["LICENSE"]


def test_nearest_directory_with_evidence_beats_the_root() -> None:
    found = rules(
        run({"octo-org/a": {"LICENSE": MIT, "lib/COPYING": GPL_HEADER, "lib/x/y.c": LENGTH}})
    )
    assert found["octo-org/a", "lib/x/y.c"] == "license-not-allowed"


def test_sibling_directory_evidence_not_applied() -> None:
    found = rules(
        run({"octo-org/a": {"LICENSE": MIT, "lib/COPYING": GPL_HEADER, "libs/y.c": LENGTH}})
    )
    assert found["octo-org/a", "libs/y.c"] == "kept"


def test_own_tag_beats_the_directory_both_ways() -> None:
    found = rules(
        run(
            {
                "octo-org/a": {"LICENSE": MIT, "gpl.c": GPL_TAG + LENGTH},
                "octo-org/b": {
                    "COPYING": GPL_HEADER,
                    "mit.c": b"// SPDX-License-Identifier: MIT\n" + LENGTH,
                },
            }
        )
    )
    assert found["octo-org/a", "gpl.c"] == "license-not-allowed"
    assert found["octo-org/b", "mit.c"] == "kept"


def test_blob_that_a_copyleft_origin_also_holds_dropped_as_conflict() -> None:
    filtered = run(
        {
            "octo-org/a": {"LICENSE": MIT, "copy.c": LENGTH},
            "octo-org/b": {"COPYING": GPL_HEADER, "length.c": LENGTH},
            "octo-org/c": {"again.c": LENGTH},
        }
    )
    found = rules(filtered)
    assert found["octo-org/a", "copy.c"] == "license-conflict"
    assert found["octo-org/b", "length.c"] == "license-not-allowed"
    assert found["octo-org/c", "again.c"] == "license-conflict"
    (row,) = [d for d in filtered.decisions.to_pylist() if d["path"] == "copy.c"]
    evidence = json.loads(row["evidence"])
    assert (evidence["repo_name"], evidence["path"]) == ("octo-org/b", "length.c")
    assert evidence["license_expression"] == "GPL-2.0-or-later"


def test_blob_without_evidence_elsewhere_stays_permissive() -> None:
    found = rules(
        run({"octo-org/a": {"LICENSE": MIT, "add.py": ADD}, "octo-org/c": {"add.py": ADD}})
    )
    assert found["octo-org/a", "add.py"] == "kept"
    assert found["octo-org/c", "add.py"] == "no-license"


def test_no_license_edition_keeps_files_without_evidence() -> None:
    params = Params(editions=("permissive", "no_license"))
    (row,) = run({"octo-org/c": {"add.py": ADD}}, params).files.to_pylist()
    assert (row["edition"], row["license_type"]) == ("no_license", "no_license")
    assert row["license_expression"] is None
    assert row["license_evidence"] == []


def test_dual_license_in_metadata_is_a_choice() -> None:
    manifest = b'{"name": "x", "license": "MIT OR GPL-2.0-or-later"}'
    found = rules(
        run({"octo-org/a": {"package.json": manifest, "LICENSE-GPL": GPL_HEADER, "a.py": ADD}})
    )
    assert found["octo-org/a", "a.py"] == "kept"


def test_license_text_beyond_the_metadata_holds_too() -> None:
    manifest = b'{"name": "x", "license": "MIT"}'
    found = rules(
        run({"octo-org/a": {"package.json": manifest, "COPYING": GPL_HEADER, "a.py": ADD}})
    )
    assert found["octo-org/a", "a.py"] == "license-not-allowed"


@pytest.mark.parametrize(
    ("tree", "expression"),
    [
        ({"COPYING": GPL_2}, "GPL-2.0-only"),
        ({"COPYING": GPL_2, "README": b"License\n=======\nGPL version 2 or later.\n"}, "GPL-2.0-or-later"),
        ({"COPYING": GPL_2, "README": b"License\n=======\nMIT license.\n"}, "GPL-2.0-only"),
        ({"COPYING": GPL_2, "Cargo.toml": b'package.license = "GPL-2.0-or-later"\n'}, "GPL-2.0-or-later"),
    ],
)  # fmt: skip
def test_gnu_text_leaves_later_versions_to_what_stands_beside_it(
    tree: dict[str, bytes], expression: str
) -> None:
    decisions = run({"octo-org/a": {**tree, "a.py": ADD}}).decisions.to_pylist()
    (row,) = [decision for decision in decisions if decision["path"] == "a.py"]
    assert json.loads(row["evidence"])["license_expression"] == expression


def test_unrecognized_license_file_shadows_the_permissive_root() -> None:
    secret = b"You may look at this, but never on Sundays. All other use needs a letter.\n"
    found = rules(run({"octo-org/a": {"LICENSE": MIT, "x/LICENSE": secret, "x/a.py": ADD}}))
    assert found["octo-org/a", "x/a.py"] == "license-not-allowed"


@pytest.mark.parametrize(
    ("precedence", "rule"),
    [
        ("closest", "kept"),
        ("aggregate", "license-not-allowed"),
        ("override", "license-not-allowed"),
    ],
)
def test_reuse_annotation_holds_beside_own_words_where_it_says_so(
    precedence: str, rule: str
) -> None:
    reuse = (
        f'version = 1\n[[annotations]]\npath = "src/**"\nprecedence = "{precedence}"\n'
        'SPDX-License-Identifier = "GPL-3.0-only"\n'
    ).encode()
    mit = b"# SPDX-License-Identifier: MIT\n" + ADD
    tree = {"LICENSE": MIT, "REUSE.toml": reuse, "src/a.py": mit, "b.py": mit, "c.py": ADD}
    filtered = run({"octo-org/a": tree | {"src/d.py": ADD}})
    found = rules(filtered)
    # The same bytes lie outside too: there the conflict drops them.
    conflict = "kept" if rule == "kept" else "license-conflict"
    assert found["octo-org/a", "src/a.py"] == rule
    assert found["octo-org/a", "b.py"] == conflict
    assert found["octo-org/a", "src/d.py"] == "license-not-allowed"
    assert found["octo-org/a", "c.py"] == "license-conflict"
    if rule != "kept":
        (row,) = [d for d in filtered.decisions.to_pylist() if d["path"] == "src/a.py"]
        assert json.loads(row["evidence"])["license_expression"] == "GPL-3.0-only AND MIT"


def test_debian_stanzas_last_match_holds() -> None:
    dep5 = (
        b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
        b"Files: *\nLicense: GPL-3\n\nFiles: ok/*\nLicense: Expat\n\n"
        b"Files: ok/bad.c\nLicense: GPL-2+\n"
    )
    tree = {"debian/copyright": dep5, "ok/a.c": LENGTH, "ok/bad.c": LENGTH + b"//\n", "b.py": ADD}
    found = rules(run({"octo-org/d": tree}))
    assert found["octo-org/d", "ok/a.c"] == "kept"
    assert found["octo-org/d", "ok/bad.c"] == "license-not-allowed"
    assert found["octo-org/d", "b.py"] == "license-not-allowed"


@pytest.mark.parametrize(
    ("path", "content", "rule"),
    [
        ("a.bin", b"\x00\x01\x02", "binary"),
        ("a.py", b"", "empty"),
        ("a.unheard", b"some words here\n", "language-unknown"),
        ("a.py", b"# auto-generated by x\nabc = 1\n", "generated"),
        ("a.py", b"abc = 1\n" * 100_001, "too-many-lines"),
        ("a.py", b"abc = '" + b"word " * 250 + b"'\n", "long-lines"),
        ("a.py", b"1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9\n", "few-letters"),
        ("a.c", b'char *x = "' + b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9w\\\n" * 3
         + b"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2\\\n" * 9 + b'";\n',
         "encoded-data"),
        ("a.yaml", b"key: value\n" * 513, "data-lines"),
        ("a.html", b"<html><body><p>Hi</p></body></html>\n", "html-markup"),
        ("a.txt", b"some words here\n", "text-name"),
        ("README.txt", b"some words here\n", "kept"),
        ("requirements-dev.txt", b"some-package\n", "kept"),
        ("a.md", b"word " * 250 + b"\n", "kept"),
    ],
)  # fmt: skip
def test_quality_of_one_file_ends_with_its_rule(path: str, content: bytes, rule: str) -> None:
    found = rules(run({"octo-org/a": {"LICENSE": MIT, path: content}}))
    assert found["octo-org/a", path] == rule


def test_utf16_file_kept_with_its_encoding() -> None:
    content = "# héllo wörld\nabc = 1\n".encode("utf-16")
    kept = run({"octo-org/a": {"LICENSE": MIT, "a.py": content}}).files.to_pylist()
    assert [(f["path"], f["src_encoding"]) for f in kept] == [("a.py", "utf-16")]


def test_exemption_of_a_language_lets_it_pass() -> None:
    quality = QualityParams(exemptions={"long-lines": ("Python",)})
    content = b"abc = '" + b"word " * 250 + b"'\n"
    found = rules(run({"octo-org/a": {"LICENSE": MIT, "a.py": content}}, Params(quality=quality)))
    assert found["octo-org/a", "a.py"] == "kept"


def test_exemption_of_a_license_rule_refused() -> None:
    quality = QualityParams(exemptions={"license-not-allowed": ("Python",)})
    with pytest.raises(UsageError, match="license-not-allowed"):
        run({"octo-org/a": {"a.py": ADD}}, Params(quality=quality))


@pytest.mark.parametrize(
    "quality",
    [
        QualityParams(exemptions={"long-lines": ("Pyton",)}),
        QualityParams(long_line_languages=("Pyton",)),
        QualityParams(alphanumeric_languages=("Pyton",)),
        QualityParams(data_languages=("Pyton",)),
    ],
)
def test_language_that_linguist_does_not_know_refused(quality: QualityParams) -> None:
    with pytest.raises(UsageError, match="Pyton"):
        run({"octo-org/a": {"a.py": ADD}}, Params(quality=quality))


def test_vendored_file_kept_with_its_column_unless_asked() -> None:
    tree = {"LICENSE": MIT, "third_party/x/add.py": ADD}
    (row,) = run({"octo-org/a": tree}).files.to_pylist()
    assert row["is_vendor"]
    dropped = run({"octo-org/a": tree}, Params(quality=QualityParams(drop_vendored=True)))
    assert rules(dropped)["octo-org/a", "third_party/x/add.py"] == "vendored"


def test_decide_without_facts_of_a_file_stops() -> None:
    repos = {"octo-org/a": {"a.py": ADD}}
    known = facts({}, Params())
    with pytest.raises(EnvironmentFault, match="facts"):
        room.decide(files(repos), origins(repos), known, Params(), room.default_policy())


def test_decide_of_nothing_has_the_schemas() -> None:
    filtered = run({})
    assert filtered.files.schema == ATTRIBUTES
    assert filtered.decisions.schema == DECISIONS
    assert filtered.files.num_rows == filtered.decisions.num_rows == 0


def test_decide_in_any_order_of_rows_and_facts_gives_equal_tables() -> None:
    repos = {
        "octo-org/a": {"LICENSE": MIT, "copy.c": LENGTH, "x/add.py": ADD},
        "octo-org/b": {"COPYING": GPL_HEADER, "length.c": LENGTH},
    }
    known = facts(repos, Params())
    turned = {name: table.take(list(range(table.num_rows))[::-1]) for name, table in known.items()}
    table = files(repos)
    policy = room.default_policy()
    one = room.decide(table, origins(repos), known, Params(), policy)
    other = room.decide(
        table.take(list(range(table.num_rows))[::-1]), origins(repos), turned, Params(), policy
    )
    assert one.files.equals(other.files)
    assert one.decisions.equals(other.decisions)


@pytest.mark.parametrize(
    ("tree", "path", "kind", "detector", "words"),
    [
        ({"a.py": b"# SPDX-License-Identifier: MIT\n" + ADD}, "a.py", "spdx-tag", "spdx", b"SPDX-License-Identifier: MIT"),
        ({"a.py": b"# Released under the MIT license.\n" + ADD}, "a.py", "header", "header-rules", b"MIT license"),
        ({"a.py": ADD, "LICENSE": MIT}, "LICENSE", "license-file", "spdx-texts", b"Permission is hereby granted"),
        ({"a.py": ADD, "package.json": b'{"license": "MIT"}'}, "package.json", "metadata", "package.json", b"MIT"),
        ({"a.py": ADD, "README.md": b"# License\nMIT license\n"}, "README.md", "readme", "readme", b"MIT license"),
        ({"a.py": ADD, "debian/copyright": b"Format: x\n\nFiles: *\nLicense: Expat\n"}, "debian/copyright", "metadata", "dep5", b"License: Expat"),
        ({"a.py": ADD, "REUSE.toml": b'[[annotations]]\npath = "**"\nSPDX-License-Identifier = "MIT"\n'}, "REUSE.toml", "metadata", "REUSE.toml", b"MIT"),
    ],
)  # fmt: skip
def test_evidence_of_every_kind_has_path_detector_score_and_range(
    tree: dict[str, bytes], path: str, kind: str, detector: str, words: bytes
) -> None:
    kept = run({"octo-org/a": tree}).files.to_pylist()
    (row,) = [file for file in kept if file["path"] == "a.py"]
    assert row["license_expression"] == "MIT"
    (found,) = row["license_evidence"]
    assert (found["path"], found["kind"], found["detector"]) == (path, kind, detector)
    assert 0.9 <= found["score"] <= 1.0
    assert words in tree[path][found["start_byte"] : found["end_byte"]]


def test_directory_of_dependencies_is_kept_unless_vendored_files_are_to_go() -> None:
    code = b"function f(a) { return a + 1; }\nmodule.exports = f;\n"
    repos = {"o/r": {"LICENSE": MIT, "node_modules/a/x.js": code}}
    assert rules(run(repos))["o/r", "node_modules/a/x.js"] == "kept"
    params = Params(quality=QualityParams(drop_vendored=True))
    assert rules(run(repos, params))["o/r", "node_modules/a/x.js"] == "vendored"
