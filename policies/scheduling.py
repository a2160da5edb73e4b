"""Scheduling: what the binding of a template is to say, by its policy and the clusters there are.

The controller writes it; `policies.planning` only looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from policies import activation, suspension
from policies.api.binding import BindingSpec, PolicyReference, TargetCluster
from policies.api.propagation import PropagationPolicy, PropagationSpec
from policies.eviction import Standing
from policies.filters import Clusters
from policies.interpreting import untold
from policies.moving import Moved, Moving, move
from policies.placement import (
    Decision,
    Present,
    Workload,
    completions,
    keep,
    place,
)
from policies.preservation import labels
from policies.verdicts import Verdict


def decide(
    workload: Workload,
    total: int | None,
    policy: PropagationPolicy | None,
    before: BindingSpec,
    clusters: Clusters,
    present: Callable[[PropagationPolicy], Present],
    template: bytes = b"",
    *,
    anew: bool = False,
    moving: Moving | None = None,
) -> tuple[BindingSpec, Verdict]:
    """Return what a binding is to say, and why its placement is what it is.

    :param total: the completions of a Job.
    :param policy: the one that governs; without it the copies stay where they are.
    :param before: what the binding says, or an empty one with the reference to the template as it is now.
    :param present: how the template stands, by the version of the policy that counts.
    :param template: JSON of the pruned template, by which a Lazy policy tells whether it changed.
    :param anew: the binding speaks of an earlier template of that name.
    :param moving: what leaves which clusters; without it, evictions on record go on and none begins.
    """
    if policy is None:
        kept = [target for target in before.clusters if target.name in clusters.staying]
        return before.model_copy(update={"policy": None, "clusters": kept, "suspension": None}), _NO_POLICY
    last = BindingSpec(resource=before.resource) if anew else before
    digest = activation.digest(policy.spec, template)
    counts = activation.in_force(policy.spec, last, digest)
    counting = policy if counts is policy.spec else policy.model_copy(update={"spec": counts})
    moving = moving or Moving(Standing(tuple(before.evictions), frozenset(), frozenset()))
    decided, unmet = _wish(workload, total, counting, before, clusters, present(counting), moving)
    found = activation.activated(policy.spec, last, digest, decided, unmet, clusters.staying)
    verdict = found.unmet or _scheduled(found.spec.clusters)
    return found.spec, activation.waits(verdict) if found.waiting else verdict


def _wish(
    workload: Workload,
    total: int | None,
    policy: PropagationPolicy,
    before: BindingSpec,
    clusters: Clusters,
    present: Present,
    moving: Moving,
) -> tuple[BindingSpec, Verdict | None]:
    """Return what a policy wants, and why that can't be."""
    placement = policy.spec.placement
    decision, evictions = _placed(workload, policy, clusters, present, moving)
    shares = completions(total, placement, decision.clusters, workload.uid)
    left = (*before.evictions, *evictions)
    targets = [
        TargetCluster(
            name=target.name,
            replicas=target.replicas,
            completions=shares.get(target.name),
            preserved_labels=labels(target.name, len(decision.clusters), before.clusters, left) or None,
        )
        for target in decision.clusters
    ]
    spec = BindingSpec(
        resource=before.resource,
        policy=policy_reference(policy),
        conflict_resolution=policy.spec.conflict_resolution,
        preserve_resources_on_deletion=policy.spec.preserve_resources_on_deletion,
        suspension=suspension.in_force(policy.spec.suspension),
        affinity_name=decision.affinity,
        clusters=targets,
        evictions=list(evictions),
        rebalance_triggered_at=before.rebalance_triggered_at if decision.verdict else None,
    )
    return spec, decision.verdict


def _placed(
    workload: Workload, policy: PropagationPolicy, clusters: Clusters, present: Present, moving: Moving
) -> Moved:
    """Place a template, or hold it where it is."""
    if (decision := held(workload, policy.spec, clusters, present)) is not None:
        return Moved(decision, moving.standing.evictions)
    placement = policy.spec.placement

    def without(left: Collection[str]) -> Decision:
        return place(workload, placement, clusters, present._replace(evicted_from=left))

    return move(without, present, moving)


def held(workload: Workload, spec: PropagationSpec, clusters: Clusters, present: Present) -> Decision | None:
    """Keep a template where it is since nothing tells its replicas; None when it can be placed."""
    verdict = untold(workload, spec.placement, present.targets)
    return keep(verdict, clusters, present) if verdict is not None else None


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
