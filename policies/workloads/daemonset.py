"""DaemonSet (apps): its replicas are the member's nodes, so it is never divided."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads import replicated
from policies.workloads.replicated import Counters, Judgment, count, observed, reported
from policies.workloads.whole import replicas, with_replicas
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]

_COUNTERS = Counters(
    updated=("updatedNumberScheduled",),
    always=("currentNumberScheduled", "desiredNumberScheduled", "numberMisscheduled", "numberReady"),
    others=("numberAvailable", "numberUnavailable"),
)


def project(live: Manifest) -> Manifest:
    status = ("updatedNumberScheduled", *_COUNTERS.always, *_COUNTERS.others)
    return replicated.project(live, spec=(), status=status)


def health(projected: Manifest) -> Health:
    """Progressing while pods are to be made or updated, then Unhealthy when some do not serve."""
    if not reported(projected):
        return "Unknown"
    desired = count(projected, "desiredNumberScheduled")
    if not observed(projected) or count(projected, "updatedNumberScheduled") < desired:
        return "Progressing"
    return "Healthy" if is_available(projected) else "Unhealthy"


def ready(projected: Manifest) -> int | None:
    return count(projected, "numberReady") if reported(projected) else None


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    return replicated.roll_up(copies, _COUNTERS, _JUDGMENT, generation=generation, previous=previous, now=now)


def is_available(projected: Manifest) -> bool:
    return count(projected, "numberAvailable") >= count(projected, "desiredNumberScheduled")


def _stuck(_: Manifest) -> bool:
    return False


_JUDGMENT = Judgment(health, is_available, _stuck)
