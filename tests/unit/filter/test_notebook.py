from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from stackyard.filter.notebook import sources, without_outputs
from tests.unit.filter.corpus import rules, run
from tests.unit.filter.licenses import MIT

IMAGE = "iVBORw0KGgo" + "QUJD" * 20_000
CODE = ["import math\n", "\n", "for i in range(10):\n", "    print(math.sqrt(i))\n"]


def notebook(cells: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, **more}).encode()


def code(source: Any, *outputs: Any) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def image(data: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"image/png": data}}


@pytest.mark.parametrize(
    "content",
    [
        notebook([code(CODE, image(IMAGE))]),
        notebook([code("".join(CODE), image([IMAGE, IMAGE]))]),
        b" \n" + notebook([code(CODE)] * 3, outputs=IMAGE),
        notebook([{"cell_type": "markdown", "source": CODE, "attachments": {"a.png": IMAGE}}]),
        notebook([code(CODE, {"output_type": "stream", "text": "x" * 5_000})]),
        notebook([code(CODE, {"output_type": "error", "traceback": ["\\u001b" * 5_000]})]),
        json.dumps({"nbformat": 4, "cells": [code(CODE, image(IMAGE))]}, indent=1).encode(),
        json.dumps(
            {"nbformat": 3, "worksheets": [{"cells": [{"input": CODE, "outputs": [IMAGE]}]}]}
        ).encode(),
    ],
)
def test_notebook_is_judged_by_its_cells_and_not_by_their_outputs(content: bytes) -> None:
    assert rules(run({"o/r": {"LICENSE": MIT, "a.ipynb": content}}))["o/r", "a.ipynb"] == "kept"


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        (["x = '" + "QUJD" * 500 + "'\n"], "long-lines"),
        (["x = [\n", *["    '" + "QUJD" * 18 + "',\n"] * 40, "]\n"], "encoded-data"),
        (["# this file is generated\n", "x = 1\n"], "generated"),
        ([], "empty"),
    ],
)
def test_notebook_is_dropped_for_what_is_in_its_cells(source: list[str], rule: str) -> None:
    content = notebook([code(source, image(IMAGE))])
    assert rules(run({"o/r": {"LICENSE": MIT, "a.ipynb": content}}))["o/r", "a.ipynb"] == rule


@pytest.mark.parametrize(
    "content",
    [
        b'{"nbformat": 4}',
        b'{"nbformat": "4", "cells": []}',
        b'{"cells": [{"source": "x"}]}',
        b'[{"nbformat": 4, "cells": []}]',
        b'{"nbformat": 4, "cells": [',
        b'{"nbformat":' + b"[" * 100_000,
        b'{"nbformat": ' + b"9" * 10_000 + b', "cells": []}',
        b"nbformat",
        b"",
    ],
)
def test_text_that_is_no_notebook_comes_back_as_it_is(content: bytes) -> None:
    text = pa.array([content, None], pa.large_binary())
    assert without_outputs(text).equals(text)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([code(["a\n", "b"]), code("c")], b"a\nb\nc"),
        ([code("\ud800")], b"?"),
        ([1, None, code(3), code([4, "x"])], b"x"),
    ],
)
def test_sources_are_those_of_the_cells_in_order(cells: Any, expected: bytes) -> None:
    assert sources(notebook(cells)) == expected
