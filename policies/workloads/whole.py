"""Whole: any kind we know nothing of. Its copies are as it is, and their status stays on the binding."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads.conditions import find
from policies.workloads.workload import Copies, Health


def replicas(_: Manifest) -> int | None:
    return None


def with_replicas(manifest: Manifest, _: int) -> Manifest:
    return manifest


def project(live: Manifest) -> Manifest:
    return {"generation": live["metadata"].get("generation", 0), "status": live.get("status") or {}}


def health(projected: Manifest) -> Health:
    """Judge by convention: what has no status is well as long as it is there, else Ready tells."""
    status = projected["status"]
    if not status:
        return "Healthy"
    if status.get("observedGeneration", projected["generation"]) < projected["generation"]:
        return "Progressing"
    match find(projected, "Ready").get("status"):
        case "True":
            return "Healthy"
        case "False":
            return "Unhealthy"
        case "Unknown":
            return "Progressing"
        case _:
            return "Unknown"


def ready(_: Manifest) -> int | None:
    return None


def roll_up(_: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    return None
