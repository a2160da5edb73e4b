"""StatefulSet (apps)."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.copies import RELEASE_ANNOTATION
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
    updated="updatedReplicas",
    always=("replicas", "availableReplicas"),
    others=("readyReplicas", "currentReplicas"),
)
_REVISIONS = ("currentRevision", "updateRevision")


def project(live: Manifest) -> Manifest:
    projected = replicated.project(
        live,
        spec=("replicas", "ordinals"),
        status=("updatedReplicas", *_COUNTERS.always, *_COUNTERS.others, *_REVISIONS),
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
        copies, _COUNTERS, _JUDGMENT, generation=generation, previous=previous, now=now
    )
    if status is None:
        return None
    lives = [copy.live for _, copy in sorted(copies.items()) if copy.live and reported(copy.live)]
    if lives:
        shown = next((live for live in lives if _updating(live)), lives[0])["status"]
        status |= {field: shown[field] for field in _REVISIONS if field in shown}
    return status


def _updating(projected: Manifest) -> bool:
    current, update = (projected["status"].get(field) for field in _REVISIONS)
    return bool(current != update)


def _available(projected: Manifest) -> bool:
    return count(projected, "availableReplicas") >= wanted(projected)


def _stuck(_: Manifest) -> bool:
    return False


_JUDGMENT = Judgment(health, _available, _stuck)
