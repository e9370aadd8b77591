"""Languages: Linguist's own decision procedure over its own data, for whole columns at once.

In: paths and texts. Out: facts `language`. Always holds: a fact is a function of this path and this
text alone. Names are decided once for all files that have them; contents are read only where names
leave a choice, and then 50 KiB of them at most.

Source: GitHub Linguist, docs/how-linguist-works.md: modeline, file name, shebang, extension, XML,
man page, heuristics, classifier; the first that leaves one language decides. Deviation: where more
than one is left in the end, its port enry is asked, whose classifier has the same training data.
"""

# ruff: noqa: PLR2004 - the bytes are those of ASCII

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final, NamedTuple

import hyperscan
import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.detector import Scope
from stackyard.filter import form, ties
from stackyard.filter.buffers import bytes_of, one_array
from stackyard.filter.generated import generated
from stackyard.filter.paths import PathRules
from stackyard.filter.text import line_ends
from stackyard.record import BLOB_ID

HEAD_BYTES: Final = 50 * 1024
"""What heuristics and classifier read of a text (Linguist's HEURISTICS_CONSIDER_BYTES)."""

MODELINE_LINES: Final = 5
"""Lines at either end of a text that may hold a modeline."""

LANGUAGES = pa.schema(
    [
        pa.field("blob_id", BLOB_ID, nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("language", pa.string()),
        pa.field("strategy", pa.string()),
        pa.field("language_type", pa.string()),
        pa.field("language_group", pa.string()),
        pa.field("extension", pa.string(), nullable=False),
        pa.field("is_vendor", pa.bool_(), nullable=False),
        pa.field("is_generated", pa.bool_(), nullable=False),
        pa.field("is_documentation", pa.bool_(), nullable=False),
    ]
)
"""One row a file; `language` is null where no rule names one, or the content is no text. `strategy`
is the step that decided; type and group are Linguist's (`programming`, `data`, `markup`, `prose`); `extension` is
without its dot, in lower case, and may be empty. Where files of dependencies are kept
(`node_modules/`, `Godeps/`, ...) is for `is_vendor`: Linguist has it among its rules of generated files."""

Languages = tuple[str, ...]


class Verdict(NamedTuple):
    language: str | None
    strategy: str | None


class LanguageDetector:
    """Facts `language`: schema LANGUAGES."""

    name = "language"
    scope: Scope = "file"
    modules: Sequence[str] = (
        "stackyard.filter.language",
        "stackyard.filter.form",
        "stackyard.filter.ties",
        "stackyard.filter.generated",
        "stackyard.filter.paths",
        "stackyard.filter.text",
        "stackyard.filter.charset",
        "stackyard.filter.buffers",
        "stackyard.filter.data.linguist",
    )
    distributions: Sequence[str] = ("enry-python", "hyperscan")
    params: Any = None
    schema = LANGUAGES

    def detect(self, batch: pa.Table) -> pa.Table:
        rules = linguist()
        paths = one_array(batch["path"], pa.string())
        text = one_array(batch["text"], pa.large_binary())
        data, offsets = bytes_of(text)
        void = pc.is_null(text).to_numpy(zero_copy_only=False)
        signs_of = signs(data, offsets)
        names = _basenames(paths)
        number = np.empty(len(paths), np.int64)
        for row, (name, sign, empty) in enumerate(zip(names, signs_of, void, strict=True)):
            if empty:
                number[row] = 0
                continue
            code = rules.name_code(name, int(sign))
            if code < 0:
                content = data[offsets[row] : offsets[row + 1]]
                code = rules.content_code(name, content, int(sign))
            number[row] = code
        rules.break_ties(number, data, offsets)
        table = rules.table()
        picked = table.take(pa.array(number))
        by_path = rules.paths.masks(paths)
        is_generated = generated(paths, text, by_path["generated"])
        return pa.table(
            [
                one_array(batch["blob_id"], BLOB_ID),
                paths,
                *(picked[name] for name in table.column_names),
                _extension(paths),
                pa.array(by_path["vendor"] | by_path["dependencies"]),
                pa.array(is_generated & ~void),
                pa.array(by_path["documentation"]),
            ],
            schema=LANGUAGES,
        )


def _basenames(paths: pa.Array) -> list[str]:
    names = pc.replace_substring_regex(paths, pattern="(?s)^.*/", replacement="")
    return names.to_pylist()


def _extension(paths: pa.Array) -> pa.Array:
    """What follows the last dot of a name that does not begin with it, in lower case."""
    pattern = r"(?s)^(?:.*/)?[^/]+\.(?P<extension>[^./]+)$"
    return pc.utf8_lower(pc.fill_null(pc.extract_regex(paths, pattern).field(0), ""))


@functools.cache
def linguist() -> Linguist:
    """The rules; read once a process."""
    return Linguist(_data())


@functools.cache
def names() -> frozenset[str]:
    """Every language that a file can be in."""
    return frozenset(_data()["languages"])


def _data() -> dict[str, Any]:
    text = (resources.files("stackyard.filter.data.linguist") / "linguist.json").read_text("utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


class Heuristic:
    """Rules that tell the languages of some extensions apart, as one database of patterns."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.extensions: Languages = tuple(entry["extensions"])
        self._patterns: list[str] = sorted(
            {
                pattern
                for rule in entry["rules"]
                for condition in rule["all"]
                for pattern in condition["any"]
            }
        )
        at = {pattern: i for i, pattern in enumerate(self._patterns)}
        self._rules = [
            (
                tuple(rule["languages"]),
                [
                    (condition["negative"], frozenset(at[p] for p in condition["any"]))
                    for condition in rule["all"]
                ],
            )
            for rule in entry["rules"]
        ]
        self._database: Any = None
        self._slow: list[tuple[int, re.Pattern[bytes]]] = []

    def languages(self, head: Any) -> tuple[Languages, bool]:
        """Languages of the first rule that holds, empty if none does; whether it asks for anything."""
        hits = self._hits(head)
        for languages, conditions in self._rules:
            if all(negative != (not hits.isdisjoint(any_of)) for negative, any_of in conditions):
                return languages, len(conditions) > 0
        return (), False

    def _hits(self, head: Any) -> set[int]:
        if self._database is None and not self._slow:
            self._compile()
        hits: set[int] = set()
        if self._database is not None:
            self._database.scan(head, match_event_handler=_collect, context=hits)
        hits.update(number for number, pattern in self._slow if pattern.search(head))
        return hits

    def _compile(self) -> None:
        """Patterns with look-arounds or anchors inside are beyond hyperscan, and left to `re`."""
        flags = (
            hyperscan.HS_FLAG_MULTILINE
            | hyperscan.HS_FLAG_SINGLEMATCH
            | hyperscan.HS_FLAG_ALLOWEMPTY
        )
        fast = list(range(len(self._patterns)))
        try:
            self._database = self._compiled(fast, flags)
        except hyperscan.error:
            fast = [number for number in fast if not self._is_slow(number, flags)]
            self._database = self._compiled(fast, flags) if fast else None

    def _is_slow(self, number: int, flags: int) -> bool:
        try:
            self._compiled([number], flags)
        except hyperscan.error:
            pattern = re.compile(self._patterns[number].encode(), re.MULTILINE)
            self._slow.append((number, pattern))
            return True
        return False

    def _compiled(self, numbers: list[int], flags: int) -> Any:
        database = hyperscan.Database()
        database.compile(
            expressions=[self._patterns[number].encode() for number in numbers],
            ids=numbers,
            elements=len(numbers),
            flags=[flags] * len(numbers),
        )
        return database


def _collect(number: int, _start: int, _end: int, _flags: int, hits: set[int]) -> None:
    hits.add(number)


@dataclass(frozen=True)
class _Name:
    """What a file name alone says: a final code, or -1 and what the content has to choose from.

    `doubted` has the bits of `form` under which the content is asked all the same.
    """

    code: int
    doubted: int
    by_filename: Languages
    by_extension: Languages
    is_generic: bool
    is_manual: bool
    heuristic: Heuristic | None


class Linguist:
    """The rules of Linguist, with what they say of a name kept for the next file of that name."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._generic = frozenset(data["generic"])
        self._facts: dict[str, tuple[str | None, str | None]] = {}
        self._by_filename: dict[str, Languages] = {}
        self._by_extension: dict[str, Languages] = {}
        self._by_interpreter: dict[str, Languages] = {}
        self._by_alias: dict[str, str] = {}
        for name, entry in data["languages"].items():
            self._facts[name] = (entry.get("type"), entry.get("group"))
            for index, key in (
                (self._by_filename, "filenames"),
                (self._by_extension, "extensions"),
                (self._by_interpreter, "interpreters"),
            ):
                for value in entry.get(key, ()):
                    folded = value.lower() if key == "extensions" else value
                    index[folded] = (*index.get(folded, ()), name)
            for alias in (name.lower().replace(" ", "-"), name.lower(), *entry.get("aliases", ())):
                self._by_alias.setdefault(alias.lower(), name)
        self._heuristics = [Heuristic(entry) for entry in data["heuristics"]]
        self._heuristic_of: dict[str, int] = {}
        for number, heuristic in enumerate(self._heuristics):
            for extension in heuristic.extensions:
                self._heuristic_of.setdefault(extension.lower(), number)
        self.paths = PathRules({name: data[name] for name in _PATH_SETS})
        self._usual = {
            name: sum(bit for key, bit in form.FORMS.items() if name in data["forms"][key])
            for name, entry in data["languages"].items()
            if entry.get("type") == "programming"
        }
        self._codes: dict[Verdict, int] = {Verdict(None, None): 0}
        self._ties: dict[Languages, int] = {}
        self._names: dict[str, _Name] = {}

    def table(self) -> pa.Table:
        """language, strategy, language_type, language_group by code."""
        verdicts = list(self._codes)
        facts = [self._facts.get(v.language or "", (None, None)) for v in verdicts]
        return pa.table(
            {
                "language": pa.array([v.language for v in verdicts], pa.string()),
                "strategy": pa.array([v.strategy for v in verdicts], pa.string()),
                "language_type": pa.array([kind for kind, _ in facts], pa.string()),
                "language_group": pa.array([group for _, group in facts], pa.string()),
            }
        )

    def name_code(self, name: str, signs: int) -> int:
        """Code of what the name alone decides, -1 if the content must be read."""
        known = self._name(name)
        return -1 if signs & (_SHEBANG | _MODELINE | known.doubted) else known.code

    def content_code(self, name: str, content: Any, signs: int) -> int:
        """Code of a file whose content must be read: `content` is its text as uint8. One below zero
        is a tie between languages: see `break_ties`.
        """
        verdict = self._by_content(name, content, signs)
        if isinstance(verdict, Verdict):
            return self._code(verdict)
        return -1 - self._ties.setdefault(verdict, len(self._ties))

    def left(self, name: str, content: Any, signs: int) -> Languages:
        """The languages of a tie; empty where there is none."""
        verdict = self._by_content(name, content, signs)
        return () if isinstance(verdict, Verdict) else verdict

    def languages_of(self, name: str) -> Languages:
        """The languages that a file of this name can be in, as far as its name says."""
        known = self._name(name)
        return known.by_filename or known.by_extension

    def break_ties(self, codes: np.ndarray, data: np.ndarray, offsets: np.ndarray) -> None:
        """Put the code of one of its languages in the place of each tie, all texts at once."""
        rows = np.flatnonzero(codes < 0)
        starts, ends = offsets[rows], offsets[rows + 1]
        found = ties.choose(data, starts, ends, list(self._ties), -1 - codes[rows])
        codes[rows] = [self._code(Verdict(language, "classifier")) for language in found]

    def _code(self, verdict: Verdict) -> int:
        return self._codes.setdefault(verdict, len(self._codes))

    def _name(self, name: str) -> _Name:
        """What a name says: all of it for the names of the list, else what follows its first dot."""
        folded = name.lower()
        key = (
            name if name in self._by_filename else folded[folded.find(".") :] if "." in name else ""
        )
        known = self._names.get(key)
        if known is None:
            if len(self._names) > _NAMES_MAX:
                self._names.clear()
            known = self._names[key] = self._read_name(name, folded)
        return known

    def _read_name(self, name: str, folded: str) -> _Name:
        by_filename = self._by_filename.get(name, ())
        extensions = list(_extensions(folded))
        extension = next((e for e in extensions if e in self._by_extension), "")
        by_extension = self._by_extension.get(extension, ())
        is_generic = not self._generic.isdisjoint(extensions)
        heuristic = min(
            (self._heuristic_of[e] for e in extensions if e in self._heuristic_of), default=-1
        )
        code, doubted = -1, 0
        left = by_filename
        if len(left) == 1:
            code = self._code(Verdict(left[0], "filename"))
        elif not is_generic:
            left = _narrow(left, by_extension)
            if len(left) == 1:
                code = self._code(Verdict(left[0], "extension"))
                doubted = self._doubted(left)
        return _Name(
            code,
            doubted,
            by_filename,
            by_extension,
            is_generic,
            _MANUAL.search(folded) is not None,
            self._heuristics[heuristic] if heuristic >= 0 else None,
        )

    def _doubted(self, languages: Languages) -> int:
        """Forms that are in none of some languages; none where one of these is no programming language."""
        usual = [self._usual.get(name, form.EVERY) for name in languages]
        return form.EVERY & ~functools.reduce(operator.or_, usual, 0)

    def _by_content(self, name: str, content: Any, signs: int) -> Verdict | Languages:
        """What is decided, or the languages that are left."""
        known = self._name(name)
        head = memoryview(content[:HEAD_BYTES])
        left: Languages = ()
        for strategy, found in self._steps(known, content, signs):
            narrowed = _narrow(left, found) if strategy in _NARROWING else found
            if len(narrowed) == 1:
                verdict = Verdict(narrowed[0], strategy)
                if strategy != "extension" or left:
                    return verdict
                return self._unless_plain(verdict, (), content, signs)
            if narrowed:
                left = narrowed
            if strategy == "extension" and not left:
                left = self._markup_or_manual(known, head)
                if len(left) == 1:
                    return Verdict(left[0], "xml")
        if known.heuristic is not None:
            found, is_asked = known.heuristic.languages(head)
            if len(found) == 1:
                verdict = Verdict(found[0], "heuristics")
                return verdict if is_asked else self._unless_plain(verdict, left, content, signs)
            left = found or left
        if not left:
            return Verdict(None, None)
        plain = self._plain(left, left, content, signs)
        if plain is None:
            return left
        alike = [n for n in left if n == plain or not signs & self._doubted((n,))]
        return tuple(alike) if len(alike) > 1 else Verdict(plain, "content")

    def _unless_plain(
        self, verdict: Verdict, others: Languages, content: Any, signs: int
    ) -> Verdict:
        """What a name or a default says, unless the content is plainly in another language."""
        if verdict.language is None or verdict.language not in self._usual:
            return verdict
        plain = self._plain((verdict.language,), others, content, signs)
        return verdict if plain is None else Verdict(plain, "content")

    def _plain(self, left: Languages, others: Languages, content: Any, signs: int) -> str | None:
        """The language of the content's form, if none of those left ever has it, or if it is one of the
        others that the name could mean.
        """
        doubted = signs & self._doubted(left)
        found = form.language(content.tobytes(), doubted) if doubted else None
        if found is None and others and signs & form.SHAPES:
            shape = form.language(content.tobytes(), signs & form.SHAPES)
            found = shape if shape in others else None
        return found

    def _steps(self, known: _Name, content: Any, signs: int) -> Iterator[tuple[str, Languages]]:
        if signs & _MODELINE:
            yield "modeline", self._modeline(content)
        yield "filename", known.by_filename
        if signs & _SHEBANG:
            yield "shebang", self._shebang(bytes(content[:_SHEBANG_BYTES]))
        yield "extension", () if known.is_generic else known.by_extension

    def _markup_or_manual(self, known: _Name, head: Any) -> Languages:
        first = bytes(head[:1024]).split(b"\n", 2)[:2]
        if any(b"<?xml version=" in line for line in first):
            return ("XML",)
        return ("Roff Manpage", "Roff") if known.is_manual else ()

    def _modeline(self, content: Any) -> Languages:
        start, end = line_ends(content, MODELINE_LINES, MODELINE_LINES)
        text = bytes(memoryview(content[:start])) + b"\n" + bytes(memoryview(content[end:]))
        if b"UseVimball" in text:
            return ()
        name = modeline(text)
        language = None if name is None else self._by_alias.get(name.lower())
        return () if language is None else (language,)

    def _shebang(self, head: bytes) -> Languages:
        """Languages of the first interpreter that is known: what runs it is none, as `npx` or `nice`."""
        known = (self._by_interpreter.get(name, ()) for name in interpreters(head))
        return next(filter(None, known), ())


_PATH_SETS: Final = ("vendor", "dependencies", "generated", "documentation")
_NARROWING: Final = frozenset({"filename", "shebang", "extension"})
_NAMES_MAX = 1 << 18  # distinct endings kept; hostile names must not fill the memory
_SHEBANG_BYTES = 2048
_SHEBANG, _MODELINE = 1, 2
_MANUAL = re.compile(r"\.(?:[1-9](?![0-9])[a-z_0-9]*|0p|n|man|mdoc)(?:\.in)?$")


def _narrow(left: Languages, found: Languages) -> Languages:
    """What both say, where both say something."""
    if not left:
        return found
    return tuple(name for name in left if name in found)


def _extensions(folded: str) -> Iterator[str]:
    """Extensions of a name, the longest first: `.tar.gz`, then `.gz`."""
    at = folded.find(".")
    while at >= 0:
        yield folded[at:]
        at = folded.find(".", at + 1)


_EMACS = re.compile(rb"-\*-[ \t]*(.{0,500}?)[ \t]*-\*-")
_EMACS_MODE = re.compile(rb"(?i)(?:^|[;\s])mode[ \t]*:[ \t]*([^\s;]+)")
_VIM = re.compile(
    rb"(?:^|[ \t])(?:[Vv]im[<=>]?[0-9]*|vi|ex):[ \t]*(?:(set?)[ \t]+)?(.{0,500})", re.MULTILINE
)
_VIM_TYPE = re.compile(rb"(?:^|[ \t:])(?:filetype|ft|syntax)[ \t]*=[ \t]*(\w+)(?=$|[\s:])")


def modeline(text: bytes) -> str | None:
    """The mode that an Emacs or Vim modeline in a text names, None if there is none."""
    for match in _EMACS.finditer(text):
        inside = match[1]
        mode = _EMACS_MODE.search(inside)
        if mode is not None:
            return mode[1].decode(errors="replace")
        if inside and b":" not in inside and b";" not in inside and not re.search(rb"\s", inside):
            return inside.decode(errors="replace")
    for match in _VIM.finditer(text):
        options = match[2]
        if match[1] is not None:
            options, closed, _ = options.partition(b":")
            if not closed:
                continue
        found = _VIM_TYPE.search(options)
        if found is not None:
            return found[1].decode()
    return None


_SHEBANG_LINE = re.compile(rb"#!\s*(\S+)(.*)")
_ENV_OPTIONS = re.compile(rb"\s+(?:-[iuCSv0]*|--\S+)(?=\s)|\s+[^\s=]+=\S*")
_EXEC = re.compile(rb"exec (\w+).{1,200}\$0.{1,200}\$@")


def shebang(head: bytes) -> str | None:
    """The interpreter that the first line names, None if there is none."""
    match = _SHEBANG_LINE.match(head.split(b"\n", 1)[0])
    if match is None:
        return None
    script = match[1].rsplit(b"/", 1)[-1]
    if script == b"env":
        rest = match[2]
        while (option := _ENV_OPTIONS.match(rest)) is not None:
            rest = rest[option.end() :]
        words = rest.split()
        if not words:
            return None
        script = words[0].rsplit(b"/", 1)[-1]
    if script == b"osascript" and b"-l" in match[2]:
        return None  # what follows `-l` is a language, not an interpreter
    script = re.sub(rb"^([a-z]+[0-9])(?:\.[0-9]+)+$", rb"\1", script)
    if script == b"sh":
        executed = _EXEC.search(b"\n".join(head.split(b"\n", 5)[:5]))
        if executed is not None:
            script = executed[1]
    return script.decode(errors="replace") or None


_RUN_LINES: Final = 4  # `#!` lines that are read: nix-shell has its own below the first
_RUN_BY = re.compile(rb"(?:^|\s)(?:-i|--command|--interpreter)[\s=]+(\S+)")
_PINNED = re.compile(r"^([A-Za-z][A-Za-z+_-]*[0-9]?)(?:\.[0-9]+)*(?:@\S*)?$")


def interpreters(head: bytes) -> Iterator[str]:
    """What may interpret a text: what `shebang` says, then what that in turn may be told to run.

    The second is an extension of Linguist's rules: `npx tsx`, `poetry run python3.11`, `nice -n 5 perl`,
    and nix-shell's `-i` on a line of its own. Options and assignments are no interpreters.

    >>> list(interpreters(b"#!/usr/bin/env -S npx -y tsx@4"))
    ['npx', 'tsx']
    """
    first = shebang(head)
    if first is None:
        return
    yield first
    lines = []
    for line in head.split(b"\n", _RUN_LINES)[:_RUN_LINES]:
        if not line.startswith(b"#!"):
            break
        lines.append(line[2:])
    told = b"\n".join(lines)
    words = [match[1] for match in _RUN_BY.finditer(told)] + told.split()
    for word in words:
        name = word.strip(b"'\"").rpartition(b"/")[2].decode(errors="replace")
        pinned = _PINNED.match(name)
        if pinned is not None and pinned[1] != first and not word.startswith(b"-"):
            yield pinned[1]


@numba.njit(cache=True, nogil=True)
def _has_clue(data: Any, start: int, end: int) -> bool:
    """Whether bytes hold what a modeline cannot be without: `-*-`, or `ex:`, `vi:`, `vim...:`."""
    for at in range(start, end - 2):
        byte = data[at]
        if byte == 45 and data[at + 1] == 42 and data[at + 2] == 45:
            return True
        if byte == 101 and data[at + 1] == 120 and data[at + 2] == 58:
            return True
        if (
            (byte | 32) == 118
            and data[at + 1] == 105
            and (data[at + 2] == 109 or data[at + 2] == 58)
        ):
            return True
    return False


@numba.njit(cache=True, nogil=True)
def signs(data: Any, offsets: Any) -> Any:
    """Bits of each text: _SHEBANG if it begins with `#!`, _MODELINE if it may hold a modeline, and
    the clues of `form`.
    """
    count = len(offsets) - 1
    found = np.zeros(count, np.uint8)
    for row in range(count):
        start, end = offsets[row], offsets[row + 1]
        if end - start < 3:
            continue
        found[row] = form.clues(data, start, end)
        if data[start] == 35 and data[start + 1] == 33:
            found[row] |= _SHEBANG
        first, last = line_ends(data[start:end], MODELINE_LINES, MODELINE_LINES)
        if _has_clue(data, start, start + first) or _has_clue(data, start + last, end):
            found[row] |= _MODELINE
    return found
