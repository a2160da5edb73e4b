"""Selectors: labels, fields of a cluster, cluster affinity, taints and tolerations.

Every function answers for one object; absent selectors are the caller's business. The meaning of label
selectors and tolerations is that of Kubernetes (`labels.Selector`, `corev1.Toleration.ToleratesTaint`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from policies.api.cluster import Cluster
from policies.api.meta import LabelSelector, LabelSelectorRequirement, Taint, Toleration
from policies.api.propagation import ClusterAffinity, FieldSelectorRequirement


def matches_labels(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether all terms hold. An empty selector matches everything; NotIn holds for an absent label."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(requirement, labels) for requirement in selector.match_expressions
    )


def _holds(requirement: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    match requirement.operator:
        case "In":
            return labels.get(requirement.key) in requirement.values
        case "NotIn":
            return labels.get(requirement.key) not in requirement.values
        case "Exists":
            return requirement.key in labels
        case _:
            return requirement.key not in labels


def matches_affinity(affinity: ClusterAffinity, cluster: Cluster) -> bool:
    """Whether a cluster meets all terms that are given and is not excluded; exclusion always wins."""
    name = cluster.metadata.name
    if name in affinity.exclude or (affinity.cluster_names and name not in affinity.cluster_names):
        return False
    if affinity.label_selector and not matches_labels(affinity.label_selector, cluster.metadata.labels):
        return False
    fields = affinity.field_selector
    return fields is None or all(_field_holds(term, cluster) for term in fields.match_expressions)


def _field_holds(requirement: FieldSelectorRequirement, cluster: Cluster) -> bool:
    """A cluster in several zones meets a term when any of its zones does; an absent field is in no list."""
    match requirement.key:
        case "provider":
            values: Sequence[str] = (cluster.spec.provider,)
        case "region":
            values = (cluster.spec.region,)
        case _:
            values = cluster.spec.zones or ("",)
    wanted = requirement.operator == "In"
    return any((value in requirement.values) == wanted for value in values)


def untolerated(taints: Iterable[Taint], tolerations: Sequence[Toleration]) -> Taint | None:
    """Return the first taint, in the order given, that no toleration covers."""
    for taint in taints:
        if not any(tolerates(toleration, taint) for toleration in tolerations):
            return taint
    return None


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """An empty effect or key stands for all of them."""
    return (
        toleration.effect in ("", taint.effect)
        and toleration.key in ("", taint.key)
        and (toleration.operator == "Exists" or toleration.value == taint.value)
    )
