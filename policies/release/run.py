"""Run: what a release does next, from what it did, what people want of it and what is seen of the clusters.

`advance` is called whenever any of these may have changed. It needs no memory but the status it returned
before: that is written to the host before any cluster may act on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from policies.api.rollout import RolloutSpec, RolloutStatus
from policies.release.meeting import meet
from policies.release.releasing import release
from policies.release.rollback import roll_back
from policies.release.state import Run, Sight, Wish, with_
from policies.release.telling import TERMINAL
from policies.verdicts import Verdict

_UNGOVERNED = (
    "no valid RolloutPolicy governs the workload any more, so nothing more is released: apply one again, or "
    "run `atoll rollout promote --full` or `atoll rollout abort --rollback`"
)


class Next(NamedTuple):
    """What `advance` says."""

    status: RolloutStatus
    look_again: float | None
    """Seconds until time alone changes something; None when only news does."""


def advance(
    spec: RolloutSpec,
    generation: int,
    before: RolloutStatus,
    wish: Wish,
    sights: Mapping[str, Sight],
    now: datetime,
) -> Next:
    """Return the next status of a run. Equal inputs give an equal status, also when only time has passed.

    :param before: the status that was written last; `Sight.current` speaks of what it permits.
    :param sights: one for every cluster the workload is placed on.
    """
    if before.phase in TERMINAL:
        return Next(before, None)
    run = Run(spec, before, wish, sights, now)
    meet(run)
    newer = wish.revision not in (spec.target_revision, spec.stable_revision)
    if newer and spec.strategy.on_new_revision == "Reject":
        run.reject(wish.revision)
    if newer and spec.strategy.on_new_revision == "Supersede":
        run.say("Superseded", "NewRevision", f"the workload is at revision {wish.revision} now")
    elif before.phase == "RollingBack":
        roll_back(run, Verdict(before.reason, before.message))
    elif spec.abort == "Rollback":
        roll_back(run, Verdict("RolledBackByUser", "asked for by spec.abort: Rollback"))
    elif wish.revision == spec.stable_revision:
        roll_back(run, Verdict("Reverted", "the workload is back at its stable revision"))
    elif spec.abort == "Stop":
        run.say("Cancelled", "StoppedByUser", "spec.abort is Stop: every cluster stays as it is")
    elif before.phase == "Halted" and spec.retry <= before.retries and not spec.promote:
        run.stay()
    elif wish.suspended is not None:
        run.say("Paused", wish.suspended.reason, wish.suspended.message)
    elif not wish.governed and not spec.promote:
        run.say("Paused", "PolicyMissing", _UNGOVERNED)
    elif spec.paused:
        run.say("Paused", "PausedByUser", "nothing more is released; `atoll rollout resume` goes on")
    else:
        release(run)
    return Next(run.status(generation), run.look_again)


def decided(status: RolloutStatus) -> object:
    """Return what of a status clusters or people act on; the rest is what was seen of pods."""
    clusters = [with_(cluster, updated=0, updated_ready=0, unavailable=0) for cluster in status.clusters]
    return with_(
        status,
        updated=0,
        updated_ready=0,
        unavailable=0,
        message="",
        progress_time=None,
        conditions=[],
        clusters=clusters,
    )
