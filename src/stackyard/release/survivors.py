"""Whether a release without a single row may go out, and what is said where it may not.

In: the totals of a build, the release before it, and how many opt-outs wait for one. Out: nothing, or
a refusal that says where all files stayed. Always holds: an opt-out is honoured even if nothing is left
after it; a build that lost everything for any other reason leaves the last release as it is (ADR 15).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from stackyard.errors import VerificationError
from stackyard.release.manifest import Totals
from stackyard.release.wording import counted

_SHOWN_MAX = 8
"""Rules that a message lists; `stackyard report` has all of them."""

_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "filter/no-license": "name sources that state a licence, or let in those that state none: the"
        " edition no_license, in filter.editions and release.editions of params.yaml",
        "filter/license-not-allowed": "name sources with permissive licences, or see in"
        " registry/licenses.yaml which are let in",
        "filter/license-conflict": "name sources whose files have no copies under stricter licences",
        "filter/binary": "name sources with text in them, not what was built from it",
        "filter/language-unknown": "name sources whose files have extensions or first lines that"
        " say a language",
        "release/edition-not-published": "publish the edition: release.editions of params.yaml",
    }
)
"""What to do about the rules that can leave nothing by themselves; for a whole stage, `_STAGES`."""

_STAGES: Mapping[str, str] = MappingProxyType(
    {
        "ingest": "name sources with ordinary files: docs/sources.md has what is not read",
        "optout": "name other sources: these are opted out",
        "filter": "see the section filter.quality of params.yaml, or name other sources",
        "dedup": "this is a fault of the program: something stands for every duplicate",
        "pii": "name other sources: these hold more to redact than text",
    }
)


class NothingSurvived(VerificationError):
    """Every file was dropped, and no opt-out is why; nothing was published (exit 1)."""


def require_rows(totals: Totals, previous: Totals | None, pending: int) -> None:
    """Passes if there is a row, if opt-outs wait for this release, or if the last one has none too.

    Args:
        totals: of the build.
        previous: those of the last release, None before the first.
        pending: opt-outs that are accepted and in no release yet.

    Raises:
        NothingSurvived: the release would be empty; it says how many files which rule dropped.
    """
    if totals.files_kept:
        return
    if previous is not None and (pending or not previous.files_kept):
        return
    if not totals.files_seen:
        raise NothingSurvived(
            "the sources hold not one file; nothing was published",
            next_step="look whether the archives and folders of sources.yaml are the right ones",
        )
    ranked = sorted(totals.dropped, key=lambda each: (-each.files, each.stage, each.rule))
    shown = [f"{counted(each.files, 'file')}: {each.stage}/{each.rule}" for each in ranked]
    if len(shown) > _SHOWN_MAX:
        shown[_SHOWN_MAX:] = [f"and {len(shown) - _SHOWN_MAX} more rules"]
    most = ranked[0]
    rule = f"{most.stage}/{most.rule}"
    advice = _ADVICE.get(rule) or _STAGES.get(most.stage, "see what docs/rules.md says of it")
    raise NothingSurvived(
        f"of {counted(totals.files_seen, 'file')} none survived; nothing was published",
        found="; ".join(shown),
        next_step=f"most fell to {rule}: {advice}\n"
        "        `stackyard report --samples 3` shows examples of each rule",
    )
