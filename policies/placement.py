"""Placement: the clusters for a template, and how many replicas each gets.

First the filters, one verdict for each cluster they turn down; then the spread constraints; then the
division. Equal inputs give equal decisions in whatever order they come, and a decision fed back gives itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from policies.api.binding import TargetCluster
from policies.api.cluster import Cluster
from policies.api.propagation import ClusterAffinity, Placement, PropagationSpec, ReplicaScheduling
from policies.division import divide_by_tiers, webster
from policies.filters import Asked, reject, tier
from policies.groups import Candidate, Need
from policies.selectors import matches_affinity
from policies.spreading import Lack, group_of, select
from policies.verdicts import (
    Rejection,
    Verdict,
    kept,
    no_cluster_fit,
    none_of_the_groups,
    too_few,
    unsupported,
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
    """Divide by capacity afresh."""


class Decision(NamedTuple):
    """Where a template goes, in ascending order of names, and why not elsewhere."""

    clusters: tuple[TargetCluster, ...]
    verdict: Verdict | None
    """Why the wish can't be met. `clusters` is then the previous placement, as far as its clusters remain."""
    rejections: Mapping[str, Rejection]
    affinity: str = ""
    """The group of `clusterAffinities` that is used."""


def place(
    workload: Workload, placement: Placement, clusters: Sequence[Cluster], present: Present
) -> Decision:
    """Decide where a template goes.

    A cluster that is gone or leaving the federation is dropped.
    """
    remaining = _remaining(clusters, present.targets)
    tried: list[Decision] = []
    for name, affinities in _groups(placement, present.affinity):
        decision = _among(affinities, workload, placement, clusters, present._replace(targets=remaining))
        if decision.verdict is None:
            return decision._replace(affinity=name)
        tried.append(decision._replace(affinity=name))
    verdicts = [(each.affinity, each.verdict) for each in tried if each.verdict]
    verdict = verdicts[0][1] if len(verdicts) == 1 else none_of_the_groups(verdicts)
    verdict = kept(verdict) if remaining else verdict
    return Decision(remaining, verdict, tried[0].rejections, present.affinity)


def needs_capacity(placement: Placement) -> bool:
    """Whether the free capacity of the clusters decides."""
    scheduling = placement.replica_scheduling
    if scheduling is None or not divides(placement):
        return False
    weights = scheduling.weight_preference
    return _aggregated(scheduling) or (weights is not None and weights.dynamic_weight is not None)


def hold(field: str, clusters: Sequence[Cluster], present: Present) -> Decision:
    """Keep what is placed because a policy uses a field that nothing acts on yet."""
    return Decision(_remaining(clusters, present.targets), unsupported(field), {}, present.affinity)


def _remaining(clusters: Sequence[Cluster], previous: Sequence[TargetCluster]) -> tuple[TargetCluster, ...]:
    """The previous placement as far as its clusters are there and stay."""
    staying = {cluster.metadata.name for cluster in clusters if not cluster.metadata.deletion_timestamp}
    return tuple(sorted((old for old in previous if old.name in staying), key=lambda old: old.name))


def _groups(placement: Placement, in_use: str) -> Iterator[tuple[str, Sequence[ClusterAffinity | None]]]:
    """Return the groups of clusters in the order in which they are tried, each with its overflow tiers."""
    groups = placement.cluster_affinities
    if not groups:
        yield "", (placement.cluster_affinity,)
    names = [group.affinity_name for group in groups]
    first = names.index(in_use) if in_use in names and placement.failback == "Never" else 0
    for group in (*groups[first:], *groups[:first]):
        yield group.affinity_name, (group, *group.overflow_affinities)


def _among(
    affinities: Sequence[ClusterAffinity | None],
    workload: Workload,
    placement: Placement,
    clusters: Sequence[Cluster],
    present: Present,
) -> Decision:
    """Decide among the clusters of one group."""
    asked = _asked(workload, placement, present)
    rejections: dict[str, Rejection] = {}
    fitting: dict[str, tuple[Cluster, int]] = {}
    for cluster in sorted(clusters, key=lambda cluster: cluster.metadata.name):
        found = tier(affinities, cluster)
        rejection = found if isinstance(found, Rejection) else reject(asked, cluster)
        if rejection is not None:
            rejections[cluster.metadata.name] = rejection
        elif isinstance(found, int):
            fitting[cluster.metadata.name] = cluster, found
    if not fitting:
        return Decision((), no_cluster_fit(len(clusters), rejections.values()), rejections)
    chosen = _chosen(workload, placement, fitting, present)
    assigned = chosen if isinstance(chosen, Lack) else _assign(workload, placement, chosen, fitting, present)
    if isinstance(assigned, Lack):
        return Decision((), too_few(*assigned), rejections)
    return Decision(assigned, None, rejections)


