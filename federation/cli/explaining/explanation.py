"""Why an object is where it is: the decisions of the controller, made again by its functions and told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from federation.cli.explaining.known import Known
from federation.controllers.documents import Yaml
from federation.controllers.host import subject_of
from federation.controllers.kinds import Broken
from federation.kube.differences import Difference, differences, masked_difference
from federation.kube.ref import Ref
from policies.api.binding import BindingSpec, ClusterResult, Eviction, Requirement, TargetCluster
from policies.api.cluster import Cluster
from policies.api.propagation import PropagationPolicy
from policies.api.rollout import Rollout
from policies.explaining import unplaced
from policies.filters import Clusters
from policies.matching import ranking
from policies.overriders import Step, overrides_for, steps
from policies.placement import Decision, Present, Workload, needs_capacity, place
from policies.rendering import Rendered, render
from policies.requirements import own
from policies.scheduling import held
from policies.verdicts import OverrideFailed, Verdict

_YAML = Yaml()


class Contender(NamedTuple):
    """A policy that might govern an object, and why it does not; None of the one that does."""

    kind: str
    namespace: str
    name: str
    verdict: Verdict | None


class Applied(NamedTuple):
    """One override rule, and what it changed in a cluster."""

    policy: str
    """`<kind> [<namespace>/]<name>`."""
    rule: int
    changes: tuple[Difference, ...]
    failed: OverrideFailed | None


class Placed(NamedTuple):
    """An object in one cluster, or why it is not there."""

    cluster: str
    target: TargetCluster | None
    verdict: Verdict | None
    """Why it is not placed there."""
    result: ClusterResult | None
    """How the copy stands."""
    overrides: tuple[Applied, ...]


class Explanation(NamedTuple):
    """All that can be said of one object."""

    ref: Ref
    excluded: str
    """Why it is never propagated; empty if it may be."""
    policies: tuple[Contender, ...]
    """The one that governs first."""
    scheduled: Verdict | None
    """What the binding says of the placement; None without a binding."""
    affinity: str
    """The group of clusterAffinities in use."""
    clusters: tuple[Placed, ...]
    release: Rollout | None
    required_by: tuple[Requirement, ...] = ()
    """The workloads that need it."""
    evictions: tuple[Eviction, ...] = ()
    """What it is being moved away from."""

    @property
    def governing(self) -> Contender | None:
        return next((each for each in self.policies if each.verdict is None), None)


def explained(known: Known) -> Explanation:
    """Explain an object of the host."""
    record, template = known.record, known.template
    spec = record.spec if record is not None else None
    subject = subject_of(known.ref, template.labels)
    policies = () if template.excluded else known.host.index.candidates(subject)
    ranked = ranking(subject, policies, spec.policy if spec else None)
    contenders = [_contender(ranked.governing, None)] if ranked.governing is not None else []
    contenders += [_contender(loser.policy, loser.verdict) for loser in ranked.losers]
    conditions = record.binding.status.conditions if record is not None else ()
    scheduled = next((Verdict(c.reason, c.message) for c in conditions if c.type == "Scheduled"), None)
    return Explanation(
        known.ref,
        template.excluded,
        (*contenders, *_broken(known)),
        scheduled,
        spec.affinity_name if spec else "",
        tuple(_clusters(known, ranked.governing)),
        known.host.rollouts.latest(template.uid),
        tuple(spec.required_by) if spec else (),
        tuple(spec.evictions) if spec else (),
    )


def _contender(policy: PropagationPolicy, verdict: Verdict | None) -> Contender:
    return Contender(policy.kind, policy.metadata.namespace, policy.metadata.name, verdict)


def _broken(known: Known) -> list[Contender]:
    """Return the policies of which nobody knows what they select, because they are not valid."""
    return [
        Contender(
            policy.kind,
            policy.metadata.namespace,
            policy.metadata.name,
            Verdict("PolicyInvalid", policy.message),
        )
        for _, policy in known.host.policies()
        if isinstance(policy, Broken) and "Propagation" in policy.kind
    ]


def _clusters(known: Known, policy: PropagationPolicy | None) -> list[Placed]:
    clusters = Clusters(cluster for _, cluster in known.host.clusters.items())
    record = known.record
    targets = {target.name: target for target in record.spec.clusters} if record is not None else {}
    results = {result.name: result for result in record.binding.status.clusters} if record is not None else {}
    why: dict[str, Verdict] = {}
    if policy is not None:
        decision = _decision(known, policy, clusters)
        why = unplaced(decision, policy.spec.placement, clusters.by_name, targets)
    return [
        Placed(
            name,
            targets.get(name),
            why.get(name),
            results.get(name),
            _overrides(known, cluster, targets[name]) if name in targets else (),
        )
        for name, cluster in clusters.by_name.items()
    ]


def _decision(known: Known, policy: PropagationPolicy, clusters: Clusters) -> Decision:
    """Decide as the controller does, but for capacity, which only it knows: none is assumed to be free."""
    resource, template = known.ref.resource, known.template
    before = own(known.record.spec) if known.record is not None else None
    limited = needs_capacity(policy.spec.placement)
    present = _present(before)._replace(free=dict.fromkeys(clusters.by_name, 0) if limited else {})
    workload = Workload(
        resource.api_version, resource.kind, template.replicas, template.uid, template.problem
    )
    decision = held(workload, policy.spec, clusters, present)
    return decision or place(workload, policy.spec.placement, clusters, present)


def _present(before: BindingSpec | None) -> Present:
    if before is None:
        return Present()
    evicted = {eviction.from_cluster for eviction in before.evictions}
    return Present(before.clusters, before.affinity_name, evicted)


def _overrides(known: Known, cluster: Cluster, target: TargetCluster) -> tuple[Applied, ...]:
    """Return what each rule changes of the template as it is now."""
    template, ref = known.template, known.ref
    policies = known.host.overrides(ref.namespace)
    rules = overrides_for(subject_of(ref, template.labels), cluster, policies, _YAML)
    plain = render(
        orjson.loads(template.manifest),
        replicas=target.replicas,
        completions=target.completions,
        labels=target.preserved_labels or {},
        workload=template.workload,
    )
    assert isinstance(plain, Rendered)  # only rules fail
    return tuple(_applied(step) for step in steps(plain.manifest, rules))


def _applied(step: Step) -> Applied:
    failed = step.result if isinstance(step.result, OverrideFailed) else None
    found: Sequence[Difference] = ()
    if not isinstance(step.result, OverrideFailed):
        found = differences(step.before, step.result)
    changes = tuple(masked_difference(step.before, each) for each in found)
    return Applied(step.rule.policy, step.rule.rule, changes, failed)
