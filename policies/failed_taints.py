"""The taints of a cluster that failed: at once nothing new is placed there, after a grace what is there goes.

The grace is counted from `timeAdded` of the first taint, so that whoever looks later goes on where the one
before left off. It goes on, too, when the cluster fails in another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from policies.api.meta import Taint
from policies.eviction import FAILED


class Tainted(NamedTuple):
    taints: list[Taint]
    """What the cluster is to have: what it has if only the order would differ."""
    again: float | None
    """Seconds until that changes by itself."""


def tainted(present: Sequence[Taint], key: str | None, now: datetime, grace: float) -> Tainted:
    """Return the taints of a cluster, of which those of others stay as they are.

    :param key: that of the taints for the way in which it fails, or None if it does not.
    :param grace: seconds from NoSchedule to NoExecute.
    """
    others = [taint for taint in present if taint.key not in FAILED]
    if key is None:
        return Tainted(others, None)
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    since = _since(present, "NoSchedule") or stamp
    ours = [Taint(key=key, effect="NoSchedule", time_added=since)]
    left = grace - (now - datetime.fromisoformat(since)).total_seconds()
    executing = _since(present, "NoExecute")
    if executing or left <= 0:
        ours.append(Taint(key=key, effect="NoExecute", time_added=executing or stamp))
    before = [taint for taint in present if taint.key in FAILED]
    same = {taint.effect: taint for taint in before} == {taint.effect: taint for taint in ours}
    taints = list(present) if same and len(before) == len(ours) else [*others, *ours]
    return Tainted(taints, None if executing or left <= 0 else left)


def _since(taints: Sequence[Taint], effect: str) -> str | None:
    times = (taint.time_added for taint in taints if taint.key in FAILED and taint.effect == effect)
    return min((time for time in times if time), default=None)