def _asked(workload: Workload, placement: Placement, present: Present) -> Asked:
    return Asked(
        workload.group_version,
        workload.kind,
        placement,
        {target.name for target in present.targets},
        present.evicted_from,
        present.together,
        present.apart,
        present.free.keys() if needs_capacity(placement) else None,
    )


def _chosen(
    workload: Workload,
    placement: Placement,
    fitting: Mapping[str, tuple[Cluster, int]],
    present: Present,
) -> Sequence[Candidate] | Lack:
    """Choose by the spread constraints, if there are any."""
    held = {target.name: target.replicas or 0 for target in present.targets}
    limited = needs_capacity(placement)

    def room(name: str) -> int:
        return present.free.get(name, 0) + held.get(name, 0)

    candidates = [
        Candidate(name, tier, IN_USE if name in held else 0, room(name) if limited else None)
        for name, (_, tier) in fitting.items()
    ]
    if not placement.spread_constraints:
        return candidates
    duplicated = workload.replicas is None or not divides(placement)
    need = Need(workload.replicas or 0, duplicated)
    return select(
        placement.spread_constraints,
        candidates,
        need,
        lambda constraint, name: group_of(constraint, fitting[name][0]),
    )


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
    fitting: Mapping[str, tuple[Cluster, int]],
    present: Present,
) -> tuple[TargetCluster, ...] | Lack:
    """Say how many replicas each of the chosen clusters gets; those that get none leave the result."""
    replicas, scheduling = workload.replicas, placement.replica_scheduling
    names = sorted(each.name for each in chosen)
    if replicas is None or scheduling is None or scheduling.replica_scheduling_type == "Duplicated":
        return tuple(TargetCluster(name=name, replicas=replicas) for name in names)
    if needs_capacity(placement):
        shares = _by_capacity(workload, scheduling, chosen, present)
        if shares is None:
            return Lack("replica", replicas, sum(each.room or 0 for each in chosen))
    else:
        weights = _weights(scheduling, [fitting[name][0] for name in names])
        shares = webster(replicas, weights, workload.uid)
    return tuple(
        TargetCluster(name=name, replicas=share) for name, share in shares.items() if share or not replicas
    )


def _by_capacity(
    workload: Workload, scheduling: ReplicaScheduling, chosen: Sequence[Candidate], present: Present
) -> dict[str, int] | None:
    tiers: dict[int, dict[str, int]] = {}
    for each in chosen:
        tiers.setdefault(each.tier, {})[each.name] = present.free.get(each.name, 0)
    return divide_by_tiers(
        workload.replicas or 0,
        [tiers[place] for place in sorted(tiers)],
        {target.name: target.replicas or 0 for target in present.targets},
        aggregated=_aggregated(scheduling),
        rebalance=present.rebalance,
        uid=workload.uid,
    )


def _aggregated(scheduling: ReplicaScheduling) -> bool:
    return scheduling.replica_division_preference == "Aggregated"


def _weights(scheduling: ReplicaScheduling, candidates: Sequence[Cluster]) -> dict[str, int]:
    """Give a cluster the greatest weight of its rules; where no rule matches any, all weigh the same."""
    preference = scheduling.weight_preference
    rules = preference.static_weight_list if preference else ()
    weights: dict[str, int] = {}
    for cluster in candidates:
        if matching := [rule.weight for rule in rules if matches_affinity(rule.target_cluster, cluster)]:
            weights[cluster.metadata.name] = max(matching)
    return weights or dict.fromkeys((cluster.metadata.name for cluster in candidates), 1)


def unsupported_fields(spec: PropagationSpec) -> tuple[str, ...]:
    """Return the paths of all fields a policy uses that nothing acts on yet."""
    placement = tuple(_unsupported(spec.placement))
    later = {
        "spec.propagateDeps": spec.propagate_deps,
        "spec.suspension": spec.suspension,
        "spec.activationPreference": spec.activation_preference,
        "spec.failover": spec.failover,
    }
    return placement + tuple(path for path, used in later.items() if used)


def _unsupported(placement: Placement) -> Iterator[str]:
    if placement.workload_affinity:
        yield "spec.placement.workloadAffinity"
    scheduling = placement.replica_scheduling
    if scheduling is None or scheduling.replica_scheduling_type == "Duplicated":
        return
    if scheduling.replica_division_preference == "Aggregated":
        yield "spec.placement.replicaScheduling.replicaDivisionPreference: Aggregated"
    if scheduling.weight_preference and scheduling.weight_preference.dynamic_weight:
        yield "spec.placement.replicaScheduling.weightPreference.dynamicWeight"
