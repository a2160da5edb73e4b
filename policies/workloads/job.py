"""Job (batch): one status for all its copies, which the API server accepts and which is final.

The API server checks a Job's status: Complete needs SuccessCriteriaMet, Failed needs FailureTarget, a
finished Job has no active pods, its start never changes and its counts never fall.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from policies.api.meta import Manifest
from policies.workloads.conditions import Told, conditions, find, names, unheard, without
from policies.workloads.workload import Copies, Health

_RUNNING = ("active", "ready", "terminating")
_ENDED = ("succeeded", "failed")


def replicas(manifest: Manifest) -> int | None:
    """Return how many pods run at a time: parallelism, but never more than completions."""
    parallelism: int | None = manifest["spec"].get("parallelism")
    completions: int | None = manifest["spec"].get("completions")
    wanted = 1 if parallelism is None else parallelism
    return wanted if completions is None else min(wanted, completions)


def with_replicas(manifest: Manifest, replicas: int) -> Manifest:
    return manifest | {"spec": manifest["spec"] | {"parallelism": replicas}}


def project(live: Manifest) -> Manifest:
    held = live.get("status") or {}
    fields = (*_RUNNING, *_ENDED, "startTime", "completionTime")
    status = {field: held[field] for field in fields if held.get(field)}
    true = [condition for condition in held.get("conditions") or () if condition.get("status") == "True"]
    if true:
        said = ("type", "status", "reason")
        status["conditions"] = [{field: each[field] for field in said if field in each} for each in true]
    spec = {field: live["spec"][field] for field in ("parallelism", "completions") if field in live["spec"]}
    return {"spec": spec, "status": status}


def health(projected: Manifest) -> Health:
    if not projected["status"]:
        return "Unknown"
    if _is(projected, "Failed"):
        return "Unhealthy"
    return "Healthy" if _is(projected, "Complete") else "Progressing"


def ready(projected: Manifest) -> int | None:
    value: int | None = projected["status"].get("ready", 0) if projected["status"] else None
    return value


def ended(projected: Manifest) -> bool:
    return _is(projected, "Complete") or _is(projected, "Failed")


def roll_up(copies: Copies, *, generation: int, previous: Manifest, now: str) -> Manifest | None:
    """Complete once every copy is; Failed as soon as one is, naming the clusters; then final."""
    if ended({"status": previous}):
        return previous
    lives = {name: copy.live for name, copy in copies.items() if copy.live and copy.live["status"]}
    if not lives:
        return None
    failed = sorted(name for name, live in lives.items() if _is(live, "Failed"))
    complete = len(lives) == len(copies) and all(_is(live, "Complete") for live in lives.values())
    status = _counted(lives.values(), previous, ended=bool(failed) or complete)
    told: Sequence[Told]
    if failed:
        reason = find(lives[failed[0]], "Failed").get("reason", "PodFailed")
        told = _twice("FailureTarget", "Failed", reason, f"failed in {names(failed)}")
        status.setdefault("startTime", now)
    elif complete:
        told = _twice("SuccessCriteriaMet", "Complete", "CompletionsReached", "complete in every cluster")
        times = [
            live["status"]["completionTime"] for live in lives.values() if "completionTime" in live["status"]
        ]
        status["completionTime"] = max([*times, status.setdefault("startTime", now)])
    else:
        told = _running(copies)
    if said := conditions(without(previous, {"Progressing"}, told), told, now=now):
        status["conditions"] = said
    return status


def _running(copies: Copies) -> Sequence[Told]:
    """Name the clusters that may have gone on without being heard, if there are any."""
    about_unheard = unheard(copies)
    return [Told("Progressing", "Unknown", "ClusterUnreachable", about_unheard)] if about_unheard else []


def _counted(lives: Iterable[Manifest], previous: Manifest, *, ended: bool) -> Manifest:
    """Sum the counts; those of what has ended never fall, and nothing runs in a Job that has ended."""
    ours = (*_RUNNING, *_ENDED, "conditions")
    status = {field: value for field, value in previous.items() if field not in ours}
    states = [live["status"] for live in lives]
    for field in (*_RUNNING, *_ENDED):
        total = sum(state.get(field, 0) for state in states)
        total = max(total, previous.get(field, 0)) if field in _ENDED else total
        if total and not (ended and field in _RUNNING):
            status[field] = total
    starts = [state["startTime"] for state in states if "startTime" in state]
    if starts:
        status.setdefault("startTime", min(starts))
    return status


def _twice(target: str, end: str, reason: str, message: str) -> tuple[Told, Told]:
    return Told(target, "True", reason, message), Told(end, "True", reason, message)


def _is(projected: Manifest, kind: str) -> bool:
    return find(projected, kind).get("status") == "True"
