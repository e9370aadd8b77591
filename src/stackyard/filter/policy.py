"""The licence policy: from a licence to its class, and which classes a release takes in.

In: registry/licenses.yaml, reviewed by people, pinned and versioned. Out: `Policy`, which ranks any
SPDX expression. Always holds: what the policy does not know is `other`, and `other` is not allowed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from typing import Any, Final

import jsonschema
import yaml

from stackyard.errors import UsageError
from stackyard.params import digest

CLASSES: Final = ("permissive", "weak-copyleft", "copyleft", "other")
"""From the least strict to the strictest."""


@dataclass(frozen=True)
class Policy:
    """Classes of licences.

    Attributes:
        version: of the policy, semver.
        collection_license: SPDX expression under which the collection itself is offered.
        blue_oak_tiers: tiers of the Blue Oak Council's list whose licences are permissive.
        categories: class of each category of the ScanCode licence index.
        ids: class of single SPDX ids, before their category.
        exceptions: class of `LICENSE WITH EXCEPTION` by exception id, before that of the licence.
        matrix_rows: row of OSADL's matrix that stands for a collection licence which it lacks.
        verdicts: of single SPDX ids beside the collection's licence, before the matrix.
    """

    version: str
    collection_license: str
    blue_oak_tiers: tuple[str, ...]
    categories: Mapping[str, str]
    ids: Mapping[str, str]
    exceptions: Mapping[str, str]
    matrix_rows: Mapping[str, str] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the canonical JSON of its content."""
        return digest(
            {
                "version": self.version,
                "collection_license": self.collection_license,
                "blue_oak_tiers": list(self.blue_oak_tiers),
                "categories": dict(self.categories),
                "ids": dict(self.ids),
                "exceptions": dict(self.exceptions),
                "matrix_rows": dict(self.matrix_rows),
                "verdicts": dict(self.verdicts),
            }
        )

    def rank(self, license_id: str, exception_id: str | None = None) -> int:
        """Index into CLASSES of a licence, with an exception or without."""
        from stackyard.filter.expression import category

        if exception_id is not None and exception_id in self.exceptions:
            return CLASSES.index(self.exceptions[exception_id])
        if license_id in self.ids:
            return CLASSES.index(self.ids[license_id])
        if license_id in self._blue_oak:
            return CLASSES.index("permissive")
        return CLASSES.index(self.categories.get(category(license_id), "other"))

    @cached_property
    def _blue_oak(self) -> frozenset[str]:
        tiers = json.loads(_resource("blueoak.json"))["tiers"]
        return frozenset(key for tier in self.blue_oak_tiers for key in tiers[tier])

    def classify(self, expression: str) -> str:
        """Class of an expression: OR is a choice, AND takes the strictest."""
        from stackyard.filter.expression import evaluate

        return CLASSES[evaluate(expression, self.rank)]


def load_policy(text: str, where: str) -> Policy:
    """Read a policy.

    Raises:
        UsageError: it is not YAML, or does not match the schema.
    """
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark is not None else ""
        raise UsageError(f"{where} is not YAML{place}", next_step="mend it") from error
    problem = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema()).iter_errors(values)
    )
    if problem is not None:
        raise UsageError(
            f"{where} does not match its schema at {problem.json_path}",
            expected=str(problem.validator_value)[:200],
            found=repr(problem.instance)[:80],
            next_step="mend it; the schema is registry/licenses.schema.json",
        )
    beside = values.get("compatibility", {})
    return Policy(
        version=values["version"],
        collection_license=values["collection_license"],
        blue_oak_tiers=tuple(values["blue_oak_tiers"]),
        categories=values["categories"],
        ids={key: entry["class"] for key, entry in values["ids"].items()},
        exceptions={key: entry["class"] for key, entry in values["exceptions"].items()},
        matrix_rows={key: entry["row"] for key, entry in beside.get("matrix_rows", {}).items()},
        verdicts={key: entry["verdict"] for key, entry in beside.get("ids", {}).items()},
    )


def schema() -> dict[str, Any]:
    """JSON Schema of a policy."""
    return json.loads(_resource("licenses.schema.json"))


def default_policy_text() -> str:
    """The policy that `stackyard init` writes to registry/licenses.yaml."""
    return _resource("licenses.yaml")


def default_policy() -> Policy:
    """The policy that comes with Stackyard."""
    return load_policy(default_policy_text(), "the default licence policy")


def _resource(name: str) -> str:
    return (resources.files("stackyard.filter.data.policy") / name).read_text("utf-8")
