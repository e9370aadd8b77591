"""Decisions of the filter: which files go on, and for each of the others the one rule that dropped it.

In: files (less what earlier stages dropped), facts, Params, Policy. Out: ATTRIBUTES of those that
go on, DECISIONS for the others. Always holds: each file is in exactly one of the two; the rule of a
decision is the first of RULES that applies; nothing here reads a content.

A blob has one text but many files. Of all files that share it, in every origin, the strictest
licence holds: a copy of a copyleft file in a permissive repository stays out (`license-conflict`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stackyard.errors import EnvironmentFault, UsageError
from stackyard.filter.buffers import one_array
from stackyard.filter.evidence import Stated, gather
from stackyard.filter.expression import license_ids
from stackyard.filter.language import names as languages
from stackyard.filter.params import Params
from stackyard.filter.policy import CLASSES, Policy
from stackyard.params import canonical_json
from stackyard.record import ATTRIBUTES, BLOB_ID, DECISIONS, FILE_KEY, LICENSE_EVIDENCE

RULES: Final = (
    "binary",
    "empty",
    "language-unknown",
    "license-not-allowed",
    "license-conflict",
    "no-license",
    "vendored",
    "generated",
    "too-many-lines",
    "long-lines",
    "few-letters",
    "encoded-data",
    "data-lines",
    "html-markup",
    "text-name",
)
"""Every rule of the stage, in the order in which they are asked: the first that applies decides."""

EXEMPTIBLE: Final = frozenset(RULES[RULES.index("vendored") :])
"""Rules that `quality.exemptions` may name: those about quality, never those about licences."""

_PERMISSIVE = CLASSES.index("permissive")
_SHARE_DIGITS = 4  # decimal digits of a share in evidence


def decide(
    files: pa.Table,
    origins: pa.Table,
    facts: Mapping[str, pa.Table],
    params: Params,
    policy: Policy,
) -> tuple[pa.Table, pa.Table]:
    """Decide every file.

    Args:
        files: schema FILES.
        origins: schema ORIGINS; every revision of `files` is in it.
        facts: `language`, `license-file`, `license-text` and `quality` of at least these files.
        params: thresholds.
        policy: classes of licences.

    Returns:
        Kept files (ATTRIBUTES) and dropped ones (DECISIONS), each sorted by FILE_KEY.

    Raises:
        EnvironmentFault: a file has no facts.
        UsageError: a parameter names a rule that has no exemptions, or no language.
    """
    del origins  # attributes of revisions are for dedup and release
    _check_names(params)
    files = files.sort_by([(name, "ascending") for name in FILE_KEY]).combine_chunks()
    known = _Known(files, facts, policy)
    rule, evidence = _apply_rules(known, params)
    return _attributes(known, rule == len(RULES)), _decisions(known, rule, evidence)


def _check_names(params: Params) -> None:
    """Names in parameters are those of rules and languages: a misspelt one must not pass unseen."""
    quality = params.quality
    rules = sorted(set(quality.exemptions) - EXEMPTIBLE)
    if rules:
        raise UsageError(
            f"filter.quality.exemptions names the rule {rules[0]!r}",
            expected=f"one of {', '.join(sorted(EXEMPTIBLE))}",
            next_step="mend params.yaml",
        )
    named = {
        "exemptions": {name for some in quality.exemptions.values() for name in some},
        "long_line_languages": set(quality.long_line_languages),
        "alphanumeric_languages": set(quality.alphanumeric_languages),
        "data_languages": set(quality.data_languages),
    }
    for parameter, some in named.items():
        unknown = sorted(some - languages())
        if unknown:
            raise UsageError(
                f"filter.quality.{parameter} names the language {unknown[0]!r}",
                expected="a language as Linguist writes it",
                next_step="mend params.yaml",
            )


class _Known:
    """Columns of all that is known of the files, a row a file, as numpy arrays."""

    def __init__(self, files: pa.Table, facts: Mapping[str, pa.Table], policy: Policy) -> None:
        self.files = files
        self.count = files.num_rows
        quality = facts["quality"].take(_rows_by_blob(files, facts["quality"]))
        named = facts["language"].take(_rows_by_file(files, facts["language"]))
        self.encoding = one_array(quality["src_encoding"], pa.string())
        self.is_text = self.encoding.is_valid().to_numpy(zero_copy_only=False)
        self.numbers = {
            name: pc.fill_null(quality[name], 0).to_numpy().astype(np.int64)
            for name in quality.column_names
            if pa.types.is_integer(quality.schema.field(name).type)
        }
        self.language = one_array(named["language"], pa.string())
        self.extension = one_array(named["extension"], pa.string())
        self.is_vendor = _flags(named["is_vendor"])
        self.is_generated = _flags(named["is_generated"])
        self.has_generated_mark = _flags(quality["has_generated_mark"])
        self.stated: Stated = gather(files, facts["license-text"], facts["license-file"])
        classes = [
            -1 if expression is None else CLASSES.index(policy.classify(expression))
            for expression in self.stated.expressions
        ]
        self.license_class = np.array(classes, np.int64)[self.stated.expression_of]
        self.strictest, self.strictest_file = _strictest(files, self.license_class)

    def of_language(self, names: tuple[str, ...]) -> np.ndarray:
        found = pc.is_in(self.language, value_set=pa.array(names, pa.string()))
        return found.to_numpy(zero_copy_only=False)


def _flags(column: Any) -> np.ndarray:
    filled = one_array(pc.fill_null(column, False), pa.bool_())
    return filled.to_numpy(zero_copy_only=False)


def _rows_by_blob(files: pa.Table, facts: pa.Table) -> pa.Array:
    found = pc.index_in(
        one_array(files["blob_id"], BLOB_ID), value_set=one_array(facts["blob_id"], BLOB_ID)
    )
    return _all_found(found, "quality")


def _rows_by_file(files: pa.Table, facts: pa.Table) -> pa.Array:
    """Rows of facts by (blob_id, path): both as numbers, joined into one."""
    blobs = pc.unique(one_array(facts["blob_id"], BLOB_ID))
    paths = pc.unique(one_array(facts["path"], pa.string()))

    def key(table: pa.Table) -> pa.Array:
        blob = pc.index_in(one_array(table["blob_id"], BLOB_ID), value_set=blobs)
        path = pc.index_in(one_array(table["path"], pa.string()), value_set=paths)
        return pc.add(pc.multiply(pc.cast(blob, pa.int64()), len(paths)), path)

    return _all_found(pc.index_in(key(files), value_set=key(facts)), "language")


def _all_found(rows: pa.Array, name: str) -> pa.Array:
    if rows.null_count:
        raise EnvironmentFault(
            f"{rows.null_count} files have no {name} facts",
            expected="facts of every file that is to be decided",
            next_step="run the detect stage again",
        )
    return rows


def _strictest(files: pa.Table, license_class: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each file the strictest class over all files of its blob, and the first file that has it."""
    encoded = one_array(files["blob_id"], BLOB_ID).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    strictest = np.full(len(encoded.dictionary), -1, np.int64)
    np.maximum.at(strictest, codes, license_class)
    first = np.full(len(encoded.dictionary), len(codes), np.int64)
    at = np.flatnonzero(license_class == strictest[codes])
    np.minimum.at(first, codes[at], at)
    return strictest[codes], first[codes]


