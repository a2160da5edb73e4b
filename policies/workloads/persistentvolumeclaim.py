"""PersistentVolumeClaim: bound once it is in every cluster, lost once it is in any."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads.whole import ready, replicas, with_replicas
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]


def project(live: Manifest) -> Manifest:
    phase = (live.get("status") or {}).get("phase")
    status = {"phase": phase} if phase else {}
    return {"generation": live["metadata"].get("generation", 0), "status": status}


def health(projected: Manifest) -> Health:
    match projected["status"].get("phase"):
        case "Bound":
            return "Healthy"
        case "Lost":
            return "Unhealthy"
        case _:
            return "Progressing"


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    """Return the phase: Lost wins, then any that is not Bound.

    Sizes and modes are left out: each cluster has a volume of its own.
    """
    lives = [copy.live for copy in copies.values() if copy.live is not None]
    if not lives:
        return None
    phases = {live["status"].get("phase") for live in lives}
    if "Lost" in phases:
        return previous | {"phase": "Lost"}
    bound = phases == {"Bound"} and len(lives) == len(copies)
    return previous | {"phase": "Bound" if bound else "Pending"}
