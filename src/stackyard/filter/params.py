"""Parameters of the filter. Source of the numbers: The Stack v2 (StarCoder 2, arXiv 2402.19173)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Edition = Literal["permissive", "no_license"]


@dataclass(frozen=True)
class LicenseTextParams:
    """How whole licence texts are recognised.

    Attributes:
        score_min: share (0..1) of a listed text's words, less those that its template frees, that a
            file must have to be named after it. Below it no identifier is guessed: the file counts as
            an unrecognised licence.
        size_bytes_max: bytes of a licence file that are read; the rest is not looked at.
    """

    score_min: float = 0.9
    size_bytes_max: int = 1 << 20


@dataclass(frozen=True)
class QualityParams:
    """Thresholds of the quality rules; a file beyond one is dropped by the rule named here.

    Attributes:
        lines_max: lines (rule `too-many-lines`).
        line_mean_chars_max: mean characters a line (`long-lines`), not for `long_line_languages`.
        line_longest_chars_max: characters of the longest line (`long-lines`).
        line_longest_chars_max_relaxed: the same for `long_line_languages`.
        long_line_languages: where long lines are the custom: markup and data.
        alphabetic_share_min: letters as a share of characters, 0..1 (`few-letters`).
        alphanumeric_languages: where digits count as letters for that rule: assembly listings.
        encoded_run_chars_max: longest run of base64, hex or escapes (`encoded-data`).
        encoded_share_max: such runs as a share of characters, 0..1 (`encoded-data`).
        data_languages: languages that hold more data than text.
        data_lines_max: lines of such a file (`data-lines`).
        html_visible_chars_min: characters outside tags, scripts and styles (`html-markup`).
        html_visible_share_min: the same as a share of characters, 0..1.
        text_stems: names without extension that a file of language Text may have (`text-name`).
        text_name_parts: or a part of its name, in lower case.
        drop_generated: whether generated files go (`generated`).
        drop_vendored: whether vendored files go (`vendored`). The Stack v2 keeps them, with a
            column, as near-duplicates remove most of them anyway.
        exemptions: for a rule, the languages that it does not touch.
    """

    lines_max: int = 100_000
    line_mean_chars_max: int = 100
    line_longest_chars_max: int = 1_000
    line_longest_chars_max_relaxed: int = 100_000
    long_line_languages: tuple[str, ...] = (
        "HTML",
        "JSON",
        "Markdown",
        "Roff",
        "Roff Manpage",
        "SMT",
        "TeX",
        "Text",
        "XML",
    )
    alphabetic_share_min: float = 0.25
    alphanumeric_languages: tuple[str, ...] = ("Motorola 68K Assembly", "WebAssembly")
    encoded_run_chars_max: int = 1_024
    encoded_share_max: float = 0.5
    data_languages: tuple[str, ...] = (
        "Graphviz (DOT)",
        "JSON",
        "Text",
        "Web Ontology Language",
        "YAML",
    )
    data_lines_max: int = 512
    html_visible_chars_min: int = 100
    html_visible_share_min: float = 0.2
    text_stems: tuple[str, ...] = ("cmakelists", "description", "notes", "readme", "todo")
    text_name_parts: tuple[str, ...] = ("requirement",)
    drop_generated: bool = True
    drop_vendored: bool = False
    exemptions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class SyntaxParams:
    """Syntax facts by tree-sitter (extra `syntax`): they are shown, no rule reads them.

    Attributes:
        enabled: whether files are parsed at all; it costs more than all other facts together.
        size_bytes_max: bytes of a file that is parsed; a larger one is `too-large`.
        operations_per_byte_max: operations of the parser a byte; code takes 1 to 13 (`over-budget`).
        seconds_max: CPU seconds a file, in case the bounds above let something through (`out-of-time`).
    """

    enabled: bool = False
    size_bytes_max: int = 1 << 20
    operations_per_byte_max: int = 40
    seconds_max: int = 10


@dataclass(frozen=True)
class Params:
    """What the filter lets in.

    Attributes:
        editions: editions that the release has; files without any licence evidence are dropped
            (`no-license`) unless `no_license` is one of them.
        license_text: how licence texts are recognised.
        quality: thresholds of the quality rules.
        syntax: optional syntax facts.
    """

    editions: tuple[Edition, ...] = ("permissive",)
    license_text: LicenseTextParams = field(default_factory=LicenseTextParams)
    quality: QualityParams = field(default_factory=QualityParams)
    syntax: SyntaxParams = field(default_factory=SyntaxParams)
