"""What a copy has seen of its dataset may only grow: a Hub that shows less was rolled back, or lies.

In: what the lock remembers, and what was believed just now. Out: the new memory, or a refusal. Nothing
is remembered that the pinned key did not sign, so no Hub can make a copy refuse an honest one.
"""

from __future__ import annotations

from collections.abc import Iterable

from stackyard.client import tombstones
from stackyard.client.lock import LOCK, Seen
from stackyard.errors import VerificationError
from stackyard.optout.registry import Registry, extends_root
from stackyard.release.semver import version_key
from stackyard.store.hub import HubDataset

_WAY_OUT = f"ask its publisher; who knows why, and wants what the Hub shows now, removes `seen` from {LOCK}"


def refuse_less(dataset: HubDataset, seen: Seen | None, newest: str, key: str) -> None:
    """Passes if the newest version on the Hub is not below the highest that was seen.

    A version that was purged has a signed tombstone, and is not hidden.

    Raises:
        VerificationError: it is below.
    """
    if seen is None or version_key(newest) >= version_key(seen.version):
        return
    buried = tombstones.read(dataset).get(seen.version)
    if buried is not None:
        buried.manifest(key)
        return
    raise VerificationError(
        f"{dataset.repo} was rolled back: the Hub shows less than it did",
        expected=f"version {seen.version} or later, which was seen",
        found=newest,
        next_step=_WAY_OUT,
    )


def grown(
    seen: Seen | None, version: str, log: Registry, yanked: Iterable[str] | None = None
) -> Seen:
    """The memory with a release and its log; None for yanked if nobody looked.

    Raises:
        VerificationError: the longer one of the two logs does not extend the other, or a yank is gone.
    """
    names = set(seen.yanked if seen else ())
    if yanked is not None and not names <= set(yanked):
        raise VerificationError(
            "the Hub does not show a yank that was seen",
            expected=f"{', '.join(sorted(names - set(yanked)))} among the yanked versions",
            next_step=_WAY_OUT,
        )
    size, root = len(log.events), log.tree.root().hex()
    if seen is not None and version_key(seen.version) > version_key(version):
        # An older release is asked for: its log may be shorter, but not another one.
        if size > seen.log_size:
            raise _forked(seen, size)
        return Seen(
            seen.version, seen.log_size, seen.log_root, tuple(sorted({*names, *(yanked or ())}))
        )
    if seen is not None:
        extends_root(log, seen.log_size, bytes.fromhex(seen.log_root))
    return Seen(version, size, root, tuple(sorted({*names, *(yanked or ())})))


def _forked(seen: Seen, size: int) -> VerificationError:
    return VerificationError(
        "an older release has a longer log of opt-outs than a later one that was seen",
        expected=f"at most {seen.log_size} events",
        found=f"{size} events",
        next_step=_WAY_OUT,
    )
