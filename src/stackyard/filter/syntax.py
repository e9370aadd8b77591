"""Syntax facts, where tree-sitter has a grammar for the language: optional, and off by default.

In: texts and paths. Out: facts `syntax` (schema SYNTAX). No rule reads them and they are in no
release: they are for those who choose files by them.
Always holds: each text is parsed in a process of its own (`syntax_worker.py`): what crashes or runs
away there ends as a fact of that one file. The budget of a file is counted in bytes and in operations of
the parser, so it is hit or not by the text alone. What that lets through, the kernel ends after
`seconds_max` of CPU time (`out-of-time`): that outcome, and `crashed`, may differ between machines.

Source: tree-sitter 0.26, grammars of tree-sitter-language-pack 0.13.0, which bundles them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa

from stackyard.detector import Scope
from stackyard.errors import EnvironmentFault
from stackyard.filter.buffers import one_array
from stackyard.filter.language import LanguageDetector
from stackyard.filter.params import SyntaxParams
from stackyard.record import BLOB_ID

SYNTAX = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("grammar", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("parses", pa.bool_()),
        pa.field("node_count", pa.int64()),
        pa.field("error_node_share", pa.float64()),
        pa.field("comment_share", pa.float64()),
    ]
)
"""One row a file whose language has a grammar. `outcome` is `parsed`, or why there are no numbers:
`too-large`, `over-budget` (operations), `out-of-time`, `crashed`. `parses`: no error in the tree.
`error_node_share`: nodes that are errors or missing, of all. `comment_share`: bytes in comments, of all."""

_WORKER: Final = Path(__file__).with_name("syntax_worker.py")
_FREE_BYTES: Final = 1_000  # so that a short file is not over its budget by what every parse takes
_MEMORY_BYTES_MAX: Final = (
    4 << 30
)  # of the worker's address space: a tree takes some 300 bytes a byte

# Languages whose grammar has another name; those of equal name (folded) follow. Left out: grammars whose
# own code crashed on repeated brackets or list marks (Agda, Markdown, Typst, YAML).
_OTHER_NAMES: Final = {
    "Assembly": "asm",
    "C#": "csharp",
    "C++": "cpp",
    "Emacs Lisp": "elisp",
    "Go Checksums": "gosum",
    "Go Module": "gomod",
    "HTML+EEX": "heex",
    "Makefile": "make",
    "Objective-C": "objc",
    "Protocol Buffer": "proto",
    "Shell": "bash",
    "TeX": "latex",
    "Vim script": "vim",
    "WebAssembly": "wast",
    "reStructuredText": "rst",
}
_SAME_NAMES: Final = (
    "ActionScript", "Ada", "Apex", "Astro", "BibTeX", "Bicep", "BitBake", "C", "CMake", "COBOL", "CSS",
    "Cairo", "Clarity", "Clojure", "Common Lisp", "Cuda", "D", "Dart", "Dockerfile", "Elixir", "Elm", "Erlang",
    "F#", "FIRRTL", "Fennel", "Fortran", "GDScript", "GLSL", "GN", "Gleam", "Go", "GraphQL", "Groovy", "HCL",
    "HLSL", "HTML", "Hack", "Hare", "Haskell", "Haxe", "INI", "ISPC", "JSON", "Janet", "Java", "JavaScript",
    "Jsonnet", "Julia", "KDL", "Kotlin", "LLVM", "Linker Script", "Lua", "Luau", "MATLAB", "Mermaid",
    "Meson", "NetLinx", "Nim", "Ninja", "Nix", "OCaml", "Odin", "Org", "PHP", "Pascal", "Perl", "Pony",
    "PowerShell", "Prisma", "Puppet", "PureScript", "Python", "R", "RON", "Racket", "Ruby", "Rust", "SCSS",
    "SPARQL", "SQL", "Scala", "Scheme", "Smali", "Smithy", "Solidity", "Squirrel", "Starlark", "Svelte", "Swift",
    "TOML", "TSX", "Tcl", "Thrift", "Twig", "TypeScript", "V", "VHDL", "Verilog", "Vue", "WGSL", "XML",
    "Zig", "fish",
)  # fmt: skip
GRAMMARS: Final = _OTHER_NAMES | {
    name: name.lower().replace(" ", "").replace("#", "sharp") for name in _SAME_NAMES
}
"""Grammar of each language, by Linguist's name."""


class SyntaxDetector:
    """Facts `syntax`: schema SYNTAX."""

    name = "syntax"
    scope: Scope = "file"
    modules: Sequence[str] = (
        "stackyard.filter.syntax",
        "stackyard.filter.syntax_worker",
        *LanguageDetector.modules,
    )
    distributions: Sequence[str] = (
        "tree-sitter",
        "tree-sitter-c-sharp",
        "tree-sitter-language-pack",
        "tree-sitter-yaml",
        *LanguageDetector.distributions,
    )
    schema = SYNTAX

    def __init__(self, params: SyntaxParams) -> None:
        self.params: Any = params

    def detect(self, batch: pa.Table) -> pa.Table:
        languages = LanguageDetector().detect(batch)["language"].to_pylist()
        texts = one_array(batch["text"], pa.large_binary())
        rows = [
            row
            for row, language in enumerate(languages)
            if language in GRAMMARS and texts[row].is_valid
        ]
        if not rows:
            return SYNTAX.empty_table()
        with _Worker(self.params) as worker:
            found = [worker.measure(texts[row].as_py(), GRAMMARS[languages[row]]) for row in rows]
        picked = pa.array(rows, pa.int64())
        columns = [
            one_array(batch["blob_id"], BLOB_ID).take(picked),
            one_array(batch["path"], pa.string()).take(picked),
            *(pa.array([fact.get(f.name) for fact in found], f.type) for f in list(SYNTAX)[2:]),
        ]
        return pa.table(columns, schema=SYNTAX)


class _Worker:
    """The process that parses."""

    def __init__(self, params: SyntaxParams) -> None:
        self._params = params
        self._process = subprocess.Popen(
            [sys.executable, "-I", _WORKER, str(params.seconds_max), str(_MEMORY_BYTES_MAX)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def measure(self, text: bytes, grammar: str) -> dict[str, Any]:
        if len(text) > self._params.size_bytes_max:
            return {"grammar": grammar, "outcome": "too-large"}
        found = self._ask(text, grammar)
        if found["outcome"] != "parsed":
            return {"grammar": grammar, **found}
        return {
            "grammar": grammar,
            "outcome": "parsed",
            "parses": found["parses"],
            "node_count": found["node_count"],
            "error_node_share": found["error_node_count"] / found["node_count"],
            "comment_share": found["comment_bytes"] / max(len(text), 1),
        }

    def _ask(self, text: bytes, grammar: str) -> dict[str, Any]:
        ops_max = self._params.operations_per_byte_max * (len(text) + _FREE_BYTES)
        asked = {"grammar": grammar, "size_bytes": len(text), "ops_max": ops_max}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n" + text)
            self._process.stdin.flush()
            return dict(json.loads(self._process.stdout.readline()))
        except (BrokenPipeError, ValueError) as error:
            raise EnvironmentFault(
                "the process that parses for syntax facts has ended",
                expected="an answer for each text",
                next_step="see whether memory ran out, or switch filter.syntax off in params.yaml",
            ) from error
