"""Reasons as data: what was decided against, and why, in words for people.

A reason is one CamelCase word that tools can match on; a message is one sentence that names the object of the
verdict and, where there is one, the remedy. Everything that `policies` finds wrong with users' input ends
here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policies.api.meta import Taint

UNPLACED = frozenset({"NoClusterFit", "Unschedulable"})
"""Reasons with which a template is not, or not wholly, placed where it should be."""
_NAMED = 5
"""How many objects a message names."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why something is not as wished."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Rejection(Verdict):
    """Why one cluster is no candidate for a template."""

    cluster: str
    one: str
    """What `1` of the summary is followed by."""
    many: str
    """What a greater count is followed by."""
    rank: int
    """The place among rejections of equal count."""


@dataclass(frozen=True, slots=True)
class OverrideFailed(Verdict):
    """A rule of an override policy that can't be carried out on a template."""

    policy: str
    """`<kind> [<namespace>/]<name>`."""
    rule: int
    """The index in `spec.overrideRules`."""
    path: str
    """The field of the template, as a JSON pointer, or the overrider where there is no one field."""


def affinity_mismatch(cluster: str) -> Rejection:
    one, many = "does not match clusterAffinity", "do not match clusterAffinity"
    return Rejection("AffinityMismatch", f"cluster {cluster} {one}", cluster, one, many, 0)


def untolerated_taint(cluster: str, taint: Taint) -> Rejection:
    key = f"{taint.key}={taint.value}" if taint.value else taint.key
    text = f"untolerated taint {{{key}: {taint.effect}}}"
    return Rejection(
        "UntoleratedTaint", f"cluster {cluster} has {text}", cluster, f"has {text}", f"have {text}", 1
    )


def api_not_served(cluster: str, api_version: str, kind: str) -> Rejection:
    text = f"not serve {api_version} {kind}"
    return Rejection(
        "ApiNotServed", f"cluster {cluster} does {text}", cluster, f"does {text}", f"do {text}", 2
    )


def leaving(cluster: str) -> Rejection:
    one, many = "is leaving the federation", "are leaving the federation"
    return Rejection("Leaving", f"cluster {cluster} {one}", cluster, one, many, 3)


def evicting(cluster: str) -> Rejection:
    one, many = "is being evicted from", "are being evicted from"
    return Rejection("Evicting", f"cluster {cluster} {one}", cluster, one, many, 4)


def no_topology(cluster: str, topology: str) -> Rejection:
    text = f"no {topology}"
    return Rejection("NoTopology", f"cluster {cluster} has {text}", cluster, f"has {text}", f"have {text}", 5)


def apart_from_its_group(cluster: str) -> Rejection:
    text = "none of the workloads it must be with"
    return Rejection(
        "WorkloadAffinity", f"cluster {cluster} has {text}", cluster, f"has {text}", f"have {text}", 6
    )


def with_its_rivals(cluster: str) -> Rejection:
    text = "a workload it must not be with"
    return Rejection(
        "WorkloadAntiAffinity", f"cluster {cluster} has {text}", cluster, f"has {text}", f"have {text}", 7
    )


def capacity_unknown(cluster: str) -> Rejection:
    text = "not tell its capacity"
    return Rejection(
        "CapacityUnknown", f"cluster {cluster} does {text}", cluster, f"does {text}", f"do {text}", 8
    )


def cluster_wide(policy: str, governing: str) -> Verdict:
    return Verdict(
        "ClusterWide", f"{policy} is cluster-wide: {governing}, which is of the namespace, comes before it"
    )


def lower_priority(policy: str, governing: str, priority: int, than: int) -> Verdict:
    return Verdict("LowerPriority", f"{policy} has priority {priority}, and {governing} has {than}")


def less_specific(policy: str, governing: str, by: str, than: str) -> Verdict:
    return Verdict("LessSpecific", f"{policy} selects it {by}, and {governing} {than}")


def later_name(policy: str, governing: str) -> Verdict:
    return Verdict("LaterName", f"{policy} comes after {governing} by name, and equals it in all else")


def not_preempting(policy: str, governing: str, remedy: str) -> Verdict:
    return Verdict(
        "NotPreempting", f"{policy} would come first, but {governing} governs already; to take over, {remedy}"
    )


def not_chosen(cluster: str, why: str) -> Verdict:
    return Verdict("NotChosen", f"cluster {cluster} fits, but {why}")


def placement_pending(cluster: str) -> Verdict:
    return Verdict(
        "PlacementPending",
        f"the policy as it is now places it on cluster {cluster}; the controller has yet to do so",
    )


def too_few(what: str, wanted: int, found: int) -> Verdict:
    """Say which spread constraint, or which number of replicas, the clusters that fit can't meet."""
    if what == "replica":
        message = f"{wanted} replicas do not fit: the clusters to choose from can hold {found}"
    else:
        groups = (
            f"{what}s" if what in ("cluster", "region", "zone", "provider") else f"values of label {what}"
        )
        message = f"spreadConstraints ask for {wanted} {groups}, and those that fit are {found}"
    return Verdict("Unschedulable", message)


def kept(verdict: Verdict) -> Verdict:
    """Say that nothing moves for it."""
    return Verdict(verdict.reason, f"{verdict.message}; the present placement is kept")


def none_of_the_groups(verdicts: Sequence[tuple[str, Verdict]]) -> Verdict:
    """Say of each group of clusterAffinities why it is not used; the reason is that of the first."""
    said = "; ".join(f"{name}: {verdict.message}" for name, verdict in verdicts)
    return Verdict(verdicts[0][1].reason, f"no group of clusterAffinities fits: {said}")


def no_cluster_fit(total: int, rejections: Iterable[Rejection]) -> Verdict:
    """Count the reasons as kube-scheduler does."""
    counts = Counter((rejection.rank, rejection.one, rejection.many) for rejection in rejections)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{n} {one if n == 1 else many}" for (_, one, many), n in ordered)
    message = f"0/{total} clusters fit: {reasons}" if total else "0/0 clusters fit: no cluster has joined"
    return Verdict("NoClusterFit", message)


def deletions_held(count: int) -> Verdict:
    return Verdict(
        "DeletionsHeld",
        f"{count} deletions are held: their templates vanished at once without a recorded deletion; "
        "apply the templates again, or delete their bindings to go on",
    )


def copies_kept(copies: Sequence[str]) -> Verdict:
    """Name the copies in a cluster that no binding accounts for, each with its reason."""
    more = f" and {len(copies) - _NAMED} more" if len(copies) > _NAMED else ""
    count = f"{len(copies)} object{'s'[: len(copies) != 1]}"
    return Verdict(
        "CopiesKept",
        f"no binding accounts for {count} with this host's label: {', '.join(copies[:_NAMED])}{more}; to "
        "take them up, apply their templates and policies again; else delete them in the cluster",
    )


def overrides_missing(policies: Sequence[str]) -> Verdict:
    """Say which override policies a propagation policy waits for."""
    return Verdict(
        "DependentOverrideMissing",
        f"the policy waits for {', '.join(policies)} (spec.dependentOverrides), not there or not valid: "
        "create or correct it, or take it out of the policy",
    )


def override_failed(policy: str, rule: int, path: str, why: str) -> OverrideFailed:
    message = f"{policy}: spec.overrideRules[{rule}]: {path}: {why}"
    return OverrideFailed("OverrideFailed", message, policy, rule, path)
