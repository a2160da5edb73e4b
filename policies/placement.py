"""Placement: the clusters for a template, and how many replicas each gets.

First the filters, one verdict for each cluster they turn down; then the spread constraints; then the
division. Equal inputs give equal decisions in whatever order they come, and a decision fed back gives itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from policies.api.binding import TargetCluster
from policies.api.propagation import Placement, ReplicaScheduling
from policies.division import divide_by_tiers, webster
from policies.filters import Clusters, Fit, Term
from policies.groups import Candidate, Need
from policies.spreading import Lack, Where, select
from policies.verdicts import (
    Rejection,
    Verdict,
    apart_from_its_group,
    capacity_unknown,
    evicting,
    kept,
    no_cluster_fit,
    none_of_the_groups,
    too_few,
    with_its_rivals,
)

IN_USE = 100
"""The score of a cluster that is a target already."""


class Workload(NamedTuple):
    """What a template asks of a placement."""

    group_version: str
    kind: str
    replicas: int | None
    """None for kinds without replicas."""
    uid: str
    problem: str = ""
    """What keeps the replicas of a kind that has them from being read."""


class Present(NamedTuple):
    """How a template stands when it is placed."""

    targets: Sequence[TargetCluster] = ()
    affinity: str = ""
    """The group of `clusterAffinities` in use."""
    evicted_from: Collection[str] = ()
    """Clusters it is being moved away from."""
    together: Collection[str] = ()
    """Where the other workloads of its affinity group are; empty leaves it free."""
    apart: Collection[str] = ()
    """Where the other workloads of its anti-affinity group are."""
    free: Mapping[str, int] = MappingProxyType({})
    """How many of its replicas each cluster can take beside those it has, where that is known. Asked for only
    if `needs_capacity`."""
    rebalance: bool = False
    """Divide by capacity afresh, and begin with the first group of `clusterAffinities`."""


class Decision(NamedTuple):
    """Where a template goes, in ascending order of names, and why not elsewhere."""

    clusters: tuple[TargetCluster, ...]
    verdict: Verdict | None
    """Why the wish can't be met. `clusters` is then the previous placement, as far as its clusters remain."""
    rejections: Mapping[str, Rejection]
    affinity: str = ""
    """The group of `clusterAffinities` that is used."""


def place(workload: Workload, placement: Placement, clusters: Clusters, present: Present) -> Decision:
    """Decide where a template goes.

    A cluster that is gone or leaving the federation is dropped.
    """
    present = present._replace(targets=_remaining(clusters, present.targets))
    fit = clusters.fit(placement, workload.group_version, workload.kind)
    tried: list[Decision] = []
    for term in _in_turn(fit, placement, "" if present.rebalance else present.affinity):
        decision = _among(term, fit, workload, placement, len(clusters.ordered), present)
        if decision.verdict is None:
            return decision._replace(affinity=term.name)
        tried.append(decision._replace(affinity=term.name))
    verdicts = [(each.affinity, each.verdict) for each in tried if each.verdict]
    verdict = verdicts[0][1] if len(verdicts) == 1 else none_of_the_groups(verdicts)
    verdict = kept(verdict) if present.targets else verdict
    return Decision(tuple(present.targets), verdict, tried[0].rejections, present.affinity)


def needs_capacity(placement: Placement) -> bool:
    """Whether the free capacity of the clusters decides."""
    scheduling = placement.replica_scheduling
    if scheduling is None or not divides(placement):
        return False
    weights = scheduling.weight_preference
    return _aggregated(scheduling) or (weights is not None and weights.dynamic_weight is not None)


def keep(verdict: Verdict, clusters: Clusters, present: Present) -> Decision:
    """Keep what is placed, for a reason."""
    return Decision(_remaining(clusters, present.targets), verdict, {}, present.affinity)


def _remaining(clusters: Clusters, targets: Sequence[TargetCluster]) -> tuple[TargetCluster, ...]:
    """The previous placement as far as its clusters are there and stay."""
    staying = [target for target in targets if target.name in clusters.staying]
    return tuple(sorted(staying, key=lambda target: target.name))


def _in_turn(fit: Fit, placement: Placement, in_use: str) -> Iterator[Term]:
    """Return the groups of clusters in the order in which they are tried."""
    names = [term.name for term in fit.terms]
    first = names.index(in_use) if in_use in names and placement.failback == "Never" else 0
    yield from fit.terms[first:]
    yield from fit.terms[:first]


def _among(
    term: Term, fit: Fit, workload: Workload, placement: Placement, total: int, present: Present
) -> Decision:
    """Decide among the clusters of one group.

    :param total: how many clusters there are
    """
    held = {target.name: target.replicas or 0 for target in present.targets}
    limited = workload.replicas is not None and needs_capacity(placement)
    fitting, rejections = _fitting(term, limited, present, held)
    if not fitting:
        return Decision((), no_cluster_fit(total, rejections.values()), rejections)
    chosen = _chosen(workload, placement, limited, fitting, fit.where, present, held)
    assigned = (
        chosen if isinstance(chosen, Lack) else _assign(workload, placement, chosen, fit, present, held)
    )
    if isinstance(assigned, Lack):
        return Decision((), too_few(*assigned), rejections)
    return Decision(assigned, None, rejections)


