"""Deployment (apps)."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads import replicated
from policies.workloads.conditions import find
from policies.workloads.replicated import (
    Counters,
    Judgment,
    count,
    observed,
    replicas,
    reported,
    wanted,
    with_replicas,
)
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]

_COUNTERS = Counters(
    updated=("updatedReplicas",),
    always=(),
    others=("replicas", "readyReplicas", "availableReplicas", "unavailableReplicas"),
)


def project(live: Manifest) -> Manifest:
    return replicated.project(live, spec=("replicas",), status=("updatedReplicas", *_COUNTERS.others))


def health(projected: Manifest) -> Health:
    """Unhealthy once its rollout missed the deadline, or when it was complete and then lost pods."""
    if not reported(projected):
        return "Unknown"
    if not observed(projected):
        return "Progressing"
    updated = count(projected, "updatedReplicas")
    if updated >= wanted(projected) and count(projected, "availableReplicas") >= updated:
        return "Healthy"
    was_complete = find(projected, "Progressing").get("reason") == "NewReplicaSetAvailable"
    if _stuck(projected) or (was_complete and not _available(projected)):
        return "Unhealthy"
    return "Progressing"


def ready(projected: Manifest) -> int | None:
    return count(projected, "readyReplicas") if reported(projected) else None


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    return replicated.roll_up(
        copies, _COUNTERS, _JUDGMENT, generation=generation, previous=previous, now=now, update_time=True
    )


def _available(projected: Manifest) -> bool:
    return find(projected, "Available").get("status") == "True"


def _stuck(projected: Manifest) -> bool:
    return find(projected, "Progressing").get("status") == "False"


_JUDGMENT = Judgment(health, _available, _stuck)
