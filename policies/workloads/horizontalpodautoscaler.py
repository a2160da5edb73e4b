"""HorizontalPodAutoscaler (autoscaling): one for each cluster, and their sums.

It has no generation, so nothing tells which spec a status speaks of. What v1 lacks (conditions) a member that
is asked for v1 does not tell, and is not written.
"""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads import replicated
from policies.workloads.conditions import Told, conditions, find, names, unheard, without
from policies.workloads.replicated import count, reported
from policies.workloads.whole import ready, replicas, with_replicas
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]

_COUNTERS = ("currentReplicas", "desiredReplicas")
_WELL = {"AbleToScale": "True", "ScalingActive": "True", "ScalingLimited": "False"}
"""Its conditions, and what they say when all is well."""
_OFF = "ScalingDisabled"
"""The reason of the one that is off on purpose: its workload has no replicas."""


def project(live: Manifest) -> Manifest:
    return replicated.project(live, spec=(), status=(*_COUNTERS, "lastScaleTime"))


def health(projected: Manifest) -> Health:
    """Unhealthy when it can't scale; one that is at a bound does what it should."""
    if not reported(projected):
        return "Unknown"
    told = (find(projected, kind) for kind in ("AbleToScale", "ScalingActive"))
    fails = any(each.get("status") == "False" and each.get("reason") != _OFF for each in told)
    return "Unhealthy" if fails else "Healthy"


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    """Sum the replicas; a condition says what is wrong in some cluster, if anything is."""
    lives = [copy.live for copy in copies.values() if copy.live is not None]
    if not any(previous.get(field) for field in ("conditions", *_COUNTERS)) and not any(map(reported, lives)):
        return None
    status = {
        field: value for field, value in previous.items() if field not in ("lastScaleTime", "conditions")
    }
    for field in _COUNTERS:
        total = sum(count(live, field) for live in lives)
        if total or field in previous:  # which of them is shown when it is zero depends on the version
            status[field] = total
    if times := [live["status"]["lastScaleTime"] for live in lives if "lastScaleTime" in live["status"]]:
        status["lastScaleTime"] = max(times)
    told = [each for kind in _WELL if (each := _told(kind, copies)) is not None]
    if said := conditions(without(previous, _WELL, told), told, now=now):
        status["conditions"] = said
    return status


def _told(kind: str, copies: Copies) -> Told | None:
    """Return a condition for all clusters: what the first says by name where it is not well, if it is such
    somewhere.
    """
    said = {name: find(copy.live, kind) for name, copy in sorted(copies.items()) if copy.live is not None}
    said = {name: condition for name, condition in said.items() if condition}
    if not said:
        return None
    about_unheard = unheard(copies)
    bad = [name for name in said if copies[name].reachable and said[name]["status"] != _WELL[kind]]
    if about_unheard and not bad:
        return Told(kind, "Unknown", "ClusterUnreachable", about_unheard)
    shown = said[min(bad or said)]
    message = "; ".join(filter(None, (f"in {names(bad or said)}", about_unheard)))
    return Told(kind, shown["status"], shown.get("reason", ""), message)
