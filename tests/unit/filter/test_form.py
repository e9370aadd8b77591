from __future__ import annotations

import time

import pytest

from tests.unit.filter.test_language import row

C = b"/* words */\n#include <stdio.h>\n#define X 1\n\nint main(void)\n{\n    return X;\n}\n"
CPP = b'#include <vector>\n#include "a.h"\n\nnamespace a {\nstd::vector<int> b;\nint c();\n}\n'
XML = b"<?xml version='1.0'?>\n<a>\n  <b c='d'/>\n</a>\n"
ROOTED = b"<!-- words -->\n<project name='x'>\n<target/>\n</project>\n<!-- end -->\n"
HTML = b"<!DOCTYPE html>\n<html><body><p>words</p></body></html>\n"
JSON = b'{"a": [1, 2], "b": {"c": null}}\n'
EAGLE = (
    b"<eagle version='6.3'>\n<drawing>\n<layers>\n"
    b"<layer number='1' name='Top' color='4' fill='1' visible='yes' active='yes'/>\n</layers>\n"
    b"<wire x1='0' y1='0' x2='1' y2='1' width='0.1' layer='21'/>\n"
    b"<smd name='1' x='0' y='0' dx='1' dy='1' layer='1'/>\n</drawing>\n</eagle>\n"
)
BLOCKS = b"<ul>\n{{#each items}}\n<li>{{this}}</li>\n{{/each}}\n</ul>\n"


@pytest.mark.parametrize(
    ("name", "content", "language"),
    [
        ("a.aug", XML, "XML"),
        ("a.aug", ROOTED, "XML"),
        ("a.hb", JSON, "JSON"),
        ("a.hb", b'[{"a": 1}]', "JSON"),
        ("a.hb", BLOCKS, "Handlebars"),
        ("a.ec", C, "C"),
        ("a.ec", CPP, "C++"),
        ("a.factor", HTML, "HTML"),
        ("a.zig", b"<table>\n<tr><td>x</td></tr>\n</table>", "HTML"),
        ("a.pony", b'<svg viewBox="0 0 1 1"><path d=""/></svg>', "SVG"),
        ("a.sml", b"<?php\necho 1;\n", "PHP"),
        ("a.lean", b"<?xml version='1.0'?>\n<!DOCTYPE a SYSTEM 'a.dtd'>\n<a></a>\n", "XML"),
        ("a.tsx", b'<tileset name="a"><image source="a.png"/></tileset>\n', "XML"),
        ("a.tsx", b'<?xml version="1.0"?>\n<tileset name="a"/>\n', "XML"),
        ("a.sch", EAGLE, "Eagle"),
        (
            "a.sch",
            b"<schema xmlns='http://purl.oclc.org/dsdl/schematron'><pattern/></schema>",
            "XML",
        ),
        ("a.ts", b"<!DOCTYPE TS><TS><context/></TS>\n", "XML"),
    ],
)
def test_content_that_is_plainly_something_else_is_not_called_after_a_rare_extension(
    name: str, content: bytes, language: str
) -> None:
    assert row(name, content)["language"] == language


@pytest.mark.parametrize(
    ("name", "content", "language"),
    [
        ("a.aug", b"(* words *)\nmodule A =\n  let b = c\n", "Augeas"),
        ("a.aug", b"<a>\n", "Augeas"),
        ("a.aug", b"<a>\n<% x %>\n</a>\n", "Augeas"),
        ("a.hb", b'#include "hbclass.ch"\nPROCEDURE Main()\n   ? "x"\nRETURN\n', "Harbour"),
        ("a.hb", b"[1, 2, 3]", "Harbour"),
        ("a.hb", b"{}", "Harbour"),
        ("a.hb", b'{"a": 1', "Harbour"),
        ("a.ec", b'import "ecere"\nclass A : B\n{\n   void C() { }\n}\n', "eC"),
        ("a.pas", b'#include "a.h"\n#include "b.h"\nvar\n  a: b;\n  c: d;\n', "Pascal"),
        ("a.go", b'package a\n\n/*\n#include <a.h>\n#define B\nint c;\n*/\nimport "C"\n', "Go"),
        ("a.js", JSON, "JavaScript"),
        ("a.jsx", b"<a><b/></a>\n", "JavaScript"),
        ("a.php", b"<html>\n<?php echo 1; ?>\n</html>\n", "PHP"),
        ("a.tsx", b"export const a = () => <b/>;\n", "TSX"),
        ("a.jsonnet", JSON, "Jsonnet"),
        ("a.maxpat", JSON, "Max"),
        ("a.cu", C, "Cuda"),
        ("a.h", CPP.replace(b"namespace", b"struct").replace(b"std::vector<int>", b"int"), "C++"),
        ("a.py", b"x = '<a></a>'\n", "Python"),
        ("a.sh", b"cat <<X\n#include <a.h>\n#define B\nint c;\n{\n}\nX\n", "Shell"),
    ],
)
def test_content_that_its_language_may_have_is_called_after_its_name(
    name: str, content: bytes, language: str
) -> None:
    assert row(name, content)["language"] == language


@pytest.mark.parametrize("name", ["a.aug", "a.ec", "a.hb", "a.tsx"])
@pytest.mark.parametrize(
    "content",
    [
        b"<" * 500_000,
        b"<a " + b"b='c' " * 100_000,
        b"<!--" * 200_000,
        b"<!-- -->" * 100_000,
        b"<a/>" + b"<!--" * 100_000 + b"-->",
        b"[" * 500_000,
        b"/*" * 300_000 + b"#include <a.h>",
        b"#include <a.h>\n" + b"/* */ // \n" * 60_000,
        b"#include <a.h>\n" * 50_000,
        b"{{#if " * 100_000,
        b"{{#if a}}" * 60_000,
    ],
)
def test_form_of_hostile_text_takes_bounded_time(name: str, content: bytes) -> None:
    row("warm.ec", C)
    start = time.process_time()
    row(name, content)
    assert time.process_time() - start < 2.0
