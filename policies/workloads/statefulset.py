"""StatefulSet (apps)."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.copies import RELEASE_ANNOTATION
from policies.workloads import replicated
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
    updated=("updatedReplicas",),
    always=("replicas", "availableReplicas"),
    others=("readyReplicas", "currentReplicas"),
)


def project(live: Manifest) -> Manifest:
    projected = replicated.project(
        live,
        spec=("replicas", "ordinals"),
        status=("updatedReplicas", *_COUNTERS.always, *_COUNTERS.others, *REVISIONS),
    )
    strategy = live["spec"].get("updateStrategy") or {}
    if partition := (strategy.get("rollingUpdate") or {}).get("partition"):
        projected["spec"]["partition"] = partition
    if "/" in (live["metadata"].get("annotations") or {}).get(RELEASE_ANNOTATION, ""):
        projected["held"] = True
    return projected


def health(projected: Manifest) -> Health:
    """Progressing while pods are to be made or updated, then Unhealthy when some do not serve.

    A partition that a release holds it by is none of its own: more pods are to be updated.
    """
    if not reported(projected):
        return "Unknown"
    own = 0 if "held" in projected else projected["spec"].get("partition", 0)
    to_update = wanted(projected) - own
    missing = count(projected, "replicas") < wanted(projected)
    if not observed(projected) or missing or count(projected, "updatedReplicas") < to_update:
        return "Progressing"
    return "Healthy" if _available(projected) else "Unhealthy"


def ready(projected: Manifest) -> int | None:
    return count(projected, "readyReplicas") if reported(projected) else None


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    """Beside the sums, show the revisions of a cluster that still updates: `kubectl rollout` waits on
    them.
    """
    status = replicated.roll_up(
        copies, _COUNTERS, JUDGMENT, generation=generation, previous=previous, now=now
    )
    return None if status is None else status | revisions(copies)


def _available(projected: Manifest) -> bool:
    return count(projected, "availableReplicas") >= wanted(projected)


def _stuck(_: Manifest) -> bool:
    return False


JUDGMENT = Judgment(health, _available, _stuck)
