"""Every kind of manifest, as people write it and as nobody should."""

from __future__ import annotations

import re
import time

import pytest

from stackyard.filter.evidence import glob_pattern
from stackyard.filter.expression import UNRECOGNIZED
from stackyard.filter.manifests import claims

DEP5 = b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
REUSE = b"version = 1\n"


@pytest.mark.parametrize(
    ("path", "text", "expression"),
    [
        ("pyproject.toml", b'[project]\nlicense = {text = "BSD-3-Clause"}\n', "BSD-3-Clause"),
        ("pyproject.toml", b'[project]\nlicense = "MIT OR Apache-2.0"\n', "Apache-2.0 OR MIT"),
        ("pyproject.toml", b'[tool.poetry]\nlicense = "ISC"\n', "ISC"),
        ("pyproject.toml", b'[project]\nclassifiers = [\n "License :: OSI Approved :: MIT License",\n "License :: OSI Approved :: ISC License (ISCL)",\n]\n', "ISC AND MIT"),
        ("setup.cfg", b"[metadata]\nlicense = Apache License, Version 2.0\n", "Apache-2.0"),
        ("x.egg-info/PKG-INFO", b"License-Expression: MIT\n\n", "MIT"),
        ("x.egg-info/PKG-INFO", b"License: UNKNOWN\nClassifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n\n", "GPL-3.0-only"),
        ("package.json", b'{"license": "(MIT OR GPL-3.0)"}', "GPL-3.0-only OR MIT"),
        ("package.json", b'{"license": {"type": "MIT", "url": "https://example.org"}}', "MIT"),
        ("package.json", b'{"licenses": [{"type": "MIT"}, {"type": "GPL-2.0"}]}', "GPL-2.0-only OR MIT"),
        ("package.json", b'{"license": "UNLICENSED"}', UNRECOGNIZED),
        ("Cargo.toml", b'[package]\nlicense = "MIT/Apache-2.0"\n', "Apache-2.0 OR MIT"),
        ("Cargo.toml", b'[package]\nlicense.workspace = true\n[workspace.package]\nlicense = "ISC"\n', "ISC"),
        ("pom.xml", b"<licenses><license><name>MIT License</name></license></licenses>", "MIT"),
        ("pom.xml", b"<licenses>\n<!-- <license><name>MIT</name></license> -->\n<license>\n<name>\n The Apache Software License, Version 2.0 </name>\n</license></licenses>", "Apache-2.0"),
        ("pom.xml", b"<licenses><license><name>GNU General Public License, version 2</name></license><license><name>Eclipse Public License v1.0</name></license></licenses>", "EPL-1.0 OR GPL-2.0-only"),
        ("x.gemspec", b"Gem::Specification.new do |s|\n  s.license = 'MIT'.freeze\n", "MIT"),
        ("x.gemspec", b"  # s.license = 'MIT'\n  s.licenses = %w[Ruby BSD-2-Clause]\n", "BSD-2-Clause AND Ruby"),
        ("x.podspec", b"s.license = { :type => 'Apache License, Version 2.0', :url => 'https://example.org/L' }\n", "Apache-2.0"),
        ("x.podspec", b"s.license = { type: 'MIT', file: 'LICENSE' }\n", "MIT"),
        ("mix.exs", b'licenses: ["Apache-2.0", "MIT"]', "Apache-2.0 AND MIT"),
        ("composer.json", b'{"license": ["LGPL-2.1-only", "GPL-3.0-or-later"]}', "GPL-3.0-or-later OR LGPL-2.1-only"),
        ("DESCRIPTION", b"License: GPL (>= 2)\n", "GPL-2.0-or-later"),
        ("DESCRIPTION", b"Package: x\nLicense: MIT + file LICENSE\n", "MIT"),
        ("DESCRIPTION", b"License: GPL-2 | Apache License (>= 2.0)\n", "Apache-2.0 OR GPL-2.0-only"),
        ("x.cabal", b"license:             BSD-3-Clause\n", "BSD-3-Clause"),
        ("x.nuspec", b'<license type="expression">MIT</license>', "MIT"),
        ("x.nuspec", b"<licenseUrl>https://opensource.org/licenses/MIT</licenseUrl>", "MIT"),
        ("x.csproj", b"<Project><!-- <PackageLicenseExpression>GPL-3.0</PackageLicenseExpression> --><PackageLicenseExpression>MIT</PackageLicenseExpression></Project>", "MIT"),
        ("setup.py", b"from setuptools import setup\nsetup(name='a', license='MIT')\n", "MIT"),
        ("setup.py", b'setup(\n    name="a",\n    license="MIT License, see LICENSE.txt",\n)\n', "MIT"),
        ("setup.py", b"setup(classifiers=[\n 'License :: OSI Approved :: ISC License (ISCL)'])\n", "ISC"),
        ("setup.py", b"setup(license='GPLv3')\n", "GPL-3.0-only"),
        ("setup.py", b"setup(license='MIT, but not for companies')\n", UNRECOGNIZED),
        ("setup.py", b"setup(license='MIT for non-commercial use')\n", UNRECOGNIZED),
        ("x.rockspec", b'description = {\n   license = "MIT"\n}\n', "MIT"),
        ("x.opam", b'license: ["MIT" "ISC"]\n', "ISC AND MIT"),
        ("dune-project", b"(lang dune 3.0)\n(license MIT)\n", "MIT"),
        ("meson.build", b"project('a', 'c',\n  version : '1',\n  license : 'MIT')\n", "MIT"),
        ("CITATION.cff", b"cff-version: 1.2.0\nlicense: Apache-2.0\n", "Apache-2.0"),
        ("shard.yml", b"name: a\nlicense: MIT\n", "MIT"),
        ("META.json", b'{"license": ["perl_5"]}', "Artistic-1.0-Perl OR GPL-1.0-or-later"),
        ("debian/copyright", DEP5 + b"Files: *\nLicense: GPL-2+ with OpenSSL exception\n", UNRECOGNIZED),
        ("debian/copyright", DEP5 + b"Files: *\nLicense: Expat or GPL-2+\n", "GPL-2.0-or-later OR MIT"),
        (".reuse/dep5", DEP5 + b"Files: *\nLicense: CC0-1.0\n", "CC0-1.0"),
        ("REUSE.toml", REUSE + b'[[annotations]]\npath = "**"\nSPDX-License-Identifier = ["MIT", "ISC"]\n', "ISC AND MIT"),
        ("package.json", b'{"license": "GPL-2.0-with-classpath-exception"}', "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("package.json", b'{"license": "Apache-2.0 WITH LLVM-exception"}', "Apache-2.0 WITH LLVM-exception"),
        ("package.json", b'{"license": "LicenseRef-Acme-1"}', "LicenseRef-Acme-1"),
    ],
)  # fmt: skip
def test_manifest_states_its_expression(path: str, text: bytes, expression: str) -> None:
    assert {claim.expression for claim in claims(path, text)} == {expression}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("package.json", b'{"license": 1}'),
        ("package.json", b"[]"),
        ("package.json", b'{"license": ' + b"[" * 100_000),
        ("package.json", b"\xff\xfe"),
        ("composer.json", b'{"license": [null]}'),
        ("Cargo.toml", b"= = ="),
        ("DESCRIPTION", b"License: file LICENSE\n"),
        ("pom.xml", b"<licenses><license><name>MIT</name></license>"),
        ("pom.xml", b"<!-- <licenses><license><name>MIT</name></license></licenses> -->"),
        ("REUSE.toml", b"annotations = 3\n"),
        ("debian/copyright", b"This package was put together by nobody.\n"),
        ("setup.py", b"import os; os.remove('/')"),
    ],
)
def test_manifest_that_says_nothing_states_nothing(path: str, text: bytes) -> None:
    assert claims(path, text) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("package.json", b'{"license": "SEE LICENSE IN LICENSE.md"}'),
        ("Cargo.toml", b'[package]\nlicense-file = "L"\n'),
        ("pyproject.toml", b'[project]\nlicense = {file = "LICENSE"}\n'),
        ("setup.cfg", b"license = file: LICENSE\n"),
        ("x.csproj", b"<Project><PackageLicenseFile>L.txt</PackageLicenseFile></Project>"),
        ("x.nuspec", b'<license type="file">L.txt</license>'),
        ("x.nuspec", b"<licenseUrl>https://example.org/terms</licenseUrl>"),
        ("setup.py", b"setup(license='see LICENSE')\n"),
    ],
)
def test_manifest_that_points_to_a_text_says_that_there_are_terms(path: str, text: bytes) -> None:
    (claim,) = claims(path, text)
    assert (claim.kind, claim.expression) == ("terms", UNRECOGNIZED)


