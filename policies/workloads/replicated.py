"""Replicated: what Deployment, StatefulSet, DaemonSet and ReplicaSet share.

They count pods, and their controllers tell in `status.observedGeneration` what the counts speak of. The
rolled-up status keeps that promise for the whole federation: `observedGeneration` moves once every target
cluster holds the present manifest and its controller has seen it, so that `kubectl rollout status` waits for
all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from policies.api.meta import Manifest
from policies.workloads.conditions import Told, conditions, names, unheard
from policies.workloads.workload import Copies, Copy, Health

REVISIONS = ("currentRevision", "updateRevision")
"""Where the status of some kinds says which template its pods come from, and which they go to."""


class Counters(NamedTuple):
    """The names of a kind's counters of pods."""

    updated: Sequence[str]
    """Those of the present revision: of a stale copy they would be the wrong revision's, and do not count."""
    always: Sequence[str]
    """Those the API shows also when they are zero."""
    others: Sequence[str]


class Judgment(NamedTuple):
    """How a kind reads one copy."""

    health: Callable[[Manifest], Health]
    available: Callable[[Manifest], bool]
    """Enough replicas serve."""
    stuck: Callable[[Manifest], bool]
    """The kind's controller gave up on its rollout."""


def replicas(manifest: Manifest) -> int | None:
    """Return `spec.replicas`, which the API server sets to 1 when it is left out."""
    wanted: int | None = manifest["spec"].get("replicas")
    return 1 if wanted is None else wanted


def with_replicas(manifest: Manifest, replicas: int) -> Manifest:
    return manifest | {"spec": manifest["spec"] | {"replicas": replicas}}


def project(live: Manifest, *, spec: Sequence[str], status: Sequence[str]) -> Manifest:
    """Keep the generation and the named fields; of conditions their state without times and messages."""
    held = live.get("status") or {}
    projected = {field: held[field] for field in ("observedGeneration", *status) if held.get(field)}
    if held.get("conditions"):
        said = ("type", "status", "reason")
        projected["conditions"] = [
            {field: condition[field] for field in said if field in condition}
            for condition in held["conditions"]
        ]
    return {
        "generation": live["metadata"].get("generation", 0),
        "spec": {field: live["spec"][field] for field in spec if field in live["spec"]},
        "status": projected,
    }


def reported(projected: Manifest) -> bool:
    return bool(projected["status"])


def observed(projected: Manifest) -> bool:
    """Whether the kind's controller has seen the object as it is."""
    seen: int = projected["status"].get("observedGeneration", 0)
    return seen > 0 and seen >= projected["generation"]


def wanted(projected: Manifest) -> int:
    """Return the replicas a copy asks for."""
    value: int = projected["spec"].get("replicas", 1)
    return value


def count(projected: Manifest, field: str) -> int:
    value: int = projected["status"].get(field, 0)
    return value


def roll_up(
    copies: Copies,
    counters: Counters,
    judgment: Judgment,
    *,
    generation: int,
    previous: Manifest,
    now: str,
    update_time: bool = False,
) -> Manifest | None:
    """Sum the counters and tell Available and Progressing; see Workload.roll_up."""
    told_before = previous.get("observedGeneration") or previous.get("conditions")
    if not told_before and not any(copy.live and reported(copy.live) for copy in copies.values()):
        return None
    totals = _totals(copies, counters)
    totals |= observed_generation(copies, generation, previous)
    told = (_available(copies, judgment), _progressing(copies, judgment))
    ours = {"observedGeneration", *counters.updated, *counters.always, *counters.others, "conditions"}
    return {
        **{field: value for field, value in previous.items() if field not in ours},
        **totals,
        "conditions": conditions(previous, told, now=now, update_time=update_time),
    }


def observed_generation(copies: Copies, generation: int, previous: Manifest) -> Manifest:
    """Return the field of that name: it moves once every target cluster has the present generation and its
    controller has seen it.
    """
    moved = copies and all(settled(copy) for copy in copies.values())
    seen = generation if moved else previous.get("observedGeneration")
    return {"observedGeneration": seen} if seen else {}


def settled(copy: Copy) -> bool:
    """Whether a cluster holds the present manifest and its controller has seen it."""
    return copy.current and copy.live is not None and observed(copy.live)


def revisions(copies: Copies) -> Manifest:
    """Return the revisions of a cluster that still updates, if there is one: `kubectl rollout` waits on
    them.
    """
    lives = [copy.live for _, copy in sorted(copies.items()) if copy.live and reported(copy.live)]
    if not lives:
        return {}
    shown = next((live for live in lives if _updating(live)), lives[0])["status"]
    return {field: shown[field] for field in REVISIONS if field in shown}


def _updating(projected: Manifest) -> bool:
    current, update = (projected["status"].get(field) for field in REVISIONS)
    return bool(current != update)


def _totals(copies: Copies, counters: Counters) -> Manifest:
    totals = dict.fromkeys((*counters.always, *counters.others, *counters.updated), 0)
    for copy in copies.values():
        if copy.live is None:
            continue
        for field in totals:
            if field not in counters.updated or settled(copy):
                totals[field] += count(copy.live, field)
    return {field: total for field, total in totals.items() if total or field in counters.always}


def _available(copies: Copies, judgment: Judgment) -> Told:
    lacking = [
        name for name, copy in copies.items() if copy.live is None or not judgment.available(copy.live)
    ]
    about_unheard = unheard(copies)
    short = [name for name in lacking if copies[name].reachable]
    if short or not copies:
        where = f"too few replicas are available in {names(short)}" if short else "no cluster is a target"
        message = "; ".join(filter(None, (where, about_unheard)))
        return Told("Available", "False", "MinimumReplicasUnavailable", message)
    if about_unheard:
        return Told("Available", "Unknown", "ClusterUnreachable", about_unheard)
    return Told(
        "Available", "True", "MinimumReplicasAvailable", "enough replicas are available in every cluster"
    )


def _progressing(copies: Copies, judgment: Judgment) -> Told:
    stuck = [
        name for name, copy in copies.items() if settled(copy) and copy.live and judgment.stuck(copy.live)
    ]
    if stuck:
        message = f"the rollout makes no progress in {names(stuck)}; look at the pods there"
        return Told("Progressing", "False", "ProgressDeadlineExceeded", message)
    behind = [
        name
        for name, copy in copies.items()
        if not (settled(copy) and copy.live and judgment.health(copy.live) == "Healthy")
    ]
    if behind:
        return Told("Progressing", "True", "ReplicaSetUpdated", f"waiting for {names(behind)}")
    return Told("Progressing", "True", "NewReplicaSetAvailable", "every cluster runs the present revision")
