"""Notes: the fields of Karmada's policies that have no counterpart here, or behave differently.

Paths have `[]` for every item of a list. Each note is one sentence for the person who moves over.
"""

from __future__ import annotations

from collections.abc import Mapping

DROPPED: Mapping[str, str] = {
    "spec.association": "left out: it was replaced by propagateDeps, which is there",
    "spec.schedulerName": "left out: there is one scheduler",
    "spec.schedulePriority": "left out: templates are placed as they change, and none waits for another",
}
"""What has no counterpart."""

DIFFERENT: Mapping[str, str] = {
    "spec.conflictResolution": (
        "Overwrite takes over an object that is in the member already, by server-side apply: fields that the "
        "template does not set stay as they are there"
    ),
    "spec.failover.application.statePreservation": (
        "values are carried over only with purgeMode: Directly, and to a single target"
    ),
    "spec.failover.cluster.statePreservation": (
        "values are carried over only with purgeMode: Directly, and to a single target"
    ),
    "spec.placement.clusterAffinities": (
        "the first group that fits is used, as there; failback: WhenFeasible returns to an earlier one"
    ),
    "spec.preemption": (
        "the policy that governs a template is recorded in its binding, not in labels of the template"
    ),
    "spec.preserveResourcesOnDeletion": (
        "the copies stay, and Atoll's label, annotations and ownership of fields are taken from them"
    ),
    "spec.overrideRules[].overriders.imageOverrider": (
        "without a predicate it changes init containers and CronJobs, too"
    ),
}
"""What is carried over, and behaves differently."""

SELECTING = (
    "zone, provider and labels select groups here, as region does; Karmada only leaves out clusters without"
)
"""Of a spread constraint on one of these."""

STATIC_WEIGHTS = "spreadConstraints hold for static weights, too; Karmada ignores them there"
"""Of static weights beside spread constraints."""

NO_MAXIMUM = "without maxGroups there is no upper limit, where Karmada selects no cluster"
"""Of a spread constraint without it."""

TAINTS: Mapping[str, str] = {
    "cluster.karmada.io/not-ready": "federation.atoll.dev/not-ready",
    "cluster.karmada.io/unreachable": "federation.atoll.dev/unreachable",
}
"""Taints that both give to clusters in trouble."""

PURGE_MODES: Mapping[str, str] = {"Immediately": "Directly", "Graciously": "Gracefully"}
"""Names that Karmada has given up."""

OWN = frozenset(
    {
        "spec.placement.failback",
        "spec.failover.cluster.gracePeriodSeconds",
        "spec.overrideRules[].overriders.envOverrider",
        "spec.overrideRules[].overriders.merge",
    }
)
"""Fields that Karmada's policies don't have: in a file for Karmada they are mistakes."""

BY_HAND: Mapping[str, str] = {
    "ClusterTaintPolicy": "set spec.taints of the Clusters",
    "FederatedResourceQuota": "set ResourceQuotas in the members, which an OverridePolicy can vary",
    "FederatedHPA": "propagate a HorizontalPodAutoscaler, which scales in each member by itself",
    "CronFederatedHPA": "propagate an autoscaler that knows times, such as KEDA's ScaledObject",
    "WorkloadRebalancer": "use `atoll rebalance`",
    "MultiClusterService": "see docs/services.md",
    "Cluster": "join the member by `atoll join`",
}
"""Kinds of Karmada that are not converted, and what to do instead."""
