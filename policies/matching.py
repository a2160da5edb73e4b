"""Matching: which policy governs a template, and what is never propagated.

The order of policies is total and the choice is sticky: as long as the governing policy exists and still
selects the template, only a policy that preempts takes over. So a new policy never moves what runs unless it
says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from policies.api.binding import PolicyReference
from policies.api.meta import GROUP, Manifest, ResourceSelector
from policies.api.propagation import ClusterPropagationPolicy, PropagationPolicy
from policies.selectors import matches_labels
from policies.verdicts import (
    Verdict,
    cluster_wide,
    later_name,
    less_specific,
    lower_priority,
    not_preempting,
)

BY_NAME, BY_LABEL, BY_KIND, NOT_SELECTED = 3, 2, 1, 0
_BY = {BY_NAME: "by name", BY_LABEL: "by labels", BY_KIND: "with all of its kind"}


class Subject(NamedTuple):
    """An object as far as selectors see it: a selector holds for every version of a kind."""

    group: str
    kind: str
    namespace: str
    name: str
    labels: Mapping[str, str]


def subject_of(manifest: Manifest) -> Subject:
    metadata = manifest["metadata"]
    return Subject(
        group_of(manifest["apiVersion"]),
        manifest["kind"],
        metadata.get("namespace") or "",
        metadata["name"],
        metadata.get("labels") or {},
    )


def group_of(api_version: str) -> str:
    """Return the group of `group/version`; the core group is empty."""
    return api_version.rpartition("/")[0]


def specificity(selectors: Iterable[ResourceSelector], subject: Subject) -> int:
    """Return how closely the best selector names a subject: BY_NAME, BY_LABEL, BY_KIND or NOT_SELECTED."""
    return max((_specificity(selector, subject) for selector in selectors), default=NOT_SELECTED)


def _specificity(selector: ResourceSelector, subject: Subject) -> int:
    if selector.kind != subject.kind or group_of(selector.api_version) != subject.group:
        return NOT_SELECTED
    if selector.namespace not in ("", subject.namespace):
        return NOT_SELECTED
    if selector.name:
        return BY_NAME if selector.name == subject.name else NOT_SELECTED
    if selector.label_selector is None:
        return BY_KIND
    return BY_LABEL if matches_labels(selector.label_selector, subject.labels) else NOT_SELECTED


def governing(
    subject: Subject, policies: Iterable[PropagationPolicy], current: PolicyReference | None
) -> PropagationPolicy | None:
    """Return the policy that governs a subject, or None.

    :param policies: at least all that select the subject; others do no harm, and the order does not matter.
    :param current: the policy that governs it now, as the binding records it.
    """
    ranks = {_rank(policy, subject): policy for policy in policies if _selects(policy, subject)}
    if not ranks:
        return None
    present = next((policy for policy in ranks.values() if current and _is(policy, current)), None)
    if present is None:
        return ranks[min(ranks)]
    preempting = [rank for rank, policy in ranks.items() if _preempts(policy, present)]
    return ranks[min(preempting)] if preempting else present


class Loser(NamedTuple):
    """A policy that selects a subject and does not govern it, and why."""

    policy: PropagationPolicy
    verdict: Verdict


class Ranking(NamedTuple):
    """Which policy governs a subject, and all others that select it in the order of their ranks."""

    governing: PropagationPolicy | None
    losers: tuple[Loser, ...]


def ranking(
    subject: Subject, policies: Iterable[PropagationPolicy], current: PolicyReference | None
) -> Ranking:
    """Return what `governing` returns, and why each of the other policies that select the subject lost."""
    selecting = {_rank(policy, subject): policy for policy in policies if _selects(policy, subject)}
    winner = governing(subject, selecting.values(), current)
    if winner is None:
        return Ranking(None, ())
    others = (policy for _, policy in sorted(selecting.items()) if policy is not winner)
    return Ranking(winner, tuple(Loser(policy, _lost(policy, winner, subject)) for policy in others))


def _lost(policy: PropagationPolicy, winner: PropagationPolicy, subject: Subject) -> Verdict:
    """Name the first of the rules of `_rank` by which a policy comes after the one that governs."""
    name, other = title(policy), title(winner)
    wide, priority, implicit, _ = mine = _rank(policy, subject)
    theirs = _rank(winner, subject)
    if mine < theirs:
        return not_preempting(name, other, _remedy(policy, winner))
    if wide != theirs[0]:
        return cluster_wide(name, other)
    if priority != theirs[1]:
        return lower_priority(name, other, policy.spec.priority, winner.spec.priority)
    if implicit != theirs[2]:
        return less_specific(name, other, _BY[-implicit], _BY[-theirs[2]])
    return later_name(name, other)


def _remedy(policy: PropagationPolicy, winner: PropagationPolicy) -> str:
    wanted = [] if policy.spec.preemption == "Always" else ["spec.preemption: Always"]
    if _is_cluster_wide(policy) == _is_cluster_wide(winner) and policy.spec.priority == winner.spec.priority:
        wanted.append(f"a spec.priority above {winner.spec.priority}")
    return f"give it {' and '.join(wanted)}"


def title(policy: PropagationPolicy) -> str:
    """Name a policy: `PropagationPolicy web`, of whatever namespace."""
    kind = "ClusterPropagationPolicy" if _is_cluster_wide(policy) else "PropagationPolicy"
    return f"{kind} {policy.metadata.name}"


def _selects(policy: PropagationPolicy, subject: Subject) -> bool:
    if policy.metadata.deletion_timestamp:
        return False
    if not _is_cluster_wide(policy) and policy.metadata.namespace != subject.namespace:
        return False
    return specificity(policy.spec.resource_selectors, subject) > NOT_SELECTED


def _rank(policy: PropagationPolicy, subject: Subject) -> tuple[bool, int, int, str]:
    """The smallest governs: those of the namespace, priority, implicit priority, name."""
    implicit = specificity(policy.spec.resource_selectors, subject)
    return _is_cluster_wide(policy), -policy.spec.priority, -implicit, policy.metadata.name


def _preempts(policy: PropagationPolicy, present: PropagationPolicy) -> bool:
    """One of the namespace preempts every cluster-wide one; among equals, a strictly higher priority does."""
    if policy.spec.preemption != "Always":
        return False
    if _is_cluster_wide(policy) != _is_cluster_wide(present):
        return _is_cluster_wide(present)
    return policy.spec.priority > present.spec.priority


def _is(policy: PropagationPolicy, reference: PolicyReference) -> bool:
    return (
        _is_cluster_wide(policy) == (reference.kind == "ClusterPropagationPolicy")
        and policy.metadata.name == reference.name
        and (_is_cluster_wide(policy) or policy.metadata.namespace == reference.namespace)
    )


def _is_cluster_wide(policy: PropagationPolicy) -> bool:
    return isinstance(policy, ClusterPropagationPolicy)


class Index:
    """Policies by what they select, so that a template is held against the few that can match it."""

    def __init__(self, policies: Iterable[PropagationPolicy]) -> None:
        self._policies: dict[tuple[str, str, str, str], list[PropagationPolicy]] = defaultdict(list)
        for policy in policies:
            namespace = "" if _is_cluster_wide(policy) else policy.metadata.namespace
            selected = {
                (namespace, group_of(selector.api_version), selector.kind, selector.name)
                for selector in policy.spec.resource_selectors
            }
            for key in selected:
                self._policies[key].append(policy)

    def kinds(self) -> frozenset[tuple[str, str]]:
        """Return (group, kind) of everything that some policy selects."""
        return frozenset((group, kind) for _, group, kind, _ in self._policies)

    def candidates(self, subject: Subject) -> Sequence[PropagationPolicy]:
        """Return every policy that can select a subject, and few others; a policy may come twice."""
        return [
            policy
            for namespace in {subject.namespace, ""}
            for name in (subject.name, "")
            for policy in self._policies.get((namespace, subject.group, subject.kind, name), ())
        ]


_NEVER_KINDS = {
    ("", "Event"): "Events tell of one cluster",
    ("events.k8s.io", "Event"): "Events tell of one cluster",
    ("", "Endpoints"): "Endpoints are made by the platform",
    ("coordination.k8s.io", "Lease"): "Leases belong to one cluster",
    ("", "Node"): "Nodes belong to one cluster",
    ("multicluster.x-k8s.io", "ServiceImport"): "ServiceImports are made in each cluster that imports",
}
_NEVER_NAMES = {
    ("", "ConfigMap", "kube-root-ca.crt"): "every cluster has its own kube-root-ca.crt",
    ("", "ServiceAccount", "default"): "every namespace has its own default ServiceAccount",
}
_ACROSS_CLUSTERS = (
    "multicluster.kubernetes.io/source-cluster",
    "multicluster.kubernetes.io/service-name",
)
"""Labels of what is made for a Service of several clusters: in a member, or on the host for all of them."""
_SLICE_CONTROLLERS = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")


def never_propagated(manifest: Manifest) -> str:
    """Return why an object stays on the host whatever policies say; empty if it may go."""
    subject = subject_of(manifest)
    namespace = subject.name if (subject.group, subject.kind) == ("", "Namespace") else subject.namespace
    if namespace == "atoll-system" or namespace.startswith("kube-"):
        return f"namespace {namespace} belongs to the cluster itself"
    if subject.group == GROUP or subject.group.endswith(f".{GROUP}"):
        return f"{subject.kind} is a kind of Atoll's own"
    if (subject.group, subject.kind, subject.namespace, subject.name) == (
        "",
        "Service",
        "default",
        "kubernetes",
    ):
        return "every cluster has its own kubernetes Service"
    return (
        _NEVER_KINDS.get(subject[:2])
        or _NEVER_NAMES.get((subject.group, subject.kind, subject.name))
        or _made_by_the_platform(manifest, subject)
    )


def _made_by_the_platform(manifest: Manifest, subject: Subject) -> str:
    if label := next((label for label in _ACROSS_CLUSTERS if label in subject.labels), ""):
        return f"the {subject.kind} is made for Services across clusters, as its label {label} says"
    match subject.group, subject.kind:
        case "discovery.k8s.io", "EndpointSlice":
            if subject.labels.get("endpointslice.kubernetes.io/managed-by") in _SLICE_CONTROLLERS:
                return "the EndpointSlice is made by the platform"
        case "", "Pod":
            owners = manifest["metadata"].get("ownerReferences") or ()
            if owner := next((owner for owner in owners if owner.get("controller")), None):
                return f"the Pod belongs to {owner.get('kind')} {owner.get('name')}; propagate that instead"
        case "", "Secret":
            if manifest.get("type") == "kubernetes.io/service-account-token":
                return "the token of a ServiceAccount is good in one cluster only"
    return ""
