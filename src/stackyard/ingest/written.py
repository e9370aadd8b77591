"""sources.yaml as a text that people keep: an entry is added, and no other byte of it changes.

In: the text and an entry. Out: the text with the entry at its end, in block style, one key a line.
Always holds: the new text has the old sources and the new one, and is refused where it has not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import yaml

from stackyard.errors import UsageError
from stackyard.ingest.sources import load_sources
from stackyard.params import not_yaml

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@+%=-]*")
"""What YAML reads as the text that it is. All else is quoted: a hash may look like a number."""
_NO_TEXTS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def with_entry(text: str, entry: Mapping[str, str], where: str) -> str:
    """The text with one more source.

    Raises:
        UsageError: the text is no list of sources, has the source already, or is in a style to which
            nothing can be added.
    """
    before = load_sources(text, where)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:  # load_sources read it: for the type checker alone
        raise not_yaml(where, error) from error
    indent = 0
    if isinstance(root, yaml.SequenceNode) and root.flow_style:
        if root.value:
            raise UsageError(
                f"{where} is a list in brackets, to which no entry can be added",
                expected="a list of entries that each begin with `- ` on a line of their own",
                next_step="write it so, or add the entry by hand:\n" + _block(entry, 4),
            )
        text = text[: root.start_mark.index] + text[root.end_mark.index :].lstrip(" \n")
    elif root is not None:
        indent = root.start_mark.column
    text = text if not text or text.endswith("\n") else f"{text}\n"
    gap = "\n" if text.strip() and not text.endswith("\n\n") else ""
    new = f"{text}{gap}{_block(entry, indent)}"
    if len(load_sources(new, where)) != len(before) + 1:
        raise UsageError(f"{where} has an end that hides what is added to it")
    return new


def _block(entry: Mapping[str, str], indent: int) -> str:
    lines = [f"{key}: {_scalar(value)}" for key, value in entry.items()]
    return "".join(
        f"{' ' * indent}{'  ' if number else '- '}{line}\n" for number, line in enumerate(lines)
    )


def _scalar(value: str) -> str:
    """A text in YAML; JSON's strings are YAML's."""
    is_plain = _PLAIN.fullmatch(value) and value.lower() not in _NO_TEXTS
    return value if is_plain else json.dumps(value, ensure_ascii=False)
