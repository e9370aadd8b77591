from __future__ import annotations

from stackyard.filter import Params
from stackyard.filter.report import counts, samples
from tests.unit.filter.corpus import facts, run
from tests.unit.filter.licenses import MIT

REPOS = {
    "octo-org/a": {"LICENSE": MIT, **{f"a{i}.py": b"" for i in range(9)}, "b.yaml": b""},
    "octo-org/b": {"x.py": b"x = 'some words'\n", "y.c": b"int only_words;\n"},
}


def test_counts_by_rule_and_language_add_up() -> None:
    decisions = run(REPOS).decisions
    rows = counts(decisions, facts(REPOS, Params())["language"]).to_pylist()
    assert sum(row["files"] for row in rows) == decisions.num_rows
    assert {"rule": "empty", "language": "Python", "files": 9} in rows
    assert {"rule": "no-license", "language": "C", "files": 1} in rows


def test_samples_do_not_depend_on_the_order_of_rows() -> None:
    decisions = run(REPOS).decisions
    turned = decisions.take(list(range(decisions.num_rows))[::-1])
    one, other = samples(decisions, 3), samples(turned, 3)
    assert one.equals(other)
    rules = one["rule"].to_pylist()
    assert rules.count("empty") == 3
    assert rules.count("text-name") == 1
    assert rules == sorted(rules)
