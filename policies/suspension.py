"""Suspension: to which clusters nothing of a template is written for now, because its policy says so."""

from __future__ import annotations

from collections.abc import Sequence

from policies.api.binding import PolicyReference
from policies.api.failover import Suspension
from policies.verdicts import Verdict


def in_force(suspension: Suspension | None) -> Suspension | None:
    """Return a suspension if it suspends anything."""
    return suspension if suspension and (suspension.dispatching or _named(suspension)) else None


def suspends(
    policy: PolicyReference | None, suspension: Suspension | None, clusters: Sequence[str]
) -> Verdict | None:
    """Return why nothing is written to some of these clusters, or None if all of them are written to."""
    if suspension is None:
        return None
    if suspension.dispatching:
        where, field = "all clusters", "dispatching"
    elif found := set(clusters) & set(_named(suspension)):
        where, field = _listed(sorted(found)), "dispatchingOnClusters"
    else:
        return None
    return Verdict(
        "Suspended",
        f"{label(policy)} suspends writes to {where}; take spec.suspension.{field} out of it to go on",
    )


def told(policy: PolicyReference, suspension: Suspension | None) -> Verdict | None:
    """Say of a policy what it suspends, if anything."""
    return suspends(policy, suspension, _named(suspension)) if suspension else None


def still_there(verdict: Verdict) -> Verdict:
    """Say of a cluster that keeps its copy only because nothing is written there."""
    return Verdict(verdict.reason, f"no longer placed there, and kept meanwhile: {verdict.message}")


def _named(suspension: Suspension) -> Sequence[str]:
    chosen = suspension.dispatching_on_clusters
    return chosen.cluster_names if chosen else ()


def _listed(clusters: Sequence[str]) -> str:
    rest = f" and {len(clusters) - 3} more" if len(clusters) > 3 else ""
    return f"cluster{'s'[: len(clusters) != 1]} {', '.join(clusters[:3])}{rest}"


def label(policy: PolicyReference | None) -> str:
    """Name a policy: `PropagationPolicy shop/web`."""
    if policy is None:
        return "the policy"
    return f"{policy.kind} {'/'.join(part for part in (policy.namespace, policy.name) if part)}"
