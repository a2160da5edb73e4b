"""Selections: of objects by a policy's selectors, of clusters by labels, fields, names and tolerations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from policies.api.meta import LabelSelector, ResourceSelector, Toleration
from policies.api.propagation import ClusterAffinity
from policies.matching import never_propagated
from policies.validation import syntax
from policies.validation.findings import Advice, Denial, Finding

CLUSTER_SCOPED = {
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("networking.k8s.io", "IngressClass"),
    ("node.k8s.io", "RuntimeClass"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "StorageClass"),
}


def resource_selectors(
    field: str, selectors: Iterable[ResourceSelector], policy_kind: str, policy_namespace: str
) -> Iterator[Finding]:
    """Check a policy's selectors; an empty `policy_namespace` stands for a cluster-scoped policy."""
    for i, selector in enumerate(selectors):
        at = f"{field}[{i}]"
        yield from _scope(at, selector, policy_kind, policy_namespace)
        yield from _subject(at, selector, policy_namespace)
        if selector.label_selector:
            yield from label_selector(f"{at}.labelSelector", selector.label_selector)
            if selector.name:
                yield Advice(
                    f"{at}.labelSelector",
                    f"ignored because name is {selector.name!r}",
                    "remove one of the two",
                )


def _scope(at: str, selector: ResourceSelector, policy_kind: str, policy_namespace: str) -> Iterator[Finding]:
    """A namespaced policy speaks of its own namespace only."""
    if not policy_namespace:
        return
    if selector.namespace not in ("", policy_namespace):
        yield Denial(
            f"{at}.namespace",
            f"a {policy_kind} selects objects of its own namespace {policy_namespace!r} only, "
            f"not of {selector.namespace!r}",
            f"remove namespace or use a Cluster{policy_kind}",
        )
    if (selector.api_version.rpartition("/")[0], selector.kind) in CLUSTER_SCOPED:
        yield Denial(
            f"{at}.kind",
            f"{selector.kind} has no namespace, a {policy_kind} has",
            f"use a Cluster{policy_kind}",
        )


def _subject(at: str, selector: ResourceSelector, policy_namespace: str) -> Iterator[Finding]:
    """Some objects belong to each cluster itself and are never propagated."""
    metadata = {"name": selector.name, "namespace": selector.namespace or policy_namespace}
    reason = never_propagated(
        {"apiVersion": selector.api_version, "kind": selector.kind, "metadata": metadata}
    )
    if reason:
        yield Denial(at, f"selects what is never propagated: {reason}", "remove this selector")


def label_selector(field: str, selector: LabelSelector) -> Iterator[Finding]:
    """Check the syntax of a label selector."""
    for key, value in selector.match_labels.items():
        yield from syntax.label_key(f"{field}.matchLabels", key)
        yield from syntax.label_value(f"{field}.matchLabels[{key}]", value)
    for i, requirement in enumerate(selector.match_expressions):
        at = f"{field}.matchExpressions[{i}]"
        yield from syntax.label_key(f"{at}.key", requirement.key)
        for j, value in enumerate(requirement.values):
            yield from syntax.label_value(f"{at}.values[{j}]", value)


def cluster_affinity(
    field: str, affinity: ClusterAffinity, clusters: Collection[str] | None
) -> Iterator[Finding]:
    """Check a selection of clusters. Names not among `clusters` are no mistake: they may join later."""
    if affinity.label_selector:
        yield from label_selector(f"{field}.labelSelector", affinity.label_selector)
    yield from cluster_names(f"{field}.clusterNames", affinity.cluster_names, clusters)
    yield from cluster_names(f"{field}.exclude", affinity.exclude, clusters)
    if both := sorted(set(affinity.cluster_names) & set(affinity.exclude)):
        yield Advice(
            f"{field}.exclude",
            f"{', '.join(both)} also in clusterNames, and exclude always wins",
            "remove it from one of the two",
        )


def cluster_names(field: str, names: Iterable[str], clusters: Collection[str] | None) -> Iterator[Finding]:
    """Advise of names that no Cluster has; without a list of clusters nothing is known of names."""
    for i, name in enumerate(names):
        if clusters is not None and name not in clusters:
            yield Advice(
                f"{field}[{i}]", f"there is no Cluster {name!r}", "correct the name or join the cluster"
            )


def tolerations(field: str, listed: Iterable[Toleration]) -> Iterator[Finding]:
    """Check the syntax of tolerations."""
    for i, toleration in enumerate(listed):
        if toleration.key:
            yield from syntax.label_key(f"{field}[{i}].key", toleration.key)
        yield from syntax.label_value(f"{field}[{i}].value", toleration.value)
