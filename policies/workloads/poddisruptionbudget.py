"""PodDisruptionBudget (policy): a budget for each cluster, and their sums."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads import replicated
from policies.workloads.conditions import Told, conditions, unheard
from policies.workloads.replicated import count, observed, observed_generation, reported
from policies.workloads.whole import ready, replicas, with_replicas
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]

_COUNTERS = ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods")


def project(live: Manifest) -> Manifest:
    projected = replicated.project(live, spec=(), status=_COUNTERS)
    projected["status"].pop("conditions", None)  # the counters say the same
    return projected


def health(projected: Manifest) -> Health:
    """Unhealthy while fewer pods are healthy than there must be."""
    if not reported(projected):
        return "Unknown"
    if not observed(projected):
        return "Progressing"
    enough = count(projected, "currentHealthy") >= count(projected, "desiredHealthy")
    return "Healthy" if enough else "Unhealthy"


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    """Sum the counters, and tell whether a pod may be evicted in any cluster."""
    lives = [copy.live for copy in copies.values() if copy.live is not None]
    if not previous.get("conditions") and not any(map(reported, lives)):
        return None
    totals: Manifest = {field: sum(count(live, field) for live in lives) for field in _COUNTERS}
    others = {field: value for field, value in previous.items() if field != "observedGeneration"}
    told = _allowed(totals["disruptionsAllowed"], unheard(copies))
    return {
        **others,
        **totals,
        **observed_generation(copies, generation, previous),
        "conditions": conditions(previous, [told], now=now),
    }


def _allowed(disruptions: int, about_unheard: str) -> Told:
    if about_unheard:
        return Told("DisruptionAllowed", "Unknown", "ClusterUnreachable", about_unheard)
    if disruptions:
        return Told("DisruptionAllowed", "True", "SufficientPods", "pods may be evicted in some clusters")
    return Told("DisruptionAllowed", "False", "InsufficientPods", "no pod may be evicted in any cluster")
