"""Eviction: when a template leaves a cluster that holds it, and when it has left.

As for Nodes, a taint with effect NoExecute evicts what does not tolerate it: at once without a matching
toleration, else after the least `tolerationSeconds` of those that match, counted from `timeAdded`; never with
none that says any. Every time is on the host: who asks later, or again, gets the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from policies.api.binding import Eviction, TargetCluster
from policies.api.cluster import Cluster
from policies.api.failover import ClusterFailover, Failover
from policies.api.meta import GROUP, Taint, Toleration
from policies.api.propagation import PropagationSpec
from policies.selectors import tolerates, untolerated
from policies.verdicts import Verdict

NOT_READY_TAINT = f"{GROUP}/not-ready"
UNREACHABLE_TAINT = f"{GROUP}/unreachable"
DRAIN_TAINT = f"{GROUP}/drain"
FAILED = frozenset({NOT_READY_TAINT, UNREACHABLE_TAINT})
"""The taints of clusters that failed: by default they evict only what its policy has fail over."""

EVICTIONS_HELD = "EvictionsHeld"

_TOLERATED = 300
"""Seconds for which a policy with `failover.cluster` tolerates them unless it says otherwise."""
REASONS = {
    NOT_READY_TAINT: "ClusterNotReady",
    UNREACHABLE_TAINT: "ClusterUnreachable",
    DRAIN_TAINT: "Drained",
}
"""Why a template leaves a cluster with such a taint."""
_OTHERS = "TaintUntolerated"
UNHEALTHY = "ApplicationUnhealthy"
"""Why a workload leaves a cluster in which it fares badly by itself."""


class Outlook(NamedTuple):
    """What taints do to a template now, and when to look again."""

    due: tuple[Eviction, ...] = ()
    """What may begin, by cluster in ascending order."""
    again: float | None = None
    """Seconds until another one is due; None if no taint that is there now brings one."""


def outlook(
    spec: PropagationSpec,
    targets: Sequence[TargetCluster],
    clusters: Mapping[str, Cluster],
    now: datetime,
) -> Outlook:
    """Return which targets a template is to leave for their taints."""
    tolerations, failover = spec.placement.cluster_tolerations, spec.failover
    due: list[Eviction] = []
    waits: list[float] = []
    for target in sorted(targets, key=lambda each: each.name):
        cluster = clusters.get(target.name)
        ends = [
            (left, taint)
            for taint in (cluster.spec.taints if cluster else ())
            if (left := remaining(taint, tolerations, failover, now)) is not None
        ]
        if not ends:
            continue
        left, taint = min(ends, key=lambda end: end[0])
        if left <= 0:
            due.append(_for_taint(target, taint, failover, now))
        else:
            waits.append(left)
    return Outlook(tuple(due), min(waits, default=None))


def unwell(
    spec: PropagationSpec,
    targets: Sequence[TargetCluster],
    unhealthy: Mapping[str, str],
    generation: int,
    now: datetime,
) -> Outlook:
    """Return which targets a template is to leave because it is unhealthy there.

    :param unhealthy: since when, by cluster, as far as that is still so.
    :param generation: that of the template.
    """
    rules = spec.failover.application if spec.failover else None
    if rules is None:
        return Outlook()
    due: list[Eviction] = []
    waits: list[float] = []
    for target in sorted(targets, key=lambda each: each.name):
        if (since := unhealthy.get(target.name)) is None:
            continue
        passed = (now - datetime.fromisoformat(since)).total_seconds()
        if (left := rules.decision_conditions.toleration_seconds - passed) > 0:
            waits.append(left)
            continue
        said = f"it is unhealthy in cluster {target.name} since {since}"
        eviction = begun(target, UNHEALTHY, said, rules, now)
        due.append(eviction.model_copy(update={"template_generation": generation}))
    return Outlook(tuple(due), min(waits, default=None))


def remaining(
    taint: Taint, tolerations: Sequence[Toleration], failover: Failover | None, now: datetime
) -> float | None:
    """Return for how many seconds a taint is tolerated yet, 0 or less when it evicts; None for ever."""
    if taint.effect != "NoExecute":
        return None
    if taint.key in FAILED and (failover is None or failover.cluster is None):
        return None
    matching = [each for each in tolerations if tolerates(each, taint)]
    seconds = [each.toleration_seconds for each in matching if each.toleration_seconds is not None]
    if matching and not seconds:
        return None
    if not matching:
        seconds = [_TOLERATED if taint.key in FAILED else 0]
    added = datetime.fromisoformat(taint.time_added) if taint.time_added else now
    return min(seconds) - (now - added).total_seconds()


def _for_taint(target: TargetCluster, taint: Taint, failover: Failover | None, now: datetime) -> Eviction:
    named = f"{taint.key}={taint.value}" if taint.value else taint.key
    return begun(
        target,
        REASONS.get(taint.key, _OTHERS),
        f"cluster {target.name} has the taint {{{named}: NoExecute}}",
        failover.cluster if failover else None,
        now,
    )


def begun(
    target: TargetCluster, reason: str, message: str, failover: ClusterFailover | None, now: datetime
) -> Eviction:
    """Return the record of an eviction that begins now, by the rules for it or the defaults."""
    rules = failover or ClusterFailover()
    graceful = rules.purge_mode == "Gracefully"
    return Eviction(
        from_cluster=target.name,
        replicas=target.replicas,
        reason=reason,
        message=message,
        purge_mode=rules.purge_mode,
        grace_period_seconds=rules.grace_period_seconds if graceful else None,
        creation_timestamp=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


# The old copy


def grace_left(eviction: Eviction, now: datetime) -> float:
    """Return for how many seconds a graceful eviction waits at most for the new copies."""
    if not eviction.creation_timestamp:
        return 0.0
    passed = (now - datetime.fromisoformat(eviction.creation_timestamp)).total_seconds()
    return (eviction.grace_period_seconds or 0) - passed


def stays(eviction: Eviction, now: datetime, *, there: bool, healthy: bool) -> Verdict | None:
    """Return why the old copy is not deleted yet; None if it may go.

    :param there: every target holds what it is to hold.
    :param healthy: and every copy is Healthy with it.
    """
    name = eviction.from_cluster
    if eviction.purge_mode == "Directly":
        return None
    if eviction.purge_mode == "Never":
        return Verdict(
            "Evicting",
            f"the old copy stays in cluster {name} (purgeMode: Never); delete it there when it is not needed",
        )
    over = grace_left(eviction, now) <= 0
    if healthy or (there and over):
        return None
    until = "each other cluster holds its own" if over else "all others are healthy"
    return Verdict("Evicting", f"the old copy stays in cluster {name} until {until}")


# What goes on


class Standing(NamedTuple):
    """The evictions of a template as they are known to stand."""

    evictions: tuple[Eviction, ...]
    """Those that go on."""
    lingering: frozenset[str]
    """Clusters that are left, or to be left, which may hold an old copy and can be asked about it."""
    recallable: frozenset[str]
    """Clusters that nothing evicts any more: better than none."""


class Facts(NamedTuple):
    """What decides whether an eviction goes on."""

    clusters: Mapping[str, Cluster]
    spec: PropagationSpec
    generation: int
    """Of the template."""
    afresh: bool
    """Somebody asked for the template to be placed afresh: where no taint evicts, it may return."""


def standing(
    evictions: Sequence[Eviction], facts: Facts, holds: Callable[[str], bool | None], now: datetime
) -> Standing:
    """Return which evictions go on: until the old copy is gone, and nothing would begin them again.

    :param holds: whether a cluster has a copy; None while it can't be asked.
    """
    going: list[Eviction] = []
    lingering: set[str] = set()
    recallable: set[str] = set()
    for each in evictions:
        name = each.from_cluster
        cluster = facts.clusters.get(name)
        if cluster is None or cluster.metadata.deletion_timestamp:
            continue
        evicts, there = _evicts(cluster, facts.spec, now), holds(name)
        unfit = evicts and _admits(cluster, facts.spec)
        if facts.afresh and not evicts:
            continue
        if there is False and not unfit and not _failed(each, facts):
            continue
        going.append(each)
        if there:
            lingering.add(name)
        if not evicts and not _failed(each, facts):
            recallable.add(name)
    return Standing(tuple(going), frozenset(lingering), frozenset(recallable))


def _failed(eviction: Eviction, facts: Facts) -> bool:
    """Whether a template is still the one that was unhealthy in a cluster."""
    watched = facts.spec.failover is not None and facts.spec.failover.application is not None
    return eviction.reason == UNHEALTHY and watched and eviction.template_generation == facts.generation


def _evicts(cluster: Cluster, spec: PropagationSpec, now: datetime) -> bool:
    """Whether the taints of a cluster would evict a template from it now."""
    tolerations = spec.placement.cluster_tolerations
    lefts = (remaining(taint, tolerations, spec.failover, now) for taint in cluster.spec.taints)
    return any(left is not None and left <= 0 for left in lefts)


def _admits(cluster: Cluster, spec: PropagationSpec) -> bool:
    """Whether a template that was evicted would be placed there again in spite of the taints."""
    return untolerated(cluster.spec.taints, spec.placement.cluster_tolerations) is None


# The brake


def brake(total: int, unready: int, share: float) -> Verdict | None:
    """Return why nothing is evicted for now: too many clusters failed at once to believe it.

    :param share: of clusters that are not ready, above which the host itself is the suspect; from 0 to 1.
    """
    if unready <= share * total:
        return None
    return Verdict(
        EVICTIONS_HELD,
        f"{unready} of {total} clusters are not ready, more than {share:.0%}: it may be the host that lost "
        "its way to them, and nothing is evicted until fewer are; see `kubectl get clusters`",
    )


def told(evictions: Sequence[Eviction]) -> Verdict | None:
    """Say of a binding what it is being moved away from, if anything."""
    if not evictions:
        return None
    return Verdict(evictions[0].reason, "; ".join(lines(evictions)))


def lines(evictions: Sequence[Eviction]) -> Iterator[str]:
    """Say of each what is left since when, and why."""
    for each in evictions:
        had = "" if each.replicas is None else f" with {each.replicas} replicas"
        yield f"leaves cluster {each.from_cluster}{had} since {each.creation_timestamp}: {each.message}"
