"""DaemonSet of OpenKruise (apps.kruise.io), which calls it an Advanced DaemonSet: it has a partition, the
number of pods that stay at other templates.
"""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads import daemonset, replicated
from policies.workloads.daemonset import is_available, ready
from policies.workloads.replicated import Counters, Judgment, count, observed, reported
from policies.workloads.whole import replicas, with_replicas
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]

_COUNTERS = Counters(
    updated=("updatedNumberScheduled",),
    always=(
        "currentNumberScheduled",
        "desiredNumberScheduled",
        "numberMisscheduled",
        "numberReady",
        "updatedNumberScheduled",
    ),
    others=("numberAvailable", "numberUnavailable"),
)


_HASHES = ("updateRevision", "daemonSetHash")
"""The hash of the present template, as v1beta1 and v1alpha1 call it."""


def project(live: Manifest) -> Manifest:
    projected, status = daemonset.project(live), live.get("status") or {}
    hashes = {field: status[field] for field in _HASHES if status.get(field)}
    rolling = (live["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}
    spec = {field: rolling[field] for field in ("partition",) if rolling.get(field)}
    return projected | {"spec": spec, "status": projected["status"] | hashes}


def health(projected: Manifest) -> Health:
    """Progressing while pods are to be made or updated, and while a batch waits at its partition; Unhealthy
    when some do not serve although all are updated.
    """
    if not reported(projected):
        return "Unknown"
    updated, desired = (count(projected, f"{what}NumberScheduled") for what in ("updated", "desired"))
    if not observed(projected) or updated < desired - _kept(projected, desired):
        return "Progressing"
    if is_available(projected):
        return "Healthy"
    return "Unhealthy" if updated >= desired else "Progressing"


def _kept(projected: Manifest, desired: int) -> int:
    """Return the partition as a number of pods: of a percentage, rounded down (daemonset_update.go)."""
    partition: int | str = projected["spec"].get("partition", 0)
    if isinstance(partition, int):
        return partition
    return int(partition.removesuffix("%")) * desired // 100


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    return replicated.roll_up(copies, _COUNTERS, _JUDGMENT, generation=generation, previous=previous, now=now)


def _is_stuck(_: Manifest) -> bool:
    return False


_JUDGMENT = Judgment(health, is_available, _is_stuck)
