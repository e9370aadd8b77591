"""What files, READMEs and root licences say in words, through the whole filter."""

from __future__ import annotations

import time

import pytest

from stackyard.filter import Params
from stackyard.filter.headers import statements
from stackyard.filter.readme import statements as readme_statements
from tests.unit.filter.corpus import rules, run
from tests.unit.filter.licenses import GPL_2, MIT

CODE = b"int value(void) { return 1; }\n"
LONG = b"".join(b"int value_%d(void) { return %d; }\n" % (n, n) for n in range(400))
"""12 KB: what stands behind it is beyond the head of a file."""

DENIED = [
    b"/* CONFIDENTIAL AND PROPRIETARY of Sample Works. Copying this file, by any medium, is forbidden. */\n",
    b"// For internal use at Sample Works only.\n",
    b"// MIT License for classroom use only.\n",
    b"// MIT licence for students\n",
    b"// Licensed under the MIT license for use in schools only.\n",
    b"// Sample Works Confidential\n",
    b"/* This file contains trade secrets of Sample Works and must not be disclosed. */\n",
    b"// Copyright 2020 Sample Works. Unauthorized copying of this file is strictly prohibited.\n",
    b"# Copyright 2021 Sample Works. No part of this program may be reproduced in any form.\n",
    b"/* NOT FOR DISTRIBUTION. Property of Sample Works. */\n",
    b"// This software may not be used commercially without a written agreement.\n",
    b"// Licensed for academic and research purposes only.\n",
    b"-- Use of this code requires a commercial license from Sample Works.\n",
    b"// MIT licensed, but not for commercial use\n",
    b"# MIT for non-commercial use only\n",
    b"// Free for personal use; commercial use requires a license.\n",
    b"/* Licensed under the MIT License. This file must not be used to train language models. */\n",
    b"// You may not redistribute this file without the prior written consent of Sample Works.\n",
    b"// This is proprietary software of Sample Works.\n",
    b"# Do not distribute this code outside Sample Works.\n",
    b"# Available under MIT for non-profit organisations only.\n",
    b"// Charities may use this under the MIT licence; all others need our consent.\n",
    b'"""Sample Works trade secret. Disclosure to third parties is prohibited."""\n',
]
GRANTED = [
    (b'// Licensed under the Apache License, Version 2.0 (the "License");\n// you may not use this file except in compliance with the License.\n', "Apache-2.0"),
    (b"// This file may not be copied, modified, or distributed except according to the\n// terms of the MIT license.\n", "MIT"),
    (b"// Released under the MIT license, for any purpose, commercial or non-commercial.\n", "MIT"),
    (b"# Copyright 2020 The Example Authors. All rights reserved.\n# Released under the MIT License.\n", "MIT"),
    (b"/* MIT License. The names of the authors may not be used to endorse products. */\n", "MIT"),
    (b"// MIT License.\n// This function must not be used in an interrupt; copying is forbidden for handles.\n", "MIT"),
    (b"# MIT License.\n# For internal use only; no backwards-compatibility guarantees of this module.\n", "MIT"),
    (b"// MIT License. Should only be used for testing purposes.\n", "MIT"),
    (b"// Part of the Example Project, under the Apache License, Version 2.0.\n", "Apache-2.0"),
    (b"// This file is part of Example, which is released under the MIT license.\n", "MIT"),
    (b"# Can I use it in a commercial product without paying? Yes: MIT License.\n", "MIT"),
]  # fmt: skip


@pytest.mark.parametrize("header", DENIED)
def test_header_that_denies_or_limits_goes_before_the_permissive_root(header: bytes) -> None:
    tree = {"LICENSE": MIT, "src/a.c": header + CODE, "src/b.c": CODE + b"//\n"}
    found = rules(run({"octo-org/a": tree}))
    assert found["octo-org/a", "src/a.c"] == "license-not-allowed"
    assert found["octo-org/a", "src/b.c"] == "kept"