def test_claim_has_the_range_of_what_was_read() -> None:
    text = b'{"name": "MIT-tools", "license": "MIT"}'
    (claim,) = claims("a/package.json", text)
    assert text[claim.start_byte : claim.end_byte] == b"MIT"
    assert claim.start_byte > text.index(b"license")
    assert (claim.detector, claim.scope, claim.glob) == ("package.json", "a", None)


def test_scope_of_installed_metadata_is_the_folder_above() -> None:
    (claim,) = claims("lib/x.dist-info/METADATA", b"License-Expression: MIT\n\n")
    assert claim.scope == "lib"


@pytest.mark.parametrize(
    ("path", "text", "inside", "outside"),
    [
        ("debian/copyright", b"Files: src/*.c\nLicense: Expat\n", "src/x/y.c", "x.c"),
        ("debian/copyright", b"Files: a\\*b\nLicense: Expat\n", "a*b", "axb"),
        ("debian/copyright", b"Files: a?.c\nLicense: Expat\n", "ab.c", "a.c"),
        ("REUSE.toml", b'[[annotations]]\npath = "src/*.c"\nSPDX-License-Identifier = "MIT"\n', "src/y.c", "src/x/y.c"),
        ("REUSE.toml", b'[[annotations]]\npath = "src/**"\nSPDX-License-Identifier = "MIT"\n', "src/x/y.c", "srcs/y.c"),
        ("REUSE.toml", b'[[annotations]]\npath = "a?"\nSPDX-License-Identifier = "MIT"\n', "a?", "ab"),
    ],
)  # fmt: skip
def test_glob_of_each_format_matches_as_its_specification_says(
    path: str, text: bytes, inside: str, outside: str
) -> None:
    (claim,) = claims(path, text)
    pattern = re.compile(glob_pattern(claim.scope, claim.glob or "")[0])
    assert pattern.match(inside)
    assert not pattern.match(outside)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("debian/copyright", b"Files:" + b" a*" * 300_000 + b"\nLicense: Expat\n"),
        ("debian/copyright", b"Files: " + b"*a" * 300_000 + b"\nLicense: Expat\n"),
    ],
)
def test_manifest_with_more_globs_than_can_be_matched_is_unrecognized(
    path: str, text: bytes
) -> None:
    found = claims(path, text)
    assert len(found) <= 5_001
    assert (found[-1].expression, found[-1].glob) == (UNRECOGNIZED, None)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pom.xml", b"<licenses>" * 500_000),
        ("pom.xml", b"<!--" * 1_000_000),
        ("pom.xml", b"<licenses><name>" + b" " * 3_000_000 + b"</licenses>"),
        ("x.gemspec", b"s.license" * 500_000),
        ("x.podspec", b"s.license = {" + b":type" * 500_000),
        ("DESCRIPTION", b"License: " + b"GPL | " * 500_000),
        ("debian/copyright", b"Files: *\nLicense: MIT\n\n" * 100_000),
        ("package.json", b'{"license": "' + b"MIT OR " * 500_000 + b'MIT"}'),
        ("REUSE.toml", b"a.a" * 300 + b" = 1\n"),
        ("x.egg-info/PKG-INFO", b"License: " + b"\r" * 1_000_000),
    ],
)
def test_hostile_manifest_takes_bounded_time(path: str, text: bytes) -> None:
    start = time.process_time()
    claims(path, text)
    assert time.process_time() - start < 3.0
