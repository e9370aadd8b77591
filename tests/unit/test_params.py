from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from stackyard.errors import UsageError
from stackyard.params import build, canonical_json, digest, plain


@dataclass(frozen=True)
class Inner:
    limit: float = 1.5
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    count: int = 3
    mode: Literal["a", "b"] = "a"
    inner: Inner = field(default_factory=Inner)
    table: Mapping[str, int] = field(default_factory=dict)
    maybe: int | None = None
    flag: bool = False


def test_build_nested_values_give_the_dataclass() -> None:
    values = {
        "count": 4,
        "mode": "b",
        "inner": {"limit": 2, "names": ["x", "y"]},
        "table": {"k": 1},
        "maybe": 7,
        "flag": True,
    }
    assert build(Outer, values, "p") == Outer(4, "b", Inner(2.0, ("x", "y")), {"k": 1}, 7, True)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"cuont": 1}, "p.cuont"),
        ({"count": "1"}, "p.count"),
        ({"count": True}, "p.count"),
        ({"count": 1.0}, "p.count"),
        ({"mode": "c"}, "p.mode"),
        ({"inner": {"limit": "x"}}, "p.inner.limit"),
        ({"inner": {"names": ["x", 1]}}, "p.inner.names[1]"),
        ({"inner": []}, "p.inner"),
        ({"table": {"k": "v"}}, "p.table.k"),
        ({"flag": 1}, "p.flag"),
    ],
)
def test_build_a_wrong_value_is_refused_by_its_dotted_name(
    values: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageError) as caught:
        build(Outer, values, "p")
    assert f"parameter {named}" in str(caught.value)


def test_plain_and_build_are_inverses() -> None:
    params = Outer(9, "b", Inner(0.1, ("z",)), {"b": 2, "a": 1}, None, True)
    assert build(Outer, plain(params), "p") == params


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical_json({"b": 1, "a": 2}) == canonical_json({"a": 2, "b": 1}) == b'{"a":2,"b":1}'
    assert digest(Outer()) == digest(plain(Outer()))
