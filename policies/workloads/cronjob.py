"""CronJob (batch): the Jobs that run now in all clusters, and when one was made or succeeded last."""

from __future__ import annotations

from policies.api.meta import Manifest
from policies.workloads.whole import ready, replicas, with_replicas
from policies.workloads.workload import Copies, Health

__all__ = ["health", "project", "ready", "replicas", "roll_up", "with_replicas"]

_TIMES = ("lastScheduleTime", "lastSuccessfulTime")
_NAMED = ("apiVersion", "kind", "namespace", "name", "uid")
"""What a reference says of a Job, its version aside."""


def project(live: Manifest) -> Manifest:
    held = live.get("status") or {}
    status = {field: held[field] for field in _TIMES if held.get(field)}
    if running := held.get("active"):
        status["active"] = [{field: job[field] for field in _NAMED if field in job} for job in running]
    return {"generation": live["metadata"].get("generation", 0), "status": status}


def health(_: Manifest) -> Health:
    """It makes Jobs, and whether these fail is theirs: it is well as long as it is there."""
    return "Healthy"


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    """Return the running Jobs of all clusters, those of the first cluster by name first, and the latest
    times.
    """
    states = [copy.live["status"] for _, copy in sorted(copies.items()) if copy.live is not None]
    told: Manifest = {}
    if running := [job for state in states for job in state.get("active", ())]:
        told["active"] = running
    for field in _TIMES:
        if times := [state[field] for state in states if field in state]:
            told[field] = max(times)
    others = {field: value for field, value in previous.items() if field not in ("active", *_TIMES)}
    return others | told
