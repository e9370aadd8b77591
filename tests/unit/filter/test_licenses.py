from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from stackyard.errors import UsageError
from stackyard.filter import default_policy, load_policy
from stackyard.filter.expression import UNRECOGNIZED, canonical
from stackyard.filter.headers import header_expression, normal, statements
from stackyard.filter.names import is_license_name
from stackyard.filter.params import LicenseTextParams
from stackyard.filter.policy import default_policy_text
from stackyard.filter.statements import FileStatementDetector
from stackyard.filter.texts import exact
from tests.unit.filter.corpus import batch
from tests.unit.filter.licenses import GPL_HEADER, MIT


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("MIT/Apache-2.0", "Apache-2.0 OR MIT"),
        ("Apache 2", "Apache-2.0"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPLv2 or later", "GPL-2.0-or-later"),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0"),
        ("(MIT AND BSD-2-Clause) OR ISC", "ISC OR (BSD-2-Clause AND MIT)"),
        ("MIT AND MIT", "MIT"),
        ("Artistic or GPL-1+", "Artistic-1.0-Perl OR GPL-1.0-or-later"),
        ("LicenseRef-Acme", "LicenseRef-Acme"),
        ("UNLICENSED", UNRECOGNIZED),
        ("something of my own", UNRECOGNIZED),
        ("((((", UNRECOGNIZED),
        ("MIT OR" * 400, UNRECOGNIZED),
        ("SEE LICENSE IN LICENSE.md", None),
        ("UNKNOWN", None),
        ("OtherLicense", None),
    ],
)  # fmt: skip
def test_statement_in_canonical_form(text: str, expression: str | None) -> None:
    assert canonical(text) == expression


@pytest.mark.parametrize(
    ("expression", "license_class"),
    [
        ("MIT OR GPL-2.0-only", "permissive"),
        ("MIT AND GPL-2.0-only", "copyleft"),
        ("LGPL-2.1-or-later", "weak-copyleft"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "copyleft"),
        ("Apache-2.0 WITH LLVM-exception", "permissive"),
        ("LicenseRef-Acme", "other"),
        ("MIT AND LicenseRef-unrecognized", "other"),
        ("Unlicense", "permissive"),
        ("BUSL-1.1", "other"),
        ("Artistic-2.0", "permissive"),
        ("JSON", "other"),
        ("MS-LPL", "other"),
        ("COIL-1.0", "permissive"),
    ],
)
def test_policy_classifies_expression(expression: str, license_class: str) -> None:
    assert default_policy().classify(expression) == license_class


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (("version: 1.2.0", "version: one"), "version"),
        (("Copyleft: copyleft", "Copyleft: fine"), "categories"),
        (("exceptions: {}", "exceptions: {}\nunheard: 1"), "schema"),
        (("exceptions: {}", "exceptions: ["), "YAML"),
        (("row: CC-BY-3.0", "line: CC-BY-3.0"), "compatibility"),
    ],
)
def test_policy_that_breaks_its_schema_refused(change: tuple[str, str], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        load_policy(default_policy_text().replace(*change), "registry/licenses.yaml")


def expression_of(text: bytes) -> str | None:
    return header_expression(normal(np.frombuffer(text, np.uint8)))


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        (GPL_HEADER, "GPL-2.0-or-later"),
        (b'# Licensed under the Apache License, Version 2.0 (the\n# "License");', "Apache-2.0"),
        (MIT, "MIT"),
        (b";; GNU Lesser General Public License version 2.1\n", "LGPL-2.1-only"),
        (b"-- Licensed under MIT or Apache-2.0 at your option", "Apache-2.0 OR MIT"),
        (b"% Redistribution and use in source and binary forms, with or without\n% modification", "BSD-2-Clause"),
        (b"Use of this source code is governed by a BSD-style\nlicense that can be found in the LICENSE file.", None),
        (b"int license = 3;", None),
        (b"This file is in the public domain.", "LicenseRef-scancode-public-domain"),
        (b"dnl Free Software Foundation gives unlimited permission to copy and/or distribute it,", "FSFULLR"),
    ],
)  # fmt: skip
def test_header_named_by_its_words(text: bytes, expression: str | None) -> None:
    assert expression_of(text) == expression


def test_tag_read_in_every_comment_style_with_its_range() -> None:
    for line in (
        b"// SPDX-License-Identifier: MIT\n",
        b"/* SPDX-License-Identifier: MIT */\n",
        b"<!-- SPDX-License-Identifier: MIT -->\n",
        b"(* SPDX-License-Identifier: MIT *)\n",
    ):
        (found,) = statements(line)
        assert (found.kind, found.expression) == ("spdx-tag", "MIT")
        assert line[found.start_byte : found.end_byte].startswith(b"SPDX-License-Identifier: MIT")


def test_tag_of_a_template_is_no_statement() -> None:
    assert statements(b'print("SPDX-License-Identifier: {}".format(x))\n') == []


@pytest.mark.parametrize(
    ("path", "holds"),
    [
        ("LICENSE", True),
        ("a/LICENCE.txt", True),
        ("LICENSE-MIT", True),
        ("COPYING.LESSER", True),
        ("MIT-LICENSE.md", True),
        ("license.py", False),
        ("LicenseChecker.java", False),
        ("sublicensed.md", False),
    ],
)
def test_license_file_known_by_its_name(path: str, holds: bool) -> None:
    assert is_license_name(path) is holds


def test_same_words_are_exact_and_changed_words_are_not() -> None:
    assert exact(MIT.replace(b"\n", b" \r\n    ")) == "MIT"
    assert exact(MIT.replace(b"2020 The Example Authors", b"1999 Octo Org")) == "MIT"
    assert exact(MIT.replace(b"furnished to do so", b"given leave to do so")) is None


@pytest.mark.parametrize(
    "text",
    [b"copyright " * 5_000_000, b"a " * 25_000_000, b"(c)" * 100_000, b"\n" * 1_000_000],
)
def test_hostile_license_file_takes_bounded_time(text: bytes) -> None:
    detector = FileStatementDetector(LicenseTextParams())
    detector.detect(batch([("LICENSE", b"warm up")]))
    rows = batch([("LICENSE", text)])
    start = time.process_time()
    detector.detect(rows)
    assert time.process_time() - start < 8.0


def test_readme_speaks_where_nothing_else_does() -> None:
    detector = FileStatementDetector(LicenseTextParams())
    readme = (
        b"# Thing\n\nWords.\n\n## License\n\nReleased under the MIT license.\n\n## More\n\nGPL\n"
    )
    (found,) = detector.detect(batch([("README.md", readme)])).to_pylist()
    assert (found["kind"], found["expression"]) == ("readme", "MIT")


@pytest.mark.parametrize("name", ["licenses.yaml", "licenses.schema.json"])
def test_registry_has_the_default_policy(name: str) -> None:
    root = Path(__file__).parents[3]
    default = root / "src" / "stackyard" / "filter" / "data" / "policy" / name
    assert (root / "registry" / name).read_bytes() == default.read_bytes()
