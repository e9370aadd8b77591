"""Words around permissive texts: riders that take back what a text gives, and words that do not.

In: 72 riders of 12 kinds and 60 harmless residues in our own words, put around 15 texts of the SPDX list
at the head, in the middle, at the tail, and for riders in a file beside. Out: claims on how many are
kept. Neither set was looked at while the rules were made: those were made on the unit tests' words and on
Debian's files; what the first run over these sets said is in docs/quality-filter.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from benchmarks import filter_corpus as corpus
from benchmarks.claim import Claim
from benchmarks.filter_licenses import scancode
from benchmarks.filter_stage import batch_of
from stackyard import filter as room
from stackyard.filter import evidence
from stackyard.filter.expression import canonical
from stackyard.filter.params import LicenseTextParams
from stackyard.filter.statements import FileStatementDetector, TextStatementDetector
from stackyard.record import FILE_KEY, FILES

LICENSES: Final = (
    "MIT",
    "ISC",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Apache-2.0",
    "Zlib",
    "BSL-1.0",
    "Unlicense",
    "0BSD",
    "MIT-0",
    "NCSA",
    "X11",
    "PostgreSQL",
    "UPL-1.0",
    "BlueOak-1.0.0",
)
RIDERS: Final = {
    "commons clause": (
        "COMMONS-CLAUSE.md",
        [
            '"Commons Clause" License Condition v1.0',
            "Without limiting other conditions, the grant of rights below does not include the right to Sell the Software.",
            "Subject to the Commons Clause.",
            "The licensor adds the Commons Clause: hosting or consulting whose value derives from the software is selling.",
            "Sell means practising any of the rights granted to provide others, for a fee, a product whose value comes from this.",
            "License: the text below plus Commons Clause",
        ],
    ),
    "non-commercial": (
        "NON-COMMERCIAL.md",
        [
            "Permission is limited to uses from which nobody profits.",
            "Business users should get in touch to buy a licence.",
            "It is offered at no charge to hobby projects; everyone else pays.",
            "You are not allowed to charge for anything that contains this code.",
            "Academic and personal use only.",
            "Should you intend to earn money through it, none of the rights in this file are yours.",
        ],
    ),
    "no training": (
        "NO-AI.md",
        [
            "This material may not serve as input for statistical learning of any sort.",
            "The grant does not extend to building corpora for code assistants.",
            "Ingesting these files into a foundation model violates this licence.",
            "Neural networks must not be fitted to this repository.",
            "We withhold consent for inclusion in datasets.",
            "No rights are given for purposes of artificial intelligence.",
        ],
    ),
    "no competing service": (
        "RESTRICTIONS.md",
        [
            "Offering the functions of this program to customers over a network is not allowed.",
            "You shall not build a product that rivals ours with it.",
            "Cloud providers are excluded from this licence.",
            "It may not be hosted for others in return for payment.",
            "Reselling access to the software as a service requires a partnership with us.",
            "Use by our competitors is prohibited.",
        ],
    ),
    "field of use": (
        "TERMS.md",
        [
            "The software may not be run in aircraft.",
            "Operators of drones that carry weapons may not use the software.",
            "This code is for games only.",
            "The software shall not be used to mine coins.",
            "Use of this code for advertising is forbidden.",
            "Not licensed for medical devices.",
        ],
    ),
    "ethics and military": (
        "ETHICS.md",
        [
            "The Software shall be used for Good, not Evil.",
            "Use by any armed force is a breach of this licence.",
            "You may use this as long as you do no harm to people.",
            "Companies that extract coal do not receive any permission.",
            "Whoever discriminates on grounds of origin may not use this software.",
            "Respect for human rights is a condition of the permissions above.",
        ],
    ),
    "company size": (
        "TERMS.md",
        [
            "Organisations of over two hundred staff must obtain a separate licence to use the software.",
            "If your group had a turnover of ten million or more last year, this licence does not apply.",
            "Products with above 700 million monthly active users need a licence that we may refuse.",
            "Free of charge for firms with fewer than five developers who use the software.",
            "Large enterprises are asked to sign our agreement before use.",
            "Licensees that raised venture capital must purchase seats.",
        ],
    ),
    "fee or trial": (
        "EULA.txt",
        [
            "Evaluate the software for fourteen days, then buy a key.",
            "A royalty of two percent is due on every copy that is sold.",
            "The rights end when the subscription does.",
            "Production use requires payment.",
            "This is an evaluation copy.",
            "Unregistered users may start the program ten times.",
        ],
    ),
    "modified title": (
        "ADDENDUM.md",
        [
            "MIT License (modified)",
            "Apache License 2.0 with a custom section 4",
            "BSD License, amended by the authors: see the last paragraph",
            "This is not the ISC licence: a condition was added.",
            "Our licence is the following text with one extra clause.",
            "An adapted version of the Boost licence",
        ],
    ),
    "additional terms": (
        "ADDENDUM.md",
        [
            "In addition, our acceptable use policy is part of this licence.",
            "Section 11: the licensee agrees to yearly audits of how the software is used.",
            "These permissions are subject to the conditions in TERMS.md.",
            "By downloading the software you accept the terms at https://example.org/terms.",
            "The following restrictions also apply to the software.",
            "Where this text and our terms of service differ, those terms of service prevail over this licence.",
        ],
    ),
    "obligation": (
        "CLAUSE.txt",
        [
            "Every user of the software has to publish a link to example.org.",
            "Changes to this code must be sent to the authors within a week.",
            "A splash screen that names us must be shown at each start.",
            "You must delete your copies on request.",
            "Notify us by mail before you deploy it.",
            "Forks are required to change their name and colours, and to tell us.",
        ],
    ),
    "persons and places": (
        "RESTRICTIONS.md",
        [
            "This licence is granted to residents of the European Union alone.",
            "Members of the club may copy it; others may look at it.",
            "No one employed at Octo Org may use the software.",
            "Redistribution outside our university is not permitted.",
            "The permission ends with the year 2030.",
            "We may revoke these rights at any time.",
        ],
    ),
}
HARMLESS: Final = (
    "Copyright 2011-2014 Ada Example and the Sample Works team",
    "Copyright (C) 2022 by Department of Computer Science, Example University. All rights reserved.",
    "(c) 1999 Bo Sample <bo@example.org>",
    "Copyright © 2018, Octo Org GmbH & Co. KG, https://octo.example.org",
    "Portions copyright (c) 2005, 2006 by the Example Foundation",
    "All rights reserved.",
    "License",
    "# License",
    "LICENSE AND COPYRIGHT",
    "Sample Parser",
    "The Sample Parser Library",
    "sample-parser 3.2.1",
    "Sample Parser - reads samples quickly",
    "Sample Parser is a small library that reads samples.",
    "The text of the licence is as follows.",
    "This project is distributed under the following licence:",
    "Sample Parser is released under the terms below.",
    "This file contains the licence of Sample Parser.",
    "The following license applies to all files in this repository unless noted otherwise.",
    "Full license text:",
    "Authors: Ada Example, Bo Sample, Cy Placeholder",
    "Maintainer: Ada Example <ada@example.org>",
    "Written by Bo Sample while at Octo Org.",
    "List of contributors:\n * Ada Example\n * Bo Sample\n * Cy Placeholder",
    "Developed at the Institute for Examples, Sampletown.",
    "The first version was written in 2009 by Cy Placeholder and rewritten in 2015.",
    "This library began as a fork of Old Sample and was renamed in 2012.",
    "Many thanks to Bo Sample for the idea.",
    "Special thanks go to the people who reported bugs.",
    "We are grateful to the Example Foundation.",
    "Inspired by the work of Ada Example.",
    "Sample Parser(TM) is a trademark of Octo Org.",
    "All trademarks are the property of their respective owners.",
    "Nothing in this licence grants permission to use the trademarks of Octo Org.",
    "The name and logo of Octo Org are not covered by this licence.",
    "There is no warranty whatsoever.",
    "We accept no liability for any damage that results from the software.",
    "This comes as is; everything you do with it is at your own risk.",
    "The authors disclaim all responsibility for errors.",
    "See AUTHORS.md for a list of people.",
    "For details see https://example.org/sample/license.html.",
    "A list of third-party software is in THIRD_PARTY.md.",
    "See the NOTICE file for the licences of bundled libraries.",
    "The directory vendor/zip contains code under its own licence.",
    "The icons in assets/ were made by Cy Placeholder and are under CC-BY-4.0.",
    "Bundled dependencies keep their own licences, which are in licenses/.",
    "Includes code from Old Sample (https://example.org/old), also under this licence.",
    "The fonts directory holds fonts under the SIL Open Font License 1.1.",
    "Please cite the paper of 2016 when you publish results.",
    "We would be happy to hear from you.",
    "Please report problems at https://example.org/bugs.",
    "Contact: license@example.org",
    "Contributions to this project are made under this same licence.",
    "By submitting a patch you agree that it is licensed under these terms.",
    "This means that everyone may use it for any purpose, including commercial ones.",
    "Last updated on 12 March 2021",
    "==========================================",
    "<!-- licence file -->",
    "END OF LICENSE",
    "Deutsche Übersetzung (unverbindlich):\n\nDie Software wird ohne jede Gewähr zur Verfügung gestellt.",
)
_PLACES: Final = ("head", "middle", "tail")
_KEPT_MIN: Final = 57


def run() -> Iterator[Claim]:
    texts = _texts()
    riders = [(kind, beside, words) for kind, (beside, some) in RIDERS.items() for words in some]
    wrong, count = [], 0
    for number, (kind, beside, words) in enumerate(riders):
        name = LICENSES[number % len(LICENSES)]
        for place in (*_PLACES, "beside"):
            count += 1
            if _kept(_repository(texts[name], words, place, beside)):
                wrong.append(f"{kind}, {place} of {name}: {words}")
    for line in wrong:
        print(f"    kept in spite of a rider: {line}")
    yield Claim(
        f"{len(riders)} riders of {len(RIDERS)} kinds around {len(LICENSES)} permissive texts, at head, "
        "middle, tail and beside",
        "0 kept",
        f"{len(wrong)} of {count} kept",
        not wrong,
    )
    lost = [words for number, words in enumerate(HARMLESS) if not _kept(_residue(texts, number))]
    for line in lost:
        print(f"    lost for harmless words: {line!r}")
    yield Claim(
        f"{len(HARMLESS)} harmless residues around them",
        f">= {_KEPT_MIN} kept",
        f"{len(HARMLESS) - len(lost)} kept",
        len(HARMLESS) - len(lost) >= _KEPT_MIN,
    )
    yield _beside_scancode(texts, riders)


def _texts() -> dict[str, str]:
    listed = json.loads(corpus.npm("spdx-license-list@6.12.0", "spdx-full.json"))
    return {name: listed[name]["licenseText"] for name in LICENSES}


def _residue(texts: dict[str, str], number: int) -> dict[str, bytes]:
    name, place = LICENSES[number % len(LICENSES)], _PLACES[(number // 5) % 3]
    return _repository(texts[name], HARMLESS[number], place, "")


def _repository(text: str, words: str, place: str, beside: str) -> dict[str, bytes]:
    """A repository with a licence, words that stand at a place of it, and a file without a notice."""
    files = {"a.py": b"x = 1\n"}
    if place == "beside":
        return files | {"LICENSE": text.encode(), beside: f"{words}\n".encode()}
    parts = text.split("\n\n")
    at = {"head": 0, "middle": (len(parts) + 1) // 2, "tail": len(parts)}[place]
    return files | {"LICENSE": "\n\n".join([*parts[:at], words, *parts[at:]]).encode()}


def _kept(repository: dict[str, bytes]) -> bool:
    """Whether what holds for `a.py` is permissive, by the filter's own detectors and evidence."""
    paths = sorted(repository)
    batch = batch_of(paths, [repository[path] for path in paths])
    sizes = [len(repository[path]) for path in paths]
    files = pa.table(
        [
            pa.array(["octo-org/sample"] * len(paths)),
            pa.array(["r"] * len(paths)),
            batch["path"],
            batch["blob_id"],
            pa.array(sizes, pa.int64()),
        ],
        schema=FILES,
    ).sort_by([(name, "ascending") for name in FILE_KEY])
    stated = evidence.gather(
        files,
        TextStatementDetector().detect(batch),
        FileStatementDetector(LicenseTextParams()).detect(batch),
    )
    said = stated.expressions[stated.expression_of[files["path"].to_pylist().index("a.py")]]
    return _is_permissive(said)


def _is_permissive(said: str | None) -> bool:
    return said is not None and room.default_policy().classify(said) == "permissive"


def _beside_scancode(texts: dict[str, str], riders: list[tuple[str, str, str]]) -> Claim:
    """The same licence files, each rider at one place, read by ScanCode: its expression by our policy."""
    files: dict[str, bytes] = {}
    for number, (_, beside, words) in enumerate(riders):
        name, place = LICENSES[number % len(LICENSES)], _PLACES[number % 3]
        files[f"rider-{number:02}.txt"] = _repository(texts[name], words, place, beside)["LICENSE"]
    for number in range(len(HARMLESS)):
        files[f"harmless-{number:02}.txt"] = _residue(texts, number)["LICENSE"]
    found, _ = scancode(files)
    kept = {
        name for name, said in found.items() if said is not None and _is_permissive(canonical(said))
    }
    wrong = sum(name.startswith("rider") for name in kept)
    right = sum(name.startswith("harmless") for name in kept)
    return Claim(
        "the same files (each rider at one place) by ScanCode's expression",
        "for comparison",
        f"{wrong} of {len(riders)} riders and {right} of {len(HARMLESS)} harmless ones permissive",
        True,
    )
