"""Parameters: frozen dataclasses beside the functions they steer, filled from params.yaml.

Always holds: an unknown key, a value of another type, or a key given twice stops the run. Defaults
are written once, in the dataclass; `stackyard init` writes params.yaml from them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import rfc8785
import yaml

from stackyard.errors import UsageError

P = TypeVar("P")


def build(cls: type[P], values: Mapping[str, Any], where: str) -> P:
    """An instance of a frozen dataclass from plain values; nested dataclasses and tuples too.

    Raises:
        UsageError: a key is unknown or a value has another type, with its dotted name.
    """
    hints = typing.get_type_hints(cls)
    names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - names)
    if unknown:
        raise UsageError(
            f"unknown parameter {where}.{unknown[0]}",
            expected=f"one of {', '.join(sorted(names))}",
            next_step="remove it from params.yaml, or mend its spelling",
        )
    arguments = {
        key: _convert(hints[key], value, f"{where}.{key}") for key, value in values.items()
    }
    return cls(**arguments)


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        return build(typing.cast("type[Any]", kind), value, where)
    if origin is tuple and isinstance(value, list):
        (item, *_) = typing.get_args(kind)
        return tuple(_convert(item, entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if origin in {dict, Mapping} or (origin is not None and origin.__name__ == "Mapping"):
        if isinstance(value, Mapping):
            item = typing.get_args(kind)[1]
            return {str(k): _convert(item, v, f"{where}.{k}") for k, v in value.items()}
    elif origin is typing.Literal:
        if value in typing.get_args(kind):
            return value
    elif origin in {typing.Union, types.UnionType}:
        if value is None and type(None) in typing.get_args(kind):
            return None
        inner = next(arg for arg in typing.get_args(kind) if arg is not type(None))
        return _convert(inner, value, where)
    elif kind is float and type(value) in {int, float}:
        return float(value)
    elif isinstance(kind, type) and type(value) is kind:
        return value
    raise UsageError(
        f"parameter {where} has a value of the wrong kind",
        expected=str(kind),
        found=repr(value)[:80],
        next_step="mend params.yaml",
    )


class _StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise UsageError(
                f"the key {twice[0]!r} stands twice in one mapping, "
                f"line {node.start_mark.line + 1}",
                next_step="remove one of them",
            )
        return super().construct_mapping(node, deep)


def load_yaml(text: str, where: str) -> Any:
    """The value of a YAML document, in which no key stands twice.

    Raises:
        UsageError: it is not YAML; with its line and column.
    """
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - derived from SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise not_yaml(where, error) from error


def not_yaml(where: str, error: Exception) -> UsageError:
    """What is wrong with the syntax of a file, and where; the file's text is not shown.

    A value may be a credential that somebody put there by mistake.
    """
    mark = getattr(error, "problem_mark", None)
    at = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    why = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    context = getattr(error, "context", None)
    return UsageError(
        f"{where}{at}: this is no YAML: {why}" + (f", {context}" if context else ""),
        next_step="look at that line and the one above it: indentation, a quote or a bracket "
        "that is not closed, a tab, or a `: ` in a text without quotes",
    )


def plain(params: Any) -> Any:
    """Parameters as JSON-ready values, in the order of their fields."""
    if dataclasses.is_dataclass(params) and not isinstance(params, type):
        return {f.name: plain(getattr(params, f.name)) for f in dataclasses.fields(params)}
    if isinstance(params, Mapping):
        return {key: plain(params[key]) for key in sorted(params)}
    if isinstance(params, (tuple, list)):
        return [plain(item) for item in params]
    return params


def canonical_json(value: Any) -> bytes:
    """The one JSON text of a value (RFC 8785); integers beyond 2^53 are refused by the format."""
    return rfc8785.dumps(plain(value))


def digest(value: Any) -> str:
    """Hex SHA-256 of the canonical JSON of parameters or any JSON value."""
    return hashlib.sha256(canonical_json(value)).hexdigest()