@pytest.mark.parametrize(("header", "expression"), GRANTED)
def test_header_that_grants_in_careful_words_is_kept(header: bytes, expression: str) -> None:
    (row,) = run({"octo-org/a": {"a.c": header + CODE}}).files.to_pylist()
    assert row["license_expression"] == expression


@pytest.mark.parametrize(
    "notice",
    [
        b"\n=head1 LICENSE\n\nThis is under the GNU General Public License, version 3 or later.\n\n=cut\n",
        b"/* This program is free software; you can redistribute it and/or modify\n * it under the terms of the GNU General Public License. */\n",
        b"// Licensed under the GPL v2.\n",
        b"/*\n Copyright (C) Sample Works\n This file is distributed under the terms of the LGPL 2.1.\n*/\n",
        b"// Proprietary and confidential. Unauthorized copying of this file is prohibited.\n",
        b"# @license GPL-3.0\n# This file is licensed under the GPL, version 3.\n",
        b"-- This module is free software under the AGPL version 3.\n",
        b"=head1 COPYRIGHT AND LICENSE\n\nCopyright Sample Works. All rights reserved. This module may not be copied.\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("after", [b"", LONG])
def test_notice_beyond_the_head_is_read_wherever_it_stands(notice: bytes, after: bytes) -> None:
    tree = {"LICENSE": MIT, "a.pm": LONG + notice + after, "b.pm": LONG + after + b"1;\n"}
    found = rules(run({"octo-org/a": tree}))
    assert found["octo-org/a", "a.pm"] == "license-not-allowed"
    assert found["octo-org/a", "b.pm"] == "kept"


def test_notice_inside_a_file_is_of_its_part_and_grants_nothing_for_the_rest() -> None:
    borrowed = b"/* The next function is under the MIT license. */\n"
    tree = {"COPYING": GPL_2, "a.c": LONG + borrowed + LONG}
    assert rules(run({"octo-org/a": tree}))["octo-org/a", "a.c"] == "license-not-allowed"


@pytest.mark.parametrize(
    ("header", "expression"),
    [
        (b"# Under the Apache License, Version 2.0, and parts under the BSD licence (3 clauses).\n", "Apache-2.0 AND BSD-3-Clause"),
        (b"# Code under the MIT license, portions under the zlib license.\n", "MIT AND Zlib"),
        (b"# The font is under the ISC license, the CSS is under the MIT license.\n", "Apache-2.0 AND ISC AND MIT"),
        (b"# This file includes code from Example, which is BSD-2-Clause licensed.\n", "Apache-2.0 AND BSD-2-Clause"),
        (b"# Released under the MIT or the BSD-2-Clause license.\n", "BSD-2-Clause OR MIT"),
        (b"# Apache License, Version 2.0. Alternatively, under the MIT license.\n", "Apache-2.0 OR MIT"),
        (b"# Talks to servers whose own licence is the SSPL.\n", "Apache-2.0"),
        (b"# Compatible with tools under the GPL license.\n", "Apache-2.0"),
        (b"# Uses Example, which is licensed under the GPL.\n", "Apache-2.0"),
    ],
)  # fmt: skip
def test_header_of_several_licences_says_of_what_each_is(header: bytes, expression: str) -> None:
    tree = {"package.json": b'{"license": "Apache-2.0"}', "a.py": header + b"value = 1\n"}
    kept = {row["path"]: row for row in run({"octo-org/a": tree}).files.to_pylist()}
    assert kept["a.py"]["license_expression"] == expression


README_DENIES = [
    b"Foo is no longer available under the MIT license; all rights are reserved.\n",
    b"Proprietary. The icons come from Bar and are MIT.\n",
    b"For academic research only.\n",
    b"Free for non-commercial use. A commercial license is needed otherwise.\n",
    b"Foo uses Bar, which is MIT. All rights reserved.\n",
    b"Copyright 2020 Sample Works. All rights reserved.\n",
    b"This software is confidential and may not be shared.\n",
    b"Creative Commons BY-NC.\n",
    b"CC BY-NC-SA 4.0\n",
    b"A commercial licence is needed for use in companies.\n",
    b"Foo was once MIT. It is now under the Sample Enterprise Licence.\n",
    b"MIT, except that you may not use it to train models.\n",
    b"Not licensed for use by anybody outside Sample Works. Bar is MIT.\n",
    b"Icons are MIT.\n",
    b"- Bar: MIT\n- Baz: Apache-2.0\n",
    b"Ask us.\n\nThe license is decided case by case.\n",
    b"See LICENSE.\n",
]


@pytest.mark.parametrize("words", README_DENIES)
def test_readme_that_denies_or_speaks_of_others_makes_nothing_permissive(words: bytes) -> None:
    tree = {"README.md": b"# Foo\n\n## License\n\n" + words, "main.py": b"value = 1\n"}
    params = Params(editions=("permissive", "no_license"))
    assert rules(run({"octo-org/a": tree}, params))["octo-org/a", "main.py"] != "kept"


@pytest.mark.parametrize(
    ("readme", "expression"),
    [
        (b"# Foo\n\n## License\n\nReleased under the MIT license.\n", "MIT"),
        (b"# Foo\n\n## License\n\n[MIT](LICENSE) \xc2\xa9 Example Authors\n", "MIT"),
        (b"# Foo\n\n## License\n\nFoo is MIT licensed. It uses Bar, which is under the GPL.\n", "MIT"),
        (b"# Foo\n\n## License\n\nFormerly GPL, now under the MIT license.\n", "MIT"),
        (b"# Foo\n\n### Copyright and license\nThe code is MIT. The artwork is CC-BY-SA 4.0.\n", "MIT"),
        (b"Foo\n===\n\nLicense\n-------\n\nApache License 2.0 or MIT, at your option.\n", "Apache-2.0 OR MIT"),
        (b"# Foo\n\n[![License: MIT](https://img.shields.io/badge/License-MIT-yellow.svg)](LICENSE)\n", "MIT"),
        (b"# Foo\n\n![license](https://img.shields.io/badge/license-Apache--2.0-blue)\n", "Apache-2.0"),
        (b"# Foo\n\nFoo is released under the ISC License.\n", "ISC"),
        (b"# Foo\n\nLicense: BSD-3-Clause\n", "BSD-3-Clause"),
        (b"# Foo\n\n**License**\n\nThis project is based on Bar and is released under the MIT license.\n", "MIT"),
        (b"<h1>Foo</h1>\n<h2>License</h2>\n<p>This library is available under the MIT license.</p>\n", "MIT"),
        (b"= Foo\n\n== Licence\n\nThe zlib licence.\n", "Zlib"),
    ],
)  # fmt: skip
def test_readme_that_grants_for_its_project_names_the_licence(
    readme: bytes, expression: str
) -> None:
    filtered = run({"octo-org/a": {"README.md": readme, "main.py": b"value = 1\n"}})
    kept = {row["path"]: row for row in filtered.files.to_pylist()}
    assert kept["main.py"]["license_expression"] == expression


@pytest.mark.parametrize(
    "words",
    [
        b"It talks to servers whose own licence is the SSPL (link).\n",
        b"Similar to Bar, which is under the GPL.\n",
        b"Works with any GPL program.\n",
        b"Unlike Bar (AGPL), Foo is free to embed.\n",
        b"Compatible with the GPL.\n",
        b"Foo uses Bar, licensed under the LGPL.\n",
        b"Bar is distributed under the [GPL](https://example.org/gpl).\n",
        b"Tests run against Bar, whose licence is the AGPL.\n",
        b"Thanks to Bar (GPL-3.0).\n",
    ],
)
def test_readme_that_mentions_a_copyleft_of_others_is_kept_with_its_repository(
    words: bytes,
) -> None:
    tree = {"LICENSE": MIT, "README.md": b"# Foo\n\n" + words, "main.py": b"value = 1\n"}
    found = rules(run({"octo-org/a": tree}))
    assert found["octo-org/a", "README.md"] == "kept"
    assert found["octo-org/a", "main.py"] == "kept"


@pytest.mark.parametrize(
    "words",
    [
        b"You may choose between the GPL version 2 (COPYING) and the MIT license (LICENSE.MIT).\n",
        b"Dual-licensed under the GPL version 2 and the MIT license.\n",
        b"Either the MIT license or GPLv2, at your option.\n",
        b"Licensed under the GPLv2 or the MIT license.\n",
        b"Foo is available under the GPL 2.0 and the MIT license. Choose the license that suits you.\n",
    ],
)
def test_readme_makes_a_choice_of_two_texts(words: bytes) -> None:
    tree = {
        "COPYING": GPL_2, "LICENSE.MIT": MIT,
        "README.md": b"# Foo\n\n## License\n\n" + words, "main.c": CODE,
    }  # fmt: skip
    kept = {row["path"]: row for row in run({"octo-org/a": tree}).files.to_pylist()}
    assert kept["main.c"]["license_expression"] == "GPL-2.0-only OR MIT"


@pytest.mark.parametrize(
    "words",
    [
        b"Everything in the folder 'ee' is under the Sample Enterprise Licence. All else is under the MIT licence:\n\n",
        b'* All content residing under the "ee/" directory is licensed under the license defined in "ee/LICENSE".\n* Content outside of the above mentioned directories is available under the "MIT" license below.\n\n',
        b"The files in `ee/` are not open source: see their own terms. Everything else:\n\n",
        b"Code in ee/ is licensed under the Sample Commercial License.\n\n",
        b"This repository is under the MIT license, except for the ee directory, which is under a commercial license.\n\n",
        b"Excluding the contents of the directory ee/, which are under the GPL, the following holds:\n\n",
    ],
)  # fmt: skip
def test_root_licence_excepts_a_directory_and_grants_the_rest(words: bytes) -> None:
    tree = {"LICENSE": words + MIT, "ee/pay.py": b"value = 1\n", "src/main.py": b"other = 1\n"}
    found = rules(run({"octo-org/a": tree}))
    assert found["octo-org/a", "ee/pay.py"] == "license-not-allowed"
    assert found["octo-org/a", "src/main.py"] == "kept"


@pytest.mark.parametrize(
    "tree",
    [
        {"README.md": b"## License\n\nFor academic research only.\n"},
        {"README": b"License\n=======\n\nCC BY-NC\n"},
        {"README.md": b"## License\n\nA commercial licence is needed.\n"},
        {"README.md": b"# Box\n\nTo use it at work, a commercial licence is needed.\n"},
        {"README.md": b"## License\n\nWords that nobody understands.\n\nPermission by letter.\n"},
        {"package.json": b'{"license": "SEE LICENSE IN x.txt"}'},
        {"a.py": b"# Copyright Sample Works. All rights reserved.\nvalue = 1\n"},
        {"a.py": b"# Use of this source code is governed by the license in the LICENSE file.\nvalue = 1\n"},
        {"setup.py": b"from setuptools import setup\nsetup(name='a', license='GPLv3')\n"},
    ],
)  # fmt: skip
def test_no_license_is_for_silence_alone(tree: dict[str, bytes]) -> None:
    params = Params(editions=("permissive", "no_license"))
    found = rules(run({"octo-org/a": {"a.py": b"value = 1\n", **tree}}, params))
    assert found["octo-org/a", "a.py"] == "license-not-allowed"


@pytest.mark.parametrize(
    "tree",
    [
        {"LICENSE": b"MIT\n"},
        {"LICENSE": b"SPDX-License-Identifier: MIT\n"},
        {"LICENSE.md": b"# MIT License\n\nCopyright (c) 2020 Example Authors\n"},
        {"LICENSE": b"License: MIT\n"},
        {"LICENSE": b"https://opensource.org/licenses/MIT\n"},
        {"COPYING": b"The MIT License\n"},
        {"LICENSES/MIT.txt": MIT},
        {"LICENSE": b"YEAR: 2020\nCOPYRIGHT HOLDER: Example Authors\n", "DESCRIPTION": b"Package: a\nLicense: MIT + file LICENSE\n"},
        {"docs/LICENSE.txt": MIT},
        {"doc/COPYING": MIT},
        {"LEGAL/LICENSE": MIT},
        {"legal/LICENSE.md": MIT},
        {"licenses/LICENSE": MIT},
        {"setup.py": b"from setuptools import setup\nsetup(name='a', license='MIT')\n"},
        {"a.csproj": b"<Project><PropertyGroup><PackageLicenseExpression>MIT</PackageLicenseExpression></PropertyGroup></Project>\n"},
        {"README.md": b"# A\n\n[MIT](https://opensource.org/licenses/MIT)\n"},
        {"README.md": b"# A\n\n[![MIT licensed](https://img.shields.io/badge/license-MIT-blue.svg)](./LICENSE)\n"},
    ],
)  # fmt: skip
def test_permissive_by_plain_words_is_read(tree: dict[str, bytes]) -> None:
    kept = run({"octo-org/a": {"a.py": b"value = 1\n", **tree}}).files.to_pylist()
    (row,) = [row for row in kept if row["path"] == "a.py"]
    assert row["license_expression"] == "MIT"


@pytest.mark.parametrize(
    "tree",
    [
        {"LICENSE": b"GPL-3.0\n"},
        {"LICENSE": b"Mine\n"},
        {"LICENSES/MIT.txt": MIT, "LICENSES/GPL-2.0-only.txt": GPL_2},
        {"LICENSES/MIT.txt": MIT, "COPYING": GPL_2},
        {"docs/LICENSE": MIT, "package.json": b'{"license": "UNLICENSED"}'},
    ],
)
def test_plain_words_that_are_not_permissive_are_read_too(tree: dict[str, bytes]) -> None:
    found = rules(run({"octo-org/a": {"a.py": b"value = 1\n", **tree}}))
    assert found["octo-org/a", "a.py"] == "license-not-allowed"


@pytest.mark.parametrize(
    "text",
    [
        b"licensed under " * 400_000,
        b"/* licensed under the MIT */\n" * 200_000,
        b"a(" * 2_000_000 + b" licensed under the terms " + b"a(" * 2_000_000,
        b"\n=head1\n" * 400_000 + b"under the same terms\n",
        b"licen" * 1_000_000,
        b"x/" * 2_000_000 + b" directory is licensed under the MIT license",
        b"may not be used confidential commercial only " * 100_000,
        b"Permission is hereby granted " * 100_000,
        b"(" * 3_000_000 + b"proprietary" + b")" * 3_000_000,
        b"\n" * 3_000_000 + b"Licensed under MIT",
    ],
)
def test_hostile_text_takes_bounded_time(text: bytes) -> None:
    statements(b"// Licensed under the MIT license\n" * 1_000)
    start = time.process_time()
    statements(text)
    assert time.process_time() - start < 3.0


@pytest.mark.parametrize(
    "text",
    [
        b"# License\n\nMIT\n\n" * 50_000,
        b"1" * 1_000_000,
        b"## License\n\n" + b"a/" * 500_000 + b" folder",
        b"#" * 1_000_000 + b" License",
        b"shields.io/badge/" + b"license" * 100_000,
        b"[MIT](" * 200_000,
        b"<h1>" * 200_000,
        b"License:" * 100_000,
        b"* " * 400_000,
    ],
)
def test_hostile_readme_takes_bounded_time(text: bytes) -> None:
    readme_statements(b"# A\n\n## License\n\nMIT\n")
    start = time.process_time()
    readme_statements(text[: 1 << 20])
    assert time.process_time() - start < 3.0
