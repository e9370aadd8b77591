"""Names of files that by custom state a licence.

In: a path. Out: whether a file of this name holds a licence text, or is a README.
"""

from __future__ import annotations

import posixpath
import re
from typing import Final

README: Final = re.compile(r"(?i)(?:^|/)readme(?:\.(?:md|markdown|rst|txt|adoc|org))?$")
"""Paths of files that speak for their directory in prose."""

_LICENSE_NAME: Final = re.compile(
    r"(?i)(?:.*[-_.])?(?:licen[cs]es?|copying|unlicen[cs]e|ofl)(?:[-_.].*)?|copyright(?:\.txt|\.md)?"
)
_NO_LICENSE_SUFFIX: Final = frozenset(
    [
        "asm",
        "bat",
        "c",
        "cc",
        "cfg",
        "class",
        "cpp",
        "cs",
        "css",
        "csv",
        "dart",
        "el",
        "ex",
        "exs",
        "go",
        "h",
        "hpp",
        "hs",
        "in",
        "ini",
        "ipynb",
        "java",
        "js",
        "json",
        "jsx",
        "kt",
        "lua",
        "m4",
        "mjs",
        "ml",
        "php",
        "pl",
        "pm",
        "png",
        "po",
        "ps1",
        "py",
        "pyc",
        "pyi",
        "rb",
        "rs",
        "scala",
        "scss",
        "sh",
        "sql",
        "svg",
        "swift",
        "tcl",
        "template",
        "tmpl",
        "toml",
        "ts",
        "tsx",
        "vue",
        "xml",
        "yaml",
        "yml",
    ]
)
"""Suffixes of code and data: `license.py` is a module on licences."""


def is_license_name(path: str) -> bool:
    """Whether a file of this name holds a licence text by custom: LICENSE, COPYING.LIB, MIT-LICENSE.txt."""
    name = posixpath.basename(path)
    if not _LICENSE_NAME.fullmatch(name):
        return False
    suffix = name.rpartition(".")[2].lower() if "." in name else ""
    return suffix not in _NO_LICENSE_SUFFIX
