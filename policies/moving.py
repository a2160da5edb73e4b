"""Moving: where a template goes while it leaves clusters.

Never is the last copy given up: a cluster is left only if without it the placement is as wished. An eviction
and what takes its place are one decision, so nobody sees one without the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from policies.api.binding import Eviction, TargetCluster
from policies.eviction import UNHEALTHY, Standing
from policies.placement import Decision, Present
from policies.verdicts import Verdict

Place = Callable[[Collection[str]], Decision]
"""Decide where a template goes that is to be in none of these clusters."""


class Moving(NamedTuple):
    """What moves, or may begin to."""

    standing: Standing = Standing((), frozenset(), frozenset())
    due: Sequence[Eviction] = ()
    """Evictions that may begin now."""
    unwell: Collection[str] = ()
    """Clusters in which the template is unhealthy: none is left for another."""


class Moved(NamedTuple):
    decision: Decision
    evictions: tuple[Eviction, ...]
    """Those that go on, and those that begin."""


def move(place: Place, present: Present, moving: Moving) -> Moved:
    """Place a template with regard to what it leaves, or is to leave."""
    evictions = list(moving.standing.evictions)
    if held := _awaited(evictions, present, moving):
        return Moved(held, tuple(evictions))
    decision = _attempt(place, evictions, moving)
    for due in moving.due:
        if due.from_cluster not in _names(decision.clusters):
            continue
        without = _attempt(place, [*evictions, due], moving)
        if without.verdict is None and _is_vain(due, without, moving):
            continue
        if without.verdict is None:
            evictions.append(due)
            decision = _awaited(evictions, present, moving) or without
        elif decision.verdict is None:
            decision = decision._replace(verdict=_stuck(due, without.verdict))
    left = _names(decision.clusters)
    return Moved(decision, tuple(each for each in evictions if each.from_cluster not in left))


def _is_vain(due: Eviction, without: Decision, moving: Moving) -> bool:
    """Whether a template that is unhealthy would be so wherever it goes: then no cluster is at fault."""
    return due.reason == UNHEALTHY and _names(without.clusters) <= set(moving.unwell)


def _attempt(place: Place, evictions: Sequence[Eviction], moving: Moving) -> Decision:
    """Do without all clusters that are left, or if that can't be, without those that are unfit still."""
    left = {each.from_cluster for each in evictions}
    decision = place(left)
    recallable = left & moving.standing.recallable
    if decision.verdict is None or not recallable:
        return decision
    recalled = place(left - recallable)
    return decision if recalled.verdict else recalled


def _awaited(evictions: Sequence[Eviction], present: Present, moving: Moving) -> Decision | None:
    """Hold what is placed as long as an old copy that goes first is there."""
    left = {each.from_cluster for each in evictions}
    awaited = [
        each.from_cluster
        for each in evictions
        if each.purge_mode == "Directly" and each.from_cluster in moving.standing.lingering
    ]
    if not awaited:
        return None
    rest = tuple(target for target in present.targets if target.name not in left)
    return Decision(rest, _waits(awaited), {}, present.affinity)


def _names(clusters: Sequence[TargetCluster]) -> set[str]:
    return {target.name for target in clusters}


def _waits(clusters: Sequence[str]) -> Verdict:
    return Verdict(
        "Evicting",
        f"its copy in {', '.join(clusters)} goes before others take its place (purgeMode: Directly)",
    )


def _stuck(eviction: Eviction, why: Verdict) -> Verdict:
    """The reason is that of the placement, by which others know when to try again."""
    return Verdict(why.reason, f"{eviction.message}, but it can't leave: {why.message}")