def _fitting(
    term: Term, limited: bool, present: Present, held: Mapping[str, int]
) -> tuple[Mapping[str, int], Mapping[str, Rejection]]:
    """Return the tiers of the candidates for one template, and why the others are none."""
    more = dict(_unwanted(term, limited, present, held))
    staying = [name for name in held if name in term.tiers and name not in term.strangers]
    if not more and not staying:
        return term.strangers, term.rejections
    fitting = {
        name: tier
        for name, tier in term.tiers.items()
        if name not in more and (name in term.strangers or name in held)
    }
    rejections = {name: why for name, why in term.rejections.items() if name not in staying} | more
    return fitting, dict(sorted(rejections.items()))


def _unwanted(
    term: Term, limited: bool, present: Present, held: Mapping[str, int]
) -> Iterator[tuple[str, Rejection]]:
    """Name the clusters that fit, but not this template. Others don't drive out a target."""
    if not (limited or present.together or present.apart or present.evicted_from):
        return
    for name in term.tiers:
        if name in present.evicted_from:
            yield name, evicting(name)
        elif name in held or name not in term.strangers:
            continue
        elif present.together and name not in present.together:
            yield name, apart_from_its_group(name)
        elif name in present.apart:
            yield name, with_its_rivals(name)
        elif limited and name not in present.free:
            yield name, capacity_unknown(name)


def _chosen(
    workload: Workload,
    placement: Placement,
    limited: bool,
    fitting: Mapping[str, int],
    where: Where,
    present: Present,
    held: Mapping[str, int],
) -> Sequence[Candidate] | Lack:
    """Choose by the spread constraints, if there are any."""
    free = present.free
    candidates = [
        Candidate(
            name,
            tier,
            IN_USE if name in held else 0,
            free.get(name, 0) + held.get(name, 0) if limited else None,
        )
        for name, tier in fitting.items()
    ]
    if not placement.spread_constraints:
        return candidates
    duplicated = workload.replicas is None or not divides(placement)
    return select(placement.spread_constraints, candidates, Need(workload.replicas or 0, duplicated), where)


def divides(placement: Placement) -> bool:
    """Whether replicas are shared out among the clusters rather than repeated in each."""
    scheduling = placement.replica_scheduling
    return scheduling is not None and scheduling.replica_scheduling_type == "Divided"


def completions(
    total: int | None, placement: Placement, clusters: Sequence[TargetCluster], uid: str
) -> Mapping[str, int]:
    """Divide the completions of a Job by the parallelism each cluster got.

    Empty when every cluster is to have the template's own number: not a divided Job, or one without
    completions.
    """
    if total is None or not divides(placement):
        return {}
    return webster(total, {cluster.name: cluster.replicas or 0 for cluster in clusters}, uid)


def _assign(
    workload: Workload,
    placement: Placement,
    chosen: Sequence[Candidate],
    fit: Fit,
    present: Present,
    held: Mapping[str, int],
) -> tuple[TargetCluster, ...] | Lack:
    """Say how many replicas each of the chosen clusters gets; those that get none leave the result."""
    replicas, scheduling = workload.replicas, placement.replica_scheduling
    if replicas is None or scheduling is None or scheduling.replica_scheduling_type == "Duplicated":
        return tuple(_target(name, replicas) for name in sorted(each.name for each in chosen))
    if needs_capacity(placement):
        shares = _by_capacity(workload, scheduling, chosen, present, held)
        if shares is None:
            return Lack("replica", replicas, sum(each.room or 0 for each in chosen))
    else:
        names = [each.name for each in chosen]
        weights = {name: fit.weights[name] for name in names if name in fit.weights}
        weights = weights or dict.fromkeys(names, 1)  # no rule speaks of any of them
        shares = webster(replicas, weights, workload.uid)
    return tuple(_target(name, share) for name, share in shares.items() if share or not replicas)


@lru_cache(maxsize=16384)
def _target(name: str, replicas: int | None) -> TargetCluster:
    """Return a target, the same for equal ones: many templates go to few clusters."""
    return TargetCluster(name=name, replicas=replicas)


def _by_capacity(
    workload: Workload,
    scheduling: ReplicaScheduling,
    chosen: Sequence[Candidate],
    present: Present,
    held: Mapping[str, int],
) -> dict[str, int] | None:
    tiers: dict[int, dict[str, int]] = {}
    for each in chosen:
        tiers.setdefault(each.tier, {})[each.name] = present.free.get(each.name, 0)
    return divide_by_tiers(
        workload.replicas or 0,
        [tiers[place] for place in sorted(tiers)],
        held,
        aggregated=_aggregated(scheduling),
        rebalance=present.rebalance,
        uid=workload.uid,
    )


def _aggregated(scheduling: ReplicaScheduling) -> bool:
    return scheduling.replica_division_preference == "Aggregated"
