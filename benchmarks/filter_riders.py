"""Words around permissive texts: riders that take back what a text gives, and words that do not.

In: 72 riders of 12 kinds and 60 harmless residues in our own words, put around 15 texts of the SPDX list
at the head, in the middle, at the tail, and for riders in a file beside. Out: claims on how many are
kept. The words were written after the rules, which were made on those of the unit tests and of Debian's
files. What the first run over them said, before the rules were mended, is in docs/quality-filter.md.
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
            "This library carries the Commons Clause on top of its licence.",
            "For the avoidance of doubt, selling the software is not among the rights that follow.",
            "Commons Clause applies.",
            "Paid support for this software counts as selling it, which the licensor does not permit.",
            "Notwithstanding what follows, you do not get the right to Sell.",
            "The condition called Commons Clause takes precedence over the licence.",
        ],
    ),
    "non-commercial": (
        "NONCOMMERCIAL.txt",
        [
            "Use in a business is outside the scope of this licence.",
            "Only charities can use the software without asking.",
            "Firms: please buy a licence before you use this.",
            "Making money with this code is off limits.",
            "Students and teachers may use it; nobody else.",
            "Commercially it may be used after written approval.",
        ],
    ),
    "no training": (
        "NO-TRAINING.md",
        [
            "Do not train on this.",
            "It is prohibited to put this code into a corpus for language models.",
            "Bots that gather training material must skip this repository.",
            "Code generators shall not be derived from these sources by learning.",
            "The author opts out of text and data mining.",
            "Vendors of AI have no licence to read this repository.",
        ],
    ),
    "no competing service": (
        "RESTRICTIONS.txt",
        [
            "Whoever sells a similar product may not use ours.",
            "You cannot provide the software to third parties as a managed service.",
            "Running a public instance for paying customers needs a contract.",
            "No rights are granted to companies that compete with Octo Org.",
            "You may host it for yourself but not for clients.",
            "Marketplaces may not resell it.",
        ],
    ),
    "field of use": (
        "ADDENDUM.txt",
        [
            "It is not to be used for gambling.",
            "Use in voting machines is prohibited.",
            "The rights above do not extend to the oil industry.",
            "May not be used to track people.",
            "Only for use with printers that Octo Org makes.",
            "You agree to run it on Linux alone.",
        ],
    ),
    "ethics and military": (
        "ETHICAL-USE.md",
        [
            "No soldier may run this.",
            "The licensee shall not use the software to hurt animals.",
            "Ministries of defence are not licensed.",
            "If you support torture, you may not use this software.",
            "You must not be evil.",
            "Prisons and border guards cannot use it.",
        ],
    ),
    "company size": (
        "EULA.md",
        [
            "Groups with a yearly income of more than two million have to ask for terms.",
            "Businesses of a hundred people and more need a paid plan.",
            "The licence is void for listed companies.",
            "Start-ups only.",
            "If more than a thousand users depend on it, contact us for a licence first.",
            "Free for teams of up to three.",
        ],
    ),
    "fee or trial": (
        "COMMERCIAL.md",
        [
            "Each installation costs five euros.",
            "You can try it for a week.",
            "Licence keys are sold at https://example.org/shop and are needed to run it.",
            "After the trial you must uninstall the software.",
            "Donate ten dollars or delete it.",
            "A yearly payment keeps the licence alive.",
        ],
    ),
    "modified title": (
        "AMENDMENT.md",
        [
            "MIT-based licence with exceptions",
            "Apache License, Version 2.0, as amended by Octo Org",
            "Custom BSD licence",
            "ISC licence plus one condition",
            "What follows differs from the Boost licence in its second paragraph.",
            "The MIT licence with additional restrictions",
        ],
    ),
    "additional terms": (
        "SUPPLEMENT.md",
        [
            "Our code of conduct is a part of this licence, and breaking it ends the licence.",
            "Further terms are in EULA.pdf.",
            "You also have to accept the privacy policy.",
            "Use of the software is governed by the agreement at https://example.org/eula as well.",
            "These terms come on top of the licence: no benchmarks may be published.",
            "The licence holds unless the special conditions below say otherwise.",
        ],
    ),
    "obligation": (
        "CLAUSES.txt",
        [
            "Whoever uses the software must put our logo on the start page.",
            "You shall register before the first use.",
            "All improvements belong to the author.",
            "Users are obliged to report bugs that they find.",
            "Send a postcard, or do not use it.",
            "Credit in the title of your product is mandatory.",
        ],
    ),
    "persons and places": (
        "RIDER.md",
        [
            "Not for people in Sampleland.",
            "Employees of Octo Org are excluded.",
            "Only subscribers of our newsletter have these rights.",
            "It may be redistributed within Europe only.",
            "The author can withdraw the licence whenever he likes.",
            "This licence is for Ada Example and cannot be passed on.",
        ],
    ),
}
HARMLESS: Final = (
    "Copyright 1997, 1999-2002 Cy Placeholder",
    "Copyright (c) 2016-present, Octo Org and its affiliates.",
    "Copyright (C) 2010 Sample University Medical School",
    "(C) 2012 Bo Sample, Ada Example and others",
    "Copyright © Sampletown Research Group <group@example.org> 2013",
    "Parts copyright (c) 1994 Example Laboratories, Inc.",
    "Copyright Ada Example. All Rights Reserved.",
    "Licence information",
    "## Licensing",
    "COPYING",
    "Tiny Sampler",
    "Tiny Sampler: License Agreement",
    "tiny-sampler (version 0.9)",
    "Tiny Sampler -- small, quick and without dependencies of its own",
    "Tiny Sampler draws samples from streams.",
    "Below is the licence of Tiny Sampler.",
    "Tiny Sampler is available under this licence:",
    "The software in this repository is licensed as follows:",
    "This is the licence text for Tiny Sampler.",
    "Unless stated otherwise, everything here is under the following licence.",
    "The licence:",
    "Original author: Cy Placeholder (cy@example.org)",
    "Current maintainers: Ada Example, Bo Sample",
    "Created by Ada Example in 2014.",
    "Contributors\n------------\n- Bo Sample\n- Cy Placeholder",
    "Made in Sampletown.",
    "Tiny Sampler was started by Bo Sample in 2008 and has been maintained by Ada Example since 2012.",
    "It was ported from Pascal by Cy Placeholder.",
    "Thank you, Bo, for all the work.",
    "With thanks to all who helped.",
    "I am grateful to Cy Placeholder for many hints.",
    "Its design was inspired by Old Sampler.",
    "Tiny Sampler and its logo are registered trademarks of Octo Org.",
    "Other names are trademarks of their owners.",
    "No permission to use our trademarks is implied.",
    "The licence does not cover the name Tiny Sampler.",
    "No guarantee of any kind is given.",
    "The authors cannot be held responsible for losses caused by the program.",
    "Use at your own risk.",
    "There is absolutely no warranty for this software.",
    "The people who wrote it are listed in CREDITS.",
    "More information: https://example.org/tiny",
    "Licences of dependencies can be found in docs/dependencies.md.",
    "Refer to NOTICE.txt for notices of third parties.",
    "Code in lib/old was written by others and has its own licence.",
    "The pictures in docs/img are by Bo Sample, CC BY 4.0.",
    "Third-party modules under node_modules have licences of their own.",
    "Contains parts of Old Sampler, Copyright 1995 Cy Placeholder, under the same licence.",
    "It bundles the Example font, which is under the SIL Open Font License.",
    "If you use Tiny Sampler in your research, please cite our article.",
    "Feedback is welcome.",
    "Please send patches to patches@example.org.",
    "Questions? Write to ada@example.org.",
    "Pull requests are licensed under the same terms.",
    "All contributions are accepted under this licence.",
    "In short: you may use it for anything, commercial or not.",
    "Updated: January 2024",
    "* * * * * * * * * *",
    '<p align="center"><b>Tiny Sampler</b></p>',
    "Traduction française (non officielle) :\n\nLe logiciel est fourni en l'état, sans aucune garantie.",
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