def _apply_rules(known: _Known, params: Params) -> tuple[np.ndarray, np.ndarray]:
    """For each file the number of its rule (len(RULES): kept) and its evidence (JSON text)."""
    rule = np.full(known.count, len(RULES), np.int64)
    evidence = np.full(known.count, "", object)
    checks = _checks(known, params)
    for number, name in enumerate(RULES):
        applies, explain = checks[name]
        exempt = params.quality.exemptions.get(name, ())
        if exempt:
            applies = applies & ~known.of_language(exempt)
        rows = np.flatnonzero(applies & (rule == len(RULES)))
        rule[rows] = number
        if len(rows):
            evidence[rows] = explain(rows)
    return rule, evidence


_Check = tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]


def _checks(known: _Known, params: Params) -> dict[str, _Check]:
    limits, numbers = params.quality, known.numbers
    chars = np.maximum(numbers["char_count"], 1)
    line_mean = numbers["char_count"] / np.maximum(numbers["line_count"], 1)
    relaxed = known.of_language(limits.long_line_languages)
    longest_max = np.where(
        relaxed, limits.line_longest_chars_max_relaxed, limits.line_longest_chars_max
    )
    too_long = numbers["line_longest_chars"] > longest_max
    too_wide = ~relaxed & (line_mean > limits.line_mean_chars_max)
    letters = np.where(
        known.of_language(limits.alphanumeric_languages),
        numbers["alphanumeric_count"],
        numbers["alphabetic_count"],
    )
    letter_share = _share(letters, chars)
    encoded_share = _share(numbers["encoded_chars"], chars)
    encoded_run = numbers["encoded_longest_chars"] > limits.encoded_run_chars_max
    visible_share = _share(numbers["visible_chars"], chars)
    html = known.of_language(("HTML",))
    plain_text = known.of_language(("Text",))
    no_evidence = known.license_class < 0
    empty = known.is_text & (numbers["char_count"] == 0)

    def measured(values: np.ndarray, limit: Any, quantity: str) -> Callable[[Any], np.ndarray]:
        return lambda rows: _measured(values[rows], _limits(limit, rows), quantity)

    def long_lines(rows: np.ndarray) -> np.ndarray:
        by_longest = _measured(
            numbers["line_longest_chars"][rows], longest_max[rows], "line_longest_chars"
        )
        by_mean = _measured(
            line_mean[rows], _limits(limits.line_mean_chars_max, rows), "line_mean_chars"
        )
        return np.where(too_long[rows], by_longest, by_mean)

    def encoded(rows: np.ndarray) -> np.ndarray:
        by_run = _measured(
            numbers["encoded_longest_chars"][rows],
            _limits(limits.encoded_run_chars_max, rows),
            "encoded_longest_chars",
        )
        by_share = _measured(
            encoded_share[rows], _limits(limits.encoded_share_max, rows), "encoded_share"
        )
        return np.where(encoded_run[rows], by_run, by_share)

    def markup(rows: np.ndarray) -> np.ndarray:
        visible = numbers["visible_chars"][rows]
        by_count = _measured(visible, _limits(limits.html_visible_chars_min, rows), "visible_chars")
        by_share = _measured(
            visible_share[rows], _limits(limits.html_visible_share_min, rows), "visible_share"
        )
        return np.where(visible < limits.html_visible_chars_min, by_count, by_share)

    generated = known.is_generated | known.has_generated_mark
    names = _Names(known.files, limits.text_stems, limits.text_name_parts)
    return {
        "binary": (~known.is_text, _constant({"quantity": "text", "measured": 0, "limit": 1})),
        "empty": (empty, _constant({"quantity": "char_count", "measured": 0, "limit": 1})),
        "language-unknown": (
            _flags(known.language.is_null()),
            _constant({"quantity": "language", "measured": None, "limit": "a known language"}),
        ),
        "license-not-allowed": (
            known.license_class > _PERMISSIVE,
            lambda rows: _license_evidence(known, rows),
        ),
        "license-conflict": (
            known.strictest > np.maximum(known.license_class, _PERMISSIVE),
            lambda rows: _conflict_evidence(known, rows),
        ),
        "no-license": (
            no_evidence & ("no_license" not in params.editions),
            _constant({"quantity": "license_evidence", "measured": 0, "limit": 1}),
        ),
        "vendored": (
            known.is_vendor & limits.drop_vendored,
            _constant({"quantity": "is_vendor", "measured": True, "limit": False}),
        ),
        "generated": (
            generated & limits.drop_generated,
            lambda rows: np.where(
                known.is_generated[rows],
                _json({"quantity": "is_generated", "measured": True, "limit": False}),
                _json({"quantity": "has_generated_mark", "measured": True, "limit": False}),
            ),
        ),
        "too-many-lines": (
            numbers["line_count"] > limits.lines_max,
            measured(numbers["line_count"], limits.lines_max, "line_count"),
        ),
        "long-lines": (too_long | too_wide, long_lines),
        "few-letters": (
            letter_share < limits.alphabetic_share_min,
            measured(letter_share, limits.alphabetic_share_min, "alphabetic_share"),
        ),
        "encoded-data": (encoded_run | (encoded_share > limits.encoded_share_max), encoded),
        "data-lines": (
            known.of_language(limits.data_languages)
            & (numbers["line_count"] > limits.data_lines_max),
            measured(numbers["line_count"], limits.data_lines_max, "line_count"),
        ),
        "html-markup": (
            html
            & (
                (numbers["visible_chars"] < limits.html_visible_chars_min)
                | (visible_share < limits.html_visible_share_min)
            ),
            markup,
        ),
        "text-name": (
            plain_text & ~names.allowed(),
            lambda rows: _named(names.stem(), rows),
        ),
    }


