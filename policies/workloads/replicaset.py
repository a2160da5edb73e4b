"""ReplicaSet (apps): it has no revisions, so every pod it made is an updated one."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads import replicated
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
    updated=("fullyLabeledReplicas",), always=("replicas",), others=("readyReplicas", "availableReplicas")
)


def project(live: Manifest) -> Manifest:
    status = ("fullyLabeledReplicas", *_COUNTERS.always, *_COUNTERS.others)
    return replicated.project(live, spec=("replicas",), status=status)


def health(projected: Manifest) -> Health:
    """Progressing while pods are to be made, then Unhealthy when some do not serve."""
    if not reported(projected):
        return "Unknown"
    if not observed(projected) or count(projected, "replicas") < wanted(projected):
        return "Progressing"
    return "Healthy" if _available(projected) else "Unhealthy"


def ready(projected: Manifest) -> int | None:
    return count(projected, "readyReplicas") if reported(projected) else None


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    return replicated.roll_up(copies, _COUNTERS, _JUDGMENT, generation=generation, previous=previous, now=now)


def _available(projected: Manifest) -> bool:
    return count(projected, "availableReplicas") >= wanted(projected)


def _stuck(_: Manifest) -> bool:
    return False


_JUDGMENT = Judgment(health, _available, _stuck)
