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


def no_cluster_fit(total: int, rejections: Iterable[Rejection], *, kept: bool) -> Verdict:
    """Count the reasons as kube-scheduler does; `kept` says that the present placement stays in force."""
    counts = Counter((rejection.rank, rejection.one, rejection.many) for rejection in rejections)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    reasons = ", ".join(f"{n} {one if n == 1 else many}" for (_, one, many), n in ordered)
    message = f"0/{total} clusters fit: {reasons}" if total else "0/0 clusters fit: no cluster has joined"
    return Verdict("NoClusterFit", f"{message}; the present placement is kept" if kept else message)


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


def unsupported(field: str) -> Verdict:
    return Verdict("Unsupported", f"{field} is not supported yet; remove it from the policy")


def override_failed(policy: str, rule: int, path: str, why: str) -> OverrideFailed:
    message = f"{policy}: spec.overrideRules[{rule}]: {path}: {why}"
    return OverrideFailed("OverrideFailed", message, policy, rule, path)
