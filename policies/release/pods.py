"""Which pods of a new revision failed, and why: judged from the pods themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from policies.api.meta import Manifest
from policies.api.rollout_policy import PodFailure


class Symptom(NamedTuple):
    """What is wrong with a pod."""

    pod: str
    reason: str
    lasting: bool
    """It needs no second look: the time for becoming ready is over, or restarts were counted."""


def symptoms(pods: Iterable[Manifest], rules: PodFailure, now: datetime) -> list[Symptom]:
    """Return what is wrong with pods, each at most once; a pod that is ready or leaves is well."""
    found = (_symptom(pod, rules, now) for pod in pods if not _is_well(pod))
    return sorted(symptom for symptom in found if symptom is not None)


def is_ready(pod: Manifest) -> bool:
    """Return whether a pod is ready and stays."""
    conditions = pod.get("status", {}).get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def _is_well(pod: Manifest) -> bool:
    return is_ready(pod) or "deletionTimestamp" in pod["metadata"]


def _symptom(pod: Manifest, rules: PodFailure, now: datetime) -> Symptom | None:
    name = pod["metadata"]["name"]
    statuses = list(_containers(pod))
    for status in statuses:
        if status.get("restartCount", 0) >= rules.restarts:
            return Symptom(name, _waits_for(status) or f"{status['restartCount']} restarts", True)
    for status in statuses:
        if (reason := _waits_for(status)) in rules.reasons:
            return Symptom(name, reason, False)
    created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    if (now - created).total_seconds() > rules.ready_timeout_seconds:
        return Symptom(name, f"not ready for {rules.ready_timeout_seconds} s", True)
    return None


def _containers(pod: Manifest) -> Iterator[Manifest]:
    status = pod.get("status", {})
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _waits_for(status: Manifest) -> str:
    reason: str = (status.get("state") or {}).get("waiting", {}).get("reason", "")
    return reason
