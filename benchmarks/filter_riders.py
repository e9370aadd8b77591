"""Words around permissive texts: riders that take back what a text gives, and words that do not.

In: 240 riders of 12 kinds in three sets and 60 harmless residues in our own words, put around 15 texts of the SPDX list
at the head, in the middle, at the tail, and for riders in a file beside. Out: claims on how many are
kept. The rules were mended for the first two sets (what their first runs said is in docs/quality-filter.md);
the last set was written after that and is measured as it is: short.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from benchmarks import filter_corpus as corpus
from benchmarks import filter_riders_later as later
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
MENDED_FOR: Final = {
    "commons clause": (
        "COMMONS-CLAUSE.md",
        [
            "Offering this work against payment lies outside what is granted here.",
            "The licensor keeps sales for himself.",
            "(Sales channel: Octo Org alone.)",
            "Vending the Product, be it hosted or boxed, falls under a separate instrument.",
            "La vente du logiciel est exclue de la présente licence.",
            "9.1 The Sale Exception. Trading in copies of the Work stays with the Licensor.",
            "Shops look elsewhere.",
        ],
    ),
    "non-commercial": (
        "NONCOMMERCIAL.txt",
        [
            "The grant ends where money is earned.",
            "Hey, just don't get rich with it, ok?",
            "Intended for the classroom and the kitchen table.",
            "Solo para fines educativos.",
            "Gainful exploitation is deemed a material breach.",
            "Works for hire, agencies and consultants: another licence applies to you.",
            "[1] Where a wage is drawn from its use, footnote 2 governs.",
        ],
    ),
    "no training": (
        "NO-TRAINING.md",
        [
            "Weights derived from this text belong to us.",
            "Chatbots, go away.",
            "Humans welcome, robots keep moving.",
            "Statistical learners get nothing here.",
            "These pages are reserved under Article 4(3) of Directive (EU) 2019/790.",
            "Das Training von KI-Modellen mit diesem Code ist nicht gestattet.",
            "7(b) Machine readers. Gradient descent over the Work is an infringement.",
        ],
    ),
    "no competing service": (
        "RESTRICTIONS.txt",
        [
            "Authors of competing tools look elsewhere.",
            "Hosting it for others is our business.",
            "Substitutes for Octo Cloud fall outside this grant.",
            "Cloud vendors: talk to sales.",
            "If your product looks like ours, sorry, this one isn't for you.",
            "Ein Angebot als Dienst für Dritte bleibt dem Urheber vorbehalten.",
            "Its rivals stay empty-handed.",
        ],
    ),
    "field of use": (
        "ADDENDUM.txt",
        [
            "Aircraft, trains and hospitals are off the table.",
            "Designed for gardens, licensed for gardens.",
            "The scope of this licence is desktop publishing.",
            "Running it on phones breaks the deal.",
            "Per l'uso esclusivo in ambito agricolo.",
            "3. Scope. Embedded devices lie outside the Field.",
            "Betting shops, cigarette makers: this door is closed.",
        ],
    ),
    "ethics and military": (
        "ETHICAL-USE.md",
        [
            "Generals, look the other way.",
            "Be kind with it or lose it.",
            "Peace is a precondition of the grant.",
            "Those who build walls and bombs hold no copy lawfully.",
            "L'auteur s'oppose à tout usage par des forces armées.",
            "Animal testing laboratories forfeit every permission above.",
            "This code hates fascists, and they lose it on sight.",
        ],
    ),
    "company size": (
        "EULA.md",
        [
            "Big fish pay.",
            "Above fifty heads, this paper is worthless.",
            "Fortune 500 members hold a different licence.",
            "Multinationals stand outside this circle.",
            "(Small shops only, see the price list.)",
            "Ab zehn Mitarbeitern wird eine Lizenz fällig.",
            "Growth past a headcount of twenty brings the grant to its end.",
        ],
    ),
    "fee or trial": (
        "COMMERCIAL.md",
        [
            "Day thirty-one: the key turns off.",
            "Shareware. Register after two weeks.",
            "The first install is on the house.",
            "Nach Ablauf der Testphase ist eine Gebühr zu entrichten.",
            "A coffee per seat, please, it is the deal.",
            "Consideration for this licence: EUR 20 per annum.",
            "Demo edition, good for ten launches.",
        ],
    ),
    "modified title": (
        "AMENDMENT.md",
        [
            "Almost-MIT Licence",
            "The Fair BSD",
            "The Octo Org Licence (derived from MIT, see clause 3)",
            "MIT (our own edition)",
            "Licencia MIT modificada",
            "MIT No-AI License",
            "Apache 2.0 minus the patent grant",
        ],
    ),
    "additional terms": (
        "SUPPLEMENT.md",
        [
            "Our house rules at https://example.org/rules bind every recipient.",
            "What the website says on usage wins over this page.",
            "The master agreement prevails.",
            "Its use implies assent to the policy found at https://example.org/policy",
            "Es gelten zusätzlich die Allgemeinen Geschäftsbedingungen der Octo Org.",
            "(i) Schedule A forms a part hereof.",
            "This text yields to the contract between Octo Org and its customers.",
        ],
    ),
    "obligation": (
        "CLAUSES.txt",
        [
            "The splash screen stays as it is.",
            "Every screen says Powered by Octo Org.",
            "Patches flow back to us within ten days.",
            "A line with our name goes into the footer of each page.",
            "Upon receipt, each recipient mails a card to the author.",
            "Derivatives revert to the Licensor.",
            "Tell us where it runs. That is the price.",
        ],
    ),
    "persons and places": (
        "RIDER.md",
        [
            "Residents of Sampleland hold no rights hereunder.",
            "This grant lapses on 31 December 2025.",
            "The author may change his mind at any time.",
            "Ada's friends get it, the rest wait.",
            "Valid inside the European Union.",
            "Bewohner von Musterland sind ausgenommen.",
            "Permission sleeps while you are in litigation with us.",
        ],
    ),
}
"""A third set, in other styles: its first run kept 34 of 84 wordings; the rules were mended for it."""
FRESH: Final = {
    "commons clause": (
        "COMMONS-CLAUSE.md",
        [
            "Retail is reserved.",
            "Trade in this program belongs to its maker.",
            "(No part of this grant reaches resellers.)",
            "Il est exclu de vendre ce programme.",
            "Selling is a matter between you and our lawyers.",
            "4.2 Disposal for value is excepted from section 1.",
            "To market copies, get in touch about a separate deal.",
        ],
    ),
    "non-commercial": (
        "NONCOMMERCIAL.txt",
        [
            "Once money changes hands, these permissions vanish.",
            "For fun, never for gain.",
            "The rights cover learning and leisure.",
            "Salaried programmers are another matter.",
            "Voor thuisgebruik.",
            "[*] Excludes lucrative activity of any sort.",
            "A business that benefits from it breaks these terms.",
        ],
    ),
    "no training": (
        "NO-TRAINING.md",
        [
            "Automated learners: out of scope.",
            "Fine-tuning on this repository voids your copy.",
            "Transformers may look, they may not remember.",
            "Tokenising these files is theft.",
            "Aucun modèle ne peut être entraîné sur ce dépôt.",
            "Only people read this under the licence below.",
            "Copilot and its cousins are persona non grata.",
        ],
    ),
    "no competing service": (
        "RESTRICTIONS.txt",
        [
            "Whoever builds the same thing builds it without us.",
            "Resale as hosting belongs to Octo Org.",
            "Providers of managed databases have a different contract.",
            "An imitation of our product ends your rights.",
            "Wer ein ähnliches Produkt anbietet, erhält keine Rechte.",
            "The hosted version is ours, hands away.",
            "Alternatives to Octo Org shall be built on other code.",
        ],
    ),
    "field of use": (
        "ADDENDUM.txt",
        [
            "Licensed for bakeries.",
            "Drones are not in the picture.",
            "The permitted field is astronomy.",
            "This copy is for Octo hardware.",
            "Queda fuera el uso en vehículos.",
            "Use elsewhere than in browsers is a breach.",
            "6. Mines, refineries and pipelines: see clause 9.",
        ],
    ),
    "ethics and military": (
        "ETHICAL-USE.md",
        [
            "Do good with it.",
            "Bombs and this code do not mix.",
            "Its permissions die with the first person you wrong.",
            "Soldiers, spies and jailers are strangers to this licence.",
            "Für Rüstungsbetriebe gilt diese Lizenz nicht.",
            "We gave it to the peaceful.",
            "Respect workers, or lose the above.",
        ],
    ),
    "company size": (
        "EULA.md",
        [
            "Meant for one-person shops.",
            "Corporations sign a different paper.",
            "At a hundred seats the free ride ends.",
            "Stock-listed groups stay out.",
            "Para empresas pequeñas.",
            "Turnover past a million flips this page to our paid terms.",
            "The grant scales to ten developers.",
        ],
    ),
    "fee or trial": (
        "COMMERCIAL.md",
        [
            "The meter starts after the first month.",
            "Beer money is due to the author.",
            "Evaluation copy.",
            "Per ogni installazione si versa un contributo.",
            "Licence price on request.",
            "A tip unlocks the rights below.",
            "Good for thirty days from download.",
        ],
    ),
    "modified title": (
        "AMENDMENT.md",
        [
            "Nearly BSD",
            "MIT License, Octo Org flavour",
            "ISC with a twist",
            "Restricted MIT License",
            "The Ethical Apache License",
            "Licence MIT adaptée",
            "BSD (house version)",
        ],
    ),
    "additional terms": (
        "SUPPLEMENT.md",
        [
            "What our FAQ says of usage is law here.",
            "The charter at https://example.org/charter is woven into this licence.",
            "Where the two differ, the contract wins.",
            "Exhibit B counts.",
            "Les conditions générales de vente priment.",
            "By opening this file you join our programme.",
            "This document is read together with the Octo Org Rules.",
        ],
    ),
    "obligation": (
        "CLAUSES.txt",
        [
            "Our banner remains at the top of the page.",
            "Share your changes within a week.",
            "Each user writes the author a letter.",
            "The About box names Octo Org.",
            "Le logo reste visible.",
            "Forks take another name and tell us.",
            "Credit on screen, always.",
        ],
    ),
    "persons and places": (
        "RIDER.md",
        [
            "Only good until Christmas.",
            "Sampleland and its allies are left out.",
            "Given to Bo, and to Bo alone.",
            "We take it back whenever we please.",
            "Gültig in der Schweiz.",
            "Former employees of Octo Org walk away with nothing.",
            "The licence sleeps outside Europe.",
        ],
    ),
}
"""A fourth set, written after that: 7 of 84 wordings were kept before ADR 22."""
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
    yield _count("riders that the rules were mended for", texts, riders)
    mended = [
        (kind, beside, words) for kind, (beside, some) in MENDED_FOR.items() for words in some
    ]
    yield _count("riders in other styles, mended for", texts, mended)
    fresh = [(kind, beside, words) for kind, (beside, some) in FRESH.items() for words in some]
    yield _count("riders of the fourth set, which ADR 22 was made after", texts, fresh)
    for which, some in (("before tiling", later.BEFORE), ("after tiling", later.AFTER)):
        rows = [(kind, beside, words) for kind, (beside, each) in some.items() for words in each]
        yield _count(f"riders written {which}, mended for", texts, rows)
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


def _count(which: str, texts: dict[str, str], riders: list[tuple[str, str, str]]) -> Claim:
    """How many of a set of riders leave a file permissive, at four places each."""
    wrong, count = [], 0
    for number, (kind, beside, words) in enumerate(riders):
        name = LICENSES[number % len(LICENSES)]
        for place in (*_PLACES, "beside"):
            count += 1
            if _kept(_repository(texts[name], words, place, beside)):
                wrong.append(f"{kind}, {place} of {name}: {words}")
    for line in wrong:
        print(f"    kept in spite of a rider: {line}")
    return Claim(
        f"{len(riders)} {which} around {len(LICENSES)} permissive texts, at head, middle, tail and beside",
        "0 kept",
        f"{len(wrong)} of {count} kept",
        not wrong,
    )


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
