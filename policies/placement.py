"""Placement: the clusters for a template, and how many replicas each gets.

First the filters, one verdict for each cluster they turn down; then the division. Equal inputs give equal
decisions in whatever order they come, and a decision fed back as `previous` gives itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from policies.api.binding import TargetCluster
from policies.api.cluster import Cluster
from policies.api.propagation import Placement, PropagationSpec, ReplicaScheduling
from policies.division import webster
from policies.selectors import matches_affinity, untolerated
from policies.verdicts import (
    Rejection,
    Verdict,
    affinity_mismatch,
    api_not_served,
    leaving,
    no_cluster_fit,
    unsupported,
    untolerated_taint,
)


class Workload(NamedTuple):
    """What a template asks of a placement."""

    group_version: str
    kind: str
    replicas: int | None
    """None for kinds without replicas."""
    uid: str


class Decision(NamedTuple):
    """Where a template goes, in ascending order of names, and why not elsewhere."""

    clusters: tuple[TargetCluster, ...]
    verdict: Verdict | None
    """Why the wish can't be met. `clusters` is then the previous placement, as far as its clusters remain."""
    rejections: Mapping[str, Rejection]


def place(
    workload: Workload, placement: Placement, clusters: Sequence[Cluster], previous: Sequence[TargetCluster]
) -> Decision:
    """Decide where a template goes.

    A cluster that already is a target stays one when it stops serving the kind or gets a taint: only an
    eviction moves what runs. A cluster that is gone or leaving the federation is dropped.
    """
    if field := next(_unsupported(placement), None):
        return hold(field, clusters, previous)
    ordered = sorted(clusters, key=lambda cluster: cluster.metadata.name)
    kept = _remaining(clusters, previous)
    targets = {old.name for old in kept}
    rejections: dict[str, Rejection] = {}
    candidates = []
    for cluster in ordered:
        rejection = _reject(workload, placement, cluster, targets)
        if rejection is None:
            candidates.append(cluster)
        else:
            rejections[cluster.metadata.name] = rejection
    if not candidates:
        verdict = no_cluster_fit(len(ordered), rejections.values(), kept=bool(kept))
        return Decision(kept, verdict, rejections)
    return Decision(_assign(workload, placement.replica_scheduling, candidates), None, rejections)


def hold(field: str, clusters: Sequence[Cluster], previous: Sequence[TargetCluster]) -> Decision:
    """Keep what is placed because a policy uses a field that nothing acts on yet."""
    return Decision(_remaining(clusters, previous), unsupported(field), {})


def _remaining(clusters: Sequence[Cluster], previous: Sequence[TargetCluster]) -> tuple[TargetCluster, ...]:
    """The previous placement as far as its clusters are there and stay."""
    staying = {cluster.metadata.name for cluster in clusters if not cluster.metadata.deletion_timestamp}
    return tuple(sorted((old for old in previous if old.name in staying), key=lambda old: old.name))


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


def _reject(
    workload: Workload, placement: Placement, cluster: Cluster, targets: Collection[str]
) -> Rejection | None:
    name = cluster.metadata.name
    if cluster.metadata.deletion_timestamp:
        return leaving(name)
    if placement.cluster_affinity and not matches_affinity(placement.cluster_affinity, cluster):
        return affinity_mismatch(name)
    if name in targets:
        return None
    if not _serves(cluster, workload):
        return api_not_served(name, workload.group_version, workload.kind)
    taint = untolerated(cluster.spec.taints, placement.cluster_tolerations)
    return untolerated_taint(name, taint) if taint else None


def _serves(cluster: Cluster, workload: Workload) -> bool:
    return any(
        served.group_version == workload.group_version and workload.kind in served.kinds
        for served in cluster.status.apis
    )


def _assign(
    workload: Workload, scheduling: ReplicaScheduling | None, candidates: Sequence[Cluster]
) -> tuple[TargetCluster, ...]:
    replicas = workload.replicas
    if replicas is None or scheduling is None or scheduling.replica_scheduling_type == "Duplicated":
        return tuple(TargetCluster(name=each.metadata.name, replicas=replicas) for each in candidates)
    shares = webster(replicas, _weights(scheduling, candidates), workload.uid)
    return tuple(
        TargetCluster(name=name, replicas=share) for name, share in shares.items() if share or not replicas
    )


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
    if placement.cluster_affinities:
        yield "spec.placement.clusterAffinities"
    if placement.spread_constraints:
        yield "spec.placement.spreadConstraints"
    if placement.workload_affinity:
        yield "spec.placement.workloadAffinity"
    scheduling = placement.replica_scheduling
    if scheduling is None or scheduling.replica_scheduling_type == "Duplicated":
        return
    if scheduling.replica_division_preference == "Aggregated":
        yield "spec.placement.replicaScheduling.replicaDivisionPreference: Aggregated"
    if scheduling.weight_preference and scheduling.weight_preference.dynamic_weight:
        yield "spec.placement.replicaScheduling.weightPreference.dynamicWeight"
