from __future__ import annotations

import re
from html.parser import HTMLParser

from stackyard.release.page import render
from stackyard.release.plots import documents, series
from stackyard.release.report import RunReport

from .conftest import Build, Source

HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [value or "" for name, value in attrs if name in {"src", "href", "action"}]


def report(build: Build, reasons: tuple[str, ...] = ("it is the first release",)) -> RunReport:
    release = build(
        [
            Source("octo-org/a", "a.py", "print(1)\n"),
            Source("octo-org/b", "b.cc", "int x;\n", "C++"),
        ]
    )
    return RunReport(
        release.manifest.name, "0.1.0", "minor", reasons, release.manifest.totals, 2, 0, 99
    )


def test_page_is_one_file_that_asks_for_nothing_and_runs_nothing(build: Build) -> None:
    text = render(report(build), "ab" * 32)
    page = Page()
    page.feed(text)
    assert {"script", "link", "img", "iframe"} & set(page.tags) == set()
    assert page.asked == []
    assert not re.search(r"url\(|@import|https?:", text)
    assert page.tags.count("svg") >= 3
    assert "ab" * 32 in text


def test_page_escapes_what_came_from_outside(build: Build) -> None:
    text = render(report(build, (HOSTILE, 'a" onload="x', "\x1b[2J")), None)
    page = Page()
    page.feed(text)
    assert "script" not in page.tags
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\x1b" not in text


def test_page_is_for_light_dark_and_paper(build: Build) -> None:
    text = render(report(build), None)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_page_shows_every_number_of_every_plot(build: Build) -> None:
    run = report(build)
    text = render(run, None)
    for _, rows in series(run).values():
        for label, _ in rows:
            assert label in text


def test_plots_leave_as_many_files_as_are_kept(build: Build) -> None:
    run = report(build)
    left = series(run)["left"][1]
    assert left[0] == ("seen", run.totals.files_seen)
    assert left[-1] == ("release", run.totals.files_kept)
    assert documents(run) == documents(run)