class _Names:
    """Names of files without directory, folded."""

    def __init__(self, files: pa.Table, stems: tuple[str, ...], parts: tuple[str, ...]) -> None:
        self._names = pc.utf8_lower(
            pc.replace_substring_regex(files["path"], pattern="(?s)^.*/", replacement="")
        )
        self._stems, self._parts = stems, parts

    def stem(self) -> Any:
        return pc.replace_substring_regex(
            self._names, pattern=r"(?s)(.)\.[^.]*$", replacement=r"\1"
        )

    def allowed(self) -> np.ndarray:
        allowed = pc.is_in(self.stem(), value_set=pa.array(self._stems, pa.string()))
        for part in self._parts:
            allowed = pc.or_(allowed, pc.match_substring(self._names, part))
        return _flags(allowed)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return part / whole


def _limits(limit: Any, rows: np.ndarray) -> np.ndarray:
    return np.full(len(rows), limit)


def _json(value: Mapping[str, Any]) -> str:
    return canonical_json(value).decode()


def _constant(value: Mapping[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: np.full(len(rows), _json(value), object)


def _measured(values: np.ndarray, limits: np.ndarray, quantity: str) -> np.ndarray:
    """Evidence texts, made once for each distinct pair of value and limit."""
    if values.dtype.kind == "f":
        values = np.round(values, _SHARE_DIGITS)
    pairs = np.stack([values.astype(np.float64), limits.astype(np.float64)], axis=1)
    distinct, place = np.unique(pairs, axis=0, return_inverse=True)
    texts = [
        _json({"quantity": quantity, "measured": _number(value), "limit": _number(limit)})
        for value, limit in distinct
    ]
    return np.array(texts, object)[place.reshape(-1)]


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)


def _named(stems: Any, rows: np.ndarray) -> np.ndarray:
    encoded = one_array(stems.take(pa.array(rows)), pa.string()).dictionary_encode()
    texts = [
        _json({"quantity": "name", "measured": stem, "limit": "text_stems, text_name_parts"})
        for stem in encoded.dictionary.to_pylist()
    ]
    return np.array(texts, object)[encoded.indices.to_numpy(zero_copy_only=False)]


def _license_evidence(known: _Known, rows: np.ndarray) -> np.ndarray:
    """Expression, class, and the first statement behind it (its path, if it is another file's)."""
    stated = known.stated
    first = stated.rows[stated.offsets[rows]]
    pairs = np.stack([stated.expression_of[rows], known.license_class[rows], first], axis=1)
    distinct, place = np.unique(pairs, axis=0, return_inverse=True)
    picked = stated.evidence.take(pa.array(distinct[:, 2])).to_pylist()
    texts = [
        _json(
            {
                "quantity": "license_class",
                "measured": CLASSES[license_class],
                "limit": "permissive",
                "license_expression": stated.expressions[expression],
                "kind": statement["kind"],
                "detector": statement["detector"],
                **({"path": statement["path"]} if statement["path"] is not None else {}),
            }
        )
        for (expression, license_class, _), statement in zip(distinct, picked, strict=True)
    ]
    return np.array(texts, object)[place.reshape(-1)]


def _conflict_evidence(known: _Known, rows: np.ndarray) -> np.ndarray:
    """The first file of the same blob that has the strictest licence."""
    others, place = np.unique(known.strictest_file[rows], return_inverse=True)
    table = known.files.select(list(FILE_KEY)).take(pa.array(others)).to_pylist()
    texts = [
        _json(
            {
                "quantity": "license_class",
                "measured": CLASSES[known.license_class[other]],
                "limit": "permissive",
                "license_expression": known.stated.expressions[known.stated.expression_of[other]],
                **key,
            }
        )
        for other, key in zip(others, table, strict=True)
    ]
    return np.array(texts, object)[place.reshape(-1)]


def _attributes(known: _Known, kept: np.ndarray) -> pa.Table:
    rows = np.flatnonzero(kept)
    taken = pa.array(rows)
    files = known.files.take(taken)
    stated = known.stated
    expression_of = stated.expression_of[rows]
    expressions = pa.array(stated.expressions, pa.string())
    license_type = np.where(known.license_class[rows] < 0, "no_license", "permissive")
    ids = pa.array(
        [[] if text is None else list(license_ids(text)) for text in stated.expressions],
        pa.list_(pa.string()),
    )
    columns = {
        **{name: files[name] for name in files.column_names},
        "edition": pa.array(license_type, pa.string()),
        "src_encoding": known.encoding.take(taken),
        "language": known.language.take(taken),
        "extension": known.extension.take(taken),
        "is_vendor": pa.array(known.is_vendor[rows]),
        "is_generated": pa.array(known.is_generated[rows]),
        "license_type": pa.array(license_type, pa.string()),
        "license_expression": expressions.take(pa.array(expression_of)),
        "detected_licenses": ids.take(pa.array(expression_of)),
        "license_evidence": _evidence_lists(known, rows, files["path"]),
    }
    return pa.table([columns[name] for name in ATTRIBUTES.names], schema=ATTRIBUTES)


def _evidence_lists(known: _Known, rows: np.ndarray, paths: Any) -> Any:
    stated = known.stated
    lengths = stated.offsets[rows + 1] - stated.offsets[rows]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    flat = stated.evidence.take(
        pa.array(stated.rows[np.repeat(stated.offsets[rows], lengths) + within])
    ).combine_chunks()
    owner = one_array(paths, pa.string()).take(pa.array(np.repeat(np.arange(len(rows)), lengths)))
    fields = list(LICENSE_EVIDENCE.value_type)
    arrays = [one_array(flat[field.name], field.type) for field in fields]
    arrays[0] = pc.coalesce(arrays[0], owner)
    values = pa.StructArray.from_arrays(arrays, fields=fields)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values).cast(
        LICENSE_EVIDENCE
    )


def _decisions(known: _Known, rule: np.ndarray, evidence: np.ndarray) -> pa.Table:
    rows = np.flatnonzero(rule < len(RULES))
    files = known.files.take(pa.array(rows))
    names = pa.array(RULES, pa.string()).take(pa.array(rule[rows]))
    columns = {
        **{name: files[name] for name in (*FILE_KEY, "blob_id")},
        "stage": pa.repeat(pa.scalar("filter"), len(rows)),
        "rule": names,
        "evidence": pa.array(evidence[rows], pa.string()),
    }
    return pa.table([columns[name] for name in DECISIONS.names], schema=DECISIONS)
