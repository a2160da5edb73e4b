"""Pod: one in each cluster, shown as the one that fares worst.

The API server checks that a container that has ended does not run again in a pod whose policy forbids it, so
such an end is shown with the pod's own, which is final.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies.api.meta import Manifest
from policies.workloads.conditions import Told, conditions, find, names, unheard
from policies.workloads.replicated import observed_generation
from policies.workloads.whole import ready, replicas, with_replicas
from policies.workloads.workload import Copies, Copy, Health

__all__ = ["ended", "ends", "health", "project", "ready", "replicas", "roll_up", "with_replicas"]

_RANK = {"Failed": 0, "Unknown": 1, "Pending": 2, "Running": 3, "Succeeded": 4}
"""The phases, the worst first."""
_OVER = ("Failed", "Succeeded")
_CONTAINER = ("name", "ready", "restartCount", "image", "imageID", "state")


def project(live: Manifest) -> Manifest:
    held = live.get("status") or {}
    status = {field: held[field] for field in ("observedGeneration", "phase", "startTime") if held.get(field)}
    said = ("type", "status", "reason")
    if told := [each for each in held.get("conditions") or () if each.get("type") == "Ready"]:
        status["conditions"] = [{field: each[field] for field in said if field in each} for each in told]
    if containers := held.get("containerStatuses"):
        status["containerStatuses"] = [
            {field: each[field] for field in _CONTAINER if field in each} for each in containers
        ]
    return {
        "generation": live["metadata"].get("generation", 0),
        "spec": {"restartPolicy": live["spec"].get("restartPolicy", "Always")},
        "status": status,
    }


def ends(spec: Manifest) -> bool:
    """Whether it is to run to an end, and not always."""
    return bool(spec.get("restartPolicy", "Always") != "Always")


def ended(projected: Manifest) -> bool:
    """Whether it has run its course: one that is to run always and was evicted has not."""
    return ends(projected["spec"]) and projected["status"].get("phase") in _OVER


def health(projected: Manifest) -> Health:
    """Healthy when it is Ready or succeeded; Unhealthy when it failed or a container crashes again and
    again.
    """
    match projected["status"].get("phase"):
        case "Succeeded":
            return "Healthy"
        case "Failed":
            return "Unhealthy"
        case "Running" if _is_ready(projected):
            return "Healthy"
        case _:
            return "Unhealthy" if _crashes(projected) else "Progressing"


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    """Return the phase that is worst, with the containers of such a copy; Ready when all are."""
    lives = {name: copy.live for name, copy in sorted(copies.items()) if copy.live is not None}
    if not any("phase" in live["status"] for live in lives.values()):
        return None
    if _is_final(previous, lives):
        return previous
    worst = min(copies, key=lambda name: (_RANK[_phase(copies[name])], name))
    phase = _phase(copies[worst])
    ours = ("startTime", "observedGeneration", "containerStatuses")
    status = {field: value for field, value in previous.items() if field not in ours} | {"phase": phase}
    if starts := [live["status"]["startTime"] for live in lives.values() if "startTime" in live["status"]]:
        status["startTime"] = min(starts)
    if containers := _containers(lives, copies[worst].live, phase):
        status["containerStatuses"] = containers
    status |= observed_generation(copies, generation, previous)
    return status | {"conditions": conditions(previous, [_ready(copies, phase)], now=now)}


def _phase(copy: Copy) -> str:
    phase = copy.live["status"].get("phase") if copy.live is not None else None
    return phase if phase in _RANK else "Pending"


def _is_final(previous: Manifest, lives: Manifest) -> bool:
    return any(ended({"spec": live["spec"], "status": previous}) for live in lives.values())


def _containers(lives: Manifest, worst: Manifest | None, phase: str) -> list[Manifest]:
    """Return the containers of a copy, each ready where it is so everywhere, with all restarts."""
    alike: dict[str, list[Manifest]] = {}
    for live in lives.values():
        for each in live["status"].get("containerStatuses", ()):
            alike.setdefault(each["name"], []).append(each)
    shown = worst["status"].get("containerStatuses", ()) if worst is not None else ()
    return [_container(each, alike[each["name"]], len(lives), over=phase in _OVER) for each in shown]


def _container(shown: Manifest, alike: Sequence[Manifest], copies: int, *, over: bool) -> Manifest:
    """Return a container as the server stores it, with fields that say nothing."""
    state = shown.get("state") or {}
    return {
        "name": shown["name"],
        "image": shown.get("image", ""),
        "imageID": shown.get("imageID", ""),
        "ready": len(alike) == copies and all(each["ready"] for each in alike),
        "restartCount": sum(each["restartCount"] for each in alike),
        "state": state if over or "terminated" not in state else {},
        "lastState": {},
    }


def _ready(copies: Copies, phase: str) -> Told:
    about_unheard = unheard(copies)
    waiting = [name for name, copy in copies.items() if copy.live is None or not _is_ready(copy.live)]
    short = [name for name in waiting if copies[name].reachable]
    if phase == "Succeeded":
        return Told("Ready", "False", "PodCompleted", "it has ended in every cluster")
    if short:
        message = "; ".join(filter(None, (f"not ready in {names(short)}", about_unheard)))
        return Told("Ready", "False", "ContainersNotReady", message)
    if about_unheard:
        return Told("Ready", "Unknown", "ClusterUnreachable", about_unheard)
    return Told("Ready", "True", "", "ready in every cluster")


def _is_ready(projected: Manifest) -> bool:
    return find(projected, "Ready").get("status") == "True"


def _crashes(projected: Manifest) -> bool:
    states = (each.get("state") or {} for each in projected["status"].get("containerStatuses", ()))
    return any((state.get("waiting") or {}).get("reason") == "CrashLoopBackOff" for state in states)
