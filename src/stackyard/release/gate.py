"""The release gate: the laws that a release can break, checked over what would be published.

In: the tables and bytes of a finished release tree. Out: a verdict a check, each with its evidence.
Always holds: a check that was not made is a failed one; every check is made before the gate refuses,
so that one run shows all there is to mend; memory is bounded by a row group and by 64 bytes a row.

All that whoever has the release can check is in `checks`, which `stackyard verify` makes too. Beside it

    (1) conservation   every file seen has exactly one decision, and totals and decisions/ say so
    (2) determinism    the layout is that of the parameters of this run
    (3) absence        nothing that an opt-out names is released or has a decision in the tree
    (5) uniqueness     no two released files are near-duplicates
    (6) no leak        neither scanner finds anything in the released texts, and no value stands there
                       that is redacted elsewhere

Law 4 (increment) and law 10 (least removal) are of builds and requests: tests hold them. Who hands in
tables of violations answers for having looked for them over this very tree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stackyard.errors import GateRefused, StackyardError
from stackyard.params import plain
from stackyard.record import DECISIONS, FILE_KEY
from stackyard.release import checks
from stackyard.release.checks import SHOWN_MAX, Check, Open, Rule
from stackyard.release.manifest import Manifest
from stackyard.release.params import Params
from stackyard.release.tables import sha256_bytes

_SHOWN_CHARS_MAX = 400
"""Of an example: a rule, a whole SHA-256 and most paths; what must be copied stands before them."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the pipeline hands in beside the tree; None means that nobody looked, and fails.

    Attributes:
        listing: LISTING of every file that ingest saw.
        decisions: DECISIONS of every stage.
        rows: the rows to release (`shards.published`); FILE_KEY is read.
        optouts: released rows that an opt-out names; any columns.
        near_duplicates: pairs of released files above the similarity threshold; any columns.
        leaks: by scanner, its findings in the released texts; any columns, no values of secrets.
        known: places where a value stands that was redacted elsewhere; any columns, no values.
        registry: what the room of opt-outs knows of registry/ and the presence tree.
    """

    listing: pa.Table | None = None
    decisions: tuple[pa.Table, ...] = ()
    rows: pa.Table | None = None
    optouts: pa.Table | None = None
    near_duplicates: pa.Table | None = None
    leaks: Mapping[str, pa.Table] = field(default_factory=dict)
    known: pa.Table | None = None
    registry: checks.OptOuts | None = None


RULES = (
    Rule(1, "one decision a file", "no file has two decisions, `kept` counted as one"),
    Rule(1, "decisions match the listing", "every file seen has a decision, and no other has"),
    Rule(1, "totals balance", "`files_seen` = `files_kept` + dropped, as the tables have them"),
    Rule(1, "kept files are in the shards", "they hold every file that is kept, and no other"),
    Rule(1, "decisions are published", "decisions/ has every decision but those of opt-outs"),
    Rule(2, "parameters", "the manifest names the section `release` of this run"),
    Rule(3, "opt-outs", "no released row, nor any of its `origins`, is named by an opt-out"),
    Rule(5, "near-duplicates", "no two released files are near-duplicates above the threshold"),
    Rule(
        6,
        "two scanners",
        "the detectors and a second scanner that shares no rule with them both ran",
    ),
    Rule(6, "scan by ...", "it found nothing in the released texts and in ATTRIBUTION/"),
    Rule(6, "known values", "no value that is redacted in one place stands in another"),
)
"""What only the builder can check; beside them are all of `checks.RULES`."""

_OPTED_OUT = "optout"
"""The stage whose decisions are never published."""

SCANNERS_MIN = 2
"""The scanner that redacted, and a second one that shares no rule with it (law 6)."""


def check(
    manifest: bytes, paths: Iterable[str], open_file: Open, evidence: Evidence, params: Params
) -> tuple[Check, ...]:
    """All checks, in the order of the laws.

    Args:
        manifest: the bytes of manifest.json.
        paths: every path in the tree, manifest.json and manifest.dsse.json too.
        open_file: reads the tree.
        evidence: tables of the build.
        params: of the release.
    """
    try:
        release = Manifest.parse(manifest)
    except StackyardError as error:
        return (Check(2, "manifest", holds=False, evidence=str(error.found or error.what)),)
    held = checks.Held(frozenset(paths), open_file)
    found, rows = checks.check(release, held, evidence.registry)
    every = (
        *_conservation(release, evidence),
        *([] if evidence.rows is None else [_kept(evidence.rows, rows)]),
        _published(release, open_file, evidence),
        _parameters(release, params),
        _none("opt-outs", 3, evidence.optouts, "released rows that an opt-out names"),
        _none("near-duplicates", 5, evidence.near_duplicates, "pairs above the threshold"),
        *_leaks(evidence.leaks),
        _none("known values", 6, evidence.known, "places of values that are redacted elsewhere"),
        *found.checks(),
    )
    return tuple(sorted(every, key=lambda one: one.law))


def require(checks: Iterable[Check]) -> None:
    """Passes if every check holds.

    Raises:
        GateRefused: one does not; it lists all of them.
    """
    broken = [one for one in checks if not one.holds]
    if broken:
        raise GateRefused(
            f"the release gate refused: {len(broken)} checks do not hold; nothing was published",
            found="\n    ".join(str(one) for one in broken),
            next_step="the gate guards against faults of Stackyard's own: nothing that an origin holds"
            " can break it (docs/release-format.md). Remove work/ and release again; if the"
            " same check fails, report it",
        )


def _conservation(release: Manifest, evidence: Evidence) -> Iterator[Check]:
    """(1) listings == kept + decisions, file by file and in the totals."""
    if evidence.listing is None or evidence.rows is None:
        yield Check(1, "conservation", holds=False, evidence="no listing or no rows were handed in")
        return
    keys = list(FILE_KEY)
    schema = pa.schema([(name, pa.string()) for name in keys])
    decided = [evidence.rows, *evidence.decisions]
    every = pa.concat_tables([part.select(keys).cast(schema) for part in decided])
    seen = evidence.listing.select(keys).cast(schema)
    groups = every.group_by(keys, use_threads=False).aggregate([([], "count_all")])
    twice = groups.filter(pc.greater(groups["count_all"], 1))
    yield _verdict(1, "one decision a file", [*_names(twice)], len(twice), len(groups))
    undecided = seen.join(groups, keys, join_type="left anti")
    unseen = groups.join(seen, keys, join_type="left anti")
    apart = len(undecided) + len(unseen)
    yield _verdict(
        1, "decisions match the listing", [*_names(undecided), *_names(unseen)], apart, len(seen)
    )
    totals = release.totals
    dropped: Counter[tuple[str, str]] = Counter()
    for part in evidence.decisions:
        for group in part.group_by(["stage", "rule"]).aggregate([([], "count_all")]).to_pylist():
            dropped[group["stage"], group["rule"]] += group["count_all"]
    told = {(part.stage, part.rule): part.files for part in totals.dropped}
    balance = totals.files_kept + sum(told.values())
    holds = (
        totals.files_seen == len(seen) == balance
        and totals.files_kept == len(evidence.rows)
        and told == dict(dropped)
    )
    yield Check(
        1,
        "totals balance",
        holds,
        f"{totals.files_seen} seen = {totals.files_kept} kept + {sum(told.values())} dropped;"
        f" the tables have {len(seen)}, {len(evidence.rows)}, {sum(dropped.values())}",
    )


def _kept(rows: pa.Table, read: checks.Rows) -> Check:
    """(1) the shards hold the files that are kept, and no other."""
    keys = pc.binary_join_element_wise(rows["repo_name"], rows["path"], "\0")
    there = [part for parts in read.places.values() for part in parts]
    apart = np.setxor1d(checks.digests([sha256_bytes(keys)]), checks.digests(there))
    return _verdict(1, "kept files are in the shards", [], len(apart), len(rows))


def _published(release: Manifest, open_file: Open, evidence: Evidence) -> Check:
    """(1) decisions/ has every decision; (3) but none of what was opted out."""
    told = [part.filter(pc.not_equal(part["stage"], _OPTED_OUT)) for part in evidence.decisions]
    expected = _decided(told)
    found = []
    try:
        for file in release.files:
            if file.kind == "decisions":
                with open_file(file.path) as source:
                    found.append(pq.read_table(source, columns=list(DECISIONS.names)))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        return Check(1, "decisions are published", holds=False, evidence=str(error)[:120])
    published = _decided(found)
    return Check(
        1,
        "decisions are published",
        published == expected,
        f"{sum(len(part) for part in found)} in the tree, {sum(len(part) for part in told)} made"
        " that are of no opt-out",
    )


def _decided(parts: Iterable[pa.Table]) -> pa.Table:
    """Files with the stage and rule that dropped them, sorted."""
    names = [*FILE_KEY, "stage", "rule"]
    schema = pa.schema([(name, pa.string()) for name in names])
    every = pa.concat_tables([schema.empty_table(), *(p.select(names).cast(schema) for p in parts)])
    order = pc.sort_indices(every, [(name, "ascending") for name in names])
    return every.take(order).combine_chunks()


def _parameters(release: Manifest, params: Params) -> Check:
    """(2) the layout is that of the parameters that the manifest names."""
    named = release.params.get("release")
    return Check(
        2, "parameters", named == plain(params), "section release of the manifest's parameters"
    )


def _leaks(leaks: Mapping[str, pa.Table]) -> Iterator[Check]:
    """(6) two scanners, no finding."""
    yield Check(
        6,
        "two scanners",
        len(leaks) >= SCANNERS_MIN,
        f"scanned by {', '.join(sorted(leaks)) or 'none'}",
    )
    for name in sorted(leaks):
        yield _none(f"scan by {name}", 6, leaks[name], "findings in the released texts")


def _none(name: str, law: int, violations: pa.Table | None, what: str) -> Check:
    if violations is None:
        return Check(law, name, holds=False, evidence="nobody looked")
    shown = [
        " ".join(str(value) for value in row.values())[:_SHOWN_CHARS_MAX]
        for row in violations.slice(0, SHOWN_MAX).to_pylist()
    ]
    return Check(
        law,
        name,
        len(violations) == 0,
        f"{len(violations)} {what}" + "".join(f"; {example}" for example in shown),
    )


def _names(table: pa.Table) -> list[str]:
    rows = table.slice(0, SHOWN_MAX).select(["repo_name", "path"]).to_pylist()
    return [f"{row['repo_name']}/{row['path']}" for row in rows]


def _verdict(law: int, name: str, wrong: list[str], count: int, of: int) -> Check:
    shown = "".join(f"; {found}" for found in wrong[:SHOWN_MAX])
    return Check(law, name, count == 0, f"{count} of {of} are wrong{shown}")
