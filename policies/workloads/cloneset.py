"""CloneSet (apps.kruise.io), of OpenKruise."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads import replicated
from policies.workloads.conditions import find
from policies.workloads.replicated import (
    REVISIONS,
    Counters,
    Judgment,
    count,
    observed,
    replicas,
    reported,
    revisions,
    wanted,
    with_replicas,
)
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]

_COUNTERS = Counters(
    updated=(
        "updatedReplicas",
        "updatedReadyReplicas",
        "updatedAvailableReplicas",
        "expectedUpdatedReplicas",
    ),
    always=("replicas", "readyReplicas", "availableReplicas", "updatedReplicas", "updatedReadyReplicas"),
    others=(),
)


def project(live: Manifest) -> Manifest:
    counts = dict.fromkeys((*_COUNTERS.always, *_COUNTERS.updated))
    projected = replicated.project(live, spec=("replicas",), status=(*counts, *REVISIONS))
    if _has_order(live["spec"].get("updateStrategy") or {}):
        projected["spec"]["ordered"] = True
    return projected


def _has_order(strategy: Manifest) -> bool:
    """Whether its user says which pods are updated first; v1beta1 has these fields a level deeper."""
    rules = strategy | (strategy.get("rollingUpdate") or {})
    return bool(rules.get("priorityStrategy") or rules.get("scatterStrategy"))


def health(projected: Manifest) -> Health:
    """Progressing while pods are to be made or updated, and while a batch waits at its partition; Unhealthy
    when its rollout missed the deadline, or when some pods do not serve although all are updated.
    """
    if not reported(projected):
        return "Unknown"
    if not observed(projected):
        return "Progressing"
    if _stuck(projected):
        return "Unhealthy"
    updated = count(projected, "updatedReplicas")
    missing = count(projected, "replicas") < wanted(projected)
    if missing or updated < count(projected, "expectedUpdatedReplicas"):
        return "Progressing"
    if _available(projected):
        return "Healthy"
    return "Unhealthy" if updated >= wanted(projected) else "Progressing"


def ready(projected: Manifest) -> int | None:
    return count(projected, "readyReplicas") if reported(projected) else None


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    """Beside the sums, show the revisions of a cluster that still updates."""
    status = replicated.roll_up(
        copies, _COUNTERS, _JUDGMENT, generation=generation, previous=previous, now=now, update_time=True
    )
    return None if status is None else status | revisions(copies)


def _available(projected: Manifest) -> bool:
    return count(projected, "availableReplicas") >= wanted(projected)


def _stuck(projected: Manifest) -> bool:
    return find(projected, "Progressing").get("status") == "False"


_JUDGMENT = Judgment(health, _available, _stuck)
