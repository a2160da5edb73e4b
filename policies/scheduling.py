"""Scheduling: what the binding of a template is to say, by its policy and the clusters there are.

The controller writes it; `policies.planning` only looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.api.binding import BindingSpec, PolicyReference, TargetCluster
from policies.api.propagation import PropagationPolicy
from policies.filters import Clusters
from policies.placement import Present, Workload, completions, hold, place, unsupported_fields
from policies.verdicts import Verdict


def decide(
    workload: Workload,
    total: int | None,
    policy: PropagationPolicy | None,
    before: BindingSpec,
    clusters: Clusters,
    present: Present,
) -> tuple[BindingSpec, Verdict]:
    """Return what a binding is to say, and why its placement is what it is.

    :param total: the completions of a Job.
    :param policy: the one in force; without it the copies stay where they are.
    :param before: what the binding says, or an empty one with the reference to the template as it is now.
    """
    if policy is None:
        kept = [target for target in before.clusters if target.name in clusters.staying]
        return before.model_copy(update={"policy": None, "clusters": kept}), _NO_POLICY
    placement = policy.spec.placement
    if unsupported := unsupported_fields(policy.spec):
        decision = hold(unsupported[0], clusters, present)
    else:
        decision = place(workload, placement, clusters, present)
    shares = completions(total, placement, decision.clusters, workload.uid)
    targets = [
        TargetCluster(name=target.name, replicas=target.replicas, completions=shares.get(target.name))
        for target in decision.clusters
    ]
    spec = BindingSpec(
        resource=before.resource,
        policy=policy_reference(policy),
        conflict_resolution=policy.spec.conflict_resolution,
        preserve_resources_on_deletion=policy.spec.preserve_resources_on_deletion,
        affinity_name=decision.affinity,
        clusters=targets,
        evictions=before.evictions,
    )
    return spec, decision.verdict or _scheduled(decision.clusters)


def policy_reference(policy: PropagationPolicy) -> PolicyReference:
    """Return how a binding names a policy."""
    return PolicyReference(
        kind=policy.kind,  # type: ignore[arg-type]
        namespace=policy.metadata.namespace,
        name=policy.metadata.name,
    )


_NO_POLICY = Verdict(
    "NoPolicy", "no policy selects the template: its copies stay as they are; apply a policy that does"
)


def _scheduled(clusters: Sequence[TargetCluster]) -> Verdict:
    return Verdict("Scheduled", f"placed on {len(clusters)} cluster{'s'[: len(clusters) != 1]}")
