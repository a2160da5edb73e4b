"""StatefulSet of OpenKruise (apps.kruise.io), which calls it an Advanced StatefulSet: it has all that the one
of Kubernetes has, and its status demands more counters.
"""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads import replicated, statefulset
from policies.workloads.replicated import Counters, revisions
from policies.workloads.statefulset import JUDGMENT, health, ready, replicas, with_replicas
from policies.workloads.workload import Copies

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]

_COUNTERS = Counters(
    updated=("updatedReplicas", "updatedReadyReplicas", "updatedAvailableReplicas"),
    always=("replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"),
    others=(),
)


def project(live: Manifest) -> Manifest:
    projected, status = statefulset.project(live), live.get("status") or {}
    more = {field: status[field] for field in _COUNTERS.updated if status.get(field)}
    if reserved := live["spec"].get("reserveOrdinals"):
        projected["spec"]["reserveOrdinals"] = reserved
    return projected | {"status": projected["status"] | more}


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    status = replicated.roll_up(
        copies, _COUNTERS, JUDGMENT, generation=generation, previous=previous, now=now
    )
    return None if status is None else status | revisions(copies)
