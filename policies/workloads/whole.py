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
    if not observed(projected):
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


def observed(projected: Manifest) -> bool:
    """Whether what a status says is of the object as it is, by the convention for `observedGeneration` of
    statuses and conditions; so it is where nothing tells. Some kinds write it as text.
    """
    if not (status := projected.get("status")):
        return True
    told = (status.get("observedGeneration"), find(projected, "Ready").get("observedGeneration"))
    return all(int(str(seen)) >= projected["generation"] for seen in told if str(seen).isdigit())


def ready(_: Manifest) -> int | None:
    return None


def roll_up(_: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    return None
