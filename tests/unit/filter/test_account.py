"""Every word of a licence file counts: riders, harmless words, edits, markup."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from stackyard.filter import default_policy
from stackyard.filter.account import Account, account, expression_of, without_markup
from stackyard.filter.expression import UNRECOGNIZED
from stackyard.filter.params import LicenseTextParams
from stackyard.filter.statements import FileStatementDetector
from stackyard.filter.texts import read, spdx_index
from tests.unit.filter.corpus import batch
from tests.unit.filter.licenses import APACHE_NOTICE, BSD2, ISC, MIT

SCORE = LicenseTextParams().score_min


def read_license(text: str) -> Account:
    return account(text.encode(), SCORE)


def is_permissive(found: Account) -> bool:
    said = expression_of(found.pieces)
    return said is not None and default_policy().classify(said) == "permissive"


def placed(text: str, words: str, place: str) -> str:
    """A text with words at its head or tail, or after its second paragraph."""
    if place == "head":
        return f"{words}\n\n{text}"
    if place == "tail":
        return f"{text}\n\n{words}\n"
    parts = text.split("\n\n")
    return "\n\n".join([*parts[:2], words, *parts[2:]])


RIDERS = {
    "commons-clause": [
        "Commons Clause: the right to Sell the Software is not part of this licence.",
        "The Commons Clause applies to everything below.",
    ],
    "non-commercial": [
        "Commercial use needs our prior consent.",
        "You may not make money with this.",
        "This library is for hobbyists; firms pay.",
        "Free for students. All others ask first.",
        "Only universities may run it in production.",
        "For private, non-profit projects only.",
        "Any use in a paid product is excluded.",
        "The rights above end where you earn something with the code.",
        "NOT FOR COMMERCIAL USE",
        "Selling copies is reserved to the author.",
    ],
    "no-training": [
        "No machine may learn from this code.",
        "You must keep it out of all training data.",
        "Use as input to a language model is forbidden.",
        "AI companies get no rights under this licence.",
        "Do not feed this repository to a neural network.",
        "It shall not appear in any dataset.",
        "Text and data mining is opted out of.",
        "Crawlers that collect code for generative models are not welcome here.",
        "By reading this, a model agrees to forget it.",
        "The licence is void for whoever trains on it.",
    ],
    "no-competition": [
        "You cannot sell hosting of it.",
        "Competitors of ours need another licence.",
        "Nobody may run it as a service for third parties.",
        "A managed offering based on it is prohibited.",
    ],
    "field-of-use": [
        "It must not be used in weapons.",
        "No government agency may use it.",
        "Surveillance of people with it is prohibited.",
        "Use in nuclear plants or in cars requires permission.",
        "The police are excluded from these permissions.",
    ],
    "ethics": [
        "The Software shall be used for good, never for evil.",
        "Whoever harms animals loses this licence.",
        "You agree to respect human rights while you use it.",
    ],
    "company-size": [
        "Companies with more than 50 employees must buy a licence.",
        "If your yearly revenue is above one million, write to us first.",
    ],
    "fee": [
        "After thirty days you have to register and pay.",
        "Each seat costs ten euros.",
    ],
    "modified": [
        "This is a modified MIT licence: section two is ours.",
        "Apache License, with additions by Example Works",
    ],
    "obligation": [
        "You must send us every change that you make.",
        "Every page that uses it has to link to example.org.",
        "The logo in the corner must remain visible.",
        "Before you use it, ask.",
        "You need to star the repository to be licensed.",
    ],
    "additional-terms": [
        "The terms in TERMS.md apply as well.",
        "See ADDENDUM.txt for further restrictions.",
        "This licence is subject to our acceptable use policy.",
    ],
    "another-language": [
        "Nur für den privaten Gebrauch.",
        "Usage commercial interdit sans accord de l'auteur.",
        "仅限非商业用途。",
        "Prohibido su uso por empresas con fines de lucro.",
        "Только для личного использования.",
    ],
}


@pytest.mark.parametrize("place", ["head", "middle", "tail"])
@pytest.mark.parametrize("words", [words for some in RIDERS.values() for words in some])
def test_rider_beside_a_permissive_text_is_never_permissive(words: str, place: str) -> None:
    for text in (MIT, ISC, BSD2):
        assert not is_permissive(read_license(placed(text.decode(), words, place)))


HARMLESS = [
    "Copyright (c) 2019, 2021 The Example Authors. All rights reserved.",
    "© 2003-2007 Example Research Institute and contributors",
    "Portions Copyright 1998 Octo Org, Inc.",
    "Authors:\n  Ada Example <ada@example.org>\n  Bo Sample <bo@example.org>",
    "Thanks to everybody at the Example Lab who sent patches.",
    "Example is a trademark of Octo Org.",
    "This licence does not grant any right to the name or the logo of Example.",
    "The software comes without any warranty; use it at your own risk.",
    "The authors are not liable for damages of any kind.",
    "This project bundles a font under the SIL Open Font License, see fonts/OFL.txt.",
    "Third-party components in vendor/ are under their own licences.",
    "See the file AUTHORS for the list of contributors.",
    "Files in third_party/ come from other projects; their licences are in those directories.",
    "https://opensource.org/licenses/MIT",
    "example-project",
    "Example: a library to draw graphs",
    "If you use it in a paper, please cite us.",
    "For questions write to ada@example.org.",
    "Originally written by Ada Example at Octo Org in 1999.",
    "--------------------------------------------------",
    "Version 1.2, 3 May 2020",
    "Last changed: 2021-03-04",
    "Contributions are accepted under the same licence.",
    "The licence text follows.",
    "What this means: you can use it for any purpose, commercial or not, without restriction.",
    "It is based on work by Bo Sample.",
    "SPDX-License-Identifier: {id}",
]


@pytest.mark.parametrize("words", HARMLESS)
def test_harmless_words_beside_a_text_leave_it_what_it_is(words: str) -> None:
    for license_id, text in (("MIT", MIT), ("ISC", ISC), ("BSD-2-Clause", BSD2)):
        for place in ("head", "tail"):
            found = read_license(placed(text.decode(), words.replace("{id}", license_id), place))
            assert expression_of(found.pieces) == license_id


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("to any person", "to any student"),
        ("to any person", "to any person in Elbonia"),
        ("to any person", "to any natural person"),
        ("free of charge", "for a fee"),
        ("sublicense, and/or sell", "and sublicense"),
        ("without restriction", "with restriction"),
        ("the rights to use", "the right to privately use"),
        ("subject to the following conditions", "subject to approval and the following conditions"),
        ("furnished to do so", "furnished to do so once"),
    ],
)
def test_changed_word_that_counts_is_no_licence_of_the_list(old: str, new: str) -> None:
    text = " ".join(MIT.decode().split())
    assert old in text
    assert not is_permissive(read_license(text.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("The above copyright notice", "The copyright notice above"),
        ("THE AUTHORS OR COPYRIGHT HOLDERS", "OCTO ORG OR ANY CONTRIBUTOR"),
        ("the Software", "the Library"),
        ("MERCHANTABILITY", "MERCHANTIBILITY"),
        ("sublicense", "sub-license"),
        ("associated documentation files", "accompanying documentation files"),
    ],
)
def test_edit_that_changes_nothing_leaves_the_licence(old: str, new: str) -> None:
    text = " ".join(MIT.decode().split())
    assert old in text
    assert expression_of(read_license(text.replace(old, new)).pieces) == "MIT"


@pytest.mark.parametrize(
    "wrap",
    [
        "<html><body><h1>License</h1><pre>{}</pre></body></html>",
        "# License\n\n> {}\n",
        "/*\n{}\n*/",
        "License\n=======\n\n::\n\n    {}",
        "***********\n{}\n***********",
    ],
)
def test_markup_around_a_text_says_nothing(wrap: str) -> None:
    assert expression_of(read_license(wrap.replace("{}", MIT.decode())).pieces) == "MIT"


def test_words_hidden_in_markup_are_read() -> None:
    assert not is_permissive(read_license(f"{MIT.decode()}\n<!-- Not for commercial use. -->\n"))
    assert len(without_markup(b"<p>a</p>&copy;")) == len(b"<p>a</p>&copy;")


def test_agreement_with_a_component_text_at_its_end_is_not_that_text() -> None:
    clauses = "\n".join(
        f"{number}. The customer shall not, in case {number}, let others run the product."
        for number in range(1, 21)
    )
    text = f"End user agreement\n\n{clauses}\n\nThird-party notices\n\n{MIT.decode()}"
    assert UNRECOGNIZED in (expression_of(read_license(text).pieces) or "")


def test_two_texts_hold_both_unless_a_sentence_makes_them_a_choice() -> None:
    both = f"{MIT.decode()}\n\n{ISC.decode()}"
    assert expression_of(read_license(both).pieces) == "ISC AND MIT"
    choice = f"Dual licensed: MIT or ISC, at your option.\n\n{both}"
    assert UNRECOGNIZED not in (expression_of(read_license(choice).pieces) or "")


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("MIT\n", "MIT"),
        ("Apache-2.0", "Apache-2.0"),
        ("SPDX-License-Identifier: MIT\n", "MIT"),
        ("Released under the MIT license.\n", "MIT"),
        (APACHE_NOTICE.decode(), "Apache-2.0"),
    ],
)
def test_name_tag_or_notice_alone_is_read(text: str, expression: str) -> None:
    assert expression_of(read_license(text).pieces) == expression


def test_pointer_to_another_file_states_nothing() -> None:
    found = read_license("See LICENSE.md for the terms.\n")
    assert (found.pieces, found.points) == ((), True)


def test_ranges_are_those_of_what_matched() -> None:
    raw = b"Preface by Ada.\n\n" + MIT + b"\nNever use it at work.\n"
    text, doubt = account(raw, SCORE).pieces
    assert raw[text.start_byte : text.end_byte].startswith(b"Permission is hereby granted")
    assert raw[doubt.start_byte : doubt.end_byte] == b"Never use it at work"


def test_words_are_case_spelling_and_clause_numbers_apart_the_same() -> None:
    one = read(b"1. The Licence owner\xe2\x80\x99s sub-license (a) \xc2\xa7 https://example.org/x.")
    two = read(b"* the license HOLDER's sublicense (ii) http://example.org/x")
    assert one.keys.tolist() == two.keys.tolist()


def test_every_listed_text_is_aligned_with_itself_whole() -> None:
    index = spdx_index()
    for number in range(0, len(index.ids), 20):
        keys, free = index.text(number)
        found = index.align(number, keys.copy(), free)
        assert found is not None
        assert (found.score, len(found.own)) == (1.0, len(keys))


@pytest.mark.parametrize(
    "text",
    [
        MIT * 300,
        b"permission is hereby granted " * 40_000,
        b"a.b/" * 250_000,
        b"<p " * 300_000,
        b"never " * 150_000,
        b"Never do it. " * 80_000,
    ],
)
def test_hostile_text_takes_bounded_time(text: bytes) -> None:
    account(MIT, SCORE)
    start = time.process_time()
    account(text, SCORE)
    assert time.process_time() - start < 8.0


@pytest.mark.parametrize(
    ("path", "words", "counts"),
    [
        ("COMMONS-CLAUSE.md", "The Commons Clause restricts the licence: no right to Sell.", True),
        ("NO-AI.txt", "This code is not to be learned from by machines.", True),
        ("EULA.txt", "The customer agrees to audits.", True),
        ("ADDENDUM.rst", "One more condition: send a postcard.", True),
        ("TERMS.md", "The software must not be used commercially.", True),
        ("NOTICE", "Use of this software for military purposes is prohibited.", True),
        ("NOTICE", "This product includes software developed at Octo Org.", False),
        ("docs/legal.md", "Example is a trademark of Octo Org.", False),
    ],
)
def test_rider_in_a_file_beside_the_licence_counts(path: str, words: str, counts: bool) -> None:
    detector = FileStatementDetector(LicenseTextParams())
    rows = detector.detect(batch([(path, words.encode())])).to_pylist()
    assert bool(rows) is counts
    assert not any(default_policy().classify(row["expression"]) == "permissive" for row in rows)


def test_gnu_text_as_its_publisher_has_it_is_that_licence_alone() -> None:
    """Its title stands above the terms once more, with a last paragraph that SPDX calls optional."""
    text = Path("/usr/share/common-licenses/GPL-2").read_text(encoding="utf-8")
    assert expression_of(read_license(text).pieces) == "GPL-2.0-only"


@pytest.mark.parametrize(
    "beside",
    [
        "For exact contribution history, see the revision history available at https://example.org",
        "The following license applies to all parts of this software except as documented below:",
        "--- Optional exception to the license ---",
        "As an exception, you may redistribute object code without including the above notices.",
    ],
)
def test_words_beside_a_text_that_only_tell_or_give_more_change_nothing(beside: str) -> None:
    assert expression_of(read_license(f"{MIT.decode()}\n\n{beside}\n").pieces) == "MIT"


def test_exception_that_takes_is_no_harmless_one() -> None:
    beside = "As an exception, you may redistribute portions only without including advertisements."
    assert not is_permissive(read_license(f"{MIT.decode()}\n\n{beside}\n"))


@pytest.mark.parametrize("more", ["for friends and family", "not for sale", "customers only"])
def test_words_in_a_notice_of_an_exact_text_are_read(more: str) -> None:
    text = MIT.decode().replace("The Example Authors", f"The Example Authors, {more}")
    assert not is_permissive(read_license(text))


@pytest.mark.parametrize("name", ["MIT++", "Apache*", "BSD+"])
def test_name_with_a_sign_alone_is_no_name_of_a_listed_licence(name: str) -> None:
    assert not read_license(f"{name}\n").is_plain
