"""What a schema can't say about PropagationPolicies and ClusterPropagationPolicies."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from policies.api.failover import Failover
from policies.api.propagation import ClusterAffinity, Placement, PropagationPolicy, ReplicaScheduling
from policies.preservation import steps
from policies.validation import selection, syntax
from policies.validation.findings import Advice, Denial, Finding


def check(policy: PropagationPolicy, clusters: Collection[str] | None) -> Iterator[Finding]:
    """Check one policy against what is known of the clusters."""
    spec = policy.spec
    yield from selection.resource_selectors(
        "spec.resourceSelectors", spec.resource_selectors, "PropagationPolicy", policy.metadata.namespace
    )
    yield from _placement("spec.placement", spec.placement, clusters)
    if spec.suspension and (suspended := spec.suspension.dispatching_on_clusters):
        at = "spec.suspension.dispatchingOnClusters.clusterNames"
        yield from selection.cluster_names(at, suspended.cluster_names, clusters)
    if spec.failover:
        yield from _failover("spec.failover", spec.failover)


def _placement(field: str, placement: Placement, clusters: Collection[str] | None) -> Iterator[Finding]:
    if placement.cluster_affinity:
        yield from selection.cluster_affinity(
            f"{field}.clusterAffinity", placement.cluster_affinity, clusters
        )
    for i, group in enumerate(placement.cluster_affinities):
        at = f"{field}.clusterAffinities[{i}]"
        yield from selection.cluster_affinity(at, group, clusters)
        for j, tier in enumerate(group.overflow_affinities):
            yield from selection.cluster_affinity(f"{at}.overflowAffinities[{j}]", tier, clusters)
    yield from selection.tolerations(f"{field}.clusterTolerations", placement.cluster_tolerations)
    for i, constraint in enumerate(placement.spread_constraints):
        if constraint.spread_by_label:
            at = f"{field}.spreadConstraints[{i}].spreadByLabel"
            yield from syntax.label_key(at, constraint.spread_by_label)
    if placement.replica_scheduling:
        yield from _replicas(f"{field}.replicaScheduling", placement.replica_scheduling)
        yield from _weights(f"{field}.replicaScheduling.weightPreference", placement, clusters)
    yield from _workload_affinity(f"{field}.workloadAffinity", placement)


def _replicas(field: str, scheduling: ReplicaScheduling) -> Iterator[Finding]:
    """Advise of weights that have no effect."""
    weights = scheduling.weight_preference
    if weights is None:
        return
    at = f"{field}.weightPreference"
    if scheduling.replica_scheduling_type == "Duplicated":
        yield Advice(at, "ignored with Duplicated", "remove it or set replicaSchedulingType: Divided")
    elif scheduling.replica_division_preference == "Aggregated":
        yield Advice(at, "ignored with Aggregated", "remove it or set replicaDivisionPreference: Weighted")
    elif weights.dynamic_weight and weights.static_weight_list:
        yield Advice(f"{at}.staticWeightList", "ignored with dynamicWeight", "remove one of the two")


def _weights(field: str, placement: Placement, clusters: Collection[str] | None) -> Iterator[Finding]:
    """Advise of weights for clusters that the placement can't choose."""
    scheduling = placement.replica_scheduling
    if scheduling is None or scheduling.weight_preference is None:
        return
    eligible = _eligible_names(placement)
    for i, weight in enumerate(scheduling.weight_preference.static_weight_list):
        at = f"{field}.staticWeightList[{i}].targetCluster"
        target = weight.target_cluster
        yield from selection.cluster_affinity(at, target, clusters)
        if eligible is not None and target.cluster_names and eligible.isdisjoint(target.cluster_names):
            yield Advice(
                f"{at}.clusterNames",
                "gives weight to no cluster that the placement selects",
                "name clusters of the placement",
            )


def _eligible_names(placement: Placement) -> set[str] | None:
    """Return the names a placement is limited to; None when names don't limit it."""
    selections: list[ClusterAffinity] = [placement.cluster_affinity] if placement.cluster_affinity else []
    for group in placement.cluster_affinities:
        selections += [group, *group.overflow_affinities]
    if not selections or not all(affinity.cluster_names for affinity in selections):
        return None
    return {
        name for affinity in selections for name in affinity.cluster_names if name not in affinity.exclude
    }


def _workload_affinity(field: str, placement: Placement) -> Iterator[Finding]:
    if (terms := placement.workload_affinity) is None:
        return
    for name, term in (("affinity", terms.affinity), ("antiAffinity", terms.anti_affinity)):
        if term:
            yield from syntax.label_key(f"{field}.{name}.groupByLabelKey", term.group_by_label_key)


def _failover(field: str, failover: Failover) -> Iterator[Finding]:
    for name, rules in (("cluster", failover.cluster), ("application", failover.application)):
        preserved = rules.state_preservation.rules if rules and rules.state_preservation else []
        for i, rule in enumerate(preserved):
            at = f"{field}.{name}.statePreservation.rules[{i}].aliasLabelName"
            yield from syntax.label_key(at, rule.alias_label_name)
            if steps(rule.json_path) is None:
                yield Denial(
                    f"{field}.{name}.statePreservation.rules[{i}].jsonPath",
                    f"{rule.json_path!r} is no path to one value",
                    "write it as keys and indices inside of .status, such as {.jobStatus.ids[0]}",
                )
